"""Folders of images stay what they were: modes, names, links, counts, and what is said of the rest."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import cases
from PIL import Image
from torch.utils.data import Dataset

import ganaug.estimators
from ganaug import BlendedDataset, GANOversampler, ImageGAN, SeriesGAN, SmoothedBootstrap, balance, load
from ganaug.cli import image_folders, main
from ganaug.encoding.image_codec import ImageCodec
from ganaug.encoding.pil_images import array_to_pil, file_format, mode_of_array, pil_to_array
from ganaug.encoding.sources import list_folder, read_folder, resolve_samples
from ganaug.exceptions import DataWarning, InvalidDataError

TINY = ["--max-steps", "3", "--seed", "0", "--set", "channels=2", "--set", "max_channels=4", "--set", "batch_size=4"]
# mode -> the numbers of a red pixel, as its file has them
RED = {
    "1": (1,),
    "L": (76,),
    "LA": (76, 250),
    "RGB": (240, 10, 10),
    "RGBA": (240, 10, 10, 250),
    "CMYK": (0, 240, 240, 5),
    "YCbCr": (76, 90, 240),
    "LAB": (136, 208, 195),
    "HSV": (0, 240, 240),
    "I;16": (40_000,),
    "I": (70_000,),
    "F": (0.25,),
}
WIDE = {"I;16": 500, "I": 500, "F": 0.01}  # how far pixels lie from it; 8 elsewhere
FILES = [
    *[(mode, "png", mode) for mode in ("1", "L", "LA", "RGB", "RGBA", "I;16")],
    *[(mode, "tif", mode) for mode in ("1", "I;16", "I", "F", "CMYK", "YCbCr", "LAB")],
    ("CMYK", "jpg", "CMYK"),
    ("RGB", "jpg", "RGB"),
    ("RGB", "webp", "RGB"),
    ("L", "pgm", "L"),
    ("P", "png", "RGB"),
    ("P", "gif", "RGB"),
    ("P", "bmp", "RGB"),
]


def red(mode, rng, size=(10, 8)):
    """A noisy red image of a mode; of a palette's too."""
    if mode in ("P", "PA", "La", "RGBa", "RGBX"):
        return red({"La": "LA", "RGBa": "RGBA"}.get(mode, "RGB"), rng, size).convert(mode)
    shape = (size[1], size[0], len(RED[mode]))
    if mode == "1":
        return Image.fromarray(rng.random(shape[:2]) < 0.9)
    noise = rng.uniform(-1, 1, shape) * WIDE.get(mode, 8)
    values = np.array(RED[mode]) + noise
    if mode in WIDE:
        dtype = {"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]
        return Image.fromarray(values[..., 0].astype(dtype))
    if mode == "HSV":
        values[..., 0] %= 256
    pixels = np.clip(values, 0, 255).astype(np.uint8)
    return array_to_pil(pixels, mode) if mode != "HSV" else Image.frombytes("HSV", size, pixels.tobytes())


def save(image, path, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    quality = {"quality": 95} if path.suffix in (".jpg", ".webp") else {}
    image.save(path, **quality, **options)
    return path


def reds(root, mode="RGB", suffix="png", counts=(("many", 16), ("few", 13)), seed=0):
    rng = np.random.default_rng(seed)
    for name, n in counts:
        for i in range(n):
            save(red(mode, rng), root / name / f"{i:02d}.{suffix}")
    return root


def opened(path):
    with Image.open(path) as image:
        image.load()
        return image


def contents(root):
    return {str(file.relative_to(root)): file.read_bytes() for file in sorted(Path(root).rglob("*")) if file.is_file()}


class Even:
    """A generator of images that are the mean of their class."""

    def __init__(self, max_steps=1, max_time=None, device="auto", random_state=None, verbose=False):
        vars(self).update(max_steps=max_steps, max_time=max_time, device=device)
        vars(self).update(random_state=random_state, verbose=verbose)

    def get_params(self, deep=True):
        return {name: value for name, value in vars(self).items() if not name.endswith("_")}

    def set_params(self, **given):
        vars(self).update(given)
        return self

    def __sklearn_clone__(self):
        return Even(**self.get_params())

    def fit(self, X, y, focus=None):
        self.means_ = {label: X[y == label].mean(0).astype(X.dtype) for label in np.unique(y)}
        return self

    def sample(self, n, label=None, random_state=None):
        return np.repeat(self.means_[label][None], n, axis=0), np.full(n, label)


@pytest.fixture
def even(monkeypatch):
    monkeypatch.setattr("ganaug.estimators.ImageGAN", Even)


def run(capsys, *words, code=0):
    capsys.readouterr()
    assert main([str(word) for word in words]) == code, capsys.readouterr().err
    return capsys.readouterr().err


# ------------------------------------------------------------------------------------------ modes


@cases(("mode", "suffix", "made"), FILES)
def test_red_stays_red_in_every_mode(here, capsys, mode, suffix, made):
    before = contents(reds(here / "in", mode, suffix))
    err = run(capsys, "resample", "in", "-o", "out", *TINY)
    assert ("mode P are converted to RGB" in err) == (mode == "P") and err.count("warning") == (mode == "P")
    after = contents("out")
    assert before.items() <= after.items() and len(after) == 32
    real = np.stack([pil_to_array(opened(file).convert("RGB") if mode == "P" else opened(file))[0]
                     for file in sorted((here / "in").rglob("*." + suffix))])  # fmt: skip
    for i in (1, 2, 3):
        file = here / "out" / "few" / f"synthetic-{i:06d}{file_format(made)[1]}"
        image = opened(file)
        assert image.mode == made and image.size == (10, 8)
        pixels, _ = pil_to_array(image)
        assert pixels.dtype == real.dtype and pixels.shape == real.shape[1:]
        assert (pixels >= real.min((0, 1, 2))).all() and (pixels <= real.max((0, 1, 2))).all()


@cases("mode", [*RED, "P", "PA", "La", "RGBa", "RGBX"])
def test_arrays_and_pictures_of_every_mode(mode):
    image = red(mode, np.random.default_rng(0))
    array, learnt = pil_to_array(image)
    again = array_to_pil(array, mode)
    assert again.mode == mode and again.size == image.size
    both = [one.convert("LA") if mode == "La" else one for one in (again, image)]
    rgb = [np.asarray(one.convert("RGB"), np.int16) for one in both] if mode != "LAB" else []
    tolerance = {"P": 12, "HSV": 7}.get(mode, 1)
    assert not rgb or mode in ("I", "F", "I;16") or np.abs(rgb[0] - rgb[1]).max() <= tolerance
    if mode == learnt:
        assert np.array_equal(np.asarray(again), np.asarray(image))
    if mode == "HSV":  # hue is a circle: the mean of two reds must be red
        assert np.abs(array.mean((0, 1)) - [240, 15, 15]).max() < 12
    if mode == "LAB":  # a and b around neutral grey lie side by side
        grey = pil_to_array(Image.frombytes("LAB", (2, 1), bytes([50, 1, 255, 50, 255, 1])))[0]
        assert grey[0, :, 1:].tolist() == [[129, 127], [127, 129]]


def test_neutral_lab_images_stay_neutral(here, capsys):
    rng = np.random.default_rng(0)
    for name, n in (("many", 16), ("few", 13)):
        for i in range(n):
            ab = rng.integers(-2, 3, (8, 10, 2)).astype(np.int8).view(np.uint8)
            lab = np.concatenate([rng.integers(90, 110, (8, 10, 1), dtype=np.uint8), ab], axis=2)
            save(Image.frombytes("LAB", (10, 8), lab.tobytes()), here / "in" / name / f"{i}.tif")
    run(capsys, "resample", "in", "-o", "out", *TINY)
    found = np.asarray(opened("out/few/synthetic-000001.tif")).view(np.int8)
    assert np.abs(found[..., 1:]).max() <= 2


@cases(
    ("array", "mode"),
    [
        (np.zeros((8, 9), bool), "1"),
        (np.zeros((8, 9), np.uint16), "I;16"),
        (np.full((8, 9), -1024, np.int16), "I"),
        (np.zeros((8, 9, 1), np.float64), "F"),
        (np.zeros((8, 9, 2), np.uint8), "LA"),
        (np.zeros((8, 9, 5), np.uint8), "no image file holds pixels of uint8, 5 channel"),
        (np.zeros((8, 9, 3), np.float32), "no image file holds pixels of float32, 3 channel"),
        (np.full((8, 9), 2**40), "no image file holds pixels of int64, grey"),
    ],
)
def test_modes_of_arrays(array, mode):
    if len(mode) > 5:
        with pytest.raises(InvalidDataError, match=mode):
            mode_of_array(array)
        return
    assert mode_of_array(array) == mode and array_to_pil(array).mode == mode


def test_an_array_that_is_not_of_the_mode_is_refused():
    with pytest.raises(InvalidDataError, match=r"shape \(8, 9, 3\) make no image of mode CMYK"):
        array_to_pil(np.zeros((8, 9, 3), np.uint8), "CMYK")
    with pytest.raises(InvalidDataError, match="float32 make no image of mode L; it holds uint8"):
        array_to_pil(np.zeros((8, 9), np.float32), "L")
    with pytest.raises(InvalidDataError, match="mode HSV are held by no file format"):
        file_format("HSV")


def test_transparency_of_palettes_and_of_single_colours(here):
    rng = np.random.default_rng(0)
    root = reds(here / "in", counts=(("a", 2),))
    for i, mode in enumerate(["P", "P", "RGBA"]):
        image = red(mode, rng) if mode == "RGBA" else red("RGB", rng).quantize(8)
        save(image, root / "b" / f"{i}.png", **({"transparency": 0} if i == 0 else {}))
    for file in (root / "a").iterdir():
        file.unlink()
        save(red("RGB", rng), file, transparency=(240, 10, 10))
    with pytest.warns(DataWarning) as said:
        found = read_folder(root)
    assert found.mode == "RGBA" and found.images.shape == (5, 8, 10, 4)
    assert (found.images[2, ..., 3] == 0).any() and (found.images[3, ..., 3] == 255).all()
    texts = [str(one.message) for one in said]
    assert any("2 image(s) of mode P are converted to RGBA" in text and "0.png" in text for text in texts)
    assert any("2 image(s) of mode RGB are converted to RGBA" in text for text in texts)


def test_one_bit_images_become_grey_where_they_are_resized(here):
    root = reds(here / "in", "1")
    save(red("1", np.random.default_rng(1), (20, 16)), root / "few" / "large.png")
    with pytest.warns(DataWarning, match=r"30 image\(s\) of mode 1 are converted to L"):
        found = read_folder(root, (8, 10))
    assert found.mode == "L" and found.images.dtype == np.uint8


def test_mixed_modes_are_refused_with_their_names(here, capsys):
    root = reds(here / "in")
    save(red("CMYK", np.random.default_rng(0)), root / "few" / "odd.jpg")
    err = run(capsys, "resample", "in", "-o", "out", *TINY, code=1)
    assert "few/00.png is 8 x 10 RGB" in err and "odd.jpg is 8 x 10 CMYK" in err and 'convert("RGB")' in err
    save(opened(root / "few" / "odd.jpg").convert("RGB"), root / "few" / "odd.jpg")  # as advised
    assert len(contents(root)) == 30 and run(capsys, "resample", "in", "-o", "out", *TINY) == ""


@cases("orientation", range(1, 9))
def test_images_are_read_upright(here, orientation):
    upright = np.zeros((8, 12), np.uint8)
    upright[:3, :5] = 255  # bright in the upper left corner
    lying = {1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1], 5: upright.T,
             6: upright.T[::-1], 7: upright[::-1, ::-1].T, 8: upright.T[:, ::-1]}[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    for i in range(3):
        save(Image.fromarray(np.ascontiguousarray(lying)), here / "in" / "a" / f"{i}.png", exif=exif)
    images = read_folder(here / "in").images
    assert images.shape == (3, 8, 12) and (images == upright).all()


@cases("suffix", ["gif", "webp", "png", "tif"])
def test_of_animations_the_first_frame_is_read(here, suffix):
    first = Image.new("RGB", (10, 8), (240, 10, 10))
    place = here / "in" / "a" / f"x.{suffix}"
    place.parent.mkdir(parents=True)
    options = {"lossless": True} if suffix == "webp" else {}
    first.save(place, save_all=True, append_images=[Image.new("RGB", (10, 8), c) for c in ("blue", "green")], **options)
    with pytest.warns(DataWarning) as said:
        found = read_folder(here / "in")
    assert any("of 1 animation(s) or files of several pages only the first is read: " in str(w.message) for w in said)
    assert np.abs(found.images[0].astype(int) - [240, 10, 10]).max() < 5


def deep_png(height, width):
    """16 bits for each of three colours."""
    rows = b"".join(b"\0" + bytes(range(6 * width)) for _ in range(height))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("name", ["x.png", "x.ppm"])
def test_colours_of_16_bits(here, name):
    place = here / "in" / "a" / name
    place.parent.mkdir(parents=True)
    place.write_bytes(deep_png(8, 10) if name == "x.png" else b"P6 10 8 65535\n" + bytes(480))
    with pytest.warns(DataWarning, match=r"1 image\(s\) have colours of 16 bits, of which pillow reads 8"):
        assert read_folder(here / "in").images.dtype == np.uint8


def test_a_common_colour_profile_is_kept(here, even, capsys):
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    root = reds(here / "in")
    for file in root.rglob("*.png"):
        save(opened(file), file, icc_profile=profile)
    run(capsys, "resample", "in", "-o", "out", "--max-steps", 1)
    assert opened("out/few/synthetic-000001.png").info["icc_profile"] == profile


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_floats_that_are_not_finite_are_named(here, capsys, bad):
    root = reds(here / "in", "F", "tif")
    pixels = np.full((8, 10), 0.5, np.float32)
    pixels[3, 4] = bad
    save(Image.fromarray(pixels), root / "few" / "hole.tif")
    err = run(capsys, "resample", "in", "-o", "out", *TINY, code=1)
    assert "few/hole.tif holds NaN or infinity" in err and err.count("\n") == 1


def test_what_cannot_be_written_is_refused_before_the_training(here, capsys, monkeypatch):
    def broken(array, mode, profile=None):
        return b"no image"

    monkeypatch.setattr("ganaug.encoding.pil_images.pil_file_bytes", broken)
    monkeypatch.setattr(ImageGAN, "fit", lambda *_: pytest.fail("trained"))
    reds(here / "in", "LAB", "tif")
    err = run(capsys, "resample", "in", "-o", "out", *TINY, code=1)
    assert "in/few/00.tif: images of mode LAB cannot be written as they are" in err and "to RGB" in err
    assert not Path("out").exists()


# ------------------------------------------------------------------------------------------ models


def test_a_saved_model_knows_the_mode(here, capsys):
    reds(here / "in", "CMYK", "jpg")
    run(capsys, "fit", "in", "-o", "a.safetensors", *TINY)
    ImageGAN(max_steps=2, channels=2, max_channels=4, batch_size=4, random_state=0).fit("in").save("b.safetensors")
    pictures = [opened(file) for file in sorted(Path("in").rglob("*.jpg"))]
    gan = ImageGAN(max_steps=2, channels=2, max_channels=4, batch_size=4, random_state=0)
    gan.fit(pictures, ["few"] * 13 + ["many"] * 16).save("c.safetensors")
    for model in "abc":
        assert run(capsys, "sample", f"{model}.safetensors", "-n", 3, "--label", "few", "-o", model, "--seed", 1) == ""
        files = sorted(Path(model).rglob("*"))
        assert [file.name for file in files] == ["few", *(f"synthetic-{i:06d}.tif" for i in (1, 2, 3))]
        assert {opened(file).mode for file in files[1:]} == {"CMYK"}
    assert load("b.safetensors").codec_.mode == "CMYK"
    gan.fit(np.stack([np.asarray(one) for one in pictures]), ["few"] * 13 + ["many"] * 16).save("d.safetensors")
    err = run(capsys, "sample", "d.safetensors", "-n", 3, "-o", "d", "--seed", 1)
    assert "d.safetensors does not say what its four channels are; they are written as RGBA" in err


@pytest.mark.parametrize("shape", [(12, 8, 8, 5), (12, 3, 8, 8)])
def test_models_whose_images_no_file_holds(here, capsys, shape):
    X = np.random.default_rng(0).random(shape).astype(np.float32)
    ImageGAN(max_steps=2, channels=2, max_channels=4, batch_size=4, random_state=0).fit(X).save("m")
    err = run(capsys, "sample", "m", "-n", 3, "-o", "out", code=1)
    assert "m: its images cannot be written: no image file holds pixels of float32" in err and err.count("\n") == 1
    assert not Path("out").exists()


def test_labels_that_no_folder_can_have_and_modes_that_do_not_fit(here, capsys):
    from ganaug.cli.console import save_model

    X = np.random.default_rng(0).integers(0, 256, (26, 8, 8), dtype=np.uint8)
    gan = ImageGAN(max_steps=2, channels=2, batch_size=4, random_state=0).fit(X, ["x" * 400] * 13 + ["a/b"] * 13)
    gan.save("m")
    err = run(capsys, "sample", "m", "-n", 4, "-o", "out", code=1)
    assert "can have no folder there: File name too long; nothing was written" in err and not Path("out").exists()
    err = run(capsys, "sample", "m", "-n", 4, "--label", "a/b", "-o", "out")  # the rest works
    assert os.listdir("out") == ["a_b"] and "class 'a/b' are in the folder 'a_b'" in err
    for i, mode in enumerate(["CMYK", "nonsense", ["L"], 3]):
        save_model(gan, f"m{i}", {"mode": mode})
        assert "does not fit images of 1 channel(s)" in run(capsys, "sample", f"m{i}", "-n", 4, "-o", "no", code=1)


@cases(("dtype", "mode"), [("uint16", "I;16"), ("float32", "F"), ("int16", "I"), ("bool", "1")])
def test_grey_models_of_every_dtype(here, capsys, dtype, mode):
    X = (np.random.default_rng(0).random((12, 8, 9)) * 2 + 0.4).astype(dtype)
    gan = ImageGAN(max_steps=2, channels=2, max_channels=4, batch_size=4, random_state=0).fit(X, ["N.O.S."] * 12)
    gan.save("m")
    run(capsys, "sample", "m", "-n", 3, "-o", "out", "--seed", 0)
    files = sorted(Path("out/N.O.S.").iterdir())
    made = next(gan.iter_samples(3, random_state=0))[0]
    assert {opened(file).mode for file in files} == {mode} and len(files) == 3
    np.testing.assert_array_equal(np.stack([np.asarray(opened(file)) for file in files]), made)


# ------------------------------------------------------------------------------------------ names and numbers


ODD = ["carcinoma N.O.S.", "carcinoma N.O.S", "ends in a space ", "grün 100%", "GRÜN 100%", "a\\b:c*", "x" * 250,
       "synthetic-000001.png", "-o", "日本", "~", "con"]  # fmt: skip


def test_names_are_never_changed(here, even, capsys):
    counts = [(name, 12 + (i == 0)) for i, name in enumerate(ODD)]
    before = contents(reds(here / "in", counts=counts))
    run(capsys, "resample", "in", "-o", "out", "--max-steps", 1)
    assert sorted(os.listdir("out")) == sorted(ODD)
    after = contents("out")
    added = {str(Path(name) / "synthetic-000001.png") for name in ODD[1:]}
    assert before.items() <= after.items() and after.keys() - before.keys() == added
    few = '{"carcinoma N.O.S.": 15}'
    run(capsys, "resample", "in", "-o", "more", "--max-steps", 1, "--strategy", few)
    assert len(os.listdir("more/carcinoma N.O.S.")) == 15 and len(os.listdir("more/carcinoma N.O.S")) == 12


def test_names_that_are_no_text(here, even, capsys):
    root = os.fsencode(reds(here / "in"))
    os.rename(root + b"/few/00.png", root + b"/few/\xff.png")  # a file may have any name
    run(capsys, "resample", "in", "-o", "out", "--max-steps", 1)
    assert b"\xff.png" in os.listdir(b"out/few") and len(os.listdir("out/few")) == 16
    os.rename(root + b"/few", root + b"/\xff\xfe")  # a class may not: it is a label, which models and tables hold
    err = run(capsys, "resample", "in", "-o", "more", "--max-steps", 1, code=1)
    assert r"the class folder '\udcff\udcfe' of in has a name that is no text (UTF-8); rename it" in err
    os.rename(root + b"/\xff\xfe", root + b"/few")
    run(capsys, "resample", "in", "-o", "more", "--max-steps", 1)


def test_an_earlier_output_is_not_overwritten(here, even, capsys):
    reds(here / "in", counts=(("many", 16), ("few", 13)))
    run(capsys, "resample", "in", "-o", "r1", "--max-steps", 1)
    save(red("RGB", np.random.default_rng(0)), here / "r1" / "many" / "new.png")
    before = contents("r1")
    err = run(capsys, "resample", "r1", "-o", "r2", "--max-steps", 1)
    assert "3 file(s) of r1 are named as synthetic ones of an earlier run and are taken for real images" in err
    after = contents("r2")
    assert before.items() <= after.items() and after.keys() - before.keys() == {"few/synthetic-000004.png"}


@pytest.mark.parametrize("name", ["synthetic-000007.jpg", "SYNTHETIC-7.png", "synthetic-000007.png/x.png"])
def test_numbers_go_on_after_what_is_there(here, even, capsys, name):
    root = reds(here / "in", counts=(("many", 16), ("few", 13)))
    (root / "few" / "00.png").unlink()
    save(red("RGB", np.random.default_rng(0)), root / "few" / name)
    before = contents(root)
    run(capsys, "resample", "in", "-o", "out", "--max-steps", 1)
    after = contents("out")
    assert before.items() <= after.items()
    assert after.keys() - before.keys() == {f"few/synthetic-{i:06d}.png" for i in (8, 9, 10)}


def test_lost_files_are_an_error(here, even, capsys, monkeypatch):
    reds(here / "in")

    def loses(file, path):
        if not path.name.endswith("2.png"):
            path.write_bytes(file)

    monkeypatch.setattr(image_folders, "save_new", loses)
    err = run(capsys, "resample", "in", "-o", "out", "--max-steps", 1, code=1)
    assert "out: the class 'few' has 15 files where 16 were written; nothing was kept" in err
    assert os.listdir() == ["in"]


def test_a_file_that_is_gone_after_the_training_is_named(here, even, capsys, monkeypatch):
    root = reds(here / "in")
    fit = Even.fit

    def fit_and_remove(self, X, y, focus=None):
        (root / "few" / "03.png").unlink(missing_ok=True)
        return fit(self, X, y, focus)

    monkeypatch.setattr(Even, "fit", fit_and_remove)
    err = run(capsys, "resample", "in", "-o", "out", "--max-steps", 1, code=1)
    assert "in/few/03.png: was there when it was read, and is gone; nothing was written" in err
    assert os.listdir() == ["in"]


def test_file_systems_that_do_not_tell_upper_from_lower_case(here, even, capsys, monkeypatch):
    reds(here / "in", counts=(("Cat", 16), ("cat", 13)))
    made, mkdir = set(), Path.mkdir

    def folded(self, *args, **kwargs):
        if self.name.lower() in made:
            raise FileExistsError(17, "File exists")
        made.add(self.name.lower())
        mkdir(self, *args, **kwargs)

    monkeypatch.setattr(Path, "mkdir", folded)
    err = run(capsys, "resample", "in", "-o", "out", "--max-steps", 1, code=1)
    assert "the class 'cat' would share a folder with another one" in err and os.listdir() == ["in"]


@pytest.mark.parametrize(
    ("output", "text"),
    [("in", "the output is the input"), ("in/new", "lie within each other"), ("in/few/new", "lie within each other"),
     (".", "lie within each other"), ("link", "the output is the input"), ("link/x", "lie within each other")],
)  # fmt: skip
def test_outputs_in_and_around_the_input(here, even, capsys, output, text):
    reds(here / "in")
    (here / "link").symlink_to("in")
    assert text in run(capsys, "resample", "in", "-o", output, "--max-steps", 1, code=2)


# ------------------------------------------------------------------------------------------ links and the rest


@pytest.mark.parametrize("link", ["many/self", "self", "many/up", "many/deep/top", "root"])
def test_a_link_to_its_own_folder_is_not_followed(here, even, capsys, link):
    root = reds(here / "in")
    target = {"many/self": root / "many", "self": ".", "many/up": "..", "root": here}.get(link, "../..")
    (root / link).parent.mkdir(exist_ok=True)
    (root / link).symlink_to(target)
    err = run(capsys, "resample", "in", "-o", "out", "--max-steps", 1)
    assert f"1 link(s) to a folder that is read already left out: in/{link}" in err
    assert len(contents("out")) == 32 and sorted(os.listdir("out")) == ["few", "many"]


def test_links_are_followed_once(here):
    root = reds(here / "in", counts=(("many", 3), ("few", 2)))
    outside = reds(here / "outside", counts=(("more", 2),))
    (outside / "more" / "back").symlink_to(outside)  # a loop out there
    (root / "few" / "a").symlink_to(outside / "more")
    (root / "few" / "b").symlink_to(outside / "more")
    (root / "few" / "sub").mkdir()
    save(red("RGB", np.random.default_rng(0)), root / "few" / "sub" / "x.png")
    (root / "few" / "also").symlink_to("sub")
    (root / "class").symlink_to(outside)
    with pytest.warns(DataWarning) as said:
        found = read_folder(root)
    few = [str(file.relative_to(root)) for file in found.files.classes["few"]]
    assert few == ["few/00.png", "few/01.png", "few/a/00.png", "few/a/01.png", "few/sub/x.png"]
    assert len(found.files.classes["class"]) == 2 and len(found.images) == 10
    text = " ".join(str(one.message) for one in said)
    assert "left out" in text and "few/b" in text and "few/also" in text
    assert "2 file(s) stand in two classes, for example" in text and "class/more/00.png" in text


@pytest.mark.parametrize("kind", ["symlink", "hard link"])
def test_one_file_in_two_classes_is_told(here, kind):
    root = reds(here / "in", counts=(("many", 3), ("few", 2)))
    if kind == "symlink":
        (root / "few" / "x.png").symlink_to("../many/00.png")
    else:
        os.link(root / "many" / "00.png", root / "few" / "x.png")
    with pytest.warns(DataWarning, match=r"1 file\(s\) stand in two classes, for example .*few/x.png and .*many/00"):
        assert len(read_folder(root).images) == 6


def test_parts_of_a_set_are_not_taken_for_classes_in_silence(here, recwarn):
    for part, n in {"train": 3, "Test": 1}.items():
        reds(here / "set" / part, counts=(("many", n), ("few", 2)))
    with pytest.warns(DataWarning, match=r"'Test', 'train' of .* give one part, '.*set/train'"):
        assert sorted(read_folder(here / "set").files.classes) == ["Test", "train"]
    recwarn.clear()
    assert sorted(read_folder(here / "set" / "train").files.classes) == ["few", "many"]  # the advice, followed
    reds(here / "flat", counts=(("train", 3), ("test", 2)))  # pictures of trains
    assert len(read_folder(here / "flat").images) == 5 and not recwarn.list


def test_what_is_no_regular_file_is_left_out_with_a_word(here, even, capsys):
    root = reds(here / "in")
    os.mkfifo(root / "few" / "pipe.png")  # to open it would wait for ever
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "few" / "socket.jpg"))
    (root / "few" / "nowhere.png").symlink_to("gone.png")
    (root / "few" / "circle.png").symlink_to("circle.png")
    (root / "lost").symlink_to("gone")
    (root / "few" / "Thumbs.db").write_bytes(b"x")
    (root / "few" / ".DS_Store").write_bytes(b"x")
    (root / "few" / "scan.heic").write_bytes(b"x")
    (root / ".hidden").mkdir()
    save(red("RGB", np.random.default_rng(0)), root / "loose.png")
    err = run(capsys, "resample", "in", "-o", "out", "--max-steps", 1)
    assert "2 no regular file (a pipe, socket or device) left out: in/few/pipe.png, in/few/socket.jpg" in err
    assert "3 link(s) that lead nowhere left out: in/lost, in/few/circle.png, in/few/nowhere.png" in err
    assert "1 image(s) outside of the class folders left out: in/loose.png" in err
    assert "2 file(s) or folder(s) are not copied, hidden (the name begins with a dot): in/.hidden" in err
    assert "2 file(s) or folder(s) are not copied, no image by the ending: in/few/Thumbs.db, in/few/scan.heic" in err
    assert len(contents("out")) == 32
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        read_folder(root)
    assert len(said) == 3  # to learn the images, nobody needs what lies about


