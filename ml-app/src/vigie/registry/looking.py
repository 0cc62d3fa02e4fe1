"""Looks at a source again and again: it outlasts the source, and shows that it goes on."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vigie.errors import RegistryError
from vigie.registry.alive import note_alive
from vigie.registry.backoff import pause

if TYPE_CHECKING:
    import threading

    from vigie.settings import Settings

log = logging.getLogger("vigie.registry")


@dataclass(frozen=True, slots=True)
class Source:
    """What is looked at: the file that shows it, and the lines for an outage, `away` with why."""

    alive: str
    away: str
    back: str


def keep_looking(
    source: Source, look: Callable[[], bool], settings: Settings, stop: threading.Event
) -> None:
    """Calls `look` until `stop` is set; it says whether the source has answered.

    A `RegistryError` costs one line an outage and longer pauses, a full disk a line each time.
    """
    failed = 0
    while not stop.is_set():
        began = time.monotonic()
        note_alive(settings.state, source.alive)
        try:
            if look() and failed:
                log.info(source.back)
                failed = 0
        except RegistryError as failure:
            if not failed:
                log.warning(source.away, failure)
            failed += 1
        except OSError as failure:
            log.error("the cache cannot be written: %s", failure.strerror)
        # the time of a look counts: one that waits for an answer is a pause by itself
        took = time.monotonic() - began
        stop.wait(max(pause(settings.poll_seconds, failed) - took, 0))
