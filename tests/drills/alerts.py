"""From a fault to a message and back: real Prometheus, real Alertmanager, a listening webhook.

The exporters are stand-ins that show what the real ones would; everything lasts a sixtieth.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from support.alert_stack import Stack, Surroundings, installed, wait_until

pytestmark = pytest.mark.skipif(not installed(), reason="prometheus or alertmanager is missing")

DAY = 86_400
LONGEST = 45
QUIET_SECONDS = 6
LOG = "vigie_prediction_log"


def healthy() -> dict[str, dict[str, float]]:
    """The metrics of a stack in which all is well."""
    version = 'model="housing",version="3"'
    disk = 'mountpoint="/",fstype="ext4"'
    return {
        "vigie": {
            f'vigie_model_info{{{version},alias="champion"}}': 1,
            'vigie_model_reloads_total{model="housing",outcome="swapped"}': 1,
            'vigie_model_reloads_total{model="housing",outcome="refused"}': 0,
            "vigie_registry_last_success_timestamp_seconds": time.time() + DAY,
            f"{LOG}_last_success_timestamp_seconds": time.time() + DAY,
            f"{LOG}_queue_rows": 0,
            f'{LOG}_rows_total{{outcome="written"}}': 0,
            f'{LOG}_rows_total{{outcome="dropped"}}': 0,
        },
        "mlflow": {},
        "haproxy": {},
        "node": {
            f"node_filesystem_avail_bytes{{{disk}}}": 60,
            f"node_filesystem_size_bytes{{{disk}}}": 100,
            "node_timex_offset_seconds": 0.001,
        },
        "probe": {"probe_ssl_earliest_cert_expiry": time.time() + 60 * DAY},
    }


@pytest.fixture(scope="module")
def around() -> Iterator[Surroundings]:
    made = Surroundings()
    made.metrics = healthy()
    yield made
    made.close()


@pytest.fixture(scope="module")
def stack(around: Surroundings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    made = Stack(tmp_path_factory.mktemp("alerts"), around)
    yield made
    made.close()


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong: what people must hear of it, and what they must not."""

    alert: str
    service: str
    begin: Callable[[Surroundings], None]
    held_back: frozenset[str] = frozenset()
    then: Callable[[Surroundings], None] = field(default=lambda _: None)


def set_metric(job: str, name: str, value: float) -> Callable[[Surroundings], None]:
    """A fault that shows as one metric."""

    def begin(around: Surroundings) -> None:
        (found,) = (key for key in around.metrics[job] if key.startswith(name))
        around.metrics[job][found] = value

    return begin


def die(job: str) -> Callable[[Surroundings], None]:
    """The fault of a service that answers no more."""
    return lambda around: around.dead.add(job)


def lose_the_database(around: Surroundings) -> None:
    """Nothing is written, rows wait, and more and more of them are dropped."""
    vigie = around.metrics["vigie"]
    vigie[f"{LOG}_last_success_timestamp_seconds"] = time.time() - 500
    vigie[f"{LOG}_queue_rows"] = 1000


def drop_rows(around: Surroundings) -> None:
    """Rows are dropped for ten seconds."""
    for _ in range(20):
        around.metrics["vigie"][f'{LOG}_rows_total{{outcome="dropped"}}'] += 100
        time.sleep(0.5)


FAULTS = {
    "the service is dead": Fault("VigieDown", "vigie", die("vigie"), frozenset({"TargetDown"})),
    "the gateway is dead": Fault(
        "GatewayDown", "vigie", die("haproxy"), frozenset({"TargetDown"})
    ),
    "a version is refused": Fault(
        "ModelVersionRefused", "vigie",
        set_metric("vigie", 'vigie_model_reloads_total{model="housing",outcome="refused"', 1),
    ),
    "the registry is dead": Fault(
        "TargetDown", "mlflow", die("mlflow"), frozenset({"RegistryStale"}),
        set_metric("vigie", "vigie_registry_last_success_timestamp_seconds", 1000),
    ),
    "the database is dead": Fault(
        "DatabaseDown", "postgres", lose_the_database, frozenset({"PredictionLogDropping"}),
        drop_rows,
    ),
    "the disk is 86 % full": Fault(
        "DiskSpaceLow", "node", set_metric("node", "node_filesystem_avail_bytes", 14)
    ),
    "the clock is off": Fault(
        "ClockSkew", "node", set_metric("node", "node_timex_offset_seconds", 0.2)
    ),
    "the certificate has 13 days": Fault(
        "CertificateExpiring", "haproxy",
        set_metric("probe", "probe_ssl_earliest_cert_expiry", time.time() + 13 * DAY),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_told_once_and_its_end_once(
    name: str, around: Surroundings, stack: Stack
) -> None:
    fault = FAULTS[name]
    wait_until(lambda: stack.firing() == {"Watchdog"}, LONGEST)
    around.heard.clear()
    fault.begin(around)
    wait_until(lambda: around.heard, LONGEST)
    fault.then(around)
    wait_until(lambda: fault.held_back <= stack.firing(), LONGEST)
    if fault.held_back:
        time.sleep(QUIET_SECONDS)
    around.dead.clear()
    counted = around.metrics["vigie"]
    around.metrics = healthy()
    around.metrics["vigie"] |= {key: n for key, n in counted.items() if "_total" in key}
    wait_until(lambda: len(around.heard) > 1, LONGEST)
    time.sleep(QUIET_SECONDS)
    told = [fault.service]
    assert around.heard == [("firing", fault.alert, told), ("resolved", fault.alert, told)]


def test_the_dead_mans_switch_calls_again_and_again(around: Surroundings, stack: Stack) -> None:
    before = around.watchdog
    wait_until(lambda: around.watchdog >= before + 2, LONGEST)
