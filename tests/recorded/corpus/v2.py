"""The Open Inference Protocol: tensors in JSON and in binary, good ones and broken ones."""

from __future__ import annotations

import struct
from typing import Any

from recorded.corpus.native import FLOWER
from recorded.request import JSON, Request, dumps, numbered, post

V2, V2_HALF = "/v2/models/housing/infer", "/v2/models/half_plus_two/infer"
Tensor = dict[str, Any]


def tensor(name: str, datatype: str, data: Any, shape: list[int] | None = None) -> Tensor:
    """A tensor with its data."""
    return {"name": name, "datatype": datatype, "shape": shape or [len(data)], "data": data}


def sized(name: str, datatype: str, shape: list[int], size: Any) -> Tensor:
    """A tensor whose data stands behind the JSON."""
    parameters = {"binary_data_size": size}
    return {"name": name, "datatype": datatype, "shape": shape, "parameters": parameters}


def homes(**changes: Tensor) -> list[Tensor]:
    """The tensors of two homes; a changed one takes the place of its input."""
    tensors = {
        "surface_m2": tensor("surface_m2", "FP32", [54, 54.0]),
        "rooms": tensor("rooms", "INT64", [3, 3]),
        "property_type": tensor("property_type", "BYTES", ["apartment", "house"]),
    }
    return list({**tensors, **changes}.values())


def x(datatype: str, data: Any, shape: list[int] | None = None) -> Tensor:
    """The request of the model with one input."""
    return {"inputs": [tensor("x", datatype, data, shape)]}


FLAT = [1, 2, 3, 4, 5, 3, 4, 1, 2, 5]


def signals(**changes: Tensor) -> Tensor:
    """Two rows of `sensors`."""
    tensors = {
        "tag": tensor("tag", "BYTES", [["foo"], ["bar"]], [2, 1]),
        "signal": tensor("signal", "FP32", FLAT, [2, 5]),
        "sensor": tensor("sensor", "INT32", [1, 2, 3, 4, 4, 5, 6, 8], [2, 2, 2]),
    }
    return {"inputs": list({**tensors, **changes}.values())}


