"""People log in with a key: what their cookie opens, and what it does not."""

from __future__ import annotations

import hmac
import logging
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import itsdangerous.signer
import itsdangerous.timed
import orjson
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from support.transport import AskEndpoint, Endpoint
from support.worker import HOME, JSON, filled_cache, loaded, settings_for
from vigie.errors import TooManyTries, Unavailable
from vigie.serving.app import create_app
from vigie.serving.auth import access
from vigie.serving.auth.access import OPEN_ROUTES
from vigie.serving.auth.apikeys import add_key, revoke_key
from vigie.serving.auth.login_limit import MOST_FAILED, SECONDS, LoginLimit, caller_of
from vigie.serving.auth.session import Sessions, takes_sessions
from vigie.serving.web.login import LONGEST_KEY, MOST_BYTES
from vigie.settings import Settings

HTML = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
FORM = {"surface_m2": "54", "rooms": "3", "property_type": "apartment"}
OWN = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
HOUR = 3600


class Site:
    """A service that asks for keys, and browsers on it."""

    def __init__(self, folder: Path) -> None:
        self.settings: Settings = settings_for(
            filled_cache(folder / "cache"),
            folder / "state",
            api_keys=folder / "keys",
            audit_log=folder / "audit.log",
        )
        self.key = add_key(self.settings, "anna", None)
        self.secret = self.settings.state / "session-secret"
        self.worker_state = loaded(self.settings)
        self.app: Flask = create_app(worker_state=self.worker_state)

    def browser(self, *, keeps_cookies: bool = True) -> FlaskClient:
        client = self.app.test_client(use_cookies=keeps_cookies)
        client.environ_base["HTTP_ACCEPT"] = HTML
        return client

    def logged_in(self) -> FlaskClient:
        browser = self.browser()
        assert log_in(browser, self.key).status_code == 303
        return browser

    def rejected(self, reason: str) -> float:
        registry = self.worker_state.metrics.registry
        value = registry.get_sample_value("vigie_rejected_total", {"reason": reason})
        assert value is not None
        return float(value)


def log_in(browser: FlaskClient, key: str, wanted: str = "/", **headers: str) -> TestResponse:
    fields = {"key": key, "next": wanted}
    return browser.post("/login", data=fields, headers={**OWN, **headers})


def cookie_of(browser: FlaskClient) -> str:
    cookie = browser.get_cookie("vigie_session")
    assert cookie is not None
    return cookie.value


def with_cookie(site: Site, value: str) -> TestResponse:
    """What a browser with this cookie sees of the first page."""
    return sending(site, f"vigie_session={value}")


def sending(site: Site, line: str, **headers: str) -> TestResponse:
    """What a browser with these cookies sees of it."""
    browser = site.browser(keeps_cookies=False)
    return browser.get("/", headers={"Cookie": line, **headers})


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(access, "_LOOK_SECONDS", 0.0)
    return Site(tmp_path)


# --- the way in and out


@pytest.mark.parametrize("path", ["/", "/models/iris", "/docs", "/status", "/nothing", "/v1/nope"])
def test_a_browser_is_asked_for_a_key_and_a_program_told_so(site: Site, path: str) -> None:
    page = site.browser().get(path)
    assert page.status_code == 401
    assert page.headers["WWW-Authenticate"] == "Bearer"
    assert page.headers["Cache-Control"] == "no-store"
    assert '<input id="key" name="key" type="password"' in page.text
    assert "<script" not in page.text
    assert "housing" not in page.text
    told = site.app.test_client().get(path)
    assert (told.status_code, told.mimetype) == (401, "application/problem+json")


def test_a_key_opens_pages_and_their_forms(site: Site) -> None:
    browser = site.browser()
    answer = log_in(browser, f" {site.key} ", "/status")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/status?lang=en")
    for path in ("/", "/models/iris", "/docs", "/status", "/openapi.json"):
        page = browser.get(path)
        assert page.status_code == 200
        assert page.mimetype != "text/html" or page.headers["Cache-Control"] == "no-store"
    result = browser.post("/models/housing", data=FORM, headers=OWN)
    assert result.status_code == 200
    assert "€" in result.text
    missing = browser.get("/nothing")
    assert missing.status_code == 404
    assert 'action="/logout' in missing.text


