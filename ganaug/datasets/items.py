"""How an item of a dataset is put together: which entries are views of the sample, the label, and something else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ganaug.encoding.targets import could_be_label, is_image
from ganaug.exceptions import InvalidDataError, InvalidParameterError

__all__ = ["ItemForm"]


class ItemForm:
    """Makes items such as the one that it was made of: a tuple, list, named tuple or dict.

    Parameters
    ----------
    item : tuple, list or dict
        A real one.
    views : tuple of int or key
        Where the sample stands: several places for several views of it.
    label : int or key
        Where the label stands.
    where : str
        How messages name the item.

    Attributes
    ----------
    others : list of int or key
        The further entries, which `fill` must say something about.
    """

    def __init__(self, item: Any, views: tuple[Any, ...], label: Any, where: str) -> None:
        self.kind, self.label, self.where = type(item), label, where
        self.keys = list(item) if isinstance(item, Mapping) else list(range(len(item)))
        self.named = isinstance(item, Mapping)
        self.views = views
        self.others = [key for key in self.keys if key != label and key not in views]
        self._entries = {key: item[key] for key in self.others}
        self._fill: dict[Any, Any] = {}

    def several(self, count: int) -> None:
        """Take so many views: the sample and the further pictures are what a transform made of one image.

        Raises
        ------
        InvalidDataError
            If there is another number of pictures.
        """
        pictures = [key for key in self.keys if key in self.views or (key in self.others and self._picture(key))]
        if len(pictures) != count:
            raise InvalidDataError(
                f"transform= makes {count} views of a synthetic image, but {self.where} holds {len(pictures)} "
                f"picture(s), at {', '.join(map(repr, pictures))}; let it make as many"
            )
        self.views = tuple(pictures)
        self.others = [key for key in self.others if key not in pictures]

    def fill(self, values: Mapping[Any, Any] | None, write: Callable[[Any, Any], Any]) -> None:
        """Set what further entries of synthetic items hold.

        Parameters
        ----------
        values : dict of int or key to object, or None
            A value, or a function of the item's index.
        write : callable
            ``write(real, value)`` writes a value as the real item holds its own.

        Raises
        ------
        InvalidDataError
            If an entry has no value; it says what to give.
        InvalidParameterError
            If there is no such entry.
        """
        given = dict(values or {})
        strange = [key for key in given if key not in self.others]
        if strange:
            raise InvalidParameterError(
                f"fill= speaks of entry {strange[0]!r}, but the further entries of {self.where} are "
                f"{', '.join(map(repr, self.others)) or 'none'}"
            )
        missing = [key for key in self.others if key not in given]
        pictures = [key for key in missing if self._picture(key)]
        if pictures:
            shown = ", ".join(map(repr, pictures))
            raise InvalidDataError(
                f"{self.where} holds further pictures beside its sample, at {shown}. If they are views of one image, "
                f"give transform= what makes all {len(pictures) + len(self.views)} of one synthetic image, for "
                f"example transform=lambda image: ({', '.join(['view(image)'] * (len(pictures) + len(self.views)))}). "
                "If they belong to the real image (a mask), synthetic items have none: wrap the dataset so that its "
                "items are (sample, label)"
            )
        if missing:
            example = ", ".join(f"{key!r}: {self._example(key)}" for key in missing)
            raise InvalidDataError(
                f"{self.where} has {len(self.keys)} entries; say what synthetic items hold beside sample and label, "
                f"with fill={{{example}}} (a value, or a function of the item's index), or wrap the dataset so that "
                "its items are (sample, label)"
            )
        self._fill = {
            key: value if callable(value) else write(self._entries[key], value) for key, value in given.items()
        }
        self._write, self._like = write, {key: self._entries[key] for key, value in given.items() if callable(value)}
        self._entries = {}  # the real item is not kept

    def _picture(self, key: Any) -> bool:
        return is_image(self._entries[key])

    def _example(self, key: Any) -> str:
        value = self._entries[key]
        return repr("") if isinstance(value, str) else "-1" if could_be_label(value) else "..."

    def __call__(self, samples: list[Any], labels: list[Any], indices: list[int]) -> list[Any]:
        """Items of samples (of tuples of them, for several views) and labels, at these indices of the dataset."""
        if self.kind is tuple and self.keys == [0, 1] and self.label == 1:  # nearly all of them
            return list(zip(samples, labels, strict=True))
        return [self._item(*each) for each in zip(samples, labels, indices, strict=True)]

    def _item(self, sample: Any, label: Any, index: int) -> Any:
        parts = {
            self.label: label,
            **dict(zip(self.views, sample if len(self.views) > 1 else (sample,), strict=True)),
        }
        for key, value in self._fill.items():
            parts[key] = self._write(self._like[key], value(index)) if callable(value) else value
        if self.named:
            return {key: parts[key] for key in self.keys}
        values = [parts[key] for key in self.keys]
        if hasattr(self.kind, "_fields"):
            return self.kind(*values)
        return values if self.kind is list else tuple(values)
