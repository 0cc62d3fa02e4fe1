"""What the compiled signature takes, `RowDecoder` takes too, and makes the same of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from support.json_rows import columns, fragments, listed, lists, objects, require_same
from support.kinds_of_input import EVERY_KIND, an_input
from support.packages import HOUSING_INPUTS
from vigie.errors import InvalidInput
from vigie.models.compiled import CompiledRows
from vigie.models.decoding import RowDecoder
from vigie.models.model_input import Input
from vigie.models.positional import columns_by_place
from vigie.models.row_forms import Form
from vigie.models.rows import Decoded

HOUSING = [Input.model_validate(item) for item in HOUSING_INPUTS]
SCALARS = [item for item in EVERY_KIND if not item.shape]
LIMITED = [
    an_input(name="a", limits=[0.2, 0.8]),
    an_input(name="b", limits=[-5, 9007199254740992], range=[0, 3]),
    an_input(name="c", dtype="int64", tensor="int64", limits=[None, 2**62], range=[0.5, 1e18]),
    an_input(name="d", dtype="int64", required=False, missing={"fill": 2.5}),
    an_input(name="e", dtype="int64", limits=[0, 1], required=False, missing={"fill": 0}),
    an_input(name="f", dtype="int64", tensor="string"),
    an_input(
        name="g", dtype="string", tensor="string", required=False, missing={"fill": "none"},
        choices={"values": ["apartment", "été"], "policy": "open"},
    ),
]  # fmt: skip
MODELS = {
    "housing": HOUSING,
    "every kind": EVERY_KIND,
    "scalars": SCALARS,
    "limits": LIMITED,
    **{f"{item.dtype} {item.shape} {place}": [item] for place, item in enumerate(EVERY_KIND)},
}
MOST = 30


def slowly(inputs: Sequence[Input], form: Form, body: str) -> Decoded | None:
    """What `RowDecoder` makes of the rows of a body; `None` where it refuses them."""
    by_name = {item.name: item for item in inputs}
    decoder = RowDecoder(inputs)
    try:
        document = orjson.loads(body)
        rows = document if form.member is None else document[form.member]
        if form.kind == "columns":
            count = len(next(iter(rows.values())))
            return decoder.decode_columns(rows, count) if 1 <= count <= MOST else None
        rows = [rows] if form.kind == "object" else rows
        if not 1 <= len(rows) <= MOST:
            return None
        if form.kind == "values":
            return decoder.decode_columns({inputs[0].name: rows}, len(rows))
        if form.kind == "lists":
            return decoder.decode_columns(columns_by_place(by_name, rows), len(rows))
        return decoder.decode(rows)
    except (ValueError, InvalidInput):
        return None


def require_part(inputs: Sequence[Input], form: Form, body: str) -> bool:
    """Fails where the quick reader takes what the slow one does not, or something else."""
    quick = CompiledRows(inputs).read(body.encode("utf-8", "surrogatepass"), form, MOST)
    if quick is None:
        return False
    slow = slowly(inputs, form, body)
    assert slow is not None, body
    require_same(quick, slow, inputs)
    return True


ROWS = {
    "object": objects,
    "objects": lambda inputs: listed(objects(inputs)),
    "lists": lambda inputs: listed(
        fragments(inputs[0]) if len(inputs) == 1 and inputs[0].shape else lists(inputs)
    ),
    "values": lambda inputs: listed(fragments(inputs[0])),
    "columns": columns,
}


@pytest.mark.parametrize("member", [None, "instances"])
@pytest.mark.parametrize("kind", ROWS)
@pytest.mark.parametrize("model", MODELS)
def test_what_is_taken_quickly_is_what_would_be_taken(
    model: str, kind: Any, member: str | None
) -> None:
    inputs = MODELS[model]
    form = Form(kind, member)

    @effort(max_examples=30, deadline=None)
    @given(ROWS[kind](inputs))
    def holds(rows: str) -> None:
        require_part(inputs, form, rows if member is None else f'{{"{member}": {rows}}}')

    holds()


HOME: dict[str, Any] = {"surface_m2": 54.5, "rooms": 3, "property_type": "apartment"}
FLAT = list(HOME.values())


@pytest.mark.parametrize(
    ("inputs", "form", "document"),
    [
        (HOUSING, Form("object"), HOME),
        (HOUSING, Form("objects"), [HOME] * MOST),
        (HOUSING, Form("objects", "instances"), {"instances": [HOME]}),
        (HOUSING, Form("objects"), [HOME | {"land_m2": None, "district": 2}, HOME]),
        (HOUSING, Form("objects"), [HOME | {"land_m2": 40, "district": None}, HOME] * 9),
        (HOUSING, Form("lists"), [[*FLAT, None, 3]] * 2),
        (HOUSING, Form("columns"), {name: [value] * 20 for name, value in HOME.items()}),
        (EVERY_KIND[:1], Form("values"), [1, 2.5]),
        (EVERY_KIND[3:4], Form("values"), [True, 0, False, 1]),
        (EVERY_KIND[5:6], Form("lists"), [[1, 2.5, 3], [4, 5, 6]]),
        (EVERY_KIND[6:7], Form("lists"), [[[1, 2], [3, 4.5]]] * 20),
        (EVERY_KIND[7:8], Form("objects"), [{"x7": ["a", "é"]}]),
        (EVERY_KIND[9:10], Form("objects"), [{"x9": 1}, {"x9": 2}]),
        (LIMITED[5:6], Form("values"), [-3, 2**60]),
        (HOUSING, Form("object"), HOME | {"surface_m2": 900, "rooms": 3.0, "district": 9}),
        (HOUSING, Form("objects"), [HOME | {"land_m2": 9, "rooms": 40}, HOME] * 9),
    ],
)
def test_good_rows_are_taken_quickly(inputs: list[Input], form: Form, document: Any) -> None:
    assert require_part(inputs, form, json.dumps(document))


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [HOME] * (MOST + 1),
        [HOME | {"rooms": 3.5}],
        [HOME | {"rooms": True}],
        [HOME | {"surface_m2": 5}],
        [HOME | {"surface_m2": None}],
        [HOME | {"district": "2"}],
        [HOME | {"district": 9.0}],
        [HOME | {"more": 1}],
        [HOME, 3],
        [HOME, FLAT],
        [{"surface_m2": 54}],
    ],
)
def test_what_needs_another_look_is_left(rows: list[Any]) -> None:
    assert CompiledRows(HOUSING).read(json.dumps(rows).encode(), Form("objects"), MOST) is None


@pytest.mark.parametrize(
    "body", [b"", b"[", b"[{}]]", b"\xff", b"[" * 5000, b'[{"a":' * 5000, b"null", b"3", b"{}"]
)
def test_what_is_no_json_is_left(body: bytes) -> None:
    reader = CompiledRows(HOUSING)
    for kind in ROWS:
        assert reader.read(body, Form(kind), MOST) is None  # type: ignore[arg-type]


def test_the_last_of_two_values_counts_as_in_any_parser() -> None:
    body = b'{"surface_m2": 54, "rooms": 2, "property_type": "house", "rooms": 3}'
    decoded = CompiledRows(HOUSING).read(body, Form("object"), MOST)
    assert decoded is not None
    assert decoded.columns["rooms"] == [3]


def test_many_numbers_are_arrays_and_few_are_lists() -> None:
    reader = CompiledRows(HOUSING)
    few = reader.read(json.dumps([HOME] * 15).encode(), Form("objects"), MOST)
    many = reader.read(json.dumps([HOME] * 16).encode(), Form("objects"), MOST)
    assert few is not None
    assert many is not None
    assert {type(values) for values in few.columns.values()} == {list}
    found = {name: getattr(v, "dtype", None) for name, v in many.columns.items()}
    assert found["surface_m2"] == found["land_m2"] == np.float64
    assert found["rooms"] == np.int64
    assert found["property_type"] is found["district"] is None


def test_photos_are_not_read_here() -> None:
    photo = an_input(
        dtype="image", tensor="uint8", shape=[8, 8, 3], resize={"filter": "bilinear"}, example=""
    )
    body = b'[{"x": {"b64": ""}}]'
    assert CompiledRows([photo]).read(body, Form("objects"), MOST) is None
    assert CompiledRows([photo]).read_table(("x",), b'[[""]]', MOST) is None


def test_inputs_may_be_called_by_any_word() -> None:
    inputs = [an_input(name=name) for name in ("class", "rows", "value_1", "self")]
    row = {item.name: 1.5 for item in inputs}
    assert require_part(inputs, Form("objects", "instances"), json.dumps({"instances": [row]}))
    assert require_part(inputs, Form("object", "features"), json.dumps({"features": row}))


# --- tables


@pytest.mark.parametrize("model", ["housing", "limits", "scalars"])
@effort(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_table_is_read_like_its_columns(model: str, data: st.DataObject) -> None:
    inputs = MODELS[model]
    chosen = data.draw(st.permutations(inputs))[: data.draw(st.integers(1, len(inputs)))]
    names = tuple(item.name for item in chosen)
    rows = data.draw(listed(lists(chosen)))
    quick = CompiledRows(inputs).read_table(names, rows.encode("utf-8", "surrogatepass"), MOST)
    if quick is None:
        return
    parsed = orjson.loads(rows)
    columns = dict(zip(names, map(list, zip(*parsed, strict=True)), strict=True))
    require_same(quick, RowDecoder(inputs).decode_columns(columns, len(parsed)), inputs)


def test_tables_of_other_columns_are_left() -> None:
    reader = CompiledRows(HOUSING)
    names, rows = tuple(HOME), json.dumps([FLAT] * 2).encode()
    read = reader.read_table(names, rows, MOST)
    assert read is not None
    assert read.missing == {"land_m2": 2, "district": 2}
    for other in ((), names[:2], (*names, "more"), (*names[:2], "more"), (*names, names[0])):
        assert reader.read_table(other, rows, MOST) is None
    for _ in range(2):
        for place in range(40):
            reader.read_table((f"x{place}",), rows, MOST)
        assert reader.read_table(names, rows, MOST) is not None
