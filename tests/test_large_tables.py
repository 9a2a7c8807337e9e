"""Rows that need not fit in memory: the same rows as in memory whatever holds them, and what is said of bad ones."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from helpers import tabular_gan
from sklearn.tree import DecisionTreeClassifier

import ganaug.encoding.large_tables as row_selection
import ganaug.oversampling
from ganaug import (
    AugmentedClassifier,
    BlendedDataset,
    GANOversampler,
    ImageGAN,
    SmoothedBootstrap,
    TabularGAN,
    find_rules,
    quality_report,
)
from ganaug.cli import main
from ganaug.encoding.large_tables import Witnesses, largest_share, select_in_memory, select_rows, selected_from
from ganaug.encoding.row_sources import is_table_folder, open_rows
from ganaug.exceptions import (
    DataWarning,
    GanaugError,
    InvalidDataError,
    InvalidParameterError,
    InvalidTypeError,
    ModelPathError,
)
from ganaug.experiments import compare
from ganaug.metrics import evaluate

pytestmark = pytest.mark.usefixtures("small_forests")

N = 1400


def table(n=N, seed=0):
    """Mixed columns of most dtypes, with a value missing late, a level that occurs late, and three classes."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "amount": rng.normal(size=n),
            "visits": rng.integers(0, 9, n),
            "score": pd.array(rng.integers(0, 9, n), dtype="Int64"),
            "kind": rng.choice(["a", "b", "c"], n),
            "size": pd.Categorical(rng.choice(["s", "l"], n), categories=["s", "m", "l"], ordered=True),
            "fraud": rng.choice(["fine", "fraud", "odd"], n, p=[0.85, 0.1, 0.05]),
            "day": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 10**6, n), unit="s"),
            "online": rng.random(n) < 0.5,
            "late": rng.normal(size=n),
        }
    )
    frame.loc[n - 3, "score"] = pd.NA
    frame.loc[n - 5, "late"] = np.nan
    frame.loc[n - 2, "kind"] = "rare"
    frame.loc[n - 1, "amount"] = 99.0
    return frame


FRAME = table()


def frames(size):
    return (FRAME.iloc[start : start + size] for start in range(0, N, size))


def folder_of(path, size, write="to_parquet", suffix="parquet"):
    path.mkdir()
    for place, part in enumerate(frames(size)):
        getattr(part, write)(path / f"part-{place:03d}.{suffix}", index=False)
    return path


def reader(size):
    rows = pa.Table.from_pandas(FRAME, preserve_index=False)
    return pa.RecordBatchReader.from_batches(rows.schema, rows.to_batches(max_chunksize=size))


def dask_frame():
    return pytest.importorskip("dask.dataframe").from_pandas(FRAME, npartitions=3)


class FakePolars:
    """Stands for a frame of polars, which is not installed here."""

    def to_arrow(self):
        rows = pa.Table.from_pandas(FRAME, preserve_index=False).replace_schema_metadata(None)
        codes = pa.DictionaryArray.from_arrays(pa.array(FRAME["size"].cat.codes, pa.uint32()), ["s", "m", "l"])
        rows = rows.set_column(rows.column_names.index("size"), "size", codes)
        text = rows["kind"].cast(pa.string_view()) if hasattr(pa, "string_view") else rows["kind"]
        return rows.set_column(rows.column_names.index("kind"), "kind", text)


class FakeLazy:
    """Stands for a lazy frame of polars."""

    def sink_parquet(self, path):
        pq.write_table(pa.Table.from_pandas(FRAME, preserve_index=False), path)


for fake, name in ((FakePolars, "DataFrame"), (FakeLazy, "LazyFrame")):
    fake.__module__, fake.__name__ = "polars.dataframe.frame", name

SOURCES = {
    "one batch": lambda path: reader(N),
    "seven batches": lambda path: reader(200),
    "one row per batch": lambda path: reader(1),
    "a folder": lambda path: folder_of(path / "rows", 333),
    "one file": lambda path: next(iter(folder_of(path / "rows", N).iterdir())),
    "a list of files": lambda path: [str(file) for file in sorted(folder_of(path / "rows", 500).iterdir())],
    "a dataset": lambda path: ds.dataset(folder_of(path / "rows", 333)),
    "a filtered dataset": lambda path: ds.dataset(folder_of(path / "rows", 333)).filter(ds.field("visits") >= 0),
    "a scanner": lambda path: ds.dataset(folder_of(path / "rows", 333)).scanner(),
    "a table": lambda path: pa.Table.from_pandas(FRAME, preserve_index=False),
    "an iterator of frames": lambda path: frames(111),
    "an iterator of batches": lambda path: iter(pa.Table.from_pandas(FRAME, preserve_index=False).to_batches(100)),
    "a list of frames": lambda path: list(frames(700)),
    "a DataFrame": lambda path: FRAME,
}


