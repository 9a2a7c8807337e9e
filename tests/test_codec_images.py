"""The image codec: networks see (n, C, H, W) in [-1, 1], owners what they gave."""

import copy
import json
import pickle

import numpy as np
import pytest
import torch
from helpers import cases
from PIL import Image
from torchvision import tv_tensors

from ganaug.encoding.image_codec import ImageCodec
from ganaug.encoding.sample_arrays import find_layout
from ganaug.exceptions import InvalidDataError, InvalidParameterError, InvalidTypeError, ModelFileError

DTYPES = ["uint8", "uint16", "int8", "int16", "int32", "int64", "uint64", "bool", "float16", "float32", "float64"]
SHAPES = {
    "NHW": (6, 9, 12),
    "NHWC": (6, 9, 12, 3),
    "NCHW": (6, 3, 9, 12),
    "NHWC grey": (6, 9, 12, 1),
    "NCHW five": (6, 5, 24, 20),
    "NHWC ten": (6, 24, 20, 10),
}
RANGES = {"b": (0, 2), "u": (0, 256), "i": (-100, 101)}


def images(shape, dtype, rng):
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        return (rng.random(shape) * 2 - 0.5).astype(dtype)
    return rng.integers(*RANGES[dtype.kind], size=shape).astype(dtype)


def restored(codec):
    """The codec, through JSON as a model file takes it."""
    config, arrays = codec.get_state()
    return ImageCodec.from_state(json.loads(json.dumps(config)), {k: v.copy() for k, v in arrays.items()})


def same(a, b, atol=0.0):
    assert type(a) is type(b) and a.dtype == b.dtype and a.shape == b.shape
    a, b = (x.double().numpy() if isinstance(x, torch.Tensor) else x.astype(np.float64) for x in (a, b))
    np.testing.assert_allclose(a, b, rtol=0, atol=atol)


@cases("container", ["array", "tensor"])
@cases("shape", SHAPES)
@cases("dtype", DTYPES)
def test_images_come_back(dtype, shape, container, rng):
    X = images(SHAPES[shape], dtype, rng)
    if container == "tensor":
        X = torch.from_numpy(X)
    before = X.copy() if container == "array" else X.clone()
    codec = ImageCodec().fit(X)
    assert codec._layout == shape[:4].strip()
    Z = codec.encode(X)
    n, channels = 6, codec.shape[0]
    assert Z.shape == (n, *codec.shape) and Z.flags.c_contiguous and Z.flags.writeable
    assert Z.dtype == (np.uint8 if dtype in ("uint8", "bool") else np.float32)
    assert codec.width == codec.n_features_ == np.prod(codec.shape) and channels == {"five": 5, "ten": 10}.get(
        shape[5:], 1 if shape in ("NHW", "NHWC grey") else 3
    )
    seen = codec.to_network(torch.from_numpy(Z))
    assert seen.dtype == torch.float32 and float(seen.min()) >= -1 and float(seen.max()) <= 1
    assert float(seen.amin()) == -1 and float(seen.amax()) == 1
    tolerance = {"float16": 1e-3, "float32": 1e-6, "float64": 1e-6}.get(dtype, 0)
    same(codec.decode(Z), before, tolerance)
    same(codec.decode(codec.from_network(seen.numpy())), before, tolerance)
    same(codec.decode(seen), before, tolerance)  # floats of a network, straight
    same(X, before)
    again = restored(codec)
    same(again.decode(Z), codec.decode(Z))
    np.testing.assert_array_equal(again.encode(X), Z)
    assert again.get_state()[0] == codec.get_state()[0]


def test_bfloat16_and_other_byte_orders(rng):
    X = torch.from_numpy(images((4, 3, 8, 8), "float32", rng)).bfloat16()
    back = ImageCodec().fit(X).decode(ImageCodec().fit(X).encode(X))
    assert back.dtype == torch.bfloat16 and torch.equal(back, X)
    big = images((4, 8, 8), "float32", rng).astype(">f4")
    back = restored(ImageCodec().fit(big)).decode(ImageCodec().fit(big).encode(big))
    assert back.dtype == big.dtype
    np.testing.assert_allclose(back, big, atol=1e-6)


