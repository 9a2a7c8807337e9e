"""The choice among treatments: the cheap ones first, a GAN only where they leave something to gain."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils import _safe_indexing

from ganaug.callbacks import Deadline, OutOfTimeError
from ganaug.exceptions import DataWarning, FewSamplesWarning, InvalidParameterError
from ganaug.runtime.interrupts import main_thread_interrupts
from ganaug.selection.calibration import Calibrator, fit_calibrator
from ganaug.selection.candidates import (
    ADDED,
    ADDED_TO_ROWS,
    NEGLIGIBLE,
    NONE,
    Belief,
    Blend,
    ImbalanceTreatment,
    beliefs_of,
    expected_improvement,
    finishes,
    is_costly,
    room,
    treatments_of,
    with_prior,
)
from ganaug.selection.choosing import (
    EXPECTED,
    RESAMPLES,
    UNEXPECTED,
    BlendScorer,
    Floats,
    best_blend,
    evidence,
    no_evidence,
    out_of_fold,
    surer,
    verdict_on_evidence,
    verdict_without_evidence,
)
from ganaug.selection.fold_predictions import (
    ClassifierOutput,
    FoldPredictions,
    ScorerAdapter,
    average_predictions,
    fewest_groups,
    predict_held_out,
    split_folds,
)
from ganaug.utils.types import IntArray

__all__ = ["Choice", "Plan", "choose"]

# A GAN is trained only if the best of its blends is expected to gain so much more than the cheap treatments do, and on
# more folds than one only if what they may say is expected to better the choice by so much.
WORTH = 0.002
# The first training of a GAN is broken off where it takes longer than max_time by this part of it.
GRACE = 0.2
# What a GAN adds of a kind that nothing is known of, in parts of what the others leave to gain.
UNKNOWN_ADDITION = Belief(0.05, 0.1)


class Choice(NamedTuple):
    """What came out.

    Attributes
    ----------
    treatment : ImbalanceTreatment
        The chosen one.
    evidence : DataFrame
    verdict : str
    calibrator : Calibrator or None
        What is done to the answers of the classifier trained on all rows.
    n_splits : int
        Inner folds; 0 if nothing was judged.
    """

    treatment: ImbalanceTreatment
    evidence: pd.DataFrame
    verdict: str
    calibrator: Calibrator | None
    n_splits: int


@dataclass(frozen=True)
class Plan:
    """What is judged, and how; parameters as of `AugmentedClassifier`, checked.

    Attributes
    ----------
    estimator : estimator
    samplers : list of sampler
    names : list of str
        Of the samplers.
    blends : list of Blend
        None first.
    fixed : bool
        Whether the last blend is an order.
    treatments : frozenset of str
    unmoved : bool
        Whether a treatment that gets a tuned threshold is also judged without.
    scoring, cv, threshold
    calibration : str or None
    seed : int
    n_jobs : int or None
    max_time : float or None
    shrink : bool
    """

    estimator: object
    samplers: list[Any]
    names: list[str]
    blends: list[Blend]
    fixed: bool
    treatments: frozenset[str]
    unmoved: bool
    scoring: Any
    cv: object
    threshold: object
    calibration: str | None
    seed: int
    n_jobs: int | None
    max_time: float | None
    shrink: bool


@dataclass
class _Stage:
    """Treatments that are tried together, for they train on rows of one oversampler, or of none.

    Attributes
    ----------
    sampler : int
        Place of the oversampler; -1 for none.
    blends : list of Blend
        What the classifier is trained on.
    treatments : list of ImbalanceTreatment
    folds : list of FoldPredictions
        The first of all folds, as far as they have been tried.
    as_is, resampled : ndarray
        Scores on these folds, see `BlendScorer.scores`.
    note : str
        What was left out, and why.
    hopeless : bool
        Whether it ended early because nothing more was expected of it.
    """

    sampler: int
    blends: list[Blend]
    treatments: list[ImbalanceTreatment]
    folds: list[FoldPredictions] = field(default_factory=list)
    as_is: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    resampled: Floats = field(default_factory=lambda: np.zeros((0, RESAMPLES, 0)))
    note: str = ""
    hopeless: bool = False


class _Race:
    """Stages, run one after another on the same folds."""

    def __init__(
        self,
        plan: Plan,
        X: object,
        y: npt.NDArray[Any],
        weights: npt.NDArray[np.float64] | None,
        parts: Sequence[tuple[IntArray, IntArray]],
        sizes: IntArray,
    ) -> None:
        self.plan, self.X, self.y, self.weights, self.parts = plan, X, y, weights, parts
        self.rarest, self.began = int(sizes.min()), time.monotonic()
        self.tested = np.unique(np.concatenate([test for _, test in parts]))
        self.costly = [is_costly(one) for one in plan.samplers]
        self.stages: list[_Stage] = []
        self.answers: dict[tuple[Blend, int], list[ClassifierOutput]] = {}  # by fold
        self.failed: dict[Blend, str] = {}
        self.judge: BlendScorer
        self.demand = EXPECTED
        self.beliefs: Mapping[str, Belief] | None = None

    def prepare(self, judge: BlendScorer, demand: float, beliefs: Mapping[str, Belief] | None) -> None:
        """Say how answers are judged."""
        self.judge, self.demand, self.beliefs = judge, demand, beliefs

    def train(self, stage: _Stage, upto: int) -> None:
        """Try a stage's blends on the folds before ``upto`` that it has not been tried on."""
        sampler = None if stage.sampler < 0 else self._in_time(stage.sampler)
        done, plan = len(stage.folds), self.plan
        common = (plan.estimator, sampler, stage.blends, self.X, self.y)
        stage.folds += predict_held_out(*common, self.parts[done:upto], plan.seed, plan.n_jobs, self.weights, done)
        self.failed.update(failed := {blend: why for fold in stage.folds for blend, why in fold.failed.items()})
        kept = [blend for blend in stage.blends if blend not in failed]
        for fold in stage.folds[done:]:
            said = dict(zip([one for one in stage.blends if one not in fold.failed], fold.answers, strict=True))
            for blend in kept:
                self.answers.setdefault((blend, stage.sampler), []).append(said[blend])
        stage.blends = kept

    def averages(self, stage: _Stage) -> list[ImbalanceTreatment]:
        """The average of the cheap classifiers and, where they are others, those of a stage."""
        bare = self.answers[NONE, -1][0]
        if "average" not in self.plan.treatments or self.plan.fixed or bare.probabilities is None:
            return []
        parts = [fit for fit in self.answers if fit[1] < 0]
        parts += [(blend, stage.sampler) for blend in stage.blends if stage.sampler >= 0]
        return [ImbalanceTreatment.average(parts, stage.sampler)] if len(parts) > 1 else []

    def folds_of(self, treatments: Sequence[ImbalanceTreatment], n_folds: int) -> list[FoldPredictions]:
        """What the classifiers of treatments said on the first folds, an answer for each treatment."""
        found = []
        for f, (_, test) in enumerate(self.parts[:n_folds]):
            said = [[self.answers[fit][f] for fit in one.fits] for one in treatments]
            found.append(FoldPredictions(test, [average_predictions(s) if len(s) > 1 else s[0] for s in said]))
        return found

    def score(self, stage: _Stage) -> None:
        """Judge what has been tried."""
        bases = list(dict.fromkeys(one._replace(threshold="") for one in stage.treatments))
        places = [(bases.index(one._replace(threshold="")), one.threshold) for one in stage.treatments]
        folds = self.folds_of(bases, len(stage.folds))
        stage.as_is, stage.resampled = self.judge.scores(
            folds, self.X, self.y, self.plan.seed, self.plan.n_jobs, places, self.tested
        )

    def run(self, stage: _Stage) -> None:
        """Try a stage, fold by fold where it may have to end early."""
        self.stages.append(stage)
        costly = stage.sampler >= 0 and self.costly[stage.sampler]
        over = self._reached() if costly and self.beliefs is not None else None
        if self._left() <= 0:
            stage.note = "not tried: max_time was reached"
        elif over is not None and self._promise(stage, over) < WORTH:
            stage.note = f"not tried: less than {WORTH:g} more than the cheap treatments is expected of it"
        if stage.note:
            return
        whole = len(self.parts)
        if over is not None or self.plan.max_time is not None:
            before = time.monotonic()
            try:
                self.train(stage, 1)
            except OutOfTimeError:
                stage.note = "not tried: max_time was exceeded while its first GAN was trained"
                return
            each = time.monotonic() - before
            self.score(stage)
            if each * (whole - 1) > self._left():
                stage.note = f"tried on 1 of {whole} folds: max_time would have been exceeded"
            elif over is not None and whole > 1 and self._promise(stage, over) < WORTH:
                stage.note = f"tried on 1 of {whole} folds: less than {WORTH:g} more is expected of it after that"
                stage.hopeless = True
            elif over is not None and whole > 1 and self._settled(stage, whole - 1):
                stage.note = f"tried on 1 of {whole} folds: the others would hardly change the choice"
            if stage.note or whole == 1:
                return
        try:
            self.train(stage, whole)
        except OutOfTimeError:  # only where there is a max_time, so that the first fold has been judged
            stage.note = f"tried on 1 of {whole} folds: max_time was exceeded by the others"
            return
        self.score(stage)

    def table(self) -> pd.DataFrame:
        """The evidence so far, stages in the order of the oversamplers."""
        stages = self.ordered()
        folds, treatments = len(self.parts), self.treatments()
        as_is = np.full((folds, len(treatments)), np.nan)
        resampled = np.full((folds, RESAMPLES if not stages else stages[0].resampled.shape[1], len(treatments)), np.nan)
        start = 0
        for stage in stages:
            end = start + len(stage.treatments)
            if stage.folds:
                as_is[: len(stage.folds), start:end] = stage.as_is
                resampled[: len(stage.folds), :, start:end] = stage.resampled
            start = end
        found = evidence([one.blend for one in treatments], as_is, resampled, self.rarest, self.demand)
        kinds = [one.kind(self.costly) for one in treatments]
        return with_prior(found, kinds, self.beliefs, self.plan.scoring)

    def ordered(self) -> list[_Stage]:
        """Stages in the order of the oversamplers."""
        return sorted(self.stages, key=lambda stage: stage.sampler)

    def treatments(self) -> list[ImbalanceTreatment]:
        """Of all stages, as in the evidence."""
        return [one for stage in self.ordered() for one in stage.treatments]

    def best(self, table: pd.DataFrame) -> int:
        """The place of the treatment to take: the one of which most is expected, none if that is next to nothing."""
        if self.beliefs is None:
            return best_blend(table)
        hopeless = [stage.hopeless for stage in self.ordered() for _ in stage.treatments]
        expected = np.where(hopeless, np.nan, table["expected"].to_numpy(dtype=float))
        place = int(np.nanargmax(expected))  # of equal ones the first
        return place if expected[place] >= NEGLIGIBLE else 0

    def _left(self) -> float:
        """Seconds until the time is over."""
        limit = self.plan.max_time
        return np.inf if limit is None else limit - (time.monotonic() - self.began)

    def _in_time(self, place: int) -> BaseEstimator:
        """An oversampler whose GANs are broken off where that takes too long."""
        sampler: BaseEstimator = self.plan.samplers[place]
        if self.plan.max_time is None or not self.costly[place]:
            return sampler
        generator = clone(sampler._prototype(self.X), safe=False)
        if "callbacks" not in getattr(generator, "get_params", dict)():
            return sampler
        deadline = Deadline(time.time() + self._left() + GRACE * self.plan.max_time)
        generator.set_params(callbacks=[*(generator.callbacks or ()), deadline])
        return clone(sampler).set_params(generator=generator)

    def _reached(self) -> float:
        """What the best treatment so far is expected to gain."""
        self.stages, running = self.stages[:-1], self.stages[-1]
        table = self.table()
        place = self.best(table)
        self.stages.append(running)
        return max(0.0, float(table["expected"].iloc[place]))

    def _settled(self, stage: _Stage, more: int) -> bool:
        """Whether the choice is not expected to gain `WORTH` by so many more folds, each as telling as the first."""
        if self.plan.calibration is not None or any(one.threshold for one in stage.treatments):
            return False  # their rows are also what thresholds and calibration are learnt from
        table = self.table()
        own = np.flatnonzero([one.sampler == stage.sampler for one in self.treatments()])
        expected = table["expected"].to_numpy(dtype=float)
        place = self.best(table)
        # the treatment to take would be another if its own expectation fell below the second best, or another rose
        mean = np.where(np.arange(len(expected)) == place, np.nanmax(np.delete(expected, place)), expected)
        variance = table["expected_error"].to_numpy(dtype=float) ** 2
        error = table["gain_error"].to_numpy(dtype=float)
        moves = variance / np.sqrt(np.maximum(variance + error**2 / more, np.finfo(float).tiny))
        return expected_improvement(mean[own], moves[own], float(expected[place])) < WORTH

    def _promise(self, stage: _Stage, over: float) -> float:
        """What a stage is expected to add to a gain."""
        assert self.beliefs is not None
        score = float(next(one for one in self.stages if one.sampler < 0).as_is[:, 0].mean())
        left = room(self.plan.scoring, score) - over
        if not stage.folds:
            rows = any(one.sampler >= 0 and one.folds for one in self.stages)
            return self.beliefs.get(ADDED_TO_ROWS if rows else ADDED, UNKNOWN_ADDITION).mean * left
        table = self.table()
        own = [one.sampler == stage.sampler for one in self.treatments()]
        mean, error = (table.loc[own, name].to_numpy(dtype=float) for name in ("expected", "expected_error"))
        return min(expected_improvement(mean, error, over), left)


