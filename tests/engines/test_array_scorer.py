"""A wrong row among others costs none of them its answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from support.packages import HOUSING_ROWS, housing_document, housing_graph, write_package
from vigie.engines.array_scorer import ArrayScorer, Errors
from vigie.engines.predictor import Predictor, open_predictor
from vigie.models.array_decoding import Distinct, Numbers, Values
from vigie.models.package import read_package

LAND = [1.0, 0.0, 2.0, 3.0, 0.0]


def open_housing(root: Path, graph: onnx.ModelProto) -> Predictor:
    digest = write_package(root, housing_document(), graph, HOUSING_ROWS)
    return open_predictor(read_package(root, digest))


@pytest.fixture
def predictor(tmp_path: Path) -> Predictor:
    return open_housing(tmp_path / "package", housing_graph())


def columns(surfaces: Sequence[float]) -> dict[str, Values]:
    rows = len(surfaces)
    return {
        "surface_m2": Numbers(np.array(surfaces)),
        "rooms": Numbers(np.full(rows, 3)),
        "property_type": Distinct(["house"], np.zeros(rows, np.intp)),
        "land_m2": Numbers(np.array(LAND[:rows])),
    }


def alone(predictor: Predictor, values: Mapping[str, Values], row: int) -> float:
    one = {name: given.at(np.array([row])) for name, given in values.items()}
    (piece,) = ArrayScorer(predictor).score(one, 1, {})
    return float(piece.answers.outputs["price_eur"][0])


def test_all_good_rows_are_one_piece(predictor: Predictor) -> None:
    errors: Errors = {}
    values = columns([54, 60, 1000])
    (piece,) = ArrayScorer(predictor).score(values, 3, errors)
    assert piece.places.tolist() == [0, 1, 2]
    assert not errors
    assert piece.outside["surface_m2"].tolist() == [2]
    answers = piece.answers.outputs["price_eur"].tolist()
    assert answers == [alone(predictor, values, row) for row in range(3)]


def test_rows_that_break_the_signature_are_named_and_left_out(predictor: Predictor) -> None:
    errors: Errors = {}
    values = columns([54, 5000, 60, 1])
    (piece,) = ArrayScorer(predictor).score(values, 4, errors)
    assert piece.places.tolist() == [0, 2]
    assert errors == {1: None, 3: None}
    assert piece.answers.outputs["price_eur"][1] == alone(predictor, values, 2)


def test_rows_that_have_an_error_are_not_looked_at(predictor: Predictor) -> None:
    errors: Errors = {1: "torn"}
    (piece,) = ArrayScorer(predictor).score(columns([54, 5000, 60]), 3, errors)
    assert piece.places.tolist() == [0, 2]
    assert errors == {1: "torn"}


def test_a_row_that_the_model_fails_on_is_found_among_the_others(tmp_path: Path) -> None:
    graph = housing_graph()
    del graph.graph.node[-2:], graph.graph.initializer[:]
    graph.graph.node.append(helper.make_node("Log", ["land_m2"], ["price_eur"]))
    predictor = open_housing(tmp_path / "package", graph)
    errors: Errors = {}
    pieces = ArrayScorer(predictor).score(columns([54] * 5), 5, errors)
    assert sorted(place for piece in pieces for place in piece.places.tolist()) == [0, 2, 3]
    assert errors.keys() == {1, 4}
    assert all("not finite" in str(why) for why in errors.values())


def test_no_row_is_no_piece(predictor: Predictor) -> None:
    assert not ArrayScorer(predictor).score(columns([]), 0, {})
