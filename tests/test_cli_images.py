"""The command line on folders of images: balanced, learnt, and painted into."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import cases
from PIL import Image

import ganaug.estimators
from ganaug import DefectPainter
from ganaug.cli import generate, image_folders, main
from ganaug.estimators.painter import MODES, TURNS
from ganaug.exceptions import InvalidParameterError

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


def test_commands_for_tables_say_what_images_go_to(folder, capsys):
    for words, text in (
        (["report", "photos", "photos", "-o", "report.html"], "quality_report"),
        (["compare", "photos", "-o", "new"], "compare_images"),
        (["advise", "photos"], "compare_images"),
    ):
        assert main(words) == 2
        assert "photos is a folder without tables, which this command is for; images go to " in (
            found := capsys.readouterr().err
        )
        assert text in found


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
    for wrong in (["sample", "photos.safetensors", "-n", "2"], ["resample", "photos"]):
        assert main([*wrong, "-o", "new.csv"]) == 2
        assert "new.csv: images are written into class folders; give the name of a folder" in capsys.readouterr().err
    assert main(["resample", "photos", "-o", "more", *QUICK, *small]) == 0
    assert len(files("more")) == 40


# ---- paint: defects of a few images into many --------------------------------------------------------

PAINT = ["paint", "bad", "good", "-o", "new", "--masks", "masks", "--seed", "0"]


@pytest.fixture
def parts(tmp_path, monkeypatch):
    """Four grey images with a bright bar, their masks and boxes, and six without, larger and deeper."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name in ("bad", "masks", "good/more"):
        (tmp_path / name).mkdir(parents=True)
    lines = ["file,left,top,right,bottom"]
    for i in range(4):
        image, mask = rng.integers(90, 110, (24, 30), dtype=np.uint8), np.zeros((24, 30), np.uint8)
        mask[8 + i : 10 + i, 9:20] = 255
        Image.fromarray(np.where(mask > 0, 220, image).astype(np.uint8)).save(f"bad/{i}.png")
        Image.fromarray(mask).save(f"masks/{i}{'_mask' if i % 2 else ''}.png")
        lines.append(f"{i}.png,8,{7 + i},21,{11 + i}")
    Path("boxes.csv").write_text("\n".join(lines) + "\n")
    for i in range(6):
        image = rng.integers(90, 110, (28 + i, 36), dtype=np.uint8)
        Image.fromarray(image).save(f"good/{'more/' if i % 2 else ''}{i}.png")
    return tmp_path


def boxes_of(folder):
    lines = (Path(folder) / "boxes.csv").read_text().splitlines()
    assert lines[0] == "file,left,top,right,bottom"
    return [(name, *map(int, box)) for name, *box in (line.split(",") for line in lines[1:])]


def test_paint_writes_images_masks_and_boxes_that_belong_together(parts, capsys):
    before = files("good")
    assert main([*PAINT, "--verbose"]) == 0
    painted, masks, boxes = files("new/images"), files("new/masks"), boxes_of("new")
    assert painted.keys() == masks.keys() == before.keys() == {name for name, *_ in boxes}
    assert files("good") == before and len(boxes) == 6
    for name, left, top, right, bottom in boxes:
        real, image, mask = (picture(f"{folder}/{name}") for folder in ("good", "new/images", "new/masks"))
        assert set(np.unique(mask)) == {0, 255} and image.dtype == np.uint8
        rows, columns = np.nonzero(mask)
        assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == (left, top, right, bottom)
        assert np.abs(image[mask > 0].astype(int) - real[mask > 0]).mean() > 50
        assert (image == real).mean() > 0.7
    err = capsys.readouterr().err
    assert "new: 6 images with 6 defects, painted from 4 in 4 images (blend); seed 0" in err


def test_paint_repeats_and_a_file_keeps_its_defects_whatever_else_is_there(parts):
    assert main(PAINT) == 0
    assert main([*PAINT[:4], "again", *PAINT[5:]]) == 0
    assert files("again") == files("new") and boxes_of("again") == boxes_of("new")
    Path("good/0.png").unlink()
    assert main([*PAINT[:4], "fewer", *PAINT[5:]]) == 0
    new, fewer = files("new"), files("fewer")
    assert len(fewer) == 10 and fewer.items() < new.items()
    assert main([*PAINT[:4], "other", *PAINT[5:-1], "1"]) == 0
    assert files("other") != new


def test_paint_as_in_python(parts):
    assert main([*PAINT, "--mode", "morph", "--turn", "right", "--min-contrast", "0", "--size", "1.5", "-n", "1"]) == 0
    (name,) = files("new/images")
    bad, masks = (np.stack([picture(path) for path in sorted(Path(at).iterdir())]) for at in ("bad", "masks"))
    painter = DefectPainter("morph", turn="right", min_contrast=0, layout="NHW", random_state=0).fit(bad, masks > 0)
    seed = image_folders.child_seed(0, "painted", name.removesuffix(".png").encode().hex(), 0)
    images, new_masks = painter.paint(picture(f"good/{name}")[None], size=1.5, random_state=seed)
    np.testing.assert_array_equal(picture(f"new/images/{name}"), images[0])
    np.testing.assert_array_equal(picture(f"new/masks/{name}") > 0, new_masks[0])


