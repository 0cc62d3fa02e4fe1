"""A Kubernetes cluster of tests, and words to it."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from typing import Any

import pytest

LOADER = "VIGIE_TEST_CLUSTER_LOAD"


def require_cluster() -> None:
    """Skips where no cluster of tests answers, or nobody says how it gets images."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed: the tests on Kubernetes need it")
    if not os.environ.get(LOADER):
        pytest.skip(f"{LOADER} does not name what brings an image into a cluster of tests")
    if kubectl("get", "--raw", "/readyz", check=False).returncode:
        pytest.skip("no Kubernetes cluster answers: KUBECONFIG names one")


def load_image(image: str) -> None:
    """Brings an image of the local engine into the cluster."""
    command = shlex.split(os.environ["VIGIE_TEST_CLUSTER_LOAD"])
    subprocess.run([*command, image], check=True, capture_output=True, timeout=1200)


def kubectl(
    *words: str, given: str | None = None, check: bool = True, seconds: float = 120
) -> subprocess.CompletedProcess[str]:
    """`kubectl …`; an `AssertionError` with its words where it fails."""
    done = subprocess.run(
        ["kubectl", *words], input=given, capture_output=True, text=True, check=False,
        timeout=seconds,
    )  # fmt: skip
    assert not check or not done.returncode, f"{' '.join(words)}:\n{done.stdout}\n{done.stderr}"
    return done


def found(*words: str) -> dict[str, Any]:
    """What `kubectl get …` finds."""
    answer: dict[str, Any] = json.loads(kubectl("get", *words, "--output", "json").stdout)
    return answer


def applied(content: Mapping[str, Any]) -> None:
    """Makes or changes one object, by the schema of the cluster."""
    kubectl("apply", "--validate=strict", "--filename", "-", given=json.dumps(content))
