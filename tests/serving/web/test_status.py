"""The status page: what it shows of the whole service, and that nothing missing breaks it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from jinja2 import StrictUndefined

from support.packages import HOUSING_INPUTS, housing_document, install
from support.service import LiveService, MakeService, value_of
from support.waiting import wait_until
from support.worker import FLOWER, HOME, filled_cache, loaded, settings_for
from vigie.models.document import PackageDocument
from vigie.models.package import Package
from vigie.models.profile import Profile, build_profile
from vigie.models.reference_rows import Golden
from vigie.monitoring.history import History, Span
from vigie.monitoring.http_metrics import LATENCY_SECONDS
from vigie.monitoring.samples import Samples
from vigie.monitoring.snapshots import snapshot_path, write_snapshot
from vigie.registry.cache import CHALLENGER, ModelCache, Refusal, RegistryState
from vigie.serving.app import create_app
from vigie.serving.auth.apikeys import add_key
from vigie.serving.routing import TEMPLATES
from vigie.serving.web.language import languages
from vigie.serving.web.status_models import lacks_of
from vigie.serving.web.status_traffic import HEIGHT, WIDTH, traffic_of
from vigie.serving.worker_state import WorkerState, history_file, snapshot_folder

ROUTE = "/predict/<model>"
EN, FR = languages()["en"], languages()["fr"]
METRICS = {"mae": 10000.0, "rmse": 15000.0, "interval_coverage": 0.9}


def homes(number: int, district: int = 2) -> list[dict[str, Any]]:
    chance = np.random.default_rng(number)
    return [
        {
            "surface_m2": float(chance.uniform(20, 200)),
            "rooms": int(chance.integers(1, 9)),
            "property_type": str(chance.choice(["apartment", "house"])),
            "land_m2": float(chance.integers(10, 4000)),
            "district": district if row % 2 else int(chance.integers(1, 4)),
        }
        for row in range(number)
    ]


def profile_of(rows: Sequence[dict[str, Any]]) -> Profile:
    """A profile by these rows, with the prices that the model answers."""
    document = PackageDocument.model_validate(housing_document())
    columns = {item["name"]: [row[item["name"]] for row in rows] for item in HOUSING_INPUTS}
    prices = np.array(
        [
            3000 * row["surface_m2"]
            + 1000 * row["rooms"]
            + 20000 * (row["property_type"] == "house")
            + 500 * row["district"]
            + 7 * row["land_m2"]
            for row in rows
        ]
    )
    return build_profile(document.inputs, columns, prices)


class Board:
    """A service of two workers, of which one answers the page; both have written snapshots."""

    def __init__(self, folder: Path, **overrides: object) -> None:
        self.cache = filled_cache(folder / "cache")
        document = {**housing_document(), "metrics": METRICS}
        install(self.cache, "housing", "3", document=document, profile=profile_of(homes(900)))
        settings = settings_for(self.cache, folder / "state", **overrides)
        snapshot_folder(settings).mkdir(parents=True)
        self.workers: list[WorkerState] = [loaded(settings), loaded(settings)]
        self.history = History(history_file(settings), TEMPLATES)
        self._files = [snapshot_path(snapshot_folder(settings)) for _ in self.workers]
        self._now = time.time()
        app = create_app(worker_state=self.workers[0])
        app.jinja_env.undefined = StrictUndefined
        self.client: FlaskClient = app.test_client()
        self.client.environ_base["HTTP_ACCEPT"] = "text/html"

    def answer(self, worker: int, rows: Sequence[dict[str, Any]], model: str = "housing") -> None:
        app = create_app(worker_state=self.workers[worker])
        said = app.test_client().post(f"/predict/{model}", json={"instances": list(rows)})
        assert said.status_code == 200

    def ask(self, worker: int, number: int, status: int = 200, seconds: float = 0.003) -> None:
        for _ in range(number):
            self.workers[worker].metrics.http.count_request("POST", ROUTE, status, seconds)

    def publish(self, ago: float = 0.0) -> None:
        """What the workers and the publisher do every few seconds."""
        for path, worker in zip(self._files, self.workers, strict=True):
            worker.metrics.workers.set(1)
            write_snapshot(path, worker.metrics.registry)
        # by one clock reading: what a busy machine takes in between is no time of the history's
        self.history.add(Samples(self.workers[0].families()), self._now - ago)

    def page(self, language: str = "en", **headers: str) -> str:
        said = self.client.get(f"/status?lang={language}", headers=headers)
        assert said.status_code == 200, said.text
        return said.text

    def words(self, language: str = "en") -> str:
        return words_of(self.page(language))


def words_of(page: str) -> str:
    """The visible text, white space folded to single plain spaces."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)))


