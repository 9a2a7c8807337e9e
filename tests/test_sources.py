"""Arrays and labels out of datasets and folders, and what is said where that cannot be done."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import cases
from PIL import Image
from torch.utils.data import (
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)
from torchvision import datasets, tv_tensors
from torchvision.transforms import v2

from ganaug import balance
from ganaug.encoding.image_codec import ImageCodec
from ganaug.encoding.on_disk import resolve_pairs
from ganaug.encoding.sources import Source, class_names_of, resolve_samples, resolve_targets
from ganaug.exceptions import DataWarning, InvalidDataError, InvalidParameterError, InvalidTypeError

LABELS = [2, 0, 1, 0, 0, 2]
ROOT = Path(__file__).resolve().parents[1]


def picture(i=0, size=(12, 10), mode="L"):
    """Of (width, height) ``size``, each ``i`` another one."""
    return Image.fromarray(np.full((size[1], size[0]), 10 * i + 5, np.uint8)).convert(mode)


class Keeps(Dataset):
    """A dataset like torchvision's: labels under some name, items that can be made to fail."""

    def __init__(self, n=6, broken=False, mode="L", **columns):
        self.n, self.broken, self.mode = n, broken, mode
        self.__dict__.update(columns)

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        assert not self.broken, "an image was loaded"
        if i >= self.n:
            raise IndexError(i)
        return picture(i, mode=self.mode), LABELS[i]


class Items(Dataset):
    """Just items."""

    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


class Streams(IterableDataset):
    """A dataset that cannot be indexed."""

    def __iter__(self):
        return iter([(picture(), 0)])


@pytest.fixture
def folder(tmp_path):
    """Class folders b (3 images), a (2, one of them deeper) and things that are no images."""
    root = tmp_path / "data"
    for i, name in enumerate(["b/1.png", "b/0.bmp", "b/2.webp", "a/deep/x.PNG", "a/y.tiff"]):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        picture(i, mode="RGB").save(root / name, **({"lossless": True} if name.endswith("webp") else {}))
    (root / "a" / "notes.txt").write_text("no image")
    (root / "a" / "._y.png").write_text("what a Mac leaves behind")
    (root / ".cache").mkdir()
    (root / "readme.md").write_text("no image")
    return root


# ------------------------------------------------------------------------------------------ targets


@cases("name", ["targets", "labels", "_labels"])
@cases("kind", [list, tuple, np.array, torch.tensor, pd.Series])
def test_labels_are_found_without_an_image(name, kind):
    labels = resolve_targets(Keeps(broken=True, **{name: kind(LABELS)}))
    assert isinstance(labels, np.ndarray) and labels.tolist() == LABELS and labels.dtype.kind == "i"


@pytest.mark.parametrize("name", ["samples", "_samples"])
def test_labels_of_pairs(name):
    pairs = [(f"{i}.png", label) for i, label in enumerate(LABELS)]
    assert resolve_targets(Keeps(broken=True, **{name: pairs})).tolist() == LABELS


def test_labels_through_every_nesting():
    known = Keeps(broken=True, targets=LABELS)
    assert resolve_targets(Subset(known, [5, 0, 1])).tolist() == [2, 2, 0]
    assert resolve_targets(Subset(known, torch.tensor([-1, 1]))).tolist() == [2, 0]
    assert resolve_targets(Subset(Subset(known, [5, 4, 3, 2]), [3, 0])).tolist() == [1, 2]
    tensors = TensorDataset(torch.zeros(3, 1, 8, 8), torch.tensor([7, 8, 9]))
    both = ConcatDataset([Subset(known, [2]), tensors, Subset(known, [])])
    assert resolve_targets(both).tolist() == [1, 7, 8, 9]
    assert resolve_targets(Subset(both, [3, 0])).tolist() == [9, 1]
    one, two = random_split(both, [2, 2], generator=torch.Generator().manual_seed(0))
    assert sorted([*resolve_targets(one), *resolve_targets(two)]) == [1, 7, 8, 9]
    assert resolve_targets(TensorDataset(torch.zeros(3, 2), torch.tensor([[7], [8], [9]]))).tolist() == [7, 8, 9]


