"""The gateway gets its certificate from an issuer, serves it, and keeps it over a restart."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509

from support.certificates import write_certificate
from support.compose import Stack, require_engine
from support.ports import free_ports

DOMAIN = "vigie.example.org"
FILES = ("docker-compose.yml", "docker-compose.prod.yml")
KEPT = "/var/lib/haproxy/certificates/site.pem"
LONGEST_SECONDS = 60.0


class _Buffer(BaseHTTPRequestHandler):
    """Passes requests on whole: pebble wants their length first, public issuers do not."""

    protocol_version = "HTTP/1.1"
    behind = 0

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def _pass_on(self) -> None:
        body = b"".join(self._chunks())
        trusting = ssl._create_unverified_context()
        onward = http.client.HTTPSConnection("127.0.0.1", self.behind, context=trusting)
        named = {n: v for n, v in self.headers.items() if n.lower() != "transfer-encoding"}
        onward.request(self.command, self.path, body or None, named)
        answer = onward.getresponse()
        content = answer.read()
        onward.close()
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"content-length", "connection", "transfer-encoding"}:
                self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_HEAD = do_POST = _pass_on  # noqa: N815 -- names of the library

    def _chunks(self) -> Iterator[bytes]:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            yield self.rfile.read(int(self.headers.get("Content-Length", "0")))
            return
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()


@contextmanager
def _buffer(address: str, behind: int, certificate: Path, key: Path) -> Iterator[int]:
    """A server before the issuer; gives its port."""
    handler = type("Buffer", (_Buffer,), {"behind": behind})
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with ThreadingHTTPServer((address, 0), handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield int(server.server_address[1])
        server.shutdown()
        thread.join()


def _certificate(stack: Stack) -> x509.Certificate | None:
    """What the gateway shows; `None` while it shows nothing."""
    whoever = ssl.create_default_context()
    whoever.check_hostname, whoever.verify_mode = False, ssl.CERT_NONE
    port = int(stack.environment["HTTPS_PORT"])
    try:
        with (
            socket.create_connection(("127.0.0.1", port), 5) as plain,
            whoever.wrap_socket(plain, server_hostname=DOMAIN) as secured,
        ):
            shown = secured.getpeercert(binary_form=True)
    except OSError:
        return None
    return x509.load_der_x509_certificate(shown) if shown else None


def _issued(stack: Stack) -> x509.Certificate:
    deadline, shown = time.monotonic() + LONGEST_SECONDS, None
    while time.monotonic() < deadline:
        shown = _certificate(stack)
        if shown is not None and "Pebble" in shown.issuer.rfc4514_string():
            return shown
        time.sleep(0.5)
    logs = stack.compose("logs", "gateway").stdout
    raise AssertionError(f"no certificate of the issuer, but {shown}:\n{logs}")


def _kept(stack: Stack) -> x509.Certificate:
    """What a restart would find."""
    found = stack.compose("exec", "-T", "gateway", "cat", KEPT).stdout
    return x509.load_pem_x509_certificate(found.encode())


@pytest.fixture
def issuer(tmp_path: Path) -> Iterator[tuple[Stack, Path]]:
    """A stack whose network is made, and a real issuer that stands in it."""
    require_engine()
    if shutil.which("pebble") is None or shutil.which("pebble-challtestsrv") is None:
        pytest.skip("pebble, an issuer for tests, is not installed: apt install pebble")
    folder = tmp_path / "certificates"
    folder.mkdir()
    for parent in [folder, *folder.parents][:4]:
        parent.chmod(0o755)
    names, manage, port, manage_issuer = free_ports(4)
    stack = Stack(
        {
            "VIGIE_DOMAIN": DOMAIN, "VIGIE_PUBLIC_ADDRESS": "127.0.0.1",
            "VIGIE_CERTIFICATES": str(folder), "VIGIE_ACME_EMAIL": "somebody@example.org",
            "VIGIE_ACME_CA": "/usr/local/etc/haproxy/certificates/certificate.pem",
        },
        FILES,
    )  # fmt: skip
    stack.build()
    with ExitStack() as ending:
        ending.callback(stack.down)
        stack.compose("up", "--no-start", "gateway")
        described = subprocess.run(
            ["docker", "network", "inspect", f"{stack.name}_edge"],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        address = json.loads(described)[0]["IPAM"]["Config"][0]["Gateway"]
        certificate, key = write_certificate(folder, address)
        config = tmp_path / "pebble.json"
        config.write_text(
            json.dumps(
                {
                    "pebble": {
                        "listenAddress": f"127.0.0.1:{port}",
                        "managementListenAddress": f"127.0.0.1:{manage_issuer}",
                        "certificate": str(certificate),
                        "privateKey": str(key),
                        "httpPort": int(stack.environment["HTTP_PORT"]),
                        "tlsPort": int(stack.environment["HTTPS_PORT"]),
                    }
                }
            )
        )
        for command in (
            [
                "pebble-challtestsrv", "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "",
                "-dns01", f"127.0.0.1:{names}", "-management", f"127.0.0.1:{manage}",
                "-http01", "", "-https01", "", "-tlsalpn01", "",
            ],
            ["pebble", "-config", str(config), "-dnsserver", f"127.0.0.1:{names}"],
        ):  # fmt: skip
            with (tmp_path / command[0]).open("wb") as log:
                server = subprocess.Popen(
                    command, stdout=log, stderr=log, env={**os.environ, "PEBBLE_VA_NOSLEEP": "1"}
                )
            ending.callback(server.wait, 10)
            ending.callback(server.terminate)
        proxy = ending.enter_context(_buffer(address, port, certificate, key))
        stack.environment["VIGIE_ACME_DIRECTORY"] = f"https://{address}:{proxy}/dir"
        yield stack, tmp_path / "pebble"


def test_a_certificate_is_issued_and_kept(issuer: tuple[Stack, Path]) -> None:
    stack, log = issuer
    stack.compose("up", "--detach", "gateway")
    try:
        first = _issued(stack)
    except AssertionError as failure:
        raise AssertionError(f"{failure}\n{log.read_text()}") from None
    names = first.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [DOMAIN]
    deadline = time.monotonic() + 30
    while _kept(stack).serial_number != first.serial_number:
        assert time.monotonic() < deadline, stack.compose("logs", "gateway").stdout
        time.sleep(1)
    orders = log.read_text().count("finalize")
    stack.compose("rm", "--stop", "--force", "gateway")
    stack.compose("up", "--detach", "gateway")
    again = _issued(stack)
    assert again.serial_number == first.serial_number
    assert log.read_text().count("finalize") == orders
