"""The report says what is wrong with samples of which it is known; whatever is drawn comes from one dict."""

from __future__ import annotations

import base64
import io
import json
import re
import sys
import types
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import cases
from PIL import Image
from sklearn.linear_model import LogisticRegression

from ganaug import AugmentedClassifier, GanaugError, SmoothedBootstrap, quality_report
from ganaug.exceptions import InvalidDataError, InvalidTypeError
from ganaug.metrics import Finding, evaluate
from ganaug.metrics.limits import LIMITS
from ganaug.report import QualityReport, build
from ganaug.report.result import embedded
from ganaug.report.wording import LIGHTS, column_light, summary, thresholds

pytestmark = pytest.mark.usefixtures("small_forests")

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
EVIL = "</script><script>alert(1)</script>\"'&\u2028`"
VOID = {"meta", "br", "img", "input", "link", "hr", "path", "rect", "circle"}


# ------------------------------------------------------------------------------------------ five cases, three sets


@cache
def data_set(name):
    """(X, y) of at most 700 rows: numbers only, few rows of three classes, or numbers and categories."""
    if name == "mixed":
        if not (SHARED / "german_credit.parquet").is_file():
            pytest.skip("the shared data sets are not here")
        frame = pd.read_parquet(SHARED / "german_credit.parquet").sample(700, random_state=0).reset_index(drop=True)
        return frame.drop(columns="target"), frame["target"]
    from sklearn.datasets import load_breast_cancer, load_wine

    load = {"breast_cancer": load_breast_cancer, "wine": load_wine}[name]
    return load(return_X_y=True, as_frame=True)


def split(name, seed=0):
    X, y = data_set(name)
    order = np.random.default_rng(seed).permutation(len(X))
    return [
        (X.iloc[part].reset_index(drop=True), y.iloc[part].reset_index(drop=True))
        for part in np.array_split(order, [int(0.6 * len(X))])
    ]


def numbers(X):
    return [c for c in X.columns if pd.api.types.is_numeric_dtype(X[c])]


def with_noise(X, scale, rng):
    X = X.copy()
    for c in numbers(X):
        spread = X[c].std() or 1.0
        X[c] = X[c].astype(float) + rng.normal(size=len(X)) * scale * spread
    return X


def good(train, unseen, rng):
    X, y = unseen
    rows = rng.integers(len(X), size=len(train[0]))
    return X.iloc[rows], y.iloc[rows]


