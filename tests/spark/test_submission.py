from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from vigie.errors import ConfigurationError
from vigie.spark.failures import spark_failure
from vigie.spark.session import SessionOptions
from vigie.spark.submission import is_submitted, require_in_time


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (SessionOptions(log=Path("spark.log")), "spark-submit … 2> FILE"),
        (SessionOptions(master="yarn"), "spark-submit --master yarn …"),
        (SessionOptions(conf={"spark.driver.memory": "4g"}), "spark.driver.memory comes too late"),
        (SessionOptions(conf={"spark.jars.packages": "a:b:1"}), "spark.jars.packages comes too"),
    ],
)  # fmt: skip
def test_what_spark_submit_has_decided_is_refused(
    spark: SparkSession, options: SessionOptions, sentence: str
) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        require_in_time(options)


def test_what_still_holds_is_taken(spark: SparkSession) -> None:
    conf = {"spark.driver.maxResultSize": "2g", "spark.executor.memory": "4g"}
    require_in_time(SessionOptions(conf=conf))
    require_in_time(SessionOptions(master=spark.sparkContext.master))


def test_under_spark_submit_its_own_log_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_submitted()
    assert "--log FILE" in str(spark_failure("?"))
    monkeypatch.setenv("PYSPARK_GATEWAY_PORT", "1")
    assert "what spark-submit has written" in str(spark_failure("?"))
