"""The settings of the service: what it serves, where, to whom."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import NoDecode

from vigie.settings.cores import usable_cores
from vigie.settings.group import Group

MODEL_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
EVERY_OTHER = "*"


class ServingSettings(Group):
    """What is served, where, and to whom."""

    models: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("housing", "iris", EVERY_OTHER),
        description="Models to serve, comma-separated; the first answers `/predict`. "
        "`*` adds every other model that has a champion.",
    )
    host: str = Field(default="127.0.0.1", description="Address the service listens on.")
    port: int = Field(default=5000, ge=1, le=65535, description="Port of the service.")
    metrics_host: str = Field(default="127.0.0.1", description="Address of the metrics port.")
    metrics_port: int = Field(
        default=9464, ge=1, le=65535, description="Port on which Prometheus finds the metrics."
    )
    workers: int = Field(
        default_factory=usable_cores, ge=1, le=256, description="Worker processes, one a core."
    )
    engine: Literal["auto", "onnx", "tensorflow"] = Field(
        default="auto",
        description="What runs a model: `auto` takes what its package names, "
        "`tensorflow` serves the Keras model itself.",
    )
    fast_lane: bool = Field(
        default=True,
        description="Answer predictions without Flask; `off` sends every request through Flask.",
    )
    cache: Path = Field(
        default=Path("var/cache"), description="Folder of the verified model packages."
    )
    state: Path = Field(
        default=Path("var/state"),
        description="Folder for heartbeats, metric snapshots and the SQLite prediction log; a "
        "tmpfs where `VIGIE_DATABASE_URL` is set.",
    )
    status_folder: Path | None = Field(
        default=None,
        description="Folder that all replicas share, where their figures are kept for `/status`; "
        "without it that page shows the replica that answers, since its start.",
    )
    audit_log: Path = Field(
        default=Path("var/audit.log"),
        description="File that records every move of a champion and change of keys; "
        "only ever appended to.",
    )
    log_format: Literal["text", "json"] = Field(
        default="text",
        description="Lines of the log: `text` for people, or `json`, one object a line.",
    )
    request_log: Literal["errors", "all"] = Field(
        default="errors",
        description="Requests that get a line in the log: those answered with 500 or more, 100 a "
        "second of each worker at most, or `all`.",
    )
    api_keys: Path | None = Field(
        default=None,
        description="File of the keys of which callers must send one; without it none is needed.",
    )
    session_hours: int = Field(
        default=12,
        ge=1,
        le=720,
        description="Hours after which somebody who has logged in with a key does so again.",
    )
    session_secret: Path | None = Field(
        default=None,
        description="File of the secret that signs cookies of people who have logged in, the same "
        "for all replicas; made where there is none. Without it in `VIGIE_STATE`.",
    )
    api_key: SecretStr | None = Field(
        default=None,
        description="Key that `vigie predict` and `vigie status` send to the service.",
    )
    challenger_share: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="Share of the requests of which the challenger, where there is one, gets a "
        "copy; callers never wait for it.",
    )
    canary_share: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Share of the requests that the challenger answers instead of the champion.",
    )
    mlflow_public_url: str = Field(
        default="http://127.0.0.1:5001",
        description="Address of MLflow for people's browsers; empty hides the link.",
    )
    grafana_public_url: str = Field(
        default="", description="Address of Grafana for people's browsers; empty hides the link."
    )

    @field_validator("models")
    @classmethod
    def _check_models(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name != EVERY_OTHER and not MODEL_NAME.fullmatch(name):
                raise ValueError("a model name has lower-case letters, digits, _ and -")
        if not names or len(set(names)) != len(names):
            raise ValueError("name at least one model, each once")
        return names

    @property
    def required_models(self) -> tuple[str, ...]:
        """The models without which the service is not ready, in the order of the setting."""
        return tuple(name for name in self.models if name != EVERY_OTHER)

    @property
    def tries_challengers(self) -> bool:
        """True where challengers get copies or requests."""
        return self.challenger_share > 0 or self.canary_share > 0

    @property
    def serves_every_model(self) -> bool:
        """True where models that are not named are served as well."""
        return EVERY_OTHER in self.models
