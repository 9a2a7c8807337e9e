"""The examples run, at a size that makes them quick and their figures meaningless."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import cases
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

import ganaug
from ganaug.datasets import load_example
from ganaug.encoding import csv_rows

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"
BENCHMARKS = EXAMPLES / "benchmarks"
GALLERY = sorted((EXAMPLES / "gallery").glob("*.py"))
MODULES = {"common.py", "strong_arms.py", "treatment_answers.py"}  # what scripts share
SCRIPTS = sorted(path for path in BENCHMARKS.glob("*.py") if path.name not in MODULES)


@pytest.fixture
def script(monkeypatch):
    """Import an example as it imports itself when it is run: its own folder comes first."""

    def load(path):
        monkeypatch.syspath_prepend(str(path.parent))
        for name in ("common", path.stem):
            monkeypatch.delitem(sys.modules, name, raising=False)
        return importlib.import_module(path.stem)

    return load


# ---- The demo -----------------------------------------------------------------------------------


def test_quickstart(script, tmp_path, capfd, monkeypatch):
    matplotlib = pytest.importorskip("matplotlib.image")
    quickstart = script(EXAMPLES / "quickstart.py")
    for name, classifier in quickstart.CLASSIFIERS.items():
        if hasattr(classifier, "n_estimators"):
            monkeypatch.setitem(quickstart.CLASSIFIERS, name, clone(classifier).set_params(n_estimators=5))
    quickstart.main(steps=6, folds=2, rows=500, n_jobs=1, out=tmp_path / "new")

    shown, progress = capfd.readouterr()
    assert "before:" in shown and "after:" in shown
    assert "6/6" in progress  # the bar
    for name in ("nothing", "class weights", "random oversampling", "SMOTENC", "GANOversampler", "G-mean"):
        assert name in shown
    assert " nan " not in shown

    table = pd.read_csv(tmp_path / "new" / "thyroid_sick_balanced.csv")
    counts = table["class"].value_counts()
    assert counts["sick"] == counts["negative"]
    assert table["is_synthetic"].sum() == len(table) - 500
    picture = matplotlib.imread(tmp_path / "new" / "thyroid_sick_marginals.png")
    assert picture.shape[:2] == (800, 1200)
    assert picture[..., :3].std() > 0.1  # something is drawn


def test_quickstart_without_matplotlib(script, tmp_path, monkeypatch):
    quickstart = script(EXAMPLES / "quickstart.py")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert not quickstart.draw(pd.DataFrame(), tmp_path / "picture.png")


def test_quickstart_concludes_from_the_figures(script, capsys):
    quickstart = script(EXAMPLES / "quickstart.py")
    folds = {"nothing": 0.5, "class weights": 0.9, "SMOTENC": 0.7, "GANOversampler": 0.8}
    index = pd.MultiIndex.from_product([folds, range(3)], names=["way", "fold"])
    quickstart.conclude(pd.DataFrame({name: np.repeat([*folds.values()], 3) for name in quickstart.METRICS}, index))
    shown = capsys.readouterr().out
    every = ", ".join(quickstart.METRICS)
    assert shown.count(": class weights") == len(quickstart.METRICS)
    assert f"against nothing: higher in every fold on {every}; lower in every fold on no metric." in shown
    assert f"against class weights: higher in every fold on no metric; lower in every fold on {every}." in shown


@pytest.mark.parametrize("folder", [EXAMPLES / "data", csv_rows.FOLDER], ids=["examples", "package"])
def test_data_say_whose_they_are(folder):
    parts = (folder / "README.md").read_text(encoding="utf-8").split("\n## ")[1:]
    said = dict(part.split("\n", 1) for part in parts)
    files = [path for path in folder.iterdir() if path.name != "README.md"]
    assert {path.name for path in files} == set(said)
    assert sum(path.stat().st_size for path in files) < 3_000_000
    for name, text in said.items():
        for word in ("**Source**", "**Licence**", "**Citation**", "**Taken from**", "**Changed**"):
            assert word in text, f"{name}: {word}"
    assert next(text for name, text in said.items() if name.startswith("thyroid")).count("CC BY 4.0") == 1


def test_data_are_what_the_readme_says():
    table = pd.read_csv(EXAMPLES / "data" / "thyroid_sick.csv")
    assert table.shape == (3772, 29)
    assert table["class"].value_counts().to_dict() == {"negative": 3541, "sick": 231}
    assert table.select_dtypes("number").shape[1] == 6
    assert table["sex"].isna().sum() == 150

    X, y = load_example("thyroid_sick")
    pd.testing.assert_frame_equal(X.assign(**{"class": y}), table)
    X, y = load_example("card_fraud")
    assert X.shape == (5000, 30)
    assert y.sum() == 492
    images, labels = load_example("fashion_mnist")
    assert images.shape == (1150, 28, 28) and images.dtype == np.uint8
    train, test = load_example("fashion_mnist", "train"), load_example("fashion_mnist", "test")
    np.testing.assert_array_equal(np.concatenate([train[0], test[0]]), images)
    np.testing.assert_array_equal(np.concatenate([train[1], test[1]]), labels)
    names, counts = np.unique(train[1], return_counts=True)
    assert dict(zip(names, counts, strict=True)) == {"T-shirt/top": 300, "Trouser": 150, "Shirt": 150, "Sneaker": 150}
    series, _ = load_example("smartphone_motion")
    assert series.shape == (482, 3, 128)
    assert series.dtype == np.int16


def test_examples_load_a_fresh_copy_each_time():
    X, _ = load_example("card_fraud")
    X.iloc[:] = 0.0
    assert load_example("card_fraud")[0].to_numpy().any()


@cases(
    ("arguments", "said"),
    [
        (("thyroid",), "one of ['card_fraud', 'fashion_mnist', 'smartphone_motion', 'thyroid_sick']"),
        (("fashion_mnist", "validation"), "part='validation' must be one of ['all', 'train', 'test']"),
        (("card_fraud", "test"), "train_test_split"),
    ],
)
def test_examples_that_are_not_there(arguments, said):
    with pytest.raises(ganaug.GanaugError, match=re.escape(said)):
        load_example(*arguments)


# ---- The gallery: `make docs` runs it ------------------------------------------------------------


@cases("path", GALLERY, ids=lambda path: path.name)
def test_gallery_needs_nothing_but_the_project(path):
    text = path.read_text(encoding="utf-8")
    compile(text, str(path), "exec")
    assert re.match(r'"""\n(.+)\n(=+)\n', text), "sphinx-gallery wants a title"
    assert "shared/" not in text
    assert "fetch_" not in text
    assert "__file__" not in text, "a page is downloaded alone: its data comes from load_example"
    assert set(re.findall(r'load_example\("([^"]+)"', text)) <= set(csv_rows.EXAMPLES)
    assert "plt.subplots" in text, "it must look at what it made"


