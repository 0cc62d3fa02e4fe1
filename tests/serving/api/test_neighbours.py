"""Small pictures of reference photos: whose, how long they may be kept, and what there is not."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from PIL import Image

from support.colours_package import SIDE
from support.fruits import install_fruits, write_fruits
from support.photos import LABELS, in_base64, photo_bytes
from support.worker import loaded, settings_for
from vigie.models.manifest import write_manifest
from vigie.models.neighbours import thumbnail_path
from vigie.registry.cache import CHALLENGER, ModelCache
from vigie.serving.app import create_app
from vigie.serving.worker_state import WorkerState

PLACE = "/models/fruits/neighbours/5.jpg"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> ModelCache:
    cache = ModelCache(tmp_path_factory.mktemp("cache"))
    install_fruits(cache)
    with cache.lock("plain") as incoming:
        digest = write_fruits(incoming, "plain", thumbnails=False)
        cache.install("plain", incoming, digest, "1", "run1")
        cache.point("plain", digest)
    return cache


def serve(cache: ModelCache, folder: Path) -> WorkerState:
    return loaded(settings_for(cache, folder, models=("fruits", "plain")))


@pytest.fixture(scope="module")
def client(cache: ModelCache, tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    state = serve(cache, tmp_path_factory.mktemp("state"))
    return create_app(worker_state=state).test_client()


def test_the_address_in_an_answer_leads_to_the_picture(client: FlaskClient) -> None:
    for label in LABELS:
        sent = {"instances": [in_base64(photo_bytes(label, seed=2))]}
        (answer,) = client.post("/predict/fruits", json=sent).get_json()["predictions"]
        found = client.get(answer["neighbours"][0]["thumbnail"])
        assert (found.status_code, found.content_type) == (200, "image/jpeg")
        assert found.headers["Cache-Control"] == "private, max-age=31536000, immutable"
        assert found.headers["X-Content-Type-Options"] == "nosniff"
        with Image.open(BytesIO(found.data)) as picture:
            assert picture.size == (SIDE, SIDE)
            colours = picture.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
        assert isinstance(colours, tuple)
        assert LABELS[colours.index(max(colours))] == label


def test_without_a_digest_it_is_asked_for_again_and_is_mostly_the_same(client: FlaskClient) -> None:
    first = client.get(PLACE)
    assert first.headers["Cache-Control"] == "private, no-cache"
    again = client.get(PLACE, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert client.head(PLACE).data == b""


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/models/fruits/neighbours/12.jpg", "This model has 12 reference photos, counted from 0."),
        ("/models/plain/neighbours/0.jpg", "This model keeps no small pictures"),
        (f"{PLACE}?digest=0", "No version with this digest is in memory here."),
        ("/models/castle/neighbours/0.jpg", "There is no such model here."),
        ("/models/fruits/neighbours/-1.jpg", "There is no such route"),
        ("/models/fruits/neighbours/red/1.jpg", "There is no such route"),
        ("/models/fruits/neighbours/..%2f..%2fpackage.jpg", "There is no such route"),
    ],
)
def test_what_there_is_not_is_told(client: FlaskClient, path: str, told: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert response.get_json()["detail"].startswith(told)


def test_the_pictures_of_a_challenger_are_its_own(cache: ModelCache, tmp_path: Path) -> None:
    with cache.lock("fruits") as incoming:
        # other photos, other bytes
        write_fruits(incoming)
        thumbnail_path(incoming, 5).write_bytes(photo_bytes("blue", (SIDE, SIDE)))
        digest = write_manifest(incoming)
        cache.install("fruits", incoming, digest, "2", "run2")
        cache.point("fruits", digest, CHALLENGER)
    state = serve(cache, tmp_path)
    try:
        client = create_app(worker_state=state).test_client()
        own = client.get(f"{PLACE}?digest={digest}")
        assert own.status_code == 200
        assert own.data != client.get(PLACE).data
    finally:
        state.close()


def test_a_picture_that_is_gone_is_not_found(tmp_path: Path) -> None:
    cache = ModelCache(tmp_path / "cache")
    install_fruits(cache)
    state = loaded(settings_for(cache, tmp_path / "state", models=("fruits",)))
    live = state.manager.slot("fruits").live
    assert live is not None
    picture = thumbnail_path(live.predictor.package.root, 5)
    picture.unlink()
    response = create_app(worker_state=state).test_client().get(PLACE)
    assert response.status_code == 404
    assert response.get_json()["detail"] == "This picture is no longer here."
