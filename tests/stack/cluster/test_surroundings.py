"""What stands around the service: its metrics and alerts, its log of predictions, the importer."""

from __future__ import annotations

import time

import pytest
import requests

from support.compose import HOUSE
from support.kubernetes_stack import NODE_PORT, asked, query, ready_pods, run_as_trainer
from support.memory import tell
from support.waiting import wait_until

URL = f"http://127.0.0.1:{NODE_PORT}"
IMPORT_SECONDS = 300
LOG_WITHOUT_VIGIE = """\
import keras, mlflow, numpy as np
from mlflow.models import infer_signature
X = {"age": np.array([40, 25, 61]), "income": np.array([3e4, 5.2e4, 1.8e4])}
scale = keras.layers.Normalization(mean=[40, 35000], variance=[100, 1e8])
dense = keras.layers.Dense(1, kernel_initializer=keras.initializers.Constant(0.5))
model = keras.Sequential([keras.Input((2,)), scale, dense])
mlflow.set_tracking_uri("http://mlflow:5001")
with mlflow.start_run():
    mlflow.keras.log_model(
        model, name="model", registered_model_name="churn",
        signature=infer_signature(X, np.array([1.0])), pip_requirements=["keras"],
    )
mlflow.MlflowClient().set_registered_model_alias("churn", "champion", "1")
"""


def test_every_replica_and_every_other_part_is_scraped(cluster: float) -> None:
    def up(job: str) -> int:
        return len(query(f'up{{job="{job}"}} == 1'))

    wait_until(
        lambda: [up(job) for job in ("mlflow", "prometheus", "alertmanager")] == [1] * 3, 120
    )
    wait_until(lambda: up("vigie") == len(ready_pods()), 120)


def test_alerts_reach_alertmanager_and_none_is_about_what_a_cluster_has_not(
    cluster: float,
) -> None:
    firing = 'ALERTS{alertstate="firing",alertname="Watchdog"}'
    wait_until(lambda: query(firing), 120)
    wait_until(lambda: query('alertmanager_alerts{state="active"} > 0'), 120)
    # what is absent would be pending from the first evaluation on
    assert query('ALERTS{alertname="TargetAbsent"}') == []


def test_a_prediction_is_counted_logged_and_can_be_told_the_truth(cluster: float) -> None:
    def logged() -> str:
        answer = requests.post(f"{URL}/predict/housing", json={"instances": [HOUSE]}, timeout=30)
        assert answer.ok, answer.text
        if answer.headers.get("X-Prediction-Logged") != "true":
            return ""
        return answer.headers["X-Request-Id"]

    # a replica's first rows wait for the tables
    wait_until(logged, 120)
    told = requests.post(
        f"{URL}/feedback", json={"request_id": logged(), "actual": 250_000}, timeout=30
    )
    assert told.ok, told.text
    wait_until(lambda: query('sum(vigie_predictions_total{model="housing"}) > 0'), 120)
    # the truth may reach another replica than the prediction did
    wait_until(lambda: query("sum(vigie_feedback_total) > 0"), 180)


def test_what_is_logged_without_vigie_is_imported_and_serves(cluster: float) -> None:
    run_as_trainer(command=["python", "-c", LOG_WITHOUT_VIGIE], args=[])
    began = time.monotonic()
    (name, *_) = ready_pods()
    row = {"instances": [{"age": 40, "income": 3e4}]}
    wait_until(lambda: asked(name, "/predict/churn", row)[0] == 200, IMPORT_SECONDS)
    tell(f"from the alias to the first answer: {time.monotonic() - began:.0f} s")
    _, answer = asked(name, "/predict/churn", row)
    # -0.5 standard deviations of the income, times a half
    (value,) = (value for value in answer["predictions"][0].values() if value != [])
    assert value == pytest.approx(-0.25, abs=1e-5)
