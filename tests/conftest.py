"""What several tests need: packages in a cache, the parts of a worker, a real service."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import orjson
import psutil
import pytest
import requests
from hypothesis.configuration import set_hypothesis_home_dir
from prometheus_client.parser import text_string_to_metric_families

from support import constants
from support.packages import install, install_tensor_models
from vigie.registry.cache import ModelCache
from vigie.serving.http.asgi import AsgiApplication
from vigie.serving.runtime.messages import Request
from vigie.serving.worker_state import WorkerState, assemble
from vigie.settings import Settings, load_settings

HOME: dict[str, Any] = {"surface_m2": 54.0, "rooms": 3, "property_type": "apartment"}
FLOWER = dict.fromkeys(
    ("sepal_length_cm", "sepal_width_cm", "petal_length_cm", "petal_width_cm"), 1.5
)
JSON = "application/json"

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]
"""Value by sample name and sorted labels."""


def pytest_configure(config: pytest.Config) -> None:
    """Hypothesis keeps its notes with pytest's; in a `.hypothesis` pytest would look for tests."""
    set_hypothesis_home_dir(config.rootpath / ".pytest_cache" / "hypothesis")


@pytest.fixture(scope="session", autouse=True)
def _plain_environment() -> Iterator[None]:
    """No setting of the person who runs the tests reaches them."""
    with pytest.MonkeyPatch.context() as patch:
        settings = [name for name in os.environ if name.startswith("VIGIE_")]
        for name in settings:
            if name.startswith("VIGIE_TEST_"):
                continue
            patch.delenv(name)
        yield


@pytest.fixture
def cache(tmp_path: Path) -> ModelCache:
    """A cache of one test's own, with `housing` and `iris`."""
    return filled_cache(tmp_path / "cache")


@pytest.fixture
def settings(tmp_path: Path, cache: ModelCache) -> Settings:
    """Settings that name that cache."""
    return settings_for(cache, tmp_path / "state")


@pytest.fixture
def worker_state(settings: Settings) -> WorkerState:
    """The parts of a worker of one test's own, its models loaded, nothing in the background."""
    return loaded(settings)


@pytest.fixture(scope="session")
def shared_worker_state(tmp_path_factory: pytest.TempPathFactory) -> WorkerState:
    """The parts of a worker for tests that only ask it."""
    folder = tmp_path_factory.mktemp("shared")
    return loaded(settings_for(filled_cache(folder / "cache"), folder / "state"))


@pytest.fixture(scope="session")
def tensor_worker_state(tmp_path_factory: pytest.TempPathFactory) -> WorkerState:
    """The parts of a worker that serves version 123 of `half_plus_two` and of `sensors`."""
    folder = tmp_path_factory.mktemp("tensors")
    cache = ModelCache(folder / "cache")
    install_tensor_models(cache)
    models = ("half_plus_two", "sensors")
    return loaded(settings_for(cache, folder / "state", models=models))


def post(worker_state: WorkerState, path: str, body: object, **headers: str) -> Answer:
    """The pipeline's answer to JSON, or to bytes as they are; header names with _ for -."""
    given = {name.replace("_", "-").encode(): text.encode() for name, text in headers.items()}
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    route = worker_state.pipeline.route(path)
    assert route is not None
    response = worker_state.pipeline.answer(Request("POST", path, given, raw), route)
    return answer_of(response.status, response.headers, response.body)


def filled_cache(folder: Path) -> ModelCache:
    """A cache with version 1 of `housing` and of `iris`."""
    cache = ModelCache(folder)
    install(cache, "housing")
    install(cache, "iris")
    return cache


def settings_for(cache: ModelCache, state: Path, **overrides: object) -> Settings:
    """Settings of a service that requires `housing` and `iris`."""
    # the sample would depend on how fast a test is
    plain = {"models": ("housing", "iris"), "prediction_log_rows_per_second": 0}
    wanted: dict[str, object] = {**plain, **overrides}
    return load_settings(cache=cache.folder, state=state, **wanted)


