"""Responses: their headers, what is told of a failure, and their bytes as they go over the wire."""

from __future__ import annotations

from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING

from vigie.errors import VigieError
from vigie.serving.problems import MEDIA_TYPE, problem_body, problem_headers
from vigie.serving.runtime.messages import Response

if TYPE_CHECKING:
    from vigie.serving.runtime.loaded_model import LoadedModel
    from vigie.serving.runtime.messages import (
        Dialect,
        EncodedResponse,
        Request,
        RequestContext,
        Result,
    )

NOSNIFF = (b"x-content-type-options", b"nosniff")
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_STATUS_LINES = {one.value: f"HTTP/1.1 {one.value} {one.phrase}\r\n".encode() for one in HTTPStatus}
_HEAD = (
    b"content-type: %b\r\n"
    b"content-length: %d\r\n"
    b"x-request-id: %b\r\n"
    b"x-content-type-options: nosniff\r\n"
    b"%b"
    b"x-prediction-logged: %b\r\n"
    b"server-timing: queue;dur=%.3f, decode;dur=%.3f, infer;dur=%.3f, encode;dur=%.3f\r\n"
)


def base_headers(media_type: bytes, body: bytes, request_id: str) -> list[tuple[bytes, bytes]]:
    """The headers that every response has."""
    return [
        (b"content-type", media_type),
        (b"content-length", b"%d" % len(body)),
        (b"x-request-id", request_id.encode()),
        NOSNIFF,
    ]


def success(
    context: RequestContext,
    encoded: EncodedResponse,
    result: Result,
    encode_seconds: float,
    *,
    logged: bool,
) -> Response:
    """An answer as its dialect wrote it, under the version that gave it and what it took."""
    body = encoded.body
    # written at once: a list of pairs takes three times as long to make and to write
    head = _HEAD % (
        encoded.media_type,
        len(body),
        context.request_id.encode(),
        context.live.head,
        b"true" if logged else b"false",
        result.queue_seconds * 1e3,
        context.decode_seconds * 1e3,
        result.infer_seconds * 1e3,
        encode_seconds * 1e3,
    )
    if encoded.headers is not None:
        head += b"".join([b"%b: %b\r\n" % header for header in encoded.headers])
    return Response(encoded.status, None, body, head)


def refusal(
    dialect: Dialect, request: Request, live: LoadedModel | None, error: VigieError, request_id: str
) -> Response:
    """A refusal in the words of a dialect."""
    encoded = dialect.refuse(request, live, error, request_id)
    headers = [
        *base_headers(encoded.media_type, encoded.body, request_id),
        *(live.headers if live else ()),
        *problem_headers(error),
    ]
    return Response(encoded.status, headers, encoded.body)


def problem_response(error: VigieError, request_id: str) -> Response:
    """A refusal outside of every dialect."""
    body = problem_body(error, request_id)
    headers = [*base_headers(MEDIA_TYPE, body, request_id), *problem_headers(error)]
    return Response(error.status, headers, body)


def date_line() -> bytes:
    """The header that says when a response was made, which changes once a second."""
    return f"Date: {formatdate(usegmt=True)}\r\n".encode()


def bytes_of(response: Response, date: bytes, closes: bool) -> bytes:
    """A response as it goes over the wire; `closes` says that nothing follows it there."""
    lines = response.head
    if lines is None:
        lines = b"".join([b"%b: %b\r\n" % header for header in response.headers])
        if any(name == b"date" for name, _ in response.headers):
            # Flask says it of files
            date = b""
    end = b"connection: close\r\n\r\n" if closes else b"\r\n"
    return b"".join((_STATUS_LINES[response.status], lines, date, end, response.body))


def explained(failure: Exception) -> VigieError:
    """A failure as it may be shown; one that nobody expected is the cause of what is shown."""
    if isinstance(failure, VigieError):
        return failure
    error = VigieError("The service failed; its log has the cause.")
    error.__cause__ = failure
    return error


def let_go(failure: BaseException) -> None:
    """Lets go of what the failure's frames hold, bodies of megabytes, once it is told.

    A future holds its failure, whose frames hold the future: a circle that may stay for hours.
    """
    told: BaseException | None = failure
    while told is not None:
        told.__traceback__ = None
        told = told.__context__
