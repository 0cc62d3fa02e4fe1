"""Errors as RFC 9457 problem documents: what went wrong, where, and an example that works."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from vigie.errors import (
    Conflict,
    DeadlineExceeded,
    Forbidden,
    InvalidHeader,
    InvalidInput,
    MalformedRequest,
    MethodNotAllowed,
    ModelFailure,
    NotFound,
    TooLarge,
    TooManyTries,
    TooSlow,
    Unauthorized,
    Unavailable,
    UnsupportedMediaType,
    VigieError,
)

MEDIA_TYPE = b"application/problem+json"


@dataclass(frozen=True, slots=True)
class Problem:
    """What people are told of one problem type.

    `heading` is its name on pages, `meaning` what the documentation says of it, and `advice` what
    it means for the person in front of a page. Text between backquotes is code.
    """

    code: str
    status: int
    heading: str
    meaning: str
    advice: str


def _problem(
    error: type[VigieError], meaning: str, *, heading: str = "", advice: str = ""
) -> Problem:
    return Problem(error.code, error.status, heading or error.title, meaning, advice or meaning)


_CATALOGUE = (
    _problem(
        InvalidInput,
        "A value is missing, unknown, of the wrong type, outside its limits or not among the "
        "choices. `errors` names each field.",
    ),
    _problem(MalformedRequest, "The body is not JSON, or the request is not HTTP."),
    _problem(InvalidHeader, "A header does not say what it should."),
    _problem(
        Unauthorized,
        "The service asks for a key: `Authorization: Bearer <key>` or `X-Api-Key`. None was sent, "
        "or it is unknown, revoked or expired.",
        advice="This service asks for a key.",
    ),
    _problem(
        Forbidden,
        "A form came from a page of another site, or from a browser that does not say where from.",
        advice="This form was not sent by a page of this service. Open the page and try again.",
    ),
    _problem(
        TooManyTries,
        "Too many wrong keys came from this address; try again after `Retry-After` seconds.",
        advice="Too many keys from this address were wrong. Try again in a minute.",
    ),
    _problem(
        NotFound,
        "There is no such model, version or route.",
        advice="This page does not exist.",
    ),
    _problem(
        Conflict,
        "Another truth about the same row is known; the first one stays. The other truths of the "
        "same request are stored.",
    ),
    _problem(
        MethodNotAllowed,
        "The route takes another method; see `Allow`.",
        advice="This address takes another method.",
    ),
    _problem(
        TooLarge,
        "The body, the address or the headers are above the limits of the service.",
        advice="What you sent is too large.",
    ),
    _problem(TooSlow, "The request did not arrive in time; nothing was done."),
    _problem(UnsupportedMediaType, "Send `application/json`, not compressed."),
    _problem(
        ModelFailure,
        "The model failed, or answered with a number that is not finite.",
        advice="The model could not answer for these values. Others may work.",
    ),
    _problem(
        Unavailable,
        "Full, stopping, or no usable model; try again after `Retry-After` seconds.",
        heading="Not available right now",
        advice="The service is full, stopping, or has no usable model. Try again soon.",
    ),
    _problem(
        DeadlineExceeded,
        "The answer would have come too late; the work was not done.",
        heading="It took too long",
        advice="The answer took too long and was given up. Try again.",
    ),
    _problem(
        VigieError,
        "An error of the service itself; it is in its log under the request id.",
        advice="The service failed. Its operator finds the cause under the request id.",
    ),
)

PROBLEMS: Mapping[str, Problem] = {problem.code: problem for problem in _CATALOGUE}
"""Every problem type by its code, in the order of the documentation."""


def problem_headers(error: VigieError) -> list[tuple[bytes, bytes]]:
    """The headers that go with an error."""
    if isinstance(error, MethodNotAllowed):
        return [(b"allow", error.allow.encode())]
    if isinstance(error, Unauthorized):
        return [(b"www-authenticate", b"Bearer")]
    if isinstance(error, Unavailable | TooManyTries):
        return [(b"retry-after", str(error.retry_after).encode())]
    return []


def problem_body(
    error: VigieError,
    request_id: str,
    errors: Sequence[Mapping[str, str]] = (),
    example: Any = None,
) -> bytes:
    """The problem document. `errors` point into the body, `example` is a body that works."""
    document: dict[str, Any] = {
        "type": f"/docs/errors/{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": str(error),
        "request_id": request_id,
    }
    if errors:
        document["errors"] = errors
    if example is not None:
        document["example"] = example
    return orjson.dumps(document)


def field_errors(error: VigieError, pointer: Any) -> list[dict[str, str]]:
    """The field errors with JSON pointers; `pointer(row)` is where a row stands in the body."""
    if not isinstance(error, InvalidInput | Conflict):
        return []
    return [
        {
            "pointer": pointer(one.row) + (f"/{_escape(one.field)}" if one.field else ""),
            "expected": one.expected,
            "got": one.got,
        }
        for one in error.fields
    ]


def _escape(token: str) -> str:
    """A reference token of a JSON pointer (RFC 6901)."""
    return token.replace("~", "~0").replace("/", "~1")
