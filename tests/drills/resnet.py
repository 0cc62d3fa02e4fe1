"""ResNet152V2 from each container that Keras writes: imported, served, batch-scored, as by hand.

Each takes some minutes and 8 GB of memory.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

from support.command import vigie
from support.memory import tell
from support.photo_corpus import photo_corpus, write_files
from support.photo_networks import CLASSES, photo_network, save_network
from support.photo_ways import photo_ways, scores_in, scores_in_table
from support.pixel_package import CLOSE
from support.real_mlflow import RealMlflow, real_mlflow
from support.service import LiveService
from support.waiting import wait_until

pytestmark = pytest.mark.filterwarnings("ignore")
SIDE = 224
IMPORT_SECONDS = 3600
ASKED = "turned-6.jpg"
"""The photo that is sent in every way; those of the other kinds are sent in one."""


@pytest.fixture
def mlflow(tmp_path: Path) -> Iterator[RealMlflow]:
    folder = tmp_path / "mlflow"
    folder.mkdir()
    with real_mlflow(folder) as server:
        yield server


def differences(found: Mapping[str, list[float]], expected: Mapping[str, list[float]]) -> float:
    """The largest difference of scores that have the same name; all that is found is expected."""
    return max(float(np.abs(np.subtract(found[name], expected[name])).max()) for name in found)


@pytest.mark.parametrize("container", ["net.keras", "net.h5", "net"])
def test_it_answers_as_keras_does(tmp_path: Path, mlflow: RealMlflow, container: str) -> None:
    files = photo_corpus()
    model, expected = photo_network("ResNet152V2", SIDE, files)
    source = save_network(model, tmp_path / container)
    del model
    environment = {
        **os.environ, "VIGIE_MLFLOW_URL": mlflow.url, "VIGIE_CACHE": str(tmp_path / "cache"),
        "VIGIE_STATE": str(tmp_path / "state"), "VIGIE_MODELS": "net",
        "VIGIE_AUDIT_LOG": str(tmp_path / "audit.log"),
    }  # fmt: skip
    stated = ("--name", "net", "--scaling", "symmetric", "--labels", ",".join(CLASSES))
    made = vigie(environment, "import", source, *stated, seconds=IMPORT_SECONDS)
    assert made.returncode == 0, made.stderr
    assert "net version 1 is registered, served by onnx" in made.stdout
    followed = vigie(environment, "follow", "--once", seconds=IMPORT_SECONDS)
    assert followed.returncode == 0, followed.stderr

    write_files(tmp_path / "photos", files)
    words = ("net", tmp_path / "photos", tmp_path / "out.csv", "--scores", "--pattern", "*")
    done = vigie(environment, "batch", *words, seconds=IMPORT_SECONDS)
    assert done.returncode == 0, done.stderr
    table = scores_in_table(tmp_path / "out.csv")
    assert table.keys() == expected.keys()

    service = LiveService(tmp_path, tmp_path / "cache", VIGIE_MODELS="net", VIGIE_WORKERS="1")
    answered: dict[str, dict[str, list[float]]] = {}
    try:
        service.start()
        wait_until(lambda: service.is_ready, IMPORT_SECONDS)
        for name, content in files.items():
            for way, (path, body, headers) in photo_ways("net", content).items():
                if way == "body" or name == ASKED:
                    said = service.ask("POST", path, body, headers)
                    assert said.status == 200, (way, name, said.body)
                    answered.setdefault(way, {})[name] = scores_in(said.json())
    finally:
        service.clean_up()
    assert answered["body"].keys() == expected.keys()
    found = {"batch": table, **answered}
    worst = {way: differences(scores, expected) for way, scores in found.items()}
    tell(f"{container}: " + ", ".join(f"{way} {figure:.1e}" for way, figure in worst.items()))
    assert max(worst.values()) <= CLOSE
