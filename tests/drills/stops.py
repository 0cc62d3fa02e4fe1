"""Replicas stopped again and again under load, behind callers who do what a gateway does."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

import orjson

from support.memory import tell
from support.service import LiveService, MakeService
from support.waiting import wait_until
from support.worker import HOME, JSON

STOPS = 20
CALLERS = 4
CHECK_SECONDS = 0.2
GRACE_SECONDS = 5.0
BODY = orjson.dumps({"instances": [HOME]})


@dataclass
class Gateway:
    """Which of some replicas are asked: those that said lately that they are ready."""

    replicas: list[LiveService]
    ready: dict[int, bool] = field(default_factory=dict)
    over: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        """Asks each replica for its readiness until it is over."""
        while not self.over.is_set():
            for replica in self.replicas:
                self.ready[replica.port] = replica.is_ready
            time.sleep(CHECK_SECONDS)

    def choose(self, turn: int) -> list[int]:
        """The ports to try, the one whose turn it is first."""
        ports = [port for port, ready in self.ready.items() if ready]
        return ports[turn % len(ports) :] + ports[: turn % len(ports)] if ports else []


def call(gateway: Gateway, seen: Counter[str]) -> None:
    """Asks again and again; once more where a connection ended before a byte of an answer."""
    open_ones: dict[int, http.client.HTTPConnection] = {}
    turn = 0
    while not gateway.over.is_set():
        turn += 1
        told = "no replica"
        for port in gateway.choose(turn)[:2]:
            told = ask(open_ones, port)
            if told != "not begun":
                break
            seen["tried elsewhere"] += 1
        seen[told] += 1
    for connection in open_ones.values():
        connection.close()


def ask(open_ones: dict[int, http.client.HTTPConnection], port: int) -> str:
    """The status of the answer, or how there was none."""
    connection = open_ones.pop(port, None) or http.client.HTTPConnection("127.0.0.1", port, 10)
    try:
        connection.request("POST", "/predict/housing", BODY, {"Content-Type": JSON})
        answer = connection.getresponse()
    except (http.client.RemoteDisconnected, ConnectionError):
        connection.close()
        return "not begun"
    try:
        whole = answer.read()
    except (OSError, http.client.HTTPException):
        connection.close()
        return "broken"
    if answer.status == 200 and not orjson.loads(whole)["predictions"]:
        return "empty"
    if answer.will_close:
        connection.close()
    else:
        open_ones[port] = connection
    return str(answer.status)


def seconds_to_unready(service: LiveService, stop: threading.Thread) -> float:
    """Starts a stop; the seconds until readiness falls, told over a connection that was open."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, 10)
    began = 0.0
    while True:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        answer.read()
        if answer.status == 503:
            connection.close()
            return time.monotonic() - began
        if not began:
            began = time.monotonic()
            stop.start()
        assert time.monotonic() - began < 1, "still ready a second after SIGTERM"


def test_replicas_stop_under_load(make_service: MakeService) -> None:
    replicas = [make_service(VIGIE_GRACEFUL_TIMEOUT_SECONDS=str(int(GRACE_SECONDS))) for _ in "ab"]
    for replica in replicas:
        replica.start()
        replica.wait_ready()
    gateway, seen = Gateway(replicas), [Counter[str]() for _ in range(CALLERS)]
    watching = threading.Thread(target=gateway.watch)
    watching.start()
    wait_until(lambda: len(gateway.ready) == 2)
    callers = [threading.Thread(target=call, args=(gateway, one)) for one in seen]
    for caller in callers:
        caller.start()
    codes: list[int] = []
    unready, took = [], []
    try:
        for turn in range(STOPS):
            replica = replicas[turn % 2]
            stop = threading.Thread(target=lambda one=replica: codes.append(one.stop()))
            began = time.monotonic()
            unready.append(seconds_to_unready(replica, stop))
            stop.join()
            took.append(time.monotonic() - began)
            replica.start()
            replica.wait_ready()
            wait_until(lambda: all(gateway.ready.values()))
    finally:
        gateway.over.set()
        for thread in (watching, *callers):
            thread.join()
    together = sum(seen, Counter[str]())
    tell(f"{STOPS} stops: {dict(together)}; not ready after {max(unready):.3f} s at most, "
         f"ended after {max(took):.1f} s at most")  # fmt: skip
    assert codes == [0] * STOPS
    assert set(together) <= {"200", "tried elsewhere"}
    assert together["200"] > 100 * STOPS
    assert max(took) <= GRACE_SECONDS + 1