@cases("dtype", DTYPES)
def test_whatever_a_network_makes_stays_in_range(dtype, rng):
    X = images((6, 10, 8, 3), dtype, rng)
    codec = ImageCodec().fit(X)
    made = codec.decode(codec.from_network(rng.normal(size=(50, *codec.shape)).astype(np.float32) * 3))
    assert made.dtype == X.dtype and made.shape == (50, 10, 8, 3)
    assert (made.min((0, 1, 2)) == X.min((0, 1, 2))).all() and (made.max((0, 1, 2)) == X.max((0, 1, 2))).all()


def test_integers_are_rounded_and_not_truncated():
    X = np.zeros((2, 8, 8), np.uint8)
    X[1] = 255
    codec = ImageCodec().fit(X)
    halves = np.full((1, 1, 8, 8), 100.6 / 127.5 - 1, np.float32)
    assert (codec.decode(halves) == 101).all() and (codec.from_network(halves) == 101).all()


def test_ranges_are_those_of_each_channel(rng):
    X = rng.random((8, 8, 8, 4)).astype(np.float32) * [1, 100, 1e-3, 0] + [0, 50, -1, 7]
    codec = ImageCodec().fit(X.astype(np.float32))
    Z = codec.encode(X.astype(np.float32))
    assert (Z[:, :3].min((0, 2, 3)) == -1).all() and (Z[:, :3].max((0, 2, 3)) == 1).all()
    assert (Z[:, 3] == 0).all()
    made = codec.decode(rng.normal(size=Z.shape))
    assert (made[..., 3] == 7).all() and made[..., 2].max() <= -0.998
    # a channel that is no longer constant, and values that were never seen, do no harm
    assert np.isfinite(codec.encode(np.full((1, 8, 8, 4), 3e38, np.float32))).all()
    alpha = np.full((2, 8, 8, 2), 255, np.uint8)
    alpha[0, ..., 0] = 0
    codec = ImageCodec("NHWC").fit(alpha)
    assert (codec.to_network(torch.from_numpy(codec.encode(alpha)))[:, 1] == 0).all()
    assert (codec.decode(np.zeros((1, 2, 8, 8)))[..., 1] == 255).all()


def test_extreme_floats(rng):
    X = np.array([-1e300, 1e300, 0.0, 5e-324])[:, None, None] * np.ones((4, 8, 8))
    codec = ImageCodec().fit(X)
    np.testing.assert_allclose(codec.decode(codec.encode(X)), X, rtol=1e-6, atol=1e293)
    tiny = np.array([0.0, 5e-324])[:, None, None] * np.ones((2, 8, 8))
    assert np.isfinite(ImageCodec().fit(tiny).encode(tiny)).all()
    long = rng.random((2, 8, 8)).astype(np.longdouble)
    codec = ImageCodec().fit(long)
    assert codec.decode(codec.encode(long)).dtype == np.longdouble


def test_flat_samples_none_and_halves_decode(rng):
    X = images((3, 8, 9), "uint8", rng)
    codec = ImageCodec().fit(X)
    assert codec.decode(np.zeros((0, codec.width), np.float32)).shape == (0, 8, 9)
    assert codec.encode(X[:0]).shape == (0, 1, 8, 9)
    np.testing.assert_array_equal(codec.decode(codec.encode(X).reshape(3, -1)), X)
    assert codec.decode(torch.zeros(2, 1, 8, 9, dtype=torch.bfloat16)).shape == (2, 8, 9)
    np.testing.assert_array_equal(codec.decode(torch.from_numpy(codec.encode(X))), X)
    with torch.inference_mode():
        assert codec.to_network(torch.from_numpy(codec.encode(X))).shape == (3, 1, 8, 9)


