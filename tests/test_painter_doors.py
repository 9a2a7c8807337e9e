"""Painted defects in pipelines: albumentations with masks and boxes, torchvision v2 with tv_tensors."""

from __future__ import annotations

import pickle

import albumentations as A
import numpy as np
import pytest
import torch
from helpers import cases
from PIL import Image
from test_painter import SIDE, backgrounds, with_scratches
from torchvision import tv_tensors
from torchvision.transforms import v2

from ganaug import DefectPainter, GanaugError
from ganaug.exceptions import DataWarning, ModelFileError
from ganaug.transforms import PaintDefects, RandomPaintDefects


def fitted(channels=3):
    X, masks = with_scratches(backgrounds(4, channels=channels))
    return DefectPainter(random_state=0).fit(X, masks)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("painter") / "painter.safetensors"
    fitted().save(path)
    return str(path)


IMAGE = backgrounds(1, seed=9, channels=3)[0]
EMPTY = np.zeros((SIDE, SIDE), np.uint8)

# ---- albumentations ------------------------------------------------------------------------------


def test_image_mask_and_boxes_change_together(path):
    boxes = A.BboxParams("pascal_voc", label_fields=["kinds"])
    transform = A.Compose([PaintDefects(path, n=2, value=7, p=1.0)], bbox_params=boxes, seed=0)
    out = transform(image=IMAGE, mask=EMPTY, bboxes=[[1, 2, 9, 12]], kinds=[3])
    assert out["image"].shape == IMAGE.shape and out["image"].dtype == np.uint8
    assert set(np.unique(out["mask"])) == {0, 7} and out["mask"].dtype == np.uint8
    assert (out["image"].astype(int) - IMAGE)[out["mask"] == 7].mean() > 30
    assert len(out["bboxes"]) == 3 and [int(kind) for kind in out["kinds"]] == [3, 7, 7]
    inside = np.zeros((SIDE, SIDE), bool)
    for left, top, right, bottom in np.array(out["bboxes"])[1:].round().astype(int):
        inside[top:bottom, left:right] = True
    assert not ((out["mask"] == 7) & ~inside).any()
    assert not EMPTY.any() and (backgrounds(1, seed=9, channels=3)[0] == IMAGE).all()


def test_an_image_without_boxes_gets_some(path):
    transform = A.Compose([PaintDefects(path, value=4, p=1.0)], bbox_params=A.BboxParams("pascal_voc"), seed=0)
    out = transform(image=IMAGE, bboxes=np.zeros((0, 5)))  # the class stands in the fifth column
    assert np.shape(out["bboxes"]) == (1, 5) and out["bboxes"][0][4] == 4
    fields = A.Compose([PaintDefects(path, p=1.0)], bbox_params=A.BboxParams("coco", label_fields=["kinds"]), seed=0)
    with pytest.raises(GanaugError, match="fifth column"):
        fields(image=IMAGE, bboxes=np.zeros((0, 4)), kinds=[])


def test_masks_of_instances_get_one_more(path):
    out = A.Compose([PaintDefects(path, p=1.0)], seed=0)(image=IMAGE, masks=np.stack([EMPTY, EMPTY]))
    assert len(out["masks"]) == 3 and out["masks"][2].any()


def test_a_second_image_is_not_replaced_by_the_first(path):
    pipe = A.Compose([PaintDefects(path, p=1.0)], additional_targets={"second": "image", "third": "mask"}, seed=0)
    with pytest.raises(GanaugError, match="second would lack the defect"):
        pipe(image=IMAGE, second=IMAGE[::-1].copy())
    out = pipe(image=IMAGE, second=IMAGE.copy(), third=EMPTY)
    np.testing.assert_array_equal(out["image"], out["second"])
    assert out["third"].any()


