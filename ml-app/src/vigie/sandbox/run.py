"""Runs one function of ours on a file of somebody else's, in a process that can do little else.

What TensorFlow or HDF5 must parse is parsed there: a crash, an endless loop or a flood of memory
ends that process and becomes a refusal. On Linux on x86-64 and ARM64 it also has no capabilities
and no network and starts no program (`seccomp`), and where the kernel has Landlock it sees only the
files it needs (`landlock`); without Landlock it reads and writes what its account may. Elsewhere
only its time and memory are limited.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from vigie.errors import RefusedPackage

MAX_RESULT_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Limits:
    """What the process may use: memory beside Python and its libraries, processor time, time."""

    memory_bytes: int = 8 * 2**30
    cpu_seconds: int | None = 600
    seconds: int = 600
    file_bytes: int = 4 * 2**30


def run_confined(
    task: str,
    arguments: Mapping[str, Any],
    folder: Path,
    readable: Sequence[Path] = (),
    limits: Limits | None = None,
    imports: Sequence[str] = (),
) -> Any:
    """What `task` (`module:function`) gives for `arguments`; `RefusedPackage` where it fails.

    The function is called as `function(folder, **arguments)`. Where Landlock holds it may write in
    `folder` only, and read `readable` and Python itself; arrays travel as files there. `imports`
    are loaded before the limit of memory and the filter of calls hold, as the task's own module is.
    """
    limits = limits or Limits()
    order = {
        "task": task,
        "imports": list(imports),
        "arguments": dict(arguments),
        "readable": [str(path.resolve()) for path in readable],
        "limits": asdict(limits),
    }
    (folder / "order.json").write_bytes(orjson.dumps(order))
    (folder / "result.json").unlink(missing_ok=True)
    code = _run(folder, limits)
    return _result(folder, code, limits)


def _run(folder: Path, limits: Limits) -> int | None:
    process = subprocess.Popen(
        [sys.executable, "-m", "vigie.sandbox.confined", str(folder.resolve())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=_environment(folder),
        cwd=folder,
        start_new_session=True,
    )
    try:
        return process.wait(limits.seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _environment(folder: Path) -> dict[str, str]:
    """Nothing of ours but where Python finds its modules: no secret, no proxy, no home."""
    return {
        "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(folder.resolve()),
        "TMPDIR": str(folder.resolve()),
        "LANG": "C.UTF-8",
        # an arena per thread would count as memory that nobody uses
        "MALLOC_ARENA_MAX": "2",
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_ENABLE_ONEDNN_OPTS": "0",
    }


def _result(folder: Path, code: int | None, limits: Limits) -> Any:
    if code is None:
        raise RefusedPackage(f"looking at it took longer than {limits.seconds} s")
    if code != 0:
        raise RefusedPackage(_end_of(code, limits))
    path = folder / "result.json"
    try:
        if path.is_symlink() or path.stat().st_size > MAX_RESULT_BYTES:
            raise RefusedPackage("looking at it gave more than can be taken")
        result = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        raise RefusedPackage("looking at it gave no answer") from None
    if not isinstance(result, dict) or "value" not in result:
        raise RefusedPackage(str(result.get("refused", "it cannot be read"))[:500])
    return result["value"]


def _end_of(code: int, limits: Limits) -> str:
    if -code == signal.SIGXCPU:
        return f"looking at it took more than {limits.cpu_seconds} s of processor time"
    if -code == signal.SIGKILL:
        return "the system ended the process that reads it, most likely for want of memory"
    if code < 0:
        return f"it crashes the process that reads it ({signal.Signals(-code).name})"
    return "it ends the process that reads it"
