"""The rules of the game: what discriminator and generator each try to minimise.

Every function is pure, takes logits of real samples before logits of fake
ones, and returns one value per sample; the training loop takes the mean.
``D`` stands for the discriminator's raw output, ``sigma`` for the logistic
function, and ``softplus(t) = log(1 + exp(t)) = -log sigma(-t)``.

To add an objective: write its pair, add one line to `OBJECTIVES`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from ganaug.exceptions import InvalidParameterError
from ganaug.utils import types

__all__ = [
    "BY_SLOPE",
    "OBJECTIVES",
    "PENALTIES",
    "Critic",
    "Objective",
    "checked_objective",
    "input_gradient_of",
    "mean_and_slopes",
]

Loss = Callable[[Tensor, Tensor], Tensor]
Critic = Callable[[Tensor], Tensor]
Penalty = Callable[[Critic, Tensor, Tensor, torch.Generator], Tensor]


def minimax_d(real: Tensor, fake: Tensor) -> Tensor:
    """``-log sigma(D(x)) - log(1 - sigma(D(G(z))))``; Goodfellow et al. 2014, equation 1. (B,), (B,) -> (B,)."""
    return F.softplus(-real) + F.softplus(fake)


def minimax_g(real: Tensor, fake: Tensor) -> Tensor:
    """``log(1 - sigma(D(G(z))))``, the same value function; Goodfellow et al. 2014, equation 1."""
    return -F.softplus(fake)


def non_saturating_g(real: Tensor, fake: Tensor) -> Tensor:
    """``-log sigma(D(G(z)))``; Goodfellow et al. 2014, end of section 3."""
    return F.softplus(-fake)


def least_squares_d(real: Tensor, fake: Tensor) -> Tensor:
    """``(D(x) - 1)^2 / 2 + D(G(z))^2 / 2``; Mao et al. 2017, equation 9 (a = 0, b = c = 1)."""
    return 0.5 * (real - 1).square() + 0.5 * fake.square()


def least_squares_g(real: Tensor, fake: Tensor) -> Tensor:
    """``(D(G(z)) - 1)^2 / 2``; Mao et al. 2017, equation 9."""
    return 0.5 * (fake - 1).square()


def wasserstein_d(real: Tensor, fake: Tensor) -> Tensor:
    """``D(G(z)) - D(x)``; Arjovsky et al. 2017, equation 3, with the sign of a loss."""
    return fake - real


def wasserstein_g(real: Tensor, fake: Tensor) -> Tensor:
    """``-D(G(z))``; Arjovsky et al. 2017. Also the generator's side of the hinge objective."""
    return -fake


def hinge_d(real: Tensor, fake: Tensor) -> Tensor:
    """``max(0, 1 - D(x)) + max(0, 1 + D(G(z)))``; Lim and Ye 2017; Miyato et al. 2018, equation 16."""
    return F.relu(1 - real) + F.relu(1 + fake)


def relativistic_d(real: Tensor, fake: Tensor) -> Tensor:
    """``-log sigma(D(x) - D(G(z)))``, paired; Jolicoeur-Martineau 2019; Huang et al. 2024 (R3GAN), equation 2."""
    return F.softplus(fake - real)


def relativistic_g(real: Tensor, fake: Tensor) -> Tensor:
    """``-log sigma(D(G(z)) - D(x))``, the mirror image of `relativistic_d`."""
    return F.softplus(real - fake)


