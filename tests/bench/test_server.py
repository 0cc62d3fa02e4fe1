"""A contender is started, checked, measured and stopped; here the one without a model."""

from __future__ import annotations

import contextlib
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import orjson
import psutil
import pytest

from bench.contender import Contender
from bench.failure import Failure
from bench.figures import Load
from bench.forms import Forms, Question
from bench.load import measure
from bench.rows.contenders import CONTENDERS, LIMIT
from bench.rows.loads import BULK_ROWS, ONE_ROW
from bench.server import PROJECT_PROGRAMS, running
from support.waiting import wait_until

ROWS = 100
(RAW,) = (one for one in CONTENDERS if one.name == LIMIT)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture
def forms(tmp_path: Path) -> Forms:
    """No model, but what a server with one would say."""
    answers = [1.5] * ROWS
    row = {"surface_m2": 54.0, "district": "district_01"}
    asked = {ONE_ROW: Question([row], answers[:1]), BULK_ROWS: Question([row] * ROWS, answers)}
    forms = Forms(tmp_path / "model", asked)
    forms.bodies.mkdir(parents=True)
    for name, question in asked.items():
        told = orjson.dumps({"predictions": question.answers})
        (forms.bodies / f"{name}.json").write_bytes(told)
    return forms


def with_answers(contender: Contender, factor: float = 1.0) -> Contender:
    """The same, as if its answers were predictions, `factor` times what it says."""
    return replace(contender, says=lambda answer: [factor * one for one in answer["predictions"]])


def works(process: psutil.Process) -> bool:
    """Whether it is still there and has not ended."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def test_a_server_is_asked_weighed_and_leaves_no_process(forms: Forms, tmp_path: Path) -> None:
    with running(with_answers(RAW), forms, tmp_path / "run", PROJECT_PROGRAMS) as server:
        assert 0 < server.start_seconds < 60
        server.check(ONE_ROW)
        server.check(BULK_ROWS)
        # the first worker may answer before the second is there
        wait_until(lambda: len(server.family) == 3)
        family = server.family
        assert 10 < server.memory_mb < 200
        assert server.cpu_seconds > 0
    # an orphan that has ended stays listed until the first process of the machine takes note
    wait_until(lambda: not any(works(process) for process in family))


@pytest.mark.skipif(shutil.which("wrk") is None, reason="needs wrk")
def test_a_load_is_measured(forms: Forms, tmp_path: Path) -> None:
    with running(RAW, forms, tmp_path / "run", PROJECT_PROGRAMS) as server:
        seen = measure(server, Load(4, BULK_ROWS), 1)
    assert seen.rate > 100
    assert 0 < seen.p50_ms <= seen.p99_ms
    assert 0 < seen.cpu_us < 10_000


def test_a_server_that_answers_otherwise_than_keras_is_never_measured(
    forms: Forms, tmp_path: Path
) -> None:
    wrong = with_answers(RAW, factor=1.01)
    with (
        pytest.raises(Failure, match="answers otherwise than Keras"),
        running(wrong, forms, tmp_path / "run", PROJECT_PROGRAMS),
    ):
        pytest.fail("it was taken for right")


def test_a_server_that_ends_by_itself_is_no_server(forms: Forms, tmp_path: Path) -> None:
    ended = replace(RAW, command=lambda site: (sys.executable, "-c", "raise SystemExit(3)"))
    with (
        pytest.raises(Failure, match="ended at once"),
        running(ended, forms, tmp_path / "run", PROJECT_PROGRAMS),
    ):
        pytest.fail("it was taken for a server")
