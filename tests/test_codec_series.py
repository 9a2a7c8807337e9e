"""The series codec: networks see about unit scale, owners the amplitudes, dtypes and containers they gave."""

import copy
import json
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import cases

from ganaug.encoding.series_codec import SeriesCodec
from ganaug.exceptions import DataWarning, InvalidDataError, InvalidTypeError, ModelFileError

SHAPES = {"series": (7, 3, 40), "short": (7, 1, 8), "flat": (7, 20), "volume": (5, 2, 8, 9, 10)}


def waves(shape, rng, low=-3.0, high=5.0):
    X = rng.normal(size=shape).cumsum(-1)
    return low + (high - low) * (X - X.min()) / (X.max() - X.min())


def restored(codec):
    config, arrays = codec.get_state()
    return SeriesCodec.from_state(json.loads(json.dumps(config)), {k: v.copy() for k, v in arrays.items()})


@cases("container", ["array", "tensor"])
@cases("shape", SHAPES)
@cases("dtype", ["float16", "float32", "float64", "int16", "int64", "uint8"])
def test_series_come_back(dtype, shape, container, rng):
    values = waves(SHAPES[shape], rng, 0 if dtype == "uint8" else -300, 250)
    X = values.astype(dtype)
    if container == "tensor":
        X = torch.from_numpy(X)
    before = copy.deepcopy(X)
    codec = SeriesCodec().fit(X)
    Z = codec.encode(X)
    expected = SHAPES[shape] if shape != "flat" else (7, 1, 20)
    assert Z.shape == expected and Z.dtype == np.float32 and Z.flags.c_contiguous and Z.flags.writeable
    assert codec.shape == expected[1:] and codec.width == codec.n_features_ == np.prod(expected[1:])
    assert 0.3 < Z.std() < 2 and np.abs(Z).max() < 6
    for codec in (codec, restored(codec)):  # noqa: B020
        np.testing.assert_array_equal(codec.encode(X), Z)
        seen = codec.to_network(torch.from_numpy(Z))
        assert seen.dtype == torch.float32
        for samples in (Z, seen, codec.from_network(seen.numpy()), Z.reshape(len(Z), -1)):
            back = codec.decode(samples)
            assert type(back) is type(X) and back.dtype == X.dtype and back.shape == X.shape
            tolerance = {"float16": 0.3, "float32": 1e-3, "float64": 1e-3}.get(dtype, 0)
            np.testing.assert_allclose(np.asarray(back, float), np.asarray(before, float), atol=tolerance)
    assert (np.asarray(X) == np.asarray(before)).all()
    assert len(codec.decode(Z[:0])) == 0 and codec.encode(X[:0]).shape == (0, *codec.shape)


def test_bfloat16_and_lists(rng):
    X = torch.from_numpy(waves((4, 2, 16), rng)).bfloat16()
    codec = SeriesCodec().fit(X)
    assert torch.equal(codec.decode(codec.encode(X)), X)
    items = list(waves((4, 2, 16), rng))
    back = SeriesCodec().fit(items).decode(SeriesCodec().fit(items).encode(items))
    np.testing.assert_allclose(back, np.stack(items), atol=1e-5)
    shorter = SeriesCodec().fit([*items[:3], items[3][:, :15]])
    assert [one.shape for one in shorter.decode(shorter.encode(items[:2]))] == [(2, 16)] * 2
    config, arrays = shorter.get_state()
    assert config["version"] == 3 and SeriesCodec.from_state(config, arrays).get_state()[0] == config
    for change in ({"list": 1}, {"gaps": None}, {"gaps": {**config["gaps"], "lengths": None}}):
        with pytest.raises(ModelFileError):
            SeriesCodec.from_state({**config, **change}, arrays)


# ------------------------------------------------------------------------------------------ scale and range


