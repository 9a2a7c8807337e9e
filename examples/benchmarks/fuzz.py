"""Files with something wrong in them: model files, pools, caches, CSV and Parquet files, images and folders.

    python examples/benchmarks/fuzz.py --write

A seed makes the files, mutates them and reads them back: bytes flipped, cut, doubled; and, which matters more, values
of the config and arrays changed, under a checksum that fits. What may happen: a documented error (`GanaugError`, one
line) or a right result. Each case gets 2 s of processor time and 2 GB of memory on top of what the libraries take.
A model that loads must sample, score and save. ``--quick`` takes one case in a hundred.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import copy
import io
import json
import multiprocessing
import os
import shutil
import signal
import struct
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import torch
from common import ROOT, machine, peak_memory, versions
from safetensors.numpy import save as to_bytes

import ganaug
from ganaug.datasets import SyntheticDataset
from ganaug.exceptions import DataWarning, GanaugError
from ganaug.experiments import harness
from ganaug.transforms import SamplePool
from ganaug.utils import state

PAGE = ROOT / "docs" / "robustness.md"
START, END = "<!-- fuzz -->", "<!-- end of fuzz -->"
SECONDS, MEMORY = 2.0, 2 * 2**30
CASES = {"models": 10_000, "pools": 2000, "caches": 500, "csv": 2000, "parquet": 1000, "images": 2000}
WHAT = {
    "models": "model files",
    "pools": "pools of images and of datasets",
    "caches": "caches of `compare`",
    "csv": "CSV files",
    "parquet": "Parquet files",
    "images": "images and folders",
}
ODD_TEXTS = ["", "x", "nan", "int64", "object", "series", "datetime64[ns]", "<f8", "\x00", "é" * 40, "../../etc", "all"]
ODD_NUMBERS = [0, 1, -1, 2, 7, 255, 65_536, 10**6 + 1, 2**31, 2**63, -(2**63), 10**30, 0.0, -0.5, 1e308, 1e-300]
ODD_VALUES = [None, True, False, [], {}, [[]], [None], {"x": 1}, *ODD_TEXTS, *ODD_NUMBERS]
ODD_CELLS = ["", " ", '"', "'", "NaN", "-", "1e999", "0x1f", "1,5", "1.234,5", "€ 5", "12:30", "٣", "\x00"]
ODD_CELLS += ["inf", "=1+1", "x" * 9999]
ODD_DTYPES = ["float64", "float32", "float16", "int64", "int8", "uint8", "bool", "uint64"]


# ------------------------------------------------------------------------------------------ the files


def make(folder):
    """Good files of every kind, in ``folder``."""
    rng = np.random.default_rng(0)
    n = 80
    y = np.arange(n) % 3 // 2
    quick = {"max_steps": 2, "random_state": 0, "verbose": False, "device": "cpu"}
    frame = pd.DataFrame(
        {
            "size": rng.normal(y, 1, n),
            "price": rng.gamma(2, 10, n).round(2),
            "count": rng.integers(0, 9, n),
            "kind": pd.Categorical(rng.choice(["red", "green", "blue"], n)),
            "text": rng.choice(["yes", "no"], n),
            "when": pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 365, n), "D"),
            "true": rng.random(n) < 0.5,
            "whole": pd.array(rng.integers(0, 5, n), "Int64"),
        }
    )
    frame.loc[::7, "size"] = np.nan
    images = rng.integers(0, 256, (n, 8, 8, 3), dtype=np.uint8)
    small = {**quick, "channels": 2, "max_channels": 4, "latent_dim": 4}
    names = pd.Series(np.array(["fine", "fraud"])[y], name="state")
    models = {
        "frame": ganaug.TabularGAN(**quick, width=8, depth=1).fit(frame, names),
        "array": ganaug.TabularGAN(**quick, width=8, depth=2, curate=False).fit(rng.normal(size=(n, 3))),
        "focus": ganaug.TabularGAN(**quick, width=8, depth=1, conditioning="auxiliary").fit(frame, y, focus=1),
        "wide": ganaug.TabularGAN(**quick, width=4, depth=1).fit(rng.normal(size=(n, 260)), y == 1),
        "images": ganaug.ImageGAN(**small).fit(images, names.tolist()),
        "style": ganaug.ImageGAN(**small, architecture="style").fit(torch.from_numpy(images[..., 0]), y),
        "series": ganaug.SeriesGAN(**small).fit(rng.normal(size=(n, 2, 24)).astype(np.float32), names),
        "translator": ganaug.ImageTranslator(**quick, width=4, min_probability=0).fit(images[..., 0], y),
    }
    low, gap, first = rng.integers(0, 300, n), rng.integers(0, 90, n), rng.random(n) < 0.5
    kept = frame[["when"]].assign(low=low / 100, gap=gap / 100, high=(low + gap) / 100, one=first, two=~first)
    kept = kept.assign(start=kept["when"] - pd.to_timedelta(low, "D"), name=np.where(low < 99, "x", "y"))
    kept["code"], kept["most"] = np.where(low < 99, 5, 7), kept["low"] * 3
    rules = [ganaug.Order("start", "when"), ganaug.Sum("high", ["low", "gap"]), ganaug.OneHot(["one", "two"])]
    rules += [ganaug.Copy("most", "low", 3.0), ganaug.Within("gap", "one"), ganaug.rules.Determined("code", "name")]
    models["ruled"] = ganaug.TabularGAN(**quick, width=8, depth=1, rules=rules).fit(kept, y)
    for name, model in models.items():
        model.save(folder / f"{name}.model")
    SamplePool.generate(models["images"], 5).save(folder / "images.pool")
    SamplePool(images[:6], [0, 1, 2] * 2).save(folder / "numbers.pool")
    rows = [
        {"dataset": "a", "oversampler": "s", "classifier": "c", "repeat": 0, "fold": i, "f1": 0.5 + i, "error": ""}
        for i in range(3)
    ]
    harness.write_trial(folder / "a-s-0-0-0123.json", [*rows, {**rows[0], "f1": float("nan")}])
    frame.assign(state=names).to_csv(folder / "table.csv", index=False)
    frame.assign(state=names).to_csv(folder / "commas.csv", index=False, sep=";", decimal=",", encoding="utf-16")
    frame.assign(state=names).to_parquet(folder / "table.parquet")
    for name, mode in (("L", "L"), ("RGB", "RGB"), ("palette", "P")):
        from PIL import Image

        for i in range(3):
            (folder / "tree" / name).mkdir(parents=True, exist_ok=True)
            suffix = ("png", "jpg", "bmp")[i] if mode != "P" else ("png", "gif", "png")[i]
            image = Image.fromarray(images[i]).convert(mode)
            image.save(folder / "tree" / name / f"{i}.{suffix}")


# ----------------------------------------------------------------------------------------- mutations


def bent_bytes(data, rng):
    """Bytes flipped, cut, doubled, moved, or put in."""
    data = bytearray(data)
    how = rng.integers(6)
    at = int(rng.integers(len(data)))
    # half of the time near the start, where headers are
    at = at if rng.random() < 0.5 else int(rng.integers(min(len(data), 600)))
    if how == 0:
        for place in rng.integers(len(data), size=int(rng.integers(1, 9))):
            data[place] ^= 1 << int(rng.integers(8))
    elif how == 1:
        data[at] = int(rng.integers(256))
    elif how == 2:
        del data[at:]
    elif how == 3:
        del data[at : at + int(rng.integers(1, 65))]
    elif how == 4:
        data[at:at] = data[at : at + int(rng.integers(1, 65))]
    else:
        data[at:at] = rng.bytes(int(rng.integers(1, 9)))
    return bytes(data)


def places(value, path=()):
    """Every place in a JSON document."""
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from places(child, (*path, key))


def bent_json(document, rng, root=()):
    """The document with one value changed, dropped, doubled, or swapped with another; what was done."""
    document = copy.deepcopy(document)
    at = [path for path in places(document) if len(path) > len(root) and path[: len(root)] == root]
    path = at[rng.integers(len(at))]
    parent = document
    for key in path[:-1]:
        parent = parent[key]
    old, how = parent[path[-1]], rng.integers(7)
    if how == 0:
        del parent[path[-1]]
    elif how == 1 and isinstance(old, (int, float)) and not isinstance(old, bool):
        parent[path[-1]] = ODD_NUMBERS[rng.integers(len(ODD_NUMBERS))]
    elif how == 2 and isinstance(old, (int, float)):
        parent[path[-1]] = old * int(rng.integers(2, 1000)) + int(rng.integers(-2, 3))
    elif how == 3 and isinstance(old, list) and old:
        parent[path[-1]] = [*old, *old] if rng.random() < 0.5 else old[:-1]
    elif how == 4 and isinstance(parent, dict):
        parent[str(ODD_TEXTS[rng.integers(len(ODD_TEXTS))])] = parent.pop(path[-1])
    elif how == 5:
        other = at[rng.integers(len(at))]
        value = document
        for key in other:
            value = value[key]
        parent[path[-1]] = copy.deepcopy(value)
    else:
        parent[path[-1]] = copy.deepcopy(ODD_VALUES[rng.integers(len(ODD_VALUES))])
    return document, f"{'.'.join(map(str, path))} by way {how}"


def bent_arrays(arrays, rng):
    """One array with other values, dtype, shape or name, or none; what was done."""
    arrays = dict(arrays)
    name = list(arrays)[rng.integers(len(arrays))]
    array, how = arrays[name].copy(), rng.integers(9)
    if how == 0:
        del arrays[name]
    elif how == 1:
        arrays[name + "x" if rng.random() < 0.5 else next(iter(arrays))] = arrays.pop(name)
    elif how == 2:
        with np.errstate(all="ignore"):
            arrays[name] = array.astype(ODD_DTYPES[rng.integers(len(ODD_DTYPES))])
    elif how == 3:
        arrays[name] = array[:-1] if array.ndim and len(array) else np.zeros((3, 1), array.dtype)
    elif how == 4:
        arrays[name] = np.concatenate([array, array]) if array.ndim else array[None]
    elif how == 5:
        arrays[name] = array.T.copy() if array.ndim > 1 else array[::-1].copy() if array.ndim else array
    elif how == 6:
        arrays[name] = arrays[list(arrays)[rng.integers(len(arrays))]].copy()
    elif array.size:
        odd = [np.nan, np.inf, -np.inf, 0, -1, 1, 1e300, -1e300, 2**62, -(2**63), 255]
        many = slice(None) if how == 7 else int(rng.integers(array.size))
        with np.errstate(all="ignore"):
            array.reshape(-1)[many] = np.array(odd[rng.integers(len(odd))]).astype(array.dtype)
        arrays[name] = array
    return arrays, f"array {name} by way {how}"


def model_bytes(document, arrays, checked=True):
    """A model file with these parts, under a checksum that fits them."""
    document = dict(document)
    if checked:
        document.pop("sha256", None)
        document["arrays"] = {name: [array.dtype.name, list(array.shape)] for name, array in arrays.items()}
        document["sha256"] = state._checksum(document, arrays)
    return to_bytes(dict(arrays), metadata={"ganaug": json.dumps(document)})


def bent_model(path, rng):
    """A model file with something wrong in it; what it is."""
    data = path.read_bytes()
    how = rng.integers(10)
    if how == 0:
        return bent_bytes(data, rng), "bytes"
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    document = json.loads(header["__metadata__"]["ganaug"])
    arrays = state.read_state(path).arrays
    if how == 1:  # the header of safetensors: huge shapes, offsets, doubled names
        text, what = bent_json(header, rng)
        text = json.dumps(text).encode()
        if rng.random() < 0.2:
            text = text.replace(b'"dtype"', b'"dtype":"F32","dtype"', 1)
        return struct.pack("<Q", len(text)) + text + data[8 + length :], f"header {what}"
    if how == 2:  # the document, with the checksum that it had
        bent, what = bent_json(document, rng)
        return model_bytes(bent, arrays, checked=False), f"document {what}"
    if how == 3:
        text = "[" * 50_000 if rng.random() < 0.5 else json.dumps(document).replace('"config"', '"config":{},"config"')
        return to_bytes(arrays, metadata={"ganaug": text}), "a deep or doubled document"
    if how < 8:
        for _ in range(int(rng.integers(1, 3))):
            document, what = bent_json(document, rng, ("config",) if rng.random() < 0.95 else ())
    else:
        arrays, what = bent_arrays(arrays, rng)
    return model_bytes(document, arrays), what


# ------------------------------------------------------------------------------ one case of each kind


def try_model(files, rng, folder):
    path = files / f"{MODELS[rng.integers(len(MODELS))]}.model"
    data, what = bent_model(path, rng)
    target = folder / "bent.model"
    target.write_bytes(data)
    yield f"{path.name}: {what}"
    model = ganaug.load(target)
    yield "loads"
    label = None if model.classes_ is None else model.conditions_.sampled()[0]
    label = None if label is None else model._name(label)
    if isinstance(model, ganaug.ImageTranslator):
        X = model.codec_.decode(model.codec_.from_network(np.zeros((2, *model.codec_.shape), np.float32)))
        assert len(model.translate(X)) == 2
    else:
        X, y = model.sample(3, random_state=0)
        assert X.shape[0] == 3
        assert y is None or len(y) == 3
        model.sample(2, label=label)
        assert np.isfinite(model.score_samples(X)).all()
        assert len(model.features(X, y)) == 3
        assert sum(len(one) for one, _ in model.iter_samples(3, chunk_size=2)) == 3
    model.save(target)
    assert type(ganaug.load(target)) is type(model)


def try_pool(files, rng, folder):
    which = rng.integers(3)
    if which < 2:
        path = files / ("images.pool", "numbers.pool")[which]
        data = path.read_bytes()
        target = folder / "bent.pool"
        target.write_bytes(bent_pool(data, rng))
        yield path.name
        pool = SamplePool.open(target)
        right = SamplePool.open(path)
        same = pool.labels == right.labels and np.array_equal(
            pool.take(range(len(pool))), right.take(range(len(right)))
        )
        assert same or sealed_again(target), "an altered pool was taken for a good one"
        del pool, right
        return
    model = SimpleNamespace(classes_=np.array([0, 1]), sample=_striped)
    keep = folder / "lasting"
    first = SyntheticDataset(model, {0: 5, 1: 3}, cache_dir=keep)
    path, items = first.pool_path, [x.tolist() for x, _ in first]
    data = bent_pool(path.read_bytes(), rng)
    path.unlink()
    path.write_bytes(data)
    yield "the pool of a dataset"
    again = SyntheticDataset(model, {0: 5, 1: 3}, cache_dir=keep)
    found = [x.tolist() for x, _ in again]
    assert found == items or sealed_again(path), "an altered pool was taken for a good one"


def _striped(n, label=None, random_state=None):
    rng = np.random.default_rng(random_state)
    return rng.integers(0, 256, (n, 3, 8, 8), dtype=np.uint8), np.full(n, label)


def bent_pool(data, rng):
    """Bytes changed, or the header, half of them under a checksum that fits."""
    own = data[: data.rindex(b"\nganaug sha256 ")]
    if rng.random() < 0.3:
        return bent_bytes(data, rng)
    if rng.random() < 0.5:
        own = bent_bytes(own, rng)
    else:
        texts = [b"'shape': (6,", b"'shape': (10", b"(8, 8, 3", b"|u1", b"<i8", b"<U5", b"False", b"descr", b"(8,"]
        odd = [b"'shape': (10000000,", b"(-1, 8, 3", b"|O1", b"<U999999", b"<f8", b"True ", b"shape", b"((((", b"1e9, "]
        own = own.replace(texts[rng.integers(len(texts))], odd[rng.integers(len(odd))], int(rng.integers(1, 3)))
    if rng.random() < 0.5:
        return own + data[data.rindex(b"\nganaug sha256 ") :]
    file = io.BytesIO()
    from ganaug.utils.files import Sealed

    sealed = Sealed(file)
    sealed.write(own)
    sealed.close()
    return file.getvalue()


def sealed_again(path):
    """Whether the checksum fits: whoever can write one can write any pool."""
    from ganaug.utils.files import sealed_length

    try:
        return sealed_length(path, required=True) > 0
    except ValueError:
        return False


def try_cache(files, rng, folder):
    path = files / "a-s-0-0-0123.json"
    right = harness.read_trial(path)
    target = folder / path.name
    if rng.random() < 0.5:
        target.write_bytes(bent_bytes(path.read_bytes(), rng))
    else:
        document, _ = bent_json(json.loads(path.read_text()), rng)
        if isinstance(document.get("rows"), list) and rng.random() < 0.5:
            with contextlib.suppress(ValueError):
                document["sha256"] = harness._checksum(path.name, document["rows"])
        target.write_text(json.dumps(document))
    yield path.name
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = harness.read_trial(target, right[0])
    assert found is not None or any(issubclass(w.category, DataWarning) for w in caught), "recomputed without a word"
    resealed = found is not None and target.read_bytes() != path.read_bytes()
    if found is not None and not resealed:
        assert repr(found) == repr(right)
    for row in found or ():
        assert set(row) == set(right[0])


def try_csv(files, rng, folder):
    path, target = files / ("table.csv", "commas.csv")[rng.integers(2)], folder / "bent.csv"
    data, touched = bent_text(path.read_bytes(), rng)
    target.write_bytes(data)
    yield path.name
    yield from _through(target, folder / "written.csv", path if touched else None, touched)


def try_parquet(files, rng, folder):
    target, touched = folder / "bent.parquet", None
    if rng.random() < 0.5:
        target.write_bytes(bent_bytes((files / "table.parquet").read_bytes(), rng))
    else:
        frame = pd.read_parquet(files / "table.parquet")
        name = frame.columns[rng.integers(frame.shape[1])]
        odd = [None, np.nan, np.inf, "", "x", 2**62, b"\xff", 1.5, pd.Timestamp("1700-01-01"), True]
        column = frame[name].astype(object)
        column.iloc[: int(rng.integers(1, len(frame) + 1))] = odd[rng.integers(len(odd))]
        try:
            frame.assign(**{name: column}).to_parquet(target)
            touched = name
        except Exception:  # not every mixture can be written
            target.write_bytes(bent_bytes((files / "table.parquet").read_bytes(), rng))
    yield "table.parquet"
    yield from _through(target, folder / "written.parquet", files / "table.parquet" if touched else None, touched)


def _through(source, target, whole=None, touched=None):
    """What `ganaug resample` does before and after the training.

    whole : the table as it was, where all columns but the one that was touched must be read as they are there.
    """
    from ganaug.cli import table_files
    from ganaug.cli.main import parser

    args = parser().parse_args(["resample", str(source), "--target", "state", "--output", str(target)])
    table = table_files.read_table(str(source), args)
    if whole is not None:
        right = table_files.read_table(str(whole), args).frame
        for name in right.columns.difference([touched]):
            pd.testing.assert_series_equal(table.frame[name], right[name])
    column = "state" if "state" in table.frame else table.frame.columns[-1]
    X, y = table_files.split(table, column)
    bootstrap = ganaug.SmoothedBootstrap(random_state=0).fit(X, y)
    rows, labels = bootstrap.sample(4, random_state=0)
    yield "reads"
    with table_files.table_writer(str(target), table.layout) as writer:
        rows = rows.copy()
        rows[column] = np.asarray(labels)
        writer.write(rows[list(table.frame.columns)])
    again = table_files.read_table(str(target), args)
    assert len(again.frame) == 4
    assert list(again.frame.columns) == list(table.frame.columns)


def bent_text(data, rng):
    """Bytes changed, or what people do to tables; and the column of the one cell that was changed, if it was one."""
    if rng.random() < 0.4:
        return bent_bytes(data, rng), None
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    lines = data.decode(encoding).splitlines()
    mark = ";" if lines[0].count(";") > lines[0].count(",") else ","
    at, how, touched = int(rng.integers(len(lines))), rng.integers(8), None
    cells = lines[at].split(mark)
    place = int(rng.integers(len(cells)))
    if how < 4:
        cells[place] = ODD_CELLS[rng.integers(len(ODD_CELLS))]
        touched = lines[0].split(mark)[place] if at else None
        lines[at] = mark.join(cells)
    elif how == 4:
        lines[at] += mark if rng.random() < 0.5 else mark + "more"
    elif how == 5:
        lines = lines[: int(rng.integers(4))]
    elif how == 6:
        lines = [mark.join([ODD_CELLS[rng.integers(len(ODD_CELLS))], *line.split(mark)[1:]]) for line in lines]
    else:
        lines[0] = mark.join([cells[0]] * len(cells))
    return ("\r\n" if rng.random() < 0.5 else "\n").join(lines).encode(encoding), touched


def try_images(files, rng, folder):
    from ganaug.encoding.sources import list_folder, read_folder

    tree = folder / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(files / "tree" / "RGB", tree / "one")
    shutil.copytree(files / "tree" / ("RGB", "L", "palette")[rng.integers(3)], tree / "two")
    found = sorted(path for path in tree.rglob("*") if path.is_file())
    if rng.random() < 0.5:  # folders of one mode, so that what is left of them can be read
        shutil.rmtree(tree / "two")
        shutil.copytree(tree / "one", tree / "two")
        found = sorted(path for path in tree.rglob("*") if path.is_file())
    right = _pixels(tree)
    path, how = found[rng.integers(len(found))], rng.integers(8)
    if how < 5:
        path.write_bytes(bent_bytes(path.read_bytes(), rng))
    elif how == 5:
        path.write_bytes(b"")
    elif how == 6:
        (tree / "two" / "loop").symlink_to(tree)
        os.mkfifo(tree / "one" / "pipe.png")
    else:
        shutil.rmtree(tree / "two")
        if rng.random() < 0.5:
            (tree / "two").mkdir()
    yield f"{path.suffix} by way {how}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        list_folder(str(tree))
        read = read_folder(str(tree))
    yield "reads"
    for file, pixels in _pixels(tree, read).items():
        assert file == path or not right or np.array_equal(pixels, right[file]), "another image than before"
    assert len(read.images) == len(read.labels) == (3 if how == 7 else 6)


def _pixels(tree, read=None):
    """File -> what is read of it, without its transparency; nothing where the images cannot be read together."""
    from ganaug.encoding.sources import read_folder

    try:
        read = read or read_folder(str(tree))
    except GanaugError:
        return {}
    files = [file for inside in read.files.classes.values() for file in inside]
    return {file: image[..., :3] if image.ndim == 3 else image for file, image in zip(files, read.images, strict=True)}


MODELS = ("frame", "array", "focus", "wide", "images", "style", "series", "translator", "ruled")
TRIES = {
    "models": try_model,
    "pools": try_pool,
    "caches": try_cache,
    "csv": try_csv,
    "parquet": try_parquet,
    "images": try_images,
}
# Of processor time, and of waiting for something that never comes.
TIMERS = [(signal.SIGPROF, signal.ITIMER_PROF, 10 * SECONDS), (signal.SIGALRM, signal.ITIMER_REAL, 60)]
# What a reader may raise.
DOCUMENTED = (GanaugError,)


class Late(BaseException):
    """The case took far too long."""


def _late(signum, frame):
    raise Late


def run_case(kind, files, number, folder):
    """What became of a case: "refused", "taken" or a finding; and its seconds."""
    rng = np.random.default_rng([sorted(CASES).index(kind), number])
    steps, seen = TRIES[kind](files, rng, folder), []
    for number, timer, seconds in TIMERS:
        signal.signal(number, _late)
        signal.setitimer(timer, seconds)
    try:
        for said in steps:
            if not seen:
                began = time.process_time()
            seen.append(said)
        outcome = "taken"
    except DOCUMENTED as error:
        # found when it is read, and not when it is used
        late = kind == "models" and "loads" in seen
        outcome = f"late: {_where(error)}" if late else "refused"
        if "\n" in str(error):
            outcome = f"not one line: {str(error)[:80]}"
    except Late:
        outcome = "late: it hangs"
    except BaseException as error:
        outcome = _where(error)
    finally:
        for _, timer, _ in TIMERS:
            signal.setitimer(timer, 0)
    seconds = time.process_time() - (began if seen else time.process_time())
    if seconds > SECONDS and outcome in ("taken", "refused"):
        outcome = f"slow: {seconds:.1f} s"
    return outcome, seconds, seen[0] if seen else "made no file"


def _where(error):
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "fuzz.py" not in f.filename]
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "fuzz.py"
    own = [f for f in frames if f"{os.sep}ganaug{os.sep}" in f.filename]
    home = f" ({Path(own[-1].filename).name}:{own[-1].lineno})" if own else ""
    return f"{type(error).__name__} at {place}{home}: {str(error)[:100]}"


# --------------------------------------------------------------------------------------- the campaign


def work(kind, files, numbers, out):
    """Run cases in this process, with its memory limited."""
    import resource

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run_case(kind, files, 10**9, folder)  # libraries are imported before the limit is set
        Path("/proc/self/clear_refs").write_text("5")  # the peak so far; getrusage tells that of the parent too
        least = peak_memory()
        used = int(Path("/proc/self/statm").read_text().split()[5]) * 4096
        resource.setrlimit(resource.RLIMIT_DATA, (used + MEMORY, used + MEMORY))
        for number in list(numbers):
            out.put((number, None))
            out.put((number, run_case(kind, files, number, folder)))
    out.put((None, peak_memory() - least))


def campaign(kind, files, n, jobs=1, first=0):
    """All cases of a kind: counts of outcomes, findings, the longest case, the largest process."""
    context = multiprocessing.get_context("spawn")
    todo = collections.deque(np.array_split(np.arange(first, first + n), max(1, min(n, jobs * -(-n // (500 * jobs))))))
    counts, findings, longest, largest = collections.Counter(), [], 0.0, 0
    running = []
    while todo or running:
        while todo and len(running) < jobs:
            numbers, out = todo.popleft().tolist(), context.SimpleQueue()
            process = context.Process(target=work, args=(kind, files, numbers, out), daemon=True)
            process.start()
            running.append([process, out, numbers, None])
        for one in list(running):
            process, out, numbers, _ = one
            alive = process.is_alive()
            while not out.empty():
                number, found = out.get()
                if number is None:
                    largest = max(largest, found)
                    continue
                one[3] = number
                if found is None:
                    continue
                outcome, seconds, what = found
                longest = max(longest, seconds)
                good = outcome in ("taken", "refused")
                counts[outcome if good else "finding"] += 1
                if not good:
                    findings.append(f"{kind} {number} ({what}): {outcome}")
                one[3] = None
                numbers.remove(number)
            if not alive and out.empty():
                running.remove(one)
                if numbers:  # it died: the case that it was at is a finding, the others are done by another
                    dead = one[3] if one[3] is not None else numbers[0]
                    counts["finding"] += 1
                    findings.append(f"{kind} {dead}: the process died ({process.exitcode})")
                    numbers.remove(dead)
                    if numbers:
                        todo.append(np.array(numbers))
        time.sleep(0.02)
    return counts, findings, longest, largest


def table(rows):
    lines = ["| files | cases | refused in one line | read, and right | findings | longest, s | memory, MB |"]
    lines.append("|---|--:|--:|--:|--:|--:|--:|")
    for kind, counts, findings, longest, largest in rows:
        lines.append(
            f"| {WHAT[kind]} | {sum(counts.values()):,} | {counts['refused']:,} | {counts['taken']:,} | "
            f"{len(findings)} | {longest:.2f} | {largest / 1e6:,.0f} |"
        )
    return "\n".join(lines)


def page(rows, command):
    return (
        f"{START}\n## Files with something wrong in them\n\n`{command}` on {machine()}; "
        f"{versions('torch', 'numpy', 'pandas', 'safetensors')}.\n\n{table(rows)}\n\n"
        "Bytes were flipped, cut and doubled, and values of configs and arrays changed under a checksum that fits. "
        "A finding would be anything but a documented error or a right result within 2 s of processor time and 2 GB: "
        "another error, a model that loads and cannot be sampled, scored or saved, an altered pool or cache that is "
        "believed, a process that dies. The memory is what a process took for all its cases, beside its libraries.\n"
        + END
    )


def write_page(text, start, end):
    """Put a section into the page, in the place of the earlier one."""
    if not PAGE.exists():
        PAGE.write_text("# Robustness\n\n", encoding="utf-8")
    old = PAGE.read_text(encoding="utf-8")
    before, _, rest = old.partition(start)
    after = rest.partition(end)[2] if rest else "\n"
    PAGE.write_text(before + text + after, encoding="utf-8")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", choices=[*CASES, []], help="all by default")
    parser.add_argument("--quick", action="store_true", help="one case in a hundred")
    parser.add_argument("--cases", type=int, help="so many of each kind")
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--jobs", type=int, default=1, help="processes side by side")
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE.relative_to(ROOT)}")
    options = parser.parse_args(arguments)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        files = Path(name)
        make(files)
        for kind in options.kinds or CASES:
            n = options.cases or (CASES[kind] // 100 if options.quick else CASES[kind])
            rows.append((kind, *campaign(kind, files, n, options.jobs, options.first)))
            print(table(rows[-1:]), flush=True)
            alike = collections.Counter(finding.partition("): ")[2] for finding in rows[-1][2])
            for said, times in alike.most_common():
                first = next(finding for finding in rows[-1][2] if finding.endswith(said))
                print(f"  {times} x {first}", flush=True)
    print(table(rows))
    if options.write:
        command = "python examples/benchmarks/fuzz.py" + " --quick" * options.quick + " --write"
        write_page(page(rows, command), START, END)
    return sum(len(row[2]) for row in rows)


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
