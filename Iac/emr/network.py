"""The two security groups: EMR adds what its machines need among themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emr.account import MANAGED
from emr.options import Refused

if TYPE_CHECKING:
    from emr.account import Account

GROUPS = ("primary", "workers")


def make(account: Account) -> dict[str, str]:
    """Makes the groups where they are not.

    Returns:
        Their ids by `GROUPS`; empty ones in a dry run where they are not there yet.
    """
    ec2 = account.client("ec2")
    subnet = _subnet(account)
    tag = {"Key": MANAGED, "Value": "true"}
    if tag not in subnet.get("Tags", []):
        account.make(
            f"subnet {account.options.subnet}: tag for EMR",
            ec2.create_tags,
            Resources=[account.options.subnet],
            Tags=[tag],
        )
    for group in GROUPS:
        if group not in _ids(account):
            _make_group(account, subnet["VpcId"], group)
    ids = _ids(account)
    if account.options.ssh_from:
        _allow_ssh(account, ids.get("primary", ""))
    return ids


def remove(account: Account) -> None:
    """Deletes the groups and takes the tag from the subnet."""
    ec2, groups = account.client("ec2"), _groups(account)
    # each names the other in the rules that EMR added: none can go before these
    for group in groups:
        if group["IpPermissions"]:
            account.remove(
                f"rules of security group {group['GroupName']}",
                ec2.revoke_security_group_ingress,
                GroupId=group["GroupId"],
                IpPermissions=group["IpPermissions"],
            )
    for group in groups:
        account.remove(
            f"security group {group['GroupName']}",
            ec2.delete_security_group,
            GroupId=group["GroupId"],
        )
    vpcs = {group["VpcId"] for group in groups}
    for subnet in _tagged_subnets(account, vpcs):
        account.remove(
            f"subnet {subnet}: tag for EMR",
            ec2.delete_tags,
            Resources=[subnet],
            Tags=[{"Key": MANAGED}],
        )


def _subnet(account: Account) -> dict[str, Any]:
    if not account.options.subnet:
        raise Refused("--subnet is missing: a subnet whose machines reach S3 and the package index")
    answer = account.client("ec2").describe_subnets(
        Filters=[{"Name": "subnet-id", "Values": [account.options.subnet]}]
    )
    if not answer["Subnets"]:
        raise Refused(f"{account.options.subnet} is no subnet of {account.options.region}")
    subnet: dict[str, Any] = answer["Subnets"][0]
    return subnet


def _make_group(account: Account, vpc: str, group: str) -> None:
    name = f"{account.options.prefix}-{group}"
    account.make(
        f"security group {name}",
        account.client("ec2").create_security_group,
        GroupName=name,
        Description=f"Spark cluster of {account.options.name}: {group}",
        VpcId=vpc,
        TagSpecifications=[{"ResourceType": "security-group", "Tags": account.tags}],
    )


def _allow_ssh(account: Account, primary: str) -> None:
    wanted = account.options.ssh_from
    allowed = [
        entry["CidrIp"]
        for group in _groups(account)
        for rule in group["IpPermissions"]
        for entry in rule["IpRanges"]
        if group["GroupId"] == primary and rule.get("FromPort") == 22
    ]
    if wanted in allowed:
        return
    rule = {
        "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22,
        "IpRanges": [{"CidrIp": wanted, "Description": "SSH, for the tunnel to JupyterHub"}],
    }  # fmt: skip
    account.make(
        f"security group {account.options.prefix}-primary: port 22 from {wanted}",
        account.client("ec2").authorize_security_group_ingress,
        GroupId=primary,
        IpPermissions=[rule],
    )


def _groups(account: Account) -> list[dict[str, Any]]:
    names = [f"{account.options.prefix}-{group}" for group in GROUPS]
    answer = account.client("ec2").describe_security_groups(
        Filters=[{"Name": "group-name", "Values": names}]
    )
    groups: list[dict[str, Any]] = answer["SecurityGroups"]
    for group in groups:
        account.require_own(f"the security group {group['GroupName']}", group.get("Tags", []))
    return groups


def _ids(account: Account) -> dict[str, str]:
    start = len(account.options.prefix) + 1
    return {group["GroupName"][start:]: group["GroupId"] for group in _groups(account)}


def _tagged_subnets(account: Account, vpcs: set[str]) -> list[str]:
    answer = account.client("ec2").describe_subnets(
        Filters=[
            {"Name": "vpc-id", "Values": sorted(vpcs) or ["none"]},
            {"Name": f"tag:{MANAGED}", "Values": ["true"]},
        ]
    )
    return [subnet["SubnetId"] for subnet in answer["Subnets"]]
