"""What the commands that start a process have in common."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from vigie.monitoring.logs import configure_logs
from vigie.settings import ignored_settings, load_settings

if TYPE_CHECKING:
    from vigie.settings import Settings

LOWEST_PRIORITY = 19
log = logging.getLogger("vigie.settings")


def begin(**overrides: object) -> Settings:
    """The settings of a process that logs, from here on as they say."""
    settings = load_settings(**overrides)
    configure_logs(settings.log_format)
    for sentence in ignored_settings():
        log.warning("%s", sentence)
    return settings
