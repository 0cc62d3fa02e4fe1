"""Who is let in, asked on the headers: before a body beyond its first 64 KiB is read.

The route is known, the key is taken, the length is within the limit, the model has room, and so has
the worker's budget of body bytes. Small bodies are read as they come: they cost next to nothing,
and their connection goes on after a refusal.
"""

from __future__ import annotations

import io
import threading
import time
from typing import TYPE_CHECKING

from vigie.errors import TooLarge, Unavailable, VigieError
from vigie.serving.auth.access import OPEN_ROUTES, Access
from vigie.serving.auth.session import SAFE_METHODS, Sessions, takes_sessions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vigie.serving.routing import Route, Routes
    from vigie.serving.runtime.messages import Request
    from vigie.serving.runtime.photo_decoding import PhotoDecoding
    from vigie.settings import Settings

MAX_IN_FLIGHT = 1024
"""Predictions at once in one worker; above it 503."""
FREE_BYTES = 64 * 1024
"""Of each body; what is beyond comes out of the budget."""
FREE_PIECES = 4000
SMALL_PIECE_BYTES = 64
"""Each piece costs the loop some microseconds, however small: beyond the free ones they must be of
this size on average."""
_FORMS = "/models/"
_LARGE_BYTES = 2**20
_TOO_MANY_PIECES = (
    f"The body comes in more than {FREE_PIECES} chunks of less than {SMALL_PIECE_BYTES} bytes on "
    "average; send larger chunks, or the whole body with its Content-Length."
)


class AdmittedBody(io.BytesIO):
    """The input of a WSGI application whose body was let in, and is there."""


class BodyBudget:
    """The bytes of bodies under way in one worker, beyond the free ones of each."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self.in_progress = 0

    def take(self, size: int, taken: int = 0) -> None:
        """Sets bytes aside for a body that has `taken` so many before.

        Raises `Unavailable` where there are too many; a body alone always fits.
        """
        with self._lock:
            if self.in_progress > taken and self.in_progress + size > self._most:
                raise Unavailable("The service has too much to read; try again soon.", "full")
            self.in_progress += size

    def give_back(self, size: int) -> None:
        """Frees bytes that were set aside."""
        with self._lock:
            self.in_progress -= size


class Admission:
    """Asks on behalf of one worker."""

    def __init__(self, settings: Settings, routes: Routes, decoding: PhotoDecoding) -> None:
        self._most_bytes = settings.max_body_bytes
        self._most_photo_bytes = max(settings.max_photo_body_bytes, settings.max_body_bytes)
        self.free_bytes = min(FREE_BYTES, self._most_bytes)
        """A body up to this size needs nobody's leave."""
        self._routes = routes
        self._decoding = decoding
        self.access = Access(settings.api_keys, _sessions(settings))
        self.budget = BodyBudget(settings.max_body_bytes_in_progress)
        self._most_in_flight = MAX_IN_FLIGHT
        self.in_flight = 0
        """Predictions that are not answered yet."""

    def require_place(self) -> None:
        """Raises `Unavailable` where the worker has as many predictions as it may."""
        if self.in_flight > self._most_in_flight:
            raise Unavailable("The service is full; try again soon.", "full")

    def ask(self, request: Request, route: Route | None, size: int) -> int:
        """Lets a request in by its head; the largest body that it may have, bytes.

        `route` is that of a prediction, `None` for every other request; `size` is how long the body
        is at least. A refusal is a `VigieError`.
        """
        path = request.path
        is_open = path in OPEN_ROUTES or path.startswith("/static/")
        if not (is_open and request.method in SAFE_METHODS):
            if takes_sessions(path):
                self.access.admit_person(request.method, request.headers)
            else:
                self.access.admit(request.headers)
        most = self.most_bytes(path)
        require_at_most(size, most)
        if route is not None:
            self.require_place()
            slot, live = self._routes.serving(route.model, route.version, route.label)
            slot.require_room(live)
            if live.images:
                self._decoding.require_room()
        return most

    def most_bytes(self, path: str) -> int:
        """The largest body that a path takes, bytes: larger for predictions and forms of photos."""
        route = self._routes.find(path)
        try:
            if route is not None:
                _, live = self._routes.serving(route.model, route.version, route.label)
            elif path == "/" or path.startswith(_FORMS):
                _, live = self._routes.serving(path.removeprefix(_FORMS).strip("/") or None)
            else:
                return self._most_bytes
        except VigieError:
            return self._most_bytes
        return self._most_photo_bytes if live.images else self._most_bytes


def _sessions(settings: Settings) -> Sessions | None:
    """Where callers need keys, people log in with one."""
    if settings.api_keys is None:
        return None
    secret = settings.session_secret or settings.state / "session-secret"
    return Sessions(secret, settings.session_hours * 3600)


def require_at_most(size: int, most: int) -> None:
    """Raises `TooLarge` for a body above the limit, bytes."""
    if size > most:
        raise TooLarge(f"The body is above the limit of {most} bytes.")


class IncomingBody:
    """A body on its way: it asks once, and takes what it needs of the budget as it grows."""

    __slots__ = ("_admission", "_most", "_pieces", "_request", "_route", "_taken")

    def __init__(self, admission: Admission, request: Request, route: Route | None) -> None:
        self._admission = admission
        self._request, self._route = request, route
        self._most: int | None = None
        self._taken = self._pieces = 0

    def ask(self, size: int) -> None:
        """Asks to be let in, however small it is; a refusal is a `VigieError`."""
        self._most = self._admission.ask(self._request, self._route, size)

    def add(self, pieces: Sequence[bytes]) -> int:
        """Adds what has come to the request's body; its bytes until now.

        A refusal is a `VigieError`: of one that is too large, or comes in too many small pieces.
        """
        request = self._request
        if not isinstance(request.body, bytearray):
            request.body = bytearray(request.body)
        request.body += b"".join(pieces)
        self._pieces += len(pieces)
        size = len(request.body)
        if size >= _LARGE_BYTES:
            # the time that a caller takes to send so much is not the service's
            request.received = time.perf_counter()
        if self._pieces > max(FREE_PIECES, size // SMALL_PIECE_BYTES):
            raise TooLarge(_TOO_MANY_PIECES)
        self.grow(size)
        return size

    def grow(self, size: int) -> None:
        """Asks for room for so many bytes in all; a refusal is a `VigieError`."""
        admission = self._admission
        if size <= admission.free_bytes:
            return
        if self._most is None:
            self.ask(size)
        assert self._most is not None
        require_at_most(size, self._most)
        more = size - admission.free_bytes - self._taken
        if more > 0:
            admission.budget.take(more, self._taken)
            self._taken += more

    def let_go(self) -> None:
        """Gives back what it took: the body is needed no more, or never came."""
        # it and the request would else hold each other, and a body of megabytes
        self._request.let_go = None
        taken, self._taken = self._taken, 0
        if taken:
            self._admission.budget.give_back(taken)
