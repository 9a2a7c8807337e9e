"""What runs on a GPU: skipped where there is none. Figures of a GPU are near those of a processor, not the same."""

from __future__ import annotations

import dataclasses
from functools import partial

import numpy as np
import pytest
import torch
from helpers import torch_rng
from torch.utils.data import DataLoader, TensorDataset

import ganaug
from ganaug import GANOversampler, ImageGAN, ImageTranslator, SeriesGAN, TabularGAN
from ganaug.augmentation import diff_augment, direct
from ganaug.datasets import BlendedDataset
from ganaug.networks import IMAGE_ARCHITECTURES, TABULAR_ARCHITECTURES
from ganaug.networks.layers import NetworkPair
from ganaug.objectives import OBJECTIVES
from ganaug.runtime.compute import UNRECORDED, CapturedFunction, CaptureMemory, fastest
from ganaug.training.loop import (
    ReplayedGradients,
    can_be_captured,
    split_batch,
    train,
)
from ganaug.training.train_state import ClassBatches, TrainConfig, TrainState
from ganaug.utils.types import Block

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")

GPU = torch.device("cuda")
PLAN = TrainConfig(
    max_steps=24, batch_size=1024, learning_rate=1e-3, discriminator_learning_rate=1e-3, betas=(0.0, 0.99),
    decay_from=0.5, ema_half_life=5.0, penalty_every=4, penalty_scale=1.0, log_every=1, look_every=3,
)  # fmt: skip


def plan(**kw):
    return dataclasses.replace(PLAN, **kw)


rng = partial(torch_rng, device=GPU)


def images(architecture="residual", conditioning="projection", shape=(3, 16, 16)):
    """Players of pictures on the GPU, and pictures."""
    build = IMAGE_ARCHITECTURES[architecture]
    pair = build(
        shape, 2, rng(0, "cpu"), bounded=True, channels=8, max_channels=16, latent_dim=16, conditioning=conditioning
    )
    placed = NetworkPair(*(network.to(GPU, memory_format=torch.channels_last) for network in pair))
    x = torch.rand(64, *shape, generator=rng(1, "cpu")) * 2 - 1
    return placed, x.to(GPU)


def rows():
    pair = TABULAR_ARCHITECTURES["mlp"](
        [Block("scalar", 0, 3), Block("onehot", 3, 6)], 2, rng(0, "cpu"), width=16, depth=1, latent_dim=8
    )
    x = torch.randn(64, 6, generator=rng(1, "cpu"))
    return NetworkPair(*(network.to(GPU) for network in pair)), x.to(GPU)


def played(pair, x, the_plan, objective="relativistic"):
    """The history of a training, and how far the weights of both players went."""
    labels = torch.arange(len(x), device=GPU) % 2
    train_state = TrainState.start(pair, the_plan)
    before = train_state.generator.flat.clone(), train_state.discriminator.flat.clone()
    table = ClassBatches(x, labels, torch.tensor([0.5, 0.5], device=GPU))
    history, _ = train(train_state, table, OBJECTIVES[objective], the_plan, [], rng(2))
    return history, train_state.generator.flat - before[0], train_state.discriminator.flat - before[1]


def alike(make, the_plan, objective="relativistic"):
    """A training that is replayed goes where one goes that is not; batches are so large that noise matters little."""
    assert can_be_captured(the_plan, GPU) and the_plan.max_steps > 4 * UNRECORDED + 8
    plain = played(*make(), the_plan, objective)
    replayed = played(*make(), dataclasses.replace(the_plan, replays=True), objective)
    for one, other in zip(plain[0], replayed[0], strict=True):
        for name in one:
            near = pytest.approx(one[name], rel=0.25 if name.endswith("_norm") else 0.1, abs=0.05)
            assert other[name] == near, (one["step"], name)
    for one, other in zip(plain[1:], replayed[1:], strict=True):
        assert torch.nn.functional.cosine_similarity(one, other, dim=0) > 0.9
        assert float(other.norm() / one.norm()) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("architecture", IMAGE_ARCHITECTURES)
def test_a_replayed_training_is_the_same(architecture):
    alike(lambda: images(architecture), plan())


@pytest.mark.parametrize("conditioning", ["concat", "auxiliary"])
def test_under_each_conditioning(conditioning):
    alike(lambda: images("residual", conditioning), plan())


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_under_each_objective(objective):
    alike(rows, plan(), objective)


def test_through_changes():
    always = diff_augment(["translation", "cutout", "color", "flip"], ramp=0.0, fade=(1.0, 1.0))
    alike(images, plan(pipe=always))


