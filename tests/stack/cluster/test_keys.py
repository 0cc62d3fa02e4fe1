"""The keys of callers come from a Secret, and change without a restart."""

from __future__ import annotations

from pathlib import Path

from support.kubernetes import kubectl
from support.kubernetes_stack import (
    IN_HERE,
    asked,
    at_least,
    given_secret,
    ready_pods,
    restarts,
    with_components,
)
from support.memory import tell
from support.waiting import wait_until
from support.worker import FLOWER
from vigie.serving.auth.apikeys import add_key, revoke_key
from vigie.settings import load_settings

# the kubelet looks at a Secret about once a minute, and its own copy may be as old
RENEWED_SECONDS = 180
ROWS = {"instances": [FLOWER]}


def statuses(key: str) -> set[int]:
    """How each pod of the service answers this key."""
    found = {asked(name, "/predict/iris", ROWS, **{"X-Api-Key": key})[0] for name in ready_pods()}
    assert found
    return found


def test_a_key_is_taken_and_another_revoked_without_a_restart(
    cluster: float, tmp_path: Path
) -> None:
    file = tmp_path / "keys.jsonl"
    settings = load_settings(api_keys=file, audit_log=tmp_path / "audit.log")
    first = add_key(settings, "first", None)
    at_least(2)
    given_secret("apikeys", keys_jsonl=file.read_text())
    try:
        with with_components(tmp_path, "apikeys"):
            wait_until(lambda: statuses(first) == {200}, 120)
            assert statuses("vig_nobody") == {401}
            before = restarts()
            second = add_key(settings, "second", None)
            revoke_key(settings, "first")
            given_secret("apikeys", keys_jsonl=file.read_text())
            wait_until(lambda: statuses(second) == {200}, RENEWED_SECONDS)
            wait_until(lambda: statuses(first) == {401}, RENEWED_SECONDS)
            # the autoscaler may have made another one meanwhile
            assert before.items() <= restarts().items()
            tell(f"keys changed in {len(before)} pods, none of them started again")
    finally:
        kubectl("delete", *IN_HERE, "secret", "apikeys", "--ignore-not-found")
