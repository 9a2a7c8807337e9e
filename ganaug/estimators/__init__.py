"""Estimators: fit on real samples, sample synthetic ones."""

from ganaug.estimators.bootstrap import SmoothedBootstrap
from ganaug.estimators.saving import load
from ganaug.estimators.tabular import TabularGAN

__all__ = ["SmoothedBootstrap", "TabularGAN", "load"]
