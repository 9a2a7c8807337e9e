"""Rules as objects: what they say, which rows keep them, what is refused; and `find_rules` on planted tables."""

from __future__ import annotations

import json
import pickle
from dataclasses import dataclass

import numpy as np
import pandas as pd
import planted
import pytest
from helpers import cases

import ganaug
from ganaug import Copy, OneHot, Order, Product, Rules, Sum, Within, find_rules
from ganaug.exceptions import GanaugError, InvalidDataError, InvalidParameterError, InvalidTypeError, ModelFileError
from ganaug.rules import (
    Apart,
    Bound,
    Custom,
    Determined,
    FixedWhere,
    Grid,
    MissingWith,
    Monotone,
    Never,
    PerCategory,
    Rule,
    rule_from_json,
)
from ganaug.rules.equations import Equation

FRAME = pd.DataFrame(
    {
        "a": [1.0, 2.0, np.nan, 4.0],
        "b": [2, 2, 3, 3],
        "c": [3.0, 4.0, 5.0, 8.0],
        "p": [1, 0, 0, 1],
        "q": [0, 1, 0, 1],
        "k": ["x", "y", "x", "x"],
        "d": pd.to_datetime(["2020-01-01", "2020-02-01", None, "2020-03-01"]),
        "e": pd.to_datetime(["2020-01-02", "2020-01-31", "2020-01-01", "2020-03-01"]),
    }
)
KEPT = [
    (Order("a", "b"), "b >= a", [1, 1, 1, 0]),
    (Order("a", "b", strict=True), "b > a", [1, 0, 1, 0]),
    (Order("d", "e"), "e >= d", [1, 0, 1, 1]),
    (Apart("b", "c", least=2), "c >= b + 2", [0, 1, 1, 1]),
    (Apart("b", "c", most=2), "c <= b + 2", [1, 1, 1, 0]),
    (Apart("a", "c", -1, 2.5), "a - 1 <= c <= a + 2.5", [1, 1, 1, 0]),
    (Apart("d", "e", most=0.5), "e <= d + 12 hours", [0, 1, 1, 1]),
    (Apart("d", "e", "-90min", pd.Timedelta("1D")), "d - 90 minutes <= e <= d + 1 day", [1, 0, 1, 1]),
    (Sum("c", ["a", "b"]), "c = a + b", [1, 1, 1, 0]),
    (Sum("a", ["c", "b"], coefficients=[1, -1]), "a = c - b", [1, 1, 1, 0]),
    (Sum("c", {"b": 2}, offset=-1, tolerance=0), "c = 2 * b - 1", [1, 0, 1, 0]),
    (Sum("c", {"b": -1}, offset=6, tolerance=0), "c = 6 - b", [0, 1, 0, 0]),
    (Product("c", ["a", "b"], tolerance=0), "c = a * b", [0, 1, 1, 0]),
    (Product("b", ["c"], over=["a"], tolerance=0), "b = c / a", [0, 1, 1, 0]),
    (Copy("c", of="b", scale=2, tolerance=0), "c = 2 * b", [0, 1, 0, 0]),
    (Copy("c", of="b", offset=1.5, tolerance=1), "c = b + 1.5 (to 1)", [1, 1, 1, 0]),
    (
        PerCategory("c", "b", "k", {"x": 1.5, "y": (1, 2)}),
        'c = 1.5 * b where k is "x", b + 2 where "y"',
        [1, 1, 1, 0],
    ),
    (
        PerCategory("c", "b", "p", {0: 1 / 8100, 1: 2}, tolerance=9),
        "c = b / 8100 where p is 0, 2 * b where 1 (to 9)",
        [1] * 4,
    ),
    (PerCategory("c", "b", "p", {1: (0, 3)}, tolerance=1), "c = 3 where p is 1 (to 1)", [1, 1, 1, 0]),
    (OneHot(["p", "q"]), "exactly one of p, q", [1, 1, 0, 0]),
    (OneHot(["p", "q"], at_most=True), "at most one of p, q", [1, 1, 1, 0]),
    (OneHot(["p", "q"], ordered=True), "p >= q (0 or 1)", [1, 0, 1, 1]),
    (Within("b", "k", {"x": (2, 2)}), "b within the interval of its k", [1, 1, 0, 0]),
    (Bound("b", high=2), "b <= 2", [1, 1, 0, 0]),
    (Bound("d", low="2020-01-15"), "d >= 2020-01-15", [0, 1, 1, 1]),
    (Determined("b", "k", {"x": 3}), "b is determined by k", [0, 1, 1, 1]),
    (MissingWith("a", "d"), "a and d are missing together", [1, 1, 1, 1]),
    (MissingWith("a", "k", ["y"], exactly=False), "a is missing wherever k is y", [1, 0, 1, 1]),
    (FixedWhere("b", 2, "k", ["x"]), 'b is 2 exactly where k is "x"', [1, 0, 0, 0]),
    (FixedWhere("b", 3, "d"), "b is 3 exactly where d is missing", [1, 1, 1, 0]),
    (FixedWhere("a", 2, "p", [0], exactly=False), "a is 2 wherever p is 0", [1, 1, 1, 1]),
    (FixedWhere("k", "x", "b", [2, 3]), 'k is "x" exactly where b is 2 or 3', [1, 0, 1, 1]),
    (Never({"k": "x", "b": 3}), 'never k = "x" with b = 3', [1, 1, 0, 0]),
    (
        Never(["k", "p", "b"], [("x", 1, 3), ("y", 0, 2)]),
        'never k = "x" and p = 1 with b = 3; k = "y" and p = 0 with b = 2',
        [1, 0, 1, 0],
    ),
    (Never(["k", "q"], [("x", 0), ("x", 1)]), 'never k = "x" with q = 0 or 1', [0, 1, 0, 0]),
    (Grid("c", 4), "c in steps of 4", [0, 1, 0, 1]),
    (Monotone("c", "b", ((2, 3), (3, 5)), 0.5), "c rises with b (to 0.5)", [1, 0, 1, 0]),
    (Custom(lambda frame: frame["b"] > 2, "b is large"), "b is large", [0, 0, 1, 1]),
]


