from __future__ import annotations

from collections.abc import Iterator
from io import StringIO

from rich.console import Console

from vigie.spark.stages import counted, stage


def test_a_stage_tells_of_itself_once_it_is_over() -> None:
    text = StringIO()
    times: Iterator[float] = iter((10.0, 12.5))
    with stage(Console(file=text, width=20), "features", lambda: next(times)) as told:
        told("2,000 photos (118 a second)")
        told("1,000 done before")
        assert not text.getvalue()
    assert text.getvalue() == "features  2,000 photos (118 a second), 1,000 done before, 2.5 s\n"


def test_a_rate_is_told_where_something_was_done() -> None:
    assert counted(2000, "photos", 17.0) == "2,000 photos (118 a second)"
    assert counted(3, "rows", 2.0) == "3 rows (1.5 a second)"
    assert counted(0, "photos", 2.0) == "0 photos"
