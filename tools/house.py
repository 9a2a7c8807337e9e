"""Counts that keep the package easy to find one's way in; tests/test_house.py holds them.

    python tools/house.py    # prints what is counted, beside its limit

Limits may be lowered, never raised: whoever brings a count down writes the new one here.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "ganaug"

MIN_LINES, MAX_LINES = 60, 700
# file -> why it is shorter or longer all the same; at most ten in the end.
ODD_SIZES = {
    "__main__.py": "the name is Python's, and it only calls the command line",
}
MAX_FILES = 138  # other than __init__.py
MAX_ANY = 454  # annotations of a parameter, a result or a variable that are just `Any`
MAX_OLD_WORDS = 0
# Names that occur in several places, until the files and classes are renamed.
REPEATED_FILES: set[str] = set()
REPEATED_CLASSES: set[str] = set()
CIRCLES = 0

# Words and phrases that are not today's plain English. Not in the logs, which say what was tried and when.
OLD_WORDS = {
    r"whence|lest|aught|naught|nought|hitherto|forthwith|whilst|amongst|shall|unto|upon": "from which, so that, ...",
    r"(there|here|where)(of|in|to|upon|with)|hereby": "of it, in it, ...",
    r"anew": "again, afresh, new",
    r"go(es|ne|ing)? on with": "continue, resume",
    r"stands? in for|standing in for": "replaces, represents",
    r"of another maker": "third-party",
    r"tells? of|says of": "describes",
    r"for ever": "forever, without end",
    r"by as much as|by so much as": "by the amount that",
    r"what comes of": "the result of",
    r"lies? apart|lay apart": "is separated",
    r"many an?": "many",
    r"as it were|in no wise|no sooner": "",
}


def _spaced(pattern: str) -> str:
    """The pattern of whole words that may stand on two lines, of a comment too."""
    return rf"\b({pattern})\b".replace(" ", r"\s+(?:#\s+)?")


_ANY_OLD_WORD = re.compile("|".join(map(_spaced, OLD_WORDS)), re.IGNORECASE)
LOGS = {"CHANGELOG.md", "docs/image_log.md", "docs/speed_log.md"}


def sources(package: Path = PACKAGE) -> list[Path]:
    """All modules, without the `__init__` files."""
    return [path for path in sorted(package.rglob("*.py")) if path.name != "__init__.py"]


def sizes(package: Path = PACKAGE) -> dict[str, int]:
    """File -> number of lines."""
    return {_name(path, package): len(path.read_text(encoding="utf-8").splitlines()) for path in sources(package)}


def odd_sizes(package: Path = PACKAGE) -> dict[str, int]:
    """The files that are shorter or longer than files should be."""
    return {name: lines for name, lines in sizes(package).items() if not MIN_LINES <= lines <= MAX_LINES}


def repeated_files(package: Path = PACKAGE) -> dict[str, list[str]]:
    """File names that occur in several folders."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sources(package):
        found[path.name].append(_name(path, package))
    return {name: places for name, places in found.items() if len(places) > 1}


def repeated_classes(package: Path = PACKAGE) -> dict[str, list[str]]:
    """Names of public classes that are defined in several files."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sources(package):
        for node in _tree(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(_name(path, package))
    return {name: places for name, places in found.items() if len(places) > 1}


def imported_modules(package: Path = PACKAGE) -> dict[str, set[str]]:
    """Module -> modules of the package that it imports anywhere, unless for type checkers only."""
    modules = {_module(path, package): path for path in sorted(package.rglob("*.py"))}
    found: dict[str, set[str]] = {}
    for module, path in modules.items():
        tree = _tree(path)
        typing = {id(inner) for node in ast.walk(tree) if _for_type_checkers(node) for inner in ast.walk(node)}
        names = set()
        for node in ast.walk(tree):
            if id(node) in typing:
                continue
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                parts = {f"{node.module}.{alias.name}" for alias in node.names}
                names |= {name if name in modules else node.module for name in parts}
        found[module] = {name for name in names if name in modules} - {module}
    return found


def circles(package: Path = PACKAGE) -> list[list[str]]:
    """Modules that import each other, directly or through others."""
    graph = imported_modules(package)
    graph.pop(package.name, None)  # the facade: it names everything, and imports it only when asked
    reach = {module: _reachable(graph, module) for module in graph}
    found = {
        tuple(sorted(other for other in reach[module] if module in reach.get(other, ())))
        for module in graph
        if module in reach[module]
    }
    return [list(circle) for circle in sorted(found)]


def bare_any(package: Path = PACKAGE) -> dict[str, int]:
    """File -> how many parameters, results and variables are annotated with just `Any`."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        n = 0
        for node in ast.walk(_tree(path)):
            kinds = {ast.arg: "annotation", ast.AnnAssign: "annotation", ast.FunctionDef: "returns"}
            said = getattr(node, kinds.get(type(node), ""), None)
            n += isinstance(said, ast.Name) and said.id == "Any"
        found[_name(path, package)] = n
    return found


