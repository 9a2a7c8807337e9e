"""What `DefectPainter` gains on planted defects, over copy-paste and over no synthetic images: a table and pictures.

    python examples/benchmarks/defects.py --write

Into real images (32 x 32 crops of two photographs of scikit-learn, and chest X-rays of 28 x 28) defects with known masks
are planted: scratches, blobs and cracks, one for each defective image. Training images hold 5, 10 or 20 defective ones
and 200 without; a small fully convolutional network learns masks from them, and is tried on 300 and 150 that it did not
see (other parts of the photographs, other patients). Image AP: average precision of telling defective images by
the mean of their ten most suspicious pixels. Pixel AP: average precision over all pixels.

Every arm has the same network, steps, and mirrored and turned images. All but "none" draw half of each batch from the
defective images; the painting arms replace half of these by ones painted from the same few images and masks.
A finished training is a file of out/defects, and is not repeated as long as the code that decides it is the same.
"""

from __future__ import annotations

import argparse
import ast
import functools
import hashlib
import json
import time

import numpy as np
import torch
from common import OUT, ROOT
from datasets import reader
from scipy import ndimage
from sklearn.metrics import average_precision_score
from torch import nn

PAGE, IMAGES = ROOT / "docs" / "defect_painting.md", ROOT / "docs" / "images"
SETS = {"textures": "Textures", "xrays": "Chest X-rays"}
FEW = (5, 10, 20)
CLEAN, TEST_DEFECTS, TEST_CLEAN, PAINTED = 200, 150, 300, 400
# What is added to a strength of about the image's own standard deviation: by channels, colour being the harder set.
STRENGTH = {3: 40, 1: 8}
BATCH, STEPS = 16, 250
ARMS = {
    "none": "as they come",
    "weighted": "weighted sampling",
    "mixup": "+ Mixup",
    "cutmix": "+ CutMix",
    "paste": "copy-paste",
    "blend": "copy-paste, blended seam",
    "morph": "painter (morph)",
    "gan": "painter (gan)",
}
PAINTERS = ("paste", "blend", "morph", "gan")
WITHOUT = ("none", "weighted", "mixup", "cutmix", "paste", "blend")


# ---- planted defects ---------------------------------------------------------------------------


def line(shape, rng, steps, wander):
    """A wandering line of pixels."""
    mask = np.zeros(shape, bool)
    at = np.array([rng.uniform(0.2, 0.8) * side for side in shape])
    angle = rng.uniform(0, 2 * np.pi)
    for _ in range(steps):
        y, x = np.rint(at).astype(int)
        if not (0 <= y < shape[0] and 0 <= x < shape[1]):
            break
        mask[y, x] = True
        angle += wander * rng.standard_normal()
        at += 0.7 * np.array([np.sin(angle), np.cos(angle)])
    return mask


def scratch(shape, rng):
    """Long, thin and nearly straight; brighter."""
    mask = line(shape, rng, int(rng.uniform(14, 36)), 0.08)
    return mask, ndimage.gaussian_filter(mask.astype(float), 0.5) * 2.2


def crack(shape, rng):
    """Branching and wandering; darker."""
    mask = line(shape, rng, int(rng.uniform(14, 30)), 0.45)
    mask |= line(shape, rng, 6, 0.3) & ndimage.binary_dilation(mask, iterations=3)
    return mask, -ndimage.gaussian_filter(mask.astype(float), 0.5) * 2.2


def blob(shape, rng):
    """A stain with an uneven edge and an uneven inside; brighter or darker."""
    y, x = np.indices(shape)
    middle = [rng.uniform(0.2, 0.8) * side for side in shape]
    noise = ndimage.gaussian_filter(rng.standard_normal(shape), 1.5)
    radii = rng.uniform(2, 4.5, 2)
    distance = np.hypot((y - middle[0]) / radii[0], (x - middle[1]) / radii[1]) + 1.2 * noise
    mask = distance < 1
    return mask, rng.choice([-1, 1]) * ndimage.gaussian_filter(mask * (1 + noise), 0.7)


def planted(images, seed):
    """Images (n, H, W, C) with a defect each, and the masks."""
    out, masks = images.copy(), np.zeros(images.shape[:3], bool)
    for i, image in enumerate(images):
        rng = np.random.default_rng([seed, i])
        while masks[i].sum() < 6:
            masks[i], shape = (scratch, crack, blob)[i % 3](images.shape[1:3], rng)
        rough = image.std((0, 1)).mean()
        strength = rng.uniform(0.7, 1.3) * max(rough, 12.0) + STRENGTH[images.shape[-1]]
        tint = rng.uniform(0.7, 1.0, image.shape[-1])
        out[i] = np.rint(image + strength * shape[..., None] * tint).clip(0, 255)
    return out, masks


