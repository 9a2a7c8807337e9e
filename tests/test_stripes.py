"""No stripes and no checkerboards: what enlarges in a network leaves no lattice in the spectrum of what it makes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers import cases

from ganaug.estimators.images import ImageModality
from ganaug.networks.convolutions import LARGEST_BASE
from ganaug.networks.translation import Inpaint, SuperResolve, Translate, Translators, cycle_players, pair_networks
from ganaug.runtime.compute import one_thread

SIDE = 32


@pytest.fixture(autouse=True)
def quiet():
    with one_thread():
        yield


def power(images):
    """The mean spectrum of images (n, C, H, W). -> (H, W)."""
    flat = np.asarray(images, float).reshape(-1, *images.shape[-2:])
    return (np.abs(np.fft.fft2(flat)) ** 2).mean(0)


def stripes(images):
    """How much stronger stripes of two pixels are than those a little wider, along the axis where that is worst.

    The spectrum of pictures falls towards their finest detail; a network that makes pixels two by two has a lattice of
    period 2, whose spectrum is at the end.
    """
    spectrum, half = power(images), images.shape[-1] // 2
    along = [spectrum.mean(axis) for axis in (0, 1)]
    return max(line[half - 1 : half + 1].mean() / line[half - 5 : half - 2].mean() for line in along)


def checkerboard(images):
    """The same of what alternates along both axes."""
    spectrum, half = power(images), images.shape[-1] // 2
    end, before = slice(half - 1, half + 2), slice(half - 5, half - 2)
    return spectrum[end, end].mean() / spectrum[before, before].mean()


def smooth(n, channels=1, seed=0):
    """Images of soft patches (n, C, 32, 32) in [-1, 1], with a little grain as pictures have."""
    rng = torch.Generator().manual_seed(seed)
    coarse = torch.rand(n, channels, 8, 8, generator=rng) * 2 - 1
    fine = torch.nn.functional.interpolate(coarse, size=(SIDE, SIDE), mode="bicubic").clamp(-1, 1)
    return 0.95 * fine + 0.02 * torch.randn(fine.shape, generator=rng)


def test_the_measures_see_a_lattice_and_nothing_else():
    x = smooth(50).numpy()
    assert stripes(x) < 1.2 and checkerboard(x) < 1.2
    row, column = np.mgrid[:SIDE, :SIDE]
    for lattice, seen in (((-1) ** row, stripes), ((-1) ** column, stripes), ((-1) ** (row + column), checkerboard)):
        assert seen(x + 0.05 * lattice) > 2
        assert seen(x * (1 + 0.2 * lattice)) > 2  # where there is something to see, and not where there is none


@cases("seed", range(3))
@cases("channels", [1, 3])
def test_a_translation_between_classes_has_none(channels, seed):
    x = smooth(40, channels)
    changes = {}
    for fine in (True, False):
        rng = torch.Generator().manual_seed(seed)
        translators, _ = cycle_players((channels, SIDE, SIDE), rng, width=16, depth=2, fine=fine)
        assert isinstance(translators, Translators)
        with torch.no_grad():
            changes[fine] = (translators.to_target(x) - x).numpy()
    assert checkerboard(changes[True]) < 1.5 and stripes(changes[True]) < 1.5
    assert checkerboard(changes[False]) > 3 or stripes(changes[False]) > 3  # how it was


@cases("kind", [Translate, Inpaint, SuperResolve])
@cases("seed", range(3))
def test_a_translation_of_pairs_has_none(kind, seed):
    task, x = kind(1, 1, 1), smooth(40)
    hole = torch.zeros(40, 1, SIDE, SIDE, dtype=torch.bool)
    given = task.hide(x, hole) if kind is Inpaint else x
    generator, _ = pair_networks(task, (1, SIDE, SIDE), torch.Generator().manual_seed(seed), width=16, depth=2)
    with torch.no_grad():
        change = generator.unet(given).numpy()
    assert checkerboard(change) < 1.5 and stripes(change) < 1.5


@cases("seed", range(3))
@cases("architecture", ["residual", "dcgan", "style"])
def test_no_architecture_begins_with_one(architecture, seed):
    generator = untrained(architecture, seed)
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        images = generator(torch.randn(60, generator.latent_dim, generator=rng), torch.zeros(60, dtype=torch.long), rng)
    assert checkerboard(images.numpy()) < 1.5 and stripes(images.numpy()) < 1.5


def untrained(architecture, seed):
    from ganaug import ImageGAN
    from ganaug.encoding.image_codec import ImageCodec

    modality = ImageModality._of(ImageGAN(architecture=architecture))
    codec = ImageCodec().fit(np.arange(2 * SIDE * SIDE).reshape(2, SIDE, SIDE) % 251)
    design = {name: getattr(modality, name) for name in modality.design} | {"channels": 16, "base": LARGEST_BASE}
    return modality.networks(codec, 1, torch.Generator().manual_seed(seed), **design).generator
