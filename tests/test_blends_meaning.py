"""Blends compare what samples and labels mean: value ranges, names of classes, views, further entries, epochs, splits."""

from __future__ import annotations

import collections
import re
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import (
    DataLoader,
    Dataset,
    RandomSampler,
    StackDataset,
    Subset,
    TensorDataset,
    WeightedRandomSampler,
    random_split,
)
from torchvision import tv_tensors
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

import ganaug
from ganaug import BlendedDataset, ImageGAN, SeriesGAN, SmoothedBootstrap, SyntheticDataset, TabularGAN, balance
from ganaug.codecs.sources import resolve_samples
from ganaug.codecs.targets_of import class_names_of, resolve_targets, split_item
from ganaug.datasets import ShareBatchSampler, split_real
from ganaug.exceptions import DataWarning, InvalidDataError, InvalidParameterError, InvalidTypeError
from ganaug.transforms import SamplePool, SyntheticBlend, SyntheticMixUp

FLOAT = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
NORMAL = v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
HALF = v2.Normalize([0.5] * 3, [0.5] * 3)
BYTES = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32)])
# What each class looks like, whatever number it has: the level of its grey.
GREY = {"cat": 40, "dog": 120, "elk": 200}


def then(*steps):
    return v2.Compose([FLOAT, *steps])


