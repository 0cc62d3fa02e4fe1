"""The image that takes the place of TensorFlow Serving's, by the commands of its page."""

from __future__ import annotations

import json
import re
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from support.compose import ROOT, require_engine
from support.kubernetes import found, kubectl, load_image, require_cluster
from support.memory import tell
from support.ports import free_ports
from support.saved_models import SPECIES, write_iris_model

PAGE = ROOT / "docs" / "coming-from-tensorflow-serving.md"
OVERLAY = ROOT / "k8s" / "overlays" / "serve-saved"
IMAGE = "vigie-saved:test"
FIRST_SECONDS, NEXT_SECONDS = 30.0, 20.0
"""The longest from a start to the first answer, and from a new version to its own.

Without the time in which somebody on the machine waited for a processor.
"""
PROCESSOR_SECONDS = 20.0
"""The most that an import may take of a processor, everything else in the container included."""
LONGEST_SECONDS = 240.0
PRESSURE = Path("/proc/pressure/cpu")
FLOWER = {"sepal_length": 5.0, "sepal_width": 2.0, "petal_length": 3.5, "petal_width": 1.0}
CONFINED = (
    "--read-only", "--tmpfs", "/tmp", "--tmpfs", "/var/cache/vigie:mode=1777",
    "--tmpfs", "/var/lib/vigie:mode=1777", "--cap-drop", "ALL",
    "--security-opt", "no-new-privileges",
)  # fmt: skip


