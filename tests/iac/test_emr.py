"""The EMR tool: a second run, a dry run, what is refused, and the way down; moto is AWS."""

from __future__ import annotations

import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emr.__main__ import main
from emr.cluster import ALIVE, PACKAGES, spark_settings
from emr.code import LOCKED, build_wheel
from emr.options import MACHINES, Options, Refused
from support.emr_cloud import BUCKET, JOB, NUMBER, PLACE, REGION, Cloud, empty_account

BOOTSTRAP = Path(__file__).parents[2] / "Iac" / "emr" / "bootstrap.sh"


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    with empty_account(tmp_path) as found:
        yield found


def test_without_a_step_it_stays_for_notebooks_until_idle(cloud: Cloud) -> None:
    assert cloud.up("--idle-minutes", "20") == 0
    asked = cloud.last("RunJobFlow")
    assert asked["Instances"]["KeepJobFlowAliveWhenNoSteps"] is True
    assert asked["AutoTerminationPolicy"] == {"IdleTimeout": 1200}
    assert asked["Steps"] == []


@pytest.mark.parametrize("machine", MACHINES.values())
def test_memory_fits_into_what_yarn_gives(machine: Any) -> None:
    settings = spark_settings(machine, 2)
    names = ("spark.executor.memory", "spark.executor.memoryOverhead")
    executor = sum(int(settings[name].removesuffix("m")) for name in names)
    # and a gigabyte and its overhead for the manager
    assert executor + 1408 <= machine.yarn_mib
    assert settings["spark.yarn.jars"] == f"local:{PACKAGES}/pyspark/jars/*"


