"""Bodies of far too many rows: refused as ever, for little memory."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from support.worker import HOME
from vigie.errors import InvalidInput, MalformedRequest, VigieError
from vigie.serving.dialects.invocations import InvocationsDialect
from vigie.serving.dialects.native import NativeDialect
from vigie.serving.dialects.tfserving import TfServingDialect
from vigie.serving.dialects.v2 import V2Dialect
from vigie.serving.runtime.loaded_model import LoadedModel
from vigie.serving.runtime.messages import Request
from vigie.serving.worker_state import WorkerState

MOST = 10_000
MIB = 2**20
SIZE = 2 * MIB
DIALECTS: dict[str, Any] = {
    "native": NativeDialect(MOST),
    "tfserving": TfServingDialect(MOST),
    "invocations": InvocationsDialect(MOST),
    "v2": V2Dialect(MOST),
}
TENSOR = b'{"inputs":[{"name":"rooms","datatype":"FP32","shape":[3],"data":%s}]}'
MORE = f"The body holds more values than {MOST} rows of this model have."


def crowd(element: bytes, around: bytes = b"%s") -> tuple[bytes, int]:
    """A body of 2 MiB with a list of as many such elements, and how many there are."""
    count = SIZE // (len(element) + 1)
    return around % (b"[" + b",".join([element] * count) + b"]"), count


def refused(
    worker_state: WorkerState, dialect: str, body: bytes, media_type: bytes = b"application/json"
) -> VigieError:
    """What the dialect raises, for at most ten times the memory of the body."""
    live = worker_state.manager.slots["housing"].live
    assert live is not None
    error, peak = _weighed(DIALECTS[dialect], live, body, media_type)
    assert peak < 10 * len(body), f"{peak / MIB:.1f} MiB"
    return error


def _weighed(
    dialect: Any, live: LoadedModel, body: bytes, media_type: bytes
) -> tuple[VigieError, int]:
    request = Request("POST", "/", {b"content-type": media_type}, body)
    tracemalloc.start()
    try:
        with pytest.raises(VigieError) as caught:
            dialect.decode(request, live)
        return caught.value, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


ELEMENTS = [b"[]", b"{}", b"1", b'""', b"[[]]", b'{"a":{}}', b"[1,2,3]"]


@pytest.mark.parametrize("element", ELEMENTS)
@pytest.mark.parametrize(
    ("dialect", "around", "where"),
    [
        ("native", b"%s", None),
        ("native", b' {"instances": %s}', None),
        ("native", b'{"features": %s }', None),
        ("tfserving", b'{"instances": %s}', "instances"),
        ("tfserving", b'{"signature_name": "", "inputs": %s}', "inputs"),
        ("invocations", b'{"dataframe_records": %s}', "dataframe_records"),
        ("invocations", b'{"instances": %s}', "instances"),
        ("invocations", b'{"dataframe_split": {"data": %s}}', "dataframe_split.data"),
    ],
)
def test_rows_are_counted_and_refused(
    shared_worker_state: WorkerState, element: bytes, dialect: str, around: bytes, where: str | None
) -> None:
    body, count = crowd(element, around)
    error = refused(shared_worker_state, dialect, body)
    assert isinstance(error, InvalidInput)
    if where is None:
        (field,) = error.fields
        assert (field.expected, field.got) == (f"1 to {MOST} rows", f"{count} rows")
    else:
        assert str(error) == f"{where}: expected 1 to {MOST} rows, got {count} rows"


@pytest.mark.parametrize(
    ("dialect", "around"),
    [
        ("native", b"[%s]"),
        ("native", b'{"instances": [{"rooms": %s}]}'),
        ("native", b'{"rooms": %s}'),
        ("tfserving", b'{"inputs": {"rooms": %s}}'),
        ("tfserving", b'{"instances": [%s]}'),
        ("invocations", b'{"inputs": {"rooms": %s}}'),
        ("invocations", b'{"dataframe_split": {"columns": %s, "data": [[1]]}}'),
        ("invocations", b'{"dataframe_split": %s}'),
        ("v2", b'{"inputs": %s}'),
        ("v2", TENSOR),
    ],
)
@pytest.mark.parametrize("element", [b"[]", b"{}"])
def test_what_is_in_a_row_is_bounded_too(
    shared_worker_state: WorkerState, element: bytes, dialect: str, around: bytes
) -> None:
    error = refused(shared_worker_state, dialect, crowd(element, around)[0])
    assert isinstance(error, InvalidInput)
    assert str(error) == MORE


@pytest.mark.parametrize(
    "body",
    [
        crowd(b"[]")[0][:-1],
        crowd(b"{}")[0] + b"]",
        crowd(b"[]", b'{"instances": %s')[0],
        crowd(b"[]", b'{"instances": %s, NaN}')[0],
    ],
)
def test_what_is_no_json_at_its_end_is_told_without_the_place(
    shared_worker_state: WorkerState, body: bytes
) -> None:
    error = refused(shared_worker_state, "native", body)
    assert isinstance(error, MalformedRequest)
    assert str(error) == "The body is not JSON."


def test_what_is_nested_too_deep_for_one_parser_goes_to_no_other(
    shared_worker_state: WorkerState,
) -> None:
    deep = b"[" * 1010 + b"]" * 1010
    error = refused(shared_worker_state, "native", crowd(b"[]", b"[" + deep + b",%s]")[0])
    assert isinstance(error, MalformedRequest)
    assert str(error) == "The body is not JSON."


@pytest.mark.parametrize(
    ("body", "column"), [(b"[" * 100_000, 1026), (crowd(b"[]", b"[1,\xc3\xa9,%s]")[0], 4)]
)
def test_what_breaks_early_is_told_with_its_place(
    shared_worker_state: WorkerState, body: bytes, column: int
) -> None:
    error = refused(shared_worker_state, "native", body)
    assert str(error) == f"The body is not JSON (line 1, column {column})."


@pytest.mark.parametrize("line", [b"a", b"1", b'""', b'"a"'])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\n\n"])
def test_lines_of_csv_are_counted_and_refused(
    shared_worker_state: WorkerState, line: bytes, end: bytes
) -> None:
    count = SIZE // len(line + end)
    error = refused(shared_worker_state, "invocations", (line + end) * count, b"text/csv")
    assert str(error) == f"table: expected 1 to {MOST} rows, got {count - 1} rows"


def test_texts_may_hold_whatever_they_like(shared_worker_state: WorkerState) -> None:
    live = shared_worker_state.manager.slots["housing"].live
    assert live is not None
    row = HOME | {"property_type": "[]," * 10**5}
    request = Request("POST", "/", {}, str([row]).replace("'", '"').encode())
    with pytest.raises(InvalidInput) as caught:
        DIALECTS["native"].decode(request, live)
    assert [field.field for field in caught.value.fields] == ["property_type"]
