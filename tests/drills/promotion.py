"""Versions that come, go and change while they are downloaded: callers see whole ones only."""

from __future__ import annotations

import shutil
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import requests

from support.fake_mlflow import ARTIFACTS, REST
from support.memory import pss_mb, tell
from support.service import LiveService
from support.stage import Follow, Load, Registry, seconds_until, serving, start, version_in
from vigie.models.manifest import verify_manifest
from vigie.registry.cache import ModelCache

IRIS_2 = f"{ARTIFACTS}/1/models/iris/2/vigie/model.onnx"


@pytest.fixture
def cache(tmp_path: Path) -> ModelCache:
    """An empty cache; the services of `make_service` read it."""
    return ModelCache(tmp_path / "cache")


def test_one_command_goes_back(
    service: LiveService, registry: Registry, follow: Follow, cache: ModelCache
) -> None:
    process = follow()
    start(service)
    registry.register("housing", "2", 2.0, alias=None)
    seconds = []
    with Load(service) as load:
        for number in range(3):
            process.vigie("promote", "housing", "--version", "2")
            seconds_until(lambda: serving(service) == {"2"}, 15)
            if number == 2:
                # another model is on its way meanwhile, for minutes
                registry.mlflow.answers[IRIS_2] = endless
                registry.register("iris", "2", 2.0)
                seconds_until(lambda: IRIS_2 in registry.mlflow.asked, 15)
            began = time.monotonic()
            process.vigie("rollback", "housing")
            seconds_until(lambda: serving(service) == {"1"}, 10)
            seconds.append(time.monotonic() - began)
        assert version_in(cache, "iris") == "1"
    told = ", ".join(f"{each:.1f}" for each in seconds)
    tell(f"rolled back after {told} s (the last beside an endless download); {load.figures}")
    assert max(seconds) <= 10
    assert load.all_answered()
    assert set(load.figures.versions) == {"1", "2"}


def endless(handler: BaseHTTPRequestHandler) -> None:
    """A file at 20 kB a second for ten minutes: just too quick to be broken off."""
    handler.send_response(200)
    handler.end_headers()
    for _ in range(6000):
        handler.wfile.write(b" " * 2048)
        time.sleep(0.1)


# --- what changes while it is downloaded

FILES = ("vigie/golden.json", "vigie/manifest.json", "vigie/model.onnx", "vigie/package.json")


