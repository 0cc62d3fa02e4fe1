"""A database that hangs holds up feedback until its deadline, and nothing else."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import orjson

from support.ports import free_port
from support.prediction_log import Postgres
from support.service import LiveService, MakeService, value_of
from support.waiting import wait_until
from support.worker import HOME, JSON

DEADLINE_MS = 1500
CALLERS = 12
TRUTH = orjson.dumps({"request_id": "home", "row": 0, "actual": 200_000})


def tell(service: LiveService) -> tuple[int, str, float]:
    """The status, the kind of problem if there is one, and the seconds that it took."""
    began = time.monotonic()
    answer = service.ask("POST", "/feedback", TRUTH, {"Content-Type": JSON})
    return answer.status, answer.json().get("type", ""), time.monotonic() - began


def counted(service: LiveService) -> tuple[float, float]:
    """How often feedback was refused, as its route and as the reason have it."""
    samples = service.samples()
    return (
        value_of(samples, "vigie_http_requests_total", route="/feedback", code="503"),
        value_of(samples, "vigie_rejected_total", reason="database"),
    )


def test_it_holds_up_feedback_alone(make_service: MakeService) -> None:
    with Postgres.of_its_own(free_port()) as server:
        service = make_service(
            VIGIE_WORKERS="1",
            VIGIE_DATABASE_URL=server.new_database(),
            VIGIE_REQUEST_TIMEOUT_MS=str(DEADLINE_MS),
        )
        service.start()
        service.wait_ready()
        answer = service.predict("housing", HOME, **{"X-Request-Id": "home"})
        assert answer.status == 200
        wait_until(lambda: tell(service)[0] == 200)
        stored = "vigie_http_requests_total"
        # what was refused while the tables were made is counted by then
        wait_until(lambda: value_of(service.samples(), stored, route="/feedback", code="200"))
        before = counted(service)
        with server.hung(), ThreadPoolExecutor(CALLERS) as callers:
            told = [callers.submit(tell, service) for _ in range(CALLERS)]
            while not all(one.done() for one in told):
                for path in ("/health", "/", "/models/housing", "/readyz"):
                    assert service.get(path).status == 200
                assert service.predict("housing", HOME).status == 200
        for status, problem, seconds in (one.result() for one in told):
            assert (status, problem) == (503, "/docs/errors/unavailable")
            # none of them ends before the deadline, and none waits for those before it
            assert DEADLINE_MS / 1000 <= seconds + 0.1 < 3 * DEADLINE_MS / 1000
        wait_until(lambda: tell(service)[0] == 200)
        refused = (before[0] + CALLERS, before[1] + CALLERS)
        wait_until(lambda: counted(service) == refused)
        assert service.stop() == 0
        assert "Traceback" not in service.log.read_text()
