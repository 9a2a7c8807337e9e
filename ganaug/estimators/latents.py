"""A generator by its latents: samples of given, kept or found ones; and the generator as a module of torch.

Latents are standard normal, of `latent_dim` numbers. What a generator makes of one depends on nothing else than the
class, once all that is random beside the latent is left out: that is what ``sample(latents=...)`` does.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from ganaug.encoding.containers import check_lengths
from ganaug.estimators.base import BaseGenerator, Request
from ganaug.estimators.fitting import Seed
from ganaug.estimators.modality import Samples, to_storage
from ganaug.exceptions import InvalidDataError, InvalidParameterError, InvalidTypeError
from ganaug.filtering import RULES, FilterCounts
from ganaug.networks import GeneratorNetwork
from ganaug.runtime.compute import as_tensor, one_thread, resolve_device
from ganaug.training.train_state import adam
from ganaug.utils import types
from ganaug.utils.determinism import child_seed, isolated
from ganaug.utils.types import Array, FloatArray, IntArray

__all__ = [
    "GeneratorModule",
    "LatentsMixin",
    "PiecewiseLinear",
    "PixelValues",
    "SignalValues",
    "checked_latents",
    "checked_truncation",
    "generator_module",
    "nearest_latents",
    "spherical_path",
]

# --------------------------------------------------------------------------------------
# Samples by their latents: given, kept, drawn nearer to the mean, interpolated, and found for real samples.


# Latents beyond this are none of a normal distribution, and overflow in float32 sooner or later.
FARTHEST = 1e4
# Of the search for the latents of real samples: candidates for each class, those of them that are followed, and the
# step of the optimiser, which falls to zero.
CANDIDATES, STARTS, RATE = 256, 3, 0.1
# Weight of how far the length of a latent is from that of normal ones.
KEPT_LENGTH = 0.01


class LatentsMixin(BaseGenerator):
    """``sample`` with latents, `latents_` and `interpolate`."""

    device: str
    # Draws the latents of the last samples again.
    _last_draw: Callable[[], FloatArray] | None

    @abstractmethod
    def _draw(self, code: int, n: int, seed: int, truncation: float = 1.0) -> tuple[Samples, FilterCounts]:
        """Exactly n encoded samples of a label code, and what became of the candidates."""

    @abstractmethod
    def _latents_of(self, counts: FilterCounts, seed: int) -> FloatArray:
        """The latents of what `_draw` drew with a seed. (n, latent_dim)."""

    @abstractmethod
    def _at_once(self) -> int:
        """Samples in one pass of a network."""

    @abstractmethod
    def _generator(self, device: torch.device) -> GeneratorNetwork:
        """The generator on a device, for inference."""

    # ---- sample --------------------------------------------------------------------------------

    @isolated
    def sample(
        self,
        n: int | Request = 1,
        label: object = None,
        random_state: Seed = None,
        where: Mapping[Any, Any] | None = None,
        *,
        latents: object = None,
        truncation: float = 1.0,
        return_latents: bool = False,
    ) -> tuple[Any, ...]:
        """Draw synthetic samples.

        Parameters
        ----------
        n : int or dict of label to int, default=1
            How many; a dict says how many of each label, in its order. With ``latents`` there is one for each.
        label : optional
            The class of all ``n``. None draws labels by their training
            frequencies (of the class in focus, if there is one). With ``latents`` also one label for each of them.
        random_state : int, RandomState, Generator or None, default=None
            An integer gives the same samples each time. None goes on from the
            estimator's own stream, so that two calls differ. With ``latents`` nothing is random.
        where : dict of column to condition, optional
            For tables: only rows that meet all of these. A condition is a value, a list of values, a pair
            ``(low, high)`` of which either may be None, None (missing), or a callable that takes the column as a
            Series and returns a mask. Rows are drawn until enough of them meet it, 500 for each at most.
        latents : array of shape (n, latent_dim), floats, optional
            What samples are made of, standard normal if drawn. The same latents and labels give the same samples: all
            that is random beside them is left out. **No rule of ``curate`` refuses a sample**, tables and series are
            not smoothed, a category is the likeliest one, and ``architecture="style"`` has the same noise in every
            sample. A label is needed unless only one can be sampled.
        truncation : float, default=1.0
            In (0, 1]: below 1 samples are more typical and less diverse. "style" draws styles towards the mean style of
            the class (Karras et al. 2019), other architectures latents towards their mean, 0 (cf. Brock et al. 2019).
        return_latents : bool, default=False
            Whether to return the latents of the samples, too.

        Returns
        -------
        X : same container, columns and dtypes as in `fit`, of n rows
            Grouped by class, in the order of `classes_` or of the dict; with ``latents`` in their order.
        y : labels of the rows, in the container of `fit`'s y; None if fitted without labels
        latents : ndarray of shape (n, latent_dim), float32
            Only with ``return_latents``.

        Raises
        ------
        InvalidParameterError, InvalidDataError, InvalidTypeError
            For a negative count or an unknown label; for a condition that no row can meet, or that too few rows meet,
            with how many meet each; for latents of another shape, or that are not finite; for a truncation
            outside (0, 1].

        Warns
        -----
        TrainingWarning
            If rows are returned that break a rule of the table, or are copies, as hardly any candidate was better.

        Notes
        -----
        `curation_` afterwards tells how many candidates of each label ("all" without labels) were drawn, and how
        many each rule refused (None with ``latents``); with ``where``, also how many did not meet it.

        References
        ----------
        Karras, Laine and Aila (2019), A Style-Based Generator Architecture for Generative Adversarial Networks,
        appendix B. Brock, Donahue and Simonyan (2019), Large Scale GAN Training, section 3.1.

        Examples
        --------
        >>> import numpy as np
        >>> from ganaug import ImageGAN
        >>> X = np.random.default_rng(0).integers(0, 256, size=(60, 8, 8), dtype=np.uint8)
        >>> gan = ImageGAN(max_steps=2, batch_size=8, channels=2, max_channels=4, random_state=0).fit(X)
        >>> images, _, latents = gan.sample(5, return_latents=True)
        >>> again, _ = gan.sample(latents=latents)
        >>> latents.shape, np.array_equal(images, again)
        ((5, 64), True)
        """
        self._check_fitted()
        psi = checked_truncation("truncation", truncation)
        if not isinstance(return_latents, (bool, np.bool_)):
            raise InvalidParameterError(f"return_latents={return_latents!r} must be True or False")
        if where is not None and (latents is not None or return_latents):
            raise InvalidParameterError("where draws until enough rows meet it: give it without latents")
        if latents is not None:
            z = checked_latents("latents", latents, self._latent_dim())
            if isinstance(n, Mapping) or np.ndim(n) or n not in (1, len(z)):
                raise InvalidParameterError(f"n={n!r}, but latents has {len(z)} rows; leave n out")
            self._last_draw = lambda: z
            X, y = self._sample_at(z, self._codes_for(label, len(z)), psi)
            return (X, y, z.copy()) if return_latents else (X, y)
        orders = self._orders(n, label, random_state)
        found: list[tuple[FilterCounts, int]] = []

        def draw(code: int, count: int, seed: int) -> tuple[Samples, FilterCounts]:
            rows, counts = self._draw(code, count, seed, psi)
            if return_latents:
                found.append((counts, seed))
            return rows, counts

        X, y = self._sampled(orders, where, draw)
        self._last_draw = None if where is not None else partial(self._drawn_again, orders, psi)
        return (X, y, self._joined(found)) if return_latents else (X, y)

    @property
    def latents_(self) -> FloatArray:
        """Latents of the samples of the last call of `sample` without ``where``, (n, latent_dim), float32.

        They are not kept, which would take more memory than most rows of tables do, but drawn again when they are asked
        for. Where two threads sample from one estimator use ``sample(..., return_latents=True)``, which cannot mix
        up their calls.
        """
        last = self.__dict__.get("_last_draw")
        if last is None:
            raise AttributeError("latents_ is there after sample(...) without where; not in copies and pickles")
        return np.array(last())

    @isolated
    def _drawn_again(self, orders: Sequence[tuple[int, int, int]], psi: float) -> FloatArray:
        return self._joined([(self._draw(code, count, seed, psi)[1], seed) for code, count, seed in orders])

    def _joined(self, found: Sequence[tuple[FilterCounts, int]]) -> FloatArray:
        none = np.zeros((0, self._latent_dim()), np.float32)
        return np.concatenate([none, *(self._latents_of(counts, seed) for counts, seed in found)])

    # ---- by latents ----------------------------------------------------------------------------

    def _latent_dim(self) -> int:
        return self._generator(resolve_device(self.device)).latent_dim

    def _codes_for(self, label: object, n: int, name: str = "label") -> IntArray:
        """A label code for each of n samples; errors name the parameter."""
        if isinstance(label, (list, tuple)) or getattr(label, "ndim", 0) == 1:
            if self.label_codec_ is None:
                raise InvalidParameterError(f"{name} is given, but the generator was fitted without labels (y=None)")
            labels = list(cast("Sequence[object]", label))
            if len(labels) != n:
                raise InvalidParameterError(
                    f"{name} has {len(labels)} entries for {n} samples; give one, or one for each"
                )
            codes = np.asarray(self.label_codec_.encode(label if hasattr(label, "ndim") else labels), np.int64)
            for code in np.unique(codes):
                self.conditions_.of_label_code(int(code))
            return codes
        if label is not None:
            return np.full(n, self._code(label), np.int64)
        possible = self.conditions_.sampled()
        if len(possible) > 1:
            raise InvalidParameterError(
                f"{name}=None: samples by latents need a class; give one of {[self._name(code) for code in possible]}, "
                "or one for each sample"
            )
        return np.full(n, possible[0], np.int64)

    def _sample_at(self, z: FloatArray, codes: IntArray, psi: float) -> tuple[Any, Any]:
        """Samples of latents and label codes, in their order."""
        self.curation_ = {
            self._name(int(code)): {"drawn": int(count), "kept": int(count), **dict.fromkeys(RULES), "taken_anyway": 0}
            for code, count in zip(*np.unique(codes, return_counts=True), strict=True)
        }
        device, most = resolve_device(self.device), self._at_once()
        generator = self._generator(device)
        noise = self._inner_noise(generator).to(device)
        conditions = np.array([self.conditions_.of_label_code(int(code)) for code in codes], np.int64)
        parts: list[Samples] = []
        with one_thread(), torch.inference_mode():
            for start in range(0, len(z), most):
                own = as_tensor(z[start : start + most]).to(device)
                labels = as_tensor(conditions[start : start + most]).to(device)
                parts.append(to_storage(self.codec_, generator.at(own, labels, noise, psi).cpu().numpy()))
        rows = np.concatenate(parts) if parts else self._empty()
        return self.codec_.decode(rows), self._labels(codes)

    def _inner_noise(self, generator: GeneratorNetwork) -> Tensor:
        """The noise that all samples by latents share; on the CPU."""
        return generator.inner_noise(torch.Generator().manual_seed(child_seed(self._seed, "inner noise")))

    @isolated
    def interpolate(
        self, a: object, b: object, steps: int = 8, label: object = None, *, truncation: float = 1.0
    ) -> tuple[Any, Any]:
        """Samples along the way from one latent to another.

        Parameters
        ----------
        a, b : array of shape (latent_dim,), floats
            Latents of the first and the last sample, for example of ``sample(2, return_latents=True)``.
        steps : int, default=8
            Samples, both ends among them; at least 2.
        label : optional
            The class of all, or one for each sample. Needed unless only one can be sampled.
        truncation : float, default=1.0
            As in `sample`.

        Returns
        -------
        X, y
            As `sample` returns them, in order.

        Raises
        ------
        InvalidParameterError, InvalidDataError, InvalidTypeError
            For latents of another shape, steps below 2, an unknown label.

        Notes
        -----
        The way is `spherical_path`: normal latents of many dimensions lie near a sphere, which a straight line leaves
        (White 2016, Sampling Generative Networks).

        Examples
        --------
        >>> import numpy as np
        >>> from ganaug import ImageGAN
        >>> X = np.random.default_rng(0).integers(0, 256, size=(60, 8, 8), dtype=np.uint8)
        >>> gan = ImageGAN(max_steps=2, batch_size=8, channels=2, max_channels=4, random_state=0).fit(X)
        >>> _, _, ends = gan.sample(2, return_latents=True)
        >>> gan.interpolate(*ends, steps=5)[0].shape
        (5, 8, 8)
        """
        self._check_fitted()
        steps = types.integer("steps", steps, 2)
        psi = checked_truncation("truncation", truncation)
        first, last = (checked_latents(name, end, self._latent_dim(), one=True) for name, end in (("a", a), ("b", b)))
        return self._sample_at(spherical_path(first, last, steps), self._codes_for(label, steps), psi)


# ---- latents -----------------------------------------------------------------------------------


def checked_latents(name: str, value: object, latent_dim: int, *, one: bool = False) -> FloatArray:
    """Latents as a float32 array of their own, (n, latent_dim), or (latent_dim,) if ``one`` is asked for.

    Raises
    ------
    InvalidTypeError
        If it holds no numbers.
    InvalidDataError
        If its shape is another one, or a number is not finite or beyond `FARTHEST`.
    """
    try:
        array = np.asarray(value.detach().cpu().numpy() if isinstance(value, Tensor) else value)
    except ValueError as error:
        raise InvalidDataError(f"{name} is no array: {error}; give numbers of shape (n, {latent_dim})") from error
    if array.dtype.kind not in "fiu":
        raise InvalidTypeError(f"{name} has dtype {array.dtype}; latents are numbers, standard normal if drawn")
    shape = (latent_dim,) if one else (len(array) if array.ndim else 0, latent_dim)
    if array.shape != shape:
        wanted = f"({latent_dim},)" if one else f"(n, {latent_dim})"
        raise InvalidDataError(f"{name} has shape {array.shape}, but this generator takes latents of shape {wanted}")
    with np.errstate(invalid="ignore"):
        off = ~(np.abs(array.astype(np.float64)) <= FARTHEST)
    if off.any():
        place = tuple(int(i) for i in np.argwhere(off)[0])
        raise InvalidDataError(
            f"{name}[{', '.join(map(str, place))}] is {array[place]}; latents are finite, and those of a normal "
            "distribution are rarely beyond 4"
        )
    return np.array(array, np.float32)


def checked_truncation(name: str, value: object) -> float:
    """A number in (0, 1]."""
    return float(types.number(name, value, low=0, high=1, open_low=True))


def spherical_path(a: Array, b: Array, steps: int) -> FloatArray:
    """Latents from one to another along a great circle, with the length changing evenly (White 2016).

    Parameters
    ----------
    a, b : ndarray of shape (latent_dim,)
        Where the directions are the same or opposite, or a latent is 0, the way is straight.
    steps : int
        At least 2.

    Returns
    -------
    ndarray of shape (steps, latent_dim), float32
        The first is ``a``, the last ``b``.

    Examples
    --------
    >>> import numpy as np
    >>> from ganaug.estimators.latents import spherical_path
    >>> spherical_path(np.array([2.0, 0.0]), np.array([0.0, 2.0]), 3).round(2)
    array([[2.  , 0.  ],
           [1.41, 1.41],
           [0.  , 2.  ]], dtype=float32)
    """
    one, two = np.asarray(a, np.float64), np.asarray(b, np.float64)
    share = np.linspace(0.0, 1.0, steps)[:, None]
    lengths = np.linalg.norm(one), np.linalg.norm(two)
    straight = (1 - share) * one + share * two
    if min(lengths) == 0:
        return straight.astype(np.float32)
    angle = np.arccos(np.clip(one @ two / (lengths[0] * lengths[1]), -1.0, 1.0))
    if np.sin(angle) < 1e-6:
        return straight.astype(np.float32)
    directions = (
        np.sin((1 - share) * angle) * (one / lengths[0]) + np.sin(share * angle) * (two / lengths[1])
    ) / np.sin(angle)
    path = directions * ((1 - share) * lengths[0] + share * lengths[1])
    path[0], path[-1] = one, two
    return path.astype(np.float32)


# ---- latents of real samples -------------------------------------------------------------------


def nearest_latents(
    generator: GeneratorNetwork,
    noise: Tensor,
    targets: Tensor,
    labels: Tensor,
    *,
    steps: int,
    seed: int,
    at_once: int,
) -> tuple[FloatArray, FloatArray]:
    """Latents of which a generator makes samples near to given ones.

    Of `CANDIDATES` drawn latents the `STARTS` nearest are followed down the gradient of the mean squared difference,
    with a small weight on the length of a latent, so that it stays one that could have been drawn.

    Parameters
    ----------
    generator : GeneratorNetwork
        Without gradients of its own.
    noise : Tensor of shape (k,)
        For `GeneratorNetwork.at`.
    targets : Tensor of shape (n, C, *spatial)
        As networks see them, on the generator's device.
    labels : Tensor of shape (n,), int64
        Conditions.
    steps : int
        Of Adam, from each start.
    seed : int
        Of the candidates.
    at_once : int
        Samples in one pass.

    Returns
    -------
    latents : ndarray of shape (n, latent_dim), float32
    errors : ndarray of shape (n,), float32
        Root mean square differences on the networks' scale.
    """
    rng = torch.Generator().manual_seed(seed)
    drawn = torch.empty(CANDIDATES, generator.latent_dim, dtype=torch.float32).normal_(generator=rng)
    drawn = drawn.to(targets.device)
    starts = _starts(generator, noise, targets, labels, drawn, at_once)  # (n, STARTS)
    latents = np.zeros((len(targets), generator.latent_dim), np.float32)
    errors = np.zeros(len(targets), np.float32)
    each = max(1, at_once // starts.shape[1])
    for first in range(0, len(targets), each):
        some = slice(first, first + each)
        z = drawn[starts[some]]  # (b, STARTS, latent_dim)
        found, loss = _descended(generator, noise, targets[some], labels[some], z, steps)
        latents[some], errors[some] = found.cpu().numpy(), loss.sqrt().cpu().numpy()
    return latents, errors


def _passes(n: int, at_once: int) -> Iterator[slice]:
    return (slice(start, start + at_once) for start in range(0, n, at_once))


@torch.no_grad()
def _starts(
    generator: GeneratorNetwork, noise: Tensor, targets: Tensor, labels: Tensor, drawn: Tensor, at_once: int
) -> Tensor:
    """Which of the drawn latents make what is nearest to each target. (n, STARTS)."""
    places = torch.zeros(len(targets), STARTS, dtype=torch.long, device=targets.device)
    for condition in labels.unique():
        claimed = torch.full((len(drawn),), int(condition), dtype=torch.long, device=drawn.device)
        made = torch.cat([generator.at(drawn[p], claimed[p], noise) for p in _passes(len(drawn), at_once)]).flatten(1)
        rows = torch.nonzero(labels == condition)[:, 0]
        for part in rows.split(64):
            distances = torch.cdist(targets[part].flatten(1), made)
            places[part] = distances.topk(STARTS, largest=False).indices
    return places


def _descended(
    generator: GeneratorNetwork, noise: Tensor, targets: Tensor, labels: Tensor, z: Tensor, steps: int
) -> tuple[Tensor, Tensor]:
    """The best latent met on the ways down from (b, starts, latent_dim), and its mean squared difference."""
    b, starts, width = z.shape
    flat = z.reshape(b * starts, width).clone()
    wanted, claimed = targets.repeat_interleave(starts, 0), labels.repeat_interleave(starts)
    mean, square = torch.zeros_like(flat), torch.zeros_like(flat)
    best, least = flat.clone(), torch.full((b * starts,), torch.inf, dtype=torch.float32, device=flat.device)
    for step in range(steps + 1):
        with torch.enable_grad():
            at = flat.detach().requires_grad_(True)
            off = (generator.at(at, claimed, noise) - wanted).square().flatten(1).mean(1)
            drift = (at.square().mean(1) - 1).square()
            (gradient,) = torch.autograd.grad((off + KEPT_LENGTH * drift).sum(), at)
        better = off.detach() < least
        best[better], least[better] = flat[better], off.detach()[better]
        if step < steps:
            adam(flat, gradient, mean, square, step, RATE * (1 - step / steps), (0.9, 0.99))
    chosen = least.view(b, starts).argmin(1)
    rows = torch.arange(b, device=flat.device) * starts + chosen
    return best[rows], least[rows]


def checked_classes(owner: LatentsMixin, X: object, y: object) -> tuple[Samples, IntArray]:
    """Encoded samples, and a label code for each."""
    rows = owner.codec_.encode(X, owner=type(owner).__name__)
    if y is not None and (isinstance(y, (list, tuple)) or getattr(y, "ndim", 0) == 1):
        check_lengths(rows, y)
    return rows, owner._codes_for(y, len(rows), "y")


# --------------------------------------------------------------------------------------
# A fitted generator as a plain torch module: latents and classes in, images or series in their own units out.


class GeneratorModule(nn.Module):
    """A trained generator with all that turns its output into images or series; a function of latent and class.

    It holds the weights, one fixed noise for an architecture that has noise inside, and the ranges of the channels; it
    knows no estimator and no training sample. It runs on the CPU or wherever it is moved to, in `eval` mode, and
    `torch.export.export` and ``torch.onnx.export(..., dynamo=True)`` take it.

    Attributes
    ----------
    latent_dim : int
        Length of a latent.
    n_classes : int
        Indices of classes run from 0 to ``n_classes - 1``.
    rounded : bool
        Whether images or series of integers come rounded: uint8 where they had 8 bits, else int32 (int64 where that
        is too small). Set it to False before exporting for float32 in the same range.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from ganaug import ImageGAN
    >>> X = np.random.default_rng(0).integers(0, 256, size=(40, 8, 8, 3), dtype=np.uint8)
    >>> gan = ImageGAN(max_steps=2, batch_size=8, channels=2, max_channels=4, random_state=0).fit(X, np.arange(40) % 2)
    >>> module = gan.generator_module_
    >>> module(torch.zeros(3, module.latent_dim), torch.tensor([0, 1, 1])).shape
    torch.Size([3, 8, 8, 3])
    """

    noise: Tensor

    def __init__(
        self, generator: GeneratorNetwork, noise: Tensor, values: nn.Module, dtype: torch.dtype | None, n_classes: int
    ) -> None:
        super().__init__()
        self.generator, self.values = generator, values
        self.latent_dim, self.n_classes = generator.latent_dim, n_classes
        self.dtype, self.rounded = dtype, dtype is not None
        self.register_buffer("noise", noise)

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Samples in the layout of the training data. (B, latent_dim) float32, (B,) int64 -> (B, ...)."""
        if not (torch.compiler.is_compiling() or torch.jit.is_tracing()):  # type: ignore[attr-defined]
            if latents.shape[1:] != (self.latent_dim,) or latents.dtype != self.noise.dtype:
                wanted = f"{self.noise.dtype} of shape (n, {self.latent_dim})"
                raise InvalidDataError(f"latents are {latents.dtype} of shape {tuple(latents.shape)}; give {wanted}")
            if len(odd := labels[(labels < 0) | (labels >= self.n_classes)]):
                raise InvalidDataError(f"labels: {odd[0].item()} is no class; give 0 to {self.n_classes - 1}")
        if latents.requires_grad:
            return self._made(latents, labels)
        with torch.no_grad():
            return self._made(latents, labels)

    def _made(self, latents: Tensor, labels: Tensor) -> Tensor:
        made: Tensor = self.values(self.generator.at(latents, labels, self.noise))
        if self.rounded and self.dtype is not None:
            return made.round().to(self.dtype)
        return made.to(torch.float32)


