"""What stands above an answer: the same headers, whoever reads them."""

from __future__ import annotations

import numpy as np
import pytest

from support.contexts import context_of
from support.worker import HOME
from vigie.engines.predictor import Answers
from vigie.serving.responses import bytes_of, success
from vigie.serving.runtime.messages import EncodedResponse, Response, Result
from vigie.serving.worker_state import WorkerState

TOOK = b"queue;dur=0.000, decode;dur=0.017, infer;dur=1500.000, encode;dur=10.000"


@pytest.mark.parametrize("logged", [True, False])
def test_an_answer_says_where_it_comes_from_and_what_it_took(
    shared_worker_state: WorkerState, logged: bool
) -> None:
    live = shared_worker_state.manager.slot("housing").live
    assert live is not None
    context = context_of(live, live.predictor.decoder.decode([HOME]))
    context.decode_seconds = 0.0000166
    result = Result(Answers({"price_eur": np.array([1.0])}), 0.0000004, 1.5)
    length = (b"inference-header-content-length", b"14")
    encoded = EncodedResponse(b'{"100 % of it"}', b"application/octet-stream", 200, [length])
    response = success(context, encoded, result, 0.01, logged=logged)
    assert (response.status, response.body) == (200, b'{"100 % of it"}')
    assert response.headers == [
        (b"content-type", b"application/octet-stream"),
        (b"content-length", b"15"),
        (b"x-request-id", b"a-request"),
        (b"x-content-type-options", b"nosniff"),
        (b"x-model-name", b"housing"),
        (b"x-model-version", b"1"),
        (b"x-model-digest", live.digest.encode()),
        (b"x-prediction-logged", b"true" if logged else b"false"),
        (b"server-timing", TOOK),
        length,
    ]  # fmt: skip
    plain = Response(response.status, response.headers, response.body)
    assert bytes_of(response, b"date: now\r\n", False) == bytes_of(plain, b"date: now\r\n", False)
