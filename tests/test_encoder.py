"""`ImageGAN(encoder=)`: a discriminator on the features of a frozen network of the user's."""

from __future__ import annotations

import pickle
from functools import partial

import numpy as np
import pytest
import torch
from helpers import cases, image_gan
from sklearn.base import clone
from torch import nn

import ganaug
from ganaug.exceptions import InvalidParameterError, InvalidTypeError
from ganaug.networks import EncoderDiscriminator
from ganaug.utils.state import read_state

gan = partial(image_gan, max_steps=3, batch_size=8, curate=False)


class Tiny(nn.Module):
    """Two resolutions and their mean, the lowest first, of grey images made RGB; with dropout."""

    def __init__(self):
        super().__init__()
        rng = torch.Generator().manual_seed(0)
        self.one, self.two = nn.Conv2d(3, 5, 3, stride=2, padding=1), nn.Conv2d(5, 7, 3, stride=2, padding=1)
        self.norm, self.drop = nn.BatchNorm2d(5), nn.Dropout(0.5)
        for weight in self.parameters():
            weight.data.normal_(0, 0.3, generator=rng)

    def forward(self, x):
        one = self.norm(self.one(x.expand(-1, 3, -1, -1))).relu()
        two = self.two(self.drop(one)).relu()
        return two.mean((2, 3)), two, one


def images(shape=(12, 9), n=40):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 100, (n, *shape), dtype=np.uint8)
    y = np.where(np.arange(n) % 4, "plenty", "few")
    X[y == "few", :4] += 120
    return X, y


def some(n=8):
    return torch.from_numpy(images(n=n)[0][:, None]).float() / 127.5 - 1


def players(encoder, conditioning="projection"):
    rng = torch.Generator().manual_seed(0)
    return EncoderDiscriminator(encoder, some(), 2, rng, conditioning=conditioning, width=4)


@cases("conditioning", ["projection", "concat", "auxiliary"])
def test_the_encoder_is_neither_trained_nor_a_part_of_the_network(conditioning):
    encoder = Tiny()
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    network = players(encoder, conditioning)
    own = {id(weight) for weight in network.parameters()}
    assert not own & {id(weight) for weight in encoder.parameters()} and len(network.scales) == 3
    assert not [name for name in network.state_dict() if name.startswith(("across", "down", "middle", "_encoder"))]
    x, labels = some(), torch.tensor([0, 1] * 4)
    logits = network(x, labels)
    assert logits.shape == (8,) and torch.equal(logits, network(x, labels))  # no dropout
    (slope,) = torch.autograd.grad(network.input_gradient(x, labels).square().sum(), network.scales[0][0].weight)
    assert slope.abs().sum() > 0
    assert encoder.training and all(weight.requires_grad and weight.grad is None for weight in encoder.parameters())
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())


def test_every_scale_counts_and_the_class_too():
    network, x = players(Tiny()), some()
    zeros, ones = torch.zeros(8, dtype=torch.long), torch.ones(8, dtype=torch.long)
    assert not torch.allclose(network(x, zeros), network(x, ones))
    features = network.features(x, zeros)
    assert features.shape == (8, 12) and all(part.std() > 0.05 for part in features.split(4, dim=1))


def test_fit_with_an_encoder_repeats_and_differs_from_one_without():
    X, y = images()
    with_it, again, without = (gan(encoder=encoder).fit(X, y) for encoder in (Tiny(), Tiny(), None))
    rows = [one.sample(6, "few", random_state=1)[0] for one in (with_it, again, without)]
    np.testing.assert_array_equal(rows[0], rows[1])
    assert rows[0].shape == (6, 12, 9) and not np.array_equal(rows[0], rows[2])
    other = Tiny()
    nn.init.constant_(other.one.weight, 0.1)
    assert not np.array_equal(gan(encoder=other).fit(X, y).sample(6, "few", random_state=1)[0], rows[0])


def test_a_function_on_colours_is_an_encoder():
    X, y = images((8, 10, 3))
    shapes = set()

    def pooled(x):
        shapes.add((*x.shape[1:], x.dtype, bool((x.detach().abs() <= 1).all())))
        return nn.functional.avg_pool2d(x, 2)

    made, _ = gan(encoder=pooled).fit(X, y).sample(3, "few")
    assert made.shape == (3, 8, 10, 3) and shapes == {(3, 8, 10, torch.float32, True)}


@cases(("objective", "limit"), [("hinge", {}), ("wasserstein", {"max_steps": None, "max_time": 0.2})], ids=str)
def test_other_objectives_and_a_time_limit(objective, limit):
    X, y = images()
    found = gan(encoder=Tiny(), objective=objective, **limit).fit(X, y)
    assert found.n_steps_ >= 1 and np.isfinite(found.history_["discriminator_loss"]).all()


def test_no_file_and_no_sample_needs_it(tmp_path):
    X, y = images()
    found = gan(encoder=Tiny(), curate=True).fit(X, y)
    assert {name.split(".")[0] for name in found.weights_} == {"generator"}
    found.save(tmp_path / "gan.safetensors")
    state = read_state(tmp_path / "gan.safetensors")
    assert "encoder" not in state.config["parameters"] and not [name for name in state.arrays if "encoder" in name]
    loaded, pickled = ganaug.load(tmp_path / "gan.safetensors"), pickle.loads(pickle.dumps(found))
    assert loaded.encoder is None and isinstance(pickled.encoder, Tiny)
    for other in (loaded, pickled, clone(found).set_params(encoder=Tiny()).fit(X, y)):
        np.testing.assert_array_equal(other.sample(5, random_state=2)[0], found.sample(5, random_state=2)[0])
        np.testing.assert_array_equal(other.score_samples(X[:7]), found.score_samples(X[:7]))


def test_a_fit_continues_with_an_encoder_and_without():
    X, y = images()
    found = gan(encoder=Tiny(), warm_start=True).fit(X, y)
    assert found.fit(X, y).n_steps_ == 6
    plain = gan(warm_start=True).fit(X, y)
    assert plain.set_params(encoder=Tiny()).fit(X, y).n_steps_ == 6


@cases(
    ("encoder", "said"),
    [
        (nn.Conv2d(3, 4, 3), r"encoder cannot take a batch of images of shape \(40, 1, 12, 9\), float32 from -1 to 1"),
        (lambda x: x.flatten(), r"made something of shape \(4320,\) of 40 images; it must return features"),
        (lambda x: [x, "text"], "made something of type str"),
        (lambda x: [], "returned an empty list"),
        (lambda x: x.detach(), "without a gradient to the images"),
        (lambda x: x / 0, "NaN or infinity"),
    ],
)
def test_encoders_that_cannot_work_are_named(encoder, said):
    with pytest.raises(InvalidParameterError, match=said) as error:
        gan(encoder=encoder, validation_fraction=0).fit(*images())
    assert str(error.value).startswith("encoder ")


def test_what_is_no_encoder(tmp_path):
    with pytest.raises(InvalidTypeError, match="encoder is a str; give a torch module or a function"):
        gan(encoder="resnet18").fit(*images())
    with pytest.raises(InvalidTypeError, match="encoder is the class Tiny"):
        gan(encoder=Tiny).fit(*images())
    with pytest.raises(InvalidParameterError, match="checkpoint cannot be given together with encoder"):
        gan(encoder=Tiny(), checkpoint=tmp_path / "state").fit(*images())
