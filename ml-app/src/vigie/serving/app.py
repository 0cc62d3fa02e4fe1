"""The Flask application: it serves every route; the fast lane only answers some sooner."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import BaseConverter

from vigie.errors import (
    Denied,
    MethodNotAllowed,
    NotFound,
    TooLarge,
    Unauthorized,
    Unavailable,
    UnsupportedMediaType,
    VigieError,
)
from vigie.serving.api import compat, feedback, neighbours, operations, predictions
from vigie.serving.auth.access import OPEN_ROUTES
from vigie.serving.auth.session import takes_sessions
from vigie.serving.problems import MEDIA_TYPE, problem_body, problem_headers
from vigie.serving.runtime import messages
from vigie.serving.web import login, pages, status, web_app
from vigie.serving.web.render import CONTENT_POLICY, error_page
from vigie.serving.web.upload import FormRequest
from vigie.serving.worker_state import assemble
from vigie.serving.wsgi import LATE, REFUSAL
from vigie.settings import load_settings

if TYPE_CHECKING:
    from vigie.serving.auth.access import Access
    from vigie.serving.worker_state import WorkerState
    from vigie.settings import Settings

PAGE_HEADERS = {
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": CONTENT_POLICY,
}


class _Part(BaseConverter):
    """A part of a path without a colon, which sets TensorFlow Serving's verbs apart."""

    regex = "[^/:]+"


def create_app(settings: Settings | None = None, worker_state: WorkerState | None = None) -> Flask:
    """The service as a WSGI application.

    With neither argument it reads the environment, loads the cached models and follows the cache:
    `gunicorn -k gthread "vigie.serving:create_app()"`.
    """
    if worker_state is None:
        worker_state = assemble(settings or load_settings())
        worker_state.start()
        # `vigie serve` has a process for it
        worker_state.prediction_log.start_writer()
    app = Flask("vigie.serving", static_folder="web/static", template_folder="web/templates")
    app.request_class = FormRequest
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.config["MAX_FORM_MEMORY_SIZE"] = worker_state.settings.max_body_bytes
    app.extensions["vigie"] = worker_state
    app.url_map.converters["default"] = _Part
    # a redirect would be no answer to a prediction, and its page would repeat the path
    app.url_map.merge_slashes = False
    app.register_blueprint(predictions.blueprint)
    app.register_blueprint(feedback.blueprint)
    app.register_blueprint(operations.blueprint)
    app.register_blueprint(compat.blueprint)
    app.register_blueprint(neighbours.blueprint)
    app.register_blueprint(pages.blueprint)
    app.register_blueprint(status.blueprint)
    app.register_blueprint(web_app.blueprint)
    app.register_blueprint(login.blueprint)
    app.before_request(_start_clock)
    app.before_request(_admit(worker_state))
    app.after_request(_finish(worker_state))
    app.register_error_handler(VigieError, _explain)
    app.register_error_handler(HTTPException, _explain_http)
    app.register_error_handler(Exception, _explain_bug)
    return app


def _start_clock() -> None:
    g.started = time.perf_counter()
    g.headers = {
        name.lower().encode("latin-1"): value.encode("latin-1")
        for name, value in request.headers.items()
    }
    g.incoming = messages.Request(request.method, request.path, g.headers, b"", g.started)
    g.request_id = messages.request_id_of(g.incoming)


def _admit(worker_state: WorkerState) -> Callable[[], None]:
    def admit() -> None:
        request.max_content_length = worker_state.pipeline.admission.most_bytes(request.path)
        if request.endpoint == "predictions.predict" and request.method == "POST":
            # the pipeline asks for the key, behind both transports
            return
        try:
            if not (request.url_rule and request.url_rule.rule in OPEN_ROUTES):
                g.key = _key_of(worker_state.pipeline.access)
            if refusal := request.environ.get(REFUSAL):
                raise refusal
        except (Denied, Unavailable) as refused:
            worker_state.metrics.http.rejected.labels(refused.reason).inc()
            raise

    return admit


def _key_of(access: Access) -> str:
    # whoever is logged in learns that an address leads nowhere, and not that a key is needed
    if takes_sessions(request.path) or request.url_rule is None:
        return access.admit_person(request.method, g.headers)
    return access.admit(g.headers)


def _finish(worker_state: WorkerState) -> Callable[[Response], Response]:
    page_headers = PAGE_HEADERS
    if worker_state.pipeline.access.asks:
        # browsers would else not say whose page sends a form
        page_headers = {**PAGE_HEADERS, "Referrer-Policy": "same-origin"}

    def finish(response: Response) -> Response:
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        if response.mimetype == "text/html":
            for name, value in page_headers.items():
                response.headers.setdefault(name, value)
        if "X-Request-Id" not in response.headers:
            response.headers["X-Request-Id"] = g.request_id
        if not g.get("counted") and LATE not in request.environ:
            _count(worker_state, response.status_code)
        return response

    return finish


def _count(worker_state: WorkerState, status: int) -> None:
    route = request.url_rule.rule if request.url_rule else "(none)"
    seconds = time.perf_counter() - g.started
    worker_state.metrics.http.count_request(g.incoming.known_method, route, status, seconds)
    request_log = worker_state.pipeline.request_log
    if status >= request_log.least_status:
        failure = g.get("failure")
        request_log.note(g.incoming, route, g.request_id, status, failure=failure)


def _explain(error: VigieError) -> Response:
    if response := predictions.refuse(error) or pages.refuse(error):
        return response
    if _wants_page():
        if isinstance(error, Unauthorized):
            return login.login_page(error)
        return error_page(error, g.request_id)
    body = problem_body(error, g.request_id)
    response = Response(body, error.status, content_type=MEDIA_TYPE.decode())
    for name, value in problem_headers(error):
        response.headers[name.decode()] = value.decode()
    return response


def _wants_page() -> bool:
    best = request.accept_mimetypes.best_match(
        ["application/problem+json", "application/json", "text/html"]
    )
    return best == "text/html"


def _explain_http(failure: HTTPException) -> Response:
    return _explain(_from_http(failure))


def _from_http(failure: HTTPException) -> VigieError:
    if failure.code == 405 and predictions.names_nothing():
        return NotFound("There is no such model here; GET /v1/models lists them.")
    if failure.code == 405:
        allow = ", ".join(sorted(getattr(failure, "valid_methods", None) or ()))
        return MethodNotAllowed(f"This route takes {allow}.", allow)
    if failure.code == 413:
        return TooLarge(f"The body is above the limit of {request.max_content_length} bytes.")
    if failure.code == 415:
        return UnsupportedMediaType("This media type is not taken here.")
    if failure.code == 404:
        return NotFound("There is no such route; GET / lists what there is.")
    explained = VigieError(failure.description or failure.name)
    explained.status = failure.code or 500
    explained.title = failure.name
    return explained


def _explain_bug(failure: Exception) -> Response:
    g.failure = failure
    return _explain(VigieError("The service failed; its log has the cause."))
