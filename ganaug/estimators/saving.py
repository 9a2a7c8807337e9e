"""A fitted GAN to one file and back: weights, codecs and settings, never code and never training rows."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ganaug.codecs import LabelCodec
from ganaug.curation import Curator
from ganaug.estimators.base import BaseGAN
from ganaug.estimators.prepared import Conditions
from ganaug.estimators.tabular import TabularGAN
from ganaug.exceptions import GanaugError, ModelFileError
from ganaug.state import expect, read_state

__all__ = ["load"]

# kind in the file -> estimator; to make a new estimator loadable, add one line
_KINDS: dict[str, type[BaseGAN]] = {"TabularGAN": TabularGAN}


def load(path: str | os.PathLike[str]) -> BaseGAN:
    """Read an estimator that its ``save`` wrote.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    BaseGAN
        Of the class that was saved; samples and scores as the original did.

    Raises
    ------
    ModelFileError
        If the file is truncated, foreign, of a newer version, or its contents
        do not fit together. Nothing in the file is ever executed.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> import ganaug
    >>> gan = ganaug.TabularGAN(max_steps=5, random_state=0).fit(np.eye(20))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "gan.safetensors")
    ...     gan.save(path)
    ...     again = ganaug.load(path)
    >>> bool(np.array_equal(gan.sample(9, random_state=1)[0], again.sample(9, random_state=1)[0]))
    True
    """
    state = read_state(path)
    if state.kind not in _KINDS:
        raise ModelFileError(f"{os.fspath(path)} holds a {state.kind!r}; this version knows {sorted(_KINDS)}")
    try:
        return _restored(_KINDS[state.kind], state.config, state.arrays)
    except GanaugError as error:
        raise ModelFileError(f"{os.fspath(path)} cannot be restored: {error}") from error
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, RuntimeError) as error:
        raise ModelFileError(
            f"{os.fspath(path)} is damaged or was altered: its parts do not fit together ({error}); save it again"
        ) from error


def _restored(kind: type[BaseGAN], config: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> BaseGAN:
    gan = kind(**config["parameters"])
    gan.codec_ = type(gan._make_codec()).from_state(config["codec"], _part(arrays, "codec"))
    labels = config["labels"]
    gan.label_codec_ = None if labels is None else LabelCodec.from_state(labels, _part(arrays, "labels"))
    gan.classes_ = None if gan.label_codec_ is None else gan.label_codec_.classes_
    gan.conditions_ = Conditions(gan.classes_, config["focus"])
    gan.curator_ = None
    if config["curator"] is not None:
        gan.curator_ = Curator.from_state(config["curator"], _part(arrays, "curator"), gan.codec_.width)
    gan.condition_counts_ = expect(arrays, "condition_counts", (gan.conditions_.count,))
    gan.class_counts_ = expect(arrays, "class_counts", (1 if gan.classes_ is None else len(gan.classes_),))
    gan.history_ = _history(config["history"], arrays)
    for name in ("n_steps_", "best_step_", "quality_", "stop_reason_"):
        setattr(gan, name, config[name])
    gan.n_features_in_ = config["n_features"]
    if config["feature_names"] is not None:
        gan.feature_names_in_ = np.asarray(config["feature_names"], dtype=object)
    gan._seed, gan._n_draws, gan._warning = config["seed"], config["n_draws"], None
    gan.weights_ = _part(arrays, "weights")
    _check_weights(gan)
    return gan


def _check_weights(gan: BaseGAN) -> None:
    """Build the networks that the config describes, and hold the file's weights against them."""
    import torch

    players = gan._make_players(gan.codec_, gan.conditions_.count, torch.Generator().manual_seed(0))
    expected = {
        f"{name}.{k}": tuple(v.shape)
        for name, network in players._asdict().items()
        for k, v in network.state_dict().items()
    }
    if set(expected) != set(gan.weights_):
        odd = sorted(set(expected) ^ set(gan.weights_))
        raise ModelFileError(f"weights missing or left over: {', '.join(odd[:5])}")
    for name, shape in expected.items():
        if not np.isfinite(expect(gan.weights_, name, shape, np.float32)).all():
            raise ModelFileError(f"weights {name!r} are not finite")


def _part(arrays: dict[str, npt.NDArray[Any]], name: str) -> dict[str, npt.NDArray[Any]]:
    return {k.removeprefix(f"{name}/"): v for k, v in arrays.items() if k.startswith(f"{name}/")}


def _history(columns: list[str], arrays: dict[str, npt.NDArray[Any]]) -> Any:
    import pandas as pd

    return pd.DataFrame({name: expect(arrays, f"history/{name}", (None,)) for name in columns})


def saved_parts(gan: BaseGAN) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Config and arrays of a fitted GAN."""
    codec, codec_arrays = gan.codec_.get_state()
    labels, label_arrays = (None, {}) if gan.label_codec_ is None else gan.label_codec_.get_state()
    curator, curator_arrays = (None, {}) if gan.curator_ is None else gan.curator_.get_state()
    names = getattr(gan, "feature_names_in_", None)
    config = {
        "parameters": _plain_parameters(gan),
        "codec": codec,
        "labels": labels,
        "focus": gan.conditions_.focus,
        "curator": curator,
        "history": list(gan.history_.columns),
        "n_steps_": gan.n_steps_,
        "best_step_": gan.best_step_,
        "quality_": gan.quality_,
        "stop_reason_": gan.stop_reason_,
        "n_features": gan.n_features_in_,
        "feature_names": None if names is None else list(names),
        "seed": gan._seed,
        "n_draws": gan._n_draws,
    }
    arrays = {f"codec/{k}": v for k, v in codec_arrays.items()}
    arrays |= {f"labels/{k}": v for k, v in label_arrays.items()}
    arrays |= {f"curator/{k}": v for k, v in curator_arrays.items()}
    arrays |= {f"weights/{k}": v for k, v in gan.weights_.items()}
    arrays |= {f"history/{k}": np.asarray(gan.history_[k]) for k in gan.history_.columns}
    arrays |= {"condition_counts": gan.condition_counts_, "class_counts": gan.class_counts_}
    return config, arrays


def _plain_parameters(gan: BaseGAN) -> dict[str, Any]:
    """Constructor parameters that JSON can hold; callbacks and generators of random numbers stay behind."""
    keep: Callable[[Any], bool] = lambda v: v is None or isinstance(v, (bool, int, float, str, list, tuple))  # noqa: E731
    parameters = {k: v for k, v in gan.get_params(deep=False).items() if k != "callbacks" and keep(v)}
    # The file is read on other machines: it runs on what is there.
    parameters["device"] = "auto" if parameters.get("device") != "cpu" else "cpu"
    return {k: v.item() if isinstance(v, np.generic) else v for k, v in parameters.items()}
