"""Model files: one safetensors file of arrays, with a JSON config in its header, and a limit on what it can ask for.

The sizes of networks stand in a file's config, and their weights beside it. An altered config could ask for a million
layers, or for a layer of a terabyte, before the weights are compared with it. Within a `TensorBudget` such a network is
refused while it is being built.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes
from torch.overrides import TorchFunctionMode

from ganaug import __version__
from ganaug.exceptions import InvalidParameterError, InvalidTypeError, ModelFileError
from ganaug.utils.files import check_path, path_error, write_whole
from ganaug.utils.types import STORED_DTYPES, Array, Arrays, Config, State

__all__ = ["FORMAT_VERSION", "ModelState", "TensorBudget", "expect", "read_config", "read_state", "write_state"]

# --------------------------------------------------------------------------------------
# Model files: one safetensors file of arrays, with a JSON config in its header.


FORMAT_VERSION = 2

# format -> function that upgrades (kind, config, arrays) of that format to the next one
_UPGRADERS: dict[int, Callable[[str, Config, Arrays], State]] = {}


def _from_1(kind: str, config: Config, arrays: Arrays) -> State:
    """Format 2 has the least share of votes of each class in an array, and not one number in the config."""
    curator, counts = config.get("curator"), arrays.get("condition_counts")
    if isinstance(curator, dict) and curator.get("forest_depth") is not None and "curator/least" not in arrays:
        least = curator.get("min_probability")
        if isinstance(least, (int, float)) and counts is not None:  # else the file is damaged, and will be refused
            arrays = {**arrays, "curator/least": np.full(counts.size, least, np.float32)}
    return config, arrays


_UPGRADERS[1] = _from_1

_KEY = "ganaug"
# safetensors writes larger headers than the 100 MB that it reads
_MAX_DOCUMENT = 50_000_000


@dataclass(frozen=True)
class ModelState:
    """What a model file holds.

    Attributes
    ----------
    kind : str
        What was saved, for example ``"tabular-gan"``.
    config : dict
        JSON values.
    arrays : dict of str to ndarray
        Writeable, native byte order, in the order in which they were written.
    format_version : int
        The format in which the file was written, before any upgrade.
    written_by : str
        The version of ganaug that wrote it.
    """

    kind: str
    config: Config
    arrays: Arrays
    format_version: int
    written_by: str


def write_state(
    path: str | os.PathLike[str], kind: str, config: Mapping[str, Any], arrays: Mapping[str, Array]
) -> None:
    """Write one file, whole or not at all.

    Parameters
    ----------
    path : str or path-like
        Taken as given, suffix and all. A file that stands there is replaced at
        the last moment, and stays as it was if anything goes wrong before.
    kind : str
        What is saved; `read_state` checks it.
    config : mapping
        JSON values. Numpy scalars become Python ones, tuples become lists.
    arrays : mapping of str to ndarray
        Booleans, integers, floats of up to 64 bits or complex64, of any shape.

    Raises
    ------
    InvalidTypeError
        If a value of the config is not JSON, or an array has another dtype.
    InvalidParameterError
        If a number of the config is not finite, or the config is too large.
    ModelPathNotFoundError
        If the folder does not exist.
    ModelPathError
        If the path is a folder or the system refuses to write. Also an `OSError`.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from ganaug.utils.state import read_state, write_state
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.safetensors")
    ...     write_state(path, "demo", {"width": 128}, {"weight": np.zeros((2, 3))})
    ...     state = read_state(path, "demo")
    >>> state.config, state.arrays["weight"].shape
    ({'width': 128}, (2, 3))
    """
    target = check_path(path)
    plain = {name: _plain_array(name, array) for name, array in arrays.items()}
    document = {
        "format_version": FORMAT_VERSION,
        "written_by": __version__,
        "kind": kind,
        "config": _jsonable(dict(config), "config"),
        "arrays": {name: [array.dtype.name, list(array.shape)] for name, array in plain.items()},
    }
    document["sha256"] = _checksum(document, plain)
    text = _dump(document)
    if len(text) > _MAX_DOCUMENT:
        raise InvalidParameterError(
            f"the config takes {len(text):,} characters and a model file has room for {_MAX_DOCUMENT:,}; "
            "store its long lists as arrays"
        )
    write_whole(target, to_bytes(plain, metadata={_KEY: text}))


def read_state(path: str | os.PathLike[str], kind: str | None = None) -> ModelState:
    """Read a file that `write_state` wrote, checking all of it and running none of it.

    Parameters
    ----------
    path : str or path-like
        The file.
    kind : str, optional
        What the file must hold; None takes anything.

    Returns
    -------
    ModelState
        Of the present format, whichever format the file has.

    Raises
    ------
    ModelFileError
        If the file is empty, truncated, damaged, foreign, of a newer format or
        of another kind.
    ModelPathNotFoundError, ModelPathError
        If there is no such file, or it cannot be read.
    """
    source = check_path(path)
    _refuse_foreign(source)
    try:
        with safe_open(source, framework="numpy") as file:
            document = _parse(source, file.metadata())
            table = document["arrays"]
            names = file.keys()
            if set(names) != set(table):
                _damaged(source, f"arrays {sorted(set(names) ^ set(table))} are not both listed and there")
            # safetensors has its own order; the table has the writer's
            arrays: Arrays = {name: file.get_tensor(name) for name in table}
    except OSError as error:
        raise path_error(error, f"could not read {source}") from error
    except (SafetensorError, TypeError, AttributeError) as error:
        _damaged(source, str(error), error)
    for name, array in arrays.items():
        if table[name] != [array.dtype.name, list(array.shape)]:
            _damaged(source, f"array {name!r} is {array.dtype.name} {array.shape}, listed as {table[name]}")
    stored = document.pop("sha256")
    if stored != _checksum(document, arrays):
        _damaged(source, "its checksum does not match its contents")
    return _upgraded(source, document, arrays, kind)


def read_config(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The config of a file, without its arrays and unchecked: for what is wanted of a file that was read before.

    Raises
    ------
    ModelFileError, ModelPathNotFoundError, ModelPathError
        As `read_state`.
    """
    source = check_path(path)
    _refuse_foreign(source)
    try:
        with safe_open(source, framework="numpy") as file:
            config: dict[str, Any] = _parse(source, file.metadata())["config"]
    except OSError as error:
        raise path_error(error, f"could not read {source}") from error
    except SafetensorError as error:
        _damaged(source, str(error), error)
    return config


