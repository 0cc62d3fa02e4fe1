"""A checkout with the scripts of the cloud, and stand-ins for Terraform and gcloud.

Both note how they are called; variables of the environment say what they answer.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
COMMANDS = (
    "bash", "cat", "dirname", "env", "head", "mkdir", "printf", "rm", "sed", "tr"
)  # fmt: skip
OUTPUTS = {
    "project": "my-project-123",
    "region": "europe-west1",
    "registry": "europe-west1-docker.pkg.dev/my-project-123/vigie-production",
    "bucket": "my-project-123-vigie-production",
    # of -json
    "spark": '"$SPARK"',
    "zone": "europe-west1-b",
    "machine": "vigie-production",
    "domain": '"$DOMAIN"',
}
TERRAFORM = """#!/bin/bash
echo "terraform $*" >> "$CALLS"
[ "$2" != console ] || echo '"e2-standard-2 europe-west1-b europe-west1"'
if [ "$2" = output ]; then case "$4" in
{}
  *) echo reached ;;
esac; fi
""".format("\n".join(f"  {name}) echo {value} ;;" for name, value in OUTPUTS.items()))
GCLOUD = """#!/bin/bash
echo "gcloud $*" >> "$CALLS"
case "$*" in
  "config get-value project") echo "${GCLOUD_PROJECT:-(unset)}" ;;
  "auth application-default "*) exit "${LOGGED_OUT:-0}" ;;
  "storage buckets describe"*) exit "${NO_BUCKET:-0}" ;;
  "billing projects describe my-project-123 --format value(billingEnabled) "*)
    echo "${BILLING:-True}" ;;
  "services list --enabled --format value(config.name) --project "*)
    printf '%s.googleapis.com\n' logging ${SERVICES-cloudresourcemanager compute serviceusage} ;;
  "compute machine-types list --filter name=e2-standard-2 --format value(zone) --project "*)
    printf '%s\n' us-east1-b ${ZONES-europe-west1-b europe-west1-c} ;;
esac
"""


class Machine:
    """A checkout with some programs and no others."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.calls = folder / "calls"
        self.programs = folder / "bin"
        self.programs.mkdir()
        for name in COMMANDS:
            found = shutil.which(name)
            assert found is not None
            (self.programs / name).symlink_to(found)
        shutil.copytree(ROOT / "tools", folder / "tools")
        shutil.copytree(ROOT / "Iac" / "environments", folder / "Iac" / "environments")

    def install(self, name: str, script: str) -> None:
        (self.programs / name).write_text(script)
        (self.programs / name).chmod(0o755)

    def run(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.folder / "tools" / command[0]), *command[1:]],
            env={"PATH": str(self.programs), "CALLS": str(self.calls), "HOME": "/", **variables},
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip

    def called(self) -> list[str]:
        lines = self.calls.read_text().splitlines() if self.calls.exists() else []
        return [line.replace(f"-chdir={self.folder}/Iac ", "") for line in lines]
