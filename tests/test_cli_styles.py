"""CSV as people write it: read as numbers, dates and times, and written back in the same way, to the last sign."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import cases

from ganaug.cli import main
from ganaug.cli.console import FileError
from ganaug.cli.file_layout import FileLayout
from ganaug.cli.number_formats import parse_number
from ganaug.cli.table_files import CsvTable, table_writer

QUICK = ["--max-steps", "2", "--set", "curate=false", "--seed", "0", "--quiet"]


def amount(value, digits=2, group="", decimal="."):
    """A number with separators, by Python alone."""
    return f"{value:,.{digits}f}".replace(",", "\0").replace(".", decimal).replace("\0", group)


def signed(rng, scale=3000.0):
    return round(float(rng.normal(0, scale)), 2) or 1.25


def moment(rng, start="2023-01-01", seconds=86_400 * 700, unit=1):
    return pd.Timestamp(start) + pd.Timedelta(seconds=int(rng.integers(0, seconds // unit)) * unit)


def zoned(zone, pattern):
    def made(rng):
        at = moment(rng, unit=1800)
        text = at.tz_localize("UTC").tz_convert(zone).strftime(pattern)
        colon = re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", text) if pattern.endswith("%z:") else text
        return colon.removesuffix(":") if pattern.endswith("%z:") else text, at

    return made


def with_colon(zone, pattern):
    plain = zoned(zone, pattern + "%z")

    def made(rng):
        text, at = plain(rng)
        return text[:-2] + ":" + text[-2:], at

    return made


def accounting(rng):
    value = signed(rng)
    text = amount(abs(value), group=",")
    return (f"({text})" if value < 0 else text), value


def dollars(rng):
    value = signed(rng)
    return ("-" if value < 0 else "") + "$" + amount(abs(value), group=","), value


def since_midnight(at):
    return at - at.normalize()


def clock(pattern, unit):
    def made(rng):
        at = moment(rng, unit=unit)
        text = at.strftime(pattern)
        return (text.lstrip("0") if "%I" in pattern else text), since_midnight(at)

    return made


def elapsed(rng):
    seconds = int(rng.integers(0, 400_000))
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}", pd.Timedelta(seconds=seconds)


def pandas_elapsed(rng):
    value = pd.Timedelta(seconds=int(rng.integers(-400_000, 400_000)))
    return str(value), value


def python_elapsed(rng):
    value = pd.Timedelta(seconds=int(rng.integers(0, 400_000)))
    return str(value.to_pytimedelta()), value


def dated(pattern, unit=86_400, bare=False):
    def made(rng):
        at = moment(rng, unit=unit)
        text = at.strftime(pattern)
        return (re.sub(r"\b0(?=\d)", "", text) if bare else text), at

    return made


def number(rng, *form, low=-3000, high=30000, digits=2, decorate="{}"):
    value = round(float(rng.uniform(low, high)), digits)
    return decorate.format(amount(value, digits, *form)), value


def trailing(rng):
    value = signed(rng)
    return amount(abs(value), group=",") + ("-" if value < 0 else ""), value


def unicode_minus(rng):
    value = signed(rng)
    return amount(value).replace("-", "\u2212"), value


def with_plus(rng):
    value = signed(rng)
    return f"{value:+.2f}", value


def format_exponent(rng):
    text = f"{float(rng.lognormal(0, 20)):.3e}"
    return text, float(text)


def excel_scientific(rng):
    text = f"{float(rng.lognormal(0, 20)):.2E}"
    return text, float(text)


def indian(rng):
    value = int(rng.integers(0, 10**8))
    text = str(value)
    head, tail = text[:-3], text[-3:]
    parts = [head[max(0, i - 2) : i] for i in range(len(head), 0, -2)][::-1]
    return ",".join([*parts, tail]), value


def whole(group, low=-50_000, high=5_000_000):
    return lambda rng: (lambda value: (amount(value, 0, group), value))(int(rng.integers(low, high)))


def text_of(choices):
    return lambda rng: (lambda word: (word, word))(str(rng.choice(choices)))


def code(rng):
    text = f"{int(rng.integers(0, 9_999)):05d}"
    return text, text


# name -> (kind, the decimal signs that may stand in the same file, what makes a text and its value, regular expression)
ANY, POINT, COMMA = ".,", ".", ","
STYLES = {
    "plain": ("number", POINT, lambda rng: number(rng), r"-?\d+\.\d\d"),
    "decimal comma": ("number", COMMA, lambda rng: number(rng, "", ","), r"-?\d+,\d\d"),
    "three decimals": ("number", COMMA, lambda rng: number(rng, "", ",", low=-1, high=1, digits=3), r"-?\d+,\d{3}"),
    "American": ("number", POINT, lambda rng: number(rng, ","), r"-?\d{1,3}(,\d{3})*\.\d\d"),
    "German": ("number", COMMA, lambda rng: number(rng, ".", ","), r"-?\d{1,3}(\.\d{3})*,\d\d"),
    "French": ("number", COMMA, lambda rng: number(rng, "\u202f", ","), "-?\\d{1,3}(\u202f\\d{3})*,\\d\\d"),
    "not broken": ("number", COMMA, lambda rng: number(rng, "\u00a0", ","), "-?\\d{1,3}(\u00a0\\d{3})*,\\d\\d"),
    "spaces": ("number", COMMA, lambda rng: number(rng, " ", ","), r"-?\d{1,3}( \d{3})*,\d\d"),
    "Swiss": ("number", POINT, lambda rng: number(rng, "'"), r"-?\d{1,3}('\d{3})*\.\d\d"),
    "typographic": ("number", POINT, lambda rng: number(rng, "\u2019"), "-?\\d{1,3}(\u2019\\d{3})*\\.\\d\\d"),
    "Indian": ("integer", POINT, indian, r"\d{1,2}(,\d\d)*,\d{3}|\d{1,3}"),
    "thousands": ("integer", POINT, whole(","), r"-?\d{1,3}(,\d{3})*"),
    "points": ("integer", COMMA, whole("."), r"-?\d{1,3}(\.\d{3})*"),
    "spaced thousands": ("integer", ANY, whole(" "), r"-?\d{1,3}( \d{3})*"),
    "dollars": ("number", POINT, dollars, r"-?\$\d{1,3}(,\d{3})*\.\d\d"),
    "euros": ("number", COMMA, lambda rng: number(rng, ".", ",", decorate="{} €"), r"-?\d{1,3}(\.\d{3})*,\d\d €"),
    "francs": ("number", POINT, lambda rng: number(rng, "'", low=1, decorate="CHF {}"), r"CHF \d{1,3}('\d{3})*\.\d\d"),
    "reais": ("number", COMMA, lambda rng: number(rng, ".", ",", low=1, decorate="R$ {}"), r"R\$ [\d.]+,\d\d"),
    "percent": ("number", POINT, lambda rng: number(rng, low=0, high=100, digits=1, decorate="{}%"), r"\d+\.\d%"),
    "Prozent": ("number", COMMA, lambda rng: number(rng, "", ",", low=0, high=9, decorate="{} %"), r"\d,\d\d %"),
    "kilograms": ("number", POINT, lambda rng: number(rng, low=40, digits=1, decorate="{} kg"), r"\d+\.\d kg"),
    "degrees": ("number", COMMA, lambda rng: number(rng, "", ",", high=9, low=-9, decorate="{}°C"), r"-?\d,\d\d°C"),
    "accounting": ("number", POINT, accounting, r"\(?[\d,]+\.\d\d\)?"),
    "trailing minus": ("number", POINT, trailing, r"[\d,]+\.\d\d-?"),
    "Unicode minus": ("number", POINT, unicode_minus, "\u2212?\\d+\\.\\d\\d"),
    "plus": ("number", POINT, with_plus, r"[+-]\d+\.\d\d"),
    "exponent": ("number", POINT, format_exponent, r"\d\.\d{3}e[+-]\d\d"),
    "Excel's exponent": ("number", POINT, excel_scientific, r"\d\.\d\dE[+-]\d\d"),
    "German date": ("date", ANY, dated("%d.%m.%Y"), r"\d\d\.\d\d\.\d{4}"),
    "American date": ("date", ANY, dated("%m/%d/%Y"), r"\d\d/\d\d/\d{4}"),
    "bare date": ("date", ANY, dated("%m/%d/%Y", bare=True), r"[1-9]\d?/[1-9]\d?/\d{4}"),
    "named month": ("date", ANY, dated("%d-%b-%Y"), r"\d\d-[A-Z][a-z]{2}-\d{4}"),
    "long month": ("date", ANY, dated("%B %d, %Y"), r"[A-Z][a-z]+ \d\d, \d{4}"),
    "SAS": ("date", ANY, lambda rng: (lambda t, v: (t.upper(), v))(*dated("%d%b%Y")(rng)), r"\d\d[A-Z]{3}\d{4}"),
    "minutes": ("date", ANY, dated("%Y-%m-%d %H:%M", 60), r"\d{4}-\d\d-\d\d \d\d:\d\d"),
    "half days": ("date", ANY, dated("%m/%d/%Y %I:%M %p", 60), r"\d\d/\d\d/\d{4} \d\d:\d\d [AP]M"),
    "UTC": ("date", ANY, dated("%Y-%m-%dT%H:%M:%SZ", 1), r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"),
    "Berlin": ("date", ANY, with_colon("Europe/Berlin", "%Y-%m-%dT%H:%M:%S"), r".*T\d\d:\d\d:00\+0[12]:00"),
    "New York": ("date", ANY, zoned("America/New_York", "%Y-%m-%d %H:%M:%S%z"), r".* \d\d:\d\d:00-0[45]00"),
    "CET": ("date", ANY, zoned("Europe/Paris", "%Y-%m-%d %H:%M %Z"), r".* \d\d:\d\d CES?T"),
    "India": ("date", ANY, with_colon("Asia/Kolkata", "%Y-%m-%d %H:%M:%S"), r".*:00\+05:30"),
    "clock": ("time of day", ANY, clock("%H:%M", 60), r"[0-2]\d:[0-5]\d"),
    "seconds": ("time of day", ANY, clock("%H:%M:%S", 1), r"[0-2]\d:[0-5]\d:[0-5]\d"),
    "afternoon": ("time of day", ANY, clock("%I:%M %p", 60), r"1?\d:[0-5]\d [AP]M"),
    "elapsed": ("duration", ANY, elapsed, r"\d+:[0-5]\d:[0-5]\d"),
    "pandas' elapsed": ("duration", ANY, pandas_elapsed, r"-?\d+ days \+?\d\d:\d\d:\d\d"),
    "Python's elapsed": ("duration", ANY, python_elapsed, r"(\d+ days?, )?\d+:\d\d:\d\d"),
    "words": ("text", ANY, text_of(["yes", "no", "maybe; or, not"]), r"yes|no|maybe; or, not"),
    "codes": ("text", ANY, code, r"\d{5}"),
}  # fmt: skip


def column(name, rng, n):
    made = [STYLES[name][2](rng) for _ in range(n)]
    return [text for text, _ in made], [value for _, value in made]


def file_of(header, rows, delimiter=",", quoting=csv.QUOTE_MINIMAL, newline="\n"):
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter, quoting=quoting, lineterminator=newline).writerows([header, *rows])
    return file.getvalue()


def written(tmp_path, text, name="t.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return str(path)


def same(got, expected):
    """Whether values are as expected; as near as the texts tell."""
    if isinstance(expected, (int, float)):
        return abs(got - expected) <= 1e-9 * max(1, abs(expected))
    return got == expected


# ---- one column ------------------------------------------------------------------------------------


@cases("style", STYLES)
@cases("seed", [0, 1])
def test_a_style_is_read_and_written_back(tmp_path, style, seed):
    kind, decimals, _, regex = STYLES[style]
    texts, values = column(style, np.random.default_rng(seed), 60)
    texts[7] = ""
    delimiter = ";" if decimals == COMMA else ","
    table = CsvTable(written(tmp_path, file_of(["a", "b"], [[t, "x"] for t in texts], delimiter)))
    form = table.layout.formats["a"]
    assert form.kind == kind and not table.remarks
    got = table.frame["a"].tolist()
    assert pd.isna(got[7]) and all(same(a, b) for i, (a, b) in enumerate(zip(got, values, strict=True)) if i != 7)
    assert form.write(table.frame["a"]) == texts
    assert all(re.fullmatch(regex, text) for text in texts if text)
    assert FileLayout.from_state(table.layout.get_state(), "model") == table.layout


# ---- whole files -----------------------------------------------------------------------------------


def check_a_file(tmp_path, seed):
    """A table in many styles: every row is written from its values, and the file is the same, byte for byte."""
    rng = np.random.default_rng(seed)
    decimal = str(rng.choice([POINT, COMMA]))
    fitting = [name for name, (_, decimals, _, _) in STYLES.items() if decimal in decimals]
    chosen = [str(name) for name in rng.choice(fitting, int(rng.integers(2, 7)), replace=False)]
    # a column that tells the decimal sign, for files in which all others allow both
    chosen += ["plain"] if decimal == POINT and "plain" not in chosen else []
    chosen += ["decimal comma"] if decimal == COMMA and "decimal comma" not in chosen else []
    delimiter = str(rng.choice([";", "\t", "|"] if decimal == COMMA else [",", ";", "\t", "|"]))
    quoting = csv.QUOTE_ALL if rng.random() < 0.3 else csv.QUOTE_MINIMAL
    newline = str(rng.choice(["\n", "\r\n"]))
    encoding = str(rng.choice(["utf-8", "utf-8-sig", "utf-16"]))
    n = int(rng.integers(30, 90))
    columns = [column(name, rng, n) for name in chosen]
    for texts, _ in columns:
        for row in rng.choice(n, int(rng.integers(0, 4)), replace=False) if len(columns) > 1 else ():
            texts[row] = ""
    text = file_of(chosen, list(zip(*(texts for texts, _ in columns), strict=True)), delimiter, quoting, newline)
    table = CsvTable(written(tmp_path, text, encoding=encoding))
    for name, (texts, values) in zip(chosen, columns, strict=True):
        assert table.layout.formats[name].kind == STYLES[name][0], name
        for got, cell, value in zip(table.frame[name].tolist(), texts, values, strict=True):
            assert pd.isna(got) if not cell else same(got, value), (name, cell)
    for name in ("real.csv", "values.csv"):
        with table_writer(str(tmp_path / name), table.layout) as writer:
            writer.write_real(table) if name == "real.csv" else writer.write(table.frame)
        assert (tmp_path / name).read_bytes() == text.encode(encoding), name
    again = CsvTable(str(tmp_path / "values.csv"))
    pd.testing.assert_frame_equal(again.frame, table.frame)
    assert again.layout == table.layout


@cases("seed", range(50))
def test_a_written_file_is_the_file_that_was_read(tmp_path, seed):
    check_a_file(tmp_path, seed)


@pytest.mark.slow
@cases("seed", range(50, 200))
def test_many_written_files_are_the_files_that_were_read(tmp_path, seed):
    check_a_file(tmp_path, seed)


@pytest.mark.parametrize("decimal", [POINT, COMMA])
def test_synthetic_rows_are_written_in_the_style_of_their_columns(tmp_path, monkeypatch, decimal):
    """Through the GAN: each cell of each synthetic row is written as the column is."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    names = [name for name, (_, decimals, _, _) in STYLES.items() if decimal in decimals]
    n = 120
    columns = [column(name, rng, n)[0] for name in names]
    rows = [[*row, "ab"[i % 4 == 0]] for i, row in enumerate(zip(*columns, strict=True))]
    text = file_of([*names, "y"], rows, ";" if decimal == COMMA else ",")
    Path("t.csv").write_text(text, encoding="utf-8", newline="")
    assert main(["resample", "t.csv", "-t", "y", "-o", "o.csv", *QUICK]) == 0
    after = Path("o.csv").read_text(encoding="utf-8")
    assert after.startswith(text)
    new = list(csv.reader(io.StringIO(after[len(text) :]), delimiter=";" if decimal == COMMA else ","))
    assert len(new) == 60 and {row[-1] for row in new} == {"b"}
    for name, cells in zip(names, zip(*(row[:-1] for row in new), strict=True), strict=True):
        wrong = [cell for cell in cells if not re.fullmatch(STYLES[name][3], cell)]
        assert not wrong, (name, wrong)
    assert main(["fit", "t.csv", "-t", "y", "-o", "m.safetensors", *QUICK]) == 0
    assert main(["sample", "m.safetensors", "-n", "30", "-o", "s.csv"]) == 0
    text = Path("s.csv").read_text(encoding="utf-8")
    drawn = list(csv.reader(io.StringIO(text), delimiter=";" if decimal == COMMA else ","))
    for j, name in enumerate(names):
        assert all(re.fullmatch(STYLES[name][3], row[j]) for row in drawn[1:]), name