def fact(page: str, name: str) -> str:
    """The text of a term."""
    found = re.search(rf"<dt>{re.escape(name)}</dt><dd[^>]*>(.*?)</dd>", unescape(page))
    assert found is not None, name
    return re.sub(r"\s+", " ", found.group(1))


MakeBoard = Callable[..., Board]


@pytest.fixture
def make(tmp_path: Path) -> MakeBoard:
    return lambda **overrides: Board(tmp_path, **overrides)


@pytest.fixture
def board(make: MakeBoard) -> Board:
    return make()


# --- the whole service


def test_the_figures_are_those_of_all_workers(board: Board) -> None:
    board.publish(ago=20)
    board.ask(0, 30)
    board.ask(1, 60)
    board.ask(1, 6, 422)
    board.ask(1, 4, 503, seconds=2.0)
    board.publish(ago=10)
    page = board.page()
    assert fact(page, "Requests a second") == "10"
    assert fact(page, "Failed (5xx)") == "4.0%"
    assert fact(page, "Refused (4xx)") == "6.0%"
    assert fact(page, "Half within (p50)") == "3.8 ms"
    assert fact(page, "99% within (p99)") == "2.12 s"
    assert fact(page, "Workers") == "2"
    assert page.count('<svg class="spark"') == 2
    assert "4.0% of the predictions asked for in 5 minutes failed." in words_of(page)


def test_a_quiet_service_says_so(board: Board) -> None:
    for ago in (20, 10):
        board.publish(ago)
    page = board.page()
    assert fact(page, "Requests a second") == "0"
    assert fact(page, "95% within (p95)") == EN.nothing
    assert fact(page, "Failed (5xx)") == EN.nothing
    assert "No prediction was asked for in this time." in words_of(page)
    assert '<svg class="spark"' not in page
    assert "Nothing needs a look" in page


def test_without_history_the_page_says_that_there_is_none_yet(board: Board) -> None:
    text = board.words()
    assert "There is no history yet" in text
    assert "Requests a second" not in text
    history_file(board.workers[0].settings).write_text("{half")
    assert "There is no history yet" in board.words()


def test_without_snapshots_it_shows_its_own_worker(shared_worker_state: WorkerState) -> None:
    text = words_of(create_app(worker_state=shared_worker_state).test_client().get("/status").text)
    assert "Home price" in text
    assert "Iris species" in text
    assert "There is no history yet" in text


def test_rows_are_counted_over_all_workers(board: Board) -> None:
    board.answer(0, homes(5))
    board.answer(1, homes(7))
    board.publish()
    assert fact(board.page(), "Rows answered") == "12"


# --- models


def test_a_model_shows_its_version_engine_and_age(board: Board) -> None:
    board.publish(ago=7300)
    page = board.page()
    assert fact(page, "Serving version") == "3"
    assert fact(page, "Engine") == "onnx"
    assert fact(page, "In service for") == "2 h"


def test_the_versions_that_served_are_listed_newest_first(board: Board) -> None:
    board.publish(ago=60)
    install(board.cache, "housing", "4", 1.1)
    board.workers[0].manager.refresh()
    board.publish(ago=40)
    assert fact(board.page(), "Serving version") == "3, 4"
    assert "after 3" not in board.words()
    board.workers[1].manager.refresh()
    board.publish(ago=20)
    page = board.page()
    assert fact(page, "Serving version") == "4"
    assert re.search(r"Version 4, after 3 .* UTC Version 3 ", words_of(page))


