"""Hash what fits of all kinds give, to see whether a change of the code changed a result.

    python tools/fingerprint.py --output before.json
    (change the code)
    python tools/fingerprint.py --compare before.json

Only public names are called, so the script runs on the code before and after a change of structure. Each case
trains for a few steps on data made here. What is hashed: samples, scores, features, counts of curation, history,
evidence of `AugmentedClassifier`, translations, blends, measures. Results repeat on one machine with one torch.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import ganaug
from ganaug import (
    AugmentedClassifier,
    BlendedDataset,
    GANOversampler,
    ImageGAN,
    ImageTranslator,
    SeriesGAN,
    SmoothedBootstrap,
    TabularGAN,
)

Result = dict[str, Any]
CASES: dict[str, Callable[[], Result]] = {}


def digest(value: Any) -> str:
    """A short hash of arrays, frames, containers and plain values."""
    found = hashlib.sha256()

    def add(item: Any) -> None:
        if isinstance(item, pd.DataFrame):
            for name in item.columns:
                add(str(name))
                add(item[name])
        elif isinstance(item, pd.Series):
            found.update(str(item.dtype).encode())
            add([None if missing else value for missing, value in zip(item.isna(), item.tolist(), strict=True)])
        elif isinstance(item, dict):
            for key in item:
                add(str(key))
                add(item[key])
        elif isinstance(item, (list, tuple)):
            for part in item:
                add(part)
        elif hasattr(item, "toarray"):
            add(item.toarray())
        elif isinstance(item, np.ndarray) and item.dtype.kind != "O":
            found.update(f"{item.dtype}{item.shape}".encode() + np.ascontiguousarray(item).tobytes())
        elif hasattr(item, "numpy"):
            add(item.numpy())
        else:
            found.update(repr(item.tolist() if isinstance(item, np.ndarray) else item).encode())

    add(value)
    return found.hexdigest()[:16]


def case(name: str) -> Callable[[Callable[[], Result]], Callable[[], Result]]:
    """Register a case."""

    def register(function: Callable[[], Result]) -> Callable[[], Result]:
        CASES[name] = function
        return function

    return register


# ---- data -----------------------------------------------------------------------------------------------------------


def table(kind: str, n: int = 240, seed: int = 0) -> tuple[Any, np.ndarray]:
    """A table of some kind, a fifth of its rows of class 1."""
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.2).astype(int)
    numbers = rng.normal(y[:, None] * [1.5, 0.0, -1.0], 1.0, (n, 3))
    if kind == "array":
        return numbers, y
    if kind == "float32":
        return numbers.astype(np.float32), y
    if kind == "sparse":
        from scipy import sparse

        return sparse.csr_matrix(np.where(numbers > 0.8, numbers.round(1), 0.0)), y
    if kind == "categories":
        return pd.DataFrame(
            {
                "a": pd.Categorical(rng.choice(list("xyz"), n)),
                "b": pd.Categorical(np.where(y == 1, "rare", "usual")),
                "c": rng.choice([f"level {i}" for i in range(60)], n),
                "d": rng.integers(0, 6, n),
            }
        ), y
    frame = pd.DataFrame(numbers, columns=["u", "v", "w"])
    frame["money"] = rng.gamma(2, 50, n).round(2)
    frame["count"] = rng.poisson(3 + 4 * y)
    frame["zero"] = np.where(rng.random(n) < 0.6, 0.0, rng.gamma(2, 1, n))
    frame["kind"] = pd.Categorical(rng.choice(["red", "green", "blue"], n))
    frame["flag"] = rng.random(n) < 0.3
    frame["when"] = pd.Timestamp("2025-01-01") + pd.to_timedelta(rng.integers(0, 300, n), unit="D")
    frame.loc[rng.random(n) < 0.1, "v"] = np.nan
    frame["maybe"] = pd.array(np.where(rng.random(n) < 0.1, None, rng.integers(0, 50, n)), dtype="Int64")
    return frame, y


def images(
    n: int = 48, channels: int = 1, size: int = 8, dtype: str = "uint8", seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Bright squares of two sizes on noise. (n, H, W) or (n, H, W, C)."""
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.3).astype(int)
    x = rng.integers(0, 60, (n, size, size, channels))
    for image, label in zip(x, y, strict=True):
        image[1 : 4 + 2 * label, 1 : 4 + 2 * label] += 150
    x = x if channels > 1 else x[..., 0]
    return (x.astype(np.uint8) if dtype == "uint8" else (x / 255).astype(dtype)), y


