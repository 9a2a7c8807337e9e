"""Balance tables that need not fit in memory: peak memory and rates, for tables of growing length on disk.

    python examples/benchmarks/large_tables.py --write

Each table is a folder of Parquet files of 15 mixed columns with a rare class of half a percent. A process of its own
reads it batch by batch, trains the default `GANOversampler` and writes a balanced folder (``fit``, then ``write``); for
the shorter tables another one does the same in memory (``read_parquet``, ``fit_resample``, ``to_parquet``).
"""

from __future__ import annotations

import argparse
import datetime
import shlex
import shutil
import sys
import time
from pathlib import Path

from common import OUT, load_average, machine, measure, peak_memory, report, versions
from speed import PAGE, write

START, END = "<!-- large tables -->", "<!-- end of large tables -->"
SIZES = [300_000, 3_000_000, 30_000_000]
MOST_IN_MEMORY = 3_000_000
RARE, ROWS_PER_FILE = 0.005, 500_000
HEADINGS = [
    "rows",
    "way",
    "synthetic",
    "fit (s)",
    "write (s)",
    "of the processor (s)",
    "rows written a second",
    "peak (GB)",
]


def part_of_table(n, seed):
    """Rows of 15 mixed columns, and the labels."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(seed)
    fraud = rng.random(n) < RARE
    shift = fraud.astype(float)
    amount = np.exp(rng.normal(3 + shift, 1)).round(2)
    opened = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 150_000_000, n), unit="s")
    late = np.where(rng.random(n) < 0.7, 0.0, rng.gamma(2, 5 + 5 * shift)).round(1)
    columns = {
        "amount": amount,
        "fee": (0.02 * amount).round(2),
        "balance": rng.normal(1000 - 400 * shift, 300).round(2),
        "age": rng.integers(18, 90, n),
        "visits": rng.poisson(4 + 3 * shift),
        "late": late,
        "score": np.where(rng.random(n) < 0.1, np.nan, rng.normal(shift, 1)),
        "x1": rng.normal(size=n),
        "x2": rng.normal(0.5 * shift, 1),
        "opened": opened,
        "online": rng.random(n) < 0.3 + 0.4 * shift,
        "kind": rng.choice(["card", "cash", "transfer"], n),
        "branch": np.array([f"b{i}" for i in range(40)])[rng.integers(0, 40, n)],
        "country": rng.choice(["de", "fr", "it", "pl", "us"], n, p=[0.4, 0.3, 0.1, 0.1, 0.1]),
        "partner": np.array([f"p{i}" for i in range(301)])[np.minimum(rng.zipf(1.5, n), 300)],
    }
    return pd.DataFrame(columns).assign(fraud=np.where(fraud, "yes", "no"))


def make(n, folder):
    """The table on disk, if it is not there yet."""
    if folder.exists():
        return
    temporary = folder.with_name(folder.name + ".part")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    for place, start in enumerate(range(0, n, ROWS_PER_FILE)):
        part = part_of_table(min(ROWS_PER_FILE, n - start), place)
        part.to_parquet(temporary / f"part-{place:04d}.parquet", index=False)
    temporary.rename(folder)


def balanced(folder, target, strategy, in_memory):
    """Fit and write, timed."""
    import pandas as pd

    from ganaug import GANOversampler

    sampler = GANOversampler(sampling_strategy=strategy, random_state=0, verbose=False)
    start, cpu = time.perf_counter(), time.process_time()
    if in_memory:
        frame = pd.read_parquet(folder)
        X, y = sampler.fit_resample(frame.drop(columns="fraud"), frame["fraud"])
        fitted = time.perf_counter()
        X.assign(fraud=y).to_parquet(target)
        n_new, n = int(sampler.is_synthetic_.sum()), len(X)
    else:
        sampler.fit(folder, "fraud")
        fitted = time.perf_counter()
        sampler.write(folder, target, mark="synthetic")
        n_new = sum(sampler.sampling_strategy_.values())
        n = n_new + sum(sampler._target.sizes_.values())
    done, cpu = time.perf_counter(), time.process_time() - cpu
    report({"new": n_new, "rows": n, "fit": fitted - start, "write": done - fitted, "cpu": cpu, "peak": peak_memory()})


def markdown(lines, command, load):
    """The section of docs/benchmarks.md."""
    rows = [HEADINGS, ["---:", "---", *["---:"] * (len(HEADINGS) - 2)], *lines]
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    return f"""## Tables on disk

15 mixed columns in a folder of Parquet files, a class of {RARE:.1%}, the default `GANOversampler`: read batch by batch
and written to another folder (`fit`, `write`), and for the shorter tables in memory (`fit_resample`, the reading in
*fit*). *Of the processor*: both together, of its own time; the other seconds are by the clock, on a machine that may do
something else too. *Peak*: memory of the process, with its libraries. [How it is done](guide/large_tables.md).

```bash
{command}
```

{datetime.date.today().isoformat()}, two cores of: {machine()}; load average {load:.1f} at the start.
{versions("ganaug", "torch", "pandas", "pyarrow", "numpy")}.

{table}
"""


def main(arguments=None):
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=SIZES, help=f"default: {SIZES}")
    parser.add_argument("--ratio", type=float, default=1.0, help="of rare rows to others afterwards (default: 1)")
    parser.add_argument("--folder", type=Path, default=OUT / "large_tables", help="for the tables, which are kept")
    parser.add_argument("--write", action="store_true", help=f"write the section of docs/{PAGE.name}")
    parser.add_argument("--child", choices=["make", "on disk", "in memory"], help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        n, source, target = options.rows[0], options.folder / str(options.rows[0]), options.folder / "balanced"
        if options.child == "make":
            make(n, source)
            return report({})
        return balanced(source, target, options.ratio, options.child == "in memory")
    load, lines = load_average(), []
    for n in options.rows:
        ways = ["make", "on disk", *(["in memory"] if n <= MOST_IN_MEMORY else [])]
        for way in ways:
            remove(options.folder / "balanced")
            command = [__file__, "--child", way, "--rows", n, "--ratio", options.ratio, "--folder", options.folder]
            result = measure([sys.executable, *command], cores=2)
            if "error" in result:
                print(f"{n} {way}: {result['error']}\n{result['output']}")
                return 1
            if way != "make":
                rate = f"{result['rows'] / result['write']:,.0f}" if way == "on disk" else ""
                seconds = [f"{result[name]:.0f}" for name in ("fit", "write", "cpu")]
                lines.append([f"{n:,}", way, f"{result['new']:,}", *seconds, rate, f"{result['peak'] / 1e9:.2f}"])
                print("; ".join(f"{h} {c}" for h, c in zip(HEADINGS, lines[-1], strict=True) if c), flush=True)
    remove(options.folder / "balanced")
    if options.write:
        sizes = [] if options.rows == SIZES else ["--rows", *map(str, options.rows)]
        asked = shlex.join(  # where the tables lay is nobody's concern
            ["python", "examples/benchmarks/large_tables.py", *sizes, "--ratio", str(options.ratio), "--write"]
        )
        write(markdown(lines, asked, load), START, END)
        print(f"Wrote {PAGE}")
    return 0


def remove(path):
    """A file or folder."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