def test_gallery_covers_what_it_should():
    assert len(GALLERY) >= 10


# ---- Images and series --------------------------------------------------------------------------

SHORT = {
    "image_folder": (["--steps", "2", "--workers", "0"], "340 real pictures and 260 synthetic ones"),
    "series": (["--steps", "2"], "balanced by SeriesGAN"),
    "volumes": (["--steps", "2", "--judge-steps", "2"], "the judge recognises"),
    "translation": (["--steps", "2"], "with translations"),
    "albumentations_blend": (["--steps", "2", "--workers", "0"], "pictures were swapped or changed"),
}


def test_every_example_is_tried():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {"quickstart", *SHORT}


@pytest.mark.filterwarnings("ignore::ganaug.exceptions.TrainingWarning")  # two steps teach nothing
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] * (name in ("volumes", "albumentations_blend"))) for name in SHORT],
)
def test_example(name, script, capsys):
    arguments, said = SHORT[name]
    script(EXAMPLES / f"{name}.py").main(arguments)
    assert said in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["solids", "videos"])
def test_volumes_and_videos_learn_their_class(kind, script):
    volumes = script(EXAMPLES / "volumes.py")
    gan, samples, real, _ = volumes.judged(kind, steps=1000, judge_steps=400)
    assert min(real.values()) > 0.95, real  # the judge knows what it is talking about
    assert min(samples.values()) >= 0.9, samples
    assert gan.quality_ > 0.8


