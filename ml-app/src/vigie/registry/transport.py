"""HTTP to MLflow: bounded in time and size, redirects refused, no address in any message.

A `Transfer` brings files from any other server under the same bounds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import orjson
import requests
from urllib3.exceptions import HTTPError, ReadTimeoutError

from vigie.errors import BrokenPackage, RefusedPackage, RegistryError
from vigie.settings import mlflow_account

ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
MOST_JSON_BYTES = 16 * 2**20
SLOWEST_BYTES_PER_SECOND = 16 * 1024
CHUNK = 1 << 20
LONGEST_UPLOAD_SECONDS = 600.0
_REST = "/api/2.0/mlflow"
_ABSENT = frozenset({"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"})
_NOT_ALLOWED = (401, 403)


class Late(Exception):
    """The deadline of one answer passed."""


def parts(answer: requests.Response, deadline: float, source: str = "MLflow") -> Iterator[bytes]:
    """The body as it comes: `read1` returns with what is there, so that a drip is noticed."""
    if answer.headers.get("Content-Encoding", "identity") != "identity":
        raise RegistryError(f"{source} answered with a compressed body")
    while part := answer.raw.read1(CHUNK):
        if time.monotonic() > deadline:
            raise Late
        yield part


class Transfer:
    """One download of several files; `cancel_check` is called with every part and may raise.

    `source` is who sends them, in the words of an error.
    """

    def __init__(
        self,
        seconds: float,
        window: float,
        cancel_check: Callable[[], None],
        source: str = "MLflow",
    ) -> None:
        self._source = source
        self._end = time.monotonic() + seconds
        self._window = window
        self._cancel_check = cancel_check
        self._waited = 0.0
        self._bytes = 0

    def parts(self, answer: requests.Response) -> Iterator[bytes]:
        """The body of one file. Raises `RegistryError` where it is late or too slow."""
        began = time.monotonic()
        try:
            for part in parts(answer, self._end, self._source):
                # what the reader does with a part is no fault of the server
                self._count(len(part), time.monotonic() - began)
                self._cancel_check()
                yield part
                began = time.monotonic()
        except Late:
            raise RegistryError(f"a download from {self._source} took longer than it may") from None

    def _count(self, size: int, seconds: float) -> None:
        self._bytes += size
        self._waited += seconds
        if self._waited < self._window:
            return
        if self._bytes < SLOWEST_BYTES_PER_SECOND * self._waited:
            raise RegistryError(
                f"a download from {self._source} came at less than "
                f"{SLOWEST_BYTES_PER_SECOND >> 10} kB a second"
            )
        self._waited, self._bytes = 0.0, 0


class MlflowHttp:
    """One MLflow server. Every failure is a `RegistryError`."""

    def __init__(self, url: str, timeout_seconds: float) -> None:
        self._url = url.rstrip("/")
        self._timeout = timeout_seconds
        self._session = requests.Session()
        self._session.auth = mlflow_account()
        # what is sent is what is measured: nothing unpacks to more than its length
        self._session.headers["Accept-Encoding"] = "identity"

    def healthy(self) -> bool:
        """True where the server answers its health route."""
        try:
            with self._open("GET", "/health") as answer:
                return answer.status_code == 200
        except requests.RequestException:
            return False

    def ask(self, route: str, parameters: Mapping[str, str]) -> dict[str, Any] | None:
        """The answer of a REST route; `None` where MLflow says that there is no such thing."""
        return self._json("GET", f"{_REST}/{route}", parameters)

    def list_folder(self, path: str) -> dict[str, Any]:
        """The listing of an artifact folder; refused where there is none."""
        found = self._json("GET", ARTIFACTS, {"path": path})
        if found is None:
            raise BrokenPackage("MLflow has no files of this version")
        return found

    def tell(
        self, method: Literal["POST", "DELETE"], route: str, content: Mapping[str, str]
    ) -> None:
        """Changes something; a `RegistryError` where MLflow did not do it."""
        if self._json(method, f"{_REST}/{route}", content) is None:
            raise RegistryError("MLflow did not make the change; is the version still there?")

    def create(self, route: str, content: Mapping[str, Any]) -> dict[str, Any]:
        """Makes something and gives what MLflow says of it; a `RegistryError` where it did not."""
        made = self._json("POST", f"{_REST}/{route}", content)
        if made is None:
            raise RegistryError("MLflow did not make it")
        return made

    def fetch(self, remote: str, target: Path, most_bytes: int, transfer: Transfer) -> int:
        """Writes one artifact to a file and gives its size; refuses one that is too large."""
        taken = 0
        try:
            with self._open("GET", f"{ARTIFACTS}/{quote(remote)}") as answer:
                if answer.status_code == 404:
                    raise BrokenPackage("MLflow lists a file of this version and does not have it")
                _require_ok(answer)
                with target.open("wb") as file:
                    for part in transfer.parts(answer):
                        taken += len(part)
                        if taken > most_bytes:
                            raise RefusedPackage(
                                "the version is larger than VIGIE_MAX_PACKAGE_BYTES"
                            )
                        file.write(part)
        except (requests.RequestException, HTTPError) as broken:
            raise RegistryError(f"a download from MLflow broke off ({_kind(broken)})") from None
        return taken

    def send(self, source: Path, remote: str) -> None:
        """Stores a file as an artifact; a `RegistryError` where MLflow did not take it."""
        try:
            with source.open("rb") as file:
                answer = self._session.put(
                    f"{self._url}{ARTIFACTS}/{quote(remote)}",
                    data=file,
                    timeout=(self._timeout, LONGEST_UPLOAD_SECONDS),
                    allow_redirects=False,
                )
        except requests.RequestException as broken:
            raise RegistryError(f"an upload to MLflow broke off ({_kind(broken)})") from None
        _require_ok(answer)

    def _json(self, method: str, path: str, content: Mapping[str, Any]) -> dict[str, Any] | None:
        deadline = time.monotonic() + self._timeout
        try:
            with self._open(method, path, content) as answer:
                data = _read(answer, deadline)
        except Late:
            raise RegistryError("MLflow does not answer (timeout)") from None
        except (requests.RequestException, HTTPError) as broken:
            raise RegistryError(f"MLflow does not answer ({_kind(broken)})") from None
        try:
            body = orjson.loads(data)
        except orjson.JSONDecodeError:
            body = None
        if answer.status_code in _NOT_ALLOWED:
            _require_ok(answer)
        if not isinstance(body, dict):
            raise RegistryError(f"MLflow's address answered {answer.status_code} without JSON")
        if body.get("error_code") in _ABSENT:
            return None
        _require_ok(answer)
        return body

    def _open(
        self, method: str, path: str, content: Mapping[str, Any] | None = None
    ) -> requests.Response:
        reads = method == "GET"
        return self._session.request(
            method,
            f"{self._url}{path}",
            params=dict(content or {}) if reads else None,
            json=None if reads else dict(content or {}),
            timeout=self._timeout,
            stream=True,
            allow_redirects=False,
        )


def _read(answer: requests.Response, deadline: float) -> bytes:
    body = bytearray()
    for part in parts(answer, deadline):
        body += part
        if len(body) > MOST_JSON_BYTES:
            raise RegistryError(f"MLflow's answer is larger than {MOST_JSON_BYTES >> 20} MiB")
    return bytes(body)


def _require_ok(answer: requests.Response) -> None:
    if answer.status_code in _NOT_ALLOWED:
        raise RegistryError(
            f"MLflow answered {answer.status_code}; an account that may do this is named by "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
        )
    if answer.is_redirect or answer.status_code != 200:
        raise RegistryError(f"MLflow answered {answer.status_code}")


def _kind(error: Exception) -> str:
    if isinstance(error, requests.Timeout | ReadTimeoutError):
        return "timeout"
    return "connection refused or lost"
