"""Tables on the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def show_table(headings: Sequence[str], rows: Iterable[Sequence[str]], title: str = "") -> None:
    """Prints a table with these columns."""
    from rich.console import Console
    from rich.table import Table

    table = Table(*headings, title=title or None, title_justify="left")
    for row in rows:
        table.add_row(*row)
    Console().print(table)
