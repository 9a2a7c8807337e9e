"""Estimators: fit, sample, score, save. `load` reads what any of them wrote; a `GAN` takes a `Modality` of your own."""

from ganaug.estimators.custom import GAN, register
from ganaug.estimators.images import ImageGAN
from ganaug.estimators.modality import Codec, Modality
from ganaug.estimators.painter import DefectPainter
from ganaug.estimators.saving import load
from ganaug.estimators.series import SeriesGAN
from ganaug.estimators.smoothing import SmoothedBootstrap
from ganaug.estimators.tabular import TabularGAN
from ganaug.estimators.translator import ImageTranslator

__all__ = [
    "GAN",
    "Codec",
    "DefectPainter",
    "ImageGAN",
    "ImageTranslator",
    "Modality",
    "SeriesGAN",
    "SmoothedBootstrap",
    "TabularGAN",
    "load",
    "register",
]
