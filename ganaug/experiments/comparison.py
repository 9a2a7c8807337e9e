"""The results of comparisons: means, ranks, tests and intervals, and their pictures."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Self, cast

import numpy as np
import pandas as pd

from ganaug.exceptions import InvalidParameterError
from ganaug.experiments import scores
from ganaug.experiments.harness import Row
from ganaug.experiments.scores import METRICS, SCORES, half_width, higher_is_better, to_markdown
from ganaug.utils.axes import Axes, axes_or_new

__all__ = [
    "Comparison",
    "ImageComparison",
    "arm_intervals",
    "critical_difference",
    "heat_map",
    "sample_page",
    "score_against_cost",
]

# --------------------------------------------------------------------------------------
# The results of comparisons: means, ranks, tests and intervals, and their pictures.


SECONDS = ("seconds_resample", "seconds_fit")
UNITS = {"cell": ["dataset", "classifier"], "dataset": ["dataset"]}


class _Results:
    """Rows of trials as a table, of which parts are selected."""

    results: pd.DataFrame
    # what the repr counts, and all tables that `select` looks through
    _counted: ClassVar[tuple[str, ...]]
    _tables: ClassVar[tuple[str, ...]] = ("results",)

    def __repr__(self) -> str:
        name = type(self).__name__
        if self.results.empty:
            return f"{name}(no results)"
        counts = ", ".join(f"{self.results[column].nunique()} {column}s" for column in self._counted)
        return f"{name}({counts}; {len(self.results)} rows, {len(self.failures)} failed)"

    def select(self, **columns: object) -> Self:
        """The part of the results in which each column named has the value given, or one of those in a list.

        Examples
        --------
        >>> from ganaug.experiments import Comparison
        >>> Comparison([{"dataset": "a"}, {"dataset": "b"}]).select(dataset=["b", "c"]).results["dataset"].tolist()
        ['b']
        """
        part = copy.copy(self)
        for table in self._tables:
            frame = getattr(self, table)
            for name, value in columns.items():
                if table == "results":
                    _known("column", name, frame.columns)
                values = [value] if isinstance(value, str) or not hasattr(value, "__len__") else value
                frame = frame[frame[name].isin(values)] if name in frame else frame
            setattr(part, table, frame.reset_index(drop=True))
        return part

    @property
    def failures(self) -> pd.DataFrame:
        """The rows that have an error."""
        if "error" not in self.results:
            return self.results.iloc[:0]
        return self.results[self.results["error"].astype(str) != ""]


def _known(what: str, name: str, names: Iterable[object]) -> None:
    if name not in names:
        raise InvalidParameterError(f"there is no {what} {name!r}; choose from {', '.join(map(str, names))}")


def _by(names: list[str], rows: Mapping[tuple[Any, ...], Row], columns: list[str] | None = None) -> pd.DataFrame:
    """A table of rows under keys of several levels."""
    return pd.DataFrame(list(rows.values()), pd.MultiIndex.from_tuples(rows, names=names), columns)


# ---- Tables --------------------------------------------------------------------------------------


class Comparison(_Results):
    """Results of `compare`, with ranks, tests and pictures.

    Statistics are over cells: the mean over folds and repeats, of one data set and one classifier. A cell in which a
    fold failed has no value; it ranks last, and is left out of differences (``summary`` counts failed rows). The
    classifiers' figures on one set are not independent, so p-values over cells are optimistic; ``unit="dataset"``
    takes the mean over classifiers first, and is the stricter test.

    Parameters
    ----------
    results : DataFrame or list of dict
        As `compare` makes them.
    metrics : sequence of str, optional
        Columns to judge by; by default those that are there.

    Attributes
    ----------
    results : DataFrame
        A row for each data set, oversampler, classifier, ``train_on``, repeat and fold: the metrics,
        ``seconds_resample`` and ``seconds_fit`` (wall clock), ``rows_train``, ``error`` (empty if all went well) and
        ``note`` (warnings; "not applicable" where a treatment does nothing for a classifier).
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

    _counted = ("dataset", "oversampler", "classifier")

    def __init__(self, results: pd.DataFrame | list[dict[str, Any]], metrics: Sequence[str] | None = None) -> None:
        self.results = pd.DataFrame(results)
        present = [name for name in METRICS if name in self.results.columns]
        self.metrics = tuple(present if metrics is None else metrics)

    def values(self, metric: str, unit: str = "cell") -> pd.DataFrame:
        """Mean over folds and repeats: a row for each cell, or data set, a column for each oversampler.

        Cells in which the metric is not defined for any oversampler are left out.
        """
        if unit not in UNITS:
            raise InvalidParameterError(f"unit={unit!r} must be one of {', '.join(UNITS)}")
        results = self._of_one_kind()
        _known("metric", metric, [name for name in (*METRICS, *SECONDS) if name in results])
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
        return scores.ranked(self.values(metric, unit), higher_is_better(metric))

    def summary(self, unit: str = "cell") -> pd.DataFrame:
        """For each oversampler: mean and mean rank of each metric, mean seconds, failed rows."""
        parts: dict[tuple[str, str], pd.Series[float]] = {}
        for metric in self.metrics:
            values = self.values(metric, unit)
            if len(values):
                parts[metric, "mean"] = values.mean()
                parts[metric, "rank"] = scores.ranked(values, higher_is_better(metric)).mean()
        results = self._of_one_kind()
        for name in SECONDS:
            if name in results:
                parts["seconds", name.removeprefix("seconds_")] = results.groupby("oversampler")[name].mean()
        names = list(dict.fromkeys(results["oversampler"]))
        failed = self.failures["oversampler"].value_counts().reindex(names, fill_value=0)
        return pd.DataFrame(parts | {("failed", "rows"): failed}).reindex(names)

    def friedman(self, metric: str, unit: str = "cell") -> dict[str, float]:
        """Friedman's test, and Iman and Davenport's, of whether the oversamplers differ; see `scores.friedman`."""
        return scores.friedman(self.ranks(metric, unit))

    def nemenyi(self, metric: str, alpha: float = 0.05, unit: str = "cell") -> dict[str, Any]:
        """Nemenyi's critical difference of mean ranks, these, and p-values of all pairs; see `scores.nemenyi`."""
        return scores.nemenyi(self.ranks(metric, unit), alpha)

    def wilcoxon(self, metric: str, baseline: str = "none", unit: str = "cell") -> pd.DataFrame:
        """Each oversampler against one: mean difference, wins, ties, losses, p-values; see `scores.wilcoxon`."""
        return scores.wilcoxon(self._with(metric, baseline, unit), baseline, higher_is_better(metric))

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
        _known("oversampler", baseline, values.columns)
        return values

    # ---- pictures ----------------------------------------------------------------------------

    def plot_critical_difference(
        self, metric: str, *, alpha: float = 0.05, unit: str = "cell", ax: Axes | None = None
    ) -> Axes:
        """Mean ranks on a line, and a bar over those that do not differ at level alpha. Returns the axes."""
        return critical_difference(self.nemenyi(metric, alpha, unit), metric, ax)

    def plot_differences(
        self, metric: str, oversampler: str, *, baseline: str = "none", ax: Axes | None = None
    ) -> Axes:
        """A heat map of an oversampler minus the baseline: data sets by classifiers. Returns the axes."""
        differences = self._differences(metric, baseline)
        _known("oversampler", oversampler, differences.columns)
        table = differences[oversampler].unstack("classifier")
        table = table.reindex(columns=list(dict.fromkeys(differences.index.get_level_values("classifier"))))
        return heat_map(table, f"{metric}: {oversampler} minus {baseline}", higher_is_better(metric), ax)

    def plot_cost(self, metric: str, *, ax: Axes | None = None) -> Axes:
        """Mean of the metric against mean seconds of resampling and fitting. Returns the axes."""
        results = self._of_one_kind()
        seconds = results.groupby("oversampler", sort=False)[list(SECONDS)].mean().sum(axis=1)
        return score_against_cost(self.values(metric).mean(), seconds, metric, ax)


