"""The convolutional players: every size, private randomness, independent samples, fast second derivatives."""

from __future__ import annotations

import itertools

import pytest
import torch
import torch.nn.functional as F
from helpers import cases
from helpers import torch_rng as rng

from ganaug.exceptions import InvalidParameterError
from ganaug.networks import CONDITIONINGS, IMAGE_ARCHITECTURES
from ganaug.networks.convolutions import Convolution, activate, convolve, enlarge, pyramid, shrink
from ganaug.objectives import OBJECTIVES
from ganaug.training.loop import train_step
from ganaug.training.train_state import TrainConfig, TrainState

SHAPES = [
    (1, 8, 8), (3, 28, 28), (2, 20, 36), (1, 31, 50), (1, 8, 65), (4, 15, 9), (1, 5, 6),
    (1, 8), (2, 9), (3, 187), (1, 500),
    (1, 8, 8, 8), (1, 9, 17, 4),
]  # fmt: skip
SMALL = {"channels": 4, "max_channels": 8, "latent_dim": 5}

architectures = pytest.mark.parametrize("architecture", IMAGE_ARCHITECTURES)
conditionings = pytest.mark.parametrize("conditioning", CONDITIONINGS)


def pair(architecture, shape=(2, 11, 14), n_classes=3, seed=0, **kw):
    return IMAGE_ARCHITECTURES[architecture](shape, n_classes, rng(seed), **{**SMALL, **kw})


def batch(n=6, latent_dim=5, n_classes=3, seed=1):
    source = rng(seed)
    return torch.randn(n, latent_dim, generator=source), torch.arange(n) % n_classes


def plan(**kw):
    numbers = {
        "max_steps": 100, "batch_size": 16, "learning_rate": 2e-3, "discriminator_learning_rate": 2e-3,
        "betas": (0.0, 0.99), "decay_from": 0.5, "ema_half_life": 5.0, "penalty_every": 1, "penalty_scale": 1.0,
        "log_every": 50, "look_every": 50,
    }  # fmt: skip
    return TrainConfig(**{**numbers, **kw})


# ------------------------------------------------------------------------------------------------ sizes


