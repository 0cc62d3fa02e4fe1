"""A process that makes a package of a version that is none, and ends: TensorFlow is there alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from vigie.errors import BrokenPackage, RefusedPackage
from vigie.registry.tags import SCALING, SIZE
from vigie.sandbox.run import Limits

if TYPE_CHECKING:
    from vigie.registry.client import RegisteredVersion
    from vigie.settings import Settings

TASK = "vigie.training.imported.in_place"
ORDER, RESULT = "order.json", "result.json"
LONGEST_SECONDS = 1800.0
LOOK_SECONDS = 0.2
STOP_SECONDS = 5.0
_MOST_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Made:
    """What came of it: the digest of the package, and the files that were added to the version."""

    digest: str
    files: tuple[str, ...]


CancelWatch = Callable[[], None]
"""Called again and again meanwhile; what it raises ends the process."""


def make_package(
    root: Path, version: RegisteredVersion, begun: bool, settings: Settings, watch: CancelWatch
) -> Made:
    """Adds a package to the files of a version in `root`, in a process of its own.

    `begun` says that an import of this version was begun before. Raises `RefusedPackage`, and
    `BrokenPackage` where the process itself came to an end, which may go better another time.
    """
    folder = root.parent
    order = {
        "root": str(root.resolve()),
        "name": version.name,
        "begun": begun,
        "limits": asdict(Limits(settings.max_model_memory_bytes)),
        "scaling": version.tags.get(SCALING),
        "size": version.tags.get(SIZE),
    }
    (folder / ORDER).write_bytes(orjson.dumps(order))
    code = _run(folder, watch)
    if code != 0:
        raise BrokenPackage(_end_of(code))
    return _result(folder / RESULT)


def _run(folder: Path, watch: CancelWatch) -> int | None:
    """The exit code; `None` where it took too long."""
    process = subprocess.Popen(
        [sys.executable, "-m", TASK, str(folder.resolve())],
        stdin=subprocess.DEVNULL,
        env=_environment(folder),
        start_new_session=True,
    )
    deadline = time.monotonic() + LONGEST_SECONDS
    try:
        while time.monotonic() < deadline:
            watch()
            try:
                return process.wait(LOOK_SECONDS)
            except subprocess.TimeoutExpired:
                continue
        return None
    finally:
        _end(process)


def _environment(folder: Path) -> dict[str, str]:
    """The settings, and no password of MLflow: it has no business there."""
    given = {**os.environ, "TMPDIR": str(folder.resolve())}
    return {name: value for name, value in given.items() if not name.startswith("MLFLOW_")}


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        # it ends what it started itself
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _end_of(code: int | None) -> str:
    if code is None:
        return f"making its package took longer than {LONGEST_SECONDS:.0f} s"
    if code == -signal.SIGKILL:
        return (
            "the system ended the process that makes its package, most likely for want of memory; "
            "it is tried again"
        )
    return "the process that makes its package has ended without a word; it is tried again"


def _result(path: Path) -> Made:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise RefusedPackage("making its package gave more than can be taken")
        found: dict[str, Any] = orjson.loads(path.read_bytes())
        if "refused" in found:
            raise RefusedPackage(str(found["refused"]))
        return Made(str(found["digest"]), tuple(map(str, found["files"])))
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError):
        raise BrokenPackage("making its package gave no answer; it is tried again") from None
