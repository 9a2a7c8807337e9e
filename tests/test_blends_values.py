"""Blends compare value ranges and names of classes: real and synthetic samples mean the same, or it is told."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers import cases
from PIL import Image
from torch.utils.data import (
    Dataset,
    Subset,
    TensorDataset,
)
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

import ganaug
from ganaug import BlendedDataset, ImageGAN, SeriesGAN, SmoothedBootstrap, SyntheticDataset, TabularGAN, balance
from ganaug.encoding.sources import resolve_samples
from ganaug.exceptions import DataWarning, InvalidDataError, InvalidParameterError
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


# ---- H1: value ranges ----------------------------------------------------------------------------


def test_a_missing_normalisation_is_applied(fitted, cats_and_dogs):
    blend = BlendedDataset(ImageFolder(cats_and_dogs, transform=then(NORMAL)), fitted(FLOAT))
    made = blend[-1][0]
    plain = blend.synthetic.item_format(blend.synthetic.stored(np.array([blend._order[-1]])))[0]
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


@cases(
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


@cases(
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


@pytest.mark.parametrize("first", [v2.Identity(), v2.PILToTensor()])
def test_a_transform_that_changes_the_channels(cats_and_dogs, first):
    """What was learnt of grey images stands beside them, of whatever colours the files are."""
    data = ImageFolder(cats_and_dogs, transform=v2.Compose([first, v2.Grayscale()]))
    gan = small().fit(data)
    blend = BlendedDataset(data, gan)
    real, made = blend[0][0], blend[len(blend) - 1][0]
    assert type(real) is type(made) and np.asarray(real).shape == np.asarray(made).shape
    with pytest.raises(InvalidDataError, match=r"3 channel\(s\).*the generator makes 1"):
        BlendedDataset(ImageFolder(cats_and_dogs), gan)


def test_bool_labels_beside_a_generator_of_0_and_1(cats_and_dogs, fitted):
    images = torch.stack([FLOAT(image) for image, _ in ImageFolder(cats_and_dogs)])
    labels = torch.tensor(ImageFolder(cats_and_dogs).targets).bool()
    blend = BlendedDataset(TensorDataset(images, labels), fitted(FLOAT))
    assert blend.counts == {True: 5} and blend[-1][1].dtype == torch.bool and bool(blend[-1][1])


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


@cases(("learnt", "real"), [("RGB", "YCbCr"), ("YCbCr", "RGB"), ("RGBA", "CMYK"), ("CMYK", "RGBA")])
def test_other_colours_in_as_many_channels(learnt, real):
    def of(mode):
        return Items(lambda self, i: (self.image(i).convert("RGB").convert(mode), self.kept[i]), transform=None)

    generator = small().fit(of(learnt))
    assert len(BlendedDataset(of(learnt), generator)) == 16
    with pytest.raises(InvalidDataError, match=f"of mode {real}, and the generator learnt images of mode {learnt}"):
        BlendedDataset(of(real), generator)


def test_what_was_learnt_goes_through_the_file(fitted, cats_and_dogs, tmp_path):
    fitted(FLOAT).save(tmp_path / "gan")
    loaded = ganaug.load(tmp_path / "gan")
    assert loaded.data_profile_ == fitted(FLOAT).data_profile_ and dict(loaded.data_profile_.class_names)[1] == "dog"
    with pytest.raises(InvalidDataError, match="different scales"):
        BlendedDataset(ImageFolder(cats_and_dogs, transform=BYTES), loaded)


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
