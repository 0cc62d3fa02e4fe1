"""What the files of `Iac/` must keep to, above all where scanners see nothing.

A rule gets the blocks of all files and gives what is wrong with them. What it cannot judge before
Terraform runs, such as a range that is computed, is wrong too.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Sequence

from support.terraform_files import Block, Expression, Value, resources

Rule = Callable[[Sequence[Block]], Iterator[str]]

PROXY = ["35.235.240.0/20"]
WEB = {"80", "443"}
# more addresses than one organisation has: the Internet, or a good part of it
WIDE = {4: 16, 6: 32}
OTHER_FIREWALLS = re.compile(r"google_compute_(region_)?(network_)?(firewall|security)_policy\w*")
INSTANCES = (
    "google_compute_instance", "google_compute_instance_template",
    "google_compute_region_instance_template", "google_compute_instance_from_template",
)  # fmt: skip
SECRET_RESOURCES = {
    "google_secret_manager_secret_version", "google_secret_manager_regional_secret_version",
    "google_secret_manager_secret_version_access", "google_service_account_key",
    "google_storage_hmac_key", "google_sql_user", "google_apikeys_key",
    "random_password", "random_bytes", "tls_private_key",
}  # fmt: skip
SECRET_NAME = re.compile(
    r"password|passwd|token|private_key|credential|api_key|secret_(value|data)"
)
OFF, ON = {"false", "0", "n", "no"}, {"true", "1", "y", "yes"}


def web_alone_is_public(blocks: Sequence[Block]) -> Iterator[str]:
    """Nothing but 80 and 443 is open to the Internet, however its addresses are written."""
    for rule in _ingress(blocks):
        if _is_public(rule):
            for allow in rule.within("allow"):
                ports = allow.arguments.get("ports")
                if (
                    allow.is_dynamic
                    or allow.arguments.get("protocol") != "tcp"
                    or not isinstance(ports, list)
                    or not {_text(port) for port in ports} <= WEB
                ):
                    yield f"{rule.where} opens {ports or 'every port'} to the Internet"


def ssh_by_proxy(blocks: Sequence[Block]) -> Iterator[str]:
    """Port 22 is open to Google's proxy alone."""
    for rule in _ingress(blocks):
        opens = any(_includes(allow, 22) for allow in rule.within("allow"))
        if opens and rule.arguments.get("source_ranges") != PROXY:
            yield f"{rule.where} opens port 22 to others than Google's proxy"


def one_kind_of_firewall(blocks: Sequence[Block]) -> Iterator[str]:
    """No firewall that the rules above do not read."""
    for block in resources(blocks):
        if OTHER_FIREWALLS.fullmatch(block.type):
            yield f"{block.where}: use google_compute_firewall, which these rules can judge"


def serial_port_off(blocks: Sequence[Block]) -> Iterator[str]:
    """The serial port is off, in every spelling and for the whole project."""
    for where, key, value in _metadata(blocks):
        if key == "serial-port-enable" and _text(value).lower() not in OFF:
            yield f"{where} opens the serial port"


def os_login_on(blocks: Sequence[Block]) -> Iterator[str]:
    """Machines are entered by accounts of Google: no other keys, and nothing overrides that."""
    for where, key, value in _metadata(blocks):
        if key in ("enable-oslogin", "block-project-ssh-keys") and _text(value).lower() not in ON:
            yield f"{where} sets {key} to {_text(value)}"
        elif key in ("ssh-keys", "sshkeys"):
            yield f"{where} brings keys of its own"
    for block in resources(blocks, *INSTANCES):
        keys = {key for _, key, _ in _metadata([block])}
        for key in ("enable-oslogin", "block-project-ssh-keys", "serial-port-enable"):
            if key not in keys:
                yield f"{block.where} does not say {key}"


def no_basic_roles(blocks: Sequence[Block]) -> Iterator[str]:
    """Nobody is owner, editor or viewer, and rights are added, never replaced."""
    for block in blocks:
        for text in block.texts():
            if re.search(r"roles/(owner|editor|viewer)\b", text, re.IGNORECASE):
                yield f"{block.where} gives a basic role"
    for block in resources(blocks):
        if re.search(r"_iam_(binding|policy)$", block.type):
            yield f"{block.where} replaces the rights of others"
        role = block.arguments.get("role")
        if "_iam_" in block.type and _is_computed(role) and not _is_each(block, role):
            yield f"{block.where}: its role is computed"


