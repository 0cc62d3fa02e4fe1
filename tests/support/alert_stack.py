"""Prometheus and Alertmanager on loopback, sixty times as fast, and a webhook that hears them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests
import yaml

from support.ports import free_port
from support.promtool import ROOT, RULES, seconds
from support.scraper import is_ready
from vigie.monitoring.alerting import with_receivers
from vigie.settings import load_alert_settings

FASTER = 60
SCRAPED = ("vigie", "mlflow", "haproxy", "node", "probe")
PROMETHEUS = shutil.which("prometheus")
# Debian's name is the second
ALERTMANAGER = shutil.which("alertmanager") or shutil.which("prometheus-alertmanager")
STOP_SECONDS = 10


def installed() -> bool:
    """True where both servers are."""
    return bool(PROMETHEUS and ALERTMANAGER)


class Surroundings:
    """What the stack sees: the metrics of every job, by job, and the notifications it sent."""

    def __init__(self) -> None:
        self.metrics: dict[str, dict[str, float]] = {job: {} for job in SCRAPED}
        self.dead: set[str] = set()
        self.heard: list[tuple[str, str, list[str]]] = []
        self.watchdog = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        """Host and port of it all."""
        return f"127.0.0.1:{self._server.server_port}"

    def hear(self, path: str, body: dict[str, Any]) -> None:
        """Takes a notification: its state, its alert, the services it names."""
        if path == "/watchdog":
            self.watchdog += 1
            return
        services = sorted(alert["labels"]["service"] for alert in body["alerts"])
        self.heard.append((body["status"], body["groupLabels"]["alertname"], services))

    def close(self) -> None:
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()


def _handler(surroundings: Surroundings) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            job = self.path.strip("/")
            lines = [f"{name} {value!r}\n" for name, value in surroundings.metrics[job].items()]
            self.answer(503 if job in surroundings.dead else 200, "".join(lines).encode())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            surroundings.hear(self.path, json.loads(body))
            self.answer(200, b"")

        def answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


class Stack:
    """The two servers with the committed configuration, all its durations a sixtieth."""

    def __init__(self, folder: Path, around: Surroundings) -> None:
        self.port, alerts_port = free_port(), free_port()
        assert PROMETHEUS
        assert ALERTMANAGER
        self._logs = [(folder / f"{name}.log").open("wb") for name in ("first", "second")]
        prometheus = _prometheus(folder, around.address, self.port, alerts_port)
        alertmanager = _alertmanager(folder, around.address)
        commands = (
            [PROMETHEUS, f"--config.file={prometheus}", f"--storage.tsdb.path={folder / 'tsdb'}",
             f"--web.listen-address=127.0.0.1:{self.port}"],
            [ALERTMANAGER, f"--config.file={alertmanager}", "--cluster.listen-address=",
             f"--storage.path={folder / 'am'}", f"--web.listen-address=127.0.0.1:{alerts_port}"],
        )  # fmt: skip
        self._processes = [
            subprocess.Popen(command, stdout=log, stderr=log)
            for command, log in zip(commands, self._logs, strict=True)
        ]
        for port in (self.port, alerts_port):
            wait_until(lambda port=port: is_ready(f"http://127.0.0.1:{port}"), 120)
        # what fires before is told to nobody, and told again only a minute later
        wait_until(self._finds_alertmanager, 120)

    def _finds_alertmanager(self) -> bool:
        answer = requests.get(f"http://127.0.0.1:{self.port}/api/v1/alertmanagers", timeout=5)
        return bool(answer.json()["data"]["activeAlertmanagers"])

    def firing(self) -> set[str]:
        """The alerts that fire in Prometheus, told or not."""
        query = 'ALERTS{alertstate="firing"}'
        url = f"http://127.0.0.1:{self.port}/api/v1/query"
        found = requests.get(url, params={"query": query}, timeout=5).json()["data"]["result"]
        return {one["metric"]["alertname"] for one in found}

    def close(self) -> None:
        """Ends both."""
        for process in self._processes:
            process.terminate()
        for process, log in zip(self._processes, self._logs, strict=True):
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            log.close()


def wait_until(condition: Any, longest: float) -> float:
    """The seconds until a condition held; fails where that takes too long."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < longest, "it did not come about"
        time.sleep(0.1)
    return time.monotonic() - started


def _shorter(duration: str) -> str:
    return f"{max(seconds(duration) * 1000 // FASTER, 500)}ms"


def _prometheus(folder: Path, exporters: str, port: int, alerts_port: int) -> Path:
    rules = folder / "rules"
    rules.mkdir()
    for path in RULES.glob("*.yml"):
        text = path.read_text(encoding="utf-8")
        text = re.sub(r"\[(\d+\w)\]", lambda m: f"[{_shorter(m[1])}]", text)
        text = re.sub(
            r"\b(for|interval|keep_firing_for): (\d+\w)",
            lambda m: f"{m[1]}: {_shorter(m[2])}",
            text,
        )
        (rules / path.name).write_text(text, encoding="utf-8")
    own = {"prometheus": port, "alertmanager": alerts_port}
    config = yaml.safe_load((ROOT / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    config["global"] |= {"scrape_interval": "500ms", "scrape_timeout": "500ms"}
    config["global"]["evaluation_interval"] = "500ms"
    config["alerting"]["alertmanagers"][0]["static_configs"] = [
        {"targets": [f"127.0.0.1:{alerts_port}"]}
    ]
    config["scrape_configs"] = [
        {
            "job_name": job["job_name"],
            "metrics_path": "/metrics" if job["job_name"] in own else f"/{job['job_name']}",
            "static_configs": [
                {
                    "targets": [
                        f"127.0.0.1:{own[job['job_name']]}" if job["job_name"] in own else exporters
                    ]
                }
            ],
        }
        for job in config["scrape_configs"]
        if job["job_name"] in (*own, *SCRAPED)
    ]
    path = folder / "prometheus.yml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


def _alertmanager(folder: Path, webhook: str) -> Path:
    base = (ROOT / "alertmanager" / "alertmanager.yml").read_text(encoding="utf-8")
    base = re.sub(
        r"(group_wait|group_interval|repeat_interval): (\d+[sm])\b",
        lambda m: f"{m[1]}: {_shorter(m[2])}",
        base,
    )
    settings = load_alert_settings(
        alert_webhook_url_file=folder / "people", alert_watchdog_url_file=folder / "watchdog"
    )
    urls = {name: f"http://{webhook}/{name}" for name in ("people", "watchdog")}
    for name, url in urls.items():
        (folder / name).write_text(url, encoding="utf-8")
    _, text = with_receivers(base, settings)
    for name, url in urls.items():
        # servers before 0.26 take no file for a webhook
        text = text.replace(f'"url_file": "{folder / name}"', f'"url": "{url}"')
    path = folder / "alertmanager.yml"
    path.write_text(text, encoding="utf-8")
    return path