@pytest.mark.parametrize("content", [b"", "half"])
def test_empty_and_truncated_files_are_named_before_the_training(here, capsys, monkeypatch, content):
    monkeypatch.setattr(ImageGAN, "fit", lambda *_: pytest.fail("trained"))
    root = reds(here / "in")
    bad = root / "few" / "02.png"
    bad.write_bytes(bad.read_bytes()[:100] if content == "half" else content)
    err = run(capsys, "resample", "in", "-o", "out", *TINY, code=1)
    assert "in/few/02.png cannot be read as an image" in err and "repair or remove it" in err and err.count("\n") == 1


def test_folders_that_cannot_be_listed_are_named(here, capsys, monkeypatch):
    root = reds(here / "in")
    (root / "few" / "locked").mkdir()
    scandir = os.scandir

    def refused(path):
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refused)
    err = run(capsys, "resample", "in", "-o", "out", *TINY, code=1)
    assert "the folder in/few/locked cannot be listed: Permission denied; make it readable" in err


def test_a_class_of_which_all_is_left_out_says_so(here):
    root = reds(here / "in", counts=(("many", 3),))
    (root / "few").mkdir()
    (root / "few" / "x.png").symlink_to("gone.png")
    with pytest.raises(InvalidDataError, match=r"'few' of .* hold no image .*; left out: .*few/x.png"):
        list_folder(root)


