"""What harms between two readers, byte for byte through the real gateway to a real service."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import orjson
import pytest
import requests

from support.callers import Callers
from support.compose import require_engine
from support.gateway import Forwarded, Gateway, gateway
from support.http_reading import read
from support.memory import tell
from support.mutations import SEEDS, mutate
from support.photo_stack import open_to_all
from support.slowness import Slow, SlowCallers
from support.smuggling import CASES, TWO
from support.waiting import wait_until
from support.wire import exchange, head_of
from support.worker import FLOWER, HOME, JSON, filled_cache

ANSWER = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
REFUSALS = {400, 408, 413, 414, 415, 421, 422, 431, 501, 505}
BODY = orjson.dumps(FLOWER)
GOOD = head_of(
    "POST", "/predict/iris", f"Content-Type: {JSON}", f"Content-Length: {len(BODY)}"
) + BODY  # fmt: skip
MERGED = {"a list of one length"}
"""The gateway makes one length of a list of the same ones, as RFC 9110 section 8.6 lets it; what
follows is a second request then, to the gateway and to the service alike."""
SPOILED, AT_ONCE = 2000, 16
SLOW, EVERY_SECONDS = 300, 0.002
RATE = 60
WAYS = {
    # what comes of it, and the seconds after which the gateway has closed: a caller whose body was
    # refused after 10 s has 15 more to read that
    "head": (Slow(GOOD[:40], GOOD[40:]), 12.0),
    "body": (Slow(GOOD[:-20], GOOD[-20:]), 30.0),
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    require_engine()
    folder = tmp_path_factory.mktemp("gateway")
    cache = filled_cache(folder / "cache")
    open_to_all(folder)
    with gateway(cache.folder) as made:
        workers = made.workers()
        yield made
        assert made.workers() == workers
        assert "Traceback" not in made.service_log()


def ask_well(running: Gateway, number: int) -> None:
    """Good requests get their own answers, also where the gateway uses a connection again."""
    url = f"http://127.0.0.1:{running.port}/predict/iris"
    with requests.Session() as session:
        for turn in range(3):
            name = f"good-{number}-{turn}"
            answer = session.post(url, json=FLOWER, headers={"X-Request-Id": name}, timeout=20)
            assert answer.status_code == 200, answer.text
            assert answer.headers["X-Request-Id"] == name
            assert answer.json()["request_id"] == name


def sent_on(running: Gateway, data: bytes) -> tuple[list[int], list[Forwarded]]:
    """The statuses of the answers to these bytes, and what of them went to the service."""
    running.forwarded()
    statuses = [int(status) for status in ANSWER.findall(exchange(running.port, data))]
    return statuses, running.forwarded()


@pytest.mark.parametrize("name", CASES)
def test_gateway_and_service_see_the_same_requests(running: Gateway, name: str) -> None:
    case = CASES[name]
    most = 2 if case.reading == TWO or name in MERGED else 1
    seen = len(running.log())
    statuses, forwarded = sent_on(running, case.sent)
    assert len(statuses) <= most
    assert all(status < 500 or status in REFUSALS for status in statuses), statuses
    requests_seen = answers = 0
    for one in forwarded:
        reading = read([one.sent])
        answered = len(ANSWER.findall(one.said))
        # the service has read what the gateway sent as the gateway did, or has refused it
        assert answered <= len(reading.requests) + (reading.state == "x")
        requests_seen += len(reading.requests)
        answers += answered
    assert max(requests_seen, answers) <= most
    lines: list[dict[str, str]] = []

    def logged() -> bool:
        # a good request before this one may be logged after it was answered
        others = [line for line in running.log()[seen:] if line["request_id"][:5] != "good-"]
        lines[:] = [line for line in others if line["server"] != "<NOSRV>"]
        return len(lines) >= max(requests_seen, answers)

    wait_until(logged, 30)
    assert len(lines) <= most
    ask_well(running, list(CASES).index(name))


HEADS = {
    "8 kB of address": (head_of("GET", "/" + "a" * 8192), {414}),
    "200 headers": (head_of("GET", "/livez", *[f"X-{n}: a" for n in range(200)]), {400, 431}),
    "a header of 64 kB": (head_of("GET", "/livez", "X-Long: " + "a" * 65536), {400, 431}),
    "40 kB of headers": (
        head_of("GET", "/livez", *[f"X-{n}: {'a' * 4000}" for n in range(10)]), {400, 431},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HEADS)
def test_a_head_that_is_too_large_ends_at_the_gateway(running: Gateway, name: str) -> None:
    data, allowed = HEADS[name]
    statuses, forwarded = sent_on(running, data)
    assert len(statuses) == 1
    assert set(statuses) <= allowed
    assert forwarded == []


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (head_of("GET", "/" + "a" * 4095), 414),
        (head_of("GET", "/livez", "X-Long: " + "a" * 9000), 431),
    ],
    ids=["4 kB of address", "a header of 9 kB"],
)
def test_a_head_that_the_service_finds_too_large(
    running: Gateway, data: bytes, status: int
) -> None:
    statuses, _ = sent_on(running, data)
    assert statuses == [status]


def test_spoiled_requests_break_nothing_behind_the_gateway(running: Gateway) -> None:
    chance = random.Random(20261130)
    spoiled = [mutate(SEEDS[number % len(SEEDS)], chance) for number in range(SPOILED)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        said = list(pool.map(lambda data: exchange(running.port, data, 0.1), spoiled))
    for data, answer in zip(spoiled, said, strict=True):
        assert not answer or answer.startswith(b"HTTP/1."), data
        assert not re.match(rb"HTTP/1.. 5", answer), (data, answer[:100])
    ask_well(running, SPOILED)


def test_ten_reloads_lose_no_request(running: Gateway) -> None:
    running.forwarded()
    with Callers(running.port, RATE, orjson.dumps({"instances": [HOME]})) as callers:
        for _ in range(10):
            running.reload()
            time.sleep(1)
    tell(f"{len(callers.answered)} answers over 10 reloads")
    assert (callers.broken, callers.others) == ([], [])
    assert len(callers.answered) > 10 * RATE / 2


@pytest.mark.parametrize("way", WAYS)
def test_slow_callers_never_come_to_the_service(running: Gateway, way: str) -> None:
    slow, most_seconds = WAYS[way]
    running.forwarded()
    callers = SlowCallers(running.port)
    number = 0
    try:
        held = callers.hold(slow, SLOW, EVERY_SECONDS)
        while not held.done():
            ask_well(running, number)
            number += 1
        lasted = held.result()
    finally:
        callers.close()
    tell(f"{SLOW} slow: gone after {min(lasted):.1f} to {max(lasted):.1f} s; {number} good ones")
    assert len(lasted) == SLOW
    assert max(lasted) <= most_seconds
    asked = sum(one.sent.count(b"POST /predict/iris ") for one in running.forwarded())
    assert asked == 3 * number
