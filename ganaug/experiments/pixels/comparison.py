"""The results of `compare_images` and `compare_series`, and what can be said of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pandas as pd

from ganaug.exceptions import InvalidParameterError
from ganaug.experiments.markdown import to_markdown
from ganaug.experiments.pixels.scores import SCORES, half_width

__all__ = ["ImageComparison"]

SHOWN = [*SCORES, "rare_recall"]
LISTS = ["recalls", "labels", "counts"]
SYNTHETIC = "synthetic"


class ImageComparison:
    """Results of `compare_images` or `compare_series`.

    Intervals are Student's, of the mean over seeds, at 95 %; with three seeds they are 2.5 standard deviations
    wide on either side. Differences are taken seed by seed, between classifiers of the same split and first weights.

    Parameters
    ----------
    rows : list of dict
        As the comparison makes them.
    samples : dict, optional
        (data set, seed, generator) to label to a few real and a few synthetic samples.
    kind : {"image", "series"}, default="image"

    Attributes
    ----------
    results : DataFrame
        A row for each data set, seed, classifier, generator and arm: "acsa", "macro_f1", "g_mean", "g_mean_ovr" (see
        `class_scores`), "rare_recall" (mean accuracy on the classes with at most a tenth of the largest one's training
        samples), seconds, "n_real", "n_synthetic", "steps", "error" (empty if all went well), "note", and "kind":
        "baseline", "blend" or "synthetic" (no real samples at all).
    per_class : DataFrame
        A row for each of these and each class: "label", "count" (its real training samples), "accuracy".
    quality : DataFrame
        A row for each data set, seed, generator, metric and class (empty: all); see `generator_quality`.
    samples : dict
    kind : str

    Examples
    --------
    >>> from ganaug.experiments import ImageComparison
    >>> rows = [
    ...     {"dataset": "d", "seed": s, "arm": a, "kind": k, "acsa": value + s / 100}
    ...     for s in range(3)
    ...     for a, k, value in (("nothing", "baseline", 0.7), ("blend 1", "blend", 0.8))
    ... ]
    >>> found = ImageComparison(rows)
    >>> found.best("acsa")["verdict"].tolist()
    ['better']
    """

    def __init__(
        self, rows: Sequence[dict[str, Any]], samples: dict[Any, Any] | None = None, kind: str = "image"
    ) -> None:
        base = {"classifier": "cnn", "generator": "", "error": "", "note": "", "kind": "baseline"}
        mine = [base | row for row in rows if row.get("table", "results") == "results"]
        self.results = pd.DataFrame([{k: v for k, v in row.items() if k not in ("table", *LISTS)} for row in mine])
        keys = ("dataset", "seed", "classifier", "generator", "arm", "kind")
        each = [
            {key: row.get(key) for key in keys} | {"label": label, "count": count, "accuracy": value}
            for row in mine
            for label, count, value in zip(
                *(row.get(name, []) for name in ("labels", "counts", "recalls")), strict=True
            )
        ]
        self.per_class = pd.DataFrame(each, columns=[*keys, "label", "count", "accuracy"])
        others = [row for row in rows if row.get("table") == "quality"]
        self.quality = pd.DataFrame([{k: v for k, v in row.items() if k != "table"} for row in others])
        self.samples, self.kind = dict(samples or {}), kind

    def __repr__(self) -> str:
        if self.results.empty:
            return "ImageComparison(no results)"
        counts = ", ".join(f"{self.results[name].nunique()} {name}s" for name in ("dataset", "arm", "seed"))
        return f"ImageComparison({counts}; {len(self.results)} rows, {len(self.failures)} failed)"

    @property
    def failures(self) -> pd.DataFrame:
        """The rows that have an error."""
        return self.results[self.results["error"].astype(str) != ""] if len(self.results) else self.results

    def select(self, **columns: Any) -> ImageComparison:
        """The part in which each column named has the value given, or one of those in a list."""
        part = object.__new__(ImageComparison)
        part.kind, part.samples = self.kind, self.samples
        for table in ("results", "per_class", "quality"):
            frame = getattr(self, table)
            for name, value in columns.items():
                if table == "results" and name not in frame:
                    raise InvalidParameterError(f"there is no column {name!r}; choose from {', '.join(frame.columns)}")
                values = [value] if isinstance(value, str) or not hasattr(value, "__len__") else value
                frame = frame[frame[name].isin(values)] if name in frame else frame
            setattr(part, table, frame.reset_index(drop=True))
        return part

    # ---- figures -----------------------------------------------------------------------------

    def values(self, metric: str = "acsa") -> pd.DataFrame:
        """A row for each data set, classifier and seed, a column for each arm (and generator, if there are several)."""
        if metric not in self.results:
            raise InvalidParameterError(f"there is no metric {metric!r}; choose from {', '.join(self.metrics)}")
        named = self.results.assign(arm=self._names())
        table = named.pivot(index=["dataset", "classifier", "seed"], columns="arm", values=metric)
        order = pd.MultiIndex.from_frame(named[["dataset", "classifier", "seed"]].drop_duplicates())
        return table.reindex(order)[list(dict.fromkeys(named["arm"]))]

    @property
    def metrics(self) -> list[str]:
        """The scores that are there."""
        return [name for name in SHOWN if name in self.results]

    def _names(self) -> pd.Series[Any]:
        generators = set(self.results["generator"]) - {""}
        if len(generators) < 2:
            return self.results["arm"]
        several = self.results["arm"] + " (" + self.results["generator"] + ")"
        return self.results["arm"].where(self.results["generator"] == "", several)

    def summary(self, metric: str | None = None) -> pd.DataFrame:
        """For each data set, classifier and arm: mean over the seeds, half its interval, and how many seeds.

        Parameters
        ----------
        metric : str, optional
            One of `metrics`; None gives all, under columns (metric, "mean"), (metric, "interval"), (metric, "seeds").
        """
        if metric is None:
            return pd.concat({name: self.summary(name) for name in self.metrics}, axis=1)
        long = self.values(metric).stack(future_stack=True)
        groups = long.groupby(level=["dataset", "classifier", "arm"], sort=False)
        there = (
            self.results.assign(arm=self._names()).groupby(["dataset", "classifier", "arm"], sort=False).size().index
        )
        table = groups.agg(
            mean="mean", interval=lambda values: half_width(values.dropna()), seeds=lambda values: values.notna().sum()
        )
        return cast(pd.DataFrame, table).reindex(there)

    def against(self, baseline: str, metric: str = "acsa") -> pd.DataFrame:
        """Each arm minus one, seed by seed: mean difference, half its interval, seeds in which it is higher."""
        values = self.values(metric)
        if baseline not in values:
            raise InvalidParameterError(f"there is no arm {baseline!r}; choose from {', '.join(values.columns)}")
        rows = {}
        for (dataset, classifier), part in values.groupby(level=["dataset", "classifier"], sort=False):
            for arm in part.columns.drop(baseline):
                d = (part[arm] - part[baseline]).dropna()
                if len(d):
                    row = {"difference": d.mean(), "interval": half_width(d), "higher": int((d > 0).sum())}
                    rows[dataset, classifier, arm] = row | {"seeds": len(d)}
        index = pd.MultiIndex.from_tuples(rows, names=["dataset", "classifier", "arm"])
        return pd.DataFrame(list(rows.values()), index=index)

    def best(self, metric: str = "acsa") -> pd.DataFrame:
        """For each data set and classifier, the best blend beside the best arm without a generator.

        Which is best is known only from the test samples, for both alike. "verdict" is "better" or "worse" where the
        difference exceeds its interval, "not told apart" where it does not, "one seed" where there is no interval.
        """
        kinds = dict(zip(self._names(), self.results["kind"], strict=True))
        rows = {}
        for key, part in self.values(metric).groupby(level=["dataset", "classifier"], sort=False):
            means = part.mean().dropna()
            blends, others = (means[[a for a in means.index if kinds[a] == kind]] for kind in ("blend", "baseline"))
            if not len(blends) or not len(others):
                continue
            blend, other = str(blends.idxmax()), str(others.idxmax())
            d = (part[blend] - part[other]).dropna()
            width = half_width(d)
            row: dict[str, Any] = {
                "blend": blend,
                "blend_mean": means[blend],
                "other": other,
                "other_mean": means[other],
            }
            rows[key] = row | {"difference": d.mean(), "interval": width, "verdict": _verdict(float(d.mean()), width)}
        index = pd.MultiIndex.from_tuples(rows, names=["dataset", "classifier"])
        return pd.DataFrame(list(rows.values()), index=index)

    def synthetic_accuracy(self, reference: str, metric: str = "acsa") -> pd.DataFrame:
        """Classification accuracy score: arms on synthetic samples alone, beside one on real samples.

        Parameters
        ----------
        reference : str
            An arm on real samples.
        metric : str, default="acsa"

        Returns
        -------
        DataFrame
            "synthetic", "real" and "ratio", for each data set, classifier and arm of kind "synthetic".
        """
        means = self.summary(metric)["mean"]
        kinds = dict(zip(self._names(), self.results["kind"], strict=True))
        rows = {}
        for key, value in means.items():
            dataset, classifier, arm = cast(tuple[str, str, str], key)
            if kinds[arm] == SYNTHETIC and (dataset, classifier, reference) in means.index:
                real = means[dataset, classifier, reference]
                rows[dataset, classifier, arm] = {"synthetic": value, "real": real, "ratio": value / real}
        index = pd.MultiIndex.from_tuples(rows, names=["dataset", "classifier", "arm"])
        return pd.DataFrame(list(rows.values()), index=index, columns=["synthetic", "real", "ratio"])

    def by_class(self, dataset: str, classifier: str = "cnn") -> pd.DataFrame:
        """Mean accuracy on each class: a row for each arm, a column for each class with its training samples."""
        part = self.per_class[(self.per_class["dataset"] == dataset) & (self.per_class["classifier"] == classifier)]
        if part.empty:
            raise InvalidParameterError(f"there is nothing of dataset={dataset!r}, classifier={classifier!r}")
        named = part.assign(label=part["label"] + " (" + part["count"].astype(str) + ")")
        table = named.pivot_table(index="arm", columns="label", values="accuracy", sort=False)
        return table.reindex(list(dict.fromkeys(named["arm"])))[list(dict.fromkeys(named["label"]))]

    def to_markdown(self, dataset: str, classifier: str = "cnn", digits: int = 3) -> str:
        """One data set's arms with all scores, mean and half its interval; the best mean of each in bold."""
        part = self.select(dataset=dataset, classifier=classifier)
        if part.results.empty:
            raise InvalidParameterError(f"there is nothing of dataset={dataset!r}, classifier={classifier!r}")
        columns = {}
        for metric in part.metrics:
            table = part.summary(metric)
            texts = [_text(m, w, digits) for m, w in zip(table["mean"], table["interval"], strict=True)]
            best = table["mean"].max()
            columns[metric] = [f"**{t}**" if m == best else t for t, m in zip(texts, table["mean"], strict=True)]
        arms = pd.Index([arm for _, _, arm in table.index], name="arm")
        return to_markdown(pd.DataFrame(columns, index=arms))

    # ---- pictures ----------------------------------------------------------------------------

    def plot(self, dataset: str, metric: str = "acsa", *, classifier: str = "cnn", ax: Any = None) -> Any:
        """A point for each arm, with its interval. Returns the axes."""
        from ganaug.experiments import plots

        table = self.select(dataset=dataset, classifier=classifier).summary(metric).droplevel(["dataset", "classifier"])
        kinds = dict(zip(self._names(), self.results["kind"], strict=True))
        return plots.arm_intervals(table, [kinds[arm] for arm in table.index], f"{dataset}: {metric}", ax)

    def plot_samples(
        self, dataset: str, generator: str | None = None, seed: int | None = None, *, ax: Any = None
    ) -> Any:
        """A row of real and a row of synthetic samples of each class. Returns the axes."""
        from ganaug.experiments import plots

        for (name, number, maker), classes in self.samples.items():
            if name == dataset and generator in (None, maker) and seed in (None, number):
                return plots.sample_page(classes, f"{dataset}: {maker}", self.kind, ax)
        raise InvalidParameterError(
            f"there are no samples of dataset={dataset!r}, generator={generator!r}, seed={seed!r}"
        )


def _verdict(difference: float, width: float) -> str:
    if np.isnan(width):
        return "one seed"
    if abs(difference) <= width:
        return "not told apart"
    return "better" if difference > 0 else "worse"


def _text(mean: float, width: float, digits: int) -> str:
    if np.isnan(mean):
        return "failed"
    return f"{mean:.{digits}f}" + ("" if np.isnan(width) else f" ± {width:.{digits}f}")
