"""Good and bad generators on three real-looking tables: each metric moves the right way, and the diagnosis names it."""

from __future__ import annotations

import json
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from helpers import cases
from PIL import Image
from scipy.spatial.distance import pdist
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

import ganaug
from ganaug.exceptions import InvalidDataError, InvalidParameterError
from ganaug.metrics import METRICS, Finding, as_features, diagnose, distributions, evaluate
from ganaug.metrics.diagnosis import VERDICTS
from ganaug.metrics.evaluation import FAMILIES
from ganaug.metrics.features import nearest
from ganaug.metrics.sample_pair import Rows, matched_counts

pytestmark = pytest.mark.usefixtures("small_forests")

VERDICT = {
    "good": "good",
    "collapsed": "collapse",
    "copying": "copying",
    "shuffled": "dependence",
    "untrained": "untrained",
}


def mixed_table() -> tuple[pd.DataFrame, np.ndarray]:
    """Numbers, a heavy tail, missing values, text, a category, dates and booleans that hang together."""
    rng, n = np.random.default_rng(0), 400
    y = (rng.random(n) < 0.35).astype(int)
    age = rng.normal(40 + 12 * y, 9).round()
    income = np.exp(rng.normal(10 + 0.03 * (age - 40), 0.4))
    spend = np.where(rng.random(n) < 0.15, np.nan, income * rng.uniform(0.05, 0.2, n))
    old, young = rng.choice(["retired", "clerk"], n, p=[0.7, 0.3]), rng.choice(["clerk", "nurse", "driver"], n)
    job = np.where(age > 50, old, young)
    city = np.where(job == "driver", "south", rng.choice(["north", "south", "west"], n))
    when = pd.Timestamp("2020-01-01") + pd.to_timedelta((age * 30 + rng.normal(0, 60, n)).round(), unit="D")
    columns = {"age": age, "income": income, "spend": spend, "job": job, "city": pd.Categorical(city), "when": when}
    return pd.DataFrame(columns | {"member": rng.random(n) < 0.5}), y


SETS = {
    "breast cancer": lambda: load_breast_cancer(return_X_y=True, as_frame=True),
    "wine": lambda: load_wine(return_X_y=True, as_frame=True),
    "mixed": mixed_table,
}


class Split:
    """Training and unseen rows of a set, and what five generators would make of them."""

    def __init__(self, name: str) -> None:
        X, y = SETS[name]()
        y = np.asarray(y)
        X, y = X[:400], y[:400]
        parts = train_test_split(X, y, test_size=0.4, stratify=y, random_state=0)
        self.X, self.unseen = (part.reset_index(drop=True) for part in parts[:2])
        self.y, self.y_unseen = parts[2:]
        self.rng = np.random.default_rng(0)

    def noisy(self, rows: np.ndarray, size: float) -> tuple[pd.DataFrame, np.ndarray]:
        made = self.X.iloc[rows].reset_index(drop=True)
        for name in made.select_dtypes("float"):
            made[name] += self.rng.normal(0, size * np.nanstd(self.X[name]), len(made))
        return made, self.y[rows]

    def good(self):
        rows = self.rng.integers(len(self.unseen), size=len(self.X))
        return self.unseen.iloc[rows].reset_index(drop=True), self.y_unseen[rows]

    def collapsed(self):
        modes = [self.rng.choice(np.flatnonzero(self.y == k), 2) for k in np.unique(self.y)]
        return self.noisy(self.rng.choice(np.concatenate(modes), len(self.X)), 0.01)

    def copying(self):
        return self.noisy(self.rng.integers(len(self.X), size=len(self.X)), 1e-3)

    def shuffled(self):
        made = {name: column.iloc[self.rng.permutation(len(column))].array for name, column in self.X.items()}
        return pd.DataFrame(made), self.y

    def untrained(self):
        made = {name: self.noise(column) for name, column in self.X.items()}
        return pd.DataFrame(made), self.rng.permutation(self.y)

    def noise(self, column: pd.Series):
        n = len(column)
        if column.dtype.kind == "f":
            return self.rng.uniform(column.min(), column.max(), n)
        if column.dtype.kind == "M":
            span = (column.max() - column.min()).total_seconds()
            return column.min() + pd.to_timedelta(self.rng.uniform(0, span, n), unit="s")
        return pd.Series(self.rng.choice(column.astype(object).unique(), n)).astype(column.dtype)


