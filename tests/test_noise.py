"""Noise that a generator of series leaves out comes back; structure and clean signals are left alone."""

from __future__ import annotations

import copy
import pickle
from functools import partial

import numpy as np
import pytest
from helpers import cases, series_gan

import ganaug
from ganaug import GANOversampler
from ganaug.estimators.saving import saved_parts
from ganaug.estimators.smoothing import NoiseFloor
from ganaug.exceptions import InvalidParameterError, ModelFileError
from ganaug.utils.state import write_state

ONE_CLASS = np.zeros(400, np.int64)
LENGTHS = (24, 64, 140, 500)


def waves(length, n=400, seed=0):
    rng = np.random.default_rng(seed)
    return np.sin(np.linspace(0, 6, length) + 6 * rng.random((n, 2, 1))).astype("f4")


def floor_of(real, made, y=ONE_CLASS, conditions=(0,)):
    return NoiseFloor.fit(real, y, conditions, lambda condition, n: made[:n])


def spread(floor):
    """Standard deviation of the noise that is added."""
    return 0.0 if floor is None else float(np.sqrt(floor.floors.mean()))


@cases("length", LENGTHS[1:])
def test_white_noise_comes_back(length):
    noise = 0.2 * np.random.default_rng(1).normal(size=(400, 2, length)).astype("f4")
    made = waves(length, seed=2)
    floor = floor_of(waves(length) + noise, made)
    added = floor.smoothed(made, 0, 3) - made
    assert added.std() == pytest.approx(0.2, rel=0.06)
    power = (np.abs(np.fft.rfft(added)) ** 2).mean((0, 1)) / length
    upper = power[len(power) // 2 : -1]
    assert np.allclose(upper, 0.2**2, rtol=0.35) and upper.mean() == pytest.approx(0.2**2, rel=0.15)


def test_of_short_series_some_of_it_comes_back():
    """In pieces of 8 steps a wave and noise are hard to tell apart."""
    noise = 0.2 * np.random.default_rng(1).normal(size=(400, 2, 24)).astype("f4")
    assert 0.1 < spread(floor_of(waves(24) + noise, waves(24, seed=2))) <= 0.2


def test_coloured_noise_keeps_its_colour_and_each_channel_its_own():
    rng = np.random.default_rng(1)
    noise = rng.normal(size=(400, 2, 400)).astype("f4")
    noise[:, 1] = np.diff(noise[:, 1], axis=-1, append=0)
    made = np.zeros_like(noise)
    added = floor_of(noise, made).smoothed(made, 0, 2)
    assert np.std(added, axis=(0, 2)) == pytest.approx([1, np.sqrt(2)], rel=0.1)
    power = (np.abs(np.fft.rfft(added[:, 1])) ** 2).mean(0) / 400
    assert power[10:30].mean() < 0.25 and power[-30:-5].mean() == pytest.approx(4, rel=0.1)


@cases("length", LENGTHS)
def test_what_the_generator_has_is_not_given_twice(length):
    rng = np.random.default_rng(1)
    noisy = [waves(length, seed=k) + 0.2 * rng.normal(size=(400, 2, length)).astype("f4") for k in (0, 1)]
    assert spread(floor_of(*noisy)) < 0.05
    assert spread(floor_of(waves(length), noisy[0])) == 0


@cases("length", LENGTHS)
def test_clean_signals_stay_clean(length):
    made = 0.8 * waves(length, seed=1)  # a tenth of the amplitude is missing, but no noise
    assert spread(floor_of(waves(length), made)) < 0.01


@cases("length", [64, 140, 500])
def test_bursts_and_spikes_are_no_noise(length):
    rng, t = np.random.default_rng(1), np.arange(length)
    place = rng.uniform(0.1, 0.9, (400, 2, 1)) * length
    burst = np.exp(-(((t - place) / 2.5) ** 2)) * np.sin(1.2 * (t - place))
    spike = (t == np.round(place)) * 2.0
    for missing in (burst, spike):
        assert missing.std() > 0.05
        floor = floor_of(waves(length) + missing.astype("f4"), waves(length))
        assert spread(floor) < 0.1 * missing.std()


@cases("length", [64, 140, 500])
def test_a_tone_is_no_noise(length):
    phase = 6 * np.random.default_rng(1).random((400, 2, 1))
    tone = 0.3 * np.sin(1.1 * np.arange(length) + phase)
    assert spread(floor_of(waves(length) + tone.astype("f4"), waves(length))) < 0.1 * tone.std()


def test_each_class_has_its_own_and_a_small_one_leans_on_all():
    rng = np.random.default_rng(1)
    made, y = waves(128), np.repeat([0, 1, 2], [300, 99, 1])
    scale = np.array([0.4, 0.1, 0.1])[y, None, None]
    floor = floor_of(made + (scale * rng.normal(size=made.shape)).astype("f4"), made, y, [1, 2])
    deviations = np.sqrt(floor.floors.mean((1, 2)))
    assert floor.conditions.tolist() == [1, 2]
    assert deviations[0] == pytest.approx(0.1, abs=0.02) and deviations[1] == pytest.approx(0.23, abs=0.07)


def test_a_quiet_class_stays_quiet_beside_loud_ones():
    rng = np.random.default_rng(1)
    made, y = waves(128), np.repeat([0, 1, 2], [300, 80, 20])
    scale = np.array([1.0, 0.0, 0.01])[y, None, None]
    floor = floor_of(made + (scale * rng.normal(size=made.shape)).astype("f4"), made, y, [0, 1, 2])
    deviations = np.sqrt(floor.floors.mean((1, 2)))
    assert deviations[0] > 0.9 and deviations[1] < 0.005 and deviations[2] < 0.03


def test_any_number_of_rows_in_any_parts():
    noise = np.random.default_rng(1).normal(size=(400, 2, 33)).astype("f4")
    floor = floor_of(noise, np.zeros_like(noise))
    rows = np.zeros((700, 2, 33), np.float32)
    added = floor.smoothed(rows, 0, 0)
    assert added.dtype == np.float32 and not rows.any()
    assert np.array_equal(added[:300], floor.smoothed(rows[:300], 0, 0))
    assert len(floor.smoothed(rows[:0], 0, 0)) == 0


@cases(
    ("name", "change"),
    [
        ("conditions", lambda a: a + 1),
        ("floors", lambda a: a[..., 1:]),
        ("floors", lambda a: -a),
        ("floors", lambda a: a * np.float32(np.nan)),
    ],
)
def test_arrays_that_do_not_fit_are_refused(name, change):
    noise = np.random.default_rng(1).normal(size=(400, 2, 64)).astype("f4")
    arrays = floor_of(noise, np.zeros_like(noise)).arrays()
    NoiseFloor.of_arrays(arrays, (2, 64), [0])
    with pytest.raises(ModelFileError):
        NoiseFloor.of_arrays(arrays | {name: change(arrays[name])}, (2, 64), [0])


def test_shares_of_levels_that_do_not_fit_are_refused(tmp_path):
    rng = np.random.default_rng(1)
    X, y = (rng.random((60, 1, 16)) < 0.3).astype(float), np.arange(60) % 2
    own = gan().fit(X, y)
    arrays, codec = own.smoother_.arrays(), own.codec_
    type(own.smoother_).read(arrays, codec, [0, 1])
    for change in (lambda a: a[:1], lambda a: a * np.float32(np.nan), lambda a: a.astype("f8")):
        with pytest.raises(ModelFileError):
            type(own.smoother_).read(arrays | {"found.0": change(arrays["found.0"])}, codec, [0, 1])


# ---- In the estimator -----------------------------------------------------------------------------------


gan = partial(series_gan, architecture="residual", curate=False)


@pytest.fixture(scope="module")
def noisy():
    X = waves(64, 90).astype("f8") * 50 + 10 * np.random.default_rng(0).normal(size=(90, 2, 64)) + 200
    return X, np.repeat(["plain", "rare"], [60, 30])


@pytest.fixture(scope="module")
def bare(noisy):
    return gan(noise_floor=False).fit(*noisy)


@pytest.fixture(scope="module")
def full(noisy):
    return gan().fit(*noisy)


def roughness(X):
    """Of neighbouring steps: twice the variance of white noise."""
    return np.diff(X, axis=-1).var()


def test_samples_are_as_rough_as_the_series_were(noisy, bare, full):
    X, _ = noisy
    smooth, rough = (own.sample(200, label="rare", random_state=0)[0] for own in (bare, full))
    assert roughness(smooth) < 0.5 * roughness(X)
    assert roughness(rough) == pytest.approx(roughness(X), rel=0.25)


def test_without_it_nothing_is_changed(bare, full):
    """The generator's samples are those beneath the noise."""
    assert bare.smoother_ is None and full.smoother_ is not None
    assert all(np.array_equal(bare.weights_[name], full.weights_[name]) for name in bare.weights_)
    full = copy.deepcopy(full)
    full.smoother_ = None
    assert np.array_equal(*(own.sample(9, random_state=1)[0] for own in (bare, full)))


def test_a_file_remembers(full, tmp_path):
    full.save(tmp_path / "gan")
    for again in (ganaug.load(tmp_path / "gan"), pickle.loads(pickle.dumps(full))):
        assert np.array_equal(full.sample(9, random_state=1)[0], again.sample(9, random_state=1)[0])


def test_a_file_of_an_earlier_version_samples_as_it_did(bare, full, tmp_path):
    own = copy.deepcopy(full)
    config, arrays = saved_parts(own)
    del config["parameters"]["noise_floor"]
    earlier = {name: array for name, array in arrays.items() if not name.startswith("beside/")}
    assert len(earlier) == len(arrays) - 2
    write_state(tmp_path / "gan", "SeriesGAN", config, earlier)
    del own.smoother_  # nor has a pickle of that version one
    for again in (ganaug.load(tmp_path / "gan"), pickle.loads(pickle.dumps(own))):
        assert np.array_equal(bare.sample(9, random_state=1)[0], again.sample(9, random_state=1)[0])


def test_the_same_seed_gives_the_same_noise_for_any_number_of_jobs(noisy, full):
    X, y = noisy
    y = np.where(np.arange(90) < 15, "other", y)
    made = [
        GANOversampler(generator=gan(scope="per-class"), random_state=0, n_jobs=jobs).fit_resample(X, y)[0]
        for jobs in (1, 2)
    ]
    assert np.array_equal(*made)
    one, two = (full.sample(20, random_state=seed)[0] for seed in (1, 2))
    assert np.array_equal(one, full.sample(20, random_state=1)[0]) and not np.allclose(one, two)


def test_a_fit_that_goes_on_measures_anew(noisy):
    X, y = noisy
    own = gan(warm_start=True).fit(X, y)
    before = own.smoother_.floors.copy()
    after = own.fit(X, y).smoother_.floors
    assert after.mean() == pytest.approx(before.mean(), rel=0.3)
    assert own.set_params(noise_floor=False).fit(X, y).smoother_ is None


def test_volumes_have_none():
    X = np.random.default_rng(0).normal(size=(30, 1, 8, 8, 8))
    assert gan(max_steps=2).fit(X).smoother_ is None


@cases("value", [1, "yes", None, 0.5])
def test_only_true_or_false(value, noisy):
    with pytest.raises(InvalidParameterError, match="noise_floor"):
        gan(noise_floor=value).fit(*noisy)