def test_the_cookie_is_for_this_service_alone_and_no_script_reads_it(site: Site) -> None:
    plain = log_in(site.browser(), site.key).headers["Set-Cookie"]
    assert plain.startswith("vigie_session=")
    parts = set(plain.split("; ")[1:])
    assert {"HttpOnly", "SameSite=Lax", "Path=/", f"Max-Age={12 * HOUR}"} <= parts
    assert "Secure" not in parts
    assert "Domain" not in plain
    over_tls = log_in(site.browser(), site.key, **{"X-Forwarded-Proto": "https"})
    cookie = over_tls.headers["Set-Cookie"]
    assert cookie.startswith("__Host-vigie_session=")
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    value = cookie.partition(";")[0]
    for name, status in (("https", 200), ("http", 401)):
        assert sending(site, value, **{"X-Forwarded-Proto": name}).status_code == status


def test_a_wrong_key_is_told_and_the_page_that_was_wanted_is_kept(site: Site) -> None:
    page = log_in(site.browser(), "vig_wrong", "/status")
    assert page.status_code == 401
    assert "This key is not taken" in page.text
    assert 'name="next" value="/status"' in page.text
    assert "Set-Cookie" not in page.headers
    assert site.rejected("unauthorized") == 1


def test_the_page_speaks_french(site: Site) -> None:
    page = site.browser().get("/status?lang=fr")
    assert page.status_code == 401
    for text in ("Se connecter", "Ce service demande une clé"):
        assert text in page.text
    wrong = site.browser().post("/login?lang=fr", data={"key": "x"}, headers=OWN)
    assert "Cette clé n'est pas acceptée" in wrong.text.replace("&#39;", "'")
    right = site.browser().post("/login?lang=fr", data={"key": site.key}, headers=OWN)
    assert right.headers["Location"] == "/?lang=fr"


def test_logging_out_ends_it_in_this_browser(site: Site) -> None:
    browser = site.logged_in()
    assert 'action="/logout?lang=en"' in browser.get("/").text
    assert browser.post("/logout", headers={"Origin": "http://evil.test"}).status_code == 403
    assert browser.get("/").status_code == 200
    answer = browser.post("/logout", headers=OWN)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login?lang=en")
    assert browser.get_cookie("vigie_session") is None
    assert browser.get("/").status_code == 401
    keyed = browser.get("/", headers={"X-Api-Key": site.key})
    assert keyed.status_code == 200
    assert "/logout" not in keyed.text


def test_where_no_key_is_asked_for_nobody_logs_in(tmp_path: Path) -> None:
    settings = settings_for(filled_cache(tmp_path / "cache"), tmp_path / "state")
    client = create_app(worker_state=loaded(settings)).test_client()
    assert client.get("/login").status_code == 404
    assert client.post("/login", data={"key": "x"}, headers=OWN).status_code == 404
    assert client.post("/logout", headers=OWN).status_code == 404
    assert "/logout" not in client.get("/").text
    assert not (tmp_path / "state" / "session-secret").exists()


# --- what a session does not open


