from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from support.fruits import COMPONENTS, SHOWN, write_fruits
from support.packages import housing_document
from support.photos import photo_pixels
from vigie.engines.predictor import open_predictor
from vigie.models.document import PackageDocument
from vigie.models.package import read_package
from vigie.spark.score_answer import ScoreAnswer

INTERVAL = {"level": 0.9, "scale": "plain", "sizes": [0.0], "widths": [1000.0]}


def test_a_number_has_its_interval_beside_it() -> None:
    document = PackageDocument.model_validate(housing_document() | {"interval": INTERVAL})
    assert ScoreAnswer.of_rows(document).schema() == pa.schema(
        [
            ("prediction", pa.float64()),
            ("prediction_lower", pa.float64()),
            ("prediction_upper", pa.float64()),
        ]
    )


def test_what_a_classification_shows_beside_its_scores_has_its_own_name(tmp_path: Path) -> None:
    write_fruits(tmp_path)
    predictor = open_predictor(read_package(tmp_path, ""))
    document = predictor.package.document
    answer = ScoreAnswer.of_photos(document)
    photo = photo_pixels("red", (document.images[0].shape[1], document.images[0].shape[0]))
    made = answer.columns(document, predictor.predict({document.images[0].name: [photo]}))
    assert list(made) == answer.schema().names
    assert list(made) == [
        "prediction_label",
        "prediction_score",
        "prediction_vector",
        "prediction_neighbours",
    ]
    assert made["prediction_label"].to_pylist() == ["red"]
    assert len(made["prediction_vector"][0]) == COMPONENTS
    (found,) = made["prediction_neighbours"].to_pylist()
    assert [list(one) for one in found] == [["label", "similarity", "photo"]] * SHOWN
    assert {one["label"] for one in found} == {"red"}
