"""The playbook on a real machine: first run, second run, cut off, bad and good releases, TLS."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.compose import HOUSE, IMAGES, require_engine
from support.machine import Machine, count, docker, machine, save_images
from support.memory import tell

ARCHIVES = "/srv/images"
# Grafana's image cannot be had everywhere
SERVICES = [
    "gateway", "ml-app", "model-sync", "mlflow", "prometheus", "alertmanager", "node-exporter"
]  # fmt: skip
GIVEN = {
    "serve": IMAGES["VIGIE_IMAGE"],
    "trainer": IMAGES["VIGIE_TRAINER_IMAGE"],
    "mlflow": IMAGES["VIGIE_MLFLOW_IMAGE"],
}
DOMAIN = "vigie.example.org"
SECRET = "https://alerts.example.org/a-secret-address"
CALLER = f"""
import json, pathlib, time, urllib.request
done = failed = 0
body = json.dumps({{"instances": [{HOUSE!r}]}}).encode()
url, kind = "http://127.0.0.1:5000/predict/housing", {{"Content-Type": "application/json"}}
ask = urllib.request.Request(url, body, kind)
while not pathlib.Path("/tmp/stop").exists():
    try:
        urllib.request.urlopen(ask, timeout=15).read()
        done += 1
    except OSError:
        failed += 1
    pathlib.Path("/tmp/new").write_text(f"{{done}} {{failed}}")
    pathlib.Path("/tmp/new").rename("/tmp/calls")
    time.sleep(0.1)
