"""Releases and settings come and go on a production stack with keys, under load: nobody notices."""

from __future__ import annotations

import itertools
import secrets
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest

from support.callers import Callers
from support.certificates import write_certificate
from support.checkout import copy_checkout, replace_in
from support.compose import HOUSE, Stack, stack
from support.memory import tell

DOMAIN = "vigie.example.org"
FILES = ("docker-compose.yml", "docker-compose.prod.yml")
BODY = orjson.dumps({"instances": [HOUSE]})
RATE = 60.0
REPLICAS = 2
RELOADS = 10
UP_SECONDS = 900
SERVED = "ml-app/src/vigie/cli/serve.py"


def _docker(*words: str) -> str:
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=True).stdout


@dataclass(frozen=True)
class Site:
    """A running stack of a checkout of its own, and what a caller from outside needs."""

    stack: Stack
    trust: ssl.SSLContext
    key: str

    @property
    def folder(self) -> Path:
        """The checkout."""
        return self.stack.folder

    def callers(self) -> Callers:
        """Callers with a key over TLS."""
        headers = {"Host": DOMAIN, "Authorization": f"Bearer {self.key}"}
        port = int(self.stack.environment["HTTPS_PORT"])
        return Callers(port, RATE, BODY, 20, headers=headers, trust=self.trust)

    def tool(self, name: str, code: int = 0) -> str:
        """What a tool wrote to stderr, and that it ended as it should."""
        began = time.monotonic()
        done = self.stack.tool(name, BACKUPS=str(self.folder / "backups"))
        tell(f"{name}: exit {done.returncode} after {time.monotonic() - began:.0f} s")
        assert done.returncode == code, done.stdout + done.stderr
        return done.stderr

    def replicas(self) -> dict[str, str]:
        """The image of each replica that answers; there is no other replica."""
        found = {one: self.stack.inspect(one) for one in self.stack.containers("ml-app")}
        assert {one["State"]["Health"]["Status"] for one in found.values()} == {"healthy"}
        assert len(found) == REPLICAS
        return {name: one["Image"] for name, one in found.items()}

    def image(self, name: str, ending: str = "") -> str:
        """The id behind the name of an image that the stack is told to take."""
        tag = self.stack.environment[name] + ending
        return _docker("image", "inspect", "--format", "{{.Id}}", tag).strip()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("upgrade")
    checkout = copy_checkout(folder / "checkout")
    certificates = folder / "certificates"
    certificates.mkdir()
    certificate, key = write_certificate(certificates, DOMAIN)
    (certificates / "site.pem").write_bytes(certificate.read_bytes() + key.read_bytes())
    certificate.unlink()
    key.unlink()
    for parent in [certificates, *certificates.parents][:4]:
        parent.chmod(0o755)
    name = f"drill-{secrets.token_hex(4)}"
    images = {
        f"VIGIE_{kind}IMAGE": f"vigie-{what}:{name}"
        for kind, what in {"": "serve", "TRAINER_": "train", "MLFLOW_": "mlflow"}.items()
    }
    environment = {
        "VIGIE_DOMAIN": DOMAIN, "VIGIE_CERTIFICATES": str(certificates),
        "VIGIE_PUBLIC_ADDRESS": "127.0.0.1", **images,
    }  # fmt: skip
    (checkout / ".env").write_text(f"VIGIE_REPLICAS={REPLICAS}\nVIGIE_WITHOUT=grafana\n")
    trust = ssl.create_default_context(cafile=str(certificates / "site.pem"))
    trust.check_hostname = False
    try:
        with stack(environment, FILES, checkout) as made:
            made.up(seconds=UP_SECONDS)
            shown = made.compose("run", "--rm", "-T", "apikeys", "add", "drill").stdout
            (made_key,) = [word for word in shown.split() if word.startswith("vig_")]
            yield Site(made, trust, made_key)
    finally:
        for image in images.values():
            for tag in (image, f"{image}-before"):
                subprocess.run(["docker", "rmi", tag], capture_output=True, check=False)


@pytest.fixture
def under_load(site: Site) -> Iterator[Callers]:
    """Callers throughout a test; not one of their requests may be lost."""
    with site.callers() as callers:
        time.sleep(2)
        yield callers
        time.sleep(2)
    tell(f"{len(callers.answered)} answers")
    assert callers.answered
    assert (callers.broken, callers.others) == ([], [])


