"""What is set around a call changes nothing in its result, and is as it was afterwards: all public doors."""

from __future__ import annotations

import copy
import decimal
import functools
import importlib
import inspect
import tempfile
import warnings
from contextlib import ExitStack, contextmanager

import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from helpers import cases
from sklearn.linear_model import LogisticRegression
from torch.utils.data import TensorDataset

import ganaug
from ganaug import experiments, metrics, plots, summaries, transforms
from ganaug.datasets import ShareBatchSampler
from ganaug.exceptions import GanaugError
from ganaug.metrics import distributions
from ganaug.runtime.compute import team
from ganaug.utils.determinism import isolated, isolation, warn

pytestmark = pytest.mark.usefixtures("small_forests")

# ------------------------------------------------------------------------------------- what is set


@contextmanager
def setting(function, value, before):
    function(value)
    try:
        yield
    finally:
        function(before)


SETTINGS = {
    "default dtype float64": lambda: setting(torch.set_default_dtype, torch.float64, torch.float32),
    "default dtype bfloat16": lambda: setting(torch.set_default_dtype, torch.bfloat16, torch.float32),
    "default device": lambda: setting(torch.set_default_device, "meta", None),
    "default device cpu": lambda: setting(torch.set_default_device, "cpu", None),
    "device block": lambda: torch.device("meta"),
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "autocast float16": lambda: torch.autocast("cpu", torch.float16),
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "grad mode": lambda: torch.set_grad_enabled(False),
    "deterministic": lambda: setting(torch.use_deterministic_algorithms, True, False),
    "anomaly": lambda: torch.autograd.set_detect_anomaly(True),
    "matmul precision": lambda: setting(torch.set_float32_matmul_precision, "medium", "highest"),
    "denormals": lambda: setting(torch.set_flush_denormal, True, False),
    "numpy raises": lambda: np.errstate(all="raise"),
    "numpy prints": lambda: np.printoptions(precision=2, legacy="1.13"),
    "decimals": lambda: decimal.localcontext(decimal.Context(prec=2)),
    "scikit-learn": lambda: sklearn.config_context(transform_output="pandas", assume_finite=True),
    "pandas": lambda: pd.option_context("display.precision", 2, "display.max_rows", 3, "compute.use_numexpr", False),
}
# All at once, for all doors; those that exclude each other take turns.
TOGETHER = {
    "first": ["default dtype float64", "default device", "autocast", "no_grad", "numpy raises", "decimals", "pandas"],
    "second": ["deterministic", "matmul precision", "inference_mode", "numpy prints", "scikit-learn", "denormals"],
    "third": ["default dtype bfloat16", "autocast float16", "grad mode", "device block"],
}


@contextmanager
def around(names):
    with ExitStack() as stack, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "In CPU autocast")
        for name in names:
            stack.enter_context(SETTINGS[name]())
        yield


def settings_now():
    return {
        "dtype": torch.get_default_dtype(),
        "device": torch.get_default_device(),
        "autocast": (torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")),
        "grad": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "anomaly": torch.is_anomaly_enabled(),
        "precision": torch.get_float32_matmul_precision(),
        "threads": torch.get_num_threads(),
        "numpy": np.geterr(),
        "prints": np.get_printoptions(),
        "decimals": repr(decimal.getcontext()),
        "sklearn": sklearn.get_config(),
        "filters": list(warnings.filters),
    }


# ---------------------------------------------------------------------------------------- the doors

ROWS = 60
LABELS = np.arange(ROWS) % 3 // 2
QUICK = {"max_steps": 2, "random_state": 0, "device": "cpu", "verbose": False}
SMALL_MLP = {**QUICK, "width": 16, "depth": 1}
SMALL_CNN = {**QUICK, "channels": 2, "max_channels": 4, "latent_dim": 4, "batch_size": 16}


def table():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "size": rng.normal(LABELS, 1),
            "weight": rng.gamma(2, 10, ROWS).round(2),
            "kind": pd.Categorical(rng.choice(list("abc"), ROWS)),
            "count": rng.integers(0, 9, ROWS),
        }
    )
    frame.loc[::7, "size"] = np.nan
    return frame


