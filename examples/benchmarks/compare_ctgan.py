"""Other generators at their defaults beside the samplers of compare.py, on some small sets of ../shared/data.

    python examples/benchmarks/compare_ctgan.py --write
    python examples/benchmarks/compare_ctgan.py --peers ARF ForestDiffusion --python out/forests/bin/python \
        --repeats 1 --write

CTGAN runs in an environment of its own (speed.py makes it), as it asks for pandas below 3 and is under the Business
Source License. It learns the whole training fold with the label as a discrete column and is then asked, by its own
conditional sampling, for rows of each class that is short of them; of what it returns, rows of another label are
dropped and asked for again. Folds, classifiers and stored cells are those of compare.py. Small sets, because
its time grows with the rows: about a minute for each thousand.

Adversarial random forests (Watson et al. 2023, arfpy) and ForestDiffusion (Jolicoeur-Martineau et al. 2024, its flow
matching) learn each class that is short of rows by itself; the second boosts trees for each of 50 times and each
column, on 100 noisy copies of each row. They run in an environment with
``pip install arfpy ForestDiffusion "pandas<3" "numpy<2.4"``.
"""

from __future__ import annotations

import argparse
import datetime
import functools
import json
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from common import OUT, ROOT, machine

SETS = [
    "ecoli",
    "glass",
    "haberman",
    "hepatitis",
    "horse_colic",
    "ionosphere",
    "vowel0",
    "yeast_me2",
    "german_credit",
    "oil",
]
PAGE, PAGE_FORESTS = ROOT / "docs" / "comparison_ctgan.md", ROOT / "docs" / "comparison_forests.md"
ROUNDS = 8


def child(name, folder):
    """In the other generator's environment: fit, sample, write."""
    folder = Path(folder)
    rows, order = (
        pd.read_csv(folder / "rows.csv", keep_default_na=False),
        json.loads((folder / "order.json").read_text()),
    )
    np.random.seed(order["seed"])  # noqa: NPY002  the only way to seed them
    pd.concat(PEERS[name](rows, order)).to_csv(folder / "new.csv", index=False)


def ctgan(rows, order):
    """Rows for each class, by its own conditional sampling."""
    import torch
    from ctgan import CTGAN

    torch.manual_seed(order["seed"])
    model = CTGAN()
    model.fit(rows, order["discrete"])
    parts = []
    for label, n in order["wanted"].items():
        label = int(label)
        found, asked = [], 0
        for _ in range(ROUNDS):
            missing = n - sum(map(len, found))
            if missing <= 0:
                break
            made = model.sample(2 * missing + 50, condition_column="__label__", condition_value=label)
            asked += len(made)
            found.append(made[made["__label__"] == label])
        # what is missing still is taken as asked for, whatever its label column says
        missing = n - sum(map(len, found))
        if missing > 0:
            found.append(model.sample(missing, condition_column="__label__", condition_value=label))
        parts.append(pd.concat(found).head(n).assign(__label__=label))
    return parts


def by_class(rows, order):
    """Class, its rows without the label, and how many more are wanted."""
    rows = rows.astype({name: str for name in order["discrete"] if name != "__label__"})
    for label, n in order["wanted"].items():
        yield int(label), rows[rows["__label__"] == int(label)].drop(columns="__label__").reset_index(drop=True), n


def arf(rows, order):
    """Adversarial random forests, at their defaults, one for each class."""
    from arfpy import arf as forests

    parts = []
    for label, own, n in by_class(rows, order):
        varied = [name for name in own if own[name].nunique() > 1]  # it fails on others
        numbers = own[varied].select_dtypes("number").columns
        model = forests.arf(x=own[varied].astype(dict.fromkeys(numbers, float)), random_state=order["seed"])
        model.forde()
        made = model.forge(n=n).reindex(columns=own.columns)
        for name in set(own) - set(varied):
            made[name] = own[name].iloc[0]
        parts.append(made.assign(__label__=label))
    return parts


def forest_diffusion(rows, order):
    """ForestDiffusion's flow matching, at its defaults, one for each class; states are numbered, as it asks for."""
    from ForestDiffusion import ForestDiffusionModel

    parts = []
    for label, own, n in by_class(rows, order):
        codes = {name: pd.factorize(own[name]) for name in order["discrete"] if name in own}
        matrix = own.assign(**{name: code for name, (code, _) in codes.items()}).to_numpy(float)
        place = {name: own.columns.get_loc(name) for name in codes}
        two = [place[name] for name, (_, levels) in codes.items() if len(levels) == 2]
        more = [place[name] for name, (_, levels) in codes.items() if len(levels) > 2]
        model = ForestDiffusionModel(
            matrix, bin_indexes=two, cat_indexes=more, int_indexes=[], n_jobs=1, seed=order["seed"]
        )
        made = pd.DataFrame(np.asarray(model.generate(batch_size=n), float), columns=own.columns)
        for name, (_, levels) in codes.items():
            made[name] = levels.take(made[name].round().clip(0, len(levels) - 1).astype(int))
        parts.append(made.assign(__label__=label))
    return parts


SLOW = {"ForestDiffusion"}  # a minute or more for each class of some thirty rows: on the smallest alone
SMALLEST = ["ecoli", "glass", "haberman", "yeast_me2"]
PEERS = {"CTGAN": ctgan, "ARF": arf, "ForestDiffusion": forest_diffusion}


