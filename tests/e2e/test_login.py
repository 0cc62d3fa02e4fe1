"""People log in with a real browser, with scripts and without; their sessions end with the key."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
import requests
from playwright.sync_api import Browser, Page, Route, expect

from support.browser import page_in
from support.colours_package import install_colours
from support.packages import install
from support.photos import photo_bytes
from support.service import LiveService
from support.waiting import wait_until
from vigie.registry.cache import ModelCache
from vigie.serving.auth.apikeys import add_key, revoke_key
from vigie.settings import Settings, load_settings

MOST_SECONDS = 5.0
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("keys")
    return load_settings(api_keys=folder / "keys", audit_log=folder / "audit.log")


@pytest.fixture(scope="module")
def key(keys: Settings) -> str:
    return add_key(keys, "anna", None)


@pytest.fixture(scope="module")
def guest(keys: Settings) -> str:
    return add_key(keys, "guest", 1)


@pytest.fixture(scope="module")
def service(
    keys: Settings, key: str, guest: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveService]:
    """Two workers, which share what they find in the state folder."""
    folder = tmp_path_factory.mktemp("service")
    cache = ModelCache(folder / "cache")
    install(cache, "housing")
    install_colours(cache)
    service = LiveService(
        folder,
        cache.folder,
        VIGIE_MODELS="housing,colours",
        VIGIE_HOST="0.0.0.0",
        VIGIE_API_KEYS=str(keys.api_keys),
    )
    service.start()
    service.wait_ready()
    yield service
    service.clean_up()


@pytest.fixture
def visit(browser: Browser, service: LiveService) -> Iterator[Open]:
    """Opens a page of the service in a fresh profile."""
    with ExitStack() as pages:

        def visit(path: str, host: str = "127.0.0.1", **options: object) -> Page:
            page = pages.enter_context(page_in(browser, **options))
            page.goto(f"http://{host}:{service.port}{path}")
            return page

        yield visit


def log_in(page: Page, key: str) -> None:
    page.get_by_label("Key").fill(key)
    page.get_by_role("button", name="Log in").click()


def own_address() -> str:
    """One of this machine that a browser does not trust as it trusts localhost."""
    for addresses in psutil.net_if_addrs().values():
        for one in addresses:
            if one.family == socket.AF_INET and not one.address.startswith("127."):
                return str(one.address)
    pytest.skip("this machine has no address but that of localhost")


@pytest.mark.parametrize("scripts", [True, False])
@pytest.mark.parametrize("near", [True, False])
def test_a_person_logs_in_asks_and_logs_out(
    visit: Open, key: str, *, scripts: bool, near: bool
) -> None:
    host = "127.0.0.1" if near else own_address()
    page = visit("/status", host, java_script_enabled=scripts)
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    log_in(page, "vig_wrong")
    expect(page.get_by_role("alert")).to_contain_text("This key is not taken")
    log_in(page, key)
    assert urlsplit(page.url).path == "/status"
    for _ in range(8):
        page.reload()
        expect(page.get_by_role("heading", name="Status", level=1)).to_be_visible()
    page.goto(page.url.replace("/status", "/models/housing"))
    page.get_by_role("button", name="Predict").click()
    expect(page.locator(".estimate-value")).to_contain_text("€")
    page.get_by_role("link", name="API", exact=True).click()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    # what was seen is not kept for who comes to this browser next
    page.go_back()
    expect(page.get_by_label("Key")).to_be_visible()


def test_photos_are_asked_about_with_a_session_until_its_key_is_gone(
    visit: Open, keys: Settings, guest: str, service: LiveService, tmp_path: Path
) -> None:
    (tmp_path / "red.png").write_bytes(photo_bytes("red", kind="PNG"))
    page = visit("/models/colours")
    log_in(page, guest)
    expect(page.locator("input[type=file]").first).to_be_attached()
    manifest = page.evaluate(
        "fetch(document.querySelector('link[rel=manifest]').href).then(answer => answer.status)"
    )
    assert manifest == 200
    page.set_input_files("input[type=file] >> nth=0", tmp_path / "red.png")
    page.get_by_role("button", name="Predict").click()
    expect(page.locator("#result-title")).to_be_visible()
    (cookie,) = page.context.cookies()
    revoke_key(keys, "guest")

    def is_shut() -> bool:
        session = {cookie["name"]: cookie["value"]}
        found = {
            requests.get(
                f"http://127.0.0.1:{service.port}/", cookies=session, timeout=10
            ).status_code
            for _ in range(8)
        }
        return found == {401}

    wait_until(is_shut, MOST_SECONDS)
    page.get_by_role("button", name="Predict").click()
    expect(page.get_by_label("Key")).to_be_visible()


def test_a_page_of_another_site_gets_nothing_out_of_a_session(
    visit: Open, key: str, service: LiveService
) -> None:
    page = visit("/")
    log_in(page, key)
    expect(page.get_by_role("button", name="Predict")).to_be_visible()
    fields = {"surface_m2": 54, "rooms": 3, "property_type": "apartment"}
    inputs = "".join(f'<input name="{name}" value="{value}">' for name, value in fields.items())
    form = (
        f'<form method="post" action="http://127.0.0.1:{service.port}/">{inputs}<button>go</button>'
    )

    def answer(route: Route) -> None:
        route.fulfill(content_type="text/html", body=form)

    page.route("http://evil.test/**", answer)
    page.goto("http://evil.test/")
    page.get_by_role("button", name="go").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    page.goto(f"http://127.0.0.1:{service.port}/")
    expect(page.get_by_role("button", name="Predict")).to_be_visible()


@pytest.mark.parametrize("width", [360, 1300])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_page_fits(visit: Open, width: int, scheme: str, language: str) -> None:
    page = visit(
        f"/login?lang={language}", viewport={"width": width, "height": 740}, color_scheme=scheme
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    box = page.locator("#key").bounding_box()
    assert box is not None
    assert box["height"] >= 44
    assert page.evaluate("document.activeElement.id") == "key"
