"""Files with something wrong in them: documented errors or right results, soon, and in little memory."""

from __future__ import annotations

import contextlib
import functools
import json
import signal
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import cases

import ganaug
from ganaug.exceptions import DataWarning, ModelFileError
from ganaug.experiments.harness import read_trial, write_trial
from ganaug.transforms import SamplePool
from ganaug.utils.state import TensorBudget, read_state, write_state

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "examples" / "benchmarks"))
import fuzz


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    fuzz.make(folder)
    return folder


@pytest.fixture(autouse=True)
def _own_timer():
    before = {number: signal.getsignal(number) for number, *_ in fuzz.TIMERS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.filterwarnings("ignore")  # of altered files, and of the libraries that read them
@cases(("kind", "cases"), [("models", 40), ("pools", 30), ("caches", 30), ("csv", 15), ("parquet", 8), ("images", 15)])
def test_nothing_but_documented_errors_and_right_results(files, tmp_path, kind, cases):
    found = {number: fuzz.run_case(kind, files, number, tmp_path) for number in range(cases)}
    wrong = {number: result for number, result in found.items() if result[0] not in ("taken", "refused")}
    assert not {number: one for number, one in wrong.items() if not one[0].startswith("slow")}
    assert len({outcome for outcome, _, _ in found.values()}) == 2 or kind == "caches"


# ----------------------------------------------------------------------------------- forged model files


def forged(source, target, change):
    state = read_state(source)
    config = json.loads(json.dumps(state.config))
    arrays = dict(state.arrays)
    change(config, arrays)
    write_state(target, state.kind, config, arrays)
    return target


def put(*path, value):
    def change(config, arrays):
        for key in path[:-1]:
            config = config[key]
        config[path[-1]] = value

    return change


loaded_once = functools.cache(ganaug.load)


@cases(
    ("name", "path", "value"),
    [
        ("array", ("design", "depth"), 1_000_001),
        ("array", ("design", "width"), 2**20),
        ("array", ("design", "latent_dim"), 2**31),
        ("array", ("design", "width"), 10_000),
        ("images", ("design", "channels"), 4096),
        ("images", ("design", "max_channels"), 2**20),
        ("images", ("design", "latent_dim"), 2**26),
        ("style", ("design", "channels"), 2**14),
        ("series", ("codec", "shape"), [2, 4096]),
        ("images", ("codec", "shape"), [3, 1024, 1024]),
        ("images", ("codec", "shape"), [4096, 8, 8]),
        ("translator", ("design", "depth"), 1_000_001),
        ("translator", ("design", "width"), 5000),
    ],
)
def test_sizes_are_compared_before_anything_is_built(files, tmp_path, name, path, value):
    target = forged(files / f"{name}.model", tmp_path / "forged.model", put(*path, value=value))
    loaded_once(files / f"{name}.model")  # what is imported late is imported now
    tracemalloc.start()
    began = time.process_time()
    with pytest.raises(ModelFileError, match="forged.model"):
        ganaug.load(target)
    took, (_, most) = time.process_time() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert took < 3 and most < 100e6  # under tracemalloc, and on a busy machine


@cases(
    "make",
    [
        lambda: torch.zeros(2**20, 2**24),
        lambda: torch.ones((2**20, 2**24)),
        lambda: torch.empty(size=(2**44,), dtype=torch.uint8),
        lambda: torch.full((2**22, 2**22), 1.0),
        lambda: torch.randn([2**44], generator=torch.Generator()),
    ],
)
def test_what_is_too_large_is_refused_before_it_is_made(make):
    with TensorBudget([np.zeros((3, 4))]), pytest.raises(ModelFileError, match="17,592,186,044,416 values"):
        make()


@cases("name", ["frame", "focus", "images", "series", "translator"])
@cases(
    ("key", "value"),
    [("kind", "dict"), ("kind", "nothing"), ("kind", None), ("dtype", "datetime64[ns]"), ("dtype", "?")],
)
def test_altered_labels_are_found_when_the_file_is_loaded(files, tmp_path, name, key, value):
    source = files / f"{name}.model"
    if key not in read_state(source).config["labels"]:
        key = "classes"
    target = forged(source, tmp_path / "forged.model", put("labels", key, value=value))
    with contextlib.suppress(ModelFileError):
        model = ganaug.load(target)
        if name != "translator":  # labels of another dtype can be right ones
            assert len(model.sample(3)[1]) == 3


@cases("name", ["frame", "images", "translator"])
@cases(("key", "value"), [("_seed", -1), ("_seed", 2**70), ("_n_draws", -5), ("n_steps_", True)])
def test_numbers_that_count_nothing_are_found_when_the_file_is_loaded(files, tmp_path, name, key, value):
    target = forged(files / f"{name}.model", tmp_path / "forged.model", put(key, value=value))
    with pytest.raises(ModelFileError, match=key):
        ganaug.load(target)


@cases("name", ["frame", "focus", "style", "translator"])
@cases("counts", [[2**62, 2**62], [0, 0], [-1, 5], [2**63 - 1, 1]])
def test_counts_of_classes_are_found_when_the_file_is_loaded(files, tmp_path, name, counts):
    def change(config, arrays):
        arrays["class_counts"] = np.array(counts, np.int64)

    with pytest.raises(ModelFileError, match="forged"):
        ganaug.load(forged(files / f"{name}.model", tmp_path / "forged.model", change))


def test_values_that_are_no_numbers_are_found_when_the_file_is_loaded(files, tmp_path):
    def change(config, arrays):
        name = next(name for name, array in arrays.items() if name.startswith("codec/") and array.dtype.kind == "f")
        arrays[name] = np.full_like(arrays[name], np.nan)

    with pytest.raises(ModelFileError, match="not finite"):
        ganaug.load(forged(files / "array.model", tmp_path / "forged.model", change))


# ------------------------------------------------------------------------------------- caches and pools

ROWS = [
    {"dataset": "a", "fold": 0, "f1": 0.25, "error": ""},
    {"dataset": "a", "fold": 1, "f1": float("nan"), "error": "x"},
]


def test_results_come_back_from_the_cache(tmp_path):
    write_trial(tmp_path / "a.json", ROWS)
    assert repr(read_trial(tmp_path / "a.json", ROWS[0])) == repr(ROWS)
    assert read_trial(tmp_path / "b.json") is None


@cases(
    "change",
    [
        lambda text: text.replace("0.25", "0.26"),
        lambda text: text.replace('"fold": 1', '"fold": 2'),
        lambda text: '{"rows": 5}',
        lambda text: json.dumps({"rows": json.loads(text)["rows"]}),  # of an earlier version
        lambda text: json.dumps({**json.loads(text), "rows": 5}),
        lambda text: json.dumps({**json.loads(text), "cell": "b.json"}),
        lambda text: "[" * 100_000,
        lambda text: text[:-20],
        lambda text: "null",
    ],
)
def test_altered_results_are_computed_again_with_a_word(tmp_path, change):
    path = tmp_path / "a.json"
    write_trial(path, ROWS)
    path.write_text(change(path.read_text()))
    with pytest.warns(DataWarning, match=r"a\.json are damaged or altered \(.*computed again"):
        assert read_trial(path, ROWS[0]) is None


def test_results_of_another_cell_are_not_taken(tmp_path):
    write_trial(tmp_path / "a.json", ROWS)
    (tmp_path / "a.json").rename(tmp_path / "b.json")
    with pytest.warns(DataWarning, match="another trial"):
        assert read_trial(tmp_path / "b.json") is None


@cases("rows", [[{"f1": 0.5}], [{**ROWS[0], "f1": "0.25"}], [{**ROWS[0], "fold": [0]}]])
def test_results_have_the_columns_that_are_expected(tmp_path, rows):
    write_trial(tmp_path / "a.json", rows)
    with pytest.warns(DataWarning, match="its column '(dataset|f1|fold)'"):
        assert read_trial(tmp_path / "a.json", ROWS[0]) is None


@cases("at", [0.02, 0.3, 0.5, 0.9, 0.999])
def test_one_flipped_bit_of_a_pool_is_found(files, tmp_path, at):
    data = bytearray((files / "images.pool").read_bytes())
    data[int(at * len(data))] ^= 1
    (tmp_path / "a.pool").write_bytes(data)
    with pytest.raises(ModelFileError, match="a.pool"):
        SamplePool.open(tmp_path / "a.pool")


def test_a_pool_of_an_earlier_version_is_read(tmp_path):
    images = np.arange(2 * 3 * 4 * 4, dtype=np.uint8).reshape(2, 3, 4, 4)
    with open(tmp_path / "a.pool", "wb") as file:
        np.lib.format.write_array(file, np.array(["x", "y"]))
        np.lib.format.write_array(file, images)
    assert np.array_equal(SamplePool.open(tmp_path / "a.pool").take([0, 1]), images)


class Striped:
    classes_ = np.array([0, 1])

    def sample(self, n, label=None, random_state=None):
        drawn = np.random.default_rng(random_state).integers(0, 256, (n, 3, 8, 8), dtype=np.uint8)
        return drawn, np.full(n, label)


@cases(
    "change",
    [
        lambda data: data[:200] + bytes([data[200] ^ 8]) + data[201:],
        lambda data: data[:-1],
        lambda data: data[:40],
        lambda data: b"",
        lambda data: data.replace(b"|u1", b"|i1"),
    ],
)
def test_a_damaged_pool_of_a_dataset_is_drawn_again_with_a_word(tmp_path, change):
    first = ganaug.SyntheticDataset(Striped(), {0: 4}, cache_dir=tmp_path)
    items, path = [x.tolist() for x, _ in first], first.pool_path
    data = path.read_bytes()
    path.unlink()  # it is mapped
    path.write_bytes(change(data))
    with pytest.warns(DataWarning, match="damaged or altered"):
        again = ganaug.SyntheticDataset(Striped(), {0: 4}, cache_dir=tmp_path)
    assert [x.tolist() for x, _ in again] == items
    assert path.read_bytes() == data
    ganaug.SyntheticDataset(Striped(), {0: 4}, cache_dir=tmp_path)  # and now it is believed, without a word
