"""Keys: every route of the table against every kind of key, and a file of keys that changes."""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

import orjson
import pytest
from flask import Flask
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from support.ports import free_port
from support.transport import Answer, AskEndpoint, Endpoint
from support.worker import HOME, JSON, filled_cache, loaded, settings_for, with_fast_lane
from vigie.errors import ConfigurationError, NotFound
from vigie.serving import serve
from vigie.serving.app import create_app
from vigie.serving.auth import access
from vigie.serving.auth.access import OPEN_ROUTES, Access
from vigie.serving.auth.apikeys import add_key, read_keys, revoke_key

OPEN = {
    "/livez",
    "/readyz",
    "/health",
    "/v2/health/live",
    "/v2/health/ready",
    "/ping",
    "/metrics",
    "/static/<path:filename>",
}
LOGIN = {"/login", "/logout"}
"""Open too, and answered with other statuses: tests/serving/auth/test_login.py."""
GOOD = orjson.dumps({"instances": [HOME]})
FORM = {"surface_m2": "54", "rooms": "3", "property_type": "apartment"}
CALLERS = {
    "none": 401,
    "bad": 401,
    "expired": 401,
    "revoked": 401,
    "predict": 200,
    "admin": 200,
}
"""Who asks, and the answer of a route that needs a key. `admin` is of a file with roles."""

DIALECTS = [
    ("/predict/housing", "type"),
    ("/v1/models/housing:predict", "error"),
    ("/v2/models/housing/infer", "error"),
    ("/invocations", "error_code"),
]


class Keyed:
    """A worker that asks for keys, behind both transports, and a key of each kind."""

    def __init__(self, folder: Path, ask: AskEndpoint) -> None:
        self.settings = settings_for(
            filled_cache(folder / "cache"),
            folder / "state",
            api_keys=folder / "keys",
            audit_log=folder / "audit.log",
        )
        self.keys = {name: self.add(name) for name in ("predict", "expired", "revoked", "admin")}
        self.keys |= {"bad": "vig_" + "x" * 32, "none": ""}
        revoke_key(self.settings, "revoked")
        self.change("expired", expires=datetime.now(UTC) - timedelta(seconds=1))
        self.change("admin", role="admin")
        worker_state = loaded(self.settings)
        self.metrics = worker_state.metrics
        self.app: Flask = create_app(worker_state=worker_state)
        self.transports = {
            "fast lane": Endpoint(worker_state, self.app),
            "Flask": Endpoint(with_fast_lane(worker_state, False), self.app),
        }
        self._ask = ask

    def add(self, name: str, days: int | None = None) -> str:
        return add_key(self.settings, name, days)

    def change(self, name: str, **entries: Any) -> None:
        """Changes a key as its line of the file has it."""
        lines = [orjson.loads(line) for line in self.file.read_bytes().splitlines()]
        changed = [one | (entries if one["name"] == name else {}) for one in lines]
        self.file.write_bytes(b"".join(orjson.dumps(one) + b"\n" for one in changed))

    @property
    def file(self) -> Path:
        assert self.settings.api_keys is not None
        return self.settings.api_keys

    def ask(
        self,
        who: str,
        method: str,
        path: str,
        body: bytes = b"",
        transport: str = "fast lane",
        **h: str,
    ) -> Answer:
        headers = {"Content-Type": JSON, "X-Request-Id": "one", **h}
        if self.keys.get(who):
            headers["Authorization"] = f"Bearer {self.keys[who]}"
        return self._ask(self.transports[transport], method, path, headers, body)

    def rejected(self, reason: str) -> float:
        value = self.metrics.registry.get_sample_value("vigie_rejected_total", {"reason": reason})
        assert value is not None
        return float(value)


@pytest.fixture
def keyed(tmp_path: Path, ask: AskEndpoint, monkeypatch: pytest.MonkeyPatch) -> Keyed:
    monkeypatch.setattr(access, "_LOOK_SECONDS", 0.0)
    return Keyed(tmp_path, ask)


# --- who may ask for what


