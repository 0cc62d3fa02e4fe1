"""SavedModels in a folder, as TensorFlow Serving has them: `<model>/<version>/saved_model.pb`."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from vigie.errors import DataError, RegistryError
from vigie.settings import MODEL_NAME

GRAPH = "saved_model.pb"
MOST_FILES = 1000
_CHUNK = 2**20


@dataclass(frozen=True, slots=True)
class SavedVersion:
    """A version of a model: its number, and the folder of its SavedModel."""

    name: str
    number: str
    path: Path

    def stamp(self) -> str:
        """What changes with any of its files, without reading them. Raises `DataError`."""
        seen = hashlib.sha256()
        for path in self._files():
            status = path.stat()
            size, changed, mode = status.st_size, status.st_mtime_ns, status.st_mode
            seen.update(self._name_of(path) + f"\0{size} {changed} {mode}\n".encode())
        return seen.hexdigest()

    def digest(self) -> str:
        """The sha256 of its files and their names. Raises `DataError`."""
        seen = hashlib.sha256()
        for path in self._files():
            seen.update(self._name_of(path) + f"\0{path.stat().st_size}\n".encode())
            with path.open("rb") as content:
                while chunk := content.read(_CHUNK):
                    seen.update(chunk)
        return seen.hexdigest()

    def check(self) -> None:
        """Raises `DataError` where it is plainly no SavedModel, or cannot be read."""
        if not (self.path / GRAPH).is_file():
            raise DataError(f"the folder has no {GRAPH}")
        for path in self._files():
            if not os.access(path, os.R_OK):
                name = _shown(self._name_of(path))
                raise DataError(f"{name} cannot be read by this user; chmod -R a+rX it")

    def _name_of(self, path: Path) -> bytes:
        # a name of a file is bytes, in whatever encoding
        return os.fsencode(path.relative_to(self.path))

    def _files(self) -> list[Path]:
        found: list[Path] = []
        for folder, _, names in os.walk(self.path, onerror=_cannot_list):
            found += [Path(folder) / name for name in names]
            if len(found) > MOST_FILES:
                raise DataError(f"the folder holds more than {MOST_FILES} files")
        return sorted(found)


@dataclass(frozen=True, slots=True)
class SavedFolder:
    """A folder of models, or of one; with a `name` one model alone is served, under that name."""

    base: Path
    name: str | None = None

    def versions(self) -> dict[str, list[SavedVersion]]:
        """The versions of each model, the highest first. Raises `RegistryError`.

        A model without a version is there only if it was asked for by name. A folder that cannot be
        read, or whose name no model can have, is left out.
        """
        try:
            homes = self._homes()
            return {name: _versions_in(name, home) for name, home in homes.items()}
        except OSError as failure:
            raise RegistryError(f"the folder cannot be read ({failure.strerror})") from None

    def left_out(self) -> dict[str, str]:
        """Why folders that seem to be models are not served, by name."""
        try:
            found = [] if self.name else self._candidates()
        except OSError:
            return {}
        reasons = {}
        for path in found:
            name = _shown(os.fsencode(path.name))
            if not os.access(path, os.R_OK | os.X_OK):
                reasons[name] = "this user cannot read it"
            elif _is_model(path) and not MODEL_NAME.fullmatch(path.name):
                reasons[name] = "a model name has lower-case letters, digits, _ and -"
        return reasons

    def is_gone(self, name: str) -> bool:
        """True where a model has no folder any more, or is not the one that was asked for.

        A folder that is empty, or cannot be looked at, is not gone.
        """
        if self.name:
            return name != self.name
        try:
            base = self.base.resolve(strict=True)
            return name != base.name and name not in {path.name for path in base.iterdir()}
        except OSError:
            return False

    def _homes(self) -> dict[str, Path]:
        if self.name:
            home = self.base / self.name
            return {self.name: home if home.is_dir() else self.base}
        homes = {path.name: path for path in self._candidates() if _is_model(path)}
        return {name: homes[name] for name in sorted(homes) if MODEL_NAME.fullmatch(name)}

    def _candidates(self) -> list[Path]:
        base = self.base.resolve(strict=True)
        # a stray folder with a number for a name does not make one model of all of them
        if _holds_graph(base):
            return [base]
        return [path for path in base.iterdir() if path.is_dir()]


def _is_model(home: Path) -> bool:
    # such as the lost+found of a disk
    if not os.access(home, os.R_OK | os.X_OK):
        return False
    return (home / GRAPH).is_file() or any(_is_version(path) for path in home.iterdir())


def _holds_graph(home: Path) -> bool:
    versions = filter(_is_version, home.iterdir())
    return any((folder / GRAPH).is_file() for folder in (home, *versions))


def _is_version(path: Path) -> bool:
    return path.name.isdecimal() and path.name.isascii() and path.is_dir()


def _versions_in(name: str, home: Path) -> list[SavedVersion]:
    """Those in version folders; a SavedModel that lies there without one is version 1."""
    folders = sorted(filter(_is_version, home.iterdir()), key=lambda path: int(path.name))
    if not folders and (home / GRAPH).is_file():
        return [SavedVersion(name, "1", home)]
    return [SavedVersion(name, str(int(path.name)), path) for path in reversed(folders)]


def _shown(name: bytes) -> str:
    return name.decode("utf-8", "replace")


def _cannot_list(failure: OSError) -> None:
    raise DataError(f"the folder cannot be read ({failure.strerror})")
