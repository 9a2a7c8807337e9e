"""Samples by their latents: given, kept, truncated, interpolated, found for real samples, and as a plain module."""

from __future__ import annotations

import copy
import inspect
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import cases, image_gan, numpy_rng, series_gan, tabular_gan
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from ganaug import GanaugError, GANOversampler, ImageGAN, load, plots
from ganaug.estimators.latents import PiecewiseLinear, spherical_path
from ganaug.exceptions import InvalidDataError, InvalidParameterError, InvalidTypeError
from ganaug.networks import IMAGE_ARCHITECTURES

Y = np.where(np.arange(60) < 20, "few", "plenty")
GREY, RGB = (10, 12), (9, 12, 3)


def pixels(shape=GREY, dtype=np.uint8):
    return numpy_rng().integers(0, 256, size=(60, *shape)).astype(dtype)


def gan(**parameters):
    return image_gan(max_steps=3, batch_size=8, **parameters)


@pytest.fixture(scope="module")
def fitted():
    return gan(latent_dim=8).fit(pixels(), Y)


@pytest.fixture(scope="module", params=[*IMAGE_ARCHITECTURES])
def of_architecture(request):
    return gan(architecture=request.param).fit(pixels(RGB), Y)


def close(one, other, levels=1):
    """Equal images but for a few values that lie between two levels."""
    off = np.abs(np.asarray(one, np.float64) - np.asarray(other, np.float64))
    return off.max() <= levels and (off > 0).mean() < 0.01


# ---- given and kept ---------------------------------------------------------------------------


def test_latents_that_are_returned_make_the_same_samples(fitted):
    plain, labels = fitted.sample({"plenty": 3, "few": 2}, random_state=3)
    X, y, latents = fitted.sample({"plenty": 3, "few": 2}, random_state=3, return_latents=True)
    assert np.array_equal(X, plain) and np.array_equal(y, labels)
    assert latents.shape == (5, 8) and latents.dtype == np.float32
    again, claimed = fitted.sample(latents=latents, label=y)
    assert close(again, X) and np.array_equal(claimed, y)


def test_so_do_latents_of_samples_that_were_drawn_again():
    own = gan(curate=True, min_probability=1.0).fit(pixels(), Y)
    X, _, latents = own.sample(70, "few", random_state=0, return_latents=True)
    counts = own.curation_["few"]
    assert counts["drawn"] > 70, counts  # some were refused, so places matter
    assert close(own.sample(latents=latents, label="few")[0], X)


def test_in_parts_of_any_size(fitted, monkeypatch):
    monkeypatch.setattr(type(fitted), "_at_once", lambda self: 8)
    X, y, latents = fitted.sample(37, random_state=5, return_latents=True)
    assert close(fitted.sample(latents=latents, label=y)[0], X)


def test_the_order_is_that_of_the_latents(fitted):
    z = numpy_rng(1).normal(size=(4, 8))
    labels = ["plenty", "few", "plenty", "few"]
    X, y = fitted.sample(latents=z, label=labels)
    assert y.tolist() == labels
    for i in (1, 2):
        assert close(fitted.sample(latents=z[i : i + 1], label=labels[i])[0][0], X[i])
    assert np.array_equal(fitted.sample(latents=torch.from_numpy(z), label=pd.Series(labels))[0], X)
    assert np.array_equal(fitted.sample(4, latents=z, label=labels, random_state=9)[0], X)


def test_nothing_is_refused_and_nothing_given_is_changed(fitted):
    z = numpy_rng(1).normal(size=(4, 8)).astype(np.float32)
    z.flags.writeable = False
    before, draws = z.copy(), fitted._n_draws
    _, _, kept = fitted.sample(latents=z, label="few", return_latents=True)
    assert np.array_equal(z, before) and not np.shares_memory(kept, z) and fitted._n_draws == draws
    counts = fitted.curation_["few"]
    assert counts["drawn"] == counts["kept"] == 4 and counts["copies"] is None and counts["outliers"] is None