def collapsed(train, unseen, rng):
    X, y = unseen
    rows = np.concatenate([rng.choice(np.flatnonzero(y == label), 2) for label in y.unique() if (y == label).any()])
    rows = np.repeat(rows, -(-len(train[0]) // len(rows)))
    return with_noise(X.iloc[rows], 0.01, rng), y.iloc[rows]


def copying(train, unseen, rng):
    return with_noise(train[0], 0.001, rng), train[1]


def shuffled(train, unseen, rng):
    X, y = train
    return X.apply(lambda column: column.iloc[rng.permutation(len(X))].to_numpy()), y


def untrained(train, unseen, rng):
    X, y = train
    made = {}
    for c in X.columns:
        values = X[c].dropna()
        if c in numbers(X):
            made[c] = rng.uniform(values.min(), values.max(), len(X))
        else:
            made[c] = pd.Series(rng.choice(np.asarray(values.unique(), dtype=object), len(X))).astype(X[c].dtype)
    return pd.DataFrame(made), y


CASES = {  # case -> (samples, topics of which one must be the verdict, what the words must say)
    "good": (good, {"good", "utility"}, "look good"),
    "collapsed": (collapsed, {"collapse"}, "have collapsed"),
    "copying": (copying, {"copying"}, "copy the training rows"),
    "shuffled": (shuffled, {"dependence"}, "do not belong together"),
    "untrained": (untrained, {"untrained"}, "do not look like the real ones"),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", ["breast_cancer", "wine", "mixed"])
def test_the_report_of_a_known_case_gives_the_right_diagnosis_in_words(name, case):
    make, topics, words = CASES[case]
    train, unseen = split(name)
    X, y = make(train, unseen, np.random.default_rng(1))
    report = quality_report((X.reset_index(drop=True), y.reset_index(drop=True)), *train, verbose=False)
    assert report.to_dict()["verdict"] in topics, str(report)
    assert words in report.summary
    assert words in report.to_html()
    bad = {f.topic for f in report.findings if f.severity == "bad"}
    assert bad <= topics | {"rules"}, "one thing is wrong, and one thing is said to be"
    lights = {"good": "good", "copying": "good"}.get(case, "bad")
    assert (report.lights["privacy"] == "bad") == (case == "copying")
    assert ("bad" in {report.lights["fidelity"], report.lights["diversity"]}) == (lights == "bad" or "rules" in bad)


# ------------------------------------------------------------------------------------------ what is in it


@pytest.fixture(scope="module")
def mixed():
    """A small mixed table with two hostile names, three classes, one of them with 11 rows, and missing values."""
    rng = np.random.default_rng(0)

    def rows(n, y):
        return pd.DataFrame(
            {
                EVIL: rng.normal(size=n) + y,
                "kind": pd.Categorical(rng.choice(["a", EVIL, "c"], n)),
                "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 100, n), unit="D"),
                "flag": rng.random(n) < 0.4,
                "some": np.where(rng.random(n) < 0.2, np.nan, rng.exponential(size=n)),
                "count": rng.poisson(2.0, n),
            }
        )

    def labelled(sizes):
        codes = np.repeat(range(3), sizes)
        return rows(len(codes), codes), pd.Series(np.array(["normal", "u2r", EVIL], dtype=object)[codes])

    return labelled([120, 11, 80]), labelled([100, 40, 80]), labelled([60, 20, 50])


@pytest.fixture
def quick(monkeypatch):
    """Reports without intervals, which are most of the work."""
    monkeypatch.setattr(build, "RESAMPLES", 0)


@pytest.fixture(scope="module")
def report(mixed):
    real, fake, held_out = mixed
    return quality_report(
        fake, *real, X_holdout=held_out[0], y_holdout=held_out[1], title=f"Trial {EVIL}", verbose=False
    )


def test_the_dict_is_complete_json(report):
    content = report.to_dict()
    again = json.loads(json.dumps(content, allow_nan=False))
    assert again == content
    assert set(content) == {
        "format", "ganaug", "title", "kind", "verdict", "summary", "lights", "findings", "trust", "data", "metrics",
        "classes", "columns", "pairs", "correlations", "embedding", "neighbours", "copies", "histories", "curation",
        "generator", "traces", "severity", "figures", "rules", "treatments", "hides_real",
    }  # fmt: skip
    assert content["data"]["n_real"] == 211 and content["data"]["shape"] == [6]
    counts = {c["label"]: (c["n_real"], c["n_synthetic"], c["n_holdout"]) for c in content["data"]["classes"]}
    assert counts == {"normal": (120, 100, 60), "u2r": (11, 40, 20), EVIL: (80, 80, 50)}
    assert [c["name"] for c in content["columns"]] == [EVIL, "kind", "when", "flag", "some", "count"]
    assert {family: light["light"] for family, light in content["lights"].items()} == report.lights
    assert set(report.lights.values()) <= set(LIGHTS)
    content["metrics"].clear()
    assert report.to_dict()["metrics"], "to_dict gives a copy"


def test_the_evidence_of_a_classifier_is_a_part_of_the_page(mixed, quick):
    real, fake, _ = mixed
    assert quality_report(fake, *real, verbose=False).to_dict()["treatments"] == {}
    judged = AugmentedClassifier.__new__(AugmentedClassifier)
    judged.verdict_ = "`SMOTE` <helps>"
    judged.evidence_ = pd.DataFrame(
        {
            "treatment": ["None", "Full <b>balance", "Average"],
            "score": [0.5, 0.6, np.nan],
            "gain": [0.0, 0.1, np.nan],
            "gain_error": [0.0, 0.1, np.nan],
            "expected": [0.0, 0.08, np.nan],
            "folds": [3, 3, 0],
            "chosen": [False, True, False],
            "note": ["", "", "max_time was over"],
        }
    )
    made = quality_report(fake, *real, classifier=judged, hide_real=True, verbose=False)
    assert made.to_dict()["treatments"]["rows"][1]["gain"] == 0.1
    assert made.to_dict()["treatments"]["rows"][2]["score"] is None
    page = made.to_html()
    assert 'data-panel="treatments"' in page and "<code>SMOTE</code> &lt;helps&gt;" in page
    part = page[page.index('<section class="panel" id="treatments"') :]
    part = part[: part.index("</section>")]
    assert part.count("<svg class=") == 2 and part.count("chosen</span>") == 1
    # from -0.096 to 0.296: no gain at 24.5 of 100, the gain half-way
    assert 'd="M24.5 0V12"' in part and 'd="M0.0 6H100.0"' in part and 'cx="50.0"' in part
    assert "Full &lt;b&gt;balance" in part and "<li>Average: max_time was over</li>" in part


@pytest.mark.parametrize("given", [AugmentedClassifier(LogisticRegression()), AugmentedClassifier, 3])
def test_a_classifier_without_evidence_is_refused(mixed, given):
    real, fake, _ = mixed
    with pytest.raises(InvalidTypeError, match="is no fitted AugmentedClassifier"):
        quality_report(fake, *real, classifier=given, verbose=False)


def test_columns_are_counted_rightly(report, mixed):
    (X, y), (X_syn, y_syn), _ = mixed
    kind = next(c for c in report.to_dict()["columns"] if c["name"] == "kind")
    labels = report.to_dict()["embedding"]["labels"]
    for k, label in enumerate(labels):
        for side, (table, classes) in enumerate(((X, y), (X_syn, y_syn))):
            own = table["kind"][(classes == label).to_numpy()].astype(str).value_counts()
            assert kind["by_class"][k][side] == [int(own.get(level, 0)) for level in kind["levels"]] + [0]
    # the synthetic shares are weighted to the classes' shares among the real rows
    weight = y_syn.map(y.value_counts() / y_syn.value_counts())
    expected = weight.groupby(X_syn["kind"].astype(str).to_numpy()).sum() / len(y)
    assert kind["synthetic"] == pytest.approx([expected[level] for level in kind["levels"]], abs=1e-4)
    some = next(c for c in report.to_dict()["columns"] if c["name"] == "some")
    assert some["missing"][0] == pytest.approx(X["some"].isna().mean(), abs=1e-4)
    assert sum(some["real"]) == pytest.approx(1, abs=1e-3)
    when = next(c for c in report.to_dict()["columns"] if c["name"] == "when")
    assert when["kind"] == "date" and when["low"].startswith("20") and when["middle"][0].startswith("2024")


def test_a_small_class_is_named_with_its_rows_and_what_to_do(report):
    small = [f for f in report.findings if "Class `u2r` has 11 rows" in f.text]
    assert len(small) == 1 and "smoothed bootstrap" in small[0].advice
    section = next(c for c in report.to_dict()["classes"] if c["label"] == "u2r")
    assert "11 rows" in section["advice"]
    assert section["lights"]["fidelity"] == "unsure"
    assert "`u2r`" in " ".join(report.to_dict()["trust"])


def test_the_frame_has_a_row_for_each_metric_and_class(report, mixed):
    frame = report.to_frame()
    whole = frame[frame["class"].isna()].set_index("metric")
    assert whole.index.is_unique and {"ks_distance", "augmentation_gain", "membership_auc"} <= set(whole.index)
    assert set(frame["class"].dropna()) == {"normal", "u2r", EVIL}
    assert whole.loc["ks_distance", "value"] == report.to_dict()["metrics"]["ks_distance"]["value"]
    (X, y), (X_syn, y_syn), (X_out, y_out) = mixed
    expected = evaluate(X, X_syn, y, y_syn, X_out, y_out, metrics=["ks_distance"], n_resamples=0)
    assert whole.loc["ks_distance", "value"] == pytest.approx(expected["ks_distance"]["value"])


def test_neighbours_are_the_nearest_and_copies_are_listed(quick):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 3))
    fake = np.vstack([rng.normal(size=(60, 3)), X[[7, 50]] + 1e-7])
    content = quality_report(fake, X, verbose=False).to_dict()
    assert {(row["synthetic"], row["real"]) for row in content["copies"]["rows"]} == {(60, 7), (61, 50)}
    samples = content["neighbours"]["samples"]
    assert [(s["synthetic_row"], s["real_row"]) for s in samples[:2]] == [(60, 7), (61, 50)] and samples[0]["copy"]
    from ganaug.metrics import as_features

    features = as_features(X, fake)
    for sample in samples:
        distances = np.linalg.norm(features[0] - features[1][sample["synthetic_row"]], axis=1)
        assert sample["real_row"] == distances.argmin()


def test_copies_are_shown_however_many_rows_there_are(monkeypatch, quick):
    from ganaug.summaries import column_charts

    monkeypatch.setitem(column_charts.sides_of.__kwdefaults__, "most", 40)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    fake = np.vstack([rng.normal(size=(60, 3)), X[[7, 150]] + 1e-7])
    content = quality_report(fake, X, verbose=False).to_dict()
    assert {(s["synthetic_row"], s["real_row"]) for s in content["neighbours"]["samples"] if s["copy"]} == {
        (60, 7),
        (61, 150),
    }


def test_umap_draws_the_map_where_it_is_installed(monkeypatch, quick):
    class UMAP:
        def __init__(self, **options):
            assert isinstance(options["random_state"], int)

        def fit(self, X):
            self.embedding_ = X[:, :2] * 2
            return self

        def transform(self, X):
            return X[:, :2] * 2

    monkeypatch.setitem(sys.modules, "umap", types.SimpleNamespace(UMAP=UMAP))
    rng = np.random.default_rng(0)
    report = quality_report(rng.normal(size=(40, 3)), rng.normal(size=(40, 3)), verbose=False)
    found = report.to_dict()["embedding"]
    assert found["method"] == "UMAP" and found["explained"] is None and len(found["synthetic"][0]) == 40
    assert "Made by UMAP" in report.to_html()


def test_the_same_seed_gives_the_same_page(mixed, quick):
    real, fake, _ = mixed
    one, two, other = (quality_report(fake, *real, random_state=seed, verbose=False).to_html() for seed in (3, 3, 4))
    assert one == two != other


def test_thresholds_follow_the_diagnosis(monkeypatch):
    assert (
        column_light(0.3, 0.05) == "bad" and column_light(0.14, 0.05) == "warn" and column_light(0.05, 0.05) == "good"
    )
    assert column_light(0.3, 0.05, chance=0.31) == "good", "chance may be the reason"
    monkeypatch.setitem(LIMITS, "membership", replace(LIMITS["membership"], bad=0.77))
    assert "0.77" in " ".join(thresholds()["privacy"]["bad"])


def test_it_prints_as_words(report):
    assert report.summary in str(report) and "Do they look like real ones?" in str(report)
    assert repr(report).startswith("<QualityReport")


# ------------------------------------------------------------------------------------------ generators


class Sampler:
    """The least that a generator must be."""

    def __init__(self, X, y=None):
        self.X, self.y = X, y

    def sample(self, n=1, label=None, random_state=None):
        rng = np.random.default_rng(random_state)
        rows = np.arange(len(self.X)) if label is None else np.flatnonzero(self.y == label)
        rows = rng.choice(rows, n)
        X = self.X[rows] + rng.normal(scale=0.3, size=self.X[rows].shape)
        return X, None if self.y is None else self.y[rows]


def test_a_generator_is_asked_class_by_class(quick):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(150, 2)), np.repeat([0, 5], [130, 20])
    content = quality_report(Sampler(X, y), X, y, verbose=False).to_dict()
    counts = {c["label"]: c["n_synthetic"] for c in content["data"]["classes"]}
    assert counts == {"0": 200, "5": 200}
    asked = quality_report(Sampler(X, y), X, y, n_samples={5: 33}, verbose=False).to_dict()
    assert [(c["label"], c["n_synthetic"]) for c in asked["classes"]] == [("5", 33)]
    total = quality_report(Sampler(X, y), X, y, n_samples=75, verbose=False).to_dict()
    assert [c["n_synthetic"] for c in total["classes"]] == [65, 10]