class Disturbance:
    """Stops the download of a file in its middle, changes something, and goes on."""

    def __init__(self, registry: Registry, number: int) -> None:
        self.version = str(2 * number + 2)
        self.registry = registry
        self.kind = ("moved", "overwritten", "replaced")[number % 3]
        self._file = FILES[number // 3 % len(FILES)]
        self._path = f"{ARTIFACTS}/1/models/housing/{self.version}/{self._file}"
        self._number = number
        other = str(2 * number + 3)
        self._root, self._other_digest = registry.package("housing", other, 2 + number / 100)
        registry.mlflow.answers[self._path] = self._answer
        digest = registry.register("housing", self.version, 1 + number / 100)
        # a name for what must be there in the end
        self.wanted = digest if self.kind == "overwritten" else self._other_digest

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        mlflow = self.registry.mlflow
        del mlflow.answers[self._path]
        before = mlflow.content(self._path)
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(before[: len(before) // 2])
        handler.wfile.flush()
        self._change()
        time.sleep(0.1)
        handler.wfile.write(mlflow.content(self._path)[len(before) // 2 :])

    def _change(self) -> None:
        mlflow = self.registry.mlflow
        if self.kind == "moved":
            mlflow.register("housing", f"{self.version}0", self._root, self._other_digest)
            return
        folder = mlflow.folders["housing", self.version]
        shutil.copytree(self._root, folder, dirs_exist_ok=True)
        if self.kind == "replaced":
            mlflow.register("housing", self.version, folder, self._other_digest)

    def is_over(self, cache: ModelCache) -> bool:
        """True where the wanted package serves, or, overwritten, the version is refused."""
        refusal = cache.refusal("housing")
        refused = refusal is not None and refusal.version == self.version
        return cache.pointer("housing") == self.wanted or (self.kind == "overwritten" and refused)


def test_what_changes_during_a_download_is_never_mixed(
    service: LiveService, registry: Registry, follow: Follow, cache: ModelCache
) -> None:
    process = follow(VIGIE_POLL_SECONDS="0.1")
    start(service)
    ends: Counter[str] = Counter()
    with Load(service) as load:
        for number in range(50):
            disturbance = Disturbance(registry, number)
            seconds_until(lambda d=disturbance: d.is_over(cache), 15)
            found = cache.champion("housing")
            assert found is not None
            verify_manifest(found.root, found.digest)
            assert found.digest in registry.digests
            taken = found.digest == disturbance.wanted
            ends[f"{disturbance.kind}, {'taken' if taken else 'refused'}"] += 1
    refused = process.log.count(" is refused: ")
    tell(f"50 changes during a download: {dict(ends)}, {refused} refusals; {load.figures}")
    assert refused > 0
    assert load.all_answered()
    named = {version for _, version in registry.mlflow.versions}
    assert set(load.figures.versions) <= named


# --- promotions without rest


def point(registry: Registry, name: str, version: str) -> None:
    said = {"name": name, "alias": "champion", "version": version}
    url = f"{registry.url}{REST}registered-models/alias"
    requests.post(url, json=said, timeout=5).raise_for_status()


def promote(registry: Registry, number: int) -> None:
    """Moves the alias of both models; every tenth time two people do it at once."""
    versions = [str(1 + number % 4)]
    if number % 10 == 9:
        versions.append(str(1 + (number + 1) % 4))
    movers = [threading.Thread(target=point, args=(registry, "housing", v)) for v in versions]
    movers.append(threading.Thread(target=point, args=(registry, "iris", versions[0])))
    for mover in movers:
        mover.start()
    for mover in movers:
        mover.join()


def most_in_memory(service: LiveService, until: float) -> int:
    most = 0
    while time.monotonic() < until:
        most = max(most, len(service.get("/v1/models/housing").json()["versions"]))
        time.sleep(0.1)
    return most


def test_fifty_promotions_in_a_minute_end_on_the_last(
    service: LiveService, registry: Registry, follow: Follow, cache: ModelCache
) -> None:
    for name in ("housing", "iris"):
        for number in (2, 3, 4):
            registry.register(name, str(number), float(number), alias=None)
    process = follow(VIGIE_POLL_SECONDS="0.2")
    start(service)

    def weigh() -> tuple[float, float]:
        time.sleep(3)
        return pss_mb([service.master, *service.master.children()]), pss_mb([process.process])

    most = 0
    with Load(service) as warm:
        for number in range(8):
            promote(registry, number)
            most = max(most, most_in_memory(service, time.monotonic() + 1.2))
    before = weigh()
    began = time.monotonic()
    with Load(service) as load:
        for number in range(50):
            promote(registry, number)
            most = max(most, most_in_memory(service, began + 1.2 * (number + 1)))
    took = time.monotonic() - began
    last = registry.mlflow.aliases["housing"]["champion"]
    settled = seconds_until(lambda: serving(service) == {last}, 10)
    assert version_in(cache) == last
    after = weigh()
    handed = process.log.count("housing version")
    tell(f"50 promotions in {took:.0f} s, {handed} handed over, on the last after {settled:.1f} s")
    tell(f"at most {most} versions in memory; {load.figures}")
    tell(f"PSS, service {before[0]:.1f} -> {after[0]:.1f} MB, "
         f"model-sync {before[1]:.1f} -> {after[1]:.1f} MB")  # fmt: skip
    assert warm.all_answered()
    assert load.all_answered()
    assert most <= 2
    assert after[0] <= 1.05 * before[0]
    assert after[1] <= 1.05 * before[1]
