"""What is compared on tables: classifiers, and treatments of imbalance by neighbours, weights and thresholds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from imblearn.over_sampling import ADASYN, SMOTE, SMOTEN, SMOTENC, BorderlineSMOTE, RandomOverSampler
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import make_scorer
from sklearn.model_selection import StratifiedKFold, TunedThresholdClassifierCV
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import has_fit_parameter

from ganaug.exceptions import InvalidDataError, InvalidParameterError, InvalidTypeError, MissingDependencyError
from ganaug.utils.determinism import Seed, child_seed, numpy_generator, root_seed

__all__ = [
    "METHODS",
    "TREATMENTS",
    "Floats",
    "NeighborSampler",
    "Table",
    "Treatment",
    "as_frame",
    "as_numbers",
    "as_texts",
    "as_treatment",
    "default_classifiers",
    "default_oversamplers",
    "gaussian_rows",
    "geometric_rows",
    "mesh_rows",
    "numeric_columns",
    "preprocessing",
    "proximity_rows",
    "rows_of",
    "stacked_rows",
]

# --------------------------------------------------------------------------------------
# Classifiers for tables, and how numeric and categorical columns are prepared for them.


Floats = npt.NDArray[np.float64]
Table = pd.DataFrame | npt.NDArray[Any]
Dtype = np.dtype[Any] | pd.api.extensions.ExtensionDtype

MAX_LEVELS = 50  # one-hot columns of one category column; the rarest levels share the last
MISSING = "<missing>"


def default_classifiers(*, boosters: bool = False) -> dict[str, Any]:
    """The classifiers of `compare` unless others are given: name to classifier, with their packages' defaults.

    Parameters
    ----------
    boosters : bool, default=False
        Whether LightGBM, XGBoost and CatBoost join scikit-learn's six, each on one thread.

    Returns
    -------
    dict

    Raises
    ------
    MissingDependencyError
        If one of the three is asked for and not installed; the extra "boosters" brings them.

    Examples
    --------
    >>> from ganaug.experiments import default_classifiers
    >>> len(default_classifiers())
    6
    """
    return {
        "logistic regression": LogisticRegression(max_iter=1000),
        "kNN": KNeighborsClassifier(),
        "decision tree": DecisionTreeClassifier(),
        "random forest": RandomForestClassifier(),
        "HistGradientBoosting": HistGradientBoostingClassifier(),
        "MLP": MLPClassifier(),
        **(_boosters() if boosters else {}),
    }


def _boosters() -> dict[str, Any]:
    try:
        from catboost import CatBoostClassifier
        from lightgbm import LGBMClassifier
        from xgboost import XGBClassifier
    except ImportError as error:
        raise MissingDependencyError(
            f'boosters=True needs {error.name}, which is not installed; pip install "ganaug[boosters]"'
        ) from error
    return {
        "LightGBM": LGBMClassifier(n_jobs=1, verbose=-1),
        "XGBoost": XGBClassifier(n_jobs=1),
        "CatBoost": CatBoostClassifier(thread_count=1, verbose=False, allow_writing_files=False),
    }


def preprocessing(frame: pd.DataFrame) -> ColumnTransformer:
    """Impute, scale and one-hot encode: median and standard score of numbers, indicators of categories.

    A missing category is a category of its own, as is any that was not seen in training (all zeros).
    """
    numeric = numeric_columns(frame)
    numbers = make_pipeline(
        FunctionTransformer(as_numbers),
        SimpleImputer(strategy="median", keep_empty_features=True),
        StandardScaler(),
    )
    categories = make_pipeline(
        FunctionTransformer(as_texts),
        OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=MAX_LEVELS, sparse_output=False),
    )
    parts = [
        ("numbers", numbers, np.flatnonzero(numeric).tolist()),
        ("categories", categories, np.flatnonzero(~numeric).tolist()),
    ]
    return ColumnTransformer(parts, sparse_threshold=0.0).set_output(transform="default")


# ---- Tables ----------------------------------------------------------------------------------------


def as_frame(X: object, columns: pd.Index[Any] | None = None) -> pd.DataFrame:
    """A table as a DataFrame; the columns of an array get the names given, or numbers."""
    if isinstance(X, pd.DataFrame):
        return X
    if not isinstance(X, np.ndarray) or X.ndim != 2:
        raise InvalidTypeError(f"X is a {type(X).__name__}; give a DataFrame or a two-dimensional array")
    frame = pd.DataFrame(X, columns=columns)
    return frame.infer_objects() if X.dtype == object else frame


def rows_of(X: Table, rows: npt.NDArray[np.intp]) -> Table:
    """Some rows of a DataFrame or array, by position."""
    return X.iloc[rows].reset_index(drop=True) if isinstance(X, pd.DataFrame) else X[rows]


def stacked_rows(first: Table, second: Table) -> Table:
    """One table under the other, in the container of the first."""
    if isinstance(first, pd.DataFrame):
        return pd.concat([first, as_frame(second, first.columns)], ignore_index=True)
    return np.concatenate([first, np.asarray(second, dtype=first.dtype)])


def numeric_columns(frame: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Which columns are numbers or dates; booleans, texts and categories are not."""
    return np.array([_is_date(dtype) or _is_number(dtype) for dtype in frame.dtypes], dtype=bool)


