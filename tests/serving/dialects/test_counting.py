"""What a body holds is counted as a parser would, from its bytes."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from support.kinds_of_input import MATRIX, NUMBER, TEXT
from vigie.models.model_input import Input
from vigie.serving.dialects import counting
from vigie.serving.dialects.counting import LEAST_LISTS, LEAST_VALUES, holds_more, lines_in, rows_in

TEXTS = st.text(st.sampled_from('a",\\[]{}é\n'), max_size=6)
JSON = st.recursive(
    st.none() | st.integers(0, 9) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=12,
)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that texts and lists go on from one to the next."""
    monkeypatch.setattr(counting, "_PIECE", 7)


@effort(max_examples=200, deadline=None)
@given(st.lists(JSON, min_size=1, max_size=6))
def test_rows_are_those_that_a_parser_finds(rows: list[Any]) -> None:
    assert rows_in(json.dumps(rows).encode()) == len(rows)
    assert rows_in(json.dumps(rows, ensure_ascii=False, indent=1).encode()) == len(rows)


CELLS = st.text(st.sampled_from("a1 ,\"'\n\r"), max_size=4)


@effort(max_examples=200, deadline=None)
@given(
    st.lists(st.lists(CELLS, min_size=1, max_size=3), max_size=6),
    st.sampled_from(["\n", "\r\n", "\r", "\n\n"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_lines_are_those_that_a_reader_finds(rows: list[list[str]], end: str, quoting: Any) -> None:
    file = io.StringIO(newline="")
    csv.writer(file, lineterminator=end, quoting=quoting).writerows(rows)
    text = file.getvalue()
    found = [line for line in csv.reader(io.StringIO(text, newline="")) if line]
    assert lines_in(text.encode()) == len(found)
    assert lines_in(text.rstrip("\r\n").encode()) == len(found) or text.rstrip("\r\n") == ""


@pytest.mark.parametrize(
    ("inputs", "rows", "body", "more"),
    [
        ([NUMBER], 10, b"[" + b"[]," * LEAST_LISTS + b"[]]", True),
        ([NUMBER], 10, b"[" + b"[]," * (LEAST_LISTS - 2) + b"[]]", False),
        ([NUMBER], 10, b"[" + b"{}," * LEAST_LISTS + b"{}]", True),
        ([NUMBER], 10, b"[" + b"1," * LEAST_VALUES + b"1]", False),
        ([NUMBER], 10, b"[" + b"1," * (LEAST_VALUES + 1) + b"1]", True),
        ([TEXT], 10, b'["' + b"[]," * LEAST_LISTS + b'"]', False),
        ([TEXT], 10, b'["\\"' + b"[]," * LEAST_LISTS + b'"]', False),
        ([TEXT], 10, b'["\\\\",' + b"[]," * LEAST_LISTS + b"1]", True),
        ([MATRIX], LEAST_LISTS, b"[" + b"[[1,2],[3,4]]," * LEAST_LISTS + b"[]]", False),
        ([MATRIX], 10, b"[" + b"[[1,2],[3,4]]," * LEAST_LISTS + b"[]]", True),
    ],
)
def test_more_than_can_be_right_is_told_from_the_bytes(
    inputs: list[Input], rows: int, body: bytes, more: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "_PIECE", 2**16 + 1)
    assert holds_more(body, inputs, rows) is more


def test_a_small_body_is_not_looked_at() -> None:
    assert not holds_more(b"[" * counting.SMALL_BODY, [NUMBER], 1)