@pytest.fixture(scope="module")
def results():
    """Set -> case -> what `evaluate` says, unseen rows and labels given."""
    made = {}
    with pytest.MonkeyPatch.context() as patch:
        for name in SETS:
            patch.setattr(distributions, "N_TREES", 20 if name == "wine" else 6)  # wine has few rows
            split = Split(name)
            for case in VERDICT:
                fake, y = getattr(split, case)()
                asked = ["fidelity", "diversity", "privacy"]
                given = (split.X, fake, split.y, y, split.unseen, split.y_unseen, asked)
                made[name, case] = evaluate(*given, n_resamples=2)
    return made


def values(results, name, metric):
    return {case: results[name, case][metric]["value"] for case in VERDICT}


# ------------------------------------------------------------------------------------------ which way each moves


@cases("name", SETS)
def test_fidelity_sees_what_is_wrong(results, name):
    ks, joint = values(results, name, "ks_distance"), values(results, name, "correlation_distance")
    assert max(ks["good"], ks["copying"], ks["shuffled"]) + 0.1 < min(ks["collapsed"], ks["untrained"])
    assert max(joint["good"], joint["copying"]) + 0.1 < min(joint["shuffled"], joint["untrained"])
    with_class = values(results, name, "mixed_dependence_distance")  # the class is a category of its own
    assert max(with_class["good"], with_class["copying"]) + 0.1 < min(with_class["shuffled"], with_class["untrained"])
    for metric in ("frechet_distance", "kernel_distance", "two_sample_auc"):
        found = values(results, name, metric)
        assert max(found["good"], found["copying"]) < min(found["collapsed"], found["shuffled"], found["untrained"])


def test_fidelity_of_categories_and_missing_values(results):
    shares = values(results, "mixed", "total_variation")
    assert max(shares["good"], shares["shuffled"], shares["copying"]) < min(shares["collapsed"], shares["untrained"])
    assert values(results, "mixed", "missing_rate_difference")["untrained"] > 0.1
    together = values(results, "mixed", "contingency_distance")
    assert max(together["good"], together["copying"]) < min(together["collapsed"], together["untrained"])
    columns = results["mixed", "untrained"]["total_variation"]["details"]["columns"]
    assert list(columns) == ["job", "city", "member"] and all(0 <= v <= 1 for v in columns.values())


@cases("name", SETS)
def test_diversity_sees_what_is_missing(results, name):
    for metric in ("coverage", "recall", "distinct_neighbours"):
        found = values(results, name, metric)
        assert found["collapsed"] < 0.6 * min(found["good"], found["copying"])
    for metric in ("precision", "density", "coverage"):
        found = values(results, name, metric)
        assert max(found["shuffled"], found["untrained"]) < 0.8 * min(found["good"], found["copying"])


@cases("name", SETS)
def test_privacy_sees_copies(results, name):
    others = [case for case in VERDICT if case not in ("copying", "collapsed")]  # these two modes are training rows
    for metric in ("closest_record_ratio", "neighbour_distance_ratio", "authenticity"):
        found = values(results, name, metric)
        assert found["copying"] < 0.2 < 0.4 < min(found[case] for case in others)
    copies, attack = values(results, name, "near_copies"), values(results, name, "membership_auc")
    assert copies["copying"] > 0.95 and max(copies[case] for case in others) < 0.05
    assert attack["copying"] > 0.75 and max(attack[case] for case in others) < 0.65


@cases("name", SETS)
def test_near_copies_are_listed_by_row_number(results, name):
    entry = results[name, "copying"]["near_copies"]
    split = Split(name)
    split.good(), split.collapsed()  # the same stream of noise as in `results`
    fake, _ = split.copying()
    rows = entry["details"]["rows"]
    assert len(rows) > 0.9 * len(fake)
    assert [row["distance"] for row in rows] == sorted(row["distance"] for row in rows)
    for row in rows[:5]:
        one, two = split.X.iloc[row["real"]], fake.iloc[row["synthetic"]]
        for column in fake.select_dtypes("float").columns.difference(["spend"]):
            assert one[column] == pytest.approx(two[column], abs=0.01 * split.X[column].std())


