"""One list of findings is behind every line of a report: they agree, tell their figures, and their advice helps."""

from __future__ import annotations

import subprocess
import sys
from functools import cache

import numpy as np
import pandas as pd
import pytest
from helpers import cases, tabular_gan
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine

from ganaug import TabularGAN, quality_report
from ganaug.datasets import load_example
from ganaug.exceptions import InvalidParameterError, InvalidTypeError
from ganaug.metrics import Finding, diagnose, distributions, evaluate
from ganaug.metrics.diagnosis import VERDICTS, Made, columns_over
from ganaug.metrics.limits import LIMITS, SEVERITIES, families_of
from ganaug.report import measured
from ganaug.report.wording import LIGHTS

QUICK = [
    "ks_distance", "total_variation", "missing_rate_difference", "correlation_distance", "contingency_distance",
    "mixed_dependence_distance", "diversity", "near_copies", "authenticity",
]  # fmt: skip


pytestmark = pytest.mark.usefixtures("small_forests")


def findings(real, fake, y=None, y_fake=None, *, metrics=QUICK, made=None, **more):
    return diagnose(evaluate(real, fake, y, y_fake, metrics=metrics, n_resamples=15, **more), made)


def topics(found, at_least="warn"):
    bad_enough = SEVERITIES[: SEVERITIES.index(at_least) + 1]
    return {f.topic for f in found if f.severity in bad_enough}


def index(severity):
    return SEVERITIES.index(severity)


# ------------------------------------------------------------------------------------------ nothing contradicts


def check(report):
    """No two lines of a report contradict one another."""
    content, found = report.to_dict(), report.findings
    worst = min((f.severity for f in found), key=index)
    assert content["severity"] == worst and content["verdict"] == found[0].topic
    assert (found[0].severity == "bad") == (worst == "bad"), "the headline speaks of the worst finding"
    for family, light in report.lights.items():
        said = [f.severity for f in found if family in families_of(f) and f.severity != "good"]
        assert (light == min(said, key=index)) if said else (light in ("good", "unsure", "none")), family
    for finding in found:
        for one in finding.judged:
            limit = LIMITS[one.name]
            assert one.told in finding.text, "the text tells the figure that was compared"
            assert one.limit in (limit.warn, limit.bad)
            assert (one.value > one.limit) == limit.above
        if finding.judged and len(finding.judged) == 1:
            one = finding.judged[0]
            assert one.limit == getattr(LIMITS[one.name], finding.severity)
    whole = [f for f in found if not f.label]
    fidelity = [f.severity for f in whole if "fidelity" in families_of(f)]
    for column in content["columns"]:
        if column["light"] in ("warn", "bad"):
            assert any(index(s) <= index(column["light"]) for s in fidelity), column["name"]
    lights = {column["name"]: column["light"] for column in content["columns"]}
    for f in whole:
        if f.topic == "marginals":
            assert {lights[name] for name in f.columns} <= {"warn", "bad"}
    for c in content["classes"]:
        for family, light in c["lights"].items():
            if light in ("warn", "bad"):
                assert report.lights[family] in SEVERITIES[: index(light) + 1], (c["label"], family)
    said = {f.topic for f in found}
    if "good" in said:
        assert worst != "bad" and not said & (set(VERDICTS) - {"good", "few rows"})
    if worst == "bad":
        assert "look good" not in report.summary or not any(f.topic in VERDICTS and f.severity == "bad" for f in whole)
    if {"marginals", "dependence"} <= said:
        assert "right one by one" not in str(report) and "right values column by column" not in report.summary
    assert str(report).count("\n[") == len(found)


def random_table(rng, n):
    """Numbers and categories of some dependence, missing values, and classes of uneven sizes."""
    hidden = rng.normal(size=n)
    y = (hidden + rng.normal(size=n) > rng.uniform(0, 1.2)).astype(int)
    columns = {}
    for j in range(int(rng.integers(2, 7))):
        values = rng.uniform(0, 2) * hidden + rng.normal(size=n) + rng.uniform(0, 1) * y
        if rng.random() < 0.3:
            values = np.exp(values)
        if rng.random() < 0.3:
            values = np.where(rng.random(n) < 0.2, np.nan, values)
        columns[f"x{j}"] = values
    for j in range(int(rng.integers(0, 4))):
        cuts = np.quantile(hidden, np.sort(rng.uniform(0.1, 0.9, int(rng.integers(1, 5)))))
        noisy = hidden + rng.uniform(0, 2) * rng.normal(size=n)
        columns[f"k{j}"] = pd.Series(np.searchsorted(cuts, noisy)).map(lambda v: f"level {v}")
    return pd.DataFrame(columns), y


