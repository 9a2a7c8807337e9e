"""The layers of the package: the one table that the test holds, and from which the documents are written.

    python tools/layers.py    # writes the table into CONTRIBUTING.md and docs/design.md

tests/test_layers.py reads the imports and holds the line; it also looks whether the documents say the same.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# From the ground up. Each line is one step: its modules may import from the steps above it in this list
# and, if they are packages, within themselves; never from each other. Layers with an order inside take
# several steps. A new module is listed here.
LAYERS = [
    ("L0", {"exceptions"}),
    ("L0", {"utils"}),
    ("L1", {"augmentation", "encoding", "networks", "objectives"}),
    ("L1", {"rules"}),  # they read tables as codecs do, and know nothing of GANs
    ("L2", {"runtime"}),
    ("L2", {"training"}),
    ("L2", {"callbacks"}),  # they watch the training, and keep it; it knows only that it is watched
    ("L3", {"filtering", "metrics"}),
    ("L3", {"estimators"}),
    ("L4", {"pools"}),  # samples drawn beforehand, for datasets and transforms
    ("L4", {"datasets", "oversampling", "transforms"}),
    ("L4", {"selection", "summaries"}),
    ("L5", {"experiments", "plots"}),
    ("L5", {"report"}),
    ("L5", {"cli"}),
    ("L5", {"__main__"}),
]

# What each layer is there for.
PURPOSES = {
    "L5": "what people look at: comparisons, plots, the quality report, the command line",
    "L4": "where it meets imbalanced-learn, scikit-learn, torch's DataLoader, torchvision and albumentations",
    "L3": "fit, sample, score and save; keep a sample or refuse it; measure",
    "L2": "training: its state, gradients, batches and files; devices, threads and processes",
    "L1": "networks, losses and augmentation; the encoding of data; the rules of tables",
    "L0": "ground",
}
DOCUMENTS = [ROOT / "CONTRIBUTING.md", ROOT / "docs" / "design.md"]
BEGIN, END = "<!-- layers: written by tools/layers.py -->", "<!-- end of layers -->"


def markdown() -> str:
    """The table as documents show it, the highest layer first."""
    lines = [
        "| layer | what it is for | modules, each may import those of earlier steps and lower layers |",
        "|---|---|---|",
    ]
    for layer, purpose in PURPOSES.items():
        steps = [", ".join(f"`{name}`" for name in sorted(modules)) for own, modules in LAYERS if own == layer]
        lines.append(f"| {layer} | {purpose} | {'; '.join(steps)} |")
    return "\n".join(lines)


def written(text: str) -> str:
    """A document with today's table between its marks."""
    return re.sub(
        f"{re.escape(BEGIN)}.*?{re.escape(END)}", lambda _: f"{BEGIN}\n\n{markdown()}\n\n{END}", text, flags=re.DOTALL
    )


def main() -> None:
    """Write the documents."""
    for path in DOCUMENTS:
        path.write_text(written(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