class PiecewiseLinear(nn.Module):
    """`numpy.interp` for increasing ``x`` as sums of clamped pieces, which every exporter knows. (...) -> (...)."""

    def __init__(self, x: Array, y: Array) -> None:
        super().__init__()
        steps = np.diff(x)
        slopes = np.divide(np.diff(y), steps, out=np.zeros_like(steps), where=steps > 0)
        self.start = float(y[0])
        self.pieces = [(float(a), float(step), float(slope)) for a, step, slope in zip(x, steps, slopes, strict=False)]

    def forward(self, values: Tensor) -> Tensor:
        """As `numpy.interp`: beyond the ends the values there. (...) -> (...)."""
        result = torch.full_like(values, self.start)
        for at, step, slope in self.pieces:
            result = result + slope * (values - at).clamp(0.0, step)
        return result


class PixelValues(nn.Module):
    """From a network's images (B, C, H, W) within [-1, 1] to pixels in the layout of the training data.

    Parameters
    ----------
    middle, half, low, high : ndarray of shape (C,)
        Of the range of each channel.
    bends : dict of int to tuple
        For each channel with outliers: centre and scale of its core, middle and half of the bent range, and for either
        tail (sign -1 and 1) the room and the logarithms that `PiecewiseLinear` takes.
    layout : {"NHW", "NHWC", "NCHW"}
    exact : bool
        Whether to work in float64; images of 8 bits do not need it.
    """

    centre: Tensor
    reach: Tensor
    low: Tensor
    high: Tensor

    def __init__(
        self, ends: tuple[Array, Array, Array, Array], bends: dict[int, Any], layout: str, *, exact: bool
    ) -> None:
        super().__init__()
        self.kind = torch.float64 if exact else torch.float32
        for name, end in zip(("centre", "reach", "low", "high"), ends, strict=True):
            self.register_buffer(name, torch.from_numpy(np.array(end)).to(self.kind).view(-1, 1, 1))
        self.layout, self.bends = layout, bends
        self.tails = nn.ModuleDict(
            {
                f"{c} {sign}": PiecewiseLinear(room, logs)
                for c, bend in bends.items()
                for sign, (room, logs) in bend[4].items()
            }
        )

    def forward(self, unit: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, H, W), (B, H, W, C) or (B, C, H, W)."""
        unit = unit.to(self.kind).clamp(-1, 1)
        pixels = unit * self.reach + self.centre
        if self.bends:
            channels = [self._bent(c, unit[:, c]) if c in self.bends else pixels[:, c] for c in range(unit.shape[1])]
            pixels = torch.stack(channels, dim=1)
        pixels = torch.minimum(torch.maximum(pixels, self.low), self.high)
        if self.layout == "NHWC":
            return pixels.permute(0, 2, 3, 1)
        return pixels[:, 0] if self.layout == "NHW" else pixels

    def _bent(self, channel: int, unit: Tensor) -> Tensor:
        """The counterpart of the codec's bend: linear in the core, by the logarithm beyond it. (B, H, W), same."""
        centre, scale, middle, half, _ = self.bends[channel]
        u = unit * half + middle
        for sign in (-1, 1):
            tail = self.tails[f"{channel} {sign}"]
            u = torch.where(sign * u > 1, sign * torch.exp(tail(sign * u)), u)
        return centre + scale * u


