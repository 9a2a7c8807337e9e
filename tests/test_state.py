"""What a model file must survive, and what must be said of one that did not."""

from __future__ import annotations

import errno
import json
import os
import pickle
import struct
import threading

import numpy as np
import pytest
from helpers import cases, printed_by
from numpy.testing import assert_array_equal
from safetensors import safe_open
from safetensors.numpy import load, save

from ganaug.exceptions import (
    GanaugError,
    InvalidParameterError,
    InvalidTypeError,
    ModelFileError,
    ModelPathError,
    ModelPathNotFoundError,
)
from ganaug.utils import files, state
from ganaug.utils.state import expect, read_state, write_state

CONFIG = {"width": 128, "names": ["a", "b"], "nested": {"rate": 0.1, "none": None, "on": True}}
ARRAYS = {"weight": np.arange(12, dtype=np.float32).reshape(3, 4), "bias": np.array([1, 2, 3])}


@pytest.fixture
def path(tmp_path):
    """A good file."""
    path = tmp_path / "model.gan"
    write_state(path, "demo", CONFIG, ARRAYS)
    return path


def document_of(path):
    with safe_open(path, framework="numpy") as file:
        return json.loads(file.metadata()["ganaug"])


def forge(path, tensors=None, sign=True, **changes):
    """Write the file again with other contents in its header; None leaves a key out."""
    document = {**document_of(path), **changes}
    document = {key: value for key, value in document.items() if value is not None}
    tensors = load(path.read_bytes()) if tensors is None else tensors
    if sign:
        document.pop("sha256", None)
        document["sha256"] = state._checksum(document, tensors)
    path.write_bytes(save(tensors, metadata={"ganaug": json.dumps(document)}))


def refused(path, match, kind=None):
    with pytest.raises(ModelFileError, match=match) as caught:
        read_state(path, kind)
    assert str(path) in str(caught.value)


# ---------------------------------------------------------------- there and back


def test_there_and_back(path):
    found = read_state(path, "demo")
    assert (found.kind, found.config, found.format_version) == ("demo", CONFIG, state.FORMAT_VERSION)
    assert found.written_by.count(".") >= 1
    assert list(found.arrays) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert found.arrays[name].dtype == array.dtype
        assert_array_equal(found.arrays[name], array)
        assert found.arrays[name].flags.writeable
    assert read_state(str(path)).kind == "demo"


@cases("dtype", state.STORED_DTYPES)
@cases("shape", [(), (0,), (0, 3), (1,), (2, 3, 4)])
def test_every_dtype_and_shape(tmp_path, dtype, shape):
    array = np.ones(shape, dtype)
    write_state(tmp_path / "m", "demo", {}, {"x": array})
    found = read_state(tmp_path / "m").arrays["x"]
    assert (found.dtype, found.shape) == (array.dtype, shape)
    assert_array_equal(found, array)


def test_no_arrays_at_all(tmp_path):
    write_state(tmp_path / "m", "demo", {}, {})
    assert (read_state(tmp_path / "m").config, read_state(tmp_path / "m").arrays) == ({}, {})


@cases(
    "array",
    [
        np.arange(12).reshape(3, 4).T,
        np.arange(12)[::-2],
        np.arange(3, dtype=">f8"),
        np.asfortranarray(np.eye(3)),
        np.broadcast_to(np.float32(2), (3, 2)),
        np.float64(3.5),
        np.array([np.nan, np.inf, -0.0]),
    ],
)
def test_unusual_layouts(tmp_path, array):
    write_state(tmp_path / "m", "demo", {}, {"x": array})
    found = read_state(tmp_path / "m").arrays["x"]
    assert found.dtype.isnative and found.shape == array.shape
    assert_array_equal(found, array)


@cases("name", ["model", "model.pkl", "model.safetensors", "ä b.x.y", "x" * 255])
def test_the_name_is_left_as_given(tmp_path, name):
    write_state(tmp_path / name, "demo", {}, {})
    assert os.listdir(tmp_path) == [name]
    read_state(tmp_path / name)


def test_a_name_without_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_state("model", "demo", {}, {})
    assert read_state("model").kind == "demo"


def test_the_same_state_gives_the_same_bytes(path, tmp_path):
    write_state(tmp_path / "again", "demo", CONFIG, ARRAYS)
    assert path.read_bytes() == (tmp_path / "again").read_bytes()


# ---------------------------------------------------------------- config


