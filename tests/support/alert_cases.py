"""When each alert fires, when it must not, and when it ends: series of one sample a minute."""

from __future__ import annotations

from dataclasses import dataclass, field

from support.promtool import ramps, steps

MINUTES = 60


@dataclass(frozen=True)
class Episode:
    """Series under which a condition holds from minute `begins`; the alert has ended at `over`."""

    summary: str
    series: dict[str, str]
    begins: int
    over: int | None
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Quiet:
    """Series under which an alert must not fire at a minute."""

    series: dict[str, str]
    at: int = 40


@dataclass(frozen=True)
class Case:
    """What is known of one alert."""

    fires: tuple[Episode, ...]
    silent: tuple[Quiet, ...]


def always(value: float) -> str:
    """The same value throughout."""
    return steps((value, MINUTES))


def spell(normal: float, wrong: float, begins: int = 5, ends: int = 30) -> str:
    """A value that is wrong from one minute to another."""
    return steps((normal, begins), (wrong, ends - begins), (normal, MINUTES - ends))


CHAMPION = {
    'vigie_model_info{model="housing",version="3",alias="champion",instance="a"}': always(1)
}
VERSION = {"model": "housing", "version": "3"}
JOBS = ("mlflow", "haproxy", "node", "prometheus", "alertmanager")


def burn(long: str, short: str, days: str, factor: float) -> Case:
    """The cases of an alert on the error budget: both windows and the traffic count."""

    def of(route: str, *values: str) -> dict[str, str]:
        names = (f"errors:ratio_rate{long}", f"errors:ratio_rate{short}", f"requests:rate{long}")
        return {
            f'route:vigie_http_{name}{{route="{route}"}}': value
            for name, value in zip(names, values, strict=True)
        }

    over, under = factor * 0.001 * 1.1, factor * 0.001 * 0.9
    share = f"{over * 100:.4g}%"
    return Case(
        fires=(
            Episode(
                summary=f"{share} of the requests to /predict failed in the last {days}",
                series=of("/predict", spell(0, over), spell(0, over), always(0.012)),
                begins=5, over=31, labels={"route": "/predict"},
            ),
        ),
        silent=(
            Quiet(of("/predict", always(under), always(0.9), always(5))),
            Quiet(of("/predict", always(0.9), always(under), always(5))),
            Quiet(of("/predict", always(0.9), always(0.9), always(0.009))),
            Quiet(of("/readyz", always(0.9), always(0.9), always(5))),
            Quiet(of("/v2/models/<model>/ready", always(0.9), always(0.9), always(5))),
        ),
    )  # fmt: skip


def latency() -> Case:
    """The cases of the latency objective."""

    def of(slow: str, rate: str, route: str = "/predict") -> dict[str, str]:
        return {
            f'route:vigie_http_slow_requests:ratio_rate5m{{route="{route}"}}': slow,
            f'route:vigie_http_requests:rate5m{{route="{route}"}}': rate,
        }

    return Case(
        fires=(
            Episode(
                summary="1.15% of the requests to /predict took more than 0.25 s",
                series=of(spell(0, 0.0115), always(0.12)),
                begins=5, over=31, labels={"route": "/predict"},
            ),
        ),
        silent=(
            Quiet(of(always(0.009), always(9))),
            Quiet(of(always(0.9), always(0.09))),
            Quiet(of(always(0.9), always(9), "/livez")),
        ),
    )  # fmt: skip


def drift(name: str, summary: str, labels: dict[str, str]) -> Case:
    """The cases of a drift alert: only the version that serves counts."""
    text = ",".join(f'{key}="{value}"' for key, value in labels.items())
    older = text.replace('version="3"', 'version="2"')
    return Case(
        fires=(
            Episode(
                summary=summary, series={f"{name}{{{text}}}": spell(0.05, 0.3)} | CHAMPION,
                begins=5, over=31, labels=labels,
            ),
        ),
        silent=(
            Quiet({f"{name}{{{text}}}": always(0.2)} | CHAMPION),
            Quiet({f"{name}{{{older}}}": always(0.9)} | CHAMPION),
        ),
    )  # fmt: skip


