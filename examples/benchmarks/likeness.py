"""Whether synthetic rows of a class look like the class: column by column, beside real rows that were held out.

    python examples/benchmarks/likeness.py --write

Of each set, the smallest class that has enough rows is halved at random. A default `TabularGAN` and a default
`GANOversampler` (`curate="auto"`) are fitted to one half and the rows of all other classes. As many rows of the class
as that half has are drawn five times, and each column is compared with the other half: Kolmogorov-Smirnov distance of
numbers, total variation of categories, a missing value counting as a value of its own. What remains after the distance
between the two halves is subtracted is the *distance beyond chance*. A *state* is a value (or missing) that at least
5 % of both halves have; it is *rare* where it comes less than half as often as in the class, that is, both halves
together: of a hundred rows, one half alone may have half as many of a state as the other.

Results are kept in out/likeness.jsonl and reused while ganaug's code is the same; `--sets` measures only some.
"""

from __future__ import annotations

import argparse
import datetime
import json
import shlex
import sys
import time
import warnings

import numpy as np
import pandas as pd
from common import OUT, ROOT, code, machine, versions

from ganaug import GANOversampler, TabularGAN
from ganaug.exceptions import GanaugWarning
from ganaug.utils.determinism import numpy_generator

PAGE = ROOT / "docs" / "likeness.md"
START, END = "<!-- likeness -->", "<!-- end of likeness -->"
SHARED = ROOT.parent / "shared" / "data"
DONE = OUT / "likeness.jsonl"
SETS = [
    *("abalone", "adult", "ann_thyroid", "census_income_kdd", "coil_2000", "cover", "creditcard_fraud"),
    *("german_credit", "letter_img", "mammography", "nsl_kdd", "online_shoppers", "page_blocks", "phoneme"),
    *("satimage", "sick_euthyroid", "spambase", "telco_churn", "thyroid_sick", "wine_quality"),
]
LEAST_ROWS, MOST_ROWS, MOST_OTHERS = 150, 2000, 4000
DRAWS, FAR, STATE = 5, 0.08, 0.05
TARGETS = {"mean": 0.02, "far": 0.10}
WAYS = {"TabularGAN.sample": "gan", 'GANOversampler, curate="auto"': "oversampler"}


# ---- Distances -------------------------------------------------------------------------------------


def keys(column):
    """What values are compared by: numbers as they are (missing comes first), all others as text."""
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return column.astype("float64").fillna(-np.inf).to_numpy()
    return column.astype(object).where(column.notna(), "missing").astype(str).to_numpy()


def shares(values, levels):
    """Share of each level."""
    at = np.searchsorted(levels, values).clip(0, len(levels) - 1)
    return np.bincount(at[levels[at] == values], minlength=len(levels)) / len(values)


def distance(one, other):
    """Kolmogorov-Smirnov distance of numbers, total variation of text."""
    levels = np.unique(np.concatenate([one, other]))
    difference = shares(one, levels) - shares(other, levels)
    if one.dtype.kind == "f":
        return float(np.abs(np.cumsum(difference)).max())
    return float(np.abs(difference).sum() / 2)


def compare(train, held, drawn):
    """Of each column: the distance beyond chance, how many states there are, and which of them are rare."""
    found = []
    for name in train.columns:
        real, other = keys(train[name]), keys(held[name])
        made = [keys(rows[name]) for rows in drawn]
        beyond = float(np.mean([distance(rows, other) for rows in made])) - distance(real, other)
        levels = np.unique(np.concatenate([real, other]))
        of_class, of_made = shares(np.concatenate([real, other]), levels), shares(np.concatenate(made), levels)
        states = (shares(other, levels) >= STATE) & (shares(real, levels) >= STATE)
        rare = states & (of_made < of_class / 2)
        told = [[str(levels[k]), float(of_class[k]), float(of_made[k])] for k in np.flatnonzero(rare)]
        found.append({"column": str(name), "beyond": beyond, "states": int(states.sum()), "rare": told})
    return found


# ---- Sets ------------------------------------------------------------------------------------------


