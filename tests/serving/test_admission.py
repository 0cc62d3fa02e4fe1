"""Large bodies are let in by their heads, and small ones need nobody's leave."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.colours_package import install_colours
from support.photos import photo_bytes
from support.transport import Endpoint, Wire, send_parts
from support.wire import head_of
from support.worker import JSON, filled_cache, loaded, settings_for
from vigie.errors import Unavailable
from vigie.registry.cache import ModelCache
from vigie.serving.admission import FREE_BYTES, BodyBudget
from vigie.serving.app import create_app
from vigie.serving.auth.apikeys import add_key
from vigie.settings import Settings, load_settings

LIMIT = 200_000
PHOTO_LIMIT = 400_000
BUDGET = 250_000
HOUSING = "/predict/housing"
COLOURS = "/predict/colours"
MakeEndpoint = Callable[..., Endpoint]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> ModelCache:
    cache = filled_cache(tmp_path_factory.mktemp("admission") / "cache")
    install_colours(cache)
    return cache


@pytest.fixture
def make_endpoint(tmp_path: Path, cache: ModelCache) -> MakeEndpoint:
    def make(**overrides: object) -> Endpoint:
        limits = {
            "max_body_bytes": LIMIT, "max_photo_body_bytes": PHOTO_LIMIT,
            "max_body_bytes_in_progress": BUDGET, "models": ("housing", "iris", "colours"),
        }  # fmt: skip
        worker_state = loaded(settings_for(cache, tmp_path / "state", **{**limits, **overrides}))
        return Endpoint(worker_state, create_app(worker_state=worker_state))

    return make


async def send(
    endpoint: Endpoint, path: str, *parts: bytes, method: str = "POST", **headers: str
) -> Wire:
    """What passes over the wire for a request whose body comes in parts."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    named.pop("transfer-encoding", None)
    return await send_parts(endpoint, method, path, {"content-type": JSON, **named}, parts)


def sent(endpoint: Endpoint, path: str, *parts: bytes, **given: Any) -> Wire:
    return asyncio.run(send(endpoint, path, *parts, **given))


def in_progress(endpoint: Endpoint) -> int:
    return endpoint.worker_state.pipeline.admission.budget.in_progress


# --- keys


@pytest.fixture
def keys(tmp_path: Path) -> Settings:
    """Settings with a file of keys."""
    return load_settings(api_keys=tmp_path / "keys", audit_log=tmp_path / "audit.log")


