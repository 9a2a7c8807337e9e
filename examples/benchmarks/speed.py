"""Time the default ``fit_resample`` on one core, and CTGAN at its defaults on the same rows and core.

    python examples/benchmarks/speed.py --write
    python examples/benchmarks/speed.py --against ../before    # two checkouts in turn, without CTGAN

CTGAN is under the Business Source License: it is run here for comparison, in an environment of its own
(out/ctgan-env, made by this script), and is no dependency of anything. It takes hours on a larger table; there its
first epochs are timed and the rest is estimated from them (``--all-epochs`` runs them all). On the two largest tables
only ganaug runs, to show how its time and memory grow.
"""

from __future__ import annotations

import argparse
import datetime
import functools
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from common import OUT, ROOT, load_average, machine, measure, peak_memory, report, versions

PAGE = ROOT / "docs" / "benchmarks.md"
ENVIRONMENT = OUT / "ctgan-env"
TIMES = OUT / "speed.json"
START, END = "<!-- speed -->", "<!-- end of speed -->"


# ---- The tables ---------------------------------------------------------------------------------


def numeric_table(n=1_000, columns=20, ratio=10, seed=0):
    """Correlated numbers of several shapes; the label depends on some of them."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, columns)) @ rng.normal(size=(columns, columns)) / np.sqrt(columns)
    y = rarest(X[:, 0] - X[:, 1] * X[:, 2] + 0.5 * rng.normal(size=n), ratio)
    X[:, 3] = np.exp(X[:, 3])
    X[:, 4] = np.where(X[:, 4] < 0, 0, X[:, 4])  # zero-inflated
    X[:, 5] = np.round(5 * X[:, 5])
    return pd.DataFrame(X, columns=[f"x{i}" for i in range(columns)]), pd.Series(y, name="label")


def mixed_table(n=50_000, ratio=20, seed=0):
    """Fifteen columns: nine numeric, five categorical, a date; three of them have missing values."""
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(n, 9)) @ rng.normal(size=(9, 9)) / 3
    y = rarest(Z[:, 0] + Z[:, 1] * Z[:, 2] + 0.5 * rng.normal(size=n), ratio)
    X = pd.DataFrame(Z, columns=[f"x{i}" for i in range(9)])
    X["x1"] = np.exp(2 * X["x1"]).round(2)
    X["x2"] = (10 * X["x2"]).round().astype("int64")
    X["x3"] = X["x3"].where(X["x3"] > 0, 0)
    X["x4"] = X["x4"].mask(rng.random(n) < 0.1)
    X["x5"] = X["x5"].mask((X["x0"] > 0) & (rng.random(n) < 0.3))
    for column, levels in {"a": 2, "b": 4, "c": 8, "d": 15, "e": 50}.items():
        score = Z[:, levels % 9] + rng.normal(size=n)
        codes = np.digitize(score, np.quantile(score, np.linspace(0, 1, levels + 1)[1:-1] ** 2))
        X[column] = pd.Categorical.from_codes(codes, [f"{column}{i}" for i in range(levels)])
    X["b"] = X["b"].mask(rng.random(n) < 0.05)
    minutes = (60 * 24 * (180 + 60 * Z[:, 6])).astype("int64")
    X["when"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(minutes, unit="min")
    return X, pd.Series(y, name="label")


def rarest(score, ratio):
    """1 for the highest scores, so many that the other class is ``ratio`` times as large."""
    return (score >= np.sort(score)[-round(len(score) / (ratio + 1))]).astype("int64")


def several_classes(rare=5):
    """The numeric table with so many rare classes of 60 rows each, and one common class."""
    X, _ = numeric_table()
    return X, rare_quantiles(X["x0"] - X["x1"] * X["x2"], rare, 60)


def rare_quantiles(score, rare, each):
    """Class 0, and classes 1, 2, ... of so many rows each, from the highest score downwards."""
    place = np.argsort(np.argsort(-score.to_numpy()))
    return pd.Series(np.where(place < rare * each, 1 + place // each, 0), name="label")


def categories_table(n=4_000, ratio=10, seed=0):
    """Eight numbers and ten categories of 2 to 11 levels."""
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(n, 8)) @ rng.normal(size=(8, 8)) / 3
    X = pd.DataFrame(Z, columns=[f"x{i}" for i in range(8)])
    for i in range(10):
        score = Z[:, i % 8] + rng.normal(size=n)
        codes = np.digitize(score, np.quantile(score, np.linspace(0, 1, i + 3)[1:-1] ** 2))
        X[f"c{i}"] = pd.Categorical.from_codes(codes, [f"c{i}={j}" for j in range(i + 2)])
    return X, pd.Series(rarest(Z[:, 0] + Z[:, 1] * Z[:, 2] + 0.5 * rng.normal(size=n), ratio), name="label")


def part(make, n, held_out=False):
    """``n`` rows to train on, or as many others of the same kind."""
    X, y = make(2 * n)
    rows = slice(n, None) if held_out else slice(n)
    return X.iloc[rows].reset_index(drop=True), y.iloc[rows].reset_index(drop=True)


TABLES = {
    "1,000 x 20 numeric": functools.partial(part, numeric_table, 1_000),
    "5,000 x 15 mixed": functools.partial(part, mixed_table, 5_000),
    "50,000 x 15 mixed": functools.partial(part, mixed_table, 50_000),
    "200,000 x 15 mixed": functools.partial(part, mixed_table, 200_000),
    "1,000,000 x 15 mixed": functools.partial(part, mixed_table, 1_000_000),
}
LIMITS = {"1,000 x 20 numeric": 20, "50,000 x 15 mixed": 60}  # seconds that ganaug may take
WHOLE = {"1,000 x 20 numeric", "5,000 x 15 mixed"}  # all of CTGAN's epochs are run, and both are judged downstream
ALONE = {"200,000 x 15 mixed", "1,000,000 x 15 mixed"}  # for how ganaug's time grows; CTGAN would take days


def downstream(table, X, y):
    """Area under the ROC curve on other rows of the kind: the mean of a linear and a boosted classifier."""
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    X_test, y_test = TABLES[table](held_out=True)
    X, X_test = (x.drop(columns=x.select_dtypes("datetime").columns) for x in (X, X_test))
    prepare = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), make_column_selector(dtype_include="number")),
        (
            OneHotEncoder(handle_unknown="ignore", sparse_output=False),
            make_column_selector(dtype_exclude="number"),
        ),
    ).fit(X)
    scores = []
    for judge in (LogisticRegression(max_iter=1000), HistGradientBoostingClassifier(random_state=0)):
        judge.fit(prepare.transform(X), y)
        scores.append(roc_auc_score(y_test, judge.predict_proba(prepare.transform(X_test))[:, 1]))
    return float(np.mean(scores))


# ---- In the children ----------------------------------------------------------------------------


def time_ganaug(table):
    """Seconds, by the clock and of the processor, and peak memory of the default ``fit_resample``."""
    from ganaug import GANOversampler

    X, y = TABLES[table]()
    started = times()
    sampler = GANOversampler(random_state=0, verbose=False)
    X_res, y_res = sampler.fit_resample(X, y)
    seconds, cpu = times() - started
    found = {"seconds": seconds, "cpu": cpu, "peak": peak_memory(), "new": len(y_res) - len(y)}
    if table in WHOLE:
        found["auc"] = {"none": downstream(table, X, y), "ganaug": downstream(table, X_res, y_res)}
    report(found)


def time_ctgan(folder, epochs):
    """Times and peak memory of ``CTGAN().fit`` on all rows and ``sample`` of those that balance the classes.

    ``epochs`` below CTGAN's own number: so many are timed after a first one, and the others are taken to last as long.
    This runs in the other environment.
    """
    import torch
    from ctgan import CTGAN
    from ctgan.synthesizers import ctgan as module

    rows = pd.read_csv(Path(folder) / "rows.csv")
    discrete = json.loads((Path(folder) / "discrete.json").read_text())
    torch.manual_seed(0)
    model = CTGAN()
    wanted = model._epochs
    run = min(wanted, epochs + 1)
    model._epochs = run

    ends = []  # (clock, processor) before the first epoch and after each

    def watched(iterable, **_):
        ends.append(times())
        for item in iterable:
            yield item
            ends.append(times())

    module.tqdm = watched  # its loop over the epochs goes through this
    started = times()
    model.fit(rows, discrete)
    fitted = times()
    counts = rows["label"].value_counts()
    new = int(counts[0] - counts[1])
    made = model.sample(new, condition_column="label", condition_value=1)
    sampled = times()
    made.to_csv(Path(folder) / "new.csv", index=False)

    assert len(ends) == run + 1, "CTGAN no longer loops over its epochs through tqdm: time them in another way"
    epoch, epoch_cpu = (ends[-1] - ends[1]) / (run - 1)
    measured, measured_cpu = sampled - started
    report(
        {
            "seconds": measured + epoch * (wanted - run),
            "cpu": measured_cpu + epoch_cpu * (wanted - run),
            "measured": measured,
            "prepare": (ends[0] - started)[0],
            "epoch": epoch,
            "epochs": wanted,
            "run": run,
            "sample": (sampled - fitted)[0],
            "peak": peak_memory(),
            "new": new,
            "versions": versions("ctgan", "rdt", "torch", "pandas", "numpy"),
        }
    )


def times():
    """Seconds by the clock, and of the processor: the latter hardly suffer from what else runs."""
    return np.array([time.perf_counter(), time.process_time()])


# ---- Two checkouts in turn ----------------------------------------------------------------------


def fit_seconds(X, y):
    """Of the processor, for the default ``fit_resample``."""
    from ganaug import GANOversampler

    began = time.process_time()
    GANOversampler(random_state=0, verbose=False).fit_resample(X, y)
    return time.process_time() - began


def judged_seconds(scoring):
    """Of the processor, for an `AugmentedClassifier` around boosting on 1,800 rows."""
    from sklearn.datasets import make_classification
    from sklearn.ensemble import HistGradientBoostingClassifier

    from ganaug import AugmentedClassifier

    X, y = make_classification(1800, 20, n_informative=6, weights=[0.92], random_state=0)
    model = AugmentedClassifier(HistGradientBoostingClassifier(), scoring=scoring, random_state=0, verbose=False)
    began = time.process_time()
    model.fit(X, y)
    return time.process_time() - began


def sample_seconds(n=200_000):
    """Of the processor, for rows of 8 numbers and 10 categories, by the generator of the default oversampler."""
    from ganaug import GANOversampler

    X, y = categories_table()
    sampler = GANOversampler(random_state=0, verbose=False).fit(X, y)
    sampler.sample(1000, random_state=0)
    began = time.process_time()
    sampler.sample(n, random_state=1)
    return time.process_time() - began


IN_TURN = {
    "fit_resample, 1,000 x 20 numeric": lambda: fit_seconds(*TABLES["1,000 x 20 numeric"]()),
    "fit_resample, 1,000 x 20 numeric, one rare class of 60": lambda: fit_seconds(*several_classes(1)),
    "fit_resample, 1,000 x 20 numeric, five rare classes of 60": lambda: fit_seconds(*several_classes(5)),
    "fit_resample, 5,000 x 15 mixed": lambda: fit_seconds(*TABLES["5,000 x 15 mixed"]()),
    "AugmentedClassifier, 1,800 x 20, average precision": lambda: judged_seconds("average_precision"),
    "AugmentedClassifier, 1,800 x 20, balanced accuracy": lambda: judged_seconds("balanced_accuracy"),
    "sample, 200,000 rows of 8 numbers and 10 categories": sample_seconds,
}


def in_turn(checkout, rounds, parts):
    """Seconds of the processor of this code and of another checkout's, each in a process of its own, in turn."""
    found = {}
    usual = os.environ.get("PYTHONPATH")
    try:
        for name in parts:
            for _ in range(rounds):
                for side, where in (("before", Path(checkout).resolve()), ("now", ROOT)):
                    os.environ["PYTHONPATH"] = str(where)
                    result = measure([sys.executable, __file__, "--part", name])
                    if "error" in result:
                        sys.exit(f"{name}, {side}: {result['error']}\n{result['output']}")
                    found.setdefault((name, side), []).append(result["cpu"])
            yield name, found[name, "before"], found[name, "now"]
    finally:
        os.environ.pop("PYTHONPATH") if usual is None else os.environ.update(PYTHONPATH=usual)


