"""Log lines: one JSON object each, with nothing in them that a caller sent."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from vigie.monitoring.logs import JsonLines, TextLines, configure_logs

SECRET = "hunter2"


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    root = logging.getLogger()
    level = root.level
    yield
    root.level = level
    logging.captureWarnings(False)


def fail() -> None:
    try:
        int(SECRET)
    except ValueError as cause:
        raise LookupError(SECRET) from cause


def lines(monkeypatch: pytest.MonkeyPatch, kind: Any) -> list[str]:
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    # pytest's own would count as somebody else's
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    configure_logs(kind)
    log = logging.getLogger("vigie.request")
    log.info("one %s", "two\nthree", extra={"request_id": "r1", "traceparent": None, "rows": 2})
    try:
        fail()
    except LookupError:
        log.exception("broken")
    return written.getvalue().splitlines()


def test_a_json_line_is_one_object_and_says_what_the_schema_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = (orjson.loads(line) for line in lines(monkeypatch, "json"))
    age = datetime.now(UTC) - datetime.fromisoformat(first.pop("time"))
    assert 0 <= age.total_seconds() < 60
    assert first.pop("process") > 0
    assert first == {
        "level": "info", "logger": "vigie.request", "message": "one two\nthree",
        "request_id": "r1", "traceparent": None, "rows": 2,
    }  # fmt: skip
    assert second["level"] == "error"
    assert second["exception"][0] == "LookupError"
    assert second["exception"][2].startswith("tests.monitoring.test_logs:")
    assert "ValueError" in second["exception"]


@pytest.mark.parametrize("kind", ["text", "json"])
def test_the_text_of_an_exception_is_in_no_line(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    found = "\n".join(lines(monkeypatch, kind))
    assert "broken" in found
    assert "LookupError" in found
    assert SECRET not in found


def test_a_text_line_ends_with_what_is_known_of_the_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert "rows=2" in "".join(lines(monkeypatch, "text")[:2])


def test_every_field_of_a_line_is_documented() -> None:
    from pathlib import Path

    from vigie.monitoring.logs import FIELDS

    text = (Path(__file__).parents[2] / "docs" / "logs.md").read_text(encoding="utf-8")
    table = text[text.index("| member") :]
    for name in (*FIELDS, "time", "level", "logger", "process", "message", "exception"):
        assert f"`{name}`" in table


def test_a_record_without_anything_of_ours_is_a_line_too() -> None:
    record = logging.LogRecord("other", logging.WARNING, "x.py", 1, "plain", None, None)
    assert orjson.loads(JsonLines().format(record))["message"] == "plain"
    assert TextLines().format(record).endswith("WARNING other: plain")


def test_a_second_format_takes_the_place_of_the_first_and_of_nobody_elses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    configure_logs("text")
    configure_logs("json")
    (only,) = root.handlers
    assert isinstance(only.formatter, JsonLines)
    other = logging.NullHandler()
    monkeypatch.setattr(root, "handlers", [other])
    configure_logs("json")
    assert root.handlers == [other]