def corrupted(X, y, rng):
    """One or two of many faults, or none."""
    X, y = X.copy(), y.copy()
    for fault in rng.choice(8, int(rng.integers(0, 3)), replace=False):
        names = list(rng.permutation(X.columns)[: int(rng.integers(1, 1 + len(X.columns)))])
        if fault == 0:
            for name in names:
                X[name] = X[name].to_numpy()[rng.permutation(len(X))]
        elif fault == 1:
            for name in names:
                if X[name].dtype.kind == "f":
                    X[name] = X[name] + rng.normal() * X[name].std()
        elif fault == 2:
            rows = rng.choice(len(X), int(rng.integers(1, 4)))
            X, y = (part.iloc[rng.choice(rows, len(X))].reset_index(drop=True) for part in (X, pd.Series(y)))
            y = y.to_numpy()
        elif fault == 3:
            for name in names:
                if X[name].dtype.kind != "f":
                    X.loc[rng.random(len(X)) < 0.5, name] = X[name].iloc[0]
        elif fault == 4:
            for name in names:
                if X[name].dtype.kind == "f":
                    X[name] = rng.uniform(X[name].min(), X[name].max(), len(X))
        elif fault == 5:
            for name in names:
                X.loc[rng.random(len(X)) < rng.uniform(0, 0.6), name] = None
        elif fault == 6:
            keep = int(rng.integers(3, 40))
            rows = np.concatenate([np.flatnonzero(y == k)[:keep] for k in np.unique(y)])
            X, y = X.iloc[rows].reset_index(drop=True), y[rows]
        elif fault == 7:
            y = rng.permutation(y)
    return X, y


@cases("seed", range(14))
def test_no_two_lines_of_a_report_contradict_one_another(seed, small_forests, monkeypatch):
    small_forests(monkeypatch, 3, 2, 3)
    rng = np.random.default_rng(seed)
    n = int(rng.choice([12, 40, 150, 300]))
    X, y = random_table(rng, 2 * n)
    fake, y_fake = corrupted(X.iloc[n:].reset_index(drop=True), y[n:], rng)
    if rng.random() < 0.2:
        fake, y_fake = X.iloc[:n], y[:n]
    labels = rng.random() < 0.8 and set(y_fake) <= set(y[:n])
    report = quality_report(
        (fake, y_fake) if labels else fake, X.iloc[:n], y[:n] if labels else None, random_state=seed, verbose=False
    )
    check(report)


@cases("name", LIMITS)
def test_a_figure_is_told_in_digits_that_show_on_which_side_it_is(name):
    limit = LIMITS[name]
    for threshold in (limit.warn, limit.bad):
        if threshold is None:
            continue
        for off in (-0.004, -0.0004, 0.0004, 0.004, 0.3):
            value = threshold + off
            shown = float(limit.told(value).rstrip("%")) / (100 if limit.form.endswith("%") else 1)
            beyond = (shown > threshold, value > threshold) if limit.above else (shown < threshold, value < threshold)
            assert beyond[0] == beyond[1], limit.told(value)
        assert limit.words("warn" if threshold == limit.warn else "bad")
    assert limit.judge(name, float("nan")) is None


# ------------------------------------------------------------------------------------------ columns


def table_of(n, rng, **changed):
    columns = {f"x{j}": rng.normal(size=n) for j in range(6)} | {f"k{j}": rng.choice(list("ab"), n) for j in range(4)}
    return pd.DataFrame(columns | {name: made(n) for name, made in changed.items()})


@cases("n", [200, 400, 1200])
def test_a_column_is_judged_beside_its_own_floor(n):
    """A category that moved from 41 to 60 % among many that did not is no longer hidden by the others."""
    rng = np.random.default_rng(n)
    real = table_of(n, rng, sex=lambda n: np.where(rng.random(n) < 0.41, "f", "m"))
    fake = table_of(n, rng, sex=lambda n: np.where(rng.random(n) < 0.60, "f", "m"))
    entries = evaluate(real, fake, metrics=QUICK, n_resamples=0)
    over = columns_over(entries)
    assert over["sex"] > 0.08 and max(excess for name, excess in over.items() if name != "sex") < 0.08
    details = entries["ks_distance"]["details"]
    assert set(details["floors"]) == set(details["columns"]) == set(details["chance"])
    assert np.mean(list(details["floors"].values())) == pytest.approx(entries["ks_distance"]["floor"])
    found = next(f for f in diagnose(entries) if f.topic == "marginals")
    assert found.columns == ("sex",)


def test_decimals_alone_are_no_distance_of_a_column():
    rng = np.random.default_rng(0)
    real, fake = (pd.DataFrame({"n": rng.integers(1, 3, 300) * 1.0, "x": rng.normal(size=300)}) for _ in range(2))
    noisy = fake.assign(n=fake["n"] + rng.normal(0, 0.001, 300))
    assert columns_over(evaluate(real, noisy, metrics=["ks_distance"], n_resamples=0))["n"] < 0.08
    moved = fake.assign(n=fake["n"] + rng.normal(0, 0.1, 300))
    assert columns_over(evaluate(real, moved, metrics=["ks_distance"], n_resamples=0))["n"] > 0.2


@cases("levels", [2, 3, 12, 60])
def test_chance_alone_turns_no_light(levels):
    """Many tables of few rows, many columns of each: none is called off."""
    for seed in range(6):
        rng = np.random.default_rng(seed)
        n, m = (int(k) for k in rng.choice([30, 60, 150, 400], 2))
        shares = rng.dirichlet(np.ones(levels))
        real, fake = (
            pd.DataFrame(
                {f"k{j}": rng.choice(levels, k, p=shares).astype(str) for j in range(20)}
                | {f"x{j}": rng.gamma(1, size=k) for j in range(20)}
            )
            for k in (n, m)
        )
        entries = evaluate(real, fake, metrics=["ks_distance", "total_variation"], n_resamples=0, random_state=seed)
        assert max(columns_over(entries).values()) < 0.08


