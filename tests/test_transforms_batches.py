"""SyntheticBlend and SyntheticMixUp on whole batches."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
from helpers import cases
from test_pools import Painter
from torch.utils.data import DataLoader, Dataset, default_collate
from torchvision import tv_tensors
from torchvision.transforms import v2

from ganaug.exceptions import InvalidDataError, InvalidParameterError, InvalidTypeError
from ganaug.pools import pool as pool_module
from ganaug.transforms import SamplePool, SyntheticBlend, SyntheticMixUp

REAL = 255  # the painter stays below


@pytest.fixture(scope="module")
def pool():
    return SamplePool.generate(Painter(), 40)


def batch(n=12, dtype=torch.uint8):
    images = torch.full((n, 3, 8, 8), REAL, dtype=torch.uint8)
    if dtype != torch.uint8:
        images = (images.float() / 255).to(dtype)
    return images, torch.arange(n) % 3


def changed(images, real):
    """Rows that are not the real ones any more."""
    return (images != real).flatten(1).any(1).nonzero()[:, 0]


def test_a_share_is_replaced_by_images_of_the_same_class(pool):
    images, labels = batch(400)
    out, out_labels = SyntheticBlend(pool, share=0.25)(images, labels)
    rows = changed(out, images)
    assert len(rows) in {100, 101} and out.dtype == torch.uint8 and out.shape == images.shape
    assert out_labels is labels
    assert (out[rows] // 50 == labels[rows].reshape(-1, 1, 1, 1)).all()
    assert (images == REAL).all()  # the batch given is as it was
    known = {image.tobytes() for image in pool.take(np.arange(len(pool)))}
    assert all(image.numpy().tobytes() in known for image in out[rows])


def test_the_mean_share_is_right_for_batches_too_small_for_it(pool):
    blend = SyntheticBlend(pool, share=0.1)
    images, labels = batch(4)
    counts = [len(changed(blend(images, labels)[0], images)) for _ in range(400)]
    assert set(counts) == {0, 1} and abs(np.mean(counts) - 0.4) < 0.1


@cases(("share", "p", "replaced"), [(0.0, 1.0, {0}), (1.0, 1.0, {12}), (1.0, 0.0, {0}), (1.0, 0.5, {0, 12})])
def test_share_and_p_at_their_bounds(pool, share, p, replaced):
    blend = SyntheticBlend(pool, share, p=p)
    images, labels = batch()
    assert {len(changed(blend(images, labels)[0], images)) for _ in range(30)} == replaced


def test_balanced_draws_change_labels_with_the_images(pool):
    images, labels = batch(600)
    labels = torch.zeros_like(labels).to(torch.int32)
    out, new = SyntheticBlend(pool, 0.5, draw="balanced")(images, labels)
    rows = changed(out, images)
    assert new.dtype == torch.int32 and (labels == 0).all() and len(rows) == 300
    assert (out[rows] // 50 == new[rows].reshape(-1, 1, 1, 1)).all()
    assert (torch.bincount(new[rows]) > 70).all()
    kept = np.setdiff1d(np.arange(600), rows)
    assert (new[kept] == 0).all() and (out[kept] == REAL).all()


# ------------------------------------------------------------------------------------------------ batches


def test_every_kind_of_batch_keeps_its_structure(pool):
    images, labels = batch()
    blend = SyntheticBlend(pool, 1.0)
    want = (labels * 50).reshape(-1, 1, 1, 1)

    def right(out):
        return ((out >= want) & (out < want + 50)).all()

    out = blend([images, labels])
    assert isinstance(out, list) and right(out[0])
    out = blend({"label": labels, "name": ["x"] * 12, "image": images})  # labels before the images
    assert list(out) == ["label", "name", "image"] and right(out["image"]) and out["label"] is labels
    weights = torch.rand(12, generator=torch.Generator().manual_seed(0))
    out = blend(images, labels, weights)
    assert right(out[0]) and out[2] is weights
    out = blend(tv_tensors.Image(images), labels)
    assert isinstance(out[0], tv_tensors.Image) and right(out[0])
    out = blend((images, {"labels": labels, "label_names": None}))
    assert right(out[0]) and out[1]["labels"] is labels
    out = SyntheticBlend(pool, 1.0, labels_getter=lambda b: b[0])(labels, images)
    assert right(out[1]) and out[0] is labels
    out = v2.Compose([blend, v2.MixUp(num_classes=3)])(images.float() / 255, labels)
    assert out[1].shape == (12, 3)


def test_two_views_get_the_same_image(pool):
    images, labels = batch()
    first, second, _ = SyntheticBlend(pool, 1.0, labels_getter=lambda b: b[2])(
        tv_tensors.Image(images), tv_tensors.Image(images.float() / 255), labels
    )
    assert torch.allclose(first.float() / 255, second) and second.dtype == torch.float32


@cases("dtype", [torch.uint8, torch.float32, torch.float16, torch.bfloat16, torch.float64])
@cases("transform", [SyntheticBlend, SyntheticMixUp])
def test_dtype_and_range_are_matched(pool, dtype, transform):
    images, labels = batch(dtype=dtype)
    out, _ = transform(pool, **({"share": 1.0} if transform is SyntheticBlend else {}))(images, labels)
    assert out.dtype == dtype and float(out.min()) >= 0 and float(out.max()) <= (255 if dtype == torch.uint8 else 1)
    if transform is SyntheticBlend and dtype.is_floating_point:
        assert (torch.floor((out.float() * 255).round() / 50) == labels.reshape(-1, 1, 1, 1)).float().mean() > 0.98


@pytest.mark.parametrize(("mean", "std"), [(0.5, 0.25), ([0.1, 0.2, 0.3], [0.5, 0.6, 0.7])])
def test_normalised_batches_get_normalised_images(pool, mean, std):
    images, labels = batch(dtype=torch.float32)
    normalise = v2.Normalize(np.broadcast_to(mean, 3).tolist(), np.broadcast_to(std, 3).tolist())
    plain, _ = SyntheticBlend(pool, 1.0)(images, labels)
    out, _ = SyntheticBlend(pool, 1.0, mean=mean, std=std)(normalise(images), labels)
    torch.testing.assert_close(out, normalise(plain))
    with pytest.raises(InvalidDataError, match="mean= and std="):
        SyntheticBlend(pool, 1.0)(normalise(images), labels)


def test_mixup_mixes_within_the_class_and_labels_stay_integers():
    shade = SamplePool(
        np.repeat(np.array([0, 100], np.uint8), 5).reshape(10, 1, 1, 1) * np.ones((1, 1, 8, 8), np.uint8),
        [0] * 5 + [1] * 5,
    )
    labels = torch.arange(400) % 2
    images = torch.full((400, 1, 8, 8), 200, dtype=torch.uint8)
    out, out_labels = SyntheticMixUp(shade, alpha=1.0)(images, labels)
    assert out_labels is labels and out.dtype == torch.uint8
    zero, one = out[labels == 0, 0, 0, 0].float(), out[labels == 1, 0, 0, 0].float()
    assert one.min() >= 100 and zero.min() < 20 and abs(zero.mean() - 100) < 15 and abs(one.mean() - 150) < 8
    half = SyntheticMixUp(shade, alpha=1.0, p=0.5)(images, labels)[0]
    assert 150 < len(changed(half, images)) < 250


# ------------------------------------------------------------------------------------------------ classes


def test_names_are_found_by_the_datasets_list():
    named = SamplePool.generate(Painter(classes=["ant", "bee", "cat"]), 5)
    images, labels = batch()
    shifted = ["dog", "ant", "bee", "cat"]
    out, _ = SyntheticBlend(named, 1.0, classes=shifted)(images, labels + 1)
    assert (out // 50 == labels.reshape(-1, 1, 1, 1)).all()
    out, new = SyntheticBlend(named, 1.0, classes=shifted, draw="balanced")(images, labels)
    assert (out // 50 == (new - 1).reshape(-1, 1, 1, 1)).all()
    out, _ = SyntheticBlend(named, 1.0, classes=shifted, missing="keep")(images, labels)
    assert (changed(out, images) % 3 != 0).all()  # the dogs stay
    with pytest.raises(InvalidDataError, match=r"class 0, only of 'ant'.*classes=dataset\.classes"):
        SyntheticBlend(named, 1.0)(images, labels)
    with pytest.raises(InvalidDataError, match="other classes"):
        SyntheticBlend(named, 1.0, classes=["ant", "dog"])
    with pytest.raises(InvalidDataError, match="no name"):
        SyntheticBlend(named, 1.0, classes=shifted)(images, labels + 2)
    with pytest.raises(InvalidDataError, match="has no number"):
        SyntheticBlend(named, 1.0, draw="balanced", missing="keep")(images, labels)


def test_a_class_without_images_is_an_error_or_stays_real(pool):
    images, labels = batch()
    with pytest.raises(InvalidDataError, match='class 3, only of 0, 1, 2; give missing="keep"'):
        SyntheticBlend(pool, 1.0)(images, labels + 3)
    for transform in (SyntheticBlend(pool, 1.0, missing="keep"), SyntheticMixUp(pool, missing="keep")):
        rows = changed(transform(images, labels + 1)[0], images)
        assert len(rows) == 8 and (labels[rows] + 1 < 3).all()


# ------------------------------------------------------------------------------------- generators and paths


def test_a_generator_is_asked_once_when_the_transform_is_made():
    painter = Painter()
    blend = SyntheticBlend(painter, 1.0, pool_size=7, seed=3)
    assert [n for n, _, _ in painter.asked] == [7, 7, 7]
    images, labels = batch()
    out, _ = blend(images, labels)
    assert len(painter.asked) == 3
    assert torch.equal(out, SyntheticBlend(Painter(), 1.0, pool_size=7, seed=3)(images, labels)[0])


def test_a_path_is_that_of_a_pool_or_of_a_generator(pool, tmp_path, monkeypatch):
    images, labels = batch()
    pool.save(tmp_path / "synthetic.pool")
    want = SyntheticBlend(pool, 1.0)(images, labels)[0]
    assert torch.equal(SyntheticBlend(tmp_path / "synthetic.pool", 1.0)(images, labels)[0], want)
    loaded = []
    monkeypatch.setattr(pool_module, "_load", lambda path: loaded.append(path) or Painter())
    path = tmp_path / "gan.safetensors"
    path.write_bytes(b"a generator")
    for _ in range(2):
        assert len(SyntheticBlend(str(path), 1.0, pool_size=4).pool) == 12
    assert loaded == [str(path)]  # once in a process
    path.write_bytes(b"another generator")
    SyntheticBlend(str(path), 1.0, pool_size=4)
    assert len(loaded) == 2


def test_the_pool_can_be_renewed_between_epochs(pool):
    blend = SyntheticBlend(pool, 1.0)
    blend.pool = SamplePool(np.full((3, 3, 8, 8), 7, np.uint8), [0, 1, 2])
    assert (blend(*batch())[0] == 7).all()
    with pytest.raises(InvalidTypeError, match="SamplePool"):
        blend.pool = "synthetic.pool"


# ------------------------------------------------------------------------------------------- random streams


class Plain(Dataset):
    def __len__(self):
        return 16

    def __getitem__(self, i):
        return torch.full((3, 8, 8), REAL, dtype=torch.uint8), i % 3


class Collate:
    """The batch that each of these blends makes of the same items."""

    def __init__(self, blends):
        self.blends = blends

    def __call__(self, items):
        batch = default_collate(items)
        return torch.stack([blend(*batch)[0] for blend in self.blends])


def epochs(pool, workers=2, loader_seed=0, **options):
    """Two epochs of a loader with blends of seeds 0 and 1, as (seed, batch, ...)."""
    loader = DataLoader(
        Plain(),
        batch_size=4,
        num_workers=workers,
        collate_fn=Collate([SyntheticBlend(pool, 1.0, seed=seed) for seed in (0, 1)]),
        generator=torch.Generator().manual_seed(loader_seed),
        **options,
    )
    return [torch.stack(list(loader), dim=1) for _ in range(2)]


@cases("options", [{"workers": 2}, {"workers": 2, "persistent_workers": True}, {"workers": 0}])
def test_every_worker_and_epoch_differs_and_all_of_it_repeats(pool, options):
    first, second = epochs(pool, **options)
    every = torch.cat([first, second], dim=1).flatten(0, 1).flatten(1)
    assert len(torch.unique(every, dim=0)) == len(every) == 16  # no batch like another, nor like one of another seed
    for now, again in zip((first, second), epochs(pool, **options), strict=True):
        assert torch.equal(now, again)
    if options["workers"]:
        assert not torch.equal(first[0], epochs(pool, loader_seed=1, **options)[0][0])


@pytest.mark.slow
def test_spawned_workers_draw_what_forked_ones_do(pool, tmp_path):
    mapped = pool.save(tmp_path / "synthetic.pool")
    forked = epochs(mapped)
    spawned = epochs(mapped, multiprocessing_context="spawn", persistent_workers=True)
    assert torch.equal(forked[0], spawned[0])


def test_calls_differ_copies_go_on_alike_and_nothing_global_moves(pool, global_state):
    blend = SyntheticBlend(pool, 0.5)
    images, labels = batch()
    first = blend(images, labels)[0]
    copies = pickle.loads(pickle.dumps(blend)), copy.deepcopy(blend)
    second = blend(images, labels)[0]
    assert not torch.equal(first, second)
    assert all(torch.equal(c(images, labels)[0], second) for c in copies)
    assert not torch.equal(SyntheticBlend(pool, 0.5, seed=None)(images, labels)[0], first)
    global_state.assert_unchanged()


# ------------------------------------------------------------------------------------------------ bad input


@cases(
    ("options", "error", "says"),
    [
        ({"share": 1.5}, InvalidParameterError, r"share=1\.5.*\[0, 1\]"),
        ({"share": -0.1}, InvalidParameterError, "share"),
        ({"share": "all"}, InvalidParameterError, "share"),
        ({"p": 2}, InvalidParameterError, "p=2"),
        ({"draw": "even"}, InvalidParameterError, "'balanced'"),
        ({"missing": "ignore"}, InvalidParameterError, "'keep'"),
        ({"mean": 0.5}, InvalidParameterError, "both mean= and std="),
        ({"mean": 0.5, "std": 0.0}, InvalidParameterError, "std above 0"),
        ({"classes": "abc"}, InvalidTypeError, "list of names"),
        ({"labels_getter": 1}, InvalidParameterError, "labels_getter"),
        ({"seed": -1}, InvalidParameterError, "not a seed"),
    ],
)
def test_bad_parameters_are_named(pool, options, error, says):
    with pytest.raises(error, match=says):
        SyntheticBlend(pool, **options)


def test_a_bad_source_or_alpha_is_named(pool):
    with pytest.raises(InvalidTypeError, match="source is a int"):
        SyntheticBlend(3)
    with pytest.raises(InvalidParameterError, match="pool_size"):
        SyntheticBlend(Painter(), pool_size=0)
    with pytest.raises(InvalidParameterError, match="alpha"):
        SyntheticMixUp(pool, alpha=0)


@cases(
    ("make", "error", "says"),
    [
        (lambda x, y: (x, y.float()), InvalidTypeError, "before v2.MixUp"),
        (lambda x, y: (x, torch.eye(12, dtype=torch.long)), InvalidTypeError, "12, 12"),
        (lambda x, y: (x, y.tolist()), InvalidTypeError, "list"),
        (lambda x, y: {"image": x, "target": y}, InvalidDataError, "labels_getter"),
        (lambda x, y: (x, y[:5]), InvalidDataError, "5 labels"),
        (lambda x, y: (x[0], y), InvalidDataError, "no images"),
        (lambda x, y: (x[:, :1], y), InvalidDataError, "1 channels and the synthetic ones 3"),
        (lambda x, y: (torch.zeros(12, 3, 9, 8), y), InvalidDataError, "9 x 8.*8 x 8.*resize=True"),
        (lambda x, y: (x.long(), y), InvalidTypeError, "int64"),
        (lambda x, y: (tv_tensors.Image(x), y, tv_tensors.Mask(x[:, 0])), InvalidTypeError, "Mask"),
    ],
)
def test_bad_batches_are_named(pool, make, error, says):
    made = make(*batch())
    with pytest.raises(error, match=says):
        SyntheticBlend(pool, 1.0)(made)


def test_other_traps(pool):
    images, labels = batch()
    with pytest.raises(InvalidParameterError, match="3 channels"):
        SyntheticBlend(pool, 1.0, mean=[0.5, 0.5], std=[1, 1])(images.float() / 255, labels)
    with pytest.raises(InvalidParameterError, match="not in the batch"):
        SyntheticBlend(pool, 1.0, draw="balanced", labels_getter=lambda b: b[1] + 0)(images, labels)
    with pytest.raises(InvalidParameterError, match="transform itself"):
        SyntheticBlend(pool, 1.0).forward(images, labels)
    larger = torch.zeros(12, 3, 20, 10)
    out, _ = SyntheticBlend(pool, 1.0, resize=True)(larger, labels)
    assert out.shape == larger.shape and (out[labels == 2] > 0.3).all()
