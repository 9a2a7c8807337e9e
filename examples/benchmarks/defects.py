"""What `DefectPainter` gains on planted defects, over copy-paste and over no synthetic images: a table and pictures.

    python examples/benchmarks/defects.py --write

Into real images (32 x 32 crops of two photographs of scikit-learn, and chest X-rays of 28 x 28) defects with known
masks are planted: scratches, blobs and cracks, one for each defective image. There are 5, 10 or 20 defective training
images and 200 without; a small fully convolutional network learns masks from them, and is tried on 300 without and 150
with defects that it did not see (other halves of the photographs, other patients). Image AP: average precision of
telling defective images by the mean of their ten most suspicious pixels. Pixel AP: average precision over all pixels.

Every arm has the same network, steps, and mirrored and turned images. All but "none" draw half of each batch from the
defective images; the painting arms replace half of these by ones painted from the same few images and masks.
A finished training is a file of out/defects, and is not repeated as long as the code that decides it is the same.
"""

from __future__ import annotations

import argparse
import ast
import datetime
import functools
import hashlib
import json
import shlex
import sys
import time

import numpy as np
import torch
from common import OUT, ROOT, machine, versions
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
        loss = nn.functional.binary_cross_entropy_with_logits(net(x)[:, 0], m, pos_weight=torch.tensor(20.0))
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
# Functions that an arm does not run.
APART = {arm: ("box_mask",) if arm == "gan" else ("box_mask", "_generated") for arm in PAINTERS}


@functools.cache
def decides(arm):
    """A digest of what decides what a painter paints: code without words."""
    folder, digest = ROOT / "ganaug" / "estimators", hashlib.sha256()
    for name in ("painter.py", "defects.py"):
        tree = ast.parse((folder / name).read_text(encoding="utf-8"))
        classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "DefectPainter"]
        methods = [node for kind in classes for node in kind.body if getattr(node, "name", "") in PAINTS]
        functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name not in APART[arm]]
        for node in functions + methods:
            node.body = [
                one for one in node.body if not (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))
            ]
            digest.update(ast.dump(node).encode())
    return digest.hexdigest()[:12]


def result(name, few, seed, arm, only_known=False):
    """Of a file, or of a training."""
    own = decides(arm) if arm in PAINTERS else "arms"
    path = OUT / "defects" / f"{name}_{few}_{seed}_{arm}_{STEPS}_{own}.json"
    if not path.exists():
        if only_known:
            return None
        figures = run(name, few, seed, arm)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(figures))
    return json.loads(path.read_text())


def spread(values):
    """Half the width of the 95 % interval of a mean (Student); infinite for fewer than two."""
    from scipy.stats import t

    values = np.asarray(values, float)
    n = len(values)
    return t.ppf(0.975, n - 1) * values.std(ddof=1) / n**0.5 if n > 1 else np.inf


def known(seeds):
    """Setting -> arm -> figures of the seeds that are finished."""
    found = {}
    for name in SETS:
        for few in FEW:
            arms = {arm: {s: result(name, few, s, arm, only_known=True) for s in range(seeds)} for arm in ARMS}
            found[name, few] = {a: {s: r for s, r in own.items() if r} for a, own in arms.items()}
    return found


