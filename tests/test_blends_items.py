"""Items of any make: several views, dicts, further entries, annotations, and samples of unequal sizes."""

from __future__ import annotations

import collections
import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers import cases
from PIL import Image
from test_blends_values import Items, floats, picture, small, then
from torch.utils.data import (
    DataLoader,
    StackDataset,
    Subset,
    TensorDataset,
)
from torchvision import tv_tensors
from torchvision.transforms import v2

from ganaug import BlendedDataset, ImageGAN, SeriesGAN, balance
from ganaug.encoding.sources import resolve_samples
from ganaug.encoding.targets import class_names_of, resolve_targets, split_item
from ganaug.exceptions import InvalidDataError, InvalidParameterError, InvalidTypeError
from ganaug.transforms import SamplePool, SyntheticBlend, SyntheticMixUp


@pytest.fixture(scope="module")
def of_floats():
    """A generator of images in 0 to 1 of the classes 0 and 1."""
    data = Items(lambda self, i: (floats(self, i), self.kept[i]))
    return small().fit(data)


# ---- H3: views -----------------------------------------------------------------------------------


def two_views(self, i):
    image = self.image(i)
    return self.transform(image), self.transform(image), self.kept[i]


def three_named(self, i):
    image = self.image(i)
    return {"query": self.transform(image), "label": self.kept[i], "key": self.transform(image)}


def pair_of_one_call(self, i):
    return (*self.transform(self.image(i)), self.kept[i])


def list_of_one_call(self, i):
    return self.transform(self.image(i)), self.kept[i]


JITTER = then(v2.RandomHorizontalFlip(), v2.ColorJitter(0.2))


@cases(
    ("make", "transform"),
    [
        (two_views, JITTER),
        (three_named, JITTER),
        (pair_of_one_call, lambda image: (JITTER(image), JITTER(image))),
        (list_of_one_call, lambda image: [JITTER(image), JITTER(image)]),
    ],
)
def test_views_are_those_of_one_synthetic_image(make, transform):
    raw = small().fit(Items(lambda self, i: (self.image(i), self.kept[i])))
    real = Items(make, transform=transform)
    blend = BlendedDataset(real, raw)
    item = blend[-1]
    views = [x for x in (item.values() if isinstance(item, dict) else item) if not isinstance(x, int)]
    views = views[0] if isinstance(views[0], list) else views
    assert len(views) == 2 and item[("label" if isinstance(item, dict) else len(item) - 1)] == 1
    assert type(item) is type(real[0]) and all(view.shape == (3, 8, 8) for view in views)
    flat = [np.sort(np.asarray(view).mean(0).ravel()) for view in views]
    assert np.corrcoef(*flat)[0, 1] > 0.95 and not torch.equal(*views)  # one image, looked at twice
    assert next(iter(DataLoader(blend, batch_size=16)))


def test_views_that_lie_there_need_a_transform(of_floats):
    real = Items(lambda self, i: (floats(self, i), floats(self, i).flip(-1), self.kept[i]))
    with pytest.raises(
        InvalidDataError, match=r"further pictures .* at 1.*transform=lambda image: \(view\(image\), view"
    ):
        BlendedDataset(real, of_floats)
    blend = BlendedDataset(real, of_floats, transform=lambda image: (image, image.flip(-1)))
    first, second, label = blend[-1]
    assert torch.equal(first.flip(-1), second) and label == 1
    with pytest.raises(InvalidDataError, match="makes 3 views .* holds 2 picture"):
        BlendedDataset(real, of_floats, transform=lambda image: (image, image, image))
    stacked = TensorDataset(torch.rand(12, 3, 8, 8), torch.rand(12, 3, 8, 8), torch.tensor(real.kept))
    assert len(BlendedDataset(stacked, of_floats, transform=lambda image: (image, image))[-1]) == 3


def test_views_of_a_generator_that_learnt_one_of_them(of_floats):
    with pytest.raises(InvalidDataError, match="several views, .* fit it on the dataset without its transform"):
        BlendedDataset(Items(two_views, transform=JITTER), of_floats)
    blend = BlendedDataset(Items(two_views, transform=JITTER), of_floats, transform=lambda x: (x, x))
    assert torch.equal(*blend[-1][:2])


