"""Long texts are read as the parser reads them, and never by it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie.serving.dialects import long_texts
from vigie.serving.dialects.long_texts import LONG_TEXT, parse_long_texts

LONG = "QUJD" * LONG_TEXT
OTHER = "/9j+" * LONG_TEXT


@pytest.mark.parametrize(
    "document",
    [
        {"b64": LONG}, {"photo": {"b64": LONG}, "warmth": 2.5}, [LONG, OTHER, LONG], LONG,
        {"instances": [{"b64": LONG}, {"b64": OTHER}, {"b64": "short"}, None, True, 1]},
        {LONG: OTHER}, {"a": "ends in \\", "b": LONG}, {"a": 'says "b64": "', "b": LONG},
        {"a": LONG + '"', "b": LONG}, {"a": LONG + "ä", "b": LONG}, {"a": LONG + "\n"}, [], "",
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", [bytes, bytearray])
def test_the_document_is_the_parsers(document: Any, kind: type) -> None:
    assert parse_long_texts(kind(orjson.dumps(document))) == document
    spaced = orjson.dumps(document, option=orjson.OPT_INDENT_2)
    assert parse_long_texts(kind(spaced)) == document


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text('a"\\\n', max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text('ab"\\'), inner, max_size=4)
    ),
)


@given(JSON_VALUES)
def test_any_document_is_the_parsers(document: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(long_texts, "LONG_TEXT", 2)
        assert parse_long_texts(orjson.dumps(document)) == document


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": "' + LONG.encode(), b'{"a": "' + LONG.encode() + b'"', b"",
        b'["' + LONG.encode() + b'" "a"]', b'["' + LONG.encode() + b'\n"]',
        b'["' + LONG.encode() + b'\xff"]', b'["' + LONG.encode() + b'", NaN]',
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_of_the_body_as_it_came(body: bytes) -> None:
    with pytest.raises(orjson.JSONDecodeError) as expected:
        orjson.loads(body)
    with pytest.raises(orjson.JSONDecodeError) as told:
        parse_long_texts(body)
    assert str(told.value) == str(expected.value)


def test_the_parser_gets_no_long_text(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    loads = orjson.loads

    class Watched:
        JSONDecodeError = orjson.JSONDecodeError

        @staticmethod
        def loads(body: bytes) -> Any:
            sizes.append(len(body))
            return loads(body)

    monkeypatch.setattr(long_texts, "orjson", Watched)
    document = {"instances": [{"b64": LONG}, {"b64": OTHER}]}
    assert parse_long_texts(orjson.dumps(document)) == document
    [size] = sizes
    assert size < 200
