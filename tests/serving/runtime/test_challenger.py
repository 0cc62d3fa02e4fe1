"""Challengers answer copies, never callers; a canary answers its share of them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from support.fruits import install_fruits, write_fruits
from support.packages import housing_document, housing_graph, install, iris_document, write_package
from support.photos import LABELS, in_base64, photo_bytes
from support.waiting import wait_until
from support.worker import FLOWER, HOME, filled_cache, loaded, settings_for
from vigie.registry.cache import CHALLENGER, ModelCache, Refusal
from vigie.serving.app import create_app
from vigie.serving.runtime import challenger as challengers
from vigie.serving.runtime.messages import Request, Response
from vigie.serving.worker_state import WorkerState


def install_challenger(
    cache: ModelCache, name: str = "housing", factor: float = 2.0, document: Any = None
) -> str:
    """Version 2 as the challenger; the champion stays."""
    champion = cache.pointer(name)
    digest = install(cache, name, "2", factor, document)
    cache.point(name, digest, CHALLENGER)
    assert champion is not None
    cache.point(name, champion)
    return digest


@pytest.fixture
def make(tmp_path: Path, cache: ModelCache, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Services with every request copied, unless the test says otherwise; no rests."""
    monkeypatch.setattr(challengers, "BUSY_SHARE", 1.0)
    made: list[WorkerState] = []

    def worker_state(**settings: object) -> WorkerState:
        wanted = {"challenger_share": 1.0, **settings}
        made.append(loaded(settings_for(cache, tmp_path / "state", **wanted)))
        return made[-1]

    yield worker_state
    for one in made:
        for slot in one.manager.slots.values():
            slot.challenge(None)


def ask(
    worker_state: WorkerState, row: Any = HOME, model: str = "housing", **headers: str
) -> Response:
    path = f"/predict/{model}"
    route = worker_state.pipeline.route(path)
    assert route is not None
    raw = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    return worker_state.pipeline.answer(Request("POST", path, raw, orjson.dumps(row)), route)


def version_in(response: Response) -> str:
    return dict(response.headers)[b"x-model-version"].decode()


def told(worker_state: WorkerState, name: str, model: str = "housing", **labels: str) -> float:
    every = {"model": model, "version": "2", **labels}
    found = worker_state.metrics.registry.get_sample_value(f"vigie_challenger_{name}", every)
    return -1.0 if found is None else float(found)


def test_a_challenger_gets_copies_and_the_champion_answers(cache: ModelCache, make: Any) -> None:
    install_challenger(cache)
    worker_state = make()
    assert told(worker_state, "requests_total") == told(worker_state, "dropped_total") == 0
    for _ in range(20):
        assert version_in(ask(worker_state, [HOME, HOME])) == "1"
    wait_until(lambda: told(worker_state, "requests_total") == 20)
    assert told(worker_state, "rows_total") == 40
    assert told(worker_state, "duration_seconds_count") == 20
    assert told(worker_state, "errors_total", reason="failed") == 0
    price = 3000 * 54 + 1000 * 3 - 500 + 700 - 700
    assert told(worker_state, "relative_difference_total") / 40 == pytest.approx(
        162000 / price, 1e-3
    )


def test_labels_are_compared_for_a_classification(cache: ModelCache, make: Any) -> None:
    document = {**iris_document(), "labels": ["rose", "tulip", "daisy"]}
    install_challenger(cache, "iris", document=document)
    worker_state = make()
    ask(worker_state, [FLOWER, FLOWER, FLOWER], "iris")
    wait_until(lambda: told(worker_state, "requests_total", "iris") == 1)
    assert told(worker_state, "different_labels_total", "iris") == 3


