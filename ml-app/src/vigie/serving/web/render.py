"""Renders pages: their language, their frame, their headers; errors as pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flask import Response, g, render_template, request, url_for
from markupsafe import Markup, escape

from vigie.models.text import text_in
from vigie.serving.auth.access import has_key
from vigie.serving.problems import PROBLEMS, problem_headers
from vigie.serving.worker_state import current_worker_state

if TYPE_CHECKING:
    from vigie.errors import VigieError
    from vigie.serving.web.language import Language


CONTENT_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""What a page may load: nothing of others, no scripts in its text."""
PHOTO_POLICY = CONTENT_POLICY.replace(
    "data:;", "data: blob:; connect-src 'self'; manifest-src 'self';"
)
"""A page that takes photos shows the chosen ones from memory, asks without leaving, is an app."""


def code_spans(text: str) -> Markup:
    """A text with what stands between backquotes set as code; everything is escaped."""
    parts = [
        Markup("<code>{}</code>").format(part) if index % 2 else escape(part)
        for index, part in enumerate(text.split("`"))
    ]
    return Markup("").join(parts)


def error_page(error: VigieError, request_id: str) -> Response:
    """An error as a page: its status, title, sentence and request id."""
    language = asked_language()
    problem = PROBLEMS[error.code]
    page = render_page(
        "message.html",
        error.status,
        title=language.text(problem.heading),
        # the sentences of errors are English; elsewhere the advice on the type stands in
        detail=str(error) if language.code == "en" else language.text(problem.advice),
        request_id=request_id,
    )
    for name, value in problem_headers(error):
        page.headers[name.decode()] = value.decode()
    return page


def render_page(template: str, status: int, **context: Any) -> Response:
    """A page from its template, in the language that is asked for."""
    language = asked_language()
    worker_state = current_worker_state()
    asks = worker_state.pipeline.access.asks
    let_in = not asks or bool(g.get("key"))
    text = render_template(
        template,
        t=language.text,
        pgettext=language.pgettext,
        language=language,
        languages=known_languages().values(),
        link=_link,
        # to others no page names a model or what lies beside the service
        ready=worker_state.manager.lives if let_in else [],
        let_in=let_in,
        settings=worker_state.settings,
        asks=asks,
        logged_in=asks and let_in and not has_key(g.headers),
        text_in=text_in,
        status=status,
        **context,
    )
    page = Response(text, status, content_type="text/html; charset=utf-8")
    page.headers["Content-Language"] = language.code
    page.headers["Vary"] = "Accept-Language"
    page.headers["Cache-Control"] = "no-store" if asks or request.method == "POST" else "no-cache"
    return page


def _link(endpoint: str, language: str | None = None, **values: Any) -> str:
    """The address of a page, in the language of this one unless another is named."""
    return url_for(f"pages.{endpoint}", lang=language or asked_language().code, **values)


def asked_language() -> Language:
    """The language of the address, else the browser's, else English."""
    known = known_languages()
    asked = request.args.get("lang", "")
    if asked in known:
        return known[asked]
    # best_match would prefer `fr` to `en-GB`: only the part before the hyphen counts here
    wanted = (tag.partition("-")[0].lower() for tag, quality in request.accept_languages if quality)
    return known[next((tag for tag in wanted if tag in known), "en")]


def known_languages() -> Mapping[str, Language]:
    """The languages of the pages, by their codes."""
    # imported with the first page: a worker that shows none does without CLDR's tables
    from vigie.serving.web.language import languages

    return languages()
