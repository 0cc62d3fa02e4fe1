"""HTTP to MLflow: bounded in time and size, redirects refused, no address in any message."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import orjson
import requests
from urllib3.exceptions import HTTPError, ReadTimeoutError

from vigie.errors import RefusedPackage, RegistryError

ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
MOST_JSON_BYTES = 16 * 2**20
_REST = "/api/2.0/mlflow"
_CHUNK = 1 << 20
_ABSENT = frozenset({"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"})
_NOT_ALLOWED = (401, 403)


class MlflowHttp:
    """One MLflow server. Every failure is a `RegistryError`."""

    def __init__(self, url: str, timeout_seconds: float) -> None:
        self._url = url.rstrip("/")
        self._timeout = timeout_seconds
        self._session = requests.Session()
        self._session.auth = _credentials()
        # what is sent is what is measured: nothing unpacks to more than its length
        self._session.headers["Accept-Encoding"] = "identity"

    def healthy(self) -> bool:
        """True where the server answers its health route."""
        try:
            return bool(self._session.get(f"{self._url}/health", timeout=self._timeout).ok)
        except requests.RequestException:
            return False

    def ask(self, route: str, parameters: Mapping[str, str]) -> dict[str, Any] | None:
        """The answer of a REST route; `None` where MLflow says that there is no such thing."""
        return self._json("GET", f"{_REST}/{route}", parameters)

    def list_folder(self, path: str) -> dict[str, Any]:
        """The listing of an artifact folder; refused where there is none."""
        found = self._json("GET", ARTIFACTS, {"path": path})
        if found is None:
            raise RefusedPackage("MLflow has no files of this version")
        return found

    def tell(
        self, method: Literal["POST", "DELETE"], route: str, content: Mapping[str, str]
    ) -> None:
        """Changes something; a `RegistryError` where MLflow did not do it."""
        if self._json(method, f"{_REST}/{route}", content) is None:
            raise RegistryError("MLflow did not make the change; is the version still there?")

    def fetch(self, remote: str, target: Path, most_bytes: int, deadline: float) -> int:
        """Writes one artifact to a file and gives its size; refuses one that is too large."""
        taken = 0
        try:
            with self._open("GET", f"{ARTIFACTS}/{quote(remote)}") as answer:
                if answer.status_code == 404:
                    raise RefusedPackage("MLflow lists a file of this version and does not have it")
                _require_ok(answer)
                with target.open("wb") as file:
                    for part in _parts(answer, deadline):
                        taken += len(part)
                        if taken > most_bytes:
                            raise RefusedPackage(
                                "the version is larger than VIGIE_MAX_PACKAGE_BYTES"
                            )
                        file.write(part)
        except _Late:
            raise RegistryError(
                "a download from MLflow took longer than VIGIE_DOWNLOAD_TIMEOUT_SECONDS"
            ) from None
        except (requests.RequestException, HTTPError) as broken:
            raise RegistryError(f"a download from MLflow broke off ({_kind(broken)})") from None
        return taken

    def _json(self, method: str, path: str, content: Mapping[str, str]) -> dict[str, Any] | None:
        try:
            with self._open(method, path, content) as answer:
                data = _read(answer, time.monotonic() + 2 * self._timeout)
        except _Late:
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
        self, method: str, path: str, content: Mapping[str, str] | None = None
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


class _Late(Exception):
    """The deadline of one transfer passed."""


def _credentials() -> tuple[str, str] | None:
    """The account that MLflow's own client takes too; MLflow's names, so no setting of ours."""
    user = os.environ.get("MLFLOW_TRACKING_USERNAME")
    password = os.environ.get("MLFLOW_TRACKING_PASSWORD")
    return (user, password) if user and password else None


def _parts(answer: requests.Response, deadline: float) -> Iterator[bytes]:
    """The body as it comes: `read1` returns with what is there, so that a drip is noticed."""
    if answer.headers.get("Content-Encoding", "identity") != "identity":
        raise RegistryError("MLflow's address answered with a compressed body")
    while part := answer.raw.read1(_CHUNK):
        if time.monotonic() > deadline:
            raise _Late
        yield part


def _read(answer: requests.Response, deadline: float) -> bytes:
    body = bytearray()
    for part in _parts(answer, deadline):
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
