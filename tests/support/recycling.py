"""Workers that are replaced, and what the metrics page shows meanwhile."""

from __future__ import annotations

import contextlib
import itertools
import signal
import threading
import time
from collections.abc import Iterator

import psutil
import requests

from support.service import LiveService, Samples
from support.waiting import wait_until

COUNTED = ("_total", "_count", "_bucket")
SCRAPES = 100


def replace_one(service: LiveService, how: signal.Signals, workers: int) -> psutil.Process:
    """Ends one worker and waits until another one is there in its place."""
    ended = service.workers[0]
    ended.send_signal(how)
    wait_for_workers(service, workers, {ended})
    return ended


def wait_for_workers(service: LiveService, number: int, gone: set[psutil.Process]) -> None:
    """Returns when so many workers live, none of them of `gone`."""

    def there() -> bool:
        alive = [worker for worker in service.workers if _lives(worker)]
        return len(alive) == number and not gone & set(alive)

    wait_until(there, 30)


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@contextlib.contextmanager
def read_every_second(service: LiveService) -> Iterator[list[Samples]]:
    """The page, once a second."""
    pages: list[Samples] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.wait(1):
            if found := service.samples():
                pages.append(found)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield pages
    finally:
        stop.set()
        thread.join(20)


def decreases(pages: list[Samples]) -> list[tuple[object, float, float]]:
    """Every counter that a page shows lower than the page before, or no longer."""
    return [
        (key, value, after.get(key, -1.0))
        for before, after in itertools.pairwise(pages)
        for key, value in before.items()
        if key[0].endswith(COUNTED) and after.get(key, -1.0) < value
    ]


def scrape_again_and_again(service: LiveService) -> tuple[list[float], bytes]:
    """The seconds of each of a hundred scrapes, and the last page."""
    took, page = [], b""
    for _ in range(SCRAPES):
        began = time.perf_counter()
        said = requests.get(f"http://127.0.0.1:{service.metrics_port}/metrics", timeout=10)
        took.append(time.perf_counter() - began)
        page = said.content
    return took, page
