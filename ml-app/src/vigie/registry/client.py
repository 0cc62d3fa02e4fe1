"""MLflow's registry over its REST API, with short timeouts and no trust in what it answers.

MLflow's own client blocks for minutes when the server is away and costs 110 MB; the registry
process needs four calls. https://mlflow.org/docs/latest/rest-api.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

import requests

from vigie.errors import RefusedPackage, RegistryError

DIGEST_TAG = "vigie.digest"
_PROXIED = "mlflow-artifacts:/"
_CHUNK = 1 << 20
_MOST_FILES = 1000
_DEEPEST = 8
_MOST_PAGES = 1000


@dataclass(frozen=True, slots=True)
class RegisteredVersion:
    """One version of a registered model."""

    name: str
    version: str
    run_id: str
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str | None:
        """The sha256 of the manifest that was registered, where the version is a package."""
        return self.tags.get(DIGEST_TAG)


class RegistryClient:
    """Reads an MLflow server. Every failure is a `RegistryError` that names no address."""

    def __init__(self, url: str, timeout_seconds: float) -> None:
        self._url = url.rstrip("/")
        self._timeout = timeout_seconds
        self._session = requests.Session()

    def healthy(self) -> bool:
        """True where the server answers its health route."""
        try:
            return bool(self._session.get(f"{self._url}/health", timeout=self._timeout).ok)
        except requests.RequestException:
            return False

    def version_of(self, name: str, alias: str) -> RegisteredVersion | None:
        """The version that an alias names; `None` where there is no such model or alias."""
        found = self._get("registered-models/alias", {"name": name, "alias": alias})
        version = None if found is None else _version(found.get("model_version"))
        if version and version.name != name:
            raise RegistryError("MLflow answered with a version of another model")
        return version

    def models_with(self, alias: str) -> list[str]:
        """The names of all registered models that have the alias, sorted."""
        names: list[str] = []
        token = ""
        for _ in range(_MOST_PAGES):
            page = self._get(
                "registered-models/search", {"max_results": "100", "page_token": token}
            )
            for model in _objects(page, "registered_models"):
                aliases = {entry.get("alias") for entry in _objects(model, "aliases")}
                if alias in aliases:
                    names.append(str(model.get("name")))
            token = str((page or {}).get("next_page_token") or "")
            if not token:
                return sorted(names)
        raise RegistryError("MLflow's list of models has no end")

    def download(self, version: RegisteredVersion, folder: Path, most_bytes: int) -> None:
        """Writes the files of a version below `folder`; refuses one that is too large."""
        root = self._artifact_root(version)
        left = most_bytes
        for count, name in enumerate(self._files(root, PurePosixPath()), start=1):
            if count > _MOST_FILES:
                raise RefusedPackage(f"the version has more than {_MOST_FILES} files")
            left -= self._fetch(f"{root}/{name}", folder / name, left)

    def _artifact_root(self, version: RegisteredVersion) -> str:
        found = self._get(
            "model-versions/get-download-uri", {"name": version.name, "version": version.version}
        )
        uri = str((found or {}).get("artifact_uri", ""))
        if not uri.startswith(_PROXIED):
            raise RegistryError(
                "MLflow does not serve this version's artifacts; start it with --serve-artifacts "
                "and register the version again"
            )
        return uri.removeprefix(_PROXIED).strip("/")

    def _files(self, root: str, folder: PurePosixPath) -> Iterator[PurePosixPath]:
        if len(folder.parts) > _DEEPEST:
            raise RefusedPackage(f"the version has folders deeper than {_DEEPEST}")
        listing = self._json(f"{self._url}/api/2.0/mlflow-artifacts/artifacts", {
            "path": f"{root}/{folder}" if folder.parts else root
        })  # fmt: skip
        for entry in _objects(listing, "files"):
            path = folder / _safe_name(str(entry.get("path", "")))
            if entry.get("is_dir"):
                yield from self._files(root, path)
            else:
                yield path

    def _fetch(self, remote: str, target: Path, most_bytes: int) -> int:
        target.parent.mkdir(parents=True, exist_ok=True)
        url = f"{self._url}/api/2.0/mlflow-artifacts/artifacts/{quote(remote)}"
        taken = 0
        try:
            with self._session.get(
                url, timeout=self._timeout, stream=True, allow_redirects=False
            ) as answer:
                _require_ok(answer)
                with target.open("wb") as file:
                    for chunk in answer.iter_content(_CHUNK):
                        taken += len(chunk)
                        if taken > most_bytes:
                            raise RefusedPackage(
                                "the version is larger than VIGIE_MAX_PACKAGE_BYTES"
                            )
                        file.write(chunk)
        except requests.RequestException as broken:
            raise RegistryError(f"a download from MLflow broke off ({_kind(broken)})") from None
        return taken

    def _get(self, route: str, parameters: Mapping[str, str]) -> dict[str, Any] | None:
        return self._json(f"{self._url}/api/2.0/mlflow/{route}", parameters)

    def _json(self, url: str, parameters: Mapping[str, str]) -> dict[str, Any] | None:
        try:
            answer = self._session.get(
                url, params=dict(parameters), timeout=self._timeout, allow_redirects=False
            )
        except requests.RequestException as broken:
            raise RegistryError(f"MLflow does not answer ({_kind(broken)})") from None
        try:
            body = answer.json()
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            raise RegistryError(f"MLflow's address answered {answer.status_code} without JSON")
        if body.get("error_code") in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        _require_ok(answer)
        return body


def _require_ok(answer: requests.Response) -> None:
    if answer.is_redirect or answer.status_code != 200:
        raise RegistryError(f"MLflow answered {answer.status_code}")


def _objects(body: Mapping[str, Any] | None, name: str) -> list[dict[str, Any]]:
    """A list of objects in an answer; absent means empty."""
    found = (body or {}).get(name, [])
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise RegistryError(f"MLflow answered with something else than {name}")
    return found


def _kind(error: requests.RequestException) -> str:
    if isinstance(error, requests.Timeout):
        return "timeout"
    return "connection refused or lost"


def _safe_name(path: str) -> str:
    """The last part of an artifact's path, refused where it could leave the folder."""
    name = PurePosixPath(path).name
    if not name or name in (".", "..") or "\\" in name or "\0" in name:
        raise RefusedPackage("the version has a file whose name is not safe")
    return name


def _version(found: Any) -> RegisteredVersion:
    try:
        return RegisteredVersion(
            name=str(found["name"]),
            version=str(found["version"]),
            run_id=str(found.get("run_id", "")),
            tags={str(tag["key"]): str(tag["value"]) for tag in found.get("tags", [])},
        )
    except (KeyError, TypeError, AttributeError):
        raise RegistryError("MLflow answered with something that is not a version") from None
