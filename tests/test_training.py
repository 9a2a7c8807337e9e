"""The loop against recursions worked out by hand."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import math
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers import cases
from helpers import torch_rng as rng

from ganaug import TabularGAN
from ganaug.augmentation import diff_augment, direct
from ganaug.exceptions import TrainingWarning
from ganaug.networks import TABULAR_ARCHITECTURES
from ganaug.objectives import OBJECTIVES
from ganaug.training import loop
from ganaug.training.loop import cosine_decay, train
from ganaug.training.train_state import ClassBatches, TrainConfig, TrainState, class_probabilities, flatten, paced
from ganaug.utils.types import Block

PLAN = TrainConfig(
    max_steps=12, batch_size=8, learning_rate=1e-2, discriminator_learning_rate=1e-2, betas=(0.0, 0.99),
    decay_from=0.5, ema_half_life=5.0, penalty_every=2, penalty_scale=1.0, log_every=1, look_every=3,
)  # fmt: skip


def plan(**kw):
    return dataclasses.replace(PLAN, **kw)


def pair(seed=0, n_classes=2):
    return TABULAR_ARCHITECTURES["mlp"]([Block("scalar", 0, 3)], n_classes, rng(seed), width=8, depth=1, latent_dim=4)


def table(n=40, n_classes=2, **kw):
    labels = torch.arange(n) % n_classes
    x = torch.randn(n, 3, generator=rng(9)) + labels[:, None]
    return ClassBatches(x, labels, torch.full((n_classes,), 1 / n_classes), **kw)


def play(the_plan=PLAN, watchers=(), objective="relativistic", seed=0, step=0):
    train_state = TrainState.start(pair(), the_plan, step)
    history, reason = train(train_state, table(), OBJECTIVES[objective], the_plan, watchers, rng(seed))
    return train_state, history, reason


# ------------------------------------------------------------------------------------------ batches


def drawn(weights, counts, n=200, size=64, augment=None):
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    labels = labels[torch.randperm(len(labels), generator=rng(5))]
    rows = torch.arange(len(labels), dtype=torch.float32)[:, None]
    source = ClassBatches(rows, labels, torch.tensor(weights), **({"augment": augment} if augment else {})).batches(
        size, rng()
    )
    xs, ys = zip(*(next(source) for _ in range(n)), strict=True)
    return labels, torch.cat(xs)[:, 0], torch.cat(ys)


def test_classes_are_drawn_by_weight_and_rows_evenly():
    labels, x, y = drawn([0.5, 0.25, 0.25], [3, 50, 4])
    n = len(y)
    shares = torch.bincount(y) / n
    for share, weight in zip(shares.tolist(), [0.5, 0.25, 0.25], strict=True):
        assert abs(share - weight) < 4 * math.sqrt(weight * (1 - weight) / n)
    assert torch.equal(labels[x.long()], y)  # each row under its own class
    for c, count in enumerate([3, 50, 4]):
        rows = torch.unique(x[y == c], return_counts=True)[1].float()
        expected = (y == c).sum() / count
        assert len(rows) == count and (rows - expected).abs().max() < 5 * math.sqrt(expected)


def test_a_class_without_rows_is_never_drawn():
    _, _, y = drawn(class_probabilities([10, 0, 5], 0.5), [10, 0, 5])
    assert set(y.tolist()) == {0, 2}


def test_augmentation_sees_each_batch_and_leaves_the_table_alone():
    labels, x, y = drawn([0.5, 0.5], [4, 4], n=3, augment=lambda x, labels, rng: x + 1000 * (1 + labels[:, None]))
    assert torch.equal(labels[(x - 1000 * (1 + y)).long()], y)


@cases(
    ("counts", "power", "expected"),
    [
        ([90, 10], 0, [0.5, 0.5]),
        ([90, 10], 1, [0.9, 0.1]),
        ([81, 9], 0.5, [0.75, 0.25]),
        ([5], 0, [1.0]),
        ([90, 0, 10], 0, [0.5, 0.0, 0.5]),
    ],
)
def test_class_probabilities(counts, power, expected):
    assert class_probabilities(counts, power) == pytest.approx(expected)


# ------------------------------------------------------------------------------------------ one vector


def test_flat_parameters_are_the_parameters():
    generator = pair().generator
    before = [p.detach().clone() for p in generator.parameters()]
    flat = flatten(generator)
    assert flat.numel() == sum(p.numel() for p in before)
    assert all(torch.equal(a, b) for a, b in zip(before, generator.parameters(), strict=True))
    flat.zero_()
    assert all((p == 0).all() for p in generator.parameters())
    next(generator.parameters()).data.fill_(2)
    assert (flat == 2).any()


def test_one_vector_is_stepped_as_separate_parameters_would_be():
    """Adam on the flat vector is Adam on each parameter."""
    train_state = TrainState.start(pair(), PLAN)
    twin = copy.deepcopy(pair().generator)
    optimizer = torch.optim.Adam(twin.parameters(), lr=PLAN.learning_rate, betas=PLAN.betas)
    z, labels = torch.randn(8, 4, generator=rng()), torch.zeros(8, dtype=torch.long)
    for rate in (1.0, 0.5):
        train_state.generator.step(train_state.generator.network(z, labels, rng()).square().mean(), rate)
        optimizer.param_groups[0]["lr"] = PLAN.learning_rate * rate
        optimizer.zero_grad()
        twin(z, labels, rng()).square().mean().backward()
        optimizer.step()
    for a, b in zip(train_state.generator.network.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(a, b)


# ------------------------------------------------------------------------------------------ the loop


@cases("objective", OBJECTIVES)
@cases("steps", [1, 7])
def test_the_budget_is_exact_and_every_row_is_whole(objective, steps):
    train_state, history, reason = play(plan(max_steps=steps), objective=objective)
    assert (train_state.step, reason) == (steps, "max_steps")
    assert [row["step"] for row in history] == list(range(1, steps + 1))
    columns = {
        "step", "discriminator_loss", "real_logit", "fake_logit", "discriminator_gradient_norm", "generator_loss",
        "generator_gradient_norm",
    }  # fmt: skip
    # also between two steps of a generator that moves less often
    assert all(row.keys() == columns and all(map(math.isfinite, row.values())) for row in history)


def test_log_every_and_look_every():
    seen = []
    _, history, _ = play(plan(max_steps=11, log_every=2, look_every=4), [lambda e: seen.append((e.step, e.looks))])
    assert seen == [(2, False), (4, True), (6, False), (8, True), (10, False), (11, True)]  # the last one always
    assert [row["step"] for row in history] == [2, 4, 6, 8, 10, 11]


def test_the_average_is_its_recursion():
    states, kept = [], []

    def watch(event):
        states.append(event.train_state.generator.flat.clone())
        kept.append(event.train_state.average_flat.clone())

    start = flatten(pair().generator).clone()
    play(plan(max_steps=80), [watch])
    average = start
    for step, state in enumerate(states):
        half_life = min(PLAN.ema_half_life, 0.1 * (step + 1))  # short at first: forget the untrained start
        keep = 0.5 ** (1 / half_life)
        average = keep * average + (1 - keep) * state
        torch.testing.assert_close(kept[step], average, rtol=1e-4, atol=1e-6)


def test_the_average_is_the_network_that_samples():
    train_state, _, _ = play()
    assert torch.equal(train_state.average_flat, torch.cat([p.reshape(-1) for p in train_state.average.parameters()]))
    assert not train_state.average.training and not any(p.requires_grad for p in train_state.average.parameters())


def test_the_learning_rate_follows_its_schedule():
    rates = []
    play(plan(max_steps=10), [lambda e: rates.append(e.train_state.generator.rate)])
    expected = [1e-2 * (1 if k <= 5 else 0.5 * (1 + math.cos(math.pi * (k - 5) / 5))) for k in range(10)]
    np.testing.assert_allclose(rates, expected)


def test_a_later_fit_has_a_schedule_of_its_own():
    """Not the end of one long schedule, where nothing would be learnt any more."""
    rates = []
    train_state, _, _ = play(plan(max_steps=110), [lambda e: rates.append(e.train_state.generator.rate)], step=100)
    assert train_state.step == 110 and len(rates) == 10
    assert rates[0] == 1e-2 and rates[-1] < 1e-2 / 5


def test_cosine_tail():
    assert cosine_decay(0.0, 0.5) == cosine_decay(0.5, 0.5) == 1.0
    assert cosine_decay(0.75, 0.5) == pytest.approx(0.5)
    assert cosine_decay(1.0, 0.5) == cosine_decay(7.0, 0.5) == pytest.approx(0.0)
    assert cosine_decay(1.0, 1.0) == 1.0


def test_the_clock_ends_it_and_the_schedule_follows_the_clock():
    rates = []
    watch = lambda e: rates.append(e.train_state.generator.rate)  # noqa: E731
    train_state, history, reason = play(plan(max_steps=10**6, max_time=0.3, log_every=10**5), [watch])
    assert reason == "max_time" and train_state.step < 10**5
    assert [row["step"] for row in history] == [train_state.step]  # an unplanned end is logged and looked at
    assert rates == [pytest.approx(0.0, abs=1e-12)]


def test_what_comes_before_is_part_of_a_limit_on_time():
    cpu, now = torch.device("cpu"), time.perf_counter()
    assert plan().since(now - 5, cpu).max_time is None
    assert plan(max_time=10.0).since(now - 5, cpu).max_time == pytest.approx(5, abs=0.5)
    assert plan(max_time=10.0).since(now - 50, cpu).max_time == 1.0  # the training itself gets some of it


def test_small_trainings_have_as_many_steps_as_fit():
    cpu = torch.device("cpu")
    assert list(paced(4, None, cpu)) == [0, 0.25, 0.5, 0.75]
    assert len(list(paced(5, 60.0, cpu))) == 5 and not list(paced(0, 60.0, cpu))
    assert len(list(paced(1000, 1.0, cpu, lambda each: 0.1))) == 10  # by what all processes agreed on
    began = time.perf_counter()
    steps = [time.sleep(0.01) for _ in paced(10**6, 0.1, cpu)]
    assert 3 <= len(steps) <= 10 and time.perf_counter() - began < 5


def test_a_watcher_ends_it_and_the_first_reason_counts():
    calls = []
    stop = lambda e: "enough" if e.step == 4 else None  # noqa: E731
    later = lambda e: calls.append(e.step) or ("too late" if e.step == 4 else None)  # noqa: E731
    train_state, history, reason = play(watchers=[stop, later])
    assert (train_state.step, reason, len(history)) == (4, "enough", 4)
    assert calls == [1, 2, 3, 4]  # all of them see the last row


def test_a_watcher_may_add_to_the_history():
    _, history, _ = play(watchers=[lambda e: e.record.update(mine=e.step * 2.0)])
    assert [row["mine"] for row in history] == [2.0 * s for s in range(1, 13)]


def test_the_generator_moves_less_often_if_the_objective_says_so():
    moved = []

    def watch(event):
        moved.append(event.train_state.generator.flat.clone())

    slow = dataclasses.replace(OBJECTIVES["hinge"], generator_every=3)
    train_state = TrainState.start(pair(), PLAN)
    train(train_state, table(), slow, PLAN, [watch], rng())
    changes = [not torch.equal(a, b) for a, b in itertools.pairwise(moved)]
    assert changes == [(step % 3) == 0 for step in range(1, 12)]


def test_lazy_penalties_cost_what_they_would_each_step(monkeypatch):
    weights = []
    monkeypatch.setitem(
        __import__("ganaug.objectives", fromlist=["PENALTIES"]).PENALTIES,
        "counted",
        lambda critic, real, fake, rng: weights.append(1) or critic(real) * 0,
    )
    counted = dataclasses.replace(OBJECTIVES["hinge"], penalties={"counted": 1.0})
    train(TrainState.start(pair(), PLAN), table(), counted, plan(max_steps=12, penalty_every=4), [], rng())
    assert len(weights) == 3


def test_penalty_every_and_scale_multiply():
    """A constant slope has a constant penalty: its gradient grows with both factors."""
    norms = {}
    for every, scale in ((1, 1.0), (3, 1.0), (1, 5.0)):
        no_loss = dataclasses.replace(
            OBJECTIVES["relativistic"], discriminator=lambda real, fake: 0 * (real - fake), penalties={"r1": 1.0}
        )
        one = plan(max_steps=1, penalty_every=every, penalty_scale=scale)
        history, _ = train(TrainState.start(pair(), one), table(), no_loss, one, [], rng())
        norms[every, scale] = history[0]["discriminator_gradient_norm"]
    assert norms[3, 1.0] == pytest.approx(3 * norms[1, 1.0]) and norms[1, 5.0] == pytest.approx(5 * norms[1, 1.0])


@cases("objective", OBJECTIVES)
def test_the_same_seed_gives_the_same_weights(objective, global_state):
    one, other, third = (play(objective=objective, seed=s)[0] for s in (0, 0, 1))
    for optimizer in ("generator", "discriminator"):
        assert torch.equal(getattr(one, optimizer).flat, getattr(other, optimizer).flat)
        assert not torch.equal(getattr(one, optimizer).flat, getattr(third, optimizer).flat)
    assert torch.equal(one.average_flat, other.average_flat)
    global_state.assert_unchanged()


def test_history_is_of_the_step_that_it_names():
    """Means of the logits of that step's batch, the loss of those logits."""
    _, history, _ = play(plan(max_steps=3), objective="wasserstein")
    for row in history:
        assert row["discriminator_loss"] == pytest.approx(row["fake_logit"] - row["real_logit"], abs=1e-5)
    assert history[0]["generator_gradient_norm"] > 0


# ------------------------------------------------------------------------------------------ replayed steps


class TapeOfMemory:
    """What a recording does, without a GPU: from the second call on the result lies where that of the first lay."""

    def __init__(self, function, inputs, rng, memory, after=None):
        self.function, self.inputs, self.result = function, inputs, None

    def __call__(self, *values):
        for own, value in zip(self.inputs, values, strict=True):
            own.data.copy_(value)
        record, gradient = self.function()
        if self.result is None:
            self.result = record, gradient
        for name, value in record.items():
            self.result[0][name].data.copy_(value)
        self.result[1].copy_(gradient)
        return self.result


@cases("objective", ["relativistic", "wasserstein"])
@cases("pipe", ["direct", "changes"])
def test_slopes_in_memory_that_stays_are_those_that_are_worked_out(monkeypatch, objective, pipe):
    """Here to the bit; `test_gpu.py` has the recordings themselves."""
    monkeypatch.setattr(loop, "WRITTEN_OUT", loop.PLAIN)
    monkeypatch.setattr(loop, "CapturedFunction", TapeOfMemory)
    monkeypatch.setattr(loop, "CaptureMemory", lambda device: None)
    pipes = {"direct": direct, "changes": diff_augment(["scale"], ramp=0.0, fade=(1.0, 1.0))}
    own = plan(max_steps=11, penalty_every=4, pipe=pipes[pipe])
    plain, there = (play(dataclasses.replace(own, replays=how), objective=objective) for how in (False, True))
    assert there[1] == plain[1]
    assert torch.equal(there[0].average_flat, plain[0].average_flat)


