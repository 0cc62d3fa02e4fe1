"""Ten thousand predictions, six thousand truths, and a database that is away for a minute."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
import pytest
import requests
from click.testing import CliRunner
from sqlalchemy import create_engine, text

from support.constants import changed
from support.memory import tell
from support.packages import housing_document, install
from support.ports import free_port
from support.prediction_log import Postgres
from support.service import LiveService, MakeService, Samples, value_of
from support.waiting import wait_until
from support.worker import JSON
from vigie.cli.main import main
from vigie.registry.cache import ModelCache

PREDICTIONS, RATE, CALLERS = 10_000, 100.0, 4
DISTINCT, DUPLICATES, CONFLICTS, UNKNOWN = 5_200, 300, 250, 250
AWAY_FROM, AWAY_SECONDS = 30.0, 60.0
EARLIEST_SECONDS, LATEST_SECONDS = -2.0, 25.0
"""When the truth is told, after the prediction; before it where it is negative."""
MOST_AT_ONCE, LONGEST_ANSWER_SECONDS = 100, 60
WAIT_SECONDS, QUEUE_ROWS = 20, 1000
RELATIVE_WIDTH = 0.1
SEED = 60


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    with Postgres.of_its_own(free_port()) as server:
        yield server


@pytest.fixture
def service(make_service: MakeService, cache: ModelCache, postgres: Postgres) -> LiveService:
    """A service whose answers have an interval, with little patience for its database."""
    width = np.log1p(RELATIVE_WIDTH)
    interval = {"level": 0.9, "scale": "log", "sizes": [0.0], "widths": [float(width)]}
    install(cache, "housing", "2", document={**housing_document(), "interval": interval})
    made = make_service(
        VIGIE_MODELS="housing",
        VIGIE_DATABASE_URL=postgres.url,
        VIGIE_PREDICTION_LOG_ROWS_PER_SECOND="0",
        **changed(
            {
                "vigie.predictionlog.writer.WAIT_SECONDS": WAIT_SECONDS,
                "vigie.predictionlog.log.MOST_WAITING_ROWS": QUEUE_ROWS,
            }
        ),
    )
    made.start()
    made.wait_ready()
    return made


# --- predictions


@dataclass
class Answers:
    """What the callers got, by the id of their request."""

    prices: dict[str, float] = field(default_factory=dict)
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    not_logged: set[str] = field(default_factory=set)
    failed: list[str] = field(default_factory=list)


def home(number: int) -> dict[str, Any]:
    """A home whose price is a whole number: what is answered is what is logged."""
    return {
        "surface_m2": 20 + number % 300 / 2,
        "rooms": 1 + number % 7,
        "property_type": "house" if number % 3 else "apartment",
    }


def predict_all(service: LiveService, began: float) -> Answers:
    """Asks for every prediction when it is due."""
    answers = Answers()

    def ask(some: range) -> None:
        session = requests.Session()
        for number in some:
            time.sleep(max(began + number / RATE - time.monotonic(), 0))
            name = f"home-{number}"
            try:
                said = session.post(
                    f"http://127.0.0.1:{service.port}/predict/housing",
                    json={"instances": [home(number)]},
                    headers={"X-Request-Id": name},
                    timeout=10,
                )
                said.raise_for_status()
            except requests.RequestException:
                answers.failed.append(name)
                continue
            predicted = said.json()["predictions"][0]
            answers.prices[name] = predicted["price_eur"]
            answers.intervals[name] = tuple(predicted["interval"])
            if said.headers["X-Prediction-Logged"] == "false":
                answers.not_logged.add(name)

    with ThreadPoolExecutor(CALLERS) as pool:
        list(pool.map(ask, [range(start, PREDICTIONS, CALLERS) for start in range(CALLERS)]))
    return answers


# --- truths


@dataclass
class Told:
    """What became of the truths."""

    first: dict[str, float] = field(default_factory=dict)
    """The truth that stays, by the id of its request."""
    outcomes: Counter[str] = field(default_factory=Counter)
    away: int = 0
    """How often the database was away."""
    slowest: float = 0.0
    """The longest wait for an answer, seconds."""


def truths() -> list[tuple[float, str, float]]:
    """When, about what, and what: in the order of time, which is not that of the predictions."""
    rng = np.random.default_rng(SEED)

    def due(number: int) -> float:
        return number / RATE + float(rng.uniform(EARLIEST_SECONDS, LATEST_SECONDS))

    def actual(number: int) -> float:
        place = home(number)
        return float(place["surface_m2"] * 3000 * rng.lognormal(0, 0.1)) if number % 400 else 0.0

    chosen = rng.permutation(PREDICTIONS)[:DISTINCT].tolist()
    told = [(due(number), f"home-{number}", actual(number)) for number in chosen]
    again = [
        (due(number), name, value)
        for number, (_, name, value) in zip(chosen[:DUPLICATES], told[:DUPLICATES], strict=True)
    ]
    other = [(due(number), f"home-{number}", actual(number) + 1) for number in chosen[-CONFLICTS:]]
    nobody = [(due(at), f"nobody-{at}", 1.0) for at in rng.integers(PREDICTIONS, size=UNKNOWN)]
    return sorted([*told, *again, *other, *nobody])


def tell_all(service: LiveService, began: float) -> Told:
    """Tells every truth when it is due, and again later where the database was away."""
    told, waiting = Told(), truths()
    while waiting:
        now = time.monotonic() - began
        some = [truth for truth in waiting if truth[0] <= now][:MOST_AT_ONCE]
        if some:
            retry_after = tell_some(service, told, some)
            if retry_after is None:
                del waiting[: len(some)]
            else:
                time.sleep(retry_after)
        time.sleep(0.1)
    return told


def tell_some(
    service: LiveService, told: Told, some: list[tuple[float, str, float]]
) -> float | None:
    """Tells some truths; after how many seconds to try again where the database is away."""
    body = orjson.dumps([{"request_id": name, "actual": value} for _, name, value in some])
    url, asked = f"http://127.0.0.1:{service.port}/feedback", time.monotonic()
    said = requests.post(url, body, headers={"Content-Type": JSON}, timeout=LONGEST_ANSWER_SECONDS)
    told.slowest = max(told.slowest, time.monotonic() - asked)
    if said.status_code == 503:
        told.away += 1
        return float(said.headers["Retry-After"])
    expected: Counter[str] = Counter()
    for _, name, value in some:
        known = told.first.setdefault(name, value)
        expected["conflict" if known != value else "known"] += 1
    assert said.status_code == (409 if expected["conflict"] else 200), said.text
    if said.status_code == 200:
        assert sum(said.json().values()) == len(some)
    told.outcomes += expected
    return None


# --- the figures


def logged(postgres: Postgres) -> set[str]:
    """The ids that are in the log."""
    engine = create_engine(postgres.url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        found = {row[0] for row in connection.execute(text("select request_id from predictions"))}
    engine.dispose()
    return found


def offline(answers: Answers, told: Told, rows: set[str]) -> dict[str, np.ndarray]:
    """The errors of the rows that were logged and have a truth, by kind."""
    names = sorted(rows & told.first.keys())
    predicted = np.array([answers.prices[name] for name in names])
    actual = np.array([told.first[name] for name in names])
    low, high = np.array([answers.intervals[name] for name in names]).T
    return {
        "absolute": np.abs(actual - predicted),
        "squared": (actual - predicted) ** 2,
        "absolute_percentage": np.abs(1 - predicted[actual != 0] / actual[actual != 0]),
        "outside_interval": ((actual < low) | (actual > high)).astype(float),
    }


def outcomes_of(samples: Samples) -> dict[str, int]:
    """Rows for the log by what became of them."""
    return {
        outcome: int(value_of(samples, "vigie_prediction_log_rows_total", outcome=outcome))
        for outcome in ("written", "sampled_out", "dropped", "failed")
    }


def truths_of(samples: Samples, outcome: str) -> float:
    return value_of(samples, "vigie_feedback_total", outcome=outcome)


def ask_around_an_outage(service: LiveService, postgres: Postgres) -> tuple[Answers, Told]:
    """Everything is asked and told, the database away for a minute in between."""
    began = time.monotonic() + 1

    def interrupt() -> None:
        time.sleep(began + AWAY_FROM - time.monotonic())
        postgres.stop()
        time.sleep(AWAY_SECONDS)
        postgres.start()

    outage = threading.Thread(target=interrupt)
    outage.start()
    with ThreadPoolExecutor(2) as pool:
        asked = pool.submit(predict_all, service, began)
        said = pool.submit(tell_all, service, began)
        answers, told = asked.result(300), said.result(300)
    outage.join(60)
    return answers, told


def check_log(service: LiveService, rows: set[str], answers: Answers, told: Told) -> None:
    """No prediction failed, and every row is accounted for."""
    lost = outcomes_of(service.samples())
    tell(f"{len(answers.prices)} predictions, {len(answers.failed)} failed; log {lost}")
    assert (answers.failed, len(answers.prices)) == ([], PREDICTIONS)
    assert lost["written"] == len(rows)
    assert lost["dropped"] == len(answers.not_logged)
    assert min(lost["dropped"], lost["failed"], told.away) > 0


def check_truths(service: LiveService, told: Told, joined: int) -> Samples:
    """Every truth is accounted for; the samples when all of them are settled."""
    strangers, repeated = len(told.first) - joined, told.outcomes["known"] - len(told.first)
    tell(f"{told.outcomes.total()} truths about {len(told.first)} rows, "
         f"{told.outcomes['conflict']} conflicts, {told.away} times told to come again, "
         f"the slowest answer {told.slowest:.1f} s; {joined} joined")  # fmt: skip
    wait_until(lambda: truths_of(service.samples(), "joined") == joined, 30)
    wait_until(lambda: truths_of(service.samples(), "unknown") == strangers, 90)
    samples = service.samples()
    assert truths_of(samples, "stored") == len(told.first)
    assert truths_of(samples, "conflict") == told.outcomes["conflict"]
    assert truths_of(samples, "duplicate") == repeated
    assert min(repeated, told.outcomes["conflict"]) > CONFLICTS / 2
    return samples


def test_figures_survive_a_database_that_goes_away(
    service: LiveService, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_until(service.samples)
    answers, told = ask_around_an_outage(service, postgres)
    wait_until(lambda: sum(outcomes_of(service.samples()).values()) == PREDICTIONS, 60)
    rows = logged(postgres)
    check_log(service, rows, answers, told)
    errors = offline(answers, told, rows)
    joined = len(errors["absolute"])
    samples = check_truths(service, told, joined)
    monkeypatch.setenv("VIGIE_DATABASE_URL", postgres.url)
    shown = CliRunner().invoke(main, ["log", "quality", "housing", "--json"])
    assert shown.exit_code == 0, shown.output
    (figures,) = orjson.loads(shown.output)
    wanted = {kind: float(each.mean()) for kind, each in errors.items()}
    tell(f"mean absolute error {figures['absolute']!r}, offline {wanted['absolute']!r}; "
         f"mean squared error {figures['squared']!r}, offline {wanted['squared']!r}")  # fmt: skip
    assert (figures["logged"], figures["truths"]) == (len(rows), joined)
    assert figures["rmse"] == pytest.approx(np.sqrt(wanted["squared"]), rel=1e-9)
    assert value_of(samples, "vigie_feedback_joined_total", version="2") == joined
    for kind, each in errors.items():
        assert figures[kind] == pytest.approx(wanted[kind], rel=1e-9), kind
        for name, whole in (("sum", each.sum()), ("count", len(each))):
            counted = value_of(samples, f"vigie_feedback_error_{name}", version="2", kind=kind)
            assert counted == pytest.approx(whole, rel=1e-6), kind
    assert value_of(samples, "vigie_prediction_log_queue_rows") == 0
    assert "Traceback" not in service.log.read_text()
