from __future__ import annotations

import csv
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from support.broken_photos import write_many
from support.colours_package import install_colours, write_colours
from support.photos import photo_bytes, write_photos
from support.waiting import wait_until
from vigie.cli.main import main
from vigie.registry.cache import ModelCache

COLUMNS, LINES = 80, 24


@pytest.fixture
def environment(cache: ModelCache) -> dict[str, str]:
    install_colours(cache)
    return {"VIGIE_CACHE": str(cache.folder)}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    write_photos(tmp_path / "photos", each=3)
    return tmp_path / "photos"


def batch(environment: dict[str, str], *words: object) -> Result:
    return CliRunner().invoke(main, ["batch", *map(str, words)], env=environment)


def start(environment: dict[str, str], *words: object) -> subprocess.Popen[str]:
    program = [sys.executable, "-m", "vigie", "batch", *map(str, words)]
    return subprocess.Popen(
        program, env={**os.environ, **environment}, stdout=-1, stderr=-1, text=True
    )


def lines_of(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def test_the_help_fits_a_screen() -> None:
    shown = CliRunner().invoke(main, ["batch", "--help"], prog_name="vigie", terminal_width=79)
    lines = shown.output.splitlines()
    assert len(lines) < LINES
    assert max(map(len, lines)) < COLUMNS


def test_a_folder_of_photos(environment: dict[str, str], photos: Path, tmp_path: Path) -> None:
    done = batch(environment, "colours", photos, tmp_path / "out.csv")
    assert done.exit_code == 0
    assert done.stdout.startswith("colours 1: 9 photos, 9 answered, 0 failed, ")
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["name", "label", "score", "error"]
    assert [row["name"].startswith(row["label"]) for row in rows] == [True] * 9


def test_exit_codes(environment: dict[str, str], photos: Path, tmp_path: Path) -> None:
    (photos / "x.jpg").touch()
    done = batch(environment, "colours", photos, tmp_path / "out.csv")
    assert (done.exit_code, "9 answered, 1 failed" in done.stdout) == (1, True)
    done = batch(environment, "colours", photos, tmp_path / "out.csv", "--pattern", "x*")
    assert (done.exit_code, "0 answered, 1 failed" in done.stdout) == (2, True)
    done = batch(environment, "colours", photos, tmp_path / "out.csv", "--pattern", "y*")
    assert (done.exit_code, "no photo in the input" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["absent", "photos", "o.csv"], "the cache has no absent"),
        (["./absent", "photos", "o.csv"], "there is no folder absent"),
        (["colours", "absent", "o.csv"], "there is no absent: give a folder"),
        (["colours", "list.txt", "list.txt"], "OUTPUT is INPUT"),
        (["colours", "list.txt", "o.csv", "--watch"], "--watch needs a folder"),
        (["colours", "photos", "o.parquet", "--watch"], "--watch writes CSV"),
        (["housing", "photos", "o.csv", "--scores"], "--scores is for photos; housing takes rows"),
        (["colours", "photos", "no/o.csv"], "the folder of o.csv is not there"),
    ],
)
def test_what_cannot_be_done_is_said(
    environment: dict[str, str], photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    words: list[str], said: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("list.txt").write_text("photos/red-0.jpg\n")
    done = batch(environment, *words)
    assert done.exit_code == 2
    assert said in done.stderr
    assert not Path("o.csv").exists()


def test_a_list_and_parquet(
    environment: dict[str, str], photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow.parquet as pq

    monkeypatch.chdir(tmp_path)
    Path("list.txt").write_text("photos/red-1.jpg\nphotos/blue-0.jpg\n")
    assert batch(environment, "colours", "list.txt", "o.parquet", "--scores").exit_code == 0
    rows = pq.read_table("o.parquet").to_pylist()
    assert [row["name"] for row in rows] == ["photos/blue-0.jpg", "photos/red-1.jpg"]
    assert rows[0]["score_blue"] == rows[0]["score"] > 0.5


def test_metrics_by_choice_and_a_gateway_that_is_away(
    environment: dict[str, str], photos: Path, tmp_path: Path
) -> None:
    words = ["--metrics-file", tmp_path / "v.prom", "--pushgateway", "http://127.0.0.1:9"]
    done = batch(environment, "colours", photos, tmp_path / "out.csv", *words)
    assert done.exit_code == 0
    assert "the Pushgateway does not take the metrics" in done.stderr
    assert 'vigie_batch_photos{model="colours",outcome="answered"' in (
        tmp_path / "v.prom"
    ).read_text().replace('version="1",', "")


def kill_at(environment: dict[str, str], words: list[object], output: Path, lines: int) -> bool:
    """Kills a run once its output has so many lines; false where it was done before."""
    process = start(environment, *words)
    try:
        wait_until(lambda: lines_of(output) > lines or process.poll() is not None)
        process.kill()
        return process.wait() == -signal.SIGKILL
    finally:
        process.communicate()


def test_killed_twice_it_ends_as_if_it_was_not(environment: dict[str, str], tmp_path: Path) -> None:
    photos, output, whole = tmp_path / "photos", tmp_path / "out.csv", tmp_path / "whole.csv"
    broken = write_many(photos, 300)
    words: list[object] = ["colours", photos, output, "--workers", 1]
    assert batch(environment, "colours", photos, whole).exit_code == 1
    chance = random.Random(5)
    kills = 0
    while kills < 2:
        # of a run that was done before the signal came, nothing is left to go on from
        kills = kills + 1 if kill_at(environment, words, output, chance.randint(8, 90)) else 0
    done = batch(environment, *words)
    assert f"300 photos, {300 - broken} answered, {broken} failed" in done.stdout
    assert output.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == [
        "out.csv", "whole.csv",
    ]  # fmt: skip


def test_watch_ends_on_a_signal_with_whole_lines(
    environment: dict[str, str], photos: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.csv"
    process = start(environment, "colours", photos, output, "--watch")
    try:
        wait_until(lambda: lines_of(output) == 10)
        (photos / "late.jpg").write_bytes(photo_bytes("green"))
        wait_until(lambda: lines_of(output) == 11)
        process.terminate()
        told, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert "10 photos, 10 answered" in told
    assert output.read_text().splitlines()[-1].startswith("late.jpg,green,")


def test_a_package_by_its_folder(photos: Path, tmp_path: Path) -> None:
    write_colours(tmp_path / "mine")
    done = batch({}, tmp_path / "mine", photos, tmp_path / "out.csv")
    assert done.exit_code == 0
