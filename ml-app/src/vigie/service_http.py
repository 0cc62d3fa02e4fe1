"""HTTP to a running service: one session, waits that end, tries that do no harm."""

from __future__ import annotations

import contextlib
import random
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests
from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

from vigie.errors import (
    WHOLE_COLUMN,
    ConfigurationError,
    FieldError,
    InvalidInput,
    VigieError,
    spelled_out,
)

LONGEST_WAIT_SECONDS = 60.0
"""A service that asks to wait longer is not asked again."""
_CONNECT_SECONDS = 5.0
_FIRST_WAIT_SECONDS = 0.25
_LONGEST_BACKOFF_SECONDS = 8.0
_AGAIN = frozenset({429, 502, 503, 504})
"""Another time it may be answered: over a quota, full, draining, a gateway without a server."""
_PLACE = re.compile(r"/(\d+)(?:/(.*))?")
_BROKEN = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)


class ServiceError(VigieError):
    """The service is away, or said no; the message is for people.

    `status` is that of its answer, 0 where there was none; `fields` name what it refused.
    """

    def __init__(self, message: str, status: int = 0, fields: tuple[FieldError, ...] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.fields = fields


class RefusedInput(ServiceError, InvalidInput):
    """The service took the rows for wrong; `fields` has the row of the table, and what is wrong."""


@dataclass(frozen=True, slots=True)
class ServiceAnswer:
    """What came back: the JSON of an answer with its status, or with status 0 why there is none."""

    status: int
    content: Any = None
    failure: str = ""
    again: bool = False
    wait_seconds: float = 0.0

    @property
    def document(self) -> dict[str, Any]:
        """The content where it is an object, else nothing."""
        return self.content if isinstance(self.content, dict) else {}


class ServiceHttp:
    """One service at a base address, asked with a key, from any number of threads."""

    def __init__(self, url: str, api_key: str | None, timeout: float, retries: int) -> None:
        self.url = _base(url)
        if not timeout > 0 or retries < 0:
            raise ConfigurationError("timeout is a number of seconds above 0, retries at least 0")
        self._timeout = (min(timeout, _CONNECT_SECONDS), timeout)
        self._retries = retries
        self._session = requests.Session()
        # given as `auth`, it is not replaced by a .netrc; threads share no cookies: none is kept
        self._session.auth = _Bearer(api_key)
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def close(self) -> None:
        """Ends the connections that are kept."""
        self._session.close()

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        accept: tuple[int, ...] = (200,),
        repeat: bool = True,
        media_type: str = "application/json",
    ) -> ServiceAnswer:
        """The answer, with its status; `ServiceError` where none came.

        With `repeat` it is asked for again where the connection broke, or another time may do; what
        is in `accept` needs no other. `repeat` is for what may be done twice.
        """
        for attempt in range(self._retries if repeat else 0):
            said = self._ask_once(method, path, body, media_type)
            if said.status in accept or not said.again:
                break
            if said.wait_seconds > LONGEST_WAIT_SECONDS:
                break
            time.sleep(max(said.wait_seconds, _backoff(attempt)))
        else:
            said = self._ask_once(method, path, body, media_type)
        if not said.status:
            raise ServiceError(said.failure)
        return said

    def _ask_once(
        self, method: str, path: str, body: bytes | None, media_type: str
    ) -> ServiceAnswer:
        """What is raised here holds the request and so the key: nothing of it leaves."""
        headers = {} if body is None else {"Content-Type": media_type}
        try:
            answer = self._session.request(
                method, self.url + path, data=body, headers=headers, timeout=self._timeout,
                allow_redirects=False,
            )  # fmt: skip
        except requests.exceptions.SSLError:
            return ServiceAnswer(0, failure=f"the certificate of {self.url} is not trusted here")
        except requests.ReadTimeout:
            failure = f"{self.url} did not answer within {self._timeout[1]:g} s"
            return ServiceAnswer(0, failure=failure)
        except _BROKEN:
            failure = (
                f"no service answers at {self.url}; start it with `make run`, or give its address"
            )
            return ServiceAnswer(0, failure=failure, again=True)
        except requests.RequestException:
            return ServiceAnswer(0, failure=f"{self.url} does not answer like Vigie")
        try:
            content = orjson.loads(answer.content)
        except orjson.JSONDecodeError:
            content = None
        return ServiceAnswer(
            answer.status_code,
            content,
            again=answer.status_code in _AGAIN,
            wait_seconds=_asked_wait(answer.headers.get("Retry-After")),
        )


class _Bearer(requests.auth.AuthBase):
    """Puts a key into requests, and shows it nowhere."""

    def __init__(self, key: str | None) -> None:
        key = (key or "").strip()
        if not key.isascii() or not key.isprintable() or " " in key:
            raise ConfigurationError("api_key is no key: a key is one word of letters and digits")
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._key:
            request.headers["Authorization"] = f"Bearer {self._key}"
        return request


def _base(url: str) -> str:
    """The address, checked; the key has its own place, and none in an address that errors show."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except (ValueError, TypeError, AttributeError):
        good = False
    if not good or parts.query or parts.fragment:
        raise ConfigurationError("url is no address of a service, such as http://127.0.0.1:5000")
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError("url holds an account; leave it out, and give a key as api_key")
    return url.rstrip("/")


def _backoff(attempt: int) -> float:
    """Longer each time, and by chance: callers that were refused together do not return so."""
    longest = min(_FIRST_WAIT_SECONDS * 2.0**attempt, _LONGEST_BACKOFF_SECONDS)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - no secret


def _asked_wait(text: str | None) -> float:
    """The seconds that `Retry-After` asks for, given as such or as a date."""
    if text is not None:
        with contextlib.suppress(InvalidHeader):
            return float(Retry(0).parse_retry_after(text.strip()))
    return 0.0


def refusal_of(said: ServiceAnswer, url: str, start: int = 0, rows: int = 1) -> ServiceError:
    """What the service said, with the fields at their rows of the whole table."""
    problem = said.document
    if 300 <= said.status < 400:
        return ServiceError(f"{url} sends callers elsewhere; give that address", said.status)
    if said.status == 200 or "detail" not in problem:
        return ServiceError(f"{url} does not answer like Vigie ({said.status})", said.status)
    fields = tuple(_fields(problem.get("errors"), start))
    text = spelled_out(str(problem["detail"]), fields, rows)
    if said.wait_seconds > LONGEST_WAIT_SECONDS:
        text += f"\n  it asks to wait {said.wait_seconds:.0f} s"
    if start:
        text += f"\n  the {start} rows before went through"
    kind = RefusedInput if said.status == 422 else ServiceError
    return kind(text, said.status, fields)


def _fields(errors: Any, start: int) -> Iterator[FieldError]:
    for error in errors if isinstance(errors, list) else ():
        place = _PLACE.fullmatch(str(error.get("pointer", "")))
        row, name = (start + int(place[1]), place[2] or "") if place else (WHOLE_COLUMN, "")
        name = name.replace("~1", "/").replace("~0", "~")
        yield FieldError(row, name, str(error.get("expected")), str(error.get("got")))
