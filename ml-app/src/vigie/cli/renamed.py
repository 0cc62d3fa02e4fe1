"""Commands under the names that they had before: hidden, and gone with the next release."""

from __future__ import annotations

import copy

import click


def renamed(command: click.Command, old: str, new: str) -> click.Command:
    """The same command under an old name, which says on standard error what to type."""
    alias = copy.copy(command)
    alias.name = old
    alias.hidden = True
    alias.deprecated = f"Type `vigie {new}`; the old name goes with the next release."
    return alias
