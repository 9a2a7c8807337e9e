"""What an attacker gets from a model file, a pickle, `score_samples`, samples, and resampled rows.

    python examples/benchmarks/attacks.py --write

A default generator is trained on a third of a data set (members); another third were not in it, and the rest is what
an attacker knows of the population. The attacks know the library's code, and every record that they ask about.
Tables are trained with the defaults; images and series for fewer steps, unless `--full` is given. `--write before`
writes the figures of an earlier version (run with its code on the path) into the part of the page kept for them.
"""

from __future__ import annotations

import argparse
import base64
import copy
import datetime
import itertools
import json
import pickle
import re
import shlex
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import reconstruction
import torch
from common import ROOT, grey_images, machine, mixed_table, numeric_table, peak_memory, series, small_images, versions
from reconstruction import auc
from scipy.spatial import cKDTree
from scipy.stats import gaussian_kde, rankdata

from ganaug.utils.determinism import child_seed, numpy_generator

PAGE = ROOT / "docs" / "attacks.md"
SECTIONS = {"now": "attacks", "before": "attacks before"}
# A sample is rebuilt where no value of it is off by more than this share of the range; two rows of one table are the
# same where their normal scores differ by no more than a cell.
TOLERANCE, CELL = 0.02, 0.0201
# Of an enumeration: sums of each half of the columns.
MOST_SUMS = 400_000


# ---- What an attacker holds ------------------------------------------------------------------------


@dataclass
class Reached:
    """Everything in a file or an object: its bytes, arrays and plain values by name, and the model that it makes."""

    raw: bytes = b""
    arrays: dict = field(default_factory=dict)
    values: dict = field(default_factory=dict)
    model: object = None


def in_file(path):
    """What a model file gives to whoever reads it."""
    import ganaug
    from ganaug.exceptions import GanaugError
    from ganaug.utils.state import read_state

    state = read_state(path)
    found = Reached(Path(path).read_bytes())
    _walk(found, "", {"config": state.config, "arrays": state.arrays}, set())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is old, or made by a few steps
        try:
            found.model = ganaug.load(path)
        except GanaugError:  # a part of a file is enough for some of the attacks
            found.model = None
    return found


def in_object(thing, raw=b""):
    """The same of an object: all that its attributes lead to."""
    found = Reached(raw, model=thing)
    _walk(found, "", thing, set())
    return found


def in_pickle(thing):
    """The same of a pickle."""
    raw = pickle.dumps(thing)
    return in_object(pickle.loads(raw), raw)  # noqa: S301 - our own bytes


def _walk(found, name, thing, seen):
    if id(thing) in seen or isinstance(thing, type) or (callable(thing) and not hasattr(thing, "__dict__")):
        return
    if isinstance(thing, (np.generic, bool, int, float, str, bytes, type(None))):
        found.values[name] = thing.item() if isinstance(thing, np.generic) else thing
        return
    seen.add(id(thing))
    if isinstance(thing, torch.Tensor):
        thing = thing.detach().cpu().numpy()
    if isinstance(thing, np.ndarray) and thing.dtype != object:
        found.arrays[name] = thing
    elif isinstance(thing, pd.DataFrame):
        _walk(found, name, {column: thing[column].to_numpy() for column in thing}, seen)
    elif isinstance(thing, (pd.Series, pd.Index)):
        _walk(found, name, thing.to_numpy(), seen)
    elif isinstance(thing, dict):
        for key, value in thing.items():
            _walk(found, f"{name}/{key}", value, seen)
    elif isinstance(thing, (list, tuple, set, frozenset, np.ndarray)):
        for place, value in enumerate(thing):
            _walk(found, f"{name}/{place}", value, seen)
    elif hasattr(thing, "__dict__"):
        _walk(found, name, dict(vars(thing)), seen)


# ---- Rebuilding ------------------------------------------------------------------------------------


