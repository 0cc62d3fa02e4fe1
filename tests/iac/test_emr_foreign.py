"""The EMR tool beside what somebody else made, or another `--name`; moto is AWS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from emr.account import MANAGED
from emr.cluster import ALIVE
from support.emr_cloud import BUCKET, JOB, NUMBER, REGION, Cloud, empty_account


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    with empty_account(tmp_path) as found:
        yield found


def test_what_somebody_else_made_is_left_alone(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    assert cloud.up() == 1
    assert "not of this tool" in capsys.readouterr().err
    assert cloud.down("--delete-contents") == 1
    assert len(s3.list_buckets()["Buckets"]) == 1


@pytest.mark.parametrize("ours_too", [False, True])
def test_a_cluster_of_somebody_else_is_neither_used_nor_ended(cloud: Cloud, ours_too: bool) -> None:
    if ours_too:
        assert cloud.up() == 0
    emr = cloud.client("emr")
    theirs = emr.run_job_flow(
        Name="vigie-emr",
        Instances={"MasterInstanceType": "m5.xlarge", "SlaveInstanceType": "m5.xlarge",
                   "InstanceCount": 2, "KeepJobFlowAliveWhenNoSteps": True},
        JobFlowRole="theirs", ServiceRole="theirs",
        Tags=[{"Key": "application", "Value": "vigie"}],
    )["JobFlowId"]  # fmt: skip
    assert cloud.up("--keep", *JOB) == 0
    assert emr.list_steps(ClusterId=theirs)["Steps"] == []
    assert len(emr.list_clusters(ClusterStates=ALIVE)["Clusters"]) == 2
    assert cloud.down() == 0
    assert [c["Id"] for c in emr.list_clusters(ClusterStates=ALIVE)["Clusters"]] == [theirs]


def test_the_tag_of_somebody_else_stays_on_a_subnet(cloud: Cloud) -> None:
    ec2 = cloud.client("ec2")
    theirs = [{"Key": MANAGED, "Value": "true"}]
    vpc = ec2.describe_subnets(SubnetIds=[cloud.subnet])["Subnets"][0]["VpcId"]
    beside = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    ec2.create_tags(Resources=[beside], Tags=theirs)
    # ours is added to one subnet, theirs is on the other of the same network
    assert cloud.up() == 0
    assert cloud.down() == 0
    assert cloud.subnet_tags(beside) == theirs
    assert cloud.subnet_tags(cloud.subnet) == []
    ec2.create_tags(Resources=[cloud.subnet], Tags=theirs)
    for _ in range(2):
        assert cloud.up() == 0
    assert cloud.down() == 0
    assert cloud.subnet_tags(cloud.subnet) == theirs


def test_the_tag_of_a_subnet_stays_until_the_last_name_goes(cloud: Cloud) -> None:
    for name in ("vigie", "second"):
        assert cloud.up("--name", name) == 0
    managed = {"Key": MANAGED, "Value": "true"}
    assert cloud.down() == 0
    assert managed in cloud.subnet_tags(cloud.subnet)
    assert cloud.down("--name", "second") == 0
    assert cloud.subnet_tags(cloud.subnet) == []


def test_a_budget_of_somebody_else_is_neither_remade_nor_deleted(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    budgets = cloud.client("budgets")
    theirs = {
        "BudgetName": "vigie-emr", "BudgetType": "COST", "TimeUnit": "MONTHLY",
        "BudgetLimit": {"Amount": "5", "Unit": "USD"},
    }  # fmt: skip
    budgets.create_budget(AccountId=NUMBER, Budget=theirs)
    assert cloud.up() == 1
    assert "the budget vigie-emr is there and not of this tool" in capsys.readouterr().err
    assert cloud.down() == 0
    (found,) = budgets.describe_budgets(AccountId=NUMBER)["Budgets"]
    assert float(found["BudgetLimit"]["Amount"]) == 5


def test_a_security_configuration_of_somebody_else_is_neither_used_nor_deleted(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    emr = cloud.client("emr")
    theirs = {"EncryptionConfiguration": {"EnableInTransitEncryption": False}}
    emr.create_security_configuration(
        Name="vigie-emr", SecurityConfiguration=json.dumps(theirs)
    )  # fmt: skip
    assert cloud.up() == 1
    assert "the security configuration vigie-emr is there and says" in capsys.readouterr().err
    assert "RunJobFlow" not in cloud.changes()
    assert cloud.down() == 0
    found = emr.describe_security_configuration(Name="vigie-emr")["SecurityConfiguration"]
    assert json.loads(found) == theirs


def test_a_role_that_others_could_take_is_ours_alone_again(cloud: Cloud) -> None:
    assert cloud.up() == 0
    iam = cloud.client("iam")
    names = [f"vigie-emr-{REGION}-{kind}" for kind in ("service", "node")]
    ours = [iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"] for name in names]
    wide = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}
    for name in names:
        iam.update_assume_role_policy(
            RoleName=name,
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [wide]}),
        )
    assert cloud.up() == 0
    found = [iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"] for name in names]
    assert found == ours
    cloud.asked.clear()
    assert cloud.up() == 0
    assert "UpdateAssumeRolePolicy" not in cloud.changes()
