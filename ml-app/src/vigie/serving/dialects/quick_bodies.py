"""Bodies whose form is seen from how they begin: read by the compiled signature of the model.

A wrong guess does no harm: a body is taken only where all of it is of its form.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

from vigie.models.row_forms import USUAL, Form

if TYPE_CHECKING:
    from vigie.models.row_forms import Kind
    from vigie.models.rows import Decoded
    from vigie.serving.runtime.loaded_model import LoadedModel

Head = tuple[bytes | None, bytes, bytes]
"""The member that holds the rows, if any; how it opens; how what is in it does."""

_NEXT = rb"([\[{])\s*([\[{\"]?)"
_OPENINGS: dict[Kind, tuple[tuple[bytes, bytes], ...]] = {
    "object": ((b"{", b'"'),),
    "objects": ((b"[", b"{"),),
    "lists": ((b"[", b"["),),
    "values": ((b"[", b""), (b"[", b'"')),
    "columns": ((b"{", b'"'),),
}
BEGINNING = 512
"""Bytes that the rows begin in, behind whatever is beside them."""
_SIGNATURE = (("signature_name", Literal["serving_default", ""] | None),)


class QuickBodies:
    """The forms that a dialect knows, each by how a body begins."""

    def __init__(self, head: bytes, *forms: Form) -> None:
        self._find = re.compile(head + _NEXT).search
        self._forms: dict[tuple[Any, ...], Form] = {
            (form.member.encode() if form.member else None, *opening): form
            for form in forms
            for opening in _OPENINGS[form.kind]
        }

    def read(
        self, body: bytes | bytearray, live: LoadedModel, most: int
    ) -> tuple[Decoded, Form] | None:
        """The 1 to `most` rows of a body, and its form; `None` where it needs another look."""
        inputs = live.inputs
        if live.images:
            return None
        found = self._find(body, 0, BEGINNING)
        form = self._forms.get(found.groups()) if found else None
        if form is None:
            return None
        # an input may have the name of a wrapper
        if form.member in inputs or "b64" in inputs:
            return None
        decoded = live.predictor.decoder.compiled.read(body, form, most)
        return None if decoded is None else (decoded, form)


NATIVE = QuickBodies(
    rb'^\s*(?:\{\s*"(instances|features)"\s*:\s*)?',
    Form("object"),
    Form("objects"),
    Form("lists"),
    USUAL,
    Form("lists", "instances"),
    Form("object", "features"),
    Form("objects", "features"),
    Form("lists", "features"),
)
TENSORFLOW_SERVING = QuickBodies(
    rb'"(instances|inputs)"\s*:\s*',
    Form("objects", "instances", _SIGNATURE),
    Form("lists", "instances", _SIGNATURE),
    Form("values", "instances", _SIGNATURE),
    Form("lists", "inputs", _SIGNATURE),
    Form("values", "inputs", _SIGNATURE),
    Form("columns", "inputs", _SIGNATURE),
)
INVOCATIONS = QuickBodies(
    rb'"(dataframe_records|instances|inputs)"\s*:\s*',
    Form("objects", "dataframe_records"),
    USUAL,
    Form("lists", "instances"),
    Form("values", "instances"),
    Form("objects", "inputs"),
    Form("lists", "inputs"),
    Form("values", "inputs"),
    Form("columns", "inputs"),
)
