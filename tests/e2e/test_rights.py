"""The account of model-sync may read and nothing else: MLflow with its own users."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from support.packages import HOUSING_ROWS, housing_document, housing_graph, write_package
from support.real_mlflow import RealMlflow, real_mlflow
from support.waiting import wait_until
from vigie.errors import ConfigurationError
from vigie.registry.cache import CHAMPION, ModelCache
from vigie.registry.operate import OperatorClient, allow_reading
from vigie.settings import Settings, load_settings

pytestmark = pytest.mark.filterwarnings("ignore")
MODELS = ("homes", "flats", "barns")
ADMIN, READER, OPERATOR = "admin", "vigie-reader", "vigie-operator"
NEWCOMER = "vigie-newcomer"
LIST = "/registered-models/search"
WATCHED_SECONDS = 15.0
MOST_OF_A_CORE = 0.10


@dataclass(frozen=True)
class Guarded:
    """An MLflow that knows its users, three models in it, and who may read them or nothing yet."""

    mlflow: RealMlflow
    folder: Path
    passwords: Mapping[str, str]

    def ask(self, user: str, method: str, route: str, **content: Any) -> requests.Response:
        """One request of a user to a REST route."""
        reads = method == "GET"
        return requests.request(
            method, f"{self.mlflow.url}/api/{route}", auth=(user, self.passwords[user]),
            params=content if reads else None, json=None if reads else content, timeout=60,
        )  # fmt: skip

    def cache(self, user: str) -> Path:
        """Where the commands of that user put models."""
        return self.folder / f"cache of {user}"

    def environment(self, user: str) -> dict[str, str]:
        """What a command of that user needs."""
        return {
            **os.environ, "VIGIE_MLFLOW_URL": self.mlflow.url,
            "VIGIE_CACHE": str(self.cache(user)), "VIGIE_STATE": str(self.folder / "state"),
            "VIGIE_MODELS": ",".join(MODELS), "MLFLOW_TRACKING_USERNAME": user,
            "MLFLOW_TRACKING_PASSWORD": self.passwords[user],
        }  # fmt: skip

    def run(self, user: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The real command as that user."""
        return subprocess.run(
            [sys.executable, "-m", "vigie", *arguments],
            env=self.environment(user), capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip


def register(settings: Settings, folder: Path, name: str, factor: float) -> None:
    """Registers a package as whoever the environment names."""
    from vigie.training.tracking import Tracking

    tracking = Tracking(settings, "models")
    with tracking.run(name) as run_id:
        model = tracking.new_model(name, run_id)
        root = folder / f"{name}-{factor}"
        digest = write_package(root, housing_document(name), housing_graph(factor), HOUSING_ROWS)
        tracking.register(model, root, name, digest, {})


def experiment(guarded: Guarded) -> str:
    found = guarded.ask(
        ADMIN, "GET", "2.0/mlflow/experiments/get-by-name", experiment_name="models"
    )
    return str(found.json()["experiment"]["experiment_id"])


def grant(guarded: Guarded, kind: str, which: str, user: str, permission: str = "READ") -> None:
    answer = guarded.ask(
        ADMIN, "POST", "3.0/mlflow/users/permissions/grant",
        username=user, resource_type=kind, resource_id=which, permission=permission,
    )  # fmt: skip
    assert answer.status_code == 200, answer.text


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("guarded")
    passwords = {user: secrets.token_urlsafe(18) for user in (ADMIN, READER, OPERATOR, NEWCOMER)}
    (folder / "auth.ini").write_text(
        "[mlflow]\ndefault_permission = NO_PERMISSIONS\nadmin_username = admin\n"
        f"database_uri = sqlite:///{folder}/users.db\nauth_cache_ttl_seconds = 60\n"
    )
    users = {
        "MLFLOW_AUTH_CONFIG_PATH": str(folder / "auth.ini"),
        "MLFLOW_AUTH_ADMIN_PASSWORD": passwords[ADMIN],
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_urlsafe(32),
    }
    with (
        real_mlflow(folder, "--app-name", "basic-auth", **users) as mlflow,
        pytest.MonkeyPatch.context() as patch,
    ):
        made = Guarded(mlflow, folder, passwords)
        patch.setenv("MLFLOW_TRACKING_USERNAME", ADMIN)
        patch.setenv("MLFLOW_TRACKING_PASSWORD", passwords[ADMIN])
        settings = load_settings(mlflow_url=mlflow.url, state=folder / "state")
        owner = OperatorClient.of(settings)
        for name in MODELS:
            register(settings, folder, name, 1.0)
            owner.point(name, CHAMPION, "1")
        register(settings, folder, "homes", 2.0)
        for user in (READER, OPERATOR, NEWCOMER):
            answer = made.ask(
                ADMIN, "POST", "2.0/mlflow/users/create", username=user, password=passwords[user]
            )
            assert answer.status_code == 200, answer.text
        for name in MODELS:
            grant(made, "registered_model", name, READER)
        grant(made, "experiment", experiment(made), READER)
        yield made


def test_reading_the_models_and_their_experiment_is_all_that_it_takes(guarded: Guarded) -> None:
    refused = guarded.run(NEWCOMER, "follow", "--once")
    assert refused.returncode == 1
    assert "MLflow answered 403; an account that may do this" in refused.stderr
    for name in MODELS:
        grant(guarded, "registered_model", name, NEWCOMER)
    # the files of a version lie below the experiment of its run
    refused = guarded.run(NEWCOMER, "follow", "--once")
    assert refused.returncode == 1
    assert "MLflow answered 403" in refused.stderr
    grant(guarded, "experiment", experiment(guarded), NEWCOMER)
    taken = guarded.run(NEWCOMER, "follow", "--once")
    assert taken.returncode == 0, taken.stderr
    assert taken.stdout.split() == [word for name in MODELS for word in (f"{name}:", "installed")]
    assert ModelCache(guarded.cache(NEWCOMER)).models() == sorted(MODELS)


WRITES: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("POST", "2.0/mlflow/model-versions/create", {"source": "models:/m-1"}),
    ("POST", "2.0/mlflow/model-versions/set-tag", {"version": "1", "key": "k", "value": "v"}),
    ("DELETE", "2.0/mlflow/model-versions/delete-tag", {"version": "1", "key": "vigie.digest"}),
    ("DELETE", "2.0/mlflow/model-versions/delete", {"version": "1"}),
    ("PATCH", "2.0/mlflow/model-versions/update", {"version": "1", "description": "x"}),
    ("POST", "2.0/mlflow/registered-models/alias", {"alias": "champion", "version": "2"}),
    ("DELETE", "2.0/mlflow/registered-models/alias", {"alias": "champion"}),
    ("POST", "2.0/mlflow/registered-models/set-tag", {"key": "k", "value": "v"}),
    ("DELETE", "2.0/mlflow/registered-models/delete", {}),
    ("POST", "2.0/mlflow/registered-models/rename", {"new_name": "mine"}),
)


