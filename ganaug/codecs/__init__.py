"""The data's two faces: what the owner sees, and the float32 matrix that a network sees."""

from ganaug.codecs.labels import LabelCodec
from ganaug.codecs.table import TableCodec
from ganaug.codecs.wide import WideTableCodec

__all__ = ["LabelCodec", "TableCodec", "WideTableCodec"]
