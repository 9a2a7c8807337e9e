"""Finished trials on disk: one JSON file each, under a name that depends on all that the result depends on."""

from __future__ import annotations

import functools
import hashlib
import inspect
import json
import math
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ganaug.exceptions import DataWarning
from ganaug.utils.files import write_whole
from ganaug.utils.isolation import warn

__all__ = ["Row", "data_digest", "described", "read_trial", "trial_path", "write_trial"]

# Raised when the same settings would give other figures: files of an earlier protocol are then left unread.
PROTOCOL = 1
PACKAGE = Path(__file__).resolve().parents[1]
# Packages of ganaug on whose sources no figure depends (for that of the experiments PROTOCOL stands).
WITHOUT_EFFECT = {"experiments", "report", "cli", "__init__", "__main__"}
# Packages on which a sampler's figures do not depend, because no lower layer imports them.
ABOVE_SAMPLERS = WITHOUT_EFFECT | {"datasets", "pools", "selection", "transforms"}
# Classes that have moved, by the names that stand in files of earlier versions.
FORMERLY = {
    "ganaug.experiments.images.arms.Arm": "ganaug.experiments.pixels.arms.Arm",
    "ganaug.experiments.neighbor_sampler.NeighborSampler": "ganaug.experiments.samplers.NeighborSampler",
}

Row = dict[str, Any]


def trial_path(folder: Path, dataset: str, arm: str, repeat: int, fold: int, settings: Any) -> Path:
    """Where the trial with these settings is stored, or would be.

    Parameters
    ----------
    folder : Path
    dataset, arm : str
        Names of the data set and of the treatment; the file's name begins with them.
    repeat, fold : int
        Of the cross-validation; of images and series the seed and 0.
    settings : list, dict, str or number
        All else that the result depends on, as JSON can hold it.
    """
    text = json.dumps([PROTOCOL, dataset, arm, repeat, fold, settings], sort_keys=True)
    key = hashlib.sha256(text.encode()).hexdigest()[:20]
    names = "-".join(re.sub(r"[^A-Za-z0-9_.]+", "_", name)[:40] for name in (dataset, arm))
    return folder / f"{names}-{repeat}-{fold}-{key}.json"


def read_trial(path: Path, like: Row | None = None) -> list[Row] | None:
    """The rows of a finished trial, or None if it is not there, or has to be computed again.

    Parameters
    ----------
    path : Path
        From `trial_path`.
    like : dict, optional
        A row: those of the file must have its columns, of its types.

    Warns
    -----
    DataWarning
        If the file is there, and is not what `write_trial` wrote for this trial.
    """
    try:
        return _checked(json.loads(path.read_bytes()), path.name, like)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        warn(f"the cached results in {path} are damaged or altered ({error}); they are computed again", DataWarning)
        return None


def write_trial(path: Path, rows: list[Row]) -> None:
    """Write a finished trial, whole or not at all."""
    plain = [{name: None if _is_nan(value) else value for name, value in row.items()} for row in rows]
    # the name of the file says what was computed, so that results are not taken for another trial's
    document = {"cell": path.name, "sha256": _checksum(path.name, plain), "rows": plain}
    write_whole(path, json.dumps(document, indent=1, allow_nan=False).encode())


def _checked(document: Any, name: str, like: Row | None) -> list[Row]:
    if not isinstance(document, dict) or not {"cell", "sha256", "rows"} <= set(document):
        raise ValueError("it has no checksum, or is of an earlier version")
    if document["cell"] != name:
        raise ValueError("it holds those of another trial")
    rows = document["rows"]
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError("it holds no list of rows")
    if document["sha256"] != _checksum(name, rows):
        raise ValueError("its checksum does not match its contents")
    rows = [{column: math.nan if value is None else value for column, value in row.items()} for row in rows]
    for row in rows if like is not None else ():
        odd = sorted(set(row) ^ set(like or ()))
        odd += [column for column, value in (like or {}).items() if _kind(row.get(column)) != _kind(value)]
        if odd:
            raise ValueError(f"its column {odd[0]!r} is not what it should be")
    return rows


def _kind(value: Any) -> str:
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__


def _checksum(name: str, rows: list[Row]) -> str:
    return hashlib.sha256(json.dumps([name, rows], allow_nan=False, sort_keys=True).encode()).hexdigest()


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def data_digest(*tables: Any) -> str:
    """A digest of values, columns and dtypes; equal data has equal digests, in any process."""
    digest = hashlib.sha256()
    for table in tables:
        if isinstance(table, np.ndarray) and table.dtype != object:
            digest.update(f"{table.dtype} {table.shape}".encode())
            digest.update(np.ascontiguousarray(table).tobytes())
            continue
        frame = pd.DataFrame(table)
        digest.update(repr([[str(c), str(frame[c].dtype)] for c in frame] if frame.columns.is_unique else 0).encode())
        digest.update(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes())
    return digest.hexdigest()[:20]


def described(value: Any) -> Any:
    """Anything as what JSON can hold: estimators as class, version and parameters, arrays as digests."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return repr(value)
    if isinstance(value, (np.ndarray, pd.DataFrame, pd.Series)):
        return data_digest(value)
    if isinstance(value, dict):
        return [[described(k), described(v)] for k, v in value.items()]
    if isinstance(value, (list, tuple, set, frozenset)):
        return [described(one) for one in value]
    if inspect.isroutine(value) or inspect.isclass(value):
        return _origin(value)
    parameters = value.get_params(deep=False) if hasattr(value, "get_params") else getattr(value, "__dict__", {})
    return [_origin(type(value)), {str(name): described(one) for name, one in sorted(parameters.items())}]


def _origin(thing: Any) -> str:
    """Name and version of a class or function; where there is no version, a digest of its source."""
    module = getattr(thing, "__module__", None) or ""
    name = f"{module}.{getattr(thing, '__qualname__', repr(thing))}"
    root, _, rest = module.partition(".")
    if root == PACKAGE.name:
        name = FORMERLY.get(name, name)
        home = rest.split(".")[0]
        return name if home in WITHOUT_EFFECT else f"{name} {_sources(whole=home in ABOVE_SAMPLERS)}"
    version = getattr(sys.modules.get(root), "__version__", None)
    if version is None:
        try:
            version = hashlib.sha256(inspect.getsource(thing).encode()).hexdigest()[:12]
        except (OSError, TypeError):
            version = ""
    return f"{name} {version}"


@functools.cache
def _sources(whole: bool) -> str:
    """A digest of ganaug's own sources, or only of those that a sampler's figures depend on."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        home = path.relative_to(PACKAGE).with_suffix("").parts[0]
        if home not in (WITHOUT_EFFECT if whole else ABOVE_SAMPLERS):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