class SignalValues(nn.Module):
    """From a network's series (B, C, *spatial) of about unit scale to values; beyond the knee by the exponential.

    Parameters
    ----------
    centre, scale, low, high : ndarray of shape (C,)
    knee : float
        Scales beyond which values count by their logarithm.
    dims : int
        Spatial axes.
    flat : bool
        Whether the axis of the one channel is left out.
    """

    centre: Tensor
    scale: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, ends: tuple[Array, Array, Array, Array], knee: float, dims: int, *, flat: bool) -> None:
        super().__init__()
        for name, end in zip(("centre", "scale", "low", "high"), ends, strict=True):
            self.register_buffer(name, torch.from_numpy(np.array(end, np.float64)).view(-1, *(1,) * dims))
        self.knee, self.flat = knee, flat

    def forward(self, unit: Tensor) -> Tensor:
        """(B, C, *spatial) -> the same, or (B, length)."""
        u = unit.to(torch.float64)
        beyond = (u.abs() - self.knee).clamp(0.0, 700.0)
        u = u.clamp(-self.knee, self.knee) + torch.sign(u) * torch.expm1(beyond)
        values = torch.minimum(torch.maximum(u * self.scale + self.centre, self.low), self.high)
        return values[:, 0] if self.flat else values


def generator_module(
    generator: GeneratorNetwork, noise: Tensor, values: nn.Module, dtype: np.dtype[Any], n_classes: int
) -> GeneratorModule:
    """A module of a generator on the CPU and what decodes its samples, in `eval` mode and without gradients.

    Parameters
    ----------
    generator : GeneratorNetwork
        Is moved into the module.
    noise : Tensor of shape (k,)
        That `GeneratorNetwork.at` takes.
    values : nn.Module
        From a network's samples to values: `PixelValues`, `SignalValues`.
    dtype : dtype
        Of the training data.
    n_classes : int
        Conditions.
    """
    module = GeneratorModule(generator, noise, values, _torch_integer(dtype), n_classes)
    return module.eval().requires_grad_(False)


def _torch_integer(dtype: np.dtype[Any]) -> torch.dtype | None:
    """The dtype of rounded output, or None for floats."""
    if dtype.kind == "f":
        return None
    if dtype in (np.uint8, np.bool_):
        return torch.uint8
    return torch.int32 if np.can_cast(dtype, np.int32) else torch.int64
