"""Whether a worker is fit for traffic, for both doors."""

from __future__ import annotations

import orjson

from vigie.serving.runtime.manager import Fleet

RETRY_SECONDS = 5


def readiness(fleet: Fleet) -> tuple[int, bytes]:
    """Status and body of `/readyz`: 200 while every configured model serves and nothing stops."""
    if fleet.draining:
        return 503, orjson.dumps({"status": "draining"})
    unready = fleet.unready()
    if unready:
        return 503, orjson.dumps({"status": "not ready", "models": unready})
    return 200, orjson.dumps({"status": "ready"})
