from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from vigie.cli.main import main
from vigie.cli.stack_secrets import FILES, LOGINS, prepare_secrets, read_login
from vigie.errors import ConfigurationError, NotFound

ALERTMANAGER = Path(__file__).parents[2] / "alertmanager" / "alertmanager.yml"

as_root = pytest.mark.skipif(os.getuid() != 0, reason="files are given to other users: needs root")


def _contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


@as_root
def test_every_service_gets_its_files_and_nobody_else_reads_them(tmp_path: Path) -> None:
    assert prepare_secrets(tmp_path) == 8
    for file in FILES:
        found = (tmp_path / file.path).stat()
        assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (file.owner, file.mode)
        assert file.mode == 0o400 or file.path == "postgres/password"
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
    (tmp_path / "migrate" / "pgpass").chmod(0o600)
    (tmp_path / "migrate" / "pgpass").write_text("*:*")
    os.chown(tmp_path / "registry" / "credentials", 0, 0)
    assert prepare_secrets(tmp_path) == 0
    assert _contents(tmp_path) == before
    assert (tmp_path / "registry" / "credentials").stat().st_uid == 10001


@as_root
def test_a_half_made_secret_is_made(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "postgres").touch()
    prepare_secrets(tmp_path)
    assert (tmp_path / "made" / "postgres").read_text()


@as_root
def test_the_keys_of_callers_are_left_alone(tmp_path: Path) -> None:
    prepare_secrets(tmp_path)
    keys = tmp_path / "keys" / "keys.jsonl"
    assert keys.read_text() == ""
    keys.chmod(0o600)
    keys.write_text("a key")
    prepare_secrets(tmp_path)
    assert keys.read_text() == "a key"


@as_root
def test_the_command_makes_secrets_and_the_configuration_of_alerts(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["stack", "prepare", str(tmp_path), str(ALERTMANAGER)])
    assert done.exit_code == 0, done.output
    assert done.output == "8 secrets made\n"
    assert "receivers:" in (tmp_path / "alertmanager" / "alertmanager.yml").read_text()
    again = CliRunner().invoke(main, ["stack", "prepare", str(tmp_path), str(ALERTMANAGER)])
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