def test_answers_with_neighbours_are_compared_by_their_labels(
    cache: ModelCache, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_fruits(cache)
    with cache.lock("fruits") as incoming:
        digest = write_fruits(incoming, thumbnails=False)
        cache.install("fruits", incoming, digest, "2", "run2")
        cache.point("fruits", digest, CHALLENGER)
    worker_state = make(models=("fruits",))
    copied: list[Any] = []
    compare = challengers.compare

    def noted(*parts: Any) -> tuple[int, float]:
        copied.append(parts[1])
        return compare(*parts)

    monkeypatch.setattr(challengers, "compare", noted)
    photos = [{"photo": in_base64(photo_bytes(label))} for label in LABELS]
    assert ask(worker_state, photos, "fruits").status == 200
    wait_until(lambda: told(worker_state, "rows_total", "fruits") == 3)
    assert told(worker_state, "different_labels_total", "fruits") == 0
    # a copy that waits keeps nothing of the champion's package
    assert [answers.nearest for answers in copied] == [None]


def test_other_inputs_are_counted_and_harm_nobody(cache: ModelCache, make: Any) -> None:
    document = housing_document()
    document["inputs"] = [{**i, "limits": [60, 1000], "example": 70} if i["name"] == "surface_m2"
                          else i for i in document["inputs"]]  # fmt: skip
    champion = cache.pointer("housing")
    assert champion is not None
    rows = [{"surface_m2": 70.0, "rooms": 3, "property_type": "apartment"}]
    with cache.lock("housing") as incoming:
        digest = write_package(incoming, document, housing_graph(), rows)
        cache.install("housing", incoming, digest, "2", "run2")
        cache.point("housing", digest, CHALLENGER)
    worker_state = make(canary_share=1.0)
    assert version_in(ask(worker_state)) == "1"
    wait_until(lambda: told(worker_state, "errors_total", reason="incompatible") == 1)
    assert told(worker_state, "requests_total") == 0


def test_a_slow_challenger_drops_copies_and_holds_up_nobody(
    cache: ModelCache, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_challenger(cache)
    worker_state = make()
    stuck = worker_state.manager.slot("housing").challenger
    assert stuck is not None
    at_work, go_on = threading.Event(), threading.Event()

    def hang(_: object) -> None:
        at_work.set()
        go_on.wait()

    monkeypatch.setattr(stuck, "_run", hang)
    assert ask(worker_state).status == 200
    # before that its copy would take a place of those that wait
    assert at_work.wait(60)
    for _ in range(3 * challengers.MOST_WAITING):
        assert ask(worker_state).status == 200
    assert told(worker_state, "dropped_total") == 2 * challengers.MOST_WAITING
    go_on.set()


def test_what_is_too_large_is_not_copied(cache: ModelCache, make: Any) -> None:
    install_challenger(cache)
    worker_state = make()
    large = [HOME] * 2000
    assert len(orjson.dumps(large)) > challengers.MOST_BYTES
    assert ask(worker_state, large).status == 200
    assert told(worker_state, "dropped_total") == 1
    assert ask(worker_state).status == 200
    wait_until(lambda: told(worker_state, "requests_total") == 1)
    assert told(worker_state, "rows_total") == 1


def test_only_a_share_is_copied(cache: ModelCache, make: Any) -> None:
    install_challenger(cache)
    worker_state = make(challenger_share=0.25)
    for _ in range(400):
        ask(worker_state)
    wait_until(
        lambda: told(worker_state, "requests_total") + told(worker_state, "dropped_total") > 50
    )
    assert told(worker_state, "requests_total") + told(worker_state, "dropped_total") < 160


def test_a_withdrawn_challenger_leaves_nothing(cache: ModelCache, make: Any) -> None:
    install_challenger(cache)
    worker_state = make()
    ask(worker_state)
    wait_until(lambda: told(worker_state, "requests_total") == 1)
    tried = worker_state.manager.slot("housing").challenger
    assert tried is not None
    with cache.lock("housing"):
        cache.unpoint("housing", CHALLENGER)
    worker_state.manager.refresh()
    assert worker_state.manager.slot("housing").challenger is None
    ask(worker_state)
    assert versions_in(worker_state) == {"1"}
    wait_until(lambda: not tried.thread.is_alive())


def versions_in(worker_state: WorkerState) -> set[str]:
    return {
        sample.labels["version"]
        for family in worker_state.metrics.registry.collect()
        for sample in family.samples
        if sample.labels.get("model") == "housing" and "version" in sample.labels
    }


@pytest.mark.parametrize("canary", [0.0, 1.0])
def test_a_promoted_challenger_is_not_loaded_again(
    cache: ModelCache, make: Any, canary: float
) -> None:
    digest = install_challenger(cache)
    worker_state = make(canary_share=canary)
    slot = worker_state.manager.slot("housing")
    assert slot.challenger is not None
    loaded_once = slot.challenger.live
    cache.point("housing", digest)
    worker_state.manager.refresh()
    assert slot.live is loaded_once
    assert slot.challenger is slot.canary is None
    assert version_in(ask(worker_state)) == "2"
    assert told(worker_state, "requests_total") == -1
    assert versions_in(worker_state) == {"1", "2"}


def test_a_share_of_nothing_loads_no_challenger(cache: ModelCache, make: Any) -> None:
    install_challenger(cache)
    worker_state = make(challenger_share=0.0)
    assert worker_state.manager.slot("housing").challenger is None


def test_a_broken_challenger_harms_nothing(cache: ModelCache, make: Any) -> None:
    digest = install_challenger(cache)
    (cache.folder / "housing/versions" / digest / "vigie/model.onnx").write_bytes(b"no")
    worker_state = make()
    worker_state.manager.refresh()
    assert worker_state.manager.slot("housing").challenger is None
    assert worker_state.manager.unready() == {}
    assert ask(worker_state).status == 200


def test_the_status_route_tells_of_the_challenger(cache: ModelCache, make: Any) -> None:
    install_challenger(cache)
    cache.refuse("housing", Refusal("3", "f" * 64, "worse"), CHALLENGER)
    client = create_app(worker_state=make()).test_client()
    said = client.get("/v1/models/housing").get_json()
    states = [(version["version"], version["state"]) for version in said["versions"]]
    assert states == [("1", "serving"), ("2", "challenger")]
    assert said["refused_challenger"] == {"version": "3", "reason": "worse"}


# --- canary


def test_a_canary_answers_its_share_and_says_so(cache: ModelCache, make: Any) -> None:
    install_challenger(cache)
    worker_state = make(canary_share=0.3)
    seen = Counter(version_in(ask(worker_state)) for _ in range(500))
    assert 90 < seen["2"] < 220
    value = worker_state.metrics.registry.get_sample_value
    labels = {"model": "housing", "version": "2"}
    assert value("vigie_predictions_total", labels) == seen["2"]


def test_a_key_always_gets_the_same_version(cache: ModelCache, make: Any) -> None:
    install_challenger(cache)
    worker_state = make(canary_share=0.5)
    by_key = {
        key: {version_in(ask(worker_state, x_canary_key=key)) for _ in range(5)}
        for key in map(str, range(60))
    }
    assert all(len(versions) == 1 for versions in by_key.values())
    assert set().union(*by_key.values()) == {"1", "2"}


def test_without_a_share_no_key_leads_to_the_challenger(tmp_path: Path) -> None:
    cache = filled_cache(tmp_path / "other")
    install_challenger(cache)
    worker_state = loaded(settings_for(cache, tmp_path / "state"))
    assert {version_in(ask(worker_state, x_canary_key=str(n))) for n in range(50)} == {"1"}
