"""An HTTP server that plays the part of MLflow's REST API that model-sync and the importer use."""

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
    """Registered versions over folders on disk; `answers` replaces that of a path, `lie` all."""

    def __init__(self) -> None:
        self.url = ""
        self.page_size = 100
        self.versions: dict[tuple[str, str], dict[str, Any]] = {}
        self.folders: dict[tuple[str, str], Path] = {}
        self.aliases: dict[str, dict[str, str]] = {}
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.changes: list[tuple[str, str, dict[str, str]]] = []
        self.lie: Answer | None = None

    def register(
        self,
        name: str,
        version: str,
        folder: Path,
        digest: str | None,
        alias: str | None = "champion",
        **tags: str,
    ) -> None:
        """Registers a folder as a version, and points an alias to it."""
        named = {f"vigie.{key}": value for key, value in tags.items()}
        named |= {} if digest is None else {DIGEST_TAG: digest}
        self.versions[name, version] = {
            "name": name, "version": version, "run_id": f"run{version}",
            "tags": [{"key": key, "value": value} for key, value in named.items()],
        }  # fmt: skip
        self.folders[name, version] = folder
        names = self.aliases.setdefault(name, {})
        if alias:
            names[alias] = version

    def delete(self, name: str, version: str) -> None:
        """Deletes a version, and the aliases that name it with it, as MLflow does."""
        del self.versions[name, version]
        named = self.aliases[name]
        self.aliases[name] = {alias: to for alias, to in named.items() if to != version}

    def empty(self) -> None:
        """Forgets every model."""
        self.versions.clear()
        self.aliases.clear()

    def content(self, path: str) -> bytes:
        """The file that a download of this path gets."""
        return self._path(path.removeprefix(f"{ARTIFACTS}/")).read_bytes()

    def downloads(self) -> int:
        """How many files were asked for so far."""
        return sum(path.startswith(f"{ARTIFACTS}/") for path in self.asked)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answers one request, or lies."""
        if self.lie:
            self.lie(handler)
        else:
            self.tell(handler)

    def tell(self, handler: BaseHTTPRequestHandler) -> None:
        """Answers one request as MLflow would."""
        address = urlsplit(handler.path)
        path = unquote(address.path)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        self.asked.append(path)
        if handler.command == "PUT" and path not in self.answers:
            self._store(handler, path)
            return
        if handler.command != "GET" and path not in self.answers:
            self._change(handler, path.removeprefix(REST))
            return
        if path in self.answers:
            self.answers[path](handler)
        elif path == "/health":
            send(handler, b"OK", "text/plain")
        elif path == ARTIFACTS:
            send_json(handler, {"files": self._listing(query["path"])})
        elif path.startswith(f"{ARTIFACTS}/"):
            send(handler, self.content(path))
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
        elif route == "model-versions/search":
            wanted = query["filter"].removeprefix("name='").removesuffix("'")
            found = [v for (model, _), v in self.versions.items() if model == wanted]
            send_json(handler, {"model_versions": found} if found else {})
        elif route == "model-versions/get":
            self._send_version(handler, name, query["version"])
        elif route == "model-versions/get-download-uri":
            uri = f"mlflow-artifacts:/1/models/{name}/{query['version']}"
            send_json(handler, {"artifact_uri": uri})
        else:
            send_json(handler, {"error_code": "ENDPOINT_NOT_FOUND"}, 404)

    def _send_version(self, handler: BaseHTTPRequestHandler, name: str, version: str) -> None:
        if (name, version) in self.versions:
            send_json(handler, {"model_version": self.versions[name, version]})
        else:
            send_json(handler, {"error_code": "RESOURCE_DOES_NOT_EXIST"}, 404)

    def _store(self, handler: BaseHTTPRequestHandler, path: str) -> None:
        """Keeps the body as an artifact."""
        target = self._path(path.removeprefix(f"{ARTIFACTS}/"))
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(handler.rfile.read(int(handler.headers["Content-Length"])))
        send_json(handler, {})

    def _change(self, handler: BaseHTTPRequestHandler, route: str) -> None:
        """Moves an alias or sets a tag, as MLflow does."""
        said = orjson.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        change = (handler.command, route, said)
        if (said["name"], said.get("version", "")) not in self.versions and "version" in said:
            send_json(handler, {"error_code": "RESOURCE_DOES_NOT_EXIST"}, 404)
            return
        self.changes.append(change)
        match change:
            case "POST", "registered-models/alias", _:
                self.aliases[said["name"]][said["alias"]] = said["version"]
            case "DELETE", "registered-models/alias", _:
                self.aliases[said["name"]].pop(said["alias"], None)
            case _, "model-versions/set-tag" | "model-versions/delete-tag", _:
                version = self.versions[said["name"], said["version"]]
                version["tags"] = [tag for tag in version["tags"] if tag["key"] != said["key"]]
                if handler.command == "POST":
                    version["tags"].append({"key": said["key"], "value": said["value"]})
        send_json(handler, {})

    def tags(self, name: str, version: str) -> dict[str, str]:
        """The tags of a version."""
        return {tag["key"]: tag["value"] for tag in self.versions[name, version]["tags"]}

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
def http_server(answer: Answer, port: int = 0) -> Iterator[str]:
    """Serves GET, POST, PUT and DELETE on a port, a free one for 0, while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            # a client that hangs up in the middle is what some tests are about
            with contextlib.suppress(ConnectionError):
                answer(self)

        do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 -- http.server's names

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
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
