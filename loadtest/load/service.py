"""What a running service says of its models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests

from load.failure import LoadError

PATIENCE_SECONDS = 10

Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Model:
    """A served model.

    Attributes:
        name: As in addresses.
        fields: The schema of each input.
        required: The inputs that a row must have.
        photo: The input that is a photo, if there is one.
    """

    name: str
    fields: Mapping[str, Schema]
    required: frozenset[str]
    photo: str | None


def models_of(url: str, key: str | None) -> list[Model]:
    """The models of a service, the first configured first; `LoadError` where it does not say."""
    headers = {"X-Api-Key": key} if key else {}
    served = [one["name"] for one in _asked(f"{url}/v1/models", headers)["models"]]
    schemas = _asked(f"{url}/openapi.json", headers)["components"]["schemas"]
    rows = {name.removesuffix(".Row"): one for name, one in schemas.items() if name[-4:] == ".Row"}
    return [_model(name, rows[name]) for name in served if name in rows]


def _asked(url: str, headers: Mapping[str, str]) -> Any:
    try:
        answer = requests.get(url, headers=dict(headers), timeout=PATIENCE_SECONDS)
        answer.raise_for_status()
        return answer.json()
    except requests.HTTPError as error:
        raise LoadError(f"{url} says {error.response.status_code}") from error
    except (requests.RequestException, ValueError) as error:
        raise LoadError(f"no service of Vigie answers on {url}: {type(error).__name__}") from error


def _model(name: str, row: Schema) -> Model:
    photos = (
        field for field, one in row["properties"].items() if "b64" in one.get("properties", {})
    )
    return Model(name, row["properties"], frozenset(row["required"]), next(photos, None))