def test_each_channel_has_its_own_scale(rng):
    X = waves((30, 4, 50), rng) * np.array([1e-6, 1, 1e6, 0])[:, None] + np.array([5, 0, -1e7, 3])[:, None]
    codec = SeriesCodec().fit(X)
    Z = codec.encode(X)
    spread = Z.std((0, 2))
    assert ((spread[:3] > 0.3) & (spread[:3] < 2)).all() and (Z[:, 3] == 0).all()
    back = codec.decode(Z)
    assert (back[:, 3] == 3).all()
    span = np.ptp(X, axis=(0, 2))[:3, None]
    assert (np.abs(back - X)[:, :3] / span).max() < 1e-6
    assert (codec.decode(rng.normal(size=(9, 4, 50)))[:, 3] == 3).all()


def test_spikes_and_glitches_do_not_set_the_scale(rng):
    quiet = rng.normal(size=(40, 1, 100))
    beats = quiet.copy()
    beats[:, :, 50] += 200  # 1 % of the steps
    codec = SeriesCodec().fit(beats)
    Z = codec.encode(beats)
    assert np.abs(Z).max() < 5 and codec._signals.scale[0] > 30
    glitch = quiet.copy()
    glitch[3, 0, 7] = 1e6
    codec = SeriesCodec().fit(glitch)
    Z = codec.encode(glitch)
    assert 0.8 < Z.std() < 1.2 and 10 < Z.max() < 25  # by its logarithm
    np.testing.assert_allclose(codec.decode(Z), glitch, rtol=1e-5, atol=1e-5)
    # almost everything the same
    rare = np.zeros((40, 1, 100))
    rare[0, 0, :2] = 8
    Z = SeriesCodec().fit(rare).encode(rare)
    assert Z.max() == 4 and (Z[1:] == 0).all()


def test_the_logarithm_is_smooth_and_monotone(rng):
    X = rng.normal(size=(50, 1, 100))
    X[0, 0, 0] = 500
    codec = SeriesCodec().fit(X)
    line = np.linspace(-8, 8, 1601)[:1600].reshape(1, 1, -1)
    probe = codec._signals.centre[0] + line * codec._signals.scale[0]
    u = codec._signals.encode(probe)[0, 0]
    steps = np.diff(u)
    assert (steps > 0).all() and np.abs(np.diff(steps)).max() < 2e-4
    np.testing.assert_allclose(u[np.abs(line[0, 0]) < 4], line[0, 0][np.abs(line[0, 0]) < 4], atol=1e-12)


def test_decoded_values_stay_in_the_range_and_its_margin(rng):
    X = rng.uniform(-10, 10, size=(21, 1, 30))
    codec = SeriesCodec().fit(X)
    made = codec.decode(rng.normal(size=(400, 1, 30)) * 100)
    low, high, margin = X.min(), X.max(), np.ptp(X) / 20  # 21 series: range / (n - 1)
    assert low - margin <= made.min() < low - margin / 2 and high + margin / 2 < made.max() <= high + margin
    # two series: 5 % at most
    codec = SeriesCodec().fit(X[:2])
    made = codec.decode(rng.normal(size=(400, 1, 30)) * 1e4)
    beyond = (made.max() - X[:2].max()) / np.ptp(X[:2])
    assert 0.025 < beyond <= 0.05


def test_bounds_get_no_margin(rng):
    flood = rng.normal(size=(100, 1, 30)) * 1e3

    def ends(X):
        made = SeriesCodec().fit(X).decode(flood)
        return made.min(), made.max()

    saturated = rng.normal(size=(10, 1, 30)).clip(-1, 1)
    assert ends(saturated) == (-1, 1)
    positive = rng.uniform(0.01, 10, size=(10, 1, 30))
    assert ends(positive)[0] == 0 and ends(positive)[1] > positive.max()
    assert ends(-positive)[1] == 0
    counts = rng.integers(0, 200, size=(10, 1, 30)).astype(np.uint8)
    counts[0] = 255
    assert ends(counts) == (0, 255)
    assert ends(np.full((5, 1, 30), 2.5)) == (2.5, 2.5)
    assert ends(waves((1, 1, 30), rng, 1, 3))[1] <= 3.1


