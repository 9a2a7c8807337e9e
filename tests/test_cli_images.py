"""The command line on folders of images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import cases
from PIL import Image

import ganaug.estimators
from ganaug.cli import image_folders, main

QUICK = ["--max-steps", "2", "--seed", "0"]


class Brightness:
    """A generator of images that are of one brightness, with as much of a GAN's interface as is needed."""

    def __init__(self, max_steps=1, max_time=None, device="auto", random_state=None, verbose=False):
        vars(self).update(max_steps=max_steps, max_time=max_time, device=device)
        vars(self).update(random_state=random_state, verbose=verbose)

    def get_params(self, deep=True):
        return {name: value for name, value in vars(self).items() if not name.endswith("_")}

    def set_params(self, **given):
        vars(self).update(given)
        return self

    def __sklearn_clone__(self):
        return Brightness(**self.get_params())

    def fit(self, X, y, focus=None):
        self.shape_, self.means_ = X.shape[1:], {label: X[y == label].mean() for label in np.unique(y)}
        return self

    def sample(self, n, label=None, random_state=None):
        noise = np.random.default_rng(random_state).integers(-3, 4, (n, *self.shape_))
        return (self.means_[label] + noise).astype(np.uint8), np.full(n, label)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """20 images of one class and 14 of another, some of them deeper."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name, n, low in (("good", 20, 50), ("rare", 14, 150)):
        (tmp_path / "photos" / name / "more").mkdir(parents=True)
        for i in range(n):
            image = rng.integers(low, low + 40, (12, 10, 3), dtype=np.uint8)
            place = tmp_path / "photos" / name / ("more" if i % 2 else "")
            Image.fromarray(image).save(place / f"{i:02d}.png")
    return tmp_path / "photos"


@pytest.fixture
def brightness(monkeypatch):
    monkeypatch.setattr(ganaug.estimators, "ImageGAN", Brightness)


def picture(path):
    with Image.open(path) as image:
        return np.asarray(image)


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(Path(folder).rglob("*.png"))}


def test_resample_copies_the_real_images_and_adds_to_them(folder, brightness, capsys):
    before = files(folder)
    assert main(["resample", "photos", "-o", "new", "--verbose", *QUICK]) == 0
    after = files("new")
    assert files(folder) == before and before.items() <= after.items()
    added = sorted(after.keys() - before.keys())
    assert added == [f"rare/synthetic-{i:06d}.png" for i in range(1, 7)]
    image = picture("new/rare/synthetic-000001.png")
    assert image.shape == (12, 10, 3) and 160 < image.mean() < 180
    assert 'new: 40 images, 6 of them synthetic {"rare": 6}; seed 0' in capsys.readouterr().err
    assert main(["resample", "photos", "-o", "more", "--strategy", '{"rare": 17}', *QUICK]) == 0
    assert len(files("more")) == 37


def test_what_cannot_be_done_with_folders(folder, brightness, capsys):
    def refused(code, *words):
        assert main([*words, *QUICK]) == code
        return capsys.readouterr().err

    (folder.parent / "there").mkdir()
    assert "is there already; name another folder" in refused(1, "resample", "photos", "-o", "there")
    (folder.parent / "there").rmdir()
    assert "lie within each other" in refused(2, "resample", "photos", "-o", "photos/new")
    assert "the output is the input" in refused(2, "resample", "photos", "-o", "photos")
    assert "--target is for tables" in refused(2, "resample", "photos", "-o", "new", "-t", "y")
    assert "--mark-column is for tables" in refused(2, "resample", "photos", "-o", "new", "--mark-column", "y")
    assert "is no size such as 64x64" in refused(2, "resample", "photos", "-o", "new", "--image-size", "big")
    assert "no class 'rarer'; did you mean 'rare'?" in refused(2, "fit", "photos", "-o", "m", "--class", "rarer")
    assert [path.name for path in folder.parent.iterdir()] == ["photos"]


def test_a_broken_image_is_named(folder, brightness, capsys):
    broken = folder / "rare" / "02.png"
    broken.write_bytes(broken.read_bytes()[:60])
    assert main(["resample", "photos", "-o", "new", *QUICK]) == 1
    err = capsys.readouterr().err
    assert "rare/02.png" in err and err.count("\n") == 1 and not Path("new").exists()


def test_images_of_several_sizes_are_resized_if_asked(folder, brightness, capsys):
    Image.new("RGB", (30, 20)).save(folder / "good" / "large.png")
    assert main(["resample", "photos", "-o", "new", *QUICK]) == 1
    assert "large.png" in capsys.readouterr().err
    assert main(["resample", "photos", "-o", "new", "--image-size", "8x9", *QUICK]) == 0
    assert picture("new/rare/synthetic-000001.png").shape == (8, 9, 3)
    assert picture("new/good/large.png").shape == (20, 30, 3)


def test_one_class_folder(folder, brightness, capsys):
    (folder / "rare").rename(folder.parent / "elsewhere")
    assert main(["resample", "photos", "-o", "new", *QUICK]) == 1
    assert capsys.readouterr().err == "ganaug: photos: holds one class only, good\n"


def test_a_failure_in_the_middle_leaves_no_folder(folder, brightness, monkeypatch, capsys):
    def full(file, path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(image_folders, "save_new", full)
    assert main(["resample", "photos", "-o", "new", *QUICK]) == 1
    assert capsys.readouterr().err == "ganaug: new: No space left on device; nothing was written\n"
    assert [path.name for path in folder.parent.iterdir()] == ["photos"]


@cases(
    ("shape", "layout", "mode"),
    [
        ((2, 9, 8), "NHW", "L"),
        ((2, 9, 8, 1), "NHWC", "L"),
        ((2, 9, 8, 3), "NHWC", "RGB"),
        ((2, 3, 9, 8), "NCHW", "RGB"),
        ((2, 1, 9, 8), "NCHW", "L"),
        ((2, 9, 8, 4), "NHWC", "CMYK"),
        ((2, 8, 9, 8), "NHWC", None),
    ],
)
def test_every_layout_is_written(tmp_path, shape, layout, mode):
    images = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    writer = image_folders.ImageFileWriter(layout, mode or "RGB")
    if mode is None:
        with pytest.raises(ValueError, match=r"pixels of shape \(8, 9, 8\) make no image of mode RGB"):
            writer(images)
        return
    for one, file in zip(images, writer(images), strict=True):
        (tmp_path / "a").write_bytes(file)
        with Image.open(tmp_path / "a") as image:
            assert image.mode == mode
            found = np.asarray(image)
        one = one.transpose(1, 2, 0) if layout == "NCHW" else one
        np.testing.assert_array_equal(found, one[..., 0] if one.shape[-1] == 1 else one)


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (["a/b", "a_b"], ["a_b", "a_b_"]),
        ([3, "3"], ["3", "3_"]),
        (["..", ".", ""], ["__", "_", "___"]),
        (["\\x", "N.O.S.", "a ", " a", "100%", "what?"], None),
        (["grün 1", "GRÜN 1", "synthetic-000001.png"], None),
        ([None], ["images"]),
    ],
)
def test_labels_as_names_of_folders(labels, names, recwarn):
    found = image_folders._folder_names(labels)
    assert len(set(found)) == len(labels) and found == (names or labels)
    changed = [(label, name) for label, name in zip(labels, found, strict=True) if str(label) != name]
    for (label, name), warning in zip([c for c in changed if c[0] is not None], recwarn, strict=True):
        assert f"class {label!r} are in the folder {name!r}:" in str(warning.message)


def test_fit_and_sample_with_the_real_thing(folder, capsys):
    small = ["--set", "channels=4", "--set", "max_channels=8", "--set", "batch_size=4"]
    assert main(["fit", "photos", "-o", "photos.safetensors", *QUICK, *small]) == 0
    words = ["sample", "photos.safetensors", "--counts", '{"rare": 3, "good": 1}', "-o", "new", "--seed", "1"]
    assert main(words) == 0
    assert sorted(files("new")) == ["good/synthetic-000001.png", *(f"rare/synthetic-{i:06d}.png" for i in (1, 2, 3))]
    assert picture("new/rare/synthetic-000003.png").shape == (12, 10, 3)
    assert main(words) == 1
    assert "is there already" in capsys.readouterr().err
    assert main(["resample", "photos", "-o", "more", *QUICK, *small]) == 0
    assert len(files("more")) == 40
