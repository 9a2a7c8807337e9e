"""Labels of every type come back as they were, or are refused before the training; and as many labels as samples."""

from __future__ import annotations

import copy
import datetime as dt
import enum
import pickle
import uuid
import zoneinfo
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import cases, tabular_gan
from sklearn.tree import DecisionTreeClassifier

import ganaug
from ganaug import (
    AugmentedClassifier,
    GANOversampler,
    ImageGAN,
    ImageTranslator,
    SeriesGAN,
    SmoothedBootstrap,
    TabularGAN,
)
from ganaug.encoding import LabelCodec, TableCodec
from ganaug.exceptions import GanaugError, InvalidDataError, InvalidTypeError

pa = pytest.importorskip("pyarrow")

PARIS = zoneinfo.ZoneInfo("Europe/Paris")


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Size(enum.IntEnum):
    SMALL = 1
    LARGE = 2


def told(value):
    """What a label is, to the last detail."""
    zone = getattr(value, "tzinfo", None)
    return type(value).__name__, repr(value), type(zone).__name__


def never(event):
    raise AssertionError("the training has begun")


def two(one, other, dtype=object):
    return pd.Series([one] * 30 + [other] * 15, dtype=dtype, name=("y", 1))


def two_of(one, other):
    values = np.empty(45, dtype=object)
    for i in range(45):
        values[i] = one if i < 30 else other
    return pd.Series(values, dtype=object)


LABELS = {
    "Period objects": two(pd.Period("2020", "Y"), pd.Period("2021", "Y")),
    "periods": two(pd.Period("2020", "M"), pd.Period("2021", "M"), "period[M]"),
    "Timestamps": two(pd.Timestamp("2020"), pd.Timestamp("2021")),
    "times of a zone": two(pd.Timestamp("2020", tz=PARIS), pd.Timestamp("2021", tz=PARIS), "M8[us, Europe/Paris]"),
    "days of numpy": np.repeat(np.array(["2020-01-01", "2021-01-01"], dtype="M8[D]"), [30, 15]),
    "dates": two(dt.date(2020, 1, 1), dt.date(2021, 1, 1)),
    "aware datetimes": two(dt.datetime(2020, 1, 1, tzinfo=PARIS), dt.datetime(2021, 1, 1, tzinfo=PARIS)),
    "list of dates": [dt.date(2020, 1, 1)] * 30 + [dt.date(2021, 1, 1)] * 15,
    "times of day": two(dt.time(1), dt.time(2)),
    "durations": two(pd.Timedelta(1, "h"), pd.Timedelta(2, "h"), "timedelta64[us]"),
    "tuples": two_of(("a", 1), ("b", 2)),
    "bytes": two(b"a", b"b"),
    "numpy bytes": np.repeat([b"a", b"bb"], [30, 15]),
    "Decimals": two(Decimal("1.0"), Decimal("2.50")),
    "UUIDs": two(uuid.UUID(int=1), uuid.UUID(int=2)),
    "bool": np.repeat([True, False], [30, 15]),
    "bool objects": two(True, False),
    "numpy text": [np.str_("a")] * 30 + [np.str_("b")] * 15,
    "integers no 64 bits hold": two(2**70, 2**71),
    "unused categories": pd.Series(pd.Categorical(["b"] * 30 + ["a"] * 15, categories=["z", "b", "a"], ordered=True)),
    "categories of periods": two(pd.Period("2020", "Y"), pd.Period("2021", "Y")).astype("category"),
    "categories of fractions": two(0.5, 1.5).astype("category"),
    "categories of tuples": two_of(("a", 1), ("b", 2)).astype("category"),
    "Int64": two(1, 2, "Int64"),
    "boolean": two(True, False, "boolean"),
    "intervals": two(pd.Interval(0, 1), pd.Interval(1, 2), "interval"),
    "half floats": np.repeat([1.0, 2.0], [30, 15]).astype(np.float16),
    "long doubles": np.repeat([1.0, 2.0], [30, 15]).astype(np.longdouble),
    "Arrow's text": two("a", "b", pd.ArrowDtype(pa.string())),
    "Arrow's integers": two(1, 2, pd.ArrowDtype(pa.int8())),
    "Arrow's days": two(dt.date(2020, 1, 1), dt.date(2021, 1, 1), pd.ArrowDtype(pa.date32())),
    "Arrow's decimals": two(Decimal("1.10"), Decimal("2.20"), pd.ArrowDtype(pa.decimal128(5, 2))),
    "Arrow's times": two(pd.Timestamp("2020", tz="UTC"), pd.Timestamp("2021", tz="UTC"),
                         pd.ArrowDtype(pa.timestamp("us", "Europe/Paris"))),
    "Arrow's dictionary": two("a", "b", pd.ArrowDtype(pa.dictionary(pa.int8(), pa.string()))),
}  # fmt: skip


