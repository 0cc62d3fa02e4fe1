"""A folder of models in a bucket and its copy: what gets there when, and what goes.

An address `file://` reads this machine by the very code that reads buckets.
"""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path

import pytest

from vigie.errors import RegistryError
from vigie.registry.bucket import Bucket, StoredFile
from vigie.registry.bucket_copy import BucketCopy
from vigie.registry.saved_folder import MOST_FILES, SavedFolder

MOST_BYTES = 1000


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    folder = tmp_path / "remote"
    write(folder / "iris" / "1")
    return folder


def write(version: Path, graph: str = "one") -> None:
    (version / "variables").mkdir(parents=True, exist_ok=True)
    (version / "saved_model.pb").write_text(graph)
    (version / "variables" / "variables.index").write_text("index")


def copy_of(remote: Path, most_bytes: int = MOST_BYTES) -> BucketCopy:
    home = remote.parent / "home"
    return BucketCopy(Bucket(remote.as_uri()), home, most_bytes)


def copied(copy: BucketCopy) -> dict[str, str]:
    copy.refresh()
    files = (path for path in copy.base.rglob("*") if path.is_file())
    return {path.relative_to(copy.base).as_posix(): path.read_text() for path in files}


def test_versions_arrive_change_and_go(remote: Path) -> None:
    copy = copy_of(remote)
    first = {"iris/1/saved_model.pb": "one", "iris/1/variables/variables.index": "index"}
    assert copied(copy) == first
    write(remote / "iris" / "2", "two")
    write(remote / "homes" / "7", "seven")
    assert copied(copy).keys() == first.keys() | {
        "iris/2/saved_model.pb", "iris/2/variables/variables.index",
        "homes/7/saved_model.pb", "homes/7/variables/variables.index",
    }  # fmt: skip
    write(remote / "iris" / "2", "another")
    (remote / "iris" / "2" / "variables" / "variables.index").unlink()
    shutil.rmtree(remote / "homes")
    assert copied(copy) == first | {"iris/2/saved_model.pb": "another"}
    assert set(SavedFolder(copy.base).versions()) == {"iris"}


def test_only_what_has_changed_is_fetched(remote: Path) -> None:
    copy = copy_of(remote)
    copied(copy)
    kept = copy.base / "iris" / "1" / "variables" / "variables.index"
    before = kept.stat().st_ino
    (remote / "iris" / "1" / "saved_model.pb").write_text("changed")
    assert copied(copy)["iris/1/saved_model.pb"] == "changed"
    assert kept.stat().st_ino == before


def test_a_later_process_goes_on_with_the_copy_and_clears_up(remote: Path) -> None:
    copied(copy_of(remote))
    stale = remote.parent / "home" / "copy-of-one-that-was-killed"
    stale.mkdir()
    before = (copy_of(remote).base / "iris" / "1" / "saved_model.pb").stat().st_ino
    again = copy_of(remote)
    again.refresh()
    assert (again.base / "iris" / "1" / "saved_model.pb").stat().st_ino == before
    assert not stale.exists()


def test_a_copy_of_another_address_is_no_copy_of_this_one(remote: Path) -> None:
    copied(copy_of(remote))
    other = remote.with_name("other")
    write(other / "homes" / "1")
    assert all(name.startswith("homes/1/") for name in copied(copy_of(other)))


def test_the_folder_of_one_model_gives_it_its_name(remote: Path) -> None:
    copy = BucketCopy(Bucket((remote / "iris").as_uri()), remote.parent / "home", MOST_BYTES)
    copy.refresh()
    assert {n: [v.number for v in vs] for n, vs in SavedFolder(copy.base).versions().items()} == {
        "iris": ["1"]
    }


def test_a_model_without_a_version_folder_is_copied(tmp_path: Path) -> None:
    write(tmp_path / "remote" / "iris")
    write(tmp_path / "remote" / "homes")
    write(tmp_path / "remote" / "homes" / "3")
    assert copied(copy_of(tmp_path / "remote")).keys() == {
        "iris/saved_model.pb", "iris/variables/variables.index",
        "homes/3/saved_model.pb", "homes/3/variables/variables.index",
    }  # fmt: skip


def test_files_beside_the_models_are_left_where_they_are(remote: Path) -> None:
    (remote / "README.md").write_text("models")
    (remote / "iris" / "notes.txt").write_text("notes")
    assert all(name.startswith("iris/1/") for name in copied(copy_of(remote)))


def test_a_bucket_that_is_empty_takes_nothing_away(remote: Path) -> None:
    copy = copy_of(remote)
    before = copied(copy)
    shutil.rmtree(remote)
    assert copied(copy) == before


def test_what_is_too_large_is_left_out_and_told_once(
    remote: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(remote / "iris" / "2", "x" * MOST_BYTES)
    write(remote / "homes" / "1")
    copy = copy_of(remote)
    with caplog.at_level(logging.WARNING):
        assert not any(name.startswith("iris/2/") for name in copied(copy))
        assert any(name.startswith("homes/1/") for name in copied(copy))
    (told,) = caplog.messages
    assert told == (
        "iris/2 in the bucket is not copied: it has 2 files of 1005 bytes, "
        f"{MOST_FILES} of {MOST_BYTES} are taken"
    )


def test_a_version_that_cannot_be_fetched_whole_changes_nothing(
    remote: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = copy_of(remote)
    before = copied(copy)
    write(remote / "iris" / "1", "torn")
    fetch = Bucket.fetch

    def away(bucket: Bucket, name: str, target: Path) -> None:
        if name.endswith("saved_model.pb"):
            (remote / name).unlink()
        fetch(bucket, name, target)

    monkeypatch.setattr(Bucket, "fetch", away)
    with pytest.raises(RegistryError, match="cannot be read"):
        copy.refresh()
    read = {
        path.name: path.read_text()
        for path in (copy.base / "iris" / "1").iterdir()
        if path.is_file()
    }
    assert read == {"saved_model.pb": before["iris/1/saved_model.pb"]}
    assert list((remote.parent / "home").glob("copy-*")) == []


def test_a_disk_without_second_names_gets_the_files_anew(
    remote: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = copy_of(remote)
    copied(copy)

    def refuse(*paths: object) -> None:
        raise OSError

    monkeypatch.setattr(os, "link", refuse)
    write(remote / "iris" / "1", "changed")
    assert copied(copy) == {
        "iris/1/saved_model.pb": "changed", "iris/1/variables/variables.index": "index",
    }  # fmt: skip


def test_a_single_file_has_the_empty_name(remote: Path, tmp_path: Path) -> None:
    bucket = Bucket((remote / "iris" / "1" / "saved_model.pb").as_uri())
    (stored,) = bucket.files().values()
    assert stored == StoredFile(3, stored.written)
    assert list(bucket.files()) == [""]
    bucket.fetch("", tmp_path / "here")
    assert (tmp_path / "here").read_text() == "one"
