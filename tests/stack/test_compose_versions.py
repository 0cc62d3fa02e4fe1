"""The section on models of docs/compose.md, typed line by line into a stack that runs."""

from __future__ import annotations

import csv
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.compose import ROOT, Stack, require_engine
from support.waiting import wait_until

NEEDED = ("trainer", "model-sync", "ml-app", "gateway")
CALLER = 1234
FLATS = """\
name: flats
title: Flats
target: {column: price}
inputs:
  - {name: surface, type: float, limits: [5, 500]}
  - {name: rooms, type: int, limits: [1, 20]}
"""


def blocks() -> list[list[str]]:
    """The commands of the section, block by block."""
    page = (ROOT / "docs" / "compose.md").read_text(encoding="utf-8")
    section = re.search(r"^## Models\n(.*?)^## ", page, re.MULTILINE | re.DOTALL)
    assert section
    found = re.findall(r"```\n(.*?)```", section[1], re.DOTALL)
    return [block.splitlines() for block in found]


@pytest.fixture(scope="module")
def running() -> Iterator[Stack]:
    require_engine()
    made = Stack({"VIGIE_MODELS": "iris,*", "VIGIE_BATCH_IMAGE": "vigie-batch:test"})
    made.environment["COMPOSE_FILE"] = str(ROOT / "docker-compose.yml")
    made.build()
    try:
        made.compose("up", "--detach", "--wait", *NEEDED, seconds=900)
        yield made
    finally:
        made.down()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder that looks like the checkout, with a user's table and recipe in it."""
    for entry in ROOT.iterdir():
        (tmp_path / entry.name).symlink_to(entry)
    with (tmp_path / "table.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["surface", "rooms", "price"])
        rows.writerows(
            [20 + n % 180, 1 + n % 7, 3000 * (20 + n % 180) + 900 * (n % 7) + 50 * (n % 11)]
            for n in range(1200)
        )
    (tmp_path / "my_table.yaml").write_text(FLATS)
    (tmp_path / "in.csv").write_text("surface,rooms\n54,3\n120,5\n")
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    tmp_path.chmod(0o777)
    return tmp_path


def test_train_compare_promote_roll_back_and_answer_a_table(running: Stack, checkout: Path) -> None:
    versions, table, photos = blocks()
    train, models, diff, promote, rollback = versions
    assert "flats" in type_(running, checkout, train)
    assert "flats" in type_(running, checkout, train)
    assert "flats" in type_(running, checkout, models)
    assert "version 2" in type_(running, checkout, diff)
    before = champion(running, checkout)
    if before == "2":
        type_(running, checkout, promote.replace("VERSION=2", "VERSION=1 ARGS=--force"))
        wait_until(lambda: serves(running) == "1", 60)
    assert "version 2 is the champion now" in type_(running, checkout, promote)
    wait_until(lambda: serves(running) == "2", 60)
    assert "version 1 is the champion now" in type_(running, checkout, rollback)
    wait_until(lambda: serves(running) == "1", 60)

    for line in table:
        type_(running, checkout, line)
    with (checkout / "out.csv").open(newline="") as file:
        answered = list(csv.DictReader(file))
    assert len(answered) == 2
    assert (checkout / "out.csv").stat().st_uid == CALLER
    # of photos: tests/stack/test_batch.py
    assert photos == ["docker compose run --rm batch"]


def type_(stack: Stack, folder: Path, line: str) -> str:
    """What a line of the page says, typed by another user than root; names are those of here."""
    here = line.replace("vigie_cache", f"{stack.name}_cache").replace(
        " vigie-batch ", " vigie-batch:test "
    )
    done = subprocess.run(
        ["bash", "-ec", f"id() {{ echo {CALLER}; }}; {here}"], cwd=folder, env=stack.environment,
        timeout=1800, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{here}\n{done.stdout}\n{done.stderr}"
    assert "git" not in done.stderr.lower()
    return done.stdout


def champion(stack: Stack, folder: Path) -> str:
    """The version of flats that MLflow calls champion."""
    shown = type_(stack, folder, "docker compose run --rm --no-deps trainer models")
    (line,) = [line for line in shown.splitlines() if "flats" in line]
    return line.split()[1]


def serves(stack: Stack) -> str:
    """The version that answers; nothing where none does."""
    answer = stack.predict("flats", {"surface": 54, "rooms": 3})
    return answer.headers.get("X-Model-Version", "") if answer.ok else ""