def test_utility_class_by_class():
    split = Split("mixed")
    asked = {"metrics": "utility", "n_resamples": 30}
    given = (split.unseen, split.y_unseen)
    found = {}
    for case in ("good", "shuffled"):
        fake, y = getattr(split, case)()
        found[case] = evaluate(split.X, fake, split.y, y, *given, **asked)
    tstr = {case: r["train_synthetic_test_real"] for case, r in found.items()}
    assert tstr["good"]["value"] > 0.9 > tstr["good"]["floor"] > 0.65 > tstr["shuffled"]["value"]
    gain = found["good"]["augmentation_gain"]
    assert 0 < gain["low"] < gain["value"] < gain["high"] and gain["floor"] == 0
    assert list(gain["by_class"]) == [0, 1]
    of_class = gain["by_class"][1]
    assert of_class["details"]["n_test"] == (split.y_unseen == 1).sum()
    assert f"judged by {of_class['details']['n_test']} held-out rows" in of_class["note"]
    assert 0 <= of_class["details"]["recall_synthetic"] <= 1


def test_utility_of_a_minority_alone_and_of_another_classifier():
    split = Split("breast cancer")
    fake, y = split.good()
    few = y == 0
    given = (split.X, fake[few], split.y, y[few], split.unseen, split.y_unseen)
    asked = {"metrics": ["train_synthetic_test_real"], "n_resamples": 0}
    found = evaluate(*given, **asked, classifier=LogisticRegression(max_iter=5000))["train_synthetic_test_real"]
    assert found["value"] > 0.95  # real rows of class 1 beside synthetic ones of class 0
    forest = evaluate(*given, **asked)["train_synthetic_test_real"]
    assert forest["floor"] != found["floor"]


# ------------------------------------------------------------------------------------------ words


@cases("name", SETS)
@cases("case", VERDICT)
def test_the_diagnosis_names_it(results, name, case):
    found = diagnose(results[name, case])
    assert found[0].topic == VERDICT[case]
    assert found[0].severity == ("good" if case == "good" else "bad")
    wrong = {f.topic for f in found if f.severity == "bad"} & set(VERDICTS) - {VERDICT[case]}
    assert wrong <= ({"copying"} if case == "collapsed" else set())
    assert all(f.text and (f.advice or f.severity == "good") and "nan" not in f.text for f in found)


@cases("name", SETS)
@cases("case", VERDICT)
def test_the_diagnosis_needs_neither_labels_nor_unseen_rows(name, case):
    split = Split(name)
    fake, _ = getattr(split, case)()
    pairs = ["correlation_distance", "contingency_distance", "mixed_dependence_distance"]
    asked = ["ks_distance", "total_variation", *pairs, "diversity", "privacy"]  # no forest: it is slow
    assert diagnose(evaluate(split.X, fake, metrics=asked, n_resamples=0))[0].topic == VERDICT[case]


def test_one_class_that_is_wrong_is_named():
    split = Split("breast cancer")
    fake, y = split.good()
    collapsed, labels = split.collapsed()
    fake = pd.concat([fake[y == 1], collapsed[labels == 0][:70]])
    y = np.repeat([1, 0], [(y == 1).sum(), 70])
    found = diagnose(evaluate(split.X, fake, split.y, y, metrics=["diversity", "privacy"], n_resamples=0))
    assert any(f.topic == "collapse" and f.text.startswith("Class 0") for f in found)


def test_a_class_of_few_rows_is_said_to_be_one():
    split = Split("wine")
    keep = np.flatnonzero((split.y != 2) | (np.cumsum(split.y == 2) <= 12))
    fake, y = split.good()
    results = evaluate(split.X.iloc[keep], fake, split.y[keep], y, metrics="diversity", n_resamples=10)
    entry = results["coverage"]["by_class"][2]
    assert entry["n_real"] == 12 and not entry["enough"]
    assert "12 real" in entry["note"] and "cannot support much" in entry["note"]
    few = [f for f in diagnose(results) if f.topic == "few rows"]
    assert any("class 2 has 12 real and " in f.text for f in few)


