"""The generated halves of pages in docs/: `make docs` writes them, a test sees when one is stale.

What stands above the mark of a page is written by hand and stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import click
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from vigie.cli.contents import CONTENTS
from vigie.cli.main import main
from vigie.settings import GROUPS, variable_of
from vigie.settings.group import Group

DOCS = Path(__file__).parents[2] / "docs"
MARK = "<!-- From here on written by `make docs`. -->"
WIDTH = 100
COMPUTED = {"workers": "the cores it may use"}


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


def settings() -> str:
    """Every setting with its default and its meaning, a table a group."""
    return "\n".join(
        f"## {title}\n\n{group.__doc__}\n\n{_table_of(group)}" for title, group in GROUPS.items()
    )


def _table_of(group: type[Group]) -> str:
    rows = [
        f"| `{variable_of(name)}` | {_default_of(name, field)} | {field.description} |\n"
        for name, field in group.model_fields.items()
    ]
    return "| variable | default | meaning |\n| --- | --- | --- |\n" + "".join(rows)


def _default_of(name: str, field: FieldInfo) -> str:
    value = field.default
    if field.default_factory is not None:
        return COMPUTED[name]
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if value in (None, "", ()):
        return "none"
    if isinstance(value, bool):
        return "`on`" if value else "`off`"
    return f"`{','.join(value) if isinstance(value, tuple) else value}`"


GENERATED: Mapping[str, Callable[[], str]] = {"commands.md": commands, "settings.md": settings}


def page(name: str) -> str:
    """The whole page as it should be: what a person wrote, then what is generated."""
    written, mark, _ = (DOCS / name).read_text(encoding="utf-8").partition(MARK)
    assert mark, f"docs/{name} has no mark"
    return f"{written}{MARK}\n\n{GENERATED[name]()}"


if __name__ == "__main__":
    for name in GENERATED:
        (DOCS / name).write_text(page(name), encoding="utf-8")
