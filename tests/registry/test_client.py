"""The registry client against a server that answers well, badly, slowly and with malice."""

from __future__ import annotations

import base64
import errno
import json
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from support.fake_mlflow import ARTIFACTS, REST, FakeMlflow, fake_mlflow, send, send_json
from vigie.errors import RefusedPackage, RegistryError, VigieError
from vigie.registry.client import RegisteredVersion, RegistryClient

ALIAS = f"{REST}registered-models/alias"
SEARCH = f"{REST}registered-models/search"
URI = f"{REST}model-versions/get-download-uri"
ROOT = f"{ARTIFACTS}/1/models/housing/1"
ONE = RegisteredVersion("housing", "1", "run1")
MUCH = 2**30


@pytest.fixture
def client(mlflow: FakeMlflow) -> RegistryClient:
    return RegistryClient(f"{mlflow.url}/", timeout_seconds=5)


@pytest.fixture
def files(tmp_path: Path, mlflow: FakeMlflow) -> Path:
    folder = tmp_path / "artifacts"
    for name in ("MLmodel", "vigie/package.json", "data/very/deep/é ?#%.keras"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode() * 100)
    mlflow.register("housing", "1", folder, "d" * 64)
    return folder


def test_an_alias_names_a_version_or_none(client: RegistryClient, files: Path) -> None:
    assert files.is_dir()
    found = client.version_of("housing", "champion")
    assert found is not None
    assert (found.name, found.version, found.run_id) == ("housing", "1", "run1")
    assert found.digest == "d" * 64
    assert client.version_of("housing", "challenger") is None
    assert client.version_of("nobody", "champion") is None
    assert client.healthy()


def test_a_version_without_the_tag_has_no_digest(
    client: RegistryClient, mlflow: FakeMlflow, tmp_path: Path
) -> None:
    mlflow.register("bare", "7", tmp_path, None)
    found = client.version_of("bare", "champion")
    assert found is not None
    assert found.digest is None


def test_all_pages_of_models_are_read(
    client: RegistryClient, mlflow: FakeMlflow, tmp_path: Path
) -> None:
    for number in range(7):
        alias = "champion" if number % 2 == 0 else "challenger"
        mlflow.register(f"m{number}", "1", tmp_path, None, alias)
    mlflow.page_size = 2
    assert [m.name for m in client.models() if "champion" in m.aliases] == ["m0", "m2", "m4", "m6"]
    assert mlflow.asked.count(SEARCH) == 4


