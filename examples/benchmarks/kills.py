"""Processes killed at random moments: no half file, no lost training, nothing left lying about.

    python examples/benchmarks/kills.py --write

A training with a checkpoint, one that saves over and over, and the commands `resample`, `sample`, `fit`, `report` and
`compare` run as processes of their own in a folder with an earlier output, and are killed: by SIGKILL, SIGTERM, SIGHUP
and SIGINT, half of them at any moment of the run, half while a temporary file lies in the folder. After each kill the
output is the old one or the new one, whole. After some kills the run is let be: its result is that of a run that was
never killed, bit for bit, and the folder holds nothing else. ``--quick`` kills a tenth as often.
"""

from __future__ import annotations

import argparse
import collections
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from common import ROOT, machine, versions
from fuzz import PAGE, write_page

START, END = "<!-- kills -->", "<!-- end of kills -->"
KILLS, IN_A_ROW = 100, 4
SIGNALS = [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT]
LONGEST = 600  # seconds that a run may take before it counts as hanging

TRAIN = """
import sys
import numpy as np
from ganaug import ImageGAN
rng = np.random.default_rng(0)
X, y = rng.integers(0, 256, (60, 8, 8), dtype=np.uint8), np.repeat([0, 1], 30)
gan = ImageGAN(max_steps=120, channels=2, max_channels=4, latent_dim=4, random_state=0, device="cpu", verbose=False,
               checkpoint="run.checkpoint", checkpoint_every=16).fit(X, y)
if gan.stop_reason_ == "interrupted":
    sys.exit(130)
gan.save("output.model")
"""
SAVE = """
import ganaug
one, two = ganaug.load("model.ganaug"), ganaug.load("other.ganaug")
for _ in range(40):
    one.save("output.model")
    two.save("output.model")
"""
COMMAND = [sys.executable, "-m", "ganaug"]
SHORT = ["--max-steps", "30", "--seed", "0", "--force"]
FOREST = ["--oversamplers", "none,GANOversampler", "--classifiers", "logistic regression", "--cache", "cells"]
# Name -> command, its output, and which outputs are whole: "same" bytes each time, or by their end.
RUNS = {
    "fit with checkpoint": ([sys.executable, "-c", TRAIN], "output.model"),
    "save": ([sys.executable, "-c", SAVE], "output.model"),
    "resample": ([*COMMAND, "resample", "train.csv", "-t", "y", "-o", "output.csv", *SHORT], "output.csv"),
    "sample": ([*COMMAND, "sample", "model.ganaug", "-n", "60000", "-o", "output.csv", *SHORT[2:]], "output.csv"),
    "fit": ([*COMMAND, "fit", "train.csv", "-t", "y", "-o", "output.model", *SHORT], "output.model"),
    "report": (
        [*COMMAND, "report", "train.csv", "model.ganaug", "-t", "y", "-o", "output.json", "--force"],
        "output.json",
    ),
    "compare": ([*COMMAND, "compare", "train.csv", "-t", "y", "-o", "output.csv", *FOREST, *SHORT], "output.csv"),
}
# Columns and entries that hold a time or the day.
TIMES = ("seconds", "created", "date", "when")


def prepare(folder):
    """What the runs read, and an output of an earlier run."""
    rng = np.random.default_rng(0)
    y = np.arange(200) % 5 // 4
    frame = pd.DataFrame({"a": rng.normal(y, 1), "b": rng.gamma(2, 10, 200), "c": rng.choice(list("xyz"), 200), "y": y})
    frame.to_csv(folder / "train.csv", index=False)
    from ganaug import TabularGAN

    for name, seed in (("model.ganaug", 0), ("other.ganaug", 1)):
        gan = TabularGAN(max_steps=5, random_state=seed, device="cpu", verbose=False)
        gan.fit(frame.drop(columns="y"), frame["y"]).save(folder / name)


def content(path):
    """What a whole output says, without times; None if it is not whole."""
    data = path.read_bytes()
    try:
        if path.suffix == ".json":
            return json.dumps(_timeless(json.loads(data)), sort_keys=True)
        if path.suffix == ".csv":
            if not data.endswith(b"\n"):
                return None
            frame = pd.read_csv(path)
            keep = [name for name in frame if not name.startswith(TIMES)]
            return hashlib.sha256(frame[keep].to_csv(index=False).encode()).hexdigest()
        import ganaug

        ganaug.load(path)
        return hashlib.sha256(data).hexdigest()
    except ValueError:
        return None


def _timeless(value):
    if isinstance(value, dict):
        return {name: _timeless(one) for name, one in value.items() if not name.startswith(TIMES)}
    return [_timeless(one) for one in value] if isinstance(value, list) else value


