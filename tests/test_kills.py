"""Processes that are killed leave old or new files, and a training goes on from where it was."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from helpers import cases, process
from helpers import checkpointed as gan
from helpers import random_images as images

from ganaug.exceptions import ModelFileError, ModelPathError, ModelPathNotFoundError, TrainingWarning
from ganaug.runtime.interrupts import deferred_endings
from ganaug.utils.state import read_state, write_state

BENCHMARKS = Path(__file__).resolve().parents[1] / "examples" / "benchmarks"


def at(step, act):
    def callback(event):
        if event.step == step:
            act()

    return callback


@cache
def straight():
    """The same training, never interrupted."""
    return gan().fit(*images())


def same(one, other=None):
    """Whether a training gave the same generator as another, or as one that nothing happened to."""
    other = other or straight()
    return all(np.array_equal(one.weights_[k], other.weights_[k]) for k in one.weights_)


def train_and_end(path, number):
    end = at(20, lambda: os.kill(os.getpid(), number))
    gan(path, checkpoint_every=10**6, callbacks=[end]).fit(*images())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_the_checkpoint_is_written_before_a_process_ends(tmp_path, number):
    path = tmp_path / "run.checkpoint"
    with process(tmp_path / "said", train_and_end, path, number) as own:
        own.join(300)
    said = tmp_path / "said"
    assert own.exitcode == -number, said.read_text()
    assert read_state(path).config["step"] == 32
    assert same(gan(path).fit(*images()))
    assert list(tmp_path.iterdir()) == [said]


def run_in(folder, code):
    os.chdir(folder)
    exec(code, {})


class Forked:
    """What the campaign asks of a `subprocess.Popen`, of a process that need not import torch."""

    def __init__(self, own, said):
        self.own, self.said = own, said

    returncode = property(lambda self: self.own.exitcode)

    def poll(self):
        return self.own.exitcode

    def send_signal(self, number):
        os.kill(self.own.pid, number)

    def communicate(self, timeout=None):
        self.own.join(timeout)
        return None, self.said.read_bytes()


def test_a_kill_campaign(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import kills  # what it imports is not wanted in the processes of other tests

    with ExitStack() as stack:

        def start(run, folder):
            said = tmp_path / "said"
            return Forked(stack.enter_context(process(said, run_in, folder, kills.SAVE)), said)

        monkeypatch.setattr(kills, "start", start)
        counts, wrong = kills.campaign("save", 2, 0)
    assert sum(counts.values()) == 2 and not wrong


def test_signals_that_somebody_handles_are_left_alone():
    got = []
    before = signal.signal(signal.SIGTERM, lambda *a: got.append(a))
    try:
        with deferred_endings() as ending:
            signal.raise_signal(signal.SIGTERM)
        assert len(got) == 1 and not ending.requested
    finally:
        signal.signal(signal.SIGTERM, before)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with deferred_endings() as ending:
            signal.raise_signal(signal.SIGHUP)
        assert not ending.requested and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


# -------------------------------------------------------------------------- checkpoints that cannot be


@pytest.mark.parametrize("path", ["no/such/folder/run", "file/run"])
def test_an_impossible_path_is_told_before_the_training(tmp_path, path):
    (tmp_path / "file").write_text("")
    told = []
    with pytest.raises(ModelPathNotFoundError, match="create it first"):
        gan(tmp_path / path, callbacks=[told.append]).fit(*images())
    with pytest.raises(ModelPathNotFoundError, match="create it first"):
        gan(tmp_path / path).prepare(*images())
    assert not told


def test_the_advice_about_a_folder_helps(tmp_path):
    (tmp_path / "new").mkdir()
    assert gan(tmp_path / "new" / "run", max_steps=2).fit(*images()).n_steps_ == 2


def test_a_write_that_fails_warns_once_and_the_training_goes_on(tmp_path):
    folder = tmp_path / "gone"
    folder.mkdir()

    def remove():
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()

    with pytest.warns(TrainingWarning, match="checkpoint was not written at step 32.*training goes on") as caught:
        own = gan(folder / "run", callbacks=[at(20, remove)]).fit(*images())
    assert len(caught) == 1
    assert same(own)


def test_a_full_disk_warns_once_and_the_training_goes_on(tmp_path, monkeypatch):
    def full(*given):
        raise ModelPathError(28, "could not save: No space left on device")

    monkeypatch.setattr("ganaug.callbacks.write_state", full)
    with pytest.warns(TrainingWarning, match="No space left on device.*goes on") as caught:
        own = gan(tmp_path / "run").fit(*images())
    assert len(caught) == 1 and same(own)


class Killed(Exception):
    pass


@pytest.fixture(scope="module")
def what_is_left(tmp_path_factory):
    def kill():
        raise Killed

    path = tmp_path_factory.mktemp("left") / "left"
    with pytest.raises(Killed):
        gan(path, callbacks=[at(34, kill)]).fit(*images())
    return path.read_bytes()


def changed(path, change):
    state = read_state(path)
    config, arrays = dict(state.config), dict(state.arrays)
    change(config, arrays)
    write_state(path, state.kind, config, arrays)


@cases(
    "change",
    [
        lambda config, arrays: config.pop("design"),
        lambda config, arrays: config.update(design={"channels": 3}),
        lambda config, arrays: config.update(design={**config["design"], "channels": 10**6}),
        lambda config, arrays: config.update(design={**config["design"], "latent_dim": 10**9}),
        lambda config, arrays: config.update(step="32"),
        lambda config, arrays: config.update(first=99),
        lambda config, arrays: config.update(best=[]),
        lambda config, arrays: config.update(adam={"generator": 1}),
        lambda config, arrays: config.update(columns=["step", "nothing"]),
        lambda config, arrays: config.update(settings=None),
        lambda config, arrays: arrays.pop("rng"),
        lambda config, arrays: arrays.update(rng=np.zeros(3, np.uint8)),
        lambda config, arrays: arrays.update({"game.average": np.zeros(3, np.float32)}),
        lambda config, arrays: arrays.update({"game.average": arrays["game.average"].astype(np.float64)}),
        lambda config, arrays: arrays.update({"best.measured": np.zeros(3)}),
        lambda config, arrays: arrays.update(seconds=np.array(["x"]).view(np.uint8)),
    ],
)
def test_an_altered_checkpoint_is_refused_in_one_line_and_left_as_it_is(what_is_left, tmp_path, change):
    left = tmp_path / "left"
    left.write_bytes(what_is_left)
    changed(left, change)
    before = left.read_bytes()
    with pytest.raises(ModelFileError, match="remove it, and the training starts from the beginning") as caught:
        gan(left).fit(*images())
    assert "\n" not in str(caught.value) and left.read_bytes() == before


def test_a_training_whose_altered_checkpoint_was_removed_starts_from_the_beginning(what_is_left, tmp_path):
    """As the error advises."""
    left = tmp_path / "left"
    left.write_bytes(what_is_left)
    changed(left, lambda config, arrays: config.pop("design"))
    with pytest.raises(ModelFileError, match="remove it"):
        gan(left, max_steps=2).fit(*images())
    left.unlink()
    assert gan(left, max_steps=2).fit(*images()).n_steps_ == 2
