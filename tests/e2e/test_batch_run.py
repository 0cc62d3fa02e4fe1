"""A batch of photos tells MLflow what it did."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import requests
from click.testing import CliRunner

from support.colours_package import write_colours
from support.photos import write_photos
from support.real_mlflow import RealMlflow
from vigie.cli.main import main


def ask(mlflow: RealMlflow, method: str, route: str, **content: object) -> dict[str, Any]:
    params = {name: str(value) for name, value in content.items()} if method == "GET" else None
    answer = requests.request(
        method, f"{mlflow.url}/api/2.0/mlflow/{route}", params=params,
        json=None if params else content, timeout=60,
    )  # fmt: skip
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


def test_the_run_and_its_table_are_logged(mlflow: RealMlflow, tmp_path: Path) -> None:
    digest = write_colours(tmp_path / "package")
    write_photos(tmp_path / "photos", each=2)
    (tmp_path / "photos" / "x.jpg").touch()
    words = ["batch", tmp_path / "package", tmp_path / "photos", tmp_path / "out.csv", "--mlflow"]
    for _ in range(2):
        done = CliRunner().invoke(
            main, [str(word) for word in words], env={"VIGIE_MLFLOW_URL": mlflow.url}
        )
        assert (done.exit_code, done.stderr.count("vigie:")) == (1, 0), done.stderr
    experiment = ask(mlflow, "GET", "experiments/get-by-name", experiment_name="colours-batch")
    where = [experiment["experiment"]["experiment_id"]]
    logged = ask(mlflow, "POST", "runs/search", experiment_ids=where)["runs"]
    assert len(logged) == 2
    info, data = logged[0]["info"], logged[0]["data"]
    assert info["status"] == "FINISHED"
    metrics = {one["key"]: one["value"] for one in data["metrics"]}
    assert (metrics["photos"], metrics["failed"]) == (7, 1)
    params = {one["key"]: one["value"] for one in data["params"]}
    assert params == {
        "model": "colours", "version": digest[:12], "digest": digest, "output": "out.csv",
    }  # fmt: skip
    path = f"{info['artifact_uri'].removeprefix('mlflow-artifacts:/')}/out.csv"
    table = requests.get(f"{mlflow.url}/api/2.0/mlflow-artifacts/artifacts/{path}", timeout=60)
    assert table.content == (tmp_path / "out.csv").read_bytes()
