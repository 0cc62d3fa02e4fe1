"""Following the champion alias: the cache points to what the registry names, once it is proved."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

from vigie.errors import RefusedPackage
from vigie.models.package import read_package
from vigie.registry.backoff import RefusedVersions
from vigie.registry.cache import CHAMPION, ModelCache, Refusal
from vigie.registry.client import RegisteredVersion, RegistryClient
from vigie.registry.fetch import Intake, Superseded, Watch
from vigie.registry.gate.comparison import check_against_live
from vigie.registry.tags import settled_figures
from vigie.settings import Settings

log = logging.getLogger("vigie.registry")


class ChampionFollower:
    """Keeps the cache's champion of a model as the registry has it; one look per `follow`."""

    def __init__(
        self, settings: Settings, client: RegistryClient, cache: ModelCache, intake: Intake
    ) -> None:
        self._settings = settings
        self._client = client
        self._cache = cache
        self._intake = intake
        self.refused = RefusedVersions()
        self._missed: set[str] = set()
        self.refusals = dict(cache.registry_state().refusals)
        """How many versions were refused so far, by model."""

    def follow(self, name: str, stop: threading.Event) -> str:
        """Looks once; gives what happened. Raises `RegistryError`."""
        wanted = self._client.version_of(name, CHAMPION)
        if wanted is None:
            self.miss(name)
            return "absent"
        self._missed.discard(name)
        if wanted.digest is None:
            return self._refuse(
                wanted,
                RefusedPackage(
                    "the version is not a package; register it with `vigie train` or "
                    f"`vigie import models:/{name}/{wanted.version} --name {name}`"
                ),
            )
        current = self._cache.champion(name)
        if current and current.digest == wanted.digest and current.version == wanted.version:
            self._cache.clear_refusal(name)
            return "current"
        # a refusal of an earlier process is looked at again: settings or this program may differ
        if self.refused.holds(wanted):
            return "refused"
        return self._take(wanted, wanted.digest, stop)

    def miss(self, name: str) -> None:
        """Says once that the registry names no champion of a model that serves."""
        current = self._cache.champion(name)
        if current and name not in self._missed:
            self._missed.add(name)
            log.warning(
                "%s has no champion in MLflow; version %s goes on serving", name, current.version
            )

    def forget(self, name: str) -> None:
        """Removes a model from the cache."""
        with self._cache.lock(name):
            self._cache.forget(name)
        self.refused.forget(name)
        self._missed.discard(name)
        self.refusals.pop(name, None)
        log.info("%s has no champion any more and is removed", name)

    def _take(self, wanted: RegisteredVersion, digest: str, stop: threading.Event) -> str:
        started = time.monotonic()
        name = wanted.name
        watch = Watch(self._client, name, {CHAMPION: wanted}, stop)
        with self._cache.lock(name) as incoming:
            try:
                arrived = self._intake.fetch(wanted, digest, incoming, watch)
                with self._intake.verifying:
                    self._prove(wanted, digest, incoming if arrived else None)
                self._cache.install(name, incoming, digest, wanted.version, wanted.run_id)
            except Superseded:
                return "superseded"
            except RefusedPackage as reason:
                return self._refuse(wanted, reason)
            previous = self._cache.pointer(name)
            self._cache.point(name, digest)
            self._cache.clear_refusal(name)
            self._cache.prune(name, {digest} | ({previous} if previous else set()))
        log.info(
            "%s version %s verified in %.1f s and handed to the workers",
            name, wanted.version, time.monotonic() - started,
        )  # fmt: skip
        return "installed"

    def _prove(self, wanted: RegisteredVersion, digest: str, incoming: Path | None) -> None:
        tried = self._cache.challenger(wanted.name)
        if incoming is not None:
            candidate = self._intake.verify(wanted, digest, incoming)
        elif tried is not None and tried.digest == digest:
            candidate = read_package(tried.root, digest)
        else:
            # anything else that is still in the cache has served: going back is always open
            return
        live = self._cache.champion(wanted.name)
        check_against_live(candidate, live, self._settings, settled_figures(wanted))

    def _refuse(self, version: RegisteredVersion, reason: RefusedPackage) -> str:
        refusal = Refusal(version.version, version.digest or "", str(reason))
        self.refused.add(version, reason)
        if self._cache.refusal(version.name) != refusal:
            self._cache.refuse(version.name, refusal)
            self.refusals[version.name] = self.refusals.get(version.name, 0) + 1
            log.error("%s version %s is refused: %s", version.name, version.version, reason)
        return "refused"
