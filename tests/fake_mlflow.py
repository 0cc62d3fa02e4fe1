"""An HTTP server that plays the part of MLflow's REST API that the registry process uses."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import orjson

from vigie.registry.client import DIGEST_TAG

ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
REST = "/api/2.0/mlflow/"

Answer = Callable[[BaseHTTPRequestHandler], None]


class FakeMlflow:
    """Registered versions over folders on disk; `answers` replaces the answer of a path."""

    def __init__(self) -> None:
        self.url = ""
        self.page_size = 100
        self.versions: dict[tuple[str, str], dict[str, Any]] = {}
        self.folders: dict[tuple[str, str], Path] = {}
        self.aliases: dict[str, dict[str, str]] = {}
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []

    def register(
        self,
        name: str,
        version: str,
        folder: Path,
        digest: str | None,
        alias: str | None = "champion",
    ) -> None:
        """Registers a folder as a version, and points an alias to it."""
        tags = [] if digest is None else [{"key": DIGEST_TAG, "value": digest}]
        self.versions[name, version] = {
            "name": name, "version": version, "run_id": f"run{version}", "tags": tags,
        }  # fmt: skip
        self.folders[name, version] = folder
        names = self.aliases.setdefault(name, {})
        if alias:
            names[alias] = version

    def downloads(self) -> int:
        """How many files were asked for so far."""
        return sum(path.startswith(f"{ARTIFACTS}/") for path in self.asked)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answers one request."""
        address = urlsplit(handler.path)
        path = unquote(address.path)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        self.asked.append(path)
        if path in self.answers:
            self.answers[path](handler)
        elif path == "/health":
            send(handler, b"OK", "text/plain")
        elif path == ARTIFACTS:
            send_json(handler, {"files": self._listing(query["path"])})
        elif path.startswith(f"{ARTIFACTS}/"):
            send(handler, self._path(path.removeprefix(f"{ARTIFACTS}/")).read_bytes())
        else:
            self._answer_rest(handler, path.removeprefix(REST), query)

    def _answer_rest(
        self, handler: BaseHTTPRequestHandler, route: str, query: dict[str, str]
    ) -> None:
        name = query.get("name", "")
        if route == "registered-models/alias":
            names = self.aliases.get(name)
            version = (names or {}).get(query["alias"])
            if version is None:
                code = "RESOURCE_DOES_NOT_EXIST" if names is None else "INVALID_PARAMETER_VALUE"
                status = 404 if names is None else 400
                send_json(handler, {"error_code": code, "message": "not found"}, status)
            else:
                send_json(handler, {"model_version": self.versions[name, version]})
        elif route == "registered-models/search":
            send_json(handler, self._page(int(query.get("page_token") or 0)))
        elif route == "model-versions/get-download-uri":
            uri = f"mlflow-artifacts:/1/models/{name}/{query['version']}"
            send_json(handler, {"artifact_uri": uri})
        else:
            send_json(handler, {"error_code": "ENDPOINT_NOT_FOUND"}, 404)

    def _page(self, start: int) -> dict[str, Any]:
        names = sorted(self.aliases)
        stop = start + self.page_size
        page: dict[str, Any] = {
            "registered_models": [
                {
                    "name": name,
                    "aliases": [
                        {"alias": alias, "version": version}
                        for alias, version in self.aliases[name].items()
                    ],
                }
                for name in names[start:stop]
            ]
        }
        if stop < len(names):
            page["next_page_token"] = str(stop)
        return page

    def _path(self, artifact: str) -> Path:
        _, _, name, version, *rest = PurePosixPath(artifact).parts
        return self.folders[name, version].joinpath(*rest)

    def _listing(self, artifact: str) -> list[dict[str, Any]]:
        return [
            {"path": entry.name, "is_dir": entry.is_dir()}
            for entry in sorted(self._path(artifact).iterdir())
        ]


def send(
    handler: BaseHTTPRequestHandler,
    body: bytes,
    media_type: str = "application/octet-stream",
    status: int = 200,
    length: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> None:
    """Sends an answer; `length` lies about the size of the body."""
    handler.send_response(status)
    handler.send_header("Content-Type", media_type)
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    for name, value in (headers or {}).items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


def send_json(handler: BaseHTTPRequestHandler, content: object, status: int = 200) -> None:
    """Sends JSON."""
    send(handler, orjson.dumps(content), "application/json", status)


@contextlib.contextmanager
def http_server(answer: Answer) -> Iterator[str]:
    """Serves GET and POST on a free port while the block runs; gives the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            # a client that hangs up in the middle is what some tests are about
            with contextlib.suppress(ConnectionError):
                answer(self)

        do_POST = do_GET  # noqa: N815 -- http.server's name

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def fake_mlflow() -> Iterator[FakeMlflow]:
    """A running fake of MLflow."""
    fake = FakeMlflow()
    with http_server(fake.answer) as fake.url:
        yield fake
