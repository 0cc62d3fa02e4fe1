"""The files keep to the rules, and every rule can fail."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.terraform_files import read_folder, read_text
from support.terraform_rules import RULES, findings

pytest.importorskip("hcl2", reason="python-hcl2 reads the files, and is not installed")

IAC = Path(__file__).parents[2] / "Iac"


def firewall(ranges: str, ports: str, more: str = "") -> str:
    return f"""
resource "google_compute_firewall" "x" {{
  name          = "x"
  network       = "x"
  source_ranges = {ranges}
  {more}
  allow {{
    protocol = "tcp"
    ports    = {ports}
  }}
}}
"""


def machine(metadata: str, more: str = "") -> str:
    return f"""
resource "google_compute_instance" "x" {{
  metadata = {metadata}
  shielded_instance_config {{
    enable_secure_boot          = true
    enable_vtpm                 = true
    enable_integrity_monitoring = true
  }}
  service_account {{
    email  = google_service_account.x.email
    scopes = ["cloud-platform"]
  }}
  {more}
}}
"""


def metadata(**changes: str) -> str:
    keys = {
        "enable-oslogin": '"TRUE"',
        "block-project-ssh-keys": '"TRUE"',
        "serial-port-enable": '"FALSE"',
    } | {name.replace("_", "-"): value for name, value in changes.items()}
    return "{\n" + "\n".join(f"    {key} = {value}" for key, value in keys.items()) + "\n  }"


def member(
    role: str, who: str = '"user:ada@example.org"', kind: str = "google_project_iam_member"
) -> str:
    return f"""
resource "{kind}" "x" {{
  role   = {role}
  member = {who}
}}
"""


def project_metadata(key: str, value: str) -> str:
    return f"""