@pytest.fixture
def small(monkeypatch):
    """Selections and parts that are smaller than this table."""
    monkeypatch.setattr(row_selection, "MOST_ROWS", 600)
    monkeypatch.setattr(ganaug.oversampling, "AT_ONCE", 500)


def sampler():
    return GANOversampler(generator=tabular_gan(max_steps=4), random_state=3, min_class_size=100)


@pytest.fixture(scope="module")
def in_memory():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(row_selection, "MOST_ROWS", 600)
        patch.setattr(ganaug.oversampling, "AT_ONCE", 500)
        own = sampler()
        with pytest.warns(match="smoothed bootstrap"):
            X, y = own.fit_resample(FRAME.drop(columns="fraud"), FRAME["fraud"])
    return own, X, y


# ---- The same rows ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SOURCES)
def test_the_selection_is_that_of_the_table_in_memory(name, tmp_path):
    X, y = FRAME.drop(columns="fraud"), FRAME["fraud"]
    expected = select_in_memory(X, y, pd.factorize(y, sort=True)[0], lambda: 7, 600)
    found = selected_from(SOURCES[name](tmp_path), "fraud", lambda: 7, 600)
    pd.testing.assert_frame_equal(found.X, expected.X)
    pd.testing.assert_series_equal(found.y, expected.y)
    assert found.counts.tolist() == expected.counts.tolist() and sum(found.counts) == N
    assert found.places.tolist() == expected.places.tolist()
    assert 600 <= len(found.X) < 640 and (found.X["amount"] == 99).any() and (found.X["kind"] == "rare").any()
    assert found.y.value_counts().loc[["fraud", "odd"]].tolist() == y.value_counts().loc[["fraud", "odd"]].tolist()


@pytest.mark.filterwarnings("ignore:class 'odd' has")
@pytest.mark.parametrize("name", ["one row per batch", "a folder", "an iterator of frames"])
def test_what_is_written_is_what_fit_resample_returns(name, tmp_path, small, in_memory):
    own, X, y = in_memory
    streamed = sampler().fit(SOURCES[name](tmp_path), "fraud")
    (tmp_path / "again").mkdir()
    rows = SOURCES[name](tmp_path / "again")
    folder = streamed.write(rows, tmp_path / "out", rows_per_file=900, mark="new")
    files = sorted(folder.iterdir())
    assert [pq.read_metadata(file).num_rows for file in files][:-1] == [900] * (len(files) - 1)
    found = pd.read_parquet(folder)
    assert list(found.columns) == [*FRAME.columns, "new"]
    pd.testing.assert_frame_equal(found.drop(columns=["fraud", "new"]), X)
    pd.testing.assert_series_equal(found["fraud"], y)
    assert found["new"].tolist() == own.is_synthetic_.tolist()
    assert streamed.curation_ == own.curation_ and streamed.sampling_strategy_ == own.sampling_strategy_
    assert not [file for file in tmp_path.iterdir() if file.name.startswith(".")]


@pytest.mark.filterwarnings("ignore:class 'odd' has")
def test_fit_resample_takes_rows_from_anywhere(tmp_path, small, in_memory):
    _, X, y = in_memory
    for rows in (folder_of(tmp_path / "rows", 500), FRAME):
        own = sampler()
        found = own.fit_resample(rows, "fraud")
        pd.testing.assert_frame_equal(found[0], X)
        pd.testing.assert_series_equal(found[1], y)
        assert int(own.is_synthetic_.sum()) == len(X) - N


@pytest.mark.parametrize("make", [dask_frame, FakePolars, FakeLazy])
def test_frames_of_other_libraries(make):
    rows = make()
    whole = rows.compute() if hasattr(rows, "compute") else FRAME
    if isinstance(rows, FakePolars):
        whole = whole.astype({"size": pd.CategoricalDtype(["s", "m", "l"]), "score": float})
    X, y = whole.drop(columns="fraud"), whole["fraud"]
    expected = select_in_memory(X, y, pd.factorize(y, sort=True)[0], lambda: 7, 600)
    found = selected_from(rows, "fraud", lambda: 7, 600)
    pd.testing.assert_frame_equal(found.X, expected.X)
    assert list(found.y) == list(expected.y)