def choose(
    plan: Plan,
    X: object,
    y: npt.NDArray[Any],
    weights: npt.NDArray[np.float64] | None = None,
    groups: npt.NDArray[Any] | None = None,
) -> Choice:
    """Choose among treatments.

    Parameters
    ----------
    plan : Plan
    X, y
        All rows.
    weights, groups : ndarray of shape (n,), optional
        Of the rows; checked.

    Raises
    ------
    InvalidParameterError
        Naming scoring, threshold or cv.
    """
    classes, codes = np.unique(y, return_inverse=True)
    sizes: IntArray = np.bincount(codes)
    asked = plan.threshold not in (False, "auto")
    if len(classes) > 2 and asked:
        raise InvalidParameterError(
            f"threshold={plan.threshold!r} needs two classes, and y has {len(classes)}; leave it 'auto'"
        )
    model = type(plan.estimator).__name__
    metric = ScorerAdapter("scoring", plan.scoring, classes, sizes, model)
    moved = asked and plan.threshold != "tune"
    tuned = ScorerAdapter("threshold", plan.threshold, classes, sizes, model) if moved else None
    every = treatments_of(plan.blends, len(plan.samplers))
    place = len(every) - 1 if plan.fixed and len(classes) > 1 else 0
    why = _why_no_evidence(classes, sizes, plan.fixed and plan.calibration is None and not asked)
    if not why and groups is not None and isinstance(plan.cv, Integral) and fewest_groups(y, groups) < 2:
        why = "a class occurs in one group only, so that no fold can hold one out, and nothing was judged"
    parts = [] if why else split_folds(plan.cv, X, y, sizes, plan.seed, groups)
    if not parts:
        table = no_evidence([one.blend for one in every]).assign(expected=np.nan, expected_error=np.nan)
        table = _described(table, every, plan.names, place, {}, 0)
        return Choice(every[place], table, verdict_without_evidence(every[place].words(plan.names), why), None, 0)
    race = _Race(plan, X, y, weights, parts, sizes)
    with warnings.catch_warnings(), main_thread_interrupts() as interrupt:
        # A fold has fewer rows than the whole: what is true of the whole is said when all rows are trained on.
        for told in (FewSamplesWarning, DataWarning, UndefinedMetricWarning):
            warnings.simplefilter("ignore", told)
        cheap = _Stage(-1, [blend for blend in plan.blends if blend.share == 0], [])
        race.train(cheap, len(parts))
        rows, said = out_of_fold(cheap.folds, 0)
        X_seen, y_seen = _safe_indexing(X, rows), y[rows]
        seen = said
        if plan.calibration is not None and said.probabilities is None:  # the metric may need them
            seen = fit_calibrator(said, X_seen, y_seen, plan.calibration, None)(said)
        sees = metric.sees_labels(seen, X_seen, y_seen)
        sees_labels = len(classes) == 2 and sees
        if plan.threshold == "tune":
            tuned = metric if sees_labels else ScorerAdapter("threshold", "balanced_accuracy", classes, sizes, model)
        demand = EXPECTED if not asked and sees else UNEXPECTED
        known = plan.shrink and len(classes) == 2 and not (asked or plan.fixed)
        beliefs = beliefs_of(plan.scoring, plan.estimator, plan.calibration is not None) if known else None
        race.prepare(BlendScorer(metric, plan.calibration, tuned if asked and sees_labels else None), demand, beliefs)
        fixed_by = _why_unmoved(plan, said, metric.name, sees_labels)
        moves = [name for name in ("prior", "tuned") if name in plan.treatments and name not in fixed_by]
        if not moves and plan.treatments <= set(fixed_by) and not plan.fixed:
            raise InvalidParameterError(
                f"treatments={sorted(plan.treatments)} cannot be judged: {fixed_by[min(plan.treatments)]}; "
                "add 'class_weight', 'undersampling' or 'oversampling', or leave it 'auto'"
            )
        plain = [one for one in every if one.sampler < 0 and one.blend not in race.failed]
        cheap.treatments = [one for t in plain + race.averages(cheap) for one in finishes(t, moves, plan.unmoved)]
        race.stages.append(cheap)
        race.score(cheap)
        for i in sorted(range(len(plan.samplers)), key=race.costly.__getitem__):
            own = [one for one in every if one.sampler == i]
            if own:
                stage = _Stage(i, [one.blend for one in own], [])
                stage.treatments = [one for t in own + race.averages(stage) for one in finishes(t, moves, plan.unmoved)]
                race.run(stage)
            if interrupt.requested:
                raise KeyboardInterrupt
        if interrupt.requested:
            raise KeyboardInterrupt
        table, treatments = race.table(), race.treatments()
        place = len(treatments) - 1 if plan.fixed else race.best(table)
        chosen = treatments[place]
        stage = next(one for one in race.stages if one.sampler == chosen.sampler)
        rows, said = out_of_fold(race.folds_of([chosen], len(stage.folds)), 0)
        judge = replace(race.judge, threshold_metric=tuned)
        calibrator = judge.calibrator(said, _safe_indexing(X, rows), y[rows], chosen.threshold)
    words = [one.words(plan.names) for one in treatments]
    verdict = verdict_on_evidence(table, words, place, plan.fixed, metric.name)
    if not plan.fixed:
        limited = _limited_by_rows(race, table)
        verdict += surer(table, place, limited, race.rarest, len(parts), model)
    if not plan.fixed and table["gain"].iloc[1:].isna().all():
        verdict += _why_unjudged(plan, said, fixed_by)
    cuts = {one.sampler: one.note for one in race.stages if one.note}
    verdict += "".join(f" {blend}: not tried, {why}." for blend, why in race.failed.items())
    verdict += "".join(f" {plan.names[i]}: {note}." for i, note in cuts.items())
    folds = {one.sampler: len(one.folds) for one in race.stages}
    table = _described(table, treatments, plan.names, place, cuts, folds)
    return Choice(chosen, table, verdict, calibrator, len(parts))


