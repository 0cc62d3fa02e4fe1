"""More than the service can do: what fits is served as before, the rest is told so at once."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable

import numpy as np

from support.arrivals import Seen, offer, quantile_ms
from support.constants import changed
from support.memory import pss_mb, tell
from support.openloop import ask_at, capacity, request_of
from support.packages import HOUSING_ROWS, housing_document, install, patient_housing_graph
from support.service import LiveService, MakeService, value_of
from support.wire import connect, read_status
from support.worker import HOME
from vigie.registry.cache import ModelCache

TURNS_OF_20_MS = 5000
SECONDS = 60.0
NEAR = 0.95
STEP = 1.1
SERVED_SHARE = 0.95
BOUND, BEYOND, RUNS = 4, 8, 100
ROUNDS, LEAVERS = 50, 4


def slow_service(
    make_service: MakeService, cache: ModelCache, turns: int = TURNS_OF_20_MS, **settings: str
) -> LiveService:
    install(cache, "housing", "2", graph=patient_housing_graph(turns))
    service = make_service(**{"VIGIE_MAX_BATCH_ROWS": "32", **settings})
    service.start()
    service.wait_ready()
    return service


def asking(row: dict[str, object] = HOME) -> Callable[[], bytes]:
    request = request_of("housing", row)
    return lambda: request


def accepted(seen: list[Seen]) -> list[Seen]:
    return [each for each in seen if each.status == 200]


def capacity_of(port: int, request: Callable[[], bytes]) -> float:
    """The highest rate at which nearly all callers who come by chance are served."""
    rate = capacity(port, request(), 5.0, 4)
    while True:
        seen = offer(port, request, STEP * rate, 10.0)
        if len(accepted(seen)) < SERVED_SHARE * len(seen):
            return rate
        rate *= STEP


def test_ten_times_what_a_slow_model_can_do(make_service: MakeService, cache: ModelCache) -> None:
    service = slow_service(make_service, cache)
    request = asking()
    most = capacity_of(service.port, request)
    near = offer(service.port, request, NEAR * most, 20.0)
    memory = pss_mb([service.master, *service.master.children()])
    over = offer(service.port, request, 10 * most, SECONDS)
    grown = pss_mb([service.master, *service.master.children()]) - memory
    after = offer(service.port, request, most / 2, 10.0)
    good, refused = accepted(over), [each for each in over if each.status == 503]
    goodput = len(good) / SECONDS
    tell(f"capacity {most:.0f}/s; offered {len(over) / SECONDS:.0f}/s: {goodput:.0f}/s served "
         f"({goodput / most:.2f}), {dict(Counter(each.status for each in over))}")  # fmt: skip
    tell(f"p99 of the served: {quantile_ms(accepted(near), 0.99):.0f} ms at {NEAR} of that, "
         f"{quantile_ms(good, 0.99):.0f} ms at 10; refusals {quantile_ms(refused, 0.5):.1f}, "
         f"p99 {quantile_ms(refused, 0.99):.1f} ms; memory +{grown:.0f} MB")  # fmt: skip
    late = [each for each in after if each.due > 5]
    tell(f"after: p99 {quantile_ms(after, 0.99):.0f}, from 5 s on {quantile_ms(late, 0.99):.0f} ms")
    assert {each.status for each in over} == {200, 503}
    assert all(int(each.retry_after) >= 1 for each in refused)
    assert goodput >= 0.9 * most
    assert quantile_ms(good, 0.99) <= 2 * quantile_ms(accepted(near), 0.99)
    assert quantile_ms(refused, 0.99) <= 50
    assert {each.status for each in late} == {200}
    assert quantile_ms(late, 0.99) <= quantile_ms(accepted(near), 0.99)


def test_exactly_those_beyond_the_bound_are_refused(
    make_service: MakeService, cache: ModelCache
) -> None:
    service = slow_service(
        make_service, cache, 5 * TURNS_OF_20_MS, VIGIE_WORKERS="1", VIGIE_MAX_BATCH_ROWS="1",
        VIGIE_MODELS="housing", **changed({"vigie.serving.admission.MAX_IN_FLIGHT": BOUND}),
    )  # fmt: skip
    before = value_of(service.samples(), "vigie_rejected_total", reason="full")
    callers = [connect(service.port) for _ in range(BOUND + BEYOND)]
    head, _, body = asking()().partition(b"\r\n\r\n")
    for _ in range(RUNS):
        # all but the last byte goes ahead, so that they arrive together
        for caller in callers:
            caller.sendall(head + b"\r\n\r\n" + body[:-1])
        time.sleep(0.02)
        for caller in callers:
            caller.sendall(body[-1:])
        told = Counter(read_status(caller) for caller in callers)
        assert told == {200: BOUND, 503: BEYOND}
    time.sleep(2.5)
    after = value_of(service.samples(), "vigie_rejected_total", reason="full")
    assert after - before == RUNS * BEYOND
    tell(f"{RUNS} runs: of {BOUND + BEYOND} at once exactly {BEYOND} refused, and so counted")
    for caller in callers:
        caller.close()


def test_the_work_of_callers_who_hang_up_is_not_done(
    make_service: MakeService, cache: ModelCache
) -> None:
    service = slow_service(
        make_service, cache, 5 * TURNS_OF_20_MS, VIGIE_WORKERS="1", VIGIE_MAX_BATCH_ROWS="1",
        VIGIE_MODELS="housing",
    )  # fmt: skip
    run_before = value_of(service.samples(), "vigie_batch_rows_sum", model="housing")
    for _ in range(ROUNDS):
        stays = connect(service.port)
        stays.sendall(asking()())
        time.sleep(0.02)
        leavers = [connect(service.port) for _ in range(LEAVERS)]
        for leaver in leavers:
            leaver.sendall(asking()())
        time.sleep(0.02)
        for leaver in leavers:
            leaver.close()
        assert read_status(stays) == 200
        stays.close()
    # the last row of a round ends with it; a second later its counts are out
    time.sleep(2.5)
    after = service.samples()
    run = value_of(after, "vigie_batch_rows_sum", model="housing") - run_before
    gone = value_of(after, "vigie_rejected_total", reason="gone")
    tell(f"{ROUNDS} stayed, {ROUNDS * LEAVERS} left: {run:.0f} rows run, {gone:.0f} counted gone")
    assert run - ROUNDS <= 0.05 * ROUNDS * LEAVERS
    assert gone >= 0.95 * ROUNDS * LEAVERS
    assert value_of(after, "vigie_http_requests_in_progress") == 0


def test_the_quick_model_at_the_highest_rate(make_service: MakeService) -> None:
    service = make_service()
    service.start()
    service.wait_ready()
    request = request_of("housing", HOME)
    quiet = ask_at(service.port, request, 500, 5.0, 16)
    memory = pss_mb([service.master, *service.master.children()])
    # as fast as this client can, from more connections than a worker takes predictions
    figures = ask_at(service.port, request, 0.0, 30.0, 512)
    grown = pss_mb([service.master, *service.master.children()]) - memory
    time.sleep(5)
    after = ask_at(service.port, request, 500, 5.0, 16)
    tell(f"{figures}; {dict(figures.statuses)}, {figures.lost} lost; memory +{grown:.0f} MB")
    tell(f"quiet {quiet}; 5 s after {after}")
    assert figures.lost == 0
    assert set(figures.statuses) <= {200, 503}
    assert grown <= 64
    assert set(after.statuses) == {200}
    assert after.quantile_ms(0.99) <= 2 * quiet.quantile_ms(0.99)


def test_a_slow_model_beside_a_quick_one(make_service: MakeService, cache: ModelCache) -> None:
    install(
        cache, "photos", "1", document=housing_document("photos"),
        graph=patient_housing_graph(TURNS_OF_20_MS),
    )  # fmt: skip
    service = make_service(VIGIE_MODELS="housing,photos", VIGIE_MAX_BATCH_ROWS="32")
    service.start()
    service.wait_ready()
    quick, slow = request_of("housing", HOME), request_of("photos", HOUSING_ROWS[0])
    half = capacity(service.port, slow, 8.0, 16) / 2
    quiet, beside = [], []
    for _ in range(4):
        quiet.append(ask_at(service.port, quick, 500, 5.0, 16))
        stop = threading.Event()
        busy = threading.Thread(target=ask_at, args=(service.port, slow, half, 60.0, 16, stop))
        busy.start()
        time.sleep(1)
        beside.append(ask_at(service.port, quick, 500, 5.0, 16))
        stop.set()
        busy.join()
    p99 = [float(np.median([f.quantile_ms(0.99) for f in some])) for some in (quiet, beside)]
    tell(f"slow model at {half:.0f}/s; quick p99 {p99[0]:.2f} ms alone, {p99[1]:.2f} ms beside it")
    assert {status for f in beside for status in f.statuses} == {200}
    assert p99[1] <= 3 * p99[0]


def test_a_model_that_hangs_is_told_at_the_deadline_and_replaced(
    make_service: MakeService, cache: ModelCache
) -> None:
    service = slow_service(
        make_service, cache, VIGIE_REQUEST_TIMEOUT_MS="500", VIGIE_MAX_ROWS="10000"
    )
    before = {worker.pid for worker in service.workers}
    began = time.monotonic()
    said = service.predict("housing", *([HOME] * 2000))
    took = time.monotonic() - began
    tell(f"2,000 rows: {said.status} after {took:.2f} s")
    assert said.status == 504
    assert took < 1
    while (now := {worker.pid for worker in service.workers}) == before or len(now) < 2:
        assert time.monotonic() - began < 5 + 0.5 + 5, "the worker was not replaced"
        time.sleep(0.1)
    service.wait_ready()
    tell(f"replaced {time.monotonic() - began:.1f} s after the request")
    assert service.predict("housing", HOME).status == 200
