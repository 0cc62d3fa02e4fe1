"""A package as an object answers as the service, in the form of the table."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any, get_overloads

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from support.colours_package import install_colours, write_colours
from support.packages import (
    HOUSING_ROWS,
    housing_document,
    housing_graph,
    iris_document,
    iris_graph,
    open_housing,
    sensors_document,
    sensors_graph,
    write_package,
)
from support.photos import image_file, in_base64, photo_bytes, photo_pixels, write_photos
from support.worker import FLOWER, HOME, loaded, post, settings_for
from vigie.client import Client
from vigie.engines.packaged_model import PHOTOS_AT_ONCE, ROWS_AT_ONCE, PackagedModel
from vigie.engines.predictor import open_predictor
from vigie.errors import DataError, InvalidInput
from vigie.models.interval import Interval
from vigie.models.package import read_package
from vigie.registry.cache import ModelCache
from vigie.serving.worker_state import WorkerState


def housing(root: Path) -> PackagedModel:
    return PackagedModel(open_housing(root), "1")


def iris(root: Path) -> PackagedModel:
    write_package(root, iris_document(), iris_graph(), [FLOWER])
    return PackagedModel(open_predictor(read_package(root, "")))


def test_the_rows_are_those_of_the_service(
    tmp_path: Path, shared_worker_state: WorkerState
) -> None:
    for model, rows in (
        (housing(tmp_path / "housing"), [*HOUSING_ROWS, HOME | {"surface_m2": 500, "district": 9}]),
        (iris(tmp_path / "iris"), [FLOWER, FLOWER | {"sepal_width_cm": 9}]),
    ):
        said = post(shared_worker_state, f"/predict/{model.name}", {"instances": rows}).json()
        found = model.predict(rows)
        assert found == [{**one, "version": model.version} for one in said["predictions"]]
        assert found[-1]["warnings"]


def test_a_frame_gives_a_frame_with_its_index(tmp_path: Path) -> None:
    table = pd.DataFrame([FLOWER, FLOWER], index=pd.Index([7, 3]))
    made = iris(tmp_path).predict(table)
    labels = ["setosa", "versicolor", "virginica"]
    assert list(made) == [
        "label", "score", *(f"score_{label}" for label in labels), "warnings", "version",
    ]  # fmt: skip
    assert made.index.tolist() == [7, 3]
    assert np.allclose(made[[f"score_{label}" for label in labels]].sum(axis=1), 1, atol=1e-5)


def test_an_interval_has_two_columns(tmp_path: Path) -> None:
    interval = Interval(0.9, "plain", (1e5,), (5000.0,)).to_dict()
    document = housing_document() | {"interval": interval}
    write_package(tmp_path, document, housing_graph(), HOUSING_ROWS)
    made = PackagedModel(open_predictor(read_package(tmp_path, ""))).predict(
        {name: [value] for name, value in HOME.items()}
    )
    assert list(made) == ["price_eur", "lower", "upper", "warnings", "version"]
    assert made["upper"][0] - made["lower"][0] == pytest.approx(10000)


def test_several_outputs_are_a_column_each(tmp_path: Path) -> None:
    rows = [{"tag": "foo", "signal": [1, 2, 3, 4, 5], "sensor": [[1, 2], [3, 4]]}]
    write_package(tmp_path, sensors_document(), sensors_graph(), rows)
    model = PackagedModel(open_predictor(read_package(tmp_path, "")))
    table = {
        "tag": np.array(["foo", "bar"]),
        "signal": np.arange(10, dtype=np.float32).reshape(2, 5),
        "sensor": np.ones((2, 2, 2), np.int8),
    }
    made = model.predict(table)
    assert made["doubled"] == [[0, 2, 4, 6, 8], [10, 12, 14, 16, 18]]
    assert made["kind"] == [101, 201]


def test_a_wrong_row_is_named_at_its_place_in_the_table(tmp_path: Path) -> None:
    rows = [HOME] * (ROWS_AT_ONCE + 2)
    rows[-1] = HOME | {"rooms": float("inf"), "odd": 1}
    with pytest.raises(InvalidInput) as refused:
        housing(tmp_path).predict(rows)
    assert [(one.row, one.field) for one in refused.value.fields] == [
        (ROWS_AT_ONCE + 1, "odd"), (ROWS_AT_ONCE + 1, "rooms"),
    ]  # fmt: skip
    assert f"row {ROWS_AT_ONCE + 1}, rooms: expected integer from 1 to 50" in str(refused.value)
    with pytest.raises(DataError, match="the table has no rows"):
        housing(tmp_path / "again").predict([])


def test_a_long_table_stays_in_order(tmp_path: Path) -> None:
    surfaces = np.linspace(12, 240, 2 * ROWS_AT_ONCE + 5)
    table = pd.DataFrame({"surface_m2": surfaces, "rooms": 3, "property_type": "apartment"})
    made = housing(tmp_path).predict(table)
    assert np.allclose(made["price_eur"], 3000 * surfaces + 2500, rtol=0.01)


def test_it_says_what_it_is(tmp_path: Path) -> None:
    assert repr(housing(tmp_path / "a")) == (
        "housing version 1: Home price (regression)\n"
        "  takes    surface_m2: number from 9 to 1000\n"
        "  takes    rooms: integer from 1 to 50\n"
        "  takes    property_type: one of apartment, house\n"
        "  takes    land_m2: number from 0 to 100000, or nothing\n"
        "  takes    district: integer, or nothing\n"
        "  answers  price_eur\n"
        "  measured mae 10000"
    )
    said = repr(iris(tmp_path / "b"))
    assert said.startswith("iris of a folder: Iris species (classification)\n")
    assert "  answers  setosa, versicolor, virginica" in said


def test_it_asks_as_the_client_does() -> None:
    """What is typed for one is typed for the other."""
    mine, theirs = (get_overloads(kind.predict) for kind in (PackagedModel, Client))
    asked = [one.__annotations__["table"] for one in mine]
    assert asked[:3] == [one.__annotations__["table"] for one in theirs[:3]]
    assert asked[3] == theirs[3].__annotations__["table"].replace("]", " | np.ndarray]")
    assert len(mine) == len(theirs) == 4


def colours(root: Path, extra: bool = False) -> PackagedModel:
    write_colours(root, extra=extra)
    return PackagedModel(open_predictor(read_package(root, "")), "1")


def test_photos_get_the_answers_of_the_service(tmp_path: Path, cache: ModelCache) -> None:
    files = write_photos(tmp_path / "photos", each=7)
    contents = [file.read_bytes() for file in files]
    install_colours(cache)
    state = loaded(settings_for(cache, tmp_path / "state", models=("colours",)))
    rows = [{"photo": in_base64(one)} for one in contents]
    said = [
        answer
        for some in (rows[:11], rows[11:])
        for answer in post(state, "/predict/colours", {"instances": some}).json()["predictions"]
    ]
    model = colours(tmp_path / "package")
    mixed: list[Any] = [
        str(files[0]),
        files[1],
        BytesIO(contents[2]),
        bytearray(contents[3]),
        *contents[4:],
    ]
    frame = model.predict(pd.DataFrame({"photo": contents}))
    for found in (model.predict(mixed), model.predict([{"photo": one} for one in contents])):
        assert [row["label"] for row in found] == [row["label"] for row in said]
        for one, other in zip(found, said, strict=True):
            assert one["scores"] == pytest.approx(other["scores"], abs=1e-6)
    assert frame["label"].tolist() == ["red"] * 7 + ["green"] * 7 + ["blue"] * 7


def test_pixels_are_photos_too(tmp_path: Path) -> None:
    model = colours(tmp_path)
    pixels = photo_pixels("blue", (32, 32))
    taken: list[Any] = [pixels, image_file(Image.fromarray(pixels), "PNG")]
    first, second = model.predict(taken)
    assert first["scores"] == pytest.approx(second["scores"])
    assert model.predict({"photo": pixels[None]})["label"] == ["blue"]
    with pytest.raises(InvalidInput, match=r"row 1, photo: .*got an array that is no uint8"):
        model.predict([pixels, pixels / 255])


def test_a_broken_photo_is_named_by_its_place(tmp_path: Path) -> None:
    model = colours(tmp_path)
    good = photo_bytes("red")
    photos: list[Any] = [*[good] * PHOTOS_AT_ONCE, good, b"<html>"]
    with pytest.raises(InvalidInput) as refused:
        model.predict(photos)
    (field,) = refused.value.fields
    assert (field.row, field.field, field.got) == (PHOTOS_AT_ONCE + 1, "photo", "an HTML page")
    assert f"row {PHOTOS_AT_ONCE + 1}, photo: expected photo" in str(refused.value)
    photos[-1] = tmp_path / "none.jpg"
    with pytest.raises(DataError, match=f"photo {PHOTOS_AT_ONCE + 1} cannot be read: No such file"):
        model.predict(photos)


def test_other_inputs_are_the_same_for_every_photo(tmp_path: Path) -> None:
    model = colours(tmp_path / "colours", extra=True)
    photos = [photo_bytes("red"), photo_bytes("green")]
    warm = model.predict(photos, {"warmth": np.float32(3)})
    plain = model.predict([{"photo": photos[0], "warmth": 3}, {"photo": photos[1], "warmth": 3}])
    assert warm == plain
    assert warm[0]["scores"]["red"] > model.predict(photos)[0]["scores"]["red"]
    rows: Any = [{"photo": photos[0]}]
    with pytest.raises(DataError, match="values goes with photos"):
        model.predict(rows, {"warmth": 1})
    with pytest.raises(DataError, match="housing takes no photos; give its rows"):
        housing(tmp_path / "housing").predict(photos)
