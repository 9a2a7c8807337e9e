"""Bad input gets an error that names the parameter, column or class, says what to do, and changes nothing."""

from __future__ import annotations

import copy
import json
import pickle
import sys
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import cases, tabular_gan
from sklearn.exceptions import NotFittedError

import ganaug
from ganaug import GanaugError, GANOversampler, SmoothedBootstrap, TabularGAN
from ganaug.callbacks import TensorBoardLogger
from ganaug.exceptions import MissingDependencyError, ModelFileError
from ganaug.utils.state import FORMAT_VERSION, read_state, write_state

N = 40


gan = partial(tabular_gan, max_steps=2, width=8)


def oversampler(**parameters):
    return GANOversampler(**{"generator": gan(), "random_state": 0, **parameters})


def table():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"age": rng.normal(size=N), "income": rng.normal(size=N), "kind": rng.choice(["p", "q"], N)})
    return X, np.repeat(["fine", "fraud"], [25, 15])


def changed(X, column, value, row=3):
    X = X.copy()
    X[column] = X[column].astype(object) if isinstance(value, str) else X[column]
    X.loc[row, column] = value
    return X


X, y = table()

# what is wrong -> (X, y, words that the message must hold)
DATA = {
    "NaN in y": (X, np.where(np.arange(N) == 3, None, y), ["y contains NaN", "drop"]),
    "NaN in a float y": (X, np.where(np.arange(N) < 3, np.nan, np.arange(N) % 2), ["y contains NaN", "drop"]),
    "continuous y": (X, np.linspace(0, 1, N), ["label type", "continuous"]),
    "infinity": (changed(X, "income", np.inf), y, ["infinity", "'income'", "replace"]),
    "infinity in an array": (np.where(np.eye(N, 3) > 0, -np.inf, 0.0), y, ["infinity", "column 0", "replace"]),
    "no rows": (X[:0], y[:0], ["0 rows", "minimum of 1"]),
    "no columns": (X[[]], y, ["0 feature(s)"]),
    "fewer labels": (X, y[:-1], ["X has 40 rows", "y has 39"]),
    "more labels": (X, np.append(y, "fine"), ["X has 40 rows", "y has 41"]),
    "six dimensions": (np.zeros((N, 3, 2, 2, 2, 2)), y, ["dim", "6"]),
    "a series": (X["age"], y, ["table"]),
    "text": ("abc", y, ["str", "DataFrame"]),
    "nothing": (None, y, ["NoneType", "DataFrame"]),
    "a number": (3, y, ["int", "DataFrame"]),
    "ragged rows": ([[1.0, 2.0]] * (N - 1) + [[1.0]], y, ["rows differ in length"]),
    "a dict in a column": (changed(X, "kind", "p").assign(kind=[{}] * N), y, ["'kind'"]),
    "complex numbers": (np.ones((N, 2)) * 1j, y, ["omplex"]),
    "a column twice": (X.set_axis(["age", "age", "kind"], axis=1), y, ["'age'", "more than once"]),
    "ragged y": (X, [["fine"]] * (N - 1) + [["fine", "fraud"]], ["y", "differ"]),
    "y in three dimensions": (X, np.zeros((N, 2, 2), int), ["y", "shape"]),
}
ONLY_OVERSAMPLER = {
    "no y": (X, None, ["y to be passed", "None"]),
    "a single class": (X, np.repeat("fraud", N), ["y has 1 class", "'fraud'", "at least one other class"]),
    "one row": (X[:1], y[:1], ["1 class", "at least one other class"]),
    "several classes of a row": (X, np.ones((N, 2), int), ["one-vs-all", "ultilabel"]),
    "no class of a row": (X, np.eye(2, dtype=int)[[0, 1] * 20] * (np.arange(N) != 7)[:, None], ["row 7", "no class"]),
}
ONLY_GAN = {
    "one row": (X[:1], None, ["1 sample", "at least 2 rows"]),
    "a matrix as y": (X, np.eye(2)[[0, 1] * 20], ["y", "1d"]),
}


def state(estimator):
    return {k: v for k, v in vars(estimator).items() if k not in estimator.get_params(deep=False)}


def refused(estimator, call, words):
    """Call, and check the error and that the estimator is as it was."""
    before = dict(vars(estimator))
    with pytest.raises((ValueError, TypeError)) as caught:
        call()
    said = str(caught.value)
    assert isinstance(caught.value, GanaugError), f"{type(caught.value).__name__}: {said}"
    assert not [word for word in words if word not in said], said
    assert vars(estimator).keys() == before.keys()
    assert all(vars(estimator)[name] is value for name, value in before.items())