def run(*words: str | Path, folder: Path | None = None) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def shell_block(first: str) -> list[str]:
    """The commands of the block of the page that begins so, each in a line."""
    blocks = re.findall(r"```\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (block,) = (text for text in blocks if text.startswith(first))
    return str(block).replace("\\\n", "").splitlines()


@pytest.fixture(scope="module")
def image() -> str:
    require_engine()
    (build,) = (line for line in shell_block("docker build") if line.startswith("docker build"))
    run("bash", "-c", build.replace("vigie-saved", IMAGE), folder=ROOT)
    return IMAGE


@pytest.fixture
def name() -> Iterator[str]:
    """A name of this test's own: containers and an image of it are taken away again."""
    made = f"vigie-test-{secrets.token_hex(4)}"
    yield made
    for container in (made, f"{made}-base"):
        subprocess.run(["docker", "rm", "--force", container], capture_output=True, check=False)
    subprocess.run(["docker", "rmi", "--force", made], capture_output=True, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with `serving_dir/iris_model/1`, as `bq extract` would have filled it."""
    write_iris_model(tmp_path / "serving_dir" / "iris_model" / "1")
    return tmp_path


def until(done: Callable[[], bool], longest: float, container: str) -> float:
    """The seconds until something is so, of which so many may be free of waiting for others."""
    began, waited = time.monotonic(), waited_for_processors()
    while not done():
        if time.monotonic() - began > LONGEST_SECONDS:
            raise AssertionError(log_of(container))
        time.sleep(0.05)
    took = time.monotonic() - began
    assert took - (waited_for_processors() - waited) <= longest
    return took


def log_of(container: str) -> str:
    """What it wrote."""
    done = subprocess.run(["docker", "logs", container], capture_output=True, text=True, check=True)
    return done.stderr


def waited_for_processors() -> float:
    """The seconds in which somebody has waited for one since the machine began; 0 if not told."""
    if not PRESSURE.exists():
        return 0.0
    some = PRESSURE.read_text().splitlines()[0]
    return int(some.rpartition("=")[2]) / 1e6


def processor_seconds(container: str) -> float:
    """What all processes of a container have taken so far."""
    read = "cat /sys/fs/cgroup/cpu.stat || cat /sys/fs/cgroup/cpuacct/cpuacct.usage"
    said = run("docker", "exec", container, "sh", "-c", f"({read}) 2>/dev/null")
    found = re.search(r"usage_usec (\d+)", said)
    return int(found[1]) / 1e6 if found else int(said) / 1e9


def stays_up(container: str) -> bool:
    """True once it answers that it lives."""
    ask = "from urllib.request import urlopen; urlopen('http://127.0.0.1:8501/livez')"
    words = ["docker", "exec", container, "python", "-c", ask]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def asked(curl: str, folder: Path) -> Any:
    """The answer to a `curl` of the page; nothing while nobody answers."""
    words = ["bash", "-c", curl.replace("curl", "curl -sf --max-time 5", 1)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=folder)
    return json.loads(done.stdout) if done.returncode == 0 else None


def test_the_guide_word_for_word(image: str, name: str, folder: Path) -> None:
    (port,) = free_ports(1)

    def own(command: str) -> str:
        own = command.replace("vigie-saved", IMAGE).replace("iris_serving", name)
        own = own.replace("serving_base", f"{name}-base")
        return own.replace("8501:8501", f"127.0.0.1:{port}:8501").replace(":8501/", f":{port}/")

    _, base, copy, commit, remove, start = map(own, shell_block("docker build"))
    run("bash", "-c", base, folder=folder)
    # it stays up without a model, and says so
    until(lambda: stays_up(f"{name}-base"), FIRST_SECONDS, f"{name}-base")
    for command in (copy, commit, remove):
        run("bash", "-c", command, folder=folder)
    volumes = run("docker", "inspect", "--format", "{{json .Config.Volumes}}", name)
    assert volumes in ("null", "{}")
    (curl,) = map(own, shell_block("curl"))
    run("bash", "-c", start.replace("docker run", f"docker run -d --name {name}"), folder=folder)
    answers: list[Any] = []

    def answered() -> bool:
        # the other worker may have it a moment later
        answers.append(asked(curl, folder))
        return answers[-1] is not None

    took = until(answered, FIRST_SECONDS, name)
    taken = processor_seconds(name)
    assert taken <= PROCESSOR_SECONDS
    tell(f"first answer {took:.1f} s after the start, {taken:.1f} s of a processor")
    (row,) = answers[-1]["predictions"]
    assert row["species_values"] == list(SPECIES)
    assert row["predicted_species"] == [
        SPECIES[row["species_probs"].index(max(row["species_probs"]))]
    ]
    assert run("docker", "exec", name, "id", "-u") == "10001"
    run("docker", "stop", "--time", "20", name)
    assert run("docker", "inspect", "--format", "{{.State.ExitCode}}", name) == "0"


def test_new_versions_in_a_mounted_folder(image: str, name: str, folder: Path) -> None:
    (port,) = free_ports(1)
    model = f"http://127.0.0.1:{port}/v1/models/iris_model"
    home = folder / "serving_dir" / "iris_model"
    write_iris_model(folder / "next", 0.5)

    def status() -> Any:
        try:
            said = requests.get(model, timeout=5)
        except requests.RequestException:
            return {}
        return said.json() if said.ok else {}

    def version() -> str | None:
        return next((one["version"] for one in status().get("model_version_status", ())), None)

    run(
        "docker", "run", "--detach", "--name", name, *CONFINED, "--env", "VIGIE_WORKERS=1",
        "--publish", f"127.0.0.1:{port}:8501", "--volume", f"{folder / 'serving_dir'}:/models:ro",
        image,
    )  # fmt: skip
    first = until(lambda: version() == "1", FIRST_SECONDS, name)
    taken = processor_seconds(name)
    before = requests.post(f"{model}:predict", json={"instances": [FLOWER]}, timeout=5).json()
    run("cp", "-r", folder / "next", home / "2")
    second = until(lambda: version() == "2", NEXT_SECONDS, name)
    after = requests.post(f"{model}:predict", json={"instances": [FLOWER]}, timeout=5).json()
    assert after != before
    more = processor_seconds(name) - taken
    assert more <= PROCESSOR_SECONDS
    tell(
        f"version 1 after {first:.1f} s, {taken:.1f} s of a processor; version 2 {second:.1f} s "
        f"after it was copied, {more:.1f} s of a processor"
    )

    (home / "3").mkdir()
    (home / "3" / "saved_model.pb").write_bytes(b"\xff broken")
    until(lambda: "not a SavedModel" in str(status().get("refused")), NEXT_SECONDS, name)
    assert status()["refused"]["version"] == "3"
    assert version() == "2"
    log = log_of(name)
    assert "iris_model version 3 is refused: saved_model.pb is not a SavedModel" in log
    assert "Traceback" not in log
    page = requests.get(f"http://127.0.0.1:{port}/status", timeout=5).text
    assert "saved_model.pb is not a SavedModel" in page


@pytest.fixture
def on_cluster(image: str, name: str, folder: Path) -> Iterator[str]:
    """The address of the overlay on a cluster, with the image that the page makes."""
    require_cluster()
    if not kubectl("get", "namespace", "serving", check=False).returncode:
        pytest.skip("the cluster has a namespace `serving`, which may be somebody's")
    base = f"{name}-base"
    run("docker", "create", "--name", base, image)
    run("docker", "cp", folder / "serving_dir" / "iris_model", f"{base}:/models/iris_model")
    run("docker", "commit", "--change", "ENV MODEL_NAME iris_model", base, f"{name}:1")
    (port,) = free_ports(1)
    words = ["kubectl", "--namespace", "serving", "port-forward", "service/iris-service"]
    forward: subprocess.Popen[bytes] | None = None
    try:
        load_image(f"{name}:1")
        objects = run("kubectl", "kustomize", OVERLAY).replace("iris_serving:1", f"{name}:1")
        kubectl("apply", "--validate=strict", "--filename", "-", given=objects)
        rollout = ("rollout", "status", "deployment/iris-deployment", "--timeout=300s")
        kubectl("--namespace", "serving", *rollout, seconds=320)
        forward = subprocess.Popen([*words, f"{port}:8501"], stdout=subprocess.DEVNULL)
        yield f"http://127.0.0.1:{port}"
    finally:
        if forward is not None:
            forward.terminate()
            forward.wait()
        kubectl("delete", "--ignore-not-found", "namespace", "serving", check=False, seconds=180)
        subprocess.run(["docker", "rmi", f"{name}:1"], capture_output=True, check=False)


def test_the_overlay_on_a_cluster(on_cluster: str, folder: Path) -> None:
    (curl,) = shell_block("curl")
    own = curl.replace("http://localhost:8501", on_cluster)
    deadline = time.monotonic() + LONGEST_SECONDS
    while (answer := asked(own, folder)) is None:
        assert time.monotonic() < deadline, "nobody answers at the Service"
        time.sleep(0.5)
    (row,) = answer["predictions"]
    assert row["species_values"] == list(SPECIES)
    pods = found("--namespace", "serving", "pods")["items"]
    assert [pod["status"]["containerStatuses"][0]["restartCount"] for pod in pods] == [0, 0]
