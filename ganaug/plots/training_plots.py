"""How a training went, what a blend is worth, and what became of the classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ganaug.exceptions import InvalidDataError, InvalidParameterError
from ganaug.summaries import label_text
from ganaug.utils.axes import REAL, SYNTHETIC, Axes, axes_or_new
from ganaug.utils.determinism import isolated

__all__ = ["blend_curve", "class_counts", "history"]

_STYLES = ("-", "--", ":", "-.")


@isolated
def history(gan: object, curves: Sequence[str] | None = None, ax: Axes | None = None) -> Axes:
    """Draw the history of a training.

    Parameters
    ----------
    gan : fitted GAN, or DataFrame
        Its ``history_``.
    curves : sequence of str, optional
        Columns of the history; by default the losses and, on an axis of its own, the quality.
    ax : matplotlib axes, optional
        By default those of a new figure, which is not registered with pyplot.

    Returns
    -------
    axes

    Raises
    ------
    InvalidParameterError
        For a column that the history does not have.
    InvalidDataError
        If there is no history.

    Examples
    --------
    >>> import pandas as pd
    >>> from ganaug import plots
    >>> record = pd.DataFrame({"step": [1, 2], "generator_loss": [0.7, 0.6], "discriminator_loss": [1.4, 1.3]})
    >>> [line.get_label() for line in plots.history(record).lines]
    ['generator loss', 'discriminator loss']
    """
    record = gan if isinstance(gan, pd.DataFrame) else getattr(gan, "history_", None)
    if record is None or len(record) == 0:
        raise InvalidDataError(
            f"{type(gan).__name__} has no history_; fit it first (a sampler's GANs are in generators_)"
        )
    steps = record.get("step", record.index)
    chosen = [name for name in record if str(name).endswith("_loss")] if curves is None else list(curves)
    unknown = [name for name in chosen if name not in record]
    if unknown:
        raise InvalidParameterError(f"curves: the history has no {unknown}; it has {list(record.columns)}")
    ax = axes_or_new(ax, 6.0, 3.2)
    for i, name in enumerate(chosen):
        known = record[name].notna().to_numpy()
        ax.plot(steps[known], record[name][known], _STYLES[i % 4], label=str(name).replace("_", " "), linewidth=1.2)
    ax.set_xlabel("step")
    if curves is None and "quality" in record and record["quality"].notna().any():
        known = record["quality"].notna().to_numpy()
        right = ax.twinx()
        right.plot(
            steps[known], record["quality"][known], "o-", color="0.35", markersize=3, linewidth=1, label="quality"
        )
        right.set_ylabel("quality (1 is real)")
        handles = [*ax.get_legend_handles_labels()[0], *right.get_legend_handles_labels()[0]]
        ax.legend(handles=handles, fontsize=8, frameon=False)
    else:
        ax.legend(fontsize=8, frameon=False)
    return ax


@isolated
def blend_curve(classifier: object, ax: Axes | None = None) -> Axes:
    """Draw what each blend was worth to an `AugmentedClassifier`: the gain over none, with its standard error.

    Parameters
    ----------
    classifier : fitted AugmentedClassifier, or its ``evidence_``
    ax : matplotlib axes, optional
        By default those of a new figure.

    Returns
    -------
    axes
        A line for each oversampler, weight of the synthetic rows and threshold; other marks for averages, and for
        class weights, undersampling and moved thresholds without such rows. A ring is around what was chosen.

    Raises
    ------
    InvalidDataError
        If nothing was judged, so that there is no evidence to draw.

    Examples
    --------
    >>> import pandas as pd
    >>> from ganaug import plots
    >>> evidence = pd.DataFrame({"share": [0, 0.5, 1], "weight": 1.0, "class_weight": "", "gain": [0, 0.02, 0.01],
    ...     "gain_error": [0, 0.01, 0.01], "chosen": [False, True, False]})
    >>> plots.blend_curve(evidence).get_xlabel()
    'share of the way to balance that synthetic rows fill'
    """
    table = classifier if isinstance(classifier, pd.DataFrame) else getattr(classifier, "evidence_", None)
    if table is None or table["gain"].isna().all():
        verdict = getattr(classifier, "verdict_", "")
        raise InvalidDataError(f"there is no evidence to draw: {verdict or 'fit the classifier first'}")
    ax = axes_or_new(ax, 5.0, 3.2)
    ax.axhline(0, color="0.6", linewidth=0.8)
    kinds = table.assign(class_weight=table["class_weight"].fillna("").astype(str))
    for column in ("sampler", "threshold"):
        kinds[column] = kinds[column].fillna("") if column in kinds else ""
    kinds["treatment"] = kinds.get("treatment", "")
    kinds = kinds[kinds["gain"].notna()]
    average = kinds["treatment"].str.startswith("Average")
    moved = {"prior": "threshold at the share", "tuned": "tuned threshold"}
    plain = kinds[(kinds["class_weight"] == "") & ~average]
    made = plain.loc[plain["share"] > 0, ["sampler", "weight", "threshold"]].drop_duplicates()
    lines = sorted(made.itertuples(index=False, name=None), key=lambda line: -line[1])
    several = made["sampler"].nunique() > 1
    for i, (sampler, weight, threshold) in enumerate(lines):
        own = (plain["weight"] == weight) & (plain["sampler"] == sampler) & (plain["threshold"] == threshold)
        rows = plain[((plain["share"] == 0) & (plain["threshold"] == threshold)) | own].sort_values("share")
        name = f"rows of {sampler}" if several else "synthetic rows"
        if weight != 1:
            name = f"{name} at {weight:g}" if several else f"at {weight:g} of a real row's weight"
        name += f", {moved[threshold]}" if threshold else ""
        ax.errorbar(
            rows["share"],
            rows["gain"],
            rows["gain_error"],
            fmt=f"o{_STYLES[i % 4]}",
            capsize=3,
            label=name,
            markersize=4,
        )
    bare = (kinds["share"] == 0) & (kinds["class_weight"] == "") & (kinds["threshold"] == "") & ~average
    weights = {"balanced": "class weights", "undersampled": "undersampling"}
    for i, (_, row) in enumerate(kinds[((kinds["share"] == 0) | average) & ~bare].iterrows()):
        named = [f"average with {row['sampler'] or 'no'} rows"] if row["treatment"].startswith("Average") else []
        named += [weights[row["class_weight"]]] if row["class_weight"] else []
        named += [moved[row["threshold"]]] if row["threshold"] else []
        ax.errorbar(
            row["share"],
            row["gain"],
            row["gain_error"],
            fmt="sD^v*PX<>"[i % 9],
            capsize=3,
            color="0.4",
            label=", ".join(named),
        )
    chosen = kinds[kinds["chosen"].astype(bool)]
    ax.scatter(chosen["share"], chosen["gain"], s=130, facecolors="none", edgecolors="black", label="chosen", zorder=4)
    ax.set_xlabel("share of the way to balance that synthetic rows fill")
    ax.set_ylabel("gain over none")
    ax.legend(fontsize=8, frameon=False)
    return ax


@isolated
def class_counts(before: object, after: object = None, ax: Axes | None = None) -> Axes:
    """Draw how many samples each class has, before and after.

    Parameters
    ----------
    before : array-like of labels, or dict of label to count
    after : the same, optional
        What is new is drawn on top, outlined.
    ax : matplotlib axes, optional
        By default those of a new figure.

    Returns
    -------
    axes

    Raises
    ------
    InvalidDataError
        Without any label.

    Examples
    --------
    >>> from ganaug import plots
    >>> ax = plots.class_counts(["a", "a", "a", "b"], {"a": 3, "b": 3})
    >>> [int(bar.get_width()) for bar in ax.patches]
    [3, 1, 0, 2]
    """
    old = _counts(before)
    new = old if after is None else _counts(after)
    labels = list(dict.fromkeys([*old, *new]))
    if not labels:
        raise InvalidDataError("there is no label to count")
    ax = axes_or_new(ax, 5.0, 0.8 + 0.32 * len(labels))
    at = np.arange(len(labels))
    real = np.array([old.get(label, 0) for label in labels], float)
    more = np.maximum(0.0, np.array([new.get(label, 0) for label in labels], float) - real)
    ax.barh(at, real, color=REAL, alpha=0.7, label="before")
    if after is not None:
        ax.barh(at, more, left=real, fill=False, edgecolor=SYNTHETIC, linewidth=1.4, hatch="///", label="added")
        ax.legend(fontsize=8, frameon=False)
    ax.set_yticks(at, [label.replace("$", r"\$") for label in labels], fontsize=8)
    ax.invert_yaxis()
    ax.set_xlabel("samples")
    return ax


def _counts(labels: object) -> dict[str, int]:
    if isinstance(labels, Mapping):
        return {label_text(label): int(n) for label, n in labels.items()}
    values = pd.Series(np.asarray(labels.detach().cpu() if hasattr(labels, "detach") else labels)).astype(object)
    return {label_text(label): int(n) for label, n in values.value_counts().items()}
