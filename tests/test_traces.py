"""What leaves the process that fitted holds no trace of a single training sample, and says what it does hold."""

from __future__ import annotations

import copy
import io
import json
import pickle
from multiprocessing.context import set_spawning_popen
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from helpers import cases
from sklearn.metrics import roc_auc_score

import ganaug
from ganaug import (
    FewSamplesWarning,
    GANOversampler,
    ImageGAN,
    ImageTranslator,
    SeriesGAN,
    SmoothedBootstrap,
    SyntheticDataset,
    TabularGAN,
    TraceWarning,
    quality_report,
)
from ganaug.exceptions import DataWarning, InvalidDataError, InvalidParameterError
from ganaug.filtering.sample_filter import shrink_samples
from ganaug.report.inputs import traces
from ganaug.rules import Determined, OneHot, Order, Rewriter, Within
from ganaug.rules.table_view import view_of
from ganaug.utils.determinism import child_seed
from ganaug.utils.state import read_state

pytestmark = pytest.mark.usefixtures("small_forests")

GOLDEN = Path(__file__).resolve().parent / "data" / "golden_v1.safetensors"


def by_file(estimator, folder, **how):
    estimator.save(folder / "model.safetensors", **how)
    return ganaug.load(folder / "model.safetensors")


def by_joblib(estimator, folder):
    joblib.dump(estimator, folder / "model.joblib")
    return joblib.load(folder / "model.joblib")


WAYS = {
    "file": by_file,
    "pickle": lambda estimator, folder: pickle.loads(pickle.dumps(estimator)),
    "joblib": by_joblib,
    "deepcopy": lambda estimator, folder: copy.deepcopy(estimator),
}


def table(n=240, seed=0):
    """Columns of many kinds, with two classes."""
    rng = np.random.default_rng(seed)
    y = (np.arange(n) % 4 == 0).astype(int)
    X = pd.DataFrame(
        {
            "normal": rng.normal(y, 1),
            "skewed": rng.lognormal(size=n),
            "cents": rng.lognormal(5, 1, n).round(2),
            "amount": rng.integers(0, 1_000_000, n),
            "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 30_000_000, n), unit="s"),
            "single": rng.random(n).astype(np.float32),
            "heavy": rng.standard_t(2, n) * 100,
            "kind": rng.choice(["a", "b", "c"], n),
        }
    )
    return X, y


