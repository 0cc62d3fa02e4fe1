"""The process that serves the metrics of all workers on the metrics port."""

from __future__ import annotations

import contextlib
import gzip
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from vigie.monitoring.history import FAMILIES
from vigie.monitoring.samples import Samples
from vigie.monitoring.snapshots import Family, MergedCollector, merge

if TYPE_CHECKING:
    from vigie.monitoring.history import History
    from vigie.monitoring.replicas import ReplicaFolder
    from vigie.monitoring.snapshots import SnapshotFolder

LOOK_SECONDS = 1.0
_QUICKEST = 1

Extra = Callable[[], list[Family]]
"""Families that no worker has, such as those of model-sync."""


def exposition(families: list[Family], accept: str) -> tuple[bytes, str]:
    """Metric families as text, and its media type."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(MergedCollector(families))
    encode, media_type = choose_encoder(accept)
    return encode(registry), media_type


def publish(
    folder: SnapshotFolder,
    host: str,
    port: int,
    extra: Extra,
    history: History,
    parent: int | None = None,
    replicas: ReplicaFolder | None = None,
) -> None:
    """Serves `GET /metrics` until the parent process is gone; sums up dead workers, keeps history.

    `parent` is that process where the caller knows it: it may be gone before this begins. The
    history is that of `replicas` where there are several, else that of this one.
    """
    parent = parent or os.getppid()
    server = ThreadingHTTPServer((host, port), _handler(folder, extra))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    if replicas is not None:
        # the workers are gone by then: what they counted last stays in the sum of all replicas
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        while os.getppid() == parent:
            folder.bury()
            # a full disk costs the history, not the metrics
            with contextlib.suppress(OSError):
                if replicas is not None and replicas.is_due():
                    replicas.put(folder.total(), folder.folder)
                if history.is_due(time.time()):
                    history.add(Samples((replicas or folder).total(FAMILIES)), time.time())
            time.sleep(LOOK_SECONDS)
    finally:
        if replicas is not None:
            with contextlib.suppress(OSError):
                replicas.put(folder.total(), folder.folder)
    server.shutdown()


def _handler(folder: SnapshotFolder, extra: Extra) -> type[BaseHTTPRequestHandler]:
    """Answers `GET /metrics` and nothing else.

    `start_http_server` of prometheus_client would give the metrics on every path, tell which Python
    runs, and wait for ever for a caller that connects and asks for nothing.
    """

    class Handler(BaseHTTPRequestHandler):
        timeout = 10
        server_version = "vigie"
        sys_version = ""

        def do_GET(self) -> None:
            if self.path.split("?")[0] != "/metrics":
                self.send_error(404)
                return
            families = merge([folder.total(), extra()])
            body, media_type = exposition(families, self.headers.get("Accept", ""))
            self.send_response(200)
            self.send_header("Content-Type", media_type)
            if "gzip" in self.headers.get("Accept-Encoding", ""):
                # twenty times smaller, as Prometheus asks for it
                body = gzip.compress(body, _QUICKEST)
                self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """A scrape every few seconds is not worth a line."""

    return Handler
