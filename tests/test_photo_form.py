"""Photos as callers have them: read when they are sent, in portions, and as a form."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from vigie.errors import DataError
from vigie.photo_form import Photos, are_photos, form_of


def test_paths_bytes_and_open_files_are_photos(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"one")
    with path.open("rb") as opened:
        every: list[Any] = [
            str(path),
            path,
            b"two",
            bytearray(b"three"),
            opened,
            io.BytesIO(b"four"),
        ]
        assert are_photos(every)
        read = Photos(every).take(0, 10, 1000)
    assert read == [b"one", b"one", b"two", b"three", b"one", b"four"]


@pytest.mark.parametrize("table", [[], "a.jpg", [{"a": 1}], [b"", {}], {"photo": ["a.jpg"]}, None])
def test_what_is_no_list_of_photos_is_none(table: Any) -> None:
    assert not are_photos(table)


def test_portions_are_bounded_and_nothing_is_read_ahead_or_twice(tmp_path: Path) -> None:
    class Counted(io.BytesIO):
        reads = 0

        def read(self, *size: Any) -> bytes:
            self.reads += 1
            return super().read(*size)

    files = [Counted(bytes([number]) * 10) for number in range(6)]
    photos = Photos(files)
    assert [len(one) for one in photos.take(0, 4, 25)] == [10, 10]
    # the third one did not fit, and is there already
    assert [one.reads for one in files] == [1, 1, 1, 0, 0, 0]
    assert photos.take(0, 4, 10) == [b"\0" * 10]
    assert photos.take(1, 2, 1000) == [b"\1" * 10, b"\2" * 10]
    assert photos.take(3, 4, 5) == [b"\3" * 10]
    assert [one.reads for one in files] == [1, 1, 1, 1, 1, 0]
    assert len(photos) == 6


def test_what_cannot_be_read_is_named_by_its_place(tmp_path: Path) -> None:
    for broken, reason in (
        (str(tmp_path / "none.jpg"), "photo 1 cannot be read: No such file or directory"),
        (tmp_path, "photo 1 cannot be read: Is a directory"),
        (io.StringIO("text"), 'photo 1 is a file of text; open it with mode "rb"'),
        ("a\0b", "photo 1 cannot be read: embedded null byte"),
    ):
        photos: list[Any] = [b"good", broken]
        with pytest.raises(DataError, match=reason):
            Photos(photos).take(0, 10, 1000)


def test_a_form_has_the_photos_in_order_and_the_values() -> None:
    values = {"warmth": 1.5, "good": True, "kind": "ä", "nothing": None}
    body, media_type = form_of([b"one\r\n--", b"two"], values)
    builder = EnvironBuilder(method="POST", data=body, content_type=media_type)
    with Request(builder.get_environ()) as request:
        assert [one.read() for one in request.files.getlist("photo")] == [b"one\r\n--", b"two"]
        assert request.form.to_dict() == {"warmth": "1.5", "good": "1", "kind": "ä", "nothing": ""}
    builder.close()