def test_config_becomes_plain_json(tmp_path):
    config = {
        "tuple": (1, (2, np.int8(3))),
        "numpy": [np.float32(0.5), np.bool_(True), np.str_("s"), np.float64(1e-300)],
        "text": "naïve \ud800 \x00",
        "big": 10**30,
        "empty": {"": {}},
    }
    write_state(tmp_path / "m", "demo", config, {})
    assert read_state(tmp_path / "m").config == {
        "tuple": [1, [2, 3]],
        "numpy": [0.5, True, "s", 1e-300],
        "text": "naïve \ud800 \x00",
        "big": 10**30,
        "empty": {"": {}},
    }


@cases("value", [float("nan"), float("inf"), np.float32("-inf")])
def test_a_number_that_is_not_finite_is_named(tmp_path, value):
    with pytest.raises(InvalidParameterError, match=r"config\.a\.b\[1\]\.c is (nan|inf|-inf)"):
        write_state(tmp_path / "m", "demo", {"a": {"b": [0, {"c": value}]}}, {})
    assert os.listdir(tmp_path) == []


@cases("value", [np.zeros(2), {1, 2}, b"x", object(), 1j, np.datetime64("2020-01-01")])
def test_what_json_cannot_hold_is_named(tmp_path, value):
    with pytest.raises(InvalidTypeError, match=r"config\.a\[0\] is a \w+, not JSON"):
        write_state(tmp_path / "m", "demo", {"a": [value]}, {})


def test_keys_are_strings(tmp_path):
    with pytest.raises(InvalidTypeError, match=r"config\.a has the key 1, not a string"):
        write_state(tmp_path / "m", "demo", {"a": {1: 2}}, {})


def test_a_config_too_large_is_refused_before_it_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(state, "_MAX_DOCUMENT", 1000)
    with pytest.raises(InvalidParameterError, match="has room for 1,000"):
        write_state(tmp_path / "m", "demo", {"names": ["x"] * 1000}, {})
    assert os.listdir(tmp_path) == []


@cases(
    "array",
    [
        np.array(["a"]),
        np.array([None]),
        np.array(["2020-01-01"], "M8[ns]"),
        np.zeros(2, np.complex128),
        np.zeros(2, np.longdouble),
        np.zeros(2, "i4,f4"),
        np.ma.masked_array([1, 2], [True, False]),
        [1, 2],
        3.0,
    ],
)
def test_arrays_that_a_file_cannot_hold_are_named(tmp_path, array):
    with pytest.raises(InvalidTypeError, match="array 'the_one'"):
        write_state(tmp_path / "m", "demo", {}, {"the_one": array})
    assert os.listdir(tmp_path) == []


@cases("name", ["", "__metadata__", 3])
def test_names_of_arrays(tmp_path, name):
    with pytest.raises(InvalidTypeError, match="cannot name an array"):
        write_state(tmp_path / "m", "demo", {}, {name: np.zeros(2)})


# ---------------------------------------------------------------- whole or not at all


def fail_with(error):
    def fail(*args, **kwargs):
        raise error

    return fail


@cases(("module", "function"), [(files, "open"), (os, "fsync"), (os, "replace")])
@cases(
    ("error", "expected"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), ModelPathError),
        (PermissionError(errno.EACCES, "Permission denied"), ModelPathError),
        (KeyboardInterrupt(), KeyboardInterrupt),
        (MemoryError(), MemoryError),
    ],
)
def test_a_failure_leaves_the_old_file_and_nothing_else(path, monkeypatch, module, function, error, expected):
    before = path.read_bytes()
    with monkeypatch.context() as patch, pytest.raises(expected) as caught:
        patch.setattr(module, function, fail_with(error), raising=False)
        write_state(path, "demo", {"new": 1}, {})
    if isinstance(error, OSError):
        assert caught.value.errno == error.errno
        assert isinstance(caught.value, OSError) and isinstance(caught.value, GanaugError)
        assert error.strerror in str(caught.value) and str(path) in str(caught.value)
        assert "the file that was there is as it was" in str(caught.value)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs POSIX limits")
def test_a_disk_that_is_really_full(path, tmp_path_factory):
    """The system itself cuts the write short, by a limit on the size of files."""
    program = (
        "import resource, signal, numpy as np\nfrom ganaug.utils.state import write_state\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        f"try:\n    write_state({str(path)!r}, 'demo', {{}}, {{'x': np.zeros(100_000)}})\n"
        "except OSError as error:\n    print(type(error).__name__)\n"
    )
    before = path.read_bytes()
    assert printed_by(program, tmp_path_factory.mktemp("said")).strip() == "ModelPathError"
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.skipif(getattr(os, "geteuid", lambda: 0)() == 0, reason="root may write anywhere")
def test_a_read_only_folder(path):
    path.parent.chmod(0o500)
    try:
        with pytest.raises(ModelPathError, match="Permission denied"):
            write_state(path, "demo", {}, {})
    finally:
        path.parent.chmod(0o700)
    assert read_state(path).config == CONFIG


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(ModelPathNotFoundError, match="nowhere does not exist; create it") as caught:
        write_state(tmp_path / "nowhere" / "m", "demo", {}, {})
    assert isinstance(caught.value, FileNotFoundError)
    # a worker's error reaches its parent pickled
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (type(copy), str(copy), copy.errno) == (type(caught.value), str(caught.value), errno.ENOENT)