POOL = SamplePool(
    np.repeat(np.array([10, 60], np.uint8), 4).reshape(8, 1, 1, 1) * np.ones((1, 3, 8, 8), np.uint8), [0] * 4 + [1] * 4
)
REAL, LABELS = torch.full((6, 3, 8, 8), 200, dtype=torch.uint8), torch.tensor([0, 1] * 3)


@cases("transform", [lambda: SyntheticBlend(POOL, 1.0), lambda: SyntheticMixUp(POOL)])
@cases(
    "batch",
    [
        lambda: (REAL, REAL.clone(), LABELS),
        lambda: [REAL, REAL.clone(), REAL.clone(), LABELS, torch.arange(6)],
        lambda: ((REAL, REAL.clone()), LABELS),
        lambda: {"one": REAL, "two": REAL.clone(), "label": LABELS},
    ],
)
def test_all_views_of_a_batch_are_replaced(transform, batch):
    def images(parts):
        values = parts.values() if isinstance(parts, dict) else parts
        return [x for part in values for x in (part if isinstance(part, (tuple, list)) else [part]) if x.ndim == 4]

    out = images(transform()(batch()))
    assert len(out) >= 2 and all(torch.equal(out[0], view) for view in out)
    assert (out[0] != 200).any()


def test_batches_with_masks_are_refused():
    for extra in (
        torch.zeros(6, 8, 8, dtype=torch.long),
        torch.zeros(6, 1, 8, 8),
        torch.zeros(6, 1, 8, 8, dtype=torch.uint8),
    ):
        with pytest.raises(InvalidTypeError, match="A mask would not fit"):
            SyntheticBlend(POOL, 1.0)(REAL, LABELS, extra)
    views = tv_tensors.Image(REAL), tv_tensors.Image(REAL.float() / 255), LABELS  # the advice
    first, second, _ = SyntheticBlend(POOL, 1.0)(*views)
    torch.testing.assert_close(first.float() / 255, second.as_subclass(torch.Tensor))
    assert SyntheticBlend(POOL, 1.0)(REAL, LABELS, torch.rand(6, 7), torch.rand(6))[2].shape == (6, 7)


# ---- H3 and H6: dicts and further entries --------------------------------------------------------


def hugging(make=None, names=("cat", "dog"), **features):
    """As the datasets library has them: features, columns by name, items as dicts."""

    class Table(Items):
        def __getitem__(self, i):
            if isinstance(i, str):
                return [item[i] for item in (self[j] for j in range(self.n))]
            return self.make(self, i)

    features = features or {"fine_label": SimpleNamespace(names=list(names)), "img": SimpleNamespace()}
    return Table(make or (lambda self, i: {"img": self.image(i), "fine_label": self.kept[i]}), features=features)


def test_a_class_label_of_the_datasets_library():
    real = hugging()
    assert class_names_of(real) == ["cat", "dog"] and resolve_targets(real).tolist() == real.kept
    assert class_names_of(Subset(real, [11, 0])) == ["cat", "dog"] and resolve_targets(
        Subset(real, [11, 0])
    ).tolist() == [1, 0]
    generator = small().fit(real)
    assert dict(generator.data_profile_.class_names) == {0: "cat", 1: "dog"}
    blend = BlendedDataset(real, generator)
    assert blend.classes == ["cat", "dog"] and list(blend[-1]) == ["img", "fine_label"] and blend[-1]["fine_label"] == 1
    assert isinstance(blend[-1]["img"], Image.Image)
    with pytest.raises(InvalidParameterError, match=r"class 1 \(elk\)"):
        BlendedDataset(hugging(names=("cat", "elk")), generator)


