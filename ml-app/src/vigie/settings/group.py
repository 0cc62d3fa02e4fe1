"""What all groups of settings have in common: how a variable of the environment is read."""

from __future__ import annotations

from typing import get_args, get_origin

from pydantic import ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


def variable_of(name: str) -> str:
    """The variable of the environment that a field is read from."""
    return f"VIGIE_{name.rstrip('_').upper()}"


class Group(BaseSettings):
    """Settings that belong together, each a variable `VIGIE_…`."""

    model_config = SettingsConfigDict(
        env_prefix="VIGIE_", frozen=True, extra="ignore", populate_by_name=True
    )

    @field_validator("*", mode="before")
    @classmethod
    def _read(cls, value: object, info: ValidationInfo) -> object:
        """Empty is none, where a setting may be none; commas part the members of a list."""
        if not isinstance(value, str) or info.field_name is None:
            return value
        kind = cls.model_fields[info.field_name].annotation
        if get_origin(kind) is tuple:
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return None if not value and type(None) in get_args(kind) else value
