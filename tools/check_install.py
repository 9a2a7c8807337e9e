"""Fail, with a sentence that says what to do, if torch and torchvision do not belong together.

pip cannot see this. A torchvision wheel is compiled against one build of torch; a torch of another
version, or of the same version from elsewhere (CPU instead of CUDA), satisfies pip and breaks when
torchvision's compiled operators are looked up: ``operator torchvision::nms does not exist``. So the
Makefile runs this after each installation and counts it as done only when this has passed.
"""

from __future__ import annotations

import sys
from importlib import metadata

MEND = (
    "Run `make distclean` and the same make command again: that installs both afresh. If it comes back, "
    "some source that pip is told to look at (`pip config list`, PIP_FIND_LINKS, PIP_EXTRA_INDEX_URL) holds "
    "a stray build of one of the two: leave that source out, or forbid the version in constraints.txt."
)


def declared_mismatch() -> str | None:
    """What the metadata of torchvision says against the torch that is installed, if anything."""
    from packaging.requirements import Requirement

    installed = metadata.version("torch")
    for line in metadata.requires("torchvision") or []:
        requirement = Requirement(line)
        if requirement.name != "torch" or (requirement.marker and not requirement.marker.evaluate()):
            continue
        if not requirement.specifier.contains(installed, prereleases=True):
            return f"torchvision {metadata.version('torchvision')} wants torch{requirement.specifier}"
    return None


def compiled_mismatch() -> str | None:
    """What a compiled operator of torchvision does wrong with two boxes that hide each other, if anything."""
    try:
        import torch
        from torchvision.ops import nms

        kept = nms(torch.tensor([[0.0, 0.0, 2.0, 2.0]] * 2), torch.tensor([0.9, 0.8]), 0.5)
    except Exception as error:  # whatever a broken binary raises, the sentence below is the answer
        return f"torchvision.ops.nms does not run ({type(error).__name__}: {error})"
    return None if kept.tolist() == [0] else f"torchvision.ops.nms kept boxes {kept.tolist()} instead of [0]"


def main() -> int:
    """Print the pair and return 0, or print what is wrong and return 1."""
    try:
        pair = " and ".join(f"{name} {metadata.version(name)}" for name in ("torch", "torchvision"))
        wrong = declared_mismatch() or compiled_mismatch()
    except ImportError as error:  # covers metadata.PackageNotFoundError
        pair, wrong = "the installation", f"something is missing ({error})"
    if wrong:
        print(f"\nganaug: {pair} do not work together: {wrong}.\n{MEND}\n", file=sys.stderr)
        return 1
    print(f"{pair} work together")
    return 0


if __name__ == "__main__":
    sys.exit(main())
