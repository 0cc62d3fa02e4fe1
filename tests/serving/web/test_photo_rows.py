"""Rows of a form with photos: what is decoded of them, what is left out."""

from __future__ import annotations

import pytest

from support.colours_package import install_colours
from support.photos import LABELS, photo_bytes
from support.worker import loaded, settings_for
from vigie.registry.cache import ModelCache
from vigie.serving.runtime.loaded_model import LoadedModel
from vigie.serving.runtime.messages import Request
from vigie.serving.web.photo_rows import BrokenPhotos, DecodedPhotos, PhotoRows
from vigie.serving.web.upload import Rows, Upload

PAGE = b"<!doctype html>"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    folder = tmp_path_factory.mktemp("photos")
    cache = ModelCache(folder / "cache")
    install_colours(cache, extra=True)
    settings = settings_for(cache, folder / "state", models=("colours",))
    live = loaded(settings).manager.slots["colours"].live
    assert live is not None
    return live


def uploads(*files: bytes) -> Rows:
    return [{"photo": Upload(f"{at}.jpg", data)} for at, data in enumerate(files)]


def decoded(rows: PhotoRows, live: LoadedModel) -> DecodedPhotos:
    request = Request("POST", "/predict/colours", {}, rows.body)
    found = rows.decode(request, live).decoded
    assert isinstance(found, DecodedPhotos)
    return found


def test_the_body_is_the_files(live: LoadedModel) -> None:
    """What keeps copies of requests judges by their size."""
    files = [photo_bytes(colour) for colour in LABELS]
    assert PhotoRows(uploads(*files), {}).body == b"".join(files)


def test_each_row_has_its_photo_and_the_same_values(live: LoadedModel) -> None:
    found = decoded(PhotoRows(uploads(*map(photo_bytes, LABELS)), {"warmth": 2.5}), live)
    assert found.rows == 3
    assert found.columns["warmth"] == [2.5] * 3
    colours = [pixels.mean((0, 1)).argmax() for pixels in found.pixels["photo"]]
    assert colours == [0, 1, 2]
    assert len(found.figures["photo"]) == len(found.pixels["photo"])


def test_broken_photos_are_left_out_each_time_anew(live: LoadedModel) -> None:
    rows = PhotoRows(uploads(PAGE, photo_bytes("green"), b""), {})
    for _ in range(2):
        found = decoded(rows, live)
        assert found.answered == [1]
        assert found.broken == {0: {"photo": "an HTML page"}, 2: {"photo": "an empty file"}}


def test_without_a_whole_photo_there_is_nothing_to_answer(live: LoadedModel) -> None:
    with pytest.raises(BrokenPhotos) as broken:
        decoded(PhotoRows(uploads(PAGE, PAGE), {}), live)
    assert set(broken.value.broken) == {0, 1}


def test_other_values_must_be_right_too(live: LoadedModel) -> None:
    rows = PhotoRows(uploads(PAGE, photo_bytes("red")), {"warmth": 99})
    with pytest.raises(BrokenPhotos) as broken:
        decoded(rows, live)
    assert set(broken.value.broken) == {0}
    assert "warmth" in {one.field for one in broken.value.fields}
