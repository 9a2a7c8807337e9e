"""Whether a classifier learns from synthetic rows what it would learn from real ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ganaug.exceptions import InvalidDataError
from ganaug.metrics.nearest import Estimate, Floats, estimate
from ganaug.metrics.sample_pair import Rows, SamplePair, at_most
from ganaug.utils.determinism import numpy_generator

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

__all__ = ["augmentation_gain", "average_precision", "default_classifier", "treatments", "tstr"]

Codes = npt.NDArray[np.intp]
TAUGHT_ROWS = 5000
SMOTE_NEIGHBOURS = 5


def default_classifier(tables: bool, seed: int) -> BaseEstimator:
    """A random forest for tables; for features of images and series, logistic regression."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if tables:
        return RandomForestClassifier(100, min_samples_leaf=2, class_weight="balanced", random_state=seed % 2**32)
    return make_pipeline(
        StandardScaler().set_output(transform="default"), LogisticRegression(max_iter=5000, class_weight="balanced")
    )


def average_precision(positive: npt.NDArray[np.bool_], ranking: Floats) -> Callable[[Floats], float]:
    """Average precision as a function of the rows' weights; sorts only once.

    AP = sum_i (R_i - R_{i-1}) P_i over thresholds i. NaN where no positive row has weight.
    """
    order = np.argsort(-ranking, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(ranking[order]) != 0, True))
    hit = positive[order].astype(float)

    def score(weights: Floats) -> float:
        w = weights[order]
        found, seen = np.cumsum(w * hit)[ends], np.cumsum(w)[ends]
        if found[-1] <= 0:
            return float("nan")
        precision = found / np.where(seen > 0, seen, 1)
        return float((np.diff(found, prepend=0.0) * precision).sum() / found[-1])

    return score


@dataclass(frozen=True)
class _Taught:
    """Rankings of the test rows by classifiers taught by different rows."""

    truth: Codes
    rankings: dict[str, Floats]  # of "real", "synthetic", "both"; (n, K)
    predicted: dict[str, Codes]
    classes: list[int]  # those that the test rows have

    def scores(self, taught_by: str) -> dict[int, Callable[[Floats], float]]:
        """Class to its average precision, one against the rest, by the rows' weights."""
        return {k: average_precision(self.truth == k, self.rankings[taught_by][:, k]) for k in self.classes}

    def recalls(self, taught_by: str) -> dict[int, float]:
        """Class to the share of its test rows that were found."""
        return {k: float((self.predicted[taught_by][self.truth == k] == k).mean()) for k in self.classes}


def tstr(c: SamplePair) -> Estimate:
    """Average precision on held-out real rows after training on synthetic ones (TSTR); higher is better.

    The mean over classes, one against the rest. Classes that were not generated are trained on their real rows.
    The floor is what training on real rows gets. A share of rows, in [0, 1]; a class with under 20 test rows
    says little (Esteban et al. 2017, arXiv:1706.02633).
    """
    taught = _taught(c)
    floor = _mean(taught.scores("real"))(_equal(taught))
    whole = _estimate(c, taught, _mean(taught.scores("synthetic")), floor)
    each = {
        k: _estimate(c, taught, score, taught.scores("real")[k](_equal(taught)), k)
        for k, score in taught.scores("synthetic").items()
    }
    return Estimate(whole.value, whole.low, whole.high, whole.floor, _balanced(taught), each)


def augmentation_gain(c: SamplePair) -> Estimate:
    """Average precision after training on real and synthetic rows, minus after real ones alone; higher is better.

    The mean over classes, one against the rest, on the same held-out rows; the interval is of the difference.
    In [-1, 1]: above 0 the synthetic rows help this classifier (Ravuri and Vinyals 2019, arXiv:1905.10887).
    """
    taught = _taught(c)
    more, less = taught.scores("both"), taught.scores("real")
    whole = _estimate(c, taught, _difference(_mean(more), _mean(less)), 0.0, lowest=-1.0)
    each = {k: _estimate(c, taught, _difference(more[k], less[k]), 0.0, k, -1.0) for k in taught.classes}
    return Estimate(whole.value, whole.low, whole.high, whole.floor, _balanced(taught), each)