resource "google_compute_project_metadata" "x" {{
  metadata = {{ {key} = {value} }}
}}
resource "google_compute_project_metadata_item" "x" {{
  key   = "{key}"
  value = {value}
}}
"""


BUCKET = """
resource "google_storage_bucket" "x" {
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  versioning {
    enabled = true
  }
  lifecycle_rule {
  }
}
"""
NETWORK = """
resource "google_compute_network" "x" {
  auto_create_subnetworks = false
}
resource "google_compute_subnetwork" "x" {
  private_ip_google_access = true
  log_config {
  }
}
"""
DISK = """
resource "google_compute_disk" "x" {
  name = "x"
}
resource "google_compute_disk_resource_policy_attachment" "x" {
  disk = google_compute_disk.x.name
}
"""
RUN = """
resource "google_cloud_run_v2_service_iam_member" "x" {
  count  = var.cloud_run && var.cloud_run_public ? 1 : 0
  role   = "roles/run.invoker"
  member = "allUsers"
}
"""
VARIABLE = """
variable "x" {
  description = "A number."
  type        = number
  validation {
    condition     = var.x > 0
    error_message = "x is above 0."
  }
}
"""
EACH = "for_each = { for f, r in { a = [for x in var.allowed_cidrs : x] } : f => r }"
SOUND = [
    firewall('["0.0.0.0/0"]', '["80", "443"]'),
    firewall('["::/0"]', '["443"]'),
    firewall('["35.235.240.0/20"]', '["22"]'),
    firewall('["203.0.113.0/24"]', '["3000"]'),
    firewall("var.allowed_cidrs", '["3000"]'),
    firewall("each.value", '["3000"]', EACH),
    machine(metadata()),
    machine(metadata(serial_port_enable="false", enable_oslogin="true")),
    member('"roles/logging.logWriter"'),
    member("each.key", "google_service_account.x.member"),
    member('"roles/storage.objectViewer"', kind="google_storage_bucket_iam_member"),
    BUCKET, NETWORK, DISK, RUN, VARIABLE,
]  # fmt: skip
BROKEN: dict[str, list[str]] = {
    "web_alone_is_public": [
        *(firewall('["0.0.0.0/0"]', f'["{p}"]') for p in (22, 3000, 5000, 5432, 9090, 9093)),
        firewall('["0.0.0.0/0"]', '["80", "8080"]'),
        firewall('["0.0.0.0/0"]', '["80-443"]'),
        firewall('["0.0.0.0/0"]', "var.ports"),
        firewall('["0.0.0.0/0"]', "null"),
        firewall('["::/0"]', '["22"]'),
        firewall('["0::0/0"]', '["5000"]'),
        firewall('["0.0.0.0/1", "128.0.0.0/1"]', '["5000"]'),
        firewall('["::/1", "8000::/1"]', '["5000"]'),
        firewall('["64.0.0.0/2"]', '["5000"]'),
        firewall(str([f"10.{n}.0.0/16" for n in range(16)]).replace("'", '"'), '["5000"]'),
        firewall("var.ranges", '["5000"]'),
        firewall("local.ranges", '["5000"]'),
        firewall('concat(var.allowed_cidrs, ["0.0.0.0/0"])', '["5000"]'),
        firewall("each.value", '["5000"]', 'for_each = { a = ["0.0.0.0/0"] }'),
        firewall("each.value", '["5000"]', EACH.replace("x]", 'x], b = ["::/0"]')),
        firewall('["${var.range}"]', '["5000"]'),
        firewall('["0.0.0.0/0"]', '["443"]').replace('"tcp"', '"all"'),
        firewall('["0.0.0.0/0"]', '["443"]').replace('"tcp"', '"udp"'),
        firewall("[]", '["5000"]').replace("source_ranges = []", ""),
    ],
    "ssh_by_proxy": [
        firewall('["203.0.113.0/24"]', '["22"]'),
        firewall('["35.235.240.0/20", "203.0.113.7/32"]', '["22"]'),
        firewall("var.allowed_cidrs", '["20-25"]'),
        firewall("var.allowed_cidrs", "null"),
        firewall('["203.0.113.0/24"]', "null").replace('"tcp"', '"all"'),
    ],
    "one_kind_of_firewall": [
        'resource "google_compute_network_firewall_policy_rule" "x" {\n}',
        'resource "google_compute_firewall_policy_rule" "x" {\n}',
        'resource "google_compute_region_network_firewall_policy_with_rules" "x" {\n}',
    ],
    "serial_port_off": [
        *(machine(metadata(serial_port_enable=f'"{v}"')) for v in ("TRUE", "true", "1", "Yes")),
        *(machine(metadata(serial_port_enable=v)) for v in ("true", "1", "var.x")),
        machine("{\n    Serial-Port-Enable = true\n  }"),
        machine("merge(var.metadata, {})"),
        project_metadata("serial-port-enable", '"TRUE"'),
        project_metadata("serial-port-enable", '"1"'),
    ],
    "os_login_on": [
        *(machine(metadata(enable_oslogin=v)) for v in ('"FALSE"', "false", '"0"', "var.x")),
        machine(metadata(block_project_ssh_keys='"false"')),
        machine(metadata(ssh_keys='"ada:ssh-ed25519 AAAA"')),
        machine("{\n    serial-port-enable = false\n  }"),
        'resource "google_compute_instance" "x" {\n}',
        project_metadata("enable-oslogin", '"FALSE"'),
        project_metadata("sshKeys", '"ada:ssh-ed25519 AAAA"'),
    ],
    "no_basic_roles": [
        *(member(f'"roles/{name}"') for name in ("owner", "editor", "viewer", "Editor")),
        member("each.key", "var.x", "google_folder_iam_member").replace(
            "role ", 'for_each = toset(["roles/editor"])\n  role '
        ),
        'locals {\n  role = "roles/owner"\n}',
        member("local.role"),
        member('"roles/${var.role}"'),
        member('"roles/logging.logWriter"', kind="google_project_iam_binding"),
        'resource "google_project_iam_policy" "x" {\n  policy_data = "{}"\n}',
    ],
    "not_for_everybody": [
        member('"roles/storage.objectViewer"', '"allUsers"', "google_storage_bucket_iam_member"),
        member('"roles/run.invoker"', '"allAuthenticatedUsers"'),
        RUN.replace("var.cloud_run_public ? 1 : 0", "true ? 1 : 0"),
        RUN.replace("run.invoker", "run.developer"),
        'locals {\n  who = ["allusers"]\n}',
    ],
    "no_secret_in_state": [
        'resource "google_secret_manager_secret_version" "x" {\n  secret_data = "y"\n}',
        'resource "random_password" "x" {\n  length = 20\n}',
        'resource "tls_private_key" "x" {\n  algorithm = "ED25519"\n}',
        'resource "google_service_account_key" "x" {\n}',
        'data "google_secret_manager_secret_version" "x" {\n  secret = "x"\n}',
        'variable "db_password" {\n  type = string\n}',
        'output "token" {\n  value = "x"\n}',
        'provider "google" {\n  credentials = file("key.json")\n}',
        'resource "google_x" "x" {\n  smtp {\n    password = var.x\n  }\n}',
    ],
    "shielded_machines": [
        machine(metadata()).replace("vtpm                 = true", "vtpm = false"),
        machine(metadata()).replace("secure_boot          = true", "secure_boot = var.x"),
        machine(metadata(), "can_ip_forward = true"),
        machine(metadata()).replace("google_service_account.x.email", '"default"'),
        'resource "google_compute_instance" "x" {\n}',
    ],
    "closed_buckets": [
        BUCKET.replace("access = true", "access = false"),
        BUCKET.replace("enforced", "inherited"),
        BUCKET.replace("enabled = true", "enabled = false"),
        BUCKET.replace("lifecycle_rule", "cors"),
    ],
    "watched_networks": [
        NETWORK.replace("auto_create_subnetworks = false", ""),
        NETWORK.replace("log_config", "other"),
        NETWORK.replace("access = true", "access = false"),
    ],
    "saved_disks": [DISK.replace("disk.x.name", "disk.y.name")],
    "described": [
        VARIABLE.replace("A number.", ""),
        VARIABLE.replace("type        = number", ""),
        'variable "x" {\n  description = "A number."\n  type = number\n}',
        'output "x" {\n  value = 1\n}',
    ],
}  # fmt: skip


def test_the_files_keep_to_the_rules() -> None:
    blocks = read_folder(IAC)
    assert len(blocks) > 50
    assert findings(blocks) == []


@pytest.mark.parametrize("text", SOUND)
def test_what_is_sound_breaks_no_rule(text: str) -> None:
    assert findings(read_text(text)) == []


@pytest.mark.parametrize(("name", "text"), [(n, t) for n, texts in BROKEN.items() for t in texts])
def test_every_rule_can_fail(name: str, text: str) -> None:
    assert list(RULES[name](read_text(text)))


def test_every_rule_has_something_that_breaks_it() -> None:
    assert BROKEN.keys() == RULES.keys()


def test_every_exception_for_the_scanner_has_a_reason() -> None:
    skips = [
        line
        for path in IAC.glob("*.tf")
        for line in path.read_text().splitlines()
        if "checkov:skip" in line
    ]
    assert skips
    assert all(re.search(r"#checkov:skip=CKV2?_\w+:\S.{15,}", line) for line in skips)