# ---- Images and series ---------------------------------------------------------------------------

SHOWN = [*SCORES, "rare_recall"]
LISTS = ["labels", "counts", "recalls"]  # of a row: an entry for each class
SYNTHETIC = "synthetic"


class ImageComparison(_Results):
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

    _counted = ("dataset", "arm", "seed")
    _tables = ("results", "per_class", "quality")

    def __init__(self, rows: Sequence[Row], samples: Mapping[Any, Any] | None = None, kind: str = "image") -> None:
        base = {"classifier": "cnn", "generator": "", "error": "", "note": "", "kind": "baseline"}
        mine = [base | row for row in rows if "metric" not in row]
        self.results = pd.DataFrame([{k: v for k, v in row.items() if k not in LISTS} for row in mine])
        keys = ("dataset", "seed", "classifier", "generator", "arm", "kind")
        each = [
            {key: row.get(key) for key in keys} | {"label": label, "count": count, "accuracy": value}
            for row in mine
            for label, count, value in zip(*(row.get(name, []) for name in LISTS), strict=True)
        ]
        self.per_class = pd.DataFrame(each, columns=[*keys, "label", "count", "accuracy"])
        self.quality = pd.DataFrame([row for row in rows if "metric" in row])
        self.samples, self.kind = dict(samples or {}), kind

    def values(self, metric: str = "acsa") -> pd.DataFrame:
        """A row for each data set, classifier and seed, a column for each arm (and generator, if there are several)."""
        if metric not in self.results:
            _known("metric", metric, self.metrics)
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

    def _kinds(self) -> dict[str, str]:
        return dict(zip(self._names(), self.results["kind"], strict=True))

    def summary(self, metric: str | None = None) -> pd.DataFrame:
        """For each data set, classifier and arm: mean over the seeds, half its interval, and how many seeds.

        Parameters
        ----------
        metric : str, optional
            One of `metrics`; None gives all, under columns (metric, "mean"), (metric, "interval"), (metric, "seeds").
        """
        if metric is None:
            return pd.concat({name: self.summary(name) for name in self.metrics}, axis=1)
        names = ["dataset", "classifier", "arm"]
        groups = self.values(metric).stack(future_stack=True).groupby(level=names, sort=False)
        table = groups.agg(mean="mean", interval=lambda v: half_width(v.dropna()), seeds=lambda v: v.notna().sum())
        there = self.results.assign(arm=self._names()).groupby(names, sort=False).size().index
        return cast(pd.DataFrame, table).reindex(there)

    def against(self, baseline: str, metric: str = "acsa") -> pd.DataFrame:
        """Each arm minus one, seed by seed: mean difference, half its interval, seeds in which it is higher."""
        values = self.values(metric)
        _known("arm", baseline, values.columns)
        rows = {}
        for (dataset, classifier), part in values.groupby(level=["dataset", "classifier"], sort=False):
            for arm in part.columns.drop(baseline):
                d = (part[arm] - part[baseline]).dropna()
                if len(d):
                    row = {"difference": d.mean(), "interval": half_width(d), "higher": int((d > 0).sum())}
                    rows[dataset, classifier, arm] = row | {"seeds": len(d)}
        return _by(["dataset", "classifier", "arm"], rows)

    def best(self, metric: str = "acsa") -> pd.DataFrame:
        """For each data set and classifier, the best blend beside the best arm without a generator.

        Which is best is known only from the test samples, for both alike. "verdict" is "better" or "worse" where the
        difference exceeds its interval, "not told apart" where it does not, "one seed" where there is no interval.
        """
        kinds = self._kinds()
        rows = {}
        for key, part in self.values(metric).groupby(level=["dataset", "classifier"], sort=False):
            means = part.mean().dropna()
            blends, others = (means[[a for a in means.index if kinds[a] == kind]] for kind in ("blend", "baseline"))
            if not len(blends) or not len(others):
                continue
            blend, other = str(blends.idxmax()), str(others.idxmax())
            d = (part[blend] - part[other]).dropna()
            width = half_width(d)
            row = {"blend": blend, "blend_mean": means[blend], "other": other, "other_mean": means[other]}
            rows[key] = row | {"difference": d.mean(), "interval": width, "verdict": _verdict(float(d.mean()), width)}
        return _by(["dataset", "classifier"], rows)

    def synthetic_accuracy(self, reference: str, metric: str = "acsa") -> pd.DataFrame:
        """Classification accuracy score: arms on synthetic samples alone, beside one on real samples (the reference).

        Columns are "synthetic", "real" and "ratio", for each data set, classifier and arm of kind "synthetic".
        """
        means = self.summary(metric)["mean"]
        kinds = self._kinds()
        rows = {}
        for key, value in means.items():
            dataset, classifier, arm = cast(tuple[str, str, str], key)
            if kinds[arm] == SYNTHETIC and (dataset, classifier, reference) in means.index:
                real = means[dataset, classifier, reference]
                rows[dataset, classifier, arm] = {"synthetic": value, "real": real, "ratio": value / real}
        return _by(["dataset", "classifier", "arm"], rows, ["synthetic", "real", "ratio"])

    def by_class(self, dataset: str, classifier: str = "cnn") -> pd.DataFrame:
        """Mean accuracy on each class: a row for each arm, a column for each class with its training samples."""
        part = self.per_class[(self.per_class["dataset"] == dataset) & (self.per_class["classifier"] == classifier)]
        _not_empty(part, dataset, classifier)
        named = part.assign(label=part["label"] + " (" + part["count"].astype(str) + ")")
        table = named.pivot_table(index="arm", columns="label", values="accuracy", sort=False)
        return table.reindex(list(dict.fromkeys(named["arm"])))[list(dict.fromkeys(named["label"]))]

    def to_markdown(self, dataset: str, classifier: str = "cnn", digits: int = 3) -> str:
        """One data set's arms with all scores, mean and half its interval; the best mean of each in bold."""
        part = self.select(dataset=dataset, classifier=classifier)
        _not_empty(part.results, dataset, classifier)
        columns = {}
        for metric in part.metrics:
            table = part.summary(metric)
            texts = [_text(m, w, digits) for m, w in zip(table["mean"], table["interval"], strict=True)]
            best = table["mean"].max()
            columns[metric] = [f"**{t}**" if m == best else t for t, m in zip(texts, table["mean"], strict=True)]
        arms = pd.Index([arm for _, _, arm in table.index], name="arm")
        return to_markdown(pd.DataFrame(columns, index=arms))

    # ---- pictures ----------------------------------------------------------------------------

    def plot(self, dataset: str, metric: str = "acsa", *, classifier: str = "cnn", ax: Axes | None = None) -> Axes:
        """A point for each arm, with its interval. Returns the axes."""
        table = self.select(dataset=dataset, classifier=classifier).summary(metric).droplevel(["dataset", "classifier"])
        kinds = self._kinds()
        return arm_intervals(table, [kinds[arm] for arm in table.index], f"{dataset}: {metric}", ax)

    def plot_samples(
        self, dataset: str, generator: str | None = None, seed: int | None = None, *, ax: Axes | None = None
    ) -> Axes:
        """A row of real and a row of synthetic samples of each class. Returns the axes."""
        for (name, number, maker), classes in self.samples.items():
            if name == dataset and generator in (None, maker) and seed in (None, number):
                return sample_page(classes, f"{dataset}: {maker}", self.kind, ax)
        raise InvalidParameterError(
            f"there are no samples of dataset={dataset!r}, generator={generator!r}, seed={seed!r}"
        )