def loaded(settings: Settings) -> WorkerState:
    """The parts of a worker with what its cache holds."""
    worker_state = assemble(settings)
    worker_state.manager.refresh()
    return worker_state


# --- one answer, whatever the transport


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, headers by lower-case name, a body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return orjson.loads(self.body)


def answer_of(status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> Answer:
    """An answer from headers as bytes."""
    texts = {name.decode().lower(): value.decode("latin-1") for name, value in headers}
    return Answer(status, texts, body)


def http_scope(
    method: str, target: str, headers: Mapping[str, str], host: tuple[str, int] = ("localhost", 80)
) -> dict[str, Any]:
    """The ASGI scope that gunicorn makes of such a request."""
    raw_path, _, query = target.encode().partition(b"?")
    return {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote_to_bytes(raw_path).decode("utf-8", "replace"),
        "raw_path": raw_path,
        "query_string": query,
        "headers": [(k.lower().encode(), v.encode("latin-1")) for k, v in headers.items()],
        "server": host,
        "client": ("127.0.0.1", 50000),
    }


class Wire:
    """Both ends of one ASGI request: hands out messages, counts them, keeps what is sent."""

    def __init__(self, messages: Sequence[dict[str, Any]]) -> None:
        self.sent: list[dict[str, Any]] = []
        self.read = 0
        self._messages = messages

    async def receive(self) -> dict[str, Any]:
        self.read += 1
        if self.read > len(self._messages):
            # a caller who has sent the whole body waits; one who sent half of it has gone
            if self._messages and not self._messages[-1].get("more_body"):
                await asyncio.Event().wait()
            return {"type": "http.disconnect"}
        return self._messages[self.read - 1]

    async def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)

    @property
    def answer(self) -> Answer:
        start, end = self.sent
        return answer_of(start["status"], start["headers"], end["body"])


def body_messages(*parts: bytes) -> list[dict[str, Any]]:
    """The parts of a body as ASGI messages."""
    last = len(parts) - 1
    return [
        {"type": "http.request", "body": part, "more_body": index < last}
        for index, part in enumerate(parts)
    ]


async def ask_asgi(
    asgi: AsgiApplication, method: str, target: str, headers: Mapping[str, str], body: bytes = b""
) -> Answer:
    """The ASGI application's answer to one request, without a socket."""
    wire = Wire(body_messages(body))
    headers = {"host": "localhost", "content-length": str(len(body)), **headers}
    await asgi(http_scope(method, target, headers), wire.receive, wire.send)
    return wire.answer


AskAsgi = Callable[..., Answer]


@pytest.fixture
def ask() -> Iterator[AskAsgi]:
    """`ask_front` for tests that are not coroutines: one loop for the whole test."""
    with asyncio.Runner() as runner:
        yield lambda *given, **named: runner.run(ask_asgi(*given, **named))


# --- a real service


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(holds: Callable[[], object], seconds: float = 60.0) -> None:
    """Returns as soon as `holds()` is true; fails when it has not been for so long.

    No promise of the product's is in those seconds: a busy machine needs some of them.
    """
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.02)


