"""The state of a fitted estimator, and the networks that are built again from it."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from ganaug.encoding import LabelCodec
from ganaug.encoding.profiles import DataProfile
from ganaug.estimators.distilling import numpy_of, second_discriminator
from ganaug.estimators.fitting import Conditions
from ganaug.estimators.modality import Modality
from ganaug.exceptions import InvalidParameterError, ModelFileError
from ganaug.networks import NetworkPair
from ganaug.training.train_state import TrainState
from ganaug.utils.state import expect
from ganaug.utils.types import FloatArray

__all__ = ["MOST_ROWS", "RebuildingMixin", "plain_parameters", "restored", "saved_parts", "take_plain"]

# --------------------------------------------------------------------------------------
# A fitted GAN as config and arrays, and back: what a model file holds.


Arrays = dict[str, npt.NDArray[Any]]

# What a file may count at most: sums of it are exact.
MOST_ROWS = 2**48
# Fitted attributes that are plain values, with their types.
_PLAIN: dict[str, type] = {"n_steps_": int, "best_step_": int, "stop_reason_": str, "_seed": int, "_n_draws": int}


def saved_parts(gan: Any, keep_copies_check: bool = False, as_it_is: bool = False) -> tuple[dict[str, Any], Arrays]:
    """Config (JSON) and arrays of a fitted GAN: no code, no training rows.

    Parameters
    ----------
    gan : fitted estimator
    keep_copies_check : bool
        Whether hashes or sketches of the training samples are among them.
    as_it_is : bool
        Whether to describe the object with all that it holds, and not what may leave its process.
    """
    codec, codec_arrays = gan.codec_.get_state()
    labels, label_arrays = (None, {}) if gan.label_codec_ is None else gan.label_codec_.get_state()
    curator, curator_arrays = (None, {}) if gan.curator_ is None else gan.curator_.get_state(keep_copies_check)
    config = {
        "parameters": plain_parameters(gan),
        "codec": codec,
        "labels": labels,
        "design": gan.design_,
        "focus": gan.conditions_.focus,
        "curator": curator,
        "history": list(gan.history_.columns),
        "profile": getattr(gan, "data_profile_", DataProfile()).get_state(),
        "discriminator": gan._discriminator if as_it_is else "second",
        **{name: getattr(gan, name) for name in _PLAIN},
    }
    arrays = {
        **_under("codec", codec_arrays),
        **_under("labels", label_arrays),
        **_under("curator", curator_arrays),
        **_under("weights", gan.weights_ if as_it_is else gan._published_weights()),
        **_under("beside", gan._beside()),
        **_under("history", {name: np.asarray(gan.history_[name]) for name in gan.history_.columns}),
        "condition_counts": gan.condition_counts_,
        "class_counts": gan.class_counts_,
        "quality": np.array(gan.quality_, np.float64),  # an array, because JSON has no infinity
    }
    return config, arrays


def restored(kind: type[Any], config: Mapping[str, Any], arrays: Arrays) -> Any:
    """The GAN of which these are the parts.

    Raises
    ------
    ModelFileError, or whatever the parts raise
        If they do not fit together.
    """
    import pandas as pd

    gan = kind(**config["parameters"])
    gan._check_parameters()
    gan.design_ = _checked_design(kind, config)
    for name, array in arrays.items():
        if name.startswith(("codec/", "labels/")) and array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ModelFileError(f"array {name!r} is not finite")
    gan.codec_ = type(gan._make_codec()).from_state(config["codec"], _part(arrays, "codec"))
    labels = config["labels"]
    gan.label_codec_ = None if labels is None else LabelCodec.from_state(labels, _part(arrays, "labels"))
    gan.classes_ = None if gan.label_codec_ is None else gan.label_codec_.classes_
    n_classes, focus = 1 if gan.classes_ is None else len(gan.classes_), config["focus"]
    if focus is not None and not (gan.classes_ is not None and type(focus) is int and 0 <= focus < n_classes):
        raise ModelFileError(f"focus={focus!r} is no class")
    gan.conditions_ = Conditions(gan.classes_, focus)
    gan.curator_ = None
    if config["curator"] is not None:
        own = _part(arrays, "curator")
        gan.curator_ = gan._curator_of(config["curator"], own, gan.codec_, gan.conditions_.count)
    gan.condition_counts_ = _counts(arrays, "condition_counts", gan.conditions_.count)
    gan.class_counts_ = _counts(arrays, "class_counts", n_classes)
    columns = _part(arrays, "history")
    dtypes = {"step": np.int64}
    gan.history_ = pd.DataFrame({k: expect(columns, k, (None,), dtypes.get(k, np.float64)) for k in config["history"]})
    take_plain(gan, config, _PLAIN)
    gan.quality_ = float(expect(arrays, "quality", ()))
    gan.n_features_in_ = gan.codec_.n_features_
    if gan.codec_.feature_names_ is not None:
        gan.feature_names_in_ = np.asarray(gan.codec_.feature_names_, dtype=object)
    known = config.get("profile")  # earlier versions kept none
    gan.data_profile_ = DataProfile() if known is None else DataProfile.from_state(known)
    gan._warning = None
    gan.weights_ = _part(arrays, "weights")
    gan._discriminator, gan._second_weights = config.get("discriminator", "stored"), None
    if gan._discriminator not in ("second", "stored"):
        raise ModelFileError(f"discriminator={gan._discriminator!r} is none")
    gan._take_beside(_part(arrays, "beside"))
    _check_weights(gan)
    _check_whole(gan, arrays, config["history"])
    return gan


def _checked_design(kind: type[Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """The shape of the networks, held to the same bounds as the parameters of that name."""
    probe = kind(**{**config["parameters"], **config["design"]})
    probe._check_parameters()
    design: dict[str, Any] = probe._design()
    if design != config["design"]:
        raise ModelFileError(f"design {config['design']} lacks {sorted(design)}")
    return design


def _check_weights(gan: Any) -> None:
    """Build the networks that the config describes, and hold the file's weights against them."""
    pair = gan._make_networks(gan.codec_, gan.conditions_.count, torch.Generator().manual_seed(0), **gan.design_)
    expected = {
        f"{name}.{k}": tuple(v.shape)
        for name, network in pair._asdict().items()
        for k, v in network.state_dict().items()
    }
    if set(expected) != set(gan.weights_):
        odd = sorted(set(expected) ^ set(gan.weights_))
        raise ModelFileError(f"weights missing or left over: {', '.join(odd[:5])}")
    for name, shape in expected.items():
        if not np.isfinite(expect(gan.weights_, name, shape, np.float32)).all():
            raise ModelFileError(f"weights {name!r} are not finite")


