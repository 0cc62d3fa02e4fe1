"""Where alerts go: Alertmanager's configuration with the receivers that the settings name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from vigie.errors import ConfigurationError
from vigie.monitoring.alert_checks import require_whole

if TYPE_CHECKING:
    from vigie.settings import AlertSettings

_MARK = "\nreceivers:\n"
_LINES = "{{ range .Alerts }}{{ .Annotations.summary }} ({{ .Annotations.runbook }})\n{{ end }}"

Notifiers = dict[str, list[dict[str, Any]]]
"""Ways to tell one receiver, as Alertmanager names them."""


def with_receivers(base: str, settings: AlertSettings) -> tuple[list[str], str]:
    """The ways in which people are told, and `base` with them in place of its receivers.

    Addresses that are secrets, and passwords, are named by their files and stay there. Raises
    `ConfigurationError` that names each setting by which nobody would be told; so this must be
    asked by the user that Alertmanager runs as, where it runs.
    """
    require_whole(settings)
    head, mark, _ = base.partition(_MARK)
    if not mark:
        raise ConfigurationError("this is no configuration of Alertmanager: it has no receivers")
    people = _people(settings)
    watchdog: Notifiers = {}
    if settings.alert_watchdog_url_file:
        watchdog["webhook_configs"] = [{"url_file": str(settings.alert_watchdog_url_file)}]
    lines = [
        f"  - {json.dumps({'name': name, **notifiers})}\n"
        for name, notifiers in (("people", people), ("watchdog", watchdog))
    ]
    return [name.removesuffix("_configs") for name in people], head + mark + "".join(lines)


def _people(settings: AlertSettings) -> Notifiers:
    told: Notifiers = {}
    if settings.alert_webhook_url_file:
        told["webhook_configs"] = [{"url_file": str(settings.alert_webhook_url_file)}]
    if settings.alert_slack_url_file:
        told["slack_configs"] = [
            {
                "api_url_file": str(settings.alert_slack_url_file),
                "send_resolved": True,
                "text": _LINES,
            }
        ]
    if settings.alert_email_to:
        told["email_configs"] = [_email(settings)]
    return told


def _email(settings: AlertSettings) -> dict[str, Any]:
    email = {
        "to": settings.alert_email_to,
        "from": settings.alert_email_from,
        "smarthost": settings.alert_smtp_host,
        "send_resolved": True,
    }
    if settings.alert_smtp_user:
        email["auth_username"] = settings.alert_smtp_user
        email["auth_password_file"] = str(settings.alert_smtp_password_file)
    return email
