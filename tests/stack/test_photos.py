"""Photos through the gateway of the real stack: large ones, too large ones, their drift."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import orjson
import pytest
from PIL import Image
from urllib3 import encode_multipart_formdata

from support.colours_package import colours_document, install_colours
from support.compose import require_engine
from support.memory import tell
from support.packages import install
from support.photo_stack import PhotoStack, open_to_all, photo_stack
from support.photos import (
    LABELS,
    grainy_photo,
    image_file,
    in_base64,
    large_photo,
    photo_bytes,
    photo_pixels,
)
from support.waiting import wait_until
from vigie.models.document import PackageDocument
from vigie.models.photo import photo_of
from vigie.models.profile import Profile, build_profile
from vigie.registry.cache import ModelCache

MOST_PHOTO_BYTES, MOST_BYTES = 64 * 2**20, 8 * 2**20
PHOTOS_OF_DRIFT = 600
PSI = "model_version_feature:vigie_feature_psi:increase1h"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PhotoStack]:
    require_engine()
    folder = tmp_path_factory.mktemp("photos")
    cache = ModelCache(folder / "cache")
    install_colours(cache)
    for name in ("dark", "same"):
        install_colours(cache, name, profile=profile())
    install(cache, "housing")
    open_to_all(folder)
    with photo_stack(folder, cache) as made:
        yield made


def varied(seed: int, light: float = 1.0) -> list[np.ndarray]:
    """Pixels of photos of all colours, sizes, light and grain."""
    rng = np.random.default_rng(seed)
    photos = []
    for number in range(PHOTOS_OF_DRIFT):
        width, height = rng.integers(60, 140, 2)
        smooth = photo_pixels(LABELS[number % 3], (width, height), int(rng.integers(2**31)))
        grain = rng.normal(0, rng.uniform(8, 24), (height, width, 1))
        lit = (smooth * rng.uniform(0.6, 1.0) + grain).clip(0, 255)
        photos.append((lit * light).astype(np.uint8))
    return photos


def profile() -> Profile:
    document = PackageDocument.model_validate(colours_document())
    figures = [photo_of(pixels, document.images[0]).figures for pixels in varied(1)]
    labels = [LABELS[number % 3] for number in range(PHOTOS_OF_DRIFT)]
    return build_profile(document.inputs, {}, labels, {"photo": figures})


def form(photos: list[bytes]) -> tuple[bytes, str]:
    """A body of multipart, and its type."""
    parts = [("photo", (f"{number}.jpg", photo)) for number, photo in enumerate(photos)]
    return encode_multipart_formdata(parts, boundary="boundary")


def test_ten_photos_of_six_megabytes_in_one_form(running: PhotoStack) -> None:
    photos = [grainy_photo(colour) for colour in LABELS]
    assert all(5.9e6 < len(photo) < 6.3e6 for photo in photos)
    order = [number % 3 for number in range(10)]
    body, media_type = form([photos[number] for number in order])
    answer = running.post("/predict/colours", body, media_type)
    assert answer.status_code == 200, answer.text
    given = answer.json()["predictions"]
    assert [one["label"] for one in given] == [LABELS[number] for number in order]
    alone = [running.post("/predict/colours", photo, "image/jpeg").json() for photo in photos]
    assert given == [alone[number]["predictions"][0] for number in order]
    tell(f"ten photos of 6 MB: {answer.elapsed.total_seconds():.2f} s")


def test_the_largest_form_is_taken(running: PhotoStack) -> None:
    small = [photo_bytes("green")] * 9
    spare = MOST_PHOTO_BYTES - len(form([*small, large_photo("green", 10**7)])[0]) + 10**7
    body, media_type = form([*small, large_photo("green", spare)])
    assert len(body) == MOST_PHOTO_BYTES
    for path in ("/predict/colours", "/models/colours"):
        answer = running.post(path, body, media_type)
        assert answer.status_code == 200, answer.text


def test_a_photo_of_twelve_megabytes_as_base64(running: PhotoStack) -> None:
    photo = large_photo("blue", 12_000_000)
    body = orjson.dumps({"instances": [{"photo": in_base64(photo)}]})
    assert len(body) > 16_000_000
    answer = running.post("/predict/colours", body, "application/json")
    assert answer.status_code == 200, answer.text
    alone = running.post("/predict/colours", photo, "image/jpeg").json()["predictions"]
    assert answer.json()["predictions"] == alone
    assert alone[0]["label"] == "blue"


@pytest.mark.parametrize("place", ["gateway", "replica"])
@pytest.mark.parametrize(
    ("path", "size"),
    [
        ("/predict/colours", MOST_PHOTO_BYTES + 1),
        ("/models/colours", MOST_PHOTO_BYTES + 1),
        ("/models/housing", MOST_BYTES + 1),
        ("/predict/housing", MOST_BYTES + 1),
    ],
)
def test_one_byte_too_many_is_refused_before_the_body(
    running: PhotoStack, place: str, path: str, size: int
) -> None:
    address = running.gateway_address if place == "gateway" else running.replica_address
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nX-Api-Key: {running.key}\r\n"
        f"Content-Type: image/jpeg\r\nContent-Length: {size}\r\n\r\n"
    )
    # both end a body that does not come after 10 s, with 408
    with socket.create_connection(address, 30) as connection:
        connection.sendall(head.encode())
        assert connection.recv(12) == b"HTTP/1.1 413"


def test_prometheus_names_what_of_the_photos_has_moved(running: PhotoStack) -> None:
    models = {"dark": varied(2, light=0.5), "same": varied(2)}
    # what is counted before the first look at it has not grown
    seen = 'count by (model) (vigie_feature_bin_total{feature="photo.brightness"})'
    wait_until(lambda: len(running.stack.query(seen)) == 2)
    for model, photos in models.items():
        files = [image_file(Image.fromarray(pixels), "PNG") for pixels in photos]
        for first in range(0, len(files), 30):
            answer = running.post(f"/predict/{model}", *form(files[first : first + 30]))
            assert answer.status_code == 200, answer.text
    wait_until(lambda: len(running.stack.query(PSI)) == 12, 180)
    found = {
        (one["metric"]["model"], one["metric"]["feature"]): float(one["value"][1])
        for one in running.stack.query(PSI)
    }
    moved = {feature for feature in found if found[feature] > 0.25}
    assert ("dark", "photo.brightness") in moved
    assert moved <= {("dark", "photo.brightness"), ("dark", "photo.contrast")}
    assert all(value < 0.1 for (model, _), value in found.items() if model == "same")
    url = f"http://127.0.0.1:{running.stack.environment['PROMETHEUS_PORT']}"
    words = ("drift", "dark", "--prometheus", url)
    shown = subprocess.run(
        [sys.executable, "-m", "vigie", *words], capture_output=True, text=True, check=True
    ).stdout
    (brightness,) = (line for line in shown.splitlines() if "photo.brightness" in line)
    assert "shifted" in brightness.split()