@pytest.mark.parametrize("kind", ["array", "list", "sparse", "tensor"])
def test_other_containers_are_selected_from_as_frames_are(kind):
    import scipy.sparse as sp
    import torch

    X = np.random.default_rng(0).normal(size=(500, 3))
    codes = np.repeat([1, 0], [450, 50])
    expected = select_in_memory(pd.DataFrame(X), None, codes, lambda: 1, 200)
    make = {"array": np.asarray, "list": np.ndarray.tolist, "sparse": sp.csr_array, "tensor": torch.from_numpy}[kind]
    found = select_in_memory(make(X), list(codes), codes, lambda: 1, 200).X
    dense = found.toarray() if hasattr(found, "toarray") else np.asarray(found)
    assert isinstance(found, type(make(X))) and np.array_equal(dense, expected.X.to_numpy())


def test_a_gan_of_one_table(tmp_path, small):
    y = FRAME["fraud"]
    gans = [
        tabular_gan(max_steps=4).fit(FRAME.drop(columns="fraud"), y),
        tabular_gan(max_steps=4).fit(folder_of(tmp_path / "rows", 500), "fraud"),
        tabular_gan(max_steps=4).fit(FRAME, "fraud"),
    ]
    drawn = [gan.sample(60, random_state=0) for gan in gans]
    for rows, labels in drawn[1:]:
        pd.testing.assert_frame_equal(rows, drawn[0][0])
        pd.testing.assert_series_equal(labels, drawn[0][1])
    for gan in gans:  # classes are drawn as often as they occur, and not as often as they were selected
        assert gan.class_counts_.tolist() == y.value_counts().sort_index().tolist()


def test_a_gan_without_labels(tmp_path):
    folder = folder_of(tmp_path / "rows", 500)
    expected = tabular_gan(max_steps=4).fit(FRAME).sample(20, random_state=0)[0]
    pd.testing.assert_frame_equal(tabular_gan(max_steps=4).fit(str(folder)).sample(20, random_state=0)[0], expected)


def test_small_tables_are_not_selected_from():
    X, y = FRAME.drop(columns="fraud"), FRAME["fraud"]
    assert select_in_memory(X, y, pd.factorize(y)[0], lambda: pytest.fail("a draw")) is None
    found = selected_from(FRAME, "fraud", lambda: pytest.fail("a draw"))
    pd.testing.assert_frame_equal(found.X, X)


def test_a_generator_of_the_users_own(tmp_path):
    class Copies:
        def fit(self, X, y):
            self.X_, self.y_ = X, np.asarray(y)
            return self

        def sample(self, n, label=None, random_state=None):
            return self.X_[self.y_ == label].iloc[[0] * n], None

    own = GANOversampler(generator=Copies(), random_state=0)
    _, y = own.fit_resample(folder_of(tmp_path / "rows", 500), "fraud")
    assert set(y.value_counts()) == {int((FRAME["fraud"] == "fine").sum())}


# ---- How many of which --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counts", "most", "share"),
    [([10, 20], 30, 20), ([10, 20], 29, 19), ([5, 1000, 2000], 105, 50), ([7], 3, 3), ([1, 1, 1], 1, 1), ([], 5, 1)],
)
def test_the_largest_share(counts, most, share):
    assert largest_share(counts, most) == share


def test_rows_are_drawn_by_class_and_position_alone():
    chosen = select_rows([5000, 40, 900], 3, 1000)
    assert chosen[1] is None and len(chosen[0]) == len(chosen[2]) == 480
    assert (np.diff(chosen[0]) > 0).all() and chosen[0].max() < 5000
    again = select_rows([5000, 40, 900, 30], 3, 1030)
    assert all(np.array_equal(one, other) for one, other in zip(chosen[::2], again[::2][:2], strict=True))
    assert not np.array_equal(chosen[0], select_rows([5000, 40, 900], 4, 1000)[0])


def test_witnesses_do_not_depend_on_batches():
    columns = [FRAME[name].array for name in FRAME]
    whole, parts = Witnesses(), Witnesses()
    whole.see(columns, 0)
    for start in range(0, N, 37):
        parts.see([column[start : start + 37] for column in columns], start)
    assert whole.positions().tolist() == parts.positions().tolist()
    assert {N - 1, N - 2} <= set(whole.positions().tolist())


# ---- Types across batches -----------------------------------------------------------------------


