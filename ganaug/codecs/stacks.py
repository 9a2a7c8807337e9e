"""Samples of equal shape in one array: how users hold images and series, and get them back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ganaug.codecs.arrays import is_tensor
from ganaug.codecs.axes import SIDES
from ganaug.codecs.casts import dtype_from
from ganaug.codecs.pictures import is_picture, picture_array
from ganaug.codecs.plain import Array
from ganaug.exceptions import InvalidDataError, InvalidTypeError, ModelFileError

__all__ = [
    "CHUNK",
    "FAMILIES",
    "Stack",
    "diverged",
    "open_stack",
    "plain_array",
    "refuse_not_finite",
    "stack_samples",
    "stored",
]

FAMILIES = {"b": "boolean", "i": "integer", "u": "integer", "f": "float"}

CHUNK = 256  # samples that are cast to float64 at a time, so that memory stays near that of the data

_HUGE = 1e300  # differences of larger numbers are infinite

_LARGEST = 2**53  # integers up to here are floats without loss


@dataclass(frozen=True)
class Stack:
    """Container and dtype of stacked samples.

    Attributes
    ----------
    tensor : bool
        A torch tensor, else an ndarray.
    dtype : str
        A numpy dtype as ``dtype.str``, or "bfloat16", which numpy lacks.
    """

    tensor: bool
    dtype: str

    @property
    def numpy(self) -> np.dtype[Any]:
        """The dtype that decoded values are cast to (bfloat16: float32)."""
        return np.dtype(np.float32 if self.dtype == "bfloat16" else self.dtype)

    @property
    def family(self) -> str:
        """Boolean, integer or float."""
        return FAMILIES[self.numpy.kind]

    @property
    def name(self) -> str:
        """As messages say it."""
        return self.dtype if self.dtype == "bfloat16" else self.numpy.name

    def cast(self, values: Array) -> Array:
        """Floats as `numpy`: integers rounded, nothing wrapped around or made infinite."""
        dtype = self.numpy
        if dtype.kind == "f":
            info: Any = np.finfo(dtype)
            return values.clip(float(info.min), float(info.max)).astype(dtype)
        if dtype.kind == "b":
            return values >= 0.5
        bounds = np.iinfo(dtype)
        return np.rint(values).clip(max(bounds.min, -_LARGEST), min(bounds.max, _LARGEST)).astype(dtype)

    def close(self, array: Array) -> Any:
        """The array in the container."""
        if not self.tensor:
            return array
        import torch

        tensor = torch.from_numpy(array)
        return tensor.to(torch.bfloat16) if self.dtype == "bfloat16" else tensor

    def get_state(self) -> dict[str, Any]:
        """Config."""
        return {"tensor": self.tensor, "dtype": self.dtype}

    @classmethod
    def from_state(cls, config: dict[str, Any]) -> Stack:
        """The stack that `get_state` took apart; raises ModelFileError if it is none."""
        tensor, dtype = config["tensor"], config["dtype"]
        known = isinstance(dtype, str) and (dtype == "bfloat16" or dtype_from(dtype).kind in FAMILIES)
        if type(tensor) is not bool or not known or (dtype == "bfloat16" and not tensor):
            raise ModelFileError(f"stored dtype {dtype!r} (tensor={tensor!r}) is none of samples")
        return cls(tensor, dtype)


def open_stack(X: Any, what: str) -> tuple[Array, Stack]:
    """An ndarray that shares memory with X where it can, and what X was.

    Parameters
    ----------
    X : ndarray, tensor, or list of arrays, tensors or PIL images of equal size
    what : str
        "images" or "series"; messages say it.

    Raises
    ------
    InvalidTypeError
        If X is none of these, or its dtype is neither boolean, integer nor float.
    InvalidDataError
        If list items differ in size or mode.
    """
    if isinstance(X, (list, tuple)):
        X = stack_samples(X, len(X), what)
    if isinstance(X, np.ma.MaskedArray):
        raise InvalidTypeError("a masked array cannot be given back; use X.filled(...)")
    if is_tensor(X):
        return _open_tensor(X, what)
    if not isinstance(X, np.ndarray) and not hasattr(X, "__array__"):
        raise InvalidTypeError(
            f"cannot read {what} from {type(X).__name__!r}; give an ndarray, a torch tensor or a list of arrays"
        )
    array = np.asarray(X)
    _check_kind(array, array.dtype.name, what)
    return array, Stack(False, array.dtype.str)


def _open_tensor(X: Any, what: str) -> tuple[Array, Stack]:
    name = str(X.dtype).removeprefix("torch.")
    try:
        plain = X.detach().cpu()
        array = (plain.float() if name == "bfloat16" else plain).numpy()
    except (TypeError, RuntimeError) as error:  # sparse, quantised, 8-bit floats
        raise InvalidTypeError(f"cannot read {what} from a tensor of dtype {name}: {error}") from error
    _check_kind(array, name, what)
    return array, Stack(True, name if name == "bfloat16" else array.dtype.str)


def _check_kind(array: Array, name: str, what: str) -> None:
    if array.dtype.kind not in FAMILIES:
        hint = " (are the items of different shapes?)" if array.dtype == object else ""
        raise InvalidTypeError(f"{what} of dtype {name} cannot be learnt{hint}; give booleans, integers or floats")
    if array.dtype.kind in "iu" and array.dtype.itemsize == 8 and array.size:
        if array.max() > _LARGEST or array.min() < -_LARGEST:
            raise InvalidDataError(f"{what} hold integers beyond 2**53, which floats cannot tell apart; rescale them")


def stack_samples(items: Iterable[Any], n: int, what: str, name: Callable[[int], str] | None = None) -> Any:
    """Samples one after another, as one array or tensor.

    Parameters
    ----------
    items : iterable of ndarray, tensor or PIL image
        Of the same shape, dtype and mode; read one at a time.
    n : int
        How many there are.
    what : str
        "images" or "series"; messages say it.
    name : callable, default=None
        How messages name item ``i``.

    Returns
    -------
    ndarray or tensor of shape (n, ...)
        A tensor if the items are tensors. Pictures are (n, H, W) or (n, H, W, channels).

    Raises
    ------
    InvalidDataError
        If there is none, or two differ; it names both and what they are.
    """
    name = name or (lambda i: f"item {i}")
    out: Any = None
    first = ""
    for i, item in enumerate(items):
        sample, form = _opened(item, what, name(i))
        if out is None:
            out, first = np.empty((n, *sample.shape), sample.dtype), form
            as_tensor = is_tensor(item)
            tensor_dtype = item.dtype if as_tensor else None
        elif form != first:
            raise InvalidDataError(_difference(_likely(what, out.shape[1:], sample), name(0), first, name(i), form))
        out[i] = sample
    if out is None:
        raise InvalidDataError(f"there are no {what}; give at least one")
    if not as_tensor:
        return out
    import torch

    return torch.from_numpy(out).to(tensor_dtype)


def _opened(item: Any, what: str, name: str) -> tuple[Array, str]:
    """A sample as an array, and the words for what it is; two samples stack if the words agree."""
    if is_picture(item):
        array, mode = picture_array(item)
        return array, f"{array.shape[0]} x {array.shape[1]} {mode}"
    if is_tensor(item):
        array, stack = _open_tensor(item, what)
        return array, f"a tensor of shape {array.shape} and dtype {stack.name}"
    if isinstance(item, (np.ndarray, list, tuple)) or hasattr(item, "__array__"):
        try:
            array = np.asarray(item)
        except ValueError as error:
            raise InvalidDataError(f"{name} is no array: its rows differ in length") from error
        _check_kind(array, array.dtype.name, what)
        return array, f"an array of shape {array.shape} and dtype {array.dtype}"
    raise InvalidTypeError(
        f"{name} is a {type(item).__name__}; {what} must be arrays, tensors or PIL images "
        "(a path is read with resolve_samples, or by giving its folder)"
    )


_REMEDIES = {
    "images": "resize with torchvision.transforms.v2.Resize or give image_size=(height, width); where only the mode "
    'or dtype differs, make it one, for example with image.convert("RGB")',
    "series": "cut them to one length (x[..., :length]), pad them (numpy.pad) or resample them (scipy.signal.resample) "
    "with the same channels and dtype",
}


def _likely(what: str, shape: tuple[int, ...], other: Array) -> str:
    """Images, or series where that is what the samples must be: one axis, or two of which one is short and equal."""
    if what != "images" or other.dtype == np.uint8 or {len(shape), other.ndim} - {1, 2}:
        return what
    if len(shape) != other.ndim:
        return "series"
    equal = [side for side, mine in zip(shape, other.shape, strict=True) if side == mine]
    return "series" if other.ndim == 1 or (equal and min(equal) < SIDES[0]) else what


def _difference(what: str, one: str, form: str, other: str, other_form: str) -> str:
    return f"{what} differ: {one} is {form}, {other} is {other_form}; {_REMEDIES[what]}"


def plain_array(samples: Any) -> Array:
    """An array or tensor of a network as an ndarray; half precision becomes float32."""
    if not is_tensor(samples):
        return np.asarray(samples)
    plain = samples.detach().cpu()
    array: Array = (plain.float() if plain.is_floating_point() else plain).numpy()
    return array


def refuse_not_finite(array: Array, describe: Callable[[tuple[int, ...], str], str]) -> None:
    """Refuse NaN, infinity and numbers beyond 1e300 in (n, ...).

    ``describe(index, what)`` says where the first one is, and what to do.
    """
    if array.dtype.kind != "f":
        return
    limit = min(_HUGE, float(np.finfo(array.dtype).max))
    for start in range(0, len(array), CHUNK):
        bad = ~(np.abs(array[start : start + CHUNK]) <= limit)
        if bad.any():
            at = np.argwhere(bad)[0]
            index = (start + int(at[0]), *map(int, at[1:]))
            value = float(array[index])
            what = "NaN" if np.isnan(value) else "infinity" if np.isinf(value) else f"the value {value:g}"
            raise InvalidDataError(describe(index, what))


def diverged(index: tuple[int, ...], what: str) -> str:
    """What is said of numbers that no data has."""
    return f"cannot decode {what} (sample {index[0]}); the generator that made it has diverged"


def stored(arrays: dict[str, Array], name: str, shape: tuple[int, ...]) -> Array:
    """A finite float64 array of a model file; raises ModelFileError for anything else."""
    array = arrays.get(name)
    if array is None or array.shape != shape or array.dtype != np.float64 or not np.isfinite(array).all():
        raise ModelFileError(f"the stored {name!r} is no finite float64 array of shape {shape}")
    return array
