"""What MLflow wrote beside a model: its files, the names and kinds of its columns, rows of example.

Everything is read as data, a few members of it, and nothing is followed. Run it in the sandbox.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from vigie.errors import DataError, RefusedPackage

MODEL_FILES = (Path("data/model.keras"), Path("data/model.h5"))
SAVED_MODEL_FOLDERS = (Path("data/model"), Path("tf2model"))
EXAMPLE = Path("input_example.json")
MOST_YAML_BYTES = 2**20
MOST_EXAMPLE_BYTES = 16 * 2**20
MOST_COLUMNS = 10_000
MOST_EXAMPLES = 8

_KINDS = {
    "boolean": "bool", "integer": "int64", "long": "int64", "float": "float32",
    "double": "float32", "string": "string",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Column:
    """A named input of a signature; `kind` is `None` where it says nothing that counts here."""

    name: str
    kind: str | None = None
    single: bool = True


@dataclass(frozen=True, slots=True)
class Example:
    """Rows as they were logged, lists or objects by name; `names` are the columns of a table."""

    rows: tuple[Any, ...] = ()
    names: tuple[str, ...] = ()


class _PlainLoader(yaml.SafeLoader):
    """YAML without references, by which a small file can stand for a very large one."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise RefusedPackage("MLmodel refers to a part of itself")
        return super().compose_node(parent, index)


def find_model(root: Path) -> Path:
    """The Keras file or the SavedModel of a version, in the places where MLflow puts them."""
    for name in MODEL_FILES:
        if (root / name).is_file():
            return root / name
    for name in SAVED_MODEL_FOLDERS:
        if (root / name / "saved_model.pb").is_file():
            return root / name
    raise DataError("the version holds neither a Keras model nor a SavedModel")


def read_columns(root: Path) -> tuple[Column, ...]:
    """The inputs that the signature in `MLmodel` names, in its order; none where it names none."""
    path = root / "MLmodel"
    if not path.is_file():
        return ()
    if path.stat().st_size > MOST_YAML_BYTES:
        raise RefusedPackage(f"MLmodel is larger than {MOST_YAML_BYTES} bytes")
    try:
        document = yaml.load(path.read_bytes(), Loader=_PlainLoader)  # noqa: S506 -- a safe loader
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError):
        raise RefusedPackage("MLmodel is not YAML") from None
    signature = document.get("signature") if isinstance(document, dict) else None
    text = signature.get("inputs") if isinstance(signature, dict) else None
    if not isinstance(text, str):
        return ()
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise RefusedPackage("the signature in MLmodel is not JSON") from None
    if not isinstance(found, list) or not found or len(found) > MOST_COLUMNS:
        return ()
    columns = [_column(entry) for entry in found]
    named = [column for column in columns if column is not None]
    return tuple(named) if len(named) == len(columns) else ()


def _column(entry: Any) -> Column | None:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str) or not entry["name"]:
        return None
    if entry.get("type") != "tensor":
        return Column(entry["name"], _KINDS.get(str(entry.get("type"))))
    spec = entry.get("tensor-spec")
    spec = spec if isinstance(spec, dict) else {}
    dtype, shape = str(spec.get("dtype")), spec.get("shape")
    kind = None
    if dtype.startswith(("int", "uint")):
        kind = "int64"
    elif dtype in ("bool", "string", "object", "str"):
        kind = "bool" if dtype == "bool" else "string"
    elif dtype.startswith("float"):
        kind = "float32"
    return Column(entry["name"], kind, shape in ([-1], [-1, 1]))


def read_example(root: Path) -> Example:
    """The first rows of `input_example.json`; none where it has none that are understood.

    It holds a table in pandas' split form, a list of rows, or lists by the name of an input.
    """
    path = root / EXAMPLE
    if not path.is_file() or path.stat().st_size > MOST_EXAMPLE_BYTES:
        return Example()
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return Example()
    if isinstance(document, dict) and document.keys() == {"inputs"}:
        # as older releases of MLflow wrote tensors
        document = document["inputs"]
    if isinstance(document, list):
        return Example(tuple(document[:MOST_EXAMPLES]))
    if not isinstance(document, dict):
        return Example()
    names, rows = document.get("columns"), document.get("data")
    if isinstance(names, list) and isinstance(rows, list) and _are_names(names):
        return Example(tuple(rows[:MOST_EXAMPLES]), tuple(names))
    return _by_name(document)


def _by_name(document: Mapping[str, Any]) -> Example:
    if not document or not _are_names(list(document)):
        return Example()
    if not all(isinstance(values, list) for values in document.values()):
        return Example((document,), tuple(document))
    rows = itertools.islice(zip(*document.values(), strict=False), MOST_EXAMPLES)
    return Example(tuple(list(row) for row in rows), tuple(document))


def _are_names(names: Sequence[Any]) -> bool:
    return (
        0 < len(names) <= MOST_COLUMNS
        and all(isinstance(name, str) and name for name in names)
        and len(set(names)) == len(names)
    )