def test_values_missing_in_one_column_are_found_and_shown_there():
    rng = np.random.default_rng(0)
    real, fake = (table_of(300, rng) for _ in range(2))
    real.loc[rng.random(300) < 0.1, "x0"] = np.nan
    for name in ("x0", "x1", "x2"):
        fake.loc[rng.random(300) < 0.1, name] = np.nan
    fake.loc[rng.random(300) < 0.4, "x3"] = np.nan
    report = quality_report(fake, real, verbose=False)
    found = next(f for f in report.findings if f.topic == "missing")
    assert found.columns[0] == "x3" and "x0" not in found.columns
    assert next(c["light"] for c in report.to_dict()["columns"] if c["name"] == "x3") == "warn"
    check(report)


def test_charts_of_categories_show_the_most_frequent_levels():
    """Also where the classes that were made have other levels than the table as a whole."""
    rng = np.random.default_rng(0)
    common, rare = [f"common {k}" for k in range(30)], [f"rare {k}" for k in range(5)]
    X = pd.DataFrame({"town": np.r_[rng.choice(common, 1000), rng.choice(rare, 60)], "x": rng.normal(size=1060)})
    y = np.repeat([0, 1], [1000, 60])
    fake = pd.DataFrame({"town": rng.choice(rare, 60), "x": rng.normal(size=60)})
    content = quality_report((fake, np.ones(60, int)), X, y, verbose=False).to_dict()
    town = next(c for c in content["columns"] if c["name"] == "town")
    assert set(rare) <= set(town["levels"])
    other = town["levels"].index("(other)")
    assert town["real"][other] < 0.01 and town["synthetic"][other] == 0
    boxes = next(p for p in content["pairs"] if p["kind"] == "boxes")
    assert boxes["levels"][0] in common + rare


# ------------------------------------------------------------------------------------------ known generators


@cache
def data(name):
    """At most 500 rows, classes of under 40 left out."""
    if name in ("thyroid_sick", "card_fraud"):
        X, y = load_example(name)
        y = np.asarray(y)
        kinds, counts = np.unique(y, return_counts=True)
        rare = np.flatnonzero(y == kinds[counts.argmin()])[:150]
        rows = np.sort(np.r_[rare, np.flatnonzero(y == kinds[counts.argmax()])[:350]])
        # of the categories, the eight that vary most: it takes a table of counts for each two of them
        shares = {name: X[name].value_counts(normalize=True).iloc[0] for name in X.select_dtypes(exclude="number")}
        X = X.drop(columns=sorted(shares, key=shares.__getitem__)[8:])
        return X.iloc[rows].reset_index(drop=True), y[rows]
    load = {"breast_cancer": load_breast_cancer, "wine": load_wine, "iris": load_iris, "digits": load_digits}[name]
    X, y = load(return_X_y=True, as_frame=True)
    rows = np.random.default_rng(0).permutation(len(X))[:500]
    return X.iloc[rows].reset_index(drop=True), np.asarray(y)[rows]


def halves(name):
    X, y = data(name)
    order = np.argsort(y, kind="stable")
    return [(X.iloc[p].reset_index(drop=True), y[p]) for p in (np.sort(order[::2]), np.sort(order[1::2]))]


def shuffled(X, y, rng):
    return X.apply(lambda column: column.to_numpy()[rng.permutation(len(X))]), y


def within(X, y, rng):
    rows = np.arange(len(X))
    made = {}
    for name in X:
        order = rows.copy()
        for k in np.unique(y):
            order[y == k] = rng.permutation(rows[y == k])
        made[name] = X[name].to_numpy()[order]
    return pd.DataFrame(made), y


def noise(X, y, rng):
    def drawn(column):
        values = column.dropna()
        if column.dtype.kind in "fiu":
            return rng.uniform(values.min(), values.max(), len(column))
        return rng.choice(np.asarray(values.unique(), dtype=object), len(column))

    return pd.DataFrame({name: drawn(X[name]) for name in X}), y


def one_row(X, y, rng):
    return X.iloc[[0] * 384].reset_index(drop=True), np.repeat(y[:1], 384)


KNOWN = {  # what was made of (training rows, unseen rows) -> (topics of which one is the verdict, family that is bad)
    "good": (lambda train, unseen, rng: unseen, {"good", "utility"}, None),
    "copying": (lambda train, unseen, rng: train, {"copying"}, "privacy"),
    "shuffled": (lambda train, unseen, rng: shuffled(*unseen, rng), {"dependence"}, "diversity"),
    "shuffled within": (lambda train, unseen, rng: within(*unseen, rng), {"dependence", "unlike"}, "fidelity"),
    "noise": (lambda train, unseen, rng: noise(*unseen, rng), {"untrained"}, "fidelity"),
    "one row": (lambda train, unseen, rng: one_row(*unseen, rng), {"collapse"}, "fidelity"),
    "tiny": (lambda train, unseen, rng: tuple(part[:14] for part in unseen), {"few rows", "collapse", "good"}, None),
}


