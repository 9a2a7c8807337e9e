"""Comparisons of images and series: what each arm trains on, what is recorded, and what is computed once."""

from __future__ import annotations

import importlib
import json
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import cases
from imblearn.metrics import geometric_mean_score
from sklearn.base import BaseEstimator
from sklearn.metrics import balanced_accuracy_score, f1_score
from torch.utils.data import TensorDataset

from ganaug import BlendedDataset, ImageGAN, SmoothedBootstrap
from ganaug.exceptions import InvalidDataError, InvalidParameterError, InvalidTypeError, MissingDependencyError
from ganaug.experiments import (
    ARMS,
    SERIES_ARMS,
    Arm,
    ImageComparison,
    choose_blend,
    class_scores,
    compare_images,
    compare_series,
    long_tailed,
)
from ganaug.experiments.images import cnn
from ganaug.experiments.images.arms import (
    SAMPLERS,
    TrainingSet,
    as_tensors,
    read_split,
    smote,
    synthetic_counts,
    training_set,
)
from ganaug.experiments.images.cnn import Schedule, Setup, SmallCNN, applies, logits_of, series_features, train
from ganaug.experiments.scores import class_shares, half_width, rare_classes, recalls

TINY = {"epochs": 3, "batch_size": 16, "width": 4, "verbose": False}


def pictures(counts, seed=0):
    """8 x 8 images: class 0 is bright on the left, 1 on the right, 2 above; labels are words."""
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 120, (sum(counts), 8, 8), dtype=np.uint8)
    y = np.repeat(np.arange(len(counts)), counts)
    for code, area in enumerate([np.s_[:, :, :4], np.s_[:, :, 4:], np.s_[:, :4, :]][: len(counts)]):
        part = X[y == code]
        part[area] += 90
        X[y == code] = part
    return X, np.array(["left", "right", "top"])[y]


@pytest.fixture
def split():
    return (*pictures([60, 20, 6]), *pictures([20, 30, 10], seed=1))


class Painter(BaseEstimator):
    """A generator that says on disk when it was fitted and asked; draws its class, or grey noise."""

    def __init__(self, log=None, good=True, fails=False, random_state=None):
        self.log = log
        self.good = good
        self.fails = fails
        self.random_state = random_state

    def say(self, *what):
        if self.log is not None:
            with open(self.log, "a", encoding="utf-8") as file:
                file.write(json.dumps(what) + "\n")

    def fit(self, X, y):
        self.say("fit", len(X), self.random_state)
        if self.fails:
            raise RuntimeError("out of paint")
        return self

    def sample(self, n, label=None, random_state=None):
        self.say("sample", n, str(label))
        counts = [n if name == label else 0 for name in ("left", "right", "top")]
        X, y = pictures(counts, random_state)
        if not self.good:
            X = np.random.default_rng(random_state).integers(0, 255, X.shape, dtype=np.uint8)
        return X, y


def said(log):
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


# ---- Scores ---------------------------------------------------------------------------------------


def test_scores_are_the_published_ones(rng):
    truth = np.repeat(np.arange(4), 50)
    predicted = np.where(rng.random(200) < 0.6, truth, rng.integers(0, 4, 200))
    found = class_scores(truth, predicted, 4)
    assert found["acsa"] == pytest.approx(balanced_accuracy_score(truth, predicted))
    assert found["macro_f1"] == pytest.approx(f1_score(truth, predicted, average="macro"))
    assert found["g_mean"] == pytest.approx(geometric_mean_score(truth, predicted, average="multiclass"))
    # the mean over classes of one against the rest
    each = [geometric_mean_score(truth == c, predicted == c, average="binary") for c in range(4)]
    assert found["g_mean_ovr"] == pytest.approx(np.mean(each))
    assert recalls(class_shares(truth, predicted, 4)).mean() == pytest.approx(found["acsa"])


def test_scores_do_not_depend_on_the_test_sets_class_ratio():
    truth, predicted = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 1, 0])
    many = np.concatenate([np.repeat(np.flatnonzero(truth == c), 1 + 3 * c) for c in range(3)])
    once, more = class_scores(truth, predicted, 3), class_scores(truth[many], predicted[many], 3)
    assert once == pytest.approx(more)
    assert once["g_mean"] == 0 < once["g_mean_ovr"]  # class 2 is never recognised
    with pytest.raises(InvalidDataError, match="class at place 1"):
        class_scores([0, 0], [0, 1], 2)


