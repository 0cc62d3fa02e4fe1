"""Asks the services for the whole corpus, both transports at once."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from recorded.corpus import PARTS, SPOIL_KEYS, Part
from recorded.masks import METRICS, Masked, masked
from recorded.request import Request
from recorded.services import SERVICES, Running, fill, running
from recorded.wire import exchange

PATIENCE_SECONDS = 60.0
PAUSE_SECONDS = 0.7

Answers = dict[str, dict[str, list[Masked]]]
"""By part and request, what came on its connection."""


@dataclass(frozen=True)
class Replay:
    """The answers of the fast lane, and those of Flask alone."""

    fast: Answers
    slow: Answers


def replay(folder: Path) -> Replay:
    """The answers to the corpus, of services that are started below `folder`."""
    filled = {name: fill(one, folder / name / "cache") for name, one in SERVICES.items()}
    found: dict[bool, Answers] = {True: {}, False: {}}

    def ask(name: str, fast_lane: bool) -> None:
        home = folder / name / ("fast" if fast_lane else "slow")
        with running(SERVICES[name], filled[name], home, fast_lane) as service:
            for part in PARTS:
                if part.service == name:
                    found[fast_lane][part.name] = _ask_part(part, service)

    wanted = [(name, fast) for name in SERVICES for fast in (True, False)]
    with ThreadPoolExecutor(len(wanted)) as pool:
        for done in [pool.submit(ask, *one) for one in wanted]:
            done.result()
    return Replay(found[True], found[False])


def _ask_part(part: Part, service: Running) -> dict[str, list[Masked]]:
    if part.first == SPOIL_KEYS:
        service.keys.unlink()
    answers: dict[str, list[Masked]] = {}
    for request in part.requests:
        assert request.name not in answers, f"two requests of {part.name} are called {request.name}"
        answers[request.name] = _ask(request, service)
    return answers


def _ask(request: Request, service: Running) -> list[Masked]:
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        said = exchange(service.port, request.sent)
        seen = said[-1].decode("utf-8", "replace") if said else ""
        # what never comes shows as a difference, which tells more than a timeout
        if all(text in seen for text in request.until) or time.monotonic() > end:
            return [_masked(one, request, service.digests) for one in said]
        time.sleep(PAUSE_SECONDS)


def _masked(answer: bytes, request: Request, digests: Mapping[str, str]) -> Masked:
    extra = METRICS if request.path == "/metrics" else ()
    return masked(answer, digests, extra, bare=request.moment)
