"""Answers with more than scores: vectors, neighbours and notes, in the words of every dialect."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from urllib3.filepost import encode_multipart_formdata

from support.fruits import (
    COMPONENTS,
    SHOWN,
    fruits_document,
    fruits_graph,
    install_fruits,
    known_photos,
)
from support.packages import write_package
from support.photos import LABELS, in_base64, photo_bytes
from support.worker import loaded, post, settings_for
from vigie.engines.predictor import Answers
from vigie.errors import InvalidInput
from vigie.models.document import PackageDocument
from vigie.models.manifest import write_manifest
from vigie.models.neighbours import Nearest, Neighbours, write_neighbours
from vigie.registry.cache import ModelCache
from vigie.serving.app import create_app
from vigie.serving.dialects.answer_tensors import answer_tensors, answer_values, goes_by_name
from vigie.serving.worker_state import WorkerState

PHOTOS = [in_base64(photo_bytes(label, seed=1)) for label in LABELS]
NOTED = {"text": {"en": "Keeps for months.", "fr": "Se garde des mois."}}
LINK = "https://en.wikipedia.org/wiki/Apple"
NAMED = [
    "probabilities", "vector", "label", "note_text", "note_link",
    "neighbours_photo", "neighbours_label", "neighbours_similarity",
]  # fmt: skip


@pytest.fixture(scope="module")
def fruits(tmp_path_factory: pytest.TempPathFactory) -> WorkerState:
    folder = tmp_path_factory.mktemp("fruits")
    cache = ModelCache(folder / "cache")
    install_fruits(cache)
    return loaded(settings_for(cache, folder / "state", models=("fruits",)))


@pytest.fixture(scope="module")
def ours(fruits: WorkerState) -> list[dict[str, Any]]:
    """Our own answers to one photo of each label."""
    answer = post(fruits, "/predict/fruits", {"instances": [{"photo": one} for one in PHOTOS]})
    assert answer.status == 200, answer.body
    found: list[dict[str, Any]] = answer.json()["predictions"]
    return found


def parts_of(answer: dict[str, Any]) -> dict[str, Any]:
    """One of our answers by the names of the tensors of the others."""
    note, neighbours = answer["note"] or {"text": {"en": ""}, "link": None}, answer["neighbours"]
    return {
        "probabilities": list(answer["scores"].values()),
        "vector": answer["vector"],
        "label": answer["label"],
        "note_text": note["text"]["en"],
        "note_link": note["link"] or "",
        "neighbours_photo": [one["photo"] for one in neighbours],
        "neighbours_label": [one["label"] for one in neighbours],
        "neighbours_similarity": [one["similarity"] for one in neighbours],
    }


def assert_same(found: Any, expected: Any) -> None:
    if isinstance(expected, list) and isinstance(expected[0], float):
        # six decimals are ours, single precision theirs
        np.testing.assert_allclose(found, expected, atol=1e-6)
    else:
        assert found == expected


def test_our_own_answer_has_all_of_it(ours: list[dict[str, Any]], fruits: WorkerState) -> None:
    slot = fruits.manager.slot("fruits")
    assert slot.live is not None
    for label, answer in zip(LABELS, ours, strict=True):
        assert list(answer) == [
            "label", "score", "scores", "vector", "neighbours", "note", "warnings",
        ]  # fmt: skip
        assert answer["label"] == label
        assert len(answer["vector"]) == COMPONENTS
        assert [one["label"] for one in answer["neighbours"]] == [label] * SHOWN
        # the very photo is among those that the package knows
        assert answer["neighbours"][0]["photo"] == f"{label}/1.jpg"
        assert answer["neighbours"][0]["similarity"] == pytest.approx(1, abs=1e-3)
        place = LABELS.index(label) * 4 + 1
        assert answer["neighbours"][0]["thumbnail"] == (
            f"/models/fruits/neighbours/{place}.jpg?digest={slot.live.digest}"
        )
    notes = [answer["note"] for answer in ours]
    green = {"text": {"en": "Is rich in vitamin C."}, "link": None}
    assert notes == [{**NOTED, "link": LINK}, green, None]


def test_tensorflow_serving_has_it_by_name(fruits: WorkerState, ours: list[Any]) -> None:
    rows = post(fruits, "/v1/models/fruits:predict", {"instances": PHOTOS}).json()["predictions"]
    columns = post(fruits, "/v1/models/fruits:predict", {"inputs": PHOTOS}).json()["outputs"]
    assert list(rows[0]) == list(columns) == NAMED
    for place, (row, answer) in enumerate(zip(rows, ours, strict=True)):
        for name, expected in parts_of(answer).items():
            assert_same(row[name], expected)
            assert columns[name][place] == row[name]


def test_v2_has_it_as_tensors(fruits: WorkerState, ours: list[Any]) -> None:
    photos = [one["b64"] for one in PHOTOS]
    asked = {"inputs": [{"name": "photo", "shape": [3], "datatype": "BYTES", "data": photos}]}
    outputs = post(fruits, "/v2/models/fruits/infer", asked).json()["outputs"]
    assert [one["name"] for one in outputs] == NAMED
    for output in outputs:
        shape = output["shape"]
        assert shape[0] == 3
        for row, answer in enumerate(ours):
            size = shape[1] if len(shape) > 1 else 1
            found = output["data"][row * size : (row + 1) * size]
            assert_same(found if len(shape) > 1 else found[0], parts_of(answer)[output["name"]])


def test_v2_writes_texts_of_neighbours_as_binary_data(fruits: WorkerState, ours: list[Any]) -> None:
    asked = {
        "inputs": [
            {"name": "photo", "shape": [1], "datatype": "BYTES", "data": [PHOTOS[0]["b64"]]}
        ],
        "outputs": [{"name": "neighbours_photo", "parameters": {"binary_data": True}}],
    }
    answer = post(fruits, "/v2/models/fruits/infer", asked)
    length = int(answer.headers["inference-header-content-length"])
    (output,) = json.loads(answer.body[:length])["outputs"]
    assert output["shape"] == [1, SHOWN]
    names = [one["photo"].encode() for one in ours[0]["neighbours"]]
    written = b"".join(len(name).to_bytes(4, "little") + name for name in names)
    assert answer.body[length:] == written
    refused = post(fruits, "/v2/models/fruits/infer", asked | {"outputs": [{"name": "features"}]})
    assert refused.status == 400


def test_invocations_have_it_beside_the_scores(fruits: WorkerState, ours: list[Any]) -> None:
    rows = post(fruits, "/invocations", {"instances": PHOTOS}).json()["predictions"]
    assert list(rows[0]) == [*LABELS, "label", "vector", "neighbours", "note"]
    for row, answer in zip(rows, ours, strict=True):
        plain = [
            {name: one[name] for name in ("label", "similarity", "photo")}
            for one in answer["neighbours"]
        ]
        expected = {**answer["scores"], **answer, "neighbours": plain}
        assert row == {name: expected[name] for name in row}


def test_metadata_list_what_is_answered(fruits: WorkerState) -> None:
    client = create_app(worker_state=fruits).test_client()
    outputs = client.get("/v2/models/fruits").get_json()["outputs"]
    shapes = {one["name"]: (one["datatype"], one["shape"]) for one in outputs}
    assert list(shapes) == NAMED
    assert shapes["vector"] == ("FP32", [-1, COMPONENTS])
    assert shapes["neighbours_photo"] == ("BYTES", [-1, SHOWN])
    signature = client.get("/v1/models/fruits/metadata").get_json()["metadata"]["signature_def"]
    named = signature["signature_def"]["serving_default"]["outputs"]
    assert list(named) == NAMED
    assert named["neighbours_label"]["dtype"] == "DT_STRING"
    assert [one["size"] for one in named["vector"]["tensor_shape"]["dim"]] == [
        "-1",
        str(COMPONENTS),
    ]


@pytest.fixture(scope="module")
def vectors(tmp_path_factory: pytest.TempPathFactory) -> WorkerState:
    """A service of vectors without labels, whose reference rows have none either."""
    folder = tmp_path_factory.mktemp("vectors")
    cache = ModelCache(folder / "cache")
    document = fruits_document("vectors")
    document["outputs"] = document["outputs"][1:]
    for name in ("labels", "label_texts", "label_notes"):
        del document[name]
    document |= {"task": "embedding", "neighbours": {"output": "vector", "count": 20}}
    pixels = [pixels for _, _, pixels in known_photos()[:2]]
    with cache.lock("vectors") as incoming:
        write_package(incoming, document, fruits_graph(), [{"photo": one} for one in pixels])
        known = np.eye(2, COMPONENTS, dtype=np.float32)
        write_neighbours(incoming, Neighbours(known, np.array([-1, -1]), ("a.jpg", "b.jpg")))
        digest = write_manifest(incoming)
        cache.install("vectors", incoming, digest, "1", "run1")
        cache.point("vectors", digest)
    return loaded(settings_for(cache, folder / "state", models=("vectors",)))


def test_vectors_without_labels_have_neighbours_too(vectors: WorkerState) -> None:
    instances = {"instances": PHOTOS[:1]}
    (ours,) = post(vectors, "/predict/vectors", instances).json()["predictions"]
    assert list(ours) == ["vector", "neighbours", "warnings"]
    # fewer than were asked for are known
    assert [set(one) for one in ours["neighbours"]] == [{"label", "similarity", "photo"}] * 2
    assert [one["label"] for one in ours["neighbours"]] == [None, None]
    (row,) = post(vectors, "/v1/models/vectors:predict", instances).json()["predictions"]
    assert list(row) == ["vector", "neighbours_photo", "neighbours_similarity"]
    assert row["neighbours_photo"] == [one["photo"] for one in ours["neighbours"]]
    (row,) = post(vectors, "/invocations", instances).json()["predictions"]
    assert row == {"vector": ours["vector"], "neighbours": ours["neighbours"]}
    client = create_app(worker_state=vectors).test_client()
    outputs = client.get("/v2/models/vectors").get_json()["outputs"]
    assert [one["shape"] for one in outputs] == [[-1, COMPONENTS], [-1, 2], [-1, 2]]
    schema = client.get("/openapi.json").get_json()["components"]["schemas"]["vectors.Answer"]
    assert Draft202012Validator(schema).is_valid(ours)
    files = [("photo", ("a.jpg", photo_bytes("red"), "image/jpeg"))]
    body, content_type = encode_multipart_formdata(files)
    page = client.post("/models/vectors", data=body, content_type=content_type)
    assert page.status_code == 200
    assert "3 numbers" in page.text
    assert '<span class="file">a.jpg</span>' in page.text


def test_a_reference_row_without_a_label_has_an_empty_one() -> None:
    known = Neighbours(np.eye(2, COMPONENTS), np.array([-1, 1]), ("a.jpg", "b.jpg"))
    nearest = Nearest(known, np.array([[1, 0], [0, 1]]), np.ones((2, 2), np.float32))
    answers = Answers({}, nearest=nearest)
    document = PackageDocument.model_validate(fruits_document())
    found = answer_values(document, answers, "neighbours_label")
    assert found.tolist() == [["green", ""], ["", "green"]]
    with pytest.raises(InvalidInput, match="no output castle"):
        answer_values(document, answers, "castle")


def test_an_answer_of_one_output_has_no_names(shared_worker_state: WorkerState) -> None:
    for name in ("housing", "iris"):
        live = shared_worker_state.manager.slot(name).live
        assert live is not None
        assert not goes_by_name(live.document)
        assert [one for one in answer_tensors(live.predictor.package) if "neighbours" in one] == []
