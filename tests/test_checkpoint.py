"""A training that is killed goes on to the same result, bit for bit; another training is refused its file."""

from __future__ import annotations

import os
from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from helpers import cases, process
from helpers import checkpointed as gan
from helpers import random_images as images

from ganaug import GANOversampler, ImageGAN, SeriesGAN
from ganaug.exceptions import InvalidParameterError, InvalidTypeError, ModelFileError, ModelPathError
from ganaug.utils.state import read_state


class Killed(Exception):
    pass


def killer(step):
    def kill(event):
        if event.step == step:
            raise Killed

    return kill


class Result(NamedTuple):
    """What a training leaves: all of it, and the first samples."""

    weights: dict
    history: pd.DataFrame
    numbers: tuple
    samples: np.ndarray


def result(own):
    return Result(own.weights_, own.history_, (own.best_step_, own.quality_, own.n_steps_), own.sample(9)[0])


@cache
def straight():
    """The result of a training that nothing interrupted."""
    return result(gan().fit(*images()))


def series():
    X, y = images()
    return X.reshape(60, 2, 32).astype(np.float32), y


def assert_same(own, expected):
    found = result(own)
    assert found.weights.keys() == expected.weights.keys()
    assert all(np.array_equal(found.weights[k], expected.weights[k]) for k in found.weights)
    pd.testing.assert_frame_equal(found.history, expected.history, check_exact=True)
    assert found.numbers == expected.numbers
    assert np.array_equal(found.samples, expected.samples)


@pytest.mark.parametrize(
    ("kind", "data", "parameters"),
    [
        (ImageGAN, images, {}),
        (ImageGAN, images, {"objective": "wasserstein", "architecture": "dcgan", "conditioning": "auxiliary"}),
        (ImageGAN, images, {"architecture": "style", "curate": False}),
        (SeriesGAN, series, {}),
    ],
)
def test_killed_twice_and_gone_on_with(tmp_path, kind, data, parameters):
    path = tmp_path / "run.ckpt"
    for step in (20, 34):
        with pytest.raises(Killed):
            gan(path, kind, callbacks=[killer(step)], **parameters).fit(*data())
        assert read_state(path).config["step"] == {20: 16, 34: 32}[step]
    resumed = gan(path, kind, **parameters).fit(*data())
    if parameters or kind is SeriesGAN:
        assert_same(resumed, result(gan(kind=kind, **parameters).fit(*data())))
    else:
        assert_same(resumed, straight())
    assert not path.exists() and list(tmp_path.iterdir()) == []


def test_keeping_a_checkpoint_changes_nothing(tmp_path):
    assert_same(gan(tmp_path / "c", max_steps=20).fit(*images()), result(gan(max_steps=20).fit(*images())))


def train_and_end(path):
    gan(path, callbacks=[lambda event: os._exit(9) if event.step == 34 else None]).fit(*images())


def test_a_process_that_is_killed(tmp_path):
    """Not an exception, which unwinds: the end of the process in the middle of a step."""
    path = tmp_path / "run.ckpt"
    with process(tmp_path / "said", train_and_end, path) as own:
        own.join(300)
    assert own.exitcode == 9 and path.exists()
    assert_same(gan(path).fit(*images()), straight())


def test_a_seed_that_was_not_given_is_kept(tmp_path):
    """Without random_state the second run takes the first one's seed."""
    path = tmp_path / "c"
    with pytest.raises(Killed):
        gan(path, random_state=None, callbacks=[killer(20)]).fit(*images())
    seed = read_state(path).config["seed"]
    own = gan(path, random_state=None).fit(*images())
    assert own._seed == seed


def test_a_seed_that_no_sampler_was_given_is_kept(tmp_path):
    """So it is where `GANOversampler` trains, and neither it nor its generator has a random_state."""
    path, (X, y) = tmp_path / "c", images()
    with pytest.raises(Killed):
        GANOversampler(generator=gan(path, random_state=None, callbacks=[killer(20)])).fit(X, y)
    seed = read_state(path).config["seed"]
    assert GANOversampler(generator=gan(path, random_state=None)).fit(X, y).generators_[1]._seed == seed
    assert not path.exists()


