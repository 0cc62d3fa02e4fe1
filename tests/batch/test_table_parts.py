from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from vigie.batch.table_parts import PART_BYTES, Cells, Lines, TableParts
from vigie.errors import DataError


def parts_of(text: str | bytes, *, whole_lines: bool = True) -> TableParts:
    content = text.encode() if isinstance(text, str) else text
    return TableParts(io.BytesIO(content), whole_lines=whole_lines)


def rows_of(parts: TableParts) -> list[list[str]]:
    rows: list[list[str]] = []
    for part in parts:
        if isinstance(part, Lines):
            rows += [line.decode().split(",") for line in part.text.split(b"\n") if line]
        else:
            rows += part.rows
    return rows


def read_by_csv(text: str) -> list[list[str]]:
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    return [row for row in rows if row]


def test_lines_are_given_as_they_stand() -> None:
    (part,) = parts_of("a,b\n1,é\n\n3,\n")
    assert part == Lines("1,é\n\n3,\n".encode(), 2)


@pytest.mark.parametrize(
    ("text", "lines"),
    [("a,b\r\n1,2\r\n", b"1,2\n"), ("a,b\n1,2", b"1,2\n"), ("\ufeffa,b\n1,2\n", b"1,2\n")],
)
def test_ends_of_lines_become_one_kind(text: str, lines: bytes) -> None:
    parts = parts_of(text)
    assert parts.columns == ["a", "b"]
    assert list(parts) == [Lines(lines, 2)]


@pytest.mark.parametrize("text", ['a,b\n"1",2\n', "a,b\r1,2\r", "a,b\n1,2\r3,4\n"])
def test_what_lines_do_not_say_alone_is_cells(text: str) -> None:
    (part,) = parts_of(text)
    assert isinstance(part, Cells)
    assert part.rows == read_by_csv(text)[1:]


def test_without_lines_all_is_cells() -> None:
    assert list(parts_of("a,b\n1,2\n", whole_lines=False)) == [Cells([["1", "2"]])]


def test_a_huge_cell_is_refused_in_both_ways() -> None:
    text = "a,b\n1," + "x" * (csv.field_size_limit() + 1) + "\n"
    for whole_lines in (True, False):
        with pytest.raises(csv.Error, match="field larger"):
            list(parts_of(text, whole_lines=whole_lines))


def long_table(quoted: str) -> str:
    """A table of several parts, with an odd row where two of them meet."""
    lines = "".join(f"{n},{n}\n" for n in range(PART_BYTES // 2))
    start = 2 * PART_BYTES - 40 - len("a,b\n")
    end = lines.index("\n", start) + 1
    return "a,b\n" + lines[:end] + quoted + lines[end:]


@pytest.mark.parametrize(
    "quoted", ['"1\n2",3\n', '"' + "1\n" * 60 + '",3\n', '7,"' + 40 * '""\n' + '"\n']
)
def test_a_cell_of_several_lines_may_lie_across_parts(quoted: str) -> None:
    text = long_table(quoted)
    assert rows_of(parts_of(text)) == read_by_csv(text)[1:]
    assert any(isinstance(part, Lines) for part in parts_of(text))


@pytest.mark.parametrize(
    ("text", "words"),
    [('a,b\n"1,2\n', "unexpected end"), (long_table('"1,2\n'), "field larger")],
)
def test_a_quote_that_is_not_closed_is_no_csv(text: str, words: str) -> None:
    with pytest.raises(csv.Error, match=words):
        rows_of(parts_of(text))


def test_a_row_of_other_cells_is_named_by_its_line() -> None:
    text = 'a,b\n1,2\n\n"3",4\n5\n'
    with pytest.raises(DataError, match="line 5 or"):
        list(parts_of(text))
    with pytest.raises(DataError, match="line 5 or"):
        list(parts_of(text, whole_lines=False))


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(UnicodeDecodeError):
        list(parts_of(b"a,b\n1,\xff\n"))


@pytest.mark.parametrize("text", ["", "\n1,2\n"])
def test_a_table_without_names_has_no_columns(text: str) -> None:
    assert parts_of(text).columns == []


@effort(max_examples=300, deadline=None)
@given(st.lists(st.lists(st.text('a1",\n\r é', max_size=4), min_size=2, max_size=2), max_size=6))
def test_any_table_is_read_as_csv_reads_it(rows: list[list[str]]) -> None:
    made = io.StringIO(newline="")
    csv.writer(made).writerows([["a", "b"], *rows])
    text = made.getvalue()
    for whole_lines in (True, False):
        assert rows_of(parts_of(text, whole_lines=whole_lines)) == read_by_csv(text)[1:]
