"""The Open Inference Protocol: JSON and binary tensors, what is asked for, what is refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.transport import Answer
from support.worker import FLOWER, HOME, post
from vigie.serving.app import create_app
from vigie.serving.worker_state import WorkerState

HOUSING = "/v2/models/housing/infer"
SENSORS = "/v2/models/sensors/infer"
HALF = "/v2/models/half_plus_two/infer"
PRICE = 164500.0
LENGTH = "inference-header-content-length"

Tensor = dict[str, Any]


def tensor(name: str, datatype: str, data: Any, shape: list[int] | None = None) -> Tensor:
    return {"name": name, "datatype": datatype, "shape": shape or [len(data)], "data": data}


def home(**changes: Tensor) -> list[Tensor]:
    """The tensors of two rows; a changed one takes the place of its input."""
    tensors = {
        "surface_m2": tensor("surface_m2", "FP32", [54, 54.0]),
        "rooms": tensor("rooms", "INT64", [3, 3]),
        "property_type": tensor("property_type", "BYTES", ["apartment", "apartment"]),
    }
    return list({**tensors, **changes}.values())


def x(datatype: str, data: Any, shape: list[int] | None = None) -> dict[str, Any]:
    return {"inputs": [tensor("x", datatype, data, shape)]}


def error(answer: Answer) -> str:
    assert answer.status == 400
    said = answer.json()
    assert list(said) == ["error"]
    text: str = said["error"]
    return text


def values(answer: Answer, name: str) -> Any:
    assert answer.status == 200, answer.body
    (found,) = [output for output in answer.json()["outputs"] if output["name"] == name]
    return found["data"]


# --- JSON


def test_a_request_is_answered_by_tensors(shared_worker_state: WorkerState) -> None:
    answer = post(shared_worker_state, HOUSING, {"id": "42", "inputs": home()})
    assert answer.json() == {
        "model_name": "housing",
        "model_version": "1",
        "id": "42",
        "outputs": [
            {"name": "price_eur", "shape": [2], "datatype": "FP64", "data": [PRICE, PRICE]}
        ],
    }
    assert "id" not in post(shared_worker_state, HOUSING, {"inputs": home()}).json()


def test_a_classification_has_its_label(shared_worker_state: WorkerState) -> None:
    inputs = [tensor(name, "FP64", [value]) for name, value in FLOWER.items()]
    answer = post(shared_worker_state, "/v2/models/iris/versions/1/infer", {"inputs": inputs})
    ours = post(shared_worker_state, "/predict/iris", FLOWER).json()["predictions"][0]
    assert values(answer, "probabilities") == list(ours["scores"].values())
    assert values(answer, "label") == [ours["label"]]
    asked = {"inputs": inputs, "outputs": [{"name": "label"}]}
    (output,) = post(shared_worker_state, "/v2/models/iris/infer", asked).json()["outputs"]
    assert output == {"name": "label", "shape": [1], "datatype": "BYTES", "data": [ours["label"]]}


FLAT = [1, 2, 3, 4, 5, 3, 4, 1, 2, 5]


@pytest.mark.parametrize("signal", [FLAT, [FLAT[:5], FLAT[5:]]])
@pytest.mark.parametrize("sensor", [[1, 2, 3, 4, 4, 5, 6, 8], [[[1, 2], [3, 4]], [[4, 5], [6, 8]]]])
def test_data_is_flat_or_nested(tensor_worker_state: WorkerState, signal: Any, sensor: Any) -> None:
    inputs = [
        tensor("tag", "BYTES", [["foo"], ["bar"]], [2, 1]),
        tensor("signal", "FP32", signal, [2, 5]),
        tensor("sensor", "INT32", sensor, [2, 2, 2]),
    ]
    answer = post(tensor_worker_state, SENSORS, {"inputs": inputs})
    assert values(answer, "kind") == [101.0, 204.0]
    assert values(answer, "doubled") == [2.0 * value for value in FLAT]
    assert answer.json()["outputs"][0]["shape"] == [2, 5]


@pytest.mark.parametrize(
    ("datatype", "sent"),
    [
        ("BOOL", True),
        ("INT8", 127),
        ("INT16", -32768),
        ("INT32", 7),
        ("INT64", 2**40),
        ("UINT8", 255),
        ("UINT16", 65535),
        ("UINT32", 2**32 - 1),
        ("UINT64", 2**50),
        ("FP16", 0.5),
        ("FP32", -1.5),
        ("FP64", 1e30),
    ],
)
def test_every_number_is_cast(tensor_worker_state: WorkerState, datatype: str, sent: Any) -> None:
    expected = pytest.approx([float(sent) / 2 + 2], rel=1e-6)
    assert values(post(tensor_worker_state, HALF, x(datatype, [sent])), "y") == expected


@pytest.mark.parametrize(
    ("datatype", "sent", "said"),
    [
        ("INT8", 128, "inputs[0].data[1]: expected INT8, got integer"),
        ("INT16", -32769, "inputs[0].data[1]: expected INT16, got integer"),
        ("UINT8", -1, "inputs[0].data[1]: expected UINT8, got integer"),
        ("UINT64", 2**64, "inputs[0].data[1]: expected UINT64, got"),
        ("INT64", 1.0, "inputs[0].data[1]: expected INT64, got number"),
        ("INT64", True, "inputs[0].data[1]: expected INT64, got true or false"),
        ("BOOL", 1, "inputs[0].data[1]: expected BOOL, got integer"),
        ("FP16", 65536, "inputs[0].data[1]: expected FP16, got integer"),
        ("FP32", 1e39, "inputs[0].data[1]: expected FP32, got number"),
        ("FP64", 1e39, "inputs[0].data[1]: expected number, got number outside the limits"),
        ("FP64", "x", "inputs[0].data[1]: expected FP64, got text"),
        ("FP64", float("nan"), "inputs[0].data[1]: expected FP64, got something else"),
        ("FP64", float("-inf"), "inputs[0].data[1]: expected FP64, got something else"),
        ("FP64", None, "inputs[0].data[1]: expected number, got nothing"),
        ("BYTES", "1", "inputs[0].datatype: expected a datatype of numbers, got BYTES"),
        ("BF16", 1, "inputs[0].datatype: expected one of BOOL, UINT8, UINT16,"),
        ("x", 1, "inputs[0].datatype: expected one of BOOL"),
    ],
)
def test_numbers_outside_their_datatype_are_refused(
    tensor_worker_state: WorkerState, datatype: str, sent: Any, said: str
) -> None:
    first: Any = {"BOOL": True, "BYTES": "1"}.get(datatype, 1)
    answer = post(tensor_worker_state, HALF, x(datatype, [first, sent]))
    assert error(answer).startswith(said)


def test_a_choice_among_integers_may_be_spelled_out(shared_worker_state: WorkerState) -> None:
    as_number = tensor("district", "INT32", [2, None])
    as_text = tensor("district", "BYTES", ["2", None])
    prices = [
        values(post(shared_worker_state, HOUSING, {"inputs": home(district=one)}), "price_eur")
        for one in (as_number, as_text)
    ]
    assert prices[0] == prices[1]
    assert prices[0][1] == PRICE != prices[0][0]


def test_nothing_is_null_or_absent(shared_worker_state: WorkerState) -> None:
    inputs = home(land_m2=tensor("land_m2", "FP32", [None, 100]))
    prices = values(post(shared_worker_state, HOUSING, {"inputs": inputs}), "price_eur")
    assert prices == [PRICE, PRICE + 700]


ROOMS = tensor("rooms", "INT64", [3, 3])


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "The body is not JSON"),
        ([], "body: expected object, got list"),
        ({}, "inputs: expected list of tensors, got nothing"),
        ({"inputs": []}, "inputs: expected list of tensors, got list"),
        ({"inputs": [3]}, "inputs[0]: expected object, got integer"),
        ({"inputs": [{}]}, "inputs[0].data: expected list, got nothing"),
        ({"inputs": [{"data": []}]}, "inputs[0]: expected texts as name and datatype"),
        ({"inputs": home()[1:]}, "inputs, surface_m2: expected number from 9 to 1000, got nothing"),
        ({"inputs": [*home(), ROOMS]}, "inputs[3].name: expected one of surface_m2, rooms"),
        ({"inputs": [ROOMS | {"name": "castle"}]}, "inputs[0].name: expected one of surface_m2"),
        ({"inputs": [ROOMS | {"shape": [0]}]}, "inputs[0].shape: expected 1 to 10000 rows, got 0"),
        ({"inputs": [ROOMS | {"shape": [10**6]}]}, "inputs[0].shape: expected 1 to 10000 rows"),
        ({"inputs": [ROOMS | {"shape": [10**12]}]}, "inputs[0].shape: expected list of sizes"),
        ({"inputs": [ROOMS | {"shape": []}]}, "inputs[0].shape: expected list of sizes"),
        ({"inputs": [ROOMS | {"shape": [-1]}]}, "inputs[0].shape: expected list of sizes"),
        ({"inputs": [ROOMS | {"shape": [True]}]}, "inputs[0].shape: expected list of sizes"),
        ({"inputs": [ROOMS | {"shape": [1] * 17}]}, "inputs[0].shape: expected list of sizes"),
        ({"inputs": [ROOMS | {"shape": [1, 2]}]}, "inputs[0].shape: expected [1], got [1, 2]"),
        ({"inputs": [ROOMS | {"shape": [3]}]}, "inputs[0].data: expected values of shape [3]"),
        ({"inputs": [ROOMS | {"data": [[3], 3]}]}, "inputs[0].data[0]: expected INT64, got list"),
        ({"inputs": [ROOMS | {"data": "3"}]}, "inputs[0].data: expected list, got text"),
        ({"inputs": [ROOMS | {"parameters": 3}]}, "inputs[0].parameters: expected object"),
        (
            {"inputs": home(land_m2=tensor("land_m2", "FP32", [1]))},
            "inputs[3].shape: expected 2 rows, got 1 rows",
        ),
        (
            {"inputs": home(rooms=tensor("rooms", "INT64", [3, 51]))},
            "inputs[1].data[1]: expected integer from 1 to 50, got integer outside the limits",
        ),
        ({"inputs": home(), "id": 3}, "id: expected text of at most 128 characters"),
        ({"inputs": home(), "id": "a" * 129}, "id: expected text of at most 128 characters"),
        ({"inputs": home(), "parameters": []}, "body.parameters: expected object, got list"),
        ({"inputs": home(), "outputs": {}}, "outputs: expected list of objects, got object"),
        ({"inputs": home(), "outputs": ["x"]}, "outputs[0]: expected object, got text"),
        ({"inputs": home(), "outputs": [{"name": "x"}]}, "outputs[0].name: expected one of price"),
        (
            {"inputs": home(), "outputs": [{"name": "price_eur"}] * 2},
            "outputs[1].name: expected one of price_eur, once",
        ),
        (
            {
                "inputs": home(),
                "outputs": [{"name": "price_eur", "parameters": {"classification": 2}}],
            },
            "outputs[0]: classification is not offered; ask for label.",
        ),
        (
            {"inputs": home(), "parameters": {"binary_data_output": 1}},
            "parameters.binary_data_output: expected true or false, got integer",
        ),
    ],
)
def test_errors_point_into_the_body(shared_worker_state: WorkerState, body: Any, said: str) -> None:
    assert error(post(shared_worker_state, HOUSING, body)).startswith(said)


def test_an_array_is_pointed_at_by_its_part_of_the_data(tensor_worker_state: WorkerState) -> None:
    inputs = [
        tensor("tag", "BYTES", ["foo", "bar"]),
        tensor("signal", "FP64", [*FLAT[:9], 1e39], [2, 5]),
        tensor("sensor", "INT8", [0] * 8, [2, 2, 2]),
    ]
    said = error(post(tensor_worker_state, SENSORS, {"inputs": inputs}))
    assert said == "inputs[1].data[5:10]: expected list of shape [5] of numbers, got list"


# --- binary data


def binary(document: dict[str, Any], *parts: bytes, length: str | None = None) -> tuple[bytes, str]:
    header = json.dumps(document).encode()
    return b"".join([header, *parts]), length or str(len(header))


def sized(name: str, datatype: str, shape: list[int], size: Any) -> Tensor:
    parameters = {"binary_data_size": size}
    return {"name": name, "datatype": datatype, "shape": shape, "parameters": parameters}


def ask_binary(worker_state: WorkerState, path: str, body: bytes, length: str) -> Answer:
    return post(worker_state, path, body, inference_header_content_length=length)


def texts(*found: str) -> bytes:
    parts = [text.encode() for text in found]
    return b"".join(len(part).to_bytes(4, "little") + part for part in parts)


def test_binary_data_goes_both_ways(shared_worker_state: WorkerState) -> None:
    kinds = texts("apartment", "house")
    document = {
        "inputs": [
            sized("surface_m2", "FP32", [2, 1], 8),
            sized("property_type", "BYTES", [2], len(kinds)),
            tensor("rooms", "INT64", [3, 3]),
        ],
        "parameters": {"binary_data_output": True},
    }
    surfaces = np.array([54, 54], "<f4").tobytes()
    answer = ask_binary(shared_worker_state, HOUSING, *binary(document, surfaces, kinds))
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/octet-stream"
    length = int(answer.headers[LENGTH])
    (output,) = json.loads(answer.body[:length])["outputs"]
    assert output == {
        "name": "price_eur",
        "shape": [2],
        "datatype": "FP64",
        "parameters": {"binary_data_size": 16},
    }
    assert np.frombuffer(answer.body[length:], "<f8").tolist() == [PRICE, PRICE + 20000]


def test_outputs_may_be_json_and_binary_at_once(shared_worker_state: WorkerState) -> None:
    inputs = [tensor(name, "FP32", [value]) for name, value in FLOWER.items()]
    document = {
        "inputs": inputs,
        "outputs": [
            {"name": "label", "parameters": {"binary_data": True}},
            {"name": "probabilities"},
        ],
    }
    answer = post(shared_worker_state, "/v2/models/iris/infer", document)
    length = int(answer.headers[LENGTH])
    label, scores = json.loads(answer.body[:length])["outputs"]
    assert label["parameters"] == {"binary_data_size": 10}
    assert answer.body[length:] == texts("setosa")
    assert len(scores["data"]) == 3


@pytest.mark.parametrize(
    ("datatype", "code"),
    [
        ("BOOL", "?"),
        ("INT8", "i1"),
        ("INT16", "<i2"),
        ("INT32", "<i4"),
        ("INT64", "<i8"),
        ("UINT8", "u1"),
        ("UINT16", "<u2"),
        ("UINT32", "<u4"),
        ("UINT64", "<u8"),
        ("FP16", "<f2"),
        ("FP32", "<f4"),
        ("FP64", "<f8"),
    ],
)
def test_every_datatype_is_read(tensor_worker_state: WorkerState, datatype: str, code: str) -> None:
    data = np.array([1, 0], code).tobytes()
    document = {
        "inputs": [sized("x", datatype, [2], len(data))],
        "outputs": [{"name": "y", "parameters": {"binary_data": True}}],
    }
    answer = ask_binary(tensor_worker_state, HALF, *binary(document, data))
    length = int(answer.headers[LENGTH])
    assert np.frombuffer(answer.body[length:], "<f4").tolist() == [2.5, 2.0]


GOOD = np.array([1, 2], "<f4").tobytes()
NAN = np.array([1, np.nan], "<f4").tobytes()
INFINITE = np.array([1, np.inf], "<f8").tobytes()


@pytest.mark.parametrize(
    ("inputs", "data", "length", "said"),
    [
        ([sized("x", "FP32", [2], 8)], GOOD, "x", "Inference-Header-Content-Length is no length"),
        ([sized("x", "FP32", [2], 8)], GOOD, "-1", "Inference-Header-Content-Length is no"),
        ([sized("x", "FP32", [2], 8)], GOOD, "9999", "Inference-Header-Content-Length is no"),
        ([sized("x", "FP32", [2], 8)], GOOD, "9" * 400, "Inference-Header-Content-Length is no"),
        ([sized("x", "FP32", [2], 8)], GOOD, "0", "The body is empty"),
        ([sized("x", "FP32", [2], 8)], GOOD, "10", "The body is not JSON"),
        ([sized("x", "FP32", [2], 9)], GOOD, None, "inputs[0].parameters.binary_data_size: exp"),
        ([sized("x", "FP32", [2], 2**62)], GOOD, None, "inputs[0].parameters.binary_data_size"),
        ([sized("x", "FP32", [2], -1)], GOOD, None, "inputs[0].parameters.binary_data_size"),
        ([sized("x", "FP32", [2], True)], GOOD, None, "inputs[0].parameters.binary_data_size"),
        ([sized("x", "FP32", [2], 7)], GOOD[:7], None, "inputs[0].data: expected 8 bytes, got 7"),
        ([sized("x", "FP32", [2], 7)], GOOD, None, "The body holds more binary data"),
        ([sized("x", "FP32", [3], 8)], GOOD, None, "inputs[0].data: expected 12 bytes, got 8"),
        ([sized("x", "FP64", [2], 8)], GOOD, None, "inputs[0].data: expected 16 bytes, got 8"),
        ([sized("x", "BOOL", [8], 8)], GOOD, None, "inputs[0].data: expected bytes 0 and 1"),
        ([sized("x", "FP32", [2], 8)], NAN, None, "inputs[0].data[1]: expected number, got num"),
        ([sized("x", "FP64", [2], 16)], INFINITE, None, "inputs[0].data[1]: expected number"),
        ([sized("x", "FP32", [2], 8) | {"data": [1]}], GOOD, None, "inputs[0]: send either data"),
        ([tensor("x", "FP32", [1])], GOOD, None, "The body holds more binary data"),
    ],
)
def test_hostile_sizes_are_refused(
    tensor_worker_state: WorkerState,
    inputs: list[Tensor],
    data: bytes,
    length: str | None,
    said: str,
) -> None:
    body, right = binary({"inputs": inputs}, data)
    answer = ask_binary(tensor_worker_state, HALF, body, length or right)
    assert error(answer).startswith(said)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (texts("apartment"), "fewer bytes"),
        (texts("apartment", "house") + b"x", "more bytes"),
        (texts("apartment") + b"\xff\xff\xff\xff", "fewer bytes"),
        (texts("apartment") + b"\x01\x00", "fewer bytes"),
        (texts("apartment") + b"\x01\x00\x00\x00\xff", "UTF-8"),
        (b"", "fewer bytes"),
    ],
)
def test_hostile_texts_are_refused(
    shared_worker_state: WorkerState, data: bytes, said: str
) -> None:
    inputs = [*home()[:2], sized("property_type", "BYTES", [2], len(data))]
    answer = ask_binary(shared_worker_state, HOUSING, *binary({"inputs": inputs}, data))
    assert error(answer).startswith("inputs[2].data: expected ")
    assert said in error(answer)


@given(
    header=st.binary(max_size=40),
    data=st.binary(max_size=40),
    size=st.integers(-2, 60),
    rows=st.integers(-2, 12),
    datatype=st.sampled_from(["FP32", "BYTES", "INT8", "BOOL", "FP16"]),
    shift=st.integers(-3, 3),
)
def test_whatever_bytes_come_are_answered_or_explained(
    shared_worker_state: WorkerState,
    header: bytes,
    data: bytes,
    size: int,
    rows: int,
    datatype: str,
    shift: int,
) -> None:
    inputs = [sized(name, datatype, [rows], size) for name in HOME]
    body, length = binary({"inputs": inputs}, data)
    answer = ask_binary(shared_worker_state, HOUSING, body, str(int(length) + shift))
    assert answer.status in (200, 400)
    assert ask_binary(shared_worker_state, HOUSING, header, str(size)).status == 400


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)
MEMBERS = st.sampled_from(["name", "shape", "datatype", "data", "parameters"])


@given(
    changes=st.dictionaries(MEMBERS, JSON_VALUES, max_size=2),
    more=st.dictionaries(st.sampled_from(["id", "outputs", "parameters", "inputs"]), JSON_VALUES),
)
def test_whatever_json_comes_is_answered_or_explained(
    shared_worker_state: WorkerState, changes: Any, more: Any
) -> None:
    document = {"inputs": home(rooms=ROOMS | changes)} | more
    answer = post(shared_worker_state, HOUSING, document)
    assert answer.status in (200, 400)
    assert len(answer.body) < 5000


# --- server and models


def test_server_and_models_are_described(tensor_worker_state: WorkerState) -> None:
    client = create_app(worker_state=tensor_worker_state).test_client()
    assert client.get("/v2").get_json()["extensions"] == ["binary_tensor_data"]
    for path in ("health/live", "health/ready", "models/sensors/ready"):
        assert client.get(f"/v2/{path}").status_code == 200
    assert client.get("/v2/models/sensors/versions/123").get_json() == {
        "name": "sensors",
        "versions": ["123"],
        "platform": "onnxruntime_onnx",
        "inputs": [
            {"name": "tag", "datatype": "BYTES", "shape": [-1]},
            {"name": "signal", "datatype": "FP32", "shape": [-1, 5]},
            {"name": "sensor", "datatype": "INT64", "shape": [-1, 2, 2]},
        ],
        "outputs": [
            {"name": "doubled", "datatype": "FP32", "shape": [-1, 5]},
            {"name": "kind", "datatype": "FP32", "shape": [-1]},
        ],
    }
    for path in ("sensors/versions/9", "castle", "castle/ready", "sensors/versions/9/ready"):
        response = client.get(f"/v2/models/{path}")
        assert response.status_code == 404
        assert list(response.get_json()) == ["error"]


# --- one tensor of all inputs

IRIS = "/v2/models/iris/infer"
FLOWERS = [*FLOWER.values()] * 2


@pytest.mark.parametrize("data", [FLOWERS, [FLOWERS[:4], FLOWERS[4:]]])
def test_a_table_of_all_inputs_is_answered(shared_worker_state: WorkerState, data: Any) -> None:
    answer = post(shared_worker_state, IRIS, {"inputs": [tensor("table", "FP64", data, [2, 4])]})
    named = [tensor(name, "FP64", [value] * 2) for name, value in FLOWER.items()]
    expected = post(shared_worker_state, IRIS, {"inputs": named})
    assert values(answer, "probabilities") == values(expected, "probabilities")


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        (
            [tensor("table", "FP64", FLOWERS, [4, 2])],
            "inputs[0].shape: expected [4, 4], 4 values in this order: sepal_length_cm, ",
        ),
        (
            [tensor("table", "FP64", [*FLOWERS[:7], None], [2, 4])],
            "inputs[0].data[7] (petal_width_cm): expected number",
        ),
        ([tensor("table", "BYTES", ["a"] * 4, [1, 4])], "inputs[0].datatype: expected a datatype"),
        ([tensor("table", "FP64", FLOWERS)], "inputs[0].name: expected one of sepal_length_cm"),
    ],
)
def test_what_is_wrong_in_a_table_is_found_by_its_place(
    shared_worker_state: WorkerState, inputs: list[Tensor], said: str
) -> None:
    assert error(post(shared_worker_state, IRIS, {"inputs": inputs})).startswith(said)
