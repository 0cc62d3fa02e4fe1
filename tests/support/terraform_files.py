"""Terraform files as blocks: what stands in them, before anything is evaluated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Expression:
    """What has no value before Terraform runs, as it is written."""

    text: str


# a literal, an Expression, or a list or mapping of such; a text may hold `${…}`
Value = Any


@dataclass(frozen=True)
class Block:
    """A block with its labels, its arguments and the blocks within."""

    kind: str
    labels: tuple[str, ...] = ()
    arguments: Mapping[str, Value] = field(default_factory=dict)
    blocks: tuple[Block, ...] = ()
    is_dynamic: bool = False

    @property
    def type(self) -> str:
        """The type of a resource or of a data source."""
        return self.labels[0] if self.labels else ""

    @property
    def where(self) -> str:
        return ".".join((*self.labels,)) or self.kind

    def within(self, kind: str) -> list[Block]:
        return [block for block in self.blocks if block.kind == kind]

    def walk(self) -> Iterator[Block]:
        """This block and every one within."""
        yield self
        for block in self.blocks:
            yield from block.walk()

    def texts(self) -> Iterator[str]:
        """Every text and expression in it, at any depth."""
        for block in self.walk():
            yield from _texts(block.arguments)


def read_folder(folder: Path) -> list[Block]:
    """The blocks of every `.tf` file of a folder, by file name."""
    paths = sorted(folder.glob("*.tf"))
    return [block for path in paths for block in read_text(path.read_text(encoding="utf-8"))]


def read_text(text: str) -> list[Block]:
    """The blocks of a file."""
    import hcl2

    return list(_blocks(hcl2.loads(text)))


def resources(blocks: Iterable[Block], *types: str) -> list[Block]:
    """The resources, of these types alone where any are named."""
    found = [block for block in blocks if block.kind == "resource"]
    return [block for block in found if not types or block.type in types]


def _blocks(body: Mapping[str, Any]) -> Iterator[Block]:
    for kind, entries in body.items():
        if _is_nested(entries):
            for entry in entries:
                yield _block(kind, entry)


def _is_nested(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(_holds_block(v) for v in value)


def _holds_block(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    return "__is_block__" in value or (len(value) == 1 and _holds_block(next(iter(value.values()))))


def _block(kind: str, entry: Mapping[str, Any]) -> Block:
    labels: tuple[str, ...] = ()
    while "__is_block__" not in entry:
        ((label, entry),) = entry.items()
        labels += (label.strip('"'),)
    if kind == "dynamic":
        (content,) = entry["content"]
        inner = _block(labels[0], content)
        return Block(inner.kind, (), inner.arguments, inner.blocks, is_dynamic=True)
    arguments = {
        name: _value(value)
        for name, value in entry.items()
        if not name.startswith("__") and not _is_nested(value)
    }
    return Block(kind, labels, arguments, tuple(_blocks(entry)))


def _value(value: Any) -> Value:
    if isinstance(value, list):
        return [_value(part) for part in value]
    if isinstance(value, dict):
        pairs = {k: v for k, v in value.items() if not k.startswith("__")}
        return {name.strip('"'): _value(part) for name, part in pairs.items()}
    if isinstance(value, str):
        return value[1:-1] if value.startswith('"') else Expression(value)
    return value


def _texts(value: Value) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Expression):
        yield value.text
    elif isinstance(value, Mapping):
        for name, part in value.items():
            yield name
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
