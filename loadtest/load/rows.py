"""Rows that callers send: the model's own examples, varied, or those of a CSV file."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from load.failure import LoadError

if TYPE_CHECKING:
    from load.service import Model, Schema

Row = dict[str, Any]

VARIED = 0.2
"""A number is up to so much less or more than its example."""


def varied_rows(model: Model, chance: random.Random) -> Iterator[Row]:
    """The model's examples for ever, numbers varied within its limits."""
    missing = sorted(name for name in model.required if not _examples(model.fields[name]))
    if missing:
        raise LoadError(
            f"{model.name} gives no example of {', '.join(missing)}: name a file of rows by --table"
        )
    known = {name: field for name, field in model.fields.items() if _examples(field)}
    while True:
        yield {name: _varied(field, chance) for name, field in known.items()}


def csv_rows(model: Model, path: Path) -> list[Row]:
    """The rows of a CSV file whose first line names the inputs; other columns are left out.

    Raises:
        LoadError: The file cannot be read, lacks an input, or a cell is not of its type.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            lines = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LoadError(f"{path} cannot be read as CSV: {type(error).__name__}") from error
    if not lines:
        raise LoadError(f"{path} has no rows")
    absent = sorted(model.required - lines[0].keys())
    if absent:
        raise LoadError(f"{path} has no column {', '.join(absent)}, which {model.name} needs")
    return [_row(model, line, f"{path}, row {number}") for number, line in enumerate(lines, 1)]


def _row(model: Model, line: dict[str, Any], where: str) -> Row:
    row = {}
    for name, field in model.fields.items():
        text = line.get(name)
        if text is None or text == "":
            continue
        try:
            row[name] = _value(field, text)
        except ValueError:
            raise LoadError(f"{where}: {name} is not of the type {_kinds(field)[0]}") from None
    return row


def _value(field: Schema, text: str) -> float | int | str:
    kinds = _kinds(field)
    if "number" in kinds:
        return float(text)
    return int(float(text)) if "integer" in kinds else text


def _varied(field: Schema, chance: random.Random) -> Any:
    value = _examples(field)[0]
    if "enum" in field or "number" not in _kinds(field) or isinstance(value, list):
        return value
    varied = value * chance.uniform(1 - VARIED, 1 + VARIED)
    return min(max(varied, field.get("minimum", varied)), field.get("maximum", varied))


def _kinds(field: Schema) -> list[str]:
    kinds = field.get("type", [])
    return [kinds] if isinstance(kinds, str) else list(kinds)


def _examples(field: Schema) -> list[Any]:
    return list(field.get("examples", ()))
