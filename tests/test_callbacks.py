"""What watches a training: snapshots, ends of all kinds, the bar, the log."""

from __future__ import annotations

import dataclasses
import io
import math
import os
import pickle
import signal
import sys
import time
import types
from functools import partial

import numpy as np
import pytest
import torch
from helpers import cases, tabular_gan

from ganaug.callbacks import BestSnapshot, ProgressBar, TensorBoardLogger, stop_when_diverged
from ganaug.estimators import modality as modality_module
from ganaug.exceptions import MissingDependencyError, TrainingWarning
from ganaug.networks import TABULAR_ARCHITECTURES
from ganaug.objectives import OBJECTIVES
from ganaug.training.loop import Event
from ganaug.training.train_state import UNBOUNDED
from ganaug.utils.determinism import wants_progress

gan = partial(tabular_gan, max_steps=60)


@pytest.fixture
def data(imbalanced):
    return imbalanced


def sample_is_sound(fitted, X):
    rows, labels = fitted.sample(30)
    assert rows.shape == (30, X.shape[1]) and len(labels) == 30
    assert np.isfinite(rows).all()
    assert (rows >= X.min(0) - 1e-6).all() and (rows <= X.max(0) + 1e-6).all()


# ------------------------------------------------------------------------------------------ the best snapshot


def train_state(step, value):
    flat = torch.full((3,), float(value))
    return types.SimpleNamespace(step=step, average=None, average_flat=flat)


def event(step, value, looks=True, max_steps=100, record=None):
    return Event(step, max_steps, 0.0, {"step": step} if record is None else record, train_state(step, value), looks)


def measured(*qualities, diversity=1.0):
    """A measure that returns these qualities, one after the other."""
    source = iter(qualities)
    return lambda generator: {"quality": next(source), "diversity": diversity}


def test_the_best_look_is_remembered():
    best = BestSnapshot(measured(0.2, 0.9, 0.5))
    for step, value in ((10, 1), (20, 2), (30, 3)):
        seen = event(step, value)
        assert best(seen) is None
        assert seen.record["quality"] in (0.2, 0.9, 0.5)  # the history gets it
    assert (best.step, best.quality) == (20, 0.9) and best.weights.tolist() == [2, 2, 2]


def test_a_snapshot_is_a_copy():
    best, seen = BestSnapshot(measured(0.5)), event(1, 7)
    best(seen)
    seen.train_state.average_flat.zero_()
    assert best.weights.tolist() == [7, 7, 7]


def test_between_looks_nothing_is_measured():
    best = BestSnapshot(measured())
    assert best(event(5, 1, looks=False)) is None and best.weights is None


def test_nan_is_never_the_best():
    best = BestSnapshot(measured(0.1, math.nan))
    best(event(1, 1))
    best(event(2, 2))
    assert best.step == 1


def test_patience_counts_looks_without_improvement():
    best = BestSnapshot(measured(0.5, 0.4, 0.6, 0.3, 0.3), patience=2)
    assert [best(event(s, s)) for s in range(1, 6)] == [None, None, None, None, "no_improvement"]


def test_collapse_must_last_and_the_first_third_does_not_count():
    narrow = BestSnapshot(measured(*[0.5] * 20, diversity=0.1))
    said = [narrow(event(s, s, max_steps=90)) for s in range(10, 70, 10)]
    assert said == [None, None, None, "mode_collapse", "mode_collapse", "mode_collapse"]
    early = BestSnapshot(measured(*[0.5] * 20, diversity=0.1))
    assert not any(early(event(s, s, max_steps=300)) for s in range(10, 110, 10))
    wide = BestSnapshot(measured(*[0.5] * 20, diversity=0.9))
    assert not any(wide(event(s, s, max_steps=30)) for s in range(20))


def test_only_a_string_ends_a_training(data):
    # what a callback returns by the way, as the update of a tqdm bar returns True, is no reason
    for said, steps in ((True, 5), ({"loss": 1}, 5), (None, 5), ("enough", 1)):
        own = gan(max_steps=5, callbacks=[lambda event, said=said: said]).fit(*data)
        assert own.n_steps_ == steps and own.stop_reason_ == (said if steps == 1 else "max_steps")


@cases("bad", [math.nan, math.inf, -math.inf, 1e7, -1e7])
@cases("column", ["discriminator_loss", "fake_logit", "generator_gradient_norm"])
def test_divergence_is_a_number_out_of_bounds(column, bad):
    assert stop_when_diverged(event(1, 1, record={"step": 1, column: bad})) == "diverged"


