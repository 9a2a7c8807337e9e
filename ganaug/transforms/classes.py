"""What a dataset calls a class, and what the pool calls it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ganaug.exceptions import InvalidDataError, InvalidParameterError, InvalidTypeError
from ganaug.transforms.makers import plain_label
from ganaug.transforms.pool import SamplePool

__all__ = ["ClassNames"]

MISSING = ("error", "keep")


class ClassNames:
    """The way from a label of the data to a class of the pool, and back.

    Parameters
    ----------
    classes : sequence or None
        What the labels 0, 1, ... stand for; they are matched by name where the pool knows names too. None: labels
        are the pool's own.
    missing : {"error", "keep"}
        What a label means of which the pool has no image: an error, or -1.
    """

    def __init__(self, classes: Sequence[Any] | None, missing: str) -> None:
        if isinstance(classes, str):
            raise InvalidTypeError(f"classes={classes!r} is a string; give the list of names, dataset.classes")
        if missing not in MISSING:
            raise InvalidParameterError(f"missing={missing!r} is unknown; choose one of: 'error', 'keep'")
        self.classes = None if classes is None else [plain_label(name) for name in classes]
        self.missing = missing

    def check(self, pool: SamplePool) -> None:
        """Refuse a pool of other classes."""
        if self.classes is None:
            return
        named = [pool.class_names.get(label, label) for label in pool.labels]
        strange = [name for name in named if name not in self.classes]
        if strange and not any(isinstance(name, str) for name in named) and isinstance(self.classes[0], str):
            raise InvalidDataError(
                f"the generator makes {', '.join(map(repr, strange[:5]))} and does not know what these classes are "
                "called, so that classes= cannot be matched with them; leave it out if the batches' labels are these "
                "numbers, or fit the generator on a dataset with .classes"
            )
        if strange:
            raise InvalidDataError(
                f"the generator makes {', '.join(map(repr, strange[:5]))}, and classes= has only "
                f"{', '.join(map(repr, self.classes[:10]))}: it was trained on other classes"
            )

    def code(self, label: Any, pool: SamplePool) -> int:
        """The pool's code of a label; -1 if it has no image of it and that is fine."""
        name = plain_label(label)
        if self.classes is not None and not isinstance(name, str):
            if not 0 <= name < len(self.classes):
                raise InvalidDataError(f"label {name!r} has no name among the {len(self.classes)} of classes=")
            name = self.classes[int(name)]
        code = pool.code_of(name)
        if code is not None:
            return code
        if self.missing == "keep":
            return -1
        known = ", ".join(repr(pool.class_names.get(label, label)) for label in pool.labels[:10]) + (
            ", ..." if len(pool.labels) > 10 else ""
        )
        hint = (
            "give classes=dataset.classes"
            if self.classes is None and not isinstance(name, str) and isinstance(pool.labels[0], str)
            else 'give missing="keep" to leave its images real'
        )
        raise InvalidDataError(f"the pool has no images of class {name!r}, only of {known}; {hint}")

    def batch_label(self, name: Any, pool: SamplePool) -> int:
        """The integer that stands for a class of the pool in a batch."""
        if self.classes is not None:
            return self.classes.index(pool.class_names.get(name, name))
        if isinstance(name, int):
            return int(name)
        raise InvalidDataError(f"class {name!r} has no number; give classes=dataset.classes")