def in_json() -> list[Request]:
    """Tensors in JSON."""
    flowers = [tensor(name, "FP64", [value]) for name, value in FLOWER.items()]
    numbers = {
        "BOOL": True, "INT8": 127, "INT16": -32768, "INT32": 7, "INT64": 2**40, "UINT8": 255,
        "UINT16": 65535, "UINT32": 2**32 - 1, "UINT64": 2**50, "FP16": 0.5, "FP32": -1.5,
        "FP64": 0.25,
    }  # fmt: skip
    rooms = tensor("rooms", "INT64", [3, 3])
    good: list[tuple[str, object]] = [
        (V2, {"id": "42", "inputs": homes()}),
        (V2, {"inputs": homes()}),
        ("/v2/models/housing/versions/1/infer", {"inputs": homes()}),
        ("/v2/models/housing/versions/9/infer", {"inputs": homes()}),
        ("/v2/models/castle/infer", {"inputs": homes()}),
        ("/v2/models/duel/versions/2/infer", {"inputs": homes()}),
        ("/v2/models/iris/infer", {"inputs": flowers}),
        ("/v2/models/iris/infer", {"inputs": flowers, "outputs": [{"name": "label"}]}),
        ("/v2/models/iris/infer", {"inputs": flowers, "outputs": []}),
        ("/v2/models/sensors/infer", signals()),
        (
            "/v2/models/sensors/infer",
            signals(signal=tensor("signal", "FP64", [FLAT[:5], FLAT[5:]], [2, 5])),
        ),
        (
            "/v2/models/sensors/infer",
            signals(signal=tensor("signal", "FP64", [*FLAT[:9], 1e39], [2, 5])),
        ),
        ("/v2/models/sensors/infer", signals() | {"outputs": [{"name": "kind"}]}),
        ("/v2/models/appraisal/infer", {"inputs": homes()}),
        ("/v2/models/figures/infer", x("FP64", [0.1, -1234.5])),
        ("/v2/models/place/infer", {"inputs": [tensor("v", "FP32", [1, 2, 3, 4], [1, 2, 2])]}),
        (
            "/v2/models/brittle/infer",
            {"inputs": [tensor("x", "FP32", [0]), tensor("place", "INT64", [0])]},
        ),
        (V2, {"inputs": homes(district=tensor("district", "INT32", [2, None]))}),
        (V2, {"inputs": homes(district=tensor("district", "BYTES", ["2", None]))}),
        (V2, {"inputs": homes(land_m2=tensor("land_m2", "FP32", [None, 100]))}),
    ]
    good += [(V2_HALF, x(datatype, [sent])) for datatype, sent in numbers.items()]
    refused: list[tuple[str, Any]] = [
        ("INT8", 128), ("INT16", -32769), ("UINT8", -1), ("UINT64", 2**64), ("INT64", 1.0),
        ("INT64", True), ("BOOL", 1), ("FP16", 65536), ("FP32", 1e39), ("FP64", 1e39),
        ("FP64", "x"), ("FP64", float("nan")), ("FP64", float("-inf")), ("FP64", None),
        ("BYTES", "1"), ("BF16", 1), ("x", 1),
    ]  # fmt: skip
    wrong: list[tuple[str, object]] = [
        (V2_HALF, x(datatype, [{"BOOL": True, "BYTES": "1"}.get(datatype, 1), sent]))
        for datatype, sent in refused
    ]
    classes = {"classification": 2}
    bodies: list[object] = [
        b"{", b"", b"\xff", [], {}, {"inputs": []}, {"inputs": [3]}, {"inputs": [{}]},
        {"inputs": [{"data": []}]}, {"inputs": homes()[1:]}, {"inputs": [*homes(), rooms]},
        {"inputs": [rooms | {"name": "castle"}]}, {"inputs": [rooms | {"shape": [0]}]},
        {"inputs": [rooms | {"shape": [10**6]}]}, {"inputs": [rooms | {"shape": [10**12]}]},
        {"inputs": [rooms | {"shape": []}]}, {"inputs": [rooms | {"shape": [-1]}]},
        {"inputs": [rooms | {"shape": [True]}]}, {"inputs": [rooms | {"shape": [1] * 17}]},
        {"inputs": [rooms | {"shape": [1, 2]}]}, {"inputs": [rooms | {"shape": [3]}]},
        {"inputs": [rooms | {"data": [[3], 3]}]}, {"inputs": [rooms | {"data": "3"}]},
        {"inputs": [rooms | {"parameters": 3}]},
        {"inputs": homes(land_m2=tensor("land_m2", "FP32", [1]))},
        {"inputs": homes(rooms=tensor("rooms", "INT64", [3, 51]))},
        {"inputs": homes(), "id": 3}, {"inputs": homes(), "id": "a" * 129},
        {"inputs": homes(), "id": "a" * 128}, {"inputs": homes(), "parameters": []},
        {"inputs": homes(), "outputs": {}}, {"inputs": homes(), "outputs": ["x"]},
        {"inputs": homes(), "outputs": [{"name": "x"}]},
        {"inputs": homes(), "outputs": [{"name": "price_eur"}] * 2},
        {"inputs": homes(), "outputs": [{"name": "price_eur", "parameters": classes}]},
        {"inputs": homes(), "parameters": {"binary_data_output": 1}},
    ]  # fmt: skip
    wrong += [(V2, body) for body in bodies]
    return numbered("tensors", good) + numbered("tensors, wrong", wrong)


def texts(*found: str) -> bytes:
    """Texts as binary data."""
    parts = [text.encode() for text in found]
    return b"".join(len(part).to_bytes(4, "little") + part for part in parts)


