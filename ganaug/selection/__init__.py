"""Selection: which treatment of imbalance a classifier should get, none among the answers."""

from ganaug.selection.candidates import Blend
from ganaug.selection.classifier import AugmentedClassifier

__all__ = ["AugmentedClassifier", "Blend"]
