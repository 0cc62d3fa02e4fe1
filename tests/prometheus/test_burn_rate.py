"""The error budget, from raw counters to alerts: 99.9 % over 30 days, several windows and rates."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from support.promtool import RULES, needs_promtool, run, seconds, series

FAST, SLOW, LEAK = "ErrorBudgetFastBurn", "ErrorBudgetSlowBurn", "ErrorBudgetLeak"
PER_SECOND = 10


@dataclass(frozen=True)
class Traffic:
    """Requests over time: parts of (share that fails, duration), and how often they are sampled."""

    parts: tuple[tuple[float, str], ...]
    per_second: float = PER_SECOND
    interval: str = "15s"
    evaluation: str = "15s"

    def counters(self) -> dict[str, str]:
        """The counters of good and failed requests."""
        step = seconds(self.interval)
        good, bad = 0.0, 0.0
        texts: tuple[list[str], list[str]] = ([], [])
        for share, duration in self.parts:
            samples = seconds(duration) // step
            each = self.per_second * step
            for text, start, growth in (
                (texts[0], good, each * (1 - share)), (texts[1], bad, each * share),
            ):  # fmt: skip
                text.append(f"{start + growth:.10g}+{growth:.10g}x{samples - 1}")
            good, bad = good + each * (1 - share) * samples, bad + each * share * samples
        labels = 'method="POST",route="/predict",instance="a"'
        return {
            f'vigie_http_requests_total{{{labels},code="{code}"}}': "0 " + " ".join(text)
            for code, text in zip((200, 503), texts, strict=True)
        }


def firing(name: str, at: str, fires: bool) -> dict[str, object]:
    """A check of one alert at a time."""
    one = [{"labels": "{}", "value": 1}] if fires else []
    query = f'count(ALERTS{{alertname="{name}",alertstate="firing"}})'
    return {"expr": query, "eval_time": at, "exp_samples": one}


def over_days(*parts: tuple[float, str], per_second: float = PER_SECOND) -> Traffic:
    """Traffic over days, looked at less often; what is older than 5 minutes counts for nothing."""
    return Traffic(parts, per_second, interval="2m", evaluation="4m")


TABLE = {
    "all requests fail: a page within 3 minutes": (
        Traffic(((0, "2h"), (1, "10m"))),
        [(FAST, "2h", False), (FAST, "2h3m", True)],
    ),
    "5 % fail: a page": (
        Traffic(((0, "2h"), (0.05, "1h"))),
        [(FAST, "2h10m", False), (FAST, "2h20m", True)],
    ),
    "2 % fail: a page within the hour": (
        Traffic(((0, "2h"), (0.02, "65m"))),
        [(FAST, "2h30m", False), (FAST, "3h", True)],
    ),
    "0.3 % fail: a ticket": (
        over_days((0, "3d"), (0.003, "26h")),
        [(LEAK, "3d20h", False), (LEAK, "4d1h", True), (FAST, "4d1h", False),
         (SLOW, "4d1h", False)],
    ),
    "0.05 % fail: silence": (
        over_days((0.0005, "4d")),
        [(name, at, False) for name in (FAST, SLOW, LEAK) for at in ("1h", "12h", "3d", "4d")],
    ),
    "a burst of 10 minutes: the page ends within 7 minutes": (
        Traffic(((0, "6h"), (0.2, "10m"), (0, "30m"))),
        [(FAST, "6h10m", True), (FAST, "6h17m", False), (SLOW, "6h17m", False)],
    ),
    "one of 3 requests an hour fails: silence": (
        over_days((1 / 3, "4d"), per_second=3 / 3600),
        [(name, at, False) for name in (FAST, SLOW, LEAK) for at in ("1h", "12h", "3d", "4d")],
    ),
}  # fmt: skip


@needs_promtool
@pytest.mark.parametrize("row", TABLE)
def test_burn_rates(row: str, tmp_path: Path) -> None:
    traffic, looks = TABLE[row]
    tests = [
        {
            "interval": traffic.interval,
            "input_series": series(traffic.counters()),
            "promql_expr_test": [firing(*look) for look in looks],
        }
    ]
    files = [RULES / "requests.yml", RULES / "alerts-service.yml"]
    failed = run(tmp_path, files, tests, traffic.evaluation)
    assert failed is None, failed


OF_GATEWAY = {
    # failed answers a second of the gateway's 10, and those of them that a replica gave
    "no replica answers": (10, 0, True),
    "the gateway fails in 5 % of the requests": (0.5, 0, True),
    "what replicas fail in is theirs": (5, 5, False),
    "a replica failed where the gateway asked another": (0, 1, False),
    "0.05 % fail": (0.005, 0, False),
}


@needs_promtool
@pytest.mark.parametrize("case", OF_GATEWAY)
def test_what_the_gateway_fails_in_counts(case: str, tmp_path: Path) -> None:
    failed_at_gateway, failed_at_replica, pages = OF_GATEWAY[case]
    step = 15

    def counter(per_second: float) -> str:
        return f"0 0x480 {per_second * step:.10g}+{per_second * step:.10g}x160"

    from_servers = 'haproxy_server_http_responses_total{proxy="ml-app",server="%s",code="5xx"}'
    counters = {
        'haproxy_backend_http_requests_total{proxy="ml-app"}': f"0+{PER_SECOND * step}x640",
        'haproxy_backend_http_responses_total{proxy="ml-app",code="5xx"}': counter(
            failed_at_gateway
        ),
        **{
            from_servers % name: counter(failed_at_replica / 2) for name in ("replica1", "replica2")
        },
        # another backend's are of no concern
        'haproxy_backend_http_responses_total{proxy="mlflow",code="5xx"}': counter(9),
    }
    named = 'ALERTS{alertname="ErrorBudgetFastBurn",alertstate="firing",route="the gateway"}'
    found = [{"labels": "{}", "value": 1}] if pages else []
    tests = [
        {
            "interval": f"{step}s",
            "input_series": series(counters),
            "promql_expr_test": [
                {"expr": f"count({named})", "eval_time": "2h", "exp_samples": []},
                {"expr": f"count({named})", "eval_time": "2h30m", "exp_samples": found},
            ],
        }
    ]
    files = [RULES / name for name in ("gateway.yml", "requests.yml", "alerts-service.yml")]
    failed = run(tmp_path, files, tests, "15s")
    assert failed is None, failed


@needs_promtool
def test_no_requests_are_no_errors(tmp_path: Path) -> None:
    name = 'vigie_http_requests_total{method="POST",route="/predict",code="200"}'
    shares = '{__name__=~"route:.*:ratio_rate.*"}'
    tests = [
        {
            "interval": "15s",
            "input_series": series({name: "7x2000"}),
            "promql_expr_test": [{"expr": shares, "eval_time": "8h", "exp_samples": []}],
        }
    ]
    failed = run(tmp_path, [RULES / "requests.yml"], tests, "15s")
    assert failed is None, failed