def test_only_what_is_not_known_is_read():
    known, unknown = Keeps(broken=True, targets=LABELS), Keeps()
    assert resolve_targets(unknown).tolist() == LABELS
    assert resolve_targets(ConcatDataset([known, unknown])).tolist() == LABELS * 2
    reads = []

    class Counts(Keeps):
        def __getitem__(self, i):
            reads.append(i)
            return super().__getitem__(i)

    assert resolve_targets(Subset(Counts(), [4, 2])).tolist() == [0, 1]
    assert reads == [4, 2]


@cases(
    "labels",
    [
        torch.tensor([1, 0, 2]),
        np.array([1, 0, 2]),
        [1, 0, 2],
        TensorDataset(torch.tensor([1, 0, 2])),
        Items([1, 0, 2]),
        Items([(1,), (0,), (2,)]),
        Items(list(torch.tensor([1, 0, 2]))),
    ],
)
def test_labels_of_stacks(labels):
    images = TensorDataset(torch.zeros(3, 1, 8, 8))
    for stack in (StackDataset(images, labels), StackDataset(image=images, label=labels)):
        assert resolve_targets(stack).tolist() == [1, 0, 2]
        assert resolve_targets(Subset(stack, [2])).tolist() == [2]


def test_stacks_without_labels():
    images = Items([picture()] * 2)
    for stack in (StackDataset(images), StackDataset(image=images, mask=images)):
        with pytest.raises(InvalidDataError, match="no second part"):
            resolve_targets(stack)
    with pytest.raises(InvalidDataError, match="label of item 0 is a tuple"):
        resolve_targets(StackDataset(Keeps(), Keeps()))


def test_an_attribute_of_another_length_is_not_believed():
    class Forwards(Subset):
        def __getattr__(self, name):
            return getattr(self.dataset, name)

    assert resolve_targets(Forwards(Keeps(broken=True, targets=LABELS), [1, 2])).tolist() == [0, 1]
    assert resolve_targets(Keeps(targets=[1, 2], labels=LABELS, broken=True)).tolist() == LABELS


def test_target_transforms_are_applied():
    class Transformed(Keeps):
        def __getitem__(self, i):
            image, label = super().__getitem__(i)
            return image, self.target_transform(label)

    for transform, expected in ((lambda t: t % 2, [0, 0, 1, 0, 0, 0]), (lambda t: f"c{t}", [f"c{t}" for t in LABELS])):
        known = Transformed(broken=True, targets=torch.tensor(LABELS), target_transform=transform, classes=["a"] * 3)
        assert resolve_targets(known).tolist() == expected and class_names_of(known) is None
    wrong = Keeps(targets=LABELS, target_transform=lambda t: [0, t])
    with pytest.raises(InvalidDataError, match=r"what target_transform of the Keeps makes has shape \(6, 2\)"):
        resolve_targets(wrong)


@cases(
    ("labels", "dtype"),
    [(["a", "b"], "U"), ([True, False], "b"), ([np.int8(3), np.int8(4)], "i"), ([1, "a"], "O"), ([1.0, 2.0], "f")],
)
def test_kinds_of_labels(labels, dtype):
    found = resolve_targets(Items([(picture(), label) for label in labels]))
    assert found.dtype.kind == dtype and found.tolist() == labels


def test_items_that_are_dicts():
    items = Items([{"image": picture(i), "label": i % 2} for i in range(4)])
    assert resolve_targets(items).tolist() == [0, 1, 0, 1]
    X, y, _ = resolve_samples(items)
    assert X.shape == (4, 10, 12) and y.tolist() == [0, 1, 0, 1]


