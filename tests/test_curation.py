"""Each rule refuses what it is for and little else; drawing again ends."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier

from ganaug.encoding import TableCodec
from ganaug.exceptions import InvalidDataError, InvalidParameterError
from ganaug.filtering import RULES, FilterCounts, RowFilter, rejection_sample
from ganaug.filtering import forest as forest_module
from ganaug.filtering.forest import ArrayForest
from ganaug.filtering.rows import ROUNDS, check_rules

COPY, OUTLIER, OTHER = (RULES.index(rule) + 1 for rule in ("copies", "outliers", "other_class"))


@pytest.fixture(scope="module")
def real():
    """Breast cancer, encoded: training rows and held-out ones with their classes."""
    X, y = load_breast_cancer(return_X_y=True)
    Xa, Xb, ya, yb = train_test_split(X, y, test_size=0.4, stratify=y, random_state=0)
    codec = TableCodec().fit(Xa)
    return codec.encode(Xa), ya.astype(np.int64), codec.encode(Xb), yb.astype(np.int64)


@pytest.fixture(scope="module")
def row_filter(real):
    x, y, _, _ = real
    return RowFilter(RULES, 0.25).fit(x, y, 2, [0, 1], seed=0)


def only(rule, real, **kw):
    x, y, _, _ = real
    return RowFilter([rule], 0.25).fit(x, y, 2, [0, 1], seed=0)


# ------------------------------------------------------------------------------------------ the rules


def test_copies_of_training_rows_are_refused(real, row_filter):
    x, y, unseen, unseen_y = real
    for condition in (0, 1):
        assert (row_filter.verdict(x[y == condition], condition) == COPY).all()
        assert (row_filter.verdict(unseen[unseen_y == condition], condition) != COPY).all()


def test_a_row_of_a_class_that_is_not_sampled_may_be_repeated(real):
    x, y, _, _ = real
    row_filter = RowFilter(["copies"], 0.25).fit(x, y, 2, [1], seed=0)
    assert (row_filter.verdict(x[y == 1], 1) == COPY).all()
    assert (row_filter.verdict(x[y == 0], 1) == 0).all()


def test_where_real_rows_repeat_equal_rows_are_no_copies(rng):
    few_values = rng.integers(0, 2, (300, 4)).astype(np.float32)
    row_filter = RowFilter(["copies"], 0.25).fit(few_values, np.zeros(300, np.int64), 1, [0], seed=0)
    assert (row_filter.verdict(few_values, 0) == 0).all()


def test_rows_far_outside_are_refused(real):
    x, y, _, _ = real
    row_filter = only("outliers", real)
    for condition in (0, 1):
        inside = x[y == condition]
        assert (row_filter.verdict(inside, condition) == 0).all()
        centre = inside.mean(0)
        assert (row_filter.verdict(centre + 5 * (inside - centre), condition) == OUTLIER).mean() > 0.9
        assert (row_filter.verdict(inside + 12, condition) == OUTLIER).all()


@pytest.mark.parametrize("n", [12, 30, 100])
def test_a_small_class_still_lets_in_rows_that_it_has_not_seen(real, n):
    """The range of 12 rows in 32 directions alone would shut out nine real rows in ten."""
    x, y, unseen, unseen_y = real
    mine = np.flatnonzero(y == 0)
    refused = []
    for seed in range(5):
        rows = np.random.default_rng(seed).permutation(mine)[:n]
        row_filter = RowFilter(["outliers"], 0.25).fit(x[rows], y[rows], 1, [0], seed=seed)
        refused.append(row_filter.verdict(unseen[unseen_y == 0], 0).astype(bool).mean())
    assert np.mean(refused) < 0.15


def test_rows_of_another_class_are_refused(real, whole_judges):
    _, _, unseen, unseen_y = real
    row_filter = only("other_class", real)
    for condition in (0, 1):
        assert (row_filter.verdict(unseen[unseen_y != condition], condition) == OTHER).mean() > 0.8
        assert (row_filter.verdict(unseen[unseen_y == condition], condition) == 0).mean() > 0.9


def test_min_probability_is_how_sure_the_forest_must_be(real):
    x, y, unseen, _ = real
    refused = []
    for p in (0.0, 0.25, 0.5, 0.9, 1.0):
        row_filter = RowFilter(["other_class"], p).fit(x, y, 2, [0, 1], seed=0)
        refused.append(int((row_filter.verdict(unseen, 1) == OTHER).sum()))
    assert refused[0] == 0 and refused == sorted(refused) and len(set(refused)) == 5


def test_all_rules_together_keep_most_real_rows(real, row_filter):
    _, _, unseen, unseen_y = real
    kept = [(row_filter.verdict(unseen[unseen_y == c], c) == 0).mean() for c in (0, 1)]
    assert min(kept) > 0.85


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_can_stand_alone(real, rule):
    x, _, _, _ = real
    row_filter = only(rule, real)
    bad = np.concatenate([x, x + 50])
    assert set(np.unique(row_filter.verdict(bad, 1))) <= {0, RULES.index(rule) + 1}


def test_the_first_rule_speaks_for_a_row_that_several_refuse(real, row_filter):
    x, y, _, _ = real
    assert (row_filter.verdict(x[y == 0], 1) == COPY).all()  # of the other class, too


def test_a_class_of_a_few_rows_is_only_kept_from_copying(rng):
    x = rng.normal(size=(205, 4)).astype(np.float32)
    y = np.repeat([0, 1], [200, 5])
    row_filter = RowFilter(RULES, 0.25).fit(x, y, 2, [1], seed=0)
    assert (row_filter.verdict(rng.normal(size=(100, 4)).astype(np.float32) * 9, 1) == 0).all()
    assert (row_filter.verdict(x[y == 1], 1) == COPY).all()


def test_one_class_and_no_columns_are_no_trouble(rng):
    x = rng.normal(size=(50, 3)).astype(np.float32)
    alone = RowFilter(RULES, 0.25).fit(x, np.zeros(50, np.int64), 1, [0], seed=0)
    assert alone.forest is None and (alone.verdict(x + 0.1, 0) == 0).mean() > 0.8
    nothing = RowFilter(RULES, 0.25).fit(x[:, :0], np.arange(50) % 2, 2, [0, 1], seed=0)
    assert (nothing.verdict(np.zeros((3, 0), np.float32), 0) == 0).all()


def test_no_rows_no_verdicts(row_filter, real):
    assert row_filter.verdict(real[0][:0], 1).shape == (0,)


def test_verdicts_repeat_and_do_not_depend_on_the_rows_beside(real):
    x, y, unseen, _ = real
    first, again = (RowFilter(RULES, 0.25).fit(x, y, 2, [0, 1], seed=3) for _ in range(2))
    mixed = np.concatenate([unseen, x[:20], unseen + 3])
    said = first.verdict(mixed, 1)
    np.testing.assert_array_equal(said, again.verdict(mixed, 1))
    np.testing.assert_array_equal(said, np.concatenate([first.verdict(part, 1) for part in np.array_split(mixed, 7)]))
    np.testing.assert_array_equal(said[::-1], first.verdict(mixed[::-1], 1))


def test_fitting_touches_no_global_generator(real, global_state):
    x, y, _, _ = real
    RowFilter(RULES, 0.25).fit(x, y, 2, [0, 1], seed=0).verdict(x, 0)
    global_state.assert_unchanged()


# ------------------------------------------------------------------------------------------ state


def through_state(row_filter, width, n_conditions=2):
    return RowFilter.from_state(*row_filter.get_state(keep_copies_check=True), width, n_conditions)


@pytest.mark.parametrize("rules", [RULES, ("copies",), ("outliers",), ("other_class",), ()])
def test_state_gives_the_same_verdicts(real, rules):
    x, y, unseen, _ = real
    row_filter = RowFilter(rules, 0.3).fit(x, y, 2, [0, 1], seed=0)
    restored = through_state(row_filter, x.shape[1])
    mixed = np.concatenate([x[:50], unseen, unseen + 3])
    for condition in (0, 1):
        np.testing.assert_array_equal(row_filter.verdict(mixed, condition), restored.verdict(mixed, condition))
    assert restored.rules == row_filter.rules and restored.min_probability == 0.3


def test_state_holds_no_rows(real, row_filter):
    x, _, _, _ = real
    _, arrays = row_filter.get_state()
    shapes = {name: array.shape for name, array in arrays.items()}
    assert not [name for name, shape in shapes.items() if len(shape) == 2 and shape[1] == x.shape[1]], shapes
    assert shapes["hashes"] == shapes["hash_factors"] == (0,)
    _, kept = row_filter.get_state(keep_copies_check=True)
    assert kept["hashes"].shape == (len(x),)


def test_without_hashes_all_other_rules_judge_as_before(real, row_filter):
    x, _, unseen, _ = real
    restored = RowFilter.from_state(*row_filter.get_state(), x.shape[1], 2)
    assert restored.copies_unchecked and not row_filter.copies_unchecked
    for condition in (0, 1):
        before, after = row_filter.verdict(unseen, condition), restored.verdict(unseen, condition)
        np.testing.assert_array_equal(before, after)
        assert not (restored.verdict(x, condition) == COPY).any()
    again = RowFilter.from_state(*restored.get_state(keep_copies_check=True), x.shape[1], 2)
    assert again.copies_unchecked  # what is gone stays gone


def test_a_pickle_has_no_hashes(row_filter):
    for copied in (pickle.loads(pickle.dumps(row_filter)), copy.deepcopy(row_filter)):
        assert not copied.holds_samples and copied.copies_unchecked
    assert row_filter.holds_samples


@pytest.mark.parametrize("rules", [("outliers", "other_class"), ("copies",), ()])
def test_where_there_are_no_hashes_nothing_is_unchecked(rng, rules):
    few_values = rng.integers(0, 2, (300, 4)).astype(np.float32)
    row_filter = RowFilter(rules, 0.25).fit(few_values, np.arange(300) % 2, 2, [0, 1], seed=0)
    restored = RowFilter.from_state(*row_filter.get_state(), 4, 2)
    assert not restored.copies_unchecked


@pytest.mark.parametrize("n", [12, 60, 400])
def test_no_bound_is_a_row_of_its_own(rng, n):
    x = rng.standard_t(3, (n, 5)).astype(np.float32)
    row_filter = RowFilter(["outliers"], 0.25).fit(x, np.zeros(n, np.int64), 1, [0], seed=0)
    along, (low, high) = x @ row_filter.directions, row_filter.bounds[0]
    assert not np.isclose(along, low, rtol=0, atol=1e-4).any() and not np.isclose(along, high, rtol=0, atol=1e-4).any()
    assert (along >= low).all() and (along <= high).all()
    step = np.exp2(np.floor(np.log2(0.25 * along.std(0, ddof=1))))
    assert np.allclose(low / step, np.rint(low / step)) and np.allclose(high / step, np.rint(high / step))


def test_a_distilled_forest_refuses_as_many_and_tells_no_row(rng):
    n = 400
    y = (np.arange(n) % 4 == 0).astype(np.int64)
    x = (rng.normal(size=(n, 6)) + 0.8 * y[:, None]).astype(np.float32)
    unseen_y = (np.arange(n) % 4 == 0).astype(np.int64)
    unseen = (rng.normal(size=(n, 6)) + 0.8 * unseen_y[:, None]).astype(np.float32)
    candidates = [(rng.normal(size=(3000, 6)) + 0.8 * c).astype(np.float32) for c in (0, 1)]
    row_filter = RowFilter(["other_class"], "auto").fit(x, y, 2, [0, 1], seed=0)
    before = [row_filter.verdict(rows, c) > 0 for c, rows in enumerate(candidates)]
    seen = row_filter.forest.predict_proba(x)[y == 1, 1], row_filter.forest.predict_proba(unseen)[unseen_y == 1, 1]
    known = roc_auc_score(np.repeat([1, 0], list(map(len, seen))), np.concatenate(seen))
    again = copy.deepcopy(row_filter)
    for one in (row_filter, again):
        one.distil(candidates, seed=0)
    np.testing.assert_array_equal(row_filter.forest.value, again.forest.value)
    for c, rows in enumerate(candidates):
        after = row_filter.verdict(rows, c) > 0
        assert abs(after.mean() - before[c].mean()) < 0.04 and (after == before[c]).mean() > 0.75
    seen = row_filter.forest.predict_proba(x)[y == 1, 1], row_filter.forest.predict_proba(unseen)[unseen_y == 1, 1]
    told = roc_auc_score(np.repeat([1, 0], list(map(len, seen))), np.concatenate(seen))
    assert known > 0.68 and abs(told - 0.5) < 0.1, (known, told)


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("hash_factors", lambda a: a[:-1]),
        ("directions", lambda a: a[:-1]),
        ("bounds", lambda a: a[:1]),
        ("few", lambda a: a[:1]),
        ("forest.left", lambda a: a + len(a)),
        ("forest.feature", lambda a: a + 1000),
        ("forest.feature", lambda a: -1 - a),
        ("forest.roots", lambda a: a[:0]),
        ("forest.threshold", lambda a: a[1:]),
        ("forest.value", lambda a: a[:, :1]),
    ],
)
def test_state_that_does_not_fit_is_refused(real, row_filter, name, spoil):
    config, arrays = row_filter.get_state(keep_copies_check=True)
    with pytest.raises(InvalidDataError, match="curator"):
        RowFilter.from_state(config, arrays | {name: spoil(arrays[name])}, real[0].shape[1], 2)


@pytest.mark.parametrize("depth", [-1, 10**9])
def test_a_depth_that_would_never_end_is_refused(real, row_filter, depth):
    config, arrays = row_filter.get_state()
    with pytest.raises(InvalidDataError, match="trees"):
        RowFilter.from_state(config | {"forest_depth": depth}, arrays, real[0].shape[1], 2)


# ------------------------------------------------------------------------------------------ the forest


@pytest.mark.parametrize("n_classes", [2, 5])
def test_the_array_forest_is_scikit_learns(monkeypatch, rng, n_classes):
    kept = []

    class Remembering(DecisionTreeClassifier):
        def fit(self, *args, **kw):
            kept.append(super().fit(*args, **kw))
            return self

    monkeypatch.setattr("sklearn.tree.DecisionTreeClassifier", Remembering)
    monkeypatch.setattr(forest_module, "_CHUNK", 64)  # several chunks, the last one short
    y = rng.integers(0, n_classes, 500)
    # half the values on a grid: many lie exactly on a threshold's neighbours
    x = (rng.normal(size=(500, 6)) + y[:, None] * 0.3).astype(np.float32)
    x[:, :3] = np.round(x[:, :3], 1)
    forest = ArrayForest.fit(x, y.astype(np.int64), seed=1, n_trees=15)
    test = np.concatenate([x, (rng.normal(size=(333, 6)) * 2).astype(np.float32), np.round(x, 1)])
    expected = np.mean([tree.predict_proba(test) for tree in kept], axis=0)
    assert len(kept) == 15
    np.testing.assert_allclose(forest.predict_proba(test), expected, atol=1e-6)
    assert forest.predict_proba(test[:0]).shape == (0, n_classes)


def test_every_value_falls_on_scikit_learns_side_of_a_threshold():
    """Thresholds are float64 midpoints of float32 values; rounded up, one would move its upper value to the left."""
    low = np.float32(1.0)
    high = np.nextafter(low, np.float32(2))
    third = np.float64(low) + (np.float64(high) - low) * np.array([0.0, 0.25, 0.5, 0.75])
    rounded = forest_module._rounded_down(third)
    assert (rounded == low).all() and rounded.dtype == np.float32


def test_each_tree_sees_as_many_rows_of_every_class(monkeypatch, rng):
    seen = []

    class Remembering(DecisionTreeClassifier):
        def fit(self, x, y, **more):
            seen.append(np.bincount(y).tolist())
            return super().fit(x, y, **more)

    monkeypatch.setattr("sklearn.tree.DecisionTreeClassifier", Remembering)
    y = np.repeat([0, 1, 2], [30_000, 150, 5000])
    x = (rng.normal(size=(len(y), 3)) + 3 * y[:, None]).astype(np.float32)
    forest = ArrayForest.fit(x, y, seed=0, n_trees=10)
    assert seen == [[150, 150, 150]] * 10
    assert forest.predict_proba(x)[y == 1, 1].mean() > 0.8
    ArrayForest.fit(x, y, seed=0, n_trees=1, max_rows=300)
    assert seen[-1] == [100, 100, 100]
    ArrayForest.fit(x[29_997:30_100], y[29_997:30_100], seed=0, n_trees=1)
    assert seen[-1] == [20, 20]


@pytest.mark.parametrize(("n", "at_most"), [(12, 0.4), (30, 0.2), (100, 0.15)])
def test_unseen_rows_of_a_rare_overlapping_class_are_mostly_kept(rng, n, at_most):
    def rows(count, shift):
        return (rng.normal(size=(count, 5)) + shift).astype(np.float32)

    x, y = np.concatenate([rows(1000, 0.0), rows(n, 0.7)]), np.repeat([0, 1], [1000, n])
    row_filter = RowFilter(["other_class"], 0.25).fit(x, y, 2, [1], seed=0)
    assert (row_filter.verdict(rows(2000, 0.7), 1) > 0).mean() < at_most


# ------------------------------------------------------------------------------------------ drawing


class Scripted:
    """A row_filter whose verdict is written in the first column."""

    def verdict(self, x, condition):
        return x[:, 0].astype(np.int8)


class Source:
    """Draws rows whose verdicts repeat a pattern; counts what it was asked for."""

    def __init__(self, *pattern):
        self.pattern, self.made, self.asked = pattern, 0, []

    def __call__(self, n, round_):
        assert round_ == len(self.asked)
        self.asked.append(n)
        serial = np.arange(self.made, self.made + n)
        self.made += n
        rows = np.stack([np.take(self.pattern, serial % len(self.pattern)), serial], axis=1).astype(np.float32)
        return np.array_split(rows, [n // 3, n // 2])


def balanced(counts):
    return counts.drawn + counts.taken_anyway == counts.kept + sum(counts.rejected.values())


def test_without_a_curator_the_first_draw_is_all():
    source = Source(0)
    rows, counts = rejection_sample(source, None, 0, 7)
    assert len(rows) == 7 and source.asked == [7]
    assert counts == FilterCounts(drawn=7, kept=7)


@pytest.mark.parametrize("n", [0, 1, 3, 100])
@pytest.mark.parametrize("pattern", [(0,), (0, 1), (1, 0, 3, 0, 2), (3,) * 9 + (0,), (1,) * 60 + (0,), (1,), (2, 3)])
def test_the_count_is_exact_and_the_sums_add_up(n, pattern):
    source = Source(*pattern)
    rows, counts = rejection_sample(source, Scripted(), 0, n)
    assert rows.shape == (n, 2) and counts.kept == n
    assert balanced(counts)
    assert len(set(rows[:, 1])) == n  # no row twice
    assert counts.taken_anyway == (rows[:, 0] > 0).sum()
    assert len(source.asked) <= ROUNDS and sum(source.asked) <= (4 * ROUNDS - 3) * n
    assert counts.taken_anyway == 0 or len(source.asked) == ROUNDS


def test_kept_rows_come_in_the_order_of_drawing():
    rows, counts = rejection_sample(Source(0, 1, 0, 0, 2, 3), Scripted(), 0, 40)
    assert (np.diff(rows[:, 1]) > 0).all() and (rows[:, 0] == 0).all()
    assert all(counts.rejected[rule] > 0 for rule in ("copies", "rules", "outliers"))
    assert counts.rejected["other_class"] == 0


def test_where_rounds_do_not_suffice_the_lesser_evil_fills_up():
    rows, counts = rejection_sample(Source(1, 2, 3, 3, 1, 1, *[1] * 200, 4), Scripted(), 0, 20)
    assert counts.taken_anyway == 20
    faults = rows[:, 0].tolist()
    assert faults == sorted(faults, reverse=True)  # other class, outliers, broken rules, then copies
    assert faults.count(4) >= 2 and faults.count(3) >= 4 and faults.count(2) >= 2


def test_a_tally_is_a_flat_row():
    row = rejection_sample(Source(0, 4), Scripted(), 0, 4)[1].row()
    assert list(row) == ["drawn", "kept", *RULES, "taken_anyway"]
    assert row["kept"] == 4 and row["other_class"] == 3 and row["copies"] == 0


def test_what_could_not_be_looked_for_is_none():
    scripted = Scripted()
    scripted.copies_unchecked = True
    row = rejection_sample(Source(0, 4), scripted, 0, 4)[1].row()
    assert row["copies"] is None and row["other_class"] == 3 and row["outliers"] == 0


# ------------------------------------------------------------------------------------------ the parameter


def test_names_of_rules():
    assert check_rules(True) == RULES and check_rules(False) == () and check_rules([]) == ()
    assert check_rules("copies") == ("copies",)
    assert check_rules(["outliers", "copies"]) == ("outliers", "copies")


@pytest.mark.parametrize("bad", ["copy", ["copies", "novelty"], 3, None, [True]])
def test_unknown_rules_are_named_and_the_known_ones_listed(bad):
    with pytest.raises(
        InvalidParameterError, match=r"curate=.* names no such rule.*'copies', 'rules', 'outliers', 'other_class'"
    ):
        check_rules(bad)


def test_where_classes_lie_apart_a_row_must_be_as_much_of_its_class_as_real_ones_are():
    """And where they overlap, half the votes is enough."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [1000, 60])

    def table(shift):
        return np.concatenate([rng.normal(size=(1000, 4)), rng.normal(shift, 0.5, (60, 4))]).astype(np.float32)

    apart, mixed = (RowFilter(["other_class"], "auto").fit(table(shift), y, 2, [1], seed=0) for shift in (3.0, 0.3))
    assert apart.least[1] > 0.8 > 0.7 > mixed.least[1] >= 0.5
    between = rng.normal(1.9, 0.4, (300, 4)).astype(np.float32)
    fixed = RowFilter(["other_class"], 0.5).fit(table(3.0), y, 2, [1], seed=0)
    assert (apart.verdict(between, 1) > 0).mean() > (fixed.verdict(between, 1) > 0).mean() + 0.1
    own = rng.normal(3.0, 0.5, (500, 4)).astype(np.float32)
    assert (apart.verdict(own, 1) > 0).mean() < 0.45


