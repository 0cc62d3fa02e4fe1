from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import yaml

from vigie.errors import DataError
from vigie.recipes.tabular.spec import TableSpec
from vigie.recipes.tabular.table import build_dataset, read_table
from vigie.training.dataset import Dataset

SPEC = TableSpec.model_validate(
    yaml.safe_load("""
name: flats
title: Flats
task: regression
id: key
target: {column: price, name: price_eur, label: Price, scale: log}
clean:
  - {name: absurd_price, column: price, drop: outside, low: 100, high: 1000000}
  - {name: twice, column: key, drop: duplicate}
inputs:
  size: {column: sqft, type: number, factor: 0.5, limits: [5, 500], label: Size}
  rooms: {type: integer, required: false, label: Rooms}
  kind: {type: choice, choices: {Appartement: flat, Maison: house}, label: Kind}
  zip: {type: integer-choice, policy: open, label: Zip}
  floor: {type: integer, required: false, label: Floor}
""")
)
HEADER = "key,price,sqft,rooms,kind,zip\n"


def load(folder: Path, *lines: str) -> Dataset:
    good = [f"k{i},{200 + i},100,2,Maison,64{i % 3:03}" for i in range(60)]
    path = folder / "flats.csv"
    path.write_text(HEADER + "\n".join([*good, *lines]) + "\n")
    return build_dataset(SPEC, read_table([path], ","), "digest")


def dropped(dataset: Dataset) -> dict[str, int]:
    return {rule.name: rule.dropped for rule in dataset.rules if rule.dropped}


def test_units_choices_and_integers_are_converted(tmp_path: Path) -> None:
    row = load(tmp_path).rows()[0]
    assert row == {"size": 50.0, "rooms": 2, "kind": "house", "zip": 64000}


def test_each_dropped_row_is_counted_under_its_rule(tmp_path: Path) -> None:
    data = load(
        tmp_path,
        "a,1,100,2,Maison,64000",
        "k1,300,100,2,Maison,64000",
        "b,,100,2,Maison,64000",
        "c,300,9999999,2,Maison,64000",
        "d,300,,2,Maison,64000",
        "e,300,100,2,Castle,64000",
        "f,300,100,,Appartement,64000.0",
    )
    assert dropped(data) == {
        "absurd_price": 1,
        "twice": 1,
        "missing_target": 1,
        "unusable_size": 2,
        "unusable_kind": 1,
    }
    assert len(data) == 61
    assert data.rows()[-1] == {"size": 50.0, "kind": "flat", "zip": 64000}


def test_an_optional_column_may_be_absent(tmp_path: Path) -> None:
    assert "floor" not in load(tmp_path).columns


def test_a_required_column_must_be_there(tmp_path: Path) -> None:
    path = tmp_path / "flats.csv"
    path.write_text("key,price,rooms,kind,zip\nk,200,2,Maison,64000\n")
    with pytest.raises(DataError, match="no column sqft"):
        build_dataset(SPEC, read_table([path], ","), "digest")


def test_too_few_rows_are_explained(tmp_path: Path) -> None:
    path = tmp_path / "flats.csv"
    path.write_text(HEADER + "k,200,100,2,Castle,64000\n")
    with pytest.raises(DataError, match="unusable_kind 1"):
        build_dataset(SPEC, read_table([path], ","), "digest")


def test_several_files_plain_or_gzip_become_one_table(tmp_path: Path) -> None:
    plain, packed = tmp_path / "a.csv", tmp_path / "b.csv.gz"
    plain.write_text(HEADER + "a,1,1,1,Maison,1\n")
    packed.write_bytes(gzip.compress((HEADER + "b,2,2,2,Maison,2\n").encode()))
    frame = read_table([plain, packed], ",")
    assert list(frame["key"]) == ["a", "b"]


def test_a_binary_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "photo.csv"
    path.write_bytes(bytes(np.random.default_rng(1).integers(128, 255, 500, dtype=np.uint8)))
    with pytest.raises(DataError, match="UTF-8"):
        read_table([path], ",")
