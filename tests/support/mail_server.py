"""A mail server on loopback that offers STARTTLS, takes one account and keeps what it was sent."""

from __future__ import annotations

import base64
import socketserver
import ssl
import threading
from pathlib import Path

from support.certificates import write_certificate

ACCOUNT, PASSWORD = "vigie", "s3cret"
REFUSED = "nobody@example.org"


class MailServer:
    """What it offers and what came; `certificate` is for those who must trust it."""

    def __init__(self, folder: Path, *, tls: bool = True) -> None:
        self.certificate, key = write_certificate(folder, "localhost")
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.certificate, key)
        self.tls = tls
        self.letters: list[str] = []
        self._server = _Listening(self)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        """Host and port."""
        return f"localhost:{self._server.server_address[1]}"

    def close(self) -> None:
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()


class _Listening(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, mail: MailServer) -> None:
        self.mail = mail
        super().__init__(("127.0.0.1", 0), _Talk)


class _Talk(socketserver.BaseRequestHandler):
    server: _Listening

    def handle(self) -> None:
        self.secure = self.known = False
        self.open()
        self.say("220 ready")
        while line := self.stream.readline():
            verb = line.split()[0].upper().decode() if line.split() else ""
            if verb == "QUIT":
                self.say("221 bye")
                return
            answer = getattr(self, f"on_{verb.lower()}", None)
            if answer is None:
                self.say("500 what")
            else:
                answer(line.decode().strip())

    def finish(self) -> None:
        self.stream.close()
        self.request.close()

    def open(self) -> None:
        self.stream = self.request.makefile("rb")

    def say(self, text: str) -> None:
        self.request.sendall(f"{text}\r\n".encode())

    def on_ehlo(self, _: str) -> None:
        offered = "AUTH PLAIN" if self.secure else "STARTTLS" if self.server.mail.tls else "HELP"
        self.say("250-localhost")
        self.say(f"250 {offered}")

    def on_starttls(self, _: str) -> None:
        self.say("220 go on")
        self.stream.close()
        self.request = self.server.mail.context.wrap_socket(self.request, server_side=True)
        self.secure = True
        self.open()

    def on_auth(self, line: str) -> None:
        told = base64.b64decode(line.split()[-1]).decode().split("\0")[1:]
        self.known = told == [ACCOUNT, PASSWORD]
        self.say("235 welcome" if self.known else "535 wrong account or password")

    def on_mail(self, _: str) -> None:
        self.say("250 ok" if self.known else "530 log in first")

    def on_rcpt(self, line: str) -> None:
        self.say("550 no such mailbox" if REFUSED in line else "250 ok")

    def on_rset(self, _: str) -> None:
        self.say("250 ok")

    def on_data(self, _: str) -> None:
        self.say("354 go on")
        lines = []
        while (line := self.stream.readline()) not in (b".\r\n", b""):
            lines.append(line)
        self.server.mail.letters.append(b"".join(lines).decode())
        self.say("250 taken")
