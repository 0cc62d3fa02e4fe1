"""PCA by Spark ML: fitted once, cut to what is asked for, saved with what applies it elsewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from pyspark.ml.common import _py2java
from pyspark.ml.feature import PCA, PCAModel
from pyspark.ml.functions import array_to_vector, vector_to_array
from pyspark.ml.linalg import DenseMatrix, Vectors
from pyspark.ml.stat import Summarizer
from pyspark.sql import functions as sf

from vigie.errors import DataError
from vigie.spark.uri import literal

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from vigie.spark.storage import Storage

DOCUMENT, PLOT = "pca.json", "scree.png"
_FORMAT = 1
_FROM, _TO = "features", "projected"


@dataclass(frozen=True, slots=True)
class PCAOrder:
    """Which PCA is asked for: so many components, such a share of the variance, or a saved one."""

    components: int | None = None
    variance: float | None = None
    saved: str | None = None

    @property
    def is_asked(self) -> bool:
        """True where one of them is."""
        return (self.components, self.variance, self.saved) != (None, None, None)


@dataclass(frozen=True, slots=True)
class FittedPCA:
    """A PCA: Spark's model, which projects without taking the mean off, and what belongs to it.

    `spectrum` has the share of the variance of every component, those that were cut off too;
    `of` names the package and the output that it was fitted on.
    """

    model: PCAModel
    mean: list[float]
    spectrum: list[float]
    rows: int
    of: Mapping[str, Any]

    @property
    def components(self) -> int:
        """How many components a vector is projected on."""
        return int(self.model.pc.numCols)

    @property
    def explained(self) -> float:
        """The share of the variance that these components have together."""
        return sum(self.spectrum[: self.components])

    def apply(self, rows: DataFrame) -> DataFrame:
        """The rows with `reduced`, an array of 32-bit floats, made of their `vector`."""
        given = rows.withColumn(_FROM, array_to_vector(sf.col("vector").cast("array<double>")))
        projected = self.model.transform(given)
        reduced = vector_to_array(sf.col(_TO), dtype="float32")
        return projected.withColumn("reduced", reduced).drop(_FROM, _TO)

    def save(self, storage: Storage, uri: str) -> None:
        """Writes Spark's model, `pca.json` and a scree plot."""
        from vigie.spark.scree import scree_plot

        self.model.write().overwrite().save(uri)
        document = {
            "format": _FORMAT,
            "of": dict(self.of),
            "rows": self.rows,
            "components": self.components,
            "centred": False,
            "explained_variance": self.spectrum[: self.components],
            "spectrum": self.spectrum,
            "mean": self.mean,
        }
        storage.write(f"{uri}/{DOCUMENT}", json.dumps(document).encode() + b"\n")
        storage.write(f"{uri}/{PLOT}", scree_plot(self.spectrum, self.components))


def fit_pca(
    session: SparkSession, rows: DataFrame, order: PCAOrder, of: Mapping[str, Any]
) -> FittedPCA:
    """A PCA of the column `vector`; one fit, whatever `order` says.

    Raises `DataError` where there are not enough rows for the components.
    """
    given = rows.select(array_to_vector(sf.col("vector").cast("array<double>")).alias(_FROM))
    told = given.select(
        Summarizer.mean(sf.col(_FROM)).alias("mean"), sf.count(sf.lit(1)).alias("rows")
    ).collect()[0]
    count, mean = int(told["rows"]), told["mean"]
    if count < 2:
        raise DataError(f"a PCA needs two photos at least; {count} have features")
    size = len(mean)
    most = min(size, count - 1)
    if order.components is not None and order.components > most:
        raise DataError(
            f"--components {order.components} is too many: {count} photos of {size} features have "
            f"{most}"
        )
    whole: PCAModel = PCA(k=size, inputCol=_FROM, outputCol=_TO).fit(given)
    spectrum = whole.explainedVariance.toArray()
    if not np.isfinite(spectrum).all():
        raise DataError("all photos have the same features: there is nothing to reduce")
    components = order.components or components_for(spectrum, order.variance or 1.0, most)
    model = _cut(session, whole, components)
    return FittedPCA(model, mean.toArray().tolist(), spectrum.tolist(), count, of)


def components_for(spectrum: np.ndarray, variance: float, most: int) -> int:
    """How many components have such a share of the variance together, `most` at most."""
    # a sum of shares misses a whole one by its last digits
    found = int(np.searchsorted(np.cumsum(spectrum), variance - 1e-12)) + 1
    return min(found, most)


def load_pca(storage: Storage, uri: str, of: Mapping[str, Any]) -> FittedPCA:
    """The PCA that an earlier run saved: its folder `pca`, or the output that has it.

    Raises `DataError` where there is none, or it is one of another package's features.
    """
    root = next((u for u in (uri, f"{uri}/pca") if storage.exists(f"{u}/{DOCUMENT}")), None)
    if root is None:
        raise DataError("--pca names no saved PCA: give the folder pca of an output")
    try:
        told = json.loads(storage.read(f"{root}/{DOCUMENT}") or b"")
        mean, spectrum, rows = told["mean"], told["spectrum"], told["rows"]
        saved_of = told["of"]
    except (ValueError, KeyError, TypeError):
        raise DataError(f"{DOCUMENT} of --pca is broken: fit it anew") from None
    if other := [name for name in of if saved_of.get(name) != of[name]]:
        raise DataError(f"--pca was fitted on another {', another '.join(other)}: fit one anew")
    model = PCAModel.load(literal(root))
    model.setInputCol(_FROM).setOutputCol(_TO)
    return FittedPCA(model, mean, spectrum, rows, saved_of)


def _cut(session: SparkSession, whole: PCAModel, components: int) -> PCAModel:
    """The model of the first components: Spark has no other way to one than another fit."""
    pc = whole.pc
    values = pc.toArray()[:, :components]
    matrix = DenseMatrix(pc.numRows, components, values.ravel(order="F").tolist())
    variance = Vectors.dense(whole.explainedVariance.toArray()[:components])
    context = session.sparkContext
    jvm: Any = session._jvm
    made = jvm.org.apache.spark.ml.feature.PCAModel(
        whole.uid, _py2java(context, matrix), _py2java(context, variance)
    )
    made.set(made.k(), components)
    made.setInputCol(_FROM).setOutputCol(_TO)
    model = PCAModel(made)
    model._resetUid(whole.uid)
    return model