def known(name, case):
    make, wanted, bad = KNOWN[case]
    train, unseen = halves(name)
    made = make(train, unseen, np.random.default_rng(1))
    if case == "tiny":
        train = tuple(part[:20] for part in train)
        made = tuple(part[np.isin(made[1], np.unique(train[1]))] for part in made)
    report = quality_report(made, *train, verbose=False)
    check(report)
    assert report.findings[0].topic in wanted, str(report)
    if bad is None:
        assert "bad" not in report.lights.values(), str(report)
    else:
        assert report.lights[bad] == "bad", str(report)


@cases("case", KNOWN)
def test_the_words_are_right_on_a_known_generator(case):
    known("thyroid_sick", case)


@pytest.mark.slow
@pytest.mark.parametrize("case", KNOWN)
@pytest.mark.parametrize("name", ["breast_cancer", "wine", "iris", "digits", "card_fraud"])
def test_the_words_are_right_on_known_generators_of_other_sets(name, case, small_forests, monkeypatch):
    small_forests(monkeypatch, 8, 10, 10)
    known(name, case)


# ------------------------------------------------------------------------------------------ rules, skew, utility


def test_broken_rules_are_a_finding_with_their_shares():
    rng = np.random.default_rng(0)
    real, fake = (table_of(300, rng) for _ in range(2))
    rules = [("end >= start", 0.0, 0.347), ("`net` <= `gross`", 0.01, 0.0104), ("a copy", 0.0, 0.004)]
    report = quality_report(fake, real, broken_rules=rules, verbose=False)
    check(report)
    first = report.findings[0]
    assert (first.topic, first.severity) == ("rules", "bad") and report.lights["fidelity"] == "bad"
    assert "`end >= start` in 34.7%" in first.text and "gross" not in first.text and "break rules" in report.summary
    assert "drop the rows that break them" in first.advice
    followed = [(text, share, share) for text, share, _ in rules]
    assert "rules" not in topics(quality_report(fake, real, broken_rules=followed, verbose=False).findings)
    mild = quality_report(fake, real, broken_rules=[("a copy", 0.0, 0.004)], verbose=False)
    assert mild.findings[0].severity == "warn" and "a few of them break rules" in mild.summary


@cases("rules", [["x"], [("x", 0.1)], [("x", 0.1, 2)], [(3, 0.1, 0.2)]])
def test_rules_that_are_none_are_refused(rules):
    with pytest.raises(InvalidParameterError, match="broken_rules holds .*give"):
        quality_report(np.zeros((5, 2)), np.zeros((5, 2)), broken_rules=rules, verbose=False)


@pytest.fixture(scope="module")
def overlapping():
    """Classes of 0 and half a standard deviation, and what a threshold on the votes and no such rule make of them."""
    rng = np.random.default_rng(0)
    y = (rng.random(800) < 0.3).astype(int)
    X = pd.DataFrame({"x": rng.normal(0.5 * y, 1), "z": rng.normal(size=800)})
    return X, y


def test_a_class_that_curation_moved_is_named_with_rule_and_parameter_and_the_advice_helps(overlapping, monkeypatch):
    monkeypatch.setattr(measured, "MOST_TRIAL_ROWS", 0)  # no second training for utility
    X, y = overlapping
    made = []
    for curate in (True, ["copies", "outliers"]):
        gan = tabular_gan(max_steps=150, width=32, curate=curate, min_probability=0.6).fit(X, y)
        made.append(quality_report(gan, X, y, verbose=False))
        check(made[-1])
    found = [f for f in made[0].findings if f.topic == "class skew" and "other_class" in f.text]
    assert found and "'x'" in found[0].text and found[0].text.startswith("Class ")
    assert "refused" in found[0].text and "curate=['copies', 'rules', 'outliers']" in found[0].advice
    assert not [f for f in made[1].findings if "other_class" in f.text + f.advice], "the advice was followed"
    distance = [max(m.to_dict()["metrics"]["ks_distance"]["by_class"][k]["value"] for k in "01") for m in made]
    assert distance[1] < distance[0] - 0.1


def test_a_class_that_differs_without_curation_is_not_blamed_on_it(overlapping):
    X, y = overlapping
    fake = X.assign(x=X["x"] + 1.0 * (y == 1))
    found = findings(X, fake, y, y)
    skew = next(f for f in found if f.topic in ("class skew", "marginals"))
    assert skew.columns[0] == "x" and "other_class" not in skew.text + skew.advice


def labelled(n, rng, gap=1.5):
    y = (rng.random(n) < 0.4).astype(int)
    return pd.DataFrame(rng.normal(size=(n, 3)) + gap * y[:, None], columns=list("abc")), y


def test_utility_is_measured_without_held_out_rows_and_says_how():
    rng = np.random.default_rng(0)
    X, y = labelled(300, rng)
    fake, y_fake = labelled(300, rng)
    report = quality_report((fake, y_fake), X, y, verbose=False)
    check(report)
    entry = report.to_dict()["metrics"]["augmentation_gain"]
    assert entry["details"]["tested_on"] == "seen" and entry["details"]["n_test"] == pytest.approx(90, abs=2)
    assert "the generator saw" in entry["note"] and report.lights["utility"] in ("good", "warn")
    assert "had seen" in report.summary and "--holdout" in report.summary
    held, y_held = labelled(200, rng)
    told = quality_report((fake, y_fake), X, y, X_holdout=held, y_holdout=y_held, verbose=False)
    assert "tested_on" not in told.to_dict()["metrics"]["augmentation_gain"]["details"]
    assert "had seen" not in told.summary