def ruled():
    found = table().assign(double=lambda frame: 2 * frame["count"], gross=lambda frame: frame["weight"] * 1.19)
    return found.assign(later=found["weight"] + found["count"])


@functools.cache
def rules():
    return ganaug.find_rules(ruled(), max_time=60)


def pictures(*shape):
    return np.random.default_rng(0).integers(0, 256, (ROWS, *shape), dtype=np.uint8)


def curves():
    return np.random.default_rng(0).normal(LABELS[:, None, None], 1, (ROWS, 2, 24)).astype(np.float32)


GENERATORS = {
    "TabularGAN": (lambda: ganaug.TabularGAN(**SMALL_MLP), table),
    "ImageGAN": (lambda: ganaug.ImageGAN(**SMALL_CNN), lambda: pictures(8, 8, 3)),
    "SeriesGAN": (lambda: ganaug.SeriesGAN(**SMALL_CNN), curves),
    "ImageTranslator": (
        lambda: ganaug.ImageTranslator(**QUICK, width=4, depth=1, batch_size=4, min_probability=0),
        lambda: pictures(8, 8),
    ),
    "SmoothedBootstrap": (lambda: ganaug.SmoothedBootstrap(random_state=0), table),
}
VARIANTS = {
    "inpaint": (
        lambda: ganaug.ImageTranslator(**QUICK, width=4, depth=1, batch_size=4, paired=True, task="inpaint"),
        lambda: pictures(8, 8),
    ),
    "residual": (lambda: ganaug.ImageGAN(**SMALL_CNN, architecture="residual"), lambda: pictures(8, 8)),
    "style": (lambda: ganaug.ImageGAN(**SMALL_CNN, architecture="style"), lambda: pictures(8, 8)),
    "floats": (
        lambda: ganaug.ImageGAN(**SMALL_CNN, objective="wasserstein", conditioning="concat"),
        lambda: torch.from_numpy(pictures(3, 8, 8)).float() / 255,
    ),
    "tensors": (
        lambda: ganaug.TabularGAN(**SMALL_MLP, objective="relativistic", conditioning="auxiliary"),
        lambda: torch.from_numpy(np.random.default_rng(0).normal(size=(ROWS, 3))),
    ),
}


@functools.cache
def fitted(name):
    make, data = {**GENERATORS, **VARIANTS}[name]
    return make().fit(data(), LABELS)


def copied(name):
    found = copy.deepcopy(fitted(name))
    return found.set_sources(pictures(8, 8), LABELS) if name in ("ImageTranslator", "inpaint") else found


@functools.cache
def pool():
    return transforms.SamplePool.generate(fitted("ImageGAN"), 6)


@functools.cache
def classifier():
    return ganaug.AugmentedClassifier(
        LogisticRegression(),
        oversampler=ganaug.GANOversampler(generator=ganaug.TabularGAN(**SMALL_MLP), random_state=0),
        blend=[0.0, 0.5],
        cv=2,
        random_state=0,
    ).fit(numbers(), LABELS)


def numbers():
    return np.random.default_rng(0).normal(LABELS[:, None], 1, (ROWS, 3))


def others():
    return np.random.default_rng(1).normal(LABELS[:, None], 1.2, (ROWS, 3))


def oversampler():
    return ganaug.GANOversampler(generator=ganaug.TabularGAN(**SMALL_MLP), random_state=0)


def batch():
    return torch.from_numpy(pictures(3, 8, 8)[:8]), torch.from_numpy(np.arange(8) % 2)


def real_images():
    return TensorDataset(torch.from_numpy(pictures(3, 8, 8)), torch.from_numpy(LABELS))


@functools.cache
def channels_first():
    return ganaug.ImageGAN(**SMALL_CNN).fit(pictures(3, 8, 8), LABELS)


def blended():
    return ganaug.BlendedDataset(real_images(), channels_first(), seed=0)


def saved(name, folder):
    fitted(name).save(folder / name)
    return folder / name