def binary(
    name: str, path: str, document: object, *parts: bytes, length: str | None = None
) -> Request:
    """JSON with binary data behind it."""
    head = dumps(document)
    headers = {"Content-Type": JSON, "Inference-Header-Content-Length": length or str(len(head))}
    return post(name, path, b"".join([head, *parts]), headers)


def in_binary() -> list[Request]:
    """Tensors as binary data, both ways."""
    kinds = texts("apartment", "house")
    surfaces = struct.pack("<2f", 54, 54)
    whole = [
        sized("surface_m2", "FP32", [2, 1], 8),
        sized("property_type", "BYTES", [2], len(kinds)),
        tensor("rooms", "INT64", [3, 3]),
    ]
    output = {"parameters": {"binary_data_output": True}}
    some = {
        "outputs": [
            {"name": "label", "parameters": {"binary_data": True}},
            {"name": "probabilities"},
        ]
    }
    flowers = [tensor(name, "FP32", [value]) for name, value in FLOWER.items()]
    requests = [
        binary("binary in and out", V2, {"inputs": whole, **output}, surfaces, kinds),
        binary("binary in", V2, {"inputs": whole}, surfaces, kinds),
        post("binary out", V2, {"inputs": homes(), **output}),
        post("binary label", "/v2/models/iris/infer", {"inputs": flowers, **some}),
        post("binary tensors", "/v2/models/sensors/infer", signals() | output),
        binary("no binary after all", V2, {"inputs": homes()}),
    ]
    codes = {
        "BOOL": "2?", "INT8": "2b", "INT16": "<2h", "INT32": "<2i", "INT64": "<2q", "UINT8": "2B",
        "UINT16": "<2H", "UINT32": "<2I", "UINT64": "<2Q", "FP16": "<2e", "FP32": "<2f",
        "FP64": "<2d",
    }  # fmt: skip
    for datatype, code in codes.items():
        data = struct.pack(code, 1, 0)
        asked = {"inputs": [sized("x", datatype, [2], len(data))], **output}
        requests.append(binary(f"binary {datatype}", V2_HALF, asked, data))
    good = struct.pack("<2f", 1, 2)
    one = sized("x", "FP32", [2], 8)
    cases: list[tuple[list[Tensor], bytes, str | None]] = [
        ([one], good, "x"),
        ([one], good, "-1"),
        ([one], good, "9999"),
        ([one], good, "9" * 400),
        ([one], good, "0"),
        ([one], good, "10"),
        ([sized("x", "FP32", [2], 9)], good, None),
        ([sized("x", "FP32", [2], 2**62)], good, None),
        ([sized("x", "FP32", [2], -1)], good, None),
        ([sized("x", "FP32", [2], True)], good, None),
        ([sized("x", "FP32", [2], 7)], good[:7], None),
        ([sized("x", "FP32", [2], 7)], good, None),
        ([sized("x", "FP32", [3], 8)], good, None),
        ([sized("x", "FP64", [2], 8)], good, None),
        ([sized("x", "BOOL", [8], 8)], good, None),
        ([one], struct.pack("<2f", 1, float("nan")), None),
        ([sized("x", "FP64", [2], 16)], struct.pack("<2d", 1, float("inf")), None),
        ([one | {"data": [1]}], good, None),
        ([tensor("x", "FP32", [1])], good, None),
    ]
    for number, (inputs, data, length) in enumerate(cases, 1):
        name = f"binary, wrong {number}"
        requests.append(binary(name, V2_HALF, {"inputs": inputs}, data, length=length))
    broken = [
        texts("apartment"), texts("apartment", "house") + b"x",
        texts("apartment") + b"\xff\xff\xff\xff", texts("apartment") + b"\x01\x00",
        texts("apartment") + b"\x01\x00\x00\x00\xff", b"",
    ]  # fmt: skip
    for number, data in enumerate(broken, 1):
        inputs = [*homes()[:2], sized("property_type", "BYTES", [2], len(data))]
        requests.append(binary(f"binary texts, wrong {number}", V2, {"inputs": inputs}, data))
    return requests
