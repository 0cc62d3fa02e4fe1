"""The importer: what it takes up, what it leaves alone, and what it writes on a version."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.fake_mlflow import FakeMlflow, send
from support.waiting import wait_until
from vigie.errors import BrokenPackage, RefusedPackage
from vigie.registry import importer as importing
from vigie.registry.client import DIGEST_TAG, RegisteredVersion
from vigie.registry.importer import ALIVE, Importer
from vigie.registry.package_maker import CancelWatch, Made
from vigie.settings import Settings

DIGEST = "d" * 64
Make = Callable[[Path, RegisteredVersion, bool, Settings, CancelWatch], Made]


class Maker:
    """Stands for the process that makes a package: adds one file, or fails as it is told."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, bool]] = []
        self.failure: Exception | None = None
        self.meanwhile: Callable[[CancelWatch], None] = lambda watch: watch()

    def __call__(
        self, root: Path, version: RegisteredVersion, begun: bool, _: Settings, watch: CancelWatch
    ) -> Made:
        assert (root / "MLmodel").read_text() == "the user's own"
        self.asked.append((version.name, version.version, begun))
        self.meanwhile(watch)
        if self.failure:
            raise self.failure
        (root / "vigie").mkdir(exist_ok=True)
        (root / "vigie/package.json").write_text("{}")
        return Made(DIGEST, ("vigie/package.json",))


@pytest.fixture
def maker(monkeypatch: pytest.MonkeyPatch) -> Maker:
    maker = Maker()
    monkeypatch.setattr(importing, "make_package", maker)
    monkeypatch.setattr(importing, "CLAIM_SECONDS", 0.0)
    return maker


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    return settings.model_copy(update={"state": tmp_path / "state", "models": ("*",)})


@pytest.fixture
def log_model(mlflow: FakeMlflow, tmp_path: Path) -> Callable[..., Path]:
    def log(name: str = "churn", version: str = "1", alias: str | None = "champion") -> Path:
        folder = tmp_path / "logged" / name / version
        folder.mkdir(parents=True)
        (folder / "MLmodel").write_text("the user's own")
        mlflow.register(name, version, folder, None, alias)
        return folder

    return log


Log = Callable[..., Path]


