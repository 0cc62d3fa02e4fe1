"""MLflow's scoring dialect: a table or tensors to `/invocations`, `{"predictions": …}` back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from vigie.engines.predictions import predictions_of
from vigie.errors import InvalidInput, MalformedRequest, UnsupportedMediaType
from vigie.models.wording import kind_of
from vigie.serving.dialects.answer_tensors import goes_by_name
from vigie.serving.dialects.body import check_is_json, check_not_compressed, parse_json
from vigie.serving.dialects.columns import MostRows, check_rows, checked_columns, gathered, wrong
from vigie.serving.dialects.outline import outline_of
from vigie.serving.dialects.quick_bodies import BEGINNING, INVOCATIONS
from vigie.serving.dialects.quick_table import read_split
from vigie.serving.dialects.table import columns_of, read_csv, with_numbers
from vigie.serving.dialects.tfserving import TfServingDialect, without_names
from vigie.serving.runtime.messages import DecodedRequest, EncodedResponse

if TYPE_CHECKING:
    from vigie.engines.predictor import Answers
    from vigie.errors import FieldError, VigieError
    from vigie.models.document import PackageDocument
    from vigie.models.rows import Columns, Decoded
    from vigie.serving.runtime.loaded_model import LoadedModel
    from vigie.serving.runtime.messages import Request, RequestContext, Result

FORMATS = ("dataframe_split", "dataframe_records", "instances", "inputs")

_CODES = {
    400: "BAD_REQUEST",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "RESOURCE_DOES_NOT_EXIST",
    405: "BAD_REQUEST",
    413: "BAD_REQUEST",
    415: "BAD_REQUEST",
    422: "INVALID_PARAMETER_VALUE",
    503: "TEMPORARILY_UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class InvocationsDialect:
    """`POST /invocations`."""

    def __init__(self, max_rows: int, max_photos: int = 1) -> None:
        self._most = MostRows(max_rows, max_photos)
        self._tensors = TfServingDialect(max_rows, max_photos)

    def decode(self, request: Request, live: LoadedModel) -> DecodedRequest:
        """The rows of a JSON or CSV body."""
        media_type, *parameters = request.header(b"content-type").lower().split(";")
        if media_type.strip() == "text/csv":
            _check_charset(parameters)
            check_not_compressed(request)
            return DecodedRequest(self._by_csv(request.body, live))
        check_is_json(request)
        most = self._most.of(live)
        document = outline_of(request.body, live, most, FORMATS)
        if document is None:
            quick = _quickly(request.body, live, most)
            if quick is not None:
                return DecodedRequest(quick)
            document = parse_json(request.body, bool(live.images))
        return DecodedRequest(self._by_json(document, live))

    def _by_csv(self, body: bytes | bytearray, live: LoadedModel) -> Decoded:
        columns, rows = read_csv(body, self._most.of(live))
        columns = _photos_in(with_numbers(columns, live.inputs), live)
        return checked_columns(live, columns, rows, _csv_place)

    def _by_json(self, document: Any, live: LoadedModel) -> Decoded:
        if type(document) is not dict:
            raise wrong("body", "object", kind_of(document))
        if document.get("params"):
            raise InvalidInput("params: the models here take none; leave it out.")
        found = [name for name in FORMATS if name in document]
        if len(found) != 1:
            raise InvalidInput(f"Send exactly one of {', '.join(FORMATS)}.")
        data = document[found[0]]
        if found[0] == "dataframe_split":
            return self._by_split(data, live)
        if found[0] == "dataframe_records":
            return self._by_records(data, live)
        if found[0] == "instances" or type(data) is list:
            return self._tensors.by_row(data, live, found[0])
        return self._tensors.by_column(data, live)

    def _by_split(self, data: Any, live: LoadedModel) -> Decoded:
        if (
            type(data) is not dict
            or "data" not in data
            or not (data.get("columns") or data["data"])
        ):
            raise wrong("dataframe_split", "object with columns and data", kind_of(data))
        names, rows = data.get("columns"), data["data"]
        if type(names) not in (list, type(None)) or type(rows) is not list:
            raise wrong("dataframe_split", "lists as columns and data", "something else")
        check_rows(len(rows), self._most.of(live), "dataframe_split.data")
        if not names or names == list(range(len(names))):
            # a table that never had names, as pandas writes it
            return without_names(rows, live, "dataframe_split.data")
        columns = columns_of(names, rows, lambda row: f"dataframe_split.data[{row}]")
        columns = _photos_in(columns, live)
        places = {name: index for index, name in enumerate(names)}

        def point(one: FieldError) -> str:
            if one.row < 0:
                return f"dataframe_split.columns, {one.field}"
            return f"dataframe_split.data[{one.row}][{places[one.field]}] ({one.field})"

        return checked_columns(live, columns, len(rows), point)

    def _by_records(self, rows: Any, live: LoadedModel) -> Decoded:
        if type(rows) is not list:
            raise wrong("dataframe_records", "list of objects", kind_of(rows))
        check_rows(len(rows), self._most.of(live), "dataframe_records")
        columns = _photos_in(gathered(live, rows, _record_place), live)
        return checked_columns(live, columns, len(rows), _record_place)

    def encode(self, context: RequestContext, result: Result) -> EncodedResponse:
        """`{"predictions": …}`: a list of values, or of objects by label, by output, or by both."""
        document, answers = context.live.document, result.answers
        answer: list[Any]
        if goes_by_name(document):
            answer = _named(document, answers)
        else:
            answer = answers.outputs[document.outputs[0].name].tolist()
            if document.task == "classification":
                answer = [dict(zip(document.labels, row, strict=True)) for row in answer]
        return EncodedResponse(orjson.dumps({"predictions": answer}))

    def refuse(
        self, request: Request, live: LoadedModel | None, error: VigieError, request_id: str
    ) -> EncodedResponse:
        """`{"error_code": "…", "message": "…"}`."""
        code = _CODES.get(error.status, "INTERNAL_ERROR")
        status = 400 if isinstance(error, InvalidInput) else error.status
        text = str(error)
        if isinstance(error, MalformedRequest | UnsupportedMediaType):
            text += " JSON (application/json) and CSV (text/csv) are taken."
        return EncodedResponse(orjson.dumps({"error_code": code, "message": text}), status=status)


def _quickly(body: bytes | bytearray, live: LoadedModel, most: int) -> Decoded | None:
    if b'"dataframe_split"' in body[:BEGINNING]:
        return read_split(body, live, most)
    found = INVOCATIONS.read(body, live, most)
    return found[0] if found else None


def _named(document: PackageDocument, answers: Answers) -> list[dict[str, Any]]:
    """Our own answers but for their warnings, the score of each label in the place of `scores`."""
    rows = predictions_of(document, answers, {})
    for row in rows:
        del row["warnings"]
    if document.task != "classification":
        return rows
    return [_beside_scores(row) for row in rows]


def _beside_scores(row: dict[str, Any]) -> dict[str, Any]:
    scores = row.pop("scores")
    del row["score"]
    # a label that is called as another part keeps its score
    return {**scores, **{name: value for name, value in row.items() if name not in scores}}


def _photos_in(columns: Columns, live: LoadedModel) -> Columns:
    """The columns with the text of each photo as base64: so MLflow's tables carry bytes."""
    if not live.images:
        return columns
    names = {item.name for item in live.images}
    return {
        name: [{"b64": value} if type(value) is str else value for value in values]
        if name in names
        else values
        for name, values in columns.items()
    }


def _check_charset(parameters: list[str]) -> None:
    for parameter in parameters:
        name, _, value = parameter.strip().partition("=")
        if name == "charset" and value.strip('"') not in ("utf-8", "utf8", "us-ascii"):
            raise UnsupportedMediaType("The table is not UTF-8 by its media type.")


def _csv_place(one: FieldError) -> str:
    return f"column {one.field}" + ("" if one.row < 0 else f", row {one.row + 1}")


def _record_place(one: FieldError) -> str:
    return f"dataframe_records[{one.row}]" + (f".{one.field}" if one.field else "")
