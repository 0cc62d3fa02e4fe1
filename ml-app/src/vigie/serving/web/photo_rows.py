"""The rows of a form with photos, on their way through the pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from vigie.errors import InvalidInput
from vigie.models.rows import Decoded
from vigie.serving.dialects.native import NativeDialect
from vigie.serving.runtime.messages import DecodedRequest

if TYPE_CHECKING:
    from vigie.serving.runtime.loaded_model import LoadedModel
    from vigie.serving.runtime.messages import Request
    from vigie.serving.web.upload import Rows

Broken = dict[int, dict[str, str]]
"""By row and input, what the file of a photo is instead."""


@dataclass(slots=True)
class DecodedPhotos(Decoded):
    """The rows of a form that can be answered: which they are, their pixels by input.

    `broken` are the others. The pixels are kept for the page: what was decoded loses its pixels
    once the model has run.
    """

    answered: list[int] = field(default_factory=list)
    pixels: dict[str, list[np.ndarray]] = field(default_factory=dict)
    broken: Broken = field(default_factory=dict)


class BrokenPhotos(InvalidInput):
    """A form of which no row can be answered; `broken` says what is wrong with its photos."""

    def __init__(self, invalid: InvalidInput, broken: Broken) -> None:
        super().__init__(str(invalid), invalid.fields)
        self.broken = broken


class PhotoRows(NativeDialect):
    """Rows with the same values but for their photos, whose files are the body, end to end."""

    def __init__(self, uploads: Rows, values: Mapping[str, Any]) -> None:
        super().__init__(len(uploads))
        self._values = values
        self._places: list[dict[str, slice]] = []
        files = []
        start = 0
        for row in uploads:
            places = {}
            for name, upload in row.items():
                files.append(upload.data)
                places[name] = slice(start, start + len(upload.data))
                start += len(upload.data)
            self._places.append(places)
        self.body = b"".join(files)

    def decode(self, request: Request, live: LoadedModel) -> DecodedRequest:
        """`DecodedPhotos`; where no row is left, or more is wrong than photos, `BrokenPhotos`."""
        images = {item.name for item in live.document.images}
        rows, broken = self._rows(request.body), Broken()
        while True:
            kept = [row for row in range(len(rows)) if row not in broken]
            try:
                decoded = live.predictor.decoder.decode([rows[row] for row in kept])
            except InvalidInput as invalid:
                # a refusal names twenty fields at most, and more photos may be broken
                for one in invalid.fields:
                    if one.field in images:
                        broken.setdefault(kept[one.row], {})[one.field] = one.got
                others = [one for one in invalid.fields if one.field not in images]
                if others or len(broken) == len(rows):
                    raise BrokenPhotos(invalid, broken) from None
            else:
                return DecodedRequest(_with_photos(decoded, images, kept, broken))

    def _rows(self, body: bytes | bytearray) -> Sequence[Mapping[str, Any]]:
        files = memoryview(body)
        return [
            {**self._values, **{name: files[place] for name, place in places.items()}}
            for places in self._places
        ]


def _with_photos(
    decoded: Decoded, images: set[str], answered: list[int], broken: Broken
) -> DecodedPhotos:
    pixels = {name: decoded.columns[name] for name in images}
    return DecodedPhotos(
        decoded.rows, decoded.columns, decoded.outside, decoded.missing, decoded.figures,
        answered, pixels, broken,
    )  # fmt: skip