def after(thing, *calls):
    for call in calls:
        call(thing)
    return thing


def prepared_first(generator, data):
    focus = {"focus": 1} if isinstance(generator, ganaug.ImageTranslator) else {}
    return generator.fit_prepared(generator.prepare(data, LABELS), **focus)


def file_of(save, tmp_path):
    path = tmp_path / "model.safetensors"
    save(path)
    return path.read_bytes()


def ends(own):
    """Two latents."""
    return np.linspace(-1, 1.5, 2 * own.latent_dim).reshape(2, -1)


def doors(tmp_path):
    """Name of each door -> what is called, which returns what it gives."""
    found = {}
    for name, (make, data) in {**GENERATORS, **VARIANTS}.items():
        own, kind = functools.partial(copied, name), getattr(ganaug, name, None)
        found |= {
            f"{name}.fit": lambda make=make, data=data: make().fit(data(), LABELS),
            f"{name}.sample": lambda own=own: own().sample(4, label=1),
        }
        if kind is None:
            continue
        found |= {
            f"{name}.prepare": lambda make=make, data=data: vars(make().prepare(data(), LABELS))["x"],
            f"{name}.fit_prepared": lambda make=make, data=data: prepared_first(make(), data()),
            f"{name}.iter_samples": lambda own=own: list(own().iter_samples(5, label=1, chunk_size=2)),
        }
        if hasattr(kind, "score_samples"):
            found[f"{name}.score_samples"] = lambda own=own, data=data: own().score_samples(data())
            found[f"{name}.features"] = lambda own=own, data=data: own().features(data(), LABELS)
        if hasattr(kind, "interpolate"):
            found |= {
                f"{name}.sample by latents": lambda own=own: own().sample(latents=ends(own()), label=1, truncation=0.5),
                f"{name}.sample with latents": lambda own=own: own().sample(4, label=1, return_latents=True),
                f"{name}.interpolate": lambda own=own: own().interpolate(*ends(own()), steps=3, label=1),
            }
        if hasattr(kind, "nearest_latents"):
            found |= {
                f"{name}.nearest_latents": lambda own=own, data=data: own().nearest_latents(data()[:2], 1, steps=2),
                f"{name}.generator_module_": lambda own=own: own().generator_module_.state_dict(),
            }
        if hasattr(kind, "save"):
            found[f"{name}.save"] = lambda own=own: file_of(own().save, tmp_path)
            found[f"{name}.load"] = lambda name=name, kind=kind: kind.load(saved(name, tmp_path))
    translator = functools.partial(copied, "ImageTranslator")
    found |= {
        "ImageTranslator.translate": lambda: translator().translate(pictures(8, 8)[:3]),
        "ImageTranslator.translate with a mask": lambda: copied("inpaint").translate(
            pictures(8, 8)[:3], mask=np.eye(8, dtype=bool)
        ),
        "ImageTranslator.transform": lambda: copied("inpaint").transform(pictures(8, 8)[:3]),
        "ImageTranslator.set_sources": lambda: translator().set_sources(pictures(8, 8)[::-1], LABELS).sample(3),
        "SeriesGAN.lengths": lambda: ganaug.SeriesGAN.lengths(curves()),
        "SeriesGAN.fit with lengths": lambda: ganaug.SeriesGAN(**SMALL_CNN).fit(
            curves(), LABELS, lengths=LABELS + curves().shape[-1] - 1
        ),
        "find_rules": lambda: [str(rule) for rule in ganaug.find_rules(ruled(), max_time=60)],
        "Rules.holds": lambda: rules().holds(ruled()),
        "Rules.check": lambda: rules().check(ruled()),
        "load": lambda: ganaug.load(saved("TabularGAN", tmp_path)).sample(3, random_state=1),
        "load images": lambda: ganaug.load(saved("ImageGAN", tmp_path)).sample(3, random_state=1),
        "balance": lambda: [ganaug.balance(real_images(), channels_first(), seed=0)[i] for i in (0, -1)],
        "GANOversampler.fit": lambda: oversampler().fit(table(), LABELS).generators_[1],
        "GANOversampler.fit_resample": lambda: oversampler().fit_resample(table(), LABELS),
        "GANOversampler.fit_resample by threads": lambda: _by_threads(),
        "DefectPainter.fit": lambda: _painter.__wrapped__().bank_,
        "DefectPainter.paint": lambda: _painter().paint(pictures(16, 16), return_boxes=True, random_state=1),
        "DefectPainter.sample": lambda: _painter().sample(3, random_state=1),
        "DefectPainter.set_backgrounds": lambda: (
            copy.deepcopy(_painter()).set_backgrounds(pictures(16, 16)[::-1]).sample(3, random_state=1)
        ),
        "DefectPainter.save": lambda: file_of(_painter().save, tmp_path),
        "DefectPainter.load": lambda: ganaug.DefectPainter.load(_saved_painter(tmp_path)).paint(
            pictures(16, 16), random_state=1
        ),
        "RandomPaintDefects.forward": lambda: transforms.RandomPaintDefects(_painter(), p=1.0, seed=1)(
            torch.from_numpy(pictures(16, 16)[:1])
        ),
        "GANOversampler.write": lambda: _written(tmp_path),
        "GANOversampler.sample": lambda: oversampler().fit(numbers(), LABELS).sample(3),
        "AugmentedClassifier.fit": lambda: classifier.__wrapped__().evidence_,
        "AugmentedClassifier.predict": lambda: classifier().predict(others()),
        "AugmentedClassifier.predict_proba": lambda: classifier().predict_proba(others()),
        "AugmentedClassifier.decision_function": lambda: classifier().decision_function(others()),
        "SyntheticDataset.__init__": lambda: ganaug.SyntheticDataset(fitted("ImageGAN"), {1: 4}, pool=False)[2],
        "SyntheticDataset.__getitem__": lambda: ganaug.SyntheticDataset(fitted("ImageGAN"), {1: 4})[2],
        "SyntheticDataset.__getitems__": lambda: ganaug.SyntheticDataset(fitted("SeriesGAN"), {1: 4}).__getitems__(
            [0, 3]
        ),
        "SyntheticDataset.samples": lambda: ganaug.SyntheticDataset(fitted("tensors"), {1: 4}).samples([0, 3]),
        "SyntheticDataset.set_epoch": lambda: after(
            ganaug.SyntheticDataset(fitted("ImageGAN"), {1: 4}, refresh_every=1), lambda d: d.set_epoch(3)
        )[1],
        "SyntheticDataset.refresh": lambda: after(
            ganaug.SyntheticDataset(fitted("ImageGAN"), {1: 4}), lambda d: d.refresh()
        )[1],
        "BlendedDataset.__init__": lambda: blended()[-1],
        "BlendedDataset.__getitem__": lambda: [blended()[i] for i in (0, -1)],
        "BlendedDataset.__getitems__": lambda: blended().__getitems__([0, 59, 61]),
        "BlendedDataset.set_epoch": lambda: after(blended(), lambda d: d.set_epoch(2))[-1],
        "BlendedDataset.sample_weights": lambda: blended().sample_weights(synthetic_share=0.5),
        "ShareBatchSampler.__iter__": lambda: list(ShareBatchSampler(blended(), batch_size=8)),
        "SamplePool.generate": lambda: transforms.SamplePool.generate(fitted("ImageGAN"), 4).take(np.arange(8)),
        "SamplePool.open": lambda: transforms.SamplePool.open(pool().save(tmp_path / "images.pool").path).take(
            np.arange(8)
        ),
        "SamplePool.save": lambda: file_of(pool().save, tmp_path),
        "SamplePool.pick": lambda: pool().pick([0, 1, 1], np.random.default_rng(0)),
        "SyntheticBlend.__call__": lambda: transforms.SyntheticBlend(pool(), share=0.5)(*batch()),
        "SyntheticBlend.__call__ floats": lambda: transforms.SyntheticBlend(pool(), mean=[0.5] * 3, std=[0.2] * 3)(
            (batch()[0].float() / 255 - 0.5) / 0.2, batch()[1]
        ),
        "SyntheticMixUp.__call__": lambda: transforms.SyntheticMixUp(pool())(*batch()),
        "metrics.as_features": lambda: metrics.as_features(table(), table()),
        "metrics.evaluate": lambda: metrics.evaluate(
            numbers()[:40], others(), LABELS[:40], LABELS, numbers()[40:], LABELS[40:], n_resamples=2
        ),
        "metrics.evaluate of tables": lambda: metrics.evaluate(
            table(), table()[::-1], n_resamples=2, metrics="fidelity"
        ),
        "metrics.diagnose": lambda: str(
            metrics.diagnose(metrics.evaluate(numbers(), others(), metrics="privacy", n_resamples=2))
        ),
        "metrics.total_variation": lambda: metrics.total_variation(LABELS, LABELS[::-1] % 2),
        "metrics.missing_rate_difference": lambda: metrics.missing_rate_difference(table()["size"], table()["count"]),
        "metrics.ks_distance": lambda: metrics.ks_distance(numbers()[:, 0], others()[:, 0]),
        "metrics.contingency_distance": lambda: metrics.contingency_distance(
            np.c_[LABELS, LABELS[::-1]], np.c_[LABELS, LABELS]
        ),
        "metrics.correlation_ratio": lambda: metrics.correlation_ratio(LABELS, numbers()[:, 0]),
        "metrics.mean_distance": lambda: metrics.mean_distance(torch.from_numpy(numbers()), torch.from_numpy(others())),
        "metrics.energy_quality": lambda: metrics.energy_quality(
            torch.from_numpy(numbers()), torch.from_numpy(others())
        ),
        "metrics.membership_auc": lambda: metrics.membership_auc(numbers()[:30], numbers()[30:], others()),
        "quality_report": lambda: str(ganaug.quality_report(fitted("TabularGAN"), table(), LABELS, verbose=False)),
        "metrics.distinct_neighbours": lambda: metrics.distinct_neighbours(numbers()[:30], numbers()[30:], others()),
        "experiments.compare": lambda: _compared(),
        "summaries.column_summaries": lambda: summaries.column_summaries(_sides()),
        "summaries.embedding": lambda: summaries.embedding(_sides()),
        "summaries.pair_summaries": lambda: summaries.pair_summaries(_sides()),
        "summaries.correlation_maps": lambda: summaries.correlation_maps(_sides()),
        "plots.marginals": lambda: len(plots.marginals(table(), table()[::-1])),
    }
    for name in (
        "correlation_distance",
        "frechet_distance",
        "kernel_distance",
        "coverage",
        "density",
        "precision",
        "recall",
        "two_sample_auc",
        "near_copies",
        "closest_record_ratio",
        "neighbour_distance_ratio",
        "authenticity",
    ):
        found[f"metrics.{name}"] = lambda name=name: getattr(metrics, name)(numbers(), others())
    return found


