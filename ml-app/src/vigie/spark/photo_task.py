"""Photos to answers in a Python worker: names or bytes in, a row each out, broken ones too."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa

from vigie.errors import DataError, ModelFailure
from vigie.models.photo import BrokenPhoto, read_photo
from vigie.models.photo_file import UnreadablePhoto, read_photo_file, too_large
from vigie.models.photo_input import photo_input
from vigie.spark.arrow import in_place

if TYPE_CHECKING:
    from pyspark import Accumulator

    from vigie.engines.predictor import Answers, Predictor
    from vigie.models.document import PackageDocument
    from vigie.spark.shipping import ShippedPackage

KEY = ("name", "label", "stamp")
REASON = "reason"
UNREADABLE = "unreadable"
"""True where the reason is one of the place of the file: it is tried again."""


class Answer(Protocol):
    """How answers become columns. It is sent to workers.

    With `every_output` it needs those, too, that no answer shows; with `neighbours` the reference
    rows that a photo is most like.
    """

    @property
    def every_output(self) -> bool:
        """Whether it does."""
        ...

    @property
    def neighbours(self) -> bool:
        """Whether it does."""
        ...

    def schema(self) -> pa.Schema:
        """The columns and their types."""
        ...

    def columns(self, document: PackageDocument, answers: Answers) -> dict[str, pa.Array]:
        """The columns of some answers, by name."""
        ...


def schema_of(answer: Answer) -> pa.Schema:
    """The columns of what a `PhotoTask` makes and their types."""
    own = [pa.field(name, pa.string()) for name in (*KEY, REASON)]
    return pa.schema([*own, pa.field(UNREADABLE, pa.bool_()), *answer.schema()])


@dataclass(frozen=True)
class PhotoTask:
    """What a worker does with the rows of `PhotoSource.frame`."""

    shipped: ShippedPackage
    answer: Answer
    done: Accumulator[int]
    failed: Accumulator[int]

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """A row for each row, in its place."""
        predictor = self.shipped.open()
        photos = _Photos(predictor, self.answer)
        for batch in batches:
            made = photos.answered(batch)
            self.done.add(batch.num_rows)
            self.failed.add(batch.num_rows - made.column(REASON).null_count)
            yield made


class _Photos:
    """The photos of a worker. Each is alone in its call of the graph.

    So its answer has the same bytes whatever lies beside it, in a run that goes on, too.
    """

    def __init__(self, predictor: Predictor, answer: Answer) -> None:
        self._predictor, self._answer = predictor, answer
        self._schema = answer.schema()
        self._document = predictor.package.document
        self._item, self._others = photo_input(self._document)

    def answered(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        faults: list[BrokenPhoto | None] = []
        parts: list[dict[str, pa.Array]] = []
        for given in _files(batch):
            found = self._one(given)
            faults.append(found if isinstance(found, BrokenPhoto) else None)
            if not isinstance(found, BrokenPhoto):
                parts.append(found)
        key = {name: batch.column(name) for name in KEY}
        reasons = [None if fault is None else str(fault) for fault in faults]
        unreadable = [isinstance(fault, UnreadablePhoto) for fault in faults]
        own = {REASON: pa.array(reasons, pa.string()), UNREADABLE: pa.array(unreadable)}
        answered = iter(range(len(parts)))
        places = [None if fault else next(answered) for fault in faults]
        answers = in_place(parts, places, self._schema)
        return pa.RecordBatch.from_pydict({**key, **own, **answers})

    def _one(self, given: Path | bytes | None) -> dict[str, pa.Array] | BrokenPhoto:
        try:
            if given is None:
                return BrokenPhoto(too_large())
            content = given if isinstance(given, bytes) else read_photo_file(given)
            photo = read_photo(content, self._item)
            columns: dict[str, list[Any]] = {self._item.name: [photo.pixels]}
            if self._others is not None:
                columns |= self._others.decode_columns({}, 1).columns
            answers = self._predictor.predict(
                columns,
                every_output=self._answer.every_output,
                neighbours=self._answer.neighbours,
            )
            return self._answer.columns(self._document, answers)
        except BrokenPhoto as broken:
            return broken
        except ModelFailure as failure:
            if failure.reason == "memory":
                raise DataError(f"{failure} Give fewer cores, or more memory") from None
            return BrokenPhoto(str(failure))
        except (OSError, MemoryError):
            raise DataError("the machine has no more memory or open files") from None


def _files(batch: pa.RecordBatch) -> Iterator[Path | bytes | None]:
    """The file of each row: where it is, or its bytes, or nothing where these are too many."""
    if "path" in batch.schema.names:
        for path in batch.column("path"):
            yield Path(os.fsdecode(path.as_py()))
        return
    for content in batch.column("content"):
        yield content.as_py()
