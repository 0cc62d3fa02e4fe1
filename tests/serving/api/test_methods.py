"""Every method on every route, the wrong ones too."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask import Flask

from support.transport import Answer, AskEndpoint, Endpoint
from support.worker import with_fast_lane
from vigie.serving.app import create_app
from vigie.serving.worker_state import WorkerState

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PURGE")
VALUES = {
    "model": "housing", "version": "1", "label": "champion", "verb": "classify",
    "code": "not-found", "filename": "vigie.css", "place": "0",
}  # fmt: skip


@pytest.fixture(params=[True, False], ids=["fast lane", "Flask"])
def endpoint(request: pytest.FixtureRequest, shared_worker_state: WorkerState) -> Endpoint:
    parts = with_fast_lane(shared_worker_state, request.param)
    return Endpoint(parts, create_app(worker_state=parts))


def routes(endpoint: Endpoint) -> Iterator[tuple[str, set[str]]]:
    """A path of every route and the methods that it takes."""
    app = endpoint.app
    assert isinstance(app, Flask)
    at = app.url_map.bind("localhost")
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: VALUES[found[1]], rule.rule)
        # another route may take the same path with other methods
        yield path, set(at.allowed_methods(path))


def is_verb(path: str, method: str) -> bool:
    """True of `…/versions/1:predict` and the like, which only look like the version to read."""
    return path.endswith(":predict") and method in ("GET", "HEAD")


def is_no_name(path: str, method: str) -> bool:
    """True of `…/versions/1:classify`, asked for its state."""
    return path.endswith(":classify") and method in ("GET", "HEAD")


def is_of_photos(path: str, method: str) -> bool:
    """True of what only models that take photos have, and none here is one."""
    return path.endswith((".jpg", ".webmanifest")) and method in ("GET", "HEAD")


def is_of_keys(path: str, method: str) -> bool:
    """True of what only a service that asks for keys has, and this one asks for none."""
    return (path == "/login" and method in ("GET", "HEAD", "POST")) or (
        path == "/logout" and method == "POST"
    )


def check_wrong_method(answer: Answer, taken: set[str]) -> None:
    assert answer.status == 405
    allow = set(answer.headers["allow"].split(", "))
    assert allow in (taken, taken - {"GET", "HEAD"})


def test_every_method_on_every_route(endpoint: Endpoint, ask: AskEndpoint) -> None:
    for path, taken in routes(endpoint):
        for method in METHODS:
            answer = ask(endpoint, method, path, {})
            if any(absent(path, method) for absent in (is_no_name, is_of_photos, is_of_keys)):
                assert answer.status == 404
            elif method not in taken or is_verb(path, method):
                check_wrong_method(answer, taken)
            else:
                assert answer.status in (200, 400, 422), (method, path)
            if method == "HEAD":
                assert answer.body == b""


def test_a_slash_too_many_is_no_route(endpoint: Endpoint, ask: AskEndpoint) -> None:
    for path, taken in routes(endpoint):
        if path == "/" or path.startswith("/static/"):
            continue
        for method in taken:
            assert ask(endpoint, method, f"{path}/", {}).status == 404, (method, path)
