"""Put every real table through ``GANOversampler(random_state=0).fit_resample`` and check what comes back.

    python examples/benchmarks/datasets.py --write

Each set runs in a process of its own, on one core, with default settings. A finished set is one line of
out/datasets.jsonl; a later call goes on from there, unless ganaug's code has changed (``--fresh`` starts again).
"""

from __future__ import annotations

import argparse
import datetime
import importlib.util
import json
import sys
import time
import traceback
import warnings

from common import OUT, ROOT, code, load_average, machine, measure, peak_memory, report, versions

DATA = ROOT.parent / "shared" / "data"
DONE = OUT / "datasets.jsonl"
PAGE = ROOT / "docs" / "datasets.md"


def reader():
    """The module that loads the sets, which lie beside the checkout."""
    path = DATA / "load.py"
    if not path.is_file():
        sys.exit(f"The data sets are not here: {path} is missing. They lie beside the checkout, in ../shared/data.")
    spec = importlib.util.spec_from_file_location("shared_data_load", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# ---- In the child: one set ----------------------------------------------------------------------


def run(name):
    """Resample one set: sizes, seconds, peak memory, broken promises."""
    from ganaug import GANOversampler

    X, y = reader().load_tabular(name)
    before, original = X.copy(), y.copy()
    imported = peak_memory()
    sampler = GANOversampler(random_state=0, verbose=False)
    started, worked = time.perf_counter(), time.process_time()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        X_res, y_res = sampler.fit_resample(X, y)
    seconds, cpu = time.perf_counter() - started, time.process_time() - worked
    peak = peak_memory()
    kinds = [type(generator).__name__ for generator in sampler.generators_.values()]
    return {
        "rows": len(X),
        "columns": X.shape[1],
        "classes": int(y.nunique()),
        "smallest": int(y.value_counts().min()),
        "largest": int(y.value_counts().max()),
        "new": int(sampler.is_synthetic_.sum()),
        "gans": sum(kind == "TabularGAN" for kind in kinds),
        "fallbacks": sum(kind != "TabularGAN" for kind in kinds),
        "stops": sorted({str(getattr(generator, "stop_reason_", "")) for generator in sampler.generators_.values()}),
        "warnings": [f"{w.category.__name__}: {w.message}" for w in caught],
        "seconds": seconds,
        "cpu": cpu,
        "imported": imported,
        "peak": peak,
        "broken": broken(before, original, X_res, y_res, sampler, X, y),
    }


def broken(X, y, X_res, y_res, sampler, X_after, y_after):
    """The promises that were not kept; ``X_after`` and ``y_after`` are the input, looked at afterwards."""
    found = []

    def promise(kept, text):
        if not kept:
            found.append(text)

    n = len(X)
    promise(X_after.equals(X) and y_after.equals(y), "the input was changed")
    counts = y_res.value_counts()
    promise((counts == y.value_counts().max()).all() and len(counts) == y.nunique(), f"counts {counts.to_dict()}")
    promise(type(X_res) is type(X) and type(y_res) is type(y), "container")
    promise(y_res.dtype == y.dtype, f"dtype of y: {y_res.dtype}, not {y.dtype}")
    promise(list(X_res.columns) == list(X.columns), "columns")
    changed = [column for column in X if X_res[column].dtype != X[column].dtype]
    promise(not changed, f"dtypes of {changed}")
    promise(X_res.iloc[:n].equals(X.reset_index(drop=True)), "the original rows do not come first, or are not equal")
    promise((y_res.iloc[:n].to_numpy() == y.to_numpy()).all(), "the original labels do not come first")
    mask = sampler.is_synthetic_
    promise(len(mask) == len(X_res) and not mask[:n].any() and mask[n:].all(), "is_synthetic_")

    new = X_res.iloc[n:]
    numbers = set(X.select_dtypes("number").columns)
    for column in X:
        real, made = X[column], new[column]
        promise(real.isna().any() or not made.isna().any(), f"missing values in {column!r}, which had none")
        if column in numbers:
            inside = made.dropna().between(real.min(), real.max())
            promise(inside.all(), f"{column!r}: {(~inside).sum()} values outside the range seen")
        else:
            unseen = set(made.dropna().unique()) - set(real.dropna().unique())
            promise(not unseen, f"{column!r}: categories that were not seen: {sorted(map(str, unseen))[:5]}")
    return found


def child(name):
    """Report the result of one set, or what went wrong."""
    try:
        report(run(name))
    except Exception as error:
        report({"error": f"{type(error).__name__}: {error}", "output": traceback.format_exc()})


# ---- In the parent: all sets --------------------------------------------------------------------


def finished(conditions):
    """Name -> line, of the sets that went through under the same conditions: the same code, as many cores."""
    if not DONE.exists():
        return {}
    lines = [json.loads(line) for line in DONE.read_text(encoding="utf-8").splitlines() if line.strip()]
    return {line["name"]: line for line in lines if not failure(line) and conditions.items() <= line.items()}


def failure(line):
    """What went wrong with a set, or an empty text."""
    return line.get("error") or "; ".join(line.get("broken", []))


HEADINGS = [
    "set",
    "rows x columns",
    "classes",
    "smallest",
    "new rows",
    "GANs",
    "fallbacks",
    "seconds",
    "CPU",
    "peak MiB",
]
WIDTHS = [-18, 16, 8, 9, 9, 5, 9, 8, 8, 9]  # on the screen; negative aligns to the left


def cells(line):
    """One set's row of the table."""
    if "error" in line:
        return [line["name"], f"FAILED: {line['error']}", *[""] * 8]
    size = f"{line['rows']:,} x {line['columns']:,}"
    counts = [line["classes"], line["smallest"], line["new"], line["gans"], line["fallbacks"]]
    return [
        line["name"],
        size,
        *(f"{n:,}" for n in counts),
        f"{line['seconds']:.1f}",
        f"{line['cpu']:.1f}",
        f"{line['peak'] / 2**20:,.0f}",
    ]


def aligned(texts):
    return " ".join(f"{text:{'<>'[w > 0]}{abs(w)}}" for text, w in zip(texts, WIDTHS, strict=True))


def show(line):
    """One line on the screen, and below it what went wrong or was warned of."""
    print(aligned(cells(line)), flush=True)
    for text in line.get("broken", []):
        print(f"    BROKEN: {text}")
    for text in line.get("warnings", []):
        print(f"    {text[:150]}")
    if "error" in line:
        print("    " + line["output"].replace("\n", "\n    "))


def markdown(lines, cores, command, known):
    """The page: what was promised, whether it was kept, and what it took."""
    which = "Tables and gene sets" if len(lines) == known else f"{len(lines)} of the {known} tables and gene sets"
    failed = [line for line in lines if failure(line)]
    good = [line for line in lines if not failure(line)]
    verdict = f"All {len(good)} sets went through." if not failed else f"{len(failed)} of {len(lines)} sets failed."
    table = [HEADINGS, ["---", *["---:"] * (len(HEADINGS) - 1)], *map(cells, lines)]
    rows = "\n".join("| " + " | ".join(row) + " |" for row in table)
    minutes = sum(line["seconds"] for line in good) / 60
    imports = min((line["imported"] for line in good), default=0) / 2**20
    failures = "".join(f"\n- `{line['name']}`: {failure(line)}" for line in failed)
    return f"""# Real tables

{which}, all of them public, through `GANOversampler(random_state=0).fit_resample(X, y)` with default
settings, each in a process of its own. {verdict}{failures}

Checked for each: as many rows of every class as of the largest; the same container, columns and dtypes; the original
rows first and equal; the input unchanged; no category that was not seen; no number outside the range seen; no missing
value in a column that had none.

```bash
{command}
```

{datetime.date.today().isoformat()}, {cores} core{"s" * (cores > 1)} of: {machine()}.
{versions("ganaug", "torch", "scikit-learn", "imbalanced-learn", "pandas", "numpy")}.

{rows}

*smallest*: rows of the smallest class. *GANs*: classes that got one. *fallbacks*: classes too small for one, which got
a smoothed bootstrap and a `FewSamplesWarning`. *seconds*: of `fit_resample`, {minutes:,.0f} minutes in all; *CPU*: of
the processor, which hardly depends on what else the machine does. *peak MiB*: of the whole process; the imports and the
data alone take {imports:,.0f} or more.
"""


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", metavar="NAME", help="only these (default: every tabular and gene set)")
    parser.add_argument("--threads", type=int, default=1, help="cores and threads for each set (default: 1)")
    parser.add_argument("--timeout", type=float, default=3600, help="seconds for each set (default: 3600)")
    parser.add_argument("--fresh", action="store_true", help="forget the sets that are finished")
    parser.add_argument("--write", action="store_true", help="write docs/datasets.md")
    parser.add_argument("--one", help=argparse.SUPPRESS)  # the child
    options = parser.parse_args(arguments)
    if options.one:
        return child(options.one)

    known = [*reader().list_sets("tabular"), *reader().list_sets("gene")]
    unknown = set(options.sets or []) - set(known)
    if unknown:
        parser.error(f"unknown sets {sorted(unknown)}; those known are {', '.join(known)}")
    OUT.mkdir(exist_ok=True)
    if options.fresh:
        DONE.unlink(missing_ok=True)
    conditions = {"code": code(), "cores": options.threads}
    done, lines = finished(conditions), []
    if load_average() > 0.5:
        print(f"The machine is busy (load {load_average():.1f}): the seconds will be too many.")
    print(aligned(HEADINGS))
    for name in options.sets or known:
        line = done.get(name)
        if line is None:
            command = [sys.executable, __file__, "--one", name]
            line = {"name": name, **conditions, **measure(command, options.threads, options.timeout)}
            with DONE.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        lines.append(line)
        show(line)
    failed = [line["name"] for line in lines if failure(line)]
    print(f"{len(lines) - len(failed)} of {len(lines)} went through." + f" Not: {', '.join(failed)}" * bool(failed))
    if options.write:
        asked = " ".join(["python examples/benchmarks/datasets.py", *(arguments or sys.argv[1:])])
        PAGE.write_text(markdown(lines, options.threads, asked, len(known)), encoding="utf-8")
        print(f"Wrote {PAGE}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
