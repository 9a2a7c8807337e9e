"""Whether a classifier gains from the samples, beside other treatments of imbalance."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import clone

from ganaug.estimators.bootstrap import SmoothedBootstrap
from ganaug.estimators.tabular import TabularGAN
from ganaug.metrics.evaluation import measure
from ganaug.metrics.features import n_rows, take_rows
from ganaug.metrics.reading import Reading
from ganaug.metrics.sample_pair import SamplePair
from ganaug.metrics.utility import treatments
from ganaug.oversampling import GANOversampler
from ganaug.report.inputs import Drawn
from ganaug.summaries import label_text
from ganaug.utils.seeding import child_seed, numpy_generator

__all__ = ["with_utility"]

# Share of each class that the classifier is tested on; classes with fewer rows are used for training only.
TESTED, LEAST_OF_CLASS = 0.3, 4
# A generator within these limits is trained again in seconds, without the test rows.
MOST_ROWS, MOST_COLUMNS, MOST_STEPS, LEAST_TO_TRAIN = 2000, 60, 1000, 30

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


def _is_quick(generator: Any, columns: list[Any], codes: Places) -> bool:
    """Whether it can be trained again on these rows in seconds, with the same result each time."""
    if not 0 < len(columns) <= MOST_COLUMNS or len(codes) > MOST_ROWS:
        return False
    parts = [generator]
    if type(generator) is GANOversampler:
        parts = list({id(one): one for one in generator.generators_.values()}.values())
        parts += [generator.generator] if generator.generator is not None else []
    steps = 0
    for one in parts:
        if type(one) is TabularGAN:
            if one.max_time is not None or one.callbacks:
                return False
            steps += one.max_steps
        elif type(one) is not SmoothedBootstrap:
            return False
    return steps <= MOST_STEPS and (steps == 0 or int(np.bincount(codes).min()) >= LEAST_TO_TRAIN)


def _refitted(generator: Any, real: list[Any], y_syn: Any, seed: int) -> tuple[Any, Any]:
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