def test_no_divergence_in_ordinary_numbers_or_other_columns():
    record = {"step": 10**8, "discriminator_loss": 100.0, "mine": math.nan, "quality": -math.inf}
    assert stop_when_diverged(event(1, 1, record=record)) is None


# ------------------------------------------------------------------------------------------ ends of a fit


def test_max_steps(data):
    fitted = gan().fit(*data)
    history = fitted.history_
    assert fitted.n_steps_ == 60 and fitted.stop_reason_ == "max_steps" and history["step"].iloc[-1] == 60
    looks = history.dropna(subset="quality")
    assert len(looks) == 20 and looks["step"].iloc[-1] == 60
    # the snapshot that was kept is the best row
    assert fitted.quality_ == looks["quality"].max()
    assert fitted.best_step_ == looks["step"][looks["quality"] == fitted.quality_].iloc[-1]


def test_the_generator_that_samples_is_the_best_one(data):
    weights = {}

    def keep(event):
        weights[event.step] = event.train_state.average_flat.clone()

    fitted = gan(callbacks=[keep], learning_rate=0.02).fit(*data)
    generator = fitted._networks(torch.device("cpu"))["generator"]
    kept = torch.cat([p.reshape(-1) for p in generator.parameters()])
    assert torch.equal(kept, weights[fitted.best_step_])
    assert not torch.equal(weights[10], weights[60])


def test_patience_ends_a_fit(data, monkeypatch):
    monkeypatch.setattr(modality_module, "snapshot_measure", lambda *a, **k: measured(0.5, 0.5, *[0.1] * 50))
    fitted = gan(patience=3).fit(*data)
    assert fitted.stop_reason_ == "no_improvement" and fitted.n_steps_ == 9  # a look every 3 steps
    assert fitted.best_step_ == 0 and fitted.quality_ == 0.0  # it is the untrained one


@pytest.mark.parametrize("limit", ["0.4s", 0.4])
def test_max_time(data, limit):
    began = time.perf_counter()
    fitted = gan(max_steps=10**6, max_time=limit).fit(*data)  # without a warning: this end was asked for
    seconds = time.perf_counter() - began
    assert fitted.stop_reason_ == "max_time" and 0.4 <= seconds < 10
    assert 1 <= fitted.n_steps_ < 10**6 and fitted.history_["step"].tolist() == [fitted.n_steps_]
    assert math.isfinite(fitted.quality_)  # looked at where it ended
    sample_is_sound(fitted, data[0])


def test_divergence_is_named_and_the_last_sound_generator_kept(data):
    X, y = data
    with pytest.warns(
        TrainingWarning, match=r"diverged at step \d+; the generator of step \d+ was kept.*learning_rate"
    ):
        fitted = gan(learning_rate=1e6).fit(X, y)
    assert fitted.stop_reason_ == "diverged" and fitted.best_step_ < fitted.n_steps_ < 60
    sample_is_sound(fitted, X)


def test_divergence_after_good_looks_keeps_the_best_of_them(data, monkeypatch):
    real = OBJECTIVES["relativistic"]

    class Spoiled:
        calls = 0

        def __call__(self, *logits):
            self.calls += 1
            return real.discriminator(*logits) * (1.0 if self.calls <= 31 else math.nan)

    monkeypatch.setitem(OBJECTIVES, "relativistic", dataclasses.replace(real, discriminator=Spoiled()))
    # two of the calls are those that try a loss before the training
    with pytest.warns(TrainingWarning, match="diverged at step 30") as caught:
        fitted = gan().fit(*data)
    assert 0 < fitted.best_step_ <= 30
    assert f"of step {fitted.best_step_} was kept" in str(caught[0].message)
    sample_is_sound(fitted, data[0])


def test_mode_collapse_is_seen_and_named(data, monkeypatch):
    """A generator that hardly looks at its noise."""

    def deaf(*args, **kw):
        pair = TABULAR_ARCHITECTURES["mlp"](*args, **kw)
        forward = pair.generator.forward
        pair.generator.forward = lambda z, labels, rng: forward(z * 0.01, labels, rng)
        return pair

    monkeypatch.setitem(TABULAR_ARCHITECTURES, "deaf", deaf)
    with pytest.warns(
        TrainingWarning, match=r"collapsed to a few modes \(diversity 0\.\d\d, .*; the one of step \d+ was kept"
    ):
        fitted = gan(architecture="deaf", learning_rate=1e-4).fit(*data)
    assert fitted.stop_reason_ == "mode_collapse" and 20 < fitted.n_steps_ < 60
    assert fitted.history_["diversity"].dropna().max() < 0.35


