"""Every setting of Vigie: an environment variable `VIGIE_…`, its default and its meaning."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TypeVar

from pydantic import ValidationError

from vigie.errors import ConfigurationError
from vigie.settings.alerts import AlertSettings
from vigie.settings.cores import usable_cores
from vigie.settings.former import FORMER, former_settings
from vigie.settings.group import Group, variable_of
from vigie.settings.limits import LimitSettings
from vigie.settings.log import LogSettings
from vigie.settings.registry import RegistrySettings, mlflow_account
from vigie.settings.serving import EVERY_OTHER, MODEL_NAME, ServingSettings
from vigie.settings.spark import SparkSettings
from vigie.settings.training import TrainingSettings
from vigie.settings.unknown import nearest_of_unknown

__all__ = [
    "EVERY_OTHER", "GROUPS", "MODEL_NAME", "AlertSettings", "LimitSettings", "LogSettings",
    "RegistrySettings", "ServingSettings", "Settings", "SparkSettings", "TrainingSettings",
    "ignored_settings", "load_alert_settings", "load_settings", "mlflow_account",
    "unknown_settings", "usable_cores", "variable_of",
]  # fmt: skip


class Settings(
    ServingSettings, LimitSettings, RegistrySettings, LogSettings, TrainingSettings, SparkSettings
):
    """The settings of one process, read once and passed on; nothing else reads the environment."""


GROUPS: dict[str, type[Group]] = {
    "Serving": ServingSettings,
    "Limits": LimitSettings,
    "Registry": RegistrySettings,
    "Prediction log": LogSettings,
    "Training": TrainingSettings,
    "Spark": SparkSettings,
    "Alerts": AlertSettings,
}
"""All settings, by the heading of their group."""

_OF_KUBERNETES = (
    "Kubernetes puts the address of a Service of this name into every pod; give the pod "
    "`enableServiceLinks: false`, or the Service another name"
)

Kind = TypeVar("Kind", bound=Group)


def load_settings(**overrides: object) -> Settings:
    """The settings of the environment, `overrides` first; a wrong one is named with its remedy."""
    return _load(Settings, overrides)


def load_alert_settings(**overrides: object) -> AlertSettings:
    """The same of those who are told of alerts."""
    return _load(AlertSettings, overrides)


def unknown_settings(names: Iterable[str] | None) -> dict[str, str]:
    """The names `VIGIE_…` that nothing reads, each with the nearest that is read, or ""."""
    known = {variable_of(name) for group in GROUPS.values() for name in group.model_fields}
    return nearest_of_unknown(known | set(FORMER), names)


def ignored_settings(names: Collection[str] | None = None) -> list[str]:
    """A sentence for each name `VIGIE_…` that nothing reads, or nothing reads any more.

    `names` are those of the environment where none are given.
    """
    gone = [f"{name} is no setting any more and is ignored" for name in former_settings(names)]
    unknown = unknown_settings(names).items()
    return gone + [
        f"{name} is no setting and is ignored" + (near and f"; did you mean {near}?")
        for name, near in unknown
    ]


def _load(kind: type[Kind], overrides: dict[str, object]) -> Kind:
    try:
        return kind(**{k: v for k, v in overrides.items() if v is not None})
    except ValidationError as invalid:
        first = invalid.errors()[0]
        name = "_".join(str(part) for part in first["loc"][:1]).removeprefix("VIGIE_")
        why = (
            _OF_KUBERNETES
            if str(first["input"]).startswith("tcp://")
            else first["msg"].removeprefix("Value error, ")
        )
        raise ConfigurationError(f"{variable_of(name)}: {why}") from None