def test_amplitude_of_what_a_gan_like_sampler_makes(rng):
    """Normal values through decode have the centre and spread of the data."""
    X = rng.normal(50, 7, size=(200, 2, 30))
    made = SeriesCodec().fit(X).decode(rng.normal(size=(200, 2, 30)))
    np.testing.assert_allclose(made.mean((0, 2)), 50, atol=0.5)
    np.testing.assert_allclose(made.std((0, 2)), 7, atol=0.3)


def test_large_data_are_sampled_reproducibly(rng, monkeypatch):
    monkeypatch.setattr("ganaug.encoding.numeric._MOST_VALUES", 2_000)
    X = rng.normal(3, 2, size=(500, 2, 40))
    one, again, other = (SeriesCodec().fit(X, seed=seed) for seed in (1, 1, 2))
    assert (one._signals.centre == again._signals.centre).all()
    assert (one._signals.centre != other._signals.centre).any()
    np.testing.assert_allclose(one._signals.scale, 2, atol=0.15)
    assert one._signals.high[0] > X[:, 0].max()  # the range is that of all series


def test_extreme_floats():
    X = np.array([-1e300, 0, 1e300])[:, None, None] * np.ones((3, 1, 8))
    codec = SeriesCodec().fit(X)
    np.testing.assert_allclose(codec.decode(codec.encode(X)), X, rtol=1e-6)
    assert np.isfinite(codec.decode(np.full((1, 1, 8), 3e38, np.float32))).all()
    tiny = np.array([0, 5e-324])[:, None, None] * np.ones((2, 1, 8))
    assert np.isfinite(SeriesCodec().fit(tiny).encode(np.full((1, 1, 8), 1e300))).all()
    half = np.full((3, 1, 8), 6e4, np.float16)
    half[0] = -6e4
    assert np.isfinite(SeriesCodec().fit(half).decode(np.full((1, 1, 8), 1e9))).all()


# ------------------------------------------------------------------------------------------ pandas


def test_a_frame_of_steps(rng):
    X = pd.DataFrame(waves((6, 12), rng).astype("float32"), index=list("abcdef"))
    codec = SeriesCodec().fit(X)
    assert codec.shape == (1, 12) and codec.feature_names_ is None
    for codec in (codec, restored(codec)):  # noqa: B020
        back = codec.decode(codec.encode(X))
        pd.testing.assert_frame_equal(back, X.reset_index(drop=True), atol=1e-4)
        np.testing.assert_array_equal(codec.encode(X.to_numpy()), codec.encode(X))


def test_a_frame_of_channels_and_steps(rng):
    values = waves((6, 2, 10), rng)
    columns = pd.MultiIndex.from_product([["x", "y"], range(10)], names=["axis", "t"])
    X = pd.DataFrame(values.reshape(6, -1), columns=columns)
    codec = SeriesCodec().fit(X)
    assert codec.shape == (2, 10)
    np.testing.assert_array_equal(codec.encode(X), SeriesCodec().fit(values).encode(values))
    pd.testing.assert_frame_equal(restored(codec).decode(codec.encode(X)), X, atol=1e-4)
    with pytest.raises(InvalidDataError, match="same order"):
        codec.encode(X[columns[::-1]].sort_index(axis=1, ascending=False))
    with pytest.raises(InvalidDataError, match="swap the levels"):
        SeriesCodec().fit(X.swaplevel(axis=1).sort_index(axis=1))
    with pytest.raises(InvalidDataError, match=r"of a list \[x.T for x in X\]"):
        SeriesCodec().fit([x.T for x in values])
    with pytest.raises(InvalidDataError, match="one channel after the other"):
        SeriesCodec().fit(X.sort_index(axis=1, level=1))
    with pytest.raises(InvalidDataError, match="one channel after the other"):
        SeriesCodec().fit(X.iloc[:, :-1])


def test_dtypes_of_frames(rng):
    whole = pd.DataFrame(rng.integers(0, 9, size=(6, 8)))
    back = SeriesCodec().fit(whole).decode(SeriesCodec().fit(whole).encode(whole))
    pd.testing.assert_frame_equal(back, whole)
    mixed = whole.astype({0: "float32"})
    assert (SeriesCodec().fit(mixed).decode(np.zeros((1, 1, 8))).dtypes == "float64").all()
    nullable = whole.astype("Int16")
    assert (SeriesCodec().fit(nullable).decode(np.zeros((1, 1, 8))).dtypes == "int16").all()


