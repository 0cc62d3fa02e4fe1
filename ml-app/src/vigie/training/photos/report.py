"""What a run on photos shows for people beside what every run does."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vigie.training.report import plot_curve

if TYPE_CHECKING:
    from vigie.training.photos.photo_set import PhotoSet

MOST_PHOTOS = 24
COLUMNS = 6
TILE, CAPTION, GAP = 160, 44, 8
_INK, _PAPER = (31, 41, 55), (255, 255, 255)
_FONT_SIZE = 12


def write_confusion_table(path: Path, labels: Sequence[str], counts: np.ndarray) -> None:
    """Writes the photos of each label by what was answered, as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["actual", *labels])
        for label, row in zip(labels, counts.tolist(), strict=True):
            table.writerow([label, *row])


def write_curve(path: Path, curve: Sequence[Mapping[str, float]]) -> None:
    """Draws the accuracy on held-out photos by how many were learnt from."""
    photos = [point["photos"] for point in curve]
    accuracies = [point["accuracy"] for point in curve]
    plot_curve(path, ("Accuracy by photos", "training photos", "accuracy"), photos, accuracies)


def write_worst_photos(
    path: Path, photos: PhotoSet, labels: Sequence[str], scores: np.ndarray
) -> None:
    """Draws the photos whose own label has the lowest scores on one sheet, the worst first.

    Under each stand its label, what was answered with which score, and its name.
    """
    place = {label: number for number, label in enumerate(labels)}
    own = scores[np.arange(len(photos)), [place[label] for label in photos.labels]]
    worst = np.argsort(own, kind="stable")[:MOST_PHOTOS]
    rows = -(-len(worst) // COLUMNS)
    high, wide = TILE + CAPTION + GAP, TILE + GAP
    sheet = Image.new("RGB", (COLUMNS * wide + GAP, rows * high + GAP), _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(_FONT_SIZE)
    for number, photo in enumerate(worst.tolist()):
        left, top = GAP + number % COLUMNS * wide, GAP + number // COLUMNS * high
        picture = Image.fromarray(photos.pixels([photo])[0])
        picture.thumbnail((TILE, TILE))
        sheet.paste(picture, (left, top))
        said = int(scores[photo].argmax())
        lines = (
            f"is {photos.labels[photo]} ({own[photo]:.2f})",
            f"said {labels[said]} ({scores[photo, said]:.2f})",
            Path(photos.files[photo].name).name,
        )
        for line, text in enumerate(lines):
            shown = "".join(c if c.isprintable() else "?" for c in text)[:28]
            draw.text((left, top + TILE + line * 14), shown, _INK, font)
    sheet.save(path, quality=85)