def listed(y):
    return list(map(told, y))


@cases("name", LABELS)
def test_labels_of_every_type_come_back(name, tmp_path):
    y = LABELS[name]
    X = np.random.default_rng(0).normal(size=(45, 2))
    gan = tabular_gan(max_steps=2).fit(X, y)
    first = next(iter(y))
    rows, labels = gan.sample(3, label=first, random_state=1)
    assert type(labels) is type(y) and listed(labels) == listed(list(y)[:3])
    gan.sample(dict.fromkeys(gan.classes_, 2))
    gan.save(tmp_path / "model")
    scores = gan.score_samples(X, y)
    for one in (ganaug.load(tmp_path / "model"), pickle.loads(pickle.dumps(gan)), copy.deepcopy(gan)):
        found, again = one.sample(3, label=first, random_state=1)
        np.testing.assert_array_equal(found, rows)
        assert listed(again) == listed(labels) and getattr(again, "dtype", None) == getattr(y, "dtype", None)
        np.testing.assert_array_equal(one.score_samples(X, y), scores)
    sampler = GANOversampler(generator=SmoothedBootstrap(), random_state=0)
    _, resampled = sampler.fit_resample(X, y)
    assert listed(list(resampled)[:45]) == listed(y) and len(resampled) == 60
    assert getattr(resampled, "dtype", None) == getattr(y, "dtype", None)


REFUSED_LABELS = {
    "Enum": (two_of(Colour.RED, Colour.BLUE), "Colour.*name"),
    "one Enum": (two_of(Colour.RED, Colour.RED), "Colour.*name"),
    "list of IntEnum": ([Size.SMALL] * 30 + [Size.LARGE] * 15, "Size.*name"),
    "categories of Enum": (two_of(Colour.RED, Colour.BLUE).astype("category"), "Colour.*name"),
    "text and numbers": (two_of("a", 1), "int, str cannot be sorted"),
    "lists": (two_of([1], [2]), "cannot be compared"),
    "None": (two_of("a", None), "contains NaN"),
    "Decimal NaN": (two_of(Decimal(1), Decimal("NaN")), "contains NaN"),
    "NA": (two(1, pd.NA, "Int64"), "contains NaN"),
    "fractions": (two(0.5, 1.5, "Float64"), "continuous"),
    "Arrow's fractions": (two(0.5, 1.5, pd.ArrowDtype(pa.float64())), "continuous"),
    "name": (pd.Series([0] * 30 + [1] * 15, name=Colour.RED), "the name of y.*Colour"),
    "Arrow's own array": (pa.array(["a"] * 30 + ["b"] * 15), r"y = y\.to_pandas\(\)"),
    "half floats of torch": (torch.ones(45).bfloat16(), r"y = y\.long\(\)"),
    "pairs": (pd.MultiIndex.from_tuples([("a", 1)] * 30 + [("b", 2)] * 15), "to_flat_index"),
}
IMAGES = np.random.default_rng(0).integers(0, 256, size=(45, 8, 8), dtype=np.uint8)
SERIES = np.random.default_rng(0).normal(size=(45, 1, 16))


@cases("name", REFUSED_LABELS)
def test_labels_that_cannot_come_back_are_refused_before_the_training(name):
    y, words = REFUSED_LABELS[name]
    X = np.random.default_rng(0).normal(size=(45, 2))
    estimators = [
        (TabularGAN(max_steps=2, callbacks=[never], verbose=False), X),
        (SmoothedBootstrap(), X),
        (GANOversampler(generator=TabularGAN(max_steps=2, callbacks=[never], verbose=False)), X),
        (ImageGAN(max_steps=2, callbacks=[never], verbose=False), IMAGES),
        (SeriesGAN(max_steps=2, callbacks=[never], verbose=False), SERIES),
        (ImageTranslator(max_steps=2, callbacks=[never], verbose=False), IMAGES),
    ]
    for estimator, samples in estimators:
        with pytest.raises((InvalidDataError, InvalidTypeError), match=f"(?s){words}"):
            estimator.fit(samples, y)


