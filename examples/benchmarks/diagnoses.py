"""What the report says of generators of which it is known what is wrong with them, on real sets.

    python examples/benchmarks/diagnoses.py --write

Six cases on each set: unseen real rows; two rows per class over and over; training rows with a thousandth of their
spread as noise; columns shuffled one by one; uniform noise; a GAN of one step. Half of a set, at most 500 rows, is
what a generator was trained on, the other half is unseen. The thresholds of `ganaug.metrics.diagnose` were set on the
sets of MENDED_ON; the others were looked at once, when they were fixed. Needs the data sets in ../shared/data.
"""

from __future__ import annotations

import argparse
import datetime
import json
import shlex
import sys
import warnings
import zlib
from collections import Counter

import numpy as np
import pandas as pd
from common import OUT, ROOT, machine, versions

from ganaug import ImageGAN, SeriesGAN, TabularGAN
from ganaug.metrics import METRICS, diagnose, evaluate
from ganaug.report.build import MAX_ROWS, RESAMPLES

PAGE, CACHE = ROOT / "docs" / "diagnoses.md", OUT / "diagnoses.json"
START, END = "<!-- diagnoses -->", "<!-- end of diagnoses -->"
SHARED = ROOT.parent / "shared" / "data"
MOST, LEAST_OF_CLASS = 500, 4
# No verdict comes from these, which take most of the time.
ASIDE = {"two_sample_auc", "frechet_distance", "kernel_distance"}

MENDED_ON = """
abalone adult car_eval_34 cleveland_0_vs_4 coil_2000 ecoli_multi haberman hepatitis horse_colic ionosphere letter_img
mammography mushroom oil optical_digits ozone_level phoneme poker_8_9_vs_6 telco_churn thyroid_sick vowel0 wilt
winequality_red_4 yeast_ml8 yeast_multi
"""
HELD_OUT = """
ann_thyroid census_income_kdd cover creditcard_fraud glass led7digit_1 new_thyroid nsl_kdd online_shoppers page_blocks
reuters_corn satimage shuttle sick_euthyroid solar_flare_m0 spambase splice us_crime wine_quality
"""
IMAGES, SERIES = "usps cifar10 fashion_mnist pneumoniamnist", "ecg200 medical_images ecg5000 hapt"
GROUPS = {
    "tables on which the method was fixed": MENDED_ON.split(),
    "held-out tables": HELD_OUT.split(),
    "images, series on which it was fixed": [IMAGES.split()[0], *SERIES.split()[:2]],
    "held-out images": IMAGES.split()[1:],
    "held-out series": SERIES.split()[2:],
}


# ---- The sets: (X, y) that a generator was trained on, and (X, y) that it did not see ------------


def read(name):
    sys.path.insert(0, str(SHARED))
    import load

    if name in IMAGES.split():
        X, y, *_ = load.load_images(name)
    elif name in SERIES.split():
        X, y = load.load_series(name)
    else:
        X, y = load.load_tabular(name)
    return X, pd.Series(np.asarray(y))


def halves(name):
    X, y = read(name)
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    rows = rng.permutation(len(X))[: 2 * MOST]
    counts = y.iloc[rows].value_counts()
    rows = rows[y.iloc[rows].isin(counts.index[counts >= LEAST_OF_CLASS])]
    rows = rows[np.argsort(pd.factorize(y.iloc[rows])[0], kind="stable")]  # a row of each class here, the next there
    return [
        (take(X, part), y.iloc[part].reset_index(drop=True)) for part in map(rng.permutation, (rows[::2], rows[1::2]))
    ]


def take(X, rows):
    return X.iloc[rows].reset_index(drop=True) if hasattr(X, "iloc") else X[rows]


def by_column(X, change):
    """A table or array in which ``change`` was made of each column (of each pixel or point)."""
    if hasattr(X, "iloc"):
        return pd.DataFrame({name: change(X[name]) for name in X})
    flat = X.reshape(len(X), -1)
    changed = [np.asarray(change(pd.Series(column))) for column in flat.T]
    return np.column_stack(changed).astype(X.dtype).reshape(X.shape)


# ---- The cases: from both halves to (X, y) of a generator ----------------------------------------


def noisy(X, size, rng):
    def change(column):
        if not pd.api.types.is_numeric_dtype(column):
            return column
        return column.astype(float) + rng.normal(size=len(column)) * size * (column.std() or 1.0)

    if hasattr(X, "iloc"):
        return by_column(X, change)
    noise = rng.normal(size=X.shape) * size * X.std()
    limits = (0, 255) if X.dtype == np.uint8 else (X.min(), X.max())
    return np.clip(np.rint(X + noise) if X.dtype == np.uint8 else X + noise, *limits).astype(X.dtype)


def good(train, unseen, rng):
    return unseen