@cases(
    ("change", "error", "text"),
    [
        (lambda X: X.assign(t3="a"), InvalidTypeError, "column 't3' has dtype"),
        (lambda X: X.set_axis(["t"] * 8, axis=1), InvalidDataError, "more than once"),
        (
            lambda X: X.assign(t3=np.nan).iloc[:, 3:4].reindex(columns=X.columns),
            InvalidDataError,
            "series 0 of X holds no",
        ),
        (lambda X: X.assign(t3=np.inf), InvalidDataError, "infinity: series 0, channel 0, step 3"),
        (lambda X: X.iloc[:, :3], InvalidDataError, "length of 3 is too short, at least 4"),
        (lambda X: X.iloc[:0], InvalidDataError, "no series"),
        (lambda X: X.set_axis(pd.MultiIndex.from_product([[0], [0], range(8)]), axis=1), InvalidDataError, "3 levels"),
    ],
)
def test_frames_that_are_no_series(change, error, text, rng):
    X = pd.DataFrame(waves((5, 8), rng), columns=[f"t{i}" for i in range(8)])
    with pytest.raises(error, match=text):
        SeriesCodec().fit(change(X))
    if change(X).shape == X.shape:
        with pytest.raises((InvalidDataError, InvalidTypeError)):
            SeriesCodec().fit(X).encode(change(X))


# ------------------------------------------------------------------------------------------ errors


@cases(
    ("X", "error", "text"),
    [
        (np.zeros((5, 3, 8, 8)), InvalidDataError, r"4-D data are images \(ImageGAN\)"),
        (np.zeros(5), InvalidDataError, r"give \(n, channels, length\)"),
        (np.zeros((2, 1, 8, 8, 8, 8)), InvalidDataError, r"give \(n, channels, length\)"),
        (np.zeros((5, 2, 3)), InvalidDataError, "length of 3 is too short, at least 4"),
        (np.full((5, 2, 9), np.nan), InvalidDataError, "series 0 of X holds no value"),
        (np.array([1, np.nan]).reshape(1, 2, 1).repeat(9, 2), InvalidDataError, "channel 1 of X holds no value"),
        (np.zeros((5, 100, 3)), InvalidDataError, r"give X.transpose\(0, 2, 1\)"),
        (np.zeros((5, 0, 8)), InvalidDataError, "no channel"),
        (np.zeros((0, 2, 8)), InvalidDataError, "no series"),
        (np.zeros((2, 1, 8, 8, 4)), InvalidDataError, "length of 4 is too short.*channels first"),
        (np.zeros((2, 1, 8, 8, 257), bool), InvalidDataError, "257 is too long for a volume"),
        (np.zeros((2, 1, 8), complex), InvalidTypeError, "series of dtype complex128"),
        (pd.Series(np.zeros(9)), InvalidDataError, "X has shape"),
        ("series.csv", InvalidTypeError, "cannot read series from 'str'"),
    ],
)
def test_what_is_no_series_says_so(X, error, text):
    with pytest.raises(error, match=text):
        SeriesCodec().fit(X)


def test_where_a_value_is_not_finite(rng):
    X = waves((300, 3, 16), rng)
    codec = SeriesCodec().fit(X)
    X[280, 2, 5] = -np.inf
    for read in (SeriesCodec().fit, codec.encode, lambda X: codec.encode(torch.from_numpy(X))):
        with pytest.raises(InvalidDataError, match="infinity: series 280, channel 2, step 5; leave NaN where"):
            read(X)
    X[280, 2, 5] = np.nan
    with pytest.raises(
        InvalidDataError, match="NaN: series 280, channel 2, step 5: MyGAN was fitted on series without"
    ):
        codec.encode(X, "MyGAN")
    for value, word in [(np.nan, "NaN"), (np.inf, "infinity")]:
        V = waves((3, 2, 8, 8, 8), rng)
        V[1, 0, 2, 3, 4] = value
        with pytest.raises(InvalidDataError, match=rf"{word}: series 1, channel 0, voxel \(2, 3, 4\); fill gaps"):
            SeriesCodec().fit(V)


