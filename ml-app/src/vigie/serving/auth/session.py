"""Sessions of people: a signed cookie that stands for a key and does not hold it.

The cookie names the key by an id and the time of the login. It ends with its age, with the key, and
with the secret that signed it; nothing is kept of it here.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import re
import secrets
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from itsdangerous import BadSignature, TimestampSigner

from vigie.errors import RETRY_SECONDS, Unavailable
from vigie.files import locked, write_atomically

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

log = logging.getLogger("vigie.serving")

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_COOKIE = "vigie_session"
_RANDOM_BYTES = 32
_SHORTEST = 32
_LONGEST_COOKIE = 4096
_PAGES = re.compile(r"/|/(?:docs|status|openapi\.json)|/(?:docs|models)/.+")


def takes_sessions(path: str) -> bool:
    """Whether a path is a page, a form of one, or what a page leads to.

    Routes for programs take keys alone: nothing that a page of another site makes a browser send
    can ask them, and they have no cookie to look at.
    """
    return _PAGES.fullmatch(path) is not None


def cookie_name(*, encrypted: bool) -> str:
    """What the cookie is called: over TLS so that no other host and no plain page can set it."""
    return f"__Host-{_COOKIE}" if encrypted else _COOKIE


def is_encrypted(headers: Mapping[bytes, bytes]) -> bool:
    """Whether the caller came over TLS, as the gateway says."""
    return headers.get(b"x-forwarded-proto") == b"https"


def is_same_origin(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a page of this very service sends a form, as the browser says.

    One that says nothing of it is none that could be trusted with a cookie.
    """
    site = headers.get(b"sec-fetch-site")
    if site is not None:
        return site in (b"same-origin", b"none")
    # the host alone: behind a proxy that ends TLS the service may not know its own scheme
    try:
        origin = urlsplit(headers.get(b"origin", b"").decode("latin-1")).netloc
    except ValueError:
        return False
    return bool(origin) and origin == headers.get(b"host", b"").decode("latin-1")


class Sessions:
    """Signs and reads the cookies of one service: all its workers share the file of the secret.

    The file is made where there is none. It is read at each use, so that a new secret holds at
    once; of several lines the last one signs, and what the others have signed is still taken.
    """

    def __init__(self, path: Path, seconds: int) -> None:
        self._path = path
        self.seconds = seconds
        """How long a session lasts."""
        self._trouble = ""
        with contextlib.suppress(OSError):
            _make_missing(path)

    def start(self, key_id: str) -> str:
        """The cookie of a login. Raises `Unavailable` while there is no secret to sign it with."""
        signer = self._signer()
        if signer is None:
            raise Unavailable(
                "Nobody can log in now; the log of the service has the cause.",
                "no_keys",
                retry_after=RETRY_SECONDS,
            )
        return signer.sign(key_id).decode()

    def key_id_of(self, headers: Mapping[bytes, bytes]) -> str | None:
        """The id of the key that a request's cookie stands for; `None` without a good one."""
        cookie = _sent(headers)
        signer = self._signer() if cookie else None
        if signer is None:
            return None
        try:
            return signer.unsign(cookie, max_age=self.seconds).decode()
        except BadSignature:
            return None

    def _signer(self) -> TimestampSigner | None:
        try:
            known = [line for line in self._path.read_text().split() if len(line) >= _SHORTEST]
            trouble = "" if known else f"it has no line of {_SHORTEST} characters"
        except (OSError, UnicodeDecodeError) as failure:
            known, trouble = [], getattr(failure, "strerror", None) or "it is no text"
        if trouble and trouble != self._trouble:
            log.error("VIGIE_SESSION_SECRET: nobody can log in: %s", trouble)
        self._trouble = trouble
        if trouble:
            return None
        return TimestampSigner(
            known, salt="vigie session", key_derivation="hmac", digest_method=hashlib.sha256
        )


def _sent(headers: Mapping[bytes, bytes]) -> str:
    cookies = headers.get(b"cookie", b"")
    if len(cookies) > _LONGEST_COOKIE:
        return ""
    try:
        found = SimpleCookie(cookies.decode("latin-1"))
    except CookieError:
        return ""
    morsel = found.get(cookie_name(encrypted=is_encrypted(headers)))
    return morsel.value if morsel is not None and morsel.value.isascii() else ""


def _make_missing(path: Path) -> None:
    """Writes a secret where there is none; of several processes one does."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path.parent):
        if not path.exists():
            fresh = secrets.token_urlsafe(_RANDOM_BYTES)
            write_atomically(path, fresh.encode(), durable=True, mode=0o600)