def _limited_by_rows(race: _Race, table: pd.DataFrame) -> list[bool]:
    """Whether the error of a gain is that of the rows held out, and not that of the trainings."""
    bare = race.ordered()[0].as_is[:, :1]
    found: list[bool] = []
    for stage in race.ordered():
        n = len(stage.folds)
        for j in range(len(stage.treatments)):
            by_folds = (stage.as_is[:, j] - bare[:n, 0]).std(ddof=1) / np.sqrt(n) if n > 1 else 0.0
            found.append(bool(table["gain_error"].iloc[len(found)] > by_folds * 1.000001))
    return found


def _why_no_evidence(classes: npt.NDArray[Any], sizes: IntArray, ordered: bool) -> str:
    """Why nothing can or need be judged; empty if it can."""
    if len(classes) == 1:
        return f"y has one class only, {classes.tolist()[0]!r}, so there is nothing to balance"
    if ordered:
        return "as asked, and nothing was judged"
    if sizes.min() < 2:
        label = classes.tolist()[int(sizes.argmin())]
        return f"class {label!r} has 1 row, so that no fold can hold one out, and nothing was judged"
    return ""


def _why_unmoved(plan: Plan, said: ClassifierOutput, metric: str, sees_labels: bool) -> dict[str, str]:
    """Why thresholds are not moved, by the name of the treatment; those that can be moved are left out."""
    why = ""
    if len(said.classes) > 2:
        why = f"a threshold moves the decision between two classes, and y has {len(said.classes)}"
    elif not sees_labels:
        why = f"a threshold moves decisions only, which {metric} does not look at"
    elif plan.threshold != "auto" or plan.fixed:
        why = "threshold or blend is an order"
    elif said.margin is None:
        why = f"{type(plan.estimator).__name__} has neither predict_proba nor decision_function"
    elif said.probabilities is None:
        return {"prior": f"{type(plan.estimator).__name__} has no predict_proba, which a share needs"}
    return dict.fromkeys(("prior", "tuned"), why) if why else {}


