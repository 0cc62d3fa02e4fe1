"""Settings: each explained, each an environment variable, a wrong one named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from vigie.errors import ConfigurationError
from vigie.settings import Settings, load_settings, usable_cores


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("VIGIE_")]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_explained(name: str) -> None:
    field = Settings.model_fields[name]
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
    "database_url": ("sqlite:///x.db", SecretStr("sqlite:///x.db")),
    "housing_years": ("2022,2023", (2022, 2023)),
}


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_read_from_its_variable(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = Settings.model_fields[name].annotation
    plain: dict[object, tuple[str, object]] = {
        bool: ("yes", True), int: ("2048", 2048), float: ("7.5", 7.5), str: ("x", "x"),
        Path: ("x/y", Path("x/y")), str | None: ("x", "x"), Path | None: ("x/y", Path("x/y")),
    }  # fmt: skip
    text, expected = EXAMPLES.get(name) or plain[kind]
    if name == "workers":
        text, expected = "3", 3
    monkeypatch.setenv(f"VIGIE_{name.upper()}", text)
    assert getattr(load_settings(), name) == expected


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
        ("HOUSING_YEARS", "2022,,2023"),
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
    monkeypatch.setattr("vigie.settings.CPU_QUOTA", tmp_path / "cpu.max")
    if limit:
        (tmp_path / "cpu.max").write_text(f"{limit}\n")
    assert load_settings().workers == cores