def test_a_quick_generator_is_trained_again_without_what_is_tested_on():
    rng = np.random.default_rng(0)
    X, y = labelled(240, rng)
    gan = tabular_gan(max_steps=20).fit(X, y)
    weights = {name: array.copy() for name, array in gan.weights_.items()}
    reports = [quality_report(gan, X, y, verbose=False, n_samples=200) for _ in range(2)]
    entry = reports[0].to_dict()["metrics"]["augmentation_gain"]
    assert entry["details"]["tested_on"] == "refitted" and "second training" in str(reports[0])
    assert reports[0].to_dict() == reports[1].to_dict()
    assert all(np.array_equal(weights[name], gan.weights_[name]) for name in weights), "the generator is not touched"
    check(reports[0])


def test_a_long_training_is_not_repeated():
    rng = np.random.default_rng(0)
    X, y = labelled(240, rng)
    gan = TabularGAN(max_steps=5, random_state=0, verbose=False).fit(X, y).set_params(max_steps=50_000)
    entry = quality_report(gan, X, y, verbose=False, n_samples=100).to_dict()["metrics"]["augmentation_gain"]
    assert entry["details"]["tested_on"] == "seen"


@cases(
    ("labels", "why"),
    [
        (lambda y: (None, None), "needs the labels"),
        (lambda y: (np.zeros(120), np.zeros(120)), "one class only"),
        (lambda y: (np.r_[np.zeros(117), 1, 1, 1], np.r_[np.zeros(117), 1, 1, 1]), "fewer than 4 real rows"),
    ],
)
def test_where_utility_is_not_measured_the_headline_says_why(labels, why):
    rng = np.random.default_rng(0)
    X, fake = rng.normal(size=(120, 2)), rng.normal(size=(120, 2))
    y, y_fake = labels(None)
    report = quality_report(fake if y_fake is None else (fake, y_fake), X, y, verbose=False)
    assert report.lights["utility"] == "none" and "was not measured" in report.summary and why in report.summary
    check(report)


def test_a_gain_by_copies_of_what_is_tested_on_is_none():
    rng = np.random.default_rng(0)
    X, y = labelled(300, rng, gap=0.5)
    report = quality_report((X + 1e-6, y), X, y, verbose=False)
    found = next(f for f in report.findings if f.topic == "utility")
    assert found.severity == "warn" and "cannot be told" in found.text and "cannot be told" in report.summary
    check(report)


# ------------------------------------------------------------------------------------------ the page


def test_the_overview_tells_the_forest_and_measures_have_their_help():
    rng = np.random.default_rng(0)
    report = quality_report(rng.normal(size=(200, 3)), rng.normal(size=(200, 3)), verbose=False)
    value = report.to_dict()["metrics"]["two_sample_auc"]["value"]
    page, text = report.to_html(), str(report)
    assert f"A forest tells them apart with an AUC of {value:.2f} (chance 0.5)." in text
    overview = page[page.index('id="overview"') : page.index('id="together"')]
    assert f"<b>{value:.2f}</b> a forest tells them apart with (AUC)" in overview and "(chance 0.5)" in overview
    assert page.count("<abbr title=") >= len(report.to_dict()["metrics"])
    assert set(report.lights.values()) <= set(LIGHTS)


def test_real_rows_can_be_hidden():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"code": rng.integers(10**8, 10**9, 120).astype(float), "x": rng.normal(size=120)})
    y = np.arange(120) % 2
    fake = X.assign(code=rng.integers(10**8, 10**9, 120).astype(float), x=rng.normal(size=120))
    fake.iloc[:6] = X.iloc[:6].to_numpy()  # copies, which are shown first
    shown, hidden = (quality_report((fake, y), X, y, hide_real=hide, verbose=False) for hide in (False, True))
    cells = {f"{value:,.0f}" for value in X["code"]}
    columns = shown.to_dict()["columns"]
    cells -= {text for c in columns for text in (*c["middle"], c["low"], c["high"])}  # quantiles remain
    assert any(cell in shown.to_html() for cell in cells)
    page = hidden.to_html()
    assert not any(cell in page for cell in cells) and "no single real one of the rows" in page
    content = hidden.to_dict()
    assert content["embedding"]["real"] == [[], [], []] and all(
        s["real"] is None for s in content["neighbours"]["samples"]
    )
    assert hidden.lights == shown.lights and hidden.summary == shown.summary
    images = rng.integers(0, 255, (60, 8, 8)).astype(np.uint8)
    page = quality_report(images[:30], images[30:], hide_real=True, verbose=False).to_html()
    assert "its nearest real image" not in page and "<img " in page
    series = rng.normal(size=(60, 2, 30))
    assert quality_report(series[:30], series[30:], hide_real=True, verbose=False).to_html()


