"""PIL images: opened from files, also by workers, as arrays and back in their mode; floats that are pixels of 8 bits.

PIL is imported only when it is needed.
"""

from __future__ import annotations

import io
import os
import sys
import threading
import warnings
from contextlib import nullcontext
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar

import numpy as np

from ganaug.exceptions import (
    DataWarning,
    InvalidDataError,
    InvalidParameterError,
    InvalidTypeError,
    MissingDependencyError,
)
from ganaug.utils.determinism import warn
from ganaug.utils.types import Array

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from PIL.Image import Image as PILImage

__all__ = [
    "FewValues",
    "ImageHeader",
    "array_to_pil",
    "channels_of",
    "check_pil_file",
    "checked_size",
    "file_format",
    "in_order",
    "is_pil_image",
    "learned_mode",
    "mode_of_array",
    "open_image",
    "pil_file_bytes",
    "pil_to_array",
    "read_image_header",
    "resize_image",
    "sized_sample",
]

# Modes whose numbers cannot be averaged -> the mode in which such images are learnt. Neighbouring indices of a palette
# are unrelated colours; hue is a circle, on which the mean of two reds is cyan; premultiplied colours exceed their
# alpha when they are learnt one by one.
_CONVERTED = {"P": "RGB", "PA": "RGBA", "HSV": "RGB", "La": "LA", "RGBa": "RGBA", "RGBX": "RGB"}
# The same pixels in another order of bytes.
_SIXTEEN = frozenset(["I;16", "I;16B", "I;16L", "I;16N"])
_SMOOTH = {"1": "L", **_CONVERTED}  # PIL resizes these by picking single pixels, or means something else by the mean
# A colour that stands for "transparent" -> the mode that has the transparency of each pixel.
_WITH_ALPHA = {"P": "RGBA", "L": "LA", "RGB": "RGBA"}

# Learnt mode -> the file format that holds it exactly, and that format's suffix.
_FORMATS = {
    **dict.fromkeys(("1", "L", "LA", "RGB", "RGBA", "I;16"), ("PNG", ".png")),
    **dict.fromkeys(("I", "F", "CMYK", "YCbCr", "LAB"), ("TIFF", ".tif")),
}
# Learnt mode -> its channels.
_BANDS = {"1": 1, "L": 1, "I;16": 1, "I": 1, "F": 1, "LA": 2, "RGB": 3, "YCbCr": 3, "LAB": 3, "RGBA": 4, "CMYK": 4}
# Channels of 8-bit arrays -> their default mode.
_BY_CHANNELS = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}

# EXIF: the tag, and its values -> what makes such an image upright
_ORIENTATION = 0x0112
_TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}


@dataclass(frozen=True)
class ImageHeader:
    """What is in an image file, by its header.

    Attributes
    ----------
    mode : str
        PIL's mode of the file.
    learnt : str
        The mode in which it is learnt; see `learned_mode`. Palettes and single colours that stand for "transparent"
        give a channel of transparency.
    animated : bool
        Whether it holds more than one frame or page.
    deep : bool
        Whether it holds colours of 16 bits, of which pillow reads 8.
    profile : bytes or None
        The ICC profile.
    """

    mode: str
    learnt: str
    animated: bool
    deep: bool
    profile: bytes | None


def is_pil_image(X: object) -> TypeGuard[PILImage]:
    """Whether X is a PIL image, without importing PIL."""
    image = sys.modules.get("PIL.Image")
    return image is not None and isinstance(X, image.Image)


def learned_mode(mode: str) -> str:
    """The mode in which images of a mode are learnt: another one where its numbers cannot be averaged.

    Examples
    --------
    >>> from ganaug.encoding.pil_images import learned_mode
    >>> learned_mode("P"), learned_mode("HSV"), learned_mode("CMYK")
    ('RGB', 'RGB', 'CMYK')
    """
    return "I;16" if mode in _SIXTEEN else _CONVERTED.get(mode, mode)


def channels_of(mode: str) -> int | None:
    """Channels of a learnt mode; None if there is no such mode."""
    return _BANDS.get(mode)


def pil_to_array(image: PILImage) -> tuple[Array, str]:
    """A PIL image as (H, W) or (H, W, channels), and the mode of these numbers; see `learned_mode`.

    The two colour channels of LAB are counted from 128, so that neutral grey is in the middle of their range.
    """
    learnt = learned_mode(image.mode)
    if image.mode == "P" and "transparency" in image.info:
        warn(
            "a palette image with transparent pixels is learnt as RGB, without its transparency; "
            'image.convert("RGBA") keeps it',
            DataWarning,
        )
        image = image.convert("RGBA")  # else pillow would warn
    if image.mode not in _SIXTEEN and image.mode != learnt:
        image = image.convert(learnt)
    array = np.asarray(image)
    if image.mode in _SIXTEEN:
        return array.astype(np.uint16, copy=False), "I;16"
    return _moved(array) if image.mode == "LAB" else array, image.mode