@cases(
    ("classes", "known", "y", "names", "own"),
    [
        (["cat", "dog"], (), [0, 1, 1], ["cat", "dog"], ["cat", "dog", "dog"]),  # of a folder, and a dataset
        ([0, 1], ((0, "cat"), (1, "dog")), ["dog", "cat"], None, [1, 0]),
        ([0, 1], ((0, "cat"), (1, "dog")), [0, 1, 2], ["ant", "cat", "dog"], ["ant", 0, 1]),
        ([0, 1], (), [0, 1], ["cat", "dog"], [0, 1]),  # nothing says what 0 is: as it is
        ([0, 1], ((0, "cat"), (1, "dog")), [1, 0], None, [1, 0]),
        (["a", "b"], (), [0, 1], None, [0, 1]),
    ],
    ids=str,
)
def test_classes_are_matched_by_their_names(classes, known, y, names, own):
    from ganaug.encoding.table_checks import DataProfile
    from ganaug.report.inputs import labels_like

    made = Sampler(np.zeros((3, 2)), None)
    made.classes_, made.data_profile_ = np.array(classes), DataProfile(None, known)
    assert list(labels_like(made, y, names)) == own
    assert labels_like((None, y), y, names) is y and labels_like(made, None, names) is None


def test_labels_that_a_generator_lacks_are_told_how_to_convert(quick):
    X, words = np.zeros((4, 2)), ["b", "b", "a", "a"]
    for classes, y, way in (
        (words, [0, 0, 1, 1], r"data\.classes\[i\]"),
        ([0, 0, 1, 1], words, r"class_to_idx\[name\]"),
    ):
        made = Sampler(X, np.array(classes))
        made.classes_ = np.unique(classes)
        with pytest.raises(InvalidDataError, match=way):
            quality_report(made, X, y, verbose=False)


