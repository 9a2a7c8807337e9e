"""Folders that `GANOversampler.write` makes, and the types of CSV files: what must not be mixed or lost in silence."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from helpers import cases, tabular_gan

from ganaug import GANOversampler
from ganaug.encoding import row_sources
from ganaug.encoding.row_sources import _parquet_file, open_rows
from ganaug.exceptions import InvalidDataError, InvalidParameterError

N = 240
ROWS = pd.DataFrame(
    {
        "amount": np.random.default_rng(0).normal(size=N),
        "visits": np.random.default_rng(1).integers(0, 1000, N),
        "kind": np.random.default_rng(2).choice(["a", "b"], N),
        "fraud": np.repeat(["fine", "fraud"], [200, 40]),
    }
)


@pytest.fixture(scope="module")
def fitted():
    return GANOversampler(generator=tabular_gan(max_steps=2), random_state=0).fit(ROWS, "fraud")


# ---- Where it is written ------------------------------------------------------------------------


def test_what_is_written_is_no_part_of_what_is_read(fitted, tmp_path):
    folder = tmp_path / "rows"
    ROWS.to_parquet(folder, partition_cols=["kind"])
    (tmp_path / "link").symlink_to(folder)
    files = [str(file) for file in folder.rglob("*.parquet")]
    inside = [
        (folder, folder / "out"),
        (str(folder), folder / "kind=a" / "out"),
        (tmp_path / "link", folder / "out"),
        (folder, tmp_path / "link" / "out"),
        ([folder / "kind=a", folder / "kind=b"], folder / "kind=b" / "out"),
        (ds.dataset(folder, partitioning="hive"), folder / "out"),
        (ds.dataset([ds.dataset(folder, partitioning="hive")]), folder / "kind=a" / "out"),
        (files[0], folder),
        (files, folder),
    ]
    for rows, path in inside:
        with pytest.raises(InvalidParameterError, match=r"path=.*lie within each other.*name another folder"):
            fitted.write(rows, path)
    assert sorted(str(file) for file in folder.rglob("*.parquet")) == sorted(files)
    beside = tmp_path / "beside"
    assert fitted.write(folder, beside) == beside


def test_a_folder_beside_a_file_that_is_read(fitted, tmp_path):
    ROWS.to_csv(tmp_path / "rows.csv", index=False)
    assert len(pd.read_parquet(fitted.write(tmp_path / "rows.csv", tmp_path / "out"))) == 400


# ---- What is written ----------------------------------------------------------------------------

OTHER_ROWS = {
    "a label that fit has not seen": (ROWS.assign(fraud=["new", *ROWS["fraud"][1:]]), "'fraud'.*unknown label.*new"),
    "no label": (ROWS.assign(fraud=[None, *ROWS["fraud"][1:]]), "'fraud'.*unknown label"),
    "fewer rows": (ROWS.iloc[100:], "100 rows of class 'fine', while fit had 200"),
    "more rows": (pd.concat([ROWS, ROWS.iloc[-1:]]), "41 rows of class 'fraud', while fit had 40"),
    "a narrower integer": (ROWS.assign(visits=(ROWS["visits"] % 100).astype("int8")), "'visits' is int8"),
    "integers for fractions": (ROWS.assign(amount=range(N)), "'amount' is int64"),
    "times for integers": (ROWS.assign(visits=pd.Timestamp("2020-01-01")), "'visits' is timestamp"),
    "truth for integers": (ROWS.assign(visits=ROWS["visits"] > 500), "'visits' is bool"),
    "integers for text": (ROWS.assign(kind=range(N)), "'kind' is int64"),
    "other levels": (ROWS.assign(kind=pd.Categorical(range(N))), "'kind' is dictionary"),
    "text for integers": (ROWS.assign(visits=ROWS["visits"].astype(str)), "'visits' is (large_)?string"),
}


@cases("name", OTHER_ROWS)
def test_other_rows_than_those_of_fit_are_not_written(name, fitted, tmp_path):
    rows, words = OTHER_ROWS[name]
    with pytest.raises(InvalidDataError, match=f"rows: .*{words}.*write the rows that were given to fit"):
        fitted.write(rows, tmp_path / "out")
    assert not any(tmp_path.iterdir())


DAYS = np.datetime64("2020-01-01", "D") + np.arange(N)
TYPED = pa.table(
    {
        "day": pa.array(DAYS, pa.date32()),
        "date": pa.array(DAYS, pa.date64()),
        "far": pa.array(DAYS.astype("datetime64[s]") + np.timedelta64(365000, "D"), pa.timestamp("s")),
        "clock": pa.array(np.arange(N, dtype="int32"), pa.time32("s")),
        "lasts": pa.array(np.arange(N), pa.duration("s")),
        "wide": pa.array(np.arange(N) / 4).cast(pa.decimal256(50, 5)),
        "cheap": pa.array([None, *np.arange(1.0, N)]).cast(pa.decimal128(9, 3)),
        "price": pa.array(np.arange(N) / 4).cast(pa.decimal128(7, 2)),
        "small": pa.array(np.arange(N) % 100, pa.int8()),
        "short": pa.array([None, *np.arange(1, N) / 4], pa.float32()),
        "holes": pa.array([None, *range(1, N)], pa.int64()),
        "sure": pa.array([None, *[True, False, True] * 79, True, False], pa.bool_()),
        "time": pa.array(DAYS.astype("datetime64[s]"), pa.timestamp("ms", "UTC")),
        "code": pa.array(["a", "b"] * (N // 2)).dictionary_encode(),
        "y": pa.array([0, 1, 1] * (N // 3), pa.int16()),
    }
)


def test_types_that_pandas_does_not_tell_apart_are_written(tmp_path):
    own = GANOversampler(generator=tabular_gan(max_steps=2), random_state=0).fit(TYPED, "y")
    written = pq.read_table(own.write(TYPED, tmp_path / "out"))
    pq.write_table(TYPED, tmp_path / "as_read.parquet")
    assert written.schema.types == pq.read_schema(tmp_path / "as_read.parquet").types and written.num_rows == 320


@cases(
    ("name", "kind", "values"),
    [
        ("price", pa.decimal128(2, 1), 0.5),  # 59.75 would be written as 59.7 of two digits
        ("price", pa.decimal128(7, 1), 0.5),
        ("far", pa.timestamp("ns"), np.datetime64("2000-01-01", "ns")),  # the year 3000 as 1830
    ],
)
def test_decimals_and_times_are_not_cut_or_wrapped(name, kind, values, tmp_path):
    own = GANOversampler(generator=tabular_gan(max_steps=2), random_state=0).fit(TYPED, "y")
    column = pa.array(np.full(N, values)).cast(kind)
    other = TYPED.set_column(TYPED.schema.get_field_index(name), name, column)
    with pytest.raises(InvalidDataError, match=re.escape(f"'{name}' is {kind}")):
        own.write(other, tmp_path / "out")


# ---- Types of CSV files -------------------------------------------------------------------------


def csv_folder(path, **files):
    """A folder of CSV files with a column ``a`` of these texts."""
    path.mkdir()
    for name, texts in files.items():
        (path / f"{name}.csv").write_text("a,y\n" + "".join(f"{text},0\n" for text in texts), encoding="utf-8")
    return path


def read(path):
    with open_rows(path) as rows:
        return rows.schema.field("a").type, [value for table in rows.batches() for value in table["a"].to_pylist()]


LONG = {
    "of 64 bits without sign": (["1", "18446744073709551615", "007"], pa.uint64(), [1, 2**64 - 1, 7]),
    "of both signs": (["-1", "18446744073709551615"], pa.decimal128(38, 0), [-1, 2**64 - 1]),
    "of 23 digits": (["5", "99999999999999999999999"], pa.decimal128(38, 0), [5, 10**23 - 1]),
    "of 38 digits": (["", "9" * 38], pa.decimal128(38, 0), [None, 10**38 - 1]),
    "of 42 digits": (["7", "1" * 42], pa.string(), ["7", "1" * 42]),
    "beside fractions": (["1.5", "99999999999999999999999"], pa.float64(), [1.5, 1e23]),
    "in short": (["1e30", "2e30"], pa.float64(), [1e30, 2e30]),
    "whole fractions": (["1.0", "2.0"], pa.float64(), [1.0, 2.0]),
}


@cases("name", LONG)
def test_whole_numbers_of_csv_files_lose_no_digit(name, tmp_path):
    texts, kind, values = LONG[name]
    assert read(csv_folder(tmp_path / "rows", one=["3"] if name != "of 42 digits" else [""], two=texts))[0] == kind
    found = read(csv_folder(tmp_path / "own", two=texts))
    assert found[0] == kind and found[1] == values


def test_numbers_in_one_csv_file_and_text_in_another(tmp_path):
    for other in (["x"], ["2020-01-01"], ["1", "y"]):
        folder = csv_folder(tmp_path / other[-1], first=["1", "2.5"], none=["", "NA"], last=other)
        with pytest.raises(InvalidDataError, match=r"'a' holds numbers in .*first\.csv and .*last\.csv; write it with"):
            read(folder)
    assert read(csv_folder(tmp_path / "text", one=["1", "b"], two=["c", ""]))[1] == ["1", "b", "c", None]
    assert read(csv_folder(tmp_path / "none", one=[""], two=["NA"]))[1] == [None, None]
    assert read(csv_folder(tmp_path / "truth", one=["1", "0"], two=["true"]))[1] == [True, False, True]


@cases("text", ["2020-01-01", "2020-01-01 10:00:00", "2020-01-01 10:00:00.123456"])
def test_times_of_csv_files_are_those_of_pandas_and_stay_so(text, tmp_path):
    folder = csv_folder(tmp_path / "rows", one=[text])
    with open_rows(folder) as rows:
        frame = rows.frame(next(rows.batches()))
    expected = pd.read_csv(folder / "one.csv", parse_dates=["a"])
    pd.testing.assert_frame_equal(frame, expected)
    own = ROWS.assign(day=text)
    own.to_csv(tmp_path / "all.csv", index=False)
    sampler = GANOversampler(generator=tabular_gan(max_steps=2), random_state=0).fit(tmp_path / "all.csv", "fraud")
    written = pd.read_parquet(sampler.write(tmp_path / "all.csv", tmp_path / "out"))
    X, _ = sampler.fit_resample(tmp_path / "all.csv", "fraud")
    assert written["day"].dtype == X["day"].dtype == expected["a"].dtype


# ---- How Parquet files are read -----------------------------------------------------------------


@pytest.mark.parametrize("way", ["folder", "some row groups", "with a filter", "other types", "names of folders"])
def test_parquet_files_are_read_as_a_scan_reads_them(way, tmp_path, monkeypatch):
    """File after file where columns and types are those of the dataset, and else by the dataset's own scan."""
    scans = []
    monkeypatch.setattr(row_sources, "AT_ONCE", 50)
    rows = ROWS.assign(
        kind=ROWS["kind"].astype("category"),
        day=pd.Timestamp("2024-02-29") + pd.to_timedelta(np.arange(N), unit="h"),
        whole=pd.array([None, *range(1, N)], dtype="Int64"),
    )
    (tmp_path / "rows").mkdir()
    for place, start in enumerate(range(0, N, 100)):
        part = rows.iloc[start : start + 100]
        if way == "other types" and place == 1:
            part = part.assign(visits=part["visits"] + 0.5)
        part.to_parquet(tmp_path / "rows" / f"{place}.parquet", index=False, row_group_size=30)
    dataset = ds.dataset(tmp_path / "rows")
    if way == "names of folders":
        rows.to_parquet(tmp_path / "hive", partition_cols=["fraud"], index=False)
        dataset = ds.dataset(tmp_path / "hive", partitioning="hive")
    elif way == "some row groups":
        parts = [part.subset(row_group_ids=[0, 2]) for part in dataset.get_fragments() if part.num_row_groups > 2]
        dataset = ds.FileSystemDataset(parts, dataset.schema, dataset.format, dataset.filesystem)
    elif way == "with a filter":
        dataset = dataset.filter(ds.field("visits") > 500)
    elif way == "other types":
        dataset = ds.dataset(tmp_path / "rows", schema=dataset.schema.set(1, pa.field("visits", pa.float64())))
    monkeypatch.setattr(row_sources, "_parquet_file", lambda *of: scans.append(found := _parquet_file(*of)) or found)
    with open_rows(dataset) as found:
        table = pa.concat_tables(found.batches())
    expected = dataset.to_table()
    assert table.num_rows == expected.num_rows > 0
    assert table.to_pylist() == expected.to_pylist() and table.schema.types == expected.schema.types
    whole = {"folder": [True] * 3, "some row groups": [True] * 2, "other types": [False, True, False]}
    assert [file is not None for file in scans] == whole.get(way, [False] * len(scans))


