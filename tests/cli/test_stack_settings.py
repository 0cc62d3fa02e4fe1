"""`vigie stack check-settings`: what the lines of a stack's `.env` do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from vigie.cli.main import main

SERVICES: dict[str, Any] = {
    "ml-app": {"environment": {"VIGIE_DRAIN_SECONDS": "3", "VIGIE_MODELS": "iris"}},
    "model-sync": {"environment": {"VIGIE_MLFLOW_URL": "http://mlflow:5001"}},
    "trainer": {"environment": {"VIGIE_MLFLOW_URL": "http://mlflow:5001"}},
    "prometheus": {"environment": None},
}


def check(folder: Path, text: str) -> Result:
    file = folder / "env"
    file.write_text(text)
    return CliRunner().invoke(
        main,
        ["stack", "check-settings", str(file)],
        input=json.dumps({"services": SERVICES}),
        env={"VIGIE_MODELS": None},
    )


def test_lines_that_do_what_they_say_are_not_named(tmp_path: Path) -> None:
    done = check(
        tmp_path,
        "# a comment\nPORT=5050\nVIGIE_MODELS='iris'\nVIGIE_REPLICAS=2\nVIGIE_DOMAIN=\n"
        'VIGIE_WITHOUT=grafana\nVIGIE_ALERT_EMAIL_TO=""\nCOMPOSE_FILE=docker-compose.yml\n',
    )
    assert (done.exit_code, done.output) == (0, "")


def test_a_misspelt_name_is_told_with_the_nearest_one(tmp_path: Path) -> None:
    done = check(tmp_path, "VIGIE_REPLICA=2\nVIGIE_MODEL=iris\nVIGIE_ZZZZZZZZ=1\n")
    assert done.exit_code == 0
    assert done.output.splitlines() == [
        ".env: VIGIE_MODEL is no setting and is ignored; did you mean VIGIE_MODELS?",
        ".env: VIGIE_REPLICA is no setting and is ignored; did you mean VIGIE_REPLICAS?",
        ".env: VIGIE_ZZZZZZZZ is no setting and is ignored",
    ]


def test_a_name_of_the_release_before_is_told(tmp_path: Path) -> None:
    done = check(tmp_path, "VIGIE_MAX_IN_FLIGHT=8\n")
    assert done.output == ".env: VIGIE_MAX_IN_FLIGHT is no setting any more and is ignored\n"


def test_an_overruled_line_is_told_with_whom_it_does_not_reach(tmp_path: Path) -> None:
    done = check(tmp_path, "VIGIE_DRAIN_SECONDS=9\nVIGIE_MLFLOW_URL=http://mine\n")
    assert done.exit_code == 0
    assert [line.split(",")[0] for line in done.output.splitlines()] == [
        ".env: VIGIE_DRAIN_SECONDS is overruled for ml-app",
        ".env: VIGIE_MLFLOW_URL is overruled for model-sync",
    ]
    assert "http://mine" not in done.output


def test_what_would_keep_a_service_from_its_start_is_refused(tmp_path: Path) -> None:
    done = check(tmp_path, "VIGIE_PORT=\nVIGIE_WORKERS=many\nVIGIE_ALERT_SMTP_HOST=mail.test\n")
    assert done.exit_code == 1
    assert "VIGIE_PORT is empty: give it a value, or take the line out" in done.output
    assert "VIGIE_WORKERS: " in done.output
    assert "VIGIE_ALERT_SMTP_HOST: " in done.output