@pytest.mark.parametrize("fast_lane", [True, False])
@pytest.mark.parametrize(
    "path", [HOUSING, COLOURS, "/feedback", "/", "/models/housing", "/nothing", "/invocations"]
)
def test_without_a_key_no_large_body_is_read(
    make_endpoint: MakeEndpoint, keys: Settings, path: str, fast_lane: bool
) -> None:
    key = add_key(keys, "caller", None)
    endpoint = make_endpoint(api_keys=keys.api_keys, fast_lane=fast_lane)
    wire = sent(endpoint, path, b" " * LIMIT, content_length=str(LIMIT))
    assert (wire.read, wire.answer.status) == (0, 401)
    assert wire.answer.headers["www-authenticate"] == "Bearer"
    # one that comes in pieces of no declared length: as soon as it is no small one
    pieces = sent(endpoint, path, *[b" " * 10_000] * 15, transfer_encoding="chunked")
    assert (pieces.read, pieces.answer.status) == (FREE_BYTES // 10_000 + 1, 401)
    small = sent(endpoint, path, b"{}", content_length="2")
    assert (small.read, small.answer.status) == (1, 401)
    taken = sent(endpoint, path, b" " * LIMIT, content_length=str(LIMIT), x_api_key=key)
    assert taken.read == 1
    assert taken.answer.status not in (401, 413, 503)
    assert in_progress(endpoint) == 0


def test_what_needs_no_key_needs_none_with_a_body(
    make_endpoint: MakeEndpoint, keys: Settings
) -> None:
    add_key(keys, "caller", None)
    endpoint = make_endpoint(api_keys=keys.api_keys)
    for path in ("/livez", "/ping"):
        wire = sent(endpoint, path, b" " * LIMIT, method="GET", content_length=str(LIMIT))
        assert wire.answer.status == 200


# --- lengths


@pytest.mark.parametrize("fast_lane", [True, False])
def test_one_byte_above_the_limit_is_refused_before_the_body(
    make_endpoint: MakeEndpoint, fast_lane: bool
) -> None:
    endpoint = make_endpoint(fast_lane=fast_lane)
    for path, limit in {
        HOUSING: LIMIT, "/feedback": LIMIT, "/nothing": LIMIT, "/models/nothing": LIMIT,
        COLOURS: PHOTO_LIMIT, "/v2/models/colours/infer": PHOTO_LIMIT,
        "/v1/models/colours/labels/champion:predict": PHOTO_LIMIT, "/models/colours": PHOTO_LIMIT,
    }.items():  # fmt: skip
        above = sent(endpoint, path, b" " * (limit + 1), content_length=str(limit + 1))
        assert (above.read, above.answer.status) == (0, 413), path
        exact = sent(endpoint, path, b" " * limit, content_length=str(limit))
        assert (exact.read, exact.answer.status != 413) == (1, True), path
    assert in_progress(endpoint) == 0


def test_a_browser_is_refused_with_a_page(make_endpoint: MakeEndpoint) -> None:
    endpoint = make_endpoint(max_photo_body_bytes=2**20, max_body_bytes_in_progress=2**21)
    asked = {"accept": "text/html,*/*;q=0.8", "content_type": "multipart/form-data; boundary=a"}
    above = "The body is above the limit of 200000 bytes."
    for path, sentence in {
        "/models/colours": "Together these photos are above 1 MB: choose fewer or smaller ones.",
        "/models/housing": above, "/models/nothing": above, "/": above,
    }.items():  # fmt: skip
        wire = sent(endpoint, path, b" ", content_length=str(2**20 + 1), **asked)
        assert (wire.read, wire.answer.status) == (0, 413), path
        assert wire.answer.headers["content-type"].startswith("text/html"), path
        assert sentence in wire.answer.body.decode(), path
    pieces = sent(endpoint, "/models/colours?lang=fr", *[b" " * 100_000] * 15, **asked)
    assert pieces.read == 2**20 // 100_000 + 1
    assert "choisissez-en moins" in pieces.answer.body.decode()
    program = sent(endpoint, "/models/colours", b" ", content_length=str(2**20 + 1))
    assert program.answer.headers["content-type"] == "application/problem+json"
    rejected = {"method": "POST", "route": "/models/<model>", "code": "413"}
    registry = endpoint.worker_state.metrics.registry
    assert registry.get_sample_value("vigie_http_requests_total", rejected) == 5


def test_an_unknown_model_is_named_before_the_body(make_endpoint: MakeEndpoint) -> None:
    wire = sent(make_endpoint(), "/predict/nothing", b" " * LIMIT, content_length=str(LIMIT))
    assert (wire.read, wire.answer.status) == (0, 404)


def test_the_wsgi_application_alone_asks_the_same(
    tmp_path: Path, cache: ModelCache, keys: Settings
) -> None:
    key = add_key(keys, "caller", None)
    settings = settings_for(
        cache, tmp_path / "state", models=("housing", "colours"), api_keys=keys.api_keys,
        max_body_bytes=LIMIT, max_photo_body_bytes=PHOTO_LIMIT,
    )  # fmt: skip
    worker_state = loaded(settings)
    client = create_app(worker_state=worker_state).test_client()
    photo = photo_bytes("green").ljust(LIMIT + 1, b"\0")
    for path, body, given, status in (
        (HOUSING, b" " * LIMIT, "", 401), (HOUSING, b" " * (LIMIT + 1), key, 413),
        (COLOURS, photo, key, 200), (COLOURS, b" " * (PHOTO_LIMIT + 1), key, 413),
        ("/feedback", b" " * (LIMIT + 1), key, 413),
    ):  # fmt: skip
        headers = {"X-Api-Key": given, "Content-Type": "image/jpeg" if body == photo else JSON}
        assert client.post(path, data=body, headers=headers).status_code == status
    assert worker_state.pipeline.admission.budget.in_progress == 0


# --- the budget


@pytest.mark.parametrize("path", [HOUSING, "/feedback"])
def test_bodies_beyond_the_budget_are_told_to_come_back(
    make_endpoint: MakeEndpoint, path: str
) -> None:
    endpoint = make_endpoint(prediction_log="off")
    body = b'{"instances": []}'.ljust(LIMIT)

    async def ask() -> tuple[list[int], int, int]:
        slow = endpoint.connect()
        slow.send(head_of("POST", path, f"Content-Type: {JSON}", f"Content-Length: {LIMIT}"))
        slow.send(body[:10])
        taken = in_progress(endpoint)
        second = await send(endpoint, path, body, content_length=str(LIMIT))
        third = await send(endpoint, path, *[body[:50_000]] * 4, transfer_encoding="chunked")
        small = await send(endpoint, path, b"{}", content_length="2")
        slow.send(body[10:])
        await slow.heard()
        statuses = [wire.answer.status for wire in (second, third, small, slow)]
        assert second.answer.headers["retry-after"] == "1"
        assert second.answer.json()["detail"].startswith("The service has too much to read")
        return statuses, second.read, taken

    statuses, read, taken = asyncio.run(ask())
    assert taken == LIMIT - FREE_BYTES
    assert (statuses[:2], read) == ([503, 503], 0)
    # what was small, and what was let in, is answered as ever
    assert not {503, 413} & set(statuses[2:])
    assert in_progress(endpoint) == 0
    rejected = endpoint.worker_state.metrics.registry.get_sample_value(
        "vigie_rejected_total", {"reason": "full"}
    )
    assert rejected == 2


def test_one_body_always_fits() -> None:
    budget = BodyBudget(1000)
    budget.take(5000)
    with pytest.raises(Unavailable):
        budget.take(1)
    budget.take(5000, taken=5000)
    with pytest.raises(Unavailable):
        budget.take(1, taken=5000)
    budget.give_back(10000)
    budget.take(600)
    budget.take(400)
    assert budget.in_progress == 1000


@pytest.mark.parametrize("fast_lane", [True, False])
def test_a_body_of_no_declared_length_fits_when_it_is_alone(
    make_endpoint: MakeEndpoint, fast_lane: bool
) -> None:
    endpoint = make_endpoint(fast_lane=fast_lane)
    photo = photo_bytes("red").ljust(PHOTO_LIMIT, b"\0")
    assert len(photo) - FREE_BYTES > BUDGET
    pieces = [photo[start : start + 50_000] for start in range(0, len(photo), 50_000)]
    given = {"content_type": "image/jpeg", "transfer_encoding": "chunked"}
    assert sent(endpoint, COLOURS, *pieces, **given).answer.status == 200
    above = sent(endpoint, COLOURS, *pieces, b" ", **given)
    assert above.answer.status == 413

    full = make_endpoint(fast_lane=fast_lane)

    async def beside_another() -> int:
        slow = full.connect()
        length = f"Content-Length: {len(photo)}"
        slow.send(head_of("POST", COLOURS, "Content-Type: image/jpeg", length) + photo[:10])
        wire = await send(full, COLOURS, *pieces, **given)
        slow.send(photo[10:])
        assert (await slow.heard()).status == 200
        return wire.answer.status

    assert asyncio.run(beside_another()) == 503
    assert in_progress(endpoint) == in_progress(full) == 0


def test_a_photo_gives_its_place_back_as_soon_as_it_is_decoded(
    make_endpoint: MakeEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = make_endpoint()
    photo = photo_bytes("red").ljust(LIMIT, b"\0")
    seen: list[int] = []
    slot = endpoint.worker_state.manager.slots["colours"]
    submit = slot.submit

    def watched(*given: Any) -> Any:
        seen.append(in_progress(endpoint))
        return submit(*given)

    monkeypatch.setattr(slot, "submit", watched)
    wire = sent(endpoint, COLOURS, photo, content_type="image/jpeg")
    assert wire.answer.status == 200
    assert seen == [0]