@cases("what", [*DATA, *ONLY_OVERSAMPLER])
def test_data_for_the_oversampler(what):
    bad_X, bad_y, words = {**DATA, **ONLY_OVERSAMPLER}[what]
    for given in (oversampler(), oversampler(generator=None)):
        refused(given, lambda given=given: given.fit_resample(bad_X, bad_y), words)
        refused(given, lambda given=given: given.fit(bad_X, bad_y), words)
        assert not state(given)


def test_the_earlier_fit_of_an_oversampler_stays():
    fitted = oversampler()
    fitted.fit_resample(X, y)
    expected, _ = copy.deepcopy(fitted).sample(3)
    for bad_X, bad_y, words in [*DATA.values(), *ONLY_OVERSAMPLER.values()]:
        refused(fitted, lambda bad_X=bad_X, bad_y=bad_y: fitted.fit_resample(bad_X, bad_y), words)
    pd.testing.assert_frame_equal(fitted.sample(3)[0], expected)


@pytest.mark.parametrize("make", [gan, SmoothedBootstrap])
def test_data_for_the_generators(make):
    fitted = make().fit(X, y)
    expected, _ = copy.deepcopy(fitted).sample(3, random_state=0)
    cases = {**DATA, **(ONLY_GAN if make is gan else {})}
    for what, (bad_X, bad_y, words) in cases.items():
        words = ["y is empty"] if what == "no rows" else words
        for estimator in (make(), fitted):
            refused(estimator, lambda e=estimator, bad_X=bad_X, bad_y=bad_y: e.fit(bad_X, bad_y), words)
    pd.testing.assert_frame_equal(fitted.sample(3, random_state=0)[0], expected)


# ---------------------------------------------------------------- parameters


PARAMETERS = {
    "objective": ["vanilla", None, 3],
    "architecture": ["transformer", None],
    "conditioning": ["film", None],
    "max_steps": [0, -1, 2.5, "many", None, True],
    "max_time": [0, -5, "soon", "5 parsecs", "0", "-5", "", ".", float("nan"), True],
    "batch_size": [1, 0, 2.5, None],
    "learning_rate": [0, -1, "fast", None, float("nan"), float("inf")],
    "width": [0, 1.5],
    "depth": [0, "deep"],
    "latent_dim": [0, None],
    "penalty": [-1, "x"],
    "class_power": [-0.5, 2],
    "jitter": [-1, None],
    "validation_fraction": [-0.1, 0.9],
    "patience": [0, 1.5],
    "curate": ["duplicates", ["copies", "x"], 3],
    "min_probability": [-1, 2],
    "random_state": [-1, 1.5, "seed", [1]],
    "device": ["gpu", "cuda:99", 3],
    "verbose": ["loud"],
    "callbacks": [["print"], "print"],
}
LISTED = {
    "objective": ["relativistic", "non-saturating", "minimax", "least-squares", "wasserstein", "hinge"],
    "architecture": ["mlp"],
    "conditioning": ["projection", "concat", "auxiliary"],
    "device": ["'auto'"],
    "max_time": ["90s"],
    "curate": ["copies", "outliers", "other_class"],
}


@cases("name", PARAMETERS)
def test_parameters_of_the_gan(name):
    for value in PARAMETERS[name]:
        words = [name, *LISTED.get(name, [])]
        own = gan(**{name: value})
        refused(own, lambda own=own: own.fit(X, y), words)
        assert not state(own)
        through = oversampler(generator=gan(**{name: value}))
        if name != "random_state":  # a class's GAN gets a seed from the sampler
            refused(through, lambda through=through: through.fit_resample(X, y), words)


OVERSAMPLER = {
    "scope": (["classes", None, 3], ["auto", "per-class", "shared"]),
    "min_class_size": ([1, 2.5, None, "few"], ["integer"]),
    "n_jobs": ([0, "two", 1.5], ["-1"]),
    "random_state": ([-1, "seed", 1.5], ["non-negative integer"]),
    "generator": ([TabularGAN, "TabularGAN", 3, object()], ["TabularGAN()"]),
    "verbose": (["loud"], ["auto"]),
}


@cases("name", OVERSAMPLER)
def test_parameters_of_the_oversampler(name):
    values, words = OVERSAMPLER[name]
    for value in values:
        own = oversampler(**{name: value}) if name != "verbose" else GANOversampler(verbose=value)
        refused(own, lambda own=own: own.fit_resample(X, y), [name, *words])


