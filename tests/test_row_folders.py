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
