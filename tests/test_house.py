"""The house rules of DESIGN.md section 5, as far as a parser can hold them."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import sys
from pathlib import Path

from helpers import cases

import ganaug

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import crossings
import house

PACKAGE = Path(ganaug.__file__).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))

# Allowed in one file for a reason: {(file, name): reason}.
ALLOWED: dict[tuple[str, str], str] = {}

# Process-wide settings and generators: a library that reads or sets them changes its caller's results.
GLOBAL = re.compile(
    r"""
    numpy\.random\.(?!(default_rng|Generator|BitGenerator|SeedSequence|RandomState|PCG64|Philox|bit_generator)\b)\w+
    | random\.(?!(Random|SystemRandom)\b)\w+
    | torch\.(manual_seed|seed|initial_seed|set_rng_state|default_generator)
    | torch\.random\.\w+
    | torch\.(cuda|mps|xpu)\.(manual_seed(_all)?|seed(_all)?|set_rng_state(_all)?|set_device)
    | torch\.set_(num_threads|num_interop_threads|default_dtype|default_device|default_tensor_type
                 |float32_matmul_precision|flush_denormal|deterministic_debug_mode|warn_always)
    | torch\.use_deterministic_algorithms
    | torch\.autograd\.set_detect_anomaly
    | torch\.(rand|randn|randint)_like             # these take no generator=
    | torch\.nn\.(functional\.)?\w*[dD]ropout\w*   # nor do these
    | numpy\.(seterr|set_printoptions) | pandas\.set_option | sklearn\.set_config
    """,
    re.VERBOSE,
)
# Drawn from the global generator unless told otherwise.
DRAWS = re.compile(r"torch\.(rand|randn|randint|randperm|bernoulli|multinomial|normal|poisson)")
DRAWS_IN_PLACE = {
    "normal_", "uniform_", "bernoulli_", "random_", "exponential_", "geometric_", "cauchy_", "log_normal_",
    "trunc_normal_", "multinomial",
}  # fmt: skip

# Of the default dtype, which is the whole process's, unless told otherwise.
FACTORIES = re.compile(r"torch\.(zeros|ones|empty|full|tensor|rand|randn|linspace|logspace|eye)")
LAYERS = re.compile(r"torch\.nn\.(Linear|Bilinear|Embedding|Conv\w+|\w*Norm\w*)")

# A model file holds numbers and words, never code.
CODE = re.compile(
    r"(pickle|cPickle|dill|cloudpickle|marshal|shelve|jsonpickle)(\..*)?|joblib\.(load|dump)|torch\.(load|save)"
)
BUILTINS_THAT_RUN_TEXT = {"eval", "exec", "compile", "__import__"}


def _aliases(nodes: list[ast.AST]) -> dict[str, str]:
    """Local name -> what it stands for: ``np`` -> ``numpy``, ``F`` -> ``torch.nn.functional``."""
    names: dict[str, str] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.split(".")[0]
                names[alias.asname or first] = alias.name if alias.asname else first
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


# Of the nodes of a tree, those that `offences` can find fault with.
LOOKED_AT = (ast.Name, ast.Attribute, ast.Call, ast.Import, ast.ImportFrom)


def _dotted(node: ast.AST, names: dict[str, str]) -> str | None:
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute):
        base = _dotted(node.value, names)
        return f"{base}.{node.attr}" if base else None
    return None


def offences(code: str) -> list[tuple[int, str]]:
    """What a source text does that the house forbids, as (line, name)."""
    nodes = [node for node in ast.walk(house._parsed(code)) if isinstance(node, LOOKED_AT)]
    names = _aliases(nodes)
    found: set[tuple[int, str]] = set()
    for node in nodes:
        dotted = _dotted(node, names)
        if dotted and (GLOBAL.fullmatch(dotted) or CODE.fullmatch(dotted)):
            found.add((node.lineno, dotted))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            if dotted and dotted.startswith("torch.backends."):
                found.add((node.lineno, f"{dotted} = ..."))
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            modules = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            found |= {(node.lineno, f"import {m}") for m in modules if CODE.fullmatch(m)}
        if isinstance(node, ast.Call):
            found |= {(node.lineno, name) for name in _bad_call(node, names)}
    return sorted(found)


def _name(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def _bad_call(node: ast.Call, names: dict[str, str]) -> list[str]:
    given = {keyword.arg for keyword in node.keywords}
    dotted = _dotted(node.func, names)
    if isinstance(node.func, ast.Name) and dotted is None and node.func.id in BUILTINS_THAT_RUN_TEXT:
        return [f"{node.func.id}()"]
    if "generator" not in given and None not in given:  # None: **kwargs, which a parser cannot see into
        if dotted and DRAWS.fullmatch(dotted):
            return [f"{dotted}() without generator="]
        if isinstance(node.func, ast.Attribute) and node.func.attr in DRAWS_IN_PLACE:
            # numpy's Generator has a multinomial of its own
            if node.func.attr != "multinomial" or (dotted or "").startswith("torch."):
                return [f".{node.func.attr}() without generator="]
    if (
        "dtype" not in given
        and None not in given
        and dotted
        and (FACTORIES.fullmatch(dotted) or LAYERS.fullmatch(dotted))
    ):
        return [f"{dotted}() without dtype="]
    if dotted == "numpy.load":
        return ["numpy.load(allow_pickle=...)"] if "allow_pickle" in given else []
    return []


def test_no_global_state_and_no_code_from_files():
    found = [(_name(path), line, what) for path in SOURCES for line, what in offences(path.read_text(encoding="utf-8"))]
    assert not [f"{name}:{line} {what}" for name, line, what in found if (name, what) not in ALLOWED]
    assert not ALLOWED.keys() - {(name, what) for name, _, what in found}, "exceptions that nothing needs any more"


@cases(
    "code",
    [
        "import numpy as np\nnp.random.seed(0)",
        "import numpy as np\nnp.random.rand(3)",
        "from numpy.random import shuffle\nshuffle([1])",
        "import random\nrandom.shuffle([1])",
        "import torch\ntorch.manual_seed(0)",
        "import torch as t\nt.random.fork_rng()",
        "from torch import set_num_threads\nset_num_threads(1)",
        "import torch\ntorch.set_default_dtype(torch.float64)",
        "import torch\ntorch.backends.cudnn.benchmark = True",
        "import torch\ntorch.randn(3)",
        "import torch\ntorch.zeros(3)",
        "import torch\ntorch.tensor([0.5], device='cpu')",
        "from torch import nn\nnn.Conv2d(1, 1, 3)",
        "import torch\nx = torch.empty(3).normal_()",
        "import torch\ntorch.randn_like(torch.ones(3))",
        "import torch.nn.functional as F\nF.dropout(x)",
        "import pickle",
        "from pickle import loads",
        "import torch\ntorch.load('x')",
        "import joblib\njoblib.load('x')",
        "import numpy as np\nnp.load('x', allow_pickle=True)",
        "eval('1')",
        "exec('1')",
    ],
)
def test_the_parser_sees(code):
    assert offences(code)


@cases(
    "code",
    [
        "import numpy as np\nrng = np.random.default_rng(0); rng.random(3); rng.multinomial(3, [1.0])",
        "import numpy as np\nisinstance(1, np.random.RandomState)",
        "import random\nrandom.Random(0).random()",
        "import torch\ntorch.randn(3, generator=g, dtype=torch.float32); x.normal_(generator=g)",
        "import torch\ntorch.arange(3); torch.from_numpy(x); torch.zeros(3, **how)",
        "import torch\ntorch.empty(3, dtype=torch.get_default_dtype())",
        "from torch import nn\nnet = nn.Linear(1, 1, dtype=torch.float32); net.eval()",
        "import re\nre.compile('x')",
        "import numpy as np\nnp.load('x.npz')",
    ],
)
def test_the_parser_lets_pass(code):
    assert not offences(code)


# ------------------------------------------------------------------------------------------ counts


def test_there_are_few_files_of_a_readable_size():
    assert len(house.sizes()) <= house.MAX_FILES, "merge by idea"
    odd = {name: lines for name, lines in house.odd_sizes().items() if name not in house.ODD_SIZES}
    assert not odd, "too long: find the second idea in it; too short: merge it with what uses it"


def test_a_name_says_where_a_file_or_a_class_is():
    files, classes = house.repeated_files(), house.repeated_classes()
    assert not {name: places for name, places in files.items() if name not in house.REPEATED_FILES}
    assert not {name: places for name, places in classes.items() if name not in house.REPEATED_CLASSES}


def test_no_modules_import_each_other():
    assert len(house.circles()) <= house.CIRCLES, house.circles()


def test_types_say_more_than_any():
    found = house.bare_any()
    most = sorted(found.items(), key=lambda item: -item[1])[:10]
    assert sum(found.values()) <= house.MAX_ANY, f"say which type it is; the most are in {most}"


def test_the_english_is_todays():
    assert len(house.old_words()) <= house.MAX_OLD_WORDS, "\n".join(house.old_words())


def test_the_counts_see_what_they_count(tmp_path):
    root = tmp_path
    files = {
        "ganaug/__init__.py": "",
        "ganaug/a/same.py": "class Twice: ...\n\ndef f(x: Any, *, y: list[Any]) -> Any:\n    import ganaug.b\n"
        + "\n" * 60,
        "ganaug/b.py": "from ganaug.a.same import Twice\n" + "\n" * 700,
        "ganaug/c/same.py": '"""Worked out anew."""\nclass Twice: ...  # and gone\nclass _Own: ...\nclass _Own: ...\n',
        "ganaug/d.py": "if TYPE_CHECKING:\n    from ganaug.e import x\nanew = 'anew'\n",
        "ganaug/e.py": "def f():\n    from ganaug.d import anew\n",
        "docs/page.md": "Training is gone\non with.\n",
        "docs/image_log.md": "Whence?\n",
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    package = root / "ganaug"
    assert set(house.odd_sizes(package)) == {"b.py", "c/same.py", "d.py", "e.py"}
    assert house.repeated_files(package) == {"same.py": ["a/same.py", "c/same.py"]}
    assert house.repeated_classes(package) == {"Twice": ["a/same.py", "c/same.py"]}
    assert house.circles(package) == [["ganaug.a.same", "ganaug.b"]]
    assert house.bare_any(package)["a/same.py"] == 2
    assert [said.partition(" (")[0] for said in house.old_words(root)] == [
        "ganaug/c/same.py:1: anew",
        "docs/page.md:1: gone on with",
    ]


def test_the_files_that_a_call_crosses_are_counted(tmp_path):
    (tmp_path / "one.py").write_text(
        "from two import double\ndef call(x):\n    return len(str(double(x) + double(x)))\n"
    )
    (tmp_path / "two.py").write_text("from three import same\ndef double(x):\n    return 2 * same(x)\n")
    (tmp_path / "three.py").write_text("def same(x):\n    return x\ndef unused():\n    pass\n")
    sys.path.insert(0, str(tmp_path))
    try:
        one = importlib.import_module("one")
    finally:
        sys.path.remove(str(tmp_path))
    found = crossings.count(lambda: one.call(3), tmp_path)
    assert found.files == {"one.py": 1, "two.py": 2, "three.py": 2}
    assert (found.changes, found.depth) == (8, 3)
    assert sys.getprofile() is None


# ------------------------------------------------------------------------------------------ public names


def _public(kind) -> list[str]:
    names = []
    for name in ganaug.__all__:
        try:
            value = getattr(ganaug, name)
        except (ImportError, AttributeError):
            continue  # test_public_names_can_be_imported says so
        if kind(value):
            names.append(name)
    return sorted(names)


def _documented(value: object) -> bool:
    if inspect.isclass(value):
        return not issubclass(value, BaseException)
    return inspect.isfunction(value)


def _section(doc: str, title: str) -> str:
    match = re.search(rf"^{title}\n-+\n(.*?)(?=^\w[\w ]*\n-+\n|\Z)", doc, re.MULTILINE | re.DOTALL)
    return match.group(1) if match else ""


@cases("name", sorted(ganaug.__all__))
def test_public_names_can_be_imported(name):
    value = getattr(ganaug, name)
    if name != "__version__":
        assert inspect.getdoc(value), f"ganaug.{name} has no docstring"
    assert name in dir(ganaug)


def test_public_names_are_the_same_for_type_checkers():
    """The lazy table and the imports under TYPE_CHECKING say the same."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    typed = {
        (alias.asname or alias.name, node.module)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ganaug")
        for alias in node.names
    }
    assert {name for name, _ in typed} == set(ganaug.__all__) - {"__version__"}
    for name, module in typed:
        assert getattr(importlib.import_module(str(module)), name) is getattr(ganaug, name)


