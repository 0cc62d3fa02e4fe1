"""The settings of what comes from MLflow, and whether it may serve."""

from __future__ import annotations

import contextlib
import os
from configparser import ConfigParser
from configparser import Error as ConfigParserError
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic_settings import NoDecode

from vigie.settings.group import Group


class RegistrySettings(Group):
    """Where models come from, and which versions may serve."""

    mlflow_url: str = Field(
        default="http://127.0.0.1:5001", description="Address of the MLflow server."
    )
    poll_seconds: float = Field(
        default=3.0, gt=0, le=3600, description="Time between two looks at the registry, seconds."
    )
    registry_timeout_seconds: float = Field(
        default=5.0, gt=0, le=120, description="Longest wait for one answer of MLflow, seconds."
    )
    public_keys: Annotated[tuple[Path, ...], NoDecode] = Field(
        default=(),
        description="Files of public keys, comma-separated, each of one or several; one must have "
        "signed a version. Read anew at each version.",
    )
    import_: Literal["auto", "off"] = Field(
        default="auto",
        validation_alias="VIGIE_IMPORT",  # its name is a word of Python
        description="What becomes of a version that was logged without Vigie and gets the alias: "
        "`auto` lets `vigie importer` make its package, `off` refuses it.",
    )
    cache_url: str = Field(
        default="", description="Address of a `vigie share`, whose cache `vigie mirror` copies."
    )
    share_host: str = Field(default="127.0.0.1", description="Address `vigie share` listens on.")
    share_port: int = Field(
        default=5002, ge=1, le=65535, description="Port on which `vigie share` gives the cache out."
    )
    allow_breaking: bool = Field(
        default=False,
        description="Take a version whose inputs or outputs break callers of the one that serves.",
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


def mlflow_account() -> tuple[str, str] | None:
    """The account that MLflow's own client takes too; MLflow's names, so no setting of ours."""
    found = ConfigParser(interpolation=None)
    with contextlib.suppress(OSError, ConfigParserError, UnicodeDecodeError):
        found.read(Path("~/.mlflow/credentials").expanduser())
    user, password = (
        os.environ.get(name) or found.get("mlflow", name.lower(), fallback=None)
        for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")
    )
    return (user, password) if user and password else None
