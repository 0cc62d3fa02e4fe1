"""Every rule for a service of the stack can fail."""

from __future__ import annotations

from typing import Any

import pytest

from support.hardening import RULES, findings

SOUND: dict[str, Any] = {
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges:true"],
    "read_only": True,
    "deploy": {"resources": {"limits": {"cpus": 1, "memory": "1", "pids": 8}}},
    "user": "10001:10001",
    "restart": "unless-stopped",
    "logging": {"options": {"max-size": "10m"}},
    "ports": [{"published": "5000", "host_ip": "127.0.0.1"}],
    "volumes": [{"type": "volume", "source": "data"}],
}
BROKEN: dict[str, dict[str, Any]] = {
    "not_privileged": {"privileged": True},
    "drops_capabilities": {"cap_drop": []},
    "gains_no_rights": {"security_opt": ["no-new-privileges:true", "seccomp:unconfined"]},
    "read_only_root": {"read_only": False},
    "limited": {"deploy": {"resources": {"limits": {"cpus": 1, "memory": "1"}}}},
    "not_root": {"user": "0"},
    "own_namespaces": {"pid": "host"},
    "no_socket": {"volumes": [{"type": "bind", "source": "/var/run/docker.sock"}]},
    "no_sensitive_mount": {"volumes": [{"type": "bind", "source": "/etc"}]},
    "bounded_restart": {"restart": "always"},
    "has_health_check": {"healthcheck": {"disable": True}},
    "loopback_ports": {"ports": [{"published": "9090", "host_ip": "0.0.0.0"}]},
    "rotated_log": {"logging": {}},
    "no_secret_in_environment": {"environment": {"ADMIN_PASSWORD": "admin"}},
}


@pytest.mark.parametrize("name", RULES)
def test_every_rule_can_fail(name: str) -> None:
    assert findings({"sound": SOUND}, {}) == []
    found = findings({"broken": SOUND | BROKEN[name]}, {})
    assert found, name
    assert all(f": {name}: " in one for one in found)


def test_an_exception_that_nobody_needs_is_found() -> None:
    assert findings({"sound": SOUND}, {("sound", "not_root"): "no reason"}) == [
        "sound: not_root: needs no exception"
    ]
