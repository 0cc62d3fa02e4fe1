from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.colours_package import install_colours, write_colours
from support.photos import write_photos
from vigie.batch.container import main
from vigie.registry.cache import ModelCache

# who it becomes is tested beside this, and in the image itself: Python need not lie where all may
# read it
PROGRAM = """
import sys
from pathlib import Path
from vigie.batch import container
container.become_owner = lambda folder: None
container.main(sys.argv[2:], Path(sys.argv[1]))
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    write_photos(tmp_path / "data_inputs")
    (tmp_path / "data_outputs").mkdir()
    return tmp_path


def run(home: Path, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "VIGIE_CACHE": str(home / "cache"), **settings}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, home, *words], env=environment, capture_output=True,
        text=True, check=False, timeout=300,
    )  # fmt: skip


def test_no_argument_is_the_classic_run(home: Path) -> None:
    write_colours(home / "model")
    done = run(home)
    assert done.returncode == 0, done.stderr
    assert "3 photos, 3 answered, 0 failed" in done.stdout
    output = home / "data_outputs" / "predictions.csv"
    assert output.read_text().splitlines()[0] == "name,label,score,error"


def test_the_only_model_of_photos_in_the_cache(home: Path) -> None:
    install_colours(ModelCache(home / "cache"))
    assert run(home).returncode == 0
    install_colours(ModelCache(home / "cache"), "shades")
    done = run(home)
    assert (done.returncode, "colours, shades; name one" in done.stderr) == (2, True)
    assert run(home, VIGIE_MODELS="shades").returncode == 0


def test_without_a_model_the_ways_are_named(home: Path) -> None:
    done = run(home)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("vigie: there is no model. Build one in: ")


def test_a_folder_that_is_no_package(home: Path) -> None:
    (home / "model" / "data").mkdir(parents=True)
    done = run(home)
    assert (done.returncode, "is no package" in done.stderr) == (2, True)


def test_arguments_are_those_of_the_command(home: Path) -> None:
    done = run(home, "--help")
    assert done.returncode == 0
    assert "MODEL INPUT OUTPUT" in done.stdout


@pytest.mark.parametrize("folder", ["data_inputs", "data_outputs"])
def test_a_folder_without_rights_is_named(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: str
) -> None:
    access = os.access
    monkeypatch.setattr("vigie.batch.container.become_owner", lambda _: None)
    monkeypatch.setattr(os, "access", lambda p, mode: Path(p).name != folder and access(p, mode))
    monkeypatch.setenv("TMPDIR", "")
    with pytest.raises(SystemExit) as ended:
        main([], home)
    assert ended.value.code == 2
    assert f"vigie: {folder} cannot be " in capsys.readouterr().err
