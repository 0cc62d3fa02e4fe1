"""Holds the files of `Iac/` against the schema of the provider: names, types, what is required."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from support.terraform_files import Block, Expression, Value

META = {"count", "for_each", "depends_on", "provider"}
META_BLOCKS = {"lifecycle", "connection", "provisioner"}
KINDS = {"resource": "resource_schemas", "data": "data_source_schemas"}


def read_schema(path: Path) -> tuple[str, Mapping[str, Any]]:
    """The provider's address and its schemas."""
    ((source, schemas),) = json.loads(path.read_text(encoding="utf-8"))["provider_schemas"].items()
    return source, schemas


def findings(blocks: Iterable[Block], schemas: Mapping[str, Any]) -> list[str]:
    """What the provider would not take, a line each."""
    found: list[str] = []
    for block in blocks:
        if block.kind in KINDS:
            schema = schemas[KINDS[block.kind]].get(block.type)
            if schema is None:
                found.append(f"{block.where}: there is no {block.kind} {block.type}")
            else:
                found += _check(block, schema["block"], block.where, META, META_BLOCKS)
        elif block.kind == "provider":
            found += _check(block, schemas["provider"]["block"], "provider", {"alias"}, set())
    return found


def _check(
    block: Block, schema: Mapping[str, Any], where: str, meta: set[str], meta_blocks: set[str]
) -> Iterator[str]:
    attributes, nested = schema["attributes"], schema.get("block_types", {})
    for name, value in block.arguments.items():
        if name in attributes:
            yield from _check_argument(attributes[name], value, f"{where}.{name}")
        elif name not in meta:
            yield f"{where}.{name}: " + ("is a block" if name in nested else "is no argument")
    for name, attribute in attributes.items():
        if attribute.get("required") and name not in block.arguments:
            yield f"{where}.{name}: is missing"
    for inner in block.blocks:
        if inner.kind in nested:
            below = nested[inner.kind]["block"]
            yield from _check(inner, below, f"{where}.{inner.kind}", set(), set())
        elif inner.kind not in meta_blocks:
            yield f"{where}.{inner.kind}: is no block"
    for name, rule in nested.items():
        yield from _check_number(block.within(name), rule, f"{where}.{name}")


def _check_argument(attribute: Mapping[str, Any], value: Value, where: str) -> Iterator[str]:
    if attribute.get("computed"):
        yield f"{where}: is read only"
    elif not _fits(value, attribute["type"]):
        yield f"{where}: is no {_name(attribute['type'])}"


def _check_number(found: list[Block], rule: Mapping[str, Any], where: str) -> Iterator[str]:
    if len(found) < rule.get("min_items", 0):
        yield f"{where}: is missing"
    fixed = [block for block in found if not block.is_dynamic]
    if len(fixed) > rule.get("max_items", len(fixed)):
        yield f"{where}: stands there {len(fixed)} times"


def _fits(value: Value, kind: Any) -> bool:
    if value is None or kind == "dynamic" or isinstance(value, Expression):
        return True
    if isinstance(kind, list):
        collection, element = kind
        if collection == "map":
            return isinstance(value, dict) and all(_fits(v, element) for v in value.values())
        return isinstance(value, list) and all(_fits(v, element) for v in value)
    if kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, {"string": str, "bool": bool}[kind])


def _name(kind: Any) -> str:
    return kind if isinstance(kind, str) else " of ".join(kind)
