"""A file of photos lets no reader be kept busy."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image

from vigie.models.bounded_file import BoundedFile, TooBusy


def test_what_a_photo_needs_is_read_as_of_any_file() -> None:
    content = bytes(range(256)) * 4096
    file = BoundedFile(content)
    assert file.read(16) == content[:16]
    file.opened = True
    assert file.read() == content[16:]
    file.seek(0)
    assert file.read(None) == content


@pytest.mark.parametrize("kind", [bytes, memoryview])
def test_any_place_can_be_gone_to(kind: type) -> None:
    content = bytes(range(100))
    file, plain = BoundedFile(kind(content)), BytesIO(content)
    for offset, whence in ((90, 0), (-5, 1), (200, 0), (-10, 2), (0, 0)):
        assert file.seek(offset, whence) == plain.seek(offset, whence)
        assert file.read(7) == plain.read(7)
        assert file.read() == plain.read()
        assert file.tell() == plain.tell()
    with pytest.raises(ValueError, match="before the start"):
        file.seek(-1)


def test_reads_before_the_pixels_are_counted() -> None:
    file = BoundedFile(bytes(100_000))
    for _ in range(10_000):
        file.read(4)
    with pytest.raises(TooBusy):
        file.read(4)


def test_behind_them_small_reads_are() -> None:
    file = BoundedFile(bytes(50_000_000))
    file.opened = True
    for _ in range(40_000):
        file.read(1024)
    tiny = BoundedFile(bytes(1_000_000))
    tiny.opened = True
    for _ in range(10_100):
        tiny.read(4)
    with pytest.raises(TooBusy):
        list(iter(lambda: tiny.read(4), b""))


def test_a_progressive_photo_has_few_passes() -> None:
    made = BytesIO()
    Image.new("RGB", (64, 64)).save(made, "JPEG", progressive=True)
    file = BoundedFile(made.getvalue())
    file.read(16)
    file.opened = True
    file.seek(0)
    assert file.read() == made.getvalue()
    many = BoundedFile(b"\xff\xd8" + 200 * b"\xff\xda")
    many.opened = True
    with pytest.raises(TooBusy):
        many.read()
    other = BoundedFile(b"\x89PNG" + 200 * b"\xff\xda")
    other.opened = True
    assert len(other.read()) == 404
