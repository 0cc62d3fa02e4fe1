"""Answers to a table, or to photos, of any size: Parquet with a row for each row."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pyspark.sql import functions as sf
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import StructType

from vigie.errors import ConfigurationError, DataError
from vigie.models.photo_input import photo_input
from vigie.spark.contract import check_table
from vigie.spark.photo_run import PhotoRun
from vigie.spark.photo_source import PhotoSource
from vigie.spark.photo_task import REASON
from vigie.spark.score_answer import ScoreAnswer
from vigie.spark.shipping import ship
from vigie.spark.stages import counted, stage
from vigie.spark.state import ANSWERS, FOLDERS, OutputState, facts_of
from vigie.spark.storage import Storage
from vigie.spark.table_source import check_columns, find_table
from vigie.spark.table_task import BROKEN, ERROR, WARNINGS, TableTask, rows_a_batch
from vigie.spark.task_progress import watched
from vigie.spark.uri import literal, require_apart

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from rich.console import Console

    from vigie.registry.reference import BatchModel
    from vigie.spark.shipping import ShippedPackage

_ROWS_A_FILE = 100_000


@dataclass(frozen=True, slots=True)
class ScoreOrder:
    """What a run is asked for: which rows or photos, and where to."""

    source: str
    output: str
    patterns: Sequence[str] = ()
    restart: bool = False


@dataclass(frozen=True, slots=True)
class ScoreSummary:
    """How a run ended: rows that were read, and those of them that have an error."""

    read: int
    answered: int
    failed: int
    seconds: float


def score(
    session: SparkSession, model: BatchModel, order: ScoreOrder, scratch: Path, console: Console
) -> ScoreSummary:
    """Writes the answer to every row of a table, or to every photo, as the model takes them.

    Photos that an earlier run of this order has answered are not answered again. Raises `DataError`
    where the input or the output cannot be used, or the counts do not agree.
    """
    began = time.monotonic()
    storage = Storage(session)
    require_apart(storage.qualified(order.source), storage.qualified(order.output), FOLDERS)
    facts = facts_of("score", model.predictor, order.source, order.patterns)
    state = OutputState(storage, order.output)
    shipped = ship(session, model.predictor, scratch)
    claim = partial(state.claim, facts, order.restart)
    run = _Run(session, storage, model, order, shipped, console, claim)
    read, made = run.photos() if model.takes_photos else run.rows()
    with stage(console, "checks"):
        written = check_table(session, f"{order.output}/{ANSWERS}", made)
        if read != written:
            raise DataError(
                f"the counts do not agree: {read} rows were read and {written} written; "
                "the same command writes them anew"
            )
        table = session.read.parquet(literal(f"{order.output}/{ANSWERS}"))
        failed = table.where(sf.col(ERROR).isNotNull()).count()
    summary = ScoreSummary(written, written - failed, failed, time.monotonic() - began)
    state.finish(facts, {"counts": asdict(summary)})
    return summary


@dataclass(frozen=True, slots=True)
class _Run:
    """A run: either way gives how many rows were read, and what was written of them.

    It claims the output once it has seen that the input can be used.
    """

    session: SparkSession
    storage: Storage
    model: BatchModel
    order: ScoreOrder
    shipped: ShippedPackage
    console: Console
    claim: Callable[[], None]

    def photos(self) -> tuple[int, DataFrame]:
        document = self.model.predictor.package.document
        photo_input(document)
        with stage(self.console, "input") as told:
            source = PhotoSource(self.session, self.storage, self.order.source, self.order.patterns)
            told(f"{len(source.photos):,} photos")
        self.claim()
        answer = ScoreAnswer.of_photos(document)
        run = PhotoRun(self.session, self.storage, source, self.shipped, answer, self.order.output)
        with stage(self.console, "answers") as told:
            began = time.monotonic()
            told(counted(run.compute(self.console), "photos", time.monotonic() - began))
        # nothing goes in beside a photo that could be outside of what training saw
        none = sf.when(sf.col(REASON).isNull(), sf.array().cast("array<string>"))
        rows = run.rows().withColumns({WARNINGS: none, ERROR: sf.col(REASON)})
        made = rows.select("name", *answer.schema().names, WARNINGS, ERROR)
        with stage(self.console, "table"):
            files = -(-len(source.photos) // _ROWS_A_FILE)
            made = made.repartitionByRange(files, "name").sortWithinPartitions("name")
            self._write(made)
        return len(source.photos), made

    def rows(self) -> tuple[int, DataFrame]:
        document = self.model.predictor.package.document
        if self.order.patterns:
            raise ConfigurationError(f"--pattern is for photos; {document.name} takes rows")
        with stage(self.console, "input") as told:
            source = find_table(self.session, self.storage, self.order.source)
            table = source.read(self.session)
            told(source.told())
        counter = self.session.sparkContext.accumulator
        task = TableTask(self.shipped, ScoreAnswer.of_rows(document), counter(0), counter(0))
        fresh = from_arrow_schema(task.fresh())
        check_columns(document, table, fresh.names)
        self.claim()
        self.session.conf.set(
            "spark.sql.execution.arrow.maxRecordsPerBatch", rows_a_batch(document)
        )
        carried = [field for field in table.schema if field.name != BROKEN]
        made = table.mapInArrow(task, StructType([*carried, *fresh]))
        with stage(self.console, "answers") as told:
            began = time.monotonic()
            with watched(task.done, task.failed, self.console, None, "rows"):
                self._write(made)
            told(counted(task.done.value, "rows", time.monotonic() - began))
        return table.count(), made

    def _write(self, made: DataFrame) -> None:
        made.write.mode("overwrite").parquet(f"{self.order.output}/{ANSWERS}")
