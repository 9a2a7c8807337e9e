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
from ganaug import FewSamplesWarning, GANOversampler, SeriesGAN, SyntheticDataset, plots, quality_report
from ganaug.encoding.series_codec import SeriesCodec
from ganaug.estimators import convolutional
from ganaug.exceptions import InvalidDataError, InvalidParameterError, InvalidTypeError, ModelFileError
from ganaug.metrics import evaluate
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
    with pytest.warns(FewSamplesWarning, match="4 series"):
        X_res, _ = GANOversampler(generator=gan(), random_state=0).fit_resample(X[:44], y[:44])
    assert X_res.shape == (80, 2, 20) and np.isfinite(X_res).all()


@pytest.mark.parametrize(
    ("parameters", "words"),
    [({"architecture": "style"}, "'auto', 'components', 'dcgan', 'residual'"), ({"augment": ["flip"]}, "for images")],
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


def test_channels_that_are_flat_in_a_class_are_flat_in_new_series(rng, tmp_path):
    X, y = rng.normal(size=(40, 3, 20)).cumsum(-1).astype(np.float32), np.repeat([0, 1, 2], [28, 8, 4])
    X[y > 0, 1] = 7  # a dead sensor
    X[y == 1, 2] = X[y == 1, 2][:, :1]  # one that stands still somewhere
    gan = series_gan(max_steps=3).fit(X, y)
    new, _ = gan.sample(6, label=1)
    assert np.ptp(new[:, 0], axis=1).min() > 0 and (np.abs(new[:, 1] - 7) < 1e-4).all()
    assert np.ptp(new[:, 2], axis=1).max() < 1e-5 < np.ptp(new[:, 2, 0])
    assert all(np.ptp(gan.sample(6, label=label)[0][:, 1], axis=1).min() > 0 for label in (0, 2))  # 4 are too few
    gan.save(tmp_path / "model")
    again = ganaug.load(tmp_path / "model")
    np.testing.assert_array_equal(
        again.sample(6, label=1, random_state=3)[0], gan.sample(6, label=1, random_state=3)[0]
    )


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
    remedies = {
        "leave .* NaN": pd.DataFrame(X[:, 0]),
        "leave lengths= out .*numpy.stack": list(X),
        "read it": "series.csv",
    }
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


def unequal(form=np.asarray, n=60, channels=2):
    """A list of series of 12 to 16 steps, the rare ones of 5 to 8."""
    X, y, lengths = uneven(n)
    X = np.nan_to_num(100 * X)
    return [form(x[:channels, :end] if channels else x[0, :end]) for x, end in zip(X, lengths, strict=True)], y


FORMS = {
    "float64": np.asarray,
    "int16": lambda x: x.astype(np.int16),
    "bool": lambda x: x > 0,
    "tensor": lambda x: torch.from_numpy(x).float(),
    "bfloat16": lambda x: torch.from_numpy(x).bfloat16(),
    "list": lambda x: x.tolist(),
    "Series": lambda x: pd.Series(x) if x.ndim == 1 else x,
}


@cases("name", FORMS)
def test_lists_of_series_of_unequal_length_return(name):
    for channels in (2, 0):
        X = unequal(FORMS[name], channels=channels)[0]
        codec = SeriesCodec()
        new = codec.decode(codec.fit_encode(X))
        assert type(new) is list and codec.given_shape == (max(channels, 1), 16)
        for one, own in zip(X, new, strict=True):
            given = one if hasattr(one, "dtype") else np.asarray(one)
            assert own.dtype == given.dtype and tuple(own.shape) == tuple(given.shape)
            exact = [np.asarray(x.double() if isinstance(x, torch.Tensor) else x, np.float64) for x in (own, given)]
            np.testing.assert_allclose(*exact, rtol=1e-4 if name != "bfloat16" else 0.02, atol=1e-3)


def test_samples_of_a_list_are_a_list(tmp_path):
    X, y = unequal(FORMS["int16"], channels=0)
    held = np.empty(len(X), object)
    held[:] = X
    own = gan().fit(tuple(X), y)
    new, _ = own.sample(20, random_state=0)
    assert type(new) is list and {one.dtype for one in new} == {np.dtype("int16")} and own.n_features_in_ == 16
    ends = [len(one) for one in new]
    assert SeriesGAN.lengths(new).tolist() == ends and min(ends) >= 5 and max(ends) <= 16 and len(set(ends)) > 1
    assert np.array_equal(own.score_samples(held[:3]), own.score_samples(X)[:3])
    own.save(tmp_path / "gan")
    for again in (ganaug.load(tmp_path / "gan"), pickle.loads(pickle.dumps(own)), gan().fit(held, y)):
        assert [str(one) for one in again.sample(20, random_state=0)[0]] == [str(one) for one in new]
    assert own.sample(0)[0] == []


def test_a_list_is_learnt_as_the_padded_array_is():
    X, y = unequal()
    padded = np.full((60, 2, 16), np.nan)
    for row, one in zip(padded, X, strict=True):
        row[:, : one.shape[1]] = one
    arrays, lists = (gan().fit(given, y).sample(9, random_state=0)[0] for given in (padded, X))
    for row, one in zip(arrays, lists, strict=True):
        assert np.array_equal(row[:, : one.shape[1]], one) and np.isnan(row[:, one.shape[1] :]).all()
    assert gan().fit(padded, y).score_samples(X).shape == (60,)
    equal = [one[:, :5] for one in X]
    assert gan().fit(equal, y).sample(2)[0].shape == (2, 2, 5)
    assert gan().fit([*zip(equal, y.tolist(), strict=True)]).classes_.tolist() == ["arrhythmia", "sinus"]


def test_over_sampling_lists_of_series(monkeypatch):
    X, y = unequal()
    before = [one.copy() for one in X]
    sampler = GANOversampler(generator=gan(), random_state=0)
    X_res, y_res = sampler.fit_resample(X, y)
    assert type(X_res) is list and len(X_res) == len(y_res) == 80 and sampler.n_features_in_ == 32
    X_res[0][:] = 7
    assert all(np.array_equal(*pair) for pair in zip(X, before, strict=True))
    for given in (X, [one[:, :5] for one in X], FORMS["tensor"](np.stack([one[:, :5] for one in X]))):
        with pytest.warns(FewSamplesWarning):
            assert len(GANOversampler(min_class_size=30, random_state=0).fit_resample(given, y)[0]) == 80
    with pytest.raises(InvalidDataError, match="rows differ in length.*SeriesGAN"):
        GANOversampler().fit_resample([one[0].tolist() for one in X], y)


def test_lists_of_series_are_compared_and_drawn():
    X, y = unequal(n=90)
    own = gan().fit(X, y)
    found = evaluate(X, own.sample(40)[0], metrics="coverage", n_resamples=0)
    assert found["coverage"]["n_synthetic"] == 40
    flat, _ = unequal(n=90, channels=0)
    report = quality_report((flat[::-1], y), flat, y, X_holdout=[one[:5] for one in flat], y_holdout=y, verbose=False)
    assert report.to_dict()["kind"] == "series"
    with pytest.raises(InvalidDataError, match=r"X_syn has shape \(90, 1, 16\)"):
        quality_report((flat, y), X, y, verbose=False)
    with pytest.raises(InvalidDataError, match=r"series 1 of X_syn has shape \(3,\)"):
        evaluate(X, [X[0], X[0][0, :3]])
    assert plots.series_grid(own.sample(3)[0], nearest=X[:3]).shape == (1, 3)
    _, _, z = own.sample(2, return_latents=True)
    assert plots.interpolation_grid(own, z[:1], z[1:], steps=3, label="sinus").shape == (1, 3)
    with pytest.raises(InvalidDataError, match="series of unequal length, of which no batch"):
        SyntheticDataset(own, {"sinus": 4})


@cases(
    ("change", "error", "text"),
    [
        (
            lambda X: [*X[:-1], np.zeros((3, 9))],
            InvalidDataError,
            r"series 59 of X has shape \(3, 9\), and series 0 \(2,",
        ),
        (lambda X: [x.T for x in X], InvalidDataError, r"all have 2 columns: .* give \[x.T for x in X\]"),
        (lambda X: [*X[:-1], np.zeros(9)], InvalidDataError, r"series 59 .*give all of them as \(steps,\), or all"),
        (lambda X: [*X[:-1], np.zeros((2, 0))], InvalidDataError, r"series 59 of X has shape \(2, 0\), so it is empty"),
        (
            lambda X: [*X[:-1], X[0].astype("f4")],
            InvalidDataError,
            "series 59 .*array of float32, and series 0 an array of",
        ),
        (lambda X: [*X[:-1], torch.zeros(2, 9)], InvalidDataError, "series 59 of X is a tensor of float32"),
        (lambda X: [*X[:-1], None], InvalidTypeError, "series 59 of X: cannot read series from 'NoneType'"),
        (lambda X: [*X[:-1], np.full((2, 9), np.nan)], InvalidDataError, "series 59 of X holds no value"),
        (lambda X: [*X[:-1], np.full((2, 9), np.inf)], InvalidDataError, "infinity: series 59"),
        (lambda X: [pd.DataFrame(x.T) for x in X], InvalidTypeError, r"series 0 of X is a DataFrame; .*to_numpy\(\).T"),
        (lambda X: [["a", "b"], ["c"]] * 30, InvalidTypeError, "series 0 of X: series of dtype str"),
        (lambda X: ["ab", "c"] * 30, InvalidTypeError, "item 0 is a str"),
        (lambda X: [[[1, 2], [3]], [[1, 2, 3], [4]]] * 30, InvalidDataError, "series 0 of X: its channels differ"),
        (
            lambda X: [np.zeros((1, 8, 8, 8 + i % 2)) for i in range(60)],
            InvalidDataError,
            r"series 0 .*are \(steps,\) or",
        ),
        (lambda X: [x[:, : 2 + i % 2] for i, x in enumerate(X)], InvalidDataError, "length of 3 is too short"),
    ],
)
def test_lists_that_are_no_series_of_unequal_length(change, error, text):
    X, y = unequal()
    with pytest.raises(error, match=text):
        gan().fit(change(X), y)


def test_lists_are_scored_by_the_lengths_of_the_fit():
    X, y = unequal()
    own, equal = gan().fit(X, y), gan().fit([one[:, :5] for one in X], y)
    with pytest.raises(InvalidDataError, match="have 20 steps, but SeriesGAN was fitted on series of at most 16"):
        own.score_samples([np.zeros((2, 20))])
    with pytest.raises(InvalidDataError, match="have 5 to 16 steps, but SeriesGAN was fitted on series of 5 each"):
        equal.score_samples(X)
    with pytest.raises(InvalidDataError, match=r"fitted on series of shape \(n, 2, 16\)"):
        own.score_samples([np.zeros((3, 9))])


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


# ---- Components or convolutions -----------------------------------------------------------------------


def odd_series(what):
    X, y = series()
    if what == "gaps":
        X[::3, 0, 4:7] = np.nan
    elif what == "rough":
        return np.random.default_rng(0).normal(size=(24, 1, 200)), y[:24]
    elif what == "levels":
        X[:, 1] = np.sign(X[:, 1])
    elif what == "volumes":
        return np.random.default_rng(0).normal(size=(24, 1, 8, 8, 8)), np.arange(24) % 2
    return X, y


@pytest.mark.parametrize(
    ("what", "taken"),
    [
        ("smooth", "components"),
        ("rough", "dcgan"),
        ("gaps", "dcgan"),
        ("levels", "dcgan"),
        ("volumes", "residual"),
    ],
)
def test_the_architecture_goes_by_the_series(what, taken):
    found = gan(max_steps=2).fit(*odd_series(what))
    assert found.design_["architecture"] == taken and (found.design_["components"] > 0) == (taken == "components")


def test_volumes_have_no_components():
    with pytest.raises(InvalidParameterError, match='not for volumes; leave it "auto"'):
        gan(architecture="components").fit(*odd_series("volumes"))


def test_a_fit_that_continues_keeps_its_components():
    X, y = series()
    found = gan(warm_start=True, max_steps=2).fit(X, y)
    basis, design = found.weights_["generator.scores.basis"].copy(), dict(found.design_)
    found.fit(X[::-1], y[::-1])
    assert found.design_ == design and np.array_equal(found.weights_["generator.scores.basis"], basis)
    assert np.array_equal(found.weights_["discriminator.scores.basis"], basis)


@cases("waves", [slice(0, 2), slice(0, 20)])
def test_a_fit_continues_on_series_of_other_components(waves):
    """Of fewer than the networks have, and of more."""
    X, y = series()
    found = gan(warm_start=True, max_steps=2).fit(X, y)
    basis, design = found.weights_["generator.scores.basis"].copy(), dict(found.design_)
    other = np.zeros_like(X)
    other[..., waves] = np.random.default_rng(0).normal(size=other[..., waves].shape) * 100
    found.fit(other, y)
    assert found.design_ == design and np.array_equal(found.weights_["generator.scores.basis"], basis)


def test_a_fit_continues_with_its_architecture():
    """ "auto" is decided once: not again by series that are rougher, or smoother, than the first ones."""
    waves, noise = np.zeros((60, 1, 200), "f4"), np.random.default_rng(0).normal(size=(60, 1, 200)).astype("f4")
    waves += np.sin(np.arange(200) / 20 + np.arange(60)[:, None, None])
    for first, then, taken in [(waves, noise, "components"), (noise, waves, "dcgan")]:
        found = gan(warm_start=True, max_steps=1).fit(first)
        assert found.design_["architecture"] == taken
        design = dict(found.design_)
        assert found.fit(then).design_ == design


def test_files_from_before_there_were_components():
    old = gan(architecture="residual", max_steps=2).fit(*series())
    state = old.__getstate__()
    state["design_"] = {k: v for k, v in state["design_"].items() if k != "components"}
    again = SeriesGAN.__new__(SeriesGAN)
    again.__setstate__(state)
    assert np.array_equal(again.sample(3, random_state=0)[0], old.sample(3, random_state=0)[0])
    design = {k: v for k, v in old.design_.items() if k != "components"}
    old._check_design(design)
    assert design["components"] == 0
    with pytest.raises(ModelFileError, match="do not fit its architecture"):
        old._check_design({**old.design_, "components": 3})


def test_waves_of_any_phase_are_learnt():
    """Samples differ from each other as real series do, where convolutions of as many steps repeat one phase."""
    rng = np.random.default_rng(0)
    steps, phase = np.arange(40), rng.uniform(0, 2 * np.pi, (160, 1, 1))
    y = np.arange(160) % 2
    X = np.sin(steps * np.where(y, 0.5, 0.9)[:, None, None] + phase) + 0.05 * rng.normal(size=(160, 1, 40))

    def spread(own):
        return np.sqrt(((own[:, None] - own[None]) ** 2).mean((2, 3))).mean()

    made, _ = SeriesGAN(max_steps=250, random_state=0, verbose=False).fit(X, y).sample(80, label=1)
    assert 0.75 < spread(made) / spread(X[y == 1]) < 1.25
    power = np.abs(np.fft.rfft(made[:, 0])).mean(0)
    assert power.argmax() == np.abs(np.fft.rfft(X[y == 1][:, 0])).mean(0).argmax()


def test_curves_of_components_that_fall_are_refused(tmp_path):
    found = gan(max_steps=2).fit(*series())
    found.weights_["generator.scores.knots"] = found.weights_["generator.scores.knots"][:, ::-1].copy()
    found.save(tmp_path / "falls.safetensors")
    with pytest.raises(ModelFileError, match="curves of components that fall"):
        ganaug.load(tmp_path / "falls.safetensors")