# ------------------------------------------------------------------------------------------ thinning out


def overlapping(rng, n_others=1000, n=80, shift=0.5):
    """Two classes that differ by half a standard deviation in the first of three columns."""
    x, y = rng.normal(size=(n_others + n, 3)).astype(np.float32), np.repeat([0, 1], [n_others, n])
    x[n_others:, 0] += shift
    return x, y


def test_auto_keeps_each_row_with_a_power_of_its_odds(rng):
    x, y = overlapping(rng)
    curator = RowFilter(["other_class"], "auto").fit(x, y, 2, [1], seed=0)
    rows = rng.normal([0.5, 0, 0], size=(1500, 3)).astype(np.float32)
    kept = np.mean([curator.verdict(rows, 1, rng.random(len(rows), np.float32)) == 0 for _ in range(100)], axis=0)
    votes = curator.forest.predict_proba(rows)[:, 1].astype(float).clip(1 / 256, 1 - 1 / 256)
    least, power = float(curator.least[1]), float(curator.powers[1])
    expected = np.minimum(1, (votes / (1 - votes) / (least / (1 - least))) ** power)
    assert abs(kept - expected).mean() < 0.04 and abs(kept.mean() - expected.mean()) < 0.005
    assert 0.4 < kept.mean() < 0.75 and (curator.verdict(rows, 1) == 0).mean() < kept.mean() - 0.15
    np.testing.assert_array_equal(curator.verdict(rows, 1, np.ones(len(rows), np.float32)), curator.verdict(rows, 1))


