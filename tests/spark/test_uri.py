from __future__ import annotations

from pathlib import Path

import pytest

from vigie.errors import DataError
from vigie.spark.uri import literal, local_path, require_apart, uri_of


@pytest.mark.parametrize("text", ["s3a://bucket/a b", "gs://bucket/x/", "hdfs://host:9000/x"])
def test_a_uri_stays_one(text: str) -> None:
    assert uri_of(text) == text.rstrip("/")
    assert local_path(uri_of(text)) is None


def test_a_path_is_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert uri_of("a: 100% b/") == f"file:{tmp_path}/a: 100% b"
    assert local_path(uri_of("x")) == tmp_path / "x"
    assert uri_of(f"file://{tmp_path}/x") == uri_of(str(tmp_path / "x"))


@pytest.mark.parametrize("text", ["s3a://key:secret@bucket/x", ""])
def test_a_uri_with_a_secret_is_refused_without_it(text: str) -> None:
    with pytest.raises(DataError) as refused:
        uri_of(text)
    assert "secret" not in str(refused.value)


def test_an_output_in_the_input_is_refused() -> None:
    require_apart("file:/photos", "file:/photos-features", ())
    for output in ("file:/photos", "file:/photos/features"):
        with pytest.raises(DataError, match="OUTPUT lies in the input"):
            require_apart("file:/photos", output, ())


@pytest.mark.parametrize("way", ["features", "features/label=a", "link", "link/b"])
def test_an_input_that_would_be_written_anew_is_refused(tmp_path: Path, way: str) -> None:
    (tmp_path / "features" / "b").mkdir(parents=True)
    (tmp_path / "link").symlink_to("features")
    with pytest.raises(DataError, match="the input lies in the folder features of OUTPUT"):
        require_apart(f"file:{tmp_path}/{way}", f"file:{tmp_path}", ("pca", "features"))
    require_apart(f"file:{tmp_path}/features-2", f"file:{tmp_path}", ("pca", "features"))
    with pytest.raises(DataError, match="the input lies in the folder features of OUTPUT"):
        require_apart(f"s3a://b/out/{way.replace('link', 'features')}", "s3a://b/out", ["features"])


def test_brackets_and_stars_are_no_pattern() -> None:
    assert literal("file:/a[1]*{b}") == r"file:/a\[1\]\*\{b\}"