def test_a_key_opens_ssh_from_one_range_and_is_the_tunnel(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert cloud.up("--key", "ada", "--ssh-from", "203.0.113.0/24") == 0
    (primary,) = cloud.client("ec2").describe_security_groups(
        Filters=[{"Name": "group-name", "Values": ["vigie-emr-primary"]}]
    )["SecurityGroups"]
    (rule,) = [rule for rule in primary["IpPermissions"] if rule["IpRanges"]]
    assert (rule["FromPort"], rule["ToPort"]) == (22, 22)
    assert [entry["CidrIp"] for entry in rule["IpRanges"]] == ["203.0.113.0/24"]
    node = f"vigie-emr-{REGION}-node"
    attached = cloud.client("iam").list_attached_role_policies(RoleName=node)
    assert attached["AttachedPolicies"] == []
    capsys.readouterr()
    assert main(["tunnel", *PLACE, "--dry-run", "--port", "9000"]) == 0
    told = capsys.readouterr().out
    assert "https://localhost:9000" in told
    assert "ssh -N -o ExitOnForwardFailure=yes -L 127.0.0.1:9000:127.0.0.1:9443 hadoop@" in told


def test_without_a_key_session_manager_is_the_tunnel(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tunnel", *PLACE, "--dry-run"]) == 1
    assert "no cluster vigie-emr is up" in capsys.readouterr().err
    assert cloud.up() == 0
    capsys.readouterr()
    assert main(["tunnel", *PLACE, "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert "aws ssm start-session" in told
    assert '"portNumber": ["9443"]' in told


def test_a_dry_run_changes_nothing_and_says_everything(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cloud.up("--dry-run", *JOB) == 0
    said = capsys.readouterr().out
    assert cloud.changes() == []
    assert cloud.client("s3").list_buckets()["Buckets"] == []
    assert cloud.up(*JOB) == 0
    assert capsys.readouterr().out == said
    for what in ("bucket", "security group", "role", "budget", "cluster", "instance profile"):
        assert f"+ {what}" in said


def test_a_second_run_makes_nothing_twice(cloud: Cloud) -> None:
    assert cloud.up() == 0
    cloud.asked.clear()
    assert cloud.up() == 0
    assert not [name for name in cloud.changes() if name.startswith(("Create", "Run"))]
    assert len(cloud.client("emr").list_clusters()["Clusters"]) == 1


def test_another_budget_takes_the_place_of_the_first(cloud: Cloud) -> None:
    for dollars in ("50", "70"):
        assert cloud.up("--budget", dollars) == 0
    (found,) = cloud.client("budgets").describe_budgets(AccountId=NUMBER)["Budgets"]
    assert float(found["BudgetLimit"]["Amount"]) == 70


def test_another_address_takes_the_place_of_the_first(cloud: Cloud) -> None:
    for address in ("ada@example.org", "bob@example.org", "bob@example.org"):
        assert cloud.up("--email", address) == 0
    made = [given for name, given in cloud.asked if name == "CreateBudget"]
    told = [
        {
            s["Address"]
            for alarm in given["NotificationsWithSubscribers"]
            for s in alarm["Subscribers"]
        }
        for given in made
    ]
    assert told == [{"ada@example.org"}, {"bob@example.org"}]


def test_a_running_cluster_gets_the_next_step(cloud: Cloud) -> None:
    assert cloud.up("--keep", *JOB) == 0
    assert cloud.up("--keep", *JOB) == 0
    (cluster,) = cloud.client("emr").list_clusters()["Clusters"]
    steps = cloud.client("emr").list_steps(ClusterId=cluster["Id"])["Steps"]
    assert [step["ActionOnFailure"] for step in steps] == ["CONTINUE", "CONTINUE"]


def test_down_takes_away_all_that_up_made(cloud: Cloud) -> None:
    before = _inventory(cloud)
    assert cloud.up("--key", "ada", "--ssh-from", "203.0.113.0/24", *JOB) == 0
    assert _inventory(cloud) != before
    assert cloud.down() == 0
    assert _inventory(cloud) == before
    assert cloud.down() == 0


def test_down_leaves_photos_and_results(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    assert cloud.up() == 0
    s3 = cloud.client("s3")
    s3.put_object(Bucket=BUCKET, Key="photos/apple/1.jpg", Body=b"x")
    assert cloud.down() == 0
    assert "--delete-contents" in capsys.readouterr().out
    keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket=BUCKET)["Contents"]]
    assert keys == ["photos/apple/1.jpg"]
    assert cloud.down("--delete-contents") == 0
    assert s3.list_buckets()["Buckets"] == []


def test_a_package_is_written_beside_the_code(cloud: Cloud, tmp_path: Path) -> None:
    package = tmp_path / "fruits"
    (package / "vigie").mkdir(parents=True)
    (package / "vigie" / "manifest.json").write_text("{}")
    places = ["--input", "s3a://photos/all", "--output", "s3a://out/one"]
    assert cloud.up("--model", str(package), *places) == 0
    key = cloud.client("s3").get_object(Bucket=BUCKET, Key="models/fruits/vigie/manifest.json")
    assert key["Body"].read() == b"{}"
    (step,) = cloud.last("RunJobFlow")["Steps"]
    assert f"s3a://{BUCKET}/models/fruits" in step["HadoopJarStep"]["Args"]


def _inventory(cloud: Cloud) -> dict[str, Any]:
    ec2, iam, emr = (cloud.client(name) for name in ("ec2", "iam", "emr"))
    return {
        "buckets": [b["Name"] for b in cloud.client("s3").list_buckets()["Buckets"]],
        # all clusters of a network share EMR's own
        "groups": sorted(g["GroupName"] for g in ec2.describe_security_groups()["SecurityGroups"]
                         if g["GroupName"] != "ElasticMapReduce-ServiceAccess"),
        "subnet": cloud.subnet_tags(cloud.subnet),
        "roles": [r["RoleName"] for r in iam.list_roles()["Roles"]],
        "profiles": [p["InstanceProfileName"] for p in iam.list_instance_profiles()[
            "InstanceProfiles"]],
        "clusters": emr.list_clusters(ClusterStates=ALIVE)["Clusters"],
        "budgets": cloud.client("budgets").describe_budgets(AccountId=NUMBER)["Budgets"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": "X"}, "--name"),
        ({"region": "europe"}, "--region"),
        ({"subnet": "mine"}, "--subnet"),
        ({"release": "emr-5.36.0"}, "no Python 3.11"),
        ({"worker": "t3.nano"}, "--worker"),
        ({"workers": 0}, "--workers"),
        ({"idle_minutes": 1}, "--idle-minutes"),
        ({"email": "ops"}, "--email"),
        ({"budget": 0}, "--budget"),
        ({"key": "ada"}, "--key and --ssh-from"),
        ({"key": "ada", "ssh_from": "0.0.0.0/0"}, "--ssh-from"),
        ({"key": "ada", "ssh_from": "all"}, "--ssh-from"),
    ],
)
def test_a_wrong_option_is_named(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(Refused, match=said):
        Options(**wrong)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--model", "s3a://models/fruits"], "go together"),
        ([*JOB[:4], "--output", "/tmp/out"], "not in S3"),
        (["--model", "nowhere", *JOB[2:]], "no package"),
    ],
)
def test_half_a_job_is_refused(
    cloud: Cloud, options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cloud.up(*options) == 1
    assert said in capsys.readouterr().err
    assert cloud.changes() == []


def test_a_subnet_that_is_not_there_is_named(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["up", *PLACE, "--subnet", "subnet-0a", "--wheel", str(cloud.wheel)]) == 1
    assert "subnet-0a is no subnet of eu-west-1" in capsys.readouterr().err


def test_without_an_account_it_says_how_to_get_one(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    assert cloud.down() == 1
    assert "aws configure sso" in capsys.readouterr().err


def test_the_wheel_holds_the_package(tmp_path: Path) -> None:
    names = zipfile.ZipFile(build_wheel(tmp_path)).namelist()
    assert {"vigie/spark/__main__.py", "vigie/spark/log4j2.properties"} < set(names)


def test_the_bootstrap_is_sound() -> None:
    done = subprocess.run(["bash", "-n", str(BOOTSTRAP)], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    text = BOOTSTRAP.read_text()
    assert text.count("--require-hashes") == 2
    assert "sha256sum --check --quiet --strict" in text
    assert all(name in text for name in LOCKED)
