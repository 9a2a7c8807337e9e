"""Ctrl-C: asked once, raised at the second, handlers put back."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading

import numpy as np
import pytest

from ganaug import SeriesGAN
from ganaug.exceptions import TrainingWarning
from ganaug.runtime.interrupts import InsistentInterrupt, main_thread_interrupts


def press():
    os.kill(os.getpid(), signal.SIGINT)
    # a handler runs between two bytecodes of the main thread: give it one
    for _ in range(100):
        pass


@pytest.fixture(autouse=True)
def default_handler():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_the_first_asks_and_the_second_raises():
    reached = False
    with pytest.raises(KeyboardInterrupt), main_thread_interrupts() as interrupt:
        assert not interrupt.requested
        press()
        assert interrupt.requested
        reached = True
        press()
        reached = False
    assert reached
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_outside_the_block_all_is_as_before():
    with main_thread_interrupts():
        pass
    with pytest.raises(KeyboardInterrupt):
        press()


def test_the_handler_comes_back_after_an_error():
    with pytest.raises(ZeroDivisionError), main_thread_interrupts():
        1 / 0  # noqa: B018
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_each_block_starts_afresh():
    with main_thread_interrupts() as first:
        press()
    with main_thread_interrupts() as second:
        assert first.requested and not second.requested


def test_nested_blocks_share_the_request():
    with main_thread_interrupts() as outer:
        with main_thread_interrupts() as inner:
            press()
        assert inner is outer and outer.requested
        # the inner block's end did not end the outer one's
        with pytest.raises(KeyboardInterrupt):
            press()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize(("with_file", "ends_at"), [(False, 21), (True, 33)])
def test_a_training_ends_at_the_next_step_and_not_at_the_next_logged_one(tmp_path, with_file, ends_at):
    # with a checkpoint at the next step of which it can be written, so that nothing of the training is lost
    def watch(event):
        if event.step == 20:
            press()

    X = np.random.default_rng(0).normal(size=(40, 1, 8))
    path = tmp_path / "training" if with_file else None
    gan = SeriesGAN(channels=4, batch_size=8, max_steps=1200, checkpoint=path, callbacks=[watch], random_state=0)
    with pytest.warns(TrainingWarning, match=f"interrupted at step {ends_at}"):
        gan.fit(X)
    assert gan.n_steps_ == ends_at and gan.stop_reason_ == "interrupted"
    assert path is None or path.exists()


def in_thread(function):
    seen = []
    thread = threading.Thread(target=lambda: seen.append(function()))
    thread.start()
    thread.join()
    return seen[0]


def block():
    with main_thread_interrupts() as interrupt:
        return interrupt


def test_another_thread_alone_is_never_asked():
    interrupt = in_thread(block)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with pytest.raises(KeyboardInterrupt):
        press()
    assert not interrupt.requested


def test_a_thread_within_the_block_shares_the_request():
    with main_thread_interrupts() as outer:
        inner = in_thread(block)
        press()
        assert inner is outer and inner.requested


def test_a_foreign_handler_is_left_alone():
    calls = []

    def handler(signum, frame):
        calls.append(signum)

    signal.signal(signal.SIGINT, handler)
    with main_thread_interrupts() as interrupt:
        press()
        press()
    assert calls == [signal.SIGINT] * 2
    assert not interrupt.requested
    assert signal.getsignal(signal.SIGINT) is handler


def test_an_ignored_signal_stays_ignored():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with main_thread_interrupts() as interrupt:
        press()
    assert not interrupt.requested
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_a_handler_installed_within_the_block_stays():
    def handler(signum, frame):
        pass

    with main_thread_interrupts():
        signal.signal(signal.SIGINT, handler)
    assert signal.getsignal(signal.SIGINT) is handler


class Swallower:
    """Its destructor is where the signal strikes: Python drops what is raised there."""

    def __del__(self):
        press()


def test_what_python_drops_is_raised_when_somebody_asks(monkeypatch):
    lost = []
    monkeypatch.setattr(sys, "unraisablehook", lost.append)
    signal.signal(signal.SIGINT, InsistentInterrupt({signal.SIGINT: KeyboardInterrupt}))
    with main_thread_interrupts() as interrupt:
        assert not interrupt.requested
        Swallower()
        gc.collect()
        assert [one.exc_type for one in lost] == [KeyboardInterrupt]
        with pytest.raises(KeyboardInterrupt):
            interrupt.requested  # noqa: B018
        assert in_thread(lambda: interrupt.requested)  # which must not die of it


def test_an_insistent_one_raises_what_belongs_to_the_signal():
    interrupt = InsistentInterrupt({signal.SIGINT: KeyboardInterrupt, signal.SIGTERM: SystemExit})
    with pytest.raises(SystemExit):
        interrupt(signal.SIGTERM, None)
    with pytest.raises(SystemExit):
        interrupt.requested  # noqa: B018
