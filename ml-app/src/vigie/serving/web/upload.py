"""The photos that a form brings: files in memory, by the rows that they are asked about in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import IO, TYPE_CHECKING

from flask import Request

from vigie.models.photo_format import photo_formats

if TYPE_CHECKING:
    from werkzeug.datastructures import FileStorage, MultiDict

    from vigie.models.model_input import Input
    from vigie.serving.web.language import Language

_LONGEST_NAME = 255
_MOST_BESIDE_FILES = 256 * 1024
_MEDIA_TYPES = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WebP": "image/webp",
    "GIF": "image/gif",
    "BMP": "image/bmp",
    "TIFF": "image/tiff",
    "AVIF": "image/avif",
}


class FormRequest(Request):
    """A request whose files stay in memory: no photo of a caller is written to a disk.

    What is no file in a form with files, headers and values, is small: a header takes many times
    its size.
    """

    @property
    def max_form_memory_size(self) -> int | None:
        """The most bytes of what is no file, in a form that may have files or in another."""
        most = super().max_form_memory_size
        if most is None or self.mimetype != "multipart/form-data":
            return most
        return min(most, _MOST_BESIDE_FILES)

    @max_form_memory_size.setter
    def max_form_memory_size(self, value: int | None) -> None:
        self._max_form_memory_size = value

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        """What werkzeug asks for per file; its own goes to a temporary file from 500 kB on.

        The body that it is read from is in memory already, and no larger than the limit.
        """
        return BytesIO()


@dataclass(frozen=True, slots=True)
class Upload:
    """One file: the name that the caller's machine gives it, and its bytes."""

    name: str
    data: bytes


Rows = list[dict[str, Upload]]
"""Per row, the file of each input that takes photos."""


@dataclass(frozen=True, slots=True)
class Chooser:
    """What a form says of the photos that it takes; `types` is for the attribute `accept`."""

    types: str
    formats: str
    several: bool
    most: int
    most_bytes: int

    @property
    def most_megabytes(self) -> int:
        """How much all photos of a form may have together, MiB."""
        return self.most_bytes // 2**20


def chooser_of(images: Sequence[Input], most: int, most_bytes: int) -> Chooser:
    """What the form of a model says of photos: several at once where it has one input for them.

    `most` photos may come, of `most_bytes` together.
    """
    # HEIC is named by no form, also where it can be opened: an iPhone sends its photos as JPEG to
    # a form that lists types without it, and leaves to `image/*` what it likes
    formats = [name for name in photo_formats() if name in _MEDIA_TYPES]
    return Chooser(
        types=",".join(_MEDIA_TYPES[name] for name in formats),
        formats=", ".join(formats),
        several=len(images) == 1,
        most=most if len(images) == 1 else 1,
        most_bytes=most_bytes,
    )


def uploads_of(files: MultiDict[str, FileStorage], images: Sequence[Input]) -> Rows:
    """The rows of a form: with one input for photos a row per file, with several one row of all.

    An input without a file is left out; without any file there is no row.
    """
    chosen = {item.name: _uploads(files.getlist(item.name)) for item in images}
    if len(images) == 1:
        (name,) = chosen
        return [{name: upload} for upload in chosen[name]]
    row = {name: uploads[0] for name, uploads in chosen.items() if uploads}
    return [row] if row else []


def wrong_uploads(
    rows: Rows, images: Sequence[Input], most: int, language: Language
) -> dict[str, str]:
    """By input, one sentence that says what to choose, where none or too many photos are there."""
    t = language.text
    if len(rows) > most:
        name = images[0].name
        return {name: t("Choose at most {count} photos at once.", count=language.number(most))}
    missing = {item.name: t("Choose a photo.") for item in images}
    return {name: sentence for name, sentence in missing.items() if not rows or name not in rows[0]}


def too_large(images: Sequence[Input], most_bytes: int, language: Language) -> dict[str, str]:
    """By input, what to do about photos that are too large together."""
    size = language.number(most_bytes // 2**20)
    sentence = language.text(
        "Together these photos are above {size} MB: choose fewer or smaller ones.", size=size
    )
    return {images[0].name: sentence}


def _uploads(files: Sequence[FileStorage]) -> list[Upload]:
    # a field that was left empty comes as a file without a name
    return [Upload(_name(file.filename), file.read()) for file in files if file.filename]


def _name(sent: str | None) -> str:
    """A file's own name: no folders, nothing that cannot be printed."""
    last = (sent or "").replace("\\", "/").rpartition("/")[2]
    return "".join(c if c.isprintable() else "?" for c in last)[:_LONGEST_NAME] or "?"
