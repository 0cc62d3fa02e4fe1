"""Photos are decoded in threads: the loop goes on; who has gone or is late costs nothing."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.colours_package import install_colours
from support.photos import LABELS, photo_bytes
from support.transport import Answer, Endpoint, ask_endpoint
from support.wire import head_of
from support.worker import loaded, settings_for
from vigie.errors import DeadlineExceeded, Unavailable
from vigie.registry.cache import ModelCache
from vigie.serving.app import create_app
from vigie.serving.runtime.photo_decoding import LONGEST_QUEUE_SECONDS, PhotoDecoding

PHOTO = photo_bytes("green")
HEADERS = {"content-type": "image/jpeg"}


@pytest.fixture
def endpoint(tmp_path: Path) -> Endpoint:
    cache = ModelCache(tmp_path / "cache")
    install_colours(cache)
    worker_state = loaded(settings_for(cache, tmp_path / "state", models=("colours",)))
    return Endpoint(worker_state, create_app(worker_state=worker_state))


class Held:
    """A decoder that waits to be let go, and says which threads came."""

    def __init__(self, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
        self.entered, self.go_on = threading.Event(), threading.Event()
        self.threads: list[str] = []
        live = endpoint.worker_state.manager.slots["colours"].live
        assert live is not None
        decoder = live.predictor.decoder
        decode = decoder.decode_columns

        def held(*given: Any) -> Any:
            self.threads.append(threading.current_thread().name)
            self.entered.set()
            self.go_on.wait(30)
            return decode(*given)

        monkeypatch.setattr(decoder, "decode_columns", held)


@pytest.fixture
def held(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> Held:
    return Held(endpoint, monkeypatch)


def ask(endpoint: Endpoint, **headers: str) -> asyncio.Task[Answer]:
    given = {**HEADERS, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return asyncio.create_task(ask_endpoint(endpoint, "POST", "/predict/colours", given, PHOTO))


def waiting(endpoint: Endpoint) -> int:
    return endpoint.worker_state.pipeline.decoding.waiting


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


def test_the_loop_goes_on_while_a_photo_is_decoded(endpoint: Endpoint, held: Held) -> None:
    async def run() -> Answer:
        task = ask(endpoint)
        await asyncio.to_thread(held.entered.wait, 30)
        assert (await ask_endpoint(endpoint, "GET", "/livez", {})).status == 200
        assert waiting(endpoint) == 1
        assert endpoint.worker_state.pipeline.admission.in_flight == 1
        held.go_on.set()
        answer = await task
        await until(lambda: waiting(endpoint) == 0)
        return answer

    assert asyncio.run(run()).status == 200
    assert held.threads[0].startswith("photos")


def test_a_photo_past_its_deadline_is_not_decoded(endpoint: Endpoint, held: Held) -> None:
    async def run() -> list[Answer]:
        # as many as there are threads, and one that waits behind them
        threads = endpoint.worker_state.pipeline.decoding._threads
        first = [ask(endpoint) for _ in range(threads)]
        await until(lambda: len(held.threads) == threads)
        late = await ask(endpoint, x_request_timeout_ms="20")
        held.go_on.set()
        answers = [*await asyncio.gather(*first), late]
        await until(lambda: waiting(endpoint) == 0)
        assert len(held.threads) == threads
        return answers

    *first, late = asyncio.run(run())
    assert {answer.status for answer in first} == {200}
    assert late.status == 504


def test_the_photo_of_a_caller_who_has_gone_is_not_decoded(endpoint: Endpoint, held: Held) -> None:
    async def run() -> int:
        threads = endpoint.worker_state.pipeline.decoding._threads
        first = [ask(endpoint) for _ in range(threads)]
        await until(lambda: len(held.threads) == threads)
        gone = endpoint.connect()
        said = [f"{name}: {value}" for name, value in HEADERS.items()]
        gone.send(head_of("POST", "/predict/colours", *said, f"Content-Length: {len(PHOTO)}"))
        gone.send(PHOTO)
        await until(lambda: waiting(endpoint) == threads + 1)
        gone.leave()
        held.go_on.set()
        await asyncio.gather(*first)
        await until(lambda: waiting(endpoint) == 0)
        assert gone.said == b""
        return len(held.threads) - threads

    assert asyncio.run(run()) == 0


def test_pixels_go_as_soon_as_the_model_has_run(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    slot = endpoint.worker_state.manager.slots["colours"]
    contexts: list[Any] = []
    submit = slot.submit

    def watched(context: Any, *given: Any) -> Any:
        contexts.append(context)
        assert len(context.decoded.columns["photo"]) == 1
        return submit(context, *given)

    monkeypatch.setattr(slot, "submit", watched)

    async def run() -> list[Answer]:
        tasks = [ask(endpoint) for _ in range(5)]
        return await asyncio.gather(*tasks)

    assert {answer.status for answer in asyncio.run(run())} == {200}
    assert len(contexts) == 5
    for context in contexts:
        assert context.decoded.columns == {}
        assert len(context.decoded.figures["photo"]) == 1
        assert context.request.body == b""


def test_photos_of_one_batch_get_their_own_answers(endpoint: Endpoint) -> None:
    async def run() -> list[str]:
        asked = [
            ask_endpoint(
                endpoint, "POST", "/predict/colours", HEADERS, photo_bytes(colour, seed=seed)
            )
            for seed in range(8)
            for colour in LABELS
        ]
        answers = await asyncio.gather(*asked)
        return [answer.json()["predictions"][0]["label"] for answer in answers]

    assert asyncio.run(run()) == list(LABELS) * 8


# --- the threads alone


def test_a_newcomer_who_would_wait_too_long_is_sent_away() -> None:
    async def run() -> None:
        decoding = PhotoDecoding(1)
        decoding.require_room()
        loop = asyncio.get_running_loop()
        free = threading.Event()
        decoding._seconds = LONGEST_QUEUE_SECONDS / 2.5
        started = [decoding.start(free.wait, 1, float("inf"), loop) for _ in range(2)]
        decoding.require_room()
        started.append(decoding.start(free.wait, 1, float("inf"), loop))
        with pytest.raises(Unavailable) as refused:
            decoding.require_room()
        assert refused.value.retry_after >= LONGEST_QUEUE_SECONDS
        free.set()
        await asyncio.gather(*started)
        await until(lambda: decoding.waiting == 0)

    asyncio.run(run())


def test_large_bodies_are_decoded_one_at_a_time() -> None:
    async def run() -> int:
        decoding = PhotoDecoding(2)
        loop = asyncio.get_running_loop()
        together, most, lock = 0, 0, threading.Lock()

        def work() -> None:
            nonlocal together, most
            with lock:
                together += 1
                most = max(most, together)
            time.sleep(0.01)
            with lock:
                together -= 1

        await asyncio.gather(
            *(decoding.start(work, 20 * 2**20, float("inf"), loop) for _ in range(6))
        )
        return most

    assert asyncio.run(run()) == 1


def test_work_past_its_deadline_is_not_begun() -> None:
    async def run() -> None:
        decoding = PhotoDecoding(1)
        loop = asyncio.get_running_loop()
        await decoding.start(lambda: None, 1, time.perf_counter() - 1, loop)

    with pytest.raises(DeadlineExceeded):
        asyncio.run(run())
