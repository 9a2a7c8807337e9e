"""How strictly to refuse rows that look like another class: one GAN a fold, and many ways to pick from its rows.

    python examples/benchmarks/curation_strength.py --half choose
    python examples/benchmarks/curation_strength.py --half confirm
    python examples/benchmarks/curation_strength.py --half stays

12 two-class sets of about 2,000 rows at most on which ways may be chosen, 12 others to confirm a choice once, and a
made table whose classes overlap ("stays"; its classifiers see a feature that is derived from two columns); 3 folds,
5 classifiers, full balance. The GAN of each fold is trained once and kept in out/curation_strength, with its
candidates and the votes that the forest of the rule "other_class" gives them before and after it is distilled, and
every way picks from the same candidates. ``--ways`` tries others:

- "all": no such rule; "threshold": at least 0.6 of the distilled votes, or what a quarter of the class's unseen rows
  stay below; "package": what the default does; "none", "prior" (none, the threshold at the class's share), "SMOTE"
- any of WAYS by the votes of the forest that saw real rows, "distilled ..." by the distilled ones, stretched to
  the spread of the others, "fitted ..." by the distilled ones as they are, with a bar that keeps as many
- "package+0.2": as "package", but a fifth of what is refused is kept whatever its votes; any share
- "real ...": rows smoothed by a kernel that was measured on real rows, and not on the generator's
"""

from __future__ import annotations

import argparse
import pickle
import sys
import warnings

import numpy as np
import pandas as pd
from common import OUT
from datasets import reader
from scipy.stats import wilcoxon
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, f1_score, recall_score, roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from ganaug import TabularGAN
from ganaug.estimators.smoothing import ClassKernel
from ganaug.estimators.tabular import TableSmoother
from ganaug.experiments import NeighborSampler
from ganaug.experiments.treatments import preprocessing
from ganaug.runtime.compute import alone, one_thread, resolve_device
from ganaug.utils.determinism import numpy_generator

HALVES = {
    "choose": [
        *("abalone", "car_eval_34", "creditcard_fraud", "german_credit", "hepatitis", "ionosphere", "letter_img"),
        *("mammography", "online_shoppers", "satimage", "thyroid_sick", "winequality_red_4"),
    ],
    "confirm": [
        *("adult", "cover", "ecoli", "haberman", "horse_colic", "oil", "phoneme", "solar_flare_m0", "telco_churn"),
        *("vowel0", "wilt", "wine_quality"),
    ],
    "stays": ["stays"],
}
MOST_ROWS, SPLIT, DRAWN = 2000, 7, 4
METRICS = ["auc", "average precision", "balanced accuracy", "f1", "g-mean"]
FOLDER = OUT / "curation_strength"
MOVED = {"match_marginals": True}  # --unmoved says False


# ---- Sets and classifiers ------------------------------------------------------------------------


def load(name):
    """A set, drawn down to 2,000 rows: each class in proportion, but at least 40 of it, or all that it has."""
    if name == "stays":
        rng = np.random.default_rng(0)
        n = 4000
        start, y = rng.uniform(0, 365, n), (rng.random(n) < 0.06).astype(int)
        end = start + rng.gamma(2, 2 + 2 * y, n)
        return pd.DataFrame({"start": start, "end": end, "x": rng.normal(0.5 * y, 1, n)}), y
    X, y = reader().load_tabular(name)
    y = np.asarray(y).astype(int)
    rng = numpy_generator(0, "subset", name)
    kept = []
    for label in (0, 1):
        rows = np.flatnonzero(y == label)
        most = max(40, round(len(rows) * min(1, MOST_ROWS / len(X))))
        kept.append(rng.permutation(rows)[:most])
    rows = np.sort(np.concatenate(kept))
    return X.iloc[rows].reset_index(drop=True), y[rows]


def seen(name, X):
    """What the classifiers see of a table."""
    return X.assign(stay=X["end"] - X["start"]) if name == "stays" else X


def classifiers(seed):
    return {
        "logistic regression": LogisticRegression(max_iter=500),
        "kNN": KNeighborsClassifier(),
        "tree": DecisionTreeClassifier(random_state=seed),
        "random forest": RandomForestClassifier(60, random_state=seed),
        "boosting": HistGradientBoostingClassifier(max_iter=50, random_state=seed),
    }


