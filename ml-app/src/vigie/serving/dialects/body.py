"""Bodies: their media types, and JSON that is one or is refused."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import orjson

from vigie.errors import InvalidInput, MalformedRequest, UnsupportedMediaType
from vigie.serving.dialects.long_texts import parse_long_texts
from vigie.serving.runtime.messages import JSON, EncodedResponse

if TYPE_CHECKING:
    from vigie.errors import VigieError
    from vigie.serving.runtime.messages import Request


_MOST_SPACE = 1024
"""Before JSON that comes under another type; a body of megabytes is not copied to look at it."""


def check_not_compressed(request: Request) -> None:
    """Refuses a compressed body: nobody unpacks what may grow a thousandfold."""
    if request.header(b"content-encoding").lower() not in ("", "identity"):
        raise UnsupportedMediaType("The body is compressed; send it as it is.")


def check_is_json(request: Request, others: str = "") -> None:
    """Refuses a body that is compressed or not JSON by its media type.

    `others` begins the sentence that says so, where the model takes more than JSON.
    """
    check_not_compressed(request)
    media_type = request.headers.get(b"content-type", JSON)
    if media_type in (JSON, b""):
        return
    plain = request.header(b"content-type").split(";")[0].strip().lower()
    if plain == "application/json" or plain.endswith("+json"):
        return
    # curl -d sends JSON under the form type unless it is told otherwise
    if plain == "application/x-www-form-urlencoded" and request.body[:_MOST_SPACE].lstrip()[:1] in (
        b"{",
        b"[",
    ):
        return
    send = f"{others}send" if others else "Send"
    raise UnsupportedMediaType(f"{send} JSON with Content-Type: application/json.")


class _NotFinite:
    """Stands for a bare NaN or Infinity, so that the decoder can say which field holds it."""


def parse_json(body: bytes | bytearray, with_photos: bool = False) -> Any:
    """The JSON document of a body; `MalformedRequest` says where it breaks.

    `with_photos` says that it may hold texts of megabytes.
    """
    try:
        return parse_long_texts(body) if with_photos else orjson.loads(body)
    except orjson.JSONDecodeError as broken:
        if b"NaN" in body or b"Infinity" in body:
            # only the NaN is forgiven: a text that orjson cannot write would break the graph
            with contextlib.suppress(ValueError, TypeError, RecursionError):
                document = json.loads(body.decode(), parse_constant=lambda _: _NotFinite())
                orjson.dumps(document, default=lambda _: None)
                return document
        raise malformed(body, broken) from None


def malformed(body: bytes | bytearray, broken: orjson.JSONDecodeError) -> MalformedRequest:
    """Says where JSON breaks."""
    if not body:
        return MalformedRequest("The body is empty; send JSON.")
    what = "A number is too large" if "infinity" in broken.msg else "The body is not JSON"
    return MalformedRequest(f"{what} (line {broken.lineno}, column {broken.colno}).")


def error_response(error: VigieError) -> EncodedResponse:
    """`{"error": "…"}`; what breaks the signature is 400 there, as what cannot be parsed."""
    status = 400 if isinstance(error, InvalidInput) else error.status
    return EncodedResponse(orjson.dumps({"error": str(error)}), status=status)
