"""A program: gunicorn with one worker and companions that write down what happens to them.

Arguments: the file to write to, a word a line, each with the time of a clock that all share; then
the companions, `patient` or `failing`.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication

from vigie.serving import companions
from vigie.serving.companions import Companion, Companions

NOTES = Path(sys.argv[1])


def note(word: str) -> None:
    """A line, in one write."""
    with NOTES.open("a", encoding="utf-8") as file:
        file.write(f"{word} {os.getpid()} {time.monotonic()}\n")


def patient(master: int) -> None:
    """Works until it is told to stop, or its master is gone."""
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    note("began")
    while not stopped.wait(0.05) and os.getppid() == master:
        pass
    note("ended")


def failing(master: int) -> None:
    """Ends at once."""
    note("began")
    raise OSError(98, "Address already in use")


def linger(server: object, worker: object) -> None:
    """A worker takes a while to end."""
    time.sleep(0.3)
    note("worker")


class Application(BaseApplication):  # type: ignore[misc]
    """Serves nothing."""

    def load_config(self) -> None:
        works = {"patient": patient, "failing": failing}
        beside = Companions([Companion(name, works[name]) for name in sys.argv[2:]])
        for name, value in {
            "bind": "127.0.0.1:0",
            # so soon a worker sees that its master is gone
            "timeout": 2,
            "worker_exit": linger,
            "control_socket_disable": True,
            "when_ready": beside.start,
            "on_exit": beside.stop,
        }.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        return lambda environ, start: []


if __name__ == "__main__":
    companions.LOOK_SECONDS, companions.RESTART_SECONDS = 0.1, 1.0
    Application().run()