def turn_line(name, before, now):
    """A line of the table: the best and the median of the runs, and the ratio of the medians."""
    cells = [f"{min(runs):.1f} ({statistics.median(runs):.1f})" for runs in (before, now)]
    return f"| {name} | {cells[0]} | {cells[1]} | {statistics.median(now) / statistics.median(before):.2f} |"


# ---- CTGAN's side -------------------------------------------------------------------------------


def ctgan_python():
    """The Python of CTGAN's environment, which is made if it is not there."""
    python = ENVIRONMENT / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    works = [str(python), "-c", "import ctgan, torch"]
    if python.exists() and subprocess.run(works, capture_output=True, check=False).returncode == 0:
        return python
    print(f"Installing CTGAN into {ENVIRONMENT} ...", flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", ENVIRONMENT], check=True)
    # The same torch for both, and no second download of it. What stands in the environment itself goes
    # first, so that it has its own pandas: CTGAN needs one below 3.
    import torch

    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    own = subprocess.run([python, "-c", where], capture_output=True, text=True, check=True).stdout.strip()
    (Path(own) / "zz_project.pth").write_text(str(Path(torch.__file__).parents[1]))
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "ctgan", "pandas<3"]
    subprocess.run(install, check=True)
    subprocess.run(works, check=True)
    return python


