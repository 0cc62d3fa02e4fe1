"""Pages of models that take photos: the form, answers, what is broken, the command."""

from __future__ import annotations

import base64
import re
import shlex
from html import unescape
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from jinja2 import StrictUndefined
from PIL import Image
from urllib3.filepost import encode_multipart_formdata
from werkzeug.test import TestResponse

from support.broken_photos import vast_png
from support.colours_package import install_colours
from support.photos import photo_bytes
from support.worker import loaded, settings_for
from vigie.models.model_input import Input
from vigie.models.photo import BrokenPhoto, read_photo
from vigie.registry.cache import ModelCache
from vigie.serving.app import create_app
from vigie.serving.web.language import languages
from vigie.serving.web.photo_answers import broken_text

EN, FR = languages()["en"], languages()["fr"]
PAGE = b"<!doctype html><title>no photo</title>"
RED, GREEN, BLUE = ((f"{each}.jpg", photo_bytes(each)) for each in ("red", "green", "blue"))


def open_browser(folder: Path, extra: bool = False, **settings: object) -> FlaskClient:
    """A browser on a service that classifies photos, with a number beside them by choice."""
    cache = ModelCache(folder / "cache")
    install_colours(cache, extra=extra)
    client = create_app(
        worker_state=loaded(settings_for(cache, folder / "state", models=("colours",), **settings))
    ).test_client()
    client.application.jinja_env.undefined = StrictUndefined
    client.environ_base["HTTP_ACCEPT"] = "text/html"
    return client


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    return open_browser(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="module")
def warm_client(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    """One whose model takes a number beside the photo."""
    return open_browser(tmp_path_factory.mktemp("warm"), extra=True)


def post(
    client: FlaskClient, *files: tuple[str, bytes], path: str = "/", **fields: str
) -> TestResponse:
    """The page for files in the order of the form; what a browser sends for an empty field too."""
    parts: list[tuple[str, Any]] = list(fields.items())
    parts += [("photo", (name, data, "image/jpeg")) for name, data in (*files, ("", b""))]
    # the client's own body of this size would lie in a temporary file
    body, content_type = encode_multipart_formdata(parts)
    return client.post(path, data=body, content_type=content_type)


def words(response: TestResponse) -> str:
    text = re.sub(r"<[^>]+>", " ", response.text)
    return re.sub(r"\s+", " ", unescape(text))


def estimates(response: TestResponse) -> list[str]:
    """The label of each answer on a page."""
    return re.findall(r'<output class="estimate-value"[^>]*>(.*?)</output>', response.text)


def names(response: TestResponse) -> list[str]:
    """The name under each picture on a page."""
    found = re.findall(r'<figcaption class="small file">(.*?)</figcaption>', response.text)
    return [unescape(name) for name in found]


def command(response: TestResponse) -> list[str]:
    """The command on a page, split as a shell splits it."""
    shown = re.search(r'<code id="curl">(.*?)</code>', response.text, re.DOTALL)
    assert shown is not None
    return [part for part in shlex.split(unescape(shown.group(1))) if part != "\n"]


# --- the form


def test_form_takes_several_photos_and_offers_no_heic(client: FlaskClient) -> None:
    text = client.get("/").text
    assert 'enctype="multipart/form-data"' in text
    (field,) = re.findall(r'<input type="file" id="field-photo"[^>]*>', text)
    assert 'name="photo"' in field
    assert " multiple" in field
    assert "image/jpeg,image/png" in field
    assert "heic" not in text.lower()
    assert 'capture="environment"' in text
    assert '<label for="field-photo" class="heard">Photo' in text
    assert "b64" not in text


def test_form_keeps_to_its_content_policy(client: FlaskClient) -> None:
    for response in (client.get("/"), post(client, RED, GREEN)):
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "img-src 'self' data: blob:; connect-src 'self'" in policy
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?! src=\"/static/)", response.text)


def test_other_pages_keep_the_narrower_policy(client: FlaskClient) -> None:
    for path in ("/status", "/docs/errors/too-large"):
        assert "blob:" not in client.get(path).headers["Content-Security-Policy"]


def test_script_is_served_where_photos_are_taken(client: FlaskClient) -> None:
    (address,) = re.findall(r'<script src="(.*?)" defer></script>', client.get("/").text)
    with client.get(address) as script:
        assert script.status_code == 200
        assert script.mimetype == "text/javascript"
    assert "<script" not in client.get("/status").text


# --- answers


