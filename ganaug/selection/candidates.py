"""Treatments of imbalance that are judged: blends and others, their rows and weights, and gains known beforehand.

`prior_gains.json` holds, by metric, kind of classifier and kind of treatment, the mean and the spread of the gains on
public data sets, in parts of what the bare classifier leaves to gain. examples/benchmarks/prior_gains.py writes it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import norm
from sklearn.base import BaseEstimator
from sklearn.utils import _safe_indexing
from sklearn.utils.class_weight import compute_sample_weight

from ganaug.encoding.containers import n_rows
from ganaug.exceptions import GanaugError, InvalidDataError, InvalidParameterError, InvalidTypeError
from ganaug.oversampling import GANOversampler
from ganaug.utils import types
from ganaug.utils.determinism import child_seed, numpy_generator

__all__ = [
    "ADDED",
    "ADDED_TO_ROWS",
    "NEGLIGIBLE",
    "NONE",
    "TREATMENTS",
    "UNDERSAMPLED",
    "Belief",
    "Blend",
    "ImbalanceTreatment",
    "Pool",
    "beliefs_of",
    "blend_rows",
    "candidates",
    "checked_treatments",
    "expected_improvement",
    "family_of",
    "finishes",
    "is_costly",
    "pool_samples",
    "room",
    "samplers",
    "scale",
    "treatments_of",
    "with_prior",
]

# --------------------------------------------------------------------------------------
# Blends of real and synthetic rows: which there are, and the rows and weights of each.


SHARES = (0.25, 0.5, 1.0)
WEIGHTS = (1.0, 0.5)
# With all treatments to judge, fewer blends: what lies between them, averages give too.
FEW_SHARES = (0.5, 1.0)
# Classifiers of an undersampled bag: more of them gain little.
DRAWS = 6


class Blend(NamedTuple):
    """How synthetic rows join the real ones.

    Attributes
    ----------
    share : float
        Share of the oversampler's new rows that are used: 0 is none, 1 all the
        way to the class sizes that it aims at.
    weight : float
        Weight of a synthetic row; a real one weighs 1.
    class_weight : {None, "balanced", "undersampled"}
        "balanced": every class weighs the same. "undersampled": six classifiers, each trained on a draw in which
        every class has as many rows as the smallest one; their probabilities are averaged.

    Examples
    --------
    >>> from ganaug.selection import Blend
    >>> Blend(0.5).weight
    1.0
    """

    share: float
    weight: float = 1.0
    class_weight: str | None = None

    @property
    def draws(self) -> int:
        """How many classifiers are trained, each on a balanced draw of the rows; 0 for one, on all of them."""
        return DRAWS if self.class_weight == "undersampled" else 0

    @property
    def treatment(self) -> str:
        """Under which name of `TREATMENTS` it is judged; empty for none."""
        if self.share > 0:
            return "oversampling"
        return "undersampling" if self.draws else "class_weight" if self.class_weight else ""

    def __str__(self) -> str:
        if self.draws:
            return "Undersampling"
        if self.share == 0:
            return "None" if self.class_weight is None else "Class weights and no synthetic rows"
        rows = "full balance" if self.share == 1 else f"{self.share:g} of full balance"
        return rows if self.weight == 1 else f"{rows} with synthetic rows at weight {self.weight:g}"


class AverageBlend(Blend):
    """The mean share of the parts of an average: it says what was chosen, and is nothing to train with."""

    __slots__ = ()

    def __str__(self) -> str:
        return f"Average of several classifiers, {self.share:.3g} of full balance in the mean"


NONE = Blend(0.0)
UNDERSAMPLED = Blend(0.0, 1.0, "undersampled")


def candidates(
    blend: object, weighs: bool, balances: bool | None = None, *, few: bool = False, speaks: bool = True
) -> tuple[list[Blend], bool]:
    """The blends to judge, none first; and whether the last one is an order, not a question.

    Parameters
    ----------
    blend : "auto", float, Blend, or list of float and Blend
        As the user gave it.
    weighs : bool
        Whether the estimator takes weights of rows.
    balances : bool, optional
        Whether it can weigh classes the same; by default if it takes weights of rows.
    few : bool, default=False
        Whether "auto" is `FEW_SHARES` and undersampling, in the place of all shares at all weights.
    speaks : bool, default=True
        Whether the estimator has probabilities, which undersampling needs.

    Raises
    ------
    InvalidParameterError
        If it is none of these, or needs weights that the estimator does not take.
    """
    balances = weighs if balances is None else balances
    weights = WEIGHTS if weighs else WEIGHTS[:1]
    if isinstance(blend, str):
        types.choice("blend", blend, ["auto"])
        given = [Blend(0.0, 1.0, "balanced")] if balances else []
        if few:
            given += [UNDERSAMPLED] if speaks else []
            given += [Blend(share) for share in FEW_SHARES]
        else:
            given += [Blend(share, weight) for share in SHARES for weight in weights]
    elif isinstance(blend, (Real, Blend)):
        return list(dict.fromkeys([NONE, _checked(blend, weighs, balances, speaks)])), True
    elif isinstance(blend, Iterable):
        given = [
            one
            for item in blend
            for one in (
                [_checked(item, weighs, balances, speaks)]
                if isinstance(item, Blend)
                else [Blend(_checked(item, weighs, balances, speaks).share, weight) for weight in weights]
            )
        ]
        if not given:
            raise InvalidParameterError("blend is empty; give 'auto', or at least one share in [0, 1]")
    else:
        raise InvalidParameterError(f"blend={blend!r} must be 'auto', a share in [0, 1], a Blend, or a list of them")
    # shares of 0 are none, at any weight
    return list(dict.fromkeys([NONE, *(one if one.share else one._replace(weight=1.0) for one in given)])), False


def _checked(item: object, weighs: bool, balances: bool, speaks: bool) -> Blend:
    if isinstance(item, AverageBlend):
        raise InvalidParameterError(
            f"blend={item!r} is the mean share of an average, which no single classifier is; use the fitted "
            f"estimator_ as it is, or give Blend({item.share:.3g}) for one classifier of that share"
        )
    one = item if isinstance(item, Blend) else Blend(types.number("blend", item, 0, 1))
    types.number("blend: share", one.share, 0, 1)
    types.number("blend: weight", one.weight, 0, open_low=True)
    if one.class_weight is not None:
        types.choice("blend: class_weight", one.class_weight, ["balanced", "undersampled"])
    if not weighs and one.weight != 1:
        raise InvalidParameterError(f"blend={one!r} needs an estimator whose fit has a parameter sample_weight")
    if not balances and one.class_weight == "balanced":
        raise InvalidParameterError(
            f"blend={one!r} needs an estimator with a parameter class_weight, or whose fit takes sample_weight"
        )
    if one.draws and not speaks:
        raise InvalidParameterError(f"blend={one!r} needs an estimator with predict_proba, to average probabilities")
    if one.draws and one.share:
        raise InvalidParameterError(
            f"blend={one!r}: draws are of real rows; give Blend(0, class_weight='undersampled')"
        )
    return one if one.share else one._replace(weight=1.0)


@dataclass(frozen=True)
class Pool:
    """Real rows, then every synthetic one.

    Attributes
    ----------
    X, y
        The rows and their labels.
    n_real : int
        How many of them are real.
    turn : ndarray of shape (n_synthetic,)
        In (0, 1), evenly spread within each class in random order. A blend of
        share s takes the rows whose turn is below s, so that a smaller blend is
        part of every larger one.
    weights : ndarray of shape (n_real,) or None
        Of the real rows, where the user gave some. A synthetic row weighs what a real one of its class does on average.
    """

    X: object
    y: npt.NDArray[Any]
    n_real: int
    turn: npt.NDArray[np.float64]
    weights: npt.NDArray[np.float64] | None = None


def pool_samples(
    oversampler: BaseEstimator,
    X: object,
    y: npt.NDArray[Any],
    seed: int,
    weights: npt.NDArray[np.float64] | None = None,
) -> Pool:
    """Fit the oversampler, once, and keep all that it makes.

    Raises
    ------
    InvalidTypeError
        If it drops or reorders real rows.
    InvalidDataError
        If it cannot take the rows, with what it said.
    """
    try:
        X_all, y_all = oversampler.fit_resample(X, y)
    except GanaugError:
        raise
    except (TypeError, ValueError) as error:
        raise InvalidDataError(
            f"oversampler={type(oversampler).__name__} could not resample the training rows: {error}. Give one that "
            "takes them as they are, such as GANOversampler() for mixed columns, or encode the columns beforehand"
        ) from error
    labels = np.asarray(y_all).reshape(-1)
    n = len(y)
    if n_rows(X_all) != len(labels) or len(labels) < n or not np.array_equal(labels[:n], y):
        raise InvalidTypeError(
            f"oversampler={type(oversampler).__name__} must return the rows it was given, in their order, and new "
            "ones after them; samplers that drop rows cannot be blended"
        )
    turn = np.zeros(len(labels) - n)
    for code, label in enumerate(np.unique(labels)):
        here = np.flatnonzero(labels[n:] == label)
        # some samplers order their rows, so that the first ones are not a fair part of all
        order = numpy_generator(child_seed(seed, "order", code)).permutation(len(here))
        turn[here] = (order + 0.5) / max(1, len(here))
    return Pool(X_all, labels, n, turn, weights)


def blend_rows(pool: Pool, blend: Blend) -> tuple[Any, npt.NDArray[Any], npt.NDArray[np.float64] | None]:
    """Rows, labels and weights (None: all 1) that a blend trains on."""
    chosen = np.flatnonzero(pool.turn < blend.share) + pool.n_real
    rows = np.concatenate([np.arange(pool.n_real), chosen])
    X = pool.X if len(rows) == len(pool.y) else _safe_indexing(pool.X, rows)
    y = pool.y[rows]
    if blend.class_weight is None and blend.weight == 1 and pool.weights is None:
        return X, y, None
    weights = np.where(rows < pool.n_real, 1.0, blend.weight)
    if pool.weights is not None:
        weights *= _usual_weights(pool)[rows]
    if blend.class_weight is not None:
        weights = weights * compute_sample_weight(blend.class_weight, y)
    return X, y, weights


def _usual_weights(pool: Pool) -> npt.NDArray[np.float64]:
    """The weights given of the real rows, and of each synthetic one the mean of its class."""
    assert pool.weights is not None
    real = pool.y[: pool.n_real]
    usual = np.concatenate([pool.weights, np.ones(len(pool.y) - pool.n_real)])
    for label in np.unique(pool.y[pool.n_real :]):
        own = pool.weights[real == label]
        usual[pool.n_real :][pool.y[pool.n_real :] == label] = own.mean() if len(own) else 1.0
    return usual


# --------------------------------------------------------------------------------------
# Treatments of imbalance that are judged: which there are, what they are called, and what the user asked for.


# What ``treatments`` may name; "auto" is all of them.
TREATMENTS = ("prior", "tuned", "class_weight", "undersampling", "oversampling", "average")
# What is judged where ``treatments`` is None.
PLAIN_TREATMENTS = ("class_weight", "undersampling", "oversampling")


class ImbalanceTreatment(NamedTuple):
    """One way to treat imbalance.

    Attributes
    ----------
    blend : Blend
        What the classifier trains on; of an average, the mean share of its parts.
    sampler : int
        Place of the oversampler that makes the rows; -1 where there are none; of an average, that of the last one.
    threshold : {"", "prior", "tuned"}
        Where the decision is moved to: nowhere, the share of the class, or what held-out rows say.
    parts : tuple of (Blend, int)
        Blends and places of oversamplers of the classifiers whose probabilities are averaged; empty for a single one.
    """

    blend: Blend = NONE
    sampler: int = -1
    threshold: str = ""
    parts: tuple[tuple[Blend, int], ...] = ()

    @classmethod
    def average(cls, parts: Sequence[tuple[Blend, int]], sampler: int) -> ImbalanceTreatment:
        """The mean of several classifiers' probabilities."""
        share = float(np.mean([blend.share for blend, _ in parts]))
        return cls(AverageBlend(share), sampler, parts=tuple(parts))

    @property
    def fits(self) -> tuple[tuple[Blend, int], ...]:
        """Blend and place of the oversampler of each classifier that it takes."""
        return self.parts or ((self.blend, self.sampler),)

    def kind(self, costly: Sequence[bool]) -> str:
        """Name under which gains of this kind are known: "gan+tuned", "prior", "rows average"."""
        rows = "" if self.sampler < 0 else ("gan" if costly[self.sampler] else "rows")
        own = "average" if self.parts else "draws" if self.blend.draws else self.blend.class_weight and "class_weight"
        base = " ".join(part for part in (rows, own) if part)
        return "+".join(part for part in (base, self.threshold) if part)

    def words(self, names: Sequence[str]) -> str:
        """For sentences: "0.5 of full balance by SMOTE, tuned threshold"."""
        moved = {"": "", "prior": "threshold at the class's share", "tuned": "tuned threshold"}[self.threshold]
        if not self.parts and self.blend == NONE:
            return moved[:1].upper() + moved[1:] if moved else "None"
        texts = [f"{blend} by {names[i]}" if i >= 0 and len(names) > 1 else str(blend) for blend, i in self.fits]
        text = texts[0][0].upper() + texts[0][1:]
        if self.parts:
            texts = [one[0].lower() + one[1:].removesuffix(" and no synthetic rows") for one in texts]
            text = f"Average of {', '.join(texts[:-1])} and {texts[-1]}"
        return f"{text}, {moved}" if moved else text


