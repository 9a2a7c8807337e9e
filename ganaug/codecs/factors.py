"""Thousands of columns of numbers as a few dozen factors, and back."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from ganaug.codecs.plain import Array
from ganaug.exceptions import ModelFileError
from ganaug.seeding import numpy_generator
from ganaug.types import FloatArray

__all__ = ["Factors"]

# Rows that the factors are learnt from: they are far fewer than the columns, or else enough.
_MAX_ROWS = 1000
_MAX_FACTORS = 64
_CHUNK = 256


@dataclass(frozen=True)
class Factors:
    """Principal components of unit variance, and what each column varies beside them.

    ``z = mean + basis @ (scale * factors) + residual * noise``: probabilistic
    principal components (Tipping and Bishop 1999) with a noise of its own for
    each column, as in factor analysis. A network of a hundred units cannot make
    the thousands of independent noises of such a table; here it needs not.

    Attributes
    ----------
    mean, residual : ndarray of shape (d,), float32
    basis : ndarray of shape (d, r), float32
        Orthonormal.
    scale : ndarray of shape (r,), float32
        Standard deviations along the basis.
    seed : int
        Of the noise, which is also a function of the factors themselves, so
        that decoding the same rows gives the same rows.
    """

    mean: FloatArray
    basis: FloatArray
    scale: FloatArray
    residual: FloatArray
    seed: int

    @classmethod
    def fit(cls, z: FloatArray, seed: int) -> Factors:
        """Learn from encoded rows. (n, d), n at least 2."""
        if len(z) > _MAX_ROWS:
            z = z[np.sort(numpy_generator(seed, "factors").choice(len(z), _MAX_ROWS, replace=False))]
        n = len(z)
        mean = z.mean(0, dtype=np.float64)
        centred = z - mean
        # through the small side: the rows' inner products have the same spectrum as the covariance
        values, vectors = np.linalg.eigh(centred @ centred.T)
        # half the rows' own number: further factors would hold single rows
        wanted = max(1, min(_MAX_FACTORS, n // 2))
        order = np.argsort(-values)[:wanted]
        order = order[values[order] > 1e-9 * max(values[order[0]], 1e-12)]
        basis = centred.T @ vectors[:, order] / np.sqrt(values[order])
        scale = np.sqrt(values[order] / (n - 1))
        explained = ((basis * scale) ** 2).sum(1)
        total = (centred**2).sum(0) / (n - 1)
        # each factor took a degree of freedom from the residual
        freedom = (n - 1) / max(1, n - 1 - len(order))
        residual = np.sqrt(np.maximum(total - explained, 0.0) * freedom)
        mean, basis, scale, residual = (a.astype(np.float32) for a in (mean, basis, scale, residual))
        return cls(mean, basis, scale, residual, seed)

    @property
    def count(self) -> int:
        """How many factors there are."""
        return len(self.scale)

    def encode(self, z: FloatArray) -> FloatArray:
        """Factors of encoded rows. (n, d) -> (n, r)."""
        out = np.empty((len(z), self.count), np.float32)
        for start in range(0, len(z), _CHUNK):
            part = slice(start, start + _CHUNK)
            # einsum without BLAS: a result must not depend on the number of threads
            out[part] = np.einsum("nd,dr->nr", z[part] - self.mean, self.basis, optimize=False)
        return out / self.scale

    def decode(self, factors: FloatArray) -> FloatArray:
        """Encoded rows of factors, with the columns' own noise. (n, r) -> (n, d)."""
        own = zlib.crc32(np.ascontiguousarray(factors, np.float32).tobytes())
        rng = numpy_generator(self.seed, "noise", own)
        out = np.empty((len(factors), len(self.mean)), np.float32)
        weighted = factors * self.scale
        for start in range(0, len(factors), _CHUNK):
            part = slice(start, start + _CHUNK)
            noise = rng.standard_normal(out[part].shape, dtype=np.float32)
            signal = np.einsum("nr,dr->nd", weighted[part], self.basis, optimize=False)
            out[part] = self.mean + signal + self.residual * noise
        return out

    def get_state(self) -> dict[str, Array]:
        """Arrays, none of them a training row."""
        return {
            "factors.mean": self.mean,
            "factors.basis": self.basis,
            "factors.scale": self.scale,
            "factors.residual": self.residual,
        }

    @classmethod
    def from_state(cls, seed: int, arrays: dict[str, Array], width: int) -> Factors:
        """The factors that `get_state` took apart, for rows of ``width`` columns.

        Raises
        ------
        ModelFileError
            If the arrays do not fit.
        """
        mean, basis, scale, residual = (arrays[f"factors.{k}"] for k in ("mean", "basis", "scale", "residual"))
        shapes = [a.shape for a in (mean, basis, scale, residual)]
        if shapes != [(width,), (width, len(scale)), (len(scale),), (width,)] or not (scale > 0).all():
            raise ModelFileError("the stored factors of a wide table do not fit its columns")
        return cls(mean, basis, scale, residual, int(seed))
