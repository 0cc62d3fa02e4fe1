"""A model's signature compiled: rows are read from the bytes of JSON, and checked as they are read.

What it takes is part of what `RowDecoder` takes of the parsed document, and becomes the same. All
that it does not take is for `RowDecoder`: most of that is wrong, and some needs a second look.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from msgspec import ValidationError
from msgspec.json import Decoder

from vigie.models.quick_columns import QuickColumns
from vigie.models.row_forms import Form, form_type, table_type
from vigie.models.row_types import value_type

if TYPE_CHECKING:
    from vigie.models.model_input import Input
    from vigie.models.row_forms import Make
    from vigie.models.rows import Decoded

_MOST_TABLES = 8
"""Orders of columns that are kept compiled."""


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the bytes of a body, and makes columns of the rows in it."""

    decode: Callable[[bytes | bytearray], Any]
    wrapped: bool
    make: Make
    columns: QuickColumns


class CompiledRows:
    """Reads the bodies of one model; each form of body is compiled when it is first met.

    Twice: for rows that are like those of training, and for all others that are taken.
    """

    def __init__(self, inputs: Sequence[Input]) -> None:
        self._inputs = {item.name: item for item in inputs}
        self._signatures: list[tuple[list[Any], QuickColumns]] = []
        for seen in (True, False):
            types = [value_type(item, seen) for item in inputs]
            if None not in types:
                self._signatures.append((types, QuickColumns(inputs, seen)))
        self._forms: dict[Form, list[_Reader]] = {}
        self._tables: dict[tuple[str, ...], list[_Reader]] = {}

    def read(self, body: bytes | bytearray, form: Form, most: int) -> Decoded | None:
        """The 1 to `most` rows of a body; `None` where they need another look."""
        try:
            readers = self._forms[form]
        except KeyError:
            readers = self._forms[form] = self._compiled(form)
        return _read(readers, body, most)

    def read_table(self, names: tuple[str, ...], data: bytes, most: int) -> Decoded | None:
        """The 1 to `most` rows of a list of lists, each with the values of these inputs."""
        if names not in self._tables:
            if len(self._tables) == _MOST_TABLES:
                self._tables.clear()
            self._tables[names] = self._compiled(names)
        return _read(self._tables[names], data, most)

    def _compiled(self, form: Form | tuple[str, ...]) -> list[_Reader]:
        readers = []
        for types, columns in self._signatures:
            if isinstance(form, Form):
                made, wrapped = form_type(form, self._inputs, types), form.member is not None
            else:
                made, wrapped = table_type(form, self._inputs, types), False
            if made is not None:
                readers.append(_Reader(Decoder(made[0]).decode, wrapped, made[1], columns))
        return readers


def _read(readers: Sequence[_Reader], body: bytes | bytearray, most: int) -> Decoded | None:
    for reader in readers:
        try:
            found = reader.decode(body)
            return reader.make(reader.columns, found.rows if reader.wrapped else found, most)
        except ValidationError:
            continue
        except (ValueError, RecursionError):
            return None
    return None
