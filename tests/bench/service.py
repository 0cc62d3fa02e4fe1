"""The service as people run it, with the housing and iris models: its start and its memory."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import requests

from bench.figures import ServiceFigures, Spread
from support.memory import pss_mb
from support.service import LiveService
from support.trained import TrainedPackage, train_package
from vigie.registry.cache import ModelCache

STARTS = 5
REQUESTS = 10_000
LONGEST_START_SECONDS = 30.0


def measure_service() -> ServiceFigures:
    """Starts the service several times, then weighs it after many requests."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cache, package = _fill_cache(folder / "cache")
        row = package.held_out.rows()[0]
        starts = Spread.of(_start_seconds(folder, cache, row) for _ in range(STARTS))
        assert starts is not None
        return ServiceFigures(starts, _memory_mb(folder, cache, row))


def _fill_cache(folder: Path) -> tuple[ModelCache, TrainedPackage]:
    cache = ModelCache(folder)
    packages = {}
    for name in ("housing", "iris"):
        with cache.lock(name) as incoming:
            made = train_package(name, incoming / "package")
            cache.install(name, incoming / "package", made.digest, "1", "run")
            cache.point(name, made.digest)
            packages[name] = made
    return cache, packages["housing"]


def _service(folder: Path, cache: ModelCache) -> LiveService:
    return LiveService(Path(tempfile.mkdtemp(dir=folder)), cache.folder)


def _start_seconds(folder: Path, cache: ModelCache, row: dict[str, object]) -> float:
    service = _service(folder, cache)
    started = time.perf_counter()
    service.start()
    url = f"http://127.0.0.1:{service.port}/predict/housing"
    try:
        while time.perf_counter() - started < LONGEST_START_SECONDS:
            try:
                if requests.post(url, json={"instances": [row]}, timeout=5).ok:
                    return time.perf_counter() - started
            except requests.ConnectionError:
                time.sleep(0.005)
        raise TimeoutError(f"the service does not start: {service.log.read_text()}")
    finally:
        service.clean_up()


def _memory_mb(folder: Path, cache: ModelCache, row: dict[str, object]) -> float:
    service = _service(folder, cache)
    service.start()
    try:
        service.wait_ready()
        url = f"http://127.0.0.1:{service.port}/predict/housing"
        with requests.Session() as session:
            for _ in range(REQUESTS):
                session.post(url, json={"instances": [row]}, timeout=5).raise_for_status()
        return pss_mb([service.master, *service.master.children()])
    finally:
        service.clean_up()
