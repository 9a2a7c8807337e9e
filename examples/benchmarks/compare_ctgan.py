"""CTGAN at its defaults beside the samplers of compare.py, on some small sets of ../shared/data.

    python examples/benchmarks/compare_ctgan.py --write

CTGAN runs in an environment of its own (speed.py makes it), as it asks for pandas below 3 and is under the Business
Source License. It learns the whole training fold with the label as a discrete column and is then asked, by its own
conditional sampling, for rows of each class that is short of them; of what it returns, rows of another label are
dropped and asked for again. Folds, classifiers and stored cells are those of compare.py. Small sets, because
its time grows with the rows: about a minute for each thousand.
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
PAGE = ROOT / "docs" / "comparison_ctgan.md"
ROUNDS = 8


def child(folder):
    """In CTGAN's environment: fit, sample, write."""
    import torch
    from ctgan import CTGAN

    folder = Path(folder)
    rows, order = (
        pd.read_csv(folder / "rows.csv", keep_default_na=False),
        json.loads((folder / "order.json").read_text()),
    )
    np.random.seed(order["seed"])  # noqa: NPY002  the only way to seed it
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
    pd.concat(parts).to_csv(folder / "new.csv", index=False)


def ctgan_sampler(python):
    """CTGAN as an oversampler, run by that Python."""
    from imblearn.utils import check_sampling_strategy
    from sklearn.base import BaseEstimator

    class CTGANSampler(BaseEstimator):
        """Fit on the whole table, sample of each class what it lacks."""

        def __init__(self, random_state=None):
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
                command = [python, Path(__file__).resolve(), "--child", folder]
                done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
                if done.returncode:
                    raise RuntimeError(f"CTGAN failed: {done.stderr.strip().splitlines()[-1:]}")
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

    CTGANSampler.__module__ = "compare_ctgan"  # the cache's name for it must not depend on who imports this file
    return CTGANSampler()


def main(arguments=None):
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", metavar="NAME", default=SETS, help="of ../shared/data")
    parser.add_argument("--rows", type=int, default=3_000, help="most rows of a set; as in compare.py (default: 3000)")
    parser.add_argument("--repeats", type=int, default=2, help="of the 3 folds (default: 2)")
    parser.add_argument("--cache", default=OUT / "compare", help="folder of the finished cells (default: out/compare)")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        child(options.child)
        return 0
    from compare import OURS, classifiers, load, named, rank_table
    from speed import ctgan_python

    from ganaug.experiments import METRICS, compare, default_oversamplers, to_markdown

    samplers = default_oversamplers() | {"CTGAN": ctgan_sampler(ctgan_python())}
    found = compare(
        {name: functools.partial(load, name, options.rows) for name in options.sets},
        samplers,
        classifiers(),
        metrics=[name for name in METRICS if not name.endswith("_tuned")],
        n_repeats=options.repeats,
        train_on=["both", "synthetic"],
        cache=options.cache,
    )
    both = found.select(train_on="both")
    print(rank_table(both))
    if options.write:
        lines = {}
        for metric in both.metrics:
            line = both.wilcoxon(metric, "CTGAN").loc[OURS]
            lines[metric] = {"difference": line["difference"], "p_holm": line["p_holm"]}
        failures = found.failures.groupby("oversampler").size()
        parts = [
            "# Beside CTGAN",
            f"The samplers of [comparison.md](comparison.md) and CTGAN at its defaults on {len(options.sets)} small "
            f"public tables: {', '.join(options.sets)}. 3 folds x "
            f"{options.repeats} repeats; five classifiers. How CTGAN is run stands in the script.",
            f"```bash\n{shlex.join(['python', 'examples/benchmarks/compare_ctgan.py', *(arguments or sys.argv[1:])])}"
            "\n```",
            f"{datetime.date.today().isoformat()}, {machine()}.",
            "## Real and new rows",
            rank_table(both),
            f"{OURS} minus CTGAN, over cells:",
            to_markdown(named(pd.DataFrame(lines).T), 4),
            "## New rows alone",
            rank_table(found.select(train_on="synthetic")),
            f"Failed rows: {failures.to_dict() or 'none'}.",
        ]
        PAGE.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
        print(f"Wrote {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
