"""Drift from requests to the table: a real service, and a real Prometheus where there is one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from support.packages import HOUSING_INPUTS, housing_document, install
from support.ports import free_port
from support.scraper import needs_prometheus, scraper
from support.service import LiveService, MakeService
from support.waiting import wait_until
from vigie.cli.main import main
from vigie.engines.predictor import open_predictor
from vigie.models.document import PackageDocument
from vigie.models.package import read_package
from vigie.models.profile import build_profile
from vigie.monitoring.drift import Drift, drifts_in_prometheus, drifts_of, psi
from vigie.monitoring.samples import scrape
from vigie.registry.cache import ModelCache

ROWS = 1000
ROWS_A_REQUEST = 100


def homes(seed: int, moved: bool = False) -> list[dict[str, Any]]:
    """Rows as in training, or with larger surfaces and a district that training never saw."""
    chance = np.random.default_rng(seed)
    surfaces = chance.uniform(60 if moved else 20, 200, ROWS).round(1).tolist()
    return [
        {
            "surface_m2": surface,
            "rooms": int(chance.integers(1, 9)),
            "property_type": str(chance.choice(["apartment", "house"])),
            "land_m2": None if chance.random() < 0.2 else float(chance.integers(10, 4000)),
            "district": 9 if moved and chance.random() < 0.3 else int(chance.integers(1, 4)),
        }
        for surface in surfaces
    ]


@pytest.fixture
def service(make_service: MakeService, cache: ModelCache) -> LiveService:
    """A service whose model has a profile."""
    document = PackageDocument.model_validate(housing_document())
    rows = homes(1)
    columns = {item["name"]: [row[item["name"]] for row in rows] for item in HOUSING_INPUTS}
    champion = cache.champion("housing")
    assert champion is not None
    predictor = open_predictor(read_package(champion.root, champion.digest))
    prices = predictor.predict(predictor.decoder.decode(rows).columns).outputs["price_eur"]
    install(cache, "housing", "2", profile=build_profile(document.inputs, columns, prices))
    service = make_service(VIGIE_MODELS="housing")
    service.start()
    service.wait_ready()
    return service


def send(service: LiveService, rows: list[dict[str, Any]]) -> None:
    for start in range(0, len(rows), ROWS_A_REQUEST):
        said = service.predict("housing", *rows[start : start + ROWS_A_REQUEST])
        assert said.status == 200


def drifts(service: LiveService) -> dict[str, Drift]:
    """What the service has counted, once all of it is out."""
    url = f"http://127.0.0.1:{service.metrics_port}/metrics"
    found: dict[str, Drift] = {}

    wait_until(service.samples)

    def counted() -> bool:
        found.update({one.feature: one for one in drifts_of(scrape(url))})
        return bool(found) and all(one.rows == ROWS for one in found.values())

    wait_until(counted)
    return found


def test_rows_as_in_training_have_not_moved(service: LiveService) -> None:
    send(service, homes(2))
    found = drifts(service)
    assert found.keys() == {item["name"] for item in HOUSING_INPUTS} | {"(prediction)"}
    assert {one.verdict for one in found.values()} == {"stable"}


def test_exactly_what_has_moved_is_told(service: LiveService, monkeypatch: Any) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    send(service, homes(3, moved=True))
    found = drifts(service)
    shifted = {name for name, one in found.items() if one.verdict == "shifted"}
    assert shifted == {"surface_m2", "district", "(prediction)"}
    url = f"http://127.0.0.1:{service.metrics_port}/metrics"
    said = CliRunner().invoke(main, ["drift", "housing", "--metrics", url])
    assert said.exit_code == 0, said.output
    assert f"{found['district'].psi:.3f}" in said.output
    assert said.output.count("shifted") == 3


def test_a_model_that_is_not_there_is_one_clear_sentence(service: LiveService) -> None:
    wait_until(service.samples)
    url = f"http://127.0.0.1:{service.metrics_port}/metrics"
    said = CliRunner().invoke(main, ["drift", "cars", "--metrics", url])
    assert said.exit_code == 1
    assert said.output.startswith("Error: nothing is counted for cars: ")
    away = f"http://127.0.0.1:{free_port()}"
    assert CliRunner().invoke(main, ["drift", "cars", "--prometheus", away]).exit_code == 1


@needs_prometheus
def test_prometheus_and_the_service_say_the_same(service: LiveService, tmp_path: Path) -> None:
    with scraper(tmp_path / "prometheus", service.metrics_port) as prometheus:
        # an increase needs to have been seen at 0
        wait_until(lambda: prometheus.query("vigie_predictions_total"))
        send(service, homes(3, moved=True))
        here = drifts(service)
        wait_until(lambda: prometheus.value("sum(vigie_predictions_total)") == ROWS)
        there = {one.feature: one for one in drifts_in_prometheus(prometheus.url, "5m")}
    assert there.keys() == here.keys()
    for name, one in here.items():
        assert there[name].psi == pytest.approx(one.psi, rel=0.03, abs=0.003), name
        assert there[name].verdict == one.verdict


def test_the_index_is_that_of_the_textbook() -> None:
    shares = np.array([0.25, 0.25, 0.25, 0.25])
    counts = np.array([400, 300, 200, 100])
    seen = np.array([400.5, 300.5, 200.5, 100.5]) / 1002
    assert psi(counts, shares) == pytest.approx(((seen - shares) * np.log(seen / shares)).sum())
    assert psi(np.array([500] * 4), shares) == pytest.approx(0)
