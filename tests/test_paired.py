"""ImageTranslator(paired=True): tasks, networks and batches of pairs, sources of pairs, files, and bad input."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
from helpers import cases
from PIL import Image
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from torch.utils.data import Dataset, TensorDataset

import ganaug
from ganaug import GANOversampler, ImageTranslator
from ganaug.encoding.on_disk import resolve_pairs
from ganaug.estimators import paired
from ganaug.estimators.paired import checked_mask
from ganaug.exceptions import GanaugError, InvalidDataError, InvalidParameterError, InvalidTypeError, ModelFileError
from ganaug.networks.translation import PAIR_TASKS, Inpaint, SuperResolve, Translate, pair_networks, random_holes
from ganaug.objectives import OBJECTIVES
from ganaug.runtime.compute import alone, one_thread, team
from ganaug.training.loop import train
from ganaug.training.translation_steps import PairBatches, PairTrainConfig, PairTrainState, pair_step
from ganaug.utils.state import read_state, write_state

TASKS = list(PAIR_TASKS)


@pytest.fixture(autouse=True)
def quiet():
    """What does not go through the estimator runs on one thread too: several wait for one another on a busy machine."""
    with one_thread():
        yield


def stripes(n, side=8, seed=0):
    """Images (n, side, side) whose pixels follow from their neighbours: a ramp of its own direction in each."""
    rng = np.random.default_rng(seed)
    row, column = np.mgrid[:side, :side] / side
    angle = rng.uniform(0, 2 * np.pi, (n, 1, 1))
    wave = np.sin(6 * (row * np.cos(angle) + column * np.sin(angle)) + rng.uniform(0, 6, (n, 1, 1)))
    return np.rint(127.5 + 100 * wave).astype(np.uint8)


def given(task, X):
    """What `fit` takes for images."""
    return (255 - X, X) if task == "translate" else (X,)


def translator(task="translate", **parameters):
    own = {"paired": True, "max_steps": 2, "width": 4, "depth": 1, "batch_size": 4, "verbose": False, "random_state": 0}
    return ImageTranslator(task=task, **{**own, **parameters})


@pytest.fixture(scope="module")
def hardly():
    """Each task, fitted in no time."""
    X = stripes(24)
    return {task: translator(task).fit(*given(task, X)) for task in TASKS}


def mask_of(*holes, side=8):
    mask = np.zeros((side, side), bool)
    for rows, columns in holes:
        mask[rows, columns] = True
    return mask


# ------------------------------------------------------------------------------------------ they learn


@pytest.mark.parametrize("task", TASKS)
def test_each_task_learns_more_than_what_needs_no_network(task):
    X, new = stripes(160, 16), stripes(40, 16, seed=9)
    own = translator(task, max_steps=90, width=8, batch_size=8, learning_rate=5e-3).fit(*given(task, X))
    assert own.quality_ > 0.3 and own.psnr_ > 15
    if task == "translate":
        before, made = 255 - new, own.translate(255 - new)
    elif task == "inpaint":
        mask = mask_of((slice(4, 10), slice(5, 12)), side=16)
        before, made = new.copy(), own.translate(new, mask=mask)
        before[:, mask] = np.rint(new[:, ~mask].mean(1, keepdims=True))
    else:
        small = new.reshape(40, 8, 2, 8, 2).mean((2, 4)).astype(np.uint8)
        before = np.stack([np.asarray(Image.fromarray(x).resize((16, 16), Image.Resampling.BICUBIC)) for x in small])
        made = own.translate(small)

    def error(images):
        return np.square(images.astype(float) - new).mean()

    assert made.shape == new.shape and made.dtype == np.uint8
    assert error(made) < 0.5 * error(before), (error(made), error(before))


def test_the_history_tells_what_happened(hardly):
    for own in hardly.values():
        assert own.n_steps_ == 2 and own.stop_reason_ == "max_steps"
        for name in ("discriminator_loss", "generator_loss", "reconstruction_loss", "psnr", "quality", "diversity"):
            assert np.isfinite(own.history_[name].iloc[-1]), name
        assert own.history_["quality"].iloc[-1] == own.quality_ and own.history_["psnr"].iloc[-1] == own.psnr_


@pytest.mark.parametrize(("n", "learnt", "measured"), [(160, 144, 16), (30, 30, 30)])
def test_held_out_pairs_are_not_learnt(monkeypatch, n, learnt, measured):
    seen, of = [], paired.TrainingPairs.of
    monkeypatch.setattr(paired.TrainingPairs, "of", lambda *parts: seen.append(parts[3]) or of(*parts))
    translator(max_steps=1).fit(stripes(n), stripes(n))
    assert [len(rows) for rows in seen] == [learnt, measured]
    assert len(np.unique(np.concatenate(seen))) == n


# ------------------------------------------------------------------------------------------ networks and batches


@cases("shape", [(1, 8, 8), (3, 9, 31), (2, 64, 17), (4, 50, 50)])
@cases("kind", [Translate, Inpaint, SuperResolve])
def test_networks_of_any_size_start_near_what_needs_no_network(kind, shape):
    rng = torch.Generator().manual_seed(0)
    task = kind(shape[0], shape[0], 1)
    generator, discriminator = pair_networks(task, shape, rng, width=4, depth=1)
    x = torch.rand(3, *shape, generator=rng) * 2 - 1
    inputs = task.hide(x, random_holes(3, shape[1:], rng)) if kind is Inpaint else x
    with torch.no_grad():
        made = generator(inputs)
        start = task.finish(inputs, task.start(inputs))
        assert made.shape == x.shape and discriminator.on_pair(inputs, made, lambda pair: pair).ndim == 2
        assert float((made - start).abs().mean()) < 0.25 * float(x.abs().mean())
        torch.testing.assert_close(generator(inputs[1:2]), made[1:2], rtol=1e-4, atol=1e-5)  # its own affair


def test_a_translation_may_change_the_channels():
    x = torch.rand(2, 3, 8, 8)
    assert torch.equal(Translate(3, 1).start(x), x.mean(1, keepdim=True))
    grey = torch.rand(2, 1, 8, 8)
    assert torch.equal(Translate(1, 3).start(grey), grey.expand(2, 3, 8, 8))
    assert torch.equal(Translate(3, 3).start(x), x)


def test_what_is_known_stays_and_what_is_missing_is_not_seen():
    rng = torch.Generator().manual_seed(0)
    task, x = Inpaint(2, 2), torch.rand(5, 2, 12, 10, generator=rng)
    missing = random_holes(5, (12, 10), rng)
    other = torch.where(missing, torch.rand(5, 2, 12, 10, generator=rng), x)
    hidden = task.hide(x, missing)
    assert torch.equal(hidden, task.hide(other, missing))
    whole = missing.expand_as(x)
    assert torch.equal(hidden[:, :2][~whole], x[~whole])
    for image, mask, filled in zip(x, missing, hidden, strict=True):
        for channel in range(2):
            mean = image[channel][~mask[0]].mean()
            torch.testing.assert_close(filled[channel][mask[0]], mean.expand(int(mask.sum())))
    made = task.finish(hidden, torch.full_like(x, 9.0))
    assert torch.equal(made[~whole], x[~whole]) and bool((made[whole] == 9).all())


@cases("size", [(8, 8), (12, 30), (64, 64)])
def test_holes_are_some_of_each_image_and_never_all(size):
    holes = random_holes(2000, size, torch.Generator().manual_seed(0)).float()
    assert holes.shape == (2000, 1, *size)
    share = holes.mean((1, 2, 3))
    assert float(share.min()) > 0 and float(share.max()) < 0.8 and 0.05 < float(share.mean()) < 0.35
    seen = holes.mean(0)[0]
    assert float(seen.min()) > 0  # every place can be missing


def test_the_target_shrunk_and_enlarged_keeps_its_mean():
    x = torch.rand(4, 3, 12, 18, generator=torch.Generator().manual_seed(0))
    task = SuperResolve(3, 3, 3)
    small = task.shrink(x)
    assert small.shape == (4, 3, 4, 6) and task.enlarge(small).shape == x.shape
    torch.testing.assert_close(small[0, 0, 0, 0], x[0, 0, :3, :3].mean())
    flat = torch.full((1, 1, 6, 6), 0.3)
    torch.testing.assert_close(SuperResolve(1, 1, 3).enlarge(task.shrink(flat)), flat)


def game_and_plan(rng, work=alone, parts=2):
    plan = PairTrainConfig(
        max_steps=3,
        batch_size=4,
        learning_rate=1e-3,
        discriminator_learning_rate=1e-3,
        betas=(0.5, 0.99),
        decay_from=0.5,
        ema_half_life=10.0,
        penalty_every=2,
        penalty_scale=1.0,
        log_every=1,
        look_every=1,
        reconstruction_weight=100.0,
        parts=parts,
        team=work,
    )
    return PairTrainState.of(*pair_networks(Translate(1, 1), (1, 8, 8), rng, width=4, depth=1), plan), plan


def batches():
    x = torch.rand(20, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    return PairBatches.of(20, lambda rows, _: (1 - x[rows], x[rows]), torch.device("cpu"))


@cases("objective", OBJECTIVES)
def test_every_objective_plays(objective):
    rng = torch.Generator().manual_seed(0)
    state, plan = game_and_plan(rng)
    before = state.generator.flat.clone(), state.discriminator.flat.clone()
    history, reason = train(state, batches(), OBJECTIVES[objective], plan, [], rng, step=pair_step)
    assert reason == "max_steps" and all(np.isfinite(list(history[-1].values())))
    assert not torch.equal(before[0], state.generator.flat) and not torch.equal(before[1], state.discriminator.flat)


def test_it_matters_not_who_works_on_which_part():
    results = []
    for workers in (1, 2):
        rng = torch.Generator().manual_seed(0)
        with team(workers) as work:
            state, plan = game_and_plan(rng, work)
            train(state, batches(), OBJECTIVES["least-squares"], plan, [], rng, step=pair_step)
        results.append(state.average_flat)
    assert torch.equal(*results)


def test_the_discriminator_sees_the_pair():
    """Targets that would pass for real beside another input get another logit."""
    rng = torch.Generator().manual_seed(0)
    _, discriminator = pair_networks(Translate(1, 1), (1, 8, 8), rng, width=4, depth=1)
    x, y = torch.rand(2, 3, 1, 8, 8, generator=rng)
    with torch.no_grad():
        own, other = (discriminator.on_pair(part, y, lambda pair: pair) for part in (x, x.flip(0)))
    assert not torch.allclose(own[0], other[0])


# ------------------------------------------------------------------------------------------ what comes back


FORMS = {
    "NHW": lambda X: X,
    "NHWC": lambda X: np.stack([X] * 3, -1),
    "NCHW": lambda X: np.stack([X] * 2, 1),
    "float64": lambda X: X / 255.0,
    "int16": lambda X: X.astype(np.int16) * 100 - 9000,
    "bool": lambda X: X > 127,
    "tensor": lambda X: torch.from_numpy(X[:, None] / np.float32(255)),
    "read-only": lambda X: np.broadcast_to(X[..., None], (*X.shape, 3)),
}


@cases("form", FORMS)
@cases("task", TASKS)
def test_layouts_dtypes_and_containers_come_back(task, form):
    X = FORMS[form](stripes(12))
    before = copy.deepcopy(X)
    own = translator(task, max_steps=1).fit(*((X, X) if task == "translate" else (X,)))
    options = {"mask": mask_of((2, 3), (slice(4, 6), 5))} if task == "inpaint" else {}
    made = own.translate(X[:3], **options)
    assert type(made) is (torch.Tensor if form == "tensor" else np.ndarray) and made.dtype == X.dtype
    shape = np.array(X.shape[1:])
    if task == "super-resolve":
        shape = np.where(shape >= 8, 2 * shape, shape)
    assert tuple(made.shape) == (3, *shape)
    samples, y = own.sample(3)
    assert samples.dtype == X.dtype and tuple(samples.shape) == (3, *X.shape[1:]) and y is None
    assert np.array_equal(np.asarray(X), np.asarray(before))
    if task == "inpaint":
        known = ~options["mask"]
        images, painted = (np.asarray(part[:3]) for part in (X, made))
        if form in ("NCHW", "tensor"):
            images, painted = np.moveaxis(images, 1, -1), np.moveaxis(painted, 1, -1)
        assert np.array_equal(images[:, known], painted[:, known])  # to the last bit


def test_inputs_and_targets_have_their_own_channels_dtypes_and_ranges():
    X = stripes(12)
    colours = np.stack([X, 255 - X, X // 2], -1) / np.float32(255)
    own = translator(max_steps=1).fit(X, colours)
    made = own.translate(X[:2])
    assert made.shape == (2, 8, 8, 3) and made.dtype == np.float32 and own.n_features_in_ == 64
    back = translator(max_steps=1).fit(colours, X)
    assert back.translate(colours[:2]).shape == (2, 8, 8) and back.translate(colours[:2]).dtype == np.uint8


def test_images_of_any_size_are_enlarged():
    own = translator("super-resolve", scale=3, max_steps=1).fit(stripes(12, 12))
    for height, width in ((4, 4), (5, 9), (12, 12), (40, 17)):
        assert own.translate(np.zeros((2, height, width), np.uint8)).shape == (2, 3 * height, 3 * width)
    assert own.transform(np.zeros((0, 4, 4), np.uint8)).shape == (0, 12, 12)


def test_transform_is_translate(hardly):
    X = stripes(4, seed=3)
    assert np.array_equal(hardly["translate"].transform(X), hardly["translate"].translate(X))


def test_random_holes_make_variants_of_real_images(hardly):
    own = copy.deepcopy(hardly["inpaint"])
    X = stripes(30, seed=3)
    one, same, other = (own.translate(X, random_state=seed) for seed in (1, 1, 2))
    assert np.array_equal(one, same) and not np.array_equal(one, other)
    kept = (one == X).reshape(30, -1).mean(1)
    assert kept.min() > 0.2 and kept.mean() > 0.6 and kept.mean() < 1
    first, second = own.translate(X), own.translate(X)
    assert not np.array_equal(first, second)  # the estimator's own stream goes on


def test_a_mask_hides_what_stands_there(hardly):
    own, mask = hardly["inpaint"], mask_of((slice(2, 6), slice(3, 7)))
    X = stripes(5, seed=3)
    other = X.copy()
    other[:, mask] = 0
    assert np.array_equal(own.translate(X, mask=mask), own.translate(other, mask=mask))
    nothing = np.zeros((5, 8, 8), bool)
    assert np.array_equal(own.translate(X, mask=nothing), X)
    for form in (
        mask.astype(np.uint8),
        mask.astype(float),
        [mask.tolist()] * 5,
        torch.from_numpy(mask),
        mask[None, None],
    ):
        wide = np.repeat(form, 5, 0) if getattr(form, "ndim", 0) == 4 else form
        assert np.array_equal(own.translate(X, mask=wide), own.translate(X, mask=mask))


@cases("layout", ["NHW", "NHWC", "NCHW"])
def test_a_hole_may_hold_what_is_no_number(layout):
    grey = stripes(20).astype(np.float32)
    wide = np.stack([grey, 1000 + grey, -grey], 3)
    X = {"NHW": grey, "NHWC": wide, "NCHW": wide.transpose(0, 3, 1, 2)}[layout]
    own, mask = translator("inpaint").fit(X), mask_of((slice(2, 6), slice(3, 7)))
    at = (slice(None), slice(None), mask) if layout == "NCHW" else (slice(None), mask)
    odd = X[:5].copy()
    odd[at] = np.nan
    before = odd.copy()
    made = own.translate(odd, mask=mask)
    assert np.array_equal(made, own.translate(X[:5], mask=mask)) and np.isfinite(made).all()
    assert np.array_equal(odd, before, equal_nan=True)
    assert np.array_equal(own.translate(torch.from_numpy(odd), mask=mask), made)
    assert np.array_equal(own.translate(list(odd), mask=[mask] * 5), made)
    for parameters in ({"mask": ~mask}, {}):
        with pytest.raises(InvalidDataError, match="NaN|nan"):
            own.translate(odd, **parameters)


def test_given_masks_are_those_that_are_learnt_and_drawn():
    X, masks = stripes(24), np.stack([mask_of((slice(0, 4), slice(None))), mask_of((slice(4, 8), slice(0, 4)))])
    own = translator("inpaint", max_steps=1).fit(X, mask=masks)
    samples, _ = own.sample(24, random_state=0)
    sources = own._sources[:, 0]
    for sample in samples:
        changed = np.array([(sample != source) for source in sources])
        assert any((hole <= mask).all() for hole in changed for mask in masks)
    assert not np.array_equal(own.translate(X), translator("inpaint", max_steps=1).fit(X).translate(X))


# ------------------------------------------------------------------------------------------ samples, labels, seeds


@pytest.mark.parametrize("task", ["inpaint", "super-resolve"])
def test_labels_are_kept_for_what_is_sampled(task):
    X = np.concatenate([stripes(20) // 4, 190 + stripes(10) // 4])
    y = np.repeat(["dark", "bright"], [20, 10])
    own = translator(task).fit(X, y)
    new, labels = own.sample({"bright": 15, "dark": 4})
    assert labels.tolist() == ["bright"] * 15 + ["dark"] * 4
    assert new[:15].mean() > 150 > 100 > new[15:].mean()
    assert own.curation_["bright"] == {"drawn": 15, "kept": 15, "taken_anyway": 0}
    focused = translator(task).fit(X, y, focus="bright")
    assert set(focused.sample(5)[1].tolist()) == {"bright"}
    with pytest.raises(InvalidDataError, match="'dark'"):
        focused.sample(3, label="dark")


@cases("task", TASKS)
def test_two_fits_with_one_seed_are_equal_and_leave_the_world_alone(task, global_state):
    X = stripes(20)
    one, other, third = (translator(task, random_state=seed).fit(*given(task, X)) for seed in (1, 1, 2))
    assert np.array_equal(one.sample(30)[0], other.sample(30)[0])
    assert not np.array_equal(one.sample(30)[0], third.sample(30)[0])
    assert np.array_equal(one.sample(30, random_state=5)[0], other.sample(30, random_state=5)[0])
    global_state.assert_unchanged()


def test_an_oversampler_paints_over_images_of_each_rare_class():
    X = np.stack([np.concatenate([stripes(30) // 4, 190 + stripes(14) // 4])] * 3, -1)
    y = np.repeat(["dark", "bright"], [30, 14])
    sampler = GANOversampler(generator=translator("inpaint", max_steps=1), random_state=0)
    X_res, y_res = sampler.fit_resample(X, y)
    assert (y_res == "bright").sum() == 30 and X_res.dtype == np.uint8 and np.array_equal(X_res[:44], X)
    assert X_res[44:].mean() > 150


def test_pools_blends_and_transforms_take_it():
    X, y = np.stack([stripes(40)] * 3, 1), np.arange(40) % 2
    own = translator("inpaint", max_steps=1).fit(X, y)
    pool = ganaug.transforms.SamplePool.generate(own, 6)
    assert len(pool.take(np.arange(4))) == 4
    blend = ganaug.BlendedDataset(TensorDataset(torch.from_numpy(X), torch.from_numpy(y)), own, {1: 25}, seed=0)
    assert len(blend) == 45 and tuple(blend[44][0].shape) == (3, 8, 8) and blend[44][1] == 1


# ------------------------------------------------------------------------------------------ sources of pairs


class Pairs(Dataset):
    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def save_images(folder, X, names, ending=".png"):
    for image, name in zip(X, names, strict=True):
        path = folder / f"{name}{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)


NAMES = [f"{i % 3}/{i:03d}" for i in range(12)]


def test_arrays_datasets_and_folders_give_the_same_fit(tmp_path):
    X, Y = 255 - stripes(12), stripes(12)
    order = np.argsort(NAMES, kind="stable")
    save_images(tmp_path / "in", X[order], sorted(NAMES))
    save_images(tmp_path / "out", Y[order], sorted(NAMES), ".bmp")
    (tmp_path / "in" / "notes.txt").write_text("no image")
    X, Y = X[order], Y[order]
    expected = translator().fit(X, Y).translate(X[:3])
    ways = {
        "folders": (tmp_path / "in", str(tmp_path / "out")),
        "lists": (list(X), list(Y)),
        "pictures": ([Image.fromarray(x) for x in X], [Image.fromarray(y) for y in Y]),
        "a dataset": (Pairs([(x, y, "more") for x, y in zip(X, Y, strict=True)]),),
        "a dataset of pictures": (
            Pairs([(Image.fromarray(x), Image.fromarray(y)) for x, y in zip(X, Y, strict=True)]),
        ),
    }
    for name, way in ways.items():
        assert np.array_equal(translator().fit(*way).translate(X[:3]), expected), name
    tensors = translator().fit(TensorDataset(torch.from_numpy(X), torch.from_numpy(Y)))
    assert np.array_equal(tensors.translate(torch.from_numpy(X[:3])).numpy(), expected)


def test_folders_of_different_names_are_refused(tmp_path):
    X = stripes(3)
    save_images(tmp_path / "in", X, ["a", "b", "c"])
    save_images(tmp_path / "out", X, ["a", "b", "d"])
    with pytest.raises(InvalidDataError, match=r"1 image\(s\) have no partner of the same name in .*out: .*c\.png"):
        translator().fit(tmp_path / "in", tmp_path / "out")
    (tmp_path / "in" / "c.png").unlink()
    with pytest.raises(InvalidDataError, match=r"no partner of the same name in .*in: .*d\.png"):
        translator().fit(tmp_path / "in", tmp_path / "out")
    (tmp_path / "out" / "d.png").unlink()
    save_images(tmp_path / "in", X[:1], ["a"], ".bmp")
    with pytest.raises(InvalidDataError, match=r"a\.\w+ and .*a\.\w+ have one name"):
        translator().fit(tmp_path / "in", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    for bad, said in (("empty", "holds no image"), ("nowhere", "is not there"), ("in/a.png", "is a file")):
        with pytest.raises(InvalidDataError, match=said):
            translator().fit(tmp_path / "out", tmp_path / bad)
    (tmp_path / "in" / "a.bmp").unlink()
    (tmp_path / "out" / "b.png").write_bytes(b"no png")
    with pytest.raises(InvalidDataError, match=r"b\.png"):
        translator().fit(tmp_path / "in", tmp_path / "out")


def test_files_of_different_sizes_are_refused_by_name(tmp_path):
    save_images(tmp_path / "in", stripes(2), ["a", "b"])
    save_images(tmp_path / "out", stripes(1), ["a"])
    save_images(tmp_path / "out", stripes(1, 16), ["b"])
    with pytest.raises(InvalidDataError, match=r"b\.png"):
        translator().fit(tmp_path / "in", tmp_path / "out")


@cases(
    ("X", "y", "error", "said"),
    [
        (stripes(5), stripes(4), InvalidDataError, "X has 5 images and y has 4; each image of X needs its target"),
        (stripes(5), stripes(5, 16), InvalidDataError, "8 x 8 pixels and their targets 16 x 16; resize.*super-resolve"),
        (stripes(5), None, InvalidDataError, "pairs need targets"),
        (stripes(5), np.arange(5), InvalidDataError, r"y has shape \(5,\), which is none of images.*Labels belong to"),
        (stripes(5), ["a", "b", "c", "d", "e"], InvalidDataError, "none of images"),
        (stripes(5), "folder", InvalidTypeError, "of two folders.* one was given"),
        ("folder", None, InvalidTypeError, "of two folders.* one was given"),
        (stripes(5), object(), InvalidTypeError, "y is a object"),
        (stripes(5), 7, InvalidTypeError, "y is a int"),
        (7, None, InvalidTypeError, "int"),
        (Pairs([(stripes(1)[0], 3)] * 4), None, InvalidDataError, "item 0 of the Pairs is no pair"),
        (Pairs([(stripes(1)[0],)] * 4), None, InvalidDataError, "item 0 of the Pairs is no pair"),
        (Pairs([(stripes(1)[0], stripes(1)[0]), (stripes(1)[0], stripes(1, 9)[0])]), None, InvalidDataError, "item 1"),
        (Pairs([]), None, InvalidDataError, "there are no images"),
        (stripes(0), stripes(0), InvalidDataError, "at least one image"),
        (np.full((5, 8, 8), np.inf), stripes(5), InvalidDataError, "Input X contains .*image 0"),
        (stripes(5), np.full((5, 8, 8), np.nan), InvalidDataError, "contains NaN: image 0"),
        (stripes(5).astype(str), stripes(5), InvalidTypeError, "dtype"),
        (stripes(5, 6), stripes(5, 6), InvalidDataError, "each side must"),
        (Image.fromarray(stripes(1)[0]), stripes(1), InvalidTypeError, "X is a single PIL image"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_impossible_pairs_are_named(X, y, error, said):
    with pytest.raises(error, match=said):
        translator().fit(X, y)


def test_pairs_keep_the_modes_of_pictures():
    X = [Image.fromarray(x).convert("RGB") for x in stripes(3)]
    assert resolve_pairs(X, list(stripes(3))).modes == ("RGB", None)


# ------------------------------------------------------------------------------------------ bad input


@cases(
    ("parameters", "said"),
    [
        ({"task": "colour"}, "task='colour' is unknown.*'translate', 'inpaint', 'super-resolve'"),
        ({"paired": "yes"}, "paired='yes' must be True or False"),
        ({"paired": False, "task": "inpaint"}, "task='inpaint' learns from pairs; set paired=True"),
        ({"scale": 1, "task": "super-resolve"}, "scale=1 must be an integer of at least 2"),
        ({"scale": 2.0, "task": "super-resolve"}, "scale=2.0"),
        ({"scale": 3, "task": "super-resolve"}, "scale=3 does not divide images of 8 x 8 pixels"),
        ({"scale": 4, "task": "super-resolve"}, "scale=4 does not divide images of 8 x 8 pixels into at least 4 x 4"),
        ({"source": 1}, "source=1 names a class, but paired=True"),
        ({"target": "a"}, "target='a' names a class"),
        ({"reconstruction_weight": -1}, "reconstruction_weight=-1"),
        ({"reconstruction_weight": float("nan")}, "reconstruction_weight=nan"),
    ],
)
def test_impossible_parameters_are_named(parameters, said):
    task = parameters.get("task", "translate")
    X = stripes(12)
    with pytest.raises(InvalidParameterError, match=said):
        translator(**parameters).fit(*given(task, X))


@cases(
    ("mask", "error", "said"),
    [
        (np.zeros((5, 8, 9)), InvalidDataError, r"mask has shape \(5, 8, 9\); give \(5, 8, 8\)"),
        (np.zeros((4, 8, 8)), InvalidDataError, r"mask has shape \(4, 8, 8\)"),
        (np.zeros((8,)), InvalidDataError, "mask has shape"),
        (np.zeros((5, 3, 8, 8)), InvalidDataError, "mask has shape"),
        (np.full((8, 8), 255), InvalidDataError, r"mask 0 holds 255 at \(0, 0\).*mask > 127"),
        (np.full((5, 8, 8), -1), InvalidDataError, "mask 0 holds -1"),
        (np.where(np.arange(5)[:, None, None] == 3, np.nan, np.zeros((5, 8, 8))), InvalidDataError, "mask 3 holds nan"),
        (np.ones((8, 8), bool), InvalidDataError, "mask 0 leaves nothing of its image"),
        (np.full((8, 8), "x"), InvalidTypeError, "mask of dtype"),
        ("mask", InvalidTypeError, "mask of dtype"),
        (object(), InvalidTypeError, "mask of dtype object"),
        (7, InvalidDataError, r"mask has shape \(\)"),
        ([[1], [1, 2]], InvalidDataError, r"mask is no array: its parts differ in size; give \(8, 8\)"),
    ],
)
def test_impossible_masks_are_named(hardly, mask, error, said):
    X = stripes(5)
    with pytest.raises(error, match=said):
        hardly["inpaint"].translate(X, mask=mask)
    if "(4," not in said:  # in fit there may be any number
        with pytest.raises(error, match=said.replace("give \\(5", "give \\(n")):
            translator("inpaint").fit(X, mask=mask)


def test_masks_that_mark_nothing_are_refused_in_fit():
    with pytest.raises(InvalidDataError, match="mask is False everywhere; True or 1 is what is missing"):
        translator("inpaint").fit(stripes(5), mask=np.zeros((2, 8, 8)))


def test_a_mask_is_for_holes_only(hardly):
    X, mask = stripes(4), mask_of((2, 2))
    for task in ("translate", "super-resolve"):
        with pytest.raises(InvalidParameterError, match="mask= .*inpaint"):
            translator(task).fit(*given(task, X), mask=mask)
        with pytest.raises(InvalidParameterError, match="mask= .*inpaint"):
            hardly[task].translate(X, mask=mask)
        with pytest.raises(InvalidParameterError, match="random_state= .*inpaint"):
            hardly[task].translate(X, random_state=0)
    with pytest.raises(InvalidParameterError, match="random_state= draws holes"):
        hardly["inpaint"].translate(X, mask=mask, random_state=0)
    unpaired = ImageTranslator(max_steps=1, width=4, min_probability=0, verbose=False)
    with pytest.raises(InvalidParameterError, match="mask= is for paired=True"):
        unpaired.fit(X, [0, 0, 1, 1], mask=mask)
    with pytest.raises(InvalidParameterError, match="mask= .*paired=True"):
        unpaired.fit(X, [0, 0, 1, 1]).translate(X, mask=mask)
    assert checked_mask(np.zeros((3, 8, 8)), (8, 8)).shape == (3, 8, 8)


def test_impossible_requests_are_named(hardly):
    X = stripes(4)
    for task in TASKS:
        own = hardly[task]
        with pytest.raises(InvalidParameterError, match="to='a'.*one way only"):
            own.translate(X, to="a")
        with pytest.raises(InvalidDataError, match="dtype float64"):
            own.translate(X / 255.0)
        with pytest.raises(InvalidDataError, match="X has shape"):
            own.translate(np.zeros((4, 8, 8, 3), np.uint8))
        with pytest.raises(GanaugError):
            own.translate("picture.png")
        with pytest.raises(InvalidParameterError, match="fitted without labels"):
            own.sample(3, label="a")
        with pytest.raises(InvalidParameterError, match="n is -1"):
            own.sample(-1)
        with pytest.raises(InvalidDataError, match="was fitted without labels"):
            copy.deepcopy(own).set_sources(X, [0, 1, 0, 1])
        with pytest.raises(InvalidDataError, match="no image to sample from"):
            copy.deepcopy(own).set_sources(X[:0])
    with pytest.raises(InvalidDataError, match=r"X has shape \(4, 7, 8\)"):
        hardly["translate"].translate(X[:, 1:])
    with pytest.raises(InvalidDataError, match="4 pixels a side at least"):
        hardly["super-resolve"].translate(X[:, :3])


def test_labels_and_images_must_be_as_many():
    with pytest.raises(InvalidDataError, match="X has 6 images and y has 5 labels"):
        translator("inpaint").fit(stripes(6), np.arange(5) % 2)
    own = translator("inpaint", max_steps=1).fit(stripes(6), np.arange(6) % 2)
    with pytest.raises(InvalidDataError, match="X has 6 images and y has 4 labels"):
        own.set_sources(stripes(6), [0, 1, 0, 1])
    with pytest.raises(InvalidDataError, match="was fitted with labels"):
        own.set_sources(stripes(6))
    own.set_sources(stripes(6), np.zeros(6, int))
    with pytest.raises(InvalidDataError, match="no image of class 1"):
        own.sample(2, label=1)


def test_a_training_ends_early_where_it_should():
    X = stripes(12)
    own = translator(max_steps=50, callbacks=[lambda event: "enough" if event.step >= 3 else None]).fit(255 - X, X)
    assert own.stop_reason_ == "enough" and own.n_steps_ == 3
    own = translator(max_steps=10_000, max_time=0.01).fit(255 - X, X)
    assert own.stop_reason_ == "max_time" and own.n_steps_ < 1000
    with pytest.warns(ganaug.TrainingWarning, match="diverged at step"):
        own = translator(max_steps=60, learning_rate=1e12).fit(255 - X, X)
    assert own.stop_reason_ == "diverged" and np.isfinite(own.sample(2)[0]).all()


class Killed(Exception):
    pass


# The tasks differ in what is drawn for a batch: "inpaint" draws most.
@pytest.mark.parametrize("task", [pytest.param(task, marks=[pytest.mark.slow] * (task != "inpaint")) for task in TASKS])
def test_a_killed_training_goes_on_to_the_same_result(task, tmp_path):
    X, file = stripes(20), tmp_path / "training.checkpoint"
    own = {"max_steps": 80, "checkpoint_every": 1}

    def kill(event):
        if event.step >= 70:
            raise Killed

    with pytest.raises(Killed):
        translator(task, checkpoint=file, callbacks=[kill], **own).fit(*given(task, X))
    assert file.exists()
    steps = []
    resumed = translator(task, checkpoint=file, callbacks=[lambda event: steps.append(event.step)], **own)
    resumed.fit(*given(task, X))
    assert not file.exists() and steps[0] > 64
    whole = translator(task, **own).fit(*given(task, X))
    for name, weights in whole.weights_.items():
        assert np.array_equal(weights, resumed.weights_[name]), name
    assert whole.history_.equals(resumed.history_) and whole.psnr_ == resumed.psnr_


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    X, file = stripes(20), tmp_path / "training.checkpoint"

    def kill(event):
        if event.step >= 70:
            raise Killed

    own = {"max_steps": 150, "checkpoint_every": 1, "checkpoint": file}
    with pytest.raises(Killed):
        translator("inpaint", callbacks=[kill], **own).fit(X)
    with pytest.raises(InvalidParameterError, match="left by a training with other data"):
        translator("inpaint", **own).fit(X[::-1])
    with pytest.raises(InvalidParameterError, match="left by a training with other data"):
        translator("inpaint", **own).fit(X, mask=mask_of((2, 2)))
    with pytest.raises(InvalidParameterError, match="reconstruction_weight=300.0 .now 5.0"):
        translator("inpaint", reconstruction_weight=5.0, **own).fit(X)
    with pytest.raises(GanaugError, match="nowhere"):
        translator("inpaint", checkpoint=tmp_path / "nowhere" / "file").fit(X)
    with pytest.raises(InvalidParameterError, match="checkpoint= is for paired=True"):
        translator(paired=False, checkpoint=file, min_probability=0).fit(X, np.arange(20) % 2)


# ------------------------------------------------------------------------------------------ state


WAYS = {
    "pickle": lambda own, _: pickle.loads(pickle.dumps(own)),
    "deepcopy": lambda own, _: copy.deepcopy(own),
    "file": lambda own, folder: (own.save(folder / "model"), ganaug.load(folder / "model"))[1],
}


@cases("way", WAYS)
@cases("task", TASKS)
def test_copies_translate_as_before_and_sample_once_they_have_images(hardly, task, way, tmp_path):
    own, X = hardly[task], stripes(24)
    again = WAYS[way](own, tmp_path)
    options = {"random_state": 1} if task == "inpaint" else {}
    assert np.array_equal(again.translate(X[:5], **options), own.translate(X[:5], **options))
    with pytest.raises(InvalidDataError, match="no images to sample from"):
        again.sample(3)
    again.set_sources(given(task, X)[0])
    assert np.array_equal(again.sample(9, random_state=1)[0], own.sample(9, random_state=1)[0])
    assert again.history_.equals(own.history_) and type(again) is ImageTranslator
    for name in ("quality_", "psnr_", "n_steps_", "stop_reason_", "n_features_in_"):
        assert getattr(again, name) == getattr(own, name), name
    assert again.get_params()["task"] == task and again.paired is True


def test_a_file_keeps_labels_and_holds_no_image_and_no_mask(tmp_path):
    X, y = stripes(20), np.repeat(["a", "b"], 10)
    own = translator("inpaint").fit(X, y, mask=mask_of((slice(1, 4), slice(2, 7))))
    own.save(tmp_path / "model")
    content = (tmp_path / "model").read_bytes()
    assert not any(image[2:5].tobytes() in content for image in X)
    assert not any(own._masks.tobytes() in data for data in (content, pickle.dumps(own)))
    again = ganaug.load(tmp_path / "model").set_sources(X, y)
    assert set(again.sample(4, label="b")[1]) == {"b"}


@cases(
    ("task", "damage"),
    [
        ("translate", lambda config, arrays: config.update(inputs=None)),
        ("translate", lambda config, arrays: config["inputs"].update(shape=[1, 16, 16])),
        ("translate", lambda config, arrays: arrays.pop("inputs/low")),
        ("translate", lambda config, arrays: config["design"].update(task="inpaint")),
        ("inpaint", lambda config, arrays: config["design"].update(width=9)),
        ("inpaint", lambda config, arrays: config["design"].update(width="4")),
        ("inpaint", lambda config, arrays: config["design"].pop("scale")),
        ("inpaint", lambda config, arrays: config["parameters"].update(task="super-resolve")),
        ("inpaint", lambda config, arrays: config["parameters"].update(paired=False)),
        ("inpaint", lambda config, arrays: arrays.update({"weights/extra": np.zeros(1, np.float32)})),
        ("inpaint", lambda config, arrays: arrays.update(judged=np.zeros(3))),
        ("super-resolve", lambda config, arrays: config["design"].update(scale=4)),
        ("super-resolve", lambda config, arrays: config["parameters"].update(scale=3)),
    ],
)
def test_a_damaged_file_is_refused(hardly, tmp_path, task, damage):
    hardly[task].save(tmp_path / "model")
    state = read_state(tmp_path / "model")
    damage(state.config, state.arrays)
    write_state(tmp_path / "bad", state.kind, state.config, state.arrays)
    with pytest.raises(ModelFileError):
        ganaug.load(tmp_path / "bad")


def test_a_clone_is_not_fitted(hardly):
    copied = clone(hardly["inpaint"])
    assert copied.get_params() == hardly["inpaint"].get_params()
    for call in (copied.sample, lambda: copied.translate(stripes(1)), lambda: copied.save("x")):
        with pytest.raises(NotFittedError):
            call()