@cases(
    ("strategy", "words"),
    [
        ({"fraud": 14}, ["'fraud'", "14", "at least 15"]),
        ({"theft": 50}, ["no class 'theft'", "'fine': 25, 'fraud': 15"]),
        ({"fraud": -1}, ["'fraud'", "-1"]),
        ({"fraud": 20.5}, ["'fraud'", "20.5", "integer"]),
        ({"fraud": "many"}, ["'fraud'", "integer"]),
        (0.5, ["0.5", "increase"]),
        (0, ["(0, 1]"]),
        (1.5, ["(0, 1]"]),
        (float("nan"), ["nan"]),
        ("majority", ["majority", "'minority'"]),
        ("most", ["'most'", "'not majority'"]),
        (["fraud"], ["list"]),
        (None, ["NoneType", "'auto'"]),
        (lambda y: {"fraud": 3}, ["'fraud'", "at least 15"]),
        (lambda y: "auto or so", ["auto or so"]),
    ],
)
def test_sampling_strategies_that_cannot_be_met(strategy, words):
    own = oversampler(sampling_strategy=strategy)
    refused(own, lambda: own.fit_resample(X, y), ["sampling_strategy", "Give 'auto'", *words])


def test_a_ratio_for_three_classes():
    own = oversampler(sampling_strategy=0.9)
    refused(own, lambda: own.fit_resample(X, np.arange(N) % 3), ["sampling_strategy=0.9", "binary", "dict"])


def test_an_error_of_the_users_own_function_comes_through():
    def strategy(labels):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        oversampler(sampling_strategy=strategy).fit_resample(X, y)


def test_a_generator_that_returns_too_few_rows():
    class Lazy:
        def fit(self, X, y):
            return self

        def sample(self, n, label, random_state):
            return np.zeros((n - 1, 3)), np.full(n - 1, label)

    own = oversampler(generator=Lazy())
    with pytest.raises(GanaugError, match=r"Lazy.sample returned 9 rows of class 'fraud' when asked for 10"):
        own.fit_resample(X, y)
    assert not state(own)


