"""Labels come in an option or in the files that people have."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vigie.errors import DataError
from vigie.training.imported.labels import read_labels

FILES = {
    "plain.txt": "cat\n\ndog\n  great owl \n",
    "windows.txt": "\ufeffcat\r\ndog\r\ngreat owl\r\n",
    "teachable.txt": "0 cat\n1 dog\n2 great owl\n",
    "list.json": '["cat", "dog", "great owl"]',
    "numbered.json": '{"0": "cat", "2": "great owl", "1": "dog"}',
    "imagenet.json": '{"0": ["n01", "cat"], "1": ["n02", "dog"], "2": ["n03", "great owl"]}',
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_labels(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(FILES[name], encoding="utf-8")
    assert read_labels(str(path)) == ("cat", "dog", "great owl")


def test_an_option_and_none() -> None:
    assert read_labels("cat, dog") == ("cat", "dog")
    assert read_labels(None) == ()


def test_numbers_that_are_no_places_are_names(tmp_path: Path) -> None:
    path = tmp_path / "sizes.txt"
    path.write_text("2 litres\n1 litre\n")
    assert read_labels(str(path)) == ("2 litres", "1 litre")


def test_two_classes_of_imagenet_that_share_a_name_keep_apart(tmp_path: Path) -> None:
    path = tmp_path / "index.json"
    path.write_text(json.dumps({"0": ["n1", "crane"], "1": ["n2", "crane"], "2": ["n3", "tench"]}))
    assert read_labels(str(path)) == ("crane (n1)", "crane (n2)", "tench")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "labels.json is not JSON"),
        ("[1, 2]", "neither a list of labels nor"),
        ('{"1": "a", "2": "b"}', "neither a list of labels nor"),
        ('["a", "b", "a"]', "the same name twice: a"),
    ],
)
def test_what_is_no_list_of_labels_is_told(tmp_path: Path, content: str, told: str) -> None:
    path = tmp_path / "labels.json"
    path.write_text(content)
    with pytest.raises(DataError, match=told):
        read_labels(str(path))


def test_a_file_that_is_not_there_and_one_that_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no file labels\.txt"):
        read_labels("labels.txt")
    path = tmp_path / "labels.txt"
    path.write_bytes(b"\xff\xfe\x00\x00")
    with pytest.raises(DataError, match="no readable text"):
        read_labels(str(path))
