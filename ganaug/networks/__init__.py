"""The players. An architecture is a function that builds a generator and a discriminator.

To add one: write its file, add one line to the dict of its modality.
"""

from __future__ import annotations

from ganaug.networks.dcgan import EncoderDiscriminator, dcgan
from ganaug.networks.layers import CONDITIONINGS, DiscriminatorNetwork, GeneratorNetwork, NetworkPair, mlp
from ganaug.networks.residual import residual
from ganaug.networks.stylegan import style

__all__ = [
    "CONDITIONINGS",
    "IMAGE_ARCHITECTURES",
    "TABULAR_ARCHITECTURES",
    "DiscriminatorNetwork",
    "EncoderDiscriminator",
    "GeneratorNetwork",
    "NetworkPair",
]

TABULAR_ARCHITECTURES = {"mlp": mlp}
IMAGE_ARCHITECTURES = {"dcgan": dcgan, "residual": residual, "style": style}  # series and volumes too
