"""What browsers install the page of a model by."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient
from PIL import Image

from support.icons import DRAWN, STATIC
from vigie.serving.app import create_app
from vigie.serving.worker_state import WorkerState


@pytest.fixture(scope="module")
def client(shared_worker_state: WorkerState) -> FlaskClient:
    return create_app(worker_state=shared_worker_state).test_client()


def manifest(client: FlaskClient, path: str = "/models/housing/manifest.webmanifest") -> Any:
    response = client.get(path)
    assert (response.status_code, response.mimetype) == (200, "application/manifest+json")
    return response.get_json(force=True)


def test_each_model_is_an_app_of_its_own(client: FlaskClient) -> None:
    housing, iris = manifest(client), manifest(client, "/models/iris/manifest.webmanifest")
    assert (housing["id"], iris["id"]) == ("/models/housing", "/models/iris")
    assert housing["scope"] == housing["id"]
    assert urlsplit(housing["start_url"]).path == housing["id"]
    assert client.get(housing["start_url"]).status_code == 200
    assert housing["display"] == "standalone"
    assert len(housing["short_name"]) <= 12
    assert housing["name"] != iris["name"]


def test_its_name_has_the_language_of_the_page_and_the_app_is_the_same(client: FlaskClient) -> None:
    page = client.get("/models/housing?lang=fr").text
    assert 'href="/models/housing/manifest.webmanifest?lang=fr"' in page
    french = manifest(client, "/models/housing/manifest.webmanifest?lang=fr")
    english = manifest(client)
    assert (french["lang"], english["lang"]) == ("fr", "en")
    assert french["start_url"] == "/models/housing?lang=fr"
    assert french["id"] == english["id"]
    assert french["name"] != english["name"]


def test_the_first_page_offers_the_app_of_its_model(client: FlaskClient) -> None:
    for path in ("/", "/models/housing"):
        response = client.get(path)
        assert "/models/housing/manifest.webmanifest?lang=en" in response.text
        assert "manifest-src 'self'" in response.headers["Content-Security-Policy"]
    assert "webmanifest" not in client.get("/docs").text


def test_an_unknown_model_has_none(client: FlaskClient) -> None:
    assert client.get("/models/castle/manifest.webmanifest").status_code == 404


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