def live_error() -> Case:
    """The cases of the live error, by either of its kinds."""

    def of(kind: str, live: str, training: float, joined: float) -> dict[str, str]:
        version = 'model="housing",version="3"'
        return CHAMPION | {
            f"model_version:vigie_feedback_{kind}_error:ratio_increase24h{{{version}}}": live,
            f'vigie_model_training_error{{{version},kind="{kind}"}}': always(training),
            f"model_version:vigie_feedback_joined:increase24h{{{version}}}": always(joined),
        }

    summary = "The live error of housing version 3 is 1.6 times that of training"
    scales = {"absolute": 1000.0, "wrong": 0.1}
    return Case(
        fires=tuple(
            Episode(
                summary=summary, series=of(kind, spell(one, 1.6 * one), one, 110),
                begins=5, over=31, labels=VERSION,
            )
            for kind, one in scales.items()
        ),
        silent=tuple(
            Quiet(case)
            for kind, one in scales.items()
            for case in (
                of(kind, always(1.4 * one), one, 500),
                of(kind, always(9 * one), one, 90),
                of(kind, always(9 * one), 0, 500),
            )
        ),
    )  # fmt: skip


def lost_rows() -> Case:
    """The cases of the prediction log that loses rows."""

    def of(written: float, **lost: tuple[float, int]) -> dict[str, str]:
        name = "vigie_prediction_log_rows_total"
        found = {f'{name}{{outcome="written"}}': ramps((written, MINUTES))}
        for outcome, (rows, minutes) in lost.items():
            parts = ((rows, minutes), (0, MINUTES - minutes))
            found[f'{name}{{outcome="{outcome}"}}'] = ramps(*(part for part in parts if part[1]))
        return found

    return Case(
        fires=tuple(
            Episode(
                summary="1.235% of the rows for the prediction log were lost in 5 minutes",
                series=of(100, **{outcome: (1.25, 15)}), begins=1, over=40,
            )
            for outcome in ("dropped", "failed")
        ),
        silent=(
            Quiet(of(100, dropped=(0.85, MINUTES))),
            Quiet(of(100, sampled_out=(900, MINUTES))),
            Quiet(of(0, dropped=(0, MINUTES))),
        ),
    )  # fmt: skip


def absent() -> Case:
    """The cases of the target that Prometheus does not know, for each of the jobs."""

    def of(missing: str) -> dict[str, str]:
        return {
            f'up{{job="{job}",instance="a"}}': steps(("_", 20), (1, 40))
            if job == missing
            else always(1)
            for job in JOBS
        }

    on_a_cluster = {
        'up{job="prometheus",platform="kubernetes"}': always(1),
        **{f'up{{job="{job}"}}': always(1) for job in ("mlflow", "alertmanager")},
    }
    return Case(
        fires=tuple(
            Episode(
                summary=f"Prometheus has no target named {job}", series=of(job),
                begins=0, over=21, labels={"job": job},
            )
            for job in JOBS
        ),
        silent=(Quiet(of("none of them")), Quiet(on_a_cluster)),
    )  # fmt: skip


def counted(name: str, label: str, value: str, summary: str, **more: str) -> Case:
    """The cases of an alert on a counter of failures that should not move for 5 minutes."""
    labels = ",".join(f'{key}="{text}"' for key, text in {label: value, **more}.items())
    moving = ramps((0, 5), (1, 15), (0, 40))
    return Case(
        fires=(
            Episode(
                summary=summary, series={f"{name}{{{labels}}}": moving},
                begins=6, over=26, labels={label: value},
            ),
        ),
        silent=(Quiet({f"{name}{{{labels}}}": always(7)}),),
    )  # fmt: skip


def node(name: str, **labels: str) -> str:
    """A series of the node exporter."""
    text = ",".join(f'{key}="{value}"' for key, value in {"instance": "vm", **labels}.items())
    return f"node_{name}{{{text}}}"


DISK = {"mountpoint": "/", "fstype": "ext4"}
LAST = "vigie_registry_last_success_timestamp_seconds"
STARTED = 'process_start_time_seconds{job="vigie"}'
RELOADS = 'vigie_model_reloads_total{model="housing",outcome="refused"}'
WRITTEN = "vigie_prediction_log_last_success_timestamp_seconds"
WAITING = "vigie_prediction_log_queue_rows"
FAILURES = (
    'vigie_prediction_failures_total{model="housing",version="3",reason="engine",instance="a"}'
)
EXPIRY = 'probe_ssl_earliest_cert_expiry{instance="https://example.org"}'
FORTNIGHT = 1_209_600


def overdue(what: str, seconds: int, summary: str) -> Case:
    """The cases of an alert on what happened too long ago; the clock of a case begins at 0."""
    name = f'vigie_backup_last_{what}_timestamp_seconds{{instance="vm"}}'
    return Case(
        fires=(
            Episode(
                summary, {name: steps((290 - seconds, 30), (1800, 30))},
                begins=5, over=31, labels={"instance": "vm"},
            ),
        ),
        silent=(Quiet({name: always(2400 - seconds * 0.9)}), Quiet({})),
    )  # fmt: skip


