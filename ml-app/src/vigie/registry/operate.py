"""Writes to MLflow's registry: aliases and tags. The registry process and the service have none."""

from __future__ import annotations

from collections.abc import Mapping

from vigie.registry.client import RegistryClient


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
