"""What differs between tables, images and series: each hook with what holds for rows of numbers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar, TypeVar

import torch
from torch import nn

from ganaug.augmentation import Augmentation
from ganaug.estimators.fitting import Conditions, Prepared
from ganaug.estimators.validation_set import snapshot_measure
from ganaug.filtering import RowFilter, View
from ganaug.networks import NetworkPair
from ganaug.runtime.distributed import Ranks
from ganaug.runtime.threads import Team, alone, one_thread
from ganaug.training.train_state import Decode, TrainConfig, undecoded
from ganaug.utils.types import FloatArray, IntArray

__all__ = ["Modality"]

Placed = TypeVar("Placed", bound=nn.Module)
Measure = Callable[[nn.Module], dict[str, float]]


# Rows in one pass of a network: enough to fill a core, little enough for any memory.
AT_ONCE = 8192


class Modality:
    """The hooks that `BaseGAN` calls. The first six make a modality; the others have defaults."""

    _architectures: ClassVar[Mapping[str, Callable[..., NetworkPair]]]
    # Steps for which rows are drawn at once; a checkpoint falls on a multiple of them.
    _ahead: ClassVar[int] = 64
    # Steps up to which a generator whose samples are all alike is no reason to stop.
    _untrained: ClassVar[int] = 0
    # Parameters of `second_discriminator` other than its own.
    _second: ClassVar[Mapping[str, Any]] = {}

    @abstractmethod
    def _make_codec(self) -> Any:
        """A codec, not yet fitted."""

    @abstractmethod
    def _design(self) -> dict[str, Any]:
        """The parameters that shape the networks, as `_make_networks` takes them."""

    @abstractmethod
    def _make_networks(self, codec: Any, n_conditions: int, rng: torch.Generator, **design: Any) -> NetworkPair:
        """Fresh networks on the CPU."""

    @abstractmethod
    def _corruption(self, codec: Any) -> Callable[[torch.Tensor, torch.Generator], torch.Tensor]:
        """What breaks samples, as the networks see them, so that a discriminator can tell good ones from them."""

    @abstractmethod
    def _augmentation(self, codec: Any, counts: IntArray, device: torch.device) -> Augmentation:
        """What happens to real samples before the discriminator sees them."""

    def _ranks(self, device: torch.device) -> tuple[Ranks, torch.device]:
        """The processes that train together, and the device of this one."""
        return Ranks(), device

    def _resolved(self, X: Any, y: Any) -> tuple[Any, Any, Sequence[str] | None]:
        """Samples and labels out of whatever holds both, and the names of labels that are places among them."""
        return X, y, None

    def _designed(
        self,
        settings: dict[str, Any],
        prepared: Prepared,
        n_conditions: int,
        earlier: int,
        device: torch.device,
        work: Team,
        known: dict[str, Any] | None,
    ) -> tuple[dict[str, Any], TrainConfig]:
        """The design of a training on this data (the one known from its first part, if it goes on), and its plan."""
        return self._design(), self._plan(settings, prepared.codec, earlier)

    def _plan(self, settings: dict[str, Any], codec: Any, earlier: int) -> TrainConfig:
        """The numbers of a training that depend on nothing else."""
        raise TypeError(f"{type(self).__name__} has neither _plan nor _designed")

    def _team(self, device: torch.device) -> AbstractContextManager[Team]:
        """Who works on the parts of a batch."""
        return nullcontext(alone)

    def _computing(self) -> AbstractContextManager[None]:
        """The number of threads of everything whose result must repeat."""
        return one_thread()

    def _placed(self, network: Placed, device: torch.device) -> Placed:
        """A network on its device, its weights laid out as the device likes them."""
        return network.to(device)

    def _loads(self, codec: Any) -> Decode:
        """From encoded samples, as they are stored, to the networks' floats."""
        return undecoded

    def _stored(self, codec: Any, samples: FloatArray) -> Any:
        """From what the generator made to encoded samples as they are stored."""
        return samples

    def _smoothed(self, rows: Any, condition: int, seed: int) -> Any:
        """Encoded samples in the place of those that the generator drew, as the class would have them."""
        return rows

    def _as_seen(self, codec: Any, rows: Any) -> Any:
        """Encoded samples as they will be once decoded: rounded, snapped, with their real categories."""
        return codec.round_trip(rows)

    def _at_once(self, codec: Any) -> int:
        """Samples in one pass of a network."""
        return AT_ONCE

    def _measure(
        self,
        prepared: Prepared,
        judge: Sequence[IntArray],
        asked: Sequence[int],
        curator: Any,
        latent_dim: int,
        device: torch.device,
        seed: int,
    ) -> Measure:
        """What tells a good snapshot from a bad one."""
        return snapshot_measure(prepared.x, judge, asked, latent_dim, device, seed)

    def _curator(
        self,
        settings: dict[str, Any],
        prepared: Prepared,
        y: IntArray,
        train: IntArray,
        judge: Sequence[IntArray],
        conditions: Conditions,
        plan: TrainConfig,
        earlier: int,
        seed: int,
    ) -> Any:
        """What refuses samples, fitted; None keeps all."""
        if not settings["curate"]:
            return None
        asked = [conditions.of_label_code(code) for code in conditions.sampled()]
        curator = RowFilter(settings["curate"], settings["min_probability"], self._view(prepared.codec))
        return curator.fit(prepared.x, y, conditions.count, asked, seed)

    def _view(self, codec: Any) -> View | None:
        """What a curator judges in the place of encoded samples."""
        return None

    def _beside(self) -> dict[str, Any]:
        """Arrays of a fitted estimator beside those that all modalities have; they are saved."""
        return {}

    def _take_beside(self, arrays: dict[str, Any]) -> None:
        """The counterpart of `_beside`, of a saved model."""

    def _curator_of(self, config: dict[str, Any], arrays: dict[str, Any], codec: Any, n_conditions: int) -> Any:
        """The curator of a saved model."""
        return RowFilter.from_state(config, arrays, codec.width, n_conditions)