def test_series_unlike_those_of_fit(rng):
    codec = SeriesCodec().fit(waves((5, 3, 16), rng))
    for shape, text in [
        ((5, 3, 15), r"shape \(5, 3, 15\), but MyGAN was fitted on series of shape \(n, 3, 16\)"),
        ((5, 16, 3), r"give X.transpose\(0, 2, 1\)"),
        ((5, 16), r"\(n, 3, 16\)"),
        ((5, 3, 16, 1), r"\(n, 3, 16\)"),
    ]:
        with pytest.raises(InvalidDataError, match=text):
            codec.encode(np.zeros(shape), owner="MyGAN")


def test_many_channels_of_few_steps_warn(rng):
    with pytest.warns(DataWarning, match=r"read as 128 channels of 9 steps.*X.transpose\(0, 2, 1\)"):
        SeriesCodec().fit(waves((5, 128, 9), rng))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        SeriesCodec().fit(waves((5, 36, 9), rng))


@cases("samples", [np.zeros((2, 3, 15)), np.zeros(48), np.zeros((2, 47)), np.full((2, 3, 16), "a")])
def test_wrong_samples_are_refused(samples, rng):
    codec = SeriesCodec().fit(waves((5, 3, 16), rng))
    for read in (codec.decode, codec.from_network):
        with pytest.raises(InvalidDataError, match=r"cannot decode .* \(n, 3, 16\)"):
            read(samples)
        with pytest.raises(InvalidDataError, match=r"NaN \(sample 0\).*diverged"):
            read(np.full((2, 3, 16), np.nan))


def test_codecs_travel(rng):
    X = waves((5, 3, 16), rng)
    codec = SeriesCodec().fit(X)
    for again in (pickle.loads(pickle.dumps(codec)), copy.deepcopy(codec)):
        np.testing.assert_array_equal(again.decode(codec.encode(X)), codec.decode(codec.encode(X)))
    pickle.loads(pickle.dumps(SeriesCodec())).fit(X)
    _, arrays = codec.get_state()
    assert sum(a.size for a in arrays.values()) == 12  # four numbers for each channel, no training series


@cases(
    "change",
    [
        {"version": 4},
        {"gaps": {}},
        {"gaps": {"group": [0, -1], "empty": [], "lengths": None}},
        {"gaps": {"group": [-1, -1], "empty": [], "lengths": [0, 10]}},
        {"gaps": {"group": [0], "empty": [False], "lengths": None}},
        {"gaps": {"group": [0, 0], "empty": [0], "lengths": None}},
        {"levels.0": np.array([1.0, 0.0])},
        {"levels.1": np.array([np.nan, 0.0])},
        {"levels.1": np.arange(40.0)},
        {"version": "1"},
        {"shape": [2, 7]},
        {"shape": [2, 10, 10]},
        {"shape": [3, 10]},
        {"shape": [2, 10.0]},
        {"shape": "2"},
        {"shape": [2, 8, 8, 300]},
        {"flat": 0},
        {"flat": True},
        {"flat": None},
        {"columns": {}},
        {"columns": {"range": [0, 20, 1], "names": [["none", None]]}},
        {"columns": {"multi": [["int", 1]], "names": []}},
        {"columns": None},
        {"tensor": True},
        {"dtype": "<M8[ns]"},
        {"dtype": None},
        {"centre": None},
        {"centre": np.full(2, 1e9)},
        {"scale": np.zeros(2)},
        {"scale": np.full(2, -1.0)},
        {"scale": np.full(2, np.inf)},
        {"scale": np.ones(3)},
        {"low": np.full(2, 1e9)},
        {"high": np.full(2, np.nan)},
        {"high": np.ones(2, np.float32)},
    ],
)
def test_altered_states_are_refused(change, rng):
    columns = pd.MultiIndex.from_product([["x", "y"], range(10)])
    config, arrays = SeriesCodec().fit(pd.DataFrame(waves((6, 20), rng), columns=columns)).get_state()
    for key, value in change.items():
        target = arrays if key in arrays or key.startswith("levels") else config
        target[key] = value
        if value is None:
            del target[key]
    with pytest.raises(ModelFileError):
        SeriesCodec.from_state(config, arrays)


