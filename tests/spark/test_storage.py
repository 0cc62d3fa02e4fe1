from __future__ import annotations

from pathlib import Path

from vigie.spark.storage import Storage
from vigie.spark.uri import uri_of


def test_files_are_written_read_and_deleted(storage: Storage, tmp_path: Path) -> None:
    uri = uri_of(str(tmp_path / "é [1]" / "state.json"))
    assert storage.read(uri) is None
    assert not storage.exists(uri)
    for content in (bytes(range(256)) * 9, b"second"):
        storage.write(uri, content)
        assert storage.read(uri) == content
    folder = uri.rpartition("/")[0]
    assert storage.names(folder) == ["state.json"]
    assert storage.is_folder(folder)
    assert not storage.is_folder(uri)
    storage.download(folder, tmp_path / "copy")
    assert (tmp_path / "copy" / "state.json").read_bytes() == b"second"
    storage.delete(folder)
    assert storage.names(folder) == []
