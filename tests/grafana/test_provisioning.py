"""Grafana starts with one data source, the dashboards, no account and no talk to the outside."""

from __future__ import annotations

import configparser
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

GRAFANA = Path(__file__).parents[2] / "grafana"
PROVISIONING = GRAFANA / "provisioning"


def read(kind: str) -> dict[str, Any]:
    (path,) = (PROVISIONING / kind).glob("*.yaml")
    content: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    assert content["apiVersion"] == 1
    return content


@pytest.fixture
def settings() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(GRAFANA / "grafana.ini", "utf-8")
    return parser


def test_the_data_source_is_the_one_that_the_dashboards_name() -> None:
    (source,) = read("datasources")["datasources"]
    assert (source["uid"], source["type"]) == ("prometheus", "prometheus")
    assert source["editable"] is False
    page = json.loads((GRAFANA / "dashboards" / "service.json").read_text("utf-8"))
    (variable,) = (v for v in page["templating"]["list"] if v["name"] == "datasource")
    assert variable["current"] == {"text": source["name"], "value": source["uid"]}


def test_dashboards_cannot_be_changed_or_deleted_in_the_browser() -> None:
    (provider,) = read("dashboards")["providers"]
    assert provider["disableDeletion"] is True
    assert provider["editable"] is False
    assert provider["allowUiUpdates"] is False


def test_the_home_page_is_a_provisioned_dashboard(settings: configparser.ConfigParser) -> None:
    (provider,) = read("dashboards")["providers"]
    home = Path(settings["dashboards"]["default_home_dashboard_path"])
    assert str(home.parent) == provider["options"]["path"]
    assert (GRAFANA / "dashboards" / home.name).exists()


def test_nobody_gets_in_by_default(settings: configparser.ConfigParser) -> None:
    assert not settings.getboolean("auth.anonymous", "enabled")
    assert settings["auth.anonymous"]["org_role"] == "Viewer"
    assert settings.getboolean("security", "disable_initial_admin_creation")
    assert not settings.getboolean("users", "allow_sign_up")
    assert not settings.getboolean("public_dashboards", "enabled")
    keys = {key for section in settings.sections() for key in settings[section]}
    assert not {"admin_password", "admin_user", "secret_key"} & keys


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("analytics", "reporting_enabled", False),
        ("analytics", "check_for_updates", False),
        ("analytics", "check_for_plugin_updates", False),
        ("analytics", "feedback_links_enabled", False),
        ("news", "news_feed_enabled", False),
        ("plugins", "plugin_admin_enabled", False),
        ("plugins", "preinstall_auto_update", False),
        ("plugins", "preinstall_disabled", True),
        ("plugins", "public_key_retrieval_disabled", True),
        ("security", "disable_gravatar", True),
        ("snapshots", "external_enabled", False),
    ],
)
def test_nothing_talks_to_the_outside(
    settings: configparser.ConfigParser, section: str, key: str, value: bool
) -> None:
    assert settings.getboolean(section, key) is value
