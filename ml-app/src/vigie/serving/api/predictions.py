"""Predictions by Flask: it carries a request to the pipeline and the response back."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from flask import Blueprint, Response, g, request

from vigie.errors import VigieError
from vigie.serving.admission import AdmittedBody, IncomingBody
from vigie.serving.responses import refusal
from vigie.serving.routing import NOT_OFFERED, TEMPLATES
from vigie.serving.runtime import messages
from vigie.serving.worker_state import current_worker_state

if TYPE_CHECKING:
    from vigie.serving.pipeline import Pipeline
    from vigie.serving.routing import Route
    from vigie.serving.runtime.loaded_model import LoadedModel
    from vigie.serving.worker_state import WorkerState

blueprint = Blueprint("predictions", __name__)


def predict(**_parts: str) -> Response:
    """Answers rows with predictions."""
    worker_state = current_worker_state()
    route = worker_state.pipeline.route(request.path)
    assert route is not None, "Flask took the path for a prediction route"
    response = _answer(worker_state.pipeline, route)
    g.counted = True
    return to_response(response)


for _template in TEMPLATES:
    blueprint.add_url_rule(_template, view_func=predict, methods=["POST"])


def names_nothing() -> bool:
    """True where the state of a name with a colon in it is asked for: nothing has such a name."""
    worker_state = current_worker_state()
    route = worker_state.pipeline.routes.find(request.path)
    asked = request.method in ("GET", "HEAD")
    return asked and route is not None and route.template in NOT_OFFERED


def refuse(error: VigieError) -> Response | None:
    """An error outside a prediction in the dialect of its path; `None` where that has none."""
    worker_state = current_worker_state()
    dialect = worker_state.pipeline.routes.dialect_of(request.path)
    if dialect is None:
        return None
    incoming = messages.Request(request.method, request.path, {}, b"")
    live = _live(worker_state) if error.status == 405 else None
    return to_response(refusal(dialect, incoming, live, error, g.request_id))


def _live(worker_state: WorkerState) -> LoadedModel | None:
    """The version that would have answered, for the example in a refusal."""
    routes = worker_state.pipeline.routes
    route = routes.find(request.path)
    if route is not None:
        with contextlib.suppress(VigieError):
            return routes.serving(route.model, route.version, route.label)[1]
    return None


def _answer(pipeline: Pipeline, route: Route) -> messages.Response:
    """The pipeline's answer; the body is read when it was let in, where that is not done yet."""
    incoming = messages.Request(request.method, request.path, g.headers, b"", g.started)
    body = IncomingBody(pipeline.admission, incoming, route)
    try:
        if not isinstance(request.input_stream, AdmittedBody):
            body.grow(request.content_length or 0)
        incoming.body = request.get_data(cache=False)
        return pipeline.answer(incoming, route)
    except VigieError as error:
        return pipeline.refuse(incoming, route, error)
    finally:
        body.let_go()


def to_response(answered: messages.Response) -> Response:
    """A response of the pipeline as Flask's."""
    response = Response(answered.body, answered.status)
    for name, value in answered.headers:
        response.headers[name.decode("latin-1").title()] = value.decode("latin-1")
    return response
