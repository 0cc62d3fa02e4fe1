"""The settings of who is told of alerts."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import Field, field_validator

from vigie.settings.group import Group

_HOST_AND_PORT = re.compile(r"[^\s:/@]+:\d{1,5}")


class AlertSettings(Group):
    """Who is told of alerts, and how. `vigie alerting` alone reads them."""

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

    @field_validator("alert_smtp_host")
    @classmethod
    def _host_and_port(cls, value: str | None) -> str | None:
        if value is not None and not _HOST_AND_PORT.fullmatch(value):
            raise ValueError("write host:port, for example mail.example.org:587")
        return value
