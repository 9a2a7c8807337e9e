"""Every error and warning that ganaug raises on purpose.

Each error is a `GanaugError` and, beside it, the built-in class that
scikit-learn or Python would raise there, so that existing ``except ValueError``
clauses keep working.
"""

from __future__ import annotations

__all__ = [
    "DataWarning",
    "FewSamplesWarning",
    "GanaugError",
    "GanaugWarning",
    "InvalidDataError",
    "InvalidParameterError",
    "InvalidTypeError",
    "LabelWarning",
    "MissingDependencyError",
    "ModelFileError",
    "ModelPathError",
    "ModelPathNotFoundError",
    "TraceWarning",
    "TrainingWarning",
]


class GanaugError(Exception):
    """Base of all errors of ganaug."""


class InvalidParameterError(GanaugError, ValueError):
    """A parameter has a value that cannot work. The message lists what can."""


class InvalidDataError(GanaugError, ValueError):
    """The data cannot be learnt from. The message names the column or class."""


class InvalidTypeError(GanaugError, TypeError):
    """An argument or a column has a type that is not understood."""


class ModelFileError(GanaugError, ValueError):
    """A model file is truncated, foreign, of a newer version, or lies about its contents."""


class ModelPathError(OSError, ModelFileError):
    """The operating system refused to read or write a model file; ``errno`` says why."""


class ModelPathNotFoundError(ModelPathError, FileNotFoundError):
    """There is no such model file, or no such folder to write it into."""


class MissingDependencyError(GanaugError, ImportError):
    """An optional package is missing. The message says what to install."""


class GanaugWarning(UserWarning):
    """Base of all warnings of ganaug."""


class FewSamplesWarning(GanaugWarning):
    """A class has too few rows to train a GAN on; the message says what was done instead."""


class DataWarning(GanaugWarning):
    """A column looks as if it should not be learnt from (an identifier, free text, huge when dense)."""


class TraceWarning(GanaugWarning):
    """A model file holds traces of single training samples; the message says which, and how to be rid of them."""


class LabelWarning(GanaugWarning):
    """Names of classes differ in nothing but case or spaces."""


class TrainingWarning(GanaugWarning):
    """A training ended early, collapsed or diverged; the message says what was kept."""
