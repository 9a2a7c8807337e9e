"""The report counts the rules that are broken, and sets utility beside what costs nothing to try."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from helpers import cases
from sklearn.ensemble import RandomForestClassifier

from ganaug import GANOversampler, Order, SmoothedBootstrap, Sum, TabularGAN, Within, quality_report
from ganaug.exceptions import InvalidDataError, InvalidParameterError
from ganaug.metrics import diagnose, utility
from ganaug.report.measured import count_rules, given_counts
from ganaug.report.wording import summary

pytestmark = pytest.mark.usefixtures("small_forests")


def orders(n, seed):
    """A sum and an order that all rows keep, and classes of 75 and 25 %."""
    rng = np.random.default_rng(seed)
    y = np.where(rng.random(n) < 0.25, "late", "paid")
    net, vat = rng.gamma(3, 40, n).round(2), rng.gamma(2, 9, n).round(2)
    opened = rng.gamma(2, 20, n).round(1)
    closed = (opened + rng.gamma(2, np.where(y == "late", 20, 15)) + 0.1).round(1)
    X = pd.DataFrame({"net": net, "vat": vat, "gross": (net + vat).round(2), "opened": opened, "closed": closed})
    return X, y


def broken(counts):
    return {count.rule for count in counts if count.broken}


def test_rules_are_found_in_the_real_rows_and_counted_in_both():
    X, _ = orders(400, 0)
    fake, _ = orders(300, 1)
    wrong = fake.assign(gross=fake["gross"] * np.where(np.arange(300) < 60, 1.3, 1.0))
    kept, counts = (count_rules(X, samples, "auto", None, 0) for samples in (fake, wrong))
    assert {count.rule for count in counts} >= {"gross = net + vat (to 0.01)", "closed >= opened"}
    assert not broken(kept)
    (one,) = [count for count in counts if count.broken]
    assert one.rule.startswith("gross = net") and (one.real, one.synthetic, one.checked) == (0.0, 0.2, 300)


@cases("container", [np.asarray, lambda X: X, lambda X: X.to_numpy().tolist()])
def test_real_and_synthetic_rows_may_come_in_other_containers(container):
    X, _ = orders(300, 0)
    fake, _ = orders(200, 1)
    counts = count_rules(X, container(fake.assign(closed=fake["opened"] - 1)), "auto", None, 0)
    assert broken(counts) == {"closed >= opened"}


def test_rows_that_chance_explains_break_no_rule():
    """Real rows that keep a rule in all but a few, and unseen rows that do so a little less often."""
    rng = np.random.default_rng(0)
    X, _ = orders(400, 0)
    X.loc[7, "gross"] += 5
    fake, _ = orders(400, 1)
    few, many = (fake.assign(gross=fake["gross"] + 5 * (rng.permutation(400) < n)) for n in (3, 40))
    assert not broken(count_rules(X, few, [Sum("gross", ["net", "vat"])], None, 0))
    counts = count_rules(X, many, [Sum("gross", ["net", "vat"])], None, 0)
    assert counts[0].real == pytest.approx(1 / 400) and counts[0].synthetic == 0.1 and counts[0].broken


def test_what_a_rule_learns_is_checked_on_real_rows_that_it_did_not_see():
    """Unseen real rows leave the intervals of few rows now and then; that is no fault of a generator."""
    rng = np.random.default_rng(0)

    def rows(n):
        grade = rng.choice(list("ABCDEFGH"), n)
        rate = np.array([ord(g) - 64 for g in grade]) * 2 + rng.normal(0, 0.4, n)
        return pd.DataFrame({"grade": grade, "rate": rate})

    X = rows(160)
    rule = Within("rate", "grade")
    for _ in range(5):
        assert not broken(count_rules(X, rows(160), [rule], None, 0))
    mixed = rows(160).assign(rate=lambda t: rng.permutation(t["rate"]))
    (count,) = count_rules(X, mixed, [rule], None, 0)
    assert count.broken and 0 < count.real < 0.2 < count.synthetic


def test_the_rules_of_a_generator_are_those_that_are_counted():
    X, y = orders(300, 0)
    rules = [Order("opened", "closed"), Order("vat", "gross")]
    gan = TabularGAN(max_steps=5, rules=rules, random_state=0, verbose=False).fit(X, y)
    report = quality_report(gan, X, y, n_samples=100, verbose=False)
    found = {one["rule"]: one["synthetic"] for one in report.to_dict()["rules"]}
    assert found == {"closed >= opened": 0.0, "gross >= vat": 0.0}
    none = TabularGAN(max_steps=5, rules=None, random_state=0, verbose=False).fit(X, y)
    report = quality_report(none, X, y, n_samples=100, verbose=False)
    found = {one["rule"]: one for one in report.to_dict()["rules"]}
    assert found["gross = net + vat (to 0.01)"]["broken"], "a generator without rules is judged by those of the data"
    named = X.rename(columns=str.upper)
    assert {one.rule for one in count_rules(named, named, "auto", gan, 0)} >= {"CLOSED >= OPENED"}, "other names"


def test_broken_rules_are_one_finding_of_the_list_and_a_table_of_the_page():
    X, y = orders(300, 0)
    fake, y_fake = orders(200, 1)
    fake["closed"] = fake["opened"] - 1
    report = quality_report((fake, y_fake), X, y, verbose=False)
    (found,) = [one for one in report.findings if one.topic == "rules"]
    assert found.severity == "bad" and "`closed >= opened` in 100.0% (real 0.0%)" in found.text
    assert report.lights["fidelity"] == "bad" and "break rules" in report.summary
    page = report.to_html()
    table = page[page.index("<caption>Rules that the real rows keep") :]
    assert table.index("closed &gt;= opened") < table.index("<td>broken</td>") < table.index("</table>")
    assert json.loads(json.dumps(report.to_dict()["rules"]))[0]["rule"] == "closed >= opened", "the worst comes first"
    silent = quality_report((fake, y_fake), X, y, rules=None, verbose=False)
    assert silent.to_dict()["rules"] == [] and "Rules that the real rows keep" not in silent.to_html()


def test_rules_and_counts_may_be_given():
    X, y = orders(200, 0)
    fake, y_fake = orders(200, 1)
    asked = [Order("net", "vat")]
    given = [("a rule of ours", 0.0, 0.3)]
    report = quality_report((fake, y_fake), X, y, rules=asked, broken_rules=given, verbose=False)
    rules = {one["rule"]: one for one in report.to_dict()["rules"]}
    assert set(rules) == {"a rule of ours", "vat >= net"}
    assert rules["vat >= net"]["real"] > 0.5 and not rules["vat >= net"]["broken"], "real rows break it as well"
    assert rules["a rule of ours"]["broken"]
    with pytest.raises(InvalidParameterError, match="rules='all' is unknown"):
        quality_report(fake, X, rules="all", verbose=False)
    with pytest.raises(InvalidDataError, match="no column 'price'"):
        quality_report(fake, X, rules=[Order("price", "net")], verbose=False)
    with pytest.raises(InvalidParameterError, match="broken_rules holds"):
        given_counts([("x", 2, 0)])


def test_images_have_no_rules():
    images = np.random.default_rng(0).integers(0, 255, (60, 8, 8)).astype(np.uint8)
    assert quality_report(images[:30], images[30:], verbose=False).to_dict()["rules"] == []


def test_the_command_line_counts_rules_of_rows_and_of_models(tmp_path):
    from ganaug.cli.main import main

    X, y = orders(240, 0)
    fake, y_fake = orders(150, 1)
    X.assign(state=y).to_csv(tmp_path / "real.csv", index=False)
    fake.assign(state=y_fake, closed=fake["opened"] - 1).to_csv(tmp_path / "new.csv", index=False)
    gan = TabularGAN(max_steps=5, random_state=0, verbose=False).fit(X, y)
    gan.save(tmp_path / "model.safetensors")
    for samples in ("new.csv", "model.safetensors"):
        words = ["report", str(tmp_path / "real.csv"), str(tmp_path / samples), "--target", "state", "--quiet"]
        assert main([*words, "--output", str(tmp_path / "out.json"), "--force"]) == 0
        found = json.loads((tmp_path / "out.json").read_text())
        shares = {one["rule"]: one["synthetic"] for one in found["rules"]}
        assert shares["closed >= opened"] == (1.0 if samples == "new.csv" else 0.0)
        assert any(one["topic"] == "rules" for one in found["findings"]) == (samples == "new.csv")
        assert "SMOTE" in found["metrics"]["augmentation_gain"]["details"]["treatments"]


# ------------------------------------------------------------------------------------------ utility


def classes(n, seed, gap=1.2, share=0.2):
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < share).astype(int)
    return pd.DataFrame(rng.normal(size=(n, 3)) + gap * y[:, None], columns=list("abc")), y


def test_treatments_stand_beside_the_samples_in_the_finding_and_on_the_page():
    X, y = classes(400, 0)
    fake, y_fake = classes(300, 1)
    held, y_held = classes(400, 2)
    report = quality_report((fake, y_fake), X, y, X_holdout=held, y_holdout=y_held, verbose=False)
    found = report.to_dict()["metrics"]["augmentation_gain"]["details"]["treatments"]
    assert set(found) == {
        "real", "class weights", "threshold", "SMOTE", "real and synthetic", "real and synthetic, class weights",
        "synthetic alone",
    }  # fmt: skip
    assert found["threshold"]["average_precision"] == found["real"]["average_precision"]
    assert found["threshold"]["balanced_accuracy"] > found["real"]["balanced_accuracy"] + 0.03
    for one in found.values():
        assert all(0.3 < score <= 1 for score in one.values())
    text = next(f.text for f in report.findings if f.topic == "utility")
    assert f"{found['threshold']['balanced_accuracy']:.3f} with a threshold at the class share" in text
    assert f"{found['real and synthetic']['balanced_accuracy']:.3f} with the samples added" in text
    page = report.to_html()
    assert "A classifier with and without the samples" in page and "real ones and SMOTE" in page


def test_treatments_are_those_of_scikit_learn_and_imbalanced_learn(monkeypatch):
    """Worked out by hand on the same features."""
    from imblearn.over_sampling import SMOTE
    from sklearn.metrics import balanced_accuracy_score, f1_score

    from ganaug.metrics.sample_pair import read_samples

    def few_trees(tables=True, seed=0):
        return RandomForestClassifier(10, random_state=seed % 2**32)

    monkeypatch.setattr(utility, "default_classifier", few_trees)
    (X, y), (fake, y_fake), (held, y_held) = (classes(200, seed) for seed in range(3))
    samples = {"real": X, "synthetic": fake, "holdout": held}
    reading = read_samples(samples, {"real": y, "synthetic": y_fake, "holdout": y_held})
    found = utility.treatments(reading.comparison(seed=0, n_resamples=0, max_rows=1000))
    x, x_held = reading.rows["real"].features, reading.rows["holdout"].features
    forest = few_trees().fit(x, y)
    chance = forest.predict_proba(x_held)[:, 1]
    assert found["real"]["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(y_held, chance > 0.5))
    moved = chance / y.mean() > (1 - chance) / (1 - y.mean())
    assert found["threshold"]["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(y_held, moved))
    assert found["threshold"]["f1"] == pytest.approx(f1_score(y_held, moved, average="macro"))
    more = SMOTE(random_state=0).fit_resample(x, y)
    smote = few_trees().fit(*more).predict(x_held)
    assert found["SMOTE"]["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(y_held, smote))


def test_a_class_of_one_row_has_no_smote():
    X, y = classes(120, 0)
    y = np.where(np.arange(120) == 0, 2, y)
    fake, y_fake = classes(100, 1)
    report = quality_report((fake, y_fake), X, y, X_holdout=X, y_holdout=y, verbose=False)
    assert "SMOTE" not in report.to_dict()["metrics"]["augmentation_gain"]["details"]["treatments"]


@cases(
    "make",
    [
        lambda: SmoothedBootstrap(random_state=0),
        lambda: GANOversampler(generator=TabularGAN(max_steps=10), random_state=0, verbose=False),
        lambda: GANOversampler(generator=SmoothedBootstrap(), random_state=0),
    ],
)
def test_every_quick_generator_is_fitted_again_without_what_is_tested_on(make):
    X, y = classes(240, 0, share=0.3)
    report = quality_report(make().fit(X, y), X, y, n_samples=80, verbose=False)
    entry = report.to_dict()["metrics"]["augmentation_gain"]
    assert entry["details"]["tested_on"] == "refitted" and "treatments" in entry["details"]
    assert "had seen" not in report.summary


def test_a_gain_on_rows_that_the_generator_saw_is_not_called_one():
    entry = {"value": 0.05, "low": 0.01, "high": 0.09, "floor": 0.0, "enough": True, "n_real": 300, "n_synthetic": 300}
    alone = entry | {"value": 0.6, "low": 0.55, "high": 0.65, "floor": 0.62, "details": {}, "family": "utility"}
    told = {}
    for tested_on in ("seen", "refitted", ""):
        gain = entry | {"details": {"tested_on": tested_on}, "family": "utility"}
        found = diagnose({"augmentation_gain": gain, "train_synthetic_test_real": alone})
        told[tested_on] = next(f for f in found if f.topic == "utility")
        said = summary("table", 300, found, {"privacy": "good", "utility": "good"}, [])
        assert "gets better" in said and ("it was not measured" in said) == (tested_on == "seen")
    assert told["seen"].text.startswith("On real rows that the generator had seen, adding the samples helps")
    assert "was not measured" in told["seen"].advice
    assert "helps this classifier" in told["refitted"].text and not told[""].advice


def test_noise_is_not_learnt_from_where_real_rows_are_enough():
    """Of classes that lie far apart real rows alone are enough, and noise is still nothing to learn from."""
    X, y = classes(300, 0, gap=5.0, share=0.4)
    rng = np.random.default_rng(0)
    noise = pd.DataFrame(rng.uniform(X.min(), X.max(), X.shape), columns=X.columns)
    report = quality_report((noise, rng.permutation(y)), X, y, verbose=False)
    assert report.lights["utility"] in ("warn", "bad")
    assert "learns less" in report.summary or "worse" in report.summary
