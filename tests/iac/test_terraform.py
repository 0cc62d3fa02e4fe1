"""What Terraform itself says: the form of the files, that they are valid, and their own tests.

Where the provider is not at hand, one that knows its schema and some forms stands in: enough for
`validate` and for tests with mocks. Nothing is asked of Google.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.schema_provider import attached
from support.terraform_schema import read_schema

ROOT = Path(__file__).parents[2]
IAC = ROOT / "Iac"
SCHEMA = Path(__file__).with_name("provider-schema.json")


def environment() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TF_", "GOOGLE_"))}
    return kept | {"CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}


def version() -> tuple[int, ...]:
    if shutil.which("terraform") is None:
        return ()
    done = subprocess.run(
        ["terraform", "version", "-json"], env=environment(), capture_output=True, check=True
    )
    return tuple(int(part) for part in json.loads(done.stdout)["terraform_version"].split(".")[:2])


pytestmark = pytest.mark.skipif(
    version() < (1, 11), reason="terraform 1.11 or later is not installed"
)


class Terraform:
    """Terraform in a copy of `Iac/`."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self._environment = environment

    def __call__(self, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
        words = ["terraform", *arguments, *(() if arguments[0] == "console" else ("-no-color",))]
        return subprocess.run(
            words, cwd=self.folder, env=self._environment, input=text, capture_output=True,
            text=True, check=False, timeout=300,
        )  # fmt: skip


def copy(folder: Path) -> Path:
    own = shutil.ignore_patterns(".terraform*", "*.tfstate*", "*_override.tf", "terraform.tfvars")
    return shutil.copytree(IAC, folder / "Iac", ignore=own)


@pytest.fixture
def terraform(tmp_path: Path) -> Iterator[Terraform]:
    source, schemas = read_schema(SCHEMA)
    folder = copy(tmp_path)
    with attached(source, schemas) as variables:
        run = Terraform(folder, environment() | variables)
        done = run("init", "-backend=false", "-input=false")
        assert done.returncode == 0, done.stderr
        yield run


def test_the_files_have_terraforms_form() -> None:
    done = subprocess.run(
        ["terraform", "fmt", "-check", "-recursive", "-diff", "-no-color", str(IAC)],
        env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_files_are_valid(terraform: Terraform) -> None:
    done = terraform("validate")
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stdout.split())
    assert "the form of account_id, member, service_account_id and of nothing else" in said


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("machine_type              =", "machine =", "Unsupported argument"),
        ("can_ip_forward            = false", "can_ip_forward = []", "bool required"),
        ("google_compute_disk.data.id", "google_compute_disk.other.id", "undeclared resource"),
    ],
)
def test_what_is_not_valid_is_found(
    terraform: Terraform, old: str, new: str, expected: str
) -> None:
    file = terraform.folder / "machine.tf"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    done = terraform("validate")
    assert done.returncode == 1
    assert expected in done.stderr


def test_terraforms_own_tests_pass(terraform: Terraform) -> None:
    done = terraform("test")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 failed" in done.stdout
    assert " 0 passed" not in done.stdout


def test_terraforms_own_tests_can_fail(terraform: Terraform) -> None:
    file = terraform.folder / "firewall.tf"
    file.write_text(file.read_text().replace("35.235.240.0/20", "203.0.113.0/24"))
    done = terraform("test", "-filter=tests/defaults.tftest.hcl")
    assert done.returncode == 1
    assert "SSH comes from Google's proxy alone." in done.stderr


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("tests/mocks/google.tfmock.hcl", '"serviceAccount:', '"', "member of google_"),
        ("tests/mocks/google.tfmock.hcl", "/serviceAccounts/", "/accounts/", "service_account_id"),
        ("dataproc.tf", '-spark"\n  display', '-batches-of-spark"\n  display', "account_id of"),
    ],
)
def test_a_wrong_form_is_refused(
    terraform: Terraform, file: str, old: str, new: str, expected: str
) -> None:
    path = terraform.folder / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    done = terraform("test", "-filter=tests/options.tftest.hcl")
    assert done.returncode == 1
    assert expected in done.stderr
    assert "has the wrong form: " in " ".join(done.stderr.split())


def test_what_others_read_has_a_mock_of_its_real_form() -> None:
    _, schemas = read_schema(SCHEMA)
    mocks = (IAC / "tests" / "mocks" / "google.tfmock.hcl").read_text()
    given = {
        (kind, name)
        for kind, body in re.findall(
            r'^mock_\w+ "(\w+)" \{\n(.*?)^\}', mocks, re.MULTILINE | re.DOTALL
        )
        for name in re.findall(r"(\w+) += ", body)
    }
    text = "\n".join(path.read_text() for path in sorted(IAC.glob("*.tf")))
    read = set(re.findall(r"(google_\w+)\.\w+(?:\[[^\]]+\])?\.(\w+)", text))
    for kind, body in re.findall(
        r"for_each = (google_\w+)\.\w+\n(.*?)^\}", text, re.MULTILINE | re.DOTALL
    ):
        read |= {(kind, name) for name in re.findall(r"each\.value\.(\w+)", body)}
    assert ("google_secret_manager_secret", "id") in read
    known = schemas["resource_schemas"] | schemas["data_source_schemas"]
    made_up = {
        (kind, name)
        for kind, name in read
        if known[kind]["block"]["attributes"].get(name, {}).get("computed") or name == "id"
    }
    assert len(made_up) > 8
    assert made_up - given == set()


@pytest.mark.parametrize("name", ["development", "staging", "production"])
def test_the_values_of_each_environment_are_taken(terraform: Terraform, name: str) -> None:
    (terraform.folder / "tests" / "environment.tftest.hcl").write_text(
        'mock_provider "google" {\n  source = "./tests/mocks"\n}\n'
        f'run "{name}" {{\n  assert {{\n    condition = var.environment == "{name}"\n'
        '    error_message = "It is another environment."\n  }\n}\n'
    )
    values = f"-var-file=environments/{name}.tfvars"
    done = terraform(
        "test", values, "-var=project=my-project-123", "-filter=tests/environment.tftest.hcl"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "undeclared" not in done.stdout + done.stderr


def test_the_machine_that_is_wanted_is_known_before_anything_is_made(terraform: Terraform) -> None:
    asked = re.findall(r"<<< '(.*)'", (ROOT / "tools" / "cloud").read_text())
    done = terraform("console", "-var=project=my-project-123", text=asked[0])
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == '"e2-standard-2 europe-west1-b europe-west1"'


def test_the_real_provider_takes_the_files(tmp_path: Path) -> None:
    mirror = os.environ.get("VIGIE_TEST_TERRAFORM_PLUGINS")
    if mirror is None:
        pytest.skip(
            "the provider itself is not here; VIGIE_TEST_TERRAFORM_PLUGINS names a folder with it"
        )
    plugins = Path(mirror).resolve()
    folder = copy(tmp_path)
    run = Terraform(folder, environment())
    for arguments in (
        ("init", "-backend=false", f"-plugin-dir={plugins}"),
        ("validate",),
        ("test",),
    ):
        done = run(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