@pytest.mark.parametrize(("method", "route", "content"), WRITES)
def test_every_write_is_answered_403(
    guarded: Guarded, method: str, route: str, content: dict[str, str]
) -> None:
    answer = guarded.ask(READER, method, route, name="homes", **content)
    assert answer.status_code == 403, answer.text


def test_no_artifact_can_be_written_or_deleted(guarded: Guarded) -> None:
    found = guarded.ask(
        READER, "GET", "2.0/mlflow/model-versions/get-download-uri", name="homes", version="1"
    )
    path = found.json()["artifact_uri"].removeprefix("mlflow-artifacts:/")
    for method in ("PUT", "DELETE"):
        answer = requests.request(
            method, f"{guarded.mlflow.url}/api/2.0/mlflow-artifacts/artifacts/{path}/MLmodel",
            data=b"x", auth=(READER, guarded.passwords[READER]), timeout=60,
        )  # fmt: skip
        assert answer.status_code == 403, answer.text


def test_vigie_promote_says_that_the_account_may_not(guarded: Guarded) -> None:
    refused = guarded.run(READER, "promote", "homes", "--version", "2", "--force")
    assert refused.returncode == 1
    assert "MLFLOW_TRACKING_USERNAME" in refused.stderr
    assert "Traceback" not in refused.stderr
    champion = guarded.ask(
        READER, "GET", "2.0/mlflow/registered-models/alias", name="homes", alias="champion"
    )
    assert champion.json()["model_version"]["version"] == "1"


