"""What is computed in a quicker way is what the plain way gives."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from helpers import cases

from ganaug.encoding import TableCodec
from ganaug.encoding.categorical import HighCardinalityModel
from ganaug.encoding.compact import CompactTableCodec
from ganaug.encoding.quantiles import FastSearch
from ganaug.encoding.table import argmax_rows
from ganaug.filtering import RULES, RowFilter
from ganaug.filtering import forest as forest_module
from ganaug.filtering.forest import ArrayForest
from ganaug.networks import TABULAR_ARCHITECTURES, layers
from ganaug.objectives import BY_SLOPE, OBJECTIVES, PENALTIES, SLOPES, mean_and_slopes, relativistic_d
from ganaug.runtime.compute import fastest
from ganaug.training import loop
from ganaug.training.train_state import ClassBatches, TrainConfig, TrainState
from ganaug.utils.types import Block

sys.path.insert(0, str(Path(__file__).parent / "data"))
import make_golden

KNOTS = {
    "even": np.linspace(-4, 4, 1001),
    "normal scores": np.sort(np.random.default_rng(0).normal(size=700)),
    "skewed": np.sort(np.random.default_rng(0).lognormal(sigma=3, size=900)),
    "two": np.array([0.0, 1.0]),
    "one": np.array([3.0]),
    "near": np.concatenate([[0.0], np.nextafter(1.0, 2) - np.arange(3)[::-1] * 1e-15, [1e6]]),
    "tiny": np.array([0.0, 5e-324, 1e-300]),
    "vast": np.array([-1e308, 0.0, 1e308]),
}


# ------------------------------------------------------------------------------------------ codecs


@cases("knots", KNOTS.values(), ids=KNOTS)
@pytest.mark.filterwarnings("ignore:overflow encountered")  # of numpy.interp itself, where the span is infinite
def test_places_are_those_of_bisection(knots):
    rng = np.random.default_rng(1)
    span = max(min(knots[-1] - knots[0], 1e300), 1e-12)
    beside = [np.nextafter(knots, s * np.inf) for s in (-1, 1)]
    between = rng.uniform(knots[0] / 2 - 0.1 * span, knots[-1] / 2 + 0.6 * span, 20_000)
    numbers = rng.permutation(np.concatenate([knots, *beside, between, [-1e300, 1e300]]))
    places = FastSearch(knots)
    np.testing.assert_array_equal(places.searchsorted(numbers), np.searchsorted(knots, numbers))
    np.testing.assert_array_equal(places.searchsorted(numbers[:7]), np.searchsorted(knots, numbers[:7]))
    values = np.sort(rng.normal(size=len(knots)))
    np.testing.assert_allclose(
        places.interp(numbers, values), np.interp(numbers, knots, values), rtol=1e-13, atol=1e-13
    )
    np.testing.assert_array_equal(places.interp(np.repeat(knots, 300), values), np.repeat(values, 300))


def test_repeated_knots_are_counted_one_by_one():
    knots = np.repeat(np.linspace(0, 1, 200), 2)
    numbers = np.random.default_rng(0).permutation(np.tile(np.linspace(-0.1, 1.1, 777), 3))
    np.testing.assert_array_equal(FastSearch(knots).searchsorted(numbers), np.searchsorted(knots, numbers))


@cases("width", [1, 2, 17, 300])
@cases("n", [0, 3, 9000])
def test_the_first_of_the_largest(n, width):
    group = np.random.default_rng(0).integers(-3, 4, (n, width)).astype(np.float32)  # many equal ones
    np.testing.assert_array_equal(argmax_rows(group), group.argmax(1))


def kinds():
    """The golden table, and dtypes that round or stand for themselves in other ways."""
    X, y = make_golden.table()
    rng, n = np.random.default_rng(0), len(X)
    more = {
        "single": rng.normal(size=n).astype(np.float32),
        "small": rng.integers(0, 100, n).astype(np.int8),
        "unsigned": rng.integers(0, 2**63, n).astype(np.uint64) * 2,
        "cents": rng.lognormal(size=n).round(2),
        "steps": rng.integers(0, 20, n) * 0.5,
        "zoned": pd.Timestamp("2024-01-01", tz="Europe/Berlin") + pd.to_timedelta(rng.integers(0, 10**6, n), unit="s"),
        "lasting": pd.to_timedelta(np.where(rng.random(n) < 0.1, None, rng.integers(0, 999, n)), unit="h"),
        "mixed": np.array([[1, "a", True, None, 2.5][k] for k in rng.integers(0, 5, n)], dtype=object),
        "constant": 7,
        "never": np.nan,
        "once in a while": np.where(rng.random(n) < 0.5, np.nan, 3.0),
        "text": pd.array(rng.choice(["x", "y", None], n), dtype="string"),
    }
    return X.assign(**more), y


@cases("keep_range", [True, False])
@cases("codec", [TableCodec, CompactTableCodec])
@cases("n", [5, 3000])
def test_rows_as_seen_are_rows_decoded_and_encoded_again(codec, keep_range, n):
    X, _ = kinds()
    codec = codec(keep_range=keep_range).fit(X)
    rng = np.random.default_rng(0)
    rows = 1.5 * rng.normal(size=(n, codec.width)).astype(np.float32)
    rows[: n // 3] = codec.encode(X)[rng.integers(0, len(X), n // 3)]
    expected = codec.encode(codec.decode(rows))
    seen = codec.round_trip(rows)
    assert seen.dtype == np.float32 and seen.flags.c_contiguous
    np.testing.assert_allclose(seen, expected, rtol=1e-5, atol=1e-5)
    pd.testing.assert_frame_equal(codec.decode(seen), codec.decode(expected), rtol=1e-4)


def test_an_exact_code_finds_its_level_without_the_tree(monkeypatch):
    X, _ = make_golden.table()
    codec = TableCodec().fit(X)
    rows = codec.encode(X)
    monkeypatch.setattr(HighCardinalityModel, "_tree", property(lambda self: pytest.fail("asked the tree")))
    pd.testing.assert_series_equal(codec.decode(rows)["shop"], X["shop"])


# ------------------------------------------------------------------------------------------ networks


@cases("onednn", [getattr(torch.ops.mkldnn, "_linear_pointwise", None), None], ids=["oneDNN", "torch"])
@cases("n", [1, 5000])
def test_rows_that_are_drawn_are_those_of_the_layers(monkeypatch, onednn, n):
    monkeypatch.setattr(layers, "_ONEDNN", onednn)
    blocks = (Block("scalar", 0, 3), Block("onehot", 3, 6), Block("onehot", 6, 8))
    rng = torch.Generator().manual_seed(0)
    gan = TABULAR_ARCHITECTURES["mlp"](blocks, 2, rng, width=32, depth=2, latent_dim=8).generator
    z, labels = torch.randn(n, 8, generator=rng), torch.arange(n) % 2
    with torch.inference_mode():
        hidden = gan.body(gan.first(z) + F.embedding(labels, gan.classes))
        raw = gan.last(F.leaky_relu(hidden, 0.2))
        expected = gan.heads.perturbed(raw, torch.Generator().manual_seed(1))
        drawn = gan.draw(z, labels, torch.Generator().manual_seed(1))
    torch.testing.assert_close(drawn, expected)


# ------------------------------------------------------------------------------------------ curation


def forest_and_rows(n_trees=10):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 800)
    x = (rng.normal(size=(800, 7)) + y[:, None] * 0.5).astype(np.float32)
    x[:, 4:] = x[:, 4:] > 0
    return ArrayForest.fit(x, y.astype(np.int64), seed=0, n_trees=n_trees), x


def by_hand(forest, x):
    """Each row down each tree, one node after the other."""
    total = np.zeros((len(x), forest.value.shape[1]))
    for i, row in enumerate(x):
        for root in forest.roots:
            node = root
            while forest.left[node] != node:
                side = forest.left if row[forest.feature[node]] <= forest.threshold[node] else forest.right
                node = side[node]
            total[i] += forest.value[node]
    return (total / len(forest.roots)).astype(np.float32)


@cases("n_trees", [1, 6, 10])
def test_the_walk_over_several_trees_is_the_walk_by_hand(n_trees):
    forest, x = forest_and_rows(n_trees)
    np.testing.assert_array_equal(forest.predict_proba(x), by_hand(forest, x))


@cases("n_trees", [1, 8, 23])
@cases("share", [0.0, 0.1, 0.5, 0.6, 0.9, 1.0])
def test_whether_a_class_gets_its_share_is_what_all_votes_say(monkeypatch, share, n_trees):
    forest, x = forest_and_rows(n_trees)
    for c in (0, 1):
        said = forest.predict_proba(x)[:, c] >= share
        assert (forest.votes_reach(x, c, share) != said).mean() < 0.01
        with monkeypatch.context() as patched:
            patched.setattr(forest_module, "SURE", np.inf if 0 < share < 1 else 0)
            np.testing.assert_array_equal(forest.votes_reach(x, c, share), said)


def test_each_row_may_be_asked_for_a_share_of_its_own(monkeypatch):
    forest, x = forest_and_rows(23)
    shares = np.random.default_rng(0).random(len(x), np.float32)
    said = forest.predict_proba(x)[:, 1] >= shares
    assert (forest.votes_reach(x, 1, shares) != said).mean() < 0.01
    monkeypatch.setattr(forest_module, "SURE", np.inf)
    np.testing.assert_array_equal(forest.votes_reach(x, 1, shares), said)


def test_rows_on_a_bound_are_no_outliers_however_a_projection_is_rounded():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 40)).astype(np.float32)
    row_filter = RowFilter(["outliers"], 0.5).fit(x, np.zeros(400, np.int64), 1, [0], seed=0)
    along = row_filter._project(x)
    row_filter.bounds[0] = along.min(0), along.max(0)  # so that each extreme row lies on one
    assert (row_filter.verdict(x, 0) == 0).all()
    row_filter.bounds[0, 1] = np.nextafter(row_filter.bounds[0, 1], -np.inf)
    refused = np.unique(along.argmax(0))
    np.testing.assert_array_equal(np.flatnonzero(row_filter.verdict(x, 0)), refused)


def test_the_first_rule_that_refuses_a_row_is_named_whether_or_not_it_is_taken_out():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 3)).astype(np.float32)
    row_filter = RowFilter(RULES, 0.5).fit(x, (x[:, 0] > 0).astype(np.int64), 2, [0, 1], seed=0)
    alone = {}
    test = np.concatenate([x[:100], x + 0.1, x[:50] + 20]).astype(np.float32)
    for place, rule in enumerate(RULES, 1):
        whole = RowFilter([rule], 0.5)
        whole.__dict__.update({k: v for k, v in row_filter.__dict__.items() if k != "rules"})
        alone[place] = whole.verdict(test, 1) > 0
    assert set(alone) == {1, 2, 3, 4} and not alone[2].any()  # these rows have no rules to break
    expected = np.select(list(alone.values()), list(alone), 0)
    np.testing.assert_array_equal(row_filter.verdict(test, 1), expected)


# ------------------------------------------------------------------------------------------ passes written out

MIXED = [Block("scalar", 0, 3), Block("onehot", 3, 5), Block("onehot", 5, 9)]
PLAN = TrainConfig(
    max_steps=12, batch_size=32, learning_rate=1e-3, discriminator_learning_rate=1e-3, betas=(0.0, 0.99),
    decay_from=0.5, ema_half_life=5.0, penalty_every=4, penalty_scale=1.0, log_every=1, look_every=12,
)  # fmt: skip


def players(blocks=MIXED, plan=PLAN, width=72, dtype=torch.float64, **kw):
    made = TABULAR_ARCHITECTURES["mlp"](blocks, 3, torch.Generator().manual_seed(0), width=width, **kw)
    return TrainState.start(type(made)(*(network.to(dtype) for network in made)), plan)


def played(monkeypatch, state, objective, way, plan=PLAN):
    """The history of a training, its last weights, and the state of its random numbers."""
    if way == "autograd":
        monkeypatch.setattr(loop, "WRITTEN_OUT", loop.PLAIN)
    labels, rng = torch.arange(90) % 3, torch.Generator().manual_seed(1)
    x = torch.randn(90, state.generator.network.last.out_features, generator=rng, dtype=torch.float64)
    history, _ = loop.train(
        state, ClassBatches(x, labels, torch.full((3,), 1 / 3)), OBJECTIVES[objective], plan, [], rng
    )
    return pd.DataFrame(history), state.generator.flat, rng.get_state()


@cases(
    ("objective", "layout"),
    [*((name, "mixed") for name in sorted(OBJECTIVES)), ("relativistic", "numbers"), ("relativistic", "groups")],
)
@cases("conditioning", ["projection", "concat"])
def test_passes_written_out_are_those_of_autograd(monkeypatch, objective, conditioning, layout):
    """In double precision over 12 steps: in single precision rounding alone leads two trainings apart within ten."""
    blocks = {"mixed": MIXED, "numbers": [Block("scalar", 0, 70)], "groups": [Block("onehot", 0, 4)]}
    found = {}
    for way in ("written", "autograd"):
        state = players(blocks[layout], conditioning=conditioning, depth=3)
        chosen = loop.gradient_functions(state, OBJECTIVES[objective], PLAN, torch.device("cpu"))
        assert chosen is loop.WRITTEN_OUT
        found[way] = played(monkeypatch, state, objective, way)
    (one, weights, drawn), (other, plain_weights, plain_drawn) = found["written"], found["autograd"]
    np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(weights, plain_weights, rtol=1e-6, atol=1e-8)
    assert torch.equal(drawn, plain_drawn)


@cases("onednn", [True, False])
def test_gradients_in_single_precision(monkeypatch, onednn):
    """One step's, with a penalty; the bias of the logit has none, for the loss sees differences only."""
    monkeypatch.setattr(layers, "_ONEDNN", torch.ops.mkldnn._linear_pointwise if onednn else None)
    state, rng = players(width=128, dtype=torch.float32), torch.Generator().manual_seed(2)
    part = loop.Part(torch.randn(128, 9, generator=rng), torch.arange(128) % 3, 1.0, rng)
    found = []
    for way in (loop.WRITTEN_OUT, loop.PLAIN):
        rng.manual_seed(3)
        (_, critic), handover = way.discriminator(state, OBJECTIVES["relativistic"], part, PLAN, 0.0)
        _, generator = way.generator(state, OBJECTIVES["relativistic"], part, handover, PLAN, 0.0)
        found.append((critic, generator))
    for one, other in zip(*found, strict=True):
        assert float((one - other).norm() / other.norm()) < 1e-5