@cases(
    ("value", "text"),
    [(0, "0"), (12.0, "12"), (1234567.0, "1,234,567"), (1234.56, "1,235"), (0.00012345, "0.0001234"), (-0.5, "-0.5"),
     (3.14159, "3.142"), (2e20, "2 × 10²⁰"), (1.5e-9, "1.5 × 10⁻⁹"), (1e6, "1,000,000")],
)  # fmt: skip
def test_numbers_print_as_people_write_them(value, text):
    from ganaug.summaries.column_charts import number_text

    assert number_text(value) == text


@cases(
    ("value", "text"),
    [(None, "–"), (0.0, "0.000"), (-1e-18, "0.000"), (0.0001, "<0.001"), (12345.6, "12,346"), (0.5, "0.500")],
)
def test_figures_print_as_people_write_them(value, text):
    from ganaug.report.result import number

    assert number(value) == text


WIDE = """
import resource, numpy as np
from ganaug import quality_report
import ganaug.report.build as build
used = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
build.RESAMPLES = 0
rng = np.random.default_rng(0)
y = np.arange(116) % 2
X, fake = (rng.normal(size=(116, 7129)) + 0.3 * y[:, None] for _ in range(2))
before = used()
quality_report((fake, y), X, y, verbose=False).to_html()
print(used() - before)
"""


@pytest.mark.slow
def test_thousands_of_columns_take_little_memory():
    made = subprocess.run([sys.executable, "-c", WIDE], capture_output=True, text=True, check=True)
    assert float(made.stdout) < 350, "MB beside those of the imports"


# ------------------------------------------------------------------------------------------ advice


def test_every_advice_is_followed_somewhere_below():
    tested = {name.removeprefix("test_advice_") for name in globals() if name.startswith("test_advice_")}
    assert tested >= {
        "collapse", "coverage", "untrained", "copying", "dependence", "marginals", "unlike", "told_apart", "missing",
        "membership", "harm", "few_rows",
    }  # fmt: skip


def mixed_rows(n, rng):
    z = rng.normal(size=n)
    return pd.DataFrame({"a": z + 0.4 * rng.normal(size=n), "b": z + 0.4 * rng.normal(size=n), "c": rng.normal(size=n)})


def test_a_collapse_among_real_rows_that_hardly_differ_is_one():
    entry = {"enough": True, "floor": 0.97, "value": 0.04, "details": {}}
    few = {**entry, "value": 0.12, "details": {"spacing": 0.75}}
    found = diagnose({"coverage": entry, "distinct_neighbours": few})
    assert found[0].topic == "collapse" and found[0].severity == "bad" and "4% of what real rows do" in found[0].text
    many = {**few, "value": 0.9}
    assert diagnose({"coverage": entry, "distinct_neighbours": many})[0].severity != "bad"


def test_what_is_no_result_of_evaluate_is_refused_with_the_line_to_write():
    table = pd.DataFrame({"precision": [0.5]})
    line = r"diagnose\(evaluate\(X_real, X_syn, y_real, y_syn\)\)"
    entry = {"precision": {"enough": True, "value": 1.0, "floor": 1.0, "details": {}, "family": "diversity"}}
    for results, made, words in (
        (table, table, "results must be .*not a DataFrame"),
        (table.to_numpy(), table.to_numpy(), "results must be .*not a ndarray"),
        ({"precision": 0.5}, None, r"results\['precision'\] is no result of evaluate"),
        ({"a": [1, 2]}, {"a": [1, 2]}, r"results\['a'\] is no result"),
        (entry, table, "made must be"),
    ):
        with pytest.raises(InvalidTypeError, match=f"{words}.*{line}"):
            diagnose(results, made)
    assert diagnose(entry)[0].topic == "good"


def test_lost_dependence_is_said_of_its_kind_of_columns():
    rng = np.random.default_rng(0)
    z = rng.normal(size=300)
    kind = np.where(z + 0.3 * rng.normal(size=300) > 0, "a", "b")
    X = pd.DataFrame({"x": z, "w": z + 0.3 * rng.normal(size=300), "kind": kind})
    for column, between in (("x", "numbers"), ("kind", "categories and numbers")):
        found = diagnose(evaluate(X, X.assign(**{column: rng.permutation(X[column])}), n_resamples=5))
        assert any(f"of the dependence between {between} is left" in f.text for f in found)


def test_half_of_a_column_in_a_class_is_a_skew_and_no_lost_dependence():
    rng = np.random.default_rng(0)
    n = 900
    y = rng.integers(0, 2, n)
    a = rng.normal(size=n)
    X = pd.DataFrame({"a": a, "b": a + 0.9 * rng.normal(size=n), "c": a + 0.9 * rng.normal(size=n), "d": y + 0.0})
    unseen, y_unseen = X.iloc[450:], y[450:]
    upper = (y_unseen == 1) | (unseen["a"] > unseen["a"].median()).to_numpy()
    found = findings(X.iloc[:450], unseen[upper], y[:450], y_unseen[upper])
    assert "class skew" in topics(found) | {f.topic for f in found} or "marginals" in topics(found)
    assert "dependence" not in topics(found, "bad")


def test_advice_collapse():
    rng = np.random.default_rng(0)
    X, fake = mixed_rows(300, rng), mixed_rows(300, rng)
    found = findings(X, fake.iloc[np.arange(300) % 2])
    assert "collapse" in topics(found, "bad") and "Do not use these samples" in found[0].advice
    assert "collapse" not in topics(findings(X, fake))