def test_changes_come_and_go():
    """Their strength is not recorded: in the first and the last step nothing is changed, in between everything is."""
    seen, pipe = [], diff_augment(["cutout"], probability=1.0, ramp=0.2, fade=(0.6, 0.8))

    class Spy(type(pipe)):
        def changed(self, x, strength, rng):
            done = super().changed(x, strength, rng)
            seen.append((done != x).any())
            return done

    spy = Spy(pipe.changes, pipe.probability, pipe.ramp, pipe.fade)
    replayed = ReplayedGradients(plan(pipe=spy, replays=True), GPU)
    pair, x = images()
    train_state, own = TrainState.start(pair, PLAN), rng(3)
    train_state.step = 1
    for progress in (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.9):
        (part,) = split_batch(x[:16], torch.zeros(16, dtype=torch.long, device=GPU), 1, own)
        replayed.discriminator(train_state, OBJECTIVES["relativistic"], part, replayed.plan, progress)
        last = bool(seen[-1])  # of a recording, what it wrote there this time
        assert last == (progress not in (0.0, 0.9))


def test_a_tape_is_its_function():
    memory, x, y = CaptureMemory(GPU), torch.zeros(1000, device=GPU), torch.ones(1, device=GPU)
    tape = CapturedFunction(
        lambda: (2 * x + y, torch.empty_like(x).normal_(generator=own)), (x, y), own := rng(5), memory
    )
    noises = []
    for turn in range(UNRECORDED + 5):
        doubled, noise = tape(torch.full((1000,), float(turn)), torch.tensor([0.5]))
        assert torch.equal(doubled, torch.full_like(x, 2 * turn + 0.5))
        noises.append(noise.clone())
    noises.append(torch.empty_like(x).normal_(generator=own))  # who draws from it later sees other numbers, too
    together = torch.stack(noises)
    assert abs(together.mean()) < 0.05 and abs(together.std() - 1) < 0.05
    correlation = torch.corrcoef(together) - torch.eye(len(noises), device=GPU)
    assert correlation.abs().max() < 0.2


def test_a_recording_survives_garbage():
    """Graphs that nobody needs any more are given back while others are recorded."""
    for _ in range(8):
        played(*rows(), plan(replays=True, batch_size=16))
        circle = [CapturedFunction(lambda: torch.ones(2, device=GPU), (), rng(), CaptureMemory(GPU)) for _ in range(20)]
        for tape in circle:
            for _ in range(UNRECORDED + 1):
                tape()
        circle.append(circle)


def test_in_half_precision():
    history, *weights = played(*images(), plan(replays=True, precision=fastest(GPU)))
    plain, *_ = played(*images(), plan(precision=fastest(GPU)))
    assert all(torch.isfinite(part).all() for part in weights)
    assert history[-1]["discriminator_loss"] == pytest.approx(plain[-1]["discriminator_loss"], rel=0.2)


def test_random_numbers_differ_from_step_to_step():
    """A recording that replayed its noise too would see the same fakes in every step."""
    pair, x = rows()
    the_plan = plan(replays=True)
    train_state, seen = TrainState.start(pair, the_plan), []
    replayed, own = ReplayedGradients(the_plan, GPU), rng(3)
    labels = torch.zeros(16, dtype=torch.long, device=GPU)
    for _ in range(UNRECORDED + 4):
        train_state.step = 1
        (part,) = split_batch(x[:16], labels, 1, own)
        record, _ = replayed.discriminator(train_state, OBJECTIVES["relativistic"], part, the_plan, 0.5)
        seen.append(record["fake_logit"].clone())
    assert len({tuple(logits.tolist()) for logits in seen}) == len(seen)


def test_no_global_generator_is_touched():
    before = torch.cuda.get_rng_state()
    played(*images(), plan(replays=True))
    assert torch.equal(before, torch.cuda.get_rng_state())


def test_a_pipe_of_ones_own_is_not_replayed():
    assert not can_be_captured(plan(pipe=lambda x, progress, rng: x), GPU)
    assert not can_be_captured(plan(parts=2), GPU)
    assert not can_be_captured(plan(pipe=direct), torch.device("cpu"))


def test_parts_of_a_batch():
    """As several GPUs share it."""
    history, *_ = played(*images(), plan(parts=2, max_steps=6))
    assert np.isfinite(history[-1]["generator_loss"])


# ---- The estimators -------------------------------------------------------------------------------------


def table(n=300):
    own = np.random.default_rng(0)
    y = np.repeat(["often", "rare"], [n - 40, 40])
    X = own.normal(size=(n, 5)) + np.outer(y == "rare", [2.0, 1.0, 0.0, 0.0, -1.0])
    return X, y