def test_a_fitted_gan_brings_its_training_and_curation(quick):
    from ganaug import GANOversampler, TabularGAN

    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(90, 3)), np.repeat(["a", "b"], [60, 30])
    sampler = GANOversampler(generator=TabularGAN(max_steps=30), random_state=0).fit(X, y)
    report = quality_report(sampler, X, y, n_samples=60, verbose=False)
    content = report.to_dict()
    assert content["generator"]["name"] == "GANOversampler"
    assert (
        content["generator"]["trainings"][0] | {"name": "TabularGAN", "title": "class b"}
        == content["generator"]["trainings"][0]
    )
    assert content["histories"][0]["title"] == "class b" and len(content["histories"][0]["step"]) > 1
    assert content["curation"][0]["class"] == "b" and content["curation"][0]["kept"] == 60
    assert [c["label"] for c in content["classes"]] == ["b"], "class a has no generator"
    page = report.to_html()
    assert "Curation" in page and "How training ended" in page and "Not generated" in page
    plain = quality_report(SmoothedBootstrap(random_state=0).fit(X), X, n_samples=50, verbose=False).to_dict()
    assert plain["histories"] == [] and plain["data"]["classes"] == []


def test_samples_without_labels_are_compared_without_classes(quick):
    rng = np.random.default_rng(0)
    report = quality_report(rng.normal(size=(50, 2)), rng.normal(size=(60, 2)), np.repeat([0, 1], 30), verbose=False)
    assert report.to_dict()["classes"] == []
    assert "pass (X_syn, y_syn)" in report.to_dict()["trust"][0]


