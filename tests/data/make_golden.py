"""Write the model file of this format, and what it samples, to be kept for ever.

    python tests/data/make_golden.py

    python tests/data/make_golden.py --samples    # a version draws other rows from the same models: say so in CHANGELOG

A model file that has been committed is never written again: that it keeps loading, scoring and sampling is what
`tests/test_saving.py` holds. A new format gets files of its own beside it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

import ganaug
from ganaug import TabularGAN
from ganaug.utils.state import FORMAT_VERSION

HERE = Path(__file__).resolve().parent


def table() -> tuple[pd.DataFrame, pd.Series]:
    """160 rows with a column of every kind, and missing values."""
    rng = np.random.default_rng(0)
    n = 160
    y = pd.Series(np.where(np.arange(n) % 4 == 0, "fraud", "fine"), dtype="category", name="label")
    fraud = (y == "fraud").to_numpy()
    X = pd.DataFrame(
        {
            "amount": np.where(rng.random(n) < 0.2, 0.0, rng.lognormal(size=n) + 3 * fraud),
            "age": rng.integers(18, 90, n),
            "score": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n) + fraud),
            "visits": pd.array(np.where(rng.random(n) < 0.1, None, rng.poisson(3, n)), dtype="Int64"),
            "member": rng.random(n) < 0.4,
            "country": pd.Categorical(rng.choice(["DE", "FR", "PL"], n)),
            "size": pd.Categorical(rng.choice(["S", "M", "L"], n), categories=["S", "M", "L"], ordered=True),
            "shop": rng.choice([f"shop {i}" for i in range(60)], n),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 365, n), unit="D"),
        }
    )
    X.loc[::11, "day"] = pd.NaT
    return X, y


def recorded(gan: TabularGAN) -> dict[str, object]:
    """Samples and scores, as JSON: numbers as numbers, all else as text."""
    X, y = gan.sample({"fraud": 6, "fine": 4}, random_state=0)
    columns = {}
    for name in X:
        values = X[name]
        if pd.api.types.is_float_dtype(values.dtype):
            columns[name] = [None if np.isnan(v) else v for v in values.astype("float64").tolist()]
        else:
            columns[name] = [None if missing else str(v) for v, missing in zip(values, values.isna(), strict=True)]
    return {"columns": columns, "labels": [str(label) for label in y], "scores": gan.score_samples(table()[0]).tolist()}


if __name__ == "__main__":
    path = HERE / f"golden_v{FORMAT_VERSION}.safetensors"
    if sys.argv[1:] == ["--samples"]:
        for path in HERE.glob("golden_v*.safetensors"):
            found = recorded(ganaug.load(path))
            path.with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        raise SystemExit
    if path.exists():
        raise SystemExit(f"{path.name} is there and stays as it is")
    gan = TabularGAN(
        max_steps=30, width=16, depth=1, latent_dim=8, batch_size=32, random_state=0, device="cpu", verbose=False
    )
    gan.fit(*table()).save(path)
    path.with_suffix(".json").write_text(json.dumps(recorded(gan), indent=1) + "\n", encoding="utf-8")