def path_of(template: str) -> str:
    """An address of a route template."""
    parts = {"model": "housing", "version": "1", "label": "champion", "verb": "classify"}
    parts |= {"filename": "vigie.css", "code": "not-found"}
    return re.sub(r"<(?:path:)?(\w+)>", lambda found: parts[found[1]], template)


@pytest.mark.parametrize("transport", ["fast lane", "Flask"])
def test_every_route_asks_for_what_it_needs(keyed: Keyed, transport: str) -> None:
    asked = 0
    for rule in keyed.app.url_map.iter_rules():
        if rule.rule in LOGIN:
            continue
        methods = (rule.methods or set()) - {"HEAD", "OPTIONS"}
        for method in methods:
            for who, wanted in CALLERS.items():
                answer = keyed.ask(who, method, path_of(rule.rule), b"{}", transport)
                asked += 1
                if rule.rule in OPEN:
                    assert answer.status == 200, (who, rule)
                else:
                    assert (answer.status == 401) == (wanted == 401), (who, rule, answer)
                    assert answer.status != 403
                if answer.status == 401:
                    assert answer.headers["www-authenticate"] == "Bearer"
                    assert "x-model-version" not in answer.headers
    assert asked > 200


@pytest.mark.parametrize("who", ["none", "bad"])
@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "GET", "POST", "TRACE"])
@pytest.mark.parametrize("path", ["/", "/predict", "/predict/nothing", "/v2/x", "/nothing", "//"])
def test_nothing_is_said_without_a_key(keyed: Keyed, who: str, method: str, path: str) -> None:
    assert keyed.ask(who, method, path).status == 401


@pytest.mark.parametrize(("path", "member"), DIALECTS)
@pytest.mark.parametrize("who", ["none", "bad", "expired"])
def test_both_transports_refuse_alike_in_the_words_of_the_dialect(
    keyed: Keyed, path: str, member: str, who: str
) -> None:
    fast, slow = (keyed.ask(who, "POST", path, b"{}", transport) for transport in keyed.transports)
    assert fast == slow
    assert fast.status == 401
    assert member in fast.json()
    assert b"price_eur" not in fast.body
    assert b"surface_m2" not in fast.body
    assert keyed.rejected("unauthorized") == 2


def test_predictions_come_with_a_key_in_each_of_its_places(keyed: Keyed) -> None:
    key, basic = keyed.keys["predict"], base64.b64encode(b"a:b").decode()
    places: list[dict[str, str]] = [
        {"Authorization": f"Bearer {key}"},
        {"Authorization": f"bearer  {key} "},
        {"X-Api-Key": key},
        {"X-Api-Key": key, "Authorization": f"Basic {basic}"},
    ]
    for headers in places:
        for transport in keyed.transports:
            answer = keyed.ask("none", "POST", "/predict", GOOD, transport, **headers)
            assert answer.status == 200, headers
    elsewhere: list[tuple[str, dict[str, str]]] = [
        (f"/predict?api_key={key}", {}),
        ("/predict", {"Cookie": f"X-Api-Key={key}"}),
        ("/predict", {"Authorization": key}),
        ("/predict", {"Authorization": f"Bearer {key[:-1]}"}),
        ("/predict", {"Authorization": f"Bearer {key}x", "X-Api-Key": key}),
        ("/predict", {"Authorization": f"Bearer {key.upper()}"}),
        ("/predict", {"X-Api-Key": "\xe9\xff"}),
        ("/predict", {"X-Api-Key": next(one.hash for one in read_keys(keyed.file))}),
    ]
    for path, headers in elsewhere:
        assert keyed.ask("none", "POST", path, GOOD, **headers).status == 401, headers


def test_a_form_works_with_a_key_and_a_page_names_no_model_without(keyed: Keyed) -> None:
    key = keyed.keys["predict"]
    client = keyed.app.test_client()
    headers = {"X-Api-Key": key, "Accept": "text/html"}
    page = client.post("/models/housing", data=FORM, headers=headers)
    assert page.status_code == 200
    assert "€" in page.text
    assert key not in page.text
    assert re.findall('href="/models/([a-z]+)[?]', page.text) == ["housing", "iris"]
    for path in ("/", "/nothing"):
        refused = client.get(path, headers={"Accept": "text/html"})
        assert refused.status_code == 401
        assert "Authorization: Bearer" in refused.text
        assert "/models/" not in refused.text
    french = client.get("/?lang=fr", headers={"Accept": "text/html"})
    assert "Ce service demande une clé" in french.text
    far = {"REMOTE_ADDR": "192.0.2.1"}
    missing = client.get("/metrics", headers={"Accept": "text/html"}, environ_base=far)
    assert missing.status_code == 404
    assert "/models/" not in missing.text


