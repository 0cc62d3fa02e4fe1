"""No answer ever reaches another caller: a hundred thousand questions, each with its own answer."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence

import orjson
import psutil
import pytest

from support.memory import tell
from support.openloop import header, request_of
from support.packages import PRICE_PER_M2, housing_document, install, patient_housing_graph
from support.service import LiveService, MakeService
from support.worker import HOME
from vigie.registry.cache import ModelCache

CONNECTIONS = 64
PAUSE_BETWEEN_KILLS = 1.5


def price_of(surface: float) -> float:
    return PRICE_PER_M2 * surface + 2500


async def _call(
    port: int, model: str, surfaces: Sequence[int], seed: int, seen: Counter[str]
) -> None:
    """Asks for its own surfaces; hangs up or sets a deadline now and then."""
    chance = random.Random(seed)
    connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
    for thousandths in surfaces:
        surface = thousandths / 1000
        deadline = {"X_Request_Timeout_Ms": "1"} if chance.random() < 0.02 else {}
        request = request_of(model, HOME | {"surface_m2": surface}, **deadline)
        try:
            if connection is None:
                connection = await asyncio.open_connection("127.0.0.1", port)
            reader, writer = connection
            writer.write(request)
            if chance.random() < 0.01:
                await asyncio.sleep(chance.random() * 0.003)
                writer.close()
                connection = None
                seen["hung up"] += 1
                continue
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(int(header(head, b"content-length: ")))
        except (OSError, EOFError):
            seen["lost"] += 1
            if connection is not None:
                connection[1].close()
                connection = None
            continue
        seen[head[9:12].decode()] += 1
        if head[9:12] == b"200":
            (answer,) = orjson.loads(body)["predictions"]
            if abs(answer["price_eur"] - price_of(surface)) > 0.001 * PRICE_PER_M2 / 2:
                seen["mixed up"] += 1
    if connection is not None:
        connection[1].close()


async def _call_all(port: int, model: str, questions: int) -> Counter[str]:
    seen: Counter[str] = Counter()
    # a thousandth apart, and no two questions about the same one
    numbers = random.Random(1).sample(range(9_000, 9_000 + 2 * questions), questions)
    parts = [numbers[start::CONNECTIONS] for start in range(CONNECTIONS)]
    calls = (_call(port, model, part, seed, seen) for seed, part in enumerate(parts))
    await asyncio.wait_for(asyncio.gather(*calls), 240)
    # what was closed last is let go of in the next turns
    await asyncio.sleep(0.1)
    return seen


def _kill_workers(service: LiveService, stop: threading.Event, kills: list[float]) -> None:
    while not stop.wait(PAUSE_BETWEEN_KILLS):
        # one that has just been killed may be gone before it is looked at
        with contextlib.suppress(psutil.Error):
            workers = service.workers
            if len(workers) == 2:
                workers[0].kill()
                kills.append(time.monotonic())


@pytest.mark.parametrize(("model", "questions"), [("housing", 100_000), ("photos", 16_000)])
def test_every_answer_is_the_callers_own(
    make_service: MakeService, cache: ModelCache, model: str, questions: int
) -> None:
    """Once in the loop, where a turn makes a batch, and once in the thread of a slow model."""
    graph = patient_housing_graph(100, 128)
    install(cache, "photos", document=housing_document("photos"), graph=graph)
    service = make_service(VIGIE_MODELS="housing,photos")
    service.start()
    service.wait_ready()
    stop, kills = threading.Event(), list[float]()
    killer = threading.Thread(target=_kill_workers, args=(service, stop, kills))
    killer.start()
    try:
        seen = asyncio.run(_call_all(service.port, model, questions))
    finally:
        stop.set()
        killer.join()
    tell(f"{model}: {dict(seen)}, {len(kills)} workers killed")
    assert seen["mixed up"] == 0
    assert seen["200"] > questions / 2
    assert min(seen["hung up"], seen["504"], len(kills)) > 0
    assert set(seen) <= {"200", "503", "504", "hung up", "lost"}
