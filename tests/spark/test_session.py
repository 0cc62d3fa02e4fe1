from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from vigie.spark.session import _with_tries, parallelism


def test_a_session_of_one_machine_listens_to_nobody(spark: SparkSession) -> None:
    conf = dict(spark.sparkContext.getConf().getAll())
    assert conf["spark.master"] == "local[2,4]"
    assert (conf["spark.driver.bindAddress"], conf["spark.ui.enabled"]) == ("127.0.0.1", "false")
    assert parallelism(spark) == 2


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("spark.hadoop.fs.s3a.access.key", True), ("spark.hadoop.fs.s3a.secret.key", True),
        ("spark.hadoop.fs.s3a.session.token", True),
        ("spark.hadoop.fs.azure.account.key.x.blob.core.windows.net", True),
        ("spark.hadoop.fs.gs.auth.service.account.private.key.id", True),
        ("spark.hadoop.fs.gs.auth.service.account.json.keyfile", True),
        ("spark.hadoop.fs.s3a.endpoint", False),
    ],
)  # fmt: skip
def test_spark_writes_no_secret_into_logs_events_and_pages(
    spark: SparkSession, name: str, secret: bool
) -> None:
    jvm = spark._jvm
    assert jvm is not None
    conf = spark.sparkContext._jsc.sc().conf()
    told = jvm.scala.Tuple2(name, "hunter2")
    shown = jvm.org.apache.spark.util.Utils.redact(
        conf, jvm.scala.jdk.javaapi.CollectionConverters.asScala([told]).toSeq()
    )
    assert ("hunter2" in shown.toString()) is not secret


@pytest.mark.parametrize(
    ("master", "tried"),
    [
        ("local", "local[1,4]"), ("local[3]", "local[3,4]"), ("local[*]", "local[*,4]"),
        ("local[2,1]", "local[2,1]"), ("spark://host:7077", "spark://host:7077"),
    ],
)  # fmt: skip
def test_a_task_of_one_machine_is_tried_again(master: str, tried: str) -> None:
    assert _with_tries(master) == tried
