"""Words of the command line become one row for the service."""

from __future__ import annotations

from typing import Any

import pytest

from vigie.cli.ask import parse_values
from vigie.errors import DataError

INPUTS: dict[str, Any] = {
    "surface_m2": {"type": "number"},
    "rooms": {"type": ["integer", "null"]},
    "property_type": {"type": "string"},
    "district": {"type": ["integer", "string", "null"]},
}


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("rooms=3", 3),
        ("surface_m2=54.5", 54.5),
        ("surface_m2=-1e3", -1000.0),
        ("rooms=many", "many"),
        ("rooms=", ""),
        ("surface_m2=nan", "nan"),
        ("surface_m2=1e999", "1e999"),
        ("property_type=12", "12"),
        ("property_type=a=b", "a=b"),
        ("district=2", "2"),
        ("unknown=2", "2"),
    ],
)
def test_a_word_becomes_what_its_input_takes(word: str, value: object) -> None:
    name = word.partition("=")[0]
    row = parse_values((word,), INPUTS)
    assert row == {name: value}
    assert type(row[name]) is type(value)


def test_words_become_one_row_and_a_word_without_sign_is_refused() -> None:
    assert parse_values(("rooms=3", "surface_m2=9"), INPUTS) == {"rooms": 3, "surface_m2": 9}
    assert parse_values((), INPUTS) == {}
    with pytest.raises(DataError, match="rooms is not of the form name=value"):
        parse_values(("rooms",), INPUTS)