def array_to_pil(array: Array, mode: str | None = None) -> PILImage:
    """A PIL image of an array: the counterpart of `pil_to_array`.

    Parameters
    ----------
    array : ndarray of shape (H, W) or (H, W, channels)
        As `pil_to_array` gives it.
    mode : str, default=None
        The mode of the image. None goes by dtype and channels; see `mode_of_array`.

    Returns
    -------
    PIL.Image.Image
        Of that mode; where images of the mode are learnt in another one, it is converted from that.

    Raises
    ------
    InvalidDataError
        If no mode holds such pixels, or the mode has another number of channels or another dtype.
    """
    from PIL import Image

    learnt = mode_of_array(array) if mode is None else learned_mode(mode)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    dtype = _DTYPES.get(learnt, np.dtype(np.uint8))
    bands = 1 if array.ndim == 2 else array.shape[-1]
    if array.ndim not in (2, 3) or bands != channels_of(learnt):
        raise InvalidDataError(f"pixels of shape {array.shape} make no image of mode {mode or learnt}")
    if mode is not None and array.dtype.kind != dtype.kind:
        raise InvalidDataError(f"pixels of dtype {array.dtype} make no image of mode {mode}; it holds {dtype}")
    array = np.ascontiguousarray(array, dtype)
    if learnt in ("1", *_SIXTEEN, "I", "F"):
        image = Image.fromarray(array)
    else:
        # by mode, because RGBA and CMYK have the same number of channels
        pixels = _moved(array) if learnt == "LAB" else array
        image = Image.frombytes(learnt, (array.shape[1], array.shape[0]), pixels.tobytes())
    if mode is None or mode == learnt or mode in _SIXTEEN:
        return image
    return image.convert("P", palette=Image.Palette.ADAPTIVE) if mode == "P" else image.convert(mode)


_DTYPES = {"1": np.dtype(bool), "I;16": np.dtype(np.uint16), "I": np.dtype(np.int32), "F": np.dtype(np.float32)}


def mode_of_array(array: Array) -> str:
    """The mode of PIL that holds an array (H, W) or (H, W, channels), by its dtype and channels.

    Raises
    ------
    InvalidDataError
        If there is none.
    """
    bands = 1 if array.ndim == 2 else array.shape[-1]
    dtype = array.dtype
    if dtype == np.uint8 and bands in _BY_CHANNELS:
        return _BY_CHANNELS[bands]
    if bands == 1 and dtype.kind in "biuf":
        if dtype.kind in "bf":
            return "1" if dtype.kind == "b" else "F"
        if dtype == np.uint16:
            return "I;16"
        bounds = np.iinfo(np.int32)
        if not array.size or (bounds.min <= array.min() and array.max() <= bounds.max):
            return "I"
    channels = "grey" if array.ndim == 2 else f"{bands} channel(s)"
    raise InvalidDataError(
        f"no image file holds pixels of {dtype}, {channels}; 8-bit images may have 1 to 4 channels, "
        "images of other dtypes one"
    )


def _moved(lab: Array) -> Array:
    """LAB with its colour channels as signed bytes <-> counted from 128."""
    return lab ^ np.array([0, 128, 128], np.uint8)


def file_format(mode: str) -> tuple[str, str]:
    """The format of files in which images of a learnt mode are written exactly, and its suffix.

    Raises
    ------
    InvalidDataError
        If there is none.
    """
    if mode not in _FORMATS:
        raise InvalidDataError(
            f"images of mode {mode} are held by no file format; convert them, for example to RGB or L"
        )
    return _FORMATS[mode]


def pil_file_bytes(array: Array, mode: str, profile: bytes | None = None) -> bytes:
    """The file of an image.

    Parameters
    ----------
    array : ndarray of shape (H, W) or (H, W, channels)
    mode : str
        A learnt mode.
    profile : bytes, default=None
        An ICC profile to go with it.

    Raises
    ------
    InvalidDataError
        If the array has not the mode's dtype or channels, or no file holds the mode.
    """
    kind, _ = file_format(mode)
    file = io.BytesIO()
    array_to_pil(array, mode).save(file, format=kind, **({} if profile is None else {"icc_profile": profile}))
    return file.getvalue()


