"""The verdict: one sentence that says what was chosen, and why."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ganaug.selection.blends import Blend

__all__ = ["judged", "unjudged"]


def judged(table: pd.DataFrame, blends: Sequence[Blend], chosen: int, fixed: bool, metric: str) -> str:
    """Of a choice made, or an order carried out, with evidence at hand."""
    bare, own = table.iloc[0], table.iloc[chosen]
    if chosen == 0 and fixed:
        return f"None, as asked: {metric} {own['score']:.3f} +- {own['score_error']:.3f}."
    if chosen == 0:
        rest = table.iloc[1:]
        if not len(rest) or not rest["gain"].any():
            return (
                f"None: no blend changed the bare classifier's {metric} ({bare['score']:.3f}); "
                "the classes may be balanced already."
            )
        place = int(np.nanargmax((rest["gain"] - rest["needed"]).to_numpy())) + 1
        near = table.iloc[place]
        return (
            f"None: no blend beat the bare classifier's {metric} ({bare['score']:.3f}) by more than noise; the nearest "
            f"was {_inline(blends[place])} (gain {near['gain']:.3f}, needed {near['needed']:.3f})."
        )
    return (
        f"{_capital(str(blends[chosen]))}{', as asked' if fixed else ''}: {metric} {own['score']:.3f} +- "
        f"{own['score_error']:.3f} against {bare['score']:.3f} without synthetic rows "
        f"(gain {own['gain']:.3f}, standard error {own['gain_error']:.3f})."
    )


def unjudged(blend: Blend, why: str) -> str:
    """Of a blend that no evidence stands behind."""
    return f"{_capital(str(blend))}: {why}."


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _inline(blend: Blend) -> str:
    return str(blend).replace("Class weights and no", "class weights and no")
