"""Responses of predictions: their headers, and what is told of a failure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vigie.errors import VigieError
from vigie.serving.problems import problem_headers
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
