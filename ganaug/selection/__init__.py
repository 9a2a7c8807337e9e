"""Selection: how many synthetic rows a classifier should see, none among the answers."""

from ganaug.selection.blends import Blend
from ganaug.selection.classifier import AugmentedClassifier

__all__ = ["AugmentedClassifier", "Blend"]
