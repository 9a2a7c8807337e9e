"""What the report measures by itself: rules that are broken, and a classifier trained on the samples."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import clone

from ganaug.exceptions import GanaugError, InvalidDataError, InvalidParameterError
from ganaug.metrics.evaluation import measure
from ganaug.metrics.features import n_rows, take_rows
from ganaug.metrics.sample_pair import Reading, SamplePair
from ganaug.metrics.utility import treatments
from ganaug.report.inputs import Drawn
from ganaug.rules import Custom, Determined, Rule, Rules, Within, find_rules
from ganaug.rules.table_view import TableView, view_of
from ganaug.summaries import label_text
from ganaug.utils.determinism import child_seed, numpy_generator

__all__ = ["AUTO", "RuleCount", "count_rules", "given_counts", "with_utility"]

# --------------------------------------------------------------------------------------
# Rules that the real rows keep, and how often real and synthetic rows break them.


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


def given_counts(broken: Iterable[object] | None) -> list[RuleCount]:
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


def count_rules(X: object, X_syn: object, rules: Any, generator: object, seed: int) -> list[RuleCount]:
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


def _view(X: object, seed: int, name: str) -> TableView:
    n = n_rows(X)
    if n > MOST_ROWS:
        X = take_rows(X, np.sort(numpy_generator(seed, "rule rows", name).choice(n, MOST_ROWS, replace=False)))
    return view_of(X)


def _with_names(X_syn: object, X: Any) -> object:
    """Give samples without column names those of the real ones."""
    named = hasattr(X, "columns") and not hasattr(X_syn, "columns")
    if not named or hasattr(X_syn, "tocsr"):
        return X_syn
    return pd.DataFrame(np.asarray(X_syn.detach().cpu() if hasattr(X_syn, "detach") else X_syn), columns=X.columns)


def _known(generator: object, real: TableView) -> Rules | None:
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


# --------------------------------------------------------------------------------------
# Whether a classifier gains from the samples, beside other treatments of imbalance.


# Share of each class that the classifier is tested on; classes with fewer rows are used for training only.
TESTED, LEAST_OF_CLASS = 0.3, 4
# A generator within these limits is trained again in seconds, without the test rows.
MOST_TRIAL_ROWS, MOST_TRIAL_COLUMNS, MOST_STEPS, LEAST_TO_TRAIN = 2000, 60, 1000, 30

Results = dict[str, dict[str, Any]]
Places = npt.NDArray[np.intp]


def with_utility(
    results: Results, whole: SamplePair, reading: Reading, real: tuple[Any, Any], drawn: Drawn
) -> tuple[Results, str]:
    """Add utility to what was measured, by a split of the real samples where none were held out.

    Parameters
    ----------
    results : dict
        Of `measure`; has utility already where held-out samples with labels were given.
    whole : SamplePair
        Of all samples; its seed and number of resamples are used.
    reading : Reading
    real : (samples, labels or None)
        What the generator was trained on.
    drawn : Drawn
        The synthetic samples, and what made them.

    Returns
    -------
    results : dict
        With utility where it could be measured. Its "details" have "treatments" (see `treatments`), and without
        held-out samples "tested_on": "refitted" if the synthetic samples are those of a second generator, which was
        trained without the test rows, and "seen" if the generator had seen the test rows.
    why_not : str
        Why it was not measured; else empty.
    """
    if "augmentation_gain" in results:
        _note(results, {"treatments": treatments(whole)})
        return results, ""
    rows, codes = reading.rows["real"], reading.rows["real"].y
    if codes is None:
        return results, "that needs the labels of the real and of the synthetic {things}"
    if len(reading.labels) < 2:
        return results, "there is one class only"
    taught, tested = _parts(codes, whole.seed)
    if len(np.unique(codes[tested])) < 2:
        return results, f"of all classes but one there are fewer than {LEAST_OF_CLASS} real {{things}}"
    synthetic, tested_on = reading.rows["synthetic"], "seen"
    if _is_quick(drawn.generator, rows.columns, codes[taught]):
        y = real[1] if hasattr(real[1], "iloc") else np.asarray(real[1])
        own = [take_rows(part, rows.number[taught]) for part in (real[0], y)]
        synthetic, tested_on = reading.read(*_refitted(drawn.generator, own, drawn.y, whole.seed)), "refitted"
    split = reading.with_rows(real=rows.take(taught), synthetic=synthetic, holdout=rows.take(tested))
    comparison = split.comparison(seed=whole.seed, n_resamples=whole.n_resamples, max_rows=len(rows))
    found = measure(comparison, "utility")
    _note(found, {"tested_on": tested_on, "treatments": treatments(comparison)})
    return results | found, ""


def _note(results: Results, details: Mapping[str, Any]) -> None:
    """Add details to the utility measures, and say in their notes what they were tested on."""
    for name, entry in results.items():
        if entry["family"] != "utility":
            continue
        own = details if name == "augmentation_gain" else {k: v for k, v in details.items() if k != "treatments"}
        entry["details"] = {**entry["details"], **own}
        if "tested_on" not in details:
            continue
        for one in (entry, *entry["by_class"].values()):
            one["details"] = {**one["details"], "tested_on": details["tested_on"]}
            if details["tested_on"] == "seen":
                one["note"] = one["note"].replace("held-out rows", "real rows that the generator saw")


def _parts(codes: Places, seed: int) -> tuple[Places, Places]:
    """Training rows and test rows, with the same shares of classes."""
    rng = numpy_generator(seed, "tested")
    tested = []
    for code in range(int(codes.max()) + 1):
        rows = rng.permutation(np.flatnonzero(codes == code))
        n = max(1, round(TESTED * len(rows))) if len(rows) >= LEAST_OF_CLASS else 0
        tested.append(rows[:n])
    test = np.sort(np.concatenate(tested))
    return np.setdiff1d(np.arange(len(codes)), test), test


def _is_quick(generator: object, columns: Sequence[Any], codes: Places) -> bool:
    """Whether it can be trained again on these rows in seconds, with the same result each time."""
    if generator is None or not 0 < len(columns) <= MOST_TRIAL_COLUMNS or len(codes) > MOST_TRIAL_ROWS:
        return False
    from ganaug.estimators.smoothing import SmoothedBootstrap  # torch is for generators, and takes seconds and memory
    from ganaug.estimators.tabular import TabularGAN
    from ganaug.oversampling import GANOversampler

    parts = [generator]
    if type(generator) is GANOversampler:
        parts = list({id(one): one for one in generator.generators_.values()}.values())
        parts += [generator.generator] if generator.generator is not None else []
    steps = 0
    for one in parts:
        if type(one) is TabularGAN:
            if one.max_time is not None or one.callbacks:
                return False
            # of open length: as many as were made, if any
            steps += int(vars(one).get("n_steps_", 0)) if one.max_steps is None else one.max_steps
        elif type(one) is not SmoothedBootstrap:
            return False
    return steps <= MOST_STEPS and (steps == 0 or int(np.bincount(codes).min()) >= LEAST_TO_TRAIN)


def _refitted(generator: object, real: list[Any], y_syn: object, seed: int) -> tuple[Any, Any]:
    """As many samples of each class from a clone of the generator, fitted to these rows only."""
    again = clone(generator)
    plain: dict[str, Any] = {"random_state": child_seed(seed, "again") % 2**31, "verbose": False, "warm_start": False}
    plain["checkpoint"] = None
    again.set_params(**{name: value for name, value in plain.items() if name in again.get_params()})
    counts = {label: int(n) for label, n in pd.Series(np.asarray(y_syn)).astype(object).value_counts().items()}
    order = {label: counts[label] for label in sorted(counts, key=label_text)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the first training has given the same warnings
        X_syn, made = again.fit(*real).sample(order, random_state=child_seed(seed, "sample") % 2**31)
    if n_rows(X_syn) != sum(order.values()):
        raise AssertionError(f"{n_rows(X_syn)} samples where {sum(order.values())} were asked for")
    return X_syn, made
