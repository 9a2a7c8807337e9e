"""The rule by which values are told to be on another scale: pairs that must pass, and pairs that must not."""

from __future__ import annotations

import numpy as np
import pytest

from ganaug.encoding.table_checks import DataProfile, ValueProfile, difference, names_of_labels, value_profile
from ganaug.exceptions import ModelFileError

RGB_MEAN, RGB_STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def photos(n=24, seed=0, side=16):
    """Smooth pictures (n, 3, side, side) in [0, 1] of varying brightness and contrast."""
    own = np.random.default_rng(seed)
    coarse = own.beta(0.8, 0.8, (n, 3, 4, 4))
    return np.kron(coarse, np.ones((1, 1, side // 4, side // 4))) * own.uniform(0.6, 1, (n, 1, 1, 1))


def digits(n=24, seed=0):
    """Sparse grey pictures in [0, 1]: four fifths are black."""
    own = np.random.default_rng(seed)
    return np.where(own.random((n, 1, 16, 16)) < 0.2, own.random((n, 1, 16, 16)) ** 0.3, 0.0)


def normalised(x, mean=RGB_MEAN, std=RGB_STD):
    return (x - np.reshape(mean, (1, -1, 1, 1))) / np.reshape(std, (1, -1, 1, 1))


def noisy(x, sigma=0.1):
    return x + np.random.default_rng(5).normal(0, sigma, x.shape)


SAME = {
    "other pictures": (photos(), photos(seed=1)),
    "a few of them": (photos(200), photos(3, seed=2)),
    "darker": (photos(), 0.3 * photos(seed=1)),
    "dark as night": (photos(), 0.05 * photos(seed=1)),
    "brighter": (photos(), 0.7 + 0.3 * photos(seed=1)),
    "flatter": (photos(), 0.4 + 0.2 * photos(seed=1)),
    "jittered": (photos(), np.clip(1.4 * photos(seed=1) - 0.1, 0, 1)),
    "noise that is not clipped": (digits(), noisy(digits(seed=1))),
    "overshoot of a bicubic filter": (photos(), 1.1 * photos(seed=1) - 0.05),
    "erased patches": (photos(), photos(seed=1) * (np.random.default_rng(1).random((24, 1, 16, 16)) < 0.7)),
    "sparse and full": (digits(), photos()[:, :1]),
    "black on white": (digits(), 1 - digits(seed=1)),
    "normalised alike": (normalised(photos()), normalised(photos(seed=1))),
    "normalised alike, darker": (normalised(photos()), normalised(0.5 * photos(seed=1))),
    "normalised alike, sparse": (normalised(digits(), [0.13], [0.31]), normalised(digits(seed=1), [0.13], [0.31])),
    "normalised by constants near those": (normalised(photos()), normalised(photos(), 0.98 * RGB_MEAN, 1.1 * RGB_STD)),
    "-1 to 1": (2 * photos() - 1, 2 * photos(seed=1) - 1),
    "-1 to 1, darker": (2 * photos() - 1, 2 * 0.4 * photos(seed=1) - 1),
    "-1 to 1, noisy": (2 * photos() - 1, noisy(2 * photos(seed=1) - 1, 0.05)),
    "bytes": ((255 * photos()).astype(np.uint8), (255 * 0.2 * photos(seed=1)).astype(np.uint8)),
    "bytes as floats, darker": (255 * photos(), 40 * photos(seed=1)),
    "tomography": (3000 * photos() - 1000, 2600 * photos(seed=1) - 1000),
    "temperatures of summer and of a year": (40 * photos() - 10, 33 * photos(seed=1) + 4),
    "black pictures": (photos(), np.zeros((4, 3, 16, 16))),
}

OTHER = {
    "0 to 1 and normalised": (photos(), normalised(photos(seed=1))),
    "0 to 1 and normalised, sparse": (digits(), normalised(digits(), [0.13], [0.31])),
    "0 to 1 and -1 to 1": (photos(), 2 * photos(seed=1) - 1),
    "0 to 1 and -1 to 1, sparse": (digits(), 2 * digits(seed=1) - 1),
    "0 to 1 and bytes as floats": (photos(), 255 * photos(seed=1)),
    "0 to 1 and divided twice": (photos(), photos(seed=1) / 255),
    "-1 to 1 and normalised": (2 * photos() - 1, normalised(photos(seed=1))),
    "-1 to 1 and bytes as floats": (2 * photos() - 1, 255 * photos(seed=1)),
    "-1 to 1 and -0.5 to 0.5": (2 * photos() - 1, photos(seed=1) - 0.5),
    "normalised and bytes as floats": (normalised(photos()), 255 * photos(seed=1)),
    "bytes without their mean": (255 * photos(), 255 * photos(seed=1) - 120),
    "flags and bytes": ((photos() > 0.5).astype(np.uint8), (255 * photos(seed=1)).astype(np.uint8)),
    "bytes and 16 bits": ((255 * photos()).astype(np.uint8), (65535 * photos(seed=1)).astype(np.uint16)),
    "Hounsfield units and their offset": (3000 * photos() - 1000, 3000 * photos(seed=1)),
    "darker and normalised": (0.5 * photos(), normalised(photos(seed=1))),
    "divided by the spread only": (photos(), photos(seed=1) / 0.225),
}

WALK = np.random.default_rng(3).normal(size=(64, 2, 40)).cumsum(2)
TABLE = np.random.default_rng(4).normal(size=(300, 6)) * [1, 20, 3, 0.1, 5, 9] + [0, 40, 7, 1, 2, 100]
SAME_ROWS = {
    "other series": (WALK[:32], WALK[32:]),
    "another gain": (WALK[:32], 1.8 * WALK[32:]),
    "other rows": (TABLE[:200], TABLE[200:]),
    "one column apart": (TABLE, TABLE * [1, 1, 1, 1, 1, 50]),
    "rare rows, moved by a spread": (TABLE, TABLE[:60] + TABLE.std(0)),
    "columns that hardly vary": (TABLE * [1, 0, 0, 1, 1, 1], TABLE * [1, 0, 0, 1, 1, 1]),
}
OTHER_ROWS = {
    "series in other units": (WALK, 1000 * WALK),
    "series, standardised or not": (300 + 40 * WALK, WALK),
    "series in 0 to 1": (WALK, (WALK - WALK.min()) / np.ptp(WALK)),
    "a table, standardised or not": (TABLE, (TABLE - TABLE.mean(0)) / TABLE.std(0)),
    "a table in 0 to 1, or standardised": (
        (TABLE - TABLE.min(0)) / np.ptp(TABLE, 0),
        (TABLE - TABLE.mean(0)) / TABLE.std(0),
    ),
}


def told(pair):
    return difference(*map(value_profile, pair)), difference(*map(value_profile, pair[::-1]))


@pytest.mark.parametrize("pair", [*SAME.values(), *SAME_ROWS.values()], ids=[*SAME, *SAME_ROWS])
def test_one_scale(pair):
    assert told(pair) == (None, None)


@pytest.mark.parametrize("pair", [*OTHER.values(), *OTHER_ROWS.values()], ids=[*OTHER, *OTHER_ROWS])
def test_another_scale(pair):
    assert None not in told(pair)


def test_what_cannot_be_told():
    profile = value_profile(photos())
    assert difference(None, profile) is None and difference(profile, value_profile(TABLE)) is None
    assert value_profile(np.zeros((0, 3, 8, 8))) is None and value_profile(np.full((3, 2), np.nan)) is None
    assert value_profile(np.array([["a", "b"]])) is None


def test_a_codec_makes_one_array_of_a_list():
    from ganaug.encoding.series_codec import SeriesCodec
    from ganaug.estimators.fitting import Prepared, profile_of

    class Pieces:
        width = 3

        def decode(self, x):
            return [row[:2] for row in x]

        def as_array(self, samples):
            return np.pad(np.stack(samples), ((0, 0), (0, 1)), constant_values=9)

    x = np.arange(12.0).reshape(4, 3)
    padded = value_profile(np.pad(x[:, :2], ((0, 0), (0, 1)), constant_values=9))
    assert profile_of(Prepared(Pieces(), None, x, np.zeros(4, np.int64))).values == padded
    series = [np.ones((1, 5)), np.zeros((1, 9))]
    assert SeriesCodec().fit(series).as_array(series).shape == (2, 1, 9)


def test_a_profile_is_small_coarse_and_comes_back():
    wide = value_profile(np.random.default_rng(0).normal(size=(50, 5000)))
    assert len(wide.quantiles) == 1
    profile = DataProfile(value_profile(photos()), ((0, "cat"), (1, "dog")))
    assert DataProfile.from_state(profile.get_state()) == profile
    assert DataProfile.from_state(DataProfile().get_state()) == DataProfile()
    digits_of = [
        f"{value:.10g}".replace(".", "").strip("-0") for levels in profile.values.quantiles for value in levels
    ]
    assert max(map(len, digits_of)) <= 3
    for bad in ({}, {"values": None}, {"values": {"kind": "x"}, "class_names": []}, None, {"class_names": [[1, 2]]}):
        with pytest.raises(ModelFileError, match="profile of the training data"):
            DataProfile.from_state(bad)
    state = profile.get_state()
    state["values"]["quantiles"][0] = state["values"]["quantiles"][0][::-1]
    with pytest.raises(ModelFileError):
        DataProfile.from_state(state)


def test_names_of_labels():
    assert names_of_labels([np.int64(1), 0], ["cat", "dog"]) == ((1, "dog"), (0, "cat"))
    for labels, names in (
        ([0, 2], ["cat", "dog"]),
        (["cat"], ["cat"]),
        ([0, 1], ["cat", "cat"]),
        ([0], None),
        ([0.5], ["a"]),
    ):
        assert names_of_labels(labels, names) == ()
    assert ValueProfile("rows", ((0.0, 1.0, 2.0),), None).levels(4).shape == (4, 3)
