"""The status page: how the whole service fares, for those who have no Grafana."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Blueprint, Response, current_app, request

from vigie.monitoring.history import read_history, spans_of
from vigie.monitoring.samples import Samples
from vigie.predictionlog.metrics import LOG_OUTCOMES
from vigie.serving.web.formats import duration, number, small_percent
from vigie.serving.web.pages import asked_language, render_page
from vigie.serving.web.status_models import Facts, ModelBoard, ModelState
from vigie.serving.web.status_quality import PSI_MARKS
from vigie.serving.web.status_traffic import Traffic, traffic_of
from vigie.serving.web.texts import translator
from vigie.serving.worker_state import WorkerState, history_file

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
    worker_state: WorkerState = current_app.extensions["vigie"]
    now, language = time.time(), asked_language()
    samples = Samples(worker_state.families())
    record = read_history(history_file(worker_state.settings))
    models = ModelBoard(worker_state.manager, samples, record.changes, now, language).states()
    traffic = traffic_of(spans_of(record.points, now), now, language)
    log = log_state(worker_state, samples, now, language)
    looks = [
        *_model_looks(models, language),
        *_traffic_looks(traffic, language),
        *([Look(translator(language)("look_log"), "log")] if log.stuck else []),
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
        facts=service_facts(samples, now, language),
    )


def log_state(worker_state: WorkerState, samples: Samples, now: float, language: str) -> LogState:
    """Whether predictions are logged, and what became of the rows so far."""
    t = translator(language)
    if not worker_state.prediction_log.is_on:
        return LogState(t("log_off"), stuck=False, facts=[])
    waiting = samples.total("vigie_prediction_log_queue_rows")
    last = samples.total("vigie_prediction_log_last_success_timestamp_seconds")
    facts = [(t("log_last"), t("ago", age=duration(now - last, language)))] if last else []
    facts += [(t("log_queue"), number(waiting, language))]
    for outcome in LOG_OUTCOMES:
        rows = samples.total("vigie_prediction_log_rows_total", outcome=outcome)
        facts.append((t(f"log_{outcome}"), number(rows, language)))
    since = last or samples.total("process_start_time_seconds") or now
    if waiting and now - since > LOG_LIMIT_SECONDS:
        note = t("log_stuck", rows=number(waiting, language))
        return LogState(note, stuck=True, facts=facts)
    return LogState("" if last else t("log_unwritten"), stuck=False, facts=facts)


def service_facts(samples: Samples, now: float, language: str) -> Facts:
    """What runs, since when, and when the registry last answered."""
    t = translator(language)
    builds = {build.labels["version"] for build in samples.named("vigie_build_info")}
    facts = [(t("vigie_version"), ", ".join(sorted(builds)))] if builds else []
    if workers := samples.total("vigie_workers"):
        facts.append((t("workers"), number(workers, language)))
    if started := samples.total("process_start_time_seconds"):
        facts.append((t("started"), t("ago", age=duration(now - started, language))))
    answered = samples.total("vigie_registry_last_success_timestamp_seconds")
    age = t("ago", age=duration(now - answered, language)) if answered else t("never")
    return [*facts, (t("registry"), age)]


def _model_looks(models: Sequence[ModelState], language: str) -> Iterator[Look]:
    t = translator(language)
    for model in models:
        anchor = f"model-{model.name}"
        if model.why_not:
            yield Look(t("look_absent", model=model.title), anchor)
        for refused in model.refusals:
            yield Look(f"{model.title}{t('colon')}{refused.title}", anchor)
        if shifted := model.shifted:
            names = shifted[:MOST_NAMES]
            if more := len(shifted) - len(names):
                names.append(t("look_more", count=more))
            yield Look(t("look_drift", model=model.title, names=", ".join(names)), anchor)
        if model.truths and model.truths.times and model.truths.is_high:
            times = number(model.truths.times, language, 1)
            yield Look(t("look_error", model=model.title, times=times), anchor)


def _traffic_looks(traffic: Traffic | None, language: str) -> Iterator[Look]:
    if traffic and traffic.failed_share > FAILED_LIMIT:
        share = small_percent(traffic.failed_share, language)
        yield Look(translator(language)("look_failed", share=share), "traffic")


def _registry_looks(samples: Samples, now: float, language: str) -> Iterator[Look]:
    answered = samples.total("vigie_registry_last_success_timestamp_seconds")
    # one that never answered belongs to a service that lives on its cache alone
    if answered and now - answered > REGISTRY_LIMIT_SECONDS:
        age = duration(now - answered, language)
        yield Look(translator(language)("look_registry", age=age), "service")
