"""Where the rows of a class should lie: the default, other ways to draw from one GAN a fold, and the strongest SMOTEs.

    python examples/benchmarks/row_placement.py --half choose
    python examples/benchmarks/row_placement.py --half confirm
    python examples/benchmarks/row_placement.py --half others
    python examples/benchmarks/row_placement.py --half apart

"choose" and "confirm" are the halves of `curation_strength.py`, "others" numeric sets in neither, "apart" wide tables
whose classes lie apart; 3 folds, 5 classifiers, full balance, about 2,000 rows at most. The GAN of each fold is trained
once and kept in out/row_placement with its candidates, and every way picks from them. ``--ways`` tries others.

A way is "family:rule", or several of them joined by "+", which share the rows evenly.

Families: "gan" (the default's rows), "thin" (the same with a covariance nearer that of real rows, see `Thin`), "mesh"
(points between any two real rows of the class).

Rules: "all" (rows like another class stay), "pkg" (thinned out as by the default), or what differs from the default,
for example "e0.4,r0.6": e, at least so many votes; q, or what this share of unseen rows stay below; s, but never more;
r, share of unseen rows that would be kept; m, the largest power; n1, the bar at which the border of the classes stays.

Opponents, on standardised columns of numeric tables: "SMOTE", "polynom" (polynom-fit SMOTE, mesh; Gazzah and Essoukri
Ben Amara 2008), "ProWSyn" (Barua et al. 2013), "G-SMOTE" (Douzas and Bacao 2019), "MGS" (a Gaussian of each row's
neighbours, Sakho et al. 2024); "none", and "prior" (none, the threshold at the class's share).
"""

from __future__ import annotations

import argparse
import pickle
import sys
import warnings

import numpy as np
import pandas as pd
import torch
from common import OUT
from curation_strength import HALVES as HALVES_OF_CURATION
from curation_strength import METRICS, MOST_ROWS, SPLIT, Probe, judged, odds, passed
from datasets import DATA, reader
from scipy.stats import wilcoxon
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import NearestNeighbors

from ganaug.experiments import NeighborSampler
from ganaug.experiments.treatments import preprocessing
from ganaug.runtime.compute import one_thread
from ganaug.utils.determinism import child_seed, numpy_generator

HALVES = {
    "choose": HALVES_OF_CURATION["choose"],
    "confirm": HALVES_OF_CURATION["confirm"],
    "others": [
        *("ann_thyroid", "coil_2000", "glass", "led7digit_1", "new_thyroid", "ozone_level", "page_blocks"),
        *("poker_8_9_vs_6", "spambase", "us_crime", "yeast_me2", "yeast_ml8"),
    ],
    "apart": ["optical_digits", "reuters_corn", "christensen_tissue", "usps", "fashion_mnist"],
}
# Of sets of several classes: the one that is told from all others.
POSITIVE = {"usps": 8, "fashion_mnist": 5, "glass": "7"}
FOLDER = OUT / "row_placement"
DRAWN, MOST_TESTED = 4, 4000
USUAL = ["none", "SMOTE", "polynom", "ProWSyn", "G-SMOTE", "MGS", "gan:pkg", "thin:pkg"]


# ---- Sets ----------------------------------------------------------------------------------------


def load(name):
    """A set of two classes, drawn down as in `curation_strength.load`, and up to 4,000 of the rows that are left."""
    if (DATA / f"{name}.npz").exists():
        parts = np.load(DATA / f"{name}.npz")
        X = pd.DataFrame(parts["X_train"].reshape(len(parts["X_train"]), -1).astype(np.float32)).add_prefix("x")
        y = parts["y_train"]
    else:
        X, y = reader().load_tabular(name)
    labels = pd.Series(np.asarray(y).astype(str))
    positive = POSITIVE.get(name, "1" if set(labels) == {"0", "1"} else labels.value_counts().index[-1])
    y = (labels == str(positive)).to_numpy().astype(int)
    rng = numpy_generator(0, "subset", name)
    kept = []
    for label in (0, 1):
        rows = np.flatnonzero(y == label)
        kept.append(rng.permutation(rows)[: max(40, round(len(rows) * min(1, MOST_ROWS / len(X))))])
    rows = np.sort(np.concatenate(kept))
    left = rng.permutation(np.setdiff1d(np.arange(len(X)), rows))[:MOST_TESTED]
    return X.iloc[np.concatenate([rows, left])].reset_index(drop=True), y[np.concatenate([rows, left])], len(rows)


# ---- One fold: the GAN and candidates of every family --------------------------------------------


