"""How good the logged predictions were: per version and in slices."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from support.packages import install
from support.prediction_log import Desk, truth
from support.worker import FLOWER, HOME
from vigie.cli.main import main
from vigie.errors import NotFound
from vigie.predictionlog.quality import quality_of
from vigie.registry.cache import ModelCache


def test_quality_has_slices_and_a_table(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    homes = [HOME | {"rooms": rooms, "surface_m2": 20 + at} for at, rooms in enumerate([2, 3] * 30)]
    prices = [row["price_eur"] for row in desk.predict("many", *homes)]
    flowers = desk.predict("flowers", FLOWER, FLOWER, model="iris")
    desk.write()
    desk.tell(
        *(truth("many", price + (10 if at % 2 else 1), at) for at, price in enumerate(prices))
    )
    other = next(name for name in flowers[0]["scores"] if name != flowers[0]["label"])
    desk.tell(truth("flowers", flowers[0]["label"]), truth("flowers", other, 1))
    desk.join()
    whole, *parts = quality_of(desk.database, "housing", by=("rooms", "surface_m2"))
    assert whole.coverage == 1
    assert {p.part: round(p.mean("absolute") or 0, 6) for p in parts[:2]} == {
        "rooms = 2": 1.0, "rooms = 3": 10.0,
    }  # fmt: skip
    assert [part.joined for part in parts[2:]] == [15, 15, 15, 15]
    assert quality_of(desk.database, "iris")[0].mean("wrong") == 0.5
    with pytest.raises(NotFound, match="colour"):
        quality_of(desk.database, "housing", by=("colour",))
    with pytest.raises(NotFound):
        quality_of(desk.database, "boats")
    monkeypatch.setenv("VIGIE_STATE", str(desk.worker_state.settings.state))
    monkeypatch.setenv("COLUMNS", "200")
    shown = CliRunner().invoke(main, ["log", "quality", "iris"])
    assert shown.exit_code == 0
    assert "50.0%" in shown.output
    said = json.loads(CliRunner().invoke(main, ["log", "quality", "iris", "--json"]).output)
    assert (said[0]["wrong"], said[0]["truths"]) == (0.5, 2)


def test_a_replaced_version_can_still_be_judged(desk: Desk, cache: ModelCache) -> None:
    desk.predict("before")
    install(cache, "housing", "2", factor=2.0)
    desk.worker_state.manager.refresh()
    desk.predict("after")
    desk.write()
    desk.tell(truth("before", 1), truth("after", 1))
    desk.join()
    assert [found.version for found in quality_of(desk.database, "housing")] == ["1", "2"]
    assert desk.count("joined", version="1") == desk.count("joined", version="2") == 1
