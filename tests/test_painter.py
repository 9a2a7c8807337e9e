"""`DefectPainter`: what is painted where, that it repeats, what it refuses, files, and `BlendedDataset`."""

from __future__ import annotations

import inspect
import pickle

import numpy as np
import pytest
import torch
from helpers import cases
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import ganaug
from ganaug import BlendedDataset, DefectPainter, FewSamplesWarning, GanaugError
from ganaug.estimators import defects
from ganaug.estimators.painter import MODES
from ganaug.exceptions import InvalidDataError, ModelFileError
from ganaug.utils.state import read_state, write_state

SIDE = 32
PLAIN = [mode for mode in MODES if mode != "gan"]


def backgrounds(n=12, seed=0, shape=(SIDE, SIDE), channels=None, dtype=np.uint8):
    rng = np.random.default_rng(seed)
    y, x = np.indices(shape)
    slope = 100 + 40 * np.sin(x / 9 + rng.uniform(0, 6, (n, 1, 1))) + 20 * np.cos(y / 7)
    images = slope + rng.normal(0, 3, (n, *shape))
    if channels:
        images = images[..., None] * np.linspace(0.8, 1, channels)
    return images.clip(0, 255).astype(dtype) if np.dtype(dtype).kind in "iu" else (images / 255).astype(dtype)


def with_scratches(images, seed=1, strength=80):
    """Images with a bright bar each, and its mask."""
    rng = np.random.default_rng(seed)
    masks = np.zeros(images.shape[:3], bool)
    for mask in masks:
        y, x = rng.integers(5, 20, 2)
        mask[y : y + 2, x : x + int(rng.integers(7, 11))] = True
    out = images.astype(float)
    out[masks] += strength if images.dtype.kind in "iu" else strength / 255
    return (out.clip(0, 255) if images.dtype.kind in "iu" else out).astype(images.dtype), masks


def fitted(mode="morph", n=4, **settings):
    X, masks = with_scratches(backgrounds(n))
    return DefectPainter(mode, random_state=0, **settings).fit(X, masks, backgrounds=backgrounds(20, seed=5))


# ---- what is painted -----------------------------------------------------------------------------


@cases("mode", PLAIN)
def test_a_defect_is_added_where_the_mask_says_and_nowhere_else(mode):
    plain = backgrounds(16, seed=7)
    images, masks = fitted(mode).paint(plain, random_state=3)
    assert images.dtype == plain.dtype and images.shape == plain.shape and masks.dtype == bool
    assert masks.any((1, 2)).all() and masks.mean() < 0.1
    gain = images.astype(int) - plain
    assert np.median(gain[masks]) > 40  # planted with 80, strengths from 0.8 to 1.2
    for change, mask in zip(gain, masks, strict=True):
        near = torch.nn.functional.max_pool2d(torch.from_numpy(mask[None].astype(np.float32)), 7, 1, 3)[0].numpy() > 0
        assert not change[~near].any()


@pytest.mark.parametrize("seamless", [True, False])
def test_the_seam_is_blended_where_backgrounds_differ(seamless):
    dark = np.full((3, SIDE, SIDE), 40, np.uint8)
    bright = np.full((6, SIDE, SIDE), 180, np.uint8)
    X, masks = with_scratches(dark, strength=40)
    painter = DefectPainter("blend" if seamless else "paste", random_state=0).fit(X, masks)
    images, new = painter.paint(bright, strength=1.0, random_state=0)
    value = np.median(images[new])
    assert value > 200 if seamless else value < 90  # what is added to the background, or the pixels themselves


def test_a_residual_does_not_hold_the_slope_of_its_background():
    slope = np.tile(np.arange(SIDE, dtype=np.float32) * 4, (1, SIDE, 1))
    mask = np.zeros((SIDE, SIDE), bool)
    mask[10:13, 8:24] = True
    (cut,) = defects.cut_defects(slope + 30 * mask, mask, 1.0)
    np.testing.assert_allclose(cut.residual[0][cut.mask], 30, atol=1e-3)
    assert not cut.residual[0][~cut.mask].round(3).any()


