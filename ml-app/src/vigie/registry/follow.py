"""The registry process: the cache holds what the champion alias names, or says why not."""

from __future__ import annotations

import gc
import logging
import random
import threading
import time
from collections.abc import Container, Mapping

from vigie.engines.predictor import open_predictor
from vigie.errors import RefusedPackage, RegistryError
from vigie.models.package import read_package
from vigie.registry.admission import admit
from vigie.registry.cache import CHAMPION, ModelCache, Refusal, RegistryState
from vigie.registry.challenger import ChallengerFollower
from vigie.registry.client import RegisteredModel, RegisteredVersion, RegistryClient
from vigie.registry.intake import Intake
from vigie.registry.looks import Looks
from vigie.settings import MODEL_NAME, Settings

log = logging.getLogger("vigie.registry")


LONGEST_PAUSE = 10.0


def pause(poll_seconds: float, failed: int) -> float:
    """Seconds until the next look: longer while the registry is away, never the same for all."""
    longest = max(poll_seconds, LONGEST_PAUSE)
    # the exponent is bounded: an outage may last for days
    seconds = min(poll_seconds * 2.0 ** min(failed, 10), longest)
    return seconds * random.uniform(0.8, 1.2)  # noqa: S311 -- no secret


class Follower:
    """One look at the registry per `follow_once`; the cache changes only for a verified package."""

    def __init__(self, settings: Settings, client: RegistryClient | None = None) -> None:
        self._settings = settings
        self._cache = ModelCache(settings.cache)
        self._client = client or RegistryClient.of(settings)
        self._intake = Intake(settings, self._client, self._cache)
        self._challengers = ChallengerFollower(settings, self._client, self._cache, self._intake)
        self._refusals = dict(self._cache.registry_state().refusals)
        self._refused: dict[str, tuple[str, str]] = {}
        self._looks = Looks(self._cache)

    def follow_once(self) -> dict[str, str]:
        """Looks at every followed model; gives what happened, by model. Raises `RegistryError`."""
        outcomes: dict[str, str] = {}
        failures: list[RegistryError] = []
        listed = {model.name: model for model in self._client.models()}
        for name in self._followed(listed):
            # a version that cannot be fetched must not hold up the other models
            try:
                outcomes[name] = self._look(name, listed.get(name))
            except RegistryError as failure:
                failures.append(failure)
        if failures:
            raise failures[0]
        for name in self._abandoned(outcomes):
            self._forget(name)
            outcomes[name] = "removed"
        self._cache.note_registry(RegistryState(time.time(), self._refusals))
        return outcomes

    def run(self, stop: threading.Event) -> None:
        """Follows until `stop` is set; a registry that is away costs nothing but a log line."""
        failed = 0
        while not stop.is_set():
            try:
                self.follow_once()
                if failed:
                    log.info("the registry is back")
                failed = 0
            except RegistryError as failure:
                if not failed:
                    log.warning("the registry is away, serving goes on: %s", failure)
                failed += 1
            except OSError as failure:
                log.error("the cache cannot be written: %s", failure.strerror)
            stop.wait(pause(self._settings.poll_seconds, failed))

    def _followed(self, listed: Mapping[str, RegisteredModel]) -> list[str]:
        names = list(self._settings.required_models)
        if self._settings.serves_every_model:
            others = [name for name, model in listed.items() if CHAMPION in model.aliases]
            names += [n for n in others if n not in names and MODEL_NAME.fullmatch(n)]
        return names

    def _look(self, name: str, listed: RegisteredModel | None) -> str:
        known = self._looks.known(name, listed)
        if known is not None:
            return known
        outcome = self._follow(name)
        self._looks.note(listed, outcome, self._challengers.follow(name))
        return outcome

    def _abandoned(self, followed: Container[str]) -> list[str]:
        """The cached models whose champion the registry has withdrawn; never a required one."""
        if not self._settings.serves_every_model:
            return []
        cached = [*self._cache.models(), *self._cache.refused()]
        others = [name for name in cached if name not in followed]
        # asked once more by name: a list that came back short must not empty the cache
        return [name for name in others if self._client.version_of(name, CHAMPION) is None]

    def _forget(self, name: str) -> None:
        with self._cache.lock(name):
            self._cache.forget(name)
        self._refused.pop(name, None)
        self._refusals.pop(name, None)
        log.info("%s has no champion any more and is removed", name)

    def _follow(self, name: str) -> str:
        wanted = self._client.version_of(name, CHAMPION)
        if wanted is None:
            return "absent"
        if wanted.digest is None:
            return self._refuse(
                wanted,
                "the version is not a package; register it with `vigie train` or "
                f"`vigie import models:/{name}/{wanted.version} --name {name}`",
            )
        current = self._cache.champion(name)
        if current and current.digest == wanted.digest and current.version == wanted.version:
            self._cache.clear_refusal(name)
            return "current"
        # a refusal of an earlier process is looked at again: settings or this program may differ
        if self._refused.get(name) == (wanted.version, wanted.digest):
            return "refused"
        return self._take(wanted, wanted.digest)

    def _take(self, wanted: RegisteredVersion, digest: str) -> str:
        started = time.monotonic()
        name = wanted.name
        with self._cache.lock(name) as incoming:
            try:
                candidate = self._intake.fetch(wanted, digest, incoming)
                tried = self._cache.challenger(name)
                if candidate is None and tried is not None and tried.digest == digest:
                    candidate = open_predictor(
                        read_package(tried.root, digest), self._settings.engine
                    )
                # anything else that is still in the cache has served: going back is always open
                if candidate is not None:
                    admit(candidate, self._cache.champion(name), self._settings)
                self._cache.install(name, incoming, digest, wanted.version, wanted.run_id)
            except RefusedPackage as reason:
                return self._refuse(wanted, str(reason))
            previous = self._cache.pointer(name)
            self._cache.point(name, digest)
            self._cache.clear_refusal(name)
            self._cache.prune(name, {digest} | ({previous} if previous else set()))
        # the verified graph is dropped here and the process stays small
        gc.collect()
        log.info(
            "%s version %s verified in %.1f s and handed to the workers",
            name, wanted.version, time.monotonic() - started,
        )  # fmt: skip
        return "installed"

    def _refuse(self, version: RegisteredVersion, reason: str) -> str:
        refusal = Refusal(version.version, version.digest or "", reason)
        self._refused[version.name] = (refusal.version, refusal.digest)
        if self._cache.refusal(version.name) != refusal:
            self._cache.refuse(version.name, refusal)
            self._refusals[version.name] = self._refusals.get(version.name, 0) + 1
            log.error("%s version %s is refused: %s", version.name, version.version, reason)
        return "refused"
