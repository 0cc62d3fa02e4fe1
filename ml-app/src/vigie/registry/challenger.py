"""Following the challenger alias: the version beside the champion that is tried on copies."""

from __future__ import annotations

import logging

from vigie.errors import RefusedPackage
from vigie.registry.cache import CHALLENGER, ModelCache, Refusal
from vigie.registry.client import RegisteredVersion, RegistryClient
from vigie.registry.intake import Intake
from vigie.settings import Settings

log = logging.getLogger("vigie.registry")


class ChallengerFollower:
    """Keeps the cache's challenger of a model as the registry has it, verified like a champion."""

    def __init__(
        self, settings: Settings, client: RegistryClient, cache: ModelCache, intake: Intake
    ) -> None:
        self._settings = settings
        self._client = client
        self._cache = cache
        self._intake = intake
        self._refused: dict[str, tuple[str, str]] = {}

    def follow(self, name: str) -> str:
        """Looks once; gives what happened. Raises `RegistryError`."""
        champion = self._cache.champion(name)
        wanted = None
        if champion is not None and self._settings.tries_challengers:
            wanted = self._client.version_of(name, CHALLENGER)
        if wanted is None or champion is None or wanted.digest == champion.digest:
            return self._withdraw(name)
        if wanted.digest is None:
            return self._refuse(wanted, "the version is not a package")
        current = self._cache.challenger(name)
        if current and (current.digest, current.version) == (wanted.digest, wanted.version):
            self._cache.clear_refusal(name, CHALLENGER)
            return "current"
        if self._refused.get(name) == (wanted.version, wanted.digest):
            return "refused"
        return self._take(wanted, wanted.digest)

    def _take(self, wanted: RegisteredVersion, digest: str) -> str:
        name = wanted.name
        with self._cache.lock(name) as incoming:
            try:
                self._intake.fetch(wanted, digest, incoming)
                self._cache.install(name, incoming, digest, wanted.version, wanted.run_id)
            except RefusedPackage as reason:
                return self._refuse(wanted, str(reason))
            replaced = self._cache.pointer(name, CHALLENGER)
            self._cache.point(name, digest, CHALLENGER)
            self._cache.clear_refusal(name, CHALLENGER)
            if replaced not in (None, digest, self._cache.pointer(name)):
                self._cache.drop(name, str(replaced))
        log.info("%s version %s is tried as the challenger", name, wanted.version)
        return "installed"

    def _withdraw(self, name: str) -> str:
        self._cache.clear_refusal(name, CHALLENGER)
        digest = self._cache.pointer(name, CHALLENGER)
        if digest is None:
            return "absent"
        with self._cache.lock(name):
            self._cache.unpoint(name, CHALLENGER)
            if digest != self._cache.pointer(name):
                self._cache.drop(name, digest)
        log.info("%s has no challenger any more", name)
        return "removed"

    def _refuse(self, version: RegisteredVersion, reason: str) -> str:
        refusal = Refusal(version.version, version.digest or "", reason)
        self._refused[version.name] = (refusal.version, refusal.digest)
        if self._cache.refusal(version.name, CHALLENGER) != refusal:
            self._cache.refuse(version.name, refusal, CHALLENGER)
            log.error("%s challenger %s is refused: %s", version.name, version.version, reason)
        return "refused"