def test_rare_classes_and_intervals():
    assert rare_classes([100, 10, 11]).tolist() == [False, True, False]
    assert rare_classes([100, 90]).tolist() == [False, True]
    assert half_width([0.1, 0.2, 0.3]) == pytest.approx(4.3027 * 0.1 / np.sqrt(3), rel=1e-4)
    assert np.isnan(half_width([0.5]))


# ---- Splits ---------------------------------------------------------------------------------------


def test_long_tailed_draws_what_is_asked():
    X, y = np.arange(60).reshape(60, 1), np.repeat(["a", "b", "c"], 20)
    few, labels = long_tailed(X, y, [20, 5, 2], seed=1)
    assert dict(zip(*np.unique(labels, return_counts=True), strict=True)) == {"a": 20, "b": 5, "c": 2}
    assert len(np.unique(few)) == 27 and (np.diff(few[:, 0]) > 0).all()
    assert np.array_equal(few, long_tailed(X, y, {"a": 20, "b": 5, "c": 2}, seed=1)[0])
    assert not np.array_equal(few, long_tailed(X, y, [20, 5, 2], seed=2)[0])
    only, _ = long_tailed(X, y, {"b": 5}, seed=1)
    assert np.isin(only, few).all()  # whatever the others
    with pytest.raises(InvalidParameterError, match="21 samples of 'a', and there are 20"):
        long_tailed(X, y, [21, 5, 2])
    with pytest.raises(InvalidParameterError, match="'d', and there are 0"):
        long_tailed(X, y, {"d": 1})
    with pytest.raises(InvalidParameterError, match="3 classes"):
        long_tailed(X, y, [1, 2])


def test_splits_are_checked(split):
    X, y, X_test, y_test = split
    found = read_split(split)
    assert found.labels.tolist() == ["left", "right", "top"] and found.counts.tolist() == [60, 20, 6]
    for bad, words in [
        ((X, y[:-1], X_test, y_test), "85"),
        ((X, y, X_test[:, :4], y_test), "shape"),
        ((X, y, X_test, np.where(y_test == "top", "other", y_test)), "other"),
        ((X[:60], y[:60], X_test, y_test), "single class"),
        ((X, y), "X_train"),
    ]:
        with pytest.raises(InvalidDataError, match=words):
            read_split(bad)


def test_images_become_zero_to_one_and_series_unit_spread(split):
    _, x, x_test = as_tensors("image", read_split(split))
    assert x.shape == (86, 1, 8, 8) and x.dtype == torch.float32
    assert x.min() == 0 and float(x.max()) == pytest.approx(1)
    assert x_test.shape == (60, 1, 8, 8)
    X = np.random.default_rng(0).normal(3, 5, (40, 2, 16))
    _, x, _ = as_tensors("series", read_split((X, np.arange(40) % 2, X, np.arange(40) % 2)))
    assert x.mean((0, 2)).abs().max() < 1e-5 and (x.std((0, 2)) - 1).abs().max() < 1e-5


# ---- What an arm trains on ---------------------------------------------------------------------------


def test_wanted():
    counts = np.array([60, 20, 6])
    assert synthetic_counts(counts, Arm(share=1.0)).tolist() == [0, 40, 54]
    assert synthetic_counts(counts, Arm(share=0.25)).tolist() == [0, 10, 14]
    assert synthetic_counts(counts, Arm(share=1.0, real=False)).tolist() == [60, 60, 60]


def test_a_smaller_blend_is_part_of_a_larger_one():
    x, codes = torch.zeros(86, 1, 8, 8), np.repeat([0, 1, 2], [60, 20, 6])
    pool = torch.arange(180.0).view(-1, 1, 1, 1).expand(-1, 1, 8, 8), np.repeat([0, 1, 2], 60)
    half, full = (training_set(x, codes, Arm(share=share), pool, 3, 0) for share in (0.5, 1.0))
    for made, n in ((half, 47), (full, 94)):
        assert made.synthetic.sum() == n and not made.synthetic[:86].any()
        assert torch.equal(made.x[:86], x)
    assert np.bincount(full.codes).tolist() == [60, 60, 60]
    part, whole = (set(made.x[made.synthetic][:, 0, 0, 0].tolist()) for made in (half, full))
    assert part < whole
    alone = training_set(x, codes, Arm(share=1.0, real=False), pool, 3, 0)
    assert alone.synthetic.all() and np.bincount(alone.codes).tolist() == [60, 60, 60]
    with pytest.raises(InvalidParameterError, match="generators="):
        training_set(x, codes, Arm(share=1.0), None, 3, 0)
    with pytest.raises(InvalidDataError, match="pool has 20"):
        training_set(x, codes, Arm(share=1.0), (pool[0][110:130], pool[1][110:130]), 3, 0)


