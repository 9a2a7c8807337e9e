"""Rebuild minority rows from the synthetic rows of oversamplers, as SMOTE and Mirrors does (ICLR 2026).

    python examples/benchmarks/reconstruction.py

SMOTE puts a row on the segment between two real ones, so real rows stand where lines through three and more synthetic
rows meet. `attacks.py` puts the table into docs/attacks.md.
"""

from __future__ import annotations

import argparse
import itertools
import warnings

import numpy as np
from scipy.spatial import cKDTree
from scipy.stats import rankdata

from ganaug.utils.determinism import numpy_generator

# The lines with most points.
MOST_LINES = 1500
COLUMNS = {2: ["V4", "V14"], 3: ["V4", "V14", "V17"], 28: [f"V{i}" for i in range(1, 29)]}


def auc(scores, member):
    """P(a member has more) + half of P(equal)."""
    ranks, n = rankdata(scores), int(member.sum())
    return float((ranks[member].sum() - n * (n + 1) / 2) / (n * (len(member) - n)))


# ---- Lines, and where they meet ------------------------------------------------------------------------


def lines_through(points, tolerance=1e-8):
    """Lines on which three or more points (n, d) lie: a list of arrays of their numbers.

    From each point the directions to all others are compared: along one projection, sorted, then in full.
    """
    points = np.asarray(points, float)
    n, d = points.shape
    axis = np.random.default_rng(0).standard_normal(d)
    found = {}
    for i in range(n):
        away = points - points[i]
        size = np.linalg.norm(away, axis=1)
        others = np.flatnonzero(size > 1e-12)
        units = away[others] / size[others, None]
        along = units @ axis
        units *= np.where(along < 0, -1.0, 1.0)[:, None]  # both ways of a line are one
        order = np.argsort(np.abs(along))
        others, units, along = others[order], units[order], np.abs(along)[order]
        runs = np.flatnonzero(np.diff(along, prepend=-1.0, append=3.0) > tolerance)
        for start, end in itertools.pairwise(runs):
            if end - start > 1:
                for group in _together(units[start:end], tolerance):
                    line = tuple(sorted((i, *others[start:end][group].tolist())))
                    found.setdefault(line[:2], line)
    lines = sorted(dict.fromkeys(found.values()), key=len, reverse=True)
    return [np.array(line) for line in lines[:MOST_LINES]]


def _together(units, tolerance):
    """Groups of two and more equal directions."""
    left = np.arange(len(units))
    while len(left) > 1:
        same = np.abs(units[left] - units[left[0]]).max(1) <= tolerance * 10
        if same.sum() > 1:
            yield left[same]
        left = left[~same]


def reconstructed(points, least_lines=None, tolerance=1e-8):
    """Rows from which the points (n, d) were interpolated: where lines through the points meet. (m, d).

    SMOTE puts a row on the segment between two real ones; a real row is where several such segments end. After the idea
    of ReconSMOTE (SMOTE and Mirrors, ICLR 2026).

    Parameters
    ----------
    points : ndarray of shape (n, d)
    least_lines : int, optional
        That must meet in a row: by default 3 in the plane, where any two do, else 2.
    tolerance : float
        Of a direction, and of where lines meet as a share of the spread.
    """
    points = np.asarray(points, float)
    centre, spread = points.mean(0), points.std(0)
    points = (points - centre) / np.where(spread > 0, spread, 1.0)
    d = points.shape[1]
    least = least_lines or (3 if d == 2 else 2)
    lines = lines_through(points, tolerance)
    if len(lines) < 2 or d < 2:
        return np.zeros((0, d))
    base, way, reach = (np.array(part) for part in zip(*(_line(points[rows]) for rows in lines), strict=True))
    places, pairs = [], []
    for i in range(len(lines) - 1):
        own, theirs = _meet(base[i], way[i], base[i + 1 :], way[i + 1 :])
        here, there = base[i] + own[:, None] * way[i], base[i + 1 :] + theirs[:, None] * way[i + 1 :]
        apart = np.linalg.norm(here - there, axis=1)
        # an end of both segments: not between the points that were found on them
        ends = (np.abs(own) >= reach[i] * (1 - 1e-6)) & (np.abs(theirs) >= reach[i + 1 :] * (1 - 1e-6))
        near = (apart <= 10 * tolerance) & ends & (np.abs(own) < 20 * reach[i] + 1)
        places += list((here[near] + there[near]) / 2)
        pairs += [(i, i + 1 + j) for j in np.flatnonzero(near)]
    if not places:
        return np.zeros((0, d))
    kept = _voted(np.array(places), np.array(pairs), least, 100 * tolerance)
    return kept * np.where(spread > 0, spread, 1.0) + centre


def _line(points):
    """Middle, direction and half length of points on a line."""
    along = points - points[0]
    far = along[np.argmax(np.linalg.norm(along, axis=1))]
    way = far / np.linalg.norm(far)
    places = along @ way
    middle = (places.min() + places.max()) / 2
    return points[0] + middle * way, way, np.ptp(places) / 2