# ---- what cannot be told from a column alone ---------------------------------------------------------


def table_of(tmp_path, cells, delimiter=",", others=(), **how):
    """A table of a column a, one of texts, and others."""
    header = ["a", "b", *(f"o{i}" for i in range(len(others)))]
    rows = [[cell, "x", *(other[i % len(other)] for other in others)] for i, cell in enumerate(cells)]
    return CsvTable(written(tmp_path, file_of(header, rows, delimiter)), **how)


@cases(
    ("cells", "delimiter", "others", "values", "told"),
    [
        (["0,186", "1,234"], ",", [], [0.186, 1.234], False),  # no thousands begin with a zero
        (["1,234", "2,5"], "\t", [], [1.234, 2.5], False),
        (["1,234", "1,234,567"], ";", [], [1234, 1234567], False),
        (["1,234", "12567"], "\t", [], [1.234, 12567.0], False),  # thousands would be separated in both
        (["1,234", "5,678"], ";", [], [1.234, 5.678], True),  # of a file with semicolons
        (["1,234", "567"], ";", [], [1234, 567], True),  # decimals would be as many in both
        (["1,234", "5,678"], ",", [], [1234, 5678], True),
        (["1,234", "5,678"], "\t", [], [1234, 5678], True),
        (["1,234", "5,678"], ";", [["1.5", "2.25"]], [1234, 5678], False),  # the other column tells
        (["1,234", "5,678"], ",", [["0,5", "2,25"]], [1.234, 5.678], False),
        (["1.234", "5.678"], ";", [["0,5", "2,25"]], [1234, 5678], False),
        (["1.234", "5.678"], ";", [["1 234,5", "2,25"]], [1234, 5678], False),
        (["1.234", "5.678"], ",", [], [1.234, 5.678], False),
        (["1.234", "5.678"], ";", [], [1.234, 5.678], True),
        (["1.234", "1.234.567"], "\t", [], [1234, 1234567], False),
    ],
)
def test_commas_and_points_that_may_be_either(tmp_path, cells, delimiter, others, values, told):
    table = table_of(tmp_path, cells, delimiter, others)
    assert table.frame["a"].tolist() == values
    assert ("a" in table.remarks) == told
    if told:
        assert "which is a guess" in table.remarks["a"] and "--decimal ," in table.remarks["a"]
        for decimal in ".,":  # as the advice says: one confirms, the other turns it round, and nothing is left to say
            read = table_of(tmp_path, cells, delimiter, others, decimal=decimal)
            assert not read.remarks
            assert (read.frame["a"].tolist() == values) == (f"--decimal {decimal} confirms" in table.remarks["a"])


