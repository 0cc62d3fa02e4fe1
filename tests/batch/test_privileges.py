from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vigie.sandbox import seccomp

PROGRAM = """
import os, sys
from pathlib import Path
from vigie.batch.privileges import become_owner
become_owner(Path(sys.argv[1]))
os.execvp("cat", ["cat", "/proc/self/status"])
"""
SETS = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")


def status_after(folder: Path, *before: str) -> dict[str, list[str]]:
    """What the kernel says of a program that is started by the process then."""
    words = [*before, sys.executable, "-c", PROGRAM, str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    lines = (line.partition(":") for line in done.stdout.splitlines())
    return {name: values.split() for name, _, values in lines}


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize(
    ("owner", "expected"),
    [((1234, 1235), (1234, 1235)), ((0, 0), (10001, 10001)), ((0, 1235), (10001, 1235))],
)
def test_root_becomes_the_owner_for_good(
    tmp_path: Path, owner: tuple[int, int], expected: tuple[int, int]
) -> None:
    os.chown(tmp_path, *owner)
    status = status_after(tmp_path)
    assert status["Uid"] == [str(expected[0])] * 4
    assert status["Gid"] == [str(expected[1])] * 4
    assert status["Groups"] == []
    assert status["NoNewPrivs"] == ["1"]
    assert {int(status[name][0], 16) for name in SETS} == {0}


def test_in_a_rootless_container_root_stays_the_caller_without_a_right(tmp_path: Path) -> None:
    unshare = ("unshare", "--user", "--map-root-user")
    if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode:
        pytest.skip(
            "this machine lets nobody make user namespaces: sysctl user.max_user_namespaces"
        )
    status = status_after(tmp_path, *unshare)
    assert status["Uid"] == ["0"] * 4
    assert {int(status[name][0], 16) for name in SETS} == {0}


@pytest.mark.skipif(not seccomp.is_supported(), reason="this system has no capabilities")
def test_somebody_else_stays_who_he_is(tmp_path: Path) -> None:
    user = ("setpriv", "--reuid", "1234", "--regid", "1234", "--clear-groups")
    status = status_after(tmp_path, *(user if os.getuid() == 0 else ()))
    assert status["Uid"] == [str(1234 if os.getuid() == 0 else os.getuid())] * 4
    assert status["NoNewPrivs"] == ["1"]
    assert int(status["CapEff"][0], 16) == 0