def expect(
    arrays: Mapping[str, Array],
    name: str,
    shape: tuple[int | None, ...] | None = None,
    dtype: npt.DTypeLike | None = None,
) -> Array:
    """The array of that name, if it has the expected shape and dtype.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        As in `ModelState.arrays`.
    name : str
        The array wanted.
    shape : tuple of int or None, optional
        Its shape; None in the tuple stands for any size.
    dtype : dtype-like, optional
        Its dtype, exactly.

    Returns
    -------
    ndarray
        ``arrays[name]``.

    Raises
    ------
    ModelFileError
        If it is missing or of another shape or dtype.

    Examples
    --------
    >>> import numpy as np
    >>> from ganaug.utils.state import expect
    >>> expect({"bias": np.zeros(3)}, "bias", shape=(3,)).shape
    (3,)
    """
    if name not in arrays:
        raise ModelFileError(f"the model file lacks the array {name!r}; it is damaged or was altered, save it again")
    array = arrays[name]
    fits = shape is None or (
        array.ndim == len(shape) and all(want in (None, size) for want, size in zip(shape, array.shape, strict=True))
    )
    if not fits:
        wanted = "(" + ", ".join("any" if size is None else str(size) for size in shape or ()) + ")"
        raise ModelFileError(
            f"array {name!r} of the model file has shape {array.shape}, its config asks for {wanted}; "
            "the file is damaged or was altered, save it again"
        )
    if dtype is not None and array.dtype != np.dtype(dtype):
        raise ModelFileError(
            f"array {name!r} of the model file has dtype {array.dtype}, expected {np.dtype(dtype)}; "
            "the file is damaged or was altered, save it again"
        )
    return array


def _damaged(path: Path, reason: str, cause: Exception | None = None) -> NoReturn:
    raise ModelFileError(
        f"{path} is truncated or damaged ({reason}); copy it again from where it was saved, or save it again"
    ) from cause


# ---------------------------------------------------------------- writing


def _plain_array(name: object, array: object) -> Array:
    if not isinstance(name, str) or not name or name == "__metadata__":
        raise InvalidTypeError(f"{name!r} cannot name an array; use a non-empty string")
    # a masked array would lose its mask, a tensor or a list its meaning
    if not isinstance(array, (np.ndarray, np.generic)) or isinstance(array, np.ma.MaskedArray):
        raise InvalidTypeError(f"array {name!r} is a {type(array).__name__}; give a plain numpy array")
    if array.dtype.name not in STORED_DTYPES:
        raise InvalidTypeError(
            f"array {name!r} has dtype {array.dtype}, which a model file cannot hold; convert it to one of "
            f"{', '.join(STORED_DTYPES)} (.astype('int64') for datetimes)"
        )
    return np.asarray(array, dtype=array.dtype.newbyteorder("="), order="C")


