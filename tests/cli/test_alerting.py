"""`vigie alerting …` as an operator types it, against listeners that answer."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from support.mail_server import ACCOUNT, PASSWORD, REFUSED, MailServer
from support.ports import free_port
from vigie.cli.main import main
from vigie.monitoring.alert_checks import broken_settings
from vigie.monitoring.alert_trial import TEXT
from vigie.settings import load_alert_settings

BASE = Path(__file__).parents[2] / "alertmanager" / "alertmanager.yml"
ALERTMANAGER_USER = 65534

as_root = pytest.mark.skipif(os.getuid() != 0, reason="acts as another user: needs root")


def alerting(*words: str, **settings: object) -> Result:
    told = {f"VIGIE_ALERT_{name.upper()}": str(value) for name, value in settings.items()}
    return CliRunner().invoke(main, ["alerting", *words], env=told)


class Listener:
    """Answers posts: `/refused` as Slack does to a wrong address, all others with `ok`."""

    def __init__(self) -> None:
        self.heard: dict[str, Any] = {}
        heard = self.heard

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                heard[self.path] = json.loads(body or b"null")
                self.send_response(404 if self.path.startswith("/refused") else 200)
                self.end_headers()
                self.wfile.write(b"no_service\n" if self.path == "/refused" else b"ok")

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._server.server_port}{path}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    with closing(Listener()) as made:
        yield made


@pytest.fixture
def mail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    with closing(MailServer(tmp_path)) as made:
        monkeypatch.setenv("SSL_CERT_FILE", str(made.certificate))
        yield made


@pytest.fixture
def password(tmp_path: Path) -> Path:
    return written(tmp_path / "password", f"{PASSWORD}\n")


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_test_message_arrives_on_every_way(
    listener: Listener, mail: MailServer, password: Path, tmp_path: Path
) -> None:
    done = alerting(
        "test",
        webhook_url_file=written(tmp_path / "webhook", listener.url("/hook") + "\r\n"),
        slack_url_file=written(tmp_path / "slack", listener.url("/services/T0/B0")),
        watchdog_url_file=written(tmp_path / "watchdog", listener.url("/ping")),
        email_to="ops@example.org, Second <second@example.org>",
        email_from="Vigie <vigie@example.org>",
        smtp_host=mail.address,
        smtp_user=ACCOUNT,
        smtp_password_file=password,
    )
    assert done.exit_code == 0, done.output
    assert done.output.splitlines() == [
        "webhook: 200 OK: ok",
        "slack: 200 OK: ok",
        f"email: {mail.address} took it for ops@example.org, Second <second@example.org>",
        "watchdog: 200 OK: ok",
    ]
    assert listener.heard["/hook"]["version"] == "4"
    assert listener.heard["/hook"]["alerts"][0]["annotations"]["summary"] == TEXT
    assert listener.heard["/services/T0/B0"] == {"text": TEXT}
    (letter,) = mail.letters
    assert "Subject: [TEST] Vigie" in letter
    assert TEXT in letter.replace("\r\n", " ")


def test_what_a_receiver_refuses_is_said_in_its_own_words(
    listener: Listener, mail: MailServer, tmp_path: Path
) -> None:
    secret = written(tmp_path / "slack", listener.url("/refused"))
    wrong = written(tmp_path / "wrong", "guessed")
    done = alerting(
        "test", slack_url_file=secret, email_to="ops@example.org", email_from="v@example.org",
        smtp_host=mail.address, smtp_user=ACCOUNT, smtp_password_file=wrong,
    )  # fmt: skip
    assert done.exit_code == 1
    assert done.output.splitlines() == [
        "slack: FAILED: 404 Not Found: no_service",
        "email: FAILED: 535 wrong account or password",
    ]


def test_a_mailbox_that_is_not_there(mail: MailServer, password: Path) -> None:
    done = alerting(
        "test", email_to=REFUSED, email_from="v@example.org", smtp_host=mail.address,
        smtp_user=ACCOUNT, smtp_password_file=password,
    )  # fmt: skip
    assert done.exit_code == 1
    assert done.output == f"email: FAILED: {REFUSED}: 550 no such mailbox\n"


def test_mail_goes_over_tls_that_is_trusted_or_not_at_all(tmp_path: Path) -> None:
    who = {"email_to": "ops@example.org", "email_from": "v@example.org"}
    for tls, said in ((False, "offers no TLS"), (True, "is not one to trust")):
        with closing(MailServer(tmp_path, tls=tls)) as server:
            done = alerting("test", smtp_host=server.address, **who)
            assert done.exit_code == 1
            assert said in done.output
            assert server.letters == []


def test_nobody_there_and_no_secret_shown(tmp_path: Path) -> None:
    secret = f"http://127.0.0.1:{free_port()}/s3cret"
    done = alerting("test", webhook_url_file=written(tmp_path / "webhook", secret))
    assert (done.exit_code, done.output) == (1, "webhook: FAILED: 127.0.0.1 cannot be reached\n")


def test_nobody_who_is_told() -> None:
    done = alerting("test")
    assert (done.exit_code, done.output) == (1, "alerts go to: nobody\n")


def broken(folder: Path) -> dict[str, dict[str, object]]:
    """Ten ways in which settings keep alerts from arriving; the first of each is the broken one."""
    (folder / "folder").mkdir()
    mail = {"email_to": "ops@example.org", "email_from": "v@example.org", "smtp_host": "m.test:587"}
    good = written(folder / "good", "https://hooks.example.org/s3cret")
    return {
        "there is no file": {"webhook_url_file": folder / "absent"},
        "is empty": {"slack_url_file": written(folder / "empty", " \n")},
        "is a folder": {"watchdog_url_file": folder / "folder"},
        "has quotes": {"webhook_url_file": written(folder / "quoted", f'"{good.read_text()}"\n')},
        "has a backslash": {"webhook_url_file": written(folder / "json", r"https:\/\/h\/s3cret")},
        "more than one": {
            "slack_url_file": written(folder / "two", "https://h/a\nhttps://h/s3cret")
        },
        "no address": {"watchdog_url_file": written(folder / "bare", "hooks.example.org/s3cret")},
        "host:port": {"smtp_host": "mail.test", "email_to": "a@b", "email_from": "a@b"},
        "need a sender": {"email_from": "", **{k: v for k, v in mail.items() if "from" not in k}},
        "needs a password": {"smtp_password_file": "", "smtp_user": ACCOUNT, **mail},
        "name@host": {"email_to": "ops, night", **{k: v for k, v in mail.items() if "to" not in k}},
        "needs an account": {"smtp_user": "", "smtp_password_file": good, **mail},
        "nobody is named": {"email_to": "", "smtp_host": "mail.test:587"},
        "need a mail server": {"smtp_host": "", "email_to": "a@b", "email_from": "a@b"},
    }


def test_each_broken_setting_is_told_by_name_and_nothing_is_written(tmp_path: Path) -> None:
    cases, target = broken(tmp_path), tmp_path / "alertmanager.yml"
    assert len(cases) >= 10
    for what, settings in cases.items():
        for words in (("render", str(BASE), str(target)), ("test",)):
            done = alerting(*words, **settings)
            assert done.exit_code == 1, (what, done.output)
            (line,) = [line for line in done.output.splitlines() if what in line]
            assert f"VIGIE_ALERT_{next(iter(settings)).upper()}: " in line
            assert "s3cret" not in done.output
        assert not target.exists()


def test_all_that_is_broken_is_told_at_once(tmp_path: Path) -> None:
    done = alerting(
        "render", str(BASE), str(tmp_path / "alertmanager.yml"),
        webhook_url_file=tmp_path / "absent", slack_url_file=written(tmp_path / "e", ""),
        email_to="ops@example.org",
    )  # fmt: skip
    assert done.exit_code == 1
    for name in ("WEBHOOK_URL_FILE", "SLACK_URL_FILE", "EMAIL_FROM", "SMTP_HOST"):
        assert f"\n  VIGIE_ALERT_{name}: " in done.output


@as_root
def test_a_file_that_alertmanager_may_not_read_is_told(tmp_path: Path) -> None:
    secret = written(tmp_path / "webhook", "https://hooks.example.org/s3cret")
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    secret.chmod(0o600)
    settings = load_alert_settings(alert_webhook_url_file=secret)
    assert broken_settings(settings) == []
    os.seteuid(ALERTMANAGER_USER)
    try:
        (said,) = broken_settings(settings)
    finally:
        os.seteuid(0)
    assert said.startswith("VIGIE_ALERT_WEBHOOK_URL_FILE: ")
    assert f"cannot be read by the user {ALERTMANAGER_USER}" in said


def test_blanks_and_line_ends_around_an_address_are_fine(tmp_path: Path) -> None:
    target = tmp_path / "alertmanager.yml"
    secret = written(tmp_path / "webhook", "  https://hooks.example.org/a\r\n\r\n")
    done = alerting("render", str(BASE), str(target), webhook_url_file=secret)
    assert (done.exit_code, done.output) == (0, "alerts go to: webhook\n")
    assert str(secret) in target.read_text()
    again = alerting("render", str(BASE), str(target))
    assert (again.exit_code, again.output) == (0, "alerts go to: nobody\n")


def test_a_running_alertmanager_reads_it_at_once(listener: Listener, tmp_path: Path) -> None:
    words = ("render", str(BASE), str(tmp_path / "alertmanager.yml"), "--reload")
    assert alerting(*words, listener.url("/")).exit_code == 0
    assert list(listener.heard) == ["/-/reload"]
    refused = alerting(*words, listener.url("/refused"))
    assert (refused.exit_code, "its log says why" in refused.output) == (1, True)
    assert alerting(*words, f"http://127.0.0.1:{free_port()}").exit_code == 0


def test_the_spelling_before_works_hidden(tmp_path: Path) -> None:
    target = tmp_path / "alertmanager.yml"
    done = alerting(str(BASE), str(target))
    assert done.exit_code == 0
    assert done.stdout == "alerts go to: nobody\n"
    assert "vigie alerting render" in done.stderr
    assert target.exists()
    shown = alerting("--help").output
    assert "alerting [OPTIONS] COMMAND" in shown
    assert alerting("rendr", "a", "b").exit_code == 2
    assert "render" in shown
