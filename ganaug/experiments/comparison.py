"""The results of `compare`, and what can be said of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from ganaug.exceptions import InvalidParameterError
from ganaug.experiments import statistics
from ganaug.experiments.scores import METRICS

__all__ = ["Comparison"]

SECONDS = ("seconds_resample", "seconds_fit")
UNITS = {"cell": ["dataset", "classifier"], "dataset": ["dataset"]}


class Comparison:
    """Results of `compare`, with ranks, tests and pictures.

    Statistics are over cells: the mean over folds and repeats, of one data set
    and one classifier. A cell in which a fold failed has no value; it ranks
    last, and is left out of differences (``summary`` counts failed rows). The
    classifiers' figures on one set are not independent, so p-values over cells
    are optimistic; ``unit="dataset"`` takes the mean over classifiers first, and
    is the stricter test.

    Parameters
    ----------
    results : DataFrame or list of dict
        As `compare` makes them.
    metrics : sequence of str, optional
        Columns to judge by; by default those that are there.

    Attributes
    ----------
    results : DataFrame
        A row for each data set, oversampler, classifier, ``train_on``, repeat
        and fold: the metrics, ``seconds_resample`` and ``seconds_fit`` (wall
        clock), ``rows_train``, ``error`` (empty if all went well) and ``note``
        (warnings; "not applicable" where a classifier takes no class weights).
    metrics : tuple of str
        Columns to judge by.

    Examples
    --------
    >>> from ganaug.experiments import Comparison
    >>> found = Comparison(
    ...     [
    ...         {"dataset": d, "oversampler": o, "classifier": "lr", "roc_auc": value}
    ...         for d in "abc"
    ...         for o, value in (("none", 0.8), ("SMOTE", 0.9))
    ...     ]
    ... )
    >>> found.ranks("roc_auc").mean().to_dict()
    {'none': 2.0, 'SMOTE': 1.0}
    >>> round(float(found.wilcoxon("roc_auc")["difference"].iloc[0]), 3)
    0.1
    """

    def __init__(self, results: Any, metrics: Sequence[str] | None = None) -> None:
        self.results = pd.DataFrame(results)
        present = [name for name in METRICS if name in self.results.columns]
        self.metrics = tuple(present if metrics is None else metrics)

    def __repr__(self) -> str:
        if self.results.empty:
            return "Comparison(no results)"
        counts = {c: self.results[c].nunique() for c in ("dataset", "oversampler", "classifier")}
        shown = ", ".join(f"{n} {name}s" for name, n in counts.items())
        return f"Comparison({shown}; {len(self.results)} rows, {len(self.failures)} failed)"

    # ---- parts -------------------------------------------------------------------------------

    def select(self, **columns: Any) -> Comparison:
        """The part of the results in which each column named has the value given, or one of those in a list.

        Examples
        --------
        >>> from ganaug.experiments import Comparison
        >>> Comparison([{"dataset": "a"}, {"dataset": "b"}]).select(dataset=["b", "c"]).results["dataset"].tolist()
        ['b']
        """
        part = self.results
        for name, value in columns.items():
            if name not in part:
                raise InvalidParameterError(f"there is no column {name!r}; choose from {', '.join(part.columns)}")
            part = part[part[name].isin([value] if isinstance(value, str) or not hasattr(value, "__len__") else value)]
        return Comparison(part.reset_index(drop=True), self.metrics)

    @property
    def failures(self) -> pd.DataFrame:
        """The rows that have an error."""
        if "error" not in self.results:
            return self.results.iloc[:0]
        return self.results[self.results["error"].astype(str) != ""]

    def values(self, metric: str, unit: str = "cell") -> pd.DataFrame:
        """Mean over folds and repeats: a row for each cell, or data set, a column for each oversampler.

        Cells in which the metric is not defined for any oversampler are left out.
        """
        if unit not in UNITS:
            raise InvalidParameterError(f"unit={unit!r} must be one of {', '.join(UNITS)}")
        results = self._of_one_kind()
        if metric not in results or metric not in (*METRICS, *SECONDS):
            raise InvalidParameterError(f"there is no metric {metric!r}; choose from {', '.join(self.metrics)}")
        keys = ["dataset", "classifier", "oversampler"]
        folds = results.groupby(keys, sort=False)[metric]
        table = folds.mean().where(folds.count() == folds.size()).unstack("oversampler")
        table = table[list(dict.fromkeys(results["oversampler"]))].dropna(how="all")
        order = pd.MultiIndex.from_frame(results[keys[:2]].drop_duplicates())
        table = table.reindex(order[order.isin(table.index)])
        if unit == "dataset":
            known = table.notna().groupby("dataset", sort=False).all()
            table = table.groupby("dataset", sort=False).mean().where(known)
        return table

    def _of_one_kind(self) -> pd.DataFrame:
        kinds = list(self.results["train_on"].unique()) if "train_on" in self.results else ["both"]
        if len(kinds) > 1:
            raise InvalidParameterError(f"the results are of train_on={kinds}; take one: .select(train_on=...)")
        return self.results

    # ---- figures -----------------------------------------------------------------------------

    def ranks(self, metric: str, unit: str = "cell") -> pd.DataFrame:
        """Rank of each oversampler (column) in each cell (row); 1 is best, equals share the mean."""
        return statistics.ranked(self.values(metric, unit), _higher(metric))

    def summary(self, unit: str = "cell") -> pd.DataFrame:
        """For each oversampler: mean and mean rank of each metric, mean seconds, failed rows."""
        parts: dict[tuple[str, str], Any] = {}
        for metric in self.metrics:
            values = self.values(metric, unit)
            if len(values):
                parts[metric, "mean"] = values.mean()
                parts[metric, "rank"] = statistics.ranked(values, _higher(metric)).mean()
        results = self._of_one_kind()
        for name in SECONDS:
            if name in results:
                parts["seconds", name.removeprefix("seconds_")] = results.groupby("oversampler")[name].mean()
        names = list(dict.fromkeys(results["oversampler"]))
        failed = self.failures["oversampler"].value_counts().reindex(names, fill_value=0)
        return pd.DataFrame(parts | {("failed", "rows"): failed}).reindex(names)

    def friedman(self, metric: str, unit: str = "cell") -> dict[str, float]:
        """Friedman's test, and Iman and Davenport's, of whether the oversamplers differ at all.

        See `ganaug.experiments.statistics.friedman`.
        """
        return statistics.friedman(self.ranks(metric, unit))

    def nemenyi(self, metric: str, alpha: float = 0.05, unit: str = "cell") -> dict[str, Any]:
        """Nemenyi's critical difference of mean ranks, the mean ranks, and p-values of all pairs.

        See `ganaug.experiments.statistics.nemenyi`.
        """
        return statistics.nemenyi(self.ranks(metric, unit), alpha)

    def wilcoxon(self, metric: str, baseline: str = "none", unit: str = "cell") -> pd.DataFrame:
        """Every oversampler against one: mean difference, wins, ties, losses, p, and p after Holm's correction.

        See `ganaug.experiments.statistics.wilcoxon`.
        """
        return statistics.wilcoxon(self._with(metric, baseline, unit), baseline, _higher(metric))

    def by_classifier(self, metric: str, baseline: str = "none") -> pd.DataFrame:
        """Mean over the data sets of each oversampler (column) minus the baseline, under each classifier (row)."""
        return self._differences(metric, baseline).groupby("classifier", sort=False).mean()

    def by_dataset(self, metric: str, baseline: str = "none") -> pd.DataFrame:
        """Mean over the classifiers of each oversampler (column) minus the baseline, on each data set (row)."""
        return self._differences(metric, baseline).groupby("dataset", sort=False).mean()

    def _differences(self, metric: str, baseline: str) -> pd.DataFrame:
        values = self._with(metric, baseline, "cell")
        return values.drop(columns=baseline).sub(values[baseline], axis=0)

    def _with(self, metric: str, baseline: str, unit: str) -> pd.DataFrame:
        values = self.values(metric, unit)
        if baseline not in values:
            raise InvalidParameterError(f"there is no oversampler {baseline!r}; choose from {_listed(values)}")
        return values

    # ---- pictures ----------------------------------------------------------------------------

    def plot_critical_difference(self, metric: str, *, alpha: float = 0.05, unit: str = "cell", ax: Any = None) -> Any:
        """Mean ranks on a line, and a bar over those that do not differ at level alpha. Returns the axes."""
        from ganaug.experiments import plots

        return plots.critical_difference(self.nemenyi(metric, alpha, unit), metric, ax)

    def plot_differences(self, metric: str, oversampler: str, *, baseline: str = "none", ax: Any = None) -> Any:
        """A heat map of an oversampler minus the baseline: data sets by classifiers. Returns the axes."""
        from ganaug.experiments import plots

        differences = self._differences(metric, baseline)
        if oversampler not in differences:
            raise InvalidParameterError(f"oversampler={oversampler!r} must be one of {_listed(differences)}")
        table = differences[oversampler].unstack("classifier")
        table = table.reindex(columns=list(dict.fromkeys(differences.index.get_level_values("classifier"))))
        return plots.heat_map(table, f"{metric}: {oversampler} minus {baseline}", _higher(metric), ax)

    def plot_cost(self, metric: str, *, ax: Any = None) -> Any:
        """Mean of the metric against mean seconds of resampling and fitting. Returns the axes."""
        from ganaug.experiments import plots

        results = self._of_one_kind()
        seconds = results.groupby("oversampler", sort=False)[list(SECONDS)].mean().sum(axis=1)
        return plots.score_against_cost(self.values(metric).mean(), seconds, metric, ax)


def _listed(table: pd.DataFrame) -> str:
    return ", ".join(map(str, table.columns))


def _higher(metric: str) -> bool:
    return METRICS[metric].higher_is_better if metric in METRICS else False
