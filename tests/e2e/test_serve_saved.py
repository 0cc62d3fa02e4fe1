"""`vigie serve-saved` in processes of its own, asked as TensorFlow Serving is asked."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
import requests
import tensorflow as tf

from support.saved_models import (
    MEASURES,
    SPECIES,
    write_bigquery_model,
    write_iris_model,
    write_regressor,
)
from support.service import LiveService
from support.transport import Answer
from support.waiting import wait_until

LONGEST = 300.0
FLOWER = {"sepal_length": 5.0, "sepal_width": 2.0, "petal_length": 3.5, "petal_width": 1.0}
PREDICT = "/v1/models/iris_model:predict"


class Serving:
    """The command on a folder of models, and another process after a restart."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.base = folder / "serving_dir"
        self.base.mkdir()
        self.service = self._service()

    def _service(self) -> LiveService:
        # a name that is required, and whatever else appears; one worker, so that a swap is one
        settings = {"VIGIE_MODELS": "iris_model,*", "VIGIE_WORKERS": "1"}
        return LiveService(self._folder, self._folder / "cache", **settings)

    def start(self) -> None:
        self.service.start("-m", "vigie", "serve-saved", str(self.base))

    def restart(self) -> None:
        assert self.service.stop() == 0
        assert self.service.orphans == []
        self.service = self._service()
        self.start()

    @property
    def log(self) -> str:
        return self.service.log.read_text()

    def imports(self) -> list[str]:
        """Each import that was begun, model and version."""
        return re.findall(r"(\S+ version \d+) is imported", self.log)

    def answers(self, path: str, body: dict[str, Any]) -> bool:
        try:
            return self.ask(path, body).status == 200
        except requests.RequestException:
            return False

    def ask(self, path: str, body: dict[str, Any]) -> Answer:
        return self.service.ask("POST", path, orjson.dumps(body))

    def status(self, name: str = "iris_model") -> Any:
        return self.service.get(f"/v1/models/{name}").json()

    def version(self, name: str = "iris_model") -> str:
        (found,) = self.status(name)["model_version_status"]
        return str(found["version"])


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    made = Serving(tmp_path)
    yield made
    made.service.clean_up()


def original(root: Path, flower: dict[str, float]) -> dict[str, Any]:
    """What TensorFlow answers to one row."""
    answer = tf.saved_model.load(str(root)).signatures["serving_default"](
        **{name: tf.constant([flower[name]], tf.float64) for name in MEASURES}
    )
    return {name: value.numpy()[0].tolist() for name, value in answer.items()}


def test_a_folder_is_served_and_new_versions_are_taken(serving: Serving, tmp_path: Path) -> None:
    home = serving.base / "iris_model"
    write_iris_model(home / "1")
    serving.start()
    wait_until(lambda: serving.answers(PREDICT, {"instances": [FLOWER]}), LONGEST)
    (row,) = serving.ask(PREDICT, {"instances": [FLOWER]}).json()["predictions"]
    expected = original(home / "1", FLOWER)
    assert row["predicted_species"] == [expected["predicted_species"][0].decode()]
    assert row["species_values"] == list(SPECIES)
    np.testing.assert_allclose(row["species_probs"], expected["species_probs"], 1e-4, 1e-6)
    columns = {name: [value] for name, value in FLOWER.items()}
    assert serving.ask(PREDICT, {"inputs": columns}).json()["outputs"]["species_values"]

    # copied bit by bit, as a network does
    write_iris_model(tmp_path / "second", 0.5)
    shutil.copytree(tmp_path / "second" / "variables", home / "2" / "variables")
    shutil.copyfile(tmp_path / "second" / "saved_model.pb", home / "2" / "saved_model.pb")
    wait_until(lambda: serving.version() == "2", LONGEST)
    (row,) = serving.ask(PREDICT, {"instances": [FLOWER]}).json()["predictions"]
    second = original(home / "2", FLOWER)["species_probs"]
    np.testing.assert_allclose(row["species_probs"], second, 1e-4, 1e-6)
    assert not np.allclose(second, expected["species_probs"], 1e-2)

    (home / "3").mkdir()
    (home / "3" / "saved_model.pb").write_bytes(b"\xff no graph")
    wait_until(lambda: serving.status().get("refused", {}).get("version") == "3", LONGEST)
    wait_until(lambda: "version 3 is refused: saved_model.pb is not" in serving.log, LONGEST)
    wait_until(
        lambda: "is not a SavedModel" in serving.status().get("refused", {}).get("reason", ""),
        LONGEST,
    )
    assert serving.version() == "2"
    assert serving.answers(PREDICT, {"instances": [FLOWER]})

    serving.restart()
    wait_until(lambda: serving.answers(PREDICT, {"instances": [FLOWER]}), LONGEST)
    assert serving.version() == "2"
    assert serving.imports()[:3] == [f"iris_model version {number}" for number in "123"]
    assert "iris_model version 2" not in serving.imports()[3:]
    assert "Traceback" not in serving.log


def test_several_models_and_one_that_comes_later(serving: Serving) -> None:
    write_bigquery_model(serving.base / "homes" / "1")
    write_regressor(serving.base / "line")
    serving.start()
    homes, line = "/v1/models/homes:predict", "/v1/models/line:predict"
    wait_until(lambda: serving.answers(homes, {"instances": [{"size": 50, "kind": "flat"}]}), 300)
    wait_until(lambda: serving.answers(line, {"instances": [1.0]}), LONGEST)
    assert serving.ask(line, {"instances": [1.0, 2.0]}).json() == {"predictions": [[3.0], [5.0]]}
    assert serving.version("line") == "1"
    # the one that is required has not come yet
    assert not serving.service.is_ready
    write_iris_model(serving.base / "iris_model" / "7")
    wait_until(lambda: serving.service.is_ready, LONGEST)
    assert serving.version() == "7"


def test_no_process_that_serves_holds_tensorflow_and_one_that_is_killed_comes_back(
    serving: Serving,
) -> None:
    write_iris_model(serving.base / "iris_model" / "1")
    serving.start()
    wait_until(lambda: serving.answers(PREDICT, {"instances": [FLOWER]}), LONGEST)
    service = serving.service
    processes = [service.master, *service.master.children(recursive=True)]
    assert len(processes) >= 4
    for process in processes:
        assert "tensorflow" not in Path(f"/proc/{process.pid}/maps").read_text()
    serves = {service.publisher, *service.workers}
    for process in service.master.children():
        if process not in serves:
            # the log writer, and the one that looks at the folder
            process.kill()
    write_iris_model(serving.base / "iris_model" / "2", 0.5)
    wait_until(lambda: serving.version() == "2", LONGEST)