def bytes_found(reached, X, *others):
    """How many samples stand in the file as bytes or text, in one of many encodings. ``others``: encoded forms."""
    raw = reached.raw
    raw += b"".join(a.tobytes() for a in reached.arrays.values()) if not raw else b""
    for text in re.findall(rb"[A-Za-z0-9+/]{64,}={0,2}", raw):  # whatever was hidden in a text
        raw += base64.b64decode(text[: len(text) // 4 * 4])
    return sum(any(part in raw for part in _encodings(row)) for row in _rows(X, *others))


def _rows(*samples):
    """For each row all forms that it has."""
    parts = [X.to_numpy(object) if isinstance(X, pd.DataFrame) else np.asarray(X) for X in samples]
    return zip(*(list(part) for part in parts), strict=True)


def _encodings(forms):
    for row in forms:
        flat = np.asarray(row).reshape(-1)
        texts = [str(value) for value in flat.tolist()]
        yield from (separator.join(texts).encode() for separator in (",", ";", "\t", ", "))
        if flat.dtype == object:
            flat = np.array([v for v in flat if isinstance(v, (int, float)) and not isinstance(v, bool)], float)
        for dtype in (flat.dtype, "f8", "f4", "f2", "u1", "i2", "i8"):
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                data = flat.astype(dtype).tobytes()
            if len(data) >= 12 and len(set(data)) > 3:  # else it is there by chance
                yield data


def inverted(reached, known):
    """Samples solved from stored projections: candidates (m, d) of one guess after the other.

    Every stored matrix may be the projections of samples along directions that are stored beside it, or that come
    from a seed in the file as the library draws them. Of fewer directions than values it is the likeliest sample, given
    ``known`` ones (n, d), which an attacker draws from the model.
    """
    d = known.shape[1]
    stored = {name: a for name, a in reached.arrays.items() if a.ndim == 2 and a.dtype.kind == "f" and min(a.shape) > 1}
    for a in stored.values():
        matrices = [b for b in stored.values() if b is not a and b.shape == (d, a.shape[1])]
        matrices += [b.T for b in stored.values() if b is not a and b.shape == (a.shape[1], d)]
        if len(a) >= 4 and 8 <= a.shape[1] <= 4 * d:
            matrices = itertools.chain(matrices, _drawn_directions(reached, d, a.shape[1]))
        yield from (_solved(a, np.asarray(m, float), known) for m in matrices if len(a) <= 20_000)


def seeds(reached):
    """Seeds in a file, and those that the library derives from them."""
    own = {v for k, v in reached.values.items() if type(v) is int and ("seed" in k or "random_state" in k) and v >= 0}
    for seed in list(own):
        for names in (("sketch",), ("curator",), ("curator", "sketch")):
            child = seed
            for name in names:
                child = child_seed(child, name)
            own.add(child)
    return sorted(own)


def _drawn_directions(reached, d, k):
    for seed in seeds(reached):
        child = child_seed(seed, "directions")
        yield torch.empty((d, k)).normal_(generator=torch.Generator().manual_seed(child)).double().numpy() / k**0.5
        yield np.random.default_rng(child).standard_normal((d, k)) / k**0.5


def _solved(projected, directions, known):
    d, k = directions.shape
    if d <= k:
        return np.linalg.lstsq(directions.T, projected.T.astype(float), rcond=None)[0].T
    mean, spread = known.mean(0), np.cov(known.T) + 1e-4 * np.eye(d)
    gain = spread @ directions @ np.linalg.pinv(directions.T @ spread @ directions)
    return mean + (projected - mean @ directions) @ gain.T


def hits(candidates, X, tolerance):
    """How many samples (n, d) some candidate (m, d) equals, but for ``tolerance`` in each value."""
    return int(hit([candidates], X, tolerance).sum())


def hit(guesses, X, tolerance):
    """Which samples (n, d) a candidate of some guess, each (m, d), equals; one guess is held at a time. (n,) bool."""
    found = np.zeros(len(X), bool)
    for candidates in guesses:
        candidates = np.asarray(candidates, float)[np.isfinite(candidates).all(1)]
        if len(candidates):
            found |= cKDTree(candidates).query(np.asarray(X, float), p=np.inf)[0] <= tolerance
    return found


def enumerated(reached, blocks, cells):
    """Encoded rows found by trying all values of all columns on the keyed hashes of rows: (m, d).

    Parameters
    ----------
    blocks : of the table's codec
    cells : list of arrays
        For each number the scores that it can have.
    """
    width = max((block.stop for block in blocks), default=0)
    integers = [
        a.view(np.uint64) for a in reached.arrays.values() if a.ndim == 1 and a.dtype.name in ("int64", "uint64")
    ]
    factors = [a for a in integers if len(a) == width and len(a) and (a > 2**32).any() and (a % 2 == 1).all()]
    hashes = [a for a in integers if len(a) >= 4 and (a > 2**40).mean() > 0.9 and not any(a is b for b in factors)]
    found = [np.zeros((0, width), np.float32)]
    for factor, wanted in itertools.product(factors, hashes):
        found += _meeting(factor, np.unique(wanted), blocks, cells, width)
    return np.concatenate(found)


def _meeting(factor, wanted, blocks, cells, width):
    """A sum over columns is two halves that meet."""
    options = [np.eye(1, width, column)[0] * cells[column][:, None] for b in blocks if b.tag == "scalar"
               for column in range(b.start, b.stop)]  # fmt: skip
    options += [np.eye(width)[b.start : b.stop] for b in blocks if b.tag == "onehot"]
    halves = [np.zeros((1, width), np.float32), np.zeros((1, width), np.float32)]
    for own in sorted(options, key=len, reverse=True):
        place = int(len(halves[1]) < len(halves[0]))
        if len(halves[place]) * len(own) > MOST_SUMS:
            return []
        halves[place] = (halves[place][:, None] + own[None].astype(np.float32)).reshape(-1, width)
    nothing = _hash(np.zeros((1, width), np.float32), factor)
    left, right = _hash(halves[0], factor), _hash(halves[1], factor) - nothing
    order = np.argsort(right)
    right = right[order]
    begins, shift = np.zeros(2**24, bool), np.uint64(40)  # few sums begin like one of the other half
    begins[right >> shift] = True
    rows = []
    for value in wanted:
        rest = value - left
        likely = np.flatnonzero(begins[rest >> shift])
        at = np.searchsorted(right, rest[likely]).clip(0, len(right) - 1)
        fits = right[at] == rest[likely]
        rows += list(halves[0][likely[fits]] + halves[1][order[at[fits]]])
    return [np.array(rows)] if rows else []


def _hash(x, factors):
    """As the library hashed encoded rows: a mixed cell of each column, added up."""
    mixed = np.floor(x.astype(np.float32) / 0.02).astype(np.int64).view(np.uint64) * factors
    mixed ^= mixed >> np.uint64(29)
    return mixed.sum(1)


def scores_of_columns(codec):
    """For each number of an encoded row the middle of each cell that a hash tells apart."""
    middles = (np.arange(-200, 201) + 0.5) * 0.02
    return [middles for block in codec.blocks if block.tag == "scalar" for _ in range(block.start, block.stop)]


def stated(reached, column):
    """Which values of a column stand exactly, in double or single precision, among the numbers of a file. (n,) bool."""
    column = np.asarray(column, float)
    numbers = _numbers(reached)
    single = np.unique(numbers.astype(np.float32))
    return np.isin(column, numbers) | (np.isin(column.astype(np.float32), single) & (column != np.rint(column)))


def _numbers(reached):
    with np.errstate(all="ignore"):
        parts = [a.ravel().astype(float) for a in reached.arrays.values() if a.dtype.kind in "fiu"]
        plain = [v for v in reached.values.values() if isinstance(v, (int, float)) and not isinstance(v, bool)]
        lows = [v for k, v in reached.values.items() if "range/0" in k or k.endswith("/low")]
        shifted = [a + v for a in parts for v in lows if isinstance(v, int) and v and len(a) < 5000]
        return np.unique(np.concatenate([*parts, *shifted, np.array([v for v in plain if abs(v) < 1e300], float)]))


def fine_columns(X, of=None):
    """Columns of numbers (of another table, if given) most of whose values occur once in X: a value is a person."""
    numbers = X.select_dtypes("number")
    fine = [c for c in numbers if numbers[c].nunique() > 0.5 * len(numbers)]
    return [(X if of is None else of)[c].to_numpy(float) for c in fine]


def knots_stated(reached, X, others):
    """Largest share of a fine column's values that stand in the file, and of the same column of others (chance)."""
    pairs = zip(fine_columns(X), fine_columns(X, others), strict=True)
    shares = [(float(stated(reached, own).mean()), float(stated(reached, theirs).mean())) for own, theirs in pairs]
    return max(shares, key=lambda pair: pair[0] - pair[1], default=(0.0, 0.0))


def extremes_stated(reached, X, others):
    """How many of the lowest and highest values of the fine columns stand in the file, of others', and how many are."""
    found = [
        stated(reached, np.array([end for column in columns for end in (column.min(), column.max())]))
        for columns in (fine_columns(X), fine_columns(X, others))
    ]
    return int(found[0].sum()), int(found[1].sum()), len(found[0])


def on_a_bound(reached, x):
    """How many encoded samples (n, d) lie exactly on a stored bound of a stored direction."""
    found = np.zeros(len(x), bool)
    matrices = [a for a in reached.arrays.values() if a.ndim == 2 and a.dtype.kind == "f" and a.shape[0] == x.shape[1]]
    for matrix in matrices:
        bounds = [a.reshape(-1, a.shape[-1]) for a in reached.arrays.values()
                  if a.ndim == 3 and a.shape[1:] == (2, matrix.shape[1])]  # fmt: skip
        for one in (row for part in bounds for row in part if np.isfinite(row).all()):
            along = np.einsum("nd,dk->nk", x, matrix.astype(np.float32))
            random = (matrix != 0).sum(0) > 1  # an axis has ties, a random direction none
            found |= (np.abs(along - one) <= 2e-6 * np.maximum(1, np.abs(one)))[:, random].any(1)
    return int(found.sum())


def from_kernels(reached):
    """Numbers of encoded rows read off the means and covariances of classes of one and two rows: (m, columns).

    The mean of one row is the row. Two rows lie to both sides of their mean, along all that they vary.
    """
    counts = [a for k, a in reached.arrays.items() if "condition_counts" in k]
    rows = []
    kernels = [k.removesuffix("centres") for k in reached.arrays if k.endswith(("beside/centres", "kernel/centres"))]
    if not kernels:
        raise ValueError("no kernel of classes was found: it stands somewhere else now")
    for kernel in kernels:
        conditions, centres, roots, widths = (
            reached.arrays[kernel + name] for name in ("conditions", "centres", "roots", "widths")
        )
        for condition, centre, root, width in zip(conditions, centres, roots, widths, strict=True):
            values, vectors = np.linalg.eigh(root.astype(float) / max(float(width), 1e-9))
            apart = vectors[:, -1] * values[-1] / 2**0.5
            rows += {1: [centre], 2: [centre - apart, centre + apart]}.get(int(counts[0][condition]), [])
    return np.array(rows, float).reshape(len(rows), -1)


def forests(model):
    """The forests that a model holds."""
    return [one for one in (getattr(c, "forest", None) for c in curators(model)) if one is not None]


def boxed(forest, x, columns):
    """Width of the box, in the given columns, that all leaves of a row leave together: (n, len(columns))."""
    low, high = np.full(x.shape, -np.inf), np.full(x.shape, np.inf)
    everyone = np.arange(len(x))
    for root in forest.roots:
        node = np.full(len(x), root)
        for _ in range(forest.depth):
            on = everyone[forest.left[node] != node]
            at, bound = forest.feature[node[on]], forest.threshold[node[on]].astype(float)
            goes_left = x[on, at] <= bound
            high[on, at] = np.where(goes_left, np.minimum(high[on, at], bound), high[on, at])
            low[on, at] = np.where(goes_left, low[on, at], np.maximum(low[on, at], bound))
            node[on] = np.where(goes_left, forest.left[node[on]], forest.right[node[on]])
    return (high - low)[:, columns]


# ---- Membership ------------------------------------------------------------------------------------


def curators(model):
    """What a model judges its samples by, if it has anything."""
    first = getattr(model, "curator_", None)
    return [c for c in (first, getattr(first, "outside", None)) if c is not None]


def file_scores(reached, X, y, x, codes):
    """What a file says of each candidate without its networks: name -> (n,), higher is more of a member.

    x : (n, ...) encoded by the file's own codec; codes : (n,) their conditions.
    """
    scores = {}
    for curator in curators(reached.model)[:1]:
        rules = object.__new__(type(curator))  # a copy would lack what the attack is after
        rules.__dict__.update(vars(curator), rules=("copies",))
        scores["copies rule"] = np.zeros(len(x))
        for code in np.unique(codes):
            scores["copies rule"][codes == code] = rules.verdict(x[codes == code], int(code)) == 1
        judge = getattr(curator, "classifier", None)
        if judge is not None:
            _, shares = judge.features_and_shares(x, curator.codec.to_network)
            scores["judge"] = shares[np.arange(len(x)), codes]
    for forest in forests(reached.model)[:1]:
        scores["forest"] = forest.predict_proba(x)[np.arange(len(x)), codes]
    sketches = list(_sketches(reached, x))
    if sketches:
        scores["nearest sketch"] = np.max(sketches, axis=0)
    columns = fine_columns(X) if isinstance(X, pd.DataFrame) else []
    if columns:
        numbers = _numbers(reached)
        scores["values stated"] = np.mean([stated(reached, column) for column in columns], axis=0)
        scores["nearest number"] = np.mean([_closeness(column, numbers) for column in columns], axis=0)
    return scores


def _closeness(column, numbers):
    at = np.searchsorted(numbers, column).clip(1, len(numbers) - 1)
    gap = np.minimum(np.abs(numbers[at] - column), np.abs(numbers[at - 1] - column))
    return -np.log10(gap / (column.std() or 1.0) + 1e-12)


def _sketches(reached, x):
    """How near each candidate is to a stored projection, for each guess of the directions."""
    if x.ndim == 2:
        return
    from ganaug.filtering.sample_filter import shrink_samples

    with torch.inference_mode():
        small = shrink_samples(reached.model.codec_.to_network(torch.from_numpy(x))).flatten(1).double().numpy()
    stored = {
        k: a for k, a in reached.arrays.items() if a.size and a.ndim == 2 and a.dtype.kind == "f" and "sketch" in k
    }
    for a in stored.values():
        for directions in _drawn_directions(reached, small.shape[1], a.shape[1]):
            yield -np.log(cKDTree(a).query(small @ directions)[0] + 1e-9)


def network_scores(model, X, y, seed=0):
    """What the stored discriminator says of each candidate: name -> (n,)."""
    scores = {"logit": model.score_samples(X, y)}
    labels = np.unique(np.asarray(y))
    if 1 < len(labels) <= 12:
        every = np.stack([model.score_samples(X, np.full(len(y), label)) for label in labels])
        scores["logit over classes"] = scores["logit"] - every.mean(0)
    size = np.linalg.norm(model.features(X, y), axis=1)
    scores |= {"large features": size, "small features": -size}
    return scores


def sample_scores(candidates, synthetic, reference):
    """What samples alone say of each candidate, in a space of plain numbers: name -> (n,).

    All (., d). The distance to the nearest sample, to the fifth, and the density of samples over that of other real
    ones (DOMIAS; van Breugel et al. 2023).
    """
    near = cKDTree(synthetic).query(candidates, k=min(5, len(synthetic)))[0].reshape(len(candidates), -1)
    theirs = cKDTree(reference).query(candidates)[0]
    scores = {
        "nearest": -near[:, 0],
        "fifth": -near[:, -1],
        "nearer than others": np.log((theirs + 1e-9) / (near[:, 0] + 1e-9)),
    }
    centre = reference.mean(0)
    _, sizes, axes = np.linalg.svd(reference - centre, full_matrices=False)
    axes = axes[: min(8, int((sizes > 1e-6 * sizes[0]).sum()))].T
    few = [(part - centre) @ axes for part in (candidates, synthetic, reference)]
    densities = [gaussian_kde(part.T).logpdf(few[0].T) for part in few[1:]]
    scores["density ratio"] = np.nan_to_num(densities[0] - densities[1], posinf=50, neginf=-50)
    return scores


def combined(scores, member, seed=0, n_resamples=200):
    """An attacker who knows of half of the people and asks about the others: AUC with its interval of 95 %.

    Regression on all scores, none of which can count against being a member, for chance differences between two halves
    have opposite signs; each half is judged by what was learnt on the other.
    """
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import QuantileTransformer, StandardScaler

    columns = [s for s in scores.values() if np.ptp(s) > 0]
    if not columns:
        return 0.5, 0.5, 0.5
    matrix, rng = np.column_stack(columns), numpy_generator(seed, "combined")
    fold = np.zeros(len(member), int)
    for group in (np.flatnonzero(member), np.flatnonzero(~member)):
        fold[rng.permutation(group)[::2]] = 1
    said = np.zeros(len(member))
    for half in (0, 1):
        ranks = QuantileTransformer(n_quantiles=min(50, len(member) // 4)).fit(matrix[fold != half])
        both = [np.column_stack([part, ranks.transform(part)]) for part in (matrix[fold != half], matrix[fold == half])]
        model = make_pipeline(StandardScaler(), LinearRegression(positive=True))
        said[fold == half] = rankdata(model.fit(both[0], member[fold != half]).predict(both[1]))
    aucs = [np.mean([auc(said[f], member[f]) for f in halves]) for halves in _resampled(fold, member, n_resamples, rng)]
    value = np.mean([auc(said[fold == half], member[fold == half]) for half in (0, 1)])
    return float(value), float(np.quantile(aucs, 0.025)), float(np.quantile(aucs, 0.975))


def _resampled(fold, member, n, rng):
    groups = [[np.flatnonzero((fold == half) & (member == own)) for own in (False, True)] for half in (0, 1)]
    for _ in range(n):
        yield [np.concatenate([rng.choice(group, len(group)) for group in pair]) for pair in groups]


# ---- The data ----------------------------------------------------------------------------------------


KINDS = {  # name -> (data, most members, parameters that bound the time unless --full is given)
    "numeric table (4 columns)": (numeric_table, 500, {}),
    "mixed table (3 numbers, a category)": (mixed_table, 500, {}),
    "images of 8 x 8": (small_images, 500, {"max_steps": 400}),
    "images of 28 x 28": (grey_images, 380, {"max_steps": 100}),
    "series of 64 steps": (series, 160, {"max_steps": 300}),
}


def plain_space(*parts):
    """Numbers that an attacker without the model compares by: columns over their spread, categories as indicators."""
    if not isinstance(parts[0], pd.DataFrame):
        flat = [np.asarray(p, float).reshape(len(p), -1) for p in parts]
    else:
        frames = pd.get_dummies(pd.concat([p.reset_index(drop=True) for p in parts], keys=range(len(parts))))
        flat = [frames.loc[i].to_numpy(float) for i in range(len(parts))]
    spread = flat[-1].std(0)
    middle = np.median(spread[spread > 0]) if not isinstance(parts[0], pd.DataFrame) else None
    return [part / (middle or np.where(spread > 0, spread, 1.0)) for part in flat]


# ---- All attacks on one kind of data -------------------------------------------------------------------


def trained(X, y, parameters):
    import ganaug

    kind = (
        ganaug.TabularGAN
        if isinstance(X, pd.DataFrame)
        else ganaug.ImageGAN
        if X.dtype == np.uint8
        else ganaug.SeriesGAN
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return kind(random_state=12345, verbose=False, **{"curate": True, **parameters}).fit(X, y)  # all that can leak


def network_space(model, x):
    """Encoded samples as the networks see them, flat. (n, ...) -> (n, d)."""
    if x.ndim == 2:
        return x.astype(float)
    with torch.inference_mode():
        return model.codec_.to_network(torch.from_numpy(x)).flatten(1).double().numpy()


def attack(reached, members, others, reference, synthetic):
    """All attacks on what was reached: a dict of figures."""
    model = reached.model
    X = _joined(members[0], others[0])
    y = np.concatenate([members[1], others[1]])
    member = np.arange(len(y)) < len(members[1])
    x = model.codec_.encode(X)
    codes = model.conditions_.of_codes(model.label_codec_.encode(y))
    net, table = network_space(model, x), x.ndim == 2
    known = network_space(model, model.codec_.encode(synthetic[0]))
    figures = {"members": int(member.sum()), "others": int((~member).sum())}

    figures["bytes"] = bytes_found(reached, members[0], x[member], net[member].astype(np.float32))
    solved = hit(inverted(reached, known), net, TOLERANCE * np.ptp(net))
    figures["solved"] = int(solved[member].sum()), int(solved[~member].sum())
    if table:
        rows = enumerated(reached, model.codec_.blocks, scores_of_columns(model.codec_))
        figures["enumerated"] = hits(rows, x[member], CELL), hits(rows, x[~member], CELL)
        figures["stated"] = knots_stated(reached, members[0], others[0])
        figures["extremes"] = extremes_stated(reached, members[0], others[0])
        numbers = [c for b in model.codec_.blocks if b.tag == "scalar" for c in range(b.start, b.stop)]
        for forest in forests(model)[:1]:
            pinned = (boxed(forest, x, numbers) <= 0.05).all(1)
            figures["pinned by leaves"] = int(pinned[member].sum()), int(pinned[~member].sum())
    judge = next((c.classifier for c in curators(model) if hasattr(c, "classifier")), None)
    seen = x if table else judge.features_and_shares(x, model.codec_.to_network)[0] if judge else net
    figures["on a bound"] = on_a_bound(reached, seen[member]), on_a_bound(reached, seen[~member])

    traces, networks = file_scores(reached, X, y, x, codes), network_scores(model, X, y)
    own, made, theirs = plain_space(X, synthetic[0], reference[0])
    samples = sample_scores(own, made, theirs)
    figures["single"] = {k: auc(v, member) for k, v in {**traces, **networks, **samples}.items()}
    figures["traces"] = combined(traces, member)
    figures["score_samples"] = combined({"logit": networks["logit"]}, member)
    figures["file"] = combined({**traces, **networks, **samples}, member)
    figures["samples"] = combined(samples, member)
    return figures


def _joined(one, other):
    return pd.concat([one, other], ignore_index=True) if isinstance(one, pd.DataFrame) else np.concatenate([one, other])


# ---- The page ------------------------------------------------------------------------------------------


HEADINGS = ["data", "held", "members", "bytes", "projections solved", "hashes tried out", "fine values stated"]
HEADINGS += ["extremes stated", "on a bound", "pinned by leaves"]


def markdown(results, resampling, command, seconds):
    """The section of the page."""
    lines = [
        "Samples rebuilt from what was held. In parentheses: samples that were not in the training, which the same "
        "attack finds by chance.",
        "",
        f"| {' | '.join(HEADINGS)} |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for (name, held), r in results.items():
        pairs = [_pair(r.get(key)) for key in ("solved", "enumerated")]
        stated_, ends = r.get("stated"), r.get("extremes")
        lines.append(
            f"| {name} | {held} | {r['members']} | {r['bytes']} | {' | '.join(pairs)} | "
            f"{'-' if stated_ is None else f'{stated_[0]:.0%} ({stated_[1]:.0%})'} | "
            f"{'-' if ends is None else f'{ends[0]} ({ends[1]}) of {ends[2]}'} | {_pair(r['on a bound'])} | "
            f"{_pair(r.get('pinned by leaves'))} |"
        )
    lines += [
        "",
        "Membership: AUC of an attacker who knows of half of the people and asks about the others (0.5 is a coin), "
        "with the interval of 95 %. *Traces* is all that is held but the networks; *everything* is traces, networks "
        "and as many samples as there are members.",
        "",
        "| data | held | traces | everything | samples alone | `score_samples` alone | strongest single |",
        "|---|---|---|---|---|---|---|",
    ]
    for (name, held), r in results.items():
        best = max(r["single"], key=lambda key: r["single"][key])
        cells = [_interval(r[key]) for key in ("traces", "file", "samples", "score_samples")]
        lines.append(f"| {name} | {held} | {' | '.join(cells)} | {best}: {r['single'][best]:.2f} |")
    lines += ["", *reconstruction.table(resampling)]
    ran = f"{datetime.date.today().isoformat()}, {machine()}; {seconds / 60:.0f} minutes"
    ran += f", {peak_memory() / 1e9:.1f} GB at most"
    return "\n".join([*lines, "", f"`{command}`, {ran}; {versions('ganaug', 'torch', 'numpy', 'imbalanced-learn')}."])


def _pair(found):
    return "-" if found is None else f"{found[0]} ({found[1]})"


def _interval(found):
    return f"{found[0]:.2f} ({found[1]:.2f} to {found[2]:.2f})"


def write(section, part):
    """Put the section into the page, in the place of an earlier one."""
    start, end = f"<!-- {SECTIONS[part]} -->", f"<!-- end of {SECTIONS[part]} -->"
    page, block = PAGE.read_text(encoding="utf-8"), f"{start}\n\n{section}\n\n{end}"
    PAGE.write_text(re.sub(f"{start}.*?{end}", lambda _: block, page, flags=re.DOTALL), "utf-8")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS), help="of data (default: all)")
    parser.add_argument("--quick", action="store_true", help="few rows and steps, to see that all of it runs")
    parser.add_argument("--full", action="store_true", help="train images and series with their defaults: an hour")
    parser.add_argument(
        "--write", nargs="?", const="now", choices=list(SECTIONS), help=f"write {PAGE.relative_to(ROOT)}"
    )
    options = parser.parse_args(arguments)
    started = time.perf_counter()
    results = {}
    for name in options.kinds:
        data, most, parameters = KINDS[name]
        members, others, reference = data(60 if options.quick else most)
        gan = trained(*members, {"max_steps": 20} if options.quick else {} if options.full else parameters)
        synthetic = gan.sample(len(members[1]), random_state=1)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "model.safetensors")
            gan.save(path)
            held = {"model file": in_file(path), "pickle": in_pickle(gan), "deepcopy": in_object(copy.deepcopy(gan))}
        for what, reached in held.items():
            results[name, what] = attack(reached, members, others, reference, synthetic)
            print(f"{time.perf_counter() - started:.0f} s, {peak_memory() / 1e9:.1f} GB", end=" ")
            print(name, what, json.dumps(results[name, what], default=float), flush=True)
    resampling = reconstruction.all_columns(options.quick)
    command = shlex.join(
        ["python", "examples/benchmarks/attacks.py", *(sys.argv[1:] if arguments is None else arguments)]
    )
    section = markdown(results, resampling, command, time.perf_counter() - started)
    print(section)
    if options.write:
        write(section, options.write)


if __name__ == "__main__":
    main()