# ---- The benchmarks -----------------------------------------------------------------------------


@cases("path", SCRIPTS, ids=lambda path: path.name)
def test_help(path, script, capsys):
    with pytest.raises(SystemExit) as exit_:
        script(path).main(["--help"])
    assert exit_.value.code == 0
    assert f"python examples/benchmarks/{path.name}" in capsys.readouterr().out


def test_a_script_starts_outside_the_checkout(tmp_path):
    command = [sys.executable, BENCHMARKS / "datasets.py", "--help"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_measure_says_what_went_wrong(script):
    common = script(BENCHMARKS / "common.py")

    def measure(what, **options):
        return common.measure([sys.executable, "-c", what], **options)

    code = f"import sys; sys.path.insert(0, {str(BENCHMARKS)!r}); import common, os; "
    assert measure(code + "common.report({'cores': os.environ['OMP_NUM_THREADS']})") == {"cores": "1"}
    assert measure("1 / 0")["error"] == "ZeroDivisionError: division by zero"
    assert "not done" in measure("import time; time.sleep(60)", timeout=3)["error"]
    assert "signal" in measure("import os; os.abort()")["error"]


def test_broken_promises_are_found(script):
    """The check of the real tables would notice each kind of fault."""
    from types import SimpleNamespace

    datasets = script(BENCHMARKS / "datasets.py")
    X = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "b": pd.Categorical(["x", "x", "y", "y"], categories=["x", "y", "z"])})
    y = pd.Series([0, 0, 0, 1])
    new = X.iloc[[3, 3]]
    X_res, y_res = pd.concat([X, new], ignore_index=True), pd.Series([0, 0, 0, 1, 1, 1])
    sampler = SimpleNamespace(is_synthetic_=np.arange(6) >= 4)

    def found(rows=X_res, labels=y_res, after=X):
        return " ".join(datasets.broken(X, y, rows, labels, sampler, after, y))

    assert not found()
    assert "counts" in found(labels=pd.Series([0, 0, 0, 1, 1, 0]))
    assert "input was changed" in found(after=X.assign(a=0.0))
    assert "dtypes of ['a']" in found(X_res.astype({"a": "float32"}))
    assert "original rows" in found(X_res.iloc[::-1].reset_index(drop=True))
    for column, value, fault in [("a", np.nan, "missing"), ("a", 9.0, "outside"), ("b", "z", "not seen")]:
        changed = X_res.copy()
        changed.loc[5, column] = value
        assert fault in found(changed), fault


def test_pages_are_written_from_results(script, tmp_path, monkeypatch):
    datasets, speed = script(BENCHMARKS / "datasets.py"), script(BENCHMARKS / "speed.py")
    good = {"rows": 9, "columns": 2, "classes": 2, "smallest": 3, "new": 3, "gans": 1, "fallbacks": 0}
    good |= {"name": "one", "seconds": 1.0, "cpu": 1.0, "peak": 2**30, "imported": 2**29, "broken": []}
    page = datasets.markdown([good], 1, "python it.py", 1)
    assert "Tables and gene sets" in page and "All 1 sets went through." in page
    page = datasets.markdown([good, {"name": "two", "error": "boom", "output": ""}], 1, "python it.py", 9)
    assert "2 of the 9" in page and "1 of 2 sets failed." in page and "- `two`: boom" in page

    theirs = {"seconds": 9e3, "cpu": 8e3, "measured": 60.0, "prepare": 5.0, "epoch": 30.0, "epochs": 300, "run": 3}
    theirs |= {"sample": 1.0, "versions": "ctgan 1"}
    ours = {"seconds": 10.0, "cpu": 10.0, "peak": 2**30}
    monkeypatch.setattr(speed, "PAGE", tmp_path / "benchmarks.md")
    (tmp_path / "benchmarks.md").write_text("# Benchmarks\n\n## Other\n\nkept\n", encoding="utf-8")
    for seconds in (10.0, 20.0):
        ours["seconds"] = seconds
        speed.write(speed.markdown([{"table": "50,000 x 15 mixed", "ganaug": ours, "ctgan": theirs}], "python it.py"))
    page = (tmp_path / "benchmarks.md").read_text(encoding="utf-8")
    assert "kept" in page and page.count("## Speed") == 1
    assert "2.5 h (estimated)" in page and "450 / 800" in page
    assert "3 of its 300 epochs were run" in page


