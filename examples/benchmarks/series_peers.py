"""Oversample series with the imbalance module of aeon, in an environment of its own.

    python -m venv out/aeon && out/aeon/bin/pip install aeon
    out/aeon/bin/python examples/benchmarks/series_peers.py out/series_rocket

For each file ``NAME.split.npz`` of a folder (``X`` of shape (n, channels, length) and ``y``, as ``series_rocket.py``
writes them) and each method, ``NAME.METHOD.npz`` gets the new series alone, or why there are none. What is there is
left.

aeon's methods take series of one channel. Those of several are given with their channels end to end, so that an
elastic distance compares channels at nearly the same place, and one draw makes all channels of a series together.
Neighbours are 5, or one fewer than the smallest class has.
"""

import argparse
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np

WINDOW = {"window": 0.1}  # of elastic distances, as a share of the length
METHODS = ("elastic SMOTE", "elastic ADASYN", "ESMOTE", "OHIT")


def method(name, k, seed):
    """A sampler of aeon."""
    from aeon.transformations.collection import imbalance

    common = {"random_state": seed}
    if name == "elastic SMOTE":
        return imbalance.SMOTE(n_neighbors=k, distance="msm", distance_params=WINDOW, **common)
    if name == "elastic ADASYN":
        return imbalance.ADASYN(n_neighbors=k, distance="dtw", distance_params=WINDOW, **common)
    if name == "ESMOTE":
        return imbalance.ESMOTE(n_neighbors=k, distance="twe", distance_params=WINDOW, **common)
    return imbalance.OHIT(**common)


def made(name, X, y, seed):
    """New series and their classes."""
    flat = X.reshape(len(X), 1, -1).astype(np.float64)
    k = max(1, min(5, int(np.bincount(y)[np.unique(y)].min()) - 1))
    got, classes = method(name, k, seed).fit_transform(flat, y)
    if not np.array_equal(got[: len(X)], flat):
        raise ValueError("the real series do not come first")
    new = got[len(X) :].reshape(-1, *X.shape[1:]).astype(np.float32)
    if not np.isfinite(new).all():
        raise ValueError("some of the new series are not finite")
    return new, np.asarray(classes)[len(X) :].astype(np.int64)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where series_rocket.py has written splits")
    parser.add_argument("--splits", default="*", help="a pattern such as *-0, for the splits of seed 0 (default: all)")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS, metavar="NAME", help=f"of {METHODS}")
    options = parser.parse_args(arguments)
    (options.folder / "aeon.txt").write_text(version("aeon"), encoding="utf-8")
    for split in sorted(options.folder.glob(f"{options.splits}.split.npz")):
        with np.load(split) as stored:
            X, y, seed = stored["X"], stored["y"], int(stored["seed"])
        for name in options.methods:
            path = split.with_name(split.name.replace(".split.npz", f".{name.replace(' ', '_')}.npz"))
            if path.exists():
                continue
            began, error = time.perf_counter(), ""
            try:
                new, classes = made(name, X, y, seed)
            except Exception as reason:
                new, classes, error = X[:0], y[:0], f"{type(reason).__name__}: {reason}"[:300]
            part = path.with_name(path.name + ".part")
            with part.open("wb") as file:
                np.savez(file, X=new, y=classes, error=error, seconds=time.perf_counter() - began)
            part.replace(path)
            print(f"{path.name}: {len(new)} new, {time.perf_counter() - began:.0f} s {error}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
