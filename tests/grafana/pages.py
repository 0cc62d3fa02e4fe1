"""The committed dashboards: their panels, their queries, and what a Prometheus says to these."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from dashboards.__main__ import BUILDERS, FOLDER
from grafana.queries import answers, settle

PAGES = {name: json.loads((FOLDER / f"{name}.json").read_text("utf-8")) for name in BUILDERS}
OPT_IN = 'job="cadvisor"'


def panels(page: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The panels of a dashboard, those in folded rows too, without the rows."""
    for panel in page["panels"]:
        if panel["type"] == "row":
            yield from panel.get("panels", [])
        else:
            yield panel


def queries(page: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Titles and queries of the panels and annotations, as Grafana has them."""
    for panel in panels(page):
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]
    for mark in page.get("annotations", {}).get("list", []):
        yield mark["name"], mark["expr"]


def unanswered(url: str) -> list[str]:
    """The queries to which a Prometheus that watches a stack under load has no data."""
    left_out = OPT_IN if not answers(url, f"up{{{OPT_IN}}}") else "nothing"
    asked = [q for page in PAGES.values() for _, q in queries(page) if left_out not in q]
    # versions that begin to serve are seen in that moment: one in the last hour will do
    lasting = [f"count_over_time(({q})[1h:15s])" if " unless " in q else q for q in asked]
    settled = [one for query in lasting for one in settle(query)]
    return [query for query in settled if not answers(url, query)]
