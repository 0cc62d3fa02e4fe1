"""The table of contents of the program, and the names that commands had before."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from vigie.cli.contents import CONTENTS
from vigie.cli.main import main

SCREEN_LINES, SCREEN_COLUMNS = 24, 80


def vigie(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, prog_name="vigie")


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)], ids=str)
def test_the_help_fits_a_screen(arguments: tuple[str, ...]) -> None:
    lines = vigie(*arguments).output.splitlines()
    # the line that asks for it stays on the screen too
    assert len(lines) < SCREEN_LINES
    assert all(len(line) < SCREEN_COLUMNS for line in lines)


def test_every_command_stands_in_the_help_once_and_says_what_it_is_for() -> None:
    listed = [name for section in CONTENTS for name in section.commands]
    shown = {name for name, command in main.commands.items() if not command.hidden}
    assert sorted(listed) == sorted(shown)
    for section in CONTENTS:
        if not section.summary:
            assert all(main.commands[name].short_help for name in section.commands)
    words = vigie("--help").output.replace(",", " ").split()
    assert all(name in words for name in listed)


OLD_NAMES = {
    "keys": "signing-key",
    "migrate": "log migrate",
    "forget": "log forget",
    "quality": "log quality",
}


def test_old_names_are_hidden() -> None:
    assert {name for name, command in main.commands.items() if command.hidden} == {*OLD_NAMES}


@pytest.mark.parametrize(
    ("old", "rest", "says"),
    [
        ("keys", ("new", "FOLDER/a.key"), "a.key.pub: the public key"),
        ("migrate", (), "the tables are at step "),
        ("forget", ("some-request",), "erased: 0 predictions, 0 truths"),
        ("quality", ("boats",), "the log has no prediction of this model"),
    ],
    ids=OLD_NAMES.get,
)
def test_an_old_name_does_the_same_and_says_what_to_type(
    old: str, rest: tuple[str, ...], says: str,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    outcomes = []
    for spelling in (OLD_NAMES[old].split(), [old]):
        folder = tmp_path / spelling[0]
        folder.mkdir()
        monkeypatch.setenv("VIGIE_STATE", str(folder))
        monkeypatch.setenv("VIGIE_AUDIT_LOG", str(folder / "audit.log"))
        if old != "migrate":
            vigie("log", "migrate")
        outcomes.append(vigie(*spelling, *(word.replace("FOLDER", str(folder)) for word in rest)))
    new, renamed = outcomes
    hint = f"Type `vigie {OLD_NAMES[old]}`; the old name goes with the next release."
    assert hint in renamed.stderr
    assert hint not in new.stderr + new.stdout + renamed.stdout
    assert renamed.exit_code == new.exit_code
    assert renamed.stdout.replace(f"/{old}/", f"/{OLD_NAMES[old].split()[0]}/") == new.stdout
    assert says in new.output
    assert says in renamed.output
