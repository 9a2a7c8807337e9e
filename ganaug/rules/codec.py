"""The encoding of a table that keeps its rules: it is rewritten first, and restored last."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ganaug.encoding import CompactTableCodec
from ganaug.encoding.serialization import PickledByState
from ganaug.encoding.table import argmax_rows
from ganaug.exceptions import DataWarning, InvalidDataError, InvalidTypeError
from ganaug.rules.base_rule import GUARDED, Never, Rule
from ganaug.rules.derived import FixedWhere
from ganaug.rules.find import Rules, find_rules
from ganaug.rules.kinds import MissingWith, is_stored
from ganaug.rules.rewrite import Rewriter
from ganaug.rules.table_view import TableView, view_of
from ganaug.utils.determinism import child_seed, numpy_generator, warn
from ganaug.utils.types import Array, Block, FloatArray, IntArray, State

__all__ = ["RuledTableCodec", "checked_rules", "is_function", "without_pairs"]

AUTO = "auto"
_PARTS = ("rewriter", "own", "full")
# Rows that each state of a group is tried in, to see which column it says the value of, and how many must have one;
# rows that are asked whether a pair occurs after all; encoded columns of a table from which on nothing is tried.
_TRIALS, _LEAST_TRIALS, _ASKED, _TOO_WIDE = 16, 3, 20_000, 1000
# Orders in which the groups of a row are decided.
_ORDERS = 4


def checked_rules(rules: object) -> str | list[Any]:
    """The ``rules`` parameter of an estimator: "auto", or a list of rules and functions (None: empty).

    Raises
    ------
    InvalidTypeError
        For anything else, naming what was given.
    """
    if rules is None or (isinstance(rules, str) and rules == AUTO):
        return [] if rules is None else AUTO
    # an iterator would be empty at its second use
    given = list(rules) if isinstance(rules, Iterable) and not isinstance(rules, (str, dict, Iterator)) else None
    if given is None or not all(
        isinstance(rule, Rule) or (callable(rule) and not isinstance(rule, type)) for rule in given
    ):
        raise InvalidTypeError(
            f"rules={rules!r} must be 'auto', None, or a list of rules such as Order('start', 'end') and of functions "
            "that take the table and return a mask of the rows that keep the rule"
        )
    return given


def is_function(rule: object) -> bool:
    """Whether a rule is a function, or of a class of the user's own, which no state holds."""
    return not is_stored(rule)


