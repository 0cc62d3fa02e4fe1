"""Backups go to a bucket and come back, as the account of the machine."""

from __future__ import annotations

import base64
import hashlib
import http.server
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from support.object_storage import BUCKET, FAKE_GCS, Bucket, gcs
from support.playbook import FOLDER

TOOL = FOLDER / "roles" / "vigie" / "files" / "bucket"
FIGURE = "vigie_backup_last_upload_timestamp_seconds "


class Metadata(http.server.BaseHTTPRequestHandler):
    """Google's metadata server, which gives a token to who asks in the right way."""

    def do_GET(self) -> None:
        known = self.path == "/computeMetadata/v1/instance/service-accounts/default/token"
        good = known and self.headers["Metadata-Flavor"] == "Google"
        self.send_response(200 if good else 403)
        self.end_headers()
        if good:
            self.wfile.write(b'{"access_token": "a-token", "expires_in": 3599}')

    def log_message(self, *_: Any) -> None: ...


class Guard(http.server.BaseHTTPRequestHandler):
    """A storage that lets nobody do anything, and notes with which token they came."""

    seen: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.seen.append(self.headers["Authorization"])
        self.send_response(403)
        self.end_headers()

    def log_message(self, *_: Any) -> None: ...


class Liar(http.server.BaseHTTPRequestHandler):
    """A storage that gives something else than it says it has."""

    name = "vigie-20260110T023000Z.tar"

    def do_GET(self) -> None:
        digest = base64.b64encode(hashlib.md5(b"what it has").digest()).decode()
        listed = {"items": [{"name": f"backups/{self.name}", "md5Hash": digest}]}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"other" if "alt=media" in self.path else json.dumps(listed).encode())

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def serve() -> Iterator[Any]:
    servers = []

    def start(handler: type[http.server.BaseHTTPRequestHandler]) -> str:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Bucket]:
    if shutil.which(str(FAKE_GCS)) is None:
        pytest.skip("fake-gcs-server is not in .tools")
    with gcs(tmp_path) as bucket:
        yield bucket


@pytest.fixture
def machine(serve: Any, tmp_path: Path) -> Path:
    (tmp_path / "metadata").write_text(serve(Metadata))
    (tmp_path / "backups").mkdir()
    return tmp_path


def call(machine: Path, storage: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"], "STORAGE_EMULATOR_HOST": storage,
        "GCE_METADATA_HOST": (machine / "metadata").read_text(), "no_proxy": "127.0.0.1",
    }  # fmt: skip
    return subprocess.run(
        [TOOL, BUCKET, *words], env=environment, capture_output=True, text=True, check=False,
        timeout=60,
    )  # fmt: skip


def push(machine: Path, storage: Bucket) -> list[str]:
    done = call(machine, storage.address, "push", machine / "backups", machine / "figures.prom")
    assert done.returncode == 0, done.stderr
    return [line.rsplit("/", 1)[1] for line in done.stdout.splitlines()]


def age(machine: Path) -> int:
    (line,) = [
        one for one in (machine / "figures.prom").read_text().splitlines() if one.startswith(FIGURE)
    ]
    return int(line.removeprefix(FIGURE))


def test_what_is_newer_goes_there_and_comes_back(machine: Path, storage: Bucket) -> None:
    assert push(machine, storage) == []
    assert age(machine) == 0
    names = [f"vigie-202601{day}T023000Z.tar" for day in (10, 11, 12)]
    for name in names[:2]:
        (machine / "backups" / name).write_bytes(os.urandom(3_000_000))
    (machine / "backups" / "mine.tar").touch()
    assert push(machine, storage) == names[:2]
    assert age(machine) == 1768098600  # 2026-01-11 02:30 UTC
    assert push(machine, storage) == []
    # an old one that the bucket has let go does not go there again
    (machine / "backups" / "vigie-20250101T000000Z.tar").touch()
    (machine / "backups" / names[2]).write_bytes(b"third")
    assert push(machine, storage) == names[2:]
    listed = call(machine, storage.address, "list").stdout.split()
    assert listed == names
    (machine / "back").mkdir()
    done = call(machine, storage.address, "pull", names[0], machine / "back")
    assert done.returncode == 0, done.stderr
    (found,) = (machine / "back").iterdir()
    assert found.read_bytes() == (machine / "backups" / names[0]).read_bytes()
    assert found.stat().st_mode & 0o777 == 0o600


def test_what_is_not_as_it_was_is_not_left_there(machine: Path, serve: Any) -> None:
    storage = f"http://{serve(Liar)}"
    done = call(machine, storage, "pull", "vigie-20260111T023000Z.tar", machine / "backups")
    assert done.returncode == 1
    assert "there is no backup vigie-20260111T023000Z.tar in the bucket" in done.stderr
    done = call(machine, storage, "pull", Liar.name, machine / "backups")
    assert done.returncode == 1
    assert f"{Liar.name} did not arrive as it lies in the bucket" in done.stderr
    assert list((machine / "backups").iterdir()) == []


def test_a_right_that_is_missing_is_told(machine: Path, serve: Any) -> None:
    done = call(machine, f"http://{serve(Guard)}", "list")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "answered 403; the machine's account has no right to do that" in line
    assert Guard.seen == ["Bearer a-token"]


def test_a_machine_without_an_account_is_told(tmp_path: Path) -> None:
    (tmp_path / "metadata").write_text("127.0.0.1:9")
    done = call(tmp_path, "http://127.0.0.1:9", "list")
    assert done.returncode == 1
    assert "this machine has no account of Google's" in done.stderr