def test_more_images_than_there_are_and_several_defects(parts):
    Path("good/0-2.png").write_bytes(Path("good/0.png").read_bytes())
    assert main([*PAINT, "-n", "16", "--defects", "2..3"]) == 0
    painted, boxes = files("new/images"), boxes_of("new")
    assert len(painted) == 16 == len(files("new/masks"))
    assert {len([box for box in boxes if box[0] == name]) for name in painted} == {2, 3}
    twice = [name for name in painted if "-2_." in name or ("-2." in name and name != "0-2.png")]
    assert twice and len(set(painted.values())) == 16


def test_paint_from_boxes_and_its_own_boxes_go_in_again(parts):
    words = ["paint", "bad", "good", "--boxes", "boxes.csv", "--seed", "0", "-o"]
    assert main([*words, "new"]) == 0
    assert all(picture(f"new/masks/{box[0]}").any() for box in boxes_of("new"))
    for file in Path("good").rglob("*.png"):
        with Image.open(file) as image:
            same = image.crop((0, 0, 36, 28))
        same.save(file)
    assert main([*words, "same"]) == 0
    again = ["paint", "same/images", "good", "--boxes", "same/boxes.csv", "-o", "again", "--seed", "0"]
    assert main(again) == 0
    assert len(boxes_of("again")) == 6


@pytest.mark.parametrize(
    ("mode", "suffix", "dtype"),
    [("RGB", ".png", np.uint8), ("I;16", ".png", np.uint16), ("CMYK", ".tif", np.uint8), ("LA", ".png", np.uint8)],
)
def test_paint_keeps_the_mode(parts, mode, suffix, dtype):
    for path in [*Path("bad").rglob("*.png"), *Path("good").rglob("*.png")]:
        grey = picture(path)
        path.unlink()
        if mode == "I;16":
            Image.fromarray(grey.astype(np.uint16) * 200).save(path)
        else:
            Image.fromarray(grey).convert("RGB" if mode == "CMYK" else mode).convert(mode).save(
                path.with_suffix(suffix)
            )
    assert main(PAINT) == 0
    for name, *_ in boxes_of("new"):
        assert name.endswith(suffix)
        with Image.open(f"new/images/{name}") as image:
            assert image.mode == mode and np.asarray(image).dtype == dtype
        assert picture(f"new/masks/{Path(name).with_suffix('.png')}").any()


@pytest.mark.parametrize("kind", ["ones", "palette", "alpha", "jpeg", "bits"])
def test_masks_as_people_have_them(parts, kind):
    assert main(PAINT) == 0
    for path in sorted(Path("masks").iterdir()):
        mask = picture(path) > 0
        image = Image.fromarray(mask.astype(np.uint8) * (1 if kind in ("ones", "palette") else 255))
        if kind == "palette":
            image = image.convert("P")
            image.putpalette([0, 0, 0, 128, 0, 0])
        elif kind == "alpha":
            image = image.convert("RGBA")
        elif kind == "bits":
            image = image.convert("1")
        path.unlink()
        image.save(path.with_suffix(".jpg" if kind == "jpeg" else ".png"), quality=90)
    assert main([*PAINT[:4], "again", *PAINT[5:]]) == 0
    if kind != "jpeg":  # edges move a little
        assert files("again") == files("new")


