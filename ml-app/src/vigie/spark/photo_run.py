"""All photos of an input through a model: what was done stays done, whatever ends a run."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as sf
from pyspark.sql.pandas.types import from_arrow_schema

from vigie.spark.photo_task import REASON, UNREADABLE, PhotoTask, schema_of
from vigie.spark.session import parallelism
from vigie.spark.state import PARTS
from vigie.spark.task_progress import watched
from vigie.spark.uri import literal

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from rich.console import Console

    from vigie.spark.photo_source import Listed, PhotoSource
    from vigie.spark.photo_task import Answer
    from vigie.spark.shipping import ShippedPackage
    from vigie.spark.storage import Storage

_ROWS_A_BATCH = {"disk": 32, "storage": 4, "table": 4}
"""Rows that go to a worker at a time: names are short, of files a few are in memory at once."""
_WRITTEN, _RANK = "written", "rank"


@dataclass(frozen=True, slots=True)
class PhotoRun:
    """The photos of a source, answered into the `_parts` of an output.

    Every task writes a file of its own, which is there once the task is done: a run that goes on
    answers what no file has. A photo that is another one now is answered anew, and one that its
    place did not give is tried again.
    """

    session: SparkSession
    storage: Storage
    source: PhotoSource
    shipped: ShippedPackage
    answer: Answer
    output: str

    def compute(self, console: Console) -> int:
        """Answers what is not answered yet; gives how many that were."""
        self._clear()
        done = self._done()
        pending = [one for one in self.source.photos if (one.name, one.stamp) not in done]
        if pending:
            self._write(pending, console)
        return len(pending)

    def rows(self) -> DataFrame:
        """The answers to all photos of the source, and the reasons of those that have none."""
        wanted = sf.broadcast(self.source.wanted().drop("label"))
        written = self._parts().withColumn(_WRITTEN, sf.col("_metadata.file_modification_time"))
        rows = written.join(wanted, ["name", "stamp"], "left_semi")
        counted = rows.agg(sf.count("*"), sf.count_distinct("name")).collect()[0]
        if counted[0] != counted[1]:
            # tried again, two runs at a time, or a task that its master took for lost
            of_name = Window.partitionBy("name")
            best = of_name.orderBy(sf.col(REASON).isNotNull(), UNREADABLE, sf.desc(_WRITTEN))
            rows = rows.withColumn(_RANK, sf.row_number().over(best)).where(f"{_RANK} = 1")
        return rows.drop(_WRITTEN, _RANK, UNREADABLE)

    def _write(self, pending: Sequence[Listed], console: Console) -> None:
        context = self.session.sparkContext
        task = PhotoTask(self.shipped, self.answer, context.accumulator(0), context.accumulator(0))
        self.session.conf.set(
            "spark.sql.execution.arrow.maxRecordsPerBatch", _ROWS_A_BATCH[self.source.kind]
        )
        frame = self.source.frame(pending, parallelism(self.session))
        made = frame.mapInArrow(task, from_arrow_schema(schema_of(self.answer)))
        with watched(task.done, task.failed, console, len(pending)):
            made.write.parquet(f"{self.output}/{PARTS}/{uuid.uuid4().hex}")
        self.session.conf.unset("spark.sql.execution.arrow.maxRecordsPerBatch")

    def _done(self) -> set[tuple[str, str]]:
        found = self._parts().where(~sf.col(UNREADABLE)).select("name", "stamp").toArrow()
        return set(zip(found["name"].to_pylist(), found["stamp"].to_pylist(), strict=True))

    def _parts(self) -> DataFrame:
        schema = schema_of(self.answer)
        folders = self._folders()
        if not folders:
            # of a list Spark would make rows by workers of their own
            return self.session.createDataFrame(schema.empty_table())
        reader = self.session.read.schema(from_arrow_schema(schema))
        return reader.parquet(*map(literal, folders))

    def _folders(self) -> list[str]:
        root = f"{self.output}/{PARTS}"
        found = (f"{root}/{name}" for name in self.storage.names(root))
        return [one for one in found if any(map(_is_part, self.storage.names(one)))]

    def _clear(self) -> None:
        """Deletes what tasks had begun when a run was stopped."""
        root = f"{self.output}/{PARTS}"
        for name in self.storage.names(root):
            self.storage.delete(f"{root}/{name}/_temporary")


def _is_part(name: str) -> bool:
    return name.startswith("part-")