def test_two_labels_of_an_item():
    def make(self, i):
        return {"img": self.image(i), "fine_label": self.kept[i], "coarse_label": 7}

    features = {
        "img": SimpleNamespace(),
        "fine_label": SimpleNamespace(names=["cat", "dog"]),
        "coarse_label": SimpleNamespace(names=[f"kind {i}" for i in range(8)]),
    }
    real = hugging(make, **features)
    with pytest.raises(InvalidDataError) as told:
        small().fit(real)
    assert "'fine_label', 'coarse_label'" in str(told.value)
    advice = re.search(r"targets=(\[.*?\] for item in dataset\])", str(told.value)).group(1)
    targets = eval(advice, {"dataset": [real[i] for i in range(12)]})
    generator = small().fit(real, targets)
    assert dict(generator.data_profile_.class_names) == {0: "cat", 1: "dog"}
    with pytest.raises(InvalidDataError, match=r"say what synthetic items hold .*fill=\{'coarse_label': -1\}"):
        BlendedDataset(real, generator, targets=targets)
    blend = BlendedDataset(real, generator, targets=targets, fill={"coarse_label": -1})
    assert blend.classes == ["cat", "dog"]
    assert (
        blend[-1] == {"img": blend[-1]["img"], "fine_label": 1, "coarse_label": -1} or blend[-1]["coarse_label"] == -1
    )
    made = balance(real, small(), targets=targets, fill={"coarse_label": 7})
    assert made[-1]["fine_label"] == 1 and made[-1]["coarse_label"] == 7


Row = collections.namedtuple("Row", "image label number")


@cases(
    ("make", "place", "value"),
    [
        (lambda self, i: (floats(self, i), self.kept[i], i), 2, -1),
        (lambda self, i: [floats(self, i), self.kept[i], f"{i}.png"], 2, ""),
        (lambda self, i: (floats(self, i), f"images/{i}.png", self.kept[i]), 1, "synthetic/"),
        (lambda self, i: Row(floats(self, i), self.kept[i], torch.tensor(i)), 2, -1),
        (lambda self, i: {"id": i, "x": floats(self, i), "label": self.kept[i]}, "id", -1),
        (lambda self, i: {"path": f"{i}", "image": floats(self, i), "target_class": self.kept[i]}, "path", ""),
        (lambda self, i: (floats(self, i), self.kept[i], torch.zeros(5)), 2, torch.ones(5)),
        (lambda self, i: (i, floats(self, i), self.kept[i]), 0, -1),
    ],
)
def test_further_entries(of_floats, make, place, value):
    real = Items(make)
    assert small().fit(real).classes_.tolist() == [0, 1]
    with pytest.raises(InvalidDataError) as told:
        BlendedDataset(real, of_floats)
    assert f"fill={{{place!r}: " in str(told.value)
    blend = BlendedDataset(real, of_floats, fill={place: value}, return_weight=None)
    item = blend[-1]
    assert type(item) is type(real[0]) and len(item) == 3 and blend[0][place] is not None
    held = item[place]
    assert type(held) is type(real[0][place])
    assert bool(torch.equal(held, value) if isinstance(value, torch.Tensor) else held == value)
    assert next(iter(DataLoader(blend, batch_size=16)))


def test_entries_by_index_and_wrong_ones(of_floats):
    real = Items(lambda self, i: (floats(self, i), self.kept[i], i))
    blend = BlendedDataset(real, of_floats, fill={2: lambda index: index})
    assert [item[2] for item in blend.__getitems__(list(range(16)))] == list(range(16))
    with pytest.raises(InvalidParameterError, match="fill= speaks of entry 5, but the further entries of item 0"):
        BlendedDataset(real, of_floats, fill={2: -1, 5: 0})
    with pytest.raises(InvalidDataError, match="fill= gives 'none' for an entry that real items hold as an int"):
        BlendedDataset(real, of_floats, fill={2: "none"})
    weighed = BlendedDataset(real, of_floats, fill={2: -1}, weight=0.5)
    assert len(weighed[-1]) == 4 and weighed[-1][3] == 0.5
    stacked = StackDataset(torch.rand(12, 3, 8, 8), torch.tensor(real.kept), torch.arange(12))
    assert BlendedDataset(stacked, of_floats, fill={2: -1})[-1][2] == -1


@cases(
    ("make", "named"),
    [
        (lambda self, i: (floats(self, i), self.kept[i], tv_tensors.Mask(torch.zeros(8, 8))), "Mask"),
        (lambda self, i: {"image": floats(self, i), "label": self.kept[i], "mask": torch.zeros(8, 8)}, "'mask'"),
        (lambda self, i: (floats(self, i), {"boxes": torch.zeros(2, 4), "labels": torch.zeros(2)}), "'boxes'"),
        (lambda self, i: (floats(self, i), [{"bbox": [0, 0, 1, 1], "category_id": 1}]), "'bbox'"),
        (
            lambda self, i: {
                "image": floats(self, i),
                "boxes": tv_tensors.BoundingBoxes(torch.zeros(1, 4), format="XYXY", canvas_size=(8, 8)),
                "label": self.kept[i],
            },
            "'boxes', BoundingBoxes",
        ),
    ],
)
def test_detection_and_segmentation_are_refused_by_name(of_floats, make, named):
    real = Items(make)
    with pytest.raises(InvalidDataError, match=f"{named}.*detection"):
        BlendedDataset(real, of_floats, targets=real.kept)


def test_labels_of_detection_are_told_in_fit():
    real = Items(lambda self, i: (floats(self, i), {"boxes": torch.zeros(2, 4)}))
    with pytest.raises(InvalidDataError, match="with 'boxes': that is detection .* as targets="):
        small().fit(real)
    assert small().fit(real, real.kept).classes_.tolist() == [0, 1]  # the advice


def test_a_mask_that_looks_like_a_view(of_floats):
    real = Items(lambda self, i: (floats(self, i), (floats(self, i)[:1] > 0.5).float(), self.kept[i]))
    with pytest.raises(InvalidDataError, match=r"belong to the real image \(a mask\), .* wrap the dataset"):
        BlendedDataset(real, of_floats)


def test_items_as_they_are_split():
    image = torch.zeros(3, 8, 8)
    assert split_item((image, "a/b.png", 3), "it")[1] == 3
    assert split_item((image, "dog", 3), "it")[1] == "dog"
    assert split_item((image, image, 3), "it")[1] == 3
    assert split_item((image, 4, 3), "it", known=3)[1] == 3
    assert split_item({"name": "x", "pixels": image, "y": 2}, "it") == (image, 2)
    assert split_item({"pixels": image}, "it", labelled=False) == (image, None)
    assert split_item({"fine_label": 1, "coarse_label": 2, "img": image}, "it", known=2) == (image, 2)


# ---- H7: series of unequal lengths ---------------------------------------------------------------


@cases(
    "series",
    [
        [np.zeros((2, 30 + i)) for i in range(4)],
        [np.zeros(30 + i) for i in range(4)],
        [torch.zeros(1, 30 + i) for i in range(4)],
        [np.zeros((30, 2)), np.zeros((31, 2))],
    ],
)
def test_series_of_unequal_lengths(series):
    # a SeriesGAN takes such a list; where one array is needed, it is named as the way
    with pytest.raises(InvalidDataError, match=r"series differ: item 0 .*give SeriesGAN a list of arrays") as error:
        resolve_samples(series)
    assert "Resize" not in str(error.value)


def test_the_advice_on_series_works():
    own = np.random.default_rng(0)
    series = [own.normal(size=(2, 24 + i % 3)) for i in range(30)]
    y = np.arange(30) // 20
    gan = SeriesGAN(max_steps=2, batch_size=8, channels=2, max_channels=4, verbose=False)
    for made in (
        [x[..., :24] for x in series],
        [np.pad(x, [(0, 0), (0, 26 - x.shape[1])]) for x in series],
    ):
        assert gan.fit(made, y).sample(2, label=1)[0].shape == (2, 2, made[0].shape[1])


@cases(
    "images",
    [
        [np.zeros((12, 10, 3), np.uint8), np.zeros((12, 11, 3), np.uint8)],
        [np.zeros((12, 10), np.uint8), np.zeros((12, 11), np.uint8)],
        [torch.zeros(3, 12, 10), torch.zeros(3, 12, 11)],
        [picture("cat", 0, 8), picture("cat", 0, 10)],
    ],
)
def test_images_of_unequal_sizes_are_to_be_resized(images):
    with pytest.raises(InvalidDataError, match=r"images differ: .*Resize"):
        ImageGAN().fit(images, [0, 1])