def test_one_photo_is_answered_with_its_picture_and_scores(client: FlaskClient) -> None:
    response = post(client, GREEN, path="/models/colours?lang=en")
    assert response.status_code == 200
    assert estimates(response) == ["green"]
    assert names(response) == ["green.jpg"]
    scores = [float(one) for one in re.findall(r"([0-9.]+)%</td>", response.text)]
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)
    assert sum(scores) == pytest.approx(100, abs=0.2)
    assert response.headers["X-Model-Name"] == "colours"
    assert response.headers["Cache-Control"] == "no-store"


def test_scores_are_those_of_the_api(client: FlaskClient) -> None:
    response = post(client, BLUE)
    body = {"photo": {"b64": base64.b64encode(BLUE[1]).decode()}}
    said = client.post("/predict/colours", json=body).get_json()["predictions"][0]
    for label, score in said["scores"].items():
        assert re.search(rf"{label} +{100 * score:.1f}%", words(response))


def test_photos_are_answered_in_their_order(client: FlaskClient) -> None:
    response = post(client, BLUE, RED, GREEN)
    assert response.status_code == 200
    assert estimates(response) == ["blue", "red", "green"]
    assert names(response) == ["blue.jpg", "red.jpg", "green.jpg"]
    assert "Results of 3 photos" in words(response)
    assert re.findall(r'data-place="(\d)"', response.text) == ["0", "1", "2"]


def test_a_picture_looks_as_its_photo_does(client: FlaskClient) -> None:
    """The model takes squares: what it saw is drawn as wide as the photo was."""
    response = post(client, ("wide.jpg", photo_bytes("red", (400, 100))))
    (found,) = re.findall(
        r'<img src="data:image/jpeg;base64,(.*?)" width="(\d+)" height="(\d+)"', response.text
    )
    assert int(found[1]) == 4 * int(found[2])
    picture = np.asarray(Image.open(BytesIO(base64.b64decode(found[0]))))
    assert picture.mean((0, 1)).argmax() == 0
    tall = post(client, ("tall.jpg", photo_bytes("red", (1, 3000))))
    assert tall.status_code == 200
    assert re.search(r'width="80" height="320"', tall.text)


def test_other_values_stand_beside_each_photo(warm_client: FlaskClient) -> None:
    response = post(warm_client, BLUE, GREEN, path="/?lang=fr", warmth="9,5")
    assert estimates(response) == ["red", "red"]
    assert 'value="9,5"' in response.text
    assert command(response)[-2:] == ["--form-string", "warmth=9.5"]
    wrong = post(warm_client, BLUE, path="/?lang=fr", warmth="99")
    assert wrong.status_code == 422
    assert "Entrez un nombre de -10 à 10" in words(wrong)


def test_what_is_large_stays_in_memory(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a photo was written to a disk")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    photo = photo_bytes("red", (1200, 900), "PNG", compress_level=0)
    assert len(photo) > 2**20
    assert estimates(post(client, ("large.png", photo))) == ["red"]


# --- the command


def test_command_sends_the_same_files(client: FlaskClient) -> None:
    response = post(client, RED, ("my photo.jpg", GREEN[1]))
    assert command(response) == [
        "curl", "-sS", "http://localhost/predict/colours",
        "-F", "photo=@red.jpg", "-F", "photo=@my photo.jpg",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "argument"),
    [
        ("it's $(id).jpg", "photo=@it's $(id).jpg"),
        ('a;type=b,"c".jpg', 'photo=@"a;type=b,\\"c\\".jpg"'),
        ("-", "photo=@./-"),
        ("../../etc/rain.jpg", "photo=@rain.jpg"),
    ],
)
def test_command_is_safe_to_paste(client: FlaskClient, name: str, argument: str) -> None:
    assert command(post(client, (name, RED[1])))[-1] == argument


# --- what is wrong


def test_a_broken_photo_is_named_and_the_others_are_answered(client: FlaskClient) -> None:
    response = post(client, RED, ("notes.jpg", PAGE), BLUE)
    assert response.status_code == 200
    assert estimates(response) == ["red", "blue"]
    assert re.findall(r'data-place="(\d)"', response.text) == ["0", "2"]
    assert "notes.jpg \N{EN DASH} This is a web page, not a photo." in words(response)
    assert 'role="alert"' in response.text
    assert command(response)[3:] == ["-F", "photo=@red.jpg", "-F", "photo=@blue.jpg"]


