"""Requests in the four dialects of the service, as bytes that are ready to be sent."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from load.photos import Photo
    from load.rows import Row
    from load.scenarios import Dialect
    from load.service import Model, Schema

JSON = "application/json"


@dataclass(frozen=True)
class Ask:
    """A request that callers send.

    Attributes:
        path: Where to.
        body: What, as it goes over the wire.
        media_type: Of the body.
    """

    path: str
    body: bytes
    media_type: str = JSON


def ask_rows(dialect: Dialect, model: Model, rows: Sequence[Row]) -> Ask:
    """A request for the answers to some rows."""
    path, write = _WRITTEN[dialect]
    return Ask(path.format(model=model.name), json.dumps(write(model, rows)).encode())


def ask_photo(dialect: Dialect, model: Model, photo: Photo) -> Ask:
    """A request for the answer to a photo: the file itself in our own dialect, else base64."""
    assert model.photo is not None
    if dialect == "native":
        return Ask(f"/predict/{model.name}", photo.content, photo.media_type)
    text = base64.b64encode(photo.content).decode()
    if dialect == "v2":
        tensor = {"name": model.photo, "shape": [1], "datatype": "BYTES", "data": [text]}
        return Ask(_WRITTEN["v2"][0].format(model=model.name), _dumped({"inputs": [tensor]}))
    path = _WRITTEN[dialect][0].format(model=model.name)
    return Ask(path, _dumped({"instances": [{model.photo: {"b64": text}}]}))


def _dumped(content: Any) -> bytes:
    return json.dumps(content).encode()


def _instances(_: Model, rows: Sequence[Row]) -> Any:
    return {"instances": list(rows)}


def _split(model: Model, rows: Sequence[Row]) -> Any:
    columns = _columns(model, rows)
    data = [[row.get(name) for name in columns] for row in rows]
    return {"dataframe_split": {"columns": columns, "data": data}}


def _tensors(model: Model, rows: Sequence[Row]) -> Any:
    return {
        "inputs": [
            _tensor(name, model.fields[name], [row.get(name) for row in rows])
            for name in _columns(model, rows)
        ]
    }


def _tensor(name: str, field: Schema, values: list[Any]) -> dict[str, Any]:
    shape, inner = [len(values)], values[0]
    while isinstance(inner, list):
        shape.append(len(inner))
        field, inner = field["items"], inner[0]
    kinds = field["type"] if isinstance(field["type"], list) else [field["type"]]
    datatype = next((_DATATYPES[kind] for kind in kinds if kind in _DATATYPES), "BYTES")
    return {"name": name, "shape": shape, "datatype": datatype, "data": values}


def _columns(model: Model, rows: Sequence[Row]) -> list[str]:
    """The inputs that some row has, in the order of the model."""
    return [name for name in model.fields if any(name in row for row in rows)]


_DATATYPES = {"number": "FP64", "integer": "INT64", "string": "BYTES"}
_WRITTEN: dict[Dialect, tuple[str, Callable[[Model, Sequence[Row]], Any]]] = {
    "native": ("/predict/{model}", _instances),
    "tfserving": ("/v1/models/{model}:predict", _instances),
    "v2": ("/v2/models/{model}/infer", _tensors),
    "invocations": ("/invocations", _split),
}
