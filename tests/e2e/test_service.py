"""The real thing: `vigie serve` in processes of its own, under load, kills and swaps."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import orjson
import psutil
import pytest

from support.memory import pss_mb, tell
from support.openloop import ask_at, request_of
from support.packages import install
from support.service import LiveService, MakeService, Samples, value_of
from support.waiting import wait_until
from support.wire import head_of
from support.worker import FLOWER, HOME, JSON
from vigie.registry.cache import ModelCache

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
REQUESTS, CONNECTIONS = 10_000, 32
MOST_PSS_MB = 190
PRICE = 3000 * 54 + 1000 * 3 - 500 + 7 * 100 - 700
ROUTE = "/predict/<model>"


@pytest.fixture
def service(make_service: MakeService) -> LiveService:
    """`vigie serve` with two workers, ready."""
    service = make_service()
    service.start()
    service.wait_ready()
    return service


async def _ask_often(port: int, times: int, statuses: Counter[int], prices: set[float]) -> None:
    """So many predictions on one connection; each asks for another price."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for number in range(times):
            row = HOME | {"surface_m2": 20 + number % 200}
            body = orjson.dumps({"instances": [row]})
            head = (
                "POST /predict/housing HTTP/1.1\r\nHost: localhost\r\n"
                f"Content-Type: {JSON}\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            writer.write(head.encode() + body)
            said = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = int(said.split("content-length: ")[1].split("\r\n")[0])
            answer = orjson.loads(await reader.readexactly(length))
            statuses[int(said.split(" ")[1])] += 1
            price = answer["predictions"][0]["price_eur"] if "predictions" in answer else 0.0
            prices.add(round(price - 3000 * row["surface_m2"], 1))
    finally:
        writer.close()
        await writer.wait_closed()


def load(service: LiveService, requests: int = REQUESTS) -> tuple[Counter[int], set[float]]:
    """The statuses of many requests at once, and what was left of each price but its surface."""
    statuses: Counter[int] = Counter()
    prices: set[float] = set()

    async def ask_all() -> None:
        share = requests // CONNECTIONS
        extra = requests - share * (CONNECTIONS - 1)
        await asyncio.gather(
            *(
                _ask_often(service.port, share if n else extra, statuses, prices)
                for n in range(CONNECTIONS)
            )
        )

    asyncio.run(asyncio.wait_for(ask_all(), 60))
    return statuses, prices


def answered(samples: Samples, code: str = "200") -> float:
    return value_of(samples, "vigie_http_requests_total", route=ROUTE, code=code)


def rows(samples: Samples) -> float:
    return value_of(samples, "vigie_predictions_total", model="housing")


def test_cold_start_and_clean_stop(make_service: MakeService) -> None:
    service = make_service()
    started = time.perf_counter()
    service.start()

    def is_right() -> bool:
        try:
            answer = service.predict("housing", HOME)
        except OSError:
            return False
        assert answer.json()["predictions"][0]["price_eur"] == PRICE
        return True

    wait_until(is_right)
    tell(f"cold start to the first right answer: {time.perf_counter() - started:.2f} s")
    family = [service.master, *service.master.children(recursive=True)]
    # the time of the processor: that of the clock is also that of who else is on the machine
    assert sum(sum(one.cpu_times()[:2]) for one in family) < 10
    service.wait_ready()
    assert service.predict("iris", FLOWER).json()["model"] == "iris"
    assert service.get("/").status == 200
    wait_until(lambda: value_of(service.samples(), "vigie_workers") == 2)
    began = time.perf_counter()
    assert service.stop() == 0
    tell(f"stop: {time.perf_counter() - began:.2f} s")
    wait_until(lambda: not service.orphans)
    assert "Traceback" not in service.log.read_text()


def test_ten_thousand_requests_are_all_counted(service: LiveService) -> None:
    began = time.perf_counter()
    statuses, prices = load(service)
    tell(f"{REQUESTS / (time.perf_counter() - began):.0f} requests/s with the client here")
    assert statuses == {200: REQUESTS}
    assert prices == {2500.0}
    text = {"Content-Type": "text/plain"}
    assert service.ask("POST", "/predict/housing", b"{", text).status == 415
    headers = {"Content-Type": JSON}
    assert service.ask("POST", "/predict/housing", b"{", headers).status == 400
    # each worker writes its own snapshot, once a second: all have to be there
    counts = {"200": REQUESTS, "400": 1, "415": 1}
    wait_until(lambda: {code: answered(service.samples(), code) for code in counts} == counts)
    samples = service.samples()
    assert rows(samples) == REQUESTS
    assert value_of(samples, "vigie_batch_rows_sum", model="housing") == REQUESTS
    assert value_of(samples, "vigie_http_requests_in_progress") == 0
    if sys.platform == "linux":
        check_workers(service)


def check_workers(service: LiveService) -> None:
    publisher = service.publisher
    assert publisher is not None
    workers = service.workers
    assert len(workers) == 2
    for worker in workers:
        maps = Path(f"/proc/{worker.pid}/maps").read_text()
        assert "onnxruntime" in maps
        for absent in ("tensorflow", "mlflow", "pandas", "h5py", "matplotlib", "scipy"):
            assert f"/{absent}" not in maps
    found = {
        "master": pss_mb([service.master]),
        "workers": pss_mb(workers),
        "publisher": pss_mb([publisher]),
    }
    total = sum(found.values())
    tell(f"PSS {total:.0f} MB: " + ", ".join(f"{k} {v:.0f}" for k, v in found.items()))
    assert total <= MOST_PSS_MB


def test_serving_imports_nothing_of_training(cache: ModelCache, tmp_path: Path) -> None:
    """Pure Python leaves no trace in /proc/<pid>/maps; here it does."""
    code = (
        "import sys\n"
        "import vigie.serving.http.worker\n"
        "from vigie.serving.worker_state import assemble\n"
        "from vigie.settings import load_settings\n"
        "worker_state = assemble(load_settings())\n"
        "worker_state.start()\n"
        "heavy = {'tensorflow', 'keras', 'mlflow', 'pandas', 'onnx', 'sklearn', 'matplotlib'}\n"
        "print(worker_state.manager.unready(), sorted(heavy & set(sys.modules)))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "VIGIE_CACHE": str(cache.folder), "VIGIE_STATE": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert said.stdout.strip() == "{} []", said.stderr


@pytest.mark.parametrize("moment", ["/onnxruntime", "/uvloop"])
@LINUX
def test_a_stop_while_the_models_load_is_at_once(make_service: MakeService, moment: str) -> None:
    service = make_service(VIGIE_GRACEFUL_TIMEOUT_SECONDS="600")
    service.start()

    def is_loading() -> bool:
        maps = [Path(f"/proc/{child.pid}/maps") for child in service.master.children()]
        return any(moment in path.read_text() for path in maps if path.exists())

    wait_until(is_loading)
    # well below the time for requests to end, as there is none
    assert service.stop() == 0


def test_a_killed_worker_costs_no_count(service: LiveService) -> None:
    for _ in range(40):
        assert service.predict("housing", HOME).status == 200
    wait_until(lambda: rows(service.samples()) == 40)
    victim = service.workers[0]
    victim.kill()
    seen = [40.0]

    def is_whole_again() -> bool:
        samples = service.samples()
        seen.append(rows(samples))
        return value_of(samples, "vigie_workers") == 2 and victim not in service.workers

    wait_until(lambda: victim not in service.workers)
    wait_until(is_whole_again)
    assert set(seen) == {40.0}
    service.wait_ready()
    for _ in range(20):
        assert service.predict("housing", HOME).status == 200
    wait_until(lambda: rows(service.samples()) == 60)


def test_a_killed_publisher_comes_back(service: LiveService) -> None:
    assert service.predict("housing", HOME).status == 200
    wait_until(lambda: rows(service.samples()) == 1)
    victim = service.publisher
    assert victim is not None
    victim.kill()
    wait_until(lambda: service.publisher not in (None, victim))
    assert service.predict("housing", HOME).status == 200
    wait_until(lambda: rows(service.samples()) == 2)
    assert len(service.workers) == 2
    assert service.stop() == 0
    wait_until(lambda: not service.orphans)


@LINUX
def test_nothing_outlives_a_killed_master(service: LiveService) -> None:
    family = service.master.children()
    service.master.kill()
    _, left = psutil.wait_procs(family, timeout=15)
    assert left == []


def test_a_stop_ends_what_it_began(make_service: MakeService) -> None:
    """A request whose body is under way when SIGTERM comes gets its answer."""
    service = make_service(VIGIE_WORKERS="1")
    service.start()
    service.wait_ready()
    body = orjson.dumps(HOME)
    head = head_of(
        "POST", "/predict/housing", f"Content-Type: {JSON}", f"Content-Length: {len(body)}",
        "Expect: 100-continue",
    )  # fmt: skip
    codes: list[int] = []
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as caller:
        caller.sendall(head)
        # that the worker has read the head
        assert caller.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        caller.sendall(body[:10])
        stopping = threading.Thread(target=lambda: codes.append(service.stop()))
        stopping.start()
        # that the signal has reached the worker
        wait_until(lambda: not service.is_ready)
        caller.sendall(body[10:])
        said = caller.recv(65536)
    stopping.join()
    assert said.startswith(b"HTTP/1.1 200 ")
    assert codes == [0]


@pytest.mark.parametrize("setting", ["VIGIE_PORT", "VIGIE_METRICS_PORT"])
def test_a_taken_port_is_one_clear_sentence(make_service: MakeService, setting: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        service = make_service(**{setting: str(port)})
        service.start()
        assert service.wait() == 1
    assert service.log.read_text() == (
        f"vigie: Port {port} is taken; set {setting} to a free one\n"
    )


def test_a_state_folder_that_cannot_be_is_one_clear_sentence(
    make_service: MakeService, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    service = make_service(VIGIE_STATE=str(tmp_path / "file" / "state"))
    service.start()
    assert service.wait() == 1
    said = service.log.read_text()
    assert said.startswith("vigie: VIGIE_STATE: the folder cannot be written (")
    assert said.count("\n") == 1


def test_a_new_champion_takes_over_without_a_failed_request(
    service: LiveService, cache: ModelCache
) -> None:
    stop = threading.Event()
    answers: list[tuple[int, str, float]] = []

    def ask() -> None:
        while not stop.is_set():
            answer = service.predict("housing", HOME)
            said = answer.json()
            answers.append((answer.status, said["version"], said["predictions"][0]["price_eur"]))

    callers = [threading.Thread(target=ask) for _ in range(4)]
    for caller in callers:
        caller.start()
    try:
        install(cache, "housing", "2", factor=2.0)
        wait_until(lambda: {one[1] for one in answers[-40:]} == {"2"} and len(answers) > 40)
    finally:
        stop.set()
        for caller in callers:
            caller.join()
    assert {one[0] for one in answers} == {200}
    doubled = PRICE + 3000 * 54
    assert {one[1:] for one in answers} == {("1", PRICE), ("2", doubled)}
    wait_until(lambda: rows(service.samples()) == len(answers))

    def versions() -> set[str]:
        info = (dict(labels) for name, labels in service.samples() if name == "vigie_model_info")
        return {labels["version"] for labels in info if labels["model"] == "housing"}

    # a worker that nobody asked of late may be the last to tell
    wait_until(lambda: versions() == {"2"})


def test_promotions_back_and_forth_fail_no_request(service: LiveService, cache: ModelCache) -> None:
    """The short form of the drill."""
    first = cache.pointer("housing")
    assert first is not None
    digests = [install(cache, "housing", "2", factor=2.0), first]
    stop = threading.Event()

    def swap() -> None:
        for number in range(6):
            cache.point("housing", digests[number % 2])
            stop.wait(1.1)

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        seen = ask_at(service.port, request_of("housing", HOME), 300, 6.6, 8)
    finally:
        stop.set()
        swapper.join()
    tell(f"6 promotions: {seen}")
    assert (seen.lost, set(seen.statuses), set(seen.versions)) == (0, {200}, {"1", "2"})


# --- the same through Flask

SAME: list[tuple[str, str, bytes]] = [
    ("POST", "/predict/housing", orjson.dumps(HOME)),
    ("POST", "/predict", orjson.dumps([HOME, HOME])),
    ("POST", "/predict/iris", orjson.dumps(FLOWER)),
    ("POST", "/predict/housing", b"{"),
    ("POST", "/predict/housing", orjson.dumps(HOME | {"rooms": "x"})),
    ("POST", "/predict/nothing", b"{}"),
    ("POST", "/predict/..%2fetc", b"{}"),
    ("GET", "/predict/housing", b""),
    ("GET", "/livez", b""),
    ("GET", "/readyz", b""),
    ("GET", "/health", b""),
    ("GET", "/openapi.json", b""),
    ("GET", "/docs", b""),
    ("GET", "/", b""),
    ("GET", "/models/iris", b""),
    ("GET", "/static/vigie.css", b""),
    ("GET", "/docs/errors/not-found", b""),
    ("GET", "/nothing", b""),
]
BY_SERVER = {"server-timing", "date", "server", "connection", "keep-alive"}
GTHREAD = ["-m", "gunicorn", "-k", "gthread", "--threads", "2", "--no-control-socket", "-b"]


def said_by(service: LiveService) -> list[tuple[int, dict[str, str], bytes]]:
    """What a service says to `SAME`, but for what differs by server and by time."""
    found = []
    for method, path, body in SAME:
        headers = {"X-Request-Id": "same", "Host": "vigie.example", "Content-Type": JSON}
        answer = service.ask(method, path, body, headers)
        kept = {k: v for k, v in answer.headers.items() if k not in BY_SERVER}
        found.append((answer.status, kept, answer.body))
    return found


def test_every_way_to_serve_says_the_same(service: LiveService, make_service: MakeService) -> None:
    flask = make_service(VIGIE_FAST_LANE="off")
    flask.start()
    threads = make_service()
    threads.start(*GTHREAD, f"127.0.0.1:{threads.port}", "vigie.serving:create_app()")
    wanted = said_by(service)
    for other in (flask, threads):
        other.wait_ready()
        for asked, one, same in zip(SAME, wanted, said_by(other), strict=True):
            assert same == one, asked
    metrics = threads.get("/metrics")
    assert metrics.status == 200
    assert b"vigie_predictions_total" in metrics.body
    assert [flask.stop(), threads.stop()] == [0, 0]
    wait_until(lambda: not flask.orphans + threads.orphans)


def test_the_master_survives_a_reload_signal(service: LiveService) -> None:
    before = {worker.pid for worker in service.workers}
    service.master.send_signal(signal.SIGHUP)
    wait_until(lambda: not before & {worker.pid for worker in service.workers})
    service.wait_ready()
    assert service.predict("housing", HOME).status == 200


def test_a_stop_leaves_nothing_behind(service: LiveService) -> None:
    assert service.predict("housing", HOME).status == 200
    assert service.get("/").status == 200
    assert service.stop() == 0
    assert service.orphans == []
    said = service.log.read_text()
    assert "SIGABRT" not in said
    assert "terminate called" not in said
    # both ports are free again at once
    service.start()
    service.wait_ready()
    assert service.stop() == 0