@cases("name", ["ecg5000", "hapt", "medical_images", "ecg200", "basic_motions"])
def test_real_series(name, shared_data, rng):
    X = shared_data.load_series(name)[0][:1500]
    codec = SeriesCodec().fit(X)
    Z = codec.encode(X)
    assert (Z.std((0, 2)) > 0.3).all() and (Z.std((0, 2)) < 1.7).all() and np.abs(Z).max() < 15
    back = codec.decode(Z)
    assert back.dtype == X.dtype and np.abs(back - X).max() < 1e-4 * np.ptp(X)
    made = codec.decode(rng.normal(size=(100, *codec.shape)) * 4)
    low, high = X.min((0, 2)), X.max((0, 2))
    span = 0.05 * (high - low) + 1e-6
    assert (made.min((0, 2)) >= low - span).all() and (made.max((0, 2)) <= high + span).all()


# ------------------------------------------------------------------------------------------ gaps and levels


def with_gaps(rng, shape=(40, 3, 12)):
    """Channels 0 and 1 with the same gaps, 2 without; half of the series end early."""
    X = waves(shape, rng)
    X[::4, :2, 3:6] = np.nan
    for i in range(0, len(X), 2):
        X[i, :, 7 + i % 5 :] = np.nan
    return X


@cases("container", ["array", "tensor", "float32", "frame"])
def test_gaps_and_ends_come_back(container, rng):
    X = with_gaps(rng)
    given = {"array": X, "tensor": torch.from_numpy(X), "float32": X.astype("f4")}.get(container)
    if given is None:
        columns = pd.MultiIndex.from_product([["x", "y", "z"], range(12)])
        given = pd.DataFrame(X.reshape(40, -1), columns=columns)
    before = copy.deepcopy(given)
    codec = SeriesCodec().fit(given)
    assert (
        codec.given_shape == (3, 12) and codec.shape == (5, 12) and codec.n_features_ == 36
    )  # a group of gaps, and ends
    assert codec.gaps_.group == (0, 0, -1) and codec.gaps_.empty == (False,) and codec.gaps_.lengths == (7, 12)
    Z = codec.encode(given)
    assert np.isfinite(Z).all() and np.abs(Z).max() < 6
    for codec in (codec, restored(codec)):  # noqa: B020
        np.testing.assert_array_equal(codec.encode(given), Z)
        back = codec.decode(Z + 0.4 * rng.uniform(-1, 1, (40, 5, 1)) * [[0], [0], [0], [1], [1]])
        assert type(back) is type(given)
        np.testing.assert_allclose(np.asarray(back, float).reshape(X.shape), X, atol=1e-5)
    np.testing.assert_array_equal(np.asarray(given), np.asarray(before))


def test_any_mask_gives_series_with_values(rng):
    X = with_gaps(rng)
    codec = SeriesCodec().fit(X)
    made = codec.decode(rng.normal(size=(500, 5, 12)))
    lengths = 12 - np.isnan(made[:, 2])[:, ::-1].cumprod(1).sum(1)
    assert lengths.min() >= 7 and (np.isnan(made[:, 2]).sum(1) == 12 - lengths).all()
    assert (np.isnan(made[:, 0]) == np.isnan(made[:, 1])).all()
    assert not np.isnan(made[:, 0]).all(1).any()  # no real one was without any value there
    nothing = codec.decode(np.full((3, 5, 12), -1.0))
    assert ((~np.isnan(nothing)).sum(2) == [1, 1, 7]).all()
    X[5, :2] = X[7, 2] = np.nan
    codec = SeriesCodec().fit(X)
    assert codec.gaps_.empty == (True, True) and codec.gaps_.values_needed
    assert (~np.isnan(codec.decode(np.full((3, 6, 12), -1.0)))).any((1, 2)).all()


