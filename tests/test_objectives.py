"""Each loss and penalty against its equation, written down a second time with numpy."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from helpers import cases
from scipy.special import expit

from ganaug import ImageTranslator, TabularGAN
from ganaug.exceptions import InvalidParameterError
from ganaug.objectives import OBJECTIVES, PENALTIES, Objective, checked_objective, gradient_penalty, r1, r1_r2

REAL = np.array([-3.0, -0.5, 0.2, 2.0, 7.0])
FAKE = np.array([1.5, -2.0, 0.7, 0.1, -4.0])


def log(p):
    return np.log(p)


# name: (discriminator's loss, generator's loss), from the papers and not from the code
EQUATIONS = {
    "minimax": (
        lambda r, f: -log(expit(r)) - log(1 - expit(f)),
        lambda r, f: log(1 - expit(f)),
    ),
    "non-saturating": (
        lambda r, f: -log(expit(r)) - log(1 - expit(f)),
        lambda r, f: -log(expit(f)),
    ),
    "least-squares": (
        lambda r, f: (r - 1) ** 2 / 2 + f**2 / 2,
        lambda r, f: (f - 1) ** 2 / 2,
    ),
    "wasserstein": (
        lambda r, f: f - r,
        lambda r, f: -f,
    ),
    "hinge": (
        lambda r, f: np.maximum(0, 1 - r) + np.maximum(0, 1 + f),
        lambda r, f: -f,
    ),
    "relativistic": (
        lambda r, f: -log(expit(r - f)),
        lambda r, f: -log(expit(f - r)),
    ),
}

names = pytest.mark.parametrize("name", OBJECTIVES)


def tensors():
    return torch.tensor(REAL, requires_grad=True), torch.tensor(FAKE, requires_grad=True)


@names
def test_both_losses_are_their_equations(name):
    assert name in EQUATIONS, f"write down the equation of {name!r} here"
    objective, (of_discriminator, of_generator) = OBJECTIVES[name], EQUATIONS[name]
    real, fake = tensors()
    # one value per sample: the loop takes the mean
    np.testing.assert_allclose(objective.discriminator(real, fake).detach(), of_discriminator(REAL, FAKE), rtol=1e-9)
    np.testing.assert_allclose(objective.generator(real, fake).detach(), of_generator(REAL, FAKE), rtol=1e-9)


@names
def test_the_discriminator_wants_real_up_and_fake_down(name):
    # around zero, where no loss is flat and least squares is between its targets
    real, fake = (
        torch.linspace(a, b, 9, dtype=torch.float64, requires_grad=True) for a, b in ((0.9, -0.9), (0.1, 0.9))
    )
    loss = OBJECTIVES[name].discriminator(real, fake).sum()
    up, down = torch.autograd.grad(loss, (real, fake))
    assert (up < 0).all() and (down > 0).all()


@names
def test_the_generator_wants_fake_up(name):
    real, fake = (torch.linspace(-0.9, 0.9, 9, dtype=torch.float64, requires_grad=True) for _ in range(2))
    (slope,) = torch.autograd.grad(OBJECTIVES[name].generator(real, fake).sum(), fake)
    assert (slope < 0).all()


@names
def test_extreme_logits_give_finite_losses_and_gradients(name):
    far = torch.tensor([-1e4, -200.0, 200.0, 1e4])
    real, fake = far.clone().requires_grad_(), far.flip(0).clone().requires_grad_()
    for loss in (OBJECTIVES[name].discriminator(real, fake), OBJECTIVES[name].generator(real, fake)):
        assert torch.isfinite(loss).all()
        slopes = torch.autograd.grad(loss.sum(), (real, fake), materialize_grads=True)
        assert all(torch.isfinite(slope).all() for slope in slopes)


def test_saturation_is_what_sets_the_first_two_apart():
    """Where the discriminator is sure, minimax has no slope left and non-saturating has all of it."""
    fake = torch.tensor([-12.0], requires_grad=True)
    (minimax,) = torch.autograd.grad(OBJECTIVES["minimax"].generator(fake, fake).sum(), fake)
    (other,) = torch.autograd.grad(OBJECTIVES["non-saturating"].generator(fake, fake).sum(), fake)
    assert abs(minimax.item()) < 1e-4 and other.item() == pytest.approx(-1, abs=1e-4)


def test_losses_do_not_mix_samples():
    for name, objective in OBJECTIVES.items():
        for loss in (objective.discriminator, objective.generator):
            real, fake = tensors()
            whole = loss(real, fake)
            alone = torch.cat([loss(real[i : i + 1], fake[i : i + 1]) for i in range(len(real))])
            assert torch.equal(whole, alone), name


@names
def test_every_penalty_that_an_objective_names_exists(name):
    objective = OBJECTIVES[name]
    assert objective.penalties.keys() <= PENALTIES.keys()
    assert all(weight > 0 for weight in objective.penalties.values())
    assert objective.generator_every >= 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        objective.generator_every = 2


# ------------------------------------------------------------------------------------------ penalties


def linear(slope):
    slope = torch.tensor(slope, dtype=torch.float64)
    return lambda x: x @ slope + 3.0


def half_square(x):
    """|x|^2 / 2, whose gradient is x."""
    return 0.5 * x.flatten(1).square().sum(1)


@pytest.fixture
def points():
    rng = torch.Generator().manual_seed(0)
    return tuple(torch.randn(6, 3, generator=rng, dtype=torch.float64) + shift for shift in (0.0, 2.0))


def seeded():
    return torch.Generator().manual_seed(1)


W = [0.6, -2.0, 1.0]
NORM = math.sqrt(0.6**2 + 2.0**2 + 1.0)
OF_LINEAR = {"r1": NORM**2 / 2, "r1_r2": NORM**2, "gradient": (NORM - 1) ** 2}


@cases("name", PENALTIES)
def test_a_linear_critic_has_one_slope_everywhere(name, points):
    assert name in OF_LINEAR, f"write down what {name!r} is for a linear critic"
    penalty = PENALTIES[name](linear(W), *points, seeded())
    assert penalty.shape == (6,)  # per sample
    np.testing.assert_allclose(penalty.detach(), OF_LINEAR[name], rtol=1e-6)


@cases("name", PENALTIES)
def test_penalties_take_samples_of_any_shape(name):
    rng = torch.Generator().manual_seed(0)
    real, fake = (torch.randn(4, 2, 3, 5, generator=rng) for _ in range(2))
    assert PENALTIES[name](half_square, real, fake, seeded()).shape == (4,)


def test_r1_looks_at_the_real_samples(points):
    real, fake = points
    np.testing.assert_allclose(r1(half_square, real, fake, seeded()).detach(), real.square().sum(1) / 2)


def test_r1_r2_looks_at_both(points):
    real, fake = points
    expected = (real.square().sum(1) + fake.square().sum(1)) / 2
    np.testing.assert_allclose(r1_r2(half_square, real, fake, seeded()).detach(), expected)


def test_the_gradient_penalty_looks_between_them(points):
    """With |grad| = |x| the penalty tells where it looked: one share for each pair, all of them different."""
    real, fake = points
    share = torch.rand((6, 1), dtype=torch.float64, generator=seeded())
    between = share * real + (1 - share) * fake
    expected = (between.square().sum(1).sqrt() - 1).square()
    np.testing.assert_allclose(gradient_penalty(half_square, real, fake, seeded()).detach(), expected, rtol=1e-6)


def test_a_unit_slope_costs_nothing(points):
    assert gradient_penalty(linear([0.6, 0.0, -0.8]), *points, seeded()).abs().max() < 1e-12


@cases("name", PENALTIES)
def test_a_penalty_teaches_the_critic_and_only_the_critic(name, points):
    real, fake = (p.clone().requires_grad_() for p in points)
    slope = torch.tensor(W, dtype=torch.float64, requires_grad=True)
    penalty = PENALTIES[name](lambda x: x @ slope, real, fake, seeded()).sum()
    to_critic, to_real, to_fake = torch.autograd.grad(penalty, (slope, real, fake), allow_unused=True)
    # a steeper critic pays more, in the direction of its own slope
    assert torch.dot(to_critic, slope) > 0
    assert to_real is None and to_fake is None


@cases("name", PENALTIES)
def test_a_critic_that_ignores_its_input_gives_no_nan(name, points):
    slope = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    penalty = PENALTIES[name](lambda x: x @ slope, *points, seeded()).sum()
    (gradient,) = torch.autograd.grad(penalty, slope)
    assert torch.isfinite(gradient).all()


def _needs_a_gpu(real, fake):
    raise RuntimeError("tensors on two devices")


@cases(
    ("loss", "words"),
    [
        (lambda real, fake: (fake - real).detach(), "has no gradient to the logits of"),
        (lambda real, fake: torch.as_tensor((fake - real).detach().numpy()), "without .detach.*numpy"),
        (lambda real, fake: torch.zeros(8, requires_grad=True), "has no gradient"),
        (lambda real, fake: real > fake, "comparisons"),
        (lambda real, fake: (fake - real).mean().item(), "is a float and no tensor; return one float for each sample"),
        (lambda real, fake: None, "is a NoneType"),
    ],
)
def test_losses_that_teach_nothing_are_refused(monkeypatch, loss, words):
    good = OBJECTIVES["hinge"]
    for role in ("discriminator", "generator"):
        monkeypatch.setitem(OBJECTIVES, "mine", dataclasses.replace(good, **{role: loss}))
        for estimator in (TabularGAN, ImageTranslator):
            with pytest.raises(InvalidParameterError, match=f"objective='mine': the {role}'s loss .*{words}"):
                estimator(objective="mine")._check_parameters()


def test_the_generator_learns_from_fake_logits_alone(monkeypatch):
    monkeypatch.setitem(OBJECTIVES, "mine", Objective(OBJECTIVES["hinge"].discriminator, lambda real, fake: -real))
    with pytest.raises(InvalidParameterError, match="generator's loss has no gradient to the logits of fake samples"):
        checked_objective("objective", "mine")
    monkeypatch.setitem(OBJECTIVES, "mine", Objective(lambda real, fake: -real.log1p(), lambda real, fake: -fake))
    with torch.no_grad():
        assert checked_objective("objective", "mine") == "mine"
    monkeypatch.setitem(OBJECTIVES, "mine", Objective(_needs_a_gpu, _needs_a_gpu))
    assert checked_objective("objective", "mine") == "mine"  # the training says what is wrong
    with pytest.raises(InvalidParameterError, match="objective='yours' is unknown; choose one of: 'minimax'"):
        checked_objective("objective", "yours")
