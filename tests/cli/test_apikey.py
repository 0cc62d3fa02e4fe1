"""The commands for the keys of callers, as a person types them."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result

from vigie.cli.local import _welcome
from vigie.cli.main import main
from vigie.settings import load_settings


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VIGIE_API_KEYS", str(tmp_path / "etc" / "keys"))
    monkeypatch.setenv("VIGIE_AUDIT_LOG", str(tmp_path / "audit.log"))
    monkeypatch.setenv("COLUMNS", "160")
    return tmp_path


def vigie(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["apikey", *arguments])


def audit(folder: Path) -> list[dict[str, str]]:
    return [orjson.loads(line) for line in (folder / "audit.log").read_bytes().splitlines()]


def test_a_key_is_shown_once_listed_without_itself_and_revoked(folder: Path) -> None:
    said = vigie("add", "shop")
    assert said.exit_code == 0
    key = said.stdout.strip()
    assert key.startswith("vig_")
    assert "shown this once" in said.stderr
    assert vigie("add", "ops", "--days", "90").exit_code == 0
    listed = vigie("list").stdout
    assert key not in listed
    rows = [[cell.strip() for cell in line.split("│")[1:4]] for line in listed.splitlines()]
    assert [row[0] for row in rows if len(row) == 3] == ["shop", "ops"]
    assert vigie("revoke", "shop").stdout == "shop: revoked\n"
    assert "shop" not in vigie("list").stdout
    entries = audit(folder)
    assert [(one["what"], one["key"]) for one in entries] == [
        ("apikey add", "shop"),
        ("apikey add", "ops"),
        ("apikey revoke", "shop"),
    ]
    assert all("@" in one["who"] and one["at"] for one in entries)
    assert key not in (folder / "audit.log").read_text() + (folder / "etc/keys").read_text()


@pytest.mark.parametrize("role", ["predict", "admin"])
def test_a_role_is_taken_for_one_more_release_and_called_needless(folder: Path, role: str) -> None:
    said = vigie("add", "shop", "--role", role)
    assert said.exit_code == 0
    assert said.stdout.startswith("vig_")
    assert "Every key allows the same" in said.stderr
    assert "--role" not in vigie("add", "--help").stdout


@pytest.mark.parametrize("name", ["", "a b", "../x", "é", "-x", "x" * 65, 'a"\n'])
def test_a_name_is_plain(folder: Path, name: str) -> None:
    said = vigie("add", "--", name)
    assert said.exit_code == 2
    assert "letters, digits" in said.stderr
    assert not (folder / "etc").exists()


def test_without_the_setting_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VIGIE_API_KEYS", raising=False)
    for command in (["add", "shop"], ["list"], ["revoke", "shop"]):
        said = vigie(*command)
        assert said.exit_code == 1
        assert said.stderr.startswith("vigie: VIGIE_API_KEYS names no file")


def test_a_file_that_is_no_file_of_keys_is_left_alone(folder: Path) -> None:
    file = folder / "etc" / "keys"
    file.parent.mkdir()
    file.write_text("-----BEGIN PRIVATE KEY-----\n")
    for command in (["add", "shop"], ["list"], ["revoke", "shop"]):
        said = vigie(*command)
        assert said.exit_code == 1
        assert said.stderr == "vigie: VIGIE_API_KEYS: line 1 is no key of `vigie apikey add`\n"
    assert file.read_text() == "-----BEGIN PRIVATE KEY-----\n"


def test_the_welcome_of_vigie_run_asks_no_service_that_wants_a_key(folder: Path) -> None:
    said = _welcome(load_settings(port=1))
    assert "vigie apikey add NAME" in said
    assert "curl" not in said


def test_a_folder_that_cannot_be_is_one_clear_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "file").write_text("")
    monkeypatch.setenv("VIGIE_API_KEYS", str(folder / "file" / "keys"))
    said = vigie("add", "shop")
    assert said.exit_code == 1
    assert said.stderr.startswith("vigie: VIGIE_API_KEYS: the file cannot be written (")
