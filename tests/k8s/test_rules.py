"""The manifests of `k8s/` keep to the rules of the house, and each rule can fail."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.manifest_rules import RULES, faults
from support.manifests import COMPONENT, FOLDER, Object, containers, named, rendered

pytestmark = pytest.mark.skipif(
    shutil.which("kubectl") is None, reason="kubectl is not installed: it renders the manifests"
)
OVERLAYS = sorted(path.parent for path in FOLDER.glob("overlays/*/kustomization.yaml"))


@pytest.fixture(scope="module")
def local() -> list[Object]:
    return rendered(FOLDER / "overlays" / "local")


@pytest.fixture(scope="module")
def operators() -> list[Object]:
    return rendered(FOLDER / "overlays" / "operators")


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.name)
def test_every_overlay_keeps_to_the_rules(overlay: Path) -> None:
    assert faults(rendered(overlay)) == []


def test_every_component_is_part_of_an_overlay() -> None:
    used = "".join((overlay / "kustomization.yaml").read_text() for overlay in OVERLAYS)
    for component in FOLDER.glob("components/*/kustomization.yaml"):
        assert f"components/{component.parent.name}\n" in used
        # what to take in its place where somebody's money hangs on it
        assert component.read_text().startswith("# ")


def service(objects: list[Object]) -> Any:
    return named(objects, "Deployment", "ml-app")["spec"]["template"]["spec"]


def container(objects: list[Object]) -> Any:
    return service(objects)["containers"][0]


Change = Callable[[list[Object]], object]
PLANTED: list[tuple[str, Change]] = [
    ("confined", lambda o: container(o)["securityContext"].pop("readOnlyRootFilesystem")),
    ("confined", lambda o: container(o)["securityContext"].pop("allowPrivilegeEscalation")),
    ("confined", lambda o: container(o)["securityContext"]["capabilities"].pop("drop")),
    ("confined", lambda o: service(o)["securityContext"].pop("runAsNonRoot")),
    ("confined", lambda o: service(o)["securityContext"].pop("seccompProfile")),
    ("confined", lambda o: service(o).pop("enableServiceLinks")),
    ("confined", lambda o: service(o).pop("automountServiceAccountToken")),
    ("bounded", lambda o: container(o)["resources"]["requests"].pop("cpu")),
    ("bounded", lambda o: container(o)["resources"]["limits"].pop("memory")),
    ("bounded", lambda o: service(o)["volumes"][-1]["emptyDir"].pop("sizeLimit")),
    (
        "bounded",
        lambda o: service(o)["volumes"][-1]["emptyDir"].update(sizeLimit="20Gi"),
    ),
    ("exact", lambda o: container(o).update(image="vigie-serve:latest")),
    ("exact", lambda o: container(o).update(image="localhost:5000/vigie-serve")),
    ("probed", lambda o: container(o).pop("livenessProbe")),
    ("probed", lambda o: container(o).pop("readinessProbe")),
    ("probed", lambda o: container(o)["livenessProbe"].update(periodSeconds=1)),
    ("drained", lambda o: service(o).update(terminationGracePeriodSeconds=30)),
    (
        "matched",
        lambda o: named(o, "Service", "vigie")["spec"]["selector"].update({COMPONENT: "x"}),
    ),
    ("matched", lambda o: named(o, "Service", "vigie")["spec"]["ports"][0].update(targetPort="x")),
    (
        "matched",
        lambda o: named(o, "PodDisruptionBudget", "ml-app")["spec"]["selector"].update(
            matchLabels={COMPONENT: "x"}
        ),
    ),
    ("walled", lambda o: o.remove(named(o, "NetworkPolicy", "nobody"))),
    (
        "walled",
        lambda o: named(o, "NetworkPolicy", "ml-app")["spec"]["egress"][0].pop("ports"),
    ),
    (
        "paired",
        lambda o: named(o, "NetworkPolicy", "ml-app")["spec"]["egress"][0]["ports"][0].update(
            port=5001
        ),
    ),
    ("paired", lambda o: o.remove(named(o, "NetworkPolicy", "postgres"))),
    (
        "renewed",
        lambda o: service(o)["initContainers"][0]["volumeMounts"][0].update(subPath="pgpass"),
    ),
    (
        "renewed",
        lambda o: container(o)["envFrom"].append({"secretRef": {"name": "ml-app"}}),
    ),
    ("spread", lambda o: named(o, "Deployment", "ml-app")["spec"].update(replicas=2)),
    ("spread", lambda o: service(o).pop("topologySpreadConstraints")),
    ("spread", lambda o: o.remove(named(o, "PodDisruptionBudget", "ml-app"))),
]


@pytest.mark.parametrize(
    ("rule", "change"), PLANTED, ids=lambda one: one if type(one) is str else ""
)
def test_each_rule_sees_what_breaks_it(local: list[Object], rule: str, change: Change) -> None:
    broken = copy.deepcopy(local)
    change(broken)
    assert list(RULES[rule](broken))


OPERATED: list[tuple[str, Change]] = [
    (
        "watched",
        lambda o: named(o, "ServiceMonitor", "ml-app")["spec"]["endpoints"][0].update(
            port="http-x"
        ),
    ),
    ("watched", lambda o: named(o, "Service", "ml-app")["metadata"].pop("labels")),
    ("spread", lambda o: o.remove(named(o, "PodDisruptionBudget", "ml-app"))),
]


@pytest.mark.parametrize(("rule", "change"), OPERATED, ids=lambda one: str(one)[:7])
def test_each_rule_sees_what_breaks_it_where_operators_are(
    operators: list[Object], rule: str, change: Change
) -> None:
    broken = copy.deepcopy(operators)
    change(broken)
    assert list(RULES[rule](broken))


def test_one_thing_alone_scales(operators: list[Object]) -> None:
    assert not [one for one in operators if one["kind"] == "HorizontalPodAutoscaler"]


def test_every_rule_has_a_planted_failure() -> None:
    assert {rule for rule, _ in PLANTED + OPERATED} == set(RULES)


def test_only_the_pods_that_need_it_may_ask_the_api_server(local: list[Object]) -> None:
    with_token = {
        where
        for where, _, pod in containers(local)
        if pod.get("automountServiceAccountToken") is not False
    }
    assert with_token == {"Job secrets, secrets"}
