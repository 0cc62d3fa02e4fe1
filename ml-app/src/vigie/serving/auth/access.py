"""Who may ask: every route wants a key of its caller, but for those that are open."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from vigie.errors import RETRY_SECONDS, Forbidden, Unauthorized, Unavailable, VigieError
from vigie.serving.auth.apikeys import hash_of, read_keys
from vigie.serving.auth.session import SAFE_METHODS, is_same_origin

if TYPE_CHECKING:
    from vigie.serving.auth.apikeys import ApiKey
    from vigie.serving.auth.session import Sessions

log = logging.getLogger("vigie.serving")

OPEN_ROUTES = frozenset(
    (
        "/livez", "/readyz", "/health", "/v2/health/live", "/v2/health/ready", "/ping", "/metrics",
        "/static/<path:filename>", "/login", "/logout",
    )
)  # fmt: skip
"""The templates of routes that need no key; every other needs one."""

KEY_HEADERS = (b"authorization", b"x-api-key")
NO_KEYS = ""
"""Stands for the name of a key where none is asked for."""

_LOOK_SECONDS = 1.0
_NO_KEY = "Send a key: Authorization: Bearer <key>, or X-Api-Key: <key>."


class Access:
    """The keys of one worker, read again within a second or so after their file changed."""

    def __init__(self, path: Path | None, sessions: Sessions | None = None) -> None:
        self._path = path
        self.sessions = sessions
        """Those of people who have logged in; `None` where nobody can."""
        self._keys: Mapping[str, ApiKey] | None = None
        self._stamp: tuple[int, ...] = ()
        self._trouble = ""
        self._next_look = 0.0

    @property
    def asks(self) -> bool:
        """True where callers need keys."""
        return self._path is not None

    def admit(self, headers: Mapping[bytes, bytes]) -> str:
        """The name of the caller's key, `NO_KEYS` where the service asks for none.

        Raises `Unauthorized` without a key that is taken, and `Unavailable` while the file of keys
        cannot be read: it never opens.
        """
        if self._path is None:
            return NO_KEYS
        return self.find(_sent(headers)).name

    def admit_person(self, method: str, headers: Mapping[bytes, bytes]) -> str:
        """As `admit`, of a page or its form: a session stands for the key there.

        Raises `Forbidden` where a page of another site has a browser send the form.
        """
        if self._path is None or self.sessions is None or has_key(headers):
            return self.admit(headers)
        keys = self._current()
        wanted = self.sessions.key_id_of(headers)
        key = next((key for key in keys.values() if key.id == wanted), None)
        if key is None or key.expired:
            raise Unauthorized(_NO_KEY)
        if method not in SAFE_METHODS and not is_same_origin(headers):
            raise Forbidden("Send this form from a page of the service itself.")
        return key.name

    def find(self, sent: bytes) -> ApiKey:
        """The key that is sent, by a program or by who logs in; raises as `admit` does."""
        keys = self._current()
        if not sent:
            raise Unauthorized(_NO_KEY)
        # what the time of the look-up tells is of a hash, from which no key can be made
        key = keys.get(hash_of(sent))
        if key is None or key.expired:
            raise Unauthorized("This key is not taken: unknown, revoked or expired.")
        return key

    def _current(self) -> Mapping[str, ApiKey]:
        """The keys by their hashes, read again after a change of the file."""
        now = time.monotonic()
        if now >= self._next_look and self._path is not None:
            self._next_look = now + _LOOK_SECONDS
            self._look(self._path)
        if self._keys is None:
            raise Unavailable(
                "The service cannot read its keys; its log has the cause.",
                "no_keys",
                retry_after=RETRY_SECONDS,
            )
        return self._keys

    def _look(self, path: Path) -> None:
        stamp = _stamp(path)
        if stamp == self._stamp and self._keys is not None:
            return
        try:
            self._keys = {key.hash: key for key in read_keys(path)}
            self._trouble = ""
        except VigieError as failure:
            self._keys = None
            if str(failure) != self._trouble:
                self._trouble = str(failure)
                log.error("every request that needs a key is refused: %s", failure)
        self._stamp = stamp


def has_key(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a request brings a key itself."""
    return bool(_sent(headers))


def _stamp(path: Path) -> tuple[int, ...]:
    """What changes whenever the file does; empty where there is none."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _sent(headers: Mapping[bytes, bytes]) -> bytes:
    """The key of a request, empty where it has none."""
    scheme, _, key = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer":
        return key.strip()
    return headers.get(b"x-api-key", b"").strip()