def test_what_cannot_be_painted_is_named(parts, capsys):
    there = sorted(path.name for path in parts.iterdir())

    def refused(*said, words=PAINT, undo=None):
        assert main(words) == 1
        err = capsys.readouterr().err
        assert all(part in err for part in said) and err.count("\n") == 1, err
        assert sorted(path.name for path in parts.iterdir()) == there
        if undo is not None:
            undo[0].write_bytes(undo[1])

    def put(path, image):
        path, old = Path(path), Path(path).read_bytes()
        image.save(path)
        return path, old

    empty, full = Image.new("L", (30, 24)), Image.new("L", (30, 24), 255)
    refused("masks/1_mask.png: is black, so that bad/1.png has no defect", undo=put("masks/1_mask.png", empty))
    refused("masks/2.png: covers all of bad/2.png", undo=put("masks/2.png", full))
    refused("masks/2.png: is a mask of 9 x 8 pixels, and its image", undo=put("masks/2.png", full.resize((8, 9))))
    refused("good/2.png: is of mode RGB, and bad/0.png of L", undo=put("good/2.png", Image.new("RGB", (30, 24))))
    refused("good/2.png: ", undo=put("good/2.png", Image.new("L", (5, 5))))
    refused("bad/3.png: has 9 x 8 pixels, and bad/0.png 24 x 30; cut", undo=put("bad/3.png", full.resize((8, 9))))
    refused("bad/0.png: is black and white", undo=put("bad/0.png", full.convert("1")))
    refused("nowhere is not there", words=["paint", "nowhere", *PAINT[2:]])
    refused("boxes.csv is a file", words=["paint", "bad", "boxes.csv", *PAINT[3:]])
    mask = Path("masks/0.png").read_bytes()
    Path("masks/0.png").write_bytes(mask[:50])
    refused("masks/0.png cannot be read as an image", undo=(Path("masks/0.png"), mask))
    Path("masks/0.png").rename("masks/7.png")
    refused("masks: 1 image(s) have no mask of the same name in it: bad/0.png")
    Path("masks/0.png").write_bytes(mask)
    refused("masks: 1 mask(s) have no image of the same name: masks/7.png")
    Path("masks/7.png").unlink()
    Path("new").mkdir()
    there.append("new")
    there.sort()
    refused("new: is there already; name another folder")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("0.png,8,7,21", "line 6, column 'bottom': None is no number of pixels"),
        ("0.png,8,7,x,11", "line 6, column 'right': 'x' is no number of pixels"),
        ("0.png,8,7,nan,11", "line 6, column 'right': 'nan' is no number of pixels"),
        ("0.png,8,7,31,11", "line 6: left=8, top=7, right=31, bottom=11 is no box within the 30 x 24 pixels of bad/0"),
        ("0.png,8,7,8,11", "line 6: left=8, top=7, right=8, bottom=11 is no box"),
        ("00.png,8,7,21,11", "line 6, column 'file': no image '00.png' in bad; did you mean '0.png'?"),
        ('0.png,8,7,"21,11', "line 6: cannot be read as CSV"),
        ("\xff", "cannot be read as CSV in UTF-8"),
    ],
)
def test_boxes_that_are_none_are_named_by_line(parts, capsys, line, said):
    path = Path("boxes.csv")
    path.write_bytes(path.read_bytes() + line.encode("latin-1") + b"\n")
    assert main(["paint", "bad", "good", "--boxes", "boxes.csv", "-o", "new"]) == 1
    err = capsys.readouterr().err
    assert f"ganaug: boxes.csv: {said}" in err or (said in err and "\xff" in line)
    assert err.count("\n") == 1 and not Path("new").exists()


def test_boxes_without_a_column_or_for_an_image(parts, capsys):
    lines = Path("boxes.csv").read_text().splitlines()
    for text, said in (
        ("name,left,top,right,bottom\n", "line 1: no column 'file'"),
        ("", "line 1: no column 'file'"),
        ("\n".join(lines[:-1]), "1 image(s) have no box: bad/3.png"),
    ):
        Path("boxes.csv").write_text(text)
        assert main(["paint", "bad", "good", "--boxes", "boxes.csv", "-o", "new"]) == 1
        assert f"boxes.csv: {said}" in capsys.readouterr().err
    assert main(["paint", "bad", "good", "--boxes", "no.csv", "-o", "new"]) == 1
    assert "no.csv: No such file" in capsys.readouterr().err and not Path("new").exists()


def test_a_failure_while_painting_leaves_no_folder(parts, monkeypatch, capsys):
    save, there = image_folders.save_new, sorted(path.name for path in parts.iterdir())

    def full(file, path):
        if path.parent.name == "more":
            raise OSError(28, "No space left on device")
        save(file, path)

    monkeypatch.setattr(image_folders, "save_new", full)
    assert main(PAINT) == 1
    assert capsys.readouterr().err == "ganaug: new: No space left on device; nothing was written\n"
    assert sorted(path.name for path in parts.iterdir()) == there


def test_the_options_of_paint_are_those_of_the_painter():
    parser = generate.options.Parser()
    generate.paint_options(parser)
    choices = {action.dest: action.choices for action in parser._actions}
    assert set(choices["mode"]) == set(MODES)
    assert choices["turn"] == list(TURNS)


def test_a_training_with_a_checkpoint_goes_on_without_a_seed(folder, monkeypatch, capsys):
    seeds = []

    class Stops(ganaug.estimators.ImageGAN):
        def fit(self, X, y, focus=None):
            seeds.append(self.random_state)
            raise InvalidParameterError("checkpoint='a' was left by a training with random_state=5 (now 0)")

    monkeypatch.setattr(image_folders, "_gan", lambda: Stops)
    for more in (["--set", "checkpoint=a"], ["--set", "checkpoint=a"], ["--set", "checkpoint=a", "--seed", "7"], []):
        assert main(["fit", "photos", "--output", "m.safetensors", *more]) == 2
    assert seeds[:3] == [0, 0, 7] and seeds[3] not in (0, 7)
    assert "ganaug: --set checkpoint='a' was left by a training with --seed 5 (now 0)" in capsys.readouterr().err