def test_smote_lies_between_neighbours_of_the_class():
    x = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [9.0, 9.0], [50.0, 50.0]]).unsqueeze(1)
    codes = np.array([0, 0, 0, 1, 2])
    made, owners = smote(x, codes, np.array([200, 3, 0]), None, 0)
    assert np.bincount(owners).tolist() == [200, 3]
    own = made[:200, 0]
    assert own.min() >= 0 and (own.sum(1) <= 1 + 1e-6).all() and len(torch.unique(own, dim=0)) > 100
    assert (made[200:] == 9).all()  # a class of one sample is copied
    assert torch.equal(made, smote(x, codes, np.array([200, 3, 0]), None, 0)[0])


def test_samplers():
    codes, synthetic = np.repeat([0, 1], [90, 10]), np.arange(100) >= 92
    batches = SAMPLERS["shuffled"](codes, synthetic, 30, np.random.default_rng(0))
    two_epochs = np.concatenate([next(batches) for _ in range(20)])
    assert (np.bincount(two_epochs[:100]) == 1).all() and (np.bincount(two_epochs[:600]) == 6).all()
    for name, made in (("balanced", 0.4), ("halves", 0.25)):
        batches = SAMPLERS[name](codes, synthetic, 30, np.random.default_rng(0))
        drawn = np.concatenate([next(batches) for _ in range(100)])
        assert abs(codes[drawn].mean() - 0.5) < 0.05
        assert abs(synthetic[drawn].mean() - made) < 0.05
    batches = SAMPLERS["sources"](codes, synthetic, 30, np.random.default_rng(0))
    drawn = [next(batches) for _ in range(46)]
    assert {int(synthetic[batch].sum()) for batch in drawn} == {15}
    times = np.bincount(np.concatenate(drawn))
    assert set(times[:92]) <= {7, 8} and set(times[92:]) <= {86, 87}  # 690 draws of 92, and 690 of 8
    only = SAMPLERS["sources"](codes[:92], synthetic[:92], 30, np.random.default_rng(0))
    assert len(next(only)) == 30


def test_synthetic_items_of_every_class():
    counts = np.array([90, 10, 5])
    assert synthetic_counts(counts, Arm(share=0.5)).tolist() == [0, 40, 42]
    assert synthetic_counts(counts, Arm(share=0.5, every_class=True)).tolist() == [45, 45, 45]
    assert synthetic_counts(counts, Arm(share=1.0, real=False)).tolist() == [90, 90, 90]