def waves(n: int = 48, channels: int = 2, length: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """Sines of two frequencies. (n, channels, length)."""
    rng = np.random.default_rng(0)
    y = (rng.random(n) < 0.3).astype(int)
    t = np.arange(length) / length
    phase = rng.random((n, channels, 1))
    x = np.sin(2 * np.pi * ((1 + 2 * y[:, None, None]) * t + phase)) + 0.1 * rng.normal(size=(n, channels, length))
    return x.astype(np.float32), y


# ---- what is hashed -------------------------------------------------------------------------------------------------


def of_estimator(gan: Any, X: Any, y: Any, label: Any = 1) -> Result:
    """Samples, scores, features, counts and history of a fitted GAN."""
    gan.fit(X, y)
    drawn = gan.sample(30, label=label, random_state=5) if y is not None else gan.sample(30, random_state=5)
    curation = {str(k): vars(v) if hasattr(v, "__dict__") else v for k, v in getattr(gan, "curation_", {}).items()}
    return {
        "samples": drawn,
        "more": gan.sample(7),
        "curation": {k: str(v) for k, v in curation.items()},
        "scores": gan.score_samples(X),
        "features": gan.features(X[:10]),
        "history": gan.history_.round(6),
        "quality": round(float(gan.quality_), 9),
    }


OBJECTIVES = ["minimax", "non-saturating", "least-squares", "wasserstein", "hinge", "relativistic"]
CONDITIONINGS = ["concat", "projection", "auxiliary"]

for _objective in OBJECTIVES:
    case(f"table/objective={_objective}")(
        lambda objective=_objective: of_estimator(
            TabularGAN(objective=objective, max_steps=12, random_state=0, device="cpu"), *table("mixed")
        )
    )
for _conditioning in CONDITIONINGS:
    case(f"table/conditioning={_conditioning}")(
        lambda conditioning=_conditioning: of_estimator(
            TabularGAN(conditioning=conditioning, max_steps=12, random_state=1, device="cpu"), *table("mixed", seed=1)
        )
    )
for _kind in ["array", "float32", "sparse", "categories"]:
    case(f"table/{_kind}")(
        lambda kind=_kind: of_estimator(TabularGAN(max_steps=12, random_state=2, device="cpu"), *table(kind))
    )
for _architecture in ["residual", "dcgan", "style"]:
    case(f"image/{_architecture}")(
        lambda architecture=_architecture: of_estimator(
            ImageGAN(architecture=architecture, max_steps=3, batch_size=8, channels=4, random_state=0, device="cpu"),
            *images(),
        )
    )


@case("table/unconditional")
def _() -> Result:
    return of_estimator(TabularGAN(max_steps=12, random_state=3, device="cpu"), table("mixed")[0], None)


@case("image/colour")
def _() -> Result:
    return of_estimator(
        ImageGAN(max_steps=3, batch_size=8, channels=4, random_state=0, device="cpu"), *images(channels=3)
    )


@case("image/float32")
def _() -> Result:
    X, y = images(channels=3, dtype="float32")
    return of_estimator(ImageGAN(max_steps=3, batch_size=8, channels=4, random_state=0, device="cpu"), X, y)


@case("series")
def _() -> Result:
    return of_estimator(SeriesGAN(max_steps=3, batch_size=8, channels=4, random_state=0, device="cpu"), *waves())


@case("volumes")
def _() -> Result:
    rng = np.random.default_rng(0)
    X, y = rng.random((24, 1, 8, 8, 8)).astype(np.float32), np.arange(24) % 2
    return of_estimator(SeriesGAN(max_steps=2, batch_size=8, channels=4, random_state=0, device="cpu"), X, y)


@case("translator")
def _() -> Result:
    X, y = images(40, 3)
    gan = ImageTranslator(
        source=0, target=1, max_steps=2, batch_size=4, width=8, depth=1, random_state=0, device="cpu"
    ).fit(X, y)
    return {"samples": gan.sample(6, random_state=1), "translated": gan.translate(X[y == 0][:4])}


@case("pairs")
def _() -> Result:
    X, y = images(40, 3)
    own = {"paired": True, "max_steps": 2, "batch_size": 4, "width": 8, "depth": 1, "random_state": 0, "device": "cpu"}
    gan = ImageTranslator(task="inpaint", **own).fit(X, y)
    small = X.reshape(40, X.shape[1] // 2, 2, X.shape[2] // 2, 2, 3).mean((2, 4)).astype(X.dtype)
    return {
        "samples": gan.sample(6, random_state=1),
        "painted": gan.translate(X[:4], random_state=1),
        "translated": ImageTranslator(**own).fit(X[..., 0], X).translate(X[:4, ..., 0]),
        "enlarged": ImageTranslator(task="super-resolve", **own).fit(X).translate(small[:4]),
    }


@case("bootstrap")
def _() -> Result:
    X, y = table("mixed")
    return {"samples": SmoothedBootstrap(random_state=0).fit(X, y).sample(20, label=1, random_state=1)}


@case("oversampler")
def _() -> Result:
    X, y = table("mixed", 300)
    y = np.where(np.arange(300) % 9 == 0, 2, y)
    sampler = GANOversampler(generator=TabularGAN(max_steps=12, device="cpu"), random_state=0)
    return {"resampled": sampler.fit_resample(X, y), "more": sampler.sample(9, label=2, random_state=3)}


@case("oversampler/shared")
def _() -> Result:
    X, y = table("categories", 300)
    sampler = GANOversampler(generator=TabularGAN(max_steps=12, device="cpu"), scope="shared", random_state=0)
    return {"resampled": sampler.fit_resample(X, y)}


@case("classifier")
def _() -> Result:
    from sklearn.linear_model import LogisticRegression

    X, y = table("array", 200)
    own = GANOversampler(generator=TabularGAN(max_steps=8, device="cpu"))
    model = AugmentedClassifier(LogisticRegression(), oversampler=own, cv=2, random_state=0).fit(X, y)
    return {"blend": str(model.blend_), "evidence": model.evidence_, "probabilities": model.predict_proba(X).round(9)}


@case("blend")
def _() -> Result:
    from torch import from_numpy
    from torch.utils.data import TensorDataset

    X, y = images()
    real = TensorDataset(from_numpy(X[:, None]), from_numpy(y))
    gan = ImageGAN(max_steps=2, batch_size=8, channels=4, random_state=0, device="cpu").fit(real)
    blend = BlendedDataset(real, gan)
    return {"items": [tuple(np.asarray(part) for part in blend[i]) for i in range(0, len(blend), 5)]}


@case("measures")
def _() -> Result:
    X, y = table("mixed", 200)
    other, labels = table("mixed", 200, seed=9)
    found = ganaug.metrics.evaluate(X, other, y, labels, n_resamples=5, random_state=0)
    return {"measures": {name: round(float(found[name]["value"]), 9) for name in found if "value" in found[name]}}


def main() -> int:
    """Run the cases; 1 if something differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, help="write the hashes here (JSON)")
    parser.add_argument("--compare", type=Path, help="an earlier output; differences are listed, exit code 1")
    parser.add_argument("--only", default="", help="cases whose name contains this")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    found: dict[str, dict[str, str]] = {}
    for name, run in CASES.items():
        if args.only not in name:
            continue
        began = time.perf_counter()
        try:
            found[name] = {part: digest(value) for part, value in run().items()}
        except Exception as error:  # a case that fails is a difference, not the end
            found[name] = {"error": f"{type(error).__name__}: {error}"}
        print(f"{name:32} {time.perf_counter() - began:5.1f} s  {found[name]}", flush=True)
    if args.output:
        args.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if not args.compare:
        return 0
    before = json.loads(args.compare.read_text(encoding="utf-8"))
    differing = []
    for name in found:
        parts = sorted(found[name].keys() | before.get(name, {}).keys())
        differing += [f"{name}: {part}" for part in parts if found[name].get(part) != before.get(name, {}).get(part)]
    print(f"{len(found)} cases, {len(differing)} parts differ from {args.compare}")
    print("\n".join(differing))
    return bool(differing)


if __name__ == "__main__":
    sys.exit(main())