def test_latents_of_the_last_samples():
    own = gan().fit(pixels(), Y)
    assert not hasattr(own, "latents_")
    X, y = own.sample(6)
    assert own.latents_.shape == (6, 4) and close(own.sample(latents=own.latents_, label=y)[0], X)
    assert own.latents_.shape == (6, 4)  # those that were given
    assert not hasattr(copy.deepcopy(own), "latents_") and not hasattr(pickle.loads(pickle.dumps(own)), "latents_")
    assert not hasattr(clone(own), "latents_")
    own.sample(0)
    assert own.latents_.shape == (0, 4)
    own.fit(pixels(), Y)
    assert not hasattr(own, "latents_")


def test_without_labels_and_of_one_class(tmp_path):
    own = gan().fit(pixels())
    X, y, z = own.sample(3, return_latents=True)
    assert y is None and close(own.sample(latents=z)[0], X)
    with pytest.raises(InvalidParameterError, match="without labels"):
        own.sample(latents=z, label="few")
    focused = gan().fit(pixels(), Y, focus="few")
    assert focused.sample(latents=z)[1].tolist() == ["few"] * 3
    with pytest.raises(InvalidDataError, match="plenty"):
        focused.sample(latents=z, label=["few", "few", "plenty"])
    focused.save(tmp_path / "m.safetensors")
    again = load(tmp_path / "m.safetensors")
    assert np.array_equal(again.sample(latents=z)[0], focused.sample(latents=z)[0])


def test_tables_and_series():
    rng = numpy_rng()
    table = pd.DataFrame({"a": rng.normal(size=60), "b": rng.choice(["p", "q"], 60)})
    own = tabular_gan().fit(table, Y)
    z = rng.normal(size=(5, own.latent_dim))
    rows, y = own.sample(latents=z, label="few")
    assert list(rows.columns) == ["a", "b"] and set(rows["b"]) <= {"p", "q"} and y.tolist() == ["few"] * 5
    assert rows.equals(own.sample(latents=z, label="few")[0])
    assert own.sample(9, return_latents=True)[2].shape == (9, own.latent_dim)
    with pytest.raises(InvalidParameterError, match="where"):
        own.sample(2, where={"b": "p"}, return_latents=True)
    own.sample(2, where={"b": ["p", "q"]})
    assert not hasattr(own, "latents_")
    signals = series_gan().fit(rng.normal(size=(60, 2, 20)), Y)
    made = signals.sample(latents=rng.normal(size=(3, 4)), label="few")[0]
    assert made.shape == (3, 2, 20) and np.isfinite(made).all()


def test_an_oversampler_still_draws_with_any_generator():
    X, y = pixels(), np.repeat([0, 1], [40, 20])
    X_res, _ = GANOversampler(generator=gan(), random_state=0).fit_resample(X, y)
    assert len(X_res) == 80


# ---- truncation -------------------------------------------------------------------------------


def test_truncated_samples_are_less_diverse(of_architecture):
    spread = [of_architecture.sample(60, "few", 0, truncation=psi)[0].std(0).mean() for psi in (1.0, 0.5, 0.1)]
    assert spread[0] > spread[1] > spread[2]
    assert np.array_equal(of_architecture.sample(5, "few", 0, truncation=1)[0], of_architecture.sample(5, "few", 0)[0])
    z = numpy_rng().normal(size=(40, 4))
    whole, half = (of_architecture.sample(latents=z, label="few", truncation=psi)[0] for psi in (1.0, 0.3))
    assert half.std(0).mean() < whole.std(0).mean()


def test_styles_are_drawn_towards_the_mean_style_of_the_class():
    network = gan(architecture="style").fit(pixels(), Y)._generator(torch.device("cpu"))
    z, labels = torch.from_numpy(numpy_rng().normal(size=(50, 4)).astype(np.float32)), torch.tensor([0, 1]).repeat(25)
    whole, none, half = (network.style(z, labels, psi) for psi in (1.0, 0.0, 0.5))
    assert torch.allclose(half, (whole + none) / 2, atol=1e-6)
    assert torch.allclose(none[labels == 0], none[0].expand(25, -1)) and not torch.allclose(none[0], none[1])


# ---- interpolation ----------------------------------------------------------------------------


