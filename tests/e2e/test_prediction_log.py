"""The prediction log of a real service: two workers, one file, truths, a stop, a kill."""

from __future__ import annotations

from pathlib import Path

import orjson
import psutil
from sqlalchemy import func, select

from support.service import LiveService, MakeService, value_of
from support.waiting import wait_until
from support.worker import HOME, JSON
from vigie.predictionlog.database import Database
from vigie.predictionlog.tables import predictions

ROWS = 400


def written(service: LiveService) -> float:
    return value_of(service.samples(), "vigie_prediction_log_rows_total", outcome="written")


def tell(service: LiveService, *truths: dict[str, object]) -> int:
    body = orjson.dumps(truths)
    return service.ask("POST", "/feedback", body, {"Content-Type": JSON}).status


def test_two_workers_log_and_one_process_keeps(make_service: MakeService, tmp_path: Path) -> None:
    service = make_service(VIGIE_PREDICTION_LOG_ROWS_PER_SECOND="0")
    service.start()
    service.wait_ready()
    ids = [f"home-{number}" for number in range(ROWS)]
    for name in ids:
        answer = service.predict("housing", HOME, **{"X-Request-Id": name})
        assert answer.headers["x-prediction-logged"] == "true"
    price = answer.json()["predictions"][0]["price_eur"]
    wait_until(lambda: written(service) == ROWS)
    assert tell(service, *({"request_id": name, "actual": price} for name in ids)) == 200
    joined = "vigie_feedback_joined_total"
    wait_until(lambda: value_of(service.samples(), joined, version="1") == ROWS)
    samples = service.samples()
    errors = value_of(samples, "vigie_feedback_error_sum", kind="absolute", version="1")
    assert errors == 0
    wait_until(lambda: value_of(service.samples(), "vigie_prediction_log_queue_rows") == 0)
    # whoever joins is killed as well: another takes over, and nothing is counted twice
    for worker in service.workers:
        worker.kill()
        # until then it counts among the workers, and what is left of it among the others
        psutil.wait_procs([worker], timeout=60)
        wait_until(lambda: len(service.workers) == 2 and service.is_ready)
    writer = service.log_writer
    assert writer is not None
    assert writer.nice() > max(worker.nice() for worker in service.workers)
    writer.kill()
    wait_until(lambda: service.log_writer not in (None, writer))
    service.predict("housing", HOME, **{"X-Request-Id": "after"})
    assert tell(service, {"request_id": "after", "actual": price}) == 200
    wait_until(lambda: value_of(service.samples(), joined, version="1") == ROWS + 1)
    for number in range(50):
        service.predict("housing", HOME, **{"X-Request-Id": f"last-{number}"})
    assert service.stop() == 0
    database = Database("", tmp_path / "service0" / "state" / "predictions.db")
    with database.begin() as connection:
        kept = connection.execute(select(func.count()).select_from(predictions)).scalar()
    database.close()
    assert kept == ROWS + 51
    assert "Traceback" not in service.log.read_text()