def press_at(*steps):
    """A callback that presses Ctrl-C."""

    def press(event):
        if event.step in steps:
            os.kill(os.getpid(), signal.SIGINT)
            for _ in range(100):  # a handler runs between two bytecodes
                pass

    return press


@pytest.fixture
def default_handler():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.signal(signal.SIGINT, before) is signal.default_int_handler  # put back by fit


@pytest.mark.usefixtures("default_handler")
@pytest.mark.parametrize("step", [1, 7, 30])
def test_ctrl_c_ends_it_and_keeps_the_best(data, step):
    with pytest.warns(TrainingWarning, match=rf"interrupted at step {step + 1}; .*best generator so far, that of step"):
        fitted = gan(callbacks=[press_at(step)]).fit(*data)
    assert fitted.stop_reason_ == "interrupted" and fitted.n_steps_ == step + 1  # the very next look at the flag
    # also where it ended between two looks, what it had by then was looked at
    looks = fitted.history_.dropna(subset="quality")
    assert looks["step"].iloc[-1] == fitted.n_steps_
    assert fitted.quality_ >= looks["quality"].max() and fitted.best_step_ in (0, *looks["step"])
    sample_is_sound(fitted, data[0])


@pytest.mark.usefixtures("default_handler")
def test_a_second_ctrl_c_raises(data):
    def twice(event):
        press_at(event.step)(event)
        press_at(event.step)(event)

    with pytest.raises(KeyboardInterrupt):
        gan(callbacks=[twice]).fit(*data)


def test_user_callbacks_are_called_and_may_end_it(data):
    seen = []

    def watch(event):
        seen.append((event.step, event.max_steps, event.looks, "quality" in event.record))
        return "good enough" if event.step == 8 else None

    fitted = gan(callbacks=[watch]).fit(*data)
    assert fitted.stop_reason_ == "good enough" and fitted.n_steps_ == 8
    assert [s for s, *_ in seen] == list(range(1, 9)) and {m for _, m, *_ in seen} == {60}
    assert all(looks == quality for *_, looks, quality in seen)


def test_an_error_in_a_callback_is_the_callers(data):
    def fails(event):
        raise ZeroDivisionError("mine")

    unfitted = gan(callbacks=[fails])
    with pytest.raises(ZeroDivisionError, match="mine"):
        unfitted.fit(*data)
    assert not hasattr(unfitted, "weights_")


# ------------------------------------------------------------------------------------------ the bar and the log


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_bar_shows_on_a_terminal_and_not_elsewhere(data, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    gan(verbose="auto").fit(*data)
    shown = terminal.getvalue()
    assert "TabularGAN" in shown and "60/60" in shown and "quality=" in shown and shown.endswith("\n")
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    gan(verbose="auto").fit(*data)
    assert sys.stderr.getvalue() == ""


def test_verbose_says_always_or_never(data, monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert wants_progress("auto") and wants_progress(1) and not wants_progress(False) and not wants_progress(0)
    gan(verbose=False).fit(*data)
    assert sys.stderr.getvalue() == ""
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert not wants_progress("auto") and wants_progress(True)
    monkeypatch.setitem(sys.modules, "ipykernel", types.ModuleType("ipykernel"))
    assert wants_progress("auto")


def test_a_bar_that_never_showed_can_be_closed():
    ProgressBar("x").close()


def test_a_bar_foretells_no_end_where_only_the_clock_ends_the_training(monkeypatch):
    said = []
    monkeypatch.setattr(
        "tqdm.auto.tqdm", lambda total, **_: said.append(total) or types.SimpleNamespace(n=0, update=id)
    )
    for most in (UNBOUNDED, 20):
        ProgressBar("x")(types.SimpleNamespace(step=1, max_steps=most, record={}))
    assert said == [None, 20]


def test_tensorboard_gets_the_history(data, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    logger = TensorBoardLogger(tmp_path / "run")
    fitted = gan(callbacks=[logger]).fit(*data)
    read = EventAccumulator(str(tmp_path / "run"))
    read.Reload()
    assert set(read.Tags()["scalars"]) == set(fitted.history_.columns) - {"step"}
    for name in ("generator_loss", "quality"):
        expected = fitted.history_[["step", name]].dropna()
        scalars = read.Scalars(name)
        assert [s.step for s in scalars] == expected["step"].tolist()
        np.testing.assert_allclose([s.value for s in scalars], expected[name], rtol=1e-5)
    # an open file does not travel to a worker
    assert pickle.loads(pickle.dumps(logger))._writer is None


def test_without_tensorboard_the_log_says_what_to_install(data, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'ganaug\[tensorboard\]'"):
        gan(callbacks=[TensorBoardLogger(tmp_path)]).fit(*data)
