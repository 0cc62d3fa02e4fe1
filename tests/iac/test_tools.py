"""The scripts of the cloud say what is missing, and call Terraform and gcloud as they should.

Both programs are stand-ins that note how they are called: nothing is asked of Google.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from support.cloud_checkout import GCLOUD, OUTPUTS, ROOT, TERRAFORM, Machine
from support.manifest_rules import faults
from support.manifests import containers, named, rendered

with_terraform = pytest.mark.skipif(
    shutil.which("terraform") is None, reason="terraform is not installed"
)


@pytest.fixture
def bare(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def machine(bare: Machine) -> Machine:
    bare.install("terraform", TERRAFORM)
    bare.install("gcloud", GCLOUD)
    return bare


@pytest.mark.parametrize(
    "command",
    [("cloud", "plan"), ("cloud-state",), ("tunnel",), ("dataproc", "image"), ("gke", "overlay")],
)
def test_a_missing_terraform_is_named(bare: Machine, command: tuple[str, ...]) -> None:
    done = bare.run(*command)
    assert done.returncode == 1
    assert "terraform is not installed: see https://" in done.stderr


@pytest.mark.parametrize("command", [("cloud-state",), ("tunnel",), ("cloud", "up")])
def test_a_missing_gcloud_is_named(bare: Machine, command: tuple[str, ...]) -> None:
    bare.install("terraform", TERRAFORM)
    done = bare.run(*command, PROJECT="my-project-123")
    assert done.returncode == 1
    assert "gcloud is not installed: see https://" in done.stderr


def test_a_missing_project_is_named(machine: Machine) -> None:
    done = machine.run("cloud", "plan")
    assert done.returncode == 1
    assert "no project is set: PROJECT=my-project-123, or" in done.stderr


def test_a_missing_login_is_named(machine: Machine) -> None:
    done = machine.run("cloud", "plan", PROJECT="my-project-123", LOGGED_OUT="1")
    assert done.returncode == 1
    assert "gcloud auth application-default login" in done.stderr
    assert "my-project-123" not in "".join(machine.called())


def test_two_projects_are_one_too_many(machine: Machine) -> None:
    (machine.folder / "Iac" / "terraform.tfvars").write_text('project = "other-project"\n')
    done = machine.run("cloud", "plan", PROJECT="my-project-123")
    assert done.returncode == 1
    assert "which of them is it?" in done.stderr


def test_an_unknown_environment_is_refused(machine: Machine) -> None:
    done = machine.run("cloud", "plan", PROJECT="my-project-123", ENVIRONMENT="prod")
    assert done.returncode == 1
    assert "is none of: development production staging" in done.stderr


def test_up_applies_the_values_of_the_environment_and_says_where_it_is(machine: Machine) -> None:
    (machine.folder / "Iac" / "terraform.tfvars").write_text('project = "my-project-123"\n')
    done = machine.run("cloud", "up", ENVIRONMENT="production", YES="1")
    assert done.returncode == 0, done.stderr
    assert "reached" in done.stderr
    assert [line for line in machine.called() if line.startswith("terraform")] == [
        "terraform init -input=false",
        "terraform workspace select -or-create production",
        (
            "terraform console -var-file=environments/production.tfvars"
            " -var=project=my-project-123 -var-file=terraform.tfvars"
        ),
        (
            "terraform apply -var-file=environments/production.tfvars -var=project=my-project-123"
            " -var-file=terraform.tfvars -auto-approve"
        ),
        "terraform output -json",
        "terraform output -raw how_to_reach",
    ]


def test_development_is_the_default_workspace_and_the_project_that_of_gcloud(
    machine: Machine,
) -> None:
    done = machine.run("cloud", "plan", GCLOUD_PROJECT="of-gcloud")
    assert done.returncode == 0, done.stderr
    assert "terraform workspace select -or-create default" in machine.called()
    assert machine.called()[-1] == (
        "terraform plan -var-file=environments/development.tfvars -var=project=of-gcloud"
    )


def test_down_names_what_may_have_stayed(machine: Machine) -> None:
    done = machine.run("cloud", "down", PROJECT="my-project-123")
    assert done.returncode == 0
    assert "Snapshots of the data disk stay" in done.stderr
    machine.install("terraform", TERRAFORM + '[ "$2" != destroy ]\n')
    done = machine.run("cloud", "down", PROJECT="my-project-123")
    assert done.returncode == 1
    assert "delete_contents = true" in done.stderr


def test_the_state_goes_to_a_closed_bucket_with_old_versions(machine: Machine) -> None:
    done = machine.run("cloud-state", PROJECT="my-project-123", NO_BUCKET="1")
    assert done.returncode == 0, done.stderr
    called = machine.called()
    (create,) = [line for line in called if "buckets create" in line]
    assert "gs://my-project-123-vigie-state" in create
    assert "--uniform-bucket-level-access --public-access-prevention" in create
    assert any("buckets update" in line and "--versioning" in line for line in called)
    assert called[-1] == "terraform init -input=false -migrate-state -force-copy"
    written = (machine.folder / "Iac" / "backend_override.tf").read_text()
    assert 'bucket = "my-project-123-vigie-state"' in written


def test_a_bucket_that_is_there_is_not_made_again(machine: Machine) -> None:
    done = machine.run("cloud-state", PROJECT="my-project-123")
    assert done.returncode == 0, done.stderr
    assert not any("buckets create" in line for line in machine.called())


@with_terraform
def test_terraform_takes_the_override(machine: Machine) -> None:
    machine.run("cloud-state", PROJECT="my-project-123")
    override = machine.folder / "Iac" / "backend_override.tf"
    # the same, with a backend that needs no Google
    text = override.read_text()
    assert 'backend "gcs"' in text
    override.write_text('terraform {\n  backend "local" {\n    path = "moved.tfstate"\n  }\n}\n')
    (machine.folder / "Iac" / "main.tf").write_text('output "x" {\n  value = 1\n}\n')
    for arguments in (("init", "-migrate-state", "-force-copy"), ("apply", "-auto-approve")):
        done = subprocess.run(
            ["terraform", *arguments, "-input=false"], cwd=machine.folder / "Iac",
            env={"PATH": os.environ["PATH"], "HOME": "/", "CHECKPOINT_DISABLE": "1"},
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert (machine.folder / "Iac" / "moved.tfstate").exists()


def test_the_tunnel_goes_through_googles_proxy_to_loopback(machine: Machine) -> None:
    done = machine.run("tunnel", ENVIRONMENT="production", PORT="5050")
    assert done.returncode == 0, done.stderr
    assert "http://localhost:5050" in done.stderr
    call = machine.called()[-1]
    assert call.startswith(
        "gcloud compute ssh vigie-production --project my-project-123 --zone europe-west1-b"
        " --tunnel-through-iap -- -N"
    )
    ports = ((5050, 5000), (5001, 5001), (3000, 3000), (9090, 9090), (9093, 9093))
    for here, there in ports:
        assert f"-L 127.0.0.1:{here}:127.0.0.1:{there}" in call


def test_the_service_of_a_public_machine_needs_no_tunnel(machine: Machine) -> None:
    done = machine.run("tunnel", DOMAIN="vigie.example.org")
    assert done.returncode == 0, done.stderr
    assert "https://vigie.example.org" in done.stderr
    assert "http://localhost:3000/grafana/" in done.stderr
    assert ":127.0.0.1:5000" not in machine.called()[-1]
    assert ":127.0.0.1:9090" in machine.called()[-1]


def test_a_tunnel_to_nothing_is_refused(machine: Machine) -> None:
    machine.install("terraform", TERRAFORM + '[ "$2" != output ]\n')
    done = machine.run("tunnel")
    assert done.returncode == 1
    assert "nothing is up in development: make cloud-up" in done.stderr


@with_terraform
@pytest.mark.parametrize("environment", ["development", "production"])
def test_terraform_itself_says_that_nothing_is_up(machine: Machine, environment: str) -> None:
    found = shutil.which("terraform")
    assert found is not None
    (machine.programs / "terraform").unlink()
    (machine.programs / "terraform").symlink_to(found)
    (machine.folder / "Iac" / "main.tf").write_text('output "project" {\n  value = "x"\n}\n')
    done = machine.run("tunnel", ENVIRONMENT=environment, CHECKPOINT_DISABLE="1")
    assert done.returncode == 1
    assert f"nothing is up in {environment}: make cloud-up" in done.stderr
    assert machine.called() == []


SPARK = (
    '{"account":"spark@example.org","bucket":"my-spark","label":"vigie-production-spark",'
    '"subnet":"vigie-production-spark"}'
)
BATCH = ("features", "gs://my-spark/models/fruits", "--input", "gs://p", "--output", "gs://r")


def test_a_batch_goes_to_dataproc_as_the_account_of_spark(machine: Machine) -> None:
    done = machine.run("dataproc", *BATCH, ENVIRONMENT="production", SPARK=SPARK, TTL="2h")
    assert done.returncode == 0, done.stderr
    (call,) = [line for line in machine.called() if line.startswith("gcloud")]
    own, arguments = call.split(" -- ")
    # else a batch is called failed where some photos are in quarantine
    assert arguments == " ".join((*BATCH, "--allow-failed"))
    for part in (
        "batches submit pyspark file:///opt/vigie/",
        "vigie-production/vigie-dataproc:1",
        "--service-account spark@example.org",
        "--subnet vigie-production-spark",
        "--deps-bucket gs://my-spark",
        "--labels component=vigie-production-spark",
        "--tags vigie-production-spark",
        "--ttl 2h",
        "spark.dynamicAllocation.maxExecutors=8",
    ):
        assert part in own


def test_without_spark_no_batch_is_submitted(machine: Machine) -> None:
    done = machine.run("dataproc", *BATCH, SPARK="null")
    assert done.returncode == 1
    assert "dataproc = true" in done.stderr
    assert not [line for line in machine.called() if line.startswith("gcloud")]


@pytest.mark.parametrize("executors", ["1", "many"])
def test_a_wrong_number_of_executors_is_refused(machine: Machine, executors: str) -> None:
    done = machine.run("dataproc", *BATCH, SPARK=SPARK, EXECUTORS=executors)
    assert done.returncode == 1
    assert f"EXECUTORS={executors}" in done.stderr


def test_the_image_of_dataproc_is_built_on_that_of_spark(machine: Machine) -> None:
    machine.install("docker", '#!/bin/bash\necho "docker $*" >> "$CALLS"\n')
    done = machine.run("dataproc", "image", SPARK=SPARK, TAG="7")
    assert done.returncode == 0, done.stderr
    image = f"{OUTPUTS['registry']}/vigie-dataproc:7"
    assert [line.split()[:2] for line in machine.called() if line.startswith("docker")] == [
        ["docker", "build"], ["docker", "build"], ["docker", "push"],
    ]  # fmt: skip
    assert machine.called()[-1] == f"docker push {image}"


GKE_IMAGES = {f"{OUTPUTS['registry']}/vigie-{name}:7" for name in ("serve", "train", "mlflow")}


@pytest.mark.skipif(
    shutil.which("kubectl") is None, reason="kubectl is not installed: it renders the manifests"
)
def test_the_overlay_of_gke_names_what_terraform_made(machine: Machine) -> None:
    shutil.copytree(ROOT / "k8s", machine.folder / "k8s")
    done = machine.run("gke", "overlay", ENVIRONMENT="production", TAG="7")
    assert done.returncode == 0, done.stderr
    objects = rendered(machine.folder / "var" / "gke")
    assert faults(objects) == []
    used = {one["image"] for _, one, _ in containers(objects)}
    assert used - GKE_IMAGES == {"postgres:17"}
    mlflow = named(objects, "Deployment", "mlflow")["spec"]["template"]["spec"]
    given = {one["name"]: one["value"] for one in mlflow["containers"][0]["env"]}
    assert given["MLFLOW_ARTIFACTS_DESTINATION"] == f"gs://{OUTPUTS['bucket']}/mlflow"
    (member,) = re.findall(r"/subject/ns/(\w+)/sa/(\w+)", (ROOT / "Iac" / "gke.tf").read_text())
    assert member == ("vigie", mlflow["serviceAccountName"])


def test_the_images_of_gke_are_pushed_before_they_are_named(machine: Machine) -> None:
    for name in ("docker", "kubectl"):
        machine.install(name, f'#!/bin/bash\necho "{name} $*" >> "$CALLS"\n')
    (machine.folder / "k8s").mkdir()
    done = machine.run("gke", "up", TAG="7")
    assert done.returncode == 0, done.stderr
    called = machine.called()
    pushed = [line for line in called if line.startswith("docker push")]
    assert {line.split()[-1] for line in pushed} == GKE_IMAGES
    apply = called.index("kubectl apply --kustomize var/gke")
    assert apply > max(map(called.index, pushed))
