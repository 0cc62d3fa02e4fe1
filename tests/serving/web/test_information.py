"""What a page tells of a label, and of what the model knows alike."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient
from jinja2 import StrictUndefined
from urllib3.filepost import encode_multipart_formdata
from werkzeug.test import TestResponse

from support.fruits import SHOWN, fruits_document, write_fruits
from support.photos import LABELS, photo_bytes
from support.worker import loaded, settings_for
from vigie.models.document import PackageDocument
from vigie.registry.cache import ModelCache
from vigie.serving.app import create_app
from vigie.serving.web.information import NeighbourView, information_of
from vigie.serving.web.language import languages

EN, FR = languages()["en"], languages()["fr"]
LINK = "https://en.wikipedia.org/wiki/Apple"


def prediction(label: str, **changes: Any) -> dict[str, Any]:
    neighbour = {"label": "red", "similarity": 0.98765, "photo": "red/1.jpg", **changes}
    return {"label": label, "neighbours": [neighbour]}


def test_words_are_those_of_the_language() -> None:
    document = PackageDocument.model_validate(fruits_document())
    told = information_of(document, prediction("red", thumbnail="/a.jpg"), FR)
    assert (told.label, told.text, told.link) == ("Pomme", "Se garde des mois.", LINK)
    assert told.title == "Les photos les plus ressemblantes"
    assert told.neighbours == [NeighbourView("Pomme", "0,99", "red/1.jpg", "/a.jpg")]
    told = information_of(document, prediction("green"), FR)
    assert (told.label, told.text, told.link) == ("green", "Is rich in vitamin C.", "")
    told = information_of(document, prediction("blue"), EN)
    assert (told.text, told.link) == ("", "")
    assert told.neighbours == [NeighbourView("Apple", "0.99", "red/1.jpg", "")]
    nameless = {
        "label": "blue",
        "neighbours": [prediction("blue")["neighbours"][0] | {"label": None}],
    }
    assert information_of(document, nameless, EN).neighbours[0].label == ""


def test_an_output_of_the_name_is_no_list_of_neighbours() -> None:
    content = fruits_document()
    content["outputs"][1]["name"] = "neighbours"
    content["neighbours"]["output"] = content["reduction"]["output"] = "neighbours"
    document = PackageDocument.model_validate(content)
    told = information_of(document, {"label": "red", "neighbours": [0.1, 0.2, 0.3]}, EN)
    assert told.neighbours == []


@pytest.fixture(scope="module", params=[True, False], ids=["pictures", "names"])
def client(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    folder = tmp_path_factory.mktemp("fruits")
    cache = ModelCache(folder / "cache")
    install(cache, request.param)
    state = loaded(settings_for(cache, folder / "state", models=("fruits",)))
    client = create_app(worker_state=state).test_client()
    client.application.jinja_env.undefined = StrictUndefined
    client.environ_base["HTTP_ACCEPT"] = "text/html"
    return client


def install(cache: ModelCache, thumbnails: bool) -> None:
    with cache.lock("fruits") as incoming:
        digest = write_fruits(incoming, thumbnails=thumbnails)
        cache.install("fruits", incoming, digest, "1", "run1")
        cache.point("fruits", digest)


def ask(client: FlaskClient, *labels: str) -> TestResponse:
    files = [("photo", (f"{one}.jpg", photo_bytes(one), "image/jpeg")) for one in labels]
    body, content_type = encode_multipart_formdata(files)
    return client.post("/models/fruits", data=body, content_type=content_type)


def words(response: TestResponse) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", response.text)))


def test_the_page_of_an_answer_shows_it(client: FlaskClient) -> None:
    page = ask(client, "red")
    said = words(page)
    assert page.status_code == 200
    assert "Keeps for months. More about: Apple" in said
    assert f'<a href="{LINK}" rel="noreferrer">' in page.text
    assert said.count("similarity") == SHOWN
    assert "Vector 3 numbers: " in said
    pictures = re.findall(r'<img src="(/models/fruits/neighbours/\d+\.jpg\?digest=\w+)"', page.text)
    listed = client.get("/models/fruits/neighbours/0.jpg").status_code == 200
    if not listed:
        assert pictures == []
        assert len(re.findall(r'<span class="file">red/\d\.jpg</span>', page.text)) == SHOWN
        return
    assert len(pictures) == SHOWN
    for address in pictures:
        assert client.get(address).content_type == "image/jpeg"
    # the page may load what it shows, and nothing of others
    policy = page.headers["Content-Security-Policy"]
    assert "img-src 'self' data: blob:" in policy
    assert "default-src 'none'" in policy


def test_of_several_photos_each_has_its_own(client: FlaskClient) -> None:
    page = ask(client, *LABELS)
    said = words(page)
    assert said.count("similarity") == 3 * SHOWN
    assert said.count("Keeps for months.") == said.count("Is rich in vitamin C.") == 1
    assert "3 numbers" not in said