def _not_empty(part: pd.DataFrame, dataset: str, classifier: str) -> None:
    if part.empty:
        raise InvalidParameterError(f"there is nothing of dataset={dataset!r}, classifier={classifier!r}")


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


# --------------------------------------------------------------------------------------
# The pictures: what `Comparison` found, drawn.


def critical_difference(found: dict[str, Any], title: str, ax: Axes | None = None) -> Axes:
    """Mean ranks on a line; a bar joins those nearer to one another than the critical difference.

    Parameters
    ----------
    found : dict
        Of `ganaug.experiments.scores.nemenyi`.
    title : str
        Shown above.
    ax : matplotlib axes, optional
        Drawn into; by default those of a new figure, which is not registered with pyplot.

    Returns
    -------
    axes
        As in Demsar (2006), figure 1.
    """
    means, cd = found["mean_ranks"], found["critical_difference"]
    k = len(means)
    half, groups = (k + 1) // 2, cliques(means.to_numpy(), cd)
    ax = axes_or_new(ax, 7.0, 1.2 + 0.25 * (half + len(groups)))
    ax.axis("off")
    ax.set_title(f"{title}: mean rank over {found['N']} blocks (1 is best)", fontsize=10)
    ax.set_xlim(1 - 0.35 * (k - 1), k + 0.35 * (k - 1))
    ax.hlines(0, 1, k, color="black", linewidth=1)
    for tick in range(1, k + 1):
        ax.vlines(tick, 0, 0.15, color="black", linewidth=1)
        ax.text(tick, 0.25, str(tick), ha="center", va="bottom", fontsize=8)
    ax.hlines(1.2, 1, 1 + cd, color="firebrick", linewidth=2)
    ax.text(1 + cd / 2, 1.3, f"critical difference {cd:.2f}", ha="center", va="bottom", fontsize=8, color="firebrick")
    for row, (first, last) in enumerate(groups):
        ax.hlines(-0.25 - 0.25 * row, means.iloc[first] - 0.03, means.iloc[last] + 0.03, color="black", linewidth=3)
    top = -0.25 - 0.25 * len(groups)
    for place, (name, rank) in enumerate(means.items()):
        left = place < half
        depth = top - 0.5 * ((place if left else k - 1 - place) + 0.5)
        edge = 1 - 0.05 * (k - 1) if left else k + 0.05 * (k - 1)
        ax.plot([rank, rank, edge], [0, depth, depth], color="black", linewidth=0.7)
        ax.text(edge, depth, f" {name} ({rank:.2f}) ", ha="right" if left else "left", va="center", fontsize=8)
    ax.set_ylim(top - 0.5 * half - 0.3, 2.0)
    return ax