def _by_threads():
    import joblib

    with joblib.parallel_config("threading", n_jobs=2):
        return oversampler().set_params(scope="per-class").fit_resample(table(), np.arange(ROWS) % 5 % 3)


def _compared():
    found = experiments.compare(
        {"small": (table(), LABELS)},
        {"gan": oversampler()},
        {"lr": LogisticRegression()},
        n_splits=2,
        n_repeats=1,
        metrics=["roc_auc"],
        verbose=False,
    ).results
    return found.drop(columns=["seconds_resample", "seconds_fit"])


def _sides():
    return summaries.read_sides(table(), LABELS, table()[::-1].reset_index(drop=True), LABELS[::-1])


# --------------------------------------------------------------------------------- all are covered

# Methods that compute nothing: they store, name, count or write what was computed.
NO_DOORS = {
    "AugmentedClassifier.__init__", "BlendedDataset.begin_pass", "DefectPainter.__init__",
    "DefectPainter.from_saved", "RandomPaintDefects.__init__", "BlendedDataset.extra_repr",
    "BlendedDataset.get_labels", "SamplePool.code_of", "SyntheticDataset.get_labels", "SyntheticDataset.handed_out",
    "SyntheticDataset.stored", "GANOversampler.__init__",
    "ShareBatchSampler.__init__", "ShareBatchSampler.set_epoch", "SamplePool.__init__", "SamplePool.code",
    "SamplePool.row", "SamplePool.take", "SyntheticBlend.__init__", "SyntheticBlend.make_params",
    "SyntheticBlend.transform", "SyntheticDataset.extra_repr", "SyntheticDataset.hand_out",
    "SyntheticMixUp.__init__", "SyntheticMixUp.make_params", "SyntheticMixUp.transform",
    *(f"{name}.__init__" for name in GENERATORS),
}  # fmt: skip


