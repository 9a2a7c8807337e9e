"""SeriesGAN: series and volumes, by the networks of ImageGAN in one dimension and three."""

from __future__ import annotations

import pickle
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import cases, series_gan

import ganaug
from ganaug import FewSamplesWarning, GANOversampler, SeriesGAN
from ganaug.estimators import convolutional
from ganaug.exceptions import InvalidDataError, InvalidParameterError, InvalidTypeError, ModelFileError
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
        *(("residual", *each) for each in [((1, 8), "f4"), ((2, 4), "f4"), ((2, 300), "f2"), ((4, 16), "i4")]),
        ("residual", VOLUME, "f4"),
        *(("dcgan", *each) for each in [((1, 5), "i2"), ((3, 37), "f8"), (VOLUME, "f4")]),
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
    with pytest.raises(InvalidDataError, match="infinity: series"):
        gan().fit(np.where(X > 1e2, np.inf, X), y)
    with pytest.raises(InvalidDataError, match="NaN: series .*SeriesGAN was fitted on series without gaps"):
        gan().fit(X, y).score_samples(np.where(X > 1e2, np.nan, X))
    with pytest.raises(InvalidDataError, match="length of 3 is too short, at least 4"):
        gan().fit(X[..., :3], y)


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


# ---- Unequal lengths, gaps and discrete channels ---------------------------------------------------------


