"""What the commands that start a process have in common."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from vigie.monitoring.logs import configure_logs
from vigie.settings import former_settings, load_settings, unknown_settings

if TYPE_CHECKING:
    from vigie.settings import Settings

LOWEST_PRIORITY = 19
log = logging.getLogger("vigie.settings")


def begin(**overrides: object) -> Settings:
    """The settings of a process that logs, from here on as they say."""
    settings = load_settings(**overrides)
    configure_logs(settings.log_format)
    for name in former_settings():
        log.warning("%s is no setting any more and is ignored", name)
    for name, near in unknown_settings().items():
        log.warning("%s is no setting and is ignored%s", name, near and f"; did you mean {near}?")
    return settings