@cases(
    ("dataset", "targets", "error", "text"),
    [
        (Items([]), None, InvalidDataError, "Items has length 0"),
        (Items([]), [], InvalidDataError, "Items has length 0"),
        (Items([picture()]), None, InvalidDataError, "item 0 of the Items has no label: it is a Image.*targets="),
        (Items([(picture(),)]), None, InvalidDataError, "no label"),
        (Items([(picture(), 1), (picture(), None)]), None, InvalidDataError, "label of item 1 is None"),
        (
            Items([(picture(), {"boxes": 1})] * 2),
            None,
            InvalidDataError,
            "label of item 0 .* is a dict with .boxes.: that is detection",
        ),
        (Items([(picture(), torch.zeros(3))] * 2), None, InvalidDataError, r"shape \(2, 3\).*argmax"),
        (
            Items([(picture(), torch.zeros(i)) for i in (2, 3)]),
            None,
            InvalidDataError,
            r"item 0 is a Tensor of shape \(2,\)",
        ),
        (TensorDataset(torch.zeros(3, 4)), None, InvalidDataError, "no labels, only one tensor"),
        (TensorDataset(torch.zeros(3, 4), torch.eye(3)), None, InvalidDataError, r"last tensor .* shape \(3, 3\)"),
        (Keeps(), [1, 2], InvalidDataError, "targets holds 2 labels, but the dataset has 6 items"),
        (Keeps(), 3, InvalidDataError, r"targets has shape \(\)"),
        (Keeps(targets=[None] * 6), None, InvalidDataError, "label of item 0 is None"),
        (DataLoader(Keeps()), None, InvalidTypeError, "gives batches; give its .dataset"),
        (3, None, InvalidTypeError, "int cannot be indexed"),
        (Streams(), None, InvalidTypeError, "Streams has no length; give a map-style"),
    ],
)
def test_labels_that_cannot_be_found(dataset, targets, error, text):
    with pytest.raises(error, match=text):
        resolve_targets(dataset, targets)


def test_given_targets_prevail():
    assert resolve_targets(Keeps(broken=True), torch.tensor([5] * 6)).tolist() == [5] * 6
    assert resolve_targets(Keeps(broken=True, targets=LABELS), list("abcdef")).tolist() == list("abcdef")


def test_parts_that_number_their_classes_differently_warn():
    one, two = (
        Keeps(targets=LABELS, classes=["cat", "dog", "fox"]),
        Keeps(targets=LABELS, classes=["dog", "fox", "yak"]),
    )
    with pytest.warns(DataWarning, match=r"\['cat', 'dog', 'fox'\] and \['dog'"):
        resolve_targets(ConcatDataset([one, two]))
    assert class_names_of(ConcatDataset([one, two])) is None
    assert class_names_of(Subset(ConcatDataset([one, one]), [1])) == ["cat", "dog", "fox"]


# ------------------------------------------------------------------------------------------ samples


def test_arrays_pass_through(rng):
    y = [0, 1, 0]
    for X in (rng.random((3, 8, 8)), torch.zeros(3, 1, 8, 8), pd.DataFrame(rng.random((3, 9)))):
        found, labels, source = resolve_samples(X, y)
        assert found is X and labels is y and source == Source("array")
    assert resolve_samples(rng.random((3, 8, 8)))[1] is None
    X, labels, source = resolve_samples([picture(i) for i in range(3)], y)
    assert X.shape == (3, 10, 12) and labels is y and source.kind == "list"


def test_tensor_datasets_are_not_copied():
    X, y = torch.rand(6, 3, 8, 8), torch.tensor(LABELS)
    found, labels, source = resolve_samples(TensorDataset(X, y))
    assert found is X and labels.tolist() == LABELS and source == Source("dataset")
    found, labels, _ = resolve_samples(Subset(Subset(TensorDataset(X, y), [5, 2, 1]), [2, 0]))
    assert torch.equal(found, X[[1, 5]]) and labels.tolist() == [0, 2]
    found, labels, _ = resolve_samples(TensorDataset(X), y)
    assert found is X and labels.tolist() == LABELS

    class Negative(TensorDataset):
        def __getitem__(self, i):
            x, label = super().__getitem__(i)
            return -x, label

    assert torch.equal(resolve_samples(Negative(X, y))[0], -X)
    found, labels, _ = resolve_samples(ConcatDataset([TensorDataset(X, y), Negative(X, y)]))
    assert torch.equal(found, torch.cat([X, -X])) and labels.tolist() == LABELS * 2


