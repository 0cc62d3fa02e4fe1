"""What a service of the stack must keep to: the rules of the CIS Docker benchmark, part 5.

A rule gets a service as `docker compose config` renders it and gives what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Service = Mapping[str, Any]
Rule = Callable[[Service], list[str]]

SENSITIVE = ("/", "/boot", "/dev", "/etc", "/lib", "/proc", "/root", "/sys", "/usr", "/var")
NAMESPACES = ("pid", "ipc", "uts", "userns_mode", "cgroup")
STARTS_AS_ROOT = (None, "", "0", "root", "0:0", "root:root")


def not_privileged(service: Service) -> list[str]:
    return ["privileged"] if service.get("privileged") else []


def drops_capabilities(service: Service) -> list[str]:
    wrong = [] if "ALL" in service.get("cap_drop", []) else ["cap_drop is not ALL"]
    return wrong + [f"adds {name}" for name in service.get("cap_add", [])]


def gains_no_rights(service: Service) -> list[str]:
    options = service.get("security_opt", [])
    wrong = [] if "no-new-privileges:true" in options else ["no-new-privileges is not set"]
    return wrong + [option for option in options if "unconfined" in option]


def read_only_root(service: Service) -> list[str]:
    return [] if service.get("read_only") else ["its root can be written"]


def limited(service: Service) -> list[str]:
    limits = service.get("deploy", {}).get("resources", {}).get("limits", {})
    return [f"no limit of {name}" for name in ("cpus", "memory", "pids") if not limits.get(name)]


def not_root(service: Service) -> list[str]:
    return ["runs as root"] if service.get("user") in STARTS_AS_ROOT else []


def own_namespaces(service: Service) -> list[str]:
    wrong = [f"{name}: {service[name]}" for name in NAMESPACES if service.get(name)]
    return wrong + (["network of the host"] if service.get("network_mode") == "host" else [])


def no_socket(service: Service) -> list[str]:
    sources = [mount.get("source", "") for mount in service.get("volumes", [])]
    return [source for source in sources if "docker.sock" in source]


def no_sensitive_mount(service: Service) -> list[str]:
    bound = [m["source"] for m in service.get("volumes", []) if m["type"] == "bind"]
    return [source for source in bound if source in SENSITIVE]


def bounded_restart(service: Service) -> list[str]:
    policy = service.get("restart", "no")
    return [] if policy in {"no", "unless-stopped"} else [f"restart: {policy}"]


def has_health_check(service: Service) -> list[str]:
    check = service.get("healthcheck", {})
    # a service whose image brings one along says nothing here: `None`
    return ["its health check is off"] if check.get("disable") else []


def loopback_ports(service: Service) -> list[str]:
    ports = service.get("ports", [])
    return [f"port {p['published']} is public" for p in ports if p.get("host_ip") != "127.0.0.1"]


def rotated_log(service: Service) -> list[str]:
    return [] if service.get("logging", {}).get("options", {}).get("max-size") else ["log grows"]


def no_secret_in_environment(service: Service) -> list[str]:
    words = ("PASSWORD", "SECRET", "TOKEN", "KEY")
    return [
        name
        for name, value in service.get("environment", {}).items()
        if any(word in name for word in words) and value and not value.startswith("/")
        and value not in {"true", "false"}
    ]  # fmt: skip


RULES: dict[str, Rule] = {
    rule.__name__: rule
    for rule in (
        not_privileged, drops_capabilities, gains_no_rights, read_only_root, limited, not_root,
        own_namespaces, no_socket, no_sensitive_mount, bounded_restart, has_health_check,
        loopback_ports, rotated_log, no_secret_in_environment,
    )
}  # fmt: skip

EXCEPTIONS: dict[tuple[str, str], str] = {
    ("secrets", "not_root"): "gives files to the users of other services",
    ("secrets", "drops_capabilities"): "CHOWN and DAC_OVERRIDE, for the same; it has no network",
    ("postgres", "not_root"): "the image starts as root, takes its volume, becomes postgres",
    ("postgres", "drops_capabilities"): "what the image needs for that",
    ("node-exporter", "no_sensitive_mount"): "the whole disk, read-only: how full is it",
    ("backup", "not_root"): "reads and writes files of other services' users; it has no network",
    ("backup", "drops_capabilities"): "CHOWN and DAC_OVERRIDE, for the same",
    ("backup", "has_health_check"): "ends by itself",
    ("cadvisor", "not_root"): "reads the engine's socket and the state of every container",
    ("cadvisor", "drops_capabilities"): "SYSLOG: the kernel's log names what it ended",
    ("cadvisor", "no_socket"): "the names of containers; opt-in, and on no network with a way out",
    ("cadvisor", "no_sensitive_mount"): "the control groups and the disk, read-only",
    ("receivers", "has_health_check"): "ends by itself",
    ("secrets", "has_health_check"): "ends by itself",
    ("mlflow-migrate", "has_health_check"): "ends by itself",
    ("trainer", "has_health_check"): "ends by itself",
    ("apikeys", "has_health_check"): "ends by itself",
    ("batch", "not_root"): "becomes the owner of data_outputs; it has no network",
    ("batch", "drops_capabilities"): "SETGID and SETUID, for that",
    ("batch", "has_health_check"): "ends by itself",
    ("spark", "has_health_check"): "ends by itself",
    ("load", "has_health_check"): "ends by itself",
    ("load-worker", "has_health_check"): "ends with the run",
    ("retrain", "has_health_check"): "waits for most of a day",
}
"""What may be broken, by service and rule, and why."""

PUBLIC: dict[tuple[str, str], str] = {
    ("gateway", "loopback_ports"): "the one entrance, in production",
}
"""What may be broken in production as well."""


def findings(
    services: Mapping[str, Service], exceptions: Mapping[tuple[str, str], str]
) -> list[str]:
    """What is wrong with the services, and exceptions that nobody needs."""
    found, used = [], set()
    for name, service in services.items():
        for title, rule in RULES.items():
            wrong = rule(service)
            if wrong and (name, title) in exceptions:
                used.add((name, title))
            else:
                found += [f"{name}: {title}: {one}" for one in wrong]
    idle = [pair for pair in exceptions if pair[0] in services and pair not in used]
    return found + [f"{name}: {title}: needs no exception" for name, title in idle]
