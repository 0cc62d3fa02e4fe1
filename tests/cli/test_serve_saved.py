"""The command that serves a folder of SavedModels: what it refuses, and its other defaults."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import vigie.serving
from vigie.cli.main import main
from vigie.serving.companions import Companion
from vigie.settings import Settings


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Settings]]:
    """The settings of each service that would have begun."""
    begun: list[Settings] = []

    def note(settings: Settings, companions: Sequence[Companion]) -> None:
        assert len(companions) == 1
        begun.append(settings)

    monkeypatch.setattr(vigie.serving, "serve", note)
    level = logging.getLogger().level
    yield begun
    logging.getLogger().setLevel(level)


def serve_saved(*words: str, **environment: str) -> Result:
    return CliRunner().invoke(main, ["serve-saved", *words], env=environment)


def model(base: Path, name: str) -> None:
    folder = base / name / "1"
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").touch()


def test_what_it_finds_is_required_and_nothing_is_shared_with_other_commands(
    served: list[Settings], tmp_path: Path
) -> None:
    model(tmp_path, "iris")
    model(tmp_path, "homes")
    assert serve_saved(str(tmp_path)).exit_code == 0
    (settings,) = served
    assert settings.models == ("homes", "iris", "*")
    assert (settings.port, settings.poll_seconds) == (8501, 1.0)
    assert settings.cache == Path("var/saved/cache")
    assert settings.state == Path("var/saved/state")
    assert settings.mlflow_public_url == ""


def test_settings_come_before_its_defaults(served: list[Settings], tmp_path: Path) -> None:
    model(tmp_path, "iris")
    environment = {
        "VIGIE_PORT": "8600", "VIGIE_MODELS": "other", "VIGIE_CACHE": "here", "MODEL_NAME": "iris",
    }  # fmt: skip
    assert serve_saved(str(tmp_path), **environment).exit_code == 0
    assert serve_saved("--port", "8700", MODEL_BASE_PATH=str(tmp_path)).exit_code == 0
    first, second = served
    assert (first.port, first.models, first.cache) == (8600, ("other",), Path("here"))
    assert (second.port, second.models) == (8700, ("iris", "*"))


def test_the_name_of_the_environment_is_required_also_before_it_is_there(
    served: list[Settings], tmp_path: Path
) -> None:
    assert serve_saved(MODEL_BASE_PATH=str(tmp_path), MODEL_NAME="iris").exit_code == 0
    assert serve_saved(MODEL_BASE_PATH=str(tmp_path), MODEL_NAME="").exit_code == 0
    assert [one.models for one in served] == [("iris", "*"), ("*",)]


def test_models_in_a_bucket_are_copied_before_it_starts(
    served: list[Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # an address of this machine is read by the very code that reads buckets
    monkeypatch.setattr("vigie.registry.bucket.SCHEMES", ("file",))
    model(tmp_path / "remote", "iris")
    state = tmp_path / "state"
    done = serve_saved((tmp_path / "remote").as_uri(), VIGIE_STATE=str(state))
    assert done.exit_code == 0, done.stderr
    (settings,) = served
    assert (settings.models, settings.poll_seconds) == (("iris", "*"), 5.0)
    assert (state / "bucket" / "models" / "remote" / "iris" / "1" / "saved_model.pb").is_file()


@pytest.mark.parametrize(
    ("folder", "environment", "reason"),
    [
        (
            "ftp://host/models",
            {},
            "ftp:// is not read; name a folder of this machine, gs:// or s3://",
        ),
        ("gs://?nonsense", {}, "gs:// cannot be read"),
        ("absent", {}, "there is no folder absent"),
        (".", {"MODEL_NAME": "My Model"}, "a model name has lower-case letters"),
    ],
)
def test_what_cannot_be_served_is_told(
    served: list[Settings], folder: str, environment: dict[str, str], reason: str
) -> None:
    done = serve_saved(folder, **environment)
    assert done.exit_code != 0
    assert reason in " ".join(done.stderr.split())
    assert served == []


def test_without_tensorflow_it_says_what_to_install(
    served: list[Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    done = serve_saved(str(tmp_path))
    assert "pip install 'vigie[train]'" in done.stderr
    assert served == []
