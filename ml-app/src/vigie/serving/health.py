"""Whether a worker lives and is ready, in every dialect that asks: one answer behind each route."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vigie.errors import RETRY_SECONDS
from vigie.serving.runtime.messages import JSON

if TYPE_CHECKING:
    from vigie.serving.runtime.manager import ModelManager

Health = tuple[int, bytes, bytes, list[tuple[bytes, bytes]]]
"""Status, body, media type, and the headers that go with them."""

_TEXT = b"text/plain; charset=utf-8"


def health_of(path: str, manager: ModelManager) -> Health | None:
    """What a path says of the worker's health; `None` for every other path.

    `/ping` is MLflow's, and only ever says yes: where it cannot, its dialect has a refusal for it.
    """
    if path == "/livez":
        return 200, b'{"status":"alive"}', JSON, []
    if path == "/v2/health/live":
        return 200, b'{"live":true}', JSON, []
    if path in ("/readyz", "/health", "/v2/health/ready"):
        status, body = manager.readiness()
        if path == "/v2/health/ready":
            body = b'{"ready":true}' if status == 200 else b'{"ready":false}'
        retry = [(b"retry-after", b"%d" % RETRY_SECONDS)] if status == 503 else []
        return status, body, JSON, retry
    if path == "/ping":
        first = next(iter(manager.slots.values()), None)
        return (200, b"\n", _TEXT, []) if first is not None and first.live is not None else None
    return None
