"""Tables of thousands of numbers, whose generator sees factors."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import roc_auc_score

from ganaug.encoding import CompactTableCodec, TableCodec
from ganaug.encoding.compact import Factors
from ganaug.exceptions import InvalidDataError, ModelFileError


@pytest.fixture
def wide(rng):
    """80 rows of 700 columns that hang together by five factors, and one category."""
    loads = rng.normal(size=(5, 700))
    frame = pd.DataFrame(rng.normal(size=(80, 5)) @ loads + 0.5 * rng.normal(size=(80, 700)))
    frame.columns = [f"gene{j}" for j in range(700)]
    frame["tissue"] = pd.Categorical(rng.choice(["lung", "skin"], 80))
    return frame


def test_few_columns_are_encoded_as_ever(wide):
    narrow = wide.iloc[:, -20:]
    plain, codec = TableCodec().fit(narrow), CompactTableCodec().fit(narrow)
    assert codec.factors is None and codec.blocks == plain.blocks
    assert_array_equal(codec.encode(narrow), plain.encode(narrow))


def test_many_columns_become_factors(wide):
    codec = CompactTableCodec().fit(wide, seed=3)
    assert codec.factors.count == 10  # one for eight rows
    assert codec.width == 12 and [b.tag for b in codec.blocks] == ["scalar", "onehot"]
    encoded = codec.encode(wide)
    assert encoded.shape == (80, 12) and encoded.dtype == np.float32
    assert_allclose(encoded[:, :10].std(0, ddof=1), 1, rtol=1e-3)
    back = codec.decode(encoded)
    assert list(back.columns) == list(wide.columns) and (back.dtypes == wide.dtypes).all()
    assert_array_equal(back["tissue"], wide["tissue"])
    genes = wide.columns[:700]
    # the five factors come through, the columns keep their spread and their own noise
    assert np.mean([np.corrcoef(back[g], wide[g])[0, 1] for g in genes]) > 0.9
    assert_allclose(back[genes].std(), wide[genes].std(), rtol=0.5)
    assert ((back[genes] >= wide[genes].min()) & (back[genes] <= wide[genes].max())).all().all()
    assert back[genes].equals(codec.decode(encoded)[genes])


def test_components_against_the_singular_values(rng):
    z = rng.normal(size=(60, 300)).astype(np.float32)
    factors = Factors.fit(z, None, seed=0)
    centred = z - z.mean(0, dtype=np.float64)
    _, singular, directions = np.linalg.svd(centred, full_matrices=False)
    assert_allclose(factors.scale, singular[:7] / np.sqrt(59), rtol=1e-4)
    assert_allclose(np.abs((directions[:7] * factors.basis.T).sum(1)), 1, rtol=1e-4)
    assert_allclose(
        factors.encode(z),
        centred @ directions[:7].T / factors.scale * np.sign((directions[:7] * factors.basis.T).sum(1)),
        atol=1e-3,
    )


@pytest.mark.parametrize(("rare", "known"), [(5, True), (4, False)])
def test_what_tells_a_class_is_a_factor_unless_it_would_be_its_rows(rng, rare, known):
    """The class differs in a direction weaker than the common components."""
    y = np.repeat([0, 1], [60, rare])
    own = rng.normal(size=600) / 20
    z = (3 * rng.normal(size=(len(y), 12)) @ rng.normal(size=(12, 600)) + np.outer(60 * y, own)).astype(np.float32)
    found = Factors.fit(z, y, seed=0)
    gap = z[y == 1].mean(0) - z[y == 0].mean(0)
    assert np.isclose(np.linalg.norm(gap @ found.basis), np.linalg.norm(gap), rtol=1e-3) == known
    assert found.count == 8 + known
    assert_allclose(found.basis.T @ found.basis, np.eye(found.count), atol=1e-5)
    if not known:
        assert_array_equal(found.basis, Factors.fit(z, None, seed=0).basis)


def test_rows_can_hardly_be_told_from_unseen_ones_by_what_the_factors_hold(rng):
    z = (rng.normal(size=(120, 12)) @ rng.normal(size=(12, 600)) + 2 * rng.normal(size=(120, 600))).astype(np.float32)
    found = Factors.fit(z[:60], None, seed=0)
    centred = z - found.mean
    held = np.square(centred @ found.basis).sum(1) / np.square(centred).sum(1)
    assert roc_auc_score(np.repeat([1, 0], 60), held) < 0.9  # half as many as rows: 0.99


def test_noise_is_a_function_of_the_row_alone(wide):
    codec = CompactTableCodec().fit(wide, seed=3)
    encoded = codec.encode(wide)
    assert not codec.decode(encoded).equals(CompactTableCodec().fit(wide, seed=4).decode(encoded))
    shifted = encoded + np.float32(1e-3)
    assert not codec.decode(encoded).equals(codec.decode(shifted))


def test_state_there_and_back(wide):
    codec = CompactTableCodec().fit(wide, seed=3)
    config, arrays = codec.get_state()
    again = CompactTableCodec.from_state(json.loads(json.dumps(config)), arrays)
    encoded = codec.encode(wide)
    assert_array_equal(again.encode(wide), encoded)
    assert again.decode(encoded).equals(codec.decode(encoded))
    arrays["factors.basis"] = arrays["factors.basis"][:-1]
    with pytest.raises(ModelFileError, match="do not fit its columns"):
        CompactTableCodec.from_state(config, arrays)


def test_an_array_of_the_wrong_width(wide):
    codec = CompactTableCodec().fit(wide, seed=3)
    with pytest.raises(InvalidDataError, match=r"give \(n, 12\)"):
        codec.decode(np.zeros((2, 13)))


# ------------------------------------------------------------------------------------------ joints


@pytest.fixture
def told_twice(rng):
    """A value that is there where a flag says so, a code with its name, and a free category."""
    n = 200
    measured = rng.random(n) < 0.9
    code = rng.integers(0, 4, n)
    return pd.DataFrame(
        {
            "measured": np.where(measured, "t", "f"),
            "value": np.where(measured, rng.normal(size=n), np.nan),
            "free": rng.choice(["x", "y", "z"], n),
            "code": pd.Categorical(code),
            "name": np.array(["north", "east", "south", "west"])[code],
        }
    )


def test_what_determines_one_another_is_one_group(told_twice, rng):
    codec = CompactTableCodec().fit(told_twice)
    assert sorted(group.members for group in codec.categories.merged if len(group.members) > 1) == [(0, 1), (3, 4)]
    assert codec.width == 1 + 2 + 3 + 4 and codec.table.width == 1 + 2 + 2 + 3 + 4 + 4
    back = codec.decode(codec.encode(told_twice))
    pd.testing.assert_frame_equal(back.drop(columns="value"), told_twice.drop(columns="value"))
    assert (back["value"].isna() == told_twice["value"].isna()).all()
    assert (np.abs(back["value"] - told_twice["value"]) > 1e-6).sum() <= 2  # the extremes
    garbage = codec.decode(rng.normal(size=(500, codec.width)))
    assert ((garbage["measured"] == "t") == garbage["value"].notna()).all()
    names = told_twice.drop_duplicates(["code", "name"]).set_index("code")["name"]
    assert (garbage["code"].map(names).astype(str) == garbage["name"]).all()


def test_an_unseen_combination_is_read_as_the_nearest(told_twice):
    codec = CompactTableCodec().fit(told_twice)
    odd = told_twice.head(3).assign(measured="f", value=1.0)
    back = codec.decode(codec.encode(odd))
    assert ((back["measured"] == "t") == back["value"].notna()).all()


def test_few_rows_join_nothing(told_twice):
    assert CompactTableCodec().fit(told_twice.head(40)).categories.trivial


def test_merged_categories_are_saved(told_twice):
    codec = CompactTableCodec().fit(told_twice)
    config, arrays = codec.get_state()
    config = json.loads(json.dumps(config))
    again = CompactTableCodec.from_state(config, arrays)
    assert again.blocks == codec.blocks
    assert_array_equal(again.encode(told_twice), codec.encode(told_twice))
    config["compact"]["joints"][0][0] = [0, 99]
    with pytest.raises(ModelFileError, match="joint groups do not fit"):
        CompactTableCodec.from_state(config, arrays)