# ------------------------------------------------------------------------------------------ layouts


@cases(
    ("shape", "layout"),
    [
        ((5, 28, 28), "NHW"),
        ((5, 3, 32, 32), "NCHW"),
        ((5, 32, 32, 3), "NHWC"),
        ((5, 1, 8, 8), "NCHW"),
        ((5, 8, 8, 1), "NHWC"),
        ((5, 7, 12, 12), "NCHW"),
        ((5, 16, 64, 64), "NCHW"),
        ((5, 64, 48, 13), "NHWC"),
        ((5, 8, 256, 4), "NHWC"),
    ],
)
def test_layouts_are_found(shape, layout):
    assert find_layout(shape, "auto") == layout


@cases("shape", [(5, 28, 28, 28), (5, 16, 20, 16), (5, 10, 64, 12)])
def test_unclear_layouts_ask(shape):
    with pytest.raises(InvalidDataError, match='layout="NHWC" or layout="NCHW"'):
        ImageCodec().fit(np.zeros(shape, np.uint8))
    for layout, channels in (("NHWC", shape[3]), ("NCHW", shape[1])):
        X = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
        codec = ImageCodec(layout).fit(X)
        assert codec.shape[0] == channels
        np.testing.assert_allclose(codec.decode(codec.encode(X)), X, atol=1e-2)
        assert restored(codec).layout == layout


@cases(
    ("X", "error", "text"),
    [
        (np.zeros((5, 64)), InvalidDataError, r"reshape flat images to \(n, H, W\)"),
        (np.zeros((5, 1, 8, 8, 8)), InvalidDataError, "SeriesGAN"),
        (np.zeros(5), InvalidDataError, "images are"),
        (np.zeros((28, 28, 3)), InvalidDataError, r"28 x 3 pixels \(layout NHW\)"),
        (np.zeros((5, 7, 28)), InvalidDataError, "7 x 28 pixels"),
        (np.zeros((2, 300, 28), np.uint8), InvalidDataError, "300 x 28 .* 8 to 256"),
        (np.zeros((2, 3, 300, 300), np.uint8), InvalidDataError, "300 x 300 pixels .layout NCHW"),
        (np.zeros((2, 5, 6, 3), np.uint8), InvalidDataError, "5 x 6 pixels .layout NHWC"),
        (np.zeros((0, 28, 28)), InvalidDataError, "at least one image"),
        (np.zeros((5, 8, 8, 0)), InvalidDataError, "at least one image"),
        (np.zeros((5, 8, 8), complex), InvalidTypeError, "dtype complex128"),
        (np.full((5, 8, 8), "a"), InvalidTypeError, "booleans, integers or floats"),
        (np.empty((5, 8, 8), object), InvalidTypeError, "different shapes"),
        (np.full((5, 8, 8), 2**60), InvalidDataError, r"2\*\*53"),
        (np.ma.zeros((5, 8, 8)), InvalidTypeError, "masked array"),
        (torch.zeros(5, 8, 8).to_sparse(), InvalidTypeError, "cannot read images from a tensor"),
        (torch.zeros(5, 8, 8, dtype=torch.complex64), InvalidTypeError, "complex64"),
        ("folder", InvalidTypeError, "'str'"),
        (None, InvalidTypeError, "'NoneType'"),
        ([], InvalidDataError, "no images"),
        (["a.png", "b.png"], InvalidTypeError, "item 0 is a str"),
    ],
)
def test_what_is_no_images_says_so(X, error, text):
    with pytest.raises(error, match=text):
        ImageCodec().fit(X)


