"""An answer by name: what a classification shows behind its scores, and its neighbours."""

from __future__ import annotations

import numpy as np
import pytest

from support.fruits import COMPONENTS, FEATURES, SHOWN, features_of, known_photos, write_fruits
from vigie.engines.predictions import predictions_of
from vigie.engines.predictor import Predictor, open_predictor
from vigie.models.model_output import Output
from vigie.models.neighbours import Neighbours
from vigie.models.package import read_package


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    root = tmp_path_factory.mktemp("fruits") / "package"
    write_fruits(root)
    return open_predictor(read_package(root, ""))


def test_a_classification_answers_its_vector_and_its_neighbours(predictor: Predictor) -> None:
    name, label, pixels = known_photos()[5]
    answers = predictor.predict({"photo": [pixels]})
    (row,) = predictions_of(predictor.package.document, answers, {})
    assert list(row) == ["label", "score", "scores", "vector", "neighbours", "note", "warnings"]
    assert row["label"] == label
    # a text that is one for every language, and no link
    assert row["note"] == {"text": {"en": "Is rich in vitamin C."}, "link": None}
    assert len(row["vector"]) == COMPONENTS
    first, *others = row["neighbours"]
    assert first == {"label": label, "similarity": pytest.approx(1, abs=1e-6), "photo": name}
    assert len(others) == SHOWN - 1
    similarities = [one["similarity"] for one in row["neighbours"]]
    assert similarities == sorted(similarities, reverse=True)


def test_what_is_not_shown_is_there_where_it_is_asked_for(predictor: Predictor) -> None:
    pixels = [pixels for _, _, pixels in known_photos()]
    shown = predictor.predict({"photo": pixels})
    every = predictor.predict({"photo": pixels}, every_output=True)
    assert list(shown.outputs) == ["probabilities", "vector"]
    assert list(every.outputs) == ["probabilities", "vector", "features"]
    assert every.outputs["features"].shape == (len(pixels), FEATURES)
    np.testing.assert_allclose(every.outputs["features"], features_of(np.stack(pixels)), atol=1e-5)
    np.testing.assert_array_equal(shown.outputs["vector"], every.outputs["vector"])


def test_neighbours_that_nobody_wants_are_not_looked_for(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = [pixels for _, _, pixels in known_photos()]
    compared = predictor.predict({"photo": pixels})
    assert compared.nearest is not None
    with monkeypatch.context() as patch:
        patch.setattr(Neighbours, "nearest", None)
        alone = predictor.predict({"photo": pixels}, neighbours=False)
        predictor.check_golden()
    assert alone.nearest is None
    for name, values in compared.outputs.items():
        np.testing.assert_array_equal(alone.outputs[name], values)


def test_a_part_of_the_answers_has_its_own_neighbours(predictor: Predictor) -> None:
    document = predictor.package.document
    answers = predictor.predict({"photo": [pixels for _, _, pixels in known_photos()]})
    whole = predictions_of(document, answers, {})
    part = answers.parts([4, 2, len(whole) - 6])[1]
    assert predictions_of(document, part, {}) == whole[4:6]


def test_an_output_never_takes_the_place_of_the_score(predictor: Predictor) -> None:
    document = predictor.package.document
    outputs = [*document.outputs, Output(name="score", label="Score", tensor="vector", shape=(3,))]
    told = document.model_copy(update={"outputs": tuple(outputs)})
    answers = predictor.predict({"photo": [known_photos()[0][2]]})
    answers.outputs["score"] = np.zeros((1, 3))
    (row,) = predictions_of(told, answers, {})
    assert 0 < row["score"] <= 1