def test_a_mixture_lies_between_two_defects():
    thin, thick = np.zeros((2, 2, 24, 40), np.float32)
    thin[:, 11:13, 5:35], thick[:, 8:16, 5:35] = 1, 1
    thin[0] *= 20
    thick[0] *= 60
    rng = np.random.default_rng(0)
    made = [defects.mixed(*(defects.aligned(one, 1.0) for one in (thin, thick)), 0.5, rng) for _ in range(5)]
    areas = [(patch[-1] >= 0.5).sum() for patch in made]
    assert all(1.2 * 60 < area < 0.9 * 240 for area in areas)
    assert all(30 < np.median(patch[0][patch[-1] > 0.9]) < 50 for patch in made)


def test_a_dark_defect_is_not_mixed_with_a_bright_one():
    patch = np.zeros((2, 9, 15), np.float32)
    patch[:, 4:6, 3:12] = 1
    other = patch * np.array([-1, 1], np.float32)[:, None, None]
    np.testing.assert_array_equal(defects.likeness([patch, other]), np.eye(2))


def test_two_parts_of_a_mask_are_two_defects():
    X, masks = with_scratches(backgrounds(3))
    masks[0], X[0] = False, 100
    for rows in (slice(3, 5), slice(25, 27)):
        masks[0, rows, 10:20] = True
        X[0, rows, 10:20] = 200
    assert DefectPainter("blend").fit(X, masks).n_defects_ == 4


def test_size_and_strength_do_what_they_say():
    painter, plain = fitted("blend"), backgrounds(24, seed=7)
    area = {f: painter.paint(plain, size=f, random_state=0)[1].sum() for f in (0.7, 1.0, 1.6)}
    assert area[0.7] < 0.8 * area[1.0] < 0.6 * area[1.6]
    gains = []
    for strength in (0.5, 1.0, 1.5):
        images, masks = painter.paint(plain, strength=strength, random_state=0)
        gains.append((images.astype(float) - plain)[masks].mean())
    assert gains[0] < 0.7 * gains[1] < 0.6 * gains[2]


def test_places():
    painter, plain = fitted("blend"), backgrounds(24, seed=7)
    masks = painter.paint(plain, place=(8, 20), random_state=0)[1]
    rows, columns = (np.array([np.argwhere(mask).mean(0)[axis] for mask in masks]) for axis in (0, 1))
    assert np.abs(rows - 8).max() < 2 and np.abs(columns - 20).max() < 2
    region = np.zeros((SIDE, SIDE), bool)
    region[22:26, 6:10] = True
    masks = painter.paint(plain, place=region, random_state=0)[1]
    assert all(np.abs(np.argwhere(mask).mean(0) - (23.5, 7.5)).max() < 4.5 for mask in masks)
    spread = [
        np.std([np.argwhere(m).mean(0) for m in painter.paint(backgrounds(60), place=place, random_state=0)[1]])
        for place in ("seen", "uniform")
    ]
    assert spread[0] < spread[1]


def test_several_defects_and_boxes():
    images, masks, boxes = fitted("blend").paint(backgrounds(10, seed=7), (2, 3), return_boxes=True, random_state=0)
    assert {len(box) for box in boxes} == {2, 3} and len(boxes) == len(images) == 10
    for mask, own in zip(masks, boxes, strict=True):
        inside = np.zeros_like(mask)
        for left, top, right, bottom in own:
            assert mask[top:bottom, left:right].any((0, 1)).sum() and 0 <= left < right <= SIDE
            inside[top:bottom, left:right] = True
        assert not (mask & ~inside).any()


def test_boxes_instead_of_masks():
    X, masks = with_scratches(backgrounds(5))
    boxes = [np.array(defects.bounds_of(mask))[[1, 0, 3, 2]] + (-3, -3, 3, 3) for mask in masks]
    boxes = [np.clip(box, 0, SIDE)[None] for box in boxes]
    painter = DefectPainter("blend", random_state=0).fit(X, boxes=boxes)
    found = [(patch[-1] >= 0.5).sum() for patch in painter.bank_]
    np.testing.assert_allclose(found, masks.sum((1, 2)), rtol=0.3)  # the bar in each box, not the box


