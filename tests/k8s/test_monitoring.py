"""Monitoring on a cluster is that of the Compose stack, where a cluster has the same."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.manifests import FOLDER, containers, named, rendered
from support.promtool import needs_promtool
from vigie.serving.metrics import Metrics

ROOT = FOLDER.parent
HERE = FOLDER / "components" / "prometheus" / "prometheus.yml"
MOST_BYTES = 250_000
ABSENT = {"haproxy", "node", "cadvisor", "probe"}
"""Jobs about the gateway and the machine of Compose."""


def jobs(path: Path) -> dict[str, Any]:
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {job["job_name"]: job for job in config["scrape_configs"]}


def test_the_targets_are_found_as_on_one_machine() -> None:
    here, there = jobs(HERE), jobs(ROOT / "prometheus" / "prometheus.yml")
    assert here.keys() == there.keys() - ABSENT
    # the one label that says where it is
    assert here["prometheus"]["static_configs"][0].pop("labels") == {"platform": "kubernetes"}
    for name, job in here.items():
        assert job == there[name]


def test_every_rule_is_evaluated() -> None:
    generated = yaml.safe_load((ROOT / "prometheus" / "kustomization.yaml").read_text())
    (rules,) = generated["configMapGenerator"]
    files = {f"rules/{path.name}" for path in (ROOT / "prometheus" / "rules").glob("*.yml")}
    assert set(rules["files"]) == files


@needs_promtool
def test_the_configuration_is_valid(tmp_path: Path) -> None:
    folder = tmp_path / "prometheus"
    folder.mkdir()
    (folder / "prometheus.yml").write_text(HERE.read_text())
    (folder / "rules").symlink_to(ROOT / "prometheus" / "rules")
    done = subprocess.run(
        ["promtool", "check", "config", str(folder / "prometheus.yml")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("overlay", "kind"), [("gke", "PodMonitoring"), ("operators", "ServiceMonitor")]
)
def test_other_collectors_know_the_service_by_the_name_of_the_rules(
    overlay: str, kind: str
) -> None:
    """Google's names the job after the object, the operator's by a relabelling."""
    found = [one for one in rendered(FOLDER / "overlays" / overlay) if one["kind"] == kind]
    jobs = {one["metadata"]["name"] for one in found}
    for one in found:
        for endpoint in one["spec"]["endpoints"]:
            for rule in endpoint.get("relabelings", ()):
                if rule.get("targetLabel") == "job":
                    jobs.add(rule["replacement"])
    assert "vigie" in jobs


def test_images_of_others_are_those_of_compose() -> None:
    compose = (ROOT / "docker-compose.yml").read_text()
    wanted = set(re.findall(r"_IMAGE:-([a-z/-]+:[v0-9.]+)\}", compose))
    objects = rendered(FOLDER / "overlays" / "local-grafana")
    used = {one["image"] for _, one, _ in containers(objects)}
    assert {image for image in used if not image.startswith("vigie-")} <= wanted


def test_what_scales_asks_for_metrics_that_there_are() -> None:
    objects = rendered(FOLDER / "overlays" / "operators")
    (trigger,) = named(objects, "ScaledObject", "ml-app")["spec"]["triggers"]
    query = trigger["metadata"]["query"]
    (metric, pattern) = re.findall(r'(vigie_\w+)_sum\{route=~"(.*)"\}', query)[0]
    assert metric in {family.name for family in Metrics().registry.collect()}
    for route in ("/predict/<model>", "/v1/models/<model>:predict", "/invocations"):
        assert re.fullmatch(pattern, route)
    for route in ("/readyz", "/status", "/metrics"):
        assert not re.fullmatch(pattern, route)


def test_grafana_finds_its_files_where_its_settings_say() -> None:
    objects = rendered(FOLDER / "overlays" / "local-grafana")
    pod = named(objects, "Deployment", "grafana")["spec"]["template"]["spec"]
    given = {one["metadata"]["name"]: one["data"] for one in objects if one["kind"] == "ConfigMap"}
    files = {
        item["path"]: given[source["configMap"]["name"]][item["key"]]
        for volume in pod["volumes"]
        for source in volume.get("projected", {}).get("sources", ())
        for item in source["configMap"]["items"]
    }
    compose = ROOT / "grafana"
    wanted = {
        *(path.relative_to(compose).as_posix() for path in compose.glob("provisioning/*/*.yaml")),
        *(path.relative_to(compose).as_posix() for path in compose.glob("dashboards/*.json")),
        "grafana.ini",
    }
    assert files.keys() == wanted - {"dashboards/machine.json"}
    (mount,) = (one for one in pod["containers"][0]["volumeMounts"] if one["name"] == "settings")
    (provider,) = yaml.safe_load(files["provisioning/dashboards/vigie.yaml"])["providers"]
    assert provider["options"]["path"] == f"{mount['mountPath']}/dashboards"
    # what `kubectl apply` notes of an object may be no larger
    for name, data in given.items():
        assert len(json.dumps(data)) < MOST_BYTES, name
