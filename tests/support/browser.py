"""A real browser on pages: Chromium, without a window."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
MISSING = "Chromium is not installed"
# its own sandbox needs rights that root in a container has not
_ARGUMENTS = ["--no-sandbox"]


def _program() -> str:
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        pytest.skip(MISSING)
    return program


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser; the test is skipped where there is none."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_program(), args=_ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def own_profile(browser: Browser, folder: Path) -> Iterator[BrowserContext]:
    """The browser with a profile that is kept in `folder`: other windows here are private ones."""
    context = browser.browser_type.launch_persistent_context(
        str(folder), executable_path=_program(), args=_ARGUMENTS
    )
    yield context
    context.close()


@contextmanager
def page_in(browser: Browser, **options: object) -> Iterator[Page]:
    """A page of a fresh profile. At the end nothing may have been complained about in it."""
    context = browser.new_context(**{"locale": "en-GB", **options})
    page = context.new_page()
    complaints: list[str] = []

    def note(said: ConsoleMessage) -> None:
        # an answer that refuses, or none, is no fault of the page
        if said.type == "error" and not said.text.startswith("Failed to load resource"):
            complaints.append(said.text)

    page.on("console", note)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []
