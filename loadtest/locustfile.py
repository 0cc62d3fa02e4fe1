"""Load on a running service: the form's own examples, varied within what each model accepts.

make load URL=http://127.0.0.1:5000 USERS=50 SECONDS=30, with VIGIE_API_KEY where keys are asked for
"""

from __future__ import annotations

import os
import random
from typing import Any

from locust import FastHttpUser, constant, task


class Caller(FastHttpUser):
    """Asks every model in turn, one row at a time, and mostly waits for the answer."""

    wait_time = constant(0.01)
    default_headers = (
        {"X-Api-Key": os.environ["VIGIE_API_KEY"]} if "VIGIE_API_KEY" in os.environ else None
    )

    def on_start(self) -> None:
        """Learns the models and their inputs from the service itself."""
        schemas = self.client.get("/openapi.json").json()["components"]["schemas"]
        self._models = {
            name.removesuffix(".Row"): schema["properties"]
            for name, schema in schemas.items()
            if name.endswith(".Row")
        }

    @task(20)
    def predict(self) -> None:
        """One prediction."""
        model, inputs = random.choice(list(self._models.items()))  # noqa: S311
        row = {name: _vary(field) for name, field in inputs.items() if "examples" in field}
        self.client.post(f"/predict/{model}", json={"instances": [row]}, name="/predict/<model>")

    @task(1)
    def look_at_the_form(self) -> None:
        """A person opens a page."""
        self.client.get("/", name="/")


def _vary(field: dict[str, Any]) -> Any:
    value = field["examples"][0]
    if "enum" in field or not isinstance(value, float):
        return value
    varied = value * random.uniform(0.8, 1.2)  # noqa: S311
    return min(max(varied, field.get("minimum", varied)), field.get("maximum", varied))
