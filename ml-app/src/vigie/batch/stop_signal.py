"""A stop that is asked for by SIGTERM or SIGINT: noted, and heeded between two lines."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopSignal:
    """Notes the first signal within its block; the second one does what it always does."""

    def __init__(self) -> None:
        self.number = 0
        self._event = threading.Event()
        self._former: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._former = {number: signal.signal(number, self._note) for number in _SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._restore()

    @property
    def seen(self) -> bool:
        """True once a stop was asked for."""
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Waits for a stop so long at most; true where one was asked for."""
        return self._event.wait(seconds)

    def _note(self, number: int, _: FrameType | None) -> None:
        self.number = number
        self._event.set()
        self._restore()

    def _restore(self) -> None:
        for number, former in self._former.items():
            signal.signal(number, former)
        self._former = {}