def test_routes_for_programs_take_no_session(site: Site) -> None:
    browser = site.logged_in()
    parts = {"model": "housing", "version": "1", "label": "champion", "verb": "classify"}
    parts |= {"code": "not-found", "place": "1"}
    shut = opened = 0
    for rule in site.app.url_map.iter_rules():
        if rule.rule in OPEN_ROUTES:
            continue
        path = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: parts[found[1]], rule.rule)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            data = {"data": FORM} if takes_sessions(path) else {"json": HOME}
            status = browser.open(path, method=method, headers=OWN, **data).status_code
            assert (status == 401) != takes_sessions(path), (method, path, status)
            opened += status != 401
            shut += status == 401
    assert opened >= 9
    assert shut >= 20


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://evil.test"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://localhost.evil.test"},
        {"Origin": "http://localhost:81"},
        {"Origin": "http://[broken"},
        {"Origin": "http://user@localhost"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "Same-Origin"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
        {"Referer": "http://localhost/"},
    ],
)
def test_no_form_is_taken_from_a_page_of_another_site(site: Site, headers: dict[str, str]) -> None:
    browser = site.logged_in()
    for path, fields in (
        ("/", FORM),
        ("/models/iris", FORM),
        ("/nothing", FORM),
        ("/login", {"key": site.key}),
        ("/logout", {}),
    ):
        answer = browser.post(path, data=fields, headers=headers)
        assert answer.status_code == 403, path
        assert "Set-Cookie" not in answer.headers
        assert "€" not in answer.text
    assert browser.get("/").status_code == 200
    assert site.rejected("forbidden") == 5
    # who sends a key is no browser that was led there
    keyed = browser.post("/", data=FORM, headers={**headers, "X-Api-Key": site.key})
    assert keyed.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://localhost"},
        {"Origin": "https://localhost"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_a_form_of_its_own_page_is_taken(site: Site, headers: dict[str, str]) -> None:
    assert site.logged_in().post("/", data=FORM, headers=headers).status_code == 200


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.test", "//evil.test/status", "https://evil.test/", "http:evil.test",
        "\\\\evil.test", "/\\evil.test", "/%2f%2fevil.test", "/models//evil.test",
        "javascript:alert(1)", "evil.test",
        "/status\r\nX-Evil: 1", "/status?next=//evil.test", "/status#x", " /status", "/\tevil.test",
        "/predict", "/v1/models", "/login", "/logout", "", "/models/é", "/" + "a" * 5000,
    ],
)  # fmt: skip
def test_a_login_leads_to_a_page_of_this_service_alone(site: Site, wanted: str) -> None:
    answer = log_in(site.browser(), site.key, wanted)
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/?lang=en"
    assert "X-Evil" not in answer.headers
    shown = site.browser().get("/login", query_string={"next": wanted})
    assert 'name="next" value="/"' in shown.text


def test_a_large_form_is_let_in_by_its_head(site: Site, ask: AskEndpoint) -> None:
    endpoint = Endpoint(site.worker_state, site.app)
    cookie = f"vigie_session={cookie_of(site.logged_in())}"
    body = b"rooms=" + b"3" * 100_000
    form = {"Content-Type": "application/x-www-form-urlencoded", "Accept": HTML}
    for path, headers, status in (
        ("/models/housing", {"Cookie": cookie, **OWN}, 422),
        ("/models/housing", {"Cookie": cookie, "Sec-Fetch-Site": "cross-site"}, 403),
        ("/models/housing", OWN, 401),
        ("/predict", {"Cookie": cookie, **OWN}, 401),
        ("/login", OWN, 401),
    ):
        answer = ask(endpoint, "POST", path, {**form, **headers}, body)
        assert answer.status == status, (path, headers)


# --- cookies that nobody was given


