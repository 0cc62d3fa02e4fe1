"""Routes for those who operate the service: health, metrics, the list of models, OpenAPI."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

import orjson
from flask import Blueprint, Response, request

from vigie.errors import RETRY_SECONDS, NotFound, Unavailable
from vigie.registry.cache import CHALLENGER
from vigie.serving.dialects.signatures import tfserving_status
from vigie.serving.health import health_of
from vigie.serving.openapi.document import build_openapi, with_keys
from vigie.serving.worker_state import current_worker_state

if TYPE_CHECKING:
    from vigie.serving.runtime.loaded_model import LoadedModel
    from vigie.serving.runtime.model_slot import ModelSlot

blueprint = Blueprint("operations", __name__)

_TF_STATES = {"serving": "AVAILABLE", "challenger": "AVAILABLE", "ending": "UNLOADING"}


def json_response(content: object, status: int = 200) -> Response:
    """JSON in the order in which it was built."""
    return Response(orjson.dumps(content), status, content_type="application/json")


@blueprint.get("/livez")
@blueprint.get("/readyz")
@blueprint.get("/health")
def health() -> Response:
    """200 while the process answers at all; of the others, while every configured model serves."""
    return health_response(request.path)


def health_response(path: str) -> Response:
    """What a route says of the worker's health."""
    found = health_of(path, current_worker_state().manager)
    if found is None:
        raise Unavailable("No model is served yet.", "no_model", retry_after=RETRY_SECONDS)
    status, body, media_type, headers = found
    response = Response(body, status, content_type=media_type.decode())
    for name, value in headers:
        response.headers[name.decode()] = value.decode()
    return response


@blueprint.get("/metrics")
def metrics() -> Response:
    """The metrics of all workers, for callers on this machine."""
    if not _is_loopback(request.remote_addr):
        raise NotFound("Metrics are on the metrics port.")
    body, media_type = current_worker_state().metrics_text(request.headers.get("Accept", ""))
    return Response(body, content_type=media_type)


def _is_loopback(address: str | None) -> bool:
    try:
        return address is not None and ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


@blueprint.get("/v1/models")
def models() -> Response:
    """Every model here: its version, digest, engine, age, and the candidate refused last."""
    manager = current_worker_state().manager
    serving = [_describe(slot.name, slot.live) for slot in manager.slots.values()]
    return json_response({"models": serving + [_describe(name, None) for name in manager.refused]})


@blueprint.get("/v1/models/<model>")
def model(model: str) -> Response:
    """One model as in the list, its versions in memory, and TensorFlow Serving's status of it."""
    manager = current_worker_state().manager
    slot = manager.slots.get(model)
    if slot is None and model not in manager.refused:
        raise NotFound("There is no such model here; GET /v1/models lists them.")
    versions = _in_memory(slot) if slot else []
    status = tfserving_status((str(v["version"]), _TF_STATES[str(v["state"])]) for v in versions)
    described = _describe(model, slot.live if slot else None)
    return json_response(described | {"versions": versions} | status)


def _in_memory(slot: ModelSlot) -> list[dict[str, object]]:
    serving = [(slot.live, "serving")] if slot.live else []
    if slot.challenger:
        serving.append((slot.challenger.live, "challenger"))
    return [
        {
            "version": live.version,
            "digest": live.digest,
            "state": state,
            "loaded_at": live.loaded_at,
        }
        for live, state in [*serving, *((live, "ending") for live in slot.ending())]
    ]


def _describe(name: str, live: LoadedModel | None) -> dict[str, object]:
    worker_state = current_worker_state()
    refusal = worker_state.manager.cache.refusal(name)
    described: dict[str, object] = {"name": name, "state": "serving" if live else "absent"}
    if live is not None:
        document = live.document
        described |= {
            "version": live.version,
            "digest": live.digest,
            "run_id": live.run_id,
            "engine": live.engine,
            "task": document.task,
            "loaded_at": live.loaded_at,
            "generated_data": document.provenance.generated,
            "metrics": document.metrics,
        }
    else:
        described["reason"] = worker_state.manager.why_not(name)
    if refusal is not None:
        what = "importing" if refusal.pending else "refused"
        described[what] = {"version": refusal.version, "reason": refusal.reason}
    untried = worker_state.manager.cache.refusal(name, CHALLENGER)
    if untried is not None and not untried.pending:
        described["refused_challenger"] = {"version": untried.version, "reason": untried.reason}
    return described


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """The description of this API, built from the signatures of the models that serve now."""
    manager = current_worker_state().manager
    lives = manager.lives
    if not lives:
        raise Unavailable("No model is served yet.", "no_model", retry_after=RETRY_SECONDS)
    document = build_openapi(lives, manager.first)
    asks = current_worker_state().pipeline.access.asks
    return json_response(with_keys(document) if asks else document)