@cases(
    ("source", "more", "said"),
    [
        (SmoothedBootstrap, {}, "is a class"),
        (3, {}, "neither a fitted generator"),
        (np.zeros((5, 2)), {"n_samples": 5}, "taken whole"),
        (Sampler(np.zeros((5, 2))), {"n_samples": 0}, "n_samples=0"),
        (Sampler(np.zeros((5, 2))), {"n_samples": True}, "n_samples=True"),
        (np.zeros((5, 3)), {}, "columns|features"),
        (np.zeros((5, 2)), {"title": 5}, "title=5"),
    ],
)
def test_what_cannot_be_judged_is_refused(source, more, said):
    with pytest.raises(GanaugError, match=said):
        quality_report(source, np.random.default_rng(0).normal(size=(20, 2)), verbose=False, **more)


def test_progress_is_said_only_where_it_is_asked_for(capsys, quick):
    rng = np.random.default_rng(0)
    quality_report(rng.normal(size=(30, 2)), rng.normal(size=(30, 2)), verbose=False)
    assert capsys.readouterr().err == ""
    quality_report(rng.normal(size=(30, 2)), rng.normal(size=(30, 2)), verbose=True)
    assert "comparing 30 synthetic rows with 30 real" in capsys.readouterr().err


# ------------------------------------------------------------------------------------------ images and series


