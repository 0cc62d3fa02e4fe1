"""The importer of the Compose stack: logged by plain MLflow, named by an alias, served."""

from __future__ import annotations

import time

import keras
import mlflow
import numpy as np
import pytest
from mlflow.models import infer_signature

from support.compose import stack
from support.memory import tell

LONGEST_SECONDS = 600

pytestmark = pytest.mark.filterwarnings("ignore")


def test_what_is_logged_without_vigie_serves_under_its_own_number() -> None:
    X = {"age": np.array([40, 25, 61]), "income": np.array([3e4, 5.2e4, 1.8e4])}  # noqa: N806
    scale = keras.layers.Normalization(mean=[40, 35000], variance=[100, 1e8])
    model = keras.Sequential([keras.Input((2,)), scale, keras.layers.Dense(1)])
    with stack() as running:
        running.up()
        told = running.compose("exec", "-T", "importer", "grep", "VmRSS", "/proc/1/status").stdout
        tell(f"the importer at rest: {int(told.split()[1]) / 1024:.0f} MB")
        mlflow.set_tracking_uri(f"http://127.0.0.1:{running.environment['MLFLOW_PORT']}")
        with mlflow.start_run():
            mlflow.keras.log_model(
                model, name="model", registered_model_name="churn",
                signature=infer_signature(X, np.array([1.0])), pip_requirements=["keras"],
            )  # fmt: skip
        mlflow.MlflowClient().set_registered_model_alias("churn", "champion", "1")
        began = time.monotonic()
        while (answer := running.predict("churn", {"age": 40, "income": 3e4})).status_code != 200:
            assert time.monotonic() - began < LONGEST_SECONDS, answer.text
            time.sleep(1)
        tell(f"from the alias to the first answer: {time.monotonic() - began:.0f} s")
        said = answer.json()
        expected = float(model(np.array([[40, 3e4]])).numpy().item())
        (found,) = (value for value in said["predictions"][0].values() if value != [])
        assert found == pytest.approx(expected, rel=1e-5, abs=1e-5)
        assert said["version"] == "1"
        assert set(running.health().values()) <= {"healthy", "exited 0", "running 0"}
