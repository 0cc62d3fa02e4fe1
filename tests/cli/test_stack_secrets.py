from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from vigie.cli.main import main
from vigie.cli.stack_secrets import (
    FILES,
    FORMER,
    LOGINS,
    prepare_secrets,
    read_login,
    require_part,
)
from vigie.errors import ConfigurationError, NotFound

SEEN_BY_ITS_SERVICE = ("postgres/password", "spark/spark-defaults.conf")

as_root = pytest.mark.skipif(os.getuid() != 0, reason="files are given to other users: needs root")


def _contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


@as_root
def test_every_service_gets_its_files_and_nobody_else_reads_them(tmp_path: Path) -> None:
    assert prepare_secrets(tmp_path) == 10
    for file in FILES:
        found = (tmp_path / file.path).stat()
        assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (file.owner, file.mode)
        assert file.mode == 0o400 or file.path in SEEN_BY_ITS_SERVICE
        assert "{" not in (tmp_path / file.path).read_text()
    assert stat.S_IMODE((tmp_path / "made").stat().st_mode) == 0o700


@as_root
def test_secrets_are_long_and_all_different(tmp_path: Path) -> None:
    prepare_secrets(tmp_path)
    made = [path.read_text() for path in (tmp_path / "made").iterdir()]
    assert len(set(made)) == len(made)
    assert min(map(len, made)) >= 40


@as_root
def test_a_second_time_changes_nothing(tmp_path: Path) -> None:
    prepare_secrets(tmp_path)
    before = _contents(tmp_path)
    assert prepare_secrets(tmp_path) == 0
    assert _contents(tmp_path) == before


@as_root
def test_what_is_lost_or_cut_short_is_written_anew(tmp_path: Path) -> None:
    prepare_secrets(tmp_path)
    before = _contents(tmp_path)
    (tmp_path / "mlflow" / "pgpass").unlink()
    (tmp_path / "mlflow-migrate" / "pgpass").chmod(0o600)
    (tmp_path / "mlflow-migrate" / "pgpass").write_text("*:*")
    os.chown(tmp_path / "model-sync" / "credentials", 0, 0)
    assert prepare_secrets(tmp_path) == 0
    assert _contents(tmp_path) == before
    assert (tmp_path / "model-sync" / "credentials").stat().st_uid == 10001


@as_root
def test_a_half_made_secret_is_made(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "postgres").touch()
    prepare_secrets(tmp_path)
    assert (tmp_path / "made" / "postgres").read_text()


@as_root
def test_the_keys_of_callers_are_left_alone(tmp_path: Path) -> None:
    prepare_secrets(tmp_path)
    keys = tmp_path / "apikeys" / "keys.jsonl"
    assert keys.read_text() == ""
    keys.chmod(0o600)
    keys.write_text("a key")
    prepare_secrets(tmp_path)
    assert keys.read_text() == "a key"


def _as_before(folder: Path) -> dict[str, int]:
    """Lays the secrets out as the release before did; the inode of each folder by its new name."""
    prepare_secrets(folder)
    (folder / "keys").unlink()
    inodes = {}
    for old, new in FORMER.items():
        inodes[new] = (folder / new).stat().st_ino
        (folder / new).rename(folder / old)
    (folder / "keys" / "keys.jsonl").write_text("a key")
    return inodes


@as_root
def test_folders_of_former_names_are_taken_over(tmp_path: Path) -> None:
    inodes = _as_before(tmp_path)
    assert prepare_secrets(tmp_path) == 0
    for old, new in FORMER.items():
        # the same folder: a container that has it mounted sees it still
        assert (tmp_path / new).stat().st_ino == inodes[new]
        assert old == "keys" or not (tmp_path / old).exists()
    assert (tmp_path / "apikeys" / "keys.jsonl").read_text() == "a key"
    assert {path for file in FILES if not (path := tmp_path / file.path).is_file()} == set()


@as_root
def test_the_release_before_finds_the_keys_and_leaves_nothing_behind(tmp_path: Path) -> None:
    _as_before(tmp_path)
    prepare_secrets(tmp_path)
    assert (tmp_path / "keys" / "keys.jsonl").read_text() == "a key"
    # it makes its own folders again
    for name in ("registry", "migrate"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "pgpass").touch()
    prepare_secrets(tmp_path)
    assert not (tmp_path / "registry").exists()
    assert not (tmp_path / "migrate").exists()
    assert (tmp_path / "apikeys" / "keys.jsonl").read_text() == "a key"


@as_root
def test_keys_of_callers_are_never_deleted(tmp_path: Path) -> None:
    prepare_secrets(tmp_path)
    (tmp_path / "keys").unlink()
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "keys.jsonl").write_text("another key")
    prepare_secrets(tmp_path)
    assert (tmp_path / "keys" / "keys.jsonl").read_text() == "another key"


@as_root
def test_the_command_makes_secrets_and_a_folder_for_who_is_told_of_alerts(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["stack", "prepare", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert done.output == "10 secrets made\n"
    assert (tmp_path / "receivers").stat().st_uid == 65534
    again = CliRunner().invoke(main, ["stack", "prepare", str(tmp_path)])
    assert again.output == "every secret is there\n"
    shown = CliRunner().invoke(main, ["stack", "login", str(tmp_path), "grafana"])
    assert shown.output == f"admin {(tmp_path / 'made' / 'grafana').read_text()}\n"


def test_a_login_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="mlflow, grafana"):
        read_login(tmp_path, "postgres")
    for name in LOGINS:
        with pytest.raises(NotFound, match="start the stack"):
            read_login(tmp_path, name)


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="needs root"):
        prepare_secrets(tmp_path / "file")


def _folders(folder: Path) -> tuple[Path, Path]:
    """A volume of secrets, and a place to mount a part of it."""
    (folder / "secrets" / "postgres").mkdir(parents=True)
    return folder / "secrets", folder / "part"


def test_an_engine_that_shows_a_part_alone_may_go_on(tmp_path: Path) -> None:
    secrets, part = _folders(tmp_path)
    part.symlink_to(secrets / "postgres")
    require_part(secrets, part)


def test_an_engine_that_shows_every_service_all_is_refused_before_a_password_is_made(
    tmp_path: Path,
) -> None:
    secrets, part = _folders(tmp_path)
    part.symlink_to(secrets)
    done = CliRunner().invoke(main, ["stack", "prepare", str(secrets), "--part", str(part)])
    assert done.exit_code == 1
    assert "this engine ignores `volume.subpath`" in done.output
    assert [path.name for path in secrets.iterdir()] == ["postgres"]
    (tmp_path / "other").mkdir()
    with pytest.raises(ConfigurationError, match="SECRETS_PART"):
        require_part(secrets, tmp_path / "other")