def cliques(ranks: np.ndarray, cd: float) -> list[tuple[int, int]]:
    """Longest runs (first, last) of sorted mean ranks no further apart than the critical difference."""
    runs: list[tuple[int, int]] = []
    for first in range(len(ranks)):
        last = int(np.flatnonzero(ranks - ranks[first] <= cd).max())
        if last > first and (not runs or last > runs[-1][1]):
            runs.append((first, last))
    return runs


def heat_map(table: pd.DataFrame, title: str, higher_is_better: bool, ax: Axes | None = None) -> Axes:
    """Differences as colours, blue where they are for the better; parameters as in `critical_difference`."""
    rows, columns = table.shape
    ax = axes_or_new(ax, 2.5 + 0.9 * columns, 1.2 + 0.22 * rows)
    values = table.to_numpy(float)
    # the few largest would leave the others without colour
    limit = float(np.nanquantile(np.abs(values), 0.95)) if np.isfinite(values).any() else 0.0
    limit = limit or 1e-9
    colours = "RdBu" if higher_is_better else "RdBu_r"
    image = ax.imshow(values, cmap=colours, vmin=-limit, vmax=limit, aspect="auto")
    ax.figure.colorbar(image, ax=ax, extend="both")
    ax.set_xticks(range(columns), [str(name) for name in table.columns], rotation=30, ha="right", fontsize=8)
    ax.set_yticks(range(rows), [str(name) for name in table.index], fontsize=7)
    ax.set_title(title, fontsize=10)
    return ax


