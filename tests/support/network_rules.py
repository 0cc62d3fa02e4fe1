"""What the network policies of `k8s/` keep to."""

from __future__ import annotations

from collections.abc import Iterator

from support.manifests import COMPONENT, Object, templates


def walled(objects: list[Object]) -> Iterator[str]:
    """By default nobody reaches anybody; no rule opens every port to the world outside."""
    policies = [one["spec"] for one in objects if one["kind"] == "NetworkPolicy"]
    if not any(
        spec["podSelector"] == {} and sorted(spec["policyTypes"]) == ["Egress", "Ingress"]
        and not spec.get("ingress") and not spec.get("egress")
        for spec in policies
    ):  # fmt: skip
        yield "nothing is denied by default"
    for spec in policies:
        for rule in [*spec.get("ingress", ()), *spec.get("egress", ())]:
            if not rule.get("ports"):
                yield f"a rule of {spec['podSelector']} opens every port"


def paired(objects: list[Object]) -> Iterator[str]:
    """Whoever may go to a component is let in there, by the same port."""
    policies = [one for one in objects if one["kind"] == "NetworkPolicy"]
    here = {template["metadata"]["labels"].get(COMPONENT) for _, template in templates(objects)}
    here.discard(None)
    for one in policies:
        mine = one["spec"]["podSelector"].get("matchLabels", {}).get(COMPONENT)
        for rule in one["spec"].get("egress", ()):
            for place in rule.get("to", ()):
                there = place.get("podSelector", {}).get("matchLabels", {}).get(COMPONENT)
                for port in rule.get("ports", ()) if there in here else ():
                    if not _lets_in(objects, there, mine, port["port"]):
                        yield f"{mine} may go to {there}:{port['port']}, and is not let in there"


def _lets_in(objects: list[Object], there: str, who: str, port: int) -> bool:
    labels = {COMPONENT: there}
    names = {
        name
        for _, template in templates(objects)
        if template["metadata"]["labels"] == labels
        for container in template["spec"]["containers"]
        for opened in container.get("ports", ())
        if opened["containerPort"] == port
        for name in (opened["name"], port)
    }
    rules = [
        rule
        for one in objects
        if one["kind"] == "NetworkPolicy"
        and one["spec"]["podSelector"].get("matchLabels") == labels
        for rule in one["spec"].get("ingress", ())
    ]
    return any(
        any(opened["port"] in names for opened in rule["ports"])
        and ("from" not in rule or any(who in _components(place) for place in rule["from"]))
        for rule in rules
    )


def _components(place: Object) -> set[str]:
    """The components that a place of a policy chooses."""
    chosen = place.get("podSelector", {})
    named_ones = {chosen.get("matchLabels", {}).get(COMPONENT)}
    for one in chosen.get("matchExpressions", ()):
        named_ones |= set(one["values"])
    return named_ones