def test_types_that_batches_have_together():
    first = pd.DataFrame({"a": [1, 2], "b": [None, None], "c": [True, False], "y": [0, 1]})
    second = pd.DataFrame({"a": [0.5, 2], "b": ["u", None], "c": [True, None], "y": [0, 1]})
    found = selected_from([first, second], "y", lambda: 0)
    assert found.X["a"].dtype.kind == "f" and found.X["a"].tolist() == [1, 2, 0.5, 2]
    assert found.X["b"].isna().sum() == 3 and found.X["c"].isna().sum() == 1


def test_files_of_integers_and_of_fractions(tmp_path):
    (tmp_path / "rows").mkdir()
    pd.DataFrame({"a": [1, 2], "y": [0, 1]}).to_parquet(tmp_path / "rows" / "0.parquet")
    pd.DataFrame({"a": [1.5, None], "y": [0, 1]}).to_parquet(tmp_path / "rows" / "1.parquet")
    assert selected_from(tmp_path / "rows", "y", lambda: 0).X["a"].tolist()[:3] == [1, 2, 1.5]


def test_folders_named_as_columns(tmp_path):
    FRAME.to_parquet(tmp_path / "rows", partition_cols=["fraud"])
    found = selected_from(tmp_path / "rows", "fraud", lambda: 0)
    expected = pd.read_parquet(tmp_path / "rows")
    pd.testing.assert_frame_equal(found.X, expected.drop(columns="fraud"))
    assert list(found.y) == list(expected["fraud"])
    own = GANOversampler(generator=tabular_gan(max_steps=2), random_state=0).fit(tmp_path / "rows", "fraud")
    written = pd.read_parquet(own.write(tmp_path / "rows", tmp_path / "out"))
    X, y = GANOversampler(generator=tabular_gan(max_steps=2), random_state=0).fit_resample(
        expected.drop(columns="fraud"), expected["fraud"]
    )
    pd.testing.assert_frame_equal(written.drop(columns="fraud"), X)
    assert list(written["fraud"]) == list(y)


def test_an_index_of_pandas_is_no_column(tmp_path):
    FRAME.set_index("visits").to_parquet(tmp_path / "rows.parquet")
    assert "visits" not in selected_from(tmp_path / "rows.parquet", "fraud", lambda: 0).X


def test_a_folder_of_csv_files(tmp_path):
    folder = folder_of(tmp_path / "rows", 500, "to_csv", "csv")
    with open(folder / "part-002.csv", "a", encoding="utf-8") as file:
        file.write("1.5,2.5,,NA,s,fine,2020-01-01 00:00:00,True,\n")  # a fraction in what was whole until now
    found = selected_from(folder, "fraud", lambda: 0).X
    assert found["amount"].tolist()[:N] == FRAME["amount"].tolist()
    assert found["visits"].dtype.kind == "f" and found["visits"].iloc[-1] == 2.5
    assert (found["day"].iloc[:N] == FRAME["day"]).all() and found["online"].dtype == bool
    assert pd.isna(found["kind"].iloc[-1]) and found["kind"].tolist()[:N] == FRAME["kind"].tolist()


def test_csv_with_gzip_and_tabs(tmp_path):
    FRAME.to_csv(tmp_path / "rows.csv.gz", index=False)
    FRAME.to_csv(tmp_path / "rows.tsv", index=False, sep="\t")
    for name in ("rows.csv.gz", "rows.tsv"):
        found = selected_from(tmp_path / name, "fraud", lambda: 0)
        assert found.X["amount"].tolist() == FRAME["amount"].tolist()


# ---- Temporary files, and what is not changed ---------------------------------------------------


