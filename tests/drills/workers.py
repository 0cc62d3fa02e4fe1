"""Workers killed again and again under load: nothing but what was in flight is lost."""

from __future__ import annotations

import threading
import time

import psutil
import requests

from support.service import MakeService, value_of
from support.worker import HOME

KILLS = 20
CALLERS = 4
FULL_STRENGTH_SECONDS = 5


def test_killed_workers_cost_only_what_was_in_flight(make_service: MakeService) -> None:
    service = make_service()
    service.start()
    service.wait_ready()
    stop = threading.Event()
    answered, lost = [0] * CALLERS, [0] * CALLERS

    def call(number: int) -> None:
        url = f"http://127.0.0.1:{service.port}/predict/housing"
        session = requests.Session()
        while not stop.is_set():
            try:
                answer = session.post(url, json={"instances": [HOME]}, timeout=10)
            except requests.RequestException:
                lost[number] += 1
                session = requests.Session()
                continue
            assert answer.status_code == 200
            answered[number] += 1

    callers = [threading.Thread(target=call, args=(number,)) for number in range(CALLERS)]
    for caller in callers:
        caller.start()
    counted = 0.0
    for _ in range(KILLS):
        time.sleep(1.5)
        service.workers[0].kill()
        deadline = time.monotonic() + FULL_STRENGTH_SECONDS
        while len([w for w in service.workers if w.status() != psutil.STATUS_ZOMBIE]) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        now = value_of(service.samples(), "vigie_predictions_total", model="housing")
        assert now >= counted
        counted = now
    stop.set()
    for caller in callers:
        caller.join()
    time.sleep(2.5)
    counted = value_of(service.samples(), "vigie_predictions_total", model="housing")
    # each kill may lose what a worker had in flight, and its last second of counts
    assert sum(lost) <= KILLS * CALLERS
    rate = sum(answered) / (KILLS * 1.5)
    assert sum(answered) - KILLS * rate <= counted <= sum(answered) + KILLS * CALLERS