def trained(name, number):
    """The table, its training rows, the places of rows that judge, and the GAN."""
    X, y, n_drawn = load(name)
    split = StratifiedKFold(3, shuffle=True, random_state=SPLIT).split(X[:n_drawn], y[:n_drawn])
    train, test = list(split)[number]
    test = np.concatenate([test, np.arange(n_drawn, len(X))])  # the more rows judge, the less is chance
    X_train, y_train = X.iloc[train].reset_index(drop=True), y[train]
    gan = Probe(curate=True, random_state=number, verbose=False)
    gan.fit_prepared(gan.prepare(X_train, y_train), focus=1)
    return X, y, X_train, y_train, test, gan


def thickness(name):
    """How much more than real rows of the class the GAN's vary across the directions in which those vary least.

    Of a quarter of the directions, in the first fold: by default, with `Thin`, and of the training rows.
    """
    X, y, _, _, test, gan = trained(name, 0)
    columns = numbers_of(gan)
    own, held = gan.task.x[gan.task.y == 1], gan.codec_.encode(X.iloc[test][y[test] == 1])
    values, vectors = np.linalg.eigh(np.cov(held[:, columns].T))
    quarter = max(1, len(columns) // 4)
    old = gan._candidates(1, 4000, "thickness")
    gan.smoother_ = Thin(gan)
    new = gan._candidates(1, 4000, "thickness")
    ratios = [((rows[:, columns] @ vectors).var(0) / values)[:quarter].mean() for rows in (old, new, own)]
    return dict(zip(("default", "thin", "training rows"), np.round(ratios, 2).tolist(), strict=True))


def fold(name, number):
    """Everything that the ways pick from; kept in a file."""
    path = FOLDER / f"{name}.{number}.pickle"
    if path.exists():
        return pickle.loads(path.read_bytes())  # noqa: S301 - a file that this script wrote
    X, y, X_train, y_train, test, gan = trained(name, number)
    n = int((y_train == 0).sum() - (y_train == 1).sum())
    encoder = preprocessing(X_train).fit(X_train)

    def encoded(frame):
        return np.asarray(encoder.transform(frame), np.float32)

    kept = {
        "n": n, "x": encoded(X_train), "y": y_train, "x_test": encoded(X.iloc[test]), "y_test": y[test],
        "unseen": gan.forest.unseen[1], "numeric": all(pd.api.types.is_numeric_dtype(X[column]) for column in X),
    }  # fmt: skip
    families = {"gan": drawn(gan, DRAWN * n)}
    rng = np.random.default_rng(number)
    own = gan.task.x[gan.task.y == 1]
    one, other = own[rng.integers(len(own), size=(2, DRAWN * n))]
    between = one + rng.random((len(one), 1), np.float32) * (other - one)
    families["mesh"] = (*passed(gan, gan.codec_.round_trip(between)), bar(gan))
    if len(numbers_of(gan)) > 1:
        gan.smoother_ = Thin(gan)
        families["thin"] = drawn(gan, DRAWN * n)
    kept["families"] = {
        family: (encoded(frame), raw, distilled, package)
        for family, (frame, raw, distilled, package) in families.items()
    }
    made, _ = NeighborSampler(random_state=number).fit_resample(X_train, y_train)
    kept["SMOTE"] = encoded(made.iloc[len(X_train) :])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(kept))
    return kept


def bar(gan):
    return float(gan.curator_.least[1]), float(gan.curator_.powers[1])


def drawn(gan, n):
    """Rows that only "other_class" may refuse, their votes before and after distilling, and what is asked of these."""
    curator = gan.curator_
    curator.forest, curator.least = gan.forest, gan.bar.copy()
    curator.distil([gan._candidates(c, 2000, "forest") for c in (0, 1)], child_seed(gan._seed, "forest"))
    return *passed(gan, gan._candidates(1, n, "drawn")), bar(gan)


# ---- Thinner rows ----------------------------------------------------------------------------------

# Shares of the generator's covariance that are tried; at least as if it came from so many rows for each number.
SHARES, PRIOR_ROWS_A_NUMBER = (0.003, 0.01, 0.03, 0.1, 0.2, 0.35, 0.5, 0.7, 1.0), 10
FOLDS = 5