def test_a_diagnosis_of_nothing_says_nothing_bad():
    assert diagnose({}) == [Finding("good", "good", "No problem was found with the samples.")]


# ------------------------------------------------------------------------------------------ the dict


def test_every_entry_is_whole_plain_and_in_range(results):
    for found in results.values():
        json.dumps({name: {str(k): v for k, v in entry.items()} for name, entry in found.items()})
        for name, entry in found.items():
            low, high = METRICS[name].range
            assert low <= entry["value"] <= high and low <= entry["floor"] <= high
            assert entry["direction"] == METRICS[name].direction and entry["family"] == METRICS[name].family
            assert type(entry["value"]) is float and type(entry["n_real"]) is int
            assert entry["low"] <= entry["value"] <= entry["high"]
            assert "judged by" in entry["note"]
            by_class = entry["by_class"]
            assert set(by_class) <= {0, 1, 2}
            assert len(by_class) >= 2 or name in ("mixed_dependence_distance", "contingency_distance")


def test_the_registry_is_documented():
    assert FAMILIES == ("fidelity", "diversity", "privacy", "utility")
    for name, metric in METRICS.items():
        assert metric.measure.__doc__ or name in ("precision", "recall", "density", "coverage")
        assert metric.units and metric.source and metric.rows >= 30 and metric.range[0] < metric.range[1]


def test_the_same_seed_gives_the_same_numbers_and_nothing_global_is_touched(global_state):
    split = Split("mixed")
    fake, y = split.good()
    asked = {
        "metrics": ["ks_distance", "two_sample_auc", "near_copies", "membership_auc", "coverage"],
        "n_resamples": 5,
    }
    one, two, other = (
        evaluate(split.X, fake, split.y, y, split.unseen, split.y_unseen, **asked, random_state=s) for s in (7, 7, 8)
    )
    np.testing.assert_equal(one, two)
    assert one["ks_distance"]["low"] != other["ks_distance"]["low"]
    global_state.assert_unchanged()


def test_what_was_given_is_not_changed():
    split = Split("mixed")
    fake, _ = split.good()
    before = split.X.copy(), fake.copy()
    evaluate(split.X, fake, metrics=["fidelity"], n_resamples=0)
    pd.testing.assert_frame_equal(split.X, before[0])
    pd.testing.assert_frame_equal(fake, before[1])


def test_classes_are_compared_in_equal_shares(rng):
    """A balanced sample of unbalanced classes is not wrong for its balance."""
    y, y_fake = np.repeat([0, 1], [360, 40]), np.repeat([0, 1], [200, 200])
    X, fake = rng.normal(size=(400, 1)) + 8 * y[:, None], rng.normal(size=(400, 1)) + 8 * y_fake[:, None]
    found = evaluate(X, fake, y, y_fake, metrics=["ks_distance"])["ks_distance"]
    assert found["value"] < 0.15 and found["by_class"][1]["n_real"] == 40 and "equal shares" in found["note"]
    assert evaluate(X, fake, metrics=["ks_distance"])["ks_distance"]["value"] > 0.3


def test_matched_counts_keep_the_shares_and_the_most_rows():
    real, fake = matched_counts(np.array([900, 100]), np.array([500, 500]))
    assert (real[0] / real[1], fake[0] / fake[1]) == pytest.approx((9, 9), rel=0.02) and fake.sum() > 500
    same = matched_counts(np.array([30, 60]), np.array([10, 20]))
    assert [side.tolist() for side in same] == [[30, 60], [10, 20]]
    lacking = matched_counts(np.array([30, 60]), np.array([0, 20]))
    assert [side.tolist() for side in lacking] == [[0, 60], [0, 20]]


def test_labels_may_be_anything(rng):
    X, y = rng.normal(size=(80, 2)), np.array(["a", "b"] * 40, dtype=object)
    found = evaluate(X, X + 1, y, y, metrics=["ks_distance"])
    assert list(found["ks_distance"]["by_class"]) == ["a", "b"]
    whole = evaluate(X, X + 1, y == "a", y == "a", metrics=["ks_distance"])
    assert list(whole["ks_distance"]["by_class"]) == [False, True]


