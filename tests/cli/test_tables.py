"""Tables on the terminal: no figure is ever cut."""

from __future__ import annotations

import pytest

from vigie.cli.log import HEADINGS
from vigie.cli.tables import show_table

ROW = (
    "12", "(all)", "220,713", "7,140", "3.2%", "22,041.5", "30,118.9", "12.8%", "", "9.9%",
    "2 days, 0:04:11",
)  # fmt: skip


@pytest.mark.parametrize("width", ["60", "80", "200"])
def test_no_figure_is_cut(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: str
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    show_table(HEADINGS, [ROW, ROW])
    said = capsys.readouterr().out
    assert "…" not in said
    assert max(map(len, said.splitlines())) <= int(width)
    for value in ROW:
        for word in value.split():
            assert said.count(word) >= 2


def test_a_table_that_fits_is_a_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    show_table(HEADINGS, [ROW])
    assert "┃ version ┃" in capsys.readouterr().out
