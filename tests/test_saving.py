"""Fitted state: to a file and back, through pickle, joblib, clone, deepcopy and skops, and the file of each format."""

from __future__ import annotations

import copy
import io
import json
import pickle
import sys
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from helpers import cases, tabular_gan
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import ganaug
from ganaug import FewSamplesWarning, GANOversampler, SmoothedBootstrap, TabularGAN, TraceWarning
from ganaug.utils.state import read_state

DATA = Path(__file__).resolve().parent / "data"
sys.path.insert(0, str(DATA))
import make_golden  # noqa: E402

gan = partial(tabular_gan, max_steps=3)


def by_file(estimator):
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        estimator.save(Path(folder) / "model.safetensors")
        return ganaug.load(Path(folder) / "model.safetensors")


def by_joblib(estimator):
    buffer = io.BytesIO()
    joblib.dump(estimator, buffer)
    buffer.seek(0)
    return joblib.load(buffer)


def by_skops(estimator):
    skops = pytest.importorskip("skops.io")
    data = skops.dumps(estimator)
    trusted = skops.get_untrusted_types(data=data)
    assert all(name.startswith("ganaug.") for name in trusted), trusted
    return skops.loads(data, trusted=trusted)


WAYS = {
    "file": by_file,
    "pickle": lambda estimator: pickle.loads(pickle.dumps(estimator)),
    "joblib": by_joblib,
    "deepcopy": copy.deepcopy,
    "skops": by_skops,
}
# what is fitted -> (estimator, X, y)
FITS = {
    "mixed": lambda: gan().fit(*make_golden.table()),
    "no labels": lambda: gan().fit(make_golden.table()[0]),
    "a focus": lambda: gan().fit(*make_golden.table(), focus="fraud"),
    "not curated": lambda: gan(curate=False).fit(*make_golden.table()),
    "one rule": lambda: gan(curate={"copies"}, width=np.int64(16), learning_rate=np.float32(1e-3)).fit(
        *make_golden.table()
    ),
    "wide range": lambda: gan(keep_range=False).fit(*make_golden.table()),
    "array": lambda: gan().fit(np.random.default_rng(0).normal(size=(50, 3)), np.arange(50) % 3),
    "two seeds": lambda: gan(random_state=np.random.RandomState(0)).fit(np.eye(40), [True, False] * 20),
    "auxiliary": lambda: gan(conditioning="auxiliary", objective="hinge").fit(*make_golden.table()),
}


@pytest.fixture(scope="module")
def fitted():
    return {name: fit() for name, fit in FITS.items()}


def assert_equal(one, other):
    if isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other, check_exact=True)
    elif isinstance(one, pd.Series):
        pd.testing.assert_series_equal(one, other)
    elif one is None:
        assert other is None
    else:
        assert type(one) is type(other) and np.array_equal(one, other)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("what", FITS)
def test_what_comes_back_does_as_the_original_did(fitted, what, way):
    original = copy.deepcopy(fitted[what])
    original.sample(3)  # the stream has begun
    again = WAYS[way](original)
    assert type(again) is TabularGAN
    X = original.sample(20, random_state=5)[0]
    for one, other in zip(original.sample(20, random_state=5), again.sample(20, random_state=5), strict=True):
        assert_equal(one, other)
    assert np.array_equal(original.score_samples(X), again.score_samples(X))
    assert np.array_equal(original.features(X), again.features(X))
    for _ in range(2):  # the stream goes on
        assert_equal(original.sample(5)[0], again.sample(5)[0])
    assert_equal(original.history_, again.history_)
    for name in ("n_steps_", "best_step_", "quality_", "stop_reason_", "n_features_in_", "curation_"):
        assert getattr(again, name) == getattr(original, name), name
    assert hasattr(again, "feature_names_in_") == hasattr(original, "feature_names_in_")
    if original.classes_ is not None:
        assert_equal(original.classes_, again.classes_)
    elsewhere = {"device", "random_state", "curate"}  # the file runs on what is there, and a generator stays behind
    for name, value in original.get_params().items():
        assert name in elsewhere or getattr(again, name) == value, name
    assert_equal(by_file(again).sample(4, random_state=1)[0], original.sample(4, random_state=1)[0])


def test_a_rule_given_as_a_set_is_kept(fitted):
    assert by_file(fitted["one rule"]).curate == ["copies"]


def test_training_goes_on_after_loading(fitted):
    X, y = make_golden.table()
    loaded = by_file(fitted["mixed"]).set_params(warm_start=True).fit(X, y)
    straight = copy.deepcopy(fitted["mixed"]).set_params(warm_start=True).fit(X, y)
    assert loaded.n_steps_ == 6
    assert_equal(loaded.sample(5, random_state=0)[0], straight.sample(5, random_state=0)[0])


