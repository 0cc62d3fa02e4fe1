"""Photos by each way in, through both transports: the same answer, or what is wrong and where."""

from __future__ import annotations

import asyncio
import base64
import gc
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from urllib3.filepost import encode_multipart_formdata

from support.colours_package import install_colours
from support.photos import LABELS, in_base64, photo_bytes, photo_pixels
from support.transport import Answer, AskEndpoint, Endpoint, ask_endpoint
from support.worker import JSON, filled_cache, loaded, settings_for
from vigie.models.bounded_file import BoundedFile
from vigie.models.photo_format import photo_formats
from vigie.registry.cache import ModelCache
from vigie.serving.app import create_app

MOST_PHOTOS = 4
RED, GREEN, BLUE = (photo_bytes(colour) for colour in LABELS)
NATIVE = "/predict/colours"
TFSERVING = "/v1/models/colours:predict"
V2 = "/v2/models/colours/infer"
MLFLOW = "/invocations"
BROKEN = photo_bytes("red")[:700]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> ModelCache:
    cache = ModelCache(tmp_path_factory.mktemp("photos") / "cache")
    install_colours(cache)
    install_colours(cache, "warm", extra=True)
    return cache


@pytest.fixture(scope="module", params=["fast lane", "Flask"])
def endpoint(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, cache: ModelCache
) -> Endpoint:
    settings = settings_for(
        cache, tmp_path_factory.mktemp("state"), models=("colours", "warm"),
        max_photos=MOST_PHOTOS, fast_lane=request.param == "fast lane",
    )  # fmt: skip
    worker_state = loaded(settings)
    return Endpoint(worker_state, create_app(worker_state=worker_state))


