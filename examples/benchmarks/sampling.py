"""How many rows a second ``TabularGAN.sample`` makes on one core, decoded, with curation and without.

    python examples/benchmarks/sampling.py --write

The GAN is the one that ``GANOversampler(random_state=0)`` trains for the rare class of the tables of speed.py. Rates
are of the processor's time and by the clock, which on a machine that does something else too are far apart; the best
of several runs and their median.
"""

from __future__ import annotations

import argparse
import datetime
import shlex
import statistics
import sys
import time

from common import load_average, machine, measure, report, versions
from speed import PAGE, TABLES, write

START, END = "<!-- sampling -->", "<!-- end of sampling -->"
DEFAULT = ["1,000 x 20 numeric", "5,000 x 15 mixed", "50,000 x 15 mixed"]
HEADINGS = ["table", "way", "refused", "of the processor: best", "median", "by the clock: best", "median"]


def rates(gan, n, runs):
    """Rows a second of each run: of the processor's time, and by the clock."""
    gan.sample(1000, random_state=0)
    found = {"cpu": [], "clock": []}
    for run in range(runs):
        cpu, clock = time.process_time(), time.perf_counter()
        gan.sample(n, random_state=run)
        found["cpu"].append(n / (time.process_time() - cpu))
        found["clock"].append(n / (time.perf_counter() - clock))
    return found


def in_child(table, n, runs):
    """Train and draw."""
    from sklearn.base import clone

    from ganaug import GANOversampler

    X, y = TABLES[table]()
    sampler = GANOversampler(random_state=0, verbose=False)
    sampler.fit_resample(X, y)
    curated = sampler.generators_[1]
    found = {"curated": rates(curated, n, runs)}
    tally = curated.curation_[1]
    found["refused"] = 1 - tally["kept"] / tally["drawn"]
    found["as drawn"] = rates(clone(curated).set_params(curate=False).fit(X, y, focus=1), n, runs)
    report(found)


def rows_of(table, result):
    """The lines of a table."""
    for way in ("curated", "as drawn"):
        cells = [table, way, f"{result['refused']:.0%}" if way == "curated" else ""]
        for kind in ("cpu", "clock"):
            cells += [f"{max(result[way][kind]):,.0f}", f"{statistics.median(result[way][kind]):,.0f}"]
        yield cells


def markdown(lines, command, load):
    """The section of docs/benchmarks.md."""
    rows = [HEADINGS, ["---", "---", *["---:"] * (len(HEADINGS) - 2)], *lines]
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    return f"""## Sampling

Rows a second of `TabularGAN.sample`, decoded, on one core, with the default curation and with `curate=False`.
*Refused*: candidates that curation drew again. How that came about stands in [the speed log](speed_log.md).

```bash
{command}
```

{datetime.date.today().isoformat()}, one core of: {machine()}; load average {load:.1f} at the start.
{versions("ganaug", "torch", "pandas", "numpy")}.

{table}
"""


def main(arguments=None):
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", nargs="+", choices=list(TABLES), default=DEFAULT, metavar="TABLE")
    parser.add_argument("--rows", type=int, default=200_000, help="drawn in each run (default: 200,000)")
    parser.add_argument("--runs", type=int, default=7, help="default: 7")
    parser.add_argument("--write", action="store_true", help=f"write the section of docs/{PAGE.name}")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        return in_child(options.child, options.rows, options.runs)
    load, lines = load_average(), []
    for table in options.tables:
        command = [sys.executable, __file__, "--child", table, "--rows", options.rows, "--runs", options.runs]
        result = measure(command)
        if "error" in result:
            print(f"{table}: {result['error']}\n{result['output']}")
            return 1
        for cells in rows_of(table, result):
            lines.append(cells)
            print("; ".join(f"{h} {cell}" for h, cell in zip(HEADINGS, cells, strict=True) if cell), flush=True)
    if options.write:
        asked = shlex.join(["python", "examples/benchmarks/sampling.py", *(arguments or sys.argv[1:])])
        write(markdown(lines, asked, load), START, END)
        print(f"Wrote {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
