"""What the log keeps of a request."""

from __future__ import annotations

import numpy as np
import orjson

from support.colours_package import colours_document
from support.photos import LABELS, in_base64, photo_bytes
from vigie.engines.predictor import Answers
from vigie.models.decoding import RowDecoder
from vigie.models.document import PackageDocument
from vigie.models.photo_figures import FIGURES
from vigie.predictionlog.entry import Entry


def test_of_a_photo_the_log_keeps_figures_and_no_pixels() -> None:
    document = PackageDocument.model_validate(colours_document(extra=True))
    rows = [{"photo": in_base64(photo_bytes(colour)), "warmth": 2} for colour in LABELS]
    decoded = RowDecoder(document.inputs).decode(rows)
    decoded.columns.pop("photo")
    answers = Answers({"probabilities": np.eye(3)}, None, None)
    logged = Entry(1, "id", document, "1", decoded, answers).rows(with_inputs=True)
    assert [row["label"] for row in logged] == list(LABELS)
    for row in logged:
        inputs = orjson.loads(row["inputs"])
        assert inputs["warmth"] == 2
        assert list(inputs["photo"]) == list(FIGURES)
        assert inputs["photo"]["megapixels"] == 0.006144
        assert inputs["photo"]["aspect"] == 1.5
        assert len(row["inputs"]) < 300
