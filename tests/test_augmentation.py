"""Differentiable augmentation: what each change does, when, and that gradients pass through it."""

from __future__ import annotations

import itertools

import pytest
import torch
from helpers import cases
from helpers import torch_rng as rng

from ganaug.augmentation import POLICIES, diff_augment
from ganaug.exceptions import InvalidParameterError

SIZES = [(40,), (13, 16), (8, 6, 7)]

policies = pytest.mark.parametrize("name", POLICIES)
sizes = pytest.mark.parametrize("size", SIZES, ids=str)


def always(*names):
    """Every sample is changed, at any time."""
    return diff_augment(names, probability=1.0, ramp=0.0, fade=(1.0, 1.0))


def samples(n, size, channels=3, seed=0):
    return torch.rand(n, channels, *size, generator=rng(seed)) + 0.1


# ------------------------------------------------------------------------------------------- every change


@policies
@sizes
def test_samples_change_and_keep_their_shape(name, size):
    x = samples(20, size)
    before = x.clone()
    changed = always(name)(x, 0.5, rng())
    assert changed.shape == x.shape and changed.dtype == x.dtype and torch.isfinite(changed).all()
    assert torch.equal(x, before) and not torch.equal(changed, x)


@policies
@sizes
def test_the_same_seed_gives_the_same_change(name, size, global_state):
    x, pipe = samples(20, size), always(name)
    assert torch.equal(pipe(x, 0.5, rng()), pipe(x, 0.5, rng()))
    assert not torch.equal(pipe(x, 0.5, rng()), pipe(x, 0.5, rng(1)))
    global_state.assert_unchanged()


@policies
@sizes
def test_gradients_pass_twice(name, size):
    x = samples(2, {1: (9,), 2: (5, 4), 3: (4, 4, 2)}[len(size)], channels=2).double().requires_grad_()

    def change(x):
        return always(name)(x, 0.5, rng())

    def slope(x):
        return torch.autograd.grad(change(x).pow(3).sum(), x, create_graph=True)[0]

    assert torch.autograd.gradcheck(change, x)
    assert torch.autograd.gradcheck(slope, x)


@policies
def test_samples_that_are_not_chosen_stay_as_they_are(name):
    x, chosen = samples(40, (8, 9)), torch.arange(40) % 2 == 0
    changed = POLICIES[name](x, chosen, rng())
    assert torch.equal(changed[~chosen], x[~chosen]) and not torch.equal(changed[chosen], x[chosen])


@policies
def test_memory_layout_makes_no_difference(name):
    x = samples(5, (8, 9))
    last = x.contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(always(name)(x, 0.5, rng()), always(name)(last, 0.5, rng()))


# -------------------------------------------------------------------------------------------- each change


@sizes
def test_translation_moves_whole_cells_by_up_to_an_eighth(size):
    x = samples(60, size)
    moved = always("translation")(x, 0.5, rng())
    most = [round(n / 8) for n in size]
    seen = set()
    for one, other in zip(x, moved, strict=True):
        fits = [s for s in itertools.product(*(range(-m, m + 1) for m in most)) if torch.equal(shift(one, s), other)]
        assert len(fits) == 1
        seen.add(fits[0])
    for axis, m in enumerate(most):
        assert {s[axis] for s in seen} == set(range(-m, m + 1))


def shift(one, by):
    """A loop over axes, with zeros coming in."""
    for axis, s in enumerate(by, start=1):
        n = one.shape[axis]
        zeros = torch.zeros_like(one.narrow(axis, 0, abs(s)))
        kept = one.narrow(axis, max(0, -s), n - abs(s))
        one = torch.cat([zeros, kept] if s > 0 else [kept, zeros], axis)
    return one


@sizes
def test_cutout_hides_a_box_of_a_quarter(size):
    x = samples(400, size)
    hidden = always("cutout")(x, 0.5, rng()) == 0
    assert torch.equal(hidden.all(1), hidden.any(1))  # the same box in every channel
    side = [round(n * 0.25 ** (1 / len(size))) for n in size]
    for axis, most in enumerate(side, start=1):
        others = [a for a in range(1, len(size) + 1) if a != axis]
        along = hidden[:, 0].any(dim=others) if others else hidden[:, 0]  # (B, n)
        length = along.sum(1)
        edges = along.int().diff(dim=1).abs().sum(1)
        assert length.max() <= most + 1 and (edges <= 2).all()  # one run of cells
    share = hidden.float().mean()
    assert 0.08 < share < 0.25  # boxes reach over the edges
    assert torch.equal(torch.where(hidden, 0.0, x), always("cutout")(x, 0.5, rng()))