def test_metrics_are_chosen_by_name_or_family(rng):
    X = rng.normal(size=(60, 2))
    assert list(evaluate(X, X, metrics="recall", n_resamples=0)) == ["recall"]
    diverse = evaluate(X, X, metrics=["diversity", "ks_distance"], n_resamples=0)
    assert list(diverse) == ["ks_distance", "precision", "recall", "density", "coverage", "distinct_neighbours"]


@cases(
    ("change", "says"),
    [
        ({"metrics": ["fid"]}, r"has no metric \['fid'\]; choose from .*frechet_distance"),
        ({"metrics": ["membership_auc"]}, "membership_auc needs held-out rows: give X_holdout"),
        ({"metrics": ["total_variation"]}, "needs columns of categories"),
        ({"metrics": ["augmentation_gain"]}, "needs labels of two classes and held-out rows"),
        ({"max_rows": 3}, "max_rows=3"),
        ({"n_resamples": -1}, "n_resamples=-1"),
        ({"kind": "video"}, "kind='video' is unknown; choose one of 'auto', 'table', 'image', 'series'"),
        ({"features": 3}, "features=3 cannot be called"),
        ({"features": lambda X: X[:5]}, r"features= gave an array of shape \(5, 2\) for 20 rows"),
        ({"y_real": np.zeros(20)}, "give both y_real and y_syn"),
        ({"y_real": np.zeros(20), "y_syn": np.ones(20)}, r"y_syn has labels that no real row has .*\[1.0\]"),
        ({"y_real": np.zeros(19), "y_syn": np.zeros(20)}, r"y_real has shape \(19,\)"),
        ({"X_syn": np.ones((20, 3))}, "X has 3 features, but evaluate is expecting 2"),
        ({"X_syn": np.ones((1, 2))}, r"X_syn has 1 row\(s\)"),
        ({"X_syn": np.full((20, 2), np.inf)}, "column 0: contains infinity"),
        ({"X_syn": np.ones((20, 2, 2))}, r"X_syn has shape \(20, 2, 2\)"),
        ({"X_syn": pd.DataFrame({"a": ["x"] * 20, "b": 1})}, "column 'a': is a number in the real rows"),
    ],
)
def test_bad_input_is_named(rng, change, says):
    X = rng.normal(size=(20, 2))
    with pytest.raises((InvalidDataError, InvalidParameterError), match=says):
        evaluate(**{"X_real": X, "X_syn": X + 1} | change)


# ------------------------------------------------------------------------------------------ images, series, features


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    images = (X.reshape(-1, 8, 8) * 15).astype(np.uint8)[:600]
    return images[:200], images[200:400], images[400:], y[:600]


def test_images_good_collapsed_and_copying(digits):
    train, good, unseen, _ = digits
    rng = np.random.default_rng(0)
    cases = {
        "good": good,
        "collapse": train[rng.choice(5, 200)],
        "copying": np.clip(train[rng.permutation(200)] + rng.integers(0, 2, train.shape), 0, 255).astype(np.uint8),
        "unlike": rng.integers(0, 255, train.shape).astype(np.uint8),
    }
    found = {name: evaluate(train, fake, X_holdout=unseen, n_resamples=20) for name, fake in cases.items()}
    assert "ks_distance" not in found["good"] and "membership_auc" in found["good"]
    frechet = {name: result["frechet_distance"]["value"] for name, result in found.items()}
    assert max(frechet["good"], frechet["copying"]) < min(frechet["collapse"], frechet["unlike"])
    told = {name: diagnose(result)[0] for name, result in found.items()}
    assert {name: finding.topic for name, finding in told.items() if name != "unlike"} == {
        name: name for name in ("good", "collapse", "copying")
    }
    assert told["unlike"].severity == "bad"


@cases(("shape", "width"), [((9, 11), 99), ((9, 11, 3), 297), ((3, 9, 11), 297), ((40, 37), 257)])
def test_layouts_of_images(rng, shape, width):
    real = rng.integers(0, 255, (30, *shape)).astype(np.uint8)
    a, b = as_features(real, real[:7])
    assert a.shape == (30, width) and b.shape == (7, width)
    np.testing.assert_allclose(a[:7], b, atol=1e-9)
    assert (a**2).sum(1).mean() == pytest.approx(1, abs=1e-9)  # unit spread in all


