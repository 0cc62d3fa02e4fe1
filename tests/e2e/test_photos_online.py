"""A real service that takes photos: every way in, its limits, its client, its memory."""

from __future__ import annotations

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from click.testing import CliRunner
from urllib3.filepost import encode_multipart_formdata

import vigie
from support.colours_package import install_colours
from support.photo_ways import photo_ways, scores_in
from support.photos import LABELS, in_base64, large_photo, photo_bytes, write_photos
from support.service import LiveService, MakeService, value_of
from support.waiting import wait_until
from support.worker import JSON, filled_cache
from vigie.cli.main import main
from vigie.client import RefusedInput, ServiceError
from vigie.models.photo_figures import FIGURES
from vigie.models.profile import RESERVED_BINS, Distribution, Profile
from vigie.registry.cache import ModelCache

MIB = 2**20
COLOURS = "/predict/colours"
PHOTO_LIMIT = 64 * MIB


def profile() -> Profile:
    """Bins of the figures that tell light from dark."""
    edges = (0.0, 0.2, 1.0)
    bins = ("dark", "light", *RESERVED_BINS)
    numeric = Distribution(kind="numeric", edges=edges, bins=bins, shares=(0.5, 0.4, *[0.025] * 4))
    labels = Distribution(
        kind="choice", bins=(*LABELS, *RESERVED_BINS), shares=(*[0.3] * 3, *[0.025] * 4)
    )
    inputs = {f"photo.{figure}": numeric for figure in FIGURES}
    return Profile(rows=30, inputs=inputs, prediction=labels)


@pytest.fixture
def cache(tmp_path: Path) -> ModelCache:
    cache = filled_cache(tmp_path / "cache")
    install_colours(cache, profile=profile())
    return cache


@pytest.fixture(params=["on", "off"])
def photos(make_service: MakeService, request: pytest.FixtureRequest) -> LiveService:
    """A service of one worker, on the fast lane or through Flask."""
    service = make_service(
        VIGIE_WORKERS="1", VIGIE_MODELS="colours,housing", VIGIE_FAST_LANE=request.param
    )
    service.start()
    service.wait_ready()
    return service


def test_one_photo_gets_the_same_answer_by_each_way(photos: LiveService) -> None:
    photo = photo_bytes("green", (800, 600))
    answers = []
    for way, (path, body, headers) in photo_ways("colours", photo).items():
        answer = photos.ask("POST", path, body, headers)
        assert answer.status == 200, (way, answer.body)
        answers.append(scores_in(answer.json()))
    for found in answers:
        assert found == pytest.approx(answers[0], abs=1e-6)
    assert answers[0][1] > 0.8


def test_large_requests_pass_and_one_byte_more_does_not(photos: LiveService) -> None:
    six, twelve = large_photo("blue", 6 * MIB), large_photo("red", 12 * MIB)
    form, form_type = encode_multipart_formdata([("photo", ("a.jpg", six, "image/jpeg"))] * 10)
    many = photos.ask("POST", COLOURS, form, {"Content-Type": form_type})
    assert [row["label"] for row in many.json()["predictions"]] == ["blue"] * 10
    encoded = json.dumps({"photo": in_base64(twelve)}).encode()
    one = photos.ask("POST", COLOURS, encoded, {"Content-Type": JSON})
    assert one.json()["predictions"][0]["label"] == "red"
    assert one.headers["x-model-name"] == "colours"
    for path, limit in ((COLOURS, PHOTO_LIMIT), ("/predict/housing", 8 * MIB)):
        with socket.create_connection(("127.0.0.1", photos.port), timeout=30) as caller:
            head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {limit + 1}\r\n\r\n"
            caller.sendall(head.encode())
            # nothing of the body was sent
            assert caller.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_photos_are_counted_and_logged_by_their_figures(
    photos: LiveService, tmp_path: Path
) -> None:
    dark = photo_bytes("red", kind="BMP")
    for photo in [dark] * 4 + [photo_bytes("blue")]:
        said = photos.ask("POST", COLOURS, photo, {"Content-Type": "image/png"})
        assert said.status == 200
    labels = {"model": "colours", "feature": "photo.megapixels", "bin": "dark"}
    red = {"model": "colours", "bin": "red"}
    wait_until(lambda: value_of(photos.samples(), "vigie_feature_bin_total", **labels) == 5)
    wait_until(lambda: value_of(photos.samples(), "vigie_prediction_bin_total", **red) == 4)
    samples = photos.samples()
    features = {
        dict(has)["feature"] for (name, has) in samples if name == "vigie_feature_bin_total"
        and dict(has)["model"] == "colours"
    }  # fmt: skip
    assert features == {f"photo.{figure}" for figure in FIGURES}
    written = {"outcome": "written"}
    wait_until(
        lambda: value_of(photos.samples(), "vigie_prediction_log_rows_total", **written) >= 5
    )
    files = [one for one in tmp_path.rglob("*") if one.is_file() and "state" in str(one)]
    assert not any(dark[1000:1100] in one.read_bytes() for one in files)


