"""What Vigie promises of its speed with table rows."""

from __future__ import annotations

from collections.abc import Iterator

from bench.figures import Cost, Results, ServiceFigures
from bench.goals import Goal, median, ratio_goal
from bench.rows.contenders import CONTENDERS, RAW
from bench.rows.loads import BULK, MANY, ONE, SOME

TITLES = {contender.name: contender.title for contender in CONTENDERS}
PEERS = tuple(contender.name for contender in CONTENDERS if contender.is_peer)
AGAINST_RAW = ((MANY, 1.2), (SOME, 0.9), (ONE, 0.6))
FLASK_AT_LEAST = 0.15
AT_LEAST = (("mlflow", 40), ("mlserver", 40), ("bentoml", 12), ("litserve", 12),
            ("fastapi-tensorflow", 6), ("fastapi-onnx", 5))  # fmt: skip
BULK_AT_LEAST = 2.2
ALONE_AT_LEAST = 1.0
ENGINE_AT_LEAST = 3.0
P99_MOST_MS = 10.0
MEMORY_MOST_MB = 185.0
START_MOST_SECONDS = 0.8
WATCHING_MOST = 1.08


def row_goals(results: Results) -> Iterator[Goal]:
    """Every promise about rates and waits with what these results say of it."""
    for load, limit in AGAINST_RAW:
        yield ratio_goal(results, f"Vigie against {TITLES[RAW]}", "vigie", (RAW,), load, limit)
    yield ratio_goal(
        results, f"Vigie by Flask against {TITLES[RAW]}", "vigie-flask", (RAW,), MANY,
        FLASK_AT_LEAST,
    )  # fmt: skip
    for other, limit in AT_LEAST:
        yield ratio_goal(results, f"Vigie against {TITLES[other]}", "vigie", (other,), MANY, limit)
    p99 = results.figure("vigie", MANY, "p99_ms")
    yield Goal(f"{MANY}: 99 of 100 within", P99_MOST_MS, median(p99), False, " ms")
    best = "Vigie against the best peer"
    yield ratio_goal(results, best, "vigie", PEERS, BULK, BULK_AT_LEAST)
    yield ratio_goal(results, best, "vigie", PEERS, ONE, ALONE_AT_LEAST)
    yield ratio_goal(
        results, "Vigie's TensorFlow engine against FastAPI + TensorFlow",
        "tensorflow-engine", ("fastapi-tensorflow",), MANY, ENGINE_AT_LEAST,
    )  # fmt: skip


def service_goals(service: ServiceFigures | None, watching: Cost | None) -> Iterator[Goal]:
    """What is promised of the service as people run it, and of what watching it costs."""
    yield Goal(
        "memory of master, 2 workers and publisher", MEMORY_MOST_MB,
        service.memory_mb if service else None, False, " MB",
    )  # fmt: skip
    yield Goal(
        "start to first prediction", START_MOST_SECONDS,
        median(service.start) if service else None, False, " s",
    )  # fmt: skip
    yield Goal(
        f"{MANY}: computing time with monitoring and logs, against without", WATCHING_MOST,
        watching.mean if watching else None, False, " times",
    )  # fmt: skip
