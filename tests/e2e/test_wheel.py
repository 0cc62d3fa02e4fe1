"""The wheel without extras, in an environment that has nothing else: `load` and `Client` work."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path

import orjson
import pytest
from packaging.requirements import Requirement

from support.packages import HOUSING_ROWS, housing_document, housing_graph, write_package
from support.service import MakeService

SOURCE = Path(__file__).parents[2] / "ml-app"
PROGRAM = """
import importlib.util, json, sys
import vigie
folder, url, rows = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
absent = [n for n in ("tensorflow", "mlflow", "flask", "pandas") if importlib.util.find_spec(n)]
model = vigie.load(folder)
client = vigie.Client(url)
asked = client.predict("housing", rows)
counts = client.feedback(asked, [1.0] * len(rows))
print(json.dumps([absent, model.predict(rows), asked, counts, vigie.__file__]))
"""


def run(*command: str | Path) -> str:
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def needed(one: Distribution) -> Iterator[str]:
    """The names of what a distribution needs without any extra."""
    for text in one.requires or ():
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            # one name, however it is written (PEP 503)
            yield re.sub(r"[-_.]+", "-", requirement.name).lower()


def take(one: Distribution, site: Path) -> None:
    """Brings an installed distribution to another environment; where it can, by links."""
    for file in one.files or ():
        source = Path(str(one.locate_file(file)))
        if ".." in file.parts or "__pycache__" in file.parts or not source.is_file():
            continue
        target = site / file
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source, target)
        except OSError:
            shutil.copy2(source, target)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the wheel and what it names, from the tests' own."""
    folder = tmp_path_factory.mktemp("bare")
    shutil.copytree(SOURCE, folder / "source", ignore=shutil.ignore_patterns("*.egg-info", "build"))
    quiet = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    run(
        *quiet, "wheel", "--no-deps", "--no-index", "--no-build-isolation",
        "--wheel-dir", folder, folder / "source",
    )  # fmt: skip
    run(sys.executable, "-m", "venv", "--without-pip", folder / "env")
    (site,) = (folder / "env").glob("lib/python*/site-packages")
    (wheel,) = folder.glob("vigie-*.whl")
    run(*quiet, "install", "--no-deps", "--no-index", "--target", site, wheel)
    (vigie,) = distributions(path=[str(site)])
    taken: set[str] = set()
    names = list(needed(vigie))
    while names:
        name = names.pop()
        if name not in taken:
            taken.add(name)
            take(distribution(name), site)
            names.extend(needed(distribution(name)))
    return folder / "env" / "bin" / "python"


def test_the_wheel_alone_loads_and_asks(
    bare: Path, make_service: MakeService, tmp_path: Path
) -> None:
    service = make_service(VIGIE_WORKERS="1")
    service.start()
    root = tmp_path / "package"
    write_package(root, housing_document(), housing_graph(), HOUSING_ROWS)
    service.wait_ready()
    rows = orjson.dumps(HOUSING_ROWS).decode()
    url = f"http://127.0.0.1:{service.port}"
    said = orjson.loads(run(bare, "-I", "-c", PROGRAM, root, url, rows))
    absent, loaded, asked, counts, home = said
    assert absent == []
    assert Path(home).is_relative_to(bare.parents[1])
    assert counts == {"stored": 2, "duplicate": 0}
    answers = ("price_eur", "warnings")
    assert [[row[name] for name in answers] for row in loaded] == [
        [row[name] for name in answers] for row in asked
    ]


def test_the_commands_of_the_wheel_alone_start(bare: Path) -> None:
    assert "vigie, version" in run(bare, "-I", "-m", "vigie", "--version")
