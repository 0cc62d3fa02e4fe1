from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vigie.batch.parquet import read_column, write_parquet
from vigie.errors import DataError


def test_a_table_becomes_parquet(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(
        b'name,label,score,error\n001.jpg,red,0.900000,\n"a,b.jpg",,,an empty file\n'
    )
    write_parquet(tmp_path / "t.csv", tmp_path / "t.parquet", ["name", "label", "score", "error"])
    assert pq.read_table(tmp_path / "t.parquet").to_pylist() == [
        {"name": "001.jpg", "label": "red", "score": 0.9, "error": None},
        {"name": "a,b.jpg", "label": None, "score": None, "error": "an empty file"},
    ]


def test_the_places_of_a_vector_become_a_list(tmp_path: Path) -> None:
    columns = ["name", "label", "nearest", "vector_0", "vector_1", "error"]
    (tmp_path / "t.csv").write_text(
        f"{','.join(columns)}\n1.jpg,red,7,0.5,-1.25,\n2.jpg,,,,,no photo\n3.jpg,blue,9,2,3,\n"
    )
    lists = {"vector": columns[3:5]}
    write_parquet(tmp_path / "t.csv", tmp_path / "t.parquet", columns, lists)
    table = pq.read_table(tmp_path / "t.parquet")
    assert table.schema.field("vector").type == pa.list_(pa.float32())
    assert table.column_names == ["name", "label", "nearest", "vector", "error"]
    assert table.column("vector").to_pylist() == [[0.5, -1.25], None, [2.0, 3.0]]
    assert table.column("nearest").to_pylist() == ["7", None, "9"]


def test_paths_of_a_column(tmp_path: Path) -> None:
    table = pa.table({"path": ["a.jpg", "b.jpg"], "bytes": [b"a\xff", b"b"], "number": [1, 2]})
    pq.write_table(table, tmp_path / "t.parquet")
    assert read_column(tmp_path / "t.parquet", lambda names: names[0]) == ["a.jpg", "b.jpg"]
    assert read_column(tmp_path / "t.parquet", lambda names: names[1]) == ["a\udcff", "b"]
    with pytest.raises(DataError, match="number has rows without a path"):
        read_column(tmp_path / "t.parquet", lambda names: names[2])


def test_what_is_no_parquet(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_bytes(b"path\na.jpg\n")
    with pytest.raises(DataError, match="is not Parquet"):
        read_column(tmp_path / "t.parquet", lambda names: names[0])
