"""Brings a registered version from MLflow to where the cache can take it, verified."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from vigie.models.package import Package
from vigie.models.signing import load_public_keys, verify_signature
from vigie.registry.cache import ModelCache
from vigie.registry.client import RegisteredVersion, RegistryClient
from vigie.registry.gate.verify import verify_package
from vigie.settings import Settings


class Intake:
    """The one way into the cache, for champions and challengers alike."""

    def __init__(self, settings: Settings, client: RegistryClient, cache: ModelCache) -> None:
        self._settings = settings
        self._client = client
        self._cache = cache
        self._keys = load_public_keys(settings.public_keys)
        self.verifying = threading.Lock()
        """One version at a time: the memory of one, and no other beside what is timed."""

    def fetch(
        self, wanted: RegisteredVersion, digest: str, incoming: Path, watch: Callable[[], None]
    ) -> bool:
        """Brings the version into `incoming`; False where the cache has it. Needs the lock."""
        cached = self._cache.find(wanted.name, digest)
        if cached is not None:
            # the keys may be others than when it was verified
            verify_signature(cached.root, self._keys)
            return False
        self._client.download(wanted, incoming, self._settings.max_package_bytes, watch)
        return True

    def verify(self, wanted: RegisteredVersion, digest: str, incoming: Path) -> Package:
        """The package that `fetch` brought, verified. Needs `verifying`."""
        return verify_package(incoming, digest, wanted.name, self._settings, self._keys)