def score_against_cost(scores: pd.Series[Any], seconds: pd.Series[Any], metric: str, ax: Axes | None = None) -> Axes:
    """A point for each oversampler: seconds (logarithmic) across, score up; parameters as in `critical_difference`.

    A line joins the frontier: those than which none is as good in less time.
    """
    ax = axes_or_new(ax, 6.4, 4.4)
    known = scores.dropna()
    cost = seconds.reindex(known.index).clip(lower=1e-4)
    best = frontier(known if higher_is_better(metric) else -known, cost)
    on = known.index.isin(best)
    ax.scatter(cost, known, color=np.where(on, "tab:blue", "tab:gray"), zorder=3)
    ax.plot(cost[best], known[best], color="tab:blue", drawstyle="steps-post", linewidth=1, alpha=0.6)
    ax.set_xscale("log")
    ax.margins(x=0.35, y=0.1)  # room for the names
    ax.autoscale_view()
    _labels_apart(ax, cost, known)
    ax.set_xlabel("seconds of resampling and fitting, mean")
    ax.set_ylabel(f"{metric}, mean over cells")
    ax.grid(alpha=0.3)
    return ax


def frontier(scores: pd.Series[Any], seconds: pd.Series[Any]) -> list[Any]:
    """Names of the ways than which none is as good in less time, the quickest first."""
    found: list[Any] = []
    for name in seconds.to_frame("cost").assign(loss=-scores).sort_values(["cost", "loss"]).index:
        if not found or scores[name] > scores[found[-1]]:
            found.append(name)
    return found


