"""`vigie share` and `vigie mirror` as processes: a promotion arrives, an outage costs nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from support.packages import install
from support.ports import free_port
from support.waiting import wait_until
from vigie.registry.cache import ModelCache


def start(command: str, **settings: str) -> subprocess.Popen[str]:
    environment = {**os.environ, **{f"VIGIE_{name}": value for name, value in settings.items()}}
    return subprocess.Popen(
        [sys.executable, "-m", "vigie", command], env=environment, stderr=subprocess.PIPE, text=True
    )


def stop(process: subprocess.Popen[str]) -> tuple[int, str]:
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    return process.returncode, said


class Share:
    """`vigie share` on one port, which can be started again."""

    def __init__(self, cache: ModelCache) -> None:
        self._cache = cache
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self._process = start("share", CACHE=str(self._cache.folder), SHARE_PORT=str(self._port))
        wait_until(self._answers, 60)

    def stop(self) -> None:
        if self._process is not None:
            code, said = stop(self._process)
            self._process = None
            assert (code, "Traceback" in said) == (0, False), said

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/index", timeout=5).ok
        except requests.RequestException:
            return False


@pytest.fixture
def share(tmp_path: Path) -> Iterator[Share]:
    made = Share(ModelCache(tmp_path / "source"))
    yield made
    made.stop()


def test_a_promotion_arrives_and_an_outage_costs_nothing(share: Share, tmp_path: Path) -> None:
    source, copy = ModelCache(tmp_path / "source"), ModelCache(tmp_path / "copy")
    first = install(source, "housing", "1")
    share.start()
    mirror = start(
        "mirror", CACHE=str(copy.folder), CACHE_URL=share.url, STATE=str(tmp_path / "state"),
        POLL_SECONDS="0.2",
    )  # fmt: skip
    try:
        wait_until(lambda: copy.pointer("housing") == first, 60)
        second = install(source, "housing", "2", 2.0)
        wait_until(lambda: copy.pointer("housing") == second, 60)
        share.stop()
        looked = tmp_path / "state" / "mirroring"
        before = looked.stat().st_mtime_ns
        wait_until(lambda: looked.stat().st_mtime_ns > before, 60)
        assert copy.pointer("housing") == second
        share.start()
        third = install(source, "housing", "3", 3.0)
        wait_until(lambda: copy.pointer("housing") == third, 60)
    finally:
        code, said = stop(mirror)
    assert code == 0
    assert "serving goes on without news: the shared cache does not answer" in said
    assert "the shared cache is back" in said
    assert "Traceback" not in said
