"""Measures the service on this machine: start, memory, and requests a second, side by side.

The fast lane, the Flask door and an ASGI application that does nothing are asked in turn, several
rounds of each in one run, so that whatever else the machine does hits all of them alike.
"""

from __future__ import annotations

import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import orjson
import psutil
import requests
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))

from conftest import LiveService
from trained import TrainedPackage, train_package
from vigie.registry.cache import ModelCache

ROUNDS = 3
SECONDS = 5
CONNECTIONS = (1, 16, 64)
STARTS = 5
MEMORY_REQUESTS = 10_000
NOTHING = """
import orjson

ANSWER = orjson.dumps({"model": "housing", "version": "1", "predictions": [{"price_eur": 1.0}]})
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(ANSWER))]

async def app(scope, receive, send):
    if scope["type"] == "http":
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await send({"type": "http.response.body", "body": ANSWER})
    else:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
"""


def main() -> None:
    """Prints three tables."""
    console = Console()
    if shutil.which("wrk") is None:
        sys.exit("make bench needs wrk (apt install wrk, brew install wrk)")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cache, package = _fill_cache(folder / "cache")
        row = package.held_out.rows()[0]
        script = _wrk_script(folder, orjson.dumps({"instances": [row]}))
        console.print(f"{platform.machine()}, {psutil.cpu_count()} cores, {time.strftime('%F')}")
        _measure_start(console, folder, cache, row)
        _measure_memory(console, folder, cache, row)
        _measure_rates(console, folder, cache, script)


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


def _wrk_script(folder: Path, body: bytes) -> Path:
    path = folder / "post.lua"
    path.write_text(
        f'wrk.method = "POST"\nwrk.body = [[{body.decode()}]]\n'
        'wrk.headers["Content-Type"] = "application/json"\n'
    )
    return path


def _service(folder: Path, cache: ModelCache, **environment: str) -> LiveService:
    return LiveService(Path(tempfile.mkdtemp(dir=folder)), cache.folder, **environment)


def _measure_start(
    console: Console, folder: Path, cache: ModelCache, row: dict[str, object]
) -> None:
    seconds = []
    for _ in range(STARTS):
        service = _service(folder, cache)
        started = time.perf_counter()
        service.start()
        url = f"http://127.0.0.1:{service.port}/predict/housing"
        while True:
            try:
                if requests.post(url, json={"instances": [row]}, timeout=5).ok:
                    break
            except requests.ConnectionError:
                time.sleep(0.005)
        seconds.append(time.perf_counter() - started)
        service.clean_up()
    console.print(
        f"process start to first prediction: median {statistics.median(seconds):.2f} s "
        f"(of {STARTS}, slowest {max(seconds):.2f} s)"
    )


def _measure_memory(
    console: Console, folder: Path, cache: ModelCache, row: dict[str, object]
) -> None:
    service = _service(folder, cache)
    service.start()
    service.wait_ready()
    with requests.Session() as session:
        url = f"http://127.0.0.1:{service.port}/predict/housing"
        for _ in range(MEMORY_REQUESTS):
            session.post(url, json={"instances": [row]}, timeout=5).raise_for_status()
    processes = [service.master, *service.master.children()]
    total = sum(process.memory_full_info().pss for process in processes) / 2**20
    console.print(
        f"proportional set size after {MEMORY_REQUESTS} requests: {total:.0f} MB "
        f"(master, 2 workers, publisher)"
    )
    service.clean_up()


def _measure_rates(console: Console, folder: Path, cache: ModelCache, script: Path) -> None:
    (folder / "nothing.py").write_text(NOTHING)
    servers = {
        "fast lane": _service(folder, cache),
        "Flask door": _service(folder, cache, VIGIE_FAST_LANE="off"),
        "ASGI doing nothing": _service(folder, cache),
    }
    rates: dict[tuple[str, int], list[float]] = {}
    for round_number in range(ROUNDS):
        order = list(servers.items())
        for name, service in order if round_number % 2 == 0 else reversed(order):
            _start(name, service, folder)
            for connections in CONNECTIONS:
                rate = _wrk(service.port, connections, script)
                rates.setdefault((name, connections), []).append(rate)
            service.clean_up()
    table = Table("requests/s", *(f"{c} connections" for c in CONNECTIONS), "of nothing, at 64")
    for name in servers:
        medians = [statistics.median(rates[name, c]) for c in CONNECTIONS]
        ratios = [
            one / other
            for one, other in zip(
                rates[name, CONNECTIONS[-1]],
                rates["ASGI doing nothing", CONNECTIONS[-1]],
                strict=True,
            )
        ]
        spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        table.add_row(name, *(f"{median:,.0f}" for median in medians), spread)
    console.print(table)


def _start(name: str, service: LiveService, folder: Path) -> None:
    if name != "ASGI doing nothing":
        service.start()
        service.wait_ready()
        return
    service.start(
        "-m", "gunicorn", "-k", "asgi", "-w", "2", "--no-control-socket",
        "--chdir", str(folder), "-b", f"127.0.0.1:{service.port}", "nothing:app",
    )  # fmt: skip
    while True:
        try:
            requests.get(f"http://127.0.0.1:{service.port}/", timeout=5)
        except requests.ConnectionError:
            time.sleep(0.05)
        else:
            return


def _wrk(port: int, connections: int, script: Path) -> float:
    done = subprocess.run(
        [
            "wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "-s", str(script),
            f"http://127.0.0.1:{port}/predict/housing",
        ],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    if "Non-2xx" in done.stdout:
        sys.exit(f"the service refused requests:\n{done.stdout}")
    found = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    assert found is not None
    return float(found.group(1))


if __name__ == "__main__":
    main()
