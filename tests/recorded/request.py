"""One request of the corpus, as the bytes that go over the wire."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

HOST = "vigie.test"
REQUEST_ID = "recorded"
ABSENT = "\0"
"""The value of a header that is not sent."""
JSON = "application/json"
HTML = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
ENGLISH = {"Accept": HTML, "Accept-Language": "en-GB,en;q=0.9"}
FRENCH = {"Accept": HTML, "Accept-Language": "fr-FR,fr;q=0.9,en;q=0.5"}
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Request:
    """A request and how its answer is read.

    `pieces`, where given, is sent in place of method, path, headers and body: each piece after the
    answer to the one before it. `until` are texts that the body must hold before it counts, for
    what the service only knows a few seconds later. `moment` marks a page whose length depends on
    the moment, so that HEAD of it has no length to compare.
    """

    name: str
    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    pieces: tuple[bytes, ...] = ()
    until: tuple[str, ...] = ()
    moment: bool = False

    @property
    def sent(self) -> tuple[bytes, ...]:
        """What goes over the wire."""
        return self.pieces or (wire_form(self.method, self.path, self.headers, self.body),)


def wire_form(
    method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b""
) -> bytes:
    """A request as it is sent; `ABSENT` as a header's value leaves out one that is always there."""
    given: dict[str, str] = {"Host": HOST, "X-Request-Id": REQUEST_ID, **(headers or {})}
    if body or method in ("POST", "PUT", "PATCH"):
        given.setdefault("Content-Length", str(len(body)))
    lines = [f"{method} {path} HTTP/1.1", *(f"{k}: {v}" for k, v in given.items() if v != ABSENT)]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def dumps(document: object) -> bytes:
    """JSON as most callers write it; NaN and infinities too."""
    return json.dumps(document).encode()


def get(name: str, path: str, headers: Mapping[str, str] | None = None, **more: Any) -> Request:
    """A GET."""
    return Request(name, "GET", path, headers or {}, **more)


def post(name: str, path: str, body: object, headers: Mapping[str, str] | None = None) -> Request:
    """A POST of JSON, or of bytes as they are; JSON by its media type unless `headers` say more."""
    raw = body if isinstance(body, bytes) else dumps(body)
    return Request(name, "POST", path, {"Content-Type": JSON} if headers is None else headers, raw)


def form(
    name: str, path: str, fields: Mapping[str, str], headers: Mapping[str, str] = ENGLISH
) -> Request:
    """A form as a browser posts it."""
    return post(name, path, urlencode(fields).encode(), {"Content-Type": FORM, **headers})


def in_both_languages(request: Request) -> list[Request]:
    """The same as an English and as a French browser asks it."""
    return [
        Request(
            f"{request.name}, {language}", request.method, request.path,
            {**request.headers, **headers}, request.body, moment=request.moment,
        )
        for language, headers in (("English", ENGLISH), ("French", FRENCH))
    ]  # fmt: skip


def numbered(name: str, requests: list[tuple[str, object]]) -> list[Request]:
    """POSTs of JSON bodies to paths, named by number."""
    return [post(f"{name} {n}", path, body) for n, (path, body) in enumerate(requests, 1)]
