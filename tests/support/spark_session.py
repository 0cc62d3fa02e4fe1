"""A plugin: one Spark for all tests of a process, as its Java takes seconds to start."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from support.quarters_package import write_quarters

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from support.spark_features import Run
    from vigie.registry.reference import BatchModel
    from vigie.spark.features import FeaturesOrder, FeaturesSummary
    from vigie.spark.storage import Storage


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """PySpark leaves it to the garbage collection to close what it was sent its rows by."""
    for item in items:
        if "spark" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"))


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """A session on two cores of this machine."""
    # most processes of the tests need none of it
    from vigie.spark.session import SessionOptions, open_session

    folder, base = tmp_path_factory.mktemp("spark"), tmp_path_factory.getbasetemp()
    conf = {
        "spark.sql.shuffle.partitions": "2",
        "spark.local.dir": str(folder),
        # another scheme than file:, over the same disk
        f"spark.hadoop.fs.viewfs.mounttable.store.link.{base}": f"file://{base}",
    }
    with open_session(SessionOptions("local[2]", conf, folder / "log")) as session:
        yield session


@pytest.fixture(scope="module")
def collected() -> Iterator[None]:
    """So that this garbage is not found by the tests of others."""
    yield
    with warnings.catch_warnings(action="ignore", category=ResourceWarning):
        gc.collect()


@pytest.fixture
def storage(spark: SparkSession) -> Storage:
    """What Spark reaches."""
    from vigie.spark.storage import Storage

    return Storage(spark)


@pytest.fixture(scope="session")
def quarters(tmp_path_factory: pytest.TempPathFactory) -> BatchModel:
    """A model that answers a vector."""
    from vigie.registry.reference import open_model
    from vigie.settings import load_settings

    root = tmp_path_factory.mktemp("model") / "quarters"
    write_quarters(root)
    return open_model(str(root), load_settings())


@pytest.fixture
def features_order(tmp_path: Path) -> FeaturesOrder:
    """Features of the photos in a folder of the test, into another one."""
    from vigie.spark.features import FeaturesOrder

    return FeaturesOrder(f"file:{tmp_path}/photos", f"file:{tmp_path}/out")


@pytest.fixture
def run_features(
    spark: SparkSession, quarters: BatchModel, tmp_path: Path, console: Console
) -> Run:
    """Carries out an order."""
    from vigie.spark.features import compute_features

    def run(order: FeaturesOrder) -> FeaturesSummary:
        scratch = tmp_path / "scratch"
        scratch.mkdir(exist_ok=True)
        return compute_features(spark, quarters, order, scratch, console)

    return run


@pytest.fixture
def console() -> Console:
    """Where the progress of a run goes."""
    return Console(file=StringIO(), width=200)