def _is_number(dtype: Dtype) -> bool:
    return bool(pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype))


def _is_date(dtype: Dtype) -> bool:
    return bool(pd.api.types.is_datetime64_any_dtype(dtype) or pd.api.types.is_timedelta64_dtype(dtype))


def as_numbers(frame: pd.DataFrame) -> Floats:
    """Numbers as float64, dates as their integers; missing values are NaN."""
    columns = []
    for position in range(frame.shape[1]):
        column = frame.iloc[:, position]
        if _is_date(column.dtype):
            columns.append(column.astype("int64").to_numpy(float, copy=True))
            columns[-1][column.isna().to_numpy()] = np.nan
        else:
            columns.append(column.to_numpy(dtype=float, na_value=np.nan))
    return np.column_stack(columns) if columns else np.zeros((len(frame), 0))


def as_texts(frame: pd.DataFrame) -> npt.NDArray[np.object_]:
    """Categories as texts; a missing one is a category of its own."""
    texts = np.empty(frame.shape, dtype=object)
    for position in range(frame.shape[1]):
        column = frame.iloc[:, position]
        values = column.astype(object).map(str, na_action="ignore").to_numpy(dtype=object)
        texts[:, position] = np.where(column.isna().to_numpy(), MISSING, values)
    return texts


# --------------------------------------------------------------------------------------
# SMOTE and its kin for any table: mixed columns, missing values, tiny classes.


def geometric_rows(few: Floats, rest: Floats, n: int, k: int, rng: np.random.Generator) -> Floats:
    """G-SMOTE: rows in the half of a ball around a row of the class that faces a neighbour. (m, d), (r, d) -> (n, d).

    The neighbour is one of the k nearest of the class or the nearest row of the rest, whichever is nearer; its
    distance is the radius.
    """
    own = NearestNeighbors(n_neighbors=k + 1).fit(few).kneighbors(few, return_distance=False)
    centres = rng.integers(len(few), size=n)
    start, target = few[centres], few[own[centres, rng.integers(1, k + 1, size=n)]]
    if len(rest):
        foreign = rest[NearestNeighbors(n_neighbors=1).fit(rest).kneighbors(few, return_distance=False)[centres, 0]]
        nearer = ((foreign - start) ** 2).sum(axis=1) < ((target - start) ** 2).sum(axis=1)
        target = np.where(nearer[:, None], foreign, target)
    radius = np.linalg.norm(target - start, axis=1, keepdims=True)
    towards = np.divide(target - start, radius, out=np.zeros_like(start), where=radius > 0)
    step = rng.normal(size=start.shape)
    step *= rng.random((n, 1)) ** (1 / start.shape[1]) / np.linalg.norm(step, axis=1, keepdims=True)
    along = (step * towards).sum(axis=1, keepdims=True)
    step -= 2 * np.minimum(along, 0.0) * towards  # mirrored into the half that faces the neighbour
    found: Floats = start + radius * step
    return found


def gaussian_rows(few: Floats, rest: Floats, n: int, k: int, rng: np.random.Generator) -> Floats:
    """Multivariate Gaussian SMOTE: N(mean, covariance) of a row of the class and its d + 1 nearest. -> (n, d).

    mean + sum_i e_i (x_i - mean) / sqrt(rows) with e_i ~ N(0, 1) has that distribution, whatever the rank.
    """
    k = min(few.shape[1] + 1, len(few) - 1)
    near = NearestNeighbors(n_neighbors=k + 1).fit(few).kneighbors(few, return_distance=False)
    centres = rng.integers(len(few), size=n)
    means = few[near].mean(axis=1)
    weights = rng.normal(size=(n, k + 1)) / np.sqrt(k + 1)
    return np.stack([means[i] + w @ (few[near[i]] - means[i]) for i, w in zip(centres, weights, strict=True)])


