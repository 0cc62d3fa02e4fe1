"""Photos as a result page shows them: small pictures beside their answers, and what is broken."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vigie.models.photo import MOST_PIXELS, photo_file
from vigie.models.photo_figures import FIGURES
from vigie.serving.web.photo_rows import BrokenPhotos, DecodedPhotos
from vigie.serving.web.result import Answer

if TYPE_CHECKING:
    from vigie.models.model_input import Input
    from vigie.serving.pipeline import Answered
    from vigie.serving.web.language import Language
    from vigie.serving.web.photo_rows import Broken
    from vigie.serving.web.result import ResultView
    from vigie.serving.web.upload import Rows, Upload

_SIDE, _LARGE_SIDE = 160, 320
"""The longer side of a picture where there are several, and of an only one."""
_ASPECT = FIGURES.index("aspect")
_WIDEST = 4.0


@dataclass(frozen=True, slots=True)
class PhotoView:
    """One photo: its file's name and a picture of it, whose `source` is a `data:` address.

    `input` and `place` say which of the chosen files it is.
    """

    input: str
    place: int
    name: str
    source: str
    width: int
    height: int


def photo_answers(
    uploads: Rows, decoded: DecodedPhotos, images: Sequence[Input], results: Sequence[ResultView]
) -> list[Answer]:
    """The results of the rows that were answered, each with its photos; none without any."""
    if not results:
        return []
    side = _LARGE_SIDE if len(results) == 1 else _SIDE
    return [
        Answer(
            result,
            [_picture(item, uploads[row][item.name], row, decoded, place, side) for item in images],
        )
        for place, (row, result) in enumerate(zip(decoded.answered, results, strict=True))
    ]


def decoded_photos(answered: Answered) -> DecodedPhotos:
    """What became of the photos of a form; nothing where its request was not decoded."""
    decoded = getattr(answered.context, "decoded", None)
    if isinstance(answered.error, BrokenPhotos):
        return DecodedPhotos(0, {}, broken=answered.error.broken)
    return decoded if isinstance(decoded, DecodedPhotos) else DecodedPhotos(0, {})


def broken_photos(uploads: Rows, broken: Broken, language: Language) -> list[tuple[str, str]]:
    """The name of each file that is broken, and a sentence on what it is."""
    return [
        (uploads[row][name].name, broken_text(reason, language))
        for row, reasons in sorted(broken.items())
        for name, reason in reasons.items()
    ]


def _picture(
    item: Input, upload: Upload, row: int, decoded: DecodedPhotos, place: int, side: int
) -> PhotoView:
    """A picture of what the model saw of a file."""
    pixels = decoded.pixels[item.name][place]
    height, width, _ = pixels.shape
    aspect = width / height
    if item.resize is not None and item.resize.fit == "stretch":
        # as the model sees it, it would look squeezed
        aspect = decoded.figures[item.name][place][_ASPECT]
    aspect = min(max(aspect, 1 / _WIDEST), _WIDEST)
    picture = base64.b64encode(photo_file(pixels, side)).decode()
    return PhotoView(
        input=item.name,
        place=row,
        name=upload.name,
        source=f"data:image/jpeg;base64,{picture}",
        width=round(side * min(aspect, 1.0)),
        height=round(side / max(aspect, 1.0)),
    )


def broken_text(reason: str, language: Language) -> str:
    """What a `BrokenPhoto` says, as a sentence in the language of the page."""
    t = language.text
    most = MOST_PIXELS // 1_000_000
    said = {
        "an empty file": t("This file is empty."),
        "a broken photo": t("This photo is broken."),
        "a photo that ends too early": t("This photo ends too early: part of the file is missing."),
        f"a photo of more than {most} megapixels": t(
            "This photo has more than {count} megapixels.", count=most
        ),
        "a picture of floating-point numbers": t(
            "This picture is made of floating-point numbers, which no photo is."
        ),
        "a HEIC photo, which is not taken here: send JPEG, or install pillow-heif": t(
            "This is a HEIC photo, which is not taken here. Save it as JPEG."
        ),
        "an AVIF photo, which is not taken here: send JPEG": t(
            "This is an AVIF photo, which is not taken here. Save it as JPEG."
        ),
        "a film": t("This is a film, not a photo."),
        "an HTML page": t("This is a web page, not a photo."),
        "a drawing (SVG)": t("This is a drawing (SVG), not a photo."),
        "an XML file": t("This is an XML file, not a photo."),
        "a PDF": t("This is a PDF, not a photo."),
        "a PostScript file": t("This is a PostScript file, not a photo."),
        "a fax": t("This is a fax, not a photo."),
        "a FITS file": t("This is a FITS file, not a photo."),
        "a Git LFS pointer, not the photo: run git lfs pull": t(
            "This is a Git LFS pointer, not the photo itself."
        ),
    }
    return said.get(reason) or t("This file is no photo that can be read here.")
