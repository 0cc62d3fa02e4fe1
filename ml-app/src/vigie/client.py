"""A client of a running service: tables or photos in, answers out, and truths back."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, overload
from urllib.parse import quote

import orjson

from vigie.errors import DataError
from vigie.frames import in_form_of, is_frame, rows_of, values_of
from vigie.photo_form import Photos, are_photos, form_of
from vigie.service_http import RefusedInput, ServiceError, ServiceHttp, refusal_of

if TYPE_CHECKING:
    import pandas as pd

    from vigie.frames import Rows
    from vigie.photo_form import PhotoFile
    from vigie.service_http import ServiceAnswer

__all__ = ["Client", "RefusedInput", "ServiceError"]

ROWS_AT_ONCE = 1000
"""Rows or truths of one request; a service that takes fewer says so, and gets fewer."""
BYTES_AT_ONCE = 2**22
"""Half of what a service takes by default."""
PHOTOS_AT_ONCE = 16
PHOTO_BYTES_AT_ONCE = 2**24
"""A quarter of what a service takes by default."""
_TRUTH = ("request_id", "row", "actual")
_CAP = re.compile(r"1 to (\d+) (?:rows|truths|photos)")


@dataclass(slots=True)
class _Portion:
    """How much one request may have."""

    rows: int
    size: int

    def must_be_less(self, said: ServiceAnswer, rows: int, size: int) -> bool:
        """Learns what the service takes at once where it refused for want of that."""
        if said.status == 413 and rows > 1:
            self.size = size // 2
            return True
        cap = _CAP.search(str(said.content)) if said.status == 422 else None
        if cap and 0 < int(cap[1]) < rows:
            self.rows = int(cap[1])
            return True
        return False


class Client:
    """A running service at an address such as `http://127.0.0.1:5000`.

    `timeout` bounds each wait for the service, seconds. Predictions are asked for again up to
    `retries` times where the connection broke, the service is full (429, 503) or a gateway has no
    server (502, 504), after what `Retry-After` says; feedback never is. Several threads may share a
    client. Every failure is a `VigieError`: `ServiceError`, or `DataError` for what is no table.
    """

    def __init__(
        self, url: str, api_key: str | None = None, timeout: float = 60.0, retries: int = 5
    ) -> None:
        self._http = ServiceHttp(url, api_key, timeout, retries)
        self._most = _Portion(ROWS_AT_ONCE, BYTES_AT_ONCE)
        self._most_photos = _Portion(PHOTOS_AT_ONCE, PHOTO_BYTES_AT_ONCE)

    def __repr__(self) -> str:
        return f"Client({self._http.url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connections that are kept for the next request."""
        self._http.close()

    @overload
    def predict(self, model: str, table: pd.DataFrame) -> pd.DataFrame: ...
    @overload
    def predict(self, model: str, table: Mapping[str, Any]) -> dict[str, list[Any]]: ...
    @overload
    def predict(self, model: str, table: Sequence[Mapping[str, Any]]) -> Rows: ...
    @overload
    def predict(
        self, model: str, table: Sequence[PhotoFile], values: Mapping[str, Any] | None = None
    ) -> Rows: ...
    def predict(self, model: str, table: Any, values: Mapping[str, Any] | None = None) -> Any:
        """The predictions for the rows of a table, in their order and in the form of the table.

        A DataFrame gives a DataFrame with its index, a dict of columns such a dict, dicts the dicts
        that the service answers. A regression has its outputs, `lower` and `upper` where the model
        has an interval; a classification `label`, `score` and a `score_<label>` each; all have
        `warnings`. `version`, `request_id` and `row` say who answered: `feedback` takes them.
        Raises `RefusedInput` where a row breaks the signature.

        A list of photos, each a path, the bytes of a file or a file opened with `"rb"`, gives dicts
        in the same order; `values` are the model's other inputs, the same for every photo.
        """
        if are_photos(table):
            return self._predict_photos(model, Photos(table), values or {})
        if values is not None:
            raise DataError("values goes with photos; the rows of a table have their own")
        rows = rows_of(table)
        if not rows:
            raise DataError("the table has no rows")
        predictions: Rows = []
        while len(predictions) < len(rows):
            predictions += _with_origin(self._answer_some(model, rows, len(predictions)))
        return in_form_of(table, predictions)

    def _predict_photos(self, model: str, photos: Photos, values: Mapping[str, Any]) -> Rows:
        path = f"/predict/{quote(str(model), safe='')}"
        predictions: Rows = []
        most = self._most_photos
        while len(predictions) < len(photos):
            start = len(predictions)
            some = photos.take(start, most.rows, most.size)
            body, media_type = form_of(some, values)
            said = self._http.ask("POST", path, body, media_type=media_type)
            if most.must_be_less(said, len(some), len(body)):
                continue
            answers = said.document.get("predictions")
            if said.status != 200 or not isinstance(answers, list) or len(answers) != len(some):
                raise refusal_of(said, self._http.url, start, len(photos))
            predictions += _with_origin(said.document)
        return predictions

    def answer(self, model: str, rows: Rows) -> dict[str, Any]:
        """The service's own answer to rows, whole: those of one request, or its first part."""
        return self._answer_some(model, rows_of(rows), 0)

    def feedback(self, answers: Any, actual: Any = None) -> dict[str, int]:
        """Sends what turned out to be true; how many truths were `stored`, and how many known.

        `answers` is what `predict` gave, or some of its rows, and `actual` a column with the truth
        of each; or each row has its own, `{"request_id": …, "row": …, "actual": …}`. Rows whose
        truth is missing are left out. It is never sent twice: where no answer came, sending it
        again is the caller's to decide, and does no harm, for a known truth is a `duplicate`.
        """
        truths = _truths_of(answers, actual)
        counts = {"stored": 0, "duplicate": 0}
        sent = 0
        while sent < len(truths):
            said, count = self._send_some("/feedback", truths, sent, repeat=False)
            if said.status != 200:
                raise refusal_of(said, self._http.url, sent, len(truths))
            for name in counts:
                counts[name] += int(said.document.get(name, 0))
            sent += count
        return counts

    def models(self) -> list[dict[str, Any]]:
        """What the service says of each of its models: name, state, version, task, metrics."""
        models: list[dict[str, Any]] = self._read("/v1/models", "models", list)
        return models

    def inputs(self, model: str) -> dict[str, Any]:
        """The JSON schema of each input of a model, from the service's own description."""
        schemas = self._read("/openapi.json", "components", dict).get("schemas", {})
        if f"{model}.Row" not in schemas:
            known = ", ".join(name.removesuffix(".Row") for name in schemas if name[-4:] == ".Row")
            raise ServiceError(f"the service has no model {model}; it has {known}", 404)
        properties: dict[str, Any] = schemas[f"{model}.Row"]["properties"]
        return properties

    def readiness(self) -> str:
        """`ready`, or why not."""
        said = self._http.ask("GET", "/readyz", accept=(200, 503))
        if "status" not in said.document:
            raise refusal_of(said, self._http.url)
        return str(said.document["status"])

    def _read(self, path: str, member: str, kind: type) -> Any:
        said = self._http.ask("GET", path)
        found = said.document.get(member)
        if said.status != 200 or not isinstance(found, kind):
            raise refusal_of(said, self._http.url)
        return found

    def _answer_some(self, model: str, rows: Rows, start: int) -> dict[str, Any]:
        """The answer to as many rows, from `start` on, as one request may have."""
        path = f"/predict/{quote(str(model), safe='')}"
        said, count = self._send_some(path, rows, start)
        predictions = said.document.get("predictions")
        if said.status != 200 or not isinstance(predictions, list) or len(predictions) != count:
            raise refusal_of(said, self._http.url, start, len(rows))
        return said.document

    def _send_some(
        self, path: str, rows: Rows, start: int, repeat: bool = True
    ) -> tuple[ServiceAnswer, int]:
        """What is said to a request of as many rows as it may have, and how many those were."""
        while True:
            parts = self._parts(rows, start)
            body = b"[%s]" % b",".join(parts)
            said = self._http.ask("POST", path, body, repeat=repeat)
            if not self._most.must_be_less(said, len(parts), len(body)):
                return said, len(parts)

    def _parts(self, rows: Rows, start: int) -> list[bytes]:
        """The next rows as JSON: one at least, else as many as fit."""
        parts: list[bytes] = []
        size = 0
        for place in range(start, min(start + self._most.rows, len(rows))):
            part = _encoded(rows[place], place)
            size += len(part) + 1
            if parts and size > self._most.size:
                break
            parts.append(part)
        return parts