def test_thinning_moves_an_overlapping_class_less_than_a_threshold(rng):
    x, y = overlapping(rng, 4000, 400)
    rows = rng.normal([0.5, 0, 0], size=(4000, 3)).astype(np.float32)
    thin = RowFilter(["other_class"], "auto").fit(x, y, 2, [1], seed=0)
    hard = RowFilter(["other_class"], 0.6).fit(x, y, 2, [1], seed=0)
    moved = rows[thin.verdict(rows, 1, rng.random(len(rows), np.float32)) == 0, 0].mean() - 0.5
    pushed = rows[hard.verdict(rows, 1, rng.random(len(rows), np.float32)) == 0, 0].mean() - 0.5
    assert 0 < moved < 0.45 and pushed > 2 * moved, (moved, pushed)


def test_the_more_the_classes_overlap_the_more_gently_a_class_is_thinned_out(rng):
    powers = [
        RowFilter(["other_class"], "auto").fit(*overlapping(rng, shift=shift), 2, [1], seed=0).powers[1]
        for shift in (0.3, 1.5, 4.0)
    ]
    assert powers[0] < 2 and powers[0] < powers[1] <= powers[2] == 4, powers


def test_a_number_stays_a_threshold_whatever_the_lots(rng):
    x, y = overlapping(rng)
    curator = RowFilter(["other_class"], 0.4).fit(x, y, 2, [1], seed=0)
    assert not curator.thins and not len(curator.powers)
    said = curator.verdict(x, 1)
    np.testing.assert_array_equal(curator.verdict(x, 1, np.zeros(len(x), np.float32)), said)
    assert ((said == 0) == (curator.forest.predict_proba(x)[:, 1] >= np.float32(0.4))).mean() > 0.99


