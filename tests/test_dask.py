"""The way to several machines: classes trained by the workers of a dask cluster, with the very same result."""

from __future__ import annotations

import subprocess
import sys
import time

import joblib
import numpy as np
import pytest
from helpers import tabular_gan

from ganaug import GANOversampler, TabularGAN
from ganaug.exceptions import MissingDependencyError

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.slow  # each worker imports torch; `test_determinism` has processes and threads of this machine


@pytest.fixture
def cluster():
    # No dashboard: it would want a free port and packages of its own.
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        client.wait_for_workers(2)
        yield client


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


def test_workers_without_the_library_are_named_at_once():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], [60, 20, 20])
    sampler = GANOversampler(generator=tabular_gan(max_steps=2), scope="per-class", random_state=0)
    with (
        distributed.LocalCluster(n_workers=0, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
        subprocess.Popen([sys.executable, "-c", WITHOUT, cluster.scheduler_address], stderr=subprocess.DEVNULL) as own,
    ):
        try:
            client.wait_for_workers(1, timeout=60)
            began = time.perf_counter()
            with joblib.parallel_config("dask"), pytest.raises(MissingDependencyError, match=NAMED):
                sampler.fit_resample(rng.normal(size=(100, 3)), y)
            assert time.perf_counter() - began < 10
        finally:
            own.terminate()


NAMED = r"1 worker\(s\) of the cluster cannot import ganaug, tcp://.* No module named 'ganaug'\); install ganaug \d"
