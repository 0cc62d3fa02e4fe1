from __future__ import annotations

import io
import logging
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from py4j.java_gateway import GatewayParameters, JavaGateway
from py4j.protocol import Py4JError
from pyspark import serializers
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from vigie.errors import DataError
from vigie.spark.failures import explained
from vigie.spark.lost_java import is_lost


@pytest.fixture
def gone() -> Iterator[JavaGateway]:
    """A gateway whose other end hangs up on the first word, and is not there for the second."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            # with py4j's first look at what is there
            connection, _ = server.accept()
            server.close()
            connection.recv(1)
            connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        parameters = GatewayParameters(port=server.getsockname()[1])
        yield JavaGateway(gateway_parameters=parameters)
        thread.join()


def test_a_java_that_is_gone_is_told_as_that(
    spark: SparkSession, gone: JavaGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        with pytest.raises(DataError, match="Java has ended in the middle of the run"), explained():
            gone.jvm.java.lang.System.currentTimeMillis()
    assert capsys.readouterr().err == ""


def test_java_s_own_words_are_no_sign_of_its_end(spark: SparkSession) -> None:
    jvm = spark._jvm
    assert jvm is not None
    for words in (("x",), (1, 2, 3)):
        with pytest.raises((Py4JError, PySparkException)) as told:
            jvm.java.lang.Integer.parseInt(*words)
        assert not is_lost(told.value)


def test_an_end_of_what_pyspark_reads_is_java_s() -> None:
    read_int: Any = serializers.read_int
    with pytest.raises(EOFError) as told:
        read_int(io.BytesIO())
    assert is_lost(told.value)
    # such as that of whoever reads what a command prints
    assert not is_lost(BrokenPipeError())
    assert not is_lost(EOFError())


def test_lines_of_others_are_kept(spark: SparkSession, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger().error("of this module")
    assert [record.message for record in caplog.records] == ["of this module"]
