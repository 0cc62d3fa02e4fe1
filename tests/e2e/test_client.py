"""The client against a real service: killed workers, new versions, feedback, and its page."""

from __future__ import annotations

import contextlib
import io
import itertools
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
import psutil
import pytest

import vigie
from support.fake_mlflow import fake_mlflow
from support.packages import PRICE_PER_M2, install, patient_housing_graph
from support.registered import Registry
from support.service import LiveService, MakeService
from support.waiting import wait_until
from support.worker import HOME
from vigie.client import RefusedInput
from vigie.registry.cache import ModelCache

PAGE = Path(__file__).parents[2] / "docs" / "client.md"
CALLS, ROWS = 40, 500
FEWEST_KILLS, FEWEST_VERSIONS = 3, 3


class Unrest:
    """Kills a worker and brings a new version, again and again, while the block runs.

    Version `n` answers `n` times the price.
    """

    def __init__(self, service: LiveService, cache: ModelCache) -> None:
        self._service = service
        self._cache = cache
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.kills = 0

    def _run(self) -> None:
        for version in itertools.count(2):
            graph = patient_housing_graph(10, factor=version)
            install(self._cache, "housing", str(version), graph=graph)
            if self._stop.wait(0.3):
                return
            # one that has just been killed may be gone before it is looked at
            with contextlib.suppress(psutil.Error):
                workers = self._service.workers
                if len(workers) == 2:
                    workers[version % 2].kill()
                    self.kills += 1

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def test_every_row_is_answered_once_while_workers_die_and_versions_change(
    make_service: MakeService, cache: ModelCache
) -> None:
    install(cache, "housing", "1", graph=patient_housing_graph(10))
    service = make_service(VIGIE_MAX_ROWS="200", VIGIE_POLL_SECONDS="0.2")
    service.start()
    service.wait_ready()
    surfaces = np.linspace(12, 240, CALLS * ROWS)
    table = pd.DataFrame(HOME | {"surface_m2": surfaces})
    parts = [table.iloc[start : start + ROWS] for start in range(0, len(table), ROWS)]
    rounds: list[pd.DataFrame] = []
    with (
        vigie.Client(f"http://127.0.0.1:{service.port}") as client,
        Unrest(service, cache) as unrest,
        ThreadPoolExecutor(4) as callers,
    ):
        seen: set[str] = set()
        while not rounds or unrest.kills < FEWEST_KILLS or len(seen) < FEWEST_VERSIONS:
            asked = callers.map(lambda part: client.predict("housing", part), parts)
            rounds.append(pd.concat(list(asked)))
            seen |= set(rounds[-1]["version"])
    for answers in rounds:
        assert answers.index.equals(table.index)
        assert not answers.duplicated(["request_id", "row"]).any()
        factors = answers["version"].astype(float)
        expected = factors * PRICE_PER_M2 * surfaces + 1000 * HOME["rooms"]
        assert np.abs(answers["price_eur"] - expected).max() < 1000


def test_truths_find_their_answers(service: LiveService) -> None:
    client = vigie.Client(f"http://127.0.0.1:{service.port}")
    table = pd.DataFrame(HOME | {"surface_m2": [20.0, 30.0, 40.0, 50.0]}, index=list("abcd"))
    answers = client.predict("housing", table)
    known = answers.loc[["d", "b"]]
    assert client.feedback(known, known["price_eur"] * 1.1) == {"stored": 2, "duplicate": 0}
    again = client.feedback(answers, (answers["price_eur"] * 1.1).where(answers.index > "b"))
    assert again == {"stored": 1, "duplicate": 1}
    flowers = [dict.fromkeys(client.inputs("iris"), 1.5)]
    said = client.feedback(client.predict("iris", flowers), ["setosa"])
    assert said == {"stored": 1, "duplicate": 0}


def test_connections_are_kept(service: LiveService, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "urllib3")
    with vigie.Client(f"http://127.0.0.1:{service.port}") as client:
        for _ in range(5):
            client.predict("housing", [HOME])
        assert client.readiness() == "ready"
        assert {model["name"] for model in client.models()} == {"housing", "iris"}
    assert caplog.text.count("Starting new HTTP connection") == 1


def test_a_wrong_row_is_named_by_the_service(service: LiveService) -> None:
    client = vigie.Client(f"http://127.0.0.1:{service.port}")
    table = pd.DataFrame(HOME | {"rooms": [*[3] * 1200, 99], "id": [*[np.nan] * 1200, 7]})
    with pytest.raises(RefusedInput) as refused:
        client.predict("housing", table)
    assert [(one.row, one.field) for one in refused.value.fields] == [(1200, "id"), (1200, "rooms")]


@pytest.fixture
def mlflow_url(tmp_path: Path) -> Iterator[str]:
    """A registry that has version 3 of what the service serves."""
    with fake_mlflow() as mlflow:
        Registry(mlflow, tmp_path / "registered").housing("3")
        yield mlflow.url


def test_the_page_about_the_client_is_true(
    service: LiveService, mlflow_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIGIE_MLFLOW_URL", mlflow_url)
    page = PAGE.read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL))
    code = code.replace("http://127.0.0.1:5000", f"http://127.0.0.1:{service.port}")
    found: dict[str, object] = {}
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(code, PAGE.name, "exec"), found)
    assert printed.getvalue().splitlines() == re.findall(r"^    # (.*)", code, re.MULTILINE)
    prices, offline = found["prices"], found["offline"]
    assert isinstance(prices, pd.DataFrame)
    assert isinstance(offline, pd.DataFrame)
    same = ["price_eur", "warnings"]
    assert offline[same].equals(prices[same])
    assert set(prices) - set(offline) == {"request_id", "row"}
    (shown,) = re.findall(r">>> model\n(.*?)```", page, re.DOTALL)
    assert set(shown.splitlines()) - {"  …"} <= set(repr(found["model"]).splitlines())


def test_half_a_service_is_waited_for(make_service: MakeService) -> None:
    """Every worker gone for a moment, as in a restart."""
    service = make_service(VIGIE_WORKERS="1")
    service.start()
    service.wait_ready()
    client = vigie.Client(f"http://127.0.0.1:{service.port}")
    before = client.predict("housing", [HOME])[0]["price_eur"]
    # a process beside it has the socket for a moment
    wait_until(lambda: len(service.workers) == 1)
    (worker,) = service.workers
    worker.kill()
    wait_until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)
    assert client.predict("housing", [HOME])[0]["price_eur"] == before