def test_a_path_keeps_to_the_sphere_and_ends_where_it_should():
    rng = numpy_rng()
    a, b = rng.normal(size=(2, 64))
    path = spherical_path(a, b, 9)
    assert np.allclose(path[0], a) and np.allclose(path[-1], b) and path.dtype == np.float32
    lengths = np.linalg.norm(path, axis=1)
    low, high = sorted(np.linalg.norm([a, b], axis=1))
    assert (lengths > low - 1e-3).all() and (lengths < high + 1e-3).all()
    units = path / lengths[:, None]
    angles = np.arccos((units[1:] * units[:-1]).sum(1))
    assert np.allclose(angles, angles[0], atol=1e-3)
    assert np.allclose(spherical_path(a, -a, 3)[1], 0, atol=1e-6)  # no direction is nearer than another
    assert np.allclose(spherical_path(a, 3 * a, 3)[1], 2 * a, atol=1e-5)
    assert np.allclose(spherical_path(np.zeros(64), a, 3)[1], a / 2, atol=1e-6)


def test_interpolated_samples(fitted):
    X, _, z = fitted.sample(2, "few", 0, return_latents=True)
    made, y = fitted.interpolate(*z, steps=5, label="few")
    assert made.shape == (5, *GREY) and y.tolist() == ["few"] * 5
    assert close(made[[0, -1]], X)
    turning, y = fitted.interpolate(*z, steps=2, label=["few", "plenty"])
    assert y.tolist() == ["few", "plenty"] and close(turning[0], X[0])


def test_a_grid_of_it(fitted):
    pytest.importorskip("matplotlib")
    z = numpy_rng().normal(size=(6, 8))
    ax = plots.interpolation_grid(fitted, z[:3], z[3:], ["few", "plenty", "few"], steps=4)
    assert ax.get_images()[0].get_array().shape[:2] == (3 * (GREY[0] + 4), 4 * (GREY[1] + 2))
    signals = series_gan().fit(numpy_rng().normal(size=(60, 2, 20)), Y)
    assert plots.interpolation_grid(signals, z[0, :4], z[1, :4], "few", steps=3).shape == (1, 3)
    with pytest.raises(InvalidDataError, match="equally many"):
        plots.interpolation_grid(fitted, z[:2], z[3:], "few")
    with pytest.raises(InvalidDataError, match="2 entries for 3 lines"):
        plots.interpolation_grid(fitted, z[:3], z[3:], ["few", "few"])
    with pytest.raises(InvalidTypeError, match="dict"):
        plots.interpolation_grid({}, z[:2], z[3:5])


# ---- nearest latents --------------------------------------------------------------------------


def test_the_latents_of_a_sample_are_found(of_architecture):
    X, y, _ = of_architecture.sample(4, random_state=0, return_latents=True)
    drawn, before = of_architecture.nearest_latents(X, y, steps=0)
    found, after = of_architecture.nearest_latents(X, y, steps=60)
    assert found.shape == drawn.shape == (4, 4) and after.shape == (4,)
    assert (after <= before).all() and after.mean() < 0.7 * before.mean()
    made = of_architecture.sample(latents=found, label=y)[0]
    scale = of_architecture.codec_.scale_.half.mean()
    off = np.sqrt((((made.astype(float) - X) / scale) ** 2).mean(axis=(1, 2, 3)))
    assert np.allclose(off, after, atol=0.02)  # the errors are those of the samples


def test_real_samples_bounded_repeatable_and_unchanged(fitted):
    X = pixels()[:3]
    before = X.copy()
    one, error = fitted.nearest_latents(X, "few", steps=5)
    two, _ = fitted.nearest_latents(X, "few", steps=5)
    assert np.array_equal(one, two) and np.array_equal(X, before) and np.isfinite(error).all()
    other, _ = fitted.nearest_latents(X, "few", steps=5, random_state=1)
    assert not np.array_equal(one, other)
    assert fitted.nearest_latents(X[:0], "few", steps=5)[0].shape == (0, 8)
    signals = series_gan().fit(numpy_rng().normal(size=(60, 2, 20)), Y)
    assert signals.nearest_latents(numpy_rng(1).normal(size=(2, 2, 20)), ["few", "plenty"], steps=3)[0].shape == (2, 4)