class RuledTableCodec(PickledByState):
    """A `CompactTableCodec` over the table as `Rewriter` writes it.

    Without rules that rewrite, it encodes as the `CompactTableCodec` alone does, bit for bit.

    Parameters
    ----------
    keep_range : bool, default=True
        As in `CompactTableCodec`.
    rules : "auto", None, or list of Rule and callable, default="auto"
        "auto" finds them in the data (`find_rules`).

    Attributes
    ----------
    rules_ : Rules
        Those that hold, and how each is kept.
    own, full : CompactTableCodec
        Of the rewritten table, which networks learn, and of the table itself, which a filter sees.
    """

    def __init__(self, keep_range: bool = True, rules: object = AUTO) -> None:
        self.keep_range = keep_range
        self.rules = rules

    def fit(self, X: object, y: npt.ArrayLike | None = None, seed: int = 0) -> RuledTableCodec:
        """Learn the columns and their rules; see `TableCodec.fit`."""
        self.fit_encode(X, y, seed)
        return self

    def fit_encode(self, X: object, y: npt.ArrayLike | None = None, seed: int = 0) -> FloatArray:
        """Learn a table and its rules and encode it, reading it once; see `TableCodec.fit_encode`."""
        self.full = self.own = CompactTableCodec(self.keep_range)
        encoded = self.full.fit_encode(X, y, seed)
        wanted = checked_rules(self.rules)
        found: Any = find_rules(X, random_state=child_seed(seed, "rules")) if wanted == AUTO else wanted
        self.rewriter: Rewriter | None = None
        if len(found):
            self.rewriter = Rewriter(self.keep_range).fit(X, found)
            if self.rewriter.changes:
                del encoded  # of a large table it need not be there twice
                self.own = CompactTableCodec(self.keep_range, whole=self.rewriter.state_columns)
                encoded = self.own.fit_encode(self.rewriter.rewrite(X), y, seed)
            if wanted != AUTO:
                self._tell_broken(wanted, view_of(X))
        self._learnt()
        return encoded

    def _tell_broken(self, given: Any, view: TableView) -> None:
        """Warn of rules of the user's own that rows of the data break, or that name what no row has."""
        assert self.rewriter is not None
        for rule, learnt in zip(given, self.rewriter.rules_, strict=True):
            if learnt.exceptions and not getattr(rule, "support", 0):
                warn(
                    f"rule {str(learnt)!r} is broken by {learnt.exceptions:,} of the {learnt.support:,} rows that it "
                    "speaks of; synthetic rows break it as often at most. Look at these rows, or leave the rule out",
                    DataWarning,
                )
            lost = learnt.unknown(view) if isinstance(learnt, Never) and not getattr(rule, "support", 0) else None
            if lost is not None:
                name, value = lost
                known = view.column(name).levels[:10] if view.column(name).is_choice else "other numbers"
                warn(
                    f"rule {str(learnt)!r} names {value!r}, which no row has in column {name!r}, and refuses nothing "
                    f"by that; the column has {known}. Name one of its values (a missing one breaks no rule), or none",
                    DataWarning,
                )

    @property
    def given(self) -> bool:
        """Whether the rules were given and not found."""
        return self.rules is not None and self.rules != AUTO

    def _learnt(self) -> None:
        self.rules_ = Rules() if self.rewriter is None else self.rewriter.rules_
        self.n_features_, self.feature_names_ = self.full.n_features_, self.full.feature_names_

    @property
    def rewrites(self) -> bool:
        """Whether the table is another one for the networks."""
        return self.rewriter is not None and self.rewriter.changes

    @property
    def guards(self) -> bool:
        """Whether rows can be drawn that break a rule."""
        return any(rule.kept == GUARDED for rule in self.rules_)

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The blocks of the encoded matrix, covering ``0..width`` in order."""
        return self.own.blocks

    @property
    def width(self) -> int:
        """Columns of the encoded matrix."""
        return self.own.width

    def encode(self, X: object, owner: str = "RuledTableCodec") -> FloatArray:
        """Encode a table; see `TableCodec.encode`. (n, d) -> (n, width), float32."""
        if self.rewriter is None or not self.rewrites:
            return self.own.encode(X, owner=owner)
        self.full.encode(X, owner=owner)  # says what is wrong with the table in its own words
        return self.own.encode(self.rewriter.rewrite(X), owner=owner)

    def decode(self, Z: npt.ArrayLike) -> Any:
        """Decode any finite numbers of shape (n, width); see `TableCodec.decode`."""
        found = self.own.decode(Z)
        return self.rewriter.restore(found) if self.rewriter is not None and self.rewrites else found

    def round_trip(self, Z: FloatArray) -> FloatArray:
        """What `encode` makes of what `decode` makes of a matrix; see `TableCodec.round_trip`."""
        return self.own.round_trip(Z)

    def active(self, Z: FloatArray) -> npt.NDArray[np.bool_]:
        """Which numbers of encoded rows decoding reads. (n, width) -> (n, numbers)."""
        return self.own.active(Z)

    def judged(
        self, Z: FloatArray, more: Iterable[Callable[[Any], Any]] = ()
    ) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
        """What a filter sees of encoded rows: all columns of the table, and whether a rule is broken.

        Parameters
        ----------
        Z : ndarray of shape (n, width), float32
            As `round_trip` returns them.
        more : iterable of callable
            Further rules, which a stored codec does not hold.

        Returns
        -------
        rows : ndarray of shape (n, full.width), float32
        broken : ndarray of shape (n,), bool
        """
        further = Rules(list(more))
        if not (self.rewrites or self.guards or len(further)):
            return Z, np.zeros(len(Z), bool)
        table = self.decode(Z)
        keeps = self.rules_.allows(table) & further.holds(table)
        for outside in self._out_of_range(table).values():
            keeps &= ~outside
        return (self.full.encode(table) if self.rewrites else Z), ~keeps

    def broken(self, table: object, rules: Iterable[Rule]) -> dict[str, int]:
        """How many rows of a table a filter refuses by each of some rules, or as a computed column leaves its range."""
        view = view_of(table)
        found = {str(rule): ~rule.allows(view) for rule in rules if rule.kept == GUARDED} | self._out_of_range(view)
        return {name: int(rows.sum()) for name, rows in found.items() if rows.any()}

    def _out_of_range(self, table: object) -> dict[str, npt.NDArray[np.bool_]]:
        return {} if self.rewriter is None or not self.keep_range else self.rewriter.out_of_range(table)

    def forbidden_pairs(self, x: FloatArray) -> IntArray:
        """Pairs of states, as columns of an encoded row, that no row may have.

        They are combinations that never occur, by rules that guard, and values of a column where another one says
        that it is missing, or has a certain value, which restoring would take away.

        Parameters
        ----------
        x : ndarray of shape (n, width), float32
            Encoded rows of the data; a pair that they have is none.

        Returns
        -------
        ndarray of shape (p, 2), int64
        """
        rules = [rule for rule in self.rules_ if isinstance(rule, Never) and rule.kept == GUARDED]
        rules = [rule for rule in rules if len(rule.columns) == 2]
        masks = [rule for rule in self.rules_ if isinstance(rule, MissingWith)]
        fixed = [rule for rule in self.rules_ if isinstance(rule, FixedWhere)]
        groups = [(block.start, block.stop) for block in self.blocks if block.tag == "onehot"]
        if not (rules or masks or fixed) or len(groups) < 2 or self.width >= _TOO_WIDE:
            return np.zeros((0, 2), np.int64)
        trials = _Trials(self, x, groups)
        pairs: set[tuple[int, int]] = set()
        for rule in rules:
            first, second = (trials.values(name) for name in rule.columns)
            for one, other in rule.combinations:
                pairs.update(product(first.get(one, ()), second.get(other, ())))
        both: list[MissingWith | FixedWhere] = [*masks, *fixed]
        for mask in both:
            says = trials.says(mask)
            there = trials.has(mask) if isinstance(mask, FixedWhere) else trials.missing(mask.column)
            pairs.update(product(says.get(1, ()), there.get(0, ())))
            if mask.exactly:
                pairs.update(product(says.get(0, ()), there.get(1, ())))
        asked = x[numpy_generator(0, "asked").permutation(len(x))[:_ASKED]] if len(x) > _ASKED else x
        hot = asked > 0
        apart = [pair for pair in sorted(pairs) if trials.group_of[pair[0]] != trials.group_of[pair[1]]]
        return np.array([(a, b) for a, b in apart if not (hot[:, a] & hot[:, b]).any()], np.int64).reshape(-1, 2)

    def possible_values(self, place: int) -> tuple[pd.Series, bool]:
        """Values that a column can have; see `TableCodec.possible_values`."""
        return self.full.possible_values(place)

    def column_summary(self) -> list[dict[str, Any]]:
        """One dict for each column of the table; see `TableCodec.column_summary`."""
        return self.full.column_summary()

    @property
    def functions(self) -> tuple[Rule, ...]:
        """Rules that are functions, or of a class of the user's own, which no state holds."""
        return tuple(rule for rule in self.rules_ if is_function(rule))

    def get_state(self) -> State:
        """Config (JSON) and arrays; no training row is among them. That of a `CompactTableCodec` without rules."""
        if self.rewriter is None:
            return self.full.get_state()
        parts = [self.rewriter.get_state(), self.own.get_state() if self.rewrites else ({}, {}), self.full.get_state()]
        config: dict[str, Any] = {name: own for name, (own, _) in zip(_PARTS, parts, strict=True)}
        config["given"] = self.given
        arrays = {
            f"{name}.{key}": array for name, (_, own) in zip(_PARTS, parts, strict=True) for key, array in own.items()
        }
        return config, arrays

    @classmethod
    def from_state(cls, config: dict[str, Any], arrays: dict[str, Array]) -> RuledTableCodec:
        """The codec that `get_state` took apart.

        Raises
        ------
        ModelFileError
            If the state is of a newer version, incomplete, or does not fit together.
        """
        if "rewriter" not in config:
            full = CompactTableCodec.from_state(config, arrays)
            codec = cls(full.keep_range, None)
            codec.rewriter, codec.own, codec.full = None, full, full
            codec._learnt()
            return codec

        def of(name: str) -> dict[str, Array]:
            return {k.removeprefix(f"{name}."): a for k, a in arrays.items() if k.startswith(f"{name}.")}

        full = CompactTableCodec.from_state(config["full"], of("full"))
        codec = cls(full.keep_range, AUTO)
        codec.rewriter, codec.full = Rewriter.from_state(config["rewriter"], of("rewriter")), full
        codec.own = CompactTableCodec.from_state(config["own"], of("own")) if codec.rewriter.changes else full
        codec._learnt()
        if config["given"]:
            codec.rules = list(codec.rules_)
        return codec

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        if "config" in state and self.functions:  # a pickle may hold them, a file may not
            state["functions"] = [(i, rule) for i, rule in enumerate(self.rules_) if is_function(rule)]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        functions = state.get("functions", ())
        super().__setstate__({name: part for name, part in state.items() if name != "functions"})
        if functions and self.rewriter is not None:
            rules = list(self.rewriter.rules_)
            for place, rule in functions:
                rules.insert(place, rule)
            self.rewriter.rules_ = Rules(rules, self.rewriter.rules_.grids, self.rewriter.rules_.skipped)
            self.rules = rules
            self._learnt()