@cases("n", [*range(8, 70), 100, 255, 256, 257, 5000])
def test_an_axis_is_halved_until_4_to_7_cells_are_left(n):
    sizes = [level.size[0] for level in pyramid((1, n), 16, 128)]
    assert sizes[-1] == n and 4 <= sizes[0] <= 7 and len(sizes) <= n.bit_length() - 1
    assert all(low == (high + 1) // 2 for low, high in itertools.pairwise(sizes))


def test_axes_stop_on_their_own_and_widths_double_up_to_the_most():
    levels = pyramid((3, 8, 100), 16, 50)
    assert [level.size for level in levels] == [(4, 7), (4, 13), (4, 25), (4, 50), (8, 100)]
    assert [level.channels for level in levels] == [50, 50, 50, 32, 16]


@architectures
@pytest.mark.parametrize("shape", [(28,), (1, 2, 3, 4, 5), (0, 8, 8), (1, 0)])
def test_a_shape_that_is_none_is_refused(architecture, shape):
    with pytest.raises(InvalidParameterError, match="shape="):
        pair(architecture, shape)


@architectures
def test_widths_that_are_none_are_refused(architecture):
    with pytest.raises(InvalidParameterError, match="channels=0"):
        pair(architecture, channels=0)


@architectures
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_shapes(architecture, shape):
    generator, discriminator = pair(architecture, shape)
    z, labels = batch(4)
    fake = generator(z, labels, rng())
    assert generator.latent_dim == 5 and fake.shape == (4, *shape) and fake.dtype == torch.float32
    features = discriminator.features(fake, labels)
    assert features.shape == (4, 8) and discriminator(fake, labels).shape == (4,)
    assert torch.equal(discriminator.head(features, labels), discriminator(fake, labels))


@architectures
def test_a_long_series_costs_levels_not_parameters(architecture):
    short, long = (pair(architecture, (1, n)) for n in (80, 5120))
    for a, b in zip(short, long, strict=True):
        sizes = [sum(p.numel() for p in network.parameters()) for network in (a, b)]
        assert sizes[1] < 4 * sizes[0]
    z, labels = batch(2)
    assert long.generator(z, labels, rng()).shape == (2, 1, 5120)


@architectures
def test_bounded_or_not(architecture):
    z, labels = batch(60)
    inside = pair(architecture).generator(50 * z, labels, rng())
    outside = pair(architecture, bounded=False).generator(50 * z, labels, rng())
    assert inside.abs().max() <= 1
    torch.testing.assert_close(torch.tanh(outside), inside)


# ------------------------------------------------------------------------------------------ second derivatives


@cases("dims", [1, 2, 3])
def test_first_and_second_derivatives_are_right(dims):
    """Convolution, rectifier and averages against numerical derivatives, with even and odd sizes."""
    size = ((7,), (5, 4), (3, 2, 3))[dims - 1]
    layers = [Convolution(2, 3, 3, rng(), dims), Convolution(3, 2, 4, rng(1), dims, stride=(2,) * dims)]
    weights = [layer.weight.detach().double().requires_grad_() for layer in layers]
    bias = torch.linspace(-1, 1, 3, dtype=torch.double).requires_grad_()
    x = torch.randn(2, 2, *size, dtype=torch.double, generator=rng(2)).requires_grad_()

    def network(x, first, bias, second):
        h = activate(convolve(x, first, bias, layers[0].stride, layers[0].padding))
        h = shrink(h, [(n + 1) // 2 for n in size])
        return activate(convolve(h, second, None, layers[1].stride, layers[1].padding)).square()

    def slope(x, first, bias, second):
        return torch.autograd.grad(network(x, first, bias, second).sum(), x, create_graph=True)[0]

    assert torch.autograd.gradcheck(network, (x, weights[0], bias, weights[1]))
    assert torch.autograd.gradcheck(slope, (x, weights[0], bias, weights[1]))


def test_a_second_derivative_that_is_not_provided_is_an_error():
    x, layer = torch.ones(1, 1, 8, 8), Convolution(1, 1, 3, rng(), 2)
    (slope,) = torch.autograd.grad(layer(x).square().sum(), layer.weight, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        slope.sum().backward()


def test_a_penalty_is_that_of_plain_torch():
    """The slope penalty's gradient in every weight of a discriminator, against torch's own derivatives."""
    discriminator = pair("residual", (1, 9, 12)).discriminator
    nudge(discriminator)  # the last convolution of each block leaves zero
    x, labels = torch.randn(4, 1, 9, 12, generator=rng()), torch.tensor([0, 1, 2, 0])
    parameters = list(discriminator.parameters())

    def penalty(logits):
        points = x.clone().requires_grad_()
        (slope,) = torch.autograd.grad(logits(points).sum(), points, create_graph=True)
        return torch.autograd.grad(slope.square().sum(), parameters, materialize_grads=True)

    ours = penalty(lambda points: discriminator(points, labels))
    theirs = penalty(lambda points: plain_torch(discriminator, points, labels))
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
    assert max(g.abs().max() for g in ours) > 0.01


def plain_torch(network, x, labels):
    """The residual discriminator in torch's own functions."""

    def apply(layer, x):
        return F.conv2d(x, layer.weight, layer.bias, padding=layer.padding)

    def act(x):
        return F.leaky_relu(x, 0.2)

    x = apply(network.first, x)
    for place, level in enumerate(network.levels):
        if place:
            x = F.avg_pool2d(x, 2, ceil_mode=True, count_include_pad=False)
            x = apply(network.widths[place - 1], x)
        assert x.shape[2:] == level.size
        for block in network.stacks[place]:
            x = x + apply(block.last, act(apply(block.middle, act(apply(block.first, x)))))
    return network.head(act(network.last(act(x).permute(0, 2, 3, 1).flatten(1))), labels)


def nudge(*networks):
    """Move every parameter a little, as a step of training does."""
    for network in networks:
        for p in network.parameters():
            p.data.add_(0.1 * torch.randn(p.shape, generator=rng(p.numel())))


@cases("dims", [1, 2, 3])
def test_averages_and_interpolation(dims):
    x = torch.randn(2, 3, *(5, 8, 7)[:dims], generator=rng())
    size = [(n + 1) // 2 for n in x.shape[2:]]
    small = shrink(x.clone().requires_grad_(), size)
    assert list(small.shape[2:]) == size
    corner = (slice(None), slice(None), *(slice(0, 2),) * dims)
    torch.testing.assert_close(small[(..., *(0,) * dims)], x[corner].flatten(2).mean(2))
    if dims == 1:
        torch.testing.assert_close(small[..., -1], x[..., -1])  # the odd cell is kept
    torch.testing.assert_close(enlarge(torch.ones(1, 1, *size), x.shape[2:]), torch.ones(1, 1, *x.shape[2:]))
    assert torch.equal(shrink(x, x.shape[2:]), x)


# ------------------------------------------------------------------------------------------------ players


@architectures
@conditionings
def test_every_parameter_is_taught(architecture, conditioning):
    generator, discriminator = pair(architecture, conditioning=conditioning)
    nudge(generator, discriminator)  # at the outset the zeros of residual blocks hide the layers before them
    z, labels = batch(30)
    fake = generator(z, labels, rng())
    features = discriminator.features(fake, labels)
    loss = discriminator.head(features, labels).square().mean()
    class_loss = discriminator.head.class_loss(features, labels)
    total = loss if class_loss is None else loss + class_loss.mean()
    for network in (generator, discriminator):
        names, parameters = zip(*network.named_parameters(), strict=True)
        grads = torch.autograd.grad(total, parameters, retain_graph=True, allow_unused=True)
        untaught = [n for n, g in zip(names, grads, strict=True) if g is None or not g.abs().max() > 0]
        assert not untaught and all(torch.isfinite(g).all() for g in grads)


@architectures
@conditionings
def test_the_class_matters_to_both_players(architecture, conditioning):
    generator, discriminator = pair(architecture, conditioning=conditioning)
    z, _ = batch()
    ones, twos = torch.ones(6, dtype=torch.long), torch.full((6,), 2)
    assert (generator(z, ones, rng()) - generator(z, twos, rng())).abs().mean() > 0.01
    x = torch.randn(6, 2, 11, 14, generator=rng(2))
    differs = (discriminator(x, ones) - discriminator(x, twos)).abs().mean() > 0.01
    assert differs == (conditioning != "auxiliary")  # which names the class instead of being told
    loss = discriminator.head.class_loss(discriminator.features(x, ones), ones)
    assert (loss is None) == (conditioning != "auxiliary")


def test_shared_levels_do_not_know_the_class():
    generator = pair("residual", (1, 32, 32), shared_levels=2).generator
    z, _ = batch()
    seen = []
    for stack in generator.stacks:
        stack.register_forward_hook(lambda module, given, made: seen.append(made.detach()))
    for label in (0, 1):
        generator(z, torch.full((6,), label), rng())
    zero, one = seen[:4], seen[4:]
    assert [torch.equal(a, b) for a, b in zip(zero, one, strict=True)] == [True, True, False, False]
    with pytest.raises(InvalidParameterError, match="shared_levels=4.*4 resolutions"):
        pair("residual", (1, 32, 32), shared_levels=4)


@cases("blocks", [{"blocks": 0}, {"blocks": 2}, {"top_blocks": 0}, {"expansion": 0.1}], ids=str)
def test_blocks_as_many_and_as_wide_as_asked(blocks):
    asked = {"blocks": 1, "top_blocks": 1, "expansion": 1.0} | blocks
    for network in pair("residual", (1, 28, 28), **blocks):
        counts = [len(stack) for stack in network.stacks]
        full = counts[-1] if hasattr(network, "latent_dim") else counts[0]
        assert full == asked["top_blocks"] and sum(counts) == 2 * asked["blocks"] + asked["top_blocks"]
        widths = {stack[0].middle.weight.shape[0] for stack in network.stacks if len(stack)}
        assert widths <= {max(1, round(asked["expansion"] * c)) for c in (4, 8)}
    z, labels = batch()
    generator, discriminator = pair("residual", (1, 28, 28), **blocks)
    assert discriminator(generator(z, labels, rng()), labels).shape == (6,)


@architectures
@pytest.mark.parametrize("shape", [(2, 11, 14), (1, 40), (1, 8, 9, 4)], ids=str)
def test_a_sample_depends_on_its_own_noise_and_class_alone(architecture, shape):
    generator, discriminator = (network.eval() for network in pair(architecture, shape))
    nudge(generator, discriminator)
    z, labels = batch(20)
    whole = generator(z, labels, rng())
    torch.testing.assert_close(whole[:3], generator(z[:3], labels[:3], rng()), rtol=1e-5, atol=1e-5)
    logits = discriminator(whole, labels)
    torch.testing.assert_close(logits[5:9], discriminator(whole[5:9], labels[5:9]), rtol=1e-5, atol=1e-5)
    with torch.inference_mode():
        torch.testing.assert_close(generator(z, labels, rng()), whole, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(discriminator(whole, labels), logits, rtol=1e-5, atol=1e-5)


@architectures
@conditionings
def test_building_and_sampling_are_private_and_repeat(architecture, conditioning, global_state):
    one, same, other = (pair(architecture, conditioning=conditioning, seed=seed) for seed in (0, 0, 1))
    for a, b, c in zip(one, same, other, strict=True):
        state, again, changed = a.state_dict(), b.state_dict(), c.state_dict()
        assert all(torch.equal(state[k], again[k]) for k in state)
        assert not all(torch.equal(state[k], changed[k]) for k in state)
        assert set(state) == {name for name, _ in a.named_parameters()}  # nothing that an average would miss
    z, labels = batch()
    assert torch.equal(one.generator(z, labels, rng()), same.generator(z, labels, rng()))
    global_state.assert_unchanged()


@architectures
def test_samples_are_not_changed_in_place(architecture):
    discriminator = pair(architecture).discriminator
    x = torch.randn(3, 2, 11, 14, generator=rng()).requires_grad_()
    before = x.detach().clone()
    discriminator(x, torch.tensor([0, 1, 2])).sum().backward()
    assert torch.equal(x.detach(), before) and x.grad.abs().max() > 0


@architectures
def test_untrained_activations_keep_their_scale(architecture):
    for shape in [(1, 16), (1, 500), (1, 16, 16), (1, 64, 64)]:
        generator, discriminator = pair(architecture, shape, channels=16, max_channels=64, bounded=False)
        z, labels = batch(40)
        fake = generator(z, labels, rng())
        features = discriminator.features(fake / fake.std(), labels)  # white noise would average out
        assert 0.1 < fake.std() < 5 and 0.1 < features.std() < 5, (shape, fake.std(), features.std())


@architectures
def test_half_precision_reaches_every_gradient(architecture):
    """bfloat16 under autocast: outputs and gradients near those of single precision, penalties included."""
    generator, discriminator = pair(architecture)
    z, labels = batch()
    x = torch.randn(6, 2, 11, 14, generator=rng())

    def run():
        points = x.clone().requires_grad_()
        features = discriminator.features(points, labels).float()
        logits = discriminator.head.float()(features, labels)
        (slope,) = torch.autograd.grad(logits.sum(), points, create_graph=True)
        loss = logits.sum() + slope.square().sum()
        grads = torch.autograd.grad(loss, list(discriminator.parameters()), materialize_grads=True)
        fake = generator(z, labels, rng()).float()
        return logits.detach(), torch.cat([g.float().flatten() for g in grads]), fake.detach()

    whole = run()
    with torch.autocast("cpu", torch.bfloat16):
        half = run()
    for a, b in zip(whole, half, strict=True):
        assert (a - b).norm() < 0.1 * a.norm() and not torch.equal(a, b)


# -------------------------------------------------------------------------------------------------- style


def test_modulated_convolution_is_its_equation():
    """Scaling the activations equals scaling the weights of each sample (Karras et al. 2020, equations 1 to 3)."""
    from ganaug.networks.stylegan import LEAKY_GAIN, Modulated

    layer = Modulated(3, 4, 3, 5, rng(), 2, demodulate=True)
    x, w = torch.randn(2, 3, 6, 7, generator=rng(1)), torch.randn(2, 5, generator=rng(2))
    scale = 1 + layer.style(w)
    for i in range(2):
        weight = layer.convolution.weight * scale[i].view(1, 3, 1, 1)
        weight = weight / weight.square().sum((1, 2, 3), keepdim=True).sqrt()
        expected = LEAKY_GAIN * F.conv2d(x[i : i + 1], weight, padding=1)
        torch.testing.assert_close(layer(x, w)[i : i + 1], expected, rtol=1e-4, atol=1e-5)


def test_styles_mix_in_training_only_and_noise_has_an_effect():
    generator = pair("style", mixing=1.0).generator
    z, labels = batch()
    styles = generator.train().styles(z, labels, rng())
    assert torch.equal(styles[0], generator.mapping(z, labels)) and not torch.equal(styles[0], styles[-1])
    assert all(torch.equal(styles[0], w) for w in generator.eval().styles(z, labels, rng()))
    assert torch.equal(generator(z, labels, rng()), generator(z, labels, rng(1)))  # strengths start at zero
    for layer in generator.layers:
        layer.strength.data.fill_(0.5)
    assert not torch.allclose(generator(z, labels, rng()), generator(z, labels, rng(1)), atol=0.01)


def test_truncation_draws_samples_to_the_centre_of_their_class():
    generator = pair("style").generator.eval()
    z, labels = batch(300)
    spreads = []
    for truncation in (1.0, 0.5, 0.0):
        generator.truncation = truncation
        w = generator.styles(z, labels, rng())[0]
        spreads.append(torch.stack([w[labels == c].std(0).mean() for c in range(3)]))
    torch.testing.assert_close(spreads[1], 0.5 * spreads[0])
    assert spreads[2].max() < 1e-5 and (w[0] - w[1]).abs().max() > 0.01  # the classes keep their own centres


# ------------------------------------------------------------------------------------------------ learning


def bars(n, rng):
    """Two classes of 8 x 8 pictures: an upright and a lying bar, anywhere."""
    labels = torch.arange(n) % 2
    x = torch.full((n, 1, 8, 8), -0.8)
    at = torch.randint(1, 6, (n,), generator=rng)
    for i in range(n):
        where = (slice(None), slice(at[i], at[i] + 2))
        x[i, 0][where if labels[i] else where[::-1]] = 0.8
    return x, labels


def learnt(generator):
    """How much more of an upright bar's pictures varies across than down, and of a lying bar's the other way."""
    labels = torch.arange(200) % 2
    z = torch.randn(200, generator.latent_dim, generator=rng(5))
    with torch.no_grad():
        fake = generator(z, labels, rng(6))[:, 0]
    across, down = fake.mean(1).var(1), fake.mean(2).var(1)
    right = torch.where(labels == 1, across > 2 * down, down > 2 * across)
    return right.float().mean(), fake


@architectures
def test_two_classes_of_bars_are_learnt(architecture):
    """Untrained: 0.05 to 0.5 of the samples are of their class."""
    network = IMAGE_ARCHITECTURES[architecture]((1, 8, 8), 2, rng(), channels=8, max_channels=16, latent_dim=16)
    how = plan(max_steps=120, learning_rate=4e-3, discriminator_learning_rate=4e-3, batch_size=32, penalty_scale=0.2)
    train_state, source = TrainState.start(network, how), rng(1)
    before, _ = learnt(train_state.average)
    for step in range(how.max_steps):
        real, labels = bars(how.batch_size, source)
        train_step(train_state, OBJECTIVES["relativistic"], real, labels, how, step / how.max_steps, source)
        train_state.average_flat.lerp_(train_state.generator.flat, 1 - 0.5 ** (1 / how.ema_half_life))
        train_state.step += 1
    after, fake = learnt(train_state.average)
    assert before < 0.6 and after > 0.9, (before, after)
    assert fake.std() > 0.4 and fake[::2].var(0).mean() > 0.05  # bars in several places
