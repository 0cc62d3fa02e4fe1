"""Instructions are counted, whatever else the machine does; here of the least server there is."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bench import instructions
from bench.forms import Forms
from bench.instructions import measure_instructions
from bench.rows.contenders import LIMIT
from bench.rows.loads import MANY, ONE


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough for a count."""
    monkeypatch.setattr(instructions, "COUNTED", (LIMIT,))
    monkeypatch.setattr(instructions, "IDLE_SECONDS", 0.5)
    monkeypatch.setattr(instructions, "TIMES", {ONE: 64, MANY: 8})


def test_nothing_is_counted_without_callgrind(
    forms: Forms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert measure_instructions(forms, tmp_path, print) is None


@pytest.mark.skipif(shutil.which("callgrind_control") is None, reason="needs valgrind")
def test_a_request_takes_some_thousands_however_many_ask(forms: Forms, tmp_path: Path) -> None:
    counts = measure_instructions(forms, tmp_path, print)
    assert counts is not None
    one, many = counts[LIMIT][ONE], counts[LIMIT][MANY]
    assert 2_000 < one < 100_000
    assert 2_000 < many < 100_000