"""


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    require_engine()
    archives = tmp_path_factory.mktemp("archives")
    save_images(archives / "stack.tar")
    try:
        with machine(tmp_path_factory.mktemp("machine"), {archives: ARCHIVES}) as made:
            made.variables |= {
                "vigie_images": GIVEN,
                "vigie_image_archives": [f"{ARCHIVES}/stack.tar"],
                "vigie_services": SERVICES,
            }
            yield made
    finally:
        # several gigabytes, which pytest would keep
        (archives / "stack.tar").unlink()


@pytest.fixture(scope="module")
def deployed(fresh: Machine) -> Machine:
    """The machine with the stack, as the tests below leave it for one another."""
    began = time.monotonic()
    words = fresh.deploy()
    tell(f"first run: {time.monotonic() - began:.0f} s, {count(words, 'changed')} changes")
    return fresh


def current(host: Machine) -> str:
    return host.run("basename $(realpath /opt/vigie/current)").strip()


def verify(host: Machine, **variables: Any) -> None:
    done = host.play(book="verify.yml", **variables)
    assert done.returncode == 0, done.stdout[-3000:]


@contextmanager
def callers(host: Machine) -> Iterator[list[int]]:
    """Asks for predictions all the while; the list then has how many went well and how many not."""
    counts: list[int] = []
    host.run("rm -f /tmp/stop /tmp/calls")
    docker("exec", "--detach", host.name, "python3", "-c", CALLER)
    try:
        yield counts
    finally:
        host.run("touch /tmp/stop")
        time.sleep(2)
        counts += map(int, host.run("cat /tmp/calls").split())


def derive(host: Machine, name: str, *lines: str) -> dict[str, str]:
    """An image of the service made from the good one, on the machine itself."""
    text = "\n".join((f"FROM {GIVEN['serve']}", *lines))
    docker(
        "exec",
        "--interactive",
        host.name,
        "docker",
        "build",
        "--quiet",
        "--tag",
        name,
        "-",
        text=text,
    )
    return {**GIVEN, "serve": name}


def test_a_check_run_of_a_fresh_machine_is_honest(fresh: Machine) -> None:
    words = fresh.deploy("--check")
    assert count(words, "changed") > 0
    assert "says nothing about the stack" in " ".join(words.split())
    assert not fresh.run("ls -d /opt/vigie /etc/docker /etc/vigie.nft", check=False)


def test_the_stack_comes_up(deployed: Machine) -> None:
    verify(deployed)
    assert "overlay2" in deployed.run("docker info --format '{{.Driver}}'")


def test_a_second_run_changes_nothing(deployed: Machine) -> None:
    began = time.monotonic()
    assert count(deployed.deploy(), "changed") == 0
    tell(f"second run: {time.monotonic() - began:.0f} s")
    assert count(deployed.deploy("--check"), "changed") == 0


def test_what_was_cut_off_is_completed(deployed: Machine) -> None:
    release = current(deployed)
    deployed.run(
        "docker rm --force vigie-ml-app-1 vigie-gateway-1; systemctl stop docker docker.socket;"
        "cd /opt/vigie; rm current good releases/*/.env releases/*/gateway/haproxy.cfg bin/smoke;"
        "rm /etc/ssh/sshd_config.d/00-vigie.conf; systemctl stop vigie-firewall;"
        "echo '{}' > /etc/docker/daemon.json; systemctl disable --now vigie-backup.timer"
    )
    assert deployed.play(book="verify.yml").returncode != 0
    assert count(deployed.deploy(), "changed") > 0
    verify(deployed)
    assert current(deployed) == release
    assert count(deployed.deploy(), "changed") == 0


def test_a_release_that_never_gets_ready_is_taken_back(deployed: Machine) -> None:
    before = current(deployed)
    script = '[ "$1" != serve ] || exec sleep infinity; exec vigie "$@"'
    entry = json.dumps(["bash", "-c", script, "vigie"])
    broken = derive(deployed, "vigie-serve:broken", f"ENTRYPOINT {entry}")
    with callers(deployed) as counts:
        done = deployed.play(vigie_images=broken, vigie_wait_seconds=60)
    assert done.returncode != 0
    assert f"The new release was taken back, {before} serves." in " ".join(done.stdout.split())
    tell(f"taken back: {counts[0]} predictions went well, {counts[1]} did not")
    assert counts[0] > 100
    assert counts[1] == 0
    assert current(deployed) == before
    assert deployed.run("ls /opt/vigie/backups").startswith("vigie-")
    verify(deployed)
    assert count(deployed.deploy(), "changed") == 0


def test_a_good_release_takes_over_and_no_request_is_lost(deployed: Machine) -> None:
    before = current(deployed)
    following = derive(deployed, "vigie-serve:following", "LABEL following=yes")
    deployed.variables |= {
        "vigie_images": following,
        "vigie_alert_secrets": {"webhook": SECRET},
        "vigie_environment": {"VIGIE_ALERT_WEBHOOK_URL_FILE": "/run/secrets/webhook"},
    }
    with callers(deployed) as counts:
        words = deployed.deploy("-vv", "--diff")
    tell(f"taken over: {counts[0]} predictions went well, {counts[1]} did not")
    assert counts[1] == 0
    assert current(deployed) != before
    label = "docker inspect --format '{{.Config.Labels.following}}' $(docker ps -qf name=ml-app)"
    assert deployed.run(label).split() == ["yes"]
    assert SECRET not in words
    held = deployed.run("stat -c '%a %u' /opt/vigie/current/alertmanager/secrets/webhook").split()
    assert held == ["400", "65534"]
    verify(deployed)
    assert count(deployed.deploy(), "changed") == 0


def test_the_timer_makes_a_backup(deployed: Machine) -> None:
    before = deployed.run("ls /opt/vigie/backups | wc -l")
    deployed.run("systemctl start vigie-backup.service")
    assert int(deployed.run("ls /opt/vigie/backups | wc -l")) == int(before) + 1
    assert "vigie-backup.timer" in deployed.run("systemctl list-timers --no-pager")


def certificate(folder: Path, name: str) -> Path:
    """A certificate of our own making for the domain: chain and key in one file."""
    key, made = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}",
         "-keyout", key, "-out", made],
        check=True, capture_output=True, timeout=30,
    )  # fmt: skip
    both = folder / f"{name}.pem"
    both.write_text(made.read_text() + key.read_text())
    return both


def test_a_public_machine_answers_over_tls_to_who_has_a_key(
    deployed: Machine, tmp_path: Path
) -> None:
    files = [str(certificate(tmp_path, DOMAIN))]
    deployed.variables |= {"vigie_domain": DOMAIN, "vigie_certificates": files}
    words = deployed.deploy("-vv")
    assert "PRIVATE KEY" not in words
    verify(deployed)
    keys = deployed.run(
        "cd /opt/vigie/current && docker compose run --rm --no-deps -T apikeys list"
    )
    assert "deploy" not in keys
    assert count(deployed.deploy(), "changed") == 0
    certificate(tmp_path, DOMAIN)
    renewed = deployed.deploy()
    assert count(renewed, "changed") == 2


def reaches(host: Machine, port: int) -> bool:
    try:
        socket.create_connection((host.address, port), timeout=3).close()
    except OSError:
        return False
    return True


def test_the_firewall_stands_before_containers_too(deployed: Machine) -> None:
    server = f"--entrypoint python {GIVEN['serve']} -m http.server 8000"
    deployed.run(f"docker run --detach --name forgotten --publish 8081:8000 {server}")
    time.sleep(2)
    assert not reaches(deployed, 8081)
    assert reaches(deployed, 443)
    deployed.run("systemctl stop vigie-firewall")
    assert reaches(deployed, 8081)
    assert deployed.play(book="verify.yml").returncode != 0
    deployed.run("systemctl start vigie-firewall; docker rm --force forgotten")
    verify(deployed)


def test_another_system_is_refused(tmp_path: Path) -> None:
    require_engine()
    with machine(tmp_path) as host:
        host.run(
            "sed -i 's/13/12/; s/trixie/bookworm/' /usr/lib/os-release;"
            "echo 12.11 > /etc/debian_version"
        )
        done = host.play()
        assert done.returncode != 0
        assert "machine runs Debian 12.11; these roles are for Debian 13 alone" in " ".join(
            done.stdout.split()
        )
        assert count(done.stdout, "changed") == 0
        assert not host.run("ls -d /opt/vigie /etc/vigie.nft", check=False)
