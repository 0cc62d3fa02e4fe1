"""Features of all photos of an input: Parquet by label, a table of what is broken, and a PCA."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pyspark.sql import functions as sf

from vigie.errors import DataError
from vigie.models.photo_input import photo_input
from vigie.spark.contract import check_table
from vigie.spark.pca import PCAOrder, fit_pca, load_pca
from vigie.spark.photo_run import PhotoRun
from vigie.spark.photo_source import PhotoSource
from vigie.spark.photo_task import REASON
from vigie.spark.shipping import ship
from vigie.spark.stages import counted, stage
from vigie.spark.state import FEATURES, FOLDERS, PCA, QUARANTINE, OutputState, facts_of
from vigie.spark.storage import Storage
from vigie.spark.uri import require_apart
from vigie.spark.vector_answer import VectorAnswer

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from rich.console import Console

    from vigie.models.document import PackageDocument
    from vigie.registry.reference import BatchModel
    from vigie.spark.pca import FittedPCA
    from vigie.spark.photo_source import Listed

_ROWS_A_FILE = 10_000


@dataclass(frozen=True, slots=True)
class FeaturesOrder:
    """What a run is asked for: which photos, where to, which output of the model."""

    source: str
    output: str
    vector: str | None = None
    patterns: Sequence[str] = ()
    pca: PCAOrder = field(default_factory=PCAOrder)
    restart: bool = False


@dataclass(frozen=True, slots=True)
class FeaturesSummary:
    """How a run ended: read = written + quarantined, and how many of them this run computed.

    `components` and the share of the variance that they have are there where a PCA was asked for.
    """

    read: int
    written: int
    quarantined: int
    computed: int
    seconds: float
    components: int | None = None
    variance: float | None = None


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
    given = facts_of("features", model.predictor, order.source, order.patterns)
    facts = given | {"vector": vector}
    of = {name: facts[name] for name in ("model", "vector")}
    storage = Storage(session)
    require_apart(storage.qualified(order.source), storage.qualified(order.output), FOLDERS)
    saved = order.pca.saved
    # what cannot be used is better known before the first photo
    pca = None if saved is None else load_pca(storage, saved, of)
    with stage(console, "input") as told:
        source = PhotoSource(session, storage, order.source, order.patterns)
        told(f"{len(source.photos):,} photos")
    state = OutputState(storage, order.output)
    state.claim(facts, order.restart, kept=(PCA,) if _is_own(order) else ())
    answer = VectorAnswer(vector, every_output=not document.answer_names()[vector].shown)
    shipped = ship(session, model.predictor, scratch)
    run = PhotoRun(session, storage, source, shipped, answer, order.output)
    with stage(console, "features") as told:
        computed, seconds = run.compute(console), time.monotonic() - began
        told(counted(computed, "photos", seconds))
        told(f"{len(source.photos) - computed:,} done before")
    rows = run.rows()
    features = rows.where(sf.col(REASON).isNull()).select("name", "vector", "label")
    if pca is None and order.pca.is_asked:
        with stage(console, "PCA") as told:
            pca = fit_pca(session, features, order.pca, of)
            told(f"{pca.components} components, {pca.explained:.1%} of the variance")
    with stage(console, "tables") as told:
        if pca is not None:
            features = pca.apply(features)
        broken = rows.where(sf.col(REASON).isNotNull()).select("name", REASON)
        counts = _write(session, features, broken, source.photos, order.output)
        _keep(pca, storage, order)
        told(f"{counts['written']:,} with features, {counts['quarantined']:,} in quarantine")
    summary = FeaturesSummary(
        **counts,
        computed=computed,
        seconds=time.monotonic() - began,
        components=None if pca is None else pca.components,
        variance=None if pca is None else pca.explained,
    )
    state.finish(facts, {"counts": asdict(summary)})
    return summary


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


def _keep(pca: FittedPCA | None, storage: Storage, order: FeaturesOrder) -> None:
    """Saves the PCA beside what it made; an earlier one that made nothing of it goes."""
    own = f"{order.output}/{PCA}"
    if pca is None:
        storage.delete(own)
    elif not _is_own(order):
        pca.save(storage, own)


def _is_own(order: FeaturesOrder) -> bool:
    """True where the saved PCA that is asked for is the one in the output."""
    return order.pca.saved in (order.output, f"{order.output}/{PCA}")


def _write(
    session: SparkSession,
    features: DataFrame,
    broken: DataFrame,
    photos: Sequence[Listed],
    output: str,
) -> dict[str, int]:
    """Writes both tables; gives how many rows they have when they are read again."""
    read, labels = len(photos), len({photo.label for photo in photos})
    spread = -(-read // (labels * _ROWS_A_FILE))
    placed = features.repartition("label", sf.pmod(sf.xxhash64("name"), sf.lit(spread)))
    ordered = placed.sortWithinPartitions("label", "name")
    ordered.write.mode("overwrite").partitionBy("label").parquet(f"{output}/{FEATURES}")
    table = broken.repartition(1).sortWithinPartitions("name")
    table.write.mode("overwrite").parquet(f"{output}/{QUARANTINE}")
    written = check_table(session, f"{output}/{FEATURES}", features)
    quarantined = check_table(session, f"{output}/{QUARANTINE}", broken)
    if read != written + quarantined:
        raise DataError(
            f"the counts do not agree: {read} photos were read, {written} have features and "
            f"{quarantined} are in quarantine; the same command writes both tables anew"
        )
    return {"read": read, "written": written, "quarantined": quarantined}