def test_a_distilled_curator_keeps_as_many_when_it_thins_out(rng):
    x, y = overlapping(rng)
    candidates = [rng.normal(size=(3000, 3)).astype(np.float32), rng.normal(size=(3000, 3)).astype(np.float32)]
    candidates[1][:, 0] += 0.5
    curator = RowFilter(["other_class"], "auto").fit(x, y, 2, [0, 1], seed=0)
    lots = rng.random(3000, np.float32)
    before = [(curator.verdict(rows, c, lots) == 0).mean() for c, rows in enumerate(candidates)]
    curator.distil(candidates, seed=0)
    after = [(curator.verdict(rows, c, lots) == 0).mean() for c, rows in enumerate(candidates)]
    assert np.abs(np.subtract(before, after)).max() < 0.03, (before, after)


def test_thinning_survives_saving_and_a_file_without_it_has_a_threshold(rng):
    x, y = overlapping(rng)
    curator = RowFilter(["other_class"], "auto").fit(x, y, 2, [0, 1], seed=0)
    lots = rng.random(len(x), np.float32)
    config, arrays = curator.get_state()
    for again in (RowFilter.from_state(config, arrays, 3, 2), pickle.loads(pickle.dumps(curator))):
        np.testing.assert_array_equal(again.verdict(x, 1, lots), curator.verdict(x, 1, lots))
    earlier = RowFilter.from_state(config, {k: v for k, v in arrays.items() if k != "powers"}, 3, 2)
    assert not earlier.thins
    np.testing.assert_array_equal(earlier.verdict(x, 1, lots), curator.verdict(x, 1))
    for odd in (arrays["powers"][:1], arrays["powers"] * 0, arrays["powers"] * np.float32(np.nan)):
        with pytest.raises(InvalidDataError, match="powers"):
            RowFilter.from_state(config, {**arrays, "powers": odd}, 3, 2)


def test_lots_come_from_the_seed(rng):
    x, y = overlapping(rng)
    curator = RowFilter(["other_class"], "auto").fit(x, y, 2, [1], seed=0)
    rows = rng.normal([0.5, 0, 0], size=(4000, 3)).astype(np.float32)

    def drawn(seed):
        return rejection_sample(lambda n, round_: np.array_split(rows[1000 * round_ :][:n], 3), curator, 1, 300, seed)

    (one, tally), (same, _), (other, _) = drawn(1), drawn(1), drawn(2)
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
    assert tally.kept == 300 and tally.rejected["other_class"] > 50 and not tally.taken_anyway