def samplers(given: Any, verbose: bool | str) -> tuple[list[Any], list[str]]:
    """The oversamplers, and a name for each."""
    found = list(given) if isinstance(given, list) else [given]
    if not found:
        raise InvalidParameterError("oversampler is empty; give a sampler, such as GANOversampler(), or None")
    pairs = [one if _is_named(one) else (None, one) for one in found]
    kept = [GANOversampler(verbose=verbose) if one is None else one for _, one in pairs]
    for one in kept:
        if isinstance(one, type) or not hasattr(one, "fit_resample"):
            raise InvalidTypeError(f"oversampler={one!r} must be a sampler with fit_resample, such as GANOversampler()")
    names = [name or type(one).__name__ for (name, _), one in zip(pairs, kept, strict=True)]
    return kept, [name if names.count(name) == 1 else f"{name} ({i + 1})" for i, name in enumerate(names)]


def _is_named(given: object) -> bool:
    return isinstance(given, tuple) and len(given) == 2 and isinstance(given[0], str)


def is_costly(sampler: object) -> bool:
    """Whether a sampler takes long enough that the cheap treatments are looked at first."""
    return isinstance(sampler, GANOversampler)


def checked_treatments(given: object, threshold: object, blend: object = "auto") -> frozenset[str]:
    """Names of the treatments to judge; averages only where the blends are not the user's, unless they are named.

    Raises
    ------
    InvalidParameterError
        If one is unknown, or needs a threshold that may not be moved.
    """
    if given is None:
        return frozenset(PLAIN_TREATMENTS)
    if isinstance(given, str):
        types.choice("treatments", given, ["auto"])
        return frozenset(TREATMENTS) - (set() if isinstance(blend, str) else {"average"})
    if not isinstance(given, Iterable):
        raise InvalidParameterError(f"treatments={given!r} must be None, 'auto' or a list of {', '.join(TREATMENTS)}")
    found = frozenset(types.choice("treatments", name, TREATMENTS) for name in given)
    if not found:
        raise InvalidParameterError(f"treatments is empty; give 'auto' or a list of {', '.join(TREATMENTS)}")
    if "average" in found and not found & {"class_weight", "undersampling", "oversampling"}:
        raise InvalidParameterError(
            f"treatments={sorted(found)} has nothing to average but the bare classifier; add 'class_weight', "
            "'undersampling' or 'oversampling'"
        )
    moved = sorted(found & {"prior", "tuned"})
    if moved and threshold != "auto":
        raise InvalidParameterError(
            f"treatments has {moved[0]!r}, which needs threshold='auto'; threshold={threshold!r} settles the matter"
        )
    return found