def test_a_refused_candidate_is_shown_with_its_reason(board: Board) -> None:
    board.cache.refuse("iris", Refusal("2", "0" * 64, "golden rows: <row> 1 differs"))
    board.cache.refuse("housing", Refusal("9", "0" * 64, "it is too slow"), CHALLENGER)
    text = board.words()
    assert "Have a look" in text
    assert "Iris species: Version 2 was refused" in text
    assert "golden rows: <row> 1 differs" in text
    assert "Challenger 9 was refused" in text
    assert "<row>" not in board.page()


def test_an_import_that_goes_on_is_told_and_needs_no_look(board: Board) -> None:
    told = "version 2 was logged without Vigie; its package is being made"
    board.cache.refuse("iris", Refusal("2", "", told, pending=True))
    board.cache.refuse("housing", Refusal("9", "", told, pending=True), CHALLENGER)
    text = board.words()
    assert f"Version 2 is imported {told}" in text
    assert "Challenger 9 is imported" in text
    assert "Iris species: Version 2" not in text
    assert "La version 2 est en cours d'importation" in board.words("fr")


def test_what_an_imported_package_lacks_is_named_with_the_call_that_brings_it(
    board: Board,
) -> None:
    document = housing_document()
    document |= {
        "interval": None, "metrics": {},
        "provenance": {"source": "elsewhere", "imported": True, "made_up_rows": True},
    }  # fmt: skip
    install(board.cache, "housing", "6", document=document)
    for worker in board.workers:
        worker.manager.refresh()
    assert (
        "It lacks a profile, so drift, figures on data kept aside, an interval, rows of example "
        'that are not made up. vigie.log_model(model, name="housing", inputs=X, targets=y) '
        "brings all of it."
    ) in board.words()
    assert "Il lui manque : un profil, donc l'écart" in board.words("fr")


@pytest.mark.parametrize(
    ("shape", "photos"),
    [([32, 48, 3], True), ([3, 32, 48], True), ([32, 48, 1], False), ([10, 4, 3], False)],
)
def test_photos_that_are_taken_as_numbers_are_told_with_the_call(
    tmp_path: Path, shape: list[int], photos: bool
) -> None:
    item = {
        "name": "x", "label": "x", "dtype": "float32", "tensor": "float32", "shape": shape,
        "example": None,
    }  # fmt: skip
    document = PackageDocument.model_validate(
        housing_document()
        | {"inputs": [item], "provenance": {"source": "elsewhere", "imported": True}}
    )
    golden = Golden(rows=({},), outputs={"price_eur": (1.0,)})
    told = lacks_of(Package(tmp_path, "", document, golden, None), EN)
    assert ("`vigie import models:/housing@champion --name housing --scaling …`" in told) == photos
    assert ("names of columns" in told) == (not photos)


def test_a_challenger_is_shown(make: MakeBoard) -> None:
    board = make(challenger_share=1.0)
    champion = board.cache.champion("housing")
    assert champion is not None
    install(board.cache, "housing", "5", 1.2)
    challenger = board.cache.champion("housing")
    assert challenger is not None
    board.cache.point("housing", challenger.digest, CHALLENGER)
    board.cache.point("housing", champion.digest)
    for worker in board.workers:
        worker.manager.refresh()
    board.publish()
    page = board.page()
    assert fact(page, "Serving version") == "3"
    assert fact(page, "Challenger") == "5"


def test_a_model_that_does_not_serve_says_why(tmp_path: Path) -> None:
    settings = settings_for(filled_cache(tmp_path / "cache"), tmp_path / "s", models=("cars",))
    text = words_of(create_app(worker_state=loaded(settings)).test_client().get("/status").text)
    assert "cars is not served." in text
    assert "not served no verified version in the cache yet" in text
    empty = settings_for(ModelCache(tmp_path / "none"), tmp_path / "s", models=("*",))
    said = create_app(worker_state=loaded(empty)).test_client().get("/status")
    assert said.status_code == 200
    assert "No model is ready yet" in said.text