@pytest.mark.parametrize("known", [True, False])
def test_datasets_of_pictures(known):
    for mode, shape in (("L", (6, 10, 12)), ("RGB", (6, 10, 12, 3))):
        dataset = Keeps(mode=mode, classes=["a", "b", "c"], **({"targets": LABELS} if known else {}))
        X, y, source = resolve_samples(dataset)
        assert X.dtype == np.uint8 and X.shape == shape and y.tolist() == LABELS
        assert source == Source("dataset", ("a", "b", "c"))
        assert X.reshape(6, -1)[:, 0].tolist() == [5, 15, 25, 35, 45, 55]
        X, y, _ = resolve_samples(dataset, image_size=(16, 8))
        assert X.shape == (6, 16, 8, *shape[3:]) and X.reshape(6, -1)[:, 0].tolist() == [5, 15, 25, 35, 45, 55]


def test_an_item_is_read_once():
    reads = []

    class Counts(Keeps):
        def __getitem__(self, i):
            reads.append(i)
            return super().__getitem__(i)

    resolve_samples(Counts())
    assert reads == list(range(6))


def test_items_that_are_random_warn():
    # as the transforms of torchvision do; whoever fits on them twice learns two things, whatever the seed
    data, flip = [(torch.full((1, 8, 8), i / 6), i % 2) for i in range(6)], v2.RandomHorizontalFlip()

    class Changes(Items):
        def __getitem__(self, i):
            sample, label = super().__getitem__(i)
            return flip(sample), label

    with pytest.warns(DataWarning, match="reading the Changes drew random numbers.*Fit on the same dataset without"):
        resolve_samples(Changes(data))
    resolve_samples(Items(data))


def test_items_of_every_kind():
    for make, kind, shape in (
        (lambda i: torch.full((3, 8, 9), i, dtype=torch.uint8), torch.Tensor, (4, 3, 8, 9)),
        (lambda i: tv_tensors.Image(torch.full((3, 8, 9), i, dtype=torch.uint8)), torch.Tensor, (4, 3, 8, 9)),
        (lambda i: torch.full((8, 9), i).bfloat16(), torch.Tensor, (4, 8, 9)),
        (lambda i: torch.full((3, 8, 9), i).requires_grad_(i < 0), torch.Tensor, (4, 3, 8, 9)),
        (lambda i: np.full((8, 9, 3), i, np.float32), np.ndarray, (4, 8, 9, 3)),
    ):
        items = Items([(make(i), torch.tensor(i % 2), "more") for i in range(4)])
        X, y, _ = resolve_samples(items)
        assert type(X) is kind and tuple(X.shape) == shape and X.dtype == make(0).dtype
        assert [int(x.ravel()[0]) for x in X] == [0, 1, 2, 3] and y.tolist() == [0, 1, 0, 1]
    stack = StackDataset(Items([picture(i) for i in range(3)]), torch.tensor([1, 0, 1]))
    X, y, _ = resolve_samples(stack)
    assert X.shape == (3, 10, 12) and y.tolist() == [1, 0, 1]


def test_given_labels_of_datasets():
    X, y, _ = resolve_samples(Items([picture(i) for i in range(3)]), ["a", "b", "a"])
    assert X.shape == (3, 10, 12) and y.tolist() == ["a", "b", "a"]
    assert resolve_samples(Items([(picture(i),) for i in range(3)]), [1, 2, 1])[0].shape == (3, 10, 12)
    assert resolve_samples(Keeps(targets=LABELS), [9] * 6)[1].tolist() == [9] * 6
    with pytest.raises(InvalidDataError, match="2 labels, but the dataset has 3 items"):
        resolve_samples(Items([picture()] * 3), [1, 2])


def test_torchvision_datasets(folder):
    X, y, source = resolve_samples(datasets.ImageFolder(folder_of(folder), transform=v2.ToImage()))
    assert type(X) is torch.Tensor and X.shape == (5, 3, 10, 12) and y.tolist() == [0, 0, 1, 1, 1]
    assert source.classes == ("a", "b")
    fake = datasets.FakeData(size=7, image_size=(3, 9, 8), num_classes=3)
    X, y, _ = resolve_samples(fake)
    assert X.shape == (7, 9, 8, 3) and y.tolist() == [fake[i][1] for i in range(7)]
    wrapped = datasets.wrap_dataset_for_transforms_v2(datasets.ImageFolder(folder_of(folder)))
    assert resolve_samples(wrapped)[1].tolist() == [0, 0, 1, 1, 1]
    doubled = datasets.ImageFolder(folder_of(folder), target_transform=lambda t: 10 * t)
    assert resolve_samples(doubled)[1].tolist() == [0, 0, 10, 10, 10]