@cases("make", [ImageGAN, SeriesGAN, ImageTranslator])
def test_odd_labels_of_images_and_series_come_back(make, tmp_path):
    y = LABELS["aware datetimes"]
    small = {"width": 4, "min_probability": 0} if make is ImageTranslator else {"channels": 2, "max_channels": 4}
    gan = make(max_steps=2, batch_size=8, random_state=0, verbose=False, **small)
    X = SERIES if make is SeriesGAN else IMAGES
    gan.fit(X, y)
    rows, labels = gan.sample(3, random_state=0)
    gan.save(tmp_path / "model")
    again = ganaug.load(tmp_path / "model")
    if make is ImageTranslator:
        again.set_sources(X[:30])
    found, told_again = again.sample(3, random_state=0)
    np.testing.assert_array_equal(found, rows)
    assert listed(labels) == listed(told_again) and isinstance(labels.iloc[0], dt.datetime)


# ---------------------------------------------------------------- lengths and tables of others


@cases("n", [0, 10, 46, 90])
def test_labels_of_another_number_are_refused_before_anything_is_encoded(n):
    X = pd.DataFrame({"c": [f"v{i % 40}" for i in range(45)], "z": np.arange(45.0)})
    y = np.arange(n) % 2
    fitted = TabularGAN(max_steps=2, random_state=0, verbose=False).fit(X, np.arange(45) % 2)
    calls = [
        lambda: TabularGAN(callbacks=[never]).fit(X, y),
        lambda: SmoothedBootstrap().fit(X, pd.Series(y)),
        lambda: GANOversampler(generator=TabularGAN(callbacks=[never])).fit(X, y.tolist()),
        lambda: ImageGAN(callbacks=[never]).fit(IMAGES, torch.tensor(y)),
        lambda: SeriesGAN(callbacks=[never]).fit(SERIES, y),
        lambda: ImageTranslator(callbacks=[never]).fit(IMAGES, y),
        lambda: fitted.score_samples(X, y),
        lambda: fitted.features(X, y),
        lambda: TableCodec().fit(X, y),
        lambda: AugmentedClassifier(DecisionTreeClassifier(), GANOversampler()).fit(X[["z"]], y),
    ]
    for call in calls:
        with pytest.raises(InvalidDataError, match=rf"X has 45 (rows|images) and y has {n}\b.*must be as many"):
            call()


class Frame:
    """Stands for a table of polars, which is not installed here."""

    shape = (45, 2)

    def __init__(self, frame):
        self.frame = frame

    def to_pandas(self):
        return self.frame

    def __array__(self, *arguments, **options):
        return self.frame.to_numpy()


class Lazy:
    """Stands for a frame of dask, whose length nobody knows."""

    shape = (object(), 2)

    def compute(self):
        return None


@cases(
    ("X", "words"),
    [
        (pa.table({"a": np.arange(45.0), "b": np.arange(45.0)}), r"'pyarrow\.Table'.*X = X\.to_pandas\(\)"),
        (Frame(pd.DataFrame({"a": np.arange(45.0)})), r"Frame'.*X = X\.to_pandas\(\)"),
        (Lazy(), r"Lazy'.*X = X\.compute\(\)"),
    ],
)
def test_tables_of_other_libraries_are_refused_with_the_line_that_converts_them(X, words):
    gan = TabularGAN(max_steps=2, callbacks=[never], verbose=False)
    for estimator in (gan, SmoothedBootstrap(), GANOversampler(generator=gan)):
        with pytest.raises(InvalidTypeError, match=words):
            estimator.fit(X, np.arange(45) % 2)


def test_every_error_is_one_of_ours():
    for y, _ in REFUSED_LABELS.values():
        with pytest.raises(GanaugError):
            LabelCodec().fit(y)


def test_the_name_of_a_column_instead_of_labels_is_told():
    X = pd.DataFrame({2: [0.0, 1.0], "a": [1.0, 2.0]})
    with pytest.raises(InvalidDataError, match=r"y=X\[2\], and X without it"):
        GANOversampler().fit(X, 2)
