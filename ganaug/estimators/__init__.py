"""Estimators: fit on real samples, sample synthetic ones."""

from ganaug.estimators.bootstrap import SmoothedBootstrap
from ganaug.estimators.images import ImageGAN
from ganaug.estimators.saving import load
from ganaug.estimators.series import SeriesGAN
from ganaug.estimators.tabular import TabularGAN
from ganaug.estimators.translator import ImageTranslator

__all__ = ["ImageGAN", "ImageTranslator", "SeriesGAN", "SmoothedBootstrap", "TabularGAN", "load"]
