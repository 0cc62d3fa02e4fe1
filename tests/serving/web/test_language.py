"""The languages of the pages: whole catalogues, a third one in one file, and CLDR behind a page."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog

from support import texts
from vigie.serving.app import create_app
from vigie.serving.web import language
from vigie.serving.web.language import languages, read_catalogue
from vigie.serving.worker_state import WorkerState

TRANSLATED = sorted(texts.catalogues())
PLACE = re.compile(r"{(\w*)}")
GERMAN = """
msgid ""
msgstr ""
"Language: de\\n"
"Content-Type: text/plain; charset=utf-8\\n"

msgid "Values"
msgstr "Werte"

msgid "From {low} to {high}."
msgstr "Von {low} bis {high}."

msgid "Predict"
msgstr ""
"""


@pytest.fixture
def catalogue(request: pytest.FixtureRequest) -> Catalog:
    return read_catalogue(texts.catalogues()[request.param])


def test_there_are_two_languages_and_english_comes_first() -> None:
    assert {code: one.name for code, one in languages().items()} == {
        "en": "English",
        "fr": "Français",
    }
    assert next(iter(languages())) == "en"


@pytest.mark.parametrize("catalogue", TRANSLATED, indirect=True)
def test_a_catalogue_has_every_text_of_the_pages_and_no_other(catalogue: Catalog) -> None:
    """`make texts` brings it up to date."""
    shown = {(said, context) for _, said, context in texts.messages()}
    assert {(str(one.id), one.context) for one in catalogue if one.id} == shown


@pytest.mark.parametrize("catalogue", TRANSLATED, indirect=True)
def test_every_text_is_translated_with_all_of_its_places(catalogue: Catalog) -> None:
    for message in catalogue:
        english, said = str(message.id), str(message.string)
        assert english == "" or said.strip(), english
        assert not message.fuzzy, english
        assert sorted(PLACE.findall(said)) == sorted(PLACE.findall(english)), english
        assert said.count("`") == english.count("`"), english


@pytest.mark.parametrize("code", TRANSLATED)
def test_bringing_a_catalogue_up_to_date_changes_nothing(code: str, tmp_path: Path) -> None:
    copy = tmp_path / "vigie.po"
    shutil.copy(texts.catalogues()[code], copy)
    texts.update(copy)
    assert copy.read_bytes() == texts.catalogues()[code].read_bytes()


def test_a_text_that_is_not_translated_is_english() -> None:
    assert languages()["fr"].text("A text of no page") == "A text of no page"


def test_a_third_language_is_one_file(
    shared_worker_state: WorkerState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "locale"
    shutil.copytree(language.FOLDER, folder)
    file = folder / "de" / "LC_MESSAGES" / "vigie.po"
    file.parent.mkdir(parents=True)
    file.write_text(GERMAN, encoding="utf-8")
    monkeypatch.setattr(language, "FOLDER", folder)
    client = create_app(worker_state=shared_worker_state).test_client()
    page = client.get("/models/housing", headers={"Accept-Language": "de-AT,fr;q=0.5"})
    assert page.headers["Content-Language"] == "de"
    assert '<html lang="de">' in page.text
    assert '<span aria-current="true" lang="de" title="Deutsch">DE</span>' in page.text
    assert "<h2>Werte</h2>" in page.text
    assert "Von 0 bis 100.000." in page.text
    assert '<button class="button" type="submit">Predict</button>' in page.text
    assert "10.000\N{NO-BREAK SPACE}€" in page.text
    assert 'title="Deutsch">DE</a>' in client.get("/?lang=fr").text


LOADS = """
import sys
from vigie.serving.app import create_app
client = create_app().test_client()
assert client.get("/v1/models").status_code == 200
assert client.post("/predict", json={}).status_code == 503
before = "babel" in sys.modules
assert client.get("/", headers={"Accept": "text/html"}).status_code == 503
print(before, "babel" in sys.modules)
sys.stdout.flush()
import os
os._exit(0)
"""


def test_a_worker_loads_the_tables_of_cldr_with_its_first_page(tmp_path: Path) -> None:
    """They would cost each worker memory that one without pages has no use for."""
    environment = {"VIGIE_CACHE": str(tmp_path / "cache"), "VIGIE_STATE": str(tmp_path / "state")}
    ran = subprocess.run(
        [sys.executable, "-c", LOADS], env=environment, capture_output=True, text=True, check=True
    )
    assert ran.stdout.split() == ["False", "True"]


@pytest.mark.parametrize("code", ["en", "fr"])
def test_numbers_are_rounded_as_numbers(code: str) -> None:
    one = languages()[code]
    mark = one.decimal_mark
    assert one.number(12.345, 2) == f"12{mark}35"
    assert one.number(0.125, 2) == f"0{mark}12"
    assert one.number(2 / 3) == f"0{mark}666667"
    assert one.number(123456.789).endswith(f"456{mark}8")
    assert one.number(5.5e-7) == f"5{mark}5e-07"
    assert one.plain_number(-1234567.5) == f"-1234567{mark}5"
    assert one.bound(2026) == "2026"


def test_amounts_are_written_as_the_language_does() -> None:
    en, fr = languages()["en"], languages()["fr"]
    assert en.quantity(1234.4, "USD", 2) == "US$1,234"
    assert fr.quantity(1234.4, "USD", 2) == "1\u202f234\u00a0$US"
    assert en.quantity(12.5, "EUR", 2) == "€12.50"
    assert en.quantity(12.5, "EUR") == "€12.5"
    assert fr.quantity(-12.5, "CHF", 2) == "-12,50\u00a0CHF"
    assert fr.unit_symbol("GBP") == "£GB"
    assert (en.unit_symbol("m²"), en.unit_symbol(None)) == ("m²", "")