def test_fit_asks_who_works_out_the_gradients(monkeypatch):
    """Without this a fit on a GPU would never play what it recorded."""
    found, usual = [], loop.gradient_functions
    monkeypatch.setattr(loop, "gradient_functions", lambda *asked: found.append(usual(*asked)) or found[-1])
    monkeypatch.setattr(loop, "ReplayedGradients", lambda plan, device: loop.PLAIN)
    x = np.random.default_rng(0).normal(size=(30, 2))
    gan = TabularGAN(max_steps=2, width=8, random_state=0, verbose=False).fit(x)
    monkeypatch.setattr("ganaug.estimators.gan.can_be_captured", lambda plan, device: True)
    gan.fit(x)
    assert found == [loop.WRITTEN_OUT, loop.PLAIN]


class ShortOfMemory(loop.CapturedFunction):
    """What a recording does, without a GPU, and the memory that ends at one of them."""

    tried, fit = 0, 0

    def _worked_out(self):
        return self.function()

    def _record(self):
        ShortOfMemory.tried += 1
        self._result = self.function()
        if ShortOfMemory.tried > ShortOfMemory.fit:
            try:
                raise torch.OutOfMemoryError("CUDA out of memory")
            finally:
                raise RuntimeError("the recording cannot be ended")
        return SimpleNamespace(replay=lambda: None)