@cases(
    ("layout", "shape", "text"),
    [
        ("NHCW", (5, 3, 8, 8), '"NHW", "NHWC" or "NCHW"'),
        (None, (5, 3, 8, 8), "layout=None"),
        ("NCHW", (5, 8, 8), "needs 4 dimensions"),
        ("NHW", (5, 3, 8, 8), "needs 3 dimensions"),
        ("NHWC", (5, 3, 32, 32), "3 x 32 pixels .layout NHWC"),
    ],
)
def test_wrong_layouts(layout, shape, text):
    with pytest.raises((InvalidParameterError, InvalidDataError), match=text):
        ImageCodec(layout).fit(np.zeros(shape, np.uint8))


@cases(("value", "word"), [(np.nan, "NaN"), (np.inf, "infinity"), (1e305, "the value 1e\\+305")])
@cases("n", [5, 700])
def test_images_that_are_not_finite_are_named(value, word, n):
    X = np.zeros((n, 8, 8, 3))
    X[n - 2, 3, 1, 2] = value
    with pytest.raises(InvalidDataError, match=rf"contains {word}: image {n - 2} at \(3, 1, 2\)"):
        ImageCodec().fit(X)
    with pytest.raises(InvalidDataError, match=f"image {n - 2}"):
        ImageCodec().fit(np.random.default_rng(0).random((n, 8, 8, 3))).encode(X)


# ------------------------------------------------------------------------------------------ encode after fit


@cases(
    ("fitted", "given", "text"),
    [
        (np.zeros((3, 9, 9, 3), "u1"), np.zeros((3, 9, 8, 3), "u1"), r"shape \(3, 9, 8, 3\).*\(n, 9, 9, 3\)"),
        (np.zeros((3, 9, 9, 3), "u1"), np.zeros((3, 3, 9, 9), "u1"), "channels stand elsewhere, transpose X to NHWC"),
        (np.zeros((3, 9, 9, 3), "u1"), np.zeros((3, 9, 9), "u1"), "layout NHWC"),
        (np.zeros((3, 9, 9), "u1"), np.zeros((3, 9, 9, 1), "u1"), "layout NHW"),
        (np.zeros((3, 9, 9), "u1"), np.zeros((9, 9), "u1"), "layout NHW"),
        (np.zeros((3, 9, 9), "u1"), np.zeros((3, 9, 9)), r"float64 \(float\), but MyGAN was fitted on uint8"),
        (np.zeros((3, 9, 9)), np.zeros((3, 9, 9), "u1"), r"uint8 \(integer\), but MyGAN was fitted on float64"),
        (np.zeros((3, 9, 9), bool), np.zeros((3, 9, 9), "u1"), r"fitted on bool \(boolean\)"),
        (np.zeros((3, 9, 9), "u1"), np.full((3, 9, 9), 256), "dtype int64, but MyGAN was fitted on uint8"),
        (np.zeros((3, 9, 9), "u1"), np.full((3, 9, 9), -1), "rescale X to uint8"),
        (np.zeros((3, 9, 9), "u2"), np.zeros((3, 9, 9), "u1"), "rescale X to uint16"),
    ],
)
def test_images_unlike_those_of_fit(fitted, given, text):
    with pytest.raises(InvalidDataError, match=text):
        ImageCodec().fit(fitted).encode(given, owner="MyGAN")


def test_other_containers_and_harmless_dtypes_encode(rng):
    X = images((4, 8, 9, 3), "uint8", rng)
    codec = ImageCodec().fit(X)
    Z = codec.encode(X)
    for given in (
        torch.from_numpy(X),
        list(X),
        X.astype(np.int64),
        [Image.fromarray(x) for x in X],
        np.asfortranarray(X),
    ):
        np.testing.assert_array_equal(codec.encode(given), Z)
    X = images((4, 8, 9), "float32", rng)
    np.testing.assert_array_equal(ImageCodec().fit(X).encode(X.astype(np.float64)), ImageCodec().fit(X).encode(X))


