"""The secrets of a stack on Kubernetes, against a server that answers as its API does."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.ports import free_port
from vigie.cli.cluster_secrets import MADE, ClusterSecrets, prepare_in_cluster
from vigie.cli.stack_secrets import FILES, NAMES
from vigie.errors import ConfigurationError

TOKEN, PATH = "of-the-pod", "/api/v1/namespaces/vigie/secrets"
ACCOUNT = Path(__file__).parents[2] / "k8s/components/secrets/account.yaml"


class Api:
    """Secrets of one namespace, kept as the API server keeps them: base64 under `data`."""

    def __init__(self, account: Path) -> None:
        self.kept: dict[str, dict[str, str]] = {}
        self.written: list[str] = []
        self.forbidden = False
        self.account = account
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.removeprefix(f"{PATH}/")
                found = api.kept.get(name)
                self.answer(200 if found else 404, {"data": found} if found else {})

            def do_POST(self) -> None:
                content = self.content()
                name = content["metadata"]["name"]
                self.answer(409 if name in api.kept else 201, api.keep(name, content))

            def do_PUT(self) -> None:
                content = self.content()
                name = self.path.removeprefix(f"{PATH}/")
                self.answer(200 if name in api.kept else 404, api.keep(name, content))

            def content(self) -> dict[str, Any]:
                size = int(self.headers["Content-Length"])
                read: dict[str, Any] = json.loads(self.rfile.read(size))
                return read

            def answer(self, status: int, content: object) -> None:
                if api.forbidden or self.headers["Authorization"] != f"Bearer {TOKEN}":
                    status = 403
                body = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def keep(self, name: str, content: dict[str, Any]) -> dict[str, Any]:
        self.written.append(name)
        self.kept[name] = {
            key: base64.b64encode(text.encode()).decode()
            for key, text in content["stringData"].items()
        }
        return content

    def text(self, name: str, key: str) -> str:
        return base64.b64decode(self.kept[name][key]).decode()

    def secrets(self) -> ClusterSecrets:
        return ClusterSecrets(self.account, self.url, patience=0)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "namespace").write_text("vigie")
    (tmp_path / "ca.crt").write_text("")
    made = Api(tmp_path)
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def test_each_service_is_given_its_files_and_no_other(api: Api) -> None:
    assert prepare_in_cluster(api.secrets()) == len(NAMES)
    assert set(api.kept[MADE]) == set(NAMES)
    found = {(service, name) for service, files in api.kept.items() for name in files}
    wanted = {tuple(file.path.split("/")) for file in FILES}
    assert found - {(MADE, name) for name in NAMES} == wanted
    password = api.text(MADE, "postgres")
    assert len(password) >= 40
    assert api.text("postgres", "password") == password
    assert api.text("mlflow-migrate", "pgpass") == f"*:*:*:postgres:{password}\n"


def test_a_second_time_writes_nothing(api: Api) -> None:
    prepare_in_cluster(api.secrets())
    api.written.clear()
    assert prepare_in_cluster(api.secrets()) == 0
    assert api.written == []


def test_what_is_lost_is_made_and_what_is_there_stays(api: Api) -> None:
    prepare_in_cluster(api.secrets())
    password = api.text(MADE, "postgres")
    del api.kept["postgres"]
    del api.kept[MADE]["grafana"]
    api.kept["mlflow"]["pgpass"] = ""
    assert prepare_in_cluster(api.secrets()) == 1
    assert api.text(MADE, "postgres") == api.text("postgres", "password") == password
    assert api.text("grafana", "admin_password") == api.text(MADE, "grafana")
    assert api.text("mlflow", "pgpass").startswith("*:*:*:mlflow:")


def test_a_pod_that_may_not_is_told_what_it_needs(api: Api) -> None:
    api.forbidden = True
    with pytest.raises(ConfigurationError, match="get, create and update Secrets") as refused:
        prepare_in_cluster(api.secrets())
    assert TOKEN not in str(refused.value)


def test_a_server_that_does_not_answer_is_said_to(api: Api) -> None:
    away = ClusterSecrets(api.account, f"http://127.0.0.1:{free_port()}", patience=0)
    with pytest.raises(ConfigurationError, match="does not answer"):
        prepare_in_cluster(away)


def test_outside_of_a_pod_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no account of Kubernetes"):
        ClusterSecrets(tmp_path)


def test_the_account_may_change_what_is_made_and_nothing_else() -> None:
    role = next(one for one in yaml.safe_load_all(ACCOUNT.read_text()) if one["kind"] == "Role")
    create, change = role["rules"]
    assert (create["verbs"], change["verbs"]) == (["create"], ["get", "update"])
    assert sorted(change["resourceNames"]) == sorted(
        {MADE, *(file.path.split("/")[0] for file in FILES)}
    )
