"""What a `vigie share` gives out: its index, and packages by their files. Nothing is trusted."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import requests
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from urllib3.exceptions import HTTPError

from vigie.errors import RefusedPackage, RegistryError
from vigie.models.manifest import MANIFEST, SIGNATURE, file_digest, files_of_manifest
from vigie.registry.transport import MOST_JSON_BYTES, Late, Transfer, parts

DOWNLOAD_SECONDS = 1800.0
LAST_SUCCESS = "Vigie-Last-Success"
"""The header that says when the registry last answered model-sync, in Unix seconds."""
_SOURCE = "the shared cache"


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


class SharedVersion(_Strict):
    """A package of the shared cache."""

    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    version: Annotated[str, Field(pattern=r"^[0-9]{1,18}$")]
    run_id: str


class SharedRefusal(_Strict):
    """A version that the shared cache does not have, and why."""

    version: str
    digest: str
    reason: str
    pending: bool = False


class SharedAlias(_Strict):
    """What an alias of a model names there, and what it named last that was refused."""

    version: SharedVersion | None
    refusal: SharedRefusal | None


class SharedModel(_Strict):
    """One model."""

    champion: SharedAlias
    challenger: SharedAlias


class ShareIndex(_Strict):
    """All that a copy has to know; `withdrawn` are models whose champion somebody took away."""

    refusals: dict[str, int]
    withdrawn: tuple[str, ...] = Field(strict=False)
    models: dict[str, SharedModel]


class ShareClient:
    """One shared cache. Every failure is a `RegistryError`."""

    def __init__(self, url: str, timeout_seconds: float) -> None:
        self._url = url.rstrip("/")
        self._timeout = timeout_seconds
        self._session = requests.Session()
        self._session.headers["Accept-Encoding"] = "identity"
        self._tag = ""
        self._index: ShareIndex | None = None
        self.last_success = 0.0
        """When the registry last answered there, as the last index said; Unix seconds."""

    def index(self) -> ShareIndex:
        """What the cache holds now; one that has not changed is not sent again."""
        deadline = time.monotonic() + self._timeout
        headers = {"If-None-Match": self._tag} if self._index else {}
        try:
            with self._open("/index", headers) as answer:
                if answer.status_code == 304 and self._index:
                    self.last_success = _seconds(answer)
                    return self._index
                _require_ok(answer)
                body = bytearray()
                for part in parts(answer, deadline, _SOURCE):
                    body += part
                    if len(body) > MOST_JSON_BYTES:
                        raise RegistryError(f"the index of {_SOURCE} is too large")
        except Late:
            raise RegistryError(f"{_SOURCE} does not answer (timeout)") from None
        except (requests.RequestException, HTTPError):
            raise RegistryError(f"{_SOURCE} does not answer") from None
        try:
            found = ShareIndex.model_validate_json(bytes(body))
        except ValidationError:
            raise RegistryError(f"{_SOURCE} answered without an index") from None
        self._index, self._tag = found, answer.headers.get("ETag", "")
        self.last_success = _seconds(answer)
        return found

    def download(
        self,
        model: str,
        digest: str,
        folder: Path,
        most_bytes: int,
        cancel_check: Callable[[], None],
    ) -> None:
        """Writes the files that the manifest of a package lists below `folder`, unverified but it.

        Raises `RefusedPackage` for one that is not the package or too large; `cancel_check` is
        called again and again meanwhile, and what it raises ends the download.
        """
        base = f"/packages/{model}/{digest}"
        transfer = Transfer(DOWNLOAD_SECONDS, self._timeout, cancel_check, _SOURCE)
        manifest = folder / MANIFEST
        manifest.parent.mkdir(parents=True, exist_ok=True)
        left = most_bytes - self._fetch(f"{base}/{MANIFEST}", manifest, most_bytes, transfer)
        if file_digest(manifest) != digest:
            raise RefusedPackage(f"{_SOURCE} gave another manifest than that of the package")
        for name in files_of_manifest(folder):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            left -= self._fetch(f"{base}/{quote(name)}", target, left, transfer)
        self._fetch(f"{base}/{SIGNATURE}", folder / SIGNATURE, left, transfer, optional=True)

    def _fetch(
        self, path: str, target: Path, most_bytes: int, transfer: Transfer, optional: bool = False
    ) -> int:
        taken = 0
        try:
            with self._open(path, {}) as answer:
                if optional and answer.status_code == 404:
                    return 0
                _require_ok(answer)
                with target.open("wb") as file:
                    for part in transfer.parts(answer):
                        taken += len(part)
                        if taken > most_bytes:
                            raise RefusedPackage("it is larger than VIGIE_MAX_PACKAGE_BYTES")
                        file.write(part)
        except (requests.RequestException, HTTPError):
            raise RegistryError(f"a download from {_SOURCE} broke off") from None
        return taken

    def _open(self, path: str, headers: dict[str, str]) -> requests.Response:
        return self._session.get(
            f"{self._url}{path}",
            headers=headers,
            timeout=self._timeout,
            stream=True,
            allow_redirects=False,
        )


def _require_ok(answer: requests.Response) -> None:
    if answer.status_code != 200:
        raise RegistryError(f"{_SOURCE} answered {answer.status_code}")


def _seconds(answer: requests.Response) -> float:
    """When the registry last answered; 0, as before its first answer, where that is not said."""
    try:
        seconds = float(answer.headers.get(LAST_SUCCESS, ""))
    except ValueError:
        return 0.0
    return seconds if math.isfinite(seconds) else 0.0
