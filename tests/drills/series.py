"""Series stay few, whatever is promoted, recycled or asked for."""

from __future__ import annotations

import http.client
import random
import signal
import string
import time
from collections.abc import Iterator

from support.callers import BODY
from support.memory import tell
from support.packages import homes_profile, install
from support.recycling import replace_one, scrape_again_and_again
from support.service import LiveService, MakeService, Samples, value_of
from support.stage import serving
from support.waiting import wait_until
from support.worker import HOME, JSON
from vigie.registry.cache import CHALLENGER, ModelCache

SETTLING_SECONDS = 3.0
MIB = 2**20
PROMOTIONS, RECYCLED_EVERY = 50, 10


def versions_in(samples: Samples) -> set[str]:
    """The versions of `housing` that have series."""
    found = [dict(labels) for _, labels in samples]
    return {each.get("version", "") for each in found if each.get("model") == "housing"}


def test_fifty_promotions_leave_the_series_of_three_versions(
    make_service: MakeService, cache: ModelCache
) -> None:
    shape = homes_profile()
    challenger = install(cache, "housing", "900", 1.5, profile=shape)
    install(cache, "housing", "100", profile=shape)
    cache.point("housing", challenger, CHALLENGER)
    service = make_service(VIGIE_CHALLENGER_SHARE="1")
    service.start()
    service.wait_ready()
    numbers: list[int] = []
    for number in range(101, 101 + PROMOTIONS):
        install(cache, "housing", str(number), 1 + number / 1000, profile=shape)
        wait_until_serving(service, str(number))
        for _ in range(20):
            assert service.predict("housing", HOME).status == 200
        if number % RECYCLED_EVERY == 0:
            replace_one(service, signal.SIGTERM, 2)
        time.sleep(2.5)
        numbers.append(len(service.samples()))
    time.sleep(SETTLING_SECONDS)
    samples = service.samples()
    tell(f"{PROMOTIONS} promotions: {numbers[1]} -> {len(samples)} samples, at most "
         f"{max(numbers)}; versions {sorted(versions_in(samples) - {''})}")  # fmt: skip
    assert versions_in(samples) - {""} <= {str(number), str(number - 1), "900", "other"}
    assert value_of(samples, "vigie_predictions_total", version=str(number)) >= 20
    # at a change the version before the last goes a second later in the one worker than the other
    assert max(numbers[1:]) <= 1.35 * numbers[1]
    assert len(samples) <= numbers[1]


def wait_until_serving(service: LiveService, version: str) -> None:
    """Returns when both workers, each of which is asked with near certainty, serve a version."""
    wait_until(lambda: serving(service) == {version}, 60)


KNOWN_METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH")
RANDOM, WARMING = 10_000, 500


def random_requests(rng: random.Random, number: int) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Methods, targets and headers as nobody sane sends them."""

    def word(letters: str = string.ascii_letters + string.digits) -> str:
        return "".join(rng.choices(letters, k=rng.randint(1, 20)))

    for _ in range(number):
        target = rng.choice(
            (
                f"/{word()}", f"/predict/{word()}", f"/v1/models/{word()}:predict",
                f"/v1/models/housing/versions/{rng.randint(0, 10**9)}:predict",
                f"/v2/models/{word()}/infer", f"/v1/models/housing/labels/{word()}:predict",
                f"/models/{word()}", f"/{word()}/{word()}/{word()}?{word()}={word()}",
                f"/%{rng.randint(16, 255):02x}{word()}", f"/predict/housing/{word()}",
            )
        )  # fmt: skip
        own = (word(string.ascii_uppercase), word(string.ascii_uppercase))
        method = rng.choice((*KNOWN_METHODS, *own))
        headers = {
            "User-Agent": word(), "Authorization": f"Bearer {word()}", "X-Request-Id": word(),
            "X-Api-Key": word(), "Content-Type": rng.choice((JSON, f"text/{word()}")),
        }  # fmt: skip
        yield method, target, headers


def send_all(service: LiveService, rng: random.Random, number: int) -> dict[int, int]:
    """Sends random requests; how many got which status."""
    statuses: dict[int, int] = {}
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=10)
    for method, target, headers in random_requests(rng, number):
        try:
            connection.request(method, target, BODY, headers)
            answer = connection.getresponse()
            answer.read()
        except http.client.RemoteDisconnected:
            # a refusal that closes may cross the request that follows it
            connection.close()
            continue
        statuses[answer.status] = statuses.get(answer.status, 0) + 1
    connection.close()
    return statuses


def test_ten_thousand_random_requests_make_no_series(make_service: MakeService) -> None:
    service = make_service()
    service.start()
    service.wait_ready()
    rng = random.Random(65)
    send_all(service, rng, WARMING)
    time.sleep(SETTLING_SECONDS)
    before = set(service.samples())
    statuses = send_all(service, rng, RANDOM)
    time.sleep(SETTLING_SECONDS)
    samples = service.samples()
    _, page = scrape_again_and_again(service)
    tell(f"{sum(statuses.values())} random requests, {statuses}: {len(before)} -> {len(samples)} "
         f"samples, page {len(page) / 1024:.0f} KiB")  # fmt: skip
    assert sum(statuses.values()) >= 0.99 * RANDOM
    assert set(samples) - before == set()
    assert len(page) <= MIB
    assert service.is_ready