def collapsed(train, unseen, rng):
    X, y = unseen
    rows = np.concatenate([rng.choice(np.flatnonzero(y == label), 2) for label in y.unique()])
    rows = np.repeat(rows, -(-len(train[0]) // len(rows)))
    return noisy(take(X, rows), 0.01, rng), y.iloc[rows].reset_index(drop=True)


def copying(train, unseen, rng):
    return noisy(train[0], 0.001, rng), train[1]


def shuffled(train, unseen, rng):
    return by_column(train[0], lambda column: column.iloc[rng.permutation(len(column))].array), train[1]


def untrained(train, unseen, rng):
    def noise(column):
        values = column.dropna()
        if pd.api.types.is_numeric_dtype(column):
            return rng.uniform(values.min(), values.max(), len(column))
        return pd.Series(rng.choice(np.asarray(values.unique(), dtype=object), len(column))).astype(column.dtype)

    return by_column(train[0], noise), train[1]


def one_step(train, unseen, rng):
    X, y = train
    kind = TabularGAN if X.ndim == 2 else ImageGAN if X.dtype == np.uint8 else SeriesGAN
    gan = kind(max_steps=1, random_state=0, verbose=False)
    counts = y.value_counts()
    return gan.fit(X, y).sample({label: int(n) for label, n in counts.items()}, random_state=0)


CASES = {  # case -> (samples, verdicts that are right for tables, for images and series)
    "unseen real rows": (good, {"good"}, {"good"}),
    "collapsed": (collapsed, {"collapse"}, {"collapse"}),
    "copying": (copying, {"copying"}, {"copying"}),
    "shuffled columns": (shuffled, {"dependence"}, {"untrained", "unlike"}),  # pixels are nobody's columns
    "uniform noise": (untrained, {"untrained"}, {"untrained", "unlike"}),
    "GAN of one step": (one_step, {"untrained"}, {"untrained", "unlike", "collapse"}),  # all but one and the same
}


def look(name):
    """Case to the verdict and its severity."""
    train, unseen = halves(name)
    said = {}
    for case, (make, *_) in CASES.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            X, y = make(train, unseen, np.random.default_rng(1))
            results = evaluate(train[0], X, train[1], y, max_rows=MAX_ROWS, n_resamples=RESAMPLES)
        first = diagnose(results)[0]
        said[case] = [first.topic, first.severity]
        print(f"{name:22}{case:20}{first.topic} ({first.severity})", flush=True)
    return said


# ---- The page ------------------------------------------------------------------------------------


def right(name, case, topic, severity):
    wanted = CASES[case][1 + (name in IMAGES.split() + SERIES.split())]
    return topic in wanted and severity == ("good" if topic == "good" else "bad")


def page(found):
    lines = ["| | sets | " + " | ".join(CASES) + " |", "| --- | ---: |" + " ---: |" * len(CASES)]
    for title, names in GROUPS.items():
        names = [name for name in names if name in found]
        hits = Counter(case for name in names for case in CASES if right(name, case, *found[name][case]))
        lines.append(f"| {title} | {len(names)} | " + " | ".join(f"{hits[case]}" for case in CASES) + " |")
    wrong = [
        f"| {name} | {case} | {topic} ({severity}) |"
        for names in GROUPS.values()
        for name in names
        if name in found
        for case, (topic, severity) in found[name].items()
        if not right(name, case, topic, severity)
    ]
    today = datetime.date.today().isoformat()
    command = shlex.join(["python", "examples/benchmarks/diagnoses.py", *sys.argv[1:]])
    return "\n".join(
        [
            START,
            "",
            "How many sets got the right verdict:",
            "",
            *lines,
            "",
            "All others:" if wrong else "There are no others.",
            "",
            *(["| set | case | verdict |", "| --- | --- | --- |", *wrong, ""] if wrong else []),
            "```bash",
            command,
            "```",
            "",
            f"{today}, {machine()}. {versions('ganaug', 'numpy', 'pandas', 'scikit-learn')}.",
            "",
            END,
        ]
    )


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", metavar="NAME", default=[n for names in GROUPS.values() for n in names])
    parser.add_argument("--write", action="store_true", help=f"write the table into {PAGE.relative_to(ROOT)}")
    parser.add_argument("--again", action="store_true", help=f"forget what {CACHE.relative_to(ROOT)} holds")
    args = parser.parse_args(arguments)
    for aside in ASIDE:
        METRICS.pop(aside)
    found = {} if args.again or not CACHE.exists() else json.loads(CACHE.read_text())
    CACHE.parent.mkdir(exist_ok=True)
    for name in args.sets:
        if name not in found:
            found[name] = look(name)
            CACHE.write_text(json.dumps(found, indent=1))
    made = page(found)
    print(made)
    if args.write:
        text = PAGE.read_text()
        before, rest = text.split(START)
        PAGE.write_text(before + made + rest.split(END)[1])


if __name__ == "__main__":
    main()