# --------------------------------------------------------------------------------------
# Combinations that never occur, kept by decoding: what is certain first, and no state that this rules out.


class _Trials:
    """Rows of the data with one group changed, decoded, to see which group says what of a column.

    Rewriting lies between the two. What depends on more than the state, such as the value of a rare level, is said by
    none. Trials whose state is another one once they are encoded again, as rules overrule it, do not count.
    """

    def __init__(self, codec: RuledTableCodec, x: FloatArray, groups: Sequence[tuple[int, int]]) -> None:
        self.groups = groups
        self.group_of = {state: start for start, stop in groups for state in range(start, stop)}
        tried = list(self.group_of.items()) * _TRIALS
        rows = x[numpy_generator(0, "trials").integers(0, len(x), len(tried))]
        stops = dict(groups)
        for row, (state, start) in zip(rows, tried, strict=True):
            row[start : stops[start]] = 0
            row[state] = 1
        table = codec.decode(rows)
        self.view = view_of(table)
        self.levels: dict[Hashable, list[Any]] = {}
        for rule in codec.rules_:
            if isinstance(rule, Never):
                for combination in rule.combinations:
                    for name, value in zip(rule.columns, combination, strict=True):
                        self._level(name, value)
        self.counts = np.ones(len(tried), dtype=bool)
        if codec.rewrites and codec.rewriter is not None:
            with suppress(InvalidDataError):  # a table such as no row of the data; then all count
                again = codec.own.encode(codec.rewriter.rewrite(table))
                self.counts = again[np.arange(len(tried)), [state for state, _ in tried]] > 0

    def _level(self, name: Hashable, value: Any) -> None:
        known = self.levels.setdefault(name, [])
        if value not in known:
            known.append(value)

    def values(self, name: Hashable) -> dict[Any, list[int]]:
        """For each value of a column that rules name, the states that say it."""
        column = self.view.column(name)
        levels = [level for level in self.levels[name] if level is not None]
        found = self._said(column.codes(levels), self.counts & ~column.missing)
        values: dict[Any, list[int]] = {levels[code]: states for code, states in found.items() if code >= 0}
        if None in self.levels[name]:
            values[None] = self.missing(name).get(1, [])
        return values

    def missing(self, name: Hashable) -> dict[int, list[int]]:
        """The states that say that a column is missing (1), or that it is not (0)."""
        return self._said(np.asarray(self.view.column(name).missing, np.int64), self.counts)

    def has(self, rule: FixedWhere) -> dict[int, list[int]]:
        """The states that say that a column has the value of a rule (1), or another one (0)."""
        column = self.view.column(rule.column)
        return self._said(np.asarray(rule.has(column), np.int64), self.counts & ~column.missing)

    def says(self, rule: MissingWith | FixedWhere) -> dict[int, list[int]]:
        """The states of another column in which a rule says something about its column (1), or nothing (0)."""
        return self._said(np.asarray(rule.says(self.view.column(rule.by)), np.int64), self.counts)

    def _said(self, facts: IntArray, counts: npt.NDArray[np.bool_]) -> dict[int, list[int]]:
        """For each fact the states with which it holds in all trials that count, of the groups that say it at all."""
        facts, counts = facts.reshape(_TRIALS, -1), counts.reshape(_TRIALS, -1)
        far = np.iinfo(np.int64).max
        least, most = np.where(counts, facts, far).min(0), np.where(counts, facts, -far).max(0)
        clear = (least == most) & (counts.sum(0) >= _LEAST_TRIALS)
        first, told = self.groups[0][0], []
        for start, stop in self.groups:
            own = slice(start - first, stop - first)
            share, places = float(clear[own].mean()), np.flatnonzero(clear[own]) + own.start
            if share > 0.5 and len(np.unique(least[places])) > 1:
                told.append((share, places))
        best = max((share for share, _ in told), default=1.0)
        found: dict[int, list[int]] = {}
        for share, places in told:
            if share in (best, 1.0):  # of others, which do not always say it, some states may do so by chance
                for place in places.tolist():
                    found.setdefault(int(least[place]), []).append(place + first)
        return found


