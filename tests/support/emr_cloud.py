"""An empty account of AWS, by moto, and what the EMR tool asks of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.loaders import create_loader
from moto import mock_aws
from moto.budgets.responses import BudgetsResponse
from moto.iam.aws_managed_policies import aws_managed_policies_data

from emr.__main__ import main
from emr.account import COMPONENT, MANAGED
from emr.roles import EMR_POLICY, SESSION_POLICY

REGION = "eu-west-1"
NUMBER = "123456789012"
BUCKET = f"vigie-emr-{NUMBER}-{REGION}"
OURS = {"application": "vigie", "component": COMPONENT, MANAGED: "true"}
PLACE = ["--region", REGION]
_LOADER = create_loader()
_NAMED = {policy.rpartition("/")[2] for policy in (EMR_POLICY, SESSION_POLICY)}
# moto makes them anew for each account, and AWS has more than a thousand
_POLICIES = json.dumps(
    {name: told for name, told in json.loads(aws_managed_policies_data).items() if name in _NAMED}
)
JOB = ["--model", "s3a://models/fruits", "--input", "s3a://photos/all", "--output", "s3a://out/one"]


@dataclass
class Cloud:
    """An empty account, and what was asked of it."""

    subnet: str
    wheel: Path
    asked: list[tuple[str, dict[str, Any]]]

    def client(self, service: str) -> Any:
        return boto3.client(service, region_name=REGION)

    def up(self, *options: str) -> int:
        own = ["--subnet", self.subnet, "--wheel", str(self.wheel), "--email", "ops@example.org"]
        return main(["up", *PLACE, *own, *options])

    def down(self, *options: str) -> int:
        return main(["down", *PLACE, *options])

    def changes(self) -> list[str]:
        reading = ("Describe", "Get", "List", "Head")
        return [name for name, _ in self.asked if not name.startswith(reading)]

    def subnet_tags(self, subnet: str) -> list[dict[str, str]]:
        (found,) = self.client("ec2").describe_subnets(SubnetIds=[subnet])["Subnets"]
        tagged: list[dict[str, str]] = found.get("Tags", [])
        return tagged

    def last(self, operation: str) -> dict[str, Any]:
        return next(given for name, given in reversed(self.asked) if name == operation)


@contextmanager
def empty_account(folder: Path) -> Iterator[Cloud]:
    """An account with one subnet, until the end of the block; `folder` takes a file that is no
    wheel, which nothing opens."""
    wheel = folder / "vigie-0-py3-none-any.whl"
    wheel.write_bytes(b"wheel")
    with (
        pytest.MonkeyPatch.context() as around,
        mock_aws(config={"iam": {"load_aws_managed_policies": True}}),
        pytest.MonkeyPatch.context() as patch,
    ):
        # moto empties its account once more when it ends
        around.setattr("moto.iam.models.aws_managed_policies_data", _POLICIES)
        around.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
        patch.setenv("AWS_CONFIG_FILE", str(folder / "none"))
        patch.setattr("boto3.DEFAULT_SESSION", _reading_once(boto3.session.Session()))
        ec2 = boto3.client("ec2", region_name=REGION)
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
        cloud = Cloud(subnet, wheel, [])
        patch.setattr("emr.__main__.Session", _recording(cloud.asked))
        for answer in (list_tags_for_resource, describe_subscribers_for_notification):
            patch.setattr(BudgetsResponse, answer.__name__, answer, raising=False)
        patch.setattr(BudgetsResponse, "create_budget", _tagging(BudgetsResponse.create_budget))
        yield cloud


def _reading_once(session: Any) -> Any:
    """The session; Amazon's descriptions of its services are large, and each is read once."""
    session._session.register_component("data_loader", _LOADER)
    return session


def _recording(asked: list[tuple[str, dict[str, Any]]]) -> Any:
    """A session of boto3's that notes every request, after it was checked against AWS's model."""

    class Session(boto3.session.Session):  # type: ignore[misc]
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            _reading_once(self)

        def client(self, *args: Any, **kwargs: Any) -> Any:
            client = super().client(*args, **kwargs)

            def note(params: dict[str, Any], model: Any, **_: Any) -> None:
                asked.append((model.name, dict(params)))

            client.meta.events.register("provide-client-params", note)
            return client

    return Session


def list_tags_for_resource(self: Any) -> str:
    """Of a budget, which moto does not answer."""
    name = self._get_param("ResourceARN").rpartition("/")[2]
    found = self.backend.budgets[self.current_account][name]
    return json.dumps({"ResourceTags": found.tags})


def describe_subscribers_for_notification(self: Any) -> str:
    """Of a budget's alarm, which moto does not answer."""
    budget = self.backend.budgets[self._get_param("AccountId")][self._get_param("BudgetName")]
    asked = self._get_param("Notification")
    (alarm,) = [one for one in budget.notifications if one.details == asked]
    return json.dumps({"Subscribers": alarm.subscribers})


def _tagging(create: Callable[[Any], str]) -> Callable[[Any], str]:
    """Makes a budget, and keeps its tags, which moto does not."""

    def create_budget(self: Any) -> str:
        answer = create(self)
        name = self._get_param("Budget")["BudgetName"]
        made = self.backend.budgets[self._get_param("AccountId")][name]
        made.tags = self._get_param("ResourceTags", [])
        return answer

    return create_budget


def tags(entries: list[dict[str, str]]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in entries}
