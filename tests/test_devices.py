"""Which device is taken, and what is said of one that is not there."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import image_gan, random_images, series_gan, tabular_gan, two_classes
from pretended_device import pretended

import ganaug
from ganaug import DefectPainter, GANOversampler, ImageTranslator
from ganaug.augmentation import POLICIES
from ganaug.exceptions import InvalidParameterError, InvalidTypeError
from ganaug.networks import IMAGE_ARCHITECTURES
from ganaug.networks.layers import CONDITIONINGS
from ganaug.networks.translation import PAIR_TASKS
from ganaug.objectives import OBJECTIVES
from ganaug.runtime.compute import resolve_device


@pytest.fixture
def machine(monkeypatch):
    """Pretend to a machine with that many CUDA devices, and MPS or not."""

    def pretend(cuda=0, mps=False):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return pretend


@pytest.mark.parametrize("device", ["auto", None])
@pytest.mark.parametrize(
    ("cuda", "mps", "expected"), [(0, False, "cpu"), (0, True, "mps"), (1, False, "cuda"), (2, True, "cuda")]
)
def test_auto_takes_the_fastest(machine, device, cuda, mps, expected):
    machine(cuda, mps)
    assert resolve_device(device) == torch.device(expected)


@pytest.mark.parametrize("device", ["cpu", "cuda", "cuda:0", "cuda:1", "mps", torch.device("cuda", 1)])
def test_devices_that_are_there(machine, device):
    machine(cuda=2, mps=True)
    assert resolve_device(device) == torch.device(device)


@pytest.mark.parametrize("device", ["cuda", "cuda:2", "mps", "gpu", "", "cuda:x", "meta", "CPU", torch.device("cuda")])
def test_an_absent_device_is_named_with_those_there(machine, device):
    machine(cuda=0)
    with pytest.raises(InvalidParameterError) as caught:
        resolve_device(device)
    assert f"device={str(device)!r}" in str(caught.value)
    assert "there are 'cpu'" in str(caught.value)


def test_an_absent_index_is_named_with_those_there(machine):
    machine(cuda=2)
    with pytest.raises(InvalidParameterError, match=r"device='cuda:2' .*'cuda:0', 'cuda:1'"):
        resolve_device("cuda:2")


@pytest.mark.parametrize("device", [0, 1.5, ["cpu"]])
def test_other_types_are_refused(device):
    with pytest.raises(InvalidTypeError, match="device="):
        resolve_device(device)


# ---- what would be done on a device that is not here ---------------------------------------------


def all_doors(gan, X, y, folder):
    """Whatever a generator is asked for after `fit`."""
    gan.sample(6, label=1, random_state=0)
    gan.sample(4, random_state=0)
    gan.score_samples(X[:8], y[:8])
    gan.features(X[:8])
    _, _, ends = gan.sample(2, label=1, return_latents=True, truncation=0.7)
    gan.interpolate(*ends, steps=3, label=1)
    if hasattr(gan, "nearest_latents"):
        gan.nearest_latents(X[:2], y[:2], steps=2)
    gan.save(folder / "model")
    ganaug.load(folder / "model").sample(3, label=1)


def some_doors(gan, X, y, folder):
    """What the objective and the conditioning have a part in."""
    gan.sample(6, label=1, random_state=0)
    gan.score_samples(X[:8], y[:8])


def of_table(folder, doors=all_doors, **parameters):
    X, y = two_classes(200)
    doors(tabular_gan(max_steps=4, **parameters).fit(X, y), X, y, folder)


def without_labels(folder):
    tabular_gan(max_steps=4).fit(two_classes(200)[0]).sample(4)


def by_oversampler(folder):
    X, y = two_classes(300)
    rows = pd.DataFrame(X, columns=["a", "b"]).assign(kind=np.where(X[:, 0] > 0, "x", "y"), target=y)
    rows["sum"] = rows["a"] + rows["b"]
    GANOversampler(generator=tabular_gan(max_steps=4, rules="auto"), random_state=0).fit_resample(rows, "target")


def of_images(folder, doors=all_doors, colours=False, **parameters):
    X, y = random_images()
    X = np.repeat(X[..., None], 3, axis=3) if colours else X
    doors(image_gan(max_steps=2, batch_size=8, **parameters).fit(X, y), X, y, folder)


def of_series(folder, **parameters):
    X = np.random.default_rng(0).normal(size=(60, 2, 16)).astype(np.float32)
    y = np.repeat([0, 1], [40, 20])
    all_doors(series_gan(max_steps=2, **parameters).fit(X, y), X, y, folder)


def fitted_further(folder):
    X, y = random_images()
    gan = image_gan(max_steps=2, batch_size=8, warm_start=True).fit(X, y)
    gan.fit(X, y)


def resumed(folder):
    def stop(event):
        raise RuntimeError("power cut")

    X, y = random_images()
    own = {"max_steps": 20, "batch_size": 4, "checkpoint": folder / "checkpoint", "checkpoint_every": 16}
    with pytest.raises(RuntimeError, match="power cut"):
        image_gan(callbacks=[lambda event: stop(event) if event.step > 16 else None], **own).fit(X, y)
    assert (folder / "checkpoint").exists()
    image_gan(**own).fit(X, y)


def translated(folder, task=None):
    images, y = random_images()
    own = {"max_steps": 2, "width": 4, "depth": 1, "batch_size": 4, "verbose": False, "random_state": 0}
    if task is None:
        ImageTranslator(**own).fit(images, y, focus=1).sample(4)
    elif task == "translate":
        ImageTranslator(paired=True, task=task, **own).fit(255 - images, images).translate(images[:4])
    elif task == "inpaint":
        mask = np.zeros((8, 8), bool)
        mask[2:5, 2:5] = True
        ImageTranslator(paired=True, task=task, **own).fit(images).translate(images[:4], mask=mask)
    else:
        ImageTranslator(paired=True, task=task, **own).fit(images).translate(images[:4, ::2, ::2])


def painted(folder):
    plain = np.full((12, 32, 32), 100, np.uint8) + np.arange(32, dtype=np.uint8)
    masks = np.zeros(plain.shape, bool)
    for place, mask in enumerate(masks):
        mask[8 : 10 + place % 3, 5 : 14 + place % 4] = True
    images = np.where(masks, plain + 60, plain).astype(np.uint8)
    DefectPainter("gan", random_state=0, max_steps=2, verbose=False).fit(images, masks).paint(plain, random_state=0)


WAYS = {
    "table": of_table,
    **{f"table, {name}": partial(of_table, doors=some_doors, objective=name) for name in OBJECTIVES},
    **{f"table, {name}": partial(of_table, doors=some_doors, conditioning=name) for name in CONDITIONINGS},
    "table without labels": without_labels,
    "oversampler": by_oversampler,
    **{f"images, {name}": partial(of_images, architecture=name) for name in IMAGE_ARCHITECTURES},
    **{f"images, {name}": partial(of_images, doors=some_doors, conditioning=name) for name in CONDITIONINGS},
    "images, changed": partial(of_images, doors=some_doors, colours=True, augment=list(POLICIES)),
    "images, fitted further": fitted_further,
    "images, resumed": resumed,
    "series": of_series,
    "translated": translated,
    **{f"translated, {name}": partial(translated, task=name) for name in PAIR_TASKS},
    "painted": painted,
}


@pytest.mark.filterwarnings("ignore::ganaug.exceptions.GanaugWarning")
@pytest.mark.parametrize("way", WAYS)
def test_apples_devices_can_do_all_of_it(way, tmp_path):
    """No double precision, nothing that only CUDA has, and nothing that mixes the device's memory with other memory."""
    with pretended("mps") as device:
        WAYS[way](tmp_path)
    assert len(device.operations) > 20  # it was the device that worked
    assert not device.found, "\n".join(device.found)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda device: torch.zeros(3, dtype=torch.float64, device=device), "zeros.default in double precision"),
        (lambda device: torch.ones(3, device=device).double(), "_to_copy.default in double precision"),
        (lambda device: torch.from_numpy(np.ones(3)).to(device), "to in double precision"),
        (lambda device: torch.ones(3, device=device) + torch.ones(3), "on and off the device"),
        (lambda device: torch.nn.Linear(3, 2).to(device)(torch.ones(1, 3)), "on and off the device"),
        (lambda device: torch.ones(3, device=device).numpy(), "numpy of memory on the device"),
    ],
)
def test_the_pretended_device_finds(wrong, says):
    with pretended("mps") as device:
        wrong(device.device)
    assert says in " ".join(device.found)


def test_the_pretended_device_passes_what_is_right():
    with pretended("mps") as device:
        net = torch.nn.Linear(3, 2).to(device.device)
        x = torch.from_numpy(np.ones((4, 3), np.float32)).to(device.device)
        loss = net(x).sum() + torch.tensor(1.0)
        grads = torch.autograd.grad(loss, list(net.parameters()))
        assert {grad.device.type for grad in grads} == {"mps"} and x.cpu().double().numpy().shape == (4, 3)
    assert not device.found and device.operations
    assert torch.zeros(1).device.type == "cpu"
