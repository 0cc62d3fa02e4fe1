from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vigie.errors import ConfigurationError
from vigie.spark import container
from vigie.spark.container import program

IMAGE = {"SPARK_HOME": "/spark"}
POD = {
    **IMAGE,
    "SPARK_DRIVER_URL": "spark://driver@10.1.2.3:7078",
    "SPARK_EXECUTOR_ID": "4",
    "SPARK_EXECUTOR_CORES": "2",
    "SPARK_EXECUTOR_MEMORY": "1024m",
    "SPARK_APPLICATION_ID": "spark-1",
    "SPARK_EXECUTOR_POD_IP": "10.1.2.4",
    "SPARK_EXECUTOR_POD_NAME": "features-exec-4",
    "SPARK_RESOURCE_PROFILE_ID": "0",
    **{f"SPARK_JAVA_OPT_{number}": f"-Dn={number}" for number in (10, 2, 0)},
}
STRANGER = """
import os, sys
from pathlib import Path
from vigie.spark import container
os.getuid = lambda: 4321
container.main(sys.argv[2:], Path(sys.argv[1]))
"""


def test_a_command_of_vigie_s() -> None:
    assert program(["spark", "score"], {}) == [sys.executable, "-m", "vigie", "spark", "score"]


def test_the_standalone_cluster() -> None:
    command = program(["master", "--host", "m"], IMAGE)
    assert command[0] == "/spark/bin/spark-class"
    assert command[-3:] == ["org.apache.spark.deploy.master.Master", "--host", "m"]
    command = program(["worker", "spark://m:7077"], IMAGE)
    assert command[-2:] == ["org.apache.spark.deploy.worker.Worker", "spark://m:7077"]


def test_a_driver_of_kubernetes() -> None:
    address = {**IMAGE, "SPARK_DRIVER_BIND_ADDRESS": "10.1.2.3"}
    assert program(["driver", "--class", "x"], address) == [
        "/spark/bin/spark-submit", "--conf", "spark.driver.bindAddress=10.1.2.3",
        "--deploy-mode", "client", "--class", "x",
    ]  # fmt: skip


def test_an_executor_of_kubernetes_is_java_as_the_pod_says() -> None:
    java, *options = program(["executor"], POD)
    assert java == "java"
    assert options[:6] == [
        "-Dn=0", "-Dn=2", "-Dn=10", "-Xms1024m", "-Xmx1024m", "-cp"
    ]  # fmt: skip
    assert options[6] == "/spark/conf:/spark/jars/*"
    assert options[8:] == [
        "--driver-url", "spark://driver@10.1.2.3:7078", "--executor-id", "4", "--cores", "2",
        "--app-id", "spark-1", "--hostname", "10.1.2.4", "--resourceProfileId", "0",
        "--podName", "features-exec-4",
    ]  # fmt: skip


def test_classes_and_java_of_the_pod_s_own() -> None:
    own = {"SPARK_CONF_DIR": "/c", "SPARK_EXTRA_CLASSPATH": "/x.jar", "JAVA_HOME": "/j"}
    java, *options = program(["executor"], {**POD, **own})
    assert (java, options[6]) == ("/j/bin/java", "/c:/spark/jars/*:/x.jar")


def test_what_spark_did_not_start_names_what_is_missing() -> None:
    with pytest.raises(ConfigurationError, match="SPARK_DRIVER_URL is not set"):
        program(["executor"], {**IMAGE, "SPARK_EXECUTOR_MEMORY": "1g"})


def test_a_user_without_a_name_gets_one(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", STRANGER, tmp_path, "--version"],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert (done.returncode, "version" in done.stdout) == (0, True), done.stderr
    line = (tmp_path / "passwd").read_text()
    assert line == f"vigie-4321:x:4321:{os.getgid()}::{tmp_path}:/bin/false\n"


def test_a_scratch_folder_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 4321)
    with pytest.raises(SystemExit) as ended:
        container.main(["--version"], tmp_path / "none")
    assert ended.value.code == 2
    assert "mount an empty folder there" in capsys.readouterr().err
