"""Which models of the registry are looked after: those of the settings, and with `*` all others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vigie.registry.cache import CHAMPION
from vigie.settings import MODEL_NAME

if TYPE_CHECKING:
    from vigie.registry.client import RegisteredModel
    from vigie.settings import Settings


def followed_models(settings: Settings, listed: Mapping[str, RegisteredModel]) -> list[str]:
    """The names of the models to follow, the required ones first; `listed` is by name."""
    names = list(settings.required_models)
    if settings.serves_every_model:
        others = [name for name, model in listed.items() if CHAMPION in model.aliases]
        names += [n for n in others if n not in names and MODEL_NAME.fullmatch(n)]
    return names
