"""Decoded requests without a transport, for tests of what comes after decoding."""

from __future__ import annotations

from vigie.models.rows import Decoded
from vigie.serving.dialects.native import NativeDialect
from vigie.serving.runtime.loaded_model import LoadedModel
from vigie.serving.runtime.messages import Request, RequestContext


def context_of(
    live: LoadedModel, decoded: Decoded, deadline: float = float("inf")
) -> RequestContext:
    """The context of a native request, decoded; `deadline` is a reading of `perf_counter`."""
    request = Request("POST", "/predict/housing", {}, b"")
    context = RequestContext(request, "a-request", NativeDialect(1000), "/predict/<model>")
    context.live, context.decoded, context.deadline = live, decoded, deadline
    return context