def treatments_of(blends: Sequence[Blend], n_samplers: int) -> list[ImbalanceTreatment]:
    """Every blend once, and once for each oversampler where it has synthetic rows; thresholds as they are."""
    plain = [ImbalanceTreatment(blend) for blend in blends if blend.share == 0]
    return plain + [ImbalanceTreatment(blend, i) for i in range(n_samplers) for blend in blends if blend.share > 0]


def finishes(treatment: ImbalanceTreatment, moves: Iterable[str], unmoved: bool = True) -> list[ImbalanceTreatment]:
    """A treatment with each threshold that makes a difference to it.

    Parameters
    ----------
    treatment : ImbalanceTreatment
    moves : iterable of {"prior", "tuned"}
    unmoved : bool, default=True
        Whether what is more than the bare classifier is also judged as it is, where a tuned threshold is judged.
    """
    # where the classes weigh the same, a share moves nothing
    bare = treatment.blend == NONE and not treatment.parts
    found = [treatment._replace(threshold=name) for name in moves if name == "tuned" or bare]
    return [treatment, *found] if unmoved or bare or not found else found


# --------------------------------------------------------------------------------------
# What is known of a treatment's gain before the data at hand are looked at, and how evidence is combined with it.


Floats = npt.NDArray[np.float64]