def test_without_the_setting_nobody_needs_a_key(tmp_path: Path) -> None:
    cache = filled_cache(tmp_path / "cache")
    client = create_app(worker_state=loaded(settings_for(cache, tmp_path / "state"))).test_client()
    assert client.get("/v1/models").status_code == 200
    assert client.post("/predict", json=HOME).status_code == 200
    assert "securitySchemes" not in client.get("/openapi.json").get_json()["components"]


# --- keys stay secret


def test_a_key_is_nowhere_but_with_its_caller(
    keyed: Keyed,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.DEBUG)
    canaries = {**keyed.keys, "bad": "vig_c4nary-that-nobody-made"}
    canaries.pop("none")
    keyed.keys = {**canaries, "none": ""}
    said = b""

    def broken(*_: object) -> NoReturn:
        raise RuntimeError("planted")

    for who in canaries:
        for method, path in (
            ("POST", "/predict"),
            ("POST", "/v1/models/housing:predict"),
            ("POST", "/v2/models/no/infer"),
            ("POST", "/invocations"),
            ("POST", "/"),
            ("GET", "/"),
            ("GET", "/metrics"),
            ("GET", "/openapi.json"),
            ("GET", "/v1/models"),
        ):
            answer = keyed.ask(who, method, path, GOOD, Accept="text/html, */*")
            said += answer.body + str(answer.headers).encode()
    keyed.app.view_functions["operations.models"] = broken
    monkeypatch.setattr(
        keyed.transports["fast lane"].worker_state.pipeline.routes, "serving", broken
    )
    assert keyed.ask("predict", "POST", "/predict", GOOD).status == 500
    assert keyed.ask("predict", "GET", "/v1/models").status == 500
    assert "broken" in caplog.text
    captured = capfd.readouterr()
    kept = keyed.file.read_text() + keyed.settings.audit_log.read_text()
    for text in (said.decode(), caplog.text, captured.out, captured.err, kept):
        for key in canaries.values():
            assert key not in text


def test_the_file_holds_hashes_for_its_owner_alone(keyed: Keyed) -> None:
    keyed.add("last", days=3)
    assert keyed.file.stat().st_mode & 0o777 == 0o600
    names = [path.name for path in keyed.file.parent.iterdir() if "keys" in path.name]
    assert names == ["keys"]
    *_, last = read_keys(keyed.file)
    assert (last.name, last.role, last.expired) == ("last", "predict", False)
    assert last.expires == last.created + timedelta(days=3)
    secret = keyed.keys["predict"].removeprefix("vig_")
    assert len(base64.urlsafe_b64decode(secret)) * 8 >= 128


# --- a file that changes


def test_a_change_of_the_file_is_seen_at_the_next_look(keyed: Keyed) -> None:
    assert keyed.ask("predict", "GET", "/v1/models").status == 200
    keyed.keys["late"] = keyed.add("late")
    assert keyed.ask("late", "GET", "/v1/models").status == 200
    revoke_key(keyed.settings, "late")
    assert keyed.ask("late", "GET", "/v1/models").status == 401
    assert keyed.ask("predict", "GET", "/v1/models").status == 200


def _remove(path: Path) -> None:
    path.unlink()


