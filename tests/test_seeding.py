"""Seeds: what they are made of, what they do not depend on, what they leave alone."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import cases

from ganaug.exceptions import GanaugError, InvalidParameterError
from ganaug.utils.determinism import child_seed, numpy_generator, root_seed

# child_seed(0, "class", 1), for ever
CHILD = 5179277315480936846
PARENTS = [0, 1, 2, 2**32, 2**32 + 1, 2**63 - 1]


@cases("seed", [0, 7, 2**63 - 1, np.int64(5), np.uint32(3)])
def test_an_integer_is_its_own_seed(seed):
    assert root_seed(seed) == int(seed) and type(root_seed(seed)) is int


@pytest.mark.parametrize("make", [np.random.RandomState, np.random.default_rng])
def test_a_generator_is_drawn_from_once(make):
    state, twin = make(3), make(3)
    first, second = root_seed(state), root_seed(state)
    assert first != second
    assert [first, second] == [root_seed(twin), root_seed(twin)]
    assert all(0 <= s < 2**63 for s in (first, second))


def test_none_is_fresh_entropy_and_leaves_numpy_alone(global_state):
    assert len({root_seed(None) for _ in range(20)}) == 20
    global_state.assert_unchanged()


@cases("bad", [-1, 2**63, True, False, 1.0, "0", np.random, [1], np.float64(2)])
def test_what_is_no_seed_is_named(bad):
    with pytest.raises(InvalidParameterError, match="random_state=.* is not a seed; give a non-negative integer"):
        root_seed(bad)


def test_the_error_is_a_value_error_too():
    with pytest.raises(ValueError, match="is not a seed") as caught:
        root_seed(-3)
    assert isinstance(caught.value, GanaugError)


def test_a_child_is_a_function_of_its_parent_and_name():
    # These very numbers: a saved model goes on with its stream in a later version.
    assert child_seed(0, "class", 1) == child_seed(0, "class", 1) == CHILD
    assert all(0 <= child_seed(s, "x") < 2**63 for s in PARENTS)


def test_names_do_not_collide():
    keys = [
        *[("class", i) for i in range(200)],
        *[("class", -i) for i in range(1, 50)],
        *[("sample", i) for i in range(200)],
        *[(i,) for i in range(200)],
        *[(str(i),) for i in range(200)],
        ("ab", "c"), ("a", "bc"), ("abc",), ("a", "b", "c"), (), (0, 0), (0, 0, 0),
        ("class", "1"), ("é",), ("e",), (2**62,), (-(2**63),),
    ]  # fmt: skip
    seeds = {child_seed(parent, *key) for parent in PARENTS for key in keys}
    assert len(seeds) == len(keys) * len(PARENTS)


def test_children_of_neighbours_are_independent():
    """Each bit of a child's seed is even odds, and neighbours share half of them."""
    seeds = np.array([child_seed(0, "class", i) for i in range(500)], dtype=np.uint64)
    bits = (seeds[:, None] >> np.arange(63, dtype=np.uint64)) & np.uint64(1)
    assert abs(bits.mean(0) - 0.5).max() < 0.12
    assert abs((bits[1:] ^ bits[:-1]).mean() - 0.5) < 0.02


def test_streams_of_children_are_uncorrelated():
    draws = np.stack([numpy_generator(0, "child", i).standard_normal(2000) for i in range(8)])
    correlation = np.corrcoef(draws) - np.eye(8)
    assert np.abs(correlation).max() < 0.1


def test_a_numpy_generator_is_private_and_repeats(global_state):
    assert numpy_generator(5, "a").random() == numpy_generator(5, "a").random()
    assert numpy_generator(5, "a").random() != numpy_generator(5, "b").random()
    global_state.assert_unchanged()