def peer_sampler(peer, python):
    """Another generator as an oversampler, run by that Python."""
    from imblearn.utils import check_sampling_strategy
    from sklearn.base import BaseEstimator

    class PeerSampler(BaseEstimator):
        """Hand over the whole table, take of each class what it lacks."""

        def __init__(self, peer=peer, random_state=None):
            self.peer = peer
            self.random_state = random_state

        def fit_resample(self, X, y):
            labels, codes = np.unique(y, return_inverse=True)
            wanted = check_sampling_strategy("auto", codes, "over-sampling")
            numbers = X.select_dtypes("number").columns
            rows = X.copy()
            rows[numbers] = rows[numbers].astype(float).fillna(rows[numbers].astype(float).median()).fillna(0.0)
            texts = [column for column in X if column not in set(numbers)]
            for column in texts:
                rows[column] = rows[column].astype(object).where(rows[column].notna(), "missing").astype(str)
            rows.columns = [f"c{i}" for i in range(X.shape[1])]
            order = {
                "seed": int(self.random_state),
                "wanted": {int(code): int(n) for code, n in wanted.items() if n > 0},
                "discrete": [f"c{X.columns.get_loc(column)}" for column in texts] + ["__label__"],
            }
            with tempfile.TemporaryDirectory() as folder:
                rows.assign(__label__=codes).to_csv(Path(folder) / "rows.csv", index=False)
                (Path(folder) / "order.json").write_text(json.dumps(order))
                command = [python, Path(__file__).resolve(), "--child", peer, folder]
                done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
                if done.returncode:
                    raise RuntimeError(f"{peer} failed: {done.stderr.strip().splitlines()[-1:]}")
                new = pd.read_csv(Path(folder) / "new.csv", keep_default_na=False)
            codes_new = new.pop("__label__").to_numpy()
            new.columns = X.columns
            for column, dtype in X.dtypes.items():
                if isinstance(dtype, pd.CategoricalDtype):
                    text = {str(level): level for level in dtype.categories}
                    new[column] = pd.Categorical([text.get(str(v)) for v in new[column]], dtype=dtype)
                elif pd.api.types.is_integer_dtype(dtype):
                    new[column] = new[column].astype(float).round().astype(dtype)
                else:
                    new[column] = new[column].astype(dtype)
            return pd.concat([X, new], ignore_index=True), np.concatenate([np.asarray(y), labels[codes_new]])

    PeerSampler.__module__ = "compare_ctgan"  # the cache's name for it must not depend on who imports this file
    return PeerSampler()


def main(arguments=None):
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", metavar="NAME", default=SETS, help="of ../shared/data")
    parser.add_argument("--rows", type=int, default=3_000, help="most rows of a set; as in compare.py (default: 3000)")
    parser.add_argument("--repeats", type=int, default=2, help="of the 3 folds (default: 2)")
    parser.add_argument("--peers", nargs="+", choices=list(PEERS), default=["CTGAN"], help="default: CTGAN")
    parser.add_argument("--python", help="of their environment (default: CTGAN's, made by speed.py)")
    parser.add_argument("--cache", default=OUT / "compare", help="folder of the finished cells (default: out/compare)")
    parser.add_argument("--write", action="store_true", help="write docs/comparison_ctgan.md or _forests.md")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        child(*options.child)
        return 0
    from compare import OURS, classifiers, load, named, rank_table
    from speed import ctgan_python

    from ganaug.experiments import METRICS, compare, default_oversamplers, to_markdown

    python = options.python or ctgan_python()
    quick = [peer for peer in options.peers if peer not in SLOW]
    groups = {tuple(options.sets): quick} if quick else {}
    if len(quick) < len(options.peers):
        groups[tuple(name for name in options.sets if name in SMALLEST)] = options.peers
    title = " and ".join(options.peers)
    parts = [
        f"# Beside {title}",
        f"The samplers of [comparison.md](comparison.md) and {title} with default settings on small public tables. 3 "
        f"folds x {options.repeats} repeat{'s' * (options.repeats > 1)}; five classifiers. How they run stands in the "
        "script.",
        f"```bash\n{shlex.join(['python', 'examples/benchmarks/compare_ctgan.py', *(arguments or sys.argv[1:])])}\n```",
        f"{datetime.date.today().isoformat()}, {machine()}.",
    ]
    for sets, peers in groups.items():
        found = compare(
            {name: functools.partial(load, name, options.rows) for name in sets},
            default_oversamplers() | {peer: peer_sampler(peer, python) for peer in peers},
            classifiers(),
            metrics=[name for name in METRICS if not name.endswith("_tuned")],
            n_repeats=options.repeats,
            train_on=["both", "synthetic"],
            cache=options.cache,
        )
        both = found.select(train_on="both")
        print(rank_table(both))
        parts += [f"## Real and new rows, {len(sets)} sets", f"{', '.join(sets)}.", rank_table(both)]
        for peer in peers:
            table = {metric: both.wilcoxon(metric, peer).loc[OURS, ["difference", "p_holm"]] for metric in both.metrics}
            parts += [f"{OURS} minus {peer}, over cells:", to_markdown(named(pd.DataFrame(table).T), 4)]
        failures = found.failures.groupby("oversampler").size()
        parts += [f"### New rows alone, {len(sets)} sets", rank_table(found.select(train_on="synthetic"))]
        parts.append(f"Failed rows: {failures.to_dict() or 'none'}.")
    if options.write:
        page = PAGE if options.peers == ["CTGAN"] else PAGE_FORESTS
        page.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
        print(f"Wrote {page}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