def test_advice_coverage():
    rng = np.random.default_rng(0)
    X, fake = mixed_rows(400, rng), mixed_rows(400, rng)
    found = next(f for f in findings(X, fake.iloc[:50]) if f.topic == "collapse")
    assert found.severity == "warn" and "Draw more samples: there are 50 for 400 real rows" in found.advice
    assert "collapse" not in topics(findings(X, fake))


def test_advice_untrained():
    X = load_breast_cancer(as_frame=True).data.iloc[:, :8]
    made = []
    for steps in (1, 300):
        gan = TabularGAN(max_steps=steps, random_state=0, verbose=False).fit(X)
        made.append(quality_report(gan, X, n_samples=400, verbose=False))
        check(made[-1])
    found = next(f for f in made[0].findings if f.severity == "bad")
    assert "Train for more steps (max_steps: 1 were made)" in found.advice, str(made[0])
    assert found.topic not in topics(made[1].findings, "bad"), str(made[1])


def test_advice_copying():
    rng = np.random.default_rng(0)
    X = mixed_rows(300, rng)
    fake = pd.concat([X.iloc[:100] + 1e-7, mixed_rows(200, rng)], ignore_index=True)
    results = evaluate(X, fake, metrics=QUICK, n_resamples=0)
    assert "Drop the rows listed as near copies" in next(f for f in diagnose(results) if f.topic == "copying").advice
    listed = [row["synthetic"] for row in results["near_copies"]["details"]["rows"]]
    assert "copying" not in topics(findings(X, fake.drop(index=listed).reset_index(drop=True)))


def test_advice_about_copies_depends_on_what_was_done():
    rng = np.random.default_rng(0)
    X = mixed_rows(200, rng)
    results = evaluate(X, X + 1e-7, metrics=["privacy"], n_resamples=0)
    unknown, used = Made(), Made(rules=("copies",))
    lost = Made(rules=("copies",), curation={"all": {"drawn": 9, "copies": None}})
    said = [next(f for f in diagnose(results, made) if f.topic == "copying").advice for made in (unknown, used, lost)]
    assert "curate='copies'" in said[0] and "refused already" in said[1] and "loaded or copied model" in said[2]


@cases(
    ("made", "said"),
    [
        (Made(), "Train for more steps (max_steps)"),
        (Made(steps=300, stop_reason="max_steps"), "max_steps: 300 were made"),
        (Made(steps=300, stop_reason="max_time"), "max_time"),
        (Made(steps=30, stop_reason="no_improvement"), "Raise patience"),
        (Made(rules=("outliers",)), "refused already"),
    ],
)
def test_advice_unlike_depends_on_what_was_done(made, said):
    entry = {"value": 0.4, "high": 0.45, "low": 0.35, "floor": 0.95, "enough": True, "n_real": 300, "n_synthetic": 300}
    found = diagnose({"precision": entry | {"details": {}, "family": "diversity"}}, made)
    assert found[0].topic == "unlike" and said in found[0].advice


def test_advice_dependence():
    rng = np.random.default_rng(0)
    X, fake = mixed_rows(300, rng), mixed_rows(300, rng)
    mixed_up = fake.assign(b=rng.permutation(fake["b"]))
    found = findings(X, mixed_up)[0]
    assert found.topic == "dependence" and "columns that were shuffled or generated one by one" in found.advice
    assert "dependence" not in topics(findings(X, fake))


def test_advice_marginals():
    rng = np.random.default_rng(0)
    X, fake = mixed_rows(300, rng), mixed_rows(300, rng)
    found = next(f for f in findings(X, fake.assign(c=fake["c"] * 2 + 1)) if f.topic == "marginals")
    assert found.columns == ("c",) and "Look at the values of these columns" in found.advice
    assert "marginals" not in topics(findings(X, fake))


def test_advice_unlike():
    rng = np.random.default_rng(0)
    X, fake = mixed_rows(400, rng), mixed_rows(400, rng)
    fake["c"] = fake["c"].where(rng.random(400) < 0.4, 9 + 3 * rng.random(400))
    far = (fake["c"] < X["c"].min()) | (fake["c"] > X["c"].max())
    entries = evaluate(X, fake, metrics=["precision", "coverage"], n_resamples=15)
    found = next(f for f in diagnose(entries) if f.topic == "unlike")
    assert found.severity == "bad" and "Drop or refuse rows far outside" in found.advice
    assert "unlike" not in topics(findings(X, fake[~far].reset_index(drop=True), metrics=["precision", "coverage"]))


def test_advice_told_apart(monkeypatch):
    monkeypatch.setattr(distributions, "N_TREES", 60)
    rng = np.random.default_rng(0)
    names = [f"column {j}" for j in range(60)]
    X, fake = (pd.DataFrame(rng.normal(size=(200, 60)), columns=names) for _ in range(2))
    moved = fake.assign(**{name: fake[name] + 0.45 for name in names})
    found = next(f for f in findings(X, moved, metrics="two_sample_auc") if f.topic == "told apart")
    assert len(found.columns) == 3 and f"decimals of {found.columns[0]!r}" in found.advice
    assert "told apart" not in topics(findings(X, fake, metrics="two_sample_auc"))


