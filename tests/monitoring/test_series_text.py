"""Names and labels that were written once, with values that come later."""

from __future__ import annotations

import math

import orjson

from vigie.monitoring.series_text import SeriesText


def test_a_text_is_the_samples_as_json_would_have_them() -> None:
    names = [("rows", {"bin": 'a, "b"]'}), ("rows", {"bin": "é"}), ("rows_sum", {})]
    text = SeriesText(names)
    for values in ((0, 1, 2.5), (1e300, -0.0, 7)):
        wanted = [[*name, value] for name, value in zip(names, values, strict=True)]
        assert orjson.loads(b"[" + text.of(values) + b"]") == orjson.loads(orjson.dumps(wanted))


def test_what_is_no_number_is_null_as_in_json() -> None:
    assert SeriesText([("rows", {})]).of([math.nan]) == b'["rows",{},null]'