class Thin:
    """The default's kernel, and then a linear map of the numbers of encoded rows to a covariance nearer the class's.

    Across the directions in which the numbers of a class hardly vary, since they depend on one another, a generator
    varies too much. The map is the one that moves rows least (the optimal transport between two Gaussians; Dowson and
    Landau 1982), from the generator's covariance first to the correlations within all classes together, then to the
    variances of the class along the principal directions of these, then to the class's covariance; each as far as
    makes rows of the class likeliest, and as a prior allows, so that distances hardly tell the rows it was measured on.
    """

    def __init__(self, gan):
        task = gan.task
        self.kernel, self.columns = gan.smoother_.kernel, numbers_of(gan)
        gan.smoother_ = None
        made = gan._candidates(1, 4000, "kernel")
        made = self.kernel.smoothed(made, 1, child_seed(task.seed, "covariance", 1))
        with one_thread():
            every, own = doubles(task.x, self.columns), doubles(task.x[task.y == 1], self.columns)
            made = doubles(made, self.columns)
            found = map_of(cov(made), within(every, torch.from_numpy(task.y)), len(every), own)
        self.middle, self.map = made.mean(0).float().numpy(), found.float().numpy()

    def smoothed(self, rows, condition, seed):
        """Rows with noise, and moved if they are of the class."""
        rows = self.kernel.smoothed(rows, condition, seed)
        if condition == 1:
            with one_thread():
                away = torch.from_numpy(rows[:, self.columns] - self.middle) @ torch.from_numpy(self.map)
            rows[:, self.columns] = away.numpy() + self.middle
        return rows


def numbers_of(gan):
    """Columns of encoded rows that hold numbers."""
    return np.array([j for b in gan.codec_.blocks if b.tag == "scalar" for j in range(b.start, b.stop)], int)


def doubles(x, columns):
    return torch.from_numpy(x[:, columns].astype(np.float64))


def cov(x):
    """(n, d) -> (d, d)."""
    away = x - x.mean(0)
    return away.T @ away / max(1, len(x) - 1)


def within(x, y):
    """The covariance within conditions, all of them together. (n, d), (n,) -> (d, d)."""
    away = torch.cat([x[y == c] - x[y == c].mean(0) for c in y.unique()])
    return away.T @ away / len(x)


def map_of(generated, within, n, real):
    """By what to multiply the generator's numbers of a class, given those of its real rows (m, d). -> (d, d)."""
    d = len(generated)
    variances = generated.diagonal().clamp(min=1e-9)
    generated = generated + 1e-3 * torch.diag(variances)
    ratio = (variances / within.diagonal().clamp(min=1e-9)).sqrt()
    alike = within * ratio[:, None] * ratio  # its correlations, with the generator's variances
    target = between_both(alike, generated, shares(real - real.mean(0), alike, generated), d / n)
    for measure, numbers in ((along(target), 1), (cov, d)):
        scores = torch.zeros(len(SHARES), dtype=torch.float64)
        for place in range(FOLDS):
            rest = torch.cat([real[first::FOLDS] for first in range(FOLDS) if first != place])
            scores += shares(real[place::FOLDS] - rest.mean(0), measure(rest), target)
        target = between_both(measure(real), target, scores, numbers / len(real))
    values, vectors = torch.linalg.eigh(generated)
    root, inverse = (vectors * values.sqrt()) @ vectors.T, (vectors / values.sqrt()) @ vectors.T
    values, vectors = torch.linalg.eigh(root @ target @ root)
    return inverse @ ((vectors * values.clamp(min=0).sqrt()) @ vectors.T) @ inverse


def along(target):
    """The covariance with the principal directions of another one, and the variances that rows have along these."""
    vectors = torch.linalg.eigh(target).eigenvectors
    return lambda x: (vectors * (x @ vectors).var(0)) @ vectors.T


def shares(away, one, other):
    """How likely rows are for each share of ``other`` in the covariance, beside ``one``. -> (len(SHARES),)."""
    root = torch.linalg.cholesky(other)
    white = torch.linalg.solve_triangular(root, torch.linalg.solve_triangular(root, one, upper=False).T, upper=False)
    values, vectors = torch.linalg.eigh((white + white.T) / 2)
    squares = (vectors.T @ torch.linalg.solve_triangular(root, away.T, upper=False)).square()  # (d, n)
    spreads = [(1 - share) * values.clamp(min=0)[:, None] + share for share in SHARES]
    # of Student's distributions with four degrees of freedom, so that a few odd rows do not decide
    return torch.stack([-(spread.log() / 2 + 2.5 * (squares / (2 * spread)).log1p()).sum() for spread in spreads])


def between_both(one, other, scores, numbers_a_row):
    """Both covariances, in the likeliest shares that the prior allows."""
    prior = PRIOR_ROWS_A_NUMBER * numbers_a_row
    share = max(SHARES[int(scores.argmax())], prior / (1 + prior))
    return (1 - share) * one + share * other


