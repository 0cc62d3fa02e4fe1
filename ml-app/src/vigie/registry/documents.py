"""What a registered version takes and answers, without the rest of its package."""

from __future__ import annotations

import tempfile
from pathlib import Path, PurePosixPath

from vigie.errors import RefusedPackage
from vigie.models.document import PackageDocument
from vigie.models.package import DOCUMENT, MAX_JSON_BYTES, read_document
from vigie.registry.client import RegistryClient


def document_of(client: RegistryClient, name: str, number: str) -> PackageDocument | None:
    """The `package.json` of a version, not held against its digest; `None` where it has none."""
    version = client.version(name, number)
    if version is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / DOCUMENT
        target.parent.mkdir()
        try:
            client.download_file(version, PurePosixPath(DOCUMENT), target, MAX_JSON_BYTES)
            return read_document(Path(folder))
        except RefusedPackage:
            return None