def public_doors():
    found = set()
    for module in (ganaug, metrics, transforms):
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isfunction(value):
                found.add(f"{'metrics.' if module is metrics else ''}{name}")
            elif inspect.isclass(value) and not issubclass(value, (BaseException, tuple)) and module is not metrics:
                found |= {f"{name}.{method}" for method in methods_of(value)}
    return found


def methods_of(cls):
    return [
        name
        for name, method in inspect.getmembers(cls, callable)
        if (not name.startswith("_") or name in {"__init__", "__call__", "__iter__", "__getitem__", "__getitems__"})
        and str(getattr(method, "__module__", "")).startswith("ganaug")
    ]


# Numpy only, on images that albumentations hands over; their pools are made by SamplePool's doors.
BY_NUMPY = ("SyntheticSwap", "SyntheticMix.", "PaintDefects.", "seed_worker", "NeighborSampler")
# The parts of `find_rules`, `Rules.holds` and `sample`, which are doors.
OF_RULES = ("Copy.", "OneHot.", "Order.", "Product.", "Rules.", "Sum.", "Within.")


@functools.cache
def _painter():
    images = pictures(16, 16).copy()
    masks = np.zeros((len(images), 16, 16), dtype=bool)
    masks[:, 5:9, 4:11] = True
    images[masks] = 255
    return ganaug.DefectPainter(random_state=0).fit(images[:6], masks[:6], backgrounds=pictures(16, 16))