def folder_of(folder):
    """What ImageFolder can stomach: it lists a hidden folder as a class without images."""
    for odd in (folder / ".cache", folder / "a" / "._y.png"):
        odd.rmdir() if odd.is_dir() else odd.unlink(missing_ok=True)
    return folder


def test_a_dataset_like_fashion_mnist(shared_data):
    X, y, _, _ = shared_data.load_images("fashion_mnist")

    class Fashion(Dataset):
        def __init__(self):
            self.data, self.targets = X[:50], torch.from_numpy(y[:50].astype(np.int64))

        def __len__(self):
            return len(self.data)

        def __getitem__(self, i):
            return Image.fromarray(self.data[i]), int(self.targets[i])

    found, labels, _ = resolve_samples(Subset(Fashion(), range(10, 30)))
    np.testing.assert_array_equal(found, X[10:30])
    np.testing.assert_array_equal(labels, y[10:30])


# ------------------------------------------------------------------------------------------ samples that fail


def test_mixed_items_name_both():
    for items, text in (
        (
            [picture(size=(12, 10)), picture(size=(9, 10))],
            "item 0 of the Items is 10 x 12 L, item 1 .* 10 x 9 L; resize",
        ),
        ([picture(), picture(mode="RGB")], "10 x 12 L, item 1 of the Items is 10 x 12 RGB.*convert"),
        ([torch.zeros(3, 8, 8), torch.zeros(3, 9, 8)], r"shape \(3, 9, 8\)"),
        ([torch.zeros(3, 8, 8), torch.zeros(3, 8, 8).half()], "dtype float16"),
        ([picture(), torch.zeros(10, 12)], "item 1 of the Items is a tensor"),
    ):
        with pytest.raises(InvalidDataError, match=text):
            resolve_samples(Items([(item, 0) for item in items]))


@cases(
    ("dataset", "error", "text"),
    [
        (Items([]), InvalidDataError, "length 0"),
        (Items([picture()]), InvalidDataError, "item 0 of the Items has no label"),
        (Items([(picture(), 1), picture()]), InvalidDataError, "item 1 of the Items has no label"),
        (Items([(picture(), None)]), InvalidDataError, "label of item 0 is None"),
        (Items([("a.png", 1)]), InvalidTypeError, "item 0 of the Items is a str"),
        (Items([(None, 1)]), InvalidTypeError, "is a NoneType"),
        (TensorDataset(torch.zeros(3, 1, 8, 8)), InvalidDataError, "only one tensor"),
        (DataLoader(Keeps()), InvalidTypeError, "give its .dataset"),
        (Streams(), InvalidTypeError, "has no length"),
        (picture(), InvalidTypeError, "single PIL image"),
        (None, InvalidTypeError, "NoneType cannot be indexed"),
        (Keeps(broken=True), InvalidDataError, "item 0 of the Keeps cannot be read: AssertionError: an image was"),
    ],
)
def test_datasets_that_cannot_be_read(dataset, error, text):
    with pytest.raises(error, match=text):
        resolve_samples(dataset)


def test_a_label_unlike_that_of_the_list_is_named():
    with pytest.raises(InvalidDataError, match="item 1 of the Keeps carries the label 0, but .* says 1; .* as y="):
        resolve_samples(Keeps(targets=[2, 1, 1, 0, 0, 2]))
    with pytest.raises(InvalidDataError, match="carries the label <PIL"):
        resolve_samples(StackedMask())


class StackedMask(Keeps):
    """As OxfordIIITPet with target_types="segmentation"."""

    def __init__(self):
        super().__init__(_labels=LABELS)

    def __getitem__(self, i):
        return picture(i), picture(i)


