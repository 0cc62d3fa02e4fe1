"""150 callers without a key, 8 MiB each, cost a replica no memory and one with a key nothing."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator

import pytest
import requests

from support.colours_package import install_colours
from support.compose import require_engine
from support.crowd import press
from support.memory import tell
from support.photo_stack import PeakMemory, PhotoStack, open_to_all, photo_stack
from support.photos import large_photo
from support.waiting import wait_until
from vigie.registry.cache import ModelCache


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PhotoStack]:
    require_engine()
    folder = tmp_path_factory.mktemp("crowd")
    cache = ModelCache(folder / "cache")
    install_colours(cache)
    open_to_all(folder)
    with photo_stack(folder, cache) as made:
        yield made


class Caller:
    """Has a key, and asks one question after another; 0 is a question without an answer."""

    def __init__(self, running: PhotoStack, address: tuple[str, int]) -> None:
        self._running, self._address = running, address
        self._stop = threading.Event()
        self.statuses: Counter[int] = Counter()

    def __enter__(self) -> Counter[int]:
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()
        return self.statuses

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(120)

    def _ask(self) -> None:
        photo = large_photo("red", 200_000, (400, 300))
        while not self._stop.is_set():
            try:
                answer = self._running.post("/predict/colours", photo, "image/jpeg", self._address)
            except requests.RequestException:
                self.statuses[0] += 1
            else:
                self.statuses[answer.status_code] += 1


@pytest.mark.parametrize("place", ["gateway", "replica"])
def test_many_callers_without_a_key_take_no_memory(running: PhotoStack, place: str) -> None:
    address = running.gateway_address if place == "gateway" else running.replica_address
    limit = running.stack.inspect(running.replica)["HostConfig"]["Memory"]
    with Caller(running, address) as answers:
        # what its own questions need is there by then
        wait_until(lambda: answers[200] >= 20)
        before = answers.total()
        with PeakMemory(running.replica) as memory:
            refused = press(address, callers=150, size=8 * 2**20, seconds=8)
    tell(
        f"{place}: {memory.grown / 2**20:.0f} MiB more at most in {memory.looks} looks, "
        f"without a key {dict(refused)}, with one {dict(answers)}"
    )
    assert limit == 2**30
    assert refused[401] >= 150
    assert refused.keys() <= {401, 0}
    assert memory.looks > 20
    assert memory.grown <= 128 * 2**20
    assert answers.keys() == {200}
    assert answers[200] > before