def test_images_are_shown_beside_their_nearest(tmp_path, quick):
    rng = np.random.default_rng(0)
    X = (rng.random((60, 12, 12, 3)) * 255).astype(np.uint8)
    fake = np.concatenate([X[:2], (rng.random((40, 12, 12, 3)) * 255).astype(np.uint8)])
    y, y_syn = np.arange(60) % 2, np.arange(42) % 2
    report = quality_report((fake, y_syn), X, y, verbose=False)
    content = report.to_dict()
    assert content["kind"] == "image" and content["columns"] == []
    first = content["neighbours"]["samples"]
    assert all(s["synthetic"].startswith("data:image/png;base64,") for s in first)

    copy = next(s for s in first if s["synthetic_row"] == 0)
    assert copy["real_row"] == 0 and copy["copy"]
    image = Image.open(io.BytesIO(base64.b64decode(copy["synthetic"].split(",")[1])))
    assert (np.asarray(image) == X[0]).all()
    page = report.to_html(tmp_path / "images.html")
    assert page.count("<img ") == 2 * len(first) and "synthetic image" in page
    well_formed(page)


def test_series_are_shown_beside_their_nearest(quick):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 2, 300)).cumsum(-1).astype(np.float32)
    report = quality_report(X[:30] + 0.5, X, verbose=False)
    content = report.to_dict()
    assert content["kind"] == "series"
    lines = content["neighbours"]["samples"][0]["synthetic"]
    assert len(lines) == 2 and len(lines[0]) == 100
    well_formed(report.to_html())


# ------------------------------------------------------------------------------------------ the page


