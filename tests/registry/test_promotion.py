"""Which version serves: nothing worse without a word, a way back, and a record of every move."""

from __future__ import annotations

import copy
import getpass
import shutil
import stat
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import orjson
import pytest

from support.fake_mlflow import ARTIFACTS, REST, FakeMlflow, send, send_json
from support.packages import HOUSING_ROWS, housing_document, housing_graph, write_package
from vigie.errors import ConfigurationError, NotFound, RefusedPackage, RegistryError
from vigie.registry.cache import ModelCache
from vigie.registry.promotion import Promotions
from vigie.settings import Settings, load_settings

ROWS = "a" * 64


@pytest.fixture
def settings(mlflow: FakeMlflow, tmp_path: Path) -> Settings:
    return load_settings(
        mlflow_url=mlflow.url, cache=tmp_path / "c", audit_log=tmp_path / "log/audit.log"
    )


@pytest.fixture
def promotions(settings: Settings) -> Promotions:
    return Promotions(settings)


class Registered:
    """Registers versions with the figures that training would have measured."""

    def __init__(self, mlflow: FakeMlflow, folder: Path) -> None:
        self._mlflow, self._folder = mlflow, folder

    def __call__(self, version: str, error: float | None, rows: str = ROWS, **given: Any) -> Path:
        root = self._folder / version
        document = given.get("document", housing_document())
        digest = write_package(root, document, housing_graph(), HOUSING_ROWS)
        tags = {"held_out_sha256": rows, "error_metric": given.get("metric", "mae")}
        if error is not None:
            tags["error"] = repr(error)
        tags["generated"] = str(given.get("generated", False))
        self._mlflow.register(
            "housing", version, root, digest, "champion" if version == "1" else None, **tags
        )
        return root


@pytest.fixture
def registered(mlflow: FakeMlflow, tmp_path: Path) -> Registered:
    return Registered(mlflow, tmp_path / "registered")


