"""MLflow's registry over its REST API, with short timeouts and no trust in what it answers.

MLflow's own client blocks for minutes when the server is away and costs 110 MB; the registry
process needs a few calls. https://mlflow.org/docs/latest/rest-api.html
"""

from __future__ import annotations

import contextlib
import errno
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Self

from vigie.errors import RefusedPackage, RegistryError
from vigie.registry.transport import MlflowHttp, Transfer

if TYPE_CHECKING:
    from vigie.settings import Settings

DIGEST_TAG = "vigie.digest"
DOWNLOAD_SECONDS = 600.0
"""The longest download of one package."""
_PROXIED = "mlflow-artifacts:/"
_NUMBER = re.compile(r"[0-9]{1,18}")
_MOST_FILES = 1000
_DEEPEST = 8
_PAGE = 500
"""Entries of a list in one answer; MLflow gives 1000, but answers have a largest size here."""
_MOST_PAGES = 1000
_NAME_FAULTS = frozenset(
    {
        errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ, errno.ENOTDIR, errno.EISDIR, errno.EEXIST,
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RegisteredVersion:
    """One version of a registered model."""

    name: str
    version: str
    run_id: str
    tags: Mapping[str, str] = field(default_factory=dict)
    created_ms: int = 0
    """When it was registered, milliseconds since 1970; 0 where MLflow does not say."""

    @property
    def digest(self) -> str | None:
        """The sha256 of the manifest that was registered, where the version is a package."""
        return self.tags.get(DIGEST_TAG)

    @property
    def number(self) -> int:
        """The version as a number, to sort by."""
        return int(self.version) if self.version.isdecimal() else 0


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    """One registered model and what its aliases name."""

    name: str
    aliases: Mapping[str, str]
    created: str = ""


class RegistryClient:
    """Reads an MLflow server. Every failure is a `RegistryError` that names no address."""

    def __init__(
        self, url: str, timeout_seconds: float, download_seconds: float = DOWNLOAD_SECONDS
    ) -> None:
        self._http = MlflowHttp(url, timeout_seconds)
        self._timeout = timeout_seconds
        self._download_seconds = download_seconds

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """A client of the server that the settings name."""
        return cls(settings.mlflow_url, settings.registry_timeout_seconds)

    def healthy(self) -> bool:
        """True where the server answers its health route."""
        return self._http.healthy()

    def version_of(self, name: str, alias: str) -> RegisteredVersion | None:
        """The version that an alias names; `None` where there is no such model or alias."""
        found = self._http.ask("registered-models/alias", {"name": name, "alias": alias})
        return None if found is None else _version(found.get("model_version"), name)

    def version(self, name: str, number: str) -> RegisteredVersion | None:
        """The version with this number; `None` where there is none."""
        found = self._http.ask("model-versions/get", {"name": name, "version": number})
        return None if found is None else _version(found.get("model_version"), name)

    def versions(self, name: str) -> list[RegisteredVersion]:
        """All versions of a model, the newest first."""
        found = [
            _version(entry, name)
            for entry in self._pages(
                "model-versions/search", "model_versions", {"filter": f"name='{name}'"}
            )
        ]
        return sorted(found, key=lambda version: version.number, reverse=True)

    def models(self) -> list[RegisteredModel]:
        """All registered models, sorted by name."""
        return sorted(
            (
                RegisteredModel(
                    str(model.get("name")),
                    {
                        str(entry.get("alias")): str(entry.get("version"))
                        for entry in _objects(model, "aliases")
                    },
                    str(model.get("creation_timestamp", "")),
                )
                for model in self._pages("registered-models/search", "registered_models", {})
            ),
            key=lambda model: model.name,
        )

    def download(
        self,
        version: RegisteredVersion,
        folder: Path,
        most_bytes: int,
        cancel_check: Callable[[], None] = lambda: None,
    ) -> None:
        """Writes the files of a version below `folder`; refuses one that is too large.

        `cancel_check` is called again and again meanwhile; what it raises ends the download.
        """
        root = self._artifact_root(version)
        transfer = Transfer(self._download_seconds, self._timeout, cancel_check)
        left = most_bytes
        for count, name in enumerate(self._files(root, PurePosixPath()), start=1):
            if count > _MOST_FILES:
                raise RefusedPackage(f"the version has more than {_MOST_FILES} files")
            cancel_check()
            with _named_safely():
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                left -= self._http.fetch(f"{root}/{name}", target, left, transfer)

    def download_file(
        self, version: RegisteredVersion, name: PurePosixPath, target: Path, most_bytes: int
    ) -> None:
        """Writes one file of a version to `target`, unverified; refused where it has none."""
        transfer = Transfer(self._download_seconds, self._timeout, lambda: None)
        self._http.fetch(f"{self._artifact_root(version)}/{name}", target, most_bytes, transfer)

    def _artifact_root(self, version: RegisteredVersion) -> str:
        found = self._http.ask(
            "model-versions/get-download-uri", {"name": version.name, "version": version.version}
        )
        uri = str((found or {}).get("artifact_uri", ""))
        if not uri.startswith(_PROXIED):
            raise RefusedPackage(
                "MLflow does not serve this version's artifacts; start it with --serve-artifacts "
                "and register the version again"
            )
        return uri.removeprefix(_PROXIED).strip("/")

    def _files(self, root: str, folder: PurePosixPath) -> Iterator[PurePosixPath]:
        if len(folder.parts) > _DEEPEST:
            raise RefusedPackage(f"the version has folders deeper than {_DEEPEST}")
        listing = self._http.list_folder(f"{root}/{folder}" if folder.parts else root)
        for entry in _objects(listing, "files"):
            path = folder / _safe_name(str(entry.get("path", "")))
            if entry.get("is_dir"):
                yield from self._files(root, path)
            else:
                yield path

    def _pages(
        self, route: str, what: str, parameters: Mapping[str, str]
    ) -> Iterator[dict[str, Any]]:
        token = ""
        for _ in range(_MOST_PAGES):
            asked = {**parameters, "max_results": str(_PAGE), "page_token": token}
            page = self._http.ask(route, asked)
            yield from _objects(page, what)
            token = str((page or {}).get("next_page_token") or "")
            if not token:
                return
        raise RegistryError(f"MLflow's list of {what.split('_')[1]} has no end")


@contextlib.contextmanager
def _named_safely() -> Iterator[None]:
    """A name that this machine cannot write is the fault of the package, a full disk is not."""
    try:
        yield
    except ValueError:
        raise RefusedPackage("the version has a file whose name is not safe") from None
    except OSError as failure:
        if failure.errno not in _NAME_FAULTS:
            raise
        raise RefusedPackage("the version has a file whose name cannot be written") from None


def _objects(body: Mapping[str, Any] | None, name: str) -> list[dict[str, Any]]:
    """A list of objects in an answer; absent means empty."""
    found = (body or {}).get(name, [])
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise RegistryError(f"MLflow answered with something else than {name}")
    return found


def _safe_name(path: str) -> str:
    """The last part of an artifact's path, refused where it could leave the folder."""
    name = PurePosixPath(path).name
    if not name or name in (".", "..") or "\\" in name or "\0" in name:
        raise RefusedPackage("the version has a file whose name is not safe")
    return name


def _version(found: Any, name: str) -> RegisteredVersion:
    try:
        version = RegisteredVersion(
            name=str(found["name"]),
            version=str(found["version"]),
            run_id=str(found.get("run_id", "")),
            tags={str(tag["key"]): str(tag["value"]) for tag in found.get("tags", [])},
            created_ms=int(found.get("creation_timestamp", 0)),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise RegistryError("MLflow answered with something that is not a version") from None
    if version.name != name:
        raise RegistryError("MLflow answered with a version of another model")
    # it goes into paths and into the headers of answers as it stands
    if not _NUMBER.fullmatch(version.version):
        raise RegistryError("MLflow answered with a version that is not a number")
    return version
