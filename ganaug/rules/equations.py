"""Rules by which one column is computed from others: sums, products, copies, curves."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np

from ganaug.encoding.serialization import from_json, to_json
from ganaug.exceptions import InvalidParameterError
from ganaug.rules.base_rule import Rule, label, named, names_from_json, names_json, number_text, numeric, value_text
from ganaug.rules.table_view import Bits, Floats, TableView

__all__ = ["LEAST_SHARE", "Copy", "Equation", "Monotone", "PerCategory", "Product", "Sum"]

# Real tables have a few filler rows (0, -9999) in which a computed column was never computed.
LEAST_SHARE = 0.995
_LEAST_ROWS, _MOSTLY = 30, 0.9
# Beyond rounding: the order in which a sum was added up.
_SLACK = 1 + 1e-9


@dataclass(frozen=True)
class Equation(Rule):
    """A column that is computed from others, up to rounding.

    ``units`` holds, for the target and each input, half of its last digit: absolute and relative.
    """

    units: tuple[tuple[float, float], ...] = field(default=(), init=False, compare=False, repr=False)

    @property
    def target(self) -> Hashable:
        """The column that is computed."""
        return self.columns[0]

    @property
    def inputs(self) -> tuple[Hashable, ...]:
        """The columns that it is computed from."""
        return self.columns[1:]

    @abstractmethod
    def compute(self, inputs: list[Floats]) -> Floats:
        """The target from its inputs, not rounded; NaN where one is missing. Each of shape (n,)."""

    @abstractmethod
    def slopes(self, inputs: list[Floats]) -> list[Floats]:
        """How much the target moves with each input, as absolute values."""

    def check(self, view: TableView) -> None:
        """Raise InvalidDataError if a column is not there or holds text."""
        for name in self.numbers:
            numeric(view, name, str(self))

    def residuals(self, target: Floats, inputs: list[Floats], units: Any) -> tuple[Floats, Floats]:
        """How far the target is off, and how far it may be. (n,), (n,)."""
        with np.errstate(all="ignore"):
            expected = self.compute(inputs)
            allowed = units[0][0] + units[0][1] * np.maximum(np.abs(target), np.abs(expected))
            for values, slope, (absolute, relative) in zip(inputs, self.slopes(inputs), units[1:], strict=True):
                allowed = allowed + slope * (absolute + relative * np.abs(values))
            return np.abs(target - expected), allowed * _SLACK

    def kept_by(self, target: Floats, inputs: list[Floats], units: object = None) -> Bits:
        """Which rows keep it, missing ones and those that cannot be computed included. (n,)."""
        off, allowed = self.residuals(target, inputs, self.units if units is None else units)
        return np.asarray(~(off > allowed) | ~np.isfinite(off))

    def _values(self, view: TableView) -> tuple[Floats, list[Floats]]:
        return view.column(self.target).number, self.read(view)

    def read(self, table: Any) -> list[Floats]:
        """What `compute` takes, of a table whose ``column(name)`` is a ``ColumnView``. Each of shape (n,)."""
        return [table.column(name).number for name in self.inputs]

    @property
    def numbers(self) -> tuple[Hashable, ...]:
        """Those of its columns that must not hold text."""
        return self.columns

    def keeps(self, view: TableView) -> Bits:
        """Which rows keep it; see ``Rule.keeps``. (n,)."""
        units = self.units or self.fitting_units(view)
        return self.kept_by(*self._values(view), units)

    def fitting_units(self, view: TableView) -> tuple[tuple[float, float], ...]:
        """Half a last digit of the target alone, or of the inputs as well where that is needed."""
        precisions = [view.column(name).usual for name in self.columns]
        tight = (precisions[0].unit, *((0.0, p.epsilon) for p in precisions[1:]))
        target, inputs = self._values(view)
        known = np.isfinite(target) & np.logical_and.reduce([np.isfinite(values) for values in inputs])
        loose = tuple(p.unit for p in precisions)
        kept, kept_loosely = (self.kept_by(target, inputs, units)[known] for units in (tight, loose))
        # rounded inputs show in many rows; a few rows that are off are errors
        rounded = len(kept) >= _LEAST_ROWS and kept.mean() < _MOSTLY and kept_loosely.mean() >= LEAST_SHARE
        return loose if rounded else tight

    def _learn(self, view: TableView) -> Self:
        return self if self.units else self._with(units=self.fitting_units(view))

    def _tolerant(self, tolerance: float | None, n_columns: int) -> None:
        if tolerance is None:
            return
        if not np.isfinite(tolerance) or tolerance < 0:
            raise InvalidParameterError(f"tolerance={tolerance!r} is no number of at least 0")
        units = ((float(tolerance), 4e-15), *[(0.0, 4e-15)] * (n_columns - 1))
        object.__setattr__(self, "units", units)

    def _to(self) -> str:
        given = getattr(self, "tolerance", None)
        if not self.units or self.units[0][0] <= 0 or (self.units[0][0] >= 0.5 and given is None):
            return ""  # whole numbers go without saying
        return f" (to {number_text(2 * self.units[0][0] if given is None else given)})"

    def _learnt_json(self) -> dict[str, Any]:
        return {"units": [list(unit) for unit in self.units]}

    def _take_learnt(self, stored: dict[str, Any]) -> Self:
        return self._with(units=tuple((float(a), float(r)) for a, r in stored["units"]))


def _finite(parameter: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not np.isfinite(number):
        raise InvalidParameterError(f"{parameter}={value!r} is no number")
    return number


@dataclass(frozen=True)
class Sum(Equation):
    """One column is the sum of others, or their difference, or a sum with factors.

    Parameters
    ----------
    total : hashable
        The column that is the sum.
    parts : list of hashable, or dict of hashable to float
        The columns that are added up; with a dict, each times its factor.
    coefficients : list of float, optional
        The factors, where ``parts`` is a list. 1 by default; -1 subtracts.
    offset : float, default=0
        Added to the sum.
    tolerance : float, optional
        How far a row may be off. By default as far as the columns are rounded.

    Examples
    --------
    >>> import pandas as pd
    >>> from ganaug import Sum
    >>> X = pd.DataFrame({"gross": [11.9, 23.8, 5.0], "net": [10.0, 20.0, 1.0], "vat": [1.9, 3.8, 0.5]})
    >>> rule = Sum("gross", ["net", "vat"])
    >>> print(rule)
    gross = net + vat
    >>> rule.holds(X)
    array([ True,  True, False])
    >>> print(Sum("minutes", {"hours": 60, "rest": 1}))
    minutes = 60 * hours + rest
    """

    total: Hashable
    parts: Any
    coefficients: Any = None
    offset: float = 0.0
    tolerance: float | None = None

    kind: ClassVar[str] = "sum"

    def __post_init__(self) -> None:
        factors = self.coefficients
        if isinstance(self.parts, Mapping):
            if factors is not None:
                raise InvalidParameterError("coefficients goes with a list of parts; the dict has them already")
            factors = list(self.parts.values())
        parts = named("parts", self.parts)
        factors = [1.0] * len(parts) if factors is None else [_finite("coefficients", f) for f in factors]
        if len(factors) != len(parts):
            raise InvalidParameterError(f"{len(factors)} coefficients for {len(parts)} parts; give one for each")
        if self.total in parts:
            raise InvalidParameterError(f"{self.total!r} is the total and a part; a column cannot be both")
        if 0.0 in factors:
            raise InvalidParameterError("a coefficient is 0; leave that part out")
        object.__setattr__(self, "parts", tuple(parts))
        object.__setattr__(self, "coefficients", tuple(factors))
        object.__setattr__(self, "offset", _finite("offset", self.offset))
        self._tolerant(self.tolerance, 1 + len(parts))

    @property
    def columns(self) -> tuple[Hashable, ...]:
        """The total, then the parts."""
        return (self.total, *self.parts)

    def compute(self, inputs: list[Floats]) -> Floats:
        """Offset and parts, added up. (n,)."""
        total = self.offset + self.coefficients[0] * inputs[0]
        for factor, values in zip(self.coefficients[1:], inputs[1:], strict=True):
            total = total + factor * values
        return np.asarray(total)

    def slopes(self, inputs: list[Floats]) -> list[Floats]:
        """The coefficients."""
        return [np.asarray(abs(factor)) for factor in self.coefficients]

    def __str__(self) -> str:
        text = _terms(list(zip(self.coefficients, map(label, self.parts), strict=True)), self.offset)
        return f"{label(self.total)} = {text}{self._to()}"

    def _to_json(self) -> dict[str, Any]:
        own = {"coefficients": list(self.coefficients), "offset": self.offset, "tolerance": self.tolerance}
        return {"names": names_json(self.columns), **own, **self._learnt_json()}

    @classmethod
    def _from_json(cls, stored: dict[str, Any]) -> Self:
        total, *parts = names_from_json(stored["names"])
        rule = cls(total, parts, stored["coefficients"], stored["offset"], stored["tolerance"])
        return rule._take_learnt(stored)


def _terms(terms: list[tuple[float, str]], offset: float) -> str:
    # what is subtracted comes last: 9 - x
    ordered = sorted([*terms, *([(offset, "")] if offset else [])], key=lambda term: term[0] < 0)
    text = ""
    for factor, name in ordered:
        sign = "-" if factor < 0 else "+"
        size = number_text(abs(factor))
        term = size if not name else name if abs(factor) == 1 else f"{size} * {name}"
        text += f" {sign} {term}" if text else (f"-{term}" if factor < 0 else term)
    return text


@dataclass(frozen=True)
class Product(Equation):
    """One column is the product of others, or their ratio.

    Parameters
    ----------
    result : hashable
        The column that is the product.
    factors : list of hashable
        The columns that are multiplied. May be empty where ``over`` is not.
    over : list of hashable, default=()
        The columns that it is divided by.
    scale : float, default=1
        Another factor: 100 for a percentage.
    tolerance : float, optional
        How far a row may be off. By default as far as the columns are rounded.

    Examples
    --------
    >>> import pandas as pd
    >>> from ganaug import Product
    >>> X = pd.DataFrame({"area": [6, 20, 9], "height": [2, 4, 3], "length": [3, 5, 4]})
    >>> rule = Product("area", ["height", "length"])
    >>> print(rule, rule.holds(X))
    area = height * length [ True  True False]
    >>> print(Product("bmi", ["kg"], over=["metres", "metres"]))
    bmi = kg / metres**2
    """

    result: Hashable
    factors: Any = ()
    over: Any = ()
    scale: float = 1.0
    tolerance: float | None = None

    kind: ClassVar[str] = "product"

    def __post_init__(self) -> None:
        for parameter in ("factors", "over"):
            value = getattr(self, parameter)
            if isinstance(value, str) or not hasattr(value, "__iter__"):
                raise InvalidParameterError(f"{parameter}={value!r} is no list of column names; write [{value!r}]")
            object.__setattr__(self, parameter, tuple(value))
        if not self.factors and not self.over:
            raise InvalidParameterError(
                "factors and over are empty; name the columns that are multiplied or divided by"
            )
        if self.result in (*self.factors, *self.over):
            raise InvalidParameterError(f"{self.result!r} is the result and a factor; a column cannot be both")
        object.__setattr__(self, "scale", _finite("scale", self.scale))
        if not self.scale:
            raise InvalidParameterError("scale=0 makes every product 0; give another number")
        self._tolerant(self.tolerance, len(self.columns))

    @property
    def columns(self) -> tuple[Hashable, ...]:
        """The result, then the factors and divisors, each once."""
        return tuple(dict.fromkeys((self.result, *self.factors, *self.over)))

    def _powers(self) -> list[int]:
        return [self.factors.count(name) - self.over.count(name) for name in self.inputs]

    def compute(self, inputs: list[Floats]) -> Floats:
        """Scale, times the factors, divided by the divisors. (n,)."""
        with np.errstate(all="ignore"):
            product = np.full(len(inputs[0]), self.scale)
            for power, values in zip(self._powers(), inputs, strict=True):
                for _ in range(max(power, 0)):
                    product = product * values
            for power, values in zip(self._powers(), inputs, strict=True):
                for _ in range(max(-power, 0)):
                    product = product / values
        return product

    def slopes(self, inputs: list[Floats]) -> list[Floats]:
        """The product without each input, times its power."""
        with np.errstate(all="ignore"):
            found = []
            for place, power in enumerate(self._powers()):
                others = np.full(len(inputs[0]), abs(self.scale * power))
                for other, (p, values) in enumerate(zip(self._powers(), inputs, strict=True)):
                    exponent = p - 1 if other == place else p
                    others = others * np.abs(values) ** float(exponent) if exponent else others
                found.append(others)
            return found

    def __str__(self) -> str:
        parts, over = (_powers(side) for side in (self.factors, self.over))
        parts = parts if self.scale == 1 and parts else [number_text(self.scale), *parts]
        text = " * ".join(parts) + "".join(f" / {part}" for part in over)
        return f"{label(self.result)} = {text}{self._to()}"

    def _to_json(self) -> dict[str, Any]:
        own = {"over": names_json(self.over), "scale": self.scale, "tolerance": self.tolerance}
        return {"names": names_json((self.result, *self.factors)), **own, **self._learnt_json()}

    @classmethod
    def _from_json(cls, stored: dict[str, Any]) -> Self:
        result, *factors = names_from_json(stored["names"])
        over = names_from_json(stored["over"])
        return cls(result, factors, over, stored["scale"], stored["tolerance"])._take_learnt(stored)


def _powers(names: tuple[Hashable, ...]) -> list[str]:
    """Each name once, with how often it is a factor."""
    found = []
    for name in dict.fromkeys(names):
        power = names.count(name)
        found.append(label(name) if power == 1 else f"{label(name)}**{power}")
    return found


@dataclass(frozen=True)
class Copy(Equation):
    """One column is another one, perhaps in other units.

    Parameters
    ----------
    column : hashable
        The copy.
    of : hashable
        What it is a copy of.
    scale : float, default=1
        Factor: ``column = scale * of + offset``.
    offset : float, default=0
        Added to it.
    tolerance : float, optional
        How far a row may be off. By default as far as the columns are rounded.

    Examples
    --------
    >>> import pandas as pd
    >>> from ganaug import Copy
    >>> X = pd.DataFrame({"km": [1.0, 2.5, 4.0], "m": [1000, 2500, 4001]})
    >>> rule = Copy("m", of="km", scale=1000)
    >>> print(rule, rule.holds(X))
    m = 1000 * km [ True  True False]
    """

    column: Hashable
    of: Hashable
    scale: float = 1.0
    offset: float = 0.0
    tolerance: float | None = None

    kind: ClassVar[str] = "copy"

    def __post_init__(self) -> None:
        if self.column == self.of:
            raise InvalidParameterError(f"{self.column!r} is a copy of itself; name two columns")
        object.__setattr__(self, "scale", _finite("scale", self.scale))
        object.__setattr__(self, "offset", _finite("offset", self.offset))
        if not self.scale:
            raise InvalidParameterError("scale=0 makes a constant of the copy; give another number")
        self._tolerant(self.tolerance, 2)

    @property
    def columns(self) -> tuple[Hashable, ...]:
        """The copy and what it is a copy of."""
        return (self.column, self.of)

    @property
    def plain(self) -> bool:
        """Whether it is the very same value."""
        return self.scale == 1 and self.offset == 0

    def compute(self, inputs: list[Floats]) -> Floats:
        """Scale times the original, plus the offset. (n,)."""
        return np.asarray(self.scale * inputs[0] + self.offset)

    def slopes(self, inputs: list[Floats]) -> list[Floats]:
        """The scale."""
        return [np.asarray(abs(self.scale))]

    def _texts(self, view: TableView) -> bool:
        return self.plain and all(view.column(name).is_choice for name in self.columns)

    def check(self, view: TableView) -> None:
        """Raise InvalidDataError if a column is not there, or text is to be computed with."""
        if not self._texts(view):
            super().check(view)

    def keeps(self, view: TableView) -> Bits:
        """Which rows keep it; see ``Rule.keeps``. (n,)."""
        if not self._texts(view):
            return super().keeps(view)
        copy, original = view.column(self.column), view.column(self.of)
        levels = [*original.levels, *copy.levels]
        same = copy.codes(levels) == original.codes(levels)
        return np.asarray(same | copy.missing | original.missing)

    def _learn(self, view: TableView) -> Self:
        return self if self._texts(view) else super()._learn(view)

    def __str__(self) -> str:
        return f"{label(self.column)} = {_terms([(self.scale, label(self.of))], self.offset)}{self._to()}"

    def _to_json(self) -> dict[str, Any]:
        own = {"scale": self.scale, "offset": self.offset, "tolerance": self.tolerance}
        return {"names": names_json(self.columns), **own, **self._learnt_json()}

    @classmethod
    def _from_json(cls, stored: dict[str, Any]) -> Self:
        column, of = names_from_json(stored["names"])
        return cls(column, of, stored["scale"], stored["offset"], stored["tolerance"])._take_learnt(stored)


@dataclass(frozen=True)
class Monotone(Equation):
    """One column rises, or falls, with another along one curve.

    Found by `find_rules`; the curve is kept as at most 64 knots, and a row keeps the rule within ``tolerance`` of it.

    Parameters
    ----------
    column : hashable
        What follows the curve.
    of : hashable
        What it follows.
    knots : tuple of (tuple of float, tuple of float)
        Where the curve bends: values of ``of``, increasing, and of ``column``.
    tolerance : float
        How far from the curve a row may be.

    Examples
    --------
    >>> import pandas as pd
    >>> from ganaug.rules import Monotone
    >>> rule = Monotone("price", "size", knots=((0, 10), (0, 100)), tolerance=1)
    >>> print(rule, rule.holds(pd.DataFrame({"size": [1, 2], "price": [10.0, 30.0]})))
    price rises with size (to 1) [ True False]
    """

    column: Hashable
    of: Hashable
    knots: Any
    tolerance: float = 0.0

    kind: ClassVar[str] = "monotone"

    def __post_init__(self) -> None:
        x, y = (tuple(map(float, side)) for side in self.knots)
        object.__setattr__(self, "knots", (x, y))
        self._tolerant(self.tolerance, 2)

    @property
    def columns(self) -> tuple[Hashable, ...]:
        """What follows the curve, and what it follows."""
        return (self.column, self.of)

    def compute(self, inputs: list[Floats]) -> Floats:
        """Between the knots. (n,)."""
        return np.asarray(np.interp(inputs[0], *self.knots))

    def slopes(self, inputs: list[Floats]) -> list[Floats]:
        """None: the tolerance says it all."""
        return [np.asarray(0.0)]

    def widened(self, view: TableView, most: float = 3.0) -> Self:
        """The same curve with a tolerance that all rows keep, if it takes at most so many times the old one."""
        target, inputs = self._values(view)
        off = np.abs(target - self.compute(inputs))
        worst = float(off[np.isfinite(off)].max(initial=0.0))
        if not self.tolerance < worst <= most * self.tolerance:
            return self
        return type(self)(self.column, self.of, self.knots, float(f"{1.05 * worst:.1e}"))

    def __str__(self) -> str:
        way = "rises" if self.knots[1][-1] >= self.knots[1][0] else "falls"
        return f"{label(self.column)} {way} with {label(self.of)} (to {number_text(self.tolerance)})"

    def _to_json(self) -> dict[str, Any]:
        return {
            "names": [to_json(name) for name in self.columns],
            "knots": [list(side) for side in self.knots],
            "tolerance": self.tolerance,
        }

    @classmethod
    def _from_json(cls, stored: dict[str, Any]) -> Self:
        column, of = (from_json(name) for name in stored["names"])
        return cls(column, of, stored["knots"], stored["tolerance"])


_SHOWN = 3


@dataclass(frozen=True)
class PerCategory(Equation):
    """One column is another one times a factor, and plus a constant, that a category says.

    Parameters
    ----------
    column : hashable
        What is computed.
    of : hashable
        What it is computed from.
    category : hashable
        The column that says how: text, categories or numbers.
    levels : dict of category to float or (float, float)
        The factor of each, or the factor and the constant. Of other categories nothing is said.
    tolerance : float, optional
        How far a row may be off. By default as far as the columns are rounded.

    Raises
    ------
    InvalidParameterError
        If two of the columns are one, or if ``levels`` is no dict of finite factors, or of them and constants.

    Examples
    --------
    >>> import pandas as pd
    >>> from ganaug.rules import PerCategory
    >>> X = pd.DataFrame({"net": [100, 50, 50], "land": ["DE", "FR", "FR"], "tax": [19, 10, 9]})
    >>> rule = PerCategory("tax", "net", "land", {"DE": 0.19, "FR": 0.2})
    >>> print(rule)
    tax = 0.19 * net where land is "DE", 0.2 * net where "FR"
    >>> rule.holds(X)
    array([ True,  True, False])
    """

    column: Hashable
    of: Hashable
    category: Hashable
    levels: Any
    tolerance: float | None = None

    kind: ClassVar[str] = "per category"

    def __post_init__(self) -> None:
        if len(set(self.columns)) < 3:
            raise InvalidParameterError(f"{self.column!r}, {self.of!r} and {self.category!r} are not different columns")
        if not isinstance(self.levels, Mapping) or not self.levels:
            raise InvalidParameterError(f"levels={self.levels!r} is no dict of category to factor")
        pairs = {
            level: tuple(said) if isinstance(said, (tuple, list)) else (said, 0.0)
            for level, said in self.levels.items()
        }
        if any(len(pair) != 2 for pair in pairs.values()):
            raise InvalidParameterError("levels has a value that is neither a factor nor (factor, constant)")
        found = {level: (_finite("levels", a), _finite("levels", b)) for level, (a, b) in pairs.items()}
        object.__setattr__(self, "levels", found)
        self._tolerant(self.tolerance, 3)

    @property
    def columns(self) -> tuple[Hashable, ...]:
        """What is computed, what from, and the category."""
        return (self.column, self.of, self.category)

    @property
    def numbers(self) -> tuple[Hashable, ...]:
        """Those of its columns that must not hold text."""
        return (self.column, self.of)

    def check(self, view: TableView) -> None:
        """Raise InvalidDataError if a column is not there or holds text where numbers are needed."""
        super().check(view)
        view.column(self.category)

    def read(self, table: Any) -> list[Floats]:
        """The numbers, and the places of the rows' categories among the levels; NaN for others. (n,), (n,)."""
        codes = table.column(self.category).codes(list(self.levels))
        return [table.column(self.of).number, np.where(codes < 0, np.nan, codes.astype(np.float64))]

    def _said(self, codes: Floats) -> tuple[Floats, Floats]:
        """The factor and the constant of each row, NaN for other categories. (n,), (n,)."""
        said = np.array([*self.levels.values(), (np.nan, np.nan)])
        own = said[np.where(np.isfinite(codes), codes, -1).astype(np.int64)]
        return own[:, 0], own[:, 1]

    def compute(self, inputs: list[Floats]) -> Floats:
        """The factor times the numbers, and the constant. (n,)."""
        factor, constant = self._said(inputs[1])
        return np.asarray(factor * inputs[0] + constant)

    def slopes(self, inputs: list[Floats]) -> list[Floats]:
        """The factors; categories are not rounded."""
        return [np.abs(np.nan_to_num(self._said(inputs[1])[0])), np.zeros(len(inputs[1]))]

    def __str__(self) -> str:
        name = label(self.of)
        shown = list(self.levels.items())[:_SHOWN]
        said = [(_affine(pair, name), value_text(level)) for level, pair in shown]
        texts = [f"{said[0][0]} where {label(self.category)} is {said[0][1]}"]
        texts += [f"{formula} where {level}" for formula, level in said[1:]]
        more = len(self.levels) - len(shown)
        texts += [f"and so on for {more} more"] if more else []
        return f"{label(self.column)} = {', '.join(texts)}{self._to()}"

    def _to_json(self) -> dict[str, Any]:
        levels = [[to_json(level), *pair] for level, pair in self.levels.items()]
        own = {"levels": levels, "tolerance": self.tolerance}
        return {"names": names_json(self.columns), **own, **self._learnt_json()}

    @classmethod
    def _from_json(cls, stored: dict[str, Any]) -> Self:
        levels = {from_json(level): (a, b) for level, a, b in stored["levels"]}
        column, of, category = names_from_json(stored["names"])
        return cls(column, of, category, levels, stored["tolerance"])._take_learnt(stored)


def _affine(pair: tuple[float, float], name: str) -> str:
    factor, constant = pair
    over = 1 / factor if factor else 0.0
    if (
        factor < 1
        and over > 1
        and not constant
        and abs(over - round(over)) < 1e-9 * over
        and len(number_text(factor)) > 5
    ):
        return f"{name} / {number_text(round(over))}"
    return _terms([(factor, name)], constant) if factor else number_text(constant)
