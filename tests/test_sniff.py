"""Texts as people write them: one table, written in many ways, is the same rows and keys; what would not be is refused."""

import gzip
from io import StringIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import unentangle as un
from unentangle.io.columns import parse, read_csv

X = np.round(np.random.default_rng(0).standard_normal((9, 6)), 3)
KEYS = ["été", "Köln", "07", "7", "1.0", "1", "a b", "été", "été"]


def written(separator=",", decimal=".", header=True, index=False, units=False, end="\n", comment=False):
    """The table, in one of the ways of writing it."""
    names = ["site", *(f"s{k}" for k in range(X.shape[1]))]
    rows = [[key, *(f"{v:.3f}".replace(".", decimal) for v in row)] for key, row in zip(KEYS, X, strict=True)]
    lines = [*([names] if header else []), *([["", *["mV"] * X.shape[1]]] if units else []), *rows]
    if index:
        lines = [["" if header and not k else str(k - header), *line] for k, line in enumerate(lines)]
    if separator == " ":
        lines = [[word.replace(" ", "_") for word in line] for line in lines]
    return ("# of 1 May\n" if comment else "") + "".join(separator.join(line) + end for line in lines)


WAYS = st.fixed_dictionaries(
    {
        "separator": st.sampled_from([",", ";", "\t", "|", " ", ", "]),
        "decimal": st.sampled_from([".", ","]),
        "header": st.booleans(),
        "end": st.sampled_from(["\n", "\r\n"]),
        "comment": st.booleans(),
        "extra": st.sampled_from(["", "index", "units"]),
        "encoding": st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1"]),
        "suffix": st.sampled_from([".csv", ".tsv", ".txt", ".csv.gz", ".TXT"]),
    }
)


@given(WAYS)
def test_a_table_is_the_same_however_it_is_written(tmp_path_factory, way):
    encoding, suffix, extra = way.pop("encoding"), way.pop("suffix"), way.pop("extra")
    if way["separator"].strip() == ",":
        way["decimal"] = "."
    if extra and (extra == "index" or way["header"]) and way["separator"] != " ":
        way[extra] = True
    path = tmp_path_factory.mktemp("ways") / f"table{suffix}"
    content = written(**way).encode(encoding)
    path.write_bytes(gzip.compress(content) if suffix.endswith("gz") else content)
    key = "site" if way["header"] else "1" if way.get("index") else "0"
    data = un.read(path, groups=key)
    np.testing.assert_array_equal(data.x, X)
    assert [str(k).replace("_", " ") for k in data.groups] == KEYS
    notes = " ".join(data.notes)
    assert ("Latin-1" in notes) == (encoding == "latin-1")
    assert ("no line of names" in notes) == (not way["header"])
    assert ("units" in notes) == bool(way.get("units"))


@pytest.mark.parametrize("word", ["-", "--", "n/a", "NA", "nan", "NULL", "?", ".", "#DIV/0!", " ", ""])
def test_a_word_for_nothing_is_missing_and_said(tmp_path, word):
    (tmp_path / "t.csv").write_text(written().replace(f"{X[4, 2]:.3f}", word))
    data = un.read(tmp_path / "t.csv", groups="site")
    want = X.copy()
    want[4, 2] = np.nan
    np.testing.assert_array_equal(data.x, want)
    assert bool([note for note in data.notes if f"s2 (1 {word!r})" in note]) == (word.strip() not in ("", "nan"))


