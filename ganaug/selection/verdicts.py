"""The verdict: what was chosen, what it is worth, and what it would cost to be surer, in a few sentences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

__all__ = ["surer", "verdict_on_evidence", "verdict_without_evidence"]

# Of a normal distribution, 95 % lie within so many standard errors.
INTERVAL = 1.96


def verdict_on_evidence(table: pd.DataFrame, words: Sequence[str], chosen: int, fixed: bool, metric: str) -> str:
    """Of a choice made, or an order carried out, with evidence at hand.

    Parameters
    ----------
    table : DataFrame
        The evidence.
    words : sequence of str
        What each treatment is called.
    chosen : int
        Place of the chosen one.
    fixed : bool
        Whether it was an order.
    metric : str
        Name of the metric.
    """
    bare, own = table.iloc[0], table.iloc[chosen]
    if chosen == 0 and fixed:
        return f"None, as asked: {metric} {own['score']:.3f} +- {own['score_error']:.3f}."
    if chosen == 0:
        rest = table.iloc[1:]
        if not rest["gain"].abs().gt(0).any():
            return (
                f"None: no treatment changed the bare classifier's {metric} ({bare['score']:.3f}); "
                "the classes may be balanced already."
            )
        place = nearest(table)
        near = table.iloc[place]
        return (
            f"None: no treatment beat the bare classifier's {metric} ({bare['score']:.3f}) by more than noise; the "
            f"nearest was {_inline(words[place])} (gain {near['gain']:.3f}, needed {near['needed']:.3f}; expected "
            f"{_interval(near)})."
        )
    return (
        f"{words[chosen]}{', as asked' if fixed else ''}: {metric} {own['score']:.3f} +- {own['score_error']:.3f} "
        f"against {bare['score']:.3f} of the bare classifier (gain {own['gain']:.3f}, standard error "
        f"{own['gain_error']:.3f}; expected {_interval(own)})."
    )


def nearest(table: pd.DataFrame) -> int:
    """The place of the treatment that is nearest to being chosen."""
    rest = table.iloc[1:]
    return int(np.nanargmax((rest["gain"] - rest["needed"]).to_numpy())) + 1


def surer(table: pd.DataFrame, chosen: int, by_rows: Sequence[bool], rarest: int, n_splits: int, model: str) -> str:
    """What would halve the interval of the treatment that was chosen, or else of the nearest one.

    Parameters
    ----------
    table : DataFrame
        The evidence.
    chosen : int
        Place of the chosen treatment.
    by_rows : sequence of bool
        Of which treatments the held-out rows limit the evidence, not the number of trainings.
    rarest : int
        Rows of the smallest class.
    n_splits : int
        Inner folds.
    model : str
        Name of the classifier.
    """
    if not table["gain"].iloc[1:].abs().gt(0).any():
        return ""
    place = chosen or nearest(table)
    if by_rows[place]:
        return f" Half as wide an interval takes about {4 * rarest} rows of the smallest class (now {rarest})."
    return (
        f" Half as wide an interval takes about {4 * n_splits} folds, such as RepeatedStratifiedKFold(n_splits="
        f"{n_splits}, n_repeats=4): {3 * n_splits} more trainings of {model}, and of the oversampler if there is one."
    )


def verdict_without_evidence(words: str, why: str) -> str:
    """Of a treatment that no evidence stands behind."""
    return f"{words}: {why}."


def _interval(row: pd.Series) -> str:
    low, high = (row["expected"] + sign * INTERVAL * row["expected_error"] for sign in (-1, 1))
    return f"{row['expected']:.3f}, 95 % interval {low:.3f} to {high:.3f}"


def _inline(words: str) -> str:
    return words[0].lower() + words[1:]
