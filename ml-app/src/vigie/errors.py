"""Every failure that Vigie explains to a person: one base, one class per cause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


class VigieError(Exception):
    """An explained failure. `str(error)` is safe to show: no path, payload, trace or secret.

    `status`, `code` and `title` are what a request is answered with; what else people are told of a
    code stands in `vigie.serving.problems`.
    """

    status: int = 500
    code: str = "internal-error"
    title: str = "Internal error"


class ConfigurationError(VigieError):
    """A setting, port, folder or environment that must be put right before a start."""


class MissingExtra(ConfigurationError, ImportError):
    """A part of Vigie that is not installed; the message says what to install."""


class DataError(VigieError):
    """Training or batch data that cannot be used; the message names the column and the remedy."""


class RegistryError(VigieError):
    """The MLflow server is away, slow, or answered with something that is not its own API."""


class RefusedPackage(VigieError):
    """A model version that will not be served; the message is the reason."""


class BrokenPackage(RefusedPackage):
    """A version that did not arrive whole, or could not be made now; another try may go better."""


RETRY_SECONDS = 5
"""When to ask again where nobody knows how long it lasts: no model, no keys, no database."""
WHOLE_COLUMN = -1
"""The row of a `FieldError` that is about every row of its field."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong with one field: what was expected there and the kind of what came."""

    row: int
    field: str
    expected: str
    got: str


def spelled_out(message: str, fields: Sequence[FieldError], rows: int) -> str:
    """`message`, and a line for each field; its row too where there is more than one."""
    lines = [message]
    for one in fields:
        row = [f"row {one.row}"] if rows > 1 and one.row != WHOLE_COLUMN else []
        where = ", ".join([*row, *([one.field] if one.field else [])])
        lines.append(f"  {where or 'the table'}: expected {one.expected}, got {one.got}")
    return "\n".join(lines)


class InvalidInput(VigieError):
    """A request that parses but breaks the signature or a limit."""

    status = 422
    code = "invalid-input"
    title = "Invalid input"

    def __init__(self, message: str, fields: tuple[FieldError, ...] = ()) -> None:
        super().__init__(message)
        self.fields = fields


def told_in_a_line(failure: VigieError) -> str:
    """What is wrong with a row, in its cell of a table: each field, or the failure itself."""
    if isinstance(failure, InvalidInput) and failure.fields:
        return "; ".join(f"{f.field}: expected {f.expected}, got {f.got}" for f in failure.fields)
    return str(failure)


class MalformedRequest(VigieError):
    """A request that cannot be parsed."""

    status = 400
    code = "malformed-request"
    title = "Malformed request"


class InvalidHeader(VigieError):
    """A header of the request does not say what it should."""

    status = 400
    code = "invalid-header"
    title = "Invalid header"


class Denied(VigieError):
    """A request that its key does not allow; `reason` is the metric's word for it."""

    reason: ClassVar[str] = "forbidden"


class Unauthorized(Denied):
    """A key is needed, and none that is taken was sent."""

    status = 401
    code = "unauthorized"
    title = "Key needed"
    reason = "unauthorized"


class Forbidden(Denied):
    """The key or the session is taken, and this is not allowed all the same."""

    status = 403
    code = "forbidden"
    title = "Not allowed"


class TooManyTries(Denied):
    """An address has tried too many wrong keys; `retry_after` is in seconds."""

    status = 429
    code = "too-many-tries"
    title = "Too many tries"
    reason = "unauthorized"

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NotFound(VigieError):
    """No such model, version or route."""

    status = 404
    code = "not-found"
    title = "Not found"


class Conflict(VigieError):
    """Another truth about the same row is there already; `fields` name where."""

    status = 409
    code = "conflict"
    title = "Another truth is known"

    def __init__(self, message: str, fields: tuple[FieldError, ...]) -> None:
        super().__init__(message)
        self.fields = fields


class MethodNotAllowed(VigieError):
    """The route exists, the method does not."""

    status = 405
    code = "method-not-allowed"
    title = "Method not allowed"

    def __init__(self, message: str, allow: str) -> None:
        super().__init__(message)
        self.allow = allow


class TooLarge(VigieError):
    """A body above the limit."""

    status = 413
    code = "too-large"
    title = "Request too large"


class AddressTooLong(TooLarge):
    """A request line above the limit."""

    status = 414


class HeadersTooLarge(TooLarge):
    """Headers above the limit, each or in number."""

    status = 431


class TooSlow(VigieError):
    """A request that did not arrive in time."""

    status = 408
    code = "too-slow"
    title = "Request too slow"


class UnsupportedMediaType(VigieError):
    """A body in a format or encoding that is not taken."""

    status = 415
    code = "unsupported-media-type"
    title = "Unsupported media type"


class ModelFailure(VigieError):
    """The model failed, or answered with a number that is not finite."""

    code = "model-failure"
    title = "The model failed"

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class Unavailable(VigieError):
    """Full, draining, or no usable model: worth another try after `retry_after` seconds."""

    status = 503
    code = "unavailable"
    title = "Unavailable"

    def __init__(self, message: str, reason: str, retry_after: int = 1) -> None:
        super().__init__(message)
        self.reason = reason
        self.retry_after = retry_after


class DeadlineExceeded(VigieError):
    """The deadline passed before the work was started; it was not run."""

    status = 504
    code = "deadline-exceeded"
    title = "Deadline exceeded"