def test_no_other_cookie_is_taken(site: Site) -> None:
    good = cookie_of(site.logged_in())
    assert with_cookie(site, good).status_code == 200
    name, time, signature = good.split(".")
    other = f"{'0' * len(name)}.{time}.{signature}"
    longer = itsdangerous.TimestampSigner("x" * 43, salt="vigie session").sign(name).decode()
    unlike = itsdangerous.Signer(site.secret.read_text(), salt="vigie session").sign(name).decode()
    spoilt = [good[:at] + ("A" if good[at] != "A" else "B") + good[at + 1 :] for at in range(43)]
    # the last bits of the last letter stand for nothing
    cut = [good[:at] for at in range(0, len(good) - 1, 7)]
    wrong = [other, longer, unlike, *spoilt, *cut, f"{name}..{signature}", f"{name}.{signature}"]
    wrong += ["", ".", "..", "..." * 50, f"{good}.{good}", good * 100, "é", f'"{good}x"', site.key]
    for cookie in wrong:
        assert with_cookie(site, cookie).status_code == 401, cookie
    for line in (f"vigie_session={'x' * 5000}; a={good}", f"__Host-vigie_session={good}", "=;=,"):
        assert sending(site, line).status_code == 401


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The time of signatures, as seconds to be changed."""
    now = [int(datetime.now(UTC).timestamp())]
    monkeypatch.setattr(itsdangerous.timed.TimestampSigner, "get_timestamp", lambda _: now[0])
    return now


def test_a_session_ends_with_its_age_however_it_is_used(site: Site, clock: list[int]) -> None:
    browser = site.logged_in()
    cookie = cookie_of(browser)
    clock[0] += 12 * HOUR
    assert with_cookie(site, cookie).status_code == 200
    clock[0] += 1
    assert with_cookie(site, cookie).status_code == 401
    # nor is one taken from a time that is still to come
    clock[0] -= 13 * HOUR
    assert with_cookie(site, cookie).status_code == 401


def test_a_session_ends_with_its_key_and_another_of_the_name_does_not_open_it(site: Site) -> None:
    cookie = cookie_of(site.logged_in())
    add_key(site.settings, "other", None)
    assert with_cookie(site, cookie).status_code == 200
    revoke_key(site.settings, "anna")
    assert with_cookie(site, cookie).status_code == 401
    add_key(site.settings, "anna", None)
    assert with_cookie(site, cookie).status_code == 401


def test_a_session_ends_when_its_key_expires(site: Site) -> None:
    cookie = cookie_of(site.logged_in())
    assert site.settings.api_keys is not None
    (entry,) = map(orjson.loads, site.settings.api_keys.read_bytes().splitlines())
    entry["expires"] = datetime.now(UTC) - timedelta(seconds=1)
    site.settings.api_keys.write_bytes(orjson.dumps(entry) + b"\n")
    assert with_cookie(site, cookie).status_code == 401


def test_a_signature_is_compared_in_constant_time(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = cookie_of(site.logged_in())
    compared: list[bool] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append(hmac.compare_digest(one, other))
        return compared[-1]

    monkeypatch.setattr(itsdangerous.signer, "hmac", _Hmac(compare))
    assert with_cookie(site, good).status_code == 200
    assert with_cookie(site, f"{good[:-2]}AA").status_code == 401
    assert compared == [True, False]


class _Hmac:
    """The module `hmac` with another way to compare."""

    def __init__(self, compare: object) -> None:
        self.compare_digest = compare
        self.new = hmac.new


# --- the secret


def test_replicas_that_share_the_secret_know_each_others_people(site: Site) -> None:
    cookie = cookie_of(site.logged_in())
    again = create_app(worker_state=loaded(site.settings)).test_client(use_cookies=False)
    headers = {"Cookie": f"vigie_session={cookie}"}
    assert again.get("/", headers=headers).status_code == 200
    assert site.secret.stat().st_mode & 0o777 == 0o600


def test_a_new_secret_holds_at_once_and_an_old_one_as_long_as_it_is_kept(site: Site) -> None:
    before = cookie_of(site.logged_in())
    old = site.secret.read_text()
    site.secret.write_text(f"{old}\n{'n' * 43}\n")
    after = cookie_of(site.logged_in())
    assert with_cookie(site, before).status_code == 200
    site.secret.write_text("n" * 43)
    assert with_cookie(site, before).status_code == 401
    assert with_cookie(site, after).status_code == 200


@pytest.mark.parametrize("content", [None, b"", b"short", b"\xff" * 40])
def test_without_a_secret_nobody_logs_in_and_keys_are_taken_all_the_same(
    site: Site, content: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    cookie = cookie_of(site.logged_in())
    if content is None:
        site.secret.unlink()
    else:
        site.secret.write_bytes(content)
    refused = log_in(site.browser(), site.key)
    assert refused.status_code == 503
    assert refused.headers["Retry-After"] == "5"
    assert "Set-Cookie" not in refused.headers
    assert with_cookie(site, cookie).status_code == 401
    assert site.browser().get("/", headers={"X-Api-Key": site.key}).status_code == 200
    (line,) = [one.getMessage() for one in caplog.records if one.name == "vigie.serving"]
    assert line.startswith("VIGIE_SESSION_SECRET: ")
    assert str(site.secret) not in line


def test_of_many_starts_at_once_one_makes_the_secret(tmp_path: Path) -> None:
    path = tmp_path / "new" / "secret"
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: Sessions(path, HOUR), range(16)))
    signed = {one.start("same").rpartition(".")[2] for one in made}
    assert len(signed) <= 2  # a second may have passed
    assert len(path.read_text()) >= 43
    with pytest.raises(Unavailable):
        Sessions(Path("/proc/nowhere/secret"), HOUR).start("x")


# --- limits


def test_wrong_keys_are_bounded_by_address(site: Site) -> None:
    def attempt(key: str, address: str) -> TestResponse:
        return log_in(site.browser(), key, **{"X-Forwarded-For": address})

    for number in range(MOST_FAILED):
        assert attempt(f"vig_{number}", "192.0.2.7").status_code == 401
    for key in ("vig_next", site.key):
        refused = attempt(key, "192.0.2.7")
        assert refused.status_code == 429
        assert 0 < int(refused.headers["Retry-After"]) <= SECONDS
        assert "Set-Cookie" not in refused.headers
    assert attempt(site.key, "192.0.2.8").status_code == 303
    assert site.rejected("unauthorized") == MOST_FAILED + 2
    assert site.logged_in().get("/").status_code == 200


def test_a_minute_later_an_address_may_try_again() -> None:
    now = 1000.0
    limit = LoginLimit(lambda: now)
    assert [limit.note_failure("a") for _ in range(MOST_FAILED)] == [False] * 9 + [True]
    with pytest.raises(TooManyTries) as refused:
        limit.require_room("a")
    assert refused.value.retry_after == SECONDS
    limit.require_room("b")
    now += SECONDS
    limit.require_room("a")
    for number in range(20_000):
        limit.note_failure(str(number))
    assert len(limit._failed) == 10_000


@pytest.mark.parametrize(
    ("told", "peer", "address"),
    [
        (b"", "203.0.113.9", "203.0.113.9"),
        (b"192.0.2.1", "172.18.0.2", "192.0.2.1"),
        (b"6.6.6.6, 192.0.2.1", "10.0.0.1", "192.0.2.1"),
        (b"192.0.2.1", "8.8.8.8", "8.8.8.8"),
        (b"2a01:db8:1:2:3:4:5:6", "::1", "2a01:db8:1:2::/64"),
        (b"::ffff:192.0.2.1", "127.0.0.1", "192.0.2.1"),
        (b"nonsense", "127.0.0.1", ""),
        (b"192.0.2.1", "localhost", "192.0.2.1"),
    ],
)
def test_a_caller_is_known_by_what_a_proxy_near_by_says(
    told: bytes, peer: str, address: str
) -> None:
    assert caller_of({b"x-forwarded-for": told} if told else {}, peer) == address


@pytest.mark.parametrize("key", ["x" * (LONGEST_KEY + 1), "x" * 5000, "", "é" * 200, "\x00"])
def test_what_is_no_key_is_refused_whatever_its_length(site: Site, key: str) -> None:
    assert log_in(site.browser(), key).status_code == 401


def test_a_login_has_a_small_form_and_no_other_body(site: Site) -> None:
    browser = site.browser()
    assert log_in(browser, "x" * MOST_BYTES).status_code == 413
    other = browser.post("/login", json={"key": site.key}, headers=OWN)
    assert other.status_code == 415
    assert browser.post("/login", headers=OWN).status_code == 401
    in_address = browser.post(f"/login?key={site.key}", headers=OWN)
    assert in_address.status_code == 401


def test_the_key_is_nowhere_but_in_the_form(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    browser = site.browser()
    said = [log_in(browser, f"{site.key}x", f"/{site.key}"), log_in(browser, site.key)]
    said += [browser.get(path) for path in ("/", "/status", "/docs", "/login")]
    said.append(browser.post("/", data=FORM, headers=OWN))
    texts = [answer.text + str(answer.headers) for answer in said]
    texts += [caplog.text, cookie_of(browser), site.settings.audit_log.read_text()]
    secret = site.key.removeprefix("vig_")
    assert all(secret not in text for text in texts)
    assert "somebody logged in with the key anna" in caplog.text
    assert JSON not in said[-1].headers["Content-Type"]