def test_a_defect_that_cannot_be_seen_is_drawn_again():
    painter = fitted("paste")
    noisy = np.random.default_rng(0).integers(0, 256, (10, SIDE, SIDE), dtype=np.uint8)
    painter.paint(noisy, random_state=0)
    counts = painter.curation_[1]
    assert counts["kept"] == 10 and counts["invisible"] > 10 and counts["taken_anyway"] > 0
    assert counts["drawn"] == counts["invisible"] + counts["kept"] - counts["taken_anyway"]
    painter.set_params(min_contrast=0).paint(noisy, random_state=0)
    assert painter.curation_[1] == {"drawn": 10, "kept": 10, "invisible": 0, "taken_anyway": 0}


# ---- containers ----------------------------------------------------------------------------------


@cases("dtype", [np.uint8, np.uint16, np.int16, np.float32, np.float64])
@cases("channels", [None, 3])
def test_images_come_back_as_they_were_given(dtype, channels):
    X, masks = with_scratches(backgrounds(3, channels=channels, dtype=dtype))
    plain = backgrounds(4, seed=7, channels=channels, dtype=dtype)
    plain.flags.writeable = X.flags.writeable = masks.flags.writeable = False
    images, new = DefectPainter(random_state=0).fit(X, masks.astype(int)).paint(plain, random_state=0)
    assert images.dtype == dtype and images.shape == plain.shape and new.shape == plain.shape[:3]
    assert 0 < (images != plain).mean() < 0.3


def test_tensors_lists_and_channels_first():
    X, masks = with_scratches(backgrounds(3, channels=3))
    x = torch.from_numpy(X.transpose(0, 3, 1, 2).copy())
    images, new = DefectPainter(random_state=0).fit(x, torch.from_numpy(masks)).paint(x, random_state=0)
    assert isinstance(images, torch.Tensor) and images.shape == x.shape and new.dtype == torch.bool
    same, _ = DefectPainter(random_state=0).fit(list(X), list(masks)).paint(list(X), random_state=0)
    np.testing.assert_array_equal(same, images.numpy().transpose(0, 2, 3, 1))


def test_other_sizes_and_large_images():
    painter = fitted("morph")
    assert painter.paint(backgrounds(2, shape=(300, 500)), random_state=0)[0].shape == (2, 300, 500)
    images, masks = painter.paint(backgrounds(3, shape=(8, 9)), random_state=0)  # made smaller, to fit
    assert images.shape == (3, 8, 9) and masks.any((1, 2)).all()


# ---- repeats -------------------------------------------------------------------------------------