# ---- the module -------------------------------------------------------------------------------


CASES = {
    "grey": (pixels(GREY), {}),
    "RGB": (pixels(RGB), {}),
    "channels first": (pixels((3, 9, 12)), {"layout": "NCHW"}),
    "16 bits": (pixels(GREY, np.uint16) * 200, {}),
    "floats": (pixels(GREY, np.float32) / 255, {}),
}


SCOPES = ("conditional", "per class", "no classes")


@cases("architecture", [*IMAGE_ARCHITECTURES])
@cases(("case", "scope"), [(case, scope) for case in CASES for scope in SCOPES[: 3 if case == "RGB" else 1]])
def test_a_module_gives_what_sample_gives(architecture, case, scope):
    X, parameters = CASES[case]
    own = gan(architecture=architecture, **parameters)
    own.fit(X, None if scope == "no classes" else Y, focus="few" if scope == "per class" else None)
    module, z = own.generator_module_, numpy_rng().normal(size=(5, 4)).astype(np.float32)
    index = {"conditional": [0, 1, 0, 1, 1], "per class": [1] * 5, "no classes": [0] * 5}[scope]
    label = ["few", "plenty", "few", "plenty", "plenty"] if scope == "conditional" else None
    wanted, _ = own.sample(latents=z, label=label)
    given = module(torch.from_numpy(z), torch.tensor(index))
    assert given.shape == wanted.shape and not module.training
    assert given.dtype == (
        torch.uint8 if X.dtype == np.uint8 else torch.int32 if X.dtype == np.uint16 else torch.float32
    )
    reach = float(np.ptp(X.astype(np.float64)))
    if X.dtype.kind == "f":
        assert np.abs(given.numpy() - wanted).max() <= 1e-5 * reach
    else:
        assert close(given.numpy(), wanted)
        module.rounded = False
        unrounded = module(torch.from_numpy(z), torch.tensor(index))
        assert unrounded.dtype == torch.float32 and np.abs(unrounded.numpy() - wanted).max() <= 0.5 + 1e-5 * reach


def test_outliers_and_series():
    X = numpy_rng().normal(size=(60, *GREY))
    X[0, 0, 0], X[1, 1, 1] = 1e5, -1e4
    own = gan().fit(X, Y)
    assert own.codec_.scale_.tailed.any()
    z = 3 * numpy_rng().normal(size=(40, 4)).astype(np.float32)
    wanted = own.sample(latents=z, label="few")[0]
    given = own.generator_module_(torch.from_numpy(z), torch.zeros(40, dtype=torch.long)).numpy()
    assert np.allclose(given, wanted, rtol=1e-4, atol=1e-5)
    for shape in ((2, 20), (1, 8, 9, 10)):
        own = series_gan().fit(numpy_rng().normal(size=(60, *shape)) * 50, Y)
        wanted = own.sample(latents=z[:4], label="plenty")[0]
        given = own.generator_module_(torch.from_numpy(z[:4]), torch.ones(4, dtype=torch.long)).numpy()
        assert np.abs(given - wanted).max() <= 1e-5 * np.ptp(wanted)


def test_the_bend_of_a_tail_outside_of_numpy():
    x, y = np.array([1.0, 1.1, 1.2, 1.3]), np.array([0.0, 0.5, 4.0, 9.0])
    at = np.linspace(0.5, 2, 40)
    assert np.allclose(PiecewiseLinear(x, y)(torch.from_numpy(at)).numpy(), np.interp(at, x, y))


def test_a_module_stands_alone(fitted):
    module = fitted.generator_module_
    assert module is not fitted.generator_module_ and not any(p.requires_grad for p in module.parameters())
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
    assert not np.array_equal(fitted.sample(latents=np.ones((1, 8)), label="few")[0], np.zeros((1, *GREY)))
    assert fitted.sample(latents=np.ones((2, 8)), label="few")[0].std() > 0
    assert all(not isinstance(value, ImageGAN) for part in module.modules() for value in vars(part).values())
    latents = torch.zeros(2, 8, requires_grad=True)
    fresh = fitted.generator_module_
    fresh.rounded = False
    fresh(latents, torch.tensor([0, 1])).sum().backward()
    assert latents.grad.abs().sum() > 0
    assert not hasattr(gan(), "generator_module_")