def _labels_apart(ax: Axes, across: pd.Series[Any], up: pd.Series[Any]) -> None:
    """Write each name beside its point: right, left, above or below, at the first place that hides no other name."""
    places = [(5, 3, "left"), (-5, 3, "right"), (5, -10, "left"), (-5, -10, "right"), (0, 9, "center")]
    places += [(0, -17, "center"), (5, 14, "left"), (-5, 14, "right"), (5, -22, "left"), (-5, -22, "right")]
    taken: list[Any] = []
    for name in up.sort_values(ascending=False).index:
        point = (across[name], up[name])
        for step, (right, above, side) in enumerate(places):
            text = ax.annotate(str(name), point, xytext=(right, above), textcoords="offset points", ha=side, fontsize=8)
            box = text.get_window_extent()
            if step == len(places) - 1 or not any(box.overlaps(other) for other in taken):
                taken.append(box)
                break
            text.remove()


def arm_intervals(table: pd.DataFrame, kinds: list[str], title: str, ax: Axes | None = None) -> Axes:
    """A point for each arm with its interval, coloured by kind; parameters as in `critical_difference`.

    Parameters
    ----------
    table : DataFrame
        A row for each arm, from the top down; columns "mean" and "interval" (half of it, or NaN).
    kinds : list of {"baseline", "blend", "synthetic"}
        Of the rows.
    """
    colours = {"baseline": "tab:gray", "blend": "tab:blue", "synthetic": "tab:orange"}
    ax = axes_or_new(ax, 7.0, 1.0 + 0.28 * len(table))
    places = -np.arange(len(table))
    for place, kind, mean, width in zip(places, kinds, table["mean"], table["interval"].fillna(0), strict=True):
        ax.errorbar(mean, place, xerr=width, fmt="o", color=colours[kind], capsize=3)
    ax.set_yticks(places, [str(name) for name in table.index], fontsize=8)
    ax.set_title(title, fontsize=10)
    ax.grid(axis="x", alpha=0.3)
    return ax


def sample_page(classes: dict[str, tuple[Any, Any]], title: str, kind: str = "image", ax: Axes | None = None) -> Axes:
    """For each class a row of real samples and one of synthetic ones; parameters as in `critical_difference`.

    Parameters
    ----------
    classes : dict of label to (real, synthetic)
        Arrays of images (n, H, W), (n, H, W, C) or (n, C, H, W), or of series (n, channels, length).
    kind : {"image", "series"}
    """
    rows = [samples for pair in classes.values() for samples in pair]
    width = max(len(samples) for samples in rows)
    ax = axes_or_new(ax, 1.5 + 0.6 * width, 0.6 + 0.6 * len(rows))
    low = min(float(samples.min()) for samples in rows if len(samples))
    high = max(float(samples.max()) for samples in rows if len(samples))
    for row, samples in enumerate(rows):
        for column, sample in enumerate(samples):
            _DRAWN[kind](ax, (np.asarray(sample, float) - low) / ((high - low) or 1.0), column, row)
    names = [f"{label}, {what}" for label in classes for what in ("real", "synthetic")]
    ax.set_yticks(np.arange(len(rows)) + 0.5, names, fontsize=7)
    ax.set_xticks([])
    ax.set_xlim(0, width)
    ax.set_ylim(len(rows), 0)
    ax.hlines(np.arange(2, len(rows), 2), 0, width, color="black", linewidth=0.7)
    ax.set_title(title, fontsize=10)
    return ax


def _draw_image(ax: Axes, image: np.ndarray, column: int, row: int) -> None:
    """An image of values in [0, 1] in its unit square."""
    if image.ndim == 3 and image.shape[0] in (1, 3) and image.shape[2] not in (1, 3):
        image = np.moveaxis(image, 0, 2)
    flat = image if image.ndim == 2 else image if image.shape[2] == 3 else image.mean(2)
    ax.imshow(flat, cmap="gray", vmin=0, vmax=1, extent=(column, column + 0.96, row + 0.98, row + 0.02), aspect="auto")


def _draw_series(ax: Axes, series: np.ndarray, column: int, row: int) -> None:
    """A series of values in [0, 1] in its unit square, a line for each channel."""
    series = np.atleast_2d(series)
    across = column + 0.05 + 0.9 * np.linspace(0, 1, series.shape[1])
    ax.plot(across, row + 0.95 - 0.9 * series.T, linewidth=0.6)


_DRAWN = {"image": _draw_image, "series": _draw_series}