@cases("mode", PLAIN)
def test_the_same_seed_paints_the_same(mode):
    one, other, plain = fitted(mode), fitted(mode), backgrounds(5, seed=7)
    np.testing.assert_array_equal(one.paint(plain)[0], other.paint(plain)[0])
    first, second = (one.paint(plain, random_state=9)[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert (one.paint(plain)[0] != one.paint(plain)[0]).any()
    np.testing.assert_array_equal(one.paint(plain[:2], random_state=9)[0], first[:2])  # whoever is beside it


def test_nothing_global_and_nothing_given_changes():
    X, masks = with_scratches(backgrounds(4))
    before, state = X.copy(), torch.get_rng_state()
    painter = DefectPainter(random_state=0).fit(X, masks)
    painter.paint(X)
    np.testing.assert_array_equal(X, before)
    assert torch.equal(torch.get_rng_state(), state)
    assert clone(painter).get_params() == painter.get_params()


def test_three_defects_will_do_and_a_gan_says_that_they_are_too_few():
    with pytest.warns(FewSamplesWarning, match="3 defects are too few"):
        painter = fitted("gan", n=3)
    assert painter.mode_ == "morph"
    assert len(np.unique(painter.bank_.round(2), axis=0)) > 200


@pytest.mark.slow
def test_a_gan_of_defects():
    painter = fitted("gan", n=10, max_steps=40, verbose=False)
    assert painter.mode_ in ("gan", "morph")  # so short a training may give too few
    if painter.mode_ == "gan":
        assert painter.bank_curation_["drawn"] == 512 and painter.quality_ >= 0
    images, masks = painter.paint(backgrounds(5, seed=7))
    assert (images != backgrounds(5, seed=7)).any((1, 2)).all() and masks.any((1, 2)).all()


# ---- files, pickles, samples ---------------------------------------------------------------------


@cases("mode", PLAIN)
def test_files_and_pickles_paint_the_same_and_hold_no_background(mode, tmp_path):
    painter, plain = fitted(mode, label="scratch"), backgrounds(4, seed=7)
    painter.save(tmp_path / "painter.safetensors")
    read = ganaug.load(tmp_path / "painter.safetensors")
    for again in (read, DefectPainter.load(tmp_path / "painter.safetensors"), pickle.loads(pickle.dumps(painter))):
        np.testing.assert_array_equal(again.paint(plain, random_state=1)[0], painter.paint(plain, random_state=1)[0])
        assert again.get_params() | {"random_state": 0} == painter.get_params()
        with pytest.raises(GanaugError, match="no backgrounds"):
            again.sample(2)
        X, y = again.set_backgrounds(plain).sample(6, random_state=0)
        assert X.shape == (6, SIDE, SIDE) and y.tolist() == ["scratch"] * 6


def test_a_file_that_is_none_is_refused(tmp_path):
    path = tmp_path / "painter.safetensors"
    path.write_bytes(b"nothing")
    with pytest.raises(ModelFileError):
        DefectPainter.load(path)
    with pytest.raises(NotFittedError):
        DefectPainter().save(path)
    fitted("blend").save(path)
    with pytest.raises(ModelFileError, match="holds a fitted DefectPainter, not a ImageGAN"):
        ganaug.ImageGAN.load(path)
    state = read_state(path)
    for config, arrays in (
        ({"mode": "spray"}, {}),
        ({"scale": 0}, {}),
        ({"range": [0, "much"]}, {}),
        ({}, {"bank": state.arrays["bank"][:, :1]}),
        ({}, {"bank": state.arrays["bank"] * np.float32(np.nan)}),
        ({}, {"bank": state.arrays["bank"] * np.float32(0)}),
        ({}, {"places": state.arrays["places"][:1]}),
    ):
        write_state(path, "DefectPainter", {**state.config, **config}, {**state.arrays, **arrays})
        with pytest.raises(ModelFileError):
            ganaug.load(path)


def test_blended_into_a_dataset():
    class Images(torch.utils.data.Dataset):
        def __init__(self):
            self.X, self.targets = backgrounds(20), [0] * 17 + [1] * 3

        def __len__(self):
            return 20

        def __getitem__(self, i):
            return torch.from_numpy(self.X[i][None]), self.targets[i]

    real = Images()
    painter = fitted("morph")
    blended = BlendedDataset(real, painter, sampling_strategy={1: 10})
    assert len(blended) == 27 and blended[26][1] == 1
    assert blended[26][0].shape == (1, SIDE, SIDE) and blended[26][0].dtype == torch.uint8
    X, y = painter.sample(0)
    assert X.shape == (0, SIDE, SIDE) and len(y) == 0
    with pytest.raises(GanaugError, match="label=0"):
        painter.sample(2, label=0)


# ---- what is refused -----------------------------------------------------------------------------

X3, MASKS3 = with_scratches(backgrounds(3))


def changed(array, index, value):
    array = array.astype(float)
    array[index] = value
    return array


FITS = {
    "other shape": ((X3, MASKS3[:, :20]), r"masks have shape \(3, 20, 32\)"),
    "too few masks": ((X3, MASKS3[:2]), "masks have shape"),
    "one image alone": ((X3[0], MASKS3[0]), "matrix"),
    "empty mask": ((X3, MASKS3 & np.array([1, 0, 1], bool)[:, None, None]), "mask of image 1 is empty"),
    "mask everywhere": ((X3, np.ones_like(MASKS3)), "image 0 is the whole image"),
    "bytes": ((X3, MASKS3.astype(np.uint8) * 255), "masks > 0"),
    "shares": ((X3, MASKS3 * 0.5), "0 and 1"),
    "NaN in masks": ((X3, changed(MASKS3, (0, 0, 0), np.nan)), "masks contain NaN"),
    "NaN": ((changed(X3, (1, 2, 3), np.nan), MASKS3), "images contain NaN: image 1"),
    "text": ((np.full((3, 9, 9), "a"), MASKS3), "images of dtype"),
    "labels": ((X3, np.array([0, 0, 1])), r"look like labels.*painter to BlendedDataset\(dataset, painter\)"),
    "text as labels": ((X3, np.array(["a", "a", "b"])), "look like labels"),
    "text masks": ((X3, np.full(MASKS3.shape, "a")), "masks are of dtype"),
    "path": (("folder", MASKS3), "cannot read images"),
    "no images": ((X3[:0], MASKS3[:0]), "no pixels"),
    "booleans": ((X3 > 100, MASKS3), "booleans"),
    "neither": ((X3,), "neither masks nor boxes"),
    "both": ((X3, MASKS3, np.zeros((3, 4))), "both masks and boxes"),
    "box outside": ((X3, None, [[0, 0, 5, 5], [0, 0, 5, 40], [0, 0, 5, 5]]), "image 1 must be left"),
    "box upside down": ((X3, None, [[5, 5, 5, 5]] * 3), "image 0"),
    "negative box": ((X3, None, [[-1, 0, 5, 5]] * 3), "image 0"),
    "boxes of 3": ((X3, None, [[0, 0, 5]] * 3), "4 numbers"),
    "too few boxes": ((X3, None, [[0, 0, 5, 5]]), "boxes of 1 images"),
    "no box": ((X3, None, [np.zeros((0, 4))] * 3), "at least one"),
    "boxes a number": ((X3, None, 3), "boxes=3"),
    "NaN box": ((X3, None, [[np.nan, 0, 5, 5]] * 3), "NaN"),
    "other channels": ((X3, MASKS3, None, backgrounds(3, channels=3)), "backgrounds|layout"),
    "other dtype": ((X3, MASKS3, None, backgrounds(3, dtype=np.float32)), "float32"),
}


@cases("case", FITS)
def test_what_cannot_be_learnt_is_refused_by_name(case):
    given, message = FITS[case]
    with pytest.raises(GanaugError, match=message):
        DefectPainter().fit(*given)


PAINTS = {
    "n": ({"n": 0}, "n=0"),
    "n is text": ({"n": "two"}, "n='two'"),
    "n backwards": ({"n": (3, 1)}, "smaller number first"),
    "size": ({"size": -1}, "size=-1"),
    "three sizes": ({"size": (1, 2, 3)}, "a pair"),
    "strength": ({"strength": np.nan}, "strength"),
    "no strength": ({"strength": 0}, "strength=0"),
    "place": ({"place": "left"}, "'seen', 'uniform'"),
    "place outside": ({"place": (40, 2)}, "outside"),
    "places of others": ({"place": np.ones((3, 2), int)}, "place has shape"),
    "region": ({"place": np.ones((8, 8), bool)}, "place has shape"),
    "empty region": ({"place": np.zeros((SIDE, SIDE), bool)}, "no pixel of image 0"),
    "seed": ({"random_state": "a"}, "random_state"),
}


@cases("case", PAINTS)
def test_what_cannot_be_painted_is_refused_by_name(case):
    given, message = PAINTS[case]
    with pytest.raises(GanaugError, match=message):
        fitted("blend").paint(backgrounds(2), **given)


def test_images_unlike_the_fitted_ones_are_refused():
    painter = fitted("blend")
    for images in (backgrounds(2, dtype=np.float32), backgrounds(2, channels=3), "text", np.zeros((2, 4, 4), np.uint8)):
        with pytest.raises(GanaugError):
            painter.paint(images)
    with pytest.raises(NotFittedError):
        DefectPainter().paint(X3)


def test_every_parameter_has_a_constraint():
    parameters = set(inspect.signature(DefectPainter).parameters)
    assert parameters - set(DefectPainter._constraints) == {"label", "layout"}
    for name in DefectPainter._constraints:
        for wrong in (object(), "nonsense", -1, [object()]):
            if name in ("verbose", "random_state") and wrong == -1:
                continue
            with pytest.raises(GanaugError, match=name):
                DefectPainter(**{name: wrong}).fit(X3, MASKS3)


def test_images_with_other_axes_than_those_of_the_fit():
    X, masks = with_scratches(backgrounds(3))
    painter = DefectPainter(random_state=0).fit(X, masks)
    for other in (backgrounds(3, channels=3), backgrounds(3)[0]):
        with pytest.raises(InvalidDataError, match=r"images have shape .* were NHW; give as many axes"):
            painter.paint(other)