def test_masks_of_0_and_255_are_told_of(path):
    full = EMPTY.copy()
    full[:2, :2] = 255
    with pytest.warns(DataWarning, match="give value=255"):
        A.Compose([PaintDefects(path, p=1.0)], seed=0)(image=IMAGE, mask=full)
    with pytest.warns(DataWarning, match="give value=255"):
        RandomPaintDefects(fitted(), p=1.0, seed=0)(tv_tensors.Image(TENSOR), tv_tensors.Mask(torch.from_numpy(full)))
    out = A.Compose([PaintDefects(path, p=1.0, value=255)], seed=0)(image=IMAGE, mask=full)
    assert set(np.unique(out["mask"])) == {0, 255} and (out["mask"] == 255).sum() > 4


def test_p_seeds_and_records(path):
    transform = A.Compose([PaintDefects(path, p=0.3)], seed=0)
    hits = [transform(image=IMAGE, mask=EMPTY)["mask"].any() for _ in range(100)]
    assert 0.15 < np.mean(hits) < 0.45
    again = A.Compose([A.from_dict(A.to_dict(PaintDefects(path, p=1.0)))], seed=4)
    first = A.Compose([PaintDefects(path, p=1.0)], seed=4)(image=IMAGE)["image"]
    np.testing.assert_array_equal(first, again(image=IMAGE)["image"])
    recorded = A.ReplayCompose([PaintDefects(path, p=1.0)])
    out = recorded(image=IMAGE, mask=EMPTY)
    replayed = A.ReplayCompose.replay(out["replay"], image=IMAGE, mask=EMPTY)
    np.testing.assert_array_equal(out["image"], replayed["image"])
    np.testing.assert_array_equal(out["mask"], replayed["mask"])
    pickle.loads(pickle.dumps(transform))(image=IMAGE)


@cases(
    ("given", "error"),
    [
        ({"path": 3}, "path is a int"),
        ({"p": 2}, "p=2"),
        ({"value": -1}, "value=-1"),
    ],
)
def test_what_albumentations_is_given_wrongly(path, given, error):
    with pytest.raises(GanaugError, match=error):
        PaintDefects(**{"path": path, **given})


def test_images_that_the_painter_does_not_know(path):
    always = PaintDefects(path, p=1.0)
    for image in (IMAGE[..., 0], IMAGE / np.float32(255), IMAGE[None]):
        with pytest.raises((GanaugError, ValueError)):
            always(image=image)
    with pytest.raises(ModelFileError):
        PaintDefects(path + "x", p=1.0)(image=IMAGE)
    with pytest.raises(GanaugError, match="n=0"):
        PaintDefects(path, n=0, p=1.0)(image=IMAGE)


# ---- torchvision ---------------------------------------------------------------------------------

TENSOR = torch.from_numpy(IMAGE).permute(2, 0, 1)


@cases("form", ["XYXY", "XYWH", "CXCYWH"])
def test_tv_tensors_change_together(form):
    transform = RandomPaintDefects(fitted(), p=1.0, n=2, value=5, seed=0)
    boxes = tv_tensors.BoundingBoxes([[4.0, 4, 6, 6]], format=form, canvas_size=(SIDE, SIDE))
    target = {
        "boxes": boxes,
        "mask": tv_tensors.Mask(torch.zeros(SIDE, SIDE, dtype=torch.uint8)),
        "masks": tv_tensors.Mask(torch.zeros(2, SIDE, SIDE, dtype=torch.uint8)),
        "labels": torch.tensor([2]),
        "id": 3,
    }
    image, made = transform(tv_tensors.Image(TENSOR), target)
    assert isinstance(image, tv_tensors.Image) and image.dtype == torch.uint8 and made["id"] == 3
    assert made["labels"].tolist() == [2, 5, 5] and made["boxes"].format == boxes.format
    assert made["masks"].shape == (3, SIDE, SIDE) and torch.equal(made["masks"][2], made["mask"])
    corners = v2.functional.convert_bounding_box_format(made["boxes"], new_format="XYXY")
    rows, columns = torch.nonzero(made["mask"] == 5).T
    assert corners[1:, 0].min() == columns.min() and corners[1:, 3].max() == rows.max() + 1
    assert (image.int() - TENSOR.int())[:, made["mask"] == 5].float().mean() > 30
    assert target["labels"].tolist() == [2] and not target["mask"].any()


