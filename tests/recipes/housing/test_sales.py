from __future__ import annotations

from pathlib import Path

import pytest
import requests

from vigie.errors import DataError
from vigie.recipes.catalogue import find_table
from vigie.settings import Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(data=tmp_path / "sales", housing_department="2A")


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise requests.ConnectionError

    monkeypatch.setattr(requests, "get", refuse)
    monkeypatch.setattr(requests.Session, "request", refuse)


@pytest.mark.usefixtures("no_network")
def test_without_a_network_the_market_is_generated_and_says_so(settings: Settings) -> None:
    said: list[str] = []
    recipe = find_table("housing")
    data = recipe.load((), settings, said.append)
    assert data.generated
    assert "GENERATED MARKET" in " ".join(said)
    assert isinstance(data.source, dict)
    assert "not real sales" in data.source["en"]
    assert len(data) > 2000
    assert sum(rule.dropped for rule in data.rules) > 100


@pytest.mark.usefixtures("no_network")
def test_department_and_folder_are_those_of_the_settings(settings: Settings) -> None:
    said: list[str] = []
    find_table("housing").load((), settings, said.append)
    assert said[0] == "Downloading the sales of department 2A …"
    assert settings.data.is_dir()


@pytest.mark.usefixtures("no_network")
def test_the_generated_market_is_the_same_every_time(settings: Settings) -> None:
    recipe = find_table("housing")
    first, second = (recipe.load((), settings, lambda _: None) for _ in range(2))
    assert first.sha256 == second.sha256
    assert first.rows() == second.rows()


def test_a_file_that_is_not_dvf_is_refused(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n")
    recipe = find_table("housing")
    with pytest.raises(DataError, match="geo-DVF"):
        recipe.load((path,), settings, lambda _: None)