def _relativistic_d_slopes(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    slope = torch.sigmoid(fake - real)
    return -slope, slope


def _relativistic_g_slopes(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    slope = torch.sigmoid(real - fake)
    return slope, -slope


# Derivatives by the logits of real and of fake samples, where asking autograd for them takes longer than all else.
SLOPES: dict[Loss, Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]] = {
    relativistic_d: _relativistic_d_slopes,
    relativistic_g: _relativistic_g_slopes,
}


def mean_and_slopes(loss: Loss, real: Tensor, fake: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """The mean of a loss, and its derivatives by the logits of real and of fake samples. (B,), (B,).

    Examples
    --------
    >>> import torch
    >>> from ganaug.objectives import hinge_d, mean_and_slopes
    >>> mean_and_slopes(hinge_d, torch.tensor([0.5, 0.0]), torch.tensor([0.0, 0.0]))
    (tensor(1.7500), (tensor([-0.5000, -0.5000]), tensor([0.5000, 0.5000])))
    """
    written = next((slopes for known, slopes in SLOPES.items() if known is loss), None)  # another may have no hash
    if written is not None:
        on_real, on_fake = written(real, fake)
        return loss(real, fake).mean(), (on_real / len(real), on_fake / len(real))
    real, fake = real.detach().requires_grad_(True), fake.detach().requires_grad_(True)
    mean = loss(real, fake).mean()
    on_real, on_fake = torch.autograd.grad(mean, (real, fake), materialize_grads=True)
    return mean.detach(), (on_real, on_fake)


def _squared_slope(critic: Critic, points: Tensor) -> Tensor:
    """Squared norm of the critic's gradient at each point. (B, ...) -> (B,)."""
    own = getattr(critic, "input_gradient", None)  # a critic that knows its gradient better than autograd says so
    gradient = input_gradient_of(critic, points) if own is None else own(points.detach())
    return gradient.flatten(1).square().sum(1)


def input_gradient_of(critic: Critic, points: Tensor) -> Tensor:
    """The critic's gradient at each point, itself differentiable. (B, ...) -> (B, ...)."""
    points = points.detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(critic(points).sum(), points, create_graph=True)
    return gradient


def r1(critic: Critic, real: Tensor, fake: Tensor, generator: torch.Generator) -> Tensor:
    """``|grad D(x)|^2 / 2`` on real samples; Mescheder et al. 2018, equation 9. (B, ...) -> (B,)."""
    return 0.5 * _squared_slope(critic, real)


def r1_r2(critic: Critic, real: Tensor, fake: Tensor, generator: torch.Generator) -> Tensor:
    """``|grad D(x)|^2 / 2 + |grad D(G(z))|^2 / 2``; Mescheder et al. 2018; R3GAN. (B, ...) -> (B,)."""
    on_real, on_fake = _squared_slope(critic, torch.cat([real, fake])).chunk(2)
    return 0.5 * (on_real + on_fake)


def gradient_penalty(critic: Critic, real: Tensor, fake: Tensor, generator: torch.Generator) -> Tensor:
    """``(|grad D(x^)| - 1)^2`` on lines between real and fake; Gulrajani et al. 2017, equation 3."""
    shape = (len(real),) + (1,) * (real.ndim - 1)
    share = torch.rand(shape, device=real.device, dtype=real.dtype, generator=generator)
    between = torch.lerp(fake, real, share)
    # The root's slope is infinite at zero, where a critic that ignores its input starts.
    return ((_squared_slope(critic, between) + 1e-12).sqrt() - 1).square()


@dataclass(frozen=True)
class Objective:
    """A pair of losses and the regularisers it needs to converge.

    Attributes
    ----------
    discriminator, generator : callable ``(real, fake) -> (B,)``
        Loss per sample from the logits of real and fake samples, each (B,).
    penalties : mapping of str to float
        Names in `PENALTIES` with their weights, added to the discriminator's loss.
    generator_every : int
        Discriminator steps for each step of the generator.
    """

    discriminator: Loss
    generator: Loss
    penalties: Mapping[str, float] = field(default_factory=dict)
    generator_every: int = 1


PENALTIES: dict[str, Penalty] = {
    "r1": r1,
    "r1_r2": r1_r2,
    "gradient": gradient_penalty,
}

# Those that ask a critic for nothing but its slope; for others autograd goes through the networks.
BY_SLOPE: tuple[Penalty, ...] = (r1, r1_r2, gradient_penalty)

# The older objectives get a light R1 too: without it they orbit or diverge on
# small tables (Mescheder et al. 2018 prove it for the first two). The Wasserstein
# critic has two steps for one of the generator's, and a weight of 1: with its
# authors' 10 the slope is held so hard that a table is hardly learnt in a few
# hundred steps. Their own code for two-dimensional data takes 0.1.
OBJECTIVES: dict[str, Objective] = {
    "minimax": Objective(minimax_d, minimax_g, {"r1": 1.0}),
    "non-saturating": Objective(minimax_d, non_saturating_g, {"r1": 1.0}),
    "least-squares": Objective(least_squares_d, least_squares_g, {"r1": 1.0}),
    "wasserstein": Objective(wasserstein_d, wasserstein_g, {"gradient": 1.0}, generator_every=2),
    "hinge": Objective(hinge_d, wasserstein_g, {"r1": 1.0}),
    "relativistic": Objective(relativistic_d, relativistic_g, {"r1_r2": 1.0}),
}


def checked_objective(name: str, value: object) -> str:
    """A name in `OBJECTIVES`, if the losses behind it can teach.

    Raises
    ------
    InvalidParameterError
        If it is none, or one of its losses is no tensor, or is one from which no gradient leads to the logits.
    """
    known = types.choice(name, value, known=OBJECTIVES)
    for role, of in (("discriminator", "real or fake"), ("generator", "fake")):
        loss = getattr(OBJECTIVES[known], role)
        if getattr(loss, "__module__", None) == __name__:
            continue
        with torch.enable_grad():
            real, fake = (torch.zeros(8, dtype=torch.float32, requires_grad=True) for _ in range(2))
            try:
                found = loss(real, fake)
            except Exception:  # perhaps it needs the device of the training, which says what is wrong with it
                continue
            _check_loss(f"{name}={known!r}: the {role}'s loss", found, (real, fake), of)
    return known


def _check_loss(what: str, loss: object, logits: tuple[Tensor, Tensor], of: str) -> None:
    give = "return one float for each sample, computed from the logits by operations of torch"
    if not isinstance(loss, Tensor):
        raise InvalidParameterError(f"{what} is a {type(loss).__name__} and no tensor; {give}")
    asked = logits[1:] if of == "fake" else logits
    slopes: tuple[Tensor | None, ...] = (None,)
    if loss.requires_grad:
        slopes = torch.autograd.grad(loss.sum(), asked, allow_unused=True)
    if all(slope is None for slope in slopes):
        raise InvalidParameterError(
            f"{what} has no gradient to the logits of {of} samples, so that nothing could be learnt from it; {give}, "
            "without .detach(), .item(), numpy, comparisons or torch.no_grad()"
        )
