"""Everything in the files is known to the provider, with the right type."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.provider_package import names
from support.terraform_files import read_folder, read_text
from support.terraform_schema import findings, read_schema

pytest.importorskip("hcl2", reason="python-hcl2 reads the files, and is not installed")

IAC = Path(__file__).parents[2] / "Iac"
SCHEMA = Path(__file__).with_name("provider-schema.json")

SOUND = """
resource "google_compute_firewall" "x" {
  count         = 1
  name          = "x"
  network       = google_compute_network.x.id
  priority      = 10
  disabled      = false
  source_ranges = ["203.0.113.0/24", var.range]
  allow {
    protocol = "tcp"
  }
  dynamic "allow" {
    for_each = ["udp"]
    content {
      protocol = allow.value
    }
  }
  lifecycle {
    prevent_destroy = true
  }
}
"""
WRONG = [
    ("name          =", "label =", ["x.label: is no argument", "x.name: is missing"]),
    ('"x"\n  network', "true\n  network", ["x.name: is no string"]),
    ("priority      = 10", 'priority = "high"', ["x.priority: is no number"]),
    ("disabled      = false", 'disabled = "no"', ["x.disabled: is no bool"]),
    ('["203.0.113.0/24", var.range]', '"0.0.0.0/0"', ["x.source_ranges: is no set of string"]),
    ("var.range]", "[1]]", ["x.source_ranges: is no set of string"]),
    ("count         = 1", 'self_link = "x"', ["x.self_link: is read only"]),
    ("count         = 1", "log_config = {}", ["x.log_config: is a block"]),
    ("allow {\n", "allow {\n    port = 1\n", ["x.allow.port: is no argument"]),
    ('    protocol = "tcp"\n', "", ["x.allow.protocol: is missing"]),
    ("protocol = allow.value", "protocol = false", ["x.allow.protocol: is no string"]),
    ("lifecycle", "permit", ["x.permit: is no block"]),
    (
        "lifecycle {",
        "log_config {\n metadata = 1\n }\n log_config {\n metadata = var.x\n }\n lifecycle {",
        ["x.log_config.metadata: is no string", "x.log_config: stands there 2 times"],
    ),
]


def test_the_files_hold_against_the_schema() -> None:
    source, schemas = read_schema(SCHEMA)
    assert source == "registry.terraform.io/hashicorp/google"
    assert findings(read_folder(IAC), schemas) == []


def test_the_schema_holds_what_the_files_use_and_no_more() -> None:
    _, schemas = read_schema(SCHEMA)
    assert sorted(schemas["resource_schemas"]) == names(IAC, "resource")
    assert sorted(schemas["data_source_schemas"]) == names(IAC, "data")


def test_the_provider_is_that_of_the_schema() -> None:
    version = json.loads(SCHEMA.read_text())["provider_version"]
    (terraform,) = [block for block in read_folder(IAC) if block.kind == "terraform"]
    pinned = terraform.within("required_providers")[0].arguments["google"]
    minor = ".".join(version.split(".")[:2])
    assert pinned == {"source": "hashicorp/google", "version": f"~> {minor}"}


@pytest.mark.parametrize(("part", "change", "expected"), WRONG)
def test_what_the_provider_would_not_take_is_found(
    part: str, change: str, expected: list[str]
) -> None:
    _, schemas = read_schema(SCHEMA)
    assert findings(read_text(SOUND), schemas) == []
    assert part in SOUND
    found = findings(read_text(SOUND.replace(part, change)), schemas)
    assert sorted(found) == sorted(f"google_compute_firewall.{line}" for line in expected)


def test_an_unknown_resource_and_an_unknown_option_of_the_provider_are_found() -> None:
    _, schemas = read_schema(SCHEMA)
    text = 'resource "google_compute_fire" "x" {\n}\nprovider "google" {\n  projekt = "x"\n}\n'
    assert findings(read_text(text), schemas) == [
        "google_compute_fire.x: there is no resource google_compute_fire",
        "provider.projekt: is no argument",
    ]
