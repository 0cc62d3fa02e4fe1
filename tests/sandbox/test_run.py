"""What a file that is looked at in the sandbox can and cannot make happen."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from vigie.errors import RefusedPackage
from vigie.sandbox import run as sandbox
from vigie.sandbox.run import Limits, run_confined
from vigie.sandbox.seccomp import is_supported

HERE = str(Path(__file__).parents[1] / "support")
confined = pytest.mark.skipif(not is_supported(), reason="the filter is for Linux")


@pytest.fixture(autouse=True)
def _tasks_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [HERE, *sys.path])


def run(folder: Path, task: str, limits: Limits | None = None, **arguments: Any) -> Any:
    return run_confined(f"confined_tasks:{task}", arguments, folder, (), limits)


def test_a_task_answers_in_a_clean_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    found = run(tmp_path, "answer", number=41)
    assert found["number"] == 42
    assert found["stdin"]
    assert "AWS_SECRET_ACCESS_KEY" not in found["environment"]
    assert (tmp_path / "inner" / "moved").is_file()


@confined
def test_no_network_no_programs_no_other_process_no_files(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "secret").write_text("secret")
    with socket.create_server(("127.0.0.1", 0)) as server:
        errors = run(
            tmp_path, "attempts", port=server.getsockname()[1], parent=os.getpid(),
            outside=str(elsewhere / "canary"), secret=str(elsewhere / "secret"),
        )  # fmt: skip
    assert set(errors.values()) <= {"PermissionError", "ValueError"}, errors
    assert not (elsewhere / "canary").exists()


def test_libraries_that_keras_imports_and_no_task_uses_are_left_out(tmp_path: Path) -> None:
    assert run(tmp_path, "left_out") == ["matplotlib", "pandas", "scipy", "sklearn"]


@confined
def test_threads_still_start(tmp_path: Path) -> None:
    assert run(tmp_path, "threads") is True


FAULTS = {
    "flood": "^it needs more memory than the 1.1 GB that it may take$",
    "despair": "^it needs more memory than the 1.1 GB that it may take$",
    "segfault": r"crashes the process that reads it \(SIGSEGV\)",
    "hang": "took longer than 3 s",
    "spin": "took more than 1 s of processor time",
    "killed": "the system ended the process that reads it, most likely for want of memory",
    "crash": r"crashes the process that reads it \(SIGABRT\)",
    "refuse": "^it is not good$",
    "fail": r"^it cannot be read \(KeyError\)$",
    "leave": "gave no answer|ends the process",
}


@pytest.mark.skipif(not Path("/proc/self/limits").exists(), reason="Linux alone tells")
def test_a_crash_near_the_limit_of_memory_is_told_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = sandbox._share_of_memory

    def seen(pid: int, limits: Limits) -> float:
        share = look(pid, limits)
        if share > 0.9:
            (tmp_path / "seen").touch()
        return share

    monkeypatch.setattr(sandbox, "_share_of_memory", seen)
    with pytest.raises(RefusedPackage, match=r"^it needs more memory than the 1.1 GB that it may"):
        run(tmp_path, "starve", Limits(2**30))


TIGHT = {"hang": Limits(2**30, cpu_seconds=60, seconds=3), "spin": Limits(2**30, cpu_seconds=1)}
"""Only what is to meet a limit of time has a short one: on a busy machine all would meet it."""


@pytest.mark.parametrize("task", FAULTS)
def test_a_task_that_goes_wrong_is_a_refusal(tmp_path: Path, task: str) -> None:
    with pytest.raises(RefusedPackage, match=FAULTS[task]):
        run(tmp_path, task, TIGHT.get(task, Limits(2**30)))