def test_read_only_maps_and_views_are_copied(tmp_path, rng):
    X = images((4, 3, 8, 8), "uint8", rng)
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    Z = ImageCodec().fit(mapped).encode(mapped)
    torch.from_numpy(Z).zero_()  # warns of a read-only array
    np.testing.assert_array_equal(mapped, X)


# ------------------------------------------------------------------------------------------ lists, pictures


def test_lists_are_stacked(rng):
    X = images((5, 8, 9, 3), "uint8", rng)
    for items in (list(X), tuple(X), [Image.fromarray(x) for x in X], [x.tolist() for x in X]):
        codec = ImageCodec().fit(items)
        back = codec.decode(codec.encode(items))
        assert isinstance(back, np.ndarray) and back.shape == X.shape and (back == X).all()
    tensors = [tv_tensors.Image(torch.from_numpy(x).permute(2, 0, 1)) for x in X]
    codec = ImageCodec().fit(tensors)
    back = codec.decode(codec.encode(tensors))
    assert type(back) is torch.Tensor and back.dtype == torch.uint8 and back.shape == (5, 3, 8, 9)
    assert type(codec.decode(codec.encode(tv_tensors.Image(torch.stack(tensors))))) is torch.Tensor


@cases(
    ("mode", "dtype", "channels"),
    [
        ("1", "bool", 0),
        ("L", "uint8", 0),
        ("RGB", "uint8", 3),
        ("RGBA", "uint8", 4),
        ("CMYK", "uint8", 4),
        ("LA", "uint8", 2),
        ("I;16", "uint16", 0),
        ("I", "int32", 0),
        ("F", "float32", 0),
        ("P", "uint8", 3),
    ],
)
def test_modes_of_pictures(mode, dtype, channels):
    ramp = Image.fromarray(np.arange(0, 240, 2, dtype=np.uint8).reshape(10, 12))
    picture = Image.fromarray(np.asarray(ramp).astype(np.uint16)) if mode == "I;16" else ramp.convert(mode)
    assert picture.mode == mode
    codec = ImageCodec().fit([picture, picture])
    back = codec.decode(codec.encode([picture]))
    assert back.dtype == dtype and back.shape == (1, 10, 12, *([channels] if channels else []))
    expected = np.asarray(picture.convert("RGB") if mode == "P" else picture)
    np.testing.assert_allclose(back[0], expected, atol=1e-4)


def test_mixed_lists_name_both():
    grey, wide = Image.new("L", (9, 8)), Image.new("L", (10, 8))
    cases = [
        ([grey, grey, wide], "item 0 is 8 x 9 L, item 2 is 8 x 10 L; resize with torchvision.transforms.v2.Resize"),
        ([grey, grey.convert("RGB")], r"item 0 is 8 x 9 L, item 1 is 8 x 9 RGB; make all of one mode.*convert\("),
        ([np.zeros((8, 8), "u1"), np.zeros((8, 8))], "item 1 is an array of shape .* dtype float64"),
        ([torch.zeros(3, 8, 8), torch.zeros(1, 8, 8)], r"tensor of shape \(1, 8, 8\).*; make all of one mode"),
        ([torch.zeros(3, 8, 8), torch.zeros(3, 8, 9)], r"tensor of shape \(3, 8, 9\).*; resize"),
        ([np.zeros((9, 8, 3)), np.zeros((8, 8, 3))], r"array of shape \(8, 8, 3\).*; resize"),
        ([grey, np.zeros((8, 9), "u1")], "item 1 is an array"),
        ([[[1, 2], [3]]], "rows differ in length"),
    ]
    for items, text in cases:
        with pytest.raises(InvalidDataError, match=text):
            ImageCodec().fit(items)
    with pytest.raises(InvalidTypeError, match="item 0 is a str; .*open paths with PIL.Image.open, or give the folder"):
        ImageCodec().fit(["a.png", "b.png"])


# ------------------------------------------------------------------------------------------ decode, state


