"""What operators and the importer change in MLflow."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.fake_mlflow import ARTIFACTS, FakeMlflow, send
from vigie.errors import RefusedPackage, RegistryError
from vigie.registry.client import RegisteredVersion
from vigie.registry.operate import OperatorClient

VERSION = RegisteredVersion("churn", "1", "run")
DATA = bytes(range(256)) * 8192


@pytest.fixture
def client(mlflow: FakeMlflow, tmp_path: Path) -> OperatorClient:
    mlflow.register("churn", "1", tmp_path / "registered", None)
    return OperatorClient(mlflow.url, 60)


def test_files_are_added_beside_those_of_a_version(client: OperatorClient, tmp_path: Path) -> None:
    (tmp_path / "vigie").mkdir()
    (tmp_path / "vigie/model.onnx").write_bytes(DATA)
    client.add_files(VERSION, tmp_path, ["vigie/model.onnx"])
    assert (tmp_path / "registered/vigie/model.onnx").read_bytes() == DATA


@pytest.mark.parametrize("status", [302, 403, 500])
def test_a_file_that_is_not_taken_is_told(
    client: OperatorClient, mlflow: FakeMlflow, tmp_path: Path, status: int
) -> None:
    (tmp_path / "a").write_bytes(b"a")
    path = f"{ARTIFACTS}/1/models/churn/1/a"
    mlflow.answers[path] = lambda handler: send(handler, b"", status=status)
    with pytest.raises(RegistryError, match=f"MLflow answered {status}"):
        client.add_files(VERSION, tmp_path, ["a"])


def test_a_version_whose_files_lie_elsewhere_is_refused(
    client: OperatorClient, mlflow: FakeMlflow, tmp_path: Path
) -> None:
    route = "/api/2.0/mlflow/model-versions/get-download-uri"
    elsewhere = b'{"artifact_uri": "s3://bucket/model"}'
    mlflow.answers[route] = lambda handler: send(handler, elsewhere, "application/json")
    with pytest.raises(RefusedPackage, match="does not serve this version's artifacts"):
        client.add_files(VERSION, tmp_path, ["a"])
