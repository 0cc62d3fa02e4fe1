"""The rows of a form with photos, on their way through the pipeline as values and not as a body."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vigie.errors import InvalidInput
from vigie.serving.dialects.native import NativeDialect
from vigie.serving.runtime.messages import DecodedRequest

if TYPE_CHECKING:
    from vigie.serving.runtime.loaded_model import LoadedModel
    from vigie.serving.runtime.messages import Request


class PhotoRows(NativeDialect):
    """Rows whose photos are the bytes of files; those with a broken one are left out.

    `broken` then says what it is instead, by row and input; `answered` are the other rows. Where
    no row is left, or anything else is wrong, `decode` raises as for every caller.
    """

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        super().__init__(len(rows))
        self._rows = rows
        self.broken: dict[int, dict[str, str]] = {}
        self.answered: list[int] = []

    def decode(self, request: Request, live: LoadedModel) -> DecodedRequest:
        """The rows that can be answered; the body of the request is not looked at."""
        self.broken, self.answered = {}, list(range(len(self._rows)))
        images = {item.name for item in live.document.images}
        while True:
            try:
                rows = [self._rows[row] for row in self.answered]
                return DecodedRequest(live.predictor.decoder.decode(rows))
            except InvalidInput as invalid:
                for one in invalid.fields:
                    if one.field in images:
                        self.broken.setdefault(self.answered[one.row], {})[one.field] = one.got
                self.answered = [row for row in self.answered if row not in self.broken]
                # a refusal names twenty fields at most, and more photos may be broken
                if not self.answered or not images.issuperset(one.field for one in invalid.fields):
                    raise