def test_what_averages_leave_out_is_a_feature(rng):
    smooth = np.repeat(rng.normal(size=(20, 64)), 4, axis=1)
    fine = smooth + np.tile([0.5, -0.5], 128)
    a, b = as_features(smooth[:, None], fine[:, None], kind="series")
    np.testing.assert_allclose(a[:, :-1], b[:, :-1], atol=1e-9)
    spread = np.sqrt(smooth.reshape(20, 64, 4)[:, :, 0].var(0).sum())
    np.testing.assert_allclose(b[:, -1] - a[:, -1], 0.5 * 8 / spread, rtol=1e-6)


def test_many_averages_are_mixed_and_keep_their_distances(rng):
    images = rng.normal(size=(25, 3, 16, 16))
    mixed, _ = as_features(images, images, kind="image")
    flat = images.reshape(25, -1)
    assert mixed.shape == (25, 512)
    np.testing.assert_allclose(pdist(mixed), pdist(flat) / np.sqrt(flat.var(0).sum()), rtol=0.15)


def test_channels_first_and_last_are_one_image(rng):
    images = rng.normal(size=(25, 3, 20, 18))
    first, last = (as_features(X, X, kind="image")[0] for X in (images, np.moveaxis(images, 1, -1)))
    np.testing.assert_allclose(first @ first.T, last @ last.T, atol=1e-9)


