"""Tables on the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_WIDEST = 10_000


def show_table(headings: Sequence[str], rows: Iterable[Sequence[str]], title: str = "") -> None:
    """Prints a table with these columns; where a word of it would be cut, a line for each value."""
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table

    console, rows = Console(), list(rows)
    table = Table(*headings, title=title or None, title_justify="left")
    for row in rows:
        table.add_row(*row)
    anywhere = console.options.update(width=_WIDEST)
    if Measurement.get(console, anywhere, table).minimum <= console.width:
        console.print(table)
        return
    widest = max(map(len, headings))
    for row in rows:
        for heading, value in zip(headings, row, strict=True):
            if value:
                console.print(f"{heading:<{widest}}  {value}", markup=False, highlight=False)
        console.print()
