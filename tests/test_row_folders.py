"""Folders that `GANOversampler.write` makes, and the types of CSV files: what must not be mixed or lost in silence."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from helpers import tabular_gan

from ganaug import GANOversampler
from ganaug.encoding.row_sources import open_rows
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


@pytest.mark.parametrize("name", OTHER_ROWS)
def test_other_rows_than_those_of_fit_are_not_written(name, fitted, tmp_path):
    rows, words = OTHER_ROWS[name]
    with pytest.raises(InvalidDataError, match=f"rows: .*{words}.*write the rows that were given to fit"):
        fitted.write(rows, tmp_path / "out")
    assert not any(tmp_path.iterdir())


def test_types_that_pandas_does_not_tell_apart_are_written(tmp_path):
    days = np.datetime64("2020-01-01", "D") + np.arange(N)
    rows = pa.table(
        {
            "day": pa.array(days, pa.date32()),
            "price": pa.array(np.arange(N) / 4).cast(pa.decimal128(7, 2)),
            "small": pa.array(np.arange(N) % 100, pa.int8()),
            "short": pa.array([None, *np.arange(1, N) / 4], pa.float32()),
            "holes": pa.array([None, *range(1, N)], pa.int64()),
            "sure": pa.array([None, *[True, False, True] * 79, True, False], pa.bool_()),
            "time": pa.array(days.astype("datetime64[s]"), pa.timestamp("ms", "UTC")),
            "code": pa.array(["a", "b"] * (N // 2)).dictionary_encode(),
            "y": pa.array([0, 1, 1] * (N // 3), pa.int16()),
        }
    )
    own = GANOversampler(generator=tabular_gan(max_steps=2), random_state=0).fit(rows, "y")
    written = pq.read_table(own.write(rows, tmp_path / "out"))
    assert written.schema.types == rows.schema.types and written.num_rows == 320
