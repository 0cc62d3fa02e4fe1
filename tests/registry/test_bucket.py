"""Buckets as servers of Google's and Amazon's kind give them out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from support import object_storage
from support.ports import free_port
from vigie.errors import RegistryError
from vigie.registry.bucket import Bucket

WHY_NOT = object_storage.why_not_here()
# a bucket may hold what no folder can
STRANGE = ("iris/1/../../../out", "iris//1/double")
NAMES = ("iris/1/saved_model.pb", "iris/1/variables/variables.index")


@pytest.fixture(params=["gs", "s3"])
def models(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The address of a folder of models in a bucket, which needs its keys."""
    if WHY_NOT:
        pytest.skip(WHY_NOT)
    for name in NAMES:
        path = tmp_path / "models" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    start = object_storage.gcs if request.param == "gs" else object_storage.s3
    with start(tmp_path) as server:
        server.upload(tmp_path / "models", "serving dir")
        for name in STRANGE:
            server.put(f"serving dir/{name}", b"strange")
        for key, value in server.environment.items():
            monkeypatch.setitem(os.environ, key, value)
        yield address(request.param, urlsplit(server.address).netloc)


def address(scheme: str, server: str) -> str:
    anonymous = "anonymous@" if scheme == "gs" else ""
    told = f"scheme=http&endpoint_override={server}" + (
        "&region=us-east-1" if scheme == "s3" else ""
    )
    return f"{scheme}://{anonymous}{object_storage.BUCKET}/serving%20dir?{told}"


def test_files_are_listed_and_fetched(models: str, tmp_path: Path) -> None:
    bucket = Bucket(models)
    found = bucket.files()
    assert {name: one.size for name, one in found.items()} == {name: len(name) for name in NAMES}
    assert all(one.written for one in found.values())
    bucket.fetch(NAMES[1], tmp_path / "new" / "file")
    assert (tmp_path / "new" / "file").read_text() == NAMES[1]


def test_a_folder_that_is_not_there_has_no_files(models: str) -> None:
    assert Bucket(models.replace("serving%20dir", "other")).files() == {}


def test_a_file_that_is_gone_is_told_without_its_query(models: str, tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="cannot be read") as told:
        Bucket(models).fetch("absent", tmp_path / "file")
    assert "endpoint" not in str(told.value)


@pytest.mark.parametrize("scheme", ["gs", "s3"])
def test_a_server_that_is_away_is_told_in_time(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "AWS_ACCESS_KEY_ID", "none")
    monkeypatch.setitem(os.environ, "AWS_SECRET_ACCESS_KEY", "none")
    with pytest.raises(RegistryError, match="cannot be read"):
        Bucket(address(scheme, f"127.0.0.1:{free_port()}")).files()