def audit(settings: Settings) -> list[dict[str, Any]]:
    path = settings.audit_log
    return [orjson.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def champion(mlflow: FakeMlflow) -> str:
    return mlflow.aliases["housing"]["champion"]


def test_a_better_version_is_promoted_and_recorded(
    promotions: Promotions, registered: Registered, mlflow: FakeMlflow, settings: Settings
) -> None:
    registered("1", 20.0)
    registered("2", 10.0)
    move = promotions.promote("housing", "2", None, force=False)
    assert (move.version, move.left) == ("2", "1")
    assert mlflow.aliases["housing"] == {"champion": "2", "previous": "1"}
    tags = mlflow.tags("housing", "2")
    assert tags["vigie.promoted_by"].startswith(f"{getpass.getuser()}@")
    assert tags["vigie.promoted_at"].endswith("+00:00")
    assert (
        tags["vigie.promoted_because"] == "better than version 1 on the same rows (10 against 20)"
    )
    assert tags["vigie.promoted_from"] == "1"
    assert tags["vigie.promoted_digest"] == tags["vigie.digest"]
    (line,) = audit(settings)
    assert line == {
        "when": line["when"],
        "who": tags["vigie.promoted_by"],
        "what": "promote",
        "model": "housing",
        "from_version": "1",
        "from_digest": mlflow.tags("housing", "1")["vigie.digest"],
        "to_version": "2",
        "to_digest": tags["vigie.digest"],
        "why": tags["vigie.promoted_because"],
    }
    assert not stat.S_IMODE(settings.audit_log.stat().st_mode) & 0o007


def _worse(registered: Registered) -> None:
    registered("2", 20.5)


def _other_rows(registered: Registered) -> None:
    registered("2", 10.0, "b" * 64)


def _no_error(registered: Registered) -> None:
    registered("2", None)


def _error_that_is_none(registered: Registered) -> None:
    registered("2", float("nan"))


def _other_metric(registered: Registered) -> None:
    registered("2", 0.1, metric="error_rate")


def _generated(registered: Registered) -> None:
    registered("2", 1.0, generated=True)


def _narrower(registered: Registered) -> None:
    document = copy.deepcopy(housing_document())
    document["inputs"][1]["limits"] = [1, 20]
    registered("2", 1.0, document=document)


def _damaged(registered: Registered) -> None:
    root = registered("2", 1.0)
    (root / "vigie/model.onnx").write_bytes(b"rubbish")


REFUSED = {
    "worse": (_worse, "worse than version 1 on the same rows"),
    "other rows": (_other_rows, "not measured on the same rows"),
    "no figure": (_no_error, "version 2 has no recorded error"),
    "no number": (_error_that_is_none, "version 2 has no recorded error"),
    "other figure": (_other_metric, "not measured on the same rows"),
    "generated data": (_generated, "trained on generated data, version 1 on real data"),
    "breaks callers": (_narrower, "break callers of version 1: input rooms: limits"),
    "damaged": (_damaged, "differs from its sha256"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_promoted_and_why(
    promotions: Promotions,
    registered: Registered,
    mlflow: FakeMlflow,
    settings: Settings,
    case: str,
) -> None:
    plant, reason = REFUSED[case]
    registered("1", 20.0)
    plant(registered)
    with pytest.raises(RefusedPackage, match=reason) as refused:
        promotions.promote("housing", "2", None, force=False)
    assert "--force" in str(refused.value)
    assert (mlflow.changes, audit(settings), champion(mlflow)) == ([], [], "1")
    move = promotions.promote("housing", "2", "the flat market moved", force=True)
    assert champion(mlflow) == "2"
    assert move.because.startswith("the flat market moved, forced although ")
    (line,) = audit(settings)
    assert line["why"] == move.because


def test_the_first_version_and_one_in_place_of_a_broken_champion_need_no_comparison(
    promotions: Promotions, registered: Registered, mlflow: FakeMlflow
) -> None:
    root = registered("1", None)
    del mlflow.aliases["housing"]["champion"]
    assert promotions.promote("housing", "1", None, force=False).because == "the first version"
    assert mlflow.aliases["housing"] == {"champion": "1"}
    (root / "MLmodel").write_text("changed")
    registered("2", 5.0)
    move = promotions.promote("housing", "2", None, force=False)
    assert move.because.startswith("version 1 cannot serve: a file differs")


def test_real_data_replaces_generated_data(promotions: Promotions, registered: Registered) -> None:
    registered("1", 1.0, generated=True)
    registered("2", 20.0, "b" * 64)
    move = promotions.promote("housing", "2", None, force=False)
    assert move.because == "trained on real data, version 1 on generated data"


def test_what_is_not_there_is_named(promotions: Promotions, registered: Registered) -> None:
    with pytest.raises(NotFound, match="no such model"):
        promotions.promote("housing", "2", None, force=True)
    registered("1", 1.0)
    with pytest.raises(NotFound, match="no version 2 of housing: the newest are 1"):
        promotions.promote("housing", "2", None, force=True)
    with pytest.raises(RefusedPackage, match="the champion already"):
        promotions.promote("housing", "1", None, force=True)


def test_rollback_goes_back_one_version_at_a_time_and_never_in_circles(
    promotions: Promotions, registered: Registered, mlflow: FakeMlflow, settings: Settings
) -> None:
    for number in (1, 2, 3):
        registered(str(number), 30.0 - number)
        if number > 1:
            promotions.promote("housing", str(number), None, force=False)
    move = promotions.rollback("housing", "prices are off")
    assert (move.version, move.left, champion(mlflow)) == ("2", "3", "2")
    assert mlflow.aliases["housing"]["previous"] == "1"
    left = mlflow.tags("housing", "3")
    assert left["vigie.rolled_back_because"] == "prices are off"
    assert left["vigie.rolled_back_by"] == mlflow.tags("housing", "2")["vigie.promoted_by"]
    assert promotions.rollback("housing", None).version == "1"
    assert mlflow.aliases["housing"] == {"champion": "1"}
    with pytest.raises(NotFound, match="version 1 has no version before it"):
        promotions.rollback("housing", None)
    what = [(line["what"], line["from_version"], line["to_version"]) for line in audit(settings)]
    assert what == [
        ("promote", "1", "2"),
        ("promote", "2", "3"),
        ("rollback", "3", "2"),
        ("rollback", "2", "1"),
    ]


def test_rollback_never_lands_on_a_version_that_was_rolled_back(
    promotions: Promotions, registered: Registered, mlflow: FakeMlflow
) -> None:
    registered("1", 20.0)
    registered("2", 10.0)
    registered("3", 5.0)
    promotions.promote("housing", "2", None, force=False)
    promotions.rollback("housing", None)
    mlflow.aliases["housing"]["previous"] = "2"
    with pytest.raises(RefusedPackage, match="version 2 was itself rolled back at"):
        promotions.rollback("housing", None)
    promotions.promote("housing", "2", None, force=False)
    assert "vigie.rolled_back_at" not in mlflow.tags("housing", "2")
    promotions.promote("housing", "3", None, force=False)
    assert promotions.rollback("housing", None).version == "2"


def test_rollback_follows_the_alias_where_the_champion_was_moved_by_hand(
    promotions: Promotions, registered: Registered, mlflow: FakeMlflow
) -> None:
    registered("1", 20.0)
    registered("2", 10.0)
    mlflow.aliases["housing"] = {"champion": "2", "previous": "1"}
    assert promotions.rollback("housing", None).version == "1"
    del mlflow.aliases["housing"]["champion"]
    with pytest.raises(NotFound, match="no champion"):
        promotions.rollback("housing", None)


def test_rollback_downloads_nothing_that_the_cache_holds(
    promotions: Promotions, registered: Registered, mlflow: FakeMlflow, settings: Settings
) -> None:
    root = registered("1", 20.0)
    registered("2", 10.0)
    promotions.promote("housing", "2", None, force=False)
    cache = ModelCache(settings.cache)
    with cache.lock("housing") as incoming:
        shutil.copytree(root, incoming, dirs_exist_ok=True)
        digest = mlflow.tags("housing", "1")["vigie.digest"]
        cache.install("housing", incoming, digest, "1", "run")
    mlflow.answers[ARTIFACTS] = lambda h: send(h, b"", status=500)
    assert promotions.rollback("housing", None).version == "1"


def test_rollback_never_goes_to_a_version_that_would_be_refused(
    promotions: Promotions, registered: Registered, mlflow: FakeMlflow, settings: Settings
) -> None:
    registered("1", 20.0)
    registered("2", 10.0)
    promotions.promote("housing", "2", None, force=False)
    broken = registered("3", 5.0)
    (broken / "vigie/model.onnx").write_bytes(b"rubbish")
    # in MLflow by hand; refused by model-sync, and the good one is promoted anew
    mlflow.aliases["housing"]["champion"] = "3"
    promotions.promote("housing", "2", None, force=False)
    before = dict(mlflow.aliases["housing"]), len(audit(settings))
    with pytest.raises(RefusedPackage, match="version 3 would be refused: a file differs") as told:
        promotions.rollback("housing", None)
    assert "`vigie promote housing --version N`" in str(told.value)
    assert (mlflow.aliases["housing"], len(audit(settings))) == before


def test_rollback_passes_over_a_version_that_would_be_refused(
    promotions: Promotions, registered: Registered, mlflow: FakeMlflow
) -> None:
    registered("1", 20.0)
    registered("2", 10.0)
    promotions.promote("housing", "2", None, force=False)
    (registered("3", 5.0) / "vigie/model.onnx").write_bytes(b"rubbish")
    promotions.promote("housing", "3", None, force=True)
    registered("4", 4.0)
    promotions.promote("housing", "4", None, force=False)
    assert promotions.rollback("housing", None).version == "2"
    assert mlflow.aliases["housing"] == {"champion": "2", "previous": "1"}


def test_a_log_that_cannot_be_written_stops_the_move_before_it_happens(
    registered: Registered, mlflow: FakeMlflow, settings: Settings, tmp_path: Path
) -> None:
    registered("1", 20.0)
    registered("2", 10.0)
    (tmp_path / "file").write_text("")
    blocked = settings.model_copy(update={"audit_log": tmp_path / "file/audit.log"})
    with pytest.raises(ConfigurationError, match="VIGIE_AUDIT_LOG"):
        Promotions(blocked).promote("housing", "2", None, force=False)
    assert mlflow.changes == []


def test_an_account_that_may_only_read_is_told_so(
    promotions: Promotions, registered: Registered, mlflow: FakeMlflow, settings: Settings
) -> None:
    registered("1", 20.0)
    registered("2", 10.0)
    mlflow.answers[f"{REST}model-versions/set-tag"] = lambda h: send_json(
        h, {"error_code": "PERMISSION_DENIED"}, 403
    )
    with pytest.raises(RegistryError, match="403; an account that may do this") as failed:
        promotions.promote("housing", "2", None, force=False)
    assert mlflow.url not in str(failed.value)
    assert (champion(mlflow), audit(settings)) == ("1", [])


def test_a_move_that_mlflow_does_not_make_is_told(
    promotions: Promotions, registered: Registered, mlflow: FakeMlflow
) -> None:
    registered("1", 20.0)
    registered("2", 10.0)
    mlflow.answers[f"{REST}registered-models/alias"] = lambda h: send_json(
        h, {"error_code": "RESOURCE_DOES_NOT_EXIST"}, 404
    )
    with pytest.raises(RegistryError, match="did not make the change"):
        promotions.promote("housing", "2", None, force=True)


def test_a_move_is_recorded_as_soon_as_it_is_made(
    promotions: Promotions, registered: Registered, mlflow: FakeMlflow, settings: Settings
) -> None:
    registered("1", 20.0)
    registered("2", 10.0)
    moves: list[str] = []

    def only_the_first(handler: BaseHTTPRequestHandler) -> None:
        if handler.command == "GET":
            send_json(handler, {"model_version": mlflow.versions["housing", "1"]})
            return
        moves.append(handler.path)
        send_json(handler, {}, 200 if len(moves) == 1 else 500)

    mlflow.answers[f"{REST}registered-models/alias"] = only_the_first
    with pytest.raises(RegistryError, match="answered 500"):
        promotions.promote("housing", "2", None, force=False)
    assert [line["to_version"] for line in audit(settings)] == ["2"]