def _estimate(
    c: SamplePair,
    taught: _Taught,
    score: Callable[[Floats], float],
    floor: float,
    code: int | None = None,
    lowest: float = 0.0,
) -> Estimate:
    """Over test rows drawn again within each class: one that a draw leaves out has no score."""
    groups = [np.flatnonzero(taught.truth == k) for k in taught.classes]
    shares = [len(group) / len(taught.truth) for group in groups]

    def statistic(*parts: Floats) -> float:
        weights = np.zeros(len(taught.truth))
        for group, share, part in zip(groups, shares, parts, strict=True):
            weights[group] = part * share
        return score(weights)

    details: dict[str, Any] = {"n_test": len(taught.truth)}
    if code is not None:
        details |= {"n_test": int((taught.truth == code).sum())}
        details |= {f"recall_{by}": taught.recalls(by)[code] for by in taught.rankings}
    return estimate(statistic, tuple(map(len, groups)), **c.options((lowest, 1.0), floor=floor, details=details))


def _balanced(taught: _Taught) -> dict[str, Any]:
    means = {f"balanced_accuracy_{by}": float(np.mean(list(taught.recalls(by).values()))) for by in taught.rankings}
    return {"n_test": len(taught.truth), **means}


def _mean(scores: dict[int, Callable[[Floats], float]]) -> Callable[[Floats], float]:
    return lambda weights: float(np.mean([score(weights) for score in scores.values()]))


def _difference(a: Callable[[Floats], float], b: Callable[[Floats], float]) -> Callable[[Floats], float]:
    return lambda weights: a(weights) - b(weights)


def _equal(taught: _Taught) -> Floats:
    return np.full(len(taught.truth), 1 / len(taught.truth))


def _taught(c: SamplePair) -> _Taught:
    return c.once("taught", lambda: _teach(c))


def _teach(c: SamplePair) -> _Taught:
    from sklearn.base import clone

    if c.test is None or c.test.y is None or c.teach.y is None or c.offered.y is None:
        raise InvalidDataError("utility needs labels and held-out rows: give y_real, y_syn, X_holdout and y_holdout")
    rng = numpy_generator(c.seed, "taught")
    real, fake, test = (at_most(rows, TAUGHT_ROWS, rng) for rows in (c.teach, c.offered, c.test))
    generated = np.unique(c.offered.y)
    kept = real.take(np.flatnonzero(~np.isin(_labels(real), generated)))
    lessons: dict[str, list[Rows]] = {"real": [real], "synthetic": [kept, fake], "both": [real, fake]}
    n_classes = len(c.labels)
    rankings, predicted = {}, {}
    for name, parts in lessons.items():
        x = np.concatenate([part.features for part in parts])
        y = np.concatenate([_labels(part) for part in parts])
        model = default_classifier(bool(c.kinds), c.seed) if c.classifier is None else clone(c.classifier)
        if len(np.unique(y)) < 2:
            raise InvalidDataError("utility needs rows of two classes or more to train a classifier on")
        model.fit(x, y)
        rankings[name] = _ranking(model, test.features, n_classes)
        predicted[name] = np.asarray(model.predict(test.features), np.intp)
    truth = _labels(test)
    return _Taught(truth, rankings, predicted, [int(k) for k in np.unique(truth) if (truth == k).sum() < len(truth)])


def _labels(rows: Rows) -> Codes:
    return np.zeros(len(rows), np.intp) if rows.y is None else rows.y


def _ranking(model: BaseEstimator, x: Floats, n_classes: int) -> Floats:
    """(n, K): probabilities, or what else the classifier ranks by."""
    if hasattr(model, "predict_proba"):
        given = model.predict_proba(x)
    elif hasattr(model, "decision_function"):
        given = model.decision_function(x)
        given = np.column_stack([-given, given]) if given.ndim == 1 else given
    else:
        given = np.eye(n_classes)[np.asarray(model.predict(x), int)][:, np.asarray(model.classes_, int)]
    out = np.full((len(x), n_classes), float(np.min(given, initial=0.0)))
    out[:, np.asarray(model.classes_, int)] = given
    return out