def test_the_page_of_the_strongest_says_what_the_cells_say(script, tmp_path, monkeypatch):
    """Made-up cells: ours is ahead in AUC, behind in log loss, and one set is not finished."""
    from ganaug.experiments import Comparison

    strongest = script(BENCHMARKS / "strongest.py")
    sizes = {"a": 30, "b": 90, "c": 200, "unfinished": 50}

    def load(name, most):
        y = pd.Series(np.repeat([0, 1], [400, sizes[name]]))
        X = pd.DataFrame({"x": np.arange(len(y), dtype=float)})
        return (X.assign(k=pd.Categorical(["u"] * len(y))) if name == "c" else X), y

    four = dict.fromkeys((*strongest.BESIDE, "logistic regression", "decision tree"))
    monkeypatch.setattr(strongest, "load", load)
    monkeypatch.setattr(strongest, "classifiers", lambda: four)
    monkeypatch.setattr(strongest, "IMAGES", tmp_path)  # those of the documents are of measured cells
    options = argparse.Namespace(sets=list(sizes), rows=9, repeats=1, jobs=None)
    rng, found = np.random.default_rng(0), {}
    for group, (ways, judges, metrics) in strongest.arms().items():
        keys = [(d, w, c, f) for d in sizes for w in ways for c in judges for f in range(3)]
        rows = pd.DataFrame(keys, columns=["dataset", "oversampler", "classifier", "fold"])
        rows = rows.assign(train_on="both", repeat=0, error="", note="", seconds_resample=1.0, seconds_fit=2.0)
        for metric in metrics:
            rows[metric] = 0.5 + 0.01 * rng.random(len(rows)) + 0.1 * (rows["oversampler"] == strongest.OURS)
        found[group] = Comparison(rows, metrics)
    found["rows"].results = found["rows"].results.query("dataset != 'unfinished' or fold != 2")
    del found["originals"]
    rows = found["rows"].results
    found["rows"].results = rows[(rows["dataset"] != "b") | (rows["oversampler"] != strongest.OURS)]
    with monkeypatch.context() as patch:
        patch.setattr(strongest, "against_seconds", lambda *_: "")  # pictures, which are drawn below
        page = strongest.section(found, options, "python it.py")
    assert "GANOversampler is finished on 2 of these, and is not in the figures." in page
    assert "## None against every way" in page and "| GANOversampler |" not in page and "(GAN" not in page
    found["rows"].results = rows
    monkeypatch.setattr(strongest, "FRONTIER", ["roc_auc", "balanced_accuracy"])  # one of ranks, one of decisions
    page = strongest.section(found, options, "python it.py")
    assert all(f"](images/{one.name})" in page for one in tmp_path.iterdir())
    assert len(list(tmp_path.iterdir())) == 4 == page.count("](images/")
    assert page.startswith("3 tables") and "Not finished, and not in the figures: unfinished." in page
    short = page.split("## In short")[1].split("## When")[0]
    assert short.count("- reached: ") == 4 and "log loss: all, 3 sets; " in short and "AUC: nowhere" in short
    assert "| all, 3 sets | GANOversampler +0.1" in page and "| with categories, 1 set | GANOversampler" in page
    assert "| fewer than 40 rare rows, 1 set |" in page and "| 40 to 99 rare rows, 1 set |" in page
    assert "| a | 430 | 1 | 0 | 30 | 13.33 |" in page and "smote_variants" not in page
    every = strongest.joined({name: one.select(dataset=["a"]) for name, one in found.items()})
    tuned = every.values("f1_tuned")
    assert (
        tuned["tuned threshold"].equals(tuned["none"].rename("tuned threshold"))
        and every.results["f1_tuned"].notna().all()
    )


