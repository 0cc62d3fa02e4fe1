"""Vigie's own dialect: rows as objects with one value per input.

`{"instances": [{…}, …]}`; also one object, a bare list, and `{"features": …}` with either. A list
stands for a row too: the values in the order of the inputs. A model that takes photos also takes
their files: the body itself, or several in a form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from vigie.engines.predictions import predictions_of
from vigie.errors import FieldError, InvalidInput, MalformedRequest
from vigie.models.positional import columns_by_place, takes_lists
from vigie.models.wording import kind_of
from vigie.serving.dialects.body import check_is_json, parse_json
from vigie.serving.dialects.columns import MostRows
from vigie.serving.dialects.outline import outline_of
from vigie.serving.dialects.quick_bodies import NATIVE
from vigie.serving.dialects.thumbnails import add_thumbnails
from vigie.serving.problems import MEDIA_TYPE, field_errors, problem_body
from vigie.serving.runtime.messages import DecodedRequest, EncodedResponse

if TYPE_CHECKING:
    from vigie.errors import VigieError
    from vigie.models.rows import Decoded
    from vigie.serving.runtime.loaded_model import LoadedModel
    from vigie.serving.runtime.messages import Request, RequestContext, Result

_WRAPPERS = ("instances", "features")
FILES = (
    "Send the photo itself (Content-Type: image/jpeg), several in a form (multipart/form-data), or "
)


@dataclass(slots=True)
class _Body:
    """The rows of a body and where they stand in it."""

    rows: Sequence[Any]
    pointer: str
    listed: bool

    def point(self, row: int) -> str:
        return f"{self.pointer}/{row}" if self.listed else self.pointer


class NativeDialect:
    """`POST /predict` and `POST /predict/<model>`."""

    def __init__(self, max_rows: int, max_photos: int = 1) -> None:
        self._most = MostRows(max_rows, max_photos)

    def decode(self, request: Request, live: LoadedModel) -> DecodedRequest:
        """The rows of a request, checked against the live version's inputs."""
        most = self._most.of(live)
        if live.images and (decoded := _by_files(request, live, most)):
            return DecodedRequest(decoded)
        check_is_json(request, FILES if live.images else "")
        document = outline_of(request.body, live, most, _WRAPPERS)
        if document is None:
            quick = NATIVE.read(request.body, live, most)
            if quick is not None:
                return DecodedRequest(quick[0])
            document = parse_json(request.body, bool(live.images))
        body = _unwrap(document, live)
        count = len(body.rows)
        if not 1 <= count <= most:
            wrong = FieldError(0, "", f"1 to {most} rows", f"{count} rows")
            raise _Pointed(InvalidInput("The number of rows is wrong.", (wrong,)), body, True)
        if live.images:
            body.rows = _named(body.rows, live)
        try:
            if type(body.rows[0]) is list and body.listed and takes_lists(live.inputs):
                return DecodedRequest(_by_place(body.rows, live))
            return DecodedRequest(live.predictor.decoder.decode(body.rows))
        except InvalidInput as invalid:
            raise _Pointed(invalid, body) from None

    def encode(self, context: RequestContext, result: Result) -> EncodedResponse:
        """`{"model", "version", "request_id", "predictions": [one object per row]}`."""
        live = context.live
        predictions = predictions_of(live.document, result.answers, context.decoded.outside)
        if result.answers.nearest is not None:
            add_thumbnails(predictions, live, result.answers)
        return EncodedResponse(
            orjson.dumps(
                {
                    "model": live.name,
                    "version": live.version,
                    "request_id": context.request_id,
                    "predictions": predictions,
                }
            )
        )

    def refuse(
        self, request: Request, live: LoadedModel | None, error: VigieError, request_id: str
    ) -> EncodedResponse:
        """A problem document with pointers into the caller's body and an example that works."""
        errors: list[dict[str, str]] = []
        if isinstance(error, _Pointed):
            sent = error.body
            point = (lambda row: sent.pointer) if error.whole else sent.point
            errors = field_errors(error, point)
        elif isinstance(error, MalformedRequest):
            errors = [{"pointer": "", "expected": "JSON", "got": "something else"}]
        example = None
        if live is not None and error.status in (400, 405, 415, 422):
            example = {"instances": [live.document.example]}
        body = problem_body(error, request_id, errors, example)
        return EncodedResponse(body, MEDIA_TYPE, error.status)