def spied(monkeypatch, arm, synthetic, steps=10):
    """The items of every step, and the losses' weights and logits."""
    seen_by = {"x": [], "weight": [], "logits": []}

    class Spy(SmallCNN):
        def forward(self, x):
            if self.training:
                seen_by["x"].append(x.detach().clone())
            return super().forward(x) * 0

    def loss(logits, y, weight):
        seen_by["weight"].append(weight)
        seen_by["logits"].append(logits.detach())
        return torch.nn.functional.cross_entropy(logits, y)

    monkeypatch.setattr(cnn, "SmallCNN", Spy)
    monkeypatch.setattr(cnn, "_loss", loss)
    n = len(synthetic)
    codes = np.where(np.arange(n) < n * 3 // 4, 0, 1)
    x = torch.arange(float(n)).view(-1, 1, 1, 1).expand(-1, 1, 8, 8).clone()
    schedule = Schedule(batch_size=16, width=2)
    train(TrainingSet(x, codes, synthetic, 2), arm, Setup(schedule, ["flip"], steps, 0))
    return seen_by


def test_synthetic_items_leave_when_they_are_told_to(monkeypatch):
    synthetic = np.arange(40) >= 36
    made = spied(monkeypatch, Arm(share=1.0, synthetic_until=0.5), synthetic)
    owners = [set(batch[:, 0, 0, 0].int().tolist()) for batch in made["x"]]
    assert any(max(rows) >= 36 for rows in owners[:5])
    assert all(max(rows) < 36 for rows in owners[5:])
    rare = np.mean([[row >= 30 for row in batch[:, 0, 0, 0]] for batch in made["x"][5:]])
    assert 0.3 < rare < 0.7  # and the weighted sampler takes over


def test_losses_of_the_arms(monkeypatch):
    synthetic = np.arange(40) >= 36
    made = spied(monkeypatch, Arm(adjust=1.0), np.zeros(40, bool), 2)
    assert torch.allclose(made["logits"][0][0], torch.tensor([0.75, 0.25]).log())  # the network says 0
    made = spied(monkeypatch, Arm(adjust=1.0, sampler="sources"), synthetic, 2)
    own = (made["x"][0][:, 0, 0, 0] >= 36).long()  # each item meets the odds of its own source
    assert own.sum() == 8
    assert torch.allclose(made["logits"][0], torch.tensor([[30 / 36, 6 / 36], [1 / 4, 1.0]]).log()[own])
    made = spied(monkeypatch, Arm(share=1.0, weight=0.5), synthetic, 4)
    weights = torch.cat(made["weight"])
    assert set(weights.tolist()) == {0.5, 1.0}
    made = spied(monkeypatch, Arm(mixup=1.0, reweight_from=0.5), synthetic, 4)
    assert len(made["weight"]) == 8  # two labels to each item
    assert (torch.cat(made["weight"][:4]) == 1).all()
    late = sorted(set(torch.cat(made["weight"][4:]).tolist()))
    assert len(late) == 2 and late[1] / late[0] == pytest.approx(3, rel=0.01)  # 30 against 10
    whole = torch.cat([batch[:, 0, 0, 0] for batch in made["x"]])
    assert (whole != whole.round()).any()  # mixed


def test_arms_are_trained_alike(split):
    """The same first weights and the same number of steps, whatever there is to train on."""
    found = read_split(split)
    _, x, _ = as_tensors("image", found)
    schedule = Schedule(epochs=2, batch_size=16, width=4)
    assert schedule.steps(len(x)) == 12
    first = []
    for arm in (Arm(), Arm(share=1.0, maker="smote", sampler="balanced")):
        own = training_set(x, found.y_train, arm, None, 3, 0)
        first.append(train(own, arm, Setup(schedule, [], 0, 5)).state_dict())
    assert all(torch.equal(first[0][name], first[1][name]) for name in first[0])


@cases("shape", [(1, 8, 8), (3, 9, 12), (2, 16)])
def test_the_network_learns_and_repeats(shape, global_state):
    rng = np.random.default_rng(0)
    codes = np.arange(96) % 2
    x = torch.from_numpy(rng.normal(size=(96, *shape)).astype(np.float32)) + torch.from_numpy(codes).float().view(
        -1, *(1,) * len(shape)
    )
    own = TrainingSet(x[:64], codes[:64], np.zeros(64, bool), 2)
    schedule = Schedule(epochs=15, batch_size=16, width=8)
    networks = [train(own, Arm(), Setup(schedule, [], schedule.steps(64), seed)) for seed in (0, 0, 1)]
    said = [logits_of(network, x[64:]) for network in networks]
    assert (said[0].argmax(1) == codes[64:]).mean() > 0.8
    assert np.array_equal(said[0], said[1]) and not np.array_equal(said[0], said[2])
    global_state.assert_unchanged()


def test_series_features():
    x = torch.randn(5, 3, 40, generator=torch.Generator().manual_seed(0))
    found = series_features(x)
    assert found.shape == (5, 3 * 15) and np.isfinite(found).all()
    assert np.allclose(found[:, :3], x.double().mean(2))
    assert series_features(x[:, :, :9]).shape[0] == 5
    assert applies("features", Arm(share=0.5, sampler="balanced")) and not applies("features", Arm(adjust=1.0))


# ---- The comparison -----------------------------------------------------------------------------------


def test_a_comparison_of_images(split, tmp_path):
    log = tmp_path / "log"
    arms = ["nothing", "augmentation", "SMOTE + augmentation", "blend 0.5 + augmentation", "blend 1 + augmentation"]
    arms += ["synthetic only + augmentation"]
    common = {"seeds": [0, 1], "cache": tmp_path / "cells", "augment": {"d": ["flip"]}, "arms": arms, **TINY}
    found = compare_images({"d": split}, {"painter": Painter(str(log))}, **common)

    results = found.results
    assert results["arm"].tolist() == [*arms, *arms] and not len(found.failures)
    assert results["seed"].tolist() == [0] * 6 + [1] * 6
    assert results["n_synthetic"].tolist() == [0, 0, 94, 47, 94, 180] * 2
    assert set(results["steps"]) == {18}  # ceil(86 / 16) * 3, for each of them
    assert results["kind"].tolist() == (["baseline"] * 3 + ["blend"] * 2 + ["synthetic"]) * 2
    assert results[found.metrics].notna().all().all()
    assert results["rare_recall"].tolist() == pytest.approx(
        found.per_class[found.per_class["label"] == "top"]["accuracy"].tolist()
    )
    assert found.per_class["count"].tolist()[:3] == [60, 20, 6]

    # one fit for each seed, with seeds of their own; samples of each class once
    events = said(log)
    fits = [event for event in events if event[0] == "fit"]
    assert len(fits) == 2 and fits[0][2] != fits[1][2] and fits[0][1] == 86
    assert [event[1:] for event in events if event[0] == "sample"] == [[60, "left"], [60, "right"], [60, "top"]] * 2

    # a second call computes nothing; a lost cell comes out the same, from the pool that is there
    before = log.read_text()
    lost = next((tmp_path / "cells").glob("d-blend_1*.json"))
    lost.unlink()
    again = compare_images({"d": split}, {"painter": Painter(str(log))}, **common)
    assert log.read_text() == before and lost.exists()
    free = [c for c in results if not c.startswith("seconds")]
    assert again.results[free].equals(results[free])
    looked = compare_images({"d": split}, {"painter": Painter(str(log))}, finished_only=True, **common)
    assert looked.results[free].equals(results[free])
    none = compare_images({"d": split}, finished_only=True, seeds=[7], cache=tmp_path / "empty", **TINY)
    assert none.results.empty and repr(none) == "ImageComparison(no results)"

    # what can be said
    table = found.summary("acsa")
    own = results[results["arm"] == "nothing"]["acsa"]
    assert table.loc[("d", "cnn", "nothing"), "mean"] == pytest.approx(own.mean())
    assert table.loc[("d", "cnn", "nothing"), "interval"] == pytest.approx(half_width(own))
    assert table["seeds"].tolist() == [2] * 6
    assert set(found.summary().columns.get_level_values(0)) == set(found.metrics)
    score = found.synthetic_accuracy("augmentation").iloc[0]
    assert score["ratio"] == pytest.approx(score["synthetic"] / score["real"])
    assert "| nothing |" in found.to_markdown("d") and "±" in found.to_markdown("d")
    assert found.by_class("d").columns.tolist() == ["left (60)", "right (20)", "top (6)"]
    quality = found.quality
    assert set(quality["label"]) == {"", "left", "right", "top"} and set(quality["seed"]) == {0, 1}
    assert {"frechet_distance", "coverage", "near_copies"} < set(quality["metric"])
    assert quality[(quality["metric"] == "coverage") & (quality["label"] == "")]["floor"].notna().all()


def test_a_good_generator_helps_and_a_bad_one_is_found_out(split):
    arms = ["nothing", "blend 1 + augmentation"]
    makers = {"good": Painter(), "bad": Painter(good=False)}
    found = compare_images({"d": split}, makers, arms, seeds=[0], **{**TINY, "epochs": 8})
    means = found.summary("acsa")["mean"]["d"]["cnn"]
    assert means["blend 1 + augmentation (good)"] > means["blend 1 + augmentation (bad)"] + 0.1
    whole = found.quality[found.quality["label"] == ""].pivot(index="metric", columns="generator", values="value")
    assert whole.loc["frechet_distance", "good"] < whole.loc["frechet_distance", "bad"]
    assert whole.loc["coverage", "good"] > whole.loc["coverage", "bad"]


def test_results_do_not_depend_on_jobs_or_on_what_else_is_compared(split):
    common = {"seeds": [3], "quality": False, **TINY}
    both = compare_images({"d": split}, {"painter": Painter()}, ["nothing", "blend 1 + augmentation"], **common)
    one = compare_images({"d": split}, {"painter": Painter()}, ["blend 1 + augmentation"], n_jobs=2, **common)
    assert both.results["acsa"].iloc[1] == one.results["acsa"].iloc[0]


def test_failures_are_rows(split, tmp_path):
    X, y, X_test, y_test = split
    sets = {"d": split, "broken": (X, y[:-1], X_test, y_test), "later": lambda seed: 1 / 0}
    arms = ["nothing", "blend 1 + augmentation"]
    found = compare_images(
        sets, {"painter": Painter(fails=True)}, arms, seeds=[0], quality=False, cache=tmp_path, **TINY
    )
    errors = found.results.set_index(["dataset", "arm"])["error"]
    assert errors["d", "nothing"] == "" and errors["d", "blend 1 + augmentation"] == "RuntimeError: out of paint"
    assert "86" in errors["broken", "nothing"] and "ZeroDivisionError" in errors["later", "nothing"]
    assert len(found.failures) == 5
    assert "failed" in found.to_markdown("d")
    # a generator's failure is not kept
    mended = compare_images(
        {"d": split}, {"painter": Painter()}, arms, seeds=[0], quality=False, cache=tmp_path, **TINY
    )
    assert not len(mended.failures)


def test_a_function_gets_the_seed(split):
    asked = []

    def draw(seed):
        asked.append(seed)
        return (*long_tailed(*split[:2], [40, 20, 6], seed), *split[2:])

    found = compare_images({"d": draw}, {}, ["nothing"], seeds=[4, 9], quality=False, **TINY)
    assert asked == [4, 9] and found.results["n_real"].tolist() == [66, 66]


def test_a_model_is_saved_and_sampled_again(split, tmp_path):
    gan = ImageGAN(max_steps=2, batch_size=8, channels=2, max_channels=4, verbose=False)
    common = {"seeds": [0], "quality": False, "cache": tmp_path, **TINY}
    found = compare_images({"d": split}, {"gan": gan}, ["blend 1 + augmentation"], **common)
    assert not len(found.failures)
    model, pool = next(tmp_path.glob("*.safetensors")), next(tmp_path.glob("*.npz"))
    written, stored = model.stat().st_mtime_ns, dict(np.load(pool))
    pool.unlink()
    next(tmp_path.glob("*.json")).unlink()
    again = compare_images({"d": split}, {"gan": gan}, ["blend 1 + augmentation"], **common)
    assert model.stat().st_mtime_ns == written  # not trained again
    assert np.array_equal(np.load(pool)["X"], stored["X"])
    assert again.results["acsa"].tolist() == found.results["acsa"].tolist()
    assert not list(tmp_path.glob("*.checkpoint*"))


def test_parts_of_an_arm_from_outside(split):
    """A batch sampler and a maker of one's own are functions in an Arm, in other processes too."""

    def even(codes, synthetic, size, rng):
        yield from SAMPLERS["balanced"](codes, synthetic, size, rng)

    def grey(x, codes, counts, pool, seed):
        owners = np.repeat(np.arange(len(counts)), counts)
        return torch.full((len(owners), *x.shape[1:]), 0.5), owners

    arms = {"even": Arm(sampler=even), "balanced": Arm(sampler="balanced"), "nothing": "nothing"}
    arms |= {"grey": Arm(share=0.5, maker=grey)}
    found = compare_images({"d": split}, {}, arms, seeds=[0], quality=False, n_jobs=2, **TINY)
    assert not len(found.failures)
    assert found.results["n_synthetic"].tolist() == [0, 0, 0, 47] and set(found.results["kind"]) == {"baseline"}
    recognised = found.by_class("d").T
    assert recognised["even"].equals(recognised["balanced"]) and not recognised["even"].equals(recognised["nothing"])


@cases(
    ("change", "error", "words"),
    [
        ({"arms": ["nothing", "noting"]}, InvalidParameterError, "noting"),
        ({"arms": []}, InvalidParameterError, "empty"),
        ({"arms": {"mine": 3}}, InvalidTypeError, "mine"),
        ({"arms": {"mine": Arm(share=2.0)}}, InvalidParameterError, "share"),
        ({"arms": {"mine": Arm(sampler="fair")}}, InvalidParameterError, "fair"),
        ({"arms": {"mine": Arm(real=False)}}, InvalidParameterError, "real"),
        ({"generators": {"g": 3}}, InvalidTypeError, "fit and sample"),
        ({"generators": {}}, InvalidParameterError, "generators"),
        ({"datasets": {}}, InvalidParameterError, "datasets"),
        ({"seeds": []}, InvalidParameterError, "seeds"),
        ({"device": "cuda:99"}, InvalidParameterError, "device=.cuda:99. is not on this machine"),
        ({"epochs": 0}, InvalidParameterError, "epochs"),
        ({"augment": "flip"}, InvalidParameterError, "augment"),
        ({"augment": ["flap"]}, InvalidParameterError, "flap"),
        ({"n_jobs": 0}, InvalidParameterError, "n_jobs"),
        ({"finished_only": True}, InvalidParameterError, "cache"),
    ],
)
def test_bad_parameters(split, change, error, words):
    given = {"datasets": {"d": split}, "generators": {"painter": Painter()}, **TINY} | change
    with pytest.raises(error, match=words):
        compare_images(**given)


def test_a_comparison_of_series():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], [60, 20, 8])
    X = rng.normal(size=(88, 2, 16)).cumsum(2) + y[:, None, None]
    split = X, y, X[::2], y[::2]
    found = compare_series({"s": split}, {"b": SmoothedBootstrap()}, seeds=[0], quality=False, **TINY)
    assert not len(found.failures)
    by_judge = found.results.groupby("classifier")["arm"].apply(list)
    assert by_judge["cnn"] == list(SERIES_ARMS)
    assert by_judge["features"] == [name for name, arm in SERIES_ARMS.items() if applies("features", arm)]
    assert {"weights", "SMOTE", "blend 1"} < set(by_judge["features"])
    assert (found.select(classifier="features").results["acsa"] > 0.5).all()
    pictured = found.plot_samples("s") if _has_matplotlib() else None
    assert pictured is None or len(pictured.lines) == 3 * 2 * 8 * 2  # classes, real and not, samples, channels


