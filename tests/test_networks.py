"""The players: shapes, one-hot groups, private randomness, rows that do not depend on one another."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers import cases
from helpers import torch_rng as rng

from ganaug.exceptions import InvalidParameterError
from ganaug.networks import CONDITIONINGS, SERIES_ARCHITECTURES, TABULAR_ARCHITECTURES, DiscriminatorNetwork
from ganaug.networks.components import KNOTS, PER_KNOT, ComponentScores
from ganaug.utils.types import Block

# groups that do not come in order of width, with scalars between them
BLOCKS = [
    Block("scalar", 0, 2), Block("onehot", 2, 5), Block("scalar", 5, 6), Block("onehot", 6, 8), Block("onehot", 8, 12),
]  # fmt: skip
GROUPS = [b for b in BLOCKS if b.tag == "onehot"]
WIDTH = 12


def pair(blocks=BLOCKS, n_classes=3, seed=0, architecture="mlp", **kw):
    return TABULAR_ARCHITECTURES[architecture](blocks, n_classes, rng(seed), **{"width": 16, "depth": 2, **kw})


def batch(n=40, latent_dim=64, n_classes=3, seed=1):
    source = rng(seed)
    return torch.randn(n, latent_dim, generator=source), torch.randint(n_classes, (n,), generator=source)


architectures = pytest.mark.parametrize("architecture", TABULAR_ARCHITECTURES)
conditionings = pytest.mark.parametrize("conditioning", CONDITIONINGS)


@architectures
@conditionings
def test_shapes(architecture, conditioning):
    generator, discriminator = pair(architecture=architecture, conditioning=conditioning, latent_dim=7)
    z, labels = batch(latent_dim=7)
    fake = generator(z, labels, rng())
    assert generator.latent_dim == 7 and fake.shape == (40, WIDTH)
    assert discriminator(fake, labels).shape == (40,)
    features = discriminator.features(fake, labels)
    assert features.shape == (40, 16)
    assert torch.equal(discriminator.head(features, labels), discriminator(fake, labels))


@architectures
def test_every_group_is_a_distribution_and_scalars_are_free(architecture):
    fake = pair(architecture=architecture).generator(*batch(), rng()).detach()
    for block in GROUPS:
        group = fake[:, block.start : block.stop]
        assert (group >= 0).all()
        torch.testing.assert_close(group.sum(1), torch.ones(40))
    scalars = fake[:, [0, 1, 5]]
    assert scalars.min() < 0 and not torch.allclose(scalars.sum(1), torch.ones(40), atol=0.1)


def test_groups_follow_their_logits():
    """Gumbel-softmax draws a state as often as softmax says."""
    heads = pair().generator.heads
    raw = torch.zeros(20_000, WIDTH)
    raw[:, 3], raw[:, 7], raw[:, 11] = 2.0, 1.0, -1.0
    hot = heads(raw, rng())
    for block in GROUPS:
        drawn = torch.bincount(hot[:, block.start : block.stop].argmax(1), minlength=block.width) / 20_000
        torch.testing.assert_close(drawn, torch.softmax(raw[0, block.start : block.stop], 0), atol=0.015, rtol=0)


@cases("blocks", [[Block("scalar", 0, 3)], [Block("onehot", 0, 4)], []])
def test_tables_of_one_kind_and_of_no_columns(blocks):
    width = max((b.stop for b in blocks), default=0)
    generator, discriminator = pair(blocks)
    z, labels = batch()
    fake = generator(z, labels, rng())
    assert fake.shape == (40, width) and torch.isfinite(discriminator(fake, labels)).all()


@architectures
def test_a_row_depends_on_its_own_noise_and_class_alone(architecture):
    """No batch statistics: neighbours in the batch change nothing, and training mode changes nothing."""
    generator, discriminator = pair([Block("scalar", 0, 5)], architecture=architecture)
    z, labels = batch()
    whole = generator(z, labels, rng())
    torch.testing.assert_close(whole[:3], generator(z[:3], labels[:3], rng()), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(
        discriminator(whole, labels)[5:9], discriminator(whole[5:9], labels[5:9]), rtol=1e-5, atol=1e-5
    )
    before = generator.train()(z, labels, rng())
    assert torch.equal(before, generator.eval()(z, labels, rng()))


@architectures
@conditionings
def test_the_class_matters_to_both_players(architecture, conditioning):
    generator, discriminator = pair(architecture=architecture, conditioning=conditioning)
    z, _ = batch()
    ones, twos = torch.ones(40, dtype=torch.long), torch.full((40,), 2)
    assert not torch.allclose(generator(z, ones, rng()), generator(z, twos, rng()), atol=0.01)
    rows = torch.randn(40, WIDTH, generator=rng(2))
    if conditioning == "auxiliary":  # it names the class instead of being told
        features = discriminator.features(rows, ones)
        loss = discriminator.head.class_loss(features, ones)
        logits = discriminator.head.classes(features)
        torch.testing.assert_close(loss, torch.logsumexp(logits, 1) - logits[:, 1])
    else:
        assert not torch.allclose(discriminator(rows, ones), discriminator(rows, twos), atol=0.01)
        assert discriminator.head.class_loss(discriminator.features(rows, ones), ones) is None


def test_projection_is_its_equation():
    discriminator = pair(conditioning="projection").discriminator
    rows, labels = torch.randn(9, WIDTH, generator=rng()), batch(9)[1]
    h, head = discriminator.features(rows, labels), discriminator.head
    expected = [head.logit.bias[0] + (head.logit.weight[0] + head.classes[y]) @ h[i] for i, y in enumerate(labels)]
    torch.testing.assert_close(discriminator(rows, labels), torch.stack(expected))


@architectures
@conditionings
def test_every_parameter_is_taught(architecture, conditioning):
    generator, discriminator = pair(architecture=architecture, conditioning=conditioning)
    z, labels = batch(200)
    fake = generator(z, labels, rng())
    loss = discriminator(fake, labels).square().mean()
    class_loss = discriminator.head.class_loss(discriminator.features(fake, labels), labels)
    total = loss if class_loss is None else loss + class_loss.mean()
    for network in (generator, discriminator):
        grads = torch.autograd.grad(total, list(network.parameters()), retain_graph=True)
        assert all(torch.isfinite(g).all() and g.abs().max() > 0 for g in grads)


@architectures
@conditionings
def test_building_is_private_and_repeats(architecture, conditioning, global_state):
    kw = {"architecture": architecture, "conditioning": conditioning}
    one, same, other = pair(**kw), pair(**kw), pair(seed=1, **kw)
    for a, b, c in zip(one, same, other, strict=True):
        state, again, changed = a.state_dict(), b.state_dict(), c.state_dict()
        assert all(torch.equal(state[k], again[k]) for k in state)
        assert not all(torch.equal(state[k], changed[k]) for k in state)
    z, labels = batch()
    assert torch.equal(one.generator(z, labels, rng()), same.generator(z, labels, rng()))
    global_state.assert_unchanged()


def test_untrained_activations_keep_their_scale_with_depth():
    for depth in (1, 4, 12):
        generator, discriminator = pair(depth=depth, width=64)
        z, labels = batch(500)
        features = discriminator.features(torch.randn(500, WIDTH, generator=rng()), labels)
        hidden = generator.body(generator.first(z) + generator.classes[labels])
        assert 0.3 < features.std() < 4 and 0.5 < hidden.std() < 4, depth


@architectures
@conditionings
def test_the_slope_in_closed_form_is_autograds(architecture, conditioning):
    """So is its derivative with respect to the weights, which the penalty needs."""
    network = pair(architecture=architecture, conditioning=conditioning).discriminator.double()
    x, labels = torch.randn(30, WIDTH, generator=rng(2), dtype=torch.float64), torch.arange(30) % 3
    known, found = network.input_gradient(x, labels), DiscriminatorNetwork.input_gradient(network, x, labels)
    torch.testing.assert_close(known, found)
    weights = list(network.parameters())
    for one, other in zip(
        torch.autograd.grad(known.square().sum(), weights, materialize_grads=True),
        torch.autograd.grad(found.square().sum(), weights, materialize_grads=True),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


# ---- Components of series -----------------------------------------------------------------------------


def known_scores(n=400, r=3, shape=(2, 10)):
    """Scores that know samples of a heavy tail, and the samples."""
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(20, r)))[0].T.astype("f4") * np.array([[3.0], [1.0], [0.2]], "f4")
    scores = rng.standard_t(3, size=(n, r)).astype("f4")
    found = ComponentScores(shape, r)
    mean = rng.normal(size=20).astype("f4")
    found.learn(mean, basis, scores)
    return found, torch.from_numpy((mean + scores @ basis).reshape(-1, *shape))


def test_samples_of_components_become_normal_scores_and_come_back():
    scores, samples = known_scores()
    normal = scores(samples)
    assert np.quantile(normal.numpy(), [0.1, 0.5, 0.9], axis=0) == pytest.approx(
        np.repeat([[-1.28], [0.0], [1.28]], 3, 1), abs=0.25
    )
    assert torch.allclose(scores.back(normal), samples, atol=1e-4)
    beyond = torch.tensor([[9.0, -9.0, 4.0]])  # lines go on: whatever a network says is a sample, and comes back
    assert torch.allclose(scores(scores.back(beyond)), beyond, atol=1e-3)


def test_what_no_component_holds_is_not_seen():
    scores, samples = known_scores()
    aside = torch.randn(20, generator=rng())
    rows = (scores.basis / scores.basis.norm(dim=1, keepdim=True)).double()
    aside = (aside.double() - rows.T @ (rows @ aside.double())).float().view(2, 10)
    assert torch.allclose(scores(samples + aside), scores(samples), atol=1e-4)


def test_noise_on_components_leaves_all_else():
    scores, samples = known_scores()
    samples = samples + 0.1 * torch.randn(samples.shape, generator=rng())
    noisy = scores.jittered(samples, torch.full((len(samples), 1), 0.3), rng())
    moved = scores(noisy) - scores(samples)
    assert moved.std(0).tolist() == pytest.approx([0.3] * 3, rel=0.15)
    rest = [own - scores.back(scores(own)) for own in (samples, noisy)]
    assert torch.allclose(*rest, atol=1e-4)


def test_a_rare_quiet_class_beside_a_loud_one_is_within_reach():
    """Quantiles by weight leave room for the class that hardly varies, which is a line's width among all samples."""
    values = np.random.default_rng(1).normal(size=(840, 1)).astype("f4")
    values[800:] *= 0.02
    weights = np.repeat([1 / 800, 1 / 40], [800, 40])
    spreads = []
    for own in (None, weights):
        scores = ComponentScores((1, 4), 1)
        scores.learn(np.zeros(4, "f4"), np.ones((1, 4), "f4"), values, own)
        normal = scores(torch.from_numpy(values).repeat(1, 4).view(-1, 1, 4))
        assert normal[:800].std() < 2
        spreads.append(normal[800:].std())
    assert spreads[0] < 0.1 < 0.3 < spreads[1]