# ------------------------------------------------------------------------------------------ balance


class Items(Dataset):
    """Samples and labels, through a transform or as they are."""

    def __init__(self, samples, labels, transform=None):
        self.samples_, self.targets, self.transform = list(samples), list(labels), transform

    def __len__(self):
        return len(self.samples_)

    def __getitem__(self, i):
        sample = self.samples_[i]
        return (sample if self.transform is None else self.transform(sample)), self.targets[i]


LABELS = [0] * 16 + [1] * 13


def tiny(monkeypatch):
    """What `balance` picks is trained for two steps."""
    for name in ("ImageGAN", "SeriesGAN", "TabularGAN"):
        kind = getattr(ganaug.estimators, name)
        small = {} if name == "TabularGAN" else {"channels": 2, "max_channels": 4}
        monkeypatch.setattr(
            f"ganaug.estimators.{name}",
            lambda kind=kind, small=small, **given: kind(
                **{**given, "max_steps": 2, "batch_size": 4, "curate": False, "verbose": False, **small}
            ),
        )


SHAPES = {False: (16, 16), True: (12, 20)}


@cases(
    ("dtype", "tensor"),
    [
        *((dtype, tensor) for dtype in ("uint8", "uint16", "float32") for tensor in (False, True)),
        *[("int16", False), ("int32", True), ("float64", False), ("bool", True)],
    ],
)
def test_balance_takes_grey_images_of_every_dtype_for_images(monkeypatch, dtype, tensor):
    tiny(monkeypatch)
    X = (np.random.default_rng(0).random((29, *SHAPES[tensor])) * 1.9).astype(dtype)
    data = Items([torch.from_numpy(x) for x in X] if tensor else X, LABELS)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        blend = balance(data)
    assert type(blend.generator) is ImageGAN
    sample, label = blend[len(blend) - 1]
    assert type(sample) is type(data[0][0]) and sample.shape == data[0][0].shape and label == 1
    assert sample.dtype == data[0][0].dtype
    texts = [str(one.message) for one in said]
    if dtype == "uint8":
        assert not texts
    else:
        assert len(texts) == 1 and "are taken for grey images, and ImageGAN is trained; if they are not" in texts[0]
        if dtype == "float32":  # as advised
            advised = SeriesGAN(max_steps=2, batch_size=4, channels=2, verbose=False)
            assert type(balance(data, advised).generator) is SeriesGAN


