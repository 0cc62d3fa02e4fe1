"""The two security groups: EMR adds what its machines need among themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emr.account import COMPONENT, MANAGED
from emr.options import Refused

if TYPE_CHECKING:
    from emr.account import Account

GROUPS = ("primary", "workers")
_ADDED = f"{COMPONENT}:"


def make(account: Account) -> dict[str, str]:
    """Makes the groups where they are not.

    Returns:
        Their ids by `GROUPS`; empty ones in a dry run where they are not there yet.
    """
    ec2 = account.client("ec2")
    subnet = _subnet(account)
    missing = _missing_tags(account, subnet.get("Tags", []))
    if missing:
        account.make(
            f"subnet {account.options.subnet}: tag for EMR",
            ec2.create_tags,
            Resources=[account.options.subnet],
            Tags=missing,
        )
    for group in GROUPS:
        if group not in _ids(account):
            _make_group(account, subnet["VpcId"], group)
    ids = _ids(account)
    if account.options.ssh_from:
        _allow_ssh(account, ids.get("primary", ""))
    return ids


def remove(account: Account) -> None:
    """Deletes the groups, and takes from the subnet the tag that `make` gave it."""
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
    for subnet in _marked_subnets(account):
        account.remove(
            f"subnet {subnet['SubnetId']}: tag for EMR",
            ec2.delete_tags,
            Resources=[subnet["SubnetId"]],
            Tags=_tags_to_take(account, subnet["Tags"]),
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


def _mark(account: Account) -> str:
    """Key of the tag that says for whom AWS's was added."""
    return f"{_ADDED}{account.options.name}"


def _missing_tags(account: Account, tags: list[dict[str, str]]) -> list[dict[str, str]]:
    managed = {"Key": MANAGED, "Value": "true"}
    if managed in tags and not any(tag["Key"].startswith(_ADDED) for tag in tags):
        # somebody else's: it stays when we go
        return []
    return [tag for tag in (managed, {"Key": _mark(account), "Value": "true"}) if tag not in tags]


def _marked_subnets(account: Account) -> list[dict[str, Any]]:
    answer = account.client("ec2").describe_subnets(
        Filters=[{"Name": "tag-key", "Values": [_mark(account)]}]
    )
    subnets: list[dict[str, Any]] = answer["Subnets"]
    return subnets


def _tags_to_take(account: Account, tags: list[dict[str, str]]) -> list[dict[str, str]]:
    own = {"Key": _mark(account)}
    # the last --name takes AWS's too
    others = [tag for tag in tags if tag["Key"].startswith(_ADDED) and tag["Key"] != own["Key"]]
    return [own] if others else [own, {"Key": MANAGED}]
