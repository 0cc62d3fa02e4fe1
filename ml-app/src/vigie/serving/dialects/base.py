"""What a dialect is."""

from __future__ import annotations

from typing import Protocol

from vigie.errors import VigieError
from vigie.models.decoding import Decoded
from vigie.serving.call import Call
from vigie.serving.job import Job, Outcome
from vigie.serving.live import LiveModel


class Dialect(Protocol):
    """One way of asking for predictions, free of any transport."""

    def decode(self, call: Call, live: LiveModel) -> Decoded:
        """The rows of a call, checked; raises a `VigieError` that `refuse` can explain."""
        ...

    def encode(self, job: Job, outcome: Outcome, request_id: str) -> bytes:
        """The body of an answer."""
        ...

    def refuse(
        self, call: Call, live: LiveModel | None, error: VigieError, request_id: str
    ) -> tuple[bytes, bytes]:
        """The body and media type of a refusal."""
        ...