def without_pairs(rows: FloatArray, pairs: IntArray, groups: Sequence[slice]) -> FloatArray:
    """Rows whose one-hot groups hold logits, without pairs of states that never stand together.

    In rows that have such a pair the groups are decided one after the other, the clearest first, and each takes the
    likeliest of the states that those before it leave. A group that has none left comes first in the next of a few
    tries; a row for which none succeeds stays as it is.

    Parameters
    ----------
    rows : ndarray of shape (n, width), float32
    pairs : ndarray of shape (p, 2), int64
        Columns of ``rows``.
    groups : sequence of slice
        Columns of each group.

    Returns
    -------
    ndarray of shape (n, width), float32
        ``rows`` itself if nothing has to be changed. Where a state gives way to another, the two exchange logits.
    """
    if not len(pairs) or not len(rows):
        return rows
    never = np.zeros((rows.shape[1], rows.shape[1]), dtype=bool)
    never[pairs[:, 0], pairs[:, 1]] = never[pairs[:, 1], pairs[:, 0]] = True
    groups = [group for group in groups if never[group].any()]
    states = np.stack([group.start + argmax_rows(rows[:, group]) for group in groups], axis=1)
    closed = np.zeros(rows.shape, dtype=bool)
    for own in states.T:
        closed |= never[own]
    wrong = np.flatnonzero(np.take_along_axis(closed, states, axis=1).any(1))
    found, lead = rows, np.stack([_lead(rows[wrong][:, group]) for group in groups], axis=1)
    for _ in range(_ORDERS):
        if not len(wrong):
            break
        found = rows.copy() if found is rows else found
        logits, before = rows[wrong], states[wrong]
        after, stuck = _decided(logits, lead, groups, never)
        fine = ~stuck.any(1)
        places = np.arange(len(wrong))[:, None]
        changed = logits.copy()
        changed[places, after], changed[places, before] = logits[places, before], logits[places, after]
        found[wrong[fine]] = changed[fine]
        lead[stuck] = np.inf  # that one first, the next time
        wrong, lead = wrong[~fine], lead[~fine]
    return found


def _decided(
    logits: FloatArray, lead: FloatArray, groups: Sequence[slice], never: npt.NDArray[np.bool_]
) -> tuple[IntArray, npt.NDArray[np.bool_]]:
    """States of each group, decided in the order of their lead, and which groups had none left. Each (n, groups)."""
    closed, shape = np.zeros(logits.shape, dtype=bool), (len(logits), len(groups))
    states, stuck = np.zeros(shape, np.int64), np.zeros(shape, dtype=bool)
    for turn in np.argsort(-lead, axis=1, kind="stable").T:
        for place, group in enumerate(groups):
            own = np.flatnonzero(turn == place)
            left = np.where(closed[own, group], -np.inf, logits[own, group])
            stuck[own, place] = closed[own, group].all(1)
            states[own, place] = group.start + left.argmax(1)
            closed[own] |= never[states[own, place]]
    return states, stuck


def _lead(logits: FloatArray) -> FloatArray:
    """By how much the largest number of each row is larger than the next one. (n, k) -> (n,)."""
    top = np.partition(logits, -2, axis=1)
    return np.asarray(top[:, -1] - top[:, -2])