def images(n=80, side=8, seed=0):
    rng = np.random.default_rng(seed)
    y = np.repeat([0, 1], [n - n // 4, n // 4])
    return rng.integers(0, 256, (n, side, side), dtype=np.uint8), y


def series(n=80, length=24, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 1, length)).cumsum(axis=2), np.repeat([0, 1], [n - n // 4, n // 4])


SMALL = {"max_steps": 3, "verbose": False, "random_state": 0}
TINY = {"channels": 2, "max_channels": 4, "batch_size": 8, **SMALL}
FITS = {
    "table": lambda: TabularGAN(width=16, depth=1, **SMALL).fit(*table()),
    "images": lambda: ImageGAN(**TINY).fit(*images()),
    "series": lambda: SeriesGAN(**TINY).fit(*series()),
}


@pytest.fixture(scope="module")
def fitted():
    return {name: fit() for name, fit in FITS.items()}


# ------------------------------------------------------------------------------------------ what is not there


def numbers_in(thing):
    """Every number in a config or in arrays."""
    if isinstance(thing, dict):
        for value in thing.values():
            yield from numbers_in(value)
    elif isinstance(thing, (list, tuple)):
        for value in thing:
            yield from numbers_in(value)
    elif isinstance(thing, np.ndarray) and thing.dtype.kind == "f":  # counts and places are no values
        yield from thing.ravel().astype(np.float64).tolist()
    elif isinstance(thing, (int, float)) and not isinstance(thing, bool):
        yield float(thing)


@cases("n", [40, 240, 2000])
@cases("column", ["normal", "skewed", "cents", "amount", "when", "single", "heavy"])
def test_a_codec_keeps_no_value_of_a_fine_column(column, n):
    X, y = table(n)
    codec = TabularGAN()._modality.codec().fit(X[[column]], y)
    values = X[column].to_numpy()
    values = (values.view("int64") if values.dtype.kind == "M" else values).astype(np.float64)
    once = pd.Series(values).value_counts().pipe(lambda counts: counts.index[counts < 4])
    low = float(codec.column_summary()[0]["low"])
    kept = np.array(list(numbers_in(codec.get_state())))
    if X[column].dtype.kind in "iM":  # knots are distances from the lower bound
        kept = np.concatenate([kept, kept + low])
    same = np.isclose(kept[:, None], np.asarray(once)[None], rtol=1e-12, atol=0).any(1)
    assert not (same & (np.abs(kept) > 2)).any(), kept[same]
    grid = codec.full.table._columns[0].model.grid
    assert grid is None or grid.base < grid.step  # and not the smallest value
    knots = codec.full.table._columns[0].model.curve.values
    assert len(knots) <= max(4, min(259, n // 4 + 2))


@cases("n", [12, 60, 500, 3000])
def test_bounds_are_inside_and_near(n):
    X, _ = table(n)
    codec = TabularGAN()._modality.codec().fit(X)
    for column in codec.column_summary():
        if column["kind"] != "number" or column["name"] == "kind":
            continue
        values = X[column["name"]].to_numpy()
        values = (values.view("int64") if values.dtype.kind == "M" else values).astype(np.float64)
        low, high = float(column["low"]), float(column["high"])
        assert values.min() < low < high < values.max()
        assert max(low - values.min(), values.max() - high) <= np.ptp(values) / 128
        assert ((values < low) | (values > high)).sum() <= 2 + 2 * (n // 2000)
    decoded = codec.decode(codec.encode(X))
    for name in ("cents", "kind"):
        assert (decoded[name] != X[name]).sum() <= 2 + 2 * (n // 2000)
    for name in ("normal", "skewed", "amount", "single", "heavy"):
        off = np.abs(decoded[name] - X[name]) / np.ptp(X[name])
        assert (off > 1e-6).sum() <= 2 + 2 * (n // 2000)


def mixed_values(kind):
    """Values that many rows share, and some that only one has."""
    rng = np.random.default_rng(0)
    return {
        "prices": np.append(rng.choice(rng.random(50) * 100, 850), rng.random(150) * 1000),
        "counts with a tail": np.append(rng.poisson(5, 950), rng.integers(60, 5000, 50)),
        "a few amounts": np.append(np.repeat([10.0, 20.0, 50.0], 60), [123.456789, 37.123]),
        "round amounts": np.append(rng.integers(0, 30, 990) * 100, rng.integers(0, 100_000, 10)),
    }[kind]


@cases("kind", ["prices", "counts with a tail", "a few amounts", "round amounts"])
def test_of_mixed_values_those_that_are_shared_are_kept(kind):
    values = mixed_values(kind)
    frame = pd.DataFrame({"x": values})
    codec = TabularGAN()._modality.codec().fit(frame)
    counts = pd.Series(values).value_counts()
    shared, single = counts.index[counts >= 4], counts.index[counts < 4]
    kept = np.array(list(numbers_in(codec.get_state())))
    low = float(codec.column_summary()[0]["low"])
    for forms in (kept, kept + low if values.dtype.kind == "i" else kept):
        same = np.isclose(forms[:, None], np.asarray(single, float)[None], rtol=1e-12, atol=0).any(1)
        assert not (same & (np.abs(forms) > 256)).any()
    back = codec.decode(codec.encode(frame))["x"]
    is_shared = frame["x"].isin(shared)
    np.testing.assert_allclose(back[is_shared], values[is_shared])
    made = codec.decode(np.random.default_rng(1).normal(size=(4000, codec.width)))["x"]
    assert abs(np.mean(made.isin(shared)) - is_shared.mean()) < 0.03 or codec.blocks[0].tag != "scalar"
    assert values.min() <= made.min() and made.max() <= values.max()


@cases(
    "values",
    [
        np.arange(400) % 50,  # whole numbers, each many times
        np.repeat([0.125, 3.5, 7.25, 9.0], 60),  # a few levels
        np.random.default_rng(0).integers(18, 90, 160),  # a coarse grid
    ],
    ids=["counts", "levels", "ages"],
)
def test_a_coarse_column_keeps_its_range_and_values(values):
    codec = TabularGAN()._modality.codec().fit(pd.DataFrame({"x": values}))
    Z = codec.encode(pd.DataFrame({"x": values}))
    np.testing.assert_array_equal(codec.decode(Z)["x"], values)


def test_an_extreme_that_many_share_stays(rng):
    x = np.append(rng.random(300), [2.0] * 6)
    codec = TabularGAN()._modality.codec().fit(x[:, None])
    assert codec.column_summary()[0]["high"] == 2.0
    assert (codec.decode(codec.encode(x[:, None]))[-6:] == 2.0).all()


@cases("way", WAYS)
@cases("what", FITS)
def test_nothing_that_leaves_holds_hashes_sketches_or_the_trained_discriminator(fitted, tmp_path, what, way):
    original = fitted[what]
    assert original.curator_.holds_samples and not original.curator_.copies_unchecked
    again = WAYS[way](original, tmp_path)
    assert not again.curator_.holds_samples and again.curator_.copies_unchecked
    assert again._discriminator == "second"
    for name, trained in original.weights_.items():
        same = np.array_equal(trained, again.weights_[name])
        known = name.startswith("generator.") or ".scores." in name  # the components are the generator's too
        assert same == known or not trained.any(), name
    assert original.curator_.holds_samples and original._discriminator == "trained"  # the original is as it was


def test_what_is_pickled_holds_no_training_sample_in_any_form(fitted):
    for what, samples in {
        "table": table()[0][["normal", "heavy"]],
        "images": images()[0],
        "series": series()[0],
    }.items():
        rows = samples.to_numpy() if what == "table" else samples
        encoded = fitted[what].codec_.encode(table()[0] if what == "table" else samples)
        for data in (pickle.dumps(fitted[what]), pickle.dumps({"nested": [fitted[what]]})):
            for row in [*rows[:50], *encoded[:50]]:
                assert np.ascontiguousarray(row).tobytes() not in data
    text = pickle.dumps(fitted["table"])
    assert fitted["table"].curator_.hashes.tobytes()[:16] not in text
    assert fitted["images"].curator_.sketches[0].tobytes() not in pickle.dumps(fitted["images"])


def sketches_undone(state, shape):
    """The samples that 64 random projections and their seed give back, if the file has them."""
    sketches = state.arrays["curator/sketches"]
    rng = torch.Generator().manual_seed(child_seed(state.config["curator"]["seed"], "directions"))
    directions = torch.empty((int(np.prod(shape)), 64)).normal_(generator=rng).numpy() / 8
    return np.linalg.lstsq(directions.T, sketches.T, rcond=None)[0].T


def test_images_cannot_be_rebuilt_unless_the_check_was_kept(fitted, tmp_path):
    gan, X = fitted["images"], images()[0]
    gan.save(tmp_path / "model")
    assert len(sketches_undone(read_state(tmp_path / "model"), X.shape[1:])) == 0
    gan.save(tmp_path / "kept", keep_copies_check=True)
    seen = shrink_samples(gan.codec_.to_network(torch.from_numpy(gan.codec_.encode(X)))).flatten(1).numpy()
    rebuilt = sketches_undone(read_state(tmp_path / "kept"), X.shape[1:])
    assert np.abs(rebuilt - seen).max() < 0.01  # what the documentation warns of


@cases("what", FITS)
def test_the_check_is_kept_when_asked(fitted, tmp_path, what):
    again = by_file(fitted[what], tmp_path, keep_copies_check=True)
    again.sample(5, label=1, random_state=0)
    assert again.curation_[1]["copies"] == 0 and again.curator_.holds_samples
    found = traces(tmp_path / "model.safetensors")
    assert found["copies_check"] and "rebuild" in found["findings"][0]
    for way in ("pickle", "deepcopy", "joblib"):  # and goes no further
        assert not WAYS[way](again, tmp_path).curator_.holds_samples
    assert not by_file(again, tmp_path).curator_.holds_samples
    with pytest.raises(InvalidParameterError, match="keep_copies_check"):
        again.save(tmp_path / "model", keep_copies_check="yes")


# ------------------------------------------------------------------------------------------ what comes back


@cases("way", WAYS)
@cases("what", FITS)
def test_samples_and_scores_are_the_same_without_the_check(fitted, tmp_path, what, way):
    original, again = fitted[what], WAYS[way](fitted[what], tmp_path)
    X, _ = original.sample({0: 30, 1: 20}, random_state=3)
    same, _ = again.sample({0: 30, 1: 20}, random_state=3)
    assert X.equals(same) if what == "table" else np.array_equal(X, same)
    assert np.array_equal(original.score_samples(X), again.score_samples(X))
    assert np.array_equal(original.features(X), again.features(X))
    assert original.curation_[0]["copies"] == 0 and again.curation_[0]["copies"] is None
    rest = {name: n for name, n in original.curation_[0].items() if name != "copies"}
    assert rest.items() <= again.curation_[0].items()


def test_scores_do_not_depend_on_when_they_are_first_asked_for():
    X, y = table()
    first, later = (TabularGAN(width=16, depth=1, **SMALL).fit(X, y) for _ in range(2))
    scores = first.score_samples(X)
    later.sample(50)
    pickle.dumps(later)
    assert np.array_equal(scores, later.score_samples(X))
    assert np.array_equal(first.sample(9, random_state=0)[0]["normal"], later.sample(9, random_state=0)[0]["normal"])


@cases("conditioning", ["projection", "concat", "auxiliary"])
def test_every_conditioning_has_a_second_discriminator(conditioning, tmp_path):
    X, y = table()
    gan = TabularGAN(width=16, depth=1, conditioning=conditioning, **SMALL).fit(X, y)
    again = by_file(gan, tmp_path)
    assert np.array_equal(gan.score_samples(X, y), again.score_samples(X, y))
    assert again.set_params(warm_start=True).fit(X, y).n_steps_ == 6


@pytest.mark.parametrize("scope", ["shared", "per-class"])
def test_the_number_of_jobs_changes_nothing(scope, whole_judges):
    X, y = table()
    y = np.where(np.arange(len(y)) % 7 == 0, 2, y)
    gan = TabularGAN(width=16, depth=1, **SMALL)
    one, two = (
        GANOversampler(generator=gan, scope=scope, n_jobs=n_jobs, random_state=0).fit(X, y) for n_jobs in (1, 2)
    )
    for label, own in one.generators_.items():
        other = two.generators_[label]
        assert np.array_equal(own.curator_.hashes, other.curator_.hashes) and len(own.curator_.hashes)
        assert own._discriminator == other._discriminator == "trained"
        assert all(np.array_equal(own.weights_[name], other.weights_[name]) for name in own.weights_)
    for first, second in zip(one.sample({1: 9, 2: 5}), two.sample({1: 9, 2: 5}), strict=True):
        assert np.array_equal(np.asarray(first), np.asarray(second))
    assert one.curation_ == two.curation_ and one.curation_[1]["copies"] == 0
    copied = pickle.loads(pickle.dumps(two))
    copied.sample(3, label=1)
    assert copied.curation_[1]["copies"] is None


@cases("what", ["numbers", "images", "series"])
def test_a_process_that_is_started_gets_all_there_is(fitted, what):
    if what == "numbers":
        X, y = table()
        gan = TabularGAN(width=16, depth=1, **SMALL).fit(X[["normal", "heavy"]].to_numpy(), y)
    else:
        gan = fitted[what]
    data = SyntheticDataset(gan, {1: 10}, pool=False)
    set_spawning_popen(object())  # what multiprocessing sets while it sends arguments to a new process
    try:
        sent = pickle.dumps(data)
    finally:
        set_spawning_popen(None)
    there = pickle.loads(sent)
    assert there._pool._generators.generator.curator_.holds_samples
    assert not pickle.loads(pickle.dumps(data))._pool._generators.generator.curator_.holds_samples
    for index in (9, 0, 4):
        assert np.array_equal(np.asarray(there[index][0]), np.asarray(data[index][0]))


# ------------------------------------------------------------------------------------------ who was in the training


def auc(members, others):
    return roc_auc_score(np.repeat([1, 0], [len(members), len(others)]), np.concatenate([members, others]))


@pytest.fixture(scope="module")
def halves():
    """A generator of a few hundred rows, those rows, and as many others."""
    X, y = table(600, seed=1)
    order = np.random.default_rng(0).permutation(600)
    members, others = order[:300], order[300:]
    X = X.drop(columns=["when", "single"])
    gan = TabularGAN(max_steps=500, curate=True, random_state=0, verbose=False).fit(X.iloc[members], y[members])
    return gan, X.iloc[members], X.iloc[others], y[members], y[others]


def test_scores_do_not_tell_training_rows_from_others(halves):
    gan, X, unseen, _, _ = halves
    trained = gan._rebuilt(gan.weights_)["discriminator"].eval()
    logits = []
    for rows in (X, unseen):
        encoded = torch.from_numpy(gan.codec_.encode(rows))
        with torch.inference_mode():
            logits.append(trained(encoded, torch.zeros(len(rows), dtype=torch.long)).numpy())
    told = auc(gan.score_samples(X), gan.score_samples(unseen))
    assert told < 0.58, told
    assert auc(*logits) > told + 0.05  # the one that stays behind would


def test_the_forest_does_not_tell_training_rows_from_others(halves):
    gan, X, unseen, y, unseen_y = halves
    seen, new = (gan.curator_.forest.predict_proba(gan.codec_.encode(rows)) for rows in (X, unseen))
    for c in (0, 1):
        assert auc(seen[y == c, c], new[unseen_y == c, c]) < 0.64


def test_scores_tell_what_is_unlike_the_data(halves):
    gan, X, unseen, _, _ = halves
    rng = np.random.default_rng(0)
    numbers = ["normal", "skewed", "cents", "heavy"]
    anywhere = unseen.assign(**{name: rng.uniform(X[name].min(), X[name].max(), len(unseen)) for name in numbers})
    anywhere["cents"] = anywhere["cents"].round(2)
    assert auc(gan.score_samples(unseen), gan.score_samples(anywhere)) > 0.85


def test_a_class_of_fewer_rows_than_columns_is_not_told_by_its_kernel():
    rng = np.random.default_rng(0)
    X, unseen = rng.normal(size=(140, 30)), rng.normal(size=(200, 30))
    y = np.repeat([0, 1], [120, 20])
    gan = TabularGAN(width=16, depth=1, **SMALL).fit(X, y)
    kernel = gan.smoother_.kernel
    place = int(np.flatnonzero(kernel.conditions == 1)[0])
    root = kernel.roots[place].astype(np.float64)
    inverse = np.linalg.pinv(root @ root, rcond=1e-6, hermitian=True)
    outside = np.linalg.svd(root)[0][:, 20:]  # where 20 rows would have no variance at all
    far, left_over = [], []
    for part in (X[y == 1], unseen):
        rows = gan.codec_.encode(part)[:, kernel.columns] - kernel.centres[place]
        far.append(-np.einsum("nd,de,ne->n", rows, inverse, rows))
        left_over.append(-np.abs(rows @ outside).sum(1))
    assert auc(*far) < 0.7 and auc(*left_over) < 0.7


def test_the_code_of_a_level_of_one_row_does_not_tell_its_label():
    n = 400
    y = np.random.default_rng(0).integers(0, 2, n)
    shops = np.array([f"shop {i}" for i in range(n - 40)] + ["chain"] * 40)
    with pytest.warns(DataWarning):
        codec = TabularGAN()._modality.codec().fit(pd.DataFrame({"shop": shops, "x": y + np.arange(n) * 1e-3}), y)
    model = codec.full.table._columns[0].model
    levels = codec.full.table._columns[0].adapter.levels
    of_level = {f"shop {i}": y[i] for i in range(n - 40)}
    labels = np.array([of_level[str(levels[code])] for code in model.observed if str(levels[code]) != "chain"])
    points = model.codes[[str(levels[code]) != "chain" for code in model.observed]]
    for dimension in points.T:
        assert abs(roc_auc_score(labels, dimension) - 0.5) < 0.1


# ------------------------------------------------------------------------------------------ rules


def ruled(n, seed=0):
    """A table with rules of all kinds whose state could hold values of single rows."""
    rng = np.random.default_rng(seed)
    place, city = rng.integers(0, 4, n), (rng.pareto(1, n) * 2).astype(int).clip(0, 29)
    kind = rng.choice(5, n, p=[0.4, 0.3, 0.2, 0.098, 0.002])
    X = pd.DataFrame({"grade": np.array(list("abcd"))[place], "rate": 10.0 * place + rng.beta(2, 2, n) * 9 + 3})
    X["start"] = rng.integers(0, 50_000_000, n)
    X["end"] = X["start"] + rng.gamma(2, 3_000_000, n).astype(int)
    X["opened"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 30_000_000, n), unit="s")
    X["closed"] = X["opened"] + pd.to_timedelta(rng.gamma(2, 3e6, n).astype(int), unit="s")
    X["low"] = rng.lognormal(8, 1, n)
    X["high"] = X["low"] + rng.lognormal(7, 1, n)
    X["size"] = np.exp(rng.normal(4, 0.7, n))
    X["price"] = 100 * np.sqrt(X["size"]) + 3 * X["size"] ** 1.3
    X["city"] = [f"city {c:02}" for c in city]
    X["people"] = rng.integers(10_000_000, 900_000_000, 30)[city]
    X["tax"] = (rng.random(30) * 1000 + 7)[city]
    X = X.join(pd.DataFrame({f"kind_{k}": (kind == k).astype(int) for k in range(5)}))
    return X, (np.arange(n) % 4 == 0).astype(int)


FINE = ["rate", "start", "end", "opened", "closed", "low", "high", "size", "price", "people", "tax"]
GIVEN = [Order("start", "end"), Within("rate", "grade"), OneHot([f"kind_{k}" for k in range(5)])]


def texts_in(thing):
    """Numbers that a config holds as text."""
    for value in thing.values() if isinstance(thing, dict) else thing:
        if isinstance(value, (dict, list, tuple)):
            yield from texts_in(value)
        elif isinstance(value, str) and "0x" in value:
            yield float.fromhex(value)


@cases("rules", ["auto", GIVEN], ids=["found", "given"])
@cases("keep_range", [True, False])
@cases("n", [300, 2000])
def test_rules_keep_no_value_of_a_fine_column(n, keep_range, rules):
    X, y = ruled(n)
    codec = TabularGAN(keep_range=keep_range, rules=rules)._modality.codec().fit(X, y)
    kinds = {rule.kind for rule in codec.rules_}
    assert kinds >= ({"order", "one-hot", "monotone", "determined"} if rules == "auto" else {"order", "within"})
    config, arrays = codec.rewriter.get_state()
    json.dumps(config)
    kept = np.array([*numbers_in(config), *numbers_in(arrays), *texts_in(config)])
    for name in FINE:
        values = X[name]
        single = values[values.map(values.value_counts()) < 4]
        if values.dtype.kind == "M":
            single = single.astype("datetime64[ns]").astype("int64")
            forms = [single / 86400e9, single / 1e9, single / 1e6, single / 1e3, single]
        else:
            forms = [single]
        for form in forms:
            same = np.isclose(kept[:, None], form.to_numpy(float)[None], rtol=1e-12, atol=0).any(1)
            assert not same.any(), (name, kept[same])
    # real rows keep them all the same, and what is restored stays within what was seen
    assert codec.rules_.holds(X).all()
    rng = np.random.default_rng(1)
    frame = codec.rewriter.rewrite(X)
    mixed = pd.DataFrame({c: frame[c].take(rng.integers(0, n, 3000)).array for c in frame})
    rows = codec.rewriter.restore(mixed)
    sure = [rule for rule in codec.rules_ if rule.kept == "rewritten"]
    assert sure and all(rule.holds(rows).all() for rule in sure)
    for name in FINE if keep_range else ():
        if name == "price":  # computed from the size, and near the curve
            continue
        assert X[name].min() <= rows[name].min() and rows[name].max() <= X[name].max(), name


def test_of_rules_what_several_rows_share_stays():
    n = 400
    rng = np.random.default_rng(0)
    place = np.arange(n) % 3
    X = pd.DataFrame({"grade": np.array(list("abc"))[place], "rate": 10.0 * place + rng.random(n) * 9})
    X.loc[place == 1, "rate"] = np.resize([12.3456789, 13.1, 17.7, 18.987654321], (place == 1).sum())
    X["fee"] = np.array([1.2345678, 7.7654321, 9.1])[place]
    [within] = [Within("rate", "grade").learn(X)]
    assert within.intervals["b"] == within.inner["b"] == (12.3456789, 18.987654321)
    low, high = X["rate"][place == 0].min(), X["rate"][place == 0].max()
    assert (
        within.intervals["a"][0] < low < within.inner["a"][0] < within.inner["a"][1] < high < within.intervals["a"][1]
    )
    assert within.holds(X).all() and not within.allows(view_of(X)).all()
    rewriter = Rewriter().fit(X, [Determined("fee", "grade")])
    assert rewriter.restore(rewriter.rewrite(X))["fee"].equals(X["fee"])
    assert Determined("fee", "grade").learn(X).mapping == {"a": 1.2345678, "b": 7.7654321, "c": 9.1}


def test_what_a_rare_category_determines_is_kept_roughly():
    shares = {f"shop {k}": 60 for k in range(6)} | {"kiosk": 2}
    shop = np.repeat(list(shares), list(shares.values()))
    numbers = np.random.default_rng(0).random(7) * 5000
    number = dict(zip(shares, numbers, strict=True))
    X = pd.DataFrame({"shop": shop, "turnover": [number[s] for s in shop]})
    rewriter = Rewriter().fit(X, [Determined("turnover", "shop")])
    [rule] = rewriter.rules_
    assert "kiosk" not in rule.mapping and len(rule.mapping) == 6 and rule.holds(X).all()
    back = rewriter.restore(rewriter.rewrite(X))
    rare = X["shop"] == "kiosk"
    assert back["turnover"][~rare].equals(X["turnover"][~rare])
    off = np.abs(back["turnover"] - X["turnover"])[rare]
    assert (off > 0).all() and (off < np.ptp(X["turnover"]) / 50).all()


def test_patterns_of_a_group_that_one_row_has_are_not_kept():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(np.eye(6, dtype=int)[rng.integers(0, 6, 600)], columns=[f"k{i}" for i in range(6)])
    X.loc[7] = [1, 1, 0, 1, 0, 0]  # one row's own
    X.loc[20:23] = [0, 0, 1, 0, 0, 1]  # four share it
    rewriter = Rewriter().fit(X, [OneHot(list(X))])
    patterns = rewriter._steps[0].patterns.tolist()
    assert [1, 1, 0, 1, 0, 0] not in patterns and [0, 0, 1, 0, 0, 1] in patterns and len(patterns) == 7
    back = rewriter.restore(rewriter.rewrite(X))
    assert (back != X).any(axis=1).sum() == 1


@cases("way", WAYS)
def test_rows_with_rules_are_the_same_from_every_form(tmp_path, way):
    X, y = ruled(300)
    gan = TabularGAN(width=16, depth=1, curate=["outliers", "rules"], **SMALL).fit(X, y)
    again = WAYS[way](gan, tmp_path)
    pd.testing.assert_frame_equal(gan.sample(80, label=1)[0], again.sample(80, label=1)[0])
    assert again.rules_ == gan.rules_ and [r.kept for r in again.rules_] == [r.kept for r in gan.rules_]
    assert traces(again)["exact_columns"] == []


def test_traces_name_groups_with_a_member_of_one_row():
    X, y = ruled(400)
    X["kind_4"], X.loc[X["kind_4"] == 1, "kind_0"] = 0, 1
    X.loc[5, [f"kind_{k}" for k in range(5)]] = [0, 0, 0, 0, 1]
    gan = TabularGAN(width=16, depth=1, rules=GIVEN, **SMALL).fit(X.drop(columns="city"), y)
    assert traces(gan)["single_levels"] == {"the group of kind_0": 1}


# ------------------------------------------------------------------------------------------ series


@cases("scale", [1e-6, 1.0, 1e9])
def test_series_keep_no_extreme_of_one_of_them(rng, scale):
    X = rng.normal(size=(60, 2, 24)) * scale
    codec = SeriesGAN()._modality.codec().fit(X)
    _, arrays = codec.get_state()
    for channel in (0, 1):
        values, span = X[:, channel], np.ptp(X[:, channel])
        low, high = arrays["low"][channel], arrays["high"][channel]
        assert low < values.min() and high > values.max() and high - low < 1.11 * span
        # nor does the margin, which is a known share of the range, give it back
        margin = span / 59
        assert abs(low + margin - values.min()) > 1e-9 * span and abs(high - margin - values.max()) > 1e-9 * span
        for kept in (arrays["centre"][channel], arrays["scale"][channel], low, high):
            assert not np.isclose(values, kept, rtol=1e-12, atol=0).any()
    np.testing.assert_allclose(codec.decode(codec.encode(X)), X, rtol=1e-4, atol=1e-5 * scale)


@cases("n", [2, 5, 60])
def test_a_range_that_several_series_share_stays(rng, n):
    X = rng.random((n, 1, 12))
    X[:2, 0, 0], X[:2, 0, 1] = 0.0, 1.0
    _, arrays = SeriesGAN()._modality.codec().fit(X).get_state()
    assert arrays["low"][0] == 0 and arrays["high"][0] == 1


# ------------------------------------------------------------------------------------------ translators


@pytest.fixture(scope="module")
def translator():
    X, y = images()
    return ImageTranslator(max_steps=2, width=4, min_probability=0, verbose=False, random_state=0).fit(X, y)


@cases("way", WAYS)
def test_a_translator_leaves_its_images_behind(translator, tmp_path, way):
    X, y = images()
    again = WAYS[way](translator, tmp_path)
    with pytest.raises(InvalidDataError, match=r"set_sources\(X\)"):
        again.sample(3)
    new, _ = again.set_sources(X, y).sample(3, random_state=0)  # the advice
    assert np.array_equal(new, translator.sample(3, random_state=0)[0])
    assert np.array_equal(again.translate(X[:3]), translator.translate(X[:3]))


def test_a_sampler_of_translators_brings_them_back_from_its_workers():
    X, y = images()
    y[-8:] = 2
    with pytest.warns(FewSamplesWarning):
        sampler = GANOversampler(
            generator=ImageTranslator(max_steps=2, width=4, min_probability=0, verbose=False),
            min_class_size=9,
            n_jobs=2,
            random_state=0,
        ).fit(X, y)
    assert len(sampler.sample(4, label=1)[0]) == 4
    copied = pickle.loads(pickle.dumps(sampler))
    with pytest.raises(InvalidDataError, match="set_sources"):
        copied.sample(4, label=1)
    copied.generators_[1].set_sources(X, y)
    assert len(copied.sample(4, label=1)[0]) == 4


# ------------------------------------------------------------------------------------------ earlier files


def test_a_file_of_the_first_format_warns_and_the_advice_helps(tmp_path):
    with pytest.warns(TraceWarning, match=r"ganaug\.load\(path\)\.save\(new_path\).*only a new fit") as said:
        old = ganaug.load(GOLDEN)
    assert len(said) == 1
    old.save(tmp_path / "new")
    new = ganaug.load(tmp_path / "new")  # no warning now
    before, after = traces(GOLDEN), traces(tmp_path / "new")
    assert before["copies_check"] and before["trained_discriminator"] and before["format"] == 1
    assert not after["copies_check"] and not after["trained_discriminator"] and after["format"] >= 2
    assert before["exact_columns"] == after["exact_columns"] == ["age", "amount", "day", "score"]
    assert "Only a new fit" in " ".join(after["findings"])
    one, other = old.sample(200, random_state=0)[0], new.sample(200, random_state=0)[0]
    pd.testing.assert_frame_equal(one, other)
    assert new.curation_["fraud"]["copies"] is None and old.curation_["fraud"]["copies"] == 0


def test_a_fresh_model_of_the_same_table_has_no_exact_values():
    import sys

    sys.path.insert(0, str(GOLDEN.parent))
    import make_golden

    gan = TabularGAN(width=16, depth=1, **SMALL).fit(*make_golden.table())
    assert traces(gan)["exact_columns"] == []


# ------------------------------------------------------------------------------------------ what is said


def test_traces_say_what_is_there(fitted, tmp_path):
    gan = fitted["table"]
    gan.save(tmp_path / "model")
    found = traces(tmp_path / "model")
    assert found["source"] == "file" and found["models"] == 1 and found["findings"] == []
    assert json.loads(json.dumps(found)) == found
    assert traces(gan)["findings"] == [] and traces(gan)["format"] is None
    assert traces({"deep": [(gan, gan)], "other": fitted["images"]})["models"] == 2


def test_traces_of_a_sampler_count_the_rows_of_its_bootstraps():
    X, y = table()
    y = y.copy()
    y[:5] = 2
    with pytest.warns(FewSamplesWarning):
        sampler = GANOversampler(generator=TabularGAN(width=16, depth=1, **SMALL), random_state=0).fit(X, y)
    found = traces(sampler)
    assert found["models"] == 2 and found["training_rows"] == len(X)
    assert any("training samples as they are" in sentence for sentence in found["findings"])
    assert traces(SmoothedBootstrap().fit(X, y))["training_rows"] == len(X)


def test_traces_name_columns_with_levels_of_one_row(tmp_path):
    X, y = table()
    X["kind"] = X["kind"].where(np.arange(len(X)) != 7, "only one")
    X["town"] = [f"town {i % 60}" if i < 230 else f"village {i}" for i in range(len(X))]
    gan = TabularGAN(width=16, depth=1, **SMALL).fit(X, y)
    for found in (traces(gan), traces(by_file(gan, tmp_path))):
        assert found["single_levels"] == {"kind": 1, "town": 10}
        assert any("10 of town" in sentence for sentence in found["findings"])


def test_traces_of_a_wide_table_speak_of_its_components():
    X = np.random.default_rng(0).normal(size=(40, 600))
    found = traces(TabularGAN(width=8, depth=1, **SMALL).fit(X, np.arange(40) % 2))
    assert found["factors"] and any("components" in sentence for sentence in found["findings"])


def test_traces_of_what_is_not_fitted_are_none():
    assert traces(TabularGAN())["models"] == 0
    assert traces(GANOversampler())["findings"] == []


def test_loading_from_bytes_by_joblib_says_nothing(fitted):
    buffer = io.BytesIO()
    joblib.dump(fitted["table"], buffer)
    buffer.seek(0)
    assert joblib.load(buffer).n_steps_ == 3


def test_a_report_of_a_loaded_model_says_that_copies_were_not_looked_for(fitted, tmp_path):
    again = by_file(fitted["table"], tmp_path)
    X, y = fitted["table"].sample({0: 40, 1: 40}, random_state=1)
    report = quality_report(again, X, y, n_samples={1: 30}, verbose=False)
    rows = report.to_dict()["curation"]
    assert rows[0]["copies"] is None and rows[0]["kept"] == 30
    page = report.to_html()
    assert "not checked" in page and "were not looked for" in page
    page = quality_report(fitted["table"], X, y, n_samples={1: 30}, verbose=False).to_html()
    assert "not checked" not in page and "were not looked for" not in page


def test_the_command_line_says_that_copies_were_not_looked_for(fitted, tmp_path, capsys):
    from ganaug.cli.main import main

    for kept, said in ((False, True), (True, False)):
        path = tmp_path / f"model-{kept}.safetensors"
        fitted["table"].save(path, keep_copies_check=kept)
        assert main(["sample", str(path), "-n", "5", "--output", str(tmp_path / f"{kept}.csv"), "--verbose"]) == 0
        assert ("not compared with the training rows" in capsys.readouterr().err) == said


@pytest.mark.parametrize("least", [0.25, 0.0])
def test_a_first_file_with_one_number_for_all_classes_is_read(tmp_path, least):
    import ganaug.utils.state as state

    config = {"curator": {"forest_depth": 3, "min_probability": least}}
    _, arrays = state._from_1("TabularGAN", config, {"condition_counts": np.array([5, 9])})
    np.testing.assert_array_equal(arrays["curator/least"], np.full(2, least, np.float32))
    for damaged in ({"curator": {"forest_depth": 3}}, {"curator": 7}, {}):
        assert state._from_1("TabularGAN", damaged, {}) == (damaged, {})
