"""Many cases as one test: all run, each that fails is named, and none sees what another left."""

from __future__ import annotations

import inspect
import os
from pathlib import Path

import numpy as np
import pytest
from helpers import cases


def notes(error):
    return " ".join(error.__notes__)


def test_each_case_that_fails_is_named():
    seen = []

    @cases("a, b", [(1, 2), (3, 3), (5, 5)], ids=["one", "two", "three"])
    def test(a, b):
        seen.append(a)
        assert a != b

    with pytest.raises(BaseExceptionGroup, match="2 of 3 cases") as caught:
        test()
    assert seen == [1, 3, 5]
    assert [notes(error) for error in caught.value.exceptions] == ["in case 1: two", "in case 2: three"]


def test_one_failure_is_raised_as_it_is():
    @cases("a", [ValueError, KeyError, 2])
    @cases("b", "xy")
    def test(a, b):
        with pytest.raises((ValueError, KeyError)):
            if a == 2 and b == "y":
                return
            raise a if a != 2 else KeyError

    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE") as caught:
        test()
    assert notes(caught.value) == "in case 1: 'y' in case 2: 2"


def test_a_case_that_skips_fails():
    @cases("a", [1, 2], ids=str)
    def test(a):
        if a == 2:
            pytest.skip("no such thing")

    with pytest.raises(AssertionError, match="a case skips: no such thing"):
        test()


def test_a_table_without_cases_is_a_mistake():
    with pytest.raises(ValueError, match="0 cases"):
        cases("a", [])
    with pytest.raises(ValueError, match="2 cases and 1 names"):
        cases("a", [1, 2], ids=["one"])


@cases("number", range(2))
def test_a_case_has_its_own(number, here, tmp_path, monkeypatch, rng, capsys, tmp_path_factory):
    assert here == tmp_path == Path.cwd() and not list(here.iterdir())
    (here / "left").touch()
    assert "GANAUG_TEST" not in os.environ
    monkeypatch.setenv("GANAUG_TEST", "1")
    assert rng.random() == np.random.default_rng(0).random()
    assert capsys.readouterr().out == ""
    print("left")


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file"
    path.write_text("as it was")
    return path


@cases("number", range(2))
def test_a_file_of_a_fixture_is_as_it_was(number, file):
    assert file.read_text() == "as it was"
    file.write_text("changed") if number else file.unlink()


def test_pytest_sees_the_other_arguments():
    @cases("a", [1])
    def test(a, tmp_path): ...

    assert list(inspect.signature(test).parameters) == ["tmp_path"]
