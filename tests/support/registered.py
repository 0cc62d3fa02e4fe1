"""Test packages as registered versions, and what the cache makes of them."""

from __future__ import annotations

import contextlib
import copy
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import orjson

from support.fake_mlflow import FakeMlflow
from support.packages import (
    HOUSING_ROWS,
    IRIS_ROWS,
    housing_document,
    housing_graph,
    iris_document,
    iris_graph,
    slow_housing_graph,
    write_package,
)
from vigie.models.manifest import verify_manifest, write_manifest
from vigie.registry.cache import CachedVersion, ModelCache
from vigie.registry.sync import RegistrySync
from vigie.settings import Settings


class Registry:
    """Makes and registers test packages."""

    def __init__(self, mlflow: FakeMlflow, folder: Path) -> None:
        self._mlflow = mlflow
        self._folder = folder

    def housing(self, version: str, factor: float = 1.0, name: str = "housing") -> str:
        root = self._folder / f"{name}-{version}"
        document = housing_document(name, factor)
        digest = write_package(root, document, housing_graph(factor), HOUSING_ROWS)
        self._mlflow.register(name, version, root, digest)
        return digest

    def narrower(self, version: str) -> str:
        """A version that takes fewer rooms than version 1 did."""
        root = self._folder / f"narrower-{version}"
        document = copy.deepcopy(housing_document())
        document["inputs"][1]["limits"] = [1, 20]
        digest = write_package(root, document, housing_graph(2.0), HOUSING_ROWS)
        self._mlflow.register("housing", version, root, digest)
        return digest

    def slow(self, version: str) -> str:
        """A version whose graph multiplies large matrices for every row."""
        root = self._folder / f"slow-{version}"
        digest = write_package(root, housing_document(), slow_housing_graph(), HOUSING_ROWS)
        self._mlflow.register("housing", version, root, digest)
        return digest

    def iris(self, version: str = "1") -> str:
        root = self._folder / f"iris-{version}"
        digest = write_package(root, iris_document(), iris_graph(), IRIS_ROWS)
        self._mlflow.register("iris", version, root, digest)
        return digest

    def wrong(self, version: str) -> str:
        """A version whose golden rows do not fit, honestly registered."""
        root = self._folder / f"wrong-{version}"
        write_package(root, housing_document(), housing_graph(), HOUSING_ROWS)
        path = root / "vigie/golden.json"
        golden = {**orjson.loads(path.read_bytes()), "outputs": {"price_eur": [1, 2]}}
        path.write_bytes(orjson.dumps(golden))
        digest = write_manifest(root)
        self._mlflow.register("housing", version, root, digest)
        return digest


def served(cache: ModelCache, name: str = "housing") -> CachedVersion:
    found = cache.champion(name)
    assert found is not None
    verify_manifest(found.root, found.digest)
    return found


def version_of(cache: ModelCache, name: str) -> str | None:
    found = cache.champion(name)
    return found.version if found else None


def tried(cache: ModelCache) -> str | None:
    found = cache.challenger("housing")
    return found.version if found else None


def snapshot(folder: Path) -> dict[str, object]:
    """Every file of a folder with what it holds, every link with where it leads."""
    return {
        path.relative_to(folder).as_posix(): (
            path.readlink() if path.is_symlink() else path.read_bytes() if path.is_file() else None
        )
        for path in folder.rglob("*")
    }


class HeldAnswer:
    """Holds the answer of a path after its first half until `open` is set.

    `broken_off` is set where the caller did not wait for that.
    """

    def __init__(self, mlflow: FakeMlflow, path: str) -> None:
        self.reached, self.open, self.broken_off = (threading.Event() for _ in range(3))
        self._mlflow, self._path = mlflow, path
        mlflow.answers[path] = self._answer

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        content = self._mlflow.content(self._path)
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content[: len(content) // 2])
        self.reached.set()
        # a byte now and then: no silence that would end it
        try:
            for sent in range(len(content) // 2, len(content)):
                self.open.wait(0.05 if sent < len(content) - 1 else 120)
                handler.wfile.write(content[sent : sent + 1])
        except OSError:
            self.broken_off.set()


@contextlib.contextmanager
def running(settings: Settings) -> Iterator[None]:
    stop = threading.Event()
    process = threading.Thread(target=RegistrySync(settings).run, args=(stop,))
    process.start()
    try:
        yield
    finally:
        stop.set()
        process.join(60)
        assert not process.is_alive()
