"""The code that the machines install: Vigie's wheel, its locked requirements, the connectors."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from emr.options import Refused

ROOT = Path(__file__).parents[2]
APP = ROOT / "ml-app"
LOCKED = (
    "requirements-build.txt",
    "requirements-spark.txt",
    "spark-connectors.xml",
    "spark-connectors.sha256",
)


def build_wheel(folder: Path) -> Path:
    """Builds Vigie's wheel into a folder.

    Raises:
        Refused: It cannot be built.
    """
    # a build leaves files beside its source
    source = shutil.copytree(
        APP, folder / "source", ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__")
    )
    done = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
         "--disable-pip-version-check", "--wheel-dir", str(folder), str(source)],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    wheels = list(folder.glob("vigie-*.whl"))
    if done.returncode or len(wheels) != 1:
        raise Refused(f"the wheel cannot be built: {done.stderr.strip()[-500:]}")
    return wheels[0]


def code_files(wheel: Path) -> dict[str, Path]:
    """The files of `code/` in the bucket, by their keys."""
    files = [wheel, Path(__file__).with_name("bootstrap.sh"), *(APP / name for name in LOCKED)]
    return {f"code/{path.name}": path for path in files}


def model_files(package: Path) -> dict[str, Path]:
    """The files of a package's folder, below `models/` under the folder's name.

    Raises:
        Refused: It is no package.
    """
    if not (package / "vigie" / "manifest.json").is_file():
        raise Refused(f"{package} is no package: a folder with vigie/manifest.json is one")
    paths = sorted(path for path in package.rglob("*") if path.is_file())
    return {f"models/{package.name}/{p.relative_to(package).as_posix()}": p for p in paths}