class Reader(HTMLParser):
    """Reads a page strictly: every element that is opened is closed, in order."""

    def __init__(self):
        super().__init__()
        self.open, self.faults, self.ids, self.text, self.scripts, self.tags = [], [], [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> at {self.getpos()}")

    def handle_data(self, data):
        (self.scripts if self.open and self.open[-1] in ("script", "style") else self.text).append(data)


def well_formed(page):
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert not reader.faults and not reader.open
    assert len(reader.ids) == len(set(reader.ids)), "ids are unique"
    references = re.findall(r'(?:aria-labelledby|aria-controls|data-goes|data-panel)="([^"]+)"', page)
    assert set(references) <= set(reader.ids)
    return reader


def test_the_page_is_well_formed_and_needs_nothing_else(report, tmp_path):
    page = report.to_html(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == page
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]
    reader = well_formed(page)
    for tag, attrs in reader.tags:
        for name in ("src", "href", "action", "srcset"):
            value = attrs.get(name, "#")
            assert value.startswith(("#", "data:image/png")), f"{tag} {name}={value}"
    assert "http-equiv" in page and "default-src 'none'" in page
    styles = "".join(reader.scripts)
    assert "url(" not in styles and "@import" not in styles and "fetch(" not in styles
    for tag, attrs in reader.tags:
        if tag == "th":
            assert attrs.get("scope") in {"col", "row", "rowgroup"}
        if tag == "img":
            assert attrs.get("alt")
    assert sum(tag == "table" for tag, _ in reader.tags) == sum(tag == "caption" for tag, _ in reader.tags)


def test_what_users_wrote_is_text_everywhere(report):
    page = report.to_html()
    reader = well_formed(page)
    assert sum(tag == "script" for tag, _ in reader.tags) == 2, "the data and the page's own"
    assert "alert(1)" in "".join(reader.text), "it is shown"
    assert "<script>alert" not in page
    data = re.search(r'<script type="application/json" id="report-data">(.*?)</script>', page, re.DOTALL)
    assert data and json.loads(data[1])["columns"][0]["name"] == EVIL
    assert not [a for _, attrs in reader.tags for a in attrs if a.startswith("on")]


def test_embedded_json_cannot_end_its_script():
    hostile = ["</script>", "<!--", "]]>", "\u2028", "\ud800", "&amp;"]
    text = embedded(hostile)
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == [*hostile[:4], "?", "&amp;"]


def test_a_notebook_shows_the_page_in_a_frame_of_its_own(report):
    shown = report._repr_html_()
    reader = well_formed(shown)
    (tag, attrs), *rest = reader.tags
    assert tag == "iframe" and not rest and "allow-same-origin" not in attrs["sandbox"]
    assert attrs["srcdoc"] == report.to_html()


def test_a_page_is_written_whole_or_not_at_all(report, tmp_path):
    (tmp_path / "report.html").write_text("before")
    with pytest.raises(GanaugError):
        report.to_html(tmp_path / "nowhere" / "report.html")
    with pytest.raises(GanaugError):
        report.to_html(tmp_path)
    assert (tmp_path / "report.html").read_text() == "before"
    assert len(list(tmp_path.iterdir())) == 1


def wide_report(n_columns=200, n_classes=20):
    """A report of that width."""
    rng = np.random.default_rng(0)
    n = 40 * n_classes
    y = np.arange(n) % n_classes
    X = pd.DataFrame(
        rng.normal(size=(n, n_columns)) + 0.1 * y[:, None], columns=[f"column {j}" for j in range(n_columns)]
    )
    X["kind"] = pd.Categorical(rng.choice(list("abcdefgh"), n))
    fake = X.iloc[rng.permutation(n)].reset_index(drop=True)
    labels = pd.Series([f"class {k}" for k in y])
    return quality_report((fake, labels), X, labels, title="Wide", verbose=False)


@pytest.mark.slow
def test_200_columns_of_20_classes_are_a_page_of_under_5_mb(quick):
    page = wide_report().to_html()
    assert len(page.encode()) < 5e6
    well_formed(page)


def test_the_report_needs_no_matplotlib(monkeypatch, quick):
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    rng = np.random.default_rng(0)
    report = quality_report(rng.normal(size=(30, 2)), rng.normal(size=(30, 2)), verbose=False)
    assert report.to_html().startswith("<!DOCTYPE html>")
    with pytest.raises(GanaugError, match=r"ganaug\[plot\]"):
        report.plot()


def test_a_report_is_its_dict(report):
    assert QualityReport(json.loads(json.dumps(report.to_dict()))).to_html() == report.to_html()


@pytest.mark.parametrize(("topic", "said"), [("utility", 0), ("marginals", 1)])
def test_harm_is_said_once(topic, said):
    text = "Adding the samples to the real rows harms this classifier: AUC 0.71 instead of 0.80."
    first = Finding("bad", topic, text)
    harm = [] if topic == "utility" else [Finding("bad", "utility", text)]
    written = summary("table", 50, [first, *harm], {"privacy": "good", "utility": "bad"}, [])
    assert written.count("makes a classifier worse") == said
    assert written.count("harms this classifier") == 1 - said