@pytest.mark.parametrize("action", [lambda path: write_state(path, "demo", {}, {}), read_state])
def test_a_folder_is_not_a_file(tmp_path, action):
    with pytest.raises(ModelPathError, match="is a folder; name a file in it"):
        action(tmp_path)


@cases("wrong", [None, 3, b"m", object()])
@cases("action", [lambda path: write_state(path, "demo", {}, {}), read_state])
def test_not_a_path(wrong, action):
    with pytest.raises(InvalidTypeError, match="give the name of a file"):
        action(wrong)


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_permissions_are_those_of_any_new_file_or_of_the_old_one(path):
    plain = path.parent / "plain"
    plain.touch()
    assert path.stat().st_mode == plain.stat().st_mode
    path.chmod(0o640)
    write_state(path, "demo", {}, {})
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")
def test_a_link_is_written_through(path):
    link = path.parent / "link"
    link.symlink_to(path)
    write_state(link, "demo", {"new": 1}, {})
    assert link.is_symlink()
    assert read_state(path).config == {"new": 1}


def test_many_writers_and_a_reader_at_once(path):
    """A reader finds a whole file at any moment, and no writer trips over another."""
    failures = []

    def write(number):
        try:
            for _ in range(10):
                write_state(path, "demo", {"number": number}, {"x": np.full(1000, number)})
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        found = read_state(path)
        if "number" in found.config:
            assert (found.arrays["x"] == found.config["number"]).all()
    for thread in threads:
        thread.join()
    assert not failures
    assert os.listdir(path.parent) == [path.name]


# ---------------------------------------------------------------- files that are not right


def test_a_missing_file(tmp_path):
    with pytest.raises(ModelPathNotFoundError, match=r"could not read .*nofile: No such file"):
        read_state(tmp_path / "nofile")


def test_an_empty_file(path):
    path.write_bytes(b"")
    refused(path, "truncated or damaged .it is empty")


