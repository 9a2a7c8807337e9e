"""The data's two faces: what the owner sees, and the float32 matrix that a network sees."""

from ganaug.codecs.compact import CompactTableCodec
from ganaug.codecs.labels import LabelCodec
from ganaug.codecs.table import TableCodec

__all__ = ["CompactTableCodec", "LabelCodec", "TableCodec"]
