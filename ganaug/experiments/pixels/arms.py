"""What a classifier is trained with: the arms of a comparison. A new one is a line in `ARMS`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ganaug.exceptions import InvalidParameterError, InvalidTypeError
from ganaug.utils import validation

__all__ = ["ARMS", "SERIES_ARMS", "Arm", "chosen_arms"]


@dataclass(frozen=True)
class Arm:
    """A way to train on imbalanced data.

    Attributes
    ----------
    share : float, default=0.0
        Synthetic items, as a share of what each class lacks to the largest: 0 none, 1 full balance.
    maker : {"generator", "smote"}, default="generator"
        Who makes them.
    augment : bool, default=False
        Whether batches pass through the data set's standard augmentation.
    sampler : {"shuffled", "balanced", "halves", "sources"}, default="shuffled"
        Every item once in an epoch; each class equally often (torch's WeightedRandomSampler with weights 1 / n);
        each class equally often, and of a class that has synthetic items these half of the time; or half of a batch
        real and half synthetic, of each every item once before it comes again.
    adjust : float, default=0.0
        tau of logit adjustment: tau log(n_c / n) is added to the logits in training (Menon et al. 2021, equation 10).
        n counts items of the same source: real ones meet the odds among real ones, synthetic ones those among these.
    mixup : float, default=0.0
        alpha of Mixup (Zhang et al. 2018), lambda drawn from Beta(alpha, alpha) for each batch; 0 is none.
    reweight_from : float, default=1.0
        Share of the training after which the loss weighs classes by their effective number (Cui et al. 2019),
        1 never: deferred re-weighting (Cao et al. 2019).
    weight : float, default=1.0
        Loss weight of a synthetic item.
    synthetic_until : float, default=1.0
        Share of the training after which only real items are trained on.
    late_sampler : str, default="balanced"
        The sampler from then on.
    real : bool, default=True
        Whether real items are trained on at all. Without, every class gets as many synthetic
        ones as the largest class has: the classification accuracy score (Ravuri and Vinyals 2019).
    """

    share: float = 0.0
    every_class: bool = False
    maker: str = "generator"
    augment: bool = False
    sampler: str = "shuffled"
    adjust: float = 0.0
    mixup: float = 0.0
    reweight_from: float = 1.0
    weight: float = 1.0
    synthetic_until: float = 1.0
    late_sampler: str = "balanced"
    real: bool = True

    @property
    def uses_generator(self) -> bool:
        """Whether it needs a generator's samples."""
        return self.share > 0 and self.maker == "generator"

    @property
    def is_blend(self) -> bool:
        """Whether it trains on real items and a generator's."""
        return self.uses_generator and self.real

    @property
    def needs_loop(self) -> bool:
        """Whether it can only be carried out by training batch after batch."""
        rows = {name: getattr(self, name) for name in ("share", "every_class", "maker", "sampler", "weight", "real")}
        return self != Arm(**rows)


# For pictures. The order is that of the tables; the first is what everything is compared with.
ARMS: dict[str, Arm] = {
    "nothing": Arm(),
    "weighted sampler": Arm(sampler="balanced"),
    "augmentation": Arm(augment=True),
    "weighted sampler + augmentation": Arm(sampler="balanced", augment=True),
    "logit adjustment + augmentation": Arm(adjust=1.0, augment=True),
    "Mixup-DRW + augmentation": Arm(mixup=1.0, reweight_from=0.8, augment=True),
    "Mixup + weighted sampler + augmentation": Arm(mixup=1.0, sampler="balanced", augment=True),
    "SMOTE + augmentation": Arm(share=1.0, maker="smote", augment=True),
    "blend 0.25 + augmentation": Arm(share=0.25, augment=True),
    "blend 0.5 + augmentation": Arm(share=0.5, augment=True),
    "blend 1 + augmentation": Arm(share=1.0, augment=True),
    "blend 0.5 + weighted sampler + augmentation": Arm(share=0.5, sampler="balanced", augment=True),
    "blend 0.5 + logit adjustment + augmentation": Arm(share=0.5, adjust=1.0, augment=True),
    "blend 0.5 + Mixup-DRW + augmentation": Arm(share=0.5, mixup=1.0, reweight_from=0.8, augment=True),
    "blend 1 until 0.7, then weighted sampler + augmentation": Arm(share=1.0, synthetic_until=0.7, augment=True),
    "half synthetic + weighted sampler + augmentation": Arm(
        share=1.0, every_class=True, sampler="halves", augment=True
    ),
    "half synthetic until 0.7, then weighted sampler + augmentation": Arm(
        share=1.0, every_class=True, sampler="halves", synthetic_until=0.7, augment=True
    ),
    "half synthetic + logit adjustment + augmentation": Arm(
        share=1.0, every_class=True, sampler="sources", adjust=1.0, augment=True
    ),
    "half synthetic + Mixup + weighted sampler + augmentation": Arm(
        share=1.0, every_class=True, sampler="halves", mixup=1.0, augment=True
    ),
    "half synthetic until 0.7, then logit adjustment + augmentation": Arm(
        share=1.0, every_class=True, sampler="sources", adjust=1.0, synthetic_until=0.7, late_sampler="shuffled",
        augment=True,
    ),
    "half synthetic + Mixup until 0.8, then Mixup-DRW + augmentation": Arm(
        share=1.0, every_class=True, sampler="halves", mixup=1.0, synthetic_until=0.8, late_sampler="shuffled",
        reweight_from=0.8, augment=True,
    ),
    "synthetic only + augmentation": Arm(share=1.0, real=False, augment=True),
}  # fmt: skip

# For series. Augmentation is left out: what it may do to a signal is not known in general.
SERIES_ARMS: dict[str, Arm] = {
    "nothing": Arm(),
    "weights": Arm(sampler="balanced"),
    "logit adjustment": Arm(adjust=1.0),
    "SMOTE": Arm(share=1.0, maker="smote"),
    "blend 0.25": Arm(share=0.25),
    "blend 0.5": Arm(share=0.5),
    "blend 1": Arm(share=1.0),
    "blend 0.5 + weights": Arm(share=0.5, sampler="balanced"),
    "blend 0.5 + logit adjustment": Arm(share=0.5, adjust=1.0),
    "blend 1 until 0.7, then weights": Arm(share=1.0, synthetic_until=0.7),
    "half synthetic + weights": Arm(share=1.0, every_class=True, sampler="halves"),
    "synthetic only": Arm(share=1.0, real=False),
}


def chosen_arms(given: Any, known: Mapping[str, Arm], samplers: Iterable[str], makers: Iterable[str]) -> dict[str, Arm]:
    """The arms asked for: all, some by name, or a dict of names to arms (or names).

    Raises
    ------
    InvalidParameterError, InvalidTypeError
        For an unknown name, or an arm that makes no sense.
    """
    if given is None:
        return dict(known)
    pairs = given.items() if isinstance(given, Mapping) else [(name, name) for name in given]
    found: dict[str, Arm] = {}
    for name, arm in pairs:
        if not isinstance(name, str) or not isinstance(arm, (str, Arm)):
            raise InvalidTypeError(f"arms[{name!r}]={arm!r} must be an Arm, under a name, or the name of one")
        if isinstance(arm, str):
            arm = known[validation.choice("arms", arm, known)]
        _check(name, arm, samplers, makers)
        found[name] = arm
    if not found:
        raise InvalidParameterError("arms is empty; name at least one")
    return found


def _check(name: str, arm: Arm, samplers: Iterable[str], makers: Iterable[str]) -> None:
    for field in ("share", "reweight_from", "synthetic_until"):
        validation.number(f"arms[{name!r}].{field}", getattr(arm, field), 0, 1)
    for field in ("adjust", "mixup", "weight"):
        validation.number(f"arms[{name!r}].{field}", getattr(arm, field), 0)
    for field in ("sampler", "late_sampler"):
        validation.choice(f"arms[{name!r}].{field}", getattr(arm, field), samplers)
    validation.choice(f"arms[{name!r}].maker", arm.maker, makers)
    if not arm.real and not (arm.uses_generator and arm.synthetic_until == 1):
        raise InvalidParameterError(f"arms[{name!r}] has no real items: give it share > 0 of a generator's, to the end")
