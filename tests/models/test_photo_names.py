from __future__ import annotations

import os
import subprocess

import pytest

from vigie.models.photo_names import by_bytes, written_name

ODD = [
    b"a.jpg", "été.jpg".encode(), b"line\nbreak.jpg", b"tab\t\r.jpg", b"back\\slash\\n.jpg",
    b"\xff\xfe.jpg", b"\x7f\x01.jpg", "\u2028\x85.jpg".encode(), b'a,"b".jpg',
    "日本 😀.png".encode(),
]  # fmt: skip


@pytest.mark.parametrize("name", ODD, ids=repr)
def test_a_name_is_one_line_of_text_and_comes_back(name: bytes) -> None:
    written = written_name(os.fsdecode(name))
    assert len(written.splitlines()) == 1
    back = subprocess.run(["bash", "-c", 'printf %b "$1"', "-", written], stdout=-1, check=True)
    assert back.stdout == name


def test_plain_names_stay_and_no_two_are_written_alike() -> None:
    assert written_name("a/b c,é.jpg") == "a/b c,é.jpg"
    assert len({written_name(os.fsdecode(name)) for name in [*ODD, b"\\xff\\xfe.jpg"]}) == 11


def test_the_order_is_that_of_bytes() -> None:
    names = ["b", "é", os.fsdecode(b"\xff"), "B", "a10", "a9"]
    assert sorted(names, key=by_bytes) == ["B", "a10", "a9", "b", "é", os.fsdecode(b"\xff")]