def test_arms_of_the_strongest_fill_the_rare_class_and_learn(script):
    arms = script(BENCHMARKS / "strong_arms.py")
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [180, 20])
    X = pd.DataFrame({"x": rng.normal(4.0 * y), "n": rng.integers(0, 9, 200).astype("int8")})
    X["k"] = pd.Categorical(rng.choice(["u", "v", None], 200))
    X.loc[3, "x"] = np.nan
    for part in (X, X[["x", "n"]], X[["k"]]):
        made, labels = arms.RawSMOTE(random_state=0).fit_resample(part, y)
        assert np.bincount(labels).tolist() == [180, 180]
        pd.testing.assert_frame_equal(made[:200], part)
        assert (made.dtypes == part.dtypes).all() and made.notna().all()[made.columns != "k"].sum() >= part.shape[1] - 2
    numbers = X[["n"]].assign(x=rng.normal(4.0 * y)).to_numpy()
    for fit in (arms.balanced_forest, arms.easy_ensemble, arms.self_paced):
        fitted, note = fit(None, numbers, 1 - y, 0)  # the rarer class may be the first one
        assert not note and (fitted.predict(numbers) == 1 - y).mean() > 0.9
        np.testing.assert_allclose(fitted.predict_proba(numbers).sum(axis=1), 1)
    fitted, _ = arms.tuned(LogisticRegression(), numbers, y, 0)
    assert fitted.best_threshold_ < 0.5