def test_other_ways_of_training_go_through_autograd(monkeypatch):
    relativistic, cpu = OBJECTIVES["relativistic"], torch.device("cpu")

    class Own(layers.MLPGenerator):
        def forward(self, z, labels, rng):
            return 2 * super().forward(z, labels, rng)

    def way(state, plan=PLAN, objective=relativistic, device=cpu):
        return loop.gradient_functions(state, objective, plan, device)

    assert way(players()) is loop.WRITTEN_OUT
    assert way(players(conditioning="auxiliary")) is loop.PLAIN
    assert way(players(), dataclasses.replace(PLAN, pipe=lambda x, progress, rng: x)) is loop.PLAIN
    assert way(players(), dataclasses.replace(PLAN, precision=lambda: fastest(cpu)())) is loop.PLAIN
    assert way(players(), device=torch.device("meta")) is loop.PLAIN
    changed, fixed = players(), players()
    changed.generator.network.__class__ = Own
    assert way(changed) is loop.PLAIN
    fixed.discriminator.network.first.weight.requires_grad_(False)
    assert way(fixed) is loop.PLAIN
    monkeypatch.setitem(PENALTIES, "own", lambda critic, real, fake, rng: critic(real).square())
    assert way(players(), objective=dataclasses.replace(relativistic, penalties={"own": 1.0})) is loop.PLAIN


