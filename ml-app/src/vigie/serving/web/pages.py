"""Pages for people: a form per model, its results, the documentation. They work without scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from flask import Blueprint, Response, current_app, g, request

from vigie.engines.predictions import predictions_of
from vigie.errors import (
    RETRY_SECONDS,
    InvalidInput,
    NotFound,
    TooLarge,
    Unavailable,
    UnsupportedMediaType,
)
from vigie.models.text import text_in
from vigie.serving.dialects.thumbnails import add_thumbnails
from vigie.serving.problems import PROBLEMS
from vigie.serving.runtime import messages
from vigie.serving.web.docs import sections_and_routes
from vigie.serving.web.form import fields_of, read_row, wrong_fields
from vigie.serving.web.photo_answers import broken_photos, decoded_photos, photo_answers
from vigie.serving.web.photo_rows import PhotoRows
from vigie.serving.web.quality import facts_of, metrics_of
from vigie.serving.web.render import PHOTO_POLICY, asked_language, code_spans, render_page
from vigie.serving.web.result import Answer, body_of, curl_command, curl_with_photos, result_of
from vigie.serving.web.upload import chooser_of, too_large, uploads_of, wrong_uploads
from vigie.serving.worker_state import current_worker_state

if TYPE_CHECKING:
    from vigie.errors import VigieError
    from vigie.serving.pipeline import Answered
    from vigie.serving.runtime.loaded_model import LoadedModel
    from vigie.serving.runtime.messages import Dialect
    from vigie.serving.web.result import ResultView

blueprint = Blueprint("pages", __name__)
blueprint.add_app_template_filter(code_spans, "codes")

_FORM_TYPES = ("", "application/x-www-form-urlencoded", "multipart/form-data")
_AGAIN = "-again"
"""The button of another language; no input of a model has such a name."""
_CARRIED = ("X-Request-Id", "X-Model-", "Server-Timing", "Retry-After")


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
    if live.document.images:
        return _predict_photos(live)
    typed = request.form.to_dict()
    row = read_row(live.document.inputs, typed, asked_language())
    body = body_of(row)
    answered = _ask(live.name, body)
    # another version may have taken its place meanwhile
    live = answered.context.known_live or live
    if answered.result is None:
        page = _model_page(live, answered.response.status, typed, error=answered.error)
    else:
        answers = [Answer(result) for result in _results(answered)]
        curl = curl_command(f"{_root()}/predict/{live.name}", body)
        page = _model_page(live, answered.response.status, typed, answers=answers, curl=curl)
    return _with_headers(page, answered.response)


def _predict_photos(live: LoadedModel) -> Response:
    """The predictions for the photos of a form, each with what is wrong with it, if anything."""
    settings, language = current_worker_state().settings, asked_language()
    typed = request.form.to_dict()
    uploads = uploads_of(request.files, live.document.images)
    if not uploads and _AGAIN in typed:
        # another language was asked for, of a browser that does not keep chosen files
        return _model_page(live, 200, typed)
    wrong = wrong_uploads(uploads, live.document.images, settings.max_photos, language)
    if wrong:
        return _model_page(live, InvalidInput.status, typed, wrong=wrong)
    row = read_row(live.document.inputs, typed, language)
    rows = PhotoRows(uploads, row)
    answered = _ask(live.name, rows.body, rows)
    live = answered.context.known_live or live
    decoded = decoded_photos(answered)
    results = _results(answered, single=len(decoded.answered) == 1)
    sent = [(name, upload.name) for at in decoded.answered for name, upload in uploads[at].items()]
    page = _model_page(
        live,
        answered.response.status,
        typed,
        error=answered.error,
        broken=broken_photos(uploads, decoded.broken, language),
        answers=photo_answers(uploads, decoded, live.document.images, results),
        curl=curl_with_photos(f"{_root()}/predict/{live.name}", row, sent),
    )
    return _with_headers(page, answered.response)


def refuse(error: VigieError) -> Response | None:
    """The form again where its photos were too large together; `None` for what is no such form."""
    is_form = request.endpoint == "pages.predict" and request.mimetype in _FORM_TYPES
    if not is_form or not isinstance(error, TooLarge):
        return None
    try:
        live = _live((request.view_args or {}).get("model"))
    except NotFound:
        return None
    if live is None or not live.document.images:
        return None
    wrong = too_large(live.document.images, _most_bytes(live), asked_language())
    return _model_page(live, error.status, wrong=wrong)


@blueprint.get("/docs")
def docs() -> Response:
    """The documentation of the API: every model, route and problem type."""
    manager = current_worker_state().manager
    answers = current_app.extensions.setdefault("vigie.example_answers", {})
    sections, routes = sections_and_routes(manager, _root(), asked_language(), answers)
    return render_page(
        "docs.html",
        200,
        sections=sections,
        routes=routes,
        problems=PROBLEMS.values(),
    )


@blueprint.get("/docs/errors/<code>")
def problem_type(code: str) -> Response:
    """The meaning of one problem type."""
    if code not in PROBLEMS:
        raise NotFound("There is no such problem type; /docs lists them.")
    return render_page("problem.html", 200, problem=PROBLEMS[code])


def _live(model: str | None) -> LoadedModel | None:
    """The serving version; without a name the first that is ready, `None` where none is."""
    manager = current_worker_state().manager
    if model is None:
        return next(iter(manager.lives), None)
    try:
        return manager.slot(model).live
    except Unavailable:
        return None


def _ask(model: str, body: bytes, dialect: Dialect | None = None) -> Answered:
    """The answer of the API itself: the same checks, limits, metrics and ids."""
    pipeline = current_worker_state().pipeline
    path = f"/predict/{model}"
    headers = {b"content-type": b"application/json", b"x-request-id": g.request_id.encode()}
    route = pipeline.route(path)
    assert route is not None
    if dialect is not None:
        route = replace(route, dialect=dialect)
    asked = messages.Request("POST", path, headers, body, g.started)
    # who may see the page was asked before it
    return pipeline.run(asked, route, admitted=True)


def _results(answered: Answered, *, single: bool = True) -> list[ResultView]:
    """What the page says of each row that was answered."""
    if answered.result is None:
        return []
    live, unseen = answered.context.live, answered.context.decoded.outside
    predictions = predictions_of(live.document, answered.result.answers, unseen)
    add_thumbnails(predictions, live, answered.result.answers)
    return [
        result_of(
            live.document,
            prediction,
            [live.inputs[name] for name, rows in unseen.items() if row in rows],
            asked_language(),
            single=single,
        )
        for row, prediction in enumerate(predictions)
    ]


def _model_page(
    live: LoadedModel,
    status: int,
    typed: Mapping[str, str] | None = None,
    *,
    error: VigieError | None = None,
    wrong: Mapping[str, str] | None = None,
    broken: Sequence[tuple[str, str]] = (),
    answers: Sequence[Answer] = (),
    curl: str = "",
) -> Response:
    """The page of a model: its form, and above it the answers or what to put right."""
    language, document = asked_language(), live.document
    # files are named as what is broken, and not the field that they were chosen in
    asked = [item for item in document.inputs if not (broken and item.is_image)]
    wrong = wrong or wrong_fields(asked, error, language)
    told = wrong or (broken and isinstance(error, InvalidInput))
    fields = fields_of(document.inputs, typed, wrong, language)
    images, most_photos = document.images, current_worker_state().settings.max_photos
    page = render_page(
        "model.html",
        status,
        model=live,
        title=text_in(document.title, language.code),
        generated=document.provenance.generated,
        facts=facts_of(live, language),
        figures=metrics_of(document, language),
        fields=fields,
        wrong=[field for field in fields if field.error],
        trouble=PROBLEMS[error.code] if error and not told else None,
        broken=broken,
        answers=answers,
        curl=curl,
        request_id=g.request_id if typed is not None else "",
        chooser=chooser_of(images, most_photos, _most_bytes(live)) if images else None,
    )
    if images:
        page.headers["Content-Security-Policy"] = PHOTO_POLICY
    return page


def _most_bytes(live: LoadedModel) -> int:
    """What a form may have in all, bytes."""
    return current_worker_state().pipeline.admission.most_bytes(f"/models/{live.name}")


def _not_ready(model: str | None) -> Response:
    unready = current_worker_state().manager.unready()
    reasons = {name: why for name, why in unready.items() if model in (None, name)}
    page = render_page("not_ready.html", 503, reasons=reasons)
    page.headers["Retry-After"] = str(RETRY_SECONDS)
    return page


def _with_headers(page: Response, response: messages.Response) -> Response:
    for name, value in response.headers:
        title = name.decode("latin-1").title()
        if title.startswith(_CARRIED):
            page.headers[title] = value.decode("latin-1")
    return page


def _root() -> str:
    return f"{request.scheme}://{request.host}"
