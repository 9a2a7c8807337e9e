"""Score one setting of GANOversampler on 20 real sets, and compare settings: how defaults were chosen.

    python examples/benchmarks/tuning.py run none
    python examples/benchmarks/tuning.py run smote
    python examples/benchmarks/tuning.py run gan default '{}'
    python examples/benchmarks/tuning.py run gan deeper '{"depth": 3, "max_steps": 1500}'
    python examples/benchmarks/tuning.py compare none smote default deeper
    python examples/benchmarks/tuning.py run gan half '{}' --sets even --folds 1
    python examples/benchmarks/tuning.py run gan shared '{}' --sets classes --scope shared

Quicker and cruder than compare.py: 20 two-class sets cut to 2,500 rows, 5 classifiers, one repetition of 3 folds, no
tests of significance. A run is kept as out/tuning/NAME.csv and not made again. ``--sets even`` are those at even places
of the list, to choose on, ``odd`` the others, to confirm, and ``classes`` eight sets of several classes, whose scores
are means over the classes. ``fresh`` are 14 sets of at most 50 columns that are not in the list, to confirm what was
chosen with all 20 in view.
"""

from __future__ import annotations

import argparse
import json
import time
import zlib

import numpy as np
import pandas as pd
from common import ROOT
from datasets import reader
from imblearn.over_sampling import SMOTE, SMOTEN, SMOTENC
from joblib import Parallel, delayed
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    f1_score,
    recall_score,
    roc_auc_score,
)
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler, label_binarize
from sklearn.tree import DecisionTreeClassifier

from ganaug import GANOversampler, TabularGAN

SETS = [
    "abalone_19",
    "wine_quality",
    "winequality_red_4",
    "yeast_me2",
    "ecoli",
    "oil",
    "us_crime",
    "mammography",
    "thyroid_sick",
    "car_eval_34",
    "solar_flare_m0",
    "german_credit",
    "haberman",
    "satimage",
    "abalone",
    "ozone_level",
    "wilt",
    "coil_2000",
    "sick_euthyroid",
    "yeast_ml8",
]
SEVERAL = ["glass", "page_blocks", "yeast_multi", "new_thyroid", "ann_thyroid", "ecoli_multi", "nsl_kdd", "shuttle"]
FRESH = [
    *(
        "adult",
        "cleveland_0_vs_4",
        "cover",
        "creditcard_fraud",
        "hepatitis",
        "horse_colic",
        "ionosphere",
        "led7digit_1",
    ),
    *("letter_img", "online_shoppers", "phoneme", "poker_8_9_vs_6", "telco_churn", "vowel0"),
]
CHOICES = {"all": SETS, "even": SETS[::2], "odd": SETS[1::2], "classes": SEVERAL, "fresh": FRESH}
CLASSIFIERS = {
    "logistic regression": LogisticRegression(max_iter=500),
    "kNN": KNeighborsClassifier(),
    "decision tree": DecisionTreeClassifier(random_state=0),
    "random forest": RandomForestClassifier(100, random_state=0),
    "boosting": HistGradientBoostingClassifier(random_state=0, max_iter=60),
}
METRICS = ["auc", "average precision", "balanced accuracy", "f1", "g-mean"]
MOST_ROWS = 2500
OUT = ROOT / "out" / "tuning"


def load(name: str) -> tuple[pd.DataFrame, np.ndarray]:
    """A set, cut to 2,500 rows; a minority of up to 15 % of them is kept whole."""
    X, y = reader().load_tabular(name)
    y = np.asarray(y).astype(int)
    if len(X) > MOST_ROWS:
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        rare, rest = np.flatnonzero(y == 1), np.flatnonzero(y == 0)
        if len(rare) > 0.15 * MOST_ROWS:
            rare = rng.choice(rare, int(MOST_ROWS * np.clip(len(rare) / len(y), 0.05, 0.3)), replace=False)
        rest = rng.choice(rest, min(len(rest), MOST_ROWS - len(rare)), replace=False)
        rows = np.sort(np.r_[rare, rest])
        X, y = X.iloc[rows].reset_index(drop=True), y[rows]
    return X, y


def load_several(name: str) -> tuple[pd.DataFrame, np.ndarray]:
    """A set of several classes, cut: classes of 6 rows and more, 1,200 of the largest, 250 or 300 of the others."""
    X, y = reader().load_tabular(name)
    y = np.asarray(y).astype(str)
    names, counts = np.unique(y, return_counts=True)
    largest, sizes = names[counts.argmax()], dict(zip(names, counts, strict=True))
    rows = np.flatnonzero([sizes[label] >= 6 for label in y])
    if len(rows) > MOST_ROWS:
        rng, parts = np.random.default_rng(1), []
        for label in names[counts >= 6]:
            own, most = np.flatnonzero(y == label), 1200 if label == largest else 300
            small = len(own) <= 250 and label != largest
            parts.append(own if small else rng.choice(own, min(len(own), most), replace=False))
        rows = np.sort(np.concatenate(parts))
    return X.iloc[rows].reset_index(drop=True), y[rows]


def plain(X: pd.DataFrame) -> pd.DataFrame:
    """Without missing values, as SMOTE wants it."""
    texts = X.select_dtypes("category").columns
    filled = X.drop(columns=texts).astype(float)
    said = X[texts].astype(object).where(X[texts].notna(), "missing").astype(str)
    return filled.fillna(filled.mean()).join(said)[X.columns]


