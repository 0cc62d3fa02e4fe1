"""The playbook keeps Ansible's strictest rules, and some of our own."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.playbook import FOLDER, run_program

ROLES = sorted(path.name for path in (FOLDER / "roles").iterdir())
FILES = sorted(
    path for path in FOLDER.rglob("*") if path.is_file() and ".ansible/" not in str(path)
)


def test_ansible_lint_finds_nothing() -> None:
    done = run_program("ansible-lint", "--offline", "--profile", "production")
    assert done.returncode == 0, done.stdout + done.stderr


def test_yamllint_finds_nothing() -> None:
    done = run_program("yamllint", "--strict", ".")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("play", ["site.yml", "verify.yml"])
def test_the_example_is_an_inventory_of_the_play(play: str) -> None:
    words = ("--inventory", "inventory/hosts.example.yml", "--list-hosts", play)
    done = run_program("ansible-playbook", *words)
    assert done.returncode == 0, done.stderr
    assert "vigie.example.org" in done.stdout


def _read(path: Path) -> Any:
    class Loader(yaml.SafeLoader):
        pass

    Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))  # type: ignore[arg-type]
    return yaml.load(path.read_text(), Loader)


@pytest.mark.parametrize("role", ROLES)
def test_every_variable_has_a_default_and_a_description(role: str) -> None:
    defaults = _read(FOLDER / "roles" / role / "defaults" / "main.yml")
    options = _read(FOLDER / "roles" / role / "meta" / "argument_specs.yml")["argument_specs"][
        "main"
    ]["options"]
    assert set(defaults) == set(options)
    assert all(name.startswith(f"{role}_") for name in defaults)
    for name, option in options.items():
        assert option["description"].endswith(".")
        if "default" in option:
            assert option["default"] == defaults[name]


def test_nothing_comes_from_a_third_party_or_over_plain_http() -> None:
    plain = re.compile(r"http://(?!127\.0\.0\.1|metadata\.google\.internal)")
    for path in FILES:
        text = path.read_text()
        assert not plain.search(text), path
        for word in ("apt_repository", "deb822_repository", "get_url", "validate_certs", "curl"):
            assert word not in text, path


SECRETS = ("vigie_registry_password", "vigie_alert_secrets", "vigie_smoke_key", "vigie_token")


def _tasks(found: Any) -> list[dict[str, Any]]:
    tasks = []
    for task in found or ():
        for part in ("block", "rescue", "always"):
            tasks += _tasks(task.get(part))
        if "block" not in task:
            tasks.append(task)
    return tasks


def test_tasks_with_secrets_say_nothing() -> None:
    seen = set()
    for path in (FOLDER / "roles").glob("*/tasks/*.yml"):
        for task in _tasks(_read(path)):
            named = [name for name in SECRETS if name in json.dumps(task)]
            if named:
                seen.update(named)
                assert task.get("no_log") is True, task["name"]
    assert seen == set(SECRETS)


def test_no_secret_is_an_argument_of_a_program() -> None:
    for path in (FOLDER / "roles").glob("*/tasks/*.yml"):
        for task in _tasks(_read(path)):
            command = task.get("ansible.builtin.command")
            words = (
                command.get("argv", command.get("cmd")) if isinstance(command, dict) else command
            )
            assert not any(name in json.dumps(words) for name in SECRETS), task["name"]
