from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from vigie.cli.main import main
from vigie.cli.spark import _exit_code, _session_options
from vigie.settings import load_settings

COLUMNS, LINES = 80, 30


def spark(*words: object) -> Result:
    return CliRunner().invoke(main, ["spark", *map(str, words)])


@pytest.mark.parametrize("command", ["features", "score"])
def test_the_help_fits_a_screen(command: str) -> None:
    shown = CliRunner().invoke(
        main, ["spark", command, "--help"], prog_name="vigie", terminal_width=79
    )
    lines = shown.output.splitlines()
    assert len(lines) < LINES
    assert max(map(len, lines)) < COLUMNS


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--components", "3", "--variance", "0.9"], "--components and --variance exclude"),
        (["--conf", "memory=4g"], "--conf takes NAME=VALUE, such as spark."),
    ],
)
def test_words_that_cannot_be_meant_are_told_before_spark_starts(
    tmp_path: Path, words: list[str], sentence: str
) -> None:
    done = spark("features", "./m", "--input", tmp_path, "--output", tmp_path / "out", *words)
    assert done.exit_code == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_the_setting_names_a_master_where_the_command_names_none() -> None:
    settings = load_settings(spark_master="yarn")
    given = {"master": None, "conf": ("spark.executor.cores=2",), "log": None}
    assert _session_options(given, settings).master == "yarn"
    assert _session_options({**given, "master": "local[2]"}, settings).master == "local[2]"
    assert _session_options(given, load_settings()).master is None


@pytest.mark.parametrize(
    ("answered", "failed", "allowed", "code"),
    [(9, 0, False, 0), (9, 1, False, 1), (9, 1, True, 0), (0, 9, True, 2), (0, 0, False, 2)],
)
def test_some_that_failed_are_no_failure_where_that_is_allowed(
    answered: int, failed: int, allowed: bool, code: int
) -> None:
    assert _exit_code(answered, failed, {"allow_failed": allowed}) == code


def test_a_uri_with_a_password_is_refused_without_it(tmp_path: Path) -> None:
    done = spark("score", "./m", "--input", "s3a://AKIA:hunter2@bucket/x", "--output", tmp_path)
    assert done.exit_code == 2
    assert "holds no key or password" in done.stderr
    assert "hunter2" not in done.output


def test_a_machine_without_a_place_for_temporary_files_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # of the kernel: there root has no right either
    monkeypatch.setattr(tempfile, "tempdir", "/sys/kernel")
    done = spark("score", "./m", "--input", tmp_path, "--output", tmp_path / "out")
    assert done.exit_code == 2
    assert "there is no right to a file or folder of this machine (TMPDIR=" in done.stderr
    assert "/sys" not in done.stderr


def test_without_spark_the_remedy_is_told(tmp_path: Path) -> None:
    hidden = "import sys; sys.modules['pyspark'] = None\nfrom vigie.cli.main import main\nmain()"
    words = ("spark", "score", "./m", "--input", str(tmp_path), "--output", str(tmp_path / "o"))
    done = subprocess.run(
        [sys.executable, "-c", hidden, *words], capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("vigie: Spark is not installed here: pip install 'vigie[spark]'")
    assert done.stderr.count("\n") == 1
