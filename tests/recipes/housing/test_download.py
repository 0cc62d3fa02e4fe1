from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from vigie.recipes.housing import download
from vigie.recipes.housing.download import DownloadError, download_department

SALES = gzip.compress(b"id_mutation\n1\n")


class _PublicFiles(BaseHTTPRequestHandler):
    asked: list[str] = []  # noqa: RUF012

    def do_GET(self) -> None:
        self.asked.append(self.path)
        year = self.path.split("/")[1]
        body = {"2020": SALES, "2021": SALES, "2022": b"<html>"}.get(year)
        self.send_response(200 if body else 404 if year == "2019" else 500)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_: object) -> None:
        """Tests are quiet."""


@pytest.fixture(autouse=True)
def public_files(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[_PublicFiles]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _PublicFiles)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/{{year}}/{{code}}.csv.gz"
    monkeypatch.setattr(download, "ADDRESS", address)
    _PublicFiles.asked.clear()
    yield _PublicFiles
    server.shutdown()
    server.server_close()


def test_each_year_is_fetched_once(tmp_path: Path, public_files: type[_PublicFiles]) -> None:
    for _ in range(2):
        paths = download_department("64", [2020, 2021], tmp_path)
    assert [path.name for path in paths] == ["64_2020.csv.gz", "64_2021.csv.gz"]
    assert paths[0].read_bytes() == SALES
    assert public_files.asked == ["/2020/64.csv.gz", "/2021/64.csv.gz"]


def test_a_year_that_is_not_online_is_left_out(tmp_path: Path) -> None:
    (path,) = download_department("64", [2019, 2020], tmp_path)
    assert path.name == "64_2020.csv.gz"
    with pytest.raises(DownloadError, match="no public sales of department 64"):
        download_department("64", [2019], tmp_path)


@pytest.mark.parametrize("year", [2022, 2023])
def test_a_broken_answer_leaves_no_file(tmp_path: Path, year: int) -> None:
    with pytest.raises(DownloadError):
        download_department("64", [year], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_refused_connection_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "ADDRESS", "http://127.0.0.1:1/{year}/{code}")
    with pytest.raises(DownloadError, match="cannot be reached"):
        download_department("64", [2020], tmp_path)


def test_a_code_that_is_no_department_is_not_asked_for(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="no department"):
        download_department("../64", [2020], tmp_path)