def test_a_guess_is_said_where_nobody_asked(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    text = "a;y\n" + "".join(f"{1 + i % 9},{100 + i};{'uv'[i % 3 == 0]}\n" for i in range(60))
    Path("t.csv").write_text(text)
    words = ["resample", "t.csv", "-t", "y", "-o", "o.csv", "--max-steps", "2", "--set", "curate=false", "--force"]
    assert main(words) == 0
    err = capsys.readouterr().err
    assert err == (
        "ganaug: warning: t.csv: column 'a': the comma in '1,100' is taken to stand before the decimals, which is a "
        "guess; --decimal , confirms it, --decimal . says the opposite\n"
    )
    assert main([*words, "--decimal", ","]) == 0
    assert capsys.readouterr().err == ""
    first = Path("o.csv").read_text().splitlines()[-1]
    assert main([*words, "--decimal", "."]) == 0 and re.fullmatch(r"\d,\d{3};v", first)


@cases(
    "cells",
    [
        ["00123", "98101"],
        ["+49 30 1234", "+49 40 123456"],
        ["+4915112345", "+4915154321"],
        ["612 345 678", "612 345 679"],
        ["612.345.678", "934.345.679"],
        ["555-1234", "555-9876"],
        ["192.168.100.200", "10.0.0.1"],
        ["1.10.12", "2.3.4"],
        ["$5", "€5"],
        ["5 kg", "5 lb"],
        ["5", "5%"],
        ["5-9", "10-14"],
        ["<5", ">10"],
        ["A12", "B13"],
        ["1,23", "1,234.5"],
        ["12,34.5", "1"],
        ["1,2345,678", "1"],
        ["1,234 567", "1"],
        ["(5", "6"],
        ["--5", "6"],
        ["(-5)", "6"],
        ["٤٥", "١٢٣"],
        ["12345678901234567890", "1"],
        ["16:9", "4:3"],
        ["25:61", "10:00"],
        ["1 day", "2 days"],
        ["2024-13-01", "2024-01-01"],
        ["31 Foo 2024", "1 Jan 2024"],
        ["2024-01-31 10:00 XYZ", "2024-01-31 11:00 CET"],
        ["yes", "no"],
    ],
)
def test_what_stays_text_comes_back_as_it_was(tmp_path, cells):
    table = table_of(tmp_path, cells)
    assert table.layout.formats["a"].kind == "text"
    assert table.frame["a"].tolist() == cells and table.layout.formats["a"].write(table.frame["a"]) == cells


@cases(
    ("cells", "kind", "values", "back"),
    [
        (["41", "7.0", "12"], "integer", [41, 7, 12], ["41", "7", "12"]),
        (["41.0", "7.0", ""], "number", [41.0, 7.0, None], ["41.0", "7.0", ""]),
        (["+5", "-3", "0"], "integer", [5, -3, 0], ["+5", "-3", "0"]),
        (["(1,200)", "35", "1,000,000"], "integer", [-1200, 35, 1000000], ["(1,200)", "35", "1,000,000"]),
        (["-5", "\u22126", "-7"], "integer", [-5, -6, -7], ["-5", "-6", "-7"]),
        (["$ 5", "$6", "$ 7"], "integer", [5, 6, 7], ["$ 5", "$ 6", "$ 7"]),
        (["0", "5 €", "6 €"], "integer", [0, 5, 6], ["0", "5 €", "6 €"]),
        (["%45", "%3"], "integer", [45, 3], ["%45", "%3"]),
        (["1234", "12,345", "1,234,567"], "integer", [1234, 12345, 1234567], ["1234", "12,345", "1,234,567"]),
        (["1e5", "3e-3"], "number", [1e5, 3e-3], ["1e5", "3e-3"]),
        (["1.5", "1e-7", "2"], "number", [1.5, 1e-7, 2.0], ["1.5", "1e-07", "2"]),
        ([" 1,200 ", "  35 "], "integer", [1200, 35], ["1,200", "35"]),
        (["-1:30:00", "25:00:00"], "duration", ["-1:30:00", "25:00:00"], None),
        (["9:05", "17:30"], "duration", ["9:05:00", "17:30:00"], None),
        (["0 days 00:00:01.500000", "0 days 00:00:02"], "duration", ["0:00:01.5", "0:00:02"], None),
        (["14:05:30.25", "08:00:00.5"], "time of day", ["14:05:30.25", "8:00:00.5"], None),
        (["14:05:30,250", "08:00:00,500"], "time of day", ["14:05:30.25", "8:00:00.5"], None),
    ],
)
def test_more_ways_to_write_numbers_and_times(tmp_path, cells, kind, values, back):
    table = table_of(tmp_path, cells)
    form = table.layout.formats["a"]
    if kind in ("duration", "time of day"):
        values = [-pd.Timedelta(v[1:]) if v[0] == "-" else pd.Timedelta(v + ":00" * (v.count(":") < 2)) for v in values]
    assert form.kind == kind
    assert [None if pd.isna(v) else v for v in table.frame["a"].tolist()] == values
    assert form.write(table.frame["a"]) == (back or cells)


def test_other_signs_of_a_column_are_read_in_another_file(tmp_path):
    """What pandas writes after a gap, among integers; and what does not belong there is named with its line."""
    like = table_of(tmp_path, ["41", "7"]).layout
    assert table_of(tmp_path, ["41.0", "", "1"], like=like).frame["a"].tolist()[0] == 41
    dollars = table_of(tmp_path, ["$1,200.50", "$3.00"]).layout
    assert table_of(tmp_path, ["1200.5", "$7", "-$2,000.00"], like=dollars).frame["a"].tolist() == [1200.5, 7, -2000]
    for like_this, cell, said in (
        (like, "41.5", "'41.5' is no integer"),
        (dollars, "€5", "'€5' is no number"),
        (dollars, "1.200,50", "is no number"),
        (table_of(tmp_path, ["14:05", "08:00"]).layout, "25:00", "'25:00' is no time of day"),
        (table_of(tmp_path, ["1:23:45", "25:00:00"]).layout, "soon", "'soon' is no duration"),
        (table_of(tmp_path, ["True", "False"]).layout, "0", "'0' is no boolean"),
    ):
        with pytest.raises(FileError, match=f"line 2, column 'a': .*{re.escape(said)}"):
            table_of(tmp_path, [cell], like=like_this)


# ---- dates and time zones ----------------------------------------------------------------------------


def test_hours_around_a_change_of_clocks(tmp_path):
    """The hour that comes twice is told apart by its offset, and no hour is made that does not exist."""
    for zone in ("Europe/Berlin", "America/New_York", "Australia/Sydney", "Europe/London"):
        hours = pd.date_range("2024-01-01", "2025-01-01", freq="h", tz="UTC")
        cells = [text[:-2] + ":" + text[-2:] for text in hours.tz_convert(zone).strftime("%Y-%m-%dT%H:%M:%S%z")]
        table = table_of(tmp_path, cells)
        form = table.layout.formats["a"]
        assert form.kind == "date" and form.zone and not table.remarks
        assert table.frame["a"].tolist() == hours.tz_localize(None).tolist()
        assert form.write(table.frame["a"]) == cells
        later = pd.Series(pd.date_range("2026-03-01", "2026-12-01", freq="97min"))
        expected = later.dt.tz_localize("UTC").dt.tz_convert(zone).dt.strftime("%Y-%m-%dT%H:%M:%S%z").tolist()
        assert [text[:-3] + text[-2:] for text in form.write(later)] == expected  # by the rules of the zone


def test_offsets_that_no_zone_has(tmp_path):
    cells = ["2024-01-01 10:00:00+01:00", "2024-01-01 11:00:00+05:00", "2024-01-02 11:00:00+05:00"]
    table = table_of(tmp_path, cells)
    assert table.frame["a"].tolist() == [pd.Timestamp(cell).tz_convert("UTC").tz_localize(None) for cell in cells]
    assert "no time zone explains the offsets +01:00, +05:00" in table.remarks["a"]
    assert table.layout.formats["a"].write(table.frame["a"])[0] == "2024-01-01 14:00:00+05:00"  # the same instant


def test_days_and_months_that_may_be_either(tmp_path):
    cells = ["03/04/2024", "05/06/2024"]
    alone = table_of(tmp_path, cells)
    assert alone.layout.formats["a"].kind == "text" and "may be %d/%m/%Y or %m/%d/%Y" in alone.remarks["a"]
    for other, month in ((["31/12/2023"], 4), (["12-31-2023"], 3)):  # another column tells
        table = table_of(tmp_path, cells, others=[other])
        assert table.frame["a"][0].month == month and "as in the other columns" in table.remarks["a"]
        assert table.layout.formats["a"].write(table.frame["a"]) == cells
    assert table_of(tmp_path, ["2024-04-03", "2024-06-05"]).remarks == {}  # as the advice says


def test_years_of_two_digits_are_told(tmp_path):
    table = table_of(tmp_path, ["31.12.25", "01.02.99"])
    assert [at.year for at in table.frame["a"]] == [2025, 1999] and "1969 to 2068" in table.remarks["a"]
    assert table.layout.formats["a"].write(table.frame["a"]) == ["31.12.25", "01.02.99"]


@cases(
    "cells",
    [
        ["9999-12-31", "2024-01-01"],
        ["0001-01-01", "2024-01-01"],
        ["2024-01", "2023-12"],
        ["1/31/2025 9:05", "12/1/2024 14:30"],
        ["2024-01-31T10:00:00.123Z", "2024-01-31T10:00:00.5Z", "2024-01-31T10:00:00Z"],
        ["2024-01-31 10:00:00,125", "2024-01-31 10:00:00,250"],
        ["2024-01-31T10:00:00+01", "2024-07-31T10:00:00+02"],
        ["5 March 2024", "12 May 2024"],
        ["20240131081530", "20240201000000"] + [f"202403{day}120000" for day in range(10, 22)],
    ],
)
def test_more_ways_to_write_dates(tmp_path, cells):
    table = table_of(tmp_path, cells)
    assert table.layout.formats["a"].kind == "date"
    assert table.layout.formats["a"].write(table.frame["a"]) == cells


# ---- further ---------------------------------------------------------------------------------------


@cases("text", ["1e400", "1" * 400, "9" * 17 + ".5", "+", "-", "(", "$", "€ ", "%", "e5", ".", ",", ""])
@cases("decimal", [".", ","])
def test_taking_apart_never_fails(text, decimal):
    parts = parse_number(text, decimal)
    assert parts is None or isinstance(parts.value, float)


def test_spaces_behind_delimiters_are_written(tmp_path):
    text = 'a, b, y\n1.5, "x, z", u\n2.5, "say ""hi""", v\n'
    table = CsvTable(written(tmp_path, text))
    with table_writer(str(tmp_path / "o.csv"), table.layout) as writer:
        writer.write(table.frame)
    assert (tmp_path / "o.csv").read_text() == text


def test_times_and_durations_go_to_parquet(tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet

    rows = [["14:05", "1:23:45", "2024-03-31T03:30:00+02:00"], ["08:00", "30:00:00", "2024-03-31T01:30:00+01:00"]]
    table = CsvTable(written(tmp_path, file_of(["t", "d", "z"], rows)))
    with table_writer(str(tmp_path / "o.parquet"), table.layout) as writer:
        writer.write_real(table)
    got = pyarrow.parquet.read_table(tmp_path / "o.parquet")
    assert got.schema.types == [pa.time64("us"), pa.duration("us"), pa.timestamp("us", tz="Europe/Berlin")]
    assert [str(value) for value in got["t"].to_pylist()] == ["14:05:00", "08:00:00"]
    assert [value.isoformat() for value in got["z"].to_pylist()] == [row[2] for row in rows]
