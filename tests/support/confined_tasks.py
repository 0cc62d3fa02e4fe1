"""What the tests of the sandbox try inside it."""

from __future__ import annotations

import ctypes
import importlib
import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from vigie.errors import RefusedPackage


def answer(folder: Path, number: int) -> dict[str, Any]:
    (folder / "written").write_text("x")
    (folder / "inner").mkdir()
    (folder / "written").rename(folder / "inner" / "moved")
    return {"number": number + 1, "environment": sorted(os.environ), "stdin": os.read(0, 1) == b""}


def left_out(folder: Path) -> list[str]:
    """What cannot be imported of what Keras imports where it is installed."""
    missing = []
    for name in ("matplotlib", "numpy", "pandas", "scipy", "sklearn"):
        try:
            importlib.import_module(name)
        except ImportError:
            missing.append(name)
    return missing


def threads(folder: Path) -> bool:
    seen: list[int] = []
    started = [threading.Thread(target=seen.append, args=(n,)) for n in range(3)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    return len(seen) == 3


def attempts(folder: Path, port: int, outside: str, secret: str, parent: int) -> dict[str, str]:
    """The error of each attempt; an empty text where one succeeds."""

    def connect() -> None:
        socket.create_connection(("127.0.0.1", port), 2)

    def stop_parent() -> None:
        os.kill(parent, signal.SIGTERM)

    def raise_limit() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (-1, -1))

    def raw_exec() -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        libc.execve(b"/bin/true", None, None)
        raise OSError(ctypes.get_errno(), "execve")

    tries = {
        "connect": connect,
        "run": lambda: subprocess.run(["/bin/true"], check=False),
        "exec": raw_exec,
        "fork": os.fork,
        "kill": stop_parent,
        "limit": raise_limit,
        "write": lambda: Path(outside).write_text("x"),
        "read": lambda: Path(secret).read_text(),
        "setuid": lambda: os.setuid(65534),
    }
    return {name: _error_of(attempt) for name, attempt in tries.items()}


def _error_of(attempt: Any) -> str:
    try:
        attempt()
    except OSError as error:
        return type(error).__name__
    except ValueError as error:
        return type(error).__name__
    return ""


def flood(folder: Path) -> int:
    return len(bytearray(4 * 2**30))


def starve(folder: Path) -> None:
    """Native code that takes all there is, and writes to what it was not given."""
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    libc.malloc.argtypes = [ctypes.c_size_t]
    libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
    given = libc.malloc(2**26)
    while given:
        given = libc.malloc(2**26)
    while not (folder / "seen").exists():
        time.sleep(0.01)
    libc.memset(given, 1, 1)


def despair(folder: Path) -> None:
    """What C++ says of an exception that nobody catches, and does."""
    os.write(2, b"terminate called after throwing an instance of 'std::bad_alloc'\n")
    os.abort()


def segfault(folder: Path) -> None:
    ctypes.string_at(0)


def hang(folder: Path) -> None:
    time.sleep(60)


def spin(folder: Path) -> None:
    while True:
        pass


def killed(folder: Path) -> None:
    signal.raise_signal(signal.SIGKILL)


def crash(folder: Path) -> None:
    os.abort()


def refuse(folder: Path) -> None:
    raise RefusedPackage("it is not good")


def fail(folder: Path) -> None:
    raise KeyError("/secret/path")


def leave(folder: Path) -> None:
    os._exit(7)