def halves(name, seed=0):
    """Training rows, their labels, the class, and the rows of it that were held out."""
    sys.path.insert(0, str(SHARED))
    import load

    X, y = load.load_tabular(name)
    X, y = X.reset_index(drop=True), np.asarray(y)
    labels, counts = np.unique(y, return_counts=True)
    enough = counts >= LEAST_ROWS
    label = labels[enough][counts[enough].argmin()]
    rng = numpy_generator(seed, "halves")
    own = rng.permutation(np.flatnonzero(y == label))[:MOST_ROWS]
    others = rng.permutation(np.flatnonzero(y != label))[:MOST_OTHERS]
    known, held = own[: len(own) // 2], own[len(own) // 2 :]
    rows = np.sort(np.concatenate([known, others]))
    return X.iloc[rows].reset_index(drop=True), y[rows], label, X.iloc[held].reset_index(drop=True)


def measure(name, seed=0):
    """One set: both ways, and how long they took."""
    X, y, label, held = halves(name, seed)
    train = X[y == label]
    result = {"name": name, "code": code(), "class": str(label), "rows": len(train), "columns": X.shape[1]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GanaugWarning)  # of the data, which the page is not about
        for way, maker in (("gan", TabularGAN), ("oversampler", GANOversampler)):
            begun = time.process_time()
            generator = maker(random_state=seed, verbose=False).fit(X, y)
            drawn = [
                generator.sample(len(train), label=label, random_state=draw)[0].reset_index(drop=True)
                for draw in range(DRAWS)
            ]
            result[way] = {"columns": compare(train, held, drawn), "seconds": time.process_time() - begun}
    return result


# ---- The page --------------------------------------------------------------------------------------


def summary(results, way):
    """Over all sets: the mean of the sets' means, the share of columns that are far, and the rare states."""
    each = [[column["beyond"] for column in one[way]["columns"]] for one in results]
    far = [np.mean(np.array(values) > FAR) for values in each]
    rare = sum(len(column["rare"]) for one in results for column in one[way]["columns"])
    states = sum(column["states"] for one in results for column in one[way]["columns"])
    return {"mean": float(np.mean([np.mean(values) for values in each])), "far": float(np.mean(far)), "rare": rare} | {
        "states": states,
        "pooled": float(np.mean(np.concatenate(each) > FAR)),
    }


def markdown(results, command):
    said = {way: summary(results, key) for way, key in WAYS.items()}
    own = said["TabularGAN.sample"]
    met = own["mean"] <= TARGETS["mean"] and own["far"] <= TARGETS["far"]
    lines = [
        f"Wanted of `TabularGAN.sample`: a mean of at most {TARGETS['mean']}, at most {TARGETS['far']:.0%} of the "
        f"columns beyond {FAR}, and no state that comes less than half as often. "
        f"{'Both distances are reached' if met else 'Not all of it is reached'}; rare states: {own['rare']}.",
        "",
        f"| rows of | mean distance beyond chance | columns beyond {FAR} | of all columns together | rare states |",
        "|---|---|---|---|---|",
    ]
    for way, one in said.items():
        rare = f"{one['rare']} of {one['states']}"
        lines.append(f"| `{way}` | {one['mean']:.3f} | {one['far']:.1%} | {one['pooled']:.1%} | {rare} |")
    lines += [
        "",
        "Means over sets, each set counting once. By set, `TabularGAN.sample` first and `GANOversampler` second:",
        "",
        f"| set | class | rows | columns | mean | columns beyond {FAR} | rare states | seconds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in results:
        each = [summary([one], key) for key in WAYS.values()]
        cells = [
            " / ".join(f"{s['mean']:.3f}" for s in each),
            " / ".join(f"{s['far']:.0%}" for s in each),
            " / ".join(str(s["rare"]) for s in each),
            " / ".join(f"{one[key]['seconds']:.0f}" for key in WAYS.values()),
        ]
        lines.append(f"| {one['name']} | {one['class']} | {one['rows']} | {one['columns']} | {' | '.join(cells)} |")
    rare = [
        f"- {one['name']}, `{column['column']}` = {value}: {own:.1%} of the class, {made:.1%} of the synthetic rows"
        for one in results
        for column in one["gan"]["columns"]
        for value, own, made in column["rare"]
    ]
    if rare:
        lines += ["", "States that come less than half as often from `TabularGAN.sample`:", "", *rare]
    today = datetime.datetime.now(datetime.UTC).date()
    tools = versions("numpy", "pandas", "torch")
    return "\n".join([*lines, "", "```bash", command, "```", "", f"{today}, {machine()}, {tools}.", ""])


def kept(own):
    """Results of this very code, by set."""
    if not DONE.exists():
        return {}
    lines = [json.loads(line) for line in DONE.read_text(encoding="utf-8").splitlines()]
    return {line["name"]: line for line in lines if line["code"] == own}


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=SETS, help="only these")
    parser.add_argument("--again", action="store_true", help="measure sets again that were measured with this code")
    parser.add_argument("--write", action="store_true", help=f"write the tables into {PAGE.relative_to(ROOT)}")
    args = parser.parse_args(argv)
    done = {} if args.again else kept(code())
    results = []
    for name in args.sets:
        if name not in done:
            done[name] = measure(name)
            DONE.parent.mkdir(exist_ok=True)
            with DONE.open("a", encoding="utf-8") as file:
                file.write(json.dumps(done[name]) + "\n")
        results.append(done[name])
        each = (summary([done[name]], key) for key in WAYS.values())
        said = "; ".join(f"{one['mean']:.3f}, {one['far']:.0%} far, {one['rare']} rare" for one in each)
        print(f"{name}: {said}", file=sys.stderr, flush=True)
    made = markdown(results, shlex.join(["python", "examples/benchmarks/likeness.py", *(argv or sys.argv[1:])]))
    if args.write:
        before, rest = PAGE.read_text(encoding="utf-8").split(START)
        PAGE.write_text(f"{before}{START}\n\n{made}\n{END}{rest.split(END)[1]}", encoding="utf-8")
    else:
        print(made)


if __name__ == "__main__":
    main()