def test_a_damaged_parquet_file_is_named_by_its_path(tmp_path):
    ROWS.to_parquet(tmp_path / "rows.parquet", index=False)
    dataset = ds.dataset(tmp_path / "rows.parquet")
    raw = bytearray((tmp_path / "rows.parquet").read_bytes())
    raw[4:1000] = bytes(996)
    (tmp_path / "rows.parquet").write_bytes(raw)
    with open_rows(dataset) as found, pytest.raises(InvalidDataError, match=r"rows\.parquet cannot be read"):
        list(found.batches())


def _ordered_parts(folder, *levels):
    folder.mkdir()
    for i, own in enumerate(levels):
        sizes = pd.Categorical(np.resize(own, N), categories=own, ordered=True)
        ROWS.assign(size=sizes).to_parquet(folder / f"{i}.parquet")
    return folder


@cases("parts", [(["S", "L"], ["S", "M", "L"]), (["S", "M", "L"], ["S", "L"]), (["S", "M"], ["M", "L"])])
def test_ordered_categories_of_parts_have_one_order(tmp_path, parts):
    folder = _ordered_parts(tmp_path / "-".join("".join(own) for own in parts), *parts)
    sampler = GANOversampler(generator=tabular_gan(max_steps=1), random_state=0).fit(folder, "fraud")
    dtype = pd.CategoricalDtype(["S", "M", "L"], ordered=True)
    assert sampler.sample(2, label="fraud")[0]["size"].dtype == dtype
    written = pd.read_parquet(sampler.write(folder, folder.with_suffix(".out")))
    assert written["size"].dtype == dtype and len(written) == 800
    real = written["size"].astype(str)[: 2 * N].tolist()
    assert real == [*np.resize(parts[0], N), *np.resize(parts[1], N)]


