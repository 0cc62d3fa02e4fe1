"""One Spark for all tests here: its Java takes seconds to start."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO

import pytest
from pyspark.sql import SparkSession
from rich.console import Console

from support.photos import write_quarters
from vigie.registry.reference import BatchModel, open_model
from vigie.settings import load_settings
from vigie.spark.session import SessionOptions, open_session
from vigie.spark.storage import Storage


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    folder = tmp_path_factory.mktemp("spark")
    conf = {
        "spark.sql.shuffle.partitions": "2",
        "spark.local.dir": str(folder),
        "spark.hadoop.fs.viewfs.mounttable.store.link./": "file:///",
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
