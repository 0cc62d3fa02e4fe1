"""What Vigie promises of its speed with photos."""

from __future__ import annotations

from collections.abc import Iterator

from bench.figures import Results
from bench.goals import Goal, ratio_goal
from bench.photos.contenders import CONTENDERS
from bench.photos.loads import LARGE, SMALL

PEERS = tuple(contender.name for contender in CONTENDERS if contender.is_peer)
AT_LEAST = ((SMALL, 1.1), (LARGE, 2.0))


def photo_goals(results: Results) -> Iterator[Goal]:
    """Every promise with what these results say of it."""
    for load, limit in AT_LEAST:
        yield ratio_goal(results, "Vigie against the best peer", "vigie", PEERS, load, limit)