def hand_over(table, folder):
    """The table as CTGAN takes it: no missing numbers (medians), a missing category is one more, dates are numbers."""
    X, y = TABLES[table]()
    dates = X.select_dtypes("datetime").columns
    texts = X.select_dtypes("category").columns
    X[dates] = X[dates].astype("int64")
    X[texts] = X[texts].astype(object).where(X[texts].notna(), "missing")
    numbers = X.columns.difference(texts)
    X[numbers] = X[numbers].fillna(X[numbers].median())
    X.assign(label=y).to_csv(Path(folder) / "rows.csv", index=False)
    (Path(folder) / "discrete.json").write_text(json.dumps([*texts, "label"]))


# ---- The parent ---------------------------------------------------------------------------------


def compare(table, epochs, with_ctgan):
    """Both, one after the other, on the same core."""
    result = {"table": table, "ganaug": measure([sys.executable, __file__, "--ganaug", table])}
    if with_ctgan:
        python = ctgan_python()
        with tempfile.TemporaryDirectory() as folder:
            hand_over(table, folder)
            result["ctgan"] = measure([python, __file__, "--ctgan", folder, "--epochs", epochs])
            if table in WHOLE and "error" not in result["ctgan"]:
                result["ctgan"]["auc"] = judged(table, folder)
    return result


