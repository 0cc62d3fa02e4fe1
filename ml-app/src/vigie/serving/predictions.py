"""The Flask door for predictions: it carries a request to the pipeline and the reply back."""

from __future__ import annotations

import contextlib
from typing import Any

from flask import Blueprint, Response, current_app, g, request

from vigie.errors import NotFound, VigieError
from vigie.serving.call import Call, Reply
from vigie.serving.services import Services

blueprint = Blueprint("predictions", __name__)


@blueprint.post("/predict")
@blueprint.post("/predict/<model>")
def predict(model: str | None = None) -> Response:
    """Answers rows with predictions."""
    services: Services = current_app.extensions["vigie"]
    route = services.pipeline.route(request.path)
    if route is None:
        raise NotFound("There is no such route; GET / lists what there is.")
    reply = services.pipeline.answer(_call(), route)
    g.counted = True
    return to_response(reply)


def example(path: str) -> Any:
    """A body that a prediction route answers; `None` for other routes."""
    services: Services = current_app.extensions["vigie"]
    route = services.pipeline.route(path)
    if route is None:
        return None
    with contextlib.suppress(VigieError):
        live = services.fleet.slot(route.model).live
        if live is not None:
            return {"instances": [live.predictor.package.document.example]}
    return None


def _call() -> Call:
    headers = {
        name.lower().encode("latin-1"): value.encode("latin-1")
        for name, value in request.headers.items()
    }
    return Call(request.method, request.path, headers, request.get_data(), g.started)


def to_response(reply: Reply) -> Response:
    """A reply as Flask's response."""
    response = Response(reply.body, reply.status)
    for name, value in reply.headers:
        response.headers[name.decode("latin-1").title()] = value.decode("latin-1")
    return response