@pytest.mark.parametrize("fit", range(4))
def test_a_training_goes_on_where_a_recording_finds_no_memory(monkeypatch, fit):
    """Four are made: of either player, with a penalty and without. What is recorded first is used up by the second."""
    ShortOfMemory.tried, ShortOfMemory.fit = 0, fit
    monkeypatch.setattr(loop, "CapturedFunction", ShortOfMemory)
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: None)
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: None)
    with pytest.warns(TrainingWarning, match="too little memory is left") as said:
        state, _, reason = play(plan(max_steps=24, penalty_every=2, replays=True))
    assert len(said) == 1 and ShortOfMemory.tried == fit + 1
    assert reason == "max_steps" and state.step == 24 and torch.isfinite(state.average_flat).all()


@cases("asked", ["recording", "steps"])
def test_a_recording_that_fails_is_told_and_what_fails_itself_is_raised(monkeypatch, asked):
    def broken(self):
        raise RuntimeError("no such operation\nwith details")

    monkeypatch.setattr(ShortOfMemory, "_record", broken)
    monkeypatch.setattr(ShortOfMemory, "_worked_out", lambda self: self.function())
    monkeypatch.setattr(loop, "CapturedFunction", ShortOfMemory)
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: None)
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: None)
    if asked == "steps":
        monkeypatch.setattr(ShortOfMemory, "_worked_out", broken)
        with pytest.raises(RuntimeError, match="no such operation"):
            play(plan(max_steps=8, replays=True))
        return
    with pytest.warns(TrainingWarning, match=r"that failed \(no such operation\): it goes on") as said:
        state, _, _ = play(plan(max_steps=24, replays=True))
    assert len(said) == 1 and state.step == 24 and torch.isfinite(state.average_flat).all()


@cases("shape", [(8, 1, 3, 3), (8, 4, 3, 3), (8, 4, 1, 1), (1, 1, 1, 1)])
@cases("layout", [torch.contiguous_format, torch.channels_last])
def test_kernels_lie_in_the_vector_as_they_lay_before(shape, layout):
    """Strides of one channel or cell mean nothing to the values, but torch chooses its convolutions by them."""
    network = torch.nn.Module()
    network.weight = torch.nn.Parameter(torch.arange(float(math.prod(shape))).view(shape))
    network = network.to(memory_format=layout)
    before, strides = network.weight.detach().clone(), network.weight.stride()
    flat = flatten(network)
    assert torch.equal(network.weight, before) and network.weight.stride() == strides
    assert network.weight.data_ptr() == flat.data_ptr()
