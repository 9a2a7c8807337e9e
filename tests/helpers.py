"""Small generators and data that several test files use."""

from __future__ import annotations

import copy
import functools
import inspect
import multiprocessing
import os
import signal
import sys
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
import torch
from joblib.externals.loky.backend import context as loky_context

from ganaug import ImageGAN, SeriesGAN, TabularGAN
from ganaug.estimators import convolutional, fitting, gan, modality, scoring, tabular
from ganaug.filtering import sample_filter
from ganaug.filtering.forest import ArrayForest

_CONVOLUTIONAL = {"channels": 2, "max_channels": 4, "latent_dim": 4, "random_state": 0, "verbose": False}


def tabular_gan(**parameters) -> TabularGAN:
    """Fast to train, and no good."""
    return TabularGAN(**{"max_steps": 10, "width": 16, "depth": 1, "random_state": 0, "verbose": False, **parameters})


def image_gan(**parameters) -> ImageGAN:
    """Fast to train, and no good."""
    return ImageGAN(**{**_CONVOLUTIONAL, "max_steps": 8, **parameters})


def series_gan(**parameters) -> SeriesGAN:
    """Fast to train, and no good."""
    return SeriesGAN(**{**_CONVOLUTIONAL, "max_steps": 8, "batch_size": 8, **parameters})


def checkpointed(path=None, kind=ImageGAN, **parameters):
    """A generator that keeps a checkpoint every 16 of its 36 steps."""
    steps = {"max_steps": 36, "batch_size": 16, "checkpoint": path, "checkpoint_every": 16}
    return kind(**{**_CONVOLUTIONAL, **steps, **parameters})


def random_images() -> tuple[np.ndarray, np.ndarray]:
    """60 images of 8 x 8 pixels in two classes, 40 and 20."""
    own = np.random.default_rng(0)
    return own.integers(0, 255, size=(60, 8, 8), dtype=np.uint8), np.repeat([0, 1], [40, 20])


def torch_rng(seed: int = 0, device: str = "cpu") -> torch.Generator:
    """torch's generator of this seed."""
    return torch.Generator(device).manual_seed(seed)


def numpy_rng(seed: int = 0) -> np.random.Generator:
    """numpy's generator of this seed."""
    return np.random.default_rng(seed)


def two_classes(n=400, rare=0.1, shift=1.0, seed=0, d=2):
    """Gaussian rows, and labels of which this share is rare and lies ``shift`` further along each column."""
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < rare).astype(int)
    return rng.normal(size=(n, d)) + shift * y[:, None], y


# ------------------------------------------------------------------------------------------ judges

# Trees, samples to learn and to measure by, candidates to fit what smooths and filters to: half of the time of a fit of
# few steps.
_SIZES = [
    (vars(fitting), "TREES", 8),
    (vars(convolutional), "MOST_MEASURED", 64),
    (vars(sample_filter), "BATCH", 16),
    (vars(gan), "CANDIDATES", 400),
    (vars(tabular), "CANDIDATES", 400),
    (vars(tabular), "ENOUGH_CANDIDATES", 400),
    (vars(modality), "MOST_LOOKED_AT", 100),
    (scoring.second_discriminator.__kwdefaults__, "samples", 512),
    (convolutional.ConvolutionalModality.scoring, "samples", 128),
    (convolutional.ConvolutionalModality.scoring, "steps", 8),
    (convolutional.ConvolutionalModality.scoring, "batch", 8),
    (ArrayForest.fit.__func__.__kwdefaults__, "n_trees", 8),
    (ArrayForest.distilled.__func__.__kwdefaults__, "n_trees", 8),
]
_WHOLE = [sizes[name] for sizes, name, _ in _SIZES]


def shrink(patch: pytest.MonkeyPatch, back: bool = False) -> None:
    """Make what judges a generator small, or give it ``back`` its sizes."""
    for (sizes, name, small), whole in zip(_SIZES, _WHOLE, strict=True):
        patch.setitem(sizes, name, whole if back else small)


def shrunk() -> bool:
    """Whether the judges are small now."""
    return all(sizes[name] == small for sizes, name, small in _SIZES)


# ------------------------------------------------------------------------------------------ processes

_FORKS = multiprocessing.get_context("forkserver")
# What takes seconds to import is imported once, in the process that all others are forked from.
_FORKS.set_forkserver_preload(["ganaug.oversampling", "ganaug.cli.main", "ganaug.cli.table_files"])
# Processes of joblib, too: what is sent to them is pickled as ever, but they need not import torch. A slow test in
# `test_determinism` has new interpreters, as users have them.
loky_context.set_start_method("forkserver", force=True)
DEFAULT_HANDLERS = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGHUP: signal.SIG_DFL,
}


