"""Processes beside gunicorn's workers, of a gunicorn that serves nothing."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from support.waiting import wait_until

PROGRAM = Path(__file__).parents[1] / "support" / "small_master.py"

Run = Callable[..., psutil.Popen]


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    path = tmp_path / "notes"
    path.touch()
    return path


@pytest.fixture
def run(notes: Path, tmp_path: Path) -> Iterator[Run]:
    """Starts a gunicorn with companions."""
    begun: list[psutil.Popen] = []

    def start(*companions: str) -> psutil.Popen:
        with (tmp_path / "log").open("wb") as log:
            begun.append(
                psutil.Popen(
                    [sys.executable, str(PROGRAM), str(notes), *companions],
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            )
        return begun[-1]

    yield start
    for master in begun:
        with contextlib.suppress(psutil.NoSuchProcess):
            for process in (master, *master.children()):
                process.kill()
        master.wait()


def written(notes: Path, word: str) -> list[tuple[int, float]]:
    """The process and the time of each such note."""
    lines = [line.split() for line in notes.read_text("utf-8").splitlines()]
    return [(int(pid), float(when)) for found, pid, when in lines if found == word]


def test_one_that_is_killed_is_started_again(run: Run, notes: Path, tmp_path: Path) -> None:
    master = run("patient", "patient")
    wait_until(lambda: len(written(notes, "began")) == 2)
    first, other = (pid for pid, _ in written(notes, "began"))
    psutil.Process(first).kill()
    wait_until(lambda: len(written(notes, "began")) == 3)
    again = written(notes, "began")[-1][0]
    children = {child.pid for child in master.children()}
    assert {again, other} <= children
    assert len(children) == 3
    assert "the patient has ended and is started again" in (tmp_path / "log").read_text()


def test_one_that_ends_at_once_is_not_started_all_the_time(
    run: Run, notes: Path, tmp_path: Path
) -> None:
    run("failing", "patient")
    wait_until(lambda: len(written(notes, "began")) == 4)
    (kept,) = written(notes, "began")[1:2]
    times = [when for pid, when in written(notes, "began") if pid != kept[0]]
    assert len(times) == 3
    # from one start to the next, but for what a fork takes
    assert min(after - before for before, after in pairwise(times)) > 0.9
    log = (tmp_path / "log").read_text()
    assert "the failing has failed: Address already in use" in log
    assert "Traceback" not in log


def test_they_do_not_hold_the_socket_of_the_master(run: Run, notes: Path) -> None:
    master = run("patient")
    wait_until(lambda: written(notes, "began"))
    companion = psutil.Process(written(notes, "began")[0][0])
    assert master.net_connections()
    assert companion.net_connections() == []


def test_they_end_after_the_workers(run: Run, notes: Path) -> None:
    master = run("patient", "patient")
    wait_until(lambda: len(written(notes, "began")) == 2)
    master.send_signal(signal.SIGTERM)
    assert master.wait(30) == 0
    (worker,) = written(notes, "worker")
    ended = written(notes, "ended")
    assert {pid for pid, _ in ended} == {pid for pid, _ in written(notes, "began")}
    assert min(when for _, when in ended) > worker[1]


def test_they_do_not_outlive_a_killed_master(run: Run, notes: Path) -> None:
    master = run("patient", "patient")
    wait_until(lambda: len(written(notes, "began")) == 2)
    master.kill()
    wait_until(lambda: len(written(notes, "ended")) == 2)
    assert {pid for pid, _ in written(notes, "ended")} == {
        pid for pid, _ in written(notes, "began")
    }


def test_a_key_press_is_for_the_master(run: Run, notes: Path) -> None:
    """Ctrl-C goes to every process of a terminal."""
    master = run("patient")
    wait_until(lambda: written(notes, "began"))
    companion = psutil.Process(written(notes, "began")[0][0])
    companion.send_signal(signal.SIGINT)
    master.send_signal(signal.SIGINT)
    assert master.wait(30) == 0
    assert [pid for pid, _ in written(notes, "ended")] == [companion.pid]
