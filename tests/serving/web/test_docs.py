"""The documentation of models that take photos, and of vectors: nothing is a wall of characters."""

from __future__ import annotations

import json
import re
import shlex
from base64 import b64decode, b64encode
from html import unescape
from io import BytesIO

import numpy as np
import pytest
from flask.testing import FlaskClient
from onnx import helper, numpy_helper

from support.colours_package import colours_document, colours_graph, install_colours
from support.packages import write_package
from support.photos import photo_bytes, photo_pixels
from support.worker import loaded, settings_for
from vigie.models.document import PackageDocument
from vigie.models.photo import photo_of
from vigie.registry.cache import ModelCache
from vigie.serving.app import create_app
from vigie.serving.openapi.schemas import row_schema

WIDTH = 40


def install_vectors(cache: ModelCache, name: str = "vectors") -> None:
    """A model that answers a photo with `WIDTH` numbers."""
    document = colours_document(name) | {"task": "embedding", "labels": []}
    document["outputs"] = [
        {"name": "vector", "label": "Vector", "tensor": "vector", "shape": [WIDTH], "decimals": 6}
    ]
    graph = colours_graph()
    graph.graph.node.append(helper.make_node("MatMul", ["logits", "wide"], ["vector"]))
    wide = np.random.default_rng(5).normal(size=(3, WIDTH)).astype(np.float32)
    graph.graph.initializer.append(numpy_helper.from_array(wide, "wide"))
    graph.graph.output[0].CopyFrom(helper.make_tensor_value_info("vector", 1, [None, WIDTH]))
    item = PackageDocument.model_validate(document).images[0]
    rows = [{"photo": photo_of(photo_pixels("red"), item).pixels}]
    with cache.lock(name) as incoming:
        digest = write_package(incoming, document, graph, rows)
        cache.install(name, incoming, digest, "1", "run1")
        cache.point(name, digest)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    folder = tmp_path_factory.mktemp("docs")
    cache = ModelCache(folder / "cache")
    install_colours(cache)
    install_colours(cache, "warm", extra=True)
    install_vectors(cache)
    models = ("colours", "warm", "vectors")
    settings = settings_for(cache, folder / "state", models=models)
    return create_app(worker_state=loaded(settings)).test_client()


def section(client: FlaskClient, name: str, language: str = "en") -> str:
    text = client.get(f"/docs?lang={language}").text
    found = re.search(rf'<section class="card" id="model-{name}".*?</section>', text, re.DOTALL)
    assert found is not None
    return unescape(found[0])


def test_no_photo_is_spelled_out(client: FlaskClient) -> None:
    text = client.get("/docs").text
    assert max(map(len, text.splitlines())) < 1000
    assert not re.search(r"[A-Za-z0-9+/]{200}", text)


def test_the_description_of_the_api_is_made_once_a_page(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def counted(document: PackageDocument) -> dict[str, object]:
        made.append(document.name)
        return row_schema(document)

    monkeypatch.setattr("vigie.serving.openapi.document.row_schema", counted)
    assert client.get("/docs").status_code == 200
    assert made
    assert len(made) == len(set(made))


def test_the_command_sends_files(client: FlaskClient) -> None:
    for name, rest in (("colours", []), ("warm", ["--form-string", "warmth=1.5"])):
        shown = re.search(r'<code class="curl">(.*?)</code>', section(client, name), re.DOTALL)
        assert shown is not None
        parts = [part for part in shlex.split(shown[1]) if part != "\n"]
        address = f"http://localhost/predict/{name}"
        assert parts == ["curl", "-sS", address, "-F", "photo=@photo.jpg", *rest]


@pytest.mark.parametrize(
    ("language", "words"), [("en", "Several files at once"), ("fr", "Plusieurs fichiers à la fois")]
)
def test_photos_are_described(client: FlaskClient, language: str, words: str) -> None:
    said = section(client, "colours", language)
    assert '<td class="type">photo</td>' in said
    assert "JPEG, PNG, WebP" in said
    assert words in said
    assert '<code>{"b64": "…"}</code>' in said


def test_a_long_vector_is_shown_by_its_first_numbers(client: FlaskClient) -> None:
    shown = re.search(
        r'aria-label="Answer"><code>(.*?)</code>', section(client, "vectors"), re.DOTALL
    )
    assert shown is not None
    vector = json.loads(shown[1])["predictions"][0]["vector"]
    assert vector[3:] == [f"… {WIDTH} numbers"]
    assert all(isinstance(number, float) for number in vector[:3])


def test_the_page_of_a_vector_offers_all_of_it(client: FlaskClient) -> None:
    """Its length is said, and the numbers are a file that needs no other request."""
    photo = photo_bytes("blue")
    response = client.post("/models/vectors?lang=en", data={"photo": (BytesIO(photo), "b.jpg")})
    assert f"{WIDTH} numbers: " in response.text
    found = re.search(
        r'href="data:application/json;base64,(.*?)" download="b.jpg.json"', response.text
    )
    assert found is not None
    body = {"photo": {"b64": b64encode(photo).decode()}}
    said = client.post("/predict/vectors", json=body).get_json()["predictions"][0]
    assert json.loads(b64decode(found[1])) == {"vector": said["vector"]}
