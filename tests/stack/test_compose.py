"""The Compose stack on a real engine: one up, predict, observe, down."""

from __future__ import annotations

import http.client
import re
import time
from collections.abc import Iterator

import pytest
import requests

from support.compose import HOUSE, ONE_SHOTS, Stack, stack

SETOSA = {
    "sepal_length_cm": 5.1, "sepal_width_cm": 3.5, "petal_length_cm": 1.4, "petal_width_cm": 0.2
}  # fmt: skip
REACHES = {
    # from: what it must reach, what it must not
    "ml-app": ({("postgres", 5432)}, {("192.0.2.1", 443)}),
    "mlflow": ({("postgres", 5432)}, set()),
    "model-sync": ({("mlflow", 5001)}, {("postgres", 5432), ("ml-app", 5000), ("192.0.2.1", 443)}),
    "gateway": ({("ml-app", 5000)}, {("postgres", 5432)}),
    "prometheus": ({("ml-app", 9464)}, {("postgres", 5432)}),
    "alertmanager": (set(), {("postgres", 5432)}),
}
TRAVERSALS = (
    "/get-artifact?path=../../../../etc/passwd&run_uuid=x",
    "/get-artifact?path=%2e%2e%2f%2e%2e%2fetc%2fpasswd&run_uuid=x",
    "/model-versions/get-artifact?path=../../../etc/passwd&name=iris&version=1",
    "/api/2.0/mlflow-artifacts/artifacts/../../../../etc/passwd",
    "/api/2.0/mlflow-artifacts/artifacts/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "/api/2.0/mlflow-artifacts/artifacts/..%252f..%252f..%252fetc/passwd",
    "/api/2.0/mlflow-artifacts/artifacts?path=../../../etc",
    "/ajax-api/2.0/mlflow/get-artifact?path=/etc/passwd&run_uuid=x",
    "/static-files/../../../../etc/passwd",
    "/api/2.0/mlflow/artifacts/list?run_id=x&path=../../../etc",
)


@pytest.fixture(scope="module")
def running() -> Iterator[Stack]:
    with stack() as made:
        made.up()
        yield made


def _get_raw(port: int, path: str, host: str) -> tuple[int, bytes]:
    # a client library would tidy up the path before it sends it
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest("GET", path, skip_host=True)
    connection.putheader("Host", host)
    connection.endheaders()
    answer = connection.getresponse()
    try:
        return answer.status, answer.read()
    finally:
        connection.close()


def test_a_fresh_stack_predicts(running: Stack) -> None:
    iris = running.predict("iris", SETOSA)
    assert iris.status_code == 200, iris.text
    assert iris.json()["predictions"][0]["label"] == "setosa"
    home = running.predict("housing", HOUSE)
    assert home.status_code == 200, home.text
    assert 10_000 < home.json()["predictions"][0]["price_eur"] < 5_000_000


def test_a_second_up_changes_nothing(running: Stack) -> None:
    lasting = [name for name in running.services() if name not in ONE_SHOTS]
    before = {name: running.containers(name) for name in lasting}
    running.up()
    assert {name: running.containers(name) for name in lasting} == before
    for name in ONE_SHOTS:
        (container,) = running.containers(name)
        assert running.inspect(container)["State"]["ExitCode"] == 0


def test_the_one_shots_are_quick_when_there_is_nothing_to_do(running: Stack) -> None:
    log = running.compose("logs", "--no-log-prefix", "trainer").stdout
    assert "nothing to train" in log.splitlines()[-1]


