"""The services that the requests are sent to, each in a process of its own."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from recorded import models
from recorded.support import LiveService, ModelCache, Refusal, wait_until

PREDICT_KEY, ADMIN_KEY, EXPIRED_KEY = "vig_of-a-caller", "vig_of-an-admin", "vig_of-yesterday"
FRESH_SECONDS = 8.0
"""Below the ten seconds after which a status page has a history."""
MOST_STARTS = 5
_STARTING = threading.Semaphore(2)
"""Services that start all at once make each other late."""


@dataclass(frozen=True)
class Service:
    """One configuration of the service."""

    name: str
    fill: models.Fill
    environment: dict[str, str] = field(default_factory=dict)
    ready: str = "/readyz"
    """What answers 200 when it may be asked."""
    fresh: bool = False
    """Whether its status page is asked for before it has a history."""


SERVICES = {
    service.name: service
    for service in (
        Service("watched", models.install_watched, {"VIGIE_MODELS": "housing,iris"}, fresh=True),
        Service("every model", models.install_all, {"VIGIE_MODELS": "housing,iris,*"}),
        Service(
            "keys",
            models.install_two,
            {"VIGIE_MODELS": "iris,housing", "VIGIE_PREDICTION_LOG": "off"},
        ),
        Service(
            "no model",
            models.install_none,
            {
                "VIGIE_PREDICTION_LOG": "off",
                "VIGIE_MLFLOW_PUBLIC_URL": "",
                "VIGIE_GRAFANA_PUBLIC_URL": "https://grafana.test/",
                "VIGIE_HEADER_TIMEOUT_SECONDS": "2",
                "VIGIE_BODY_TIMEOUT_SECONDS": "2",
            },
            ready="/livez",
            fresh=True,
        ),
        Service(
            "little room",
            models.install_one,
            {
                "VIGIE_MODELS": "castle,iris,duel,*",
                "VIGIE_MAX_ROWS": "2",
                "VIGIE_MAX_BODY_BYTES": "4096",
                "VIGIE_CANARY_SHARE": "0.5",
                # nobody listens there
                "VIGIE_DATABASE_URL": "postgresql://127.0.0.1:1/nothing",
            },
            ready="/v2/models/iris/ready",
            fresh=True,
        ),
    )
}


@dataclass
class Running:
    """A service that may be asked, and the names of its digests."""

    live: LiveService
    digests: dict[str, str]
    keys: Path

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self.live.port


@dataclass(frozen=True)
class Filled:
    """A cache with the models of a service."""

    folder: Path
    digests: dict[str, str]


def fill(service: Service, folder: Path) -> Filled:
    """The models of a service, for both of its transports."""
    cache = ModelCache(folder)
    digests = service.fill(cache)
    if service.name == "little room":
        cache.refuse("duel", Refusal("3", "0" * 64, "golden rows: row 1 <differs>"))
        cache.refuse("barn", Refusal("1", "1" * 64, "the version has no vigie/manifest.json"))
    return Filled(folder, digests)


@contextlib.contextmanager
def running(service: Service, filled: Filled, folder: Path, fast_lane: bool) -> Iterator[Running]:
    """The service, freshly started."""
    folder.mkdir(parents=True)
    environment = {
        "VIGIE_WORKERS": "1",
        "VIGIE_DRAIN_SECONDS": "0",
        "VIGIE_POLL_SECONDS": "3600",
        "VIGIE_AUDIT_LOG": str(folder / "audit.log"),
        "VIGIE_PREDICTION_LOG_ROWS_PER_SECOND": "0",
        "VIGIE_FAST_LANE": "on" if fast_lane else "off",
        **service.environment,
    }
    keys = folder / "keys"
    if service.name == "keys":
        _write_keys(keys)
        environment["VIGIE_API_KEYS"] = str(keys)
    for number in range(MOST_STARTS):
        home = folder / str(number)
        home.mkdir()
        live = LiveService(home, filled.folder, **environment)
        try:
            with _STARTING:
                began = time.monotonic()
                live.start()
                _wait(live, service.ready)
                late = time.monotonic() - began > FRESH_SECONDS
            if not (service.fresh and late) or number == MOST_STARTS - 1:
                yield Running(live, filled.digests, keys)
                return
        finally:
            live.clean_up()


def _wait(live: LiveService, path: str) -> None:
    def answers() -> bool:
        try:
            return live.get(path).status == 200
        except OSError:
            return False

    wait_until(answers, 60)


def _write_keys(path: Path) -> None:
    """The file as `vigie apikey` writes it, of keys that are known here."""
    keys = (
        ("caller", "predict", PREDICT_KEY, None),
        ("boss", "admin", ADMIN_KEY, None),
        ("late", "predict", EXPIRED_KEY, "2026-01-02T00:00:00Z"),
    )
    lines = []
    for name, role, key, expires in keys:
        line = {
            "name": name,
            "role": role,
            "hash": hashlib.sha256(key.encode()).hexdigest(),
            "created": "2026-01-01T00:00:00Z",
        }
        lines.append(json.dumps(line | ({"expires": expires} if expires else {})) + "\n")
    path.write_text("".join(lines))
    path.chmod(0o600)
