"""The receivers of alerts come from settings; no secret is ever written."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from vigie.cli.main import main
from vigie.errors import ConfigurationError
from vigie.monitoring.alerting import with_receivers
from vigie.settings import load_alert_settings

BASE = Path(__file__).parents[2] / "alertmanager" / "alertmanager.yml"
SECRET = "https://hooks.example.org/s3cret"


@pytest.fixture
def every_way(tmp_path: Path) -> dict[str, object]:
    """Settings that name every way, and the files that they name."""
    for name in ("webhook", "slack", "watchdog", "smtp"):
        (tmp_path / name).write_text(SECRET)
    return {
        "alert_webhook_url_file": tmp_path / "webhook",
        "alert_slack_url_file": tmp_path / "slack",
        "alert_email_to": "ops@example.org",
        "alert_email_from": "vigie@example.org",
        "alert_smtp_host": "mail.example.org:587",
        "alert_smtp_user": "vigie",
        "alert_smtp_password_file": tmp_path / "smtp",
        "alert_watchdog_url_file": tmp_path / "watchdog",
    }


def base() -> str:
    return BASE.read_text(encoding="utf-8")


def test_without_settings_nobody_is_told_and_nothing_else_changes() -> None:
    told, text = with_receivers(base(), load_alert_settings())
    assert told == []
    assert yaml.safe_load(text) == yaml.safe_load(base())


def test_every_way_is_written_with_its_secret_in_a_file(
    every_way: dict[str, object], tmp_path: Path
) -> None:
    told, text = with_receivers(base(), load_alert_settings(**every_way))
    assert SECRET not in text
    assert told == ["webhook", "slack", "email"]
    document = yaml.safe_load(text)
    people, watchdog = document["receivers"]
    assert people["webhook_configs"] == [{"url_file": str(tmp_path / "webhook")}]
    assert people["slack_configs"][0]["api_url_file"] == str(tmp_path / "slack")
    (email,) = people["email_configs"]
    assert email["auth_password_file"] == str(tmp_path / "smtp")
    assert (email["to"], email["smarthost"]) == ("ops@example.org", "mail.example.org:587")
    assert watchdog["webhook_configs"] == [{"url_file": str(tmp_path / "watchdog")}]
    assert {k: v for k, v in document.items() if k != "receivers"} == {
        k: v for k, v in yaml.safe_load(base()).items() if k != "receivers"
    }


def test_the_command_writes_a_file_that_alertmanager_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, every_way: dict[str, object]
) -> None:
    secret, target = tmp_path / "webhook", tmp_path / "alertmanager.yml"
    secret.write_text(SECRET)
    monkeypatch.setenv("VIGIE_ALERT_WEBHOOK_URL_FILE", str(secret))
    done = CliRunner().invoke(main, ["alerting", "render", str(BASE), str(target)])
    assert (done.exit_code, done.output) == (0, "alerts go to: webhook\n")
    assert SECRET not in target.read_text()
    if check(base()) is None:
        pytest.skip("amtool is not installed, or older than 0.26")
    assert check(base()) == 0
    assert check(target.read_text()) == 0
    assert check(with_receivers(base(), load_alert_settings(**every_way))[1]) == 0
    assert check(target.read_text().replace("receiver: people", "receiver: other")) != 0


def check(text: str) -> int | None:
    """What amtool ends with on a configuration; `None` where there is none that knows files."""
    amtool = shutil.which("amtool")
    if amtool is None or not knows_files(amtool):
        return None
    done = subprocess.run(
        [amtool, "check-config", "/dev/stdin"],
        input=text, text=True, capture_output=True, timeout=30, check=False,
    )  # fmt: skip
    return done.returncode


def knows_files(amtool: str) -> bool:
    """True from 0.26 on: before, the address of a webhook could not be in a file."""
    done = subprocess.run(
        [amtool, "--version"], capture_output=True, text=True, timeout=30, check=False
    )
    version = (done.stdout or done.stderr).split("version ")[1].split(".")
    return (int(version[0]), int(version[1])) >= (0, 26)


def test_a_file_without_receivers_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no receivers"):
        with_receivers("route:\n  receiver: people\n", load_alert_settings())