def scores(truth, share, threshold=0.5):
    guess = (share >= threshold).astype(int)
    found, spared = (recall_score(truth, guess, pos_label=label) for label in (1, 0))
    values = [
        roc_auc_score(truth, share),
        average_precision_score(truth, share),
        (found + spared) / 2,
        f1_score(truth, guess, zero_division=0),
        (found * spared) ** 0.5,
    ]
    return dict(zip(METRICS, values, strict=True))


# ---- One fold: the GAN, its candidates, their votes ----------------------------------------------


class Probe(TabularGAN):
    """Keeps what a fit forgets: the forest that saw real rows, and a kernel measured on them."""

    def _keep(self, task, prepared, conditions, result, snapshot, networks, found):
        self.forest, self.bar, self.task = found.forest, found.least.copy(), task
        super()._keep(task, prepared, conditions, result, snapshot, networks, found)
        self.real_kernel = ClassKernel.fit(task.x, task.y, [1], task.codec.blocks, 1.0)


def scaled(kernel, factor):
    """The same kernel, wider or narrower."""
    if kernel is None:
        return None
    return ClassKernel(kernel.columns, kernel.conditions, kernel.centres, kernel.roots * factor, kernel.widths * factor)


def candidates(gan, n, width, real, seed):
    """Rows of the class that pass the other rules, and their votes before and after distilling."""
    own = gan.smoother_
    made, marginals = (None, None) if own is None else (own.kernel, own.marginals)  # a table of states has no kernel
    kernel = scaled(gan.real_kernel, width) if real else scaled(made, width / gan.smoothing)
    gan.smoother_ = TableSmoother(kernel, marginals)
    with one_thread():
        rows = np.concatenate(list(gan._generate(1, n, seed, resolve_device("cpu"), alone)))
    gan.smoother_ = own
    return passed(gan, rows)


def passed(gan, rows):
    """Encoded rows that no rule but "other_class" refuses, decoded, and their votes before and after distilling."""
    curator = gan.curator_
    gan._modality._connect(curator, gan.codec_, resolve_device("cpu"))
    rules, curator.rules = curator.rules, ("copies", "rules", "outliers")
    rows = rows[curator.verdict(rows, 1) == 0]
    curator.rules = rules
    judged = rows if curator.view is None else curator.view(rows)[0]
    return gan.codec_.decode(rows), gan.forest.predict_proba(judged)[:, 1], curator.forest.predict_proba(judged)[:, 1]


KERNELS = {"": (0.5, False), "real ": (0.5, True)}


def folder():
    """Where folds and scores are kept."""
    return FOLDER if MOVED["match_marginals"] else FOLDER / "unmoved"


def fold(name, number, kernels=tuple(KERNELS)):
    """Everything that the ways pick from; kept in a file."""
    path = folder() / f"{name}.{number}.pickle"
    if path.exists():
        return pickle.loads(path.read_bytes())  # noqa: S301 - a file that this script wrote
    X, y = load(name)
    train, test = list(StratifiedKFold(3, shuffle=True, random_state=SPLIT).split(X, y))[number]
    X_train, y_train = X.iloc[train].reset_index(drop=True), y[train]
    gan = Probe(curate=True, random_state=number, verbose=False, **MOVED)
    gan.fit_prepared(gan.prepare(X_train, y_train), focus=1)
    n = int((y_train == 0).sum() - (y_train == 1).sum())
    encoder = preprocessing(seen(name, X_train)).fit(seen(name, X_train))

    def encoded(frame):
        return np.asarray(encoder.transform(seen(name, frame)), np.float32)

    kept = {
        "n": n, "x": encoded(X_train), "y": y_train, "x_test": encoded(X.iloc[test]), "y_test": y[test],
        "unseen": gan.forest.unseen[1], "others": 1 - gan.forest.unseen[0], "bar": float(gan.bar[1]),
        "package": (float(gan.curator_.least[1]), float(gan.curator_.powers[1])), "size": int((y_train == 1).sum()),
    }  # fmt: skip
    for key in kernels:
        frame, raw, distilled = candidates(gan, DRAWN * n, *KERNELS[key], seed=1)
        kept[key] = encoded(frame), raw, distilled
    made, _ = NeighborSampler(random_state=number).fit_resample(X_train, y_train)
    kept["SMOTE"] = encoded(made.iloc[len(X_train) :])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(kept))
    return kept


# ---- Ways to pick --------------------------------------------------------------------------------


