"""What keeps an alert from arriving, as far as its settings and their files show it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from email.utils import getaddresses
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from vigie.errors import ConfigurationError
from vigie.settings import variable_of

if TYPE_CHECKING:
    from vigie.settings import AlertSettings

ADDRESSES = ("alert_webhook_url_file", "alert_slack_url_file", "alert_watchdog_url_file")
"""The settings that name a file with an address."""
_MAILBOX = re.compile(r"[^@\s]+@[^@\s]+")


def require_whole(settings: AlertSettings) -> None:
    """Raises `ConfigurationError` that names every setting by which nobody would be told."""
    broken = broken_settings(settings)
    if broken:
        raise ConfigurationError("\n  ".join(["alerts cannot arrive:", *broken]))


def broken_settings(settings: AlertSettings) -> list[str]:
    """A line for each setting that nobody would be told by: its name, what is wrong, the remedy.

    The files are read by whoever calls this, who should be the user that Alertmanager runs as. No
    line holds what is in a file.
    """
    found = [*_addresses(settings), *_email(settings)]
    return [f"{variable_of(name)}: {what}" for name, what in found]


def read_secret(path: Path) -> str:
    """What a file holds, without the blanks around it, as Alertmanager reads it.

    Raises `ConfigurationError` with a sentence where it cannot be read or holds nothing.
    """
    try:
        text = path.read_bytes().decode(errors="replace").strip()
    except FileNotFoundError:
        raise ConfigurationError(f"there is no file {path}") from None
    except IsADirectoryError:
        raise ConfigurationError(f"{path} is a folder; name the file in it") from None
    except OSError as failure:
        who = f"the user {os.geteuid()} that Alertmanager runs as"
        raise ConfigurationError(f"{path} cannot be read by {who} ({failure.strerror})") from None
    if not text:
        raise ConfigurationError(f"{path} is empty")
    return text


def _addresses(settings: AlertSettings) -> Iterator[tuple[str, str]]:
    for name in ADDRESSES:
        path = getattr(settings, name)
        if path is None:
            continue
        try:
            wrong = _wrong_with_address(read_secret(path))
        except ConfigurationError as failure:
            yield name, str(failure)
            continue
        if wrong:
            yield name, f"{path} {wrong}"


def _wrong_with_address(text: str) -> str:
    if len(text.split()) > 1:
        return "holds more than one address, or blanks within it"
    if any(quote in text for quote in "'\"`"):
        return "has quotes around the address; take them away"
    if "\\" in text:
        return "has a backslash, as JSON writes addresses; take it away"
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    return "" if usable else "holds no address that begins with https:// or http://"


def _email(settings: AlertSettings) -> Iterator[tuple[str, str]]:
    if not settings.alert_email_to:
        # the account belongs to the server and is told with it
        if settings.alert_smtp_host or settings.alert_email_from:
            yield "alert_email_to", "nobody is named who gets the e-mail"
        return
    if not _all_mailboxes(settings.alert_email_to):
        yield "alert_email_to", "write name@host, several with commas between them"
    if not settings.alert_email_from:
        yield "alert_email_from", "alerts by e-mail need a sender"
    elif not _all_mailboxes(settings.alert_email_from):
        yield "alert_email_from", "write name@host"
    if not settings.alert_smtp_host:
        yield "alert_smtp_host", "alerts by e-mail need a mail server, as host:port"
    yield from _account(settings)


def _account(settings: AlertSettings) -> Iterator[tuple[str, str]]:
    file = settings.alert_smtp_password_file
    if settings.alert_smtp_user and not file:
        yield "alert_smtp_password_file", "the account of VIGIE_ALERT_SMTP_USER needs a password"
    if file and not settings.alert_smtp_user:
        yield "alert_smtp_user", "the password of VIGIE_ALERT_SMTP_PASSWORD_FILE needs an account"
    if file:
        try:
            read_secret(file)
        except ConfigurationError as failure:
            yield "alert_smtp_password_file", str(failure)


def _all_mailboxes(text: str) -> bool:
    found = [address for _, address in getaddresses([text])]
    return bool(found) and all(_MAILBOX.fullmatch(address) for address in found)
