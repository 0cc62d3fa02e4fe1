from __future__ import annotations

from io import StringIO

from rich.console import Console

from vigie.progress import LINE_SECONDS, Lines, ProgressRate, shown


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_pace_counts_what_this_run_did() -> None:
    clock = Clock()
    pace = ProgressRate(2000, 1000, clock)
    clock.now = 10
    assert pace.tell(1500, 36) == "50 a second, 36 failed, 0:00:10 left"
    assert ProgressRate(None, 0, clock).tell(0, 0) == "0.0 a second"


def test_a_line_every_ten_seconds() -> None:
    clock, text = Clock(), StringIO()
    lines = Lines(Console(file=text, width=20), ProgressRate(2000, 0, clock), clock=clock)
    for second in range(31):
        clock.now = second
        lines(second * 50, 0)
    shown = text.getvalue().splitlines()
    assert len(shown) == 30 / LINE_SECONDS
    assert shown[0] == "500 of 2,000 photos, 50 a second, 0:00:30 left"


def test_a_terminal_gets_a_bar() -> None:
    text = StringIO()
    console = Console(file=text, force_terminal=True, width=100)
    with shown(console, 10, 0) as show:
        show(5, 1)
    assert "5/10" in text.getvalue()
    assert "1 failed" in text.getvalue()