def test_flip_mirrors_every_second_sample():
    x = samples(400, (5, 6))
    changed = always("flip")(x, 0.5, rng())
    same = torch.tensor([torch.equal(a, b) for a, b in zip(x, changed, strict=True)])
    assert torch.equal(changed[~same], x[~same].flip(-1)) and 0.4 < same.float().mean() < 0.6


def test_scale_changes_the_amplitude_alone():
    x = samples(400, (30,))
    ratio = (always("scale")(x, 0.5, rng()) / x).flatten(1)
    torch.testing.assert_close(ratio, ratio[:, :1].expand_as(ratio))
    assert 0.8 <= ratio.min() < 0.83 and 1.2 < ratio.max() <= 1.2501


def test_color_changes_brightness_and_contrast_but_not_the_picture():
    x = samples(50, (6, 7), channels=1)
    changed = always("color")(x, 0.5, rng())
    shape, other = (v - v.mean((1, 2, 3), keepdim=True) for v in (x, changed))
    ratio = (other / shape).flatten(1)
    torch.testing.assert_close(ratio, ratio[:, :1].expand_as(ratio), rtol=1e-2, atol=1e-2)
    assert 0.5 <= ratio.median(1).values.min() < 0.7 and 1.3 < ratio.median(1).values.max() <= 1.51
    assert (changed - x).mean((1, 2, 3)).abs().max() < 0.51


# -------------------------------------------------------------------------------------------------- when


def share(pipe, progress, n=4000):
    x = torch.ones(n, 1, 8)
    return float((pipe(x, progress, rng()) != x).flatten(1).any(1).float().mean())


def test_the_probability_rises_stays_and_falls():
    pipe = diff_augment(["cutout"], probability=0.6, ramp=0.2, fade=(0.7, 0.9))
    seen = [share(pipe, progress) for progress in (0.0, 0.1, 0.2, 0.5, 0.7, 0.8, 0.9, 1.0)]
    torch.testing.assert_close(seen, [0.0, 0.3, 0.6, 0.6, 0.6, 0.3, 0.0, 0.0], atol=0.03, rtol=0)


@cases(("kw", "progress"), [({}, 0.0), ({}, 0.95), ({}, 1.0), ({"probability": 0.0}, 0.5), ({"policy": ()}, 0.5)])
def test_nothing_is_done_or_drawn_where_the_probability_is_zero(kw, progress):
    x, source = samples(3, (8, 8)), rng()
    state = source.get_state()
    result = diff_augment(**kw)(x, progress, source)
    assert result is x and torch.equal(source.get_state(), state)


def test_changes_are_made_independently():
    pipe = diff_augment(["scale", "cutout"], probability=0.5, ramp=0.0)
    x = torch.ones(4000, 1, 8)
    changed = pipe(x, 0.5, rng())
    scaled, cut = (changed.amax((1, 2)) != 1), (changed.amin((1, 2)) == 0)
    both = (scaled & cut).float().mean()
    assert abs(both - 0.25) < 0.03


@cases("ramp_and_fade", [(0.0, (1.0, 1.0)), (0.0, (0.0, 1.0)), (1.0, (1.0, 1.0))])
def test_schedules_at_the_limits(ramp_and_fade):
    ramp, fade = ramp_and_fade
    pipe = diff_augment(["cutout"], probability=1.0, ramp=ramp, fade=fade)
    assert share(pipe, 0.5) > 0.3
    assert (share(pipe, 1.0) == 0) == (fade[0] < 1)


@cases(
    "kw",
    [
        {"policy": ["translation", "rotate"]},
        {"policy": "color"},
        {"probability": 1.5},
        {"ramp": -0.1},
        {"ramp": 0.8, "fade": (0.7, 0.9)},
        {"fade": (0.9, 0.7)},
        {"fade": (0.9, 1.1)},
    ],
)
def test_what_cannot_work_is_refused(kw):
    with pytest.raises(InvalidParameterError, match=next(iter(kw))):
        diff_augment(**kw)
