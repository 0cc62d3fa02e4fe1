"""The other side of `sandbox`: the process that gives everything up and then looks at the file."""

from __future__ import annotations

import gc
import importlib
import os
import resource
import sys
from pathlib import Path
from typing import Any

import orjson

from vigie.errors import VigieError
from vigie.sandbox import landlock, seccomp
from vigie.sandbox.run import Limits, too_much

_SYSTEM = (
    "/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime", "/proc/self", "/proc/cpuinfo",
    "/proc/meminfo", "/proc/stat", "/proc/sys/vm", "/sys/devices/system", "/sys/fs/cgroup",
    "/dev/null", "/dev/urandom", "/dev/zero",
)  # fmt: skip

_LEFT_OUT = ("matplotlib", "pandas", "scipy", "sklearn")
"""What Keras imports where it is installed, in half of its time, and nothing here uses."""


def main(folder: Path) -> None:
    """Runs the order in `folder` and writes its result there."""
    order = orjson.loads((folder / "order.json").read_bytes())
    limits = order["limits"]
    _limit(resource.RLIMIT_CORE, 0)
    if limits["cpu_seconds"] is not None:
        # the soft limit ends it with SIGXCPU, so that a SIGKILL is known to come from elsewhere
        _limit(resource.RLIMIT_CPU, limits["cpu_seconds"], more=1)
    _limit(resource.RLIMIT_FSIZE, limits["file_bytes"])
    if seccomp.is_supported():
        seccomp.give_up_privileges()
        # before the imports: it holds for threads that start later, and they start some
        landlock.keep_files(_readable(order["readable"]), [folder])
    module, _, name = order["task"].partition(":")
    try:
        _import([module, *order["imports"]])
        task = getattr(sys.modules[module], name)
        _limit(resource.RLIMIT_AS, _address_space() + limits["memory_bytes"])
        if seccomp.is_supported():
            # after the imports: these are ours, and look for libraries in ways it refuses
            seccomp.take_away_calls()
        result: dict[str, Any] = {"value": task(folder, **order["arguments"])}
    except VigieError as refused:
        result = {"refused": str(refused)}
    except MemoryError:
        result = {"refused": too_much(Limits(**limits))}
    except Exception as failure:
        # texts of libraries quote paths and contents; the kind of failure says enough
        result = {"refused": f"it cannot be read ({type(failure).__name__})"}
    (folder / "result.json").write_bytes(orjson.dumps(result, option=orjson.OPT_SERIALIZE_NUMPY))
    os._exit(0)


def _import(modules: list[str]) -> None:
    for name in _LEFT_OUT:
        sys.modules[name] = None  # type: ignore[assignment] # an ImportError for who asks
    # what is imported stays, and collections of garbage need not look through it
    gc.disable()
    for name in modules:
        importlib.import_module(name)
    gc.freeze()
    gc.enable()


def _readable(named: list[str]) -> list[Path]:
    own = [sys.prefix, sys.base_prefix, *(entry for entry in sys.path if entry)]
    return [Path(path).resolve() for path in [*own, *named]] + [Path(path) for path in _SYSTEM]


def _address_space() -> int:
    """What Python and the libraries take already, bytes; 0 where it is not told."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


def _limit(kind: int, most: int, more: int = 0) -> None:
    resource.setrlimit(kind, (most, most + more))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