def test_no_knot_is_one_sample():
    """Each is a line through means of several scores, and what lies between does not move with one of them."""
    values = np.sort(np.random.default_rng(1).normal(size=(PER_KNOT * 4, 1)), axis=0).astype("f4")
    first, other = ComponentScores((1, 4), 1), ComponentScores((1, 4), 1)
    basis = np.ones((1, 4), "f4")
    first.learn(np.zeros(4, "f4"), basis, values)
    moved = values.copy()
    moved[[0, 1]] += [[0.1], [-0.1]]  # two samples move, their mean does not
    other.learn(np.zeros(4, "f4"), basis, moved)
    assert first.knots.shape == (1, KNOTS) and torch.allclose(first.knots, other.knots, atol=1e-5)


@cases("conditioning", CONDITIONINGS)
def test_the_slope_in_the_scores_is_autograds(conditioning):
    generator, discriminator = SERIES_ARCHITECTURES["components"](
        (2, 10), 3, rng(), conditioning=conditioning, max_channels=8, components=3
    )
    generator.scores, samples = known_scores(8)
    discriminator.take_fixed(generator)
    labels = torch.arange(8) % 3
    normal = discriminator.scores(samples).requires_grad_(True)
    hidden = super(type(discriminator), discriminator).features(normal, labels)
    (expected,) = torch.autograd.grad(discriminator.head(hidden, labels).sum(), normal)
    assert torch.allclose(discriminator.input_gradient(samples, labels), expected, atol=1e-5)


def test_components_are_for_series():
    with pytest.raises(InvalidParameterError, match="not for samples within bounds"):
        SERIES_ARCHITECTURES["components"]((1, 8, 8), 2, rng(), bounded=True)
