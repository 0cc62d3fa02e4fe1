"""The load generator as a Job of the cluster, against the service of the cluster."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.compose import ROOT
from support.kubernetes import kubectl, load_image
from support.kubernetes_stack import IN_HERE, at_least, await_end
from support.manifests import FOLDER

SHORT = {
    "LOCUST_USERS": "5",
    "LOCUST_RUN_TIME": "10",
    "LOAD_RATE": "50",
    "LOAD_MOST_P99_MS": "9000",
}


@pytest.fixture(scope="module", autouse=True)
def _image(cluster: float) -> None:
    build = ["docker", "build", "--quiet", "--tag", "vigie-load:local", str(ROOT / "loadtest")]
    subprocess.run(build, check=True, capture_output=True, timeout=1200)
    load_image("vigie-load:local")
    at_least(2)


@pytest.fixture
def overlay(tmp_path: Path) -> Iterator[Path]:
    """A folder for a shorter run than that of `k8s/load`; its job is taken away at the end."""
    yield tmp_path
    kubectl("delete", "--kustomize", str(tmp_path), "--ignore-not-found")


def run(overlay: Path, **told: str) -> None:
    """Starts the job, told otherwise than `k8s/load` is."""
    literals = [f"{name}={value}" for name, value in (SHORT | told).items()]
    (overlay / "kustomization.yaml").write_text(json.dumps({
        "namespace": "vigie",
        "resources": [os.path.relpath(FOLDER / "load", overlay)],
        "configMapGenerator": [{"name": "load", "behavior": "merge", "literals": literals}],
        "generatorOptions": {"disableNameSuffixHash": True},
    }))  # fmt: skip
    kubectl("apply", "--kustomize", str(overlay))


def test_it_asks_by_the_clock_and_says_what_it_saw(overlay: Path) -> None:
    run(overlay)
    await_end("load")
    said = kubectl("logs", *IN_HERE, "job/load", "--container", "load").stdout
    counts = re.search(r"\| (\d+) \| 0 \|", said)
    assert counts, said
    # half of what was planned, however busy the machine
    assert int(counts[1]) >= 250
    assert "holds" in said
    assert "misses" not in said


def test_it_fails_where_a_threshold_is_missed(overlay: Path) -> None:
    run(overlay, LOAD_MOST_P99_MS="0.01")
    with pytest.raises(AssertionError, match="misses"):
        await_end("load")
