"""The grid a column's numbers stand on: whole numbers, two decimals, steps of 0.5, full days."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ganaug.codecs.plain import Array

__all__ = ["Grid", "float_grid", "integer_step"]

_MAX_DECIMALS = 6
_PROBE = 64


@dataclass(frozen=True)
class Grid:
    """Floats of the form ``(base + k * step) / 10**decimals`` with whole ``k``, and ``base`` in ``0..step - 1``."""

    decimals: int
    base: int
    step: int

    def snap(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """The nearest grid points, exactly as the decimal number would be parsed."""
        unit = 10.0**self.decimals
        k = np.rint((values * unit - self.base) / self.step) * self.step + self.base
        return np.asarray(k / unit, dtype=np.float64)

    def whole(self, values: Array) -> npt.NDArray[np.int64]:
        """Values of the grid as whole numbers of its last decimal."""
        return np.asarray(np.rint(values * 10.0**self.decimals), np.int64)

    def holds(self, values: Array, dtype: np.dtype[Any]) -> bool:
        """Whether all values, in the column's own dtype, stand on the grid."""
        return bool(np.array_equal(self.snap(values).astype(dtype), values.astype(dtype)))

    def to_json(self) -> dict[str, Any]:
        """The three numbers."""
        return asdict(self)


def float_grid(distinct: Array, dtype: np.dtype[Any]) -> Grid | None:
    """Find the coarsest decimal grid that holds every value.

    Parameters
    ----------
    distinct : ndarray of shape (m,), dtype float64
        The values, each once.
    dtype : dtype
        The column's own float dtype: 0.1 as float32 is on the grid of one decimal.

    Returns
    -------
    Grid or None
        None where six decimals do not suffice.
    """
    probe = distinct[:: max(1, len(distinct) // _PROBE)]
    top = float(max(abs(distinct[0]), abs(distinct[-1]))) if len(distinct) else 0.0
    # beyond 2**53 a scaled value is no longer a whole float64
    most = next((d for d in range(_MAX_DECIMALS, -1, -1) if top * 10.0**d < 2.0**53), None)
    if most is None or not _fits(probe, most, dtype):
        return None
    for decimals in range(most + 1):
        if _fits(probe, decimals, dtype) and _fits(distinct, decimals, dtype):
            whole = np.rint(distinct * 10.0**decimals).astype(np.int64)
            step = integer_step(np.abs(whole - whole[0]).astype(np.uint64))
            return Grid(decimals, int(whole[0]) % step, step)
    return None


def _fits(values: Array, decimals: int, dtype: np.dtype[Any]) -> bool:
    unit = 10.0**decimals
    return bool(np.array_equal((np.rint(values * unit) / unit).astype(dtype), values.astype(dtype)))


def integer_step(deltas: Array) -> int:
    """The greatest common divisor of unsigned distances, at least 1."""
    if len(deltas) > _PROBE and np.gcd.reduce(deltas[:: len(deltas) // _PROBE]) == 1:
        return 1
    return max(1, int(np.gcd.reduce(deltas))) if len(deltas) else 1