@pytest.mark.parametrize("nested", [False, True])
def test_broken_files_of_datasets_are_named(folder, nested):
    (folder / "b" / "1.png").write_bytes((folder / "b" / "1.png").read_bytes()[:45])
    dataset = datasets.ImageFolder(folder_of(folder))
    if nested:
        dataset = Subset(ConcatDataset([Keeps(mode="RGB"), Subset(dataset, [2, 3])]), [1, 7])
    with pytest.raises(InvalidDataError, match=r"item \d of the \w+ \(.*1\.png\) cannot be read: .*; repair or drop"):
        resolve_samples(dataset)


def test_files_of_other_sizes_are_named_in_datasets(folder):
    picture(size=(20, 10), mode="RGB").save(folder / "b" / "1.png")
    with pytest.raises(InvalidDataError, match=r"y\.tiff\) is 10 x 12 RGB, item 3 .*1\.png\) is 10 x 20 RGB"):
        resolve_samples(datasets.ImageFolder(folder_of(folder)))


@cases("size", [32, (32,), (32, 0), (32.0, 32), "32", (True, 8), (8, 8, 3)])
def test_image_sizes(size):
    with pytest.raises(InvalidParameterError, match="height, width"):
        resolve_samples([picture()], image_size=size)


def test_image_size_where_nothing_can_be_resized():
    for X in (np.zeros((3, 8, 8)), [np.zeros((8, 8))], Items([(torch.zeros(3, 8, 8), 0)])):
        with pytest.raises(InvalidParameterError, match="image_size= resizes"):
            resolve_samples(X, image_size=(16, 16))


def test_resizing_smooths():
    stripes = Image.fromarray(np.tile(np.array([0, 255], np.uint8), (64, 32)))
    X, _, _ = resolve_samples([stripes, stripes.resize((80, 70))], image_size=(16, 16))
    assert X.shape == (2, 16, 16) and ((X[0] > 100) & (X[0] < 155)).all()
    for mode, shape in (("1", ()), ("P", (3,)), ("LA", (2,)), ("F", ()), ("I", ())):
        X, _, _ = resolve_samples([stripes.convert(mode)], image_size=(16, 16))
        assert X.shape == (1, 16, 16, *shape) and (X[..., 0].min() > 100 if shape else X.min() > 100)


# ------------------------------------------------------------------------------------------ folders


@pytest.mark.parametrize("kind", [str, Path])
def test_a_folder(folder, kind):
    X, y, source = resolve_samples(kind(folder))
    assert X.shape == (5, 10, 12, 3) and X.dtype == np.uint8
    assert y.tolist() == ["a", "a", "b", "b", "b"] and source == Source("folder", ("a", "b"))
    assert X[:, 0, 0, 0].tolist() == [45, 35, 15, 5, 25]  # a/y, a/deep/x, b/0, b/1, b/2
    assert ImageCodec().fit(X).shape == (3, 10, 12)
    assert resolve_samples(folder, image_size=(8, 9))[0].shape == (5, 8, 9, 3)


def test_a_folder_reads_like_image_folder(folder):
    X, y, source = resolve_samples(folder)
    other, codes, other_source = resolve_samples(datasets.ImageFolder(folder_of(folder)))
    np.testing.assert_array_equal(X, other)
    assert y.tolist() == [source.classes[code] for code in codes] and source.classes == other_source.classes


def test_image_size_mends_mixed_sizes(folder):
    picture(size=(30, 20), mode="RGB").save(folder / "b" / "1.png")
    with pytest.raises(
        InvalidDataError, match=r"y\.tiff is 10 x 12 RGB, .*1\.png is 20 x 30 RGB; resize .* give image_size="
    ):
        resolve_samples(folder)
    assert resolve_samples(folder, image_size=(10, 12))[0].shape == (5, 10, 12, 3)


def test_mixed_modes_are_named(folder):
    picture(mode="L").save(folder / "b" / "1.png")
    with pytest.raises(InvalidDataError, match=r'y\.tiff is 10 x 12 RGB, .*1\.png is 10 x 12 L;.*convert\("RGB"\)'):
        resolve_samples(folder, image_size=(10, 12))


