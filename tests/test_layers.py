"""A module imports only from lower layers; what is heavy is imported late, what is optional in one place."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from helpers import cases, printed_by

PACKAGE = Path(__file__).resolve().parents[1] / "ganaug"

sys.path.insert(0, str(PACKAGE.parent / "tools"))
from house import _tree  # noqa: E402
from layers import BEGIN, DOCUMENTS, LAYERS, written  # noqa: E402

STEP = {module: step for step, (_, modules) in enumerate(LAYERS) for module in modules}
LAYER = {module: layer for layer, modules in LAYERS for module in modules}

# Imported in at most one file each, which says what to install where it is missing. The value is the
# extra that brings it; tqdm and the image libraries are there always, but may be broken.
OPTIONAL = {
    "albumentations": "",
    "catboost": "boosters",
    "cv2": "",
    "dask": "dask",
    "distributed": "dask",
    "lightgbm": "boosters",
    "matplotlib": "plot",
    "pyarrow": "parquet",
    "pytz": "",
    "ray": "",
    "skops": "",
    "tensorboard": "tensorboard",
    "tqdm": "",
    "umap": "",
    "xgboost": "boosters",
}


def sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


@cache
def imports(path: Path) -> list[tuple[int, str]]:
    """Every import of a file, wherever it stands, as (line, full dotted name)."""
    parts = ["ganaug", *path.relative_to(PACKAGE).with_suffix("").parts]
    found = []
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join([*parts[: -node.level], *([node.module] if node.module else [])])
            base = base if node.level else str(node.module)
            found += [(node.lineno, f"{base}.{alias.name}") for alias in node.names]
        elif (
            isinstance(node, ast.Call)
            and getattr(node.func, "attr", getattr(node.func, "id", "")) == "import_module"
            and node.args
            and isinstance(node.args[0], ast.Constant)
        ):
            found.append((node.lineno, str(node.args[0].value)))
    return found


def home(path: Path) -> str:
    """The name under which a file stands in LAYERS: its top-level module or package."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def breaches(path: Path) -> list[str]:
    own, wrong = home(path), []
    for line, name in imports(path):
        first, _, rest = name.partition(".")
        if first != "ganaug":
            continue
        target = rest.split(".")[0]
        where = f"{path.relative_to(PACKAGE.parent)}:{line}"
        if target == own or target == "__version__":  # state files carry the version
            continue
        if target not in STEP:
            wrong.append(f"{where} imports {name}: import a public name from the module that defines it")
        elif STEP[target] >= STEP[own]:
            wrong.append(f"{where}: {own} ({LAYER[own]}) imports {target} ({LAYER[target]}), which is not below")
    return wrong


def listed_sources() -> list[Path]:
    # ganaug/__init__.py is the facade: it names everything, and imports it only when asked.
    return [path for path in sources() if home(path) in STEP]


def test_every_module_stands_in_a_layer():
    unlisted = sorted({home(path) for path in sources()} - STEP.keys() - {"__init__"})
    assert not unlisted, (
        f"in no layer: {', '.join(unlisted)}. Add each to LAYERS in tools/layers.py, on the lowest "
        "line that its imports allow, and to the picture in docs/design.md"
    )


def test_a_module_imports_only_from_lower_layers():
    assert not [breach for path in listed_sources() for breach in breaches(path)]


@cases(
    ("file", "code", "breach"),
    [
        ("objectives.py", "from ganaug.training import train", "objectives (L1) imports training (L2)"),
        ("objectives.py", "from ganaug import networks", "objectives (L1) imports networks (L1)"),
        ("objectives.py", "def f():\n    import ganaug.cli", "objectives (L1) imports cli (L5)"),
        ("encoding/table.py", "from ..networks import mlp", "encoding (L1) imports networks (L1)"),
        ("training/loop.py", "importlib.import_module('ganaug.callbacks')", "training (L2) imports callbacks"),
        ("utils/state.py", "from ganaug import load", "import a public name from the module that defines it"),
        ("encoding/table.py", "from .column import Column\nfrom ganaug.encoding import x", None),
        ("callbacks.py", "from ganaug.training import Event\nimport ganaug.utils.types", None),
        ("utils/state.py", "from ganaug import __version__", None),
    ],
)
def test_the_rule_sees_every_way_to_import(tmp_path, monkeypatch, file, code, breach):
    monkeypatch.setattr(f"{__name__}.PACKAGE", tmp_path / "ganaug")
    path = tmp_path / "ganaug" / file
    path.parent.mkdir(parents=True)
    path.write_text(code)
    found = breaches(path)
    assert (breach is None and not found) or (len(found) == 1 and breach in found[0])


def test_an_optional_package_is_imported_in_one_file_at_most():
    users = {package: [] for package in OPTIONAL}
    for path in sources():
        # torch.utils.tensorboard needs tensorboard
        found = {name.removeprefix("torch.utils.").partition(".")[0] for _, name in imports(path)}
        for package in found & OPTIONAL.keys():
            users[package].append(str(path.relative_to(PACKAGE)))
    assert not {package: files for package, files in users.items() if len(files) > 1}
    assert sum(map(bool, users.values())) > 5, "the test sees nothing"


def run(code: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=PACKAGE.parent,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_ganaug_imports_no_other_package():
    loaded = json.loads(
        run(
            "import json, sys; before = set(sys.modules)\n"
            "import ganaug; dir(ganaug); ganaug.__version__\n"
            "print(json.dumps(sorted({m.partition('.')[0] for m in set(sys.modules) - before})))"
        )
    )
    assert set(loaded) - set(sys.stdlib_module_names) == {"ganaug"}


def test_the_command_line_answers_before_anything_slow_is_imported():
    loaded = json.loads(
        run(
            "import json, sys; from ganaug.cli import main\n"
            "assert main(['sample', '--rows', 'many']) == 2\n"
            "print(json.dumps(sorted({m.partition('.')[0] for m in sys.modules})))"
        )
    )
    assert not {"numpy", "pandas", "scipy", "sklearn", "torch"} & set(loaded)


def test_tables_need_neither_the_image_libraries_nor_the_extras(tmp_path):
    # None in sys.modules is Python's own way to make an import fail.
    absent = ["torchvision", *(package for package in OPTIONAL if package not in {"tqdm", "pyarrow"})]
    out = printed_by(
        f"import sys; assert not set({absent!r}) & set(sys.modules)\n"
        f"sys.modules.update(dict.fromkeys({absent!r}))\n"
        "import numpy as np\n"
        "from ganaug import GANOversampler, TabularGAN\n"
        "X = np.random.default_rng(0).normal(size=(60, 3)); y = np.repeat([0, 1], [30, 30])\n"
        "gan = TabularGAN(max_steps=2, random_state=0, verbose=0).fit(X, y)\n"
        "print(GANOversampler(generator=gan).get_params()['generator'] is gan, gan.sample(4)[0].shape)\n",
        tmp_path,
    )
    assert out.split("\n")[0] == "True (4, 3)"


def test_an_unknown_name_is_an_attribute_error():
    import ganaug

    with pytest.raises(AttributeError, match="no attribute 'GANOversmapler'"):
        ganaug.GANOversmapler  # noqa: B018


@cases("path", DOCUMENTS, ids=lambda path: path.name)
def test_the_documents_show_these_layers(path):
    text = path.read_text(encoding="utf-8")
    assert text.count(BEGIN) == 1
    assert text == written(text), "run python tools/layers.py"
