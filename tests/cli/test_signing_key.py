"""The command that makes keys for packages, as a person types it."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from vigie.cli.main import main


def vigie(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["signing-key", *arguments])


def test_keys_are_made_by_one_command(tmp_path: Path) -> None:
    said = vigie("new", str(tmp_path / "k"))
    assert said.exit_code == 0
    assert (tmp_path / "k").stat().st_mode & 0o777 == 0o600
    assert "VIGIE_PUBLIC_KEYS" in said.stdout
    assert "PRIVATE" not in said.stdout
    assert vigie("new", str(tmp_path / "k")).exit_code == 1