def pictures(shape=(16, 16), n=60):
    own = np.random.default_rng(0)
    return own.integers(0, 256, (n, *shape), np.uint8), np.repeat([0, 1], [n - 20, 20])


FITTED = {
    "table": lambda: TabularGAN(max_steps=40, random_state=0, verbose=False).fit(*table()),
    "images": lambda: ImageGAN(max_steps=30, random_state=0, verbose=False).fit(*pictures()),
    "style": lambda: ImageGAN(architecture="style", max_steps=30, random_state=0, verbose=False).fit(
        *pictures((3, 20, 12))
    ),
    "augmented": lambda: ImageGAN(max_steps=30, augment=["translation", "cutout"], random_state=0, verbose=False).fit(
        *pictures()
    ),
    "series": lambda: SeriesGAN(max_steps=30, noise_floor=True, random_state=0, verbose=False).fit(
        np.random.default_rng(0).normal(size=(60, 2, 50)), np.repeat([0, 1], [40, 20])
    ),
    "translation": lambda: ImageTranslator(source=0, target=1, max_steps=10, random_state=0, verbose=False).fit(
        *pictures()
    ),
}


@pytest.mark.parametrize("name", FITTED)
def test_fitted_on_the_gpu_it_samples_anywhere(name, tmp_path):
    gan = FITTED[name]()
    label = gan.classes_[-1]
    X, y = gan.sample(20, label=label, random_state=0)
    again, _ = gan.sample(20, label=label, random_state=0)
    assert len(X) == len(y) == 20
    np.testing.assert_allclose(
        np.asarray(X, float), np.asarray(again, float), atol=1.0 if X.dtype == np.uint8 else 1e-4
    )
    gan.save(tmp_path / "it.gan")
    loaded = ganaug.load(tmp_path / "it.gan")
    loaded.device = "cpu"
    if name == "translation":
        loaded.set_sources(*pictures())
    on_cpu, _ = loaded.sample(20, label=label, random_state=0)
    assert np.asarray(on_cpu).shape == np.asarray(X).shape and np.isfinite(np.asarray(on_cpu, float)).all()


def test_minutes_are_kept():
    gan = ImageGAN(max_time="4s", random_state=0, verbose=False).fit(*pictures())
    assert gan.stop_reason_ == "max_time" and gan.n_steps_ > 20


def test_broken_off_and_gone_on_with(tmp_path):
    X, y = pictures()

    def stop(event):
        return "broken off" if event.step >= 32 else None

    options = {"max_steps": 64, "random_state": 0, "verbose": False}
    whole = ImageGAN(**options).fit(X, y)
    kept = {"checkpoint": tmp_path / "it.ckpt", "checkpoint_every": 1}

    def die(event):
        if event.step >= 40:
            raise MemoryError("the plug was pulled")

    with pytest.raises(MemoryError):
        ImageGAN(**options, **kept, callbacks=[die]).fit(X, y)
    gone_on = ImageGAN(**options, **kept).fit(X, y)
    assert gone_on.n_steps_ == whole.n_steps_ == 64
    for name in ("discriminator_loss", "generator_loss"):
        assert gone_on.history_[name].iloc[-1] == pytest.approx(whole.history_[name].iloc[-1], rel=0.3, abs=0.05)


def test_oversampling_and_processes():
    X, y = table()
    for n_jobs in (1, 2):
        X_res, y_res = GANOversampler(
            generator=TabularGAN(max_steps=30, verbose=False), random_state=0, n_jobs=n_jobs
        ).fit_resample(X, y)
        assert (y_res == "rare").sum() == (y_res == "often").sum() and np.isfinite(X_res).all()


@pytest.mark.parametrize("workers", [0, 2])
def test_a_blend_is_read_by_workers(workers):
    X, y = pictures()
    gan = ImageGAN(max_steps=20, random_state=0, verbose=False).fit(X[:, None], y)
    real = TensorDataset(torch.from_numpy(X[:, None]), torch.from_numpy(y))
    blend = BlendedDataset(real, gan, seed=0)
    labels = torch.cat([own for _, own in DataLoader(blend, batch_size=16, num_workers=workers)])
    assert (labels == 0).sum() == (labels == 1).sum() == 40


def test_the_image_experiment():
    from ganaug.experiments import ARMS, compare_images

    X, y = pictures(n=80)
    found = compare_images(
        {"noise": (X, y, X[::2], y[::2])},
        {"ImageGAN": ImageGAN(max_steps=20, verbose=False)},
        [*ARMS],
        seeds=[0],
        epochs=2,
        width=8,
        augment=("translation",),
        device="cuda",
    )  # fmt: skip
    assert found.failures.empty and len(found.results) == len(ARMS)