def uneven(n=60):
    """Rare series are shorter; channel 0 has gaps, channel 1 is a switch."""
    rng = np.random.default_rng(0)
    y = np.repeat(["sinus", "arrhythmia"], [n - n // 3, n // 3])
    X = np.sin(np.arange(16) / 3 + rng.uniform(0, 6, (n, 1, 1))) + 0.1 * rng.normal(size=(n, 2, 16))
    X[:, 1] = X[:, 0] > 0
    X[::3, 0, 2:4] = np.nan
    lengths = np.where(y == "sinus", rng.integers(12, 17, n), rng.integers(5, 9, n))
    return X, y, lengths


def test_lengths_gaps_and_levels_return(tmp_path):
    X, y, lengths = uneven()
    before = X.copy()
    own = gan().fit(X, y, lengths=lengths)
    assert np.array_equal(X, before, equal_nan=True) and own.n_features_in_ == 32
    new, _ = own.sample(40, random_state=0)
    steps = SeriesGAN.lengths(new)
    assert steps.min() >= 5 and steps.max() <= 16 and np.unique(new[:, 1][~np.isnan(new[:, 1])]).tolist() == [0, 1]
    after = np.arange(16) >= steps[:, None]
    assert np.isnan(new[:, 0])[after].all() and np.array_equal(np.isnan(new[:, 1]), after)
    own.save(tmp_path / "gan")
    for again in (ganaug.load(tmp_path / "gan"), pickle.loads(pickle.dumps(own))):
        assert np.array_equal(again.sample(40, random_state=0)[0], new, equal_nan=True)
    same = gan().fit(np.where(np.arange(16) < lengths[:, None, None], X, np.nan), y)
    assert np.array_equal(same.sample(40, random_state=0)[0], new, equal_nan=True)
    assert np.isfinite(own.score_samples(new)).all()


def test_the_module_has_the_same_gaps_and_levels(tmp_path):
    X, y, lengths = uneven()
    own = gan().fit(X, y, lengths=lengths)
    module = own.generator_module_
    z = np.random.default_rng(1).normal(size=(80, module.latent_dim)).astype(np.float32)
    made = module(torch.from_numpy(z), torch.ones(80, dtype=torch.long)).numpy()
    assert np.isnan(made).any()
    np.testing.assert_allclose(made, own.sample(latents=z, label="sinus")[0], atol=1e-6, equal_nan=True)
    dynamic = {0: torch.export.Dim("n", min=1)}
    labels = torch.ones(80, dtype=torch.long)
    again = torch.export.export(module, (torch.from_numpy(z), labels), dynamic_shapes=(dynamic, dynamic)).module()
    np.testing.assert_allclose(again(torch.from_numpy(z[:9]), labels[:9]), made[:9], atol=1e-6, equal_nan=True)


def test_shares_of_gaps_and_levels_are_those_of_the_class():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [60, 40])
    X = rng.normal(size=(100, 3, 20)).cumsum(2)
    X[:, 1] = rng.random((100, 20)) < np.where(y == 0, 0.05, 0.4)[:, None]
    X[:, 2] = rng.choice([0.1, 1.0, 7.0], size=(100, 20))
    X[:, 0][rng.random((100, 20)) < np.where(y == 0, 0.2, 0.05)[:, None]] = np.nan
    own = gan(max_steps=30, curate=False).fit(X, y)
    for label in (0, 1):
        real, new = X[y == label], own.sample(400, label=label, random_state=0)[0]
        assert abs(np.isnan(new[:, 0]).mean() - np.isnan(real[:, 0]).mean()) < 0.03
        assert abs(new[:, 1].mean() - real[:, 1].mean()) < 0.03
        for level in (0.1, 1.0, 7.0):
            assert abs((new[:, 2] == level).mean() - (real[:, 2] == level).mean()) < 0.04


def test_over_sampling_series_with_gaps():
    X, y, lengths = uneven()
    X[np.broadcast_to(np.arange(16) >= lengths[:, None, None], X.shape)] = np.nan
    X_res, _ = GANOversampler(generator=gan(), random_state=0).fit_resample(X, y)
    assert X_res.shape == (80, 2, 16) and np.array_equal(X_res[:60], X, equal_nan=True)
    assert SeriesGAN.lengths(X_res[60:]).min() >= 5
    few = gan(scope="per-class").fit(torch.from_numpy(X), y).sample(3)[0]
    assert isinstance(few, torch.Tensor)


@cases(
    ("lengths", "error", "text"),
    [
        ([3] * 59, InvalidDataError, "one integer for each of the 60 series"),
        ([3.5] * 60, InvalidDataError, "one integer for each of the 60 series; got float64"),
        ("abc", InvalidDataError, "one integer for each"),
        ([3] * 30 + [0] * 30, InvalidDataError, r"lengths\[30\] is 0, but series have 1 to 16 steps"),
        ([17] * 60, InvalidDataError, r"lengths\[0\] is 17"),
        ([[3], [3, 4]] * 30, InvalidDataError, "one integer for each series, not lists"),
        ([[3]] * 60, InvalidDataError, "one integer for each"),
        ([True] * 60, InvalidDataError, "got bool"),
    ],
)
def test_bad_lengths(lengths, error, text):
    X, y, _ = uneven()
    with pytest.raises(error, match=text):
        gan().fit(X, y, lengths=lengths)


def test_lengths_go_with_arrays_only():
    X, y, lengths = uneven()
    remedies = {"leave .* NaN": pd.DataFrame(X[:, 0]), "numpy.stack": list(X), "read it": "series.csv"}
    for remedy, given in remedies.items():
        with pytest.raises(InvalidTypeError, match=f"lengths= needs X as an array or tensor, .*{remedy}"):
            gan().fit(given, y, lengths=lengths)
    with pytest.raises(InvalidDataError, match="lengths= is for series"):
        gan().fit(X[:, 0, 0], y, lengths=lengths)
    with pytest.raises(InvalidDataError, match="give series"):
        SeriesGAN.lengths(X[0, 0])
    with pytest.raises(InvalidTypeError, match="cannot read series"):
        SeriesGAN.lengths("series")
    whole = gan().fit((100 * X[:, 1:]).astype(np.uint8), y, lengths=torch.from_numpy(lengths)).sample(3)[0]
    assert whole.dtype == np.float32 and SeriesGAN.lengths(pd.DataFrame(whole[:, 0])).max() <= 16


def test_lengths_keep_the_dtype_of_bfloat16():
    X = torch.randn(12, 1, 8, generator=torch.Generator().manual_seed(0)).bfloat16()
    new = gan().fit(X, lengths=[5, 8] * 6).sample(2)[0]
    assert new.dtype == torch.bfloat16 and new.isnan().any()


def test_no_lengths_of_no_steps():
    assert SeriesGAN.lengths(pd.DataFrame()).tolist() == []
    assert SeriesGAN.lengths(np.zeros((3, 2, 0))).tolist() == [0, 0, 0]


def test_series_without_a_value_are_not_scored():
    X, y, lengths = uneven()
    own = gan().fit(X, y, lengths=lengths)
    X[1] = np.nan
    with pytest.raises(InvalidDataError, match="series 1 of X holds no value, just NaN; drop it"):
        own.score_samples(X, y)


def test_values_too_large_are_to_be_rescaled(rng):
    X = rng.normal(size=(10, 1, 8)) * 1e305
    with pytest.raises(InvalidDataError, match="contains the value .*; rescale X or drop the series"):
        gan().fit(X)
    assert np.isfinite(gan().fit(X / 1e10).sample(2)[0]).all()