def check_pil_file(array: Array, mode: str, profile: bytes | None = None) -> None:
    """Refuse an image that would not be the same after writing and reading it.

    Raises
    ------
    InvalidDataError, OSError
        It says what comes back.
    """
    from PIL import Image

    with Image.open(io.BytesIO(pil_file_bytes(array, mode, profile))) as image:
        again, found = pil_to_array(image)
    if found != mode or not np.array_equal(again.reshape(array.shape), array.astype(again.dtype)):
        raise InvalidDataError(f"what is read again has mode {found}, and other pixels or channels")


def resize_image(image: PILImage, size: tuple[int, int]) -> PILImage:
    """A PIL image of another (height, width), smoothed where it shrinks."""
    height, width = size
    if image.size == (width, height):
        return image
    from PIL.Image import Resampling

    if image.mode in _SMOOTH:
        image = image.convert(_SMOOTH[image.mode])
    elif image.mode in _SIXTEEN - {"I;16"}:
        image = array_to_pil(*pil_to_array(image))
    return image.resize((width, height), Resampling.BILINEAR)


def sized_sample(sample: Any, size: tuple[int, int], where: str) -> PILImage:
    """A sample of another (height, width); raises InvalidParameterError if it is no PIL image, and says where it is."""
    if not is_pil_image(sample):
        raise InvalidParameterError(
            f"image_size= resizes PIL images, but {where} is a {type(sample).__name__}; "
            "resize with torchvision.transforms.v2.Resize"
        )
    return resize_image(sample, size)


def checked_size(size: object) -> tuple[int, int] | None:
    """The parameter ``image_size``: None, or (height, width)."""
    if size is None:
        return None
    pair = tuple(size) if isinstance(size, (tuple, list)) else ()
    if len(pair) != 2 or not all(isinstance(v, Integral) and not isinstance(v, bool) and int(v) > 0 for v in pair):
        raise InvalidParameterError(f"image_size={size!r} is no (height, width) of positive integers, e.g. (64, 64)")
    return int(pair[0]), int(pair[1])


def read_image_header(path: str | os.PathLike[str]) -> ImageHeader:
    """What an image file holds, without decoding its pixels.

    Raises
    ------
    InvalidDataError, MissingDependencyError
        As `open_image`.
    """

    def look(image: PILImage) -> ImageHeader:
        learnt = learned_mode(image.mode)
        if "transparency" in image.info:
            learnt = _WITH_ALPHA.get(image.mode, learnt)
        # the second image in a file of a phone's camera is a preview or a gain map
        animated = bool(getattr(image, "is_animated", False)) and image.format != "MPO"
        profile = image.info.get("icc_profile")
        return ImageHeader(image.mode, learnt, animated, _is_deep(image), profile if profile else None)

    return _with_image(path, look)


def _is_deep(image: Any) -> bool:
    if image.mode in _SIXTEEN or image.mode in ("I", "F"):
        return False
    for codec, _, _, args in image.tile:
        words = args if isinstance(args, (tuple, list)) else (args,)
        if any(isinstance(word, str) and ";16" in word for word in words):
            return True
        if codec == "ppm" and isinstance(words[-1], int) and words[-1] > 255:
            return True
    return False


def open_image(path: str | os.PathLike[str], mode: str | None = None) -> PILImage:
    """A PIL image, upright and wholly read, so that no file stays open.

    Parameters
    ----------
    path : str or path-like
    mode : str, default=None
        What to convert it to, transparency included; None leaves it as it is.

    Raises
    ------
    InvalidDataError
        If the file cannot be read or is no image; it names the file.
    MissingDependencyError
        If pillow is missing, which torchvision brings.
    """

    def read(image: PILImage) -> PILImage:
        image.load()
        image = _upright(image)
        return image if mode is None or image.mode in (mode, *_SIXTEEN) else image.convert(mode)

    return _with_image(path, read)


def _upright(image: PILImage) -> PILImage:
    """The image as viewers show it: turned or mirrored as its EXIF data say."""
    from PIL.Image import Transpose

    try:
        orientation = image.getexif().get(_ORIENTATION)
    except Warning:
        raise
    except Exception:  # an EXIF block that cannot be read says nothing
        return image
    turn = None if orientation is None else _TURNS.get(orientation)
    return image if turn is None else image.transpose(getattr(Transpose, turn))


Made = TypeVar("Made")
Item = TypeVar("Item")


def _with_image(path: str | os.PathLike[str], use: Callable[[PILImage], Made]) -> Made:
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingDependencyError("images are read by pillow; pip install pillow") from error
    try:
        with Image.open(path) as image:
            return use(image)
    except Warning:  # of a process that makes errors of warnings
        raise
    except Exception as error:  # decoders of broken files raise whatever they ran into
        raise InvalidDataError(f"{os.fspath(path)} cannot be read as an image: {error}; repair or remove it") from error


