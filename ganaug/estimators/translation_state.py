"""A fitted translator as config and arrays, and back: what a model file holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ganaug.encoding import LabelCodec
from ganaug.encoding.image_codec import ImageCodec
from ganaug.encoding.profiles import DataProfile
from ganaug.estimators.fitting import Conditions
from ganaug.estimators.network_state import MOST_ROWS, plain_parameters, take_plain
from ganaug.estimators.translation_training import FlipCheck
from ganaug.exceptions import ModelFileError
from ganaug.networks.translation import cycle_players
from ganaug.utils.state import expect

__all__ = ["restored", "saved_parts"]

Arrays = dict[str, npt.NDArray[Any]]

# Fitted attributes that are plain values, with their types.
_PLAIN: dict[str, type] = {"n_steps_": int, "stop_reason_": str, "_seed": int, "_n_draws": int}


def saved_parts(translator: Any) -> tuple[dict[str, Any], Arrays]:
    """Config (JSON) and arrays of a fitted translator: no code, and no image."""
    codec, codec_arrays = translator.codec_.get_state()
    labels, label_arrays = translator.label_codec_.get_state()
    check = translator.check_
    config = {
        "parameters": plain_parameters(translator),
        "codec": codec,
        "labels": labels,
        "design": translator.design_,
        "source": translator._source_code,
        "target": translator.conditions_.focus,
        "check": check is not None,
        "history": list(translator.history_.columns),
        "profile": getattr(translator, "data_profile_", DataProfile()).get_state(),
        **{name: getattr(translator, name) for name in _PLAIN},
    }
    history = {name: np.asarray(translator.history_[name]) for name in translator.history_.columns}
    arrays = {
        **_under("codec", codec_arrays),
        **_under("labels", label_arrays),
        **_under("check", {} if check is None else check.get_state()),
        **_under("weights", translator.weights_),
        **_under("history", history),
        "class_counts": translator.class_counts_,
        "judged": np.array([translator.quality_, translator.accepted_], np.float64),  # JSON has no NaN
    }
    return config, arrays


def restored(kind: type[Any], config: Mapping[str, Any], arrays: Arrays) -> Any:
    """The translator of which these are the parts, without images to sample from.

    Raises
    ------
    ModelFileError, or whatever the parts raise
        If they do not fit together.
    """
    import pandas as pd

    translator = kind(**config["parameters"])
    translator._check_parameters()
    codec = ImageCodec.from_state(config["codec"], _part(arrays, "codec"))
    labels = LabelCodec.from_state(config["labels"], _part(arrays, "labels"))
    source, target = (_checked_class(config, name, len(labels.classes_)) for name in ("source", "target"))
    design = _checked_design(kind, config)
    take_plain(translator, config, _PLAIN)
    translator.codec_, translator.label_codec_, translator.classes_ = codec, labels, labels.classes_
    translator.conditions_ = Conditions(labels.classes_, target)
    translator.class_counts_ = expect(arrays, "class_counts", (len(labels.classes_),), np.int64)
    counts = translator.class_counts_
    if not (counts.min() >= 0 and counts.max() <= MOST_ROWS and min(counts[source], counts[target]) > 0):
        raise ModelFileError("the counts of its classes are none")
    translator.n_features_in_ = codec.n_features_
    translator.design_, translator._source_code, translator._sources = design, source, None
    translator.source_, translator.target_ = translator._name(source), translator._name(target)
    translator.weights_ = _checked_weights(codec, design, _part(arrays, "weights"))
    own = _part(arrays, "check")
    translator.check_ = FlipCheck.from_state(own, codec.shape) if config["check"] is True else None
    columns = _part(arrays, "history")
    types = {"step": np.int64}
    history = {name: expect(columns, name, (None,), types.get(name, np.float64)) for name in config["history"]}
    translator.history_ = pd.DataFrame(history)
    translator.quality_, translator.accepted_ = map(float, expect(arrays, "judged", (2,), np.float64))
    known = config.get("profile")  # earlier versions kept none
    translator.data_profile_ = DataProfile() if known is None else DataProfile.from_state(known)
    translator._warning = None
    again = saved_parts(translator)
    odd = sorted(set(arrays) ^ set(again[1]))
    if odd or list(history) != list(config["history"]):
        raise ModelFileError(f"array {odd[:1] or 'history'} does not fit the rest")
    return translator


def _checked_class(config: Mapping[str, Any], name: str, n_classes: int) -> int:
    code = config[name]
    if type(code) is not int or not 0 <= code < n_classes or config["source"] == config["target"]:
        raise ModelFileError(f"{name}={code!r} is no class, or both are one")
    return code


def _checked_design(kind: type[Any], config: Mapping[str, Any]) -> dict[str, int]:
    """The shape of the networks, held to the same bounds as the parameters of that name."""
    design = dict(config["design"])
    if set(design) != {"width", "depth"} or any(type(size) is not int for size in design.values()):
        raise ModelFileError(f"design {design} is none of a translator")
    kind(**{**config["parameters"], **design})._check_parameters()
    return design


def _checked_weights(codec: ImageCodec, design: dict[str, int], weights: Arrays) -> Arrays:
    """Build the networks that the config describes, and hold the file's weights against them."""
    translators, _ = cycle_players(codec.shape, torch.Generator().manual_seed(0), **design)
    wanted = translators.state_dict()
    if set(wanted) != set(weights):
        raise ModelFileError(f"weights missing or left over: {sorted(set(wanted) ^ set(weights))[:5]}")
    for name, value in wanted.items():
        if not np.isfinite(expect(weights, name, tuple(value.shape), np.float32)).all():
            raise ModelFileError(f"weights {name!r} are not finite")
    return weights


def _under(name: str, arrays: Mapping[str, npt.NDArray[Any]]) -> Arrays:
    return {f"{name}/{k}": v for k, v in arrays.items()}


def _part(arrays: Arrays, name: str) -> Arrays:
    return {k.removeprefix(f"{name}/"): v for k, v in arrays.items() if k.startswith(f"{name}/")}