def test_the_client_sends_photos_in_portions_and_keeps_their_order(
    photos: LiveService, tmp_path: Path
) -> None:
    files = write_photos(tmp_path / "album", each=12)
    every: list[Any] = [str(files[0]), files[1], files[2].read_bytes(), *files[3:]]
    with vigie.Client(f"http://127.0.0.1:{photos.port}") as client:
        found = client.predict("colours", every)
        assert [row["label"] for row in found] == [label for label in LABELS for _ in range(12)]
        assert len({row["request_id"] for row in found}) == 3
        (tmp_path / "album" / "page.jpg").write_text("<html>")
        with pytest.raises(RefusedInput) as refused:
            client.predict("colours", [*files[:20], tmp_path / "album" / "page.jpg"])
        [field] = refused.value.fields
        assert (field.row, field.field, field.got) == (20, "photo", "an HTML page")
        assert "the 16 rows before went through" in str(refused.value)
        with pytest.raises(ServiceError, match="Send JSON"):
            client.predict("housing", files[:1])


def test_the_command_takes_files(photos: LiveService, tmp_path: Path) -> None:
    red, green, blue = write_photos(tmp_path / "album")
    url = ("--url", f"http://127.0.0.1:{photos.port}")
    said = CliRunner().invoke(main, ["predict", "colours", str(green), *url])
    assert said.exit_code == 0, said.output
    assert said.output.startswith("label: green\n")
    assert "(colours version 1, request " in said.output
    said = CliRunner().invoke(main, ["predict", "colours", str(blue), str(red), "--json", *url])
    assert [row["label"] for row in json.loads(said.output)] == ["blue", "red"]
    said = CliRunner().invoke(main, ["predict", "colours", str(tmp_path / "none.jpg"), *url])
    assert said.exit_code != 0


# --- memory


@pytest.fixture
def guarded(make_service: MakeService, tmp_path: Path) -> tuple[LiveService, str]:
    """A service of one worker that asks for keys, and a key."""
    environment = {
        "VIGIE_API_KEYS": str(tmp_path / "keys"), "VIGIE_AUDIT_LOG": str(tmp_path / "audit.log"),
    }  # fmt: skip
    made = CliRunner().invoke(main, ["apikey", "add", "caller"], env=environment)
    assert made.exit_code == 0, made.output
    key = made.output.split()[0]
    service = make_service(VIGIE_WORKERS="1", VIGIE_MODELS="colours,housing", **environment)
    service.start()
    service.wait_ready()
    return service, key


def test_callers_without_a_key_cost_no_memory_and_nobody_anything(
    guarded: tuple[LiveService, str],
) -> None:
    service, key = guarded
    [worker] = service.workers
    photo = photo_bytes("green")
    headers = {"X-Api-Key": key, "Content-Type": "image/jpeg"}

    def ask_with_key() -> int:
        return service.ask("POST", COLOURS, photo, headers).status

    assert ask_with_key() == 200
    before = peak = worker.memory_info().rss
    size = 8 * MIB - 1
    head = (
        f"POST /predict/housing HTTP/1.1\r\nHost: a\r\nContent-Type: {JSON}\r\n"
        f"Content-Length: {size}\r\n\r\n"
    ).encode()
    callers = []
    for _ in range(40):
        caller = socket.create_connection(("127.0.0.1", service.port), timeout=30)
        caller.sendall(head)
        caller.setblocking(False)
        callers.append(caller)
    piece, left = bytes(256 * 1024), dict.fromkeys(callers, size - 1)
    answers = []
    # all of each body but its last byte, for as long as anybody takes it
    for _ in range(size // len(piece) + 1):
        for caller in list(left):
            try:
                left[caller] -= caller.send(piece[: left[caller]])
            except BlockingIOError:
                continue
            except OSError:
                del left[caller]
        answers.append(ask_with_key())
        peak = max(peak, worker.memory_info().rss)
    for caller in callers:
        caller.close()
    assert set(answers) == {200}
    assert peak - before < 64 * MIB


def test_memory_is_flat_over_many_photos(photos: LiveService) -> None:
    [worker] = photos.workers
    photo = photo_bytes("blue", (1200, 900))
    session = requests.Session()
    url = f"http://127.0.0.1:{photos.port}{COLOURS}"

    def ask(_: int) -> int:
        return session.post(
            url, data=photo, headers={"Content-Type": "image/jpeg"}, timeout=60
        ).status_code

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(ask, range(200))) == {200}
        after_some = psutil.Process(worker.pid).memory_info().rss
        assert set(pool.map(ask, range(600))) == {200}
    assert psutil.Process(worker.pid).memory_info().rss - after_some < 32 * MIB