def odds(votes):
    votes = np.clip(votes, 0.0125, 0.9875)
    return votes / (1 - votes)


def matched(votes, real):
    """Probabilities that give the votes the spread that those of unseen real rows have, in ten parts."""
    edges = np.quantile(real, np.linspace(0, 1, 11)[1:-1])
    part, own = np.searchsorted(edges, votes), np.searchsorted(edges, real)
    wanted, have = (np.bincount(p, minlength=10) / len(p) for p in (own, part))
    ratio = (wanted + 0.02) / (have + 0.02)
    return (ratio / ratio.max())[part]


def at_least(bar):
    return lambda v, f: (v >= (bar(f) if callable(bar) else bar)).astype(float)


def power(a, at):
    """min(1, (odds / odds of `at`) ** a)."""
    return lambda v, f: np.minimum(1, (odds(v) / odds(at(f) if callable(at) else at)) ** a)


def strength(kept, real):
    """The power, at most 4, with which so many of the unseen real rows of the class are kept."""
    own = odds(kept["unseen"]) / odds(kept["bar"])
    for a in np.arange(4, 0, -0.25):
        if np.minimum(1, own**a).mean() >= real:
            return float(a)
    return 0.25


def quantile(q):
    return lambda f: float(np.quantile(f["unseen"], q))


WAYS = {
    "all": lambda v, f: np.ones(len(v)),
    "hard": at_least(lambda f: f["bar"]),
    **{f"t{t}": at_least(t) for t in (0.2, 0.3, 0.4, 0.5)},
    **{f"q{q}": at_least(quantile(q)) for q in (0.05, 0.1, 0.25)},
    "min(.6,q.25)": at_least(lambda f: min(0.6, quantile(0.25)(f))),
    "min(.6,q.5)": at_least(lambda f: min(0.6, quantile(0.5)(f))),
    "half": lambda v, f: np.where(v >= f["bar"], 1.0, 0.35),
    "match": lambda v, f: matched(v, f["unseen"]),
    **{f"p{a}@{bar}": power(a, bar) for a in (1, 2) for bar in (0.5, 0.6, 0.75)},
    **{f"p{a}@bar": power(a, lambda f: f["bar"]) for a in (1, 2, 3, 4)},
    **{f"p{a}@q{q}": power(a, quantile(q)) for a in (1, 2) for q in (0.5, 0.75)},
    **{f"r{r}": lambda v, f, r=r: power(strength(f, r), f["bar"])(v, f) for r in (0.5, 0.55, 0.6, 0.65, 0.7)},
}
USUAL = ["none", "SMOTE", "threshold", "all", "package", "real fitted r0.55"]


def picked(kept, way, seed=0):
    """Rows of the candidates, by the name of a way: a kernel, "distilled " or not, and a rule."""
    kernel = next((k for k in KERNELS if k and way.startswith(k)), "")
    rule = way.removeprefix(kernel)
    rows, raw, distilled = kept[kernel]
    if rule.startswith("package"):
        bar, strong = kept["package"]
        whatever = float(rule.partition("+")[2] or 0)
        share = whatever + (1 - whatever) * power(strong, bar)(distilled, kept)
    elif rule.startswith("fitted "):
        # the distilled votes as they are, with a bar that lets as many through
        name = rule.removeprefix("fitted ")
        share = WAYS[name](raw, kept).mean()
        name = strength(kept, float(name[1:])) if name.startswith("r") else name[1:].split("@")[0]
        bars = np.linspace(0.004, 0.996, 249)
        off = [abs(power(float(name), b)(distilled, kept).mean() - share) for b in bars]
        share = power(float(name), bars[int(np.argmin(off))])(distilled, kept)
    elif rule == "threshold":
        _, before, after = kept[""]  # a bar that refuses as many of the distilled votes
        share = (distilled >= np.quantile(after, (before < kept["bar"]).mean())).astype(float)
    elif rule.startswith("distilled "):
        # the distilled votes with the spread of those that they repeat
        order = np.argsort(np.argsort(distilled, kind="stable"))
        share = WAYS[rule.removeprefix("distilled ")](np.sort(raw)[order], kept)
    else:
        share = WAYS[rule](raw, kept)
    lots = np.random.default_rng(seed).random(len(rows))
    take = np.flatnonzero(lots < share)[: kept["n"]]
    if len(take) < kept["n"]:  # the least evil, and where there are none left, some of them again
        rest = np.setdiff1d(np.arange(len(rows)), take)
        rest = rest[np.argsort(lots[rest] - share[rest], kind="stable")]
        take = np.concatenate([take, rest])[: kept["n"]]
        take = np.resize(take, kept["n"])
    return rows[take], float(share.mean())


