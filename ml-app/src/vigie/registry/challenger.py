"""Following the challenger alias: the version beside the champion that is tried on copies."""

from __future__ import annotations

import logging
import threading

from vigie.errors import RefusedPackage
from vigie.registry.backoff import RefusedVersions
from vigie.registry.cache import CHALLENGER, CHAMPION, ModelCache, Refusal
from vigie.registry.client import RegisteredVersion, RegistryClient
from vigie.registry.fetch import Intake, Superseded, Watch
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
        self.refused = RefusedVersions()

    def follow(self, name: str, stop: threading.Event) -> str:
        """Looks once; gives what happened. Raises `RegistryError`."""
        champion = self._cache.champion(name)
        wanted = None
        if champion is not None and self._settings.tries_challengers:
            wanted = self._client.version_of(name, CHALLENGER)
        if wanted is None or champion is None or wanted.digest == champion.digest:
            return self._withdraw(name)
        if wanted.digest is None:
            return self._refuse(wanted, RefusedPackage("the version is not a package"))
        current = self._cache.challenger(name)
        if current and (current.digest, current.version) == (wanted.digest, wanted.version):
            self._cache.clear_refusal(name, CHALLENGER)
            return "current"
        if self.refused.holds(wanted):
            return "refused"
        return self._take(wanted, wanted.digest, stop)

    def _take(self, wanted: RegisteredVersion, digest: str, stop: threading.Event) -> str:
        name = wanted.name
        # the champion goes first: a challenger on its way must not hold it up
        serving = self._client.version_of(name, CHAMPION)
        watch = Watch(self._client, name, {CHAMPION: serving, CHALLENGER: wanted}, stop)
        with self._cache.lock(name) as incoming:
            try:
                if self._intake.fetch(wanted, digest, incoming, watch):
                    with self._intake.verifying:
                        self._intake.verify(wanted, digest, incoming)
                self._cache.install(name, incoming, digest, wanted.version, wanted.run_id)
            except Superseded:
                return "superseded"
            except RefusedPackage as reason:
                return self._refuse(wanted, reason)
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

    def _refuse(self, version: RegisteredVersion, reason: RefusedPackage) -> str:
        refusal = Refusal(version.version, version.digest or "", str(reason))
        self.refused.add(version, reason)
        if self._cache.refusal(version.name, CHALLENGER) != refusal:
            self._cache.refuse(version.name, refusal, CHALLENGER)
            log.error("%s challenger %s is refused: %s", version.name, version.version, reason)
        return "refused"
