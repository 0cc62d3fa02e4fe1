"""Two roles: EMR's, which may make machines, and the machines', which may use the one bucket."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emr.account import found

if TYPE_CHECKING:
    from emr.account import Account

EMR_POLICY = "arn:aws:iam::aws:policy/service-role/AmazonEMRServicePolicy_v2"
# for the tunnel by Session Manager, where no port is open
SESSION_POLICY = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
POLICY = "vigie"


@dataclass(frozen=True)
class Role:
    """A role: who takes it, the policies of AWS it has, and what it may beside them.

    `for_account`: only on behalf of this account, which EMR says and EC2 does not.
    """

    name: str
    service: str
    attached: tuple[str, ...]
    allowed: list[dict[str, Any]]
    for_account: bool = False


def make(account: Account) -> None:
    """Makes both roles where they are not, and writes their rights anew."""
    for role in _roles(account):
        _make_role(account, role)
    iam, profile = account.client("iam"), node_role(account)
    there = found(lambda: iam.get_instance_profile(InstanceProfileName=profile), "NoSuchEntity")
    if there is None:
        account.make(f"instance profile {profile}", _make_profile, account, profile)


def remove(account: Account) -> None:
    """Deletes both roles and the instance profile."""
    iam, profile = account.client("iam"), node_role(account)
    there = found(lambda: iam.get_instance_profile(InstanceProfileName=profile), "NoSuchEntity")
    if there is not None:
        roles = [role["RoleName"] for role in there["InstanceProfile"]["Roles"]]
        account.remove(f"instance profile {profile}", _delete_profile, account, profile, roles)
    for role in _roles(account):
        if _find(account, role.name) is not None:
            account.remove(f"role {role.name}", _delete_role, account, role)


def service_role(account: Account) -> str:
    """Name of the role that EMR takes."""
    return f"{account.options.prefix}-{account.options.region}-service"


def node_role(account: Account) -> str:
    """Name of the role that the machines take, and of its instance profile."""
    return f"{account.options.prefix}-{account.options.region}-node"


def _roles(account: Account) -> list[Role]:
    bucket = f"arn:aws:s3:::{account.bucket}"
    machines = {
        "Effect": "Allow", "Action": "iam:PassRole",
        "Resource": f"arn:aws:iam::{account.number}:role/{node_role(account)}",
        "Condition": {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}},
    }  # fmt: skip
    folder = {
        "Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetBucketLocation"], "Resource": bucket,
    }  # fmt: skip
    objects = {
        "Effect": "Allow", "Resource": f"{bucket}/*",
        "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
    }  # fmt: skip
    # the next machine runs it when it starts: what runs on one must not change it
    code = {
        "Effect": "Deny", "Action": ["s3:PutObject", "s3:DeleteObject"],
        "Resource": f"{bucket}/code/*",
    }  # fmt: skip
    node_policies = () if account.options.key else (SESSION_POLICY,)
    return [
        Role(
            service_role(account), "elasticmapreduce", (EMR_POLICY,), [machines], for_account=True
        ),
        Role(node_role(account), "ec2", node_policies, [folder, objects, code]),
    ]


def _make_role(account: Account, role: Role) -> None:
    iam = account.client("iam")
    _make_trust(account, role)
    account.make(
        f"role {role.name}: its rights",
        iam.put_role_policy,
        RoleName=role.name,
        PolicyName=POLICY,
        PolicyDocument=_document(role.allowed),
    )
    for policy in role.attached:
        account.make(
            f"role {role.name}: {policy.rsplit('/', 1)[1]}",
            iam.attach_role_policy,
            RoleName=role.name,
            PolicyArn=policy,
        )


def _make_trust(account: Account, role: Role) -> None:
    """The role itself, and who takes it; what another version of this wrote is written anew."""
    iam, there = account.client("iam"), _find(account, role.name)
    own = {"Condition": {"StringEquals": {"aws:SourceAccount": account.number}}}
    trust = {
        "Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"Service": f"{role.service}.amazonaws.com"},
        **(own if role.for_account else {}),
    }  # fmt: skip
    if there is None:
        account.make(
            f"role {role.name}",
            iam.create_role,
            RoleName=role.name,
            AssumeRolePolicyDocument=_document([trust]),
            Tags=account.tags,
        )
    elif there["AssumeRolePolicyDocument"] != json.loads(_document([trust])):
        account.make(
            f"role {role.name}: who takes it",
            iam.update_assume_role_policy,
            RoleName=role.name,
            PolicyDocument=_document([trust]),
        )


def _make_profile(account: Account, name: str) -> None:
    iam = account.client("iam")
    iam.create_instance_profile(InstanceProfileName=name, Tags=account.tags)
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
    # EMR refuses a profile that has not spread through IAM yet
    iam.get_waiter("instance_profile_exists").wait(InstanceProfileName=name)


def _delete_profile(account: Account, name: str, roles: list[str]) -> None:
    iam = account.client("iam")
    for role in roles:
        iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=role)
    iam.delete_instance_profile(InstanceProfileName=name)


def _delete_role(account: Account, role: Role) -> None:
    iam = account.client("iam")
    # what a former run attached goes too: the tunnel may have been another
    for policy in iam.list_attached_role_policies(RoleName=role.name)["AttachedPolicies"]:
        iam.detach_role_policy(RoleName=role.name, PolicyArn=policy["PolicyArn"])
    for name in iam.list_role_policies(RoleName=role.name)["PolicyNames"]:
        iam.delete_role_policy(RoleName=role.name, PolicyName=name)
    iam.delete_role(RoleName=role.name)


def _find(account: Account, name: str) -> dict[str, Any] | None:
    """A role of ours; None: there is none."""
    there = found(lambda: account.client("iam").get_role(RoleName=name), "NoSuchEntity")
    if there is None:
        return None
    role: dict[str, Any] = there["Role"]
    account.require_own(f"the role {name}", role.get("Tags", []))
    return role


def _document(statements: list[dict[str, Any]]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
