from __future__ import annotations

from collections.abc import Iterator
from threading import Barrier, Event

import pytest

from vigie.batch.ordered_pool import in_order

CORES = 3


@pytest.fixture(autouse=True)
def _cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vigie.batch.ordered_pool.usable_cores", lambda: CORES)


def test_results_have_the_order_of_the_parts() -> None:
    second = Event()

    def work(part: int) -> int:
        # the first one ends after the second
        if part == 0:
            assert second.wait(30)
        if part == 1:
            second.set()
        return part * part

    assert list(in_order(work, range(50))) == [part * part for part in range(50)]


def test_every_core_has_a_part() -> None:
    together = Barrier(CORES)

    def work(part: int) -> int:
        together.wait(30)
        return part

    assert list(in_order(work, range(2 * CORES))) == list(range(2 * CORES))


def test_few_parts_are_read_ahead() -> None:
    read: list[int] = []

    def parts() -> Iterator[int]:
        for part in range(1000):
            read.append(part)
            yield part

    found = in_order(lambda part: part, parts())
    assert next(found) == 0
    assert len(read) <= 3 * CORES
    assert list(found) == list(range(1, 1000))


def test_a_failure_is_raised_in_its_place() -> None:
    def work(part: int) -> int:
        return 12 // (part - 2)

    found = in_order(work, range(5))
    assert [next(found), next(found)] == [-6, -12]
    with pytest.raises(ZeroDivisionError):
        next(found)
