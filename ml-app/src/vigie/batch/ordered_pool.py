"""Parts of a table on all cores, their results in the order of the parts."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from vigie.settings import usable_cores

_AHEAD = 2
"""Parts that are under way or done per core while the first of them is waited for."""
Part = TypeVar("Part")
Result = TypeVar("Result")


def in_order(work: Callable[[Part], Result], parts: Iterable[Part]) -> Iterator[Result]:
    """What `work` makes of each part. Few are in memory at once; the first failure is raised."""
    cores = usable_cores()
    under_way: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(cores, "vigie-batch") as pool:
        try:
            for part in parts:
                under_way.append(pool.submit(work, part))
                if len(under_way) > _AHEAD * cores:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            for left in under_way:
                left.cancel()
