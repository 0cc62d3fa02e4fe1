from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from support.spark import uri
from vigie.errors import DataError
from vigie.spark.arrow import list_array
from vigie.spark.pca import PCAOrder, components_for, fit_pca, load_pca
from vigie.spark.storage import Storage

OF = {"model": ["quarters", "abc", "onnx"], "vector": "features"}


@pytest.mark.parametrize(
    ("variance", "most", "components"),
    [(0.5, 4, 1), (0.51, 4, 2), (0.95, 4, 3), (1.0, 4, 4), (1.0, 2, 2)],
)
def test_components_are_counted_from_the_spectrum(
    variance: float, most: int, components: int
) -> None:
    assert components_for(np.array([0.5, 0.3, 0.15, 0.05]), variance, most) == components


def test_too_few_rows_are_told(spark: SparkSession) -> None:
    one = spark.createDataFrame(pa.table({"vector": list_array(np.ones((1, 3)))}))
    with pytest.raises(DataError, match="needs two photos at least; 1 have features"):
        fit_pca(spark, one, PCAOrder(components=1), OF)


def test_a_saved_one_of_other_features_is_refused(
    spark: SparkSession, storage: Storage, tmp_path: Path
) -> None:
    values = np.random.default_rng(5).normal(size=(20, 4))
    rows = spark.createDataFrame(pa.table({"vector": list_array(values)}))
    made = fit_pca(spark, rows, PCAOrder(components=2), OF)
    made.save(storage, uri(tmp_path / "pca"))
    again = load_pca(storage, uri(tmp_path / "pca"), OF)
    assert (again.components, again.spectrum) == (2, made.spectrum)
    assert again.explained == pytest.approx(sum(made.spectrum[:2]))
    other = OF | {"model": ["quarters", "def", "onnx"]}
    with pytest.raises(DataError, match="--pca was fitted on another model: fit one anew"):
        load_pca(storage, uri(tmp_path / "pca"), other)
    with pytest.raises(DataError, match="--pca names no saved PCA"):
        load_pca(storage, uri(tmp_path / "absent"), OF)
    (tmp_path / "pca" / "pca.json").write_text("{}")
    (tmp_path / "pca" / ".pca.json.crc").unlink(missing_ok=True)
    with pytest.raises(DataError, match=r"pca\.json of --pca is broken"):
        load_pca(storage, uri(tmp_path / "pca"), OF)
