"""A classifier that finds out which treatment of imbalance helps it, and takes none where none does."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags, _safe_indexing, get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from ganaug.exceptions import InvalidDataError, InvalidParameterError
from ganaug.selection import choosing
from ganaug.selection.calibration import Calibrator
from ganaug.selection.candidates import (
    UNDERSAMPLED,
    Blend,
    Pool,
    candidates,
    checked_treatments,
    pool_samples,
    samplers,
)
from ganaug.selection.fold_predictions import (
    Weighting,
    check_weights,
    clone_with_seeds,
    fit_clone,
    predict_all,
    restrict_splits,
)
from ganaug.selection.probabilities import joined
from ganaug.selection.stages import Plan, choose
from ganaug.utils import types
from ganaug.utils.determinism import Seed, child_seed, isolated, root_seed

__all__ = ["AugmentedClassifier"]


def _can(method: str) -> Any:
    """The method exists where the estimator has it, or calibration makes it."""

    def check(self: AugmentedClassifier) -> bool:
        if method == "predict_proba" and self.calibrate is not False:
            return True
        getattr(getattr(self, "estimator_", None) or choosing.classifier(self.estimator), method)
        return True

    return available_if(check)


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, (bool, np.bool_)):
        raise InvalidParameterError(f"{name}={value!r} must be True or False")
    return bool(value)


class AugmentedClassifier(ClassifierMixin, BaseEstimator):
    """Classifier that finds out by cross-validation which treatment of imbalance helps it, none among the answers.

    Judged are: nothing, moved thresholds, class weights, undersampling, blends of real rows with those of one or
    several oversamplers, and averages of classifiers so trained; the cheap ones first.

    Parameters
    ----------
    estimator : classifier, optional
        What is trained; a Pipeline is welcome, and meets the rows as they are,
        with categories and missing values. None is
        ``HistGradientBoostingClassifier()``.
    oversampler : sampler, or list of samplers, optional
        What makes the rows: any over-sampler with ``fit_resample`` that appends
        to what it was given. None is ``GANOversampler()``. It is fitted once in
        each inner fold, whatever the number of blends, and once on all rows if
        any of its rows are used. Of a list, such as ``[GANOversampler(), SMOTE()]`` or
        ``[("gan", GANOversampler()), ("kin", SMOTE())]``, each is judged. A `GANOversampler`
        comes last. Where ``shrink`` works, it is trained only if the cheap treatments leave something to gain, and
        ends after the first fold if that shows that they do not.
    blend : "auto", float, Blend, or list of these
        What is tried. A share in [0, 1] is the part of the oversampler's rows
        used: 0 none, 1 all the way to balance. A list is compared with none,
        and each share with synthetic rows at full and at half weight, if the
        estimator's ``fit`` takes ``sample_weight``, or that of a Pipeline's last step does. "auto" tries 0.5 and 1, and
        without synthetic rows "balanced" class weights, as weights of rows or by the estimator's ``class_weight``, and
        "undersampled" draws; with ``treatments=None`` 0.25, 0.5 and 1 at both weights, and no draws. A single number or
        `Blend` is an order: neither it nor other treatments are compared, unless a threshold or calibration needs the
        inner folds anyway.
    scoring : str or callable, default="average_precision"
        What a treatment must be better at; as in scikit-learn. Where two classes
        hold no label 1, metrics by name take the rarer class as the positive one.
    cv : int, splitter or iterable, default=3
        Inner folds. An integer is lowered to the rows of the smallest class; with ``groups``, to the groups in which
        each class occurs, and no group is split. A list of splits fits one X only: give a splitter where the
        `AugmentedClassifier` itself is cross-validated.
    threshold : "auto", False, "tune", or a scorer, default="auto"
        "auto" moves the threshold of ``predict`` only as a treatment that is judged, see ``treatments``; False never
        moves it. "tune" moves it in any case, for two classes, to where
        held-out rows score best on ``scoring``, or on balanced accuracy if
        ``scoring`` does not look at labels. A scorer or its name is tuned for
        in place of these.
    calibrate : bool, "sigmoid" or "isotonic", default=False
        Whether balancing's effect on probabilities is undone, by a map learnt
        on held-out real rows. True is "sigmoid", which keeps the ranking of two classes.
    treatments : "auto", None, or list of names, default="auto"
        What is judged beside nothing, of "prior", "tuned", "class_weight", "undersampling", "oversampling" and
        "average". "auto" is all that the estimator and ``scoring`` have a use for; None is the blends, by the evidence
        of the folds alone. "prior" moves the threshold to the share of the second class, "tuned" to where the other
        folds expect the best ``scoring``, by itself and after each other treatment; both matter only for two classes
        and where ``scoring`` looks at labels, as balanced accuracy does and average precision does not. Where "auto"
        judges a tuned threshold, it judges all but the bare classifier with it only. "average" is the mean of the
        probabilities of the classifiers without synthetic rows, and of these and those of an oversampler; it needs
        ``predict_proba``, and "auto" leaves it out where ``blend`` names what is tried.
    shrink : bool, default=True
        Whether the evidence is combined with what such treatments gained on public data sets, and the treatment taken
        of which most is expected. Used unless ``treatments`` is None, for two classes and accuracy, balanced accuracy,
        F1, AUC, average precision or, with ``calibrate``, log loss, where no ``threshold`` is asked for; else, and with
        False, the evidence stands by itself.
    max_time : float, optional
        Seconds after which nothing more is judged; what that left out stands in ``evidence_`` and ``verdict_``. A GAN
        that is still in training a fifth later is broken off. Nothing, class weights, undersampling and thresholds are
        always judged, and the training on all rows, of a GAN too if its rows are chosen, comes on top.
    n_jobs : int, optional
        Inner folds worked on at the same time. The result does not depend on it.
    random_state : int, RandomState, Generator or None, default=None
        An integer makes the result repeat. It also seeds the estimator and the
        oversampler where their own ``random_state`` is None.
    verbose : bool or "auto", default="auto"
        Progress bars of the default oversampler.

    Attributes
    ----------
    blend_ : Blend
        ``share``, ``weight`` and ``class_weight`` of what was chosen; of an average the mean share.
    evidence_ : DataFrame
        A row for each treatment: share, weight, class_weight, score, score_error,
        gain (over none), gain_error, needed (the gain that is more than noise),
        chosen; then treatment (in words), sampler, threshold ("", "prior", "tuned"), expected (the gain to expect on
        new data, with what is known of such treatments) and its standard error expected_error, folds, note (what was
        left out, and why). The numbers are NaN where nothing was judged.
    verdict_ : str
        What was chosen and why, the gain with its interval, and what it would take to be surer.
    estimator_, oversampler_
        Fitted on all rows; ``oversampler_`` is None if no synthetic row was used. The estimator of an average, or of
        undersampling, has its parts in ``estimator_.members``.
    threshold_ : float or None
        Of the second class's probability (or decision), if it was moved.
    n_splits_ : int
        Inner folds that were used; 0 if nothing was judged.
    classes_, n_features_in_, feature_names_in_
        As in scikit-learn.

    Notes
    -----
    What is known of treatments of this kind under this kind of classifier, a normal prior of the gain, is combined
    with the evidence; ``gain`` is the mean over folds of the difference to none and ``gain_error`` its standard
    error. The treatment with the largest posterior mean, ``expected``, is taken, or none if all are below 0.001;
    ``needed`` is the gain at which a treatment's is 0.001. Without a prior a treatment is taken if ::

        gain > needed = k * gain_error;    of these the one with the largest gain - needed;  none if there is none

    where ``k`` is at least 1, or 1.5 where no gain is to be expected, as in a ranking, and larger to make up for
    choosing the best of several. See ``docs/choosing_the_blend.md``. Cost: at most one training of
    each oversampler for each fold and one more, and of the classifier one for
    each blend and fold; a moved threshold and an average cost no training while they are judged.

    A class with a single row leaves nothing to hold out: nothing is judged, no
    synthetic row used, no threshold moved, and the verdict says so.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from ganaug import AugmentedClassifier, GANOversampler, TabularGAN
    >>> X, y = make_classification(n_samples=200, weights=[0.8], random_state=0)
    >>> oversampler = GANOversampler(generator=TabularGAN(max_steps=5))
    >>> model = AugmentedClassifier(LogisticRegression(), oversampler, blend=[0.5], cv=2, random_state=0).fit(X, y)
    >>> model.predict_proba(X).shape
    (200, 2)
    >>> model.evidence_[["share", "weight", "class_weight"]].to_numpy().tolist()
    [[0.0, 1.0, ''], [0.5, 1.0, ''], [0.5, 0.5, '']]
    """

    classes_: npt.NDArray[Any]
    blend_: Blend
    evidence_: pd.DataFrame
    verdict_: str
    threshold_: float | None
    _calibrator: Calibrator | None

    def __init__(  # noqa: PLR0913
        self,
        estimator: object = None,
        oversampler: object = None,
        *,
        blend: object = "auto",
        scoring: object = "average_precision",
        cv: object = 3,
        threshold: object = "auto",
        calibrate: bool | str = False,
        treatments: object = "auto",
        shrink: bool = True,
        max_time: float | None = None,
        n_jobs: int | None = None,
        random_state: Seed = None,
        verbose: bool | str = "auto",
    ) -> None:
        self.estimator = estimator
        self.oversampler = oversampler
        self.blend = blend
        self.scoring = scoring
        self.cv = cv
        self.threshold = threshold
        self.calibrate = calibrate
        self.treatments = treatments
        self.shrink = shrink
        self.max_time = max_time
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        own = get_tags(choosing.classifier(self.estimator))
        tags.input_tags = own.input_tags
        if own.classifier_tags is not None:  # a regressor is refused by fit, not by a look at it
            tags.classifier_tags.multi_class = own.classifier_tags.multi_class
            tags.classifier_tags.poor_score = own.classifier_tags.poor_score
        return tags

    @isolated
    def fit(self, X: object, y: object, sample_weight: object = None, groups: object = None) -> AugmentedClassifier:
        """Judge the treatments, choose one, and train on all rows with it.

        Parameters
        ----------
        X : DataFrame, array or sparse matrix of shape (n_samples, n_features)
            Real rows, as the estimator takes them. Not changed.
        y : array-like of shape (n_samples,)
            Labels.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the rows in every training of the estimator, at least 0; a row of weight 0 is left out, also by
            the oversampler. A synthetic row weighs what a real one of its class does on average, times the weight of
            the blend. The oversampler and the scores see rows without weights.
        groups : array-like of shape (n_samples,), optional
            Group of each row, for the inner folds: rows of one group are never trained on and held out in one fold.
            ``set_fit_request(sample_weight=True, groups=True)`` has an outer cross-validation or Pipeline hand both on.

        Returns
        -------
        self

        Raises
        ------
        InvalidParameterError, InvalidDataError, InvalidTypeError
            Naming the parameter. Errors of the estimator come as they are.
        """
        estimator = choosing.classifier(self.estimator)
        choosing.refuse_other_kinds(estimator)
        oversamplers, names = samplers(self.oversampler, self.verbose)
        weighting, treatments = Weighting.of(estimator), checked_treatments(self.treatments, self.threshold, self.blend)
        blends, fixed = self._blends(weighting, treatments, len(oversamplers))
        X, labels = choosing.data(X, y)
        validate_data(self, X, skip_check_array=True)
        weights, cv = check_weights(sample_weight, X, weighting, estimator), self.cv
        groups = choosing.groups(groups, len(labels))
        if weights is not None and not weights.all():
            kept = np.flatnonzero(weights)
            cv = restrict_splits(cv, labels, kept)
            X, labels, weights = _safe_indexing(X, kept), labels[kept], weights[kept]
            groups = None if groups is None else groups[kept]
        seed = root_seed(self.random_state)
        plan = Plan(
            estimator=estimator,
            samplers=oversamplers,
            names=names,
            blends=blends,
            fixed=fixed,
            treatments=treatments,
            unmoved=not (isinstance(self.treatments, str) and isinstance(self.blend, str)),
            scoring=self.scoring,
            cv=cv,
            threshold=self.threshold,
            calibration=choosing.calibration(self.calibrate),
            seed=seed,
            n_jobs=self.n_jobs,
            max_time=types.seconds("max_time", self.max_time),
            shrink=_flag("shrink", self.shrink) and self.treatments is not None,
        )
        choice = choose(plan, X, labels, weights, groups)
        seed = child_seed(seed, "all")
        pools, used = {-1: Pool(X, labels, len(labels), np.zeros(0), weights)}, {}
        for i in dict.fromkeys(i for _, i in choice.treatment.fits if i >= 0):
            used[i] = clone_with_seeds(oversamplers[i], seed)
            pools[i] = pool_samples(used[i], X, labels, seed, weights)
        self.estimator_ = joined([fit_clone(estimator, pools[i], blend, seed) for blend, i in choice.treatment.fits])
        self.oversampler_ = next(iter(used.values()), None)  # an average has rows of one at most
        self.classes_ = np.unique(labels)
        self.blend_, self.n_splits_ = choice.treatment.blend, choice.n_splits
        self.evidence_, self.verdict_ = choice.evidence, choice.verdict
        self._calibrator = choice.calibrator
        self.threshold_ = None if choice.calibrator is None else choice.calibrator.threshold
        return self

    @isolated
    def predict(self, X: object) -> npt.NDArray[Any]:
        """Labels of rows, by the tuned threshold or calibrated probabilities if there are any."""
        X = self._rows(X)
        if self._calibrator is None:
            return np.asarray(self.estimator_.predict(X))
        return self._calibrator(predict_all(self.estimator_, X)).labels

    @_can("predict_proba")
    @isolated
    def predict_proba(self, X: object) -> npt.NDArray[Any]:
        """Probabilities of the classes, in the order of ``classes_``; calibrated if it was asked for."""
        X = self._rows(X)
        if self._calibrator is None or not self._calibrator.maps:
            return np.asarray(self.estimator_.predict_proba(X))
        found = self._calibrator(predict_all(self.estimator_, X)).probabilities
        return np.asarray(found)

    @_can("decision_function")
    @isolated
    def decision_function(self, X: object) -> npt.NDArray[Any]:
        """Decisions of the fitted estimator: neither calibrated nor moved by the threshold."""
        return np.asarray(self.estimator_.decision_function(self._rows(X)))

    def _blends(self, weighting: Weighting, treatments: frozenset[str], n_samplers: int) -> tuple[list[Blend], bool]:
        """Blends to judge, none first, and whether the last is an order."""
        speaks = hasattr(choosing.classifier(self.estimator), "predict_proba")
        blends, fixed = candidates(
            self.blend,
            weighting.rows is not None,
            weighting.balances,
            few="average" in treatments,
            speaks=speaks,
        )
        if fixed:
            if n_samplers > 1:
                raise InvalidParameterError(
                    f"blend={self.blend!r} is an order, and oversampler holds {n_samplers} samplers to compare; give "
                    f"one of them, or blend=[{self.blend!r}]"
                )
            return blends, True
        if self.treatments not in (None, "auto") and "class_weight" in treatments and weighting.balances:
            blends.insert(1, Blend(0.0, 1.0, "balanced"))
        if self.treatments not in (None, "auto") and "undersampling" in treatments and speaks:
            blends.insert(1, UNDERSAMPLED)
        return [one for one in dict.fromkeys(blends) if one.treatment in {"", *treatments}], False

    def _rows(self, X: object) -> object:
        check_is_fitted(self, "estimator_")
        if len(getattr(X, "shape", (0, 0))) == 1:
            raise InvalidDataError(
                "X has 1 dimension. Reshape your data: X.reshape(1, -1) is a single row, X.reshape(-1, 1) a column"
            )
        return validate_data(self, X, reset=False, skip_check_array=True)