def test_what_can_be_said_of_results():
    rows = [
        {"dataset": d, "seed": s, "arm": a, "kind": k, "acsa": value + noise * s}
        for d, noise in (("sure", 0.01), ("unsure", 0.01))
        for s in range(3)
        for a, k, value in [
            ("nothing", "baseline", 0.6),
            ("weights", "baseline", 0.7),
            ("blend 1", "blend", 0.8 if d == "sure" else 0.7 + 0.02 * (s - 1)),
            ("synthetic only", "synthetic", 0.9),
        ]
    ]
    found = ImageComparison(rows)
    best = found.best("acsa")
    assert best["blend"].tolist() == ["blend 1"] * 2 and best["other"].tolist() == ["weights"] * 2
    assert best["verdict"].tolist() == ["better", "not told apart"]
    assert best["difference"].iloc[0] == pytest.approx(0.1) and best["interval"].iloc[0] == pytest.approx(0, abs=1e-9)
    against = found.against("weights").loc["sure"].loc["cnn"]
    assert against.loc["nothing", "difference"] == pytest.approx(-0.1) and against.loc["nothing", "higher"] == 0
    assert found.select(seed=0).best("acsa")["verdict"].tolist() == ["one seed"] * 2
    assert "2 datasets, 4 arms, 3 seeds" in repr(found)
    for call in (lambda: found.values("f2"), lambda: found.against("x"), lambda: found.select(x=1)):
        with pytest.raises(InvalidParameterError):
            call()
    for call in (lambda: found.to_markdown("x"), lambda: found.by_class("x"), lambda: found.plot_samples("x")):
        with pytest.raises(InvalidParameterError, match="nothing|no samples"):
            call()


