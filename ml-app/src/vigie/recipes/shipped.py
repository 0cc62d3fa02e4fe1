"""The models that come with Vigie; a registry that lacks one of them gets it trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vigie.registry.cache import CHAMPION
from vigie.registry.client import RegistryClient

if TYPE_CHECKING:
    from vigie.settings import Settings

SHIPPED = ("housing", "iris")


def missing_models(settings: Settings) -> list[str]:
    """The shipped models that are to be served and of which the registry has no champion.

    Raises `RegistryError` where MLflow does not answer.
    """
    client = RegistryClient.of(settings)
    wanted = [name for name in settings.required_models if name in SHIPPED]
    return [name for name in wanted if client.version_of(name, CHAMPION) is None]
