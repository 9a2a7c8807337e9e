"""Finding columns that are products, ratios or squares of others."""

from __future__ import annotations

from typing import Any

import numpy as np

from ganaug.rules.equations import LEAST_SHARE, Product
from ganaug.rules.evidence import Work
from ganaug.rules.find_equations import (
    BITS_PER_DIGIT,
    LEAST_ROWS,
    PROBES,
    Numbers,
    Span,
    nice_numbers,
    proven,
    surprise_of,
    unique,
    windows,
)
from ganaug.rules.table_view import Bits, Floats, Ints

__all__ = ["find_products"]


def find_products(numbers: Numbers, work: Work, rng: np.random.Generator) -> list[Product]:
    """Products and ratios of two columns, squares included, up to rounding and a constant factor."""
    places = [
        j for j, c in enumerate(numbers.columns) if c.is_number and len(c.distinct) > 2 and _mostly_nonzero(numbers, j)
    ]
    numbers = numbers.at(places)
    if len(numbers) < 2 or len(numbers.values) < LEAST_ROWS:
        return []
    found: list[Product] = []
    span = Span()
    for own in windows(max(len(numbers), 3), work, 3.0 * PROBES, "products"):
        part = numbers.at(own[own < len(numbers)])
        proofs = []
        triples = [(1, triple) for triple in _product_triples(part, rng, work, 1)]
        triples += [(2, triple) for triple in _product_triples(part, rng, work, 2)]
        for power, (z, x, y) in triples:
            if not work.afford(300.0 * len(numbers.values), "products"):
                break
            proof = _product(part, z, x, y, power, 2 * len(numbers) ** 3, rng)
            if proof is not None:
                proofs.append((_plainness(proof, part), proof))
        for _, proof in sorted(proofs, key=lambda pair: pair[0]):
            vector: dict[Any, float] = {proof.result: -1.0}
            for name in proof.factors:
                vector[name] = vector.get(name, 0.0) + 1.0
            for name in proof.over:
                vector[name] = vector.get(name, 0.0) - 1.0
            if not span.covers(vector):
                span.add(vector)
                found.append(proof)
    return found


def _mostly_nonzero(numbers: Numbers, place: int) -> bool:
    values = numbers.values[:, place]
    known = np.isfinite(values)
    return bool(known.sum() >= LEAST_ROWS and (values[known] != 0).mean() > 0.2)


def _product_triples(numbers: Numbers, rng: np.random.Generator, work: Work, power: int) -> list[tuple[int, int, int]]:
    """Columns z, x, y with z = k * x**power * y in some rows, whatever the constant k; the most surprising first."""
    rows = numbers.probes(rng, nonzero=True)
    V = numbers.values[rows]
    with np.errstate(divide="ignore", invalid="ignore"):
        L = np.log(np.abs(V))
        R = numbers.unit(V) / np.abs(V)
    bad = ~np.isfinite(L) | (R > 0.5)
    L, R = np.where(bad, np.nan, L), np.where(bad, np.nan, R)
    found: list[tuple[float, tuple[int, int, int]]] = []
    for i in range(len(numbers)):
        D = power * L[:4, i, None, None] + L[:4, :, None] - L[:4, None, :]  # (r, j, k)
        T = power * R[:4, i, None, None] + R[:4, :, None] + R[:4, None, :]
        close: Bits = np.asarray(~(np.abs(D[1:] - D[0]) > 1.1 * (T[1:] + T[0]) + 1e-12).any(0))
        if power == 1:
            close[:i] = False
        else:
            close[i] = False
        close[:, i] = False
        np.fill_diagonal(close, False)
        j, k = np.nonzero(close)
        if not len(j) or not work.afford(4.0 * 2 * PROBES * len(j), "products"):
            continue
        centre, keep = _centres(L[: 2 * PROBES], R[: 2 * PROBES], i, j, k, power)
        j, k, centre = j[keep], k[keep], centre[keep]
        if not len(j) or not work.afford(15.0 * len(rows) * len(j), "products"):
            continue
        x, y, z = V[:, [i]], V[:, j], V[:, k]
        scale = np.exp(-centre)
        with np.errstate(all="ignore"):
            expected = np.abs(x**power * y) * scale
            errors = [R[:, k] * np.abs(z), power * R[:, [i]] * expected, R[:, j] * expected]
            surprise = surprise_of(np.where(np.isfinite(L[:, k]), expected, np.nan), np.abs(z), errors)
        pairs = zip(surprise.tolist(), j.tolist(), k.tolist(), strict=True)
        found += [(share, (b, i, a)) for share, a, b in pairs if share <= 1]
    return [triple for _, triple in sorted(found)]