def not_for_everybody(blocks: Sequence[Block]) -> Iterator[str]:
    """Everybody has no right but to call Cloud Run, where a variable says so."""
    for block in blocks:
        open_to_all = any(
            re.search(r"allUsers|allAuthenticatedUsers", text, re.IGNORECASE)
            for text in block.texts()
        )
        if open_to_all and not _is_public_service(block):
            yield f"{block.where} lets everybody in"


def no_secret_in_state(blocks: Sequence[Block]) -> Iterator[str]:
    """No value that must stay unknown passes through Terraform."""
    for block in blocks:
        if block.kind in ("resource", "data", "ephemeral") and block.type in SECRET_RESOURCES:
            yield f"{block.where} puts a secret into the state"
        if block.kind in ("variable", "output") and SECRET_NAME.search(block.type):
            yield f"{block.kind} {block.type} is a secret in the state"
        for inner in block.walk():
            for name, value in inner.arguments.items():
                if SECRET_NAME.search(name) and isinstance(value, str | Expression):
                    yield f"{block.where}.{name} is a secret in the state"


def shielded_machines(blocks: Sequence[Block]) -> Iterator[str]:
    """Machines are shielded, forward nothing, and act under an account of their own."""
    options = ("enable_secure_boot", "enable_vtpm", "enable_integrity_monitoring")
    for block in resources(blocks, *INSTANCES):
        shield = [inner.arguments for inner in block.within("shielded_instance_config")]
        for option in options:
            if not any(arguments.get(option) is True for arguments in shield):
                yield f"{block.where}: {option} is not on"
        if block.arguments.get("can_ip_forward", False) is not False:
            yield f"{block.where} forwards packets"
        emails = [_text(i.arguments.get("email")) for i in block.within("service_account")]
        if not emails or not all("google_service_account." in email for email in emails):
            yield f"{block.where} has no account of its own"


def closed_buckets(blocks: Sequence[Block]) -> Iterator[str]:
    """Buckets have one kind of rights, are never public, and keep what was replaced for a while."""
    for block in resources(blocks, "google_storage_bucket"):
        if block.arguments.get("uniform_bucket_level_access") is not True:
            yield f"{block.where}: access is not uniform"
        if block.arguments.get("public_access_prevention") != "enforced":
            yield f"{block.where} may become public"
        if not any(i.arguments.get("enabled") is True for i in block.within("versioning")):
            yield f"{block.where} keeps no old versions"
        if not block.within("lifecycle_rule"):
            yield f"{block.where} keeps old versions for ever"


def watched_networks(blocks: Sequence[Block]) -> Iterator[str]:
    """Networks have subnets of our own, with flow logs and private access to Google."""
    for block in resources(blocks, "google_compute_network"):
        if block.arguments.get("auto_create_subnetworks") is not False:
            yield f"{block.where} makes subnets everywhere"
    for block in resources(blocks, "google_compute_subnetwork"):
        if not block.within("log_config"):
            yield f"{block.where} has no flow logs"
        if block.arguments.get("private_ip_google_access") is not True:
            yield f"{block.where} reaches Google over public addresses"


def saved_disks(blocks: Sequence[Block]) -> Iterator[str]:
    """Every data disk has a schedule of snapshots."""
    attached = resources(blocks, "google_compute_disk_resource_policy_attachment")
    disks = {_text(block.arguments.get("disk")) for block in attached}
    for block in resources(blocks, "google_compute_disk"):
        if not any(f"{block.where}." in disk for disk in disks):
            yield f"{block.where} has no snapshots"


def described(blocks: Sequence[Block]) -> Iterator[str]:
    """Variables and outputs say what they are; variables have a type and refuse what is wrong."""
    for block in blocks:
        if block.kind in ("variable", "output") and not block.arguments.get("description"):
            yield f"{block.kind} {block.where} has no description"
        if block.kind == "variable":
            kind = block.arguments.get("type")
            if kind is None:
                yield f"variable {block.where} has no type"
            elif _text(kind).strip("${}") != "bool" and not block.within("validation"):
                yield f"variable {block.where} takes anything"