def _check_whole(gan: Any, arrays: Arrays, history: list[str]) -> None:
    """What was read must be what would be written: no part was cut, bent or left over."""
    config, again = saved_parts(gan, keep_copies_check=True, as_it_is=True)
    if config["history"] != history:
        raise ModelFileError("the history names a column twice")
    odd = sorted(set(arrays) ^ set(again))
    odd += [k for k in arrays.keys() & again.keys() if _differ(arrays[k], again[k])]
    if odd:
        raise ModelFileError(f"array {odd[0]!r} does not fit the rest")


def _differ(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> bool:
    return (one.dtype, one.shape, one.tobytes()) != (other.dtype, other.shape, other.tobytes())


def take_plain(found: Any, config: Mapping[str, Any], types: Mapping[str, type]) -> None:
    """Set fitted attributes that are plain values: texts, and numbers that count something or are a seed."""
    for name, type_ in types.items():
        value = config[name]
        if type(value) is not type_ or (isinstance(value, int) and not 0 <= value < 2**64):
            raise ModelFileError(f"{name}={str(value)[:40]!r} is no {type_.__name__} of a fitted estimator")
        setattr(found, name, value)


def _counts(arrays: Arrays, name: str, n: int) -> npt.NDArray[Any]:
    counts = expect(arrays, name, (n,), np.int64)
    if counts.min() < 0 or counts.max() > MOST_ROWS or counts.sum() == 0:
        raise ModelFileError(f"{name} {counts.tolist()[:5]} count no rows")
    return counts


def _under(name: str, arrays: Mapping[str, npt.NDArray[Any]]) -> Arrays:
    return {f"{name}/{k}": v for k, v in arrays.items()}


def _part(arrays: Arrays, name: str) -> Arrays:
    return {k.removeprefix(f"{name}/"): v for k, v in arrays.items() if k.startswith(f"{name}/")}


def plain_parameters(gan: Any) -> dict[str, Any]:
    """Constructor parameters that JSON can hold; callbacks and generators of random numbers stay behind."""
    plain: dict[str, Any] = {}
    for name, value in gan.get_params(deep=False).items():
        if value is None or isinstance(value, (bool, str)):
            plain[name] = value
        elif isinstance(value, Integral):
            plain[name] = int(value)
        elif isinstance(value, Real):
            plain[name] = float(value)
        elif isinstance(value, (list, tuple, set, frozenset)) and all(isinstance(v, str) for v in value):
            plain[name] = sorted(value)
    # The file is read on other machines: it runs on what is there.
    plain["device"] = "cpu" if str(gan.device) == "cpu" else "auto"
    return plain


# --------------------------------------------------------------------------------------
# Networks from weights in arrays, and back.


class RebuildingMixin(Modality):
    """The players of a fitted GAN, which keeps their weights as numpy arrays.

    ``_discriminator`` says which one ``weights_`` has: "trained", that of the game, which has seen the training samples
    and stays in the memory of this process; "second", that of `second_discriminator`; "stored", that of a file of a
    format before 2, whose scores stay as they were until it is saved again.
    """

    weights_: dict[str, FloatArray]
    _discriminator: str
    _second_weights: dict[str, FloatArray] | None
    design_: dict[str, Any]
    codec_: Any
    conditions_: Conditions

    def _keep_weights(self, train_state: TrainState) -> None:
        self.weights_ = {f"generator.{k}": numpy_of(v) for k, v in train_state.average.state_dict().items()}
        network = train_state.discriminator.network
        self.weights_ |= {f"discriminator.{k}": numpy_of(v) for k, v in network.state_dict().items()}
        self._discriminator, self._second_weights = "trained", None
        self.__dict__.pop("_network_pair", None)

    def _published_weights(self) -> dict[str, FloatArray]:
        """The weights that may leave this process: of the generator, and of a discriminator that saw samples only."""
        if self._discriminator == "second":
            return self.weights_
        if self._second_weights is None:
            self._second_weights = second_discriminator(self, **self._second)
        own = {k: v for k, v in self.weights_.items() if k.startswith("generator.")}
        return own | {f"discriminator.{k}": v for k, v in self._second_weights.items()}

    def _networks(self, device: torch.device) -> NetworkPair:
        """The players, rebuilt from the weights; built once for each process and device."""
        cached = self.__dict__.get("_network_pair")
        if cached is not None and cached[0] == device:
            pair: NetworkPair = cached[1]
            return pair
        pair = self._rebuilt()
        for network in pair:
            network.to(device).eval().requires_grad_(False)
        self._network_pair = (device, pair)
        return pair

    def _rebuilt(self, weights: dict[str, FloatArray] | None = None) -> NetworkPair:
        # from the design of the fit: the parameters may have been set anew since
        rng = torch.Generator().manual_seed(0)
        pair = self._make_networks(self.codec_, self.conditions_.count, rng, **self.design_)
        self._load_weights(pair, weights)
        return pair

    def _double_discriminator(self) -> nn.Module:
        """The discriminator that scores."""
        weights = self.weights_ if self._discriminator == "stored" else self._published_weights()
        return self._rebuilt(weights).discriminator.double().eval().requires_grad_(False)

    def _go_on(self, pair: NetworkPair, conditions: Conditions, design: dict[str, Any]) -> None:
        if conditions.focus != self.conditions_.focus:
            raise InvalidParameterError("warm_start=True needs the focus of the earlier fit")
        changed = [name for name, value in design.items() if value != self.design_[name]]
        if changed:
            raise InvalidParameterError(
                f"warm_start=True goes on with the networks of the earlier fit, but {', '.join(changed)} "
                "changed since; set it back, or warm_start=False"
            )
        self._load_weights(pair)

    def _load_weights(self, pair: NetworkPair, weights: dict[str, FloatArray] | None = None) -> None:
        given = self.weights_ if weights is None else weights
        for name, network in pair._asdict().items():
            own = {k.removeprefix(f"{name}."): v for k, v in given.items() if k.startswith(f"{name}.")}
            network.load_state_dict({k: torch.from_numpy(np.array(v)) for k, v in own.items()})
