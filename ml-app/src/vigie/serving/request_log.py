"""A line a request at most: those that failed, never more than so many a second, or all of them."""

from __future__ import annotations

import logging
import math
import time
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from vigie.serving.runtime.loaded_model import LoadedModel
    from vigie.serving.runtime.messages import Request

log = logging.getLogger("vigie.request")

PROBES = frozenset({"/livez", "/readyz", "/health", "/v2/health/live", "/v2/health/ready", "/ping"})
"""Asked every second or so by whoever waits: that the answer is no yet is not an error."""
MOST_LINES = 100
"""A second, of one worker: an outage must not turn into a flood of lines about it."""


class RequestLog:
    """Writes about answered requests. What goes beyond the limit is counted in a line of its own.

    It may be used from several threads: at worst the limit is missed by as many lines.
    """

    def __init__(self, which: Literal["errors", "all"]) -> None:
        self.least_status = 100 if which == "all" else 500
        """Answers below this status have no line; asked first, as most requests need no more."""
        self._most = math.inf if which == "all" else MOST_LINES
        self._passed_over = frozenset() if which == "all" else PROBES
        self._second = 0
        self._lines = 0

    def note(
        self,
        request: Request,
        route: str,
        request_id: str,
        status: int,
        live: LoadedModel | None = None,
        rows: int | None = None,
        failure: BaseException | None = None,
    ) -> None:
        """Writes the line of one request; `failure` is what nobody expected, if there was one."""
        if (route in self._passed_over and failure is None) or not self._has_room():
            return
        fields: dict[str, object] = {
            "request_id": request_id,
            "traceparent": request.traceparent,
            "method": request.known_method,
            "route": route,
            "status": status,
            "seconds": round(time.perf_counter() - request.received, 6),
        }
        if live is not None:
            fields |= {"model": live.name, "version": live.version}
        if rows is not None:
            fields["rows"] = rows
        level = logging.ERROR if status >= 500 else logging.INFO
        log.log(level, "answered", extra=fields, exc_info=failure)

    def _has_room(self) -> bool:
        second = int(time.monotonic())
        if second != self._second:
            left_out = self._lines - self._most
            self._second, self._lines = second, 0
            if left_out > 0:
                log.warning("%d more requests were answered without a line", left_out)
        self._lines += 1
        return self._lines <= self._most
