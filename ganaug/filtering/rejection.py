"""Draw candidates until enough of them are kept, and count what became of the others."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ganaug.filtering.rows import RULES, RowFilter
from ganaug.utils.types import FloatArray, IntArray

__all__ = ["FilterCounts", "rejection_sample"]

ROUNDS = 8
# Two rounds are nearly always enough. Refused rows of later rounds are kept, in case too few rows pass; each round
# draws at least as many rows as are missing.
EASY_ROUNDS = 2


@dataclass
class FilterCounts:
    """How many candidates were drawn and what became of them.

    Attributes
    ----------
    drawn, kept : int
        Candidates up to the last one needed, and rows returned.
    rejected : dict
        Rule to number of candidates it refused (each counts once, for the first rule).
        ``drawn + taken_anyway`` is ``kept`` plus all of these.
    taken_anyway : int
        Refused rows that were returned all the same, because the bound on
        drawing again was reached.
    copies_unchecked : bool
        Whether the rule against copies was asked for, but has nothing to compare with: a loaded model does not hold
        traces of its training samples.
    """

    drawn: int = 0
    kept: int = 0
    rejected: dict[str, int] = field(default_factory=lambda: dict.fromkeys(RULES, 0))
    taken_anyway: int = 0
    copies_unchecked: bool = False

    def row(self) -> dict[str, int | None]:
        """As one flat row of a table; None counts what could not be looked for."""
        rejected: dict[str, int | None] = {**self.rejected}
        if self.copies_unchecked:
            rejected["copies"] = None
        return {"drawn": self.drawn, "kept": self.kept, **rejected, "taken_anyway": self.taken_anyway}


def rejection_sample(
    draw: Callable[[int, int], Iterable[FloatArray]], row_filter: RowFilter | None, condition: int, n: int
) -> tuple[FloatArray, FilterCounts]:
    """Exactly ``n`` rows, drawn again where a rule refuses them, at most `ROUNDS` times.

    Parameters
    ----------
    draw : callable ``(n, round) -> iterable of (m, d)``
        Draws candidates, in parts of as many as it likes. Each is judged before the next one is drawn.
    row_filter : RowFilter or None
        None keeps everything.
    condition : int
    n : int

    Returns
    -------
    rows : ndarray of shape (n, d), float32
        In the order of drawing; if the rounds did not suffice, refused rows fill up the end.
    counts : FilterCounts
    """
    unchecked = getattr(row_filter, "copies_unchecked", False)
    counts, rows = (
        FilterCounts(copies_unchecked=unchecked),
        np.zeros(0, np.float32),
    )  # as many and as large as the first part's, once it is here
    refused: list[FloatArray] = []
    faults: list[npt.NDArray[np.int8]] = []
    missing = n
    for round_ in range(ROUNDS if row_filter is not None else 1):
        if round_ and not missing:
            break
        rate = counts.kept / counts.drawn if counts.drawn else 1.0
        spare = min(1.2, 1 + 3 / math.sqrt(max(1, missing)))
        count = missing if round_ == 0 else math.ceil(min(missing / max(rate, 0.1) * spare, 4 * n))
        for part in draw(count, round_):
            if not counts.drawn:
                rows = np.empty((n, *part.shape[1:]), part.dtype)
            said = np.zeros(len(part), np.int8) if row_filter is None else row_filter.verdict(part, condition)
            good = np.flatnonzero(said == 0)[:missing]
            missing -= len(good)
            if not missing and len(good):  # what was drawn beyond the last row needed does not count
                said = said[: good[-1] + 1]
            part.take(good, axis=0, out=rows[counts.kept : counts.kept + len(good)], mode="clip")
            counts.drawn += len(said)
            counts.kept += len(good)
            for place, rule in enumerate(RULES, 1):
                counts.rejected[rule] += int((said == place).sum())
            if not missing:
                break
            if round_ >= EASY_ROUNDS:
                bad = _least_evil(said)[:missing]
                refused.append(part[bad])
                faults.append(said[bad])
        if not refused:
            continue
        pool, found = np.concatenate(refused), np.concatenate(faults)
        best = _least_evil(found)[:missing]  # no more of them than could be needed
        refused, faults = [pool[best]], [found[best]]
    if missing:
        rows[counts.kept :] = refused[0]
        counts.taken_anyway = missing
        counts.kept = n
    return rows, counts


def _least_evil(said: npt.NDArray[np.int8]) -> IntArray:
    """Places of refused rows, another class's first: a copy tells a secret, an outlier teaches nonsense."""
    bad = np.flatnonzero(said)
    return bad[np.argsort(-said[bad], kind="stable")]