def _jsonable(value: object, where: str) -> object:
    """The value as plain JSON types, or an error that names where it stands."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidParameterError(f"{where} is {value}, which JSON cannot hold; use None or an array")
        return float(value)
    if isinstance(value, (list, tuple)):
        return [_jsonable(item, f"{where}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise InvalidTypeError(f"{where} has the key {key!r}, not a string; JSON needs strings as keys")
        return {str.__str__(key): _jsonable(item, f"{where}.{key}") for key, item in value.items()}
    raise InvalidTypeError(
        f"{where} is a {type(value).__name__}, not JSON; use None, bool, int, float, str, list or dict"
    )


def _dump(document: Mapping[str, Any]) -> str:
    return json.dumps(document, allow_nan=False, separators=(",", ":"))


def _checksum(document: Mapping[str, Any], arrays: Mapping[str, Array]) -> str:
    digest = hashlib.sha256(_dump(document).encode())
    for name in document["arrays"]:
        digest.update(np.ascontiguousarray(arrays[name]).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


# ---------------------------------------------------------------- reading


def _refuse_foreign(path: Path) -> None:
    """Refuse a file that is no model file with a message that says what it is."""
    try:
        with open(path, "rb") as file:
            start = file.read(9)
    except OSError as error:
        raise path_error(error, f"could not read {path}") from error
    if not start:
        _damaged(path, "it is empty")
    if start[8:9] == b"{":
        return
    guess = {b"\x80": "a pickle", b"PK": "a zip archive, as torch.save and numpy.savez write"}
    looks = next((f"; it looks like {what}" for mark, what in guess.items() if start.startswith(mark)), "")
    raise ModelFileError(
        f"{path} is not a model file of ganaug{looks}. ganaug loads only what save() wrote, never pickles, "
        "because those can run code"
    )


def _parse(path: Path, metadata: Mapping[str, str] | None) -> dict[str, Any]:
    """The document in the header, of a format that can be read."""
    text = (metadata or {}).get(_KEY)
    if text is None:
        raise ModelFileError(
            f"{path} is a safetensors file, but not one of ganaug; load it with the library that wrote it"
        )
    try:
        document = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        _damaged(path, f"its config is not JSON: {error}", error)
    version = document.get("format_version") if isinstance(document, dict) else None
    if type(version) is not int:
        _damaged(path, "its format version is missing")
    if version > FORMAT_VERSION:
        raise ModelFileError(
            f"{path} was written by ganaug {document.get('written_by', '(unknown)')} in format {version}; "
            f"this ganaug ({__version__}) reads formats up to {FORMAT_VERSION}; upgrade ganaug to load it"
        )
    types = {"written_by": str, "kind": str, "config": dict, "arrays": dict, "sha256": str}
    for key, kind in types.items():
        if not isinstance(document.get(key), kind):
            _damaged(path, f"{key!r} is missing from its header or not a {kind.__name__}")
    return dict(document)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _upgraded(path: Path, document: dict[str, Any], arrays: Arrays, kind: str | None) -> ModelState:
    found, config, written = document["kind"], document["config"], document["format_version"]
    for version in range(written, FORMAT_VERSION):
        if version not in _UPGRADERS:
            raise ModelFileError(f"{path} has format {written}, which ganaug {__version__} cannot read any more")
        config, arrays = _UPGRADERS[version](found, config, arrays)
    if kind is not None and found != kind:
        raise ModelFileError(
            f"{path} holds a {found!r}, not a {kind!r}; load it with ganaug.load or the class that saved it"
        )
    return ModelState(found, config, arrays, written, document["written_by"])


# --------------------------------------------------------------------------------------
# A limit on the networks that a model file can ask for.


# Beside the weights: buffers that are computed, and the calls that it takes to make a layer.
SPARE_VALUES, SPARE_CALLS = 2**20, 2000
VALUES_FOR_EACH, CALLS_FOR_EACH = 8, 40

_MAKERS = frozenset([torch.zeros, torch.ones, torch.empty, torch.full, torch.rand, torch.randn])


class TensorBudget(TorchFunctionMode):
    """Within the block, torch makes no more and no larger tensors than networks with these weights need.

    Parameters
    ----------
    weights : iterable of ndarray
        The arrays of the file.

    Raises
    ------
    ModelFileError
        Within the block, where more is asked for.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from ganaug.utils.state import TensorBudget
    >>> with TensorBudget([np.zeros((3, 4))]):
    ...     torch.zeros(3, 4, dtype=torch.float32).shape
    torch.Size([3, 4])
    """

    def __init__(self, weights: Iterable[Array]) -> None:
        super().__init__()
        sizes = [array.size for array in weights]
        self.largest = SPARE_VALUES + max(sizes, default=0)
        self.values = SPARE_VALUES * 4 + VALUES_FOR_EACH * sum(sizes)
        self.calls = SPARE_CALLS + CALLS_FOR_EACH * len(sizes)

    def __torch_function__(self, func: Callable[..., Any], types: object, args: Any = (), kwargs: Any = None) -> object:
        """Call a function of torch, and count what it gives."""
        self.calls -= 1
        self._check(0)
        if func in _MAKERS:  # zeros are written as they are made, so a look at the result would come too late
            self._check(_size_asked(args, kwargs or {}))
        found = func(*args, **(kwargs or {}))
        if isinstance(found, torch.Tensor):
            self.values -= found.numel()
            self._check(found.numel())
        return found

    def _check(self, size: int) -> None:
        if size > self.largest:
            raise ModelFileError(f"its config asks for an array of {size:,} values, which the file does not hold")
        if self.calls < 0 or self.values < 0:
            raise ModelFileError("its config asks for larger networks than the file holds")


def _size_asked(args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """How many values the sizes given to `torch.zeros` and its like make."""
    sizes = kwargs.get("size", args[0] if args and isinstance(args[0], (tuple, list)) else args)
    return math.prod(size for size in sizes if isinstance(size, int))
