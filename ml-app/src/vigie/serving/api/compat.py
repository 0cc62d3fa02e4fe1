"""Status, health and signatures of the models, as clients of the other dialects ask for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

import vigie
from vigie.serving.api.operations import health_response, json_response
from vigie.serving.dialects.signatures import tfserving_metadata, tfserving_status, v2_metadata
from vigie.serving.worker_state import current_worker_state

if TYPE_CHECKING:
    from vigie.serving.runtime.loaded_model import LoadedModel
    from vigie.serving.runtime.model_slot import ModelSlot

blueprint = Blueprint("compat", __name__)


def _found(
    model: str | None, version: str | None = None, label: str | None = None
) -> tuple[ModelSlot, LoadedModel]:
    return current_worker_state().pipeline.routes.serving(model, version, label)


@blueprint.get("/v1/models/<model>/versions/<version>")
@blueprint.get("/v1/models/<model>/labels/<label>")
def tfserving_version(model: str, version: str | None = None, label: str | None = None) -> Response:
    """TensorFlow Serving's status of one version in memory."""
    _, live = _found(model, version, label)
    return json_response(tfserving_status([(live.version, "AVAILABLE")]))


@blueprint.get("/v1/models/<model>/metadata")
@blueprint.get("/v1/models/<model>/versions/<version>/metadata")
@blueprint.get("/v1/models/<model>/labels/<label>/metadata")
def tfserving_signature(
    model: str, version: str | None = None, label: str | None = None
) -> Response:
    """TensorFlow Serving's metadata: the signature of a version."""
    _, live = _found(model, version, label)
    return json_response(tfserving_metadata(live))


@blueprint.get("/v2")
def v2_server() -> Response:
    """The server's name, version and extensions of the protocol."""
    return json_response(
        {"name": "vigie", "version": vigie.__version__, "extensions": ["binary_tensor_data"]}
    )


@blueprint.get("/v2/health/live")
@blueprint.get("/v2/health/ready")
def v2_health() -> Response:
    """200 while the process answers at all; of `ready`, while every configured model serves."""
    return health_response(request.path)


@blueprint.get("/v2/models/<model>")
@blueprint.get("/v2/models/<model>/versions/<version>")
def v2_model(model: str, version: str | None = None) -> Response:
    """The tensors of a model, and its versions in memory."""
    slot, live = _found(model, version)
    return json_response(v2_metadata(live, slot.versions()))


@blueprint.get("/v2/models/<model>/ready")
@blueprint.get("/v2/models/<model>/versions/<version>/ready")
def v2_model_ready(model: str, version: str | None = None) -> Response:
    """200 while the model, or this version of it, serves."""
    _, live = _found(model, version)
    return json_response({"name": live.name, "ready": True})


@blueprint.get("/ping")
def mlflow_ping() -> Response:
    """200 while the first model serves, as MLflow's scoring server says it."""
    _found(None)
    return health_response(request.path)


@blueprint.get("/version")
def mlflow_version() -> Response:
    """The version of this service, as text."""
    return Response(vigie.__version__, content_type="text/plain; charset=utf-8")
