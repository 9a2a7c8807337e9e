"""Networks from weights in arrays, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ganaug.estimators.modality import Modality
from ganaug.estimators.prepared import Conditions
from ganaug.exceptions import InvalidParameterError
from ganaug.game import Game
from ganaug.networks import Players
from ganaug.types import FloatArray

__all__ = ["RebuildingMixin"]


class RebuildingMixin(Modality):
    """The players of a fitted GAN, which keeps their weights as numpy arrays."""

    weights_: dict[str, FloatArray]
    design_: dict[str, Any]
    codec_: Any
    conditions_: Conditions

    def _keep_weights(self, game: Game) -> None:
        self.weights_ = {f"generator.{k}": numpy_of(v) for k, v in game.average.state_dict().items()}
        network = game.discriminator.network
        self.weights_ |= {f"discriminator.{k}": numpy_of(v) for k, v in network.state_dict().items()}
        self.__dict__.pop("_players", None)

    def _networks(self, device: torch.device) -> Players:
        """The players, rebuilt from the weights; built once for each process and device."""
        cached = self.__dict__.get("_players")
        if cached is not None and cached[0] == device:
            players: Players = cached[1]
            return players
        players = self._rebuilt()
        for network in players:
            network.to(device).eval().requires_grad_(False)
        self._players = (device, players)
        return players

    def _rebuilt(self) -> Players:
        # from the design of the fit: the parameters may have been set anew since
        rng = torch.Generator().manual_seed(0)
        players = self._make_players(self.codec_, self.conditions_.count, rng, **self.design_)
        self._load_weights(players)
        return players

    def _double_discriminator(self) -> nn.Module:
        return self._rebuilt().discriminator.double().eval().requires_grad_(False)

    def _go_on(self, players: Players, conditions: Conditions, design: dict[str, Any]) -> None:
        if conditions.focus != self.conditions_.focus:
            raise InvalidParameterError("warm_start=True needs the focus of the earlier fit")
        changed = [name for name, value in design.items() if value != self.design_[name]]
        if changed:
            raise InvalidParameterError(
                f"warm_start=True goes on with the networks of the earlier fit, but {', '.join(changed)} "
                "changed since; set it back, or warm_start=False"
            )
        self._load_weights(players)

    def _load_weights(self, players: Players) -> None:
        for name, network in players._asdict().items():
            own = {k.removeprefix(f"{name}."): v for k, v in self.weights_.items() if k.startswith(f"{name}.")}
            network.load_state_dict({k: torch.from_numpy(np.array(v)) for k, v in own.items()})


def numpy_of(tensor: Tensor) -> FloatArray:
    """An array of its own, on the CPU."""
    array: FloatArray = tensor.detach().cpu().numpy().copy()
    return array
