"""The page of a model that knows more of a photo, in a real browser, and as an installed app."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageChops
from playwright.sync_api import Browser, Page, expect

from support.browser import own_profile, page_in
from support.fruits import SHOWN, install_fruits
from support.icons import DRAWN, STATIC, draw
from support.photos import write_photos
from support.service import LiveService
from vigie.registry.cache import ModelCache

Open = Callable[..., Page]
SEEN = """count => {
  const seen = [...document.querySelectorAll(".alike img")];
  return seen.length === count && seen.every(image => image.complete && image.naturalWidth);
}"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    folder = tmp_path_factory.mktemp("service")
    cache = ModelCache(folder / "cache")
    install_fruits(cache)
    service = LiveService(folder, cache.folder, VIGIE_MODELS="fruits", VIGIE_WORKERS="1")
    service.start()
    service.wait_ready()
    yield service
    service.clean_up()


@pytest.fixture
def visit(browser: Browser, service: LiveService) -> Iterator[Open]:
    """Opens a page of the service in a fresh profile."""
    with ExitStack() as pages:

        def visit(path: str = "/models/fruits", **options: object) -> Page:
            page = pages.enter_context(page_in(browser, **options))
            page.goto(f"http://127.0.0.1:{service.port}{path}")
            return page

        yield visit


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_photos(tmp_path_factory.mktemp("photos"))


def ask(page: Page, photos: list[Path], button: str = "Predict") -> None:
    page.locator("#field-photo").set_input_files(photos)
    page.get_by_role("button", name=button).click()
    expect(page.locator("#result-title")).to_be_visible()


def all_seen(page: Page, count: int) -> None:
    """Waits until so many pictures of reference photos are there and drawn."""
    # a picture that is far down is loaded when it comes into sight
    for picture in page.locator(".alike img").all():
        picture.scroll_into_view_if_needed()
    page.wait_for_function(SEEN, arg=count)


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_a_photo_is_answered_with_what_is_known_of_it(
    visit: Open, photos: list[Path], scripts: bool
) -> None:
    page = visit(java_script_enabled=scripts)
    ask(page, photos[:1])
    expect(page.locator(".estimate-value")).to_have_text("Apple")
    expect(page.locator(".told")).to_contain_text("Keeps for months.")
    link = page.get_by_role("link", name="More about: Apple")
    expect(link).to_have_attribute("href", "https://en.wikipedia.org/wiki/Apple")
    expect(page.locator(".alike li b")).to_have_text(["Apple"] * SHOWN)
    expect(page.locator(".plain")).to_contain_text("3 numbers")
    all_seen(page, SHOWN)


def test_several_photos_have_their_own(visit: Open, photos: list[Path]) -> None:
    page = visit("/models/fruits?lang=fr", viewport={"width": 390, "height": 844}, is_mobile=True)
    ask(page, photos, "Prédire")
    each = page.locator(".answers > li")
    expect(each).to_have_count(3)
    expect(each.locator(".estimate-value")).to_have_text(["Pomme", "green", "blue"])
    expect(each.nth(0)).to_contain_text("Se garde des mois.")
    expect(each.nth(1)).to_contain_text("Is rich in vitamin C.")
    expect(each.nth(2).locator(".told")).to_have_count(0)
    all_seen(page, 3 * SHOWN)
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0


def test_a_phone_offers_its_camera(visit: Open) -> None:
    page = visit(has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
    camera = page.locator("#camera-photo")
    expect(camera).to_have_attribute("capture", "environment")
    expect(page.get_by_text("Take a photo")).to_be_visible()


@pytest.mark.parametrize("path", ["/models/fruits", "/models/fruits?lang=fr", "/"])
def test_browsers_find_nothing_that_keeps_the_page_from_being_installed(
    browser: Browser, service: LiveService, tmp_path: Path, path: str
) -> None:
    # what is opened in a private window cannot be installed
    with own_profile(browser, tmp_path / "profile") as context:
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{service.port}{path}")
        session = context.new_cdp_session(page)
        found: dict[str, Any] = session.send("Page.getAppManifest")
        assert found["errors"] == []
        assert "/models/fruits/manifest.webmanifest" in found["url"]
        assert session.send("Page.getInstallabilityErrors")["installabilityErrors"] == []


@pytest.mark.parametrize("name", DRAWN)
def test_the_icons_are_their_drawings(browser: Browser, name: str) -> None:
    drawn = draw(browser, *DRAWN[name])
    with Image.open(STATIC / name) as kept:
        difference = ImageChops.difference(kept.convert("RGBA"), drawn)
    assert float(np.asarray(difference).mean()) < 1, "stale: python -m support.icons"
