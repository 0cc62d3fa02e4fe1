"""`make deploy` says in one sentence what is missing."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.compose import ROOT
from support.playbook import FOLDER

NEEDED = ("bash", "dirname", "env", "sed", "sort")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The script and the inventory in a checkout of the test's own; `bin` is the whole PATH."""
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools" / "deploy", tmp_path / "tools" / "deploy")
    shutil.copytree(FOLDER / "inventory", tmp_path / "ansible" / "inventory")
    (tmp_path / "ansible" / "inventory" / "hosts.yml").unlink(missing_ok=True)
    (tmp_path / "bin").mkdir()
    for name in NEEDED:
        found = shutil.which(name)
        assert found is not None
        (tmp_path / "bin" / name).symlink_to(found)
    (tmp_path / "bin" / "python3").symlink_to(Path(sys.executable).resolve())
    return tmp_path


def deploy(checkout: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [checkout / "tools" / "deploy", *words], capture_output=True, text=True, check=False,
        env={"PATH": str(checkout / "bin"), "HOME": str(checkout), **environment}, timeout=60,
    )  # fmt: skip


def plant_ansible(checkout: Path, version: str) -> None:
    program = checkout / "bin" / "ansible-playbook"
    program.write_text(
        f'#!/bin/sh\nif [ "$1" = --version ]; then echo "ansible-playbook [core {version}]"\n'
        f'else echo "$@" >> {checkout}/played; fi\n'
    )
    program.chmod(0o755)


def played(checkout: Path) -> list[str]:
    return (checkout / "played").read_text().splitlines()


def test_no_ansible(checkout: Path) -> None:
    done = deploy(checkout)
    assert done.returncode == 1
    assert "Ansible is not installed; on Debian: apt install ansible-core" in done.stderr


def test_an_ansible_that_is_too_old(checkout: Path) -> None:
    plant_ansible(checkout, "2.9.27")
    done = deploy(checkout)
    assert done.returncode == 1
    assert "Ansible 2.9.27 is too old" in done.stderr


def test_no_machine(checkout: Path) -> None:
    plant_ansible(checkout, "2.19.14")
    done = deploy(checkout)
    assert done.returncode == 1
    assert "terraform is not installed" in done.stderr
    assert "copy ansible/inventory/hosts.example.yml to hosts.yml" in done.stderr


def test_an_inventory_that_is_not_there(checkout: Path) -> None:
    plant_ansible(checkout, "2.18.0")
    done = deploy(checkout, INVENTORY="inventory/other.yml")
    assert done.returncode == 1
    assert "the inventory inventory/other.yml is not there" in done.stderr


def test_a_machine_of_ones_own_is_deployed_to_and_verified(checkout: Path) -> None:
    plant_ansible(checkout, "2.19.14")
    hosts = checkout / "ansible" / "inventory" / "hosts.yml"
    hosts.write_text("vigie: {hosts: {192.0.2.7: }}\n")
    done = deploy(checkout, "--limit", "192.0.2.7")
    assert done.returncode == 0, done.stderr
    words = "--inventory inventory/hosts.yml {} --limit 192.0.2.7"
    assert played(checkout) == [words.format("site.yml"), words.format("verify.yml")]


def test_a_check_run_verifies_nothing(checkout: Path) -> None:
    plant_ansible(checkout, "2.20.1")
    (checkout / "ansible" / "inventory" / "hosts.yml").touch()
    assert deploy(checkout, "--check").returncode == 0
    assert played(checkout) == ["--inventory inventory/hosts.yml site.yml --check"]
