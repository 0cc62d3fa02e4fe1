"""A part of a table is answered as each of its rows is alone, whichever way it was read."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import onnx
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as effort
from hypothesis import strategies as st
from onnx import helper

from support.packages import HOUSING_ROWS, housing_document, housing_graph, write_package
from vigie.batch.table_answers import ERROR, Score, answer_names
from vigie.batch.table_parts import Lines, TableParts
from vigie.batch.table_scorer import TableScorer
from vigie.engines.predictor import Predictor, open_predictor
from vigie.errors import DataError, InvalidInput, ModelFailure, told_in_a_line
from vigie.models.package import read_package
from vigie.models.rows import number_in

NAMES = ["id", "surface_m2", "rooms", "property_type", "land_m2", "district"]


def open_housing(root: Path, graph: onnx.ModelProto) -> Predictor:
    digest = write_package(root, housing_document(), graph, HOUSING_ROWS)
    return open_predictor(read_package(root, digest))


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    return open_housing(tmp_path_factory.mktemp("package") / "housing", housing_graph())


def scored(predictor: Predictor, text: str, *, whole_lines: bool) -> tuple[str, int, int]:
    parts = TableParts(io.BytesIO(text.encode()), whole_lines=whole_lines)
    scorer = TableScorer(predictor, parts.columns)
    found = [scorer.score(part) for part in parts]
    written = b"".join(text for text, _ in found).decode()
    return written, sum(one.answered for _, one in found), sum(one.refused for _, one in found)


def answered_alone(predictor: Predictor, text: str) -> tuple[str, int, int]:
    """The same by the reader and the writer of Python, a row at a time."""
    document = predictor.package.document
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    made = io.StringIO()
    names = [*(reader.fieldnames or ()), *answer_names(document), ERROR]
    writer = csv.DictWriter(made, names, lineterminator="\n")
    counts = [0, 0]
    for row in reader:
        answer = _answer(predictor, row)
        counts[ERROR in answer] += 1
        writer.writerow(row | answer)
    return made.getvalue(), counts[0], counts[1]


def _answer(predictor: Predictor, row: dict[str, str]) -> dict[str, Any]:
    given_row = {
        item.name: cell if item.dtype == "string" else number_in(cell)
        for item in predictor.package.document.inputs
        if (cell := row.get(item.name))
    }
    try:
        answers = predictor.predict(predictor.decoder.decode([given_row]).columns)
    except (InvalidInput, ModelFailure) as failure:
        return {ERROR: told_in_a_line(failure)}
    (price,) = answers.outputs["price_eur"].tolist()
    return {"prediction": price}


CELLS: dict[str, st.SearchStrategy[str]] = {
    "id": st.text('a7"é ,\n', max_size=3),
    "surface_m2": st.integers(5, 1100).map(str) | st.sampled_from(["", " 54", "5e1", "x", "nan"]),
    "rooms": st.integers(0, 9).map(str) | st.sampled_from(["2.0", "2.5", "", "1e400"]),
    "property_type": st.sampled_from(["apartment", "house", "castle", ""]),
    "land_m2": st.floats(-1, 1e5).map(repr) | st.sampled_from(["", "+7", "0x10"]),
    "district": st.integers(-1, 4).map(str) | st.sampled_from(["", "2.0", "x"]),
}
ROWS = st.lists(st.tuples(*CELLS.values()), max_size=8)
GOOD = st.lists(
    st.tuples(
        st.text("abc", max_size=3),
        st.floats(9, 1000).map(repr),
        st.integers(1, 50).map(str),
        st.sampled_from(["apartment", "house"]),
        st.sampled_from(["", "100", "5000.5"]),
        st.sampled_from(["", "1", "9"]),
    ),
    max_size=8,
)


@effort(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(ROWS | GOOD)
def test_any_rows_are_answered_as_each_alone(
    predictor: Predictor, rows: list[tuple[str, ...]]
) -> None:
    made = io.StringIO(newline="")
    csv.writer(made).writerows([NAMES, *rows])
    text = made.getvalue()
    alone = answered_alone(predictor, text)
    for whole_lines in (True, False):
        assert scored(predictor, text, whole_lines=whole_lines) == alone


def test_columns_that_are_absent_are_missing(predictor: Predictor) -> None:
    text = "rooms,surface_m2,property_type\n3,54,apartment\n"
    for whole_lines in (True, False):
        written, answered, _ = scored(predictor, text, whole_lines=whole_lines)
        assert answered == 1
        assert written.startswith("3,54,apartment,1")


def test_lines_of_other_cells_are_named(predictor: Predictor) -> None:
    with pytest.raises(DataError, match="line 4 or one before"):
        scored(predictor, "id,surface_m2\n1,2\n\n1,2,3\n", whole_lines=True)


def test_a_part_without_rows_is_empty(predictor: Predictor) -> None:
    scorer = TableScorer(predictor, NAMES)
    assert scorer.score(Lines(b"\n\n", 2)) == (b"", Score(0, 0))


def logarithm_graph() -> onnx.ModelProto:
    """The price's logarithm: of no land it is not finite."""
    graph = housing_graph()
    del graph.graph.node[-2:]
    graph.graph.node.append(helper.make_node("Log", ["land_m2"], ["price_eur"]))
    del graph.graph.initializer[:]
    return graph


def test_a_row_that_the_model_fails_on_costs_no_other_its_answer(tmp_path: Path) -> None:
    predictor = open_housing(tmp_path / "package", logarithm_graph())
    head = "surface_m2,rooms,property_type,land_m2\n"
    lines = [f"54,3,house,{land}\n" for land in (1, 0, 2, 3, 0, 5)]
    written, answered, refused = scored(predictor, head + "".join(lines), whole_lines=True)
    assert (answered, refused) == (4, 2)
    rows = list(csv.reader(io.StringIO(written)))
    expected = ["0.0", "", "0.69", "1.1", "", "1.61"]
    assert [row[4] for row in rows] == expected
    assert [bool(row[5]) for row in rows] == [not cell for cell in expected]
    assert "not finite" in rows[1][5]
