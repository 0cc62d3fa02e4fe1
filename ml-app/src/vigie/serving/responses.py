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
LOGGED = (b"x-prediction-logged", b"true")
NOT_LOGGED = (b"x-prediction-logged", b"false")
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_STATUS_LINES = {one.value: f"HTTP/1.1 {one.value} {one.phrase}\r\n".encode() for one in HTTPStatus}


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
    timing = (
        f"queue;dur={result.queue_seconds * 1e3:.3f}, "
        f"decode;dur={context.decode_seconds * 1e3:.3f}, "
        f"infer;dur={result.infer_seconds * 1e3:.3f}, "
        f"encode;dur={encode_seconds * 1e3:.3f}"
    )
    headers = [
        *base_headers(encoded.media_type, encoded.body, context.request_id),
        *context.live.headers,
        LOGGED if logged else NOT_LOGGED,
        (b"server-timing", timing.encode()),
    ]
    if encoded.headers is not None:
        headers += encoded.headers
    return Response(encoded.status, headers, encoded.body)


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
    return f"date: {formatdate(usegmt=True)}\r\n".encode()


def bytes_of(response: Response, date: bytes, closes: bool) -> bytes:
    """A response as it goes over the wire; `closes` says that nothing follows it there."""
    lines = b"".join([b"%b: %b\r\n" % header for header in response.headers])
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
