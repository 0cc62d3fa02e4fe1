"""A message on each way in which people are told, with what came back, and one to Alertmanager."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import formatdate, getaddresses, make_msgid
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests

from vigie.errors import ConfigurationError
from vigie.monitoring.alert_checks import read_secret

if TYPE_CHECKING:
    from vigie.settings import AlertSettings

TEXT = "A test message of Vigie: nothing is wrong, and alerts arrive here."
TIMEOUT_SECONDS = 10
_TLS_FROM_THE_START = 465
_LONGEST_ANSWER = 200


@dataclass(frozen=True, slots=True)
class Trial:
    """A way, whether it took the message, and its words."""

    way: str
    arrived: bool
    said: str


def reload_alertmanager(url: str) -> None:
    """Has the Alertmanager at `url` read its configuration anew, where one runs.

    Raises `ConfigurationError` where it does not take it.
    """
    try:
        answer = requests.post(f"{url.rstrip('/')}/-/reload", timeout=TIMEOUT_SECONDS)
    except requests.RequestException:
        # it reads it when it starts
        return
    if not answer.ok:
        raise ConfigurationError("Alertmanager does not take the configuration; its log says why")


def try_receivers(settings: AlertSettings) -> Iterator[Trial]:
    """Sends the message on every way that the settings name; none where they name none.

    The settings must be whole: `require_whole` lets them pass.
    """
    if settings.alert_webhook_url_file:
        yield _post("webhook", settings.alert_webhook_url_file, _notification())
    if settings.alert_slack_url_file:
        yield _post("slack", settings.alert_slack_url_file, {"text": TEXT})
    if settings.alert_email_to:
        yield _mail(settings)
    if settings.alert_watchdog_url_file:
        yield _post("watchdog", settings.alert_watchdog_url_file, _notification())


def _notification() -> dict[str, Any]:
    """What Alertmanager sends to a webhook, with one alert."""
    labels = {"alertname": "VigieTest", "severity": "info", "service": "vigie"}
    alert = {
        "status": "firing",
        "labels": labels,
        "annotations": {"summary": TEXT},
        "startsAt": datetime.now(UTC).isoformat(),
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "",
        "fingerprint": "0" * 16,
    }
    return {
        "version": "4", "groupKey": "vigie-test", "truncatedAlerts": 0, "status": "firing",
        "receiver": "people", "groupLabels": {"alertname": "VigieTest"}, "commonLabels": labels,
        "commonAnnotations": alert["annotations"], "externalURL": "", "alerts": [alert],
    }  # fmt: skip


def _post(way: str, file: Path, body: dict[str, Any]) -> Trial:
    url = read_secret(file)
    # the address is a secret, which the words of the exceptions would show; its host is none
    host = urlsplit(url).hostname
    try:
        answer = requests.post(url, json=body, timeout=TIMEOUT_SECONDS)
    except requests.Timeout:
        return Trial(way, False, f"{host} did not answer within {TIMEOUT_SECONDS} s")
    except requests.exceptions.SSLError:
        return Trial(way, False, f"the certificate of {host} is not one to trust")
    except requests.RequestException:
        return Trial(way, False, f"{host} cannot be reached")
    words = " ".join(answer.text.split())[:_LONGEST_ANSWER]
    said = f"{answer.status_code} {answer.reason}" + (f": {words}" if words else "")
    return Trial(way, answer.ok, said)


def _mail(settings: AlertSettings) -> Trial:
    server = settings.alert_smtp_host or ""
    try:
        refused = _send(settings, server)
    except smtplib.SMTPNotSupportedError:
        return Trial("email", False, f"{server} offers no TLS (STARTTLS), or no log-in")
    except smtplib.SMTPRecipientsRefused as failure:
        return Trial("email", False, _refusals(failure.recipients))
    except smtplib.SMTPResponseException as failure:
        return Trial("email", False, _words(failure.smtp_code, failure.smtp_error))
    except ssl.SSLError:
        return Trial("email", False, f"the certificate of {server} is not one to trust")
    except (smtplib.SMTPException, OSError):
        return Trial("email", False, f"{server} cannot be reached, or speaks no SMTP there")
    if refused:
        return Trial("email", False, _refusals(refused))
    return Trial("email", True, f"{server} took it for {settings.alert_email_to}")


def _send(settings: AlertSettings, server: str) -> dict[str, tuple[int, bytes]]:
    """Sends as Alertmanager does, over TLS alone; who of several was refused."""
    host, _, port = server.partition(":")
    context = ssl.create_default_context()
    with _connected(host, int(port), context) as smtp:
        if settings.alert_smtp_user and settings.alert_smtp_password_file:
            smtp.login(settings.alert_smtp_user, read_secret(settings.alert_smtp_password_file))
        people = [address for _, address in getaddresses([settings.alert_email_to or ""])]
        return smtp.send_message(_letter(settings), to_addrs=people)


def _connected(host: str, port: int, context: ssl.SSLContext) -> smtplib.SMTP:
    if port == _TLS_FROM_THE_START:
        return smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_SECONDS, context=context)
    smtp = smtplib.SMTP(host, port, timeout=TIMEOUT_SECONDS)
    try:
        smtp.starttls(context=context)
    except BaseException:
        smtp.close()
        raise
    return smtp


def _letter(settings: AlertSettings) -> EmailMessage:
    letter = EmailMessage()
    letter["From"], letter["To"] = settings.alert_email_from, settings.alert_email_to
    letter["Subject"], letter["Date"] = "[TEST] Vigie", formatdate()
    letter["Message-ID"] = make_msgid(domain="vigie")
    letter.set_content(TEXT)
    return letter


def _refusals(refused: dict[str, tuple[int, bytes]]) -> str:
    return "; ".join(f"{who}: {_words(*answer)}" for who, answer in refused.items())


def _words(code: int, text: bytes | str) -> str:
    said = text.decode(errors="replace") if isinstance(text, bytes) else text
    return f"{code} {' '.join(said.split())}"[:_LONGEST_ANSWER]