def _shut(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def _repeat(path: Path) -> None:
    path.write_bytes(path.read_bytes() * 2)


def _spoil(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\xff\x00 no key")


def _open_wide(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"predict"', b'"none"'))


@pytest.mark.parametrize("spoil", [_remove, _shut, _cut, _repeat, _spoil, _open_wide])
def test_a_file_that_cannot_be_read_never_opens_the_service(
    keyed: Keyed, spoil: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    whole = keyed.file.read_bytes()
    assert keyed.ask("predict", "POST", "/predict", GOOD).status == 200
    spoil(keyed.file)
    for who in ("none", "bad", "predict", "admin"):
        for path, _ in DIALECTS:
            answer = keyed.ask(who, "POST", path, GOOD)
            assert answer.status == 503
            assert answer.headers["retry-after"] == "5"
            assert b"its log has the cause" in answer.body
        assert keyed.ask(who, "GET", "/v1/models").status == 503
    assert keyed.rejected("no_keys") == 20
    assert keyed.ask("none", "GET", "/readyz").status == 200
    (record,) = [one for one in caplog.records if "VIGIE_API_KEYS" in one.getMessage()]
    assert str(keyed.file) not in record.getMessage()
    with pytest.raises(ConfigurationError, match="VIGIE_API_KEYS: "):
        serve(keyed.settings.model_copy(update={"port": free_port(), "metrics_port": free_port()}))
    if keyed.file.is_dir():
        keyed.file.rmdir()
    keyed.file.write_bytes(whole)
    assert keyed.ask("predict", "POST", "/predict", GOOD).status == 200


def test_a_file_with_roles_is_read_and_the_next_change_leaves_none_but_predict(
    keyed: Keyed,
) -> None:
    assert b'"admin"' in keyed.file.read_bytes().replace(b'"name":"admin"', b"")
    keyed.add("later")
    assert {key.role for key in read_keys(keyed.file)} == {"predict"}
    assert b'"role":"admin"' not in keyed.file.read_bytes()
    assert keyed.ask("admin", "GET", "/v1/models").status == 200


def test_the_file_is_looked_at_once_a_second(keyed: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[Path] = []
    stamp = access._stamp
    monkeypatch.setattr(access, "_LOOK_SECONDS", 1.0)

    def look(path: Path) -> tuple[int, ...]:
        looks.append(path)
        return stamp(path)

    monkeypatch.setattr(access, "_stamp", look)
    guard = Access(keyed.file)
    headers = {b"x-api-key": keyed.keys["predict"].encode()}
    for _ in range(100):
        assert guard.admit(headers) == "predict"
    assert len(looks) == 1
    guard._next_look -= 1
    guard.admit(headers)
    assert len(looks) == 2


def test_names_are_given_once_and_unknown_ones_are_said(keyed: Keyed) -> None:
    before = keyed.file.read_bytes()
    with pytest.raises(ConfigurationError, match="there is a key admin already"):
        keyed.add("admin")
    with pytest.raises(NotFound, match="there is no key nobody"):
        revoke_key(keyed.settings, "nobody")
    assert keyed.file.read_bytes() == before
    keyed.settings.audit_log.unlink()
    keyed.settings.audit_log.mkdir()
    with pytest.raises(ConfigurationError, match="VIGIE_AUDIT_LOG"):
        keyed.add("unrecorded")
    assert keyed.file.read_bytes() == before


# --- OpenAPI


def test_openapi_says_where_a_key_is_needed(keyed: Keyed) -> None:
    document = keyed.ask("predict", "GET", "/openapi.json").json()
    validate(document)
    assert set(document["components"]["securitySchemes"]) == {"bearer", "header", "session"}
    assert document["security"] == [{"bearer": []}, {"header": []}]
    open_paths = {
        path
        for path, item in document["paths"].items()
        if any(part.get("security") == [] for name, part in item.items() if name != "parameters")
    }
    assert open_paths == OPEN & set(document["paths"])
    assert OPEN | LOGIN == OPEN_ROUTES
    for path, item in document["paths"].items():
        (method,) = item.keys() & {"get", "post"}
        refusal = item[method]["responses"].get("401")
        assert (refusal is None) == (path in OPEN)
        if refusal is None:
            continue
        answer = keyed.ask("none", method.upper(), path_of(re.sub("{(.+?)}", r"<\1>", path)), b"{}")
        ((media_type, content),) = refusal["content"].items()
        assert answer.headers["content-type"] == media_type, path
        whole = {**content["schema"], "components": document["components"]}
        assert Draft202012Validator(whole).is_valid(answer.json()), path
