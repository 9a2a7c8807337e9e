"""Rules that the real rows keep, and how often real and synthetic rows break them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ganaug.exceptions import GanaugError, InvalidDataError, InvalidParameterError
from ganaug.metrics.features import n_rows, take_rows
from ganaug.rules import Custom, Determined, Rule, Rules, Within, find_rules
from ganaug.rules.table_view import TableView, view_of
from ganaug.utils.seeding import numpy_generator

__all__ = ["AUTO", "RuleCount", "count_rules", "given_counts"]

AUTO = "auto"
# Rows of each sample on which rules are checked, and seconds that a search may take. Wider tables are not searched:
# rules of thousands of columns and few rows are chance.
MOST_ROWS, MAX_TIME, MOST_COLUMNS = 50_000, 2.0, 1000
# Share of tables in which chance alone makes any rule count as broken.
FALSE_ALARMS = 0.01


@dataclass(frozen=True)
class RuleCount:
    """How often one rule is broken.

    Attributes
    ----------
    rule : str
        In words.
    real, synthetic : float
        Shares of the rows that break it. If a rule learns intervals or a mapping from rows, the real share is measured
        on one half of the real rows with the rule learnt from the other half.
    checked : int
        Synthetic rows in which none of its columns is missing.
    broken : bool
        Whether the synthetic rows break it more often than chance explains.
    """

    rule: str
    real: float
    synthetic: float
    checked: int
    broken: bool


def given_counts(broken: Any) -> list[RuleCount]:
    """Check counts of the caller: (rule in words, share of real rows that break it, share of synthetic rows)."""
    found = []
    for rule in () if broken is None else broken:
        parts: Any = rule if isinstance(rule, (tuple, list)) and len(rule) == 3 else (None, None, None)
        text, real, fake = parts
        if not isinstance(text, str) or not all(isinstance(s, (int, float)) and 0 <= s <= 1 for s in (real, fake)):
            raise InvalidParameterError(
                f"broken_rules holds {rule!r}; give (rule in words, share of real rows that break it, share of "
                "synthetic rows that do), shares from 0 to 1"
            )
        found.append(RuleCount(text, float(real), float(fake), 0, fake > real))
    return found


def count_rules(X: Any, X_syn: Any, rules: Any, generator: Any, seed: int) -> list[RuleCount]:
    """Count how often each rule of a table is broken.

    Parameters
    ----------
    X, X_syn : tables of n and m rows
    rules : "auto", None, Rules or sequence of rules
        "auto" takes the generator's ``rules_`` or else those that `find_rules` finds in ``X``.
    generator : object or None
        What made the synthetic rows.
    seed : int
        For the choice of rows in large tables.

    Raises
    ------
    InvalidParameterError
        If ``rules`` is none of these.
    InvalidDataError
        If one of the rules given names a column that the table does not have.
    """
    if rules is None:
        return []
    if isinstance(rules, str) and rules != AUTO:
        raise InvalidParameterError(f"rules={rules!r} is unknown; give 'auto', None, or a list of rules")
    real, fake = _view(X, seed, "real"), _view(_with_names(X_syn, X), seed, "synthetic")
    if isinstance(rules, str):
        wanted = _known(generator, real)
        if wanted is None:
            if len(real.names) > MOST_COLUMNS:
                return []
            wanted = find_rules(real, max_time=MAX_TIME, random_state=seed)
    else:
        wanted = Rules(rules).learn(real)
    halves = np.array_split(numpy_generator(seed, "rule halves").permutation(real.n_rows), 2)
    counts = [_counted(rule, real, fake, halves, len(wanted)) for rule in wanted]
    return [count for count in counts if count is not None]


def _view(X: Any, seed: int, name: str) -> TableView:
    n = n_rows(X)
    if n > MOST_ROWS:
        X = take_rows(X, np.sort(numpy_generator(seed, "rule rows", name).choice(n, MOST_ROWS, replace=False)))
    return view_of(X)


def _with_names(X_syn: Any, X: Any) -> Any:
    """Give samples without column names those of the real ones."""
    named = hasattr(X, "columns") and not hasattr(X_syn, "columns")
    if not named or hasattr(X_syn, "tocsr"):
        return X_syn
    return pd.DataFrame(np.asarray(X_syn.detach().cpu() if hasattr(X_syn, "detach") else X_syn), columns=X.columns)


def _known(generator: Any, real: TableView) -> Rules | None:
    """The rules of a generator, if it has any and they fit the columns of this table."""
    try:
        found = getattr(generator, "rules_", None)
    except (GanaugError, AttributeError):
        return None
    if not isinstance(found, Rules) or not len(found):
        return None
    try:
        for rule in found:
            rule.check(real)
    except InvalidDataError:  # the generator was fitted to a table of other names
        return None
    return found


def _counted(
    rule: Rule, real: TableView, fake: TableView, halves: Sequence[np.ndarray[Any, Any]], n_rules: int
) -> RuleCount | None:
    try:
        rule.check(fake)
    except InvalidDataError:  # the column holds another type than the real one
        return None
    broken, checked = _broken(rule, fake)
    broken_real, checked_real = _broken_by_unseen(rule, real, halves)
    if not checked or not checked_real:
        return None
    surely = _chance(broken, checked, broken_real, checked_real) < FALSE_ALARMS / max(1, n_rules)
    return RuleCount(str(rule), broken_real / checked_real, broken / checked, checked, surely)


def _broken(rule: Rule, view: TableView) -> tuple[int, int]:
    """Number of rows that break the rule, and of rows without missing values in its columns."""
    frame = Rules([rule]).check(view)
    return int(frame["broken"].iloc[0]), int(frame["checked"].iloc[0])


def _broken_by_unseen(rule: Rule, real: TableView, halves: Sequence[np.ndarray[Any, Any]]) -> tuple[int, int]:
    """The same for real rows; a rule that learns from rows is learnt from one half and checked on the other."""
    if isinstance(rule, Custom) or min(map(len, halves)) == 0:
        return _broken(rule, real)
    one, two = (real.take(np.sort(half)) for half in halves)
    if isinstance(rule, Within):
        return _broken(Within(rule.column, rule.category).learn(one), two)
    if isinstance(rule, Determined):
        return _broken(Determined(rule.column, rule.by).learn(one), two)
    return _broken(rule, real)


def _chance(broken: int, checked: int, broken_real: int, checked_real: int) -> float:
    """Probability of at least so many violations if synthetic rows break the rule as often as real rows do.

    The tail of a beta-binomial distribution: a uniform prior of the share, updated by the real rows.
    """
    from scipy.stats import betabinom

    return float(betabinom.sf(broken - 1, checked, broken_real + 1, checked_real - broken_real + 1))
