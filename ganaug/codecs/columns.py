"""One column: its face (dtype) and its model (encoding), fitted and kept together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ganaug.codecs.choice import ChoiceModel
from ganaug.codecs.dtypes import FACES, Face, face_of
from ganaug.codecs.faces import ObjectNumberFace
from ganaug.codecs.many import ManyModel
from ganaug.codecs.number import NumberModel
from ganaug.codecs.objects import DecimalFace, TimeObjectFace
from ganaug.codecs.plain import Array, Plain, State
from ganaug.codecs.values import missing_in
from ganaug.exceptions import InvalidDataError, ModelFileError

__all__ = ["MODELS", "Column", "fit_column", "read_as"]

_MAX_STATES = 32
OF_OBJECTS = (ObjectNumberFace, DecimalFace, TimeObjectFace)

MODELS: dict[str, Any] = {"number": NumberModel, "choice": ChoiceModel, "many": ManyModel}
_MODEL_NAMES = {model: name for name, model in MODELS.items()}
_FACE_NAMES = {face: name for name, face in FACES.items()}


@dataclass(frozen=True)
class Column:
    """A fitted column."""

    face: Face
    model: Any

    @property
    def kind(self) -> str:
        """Name of the model."""
        return _MODEL_NAMES[type(self.model)]

    def as_seen(self, scores: Array, states: Array) -> tuple[Array, Array]:
        """The encoding of what they decode to: rounded as the dtype and the data are."""
        if self.face.exact:
            seen: tuple[Array, Array] = self.model.as_seen(scores, states)
            return seen
        again: tuple[Array, Array] = self.model.encode(
            self.face.read(self.face.write(self.model.decode(scores, states)))
        )
        return again

    def get_state(self) -> State:
        """Config and arrays; those of the face are under ``face_``."""
        face, face_arrays = self.face.get_state()
        model, arrays = self.model.get_state()
        config = {"face": [_FACE_NAMES[type(self.face)], face], "model": [self.kind, model]}
        return config, arrays | {f"face_{key}": array for key, array in face_arrays.items()}

    @classmethod
    def from_state(cls, config: dict[str, Any], arrays: dict[str, Array]) -> Column:
        """The column that `get_state` took apart."""
        of_face = {key.removeprefix("face_"): a for key, a in arrays.items() if key.startswith("face_")}
        (face_kind, face), (model_kind, model) = config["face"], config["model"]
        column = cls(FACES[face_kind].from_state(face, of_face), MODELS[model_kind].from_state(model, arrays))
        if column.face.family == "choice" and len(column.face.levels) != column.model.n_levels:
            raise ModelFileError(f"a column of {column.model.n_levels} levels lists {len(column.face.levels)}")
        return column


def fit_column(
    face: Face, plain: Plain, seed: int, number: int, keep_range: bool, whole: bool = False
) -> Column | None:
    """Fit one column; None if it has too many levels (unless ``whole``) and must wait for the others' encoding."""
    if face.family != "choice":
        model: Any = NumberModel.fit(plain, face.inner, seed, number, keep_range, face.discrete)
        return Column(face, model)
    model = ChoiceModel.fit(plain, len(face.levels))
    return Column(face, model) if whole or model.n_states <= _MAX_STATES else None


def read_as(face: Face, raw: Any) -> Plain:
    """Read a column given after fit, in the dtype seen in fit or one that can stand in for it."""
    if raw.dtype == face.dtype:
        plain: Plain = face.read(raw)
        return plain
    if isinstance(face, OF_OBJECTS) and missing_in(raw).all():
        return face.read(np.asarray(raw, dtype=object))  # no type left to tell by
    given = face_of(raw)
    if given.family != face.family:
        message = f"has dtype {raw.dtype} but had {face.dtype} in fit; convert it back with astype"
        raise InvalidDataError(message)
    plain = face.read_as(given, raw)
    return plain