@cases("name", _public(_documented))
def test_public_classes_and_functions_show_parameters_and_an_example(name):
    value = getattr(ganaug, name)
    doc = inspect.getdoc(value) or ""
    parameters = [p for p in inspect.signature(value).parameters if p not in {"self", "args", "kwargs"}]
    said = _section(doc, "Parameters")
    missing = [p for p in parameters if not re.search(rf"^(\*{{0,2}}\w+, )*{p}(, \w+)* *(:|$)", said, re.MULTILINE)]
    assert not missing, f"ganaug.{name}: not under Parameters: {', '.join(missing)}"
    assert ">>> " in _section(doc, "Examples"), f"ganaug.{name} shows no example"


@cases("name", _public(inspect.isclass))
def test_public_methods_have_docstrings(name):
    cls = getattr(ganaug, name)
    bare = [
        method
        for method, function in inspect.getmembers(cls, inspect.isfunction)
        if not method.startswith("_")
        and function.__module__.startswith("ganaug")
        and not inspect.getdoc(getattr(cls, method))
    ]
    assert not bare


def test_a_call_crosses_few_files():
    for name, call in crossings.calls().items():
        call()  # what the first one imports does not count
        files = sorted(crossings.count(call).files)
        assert len(files) <= crossings.LIMITS[name], (name, files)