def test_ordered_categories_in_two_orders_are_refused(tmp_path):
    folder = _ordered_parts(tmp_path / "rows", ["S", "M", "L"], ["L", "S"])
    with pytest.raises(
        InvalidDataError, match=r"column 'size' is an ordered category .*'S', 'M', 'L'.*'L', 'S'.*one Cat"
    ):
        GANOversampler().fit(folder, "fraud")


def test_a_missing_value_in_the_name_of_a_folder(tmp_path):
    """Folders of `__HIVE_DEFAULT_PARTITION__` beside others are a missing value of the column."""
    rows = ROWS.assign(kind=ROWS["kind"].where(ROWS["visits"] % 3 > 0))
    rows.to_parquet(tmp_path / "rows", partition_cols=["kind"])
    partitioning = ds.HivePartitioning.discover(infer_dictionary=True)
    for given in (tmp_path / "rows", ds.dataset(tmp_path / "rows", partitioning=partitioning)):
        with open_rows(given) as opened:
            frame = opened.frame(opened.joined(list(opened.batches())))
        assert list(frame["kind"].cat.categories) == ["a", "b"]
        assert frame["kind"].isna().sum() == rows["kind"].isna().sum()
        assert frame["kind"].value_counts().to_dict() == rows["kind"].value_counts().to_dict()


def test_a_missing_level_of_a_category_is_a_missing_value():
    kinds = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, None]), ["a", None, "b"])
    table = pa.table({"kind": kinds, "x": [1, 2, 3, 4]})
    parts = pa.concat_tables([table, table])
    with open_rows(parts) as opened:
        frame = opened.frame(opened.joined(list(opened.batches())))
    assert frame["kind"].astype(object).where(frame["kind"].notna(), None).tolist() == ["a", None, "b", None] * 2
