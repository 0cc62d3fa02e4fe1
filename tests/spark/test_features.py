from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.broken_photos import write_many
from support.colours_package import colours_document
from support.packages import housing_document
from support.photos import photo_bytes, write_photos
from support.spark import uri
from support.spark_features import Run, rows_of
from vigie.batch.photo_scorer import PhotoScorer
from vigie.errors import DataError
from vigie.models.document import PackageDocument
from vigie.models.photo_folder import PhotoFolder
from vigie.models.photo_names import written_name
from vigie.registry.reference import BatchModel
from vigie.spark.features import FeaturesOrder, vector_of


def test_photos_become_vectors_by_label_and_what_is_broken_is_set_apart(
    run_features: Run, features_order: FeaturesOrder, quarters: BatchModel, tmp_path: Path
) -> None:
    broken = write_many(tmp_path / "photos" / "Granny Smith, 100%", 66, 6)
    (tmp_path / "photos" / "loose.jpg").write_bytes(photo_bytes("red"))
    done = run_features(features_order)
    assert (done.read, done.written, done.quarantined) == (67, 67 - broken, broken)
    features, quarantine = (rows_of(tmp_path / "out", n) for n in ("features", "quarantine"))
    names = PhotoFolder(tmp_path / "photos", recursive=True).names()
    assert features.keys() | quarantine.keys() == set(map(written_name, names))
    assert not features.keys() & quarantine.keys()
    # what a batch says of the very same files
    scorer = PhotoScorer(quarters.predictor, tmp_path / "photos")
    for name in names:
        told = scorer._read(name)
        if isinstance(told, str):
            assert quarantine[written_name(name)]["reason"] == told
        else:
            answer = quarters.predictor.predict({"photo": [told]}).outputs["features"][0]
            found = np.array(features[written_name(name)]["vector"], np.float32)
            assert found.tobytes() == answer.astype(np.float32).tobytes()
    labels = {path.name for path in (tmp_path / "out" / "features").iterdir() if path.is_dir()}
    assert labels == {"label=Granny Smith, 100%25", "label=__HIVE_DEFAULT_PARTITION__"}
    told = json.loads((tmp_path / "out" / "_vigie.json").read_text())
    assert told["state"] == "done"
    assert told["counts"]["computed"] == 67


def test_another_order_over_an_output_is_refused(
    run_features: Run, features_order: FeaturesOrder, tmp_path: Path
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"no photo")
    done = run_features(features_order)
    assert (done.read, done.written, done.quarantined) == (1, 0, 1)
    with pytest.raises(DataError, match="begun with another choice of photos; --restart"):
        run_features(replace(features_order, patterns=("*.jpg",)))
    assert run_features(replace(features_order, patterns=("*.jpg",), restart=True)).read == 1


def test_an_input_below_a_folder_that_is_not_of_vigie_is_never_deleted(
    run_features: Run, features_order: FeaturesOrder, tmp_path: Path
) -> None:
    write_photos(tmp_path / "features")
    for way in (uri(tmp_path), f"viewfs://store{tmp_path}"):
        source = f"{way}//pca/../features"
        with pytest.raises(DataError, match="the input lies in the folder features of OUTPUT"):
            run_features(replace(features_order, source=source, output=way, restart=True))
    write_photos(tmp_path / "photos")
    with pytest.raises(DataError, match="OUTPUT has other files, such as features"):
        run_features(
            replace(
                features_order, output=uri(tmp_path), source=uri(tmp_path / "photos"), restart=True
            )
        )
    assert len(list((tmp_path / "features").iterdir())) == 3


def test_the_output_that_is_written() -> None:
    def document(**parts: Any) -> PackageDocument:
        return PackageDocument.model_validate(colours_document() | parts)

    def outputs(*names: str) -> list[dict[str, Any]]:
        return [{"name": n, "label": n, "tensor": n, "shape": [3]} for n in names]

    scores = document(outputs=outputs("probabilities", "vector", "features"))
    assert vector_of(scores, None) == "features"
    assert vector_of(scores, "vector") == "vector"
    assert vector_of(document(outputs=outputs("probabilities", "other")), None) == "other"
    embedding: dict[str, Any] = {"task": "embedding", "labels": []}
    assert vector_of(document(**embedding, outputs=outputs("vector")), None) == "vector"
    with pytest.raises(DataError, match="has the vectors a, b: give --vector"):
        vector_of(document(**embedding, outputs=outputs("a", "b")), None)
    with pytest.raises(DataError, match="colours answers no vector"):
        vector_of(document(), None)
    with pytest.raises(DataError, match="has no output x; it has probabilities"):
        vector_of(document(), "x")
    with pytest.raises(DataError, match="housing answers no vector"):
        vector_of(PackageDocument.model_validate(housing_document()), None)