RULES: dict[str, Rule] = {
    rule.__name__: rule
    for rule in (
        web_alone_is_public, ssh_by_proxy, one_kind_of_firewall, serial_port_off, os_login_on,
        no_basic_roles, not_for_everybody, no_secret_in_state, shielded_machines, closed_buckets,
        watched_networks, saved_disks, described,
    )
}  # fmt: skip


def findings(blocks: Sequence[Block]) -> list[str]:
    """What breaks a rule, a line each, with the rule's name in front."""
    return [f"{name}: {line}" for name, rule in RULES.items() for line in rule(blocks)]


def _text(value: Value) -> str:
    return value.text if isinstance(value, Expression) else str(value)


def _is_computed(value: Value) -> bool:
    return isinstance(value, Expression) or "${" in str(value)


def _is_each(block: Block, value: Value) -> bool:
    """Whether a value is one of the texts that stand in `for_each`, which are read there."""
    each = _text(block.arguments.get("for_each"))
    return _text(value) == "${each.key}" and "local." not in each


def _ingress(blocks: Sequence[Block]) -> list[Block]:
    rules = resources(blocks, "google_compute_firewall")
    return [rule for rule in rules if rule.arguments.get("direction", "INGRESS") != "EGRESS"]


def _is_public(rule: Block) -> bool:
    ranges = rule.arguments.get("source_ranges")
    if ranges is None:
        return not {"source_tags", "source_service_accounts"} & rule.arguments.keys()
    if isinstance(ranges, Expression):
        return not _is_validated(rule, ranges.text)
    return any(_is_computed(one) for one in ranges) or _is_wide(ranges)


def _is_validated(rule: Block, text: str) -> bool:
    """Whether ranges come from `allowed_cidrs` alone, whose validation refuses wide ones."""
    if text == "${each.value}":
        text = _text(rule.arguments.get("for_each"))
    others = re.search(
        r"\b(local|data|google_\w+)\.|/\d|var\.(?!allowed_cidrs\b)|\"[0-9a-f]*:[0-9a-f:]+", text
    )
    return "var.allowed_cidrs" in text and others is None


def _is_wide(ranges: list[str]) -> bool:
    """Whether ranges, put together, hold a good part of the Internet."""
    for version, narrowest in WIDE.items():
        networks = [ipaddress.ip_network(one, strict=False) for one in ranges]
        joined = ipaddress.collapse_addresses(n for n in networks if n.version == version)  # type: ignore[type-var]
        if any(network.prefixlen < narrowest for network in joined):
            return True
    return False


def _includes(allow: Block, port: int) -> bool:
    if allow.arguments.get("protocol") not in ("tcp", "6", "all"):
        return False
    ports = allow.arguments.get("ports")
    if not isinstance(ports, list):
        return True
    for one in map(_text, ports):
        first, _, last = one.partition("-")
        if not first.isdigit() or int(first) <= port <= int(last or first):
            return True
    return False


def _metadata(blocks: Sequence[Block]) -> Iterator[tuple[str, str, Value]]:
    """Where, key in lower case and value of all metadata of machines and of the project."""
    for block in resources(blocks):
        if block.type == "google_compute_project_metadata_item":
            yield block.where, _text(block.arguments.get("key")).lower(), block.arguments["value"]
        elif block.type in (*INSTANCES, "google_compute_project_metadata"):
            metadata = block.arguments.get("metadata", {})
            if isinstance(metadata, Expression):
                # not to be read: as bad as it can be
                metadata = {"serial-port-enable": metadata, "enable-oslogin": metadata}
            for key, value in metadata.items():
                yield block.where, key.lower(), value


def _is_public_service(block: Block) -> bool:
    return (
        block.type == "google_cloud_run_v2_service_iam_member"
        and block.arguments.get("role") == "roles/run.invoker"
        and "var.cloud_run_public ?" in _text(block.arguments.get("count"))
    )
