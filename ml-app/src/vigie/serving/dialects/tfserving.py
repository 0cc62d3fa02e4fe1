"""TensorFlow Serving's REST dialect: `instances` by row or `inputs` by column.

Like TensorFlow Serving it takes JSON whatever the media type says, and has one signature,
`serving_default`. Answers are `predictions` or `outputs`, errors `{"error": "…"}`.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

import orjson

from vigie.errors import InvalidInput, MalformedRequest
from vigie.models.wording import kind_of
from vigie.serving.dialects.answer_tensors import answer_tensors, answer_values, goes_by_name
from vigie.serving.dialects.body import check_not_compressed, error_response, parse_json
from vigie.serving.dialects.columns import (
    MostRows,
    check_rows,
    checked_columns,
    gathered,
    place_of,
    unnamed,
    wrong,
)
from vigie.serving.dialects.outline import outline_of
from vigie.serving.dialects.quick_bodies import TENSORFLOW_SERVING
from vigie.serving.runtime.messages import (
    USUAL_FORMAT,
    DecodedRequest,
    EncodedResponse,
    ResponseFormat,
)

if TYPE_CHECKING:
    from vigie.engines.predictor import Answers
    from vigie.errors import FieldError, VigieError
    from vigie.models.document import PackageDocument
    from vigie.models.rows import Decoded
    from vigie.serving.runtime.loaded_model import LoadedModel
    from vigie.serving.runtime.messages import Request, RequestContext, Result

SIGNATURE = "serving_default"
_MEMBERS = ("instances", "inputs")
_BY_COLUMN = ResponseFormat("outputs")


class TfServingDialect:
    """`POST /v1/models/<model>[/versions/<version>|/labels/<label>]:predict`.

    With `offered` false it stands for the other verbs, and refuses whatever it is asked.
    """

    def __init__(self, max_rows: int, max_photos: int = 1, offered: bool = True) -> None:
        self._most = MostRows(max_rows, max_photos)
        self._offered = offered

    def decode(self, request: Request, live: LoadedModel) -> DecodedRequest:
        """The rows or columns of a request; columns are answered as columns."""
        if not self._offered:
            raise MalformedRequest("Only :predict is offered here, no :classify and no :regress.")
        check_not_compressed(request)
        most = self._most.of(live)
        document = outline_of(request.body, live, most, _MEMBERS)
        if document is None:
            quick = TENSORFLOW_SERVING.read(request.body, live, most)
            if quick is not None:
                decoded, form = quick
                by_column = form.member == "inputs"
                return DecodedRequest(decoded, _BY_COLUMN if by_column else USUAL_FORMAT)
            document = parse_json(request.body, bool(live.images))
        if type(document) is not dict:
            raise wrong("body", "object with instances or inputs", kind_of(document))
        known = signature_of(live.document)
        if document.get("signature_name", SIGNATURE) not in (known, SIGNATURE, "", None):
            raise InvalidInput(
                f"Serving signature name not found in signature def; the only one is {known}."
            )
        if ("instances" in document) == ("inputs" in document):
            raise InvalidInput("Send either instances (by row) or inputs (by column).")
        if "instances" in document:
            return DecodedRequest(self.by_row(document["instances"], live))
        return DecodedRequest(self.by_column(document["inputs"], live), _BY_COLUMN)

    def by_row(self, rows: Any, live: LoadedModel, where: str = "instances") -> Decoded:
        """Rows: objects, or plain values: of the one input, or lists in the inputs' order."""
        if type(rows) is not list:
            raise wrong(where, "list", kind_of(rows))
        check_rows(len(rows), self._most.of(live), where)
        if type(rows[0]) is not dict or _is_base64(rows[0]):
            return without_names(rows, live, where)

        def point(one: FieldError) -> str:
            return f"{where}[{one.row}]" + (f".{one.field}" if one.field else "")

        columns = gathered(live, rows, point)
        return checked_columns(live, _as_text(columns, live), len(rows), point)

    def by_column(self, inputs: Any, live: LoadedModel) -> Decoded:
        """The columns of `inputs`: an object of tensors, or one tensor with all values of a row."""
        if type(inputs) is list:
            check_rows(len(inputs), self._most.of(live), "inputs")
            return without_names(inputs, live, "inputs")
        if type(inputs) is not dict or not inputs:
            raise wrong("inputs", "object with one list per input", kind_of(inputs))
        for name, values in inputs.items():
            if type(values) is not list:
                where = f"inputs.{name}" if name in live.inputs else "inputs"
                raise wrong(where, "list with one value per row", kind_of(values))
        rows = len(next(iter(inputs.values())))
        check_rows(rows, self._most.of(live), "inputs")

        def point(one: FieldError) -> str:
            place = f"inputs.{one.field}"
            return place if one.row < 0 else f"{place}[{one.row}]"

        return checked_columns(live, _as_text(inputs, live), rows, point)

    def encode(self, context: RequestContext, result: Result) -> EncodedResponse:
        """`{"predictions": …}` or `{"outputs": …}`; one that was single goes without its name."""
        live, answers = context.live, result.answers
        values = _by_name(live, answers)
        answer: Any
        original = live.document.original
        if len(values) == 1 and not (original and original.by_name):
            (answer,) = values.values()
        elif context.response_format.member == "outputs":
            answer = values
        else:
            rows = zip(*values.values(), strict=True)
            answer = [dict(zip(values, row, strict=True)) for row in rows]
        return EncodedResponse(orjson.dumps({context.response_format.member: answer}))

    def refuse(
        self, request: Request, live: LoadedModel | None, error: VigieError, request_id: str
    ) -> EncodedResponse:
        """`{"error": "…"}`; what breaks the signature is 400 there, as what cannot be parsed."""
        return error_response(error)


def signature_of(document: PackageDocument) -> str:
    """The name of the one signature: that of the original, of an imported SavedModel."""
    return document.original.signature if document.original else SIGNATURE


def _by_name(live: LoadedModel, answers: Answers) -> dict[str, list[Any]]:
    """What is answered, by name: as the original did, where there was one."""
    document = live.document
    first = document.outputs[0].name
    if document.original is not None:
        scores = answers.outputs[first]
        return {
            one.name: one.of(answers.outputs, scores, document.labels).tolist()
            for one in document.original.outputs
        }
    if not goes_by_name(document):
        return {first: answers.outputs[first].tolist()}
    return {
        name: answer_values(document, answers, name).tolist()
        for name in answer_tensors(live.predictor.package)
    }


def without_names(rows: list[Any], live: LoadedModel, where: str) -> Decoded:
    """Rows that are no objects: values of the one input, or lists in the inputs' order."""
    columns = _as_text(unnamed(live, rows, where), live)
    return checked_columns(live, columns, len(rows), lambda one: place_of(live, where, one))


def _is_base64(value: Any) -> bool:
    return type(value) is dict and len(value) == 1 and type(value.get("b64")) is str


def _as_text(columns: dict[str, list[Any]], live: LoadedModel) -> dict[str, list[Any]]:
    """The columns with each `{"b64": …}` of a text input replaced by its text."""
    texts = {name for name, item in live.inputs.items() if item.dtype == "string"}
    return {
        name: [_text_of(value) for value in values] if name in texts else values
        for name, values in columns.items()
    }


def _text_of(value: Any) -> Any:
    if type(value) is str:
        return value
    if type(value) is list:
        return [_text_of(part) for part in value]
    if _is_base64(value):
        try:
            return base64.b64decode(value["b64"], validate=True).decode()
        except (binascii.Error, ValueError):
            return value
    return value
