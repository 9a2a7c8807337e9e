"""What ``resample`` and ``fit`` share: words become parameters, models keep the layout of their table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ganaug.cli.layout import Layout
from ganaug.cli.outputs import whole_file

__all__ = ["load_model", "save_model"]

_KEY = "command_line"


def save_model(gan: Any, path: str, notes: dict[str, Any]) -> None:
    """Write a model file that also remembers what its data looked like on disk."""
    from ganaug.state import read_state, write_state

    with whole_file(path) as temporary:
        gan.save(temporary)
        state = read_state(temporary)
        write_state(temporary, state.kind, {**state.config, _KEY: notes}, state.arrays)


def load_model(path: str) -> tuple[Any, dict[str, Any]]:
    """A model, and what `save_model` was given to remember; nothing if Python saved it."""
    from ganaug.estimators import load
    from ganaug.state import read_state

    gan = load(path)
    notes = read_state(path).config.get(_KEY)
    return gan, notes if isinstance(notes, dict) else {}


def layout_of(notes: dict[str, Any], path: str) -> Layout | None:
    """The layout of the table that a model was trained on, if it is known."""
    return Layout.from_state(notes["layout"], path) if "layout" in notes else None


def is_folder(path: str) -> bool:
    """Whether the data is a folder of images."""
    return Path(path).is_dir()