def _has_matplotlib():
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        return False
    return True


def test_pictures(split, monkeypatch):
    pytest.importorskip("matplotlib")
    found = compare_images({"d": split}, {"p": Painter()}, ["nothing", "blend 1 + augmentation"], seeds=[0], **TINY)
    ax = found.plot_samples("d")
    assert len(ax.images) == 6 * 8 - 2  # the rarest class has 6 real ones
    assert [tick.get_text() for tick in ax.get_yticklabels()][:2] == ["left, real", "left, synthetic"]
    ax = found.plot("d")
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["nothing", "blend 1 + augmentation"]
    means = found.summary("acsa")["mean"].tolist()
    assert [container.lines[0].get_xdata()[0] for container in ax.containers] == pytest.approx(means)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingDependencyError, match="plot"):
        found.plot("d")


# ---- The recommendation ---------------------------------------------------------------------------------


CHOICE = {"cv": 2, "epochs": 6, "batch_size": 16, "width": 4, "random_state": 0}


def test_a_blend_is_recommended_where_it_helps():
    X, y = pictures([90, 12, 6])
    arms = ["nothing", "weighted sampler", "blend 1 + augmentation"]
    choice = choose_blend(X, y, Painter(), arms, augment=(), **{**CHOICE, "epochs": 20})
    table = choice.evidence.set_index("arm")
    assert choice.name == "blend 1 + augmentation" and choice.share == 1
    row = table.loc[choice.name]
    assert row["gain"] > row["needed"] > 0 and row["gain"] == pytest.approx(
        row["score"] - table.loc[choice.reference, "score"]
    )
    assert choice.reference in ("nothing", "weighted sampler") and choice.reference in choice.verdict
    assert choice.sampling_strategy == {"right": 90, "top": 90}