def test_a_list_of_models_without_end_is_given_up(
    client: RegistryClient, mlflow: FakeMlflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vigie.registry.client._MOST_PAGES", 5)
    mlflow.answers[SEARCH] = lambda h: send_json(h, {"next_page_token": "more"})
    with pytest.raises(RegistryError, match="no end"):
        client.models()
    assert mlflow.asked.count(SEARCH) == 5


def test_all_files_are_downloaded(client: RegistryClient, files: Path, tmp_path: Path) -> None:
    client.download(ONE, tmp_path / "here", MUCH)
    assert _tree(tmp_path / "here") == _tree(files)


def _tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def _html(handler: BaseHTTPRequestHandler) -> None:
    send(handler, b"<html>Sign in</html>", "text/html")


def _redirect(handler: BaseHTTPRequestHandler) -> None:
    send(
        handler,
        b'{"model_version": {}}',
        status=302,
        headers={"Location": "http://127.0.0.1:1/secret"},
    )


def _drop(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)


BAD_ANSWERS: dict[str, tuple[Callable[[BaseHTTPRequestHandler], None], str]] = {
    "html with 200": (_html, "answered 200 without JSON"),
    "redirect": (_redirect, "302"),
    "500": (lambda h: send_json(h, {"error_code": "INTERNAL_ERROR"}, 500), "answered 500"),
    "500 of a proxy": (lambda h: send(h, b"oops", status=500), "answered 500 without JSON"),
    "403": (lambda h: send_json(h, {"error_code": "PERMISSION_DENIED"}, 403), "answered 403"),
    "list": (lambda h: send_json(h, []), "without JSON"),
    "empty object": (lambda h: send_json(h, {}), "not a version"),
    "text for a version": (lambda h: send_json(h, {"model_version": "1"}), "not a version"),
    "text for tags": (
        lambda h: send_json(h, {"model_version": {"name": "a", "version": 1, "tags": ["x"]}}),
        "not a version",
    ),
    "another model": (
        lambda h: send_json(h, {"model_version": {"name": "../../etc", "version": "1"}}),
        "another model",
    ),
    "a header for a number": (
        lambda h: send_json(
            h, {"model_version": {"name": "housing", "version": "1\r\nSet-Cookie: a"}}
        ),
        "not a number",
    ),
    "half a JSON": (lambda h: send(h, b'{"model_ver', length=500), "does not answer"),
    "nested JSON": (lambda h: send(h, b'{"a":' + b"[" * 100_000), "without JSON"),
    "hung up": (_drop, "connection refused or lost"),
}


@pytest.mark.parametrize("kind", BAD_ANSWERS)
def test_a_bad_answer_is_a_registry_error_without_an_address(
    client: RegistryClient, mlflow: FakeMlflow, kind: str
) -> None:
    mlflow.answers[ALIAS], reason = BAD_ANSWERS[kind]
    with pytest.raises(RegistryError, match=reason) as failed:
        client.version_of("housing", "champion")
    _names_no_address(failed.value, mlflow)


def _names_no_address(error: VigieError, mlflow: FakeMlflow) -> None:
    told = f"{error!r} {error.__cause__!r}"
    assert "http" not in told
    assert mlflow.url.rsplit(":", 1)[-1] not in told
    assert "127.0.0.1" not in told


def test_a_redirect_is_not_followed(
    client: RegistryClient, mlflow: FakeMlflow, files: Path, tmp_path: Path
) -> None:
    assert files.is_dir()

    def away(handler: BaseHTTPRequestHandler) -> None:
        send(handler, b"{}", status=302, headers={"Location": "/elsewhere"})

    mlflow.answers["/elsewhere"] = lambda h: send_json(h, {})
    mlflow.answers[ALIAS] = mlflow.answers[f"{ROOT}/MLmodel"] = away
    with pytest.raises(RegistryError, match="302"):
        client.version_of("housing", "champion")
    with pytest.raises(RegistryError, match="302"):
        client.download(ONE, tmp_path / "here", MUCH)
    assert "/elsewhere" not in mlflow.asked


@pytest.mark.parametrize(
    "page",
    [
        {"registered_models": None},
        {"registered_models": "housing"},
        {"registered_models": ["housing"]},
        {"registered_models": [{"name": "housing", "aliases": "champion"}]},
    ],
)
def test_a_list_of_models_that_is_none_is_a_registry_error(
    client: RegistryClient, mlflow: FakeMlflow, page: dict[str, Any]
) -> None:
    mlflow.answers[SEARCH] = lambda h: send_json(h, page)
    with pytest.raises(RegistryError, match="something else than"):
        client.models()


def test_a_slow_server_is_not_waited_for(mlflow: FakeMlflow) -> None:
    done = threading.Event()

    def hang(_: BaseHTTPRequestHandler) -> None:
        done.wait(60)

    mlflow.answers[ALIAS] = hang
    mlflow.answers["/health"] = mlflow.answers[ALIAS]
    client = RegistryClient(mlflow.url, timeout_seconds=0.1)
    with pytest.raises(RegistryError, match="timeout") as failed:
        client.version_of("housing", "champion")
    assert not client.healthy()
    done.set()
    _names_no_address(failed.value, mlflow)


def test_a_server_that_is_away_is_a_registry_error() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    client = RegistryClient(f"http://127.0.0.1:{port}", timeout_seconds=1)
    with pytest.raises(RegistryError) as failed:
        client.version_of("housing", "champion")
    assert str(failed.value) == "MLflow does not answer (connection refused or lost)"
    assert not client.healthy()


@pytest.mark.parametrize(
    "fault",
    [
        lambda h: send(h, b"half", length=4000),
        lambda h: send(h, b"not gzip", headers={"Content-Encoding": "gzip"}),
        lambda h: send(h, b"", status=302, headers={"Location": "http://127.0.0.1:1/x"}),
        _drop,
    ],
    ids=["half", "not gzip", "redirect", "dropped"],
)
def test_a_file_that_does_not_arrive_whole_is_a_registry_error(
    client: RegistryClient,
    mlflow: FakeMlflow,
    files: Path,
    tmp_path: Path,
    fault: Callable[[BaseHTTPRequestHandler], None],
) -> None:
    assert files.is_dir()
    mlflow.answers[f"{ROOT}/vigie/package.json"] = fault
    with pytest.raises(RegistryError) as failed:
        client.download(ONE, tmp_path / "here", MUCH)
    _names_no_address(failed.value, mlflow)


def test_too_many_bytes_are_refused_and_not_kept(
    client: RegistryClient, files: Path, tmp_path: Path
) -> None:
    size = sum(len(content) for content in _tree(files).values())
    client.download(ONE, tmp_path / "fits", size)
    with pytest.raises(RefusedPackage, match="VIGIE_MAX_PACKAGE_BYTES"):
        client.download(ONE, tmp_path / "here", size - 1)
    assert sum(len(content) for content in _tree(tmp_path / "here").values()) < size


def test_too_many_files_are_refused(
    client: RegistryClient, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vigie.registry.client._MOST_FILES", len(_tree(files)) - 1)
    with pytest.raises(RefusedPackage, match="more than 2 files"):
        client.download(ONE, tmp_path / "here", MUCH)


@pytest.mark.parametrize(
    "name", ["..", ".", "", "/", "a/..", "..\\..\\x", "x\0y", "../../evil", "/etc/evil", "./evil"]
)
def test_no_listed_name_leads_out_of_the_folder(
    client: RegistryClient, mlflow: FakeMlflow, tmp_path: Path, name: str
) -> None:
    mlflow.answers[ARTIFACTS] = lambda h: send_json(h, {"files": [{"path": name}]})
    mlflow.answers[f"{ROOT}/evil"] = lambda h: send(h, b"x")
    before = set(tmp_path.rglob("*"))
    inside = tmp_path / "a" / "b"
    if name.endswith("evil"):
        client.download(ONE, inside, MUCH)
    else:
        with pytest.raises(RefusedPackage, match="not safe"):
            client.download(ONE, inside, MUCH)
    outside = set(tmp_path.rglob("*")) - before - set(inside.rglob("*"))
    assert outside <= {tmp_path / "a", inside}


def test_folders_without_end_are_refused(
    client: RegistryClient, mlflow: FakeMlflow, tmp_path: Path
) -> None:
    mlflow.answers[ARTIFACTS] = lambda h: send_json(h, {"files": [{"path": "d", "is_dir": True}]})
    with pytest.raises(RefusedPackage, match="folders deeper than 8"):
        client.download(ONE, tmp_path, MUCH)
    assert mlflow.asked.count(ARTIFACTS) == 9


@pytest.mark.parametrize("listing", [{"files": None}, {"files": ["x"]}, {"files": {"path": "x"}}])
def test_a_listing_that_is_none_is_a_registry_error(
    client: RegistryClient, mlflow: FakeMlflow, tmp_path: Path, listing: dict[str, Any]
) -> None:
    mlflow.answers[ARTIFACTS] = lambda h: send_json(h, listing)
    with pytest.raises(RegistryError, match="something else than files"):
        client.download(ONE, tmp_path, MUCH)


@pytest.mark.parametrize("uri", ["s3://bucket/x", "/srv/mlruns/x", "", None, 5])
def test_artifacts_that_mlflow_does_not_serve_are_explained(
    client: RegistryClient, mlflow: FakeMlflow, tmp_path: Path, uri: object
) -> None:
    mlflow.answers[URI] = lambda h: send_json(h, {"artifact_uri": uri})
    with pytest.raises(RefusedPackage, match="--serve-artifacts"):
        client.download(ONE, tmp_path, MUCH)


def test_a_listed_file_that_is_not_there_is_the_fault_of_the_version(
    client: RegistryClient, mlflow: FakeMlflow, files: Path, tmp_path: Path
) -> None:
    (files / "vigie/package.json").unlink()
    mlflow.answers[f"{ROOT}/MLmodel"] = lambda h: send_json(h, {"error_code": "NOT_FOUND"}, 404)
    with pytest.raises(RefusedPackage, match="does not have it"):
        client.download(ONE, tmp_path / "here", MUCH)


@pytest.mark.parametrize(
    "listed",
    [
        [{"path": "x" * 300}],
        [{"path": "same"}, {"path": "same", "is_dir": True}],
    ],
    ids=["too long", "file and folder"],
)
def test_a_name_that_cannot_be_written_is_the_fault_of_the_version(
    client: RegistryClient, mlflow: FakeMlflow, tmp_path: Path, listed: list[dict[str, Any]]
) -> None:
    def listing(handler: BaseHTTPRequestHandler) -> None:
        inner = handler.path.endswith("same")
        body = json.dumps({"files": [{"path": "inner"}] if inner else listed})
        send(handler, body.encode(), "application/json")

    mlflow.answers[ARTIFACTS] = listing
    for name in ("x" * 300, "same", "same/inner"):
        mlflow.answers[f"{ROOT}/{name}"] = lambda h: send(h, b"x")
    with pytest.raises(RefusedPackage, match="name"):
        client.download(ONE, tmp_path / "here", MUCH)


def test_a_full_disk_is_not_the_fault_of_the_version(
    client: RegistryClient, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert files.is_dir()

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(OSError, match="No space"):
        client.download(ONE, tmp_path / "here", MUCH)


def _drip(handler: BaseHTTPRequestHandler) -> None:
    """A byte now and then, two seconds at least, and then less than was promised.

    Whoever did not break off before is told of that, and not that it took too long.
    """
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    for _ in range(200):
        handler.wfile.write(b" ")
        time.sleep(0.01)


def test_a_download_has_a_deadline_however_it_drips(
    mlflow: FakeMlflow, files: Path, tmp_path: Path
) -> None:
    assert files.is_dir()
    mlflow.answers[f"{ROOT}/MLmodel"] = _drip
    client = RegistryClient(mlflow.url, 5, download_seconds=0.2)
    with pytest.raises(RegistryError, match="took longer than it may"):
        client.download(ONE, tmp_path / "here", MUCH)


def test_an_answer_has_a_deadline_however_it_drips(mlflow: FakeMlflow) -> None:
    mlflow.answers[ALIAS] = _drip
    with pytest.raises(RegistryError, match="timeout"):
        RegistryClient(mlflow.url, 0.1).version_of("housing", "champion")


def test_an_answer_that_is_too_large_is_not_read(
    client: RegistryClient, mlflow: FakeMlflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vigie.registry.transport.MOST_JSON_BYTES", 2**20)
    mlflow.answers[ALIAS] = lambda h: send(h, b" " * 2**24, "application/json")
    with pytest.raises(RegistryError, match="larger than 1 MiB"):
        client.version_of("housing", "champion")


def test_the_account_of_the_environment_is_used_and_never_told(
    mlflow: FakeMlflow, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "reader")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "s3cret")
    seen: list[str | None] = []

    def denied(handler: BaseHTTPRequestHandler) -> None:
        seen.append(handler.headers["Authorization"])
        send(handler, b"You are not authenticated", "text/plain", 401)

    mlflow.answers[ALIAS] = denied
    with pytest.raises(RegistryError, match="MLFLOW_TRACKING_USERNAME") as failed:
        RegistryClient(mlflow.url, 5).version_of("housing", "champion")
    token = base64.b64encode(b"reader:s3cret").decode()
    assert seen == [f"Basic {token}"]
    for told in (str(failed.value), caplog.text):
        assert "s3cret" not in told
        assert token not in told


def test_a_download_that_crawls_is_broken_off_long_before_its_deadline(
    mlflow: FakeMlflow, files: Path, tmp_path: Path
) -> None:
    assert files.is_dir()
    mlflow.answers[f"{ROOT}/MLmodel"] = _drip
    with pytest.raises(RegistryError, match="less than 16 kB a second"):
        RegistryClient(mlflow.url, 0.3).download(ONE, tmp_path / "here", MUCH)


def test_the_health_of_another_host_is_not_asked(mlflow: FakeMlflow) -> None:
    with fake_mlflow() as other:
        mlflow.answers["/health"] = lambda h: send(
            h, b"", status=302, headers={"Location": f"{other.url}/health"}
        )
        assert not RegistryClient(mlflow.url, 5).healthy()
    assert other.asked == []