def exported_program(module, z, labels):
    n = torch.export.Dim("n", min=1)
    return torch.export.export(module, (z, labels), dynamic_shapes=({0: n}, {0: n}))


def test_torch_export(of_architecture, tmp_path):
    module = of_architecture.generator_module_
    z, labels = torch.from_numpy(numpy_rng().normal(size=(5, 4)).astype(np.float32)), torch.tensor([0, 1, 0, 1, 1])
    torch.export.save(exported_program(module, z, labels), tmp_path / "generator.pt2")
    again = torch.export.load(tmp_path / "generator.pt2").module()
    for n in (1, 3, 5):
        wanted = of_architecture.sample(latents=z[:n].numpy(), label=np.array(["few", "plenty"])[labels[:n]])[0]
        assert close(again(z[:n], labels[:n]).numpy(), wanted)


# What the others are made of is exported below and by `test_torch_export`; each export takes seconds.
ONE = [pytest.param(name, marks=[pytest.mark.slow] if name != "style" else []) for name in IMAGE_ARCHITECTURES]


@pytest.mark.parametrize("of_architecture", ONE, indirect=True)
def test_onnx(of_architecture, tmp_path):
    check_onnx(of_architecture, tmp_path / "generator.onnx")


@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        (series_gan, (2, 20)),
        pytest.param(gan, GREY, marks=pytest.mark.slow),
        pytest.param(series_gan, (1, 8, 9, 10), marks=pytest.mark.slow),
    ],
)
def test_onnx_of_outliers_series_and_volumes(kind, shape, tmp_path):
    X = numpy_rng().normal(size=(60, *shape))
    X[(0,) * X.ndim] = 1e5
    check_onnx(kind().fit(X, Y), tmp_path / "generator.onnx")


