"""The names of classes as people have them: in an option, or in a file."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vigie.errors import DataError

MOST_BYTES = 2**22
_NUMBERED = re.compile(r"(\d+)[\s:,]+(\S.*)")
"""As Teachable Machine writes them: `0 cat`."""


def words(text: str | None) -> tuple[str, ...]:
    """The parts of a comma-separated option."""
    return _unique([part.strip() for part in (text or "").split(",") if part.strip()])


def read_labels(text: str | None) -> tuple[str, ...]:
    """The labels of a comma-separated option, or of the file that it names.

    A file has one label a line, numbered from 0 or not, or it is JSON: a list, or objects by number
    such as Keras' `imagenet_class_index.json`.
    """
    path = Path(text or "")
    if not text or "," in text or not path.is_file():
        if text and Path(text).suffix in (".txt", ".json"):
            raise DataError(f"there is no file {text}")
        return words(text)
    if path.stat().st_size > MOST_BYTES:
        raise DataError(f"{path.name} is too large for a list of labels")
    try:
        content = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise DataError(f"{path.name} is no readable text") from None
    if path.suffix == ".json":
        return _of_json(content, path.name)
    lines = [line.strip() for line in content.splitlines() if line.strip()]
    return _unique(_without_numbers(lines), path.name)


def _without_numbers(lines: list[str]) -> list[str]:
    """The labels without their numbers, where each line begins with its own."""
    found = [_NUMBERED.fullmatch(line) for line in lines]
    named = [each[2] for place, each in enumerate(found) if each and int(each[1]) == place]
    return named if len(named) == len(lines) else lines


def _of_json(content: str, name: str) -> tuple[str, ...]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise DataError(f"{name} is not JSON") from None
    if isinstance(document, dict):
        document = _by_number(document, name)
    if not isinstance(document, list) or not all(isinstance(one, str) for one in document):
        raise DataError(f"{name} is neither a list of labels nor labels by their number from 0")
    return _unique(document, name)


def _by_number(document: dict[str, Any], name: str) -> list[Any]:
    """The labels of objects by number; one that two classes of ImageNet share gets its own id."""
    values = [document.get(str(place)) for place in range(len(document))]
    pairs = [value for value in values if isinstance(value, list) and len(value) == 2]
    if not pairs or len(pairs) != len(values):
        return values
    shared = Counter(str(label) for _, label in pairs)
    return [f"{label} ({id_})" if shared[str(label)] > 1 else str(label) for id_, label in pairs]


def _unique(parts: Sequence[str], where: str = "a list of names") -> tuple[str, ...]:
    twice = [part for part, count in Counter(parts).items() if count > 1]
    if twice:
        raise DataError(f"{where} has the same name twice: {twice[0][:60]}")
    return tuple(parts)