class Caller:
    """Asks one service over one transport."""

    def __init__(self, endpoint: Endpoint, ask: AskEndpoint) -> None:
        self._asgi, self._ask = endpoint, ask

    def send(self, path: str, body: bytes, media_type: str = JSON, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._ask(self._asgi, "POST", path, {"content-type": media_type, **named}, body)

    def json(self, path: str, body: object) -> Answer:
        return self.send(path, json.dumps(body).encode())

    def form(self, path: str, *parts: tuple[str, Any]) -> Answer:
        body, media_type = encode_multipart_formdata(parts)
        return self.send(path, body, media_type)


@pytest.fixture(scope="module")
def caller(endpoint: Endpoint) -> Iterator[Caller]:
    with asyncio.Runner() as runner:
        yield Caller(endpoint, lambda *given, **named: runner.run(ask_endpoint(*given, **named)))


def photo(content: bytes, name: str = "photo") -> tuple[str, Any]:
    """A part of a form that is a file."""
    return name, ("a photo.jpg", content, "image/jpeg")


def text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def scores(answer: Answer) -> list[list[float]]:
    """The scores per row of an answer in any of the dialects."""
    assert answer.status == 200, answer.body
    said = answer.json()
    if "outputs" in said:
        found = said["outputs"]
        if isinstance(found[0], dict):
            data: list[float] = found[0]["data"]
            return [data[start : start + 3] for start in range(0, len(data), 3)]
        return list(found)
    rows = said["predictions"]
    return [list(row.get("scores", row).values()) if isinstance(row, dict) else row for row in rows]


def v2(*photos: str) -> dict[str, Any]:
    tensor = {"name": "photo", "shape": [len(photos)], "datatype": "BYTES", "data": list(photos)}
    return {"inputs": [tensor]}


def v2_binary(*photos: bytes) -> tuple[bytes, int]:
    """A V2 request with the photos behind its JSON, and how long that is."""
    data = b"".join(len(one).to_bytes(4, "little") + one for one in photos)
    tensor = {
        "name": "photo", "shape": [len(photos), 1], "datatype": "BYTES",
        "parameters": {"binary_data_size": len(data)},
    }  # fmt: skip
    head = json.dumps({"inputs": [tensor]}).encode()
    return head + data, len(head)


def problem(answer: Answer) -> tuple[int, list[tuple[str, str]]]:
    """Status, and where and what the errors of a problem document are."""
    errors = answer.json().get("errors", [])
    return answer.status, [(one["pointer"], one["got"]) for one in errors]


def said(answer: Answer) -> str:
    """The sentence of an error in one of the other dialects."""
    document = answer.json()
    text: str = document.get("error") or document["message"]
    return text


# --- the ways in


def test_one_photo_gets_the_same_answer_by_every_way(caller: Caller) -> None:
    whole, head = v2_binary(GREEN)
    split = {"columns": ["photo"], "data": [[in_base64(GREEN)]]}
    answers = [
        caller.send(NATIVE, GREEN, "image/jpeg"),
        caller.send("/predict", GREEN, "image/jpeg"),
        caller.send(NATIVE, GREEN, "image/x-anything; charset=binary"),
        caller.send(NATIVE, GREEN, "application/octet-stream"),
        caller.send(NATIVE, GREEN, "application/x-www-form-urlencoded"),
        caller.form(NATIVE, photo(GREEN)),
        caller.form(NATIVE, photo(GREEN, "files")),
        caller.form(NATIVE, ("photo", GREEN)),
        caller.json(NATIVE, in_base64(GREEN)),
        caller.json(NATIVE, [in_base64(GREEN)]),
        caller.json(NATIVE, {"photo": in_base64(GREEN)}),
        caller.json(NATIVE, {"instances": [{"photo": in_base64(GREEN)}]}),
        caller.json(NATIVE, {"features": {"photo": in_base64(GREEN)}}),
        caller.json(NATIVE, {"instances": [[in_base64(GREEN)]]}),
        caller.json(TFSERVING, {"instances": [in_base64(GREEN)]}),
        caller.json(TFSERVING, {"instances": [[in_base64(GREEN)]]}),
        caller.json(TFSERVING, {"instances": [{"photo": in_base64(GREEN)}]}),
        caller.json(TFSERVING, {"inputs": {"photo": [in_base64(GREEN)]}}),
        caller.json(TFSERVING, {"inputs": [in_base64(GREEN)]}),
        caller.json(MLFLOW, {"instances": [in_base64(GREEN)]}),
        caller.json(MLFLOW, {"inputs": {"photo": [in_base64(GREEN)]}}),
        caller.json(MLFLOW, {"dataframe_records": [{"photo": in_base64(GREEN)}]}),
        caller.json(MLFLOW, {"dataframe_records": [{"photo": text(GREEN)}]}),
        caller.json(MLFLOW, {"dataframe_split": split}),
        caller.json(MLFLOW, {"dataframe_split": {"data": [[in_base64(GREEN)]]}}),
        caller.send(MLFLOW, f"photo\n{text(GREEN)}\n".encode(), "text/csv"),
        caller.json(V2, v2(text(GREEN))),
        caller.send(
            V2, whole, "application/octet-stream", inference_header_content_length=str(head)
        ),
    ]
    found = [scores(answer) for answer in answers]
    for one in found:
        assert one[0] == pytest.approx(found[0][0], abs=1e-6)
        assert one[0][1] > 0.8


def test_several_photos_are_answered_in_their_order(caller: Caller) -> None:
    order = [BLUE, RED, GREEN, RED]
    whole, head = v2_binary(*order)
    tensors = {"instances": [in_base64(one) for one in order]}
    answers = [
        caller.form(NATIVE, *(photo(one, f"upload{place}") for place, one in enumerate(order))),
        caller.json(NATIVE, [{"photo": in_base64(one)} for one in order]),
        caller.json(TFSERVING, tensors),
        caller.json(MLFLOW, tensors),
        caller.json(V2, v2(*map(text, order))),
        caller.send(V2, whole, JSON, inference_header_content_length=str(head)),
    ]
    for answer in answers:
        assert [row.index(max(row)) for row in scores(answer)] == [2, 0, 1, 0]


def test_other_inputs_are_fields_one_per_photo_or_one_for_all(caller: Caller) -> None:
    def red(*parts: tuple[str, Any]) -> list[float]:
        return [row[0] for row in scores(caller.form("/predict/warm", *parts))]

    photos = [photo(GREEN), photo(GREEN, "file")]
    cold, warm = red(*photos, ("warmth", "-3"), ("warmth", "3"))
    assert cold < 0.01 < 0.2 < warm
    assert red(*photos, ("warmth", "3")) == [warm, warm]
    assert red(("warmth", ""), *photos) == red(*photos)
    row = {"photo": in_base64(GREEN), "warmth": 3}
    assert scores(caller.json("/predict/warm", row))[0][0] == warm
    listed = {"instances": [[in_base64(GREEN), 3]]}
    assert scores(caller.json("/predict/warm", listed))[0][0] == warm
    assert scores(caller.json("/v1/models/warm:predict", listed))[0][0] == pytest.approx(warm)
    # what a photo alone leaves out has a fill here
    assert scores(caller.send("/predict/warm", GREEN, "image/jpeg"))[0][0] == red(photo(GREEN))[0]


def test_an_empty_place_for_a_file_is_none(caller: Caller) -> None:
    empty = ("photo", ("", b"", "application/octet-stream"))
    assert len(scores(caller.form(NATIVE, empty, photo(RED)))) == 1


# --- what is wrong


def test_a_broken_photo_is_named_by_its_place(caller: Caller) -> None:
    broken = "a photo that ends too early"
    told = problem(caller.send(NATIVE, BROKEN, "image/jpeg"))
    assert told == (422, [("/0/photo", broken)])
    told = problem(caller.form(NATIVE, photo(RED), photo(BROKEN), photo(b"<html>")))
    assert told == (422, [("/1/photo", broken), ("/2/photo", "an HTML page")])
    rows = [{"photo": in_base64(RED)}, {"photo": in_base64(BROKEN)}]
    assert problem(caller.json(NATIVE, {"instances": rows})) == (
        422, [("/instances/1/photo", broken)],
    )  # fmt: skip
    whole, head = v2_binary(RED, BROKEN)
    photos = [in_base64(RED), in_base64(BROKEN)]
    split = {"columns": ["photo"], "data": [[one] for one in photos]}
    for where, answer in {
        "instances[1]": caller.json(TFSERVING, {"instances": photos}),
        "inputs.photo[1]": caller.json(TFSERVING, {"inputs": {"photo": photos}}),
        "dataframe_split.data[1][0] (photo)": caller.json(MLFLOW, {"dataframe_split": split}),
        "dataframe_records[1].photo": caller.json(MLFLOW, {"dataframe_records": rows}),
        "column photo, row 2": caller.send(
            MLFLOW, f"photo\n{text(RED)}\n{text(BROKEN)}\n".encode(), "text/csv"
        ),
        "inputs[0].data[1]": caller.json(V2, v2(text(RED), text(BROKEN))),
    }.items():
        assert answer.status == 400
        expected = f'{where}: expected photo: the file itself, or {{"b64": "…"}}, got {broken}'
        assert expected in said(answer)
    binary = caller.send(V2, whole, JSON, inference_header_content_length=str(head))
    assert binary.json()["error"].startswith("inputs[0].data[1]: ")


def test_a_photo_that_is_refused_is_let_go(caller: Caller) -> None:
    gc.collect()
    gc.disable()
    try:
        assert caller.send(NATIVE, BROKEN, "image/jpeg").status == 422
        held = [one for one in gc.get_objects() if isinstance(one, BoundedFile)]
    finally:
        gc.enable()
    assert not held


def test_base64_that_is_none_is_named(caller: Caller) -> None:
    for wrong in ("***", "ä", "data:image/jpeg;base64,=="):
        told = problem(caller.json(NATIVE, {"photo": {"b64": wrong}}))
        assert told == (422, [("/photo", "text that is no base64")])
    assert problem(caller.json(NATIVE, {"photo": text(RED)})) == (422, [("/photo", "text")])


def test_whoever_sends_pixels_is_told_what_to_send(caller: Caller) -> None:
    pixels = photo_pixels("red", (32, 32)).tolist()
    way = 'expected photo: the file itself, or {"b64": "…"}, got list'
    assert way in caller.json(TFSERVING, {"instances": [pixels]}).json()["error"]
    assert way in caller.json(MLFLOW, {"instances": [pixels]}).json()["message"]
    for datatype in ("UINT8", "FP32"):
        tensor = {"name": "photo", "shape": [1, 32, 32, 3], "datatype": datatype, "data": pixels}
        assert said(caller.json(V2, {"inputs": [tensor]})) == (
            "inputs[0].datatype: expected BYTES: the file of each photo, in base64 or as binary "
            f"data, got {datatype}"
        )


def test_more_photos_than_the_limit_are_refused(caller: Caller) -> None:
    five = [in_base64(RED)] * (MOST_PHOTOS + 1)
    form = caller.form(NATIVE, *[photo(RED)] * (MOST_PHOTOS + 1))
    assert form.status == 422
    assert form.json()["errors"][0] == {
        "pointer": "/0", "expected": "1 to 4 photos, each a part with a file", "got": "5 photos",
    }  # fmt: skip
    assert caller.json(NATIVE, five).json()["errors"][0]["expected"] == "1 to 4 rows"
    for path in (TFSERVING, MLFLOW):
        assert (
            "expected 1 to 4 rows, got 5 rows"
            in caller.json(path, {"instances": five}).body.decode()
        )
    assert "expected 1 to 4 rows" in caller.json(V2, v2(*[text(RED)] * 5)).body.decode()


def test_forms_that_cannot_be_read_are_refused(caller: Caller) -> None:
    body, media_type = encode_multipart_formdata([photo(RED)])
    plain = "multipart/form-data"
    for status, answer in [
        (400, caller.send(NATIVE, body, plain)),
        (400, caller.send(NATIVE, body[:-30], media_type)),
        (400, caller.send(NATIVE, b"nothing of the kind", media_type)),
        (422, caller.form(NATIVE, ("photo", ("", b"", JSON)))),
        (422, caller.form(NATIVE, ("colour", "red"), photo(RED))),
        (422, caller.form("/predict/warm", photo(RED), ("warmth", "very"))),
        (422, caller.form("/predict/warm", photo(RED), *[("warmth", "1")] * 2)),
        (415, caller.send(NATIVE, body, media_type, content_encoding="gzip")),
        (415, caller.send(NATIVE, RED, "image/jpeg", content_encoding="gzip")),
        (415, caller.send(NATIVE, RED, "text/plain")),
    ]:
        assert answer.status == status, answer.body
        assert "example" in answer.json()


def test_a_form_of_very_many_parts_is_refused_cheaply(caller: Caller) -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    answer = caller.send(NATIVE, part * 100_000 + b"--b--\r\n", "multipart/form-data; boundary=b")
    assert answer.status == 413
    timing = answer.json()["detail"]
    assert timing == (
        "The form has more than 36 parts, or a part with headers of more than 128 KiB."
    )


@pytest.mark.parametrize(
    "start",
    [
        b"\r\n" * 500_000,
        b"--b" + b" " * 1_000_000,
        b'--b\r\nContent-Disposition: form-data; name="photo"\r\n' + b"X: y\r\n" * 200_000,
        b"--b\r\nContent-Disposition: form-data" + b"; x=y" * 200_000 + b"\r\n",
    ],
    ids=["lines before", "spaces", "headers", "options"],
)
def test_a_form_with_much_that_is_no_part_is_refused_cheaply(caller: Caller, start: bytes) -> None:
    body = start + b"\r\n" + RED + b"\r\n--b--\r\n"
    answer = caller.send(NATIVE, body, "multipart/form-data; boundary=b")
    assert answer.status == 413


def test_every_format_that_is_taken_is_taken_here(caller: Caller) -> None:
    kinds = {"WebP": "WEBP", "HEIC": "HEIF"}
    for name in photo_formats():
        kind = kinds.get(name, name)
        if kind == "HEIF":
            continue
        assert scores(caller.send(NATIVE, photo_bytes("blue", kind=kind), "image/*"))[0][2] > 0.8


def test_the_signature_says_bytes(endpoint: Endpoint, cache: ModelCache) -> None:
    client = create_app(worker_state=endpoint.worker_state).test_client()
    [tensor] = client.get("/v2/models/colours").get_json()["inputs"]
    assert tensor == {"name": "photo", "datatype": "BYTES", "shape": [-1]}
    metadata = client.get("/v1/models/colours/metadata").get_json()
    signature = metadata["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["inputs"]["photo"]["dtype"] == "DT_STRING"
    assert [one["size"] for one in signature["inputs"]["photo"]["tensor_shape"]["dim"]] == ["-1"]


def test_a_model_of_tables_takes_no_photo(tmp_path: Path, ask: AskEndpoint) -> None:
    worker_state = loaded(settings_for(filled_cache(tmp_path / "cache"), tmp_path / "state"))
    endpoint = Endpoint(worker_state, create_app(worker_state=worker_state))
    answer = ask(endpoint, "POST", "/predict/housing", {"content-type": "image/jpeg"}, RED)
    assert answer.status == 415
