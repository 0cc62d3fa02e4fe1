"""A contender is started, checked, measured and stopped; here those without a model."""

from __future__ import annotations

import contextlib
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from bench.contender import Contender
from bench.failure import Failure
from bench.figures import Load
from bench.forms import Forms
from bench.load import measure
from bench.rows.contenders import CONTENDERS, LIMIT, RAW
from bench.rows.loads import BULK_ROWS, ONE_ROW
from bench.server import PROJECT_PROGRAMS, running
from support.waiting import wait_until

BARE = [one for one in CONTENDERS if one.name in (RAW, LIMIT)]
(RAW_ASGI,) = (one for one in BARE if one.name == RAW)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def with_answers(contender: Contender, factor: float = 1.0) -> Contender:
    """The same, as if its answers were predictions, `factor` times what it says."""
    return replace(contender, says=lambda answer: [factor * one for one in answer["predictions"]])


def works(process: psutil.Process) -> bool:
    """Whether it is still there and has not ended."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


@pytest.mark.parametrize("bare", BARE, ids=lambda bare: bare.name)
def test_a_server_is_asked_weighed_and_leaves_no_process(
    bare: Contender, forms: Forms, tmp_path: Path
) -> None:
    with running(with_answers(bare), forms, tmp_path / "run", PROJECT_PROGRAMS) as server:
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
    with running(RAW_ASGI, forms, tmp_path / "run", PROJECT_PROGRAMS) as server:
        seen = measure(server, Load(4, BULK_ROWS), 1)
    assert seen.rate > 100
    assert 0 < seen.p50_ms <= seen.p99_ms
    assert 0 < seen.cpu_us < 10_000


def test_a_server_that_answers_otherwise_than_keras_is_never_measured(
    forms: Forms, tmp_path: Path
) -> None:
    wrong = with_answers(RAW_ASGI, factor=1.01)
    with (
        pytest.raises(Failure, match="answers otherwise than Keras"),
        running(wrong, forms, tmp_path / "run", PROJECT_PROGRAMS),
    ):
        pytest.fail("it was taken for right")


def test_a_server_that_ends_by_itself_is_no_server(forms: Forms, tmp_path: Path) -> None:
    ended = replace(RAW_ASGI, command=lambda site: (sys.executable, "-c", "raise SystemExit(3)"))
    with (
        pytest.raises(Failure, match="ended at once"),
        running(ended, forms, tmp_path / "run", PROJECT_PROGRAMS),
    ):
        pytest.fail("it was taken for a server")