class _Pointed(InvalidInput):
    """Invalid input with the body that its fields stand in."""

    def __init__(self, invalid: InvalidInput, body: _Body, whole: bool = False) -> None:
        super().__init__(str(invalid), invalid.fields)
        self.body = body
        self.whole = whole


def _by_files(request: Request, live: LoadedModel, most: int) -> Decoded | None:
    """The rows of photos that are sent as files; `None` where the body is none of them."""
    # what reads forms comes with much else, and tables need none of it
    from vigie.serving.dialects.uploads import uploaded

    body = _Body((), "", True)
    try:
        found = uploaded(request, live, most)
        if found is None:
            return None
        columns, rows = found
        return live.predictor.decoder.decode_columns(columns, rows)
    except InvalidInput as invalid:
        raise _Pointed(invalid, body) from None


def _named(rows: Sequence[Any], live: LoadedModel) -> Sequence[Any]:
    """The rows with each `{"b64": …}` under the name of the one photo that it can be."""
    if len(live.images) > 1:
        return rows
    name = live.images[0].name
    return [{name: row} if type(row) is dict and row.keys() == {"b64"} else row for row in rows]


def _by_place(rows: Sequence[Any], live: LoadedModel) -> Decoded:
    """Rows that are lists; what is wrong is found by its place there, and has its name beside."""
    columns = columns_by_place(live.inputs, rows)
    try:
        return live.predictor.decoder.decode_columns(columns, len(rows))
    except InvalidInput as invalid:
        places = {name: str(place) for place, name in enumerate(live.inputs)}
        fields = tuple(_placed(one, places) for one in invalid.fields)
        raise InvalidInput(str(invalid), fields) from None


def _placed(one: FieldError, places: Mapping[str, str]) -> FieldError:
    # the one value of a model with a single input of a shape is the row itself
    place = places[one.field] if len(places) > 1 else ""
    return FieldError(one.row, place, f"{one.expected} ({one.field})", one.got)


def _unwrap(document: Any, live: LoadedModel) -> _Body:
    if type(document) is list:
        return _Body(document, "", True)
    if type(document) is not dict:
        whole = _Body([document], "", False)
        wrong = FieldError(0, "", "object or list of objects", kind_of(document))
        raise _Pointed(InvalidInput("The body is not an object.", (wrong,)), whole)
    for wrapper in _WRAPPERS:
        if wrapper in document and wrapper not in live.inputs:
            return _unwrap_member(document, wrapper)
    return _Body([document], "", False)


def _unwrap_member(document: dict[str, Any], wrapper: str) -> _Body:
    if len(document) > 1:
        other = next(name for name in document if name != wrapper)
        wrong = FieldError(0, other[:64], f"nothing beside {wrapper}", kind_of(document[other]))
        whole = _Body([document], "", False)
        raise _Pointed(InvalidInput(f"Only {wrapper} is taken here.", (wrong,)), whole)
    rows = document[wrapper]
    if type(rows) is list:
        return _Body(rows, f"/{wrapper}", True)
    if wrapper == "features" and type(rows) is dict:
        return _Body([rows], f"/{wrapper}", False)
    body = _Body([rows], f"/{wrapper}", False)
    wrong = FieldError(0, "", "list of objects", kind_of(rows))
    raise _Pointed(InvalidInput(f"{wrapper} is not a list of objects.", (wrong,)), body)