def test_a_device_that_is_absent(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    own = gan(device="cuda")
    refused(own, lambda: own.fit(X, y), ["device='cuda'", "'cpu'", "'auto'"])


def test_a_package_that_is_missing(monkeypatch, tmp_path):
    for name in [m for m in sys.modules if m.split(".")[0] == "tensorboard" or m == "torch.utils.tensorboard"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    own = gan(callbacks=[TensorBoardLogger(tmp_path)])
    with pytest.raises(MissingDependencyError, match=r"pip install 'ganaug\[tensorboard\]'") as caught:
        own.fit(X, y)
    assert isinstance(caught.value, ImportError) and not state(own)


# ---------------------------------------------------------------- sampling and scoring


@pytest.fixture(scope="module")
def fitted():
    return gan().fit(X, y)


@pytest.fixture(scope="module")
def fitted_oversampler():
    return oversampler().fit(X, y)


SAMPLES = [
    ({"n": -1}, ["n", "-1", "at least 0"]),
    ({"n": 2.5}, ["2.5", "integer"]),
    ({"n": "3"}, ["'3'", "integer"]),
    ({"n": True}, ["True", "integer"]),
    ({"n": None}, ["None", "integer"]),
    ({"n": 2, "label": "theft"}, ["theft", "fraud"]),
    ({"n": -2, "label": "fraud"}, ["-2", "at least 0"]),
    ({"n": {"fraud": -1}}, ["'fraud'", "-1"]),
    ({"n": {"fraud": 1.5}}, ["'fraud'", "1.5"]),
    ({"n": {"theft": 1}}, ["theft", "fraud"]),
    ({"n": {"fraud": 1}, "label": "fraud"}, ["dict", "label"]),
    ({"n": 2, "random_state": -1}, ["random_state=-1"]),
    ({"n": 2, "random_state": "x"}, ["random_state='x'"]),
]


@cases(("arguments", "words"), SAMPLES)
def test_requests_for_samples(fitted, fitted_oversampler, arguments, words):
    refused(fitted, lambda: fitted.sample(**arguments), words)
    refused(fitted, lambda: fitted.iter_samples(**arguments), words)
    refused(fitted_oversampler, lambda: fitted_oversampler.sample(**arguments), words)


def test_more_requests_for_samples(fitted, fitted_oversampler):
    refused(fitted, lambda: fitted.iter_samples(3, chunk_size=0), ["chunk_size=0"])
    focused = gan().fit(X, y, focus="fraud")
    refused(focused, lambda: focused.sample(3, label="fine"), ["'fraud'", "'fine'"])
    for several in (["fraud"], np.array(["fraud"])):
        refused(fitted, lambda several=several: fitted.sample(3, label=several), ["no single label", "dict of counts"])
    with pytest.raises(ganaug.GanaugError, match=r"\['fine', 'fraud'\], of which y has none, but \[0, 1\]; give y"):
        ganaug.quality_report(fitted, X, np.arange(len(X)) % 2, verbose=False)
    with pytest.raises(
        ganaug.GanaugError, match=r"y has no sample of the class\(es\) \['fraud'\].*n_samples={label: n}"
    ):
        ganaug.quality_report(fitted, X, ["fine"] * len(X), verbose=False)
    unlabelled = gan().fit(X)
    refused(unlabelled, lambda: unlabelled.sample(3, label="fine"), ["label='fine'", "without labels"])
    refused(fitted_oversampler, lambda: fitted_oversampler.sample(1, label="fine"), ["'fine'", "sampling_strategy"])
    refused(fitted_oversampler, lambda: fitted_oversampler.sample({}), ["empty dict"])
    both = oversampler(sampling_strategy={"fine": 30, "fraud": 30}).fit(X, y)
    refused(both, lambda: both.sample(1), ["label", "'fine'", "'fraud'"])
    own = gan()
    refused(own, lambda: own.fit(X, y, focus="theft"), ["theft", "fine, fraud"])
    refused(own, lambda: own.fit(X, focus="fraud"), ["focus='fraud'", "y"])


def test_nothing_works_before_fit(tmp_path):
    for call in (
        lambda: gan().sample(2),
        lambda: gan().iter_samples(2),
        lambda: gan().score_samples(X),
        lambda: gan().features(X),
        lambda: gan().save(tmp_path / "model"),
        lambda: SmoothedBootstrap().sample(2),
        lambda: oversampler().sample(2),
    ):
        with pytest.raises(NotFittedError, match="not fitted yet"):
            call()
    assert not list(tmp_path.iterdir())


@cases(
    ("bad_X", "bad_y", "words"),
    [
        (X.rename(columns={"age": "years"}), None, ["feature names", "years", "age"]),
        (X[["income", "age", "kind"]], None, ["feature names", "same order"]),
        (X[["age", "kind"]], None, ["feature names", "income"]),
        (X.assign(extra=1), None, ["feature names", "extra"]),
        (X.assign(age="old"), None, ["'age'"]),
        (X.assign(kind=1.5), None, ["'kind'"]),
        (X.assign(kind="new"), None, ["'kind'", "new"]),
        (X.assign(age=pd.Timestamp("2024")), None, ["'age'"]),
        (changed(X, "age", np.inf), None, ["'age'", "infinity"]),
        (changed(X, "kind", None), None, ["'kind'"]),
        (X.to_numpy()[:, :2], None, ["2 features", "expecting 3"]),
        (X, y[:-1], ["40 rows", "39"]),
        (X, np.where(y == "fine", "theft", y), ["theft", "fine, fraud"]),
    ],
)
def test_rows_to_score(fitted, bad_X, bad_y, words):
    refused(fitted, lambda: fitted.score_samples(bad_X, bad_y), words)
    refused(fitted, lambda: fitted.features(bad_X, bad_y), words)


def test_labels_to_score_without_labels():
    own = gan().fit(X)
    refused(own, lambda: own.score_samples(X, y), ["y was given", "without labels"])


# ---------------------------------------------------------------- files


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "gan.safetensors"
    gan().fit(X, y).save(path)
    return path


def test_truncated_files(saved, tmp_path):
    data, part = saved.read_bytes(), tmp_path / "part"
    for size in (0, 1, 7, 8, 9, 100, len(data) // 2, len(data) - 1):
        part.write_bytes(data[:size])
        with pytest.raises(ModelFileError, match="part"):
            ganaug.load(part)


def test_a_bit_that_fell_over(saved, tmp_path):
    data, other = bytearray(saved.read_bytes()), tmp_path / "other"
    data[-3] ^= 1
    other.write_bytes(data)
    with pytest.raises(ModelFileError, match="checksum"):
        ganaug.load(other)


def test_foreign_files(tmp_path):
    from safetensors.numpy import save_file

    path = tmp_path / "model"
    for content, words in [(b"hello world, a text file", "not a model file"), (pickle.dumps([1, 2]), "pickle")]:
        path.write_bytes(content)
        with pytest.raises(ModelFileError, match=words):
            ganaug.load(path)
    save_file({"w": np.zeros(3)}, path)
    with pytest.raises(ModelFileError, match="not one of ganaug"):
        ganaug.load(path)
    write_state(path, "TimeMachine", {}, {})
    with pytest.raises(ModelFileError, match="TimeMachine.*TabularGAN"):
        ganaug.load(path)
    with pytest.raises(FileNotFoundError, match="missing"):
        ganaug.load(tmp_path / "missing")


def test_a_newer_file(saved, tmp_path):
    # the number is changed in place, as long as before: the rest of the file is as it was
    data = saved.read_bytes()
    mark = json.dumps(f'"format_version":{FORMAT_VERSION}').encode()[1:-1]
    assert data.count(mark) == 1
    path = tmp_path / "newer"
    path.write_bytes(data.replace(mark, mark.replace(str(FORMAT_VERSION).encode(), b"9")))
    with pytest.raises(ModelFileError, match="format 9.*upgrade ganaug"):
        ganaug.load(path)


def altered(saved, tmp_path, alter):
    """The file with its parts altered and a valid checksum again: one that lies."""
    found = read_state(saved)
    config, arrays = copy.deepcopy(found.config), {k: v.copy() for k, v in found.arrays.items()}
    alter(config, arrays)
    path = tmp_path / "altered"
    write_state(path, found.kind, config, arrays)
    return path


LIES = {
    "missing": lambda a: None,
    "shorter": lambda a: a[:-1] if a.size else np.zeros(1, a.dtype),
    "longer": lambda a: np.concatenate([a, a[-1:]]) if a.size else np.zeros(1, a.dtype),
    "another axis": lambda a: a[None],
    "another dtype": lambda a: a.astype(np.float64 if a.dtype.kind != "f" or a.itemsize < 8 else np.float32),
}


@cases("how", LIES)
def test_every_array_that_lies_about_its_shape_is_refused(saved, tmp_path, how):
    believed = []
    for name in read_state(saved).arrays:

        def alter(config, arrays, name=name):
            made = LIES[how](np.atleast_1d(arrays.pop(name)))
            if made is not None:
                arrays[name] = np.ascontiguousarray(made)

        path = altered(saved, tmp_path, alter)
        try:
            ganaug.load(path)
        except ModelFileError:
            continue
        believed.append(name)
    # A list of hashes and a list of trees may have any length.
    assert set(believed) <= ({"curator/hashes", "curator/forest.roots"} if how in ("shorter", "longer") else set())


def test_parameters_that_do_not_fit_the_weights(saved, tmp_path):
    def width(config, arrays):
        config["design"]["width"] = 9

    def unknown(config, arrays):
        config["parameters"]["extra"] = 1

    def objective(config, arrays):
        config["parameters"]["objective"] = "vanilla"

    def device(config, arrays):
        config["parameters"]["device"] = "cuda:99"

    def nan(config, arrays):
        name = next(k for k in arrays if k.startswith("weights/"))
        arrays[name].flat[0] = np.nan

    def wrong_dtype(config, arrays):
        name = next(k for k in arrays if k.startswith("weights/"))
        arrays[name] = arrays[name].astype(np.float64)

    def huge(config, arrays):
        config["design"]["width"] = 10**9

    def negative(config, arrays):
        config["parameters"]["depth"] = -1

    def lost(config, arrays):
        del config["codec"]

    def focus(config, arrays):
        config["focus"] = 7

    def seed(config, arrays):
        config["_seed"] = "x"

    def step(config, arrays):
        config["n_steps_"] = None

    def counts(config, arrays):
        arrays["class_counts"] = np.array([-1, -2])

    def history(config, arrays):
        config["history"] = config["history"] * 2

    believed, said = [], {}
    for alter in (
        width, unknown, objective, device, nan, wrong_dtype, huge, negative, lost, focus, seed, step,
        counts, history,
    ):  # fmt: skip
        path = altered(saved, tmp_path, alter)
        try:
            ganaug.load(path)
        except ModelFileError as error:
            said[alter.__name__] = str(error)
        else:
            believed.append(alter.__name__)
    assert not believed
    assert all("altered" in text for text in said.values()), said


def test_a_folder_that_does_not_exist(fitted, tmp_path):
    with pytest.raises(GanaugError, match="nowhere"):
        fitted.save(tmp_path / "nowhere" / "gan.safetensors")
    with pytest.raises(GanaugError, match="folder"):
        fitted.save(tmp_path)
