"""Programs of one's own: each logs its model in one call, and the service answers as it does."""

from __future__ import annotations

import functools
import json
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlflow as mlflow_library
import numpy as np
import pytest

import vigie
from support.own_programs import PROGRAMS, Program, dense, fit, random, rows_of
from support.real_mlflow import RealMlflow
from support.service import LiveService, value_of
from support.transport import Answer
from support.waiting import wait_until
from vigie.errors import RegistryError
from vigie.monitoring.drift import current_drifts
from vigie.registry.client import RegistryClient
from vigie.registry.sync import RegistrySync
from vigie.settings import Settings, load_settings

if TYPE_CHECKING:
    from vigie.training.own.logged_version import LoggedVersion

pytestmark = pytest.mark.filterwarnings("ignore")
TOLERANCE = 1e-5
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Stack:
    """MLflow, what follows it, and a service of one worker."""

    settings: Settings
    service: LiveService

    def serve(self, logged: LoggedVersion) -> None:
        """Waits until a version that was promoted answers."""
        wait_until(lambda: self.version_of(logged.name) == logged.version, 600)

    def version_of(self, model: str) -> str | None:
        """The version that serves."""
        said = self.service.get(f"/v1/models/{model}")
        return said.json().get("version") if said.status == 200 else None


@pytest.fixture(scope="module")
def stack(mlflow: RealMlflow, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("own")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIGIE_MLFLOW_URL", mlflow.url)
        patch.setenv("VIGIE_AUDIT_LOG", str(folder / "audit.log"))
        settings = load_settings(
            cache=folder / "cache", state=folder / "state", models="*", poll_seconds=0.5
        )
        stop = threading.Event()
        sync_thread = threading.Thread(target=RegistrySync(settings).run, args=(stop,))
        service = LiveService(folder, folder / "cache", VIGIE_MODELS="*", VIGIE_WORKERS="1")
        try:
            sync_thread.start()
            service.start()
            yield Stack(settings, service)
        finally:
            stop.set()
            sync_thread.join()
            service.clean_up()


@functools.cache
def program_of(name: str) -> Program:
    """A program that has trained its model, which several tests log."""
    return PROGRAMS[name]()


def logged(name: str, program: Program, **options: Any) -> LoggedVersion:
    """What the program's one call gives."""
    given = {**program.options, **options}
    return vigie.log_model(
        program.model, name=name, inputs=program.inputs, targets=program.targets, **given
    )


def answered(answer: Answer, labels: tuple[str, ...]) -> dict[str, np.ndarray]:
    """The numbers of each output; of a classification, the shares in the order of `labels`."""
    assert answer.status == 200, answer.body
    rows = answer.json()["predictions"]
    if labels:
        return {
            "prediction": np.array([[row["scores"][label] for label in labels] for row in rows])
        }
    names = rows[0].keys() - {"warnings", "interval"}
    return {name: np.array([row[name] for row in rows]) for name in names}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_logs_in_one_call_and_is_answered_as_by_itself(stack: Stack, name: str) -> None:
    program = program_of(name)
    made = logged(f"own-{name}", program)
    assert made.promoted, made.reason
    stack.serve(made)
    found = answered(stack.service.predict(f"own-{name}", *program.asked), program.labels)
    assert found.keys() == program.answers.keys()
    for output, answers in program.answers.items():
        scale = max(1.0, float(np.abs(answers).max()))
        assert np.abs(found[output] - answers).max() <= TOLERANCE * scale, output


def test_a_worse_version_is_registered_and_not_promoted_a_better_one_serves(stack: Stack) -> None:
    program = program_of("flags")
    vectors = program.inputs.astype(float).to_numpy(np.float32)

    def fitted(off: float) -> LoggedVersion:
        """A version whose answers are so far off, give or take a little."""
        model = dense(3)
        fit(model, vectors, program.targets + off)
        return logged("visits", Program(model, program.inputs, program.targets, [], {}))

    first = fitted(off=0.4)
    assert first.promoted, first.reason
    stack.serve(first)
    worse = fitted(off=0.8)
    assert not worse.promoted
    assert worse.version == "2"
    for error in (first.metrics["mae"], worse.metrics["mae"]):
        assert f"{error:.4g}" in worse.reason, worse.reason
    third = fitted(off=0.0)
    assert third.promoted, third.reason
    started = time.monotonic()
    stack.serve(third)
    assert time.monotonic() - started < 60
    client = RegistryClient.of(stack.settings)
    assert [v.version for v in client.versions("visits")] == ["3", "2", "1"]


def test_names_ranges_interval_and_figures_are_those_of_the_rows(stack: Stack) -> None:
    program = program_of("log_target")
    made = logged(
        "prices",
        program,
        title="Prices",
        limits={"rooms": (1, 20)},
        help={"rooms": "All but kitchens"},
    )
    stack.serve(made)
    metadata = stack.service.get("/openapi.json").json()["components"]["schemas"]["prices.Row"]
    rooms = metadata["properties"]["rooms"]
    assert (rooms["minimum"], rooms["maximum"], rooms["type"]) == (1, 20, "integer")
    assert "All but kitchens" in rooms["description"]
    answer = stack.service.predict("prices", program.asked[0]).json()["predictions"][0]
    low, high = answer["interval"]
    assert low < answer["price_eur"] < high
    assert 0.7 < made.metrics["interval_coverage"] <= 1
    refused = stack.service.predict("prices", {**program.asked[0], "rooms": 21})
    assert refused.status == 422
    outside = stack.service.predict("prices", {**program.asked[0], "surface": 5000})
    assert outside.json()["predictions"][0]["warnings"]


def test_inside_a_run_of_ones_own_everything_is_in_that_run(
    stack: Stack, mlflow: RealMlflow
) -> None:
    mlflow_library.set_tracking_uri(mlflow.url)
    before = mlflow_library.set_experiment("mine")
    program = program_of("vector")
    with mlflow_library.start_run() as run:
        mlflow_library.log_param("rate", 0.1)
        made = logged("inside", program)
        again = logged("inside", program)
        assert mlflow_library.active_run().info.run_id == run.info.run_id
    found = RegistryClient.of(stack.settings).version("inside", made.version)
    assert found is not None
    assert found.run_id == run.info.run_id
    assert again.version == "2"
    # what the program does next goes where it wanted it
    with mlflow_library.start_run() as after:
        assert after.info.experiment_id == before.experiment_id
    data = mlflow_library.get_run(run.info.run_id).data
    assert data.metrics["inside.mae"] == pytest.approx(made.metrics["mae"])
    assert data.params == {"rate": "0.1"}


def test_a_run_that_mlflow_lost_is_one_sentence(stack: Stack, mlflow: RealMlflow) -> None:
    mlflow_library.set_tracking_uri(mlflow.url)
    program = program_of("vector")
    with mlflow_library.start_run() as run:
        client = mlflow_library.MlflowClient()
        client.delete_run(run.info.run_id)
        with pytest.raises(RegistryError, match=r"MLflow refuses this: .*deleted"):
            logged("lost", program)
        client.restore_run(run.info.run_id)


def test_shifted_rows_raise_the_drift_of_their_input_alone(stack: Stack) -> None:
    rng = random()
    program = program_of("churn")
    made = logged("drifting", program)
    stack.serve(made)
    rows = rows_of(program.inputs, 300) * 2
    for row in rows:
        row["age"] = int(min(120, row["age"] + 40 + rng.integers(0, 3)))
    for start in range(0, 600, 100):
        assert stack.service.predict("drifting", *rows[start : start + 100]).status == 200
    wait_until(
        lambda: (
            value_of(stack.service.samples(), "vigie_predictions_total", model="drifting") >= 600
        )
    )
    page = f"http://127.0.0.1:{stack.service.metrics_port}/metrics"
    drifts = {d.feature: d for d in current_drifts(None, "1h", page) if d.model == "drifting"}
    assert drifts["age"].psi > 0.25
    assert drifts["age"].rows >= 500
    assert drifts["income"].psi < 0.25


def test_what_is_logged_is_told_in_three_lines_and_no_more(
    stack: Stack, capfd: pytest.CaptureFixture[str]
) -> None:
    program = program_of("flags")
    capfd.readouterr()
    made = logged("told", program)
    said = capfd.readouterr()
    assert said.err == ""
    lines = said.out.splitlines()
    assert len(lines) == 3
    assert lines[0] == f"told version {made.version}: champion (the first version)"
    assert lines[1].startswith("  mean absolute error ")
    assert "median alone" in lines[1]
    assert lines[2] == "  http://127.0.0.1:5000/models/told"
    assert "<table>" in made._repr_html_()
    assert made.uri == "models:/told/1"


def test_promote_false_registers_and_leaves_the_alias(stack: Stack) -> None:
    made = logged("waiting", program_of("flags"), promote=False)
    assert not made.promoted
    assert RegistryClient.of(stack.settings).version_of("waiting", "champion") is None


def test_no_server_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VIGIE_MLFLOW_URL", "http://127.0.0.1:9")
    with pytest.raises(RegistryError, match="MLflow does not answer"):
        logged("away", program_of("flags"))


def run_as_a_user(code: str, stack: Stack) -> dict[str, Any]:
    """Runs code that names the addresses of `make run` against the stack; gives its names."""
    for address, port in (("5000", stack.service.port), ("9464", stack.service.metrics_port)):
        code = code.replace(f"127.0.0.1:{address}", f"127.0.0.1:{port}")
    found: dict[str, Any] = {}
    exec(compile(code, "a user's code", "exec"), found)
    return found


def test_the_notebook_goes_the_whole_way(stack: Stack) -> None:
    notebook = json.loads((ROOT / "notebooks" / "your_model.ipynb").read_text(encoding="utf-8"))
    cells = ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]
    assert not any(c.get("outputs") for c in notebook["cells"])
    found = run_as_a_user("\n".join(cells), stack)
    assert found["made"].promoted
    assert found["made"].metrics["accuracy"] > 0.8
    assert "not better than version 1" in found["worse"].reason


def test_the_page_does_what_it_says(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "own-code.md").read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL))
    run_as_a_user(code, stack)
    said = capsys.readouterr().out
    assert "churn version " in said
    assert "flats version 1: champion (the first version)" in said
    wait_until(lambda: stack.version_of("flats") == "1")
    answer = stack.service.predict("flats", {"city": "Brest"})
    assert answer.status == 200, answer.body