def measured(name, number, way):
    """One line for each classifier."""
    kept = fold(name, number)
    x, y, kept_share = kept["x"], kept["y"], np.nan
    if way == "SMOTE":
        new = kept["SMOTE"]
    elif way in ("none", "prior"):
        new = x[:0]
    else:
        new, kept_share = picked(kept, way)
    line = {"set": name, "fold": number, "way": way, "kept": kept_share, **unlike(x[y == 1], new)}
    return judged(line, x, y, new, kept, float(y.mean()) if way == "prior" else 0.5)


def unlike(real, new):
    """How far the mean of a column is off, in standard deviations, and the share of states that hardly come."""
    if not len(new):
        return {"shift": np.nan, "lost": np.nan}
    spread = real.std(0)
    told = spread > 0.01
    shift = (np.abs(new.mean(0) - real.mean(0))[told] / spread[told]).mean()
    states = np.isin(real, (0, 1)).all(0) & (real.mean(0) >= 0.03)
    lost = (new.mean(0) < real.mean(0) / 4)[states].mean() if states.any() else np.nan
    return {"shift": float(shift), "lost": float(lost)}


def judged(line, x, y, new, kept, threshold=0.5):
    """A line for each classifier that learns the real rows and new ones of class 1; "prior" comes with "none"."""
    all_x, all_y = np.concatenate([x, new]), np.concatenate([y, np.ones(len(new), int)])
    lines = []
    for judge, model in classifiers(line["fold"]).items():
        share = model.fit(all_x, all_y).predict_proba(kept["x_test"])[:, 1]
        own = line | {"classifier": judge}
        lines.append(own | scores(kept["y_test"], share, threshold))
        if line["way"] == "none":
            lines.append(own | {"way": "prior"} | scores(kept["y_test"], share, float(y.mean())))
    return lines


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=list(HALVES), required=True)
    parser.add_argument("--ways", nargs="+", default=USUAL)
    parser.add_argument("--sets", nargs="+", help="only these")
    parser.add_argument("--unmoved", action="store_true", help="generators with match_marginals=False")
    args = parser.parse_args(argv)
    warnings.simplefilter("ignore")
    MOVED["match_marginals"] = not args.unmoved
    path = folder() / f"{args.half}.csv"
    done = pd.read_csv(path) if path.exists() else pd.DataFrame()
    known = set() if done.empty else set(zip(done["set"], done["fold"], done["way"], strict=True))
    for name in args.sets or HALVES[args.half]:
        for number in range(3):
            fold(name, number)
            todo = [way for way in args.ways if (name, number, way) not in known]
            lines = pd.DataFrame([line for way in todo for line in measured(name, number, way)])
            if len(lines):
                folder().mkdir(parents=True, exist_ok=True)
                lines.to_csv(path, mode="a", header=not path.exists(), index=False)
        print(name, file=sys.stderr, flush=True)
    told(pd.read_csv(path), args.ways)


def told(lines, ways, baseline="threshold"):
    """Means over sets and classifiers; mean differences to a threshold, and a Wilcoxon test over sets."""
    ways = [*ways, "prior"] if "none" in ways else list(ways)
    cells = lines[lines["way"].isin(ways)].groupby(["way", "set", "classifier"])[METRICS].mean()
    kept = lines.groupby("way")[["kept", *(name for name in ("shift", "lost") if name in lines)]].mean()
    print("mean\n", cells.groupby("way").mean().join(kept).round(4).to_string())
    differences = (cells - cells.loc[baseline]).drop(baseline)
    print("\nagainst", baseline, "\n", differences.groupby("way").mean().round(4).to_string())
    of_sets = differences.groupby(["way", "set"]).mean()
    if of_sets.index.get_level_values("set").nunique() > 1:
        p = of_sets.groupby("way").agg(lambda column: wilcoxon(column).pvalue)
        print("\nits p over sets\n", p.round(3).to_string())
    print("\nby classifier\n", differences.groupby(["way", "classifier"]).mean().round(4).to_string())


if __name__ == "__main__":
    main()
