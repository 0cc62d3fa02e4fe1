"""The generated halves of pages in docs/: `make docs` writes them, a test sees when one is stale.

What stands above the mark of a page is written by hand and stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import click

from vigie.cli.contents import CONTENTS
from vigie.cli.main import main

DOCS = Path(__file__).parents[2] / "docs"
MARK = "<!-- From here on written by `make docs`. -->"
WIDTH = 100


def commands() -> str:
    """The help of every command, in the order of the table of contents."""
    root = click.Context(main, info_name="vigie", help_option_names=["-h", "--help"])
    parts = [_help_of(main, root)]
    for section in CONTENTS:
        parts.append(f"## {section.title}\n")
        for name in section.commands:
            parts += _helps(main.commands[name], root)
    return "\n".join(parts)


def _helps(command: click.Command, parent: click.Context) -> Iterator[str]:
    context = click.Context(command, info_name=command.name, parent=parent)
    yield f"### {context.command_path}\n"
    yield _help_of(command, context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            yield from _helps(command.commands[name], context)


def _help_of(command: click.Command, context: click.Context) -> str:
    context.terminal_width = context.max_content_width = WIDTH
    return f"```\n{command.get_help(context)}\n```\n"


GENERATED: Mapping[str, Callable[[], str]] = {"commands.md": commands}


def page(name: str) -> str:
    """The whole page as it should be: what a person wrote, then what is generated."""
    written, mark, _ = (DOCS / name).read_text(encoding="utf-8").partition(MARK)
    assert mark, f"docs/{name} has no mark"
    return f"{written}{MARK}\n\n{GENERATED[name]()}"


if __name__ == "__main__":
    for name in GENERATED:
        (DOCS / name).write_text(page(name), encoding="utf-8")