def test_what_is_broken_is_told_in_french(client: FlaskClient) -> None:
    cut = RED[1][: len(RED[1]) * 9 // 10]
    response = post(client, ("coupée.jpg", cut), ("vide.jpg", b""), path="/?lang=fr")
    assert response.status_code == 422
    said = words(response)
    assert "coupée.jpg \N{EN DASH} Cette photo s'arrête trop tôt" in said
    assert "vide.jpg \N{EN DASH} Ce fichier est vide." in said
    assert estimates(response) == []


def test_more_broken_photos_than_an_error_names(client: FlaskClient) -> None:
    files = [(f"{number}.jpg", PAGE) for number in range(27)]
    response = post(client, *files[:25], GREEN, *files[25:])
    assert response.status_code == 200
    assert estimates(response) == ["green"]
    assert response.text.count("This is a web page") == 27


def test_a_wrong_value_beside_a_broken_photo(warm_client: FlaskClient) -> None:
    response = post(warm_client, ("notes.jpg", PAGE), warmth="hot")
    assert response.status_code == 422
    assert "notes.jpg \N{EN DASH} This is a web page" in words(response)
    assert 'id="error-warmth"' in response.text
    assert 'value="hot"' in response.text


@pytest.mark.parametrize(
    ("language", "sentence"), [("en", "Choose a photo."), ("fr", "Choisissez une photo.")]
)
def test_no_photo(client: FlaskClient, language: str, sentence: str) -> None:
    for response in (
        post(client, path=f"/?lang={language}"),
        client.post(f"/?lang={language}", data={"photo": "text, and no file"}),
    ):
        assert response.status_code == 422
        assert f'id="error-photo">{sentence}</p>' in response.text
        assert "#field-photo" in response.text


def test_too_many_photos(tmp_path: Path) -> None:
    client = open_browser(tmp_path, max_photos=2)
    assert post(client, RED, GREEN).status_code == 200
    response = post(client, RED, GREEN, BLUE)
    assert response.status_code == 422
    assert "Choose at most 2 photos at once." in words(response)


def test_too_large_photos(tmp_path: Path) -> None:
    client = open_browser(tmp_path, max_body_bytes=100_000, max_photo_body_bytes=3 * 2**20)
    large = ("large.jpg", RED[1] + bytes(2**20))
    assert post(client, large, large).status_code == 200
    response = post(client, large, large, large)
    assert response.status_code == 413
    assert "Together these photos are above 3 MB" in words(response)
    assert 'id="field-photo"' in response.text


def test_another_language_keeps_the_values_and_asks_for_no_photo(warm_client: FlaskClient) -> None:
    answered = post(warm_client, RED, warmth="2.5")
    (button,) = re.findall(r'<button type="submit" form="values"[^>]*>', answered.text)
    assert 'name="-again"' in button
    response = post(
        warm_client, path="/models/colours?lang=fr", **{"warmth": "2.5", "-again": "fr"}
    )
    assert response.status_code == 200
    assert 'value="2.5"' in response.text
    assert "error-photo" not in response.text


def test_names_are_never_markup(client: FlaskClient) -> None:
    attack = "<script>alert(1)</script>{{7*7}}.jpg"
    for data in (RED[1], PAGE):
        response = post(client, (attack, data))
        assert "<script>" not in response.text
        assert "49" not in words(response).split()


KINDS = [
    (b"", "empty"),
    (RED[1][:200], "ends too early|broken"),
    (PAGE, "web page"),
    (b"<?xml version='1.0'?>", "XML"),
    (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
    (b"%PDF-1.7", "PDF"),
    (b"%!PS-Adobe", "PostScript"),
    (b"SIMPLE  = T", "FITS"),
    (b"version https://git-lfs.github.com/spec/v1", "Git LFS"),
    (b"\0\0\0\x18ftypmp42", "film"),
    (vast_png(9000, 9000), "megapixels"),
]


@pytest.mark.parametrize(("data", "said"), KINDS)
def test_every_kind_of_broken_file_has_its_sentence(data: bytes, said: str) -> None:
    item = Input.model_validate(
        {"name": "photo", "label": "Photo", "dtype": "image", "tensor": "uint8"}
        | {"shape": [8, 8, 3], "resize": {}, "example": {"b64": ""}}
    )
    with pytest.raises(BrokenPhoto) as broken:
        read_photo(data, item)
    assert re.search(said, broken_text(str(broken.value), EN))
    assert broken_text(str(broken.value), FR) != broken_text(str(broken.value), EN)


def test_an_unknown_reason_says_no_more_than_it_knows() -> None:
    assert broken_text("something new", EN) == "This file is no photo that can be read here."
