"""What bounds a download, on a clock of the test's own: the last moment, the slowest pace."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from vigie.errors import RegistryError
from vigie.registry import transport
from vigie.registry.transport import SLOWEST_BYTES_PER_SECOND, Late, Transfer, parts


class Clock:
    """Stands still but for `now += seconds`."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(transport, "time", clock)
    return clock


def answer(clock: Clock, seconds: float, size: int = 1, pieces: int = 1000) -> Any:
    """An answer whose body comes in so many pieces of a size, each after so many seconds."""

    def read(most: int) -> bytes:
        assert size <= most
        clock.now += seconds
        return next(body, b"")

    body: Iterator[bytes] = iter([b" " * size] * pieces)
    return SimpleNamespace(headers={}, raw=SimpleNamespace(read1=read))


def unwatched() -> None:
    """Nobody calls the download off."""


def test_an_answer_ends_at_its_deadline_however_it_drips(clock: Clock) -> None:
    with pytest.raises(Late):
        list(parts(answer(clock, 0.25), clock.now + 2))
    assert clock.now == 1002.25
    clock.now = 1000.0
    assert sum(map(len, parts(answer(clock, 0.25, pieces=7), clock.now + 2))) == 7


def test_all_files_of_a_download_have_one_deadline(clock: Clock) -> None:
    download = Transfer(2, 1e9, unwatched)
    assert len(b"".join(download.parts(answer(clock, 0.25, pieces=5)))) == 5
    with pytest.raises(RegistryError, match="took longer than it may"):
        list(download.parts(answer(clock, 0.25)))
    assert clock.now == 1002.25


def test_a_crawl_is_broken_off_after_its_window(clock: Clock) -> None:
    with pytest.raises(RegistryError, match="less than 16 kB a second"):
        list(Transfer(600, 5, unwatched).parts(answer(clock, 0.5)))
    assert clock.now == 1005
    clock.now = 1000.0
    body = answer(clock, 0.5, SLOWEST_BYTES_PER_SECOND, pieces=100)
    assert len(list(Transfer(600, 5, unwatched).parts(body))) == 100


def test_what_is_done_with_a_part_is_no_fault_of_the_server(clock: Clock) -> None:
    for _ in Transfer(600, 5, unwatched).parts(answer(clock, 0.0, pieces=20)):
        clock.now += 1
    assert clock.now == 1020


def test_whoever_watches_may_call_it_off_with_every_part(clock: Clock) -> None:
    def called_off() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        next(Transfer(600, 5, called_off).parts(answer(clock, 0.25)))
