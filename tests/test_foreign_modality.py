"""Data of a kind that ganaug does not know, by what docs/guide/your_own_data.md says: spectra of zeros and ones."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers import cases
from sklearn.base import clone
from torch.utils.data import TensorDataset

import ganaug
from ganaug.augmentation import POLICIES, unchanged
from ganaug.estimators import GAN, Codec, Modality, register
from ganaug.estimators.modality import row_filter, row_score, training_config
from ganaug.exceptions import InvalidDataError, InvalidParameterError, InvalidTypeError, ModelFileError
from ganaug.metrics import METRICS
from ganaug.networks import (
    CONDITIONINGS,
    IMAGE_ARCHITECTURES,
    TABULAR_ARCHITECTURES,
    DiscriminatorNetwork,
    GeneratorNetwork,
    NetworkPair,
)
from ganaug.networks.layers import embedding, linear
from ganaug.objectives import OBJECTIVES

pytestmark = pytest.mark.usefixtures("small_forests")

GUIDE = Path(__file__).resolve().parents[1] / "docs" / "guide" / "your_own_data.md"


class SpectrumCodec(Codec):
    def fit(self, X, codes=None, seed=0):
        self.width = self.n_features_ = self.encode(X).shape[1]
        return self

    def encode(self, X, owner="SpectrumCodec"):
        X = np.asarray(X)
        if X.ndim != 2 or not np.isin(X, (0, 1)).all():
            raise InvalidDataError(f"{owner} takes zeros and ones of shape (n, lines), and not {X.dtype} {X.shape}")
        return 2 * X.astype(np.float32) - 1

    def decode(self, samples):
        return (samples > 0).astype(np.uint8)

    def get_state(self):
        return {"width": self.width}, {}

    @classmethod
    def from_state(cls, config, arrays):
        codec = cls()
        codec.width = codec.n_features_ = config["width"]
        return codec


class Generator(GeneratorNetwork):
    latent_dim = 16

    def __init__(self, width, n_conditions, rng, hidden):
        super().__init__()
        self.first, self.classes = linear(self.latent_dim, hidden, rng), embedding(n_conditions, hidden, rng)
        self.last = linear(hidden, width, rng)

    def forward(self, z, labels, rng):
        return torch.tanh(self.last(F.leaky_relu(self.first(z) + self.classes[labels], 0.2)))


class Discriminator(DiscriminatorNetwork):
    def __init__(self, width, n_conditions, rng, hidden):
        super().__init__()
        self.first = linear(width, hidden, rng)
        self.head = CONDITIONINGS["projection"](hidden, n_conditions, rng)

    def features(self, x, labels):
        return F.leaky_relu(self.first(x), 0.2)


@register
class Spectra(Modality):
    design = ("hidden",)

    def __init__(self, hidden=64):
        self.hidden = hidden

    def codec(self, mode=None):
        return SpectrumCodec()

    def networks(self, codec, n_conditions, rng, *, hidden):
        sizes = (codec.width, n_conditions, rng, hidden)
        return NetworkPair(Generator(*sizes), Discriminator(*sizes))

    def config(self, task):
        steps = task.settings.max_steps
        return task.design, training_config(task, steps, ema_half_life=steps / 10)

    def augmentation(self, codec, counts, device):
        return unchanged

    def filter(self, task):
        return row_filter(task)

    def validation_score(self, task, found):
        return row_score(task)


@pytest.fixture(scope="module")
def spectra():
    rng = np.random.default_rng(0)
    y = np.where(np.arange(300) < 60, "nova", "dwarf")
    return (rng.random((300, 64)) < np.where(y == "nova", 0.7, 0.2)[:, None]).astype(np.uint8), y


def gan(**parameters):
    own = {"modality": Spectra(hidden=32), "max_steps": 200, "learning_rate": 5e-3, "random_state": 0, "verbose": False}
    return GAN(**{**own, **parameters})


@pytest.fixture(scope="module")
def fitted(spectra):
    return gan().fit(*spectra)


def test_the_guide_shows_this_code():
    code = re.search(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)[1]
    assert code[code.index("class SpectrumCodec") :].strip() in Path(__file__).read_text(encoding="utf-8")


def test_a_modality_has_at_most_six_methods_and_all_are_asked_for():
    methods = [name for name, _ in inspect.getmembers(Modality, inspect.isfunction) if not name.startswith("_")]
    own = set(methods) - {"get_params", "set_params", "get_metadata_routing"}
    assert own == Modality.__abstractmethods__ and len(own) <= 6
    for name in own:
        lacks = type("Lacks", (Spectra,), {name: getattr(Modality, name)})
        with pytest.raises(TypeError, match=name):
            lacks()


def test_it_trains_and_samples(fitted, spectra):
    X, _ = fitted.sample(200, label="nova", random_state=1)
    assert X.shape == (200, 64) and X.dtype == np.uint8 and set(np.unique(X)) == {0, 1}
    assert X.mean() > fitted.sample(200, label="dwarf", random_state=1)[0].mean() + 0.2  # 0.7 and 0.2 in the data
    assert np.array_equal(X, gan().fit(*spectra).sample(200, label="nova", random_state=1)[0])
    assert len(fitted.history_) and fitted.best_step_ > 0
    assert [len(part) for part, _ in fitted.iter_samples({"nova": 5}, chunk_size=3)] == [3, 2]


def test_it_refuses_copies_and_other_classes(spectra):
    X, y = spectra
    few = X[:6]  # what is made of six spectra is often one of them
    found = gan(curate=["copies"], max_steps=400).fit(few)
    made, _ = found.sample(50)
    counts = found.curation_["all"]
    assert counts["copies"] > 0 and counts["drawn"] == counts["copies"] + 50 - counts["taken_anyway"]
    assert counts["taken_anyway"] or not {tuple(row) for row in made} & {tuple(row) for row in few}
    assert gan(curate=True).fit(X, y).sample(20, label="nova")[0].shape == (20, 64)


def test_scores_know_what_is_unlike_the_data(fitted, spectra):
    X, y = spectra
    assert np.median(fitted.score_samples(X, y)) > np.median(fitted.score_samples(np.ones((5, 64)))) + 1
    assert fitted.features(X[:7]).shape == (7, 32)


def test_it_comes_back(fitted, tmp_path):
    fitted.save(tmp_path / "spectra")
    want, scores = fitted.sample(9, random_state=3)[0], fitted.score_samples(fitted.sample(9, random_state=4)[0])
    for again in (
        ganaug.load(tmp_path / "spectra"),
        GAN.load(tmp_path / "spectra"),
        copy.deepcopy(fitted),
        pickle.loads(pickle.dumps(fitted)),
    ):
        assert again.modality.hidden == 32 and np.array_equal(again.sample(9, random_state=3)[0], want)
        assert np.array_equal(again.score_samples(fitted.sample(9, random_state=4)[0]), scores)
    with pytest.raises(ModelFileError, match="holds a fitted GAN, not a TabularGAN"):
        ganaug.TabularGAN.load(tmp_path / "spectra")


def test_the_sizes_of_a_fit_stay(fitted):
    own = copy.deepcopy(fitted)
    want = own.sample(4, random_state=3)[0]
    own.set_params(modality__hidden=8)
    assert np.array_equal(own.sample(4, random_state=3)[0], want)
    assert clone(own).modality.hidden == 8 and clone(own).modality is not own.modality


def test_a_file_of_an_unknown_modality_says_what_to_do(spectra, tmp_path):
    unknown = type("UnknownSpectra", (Spectra,), {})
    GAN(unknown(hidden=8), max_steps=2, verbose=False).fit(*spectra).save(tmp_path / "spectra")
    with pytest.raises(ModelFileError, match=r"holds a 'UnknownSpectra'.*ganaug\.estimators\.register"):
        ganaug.load(tmp_path / "spectra")


def test_a_name_is_registered_once():
    assert register(Spectra) is Spectra
    with pytest.raises(InvalidParameterError, match="TabularGAN.*has this name already"):
        register(type("TabularGAN", (Spectra,), {}))
    with pytest.raises(InvalidParameterError, match="subclass of Modality"):
        register(dict)


@cases(
    ("parameters", "data", "error", "message"),
    [
        ({"modality": Spectra}, None, InvalidTypeError, "must be an instance of a subclass"),
        ({"batch_size": 1}, None, InvalidParameterError, "batch_size=1"),
        ({}, np.full((9, 64), 2), InvalidDataError, "SpectrumCodec takes zeros and ones"),
        ({}, np.zeros((1, 64), int), InvalidDataError, "cannot learn from 1 sample"),
    ],
)
def test_what_is_wrong_is_said(spectra, parameters, data, error, message):
    with pytest.raises(error, match=message):
        gan().set_params(**parameters).fit(spectra[0] if data is None else data)


class Detached(Generator):
    def forward(self, z, labels, rng):
        return super().forward(z, labels, rng).detach()


class Blind(Discriminator):
    def features(self, x, labels):
        return super().features(x.detach(), labels)


class Bare(Generator):
    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.first = self.last = None
        del self.classes


def frozen(role, part=None):
    def change(pair):
        network = getattr(pair, role)
        (network if part is None else getattr(network, part)).requires_grad_(False)
        return pair

    return change


SIZES = 64, 2, torch.Generator().manual_seed(0), 32


@cases(
    ("change", "message"),
    [
        (frozen("generator"), r"modality=Odd: its generator has 5 of 5 weights with requires_grad=False, 'classes'"),
        (frozen("generator", "last"), r"generator has 2 of 5 weights .*'last\.weight' for one; .*by register_buffer"),
        (frozen("discriminator"), r"discriminator has \d of \d weights with requires_grad=False"),
        (lambda pair: pair._replace(generator=Bare(*SIZES)), "generator has no weights"),
        (lambda pair: pair._replace(generator=Detached(*SIZES)), "generator has no gradient from its samples to its"),
        (
            lambda pair: pair._replace(discriminator=Blind(*SIZES)),
            "discriminator has no gradient from its logit to its",
        ),
    ],
)
def test_networks_that_cannot_learn_are_refused(spectra, change, message):
    class Odd(Spectra):
        def networks(self, *given, **sizes):
            return change(super().networks(*given, **sizes))

    with pytest.raises(InvalidParameterError, match=message):
        gan(modality=Odd(hidden=32)).fit(*spectra)


def test_an_architecture_of_fixed_weights_is_named(monkeypatch):
    def fixed(*given, **sizes):
        return frozen("discriminator")(TABULAR_ARCHITECTURES["mlp"](*given, **sizes))

    monkeypatch.setitem(TABULAR_ARCHITECTURES, "fixed", fixed)
    with pytest.raises(InvalidParameterError, match="architecture='fixed': its discriminator has 11 of 11 weights"):
        ganaug.TabularGAN(architecture="fixed", max_steps=2, verbose=False).fit(
            np.random.default_rng(0).normal(size=(40, 2))
        )


def test_it_oversamples(spectra):
    X, y = spectra
    X_res, y_res = ganaug.GANOversampler(generator=gan(), random_state=0).fit_resample(X, y)
    assert np.array_equal(X_res[:300], X) and (y_res == "nova").sum() == (y_res == "dwarf").sum() == 240
    assert X_res.dtype == np.uint8 and abs(X_res[300:].mean() - 0.7) < 0.2


def test_it_blends(spectra):
    X, y = spectra
    codes = (y == "nova").astype(int)
    real = TensorDataset(torch.from_numpy(X), torch.from_numpy(codes))
    blend = ganaug.BlendedDataset(real, gan().fit(X, codes))
    assert len(blend) == 480 and blend.is_synthetic.sum() == 180
    item, label = blend[479]
    assert item.shape == (64,) and item.dtype == torch.uint8 and int(label) == 1


def test_it_is_reported_on(fitted, spectra, tmp_path):
    X, y = spectra
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        report = ganaug.quality_report(fitted, X, y, n_samples=100, random_state=0)
    report.to_html(tmp_path / "report.html")
    assert (tmp_path / "report.html").stat().st_size > 10_000


def test_all_else_is_one_line_as_well(monkeypatch, spectra):
    """From outside of the package: an entry in a dict, and its name as a parameter."""
    X, y = spectra[0][:40, :4].astype(float), spectra[1][30:70]
    used = []

    def seen(name, function):
        return lambda *args, **kwargs: used.append(name) or function(*args, **kwargs)

    for table, like in (
        (TABULAR_ARCHITECTURES, "mlp"),
        (IMAGE_ARCHITECTURES, "residual"),
        (CONDITIONINGS, "projection"),
        (POLICIES, "cutout"),
    ):
        monkeypatch.setitem(table, "mine", seen(like, table[like]))
    own = OBJECTIVES["hinge"]
    own = dataclasses.replace(own, discriminator=seen("hinge", own.discriminator))
    monkeypatch.setitem(OBJECTIVES, "mine", own)
    monkeypatch.setitem(METRICS, "mine", METRICS["recall"]._replace(measure=seen("recall", METRICS["recall"].measure)))
    quick = {"architecture": "mine", "max_steps": 2, "verbose": False, "random_state": 0}
    ganaug.TabularGAN(objective="mine", conditioning="mine", **quick).fit(X, y)
    assert {"mlp", "hinge", "projection"} <= set(used)
    series = np.random.default_rng(0).normal(size=(20, 2, 16))
    ganaug.SeriesGAN(augment=["mine"], batch_size=8, channels=2, **{**quick, "max_steps": 4}).fit(series)
    assert {"residual", "cutout"} <= set(used)
    assert "value" in ganaug.metrics.evaluate(X, X + 0.1, metrics=["mine"], random_state=0)["mine"] and "recall" in used