# ---- Opponents -----------------------------------------------------------------------------------


def polynom(x, others, n, rng):
    """Points that divide the lines between all pairs of rows evenly."""
    i, j = np.triu_indices(len(x), 1)
    parts = max(1, -(-n // max(1, len(i))))
    at = np.arange(1, parts + 1) / (parts + 1)
    rows = (x[i, None] + at[None, :, None] * (x[j] - x[i])[:, None]).reshape(-1, x.shape[1])
    return rows[rng.permutation(len(rows))[:n]]


def prowsyn(x, others, n, rng, levels=5, neighbours=5, theta=1.0):
    """Fewer rows the further from the border a layer of the class is; between two rows of one layer."""
    left, layers = np.arange(len(x)), []
    for _ in range(levels - 1):
        if len(left) <= neighbours:
            break
        near = NearestNeighbors(n_neighbors=neighbours).fit(x[left]).kneighbors(others, return_distance=False)
        layer = np.unique(near)
        layers.append(left[layer])
        left = np.delete(left, layer)
    layers += [left] if len(left) else []
    weights = np.exp(-theta * np.arange(len(layers))) * 1.0
    counts = rng.multinomial(n, weights / weights.sum())
    parts = [
        x[(pair := layer[rng.integers(len(layer), size=(2, count))])[0]]
        + rng.random((count, 1)) * (x[pair[1]] - x[pair[0]])
        for layer, count in zip(layers, counts, strict=True)
    ]
    return np.concatenate(parts)


def geometric(x, others, n, rng, neighbours=5):
    """Within a ball around a row, whose surface goes through a neighbour of the class or the nearest other row."""
    k = min(neighbours, len(x) - 1)
    near = NearestNeighbors(n_neighbors=k + 1).fit(x).kneighbors(x, return_distance=False)[:, 1:]
    foreign = NearestNeighbors(n_neighbors=1).fit(others).kneighbors(x, return_distance=False)[:, 0]
    centres = rng.integers(len(x), size=n)
    surface = x[near[centres, rng.integers(k, size=n)]] - x[centres]
    across = others[foreign[centres]] - x[centres]
    radius = np.minimum(np.linalg.norm(surface, axis=1), np.linalg.norm(across, axis=1))
    direction = rng.standard_normal((n, x.shape[1]))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    return x[centres] + direction * (radius * rng.random(n) ** (1 / x.shape[1]))[:, None]


def gaussian(x, others, n, rng):
    """From a Gaussian with mean and covariance of a row and its neighbours, one more than columns at most."""
    k = min(len(x), max(6, x.shape[1] + 1))
    near = NearestNeighbors(n_neighbors=k).fit(x).kneighbors(x, return_distance=False)
    rows = np.empty((n, x.shape[1]))
    centres = rng.integers(len(x), size=n)
    for centre in np.unique(centres):
        own, group = np.flatnonzero(centres == centre), x[near[centre]]
        noise = rng.standard_normal((len(own), k)) / np.sqrt(k)
        rows[own] = group.mean(0) + noise @ (group - group.mean(0))
    return rows


OPPONENTS = {"polynom": polynom, "ProWSyn": prowsyn, "G-SMOTE": geometric, "MGS": gaussian}


# ---- Ways to pick --------------------------------------------------------------------------------

USUAL_RULE = {"e": 0.6, "q": 0.25, "s": 0.95, "r": 0.55, "m": 4.0, "n": 0.0}
POWERS = np.array([4.0, 3.5, 3.0, 2.5, 2.0, 1.75, 1.5, 1.25, 1.0, 0.75, 0.5, 0.25])


def power(votes, bar, a):
    return np.minimum(1, (odds(votes) / odds(bar)) ** a)


def probabilities(kept, family, rule):
    """With what probability each candidate of a family is kept."""
    _, raw, distilled, package = kept["families"][family]
    if rule == "all":
        return np.ones(len(distilled))
    if rule == "pkg":
        return power(distilled, *package)
    given = USUAL_RULE | {part[0]: float(part[1:]) for part in rule.split(",")}
    unseen = kept["unseen"]
    bar = max(given["e"], min(given["s"], np.quantile(unseen, given["q"])))
    fine = [a for a in POWERS[given["m"] >= POWERS] if power(unseen, bar, a).mean() >= given["r"]]
    a = max(fine, default=0.25)
    bars = np.linspace(0.004, 0.996, 249)
    if given["n"]:  # the odds of the classes stay 1 where they are: bar ** power = 1 / share kept
        off = [abs(a * np.log(odds(b)) + np.log(power(distilled, b, a).mean())) for b in bars]
    else:
        share = power(raw, bar, a).mean()
        off = [abs(power(distilled, b, a).mean() - share) for b in bars]
    return power(distilled, bars[int(np.argmin(off))], a)


def picked(kept, way, seed=0):
    """Rows of the candidates, by the name of a way; without numbers there are no families but "gan" and "mesh"."""
    parts, rows = way.split("+"), []
    for place, part in enumerate(parts):
        family, rule = part.split(":")
        family = family if family in kept["families"] else "gan"
        n = kept["n"] * (place + 1) // len(parts) - kept["n"] * place // len(parts)
        pool, share = kept["families"][family][0], probabilities(kept, family, rule)
        lots = np.random.default_rng([seed, place]).random(len(pool))
        take = np.flatnonzero(lots < share)[:n]
        if len(take) < n:  # the least evil, and where there are none left, some of them again
            rest = np.setdiff1d(np.arange(len(pool)), take)
            rest = rest[np.argsort(lots[rest] - share[rest], kind="stable")]
            take = np.resize(np.concatenate([take, rest])[:n], n)
        rows.append(pool[take])
    return np.concatenate(rows)


def measured(name, number, way):
    """One line for each classifier."""
    kept = fold(name, number)
    x, y = kept["x"], kept["y"]
    if way in OPPONENTS:
        if not kept["numeric"]:
            return []
        rng = np.random.default_rng(number)
        new = OPPONENTS[way](x[y == 1].astype(float), x[y == 0].astype(float), kept["n"], rng).astype(np.float32)
    else:
        new = x[:0] if way == "none" else kept["SMOTE"] if way == "SMOTE" else picked(kept, way)
    return judged({"set": name, "fold": number, "way": way, "numeric": kept["numeric"]}, x, y, new, kept)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=list(HALVES), required=True)
    parser.add_argument("--ways", nargs="+", default=USUAL)
    parser.add_argument("--sets", nargs="+", help="only these")
    parser.add_argument("--thickness", action="store_true", help="tell how thick the rows of the class are, no more")
    parser.add_argument("--told", action="store_true", help="tell what is there, of all ways")
    args = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    if args.thickness:
        for name in args.sets or HALVES[args.half]:
            print(name, thickness(name))
        return
    path = FOLDER / f"{args.half}.csv"
    done = pd.read_csv(path) if path.exists() else pd.DataFrame()
    known = set() if done.empty else set(zip(done["set"], done["fold"], done["way"], strict=True))
    for name in () if args.told else args.sets or HALVES[args.half]:
        for number in range(3):
            todo = [way for way in args.ways if (name, number, way) not in known]
            lines = pd.DataFrame([line for way in todo for line in measured(name, number, way)])
            if len(lines):
                FOLDER.mkdir(parents=True, exist_ok=True)
                lines.to_csv(path, mode="a", header=not path.exists(), index=False)
        print(name, file=sys.stderr, flush=True)
    lines = pd.read_csv(path)
    told(lines, list(lines["way"].unique()) if args.told else args.ways)


def told(lines, ways, baseline="gan:pkg"):
    """Mean differences to the default, over sets and classifiers; sets won and lost, and by classifier."""
    ways = [*ways, "prior"] if "none" in ways else list(ways)
    lines = lines[lines["way"].isin([*ways, baseline])]
    for title, part in (("numeric", lines[lines["numeric"]]), ("all", lines)):
        cells = part.groupby(["way", "set", "classifier"])[METRICS].mean()
        if cells.empty or baseline not in cells.index:
            continue
        base = cells.loc[baseline]
        print(
            f"\n{title}, {base.index.get_level_values(0).nunique()} sets: {baseline}\n{base.mean().round(4).to_dict()}"
        )
        rows = {}
        for way in cells.index.get_level_values(0).unique().drop(baseline):
            difference = (cells.loc[way] - base).dropna()
            sets = difference.groupby("set").mean()
            row = difference.mean().round(4).to_dict() | {"sets": len(sets)}
            for metric in METRICS:
                row[f"+ {metric[:8]}"] = f"{(sets[metric] > 0.0005).sum()}:{(sets[metric] < -0.0005).sum()}"
            row["p ba"] = wilcoxon(sets["balanced accuracy"]).pvalue if sets["balanced accuracy"].any() else 1.0
            rows[way] = row
        print(pd.DataFrame(rows).T.to_string())
        differences = (cells - base).drop(baseline)
        print(differences.groupby(["way", "classifier"]).mean().round(4).to_string())


if __name__ == "__main__":
    main()
