"""A provider of Terraform that knows its schema, some forms of values and nothing else.

`terraform validate` and `terraform test` with mocks ask a provider for no more, so both run without
the real one: Terraform attaches to a server that is there already (`TF_REATTACH_PROVIDERS`).
Which forms it looks at, and that it looks at no others, `validate` says as a warning.
An optional argument counts as computed too: the bindings do not say which are, and a mock gives
a value to what is.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
import msgspec

from support.provider_forms import FORMS, wrong_forms

ERROR, WARNING = 1, 2
NESTING = {"single": 1, "list": 2, "set": 3}


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value) if value else b""


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _attribute(name: str, attribute: Mapping[str, Any]) -> bytes:
    optional = attribute.get("optional", False)
    return (
        _bytes(1, name.encode())
        + _bytes(2, json.dumps(attribute["type"]).encode())
        + _number(4, attribute.get("required", False))
        + _number(5, optional)
        + _number(6, optional or attribute.get("computed", False))
    )


def _nested(name: str, nested: Mapping[str, Any]) -> bytes:
    return (
        _bytes(1, name.encode())
        + _bytes(2, _block(nested["block"]))
        + _number(3, NESTING[nested["nesting_mode"]])
        + _number(4, nested.get("min_items", 0))
        + _number(5, nested.get("max_items", 0))
    )


def _block(block: Mapping[str, Any]) -> bytes:
    attributes = b"".join(_bytes(2, _attribute(*item)) for item in block["attributes"].items())
    nested = block.get("block_types", {})
    return attributes + b"".join(_bytes(3, _nested(*item)) for item in nested.items())


def _schema(schema: Mapping[str, Any]) -> bytes:
    return _number(1, schema["version"]) + _bytes(2, _block(schema["block"]))


def encode(schemas: Mapping[str, Any]) -> bytes:
    """The answer to `GetProviderSchema`; takes what `terraform providers schema -json` writes."""
    found = _bytes(1, _schema(schemas["provider"]))
    for field, kind in ((2, "resource_schemas"), (3, "data_source_schemas")):
        for name, schema in schemas[kind].items():
            found += _bytes(field, _bytes(1, name.encode()) + _bytes(2, _schema(schema)))
    return found


def _parts(message: bytes) -> dict[int, bytes]:
    """The texts and messages within a message, by number; nothing asked here has a field twice."""
    found: dict[int, bytes] = {}
    place = 0
    while place < len(message):
        key, place = _read_varint(message, place)
        size, place = _read_varint(message, place)
        if key & 7 == 2:
            found[key >> 3] = message[place : place + size]
            place += size
    return found


def _read_varint(message: bytes, place: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = message[place]
        number |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if not byte & 0x80:
            return number, place


def _diagnostic(severity: int, summary: str, argument: str = "") -> bytes:
    said = _number(1, severity) + _bytes(2, summary.encode())
    if argument:
        said += _bytes(4, _bytes(1, _bytes(1, argument.encode())))
    return said


def _check_provider(_: bytes, __: Any) -> bytes:
    names = ", ".join(FORMS)
    said = f"This is a stand-in: it looks at the form of {names} and of nothing else"
    return _bytes(2, _diagnostic(WARNING, said))


def _check_resource(request: bytes, _: Any) -> bytes:
    asked = _parts(request)
    arguments = msgspec.msgpack.decode(_parts(asked[2])[1])
    found = wrong_forms(asked[1].decode(), arguments)
    return b"".join(_bytes(1, _diagnostic(ERROR, text, name)) for name, text in found)


def _methods(schema: bytes) -> Any:
    answers = {
        "GetProviderSchema": lambda _, __: schema,
        "ValidateProviderConfig": _check_provider,
        "ValidateResourceConfig": _check_resource,
        "ValidateDataResourceConfig": lambda _, __: b"",
    }
    handlers = {name: grpc.unary_unary_rpc_method_handler(one) for name, one in answers.items()}
    return grpc.method_handlers_generic_handler("tfplugin6.Provider", handlers)


@contextmanager
def attached(source: str, schemas: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """The environment with which Terraform finds this provider, while the block lasts."""
    server = grpc.server(ThreadPoolExecutor(4), handlers=[_methods(encode(schemas))])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    place = {"Network": "tcp", "String": f"127.0.0.1:{port}"}
    how = {"Protocol": "grpc", "ProtocolVersion": 6, "Pid": os.getpid(), "Test": True}
    try:
        yield {"TF_REATTACH_PROVIDERS": json.dumps({source: how | {"Addr": place}})}
    finally:
        server.stop(None).wait()