def _with_origin(answer: Mapping[str, Any]) -> Rows:
    """Each prediction of an answer with the version and the place it comes from."""
    rows: Rows = []
    for place, prediction in enumerate(answer["predictions"]):
        origin = {
            "version": answer.get("version"), "request_id": answer.get("request_id"), "row": place,
        }  # fmt: skip
        if taken := origin.keys() & prediction.keys():
            raise DataError(
                f"the model answers {min(taken)}, which names where an answer comes from; "
                "ask for it with Client.answer"
            )
        rows.append({**prediction, **origin})
    return rows


def _truths_of(answers: Any, actual: Any) -> Rows:
    """The truths that are known: one of `actual` for each answer, or what each answer has."""
    rows = rows_of(answers)
    if actual is not None:
        index: Any = getattr(actual, "index", None)
        if is_frame(answers) and hasattr(index, "equals") and not index.equals(answers.index):
            raise DataError("actual has another index than answers; give actual.loc[answers.index]")
        truths = values_of(actual, "actual")
        if len(truths) != len(rows):
            raise DataError(f"there are {len(rows)} answers, and {len(truths)} truths in actual")
        rows = [{**row, "actual": truth} for row, truth in zip(rows, truths, strict=True)]
    elif not any("actual" in row for row in rows):
        raise DataError("no truth is given: give actual, a column with one for each answer")
    for place, row in enumerate(rows):
        if "request_id" not in row:
            raise DataError(f"row {place} has no request_id; give what predict answered")
    return [
        {name: row[name] for name in _TRUTH if name in row}
        for row in rows
        if row.get("actual") is not None
    ]


def _encoded(row: Mapping[str, Any], place: int) -> bytes:
    try:
        text = orjson.dumps(row)
    except TypeError:
        raise DataError(_unwritable(row, place)) from None
    # what JSON has no number for would arrive as a missing value
    if b"null" in text:
        for name, value in row.items():
            if not _finite(value):
                raise DataError(f"{name} in row {place} is no finite number")
    return text


def _unwritable(row: Mapping[str, Any], place: int) -> str:
    for name, value in row.items():
        try:
            orjson.dumps({name: value})
        except TypeError as failure:
            return f"{name} in row {place} cannot be sent: {failure}"
    return f"row {place} cannot be sent"


def _finite(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_finite, value))
    return not isinstance(value, float) or math.isfinite(value)
