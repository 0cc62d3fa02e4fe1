"""Photos that come into a folder: taken once nobody writes them any more."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from vigie.errors import DataError

if TYPE_CHECKING:
    from vigie.models.photo_folder import PhotoFolder

POLL_SECONDS = 1.0
"""A file whose size and time are the same at two looks is whole."""


class Arrivals:
    """What came into a folder since the last look, beside what is `known`.

    A folder that is away, as a disk that is taken off, is waited for; `say` is told once that it
    is, and once that it is back.
    """

    def __init__(
        self, folder: PhotoFolder, known: Iterable[str], say: Callable[[str], None]
    ) -> None:
        self._folder, self._say = folder, say
        self._away = False
        self._known = set(known)
        self._growing: dict[str, tuple[int, int] | None] = {}

    def look(self) -> list[str]:
        """The new photos that have rested since the last look, sorted by their bytes."""
        names = self._names()
        found = {name: self._state(name) for name in names if name not in self._known}
        rested = [
            name
            for name, state in found.items()
            if name in self._growing and self._growing[name] == state
        ]
        self._growing = found
        self._known.update(rested)
        return rested

    def _names(self) -> list[str]:
        try:
            names = self._folder.names()
        except DataError as failure:
            if not self._away:
                self._say(f"{failure}: waiting until it can be")
            self._away = True
            return []
        if self._away:
            self._say("the input can be listed again")
        self._away = False
        return names

    def _state(self, name: str) -> tuple[int, int] | None:
        """Size and time of a file; nothing where it cannot be looked at."""
        try:
            found = (self._folder.root / name).stat()
        except OSError:
            return None
        return found.st_size, found.st_mtime_ns
