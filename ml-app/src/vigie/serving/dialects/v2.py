"""The Open Inference Protocol V2 over HTTP, with its extension for binary data.

A request is `{"id", "parameters", "inputs": [{"name", "shape", "datatype", "data"}], "outputs"}`.
Where `Inference-Header-Content-Length` is given, that many bytes are JSON and the rest is the data
of the inputs that name a `binary_data_size`, in their order.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import orjson

from vigie.errors import InvalidInput, MalformedRequest
from vigie.models.positional import takes_lists
from vigie.models.wording import kind_of
from vigie.serving.dialects.answer_tensors import answer_tensors, answer_values
from vigie.serving.dialects.body import check_not_compressed, error_response, parse_json
from vigie.serving.dialects.columns import MostRows, check_rows, checked_columns, wrong
from vigie.serving.dialects.outline import outline_of
from vigie.serving.dialects.v2_tensors import Tensor, as_binary, as_json
from vigie.serving.runtime.messages import DecodedRequest, EncodedResponse, ResponseFormat

if TYPE_CHECKING:
    from vigie.errors import FieldError, VigieError
    from vigie.models.rows import Columns
    from vigie.serving.runtime.loaded_model import LoadedModel
    from vigie.serving.runtime.messages import Request, RequestContext, Result

HEADER_LENGTH = b"inference-header-content-length"
BINARY = b"application/octet-stream"
MOST_DIMENSIONS = 16
MOST_ID_CHARACTERS = 128


class V2Dialect:
    """`POST /v2/models/<model>[/versions/<version>]/infer`."""

    def __init__(self, max_rows: int, max_photos: int = 1) -> None:
        self._most = MostRows(max_rows, max_photos)

    def decode(self, request: Request, live: LoadedModel) -> DecodedRequest:
        """The rows of the tensors; the response format is what to answer and how."""
        check_not_compressed(request)
        header, data = _split(request)
        document = outline_of(header, live, self._most.of(live))
        if document is None:
            document = parse_json(header, bool(live.images))
        if type(document) is not dict:
            raise wrong("body", "object", kind_of(document))
        response_format = _response_format(document, live)
        tensors = _tensors(document.get("inputs"), data)
        columns = self._columns(tensors, live)
        places = {tensor.name: tensor.where for tensor in tensors}

        def point(one: FieldError) -> str:
            if one.row < 0:
                return f"inputs, {one.field}"
            item = live.inputs[one.field]
            size = 1 if item.single else prod(item.shape)
            first = one.row * size
            if one.field not in places:
                place = one.row * len(live.inputs) + list(live.inputs).index(one.field)
                return f"{tensors[0].where}.data[{place}] ({one.field})"
            return f"{places[one.field]}.data[{first}{f':{first + size}' if size > 1 else ''}]"

        return DecodedRequest(
            checked_columns(live, columns, tensors[0].rows, point), response_format
        )

    def _columns(self, tensors: list[Tensor], live: LoadedModel) -> Columns:
        rows = tensors[0].rows
        check_rows(rows, self._most.of(live), f"{tensors[0].where}.shape")
        if _is_table(tensors, live):
            return tensors[0].columns(live.inputs)
        columns: Columns = {}
        for tensor in tensors:
            name, where = tensor.name, tensor.where
            item = live.inputs.get(name)
            if item is None or name in columns:
                got = "a second one" if item else "another"
                raise wrong(f"{where}.name", f"one of {', '.join(live.inputs)}", got)
            if tensor.rows != rows:
                raise wrong(f"{where}.shape", f"{rows} rows", f"{tensor.rows} rows")
            columns[name] = tensor.column(item)
        return columns

    def encode(self, context: RequestContext, result: Result) -> EncodedResponse:
        """The outputs asked for, as JSON, or as binary data behind the JSON."""
        live, response_format = context.live, context.response_format
        document = live.document
        offered = answer_tensors(live.predictor.package)
        chunks: list[bytes] = []
        outputs: list[dict[str, Any]] = []
        for name, binary in response_format.outputs:
            tensor = offered[name]
            values = answer_values(document, result.answers, name)
            shape = [len(values), *tensor.shape]
            output: dict[str, Any] = {"name": name, "shape": shape, "datatype": tensor.datatype}
            if binary:
                chunks.append(as_binary(values, tensor.datatype))
                output["parameters"] = {"binary_data_size": len(chunks[-1])}
            else:
                output["data"] = as_json(values)
            outputs.append(output)
        answer: dict[str, Any] = {"model_name": live.name, "model_version": live.version}
        if response_format.id is not None:
            answer["id"] = response_format.id
        header = orjson.dumps({**answer, "outputs": outputs})
        if not chunks:
            return EncodedResponse(header)
        length = [(HEADER_LENGTH, b"%d" % len(header))]
        return EncodedResponse(b"".join([header, *chunks]), BINARY, headers=length)

    def refuse(
        self, request: Request, live: LoadedModel | None, error: VigieError, request_id: str
    ) -> EncodedResponse:
        """`{"error": "…"}`."""
        return error_response(error)


def _is_table(tensors: list[Tensor], live: LoadedModel) -> bool:
    """True for one tensor, under a name of its own, of all inputs of a model of single values."""
    one, inputs = tensors[0], live.inputs
    alone = len(tensors) == 1 and one.name not in inputs and len(one.shape) == 2
    return alone and len(inputs) > 1 and takes_lists(inputs)


def _split(request: Request) -> tuple[bytes | bytearray, memoryview]:
    """The JSON of a body and the binary data behind it."""
    given = request.headers.get(HEADER_LENGTH)
    if given is None:
        return request.body, memoryview(b"")
    if not (given.isdigit() and len(given) < 12 and int(given) <= len(request.body)):
        raise MalformedRequest("Inference-Header-Content-Length is no length within the body.")
    length = int(given)
    return request.body[:length], memoryview(request.body)[length:]


def _tensors(sent: Any, data: memoryview) -> list[Tensor]:
    """The tensors of `inputs`, each with its JSON data or its part of the binary data."""
    if type(sent) is not list or not sent:
        raise wrong("inputs", "list of tensors", kind_of(sent))
    tensors: list[Tensor] = []
    start = 0
    for index, one in enumerate(sent):
        where = f"inputs[{index}]"
        size = _binary_size(one, where)
        if size is None:
            part: Any = one.get("data")
            if type(part) is not list:
                raise wrong(f"{where}.data", "list", kind_of(part))
        else:
            if size > len(data) - start:
                left = f"{len(data) - start} bytes behind the JSON"
                raise wrong(f"{where}.parameters.binary_data_size", f"at most {left}", "more")
            part = data[start : start + size]
            start += size
        tensors.append(_tensor(one, where, part))
    if start != len(data):
        raise MalformedRequest("The body holds more binary data than the inputs name.")
    return tensors


def _binary_size(one: Any, where: str) -> int | None:
    if type(one) is not dict:
        raise wrong(where, "object", kind_of(one))
    size = _parameters(one, where).get("binary_data_size")
    if size is not None and (type(size) is not int or size < 0):
        raise wrong(f"{where}.parameters.binary_data_size", "number of bytes", kind_of(size))
    if size is not None and "data" in one:
        raise InvalidInput(f"{where}: send either data or binary_data_size.")
    return size


def _tensor(one: dict[str, Any], where: str, data: Any) -> Tensor:
    name, datatype, shape = one.get("name"), one.get("datatype"), one.get("shape")
    if type(name) is not str or type(datatype) is not str:
        raise wrong(where, "texts as name and datatype", "something else")
    if (
        type(shape) is not list
        or not 1 <= len(shape) <= MOST_DIMENSIONS
        or not all(type(size) is int and 0 <= size < 2**31 for size in shape)
    ):
        raise wrong(f"{where}.shape", "list of sizes, the rows first", kind_of(shape))
    return Tensor(where, name, datatype, tuple(shape), data)


def _parameters(one: dict[str, Any], where: str) -> dict[str, Any]:
    parameters = one.get("parameters")
    if parameters is None:
        return {}
    if type(parameters) is not dict:
        raise wrong(f"{where}.parameters", "object", kind_of(parameters))
    return parameters


def _response_format(document: dict[str, Any], live: LoadedModel) -> ResponseFormat:
    name = document.get("id")
    if name is not None and (type(name) is not str or len(name) > MOST_ID_CHARACTERS):
        raise wrong("id", f"text of at most {MOST_ID_CHARACTERS} characters", kind_of(name))
    binary = _flag(_parameters(document, "body"), "binary_data_output", False, "parameters")
    offered = answer_tensors(live.predictor.package)
    asked = document.get("outputs")
    if asked is None or asked == []:
        return ResponseFormat("outputs", name, tuple((output, binary) for output in offered))
    if type(asked) is not list:
        raise wrong("outputs", "list of objects", kind_of(asked))
    chosen: dict[str, bool] = {}
    for index, one in enumerate(asked):
        where = f"outputs[{index}]"
        if type(one) is not dict:
            raise wrong(where, "object", kind_of(one))
        output = one.get("name")
        if type(output) is not str or output not in offered or output in chosen:
            raise wrong(f"{where}.name", f"one of {', '.join(offered)}, once", "another")
        parameters = _parameters(one, where)
        if parameters.get("classification"):
            raise InvalidInput(f"{where}: classification is not offered; ask for label.")
        chosen[output] = _flag(parameters, "binary_data", binary, f"{where}.parameters")
    return ResponseFormat("outputs", name, tuple(chosen.items()))


def _flag(parameters: dict[str, Any], name: str, default: bool, where: str) -> bool:
    value = parameters.get(name, default)
    if type(value) is not bool:
        raise wrong(f"{where}.{name}", "true or false", kind_of(value))
    return value