# --- drift


def bars(page: str) -> dict[str, tuple[str, str, float]]:
    """Label: index, verdict, width of the bar."""
    rows = re.findall(
        r'<tr>\n<th scope="row">(.*?)</th>\n<td class="track">(.*?)</tr>', page, re.DOTALL
    )
    found = {}
    for label, row in rows:
        width = re.search(r'class="bar \w+" y="3" width="([\d.]+)%"', row)
        cells = re.findall(r"<td[^>]*>(.*?)</td>", row)
        found[unescape(label)] = (*cells, float(width[1]) if width else 0.0)
    return found


def test_drift_is_that_of_all_workers(board: Board) -> None:
    for worker in range(2):
        board.answer(worker, homes(400, district=9))
    board.publish()
    page = board.page()
    found = bars(page)
    assert next(iter(found)) == "Prediction"
    psi, verdict, width = found["District"]
    assert verdict == "shifted"
    assert float(psi) > 0.25
    assert width == 100
    assert found["Rooms"][1] == "stable"
    assert found["Rooms"][2] == pytest.approx(200 * float(found["Rooms"][0]), abs=1.1)
    assert "Home price: far from the training data: District." in words_of(page)
    assert page.count('class="limit" x1="20.0%"') == page.count('class="limit" x1="50.0%"') == 6


def test_with_few_rows_no_verdict_is_given(board: Board) -> None:
    board.answer(0, homes(200, district=9))
    board.answer(1, homes(299, district=9))
    board.publish()
    found = bars(board.page())
    assert set(found.values()) == {(EN.nothing, "too few rows (499 of 500)", 0.0)}
    board.answer(1, homes(1))
    board.publish()
    assert bars(board.page())["District"][1] == "shifted"


def test_a_model_without_a_profile_has_no_bars(board: Board) -> None:
    board.answer(0, [FLOWER], "iris")
    board.publish()
    page = board.page()
    iris = page[page.index('id="model-iris"') :]
    assert "Nothing is counted: the package has no profile" in words_of(iris)
    assert 'class="drift"' not in iris


# --- truths


def tell(board: Board, worker: int, number: int, error: float) -> None:
    feedback = board.workers[worker].metrics.feedback
    errors = {"absolute": error, "squared": error**2, "outside_interval": 1.0}
    for _ in range(number):
        feedback.count_joined("housing", "3", 60, errors)


def test_live_errors_stand_beside_those_of_training(board: Board) -> None:
    tell(board, 0, 60, 12000)
    tell(board, 1, 60, 24000)
    board.publish()
    page = board.page()
    text = words_of(page)
    assert "Mean absolute error €18,000 €10,000" in text
    assert "Root mean squared error €18,974 €15,000" in text
    assert "Outside the interval 100.0% 10.0%" in text
    assert "120 truths." in text
    assert "Home price: the live error is 1.8 times that of training." in text


def test_few_truths_are_shown_but_not_judged(board: Board) -> None:
    tell(board, 1, 99, 24000)
    board.publish()
    text = board.words()
    assert "99 truths: too few to judge by (100 needed)." in text
    assert "Mean absolute error €24,000 €10,000" in text
    assert "Nothing needs a look" in text


def test_an_error_as_in_training_needs_no_look(board: Board) -> None:
    tell(board, 1, 200, 14000)
    board.publish()
    assert "Nothing needs a look" in board.words()


def test_without_truths_it_says_where_they_go(board: Board) -> None:
    assert "No truth is known yet; callers send them to POST /feedback" in board.words()


# --- the prediction log


