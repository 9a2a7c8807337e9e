"""Networks from weights in arrays, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from ganaug.estimators.distilling import numpy_of, second_discriminator
from ganaug.estimators.modality import Modality
from ganaug.estimators.prepared import Conditions
from ganaug.exceptions import InvalidParameterError
from ganaug.game import Game
from ganaug.networks import Players
from ganaug.types import FloatArray

__all__ = ["RebuildingMixin"]


class RebuildingMixin(Modality):
    """The players of a fitted GAN, which keeps their weights as numpy arrays.

    ``_discriminator`` says which one ``weights_`` has: "trained", that of the game, which has seen the training samples
    and stays in the memory of this process; "second", that of `second_discriminator`; "stored", that of a file of a
    format before 2, whose scores stay as they were until it is saved again.
    """

    weights_: dict[str, FloatArray]
    _discriminator: str
    _second_weights: dict[str, FloatArray] | None
    design_: dict[str, Any]
    codec_: Any
    conditions_: Conditions

    def _keep_weights(self, game: Game) -> None:
        self.weights_ = {f"generator.{k}": numpy_of(v) for k, v in game.average.state_dict().items()}
        network = game.discriminator.network
        self.weights_ |= {f"discriminator.{k}": numpy_of(v) for k, v in network.state_dict().items()}
        self._discriminator, self._second_weights = "trained", None
        self.__dict__.pop("_players", None)

    def _published_weights(self) -> dict[str, FloatArray]:
        """The weights that may leave this process: of the generator, and of a discriminator that saw samples only."""
        if self._discriminator == "second":
            return self.weights_
        if self._second_weights is None:
            self._second_weights = second_discriminator(self, **self._second)
        own = {k: v for k, v in self.weights_.items() if k.startswith("generator.")}
        return own | {f"discriminator.{k}": v for k, v in self._second_weights.items()}

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

    def _rebuilt(self, weights: dict[str, FloatArray] | None = None) -> Players:
        # from the design of the fit: the parameters may have been set anew since
        rng = torch.Generator().manual_seed(0)
        players = self._make_players(self.codec_, self.conditions_.count, rng, **self.design_)
        self._load_weights(players, weights)
        return players

    def _double_discriminator(self) -> nn.Module:
        """The discriminator that scores."""
        weights = self.weights_ if self._discriminator == "stored" else self._published_weights()
        return self._rebuilt(weights).discriminator.double().eval().requires_grad_(False)

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

    def _load_weights(self, players: Players, weights: dict[str, FloatArray] | None = None) -> None:
        given = self.weights_ if weights is None else weights
        for name, network in players._asdict().items():
            own = {k.removeprefix(f"{name}."): v for k, v in given.items() if k.startswith(f"{name}.")}
            network.load_state_dict({k: torch.from_numpy(np.array(v)) for k, v in own.items()})
