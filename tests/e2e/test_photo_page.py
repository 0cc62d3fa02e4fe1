"""The page of a model that takes photos, in a real browser, with scripts and without."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, FileChooser, Page, expect

from support.browser import page_in
from support.colours_package import install_colours
from support.photos import photo_bytes, write_photos
from support.service import LiveService
from vigie.registry.cache import ModelCache

MOST_BYTES = 2**20
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    """A service that takes four photos at once, of 1 MiB together."""
    folder = tmp_path_factory.mktemp("service")
    cache = ModelCache(folder / "cache")
    install_colours(cache)
    install_colours(cache, "warm", extra=True)
    service = LiveService(
        folder,
        cache.folder,
        VIGIE_MODELS="colours,warm",
        VIGIE_WORKERS="1",
        VIGIE_MAX_PHOTOS="4",
        VIGIE_MAX_BODY_BYTES=str(MOST_BYTES),
        VIGIE_MAX_PHOTO_BODY_BYTES=str(MOST_BYTES),
    )
    service.start()
    service.wait_ready()
    yield service
    service.clean_up()


@pytest.fixture
def visit(browser: Browser, service: LiveService) -> Iterator[Open]:
    """Opens a page of the service in a fresh profile."""
    with ExitStack() as pages:

        def visit(path: str = "/models/colours", **options: object) -> Page:
            page = pages.enter_context(page_in(browser, **options))
            page.goto(f"http://127.0.0.1:{service.port}{path}")
            return page

        yield visit


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """`red-0.jpg`, `green-0.jpg` and `blue-0.jpg`."""
    return write_photos(tmp_path_factory.mktemp("photos"))


def choose(page: Page, *files: Path) -> None:
    page.locator("#field-photo").set_input_files(list(files))


def held(page: Page) -> list[str]:
    """The names of the files that the form would send."""
    names: list[str] = page.evaluate(
        "[...new FormData(document.querySelector('#values')).getAll('photo')]"
        ".filter(file => file.name).map(file => file.name)"
    )
    return names


def predict(page: Page) -> None:
    page.get_by_role("button", name="Predict").click()


def carried(page: Page, *photos: Path) -> object:
    """A drag or a clipboard in the page that carries files."""
    files = [[photo.name, base64.b64encode(photo.read_bytes()).decode()] for photo in photos]
    return page.evaluate_handle(
        """files => {
          const carried = new DataTransfer();
          for (const [name, data] of files) {
            const bytes = Uint8Array.from(atob(data), each => each.charCodeAt(0));
            carried.items.add(new File([bytes], name, {type: "image/jpeg"}));
          }
          return carried;
        }""",
        files,
    )


def answers(page: Page) -> list[str]:
    expect(page.locator("#result-title")).to_be_visible()
    texts: list[str] = page.locator(".result output").all_inner_texts()
    return texts


def test_photos_are_seen_before_they_are_sent(visit: Open, photos: list[Path]) -> None:
    page = visit()
    choose(page, *photos[:2])
    pictures = page.locator(".chosen img")
    expect(pictures).to_have_count(2)
    for picture in pictures.all():
        assert str(picture.get_attribute("src")).startswith("blob:")
        page.wait_for_function("img => img.naturalWidth === 96", arg=picture.element_handle())
    choose(page, photos[2])
    expect(page.get_by_role("status")).to_have_text("Photos chosen: 3")
    assert held(page) == ["red-0.jpg", "green-0.jpg", "blue-0.jpg"]


def test_photos_are_removed_with_the_keyboard(visit: Open, photos: list[Path]) -> None:
    page = visit()
    choose(page, *photos)
    page.get_by_role("button", name="Remove green-0.jpg").focus()
    page.keyboard.press("Enter")
    assert held(page) == ["red-0.jpg", "blue-0.jpg"]
    expect(page.get_by_role("button", name="Remove blue-0.jpg")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    assert held(page) == []
    expect(page.locator("#field-photo")).to_be_focused()


def chooser_by_key(page: Page) -> FileChooser:
    """On a busy machine the browser may open none at first: a person presses again."""
    for _ in range(2):
        with contextlib.suppress(Error):
            with page.expect_file_chooser(timeout=15_000) as chooser:
                page.keyboard.press("Space")
            return chooser.value
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Space")
    return chooser.value


def test_the_keyboard_alone_is_enough(visit: Open, photos: list[Path]) -> None:
    page = visit()
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "field-photo":
            break
    outline = page.evaluate("getComputedStyle(document.querySelector('label.button')).outlineStyle")
    assert outline == "solid"
    chooser_by_key(page).set_files(photos[0])
    expect(page.locator(".chosen img")).to_have_count(1)
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert answers(page) == ["red"]


def test_photos_are_dropped_anywhere(visit: Open, photos: list[Path]) -> None:
    page = visit()
    drag = carried(page, *photos[1:])
    zone = page.locator(".photos")
    page.dispatch_event("h1", "dragover", {"dataTransfer": drag, "bubbles": True})
    expect(zone).to_have_class("photos scripted over")
    page.dispatch_event("h1", "drop", {"dataTransfer": drag, "bubbles": True})
    expect(zone).to_have_class("photos scripted")
    expect(page.locator(".chosen img")).to_have_count(2)
    predict(page)
    assert answers(page) == ["green", "blue"]


def test_a_photo_is_pasted(visit: Open, photos: list[Path]) -> None:
    page = visit()
    page.evaluate(
        "data => document.body.dispatchEvent("
        "new ClipboardEvent('paste', {clipboardData: data, bubbles: true, cancelable: true}))",
        carried(page, photos[2]),
    )
    expect(page.locator(".chosen img")).to_have_count(1)
    predict(page)
    assert answers(page) == ["blue"]


def test_answers_come_with_the_photos_still_chosen(visit: Open, photos: list[Path]) -> None:
    page = visit("/?lang=en")
    choose(page, *photos)
    predict(page)
    assert answers(page) == ["red", "green", "blue"]
    expect(page.locator("#result-title")).to_be_focused()
    assert page.title().startswith("Result")
    for picture in page.locator(".result img").all():
        expect(picture).to_have_class("sharp")
        assert str(picture.get_attribute("src")).startswith("blob:")
    expect(page.get_by_role("img", name="The photo green-0.jpg")).to_be_visible()
    page.get_by_role("button", name="Remove red-0.jpg").click()
    predict(page)
    expect(page.locator("#result-title")).to_have_text("Results of 2 photos")
    assert answers(page) == ["green", "blue"]


def test_another_language_answers_the_same_photos(visit: Open, photos: list[Path]) -> None:
    page = visit("/models/warm?lang=en")
    choose(page, photos[2])
    page.locator("#field-warmth").fill("9.5")
    predict(page)
    assert answers(page) == ["red"]
    page.get_by_role("button", name="FR").click()
    expect(page.get_by_role("heading", name="Résultat")).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == "fr"
    assert answers(page) == ["red"]
    assert held(page) == ["blue-0.jpg"]


def test_a_broken_photo_is_named(visit: Open, photos: list[Path], tmp_path: Path) -> None:
    notes = tmp_path / "notes.jpg"
    notes.write_text("<!doctype html><title>no photo</title>")
    page = visit()
    choose(page, photos[0], notes, photos[2])
    expect(page.locator(".chosen")).to_contain_text("No preview")
    predict(page)
    expect(page.get_by_role("alert").first).to_contain_text("notes.jpg")
    expect(page.get_by_role("alert").first).to_be_focused()
    assert answers(page) == ["red", "blue"]
    # the third of the chosen files is the second that was answered
    expect(page.get_by_role("img", name="The photo blue-0.jpg")).to_have_class("sharp")
    page.get_by_role("button", name="Remove notes.jpg").click()
    predict(page)
    expect(page.get_by_role("heading", name="Not answered")).to_have_count(0)


def test_too_many_photos_are_not_taken(visit: Open, photos: list[Path], tmp_path: Path) -> None:
    page = visit()
    choose(page, *write_photos(tmp_path, 2))
    expect(page.locator(".photos .error")).to_have_text("Choose at most 4 photos at once.")
    assert len(held(page)) == 4


def test_too_large_photos_are_not_sent(visit: Open, tmp_path: Path) -> None:
    large = tmp_path / "large.jpg"
    large.write_bytes(photo_bytes("red") + bytes(MOST_BYTES))
    page = visit()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.method))
    choose(page, large)
    sentence = "Together these photos are above 1 MB: choose fewer or smaller ones."
    expect(page.locator(".photos .error")).to_have_text(sentence)
    predict(page)
    page.get_by_role("button", name="Remove large.jpg").click()
    expect(page.locator(".photos .error")).to_be_hidden()
    assert "POST" not in asked


def test_no_photo_is_said_beside_the_field(visit: Open) -> None:
    page = visit()
    predict(page)
    expect(page.locator("#error-photo")).to_have_text("Choose a photo.")
    expect(page.locator(".scripted")).to_have_count(1)


def test_a_service_that_is_away_loses_nothing(visit: Open, photos: list[Path]) -> None:
    page = visit()
    choose(page, photos[1])
    page.route("**/models/colours*", lambda route: route.abort())
    predict(page)
    error = page.locator(".photos .error")
    expect(error).to_have_text("The service did not answer. Try again soon.")
    page.unroute_all()
    predict(page)
    assert answers(page) == ["green"]


def test_a_phone_offers_its_camera(visit: Open, photos: list[Path]) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    page = visit(**phone)
    expect(page.get_by_text("Take a photo")).to_be_visible()
    with page.expect_file_chooser() as chooser:
        page.get_by_text("Take a photo").tap()
    chooser.value.set_files(photos[0])
    choose(page, photos[1])
    assert held(page) == ["red-0.jpg", "green-0.jpg"]
    predict(page)
    assert answers(page) == ["red", "green"]
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    expect(visit().get_by_text("Take a photo")).to_be_hidden()


def test_it_works_without_scripts(visit: Open, photos: list[Path], tmp_path: Path) -> None:
    notes = tmp_path / "notes.jpg"
    notes.write_text("%PDF-1.7")
    page = visit(java_script_enabled=False)
    expect(page.locator("#field-photo")).to_be_visible()
    choose(page, photos[2], notes, photos[0])
    predict(page)
    assert answers(page) == ["blue", "red"]
    for picture in page.locator(".result img").all():
        assert str(picture.get_attribute("src")).startswith("data:image/jpeg;base64,")
    expect(page.get_by_role("alert")).to_contain_text("notes.jpg")
    page.get_by_role("button", name="FR").click()
    expect(page.get_by_role("heading", name="Vos photos")).to_be_visible()
    expect(page.locator("#error-photo")).to_have_count(0)


def test_too_large_photos_are_named_on_the_page_without_scripts(
    visit: Open, photos: list[Path], tmp_path: Path
) -> None:
    large = tmp_path / "large.jpg"
    large.write_bytes(photo_bytes("red") + bytes(6 * MOST_BYTES))
    page = visit(java_script_enabled=False)
    choose(page, large)
    predict(page)
    expect(page.locator("#error-photo")).to_have_text(
        "Together these photos are above 1 MB: choose fewer or smaller ones."
    )
    choose(page, photos[1])
    predict(page)
    assert answers(page) == ["green"]