def test_the_prediction_log_is_added_up(board: Board) -> None:
    for worker in board.workers:
        log = worker.metrics.prediction_log
        log.rows.labels("written").inc(1000)
        log.rows.labels("dropped").inc(2)
        log.last_success.set(time.time() - 5)
    board.publish()
    page = board.page()
    assert fact(page, "Rows written") == "2,000"
    assert fact(page, "Dropped, queue full") == "4"
    assert re.fullmatch(r"\d s ago", fact(page, "Last written"))
    assert "Nothing needs a look" in page


def test_a_log_that_is_not_written_needs_a_look(board: Board) -> None:
    board.workers[1].metrics.prediction_log.queue.set(17)
    board.workers[0].metrics.prediction_log.last_success.set(time.time() - 300)
    board.publish()
    text = board.words()
    assert "The prediction log is not written." in text
    assert "Not written: 17 rows wait." in text


def test_the_first_rows_may_wait_a_moment(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    board.workers[1].metrics.prediction_log.queue.set(17)
    board.publish()
    started = Samples(board.workers[0].families()).total("process_start_time_seconds")
    monkeypatch.setattr(time, "time", lambda: started + 59)
    text = board.words()
    assert "Nothing was written yet." in text
    assert "Nothing needs a look" in text
    monkeypatch.setattr(time, "time", lambda: started + 61)
    assert "Not written: 17 rows wait." in board.words()


def test_a_log_that_is_off_says_so(make: MakeBoard) -> None:
    board = make(prediction_log="off")
    board.publish()
    text = board.words()
    assert "Off: VIGIE_PREDICTION_LOG" in text
    assert "Rows written" not in text
    assert "Nothing needs a look" in text


def test_a_registry_that_has_been_away_needs_a_look(board: Board) -> None:
    assert fact(board.page(), "Registry last answered") == "never"
    board.cache.note_registry(RegistryState(time.time() - 1800))
    page = board.page()
    assert fact(page, "Registry last answered") == "30 min ago"
    assert "The registry has not answered for 30 min." in words_of(page)


# --- the page


def test_it_speaks_french(board: Board) -> None:
    board.answer(0, homes(600, district=9))
    board.publish(ago=20)
    board.ask(0, 5)
    board.publish(ago=10)
    page = board.page("fr")
    assert '<html lang="fr">' in page
    assert fact(page, "Requêtes par seconde") == "0,5"
    assert fact(page, "95 % en (p95)") == "4,88 ms"
    assert bars(page)["Quartier"][1] == "dérive"
    assert "Prix d'un logement : loin des données d'entraînement : Quartier." in words_of(page)


def test_it_refreshes_itself_until_it_is_paused(board: Board) -> None:
    assert '<meta http-equiv="refresh" content="10">' in board.page()
    paused = board.client.get("/status?lang=en&paused=").text
    assert "http-equiv" not in paused
    assert 'href="/status?lang=en">Resume' in paused


def test_it_keeps_to_its_content_policy(board: Board) -> None:
    board.publish(ago=20)
    board.ask(0, 5)
    board.publish(ago=10)
    said = board.client.get("/status")
    assert said.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert not re.search(r"<script|<style|\sstyle=|\son\w+=|https?://(?!127)", said.text)
    links = re.findall(r'href="#([^"]+)"', said.text)
    assert all(f'id="{anchor}"' in said.text for anchor in links)


def test_it_is_linked_from_every_page(board: Board) -> None:
    for path in ("/", "/docs"):
        assert 'href="/status?lang=en"' in board.client.get(path).text
    assert 'href="/status?lang=en" aria-current="page"' in board.page()


def test_it_needs_a_key_where_keys_are_asked_for(make: MakeBoard, tmp_path: Path) -> None:
    board = make(api_keys=tmp_path / "keys", audit_log=tmp_path / "audit.log")
    key = add_key(board.workers[0].settings, "shop", None)
    refused = board.client.get("/status?lang=en")
    assert refused.status_code == 401
    assert "Home price" not in refused.text
    assert "Home price" in board.page(Authorization=f"Bearer {key}")


def test_it_takes_little_time(board: Board) -> None:
    for step in range(61, 0, -1):
        board.publish(ago=10 * step)
    board.answer(0, homes(600))
    board.publish()
    took = []
    for _ in range(5):
        began = time.thread_time()
        board.page()
        took.append(time.thread_time() - began)
    assert min(took) < 0.05


def test_it_names_no_path_and_no_person(board: Board, tmp_path: Path) -> None:
    board.publish()
    page = board.page()
    assert str(tmp_path) not in page
    assert not re.search(r"\w@\w", page)


# --- lines


def span(start: float, requests: float, place: int = 0) -> Span:
    """Ten seconds in which all answers lay in one bucket."""
    buckets = np.zeros(len(LATENCY_SECONDS) + 1)
    buckets[place:] = requests
    return Span(start, start + 10, np.array([requests, 0, 0, *buckets]))


def test_lines_stop_where_nothing_was_answered() -> None:
    spans = [span(400, 0), span(410, 10), span(420, 20), span(430, 0), span(440, 10)]
    traffic = traffic_of(spans, 450, EN)
    assert traffic is not None
    rates, times = traffic.sparks
    assert (rates.latest, rates.most, times.latest) == ("1", "2", EN.latency(0.000475))
    assert rates.line.count("M") == 1
    assert times.line.count("M") == 2
    assert times.area.count("Z") == 3
    places = [float(x) for x in re.findall(r"[HM]([\d.]+)", rates.line)]
    assert places == [550, 560, 570, 580, 590, 600]
    heights = [float(y) for y in re.findall(r"[V ]([\d.]+)", rates.line)]
    assert heights[0] == HEIGHT - 1
    assert min(heights) == 3
    assert max(places) <= WIDTH


def test_what_lies_above_every_bound_is_only_called_more() -> None:
    traffic = traffic_of([span(100, 5, len(LATENCY_SECONDS))], 110, EN)
    assert traffic is not None
    assert traffic.figures[-1].text == ">\xa010\xa0s"
    assert traffic_of([], 110, EN) is None
    assert traffic_of([span(100, 5)], 1000, EN) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (EN.duration(-3), "0 s"),
        (EN.duration(59.9), "59 s"),
        (EN.duration(60), "1 min"),
        (EN.duration(7199), "119 min"),
        (EN.duration(7200), "2 h"),
        (FR.duration(200_000), "2 j"),
        (EN.latency(0.0004567), "0.457 ms"),
        (FR.latency(1.2345), "1,23 s"),
        (EN.rate(0.0213), "0.021"),
        (EN.rate(1234.5), "1,234"),
        (EN.small_percent(0.00001), "< 0.01%"),
        (EN.small_percent(0.0034), "0.34%"),
        (EN.small_percent(0), "0%"),
        (EN.moment(1_700_000_000), "14 November 2023, 22:13 UTC"),
    ],
)
def test_figures_are_short(text: str, expected: str) -> None:
    assert text.replace("\xa0", " ") == expected


# --- a real service


@pytest.fixture
def service(make_service: MakeService) -> LiveService:
    service = make_service()
    service.start()
    service.wait_ready()
    return service


def test_a_real_service_shows_its_traffic_whichever_worker_answers(service: LiveService) -> None:
    for _ in range(20):
        assert service.predict("housing", HOME).status == 200

    def shown() -> bool:
        page = service.get("/status?lang=en").body.decode()
        return '<svg class="spark"' in page and fact(page, "Rows answered") == "20"

    wait_until(shown, 120)
    pages = [service.get("/status?lang=en").body.decode() for _ in range(10)]
    assert {fact(page, "Rows answered") for page in pages} == {"20"}
    assert {fact(page, "Workers") for page in pages} == {"2"}
    before = value_of(service.samples(), "vigie_workers")
    publisher = service.publisher
    assert publisher is not None
    publisher.kill()
    wait_until(lambda: service.publisher not in (None, publisher))
    assert '<svg class="spark"' in service.get("/status?lang=en").body.decode()
    assert before == 2