def test_a_broken_release_a_mended_one_and_the_way_back(site: Site, under_load: Callers) -> None:
    first, names = site.replicas(), ("VIGIE_IMAGE", "VIGIE_TRAINER_IMAGE")
    images = {name: site.image(name) for name in names}
    good = "    run_service(begin(port=port, workers=workers))"
    broken = '    raise SystemExit("a broken release")'
    replace_in(site.folder / SERVED, good, broken)
    said = site.tool("upgrade", code=1)
    assert "a broken release" in said
    assert "the release before serves on" in said
    assert site.replicas() == first
    assert {name: site.image(name) for name in names} == images

    replace_in(site.folder / SERVED, broken, f"    # mended\n{good}")
    site.tool("upgrade")
    second = site.replicas()
    assert not first.keys() & second.keys()
    assert {site.image(name, "-before") for name in names} == set(images.values())
    assert {site.image(name) for name in names}.isdisjoint(images.values())

    site.tool("rollback-release")
    third = site.replicas()
    assert not second.keys() & third.keys()
    assert set(third.values()) == set(first.values())
    assert {name: site.image(name) for name in names} == images
    # `up` finds nothing to change
    site.stack.up()
    assert site.replicas() == third


CHANGES = {
    "who is told of alerts": ("VIGIE_ALERT_WEBHOOK_URL_FILE=/run/secrets/hook", False),
    "the log of requests": ("VIGIE_REQUEST_LOG=all", True),
    "the models": ("VIGIE_MODELS=iris,housing", True),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_line_of_settings(site: Site, under_load: Callers, change: str) -> None:
    line, replaces = CHANGES[change]
    before = site.replicas()
    lasting = {name: site.stack.containers(name) for name in ("postgres", "mlflow", "gateway")}
    with (site.folder / ".env").open("a") as file:
        file.write(f"{line}\n")
    site.tool("apply")
    after = site.replicas()
    assert before.keys().isdisjoint(after) if replaces else before == after
    assert set(before.values()) == set(after.values())
    assert {name: site.stack.containers(name) for name in lasting} == lasting


def test_a_setting_that_no_replica_can_take(site: Site, under_load: Callers) -> None:
    before, file = site.replicas(), site.folder / ".env"
    kept = file.read_text()
    file.write_text(f"{kept}VIGIE_WORKERS=\nVIGIE_REQEST_LOG=all\nVIGIE_DRAIN_SECONDS=9\n")
    said = site.tool("apply", code=1)
    file.write_text(kept)
    assert "VIGIE_WORKERS is empty" in said
    assert "VIGIE_REQEST_LOG is no setting and is ignored; did you mean VIGIE_REQUEST_LOG?" in said
    assert "VIGIE_DRAIN_SECONDS is overruled for ml-app" in said
    assert site.replicas() == before


def _is_refused(site: Site, length: int) -> bool:
    """Whether the gateway finds an address of this length too long."""
    callers = site.callers()
    connection = callers._connection()
    connection.request("GET", "/" + "a" * length, headers=dict(callers.headers))
    status = connection.getresponse().status
    connection.close()
    return status == 414


def test_the_gateway_takes_its_configuration_anew(site: Site, under_load: Callers) -> None:
    file, (container,) = site.folder / "gateway" / "haproxy.cfg", site.stack.containers("gateway")
    assert not _is_refused(site, 3000)
    replace_in(file, "url,length gt 4096", "url,length gt 2048")
    site.tool("reload-gateway")
    assert _is_refused(site, 3000)
    replace_in(file, "url,length gt 2048", "url,length gt no number")
    assert "goes on as it was" in site.tool("reload-gateway", code=1)
    assert _is_refused(site, 3000)
    replace_in(file, "url,length gt no number", "url,length gt 4096")
    for _ in range(RELOADS):
        site.tool("reload-gateway")
    assert not _is_refused(site, 3000)
    assert site.stack.containers("gateway") == [container]


def test_a_restart_of_the_gateway_is_short(site: Site) -> None:
    """What cannot be helped on one machine: a new image, or another port."""
    with site.callers() as callers:
        time.sleep(2)
        began = time.monotonic()
        site.stack.compose("up", "--detach", "--wait", "--force-recreate", "--no-deps", "gateway")
        took = time.monotonic() - began
        time.sleep(3)
    times = sorted(when for when, _ in callers.answered)
    gap = max(late - soon for soon, late in itertools.pairwise(times))
    lost = len(callers.broken) + len(callers.others)
    tell(f"made anew in {took:.1f} s: {lost} lost, no answer for {gap:.1f} s")
    assert gap <= 5
    assert lost <= 6 * RATE