def judged(table, folder):
    """CTGAN's rows downstream. Asked for the rare class, it returns some of the other one too: those are dropped."""
    X, y = TABLES[table]()
    made = pd.read_csv(Path(folder) / "new.csv")
    made = made[made.pop("label") == 1]
    for column, dtype in X.dtypes.items():
        if isinstance(dtype, pd.CategoricalDtype):
            made[column] = pd.Categorical(made[column].where(made[column] != "missing"), dtype=dtype)
    made = made[X.columns].drop(columns=X.select_dtypes("datetime").columns)
    rows = pd.concat([X[made.columns], made], ignore_index=True)
    return downstream(table, rows, np.concatenate([y, np.ones(len(made), int)]))


def clock(seconds):
    """ "12.3 s", "4 min", "5.6 h"."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def cells(result):
    """One table's row."""
    table, ours, theirs = result["table"], result["ganaug"], result.get("ctgan")
    if "error" in ours:
        return [table, f"FAILED: {ours['error']}", *[""] * 6]
    row = [
        table,
        clock(ours["seconds"]),
        clock(ours["cpu"]),
        f"{LIMITS[table]} s" if table in LIMITS else "",
        f"{ours['peak'] / 2**20:,.0f} MiB",
    ]
    if theirs is None:
        return [*row, "not run", "", ""]
    if "error" in theirs:
        return [*row, f"FAILED: {theirs['error']}", "", ""]
    estimated = theirs["run"] < theirs["epochs"]
    how = f"{clock(theirs['seconds'])}{' (estimated)' if estimated else ''}"
    ratios = [theirs[kind] / ours[kind] for kind in ("seconds", "cpu")]
    return [
        *row,
        how,
        clock(theirs["cpu"]),
        " / ".join(f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.1f}" for ratio in ratios),
    ]


HEADINGS = ["table", "ganaug", "CPU", "limit", "peak memory", "CTGAN", "CPU", "CTGAN : ganaug (time / CPU)"]


def remarks(results):
    """How each figure of CTGAN came about."""
    for result in results:
        found = result.get("ctgan", {})
        if "seconds" not in found:
            continue
        parts = clock(found["prepare"]), f"{found['epoch']:.2f} s", clock(found["sample"])
        fit = "{} to encode, {} for an epoch, {} to sample".format(*parts)
        if found["run"] < found["epochs"]:
            fit += (
                f"; {found['run']} of its {found['epochs']} epochs were run ({clock(found['measured'])} in all), "
                f"the others are taken to last as long as the last {found['run'] - 1}"
            )
        else:
            fit += f"; all {found['epochs']} epochs were run"
        yield f"{result['table']}: CTGAN took {fit}."
    for result in results:
        ours, theirs = result["ganaug"].get("auc"), result.get("ctgan", {}).get("auc")
        if ours:
            other = "" if theirs is None else f", {theirs:.4f} with CTGAN's"
            yield (
                f"{result['table']}: AUC on as many other rows {ours['none']:.4f} without new rows, "
                f"{ours['ganaug']:.4f} with ganaug's{other} (mean of logistic regression and gradient boosting)."
            )


