"""Nothing of Vigie talks to anybody unasked: each packet that would leave is seen."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import requests

from support.imported_models import keras_file
from support.leaving_packets import Leaving, watched_network
from support.memory import tell
from support.onnx_models import perceptron
from support.ports import free_port
from support.waiting import wait_until
from support.worker import FLOWER

ROOT = Path(__file__).parents[2]
SECONDS = 60.0
MORE_THAN_ONNX_RUNTIME_WAITS = 60.0
OWN_CODE = """
import keras, numpy, vigie
rows = numpy.random.default_rng(0).normal(size=(200, 2))
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
model.compile("adam", "mae")
model.fit(rows, rows.sum(axis=1), verbose=0)
vigie.log_model(model, name="sums", inputs=rows, targets=rows.sum(axis=1), columns=["a", "b"])
"""
BY_ITSELF = {
    "onnxruntime": """
import sys, time, onnxruntime
onnxruntime.InferenceSession(sys.argv[1])
time.sleep(60)
""",
    "mlflow": """
import sys, time, mlflow
mlflow.set_tracking_uri("sqlite:///" + sys.argv[1] + ".db")
mlflow.create_experiment("one")
time.sleep(60)
""",
}
"""Programs that use a library as it comes."""


def bare(folder: Path, **environment: str) -> dict[str, str]:
    """The environment of somebody who has set nothing: no test runner shows through it."""
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8", **environment}


def checkout(folder: Path) -> Path:
    """What `make run` needs of one: MLflow's program and its environment."""
    (folder / "tools").mkdir(parents=True)
    shutil.copy(ROOT / "tools" / "mlflow", folder / "tools")
    (folder / "mlflow").mkdir()
    (folder / "mlflow" / ".venv").symlink_to(ROOT / "mlflow" / ".venv")
    return folder


def python(environment: Mapping[str, str], folder: Path, *words: object) -> None:
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        env=dict(environment), cwd=folder, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@contextlib.contextmanager
def everything(folder: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """`make run`: MLflow, a training, model-sync, the importer, the service; gives its address."""
    service = f"http://127.0.0.1:{environment['VIGIE_PORT']}"
    with (folder / "run.log").open("wb") as log:
        run = subprocess.Popen(
            [sys.executable, "-m", "vigie", "run"],
            env=dict(environment), cwd=folder, stdout=log, stderr=log,
        )  # fmt: skip
    try:

        def is_ready() -> bool:
            assert run.poll() is None, (folder / "run.log").read_text()
            with contextlib.suppress(requests.RequestException):
                return requests.get(f"{service}/readyz", timeout=5).ok
            return False

        wait_until(is_ready, 300)
        yield service
    finally:
        run.terminate()
        run.wait(60)


def ask(service: str) -> None:
    for path in ("/", "/docs", "/status", "/openapi.json", "/v1/models"):
        assert requests.get(service + path, headers={"Accept": "text/html"}, timeout=30).ok
    assert requests.post(f"{service}/predict/iris", json=FLOWER, timeout=30).ok


def test_no_packet_leaves_while_every_part_runs(tmp_path: Path) -> None:
    folder = checkout(tmp_path / "checkout")
    model = keras_file(tmp_path)
    table = tmp_path / "in.csv"
    table.write_text(",".join(FLOWER) + "\n" + ",".join(map(str, FLOWER.values())) + "\n")
    with watched_network() as leaving:
        environment = bare(
            folder,
            VIGIE_MODELS="iris,*",
            VIGIE_WORKERS="1",
            VIGIE_PORT=str(free_port()),
            VIGIE_METRICS_PORT=str(free_port()),
            VIGIE_MLFLOW_URL=f"http://127.0.0.1:{free_port()}",
            VIGIE_CACHE=str(folder / "var" / "cache"),
        )
        with everything(folder, environment) as service:
            began = time.monotonic()
            ask(service)
            vigie = (environment, folder, "-m", "vigie")
            python(*vigie, "import", model.source, "--name", "flowers", *model.options)
            python(environment, folder, "-c", OWN_CODE)
            python(*vigie, "batch", "iris", table, tmp_path / "out.csv")
            spark = ("spark", "score", "iris", "--input", table, "--output", tmp_path / "scored")
            python(*vigie, *spark)
            while time.monotonic() < began + SECONDS:
                ask(service)
                time.sleep(1)
            answered = {
                name: requests.get(f"{service}/v1/models/{name}", timeout=30).status_code
                for name in ("iris", "flowers", "sums")
            }
        tell(f"packets that left in {time.monotonic() - began:.0f} s: {len(leaving.packets)}")
        assert leaving.packets == []
    assert set(answered.values()) == {200}


@pytest.mark.parametrize("library", BY_ITSELF)
def test_what_a_library_sends_by_itself_is_seen(tmp_path: Path, library: str) -> None:
    """Were the variables not set, the test above would fail."""
    (tmp_path / "model.onnx").write_bytes(perceptron().SerializeToString())
    words = [sys.executable, "-c", BY_ITSELF[library], str(tmp_path / "model.onnx")]
    with watched_network() as leaving:
        program = subprocess.Popen(words, env=bare(tmp_path), stderr=subprocess.DEVNULL)
        try:
            wait_until(lambda: leaving.packets, MORE_THAN_ONNX_RUNTIME_WAITS)
        finally:
            program.kill()
            program.wait()
    tell(f"{library}: {leaving.packets[0]}")


def test_each_way_out_is_seen() -> None:
    with watched_network() as leaving:
        _try_ways(leaving)
    assert {(one.protocol, one.address, one.port) for one in leaving.packets} >= {
        ("tcp", "198.51.100.7", 443), ("tcp", "2001:db8:1::7", 443), ("udp", "203.0.113.5", 53),
        ("udp", "127.0.0.1", 53),
    }  # fmt: skip
    with pytest.raises(OSError, match="refused"), socket.create_connection(("127.0.0.1", 9), 5):
        pass


def _try_ways(leaving: Leaving) -> None:
    for address in ("198.51.100.7", "2001:db8:1::7"):
        with contextlib.suppress(TimeoutError):
            socket.create_connection((address, 443), 0.2)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        for address in ("203.0.113.5", "127.0.0.1"):
            asked.sendto(b"\0\7example\3org\0", (address, 53))
    wait_until(lambda: len(leaving.packets) >= 4)
    assert any("example" in one.words for one in leaving.packets)
