"""The stack of a public machine: TLS, keys, accounts; here on loopback."""

from __future__ import annotations

import base64
import http.client
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.certificates import write_certificate
from support.compose import Stack, stack

DOMAIN = "vigie.example.org"
FILES = ("docker-compose.yml", "docker-compose.prod.yml")


@dataclass(frozen=True)
class Site:
    """A running stack, as callers from outside reach it."""

    stack: Stack
    trust: ssl.SSLContext

    def ask(
        self, method: str, path: str, body: bytes = b"", host: str = DOMAIN, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of an answer over TLS."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        port = int(self.stack.environment["HTTPS_PORT"])
        with (
            socket.create_connection(("127.0.0.1", port), 10) as plain,
            self.trust.wrap_socket(plain, server_hostname=DOMAIN) as secured,
        ):
            connection = http.client.HTTPConnection(host, timeout=20)
            connection.sock = secured
            connection.request(method, path, body, {"Content-Type": "application/json", **named})
            answer = connection.getresponse()
            got = answer.read()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, got

    def add_key(self, name: str) -> str:
        """A new key of a caller."""
        shown = self.stack.compose("run", "--rm", "-T", "apikeys", "add", name).stdout
        (found,) = [word for word in shown.split() if word.startswith("vig_")]
        return found

    def administrator(self) -> str:
        """The header `Authorization` of MLflow's administrator."""
        words = ("run", "--rm", "--no-deps", "-T", "secrets", "login", "/secrets", "mlflow")
        return basic(*self.stack.compose(*words).stdout.split())


def basic(user: str, password: str) -> str:
    """The header `Authorization` of an account."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _certificate(folder: Path) -> Path:
    """A folder with a certificate of the domain that nobody has signed but itself."""
    folder.mkdir()
    certificate, key = write_certificate(folder, DOMAIN)
    (folder / "site.pem").write_bytes(certificate.read_bytes() + key.read_bytes())
    certificate.unlink()
    key.unlink()
    return folder


@contextmanager
def production(
    folder: Path, environment: Mapping[str, str], files: Sequence[str | Path] = ()
) -> Iterator[Site]:
    """A stack of production, not yet started, gone at the end; its certificate lies in `folder`."""
    certificates = _certificate(folder / "certificates")
    for parent in [certificates, *certificates.parents][:3]:
        parent.chmod(0o755)
    trust = ssl.create_default_context(cafile=str(certificates / "site.pem"))
    of_site = {
        "VIGIE_DOMAIN": DOMAIN, "VIGIE_CERTIFICATES": str(certificates),
        "VIGIE_PUBLIC_ADDRESS": "127.0.0.1",
    }  # fmt: skip
    with stack({**of_site, **environment}, (*FILES, *files)) as made:
        yield Site(made, trust)
