"""The players. An architecture is a function that builds a generator and a discriminator.

To add one: write its file, add one line to the dict of its modality.
"""

from __future__ import annotations

from ganaug.networks.conditioning import CONDITIONINGS
from ganaug.networks.mlp import Players, mlp

__all__ = ["CONDITIONINGS", "TABULAR_ARCHITECTURES", "Players"]

TABULAR_ARCHITECTURES = {"mlp": mlp}