def resample(
    kind: str, setting: dict, X: pd.DataFrame, y: np.ndarray, seed: int, scope: str = "auto"
) -> tuple[pd.DataFrame, np.ndarray]:
    """Training rows after the sampler."""
    if kind == "none":
        return X, y
    if kind == "gan":
        gan = TabularGAN(verbose=False, **setting)
        return GANOversampler(generator=gan, scope=scope, random_state=seed).fit_resample(X, y)
    categories = [j for j, dtype in enumerate(X.dtypes) if isinstance(dtype, pd.CategoricalDtype)]
    common = {"random_state": seed, "k_neighbors": min(5, np.bincount(y)[1] - 1)}
    if not categories:
        return SMOTE(**common).fit_resample(plain(X), y)
    if len(categories) == X.shape[1]:
        return SMOTEN(**common).fit_resample(plain(X), y)
    return SMOTENC(categories, **common).fit_resample(plain(X), y)


def encoder() -> object:
    """Numbers imputed and scaled, the rest one-hot."""
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    others = make_pipeline(
        SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    )
    return make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")), (others, make_column_selector(dtype_exclude="number"))
    )


def scores_of_two(y: np.ndarray, share: np.ndarray) -> list[float]:
    """Of labels 0 and 1, and probabilities of 1."""
    guess = (share >= 0.5).astype(int)
    found, spared = (recall_score(y, guess, pos_label=label) for label in (1, 0))
    ranks = [roc_auc_score(y, share), average_precision_score(y, share)]
    return [*ranks, (found + spared) / 2, f1_score(y, guess, zero_division=0), (found * spared) ** 0.5]


def scores_of_several(y: np.ndarray, shares: np.ndarray, classes: np.ndarray) -> list[float]:
    """Means over the classes, each against the others; the geometric mean is of the recalls."""
    guess, each = classes[shares.argmax(1)], label_binarize(y, classes=classes)
    recalls = recall_score(y, guess, labels=classes, average=None, zero_division=0)
    ranks = [roc_auc_score(each, shares, average="macro"), average_precision_score(each, shares, average="macro")]
    decided = [balanced_accuracy_score(y, guess), f1_score(y, guess, average="macro", zero_division=0)]
    return [*ranks, *decided, float(np.prod(recalls) ** (1 / len(recalls)))]


def cell(kind: str, setting: dict, name: str, fold: int, scope: str = "auto") -> list[dict]:
    """One fold of one set: every classifier's scores."""
    X, y = load_several(name) if name in SEVERAL else load(name)
    train, test = list(StratifiedKFold(3, shuffle=True, random_state=0).split(X, y))[fold]
    began = time.process_time()
    X_res, y_res = resample(kind, setting, X.iloc[train].reset_index(drop=True), y[train], fold, scope)
    seconds = time.process_time() - began
    transform = encoder().fit(X_res)
    seen = transform.transform(X_res)
    unseen = transform.transform(plain(X.iloc[test]) if kind == "smote" else X.iloc[test])
    rows = []
    for classifier, model in CLASSIFIERS.items():
        shares = model.fit(seen, y_res).predict_proba(unseen)
        two = name not in SEVERAL
        values = scores_of_two(y[test], shares[:, 1]) if two else scores_of_several(y[test], shares, model.classes_)
        rows.append(
            {"set": name, "fold": fold, "classifier": classifier, "seconds": seconds}
            | dict(zip(METRICS, values, strict=True))
        )
    return rows


def run(args: argparse.Namespace) -> None:
    """Score a setting and keep the table."""
    path, setting = OUT / f"{args.name or args.kind}.csv", json.loads(args.setting)
    if path.exists():
        print(f"{path} is there already")
        return
    asked = [(args.kind, setting, one, fold, args.scope) for one in CHOICES[args.sets] for fold in range(args.folds)]
    tasks = Parallel(n_jobs=args.jobs)(delayed(cell)(*one) for one in asked)
    OUT.mkdir(parents=True, exist_ok=True)
    pd.DataFrame([row for rows in tasks for row in rows]).to_csv(path, index=False)


def compare(names: list[str]) -> None:
    """Mean scores, and mean ranks over set x classifier."""
    tables = {name: pd.read_csv(OUT / f"{name}.csv") for name in names}
    cells = {name: t.groupby(["set", "classifier"])[METRICS].mean() for name, t in tables.items()}
    ranks = {m: pd.DataFrame({n: c[m] for n, c in cells.items()}).rank(axis=1, ascending=False).mean() for m in METRICS}
    print("mean score\n", pd.DataFrame({n: c.mean() for n, c in cells.items()}).T.round(4).to_string())
    print("mean rank\n", pd.DataFrame(ranks).round(2).to_string())
    print("seconds a fit\n", pd.Series({n: t["seconds"].mean() for n, t in tables.items()}).round(1).to_string())


def main(arguments: list[str] | None = None) -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("run", help="score a setting")
    one.add_argument("kind", choices=["none", "smote", "gan"])
    one.add_argument("name", nargs="?", help="of the setting; default: the kind")
    one.add_argument("setting", nargs="?", default="{}", help="parameters of TabularGAN as JSON")
    one.add_argument("--sets", choices=list(CHOICES), default="all")
    one.add_argument("--folds", type=int, default=3, choices=[1, 2, 3], help="of three, how many are run")
    one.add_argument("--scope", choices=["auto", "per-class", "shared"], default="auto", help="of GANOversampler")
    one.add_argument("--jobs", type=int, default=2)
    many = commands.add_parser("compare", help="settings that were scored")
    many.add_argument("names", nargs="+")
    args = parser.parse_args(arguments)
    if args.command == "run":
        run(args)
    else:
        compare(args.names)


if __name__ == "__main__":
    main()