def start(run, folder):
    # one thread: the processes of a campaign should not wait for one another
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        RUNS[run][0],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def names(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def wait_for(process, folder, rng, lasts):
    """Until the moment of the kill: any one, or one at which something is being written."""
    began = time.monotonic()
    if rng.random() < 0.5:
        moment = rng.uniform(0.2, 1.0) * lasts
        while process.poll() is None and time.monotonic() - began < moment:
            time.sleep(0.002)
        return
    skip = int(rng.integers(3))  # the first ones are those that look whether the folder can be written to
    while process.poll() is None and time.monotonic() - began < LONGEST:
        if any(name.startswith(".ganaug-") for name in os.listdir(folder)):
            skip -= 1
            if skip < 0:
                time.sleep(rng.uniform(0, 0.01))
                return
        time.sleep(0.0005)


def alive(run, folder, rng, lasts):
    """A process at the moment of its kill: one that ended before it does not count."""
    while True:
        process = start(run, folder)
        wait_for(process, folder, rng, lasts)
        if process.poll() is None:
            return process
        process.communicate()


def campaign(run, kills, seed):
    """So many kills of one run: counts, and what was wrong."""
    rng, counts, wrong = np.random.default_rng([seed, len(run)]), collections.Counter(), []
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        reference, folder = base / "reference", base / "folder"
        for one in (reference, folder):
            one.mkdir()
            prepare(one)
        output = RUNS[run][1]
        began = time.monotonic()
        done = start(run, reference)
        _, said = done.communicate(timeout=LONGEST)
        lasts = time.monotonic() - began
        if done.returncode:
            return counts, [f"{run}: the run that was let be ended with {done.returncode}: {said.decode()[-300:]}"]
        new, expected = content(reference / output), names(reference)
        earlier = {"output.model": "other.ganaug", "output.csv": "train.csv"}.get(output)
        (folder / output).write_bytes((folder / earlier).read_bytes() if earlier else b"{}")
        allowed = {new, content(folder / output)}
        if run == "save":  # both are written in turn
            allowed |= {content(folder / "model.ganaug")}
        while sum(counts.values()) < kills:
            for _ in range(min(IN_A_ROW, kills - sum(counts.values()))):
                number = SIGNALS[sum(counts.values()) % len(SIGNALS)]
                process = alive(run, folder, rng, lasts)
                process.send_signal(number)
                try:
                    _, said = process.communicate(timeout=LONGEST)
                except subprocess.TimeoutExpired:
                    process.kill()
                    _, said = process.communicate()
                    wrong.append(f"{run}: {number.name} did not end it")
                counts[number.name] += 1
                if content(folder / output) not in allowed:
                    wrong.append(f"{run}: after {number.name} the output is neither the old one nor the new one")
                if b"Traceback" in said and number != signal.SIGINT:
                    wrong.append(f"{run}: after {number.name} it said {said.decode()[-300:]}")
            last = start(run, folder)
            _, said = last.communicate(timeout=LONGEST)
            if last.returncode:
                wrong.append(f"{run}: the run after {number.name} ended with {last.returncode}: {said.decode()[-300:]}")
            if content(folder / output) != new:
                wrong.append(f"{run}: the run after {number.name} gives another result")
            stray = names(folder) - expected
            if stray:
                wrong.append(f"{run}: after the run after {number.name} there lie {sorted(stray)}")
    return counts, wrong


def table(rows):
    lines = ["| run | " + " | ".join(number.name for number in SIGNALS) + " | wrong |", "|---|" + "--:|" * 5]
    for run, counts, wrong in rows:
        lines.append(f"| {run} | " + " | ".join(str(counts[n.name]) for n in SIGNALS) + f" | {len(wrong)} |")
    return "\n".join(lines)


def page(rows, command):
    return (
        f"{START}\n## Processes that are killed\n\n`{command}` on {machine()}; {versions('torch', 'numpy')}.\n\n"
        f"{table(rows)}\n\nThe numbers count kills. After each of them the output was the earlier one or the new one, "
        "whole; after every fourth the run was let be, gave bit for bit what a run gives that was never killed (a "
        "training goes on from its checkpoint), and left nothing else in the folder. Otherwise it would count as "
        f"wrong.\n{END}"
    )


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", choices=[*RUNS, []], help="all by default")
    parser.add_argument("--quick", action="store_true", help="a tenth of the kills")
    parser.add_argument("--kills", type=int, help="so many in all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE.relative_to(ROOT)}")
    options = parser.parse_args(arguments)
    runs = options.runs or list(RUNS)
    total, rows = options.kills or (KILLS // 10 if options.quick else KILLS), []
    for place, run in enumerate(runs):
        kills = total // len(runs) + (place < total % len(runs))
        if kills:
            rows.append((run, *campaign(run, kills, options.seed)))
            print(table(rows[-1:]), *rows[-1][2], sep="\n", flush=True)
    print(table(rows))
    if options.write:
        command = "python examples/benchmarks/kills.py" + " --quick" * options.quick + " --write"
        write_page(page(rows, command), START, END)
    return sum(len(row[2]) for row in rows)


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
