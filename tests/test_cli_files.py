"""Tables on disk: what is found out about them, read from them, and written like them."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pytest
from helpers import cases

from ganaug.cli import main
from ganaug.cli.column_formats import ColumnFormat, format_for
from ganaug.cli.console import FileError
from ganaug.cli.file_layout import Dialect, FileLayout
from ganaug.cli.table_files import CsvTable, CsvWriter, table_writer

GERMAN = (
    "Größe;Kunde;Datum;ok;n;Klasse\r\n"
    "1,75;00123;01.02.2024;True;3;gut\r\n"
    '2,5;00007;28.02.2024;False;;"schl;echt"\r\n'
    ";10000;;True;-4;gut\r\n"
)


@pytest.fixture
def write(tmp_path):
    def written(text, name="t.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        return str(path)

    return written


def kinds(table):
    return {name: form.kind for name, form in table.layout.formats.items()}


# ---- what is found out -----------------------------------------------------------------------------


@cases("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1"])
def test_a_german_file_in_any_encoding(write, encoding):
    table = CsvTable(write(GERMAN, encoding=encoding))
    # Latin-1 and Windows' encoding differ in signs that are not in this text
    assert table.layout.dialect == Dialect("cp1252" if encoding == "latin-1" else encoding, ";", "\r\n")
    frame = table.frame
    assert list(frame.columns) == ["Größe", "Kunde", "Datum", "ok", "n", "Klasse"]
    assert kinds(table) == dict(
        zip(frame.columns, ["number", "text", "date", "boolean", "integer", "text"], strict=True)
    )
    assert frame["Größe"].tolist()[:2] == [1.75, 2.5] and np.isnan(frame["Größe"][2])
    assert frame["Kunde"].tolist() == ["00123", "00007", "10000"]
    assert frame["Datum"][0] == pd.Timestamp("2024-02-01") and frame["Datum"].isna().tolist() == [False, False, True]
    assert frame["ok"].dtype == bool
    assert str(frame["n"].dtype) == "Int64" and frame["n"].isna().tolist() == [False, True, False]
    assert frame["Klasse"].tolist() == ["gut", "schl;echt", "gut"]


def test_latin_1_where_windows_has_no_sign(write):
    assert CsvTable(write(b"a,b\n\xe9\x81,2\n")).layout.dialect.encoding == "latin-1"


@cases("delimiter", [",", ";", "\t", "|"])
def test_delimiters(write, delimiter):
    text = 'a|b|c\n1|"x,;y"|2\n3|z|4\n'.replace("|", delimiter)
    table = CsvTable(write(text))
    assert table.layout.dialect.delimiter == delimiter
    assert table.frame["b"].tolist() == ["x,;y", "z"]


def test_the_delimiter_can_be_said(write):
    path = write("a;b,c\n1;2,3\n")
    assert list(CsvTable(path, delimiter=",").frame.columns) == ["a;b", "c"]


@cases(
    ("cells", "decimal"),
    [
        (["1,5", "2,25"], ","),
        (["1,234", "5,678"], ","),  # a guess, for semicolons are there because commas separate decimals
        (["1.5", "2.25"], "."),
    ],
)
def test_decimals_are_found_out(write, cells, decimal):
    form = CsvTable(write("a;b\n" + "".join(f"{cell};x\n" for cell in cells))).layout.formats["a"]
    assert (form.kind, form.decimal) == ("number", decimal)


def test_the_decimal_sign_can_be_said(write):
    path = write("a;b\n1,234;x\n5,678;y\n")
    assert CsvTable(path, decimal=",").frame["a"].tolist() == [1.234, 5.678]
    assert CsvTable(path, decimal=".").frame["a"].tolist() == [1234, 5678]


def test_one_columns_commas_tell_of_the_others(write):
    table = CsvTable(write("a;b\n1,234;1,5\n5,678;2,5\n"))
    assert table.frame["a"].tolist() == [1.234, 5.678]


@cases(
    ("cells", "kind", "values"),
    [
        (["1", "2", "-3"], "integer", [1, 2, -3]),
        (["1", "", "3"], "integer", [1, None, 3]),
        (["007", "123"], "text", ["007", "123"]),
        (["123456789012345678901", "1"], "text", ["123456789012345678901", "1"]),
        (["+49", "30"], "text", ["+49", "30"]),
        (["1", "2.5"], "number", [1.0, 2.5]),
        (["1e-5", "2"], "number", [1e-5, 2.0]),
        (["1", "NA", "2"], "integer", [1, None, 2]),
        (["x", "NA", ""], "text", ["x", "NA", None]),
        (["true", "false"], "boolean", [True, False]),
        (["t", "f"], "text", ["t", "f"]),
        (["True", "", "False"], "boolean", [True, None, False]),
        (["2024-01-31", "2024-02-01"], "date", [pd.Timestamp("2024-01-31"), pd.Timestamp("2024-02-01")]),
        (["2024-01-31", "2024-02-30"], "text", ["2024-01-31", "2024-02-30"]),
        (["03/04/2024", "05/06/2024"], "text", ["03/04/2024", "05/06/2024"]),  # which is the month?
        (["03/14/2024", "05/06/2024"], "date", [pd.Timestamp("2024-03-14"), pd.Timestamp("2024-05-06")]),
        (["2024-01-31T10:00:00Z", ""], "date", [pd.Timestamp("2024-01-31 10:00"), None]),
        (["20240131", "20240201"], "integer", [20240131, 20240201]),  # two may be chance
        (["", ""], "number", [None, None]),
        ([" 1", " 2"], "integer", [1, 2]),
    ],
)
def test_kinds_of_columns(write, cells, kind, values):
    table = CsvTable(write("a,b\n" + "".join(f"{cell},{i}\n" for i, cell in enumerate(cells))))
    assert kinds(table)["a"] == kind
    assert [None if pd.isna(value) else value for value in table.frame["a"].tolist()] == values


def test_many_compact_dates_are_dates(write):
    days = [f"202403{day:02d}" for day in range(1, 13)]
    table = CsvTable(write("a,b\n" + "".join(f"{day},1\n" for day in days)))
    assert table.layout.formats["a"].pattern == "%Y%m%d"
    assert table.layout.formats["a"].write(table.frame["a"]) == days


@cases(
    "cells",
    [
        ["1", "", "-3"],
        ["1.50", "22.25", "-0.10"],
        ["1", "2.5", "NA"],
        ["1.0", "2.5", "?"],
        ["TRUE", "FALSE", ""],
        ["2024-01-31", "1999-12-01", ""],
        ["31.01.2024 08:15", "01.12.1999 23:59", ""],
        ["2024-01-31T08:15:30.125Z", "2024-01-31T08:15:30.000Z", "null"],
        ["00123", "é", ""],
    ],
)
def test_values_are_written_as_they_were(write, cells):
    table = CsvTable(write("a,b\n" + "".join(f"{cell},{i}\n" for i, cell in enumerate(cells))))
    assert table.layout.formats["a"].write(table.frame["a"]) == cells
    state = FileLayout.from_state(table.layout.get_state(), "model")
    assert state == table.layout


def test_comma_decimals_are_written_with_commas(write):
    table = CsvTable(write("a;b\n1,5;x\n2;y\n"))
    assert table.layout.formats["a"].write(pd.Series([0.25, 3.0, np.nan])) == ["0,25", "3", ""]


def test_like_reads_columns_as_in_another_file(write):
    layout = CsvTable(write("a,b\n1.5,x\n", "one.csv")).layout
    assert CsvTable(write("b,a\n7,2\n", "two.csv"), like=layout).frame["a"].dtype == np.float64
    with pytest.raises(FileError, match=r"three\.csv: line 3, column 'a': 'oops' is no number"):
        CsvTable(write("a,b\n1,x\noops,y\n", "three.csv"), like=layout)


def test_a_large_file_is_read_in_chunks(write, monkeypatch):
    monkeypatch.setattr("ganaug.cli.table_files._AT_ONCE", 3)
    rows = ["1,x", "2,", ",y", "4,x", "5.5,x", "6,x", "7,007"]
    table = CsvTable(write("a,b\n" + "\n".join(rows) + "\n"))
    assert kinds(table) == {"a": "number", "b": "text"}
    assert table.frame["a"].tolist()[3:] == [4.0, 5.5, 6.0, 7.0] and np.isnan(table.frame["a"][2])
    assert table.line(4) == 6
    integers = CsvTable(write("a,b\n" + "".join(f"{'' if i == 5 else i},x\n" for i in range(8)), "i.csv"))
    assert str(integers.frame["a"].dtype) == "Int64"


# ---- what is wrong ---------------------------------------------------------------------------------


@cases(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"a,b\n", "has a header and no rows"),
        (b"a,b\n1,2\n1,2,3\n", "line 3 has 3 fields, the header 2"),
        (b'a,b\n1,"x\ny"\n\n1\n', "line 5 has 1 field, the header 2"),
        (b"a,b,a\n1,2,3\n", "line 1, column 'a': occurs twice in the header, as field 1 and 3"),
        (b'a,b\n1,2\n1,"x\n3,4\n', "line 3: the quote that is opened here is never closed"),
        (b'a,b\n1,"x"y\n', "line 2: ',' expected after a closing quote"),
        (b"a,b\n1,2\n3,inf\n", "line 3, column 'b': 'inf' is infinite"),
        ("a,b\né,2\n".encode() + b"\xe9,3\n", "line 3: mixed encodings: byte 1 of the line, 0xe9, is not UTF"),
        (b"\xef\xbb\xbfa,b\n\xe9,3\n", "line 2: mixed encodings: .* but line 1 is"),
        (b"a,b\n\x00\x01,2\n", "zero bytes"),
        (b"PAR1....", r"is a Parquet file; give it the suffix \.parquet"),
        (b"PK\x03\x04....", "Excel"),
        (gzip.compress(b"a,b\n1,2\n" * 99, mtime=0)[:-9], "is compressed and damaged"),
        (b"\xff\xfea\x00,\x00b\x00\n\x00\x00\xd8", "is not utf-16"),
    ],
)  # fmt: skip
def test_faults_name_file_and_line(write, data, said):
    with pytest.raises(FileError, match=rf"t\.csv: .*{said}" if not said.startswith("line") else rf"t\.csv: {said}"):
        CsvTable(write(data))


def test_a_file_that_grows_while_it_is_used(write, tmp_path):
    path = write("a,b\n1,2\n")
    table = CsvTable(path)
    write("a,b\n1,2\n3,4\n")
    with pytest.raises(FileError, match="changed while it was worked on: it had 1 rows, and has 2"):
        list(table.raw_rows())


# ---- what is written -------------------------------------------------------------------------------


def test_real_rows_are_written_as_they_stood(write, tmp_path):
    text = 'a;b;c\r\n1,50;"x ""y""\r\nz";01.02.2024\r\n;plain;\r\n\r\n3,00;;28.02.2024'
    table = CsvTable(write(text))
    out = tmp_path / "out.csv"
    with table_writer(str(out), table.layout, "new") as writer:
        writer.write_real(table)
        writer.write(table.frame.iloc[:2])
    assert out.read_bytes().decode() == (
        'a;b;c;new\r\n1,50;"x ""y""\r\nz";01.02.2024;0\r\n;plain;;0\r\n3,00;;28.02.2024;0\r\n'
        '1,50;"x ""y""\r\nz";01.02.2024;1\r\n;plain;;1\r\n'
    )


def test_quotes_around_every_field_are_kept(write, tmp_path):
    table = CsvTable(write('"a","b"\n"1","x"\n"2","y"\n'))
    assert table.layout.dialect.quote_all
    out = tmp_path / "out.csv"
    with table_writer(str(out), table.layout, "new") as writer:
        writer.write_real(table)
        writer.write(table.frame)
    assert out.read_text().splitlines()[2:4] == ['"2","y","0"', '"1","x","1"']


def test_quotes_around_every_field_are_seen_in_a_file_longer_than_the_sample(write):
    for text in ("x", "x\ny"):  # a record may go on behind the sample
        table = CsvTable(write('"a","b"\n' + f'"1","{text}"\n' * 300))
        assert table.layout.dialect.quote_all
        assert not CsvTable(write('"a","b"\n' + f'"1","{text}"\n' * 50 + '"2",z\n' * 250)).layout.dialect.quote_all


def test_ends_of_lines_that_differ_stay_where_they_were(write, tmp_path):
    table = CsvTable(write('a,b\n1,"x\r\ny"\n2,y\r\n3,z'))
    with table_writer(str(tmp_path / "out.csv"), table.layout) as writer:
        writer.write_real(table)
    assert (tmp_path / "out.csv").read_bytes() == b'a,b\n1,"x\r\ny"\n2,y\r\n3,z\n'


def test_tsv_is_written_with_tabs(write, tmp_path):
    table = CsvTable(write('a,b\n1,"x,y"\n'))
    out = tmp_path / "out.tsv"
    with table_writer(str(out), table.layout) as writer:
        writer.write_real(table)
    assert out.read_text() == "a\tb\n1\tx,y\n"


def test_spaces_behind_delimiters(write):
    table = CsvTable(write("a, b, y\n1, 2, x\n3, , x\n"))
    assert list(table.frame.columns) == ["a", "b", "y"] and kinds(table)["b"] == "integer"


@cases("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_encoding_and_compression_are_kept(write, tmp_path, encoding):
    table = CsvTable(write(gzip.compress(GERMAN.encode(encoding)), "t.csv.gz"))
    out = tmp_path / "out.csv.gz"
    for _ in range(2):
        with table_writer(str(out), table.layout) as writer:
            writer.write_real(table)
        assert gzip.decompress(out.read_bytes()).decode(encoding) == GERMAN


def test_what_an_encoding_cannot_hold(tmp_path):
    layout = FileLayout({"a": ColumnFormat("text")}, Dialect("cp1252"))
    said = r"out\.csv: '→' cannot be written in (cp1252|charmap)"
    with pytest.raises(FileError, match=said), table_writer(str(tmp_path / "out.csv"), layout) as writer:
        writer.write(pd.DataFrame({"a": ["→"]}))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_full_disk_leaves_nothing(tmp_path, suffix):
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    layout = FileLayout({"a": ColumnFormat("text")}, Dialect())
    out = tmp_path / f"out.{suffix}"
    out.write_text("before")
    said = "No space left on device; the file that was there is as it was"
    with pytest.raises(FileError, match=said), table_writer(str(out), layout) as writer:
        writer.write(pd.DataFrame({"a": ["x"]}))
        raise OSError(28, "No space left on device")
    assert out.read_text() == "before" and len(list(tmp_path.iterdir())) == 1


# ---- Parquet ---------------------------------------------------------------------------------------


@pytest.fixture
def rich(tmp_path):
    """A Parquet file of every type that is understood."""
    pa = pytest.importorskip("pyarrow")
    import datetime as dt
    import decimal

    day, moment = dt.date(2024, 1, 31), dt.datetime(2024, 1, 31, 8, 15)
    columns = {
        "int32": pa.array([1, None, 3], pa.int32()),
        "uint8": pa.array([1, 2, 3], pa.uint8()),
        "float": pa.array([1.5, None, 2.5], pa.float32()),
        "bool": pa.array([True, None, False]),
        "string": pa.array(["00123", None, "x"]),
        "large": pa.array(["a", "b", "c"], pa.large_string()),
        "dictionary": pa.array(["u", "v", None]).dictionary_encode(),
        "date": pa.array([day, None, day]),
        "moment": pa.array([moment, moment, None], pa.timestamp("ms")),
        "zoned": pa.array([moment, moment, None], pa.timestamp("us", tz="Europe/Berlin")),
        "decimal": pa.array([decimal.Decimal("1.50"), None, decimal.Decimal("2.25")], pa.decimal128(8, 2)),
        "wide decimal": pa.array([decimal.Decimal("1.50"), None, decimal.Decimal("2.25")], pa.decimal256(50, 4)),
        "offset": pa.array([moment, moment, None], pa.timestamp("ms", tz="+05:30")),
        "nanoseconds": pa.array([moment, moment, None], pa.timestamp("ns")),
        "time": pa.array([dt.time(8, 15), None, dt.time(23, 59, 59)], pa.time32("s")),
        "fine time": pa.array([dt.time(8, 15, 0, 250), None, dt.time(0)], pa.time64("ns")),
        "duration": pa.array([dt.timedelta(days=2, hours=3), None, dt.timedelta(seconds=-5)], pa.duration("ms")),
        "ordered": pa.DictionaryArray.from_arrays(pa.array([0, None, 1], pa.int8()), ["lo", "hi"], ordered=True),
        "numbered": pa.array([7, None, 8], pa.int16()).dictionary_encode(),
        "days by code": pa.array([day, None, day]).dictionary_encode(),
        "view": pa.array(["a", None, "b"], pa.string_view()),
        "nothing": pa.nulls(3),
        "no text": pa.nulls(3, pa.string()),
        "no integers": pa.nulls(3, pa.int32()),
        "no times": pa.nulls(3, pa.time64("us")),
        "no zoned": pa.nulls(3, pa.timestamp("us", tz="UTC")),
        "no decimals": pa.nulls(3, pa.decimal128(5, 1)),
        "no codes": pa.nulls(3, pa.dictionary(pa.int32(), pa.string())),
    }
    rows = pa.table(columns).replace_schema_metadata({"made by": "a test", "pandas": "{}"})
    path = tmp_path / "rich.parquet"
    pa.parquet.write_table(rows, path)
    return path, rows


def test_every_type_of_parquet_survives(rich, tmp_path):
    import pyarrow as pa

    from ganaug.cli.table_files import ParquetTable

    path, rows = rich
    table = ParquetTable(str(path))
    assert str(table.frame["int32"].dtype) == "Int32" and table.frame["uint8"].dtype == np.uint8
    assert table.frame["decimal"].dtype == np.float64 and table.frame["date"].dtype.kind == "M"
    out = tmp_path / "out.parquet"
    layout = FileLayout.from_state(table.layout.get_state(), "model")
    with table_writer(str(out), layout, "new") as writer:
        writer.write_real(table)
        writer.write(table.frame)
    again = pa.parquet.read_table(out)
    assert again.schema.metadata == {b"made by": b"a test"}
    assert again["new"].to_pylist() == [False] * 3 + [True] * 3
    plain = again.drop_columns("new")
    assert plain.schema.equals(pa.parquet.read_table(path).schema)  # some types are no types of Parquet
    assert plain.slice(0, 3).to_pylist() == rows.to_pylist() == plain.slice(3).to_pylist()


def test_dtypes_of_pandas_come_back_from_parquet(tmp_path, rng):
    values = rng.integers(0, 50, 90)
    whole = pd.Series(values, dtype="Int64").mask(rng.random(90) < 0.2)
    X = pd.DataFrame(
        {"whole": whole, "yes": pd.Series(values > 20, dtype="boolean"), "plain": values, "y": values > 39}
    )
    X = X.assign(text=pd.Series(list("abc") * 30, dtype="string"), real=pd.Series(values / 4, dtype="double[pyarrow]"))
    X.set_index(pd.Index(values, name="row")).to_parquet(tmp_path / "in.parquet")
    code = main(["resample", str(tmp_path / "in.parquet"), "--target", "y", "--mark-column", "new", "--output",
                 str(tmp_path / "out.parquet"), "--set", "max_steps=1", "--seed", "0"])  # fmt: skip
    found = pd.read_parquet(tmp_path / "out.parquet")
    assert code == 0 and found["new"].sum() > 40
    assert found[X.columns].dtypes.equals(X.dtypes) and found.index.equals(pd.RangeIndex(len(found)))
    pd.testing.assert_frame_equal(found[X.columns].iloc[:90], X)


def test_parquet_to_csv(rich, tmp_path):
    from ganaug.cli.table_files import ParquetTable

    table = ParquetTable(str(rich[0]))
    out = tmp_path / "out.csv"
    with table_writer(str(out), table.layout) as writer:
        writer.write_real(table)
    lines = out.read_text().splitlines()[1:]
    assert lines[0].startswith("1,1,1.5,True,00123,a,u,2024-01-31,2024-01-31 08:15:00,2024-01-31 08:15:00+00:00,1.5,")
    assert lines[1].startswith(",2,,,,b,v,,2024-01-31 08:15:00,2024-01-31 08:15:00+00:00,,")
    assert lines[2].startswith("3,3,2.5,False,x,c,,2024-01-31,,,2.25,")
    assert ",08:15:00,08:15:00.00025,2 days 03:00:00,lo,7,2024-01-31,a,,,,,,," in lines[0] + ","
    assert "23:59:59,00:00:00,-1 days +23:59:55,hi,8" in lines[2]


def test_csv_to_parquet(write, tmp_path):
    pa = pytest.importorskip("pyarrow")
    table = CsvTable(write(GERMAN))
    out = tmp_path / "out.parquet"
    with table_writer(str(out), table.layout) as writer:
        writer.write_real(table)
    rows = pa.parquet.read_table(out)
    assert [str(field.type) for field in rows.schema] == [
        *("double", "string", "date32[day]", "bool", "int64", "string"),
    ]
    assert rows["n"].to_pylist() == [3, None, -4] and rows["Kunde"].to_pylist()[0] == "00123"


def test_parquet_that_cannot_be_learnt_from(tmp_path):
    pa = pytest.importorskip("pyarrow")
    from ganaug.cli.table_files import ParquetTable

    path = tmp_path / "nested.parquet"
    pa.parquet.write_table(pa.table({"a": [1], "b": [[1, 2]]}), path)
    with pytest.raises(FileError, match=r"nested\.parquet: column 'b': holds list<.*>, which cannot be learnt from"):
        ParquetTable(str(path))
    path.write_bytes(b"PAR1 and no more")
    with pytest.raises(FileError, match="is no Parquet file that can be read"):
        ParquetTable(str(path))


@pytest.mark.parametrize("seed", range(6))
def test_damaged_pages_are_told_in_one_line_as_what_they_are(tmp_path, seed):
    pytest.importorskip("pyarrow.parquet")
    import pyarrow as pa

    from ganaug.cli.table_files import ParquetTable

    path, rng = tmp_path / "damaged.parquet", np.random.default_rng(seed)
    pa.parquet.write_table(pa.table({"a": range(500), "b": [f"x{i % 7}" for i in range(500)]}), path)
    data = bytearray(path.read_bytes())
    data[4:200] = rng.bytes(196)  # the first page, in front of an index that is right
    path.write_bytes(data)
    with pytest.raises(FileError, match=r"damaged\.parquet: is no Parquet file that can be read: \S") as caught:
        ParquetTable(str(path))
    assert "\n" not in str(caught.value)


def test_columns_that_decode_to_nonsense_are_told(tmp_path, monkeypatch):
    pytest.importorskip("pyarrow.parquet")
    import pyarrow as pa

    from ganaug.cli.table_files import ParquetTable

    path = tmp_path / "damaged.parquet"
    starts, text = pa.py_buffer(np.array([0, 1, 2], np.int32)), pa.py_buffer(b"a\xff")
    pa.parquet.write_table(pa.table({"a": pa.Array.from_buffers(pa.string(), 2, [None, starts, text])}), path)
    with pytest.raises(FileError, match=r"damaged\.parquet: is no Parquet file that can be read: .*UTF8"):
        ParquetTable(str(path))

    pa.parquet.write_table(pa.table({"kind": [1, 2]}), path)
    path.write_bytes(path.read_bytes().replace(b"kind", b"k\xeend"))  # the name of a column, wherever it stands
    with pytest.raises(FileError, match=r"damaged\.parquet: is no Parquet file that can be read: "):
        ParquetTable(str(path))

    class Read:
        def __init__(self, file):
            """Codes that the dictionary does not have."""

        def read(self):
            codes = pa.DictionaryArray.from_arrays(pa.array([0, 3]), pa.array(["x"]), safe=False)
            return pa.table({"a": codes})

    monkeypatch.setattr(pa.parquet, "ParquetFile", Read)
    with pytest.raises(FileError, match=r"damaged\.parquet: is no Parquet file that can be read: .*out of bounds"):
        ParquetTable(str(path))


def test_a_fault_is_one_line_whatever_it_quotes():
    assert (
        str(FileError("cannot be read: one\n  two\r\n", "a  b.csv", 3)) == "a  b.csv: line 3: cannot be read: one; two"
    )


def test_without_pyarrow_it_says_what_to_install(monkeypatch, tmp_path):
    from ganaug.cli.table_files import ParquetTable
    from ganaug.exceptions import MissingDependencyError

    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'ganaug\[parquet\]'"):
        ParquetTable(str(tmp_path / "a.parquet"))


def test_formats_of_what_was_never_text():
    values = pd.Series(pd.to_datetime(["2024-01-31 10:00:00.5", None]))
    assert format_for(values).write(values) == ["2024-01-31 10:00:00.500000", ""]
    assert format_for(pd.Series([1.0, np.nan])).write(pd.Series([1.0, np.nan])) == ["1.0", ""]


def test_a_writer_refuses_to_replace_its_own_temporary(tmp_path):
    path = tmp_path / "there"
    path.write_text("x")
    with pytest.raises(FileExistsError):
        CsvWriter(path, "there", FileLayout({}, Dialect()), None)