def check_onnx(own, path):
    for name in ("onnx", "onnxscript"):
        pytest.importorskip(name)
    runtime = pytest.importorskip("onnxruntime")
    module = own.generator_module_
    module.rounded = False
    z, labels = torch.from_numpy(numpy_rng().normal(size=(5, 4)).astype(np.float32)), torch.tensor([0, 1, 0, 1, 1])
    wanted, n = module(z, labels).numpy(), torch.export.Dim("n", min=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter
        torch.onnx.export(
            module, (z, labels), str(path), dynamo=True, verbose=False, dynamic_shapes=({0: n}, {0: n}),
            input_names=["latents", "labels"], output_names=["samples"],
        )  # fmt: skip
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for count in (1, 5):
        (given,) = session.run(None, {"latents": z[:count].numpy(), "labels": labels[:count].numpy()})
        assert np.abs(given - wanted[:count]).max() <= 1e-5 * np.ptp(wanted)


# ---- bad input --------------------------------------------------------------------------------

NOT_LATENTS = {
    "one axis": (np.zeros(8), InvalidDataError, "shape"),
    "another length": (np.zeros((2, 7)), InvalidDataError, r"\(n, 8\)"),
    "three axes": (np.zeros((2, 8, 1)), InvalidDataError, "shape"),
    "a number": (3.0, InvalidDataError, "shape"),
    "NaN": (np.full((2, 8), np.nan), InvalidDataError, "finite"),
    "infinity": (np.full((2, 8), np.inf), InvalidDataError, "finite"),
    "too large": (np.full((2, 8), 1e30), InvalidDataError, "normal"),
    "text": (np.full((2, 8), "a"), InvalidTypeError, "numbers"),
    "bool": (np.ones((2, 8), bool), InvalidTypeError, "numbers"),
    "objects": (np.full((2, 8), None), InvalidTypeError, "numbers"),
    "ragged": ([[0.0] * 8, [0.0] * 7], InvalidDataError, "array"),
    "text alone": ("latents", InvalidTypeError, "numbers"),
}


@cases("case", NOT_LATENTS)
def test_what_are_no_latents(fitted, case):
    value, error, words = NOT_LATENTS[case]
    with pytest.raises(error, match=words) as caught:
        fitted.sample(latents=value, label="few")
    assert "latents" in str(caught.value)
    first = value[0] if isinstance(value, np.ndarray) and value.ndim > 1 else value
    if case != "one axis":
        with pytest.raises(GanaugError, match=r"^a"):
            fitted.interpolate(first, np.zeros(8), label="few")


@cases("truncation", [0, -0.5, 1.5, np.nan, np.inf, "0.5", None, [0.5], True])
def test_what_is_no_truncation(fitted, truncation):
    with pytest.raises(GanaugError, match="truncation"):
        fitted.sample(2, truncation=truncation)
    with pytest.raises(GanaugError, match="truncation"):
        fitted.interpolate(np.zeros(8), np.ones(8), label="few", truncation=truncation)


def test_what_does_not_go_together(fitted):
    z = np.zeros((3, 8))
    for arguments, words in [
        ({"latents": z}, "few"),
        ({"latents": z, "label": "none"}, "none"),
        ({"latents": z, "label": ["few"]}, "1 entries for 3"),
        ({"latents": z, "label": ["few", "few", "none"]}, "none"),
        ({"n": 4, "latents": z, "label": "few"}, "leave n out"),
        ({"n": {"few": 3}, "latents": z}, "leave n out"),
        ({"n": 2, "return_latents": "yes"}, "return_latents"),
        ({"n": 2, "return_latents": 1}, "return_latents"),
    ]:
        with pytest.raises(GanaugError, match=words):
            fitted.sample(**arguments)
    for steps in (1, 0, -3, 2.5, "five", None):
        with pytest.raises(GanaugError, match="steps"):
            fitted.interpolate(z[0], z[1], steps, "few")
    for steps in (-1, 2.5, "five", None):
        with pytest.raises(GanaugError, match="steps"):
            fitted.nearest_latents(pixels()[:2], "few", steps=steps)
    for X, y, words in [
        (pixels(RGB)[:2], "few", "shape"),
        (pixels()[:2].astype(float), "few", "dtype"),
        (pixels()[:2], None, "few"),
        (pixels()[:2], ["few"], "2"),
        (pixels()[:2], "none", "none"),
    ]:
        with pytest.raises(GanaugError, match=words):
            fitted.nearest_latents(X, y, steps=1)
    assert "latents" in inspect.signature(fitted.sample).parameters


def test_before_a_fit():
    for call in (
        lambda own: own.sample(latents=np.zeros((1, 4))),
        lambda own: own.interpolate(np.zeros(4), np.ones(4)),
        lambda own: own.nearest_latents(pixels()),
    ):
        with pytest.raises(NotFittedError):
            call(gan())


def test_latents_that_are_returned_are_a_copy(fitted):
    given = numpy_rng().normal(size=(2, 8)).astype(np.float32)
    _, _, kept = fitted.sample(latents=given, label="few", return_latents=True)
    kept[:] = 0
    assert np.array_equal(fitted.latents_, given)


def test_a_module_refuses_classes_and_latents_that_there_are_not(fitted):
    module, z = fitted.generator_module_, torch.zeros(2, 8)
    for odd in (-1, 2):
        with pytest.raises(InvalidDataError, match=f"labels: {odd} is no class; give 0 to 1"):
            module(z, torch.tensor([0, odd]))
    for other in (z.double(), z[:, :5], z[0]):
        with pytest.raises(InvalidDataError, match=r"latents are .*; give torch.float32 of shape \(n, 8\)"):
            module(other, torch.tensor([0, 1]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit.trace is deprecated, and still in use
        traced = torch.jit.trace(module, (z, torch.tensor([0, 1])))
    assert torch.equal(traced(z, torch.tensor([1, 1])), module(z, torch.tensor([1, 1])))


def test_what_latents_do_not_go_with_is_named(fitted):
    for n in (np.array([2, 2]), [2, 2], np.array([2])):
        with pytest.raises(InvalidParameterError, match="n=.*latents has 2 rows; leave n out"):
            fitted.sample(n, latents=np.zeros((2, 8)), label="few")
    with pytest.raises(InvalidParameterError, match="^y=None: .*need a class; give one of"):
        fitted.nearest_latents(pixels()[:2])