def test_none_is_recommended_where_it_does_not():
    X, y = pictures([60, 30, 20])
    choice = choose_blend(X, y, Painter(good=False), ["nothing", "blend 1 + augmentation"], val_fraction=0.4, **CHOICE)
    assert choice.name == choice.reference == "nothing" and choice.share == 0 and choice.sampling_strategy == {}
    assert choice.verdict.startswith("No synthetic samples: no blend beat nothing")
    alone = choose_blend(X, y, Painter(), ["nothing"], val_fraction=0.4, **CHOICE)
    assert "no blend was tried" in alone.verdict


def test_a_dataset_is_read_and_the_choice_fits_blended_dataset():
    X, y = pictures([30, 12, 6])
    codes = np.unique(y, return_inverse=True)[1]
    data = TensorDataset(torch.from_numpy(X)[:, None].float() / 255, torch.from_numpy(codes))
    generator = SmoothedBootstrap(random_state=0)
    choice = choose_blend(data, None, generator, {"a": Arm(), "b": Arm(share=0.5)}, **{**CHOICE, "epochs": 1})
    strategy = choice.sampling_strategy or {1: 21, 2: 18}
    blend = BlendedDataset(data, generator.fit(data.tensors[0], codes), strategy)
    assert np.bincount(blend.targets).tolist() == [30, 21, 18]


