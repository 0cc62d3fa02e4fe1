"""Asks a running service, for the command line."""

from __future__ import annotations

import math
from typing import Any

import requests

from vigie.errors import VigieError

TIMEOUT_SECONDS = 30


class ServiceError(VigieError):
    """The service is away, or said no; the message is for people."""


class ServiceClient:
    """A running service at a base address such as `http://127.0.0.1:5000`, asked with a key."""

    def __init__(self, url: str, key: str = "") -> None:
        self._url = url.rstrip("/")
        self._key = key

    def predict(self, model: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """The answer to these rows; a refusal becomes a `ServiceError` that names each field."""
        answer: dict[str, Any] = self._ask("POST", f"/predict/{model}", {"instances": rows})
        return answer

    def inputs(self, model: str) -> dict[str, Any]:
        """The JSON schema of each input of a model, from the service's own description."""
        schemas = self._ask("GET", "/openapi.json", has="components")["schemas"]
        if f"{model}.Row" not in schemas:
            known = ", ".join(name.removesuffix(".Row") for name in schemas if name[-4:] == ".Row")
            raise ServiceError(f"the service has no model {model}; it has {known}")
        properties: dict[str, Any] = schemas[f"{model}.Row"]["properties"]
        return properties

    def models(self) -> list[dict[str, Any]]:
        """What the service says of each of its models."""
        models: list[dict[str, Any]] = self._ask("GET", "/v1/models", has="models")
        return models

    def readiness(self) -> str:
        """`ready`, or why not."""
        return str(self._ask("GET", "/readyz", accept=(200, 503)).get("status"))

    def _ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        accept: tuple[int, ...] = (200,),
        has: str = "",
    ) -> Any:
        """The answer's JSON object, or what it `has` under that name."""
        try:
            answer = requests.request(
                method, self._url + path, json=body, timeout=TIMEOUT_SECONDS, auth=self._sign
            )
            content = answer.json()
        except requests.ConnectionError:
            raise ServiceError(
                f"no service answers at {self._url}; start it with `make run`, or give --url"
            ) from None
        except (requests.RequestException, ValueError):
            raise ServiceError(f"{self._url} does not answer like Vigie") from None
        if not isinstance(content, dict):
            raise ServiceError(f"{self._url} does not answer like Vigie")
        if answer.status_code not in accept:
            raise ServiceError(_explain(content))
        if has and has not in content:
            raise ServiceError(f"{self._url} does not answer like Vigie")
        return content[has] if has else content

    def _sign(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        # given as `auth`, it is neither replaced by a .netrc nor sent on to another host
        if self._key:
            request.headers["Authorization"] = f"Bearer {self._key}"
        return request


def _explain(problem: dict[str, Any]) -> str:
    lines = [str(problem.get("detail", "the service said no"))]
    for error in problem.get("errors", ()):
        field = str(error["pointer"]).rsplit("/", 1)[-1]
        lines.append(f"  {field}: expected {error['expected']}, got {error['got']}")
    return "\n".join(lines)


def parse_values(pairs: tuple[str, ...], inputs: dict[str, Any]) -> dict[str, Any]:
    """`name=value` words as one row; a number where the input takes one, else the text as it is."""
    row: dict[str, Any] = {}
    for pair in pairs:
        name, sign, text = pair.partition("=")
        if not sign:
            raise ServiceError(f"{pair} is not of the form name=value")
        kinds = inputs.get(name, {}).get("type", "string")
        row[name] = _number(text) if "string" not in kinds else text
    return row


def _number(text: str) -> Any:
    for convert in (int, float):
        try:
            number = convert(text)
        except ValueError:
            continue
        # JSON has no NaN and no infinity: the service says better than we what it takes
        return number if math.isfinite(number) else text
    return text
