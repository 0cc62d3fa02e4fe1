"""What a dialect is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from vigie.errors import VigieError
from vigie.models.rows import Decoded
from vigie.serving.runtime.job import Job, Outcome
from vigie.serving.runtime.loaded_model import LiveModel
from vigie.serving.runtime.messages import Call

JSON = b"application/json"


@dataclass(slots=True)
class Asked:
    """What a call asks for: checked rows, and what the dialect must know to write the answer."""

    decoded: Decoded
    wish: Any = None


@dataclass(slots=True)
class Written:
    """An answer or a refusal as its dialect writes it."""

    body: bytes
    media_type: bytes = JSON
    status: int = 200
    headers: list[tuple[bytes, bytes]] | None = None


class Dialect(Protocol):
    """One way of asking for predictions, free of any transport."""

    def decode(self, call: Call, live: LiveModel) -> Asked:
        """What a call asks for; raises a `VigieError` that `refuse` can explain."""
        ...

    def encode(self, job: Job, outcome: Outcome, request_id: str) -> Written:
        """The answer to a job, whose `wish` is that of `decode`."""
        ...

    def refuse(
        self, call: Call, live: LiveModel | None, error: VigieError, request_id: str
    ) -> Written:
        """The refusal, under the status that the dialect has for such an error."""
        ...
