"""The way to JupyterHub on the primary machine: over SSH with a key, else by Session Manager."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from emr.cluster import JUPYTERHUB_PORT, alive_id
from emr.options import Refused

if TYPE_CHECKING:
    from emr.account import Account


def tunnel_command(account: Account, port: int, identity: str) -> list[str]:
    """The program that holds the tunnel open.

    Args:
        account: Where the cluster is.
        port: Of this machine.
        identity: File of the private key; empty: the one that ssh finds.

    Raises:
        Refused: There is no cluster, or it has no address yet.
    """
    cluster = alive_id(account)
    if cluster is None:
        raise Refused(f"no cluster {account.options.prefix} is up: emr up")
    emr = account.client("emr")
    found = emr.describe_cluster(ClusterId=cluster)["Cluster"]
    if not found.get("Ec2InstanceAttributes", {}).get("Ec2KeyName"):
        machines = emr.list_instances(ClusterId=cluster, InstanceGroupTypes=["MASTER"])["Instances"]
        if not machines:
            raise Refused("the cluster has no machine yet: wait a few minutes")
        ports = {"portNumber": [str(JUPYTERHUB_PORT)], "localPortNumber": [str(port)]}
        return [
            "aws", "ssm", "start-session", "--region", account.options.region,
            "--target", machines[0]["Ec2InstanceId"],
            "--document-name", "AWS-StartPortForwardingSession", "--parameters", json.dumps(ports),
        ]  # fmt: skip
    address = found.get("MasterPublicDnsName")
    if not address:
        raise Refused("the cluster has no address yet: wait a few minutes")
    return [
        "ssh", "-N", "-o", "ExitOnForwardFailure=yes",
        "-L", f"127.0.0.1:{port}:127.0.0.1:{JUPYTERHUB_PORT}",
        *(["-i", identity] if identity else []), f"hadoop@{address}",
    ]  # fmt: skip
