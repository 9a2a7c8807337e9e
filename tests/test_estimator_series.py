"""SeriesGAN: series and volumes, by the networks of ImageGAN in one dimension and three."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import cases, series_gan

import ganaug
from ganaug import FewSamplesWarning, GANOversampler, SeriesGAN
from ganaug.estimators import convolutional
from ganaug.exceptions import InvalidDataError, InvalidParameterError, ModelFileError
from ganaug.utils.state import read_state, write_state

gan = partial(series_gan, max_steps=3)


def series(shape=(2, 20), dtype=np.float32):
    rng = np.random.default_rng(0)
    y = np.repeat(["sinus", "arrhythmia"], [40, 20])
    X = rng.normal(size=(60, *shape)).cumsum(-1) * 100 + 5
    return X.astype(dtype), y


VOLUME = (1, 8, 9, 10)


@cases(
    ("architecture", "shape", "dtype"),
    [
        *(("residual", *each) for each in [((1, 8), "f4"), ((2, 300), "f2"), ((4, 16), "i4"), (VOLUME, "f4")]),
        *(("dcgan", *each) for each in [((3, 37), "f8"), (VOLUME, "f4")]),
    ],
)
def test_samples_are_as_the_series_were(architecture, shape, dtype):
    X, y = series(shape, dtype)
    before = X.copy()
    own = gan(architecture=architecture).fit(X, y)
    new, labels = own.sample(4, label="arrhythmia")
    assert new.shape == (4, *shape) and new.dtype == dtype and np.array_equal(X, before)
    assert labels.tolist() == ["arrhythmia"] * 4
    assert own.score_samples(X).shape == (60,) and own.features(X, y).shape == (60, 4)


def test_tensors_and_frames():
    X, y = series()
    new, _ = gan().fit(torch.from_numpy(X), torch.arange(60) % 2).sample(3)
    assert isinstance(new, torch.Tensor) and new.shape == (3, 2, 20)
    frame = pd.DataFrame(X[:, 0], columns=[f"t{i}" for i in range(20)])
    new, _ = gan().fit(frame, y).sample(3)
    assert list(new.columns) == list(frame.columns) and len(new) == 3


def test_saved_and_read(tmp_path):
    own = gan().fit(*series())
    own.save(tmp_path / "gan")
    again = ganaug.load(tmp_path / "gan")
    assert type(again) is SeriesGAN
    assert np.array_equal(own.sample(9, random_state=0)[0], again.sample(9, random_state=0)[0])


@pytest.mark.parametrize("shape", [(2, 20), (1, 8, 8, 8)])
def test_over_sampling_goes_by_the_data(shape, monkeypatch):
    import ganaug.oversampling as module

    monkeypatch.setitem(module.MODALITIES, "series", lambda **kw: gan(**kw))
    X, y = series(shape)
    for given in (X, torch.from_numpy(X)):
        sampler = GANOversampler(random_state=0, verbose=False)
        X_res, y_res = sampler.fit_resample(given, y)
        assert type(X_res) is type(given) and tuple(X_res.shape) == (80, *shape)
        assert np.array_equal(np.asarray(X_res[:60]), X) and (y_res[60:] == "arrhythmia").all()


def test_few_series():
    X, y = series()
    with pytest.warns(FewSamplesWarning, match="4 rows"):
        X_res, _ = GANOversampler(generator=gan(), random_state=0).fit_resample(X[:44], y[:44])
    assert X_res.shape == (80, 2, 20) and np.isfinite(X_res).all()


@pytest.mark.parametrize(
    ("parameters", "words"),
    [({"architecture": "style"}, "'residual', 'dcgan'"), ({"augment": ["flip"]}, "for images")],
)
def test_bad_parameters(parameters, words):
    with pytest.raises(InvalidParameterError, match=words):
        gan(**parameters).fit(*series())


def test_bad_data():
    X, y = series()
    with pytest.raises(InvalidDataError, match="ImageGAN"):
        gan().fit(X[..., None], y)
    with pytest.raises(InvalidDataError, match="NaN"):
        gan().fit(np.where(X > 1e2, np.nan, X), y)


def test_networks_of_volumes_halve_further_and_those_of_earlier_files_do_not(tmp_path, monkeypatch):
    X, y = np.random.default_rng(0).normal(size=(16, 1, 9, 9, 9)), np.arange(16) % 2
    own = gan(max_steps=2, architecture="dcgan")
    assert own.fit(X, y).design_["base"] == 4
    assert own.fit(X[:, :, 0, 0, :], y).design_["base"] == 7
    monkeypatch.setattr(convolutional, "VOLUME_BASE", 7)
    own.fit(X, y)
    own.save(tmp_path / "new")
    monkeypatch.undo()
    found = read_state(tmp_path / "new")
    design = {name: value for name, value in found.config["design"].items() if name != "base"}
    write_state(tmp_path / "old", found.kind, {**found.config, "design": design}, found.arrays)
    again = SeriesGAN.load(tmp_path / "old")
    assert np.array_equal(again.sample(2, 0, random_state=0)[0], own.sample(2, 0, random_state=0)[0])
    state = own.__getstate__()
    state["design_"] = design
    unpickled = SeriesGAN.__new__(SeriesGAN)
    unpickled.__setstate__(state)
    assert unpickled.design_ == own.design_
    write_state(tmp_path / "odd", found.kind, {**found.config, "design": {**design, "base": 5}}, found.arrays)
    with pytest.raises(ModelFileError, match="base"):
        SeriesGAN.load(tmp_path / "odd")
