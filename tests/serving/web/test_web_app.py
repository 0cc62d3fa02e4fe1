"""What browsers install the page of a model by."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient
from PIL import Image

from support.colours_package import install_colours
from support.fruits import install_fruits
from support.icons import DRAWN, STATIC
from support.worker import loaded, settings_for
from vigie.registry.cache import ModelCache
from vigie.serving.app import create_app
from vigie.serving.worker_state import WorkerState


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    folder = tmp_path_factory.mktemp("apps")
    cache = ModelCache(folder / "cache")
    install_fruits(cache)
    install_colours(cache)
    models = ("fruits", "colours")
    state = loaded(settings_for(cache, folder / "state", models=models))
    return create_app(worker_state=state).test_client()


def manifest(client: FlaskClient, path: str = "/models/fruits/manifest.webmanifest") -> Any:
    response = client.get(path)
    assert (response.status_code, response.mimetype) == (200, "application/manifest+json")
    return response.get_json(force=True)


def test_each_model_is_an_app_of_its_own(client: FlaskClient) -> None:
    fruits, colours = manifest(client), manifest(client, "/models/colours/manifest.webmanifest")
    assert (fruits["id"], colours["id"]) == ("/models/fruits", "/models/colours")
    assert fruits["scope"] == fruits["id"]
    assert urlsplit(fruits["start_url"]).path == fruits["id"]
    assert client.get(fruits["start_url"]).status_code == 200
    assert fruits["display"] == "standalone"
    assert len(fruits["short_name"]) <= 12
    assert fruits["name"] != colours["name"]


def test_its_name_has_the_language_of_the_page_and_the_app_is_the_same(client: FlaskClient) -> None:
    page = client.get("/models/colours?lang=fr").text
    assert 'href="/models/colours/manifest.webmanifest?lang=fr"' in page
    french = manifest(client, "/models/colours/manifest.webmanifest?lang=fr")
    english = manifest(client, "/models/colours/manifest.webmanifest")
    assert (french["lang"], english["lang"]) == ("fr", "en")
    assert french["start_url"] == "/models/colours?lang=fr"
    assert french["id"] == english["id"]
    assert (french["name"], english["name"]) == ("Couleur d'une photo", "Colour of a photo")


def test_the_first_page_offers_the_app_of_its_model(client: FlaskClient) -> None:
    for path in ("/", "/models/fruits"):
        response = client.get(path)
        assert "/models/fruits/manifest.webmanifest?lang=en" in response.text
        assert "manifest-src 'self'" in response.headers["Content-Security-Policy"]
    assert "webmanifest" not in client.get("/docs").text


def test_other_models_have_none(client: FlaskClient, shared_worker_state: WorkerState) -> None:
    assert client.get("/models/castle/manifest.webmanifest").status_code == 404
    tables = create_app(worker_state=shared_worker_state).test_client()
    refused = tables.get("/models/housing/manifest.webmanifest")
    assert refused.status_code == 404
    assert refused.get_json()["detail"] == "Only the page of a model that takes photos is an app."
    page = tables.get("/models/housing")
    assert "webmanifest" not in page.text
    assert "manifest-src" not in page.headers["Content-Security-Policy"]


def test_its_icons_are_as_large_as_it_says(client: FlaskClient) -> None:
    icons = manifest(client)["icons"]
    assert {icon["purpose"] for icon in icons} == {"any", "maskable"}
    for icon in icons:
        with client.get(icon["src"]) as response:
            assert (response.status_code, response.mimetype) == (200, icon["type"])
        if icon["type"] == "image/png":
            with Image.open(STATIC / icon["src"].removeprefix("/static/")) as picture:
                assert "{}x{}".format(*picture.size) == icon["sizes"]
    touch = STATIC / "icons/touch-180.png"
    assert f'rel="apple-touch-icon" href="/static/icons/{touch.name}"' in client.get("/").text


def test_no_part_of_a_masked_icon_is_transparent() -> None:
    for name, (drawing, _) in DRAWN.items():
        with Image.open(STATIC / name) as picture:
            lowest, _ = picture.convert("RGBA").getchannel("A").getextrema()
        assert (lowest == 255) == (drawing == "icons/maskable.svg"), name