@pytest.mark.parametrize(
    "content",
    [b"", b"no image at all", "truncated", "flipped"],
    ids=["empty", "text", "truncated", "flipped"],
)
@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "bmp"])
def test_corrupt_files_are_named(folder, content, ending):
    bad = folder / "b" / f"bad.{ending}"
    noise = np.random.default_rng(0).integers(0, 256, (10, 12, 3), dtype=np.uint8)
    Image.fromarray(noise).save(bad)
    data = bad.read_bytes()
    if content == "flipped" and ending in ("jpg", "bmp", "webp"):
        content = b"\0" * len(data)  # these carry no checksum: a flipped bit of theirs is another picture
    changed = {"truncated": data[: len(data) // 2], "flipped": data[:50] + b"\0" * 20 + data[70:]}
    bad.write_bytes(changed.get(content, content) if isinstance(content, str) else content)
    with pytest.raises(InvalidDataError, match=rf"bad\.{ending} cannot be read as an image: .*; repair or remove it"):
        resolve_samples(folder)


def test_folders_that_cannot_be_read(folder, tmp_path):
    bare = tmp_path / "bare"
    bare.mkdir()
    loose = tmp_path / "loose"
    loose.mkdir()
    picture().save(loose / "1.png")
    (folder / "c").mkdir()
    for path, text in (
        (tmp_path / "nowhere", "is not there; give a folder"),
        (folder / "readme.md", "is a file; give a folder"),
        (bare, "bare holds no images; give a folder that has one folder of images for each class"),
        (loose, "loose holds images without labels"),
        (folder, r"class folder\(s\) 'c' of .*data hold no image \(.*\.png.*; add images or remove"),
    ):
        with pytest.raises(InvalidDataError, match=text):
            resolve_samples(path)
    with pytest.raises(InvalidParameterError, match="names of its class folders"):
        resolve_samples(folder, [0] * 5)


def test_no_file_stays_open(folder):
    opened = set(Path("/proc/self/fd").iterdir()) if Path("/proc/self/fd").is_dir() else set()
    resolve_samples(folder)
    if opened:
        assert len(set(Path("/proc/self/fd").iterdir())) <= len(opened)


# ------------------------------------------------------------------------------------------ imports


def test_nothing_is_imported_that_the_input_does_not_need(folder):
    """Arrays need neither torch nor PIL; folders no torchvision."""
    code = (
        "import sys\n"
        "sys.modules.update(dict.fromkeys(['torchvision', 'PIL']))\n"
        "import numpy as np\n"
        "from ganaug.encoding.image_codec import ImageCodec\n"
        "from ganaug.encoding.series_codec import SeriesCodec\n"
        "from ganaug.encoding.sources import resolve_samples\n"
        "X = np.arange(640, dtype=np.uint8).reshape(10, 8, 8)\n"
        "X, y, source = resolve_samples(X, [0, 1] * 5)\n"
        "codec = ImageCodec().fit(X); assert (codec.decode(codec.encode(X)) == X).all()\n"
        "codec = SeriesCodec().fit(X); assert (codec.decode(codec.encode(X)) == X).all()\n"
        "try:\n"
        f"    resolve_samples({str(folder)!r})\n"
        "except ImportError as error:\n"
        "    print(type(error).__name__, error)\n"
        "del sys.modules['PIL']\n"
        f"print(resolve_samples({str(folder)!r})[0].shape, 'torch' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:2] == [
        "MissingDependencyError images are read by pillow; pip install pillow",
        "(5, 10, 12, 3) False",
    ]


def test_paths_and_pairs_where_datasets_are_expected(tmp_path):
    images = [np.full((8, 8, 3), i, np.uint8) for i in range(4)]
    X, y, source = resolve_samples([(image, i % 2) for i, image in enumerate(images)])
    assert X.shape == (4, 8, 8, 3) and y.tolist() == [0, 1, 0, 1] and source.kind == "dataset"
    for given in (str(tmp_path), tmp_path):
        with pytest.raises(InvalidTypeError, match=r"is a path; give a map-style torch Dataset .* ImageFolder\(path\)"):
            balance(given)
    pairs = resolve_pairs([*zip(images, [Image.fromarray(image) for image in images], strict=True)])
    assert np.array_equal(pairs.inputs, pairs.targets) and pairs.modes == (None, "RGB")