def test_a_penalty_that_asks_for_logits_is_told():
    own = loop.WrittenCritic(None, torch.zeros(1), None)
    with pytest.raises(TypeError, match="BY_SLOPE"):
        own(torch.zeros(1, 2))
    assert {PENALTIES[name] for name in ("r1", "r1_r2", "gradient")} == {*BY_SLOPE}


@cases("loss", sorted(SLOPES, key=lambda loss: loss.__name__))
def test_slopes_of_losses(monkeypatch, loss):
    real, fake = 5 * torch.randn(2, 40, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    mean, slopes = mean_and_slopes(loss, real, fake)
    monkeypatch.delitem(SLOPES, loss)
    plain, by_autograd = mean_and_slopes(loss, real, fake)
    torch.testing.assert_close(mean, plain)
    torch.testing.assert_close(slopes, by_autograd)
    assert not mean.requires_grad and not plain.requires_grad


def _appended(network):
    network.body.append(torch.nn.Tanh())


def _hooked(network):
    network.first.register_forward_hook(lambda module, inputs, output: 2 * output)


def _normed(network):
    torch.nn.utils.parametrizations.weight_norm(network.first)


def _replaced(network):
    network.forward = lambda *inputs: type(network).forward(network, *inputs) * 2


@cases("change", [_appended, _hooked, _normed, _replaced])
@cases("player", ["generator", "discriminator"])
def test_networks_that_were_changed_after_they_were_made_go_through_autograd(change, player):
    made = TABULAR_ARCHITECTURES["mlp"](MIXED, 3, torch.Generator().manual_seed(0), width=8)
    assert made.generator.writes_out and made.discriminator.writes_out
    network = getattr(made, player)
    change(network)
    assert not network.writes_out
    if player == "generator" and change is not _replaced:  # rows are drawn by the changed network, too
        z, labels = torch.randn(5, network.latent_dim, generator=torch.Generator().manual_seed(1)), torch.arange(5) % 3
        drawn, rows = (way(z, labels, torch.Generator().manual_seed(2)) for way in (network.draw, network))
        torch.testing.assert_close(drawn[:, :3], rows[:, :3])


@dataclasses.dataclass  # with an __eq__, and so without a hash
class Weighed:
    function: object

    def __call__(self, *given):
        return 1.0 * self.function(*given)


def test_losses_and_penalties_without_a_hash(monkeypatch):
    built_in = OBJECTIVES["relativistic"]
    monkeypatch.setitem(PENALTIES, "own", Weighed(PENALTIES["r1_r2"]))
    monkeypatch.setitem(OBJECTIVES, "own loss", dataclasses.replace(built_in, discriminator=Weighed(relativistic_d)))
    monkeypatch.setitem(OBJECTIVES, "own penalty", dataclasses.replace(built_in, penalties={"own": 1.0}))
    plan = dataclasses.replace(PLAN, max_steps=5)
    assert loop.gradient_functions(players(), OBJECTIVES["own loss"], plan, torch.device("cpu")) is loop.WRITTEN_OUT
    expected = played(monkeypatch, players(), "relativistic", "written", plan)[1]
    for objective in ("own loss", "own penalty"):
        found = played(monkeypatch, players(), objective, "written", plan)[1]
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-8)
