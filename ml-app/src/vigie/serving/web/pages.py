"""Pages for people: a form per model, its results, the documentation. They work without scripts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from flask import Blueprint, Response, current_app, g, render_template, request, url_for
from markupsafe import Markup, escape

from vigie.errors import InvalidInput, NotFound, Unavailable, UnsupportedMediaType, VigieError
from vigie.models.document import Input, text_in
from vigie.serving.auth.access import KEY_HEADERS
from vigie.serving.problems import PROBLEMS, Problem, problem_headers
from vigie.serving.runtime import messages
from vigie.serving.runtime.loaded_model import LoadedModel
from vigie.serving.web import formats
from vigie.serving.web.docs import model_sections, route_rows
from vigie.serving.web.form import fields_of, wrong_fields
from vigie.serving.web.problem_texts import problem_in
from vigie.serving.web.quality import facts_of, metrics_of
from vigie.serving.web.result import ResultView, body_of, curl_command, result_of
from vigie.serving.web.texts import (
    DEFAULT_LANGUAGE,
    LANGUAGES,
    translator,
)
from vigie.serving.web.typed import read_row
from vigie.serving.worker_state import WorkerState

blueprint = Blueprint("pages", __name__)

_FORM_TYPES = ("", "application/x-www-form-urlencoded", "multipart/form-data")
_CARRIED = ("X-Request-Id", "X-Model-", "Server-Timing", "Retry-After")


@blueprint.app_template_filter("codes")
def code_spans(text: str) -> Markup:
    """A text with what stands between backquotes set as code; everything is escaped."""
    parts = [
        Markup("<code>{}</code>").format(part) if index % 2 else escape(part)
        for index, part in enumerate(text.split("`"))
    ]
    return Markup("").join(parts)


@blueprint.get("/")
@blueprint.get("/models/<model>")
def form(model: str | None = None) -> Response:
    """The form of a model, filled in with its example."""
    live = _live(model)
    if live is None:
        return _not_ready(model)
    return _model_page(live, 200)


@blueprint.post("/")
@blueprint.post("/models/<model>")
def predict(model: str | None = None) -> Response:
    """The prediction for a filled-in form, or the form again with what to put right."""
    live = _live(model)
    if live is None:
        return _not_ready(model)
    if request.mimetype not in _FORM_TYPES:
        raise UnsupportedMediaType("A form is taken here; send JSON to /predict.")
    typed = request.form.to_dict()
    row = read_row(live.document.inputs, typed, asked_language())
    body = body_of(row)
    response = _ask(live.name, body)
    live = _answering(live, response)
    said = orjson.loads(response.body)
    if response.status == 200:
        prediction, outside = said["predictions"][0], _outside(live, row)
        document = live.document
        result = result_of(document, prediction, outside, asked_language())
        curl = curl_command(f"{_root()}/predict/{live.name}", body)
        page = _model_page(live, 200, typed, result=result, curl=curl)
    else:
        page = _model_page(live, response.status, typed, problem=said)
    return _with_headers(page, response)


@blueprint.get("/docs")
def docs() -> Response:
    """The documentation of the API: every model, route and problem type."""
    lives = [slot.live for slot in _worker_state().manager.slots.values() if slot.live]
    answers = current_app.extensions.setdefault("vigie.example_answers", {})
    language = asked_language()
    return render_page(
        "docs.html",
        200,
        sections=model_sections(lives, _root(), language, answers),
        routes=route_rows(lives, language),
        problems=[problem_in(code, language) for code in PROBLEMS],
    )


@blueprint.get("/docs/errors/<code>")
def problem_type(code: str) -> Response:
    """The meaning of one problem type."""
    if code not in PROBLEMS:
        raise NotFound("There is no such problem type; /docs lists them.")
    return render_page("problem.html", 200, problem=problem_in(code, asked_language()))


def error_page(error: VigieError, request_id: str) -> Response:
    """An error as a page: its status, title, sentence and request id."""
    language = asked_language()
    problem = problem_in(error.code, language)
    page = render_page(
        "message.html",
        error.status,
        title=problem.heading,
        # the sentences of errors are English; elsewhere the advice on the type stands in
        detail=str(error) if language == "en" else problem.advice,
        request_id=request_id,
    )
    for name, value in problem_headers(error):
        page.headers[name.decode()] = value.decode()
    return page


def _worker_state() -> WorkerState:
    worker_state: WorkerState = current_app.extensions["vigie"]
    return worker_state


def _live(model: str | None) -> LoadedModel | None:
    """The serving version; without a name the first that is ready, `None` where none is."""
    manager = _worker_state().manager
    if model is None:
        return next((slot.live for slot in manager.slots.values() if slot.live), None)
    try:
        return manager.slot(model).live
    except Unavailable:
        return None


def _ask(model: str, body: bytes) -> messages.Response:
    """The answer of the API itself: the same checks, limits, metrics and ids."""
    pipeline = _worker_state().pipeline
    path = f"/predict/{model}"
    headers = {b"content-type": b"application/json", b"x-request-id": g.request_id.encode()}
    headers |= {name: g.headers[name] for name in KEY_HEADERS if name in g.headers}
    route = pipeline.route(path)
    assert route is not None
    return pipeline.answer(messages.Request("POST", path, headers, body, g.started), route)


def _answering(live: LoadedModel, response: messages.Response) -> LoadedModel:
    """The version that answered: `live`, unless another took its place meanwhile."""
    answered = dict(response.headers).get(b"x-model-digest")
    if answered in (None, live.digest.encode()):
        return live
    return _live(live.name) or live


def _outside(live: LoadedModel, row: Mapping[str, Any]) -> Iterable[Input]:
    try:
        decoded = live.predictor.decoder.decode([row])
    except InvalidInput:
        return []
    return [live.inputs[name] for name in decoded.outside]


def _model_page(
    live: LoadedModel,
    status: int,
    typed: Mapping[str, str] | None = None,
    *,
    problem: Mapping[str, Any] | None = None,
    result: ResultView | None = None,
    curl: str = "",
) -> Response:
    language = asked_language()
    document = live.document
    wrong = wrong_fields(document.inputs, problem or {}, language)
    fields = fields_of(document.inputs, typed, wrong, language)
    return render_page(
        "model.html",
        status,
        model=live,
        title=text_in(document.title, language),
        generated=document.provenance.generated,
        facts=facts_of(live, language),
        figures=metrics_of(document, language),
        fields=fields,
        wrong=[field for field in fields if field.error],
        trouble=_trouble(problem, language) if problem and not wrong else None,
        result=result,
        curl=curl,
        request_id=g.request_id if typed is not None else "",
    )


def _trouble(problem: Mapping[str, Any], language: str) -> Problem:
    """What to say of a problem that is not about single fields."""
    return problem_in(str(problem["type"]).rpartition("/")[2], language)


def _not_ready(model: str | None) -> Response:
    unready = _worker_state().manager.unready()
    reasons = {name: why for name, why in unready.items() if model in (None, name)}
    page = render_page("not_ready.html", 503, reasons=reasons)
    page.headers["Retry-After"] = "5"
    return page


def render_page(template: str, status: int, **context: Any) -> Response:
    """A page from its template, in the language that is asked for."""
    language = asked_language()
    worker_state = _worker_state()
    text = render_template(
        template,
        t=translator(language),
        language=language,
        languages=LANGUAGES,
        link=_link,
        ready=_named(worker_state),
        settings=worker_state.settings,
        formats=formats,
        text_in=text_in,
        status=status,
        **context,
    )
    page = Response(text, status, content_type="text/html; charset=utf-8")
    page.headers["Content-Language"] = language
    page.headers["Vary"] = "Accept-Language"
    page.headers["Cache-Control"] = "no-store" if request.method == "POST" else "no-cache"
    return page


def _named(worker_state: WorkerState) -> list[LoadedModel]:
    """The models that a page may name: none to a caller whose key was not asked for or taken."""
    if worker_state.pipeline.access.asks and not g.get("key"):
        return []
    return [slot.live for slot in worker_state.manager.slots.values() if slot.live]


def _link(endpoint: str, language: str | None = None, **values: Any) -> str:
    """The address of a page, in the language of this one unless another is named."""
    return url_for(f"pages.{endpoint}", lang=language or asked_language(), **values)


def _with_headers(page: Response, response: messages.Response) -> Response:
    for name, value in response.headers:
        title = name.decode("latin-1").title()
        if title.startswith(_CARRIED):
            page.headers[title] = value.decode("latin-1")
    return page


def asked_language() -> str:
    """The language of the address, else the browser's, else English."""
    asked = request.args.get("lang", "")
    if asked in LANGUAGES:
        return asked
    # best_match would prefer `fr` to `en-GB`: only the part before the hyphen counts here
    wanted = (tag.partition("-")[0].lower() for tag, quality in request.accept_languages if quality)
    return next((tag for tag in wanted if tag in LANGUAGES), DEFAULT_LANGUAGE)


def _root() -> str:
    return f"{request.scheme}://{request.host}"