def test_images_of_other_kinds_and_pipelines():
    pipeline = v2.Compose([RandomPaintDefects(fitted(), p=1.0, seed=0), v2.ToImage(), v2.ToDtype(torch.float32, True)])
    for image in (Image.fromarray(IMAGE), TENSOR):
        assert pipeline(image).shape == (3, SIDE, SIDE)
    grey = Image.fromarray(backgrounds(1)[0])
    assert RandomPaintDefects(fitted(None), p=1.0)(grey).mode == "L"
    assert RandomPaintDefects(fitted(), p=0.0)(TENSOR) is TENSOR
    one, other = (RandomPaintDefects(fitted(), p=0.5, seed=3) for _ in range(2))
    assert all(torch.equal(one(TENSOR), other(TENSOR)) for _ in range(6))


def test_what_torchvision_is_given_wrongly():
    for wrong in (3, "painter", DefectPainter()):
        with pytest.raises(GanaugError, match="painter"):
            RandomPaintDefects(wrong)
    always = RandomPaintDefects(fitted(), p=1.0)
    for image in (TENSOR[None], TENSOR[:1], TENSOR.float(), torch.zeros(3), "image"):
        with pytest.raises(GanaugError):
            always(image)
    with pytest.raises(GanaugError, match="p="):
        RandomPaintDefects(fitted(), p=-1)


# ---- What would come back wrong --------------------------------------------------------------------------------


def test_boxes_that_are_none_of_pixels():
    X, _ = with_scratches(backgrounds(4, channels=3))
    boxes = [
        tv_tensors.BoundingBoxes(torch.tensor([[4, 4, 20, 20]]), format=f, canvas_size=(SIDE, SIDE))
        for f in ("XYXY", "XYWH")
    ]
    assert DefectPainter(random_state=0).fit(X, boxes=[boxes[0]] * 4).n_defects_
    with pytest.raises(GanaugError, match="the boxes of image 0 are XYWH; .*convert_bounding_box_format"):
        DefectPainter().fit(X, boxes=[boxes[1]] * 4)
    with pytest.raises(GanaugError, match=f"shares of the sides; multiply them by .{SIDE}, {SIDE}"):
        DefectPainter().fit(X, boxes=np.array([[0.1, 0.2, 0.5, 0.9]] * 4))


def test_masks_and_labels_that_do_not_belong_to_the_image(path):
    image = tv_tensors.Image(TENSOR)
    boxes = tv_tensors.BoundingBoxes(torch.tensor([[1, 1, 4, 4]]), format="XYXY", canvas_size=(SIDE, SIDE))
    always = RandomPaintDefects(fitted(), p=1.0, value=300)
    for target, text in (
        (tv_tensors.Mask(torch.zeros(1, 8, 8)), f"mask has 8 x 8 pixels and its image {SIDE} x {SIDE}"),
        (
            tv_tensors.Mask(torch.zeros(1, SIDE, SIDE, dtype=torch.uint8)),
            "value=300 is more than a mask of torch.uint8",
        ),
        ({"boxes": boxes, "labels": [1]}, r"labels of boxes \('labels'\) are a list"),
    ):
        with pytest.raises(GanaugError, match=text):
            always(image, target)
    with pytest.raises(GanaugError, match=f"mask has 8 x 8 pixels and its image {SIDE} x {SIDE}"):
        A.Compose([PaintDefects(path, p=1.0)], is_check_shapes=False)(image=IMAGE, mask=EMPTY[:8, :8])
    for fields, text in (
        ({"kinds": ["a", "b"]}, "labels 'kinds' of boxes are names"),
        ({"kinds": [1, 2], "areas": [3.0, 4.0]}, r"boxes have \['kinds', 'areas'\] beside their sides"),
    ):
        params = A.BboxParams("pascal_voc", label_fields=list(fields))
        with pytest.raises(GanaugError, match=text):
            A.Compose([PaintDefects(path, p=1.0)], bbox_params=params)(
                image=IMAGE, bboxes=[[1, 1, 5, 5], [2, 2, 7, 7]], **fields
            )
