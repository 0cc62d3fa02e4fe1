"""Schemathesis on a real service: whatever its OpenAPI document can generate, valid or not."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from support.memory import tell
from support.service import LiveService

OUTLINED = ["/v1/models/{model}.*:predict", "/v2/models/{model}.*/infer", "/invocations"]
"""Operations whose body is only outlined: which values fit depends on the model of the path."""

CONFIG = """
[dictionaries]
model = {{ values = ["housing", "iris"] }}
version = {{ values = ["1"] }}
label = {{ values = ["champion"] }}

[parameters]
"path.model" = {{ dictionary = "model", probability = 0.7 }}
"path.version" = {{ dictionary = "version", probability = 0.7 }}
"path.label" = {{ dictionary = "label", probability = 0.7 }}

[[operations]]
include-path-regex = '^({outlined})$'
checks.positive_data_acceptance.expected-statuses = ["2xx", 400, 404]

# whether a truth fits depends on the answer that it is about
[[operations]]
include-path = "/feedback"
checks.positive_data_acceptance.expected-statuses = ["2xx", 409, 422, 503]
"""


def probe(service: LiveService, folder: Path, examples: int, seed: int, key: str = "") -> None:
    """Asks every operation so many questions, with all checks; fails where one does not hold."""
    outlined = "|".join(path.replace("{", r"\{").replace("}", r"\}") for path in OUTLINED)
    config = folder / "schemathesis.toml"
    sent = '\nheaders = { Authorization = "Bearer ${VIGIE_KEY}" }\n' if key else ""
    config.write_text(sent + CONFIG.format(outlined=outlined))
    command = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run",
        f"http://127.0.0.1:{service.port}/openapi.json", "--checks", "all", "--no-color",
        "--max-examples", str(examples), "--seed", str(seed), "--generation-database", "none",
        "--continue-on-failure", "--warnings", "off",
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "VIGIE_KEY": key},
        capture_output=True, text=True, timeout=4 * 3600,
    )  # fmt: skip
    headers = {"X-Api-Key": key} if key else {}
    paths = service.ask("GET", "/openapi.json", headers=headers).json()["paths"]
    operations = sum(len(item.keys() & {"get", "post"}) for item in paths.values())
    found = re.search(r"\d+ generated.*", done.stdout)
    tell(f"seed {seed}, {operations} operations: {found[0] if found else 'nothing'}")
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2000:]
    assert f"Tested: {operations}\n" in done.stdout
