from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from support.packages import housing_document, iris_document
from vigie.batch.table_answers import AnswerTable, answer_names, csv_cell, number_cells
from vigie.engines.array_scorer import Piece
from vigie.engines.predictor import Answers
from vigie.models.document import PackageDocument


@effort(max_examples=500, deadline=None)
@given(arrays(np.float64, st.integers(0, 5), elements=st.floats(allow_nan=False)))
def test_numbers_are_written_as_python_writes_them(values: np.ndarray) -> None:
    finite = values[np.isfinite(values)]
    assert number_cells(finite) == [repr(value).encode() for value in finite.tolist()]


@pytest.mark.parametrize(
    "value", [0.0, -0.0, 1e-4, 9.999e-5, 1e-5, 1e15, 1e16, -1e16, 9999999999999998.0, 5e-324, 54.0]
)
def test_ends_of_plain_numbers(value: float) -> None:
    assert number_cells(np.array([value])) == [repr(value).encode()]


def test_a_number_of_32_bits_is_the_one_that_python_makes_of_it() -> None:
    values = np.array([0.1, 1 / 3], np.float32)
    assert number_cells(values) == [repr(value).encode() for value in values.tolist()]


@given(st.text('a",\n ;é'))
def test_a_text_is_quoted_where_it_has_to_be(text: str) -> None:
    line = b"1," + csv_cell(text) + b"\n"
    assert list(csv.reader(io.StringIO(line.decode(), newline=""))) == [["1", text]]


def test_the_columns_are_named_by_the_kind_of_answer() -> None:
    iris = PackageDocument.model_validate(iris_document())
    housing = PackageDocument.model_validate(housing_document())
    assert answer_names(iris) == ["prediction", "prediction_score"]
    assert answer_names(housing) == ["prediction"]
    (first,) = housing.outputs
    vector = housing.model_copy(update={"outputs": (first.model_copy(update={"shape": (2, 2)}),)})
    assert answer_names(vector) == [f"prediction_{place}" for place in range(4)]


def test_pieces_stand_in_their_places_and_errors_between_them() -> None:
    document = PackageDocument.model_validate(housing_document())
    pieces = [
        Piece(np.array([0, 3]), Answers({"price_eur": np.array([1.5, 2.5])}), {}),
        Piece(np.array([1]), Answers({"price_eur": np.array([7.0])}), {}),
    ]
    made = AnswerTable.of(document, pieces, {2: "a, b"}, 4)
    assert made.lines(["prediction"]) == [b"1.5,", b"7.0,", b',"a, b"', b"2.5,"]


def test_rows_without_any_answer_have_empty_cells() -> None:
    document = PackageDocument.model_validate(housing_document())
    made = AnswerTable.of(document, [], {0: "wrong"}, 1)
    assert made.lines(["prediction"]) == [b",wrong"]


@effort(max_examples=200, deadline=None)
@given(
    arrays(
        np.float64,
        st.tuples(st.integers(1, 4), st.just(2)),
        elements=st.floats(allow_nan=False, allow_infinity=False) | st.floats(-1e6, 1e6),
    )
)
def test_rows_of_numbers_are_written_as_python_writes_each(values: np.ndarray) -> None:
    columns = {"prediction_0": values[:, 0], "prediction_1": values[:, 1]}
    made = AnswerTable(columns, {}, len(values)).lines(list(columns))
    assert made == [f"{first!r},{second!r},".encode() for first, second in values.tolist()]
