"""A table in pandas' split form, read by the compiled signature of the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from vigie.models.rows import Decoded
    from vigie.serving.runtime.loaded_model import LoadedModel


class _Split(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    columns: list[str]
    data: msgspec.Raw
    index: msgspec.Raw = msgspec.Raw()


class _Body(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    dataframe_split: _Split


_DECODER = msgspec.json.Decoder(_Body)


def read_split(body: bytes | bytearray, live: LoadedModel, most: int) -> Decoded | None:
    """The 1 to `most` rows of a `dataframe_split`; `None` where it needs another look."""
    if live.images:
        return None
    try:
        split = _DECODER.decode(body).dataframe_split
    except (ValueError, RecursionError):
        return None
    return live.predictor.decoder.compiled.read_table(tuple(split.columns), split.data, most)