def _meet(p, u, q, v):
    """Where on the line (p, u) and on the lines (q, v) they are nearest to one another; NaN where they are parallel."""
    across, both = q - p, v @ u
    bottom = 1 - both**2
    bottom = np.where(bottom > 1e-9, bottom, np.nan)
    a, b = across @ u, (across * v).sum(1)
    return (a - both * b) / bottom, (both * a - b) / bottom


def _voted(places, pairs, least, radius):
    """Places in which enough lines meet; one for those that lie together. In two grids, for one cuts some in two."""
    kept = []
    for offset in (0.0, 0.5):
        _, cell = np.unique(np.floor(places / radius + offset), axis=0, return_inverse=True)
        cell = cell.ravel()
        lines = np.bincount(np.unique(np.stack([np.repeat(cell, 2), pairs.ravel()], 1), axis=0)[:, 0])
        sums = np.stack([np.bincount(cell, column) for column in places.T], 1)
        kept.append((sums / np.bincount(cell)[:, None])[lines >= least])
    kept = np.concatenate(kept)
    twice = {second for _, second in cKDTree(kept).query_pairs(radius)} if len(kept) else set()
    return np.delete(kept, list(twice), axis=0)


def recovered(found, real, tolerance=1e-3):
    """Share of the real rows (n, d) that were found, and share of the found ones that are real: (recall, precision)."""
    if not len(found):
        return 0.0, float("nan")
    spread = np.where(real.std(0) > 0, real.std(0), 1.0)
    there, here = cKDTree(found / spread), cKDTree(real / spread)
    recall = (there.query(real / spread, p=np.inf)[0] <= tolerance).mean()
    return float(recall), float((here.query(found / spread, p=np.inf)[0] <= tolerance).mean())


# ---- What samplers give away ---------------------------------------------------------------------------


def resampled(columns, n_minority, n_majority, steps, seed=0):
    """Rebuilding and membership of minority rows by the synthetic rows of several samplers: name -> figures."""
    from imblearn.over_sampling import SMOTE

    import ganaug
    from ganaug.datasets import load_example

    X, y = load_example("card_fraud")
    frame = X.assign(fraud=y).drop_duplicates(columns)
    rng = numpy_generator(seed, "resampled")
    rare, plenty = (rng.permutation(np.flatnonzero(frame["fraud"] == label)) for label in (1, 0))
    X = frame[columns].to_numpy(float)
    minority, unseen, majority = X[rare[:n_minority]], X[rare[n_minority : 2 * n_minority]], X[plenty[:n_majority]]
    X, y = np.concatenate([majority, minority]), np.repeat([0, 1], [len(majority), len(minority)])
    gan = ganaug.TabularGAN(verbose=False, **({"max_steps": steps} if steps else {}))
    samplers = {
        "SMOTE": SMOTE(random_state=0),
        "GANOversampler": ganaug.GANOversampler(generator=gan, random_state=0, verbose=False),
        "SmoothedBootstrap": ganaug.GANOversampler(generator=ganaug.SmoothedBootstrap(), random_state=0, verbose=False),
    }
    results = {}
    for name, sampler in samplers.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            synthetic = sampler.fit_resample(X, y)[0][len(X) :]
        results[name] = interpolation_figures(synthetic, minority, unseen)
    return results


def interpolation_figures(synthetic, minority, unseen):
    """What interpolated rows give away: the best tolerance of several, and the nearest neighbour."""
    tries = [recovered(reconstructed(synthetic, tolerance=t), minority) for t in (1e-9, 1e-7)]
    recall, precision = max(tries)
    member = np.arange(len(minority) + len(unseen)) < len(minority)
    everyone = np.concatenate([minority, unseen]) / synthetic.std(0)
    near = cKDTree(synthetic / synthetic.std(0)).query(everyone)[0]
    return {"recovered": recall, "precision": precision, "nearest": auc(-near, member), "rows": len(synthetic)}


def all_columns(quick):
    """Number of columns -> sampler -> figures."""
    sizes, steps = ((20, 300), 20) if quick else ((60, 2000), None)
    return {d: resampled(columns, *sizes, steps) for d, columns in COLUMNS.items()}


def table(results):
    """Lines of a page."""
    lines = [
        "Minority rows rebuilt from the synthetic rows of `fit_resample` alone (lines through them, and where these "
        "meet), and membership by the nearest synthetic row:",
        "",
        "| columns | sampler | synthetic rows | minority rows rebuilt | of the rows found real | AUC by nearest |",
        "|---:|---|---:|---:|---:|---:|",
    ]
    for d, found in results.items():
        for name, r in found.items():
            real = "-" if np.isnan(r["precision"]) else f"{r['precision']:.0%}"
            lines.append(f"| {d} | {name} | {r['rows']} | {r['recovered']:.0%} | {real} | {r['nearest']:.2f} |")
    return lines


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few rows and steps, to see that all of it runs")
    print("\n".join(table(all_columns(parser.parse_args(arguments).quick))))


if __name__ == "__main__":
    main()
