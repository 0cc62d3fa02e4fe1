"""The Flask door for predictions: it carries a request to the pipeline and the reply back."""

from __future__ import annotations

import contextlib

from flask import Blueprint, Response, current_app, g, request

from vigie.errors import NotFound, VigieError
from vigie.serving.pipeline import refusal
from vigie.serving.routing import NOT_OFFERED, TEMPLATES
from vigie.serving.runtime.loaded_model import LiveModel
from vigie.serving.runtime.messages import Call, Reply
from vigie.serving.worker_state import Services

blueprint = Blueprint("predictions", __name__)


def predict(**_parts: str) -> Response:
    """Answers rows with predictions."""
    services: Services = current_app.extensions["vigie"]
    route = services.pipeline.route(request.path)
    if route is None:
        raise NotFound("There is no such route; GET / lists what there is.")
    reply = services.pipeline.answer(_call(), route)
    g.counted = True
    return to_response(reply)


for _template in TEMPLATES:
    blueprint.add_url_rule(_template, view_func=predict, methods=["POST"])


def names_nothing() -> bool:
    """True where the state of a name with a colon in it is asked for: nothing has such a name."""
    services: Services = current_app.extensions["vigie"]
    route = services.pipeline.routes.find(request.path)
    asked = request.method in ("GET", "HEAD")
    return asked and route is not None and route.template in NOT_OFFERED


def refuse(error: VigieError) -> Response | None:
    """An error outside a prediction in the dialect of its path; `None` where that has none."""
    services: Services = current_app.extensions["vigie"]
    dialect = services.pipeline.routes.dialect_of(request.path)
    if dialect is None:
        return None
    call = Call(request.method, request.path, {}, b"")
    live = _live(services) if error.status == 405 else None
    return to_response(refusal(dialect, call, live, error, g.request_id))


def _live(services: Services) -> LiveModel | None:
    """The version that would have answered, for the example in a refusal."""
    routes = services.pipeline.routes
    route = routes.find(request.path)
    if route is not None:
        with contextlib.suppress(VigieError):
            return routes.serving(route.model, route.version, route.label)[1]
    return None


def _call() -> Call:
    return Call(request.method, request.path, g.headers, request.get_data(), g.started)


def to_response(reply: Reply) -> Response:
    """A reply as Flask's response."""
    response = Response(reply.body, reply.status)
    for name, value in reply.headers:
        response.headers[name.decode("latin-1").title()] = value.decode("latin-1")
    return response