def _centres(L: Floats, R: Floats, i: int, j: Ints, k: Ints, power: int) -> tuple[Floats, Bits]:
    """The constant of each relation as a logarithm, and whether all rows but one agree on it."""
    D = power * L[:, i, None] + L[:, j] - L[:, k]
    T = power * R[:, i, None] + R[:, j] + R[:, k]
    known = np.isfinite(D)
    enough = known.sum(0) >= min(4, len(L))
    centre = np.zeros(len(j))
    if enough.any():
        centre[enough] = np.nanmedian(D[:, enough], axis=0)
    finest = np.where(known, T, np.inf).min(0)
    with np.errstate(invalid="ignore"):
        keep = enough & ((np.abs(D - centre) > 1.1 * T + finest + 1e-12).sum(0) <= 1)
    return centre, keep


def _product(numbers: Numbers, z: int, x: int, y: int, power: int, candidates: float, rng: np.random.Generator) -> Any:
    """The relation solved for the column that was computed: the one whose own rounding suffices."""
    names = [numbers.columns[k].name for k in (z, x, y)]
    a, b, c = (numbers.values[:, k] for k in (z, x, y))
    with np.errstate(all="ignore"):
        ratios = a / (b**power * c)
    ratios = ratios[np.isfinite(ratios) & (ratios != 0)]
    if len(ratios) < LEAST_ROWS:
        return None
    k = float(np.median(ratios))
    best: Any = None
    for scale, digits in unique(((v, n) for v, n in nice_numbers(k, 4) if abs(v / k - 1) < 0.02)):
        cost = 0.0 if scale == 1 else BITS_PER_DIGIT * (digits + 1)
        bases = [names[1]] * power
        forms = [Product(names[0], [*bases, names[2]], scale=scale)]
        if x != y:
            forms.append(Product(names[2], [names[0]], bases, 1 / scale))
            if power == 1:
                forms.append(Product(names[1], [names[0]], [names[2]], 1 / scale))
        for form in forms:
            proof = proven(form, numbers, candidates, rng, cost)
            if proof is not None and (best is None or _plainness(proof, numbers) < _plainness(best, numbers)):
                best = proof
        if best is not None:
            return best
    return best


def _plainness(rule: Product, numbers: Numbers) -> tuple[Any, ...]:
    """Sorts rules: only the result rounded, no factor, no fewer decimals than its parts, a product, the later column.

    Where nothing was rounded decimals tell nothing.
    """
    tight = all(absolute == 0 for absolute, _ in rule.units[1:])
    place = {column.name: j for j, column in enumerate(numbers.columns)}
    steps = [numbers.columns[place[name]].usual.step for name in rule.columns]
    computed = (steps[0] > min(steps[1:]) and not _exact(rule, numbers, place), len(rule.over)) if tight else ()
    return (not tight, rule.scale != 1, *computed, -place[rule.result])


def _exact(rule: Product, numbers: Numbers, place: dict[Any, int]) -> bool:
    """Whether the result was not rounded in nearly all rows."""
    target, *inputs = (numbers.values[:, place[name]] for name in rule.columns)
    with np.errstate(all="ignore"):
        off = np.abs(rule.compute(inputs) / target - 1)
    off = off[np.isfinite(off)]
    return bool(len(off) and (off < 1e-9).mean() >= LEAST_SHARE)
