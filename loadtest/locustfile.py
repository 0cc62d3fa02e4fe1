"""Load on a running service: `make load`, or locust -f loadtest/locustfile.py --help."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from locust import LoadTestShape, events, stats
from locust.runners import WorkerRunner

from load.caller import Caller
from load.failure import LoadError
from load.machine import machine
from load.options import add_options, options_of, remember_size
from load.plan import plan_of
from load.stages import callers_at
from load.stats import drift, measured, rounded
from load.summary import Address, summary
from load.thresholds import judge
from load.timeline import Timeline

if TYPE_CHECKING:
    from locust.env import Environment


__all__ = ["Caller", "Shape"]

stats.bucket_response_time = rounded  # type: ignore[assignment]
events.init_command_line_parser.add_listener(add_options)


class Shape(LoadTestShape):
    """As many callers as the stages of the run say."""

    use_common_options = True

    def tick(self) -> tuple[int, float] | None:
        """How many there are now and how fast they come; None at the end."""
        callers = callers_at(Caller.plan.options.planned, self.get_run_time())
        return None if callers is None else (callers, float(max(callers, 1)))


@events.init.add_listener
def prepare(environment: Environment, **_: Any) -> None:
    """Learns the models and makes the requests; where that fails, the run ends with the reason."""
    if isinstance(environment.runner, WorkerRunner):
        return
    assert environment.parsed_options is not None
    remember_size(environment.parsed_options)
    try:
        _plan(environment)
    except LoadError as error:
        sys.exit(f"load: {error}")


@events.test_start.add_listener
def begin(environment: Environment, **_: Any) -> None:
    """A worker makes its own requests once it was told what they are; a timeline begins."""
    if isinstance(environment.runner, WorkerRunner):
        _plan(environment)
    path = Caller.plan.options.timeline
    if path is not None:
        timeline = Timeline()
        environment.events.request.add_listener(timeline.record)
        environment.events.quitting.add_listener(lambda **_: timeline.write(path))


@events.quitting.add_listener
def report(environment: Environment, **_: Any) -> None:
    """Judges the run: its exit code is 1 where a threshold was missed."""
    if isinstance(environment.runner, WorkerRunner) or not hasattr(Caller, "plan"):
        return
    options = Caller.plan.options
    counted = environment.stats
    total = measured(counted.total, drift(counted) if options.shape == "soak" else None)
    verdicts = list(judge(total, options.thresholds))
    addresses = [Address(f"`{e.method} {e.name}`", measured(e)) for e in counted.entries.values()]
    told = summary(
        options, machine(), time.strftime("%Y-%m-%d %H:%M"), [*addresses, Address("all", total)],
        verdicts,
    )  # fmt: skip
    if options.summary is not None:
        options.summary.parent.mkdir(parents=True, exist_ok=True)
        options.summary.write_text(told, encoding="utf-8")
    # after what Locust says at its end
    environment.events.quit.add_listener(lambda **_: sys.stdout.write(f"\n{told}"))
    broken = environment.runner is not None and environment.runner.exceptions
    held = all(one.holds for one in verdicts) and not broken
    environment.process_exit_code = 0 if held else 1


def _plan(environment: Environment) -> None:
    assert environment.parsed_options is not None
    Caller.plan = plan_of(options_of(environment.parsed_options, environment.host))
