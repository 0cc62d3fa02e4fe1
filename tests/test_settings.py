"""Settings: each explained, each an environment variable, a wrong one named."""

from __future__ import annotations

import ast
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from pydantic import SecretStr

from vigie.cli.main import main
from vigie.cli.process import begin
from vigie.errors import ConfigurationError
from vigie.settings import (
    GROUPS,
    AlertSettings,
    Settings,
    load_alert_settings,
    load_settings,
    unknown_settings,
    usable_cores,
    variable_of,
)
from vigie.settings.former import FORMER
from vigie.settings.unknown import STACK

FIELDS = {name: field for group in GROUPS.values() for name, field in group.model_fields.items()}
SOURCE = Path(__file__).parents[1] / "ml-app" / "src" / "vigie"


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("VIGIE_")]:
        monkeypatch.delenv(name)


def test_every_setting_stands_in_one_group() -> None:
    assert len(FIELDS) == sum(len(group.model_fields) for group in GROUPS.values())
    assert FIELDS.keys() == Settings.model_fields.keys() | AlertSettings.model_fields.keys()
    assert not Settings.model_fields.keys() & AlertSettings.model_fields.keys()


@pytest.mark.parametrize("name", FIELDS)
def test_every_setting_is_explained(name: str) -> None:
    field = FIELDS[name]
    assert field.description
    assert field.description.endswith(".")
    assert len(field.description) < 160


def test_the_defaults_are_those_of_a_laptop() -> None:
    settings = load_settings()
    assert (settings.host, settings.port) == ("127.0.0.1", 5000)
    assert (settings.metrics_host, settings.metrics_port) == ("127.0.0.1", 9464)
    assert settings.mlflow_url == "http://127.0.0.1:5001"
    assert settings.workers == usable_cores() >= 1
    assert settings.required_models == ("housing", "iris")
    assert settings.serves_every_model


EXAMPLES: dict[str, tuple[str, object]] = {
    "models": ("iris, housing ,", ("iris", "housing")),
    "engine": ("tensorflow", "tensorflow"),
    "fast_lane": ("off", False),
    "import_": ("off", "off"),
    "log_format": ("json", "json"),
    "request_log": ("all", "all"),
    "signing_key": ("a/key", Path("a/key")),
    "api_keys": ("a/keys", Path("a/keys")),
    "api_key": ("vig_x", SecretStr("vig_x")),
    "alert_smtp_host": ("mail:587", "mail:587"),
    "public_keys": ("a.pub, b.pub ,", (Path("a.pub"), Path("b.pub"))),
    "challenger_share": ("0.5", 0.5),
    "canary_share": ("0.25", 0.25),
    "housing_department": ("2A", "2A"),
    "prediction_log": ("outputs", "outputs"),
    "session_hours": ("12", 12),
    "database_url": ("sqlite:///x.db", SecretStr("sqlite:///x.db")),
}


