"""A body that is read quickly says what it says when it is read slowly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as effort
from hypothesis import strategies as st

from support.json_rows import columns, fragments, listed, lists, objects, require_same
from vigie.errors import VigieError
from vigie.models.compiled import CompiledRows
from vigie.serving.dialects.invocations import InvocationsDialect
from vigie.serving.dialects.native import NativeDialect
from vigie.serving.dialects.tfserving import TfServingDialect
from vigie.serving.runtime.loaded_model import LoadedModel
from vigie.serving.runtime.messages import DecodedRequest, Request
from vigie.serving.worker_state import WorkerState

MOST = 30
DIALECTS: dict[str, Any] = {
    "native": NativeDialect(MOST),
    "tfserving": TfServingDialect(MOST),
    "invocations": InvocationsDialect(MOST),
}
AROUND = [
    "%s", ' {"instances" : %s}', '{"features":%s}', '{"inputs":%s}', '{"dataframe_records":%s}',
    '{"signature_name": "serving_default", "instances": %s}', '{"instances": %s, "more": 1}',
    '{"instances": %s, "signature_name": "other"}', '{"inputs": %s, "instances": [1]}',
    '{"instances": [], "instances": %s}', '{"params": {}, "inputs": %s}', "[%s]",
]  # fmt: skip
"""What dialects have around rows; several are right for one of them alone."""


@pytest.fixture(scope="module")
def lives(
    shared_worker_state: WorkerState, tensor_worker_state: WorkerState
) -> dict[str, LoadedModel]:
    slots = shared_worker_state.manager.slots | tensor_worker_state.manager.slots
    return {name: slot.live for name, slot in slots.items() if slot.live is not None}


def said(dialect: Any, body: bytes, live: LoadedModel) -> DecodedRequest | tuple[type, str, object]:
    try:
        decoded: DecodedRequest = dialect.decode(Request("POST", "/", {}, body), live)
    except VigieError as error:
        return type(error), str(error), getattr(error, "fields", None)
    return decoded


def require_no_difference(
    dialect: str, body: str, live: LoadedModel, patch: pytest.MonkeyPatch
) -> bool:
    """Whether the body is taken; fails where that hangs on how it is read."""
    raw = body.encode("utf-8", "surrogatepass")
    found = said(DIALECTS[dialect], raw, live)
    with patch.context() as slow:
        slow.setattr(CompiledRows, "read", lambda *given: None)
        slow.setattr(CompiledRows, "read_table", lambda *given: None)
        expected = said(DIALECTS[dialect], raw, live)
    if isinstance(found, tuple) or isinstance(expected, tuple):
        assert found == expected, body
        return False
    require_same(found.decoded, expected.decoded, list(live.inputs.values()))
    assert found.response_format == expected.response_format
    return True


@st.composite
def rows_for(draw: st.DrawFn, live: LoadedModel) -> str:
    inputs = list(live.inputs.values())
    kinds = [objects(inputs), listed(objects(inputs)), listed(lists(inputs)), columns(inputs)]
    if len(inputs) == 1:
        kinds += [listed(fragments(inputs[0]))]
    return draw(st.one_of(kinds))


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("model", ["housing", "iris", "half_plus_two", "sensors"])
def test_any_body_says_the_same(
    lives: dict[str, LoadedModel], monkeypatch: pytest.MonkeyPatch, model: str, dialect: str
) -> None:
    live = lives[model]

    @effort(
        max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(rows_for(live), st.sampled_from(AROUND))
    def holds(rows: str, around: str) -> None:
        require_no_difference(dialect, around.replace("%s", rows), live, monkeypatch)

    holds()


FLOWER = '{"sepal_length_cm": 1.5, "sepal_width_cm": 1, "petal_length_cm": 2, "petal_width_cm": 3}'
COLUMNS = FLOWER.replace(": ", ": [").replace(",", ", 4],").replace("}", ", 4]}")
SPLIT = (
    '{"dataframe_split": {"columns": ["petal_width_cm", "petal_length_cm", "sepal_width_cm", '
    '"sepal_length_cm"], "index": [0, 1], "data": [[1, 2, 3, 4], [5, 6, 7, 7.5]]}}'
)


@pytest.mark.parametrize(
    ("dialect", "model", "body"),
    [
        ("native", "iris", FLOWER),
        ("native", "iris", f"[{FLOWER}]"),
        ("native", "iris", f'{{"instances": [{FLOWER}, {FLOWER}]}}'),
        ("native", "iris", f'\n{{\n "features":\t{FLOWER}}}\n'),
        ("native", "iris", '{"instances": [[1, 2, 3.5, 4]]}'),
        ("native", "iris", "[[1, 2, 3, 4]]"),
        ("tfserving", "iris", f'{{"instances": [{FLOWER}]}}'),
        ("tfserving", "iris", f'{{"signature_name": "serving_default", "instances": [{FLOWER}]}}'),
        ("tfserving", "iris", f'{{"instances": [{FLOWER}], "signature_name": null}}'),
        ("tfserving", "iris", '{"inputs": [[1, 2, 3, 4], [1, 2, 3, 4]]}'),
        ("tfserving", "iris", f'{{"inputs": {COLUMNS}}}'),
        ("tfserving", "half_plus_two", '{"instances": [1, 2.5]}'),
        ("tfserving", "half_plus_two", '{"instances": [[1], [2.5]]}'),
        ("tfserving", "half_plus_two", '{"inputs": [1.5]}'),
        ("invocations", "iris", f'{{"dataframe_records": [{FLOWER}]}}'),
        ("invocations", "iris", f'{{"instances": [{FLOWER}]}}'),
        ("invocations", "iris", f'{{"inputs": [{FLOWER}]}}'),
        ("invocations", "iris", f'{{"inputs": {COLUMNS}}}'),
        ("invocations", "iris", SPLIT),
        ("invocations", "half_plus_two", '{"inputs": [1, 2]}'),
    ],
)
def test_usual_bodies_are_never_parsed(
    lives: dict[str, LoadedModel],
    monkeypatch: pytest.MonkeyPatch,
    dialect: str,
    model: str,
    body: str,
) -> None:
    assert require_no_difference(dialect, body, lives[model], monkeypatch)
    for module in ("native", "tfserving", "invocations"):
        monkeypatch.setattr(f"vigie.serving.dialects.{module}.parse_json", _fail)
    decoded = said(DIALECTS[dialect], body.encode(), lives[model])
    assert isinstance(decoded, DecodedRequest)


def _fail(*given: Any) -> Callable[[], None]:
    raise AssertionError("the body was parsed")


def test_tables_in_pandas_form_say_the_same(
    lives: dict[str, LoadedModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    live = lives["housing"]
    inputs = list(live.inputs.values())

    @effort(
        max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(st.data())
    def holds(data: st.DataObject) -> None:
        chosen = data.draw(st.permutations(inputs))[: data.draw(st.integers(0, len(inputs)))]
        names = [item.name for item in chosen] + data.draw(st.sampled_from([[], [], [], ["more"]]))
        named = ", ".join(f'"{name}"' for name in names)
        rows = data.draw(listed(lists(chosen)))
        more = data.draw(st.sampled_from(["", "", ', "index": [0, "a"]', ', "other": 1']))
        body = f'{{"dataframe_split": {{"columns": [{named}], "data": {rows}{more}}}}}'
        require_no_difference("invocations", body, live, monkeypatch)

    holds()