def _in_a_process(stderr, handlers, small, function, given):
    os.setsid()
    if small:
        shrink(pytest.MonkeyPatch())
    os.dup2(os.open(stderr, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
    for number, handler in {**DEFAULT_HANDLERS, **handlers}.items():
        signal.signal(number, handler)
    function(*given)


@contextmanager
def process(stderr: Path, function: Callable, *given, handlers: Mapping = MappingProxyType({})):
    """Run a function of a test module in a process of its own, with the handlers of signals of a new one.

    What it writes to its standard error goes to a file. It begins in the current folder, and does not outlive the
    block. It takes a tenth of the time of a new interpreter that imports torch. Judges are as small as here.
    """
    child = _FORKS.Process(target=_in_a_process, args=(str(stderr), dict(handlers), shrunk(), function, given))
    child.start()
    try:
        yield child
    finally:
        child.kill()
        child.join(60)


def _executed(code, said, first):
    for name in [name for name in sys.modules if name.partition(".")[0] == "ganaug"]:
        del sys.modules[name]
    sys.path[:0] = first
    warnings.simplefilter("error")
    with open(said, "w", encoding="utf-8") as file, redirect_stdout(file):
        exec(code, {"__name__": "__main__"})


def printed_by(code: str, folder: Path, first: Collection[str] = ()) -> str:
    """What code prints in a process that has imported torch, pandas and scikit-learn, but nothing of ganaug.

    Warnings are errors there. Folders that come ``first`` are searched first for modules.
    """
    with process(folder / "code.err", _executed, code, folder / "code.out", list(first)) as own:
        own.join(120)
        assert own.exitcode == 0, (folder / "code.err").read_text(encoding="utf-8")
    return (folder / "code.out").read_text(encoding="utf-8")


# ------------------------------------------------------------------------------------------ many cases, one test


def _name_of(value: object) -> str:
    return getattr(value, "__name__", None) or repr(value)[:200]


def _skips(error: BaseException) -> bool:
    return isinstance(error, pytest.skip.Exception)


def _own(fixtures: dict[str, object], number: int, patch: pytest.MonkeyPatch) -> dict[str, object]:
    """What a case may write to or draw from, for itself alone; everything else is shared."""
    own = dict(fixtures)
    for name in own.keys() & {"tmp_path", "here"}:
        own[name] = Path(str(fixtures[name])) / f"case {number}"
        own[name].mkdir(exist_ok=True)
    if "here" in own:
        patch.chdir(own["here"])
    if "monkeypatch" in own:
        own["monkeypatch"] = patch
    for name in own.keys() & {"rng", "imbalanced"}:
        own[name] = copy.deepcopy(own[name])
    for name in ("capsys", "capfd"):
        if name in own:
            own[name].readouterr()
    return own


def cases(names: str | tuple[str, ...], values: Iterable, ids: Collection[str] | Callable | None = None):
    """Run a test for each of these values, as ``pytest.mark.parametrize`` does, but as one test.

    For many quick cases that see the same lines of code. All of them run, and each that fails is named; one that
    skips fails, as the others would be skipped with it. A case has ``tmp_path``, ``here``, ``monkeypatch``,
    ``rng`` and ``imbalanced`` of its own, and reads from ``capsys`` only what it wrote. It shares the other fixtures,
    and finds a file that one of them gives as it was.

    Parameters
    ----------
    names : str or tuple of str
        The arguments, separated by commas or as a tuple.
    values : iterable
        For each case the value of the argument, or a tuple of values if there are several arguments.
    ids : collection of str or callable, optional
        Names of the cases, or what names one by its values. Without them the arguments are shown.
    """
    names = tuple(name.strip() for name in names.split(",")) if isinstance(names, str) else tuple(names)
    rows = [tuple(value) if len(names) > 1 else (value,) for value in values]
    if ids is None or callable(ids):
        labels = [", ".join(map(ids or _name_of, row)) for row in rows]
    else:
        labels = list(ids)
    if not rows or len(labels) != len(rows):
        raise ValueError(f"{len(rows)} cases and {len(labels)} names of cases")

    def decorate(test):
        signature = inspect.signature(test)

        @functools.wraps(test)
        def all_cases(**fixtures):
            failures = []
            files = {path: path.read_bytes() for path in fixtures.values() if isinstance(path, Path) and path.is_file()}
            for number, (label, row) in enumerate(zip(labels, rows, strict=True)):
                for path, content in files.items():
                    path.write_bytes(content)
                with pytest.MonkeyPatch.context() as patch:
                    try:
                        test(**_own(fixtures, number, patch), **dict(zip(names, row, strict=True)))
                    except (Exception, pytest.fail.Exception, pytest.skip.Exception) as error:
                        error = AssertionError(f"a case skips: {error}") if _skips(error) else error
                        error.add_note(f"in case {number}: {label}")
                        failures.append(error)
            if len(failures) == 1:
                raise failures[0]
            if failures:
                raise BaseExceptionGroup(f"{len(failures)} of {len(rows)} cases", failures)

        kept = [parameter for name, parameter in signature.parameters.items() if name not in names]
        all_cases.__signature__ = signature.replace(parameters=kept)
        return all_cases

    return decorate
