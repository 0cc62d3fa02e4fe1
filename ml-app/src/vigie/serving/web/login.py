"""The login of people: a key in a form, and a cookie that stands for it from then on."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from flask import Blueprint, Response, current_app, g, redirect, request

from vigie.errors import (
    Denied,
    Forbidden,
    NotFound,
    Unauthorized,
    Unavailable,
    UnsupportedMediaType,
)
from vigie.serving.auth.login_limit import LoginLimit, caller_of
from vigie.serving.auth.session import cookie_name, is_encrypted, is_same_origin, takes_sessions
from vigie.serving.problems import problem_headers
from vigie.serving.web.render import asked_language, render_page
from vigie.serving.worker_state import current_worker_state

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as AnyResponse

    from vigie.serving.auth.access import Access
    from vigie.serving.auth.apikeys import ApiKey
    from vigie.serving.auth.session import Sessions

log = logging.getLogger("vigie.serving")

blueprint = Blueprint("login", __name__)

MOST_BYTES = 8192
"""Of the form."""
LONGEST_KEY = 256
_FORM = "application/x-www-form-urlencoded"
_PLAIN_PATH = re.compile(r"/[A-Za-z0-9._/-]*")


@blueprint.get("/login")
def form() -> Response:
    """The form that asks for a key; 404 where the service asks for none."""
    _sessions()
    return _page(200, _own_path(request.args.get("next", "")))


@blueprint.post("/login")
def log_in() -> AnyResponse:
    """Leads to the page that was asked for, with a session; 401 with the form for a wrong key."""
    sessions = _sessions()
    with _counted():
        _require_own_form()
        key = _key_of_form(_access())
        cookie = sessions.start(key.id)
    log.info("somebody logged in with the key %s", key.name)
    answer = _see(_own_path(request.form.get("next", "")))
    encrypted = is_encrypted(g.headers)
    answer.set_cookie(
        cookie_name(encrypted=encrypted), cookie, max_age=sessions.seconds, path="/",
        secure=encrypted, httponly=True, samesite="Lax",
    )  # fmt: skip
    return answer


@blueprint.post("/logout")
def log_out() -> AnyResponse:
    """Ends the session of this browser, and leads to the form."""
    _sessions()
    with _counted():
        _require_own_form()
    answer = _see("/login")
    encrypted = is_encrypted(g.headers)
    answer.delete_cookie(
        cookie_name(encrypted=encrypted), path="/", secure=encrypted, httponly=True, samesite="Lax"
    )
    return answer


def login_page(error: Unauthorized) -> Response:
    """The form in the place of a page that nobody sees without a key; behind it that page comes."""
    tried = request.endpoint == "login.log_in"
    wanted = request.form.get("next", "") if tried else request.path
    page = _page(error.status, _own_path(wanted), wrong=tried)
    for name, value in problem_headers(error):
        page.headers[name.decode()] = value.decode()
    return page


def _page(status: int, wanted: str, *, wrong: bool = False) -> Response:
    hours = current_worker_state().settings.session_hours
    page = render_page("login.html", status, wanted=wanted, wrong=wrong, hours=hours)
    page.headers["Cache-Control"] = "no-store"
    return page


@contextlib.contextmanager
def _counted() -> Iterator[None]:
    """Counts what is refused: these routes are open, and are not asked about before."""
    try:
        yield
    except (Denied, Unavailable) as refused:
        current_worker_state().metrics.http.rejected.labels(refused.reason).inc()
        raise


def _key_of_form(access: Access) -> ApiKey:
    """The key that was typed; wrong ones count, and after too many none is looked at."""
    limit: LoginLimit = current_app.extensions.setdefault("vigie.login_limit", LoginLimit())
    address = caller_of(g.headers, request.remote_addr or "")
    limit.require_room(address)
    typed = request.form.get("key", "").strip()
    try:
        # nothing longer was ever made
        return access.find(typed.encode() if len(typed) <= LONGEST_KEY else b"")
    except Unauthorized:
        if limit.note_failure(address):
            log.warning("an address has tried as many wrong keys as it may in a minute")
        raise


def _require_own_form() -> None:
    """Lets pass what a page of this service sends, and not more than its form has."""
    if not is_same_origin(g.headers):
        raise Forbidden("Send this form from a page of the service itself.")
    if request.mimetype not in ("", _FORM):
        raise UnsupportedMediaType("A form is taken here.")
    request.max_content_length = MOST_BYTES


def _own_path(path: str) -> str:
    """The page to come back to: one of this service by its path alone, else the first."""
    plain = _PLAIN_PATH.fullmatch(path) is not None and "//" not in path
    return path if plain and takes_sessions(path) else "/"


def _see(path: str) -> AnyResponse:
    return redirect(f"{path}?lang={asked_language().code}", 303)


def _access() -> Access:
    return current_worker_state().pipeline.access


def _sessions() -> Sessions:
    sessions = _access().sessions
    if sessions is None:
        raise NotFound("This service asks for no key.")
    return sessions
