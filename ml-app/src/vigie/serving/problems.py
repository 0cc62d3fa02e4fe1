"""Errors as RFC 9457 problem documents: what went wrong, where, and an example that works."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from vigie.errors import (
    Conflict,
    InvalidInput,
    MethodNotAllowed,
    Unauthorized,
    Unavailable,
    VigieError,
)

MEDIA_TYPE = b"application/problem+json"

KNOWN: Mapping[str, str] = {
    "invalid-input": "A value is missing, unknown, of the wrong type, outside its limits or not "
    "among the choices. `errors` names each field.",
    "malformed-request": "The body is not JSON, or the request is not HTTP.",
    "invalid-header": "A header does not say what it should.",
    "unauthorized": "The service asks for a key: `Authorization: Bearer <key>` or `X-Api-Key`. "
    "None was sent, or it is unknown, revoked or expired.",
    "forbidden": "The key is taken, but its role does not suffice for this route.",
    "not-found": "There is no such model, version or route.",
    "conflict": "Another truth about the same row is known; the first one stays. The other truths "
    "of the same request are stored.",
    "method-not-allowed": "The route takes another method; see `Allow`.",
    "too-large": "The body, the address or the headers are above the limits of the service.",
    "too-slow": "The request did not arrive in time; nothing was done.",
    "unsupported-media-type": "Send `application/json`, not compressed.",
    "model-failure": "The model failed, or answered with a number that is not finite.",
    "unavailable": "Full, stopping, or no usable model; try again after `Retry-After` seconds.",
    "deadline-exceeded": "The answer would have come too late; the work was not done.",
    "internal-error": "An error of the service itself; it is in its log under the request id.",
}
"""The meaning of every problem type, for the documentation page."""


def problem_headers(error: VigieError) -> list[tuple[bytes, bytes]]:
    """The headers that go with an error."""
    if isinstance(error, MethodNotAllowed):
        return [(b"allow", error.allow.encode())]
    if isinstance(error, Unauthorized):
        return [(b"www-authenticate", b"Bearer")]
    if isinstance(error, Unavailable):
        return [(b"retry-after", str(error.retry_after).encode())]
    return []


def problem_body(
    error: VigieError,
    request_id: str,
    errors: Sequence[Mapping[str, str]] = (),
    example: Any = None,
) -> bytes:
    """The problem document. `errors` point into the body, `example` is a body that works."""
    code = error.code if error.code in KNOWN else "internal-error"
    document: dict[str, Any] = {
        "type": f"/docs/errors/{code}",
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
