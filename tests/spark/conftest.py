"""One Spark for all tests here: its Java takes seconds to start."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from rich.console import Console

from support.quarters_package import write_quarters
from vigie.registry.reference import BatchModel, open_model
from vigie.settings import load_settings
from vigie.spark.session import SessionOptions, open_session
from vigie.spark.storage import Storage

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """PySpark leaves it to the garbage collection to close what it was sent its rows by."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"))


@pytest.fixture(autouse=True, scope="module")
def _collected() -> Iterator[None]:
    """So that this garbage is not found by the tests of others."""
    yield
    with warnings.catch_warnings(action="ignore", category=ResourceWarning):
        gc.collect()


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    folder, base = tmp_path_factory.mktemp("spark"), tmp_path_factory.getbasetemp()
    conf = {
        "spark.sql.shuffle.partitions": "2",
        "spark.local.dir": str(folder),
        # another scheme than file:, over the same disk
        f"spark.hadoop.fs.viewfs.mounttable.store.link.{base}": f"file://{base}",
    }
    with open_session(SessionOptions("local[2]", conf, folder / "log")) as session:
        yield session


@pytest.fixture
def storage(spark: SparkSession) -> Storage:
    return Storage(spark)


@pytest.fixture(scope="session")
def quarters(tmp_path_factory: pytest.TempPathFactory) -> BatchModel:
    """A model that answers a vector."""
    root = tmp_path_factory.mktemp("model") / "quarters"
    write_quarters(root)
    return open_model(str(root), load_settings())


@pytest.fixture
def console() -> Console:
    return Console(file=StringIO(), width=200)