def treatments(c: SamplePair) -> dict[str, dict[str, float]]:
    """The same classifier after usual treatments of imbalance, and with synthetic rows, on the same held-out rows.

    Returns
    -------
    dict of str to dict
        Treatment to "average_precision" (the mean over classes, one against the rest), "balanced_accuracy" (the mean
        of the recalls) and "f1" (the mean over classes). "real" is the classifier without any treatment; "class
        weights" weighs classes alike; "threshold" divides the probabilities by the classes' shares; "SMOTE" is that
        of imbalanced-learn on the features, left out where a class has one row.
    """
    taught = _taught(c)
    rng = numpy_generator(c.seed, "taught")  # the same rows as those of `_taught`
    real, fake, test = (at_most(rows, TAUGHT_ROWS, rng) for rows in (c.teach, c.offered, c.test or c.teach))
    x, y = real.features, _labels(real)
    n_classes = len(c.labels)
    model = _unweighted(default_classifier(bool(c.kinds), c.seed) if c.classifier is None else c.classifier)
    alone = _fitted_ranking(model, x, y, test.features, n_classes)
    shares = np.bincount(y, minlength=n_classes) / len(y)
    with np.errstate(divide="ignore", invalid="ignore"):
        moved = np.where(shares > 0, alone / shares, 0.0)
    rankings = {"real": alone, "class weights": taught.rankings["real"], "threshold": moved}
    decided = {name: ranking.argmax(1) for name, ranking in rankings.items()}
    decided["class weights"] = taught.predicted["real"]
    rankings["threshold"] = alone  # a threshold orders nothing again
    least = int(np.bincount(y)[np.unique(y)].min())
    if least > 1:
        from imblearn.over_sampling import SMOTE

        smote = SMOTE(k_neighbors=min(SMOTE_NEIGHBOURS, least - 1), random_state=c.seed % 2**32)
        more, labels = smote.fit_resample(x, y)
        rankings["SMOTE"] = _fitted_ranking(model, more, labels, test.features, n_classes)
        decided["SMOTE"] = rankings["SMOTE"].argmax(1)
    both = np.concatenate([x, fake.features]), np.concatenate([y, _labels(fake)])
    rankings["real and synthetic"] = _fitted_ranking(model, *both, test.features, n_classes)
    decided["real and synthetic"] = rankings["real and synthetic"].argmax(1)
    rankings["real and synthetic, class weights"] = taught.rankings["both"]
    decided["real and synthetic, class weights"] = taught.predicted["both"]
    rankings["synthetic alone"] = taught.rankings["synthetic"]
    decided["synthetic alone"] = taught.predicted["synthetic"]
    truth, weights = taught.truth, _equal(taught)
    return {
        name: {
            "average_precision": float(
                np.mean([average_precision(truth == k, ranking[:, k])(weights) for k in taught.classes])
            ),
            "balanced_accuracy": float(np.mean([(decided[name][truth == k] == k).mean() for k in taught.classes])),
            "f1": float(np.mean([_f1(truth == k, decided[name] == k) for k in taught.classes])),
        }
        for name, ranking in rankings.items()
    }


def _unweighted(classifier: object) -> object:
    """A fresh one without class weights, its own or those of a step."""
    from sklearn.base import clone

    made = clone(classifier)
    names = [name for name in made.get_params() if name.split("__")[-1] == "class_weight"]
    return made.set_params(**dict.fromkeys(names))


def _fitted_ranking(model: object, x: Floats, y: Codes, test: Floats, n_classes: int) -> Floats:
    from sklearn.base import clone

    return _ranking(clone(model).fit(x, y), test, n_classes)


def _f1(truth: npt.NDArray[np.bool_], found: npt.NDArray[np.bool_]) -> float:
    either = truth.sum() + found.sum()
    return float(2 * (truth & found).sum() / either) if either else 0.0
