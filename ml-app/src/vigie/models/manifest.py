"""`manifest.json`: the sha256 of every file of a package; its own digest names the package."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path, PurePosixPath

import orjson

from vigie.errors import BrokenPackage, RefusedPackage

MANIFEST = Path("vigie/manifest.json")
SIGNATURE = Path("vigie/manifest.sig")
DOWNLOAD_MARKER = Path("registered_model_meta")
"""MLflow's client writes this file beside every model that it downloads."""

_CHUNK = 1 << 20


def file_digest(path: Path) -> str:
    """The sha256 of a file, 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def write_manifest(root: Path) -> str:
    """Writes the manifest of the package in `root`; gives its digest."""
    files = {name: file_digest(root / name) for name in _listed(root)}
    path = root / MANIFEST
    path.write_bytes(orjson.dumps({"files": files}, option=orjson.OPT_INDENT_2))
    return file_digest(path)


def verify_manifest(root: Path, digest: str, parts: Collection[str] | None = None) -> None:
    """Refuses the package in `root` unless every byte is the one that was registered.

    `digest` is the sha256 of the manifest, as recorded with the version. Where `parts` of its files
    are all that was carried here, these must be there, and no other file.
    """
    path = root / MANIFEST
    if not path.is_file():
        raise BrokenPackage(
            "the version has no vigie/manifest.json; "
            "register it with `vigie train` or `vigie import`"
        )
    if file_digest(path) != digest:
        raise BrokenPackage("the manifest is not the one that was registered (digest differs)")
    expected = _read(path)
    if parts is not None:
        expected = {name: sha for name, sha in expected.items() if name in parts}
    found = set(_listed(root))
    if extra := sorted(found - expected.keys()):
        raise BrokenPackage(f"a file that the manifest does not list: {extra[0]}")
    if absent := sorted(expected.keys() - found):
        raise BrokenPackage(f"a file of the manifest is missing: {absent[0]}")
    for name, wanted in expected.items():
        if file_digest(root / name) != wanted:
            raise BrokenPackage(f"a file differs from its sha256 in the manifest: {name}")


def files_of_manifest(root: Path) -> list[str]:
    """The files that the manifest in `root` lists, as sorted POSIX paths below it."""
    names = sorted(_read(root / MANIFEST))
    for name in names:
        path = PurePosixPath(name)
        leaves = path.is_absolute() or ".." in path.parts
        if leaves or name != str(path) or not {"\\", "\0"}.isdisjoint(name):
            raise BrokenPackage("the manifest lists a file whose name is not safe")
    return names


def _read(path: Path) -> dict[str, str]:
    try:
        files = orjson.loads(path.read_bytes())["files"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise BrokenPackage("vigie/manifest.json is not a manifest") from None
    if not isinstance(files, dict) or not all(isinstance(v, str) for v in files.values()):
        raise BrokenPackage("vigie/manifest.json is not a manifest")
    return files


def _listed(root: Path) -> list[str]:
    """Every file below `root` that a manifest lists, as sorted POSIX paths; links are refused."""
    names = []
    for path in root.rglob("*"):
        if path.is_symlink():
            raise RefusedPackage("the package holds a link")
        name = path.relative_to(root)
        if path.is_file() and name not in (MANIFEST, SIGNATURE) and name != DOWNLOAD_MARKER:
            names.append(name.as_posix())
    return sorted(names)
