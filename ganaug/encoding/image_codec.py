"""The codec of images, and a robust scale for images that are not bytes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ganaug.encoding.pil_images import channels_of
from ganaug.encoding.sample_arrays import (
    CHUNK,
    LAYOUTS,
    SIDES,
    SampleFormat,
    StoredSamples,
    diverged_message,
    find_layout,
    from_nchw,
    open_samples,
    refuse_not_finite,
    stored_array,
    to_array,
    to_nchw,
)
from ganaug.encoding.serialization import PickledByState
from ganaug.exceptions import InvalidDataError, ModelFileError
from ganaug.utils.types import Array, Arrays, Config, State

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["ImageCodec", "PixelScale"]

# --------------------------------------------------------------------------------------
# Scaling of channels to [-1, 1], robust to outliers, and back.


_SHARES = (5e-5, 5e-4, 5e-3)  # of the values beyond a knot; beyond the last one is the core
_ROOM = 0.1  # half cores; what each knot of a tail adds to it at most
_MOST = 1_000_000  # values of a channel that quantiles are taken from
_READ = 2048  # images that are read from a file at a time
_FARTHEST = 1e6  # encoded; what lies so far out of the range seen in fit is all the same
_CORE = (len(_SHARES), len(_SHARES) + 1)  # places of its ends among the knots
_KNOTS = 2 * len(_SHARES) + 2


@dataclass(frozen=True)
class PixelScale:
    r"""The range of each channel.

    A channel is mapped linearly from its smallest and largest value to [-1, 1], unless few values lie so far out
    that the others would have little of it: a hot pixel, a mark for "no data". The core of a channel is where 99 %
    of its values lie. Where the range reaches beyond the core by more than the core's width, only the core is
    linear, and the range beyond it is given room by how often values lie there: in units of half the core from its
    middle, the quantiles beyond which 0.05 %, 0.005 % and none of the values lie are at most 1.1, 1.2 and 1.3, with
    the logarithm in between. So a generator that goes a little beyond the core makes values that occur, and not
    those of a hot pixel. It can be undone, so nothing is cut off.

    Attributes
    ----------
    low, high : ndarray of shape (C,), float64
        Of all values.
    knots : ndarray of shape (C, 8), float64
        Quantiles, ``low`` and ``high`` at the ends.
    """

    low: Array
    high: Array
    knots: Array

    @classmethod
    def fit(cls, images: Array, *, robust: bool) -> PixelScale:
        """The ranges of (n, C, H, W), all finite; ``robust``: whether outliers are looked for."""
        channels = range(images.shape[1])
        at_once = _READ if isinstance(images, StoredSamples) else max(1, len(images))
        parts = (images[at : at + at_once] for at in range(0, len(images), at_once))
        ends = [([part[:, c].min() for c in channels], [part[:, c].max() for c in channels]) for part in parts]
        low = np.min([least for least, _ in ends], axis=0).astype(np.float64)
        high = np.max([most for _, most in ends], axis=0).astype(np.float64)
        knots = _linear(low, high)
        if robust:
            step = max(1, -(-len(images) * prod(images.shape[2:]) // _MOST))
            some = images[::step]  # images are drawn evenly, and each of them wholly
            for c in channels:
                values = some[:, c].astype(np.float64).ravel()
                knots[c, 1:-1] = np.quantile(values, [*_SHARES, *(1 - share for share in reversed(_SHARES))])
        return cls(low, high, knots)

    @cached_property
    def tailed(self) -> Array:
        """Which channels have outliers, of shape (C,)."""
        first, last = (self.knots[:, place] for place in _CORE)
        return (last > first) & (np.maximum(self.high - last, first - self.low) > last - first)

    @cached_property
    def middle(self) -> Array:
        """Of the whole range, of shape (C,)."""
        middle: Array = (self.low + self.high) / 2
        return middle

    @cached_property
    def half(self) -> Array:
        """Half the width of the whole range, of shape (C,)."""
        half: Array = (self.high - self.low) / 2
        return half

    def encode(self, images: Array) -> Array:
        """(n, C, H, W) of any range -> [-1, 1], float64."""
        # a constant channel is 0, whatever it holds now
        half = np.where(self.half > 0, self.half, np.inf)[:, None, None]
        with np.errstate(over="ignore"):
            unit: Array = (images.astype(np.float64) - self.middle[:, None, None]) / half
        for c, bend in self._bends.items():
            unit[:, c] = bend.encode(images[:, c].astype(np.float64))
        return unit.clip(-_FARTHEST, _FARTHEST, out=unit)

    def decode(self, unit: Array) -> Array:
        """[-1, 1] -> (n, C, H, W) within ``low`` and ``high``, of the same dtype of floats."""
        ends = (self.middle, self.half, self.low, self.high)
        middle, half, low, high = (end.astype(unit.dtype)[:, None, None] for end in ends)
        values = unit.clip(-1, 1)
        bent = {c: bend.decode(values[:, c].astype(np.float64)) for c, bend in self._bends.items()}
        values *= half
        values += middle
        for c, own in bent.items():
            values[:, c] = own
        return values.clip(low, high, out=values)

    @cached_property
    def _bends(self) -> dict[int, _Bend]:
        return {int(c): _Bend(self.knots[c]) for c in np.flatnonzero(self.tailed)}

    @property
    def bends(self) -> dict[int, tuple[float, float, float, float, dict[int, tuple[Array, Array]]]]:
        """Of each channel with outliers what `decode` does, as numbers.

        Centre and scale of the core, middle and half of the bent range, and for the tails below (-1) and above (1)
        the core their rooms and logarithms: beyond 1, ``u`` becomes ``exp(interp(u, rooms, logarithms))``.
        """
        return {c: bend.numbers for c, bend in self._bends.items()}

    def get_state(self) -> Arrays:
        """Arrays: the knots only where there are outliers."""
        state = {"low": self.low, "high": self.high}
        return {**state, "knots": self.knots} if self.tailed.any() else state

    @classmethod
    def from_state(cls, arrays: Arrays, channels: int, *, robust: bool) -> PixelScale:
        """What `get_state` took apart; raises ModelFileError if it does not fit together."""
        low, high = (stored_array(arrays, name, (channels,)) for name in ("low", "high"))
        knots = stored_array(arrays, "knots", (channels, _KNOTS)) if robust else _linear(low, high)
        fits = (knots[:, 0] == low).all() and (knots[:, -1] == high).all() and (np.diff(knots, axis=1) >= 0).all()
        scale = cls(low, high, knots)
        if not fits or scale.tailed.any() != robust:
            raise ModelFileError("the stored ranges of pixels do not fit together")
        return scale


def _linear(low: Array, high: Array) -> Array:
    half = _KNOTS // 2
    return np.concatenate([np.repeat(low[:, None], half, axis=1), np.repeat(high[:, None], half, axis=1)], axis=1)


class _Bend:
    """The map of a channel with outliers: linear in the core, by the logarithm beyond it."""

    def __init__(self, knots: Array) -> None:
        first, last = (float(knots[place]) for place in _CORE)
        self._centre, self._scale = (first + last) / 2, (last - first) / 2
        u = (knots - self._centre) / self._scale
        # of the tails below and above the core: the logarithms of distances from its middle, and the room of each
        self._tails = {sign: _tail(side) for sign, side in ((-1, -u[_CORE[0] :: -1]), (1, u[_CORE[1] :]))}
        lowest, highest = -self._tails[-1][1][-1], self._tails[1][1][-1]
        self._middle, self._half = (lowest + highest) / 2, (highest - lowest) / 2

    @property
    def numbers(self) -> tuple[float, float, float, float, dict[int, tuple[Array, Array]]]:
        """As `PixelScale.bends` has them."""
        tails = {sign: (room, logs) for sign, (logs, room) in self._tails.items()}
        return self._centre, self._scale, float(self._middle), float(self._half), tails

    def encode(self, values: Array) -> Array:
        """Pixels -> [-1, 1]."""
        with np.errstate(over="ignore"):
            u: Array = (values - self._centre) / self._scale
        for sign, (logs, room) in self._tails.items():
            outside = sign * u > 1
            far = np.log(np.minimum(sign * u[outside], 1e300))
            # beyond the range seen in fit the last piece is extrapolated
            u[outside] = sign * (np.interp(far, logs, room) + _ROOM * np.maximum(far - logs[-1], 0))
        return (u - self._middle) / self._half

    def decode(self, unit: Array) -> Array:
        """[-1, 1] -> pixels."""
        u: Array = unit * self._half + self._middle
        for sign, (logs, room) in self._tails.items():
            outside = sign * u > 1
            u[outside] = sign * np.exp(np.interp(sign * u[outside], room, logs))
        return self._centre + self._scale * u


def _tail(distances: Array) -> tuple[Array, Array]:
    """Distinct knots from the end of the core (1) outwards: their logarithms, and their encoded positions."""
    distances = np.maximum(distances, 1.0)
    room = np.minimum(distances, 1 + _ROOM * np.arange(len(distances)))
    new = np.concatenate([[True], np.diff(distances) > 1e-9 * distances[1:]])
    return np.log(distances[new]), room[new]


# --------------------------------------------------------------------------------------
# The two-way codec of images.


# Version 2 has knots for ranges with outliers; without outliers version 1 is written, which older versions read.
_VERSIONS = (1, 2)


class ImageCodec(PickledByState):
    """Turns images into (n, C, H, W) and back into the container, layout, dtype and range they had.

    Each channel is mapped linearly from the smallest and largest value seen in
    ``fit`` to [-1, 1]; outliers of images that are not of 8 bits are squeezed, so that a hot pixel does not leave
    all others without contrast (`ganaug.encoding.image_codec.PixelScale`). Images of 8 bits stay bytes until a batch of
    them goes to a network (`to_network`), because as floats they would take four times the memory.

    Parameters
    ----------
    layout : {"auto", "NHW", "NHWC", "NCHW"}, default="auto"
        Of the images. "auto" takes 3-D for grey (n, H, W), and in 4-D the last or the second axis for the
        channels, whichever leaves sides of at least 8 pixels; if both do, the one that has at most half as many
        entries as the sides. What remains unclear is an error that asks for this parameter.
    mode : str, default=None
        PIL's mode of the pixels, if they come from such images: it tells RGBA from CMYK.

    Attributes
    ----------
    shape : tuple of int
        (C, H, W).
    width, n_features_ : int
        Their product.
    feature_names_ : None
        Pixels have no names.
    bounded : bool
        True: networks see values within [-1, 1], so a generator may end in tanh.

    Notes
    -----
    Sides may have 8 to 256 pixels. A channel that is constant decodes to its constant. Integers beyond
    16 bits, and float64, keep the 24 bits of a float32.

    Examples
    --------
    >>> import numpy as np
    >>> from ganaug.encoding.image_codec import ImageCodec
    >>> X = np.random.default_rng(0).integers(0, 256, size=(5, 12, 16, 3), dtype=np.uint8)
    >>> codec = ImageCodec().fit(X)
    >>> codec.encode(X).shape, codec.shape
    ((5, 3, 12, 16), (3, 12, 16))
    >>> np.array_equal(codec.decode(codec.encode(X)), X)
    True
    """

    bounded, things = True, "images"  # the second in messages
    feature_names_ = None

    def __init__(self, layout: str = "auto", mode: str | None = None) -> None:
        self.layout = layout
        self.mode = mode

    def fit(self, X: object, codes: npt.ArrayLike | None = None, seed: int = 0) -> ImageCodec:
        """Learn the layout, the dtype and the range of each channel.

        Parameters
        ----------
        X : ndarray, tensor, or list of arrays, tensors or PIL images of equal size
            Of shape (n, H, W), (n, H, W, C) or (n, C, H, W); booleans, integers or floats of any range. A list
            is stacked, and decoding gives an ndarray (a tensor if it held tensors). Never changed.
        codes, seed
            Not used; other codecs have them.

        Returns
        -------
        ImageCodec
            Itself.

        Raises
        ------
        InvalidDataError
            If there is no image, a side is too short or long, the layout is unclear, or a value is NaN or
            infinite; it names the image.
        InvalidTypeError
            If X holds no images, or a dtype that is no number.
        """
        self._learn(X)
        return self

    def fit_encode(self, X: object, codes: npt.ArrayLike | None = None, seed: int = 0) -> Array:
        """Learn images and encode them, reading them once; equal to ``fit`` and ``encode``. See both."""
        return self._encoded(self._learn(X))

    def _learn(self, X: object) -> Array:
        """The images as (n, C, H, W)."""
        array, form = open_samples(X, "images", stored=True)
        layout = find_layout(array.shape, self.layout)
        images = array.in_nchw(layout) if isinstance(array, StoredSamples) else to_nchw(array, layout)
        refuse_not_finite(array, _not_finite)
        scale = PixelScale.fit(images, robust=not _is_bytes(form))
        self._set(form, layout, tuple(map(int, images.shape[1:])), scale)
        return images

    def _set(self, form: SampleFormat, layout: str, shape: tuple[int, ...], scale: PixelScale) -> ImageCodec:
        self._format, self._layout, self.shape, self._scale = form, layout, shape, scale
        self.width = self.n_features_ = prod(shape)
        self._constants: dict[Any, Any] = {}
        return self

    def of_size(self, height: int, width: int) -> ImageCodec:
        """A codec with the same layout, dtype and range, for images of other sides."""
        return ImageCodec(self.layout, self.mode)._set(
            self._format, self._layout, (self.shape[0], height, width), self._scale
        )

    @property
    def layout_(self) -> str:
        """The layout that was found."""
        return self._layout

    @property
    def dtype_(self) -> np.dtype[Any]:
        """The dtype of the images, as numpy has it."""
        return np.dtype(self._format.numpy)

    @property
    def scale_(self) -> PixelScale:
        """The ranges of the channels."""
        return self._scale

    @property
    def _bytes(self) -> bool:
        """Whether encoded images are bytes."""
        return _is_bytes(self._format)

    def encode(self, X: object, owner: str = "ImageCodec") -> Array:
        """Encode images.

        Parameters
        ----------
        X : images
            Of the shape, layout and kind of dtype seen in `fit`, in any container.
        owner : str, default="ImageCodec"
            The estimator that error messages speak of.

        Returns
        -------
        ndarray of shape (n, C, H, W)
            Images fitted as uint8 or bool: uint8, their own values. Others: float32, in [-1, 1] where the values
            lie in the range seen in fit. C-contiguous and never a view of X.

        Raises
        ------
        InvalidDataError
            If shape, layout or dtype differ from those in fit, or a value is NaN or infinite; it says how.
        """
        array, form = open_samples(X, "images")
        self._check_shape(array.shape, owner)
        self._check_dtype(array, form, owner)
        refuse_not_finite(array, _not_finite)
        return self._encoded(to_nchw(array, self._layout))

    def _encoded(self, images: Array) -> Array:
        """(n, C, H, W), checked -> the same, encoded; those in a file stay there."""
        if isinstance(images, StoredSamples):
            return images if self._bytes else images.changed(lambda x: self._scale.encode(x).astype(np.float32))
        out = np.empty(images.shape, np.uint8 if self._bytes else np.float32)
        if self._bytes:
            out[...] = images
            return out
        for at in range(0, len(images), CHUNK):
            out[at : at + CHUNK] = self._scale.encode(images[at : at + CHUNK])
        return out

    def _check_shape(self, shape: tuple[int, ...], owner: str) -> None:
        expected = from_nchw(np.empty((1, *self.shape), np.bool_), self._layout).shape[1:]
        if shape[1:] == expected and len(shape) > 1:
            return
        wanted = ", ".join(map(str, expected))
        hint = ""
        if len(shape) == 4 and sorted(shape[1:]) == sorted(self.shape):
            hint = f"; the channels stand elsewhere, transpose X to {self._layout}"
        raise InvalidDataError(
            f"X has shape {shape}, but {owner} was fitted on images of shape (n, {wanted}), layout {self._layout}{hint}"
        )

    def _check_dtype(self, array: Array, form: SampleFormat, owner: str) -> None:
        seen, scale = self._format, self._scale
        if form.family != seen.family:
            raise InvalidDataError(
                f"X has dtype {form.name} ({form.family}), but {owner} was fitted on {seen.name} ({seen.family}) "
                f"images; give them the same dtype and range of values ({scale.low.min():g} to {scale.high.max():g})"
            )
        if seen.family != "integer" or form.numpy == seen.numpy:
            return
        bounds = np.iinfo(seen.numpy)
        narrower = form.numpy.itemsize < seen.numpy.itemsize  # full scale means another number there
        if narrower or (array.size and not (bounds.min <= array.min() and array.max() <= bounds.max)):
            raise InvalidDataError(
                f"X has dtype {form.name}, but {owner} was fitted on {seen.name} images; rescale X to {seen.name}"
            )

    def to_network(self, samples: Tensor) -> Tensor:
        """A batch of encoded images as a network sees them.

        Parameters
        ----------
        samples : tensor of shape (B, C, H, W), on any device
            As `encode` gives them: uint8 or float32.

        Returns
        -------
        tensor of shape (B, C, H, W), dtype float32
            In [-1, 1] where the values lie in the range seen in fit.
        """
        import torch

        if samples.dtype != torch.uint8:
            return samples.float()
        # cached for each device: a transfer for every batch would stall a GPU and cannot be captured in a graph
        key = str(samples.device)
        if key not in self._constants:
            middle, half = self._scale.middle, self._scale.half
            inverse = np.divide(1, half, out=np.zeros_like(half), where=half > 0)
            pair = np.stack([inverse, -middle * inverse])[:, None, :, None, None]
            self._constants[key] = torch.from_numpy(pair.astype(np.float32)).to(samples.device)
        slope, offset = self._constants[key]
        return samples.float().mul_(slope).add_(offset)  # in place: of many images each step is large

    def from_network(self, samples: object) -> Array:
        """What a network made, as `decode` takes it.

        Parameters
        ----------
        samples : ndarray or tensor of shape (n, C, H, W), floats
            Values beyond [-1, 1] are clipped.

        Returns
        -------
        ndarray of shape (n, C, H, W)
            uint8 where `encode` gives that, else float32.

        Raises
        ------
        InvalidDataError
            If a number is not finite.
        """
        array = self._shaped(samples)
        if not self._bytes:
            return array.astype(np.float32).clip(-1, 1)
        out = np.empty(array.shape, np.uint8)
        for at in range(0, len(array), CHUNK):
            out[at : at + CHUNK] = np.rint(self._values(array[at : at + CHUNK]))
        return out

    def decode(self, samples: object) -> Any:
        """Images from what `encode` or `from_network` give, or from floats of a network.

        Parameters
        ----------
        samples : ndarray or tensor of shape (n, C, H, W) or (n, C * H * W)
            Of any number of images. uint8 is taken for values of pixels if the images were of 8 bits; floats are
            taken for [-1, 1] and clipped.

        Returns
        -------
        ndarray or tensor
            In the container, layout and dtype given to fit, no value beyond the range seen there in its channel;
            integers are rounded. A tensor is on the CPU.

        Raises
        ------
        InvalidDataError
            If the shape is wrong or a number is not finite.
        """
        array = self._shaped(samples)
        as_pixels = self._bytes and array.dtype == np.uint8
        if as_pixels:
            low, high = (end.astype(np.uint8)[:, None, None] for end in (self._scale.low, self._scale.high))
            pixels = from_nchw(array.clip(low, high), self._layout).astype(self._format.numpy, order="C")
            return self._format.close(pixels)
        out = np.empty(from_nchw(array, self._layout).shape, self._format.numpy)
        for at in range(0, len(array), CHUNK):
            values = self._values(array[at : at + CHUNK])
            out[at : at + CHUNK] = from_nchw(self._format.cast(values), self._layout)
        return self._format.close(out)

    def _values(self, chunk: Array) -> Array:
        """Pixel values of floats in [-1, 1]."""
        # float32 is precise enough for 8 bits, and takes half the time
        return self._scale.decode(chunk.astype(np.float32 if self._bytes else np.float64))

    def _shaped(self, samples: object) -> Array:
        array = to_array(samples)
        if array.ndim == 2 and array.shape[1] == self.width:
            array = array.reshape(-1, *self.shape)
        if array.shape[1:] != self.shape or array.dtype.kind not in "biuf":
            wanted = ", ".join(map(str, self.shape))
            raise InvalidDataError(
                f"cannot decode {array.dtype} of shape {array.shape}; give numbers of shape (n, {wanted})"
            )
        refuse_not_finite(array, diverged_message)
        return array

    def get_state(self) -> State:
        """Everything learnt, for `from_state`: a config that JSON can hold, and arrays. No training image."""
        config = {
            "version": _VERSIONS[bool(self._scale.tailed.any())],
            "asked": self.layout,
            "layout": self._layout,
            "shape": list(self.shape),
            **self._format.get_state(),
        }
        if self.mode is not None:
            config["mode"] = self.mode
        return config, self._scale.get_state()

    @classmethod
    def from_state(cls, config: Config, arrays: Arrays) -> ImageCodec:
        """The codec that `get_state` took apart.

        Raises
        ------
        ModelFileError
            If the state is of a newer version, incomplete, or does not fit together.
        """
        try:
            if config["version"] > _VERSIONS[-1]:
                raise ModelFileError("this image codec was written by a newer version of ganaug; upgrade ganaug")
            shape, layout, asked = config["shape"], config["layout"], config["asked"]
            whole = isinstance(shape, list) and len(shape) == 3 and all(type(side) is int for side in shape)
            if not whole or shape[0] < 1 or not all(SIDES[0] <= side <= SIDES[1] for side in shape[1:]):
                raise ModelFileError(f"stored shape {shape!r} is none of images")
            if layout not in LAYOUTS or asked not in ("auto", layout) or (layout == "NHW" and shape[0] != 1):
                raise ModelFileError(f"stored layout {layout!r} (asked for: {asked!r}) does not fit shape {shape}")
            mode = config.get("mode")
            if mode is not None and channels_of(mode) != shape[0]:
                raise ModelFileError(f"stored mode {mode!r} does not fit shape {shape}")
            form = SampleFormat.from_state(config)
            robust = config["version"] == _VERSIONS[1]
        except (KeyError, TypeError) as error:
            raise ModelFileError(f"the stored image codec cannot be read: {error!r}") from error
        scale = PixelScale.from_state(arrays, shape[0], robust=robust)
        if robust and _is_bytes(form):
            raise ModelFileError(f"the stored range of pixels is none of dtype {form.name}")
        low, high = scale.low, scale.high
        if (form.cast(np.stack([low, high])) != np.stack([low, high])).any():
            raise ModelFileError(f"the stored range of pixels is none of dtype {form.name}")
        return cls(asked, mode)._set(form, layout, tuple(shape), scale)


def _is_bytes(form: SampleFormat) -> bool:
    return np.dtype(form.numpy) in (np.uint8, np.bool_)


def _not_finite(index: tuple[int, ...], what: str) -> str:
    return f"Input X contains {what}: image {index[0]} at {index[1:]}; drop the image or fill in its pixels"