@pytest.mark.parametrize("name", FIELDS)
def test_every_setting_is_read_from_its_variable(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = FIELDS[name].annotation
    plain: dict[object, tuple[str, object]] = {
        bool: ("yes", True), int: ("2048", 2048), float: ("7.5", 7.5), str: ("x", "x"),
        Path: ("x/y", Path("x/y")), str | None: ("x", "x"), Path | None: ("x/y", Path("x/y")),
    }  # fmt: skip
    text, expected = EXAMPLES.get(name) or plain[kind]
    if name == "workers":
        text, expected = "3", 3
    monkeypatch.setenv(variable_of(name), text)
    load = load_alert_settings if name in AlertSettings.model_fields else load_settings
    assert getattr(load(), name) == expected


@pytest.mark.parametrize(
    "name", [name for name, field in FIELDS.items() if str(field.annotation).endswith("| None")]
)
def test_empty_is_none_where_a_setting_may_be_none(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"VIGIE_{name.upper()}", "")
    load = load_alert_settings if name in AlertSettings.model_fields else load_settings
    assert getattr(load(), name) is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("PORT", "70000"),
        ("PORT", "0"),
        ("PORT", "http"),
        ("WORKERS", "0"),
        ("WORKERS", ""),
        ("ENGINE", "torch"),
        ("FAST_LANE", "maybe"),
        ("POLL_SECONDS", "0"),
        ("POLL_SECONDS", "nan"),
        ("POLL_SECONDS", "inf"),
        ("MAX_BODY_BYTES", "1MB"),
        ("HOUSING_DEPARTMENT", "../64"),
        ("MODELS", ""),
        ("MODELS", " , "),
        ("MODELS", "iris,iris"),
        ("MODELS", "Iris"),
        ("MODELS", "../iris"),
        ("MODELS", "a b"),
        ("MODELS", "x" * 64),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_variable(
    name: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"VIGIE_{name}", text)
    with pytest.raises(ConfigurationError, match=rf"^VIGIE_{name}: ") as refused:
        load_settings()
    if len(text) > 3:
        assert text not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "required", "every"),
    [
        ("iris", ("iris",), False),
        ("*", (), True),
        ("b,*,a", ("b", "a"), True),
        ("a-b_9", ("a-b_9",), False),
    ],
)
def test_models_are_named_in_order_and_a_star_means_every_other(
    text: str, required: tuple[str, ...], every: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIGIE_MODELS", text)
    settings = load_settings()
    assert (settings.required_models, settings.serves_every_model) == (required, every)


def test_an_override_wins_and_none_means_no_override(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIE_PORT", "6000")
    assert load_settings(port=7000).port == 7000
    assert load_settings(port=None).port == 6000


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings().port = 1


@pytest.mark.parametrize(
    ("limit", "cores"),
    [("max 100000", 8), ("150000 100000", 2), ("50000 100000", 1), ("1600000 100000", 8), ("", 8)],
)
def test_workers_are_as_many_as_a_container_may_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, cores: int
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr("vigie.settings.cores.CPU_QUOTA", tmp_path / "cpu.max")
    if limit:
        (tmp_path / "cpu.max").write_text(f"{limit}\n")
    assert load_settings().workers == cores


# --- names that are no setting


def test_an_unknown_name_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    before = load_settings()
    monkeypatch.setenv("VIGIE_NO_SETTING", "x")
    assert load_settings() == before


def test_what_was_a_setting_is_none_now() -> None:
    assert not {f"VIGIE_{name.upper()}" for name in FIELDS} & {*FORMER}


@pytest.mark.parametrize("command", ["serve", "follow"])
def test_what_was_a_setting_is_named_once_in_the_log_and_stops_nothing(
    command: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    ran: list[Settings] = []

    class Sync:
        def __init__(self, settings: Settings) -> None:
            ran.append(settings)

        def sync_once(self) -> dict[str, str]:
            return {}

    monkeypatch.setattr("vigie.serving.serve", ran.append)
    monkeypatch.setattr("vigie.registry.sync.RegistrySync", Sync)
    monkeypatch.setenv("VIGIE_MAX_IN_FLIGHT", "not even a number")
    words = [command, "--once"] if command == "follow" else [command]
    with caplog.at_level(logging.WARNING, "vigie.settings"):
        said = CliRunner().invoke(main, words)
    assert said.exit_code == 0, said.output
    assert [record.getMessage() for record in caplog.records] == [
        "VIGIE_MAX_IN_FLIGHT is no setting any more and is ignored"
    ]
    assert len(ran) == 1


# --- nobody else reads the environment


def _environment_uses(path: Path) -> Iterator[tuple[str, str]]:
    """What a module does with `os.environ` or `os.getenv`: its name, and the code around."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "environb")):
            continue
        # that of a WSGI request is called so too
        if ast.unparse(node.value) == "os":
            yield str(path.relative_to(SOURCE)), ast.unparse(parents[node])


def test_settings_alone_read_the_environment() -> None:
    uses = [use for path in sorted(SOURCE.rglob("*.py")) for use in _environment_uses(path)]
    assert uses
    readers = {
        name
        for name, code in uses
        # to set a switch of a library, or to hand everything on to a child, is not to read
        if not code.endswith("environ.setdefault") and not code.startswith("{**os.environ,")
    }
    # Spark asks variables for its Java and Python, and spark-submit says by one that it is there
    spark = {"spark/session.py", "spark/submission.py"}
    assert not any("VIGIE_" in code for name, code in uses if name in spark)
    of_settings = {"settings/former.py", "settings/registry.py", "settings/unknown.py"}
    assert readers == {*of_settings, *spark}


def test_the_address_of_a_service_of_kubernetes_is_recognised(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VIGIE_PORT", "tcp://10.96.4.2:5000")
    monkeypatch.setenv("VIGIE_SERVICE_HOST", "10.96.4.2")
    with pytest.raises(ConfigurationError, match=r"^VIGIE_PORT: .*enableServiceLinks: false"):
        load_settings()


def test_the_names_of_the_stack_are_those_of_its_files() -> None:
    texts = [path.read_text() for path in SOURCE.parents[2].glob("docker-compose*.yml")]
    filled_in = {name for text in texts for name in re.findall(r"\$\{(VIGIE_\w+)", text)}
    passed_on = {
        name for text in texts for name in re.findall(r"^ +(VIGIE_\w+):$", text, re.MULTILINE)
    }
    settings = {variable_of(name) for name in FIELDS}
    assert (filled_in | passed_on) - settings == STACK - {"VIGIE_WITHOUT"}
    assert not STACK & settings


def test_a_name_that_nothing_reads_is_told_with_the_nearest_one() -> None:
    names = ["VIGIE_DRAIN_SECOND", "VIGIE_DRAIN_SECONDS", "VIGIE_REPLICAS", "DRAIN_SECOND"]
    assert unknown_settings(names) == {"VIGIE_DRAIN_SECOND": "VIGIE_DRAIN_SECONDS"}
    # what Kubernetes puts into every pod, and what tests are told
    others = [
        "VIGIE_SERVICE_HOST", "VIGIE_SERVICE_PORT_HTTP", "VIGIE_PORT_5000_TCP_ADDR",
        "VIGIE_TEST_DATA",
    ]  # fmt: skip
    assert unknown_settings(others) == {}


def test_a_process_names_what_it_ignores(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("VIGIE_PREDICTION_LOGS", "off")
    with caplog.at_level(logging.WARNING, "vigie.settings"):
        begin()
    assert caplog.messages == [
        "VIGIE_PREDICTION_LOGS is no setting and is ignored; did you mean VIGIE_PREDICTION_LOG?"
    ]