def test_gaps_do_not_move_the_scale(rng):
    X = rng.normal(50, 7, size=(200, 1, 30))
    X[:, :, 10:] = np.where(rng.random((200, 1, 20)) < 0.9, np.nan, X[:, :, 10:])
    scale = SeriesCodec().fit(X).scale_
    assert abs(scale.centre[0] - 50) < 1 and abs(scale.scale[0] - 7) < 0.7
    assert scale.low[0] <= np.nanmin(X) and scale.high[0] >= np.nanmax(X)


@cases(
    ("values", "levels"),
    [
        ([0.0, 1.0], [0, 1]),
        ([-2.5, 0.1, 7.0], [-2.5, 0.1, 7]),
        (np.arange(200.0), []),  # whole numbers, too many to keep
        (np.linspace(0, 1, 50), None),
        ([3.0], []),
    ],
)
def test_discrete_channels_stay_discrete(values, levels, rng):
    X = waves((60, 2, 20), rng)
    X[:, 1] = rng.choice(values, size=(60, 20))
    X[0, 1, 3] = np.nan
    codec = SeriesCodec().fit(X)
    assert codec.levels_[0] is None
    for codec in (codec, restored(codec), pickle.loads(pickle.dumps(codec))):  # noqa: B020
        assert (codec.levels_[1] is None) == (levels is None)
        made = codec.decode(rng.normal(size=(50, 3, 20)))[:, 1]
        made = made[~np.isnan(made)]
        if levels is None:
            assert len(np.unique(made)) > 100
        else:
            assert np.isin(made, levels).all() if levels else (made == np.rint(made)).all()
            np.testing.assert_array_equal(codec.decode(codec.encode(X))[:, 1], X[:, 1])


def test_a_value_of_one_series_is_no_level(rng):
    X = waves((60, 1, 20), rng)
    X[:] = rng.choice([0.25, 1.5], size=X.shape)
    assert SeriesCodec().fit(X).levels_[0].tolist() == [0.25, 1.5]
    X[7, 0, :5] = 1.75
    assert SeriesCodec().fit(X).levels_[0] is None
    few = rng.choice([0.25, 1.5, 2.5, 3.5], size=(3, 1, 8))
    assert SeriesCodec().fit(few).levels_[0] is None
    integers = 5 * rng.integers(0, 3, size=(40, 1, 8))
    made = SeriesCodec().fit(integers).decode(rng.normal(size=(40, 1, 8)))
    assert made.dtype == integers.dtype and set(np.unique(made)) <= {0, 5, 10}


def test_integer_frames_with_missing_values(rng):
    X = pd.DataFrame(rng.integers(0, 90, (30, 9))).astype("Int16").mask(lambda frame: frame > 80)
    codec = SeriesCodec().fit(X)
    back = codec.decode(codec.encode(X))
    assert (back.dtypes == "float32").all() and np.array_equal(back.isna(), X.isna())
    assert np.array_equal(back.fillna(-1), X.astype("float32").fillna(-1))


def test_a_file_of_version_1_is_read(rng):
    X = waves((6, 2, 20), rng)
    codec = SeriesCodec().fit(X)
    config, arrays = codec.get_state()
    del config["gaps"]
    again = SeriesCodec.from_state({**config, "version": 1}, arrays)
    np.testing.assert_array_equal(again.decode(codec.encode(X)), codec.decode(codec.encode(X)))


def test_sparse_columns_are_named(rng):
    X = pd.DataFrame(rng.integers(0, 2, (20, 8)).astype(float)).astype(pd.SparseDtype(float, 0.0))
    with pytest.raises(InvalidTypeError, match=r"column 0 of the series is sparse; give X\.sparse\.to_dense\(\)"):
        SeriesCodec().fit(X)
    assert SeriesCodec().fit(X.sparse.to_dense()).shape == (1, 8)
