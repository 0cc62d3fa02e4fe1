"""The processes beside the workers, such as the publisher and the log writer, kept running."""

from __future__ import annotations

import logging
import math
import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter

log = logging.getLogger("vigie.serving")

FIRST_LOOK_SECONDS = 0.2
"""gunicorn starts its workers meanwhile, which have more to do before they are any use."""
LOOK_SECONDS = 1.0
RESTART_SECONDS = 5.0
"""A companion that ends soon after its start waits for so long, from one start to the next."""


@dataclass(frozen=True, slots=True, eq=False)
class Companion:
    """What a process beside the workers is called, and what it does.

    `work` gets the id of the master, ends when that process is gone, and by SIGTERM.
    """

    name: str
    work: Callable[[int], None]


class Companions:
    """Forks of gunicorn's master: one for each companion, and another where that one has ended.

    The signal of a timer has the master look after them. gunicorn has no hook for that, forks none
    of its workers beside threads, and a process of its own would have nobody to look after it.
    """

    def __init__(self, companions: Sequence[Companion]) -> None:
        self._companions = companions
        self._started: dict[Companion, tuple[int, float]] = {}

    def start(self, master: Arbiter) -> None:
        """Looks after them from now on; gunicorn's hook `when_ready`."""
        pid = os.getpid()

        def look(*_: object) -> None:
            # who was forked has no timer, but for the moment before it is told so
            if os.getpid() == pid:
                self._look(master)

        signal.signal(signal.SIGALRM, look)
        signal.setitimer(signal.ITIMER_REAL, FIRST_LOOK_SECONDS, LOOK_SECONDS)

    def stop(self, master: Arbiter) -> None:
        """Ends them, and waits until they have ended; gunicorn's hook `on_exit`.

        The workers are gone by then: what they left is written, and a next start finds the ports
        free.
        """
        signal.setitimer(signal.ITIMER_REAL, 0)
        running = [pid for pid, _ in self._started.values() if _is_running(pid)]
        for pid in running:
            os.kill(pid, signal.SIGTERM)
        for pid in running:
            os.waitpid(pid, 0)

    def _look(self, master: Arbiter) -> None:
        now = time.monotonic()
        for companion in self._companions:
            pid, began = self._started.get(companion, (None, -math.inf))
            if now - began < RESTART_SECONDS or _is_running(pid):
                continue
            if pid is not None:
                log.warning("the %s has ended and is started again", companion.name)
            try:
                self._started[companion] = _fork(companion, master), now
            except OSError as failure:
                log.error("the %s cannot be started: %s", companion.name, failure.strerror)


def _is_running(pid: int | None) -> bool:
    """Whether a child runs; gunicorn may have taken note of its end before."""
    if pid is None:
        return False
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == 0
    except ChildProcessError:
        return False


def _fork(companion: Companion, master: Arbiter) -> int:
    """A fork shares the master's memory; it holds no model and no listening socket."""
    parent = os.getpid()
    child = os.fork()
    if child:
        return child
    code = 0
    try:
        _forget_handlers()
        for listener in master.LISTENERS:
            listener.sock.close()
        companion.work(parent)
    except OSError as failure:
        log.error("the %s has failed: %s", companion.name, failure.strerror)
        code = 1
    except Exception:
        log.exception("the %s has failed", companion.name)
        code = 1
    finally:
        os._exit(code)


def _forget_handlers() -> None:
    """The master's handlers would swallow a stop; who presses Ctrl-C means the master."""
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