def test_truncated_anywhere(path):
    whole = path.read_bytes()
    for size in [*range(1, 60), len(whole) // 2, len(whole) - 1]:
        path.write_bytes(whole[:size])
        refused(path, "is truncated or damaged" if size > 8 else "is not a model file|truncated")


def test_any_damaged_byte_is_found(path):
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for position in {*rng.integers(len(whole), size=300).tolist(), len(whole) - 1, 0, 7, 8}:
        damaged = bytearray(whole)
        damaged[position] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        # white space after the header means nothing to anybody
        if whole[position : position + 1] != b" ":
            with pytest.raises(ModelFileError):
                read_state(path)


def test_something_appended(path):
    path.write_bytes(path.read_bytes() + b"\0")
    refused(path, "truncated or damaged")


class Bomb:
    """Unpickled, it would leave a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (self.path, "w"))


def test_a_pickle_is_refused_and_not_run(path):
    trace = path.parent / "trace"
    path.write_bytes(pickle.dumps(Bomb(str(trace))))
    refused(path, "not a model file of ganaug; it looks like a pickle")
    assert not trace.exists()


@cases(
    ("contents", "match"),
    [
        (b"a,b,c\n1,2,3\n" * 9, "not a model file"),
        (b"PK\x03\x04" + bytes(99), "a zip archive"),
        (b"x", "not a model file"),
        (bytes(99), "not a model file"),
        (struct.pack("<Q", 2**60) + b"{}", "truncated or damaged"),
        (struct.pack("<Q", 2) + b"{}", "not one of ganaug"),
        (save({"x": np.zeros(2)}), "not one of ganaug"),
        (save({"x": np.zeros(2)}, metadata={"format": "pt"}), "not one of ganaug"),
        (save({}, metadata={"ganaug": "not json"}), "config is not JSON"),
        (save({}, metadata={"ganaug": '{"a": NaN}'}), "config is not JSON"),
        (save({}, metadata={"ganaug": "[" * 100_000}), "config is not JSON"),
        (save({}, metadata={"ganaug": "[]"}), "format version is missing"),
        (save({}, metadata={"ganaug": '{"format_version": 1}'}), "'written_by' is missing"),
    ],
)
def test_foreign_files(path, contents, match):
    path.write_bytes(contents)
    refused(path, match)


@cases("key", ["written_by", "kind", "config", "arrays", "sha256"])
@cases("value", [None, 3])
def test_a_key_missing_or_of_another_type(path, key, value):
    forge(path, sign=False, **{key: value})
    refused(path, f"'{key}' is missing")


@cases("version", [None, "1", True, 1.0])
def test_a_format_version_that_is_none(path, version):
    forge(path, format_version=version)
    refused(path, "format version is missing")


def test_a_newer_format_says_who_wrote_it_and_what_to_do(path):
    # nothing else in the file needs to be as this version knows it
    document = {"format_version": 7, "written_by": "9.8.7"}
    path.write_bytes(save({}, metadata={"ganaug": json.dumps(document)}))
    refused(path, r"written by ganaug 9\.8\.7 in format 7; .* reads formats up to \d; upgrade")


def test_an_older_format_goes_through_every_upgrade(path, monkeypatch):
    forge(path, kind="demo", config={"width": 1}, format_version=1)
    monkeypatch.setattr(state, "FORMAT_VERSION", 3)
    refused(path, "cannot read any more")
    steps = {
        1: lambda kind, config, arrays: ({**config, "kind": kind}, arrays),
        2: lambda kind, config, arrays: ({**config, "second": True}, {"w": arrays["weight"]}),
    }
    monkeypatch.setattr(state, "_UPGRADERS", steps)
    found = read_state(path, "demo")
    assert found.config == {"width": 1, "kind": "demo", "second": True}
    assert list(found.arrays) == ["w"]
    assert found.format_version == 1


def test_another_kind(path):
    refused(path, "holds a 'demo', not a 'other'; load it with ganaug.load", kind="other")


def test_a_checksum_that_does_not_match(path):
    forge(path, sign=False, config={"width": 129})
    refused(path, "checksum does not match")
    write_state(path, "demo", CONFIG, ARRAYS)
    forge(path, sign=False, tensors={**ARRAYS, "bias": np.array([1, 2, 4])})
    refused(path, "checksum does not match")


@cases(
    ("arrays", "match"),
    [
        ({**ARRAYS, "bias": np.zeros(4, np.int64)}, r"array 'bias' is int64 \(4,\), listed as"),
        ({**ARRAYS, "bias": np.zeros(3, np.int32)}, "array 'bias' is int32"),
        ({**ARRAYS, "extra": np.zeros(3)}, r"arrays \['extra'\] are not both listed and there"),
        ({"weight": ARRAYS["weight"]}, r"arrays \['bias'\] are not both"),
    ],
)
def test_arrays_that_differ_from_the_table(path, arrays, match):
    forge(path, sign=False, tensors=arrays)
    refused(path, match)


@cases("entry", [None, 3, [], ["int64"], ["int64", "3"], {"a": 1}])
def test_a_table_that_makes_no_sense(path, entry):
    forge(path, sign=False, arrays={**document_of(path)["arrays"], "bias": entry})
    refused(path, "truncated or damaged")


def test_a_dtype_that_numpy_does_not_know(path):
    header = json.dumps(
        {
            "__metadata__": {"ganaug": json.dumps(document_of(path))},
            "bias": {"dtype": "I64", "shape": [3], "data_offsets": [0, 24]},
            "weight": {"dtype": "BF16", "shape": [6, 4], "data_offsets": [24, 72]},
        }
    ).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(72))
    refused(path, "truncated or damaged")


# ---------------------------------------------------------------- helpers


def test_expect():
    arrays = {"w": np.zeros((3, 4), np.float32), "s": np.array(1.0)}
    assert expect(arrays, "w") is arrays["w"]
    assert expect(arrays, "w", (3, 4), np.float32) is arrays["w"]
    assert expect(arrays, "w", (None, 4), "float32") is arrays["w"]
    assert expect(arrays, "s", ()) is arrays["s"]


@cases(
    ("name", "shape", "dtype", "match"),
    [
        ("v", None, None, "lacks the array 'v'"),
        ("w", (4, 3), None, r"array 'w' .* has shape \(3, 4\), its config asks for \(4, 3\)"),
        ("w", (3, 4, 1), None, r"asks for \(3, 4, 1\)"),
        ("w", (None, 5), None, r"asks for \(any, 5\)"),
        ("w", (), None, r"asks for \(\)"),
        ("w", (3, 4), np.float64, "array 'w' .* has dtype float32, expected float64"),
    ],
)
def test_expect_names_what_is_wrong(name, shape, dtype, match):
    with pytest.raises(ModelFileError, match=match):
        expect({"w": np.zeros((3, 4), np.float32)}, name, shape, dtype)