@pytest.fixture(scope="module")
def what_is_left(tmp_path_factory):
    path = tmp_path_factory.mktemp("left") / "left"
    with pytest.raises(Killed):
        gan(path, callbacks=[killer(20)]).fit(*images())
    return path.read_bytes()


@pytest.fixture
def left(what_is_left, tmp_path):
    path = tmp_path / "left"
    path.write_bytes(what_is_left)
    return path


@cases(
    ("change", "words"),
    [
        ({"learning_rate": 0.1}, r"learning_rate=0\.002 \(now 0\.1\)"),
        ({"random_state": 1}, r"random_state=0 \(now 1\)"),
        ({"max_steps": 60}, r"max_steps=36 \(now 60\)"),
        ({"channels": 3}, r"channels=2 \(now 3\)"),
    ],
)
def test_other_settings_are_refused_the_file(left, change, words):
    before = left.read_bytes()
    with pytest.raises(InvalidParameterError, match=words):
        gan(left, **change).fit(*images())
    assert left.read_bytes() == before


def test_other_data_is_refused_the_file(left):
    X, y = images()
    with pytest.raises(InvalidParameterError, match="other data; to go on"):
        gan(left).fit(X[::-1], y)
    with pytest.raises(InvalidParameterError, match="other data; to go on"):
        gan(left).fit(X, y[::-1])


def test_what_does_not_matter_may_change(left):
    own = gan(left, verbose=False, callbacks=[lambda event: None], checkpoint_every="9s").fit(*images())
    assert own.n_steps_ == 36


def test_a_broken_or_foreign_file_is_refused(left, tmp_path):
    data = left.read_bytes()
    left.write_bytes(data[: len(data) // 2])
    with pytest.raises(ModelFileError):
        gan(left).fit(*images())
    gan(max_steps=1).fit(*images()).save(left)
    with pytest.raises(ModelFileError, match="holds a 'ImageGAN'"):
        gan(left).fit(*images())
    with pytest.raises(ModelPathError):
        gan(tmp_path).fit(*images())


def test_no_training_data_in_the_file(left):
    X, _ = images()
    text = left.read_bytes()
    assert not any(x.tobytes() in text or (x / 255).astype(np.float32).tobytes() in text for x in X)


def test_interrupted_is_not_finished(tmp_path):
    """After Ctrl-C the best so far is kept, and the file too."""
    path = tmp_path / "c"
    import signal

    def press(event):
        if event.step == 20:
            signal.raise_signal(signal.SIGINT)

    with pytest.warns(UserWarning, match="interrupted at step"):
        own = gan(path, callbacks=[press]).fit(*images())
    assert own.stop_reason_ == "interrupted" and path.exists()
    assert_same(gan(path).fit(*images()), straight())


def test_what_is_no_path_is_told_by_the_name_of_the_parameter():
    with pytest.raises(InvalidTypeError, match="checkpoint=5 is a int; give the name of a file"):
        gan(5).fit(*images())


def test_each_class_has_a_file_of_its_own(tmp_path):
    X, y = images()
    y = np.where(np.arange(60) % 3 == 0, 2, y)
    seen = []

    def watch(event):
        seen.append(sorted(p.name for p in tmp_path.iterdir()))

    own = gan(tmp_path / "run.ckpt", scope="per-class", max_steps=18, callbacks=[watch], checkpoint_every=16)
    GANOversampler(generator=own, random_state=0).fit(X, y)
    assert {name for names in seen for name in names} == {"run.class-1.ckpt", "run.class-2.ckpt"}
    assert list(tmp_path.iterdir()) == []


def test_a_training_that_goes_on_from_an_earlier_fit(tmp_path):
    path = tmp_path / "c"
    X, y = images()

    def twice(where, *callbacks):
        own = gan(max_steps=4).fit(X, y)
        return own.set_params(warm_start=True, checkpoint=where, max_steps=20, callbacks=list(callbacks)).fit(X, y)

    with pytest.raises(Killed):
        twice(path, killer(22))
    assert read_state(path).config["step"] == 20
    assert_same(twice(path), result(twice(None)))
