"""Look whether every relative link, picture and anchor of a built site leads somewhere; no network is asked.

Run it as ``python tools/check_links.py docs/_build/html``, as ``make docs`` does.
"""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# Attributes that point at something.
POINTERS = {"href", "src", "srcset"}


class Page(HTMLParser):
    """The anchors of a page, and what it points at."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.targets: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note ids, names and pointers."""
        for name, value in attrs:
            if value and (name == "id" or (name == "name" and tag == "a")):
                self.anchors.add(value)
            elif value and name == "srcset":
                self.targets += [part.split()[0] for part in value.split(",") if part.strip()]
            elif value and name in POINTERS:
                self.targets.append(value)


def broken(site: Path) -> list[str]:
    """``page: target`` for each target that is not there."""
    pages = {path: Page(path) for path in sorted(site.rglob("*.html")) if "_static" not in path.parts}
    found = []
    for path, page in pages.items():
        for target in page.targets:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc or target == "#":
                continue
            there = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not there.exists():
                found.append(f"{path.relative_to(site)}: {target}")
            elif parts.fragment and there in pages and unquote(parts.fragment) not in pages[there].anchors:
                found.append(f"{path.relative_to(site)}: {target} (no such anchor)")
    return found


if __name__ == "__main__":
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        sys.exit(__doc__)
    faults = broken(Path(sys.argv[1]).resolve())
    print("\n".join(faults))
    sys.exit(f"{len(faults)} links lead nowhere" if faults else 0)
