"""The players. An architecture is a function that builds a generator and a discriminator.

To add one: write its file, add one line to the dict of its modality.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping

from ganaug.networks.components import components
from ganaug.networks.dcgan import EncoderDiscriminator, dcgan
from ganaug.networks.layers import CONDITIONINGS, DiscriminatorNetwork, GeneratorNetwork, NetworkPair, mlp
from ganaug.networks.residual import residual
from ganaug.networks.stylegan import style

__all__ = [
    "CONDITIONINGS",
    "IMAGE_ARCHITECTURES",
    "SERIES_ARCHITECTURES",
    "TABULAR_ARCHITECTURES",
    "DiscriminatorNetwork",
    "EncoderDiscriminator",
    "GeneratorNetwork",
    "NetworkPair",
]

TABULAR_ARCHITECTURES = {"mlp": mlp}
Build = Callable[..., NetworkPair]
IMAGE_ARCHITECTURES: dict[str, Build] = {"dcgan": dcgan, "residual": residual, "style": style}
# Those of images work in one and three dimensions, too, but for "style".
SERIES_ARCHITECTURES: Mapping[str, Build] = ChainMap({"components": components}, IMAGE_ARCHITECTURES)