class LiveService:
    """`vigie serve`, or another server of ours, in processes of its own on free ports."""

    def __init__(self, folder: Path, cache: Path, **environment: str) -> None:
        self.port, self.metrics_port = free_port(), free_port()
        self.log = folder / "service.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._family: list[psutil.Process] = []
        self._environment = {
            **{name: value for name, value in os.environ.items() if name[:6] != "VIGIE_"},
            "VIGIE_CACHE": str(cache),
            "VIGIE_STATE": str(folder / "state"),
            "VIGIE_MODELS": "housing,iris",
            "VIGIE_PORT": str(self.port),
            "VIGIE_METRICS_PORT": str(self.metrics_port),
            "VIGIE_WORKERS": "2",
            "VIGIE_GRACEFUL_TIMEOUT_SECONDS": "5",
            **environment,
        }

    def start(self, *command: str) -> None:
        """Starts `vigie serve`, or `python command…`."""
        serve = ("-m", "vigie", "serve")
        if constants.VARIABLE in self._environment:
            serve = ("-P", constants.__file__, "serve")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, *(command or serve)],
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_ready(self) -> None:
        """Returns when `/readyz` says so."""
        wait_until(lambda: self._runs() and self.is_ready)

    def _runs(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log.read_text()
        return True

    @property
    def is_ready(self) -> bool:
        try:
            return self.get("/readyz").status == 200
        except requests.RequestException:
            return False

    @property
    def master(self) -> psutil.Process:
        assert self._process is not None
        return psutil.Process(self._process.pid)

    @property
    def publisher(self) -> psutil.Process | None:
        """The child that listens on the metrics port."""
        listening = (c for c in self.master.children() if _listens(c, self.metrics_port))
        return next(listening, None)

    @property
    def workers(self) -> list[psutil.Process]:
        """The children that serve."""
        return [child for child in self.master.children() if _listens(child, self.port)]

    @property
    def log_writer(self) -> psutil.Process | None:
        """The child that writes the prediction log."""
        others = {self.publisher, *self.workers}
        return next((c for c in self.master.children() if c not in others and _runs(c)), None)

    def ask(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request on a connection of its own."""
        url = f"http://127.0.0.1:{self.port}{path}"
        said = requests.request(
            method, url, data=body or None, headers=headers, timeout=10, allow_redirects=False
        )
        headers = {name.lower(): value for name, value in said.headers.items()}
        return Answer(said.status_code, headers, said.content)

    def get(self, path: str) -> Answer:
        """The answer to a GET."""
        return self.ask("GET", path)

    def predict(self, model: str, *rows: Mapping[str, Any], **headers: str) -> Answer:
        """The answer to rows."""
        body = orjson.dumps({"instances": rows})
        return self.ask("POST", f"/predict/{model}", body, {"Content-Type": JSON, **headers})

    def samples(self) -> Samples:
        """All samples of the metrics port; empty while it is away."""
        try:
            said = requests.get(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=10)
        except requests.RequestException:
            return {}
        return samples_of(said.text)

    def wait(self) -> int:
        """The exit code of a service that ends by itself."""
        assert self._process is not None
        return self._process.wait(60)

    def stop(self) -> int:
        """Ends it with SIGTERM, as a machine does, and gives its exit code."""
        process = self._process
        assert process is not None
        self._family = self.master.children(recursive=True)
        process.send_signal(signal.SIGTERM)
        return process.wait(60)

    @property
    def orphans(self) -> list[psutil.Process]:
        """The processes that outlived `stop`."""
        return [child for child in self._family if child.is_running()]

    def clean_up(self) -> None:
        """Ends whatever is left of it."""
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            self._family = self.master.children(recursive=True)
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        _, left = psutil.wait_procs(self._family, timeout=5)
        for child in left:
            child.kill()


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _listens(process: psutil.Process, port: int) -> bool:
    try:
        return any(
            found.status == psutil.CONN_LISTEN and found.laddr.port == port
            for found in process.net_connections("tcp")
        )
    except psutil.Error:
        return False


def samples_of(text: str) -> Samples:
    """The samples of a metrics text."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value_of(samples: Samples, name: str, **labels: str) -> float:
    """The sum of a metric over the series that have these labels; 0 where there is none."""
    wanted = set(labels.items())
    return sum(
        value for (found, has), value in samples.items() if found == name and wanted <= set(has)
    )


MakeService = Callable[..., LiveService]


@pytest.fixture
def make_service(tmp_path: Path, cache: ModelCache) -> Iterator[MakeService]:
    """Makes services on the test's cache; whatever the test leaves of them is ended."""
    made: list[LiveService] = []

    def make(**environment: str) -> LiveService:
        folder = tmp_path / f"service{len(made)}"
        folder.mkdir()
        made.append(LiveService(folder, cache.folder, **environment))
        return made[-1]

    yield make
    for service in made:
        service.clean_up()