@cases(("rule", "text", "kept"), KEPT, ids=[text for _, text, _ in KEPT])
def test_a_rule_says_what_it_means_and_who_keeps_it(rule, text, kept):
    assert str(rule.learn(FRAME)) == text  # times are known by their columns
    assert rule.holds(FRAME).tolist() == [bool(k) for k in kept]
    learnt = rule.learn(FRAME)
    assert learnt.exceptions == kept.count(0)
    assert rule.support == 0  # the one given stays as it is


@cases("rule", [rule for rule, _, _ in KEPT if rule.kind != "custom"], ids=str)
def test_a_rule_survives_as_json(rule):
    learnt = rule.learn(FRAME)._with(kept="guarded", certain=False)
    again = rule_from_json(json.loads(json.dumps(learnt.to_json())))
    assert again == learnt
    assert (again.support, again.exceptions, again.kept, again.certain) == (
        *(learnt.support, learnt.exceptions),
        *("guarded", False),
    )
    assert again.holds(FRAME).tolist() == learnt.holds(FRAME).tolist()


@cases("stored", [{}, {"kind": "order"}, {"kind": "law"}, {"kind": "sum", "names": 3}])
def test_a_damaged_rule_is_a_model_file_error(stored):
    with pytest.raises(ModelFileError, match="cannot be read"):
        rule_from_json(stored)


def test_a_function_is_no_part_of_a_model_file():
    rules = Rules([Order("a", "b"), lambda frame: frame["a"] > 0])
    assert len(Rules.from_json(json.loads(json.dumps(rules.to_json())))) == 1
    assert rules.dropped == ("a function of the table",)
    with pytest.raises(InvalidTypeError, match="holds no code"):
        rules[1].to_json()