@cases(
    "samples",
    [np.zeros((2, 3, 8, 8)), np.zeros((2, 8, 8)), np.zeros(64), np.zeros((2, 65)), np.full((2, 1, 8, 8), "a")],
)
def test_wrong_samples_are_refused(samples):
    codec = ImageCodec().fit(np.zeros((2, 8, 8), np.uint8))
    for read in (codec.decode, codec.from_network):
        with pytest.raises(InvalidDataError, match=r"cannot decode .* \(n, 1, 8, 8\)"):
            read(samples)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_diverged_samples_are_refused(dtype):
    codec = ImageCodec().fit(np.zeros((2, 8, 8), dtype))
    samples = np.zeros((3, 1, 8, 8), np.float32)
    samples[1, 0, 2, 2] = np.nan
    for read in (codec.decode, codec.from_network):
        with pytest.raises(InvalidDataError, match=r"NaN \(sample 1\).*diverged"):
            read(samples)


def test_codecs_travel(rng):
    X = images((4, 3, 8, 8), "float64", rng)
    codec = ImageCodec().fit(X)
    codec.to_network(torch.from_numpy(codec.encode(X)))
    for again in (pickle.loads(pickle.dumps(codec)), copy.deepcopy(codec)):
        np.testing.assert_array_equal(again.decode(codec.encode(X)), codec.decode(codec.encode(X)))
    assert ImageCodec("NCHW").layout == pickle.loads(pickle.dumps(ImageCodec("NCHW"))).layout
    _, arrays = codec.get_state()
    assert sum(a.size for a in arrays.values()) == 6  # a range for each channel, no training image


@cases(
    "change",
    [
        {"version": 2},
        {"version": "1"},
        {"version": None},
        {"shape": [3, 8]},
        {"shape": [3, 8, 7]},
        {"shape": [3, 8, 257]},
        {"shape": [0, 8, 8]},
        {"shape": [3, 8, 8.0]},
        {"shape": [True, 8, 8]},
        {"shape": None},
        {"shape": [2, 8, 8]},
        {"shape": [10**9, 8, 8]},
        {"layout": "NHW"},
        {"layout": "NWHC"},
        {"layout": ["NCHW"]},
        {"asked": "NHWC"},
        {"asked": 3},
        {"dtype": "<U3"},
        {"dtype": "object"},
        {"dtype": "<f9"},
        {"dtype": 5},
        {"dtype": "bfloat16"},
        {"dtype": "|b1"},
        {"tensor": 1},
        {"tensor": None},
        {"low": None},
        {"low": np.zeros(2)},
        {"low": np.zeros(3, np.float32)},
        {"low": np.full(3, np.nan)},
        {"low": np.full(3, 300.0)},
        {"low": np.full(3, -1.0)},
        {"low": np.full(3, 0.5)},
        {"high": np.full(3, 256.0)},
        {"high": np.full(3, np.inf)},
    ],
)
def test_altered_states_are_refused(change, rng):
    config, arrays = ImageCodec().fit(images((4, 3, 8, 8), "uint8", rng)).get_state()
    for key, value in change.items():
        target = arrays if key in arrays else config
        target[key] = value
        if value is None:
            del target[key]
    with pytest.raises(ModelFileError):
        ImageCodec.from_state(config, arrays)


@cases("name", ["usps", "fashion_mnist", "cifar10", "pneumoniamnist", "caltech101_64"])
def test_real_images(name, shared_data):
    X = shared_data.load_images(name)[0][:500]
    codec = ImageCodec().fit(X)
    Z = codec.encode(X)
    assert Z.dtype == np.uint8 and codec._layout == ("NHW" if X.ndim == 3 else "NHWC")
    np.testing.assert_array_equal(codec.decode(codec.from_network(codec.to_network(torch.from_numpy(Z)))), X)
    unit = (X / 255).astype(np.float32)
    codec = ImageCodec().fit(unit)
    np.testing.assert_allclose(codec.decode(codec.encode(unit)), unit, atol=1e-6)
