"""What the documents show runs, and what they point at is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest
from helpers import cases

import ganaug.estimators  # noqa: F401 - its kinds are registered
from ganaug.estimators import saving

pytestmark = pytest.mark.usefixtures("small_forests", "few_steps")

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])
DOCUMENTS = [path for path in DOCUMENTS if "_build" not in path.parts]  # what `make docs` wrote
WITH_CODE = [path for path in DOCUMENTS if path == ROOT / "README.md" or path.is_relative_to(ROOT / "docs")]

# Fences that hold no Python. Everything else must be ```python, so that no code slips by unrun.
OTHER_FENCES = {
    "bash",
    "console",
    "csv",
    "diff",
    "html",
    "ini",
    "json",
    "make",
    "math",
    "mermaid",
    "text",
    "toml",
    "yaml",
}
NOT_RUN = re.compile(r"<!-- not run: \S.* -->")


class Block(NamedTuple):
    line: int  # of the first line of the code
    language: str
    code: str
    runs: bool


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a document; ``<!-- not run: reason -->`` above one keeps it from running."""
    found, fence, start, before = [], None, 0, ""
    lines = text.splitlines()
    for number, line in enumerate(lines):
        opening = re.match(r" {0,3}(`{3,}|~{3,})\s*([\w+-]*)", line)
        if fence is None and opening:
            fence, language, start = opening.group(1), opening.group(2), number + 1
            before = next((earlier for earlier in reversed(lines[:number]) if earlier.strip()), "")
        elif fence is not None and line.strip() == fence:
            code = "\n".join(lines[start:number])
            found.append(Block(start + 1, language, code, not NOT_RUN.fullmatch(before.strip())))
            fence = None
    assert fence is None, f"the fence before line {start + 1} is never closed"
    return found


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", WITH_CODE, ids=_name)
def test_code_blocks_run(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # what a page registers is forgotten with it, and what other tests registered is not there
    own = {name: kind for name, kind in saving.KINDS.items() if kind.kind.__module__.startswith("ganaug.")}
    monkeypatch.setattr(saving, "KINDS", own)
    # One reader goes from top to bottom, in a session of their own.
    namespace: dict[str, object] = {"__name__": "__main__"}
    for block in blocks(path.read_text(encoding="utf-8")):
        if block.language == "python" and block.runs:
            # Empty lines in front make a traceback name the document's own line.
            exec(compile("\n" * (block.line - 1) + block.code, str(path), "exec"), namespace)


@cases("path", DOCUMENTS, ids=_name)
def test_fences_say_what_they_hold(path):
    odd = [
        f"{_name(path)}:{block.line - 1} {block.language or 'no language'}"
        for block in blocks(path.read_text(encoding="utf-8"))
        if block.language not in {"python", *OTHER_FENCES}
    ]
    assert not odd


@cases("path", DOCUMENTS, ids=_name)
def test_make_commands_exist(path):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    text = path.read_text(encoding="utf-8")
    used = set(re.findall(r"`make ([a-z-]+)", text))
    for block in blocks(text):
        if block.language in {"bash", "console"}:
            used |= set(re.findall(r"^(?:\$ )?make ([a-z-]+)", block.code, re.MULTILINE))
    assert not used - targets


def _prose(text: str) -> str:
    for block in blocks(text):
        text = text.replace(block.code, "") if block.code else text
    return text


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives a document's headings."""
    headings = re.findall(r"^#+ +(.*?) *#*$", _prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@cases("path", DOCUMENTS, ids=_name)
def test_relative_links_lead_somewhere(path):
    text = path.read_text(encoding="utf-8")
    prose = re.sub(r"`[^`\n]+`", "", _prose(text))
    targets = re.findall(r"\]\(\s*<?([^)\s>]+)", prose)
    targets += re.findall(r"^\[[^\]]+\]:\s*(\S+)", prose, re.MULTILINE)
    targets += re.findall(r"""(?:src|href)=["']([^"']+)""", prose)
    broken = []
    for target in targets:
        if re.match(r"[a-z][a-z+.-]*:", target):  # https:, mailto:
            continue
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        if not there.exists():
            broken.append(target)
        elif anchor and there.suffix == ".md" and anchor not in anchors(there.read_text(encoding="utf-8")):
            broken.append(target)
    assert not broken


def test_the_reader_of_blocks():
    text = "a\n```python\nx = 1\n```\n<!-- not run: a cluster -->\n\n```python\nboom\n```\n```bash\nls\n```\n"
    assert blocks(text) == [
        Block(3, "python", "x = 1", True),
        Block(8, "python", "boom", False),
        Block(11, "bash", "ls", True),
    ]


# Pages that tell how something was found out may name the commit by which it was.
LOGS = {"image_log.md", "speed_log.md", "method.md"}


@cases("path", [p for p in DOCUMENTS if p.name not in LOGS], ids=_name)
def test_a_page_for_users_speaks_to_users(path):
    """Of public data by name, not of folders beside a checkout, of commits or of goals that somebody set."""
    inside = [
        f"{_name(path)}:{number}: {line[:80]}"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if re.search(r"\.\./shared|\bby the code of commit|of commit [0-9a-f]{7}|^## Targets|\(wanted: ", line)
    ]
    assert not inside, "\n".join(inside)
