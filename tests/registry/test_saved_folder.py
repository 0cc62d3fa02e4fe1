"""Which models and versions a folder of SavedModels holds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vigie.errors import DataError, RegistryError
from vigie.registry.saved_folder import SavedFolder, SavedVersion


def saved(folder: Path, content: bytes = b"graph") -> Path:
    """What looks like a SavedModel."""
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(content)
    (folder / "variables" / "variables.index").write_bytes(b"index")
    return folder


def numbers(folder: SavedFolder) -> dict[str, list[str]]:
    return {name: [one.number for one in found] for name, found in folder.versions().items()}


def test_models_with_versions_the_highest_first(tmp_path: Path) -> None:
    for version in ("iris/2", "iris/10", "homes/000003", "homes/notes", "Iris/1"):
        saved(tmp_path / version)
    (tmp_path / "README.md").touch()
    (tmp_path / "empty").mkdir()
    folder = SavedFolder(tmp_path)
    assert numbers(folder) == {"homes": ["3"], "iris": ["10", "2"]}
    assert folder.versions()["homes"][0].path == tmp_path / "homes" / "000003"
    assert folder.left_out() == {"Iris": "a model name has lower-case letters, digits, _ and -"}


def test_the_folder_of_one_model(tmp_path: Path) -> None:
    home = saved(tmp_path / "iris" / "1").parent
    assert numbers(SavedFolder(home)) == {"iris": ["1"]}
    assert numbers(SavedFolder(home, "flowers")) == {"flowers": ["1"]}


def test_a_name_asks_for_one_of_several_also_before_it_is_there(tmp_path: Path) -> None:
    saved(tmp_path / "iris" / "1")
    saved(tmp_path / "homes" / "1")
    assert numbers(SavedFolder(tmp_path, "homes")) == {"homes": ["1"]}
    assert numbers(SavedFolder(tmp_path, "late")) == {"late": []}
    saved(tmp_path / "late" / "7")
    assert numbers(SavedFolder(tmp_path, "late")) == {"late": ["7"]}


def test_an_export_without_a_version_folder_is_version_1(tmp_path: Path) -> None:
    saved(tmp_path / "iris")
    assert numbers(SavedFolder(tmp_path)) == {"iris": ["1"]}
    assert numbers(SavedFolder(tmp_path / "iris")) == {"iris": ["1"]}
    saved(tmp_path / "iris" / "4")
    assert numbers(SavedFolder(tmp_path)) == {"iris": ["4"]}


def test_a_stray_number_does_not_make_one_model_of_all(tmp_path: Path) -> None:
    saved(tmp_path / "iris" / "1")
    (tmp_path / "20240101").mkdir()
    assert numbers(SavedFolder(tmp_path)) == {"iris": ["1"]}
    assert numbers(SavedFolder(tmp_path / "iris")) == {"iris": ["1"]}


def test_gone_is_only_what_has_no_folder_or_was_not_asked_for(tmp_path: Path) -> None:
    (tmp_path / "iris").mkdir()
    folder = SavedFolder(tmp_path)
    names = ("iris", "homes", tmp_path.name)
    assert [folder.is_gone(name) for name in names] == [False, True, False]
    assert [SavedFolder(tmp_path, "homes").is_gone(name) for name in names] == [True, False, True]
    assert not SavedFolder(tmp_path / "away").is_gone("iris")


def test_a_folder_that_is_gone_is_away(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="No such file"):
        SavedFolder(tmp_path / "gone").versions()
    assert SavedFolder(tmp_path / "gone").left_out() == {}


def test_a_folder_that_cannot_be_read_holds_up_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(tmp_path / "iris" / "1")
    (tmp_path / "lost+found").mkdir()
    # root may read everything
    monkeypatch.setattr(os, "access", lambda path, _: path.name != "lost+found")
    folder = SavedFolder(tmp_path)
    assert numbers(folder) == {"iris": ["1"]}
    assert folder.left_out() == {"lost+found": "this user cannot read it"}


def test_the_stamp_tells_a_change_and_the_digest_contents(tmp_path: Path) -> None:
    version = SavedVersion("iris", "1", saved(tmp_path / "1"))
    stamp, digest = version.stamp(), version.digest()
    assert (version.stamp(), version.digest()) == (stamp, digest)
    os.utime(tmp_path / "1" / "saved_model.pb", (1, 1))
    assert version.stamp() != stamp
    assert version.digest() == digest
    again = SavedVersion("iris", "2", saved(tmp_path / "2"))
    assert again.digest() == digest
    (tmp_path / "2" / "fingerprint.pb").touch()
    assert again.digest() != digest


def test_a_file_name_that_is_not_utf_8_is_taken_as_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = SavedVersion("iris", "1", saved(tmp_path / "iris" / "1"))
    before = version.stamp(), version.digest()
    name = os.fsdecode(b"caf\xe9")
    (version.path / name).touch()
    saved(tmp_path / name / "1")
    version.check()
    assert not {version.stamp(), version.digest()} & set(before)
    assert list(SavedFolder(tmp_path).left_out()) == ["caf\N{REPLACEMENT CHARACTER}"]
    # root may read everything
    monkeypatch.setattr(os, "access", lambda path, _: path.name != name)
    with pytest.raises(DataError, match="caf\N{REPLACEMENT CHARACTER} cannot be read"):
        version.check()


def test_what_is_plainly_no_saved_model(tmp_path: Path) -> None:
    version = SavedVersion("iris", "1", tmp_path)
    with pytest.raises(DataError, match=r"has no saved_model\.pb"):
        version.check()
    saved(tmp_path / "many")
    for number in range(1001):
        (tmp_path / "many" / str(number)).touch()
    with pytest.raises(DataError, match="more than 1000 files"):
        SavedVersion("iris", "1", tmp_path / "many").stamp()


def test_a_file_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = SavedVersion("iris", "1", saved(tmp_path / "1"))
    version.check()
    # root may read everything
    monkeypatch.setattr(os, "access", lambda path, _: path.name != "variables.index")
    with pytest.raises(DataError, match=r"variables/variables\.index cannot be read.*chmod"):
        version.check()
