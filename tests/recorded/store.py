"""The recording: one JSON file per part of the corpus, made to be read in a diff."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "answers"
MOST_SHOWN = 4000
"""Bytes of a request beyond which its digest stands for them."""
LONGEST_LINE = 100

Entry = dict[str, Any]
"""What was sent, and what each transport said: `answer`, and `without the fast lane`."""


def file_of(part: str) -> Path:
    """Where a part of the corpus is kept."""
    return FOLDER / f"{part.replace(' ', '-')}.json"


def read(part: str) -> dict[str, Entry]:
    """The recorded entries by the names of their requests; none where nothing was recorded."""
    path = file_of(part)
    found: dict[str, Entry] = json.loads(path.read_text()) if path.exists() else {}
    return found


def write(part: str, entries: Mapping[str, Entry]) -> None:
    """Keeps the entries of a part in place of those before."""
    FOLDER.mkdir(exist_ok=True)
    text = json.dumps(entries, indent=1, ensure_ascii=False)
    file_of(part).write_text(text + "\n", newline="\n")


def as_sent(pieces: tuple[bytes, ...]) -> list[Any]:
    """What was sent, as it is kept."""
    return [
        as_lines(piece)
        if len(piece) <= MOST_SHOWN
        else {
            "begins": as_lines(piece[:200]),
            "bytes": len(piece),
            "sha256": hashlib.sha256(piece).hexdigest(),
        }
        for piece in pieces
    ]


def as_lines(content: str | bytes) -> list[str] | dict[str, str]:
    """A text as lines that give it when joined; base64 of bytes that are no text."""
    try:
        text = content if isinstance(content, str) else content.decode()
    except UnicodeDecodeError as failure:
        return {"base64": base64.b64encode(failure.object).decode()}
    return [part for line in text.splitlines(keepends=True) for part in _folded(line)]


def joined(kept: list[str] | dict[str, str]) -> str | bytes:
    """The inverse of `as_lines`."""
    return "".join(kept) if isinstance(kept, list) else base64.b64decode(kept["base64"])


def _folded(line: str) -> list[str]:
    """A long line of JSON, cut behind its commas and braces."""
    if len(line) <= LONGEST_LINE:
        return [line]
    lines = [""]
    for piece in re.findall(r'.*?(?:[,{\[](?=["{\[])|[}\]],)|.+', line, re.DOTALL):
        if len(lines[-1]) + len(piece) > LONGEST_LINE:
            lines.append("")
        lines[-1] += piece
    return [one for one in lines if one]
