"""The Python environments of the peers, made once per content of their requirement files."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

from bench.contender import Contender
from bench.failure import Failure
from bench.server import PROJECT_PROGRAMS

LONGEST_SECONDS = 1800


def make_environments(contenders: Iterable[Contender], root: Path, folder: Path) -> None:
    """Makes what is missing below `folder`; `Failure` where one cannot be made."""
    wanted: dict[str, list[str]] = {}
    for contender in contenders:
        if contender.environment is not None:
            wanted.setdefault(contender.environment, []).append(contender.title)
    for name, titles in wanted.items():
        home = folder / name
        made = subprocess.run(
            ["tools/environment", str(home), f"tests/bench/peers/{name}/requirements.txt"],
            cwd=root, check=False, timeout=LONGEST_SECONDS,
        )  # fmt: skip
        if made.returncode:
            raise Failure(
                f"{' and '.join(titles)} cannot be measured without the environment "
                f"{home.relative_to(root)}; the line above says what failed. Run make bench again "
                "when it is mended; CONTENDERS= measures some of them alone"
            )


def programs(contender: Contender, folder: Path) -> Path:
    """The folder of the programs of its environment."""
    if contender.environment is None:
        return PROJECT_PROGRAMS
    return folder / contender.environment / "bin"
