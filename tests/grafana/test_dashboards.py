"""The dashboards say what they show, ask only for what exists, and are as the code makes them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from dashboards.__main__ import BUILDERS, FOLDER, generate, main
from grafana.pages import PAGES, panels, queries, unanswered
from grafana.queries import metric_names, parse_errors, settle, without_texts

DOCUMENTATION = Path(__file__).parents[2] / "docs" / "dashboards.md"
UIDS = {f"vigie-{name}" for name in BUILDERS}


PANELS = [
    pytest.param(panel, id=f"{name}: {panel['title']}")
    for name, page in PAGES.items()
    for panel in panels(page)
]
QUERIES = [
    pytest.param(query, id=f"{name}: {title}")
    for name, page in PAGES.items()
    for title, query in queries(page)
]


def test_the_committed_files_are_what_the_code_makes() -> None:
    made = generate()
    assert {path.name for path in FOLDER.glob("*.json")} == set(made)
    for name, text in made.items():
        assert (FOLDER / name).read_text("utf-8") == text, "make dashboards writes them anew"


def test_the_chosen_input_is_meant_by_its_whole_name() -> None:
    # as a pattern, the figure photo.brightness would be an input photo_brightness as well
    asked = [query for page in PAGES.values() for _, query in queries(page) if "$feature" in query]
    assert asked
    assert all('feature="$feature"' in query for query in asked)


def test_make_dashboards_writes_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboards.__main__.FOLDER", tmp_path)
    main()
    assert {path.name for path in tmp_path.iterdir()} == {f"{name}.json" for name in BUILDERS}


def test_links_to_mlflow_follow_the_settings_of_the_service() -> None:
    for page in PAGES.values():
        assert "localhost" not in json.dumps(page)
        (mlflow,) = (one for one in page["templating"]["list"] if one["name"] == "mlflow")
        assert mlflow["query"] == "label_values(vigie_links_info, mlflow)"
        (link,) = (one for one in page["links"] if one["title"] == "MLflow")
        assert link["url"] == "${mlflow}"


@pytest.mark.parametrize("panel", PANELS)
def test_every_panel_says_what_it_shows_and_when_it_is_bad(panel: dict[str, Any]) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    assert panel["title"]
    assert len(panel["description"]) > 20
    assert panel["description"].endswith(".")
    assert defaults["unit"]
    first, *others = defaults["thresholds"]["steps"]
    assert first["value"] is None
    values = [step["value"] for step in others]
    assert values == sorted(values)


@pytest.mark.parametrize("panel", PANELS)
def test_every_panel_asks_the_chosen_data_source(panel: dict[str, Any]) -> None:
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    assert panel["datasource"] == chosen
    assert all(target["datasource"] == chosen for target in panel.get("targets", []))
    assert bool(panel.get("targets")) == (panel["type"] != "alertlist")


def test_titles_are_unique_within_a_dashboard() -> None:
    for page in PAGES.values():
        titles = [panel["title"] for panel in panels(page)]
        assert len(set(titles)) == len(titles)


def test_dashboards_have_fixed_uids_and_no_ids() -> None:
    assert {page["uid"] for page in PAGES.values()} == UIDS
    for page in PAGES.values():
        assert "id" not in page
        assert not any("id" in panel for panel in [*page["panels"], *panels(page)])
        assert page["editable"] is False


def test_panels_do_not_overlap_and_stay_on_the_page() -> None:
    for page in PAGES.values():
        taken: set[tuple[int, int]] = set()
        for panel in panels(page):
            place = panel["gridPos"]
            assert place["x"] + place["w"] <= 24
            cells = {
                (place["x"] + i, place["y"] + j)
                for i in range(place["w"])
                for j in range(place["h"])
            }
            assert not cells & taken, panel["title"]
            taken |= cells


def test_every_variable_is_used_and_every_used_one_is_defined() -> None:
    for page in PAGES.values():
        variables = page["templating"]["list"]
        defined = {variable["name"] for variable in variables}
        text = json.dumps(page)
        used = set(re.findall(r"\$\{?([a-z_]+)", text)) - {"__rate_interval"}
        used -= {name for name in used if name.startswith("__")}
        assert used == defined


def test_the_variables_of_the_service_are_those_of_all_pages() -> None:
    for name in ("service", "model", "data"):
        variables = {variable["name"] for variable in PAGES[name]["templating"]["list"]}
        assert {"datasource", "model", "version", "replica", "mlflow"} <= variables


def test_every_dashboard_is_documented_with_its_variables() -> None:
    text = DOCUMENTATION.read_text("utf-8")
    for page in PAGES.values():
        title = re.escape(page["title"].removeprefix("Vigie: "))
        (documented,) = re.findall(rf"^\| {title} \|.*\| (.*) \|$", text, re.MULTILINE)
        labels = [variable["label"] for variable in page["templating"]["list"]]
        own = [label.lower() for label in labels if label not in ("Data source", "MLflow")]
        assert documented.split(", ") == own


def test_values_of_a_version_lead_to_it_in_mlflow() -> None:
    for name in ("model", "data"):
        links = [
            link["url"]
            for panel in panels(PAGES[name])
            for link in panel["fieldConfig"]["defaults"].get("links", [])
        ]
        assert links
        assert all(re.fullmatch(LINK, link) for link in links)


LINK = r"\$\{mlflow\}/#/models/\$\{(\S+)\.model\}/versions/\$\{\1\.version\}"


def test_promotions_are_marked() -> None:
    (mark,) = PAGES["model"]["annotations"]["list"]
    assert mark["titleFormat"] == "{{model}} {{version}}"
    assert "vigie_model_info" in mark["expr"]


@pytest.mark.parametrize("query", QUERIES)
def test_rates_follow_the_time_range(query: str) -> None:
    for span in re.findall(r"\[([^\]]*)\]", without_texts(query)):
        assert span in ("$__rate_interval", "$window")


@pytest.mark.parametrize("query", QUERIES)
def test_every_query_names_only_what_exists(query: str, known_metrics: frozenset[str]) -> None:
    for settled in settle(query):
        names = metric_names(settled)
        assert names
        assert names <= known_metrics


def test_a_metric_that_does_not_exist_is_found(known_metrics: frozenset[str]) -> None:
    names = metric_names('sum by (route) (rate(vigie_http_request_total{a="b_c"}[5m])) / up')
    assert names == {"vigie_http_request_total", "up"}
    assert names - known_metrics == {"vigie_http_request_total"}


def test_every_query_parses(promtool: str, tmp_path: Path) -> None:
    settled = [
        one for page in PAGES.values() for _, query in queries(page) for one in settle(query)
    ]
    assert parse_errors(promtool, settled, tmp_path) == ""


def test_a_query_that_does_not_parse_is_found(promtool: str, tmp_path: Path) -> None:
    assert "parse" in parse_errors(promtool, ["sum by (route (up)"], tmp_path)


def test_every_query_returns_data(running_prometheus: str) -> None:
    assert unanswered(running_prometheus) == []
