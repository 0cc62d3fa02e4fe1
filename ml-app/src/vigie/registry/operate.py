"""What operators, and the importer, change in MLflow: aliases, tags, files, accounts. model-sync
and the service change nothing there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import requests

from vigie.errors import ConfigurationError, RegistryError
from vigie.registry.client import RegistryClient
from vigie.settings import mlflow_account

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from vigie.registry.client import RegisteredVersion
    from vigie.settings import Settings

READABLE = ("experiment", "registered_model")


class OperatorClient(RegistryClient):
    """A client that may also move aliases and tag versions; MLflow decides who that is."""

    def point(self, name: str, alias: str, version: str) -> None:
        """Makes an alias name this version."""
        content = {"name": name, "alias": alias, "version": version}
        self._http.tell("POST", "registered-models/alias", content)

    def unpoint(self, name: str, alias: str) -> None:
        """Removes an alias."""
        self._http.tell("DELETE", "registered-models/alias", {"name": name, "alias": alias})

    def tag(self, name: str, version: str, tags: Mapping[str, str]) -> None:
        """Sets tags of a version."""
        for key, value in tags.items():
            self._http.tell(
                "POST",
                "model-versions/set-tag",
                {"name": name, "version": version, "key": key, "value": value},
            )

    def untag(self, name: str, version: str, key: str) -> None:
        """Removes a tag of a version."""
        self._http.tell(
            "DELETE", "model-versions/delete-tag", {"name": name, "version": version, "key": key}
        )

    def add_files(self, version: RegisteredVersion, root: Path, names: Sequence[str]) -> None:
        """Stores files of `root` beside those that a version has, wherever MLflow keeps them."""
        target = self._artifact_root(version)
        for name in names:
            self._http.send(root / name, f"{target}/{name}")


def allow_reading(settings: Settings) -> bool:
    """Sees to it that the account of `VIGIE_MLFLOW_READER` exists and may read; whether one is set.

    Needs the credentials of an administrator. Raises `RegistryError` where MLflow does not do it.
    """
    user = settings.mlflow_reader
    if user is None:
        return False
    file = settings.mlflow_reader_password_file
    try:
        password = file.read_text().strip() if file else ""
    except OSError as failure:
        raise ConfigurationError(
            f"VIGIE_MLFLOW_READER_PASSWORD_FILE: the file cannot be read ({failure.strerror})"
        ) from None
    if not password:
        raise ConfigurationError("VIGIE_MLFLOW_READER needs VIGIE_MLFLOW_READER_PASSWORD_FILE")
    try:
        _Accounts(settings).allow(user, password)
    except requests.RequestException:
        raise RegistryError("MLflow does not answer; its accounts are unchanged") from None
    return True


class _Accounts:
    """The part of MLflow's API for administrators that is needed here."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.mlflow_url.rstrip("/")
        self._timeout = settings.registry_timeout_seconds
        self._auth = mlflow_account()

    def allow(self, user: str, password: str) -> None:
        if not self._accepts(user, password):
            known = self._call("GET", "2.0", "users/get", {"username": user})
            method, route = (
                ("PATCH", "users/update-password") if known else ("POST", "users/create")
            )
            self._call(method, "2.0", route, {"username": user, "password": password})
        for kind in READABLE:
            grant = {"resource_type": kind, "resource_id": "*", "permission": "READ"}
            self._call("POST", "3.0", "users/permissions/grant", {"username": user} | grant)

    def _accepts(self, user: str, password: str) -> bool:
        answer = requests.get(
            f"{self._url}/api/2.0/mlflow/registered-models/search",
            auth=(user, password), timeout=self._timeout, allow_redirects=False,
        )  # fmt: skip
        return bool(answer.ok)

    def _call(
        self, method: str, version: str, route: str, content: dict[str, Any]
    ) -> dict[str, Any]:
        """The answer; nothing where what is asked for is absent, or what is to be made is there."""
        reads = method == "GET"
        answer = requests.request(
            method, f"{self._url}/api/{version}/mlflow/{route}", auth=self._auth,
            params=content if reads else None, json=None if reads else content,
            timeout=self._timeout, allow_redirects=False,
        )  # fmt: skip
        if answer.status_code == requests.codes.not_found and method == "GET":
            return {}
        if answer.status_code == requests.codes.bad_request and _is_there(answer):
            return {}
        if not answer.ok:
            raise RegistryError(
                f"MLflow answered {answer.status_code} to a change of its accounts; are "
                "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD those of an administrator?"
            )
        found: dict[str, Any] = answer.json()
        return found


def _is_there(answer: requests.Response) -> bool:
    try:
        return bool(answer.json().get("error_code") == "RESOURCE_ALREADY_EXISTS")
    except (requests.JSONDecodeError, AttributeError):
        return False