@cases(
    ("shape", "name", "told"),
    [
        ((3, 50), "SeriesGAN", False),
        ((12, 200), "SeriesGAN", False),
        ((16, 40), "SeriesGAN", True),
        ((1, 16), "SeriesGAN", False),
        ((1, 12, 12), "ImageGAN", False),
        ((5,), "TabularGAN", False),
    ],
)
def test_what_balance_picks(monkeypatch, shape, name, told):
    tiny(monkeypatch)
    data = Items(torch.from_numpy(np.random.default_rng(0).random((29, *shape), np.float32)), LABELS)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert type(balance(data).generator).__name__ == name
    assert [("series (channels, length), and SeriesGAN is trained" in str(one.message)) for one in said] == [
        True
    ] * told


@cases("mode", [*RED, "La", "RGBa", "RGBX"])
def test_balance_makes_pictures_of_the_mode_of_the_real_ones(monkeypatch, mode):
    tiny(monkeypatch)
    rng = np.random.default_rng(0)
    data = Items([red(mode, rng, (10, 8)) for _ in LABELS], LABELS)
    blend = balance(data)
    image, _ = blend[len(blend) - 1]
    assert type(blend.generator) is ImageGAN and image.mode == mode and image.size == (10, 8)
    found, real = pil_to_array(image)[0], np.stack([pil_to_array(one)[0] for one in data.samples_])
    off = 2 if mode in ("HSV", "La", "RGBa") else 0
    assert (found >= real.min((0, 1, 2)).astype(float) - off).all()
    assert (found <= real.max((0, 1, 2)).astype(float) + off).all()


