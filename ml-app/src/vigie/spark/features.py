"""Features of all photos of an input: Parquet by label, a table of what is broken, and a PCA."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as sf

from vigie.errors import DataError
from vigie.models.photo_input import photo_input
from vigie.spark.contract import check_table
from vigie.spark.photo_run import PhotoRun
from vigie.spark.photo_source import PhotoSource
from vigie.spark.photo_task import REASON, VectorAnswer
from vigie.spark.shipping import ship
from vigie.spark.state import OutputState
from vigie.spark.storage import Storage, local_path

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from rich.console import Console

    from vigie.models.document import PackageDocument
    from vigie.registry.reference import BatchModel

FEATURES, QUARANTINE, PCA = "features", "quarantine", "pca"
_ROWS_A_FILE = 10_000


@dataclass(frozen=True, slots=True)
class FeaturesOrder:
    """What a run is asked for: which photos, where to, which output of the model."""

    source: str
    output: str
    vector: str | None = None
    patterns: Sequence[str] = ()
    restart: bool = False


@dataclass(frozen=True, slots=True)
class FeaturesSummary:
    """How a run ended: read = written + quarantined, and how many of them this run computed."""

    read: int
    written: int
    quarantined: int
    computed: int
    seconds: float


def compute_features(
    session: SparkSession, model: BatchModel, order: FeaturesOrder, scratch: Path, console: Console
) -> FeaturesSummary:
    """Writes the features of every photo, computing what no earlier run of this order has.

    Raises `DataError` where the input or the output cannot be used, or the counts do not agree.
    """
    began = time.monotonic()
    document = model.predictor.package.document
    photo_input(document)
    vector = vector_of(document, order.vector)
    storage = Storage(session)
    facts = {
        "model": [document.name, model.predictor.package.digest, model.predictor.engine.name],
        "vector": vector,
        "input": order.source,
        "choice of photos": list(order.patterns),
    }
    _check_apart(order)
    source = PhotoSource(session, storage, order.source, order.patterns)
    state = OutputState(storage, order.output)
    state.claim(facts, (FEATURES, QUARANTINE, PCA), order.restart)
    shipped = ship(session, model.predictor, scratch)
    run = PhotoRun(session, storage, source, shipped, VectorAnswer(vector), order.output)
    computed = run.compute(console)
    counts = _write(session, run.rows(), len(source.photos), order.output)
    state.finish(facts, {"counts": counts | {"computed": computed}})
    return FeaturesSummary(**counts, computed=computed, seconds=time.monotonic() - began)


def vector_of(document: PackageDocument, asked: str | None) -> str:
    """The output that is written: the one asked for, `features`, or the only vector there is."""
    vectors = [one.name for one in document.outputs if len(one.shape) == 1]
    if document.task == "classification":
        # the first output are the scores
        vectors = vectors[1:]
    if asked is not None:
        known = [one.name for one in document.outputs if one.shape]
        if asked not in known:
            raise DataError(f"{document.name} has no output {asked}; it has {', '.join(known)}")
        return asked
    if "features" in vectors:
        return "features"
    if len(vectors) == 1:
        return vectors[0]
    if vectors:
        raise DataError(f"{document.name} has the vectors {', '.join(vectors)}: give --vector")
    raise DataError(f"{document.name} answers no vector: give a model of features, or --vector")


def _check_apart(order: FeaturesOrder) -> None:
    given, made = local_path(order.source), local_path(order.output)
    if given and made and (made == given or given in made.parents):
        raise DataError("OUTPUT lies in the input: name a folder beside it")


def _write(session: SparkSession, rows: DataFrame, read: int, output: str) -> dict[str, Any]:
    answered = rows.where(sf.col(REASON).isNull())
    features = answered.select("name", "vector", "label")
    labels = max(answered.select("label").distinct().count(), 1)
    spread = -(-read // (labels * _ROWS_A_FILE))
    placed = features.repartition("label", sf.pmod(sf.xxhash64("name"), sf.lit(spread)))
    ordered = placed.sortWithinPartitions("label", "name")
    ordered.write.mode("overwrite").partitionBy("label").parquet(f"{output}/{FEATURES}")
    broken = rows.where(sf.col(REASON).isNotNull()).select("name", REASON)
    broken.coalesce(1).sortWithinPartitions("name").write.mode("overwrite").parquet(
        f"{output}/{QUARANTINE}"
    )
    written = check_table(session, f"{output}/{FEATURES}", features)
    quarantined = check_table(session, f"{output}/{QUARANTINE}", broken)
    if read != written + quarantined:
        raise DataError(
            f"the counts do not agree: {read} photos were read, {written} have features and "
            f"{quarantined} are in quarantine; the same command writes both tables anew"
        )
    return {"read": read, "written": written, "quarantined": quarantined}
