"""A Prometheus of a test's own, which looks at one service every second or so."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import requests

from support.ports import free_port
from support.waiting import wait_until

PROGRAM = shutil.which("prometheus")
STOP_SECONDS = 20

needs_prometheus = pytest.mark.skipif(PROGRAM is None, reason="prometheus is not installed")


@contextlib.contextmanager
def scraper(
    folder: Path, metrics_port: int, rules: Sequence[Path] = (), every: str = "1s"
) -> Iterator[Scraper]:
    """A Prometheus that lives as long as the block, with these files of rules.

    A scrape that takes longer than the time until the next one is lost.
    """
    assert PROGRAM is not None
    folder.mkdir()
    settings = folder / "prometheus.yml"
    settings.write_text(
        f"global: {{scrape_interval: {every}, evaluation_interval: 1s}}\n"
        f"rule_files: {[str(path) for path in rules]}\n"
        "scrape_configs: [{job_name: vigie, static_configs: "
        f"[{{targets: ['127.0.0.1:{metrics_port}']}}]}}]\n"
    )
    made = Scraper(f"127.0.0.1:{free_port()}")
    with running(
        folder, "prometheus", PROGRAM, f"--config.file={settings}",
        f"--storage.tsdb.path={folder / 'tsdb'}", f"--web.listen-address={made.address}",
    ):  # fmt: skip
        wait_until(lambda: is_ready(made.url), 120)
        yield made


@contextlib.contextmanager
def running(folder: Path, name: str, *command: str) -> Iterator[None]:
    """A server while it is needed; its lines go to a file of the folder."""
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def is_ready(url: str) -> bool:
    """True where a Prometheus or an Alertmanager says that it is ready."""
    try:
        return requests.get(f"{url}/-/ready", timeout=2).ok
    except requests.RequestException:
        return False


class Scraper:
    """Where it is, and what it knows."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.url = f"http://{address}"

    def query(self, expression: str) -> list[dict[str, Any]]:
        """What an expression gives now: series with their `metric` and `value` or `values`."""
        url = f"{self.url}/api/v1/query"
        said = requests.get(url, params={"query": expression}, timeout=10)
        said.raise_for_status()
        found: list[dict[str, Any]] = said.json()["data"]["result"]
        return found

    def value(self, expression: str) -> float:
        """The one value of an expression; NaN where it gives none."""
        found = self.query(expression)
        return float(found[0]["value"][1]) if found else float("nan")

    def raw(self, selector: str, window: str) -> list[list[float]]:
        """The values of each series as they were scraped, the oldest first."""
        found = self.query(f"{selector}[{window}]")
        return [[float(value) for _, value in series["values"]] for series in found]
