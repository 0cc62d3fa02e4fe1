"""Runs one function of ours on a file of somebody else's, in a process that can do little else.

What TensorFlow or HDF5 must parse is parsed there: a crash, an endless loop or a flood of memory
ends that process and becomes a refusal. On Linux on x86-64 and ARM64 it also has no capabilities
and no network and starts no program (`seccomp`), and where the kernel has Landlock it sees only the
files it needs (`landlock`); without Landlock it reads and writes what its account may. Elsewhere
only its time and memory are limited.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from vigie.errors import RefusedPackage
from vigie.sandbox.memory import in_gigabytes

MAX_RESULT_BYTES = 64 * 2**20
LOOK_SECONDS = 0.05
_CRASHES = frozenset(
    {signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV, signal.SIGTRAP}
)
_WANTS_MEMORY = re.compile(
    rb"bad_alloc|Cannot allocate memory|[Oo]ut of memory|OOM|[Ff]ailed to allocate"
    rb"|Resource temporarily unavailable|MemoryError"
)
_LAST_WORDS = 2**16


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
    return _result(folder, _run(folder, limits), limits)


@dataclass(frozen=True, slots=True)
class _End:
    """How the process ended: its code, `None` out of time, and whether memory was short."""

    code: int | None
    wanted_memory: bool


def _run(folder: Path, limits: Limits) -> _End:
    words = folder / "stderr"
    with words.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "vigie.sandbox.confined", str(folder.resolve())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            env=_environment(folder),
            cwd=folder,
            start_new_session=True,
        )
    deadline = time.monotonic() + limits.seconds
    most = 0.0
    try:
        while time.monotonic() < deadline:
            most = max(most, _share_of_memory(process.pid, limits))
            try:
                code = process.wait(LOOK_SECONDS)
            except subprocess.TimeoutExpired:
                continue
            return _End(code, most > 0.5 or _asked_for_memory(words))
        return _End(None, False)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _share_of_memory(pid: int, limits: Limits) -> float:
    """The most that a process has taken of the memory that it may, 0 to 1; 0 where nothing tells.

    Native code that is refused an allocation often crashes on what it did not get: how near the
    limit it was is all that tells this from a fault of the file.
    """
    try:
        limit = re.search(r"Max address space +(\d+)", Path(f"/proc/{pid}/limits").read_text())
        peak = re.search(r"VmPeak:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0.0
    if limit is None or peak is None:
        return 0.0
    left = int(limit[1]) - int(peak[1]) * 1024
    return 1 - left / limits.memory_bytes


def _asked_for_memory(words: Path) -> bool:
    """True where the last words of the process are about an allocation; they are never shown."""
    with words.open("rb") as said:
        said.seek(max(words.stat().st_size - _LAST_WORDS, 0))
        return _WANTS_MEMORY.search(said.read(_LAST_WORDS)) is not None


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


def _result(folder: Path, end: _End, limits: Limits) -> Any:
    if end.code is None:
        raise RefusedPackage(f"looking at it took longer than {limits.seconds} s")
    if end.code != 0:
        raise RefusedPackage(_told(end.code, end.wanted_memory, limits))
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


def _told(code: int, wanted_memory: bool, limits: Limits) -> str:
    if -code == signal.SIGXCPU:
        return f"looking at it took more than {limits.cpu_seconds} s of processor time"
    if -code == signal.SIGKILL:
        return "the system ended the process that reads it, most likely for want of memory"
    if wanted_memory and -code in _CRASHES:
        return too_much(limits)
    if code < 0:
        return f"it crashes the process that reads it ({signal.Signals(-code).name})"
    return "it ends the process that reads it"


def too_much(limits: Limits) -> str:
    """The reason for a refusal of what takes more memory than it may."""
    return f"it needs more memory than the {in_gigabytes(limits.memory_bytes)} that it may take"
