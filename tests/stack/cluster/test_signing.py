"""Signatures on the cluster: their keys come from Secrets, and change without a restart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.kubernetes import kubectl
from support.kubernetes_stack import (
    IN_HERE,
    asked_everywhere,
    at_least,
    given_secret,
    rendered_with,
    restarts,
    run_as_trainer,
    with_components,
)
from support.kubernetes_versions import newest, point, version_of
from support.memory import tell
from support.waiting import wait_until
from vigie.models.signing import new_keys

MODELS = ("housing", "iris")
# the kubelet looks at a Secret about once a minute, and its own copy may be as old
RENEWED_SECONDS = 180


@pytest.fixture
def keys(cluster: float, tmp_path: Path) -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    """Two pairs, private and public; the Secrets hold the first."""

    def pair(name: str) -> tuple[str, str]:
        public = new_keys(tmp_path / f"{name}.pem")
        return (tmp_path / f"{name}.pem").read_text(), public.read_text()

    first, second = pair("first"), pair("second")
    given_secret("signing-key", key_pem=first[0])
    given_secret("public-keys", keys_pem=first[1])
    yield first, second
    kubectl("delete", *IN_HERE, "secret", "signing-key", "public-keys", "--ignore-not-found")


def signed(folder: Path, model: str) -> str:
    """A version that training signed on the cluster with the key of the Secret; its number."""
    run_as_trainer(rendered_with(folder, "signing"), args=["train", model])
    return newest(model)


def states(version: str) -> set[str]:
    """What each replica says of a version of iris: `serves`, `refused` or neither."""
    return {
        "serves" if one["version"] == version
        else "refused" if one.get("refused", {}).get("version") == version
        else "neither"
        for one in asked_everywhere("/v1/models/iris").values()
    }  # fmt: skip


def test_a_new_key_is_taken_without_a_restart_and_a_strange_one_is_not(
    keys: tuple[tuple[str, str], tuple[str, str]], tmp_path: Path
) -> None:
    first, second = keys
    at_least(2)
    # who asks for signatures has signed versions first
    for model in MODELS:
        point(model, signed(tmp_path, model))
    with with_components(tmp_path, "signing"):
        mine = version_of("iris")
        wait_until(lambda: states(mine) == {"serves"}, 120)
        before = restarts()
        given_secret("signing-key", key_pem=second[0])
        strange = signed(tmp_path, "iris")
        point("iris", strange)
        wait_until(lambda: states(strange) == {"refused"}, 120)
        given_secret("public-keys", keys_pem=first[1] + second[1])
        known = signed(tmp_path, "iris")
        point("iris", known)
        # what came before its key did is asked for again, less and less often
        wait_until(lambda: states(known) == {"serves"}, RENEWED_SECONDS)
        # the autoscaler may have made another one meanwhile
        assert before.items() <= restarts().items()
        tell(f"a key of signatures was added in {len(before)} pods, none of them started again")
