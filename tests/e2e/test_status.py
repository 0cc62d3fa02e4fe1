"""The status page of several replicas, and of those after them."""

from __future__ import annotations

import re
from functools import partial
from html import unescape
from pathlib import Path

import requests

from support.service import LiveService, MakeService
from support.waiting import wait_until
from support.worker import FLOWER

SECONDS = 30


def fact(service: LiveService, name: str) -> str:
    page = requests.get(
        f"http://127.0.0.1:{service.port}/status?lang=en",
        headers={"Accept": "text/html"}, timeout=10,
    ).text  # fmt: skip
    found = re.findall(rf"<dt>{re.escape(name)}</dt><dd[^>]*>(.*?)</dd>", unescape(page))
    return " ".join(found)


def answered(service: LiveService, rows: int) -> bool:
    return str(rows) in fact(service, "Rows answered").split()


def started(make: MakeService, shared: Path | None) -> LiveService:
    service = make(**({} if shared is None else {"VIGIE_STATUS_FOLDER": str(shared)}))
    service.start()
    service.wait_ready()
    return service


def test_the_page_adds_up_replicas_and_remembers_those_that_are_gone(
    make_service: MakeService, tmp_path: Path
) -> None:
    shared = tmp_path / "status"
    one, other = started(make_service, shared), started(make_service, shared)
    for service, times in ((one, 9), (other, 18)):
        for _ in range(times):
            assert service.predict("iris", *[FLOWER] * 10).status == 200
    for service in (one, other):
        wait_until(partial(answered, service, 270), SECONDS)
        assert fact(service, "Replicas") == "2"
    # answered just before the end: kept all the same
    assert one.predict("iris", FLOWER).status == 200
    one.stop()
    other.stop()
    later = started(make_service, shared)
    wait_until(partial(answered, later, 271), SECONDS)


def test_a_replica_alone_says_so(make_service: MakeService) -> None:
    assert fact(started(make_service, None), "Replicas").startswith("this one alone")
