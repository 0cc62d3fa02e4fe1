"""The words of docs/architecture.md are used; those that they took the place of are gone."""

from __future__ import annotations

import io
import re
import subprocess
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

IDENTIFIERS = frozenset(
    {
        # a request on its way
        "Call", "Reply", "Asked", "Written", "Job", "Work", "Outcome", "wish",
        # what serves
        "Services", "Fleet", "fleet", "LiveModel", "LiveMetrics", "Slot", "Pace", "ModelThread",
        "swap_turn", "Front", "front", "door", "doors",
        # the registry and its gate
        "Follower", "ChampionFollower", "ChallengerFollower", "Intake", "intake", "Watch", "Looks",
        "RefusedVersions", "Judgement", "judgement", "Verdict",
        # figures and log
        "Tally", "Tallies", "keeper", "Keeper", "recorder", "Recorder", "keep_log",
        # models of others
        "foreign",
    }
)  # fmt: skip
"""Names in Python: no class, function, variable, argument or attribute is called so."""

PHRASES = (
    r"ChampionFollower", r"ChallengerFollower", r"RefusedVersions", r"LiveModel", r"ModelThread",
    r"swap_turn", r"\bthe fleet\b", r"\bforeign (?:model|dialect)s?\b", r"\b(?:both|two) doors\b",
    r"\bFlask door\b", r"\bthe front\b(?! of)", r"\bkeeper of the (?:prediction )?log\b",
    r"\blog'?s keeper\b",
    r"`vigie keys\b", r"`vigie (?:migrate|forget|quality)\b",
    r"^  (?:registry|keys|migrate):$",
)  # fmt: skip
"""What no text says: old names, commands as one would type them, services of Compose."""

FILES = frozenset(
    {
        "foreign", "front", "fleet", "pace", "turns", "job", "call", "live", "slot", "model_thread",
        "intake", "watch", "looks", "refusals", "judgement", "trial", "trial_task", "follow",
        "champion", "tally", "keeper", "recorder", "joiner", "joined",
    }
)  # fmt: skip
"""Names of modules of the package."""

HISTORY = {"CHANGELOG.md", "tests/test_words.py"}
ALIASES = {"ml-app/src/vigie/cli/renamed.py", "tests/cli/test_contents.py"}
"""Where old spellings still have to stand: what happened, and the hidden commands."""


def tracked(*patterns: str) -> Iterator[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", *patterns],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for name in listed.split("\0"):
        path = ROOT / name
        if name and name not in HISTORY | ALIASES and path.is_file():
            yield path


def names_in(source: str) -> set[str]:
    """The names of Python code that are on the list."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.string for token in tokens if token.type == tokenize.NAME} & IDENTIFIERS


def phrases_in(text: str) -> set[str]:
    """The phrases of a text that are on the list."""
    return {found[0] for phrase in PHRASES for found in re.finditer(phrase, text, re.MULTILINE)}


def test_no_name_in_the_code_is_an_old_one() -> None:
    found = {
        str(path.relative_to(ROOT)): names
        for path in tracked("*.py")
        if (names := names_in(path.read_text(encoding="utf-8")))
    }
    assert found == {}


def test_no_text_says_an_old_word() -> None:
    texts = tracked(
        "*.py", "*.md", "*.yml", "*.yaml", "*.html", "*.po", "*.toml", "*.cfg", "*.j2", "*.tf",
        "Makefile", "Procfile", "tools/*", ".env.example", ".github/*",
    )  # fmt: skip
    found = {
        str(path.relative_to(ROOT)): said
        for path in texts
        if (said := phrases_in(path.read_text(encoding="utf-8")))
    }
    assert found == {}


def test_no_module_has_an_old_name() -> None:
    modules = {path.stem for path in tracked("ml-app/src/vigie/*.py")}
    assert modules & FILES == set()


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (names_in("class Fleet:\n    def f(self, wish): ..."), {"Fleet", "wish"}),
        (names_in("# the Fleet\nrequest = 'wish'"), set()),
        (phrases_in("services:\n  registry:\n    image: x"), {"  registry:"}),
        (phrases_in("`vigie quality iris`: both doors"), {"`vigie quality", "both doors"}),
        (phrases_in("type `vigie log quality iris`"), set()),
    ],
)  # fmt: skip
def test_the_lists_find_what_they_name(found: set[str], expected: set[str]) -> None:
    assert found == expected
