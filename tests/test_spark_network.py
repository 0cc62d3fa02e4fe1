"""Which addresses of a cloud the pods of Spark may reach, by what `k8s/spark` says."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml

STAGE = Path(__file__).parents[1] / "k8s" / "spark"
OUTSIDE = "203.0.113.7"
COMPUTE, DATAPLANE_V1, POD_IDENTITY = "169.254.169.254", "169.254.169.252", "169.254.170.23"
ASKED = [(address, port) for address in (OUTSIDE, COMPUTE, DATAPLANE_V1, POD_IDENTITY, "10.0.0.1")
         for port in (80, 443, 988)]  # fmt: skip


def _holds(block: dict[str, Any], address: str) -> bool:
    inside = ip_address(address) in ip_network(block["cidr"])
    return inside and not any(
        ip_address(address) in ip_network(one) for one in block.get("except", [])
    )


@pytest.mark.parametrize(
    ("name", "reached"),
    [
        ("buckets.yaml", {(OUTSIDE, 443)}),
        ("buckets-eks.yaml", {(POD_IDENTITY, 80)}),
        ("buckets-gke.yaml", {(COMPUTE, 80), (DATAPLANE_V1, 988)}),
    ],
)
def test_each_cloud_opens_the_addresses_that_it_needs(
    name: str, reached: set[tuple[str, int]]
) -> None:
    policy = yaml.safe_load((STAGE / name).read_text(encoding="utf-8"))["spec"]
    assert policy["policyTypes"] == ["Egress"]
    (who,) = policy["podSelector"]["matchExpressions"]
    assert who == {"key": "spark-role", "operator": "In", "values": ["driver", "executor"]}
    assert reached == {
        (address, port)
        for address, port in ASKED
        for rule in policy["egress"]
        if any(_holds(peer["ipBlock"], address) for peer in rule["to"])
        and {"port": port} in rule["ports"]
    }
