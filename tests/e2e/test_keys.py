"""Keys on a real service: made by the command line, taken by every worker, taken back."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.service import LiveService, MakeService, value_of
from support.waiting import wait_until
from support.worker import HOME

MOST_SECONDS = 5.0


def vigie(*command: str, **environment: str) -> str:
    """What a command of `vigie` says; it must succeed."""
    done = subprocess.run(
        [sys.executable, "-m", "vigie", *command],
        env=environment, check=True, timeout=300, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.strip()


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, str]:
    """The environment of the commands, with a file that has one key."""
    environment = {
        **{name: value for name, value in os.environ.items() if name[:6] != "VIGIE_"},
        "VIGIE_API_KEYS": str(tmp_path / "keys"),
        "VIGIE_AUDIT_LOG": str(tmp_path / "audit.log"),
    }
    environment["VIGIE_API_KEY"] = vigie("apikey", "add", "first", **environment)
    return environment


def statuses(service: LiveService, key: str) -> set[int]:
    """What some tries answer; both workers are asked with near certainty."""
    return {
        service.predict("housing", HOME, Authorization=f"Bearer {key}").status for _ in range(16)
    }


def test_keys_come_and_go_without_a_restart(
    make_service: MakeService, keys: dict[str, str], tmp_path: Path
) -> None:
    service = make_service(VIGIE_API_KEYS=keys["VIGIE_API_KEYS"])
    service.start()
    service.wait_ready()
    key = keys["VIGIE_API_KEY"]
    assert statuses(service, key) == {200}
    assert statuses(service, "vig_x") == {401}
    asked = vigie(
        "predict", "housing", *(f"{name}={value}" for name, value in HOME.items()),
        "--url", f"http://127.0.0.1:{service.port}", **keys,
    )  # fmt: skip
    assert "price_eur: 164,500" in asked
    late = vigie("apikey", "add", "late", **keys)
    wait_until(lambda: statuses(service, late) == {200}, MOST_SECONDS)
    vigie("apikey", "revoke", "late", **keys)
    wait_until(lambda: statuses(service, late) == {401}, MOST_SECONDS)
    assert statuses(service, key) == {200}
    file = Path(keys["VIGIE_API_KEYS"])
    whole = file.read_bytes()
    file.write_bytes(whole[:-9])
    wait_until(lambda: statuses(service, key) == {503}, MOST_SECONDS)
    assert service.is_ready
    file.write_bytes(whole)
    wait_until(lambda: statuses(service, key) == {200}, MOST_SECONDS)
    wait_until(
        lambda: value_of(service.samples(), "vigie_rejected_total", reason="unauthorized") >= 32
    )
    assert service.stop() == 0
    said = service.log.read_text()
    assert "line 1 is no key of `vigie apikey add`" in said
    assert key not in said
    assert late not in said


def test_a_start_without_the_file_is_one_clear_sentence(
    make_service: MakeService, tmp_path: Path
) -> None:
    service = make_service(VIGIE_API_KEYS=str(tmp_path / "none"))
    service.start()
    assert service.wait() == 1
    assert service.log.read_text() == (
        "vigie: VIGIE_API_KEYS: the file cannot be read (No such file or directory); "
        "`vigie apikey add` makes it\n"
    )