def test_balance_on_palettes(monkeypatch):
    rng = np.random.default_rng(0)
    pictures = [red("P", rng) for _ in LABELS]
    with monkeypatch.context() as patch:
        patch.setattr(ImageGAN, "fit", lambda *_: pytest.fail("trained"))
        for transform in (None, lambda image: torch.from_numpy(np.array(image)), np.asarray):
            with pytest.raises(InvalidDataError, match=r"of mode P \(a palette\).*image.convert\(\"RGB\"\)"):
                balance(Items(pictures, LABELS, transform))
    tiny(monkeypatch)
    blend = balance(Items(pictures, LABELS, lambda image: image.convert("RGB")))  # as advised
    assert blend[len(blend) - 1][0].mode == "RGB"
    transparent = red("RGB", rng).quantize(8)
    transparent.info["transparency"] = 0
    with pytest.warns(DataWarning, match=r"learnt as RGB, without its transparency; image.convert\(\"RGBA\"\)"):
        assert resolve_samples([transparent])[0].shape == (1, 8, 10, 3)


def test_a_blend_of_cmyk_pictures(monkeypatch):
    rng = np.random.default_rng(0)
    data = Items([red("CMYK", rng) for _ in LABELS], LABELS, lambda image: image.convert("RGB"))
    gan = SmoothedBootstrap(random_state=0).fit(np.stack([np.asarray(one) for one in data.samples_]), LABELS)
    image, _ = BlendedDataset(data, gan)[30]
    assert np.abs(np.asarray(image).mean((0, 1)) - [250, 15, 15]).max() < 12


