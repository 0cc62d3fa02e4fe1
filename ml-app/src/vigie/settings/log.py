"""The settings of the prediction log."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator

from vigie.settings.group import Group


class LogSettings(Group):
    """What is kept of predictions, where, and for how long."""

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
    prediction_log_spool: Path | None = Field(
        default=None,
        description="Folder that services share for rows on their way to the database: one writes "
        "what another that is gone has left. By default in `VIGIE_STATE`, alone.",
    )
    prediction_log_days: int = Field(
        default=30, ge=1, description="Days after which predictions and truths are deleted."
    )

    @field_validator("database_url")
    @classmethod
    def _check_database(cls, url: SecretStr) -> SecretStr:
        # said at the start, by those too who never open it
        if not re.match(r"\Z|(sqlite|postgres(ql)?)(\+\w+)?:", url.get_secret_value()):
            raise ValueError("it begins with sqlite: or postgresql:")
        return url
