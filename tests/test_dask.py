"""The way to several machines: classes trained by the workers of a dask cluster, with the very same result."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from contextlib import contextmanager

import joblib
import numpy as np
import pytest
from helpers import tabular_gan

from ganaug import GANOversampler, TabularGAN
from ganaug.exceptions import MissingDependencyError
from ganaug.runtime.compute import run_tasks
from ganaug.runtime.interrupts import lost_tasks_raise

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")
# Each worker imports torch; `test_determinism` has processes and threads of this machine.
slow = pytest.mark.slow


@pytest.fixture
def cluster():
    # No dashboard: it would want a free port and packages of its own.
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster,
        distributed.Client(cluster) as client,
    ):
        client.wait_for_workers(2)
        yield client


@slow
def test_two_workers_give_what_one_process_gives(cluster):
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat([0, 1, 2, 3], [150, 40, 40, 20]))
    X = rng.normal(size=(250, 5)) + y[:, None]

    def resampled(**parameters):
        generator = TabularGAN(max_steps=20, width=16, depth=1, verbose=False)
        return GANOversampler(generator=generator, scope="per-class", random_state=0, **parameters).fit_resample(X, y)

    alone = resampled()
    with joblib.parallel_config("dask"):
        spread = resampled()
    assert np.array_equal(alone[0], spread[0]) and np.array_equal(alone[1], spread[1])
    # A worker loads ganaug to train with it, and for nothing else.
    loaded = cluster.run(lambda: "ganaug.training" in __import__("sys").modules)
    assert list(loaded.values()) == [True, True]


# A worker on a machine where ganaug is not installed.
WITHOUT = """
import sys

class Without:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "ganaug":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Without())
from distributed.cli.dask_worker import main

main([sys.argv[1], "--nthreads", "2", "--no-nanny", "--no-dashboard"], standalone_mode=False)
"""


@contextmanager
def worker_without(cluster):
    command = [sys.executable, "-c", WITHOUT, cluster.scheduler_address]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as own:
        try:
            yield
        finally:
            own.terminate()


@slow
def test_workers_without_the_library_are_named_at_once():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], [60, 20, 20])
    sampler = GANOversampler(generator=tabular_gan(max_steps=2), scope="per-class", random_state=0)
    with (
        distributed.LocalCluster(n_workers=0, dashboard_address=":0") as cluster,
        distributed.Client(cluster) as client,
        worker_without(cluster),
    ):
        client.wait_for_workers(1, timeout=60)
        began = time.perf_counter()
        with joblib.parallel_config("dask"), pytest.raises(MissingDependencyError, match=NAMED):
            sampler.fit_resample(rng.normal(size=(100, 3)), y)
        assert time.perf_counter() - began < 10


NAMED = r"1 worker\(s\) of the cluster cannot import ganaug, tcp://.* No module named 'ganaug'\); install ganaug \d"


@slow
def test_a_worker_that_joins_later_without_the_library_is_no_endless_wait():
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        distributed.LocalCluster(n_workers=1, threads_per_worker=2, dashboard_address=":0") as cluster,
        distributed.Client(cluster) as client,
    ):
        client.wait_for_workers(1)
        with (
            worker_without(cluster),
            joblib.parallel_config("dask"),
            pytest.raises(
                MissingDependencyError, match=r"gave up a task \(KilledWorker: .*workers, those that join later"
            ),
        ):
            run_tasks(time.sleep, [(0.5,)] * 40, None)


class Gone:
    """What dask's backend does with a task that no worker could take: its callback is never called."""

    client = None

    def submit(self, task, callback=None):
        found = Future()
        threading.Timer(0.01, found.set_exception, [KeyError(task)]).start()
        return found


def test_the_error_of_a_lost_task_comes_back():
    backend, told = Gone(), []
    with lost_tasks_raise(backend), lost_tasks_raise(backend):
        with pytest.raises(KeyError):
            backend.submit("task", told.append).result(5)
        time.sleep(0.05)
    assert [type(error) for error in told] == [KeyError] and "submit" not in vars(backend)
    plain = object()
    with lost_tasks_raise(plain):  # any other backend is left alone
        pass
