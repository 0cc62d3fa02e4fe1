"""The Job of the load generator keeps to the rules of the house."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from load.options import options_of
from support.load import parsed
from support.manifest_rules import RULES
from support.manifests import FOLDER, named, rendered

pytestmark = pytest.mark.skipif(
    shutil.which("kubectl") is None, reason="kubectl is not installed: it renders the manifests"
)


def test_the_job_keeps_to_the_rules() -> None:
    objects = rendered(FOLDER / "load")
    # what is denied by default stands in the base
    rules = [rule for name, rule in RULES.items() if name != "walled"]
    assert [fault for rule in rules for fault in rule(objects)] == []


def test_what_the_job_is_told_makes_sense(tmp_path: Path) -> None:
    told = named(rendered(FOLDER / "load"), "ConfigMap", "load")["data"]
    words = {n.removeprefix("LOAD_").lower(): v for n, v in told.items() if n[:5] == "LOAD_"}
    options = options_of(parsed(**words), told["LOCUST_HOST"])
    assert options.url == "http://vigie:5000"
    assert options.rate == 1000
