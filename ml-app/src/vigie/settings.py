"""Every setting of Vigie: an environment variable `VIGIE_…`, its default and its meaning."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from vigie.errors import ConfigurationError

MODEL_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
EVERY_OTHER = "*"


CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def usable_cores() -> int:
    """The cores that this process may use, at least 1: also a container's share of them."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:
        cores = os.cpu_count() or 1
    try:
        quota, _, period = CPU_QUOTA.read_text().partition(" ")
        return max(min(cores, math.ceil(int(quota) / int(period))), 1)
    except (OSError, ValueError):
        # no container, no control groups of version 2, or no limit: "max"
        return cores


def affordable_connections() -> int:
    """1000, or fewer where this process may open fewer files: a fifth of them is for the rest."""
    try:
        import resource
    except ImportError:
        return 1000
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1000 if files == resource.RLIM_INFINITY else max(16, min(1000, files * 4 // 5))


class Settings(BaseSettings):
    """The settings of one process, read once and passed on; nothing else reads the environment."""

    model_config = SettingsConfigDict(env_prefix="VIGIE_", frozen=True, extra="ignore")

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
    mlflow_url: str = Field(
        default="http://127.0.0.1:5001", description="Address of the MLflow server."
    )
    mlflow_public_url: str = Field(
        default="http://127.0.0.1:5001",
        description="Address of MLflow for people's browsers; empty hides the link.",
    )
    prometheus_port: int = Field(
        default=9090,
        ge=1,
        le=65535,
        description="Port of Prometheus in `make run`, which starts it where it is installed.",
    )
    mlflow_reader: str | None = Field(
        default=None,
        description="Account of MLflow that `vigie bootstrap` makes and lets read every model and "
        "experiment; that of `model-sync`, where MLflow asks for accounts.",
    )
    mlflow_reader_password_file: Path | None = Field(
        default=None, description="File with the password of that account."
    )
    grafana_public_url: str = Field(
        default="", description="Address of Grafana for people's browsers; empty hides the link."
    )
    poll_seconds: float = Field(
        default=3.0, gt=0, le=3600, description="Time between two looks at the registry, seconds."
    )
    registry_timeout_seconds: float = Field(
        default=5.0, gt=0, le=120, description="Longest wait for one answer of MLflow, seconds."
    )
    download_timeout_seconds: float = Field(
        default=600.0, gt=0, description="Longest download of one model package, seconds."
    )
    allow_breaking: bool = Field(
        default=False,
        description="Take a version whose inputs or outputs break callers of the one that serves.",
    )
    signing_key: Path | None = Field(
        default=None, description="File of the private key with which training signs packages."
    )
    public_keys: Annotated[tuple[Path, ...], NoDecode] = Field(
        default=(),
        description="Files of public keys, comma-separated; one must have signed a version.",
    )
    api_keys: Path | None = Field(
        default=None,
        description="File of the keys of which callers must send one; without it none is needed.",
    )
    api_key: SecretStr | None = Field(
        default=None,
        description="Key that `vigie predict` and `vigie status` send to the service.",
    )
    latency_factor: float = Field(
        default=3.0,
        ge=0,
        description="How many times slower than the live version a new one may be; 0 is no limit.",
    )
    error_factor: float = Field(
        default=1.1,
        ge=0,
        description="How many times the error of the live version, on the same held-out rows, "
        "a new one may have; 0 is no limit.",
    )
    max_body_bytes: int = Field(
        default=8 * 2**20, ge=1024, description="Largest request body, bytes."
    )
    max_rows: int = Field(default=10_000, ge=1, description="Most rows in one request.")
    max_batch_rows: int = Field(
        default=256, ge=1, description="Most rows of several requests that share one model call."
    )
    max_in_flight: int = Field(
        default=1024, ge=1, description="Most predictions at once in one worker; above it 503."
    )
    request_timeout_ms: int = Field(
        default=30_000, ge=1, description="Longest wait of a prediction, milliseconds."
    )
    max_connections: int = Field(
        default_factory=affordable_connections,
        ge=1,
        description="Most connections of one worker; above it those go that have kept it waiting "
        "longest, measured by their deadlines.",
    )
    header_timeout_seconds: float = Field(
        default=5.0, gt=0, description="Longest wait for the headers of a request, seconds."
    )
    body_timeout_seconds: float = Field(
        default=10.0,
        gt=0,
        le=50,
        description="Longest wait for the body of a request, or for its next 64 KiB, seconds.",
    )
    write_timeout_seconds: float = Field(
        default=10.0,
        gt=0,
        description="Longest wait for a caller to take its answer, or the next 64 KiB of it, "
        "seconds.",
    )
    keepalive_seconds: int = Field(
        default=60, ge=1, description="How long a connection waits for its next request, seconds."
    )
    graceful_timeout_seconds: int = Field(
        default=30, ge=0, description="Time that requests have to end when a worker stops, seconds."
    )
    drain_seconds: float = Field(
        default=1.0,
        ge=0,
        description="How long a worker that stops is not ready but still answers, seconds. Longer "
        "than a gateway takes to see it.",
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
    canary_header: str = Field(
        default="X-Canary-Key",
        pattern=r"^[A-Za-z0-9-]+$",
        description="Request header whose value decides who answers under `VIGIE_CANARY_SHARE`: "
        "the same value, the same version.",
    )
    max_package_bytes: int = Field(
        default=2 * 2**30, ge=1024, description="Largest model package that is downloaded, bytes."
    )

    max_model_memory_bytes: int = Field(
        default=4 * 2**30,
        ge=1024,
        description="Most memory that a version may take while it is tried, bytes.",
    )
    held_out_rows: int = Field(
        default=1000,
        ge=0,
        description="Most held-out rows that training keeps in a package, so that later versions "
        "can be judged by them; 0 keeps none.",
    )

    prediction_log: Literal["all", "outputs", "off"] = Field(
        default="all",
        description="What is kept of every prediction: inputs and outputs, `outputs` alone, or "
        "nothing with `off`; then there is no feedback either.",
    )
    database_url: SecretStr = Field(
        default=SecretStr(""),
        description="Database of the prediction log, `postgresql://…` or `sqlite:///FILE`; empty "
        "is the SQLite file `predictions.db` in `VIGIE_STATE`.",
    )
    prediction_log_rows_per_second: int = Field(
        default=100,
        ge=0,
        description="Rows a second that one worker logs; above it a uniform sample of the "
        "requests is logged. 0 is no limit.",
    )
    prediction_log_queue_rows: int = Field(
        default=20_000,
        ge=1,
        description="Most rows of one worker that wait for the database; more are dropped.",
    )
    prediction_log_wait_seconds: float = Field(
        default=120.0,
        gt=0,
        description="How long rows are tried again while the database is away, and a truth waits "
        "for its prediction, seconds.",
    )
    prediction_log_days: int = Field(
        default=30, ge=1, description="Days after which predictions and truths are deleted."
    )

    data: Path = Field(default=Path("var/data"), description="Folder of downloaded data.")
    housing_department: str = Field(
        default="64",
        pattern=r"^(\d{2}|2[AB]|97\d)$",
        description="French department whose sales `vigie train housing` downloads.",
    )
    housing_years: Annotated[tuple[int, ...], NoDecode] = Field(
        default=(2021, 2022, 2023, 2024, 2025),
        description="Years of sales to download, comma-separated; those not online are left out.",
    )

    alert_webhook_url_file: Path | None = Field(
        default=None, description="File with the address of a webhook that is told of alerts."
    )
    alert_slack_url_file: Path | None = Field(
        default=None, description="File with the address of an incoming webhook of Slack."
    )
    alert_email_to: str | None = Field(
        default=None, description="Addresses that get alerts by e-mail, comma-separated."
    )
    alert_email_from: str | None = Field(default=None, description="Sender of alerts by e-mail.")
    alert_smtp_host: str | None = Field(
        default=None,
        pattern=r"^[^\s:]+:\d+$",
        description="Mail server for alerts, as `host:port`; it must offer TLS.",
    )
    alert_smtp_user: str | None = Field(
        default=None, description="Account at that mail server; none sends without one."
    )
    alert_smtp_password_file: Path | None = Field(
        default=None, description="File with the password of that account."
    )
    alert_watchdog_url_file: Path | None = Field(
        default=None,
        description="File with the address that the dead man's switch calls every minute.",
    )

    @field_validator("housing_years", mode="before")
    @classmethod
    def _split_years(cls, value: object) -> object:
        return tuple(value.split(",")) if isinstance(value, str) else value

    @field_validator(
        "signing_key", "api_keys", "api_key", "mlflow_reader", "mlflow_reader_password_file",
        "alert_webhook_url_file", "alert_slack_url_file",
        "alert_email_to", "alert_email_from", "alert_smtp_host", "alert_smtp_user",
        "alert_smtp_password_file", "alert_watchdog_url_file",
        mode="before",
    )  # fmt: skip
    @classmethod
    def _no_key(cls, value: object) -> object:
        return value or None

    @field_validator("database_url")
    @classmethod
    def _check_database(cls, url: SecretStr) -> SecretStr:
        # said at the start, by those too who never open it
        if not re.match(r"\Z|(sqlite|postgres(ql)?)(\+\w+)?:", url.get_secret_value()):
            raise ValueError("it begins with sqlite: or postgresql:")
        return url

    @field_validator("models", "public_keys", mode="before")
    @classmethod
    def _split_names(cls, value: object) -> object:
        return (
            tuple(part.strip() for part in value.split(",") if part.strip())
            if isinstance(value, str)
            else value
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


def load_settings(**overrides: object) -> Settings:
    """The settings of the environment, `overrides` first; a wrong one is named with its remedy."""
    try:
        return Settings(**{k: v for k, v in overrides.items() if v is not None})  # type: ignore[arg-type]
    except ValidationError as invalid:
        first = invalid.errors()[0]
        name = "_".join(str(part) for part in first["loc"][:1])
        raise ConfigurationError(f"VIGIE_{name.upper()}: {first['msg']}") from None