def test_averages_over_patches_are_means(rng):
    from ganaug.metrics.features import _averaged

    X = rng.normal(size=(2, 35))
    naive = np.array([X[:, i * 35 // 16 : (i + 1) * 35 // 16].mean(1) for i in range(16)]).T
    np.testing.assert_allclose(_averaged(X, 1, 16), naive, atol=1e-12)


def test_series_and_tensors(rng):
    torch = pytest.importorskip("torch")
    time = np.linspace(0, 6, 90)
    series = np.sin(time + rng.normal(size=(60, 2, 1))).astype(np.float32)
    found = evaluate(torch.from_numpy(series[:30]), torch.from_numpy(series[30:]), metrics="fidelity", n_resamples=0)
    plain = evaluate(series[:30], series[30:], metrics="fidelity", n_resamples=0)
    assert found["frechet_distance"]["value"] == pytest.approx(plain["frechet_distance"]["value"])


def test_features_of_the_callers_own(digits):
    train, good, _, _ = digits
    torch = pytest.importorskip("torch")

    def features(X):
        return torch.as_tensor(X.reshape(len(X), -1)[:, ::4] / 255.0)

    a, _ = as_features(train, good, features=features)
    assert a.shape == (200, 16) and a.dtype == np.float64
    found = evaluate(train, good, features=features, metrics=["frechet_distance"], n_resamples=0)
    assert found["frechet_distance"]["value"] < 0.2


def test_features_of_tables_are_to_scale(rng):
    n = 4000
    real = pd.DataFrame(
        {"small": rng.normal(0, 1e-6, n), "large": np.exp(rng.normal(9, 2, n)), "flag": rng.random(n) < 0.5}
    )
    a, _ = as_features(real, real[:3])
    np.testing.assert_allclose(a[:, :2].std(0), 1, rtol=1e-6)
    between = ((a[: n // 2, 2:] - a[n // 2 :, 2:]) ** 2).sum(1)
    assert set(between.round(9)) == {0.0, 2.0}


def test_unseen_and_rare_levels_and_dates(rng):
    real = pd.DataFrame({
        "level": pd.Categorical(["a", "b"] * 20),
        "when": pd.date_range("2024-01-01", periods=40, tz="Europe/Berlin"),
        "mixed": pd.Series([1, None] * 20, dtype="Int64"),
        "object": pd.Series([1.5, 2] * 20, dtype=object),
    })  # fmt: skip
    fake = real.assign(level=["a", "new"] * 20, when=real["when"] + pd.Timedelta(40, "D"))
    found = evaluate(real, fake, metrics=["fidelity"], n_resamples=0)
    assert found["total_variation"]["details"]["columns"] == pytest.approx({"level": 0.5})
    assert found["ks_distance"]["details"]["columns"] == pytest.approx({"when": 1.0, "mixed": 0.0, "object": 0.0})


def test_sparse_lists_and_lazy_import(rng):
    import scipy.sparse as sp

    X = rng.integers(0, 3, (40, 3)).astype(float)
    asked = {"metrics": ["ks_distance", "coverage"], "n_resamples": 0}
    dense = ganaug.metrics.evaluate(X, X[::-1], **asked)
    assert dense == evaluate(sp.csr_array(X), sp.csr_array(X[::-1]), **asked)
    assert dense == evaluate(X.tolist(), X[::-1].tolist(), **asked)


@cases("n", [2, 3, 5])
def test_a_handful_of_rows_gives_numbers_or_says_why_not(rng, n):
    X, y = rng.normal(size=(n, 2)), np.arange(n) % 2
    found = evaluate(X, X + 0.1, y, y, X + 0.2, y, n_resamples=3)
    for entry in found.values():
        assert np.isfinite(entry["value"]) or "needs" in entry["note"]
        assert not entry["enough"] and "cannot support much" in entry["note"]
    assert any(f.topic == "few rows" for f in diagnose(found))


def allocated(run):
    """Bytes that are held at most while it runs, beyond those before."""
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_some_rows_of_thousands_of_columns_take_no_more_memory_than_their_features(rng):
    columns = list(rng.normal(size=(5000, 60)))
    rows = Rows(np.column_stack(columns), columns, None, np.arange(60))
    one, two = np.arange(40)[::-1], np.array([3, 0, 3])
    kept = []
    assert allocated(lambda: kept.append(rows.take(one))) < 1.2 * 40 * 5000 * 8
    some = kept[0].take(two)
    assert len(some.columns) == 5000
    np.testing.assert_array_equal(some.columns[7], columns[7][one][two])
    np.testing.assert_array_equal(np.column_stack(some.columns), some.features)
    np.testing.assert_array_equal(some.columns[2:4], [column[one][two] for column in columns[2:4]])


def test_neighbours_of_wide_rows_are_compared_in_small_parts(rng):
    rows = rng.normal(size=(80, 7000))
    nearest(rows, rows, 5, itself=True)  # imports
    assert allocated(lambda: nearest(rows, rows, 5, itself=True)) < 30e6


@pytest.mark.slow
def test_fifty_thousand_rows_take_little_memory(rng):  # how long they take: examples/benchmarks/report.py
    import resource

    X, fake, unseen = (rng.normal(size=(n, 15)) for n in (50_000, 50_000, 10_000))
    y, y_fake, y_unseen = (rng.integers(0, 2, len(a)) for a in (X, fake, unseen))
    evaluate(X, fake, y, y_fake, unseen, y_unseen)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 2 * 2**20


def test_categories_in_another_order_are_the_same_and_their_codes_are_refused():
    X, _ = mixed_table()
    made = X.sample(frac=1, random_state=0)
    chosen = {"metrics": ["total_variation", "contingency_distance", "frechet_distance"], "random_state": 0}
    expected = evaluate(X, made, **chosen)
    turned = X["city"].cat.set_categories(["unused", *X["city"].cat.categories[::-1]])
    for real, other in (
        ((X.assign(city=turned)), made),
        (X, made.assign(city=turned)),
        (X, made.astype({"city": str})),
    ):
        assert evaluate(real, other, **chosen) == expected
    codes = made.assign(city=made["city"].cat.codes)
    with pytest.raises(
        InvalidDataError, match="column 'city': holds int8 here, and categories such as 'south' in the re"
    ):
        evaluate(X, codes, **chosen)
    with pytest.raises(
        InvalidDataError, match=r"column 'city': is a number in the real rows and is not here \(.*make it"
    ):
        evaluate(codes, X, **chosen)


def _with_gaps(share: float, seed: int, scale: float = 1.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    X = scale * (rng.normal(size=(120, 2, 40)).cumsum(2) / 6 + 3)
    X[rng.random(len(X)) < share, 1, 10:25] = np.nan
    return X


def test_series_with_gaps_are_compared_and_gaps_count():
    real, alike = _with_gaps(0.5, 0), _with_gaps(0.5, 1)
    chosen = {"metrics": ["two_sample_auc", "frechet_distance"], "random_state": 0}
    good, none = evaluate(real, alike, **chosen), evaluate(real, _with_gaps(0.0, 1), **chosen)
    assert good["frechet_distance"]["value"] < 0.3 * none["frechet_distance"]["value"]
    assert good["two_sample_auc"]["value"] < 0.65 < none["two_sample_auc"]["value"]
    features, larger = as_features(real, alike), as_features(_with_gaps(0.5, 0, 1e4), _with_gaps(0.5, 1, 1e4))
    for one, other in zip(features, larger, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-9)  # the unit of a channel does not matter
    huge = as_features(*(_with_gaps(0.5, seed, 1e30).astype(np.float32) for seed in (0, 1)))
    np.testing.assert_allclose(huge[0], features[0], rtol=1e-3, atol=1e-3)
    flat = as_features(real[:, 1], alike[:, 1], kind="series")  # (n, length)
    assert flat[0].shape == (120, 2 * 40)


def test_gaps_that_only_synthetic_series_have_are_refused():
    real, gappy = _with_gaps(0.0, 0), _with_gaps(0.5, 1)
    row = int(np.flatnonzero(np.isnan(gappy).any((1, 2)))[0])
    for name, calls in {
        "X_syn": (lambda: as_features(real, gappy), lambda: evaluate(real, gappy, metrics="coverage")),
        "X_holdout": (lambda: evaluate(real, real, X_holdout=gappy, metrics="coverage"),),
    }.items():
        for call in calls:
            with pytest.raises(InvalidDataError, match=rf"series {row} of {name} has gaps .* X_real have none"):
                call()
    late = np.concatenate([real] * 5 + [gappy])  # further on than what is averaged at a time
    with pytest.raises(InvalidDataError, match=f"series {600 + row} of X_syn"):
        as_features(real, late)
    gappy[3, 0, 0] = np.inf
    with pytest.raises(InvalidDataError, match="X_real holds infinity"):
        as_features(gappy, gappy)
    with pytest.raises(InvalidDataError, match=r"X_real holds NaN; replace it \(series alone"):
        as_features(_with_gaps(0.5, 1)[..., None], _with_gaps(0.5, 1)[..., None], "image")


def test_a_report_on_series_with_gaps_says_how_they_count(tmp_path):
    y = np.arange(120) % 3 == 0
    report = ganaug.quality_report((_with_gaps(0.5, 1), y), _with_gaps(0.5, 0), y, random_state=0)
    assert any("Where series have gaps" in sentence for sentence in report.to_dict()["trust"])
    report.to_html(tmp_path / "report.html")
    shown = report.to_dict()["neighbours"]["samples"]
    assert any(None in channel for one in shown for channel in one["synthetic"])
    assert "NaN" not in (tmp_path / "report.html").read_text()


def test_images_on_two_scales_are_refused_and_lists_of_images_are_read(rng):
    X = rng.integers(0, 256, size=(40, 9, 9, 3), dtype=np.uint8)
    chosen = {"metrics": "coverage", "n_resamples": 0}
    with pytest.raises(
        InvalidDataError, match="X_syn is float64 up to 1, and X_real uint8 up to 255: bring both to one"
    ):
        evaluate(X, X / 255, **chosen)
    with pytest.raises(InvalidDataError, match="X_holdout is uint8 up to 255, and X_real float64 up to 1"):
        evaluate(X / 255, X / 255, X_holdout=X, **chosen)
    whole = evaluate(X, X[::-1].astype(float), **chosen)["coverage"]["value"]
    for real, fake in ((list(X), list(X[::-1])), ([Image.fromarray(x) for x in X], X[::-1])):
        assert evaluate(real, fake, **chosen)["coverage"]["value"] == whole
    with pytest.raises(InvalidDataError, match="item 0 of X_syn is .*, item 1 of X_syn is 9 x 9 L"):
        evaluate(X, [Image.fromarray(X[0]), Image.fromarray(X[1]).convert("L")] * 3)
