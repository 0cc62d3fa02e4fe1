"""The route that takes truths about predictions."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from flask import Blueprint, Response, g, request

from vigie.errors import Conflict, FieldError, InvalidInput, Unavailable
from vigie.serving.api.operations import json_response
from vigie.serving.dialects.body import check_is_json, parse_json
from vigie.serving.openapi.document import feedback_example
from vigie.serving.problems import MEDIA_TYPE, field_errors, problem_body
from vigie.serving.runtime import messages
from vigie.serving.worker_state import current_worker_state
from vigie.serving.wsgi import LATE

if TYPE_CHECKING:
    from vigie.predictionlog.log import PredictionLog
    from vigie.serving.worker_state import WorkerState

blueprint = Blueprint("feedback", __name__)

_MOST_ERRORS = 20


@blueprint.post("/feedback")
def feedback() -> Response:
    """Stores what turned out to be true; says of each truth whether it is new."""
    worker_state = current_worker_state()
    incoming = messages.Request(request.method, request.path, g.headers, request.get_data())
    check_is_json(incoming)
    body = parse_json(incoming.body)
    listed = type(body) is list
    try:
        return _store(worker_state, body if listed else [body])
    except (InvalidInput, Conflict) as error:
        return _refusal(error, listed)
    except Unavailable as error:
        if LATE not in request.environ:
            worker_state.metrics.http.rejected.labels(error.reason).inc()
        raise


def _store(worker_state: WorkerState, items: list[object]) -> Response:
    log: PredictionLog = worker_state.prediction_log
    taken = log.feedback
    from vigie.predictionlog.feedback import read_truths

    stored = taken.store(read_truths(items, worker_state.settings.max_rows))
    conflicts = [index for index, one in enumerate(stored) if one.outcome == "conflict"]
    if conflicts:
        wrong = [
            FieldError(at, "actual", "the truth that is known", "another one") for at in conflicts
        ]
        raise Conflict(
            f"{len(conflicts)} of {len(stored)} truths contradict what is known; the others are "
            "stored.",
            tuple(wrong[:_MOST_ERRORS]),
        )
    counts = Counter(one.outcome for one in stored)
    return json_response({"stored": counts["stored"], "duplicate": counts["duplicate"]})


def _refusal(error: InvalidInput | Conflict, listed: bool) -> Response:
    errors = field_errors(error, (lambda row: f"/{row}") if listed else (lambda _: ""))
    example = feedback_example() if error.status == 422 else None
    body = problem_body(error, g.request_id, errors, example)
    return Response(body, error.status, content_type=MEDIA_TYPE.decode())
