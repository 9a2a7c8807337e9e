"""Fitting all columns of a table: each alone first, then those of many levels by what stands beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ganaug.codecs.checks import describe
from ganaug.codecs.columns import Column, fit_column
from ganaug.codecs.dtypes import Face
from ganaug.codecs.layout import Layout
from ganaug.codecs.many import ManyModel
from ganaug.codecs.plain import Array, Plain, Table
from ganaug.codecs.suspects import suspicion
from ganaug.exceptions import DataWarning
from ganaug.seeding import child_seed, numpy_generator
from ganaug.surroundings import warn
from ganaug.types import FloatArray

__all__ = ["fit_columns"]

_MAX_CONTEXT_ROWS = 100_000


def fit_columns(
    table: Table,
    faces: list[Face],
    labels: Array | None,
    seed: int,
    keep_range: bool,
    whole: Sequence[Any] | None = None,
) -> list[Column]:
    """Fit every column; warns of columns that should not be learnt from, unless ``whole`` says which are states."""
    names = range(table.n_columns) if table.names is None else table.names
    one_block = set() if whole is None else {j for j, name in enumerate(names) if name in whole}
    columns: list[Column | None] = []
    waiting: dict[int, Plain] = {}
    for j, face in enumerate(faces):
        plain = face.read(table.get(j))
        columns.append(fit_column(face, plain, seed, j, keep_range, j in one_block))
        if columns[j] is None:
            waiting[j] = plain
        reason = suspicion(face, plain) if whole is None else ""
        if reason:
            warn(f"{describe(table.names, j)} {reason}", DataWarning)
        remark = getattr(face, "remark", None)
        if remark:
            warn(f"{describe(table.names, j)} {remark}", DataWarning)
    if waiting:
        rows = np.arange(table.n_rows)
        if table.n_rows > _MAX_CONTEXT_ROWS:
            chosen = numpy_generator(seed, "context").choice(table.n_rows, _MAX_CONTEXT_ROWS, replace=False)
            rows = np.sort(chosen)
        context = _context(table, columns, rows)
        part = None if labels is None else labels[rows]
        for j, plain in waiting.items():
            own = child_seed(seed, "many", j)
            model = ManyModel.fit(plain, len(faces[j].levels), context, rows, part, own)
            columns[j] = Column(faces[j], model)
    return [column for column in columns if column is not None]


def _context(table: Table, columns: list[Column | None], rows: Array) -> FloatArray:
    """The encoding of the columns that are fitted already, at some rows."""
    known = [(j, column) for j, column in enumerate(columns) if column is not None]
    layout = Layout.of([(c.model.n_scalars, c.model.n_states) for _, c in known])
    Z = np.zeros((len(rows), layout.width), dtype=np.float32)
    for position, (j, column) in enumerate(known):
        scores, states = column.model.encode(column.face.read(table.get(j)).take(rows))
        layout.write(Z, position, scores, states)
    return Z
