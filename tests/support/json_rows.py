"""JSON of rows as callers write it, good and spoiled, for tests that compare two readers of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from vigie.models.feeds import feeds_of
from vigie.models.model_input import Input
from vigie.models.rows import Decoded

NUMBERS = [
    "0", "-0", "1", "2", "3", "7", "-1", "1.0", "2.0", "-0.0", "0.5", "1e0", "1E2", "10", "9",
    "9.0", "50", "54", "1000", "1000.0000000001", "0.1", "5e-324", "1e-400", "1e400", "-1e400",
    "1e39", "3.4028234663852886e38", "3.4028235e38", "16777217", "9007199254740991",
    "9007199254740992", "9007199254740993", "-9007199254740993", "9223372036854774784",
    "9223372036854775807", "9223372036854775808", "-9223372036854775809", "18446744073709551615",
    "18446744073709551616", "123456789012345678901234567890", "0.30000000000000004",
    "1.7976931348623157e308", "01", "1.", ".5", "+1", "NaN", "Infinity", "-Infinity",
]  # fmt: skip
OTHERS = [
    "true", "false", "null", '"1"', '"2"', '"01"', '"-3"', '"apartment"', '"house"', '"castle"',
    '"\\u0061partment"', '"été"', '"\\u00e9t\\u00e9"', '"\\ud83d\\ude00"', '"\\ud800"', '"\\u0000"',
    '"a\\"b\\\\"', f'"{"long" * 500}"', '""', "[]", "[1]", "[1, 2]", "[1, 2.0]", "[0, 5.5, 10]",
    "[1, null, 2]", "[1, true, 2]", "[[1, 2], [3, 4]]", "[[1, 2], [3]]", '["a", "é"]', '["a", 1]',
    "[[3]]", "{}", '{"b64": "YQ=="}', '{"x": 1}', '"', "tru", "[1,]",
]  # fmt: skip
"""Fragments that some input takes, and some that none does."""

_SPACE = st.sampled_from(["", "", "", " ", "\n", "\t\r "])
_ANY = (
    st.sampled_from([*NUMBERS, *OTHERS])
    | st.integers(-(2**70), 2**70).map(str)
    | st.floats(allow_nan=False, allow_infinity=False).map(repr)
    | st.text(max_size=5).map(json.dumps)
    | st.text(max_size=5).map(lambda text: json.dumps(text, ensure_ascii=False))
)
_GOOD = {
    "float32": ["0.5", "1", "3.25", "9", "2e0", "-0.0"],
    "int64": ["1", "2", "3", "0"],
    "string": ['"apartment"', '"house"', '"\\u0061partment"', '"1"'],
}


def fragments(item: Input) -> st.SearchStrategy[str]:
    """A value of an input: mostly one that it takes."""
    if item.shape:
        good = st.sampled_from(["[1, 2]", "[0, 5.5, 10]", "[[1, 2], [3, 4]]", '["a", "é"]'])
    elif item.dtype == "int64" and item.tensor == "string":
        good = st.sampled_from(["1", "2", '"2"', "7"])
    else:
        good = st.sampled_from(_GOOD[item.dtype])
        if item.name == "surface_m2":
            good = st.sampled_from(["54", "54.5", "900.25", "9", "12"])
    example = st.just(json.dumps(item.example))
    return st.one_of(good, good, good, good, good, good, good, good, good, example, _ANY)


@st.composite
def objects(draw: st.DrawFn, inputs: Sequence[Input]) -> str:
    """A row as an object: in any order, now and then with a name twice, one more, or one less."""
    names = draw(st.permutations([item.name for item in inputs]))
    by_name = {item.name: item for item in inputs}
    if draw(st.integers(0, 9)) == 0:
        names = names[:-1]
    extra = draw(st.integers(0, 19))
    if extra == 0:
        names = [*names, names[0] if names else "more"]
    elif extra == 1:
        names = [*names, "more"]
    parts = []
    for name in names:
        item = by_name.get(name)
        if item is not None and not item.required and draw(st.integers(0, 3)) == 0:
            if draw(st.booleans()):
                parts.append(f'"{name}":{draw(_SPACE)}null')
            continue
        value = draw(fragments(item) if item else _ANY)
        parts.append(f'{draw(_SPACE)}"{name}"{draw(_SPACE)}:{draw(_SPACE)}{value}')
    return "{" + ",".join(parts) + draw(_SPACE) + "}"


@st.composite
def lists(draw: st.DrawFn, inputs: Sequence[Input]) -> str:
    """A row as a list of its values, now and then with one more or one less."""
    values = [draw(fragments(item)) for item in inputs]
    wrong = draw(st.integers(0, 19))
    if wrong == 0:
        values = values[:-1]
    elif wrong == 1:
        values.append(draw(_ANY))
    return "[" + ", ".join(values) + "]"


def listed(rows: st.SearchStrategy[str], most: int = 4) -> st.SearchStrategy[str]:
    """A list of rows: few, or some of them again and again."""
    few = st.lists(rows, max_size=most)
    many = st.tuples(st.lists(rows, min_size=1, max_size=2), st.integers(8, 12)).map(
        lambda some: some[0] * some[1]
    )
    return (few | many).map(lambda parts: "[" + ", ".join(parts) + "]")


@st.composite
def columns(draw: st.DrawFn, inputs: Sequence[Input]) -> str:
    """An object with a list per input, mostly of one length."""
    rows, parts = draw(st.integers(0, 3) | st.integers(16, 18)), []
    for item in inputs:
        if not item.required and draw(st.integers(0, 3)) == 0:
            continue
        here = rows + (draw(st.integers(0, 19)) == 0)
        value = draw(st.lists(fragments(item), min_size=1, max_size=3))
        parts.append(f'"{item.name}": [{", ".join((value * here)[:here])}]')
    return "{" + ", ".join(parts) + "}"


def require_same(one: Decoded, other: Decoded, inputs: Sequence[Input]) -> None:
    """Fails unless both say the same, and a graph would be fed the same bits."""
    assert one.rows == other.rows
    assert one.columns.keys() == other.columns.keys()
    for name, values in one.columns.items():
        assert _plain(values) == _plain(other.columns[name]), name
    assert (one.outside, one.missing, one.figures) == (other.outside, other.missing, other.figures)
    feeds, others = feeds_of(inputs, one.columns), feeds_of(inputs, other.columns)
    for name, feed in feeds.items():
        assert feed.dtype == others[name].dtype
        assert feed.tolist() == others[name].tolist()
        if feed.dtype != object:
            assert feed.tobytes() == others[name].tobytes(), name


def _plain(values: Any) -> list[Any]:
    return values.tolist() if isinstance(values, np.ndarray) else list(values)