# The best value of a metric; the gains of a treatment grow with the distance to it.
BEST = {
    "accuracy": 1.0,
    "average_precision": 1.0,
    "balanced_accuracy": 1.0,
    "f1": 1.0,
    "neg_log_loss": 0.0,
    "roc_auc": 1.0,
}
# Known of calibrated answers only; of others, only of rankings, which calibration leaves as they are.
CALIBRATED, RANKINGS = ("neg_log_loss",), ("average_precision", "roc_auc")
LEAST_SCALE = 0.1  # where less is left to gain, treatments still harm
LEAST_LOSS = 0.02  # the same of losses, which have no upper end
# Under these names the table knows what costly oversamplers add to the choice among all others, rows among them or not.
ADDED, ADDED_TO_ROWS = "added by gan", "added by gan to rows"


class Belief(NamedTuple):
    """A normal prior of a gain, in parts of what there is to gain.

    Attributes
    ----------
    mean, spread : float
    """

    mean: float
    spread: float


UNKNOWN = Belief(0.0, 0.1)  # of a kind that the table does not have


def family_of(estimator: BaseEstimator) -> str:
    """The kind of a classifier, as the table knows it; a Pipeline's is that of its last step.

    Examples
    --------
    >>> from sklearn.ensemble import HistGradientBoostingClassifier
    >>> from ganaug.selection.candidates import family_of
    >>> family_of(HistGradientBoostingClassifier())
    'boosting'
    """
    while isinstance(getattr(estimator, "steps", None), list) and estimator.steps:
        estimator = estimator.steps[-1][1]
    name = type(estimator).__name__
    families = {
        "boosting": ("Boost", "LGBM", "XGB"),
        "forest": ("Forest", "ExtraTrees", "Bagging"),
        "neighbors": ("Neighbors",),
        "linear": ("Logistic", "Linear", "Ridge", "SGD", "Perceptron"),
    }
    found = (family for family, parts in families.items() if any(part in name for part in parts))
    own = next(found, None)
    if own is None and hasattr(getattr(estimator, "estimator", None), "fit"):  # of a search, say
        return family_of(estimator.estimator)
    return own or "other"


