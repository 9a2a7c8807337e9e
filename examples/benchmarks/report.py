"""Time and memory of ``ganaug report`` on 50,000 rows of 15 columns, and of ``ganaug sample`` on many rows.

    python examples/benchmarks/report.py --write

The table is the one of speed.py: nine numbers, five categories and a date, some missing. Each command runs in a process
of its own on two cores; time includes Python's start and the reading of the CSV files.
"""

from __future__ import annotations

import argparse
import datetime
import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import ROOT, machine, versions
from speed import mixed_table

PAGE = ROOT / "docs" / "command_line.md"
START, END = "<!-- report -->", "<!-- end of report -->"
GANAUG = (sys.executable, "-m", "ganaug")


def timed(words, folder):
    """Wall seconds, CPU seconds and peak GiB of one command."""
    start = time.perf_counter()
    child = subprocess.Popen([*GANAUG, *words], cwd=folder)
    _, status, used = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"ganaug {shlex.join(words)} failed")
    seconds = time.perf_counter() - start
    return seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 2**20


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--samples", type=int, nargs="+", default=[100_000, 5_000_000], help="rows to sample")
    parser.add_argument("--write", action="store_true", help=f"write the table into {PAGE.relative_to(ROOT)}")
    args = parser.parse_args(arguments)
    lines = ["| command | seconds | CPU seconds | peak GiB |", "| --- | ---: | ---: | ---: |"]
    with tempfile.TemporaryDirectory() as folder:
        X, y = mixed_table(args.rows)
        X.assign(label=y).to_csv(Path(folder, "train.csv"), index=False)
        timed(["fit", "train.csv", "-t", "label", "-o", "model.safetensors", "--max-steps", "300"], folder)
        seed = ["--seed", "0"]
        commands = {
            f"sample -n {args.rows} to CSV": [
                "sample",
                "model.safetensors",
                "-n",
                str(args.rows),
                "-o",
                "new.csv",
                *seed,
            ],
            "report on the CSV file": ["report", "train.csv", "new.csv", "-t", "label", "-o", "file.html"],
            "report on the model": ["report", "train.csv", "model.safetensors", "-t", "label", "-o", "model.html"],
            **{
                f"sample -n {n} to Parquet": ["sample", "model.safetensors", "-n", str(n), "-o", f"{n}.parquet", *seed]
                for n in args.samples
            },
        }
        for name, words in commands.items():
            seconds, cpu, gib = timed(words, folder)
            lines.append(f"| {name} | {seconds:.1f} | {cpu:.1f} | {gib:.2f} |")
            print(lines[-1], flush=True)
    command = shlex.join(["python", "examples/benchmarks/report.py", *sys.argv[1:]])
    today = datetime.date.today().isoformat()
    ran_on = f"{today}, {machine()}; load {os.getloadavg()[0]:.0f}. {versions('ganaug', 'torch', 'pandas', 'pyarrow')}."
    made = "\n".join([START, "", *lines, "", "```bash", command, "```", "", ran_on, "", END])
    print(made)
    if args.write:
        before, rest = PAGE.read_text().split(START)
        PAGE.write_text(before + made + rest.split(END)[1])


if __name__ == "__main__":
    main()
