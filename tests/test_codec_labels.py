"""The label codec: codes and back, in the container that was given."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import cases

from ganaug.encoding import LabelCodec
from ganaug.exceptions import InvalidDataError, InvalidTypeError, LabelWarning

LABELS = {
    "int": np.array([3, 1, 3, 7]),
    "uint8": np.array([0, 1, 1, 0], dtype=np.uint8),
    "bool": np.array([True, False, True]),
    "float": np.array([1.0, 2.0, 1.0]),
    "text": np.array(["b", "a", "b"]),
    "object": np.array(["b", "a", "b"], dtype=object),
    "one class": np.array([5, 5]),
    "list": ["no", "yes", "no"],
    "list int": [2, 0, 2],
    "tensor": torch.tensor([1, 0, 2]),
    "series": pd.Series([1, 0, 1], name="target", dtype="int8"),
    "series str": pd.Series(["ok", "fraud", "ok"], name="kind"),
    "series object": pd.Series(["ok", "fraud", "ok"], dtype=object),
    "series bool": pd.Series([True, False]),
    "series Int64": pd.Series([1, 0, 1], dtype="Int64"),
    "series category": pd.Series(pd.Categorical(["b", "a", "b"], categories=["c", "b", "a"], ordered=True)),
    "categorical": pd.Categorical(["b", "a", "b"]),
    "category int": pd.Series([4, 2, 4]).astype("category"),
}


def same(a, b):
    assert type(a) is type(b)
    if isinstance(a, pd.Series):
        pd.testing.assert_series_equal(a, b)
    elif isinstance(a, torch.Tensor):
        assert a.dtype == b.dtype and torch.equal(a, b)
    elif isinstance(a, list):
        assert a == b and [type(v) for v in a] == [type(v) for v in b]
    else:
        assert a.dtype == b.dtype and (np.asarray(a) == np.asarray(b)).all()


@cases("name", LABELS)
def test_labels_come_back(name):
    y = LABELS[name]
    labels = LabelCodec().fit(y)
    codes = labels.encode(y)
    assert codes.dtype == np.int64 and set(codes) == set(range(len(labels.classes_)))
    same(labels.decode(codes), y)
    config, arrays = labels.get_state()
    again = LabelCodec.from_state(json.loads(json.dumps(config)), arrays)
    same(again.decode(codes), y)
    np.testing.assert_array_equal(again.encode(y), codes)
    assert again.classes_.dtype == labels.classes_.dtype and (again.classes_ == labels.classes_).all()
    assert len(labels.decode([])) == 0


def test_classes_are_sorted_and_containers_mix():
    labels = LabelCodec().fit(pd.Series(["b", "a", "c"]))
    assert labels.classes_.tolist() == ["a", "b", "c"]
    for y in (["c", "a"], np.array(["c", "a"]), np.array(["c", "a"], dtype=object), pd.Categorical(["c", "a"])):
        assert labels.encode(y).tolist() == [2, 0]
    assert LabelCodec().fit([0, 1]).encode(np.array([1.0, 0.0])).tolist() == [1, 0]


def test_unknown_label():
    with pytest.raises(InvalidDataError, match=r"unknown label\(s\) c; the labels seen in fit are a, b"):
        LabelCodec().fit(["a", "b"]).encode(["a", "c"])
    with pytest.raises(InvalidDataError, match="lie in"):
        LabelCodec().fit(["a", "b"]).decode([2])


@pytest.mark.parametrize("learnt", [[0, 1], [0.0, 1.0], [False, True]])
def test_true_is_one_and_false_is_zero(learnt):
    """In whatever containers and dtypes: items of a dataset are bool where a GAN was fitted on 0 and 1."""
    kinds = [learnt, np.array(learnt), pd.Series(learnt), pd.Categorical(learnt), pd.Series(learnt).convert_dtypes()]
    given = [
        [True, False],
        np.array([True, False], dtype=object),
        pd.array([True, False], dtype="boolean"),
        pd.Series([True, False], dtype="bool[pyarrow]"),
        [1, 0],
        np.array([1.0, 0.0]),
        pd.array([1, 0], dtype="Int8"),
    ]
    for kind in kinds:
        codec = LabelCodec().fit(kind)
        assert all(codec.encode(y).tolist() == [1, 0] for y in given)
    with pytest.raises(InvalidDataError, match=r"unknown label.* 2"):
        codec.encode([1, 2])
    with pytest.raises(InvalidDataError, match="unknown label.*True"):
        LabelCodec().fit(["0", "1"]).encode([True])


@cases(
    ("y", "error", "words"),
    [
        ([0.5, 1.5], InvalidDataError, "Unknown label type: continuous.* 2 distinct numbers.*pd.cut"),
        (np.linspace(0, 9, 40), InvalidDataError, "holds 40 distinct numbers, some with decimals; make classes"),
        (np.arange(40.0), InvalidDataError, "40 distinct floats in 40 rows, .* measurement; .*astype.int."),
        (pd.Series(np.arange(60.0) % 20), InvalidDataError, "20 distinct floats in 60 rows"),
        ([1.0, np.nan], InvalidDataError, "contains NaN"),
        ([1.0, np.inf], InvalidDataError, "infinity"),
        (["a", None], InvalidDataError, "contains NaN"),
        (pd.Series([1, None], dtype="Int64"), InvalidDataError, "contains NaN"),
        (pd.Categorical(["a", None]), InvalidDataError, "contains NaN"),
        (np.zeros((3, 2)), InvalidDataError, r"1d array.*\(3, 2\).*y.argmax\(axis=1\)"),
        (pd.DataFrame({"y": [0, 1]}), InvalidDataError, r"1d array.*\(2, 1\).*y.ravel\(\), of a DataFrame its column"),
        ([[1], [2, 3]], InvalidDataError, "1d array"),
        ([], InvalidDataError, "empty"),
        (np.array([1j, 2j]), InvalidDataError, "Complex"),
        (["a", 1], InvalidTypeError, "int, str cannot be sorted"),
    ],
)
def test_bad_labels(y, error, words):
    with pytest.raises(error, match=words):
        LabelCodec().fit(y)


def test_a_questioned_target_is_learnt_as_advised():
    y = np.arange(40.0)
    for advised in (y > 20, pd.cut(y, 5, labels=False), y.astype(int), (y / 3).astype(str)):
        assert len(LabelCodec().fit(advised).classes_) in (2, 5, 40)
    LabelCodec().fit(np.repeat(np.arange(12.0), 10))  # few of them, each often: classes


@cases(
    ("y", "named"),
    [
        (["yes", " yes", "Yes", "no"], "' yes', 'Yes', 'yes'"),
        (np.array(["a", "b", "B ", "A"]), "'A', 'a'; 'B ', 'b'"),
        (pd.Series(pd.Categorical(["Straße", "STRASSE"])), "'STRASSE', 'Straße'"),
        (["two  words", "two words"], "'two  words', 'two words'"),
    ],
)
def test_names_that_differ_in_case_or_spaces_are_told(y, named):
    with pytest.warns(LabelWarning, match=f"nothing but case or spaces: {named}. Each is a class of its own"):
        labels = LabelCodec().fit(y)
    assert len(labels.classes_) == len(set(y))


def test_a_label_of_another_type_is_told_apart():
    with pytest.raises(InvalidDataError, match=r"unknown label\(s\) '1'; the labels seen in fit are 0, 1$"):
        LabelCodec().fit([0, 1]).encode(["1"])
    with pytest.raises(InvalidDataError, match=r"unknown label\(s\) 1; the labels seen in fit are '0', '1'$"):
        LabelCodec().fit(["0", "1"]).encode([1])
    with pytest.raises(InvalidDataError, match=r"unknown label\(s\) c; the labels seen in fit are a, b$"):
        LabelCodec().fit(["a", "b"]).encode(["c"])
