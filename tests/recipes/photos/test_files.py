from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.drawn_photos import LABELS, draw_folder
from vigie.errors import DataError
from vigie.recipes.photos.files import find_photos
from vigie.recipes.photos.spec import PhotosSpec
from vigie.training.photos.photo_set import PhotoFile


def find(path: Path, said: list[str] | None = None, **spec: str) -> list[PhotoFile]:
    say = (said if said is not None else []).append
    return find_photos(PhotosSpec.model_validate(spec), (path,), say)


def test_a_folder_per_label_whatever_lies_deeper(tmp_path: Path) -> None:
    root = draw_folder(tmp_path, 2)
    (root / "dots" / "more").mkdir()
    (root / "dots" / "000.jpg").rename(root / "dots" / "more" / "000.jpg")
    (root / ".git").mkdir()
    (root / "dots" / ".DS_Store").touch()
    files = find(root)
    assert [(file.name, file.label) for file in files if file.label == "dots"] == [
        ("dots/001.jpg", "dots"), ("dots/more/000.jpg", "dots"),
    ]  # fmt: skip
    assert {file.label for file in files} == set(LABELS)
    assert {file.side for file in files} == {None}


def test_files_without_a_label_are_named(tmp_path: Path) -> None:
    root = draw_folder(tmp_path, 2)
    (root / "loose.jpg").touch()
    said: list[str] = []
    assert len(find(root, said)) == 6
    assert "loose.jpg" in said[0]


def test_training_and_test_are_a_split_that_is_given(tmp_path: Path) -> None:
    draw_folder(tmp_path / "Training", 2)
    draw_folder(tmp_path / "Test", 1)
    files = find(tmp_path)
    assert [file.side for file in files] == ["training"] * 6 + ["held out"] * 3
    assert {file.label for file in files} == set(LABELS)


@pytest.mark.parametrize("header", ["file,label", "Path,Class", "number,filename,label"])
def test_a_table_of_paths_and_labels(tmp_path: Path, header: str) -> None:
    draw_folder(tmp_path / "photos", 1)
    number = "7," if header.startswith("number") else ""
    lines = [header, *(f"{number}photos/{label}/000.jpg,{label}" for label in LABELS)]
    table = tmp_path / "photos.csv"
    table.write_text("\ufeff" + "\n".join(lines), encoding="utf-8")
    files = find(table)
    assert [file.label for file in files] == list(LABELS)
    assert all(file.path.is_file() for file in files)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_separator_is_that_of_the_first_line(tmp_path: Path, separator: str) -> None:
    table = tmp_path / "photos.csv"
    lines = (("path", "label"), ("a.jpg", "dots"), ("b.jpg", "bars"))
    table.write_text("\n".join(map(separator.join, lines)), encoding="utf-8-sig")
    assert [(file.name, file.label) for file in find(table)] == list(lines[1:])


def test_columns_of_other_names_are_named_in_the_recipe(tmp_path: Path) -> None:
    table = tmp_path / "photos.csv"
    table.write_text("where,what\na.jpg,dots\n")
    (file,) = find(table, path_column="where", label_column="what")
    assert (file.name, file.label) == ("a.jpg", "dots")
    with pytest.raises(DataError, match=r"path or file.*photos.path_column"):
        find(table)
    with pytest.raises(DataError, match="no column which"):
        find(table, path_column="where", label_column="which")


COMPOSED, TAKEN_APART = "pêche", "pe\u0302che"


def test_one_text_in_two_spellings_is_one_label(tmp_path: Path) -> None:
    folder = draw_folder(tmp_path / "photos", 2)
    for place, name in enumerate((COMPOSED, TAKEN_APART)):
        (folder / LABELS[place]).rename(folder / name)
    found = find(folder)
    assert [file.label for file in found].count(COMPOSED) == 4
    assert TAKEN_APART not in {file.label for file in found}
    assert all(file.path.is_file() for file in found)
    table = tmp_path / "photos.csv"
    table.write_text(f"path,label\na.jpg,{COMPOSED}\nb.jpg,{TAKEN_APART} \n", "utf-8")
    assert [file.label for file in find(table)] == [COMPOSED, COMPOSED]


def test_an_empty_label_and_no_label_are_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no folders in it"):
        find(tmp_path)
    draw_folder(tmp_path / "photos", 1)
    (tmp_path / "photos" / "empty").mkdir()
    with pytest.raises(DataError, match="folder empty is empty"):
        find(tmp_path / "photos")


def test_one_folder_is_needed_and_no_more(tmp_path: Path) -> None:
    for paths in ((), (tmp_path, tmp_path)):
        with pytest.raises(DataError, match="--data"):
            find_photos(PhotosSpec(), paths, lambda text: None)


def test_names_that_are_no_text_can_be_shown(tmp_path: Path) -> None:
    root = draw_folder(tmp_path, 1)
    (root / "dots" / "000.jpg").rename(root / "dots" / os.fsdecode(b"\xff\xfe.jpg"))
    (file,) = (file for file in find(root) if file.label == "dots")
    file.name.encode("utf-8")
    assert file.path.is_file()
