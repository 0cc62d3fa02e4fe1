"""Looks through a `.keras` file before anything parses it: what is in the archive, what it names.

Keras' own safe mode is not a boundary: it has been passed by several kinds of file. This reads the
archive's table and two small JSON files, never weights, and needs no TensorFlow.
"""

from __future__ import annotations

import json
import re
import stat
import zipfile
from pathlib import Path
from typing import Any

from vigie.errors import RefusedPackage
from vigie.sandbox.keras_classes import is_known

MOST_ENTRIES = 200
MOST_BYTES = 2 * 2**30
MOST_JSON_BYTES = 16 * 2**20
MOST_COMPRESSION = 100
DEEPEST = 100
CONFIG = "config.json"

_FILES = frozenset({CONFIG, "metadata.json", "model.weights.h5"})
_ASSET = re.compile(r"assets/(?:[\w .-]+/)*[\w .-]*")
_PLAIN = frozenset({"__keras_tensor__", "__slice__", "__tuple__", "__numpy__", "__tensor__"})
_VOCABULARY = "vocabulary"


def check_keras_file(path: Path, name: str = "data/model.keras") -> None:
    """Refuses a `.keras` file that holds or names anything but a model of standard layers."""
    try:
        with zipfile.ZipFile(path) as archive:
            _check_entries(archive, name)
            for member in ("metadata.json", CONFIG):
                content = _read_json(archive, member, name)
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError):
        raise RefusedPackage(f"{name} is not a readable Keras archive") from None
    check_config(content, name)


def check_config(config: Any, name: str, legacy: bool = False) -> None:
    """Refuses a model's configuration that names a class, path or address it must not name.

    `legacy` takes what `.h5` files hold: classes without their module.
    """
    if not isinstance(config, dict):
        raise RefusedPackage(f"{name}: its configuration is not an object")
    # the training settings of the outermost model are dropped before Keras reads them
    _Walk(name, legacy).look({k: v for k, v in config.items() if k != "compile_config"}, 0)


def _check_entries(archive: zipfile.ZipFile, name: str) -> None:
    entries = archive.infolist()
    if len(entries) > MOST_ENTRIES:
        raise RefusedPackage(f"{name} has more than {MOST_ENTRIES} entries")
    if len({entry.filename for entry in entries}) != len(entries):
        raise RefusedPackage(f"{name} has two entries of one name")
    if sum(entry.file_size for entry in entries) > MOST_BYTES:
        raise RefusedPackage(f"{name} unpacks to more than {MOST_BYTES} bytes")
    for entry in entries:
        _check_entry(entry, name)
    if absent := sorted(_FILES - {entry.filename for entry in entries}):
        raise RefusedPackage(f"{name} has no {absent[0]}")


def _check_entry(entry: zipfile.ZipInfo, name: str) -> None:
    parts = entry.filename.split("/")
    if entry.filename.startswith("/") or ".." in parts or "\\" in entry.orig_filename:
        raise RefusedPackage(f"{name} has an entry that leaves its folder")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise RefusedPackage(f"{name} has an entry that is a link or a device")
    if entry.filename not in _FILES and not _ASSET.fullmatch(entry.filename):
        raise RefusedPackage(f"{name} has an entry that is no part of a Keras model")
    # small texts may shrink much; what grows past a megabyte may not
    if entry.file_size > max(2**20, MOST_COMPRESSION * entry.compress_size):
        raise RefusedPackage(f"{name} has an entry that unpacks to far more than it holds")


def _read_json(archive: zipfile.ZipFile, member: str, name: str) -> Any:
    if archive.getinfo(member).file_size > MOST_JSON_BYTES:
        raise RefusedPackage(f"{name}: {member} is larger than {MOST_JSON_BYTES} bytes")
    try:
        return json.loads(archive.read(member))
    except (ValueError, RecursionError):
        raise RefusedPackage(f"{name}: {member} is not JSON") from None


class _Walk:
    """One pass over a configuration."""

    def __init__(self, name: str, legacy: bool) -> None:
        self._name = name
        self._legacy = legacy

    def look(self, value: Any, depth: int) -> None:
        """Refuses the first thing that must not be there."""
        if depth > DEEPEST:
            raise RefusedPackage(f"{self._name}: its configuration is nested too deeply")
        if isinstance(value, dict):
            if "class_name" in value or "module" in value or "registered_name" in value:
                self._check_class(value)
            for key, inner in value.items():
                if key != _VOCABULARY:
                    self.look(inner, depth + 1)
                elif not _is_word_list(inner):
                    raise RefusedPackage(f"{self._name}: a vocabulary is read from a file")
        elif isinstance(value, list):
            for inner in value:
                self.look(inner, depth + 1)
        elif isinstance(value, str) and ("://" in value or value.startswith(("/", "~", "file:"))):
            raise RefusedPackage(f"{self._name}: its configuration names a file or an address")

    def _check_class(self, value: dict[str, Any]) -> None:
        name, module = value.get("class_name"), value.get("module")
        if not isinstance(name, str):
            known = False
        elif module is None:
            known = name in _PLAIN or (self._legacy and is_known(None, name))
        else:
            known = isinstance(module, str) and is_known(module, name)
        if not known:
            raise RefusedPackage(f"{self._name} names {_shown(module, name)}, which is not allowed")
        if value.get("registered_name") not in (None, name):
            raise RefusedPackage(f"{self._name} names a class that somebody registered")


def _is_word_list(value: Any) -> bool:
    return value is None or (
        isinstance(value, list) and all(isinstance(word, str | int) for word in value)
    )


def _shown(module: object, name: object) -> str:
    """A class of the file, short and printable: the text is the file's own."""
    text = f"{module}.{name}" if module else str(name)
    return "".join(c if c.isprintable() else "?" for c in text[:80])