def test_the_load_generator_asks_through_the_gateway_by_two_workers(running: Stack) -> None:
    told = {
        "LOCUST_RUN_TIME": "5", "LOCUST_USERS": "4", "LOCUST_EXPECT_WORKERS": "2",
        "LOAD_SCENARIO": "visits", "LOAD_MOST_P99_MS": "60000", "LOAD_LEAST_RATE": "0",
    }  # fmt: skip
    words = [word for name, value in told.items() for word in ("--env", f"{name}={value}")]
    running.environment["LOAD_WORKERS"] = "2"
    running.compose("build", "load", seconds=1800)
    done = running.compose(
        "--profile", "load", "run", "--rm", "--use-aliases", *words, "load", check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "http://gateway:5000, scenario `visits`" in done.stdout
    assert len(running.compose("ps", "--all", "--quiet", "load-worker").stdout.split()) == 2
    for name in ("`POST /predict/housing`", "`POST /predict/iris`", "`GET /`"):
        assert name in done.stdout


def test_everything_is_scraped(running: Stack) -> None:
    wanted = {"vigie", "mlflow", "haproxy", "node", "prometheus", "alertmanager"}
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        up = {one["metric"]["job"] for one in running.query("up == 1")}
        if up >= wanted:
            break
        time.sleep(1)
    assert up >= wanted
    assert not running.query("up == 0")


def test_a_prediction_is_counted_logged_and_can_be_told_the_truth(running: Stack) -> None:
    answer = running.predict("housing", HOUSE)
    assert answer.headers["X-Prediction-Logged"] == "true"
    truth = {"request_id": answer.headers["X-Request-Id"], "actual": 250_000}
    told = requests.post(f"{running.url}/feedback", json=truth, timeout=20)
    assert told.ok, told.text
    expression = 'sum(vigie_predictions_total{model="housing"}) > 0'
    joined = "sum(vigie_feedback_total) > 0"
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        if running.query(expression) and running.query(joined):
            return
        time.sleep(1)
    raise AssertionError(f"{expression}: {running.query(expression)}; {joined} has no value")


def test_nothing_listens_on_a_public_address(running: Stack) -> None:
    published = running.compose("ps", "--format", "{{.Ports}}").stdout
    addresses = re.findall(r"(\S+?):\d+->", published)
    assert addresses
    assert set(addresses) == {"127.0.0.1"}


@pytest.mark.parametrize("service", REACHES)
def test_who_reaches_whom(running: Stack, service: str) -> None:
    wanted, forbidden = REACHES[service]
    for host, port in wanted:
        assert running.reaches(service, host, port)
    for host, port in forbidden:
        assert not running.reaches(service, host, port)


def test_the_gateway_hides_the_metrics(running: Stack) -> None:
    answer = requests.get(f"{running.url}/metrics", timeout=10)
    assert answer.status_code == 404
    assert "vigie_" not in answer.text


def test_the_gateway_refuses_what_is_too_large(running: Stack) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)
    connection.putrequest("POST", "/predict/housing")
    connection.putheader("Content-Length", str(2**26 + 1))
    connection.endheaders()
    answer = connection.getresponse()
    connection.close()
    assert answer.status == 413
    assert answer.getheader("Content-Type") == "application/problem+json"


def test_mlflow_answers_to_its_own_name_alone(running: Stack) -> None:
    port = int(running.environment["MLFLOW_PORT"])
    path = "/api/2.0/mlflow/registered-models/search"
    assert _get_raw(port, path, f"localhost:{port}")[0] == 200
    for host in ("evil.example.org", f"evil.example.org:{port}", "mlflow.evil.example.org:5001"):
        assert _get_raw(port, path, host)[0] == 403


@pytest.mark.parametrize("path", TRAVERSALS)
def test_mlflow_gives_no_file_away(running: Stack, path: str) -> None:
    port = int(running.environment["MLFLOW_PORT"])
    status, body = _get_raw(port, path, f"localhost:{port}")
    assert b"root:" not in body
    assert status in {400, 403, 404, 500} or b"<!doctype html" in body.lower()


def test_no_secret_shows_in_the_engine_or_the_logs(running: Stack) -> None:
    names = ["mlflow", "postgres", "predictions-database", "mlflow-database", "grafana"]
    read = "; ".join(f"cat /secrets/made/{name}; echo" for name in names)
    made = running.compose(
        "run", "--rm", "--no-deps", "-T", "--entrypoint", "sh", "secrets", "-c", read
    ).stdout.split()
    assert len(made) == len(names)
    logs = running.compose("logs").stdout
    for service in running.services():
        for container in running.containers(service):
            shown = str(running.inspect(container))
            for secret in made:
                assert secret not in shown
                assert secret not in logs


def test_an_engine_that_shows_every_service_every_secret_is_refused(running: Stack) -> None:
    done = running.compose(
        "run", "--rm", "--no-deps", "-T", "--volume", f"{running.name}_secrets:/run/whole:ro",
        "--env", "SECRETS_PART=/run/whole", "secrets", check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "this engine ignores `volume.subpath`" in done.stdout + done.stderr


def test_down_and_up_keep_everything(running: Stack) -> None:
    before = running.predict("housing", HOUSE)
    running.compose("down", "--timeout", "45")
    running.up()
    after = running.predict("housing", HOUSE)
    assert after.json()["version"] == before.json()["version"]
    assert after.json()["predictions"] == before.json()["predictions"]
    port = running.environment["MLFLOW_PORT"]
    found = requests.get(
        f"http://localhost:{port}/api/2.0/mlflow/registered-models/search", timeout=10
    ).json()
    assert {one["name"] for one in found["registered_models"]} == {"housing", "iris"}
    truth = {"request_id": before.headers["X-Request-Id"], "actual": 250_000}
    told = requests.post(f"{running.url}/feedback", json=truth, timeout=20)
    assert told.ok, told.text