@cases(
    ("make", "said"),
    [
        (lambda: Order("a", "a"), "compared with itself"),
        (lambda: Apart("a", "a", 1), "compared with itself"),
        (lambda: Apart("a", "b"), "give one of them"),
        (lambda: Apart("a", "b", 3, 1), "swap them"),
        (lambda: Apart("a", "b", "soon"), "least='soon' is neither a number nor a duration"),
        (lambda: Apart("a", "b", most=np.inf), "None for no limit"),
        (lambda: FixedWhere("a", 0, "a"), "fixed by itself"),
        (lambda: FixedWhere("a", None, "b"), "MissingWith says where"),
        (lambda: FixedWhere("a", 0, "b", [1, None]), "where 'b' is missing"),
        (lambda: FixedWhere("a", 0, "b", []), "is empty"),
        (lambda: Sum("a", "bc"), r"write \['bc'\]"),
        (lambda: Sum("a", []), "is empty"),
        (lambda: Sum("a", ["a", "b"]), "cannot be both"),
        (lambda: Sum("a", ["b", "c"], [1]), "1 coefficients for 2 parts"),
        (lambda: Sum("a", ["b"], [float("nan")]), "is no number"),
        (lambda: Sum("a", ["b"], tolerance=-1), "at least 0"),
        (lambda: Product("a"), "factors and over are empty"),
        (lambda: Product("a", ["b"], scale=0), "another number"),
        (lambda: Copy("a", of="a"), "name two columns"),
        (lambda: PerCategory("a", "b", "a", {"x": 1}), "not different columns"),
        (lambda: PerCategory("a", "b", "k", {}), "no dict of category to factor"),
        (lambda: PerCategory("a", "b", "k", {"x": (1, 2, 3)}), "neither a factor"),
        (lambda: PerCategory("a", "b", "k", {"x": "much"}), "is no number"),
        (lambda: OneHot(["a"]), "two at least"),
        (lambda: OneHot(["a", "a"]), "more than once"),
        (lambda: Within("a", "g", {"x": (3, 1)}), r"give \(low, high\)"),
        (lambda: Bound("a"), "give one of them"),
        (lambda: Bound("a", 3, 1), "swap them"),
        (lambda: Never({"a": 1}), "two at least"),
        (lambda: Never(["a", "b"], [(1,)]), "a value of each of 2 columns"),
        (lambda: Never({"a": 1, "b": 2}, [(1, 2)]), "the dict has a value of each"),
        (lambda: Custom(3), "no function"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_with_a_reason(make, said):
    with pytest.raises(InvalidParameterError, match=said):
        make()


@cases(
    ("rule", "said"),
    [
        (Order("a", "bb"), "did you mean 'b'"),
        (Order("a", "k"), "holds text or categories"),
        (Order("a", "d"), "cannot be compared"),
        (Apart("a", "d", 1), "cannot be compared"),
        (Sum("a", ["k"]), "needs numbers"),
        (PerCategory("a", "k", "b", {2: 1}), "needs numbers"),
        (PerCategory("a", "b", "kk", {2: 1}), "no column 'kk'"),
        (OneHot(["p", "b"]), "column 'b' holds"),
        (Bound("d", low=[1]), "cannot be compared"),
        (Custom(lambda frame: [True]), "True or False for each row"),
    ],
)
def test_a_rule_that_does_not_fit_the_table_names_the_column(rule, said):
    with pytest.raises(InvalidDataError, match=said):
        rule.holds(FRAME)
    with pytest.raises(GanaugError, match="is no rule"):
        Rules(["a <= b"])


@dataclass(frozen=True)
class FarApart(Rule):
    """A rule of a user's own."""

    first: str
    second: str
    least: float

    @property
    def columns(self):
        return (self.first, self.second)

    def keeps(self, view):
        first, second = (view.column(name) for name in self.columns)
        return (abs(first.number - second.number) >= self.least) | first.missing | second.missing

    def __str__(self):
        return f"{self.first} and {self.second} are {self.least} apart"


@dataclass(frozen=True)
class Doubled(Equation):
    """An equation of a user's own."""

    @property
    def columns(self):
        return ("big", "small")

    def compute(self, inputs):
        return 2 * inputs[0]

    def slopes(self, inputs):
        return [np.asarray(2.0)]


def test_a_rule_class_of_the_users_own_guards_and_is_left_out_of_files(tmp_path, rng):
    rule = FarApart("a", "c", 2)
    assert rule.holds(FRAME).tolist() == [True, True, True, True] and rule.learn(FRAME).support == 3
    with pytest.raises(InvalidDataError, match="no column 'z'"):
        FarApart("a", "z", 2).holds(FRAME)
    with pytest.raises(InvalidTypeError, match="class 'FarApart', and a model file holds no code"):
        rule.to_json()
    a = rng.normal(size=300)
    X = pd.DataFrame({"a": a, "c": a + rng.choice([-1, 1], 300) * (0.5 + rng.random(300)), "small": a, "big": 2 * a})
    gan = ganaug.TabularGAN(max_steps=3, random_state=0, rules=[FarApart("a", "c", 0.5), Doubled()]).fit(X)
    assert [r.kept for r in gan.rules_] == ["guarded", "guarded"]
    with pytest.warns(ganaug.exceptions.GanaugWarning, match="'a and c are 0.5 apart'"):
        gan.save(tmp_path / "model")
    loaded = ganaug.load(tmp_path / "model")
    assert len(loaded.rules_) == 0
    assert [str(r) for r in pickle.loads(pickle.dumps(gan)).rules_] == [str(r) for r in gan.rules_]
    with pytest.warns(ganaug.exceptions.TrainingWarning, match=r"'Doubled\(\)' \(50\)"):
        rows, _ = gan.sample(50, random_state=0)
    assert FarApart("a", "c", 0.5).holds(rows).mean() > 0.5


@pytest.mark.parametrize("base", [Rule, Equation])
def test_a_rule_class_without_its_methods_fails_when_it_is_made(base):
    class Half(base):
        """Says nothing of its rows."""

    with pytest.raises(TypeError, match=r"abstract.*columns.*" + ("compute" if base is Equation else "keeps")):
        Half()


def test_a_set_of_rules_is_a_sequence_a_table_and_a_page():
    rules = Rules([Order("a", "b"), OneHot(["p", "q"])]).learn(FRAME)
    assert len(rules) == 2 and [str(rule) for rule in rules] == str(rules).split("\n")
    frame = rules.to_frame()
    assert frame["formula"].tolist() == ["b >= a", "exactly one of p, q"]
    assert frame["support"].tolist() == [3, 4] and frame["exceptions"].tolist() == [1, 2]
    assert rules[:1] == Rules([Order("a", "b")]) != rules
    assert "b &gt;= a" in rules._repr_html_() and "b >= a" in repr(rules)
    broken = rules.check(FRAME)
    assert broken["broken"].tolist() == [1, 2] and broken["checked"].tolist() == [3, 4]
    assert rules.holds(FRAME).tolist() == [True, True, False, False]
    empty = Rules()
    assert (str(empty), len(empty.to_frame()), empty._repr_html_()) == ("no rules", 0, "<p>no rules</p>")


def test_rules_speak_of_the_columns_of_an_array_by_number():
    X = np.array([[1.0, 2.0], [3.0, 2.0]])
    assert Order(0, 1).holds(X).tolist() == [True, False]
    assert str(Order(0, 1)) == "column 1 >= column 0"
    with pytest.raises(InvalidDataError, match="no column 5"):
        Order(0, 5).holds(X)


# ---------------------------------------------------------------------------------------------------- finding


@cases("n", [300, 3000])
@cases("kind", planted.KINDS, ids=lambda kind: kind.__name__)
def test_a_planted_rule_is_found_and_nothing_else_is_invented(kind, n):
    rng = np.random.default_rng(1)
    frame, rules = kind(rng, n)
    frame = frame.assign(noise=rng.normal(size=n), other=rng.choice(list("uvw"), n))
    found = find_rules(frame)
    wanted = {planted.says(rule) for rule in rules}
    assert wanted <= {planted.says(rule) for rule in found}, f"{found}"
    others = [rule for rule in found if planted.says(rule) not in wanted]
    assert all(set(rule.columns) <= set().union(*(r.columns for r in rules)) for rule in others), f"{found}"
    assert len(others) <= 1, f"{found}"  # all >= a part, say
    assert found.holds(frame).all()


@pytest.mark.parametrize("n", [1000, pytest.param(50_000, marks=pytest.mark.slow)])
def test_rules_of_all_kinds_are_found_in_one_table(n):
    frame, rules = planted.together(n)
    found = {planted.says(rule) for rule in find_rules(frame, max_time=5)}
    assert {planted.says(rule) for rule in rules} <= found


@cases("seed", range(3))
def test_rules_are_found_with_missing_values_and_nullable_dtypes(seed):
    rng = np.random.default_rng(seed)
    n = 800
    parts = [kind(rng, n) for kind in (planted.sum_of_two, planted.product, planted.order_of_dates)]
    rules = [rules for _, rules in parts]
    frame = pd.concat([frame for frame, _ in parts], axis=1).astype(
        {"h": "Int64", "w": "Int32", "area": "Int64", "net": "Float64"}
    )
    for name in frame:
        frame[name] = frame[name].mask(rng.random(n) < 0.08)
    found = {planted.says(rule) for rule in find_rules(frame)}
    assert {planted.says(rule) for some in rules for rule in some} <= found


def test_equations_of_few_rows_are_sure_where_chance_cannot_make_them(rng):
    wrong = []
    for n, factors, dtype in [
        *((90, factors, dtype) for factors in ((2, 1), (1, -1), (0.5, 2)) for dtype in (None, "nullable", "pyarrow")),
        *((50, (2, -1, 3), None), (40, (2, 1), None), (130, (2, 1), "holes")),
    ]:
        for parts in ([rng.normal(9, 3, n), rng.gamma(2, 9, n), rng.normal(0, 9, n)], rng.integers(0, 60, (3, n))):
            X = pd.DataFrame({f"x{i}": part for i, part in enumerate(parts[: len(factors)])})
            X["s"], X["z"] = sum(f * part for f, part in zip(factors, parts, strict=False)), rng.normal(size=n)
            if dtype == "holes":  # 90 rows are left
                X = X.astype(float)
                X.loc[:39, "s"] = np.nan
            elif dtype is not None:
                X = X.convert_dtypes(dtype_backend="numpy_nullable" if dtype == "nullable" else dtype)
            [rule] = [rule for rule in find_rules(X) if rule.kind == "sum"]
            shuffled = pd.DataFrame({name: X[name].take(rng.permutation(n)).array for name in X})
            if rule.kept != "rewritten" or rule.columns[0] not in "sx0" or len(find_rules(shuffled)):
                wrong.append((n, factors, dtype, repr(rule), rule.kept))
    few = pd.DataFrame({"a": np.arange(90) % 6, "b": np.arange(90) // 6 % 5, "z": rng.normal(size=90)})
    [guess] = find_rules(few.assign(s=few["a"] + few["b"]))  # of thirty different rows
    assert not wrong and guess.kept == "guarded" and len(guess.columns) == 3
    start = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 900, 60), unit="D")
    stay = pd.to_timedelta(rng.integers(1, 60, 60), unit="D")
    [rule] = find_rules(pd.DataFrame({"start": start, "end": start + stay, "stay": stay}))
    assert (rule.kind, rule.kept) == ("sum", "rewritten")


def test_a_few_filler_rows_do_not_hide_an_equation():
    rng = np.random.default_rng(0)
    frame, [rule] = planted.sum_of_two(rng, 2000)
    frame.loc[[5, 700, 1500], "gross"] = -999.0
    found = find_rules(frame)
    assert planted.says(rule) in {planted.says(r) for r in found}
    assert next(r for r in found if r.kind == "sum").exceptions == 3


def test_an_order_that_few_rows_break_is_found_with_its_exceptions():
    rng = np.random.default_rng(0)
    frame, _ = planted.order_of_floats(rng, 3000)
    frame.loc[[10, 2000], "end"] = frame.loc[[10, 2000], "start"] - 3.0
    [rule] = find_rules(frame)
    assert (str(rule), rule.exceptions) == ("end >= start", 2)


def test_redundant_equations_are_told_once():
    rng = np.random.default_rng(0)
    height, length = rng.integers(1, 40, 1500), rng.integers(1, 70, 1500)
    area = height * length
    black = np.ceil(area * rng.uniform(0.1, 1, 1500)).astype(int)
    frame = pd.DataFrame({"height": height, "length": length, "area": area, "eccen": (length / height).round(3)})
    frame = frame.assign(share=(black / area).round(3), black=black)
    equations = [rule for rule in find_rules(frame) if rule.kind in ("product", "sum", "copy")]
    assert len(equations) == 3 and len({rule.columns[0] for rule in equations}) == 3


def test_orders_that_follow_from_others_are_left_out():
    rng = np.random.default_rng(0)
    first = rng.integers(0, 300, 1000)
    second = first + rng.integers(0, 20, 1000)
    frame = pd.DataFrame({"a": first, "b": second, "c": second + rng.integers(0, 20, 1000)})
    assert [str(rule) for rule in find_rules(frame)] == ["a <= b <= a + 19", "b <= c <= b + 19"]


@cases("size", [1e-310, 1e-200, 1e150, 1e200, 1e307])
def test_numbers_of_any_size_are_searched_without_a_warning(size, rng):
    X = pd.DataFrame({"a": rng.random(400), "b": rng.random(400), "z": rng.random(400)}) * size
    X["c"] = X["a"] + X["b"]
    found = {str(rule) for rule in find_rules(X)}
    assert found == ({"c = a + b"} if size < 1e152 else {"c >= a", "c >= b"})


def test_chance_makes_no_rules(rng):
    frame = pd.DataFrame(rng.normal(size=(500, 8)), columns=list("abcdefgh"))
    frame["i"], frame["j"] = rng.integers(0, 2, 500), rng.integers(0, 3, 500)
    frame["k"], frame["flag"] = rng.choice(list("xyz"), 500), rng.random(500) < 0.01
    frame["holes"] = frame["a"].mask(rng.random(500) < 0.1).sample(frac=1, random_state=0).to_numpy()
    assert len(find_rules(frame)) == 0


@cases("correlation", [0.5, 0.9, 0.99])
def test_correlation_is_no_rule(correlation, rng):
    a, b = rng.multivariate_normal([0, 1], [[1, correlation], [correlation, 1]], 2000).T
    frame = pd.DataFrame({"a": a, "b": b + 1, "c": np.exp(a), "grade": pd.cut(b, 4, labels=list("wxyz")).astype(str)})
    frame["c"] += 0.3 * rng.random(2000)
    found = find_rules(frame.drop(columns="grade"))
    assert len(found) == 0, f"{found}"


REAL = ["abalone", "german_credit", "glass", "oil", "page_blocks", "thyroid_sick", "telco_churn"]


def shuffled(frame, seed):
    rng = np.random.default_rng(seed)
    return pd.DataFrame({name: frame[name].take(rng.permutation(len(frame))).array for name in frame})


@cases("name", REAL)
def test_shuffled_real_columns_have_no_rules(name, shared_data):
    X, _ = shared_data.load_tabular(name)
    X = X.head(1000)
    assert len(find_rules(shuffled(X, 0))) == 0
    assert len(find_rules(shuffled(X.sample(60, random_state=0), 1))) == 0


@pytest.mark.slow
def test_all_shuffled_real_tables_have_no_rules(shared_data):
    for name in shared_data.list_sets("tabular"):
        X, _ = shared_data.load_tabular(name)
        for frame in (X, X.sample(60, random_state=0)):
            found = find_rules(shuffled(frame, 7))
            assert len(found) == 0, f"{name}: {found}"


def test_known_rules_of_real_tables_are_found(shared_data):
    wanted = {
        "thyroid_sick": ["FTI = TT4 / T4U", "FTI is missing exactly where FTI_measured is f"],
        "page_blocks": ["Area = Height * Lenght", "P_black = Blackpix / Area (to 0.001)", "Blackand >= Blackpix"],
        "telco_churn": ["PhoneService is determined by MultipleLines"],
        "adult": ["education_num is determined by education"],
    }
    for name, formulas in wanted.items():
        found = [str(rule) for rule in find_rules(shared_data.load_tabular(name)[0])]
        assert set(formulas) <= set(found), f"{name}: {found}"


def test_counts_and_amounts_that_are_zero_together_are_found_in_a_real_table(shared_data):
    X, _ = shared_data.load_tabular("coil_2000")
    found = find_rules(X[[name for name in X if name[0] in "PA"]], max_time=1)
    pairs = {planted.says(rule)[1] for rule in found if rule.kind == "fixed" and rule.exactly}
    products = [name[1:] for name in X if name[0] == "P" and f"A{name[1:]}" in X]
    assert len(products) == 21 and pairs == {frozenset((f"P{name}", f"A{name}")) for name in products}
    shops = [str(rule) for rule in find_rules(shared_data.load_tabular("online_shoppers")[0])]
    assert "administrative_duration is 0 wherever administrative is 0" in shops


def columns_that_go_together(rng, n):
    """Each fixes values of the next one in its own way: a number, a missing cell, a category, a flag."""
    previous = np.where(rng.random(n) < 0.7, 0, rng.poisson(2, n) + 1)
    last = pd.Series(planted.DAY + pd.to_timedelta(rng.integers(0, 300, n), unit="D")).mask(rng.random(n) < 0.4)
    status, active = rng.choice(["employed", "unemployed", "student"], n, p=[0.6, 0.25, 0.15]), rng.random(n) < 0.5
    frame = pd.DataFrame({"previous": previous.astype("int8"), "last": last, "status": status, "active": active})
    frame["pdays"] = np.where(previous == 0, 999, rng.integers(1, 30, n))
    frame["since"] = np.where(last.isna(), -1, rng.integers(0, 99, n))
    frame["employer"] = np.where(status == "unemployed", "none", np.char.add("f", rng.integers(0, 80, n).astype(str)))
    frame["balance"] = pd.array(np.where(active & (rng.random(n) < 0.8), rng.integers(1, 99, n), 0), dtype="Int64")
    frame["children"] = pd.array(np.where(rng.random(n) < 0.05, None, rng.poisson(0.8, n)), dtype="Int64")
    frame["youngest"] = np.where(frame["children"].fillna(9) == 0, -1, rng.integers(0, 18, n)).astype(float)
    frame["youngest"] = frame["youngest"].mask(rng.random(n) < 0.1)
    return frame


TOGETHER = [
    "pdays is 999 exactly where previous is 0",
    "since is -1 exactly where last is missing",
    'employer is "none" exactly where status is "unemployed"',
    "balance is 0 wherever active is False",
    "youngest is -1 exactly where children is 0",
]


def test_values_that_others_fix_are_found_whatever_says_so(rng):
    assert {str(rule) for rule in find_rules(columns_that_go_together(rng, 1000)) if rule.kind == "fixed"} == set(
        TOGETHER
    )


def test_what_another_rule_says_is_not_told_as_a_fixed_value(rng):
    n = 1000
    net = rng.gamma(2, 50, n).round(2)
    net[rng.random(n) < 0.3] = 0
    frame = pd.DataFrame({"net": net, "vat": (0.19 * net).round(2), "gross": 0.0})
    frame["gross"] = (frame["net"] + frame["vat"]).round(2)
    frame["land"] = rng.choice(["Rome", "Milan", "Lyon", "Bonn"], n)
    frame["code"] = frame["land"].map({"Rome": 0, "Milan": 0, "Lyon": 2, "Bonn": 3})
    gone = rng.random(n) < 0.3
    frame["tsh"], frame["state"] = np.where(gone, np.nan, rng.normal(size=n)), rng.choice(list("xyz"), n)
    frame.loc[gone, "state"] = "never"
    found = [str(rule) for rule in find_rules(frame)]
    assert "tsh is missing exactly where state is never" in found
    assert not [text for text in found if " is 0 " in text or 'state is "never"' in text], found


def test_a_value_that_no_row_of_a_column_can_have_is_refused_with_its_name():
    with pytest.raises(InvalidDataError, match="column 'a' of dtype float64 cannot have one of"):
        FixedWhere("a", "none", "b", [1]).holds(FRAME)
    with pytest.raises(InvalidDataError, match="no column 'z'"):
        FixedWhere("a", 0, "z", [1]).holds(FRAME)


def test_few_rows_or_a_value_that_is_nearly_everywhere_fix_nothing(rng):
    n = 2000
    frame = pd.DataFrame({"x": np.zeros(n), "y": rng.integers(0, 3, n), "kind": rng.choice(list("abc"), n)})
    frame.loc[frame["y"].gt(0) & (rng.random(n) < 0.003), "x"] = 1.5  # four rows or so
    thin = pd.DataFrame({"x": np.where(rng.random(40) < 0.5, 0, rng.random(40))})
    thin["y"] = np.where(thin["x"] == 0, -1, rng.random(40))
    one_row = pd.concat(
        [pd.DataFrame({"a": [7.0], "b": [9.0]})] * 30 + [pd.DataFrame(rng.normal(size=(500, 2)), columns=list("ab"))]
    )
    for table in (frame, thin, one_row):
        assert len(find_rules(table)) == 0
    few = pd.DataFrame({"x": np.zeros(n), "y": np.zeros(n)})  # fewer rows than are looked at beside y = 0
    few.loc[:33, ["x", "y"]] = rng.integers(1, 90, (34, 2))
    few.loc[0, "x"] = 0
    assert len(find_rules(few)) == 0
    z = rng.normal(size=(n, 1)) + 0.4 * rng.normal(size=(n, 6))  # correlated counts that are mostly 0
    assert len(find_rules(pd.DataFrame(np.maximum(np.rint(2 * z - 1), 0), columns=list("abcdef")))) == 0


def test_the_same_table_gives_the_same_rules_and_work_is_bounded():
    frame, _ = planted.together(400)
    first, again = find_rules(frame), find_rules(frame.copy())
    assert first == again and first.to_frame().equals(again.to_frame())
    little = find_rules(frame, max_time=0.01)
    assert little.skipped and len(little) < len(first)
    assert find_rules(frame, random_state=5) == find_rules(frame, random_state=np.random.RandomState(3))


def test_all_rows_confirm_what_a_sample_shows():
    rng = np.random.default_rng(0)
    frame, _ = planted.order_of_floats(rng, 3000)
    frame.loc[frame.index[-60:], "end"] = frame["start"] - 1  # two per cent break it
    assert len(find_rules(frame, max_rows=500)) == 0
    good, _ = planted.order_of_floats(rng, 3000)
    assert [rule.support for rule in find_rules(good, max_rows=500)] == [3000]


CURVES = {"root": np.sqrt, "power": lambda x: x**3, "growth": lambda x: np.exp(x / 3), "falling": lambda x: 1 / x}


@cases("name", CURVES)
def test_curves_are_found_and_noise_around_one_is_none(name, rng):
    x = rng.gamma(3, 2, 5000) + 0.1
    exact = pd.DataFrame({"x": x, "y": CURVES[name](x)})
    [rule] = find_rules(exact)
    assert set(rule.columns) == {"x", "y"} and rule.exceptions == 0
    late = pd.DataFrame({"start": np.cumsum(rng.exponential(1, 400))})
    late["end"] = late["start"] + 0.2 * rng.random(400)  # in the same order by and large, but along no curve
    assert [rule.kind for rule in find_rules(late)] == ["apart"]


def test_hours_between_two_dates_are_a_difference(rng):
    start = planted.DAY + pd.to_timedelta(rng.integers(0, 10**7, 400), unit="s")
    end = start + pd.to_timedelta(rng.exponential(9000, 400).astype(int), unit="s")
    frame = pd.DataFrame({"start": start, "end": end, "hours": ((end - start).total_seconds() / 3600).round(2)})
    assert "hours = 24 * end - 24 * start (to 0.01)" in [str(rule) for rule in find_rules(frame)]


def test_many_dummies_are_one_group_wherever_they_stand(rng):
    levels = np.minimum(rng.zipf(1.3, 20_000), 133)
    frame = pd.get_dummies(pd.DataFrame({"proto": levels, "kind": rng.choice(list("abc"), 20_000)}).astype(str))
    frame = frame.assign(size=rng.normal(size=20_000))[rng.permutation([*frame, "size"])]
    found = find_rules(frame)
    assert sorted(len(rule.columns) for rule in found) == [3, 133] and {rule.kind for rule in found} == {"one-hot"}


def test_what_never_occurs_is_told_once_and_not_where_it_follows(rng):
    n = 1500
    net = rng.choice(["none", "slow", "fast"], n)
    frame = pd.DataFrame({"net": net, "sex": rng.choice(["F", "M"], n)})
    for name in ("backup", "film", "music"):
        frame[name] = np.where(net == "none", "no net", rng.choice(["yes", "no"], n))
    frame["pregnant"] = np.where((frame["sex"] == "F") & (rng.random(n) < 0.1), "yes", "no")
    found = find_rules(frame)
    never = {frozenset(rule.columns): rule for rule in found if rule.kind == "never"}
    assert str(never[frozenset(["sex", "pregnant"])]) == 'never sex = "M" with pregnant = "yes"'
    # that there is no film without a net says enough about films and backups
    assert len(never) <= 4 and all(rule.kept == "guarded" and rule.exceptions == 0 for rule in never.values())
    seldom = frame.assign(pregnant=np.where(rng.random(n) < 0.01, "yes", "no"))  # 7 of 750 men: chance, if none is
    assert not [rule for rule in find_rules(seldom) if rule.kind == "never" and "pregnant" in rule.columns]


def test_a_missing_cell_is_a_value_of_what_never_occurs(rng):
    n = 2000
    kind, shade = rng.choice(["a", "b", "c"], n), rng.choice(["u", "v"], n).astype(object)
    shade[(kind != "a") & (rng.random(n) < 0.2)] = None
    frame = pd.DataFrame({"kind": kind, "shade": shade, "x": rng.normal(size=n)})
    (rule,) = [rule for rule in find_rules(frame) if rule.kind == "never"]
    assert str(rule) == 'never kind = "a" with shade = missing' and rule.support == n
    assert Rules.from_json(Rules([rule]).to_json())[0] == rule == Never({"kind": "a", "shade": np.nan})
    odd = pd.DataFrame({"kind": ["a", "a", "b"], "shade": ["u", None, None]})
    assert rule.holds(odd).tolist() == [True, False, True]
    made, _ = ganaug.TabularGAN(max_steps=30, random_state=0).fit(frame).sample(400)
    assert rule.holds(made).all() and made["shade"].isna().any()


def test_a_column_with_gaps_does_not_make_one_combination_follow_from_others(rng):
    """No known root goes with both "b" and "e", but a missing one would."""
    n = 3000
    root = rng.choice(["r", "s", None], n)
    gill = np.where(root == "r", "b", np.where(root == "s", "c", rng.choice(["b", "c"], n)))
    shape = np.where(gill == "b", "t", np.where(root == "s", "e", rng.choice(["t", "e"], n)))
    found = {str(rule) for rule in find_rules(pd.DataFrame({"root": root, "gill": gill, "shape": shape}))}
    assert 'never gill = "b" with shape = "e"' in found


def test_what_is_missing_together_in_a_sample_is_missing_one_way_in_all_rows(rng):
    n = 40_000
    work = rng.choice(["p", "q", "r", "never"], n, p=[0.5, 0.3, 0.1999, 0.0001]).astype(object)
    work[rng.random(n) < 0.1] = None
    job = np.where([kind is None or kind == "never" for kind in work], None, rng.choice(["x", "y"], n))
    found = {str(rule) for rule in find_rules(pd.DataFrame({"work": work, "job": job}))}
    assert "job is missing wherever work is" in found
    assert [text for text in found if text.startswith("never work") and "job = missing" in text]


def test_flags_and_members_of_groups_take_part_in_what_never_occurs(rng):
    n = 2000
    kind = rng.choice(list("abc"), n)
    frame = pd.get_dummies(pd.DataFrame({"kind": kind})).assign(old=(kind != "a") & (rng.random(n) < 0.4))
    frame["free"] = rng.random(n) < 0.5
    found = [str(rule) for rule in find_rules(frame)]
    assert "never kind_a = True with old = True" in found and len(found) == 2
    wide = frame.assign(more=rng.choice(list("xyz"), n))
    assert [str(rule) for rule in find_rules(wide, max_rows=500) if rule.kind == "never"] == [
        "never kind_a = True with old = True"
    ]


def test_grids_are_told_apart_from_rules(rng):
    frame = pd.DataFrame({"price": rng.integers(1, 400, 500) * 0.25, "x": rng.normal(size=500)})
    found = find_rules(frame)
    assert len(found) == 0 and [str(grid) for grid in found.grids] == ["price in steps of 0.25"]


@cases(("name", "value"), [("max_time", 0), ("max_time", float("nan")), ("max_rows", 0)])
def test_a_bad_parameter_of_find_rules_is_named(name, value):
    with pytest.raises(InvalidParameterError, match=name):
        find_rules(FRAME, **{name: value})


@cases(
    "table",
    [
        pd.DataFrame({"a": [1.0]}),
        pd.DataFrame({"a": pd.Series([], dtype=float)}),
        pd.DataFrame({"a": [None] * 200, "b": [np.nan] * 200, "c": [1] * 200}),
        np.zeros((150, 3)),
        pd.DataFrame({"t": pd.to_datetime(["2020-01-01"] * 120), "k": ["x"] * 120}),
    ],
)
def test_tables_in_which_nothing_can_be_found_have_no_rules(table):
    assert len(find_rules(table)) == 0


def test_infinities_are_refused_with_their_column():
    frame = pd.DataFrame({"a": [1.0] * 200, "b": [np.inf] + [2.0] * 199})
    with pytest.raises(InvalidDataError, match="column 'b' contains infinity"):
        find_rules(frame)


def test_public_names_come_from_the_top():
    assert ganaug.find_rules is find_rules
    assert {"Copy", "OneHot", "Order", "Product", "Rules", "Sum", "Within", "find_rules"} <= set(ganaug.__all__)
