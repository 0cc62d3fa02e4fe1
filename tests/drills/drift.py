"""Drift on real sales: what has moved is told, nothing else is, by everyone who tells it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from support.memory import tell
from support.promtool import RULES
from support.scraper import Scraper, needs_prometheus, scraper
from support.service import LiveService, MakeService
from support.trained import TrainedPackage, load_data, train_package
from support.waiting import wait_until
from vigie.cli.main import main
from vigie.models.model_input import Input
from vigie.registry.cache import ModelCache
from vigie.training.dataset import Dataset, is_held_out

MODEL = "king_county"
HELD_OUT_PERCENT, ROWS, ROWS_A_REQUEST = 31, 5000, 100
STABLE, SHIFTED = 0.1, 0.25
RECORDED = "model_version_feature:vigie_feature_psi:increase1h"
COUNTED = "model_version_feature_bin:vigie_feature_bin:increase1h"
PREDICTION = "(prediction)"
NOBODYS_POSTCODE = 99_999
STEADY_SECONDS = 45
"""`increase` counts a scrape more than it has seen: of a few seconds that would be too much."""

Row = dict[str, Any]
Values = Sequence[Any]


@dataclass(frozen=True)
class Case:
    """A change of the rows, and the one input that it moves."""

    name: str
    moved: str | None
    change: Callable[[list[Row], np.random.Generator], None]


def shift(name: str) -> Case:
    """All rows of a number shifted by one standard deviation."""

    def change(rows: list[Row], _: np.random.Generator) -> None:
        deviation = float(np.std([row[name] for row in rows]))
        for row in rows:
            row[name] += deviation

    return Case(f"{name} shifted by one standard deviation", name, change)


def drop(name: str) -> Case:
    """An optional input that nobody sends any more."""

    def change(rows: list[Row], _: np.random.Generator) -> None:
        for row in rows:
            row.pop(name, None)

    return Case(f"{name} dropped", name, change)


def new_choice(name: str, value: int, share: float) -> Case:
    """A share of the rows with a choice that training never saw."""

    def change(rows: list[Row], rng: np.random.Generator) -> None:
        for place in rng.permutation(len(rows))[: round(share * len(rows))]:
            rows[place][name] = value

    return Case(f"{share:.0%} of {name} new", name, change)


CASES = (
    Case("held-out rows as they are", None, lambda *_: None),
    shift("living_m2"),
    shift("latitude"),
    drop("bedrooms"),
    drop("view"),
    new_choice("zipcode", NOBODYS_POSTCODE, 0.2),
)


# --- the figures, from raw rows


def expected(package: TrainedPackage, rows: list[Row]) -> dict[str, float]:
    """The index of every input by name."""
    return {
        item.name: psi(item, values, [row.get(item.name) for row in rows])
        for item in package.plan.inputs
        for values in [package.training.columns[item.name]]
    }


def psi(item: Input, before: Values, now: Values) -> float:
    """The index of values against those of training."""
    if item.choices:
        known = sorted({str(value) for value in before if value is not None})
        counts = [choice_counts(known, values) for values in (before, now)]
    else:
        present = np.array([value for value in before if value is not None], float)
        edges = np.unique(np.quantile(present, np.linspace(0, 1, 11)))
        counts = [number_counts(edges, values) for values in (before, now)]
    q, p = ((each + 0.5) / (each.sum() + 0.5 * len(each)) for each in counts)
    return float(np.sum((p - q) * np.log(p / q)))


def choice_counts(known: Sequence[str], values: Values) -> np.ndarray:
    """How many values are each known choice, missing, below, above, something else."""
    found = Counter(None if value is None else str(value) for value in values)
    each = [found[choice] for choice in known]
    return np.array([*each, found[None], 0, 0, len(values) - sum(each) - found[None]])


def number_counts(edges: np.ndarray, values: Values) -> np.ndarray:
    """How many values lie between two edges each, are missing, below, above, something else."""
    present = np.array([value for value in values if value is not None], float)
    each, _ = np.histogram(present, edges)
    below, above = (present < edges[0]).sum(), (present > edges[-1]).sum()
    return np.array([*each, len(values) - len(present), below, above, 0])


# --- the figures, as they are told


def told(version: str, *options: str) -> dict[str, tuple[float, str]]:
    """The index and the verdict of each input in the table of `vigie drift`."""
    shown = CliRunner().invoke(main, ["drift", MODEL, *options])
    assert shown.exit_code == 0, shown.output
    cells = [[cell.strip() for cell in line.split("│")] for line in shown.output.splitlines()]
    return {
        cell[2]: (float(cell[4]), cell[5])
        for cell in cells
        if len(cell) == 7 and cell[1] == version
    }


def recorded(prometheus: Scraper, version: str) -> dict[str, float]:
    """The index of each input as Prometheus has recorded it."""
    found = prometheus.query(f'{RECORDED}{{version="{version}"}}')
    return {one["metric"]["feature"]: float(one["value"][1]) for one in found}


def wait_until_counted(prometheus: Scraper, version: str, rows: int) -> None:
    """Returns when Prometheus has recorded that so many rows, or more, came to a version."""
    series = f'{COUNTED}{{version="{version}",feature="zipcode"}}'
    wait_until(lambda: prometheus.value(f"sum({series})") >= rows, 60)


# --- a model, a service, a Prometheus


def parts(data: Dataset) -> tuple[Dataset, Dataset]:
    """Rows for training, and five thousand that it never sees."""
    held = np.array([is_held_out(row_id, HELD_OUT_PERCENT) for row_id in data.ids])
    return data.take(np.flatnonzero(~held)), data.take(np.flatnonzero(held)[:ROWS])


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> ModelCache:
    return ModelCache(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def package(cache: ModelCache) -> TrainedPackage:
    """King County, trained without the held-out rows; served as version 1."""
    data = load_data(MODEL)
    with cache.lock(MODEL) as incoming:
        made = train_package(MODEL, incoming / "package", parts(data))
        cache.install(MODEL, incoming / "package", made.digest, "1", "run")
        cache.point(MODEL, made.digest)
    assert len(made.held_out) == ROWS
    return made


def serve_as(service: LiveService, cache: ModelCache, digest: str, version: str) -> None:
    """Registers the package once more, under another version, and waits until it serves."""
    with cache.lock(MODEL):
        cache.record(MODEL, digest, version, "run")
        cache.point(MODEL, digest)

    def serves() -> bool:
        answers = [service.get(f"/v1/models/{MODEL}") for _ in range(12)]
        return {answer.json()["version"] for answer in answers} == {version}

    wait_until(serves, 60)


def send(service: LiveService, rows: list[Row]) -> None:
    """Has every row predicted."""
    for start in range(0, len(rows), ROWS_A_REQUEST):
        said = service.predict(MODEL, *rows[start : start + ROWS_A_REQUEST])
        assert said.status == 200, said.body


def fast_rules(folder: Path) -> Path:
    """The rules as they are committed, but recorded every second instead of every minute."""
    text = (RULES / "drift.yml").read_text(encoding="utf-8")
    assert text.count("interval: 1m") == 2
    path = folder / "drift.yml"
    path.write_text(text.replace("interval: 1m", "interval: 1s"), encoding="utf-8")
    return path


@needs_prometheus
def test_exactly_what_has_moved_is_told_by_all_alike(
    make_service: MakeService,
    cache: ModelCache,
    package: TrainedPackage,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    service = make_service(VIGIE_MODELS=MODEL)
    service.start()
    service.wait_ready()
    page = f"http://127.0.0.1:{service.metrics_port}/metrics"
    rules = [fast_rules(tmp_path)]
    with scraper(tmp_path / "prometheus", service.metrics_port, rules, "2s") as found:
        for number, case in enumerate(CASES, start=2):
            rows = package.held_out.rows()
            case.change(rows, np.random.default_rng(number))
            version = str(number)
            serve_as(service, cache, package.digest, version)
            # an increase needs to have been seen at 0
            wait_until_counted(found, version, 0)
            send(service, rows)
            wait_until_counted(found, version, ROWS)
            time.sleep(STEADY_SECONDS)
            check(
                case,
                expected(package, rows),
                recorded(found, version),
                told(version, "--metrics", page),
                told(version, "--prometheus", found.url),
            )


def check(
    case: Case,
    wanted: dict[str, float],
    rule: dict[str, float],
    *tables: dict[str, tuple[float, str]],
) -> None:
    """Everyone tells of every input the same, of exactly one that it has shifted."""
    most = max(wanted, key=lambda name: wanted[name])
    still = max(value for name, value in wanted.items() if name != case.moved)
    worst = max(abs(rule[name] - value) for name, value in wanted.items())
    tell(f"{case.name}: {most} {wanted[most]:.4f}, in Prometheus {rule[most]:.4f}, in the table "
         f"{tables[0][most][0]:.3f}; of the others at most {still:.4f}; prediction "
         f"{tables[0][PREDICTION][0]:.3f}; rules within {worst:.5f} of numpy")  # fmt: skip
    moved = {case.moved} - {None}
    assert {name for name, value in rule.items() if value > SHIFTED} == moved
    assert all(value < STABLE for name, value in rule.items() if name not in moved)
    # 1 %, or of what is next to nothing next to nothing
    assert rule == pytest.approx(wanted, rel=0.01, abs=0.0005)
    for table in tables:
        assert table.keys() == {*wanted, PREDICTION}
        verdicts = {name: verdict for name, (_, verdict) in table.items() if name != PREDICTION}
        assert {name for name, verdict in verdicts.items() if verdict == "shifted"} == moved
        for name, value in wanted.items():
            # the table has three decimals
            assert table[name][0] == pytest.approx(value, rel=0.01, abs=0.001), name
    if case.moved is None:
        assert all(value < STABLE for table in tables for value, _ in table.values())