def test_floats_that_look_like_grey_images_are_series_by_contract_but_told():
    X = np.random.default_rng(0).random((29, 16, 12), np.float32)
    with pytest.warns(DataWarning, match=r"is taken for series .*generator=ImageGAN\(\).*generator=SeriesGAN\(\)"):
        GANOversampler(sampling_strategy={0: 16}).fit(X, LABELS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for given in (X[:, :3], X.astype(np.uint8)):
            GANOversampler(sampling_strategy={0: 16}).fit(given, LABELS)
        for kind in (ImageGAN, SeriesGAN):  # as advised
            GANOversampler(generator=kind(max_steps=2, channels=2, verbose=False)).fit_resample(X, LABELS)


# ------------------------------------------------------------------------------------------ scale


def noisy(rng, n=200):
    return rng.normal(500, 100, (n, 16, 16)).clip(0, None)


SPOILT = {
    "one hot pixel": (np.uint16, lambda X: X.__setitem__((7, 3, 3), 65_535)),
    "hot pixels": (np.uint16, lambda X: X.__setitem__((slice(None, None, 10), 3, 3), 65_535)),
    "dead pixels": (np.int32, lambda X: X.__setitem__((slice(None, None, 9), 2, 5), -1_000_000)),
    "no data": (np.float32, lambda X: X.__setitem__((slice(None, None, 5), 1, 1), -3.4e38)),
    "both ends": (np.float64, lambda X: X.__setitem__((slice(0, 2), 1, 1), [-1e9, 1e9])),
}


@cases("name", SPOILT)
def test_outliers_leave_the_rest_its_contrast(rng, name):
    dtype, spoil = SPOILT[name]
    X = noisy(rng).astype(dtype)
    good = X.copy()
    spoil(X)
    codec = ImageCodec().fit(X)
    Z = codec.encode(X)
    assert Z.min() >= -1 and Z.max() <= 1
    kept = Z[:, 0][good == X]
    assert np.quantile(kept, 0.99) - np.quantile(kept, 0.01) > 0.9  # by the range alone: 0.00 to 0.02
    for back in (codec.decode(Z), codec.decode(codec.from_network(codec.to_network(torch.from_numpy(Z))))):
        np.testing.assert_allclose(back, X, rtol=1e-4, atol=0 if np.dtype(dtype).kind in "iu" else 0.01)
    made = codec.decode(rng.normal(size=(50, 1, 16, 16)).clip(-1, 1) * 0.6)
    assert X.min() <= made.min() and made.max() <= X.max()
    config, arrays = codec.get_state()
    assert config["version"] == 2 and arrays["knots"].shape == (1, 8)
    again = ImageCodec.from_state(config, arrays)
    np.testing.assert_array_equal(again.encode(X), Z)
    np.testing.assert_array_equal(again.decode(Z), codec.decode(Z))


def test_a_generator_that_goes_a_little_beyond_the_core_makes_no_hot_pixels(rng):
    X = noisy(rng).astype(np.uint16)
    X[7, 3, 3] = 65_535
    codec = ImageCodec().fit(X)
    edge = codec.encode(X).ravel()[np.argsort(X.ravel())[-200]]
    made = codec.decode(np.full((1, 1, 16, 16), edge + 0.1))
    assert made.max() < 1200


@cases(
    ("name", "make"),
    [
        ("CT", lambda r: np.where(r.random((50, 16, 16)) < 0.3, -1024, r.integers(-100, 3072, (50, 16, 16)))),
        ("unit", lambda r: r.random((50, 16, 16))),
        ("full", lambda r: r.integers(0, 65_536, (50, 16, 16)).astype(np.uint16)),
        ("constant", lambda r: np.full((5, 16, 16), 7.5)),
        ("bytes", lambda r: np.where(np.arange(5120).reshape(20, 16, 16) == 9, 255, 3).astype(np.uint8)),
        ("bits", lambda r: r.random((50, 16, 16)) < 1e-3),
    ],
)
def test_without_outliers_the_scale_is_that_of_the_range(rng, name, make):
    X = make(rng)
    codec = ImageCodec().fit(X)
    config, arrays = codec.get_state()
    assert config["version"] == 1 and set(arrays) == {"low", "high"} and "mode" not in config
    middle, half = (float(X.max()) + float(X.min())) / 2, (float(X.max()) - float(X.min())) / 2
    expected = (X.astype(np.float64) - middle) / (half or 1)
    seen = codec.to_network(torch.from_numpy(codec.encode(X))).numpy()[:, 0]
    np.testing.assert_allclose(seen, expected, atol=1e-6)


@cases(
    "change",
    [
        {"knots": None},
        {"knots": lambda k: k[:, ::-1].copy()},
        {"knots": lambda k: k[:, :5]},
        {"knots": lambda k: k * np.nan},
        {"knots": lambda k: np.repeat(k[:, [0, -1]], 4, axis=1)},
        {"dtype": "|u1"},
        {"mode": "RGB"},
        {"mode": "nonsense"},
        {"mode": 3},
    ],
)
def test_altered_knots_and_modes_are_refused(rng, change):
    from ganaug.exceptions import ModelFileError

    X = noisy(rng).astype(np.uint16)
    X[7, 3, 3] = 65_535
    config, arrays = ImageCodec(mode="I;16").fit(X).get_state()
    assert ImageCodec.from_state(dict(config), dict(arrays)).mode == "I;16"
    for key, value in change.items():
        if key == "knots":
            arrays = {**arrays, key: value(arrays[key])} if value else {"low": arrays["low"], "high": arrays["high"]}
        else:
            config = {**config, key: value}
    with pytest.raises(ModelFileError):
        ImageCodec.from_state(config, arrays)


def test_a_hot_pixel_does_not_spoil_the_classes():
    """Bars that stand and bars that lie, 16 bits, one pixel of 6,400 at the end of the range."""
    rng = np.random.default_rng(0)
    y = (np.arange(100) < 30).astype(int)
    inside = np.abs(np.arange(8) - 3.5) < 2
    bars = np.where(y[:, None, None] == 1, inside[None, :, None], inside[None, None])
    X = (400 + 500 * bars + rng.normal(0, 30, bars.shape)).round().astype(np.uint16)
    X[50, 4, 4] = 65_535
    gan = ImageGAN(max_steps=25, batch_size=16, channels=4, max_channels=8, curate=False, random_state=0).fit(X, y)
    made, labels = gan.sample({0: 40, 1: 40}, random_state=1)
    lying, upright = (
        np.median(made[:, cells], axis=1) for cells in (np.outer(inside, ~inside), np.outer(~inside, inside))
    )
    assert ((lying > upright) == (labels == 1)).mean() > 0.9  # by the range alone: 0.21


def test_files_need_no_torch(tmp_path):
    reds(tmp_path / "in", "CMYK", "jpg")
    code = (
        "import sys\n"
        "from ganaug.encoding.sources import read_folder\n"
        f"print(read_folder({str(tmp_path / 'in')!r}).mode, 'torch' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout == "CMYK False\n", done.stderr
