"""How the name of a photo is written into a table: one line, valid UTF-8, and never ambiguous."""

from __future__ import annotations

import os
import re

_ESCAPED = re.compile("[\\\\\x00-\x1f\x7f-\x9f\u2028\u2029\udc80-\udcff]")
_SHORT = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def written_name(name: str) -> str:
    r"""The name with `\n`, `\r`, `\t` and `\\`, and `\xff` for each other byte that is no text.

    `printf %b` of a shell gives the bytes of the name back. Most names stay as they are.
    """
    return _ESCAPED.sub(_escape, name)


def by_bytes(name: str) -> bytes:
    """The key that names are sorted by, the same on every machine and in every language."""
    return os.fsencode(name)


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    return _SHORT.get(character) or "".join(f"\\x{byte:02x}" for byte in by_bytes(character))
