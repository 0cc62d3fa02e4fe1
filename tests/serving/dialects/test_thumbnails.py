"""The addresses of small pictures in answers, and an output that has the name of neighbours."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from support.colours_package import SIDE
from support.fruits import COMPONENTS, fruits_document, fruits_graph, known_photos
from support.packages import write_package
from support.photos import in_base64, photo_bytes
from support.worker import loaded, post, settings_for
from vigie.models.manifest import write_manifest
from vigie.models.neighbours import THUMBNAILS, Neighbours, thumbnail_path, write_neighbours
from vigie.models.photo import photo_file
from vigie.registry.cache import ModelCache


def test_an_output_that_is_called_neighbours_keeps_its_numbers(tmp_path: Path) -> None:
    document = fruits_document()
    document["outputs"][1]["name"] = "neighbours"
    document["neighbours"]["output"] = document["reduction"]["output"] = "neighbours"
    cache = ModelCache(tmp_path / "cache")
    with cache.lock("fruits") as incoming:
        photos = [pixels for _, _, pixels in known_photos()[:2]]
        write_package(incoming, document, fruits_graph(), [{"photo": one} for one in photos])
        known = np.eye(2, COMPONENTS, dtype=np.float32)
        write_neighbours(incoming, Neighbours(known, np.array([0, 1]), ("a.jpg", "b.jpg")))
        (incoming / THUMBNAILS).mkdir()
        for place, pixels in enumerate(photos):
            thumbnail_path(incoming, place).write_bytes(photo_file(pixels, SIDE))
        digest = write_manifest(incoming)
        cache.install("fruits", incoming, digest, "1", "run1")
        cache.point("fruits", digest)
    state = loaded(settings_for(cache, tmp_path / "state", models=("fruits",)))
    answer = post(state, "/predict/fruits", {"instances": [in_base64(photo_bytes("red"))]})
    assert answer.status == 200
    (row,) = answer.json()["predictions"]
    assert [type(one) for one in row["neighbours"]] == [float] * COMPONENTS