def let_pass(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stops the clock so much later."""
    later = time.monotonic() + seconds
    monkeypatch.setattr(time, "monotonic", lambda: later)


def test_a_champion_becomes_a_package_under_its_own_number(
    settings: Settings, mlflow: FakeMlflow, maker: Maker, log_model: Log
) -> None:
    folder = log_model()
    assert Importer(settings).look_once() == {"churn": "imported"}
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert files == {"MLmodel", "vigie/package.json"}
    tags = mlflow.tags("churn", "1")
    assert (tags[DIGEST_TAG], tags["vigie.import"]) == (DIGEST, "done")
    # the digest says that all is there: it is the last change of all
    assert mlflow.changes[-1][2]["key"] == DIGEST_TAG
    assert mlflow.aliases["churn"] == {"champion": "1"}
    assert list(mlflow.versions) == [("churn", "1")]
    assert [path.name for path in settings.state.iterdir()] == [ALIVE]


def test_a_package_is_left_alone_and_costs_one_question(
    settings: Settings, mlflow: FakeMlflow, maker: Maker, log_model: Log
) -> None:
    log_model()
    importer = Importer(settings)
    importer.look_once()
    assert importer.look_once() == {"churn": "package"}
    asked = len(mlflow.asked)
    assert importer.look_once() == {"churn": "package"}
    assert len(mlflow.asked) == asked + 1
    assert len(maker.asked) == 1


def test_only_what_an_alias_names_is_imported(
    settings: Settings, mlflow: FakeMlflow, maker: Maker, log_model: Log
) -> None:
    log_model(version="1", alias=None)
    log_model(version="2")
    log_model(version="3", alias="challenger")
    log_model("draft", alias="candidate")
    Importer(settings).look_once()
    assert [number for _, number, _ in maker.asked] == ["2", "3"]
    alone = settings.model_copy(update={"challenger_share": 0.0, "canary_share": 0.0})
    log_model(version="4", alias="challenger")
    Importer(alone).look_once()
    assert len(maker.asked) == 2


def test_a_refusal_is_written_down_and_not_repeated_by_this_process(
    settings: Settings, mlflow: FakeMlflow, maker: Maker, log_model: Log
) -> None:
    log_model()
    maker.failure = RefusedPackage("it holds code")
    importer = Importer(settings)
    assert importer.look_once() == {"churn": "refused"}
    tags = mlflow.tags("churn", "1")
    assert (tags["vigie.import"], tags["vigie.import.reason"]) == ("failed", "it holds code")
    assert DIGEST_TAG not in tags
    assert importer.look_once() == {"churn": "refused"}
    assert len(maker.asked) == 1
    # another process may be another program
    maker.failure = None
    assert Importer(settings).look_once() == {"churn": "imported"}
    assert maker.asked[1] == ("churn", "1", True)


def test_a_process_that_died_is_a_reason_and_tried_again_later(
    settings: Settings, mlflow: FakeMlflow, maker: Maker, log_model: Log,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    log_model()
    log_model("other")
    maker.failure = BrokenPackage("the system ended it; it is tried again")
    importer = Importer(settings)
    assert importer.look_once() == {"churn": "refused", "other": "refused"}
    assert mlflow.tags("churn", "1")["vigie.import.reason"].startswith("the system ended it")
    assert importer.look_once() == {"churn": "refused", "other": "refused"}
    assert len(maker.asked) == 2
    maker.failure = None
    let_pass(3600, monkeypatch)
    assert importer.look_once() == {"churn": "imported", "other": "imported"}


def test_a_registry_that_fails_is_no_reason(
    settings: Settings, mlflow: FakeMlflow, maker: Maker, log_model: Log,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    log_model()
    upload = "/api/2.0/mlflow-artifacts/artifacts/1/models/churn/1/vigie/package.json"
    mlflow.answers[upload] = lambda handler: send(handler, b"", status=500)
    importer = Importer(settings)
    assert importer.look_once() == {"churn": "failed"}
    assert mlflow.tags("churn", "1")["vigie.import"] == "running"
    del mlflow.answers[upload]
    let_pass(3600, monkeypatch)
    assert importer.look_once() == {"churn": "imported"}


def test_what_another_importer_is_at_is_left_until_it_says_no_more(
    settings: Settings, mlflow: FakeMlflow, maker: Maker, log_model: Log,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    log_model()
    mlflow.versions["churn", "1"]["tags"] = [
        {"key": "vigie.import", "value": "running"}, {"key": "vigie.importer", "value": "other 3"},
    ]  # fmt: skip
    importer = Importer(settings)
    assert importer.look_once() == {"churn": "left"}
    assert maker.asked == []
    let_pass(61, monkeypatch)
    assert importer.look_once() == {"churn": "imported"}


def test_of_two_at_once_one_makes_the_package(
    settings: Settings, mlflow: FakeMlflow, maker: Maker, log_model: Log,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(importing, "CLAIM_SECONDS", 1.0)
    log_model()
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda own: own.look_once(), [Importer(settings) for _ in "ab"]))
    assert sorted(result["churn"] for result in results) == ["imported", "left"]
    assert len(maker.asked) == 1


def test_who_was_overtaken_changes_nothing_more(
    settings: Settings, mlflow: FakeMlflow, maker: Maker, log_model: Log
) -> None:
    folder = log_model()

    def overtake(_: CancelWatch) -> None:
        tags = [{"key": "vigie.importer", "value": "other 0"}]
        mlflow.versions["churn", "1"]["tags"] = tags

    maker.meanwhile = overtake
    assert Importer(settings).look_once() == {"churn": "left"}
    assert [path.name for path in folder.iterdir()] == ["MLmodel"]
    assert mlflow.tags("churn", "1") == {"vigie.importer": "other 0"}


def test_it_says_that_it_goes_on_and_lets_go_when_it_is_to_end(
    settings: Settings, mlflow: FakeMlflow, maker: Maker, log_model: Log,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(importing, "BEAT_SECONDS", 0.0)
    log_model()
    stop, begun = threading.Event(), threading.Event()

    def go_on(watch: CancelWatch) -> None:
        while True:
            watch()
            begun.set()

    maker.meanwhile = go_on
    running = threading.Thread(target=Importer(settings).run, args=(stop,))
    running.start()
    assert begun.wait(60)
    before = mlflow.tags("churn", "1")["vigie.importer"]
    wait_until(lambda: mlflow.tags("churn", "1")["vigie.importer"] != before, 60)
    assert (settings.state / ALIVE).exists()
    stop.set()
    running.join(60)
    assert not running.is_alive()
    assert "vigie.import" not in mlflow.tags("churn", "1")


def test_switched_off_it_sleeps(
    settings: Settings, mlflow: FakeMlflow, maker: Maker, log_model: Log
) -> None:
    log_model()
    stop = threading.Event()
    off = Importer(settings.model_copy(update={"import_": "off"}))
    running = threading.Thread(target=off.run, args=(stop,))
    running.start()
    wait_until((settings.state / ALIVE).exists, 60)
    stop.set()
    running.join(60)
    assert (mlflow.asked, maker.asked) == ([], [])


def test_a_registry_that_is_away_is_told_once_and_what_was_left_behind_is_removed(
    settings: Settings, mlflow: FakeMlflow, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    (settings.state / "import-left").mkdir(parents=True)
    mlflow.lie = lambda handler: send(handler, b"<html>", "text/html", 502)
    stop = threading.Event()
    running = threading.Thread(target=Importer(settings).run, args=(stop,))
    running.start()
    wait_until(lambda: "nothing is imported" in caplog.text, 60)
    stop.set()
    running.join(60)
    assert not (settings.state / "import-left").exists()
