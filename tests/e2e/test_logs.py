"""The log of a real service: each answer in exactly one line, and no secret in any."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import orjson

from support.service import MakeService
from support.worker import FLOWER, HOME, JSON
from vigie.serving.auth.apikeys import add_key
from vigie.settings import load_settings

CANARY = "canary-4f1c"


def test_every_answer_has_one_line_and_no_line_a_secret(
    make_service: MakeService, tmp_path: Path
) -> None:
    settings = load_settings(api_keys=tmp_path / "keys", audit_log=tmp_path / "audit.log")
    key = add_key(settings, "someone", None)
    service = make_service(
        VIGIE_API_KEYS=str(tmp_path / "keys"), VIGIE_LOG_FORMAT="json", VIGIE_REQUEST_LOG="all"
    )
    service.start()
    service.wait_ready()
    asked: list[tuple[str, str, object]] = [
        ("POST", "/predict/housing", HOME),
        ("POST", "/predict/iris", [FLOWER] * 3),
        ("POST", "/v1/models/housing:predict", {"instances": [HOME]}),
        ("POST", "/predict/housing", {**HOME, "property_type": CANARY}),
        ("POST", f"/predict/{CANARY}", HOME),
        ("GET", f"/{CANARY}?token={CANARY}", None),
        ("GET", "/", None),
        ("GET", "/readyz", None),
    ]
    ids = Counter[str]()
    for number in range(80):
        method, path, body = asked[number % len(asked)]
        given = key if number % 3 else f"{key}{CANARY}"
        headers = {"X-Api-Key": given, "Cookie": CANARY, "User-Agent": CANARY}
        if body is not None:
            headers["Content-Type"] = JSON
        answer = service.ask(method, path, orjson.dumps(body) if body else b"", headers)
        ids[answer.headers["x-request-id"]] += 1
    service.stop()
    text = service.log.read_text()
    lines = [orjson.loads(line) for line in text.splitlines()]
    told = Counter(line["request_id"] for line in lines if line["logger"] == "vigie.request")
    assert len(ids) == 80
    assert {one: told[one] for one in ids} == ids
    for secret in (CANARY, key, "apartment"):
        assert secret not in text
