from __future__ import annotations

from pathlib import Path

import pytest

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
    # not even by who was stopped amid it: what is written is put in its place when it is whole
    assert storage.names(folder) == ["state.json"]
    assert storage.is_folder(folder)
    assert not storage.is_folder(uri)
    storage.download(folder, tmp_path / "copy")
    assert (tmp_path / "copy" / "state.json").read_bytes() == b"second"
    storage.delete(folder)
    assert storage.names(folder) == []


def test_a_write_that_fails_leaves_what_was_there(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = uri_of(str(tmp_path / "state.json"))
    storage.write(place, b"first")

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(storage, "_replace", stop)
    with pytest.raises(KeyboardInterrupt):
        storage.write(place, b"second")
    assert storage.read(place) == b"first"