def test_advice_missing():
    rng = np.random.default_rng(0)
    X, fake = mixed_rows(300, rng), mixed_rows(300, rng)
    gaps = fake.assign(a=fake["a"].where(rng.random(300) < 0.6))
    found = next(f for f in findings(X, gaps) if f.topic == "missing")
    assert found.columns == ("a",) and "where values are missing in these columns" in found.advice
    assert "missing" not in topics(findings(X, fake))


def test_advice_membership():
    rng = np.random.default_rng(0)
    X, unseen = mixed_rows(300, rng), mixed_rows(300, rng)
    asked = {"metrics": ["membership_auc"], "X_holdout": unseen}
    found = next(f for f in findings(X, X + 0.05 * rng.normal(size=X.shape), **asked) if f.topic == "membership")
    assert "Share neither samples nor generator" in found.advice and "more smoothing" in found.advice
    assert "membership" not in topics(findings(X, X + 1.0 * rng.normal(size=X.shape), **asked))


def test_advice_harm():
    rng = np.random.default_rng(0)
    X, y = labelled(200, rng)
    held, y_held = labelled(300, rng)
    fake, y_fake = labelled(600, rng)
    asked = {"metrics": "utility", "X_holdout": held, "y_holdout": y_held}
    found = next(f for f in findings(X, fake, y, 1 - y_fake, **asked) if f.topic == "utility")
    assert found.severity == "bad" and found.advice.startswith("Add fewer") and found.judged[0].name == "harm"
    few = [np.flatnonzero(y_fake == k)[0] for k in (0, 1)]
    followed = findings(X, fake.iloc[few], y, 1 - y_fake[few], **asked)
    assert "utility" not in topics(followed, "bad")


def test_advice_few_rows():
    rng = np.random.default_rng(0)
    X, fake = mixed_rows(300, rng), mixed_rows(300, rng)
    found = findings(X.iloc[:15], fake.iloc[:15])
    assert found[0].topic == "few rows" and "give more real rows and more samples" in found[0].advice
    report = quality_report(fake.iloc[:15], X.iloc[:15], verbose=False)
    assert report.to_dict()["severity"] == "warn" and "cannot be judged" in report.summary
    assert "look good" not in report.summary
    assert "few rows" not in topics(findings(X, fake))


def test_a_finding_without_figures_is_as_before():
    assert Finding("good", "good", "Nothing.") == Finding("good", "good", "Nothing.", "", (), "", ())


@cases("kind, thing", [("series", "series"), ("image", "image")])
def test_series_and_images_are_not_called_rows(kind, thing):
    rng = np.random.default_rng(0)
    real = rng.normal(size=(60, 2, 8) if kind == "series" else (60, 1, 8, 8))
    y = np.repeat(["a", "rows"], 30)
    entries = evaluate(real, real[:35], y, y[:35], metrics=["near_copies", "coverage"], n_resamples=0, kind=kind)
    found = diagnose(entries)
    told = " ".join(f"{one.text} {one.advice}" for one in found) + str([e["note"] for e in entries.values()])
    assert f"copy training {thing}" in told and "class 'rows' has" in told and "row " not in told
    assert "rows" not in told.replace("'rows'", ""), told


def test_a_problem_of_diversity_is_explained_where_dependence_is_lost():
    rng = np.random.default_rng(0)
    real = rng.normal(size=(200, 1)) + 0.3 * rng.normal(size=(200, 3))
    found = findings(real, np.column_stack([rng.permutation(column) for column in real.T]))[0]
    assert "diversity" in families_of(found) and "Kinds of rows" in found.text


def compared(change):
    """Findings about rows of the same kind of table, with a change."""
    rng = np.random.default_rng(0)
    real, made = (
        pd.DataFrame(
            {
                "a": rng.normal(size=500),
                "b": rng.gamma(2, 10, 500),
                "c": rng.choice(list("xyz"), 500, p=[0.6, 0.34, 0.06]),
            }
        )
        for _ in range(2)
    )
    return diagnose(evaluate(real, change(made, rng), metrics=["fidelity", "diversity"], n_resamples=0))


def test_shifted_rows_are_no_collapse():
    def shifted(made, rng):
        return made.assign(a=made["a"] + 4, b=made["b"] + 60)

    verdict, *_ = compared(shifted)
    assert verdict.topic == "untrained" and verdict.severity == "bad"
    assert compared(lambda made, rng: shifted(made, rng).iloc[[3] * 500])[0].topic == "collapse"


def test_a_category_that_never_comes_is_named():
    *_, found = compared(lambda made, rng: made.assign(c=made["c"].replace("z", "y")))
    assert (found.severity, found.topic, found.columns) == ("warn", "marginals", ("c",))
    assert "'c' is never 'z'" in found.text
    [fine] = compared(lambda made, rng: made)
    assert fine.topic == "good" and fine.text.startswith("No problem")


def test_a_verdict_of_good_does_not_contradict_what_stands_below():
    def holes(made, rng):
        return made.assign(a=made["a"].where(rng.random(500) < 0.7))

    verdict, missing = compared(holes)
    assert verdict.text.startswith("No other problem was found") and missing.topic == "missing"
