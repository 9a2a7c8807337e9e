"""The data's two forms: what the owner sees, and the float32 matrix that a network sees."""

from ganaug.encoding.compact import CompactTableCodec
from ganaug.encoding.labels import LabelCodec
from ganaug.encoding.table import TableCodec

__all__ = ["CompactTableCodec", "LabelCodec", "TableCodec"]
