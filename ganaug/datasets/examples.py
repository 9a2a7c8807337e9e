"""Four small real data sets that come with the package, so that examples run wherever it is installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ganaug.exceptions import InvalidParameterError

__all__ = ["EXAMPLES", "load_example"]

FOLDER = Path(__file__).parent / "data"
PARTS = ("all", "train", "test")

# name -> file, and the column of the labels in a table; README.md beside the files says whose they are
EXAMPLES = {
    "card_fraud": ("card_fraud.csv.gz", "fraud"),
    "fashion_mnist": ("fashion_mnist.npz", None),
    "smartphone_motion": ("smartphone_motion.npz", None),
    "thyroid_sick": ("thyroid_sick.csv.gz", "class"),
}


def load_example(name: str, part: str = "all") -> tuple[Any, Any]:
    """Load a small real data set that comes with the package; nothing is downloaded.

    Parameters
    ----------
    name : {"card_fraud", "fashion_mnist", "smartphone_motion", "thyroid_sick"}
        - "card_fraud": 5,000 card payments x 30 numeric columns, 492 of them frauds (label 1).
        - "fashion_mnist": 1,150 grey images of 28 x 28 pixels in four classes.
        - "smartphone_motion": 482 windows of acceleration, 3 channels x 128 values in thousandths of g, two common
          and two rare movements.
        - "thyroid_sick": 3,772 patients x 28 columns, numbers and categories with missing values, 231 of them "sick".
    part : {"all", "train", "test"}, default="all"
        The images and the series have a published training and test part; "all" is both, training part first.

    Returns
    -------
    X : DataFrame of shape (n, columns), or ndarray of shape (n, 28, 28), uint8, or (n, 3, 128), int16
        A fresh copy.
    y : Series or ndarray of shape (n,)
        Labels: 0 and 1 of "card_fraud", strings elsewhere.

    Raises
    ------
    InvalidParameterError
        For another name, or a part that the set does not have.

    Notes
    -----
    Sources, licences and what was changed stand in ``README.md`` in the folder ``data`` beside this module.

    Examples
    --------
    >>> from ganaug.datasets import load_example
    >>> X, y = load_example("thyroid_sick")
    >>> X.shape, y.value_counts().to_dict()
    ((3772, 28), {'negative': 3541, 'sick': 231})
    >>> load_example("fashion_mnist", "test")[0].shape
    (400, 28, 28)
    """
    if name not in EXAMPLES:
        raise InvalidParameterError(f"name={name!r} is no example; give one of {sorted(EXAMPLES)}")
    if part not in PARTS:
        raise InvalidParameterError(f"part={part!r} must be one of {list(PARTS)}")
    file, target = EXAMPLES[name]
    if target is None:
        chosen = PARTS[1:] if part == "all" else (part,)
        with np.load(FOLDER / file) as arrays:
            X, y = ([arrays[f"{key}_{one}"] for one in chosen] for key in "Xy")
        return np.concatenate(X), np.concatenate(y)
    if part != "all":
        raise InvalidParameterError(
            f"part={part!r}: {name!r} has no published training and test part; leave part out and split it with "
            "sklearn.model_selection.train_test_split(X, y, stratify=y)"
        )
    table = pd.read_csv(FOLDER / file)
    return table.drop(columns=target), table[target]
