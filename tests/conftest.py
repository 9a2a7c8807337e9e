"""What several test files share."""

from __future__ import annotations

import os

if "PYTEST_XDIST_WORKER" in os.environ:
    # The processors are shared out already: threads of each worker would only wait for one another's. It is read when
    # numpy and torch are imported.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# What was compiled is kept, also where PYTHONDONTWRITEBYTECODE is set: each process would compile the package and all
# tests again, which takes eight seconds. `make clean` removes it.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

import gc
import importlib.util
import random
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

sys.dont_write_bytecode = False
# albumentations asks the network for its newest version when it is imported, and warns where there is none.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
# Pictures are drawn without a screen.
os.environ.setdefault("MPLBACKEND", "Agg")

ROOT = Path(__file__).resolve().parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """What collection imports is never freed: it is not searched for garbage, neither then nor later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@pytest.fixture(scope="session")
def shared_data() -> ModuleType:
    """The readers of the real data sets that lie beside the checkout: ``load_tabular``, ``list_sets``, ..."""
    path = SHARED_DATA / "load.py"
    if not path.is_file():
        pytest.skip(f"the shared data sets are not here ({path})")
    spec = importlib.util.spec_from_file_location("shared_data_load", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """A folder of this test's own, in which it runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator of this test's own."""
    return np.random.default_rng(0)


@pytest.fixture
def imbalanced() -> tuple[np.ndarray, np.ndarray]:
    """300 rows of 6 floats that can be learnt from, 40 of them of class 1."""
    own = np.random.default_rng(0)
    y = np.repeat([0, 1], [260, 40])
    X = own.normal(size=(300, 6)) + np.outer(y, [2.0, 1.0, 0.0, 0.0, -1.0, 0.0])
    order = own.permutation(300)
    return X[order], y[order]


@pytest.fixture(scope="module")
def small_forests():
    """Forests of few trees, and few draws for intervals: what such a file finds is not near a threshold.

    Gives a function that sets other numbers for one test.
    """
    from sklearn.ensemble import RandomForestClassifier

    from ganaug.metrics import distributions, utility
    from ganaug.report import build

    def forests(patch: pytest.MonkeyPatch, trees: int = 4, resamples: int = 4, taught: int = 4) -> None:
        def few_trees(tables: bool, seed: int) -> RandomForestClassifier:
            return RandomForestClassifier(
                taught, min_samples_leaf=2, class_weight="balanced", random_state=seed % 2**32
            )

        patch.setattr(distributions, "N_TREES", trees)
        patch.setattr(build, "RESAMPLES", resamples)
        patch.setattr(utility, "default_classifier", few_trees)

    with pytest.MonkeyPatch.context() as patch:
        forests(patch)
        yield forests


@pytest.fixture(scope="module", autouse=True)
def small_judges():
    """What judges a generator is small, as `helpers.shrink` says; a test that asks for `whole_judges` has the whole."""
    from helpers import shrink

    with pytest.MonkeyPatch.context() as patch:
        shrink(patch)
        yield


@pytest.fixture
def whole_judges(monkeypatch):
    """What judges a generator is as users have it: for tests of how good it is, and of processes that start afresh."""
    from helpers import shrink

    shrink(monkeypatch, back=True)


@pytest.fixture(autouse=True)
def whole_judges_of_slow_tests(request):
    """Slow tests are most often about what was learnt, and not counted in seconds."""
    if request.node.get_closest_marker("slow"):
        request.getfixturevalue("whole_judges")


@pytest.fixture
def few_steps(monkeypatch):
    """Trainings of six steps at most: for code that is to run, whatever is learnt."""
    from dataclasses import replace

    from ganaug.estimators import fitting

    whole = fitting.train

    def short(state, table, objective, plan, *given, **named):
        plan = replace(plan, max_steps=min(plan.max_steps, state.step + 6))
        return whole(state, table, objective, plan, *given, **named)

    monkeypatch.setattr(fitting, "train", short)


def _global_state() -> dict[str, object]:
    import torch

    kind, keys, *rest = np.random.get_state(legacy=True)  # noqa: NPY002
    return {
        "Python's random state": random.getstate(),
        "numpy's random state": (kind, keys.tobytes(), *rest),
        "torch's random state": torch.get_rng_state().numpy().tobytes(),
        "torch's thread count": torch.get_num_threads(),
        "torch's inter-op thread count": torch.get_num_interop_threads(),
        "torch's default dtype": torch.get_default_dtype(),
        "torch's default device": torch.get_default_device(),
        "torch's deterministic mode": torch.are_deterministic_algorithms_enabled(),
        "torch's gradient mode": torch.is_grad_enabled(),
        "cudnn's benchmark mode": torch.backends.cudnn.benchmark,
    }


@pytest.fixture
def global_state():
    """Hold the process-wide settings; ``global_state.assert_unchanged()`` names what was touched since."""
    before = _global_state()

    def assert_unchanged() -> None:
        now = _global_state()
        changed = [name for name, value in before.items() if now[name] != value]
        assert not changed, f"changed: {', '.join(changed)}"

    return SimpleNamespace(assert_unchanged=assert_unchanged)