def proximity_rows(few: Floats, rest: Floats, n: int, k: int, rng: np.random.Generator) -> Floats:
    """ProWSyn: rows between two of the class that are about as near to the rest; more of them where that is nearer.

    Level 1 are the k nearest of the class of each row of the rest, level 2 those of what is left, and so on, the fifth
    all others; level l has exp(1 - l) of the weight of the first. Partners come from the same level, which stands for
    the clusters of the paper.
    """
    left = np.arange(len(few))
    levels: list[npt.NDArray[np.intp]] = []
    while len(left) and len(rest) and len(levels) < LEVELS - 1:
        near = NearestNeighbors(n_neighbors=min(k, len(left))).fit(few[left]).kneighbors(rest, return_distance=False)
        levels.append(left[np.unique(near)])
        left = np.setdiff1d(left, levels[-1])
    levels += [left] if len(left) else []
    weights = np.exp(-np.arange(len(levels), dtype=float))
    first, second = np.zeros(n, np.intp), np.zeros(n, np.intp)
    chosen = rng.choice(len(levels), size=n, p=weights / weights.sum())
    for place, level in enumerate(levels):
        rows = np.flatnonzero(chosen == place)
        first[rows] = rng.choice(level, size=len(rows))
        second[rows] = rng.choice(level, size=len(rows))
    found: Floats = few[first] + rng.random((n, 1)) * (few[second] - few[first])
    return found