def test_images_are_tuned_on_validation_images(script, tmp_path, monkeypatch, capsys):
    """Made-up images; who sees which, what is taken, and that the page says what is finished."""
    pytest.importorskip("matplotlib")
    tuned = script(BENCHMARKS / "images_tuned.py")
    seen = set()

    class Bootstrap(ganaug.SmoothedBootstrap):
        def fit(self, X, y):
            seen.add(tuple(np.bincount(y).tolist()))
            return super().fit(X, y)

    def split(name, seed):
        y = np.repeat([0, 1, 2], [40, 12, 6])
        X = np.random.default_rng(seed).integers(0, 99, (len(y), 8, 8), dtype=np.uint8)
        X[:, 0, 0] = np.arange(len(y))  # their numbers
        return X, y, X[::-1] + np.uint8(100), y[::-1]

    monkeypatch.setattr(tuned, "split", split)
    monkeypatch.setattr(tuned, "gan", lambda options: Bootstrap())
    monkeypatch.setitem(tuned.SETS, "usps_20", ("usps", [40, 12, 6], ("translation",), 1))
    monkeypatch.setattr(tuned, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr("images.IMAGES", tmp_path / "images")
    X_fit, y_fit, X_held, y_held = tuned.validation("usps_20", 0)
    assert np.bincount(y_fit).tolist() == [28, 7, 3] and np.bincount(y_held).tolist() == [12, 5, 3]
    assert sorted([*X_fit[:, 0, 0], *X_held[:, 0, 0]]) == list(range(58))
    assert (tuned.validation("usps_20", 0)[0] == X_fit).all() and (tuned.validation("usps_20", 1)[0] != X_fit).any()

    arms = ["augmentation", "weighted sampler + augmentation", "half synthetic + weighted sampler + augmentation"]
    asked = ["--sets", "usps_20", "--seeds", "0", "1", "--tune-seeds", "1", "--width", "2", "--cache", str(tmp_path)]
    assert tuned.main([*asked, "--arms", *arms, "--write"]) == 0
    assert seen == {(28, 7, 3), (40, 12, 6)}
    page = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert "1 datasets, 3 arms, 2 seeds; 6 rows, 0 failed" in capsys.readouterr().out
    assert "The goal is **not reached**" in page or "The goal is reached" in page
    assert all(page.count(f"\n| {arm} |") == 3 for arm in arms) and "Not finished" not in page

    monkeypatch.setattr("ganaug.experiments.images.trials.train", None)  # nothing is computed again
    assert tuned.main([*asked, "--arms", *arms, "--write-only"]) == 0
    again = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert again.replace("--write-only", "--write") == page
    for path in [*tmp_path.glob("usps_20_tuning-weighted*"), *tmp_path.glob("usps_20-half*-1-0-*")]:
        path.unlink()
    assert tuned.main([*asked, "--arms", *arms, "--write-only"]) == 0
    page = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert f"Not finished, and left out: {arms[1]}, {arms[2]}." in page and page.count(f"\n| {arms[0]} |") == 3
    assert "nothing to compare" in page and not any(f"\n| {arm} |" in page for arm in arms[1:])


def test_the_search_takes_the_best_setting_and_keeps_the_one_it_has_where_they_are_equal(script):
    tuned = script(BENCHMARKS / "images_tuned.py")
    asked, none = [], float("nan")

    def score(settings):
        asked.extend((arm, one) for arm, tried in settings.items() for one in tried)
        found = {}
        for arm, one in ((arm, one) for arm, tried in settings.items() for one in tried):
            good = {"none": 0.2, "standard": 0.1, "cutout": none}[one.augmentation] + one.epochs / 10
            found[arm, one] = {"equal": 0.5, "better": good, "failed": none, "unfinished": 0.5}[arm]
            if arm == "unfinished" and one.rate > 1:
                del found[arm, one]
        return found

    chosen, scores, unfinished = tuned.search(["equal", "better", "failed", "unfinished"], score)
    assert chosen == {"equal": tuned.Setting(), "better": ("none", 1.0, 2.0), "failed": tuned.Setting()}
    assert unfinished == ["unfinished"] and len(asked) == len(set(asked)) == 3 * 7 + 5
    assert scores["better", chosen["better"]] == pytest.approx(0.4)


@cases(
    ("gains", "said"),
    [
        ({"a": 0.5, "b": 0.0}, "The goal is reached: ahead on 1 of 2 sets, behind on 0."),
        ({"a": 0.5, "b": -0.1}, "The goal is **not reached**: ahead on 1 of 2 sets, behind on 1."),
        ({"a": 0.1, "b": 0.0}, "The goal is **not reached**: ahead on 0 of 2 sets, behind on 0."),
    ],
)
def test_the_goal_of_tuned_images(gains, said, script):
    """The best arm is to be ahead of every arm without; 0.1 is too little beside the noisy one's interval."""
    from ganaug.experiments import ImageComparison

    tuned = script(BENCHMARKS / "images_tuned.py")
    kinds = {"with": "blend", "worse": "blend", "without": "baseline", "noisy": "baseline"}
    found = {}
    for name, gain in gains.items():
        rows = [
            {"dataset": name, "seed": s, "arm": arm, "kind": kind, "acsa": 0.8 + s / 100}
            for s in range(3)
            for arm, kind in kinds.items()
        ]
        for row in rows:
            row["acsa"] += {"with": gain, "worse": -0.3, "without": 0.0, "noisy": -0.1 * (row["seed"] % 2)}[row["arm"]]
        found[name] = ImageComparison(rows)
    scores = {(arm, tuned.Setting()): {"worse": 0.9}.get(arm, 0.5) for arm in kinds}
    state = dict.fromkeys(kinds, tuned.Setting()), scores, [], []
    verdict, lines = tuned.goal(found, dict.fromkeys(found, state))
    assert verdict == said
    assert (
        len(lines) == 4
        and lines[0].split("; ")[0].split(": ")[1].startswith("with ")
        and "validation images: worse; -0.300" in lines[1]
    )


def test_likeness_tells_rows_of_the_class_from_others(script):
    likeness = script(BENCHMARKS / "likeness.py")
    rng = np.random.default_rng(0)

    def rows(n, shift=0.0, rare=0.1):
        kind = rng.choice(["a", "b", None], n, p=[0.9 - rare, rare, 0.1])
        return pd.DataFrame(
            {"x": rng.normal(shift, 1, n), "kind": kind, "spike": np.where(rng.random(n) < 0.2, 9.5, 0)}
        )

    train, held = rows(2000), rows(2000)
    same, moved = ([rows(2000, *how) for _ in range(3)] for how in ((), (0.5, 0.0)))
    one, other = (likeness.compare(train, held, drawn) for drawn in (same, moved))
    assert all(abs(column["beyond"]) < 0.04 and not column["rare"] for column in one)
    assert other[0]["beyond"] > 0.12 and [told[0] for told in other[1]["rare"]] == ["b"]
    assert [column["states"] for column in one] == [0, 3, 2] and other[2]["rare"] == []
    result = {"name": "planted", "class": "1", "rows": 2000, "columns": 3}
    result |= {way: {"columns": found, "seconds": 1.0} for way, found in (("gan", one), ("oversampler", other))}
    page = likeness.markdown([result], "python it.py")
    assert "| planted | 1 | 2000 | 3 |" in page and "Both distances are reached" in page and "1 of 5" in page


def test_tables_of_the_speed_test(script):
    speed = script(BENCHMARKS / "speed.py")
    X, y = speed.numeric_table()
    assert X.shape == (1_000, 20) and y.sum() == 91
    X, y = speed.mixed_table(n=2_000)
    assert X.shape == (2_000, 15) and y.sum() == 95
    assert len(X.select_dtypes("category").columns) == 5 and len(X.select_dtypes("datetime").columns) == 1
    assert X.isna().any().sum() == 3
    again, _ = speed.mixed_table(n=2_000)
    assert again.equals(X)
    assert np.bincount(speed.several_classes()[1]).tolist() == [700, 60, 60, 60, 60, 60]
    assert speed.categories_table(n=500)[0].nunique().tolist()[8:] == list(range(2, 12))


def test_two_checkouts_are_timed_in_turn(script, monkeypatch, capsys):
    speed, asked = script(BENCHMARKS / "speed.py"), []

    def measured(command):
        asked.append(os.environ["PYTHONPATH"])
        return {"cpu": 4.0 if asked[-1] == str(Path("/before").resolve()) else 1.0 + len(asked)}

    monkeypatch.setattr(speed, "measure", measured)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    assert speed.main(["--against", "/before", "--parts", *list(speed.IN_TURN)[:1]]) == 0
    assert asked == [str(Path("/before").resolve()), str(speed.ROOT)] * 3 and "PYTHONPATH" not in os.environ
    assert f"| {next(iter(speed.IN_TURN))} | 4.0 (4.0) | 3.0 (5.0) | 1.25 |" in capsys.readouterr().out


@pytest.mark.slow
def test_a_real_table_goes_through(script, shared_data, tmp_path, monkeypatch):
    datasets = script(BENCHMARKS / "datasets.py")
    monkeypatch.setattr(datasets, "DONE", tmp_path / "datasets.jsonl")
    monkeypatch.setattr(datasets, "PAGE", tmp_path / "datasets.md")
    assert datasets.main(["--sets", "haberman", "--write"]) == 0
    first = json.loads((tmp_path / "datasets.jsonl").read_text())
    assert first["rows"] == 306 and not first["broken"]
    assert "| haberman | 306 x 3 |" in (tmp_path / "datasets.md").read_text()
    assert datasets.main(["--sets", "haberman"]) == 0  # from the lines, not again
    assert len((tmp_path / "datasets.jsonl").read_text().splitlines()) == 1