CASES: dict[str, Case] = {
    "VigieDown": Case(
        fires=(
            Episode(
                "0 replicas of the service can be scraped",
                {'up{job="vigie",instance="a"}': spell(1, 0)}, begins=5, over=31,
            ),
            Episode(
                "0 replicas of the service can be scraped",
                {'up{job="vigie",instance="a"}': steps(("_", 20), (1, 40))}, begins=0, over=21,
            ),
        ),
        silent=(
            Quiet({f'up{{job="vigie",instance="{i}"}}': always(n) for n, i in enumerate("ab")}),
        ),
    ),
    "GatewayDown": Case(
        fires=(
            Episode(
                "1 gateway(s) cannot be scraped: nobody gets in",
                {'up{job="haproxy",instance="a"}': spell(1, 0)}, begins=5, over=31,
            ),
        ),
        silent=(
            Quiet({'up{job="haproxy",instance="a"}': always(1)}),
            # a cluster has none
            Quiet({'up{job="vigie",instance="a"}': always(0)}),
        ),
    ),
    "ErrorBudgetFastBurn": burn("1h", "5m", "hour", 14.4),
    "ErrorBudgetSlowBurn": burn("6h", "30m", "6 hours", 6),
    "ErrorBudgetLeak": burn("3d", "6h", "3 days", 1),
    "LatencyObjectiveMissed": latency(),
    "PredictionsFailing": Case(
        fires=(
            Episode(
                "housing version 3 failed on 6 requests in 15 minutes (engine)",
                {FAILURES: steps((0, 20), (6, 40))}, begins=20, over=36,
                labels=VERSION | {"reason": "engine"},
            ),
        ),
        silent=(Quiet({FAILURES: steps((0, 20), (4, 40))}, at=25),),
    ),
    "NoUsableModel": Case(
        fires=(
            Episode(
                "housing has no usable version on any of 1 replicas",
                {
                    'vigie_model_reloads_total{model="housing",outcome="swapped"}': always(1),
                    next(iter(CHAMPION)): steps((1, 5), ("stale", 1), ("_", 24), (1, 30)),
                },
                begins=5, over=31, labels={"model": "housing"},
            ),
        ),
        silent=(
            Quiet(
                {'vigie_model_reloads_total{model="housing",outcome="swapped"}': always(0)}
                | CHAMPION
            ),
        ),
    ),
    "ModelVersionRefused": Case(
        fires=tuple(
            Episode(
                f"1 time(s) in 15 minutes a version of housing was {outcome}",
                {RELOADS.replace("refused", outcome): steps((0, 20), (1, 40))},
                begins=20, over=37, labels={"model": "housing", "outcome": outcome},
            )
            for outcome in ("refused", "failed")
        ),
        silent=(
            Quiet({RELOADS: always(3)}),
            Quiet({RELOADS.replace("refused", "swapped"): ramps((1, MINUTES))}),
        ),
    ),
    "RegistryStale": Case(
        fires=(
            Episode(
                "The registry has not answered for 12m 0s",
                {LAST: steps((60, 30), (1800, 30))}, begins=12, over=31,
            ),
            Episode(
                "The registry has not answered for 12m 0s",
                {LAST: steps((0, 30), (1800, 30)), STARTED: always(60)}, begins=12, over=31,
            ),
        ),
        silent=(
            Quiet({LAST: always(300)}, at=14),
            Quiet({LAST: always(0), STARTED: always(2000)}),
        ),
    ),
    "FeatureDrift": drift(
        "model_version_feature:vigie_feature_psi:increase6h",
        "PSI of rooms of housing version 3 is 0.30 over 6 hours (limit 0.25, no unit)",
        VERSION | {"feature": "rooms"},
    ),
    "PredictionDrift": drift(
        "model_version:vigie_prediction_psi:increase6h",
        "PSI of the predictions of housing version 3 is 0.30 over 6 hours (limit 0.25, no unit)",
        VERSION,
    ),
    "LiveErrorHigh": live_error(),
    "DatabaseDown": Case(
        fires=tuple(
            Episode(
                "Nothing was written to the prediction log for 2m 10s",
                {
                    WRITTEN: steps((last, 20), (1200, 40)), STARTED: always(started),
                    WAITING: steps((9, 20), (0, 40)),
                },
                begins=3, over=21,
            )
            for last, started in ((110, 40), (0, 110))
        ),
        silent=(
            Quiet({WRITTEN: "-50+60x60", WAITING: always(9)}),
            Quiet({WRITTEN: always(100), WAITING: always(0)}),
            Quiet({WRITTEN: always(0), STARTED: always(2370), WAITING: always(9)}),
        ),
    ),
    "PredictionLogDropping": lost_rows(),
    "TargetDown": Case(
        fires=(
            Episode(
                "1 target(s) of mlflow cannot be scraped",
                {
                    'up{job="mlflow",instance="a"}': spell(1, 0),
                    'up{job="mlflow",instance="b"}': always(1),
                },
                begins=5, over=31, labels={"job": "mlflow"},
            ),
        ),
        silent=(Quiet({'up{job="mlflow",instance="a"}': always(1)}),),
    ),
    "TargetAbsent": absent(),
    "DiskSpaceLow": Case(
        fires=(
            Episode(
                "13% of / is free",
                {
                    node("filesystem_avail_bytes", **DISK): spell(90, 13),
                    node("filesystem_size_bytes", **DISK): always(100),
                },
                begins=5, over=31, labels=DISK | {"instance": "vm"},
            ),
        ),
        silent=(
            Quiet(
                {
                    node("filesystem_avail_bytes", **DISK): always(16),
                    node("filesystem_size_bytes", **DISK): always(100),
                }
            ),
            Quiet(
                {
                    node("filesystem_avail_bytes", mountpoint="/run", fstype="tmpfs"): always(1),
                    node("filesystem_size_bytes", mountpoint="/run", fstype="tmpfs"): always(100),
                }
            ),
        ),
    ),
    "MemoryLow": Case(
        fires=(
            Episode(
                "9% of the memory of vm is available",
                {
                    node("memory_MemAvailable_bytes"): spell(50, 9),
                    node("memory_MemTotal_bytes"): always(100),
                },
                begins=5, over=31, labels={"instance": "vm"},
            ),
        ),
        silent=(
            Quiet(
                {
                    node("memory_MemAvailable_bytes"): always(11),
                    node("memory_MemTotal_bytes"): always(100),
                }
            ),
        ),
    ),
    "ClockSkew": Case(
        fires=(
            Episode(
                "The clock of vm is off by 60ms", {node("timex_offset_seconds"): spell(0, -0.06)},
                begins=5, over=31, labels={"instance": "vm"},
            ),
        ),
        silent=(Quiet({node("timex_offset_seconds"): always(0.04)}),),
    ),
    "ClockNotSynchronised": Case(
        fires=(
            Episode(
                "The clock of vm is not synchronised (status 0, no unit)",
                {
                    node("timex_sync_status"): steps((0, 30), (1, 30)),
                    node("timex_maxerror_seconds"): always(20),
                },
                begins=0, over=31, labels={"instance": "vm"},
            ),
        ),
        silent=(
            Quiet(
                {
                    node("timex_sync_status"): always(0),
                    node("timex_maxerror_seconds"): always(15),
                }
            ),
            Quiet(
                {
                    node("timex_sync_status"): steps(*[(0, 3), (1, 1)] * 15),
                    node("timex_maxerror_seconds"): always(20),
                }
            ),
        ),
    ),
    "CertificateExpiring": Case(
        fires=(
            Episode(
                "The certificate of https://example.org ends in 13d 23h 58m 50s",
                {EXPIRY: steps((FORTNIGHT + 290, 30), (6 * FORTNIGHT, 30))},
                begins=5, over=31, labels={"instance": "https://example.org"},
            ),
        ),
        silent=(Quiet({EXPIRY: always(FORTNIGHT * 1.1)}),),
    ),
    "BackupOverdue": overdue(
        "success", 93_600, "The last backup of vm was made 1d 2h 1m 10s ago"
    ),
    "BackupUntried": overdue(
        "trial", 777_600, "No backup of vm was restored for 9d 0h 1m 10s"
    ),
    "RuleEvaluationFailing": counted(
        "prometheus_rule_evaluation_failures_total", "rule_group", "drift",
        "5 evaluations of drift failed in 5 minutes", instance="p",
    ),
    "NotificationsFailing": counted(
        "alertmanager_notifications_failed_total", "integration", "webhook",
        "5 notifications by webhook failed in 5 minutes", reason="other",
    ),
    "Watchdog": Case(fires=(Episode("Alerting works", {}, begins=0, over=None),), silent=()),
}  # fmt: skip