def crops(n, part, seed, side=32):
    """Crops of the left (0) or the right (1) half of the two photographs of scikit-learn."""
    from sklearn.datasets import load_sample_images

    rng = np.random.default_rng([seed, part])
    photos = [photo[:, part * photo.shape[1] // 2 :][:, : photo.shape[1] // 2] for photo in load_sample_images().images]
    made = []
    while len(made) < n:
        photo = photos[len(made) % 2]
        y, x = (int(rng.integers(0, size - side)) for size in photo.shape[:2])
        crop = photo[y : y + side, x : x + side]
        if crop.std() > 12:  # no plain sky
            made.append(crop)
    return np.stack(made)


def backgrounds(name, n, part, seed):
    """Real images without a defect, (n, H, W, C); part 0 for training, 1 for the test."""
    if name == "textures":
        return crops(n, part, seed)
    X, y, X_test, y_test = reader().load_images("pneumoniamnist")
    X, y = (X_test, y_test) if part else (X, y)
    healthy = X[y == 0]
    rows = np.random.default_rng([seed, part]).choice(len(healthy), n, replace=n > len(healthy))
    return healthy[rows][..., None]


class Case:
    """The images of one setting: a set, a number of defective images, a seed."""

    def __init__(self, name, few, seed):
        images = backgrounds(name, few + CLEAN, 0, seed)
        self.clean = images[few:]
        self.images, self.masks = planted(images[:few], 1000 + seed)
        test = backgrounds(name, TEST_DEFECTS + TEST_CLEAN, 1, seed)
        bad, masks = planted(test[:TEST_DEFECTS], 2000 + seed)
        self.test = np.concatenate([bad, test[TEST_DEFECTS:]])
        self.test_masks = np.concatenate([masks, np.zeros((TEST_CLEAN, *masks.shape[1:]), bool)])
        self.seed = seed

    def painted(self, mode):
        """Images that a painter made, with their masks."""
        from ganaug import DefectPainter

        painter = DefectPainter(mode, turn="any", random_state=self.seed, verbose=False)
        painter.fit(self.images, self.masks)
        source = self.clean[np.arange(PAINTED) % len(self.clean)]
        return (*painter.paint(source, place="uniform", random_state=self.seed), painter)


# ---- the network -------------------------------------------------------------------------------


def network(channels, seed):
    """A small fully convolutional network: a logit for each pixel."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers, before = [], channels
        for width, dilation in ((8, 1), (16, 1), (16, 2), (16, 4)):
            layers += [nn.Conv2d(before, width, 3, padding=dilation, dilation=dilation), nn.BatchNorm2d(width)]
            layers += [nn.ReLU()]
            before = width
        return nn.Sequential(*layers, nn.Conv2d(before, 1, 1))


def tensor(images):
    """(n, H, W, C), uint8 -> floats (n, C, H, W)."""
    return torch.from_numpy(images.astype(np.float32)).permute(0, 3, 1, 2) / 64 - 2


def batch(case, arm, synthetic, rng):
    """Images and soft masks of one step."""
    few = len(case.images)
    real, masks = (
        np.concatenate([case.images, case.clean]),
        np.concatenate([case.masks, np.zeros((len(case.clean), *case.masks.shape[1:]), bool)]),
    )
    if arm == "none":
        rows = rng.integers(len(real), size=BATCH)
    else:
        rows = np.concatenate([rng.integers(few, size=BATCH // 2), few + rng.integers(CLEAN, size=BATCH // 2)])
    x, m = tensor(real[rows]), torch.from_numpy(masks[rows]).float()
    if synthetic is not None:
        own = rng.integers(len(synthetic[0]), size=BATCH // 4)
        x[: BATCH // 4], m[: BATCH // 4] = tensor(synthetic[0][own]), torch.from_numpy(synthetic[1][own]).float()
    for i in range(BATCH):
        quarter, mirror = int(rng.integers(4)), bool(rng.integers(2))
        x[i], m[i] = torch.rot90(x[i], quarter, (1, 2)), torch.rot90(m[i], quarter, (0, 1))
        if mirror:
            x[i], m[i] = x[i].flip(2), m[i].flip(1)
    return MIXES.get(arm, lambda x, m, rng: (x, m))(x, m, rng)


def mixup(x, m, rng):
    """Zhang et al. 2018, on images and masks."""
    share = float(rng.beta(0.2, 0.2))
    other = torch.from_numpy(rng.permutation(len(x)))
    return share * x + (1 - share) * x[other], share * m + (1 - share) * m[other]


def cutmix(x, m, rng):
    """Yun et al. 2019, on images and masks."""
    share, (height, width) = float(rng.beta(1, 1)), m.shape[1:]
    other = torch.from_numpy(rng.permutation(len(x)))
    h, w = int(height * (1 - share) ** 0.5), int(width * (1 - share) ** 0.5)
    y, x0 = int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1))
    x, m = x.clone(), m.clone()
    x[:, :, y : y + h, x0 : x0 + w] = x[other][:, :, y : y + h, x0 : x0 + w]
    m[:, y : y + h, x0 : x0 + w] = m[other][:, y : y + h, x0 : x0 + w]
    return x, m


MIXES = {"mixup": mixup, "cutmix": cutmix}


def run(name, few, seed, arm):
    """Figures of one training."""
    case = Case(name, few, seed)
    began = time.process_time()
    synthetic = case.painted(arm)[:2] if arm in PAINTERS else None
    painting = time.process_time() - began
    rng = np.random.default_rng([seed, few])
    net = network(case.images.shape[-1], seed).train()
    optimizer = torch.optim.AdamW(net.parameters(), 3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 6e-3, total_steps=STEPS)
    for _ in range(STEPS):
        x, m = batch(case, arm, synthetic, rng)
        loss = nn.functional.binary_cross_entropy_with_logits(net(x)[:, 0], m, pos_weight=torch.tensor(3.0))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    with torch.inference_mode():
        logits = net.eval()(tensor(case.test))[:, 0].numpy()
    scores = np.sort(1 / (1 + np.exp(-logits.reshape(len(logits), -1).astype(np.float64))), 1)[:, -10:].mean(1)
    return {
        "image_ap": float(average_precision_score(case.test_masks.any((1, 2)), scores)),
        "pixel_ap": float(average_precision_score(case.test_masks.ravel(), logits.ravel())),
        "painting_seconds": painting,
        "seconds": time.process_time() - began,
    }


# ---- resumable runs, table and page --------------------------------------------------------------


PAINTS = ("paint", "_one")  # of the painter's methods


@functools.cache
def decides():
    """A digest of what decides what a painter paints: code without words."""
    folder, digest = ROOT / "ganaug" / "estimators", hashlib.sha256()
    for name in ("painter.py", "defects.py"):
        tree = ast.parse((folder / name).read_text(encoding="utf-8"))
        classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "DefectPainter"]
        methods = [node for kind in classes for node in kind.body if getattr(node, "name", "") in PAINTS]
        for node in [node for node in tree.body if isinstance(node, ast.FunctionDef)] + methods:
            node.body = [
                one for one in node.body if not (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))
            ]
            digest.update(ast.dump(node).encode())
    return digest.hexdigest()[:12]


def result(name, few, seed, arm, only_known=False):
    """Of a file, or of a training."""
    own = decides() if arm in PAINTERS else "arms"
    path = OUT / "defects" / f"{name}_{few}_{seed}_{arm}_{STEPS}_{own}.json"
    if not path.exists():
        if only_known:
            return None
        figures = run(name, few, seed, arm)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(figures))
    return json.loads(path.read_text())


def interval(values):
    """Mean and half the width of its 95 % interval (Student), "" for one value."""
    from scipy.stats import t

    values = np.asarray(values, float)
    if len(values) < 2:
        return f"{values.mean():+.3f}", None
    half = t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5
    return f"{values.mean():+.3f} +- {half:.3f}", half


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write docs/defect_painting.md and the pictures")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=list(ARMS))
    args = parser.parse_args()
    torch.set_num_threads(1)
    for seed in range(args.seeds):
        for few in FEW:
            for name in SETS:
                for arm in args.arms:
                    found = result(name, few, seed, arm)
                    print(
                        f"{name} {few} seed {seed} {arm}: image AP {found['image_ap']:.3f}, pixel AP "
                        f"{found['pixel_ap']:.3f}, {found['seconds']:.0f} s",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
