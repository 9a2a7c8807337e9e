"""Treatments of imbalance that are judged: which there are, what they are called, and what the user asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from ganaug.exceptions import InvalidParameterError, InvalidTypeError
from ganaug.oversampling import GANOversampler
from ganaug.selection.blends import NONE, Blend
from ganaug.utils import validation

__all__ = ["TREATMENTS", "Treatment", "checked_treatments", "finishes", "is_costly", "samplers", "treatments_of"]

# What ``treatments`` may name; "auto" is all of them.
TREATMENTS = ("prior", "tuned", "class_weight", "oversampling")


class Treatment(NamedTuple):
    """One way to treat imbalance.

    Attributes
    ----------
    blend : Blend
        What the classifier trains on.
    sampler : int
        Place of the oversampler that makes the rows; -1 where there are none.
    threshold : {"", "prior", "tuned"}
        Where the decision is moved to: nowhere, the share of the class, or what held-out rows say.
    """

    blend: Blend = NONE
    sampler: int = -1
    threshold: str = ""

    def kind(self, costly: Sequence[bool]) -> str:
        """Name under which gains of this kind are known: "gan+tuned", "prior"."""
        if self.blend.share > 0:
            base = "gan" if costly[self.sampler] else "rows"
        else:
            base = "class_weight" if self.blend.class_weight else ""
        return "+".join(part for part in (base, self.threshold) if part)

    def words(self, names: Sequence[str]) -> str:
        """For sentences: "0.5 of full balance by SMOTE, tuned threshold"."""
        moved = {"": "", "prior": "threshold at the class's share", "tuned": "tuned threshold"}[self.threshold]
        if self.blend == NONE:
            return moved[:1].upper() + moved[1:] if moved else "None"
        text = str(self.blend)
        if self.blend.share > 0 and len(names) > 1:
            text += f" by {names[self.sampler]}"
        text = text[0].upper() + text[1:]
        return f"{text}, {moved}" if moved else text


def samplers(given: Any, verbose: bool | str) -> tuple[list[Any], list[str]]:
    """The oversamplers, and a name for each."""
    found = list(given) if isinstance(given, list) else [given]
    if not found:
        raise InvalidParameterError("oversampler is empty; give a sampler, such as GANOversampler(), or None")
    pairs = [one if _is_named(one) else (None, one) for one in found]
    kept = [GANOversampler(verbose=verbose) if one is None else one for _, one in pairs]
    for one in kept:
        if isinstance(one, type) or not hasattr(one, "fit_resample"):
            raise InvalidTypeError(f"oversampler={one!r} must be a sampler with fit_resample, such as GANOversampler()")
    names = [name or type(one).__name__ for (name, _), one in zip(pairs, kept, strict=True)]
    return kept, [name if names.count(name) == 1 else f"{name} ({i + 1})" for i, name in enumerate(names)]


def _is_named(given: Any) -> bool:
    return isinstance(given, tuple) and len(given) == 2 and isinstance(given[0], str)


def is_costly(sampler: Any) -> bool:
    """Whether a sampler takes long enough that the cheap treatments are looked at first."""
    return isinstance(sampler, GANOversampler)


def checked_treatments(given: Any, threshold: Any) -> frozenset[str]:
    """Names of the treatments to judge.

    Raises
    ------
    InvalidParameterError
        If one is unknown, or needs a threshold that may not be moved.
    """
    if given is None:
        return frozenset(("class_weight", "oversampling"))
    if isinstance(given, str):
        validation.choice("treatments", given, ["auto"])
        return frozenset(TREATMENTS)
    if not isinstance(given, Iterable):
        raise InvalidParameterError(f"treatments={given!r} must be None, 'auto' or a list of {', '.join(TREATMENTS)}")
    found = frozenset(validation.choice("treatments", name, TREATMENTS) for name in given)
    if not found:
        raise InvalidParameterError(f"treatments is empty; give 'auto' or a list of {', '.join(TREATMENTS)}")
    moved = sorted(found & {"prior", "tuned"})
    if moved and threshold != "auto":
        raise InvalidParameterError(
            f"treatments has {moved[0]!r}, which needs threshold='auto'; threshold={threshold!r} settles the matter"
        )
    return found


def treatments_of(blends: Sequence[Blend], n_samplers: int) -> list[Treatment]:
    """Every blend once, and once for each oversampler where it has synthetic rows; thresholds as they are."""
    plain = [Treatment(blend) for blend in blends if blend.share == 0]
    return plain + [Treatment(blend, i) for i in range(n_samplers) for blend in blends if blend.share > 0]


def finishes(treatment: Treatment, moves: Iterable[str]) -> list[Treatment]:
    """A treatment with each threshold that makes a difference to it."""
    # where the classes weigh the same, a share moves nothing
    return [treatment] + [
        treatment._replace(threshold=name) for name in moves if name == "tuned" or treatment.blend == NONE
    ]
