"""The status page: how the whole service fares, for those who have no Grafana."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from vigie.monitoring.history import read_history, spans_of
from vigie.monitoring.samples import Samples
from vigie.predictionlog.metrics import LOG_OUTCOMES
from vigie.serving.web.quality import PSI_MARKS
from vigie.serving.web.render import asked_language, render_page
from vigie.serving.web.status_models import ModelBoard
from vigie.serving.web.status_traffic import traffic_of
from vigie.serving.worker_state import current_worker_state, history_file

if TYPE_CHECKING:
    from vigie.serving.web.language import Language
    from vigie.serving.web.status_models import Facts, ModelState
    from vigie.serving.web.status_traffic import Traffic
    from vigie.serving.worker_state import WorkerState

blueprint = Blueprint("status", __name__)

REFRESH_SECONDS = 10
FAILED_LIMIT = 0.01
"""A share of failed predictions from which on the page asks for a look."""
MOST_NAMES = 3
REGISTRY_LIMIT_SECONDS = 600.0
LOG_LIMIT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class LogState:
    """The prediction log: figures where it is on, and a sentence where something is to be said."""

    note: str
    stuck: bool
    facts: Facts


@dataclass(frozen=True, slots=True)
class Look:
    """Something that needs a look, and the part of the page that tells more."""

    text: str
    anchor: str


@blueprint.get("/status")
def status() -> Response:
    """Models, traffic, drift, errors and the prediction log of the whole service."""
    worker_state = current_worker_state()
    now, language = time.time(), asked_language()
    t = language.text
    families, replicas = worker_state.families_of_all()
    samples = Samples(families)
    record = read_history(history_file(worker_state.settings))
    models = ModelBoard(worker_state.manager, samples, record.changes, now, language).states()
    traffic = traffic_of(spans_of(record.points, now), now, language)
    log = log_state(worker_state, samples, now, language)
    looks = [
        *_model_looks(models, language),
        *_traffic_looks(traffic, language),
        *([Look(t("The prediction log is not written."), "log")] if log.stuck else []),
        *_registry_looks(samples, now, language),
    ]
    return render_page(
        "status.html",
        200,
        now=f"{datetime.fromtimestamp(now, UTC):%H:%M:%S}",
        refresh=REFRESH_SECONDS if "paused" not in request.args else None,
        looks=looks,
        traffic=traffic,
        models=models,
        marks=PSI_MARKS,
        log=log,
        replicas=replicas,
        facts=service_facts(samples, replicas, now, language),
    )


def log_state(
    worker_state: WorkerState, samples: Samples, now: float, language: Language
) -> LogState:
    """Whether predictions are logged, and what became of the rows so far."""
    t = language.text
    if not worker_state.prediction_log.is_on:
        return LogState(t("Off: `VIGIE_PREDICTION_LOG`."), stuck=False, facts=[])
    waiting = samples.total("vigie_prediction_log_queue_rows")
    last = samples.total("vigie_prediction_log_last_success_timestamp_seconds")
    facts = [(t("Last written"), t("{age} ago", age=language.duration(now - last)))] if last else []
    facts += [(t("Rows waiting"), language.number(waiting))]
    names = {
        "written": t("Rows written"),
        "sampled_out": t("Left out above the rate"),
        "dropped": t("Dropped, queue full"),
        "failed": t("Failed in the database"),
    }
    for outcome in LOG_OUTCOMES:
        rows = samples.total("vigie_prediction_log_rows_total", outcome=outcome)
        facts.append((names[outcome], language.number(rows)))
    since = last or samples.total("process_start_time_seconds") or now
    if waiting and now - since > LOG_LIMIT_SECONDS:
        note = t(
            "Not written: {rows} rows wait. Predictions go on; see the service's log.",
            rows=language.number(waiting),
        )
        return LogState(note, stuck=True, facts=facts)
    return LogState("" if last else t("Nothing was written yet."), stuck=False, facts=facts)


def service_facts(samples: Samples, replicas: int, now: float, language: Language) -> Facts:
    """What runs, since when, and when the registry last answered; no `replicas`: this one."""
    t = language.text
    builds = {build.labels["version"] for build in samples.named("vigie_build_info")}
    facts = [(t("Vigie"), ", ".join(sorted(builds)))] if builds else []
    alone = t("this one alone; VIGIE_STATUS_FOLDER adds up all")
    facts.append((t("Replicas"), language.number(replicas) if replicas else alone))
    if workers := samples.total("vigie_workers"):
        facts.append((t("Workers"), language.number(workers)))
    if started := samples.total("process_start_time_seconds"):
        facts.append(
            (t("Oldest worker started"), t("{age} ago", age=language.duration(now - started)))
        )
    answered = samples.total("vigie_registry_last_success_timestamp_seconds")
    age = t("{age} ago", age=language.duration(now - answered)) if answered else t("never")
    return [*facts, (t("Registry last answered"), age)]


def _model_looks(models: Sequence[ModelState], language: Language) -> Iterator[Look]:
    t = language.text
    for model in models:
        anchor = f"model-{model.name}"
        if model.why_not:
            yield Look(t("{model} is not served.", model=model.title), anchor)
        for refused in (r for r in model.refusals if not r.pending):
            yield Look(f"{model.title}{t(': ')}{refused.title}", anchor)
        if shifted := model.shifted:
            names = shifted[:MOST_NAMES]
            if more := len(shifted) - len(names):
                names.append(t("{count} more", count=more))
            text = t(
                "{model}: far from the training data: {names}.",
                model=model.title,
                names=", ".join(names),
            )
            yield Look(text, anchor)
        if model.truths and model.truths.times and model.truths.is_high:
            times = language.number(model.truths.times, 1)
            text = t(
                "{model}: the live error is {times} times that of training.",
                model=model.title,
                times=times,
            )
            yield Look(text, anchor)


def _traffic_looks(traffic: Traffic | None, language: Language) -> Iterator[Look]:
    if traffic and traffic.failed_share > FAILED_LIMIT:
        share = language.small_percent(traffic.failed_share)
        t = language.text
        text = t("{share} of the predictions asked for in 5 minutes failed.", share=share)
        yield Look(text, "traffic")


def _registry_looks(samples: Samples, now: float, language: Language) -> Iterator[Look]:
    answered = samples.total("vigie_registry_last_success_timestamp_seconds")
    # one that never answered belongs to a service that lives on its cache alone
    if answered and now - answered > REGISTRY_LIMIT_SECONDS:
        age = language.duration(now - answered)
        t = language.text
        yield Look(t("The registry has not answered for {age}.", age=age), "service")