def old_words(root: Path = ROOT) -> list[str]:
    """Where comments, docstrings and pages use words of `OLD_WORDS`, as "file:line: word (better)"."""
    found = []
    for path, line, text in _prose(root):
        for pattern, better in OLD_WORDS.items():
            for match in re.finditer(_spaced(pattern), text, re.IGNORECASE):
                at = line + text[: match.start()].count("\n")
                found.append(f"{path}:{at}: {' '.join(match[0].split())}" + f" ({better})" * bool(better))
    return found


def _prose(root: Path) -> Iterator[tuple[str, int, str]]:
    """File, line and text of every comment, docstring and page."""
    for path in sorted((root / "ganaug").rglob("*.py")):
        name, code = str(path.relative_to(root)), path.read_text(encoding="utf-8")
        if not _ANY_OLD_WORD.search(code):
            continue  # reading it word by word takes long
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type == tokenize.COMMENT:
                yield name, token.start[0], token.string
        for node in ast.walk(_parsed(code)):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node):
                said = node.body[0]
                yield name, said.lineno, ast.get_source_segment(code, said) or ""
    pages = [*root.glob("*.md"), *(root / "docs").glob("*.md"), *(root / "docs" / "guide").glob("*.md")]
    for path in sorted(pages):
        name = str(path.relative_to(root))
        if name not in LOGS:
            yield name, 1, path.read_text(encoding="utf-8")


def _reachable(graph: dict[str, set[str]], start: str) -> set[str]:
    seen: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        module = waiting.pop()
        if module not in seen:
            seen.add(module)
            waiting += graph.get(module, ())
    return seen


def _for_type_checkers(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def _tree(path: Path) -> ast.Module:
    return _parsed(path.read_text(encoding="utf-8"))


@lru_cache(maxsize=512)
def _parsed(code: str) -> ast.Module:
    return ast.parse(code)


def _name(path: Path, package: Path) -> str:
    return path.relative_to(package).as_posix()


def _module(path: Path, package: Path) -> str:
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def main() -> int:
    """Print every count beside its limit; 1 if one is above it."""
    lines, words = sizes(), old_words()
    files, classes, loops, odd = repeated_files(), repeated_classes(), circles(), odd_sizes()
    counts = {
        "files": (len(lines), MAX_FILES),
        f"files of less than {MIN_LINES} or more than {MAX_LINES} lines": (len(odd), len(ODD_SIZES)),
        "file names that occur twice": (len(files), len(REPEATED_FILES)),
        "public class names that occur twice": (len(classes), len(REPEATED_CLASSES)),
        "circles": (len(loops), CIRCLES),
        "annotations that are Any": (sum(bare_any().values()), MAX_ANY),
        "words that are not today's": (len(words), MAX_OLD_WORDS),
    }
    print(f"lines: {sum(lines.values())}, {sum(lines.values()) / len(lines):.0f} a file")
    for what, (count, limit) in counts.items():
        print(f"{what}: {count} (limit {limit})")
    for listed in (odd.items(), files.items(), classes.items()):
        for name, where in listed:
            print(f"  {name}: {', '.join(where) if isinstance(where, list) else where}")
    for loop in loops:
        print(f"  circle: {', '.join(loop)}")
    for word in words:
        print(f"  {word}")
    return int(any(count > limit for count, limit in counts.values()))


if __name__ == "__main__":
    sys.exit(main())
