"""What `make docs` builds the site from is whole; the building itself is the CI's."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

from helpers import cases

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
NO_PAGES = {"_build", "_templates", "gallery", "generated"}  # written by `make docs`, or how it writes


def _sources(suffix):
    paths = DOCS.rglob(f"*{suffix}")
    paths = [path for path in paths if not NO_PAGES & set(path.relative_to(DOCS).parts[:-1])]
    return sorted(path for path in paths if path.name != "sg_execution_times.rst")


def _reference():
    """Full names of all entries of the reference."""
    names = set()
    for path in (DOCS / "api").glob("*.rst"):
        text = path.read_text(encoding="utf-8")
        module = re.search(r"^\.\. currentmodule:: (\S+)", text, re.MULTILINE)
        for block in re.findall(r"\.\. autosummary::\n(?:   :.*\n)*\n((?:   \S+\n)+)", text):
            names |= {f"{module.group(1)}.{name}" for name in block.split()}
    return names


@cases("module", ["", ".datasets", ".transforms", ".metrics", ".plots", ".experiments", ".selection", ".report"])
def test_every_public_name_is_in_the_reference(module):
    public = importlib.import_module(f"ganaug{module}")
    entries = {name.rpartition(".")[2] for name in _reference()}
    assert not set(public.__all__) - entries - {"__version__"}


def test_the_reference_names_what_is_there():
    for name in _reference():
        module, _, attribute = name.rpartition(".")
        assert hasattr(importlib.import_module(module), attribute), name


def test_every_page_is_in_a_table_of_contents():
    listed = set()
    for path in _sources(".rst"):
        for block in re.findall(r"\.\. toctree::\n(?:   :.*\n)*\n((?:   \S+\n?)+)", path.read_text(encoding="utf-8")):
            for entry in block.split():
                place = DOCS / entry.lstrip("/") if entry.startswith("/") else path.parent / entry
                listed.add(place.resolve().relative_to(DOCS).as_posix())
    pages = {path.relative_to(DOCS).with_suffix("").as_posix() for path in [*_sources(".md"), *_sources(".rst")]}
    assert pages - {"index"} == listed - {"gallery/index"}


def test_links_of_a_site_are_checked(tmp_path):
    def checked():
        command = [sys.executable, ROOT / "tools" / "check_links.py", tmp_path]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    (tmp_path / "a.html").write_text('<h1 id="top"></h1><a href="b.html#there">b</a><a href="https://x.org/y">x</a>')
    (tmp_path / "b.html").write_text('<p id="there"></p><img src="a.png" srcset="a.png 1x"><a href="a.html#top">a</a>')
    (tmp_path / "a.png").touch()
    assert checked().returncode == 0
    (tmp_path / "b.html").write_text('<a href="a.html#bottom">a</a><img src="c.png">')
    done = checked()
    assert done.returncode == 1
    assert set(done.stdout.splitlines()) == {
        "a.html: b.html#there (no such anchor)",
        "b.html: a.html#bottom (no such anchor)",
        "b.html: c.png",
    }