def markdown(results, command):
    """The section of docs/benchmarks.md."""
    rows = [HEADINGS, ["---", *["---:"] * (len(HEADINGS) - 1)], *map(cells, results)]
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    theirs = next((result["ctgan"]["versions"] for result in results if "versions" in result.get("ctgan", {})), "")
    notes = "\n".join(f"- {remark}" for remark in remarks(results))
    return f"""## Speed

Seconds of `GANOversampler(random_state=0).fit_resample(X, y)` with default settings, on one core, and of CTGAN at its
defaults on the same rows and the same core: `CTGAN().fit` on the whole table with the label as a discrete column, then
`sample` of as many rows of the rare class as balance the table. The tables are made by the script: 1,000 rows of
20 numbers with 10 of the common class to one of the rare; 5,000 and more rows of 9 numbers, 5 categories and a date,
some missing, with 20 to one. CTGAN gets medians for missing numbers, and dates as numbers, as it takes neither.

```bash
{command}
```

{datetime.date.today().isoformat()}, one core of: {machine()}.
ganaug's side: {versions("ganaug", "torch", "pandas", "numpy")}.
CTGAN's side: {theirs or "not run"}.

{table}

{notes}

*limit*: what ganaug may take. *CPU*: time of the processor, which hardly depends on what else the machine does. CTGAN
is under the Business Source License; it is run for this comparison in an environment of its own, and ganaug neither
contains nor needs any of it.
"""


def write(section, start=START, end=END):
    """Put the section into docs/benchmarks.md, in place of the earlier one; other sections stay."""
    page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else "# Benchmarks\n"
    before, _, rest = page.partition(start)
    after = rest.partition(end)[2]
    PAGE.write_text(f"{before.rstrip()}\n\n{start}\n\n{section}\n{end}\n{after.lstrip()}", encoding="utf-8")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", nargs="+", choices=list(TABLES), default=list(TABLES), metavar="TABLE")
    parser.add_argument("--epochs", type=int, default=3, help="epochs of CTGAN to time on a large table (default: 3)")
    parser.add_argument("--all-epochs", action="store_true", help="run all of CTGAN's epochs on each table; hours")
    parser.add_argument("--no-ctgan", action="store_true", help="time ganaug only; installs nothing")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    parser.add_argument("--against", metavar="CHECKOUT", help="time this code and that of another checkout in turn")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each, with --against (default: 3)")
    parser.add_argument("--parts", nargs="+", choices=list(IN_TURN), default=list(IN_TURN), metavar="PART")
    parser.add_argument("--part", help=argparse.SUPPRESS)  # the children
    parser.add_argument("--ganaug", help=argparse.SUPPRESS)
    parser.add_argument("--ctgan", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.ganaug:
        return time_ganaug(options.ganaug)
    if options.ctgan:
        return time_ctgan(options.ctgan, options.epochs)
    if options.part:
        return report({"cpu": IN_TURN[options.part]()})
    if options.against:
        print("| seconds of the processor: best (median) | before | now | now : before |\n|---|---:|---:|---:|")
        for found in in_turn(options.against, options.rounds, options.parts):
            print(turn_line(*found), flush=True)
        return 0

    OUT.mkdir(exist_ok=True)
    if load_average() > 0.5:
        print(f"The machine is busy (load {load_average():.1f}): the seconds will be too many.")
    results = []
    for table in options.tables:
        epochs = 10**6 if options.all_epochs or table in WHOLE else options.epochs
        results.append(compare(table, epochs, not options.no_ctgan and table not in ALONE))
        TIMES.write_text(json.dumps(results, indent=1), encoding="utf-8")
        print(
            "; ".join(f"{h}: {cell}" for h, cell in zip(HEADINGS, cells(results[-1]), strict=True) if cell), flush=True
        )
        for side in ("ganaug", "ctgan"):
            if "error" in results[-1].get(side, {}):
                print(results[-1][side]["output"])
    print("\n".join(remarks(results)))
    if options.write:
        asked = shlex.join(["python", "examples/benchmarks/speed.py", *(arguments or sys.argv[1:])])
        write(markdown(results, asked))
        print(f"Wrote {PAGE}")
    late = [r["table"] for r in results if r["ganaug"].get("seconds", 1e9) > LIMITS.get(r["table"], 1e9)]
    if late:
        print(f"Over the limit: {', '.join(late)}")
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main())
