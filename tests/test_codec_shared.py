"""The table codec on real sets; skipped where the shared folder is missing."""

import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import cases

from ganaug.encoding import LabelCodec, TableCodec

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
if not (DATA / "load.py").is_file():
    pytest.skip("needs ../shared/data", allow_module_level=True)

sys.path.insert(0, str(DATA))
import load  # noqa: E402

sys.path.remove(str(DATA))


@cases("name", load.list_sets("tabular") + load.list_sets("gene"))
def test_set_comes_back(name):
    X, y = load.load_tabular(name)
    X, y = X.iloc[:1000, :600].reset_index(drop=True), y.iloc[:1000].reset_index(drop=True)
    codec = TableCodec().fit(X)
    Z = codec.encode(X)
    back, made = codec.decode(Z), codec.decode(np.random.default_rng(0).normal(size=(200, codec.width)) * 3)
    assert back.dtypes.equals(X.dtypes) and made.dtypes.equals(X.dtypes)
    assert back.columns.equals(X.columns) and back.isna().equals(X.isna())
    assert not made.loc[:, ~X.isna().any()].isna().any(axis=None)
    numbers = X.select_dtypes("number").columns
    others = X.columns.difference(numbers)
    assert back[others].equals(X[others])
    low, high = X[numbers].min(), X[numbers].max()
    span = (high.astype(float) - low.astype(float)).replace(0, 1)
    error = (back[numbers].astype(float) - X[numbers].astype(float)).abs() / span
    # values that few rows have are moved towards their neighbours: a model file holds no value of a single row
    assert ((error > 1 / 8).mean() <= 0.02).all()
    assert ((error > 1e-5).mean() <= 0.25).all()
    assert (made[numbers].min() >= low).all() and (made[numbers].max() <= high).all()
    labels = LabelCodec().fit(y)
    assert labels.decode(labels.encode(y)).equals(y)