@cases(
    ("change", "error", "words"),
    [
        ({"generator": None}, InvalidParameterError, "generator"),
        ({"arms": ["blend 1 + augmentation"]}, InvalidParameterError, "at least one without"),
        ({"arms": ["nothing", "synthetic only + augmentation"]}, InvalidParameterError, "none without real"),
        ({"device": "gpu"}, InvalidParameterError, "device=.gpu. is not on this machine"),
        ({"cv": 7}, InvalidDataError, "6 samples"),
        ({"cv": 1}, InvalidParameterError, "cv"),
        ({"val_fraction": 1.0}, InvalidParameterError, "val_fraction"),
        ({"y": None}, InvalidDataError, "labels"),
        ({"kind": "table"}, InvalidParameterError, "kind"),
    ],
)
def test_bad_choices(change, error, words):
    X, y = pictures([30, 12, 6])
    with pytest.raises(error, match=words):
        choose_blend(**({"X": X, "y": y, "generator": Painter(), **CHOICE} | change))


def test_every_arm_of_the_registries_can_be_trained(split):
    found = read_split(split)
    _, x, x_test = as_tensors("image", found)
    pool = torch.rand(180, 1, 8, 8, generator=torch.Generator().manual_seed(0)), np.repeat([0, 1, 2], 60)
    for arm in {*ARMS.values(), *SERIES_ARMS.values(), replace(ARMS["nothing"], share=0.5, weight=0.3)}:
        own = training_set(x, found.y_train, arm, pool, 3, 0)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            network = train(own, arm, Setup(Schedule(batch_size=16, width=2), ["translation", "flip"], 4, 0))
        assert np.isfinite(logits_of(network, x_test)).all()


# ---- The scripts ------------------------------------------------------------------------------------------


@pytest.fixture
def script(monkeypatch):
    """Import a benchmark as it imports itself when it is run: its own folder comes first."""

    def load(name):
        folder = Path(__file__).resolve().parents[1] / "examples" / "benchmarks"
        monkeypatch.syspath_prepend(str(folder))
        for module in ("common", "datasets", "images", "series"):
            monkeypatch.delitem(sys.modules, module, raising=False)
        return importlib.import_module(name)

    return load


def test_the_image_script_writes_its_page(script, shared_data, tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    images = script("images")
    for name, (source, counts, *_) in images.SETS.items():
        y = shared_data.load_images(source)[1]
        assert (np.bincount(y) >= counts).all(), name
    monkeypatch.setitem(images.SETS, "usps", ("usps", [30, 20, 20, 15, 15, 12, 12, 12, 6, 6], ("translation",), 1))
    monkeypatch.setattr(images, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(images, "IMAGES", tmp_path / "images")
    asked = [
        "--sets",
        "usps",
        "--seeds",
        "0",
        "--steps",
        "2",
        "--epochs",
        "1",
        "--width",
        "2",
        "--cache",
        str(tmp_path),
    ]
    assert images.main([*asked, "--arms", "nothing", "blend 1 + augmentation", "--write"]) == 0
    shown = capsys.readouterr().out
    assert "1 datasets, 2 arms, 1 seeds" in shown and "0 failed" in shown
    page = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert "not ahead** on usps (cnn): blend 1 + augmentation" in page and "one seed" in page
    assert "| blend 1 + augmentation |" in page and "| frechet_distance |" in page
    for file in ("images_usps_cnn_acsa.png", "images_usps_samples.png"):
        assert f"images/{file}" in page and (tmp_path / "images" / file).stat().st_size > 2_000
    (tmp_path / "page.md").unlink()
    assert images.main([*asked, "--arms", "nothing", "blend 1 + augmentation", "--write-only"]) == 0
    assert (tmp_path / "page.md").exists()


def test_the_splits_of_the_series_script(script, shared_data):
    series = script("series")
    X, y, X_test, y_test = series.ecg5000(0)
    assert np.bincount(y).tolist() == [1459, 883, 48, 97, 12] and len(X) + len(X_test) == 4999
    assert not np.array_equal(y_test, series.ecg5000(1)[3]) or not np.array_equal(X, series.ecg5000(1)[0])
    _, y, _, y_test = series.hapt(0)
    assert len(np.unique(y)) == len(np.unique(y_test)) == 12
