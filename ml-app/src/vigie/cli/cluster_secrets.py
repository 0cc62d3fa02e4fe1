"""The secrets of a stack on Kubernetes: made once, and a Secret for each service with its own.

vigie-made      the secrets themselves, for who operates the stack
SERVICE         the files of FILES that this service mounts
"""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import requests

from vigie.cli.stack_secrets import FILES, NAMES, new_secret, text_of
from vigie.errors import ConfigurationError

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
SERVER = "https://kubernetes.default.svc"
MADE = "vigie-made"
LABELS = {"app.kubernetes.io/part-of": "vigie", "app.kubernetes.io/managed-by": "vigie"}
_SECONDS = 10.0
_ABSENT, _THERE = 404, 409


class ClusterSecrets:
    """The Secrets of the namespace that this pod runs in, by the rights of its account."""

    def __init__(
        self, account: Path = ACCOUNT, server: str = SERVER, patience: float = 60.0
    ) -> None:
        self._patience = patience
        try:
            token = (account / "token").read_text()
            namespace = (account / "namespace").read_text()
        except OSError:
            raise ConfigurationError(
                "there is no account of Kubernetes here; the command is for a pod of the stack"
            ) from None
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {token}"
        # no proxy stands before it, and no other authority signs for it
        self._session.trust_env = False
        self._session.verify = str(account / "ca.crt")
        self._url = f"{server}/api/v1/namespaces/{namespace}/secrets"

    def read(self, name: str) -> dict[str, str] | None:
        """What a Secret holds; `None` where there is none."""
        answer = self._ask("GET", f"{self._url}/{name}")
        if answer.status_code == _ABSENT:
            return None
        data = self._content(answer).get("data") or {}
        return {key: base64.b64decode(value).decode() for key, value in data.items()}

    def create(self, name: str, content: Mapping[str, str]) -> bool:
        """Makes a Secret; false where somebody was quicker."""
        answer = self._ask("POST", self._url, _secret(name, content))
        if answer.status_code == _THERE:
            return False
        self._content(answer)
        return True

    def replace(self, name: str, content: Mapping[str, str]) -> None:
        """Puts other content into a Secret that is there."""
        self._content(self._ask("PUT", f"{self._url}/{name}", _secret(name, content)))

    def _ask(self, method: str, url: str, body: Mapping[str, Any] | None = None) -> Any:
        deadline = time.monotonic() + self._patience
        while True:
            try:
                return self._session.request(
                    method, url, json=body, timeout=_SECONDS, allow_redirects=False
                )
            except requests.RequestException:
                if time.monotonic() > deadline:
                    raise ConfigurationError(
                        "the API server of Kubernetes does not answer"
                    ) from None
            # network policies know a pod some seconds after it has started
            time.sleep(1)

    def _content(self, answer: Any) -> dict[str, Any]:
        if not answer.ok:
            raise ConfigurationError(
                f"the API server of Kubernetes answered {answer.status_code}; the account of the "
                "pod must be allowed to get, create and update Secrets of its namespace"
            )
        content: dict[str, Any] = answer.json()
        return content


def prepare_in_cluster(cluster: ClusterSecrets) -> int:
    """Makes the secrets that are missing and hands all of them out; how many were made.

    A secret that is there is never changed; what a service is given follows from them.
    """
    values = cluster.read(MADE)
    missing = [name for name in NAMES if not (values or {}).get(name)]
    if values is None:
        values = {name: new_secret() for name in NAMES}
        if not cluster.create(MADE, values):
            return prepare_in_cluster(cluster)
    elif missing:
        values |= {name: new_secret() for name in missing}
        cluster.replace(MADE, values)
    for service, files in _by_service(values).items():
        found = cluster.read(service)
        if found is None:
            cluster.create(service, files)
        elif found != files:
            cluster.replace(service, files)
    return len(missing)


def _by_service(values: Mapping[str, str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for file in FILES:
        service, name = PurePosixPath(file.path).parts
        found.setdefault(service, {})[name] = text_of(file, values)
    return found


def _secret(name: str, content: Mapping[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "labels": LABELS},
        "type": "Opaque",
        "stringData": dict(content),
    }
