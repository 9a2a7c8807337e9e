"""Which rules real tables keep, how sure they are, what finding them costs, and what chance makes.

    python examples/benchmarks/rules.py --write

Every set of ../shared/data is searched by `ganaug.find_rules` with its defaults, labels left aside, and rewritten by
what was found. *Broken by any mixture* takes 2,000 rows whose rewritten columns come from different rows, and asks them
for the rules that are said to be rewritten: a generator that has learnt nothing could do no worse. The controls have no
rules of their own: columns shuffled one by one, the whole table and 60 of its rows; and tables drawn from a Gaussian
copula with the marginals and rank correlations of the real one (numeric columns, at most 5,000 rows).
"""

from __future__ import annotations

import argparse
import datetime
import shlex
import sys
import time

import numpy as np
import pandas as pd
from common import ROOT, machine, versions
from scipy.special import ndtr, ndtri
from scipy.stats import rankdata

from ganaug import find_rules
from ganaug.rules import Rewriter

PAGE = ROOT / "docs" / "rules.md"
START, END = "<!-- rules -->", "<!-- end of rules -->"
SHARED = ROOT.parent / "shared" / "data"
MIXED_ROWS, TWIN_ROWS, CUT_ROWS = 2000, 5000, 60
SHOWN = 12


def tables():
    sys.path.insert(0, str(SHARED))
    import load

    for name in load.list_sets("tabular"):
        yield name, load.load_tabular(name)[0]


def mixed(frame, rng, n=MIXED_ROWS):
    """Rows whose columns come from different rows."""
    return pd.DataFrame({name: frame[name].take(rng.integers(0, len(frame), n)).array for name in frame.columns})


def shuffled(frame, rng):
    return pd.DataFrame({name: frame[name].take(rng.permutation(len(frame))).array for name in frame.columns})


def twin(frame, rng):
    """A Gaussian copula with the columns' own values and rank correlations; None without two numeric columns."""
    frame = frame.select_dtypes("number")
    frame = frame.loc[:, frame.nunique() > 1].head(TWIN_ROWS)
    if frame.shape[1] < 2:
        return None
    frame = frame.fillna(frame.median())
    n = len(frame)
    scores = np.stack([ndtri(rankdata(frame[name]) / (n + 1)) for name in frame], axis=1)
    values, vectors = np.linalg.eigh(np.corrcoef(scores.T))
    drawn = rng.normal(size=(n, len(values))) @ (vectors * np.sqrt(np.maximum(values, 0))).T
    places = (ndtr(drawn / drawn.std(0)) * n).astype(int).clip(0, n - 1)
    return pd.DataFrame({name: np.sort(frame[name].to_numpy())[places[:, j]] for j, name in enumerate(frame)})


def examine(name, frame):
    """One set: its rules, how they are kept, what they cost, and what the controls have."""
    begun = time.process_time()
    found = find_rules(frame)
    cost = time.process_time() - begun
    rewriter = Rewriter().fit(frame, found)
    rewritten = rewriter.rewrite(frame)
    rng = np.random.default_rng(0)
    check = rewriter.rules_.check(rewriter.restore(mixed(rewritten, rng)))
    kept = check[[rule.kept == "rewritten" for rule in rewriter.rules_]]
    controls = [shuffled(frame, rng), shuffled(frame.sample(min(CUT_ROWS, len(frame)), random_state=0), rng)]
    copula = twin(frame, rng)
    chance = [len(find_rules(control)) for control in [*controls, *([] if copula is None else [copula])]]
    return {
        "name": name,
        "shape": frame.shape,
        "rules": rewriter.rules_,
        "skipped": found.skipped,
        "seconds": cost,
        "columns": rewritten.shape[1],
        "broken": float(kept["share"].max()) if len(kept) else 0.0,
        "shuffled": sum(chance[:2]),
        "twins": sum(chance[2:]),
    }


def markdown(results):
    with_rules = [one for one in results if len(one["rules"])]
    lines = [
        f"{len(with_rules)} of {len(results)} sets have a rule. Columns: before and after rewriting.",
        "",
        "| set | rows | columns | rules | rewritten | broken by any mixture | seconds |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in with_rules:
        n_kept = sum(rule.kept == "rewritten" for rule in one["rules"])
        columns = f"{one['shape'][1]} to {one['columns']}"
        broken = f"{one['broken']:.4f}" if n_kept else ""
        lines.append(
            f"| {one['name']} | {one['shape'][0]} | {columns} | {len(one['rules'])} | {n_kept} "
            f"| {broken} | {one['seconds']:.2f} |"
        )
    slow = max(results, key=lambda one: one["seconds"])
    n_shuffled, n_twins = (sum(one[key] for one in results) for key in ("shuffled", "twins"))
    lines += [
        "",
        f"Controls: {n_shuffled} rules in shuffled columns ({2 * len(results)} tables), {n_twins} in Gaussian copulas. "
        f"The longest search took {slow['seconds']:.1f} s ({slow['name']}).",
        "",
    ]
    for one in with_rules:
        lines += [f"**{one['name']}**", ""]
        for rule in one["rules"][:SHOWN]:
            exceptions = f", {rule.exceptions} break it" if rule.exceptions else ""
            lines.append(f"- `{rule}` ({rule.support} rows{exceptions}; {rule.kept})")
        if len(one["rules"]) > SHOWN:
            lines.append(f"- and {len(one['rules']) - SHOWN} more")
        if one["skipped"]:
            lines.append(f"- not looked for, for want of work: {', '.join(one['skipped'])}")
        lines.append("")
    command = shlex.join(["python", "examples/benchmarks/rules.py", *sys.argv[1:]])
    today = datetime.datetime.now(datetime.UTC).date()
    return "\n".join(
        [*lines, "```bash", command, "```", "", f"{today}, {machine()}, {versions('numpy', 'pandas')}.", ""]
    )


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", help="only these")
    parser.add_argument("--write", action="store_true", help=f"write the tables into {PAGE.relative_to(ROOT)}")
    args = parser.parse_args(argv)
    results = []
    for name, frame in tables():
        if args.sets is None or name in args.sets:
            results.append(examine(name, frame))
            print(
                f"{name}: {len(results[-1]['rules'])} rules, {results[-1]['seconds']:.2f} s",
                file=sys.stderr,
                flush=True,
            )
    made = markdown(results)
    if args.write:
        before, rest = PAGE.read_text(encoding="utf-8").split(START)
        PAGE.write_text(f"{before}{START}\n\n{made}\n{END}{rest.split(END)[1]}", encoding="utf-8")
    else:
        print(made)


if __name__ == "__main__":
    main()