# --------------------------------------------------------------------------------------
# Many images, read side by side.


# Images that a worker reads before it hands them back, and how often it does so before they are taken in.
TOGETHER, ROUNDS = 64, 2


def in_order(read: Callable[[Item], Made], items: Sequence[Item], n_jobs: int | None = None) -> Iterator[Made]:
    """What a function reads of some items, in their order, as if it was called for one after the other.

    Parameters
    ----------
    read : callable
        Its warnings and errors come in the order of the items. Sent to processes with each `TOGETHER` of them.
    items : sequence
        With slices, as lists and ranges have them.
    n_jobs : int or None
        Workers of joblib on this machine, as in scikit-learn: None is 1 unless a `joblib.parallel_config` says
        otherwise. Few items are read here.

    Yields
    ------
    object
        As ``read`` returns it.
    """
    import joblib
    from joblib.parallel import get_active_backend

    # workers of a cluster may be on machines without the files
    near = type(get_active_backend()[0]).__module__ == "joblib._parallel_backends"
    n_workers = joblib.effective_n_jobs(n_jobs) if near and len(items) > TOGETHER else 1
    if n_workers == 1:
        yield from map(read, items)
        return
    with joblib.Parallel(n_jobs=n_jobs) as workers:
        for start in range(0, len(items), n_workers * TOGETHER * ROUNDS):
            now = items[start : start + n_workers * TOGETHER * ROUNDS]
            tasks = [now[at : at + TOGETHER] for at in range(0, len(now), TOGETHER)]
            for made, told, error in _sent(workers, read, tasks):
                for message, category in told:
                    warn(message, category)
                yield from made
                if error is not None:
                    raise error


def _sent(workers: Any, read: Callable[[Any], Any], tasks: list[Any]) -> list[Any]:
    import joblib

    try:
        return list(workers(joblib.delayed(_read_some)(read, task) for task in tasks))
    except Exception as error:
        if type(error).__name__ != "PicklingError":
            raise
        reason = str(error.__cause__ or error).strip('"\n ').splitlines()[-1]
        raise InvalidTypeError(
            f"what reads the images cannot be sent to workers ({reason}); read them in this process, with n_jobs=1"
        ) from error


def _read_some(
    read: Callable[[Any], Any], items: Sequence[Any]
) -> tuple[list[Any], list[tuple[str, type[Warning]]], Exception | None]:
    """What is read up to the first error, the warnings, and the error."""
    made: list[Any] = []
    failed = None
    # filters of warnings belong to all threads
    alone = threading.current_thread() is threading.main_thread()
    with warnings.catch_warnings(record=True) if alone else nullcontext([]) as told:
        if alone:
            warnings.simplefilter("always")
        try:
            for item in items:
                made.append(read(item))  # noqa: PERF401, what comes before an error stays
        except Exception as error:
            failed = error
    return made, [(str(one.message), one.category) for one in told or ()], failed


# --------------------------------------------------------------------------------------
# Floats that are pixels of 8 bits.


class FewValues:
    """The values that occur in samples of floats, as long as a byte can say which."""

    def __init__(self) -> None:
        self.values = np.zeros(256, np.float32)  # what each code stands for
        self._n = 0
        self._cells = np.zeros(_CELLS + 1, np.uint8)  # of a value's place in the range, the code that it likely has

    def codes_of(self, sample: Array) -> Array | None:
        """A sample as bytes; None if there are more than 256 values, or one is not finite or beyond 1e300."""
        if not self._n:
            self.values = np.zeros(256, sample.dtype)
        codes = self._cells[self._cell(sample)]
        wrong = self.values[codes] != sample
        if wrong.any() or not self._n:
            known = self.values[: self._n]
            found = np.union1d(known, sample)
            if len(found) > 256 or not float(np.abs(found).max()) <= _HUGE:
                return None
            new = np.setdiff1d(found, known)
            self.values[self._n : self._n + len(new)] = new
            self._n += len(new)
            self._cells[self._cell(self.values[: self._n])] = np.arange(self._n, dtype=np.uint8)
            order = np.argsort(self.values[: self._n])
            codes = order.astype(np.uint8)[np.searchsorted(found, sample)]
        return codes

    def _cell(self, sample: Array) -> Array:
        low, high = self.values[: self._n].min(initial=0), self.values[: self._n].max(initial=0)
        with np.errstate(all="ignore"):
            place = (sample.astype(np.float32) - low) * np.float32(_CELLS / max(high - low, 1e-30))
            return np.nan_to_num(place.clip(0, _CELLS)).astype(np.uint16)


# Cells into which the range of values is divided: many more than values, so that hardly two share one.
_CELLS = 4096
_HUGE = 1e300