def _saved_painter(tmp_path):
    _painter().save(tmp_path / "painter")
    return tmp_path / "painter"


def _written(tmp_path):
    rows = table().assign(target=LABELS)
    folder = tempfile.mkdtemp(dir=tmp_path) + "/balanced"
    written = oversampler().fit(rows, "target").write(rows, folder)
    return pd.read_parquet(written)


def test_every_public_method_is_among_the_doors(tmp_path):
    """A new public method needs a line in `doors`, or, if it computes nothing, in `NO_DOORS`."""
    covered = {name.split(" ")[0] for name in doors(tmp_path)} | NO_DOORS
    missing = sorted(name for name in public_doors() - covered if not name.startswith(BY_NUMPY + OF_RULES))
    assert not missing


# ----------------------------------------------------------------------------------------- the test


def plain(value):
    """What a door gives, in a form that tells any difference."""
    if isinstance(value, torch.Tensor):
        return ["tensor", str(value.device), value.requires_grad, plain(value.numpy())]
    if isinstance(value, np.ndarray):
        content = value.tolist() if value.dtype == object else value.tobytes()
        return [str(value.dtype), value.shape, repr(content)]
    if isinstance(value, pd.DataFrame):
        return [[repr(name), str(value[name].dtype), repr(value[name].tolist())] for name in value]
    if isinstance(value, pd.Series):
        return [str(value.dtype), repr(value.tolist())]
    if isinstance(value, dict):
        return {repr(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if hasattr(value, "weights_"):
        return [plain(value.weights_), plain(value.history_.drop(columns="seconds", errors="ignore"))]
    if hasattr(value, "sample"):
        return plain(value.sample(3, label=1, random_state=0))
    return repr(value) if not isinstance(value, np.generic) else repr(value.item())


@pytest.fixture(scope="module", autouse=True)
def few_trees():
    """In the forest of `metrics.two_sample_auc`, too, which is called without a number of trees."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(distributions.held_out_scores.__kwdefaults__, "n_trees", 5)
        yield


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    return {name: plain(call()) for name, call in doors(tmp_path_factory.mktemp("plain")).items()}


@pytest.mark.parametrize("names", TOGETHER.values(), ids=TOGETHER)
def test_no_door_sees_what_is_set_around_it(names, expected, tmp_path):
    calls, wrong = doors(tmp_path), []
    for name, call in calls.items():
        with around(names):
            before = settings_now()
            try:
                found = plain(call())
            except Exception as error:
                found = f"{type(error).__name__}: {error}"
            changed = [key for key, value in settings_now().items() if value != before[key]]
        wrong += [f"{name} changed {key}" for key in changed]
        if found != expected[name]:
            wrong.append(f"{name} gives {found if isinstance(found, str) else 'something else'}")
    assert not wrong


@cases("name", SETTINGS)
def test_each_setting_alone(name, expected, tmp_path):
    calls = doors(tmp_path)
    for door in ("TabularGAN.fit", "ImageGAN.sample", "TabularGAN.score_samples", "metrics.frechet_distance"):
        with around([name]):
            before = settings_now()
            found = calls[door]()
            assert settings_now() == before
        assert plain(found) == expected[door], door


FAILURES = {
    "fit": lambda: ganaug.TabularGAN(**SMALL_MLP).fit(table(), LABELS[:5]),
    "sample": lambda: fitted("TabularGAN").sample(-1),
    "iter_samples": lambda: list(fitted("TabularGAN").iter_samples(3, label="unknown")),
    "score_samples": lambda: fitted("ImageGAN").score_samples(table()),
    "load": lambda: ganaug.load(__file__),
    "fit_resample": lambda: oversampler().fit_resample(table(), LABELS[:5]),
    "evaluate": lambda: metrics.evaluate(table(), curves()),
}


@cases("name", FAILURES)
def test_an_error_leaves_the_surroundings_as_they_were(name):
    fitted("TabularGAN"), fitted("ImageGAN")
    with around(TOGETHER["first"]):
        before = settings_now()
        with pytest.raises(GanaugError):
            FAILURES[name]()
        assert settings_now() == before


def test_between_two_chunks_the_surroundings_are_the_callers():
    chunks = fitted("TabularGAN").iter_samples(5, chunk_size=2, random_state=0)
    with around(TOGETHER["first"]):
        before = settings_now()
        for _ in range(2):
            next(chunks)
            assert settings_now() == before
        chunks.close()
        assert settings_now() == before


def test_items_of_a_dataset_can_be_trained_on_wherever_they_were_drawn():
    with torch.inference_mode():
        data = ganaug.SyntheticDataset(fitted("ImageGAN"), {1: 4})
        items = [data[0][0], data.__getitems__([1])[0][0]]
    assert not any(item.is_inference() for item in items)


def test_the_threads_of_a_team_start_without_settings():
    def seen(_):
        return (
            torch.is_grad_enabled(),
            torch.is_autocast_enabled("cpu"),
            torch.empty(1).device.type,
            np.geterr()["over"],
        )

    with around(["autocast", "no_grad", "device block", "numpy raises"]):
        with team(2) as work:
            assert set(work(seen, range(4))) == {(True, False, "cpu", "warn")}
        with isolation(), team(1) as work:
            assert set(work(seen, range(4))) == {(True, False, "cpu", "warn")}


def test_a_decorated_function_is_itself():
    @isolated
    def function(a: int, b: int = 2) -> int:
        """Words."""
        return a + b

    assert function(1) == 3 and function.__doc__ == "Words." and str(inspect.signature(function)).count("int") == 3


def test_a_warning_points_at_the_callers_line():
    with pytest.warns(UserWarning, match="here") as caught:
        warn("here", UserWarning)
    assert caught[0].filename == __file__


def test_modules_of_doors_can_be_imported_in_any_surroundings():
    with around(TOGETHER["first"]):
        for module in ("ganaug.plots", "ganaug.report", "ganaug.experiments"):
            importlib.import_module(module)