def test_temporary_files_are_removed(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = FRAME.copy()
    with open_rows(frames(100)) as rows:
        assert any(tmp_path.iterdir())
        assert sum(part.num_rows for part in rows.batches()) == N
        assert sum(part.num_rows for part in rows.batches()) == N
    with pytest.raises(InvalidDataError, match="no label"):
        tabular_gan().fit(iter([FRAME.assign(fraud=None)]), "fraud")
    assert not any(tmp_path.iterdir())
    pd.testing.assert_frame_equal(FRAME, before)


# ---- What is refused ----------------------------------------------------------------------------


def used_up():
    rows = reader(100)
    list(rows)
    return rows


def broken(path):
    folder_of(path / "rows", 700)
    (path / "rows" / "part-001.parquet").write_bytes(b"PAR1 no table PAR1")
    return path / "rows"


def mixed(path, second):
    folder = path / "rows"
    folder.mkdir()
    FRAME.to_parquet(folder / "0.parquet")
    second.to_parquet(folder / "1.parquet")
    return folder


def empty(path):
    (path / "rows").mkdir()
    return path / "rows"


BAD_ROWS = {
    "an empty folder": (empty, "no Parquet or CSV file"),
    "no such folder": (lambda path: path / "nowhere", "does not exist"),
    "another suffix": (lambda path: (path / "rows.xls").touch() or path / "rows.xls", "suffix"),
    "a reader that was read": (lambda path: used_up(), "can be read once only"),
    "an empty iterator": (lambda path: iter([]), "can be read once only"),
    "a broken file": (broken, r"part-001\.parquet is no file of this kind"),
    "a column missing in a file": (lambda path: mixed(path, FRAME.drop(columns="late")), "'late' is missing in"),
    "a column more in a file": (lambda path: mixed(path, FRAME.assign(more=1)), "'more' is missing in"),
    "text and numbers": (lambda path: mixed(path, FRAME.assign(visits="x")), "'visits' is int64 in .* and .*string"),
    "no rows": (lambda path: pa.Table.from_pandas(FRAME.iloc[:0]), "0 rows"),
    "a target that is missing": (lambda path: FRAME.drop(columns="fraud"), "'fraud' is no column"),
    "nothing beside the target": (lambda path: FRAME[["fraud"]], "no column beside"),
    "a label that is missing": (lambda path: FRAME.assign(fraud=[*["a", "b"] * 699, None, "a"]), "NaN"),
    "one class": (lambda path: FRAME.assign(fraud="fine"), "1 class only"),
    "two columns of one name": (lambda path: pa.Table.from_arrays([[1, 2], [1, 2]], ["a", "a"]), "more than once"),
    "infinity": (lambda path: FRAME.assign(late=np.inf), "infinity.*'late'"),
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_bad_rows(name, tmp_path):
    make, words = BAD_ROWS[name]
    own = GANOversampler(generator=tabular_gan(), random_state=0)
    rows = make(tmp_path)
    if isinstance(rows, pd.DataFrame):
        rows = [rows.iloc[:700], rows.iloc[700:]]
    with pytest.raises(InvalidDataError, match=words):
        own.fit(rows, "fraud")
    assert not hasattr(own, "generators_")


def test_bad_types(tmp_path):
    own = GANOversampler(generator=tabular_gan(), random_state=0)
    for rows, y, words in [
        (iter([np.zeros((3, 2))]), "fraud", "item 0 is a ndarray, no table"),
        (iter([(FRAME, FRAME["fraud"])]), "fraud", "a pair; name the column of the labels"),
        (reader(100), FRAME["fraud"], "give the name of the column"),
        (iter([FRAME.assign(odd=[{1}, "a"] * (N // 2))]), "fraud", "odd"),
    ]:
        with pytest.raises(InvalidTypeError, match=words):
            own.fit(rows, y)
    with pytest.raises(InvalidDataError, match=r"fit\(rows, 'target'\)"):
        own.fit(reader(100), None)
    with pytest.raises(InvalidDataError, match="no text"):
        own.fit(iter([FRAME.rename(columns={"late": 5})]), "fraud")
    with pytest.raises(InvalidDataError, match="'nothing' is no column of X"):
        own.fit(FRAME, "nothing")


def test_a_class_of_one_row(tmp_path):
    rows = [FRAME.assign(fraud=np.where(np.arange(N) == 1000, "rare", "fine"))]
    own = GANOversampler(generator=tabular_gan(max_steps=2), random_state=0)
    with pytest.warns(match="class 'rare' has 1 row"):
        own.fit(rows, "fraud")
    assert isinstance(own.generators_["rare"], SmoothedBootstrap) and own.sampling_strategy_["rare"] == N - 2


def test_bad_outputs(tmp_path):
    own = GANOversampler(generator=tabular_gan(max_steps=2), random_state=0).fit(FRAME, "fraud")
    (tmp_path / "there").mkdir()
    bad = [
        (FRAME, tmp_path / "there", {}, InvalidParameterError, "there already"),
        (FRAME, tmp_path / "out.parquet", {}, InvalidParameterError, "without a suffix"),
        (FRAME, 5, {}, InvalidTypeError, "path=5"),
        (FRAME, tmp_path / "no" / "out", {}, ModelPathError, "does not exist"),
        (FRAME, "/proc/out", {}, ModelPathError, "nothing can be written"),
        (FRAME, tmp_path / "out", {"rows_per_file": 0}, InvalidParameterError, "rows_per_file=0"),
        (FRAME, tmp_path / "out", {"rows_per_file": 2.5}, InvalidParameterError, "rows_per_file"),
        (FRAME, tmp_path / "out", {"mark": "late"}, InvalidParameterError, "mark='late' is a column"),
        (FRAME, tmp_path / "out", {"mark": 3}, InvalidParameterError, "mark=3"),
        (FRAME.drop(columns="late"), tmp_path / "out", {}, InvalidDataError, "late"),
        (FRAME.drop(columns="fraud"), tmp_path / "out", {}, InvalidDataError, "no column of the labels"),
        (FRAME.to_numpy(), tmp_path / "out", {}, InvalidTypeError, "cannot be read batch by batch"),
    ]
    for rows, path, options, error, words in bad:
        with pytest.raises(error, match=words) as raised:
            own.write(rows, path, **options)
        assert isinstance(raised.value, GanaugError)
    assert [file.name for file in tmp_path.iterdir()] == ["there"]
    with pytest.raises(Exception, match="not fitted"):
        GANOversampler().write(FRAME, tmp_path / "out")


def test_a_failure_leaves_nothing(tmp_path):
    own = GANOversampler(generator=tabular_gan(max_steps=2), random_state=0).fit(FRAME, "fraud")

    def failing():
        yield from frames(700)
        raise RuntimeError("the network is down")

    with pytest.raises(RuntimeError, match="the network"):
        own.write(failing(), tmp_path / "out")
    assert not any(tmp_path.iterdir())


def test_labels_without_a_name(tmp_path):
    own = GANOversampler(generator=tabular_gan(max_steps=2), random_state=0)
    own.fit(FRAME.drop(columns="fraud"), FRAME["fraud"].to_numpy())
    with pytest.raises(InvalidDataError, match=r"fit\(rows, 'target'\)"):
        own.write(FRAME, tmp_path / "out")


# ---- What is not read batch by batch -------------------------------------------------------------


class Polars:
    """Stands for a frame of polars where none is read."""

    shape, columns = (60, 2), ["a", "b"]

    def to_pandas(self):
        return None

    def __len__(self):
        return 60


class Lazy:
    """Stands for a lazy one."""

    def collect(self):
        return None


for fake, name in ((Polars, "DataFrame"), (Lazy, "LazyFrame")):
    fake.__module__, fake.__name__ = "polars", name

PLAIN = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 2)), columns=["a", "b"])
LABELS = np.repeat([0, 1], [40, 20])
FOREIGN = {
    "pyarrow.Table": (lambda: pa.table(PLAIN), "to_pandas()"),
    "pyarrow.InMemoryDataset": (lambda: ds.dataset(pa.table(PLAIN)), "to_table().to_pandas()"),
    "polars.DataFrame": (Polars, "to_pandas()"),
    "polars.LazyFrame": (Lazy, "collect().to_pandas()"),
    "dask.DataFrame": (lambda: pytest.importorskip("dask.dataframe").from_pandas(PLAIN, npartitions=2), "compute()"),
}


@pytest.fixture(scope="module")
def fitted():
    return tabular_gan(max_steps=2).fit(PLAIN, LABELS)


@pytest.mark.parametrize("name", FOREIGN)
def test_tables_of_other_libraries_are_refused_where_they_are_not_read(name, fitted):
    rows, line = FOREIGN[name][0](), FOREIGN[name][1]
    real = (PLAIN, LABELS)
    doors = [
        lambda: fitted.score_samples(rows, LABELS),
        lambda: fitted.features(rows),
        lambda: find_rules(rows),
        lambda: quality_report(real, rows, LABELS, verbose=False),
        lambda: quality_report((rows, LABELS), *real, verbose=False),
        lambda: quality_report(real, *real, X_holdout=rows, y_holdout=LABELS, verbose=False),
        lambda: evaluate(PLAIN, rows),
        lambda: AugmentedClassifier(DecisionTreeClassifier(), GANOversampler()).fit(rows, LABELS),
        lambda: compare({"own": (rows, LABELS)}, {"none": None}, {"tree": DecisionTreeClassifier()}),
        lambda: BlendedDataset(rows, fitted),
        lambda: tabular_gan().fit(PLAIN, rows),
    ]
    for door in doors:
        with pytest.raises(InvalidTypeError) as raised:
            door()
        assert f"'{name}'" in str(raised.value) and f".{line}" in str(raised.value)


# ---- The command line -----------------------------------------------------------------------------

QUICK = ["--set", "max_steps=3", "--set", "width=16", "--seed", "3"]


def test_the_command_line_reads_and_writes_folders(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    FRAME.to_parquet("train", partition_cols=["kind"])
    more = ["--target", "fraud", "--strategy", '{"fraud": 400}', "--mark-column", "new"]
    assert main(["resample", "train/", *more, "--output", "out/", "--rows-per-file", "1000", *QUICK]) == 0
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["part-000000.parquet", "part-000001.parquet"]
    found, n = pd.read_parquet("out"), int((FRAME["fraud"] == "fraud").sum())
    assert found["new"].sum() == 400 - n and set(found.loc[found["new"], "fraud"]) == {"fraud"}
    gan = TabularGAN(max_steps=3, width=16)
    own = GANOversampler(generator=gan, sampling_strategy={"fraud": 400}, random_state=3).fit("train", "fraud")
    pd.testing.assert_frame_equal(pd.read_parquet(own.write("train", "same", mark="new")), found)

    assert main(["fit", "train/", "--target", "fraud", "--class", "odd", "--output", "odd.safetensors", *QUICK]) == 0
    assert main(["sample", "odd.safetensors", "-n", "5", "--output", "new.csv"]) == 0
    assert set(pd.read_csv("new.csv")["fraud"]) == {"odd"}
    capsys.readouterr()
    report = ["report", "train/", "out/", "--target", "fraud", "--mark-column", "new", "--output", "report.json"]
    assert main([*report, "--sample-rows", "900", "--verbose"]) == 0
    assert f"900 of {N} rows" in capsys.readouterr().err
    assert json.loads((tmp_path / "report.json").read_text())


def test_the_command_line_refuses(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    folder_of(tmp_path / "train", 700)
    (tmp_path / "there").mkdir()
    base = ["resample", "train/", "--target", "fraud", "--output", "out"]
    for arguments, code, words in [
        (["resample", "train/", "--output", "out"], 2, "--target is missing"),
        ([*base[:-1], "there"], 1, "is there already"),
        ([*base[:-1], "train/out"], 2, "lie within each other"),
        ([*base, "--delimiter", ";"], 2, "--delimiter is for a single CSV file"),
        ([*base, "--rows-per-file", "0"], 2, "rows-per-file"),
        (["resample", "train/", "--target", "nothing", "--output", "out"], 1, "'nothing' is no column"),
        (["resample", "train/", "--target", "amount", "--output", "out"], 2, "continuous target"),
        (
            ["resample", "there/", "--target", "fraud", "--output", "out", "--rows-per-file", "5"],
            1,
            "no Parquet or CSV",
        ),
        ([*base, "--strategy", '{"nobody": 5}'], 2, "no class 'nobody'"),
        (["compare", "train/", "--target", "fraud", "--output", "out.md"], 1, "is a folder"),
    ]:
        assert main(arguments) == code, arguments
        assert words in capsys.readouterr().err
    assert sorted(file.name for file in tmp_path.iterdir()) == ["there", "train"]


# ---- Images and tables --------------------------------------------------------------------------


def test_a_folder_of_tables_is_none_of_images(tmp_path):
    FRAME.to_parquet(tmp_path / "rows", partition_cols=["fraud"])
    assert is_table_folder(tmp_path / "rows")
    with pytest.raises(InvalidDataError, match="give them to TabularGAN"):
        ImageGAN().fit(str(tmp_path / "rows"))
    (tmp_path / "photos" / "cat").mkdir(parents=True)
    (tmp_path / "photos" / "cat" / "0.png").touch()
    (tmp_path / "photos" / "labels.csv").touch()
    assert not is_table_folder(tmp_path / "photos")
    (tmp_path / "photos" / "rows.parquet").touch()
    with pytest.raises(InvalidDataError, match=r"images .* and Parquet"):
        is_table_folder(tmp_path / "photos")
    assert not is_table_folder(empty(tmp_path / "photos"))


def test_the_default_generator_is_that_of_tables(tmp_path):
    own = GANOversampler(random_state=0)
    assert isinstance(own._prototype(str(tmp_path)), TabularGAN)


def test_categories_that_differ_between_parts_are_joined():
    """Before, the column became one of text, without a word."""
    parts = [
        pd.DataFrame({"kind": pd.Categorical(["a", "b"] * 20, ["b", "a"]), "fraud": [0, 0, 0, 1] * 10}),
        pd.DataFrame({"kind": pd.Categorical(["c", "a"] * 20, ["a", "c", "z"]), "fraud": [0, 0, 0, 1] * 10}),
    ]
    joined = pd.CategoricalDtype(["b", "a", "c", "z"])
    with open_rows(iter(parts)) as rows:
        found = rows.frame(rows.joined(list(rows.batches())))
    assert found["kind"].dtype == joined and found["kind"].tolist() == ["a", "b"] * 20 + ["c", "a"] * 20
    drawn = tabular_gan(max_steps=2).fit(iter(parts), "fraud").sample(5)[0]
    assert drawn["kind"].dtype == joined and drawn["kind"].dtype.categories.tolist() == ["b", "a", "c", "z"]


def test_orders_that_differ_between_parts_are_said():
    parts = [
        pd.DataFrame({"size": pd.Categorical(["s", "l"] * 20, levels, ordered=True)})
        for levels in (["s", "l"], ["l", "s"], ["l", "s"])
    ]
    words = r"column 'size' is an ordered category with other levels in other rows, \['s', 'l'\] and \['l', 's'\]"
    with pytest.warns(DataWarning, match=words), open_rows(iter(parts)) as rows:
        assert rows.dtypes["size"] == parts[0]["size"].cat.categories.dtype


def test_parts_whose_columns_have_other_types_or_no_values(tmp_path):
    rng = np.random.default_rng(0)
    numbers, none = rng.integers(1, 4, 40), np.full(40, np.nan)
    whole, text = pd.Categorical(numbers), pd.Categorical(rng.choice(list("ab"), 40))
    floats, empty = pd.Categorical(numbers.astype(float)), pd.Categorical([None] * 40)
    words, truth = pd.Series(rng.choice(list("ab"), 40)), rng.random(40) < 0.5
    days, same = pd.Timestamp("2024-01-01") + pd.to_timedelta(numbers, unit="D"), [1, 2, 3]
    wanted = [  # of two parts in either order, and what they are together: levels, or a dtype
        (whole, floats, same), (whole, pd.Categorical(numbers.astype("int32")), same), (text, empty, ["a", "b"]),
        (whole, pd.Categorical(numbers + 0.5), [1, 1.5, 2, 2.5, 3, 3.5]), (whole, empty, same), (whole, none, same),
        (whole, pd.Series([None] * 40, dtype=object), same), (text, none, ["a", "b"]), (text, whole[:0], ["a", "b"]),
        (words, none, object), (truth, none, object), (days, none, object), (numbers, none, float), (empty, empty, []),
    ]  # fmt: skip
    wrong = []
    for columns in [pair for one, other, _ in wanted for pair in ((one, other), (other, one))]:
        levels = next(found for one, other, found in wanted if {id(one), id(other)} == {id(own) for own in columns})
        parts = [
            pd.DataFrame({"g": own, "x": rng.normal(size=len(own))}).assign(y=np.arange(len(own)) % 4 == 0)
            for own in columns
        ]
        with open_rows(iter([parts[0][:0], *parts])) as rows:
            frame = row_selection.all_rows(rows, "y")[0]["g"]
        values = pd.concat([part["g"].astype(object) for part in parts], ignore_index=True)
        equal = (frame.astype(object) == values) | (frame.isna() & values.isna())
        right = frame.dtype == levels if isinstance(levels, type) else sorted(frame.cat.categories) == levels
        kind = None if isinstance(levels, type) or levels != [1, 2, 3] else frame.cat.categories.dtype
        if not (right and equal.all() and len(frame) == len(values) and kind in (None, np.dtype("int64"))):
            wrong.append((columns, frame.dtype, equal.mean()))
    assert not wrong, wrong
    parts = [pd.DataFrame({"g": own, "x": rng.normal(size=40), "y": np.arange(40) % 4 == 0}) for own in (whole, floats)]
    sampler = GANOversampler(generator=SmoothedBootstrap(), random_state=0).fit(iter(parts), "y")
    found = pd.read_parquet(sampler.write(iter(parts), tmp_path / "rows"))
    assert (len(found), found["g"].dtype, set(found["g"])) == (120, np.int64, {1, 2, 3})
    said = "column 'g' is a category of int64 in part 0 and a category of (large_)?string in part 1; write it with one"
    with (
        pytest.raises(InvalidDataError, match=said),
        open_rows([part.assign(g=g) for part, g in zip(parts, (whole, text), strict=True)]),
    ):
        pass