@cache
def _table() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(files("ganaug.selection").joinpath("prior_gains.json").read_text("utf-8"))
    return found


def beliefs_of(scoring: object, estimator: object, calibrated: bool = False) -> dict[str, Belief] | None:
    """Priors by kind of treatment; None where nothing is known of the metric, of calibrated answers or of others."""
    known = isinstance(scoring, str) and (scoring in RANKINGS or (scoring in CALIBRATED) == calibrated)
    by_family = _table()["gains"].get(scoring) if known else None
    if by_family is None:
        return None
    own = by_family.get(family_of(estimator), by_family["other"])
    return {kind: Belief(*numbers[:2]) for kind, numbers in own.items()}


def room(scoring: str, score: float) -> float:
    """What is left to gain above a score."""
    return BEST[scoring] - score


def scale(scoring: str, score: float) -> float:
    """The unit of known gains: what is left to gain above a score, but not less than `LEAST_SCALE`."""
    return max(room(scoring, score), LEAST_LOSS if scoring in CALIBRATED else LEAST_SCALE)


# A treatment of which less is expected is not worth its trouble: none is taken.
NEGLIGIBLE = 0.001


def with_prior(
    table: pd.DataFrame, kinds: Sequence[str], beliefs: Mapping[str, Belief] | None, scoring: str
) -> pd.DataFrame:
    """Evidence with two columns more, ``expected`` and ``expected_error``, and ``needed`` by the prior.

    With gain g, its error e and the prior's mean m and spread s (times what there is to gain)::

        expected_error = 1 / sqrt(1 / e^2 + 1 / s^2)
        expected       = expected_error^2 * (g / e^2 + m / s^2)
        needed         = the g at which expected is `NEGLIGIBLE`, at least 0

    Without a prior ``expected`` is the gain itself, and ``needed`` stays.

    Parameters
    ----------
    table : DataFrame
        The evidence.
    kinds : sequence of str
        Kind of each treatment.
    beliefs : dict of kind to Belief, or None
    scoring : str
    """
    gain, error = table["gain"].to_numpy(dtype=float), table["gain_error"].to_numpy(dtype=float)
    if beliefs is None:
        return table.assign(expected=gain, expected_error=error)
    unit = scale(scoring, float(table["score"].iloc[0]))
    prior = [beliefs.get(kind, UNKNOWN) for kind in kinds]
    mean = np.array([one.mean for one in prior]) * unit
    spread = np.array([one.spread for one in prior]) * unit
    sure = error == 0  # answers that differ in nothing
    e = np.where(sure, 1.0, error)
    variance = 1 / (1 / e**2 + 1 / spread**2)
    expected = np.where(sure, gain, variance * (gain / e**2 + mean / spread**2))
    needed = np.where(sure, NEGLIGIBLE, np.maximum(0, e**2 * (NEGLIGIBLE / variance - mean / spread**2)))
    needed[0] = 0.0  # of none
    return table.assign(needed=needed, expected=expected, expected_error=np.where(sure, 0.0, np.sqrt(variance)))


def expected_improvement(mean: float | Floats, error: float | Floats, over: float) -> float:
    """How much is won on average by taking the best of these, where one gains ``over`` already: E max(0, g - over)."""
    gap, error = np.atleast_1d(mean) - over, np.maximum(np.atleast_1d(error), 1e-12)
    found = gap * norm.cdf(gap / error) + error * norm.pdf(gap / error)
    return float(np.nanmax(found)) if np.isfinite(found).any() else 0.0
