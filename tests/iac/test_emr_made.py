"""What `up` makes on AWS is what the page says; moto stands in for AWS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from emr.code import LOCKED
from support.emr_cloud import BUCKET, JOB, NUMBER, OURS, REGION, Cloud, empty_account, tags


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with empty_account(tmp_path_factory.mktemp("emr")) as found:
        assert found.up("--workers", "3", "--components", "50", "--budget", "50", *JOB) == 0
        yield found


def cluster_of(cloud: Cloud) -> dict[str, Any]:
    emr = cloud.client("emr")
    (one,) = emr.list_clusters()["Clusters"]
    found: dict[str, Any] = emr.describe_cluster(ClusterId=one["Id"])["Cluster"]
    return found


def test_the_bucket_is_private_encrypted_and_laid_out(cloud: Cloud) -> None:
    s3 = cloud.client("s3")
    closed = s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
    assert set(closed.values()) == {True}
    assert len(closed) == 4
    (rule,) = s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    rules = s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]
    assert {rule["ID"]: rule.get("Expiration") for rule in rules}["logs"] == {"Days": 30}
    assert tags(s3.get_bucket_tagging(Bucket=BUCKET)["TagSet"]) == OURS
    keys = {entry["Key"] for entry in s3.list_objects_v2(Bucket=BUCKET)["Contents"]}
    assert keys == {f"code/{name}" for name in (*LOCKED, "bootstrap.sh", cloud.wheel.name)}


def test_the_cluster_is_what_the_page_says(cloud: Cloud) -> None:
    found = cluster_of(cloud)
    assert found["ReleaseLabel"] == "emr-7.12.0"
    assert {a["Name"] for a in found["Applications"]} == {"Hadoop", "Spark", "Livy", "JupyterHub"}
    assert found["LogUri"] == f"s3://{BUCKET}/logs/"
    groups = cloud.client("emr").list_instance_groups(ClusterId=found["Id"])["InstanceGroups"]
    machines = {g["InstanceGroupType"]: (g["InstanceType"], g["RequestedInstanceCount"])
                for g in groups}  # fmt: skip
    assert machines == {"MASTER": ("m5.xlarge", 1), "CORE": ("m5.2xlarge", 3)}
    (action,) = cloud.client("emr").list_bootstrap_actions(ClusterId=found["Id"])[
        "BootstrapActions"
    ]
    assert action["ScriptPath"] == f"s3://{BUCKET}/code/bootstrap.sh"
    asked = cloud.last("RunJobFlow")
    assert tags(asked["Tags"]) == OURS
    assert asked["AutoTerminationPolicy"] == {"IdleTimeout": 3600}
    assert asked["Instances"]["KeepJobFlowAliveWhenNoSteps"] is False


def test_the_step_runs_the_features(cloud: Cloud) -> None:
    (step,) = cloud.client("emr").list_steps(ClusterId=cluster_of(cloud)["Id"])["Steps"]
    assert step["ActionOnFailure"] == "TERMINATE_CLUSTER"
    words = step["Config"]["Args"]
    start = words.index("/opt/vigie/bin/vigie")
    assert words[start + 1 : start + 10] == [
        "spark", "features", "s3a://models/fruits", "--input", "s3a://photos/all",
        "--output", "s3a://out/one", "--components", "50",
    ]  # fmt: skip
    assert words[words.index("--master") + 1] == "yarn"
    # else the step is called failed where some photos are in quarantine
    assert "--allow-failed" in words


def test_the_machines_may_use_the_one_bucket(cloud: Cloud) -> None:
    iam = cloud.client("iam")
    node = f"vigie-emr-{REGION}-node"
    policy = iam.get_role_policy(RoleName=node, PolicyName="vigie")["PolicyDocument"]
    allowed = [one for one in policy["Statement"] if one["Effect"] == "Allow"]
    resources = {statement["Resource"] for statement in allowed}
    assert resources == {f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"}
    actions = {action for s in allowed for action in s["Action"]}
    assert not any("*" in action or "Policy" in action for action in actions)
    attached = iam.list_attached_role_policies(RoleName=node)["AttachedPolicies"]
    assert [p["PolicyName"] for p in attached] == ["AmazonSSMManagedInstanceCore"]
    assert tags(iam.list_role_tags(RoleName=node)["Tags"]) == OURS


def test_the_machines_may_not_change_what_the_next_one_runs(cloud: Cloud) -> None:
    node = f"vigie-emr-{REGION}-node"
    policy = cloud.client("iam").get_role_policy(RoleName=node, PolicyName="vigie")[
        "PolicyDocument"
    ]
    (denied,) = [one for one in policy["Statement"] if one["Effect"] == "Deny"]
    (action,) = cloud.last("RunJobFlow")["BootstrapActions"]
    folder = action["ScriptBootstrapAction"]["Path"].removeprefix("s3://").rpartition("/")[0]
    assert denied["Resource"] == f"arn:aws:s3:::{folder}/*"
    assert set(denied["Action"]) == {"s3:PutObject", "s3:DeleteObject"}


def test_emr_may_hand_on_the_role_of_the_machines_alone(cloud: Cloud) -> None:
    iam = cloud.client("iam")
    name = f"vigie-emr-{REGION}-service"
    (allowed,) = iam.get_role_policy(RoleName=name, PolicyName="vigie")["PolicyDocument"][
        "Statement"
    ]
    assert allowed["Action"] == "iam:PassRole"
    assert allowed["Resource"] == f"arn:aws:iam::{NUMBER}:role/vigie-emr-{REGION}-node"
    trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust[0]["Principal"] == {"Service": "elasticmapreduce.amazonaws.com"}
    assert trust[0]["Condition"] == {"StringEquals": {"aws:SourceAccount": NUMBER}}


def test_no_port_is_open_without_a_key(cloud: Cloud) -> None:
    groups = cloud.client("ec2").describe_security_groups(
        Filters=[{"Name": "group-name", "Values": ["vigie-emr-*"]}]
    )["SecurityGroups"]
    assert {g["GroupName"] for g in groups} == {"vigie-emr-primary", "vigie-emr-workers"}
    rules = [rule for group in groups for rule in group["IpPermissions"]]
    # EMR's own: from one group to the other
    assert rules
    assert not any(rule["IpRanges"] or rule["Ipv6Ranges"] for rule in rules)
    assert all(tags(g["Tags"]) == OURS for g in groups)


def test_the_budget_warns_by_mail(cloud: Cloud) -> None:
    budgets = cloud.client("budgets")
    found = budgets.describe_budget(AccountId=NUMBER, BudgetName="vigie-emr")["Budget"]
    assert (found["BudgetLimit"]["Amount"], found["TimeUnit"]) == ("50", "MONTHLY")
    alarms = budgets.describe_notifications_for_budget(AccountId=NUMBER, BudgetName="vigie-emr")
    assert [(a["NotificationType"], a["Threshold"]) for a in alarms["Notifications"]] == [
        ("ACTUAL", 50), ("ACTUAL", 90), ("ACTUAL", 100), ("FORECASTED", 100),
    ]  # fmt: skip
    (asked,) = [given for name, given in cloud.asked if name == "CreateBudget"]
    assert asked["NotificationsWithSubscribers"][0]["Subscribers"] == [
        {"SubscriptionType": "EMAIL", "Address": "ops@example.org"}
    ]