def test_edit_registers_and_promotes_and_manage_goes_back(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant(guarded, "registered_model", "flats", OPERATOR, "EDIT")
    grant(guarded, "experiment", experiment(guarded), OPERATOR, "EDIT")
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", OPERATOR)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", guarded.passwords[OPERATOR])
    settings = load_settings(mlflow_url=guarded.mlflow.url, state=guarded.folder / "state")
    register(settings, guarded.folder, "flats", 2.0)
    promoted = guarded.run(OPERATOR, "promote", "flats", "--version", "2", "--force")
    assert promoted.returncode == 0, promoted.stderr
    # going back removes an alias
    revoked = guarded.ask(
        ADMIN, "POST", "3.0/mlflow/users/permissions/revoke",
        username=OPERATOR, resource_type="registered_model", resource_id="flats",
    )  # fmt: skip
    assert revoked.status_code == 200, revoked.text
    grant(guarded, "registered_model", "flats", OPERATOR, "MANAGE")
    back = guarded.run(OPERATOR, "rollback", "flats")
    assert back.returncode == 0, back.stderr


def test_polling_costs_mlflow_little(guarded: Guarded) -> None:
    log_file = guarded.folder / "log"
    log_file.write_text("")
    with (guarded.folder / "follow.log").open("wb") as log:
        sync = subprocess.Popen(
            [sys.executable, "-m", "vigie", "follow"],
            env=guarded.environment(READER), stdout=log, stderr=log,
        )  # fmt: skip
    try:
        # the first looks ask for every model, the later ones for the list alone
        wait_until(lambda: [LIST in one for one in requests_in(log_file)[-2:]] == [True, True])
        before, asked = guarded.mlflow.seconds(), len(requests_in(log_file))
        time.sleep(WATCHED_SECONDS)
        share = (guarded.mlflow.seconds() - before) / WATCHED_SECONDS
        asked = len(requests_in(log_file)) - asked
    finally:
        sync.terminate()
        sync.wait(60)
    assert 1 <= asked <= 6
    assert share < MOST_OF_A_CORE


def requests_in(log: Path) -> list[str]:
    """What MLflow was asked for, line by line."""
    return [one for one in log.read_text(errors="replace").splitlines() if '"GET /api/' in one]


def test_an_account_that_the_stack_makes_can_read_and_nothing_else(
    guarded: Guarded, tmp_path: Path
) -> None:
    password = tmp_path / "password"
    for secret in (secrets.token_urlsafe(18), secrets.token_urlsafe(18)):
        # the second time the account is there, with another password
        password.write_text(secret)
        settings = load_settings(
            mlflow_url=guarded.mlflow.url, mlflow_reader="registry",
            mlflow_reader_password_file=password,
        )  # fmt: skip
        assert allow_reading(settings)
        assert allow_reading(settings)
        (tmp_path / ".mlflow").mkdir(exist_ok=True)
        (tmp_path / ".mlflow" / "credentials").write_text(
            f"[mlflow]\nmlflow_tracking_username = registry\nmlflow_tracking_password = {secret}\n"
        )
        cache = tmp_path / secret
        environment = guarded.environment(ADMIN) | {
            "HOME": str(tmp_path),
            "VIGIE_CACHE": str(cache),
        }
        for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
            del environment[name]
        taken = subprocess.run(
            [sys.executable, "-m", "vigie", "follow", "--once"],
            env=environment, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert taken.returncode == 0, taken.stderr
        assert ModelCache(cache).models() == sorted(MODELS)
        refused = requests.post(
            f"{guarded.mlflow.url}/api/2.0/mlflow/registered-models/set-tag",
            auth=("registry", secret), json={"name": "homes", "key": "k", "value": "v"}, timeout=60,
        )  # fmt: skip
        assert refused.status_code == 403


def test_an_account_without_a_password_is_refused(guarded: Guarded) -> None:
    settings = load_settings(mlflow_url=guarded.mlflow.url, mlflow_reader="registry")
    with pytest.raises(ConfigurationError, match="VIGIE_MLFLOW_READER_PASSWORD_FILE"):
        allow_reading(settings)
    assert not allow_reading(load_settings(mlflow_url=guarded.mlflow.url))