def mesh_rows(few: Floats, rest: Floats, n: int, k: int, rng: np.random.Generator) -> Floats:
    """Polynomial fitting in the mesh topology: rows at equal steps on the lines between all pairs of the class.

    As many steps as are needed for n rows, of which n are drawn.
    """
    first, second = np.triu_indices(len(few), 1)
    steps = int(np.ceil(n / len(first)))
    places = rng.choice(len(first) * steps, size=n, replace=False)
    line, step = places % len(first), (places // len(first) + 1.0) / (steps + 1)
    found: Floats = few[first[line]] + step[:, None] * (few[second[line]] - few[first[line]])
    return found


LEVELS = 5  # of proximity, in ProWSyn
# Made here, on the one-hot encoded table: (rows of the class, the rest, rows wanted, neighbours, generator) -> rows
MAKERS: dict[str, Callable[[Floats, Floats, int, int, np.random.Generator], Floats]] = {
    "geometric": geometric_rows,
    "gaussian": gaussian_rows,
    "prowsyn": proximity_rows,
    "mesh": mesh_rows,
}
METHODS = ("smote", "borderline", "adasyn", *MAKERS)


class NeighborSampler(BaseEstimator):
    """SMOTE and its kin for any table: mixed columns, missing values, tiny classes.

    Numbers are imputed by their median and divided by their standard deviation before neighbours are sought, because
    plain SMOTE lets the column with the largest unit decide who is near. "smote" is SMOTE where all columns are
    numbers, SMOTENC where some are categories, and SMOTEN where all are. Of the others there is no version for
    categories: they work on the one-hot encoded table, and a new row gets the category whose indicator is largest.
    A class of fewer than ``k_neighbors + 1`` rows lowers the number of neighbours for itself; a class of a single row
    is repeated. Whole numbers stay within the range seen.

    Parameters
    ----------
    method : {"smote", "borderline", "adasyn", "geometric", "gaussian", "prowsyn", "mesh"}, default="smote"
        What makes the rows. The first three are imbalanced-learn's. The others are short versions of published
        methods: G-SMOTE with its defaults, multivariate Gaussian SMOTE (of the row and its d + 1 nearest, whatever
        ``k_neighbors``), ProWSyn without its clusters, and polynom-fit SMOTE in the mesh topology.
    sampling_strategy : float, str, dict or callable, default="auto"
        As in imbalanced-learn.
    k_neighbors : int, default=5
        At most so many neighbours.
    random_state : int, RandomState, Generator or None, default=None
        An integer makes the result repeat.

    References
    ----------
    N. Chawla et al., SMOTE, JAIR 16 (2002), with SMOTE-NC and SMOTE-N. H. Han et al.,
    Borderline-SMOTE, ICIC (2005). H. He et al., ADASYN, IJCNN (2008). G. Douzas, F. Bacao, Geometric SMOTE,
    Information Sciences 501 (2019). A. Sakho et al., on multivariate Gaussian SMOTE, arXiv:2402.03819 (2024).
    S. Barua et al., ProWSyn, PAKDD (2013). S. Gazzah, N. Amara, polynomial fitting, DAS (2008).

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from ganaug.experiments import NeighborSampler
    >>> X = pd.DataFrame({"a": np.arange(12.0), "b": pd.Categorical(list("xyxyxyxyxyxy"))})
    >>> y = np.repeat([0, 1], [9, 3])
    >>> X_res, y_res = NeighborSampler(random_state=0).fit_resample(X, y)
    >>> X_res.shape, bool(X_res.iloc[12:]["a"].between(9, 11).all())
    ((18, 2), True)
    """

    def __init__(
        self,
        method: str = "smote",
        *,
        sampling_strategy: object = "auto",
        k_neighbors: int = 5,
        random_state: Seed = None,
    ) -> None:
        self.method = method
        self.sampling_strategy = sampling_strategy
        self.k_neighbors = k_neighbors
        self.random_state = random_state

    def fit_resample(self, X: Any, y: object) -> tuple[Any, np.ndarray]:
        """Add rows until the classes have the sizes wanted; the original ones come first, untouched."""
        from ganaug.estimators.strategy import wanted_rows  # imports torch

        if self.method not in METHODS:
            raise InvalidParameterError(f"method={self.method!r} must be one of {', '.join(METHODS)}")
        k = self.k_neighbors
        if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
            raise InvalidParameterError(f"k_neighbors={k!r} must be a positive integer")
        y = np.asarray(y)
        table, seed = _Table(X), root_seed(self.random_state)
        wanted = wanted_rows(self.sampling_strategy, y)
        for position, (label, n) in enumerate(wanted.items()):
            if n > 0:
                new = self._rows(table, y[: table.n_rows], label, int(n), child_seed(seed, "class", position) % 2**31)
                X, y = stacked_rows(X, table.decode(new)), np.concatenate([y, np.full(len(new), label, y.dtype)])
        return X, y

    def _rows(self, table: _Table, y: np.ndarray, label: object, n: int, seed: int) -> np.ndarray:
        size = int((y == label).sum())
        encoded = table.codes if self.method == "smote" else table.onehot
        matrix = np.column_stack([table.numbers, encoded])
        if size == 1:
            return np.repeat(matrix[y == label], n, axis=0)
        k = min(self.k_neighbors, size - 1)
        if self.method in MAKERS:
            rng = numpy_generator(seed, "rows")
            return MAKERS[self.method](matrix[y == label], matrix[y != label], n, k, rng)
        common = {"sampling_strategy": {label: size + n}, "random_state": seed}
        if self.method == "borderline":
            maker = BorderlineSMOTE(k_neighbors=k, m_neighbors=min(10, len(y) - 1), **common)
        elif self.method == "adasyn":
            maker = ADASYN(n_neighbors=k, **common)
        elif not table.n_categories:
            maker = SMOTE(k_neighbors=k, **common)
        elif not table.n_numbers:
            maker = SMOTEN(k_neighbors=k, **common)
        else:
            maker = SMOTENC(list(range(table.n_numbers, matrix.shape[1])), k_neighbors=k, **common)
        try:
            made, labels = maker.fit_resample(matrix, y)
        except RuntimeError as error:  # of ADASYN, which shares new rows out by neighbours of other classes
            raise InvalidDataError(
                f"no row of class {np.asarray(label).item()!r} has a row of another class among its {k} nearest, so "
                f"that method={self.method!r} has nothing to go by; give method='smote'"
            ) from error
        if not (labels[len(y) :] == label).all():
            raise AssertionError("rows of another class were made")
        return np.asarray(made)[len(y) :]


class _Table:
    """A table as a matrix, and back: standardised numbers, then categories as codes or one-hot."""

    def __init__(self, X: object) -> None:
        frame = as_frame(X)
        is_number = numeric_columns(frame)
        self.n_rows, self.n_numbers, self.n_categories = len(frame), int(is_number.sum()), int((~is_number).sum())
        self.columns, self.dtypes, self.is_number = frame.columns, list(frame.dtypes), is_number
        numbers = as_numbers(frame.loc[:, is_number])
        observed = ~np.isnan(numbers)
        self.middle = np.array(
            [np.median(v[o]) if o.any() else 0.0 for v, o in zip(numbers.T, observed.T, strict=True)]
        )
        numbers = np.where(observed, numbers, self.middle)
        self.ranges = list(zip(numbers.min(axis=0), numbers.max(axis=0), strict=True))
        self.spread = numbers.std(axis=0)
        self.spread[self.spread == 0] = 1.0
        self.numbers = (numbers - self.middle) / self.spread
        categories = frame.loc[:, ~is_number]
        columns = [categories.iloc[:, i] for i in range(self.n_categories)]
        found = [pd.factorize(column, use_na_sentinel=False) for column in columns]
        self.levels = [levels for _, levels in found]
        self.codes = np.column_stack([c for c, _ in found]).astype(float) if found else np.zeros((self.n_rows, 0))
        widths = [np.eye(len(levels))[codes] for codes, levels in found]
        self.onehot = np.column_stack(widths) if widths else np.zeros((self.n_rows, 0))

    def decode(self, matrix: np.ndarray) -> pd.DataFrame:
        """New rows as a DataFrame with the columns and dtypes of the table."""
        numbers, ranges = iter((matrix[:, : self.n_numbers] * self.spread + self.middle).T), iter(self.ranges)
        codes = iter(self._codes(matrix[:, self.n_numbers :]).T)
        levels = iter(self.levels)
        series = []
        for is_number, dtype in zip(self.is_number, self.dtypes, strict=True):
            if not is_number:
                series.append(pd.Series(next(levels).take(next(codes)), dtype=dtype))
                continue
            values = pd.Series(next(numbers))
            whole = not pd.api.types.is_float_dtype(dtype)
            low, high = next(ranges)
            values = values.round().clip(low, high).astype("int64") if whole else values
            series.append(values.astype(dtype))
        frame = pd.concat(series, axis=1)
        frame.columns = self.columns
        return frame

    def _codes(self, encoded: np.ndarray) -> np.ndarray:
        if encoded.shape[1] == self.n_categories and self.n_categories != self.onehot.shape[1]:
            return encoded.round().astype(np.intp)
        ends = np.cumsum([len(levels) for levels in self.levels])
        blocks = np.split(encoded, ends[:-1], axis=1) if len(ends) else []
        picked = [block.argmax(axis=1) for block in blocks]
        return np.column_stack(picked) if picked else np.zeros((len(encoded), 0), np.intp)


# --------------------------------------------------------------------------------------
# Treatments of imbalance: new rows, class weights, moved thresholds, or a model of one's own.


Labels = npt.NDArray[Any]
# (classifier, X, y, seed) -> the fitted classifier, and "" or what could not be done
Fit = Callable[[BaseEstimator, Table, Labels, int], tuple[BaseEstimator, str]]

TUNING_FOLDS = 5


def plain(classifier: BaseEstimator, X: Table, y: Labels, seed: int) -> tuple[BaseEstimator, str]:
    """The classifier as it is."""
    classifier.fit(X, y)
    return classifier, ""


def class_weighted(classifier: BaseEstimator, X: Table, y: Labels, seed: int) -> tuple[BaseEstimator, str]:
    """Balanced class weights, by the parameter ``class_weight`` of the classifier or a step, else as sample weights.

    A classifier that takes neither is fitted without: that is all that class weights can do for it.
    """
    weights: dict[str, Floats] = {}
    note, last, prefix = "", classifier, ""
    while isinstance(last, Pipeline):
        name, last = last.steps[-1]
        prefix += f"{name}__"
    settable = [name for name in classifier.get_params(deep=True) if name.split("__")[-1] == "class_weight"]
    if settable:
        classifier.set_params(**dict.fromkeys(settable, "balanced"))
    elif has_fit_parameter(last, "sample_weight"):
        weights = {f"{prefix}sample_weight": compute_sample_weight("balanced", y)}
    else:
        note = f"not applicable: {type(last).__name__} takes no weights, and was fitted without"
    classifier.fit(X, y, **weights)
    return classifier, note


def at_prior(classifier: BaseEstimator, X: Table, y: Labels, seed: int) -> tuple[BaseEstimator, str]:
    """The threshold at the share of the training rows: the class with the largest P(class | x) / share is predicted.

    Of two classes, that is the positive one where its probability is at least its share.
    """
    classifier.fit(X, y)
    if not hasattr(classifier, "predict_proba"):
        return classifier, f"not applicable: {type(classifier).__name__} has no probabilities"
    return _AtShares(classifier, np.unique(y, return_counts=True)[1] / len(y)), ""


class _AtShares:
    def __init__(self, classifier: BaseEstimator, shares: Floats) -> None:
        self.classifier, self.shares, self.classes_ = classifier, shares, classifier.classes_

    def predict_proba(self, X: Table) -> Floats:
        found: Floats = self.classifier.predict_proba(X)
        return found

    def predict(self, X: Table) -> Labels:
        found: Labels = self.classes_[(self.predict_proba(X) / self.shares).argmax(axis=1)]
        return found


def _mean_recall(truth: Labels, predicted: Labels) -> float:
    """Scikit-learn's balanced accuracy without its checks, which take nearly all of the time of hundreds of calls."""
    return float(np.mean([np.mean(predicted[truth == label] == label) for label in np.unique(truth)]))


def tuned(classifier: BaseEstimator, X: Table, y: Labels, seed: int) -> tuple[BaseEstimator, str]:
    """The threshold with the best balanced accuracy in a cross-validation of the training rows, by scikit-learn."""
    sizes = np.unique(y, return_counts=True)[1]
    if len(sizes) != 2 or sizes.min() < 2:
        classifier.fit(X, y)
        return classifier, "not applicable: a threshold is tuned for two classes of at least two rows each"
    folds = StratifiedKFold(min(TUNING_FOLDS, int(sizes.min())), shuffle=True, random_state=seed % 2**31)
    return TunedThresholdClassifierCV(classifier, scoring=make_scorer(_mean_recall), cv=folds).fit(X, y), ""


@dataclass(frozen=True)
class Treatment:
    """What is done about imbalance: rows before a classifier is fitted, and how it is fitted and decides.

    Parameters
    ----------
    fit : callable, optional
        ``fit(classifier, X, y, seed)`` returns a fitted classifier, and an empty text or what could not be done. It
        gets a clone of the classifier, with seeds. It may fit another model instead: a balanced forest, say.
        By default the classifier is fitted as it is.
    sampler : object with ``fit_resample(X, y)``, optional
        Applied to the training rows first.
    decides : bool, default=False
        Whether the fitted classifier's ``predict`` gives the class, as where a threshold is moved. By default it is
        the most probable one.

    Examples
    --------
    >>> from imblearn.ensemble import BalancedRandomForestClassifier
    >>> from ganaug.experiments import Treatment
    >>> def balanced_forest(classifier, X, y, seed):
    ...     return BalancedRandomForestClassifier(random_state=seed % 2**31).fit(X, y), ""
    >>> treatments = {"none": None, "balanced forest": Treatment(balanced_forest)}
    """

    fit: Fit = plain
    sampler: object = None
    decides: bool = False


# What a name stands for among the oversamplers of `compare`. A new one is a line.
TREATMENTS: dict[str, Treatment] = {
    "class_weight": Treatment(class_weighted),
    "prior": Treatment(at_prior, decides=True),
    "tuned": Treatment(tuned, decides=True),
}


def as_treatment(name: str, given: object) -> Treatment:
    """A treatment, or what stands for one: its name, None, or a sampler."""
    if given is None or isinstance(given, Treatment):
        return given or Treatment()
    if isinstance(given, str) and given in TREATMENTS:
        return TREATMENTS[given]
    if isinstance(given, (type, str)) or not hasattr(given, "fit_resample"):
        raise InvalidTypeError(
            f"oversamplers[{name!r}]={given!r} must be an instance with fit_resample(X, y), a Treatment, None, "
            f"or one of {', '.join(map(repr, TREATMENTS))}"
        )
    return Treatment(sampler=given)


def default_oversamplers() -> dict[str, Any]:
    """What `compare` compares unless told otherwise: name to sampler.

    Examples
    --------
    >>> from ganaug.experiments import default_oversamplers
    >>> list(default_oversamplers())
    ['none', 'class weights', 'random', 'SMOTE', 'BorderlineSMOTE', 'ADASYN', 'GANOversampler']
    """
    from ganaug.oversampling import GANOversampler  # imports torch

    return {
        "none": None,
        "class weights": "class_weight",
        "random": RandomOverSampler(),
        "SMOTE": NeighborSampler("smote"),
        "BorderlineSMOTE": NeighborSampler("borderline"),
        "ADASYN": NeighborSampler("adasyn"),
        "GANOversampler": GANOversampler(verbose=False),
    }
