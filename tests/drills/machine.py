"""The playbook on a real machine: first run, second run, cut off, bad and good releases, TLS, a
restart, a disk that grew, another system disk."""

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

from support.compose import IMAGES, ROOT, require_engine
from support.loop_disk import LoopDisk, loop_disk, may_grow_ext4
from support.machine import Machine, count, docker, machine, save_images
from support.machine_scripts import ASK, BUSY, CALLER, METADATA, kept, predict
from support.memory import tell
from support.waiting import wait_until

ARCHIVES = "/srv/images"
DISK_SIZE = 20 * 2**30
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


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoopDisk]:
    with loop_disk(tmp_path_factory.mktemp("disk") / "data", DISK_SIZE) as made:
        yield made


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory, disk: LoopDisk) -> Iterator[Machine]:
    require_engine()
    archives, folder = tmp_path_factory.mktemp("archives"), tmp_path_factory.mktemp("machine")
    save_images(archives / "stack.tar")
    try:
        with machine(folder, {archives: ARCHIVES}, disk.device) as made:
            made.variables |= {
                "vigie_images": GIVEN,
                "vigie_image_archives": [f"{ARCHIVES}/stack.tar"],
                "vigie_services": SERVICES,
            }
            yield made
    finally:
        # several gigabytes, which pytest would keep
        (archives / "stack.tar").unlink()


def make_deploy(host: Machine) -> str:
    """What people type, one command; it verifies too."""
    done = subprocess.run(
        ["make", "deploy", f"INVENTORY={host.inventory()}"], cwd=ROOT, capture_output=True,
        text=True, check=False, timeout=1800,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def deployed(fresh: Machine) -> Machine:
    """The machine with the stack, as the tests below leave it for one another."""
    docker("exec", "--detach", fresh.name, "python3", "-c", BUSY)
    began = time.monotonic()
    words = make_deploy(fresh)
    took = time.monotonic() - began
    tell(f"first run: {took:.0f} s, 100 of them for apt, {count(words, 'changed')} changes")
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


def test_without_a_disk_of_its_own_the_data_have_no_place(fresh: Machine) -> None:
    done = fresh.play("--tags", "disk", disk_device="/dev/disk/by-id/other")
    assert done.returncode != 0
    assert "the stack does not start on the system disk" in " ".join(done.stdout.split())
    # the roles that would see to it left out
    assert count(done.stdout, "changed") == 0


def test_the_first_prediction_comes(deployed: Machine) -> None:
    assert predict(deployed) > 0


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


def test_the_data_lie_on_the_disk(deployed: Machine, disk: LoopDisk) -> None:
    for folder in (
        "/opt/vigie/backups",
        deployed.run("docker info -f '{{.DockerRootDir}}'").strip(),
    ):
        source = deployed.run(f"findmnt --noheadings --output SOURCE --target {folder}").strip()
        assert source == disk.device
    done = deployed.play("--tags", "vigie", vigie_folder="/srv/vigie")
    assert done.returncode != 0
    assert "/srv/vigie lies on the system disk" in " ".join(done.stdout.split())
    deployed.run("rm -r /srv/vigie")


def test_containers_get_no_token_of_the_machine(deployed: Machine) -> None:
    deployed.run(METADATA)
    ask = f"docker run --rm -i --entrypoint python {GIVEN['serve']} -"
    answers = {port: deployed.run(f"{ask} {port} <<'E'\n{ASK}\nE").strip() for port in ("80", "53")}
    assert answers == {"80": "no", "53": "200"}
    # the machine itself does, and so would they without the rule
    assert deployed.run(f"python3 - 80 <<'E'\n{ASK}\nE").strip() == "200"
    deployed.run("systemctl stop vigie-firewall")
    assert deployed.run(f"{ask} 80 <<'E'\n{ASK}\nE").strip() == "200"
    deployed.run("systemctl start vigie-firewall; ip netns delete google")


def test_the_timer_makes_a_backup(deployed: Machine) -> None:
    before = deployed.run("ls /opt/vigie/backups | wc -l")
    deployed.run("systemctl start vigie-backup.service")
    assert int(deployed.run("ls /opt/vigie/backups | wc -l")) == int(before) + 1
    assert "vigie-backup.timer" in deployed.run("systemctl list-timers --no-pager")


def test_a_restart_loses_nothing(deployed: Machine) -> None:
    for _ in range(20):
        price = predict(deployed)
    # rows are written by and by
    wait_until(lambda: kept(deployed)["rows"] == ["t"])
    before = kept(deployed)
    deployed.restart()
    began = time.monotonic()
    assert predict(deployed) == price
    tell(f"after a restart a prediction came in {time.monotonic() - began:.0f} s")
    assert kept(deployed) == before
    assert count(deployed.deploy(), "changed") == 0
    verify(deployed)


def test_without_its_disk_the_stack_does_not_start(deployed: Machine) -> None:
    deployed.run("mv /etc/vigie-disk /etc/vigie-disk.away")
    deployed.restart()
    states = "systemctl show --property ActiveState --value vigie-disk docker"
    wait_until(lambda: deployed.run(states).split() == ["failed", "inactive"], seconds=120)
    deployed.run("mv /etc/vigie-disk.away /etc/vigie-disk; systemctl start docker")
    assert predict(deployed) > 0


def test_a_disk_that_grew_is_grown(deployed: Machine, disk: LoopDisk) -> None:
    if not may_grow_ext4():
        pytest.skip("a mounted ext4 grows with CAP_SYS_RESOURCE alone")
    size = "findmnt --noheadings --bytes --output SIZE --mountpoint /opt/vigie"
    before = int(deployed.run(size))
    disk.grow(DISK_SIZE + 2**30)
    assert count(deployed.deploy(), "changed") == 1
    assert int(deployed.run(size)) > before + 2**29
    assert count(deployed.deploy(), "changed") == 0


def test_another_system_disk_finds_the_data(deployed: Machine) -> None:
    price, before = predict(deployed), kept(deployed)
    deployed.create()
    assert not deployed.run("ls /opt/vigie /usr/bin/docker", check=False)
    began = time.monotonic()
    make_deploy(deployed)
    tell(f"deployed anew on another system disk: {time.monotonic() - began:.0f} s")
    assert predict(deployed) == price
    assert kept(deployed) == before
    assert count(deployed.deploy(), "changed") == 0


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
