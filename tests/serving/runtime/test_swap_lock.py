"""Workers swap one after the other, and none waits for ever."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import pytest

from vigie.serving.runtime.manager import swap_lock


def test_turns_do_not_overlap(tmp_path: Path) -> None:
    inside, most = [0], [0]

    def work() -> None:
        with swap_lock(tmp_path):
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            threading.Event().wait(0.01)
            inside[0] -= 1

    workers = [threading.Thread(target=work) for _ in range(5)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert (inside, most) == ([0], [1])


def test_a_stuck_worker_delays_the_others_for_so_long_and_no_longer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with swap_lock(tmp_path), caplog.at_level(logging.WARNING):
        entered = []
        with swap_lock(tmp_path, longest=0.05):
            entered.append(True)
    assert entered
    assert len(caplog.messages) == 1


def test_a_folder_that_cannot_be_written_costs_no_swap(tmp_path: Path) -> None:
    entered = []
    with swap_lock(tmp_path / "absent"):
        entered.append(True)
    assert entered


def test_what_fails_inside_is_told(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="mine"), swap_lock(tmp_path):
        raise OSError("mine")
    with swap_lock(tmp_path, longest=0.0):
        pass
