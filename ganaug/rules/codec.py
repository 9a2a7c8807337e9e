"""The encoding of a table that keeps its rules: it is rewritten first, and restored last."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ganaug.encoding import CompactTableCodec
from ganaug.encoding.serialization import PickledByState
from ganaug.exceptions import DataWarning, InvalidTypeError
from ganaug.rules.base_rule import GUARDED, Rule
from ganaug.rules.find import Rules, find_rules
from ganaug.rules.kinds import is_stored
from ganaug.rules.rewrite import Rewriter
from ganaug.utils.determinism import child_seed, warn
from ganaug.utils.types import Array, Block, FloatArray, State

__all__ = ["RuledTableCodec", "checked_rules", "is_function"]

AUTO = "auto"
_PARTS = ("rewriter", "own", "full")


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
                self.own = CompactTableCodec(self.keep_range, whole=self.rewriter.state_columns)
                encoded = self.own.fit_encode(self.rewriter.rewrite(X), y, seed)
            if wanted != AUTO:
                self._tell_broken(wanted)
        self._learnt()
        return encoded

    def _tell_broken(self, given: Any) -> None:
        """Warn of rules of the user's own that rows of the data break; those that were found know it."""
        assert self.rewriter is not None
        for rule, learnt in zip(given, self.rewriter.rules_, strict=True):
            if learnt.exceptions and not getattr(rule, "support", 0):
                warn(
                    f"rule {str(learnt)!r} is broken by {learnt.exceptions:,} of the {learnt.support:,} rows that it "
                    "speaks of; synthetic rows break it as often at most. Look at these rows, or leave the rule out",
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
        if self.rewriter is not None and self.keep_range:
            keeps &= self.rewriter.in_range(table)
        return (self.full.encode(table) if self.rewrites else Z), ~keeps

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
