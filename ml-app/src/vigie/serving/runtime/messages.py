"""A prediction request on its way, free of any transport: asked, decoded, run, encoded.

A transport makes a `Request`, the pipeline a `RequestContext` of it, a dialect decodes and encodes,
a slot gives the `Result`, and the transport writes the `Response`.
"""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from vigie.engines.predictor import Answers
    from vigie.errors import VigieError
    from vigie.models.rows import Decoded
    from vigie.serving.runtime.loaded_model import LoadedModel
    from vigie.serving.runtime.model_slot import ModelSlot


Headers = dict[bytes, bytes]
JSON = b"application/json"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(slots=True)
class Request:
    """One HTTP request: its method, path, headers (names in lower case) and whole body.

    `received` is a reading of `time.perf_counter()`, seconds. `let_go` frees what was set aside for
    a large body, and may be called as soon as that is needed no more. `target` is the path with
    its query as they came, empty where that is not known.
    """

    method: str
    path: str
    headers: dict[bytes, bytes]
    body: bytes | bytearray
    received: float = field(default_factory=time.perf_counter)
    let_go: Callable[[], None] | None = None
    target: bytes = b""

    def header(self, name: bytes) -> str:
        """A header's value, empty where it is absent."""
        return self.headers.get(name, b"").decode("latin-1")

    @property
    def known_method(self) -> str:
        """The method; `other` for one that HTTP does not know, as such there are without end."""
        return self.method if self.method in METHODS else "other"

    @property
    def traceparent(self) -> str | None:
        """The trace that the caller says this request is part of (W3C Trace Context)."""
        trace = self.headers.get(b"traceparent")
        return trace.decode() if trace is not None and _TRACEPARENT.fullmatch(trace) else None


class Response:
    """One HTTP response: status, headers in order, whole body.

    `head` are the headers as they are sent, a line each, where they were written so at once; the
    few who read `headers` then get them out of it.
    """

    __slots__ = ("_headers", "body", "head", "status")

    def __init__(
        self,
        status: int,
        headers: list[tuple[bytes, bytes]] | None,
        body: bytes,
        head: bytes | None = None,
    ) -> None:
        self.status = status
        self._headers = headers
        self.body = body
        self.head = head

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """Names in lower case and values."""
        if self._headers is None:
            pairs = (line.partition(b": ") for line in (self.head or b"").splitlines())
            self._headers = [(name, value) for name, _, value in pairs]
        return self._headers


def request_id_of(request: Request) -> str:
    """The caller's own id, else its trace's, else a fresh one of 32 hexadecimal digits."""
    given = request.headers.get(b"x-request-id")
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given.decode()
    trace = request.traceparent
    return trace.split("-")[1] if trace is not None else os.urandom(16).hex()


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """What a question says of its answer: the member it stands in, an id to echo, outputs by name.

    Beside each name stands whether the output is wanted as binary data.
    """

    member: Literal["predictions", "outputs"] = "predictions"
    id: str | None = None
    outputs: tuple[tuple[str, bool], ...] = ()


USUAL_FORMAT = ResponseFormat()


@dataclass(slots=True)
class RequestContext:
    """One prediction request between its first and its last step.

    `template` is the route as metrics name it. The pipeline fills in the slot and the version that
    answer, what was decoded for it and when it must be answered. `deadline` and `queued` are
    readings of `time.perf_counter()`, seconds.

    Once it is `over`, answered or given up, nobody waits for what becomes of it any more.
    """

    request: Request
    request_id: str
    dialect: Dialect
    template: str
    reply: Callable[[Response], None] | None = None
    slot: ModelSlot = field(init=False)
    live: LoadedModel = field(init=False)
    decoded: Decoded = field(init=False)
    deadline: float = field(init=False)
    response_format: ResponseFormat = USUAL_FORMAT
    decode_seconds: float = 0.0
    queued: float = 0.0
    over: bool = False
    timer: asyncio.TimerHandle | None = None

    @property
    def known_live(self) -> LoadedModel | None:
        """The version that answers; `None` for a request that was refused before one was found."""
        return getattr(self, "live", None)


@dataclass(slots=True)
class Result:
    """The answers to exactly the rows of one request; how long they waited and ran, seconds."""

    answers: Answers
    queue_seconds: float
    infer_seconds: float


@dataclass(slots=True)
class DecodedRequest:
    """Rows that were checked, and how their answer is wanted."""

    decoded: Decoded
    response_format: ResponseFormat = USUAL_FORMAT


@dataclass(slots=True)
class EncodedResponse:
    """An answer or a refusal as its dialect writes it."""

    body: bytes
    media_type: bytes = JSON
    status: int = 200
    headers: list[tuple[bytes, bytes]] | None = None


class Dialect(Protocol):
    """One way of asking for predictions, a protocol and its codec, free of any transport."""

    def decode(self, request: Request, live: LoadedModel) -> DecodedRequest:
        """What a request asks for; raises a `VigieError` that `refuse` can explain."""
        ...

    def encode(self, context: RequestContext, result: Result) -> EncodedResponse:
        """The answer to a request that this dialect decoded."""
        ...

    def refuse(
        self, request: Request, live: LoadedModel | None, error: VigieError, request_id: str
    ) -> EncodedResponse:
        """The refusal, under the status that the dialect has for such an error."""
        ...
