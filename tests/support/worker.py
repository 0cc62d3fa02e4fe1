"""The parts of a worker with test packages in its cache, and what to ask it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from support.packages import install
from support.transport import Answer, answer_of
from vigie.registry.cache import ModelCache
from vigie.serving.runtime.messages import Request
from vigie.serving.worker_state import WorkerState, assemble
from vigie.settings import Settings, load_settings

HOME: dict[str, Any] = {"surface_m2": 54.0, "rooms": 3, "property_type": "apartment"}
FLOWER = dict.fromkeys(
    ("sepal_length_cm", "sepal_width_cm", "petal_length_cm", "petal_width_cm"), 1.5
)
JSON = "application/json"


def filled_cache(folder: Path) -> ModelCache:
    """A cache with version 1 of `housing` and of `iris`."""
    cache = ModelCache(folder)
    install(cache, "housing")
    install(cache, "iris")
    return cache


def settings_for(cache: ModelCache, state: Path, **overrides: object) -> Settings:
    """Settings of a service that requires `housing` and `iris`."""
    # the sample would depend on how fast a test is
    plain = {"models": ("housing", "iris"), "prediction_log_rows_per_second": 0}
    wanted: dict[str, object] = {**plain, **overrides}
    return load_settings(cache=cache.folder, state=state, **wanted)


def loaded(settings: Settings) -> WorkerState:
    """The parts of a worker with what its cache holds."""
    worker_state = assemble(settings)
    worker_state.manager.refresh()
    return worker_state


def with_fast_lane(worker_state: WorkerState, fast_lane: bool) -> WorkerState:
    """The same parts, with the fast lane or without it."""
    settings = worker_state.settings.model_copy(update={"fast_lane": fast_lane})
    return replace(worker_state, settings=settings)


def post(worker_state: WorkerState, path: str, body: object, **headers: str) -> Answer:
    """The pipeline's answer to JSON, or to bytes as they are; header names with _ for -."""
    given = {name.replace("_", "-").encode(): text.encode() for name, text in headers.items()}
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    route = worker_state.pipeline.route(path)
    assert route is not None
    response = worker_state.pipeline.answer(Request("POST", path, given, raw), route)
    return answer_of(response.status, response.headers, response.body)