def _why_unjudged(plan: Plan, said: ClassifierOutput, fixed_by: Mapping[str, str]) -> str:
    """Sentences on the treatments that were asked for and not judged; oversamplers speak for themselves."""
    name, have = type(plan.estimator).__name__, {blend.treatment for blend in plan.blends}
    reasons = dict(fixed_by)
    if "class_weight" not in have:
        reasons["class_weight"] = f"{name} takes no weights, or blend has none"
    if "undersampling" not in have:
        reasons["undersampling"] = f"{name} has no predict_proba, or blend leaves it out"
    if "oversampling" not in have:
        reasons["oversampling"] = "blend has no share above 0"
    reasons["average"] = (
        f"{name} has no predict_proba to average" if said.probabilities is None else "needs others beside it"
    )
    return "".join(f" {one}: not judged, {why}." for one, why in reasons.items() if one in plan.treatments)


def _described(
    table: pd.DataFrame,
    treatments: Sequence[ImbalanceTreatment],
    names: Sequence[str],
    place: int,
    notes: Mapping[int, str],
    folds: Mapping[int, int] | int,
) -> pd.DataFrame:
    """Evidence with what a reader wants to know of each treatment; the columns of a blend come first."""
    expected = {name: table.pop(name) for name in ("expected", "expected_error")}
    return table.assign(
        chosen=np.arange(len(table)) == place,
        treatment=[one.words(names) for one in treatments],
        sampler=[names[one.sampler] if one.sampler >= 0 else "" for one in treatments],
        threshold=[one.threshold for one in treatments],
        **expected,
        folds=[folds if isinstance(folds, int) else folds.get(one.sampler, 0) for one in treatments],
        note=[notes.get(one.sampler, "") for one in treatments],
    )