def table(found, metric):
    """Mean over seeds of each arm; the best in bold."""
    lines = ["| set | defective images | " + " | ".join(ARMS.values()) + " |", "|---" * (len(ARMS) + 2) + "|"]
    for (name, few), arms in found.items():
        means = {arm: np.mean([r[metric] for r in own.values()]) if own else np.nan for arm, own in arms.items()}
        most = max(map(len, arms.values()))
        best = max((means[arm] for arm, own in arms.items() if own and len(own) == most), default=np.nan)
        cells = [
            "-" if np.isnan(v) else f"**{v:.3f}** ({len(arms[a])})" if v == best else f"{v:.3f} ({len(arms[a])})"
            for a, v in means.items()
        ]
        lines.append(f"| {SETS[name]} | {few} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def differences(found, metric, mine="morph"):
    """The painter against each other arm, over the seeds that both have, with 95 % intervals."""
    others = [arm for arm in ARMS if arm != mine]
    lines = [
        "| set | defective images | " + " | ".join(ARMS[a] for a in others) + " |",
        "|---" * (len(others) + 2) + "|",
    ]
    for (name, few), arms in found.items():
        cells = []
        for arm in others:
            both = sorted(arms[mine].keys() & arms[arm].keys())
            gaps = [arms[mine][s][metric] - arms[arm][s][metric] for s in both]
            sure = len(gaps) > 1 and abs(np.mean(gaps)) > spread(gaps)
            text = f"{np.mean(gaps):+.3f} ± {spread(gaps):.3f}" if len(gaps) > 1 else ""
            text = text or (f"{gaps[0]:+.3f}" if gaps else "-")
            cells.append(f"**{text}**" if sure else text)
        lines.append(f"| {SETS[name]} | {few} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def pooled(found, metric, mine="morph"):
    """The same over all settings: one difference for each setting and seed."""
    lines = ["| against | settings and seeds | mean difference | 95 % interval |", "|---|---|---|---|"]
    for arm in ARMS:
        gaps = [
            arms[mine][s][metric] - arms[arm][s][metric]
            for arms in found.values()
            for s in sorted(arms[mine].keys() & arms[arm].keys())
        ]
        if arm != mine and len(gaps) > 1:
            lines.append(f"| {ARMS[arm]} | {len(gaps)} | {np.mean(gaps):+.3f} | ± {spread(gaps):.3f} |")
    return "\n".join(lines)


def draw(path, modes):
    """Real defective images and painted ones with their masks, of both sets; the first ones, nobody chose them."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = []
    for name, title in SETS.items():
        case = Case(name, 10, 0)
        kinds = {"real": (case.images, case.masks)} | {mode: case.painted(mode)[:2] for mode in modes}
        rows += [(f"{title}\n{kind}", images, masks) for kind, (images, masks) in kinds.items()]
    figure = Figure(figsize=(11, 1.9 * len(rows)))
    FigureCanvasAgg(figure)
    grid = figure.subplots(2 * len(rows), 10)
    for i, (title, images, masks) in enumerate(rows):
        for j in range(10):
            grid[2 * i, j].imshow(images[j].squeeze(), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            grid[2 * i + 1, j].imshow(masks[j], cmap="gray", interpolation="nearest")
        grid[2 * i, 0].set_ylabel(title, rotation=0, ha="right", va="center", fontsize=8)
    for ax in grid.ravel():
        ax.set(xticks=[], yticks=[])
    figure.subplots_adjust(0.12, 0.01, 0.99, 0.99, 0.04, 0.04)
    figure.savefig(path, dpi=70)


def page(found, seeds, command):
    """docs/defect_painting.md."""
    arms = [f"`{arm}`: {title}" for arm, title in ARMS.items()]
    return f"""# Defect painting

{" ".join(__doc__.split("--write", 1)[1].split("A finished training")[0].split())} {STEPS} steps of {BATCH} images.

```bash
{command}
```

{datetime.date.today().isoformat()}, on: {machine()}.
{versions("ganaug", "torch", "numpy", "scipy", "scikit-learn")}.

Arms: {"; ".join(arms)}. Every arm is trained as it stands: no share or strength was tuned. The size of
the network, the contrast of the defects on textures and the weight of rare pixels were set by looks
at earlier runs, in which the arms showed; those runs are not in the tables. Beside each mean,
in brackets, the number of seeds ({seeds} at most); "-" where none was finished. Bold: the best of those with all seeds.

## Image AP

{table(found, "image_ap")}

### Painter (morph) minus the others

Mean over seeds and 95 % interval (Student's t of the paired differences); bold where the interval excludes 0.

{differences(found, "image_ap")}

All settings together; seeds and settings are not quite independent, so the intervals are a little too narrow.

{pooled(found, "image_ap")}

## Pixel AP

{table(found, "pixel_ap")}

### Painter (morph) minus the others

{differences(found, "pixel_ap")}

{pooled(found, "pixel_ap")}

## Pictures

Ten real images with planted defects, and the first ten that each mode painted from them, with their masks.

![Painted defects](images/defect_painting.png)
"""


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write docs/defect_painting.md and the pictures")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=list(ARMS))
    parser.add_argument("--known", action="store_true", help="only what is finished")
    args = parser.parse_args(arguments)
    torch.set_num_threads(1)
    for seed in range(0 if args.known else args.seeds):
        for few in FEW:
            for name in SETS:
                for arm in args.arms:
                    found = result(name, few, seed, arm)
                    print(
                        f"{name} {few} seed {seed} {arm}: image AP {found['image_ap']:.3f}, pixel AP "
                        f"{found['pixel_ap']:.3f}, {found['seconds']:.0f} s",
                        flush=True,
                    )
    found = known(args.seeds)
    if args.write:
        command = shlex.join(["python", "examples/benchmarks/defects.py", *(arguments or sys.argv[1:])])
        PAGE.write_text(page(found, args.seeds, command), encoding="utf-8")
        draw(IMAGES / "defect_painting.png", ["paste", "blend", "morph"])
    print(table(found, "image_ap"), pooled(found, "image_ap"), sep="\n\n")


if __name__ == "__main__":
    main()