def test_a_clone_is_not_fitted(fitted):
    copied = clone(fitted["mixed"])
    with pytest.raises(NotFittedError):
        copied.sample()
    assert copied.get_params() == fitted["mixed"].get_params()


@cases("way", ["pickle", "joblib", "deepcopy", "skops"])
def test_an_oversampler_comes_back(way):
    X, y = make_golden.table()
    keep = np.flatnonzero((y == "fine") | (np.arange(len(y)) < 80))
    y = y.cat.add_categories(["theft"])
    y[3:8] = "theft"
    X, y = X.iloc[keep], y.iloc[keep]
    original = GANOversampler(generator=gan(), random_state=0)
    with pytest.warns(FewSamplesWarning, match="theft"):
        X_res, _ = original.fit_resample(X, y)
    again = WAYS[way](original)
    assert np.array_equal(again.is_synthetic_, original.is_synthetic_) and len(X_res) == len(again.is_synthetic_)
    for request in ({"n": {"theft": 3, "fraud": 3}, "random_state": 1}, {"n": 4, "label": "theft"}):
        for one, other in zip(original.sample(**request), again.sample(**request), strict=True):
            assert_equal(one, other)
    assert list(again.generators_) == list(original.generators_) == ["fraud", "theft"]


def test_a_bootstrap_comes_back():
    original = SmoothedBootstrap(random_state=0).fit(*make_golden.table())
    for way in ("pickle", "joblib", "deepcopy", "skops"):
        assert_equal(WAYS[way](original).sample(9, random_state=0)[0], original.sample(9, random_state=0)[0])


def test_a_pickle_holds_no_networks(fitted):
    fitted["mixed"].sample(1)
    assert b"torch" not in pickle.dumps(fitted["mixed"])


def test_saving_is_whole_or_not_at_all(fitted, tmp_path, monkeypatch):
    path = tmp_path / "gan.safetensors"
    with pytest.raises(NotFittedError):
        gan().save(path)
    assert not path.exists()
    fitted["mixed"].save(path)
    before = path.read_bytes()
    fitted["mixed"].save(path)
    assert path.read_bytes() == before  # the same state gives the same bytes
    monkeypatch.setattr("os.replace", lambda *a: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space left"):
        fitted["array"].save(path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_callbacks_stay_behind(tmp_path):
    own = gan(callbacks=[lambda event: None]).fit(np.eye(40))
    assert by_file(own).callbacks is None


# ---------------------------------------------------------------- no training rows


def test_a_file_holds_no_training_row(tmp_path):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 6)), np.arange(200) % 2
    own = gan(max_steps=30).fit(X, y)
    own.save(tmp_path / "gan")
    forms = [X, X.astype(np.float32), own.codec_.encode(X), X[:, ::-1]]
    for name, array in read_state(tmp_path / "gan").arrays.items():
        flat = array.ravel()
        for rows in forms:
            width = rows.shape[1]
            if array.dtype.kind == "f" and flat.size >= width:
                windows = sliding_window_view(flat, width)
                first = np.isin(windows[:, 0], rows[:, 0].astype(array.dtype))
                hits = [w for w in windows[first] if (np.abs(rows - w) < 1e-6).all(1).any()]
                assert not hits, f"{name} holds a training row"
    text = (tmp_path / "gan").read_bytes()
    for row in X[:50]:
        assert row.tobytes() not in text and row.astype(np.float32).tobytes() not in text


# ---------------------------------------------------------------- files of earlier versions


GOLDEN = sorted(DATA.glob("golden_v*.safetensors"))


@cases("path", GOLDEN, ids=lambda path: path.stem)
def test_a_file_of_each_format_keeps_sampling_what_it_did(path):
    assert path.stat().st_size < 200_000
    first = path.stem == "golden_v1"  # which holds traces of its training rows, and loading it says so
    with pytest.warns(TraceWarning) if first else nullcontext():
        loaded = ganaug.load(path)
    expected = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    found = make_golden.recorded(loaded)
    assert found["labels"] == expected["labels"] and list(found["columns"]) == list(expected["columns"])
    for name, values in expected["columns"].items():
        if all(v is None or isinstance(v, float) for v in values):
            numbers = [np.array(v, dtype=float) for v in (found["columns"][name], values)]
            np.testing.assert_allclose(*numbers, rtol=1e-5, atol=1e-5, err_msg=name)
        else:
            assert found["columns"][name] == values, name
    np.testing.assert_allclose(found["scores"], expected["scores"], rtol=1e-5, atol=1e-5)
    X, _ = make_golden.table()
    pd.testing.assert_series_equal(loaded.sample(3)[0].dtypes, X.dtypes)


def test_there_is_a_file_of_the_present_format():
    assert DATA / f"golden_v{ganaug.utils.state.FORMAT_VERSION}.safetensors" in GOLDEN
