"""The data set comes whole, from a server that answers as Mendeley Data does, or not at all."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from io import BytesIO
from pathlib import Path

import pytest
from click.testing import CliRunner

from support.drawn_photos import draw_photo
from support.fake_mlflow import http_server
from support.photos import image_file
from support.ports import free_port
from vigie.cli.main import main
from vigie.errors import DataError
from vigie.recipes.weather import download
from vigie.recipes.weather.download import DOI, LABELS, LISTING, fetch_weather


class Mendeley:
    """What the server gives: an archive, and a listing that may lie about it."""

    def __init__(self) -> None:
        self.address = ""
        self.archive = archive_of({f"dataset2/{label}{n}.jpg": None for label in LABELS
                                   for n in range(3)})  # fmt: skip
        self.sha256: str | None = None
        self.size: int | None = None
        self.status = 200
        self.asked: list[str] = []

    def listing(self) -> bytes:
        details = {
            "download_url": f"{self.address}/dataset2.zip",
            "size": len(self.archive) if self.size is None else self.size,
            "sha256_hash": self.sha256 or hashlib.sha256(self.archive).hexdigest(),
        }
        return json.dumps([{"filename": "dataset2.zip", "content_details": details}]).encode()


def archive_of(files: dict[str, bytes | None]) -> bytes:
    """A zip of these files; a photo where nothing else is said."""
    made, photo = BytesIO(), image_file(draw_photo("dots", 0))
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name, photo if content is None else content)
    return made.getvalue()


@pytest.fixture
def mendeley() -> Iterator[Mendeley]:
    given = Mendeley()

    def answer(request: BaseHTTPRequestHandler) -> None:
        given.asked.append(request.path)
        body = given.listing() if request.path == LISTING else given.archive
        request.send_response(given.status)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    with http_server(answer) as address:
        given.address = address
        yield given


def fetch(given: Mendeley, target: Path) -> int:
    return fetch_weather(target, lambda text: None, given.address)


def test_the_photos_come_into_a_folder_per_label(mendeley: Mendeley, tmp_path: Path) -> None:
    assert fetch(mendeley, tmp_path / "weather") == 12
    found = sorted(str(p.relative_to(tmp_path)) for p in (tmp_path / "weather").rglob("*.jpg"))
    assert found[:4] == [*(f"weather/cloudy/cloudy{n}.jpg" for n in range(3)),
                         "weather/rain/rain0.jpg"]  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["weather"], "nothing else may be left"
    asked = len(mendeley.asked)
    assert fetch(mendeley, tmp_path / "weather") == 12
    assert len(mendeley.asked) == asked, "what is there is not fetched again"


def test_no_path_of_the_archive_leads_out_of_the_folder(mendeley: Mendeley, tmp_path: Path) -> None:
    mendeley.archive = archive_of(
        {"../../rain1.jpg": None, "/etc/cloudy1.jpg": None, "shine1.jpg": None,
         "../passwd": b"root", "dataset2/notes.txt": b"hello"}
    )  # fmt: skip
    assert fetch(mendeley, tmp_path / "in" / "weather") == 3
    names = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    assert names == {f"in/weather/{one}/{one}1.jpg" for one in ("rain", "cloudy", "shine")}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"sha256": "0" * 64}, "sha256 is not that"),
        ({"sha256": "none"}, "listing is not what"),
        ({"size": 10}, "longer than its listing"),
        ({"size": 10**12}, "larger than 500 MiB"),
        ({"status": 503}, "answered 503"),
        ({"archive": b"no zip"}, "no zip file"),
        ({"archive": archive_of({"hello.jpg": None})}, "no photo with a label"),
        ({"archive": archive_of({"a/rain1.jpg": None, "b/rain1.jpg": None})}, "two photos of one"),
        ({"archive": archive_of({"rain1.jpg": bytes(21 * 2**20)})}, "far more than photos"),
    ],
)
def test_what_is_not_as_listed_leaves_nothing_and_says_what_to_put_where(
    mendeley: Mendeley, tmp_path: Path, change: dict[str, object], reason: str
) -> None:
    for name, value in change.items():
        setattr(mendeley, name, value)
    with pytest.raises(DataError) as refused:
        fetch(mendeley, tmp_path / "weather")
    for part in (reason, DOI, "weather/cloudy, rain, shine and sunrise"):
        assert part in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_offline_the_command_says_so_and_ends_with_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setattr(download.fetch_weather, "__defaults__", (nobody,))
    result = CliRunner().invoke(main, ["fetch", "weather", "--to", str(tmp_path / "weather")])
    assert result.exit_code == 1
    assert "cannot be reached (ConnectionError)" in result.output
    assert DOI in result.output


def test_a_folder_with_other_things_is_not_touched(mendeley: Mendeley, tmp_path: Path) -> None:
    (tmp_path / "weather").mkdir()
    (tmp_path / "weather" / "mine.txt").touch()
    with pytest.raises(DataError, match="other things"):
        fetch(mendeley, tmp_path / "weather")
    assert mendeley.asked == []
