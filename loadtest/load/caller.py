"""A caller: a user of Locust that plays the scenario."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any

from locust import FastHttpUser, constant, task

from load.arrivals import Arrivals

if TYPE_CHECKING:
    from load.dialects import Ask
    from load.plan import Plan

FORM_SHARE = 0.05


class Caller(FastHttpUser):
    """Asks again once it is answered; or, where a rate is told, whenever its time has come."""

    wait_time = constant(0)
    # who waits longer has given up; the service itself is done after 30 s
    network_timeout = connection_timeout = 35.0
    # of a caller by the clock, at once
    concurrency = 100
    # a key is not for whoever stands in between
    insecure = False
    plan: Plan

    def on_start(self) -> None:
        """Takes its place in the beat of all callers."""
        key = self.plan.options.key
        self._headers = {"X-Api-Key": key} if key else {}
        self._arrivals: Arrivals | None = None
        rate, callers = self.plan.options.rate, self.plan.options.callers
        if rate is not None:
            period = callers / rate
            first = time.perf_counter() + random.uniform(0, period)  # noqa: S311
            self._arrivals = Arrivals(period, first, self._play)

    def on_stop(self) -> None:
        """Whatever was never answered is a failure."""
        if self._arrivals is None:
            return
        for due in self._arrivals.unanswered():
            self.environment.events.request.fire(
                request_type="POST", name="never answered", response_time=_waited_ms(due),
                response_length=0, context={}, exception=TimeoutError("no answer until the end"),
            )  # fmt: skip

    @task
    def work(self) -> None:
        """One turn of the scenario, or the next arrival."""
        if self._arrivals is None:
            self._play(None)
        else:
            self._arrivals.next()

    def _play(self, due: float | None) -> None:
        scenario = self.plan.options.scenario
        if scenario.pages and random.random() < FORM_SHARE:  # noqa: S311
            with self.client.get(
                "/", name="/", headers=self._headers, catch_response=True
            ) as response:
                _count_from(response, due)
            return
        answer = self._post(random.choice(self.plan.asks), due)  # noqa: S311
        if scenario.feedback and answer.status_code == 200:
            self._tell_the_truth(answer.json())

    def _post(self, ask: Ask, due: float | None) -> Any:
        headers = {"Content-Type": ask.media_type, **self._headers}
        # bytes go out as they are, whatever the annotation of `data` says
        body: Any = ask.body
        with self.client.post(
            ask.path, data=body, headers=headers, catch_response=True
        ) as response:
            _count_from(response, due)
        return response

    def _tell_the_truth(self, answer: dict[str, Any]) -> None:
        """Says that each answer was right: a label, or the first number."""
        truths = [
            {"request_id": answer["request_id"], "row": row, "actual": _truth(prediction)}
            for row, prediction in enumerate(answer["predictions"])
        ]
        self.client.post("/feedback", json=truths, headers=self._headers)


def _truth(prediction: dict[str, Any]) -> Any:
    if "label" in prediction:
        return prediction["label"]
    return next(value for value in prediction.values() if isinstance(value, float | int))


def _count_from(response: Any, due: float | None) -> None:
    if due is not None:
        response.request_meta["response_time"] = _waited_ms(due)


def _waited_ms(due: float) -> float:
    return 1000 * (time.perf_counter() - due)