def picture(name, i, side=8):
    grey = GREY[name] + np.random.default_rng(i).integers(-8, 9, (side, side, 3))
    grey[:2] = 255 * (np.arange(side) % 2)[None, :, None]  # black and white are there
    return Image.fromarray(grey.astype(np.uint8))


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A function of class counts to the folder with them."""
    made = {}

    def folder(**counts):
        key = tuple(counts.items())
        if key not in made:
            made[key] = tmp_path_factory.mktemp("folder")
            for name, n in counts.items():
                (made[key] / name).mkdir()
                for i in range(n):
                    picture(name, i).save(made[key] / name / f"{i}.png")
        return made[key]

    return folder


@pytest.fixture(scope="module")
def cats_and_dogs(folders):
    return folders(cat=14, dog=9)


def small():
    return ImageGAN(
        max_steps=2, batch_size=8, channels=4, max_channels=8, curate=False, random_state=0, device="cpu", verbose=False
    )


@pytest.fixture(scope="module")
def fitted(cats_and_dogs):
    """Generators by the transform that their training images had been through."""
    known = {}

    def of(transform):
        if id(transform) not in known:
            known[id(transform)] = small().fit(ImageFolder(cats_and_dogs, transform=transform)), transform
        return known[id(transform)][0]

    return of


def copies(folder):
    """A generator that gives real images back, smeared, and knows the names of their classes: what it makes is seen."""
    images, labels, source = resolve_samples(ImageFolder(folder))
    generator = SmoothedBootstrap(random_state=0, bandwidth=0.0)
    generator.fit_prepared(_with_names(generator.prepare(images, labels), source.classes))
    return generator


def _with_names(prepared, names):
    from dataclasses import replace

    return replace(prepared, names=names)


def grey_of(samples):
    """The class that synthetic images look like."""
    found = np.asarray([np.median(np.asarray(sample)) for sample in samples])
    names = list(GREY)
    return [names[int(np.argmin([abs(grey - GREY[name]) for name in names]))] for grey in found]


class Items(Dataset):
    """Items of any make over pictures and labels."""

    def __init__(self, make, n=12, labels=None, transform=None, **attributes):
        self.make, self.n, self.transform = make, n, transform
        self.kept = [0] * (n - 4) + [1] * 4 if labels is None else labels
        self.__dict__.update(attributes)

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        return self.make(self, i)

    def image(self, i):
        return picture(["cat", "dog", "elk"][self.kept[i]], i)


def floats(dataset, i):
    return FLOAT(dataset.image(i))


@pytest.fixture(scope="module")
def of_floats():
    """A generator of images in 0 to 1 of the classes 0 and 1."""
    data = Items(lambda self, i: (floats(self, i), self.kept[i]))
    return small().fit(data)


# ---- H1: value ranges ----------------------------------------------------------------------------


def test_a_missing_normalisation_is_applied(fitted, cats_and_dogs):
    blend = BlendedDataset(ImageFolder(cats_and_dogs, transform=then(NORMAL)), fitted(FLOAT))
    made = blend[-1][0]
    plain = blend.synthetic.face(blend.synthetic.stored(np.array([blend._order[-1]])))[0]
    torch.testing.assert_close(made, NORMAL(plain))
    assert "Normalize" in repr(blend.transform)
    erased = then(NORMAL, v2.RandomErasing(p=1.0))
    blend = BlendedDataset(ImageFolder(cats_and_dogs, transform=erased), fitted(FLOAT))
    assert "RandomErasing" in repr(blend.transform)


def test_the_advice_of_a_refused_range_works(fitted, cats_and_dogs):
    real = ImageFolder(cats_and_dogs, transform=then(lambda x: NORMAL(x)))  # nobody can see what it does
    with pytest.raises(
        InvalidDataError, match=r"different scales: .* go beyond it; .* fitted on values 0.* transform="
    ):
        BlendedDataset(real, fitted(FLOAT))
    given = BlendedDataset(real, fitted(FLOAT), transform=NORMAL)
    assert given[-1][0].dtype == torch.float32
    BlendedDataset(real, small().fit(real))
    assert BlendedDataset(real, fitted(FLOAT), check_values=False)[-1][0].max() <= 1


@pytest.mark.parametrize(
    ("learnt", "real"),
    [
        ("FLOAT", HALF),
        ("FLOAT", lambda x: 255 * x),
        ("HALF", lambda x: x),
        ("HALF", NORMAL),
        ("BYTES", lambda x: x),
        ("BYTES", HALF),
        ("NORMAL", lambda x: x),
        ("NORMAL", lambda x: 255 * x),
        ("FLOAT", lambda x: x / 255),
        ("NORMAL", lambda x: 255 * NORMAL(x)),
    ],
)
def test_other_ranges_are_refused(fitted, cats_and_dogs, learnt, real):
    made = fitted({"FLOAT": FLOAT, "HALF": PAIRS["HALF"], "BYTES": BYTES, "NORMAL": PAIRS["NORMAL"]}[learnt])
    dataset = ImageFolder(cats_and_dogs, transform=then(lambda x: real(x)))
    with pytest.raises(InvalidDataError, match="different scales"):
        BlendedDataset(dataset, made)
    with pytest.raises(InvalidDataError, match="different scales"):
        BlendedDataset(dataset, made, transform=None)
    whole = torch.stack([x for x, _ in dataset])
    with pytest.raises(InvalidDataError, match="different scales"):
        BlendedDataset(TensorDataset(whole, torch.tensor(dataset.targets)), made)


PAIRS = {"HALF": then(HALF), "NORMAL": then(NORMAL)}


@pytest.mark.parametrize(
    ("learnt", "real"),
    [
        ("FLOAT", v2.ColorJitter(0.5, 0.5)),
        ("FLOAT", v2.RandomErasing(p=1.0)),
        ("FLOAT", v2.RandomResizedCrop(8, scale=(0.2, 1.0))),
        ("FLOAT", v2.Resize(8, interpolation=v2.InterpolationMode.BICUBIC)),
        ("FLOAT", lambda x: 0.3 * x),
        ("FLOAT", lambda x: x + 0.1 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))),
        ("FLOAT", lambda x: 1 - x),
        ("NORMAL", lambda x: NORMAL(0.4 * x)),
        ("NORMAL", lambda x: NORMAL(v2.functional.adjust_contrast(x, 0.3))),
        ("HALF", lambda x: HALF(0.5 * x)),
        ("BYTES", lambda x: 60 * x),
    ],
)
def test_augmented_darker_flatter_pictures_pass(fitted, cats_and_dogs, learnt, real):
    made = fitted({"FLOAT": FLOAT, "HALF": PAIRS["HALF"], "BYTES": BYTES, "NORMAL": PAIRS["NORMAL"]}[learnt])
    assert len(BlendedDataset(ImageFolder(cats_and_dogs, transform=then(lambda x: real(x))), made)) == 28
    assert (
        len(BlendedDataset(ImageFolder(cats_and_dogs, transform=then(lambda x: real(x))), made, transform=None)) == 28
    )


def test_bytes_and_flags(cats_and_dogs):
    folder = ImageFolder(cats_and_dogs, transform=v2.PILToTensor())
    whole, labels = torch.stack([x for x, _ in folder]), torch.tensor(folder.targets)
    flags = (whole > 128).to(torch.uint8)
    made = small().fit(flags, labels)
    assert len(BlendedDataset(TensorDataset(flags, labels), made)) == 28
    with pytest.raises(InvalidDataError, match="scale of 0 to 1"):
        BlendedDataset(TensorDataset(whole, labels), made)
    with pytest.raises(InvalidDataError, match="different scales"):
        BlendedDataset(folder, made)
    with pytest.raises(InvalidDataError, match="different scales"):
        BlendedDataset(TensorDataset(flags, labels), small().fit(whole, labels))
    # through the same transform as the real ones: nothing to compare but bytes
    assert len(BlendedDataset(ImageFolder(cats_and_dogs, transform=then(NORMAL)), small().fit(whole, labels))) == 28


def test_a_generator_of_floats_that_are_transformed_again():
    def make(self, i):
        x = floats(self, i)
        return (x if self.transform is None else self.transform(x)), self.kept[i]

    real = Items(make, transform=HALF)
    blend = BlendedDataset(real, small().fit(real))  # it learnt -1 to 1: once through the transform is enough
    assert blend.transform is None
    blend = BlendedDataset(real, small().fit(Items(make)))
    assert blend.transform is HALF and float(blend[-1][0].min()) < 0


def test_a_wrong_transform_of_ones_own(fitted, cats_and_dogs):
    real = ImageFolder(cats_and_dogs, transform=then(NORMAL))
    raw = small().fit(ImageFolder(cats_and_dogs))
    with pytest.raises(InvalidDataError, match="transform= leaves synthetic samples on another scale"):
        BlendedDataset(real, raw, transform=FLOAT)
    assert len(BlendedDataset(real, raw, transform=then(NORMAL))) == 28
    with pytest.raises(InvalidDataError, match="different scales"):
        BlendedDataset(real, fitted(FLOAT), transform=v2.Normalize([0.0] * 3, [1 / 255] * 3))


def test_series_and_tables_on_other_scales():
    own = np.random.default_rng(0)
    X = torch.from_numpy(own.normal(size=(60, 2, 24)).cumsum(2).astype(np.float32)) * 30 + 200
    y = torch.arange(60) // 40
    gan = SeriesGAN(max_steps=2, batch_size=8, channels=2, max_channels=4, random_state=0, verbose=False).fit(X, y)
    assert len(BlendedDataset(TensorDataset(X, y), gan)) == 80
    assert len(BlendedDataset(TensorDataset(1.3 * X, y), gan)) == 80
    for other in ((X - X.mean()) / X.std(), X / 1000, (X - X.min()) / (X.max() - X.min())):
        with pytest.raises(InvalidDataError, match="different scales"):
            BlendedDataset(TensorDataset(other, y), gan)
    T = torch.from_numpy(own.normal(size=(80, 4)) * [1, 10, 100, 3] + [0, 50, 700, 9])
    y = torch.arange(80) // 60
    made = TabularGAN(max_steps=3, random_state=0, verbose=False).fit(T, y)
    assert len(BlendedDataset(TensorDataset(T, y), made)) == 120
    with pytest.raises(InvalidDataError, match="mostly"):
        BlendedDataset(TensorDataset((T - T.mean(0)) / T.std(0), y), made)


def test_a_generator_for_each_class_is_held_against_its_class():
    X = torch.cat(
        [torch.randn(40, 3, generator=torch.Generator().manual_seed(0)), 1000 + torch.arange(30.0).view(10, 3)]
    )
    y = torch.arange(50) // 40
    rare = SmoothedBootstrap(random_state=0).fit(X[y == 1], y[y == 1])
    assert len(BlendedDataset(TensorDataset(X, y), {1: rare})) == 80


def test_generators_that_tell_nothing_are_looked_at():
    class Foreign:
        classes_ = np.array([0, 1])

        def __init__(self, times):
            self.times = times

        def sample(self, n, label=None, random_state=None):
            rows = np.random.default_rng(random_state).random((n, 3, 8, 8), np.float32)
            return self.times * rows, np.full(n, label)

    real = Items(lambda self, i: (floats(self, i), self.kept[i]))
    for pool in (True, False):
        assert len(BlendedDataset(real, Foreign(1), pool=pool)) == 16
        with pytest.raises(InvalidDataError, match="different scales"):
            BlendedDataset(real, Foreign(255), pool=pool)


def test_a_comparison_draws_nothing_from_the_users_generator(fitted, cats_and_dogs, global_state):
    real = ImageFolder(cats_and_dogs, transform=then(NORMAL))
    BlendedDataset(real, fitted(FLOAT))
    global_state.assert_unchanged()


def test_what_was_learnt_goes_through_the_file(fitted, cats_and_dogs, tmp_path):
    fitted(FLOAT).save(tmp_path / "gan")
    loaded = ganaug.load(tmp_path / "gan")
    assert loaded.data_profile_ == fitted(FLOAT).data_profile_ and dict(loaded.data_profile_.class_names)[1] == "dog"
    with pytest.raises(InvalidDataError, match="different scales"):
        BlendedDataset(ImageFolder(cats_and_dogs, transform=BYTES), loaded)


# ---- H2: names of classes ------------------------------------------------------------------------


def test_classes_are_matched_by_name(folders, cats_and_dogs):
    generator = copies(cats_and_dogs)
    with pytest.raises(InvalidParameterError, match=r"class 1 \(elk\), .*learnt are 0 \(cat\), 1 \(dog\) .*spelling"):
        BlendedDataset(ImageFolder(folders(dog=9, elk=4)), generator)
    real = ImageFolder(folders(dog=9, elk=4))
    blend = BlendedDataset(real, generator, sampling_strategy={"dog": 13})  # the advice
    assert blend.counts == {0: 4} and set(grey_of([blend[i][0] for i in range(13, 17)])) == {"dog"}
    assert {blend[i][1] for i in range(13, 17)} == {0}


def test_another_order_of_the_classes(cats_and_dogs):
    generator = copies(cats_and_dogs)

    class Turned(ImageFolder):
        def find_classes(self, directory):
            return ["dog", "cat"], {"dog": 0, "cat": 1}

    blend = BlendedDataset(Turned(cats_and_dogs), generator, sampling_strategy={"dog": 14, "cat": 20})
    made = [blend[i] for i in range(23, len(blend))]
    assert [blend.classes[label] for _, label in made] == grey_of([image for image, _ in made])
    assert sorted(blend.counts.items()) == [(0, 5), (1, 6)]
    for inner in (Subset(Turned(cats_and_dogs), range(23)), {0: generator, 1: generator}):
        data = inner if isinstance(inner, Subset) else Turned(cats_and_dogs)
        blend = BlendedDataset(data, generator if isinstance(inner, Subset) else inner, {"dog": 14, "cat": 20})
        made = [blend[i] for i in range(23, len(blend))]
        assert [["dog", "cat"][label] for _, label in made] == grey_of([image for image, _ in made])


def test_one_more_class_shifts_all_numbers(folders, cats_and_dogs):
    generator = copies(folders(cat=8, dog=6, elk=5))
    blend = BlendedDataset(ImageFolder(folders(dog=9, elk=4)), generator)
    assert set(grey_of([blend[i][0] for i in range(13, 18)])) == {"elk"} and blend[-1][1] == 1


def test_labels_that_are_names(cats_and_dogs):
    generator = copies(cats_and_dogs)
    real = Items(lambda self, i: (picture("dog" if i < 8 else "cat", i), "dog" if i < 8 else "cat"))
    blend = BlendedDataset(real, generator)
    assert blend[-1][1] == "cat" and grey_of([blend[-1][0]]) == ["cat"]
    with pytest.raises(InvalidParameterError, match="class 'elk'"):
        BlendedDataset(Items(lambda self, i: (picture("dog", i), "dog" if i < 8 else "elk")), generator)
    with pytest.raises(InvalidParameterError, match=r"class 1 \(elk\)"):
        BlendedDataset(Items(lambda self, i: (self.image(i), self.kept[i]), classes=["dog", "elk"]), {1: generator})


def test_numbers_that_do_not_agree_are_told(cats_and_dogs):
    generator = copies(cats_and_dogs)
    three = Items(lambda self, i: (self.image(i), self.kept[i]), labels=[0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 1, 2])
    with pytest.warns(DataWarning, match="matched by number, because only the generator knows their names"):
        BlendedDataset(three, generator, sampling_strategy={1: 6})
    same = Items(lambda self, i: (self.image(i), self.kept[i]))
    assert BlendedDataset(same, generator).counts == {1: 4}
    three.classes = ["cat", "dog", "elk"]  # the advice
    assert BlendedDataset(three, generator, sampling_strategy={"dog": 6}).counts == {1: 2}


def test_names_go_into_balance_files_and_synthetic_datasets(cats_and_dogs, tmp_path, fitted):
    blend = balance(ImageFolder(cats_and_dogs), small())
    assert dict(blend.generator.data_profile_.class_names) == {0: "cat", 1: "dog"}
    data = SyntheticDataset(fitted(FLOAT), {"dog": 3, 0: 2})
    assert data.counts == {1: 3, 0: 2} and data.classes == ["cat", "dog"] and data.class_to_idx == {"cat": 0, "dog": 1}
    assert data.targets.tolist() == [1, 1, 1, 0, 0]
    turned = SyntheticDataset(fitted(FLOAT), {"cat": 1}, class_to_idx={"dog": 0, "cat": 1})
    assert turned[0][1] == 1 and turned.classes == ["dog", "cat"]


def test_pools_know_names(cats_and_dogs, tmp_path):
    pool = SamplePool.generate(copies(cats_and_dogs), 6)
    assert pool.class_names == {0: "cat", 1: "dog"}
    pool = pool.save(tmp_path / "pool")
    assert pool.class_names == {0: "cat", 1: "dog"} and pool.labels == (0, 1)
    images = torch.full((6, 3, 8, 8), 250, dtype=torch.uint8)
    out, _ = SyntheticBlend(pool, 1.0, classes=["dog", "cat"])(images, torch.zeros(6, dtype=torch.long))
    assert set(grey_of(out)) == {"dog"}
    out, labels = SyntheticBlend(pool, 1.0, classes=["dog", "cat"], draw="balanced")(
        images, torch.zeros(6, dtype=torch.long)
    )
    assert grey_of(out) == [["dog", "cat"][label] for label in labels]
    with pytest.raises(InvalidDataError, match="'cat', and classes= has only 'dog', 'elk'"):
        SyntheticBlend(pool, classes=["dog", "elk"])
    with pytest.raises(InvalidDataError, match="no images of class 'elk', only of 'cat', 'dog'"):
        SyntheticMixUp(pool, classes=["dog", "elk", "cat"])(images, torch.ones(6, dtype=torch.long))
    nameless = SamplePool(np.zeros((2, 3, 8, 8), np.uint8), [0, 1])
    with pytest.raises(InvalidDataError, match="does not know what these classes are called"):
        SyntheticBlend(nameless, classes=["dog", "elk"])


def test_swaps_of_single_items_know_names(cats_and_dogs, tmp_path):
    transforms = pytest.importorskip("ganaug.transforms.albumentations")
    SamplePool.generate(copies(cats_and_dogs), 6).save(tmp_path / "pool")
    swap = transforms.SyntheticSwap(tmp_path / "pool", classes=["dog", "cat"], p=1.0)
    image = np.asarray(picture("elk", 0))
    assert grey_of([swap(image=image, label=label)["image"] for label in (0, 1)]) == ["dog", "cat"]


# ---- H1 for batches and pools --------------------------------------------------------------------


def test_pools_of_generators_of_other_ranges(fitted):
    for name in ("HALF", "NORMAL"):
        with pytest.raises(InvalidDataError, match="fitted on images with values -"):
            SamplePool.generate(fitted(PAIRS[name]), 2)
    with pytest.raises(InvalidDataError, match="value_range="):
        SamplePool.generate(fitted(FLOAT), 2, value_range=(-1, 1))
    with pytest.raises(InvalidDataError, match="value_range="):
        SamplePool.generate(fitted(BYTES), 2)
    assert SamplePool.generate(fitted(PAIRS["HALF"]), 2, value_range=(-1, 1)).shape == (3, 8, 8)
    assert SamplePool.generate(fitted(BYTES), 2, value_range=(0, 255)).brightest > 1


def test_flags_beside_bytes():
    flags = SamplePool(np.random.default_rng(0).integers(0, 2, (6, 3, 8, 8), np.uint8), [0, 1] * 3)
    labels = torch.tensor([0, 1, 0, 1])
    with pytest.raises(InvalidDataError, match="bytes up to 255 and the pool's up to 1"):
        SyntheticBlend(flags, 1.0)(torch.full((4, 3, 8, 8), 255, dtype=torch.uint8), labels)
    assert len(SyntheticBlend(flags, 1.0)(torch.ones(4, 3, 8, 8, dtype=torch.uint8), labels)[0]) == 4
    assert len(SyntheticBlend(flags, 1.0)(torch.zeros(4, 3, 8, 8, dtype=torch.uint8), labels)[0]) == 4


def test_mean_and_std_of_a_batch_that_is_not_normalised():
    pool = SamplePool(np.random.default_rng(0).integers(0, 256, (6, 3, 8, 8), np.uint8), [0, 1] * 3)
    real, labels = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 0, 1])
    blend = SyntheticBlend(pool, 1.0, mean=NORMAL.mean, std=NORMAL.std)
    for wrong in (real, 255 * real, 0.5 * real):
        with pytest.raises(InvalidDataError, match="say that the batch is normalised"):
            blend(wrong, labels)
    for right in (real, 0.4 * real, 0.5 + 0.5 * real):
        assert blend(NORMAL(right), labels)[0].shape == real.shape


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


@pytest.mark.parametrize(
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


@pytest.mark.parametrize("transform", [lambda: SyntheticBlend(POOL, 1.0), lambda: SyntheticMixUp(POOL)])
@pytest.mark.parametrize(
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
    targets = eval(advice, {"dataset": [real[i] for i in range(12)]})  # noqa: S307
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


@pytest.mark.parametrize(
    ("make", "place", "value"),
    [
        (lambda self, i: (floats(self, i), self.kept[i], i), 2, -1),
        (lambda self, i: [floats(self, i), self.kept[i], f"{i}.png"], 2, ""),
        (lambda self, i: (floats(self, i), f"images/{i}.png", self.kept[i]), 1, "synthetic/"),
        (lambda self, i: Row(floats(self, i), self.kept[i], torch.tensor(i)), 2, -1),
        (lambda self, i: {"id": i, "x": floats(self, i), "label": self.kept[i]}, "id", -1),
        (lambda self, i: {"path": f"{i}", "image": floats(self, i), "target_class": self.kept[i]}, "path", ""),
        (lambda self, i: (floats(self, i), self.kept[i], torch.zeros(5)), 2, torch.ones(5)),
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
    held = item[place if isinstance(item, dict) else place]
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


@pytest.mark.parametrize(
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


# ---- H5: epochs ----------------------------------------------------------------------------------


def plain(**options):
    X, y = torch.zeros(40, 3) + torch.arange(40.0)[:, None], torch.arange(40) // 30
    return BlendedDataset(TensorDataset(X, y), SmoothedBootstrap(random_state=0).fit(X, y), **options)


SCHEDULE = {"schedule": "linear", "schedule_epochs": 4}
NEVER = "gone through twice .* set_epoch was never called"


@pytest.mark.parametrize(
    "loader",
    [
        {"shuffle": True},
        {"batch_size": 7},
        {"num_workers": 2, "shuffle": True},
        {"num_workers": 1, "persistent_workers": True},
    ],
)
@pytest.mark.parametrize("options", [SCHEDULE, {"refresh_every": 1}, {"schedule": lambda epoch: 1 / (1 + epoch)}])
def test_a_schedule_that_never_moves_is_told_once(options, loader):
    blend = plain(**options)
    batches = DataLoader(
        blend, **{"batch_size": 8, "multiprocessing_context": "fork" if "num_workers" in loader else None, **loader}
    )
    assert sum(len(x) for x, _ in batches) == 60 and len(blend) == 60 and len(batches)
    with pytest.warns(DataWarning, match=NEVER) as told:
        for _ in range(2):
            assert sum(len(x) for x, _ in batches) == 60
    assert len(told) == 1


def test_whoever_sets_the_epoch_hears_nothing():
    blend = plain(**SCHEDULE)
    loader = DataLoader(blend, batch_size=8, shuffle=True)
    for epoch in range(5):
        blend.set_epoch(epoch)
        assert sum(len(x) for x, _ in loader) == (60, 55, 50, 45, 40)[epoch]
        assert sum(len(x) for x, _ in DataLoader(blend, batch_size=9)) == len(blend)
    constant = plain()
    for _ in range(4):
        assert sum(len(x) for x, _ in DataLoader(constant, batch_size=8)) == 60


def test_one_pass_and_looking_around_is_not_two():
    blend = plain(**SCHEDULE)
    assert blend[0] and blend[-1] and len(blend) == 60
    assert sum(len(x) for x, _ in DataLoader(blend, batch_size=8, shuffle=True)) == 60
    for _ in range(3):
        assert len(blend) == 60 and blend[3]
    drawn = WeightedRandomSampler(plain(**SCHEDULE).sample_weights(), 90)
    assert sum(len(x) for x, _ in DataLoader(plain(**SCHEDULE), sampler=drawn, batch_size=9)) == 90
    assert sum(len(x) for x, _ in DataLoader(blend, batch_sampler=ShareBatchSampler(plain(), 10, 0.5))) == 80


def test_weighted_samplers_are_told_too():
    blend = plain(**SCHEDULE)
    loader = DataLoader(blend, sampler=WeightedRandomSampler(blend.sample_weights(), 60), batch_size=6)
    with pytest.warns(DataWarning, match=NEVER):
        for _ in range(20):
            assert sum(len(x) for x, _ in loader) == 60


def test_the_advice_for_frameworks_works():
    blend = plain(**SCHEDULE)
    loader = DataLoader(blend, batch_sampler=ShareBatchSampler(blend, 10))
    with pytest.warns(DataWarning, match=r"trainer.current_epoch \+ 1.*batch_sampler=ShareBatchSampler"):
        for _ in range(2):
            list(loader)
    blend = plain(**SCHEDULE)
    loader = DataLoader(blend, batch_sampler=ShareBatchSampler(blend, 10))
    lengths = []
    for epoch in range(4):
        as_lightning_does(loader, epoch)
        lengths.append(sum(len(x) for x, _ in loader))
    assert blend.epoch == 3 and lengths[0] > lengths[2] > lengths[3] > 40

    class Callback:  # the other advice
        def on_train_epoch_end(self, trainer, module):
            blend.set_epoch(trainer.current_epoch + 1)

    blend = plain(**SCHEDULE)
    seen = []
    for epoch in range(3):
        seen.append(sum(len(x) for x, _ in DataLoader(blend, batch_size=8, shuffle=True)))
        Callback().on_train_epoch_end(SimpleNamespace(current_epoch=epoch), None)
    assert seen == [60, 55, 50]


def as_lightning_does(loader, epoch):
    """Lightning 2: the samplers of a loader are told the epoch, where they want to know it."""
    for sampler in (loader.sampler, getattr(loader.batch_sampler, "sampler", None)):
        if callable(getattr(sampler, "set_epoch", None)):
            sampler.set_epoch(epoch)


def test_synthetic_datasets_that_are_never_renewed():
    X, y = torch.randn(20, 3), torch.arange(20) // 10
    data = SyntheticDataset(SmoothedBootstrap(random_state=0).fit(X, y), {1: 16}, refresh_every=1)
    with pytest.warns(DataWarning, match=NEVER):
        for _ in range(2):
            list(DataLoader(data, batch_size=4))
    data = SyntheticDataset(SmoothedBootstrap(random_state=0).fit(X, y), {1: 16}, refresh_every=1)
    for epoch in range(3):
        data.set_epoch(epoch)
        list(DataLoader(data, batch_size=4))


# ---- labels for samplers, splits -----------------------------------------------------------------


class AsksForLabels(WeightedRandomSampler):
    """As ImbalancedDatasetSampler finds labels."""

    def __init__(self, dataset):
        labels = dataset.get_labels()
        counts = collections.Counter(list(labels))
        super().__init__([1 / counts[label] for label in labels], len(labels))


def test_samplers_that_ask_for_labels():
    blend = plain(sampling_strategy={1: 15})
    assert blend.get_labels().tolist() == blend.targets.tolist() == [0] * 30 + [1] * 15
    assert len(list(AsksForLabels(blend))) == 45
    synthetic = blend.synthetic
    assert synthetic.get_labels().tolist() == synthetic.targets.tolist() and len(list(AsksForLabels(synthetic))) == 5


def test_random_split_is_told_and_ordinary_use_is_not():
    blend = plain()
    with pytest.warns(DataWarning, match=r"random_split .* every part.*split_real\(blend, fractions\)"):
        random_split(blend, [50, 10])
    with pytest.warns(DataWarning, match="random_split"):
        random_split(blend, [0.8, 0.2])
    random_split(plain(sampling_strategy={1: 10}), [30, 10])  # nothing synthetic
    random_split(blend.real, [30, 10])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for loader in (
            DataLoader(blend, batch_size=8, shuffle=True),
            DataLoader(Subset(blend, range(50)), batch_size=8),
            DataLoader(
                blend, sampler=RandomSampler(blend), batch_size=8, num_workers=1, multiprocessing_context="fork"
            ),
        ):
            assert len(loader) and sum(len(x) for x, _ in loader)


@pytest.mark.parametrize("stratify", [True, False])
def test_split_real(stratify):
    blend = plain(schedule="stop", schedule_epochs=1)
    train, validation, test = split_real(blend, [0.6, 0.2, 0.2], seed=1, stratify=stratify)
    assert len(train) == 24 + 20 and len(validation) == len(test) == 8
    own = [[i for i in part.indices if i < blend.n_real] for part in (train, validation, test)]
    assert sorted(sum(own, [])) == list(range(40))
    assert not any(blend.is_synthetic[list(part.indices)].any() for part in (validation, test))
    assert blend.is_synthetic[list(train.indices)].sum() == 20
    assert sum(len(x) for x, _ in DataLoader(train, batch_size=8, shuffle=True)) == 44
    assert torch.equal(train[-1][0], blend[59][0]) and torch.equal(train[0][0], blend[train.indices[0]][0])
    assert resolve_targets(train).tolist() == [int(label) for _, label in train]
    if stratify:
        assert np.bincount(resolve_targets(validation)).tolist() == [6, 2]
    train.set_epoch(1)
    assert len(train) == 24 and sum(len(x) for x, _ in DataLoader(train, batch_size=8)) == 24
    with pytest.raises(IndexError, match="24 items"):
        train[24]
    again = split_real(plain(), [0.6, 0.2, 0.2], seed=1, stratify=stratify)
    assert again[1].indices == validation.indices
    assert split_real(plain(), [0.6, 0.2, 0.2], seed=2, stratify=stratify)[1].indices != validation.indices


def test_bad_splits():
    for fractions in ([0.5, 0.6], [1.0], [0.5, -0.5, 1.0], 3, ["a", "b"]):
        with pytest.raises(InvalidParameterError, match="sum to 1"):
            split_real(plain(), fractions)
    with pytest.raises(InvalidParameterError, match="part 1 without an item"):
        split_real(plain(), [0.999, 0.001])
    with pytest.raises(InvalidTypeError, match="give a BlendedDataset"):
        split_real(plain().real, [0.5, 0.5])


# ---- H7: series of unequal lengths ---------------------------------------------------------------


@pytest.mark.parametrize(
    "series",
    [
        [np.zeros((2, 30 + i)) for i in range(4)],
        [np.zeros(30 + i) for i in range(4)],
        [torch.zeros(1, 30 + i) for i in range(4)],
        [np.zeros((30, 2)), np.zeros((31, 2))],
    ],
)
def test_series_of_unequal_lengths(series):
    for told in (lambda: SeriesGAN().fit(series, range(len(series))), lambda: resolve_samples(series)):
        with pytest.raises(
            InvalidDataError, match=r"series differ: item 0 .*pad them \(numpy\.pad\) or resample"
        ) as error:
            told()
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


@pytest.mark.parametrize(
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
