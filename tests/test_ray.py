"""Ray, where it is installed: classes trained by its workers, and arrays from its object store, which are read-only."""

from __future__ import annotations

import warnings

import joblib
import numpy as np
import pytest
from helpers import image_gan, random_images, series_gan, tabular_gan

from ganaug import GANOversampler

ray = pytest.importorskip("ray")


@pytest.fixture(scope="module")
def cluster():
    """Two workers on this machine."""
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=2**27)
    yield
    ray.shutdown()


def table():
    """Four classes, three of them rare."""
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat([0, 1, 2, 3], [150, 40, 40, 20]))
    return rng.normal(size=(250, 5)) + y[:, None], y


def resampled(X, y):
    """A GAN for each rare class."""
    sampler = GANOversampler(generator=tabular_gan(max_steps=5), scope="per-class", random_state=0)
    return sampler.fit_resample(X, y)


@pytest.mark.slow
def test_two_workers_give_what_one_process_gives(cluster):
    from ray.util.joblib import register_ray

    register_ray()
    alone = resampled(*table())
    with joblib.parallel_config("ray", n_jobs=2):
        spread = resampled(*table())
    assert np.array_equal(alone[0], spread[0]) and np.array_equal(alone[1], spread[1])


@pytest.mark.slow
def test_a_remote_training_is_that_of_this_process(cluster):

    def there(X, y):
        from ganaug import GANOversampler, TabularGAN

        generator = TabularGAN(max_steps=5, width=16, depth=1, random_state=0, verbose=False)
        return GANOversampler(generator=generator, scope="per-class", random_state=0).fit_resample(X, y)

    remote = ray.get(ray.remote(there).remote(*table()))
    assert all(np.array_equal(one, other) for one, other in zip(remote, resampled(*table()), strict=True))


def signals():
    """Series of two channels."""
    return np.random.default_rng(0).normal(size=(60, 2, 16)).astype(np.float32), np.repeat([0, 1], [40, 20])


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "data"), [(tabular_gan, table), (image_gan, random_images), (series_gan, signals)])
def test_arrays_of_the_object_store_are_learnt_from_without_a_warning(cluster, kind, data):
    X, y = ray.get(ray.put(data()))
    assert not X.flags.writeable
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gan = kind(max_steps=3).fit(X, y)
        scores = gan.score_samples(X)
    plain = kind(max_steps=3).fit(*data())
    assert all(np.array_equal(own, plain.weights_[name]) for name, own in gan.weights_.items())
    assert np.array_equal(scores, plain.score_samples(data()[0]))
