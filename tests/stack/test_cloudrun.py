"""The image for Cloud Run under its contract: PORT, SIGTERM, nothing but /tmp written."""

from __future__ import annotations

import secrets
import subprocess
import time
from collections.abc import Iterator

import pytest
import requests

from support.compose import ROOT, require_engine
from support.memory import tell
from support.packages import install
from support.ports import free_ports
from support.worker import HOME
from vigie.registry.cache import ModelCache

IMAGE = "vigie-cloudrun:test"
INSIDE = "8123"
LONGEST_SECONDS = 30


def _docker(*words: str) -> str:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> str:
    require_engine()
    cache = ModelCache(tmp_path_factory.mktemp("cloudrun") / "cache")
    for name in ("housing", "iris"):
        install(cache, name)
    _docker(
        "build", "--quiet", "--target", "cloudrun", "--tag", IMAGE,
        "--build-context", f"cache={cache.folder}", str(ROOT / "ml-app"),
    )  # fmt: skip
    return IMAGE


@pytest.fixture
def container(image: str) -> Iterator[tuple[str, str]]:
    """A running container and its address."""
    name, (port,) = f"vigie-test-{secrets.token_hex(4)}", free_ports(1)
    _docker(
        "run", "--detach", "--name", name, "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL",
        "--memory", "4g", "--env", f"PORT={INSIDE}",
        "--publish", f"127.0.0.1:{port}:{INSIDE}", image,
    )  # fmt: skip
    try:
        yield name, f"http://127.0.0.1:{port}"
    finally:
        subprocess.run(["docker", "rm", "--force", name], capture_output=True, check=False)


def _first_prediction(url: str) -> requests.Response:
    deadline = time.monotonic() + LONGEST_SECONDS
    while time.monotonic() < deadline:
        try:
            answer = requests.post(f"{url}/predict/housing", json={"instances": [HOME]}, timeout=5)
        except requests.ConnectionError:
            time.sleep(0.02)
            continue
        if answer.ok:
            return answer
    raise AssertionError("no prediction came")


def test_form_and_prediction(container: tuple[str, str]) -> None:
    name, url = container
    began = time.monotonic()
    assert _first_prediction(url).json()["model"] == "housing"
    tell(f"first prediction {time.monotonic() - began:.2f} s after the start")
    page = requests.get(url, timeout=10)
    assert page.ok
    assert "<form" in page.text
    changed = [line for line in _docker("diff", name).splitlines() if "/tmp" not in line]
    assert changed == []


def test_a_stop_is_clean(container: tuple[str, str]) -> None:
    name, url = container
    _first_prediction(url)
    _docker("stop", "--time", "10", name)
    assert _docker("inspect", "--format", "{{.State.ExitCode}}", name).strip() == "0"