@pytest.mark.parametrize("word", ["o.5", "1.2.3", "5 mV", "err"])
def test_another_word_among_numbers_is_refused_by_its_line(tmp_path, word):
    (tmp_path / "t.csv").write_text(written().replace(f"{X[4, 2]:.3f}", word))
    with pytest.raises(un.InputError, match=rf"column 's2' of .* holds 8 numbers, '{word}' in line 6: .*--x 's\*'") as caught:
        un.read(tmp_path / "t.csv", groups="site")
    assert "\n" not in str(caught.value)
    assert un.read(tmp_path / "t.csv", groups="s2").x.shape == (9, 5)
    assert un.read(tmp_path / "t.csv", groups="site", x="s[01]").x.shape == (9, 2)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("a;b\n1.234,5;2,0\n1.234,6;3,0\n", "'1.234,5' in the column a; write numbers without separators of thousands"),
        ('a,b\n"1,234.5",2\n"1,235.5",3\n', "'1,234.5' in the column a"),
        ("a b c\n1 2 3\n1 2\n", "line 3 of .* has 2 values; others have 3, separated by blanks"),
        ("a,b\x00\n1,2\n", "no text"),
    ],
)
def test_what_cannot_be_told_is_refused(tmp_path, content, says):
    (tmp_path / "t.csv").write_text(content)
    with pytest.raises(un.InputError, match=says):
        un.read(tmp_path / "t.csv")


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("site,0,1,2\na,0.5,0.7,0.1\nb,1.5,0.2,0.3\n", ["site", "0", "1", "2"]),  # as pandas names them
        ("0,1,2\n0.5,0.7,0.1\n1.5,0.2,0.3\n", ["0", "1", "2"]),
        ("site,0.1,0.2,0.3\na,0.5,0.7,0.1\nb,1.5,0.2,0.3\n", ["site", "0.1", "0.2", "0.3"]),  # times
        ("site,2020,2021\na,0.5,0.7\nb,1.5,0.2\n", None),
        ("a,0.1,0.2,0.3\na,0.5,0.7,0.1\nb,1.5,0.2,0.3\n", None),
        ("0,1,2\n3,4,5\n6,7,8\n", None),
        ("# x y\n1 2\n3 4\n", ["x", "y"]),  # of numpy.savetxt
    ],
)
def test_a_line_of_names_is_told_from_a_row(tmp_path, content, names):
    (tmp_path / "t.csv").write_text(content)
    columns = read_csv(tmp_path / "t.csv")
    lines = content.count("\n") - 1
    if names is None:
        assert list(columns) == [str(k) for k in range(len(columns))]
        lines += 1
    else:
        assert list(columns) == names
    assert {len(column) for column in columns.values()} == {lines}


def test_wide_tables_are_read_in_linear_time(tmp_path):
    """By what is counted, not by the clock: no list is searched for each column."""
    table, text = np.arange(40000.0).reshape(2, -1) + 0.5, StringIO()
    np.savetxt(text, table, delimiter=",")
    (tmp_path / "t.csv").write_text(",".join(f"s{k}" for k in range(20000)) + "\n" + text.getvalue())
    np.testing.assert_array_equal(un.read(tmp_path / "t.csv").x, table)


def test_what_a_column_holds_is_noted(tmp_path):
    """A dead column, one of words and numbers, and one of whole numbers that may be a key."""
    lines = [f"{k % 2},{k / 3:.4f},{k / 7:.4f},{k / 9:.4f},{k / 11:.4f},,{'ab1'[k % 3]}" for k in range(9)]
    (tmp_path / "t.csv").write_text("\n".join(["label,a,b,c,d,dead,mixed", *lines]))
    data = un.read(tmp_path / "t.csv")
    assert data.x.shape == (9, 5)
    notes = " ".join(data.notes)
    assert "mixed of" in notes
    assert "dead of" in notes
    assert "--groups label" in notes
    assert not parse(tmp_path / "t.csv").notes
    (tmp_path / "u.csv").write_text("site,a,b\nx,1 mV,2\ny,3 mV,4\n")
    assert "a of" in (note := un.read(tmp_path / "u.csv").notes[0])
    assert "such as '1 mV'" in note


def test_an_empty_line_among_single_numbers_is_a_missing_value(tmp_path):
    """Not a sample less; empty lines at the end are none."""
    (tmp_path / "one.csv").write_text("value\n1.5\n\n2.5\n3\n\n\n")
    column = read_csv(tmp_path / "one.csv")["value"]
    np.testing.assert_array_equal(column, [1.5, np.nan, 2.5, 3])


def test_a_line_that_sums_up_the_others_is_said_to_be_a_row(tmp_path):
    (tmp_path / "sums.csv").write_text("who,a,b\nx,1.5,2\ny,2.5,4\nmean,2,3\n")
    data = un.read(tmp_path / "sums.csv", groups="who")
    assert len(data) == 3
    assert any("'mean', is taken as a row" in note for note in data.notes)
