"""Following the registry: the cache changes only for a version that proved itself."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import logging
import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import SimpleNamespace

import orjson
import pytest

from support.fake_mlflow import ARTIFACTS, REST, FakeMlflow, fake_mlflow, send, send_json
from support.packages import (
    HOUSING_ROWS,
    IRIS_ROWS,
    housing_document,
    housing_graph,
    iris_document,
    iris_graph,
    slow_housing_graph,
    write_package,
)
from support.waiting import wait_until
from vigie.errors import BrokenPackage, RefusedPackage, RegistryError
from vigie.models.manifest import verify_manifest, write_manifest
from vigie.models.signing import load_private_key, new_keys, sign_package
from vigie.registry.cache import CHALLENGER, CachedVersion, ModelCache
from vigie.registry.client import RegisteredVersion
from vigie.registry.follow import Follower, pause
from vigie.registry.refusals import RefusedVersions
from vigie.settings import Settings, load_settings


@pytest.fixture
def mlflow() -> Iterator[FakeMlflow]:
    with fake_mlflow() as fake:
        yield fake


@pytest.fixture
def settings(mlflow: FakeMlflow, tmp_path: Path) -> Settings:
    return load_settings(
        mlflow_url=mlflow.url,
        cache=tmp_path / "cache",
        models=("housing",),
        poll_seconds=0.01,
        registry_timeout_seconds=60.0,
    )


@pytest.fixture
def cache(settings: Settings) -> ModelCache:
    return ModelCache(settings.cache)


@pytest.fixture
def follower(settings: Settings) -> Follower:
    return Follower(settings)


class Registry:
    """Makes and registers test packages."""

    def __init__(self, mlflow: FakeMlflow, folder: Path) -> None:
        self._mlflow = mlflow
        self._folder = folder

    def housing(self, version: str, factor: float = 1.0, name: str = "housing") -> str:
        root = self._folder / f"{name}-{version}"
        document = housing_document(name, factor)
        digest = write_package(root, document, housing_graph(factor), HOUSING_ROWS)
        self._mlflow.register(name, version, root, digest)
        return digest

    def narrower(self, version: str) -> str:
        """A version that takes fewer rooms than version 1 did."""
        root = self._folder / f"narrower-{version}"
        document = copy.deepcopy(housing_document())
        document["inputs"][1]["limits"] = [1, 20]
        digest = write_package(root, document, housing_graph(2.0), HOUSING_ROWS)
        self._mlflow.register("housing", version, root, digest)
        return digest

    def slow(self, version: str) -> str:
        """A version whose graph multiplies large matrices for every row."""
        root = self._folder / f"slow-{version}"
        digest = write_package(root, housing_document(), slow_housing_graph(), HOUSING_ROWS)
        self._mlflow.register("housing", version, root, digest)
        return digest

    def iris(self, version: str = "1") -> str:
        root = self._folder / f"iris-{version}"
        digest = write_package(root, iris_document(), iris_graph(), IRIS_ROWS)
        self._mlflow.register("iris", version, root, digest)
        return digest

    def wrong(self, version: str) -> str:
        """A version whose golden rows do not fit, honestly registered."""
        root = self._folder / f"wrong-{version}"
        write_package(root, housing_document(), housing_graph(), HOUSING_ROWS)
        path = root / "vigie/golden.json"
        golden = {**orjson.loads(path.read_bytes()), "outputs": {"price_eur": [1, 2]}}
        path.write_bytes(orjson.dumps(golden))
        digest = write_manifest(root)
        self._mlflow.register("housing", version, root, digest)
        return digest


@pytest.fixture
def registry(mlflow: FakeMlflow, tmp_path: Path) -> Registry:
    return Registry(mlflow, tmp_path / "registered")


def served(cache: ModelCache, name: str = "housing") -> CachedVersion:
    found = cache.champion(name)
    assert found is not None
    verify_manifest(found.root, found.digest)
    return found


def version_of(cache: ModelCache, name: str) -> str | None:
    found = cache.champion(name)
    return found.version if found else None


def snapshot(folder: Path) -> dict[str, object]:
    """Every file of a folder with what it holds, every link with where it leads."""
    return {
        path.relative_to(folder).as_posix(): (
            path.readlink() if path.is_symlink() else path.read_bytes() if path.is_file() else None
        )
        for path in folder.rglob("*")
    }


def test_the_first_version_is_installed_and_then_current(
    follower: Follower, cache: ModelCache, registry: Registry, mlflow: FakeMlflow
) -> None:
    assert follower.follow_once() == {"housing": "absent"}
    digest = registry.housing("1")
    assert follower.follow_once() == {"housing": "installed"}
    found = served(cache)
    assert (found.digest, found.version, found.run_id) == (digest, "1", "run1")
    downloads = mlflow.downloads()
    assert follower.follow_once() == {"housing": "current"}
    assert mlflow.downloads() == downloads > 0


def test_the_second_version_takes_over_and_the_first_stays_for_one_more(
    follower: Follower, cache: ModelCache, registry: Registry
) -> None:
    digests = []
    for version in ("1", "2", "3"):
        digests.append(registry.housing(version, float(version)))
        assert follower.follow_once() == {"housing": "installed"}
        assert served(cache).version == version
    kept = [cache.find("housing", digest) is not None for digest in digests]
    assert kept == [False, True, True]


def test_going_back_needs_no_download(
    follower: Follower, cache: ModelCache, registry: Registry, mlflow: FakeMlflow
) -> None:
    first = registry.housing("1")
    follower.follow_once()
    registry.housing("2", 2.0)
    follower.follow_once()
    downloads = mlflow.downloads()
    mlflow.aliases["housing"]["champion"] = "1"
    assert follower.follow_once() == {"housing": "installed"}
    assert (served(cache).digest, mlflow.downloads()) == (first, downloads)


def test_the_same_package_under_another_version_is_renamed_without_a_download(
    follower: Follower, cache: ModelCache, registry: Registry, mlflow: FakeMlflow, tmp_path: Path
) -> None:
    digest = registry.housing("1")
    follower.follow_once()
    downloads = mlflow.downloads()
    mlflow.register("housing", "8", tmp_path / "registered/housing-1", digest)
    assert follower.follow_once() == {"housing": "installed"}
    assert (served(cache).version, mlflow.downloads()) == ("8", downloads)


def test_a_wrong_version_is_refused_once_and_the_old_one_goes_on(
    follower: Follower,
    cache: ModelCache,
    registry: Registry,
    mlflow: FakeMlflow,
    caplog: pytest.LogCaptureFixture,
) -> None:
    good = registry.housing("1")
    follower.follow_once()
    wrong = registry.wrong("2")
    assert follower.follow_once() == {"housing": "refused"}
    refusal = cache.refusal("housing")
    assert refusal is not None
    assert (refusal.version, refusal.digest) == ("2", wrong)
    assert "differs by up to" in refusal.reason
    downloads = mlflow.downloads()
    for _ in range(3):
        assert follower.follow_once() == {"housing": "refused"}
    assert mlflow.downloads() == downloads
    assert cache.registry_state().refusals == {"housing": 1}
    assert [r.levelno for r in caplog.records].count(logging.ERROR) == 1
    assert served(cache).digest == good
    assert cache.find("housing", wrong) is None


def test_a_refused_model_is_tried_again_when_it_changes(
    follower: Follower, cache: ModelCache, registry: Registry, settings: Settings
) -> None:
    registry.wrong("1")
    follower.follow_once()
    registry.wrong("2")
    follower.follow_once()
    assert cache.registry_state().refusals == {"housing": 2}
    restarted = Follower(settings)
    assert restarted.follow_once() == {"housing": "refused"}
    assert cache.registry_state().refusals == {"housing": 2}
    registry.housing("3")
    assert restarted.follow_once() == {"housing": "installed"}
    assert cache.refusal("housing") is None
    assert cache.registry_state().refusals == {"housing": 2}


@pytest.mark.parametrize(
    ("digest", "reason"),
    [(None, "vigie train"), ("../../../x", "digest differs"), ("0" * 64, "digest differs")],
)
def test_a_version_with_a_strange_digest_is_refused(
    follower: Follower,
    cache: ModelCache,
    registry: Registry,
    mlflow: FakeMlflow,
    tmp_path: Path,
    digest: str | None,
    reason: str,
) -> None:
    registry.housing("1")
    mlflow.register("housing", "1", tmp_path / "registered/housing-1", digest)
    for _ in range(2):
        assert follower.follow_once() == {"housing": "refused"}
    assert cache.registry_state().refusals == {"housing": 1}
    assert cache.champion("housing") is None
    refusal = cache.refusal("housing")
    assert refusal is not None
    assert reason in refusal.reason


def test_a_package_above_the_limit_is_refused(
    settings: Settings, cache: ModelCache, registry: Registry
) -> None:
    registry.housing("1")
    Follower(settings.model_copy(update={"max_package_bytes": 1024})).follow_once()
    refusal = cache.refusal("housing")
    assert refusal is not None
    assert "VIGIE_MAX_PACKAGE_BYTES" in refusal.reason


def test_a_version_that_breaks_callers_is_refused_unless_that_is_allowed(
    settings: Settings, cache: ModelCache, registry: Registry, mlflow: FakeMlflow
) -> None:
    registry.housing("1")
    Follower(settings).follow_once()
    registry.narrower("2")
    assert Follower(settings).follow_once() == {"housing": "refused"}
    assert served(cache).version == "1"
    refusal = cache.refusal("housing")
    assert refusal is not None
    assert "version 1: input rooms: limits 1 to 50 became 1 to 20" in refusal.reason
    allowing = settings.model_copy(update={"allow_breaking": True})
    assert Follower(allowing).follow_once() == {"housing": "installed"}
    assert served(cache).version == "2"


def test_going_back_is_open_even_where_it_breaks_callers_of_the_newer(
    settings: Settings, cache: ModelCache, registry: Registry, mlflow: FakeMlflow
) -> None:
    registry.narrower("1")
    Follower(settings).follow_once()
    registry.housing("2")
    assert Follower(settings).follow_once() == {"housing": "installed"}
    mlflow.aliases["housing"]["champion"] = "1"
    assert Follower(settings).follow_once() == {"housing": "installed"}
    assert served(cache).version == "1"


def test_a_version_that_is_much_slower_is_refused_unless_that_is_allowed(
    settings: Settings, cache: ModelCache, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the factor alone decides: on a quick machine even the slow graph is quick enough
    monkeypatch.setattr("vigie.registry.gate.latency.FREE_MS", 0.0)
    registry.housing("1")
    Follower(settings).follow_once()
    registry.slow("2")
    assert Follower(settings).follow_once() == {"housing": "refused"}
    assert served(cache).version == "1"
    refusal = cache.refusal("housing")
    assert refusal is not None
    said = re.fullmatch(
        r"it is too slow: (\S+) ms for 256 rows, the version that serves takes (\S+) ms "
        r"\(VIGIE_LATENCY_FACTOR=3\)",
        refusal.reason,
    )
    assert said is not None
    assert float(said[1]) > 3 * float(said[2]) > 0
    unlimited = settings.model_copy(update={"latency_factor": 0.0})
    assert Follower(unlimited).follow_once() == {"housing": "installed"}


def test_only_a_signed_version_is_taken_where_keys_are_set(
    settings: Settings,
    cache: ModelCache,
    registry: Registry,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    new_keys(tmp_path / "mine")
    new_keys(tmp_path / "thief")
    registry.housing("1")
    keys = (tmp_path / "mine.pub",)
    follower = Follower(settings.model_copy(update={"public_keys": keys}))
    with monkeypatch.context() as patch:
        patch.setattr("vigie.registry.gate.verify.verify_manifest", pytest.fail)
        assert follower.follow_once() == {"housing": "refused"}
        registry.housing("2", 2.0)
        package = tmp_path / "registered/housing-2"
        sign_package(package, load_private_key(tmp_path / "thief"))
        assert follower.follow_once() == {"housing": "refused"}
    refusal = cache.refusal("housing")
    assert refusal is not None
    assert (refusal.version, refusal.reason) == (
        "2",
        "its signature is by none of VIGIE_PUBLIC_KEYS",
    )
    registry.housing("3", 3.0)
    sign_package(tmp_path / "registered/housing-3", load_private_key(tmp_path / "mine"))
    assert follower.follow_once() == {"housing": "installed"}
    assert served(cache).version == "3"


def test_a_version_in_the_cache_is_asked_for_its_signature_too(
    settings: Settings, cache: ModelCache, registry: Registry, mlflow: FakeMlflow, tmp_path: Path
) -> None:
    registry.housing("1")
    Follower(settings).follow_once()
    registry.housing("2", 2.0)
    Follower(settings).follow_once()
    new_keys(tmp_path / "mine")
    mlflow.aliases["housing"]["champion"] = "1"
    asking = settings.model_copy(update={"public_keys": (tmp_path / "mine.pub",)})
    assert Follower(asking).follow_once() == {"housing": "refused"}
    assert served(cache).version == "2"


def test_a_registry_that_is_away_leaves_the_cache_as_it_is(
    settings: Settings, cache: ModelCache, registry: Registry
) -> None:
    registry.housing("1")
    Follower(settings).follow_once()
    before = snapshot(cache.folder)
    away = settings.model_copy(update={"mlflow_url": "http://127.0.0.1:1"})
    with pytest.raises(RegistryError):
        Follower(away).follow_once()
    assert snapshot(cache.folder) == before


def test_a_download_that_breaks_off_leaves_the_cache_as_it_is_and_is_tried_again(
    follower: Follower, cache: ModelCache, registry: Registry, mlflow: FakeMlflow
) -> None:
    registry.housing("1")
    follower.follow_once()
    before = snapshot(cache.folder)
    registry.housing("2", 2.0)
    path = f"{ARTIFACTS}/1/models/housing/2/vigie/model.onnx"
    mlflow.answers[path] = lambda h: send(h, b"half", length=4000)
    with pytest.raises(RegistryError, match="broke off"):
        follower.follow_once()
    assert snapshot(cache.folder) == before
    del mlflow.answers[path]
    assert follower.follow_once() == {"housing": "installed"}


def test_a_model_that_cannot_be_fetched_does_not_hold_up_the_others(
    settings: Settings, cache: ModelCache, registry: Registry, mlflow: FakeMlflow
) -> None:
    registry.housing("1")
    registry.iris()
    uri = f"{REST}model-versions/get-download-uri"

    def only_iris(handler: BaseHTTPRequestHandler) -> None:
        name = "iris" if "name=iris" in handler.path else "housing"
        address = "mlflow-artifacts:/1/models/iris/1" if name == "iris" else "s3://bucket"
        send_json(handler, {"artifact_uri": address})

    mlflow.answers[uri] = only_iris
    both = settings.model_copy(update={"models": ("housing", "iris")})
    assert Follower(both).follow_once() == {"housing": "refused", "iris": "installed"}
    refusal = cache.refusal("housing")
    assert refusal is not None
    assert "--serve-artifacts" in refusal.reason
    del mlflow.answers[uri]
    registry.housing("2")
    mlflow.answers[f"{ARTIFACTS}/1/models/housing/2/MLmodel"] = lambda h: send(h, b"", status=500)
    registry.iris("2")
    with pytest.raises(RegistryError, match="answered 500"):
        Follower(both).follow_once()
    assert served(cache, "iris").version == "2"
    assert cache.champion("housing") is None


def test_every_other_model_is_discovered(
    settings: Settings, cache: ModelCache, registry: Registry, mlflow: FakeMlflow, tmp_path: Path
) -> None:
    registry.housing("1")
    registry.housing("1", 2.0, "cottages")
    mlflow.register("../evil", "1", tmp_path, "d" * 64)
    mlflow.register("Upper", "1", tmp_path, "d" * 64)
    mlflow.register("candidate", "1", tmp_path, "d" * 64, alias="challenger")
    named = settings.model_copy(update={"models": ("housing",)})
    assert Follower(named).follow_once() == {"housing": "installed"}
    every = settings.model_copy(update={"models": ("housing", "*")})
    assert Follower(every).follow_once() == {"housing": "current", "cottages": "installed"}
    assert cache.models() == ["cottages", "housing"]


def test_a_discovered_model_goes_with_its_alias_and_a_required_one_stays(
    settings: Settings, cache: ModelCache, registry: Registry, mlflow: FakeMlflow
) -> None:
    registry.housing("1")
    registry.housing("1", 2.0, "cottages")
    every = Follower(settings.model_copy(update={"models": ("housing", "*")}))
    every.follow_once()
    del mlflow.aliases["cottages"]["champion"], mlflow.aliases["housing"]["champion"]
    assert every.follow_once() == {"housing": "absent", "cottages": "removed"}
    assert cache.models() == ["housing"]
    assert [*(cache.folder / "cottages" / "versions").iterdir()] == []
    assert served(cache).version == "1"
    mlflow.aliases["cottages"]["champion"] = "1"
    assert every.follow_once()["cottages"] == "installed"


def test_without_a_star_other_cached_models_are_left_alone(
    follower: Follower, cache: ModelCache, registry: Registry
) -> None:
    registry.housing("1", 2.0, "cottages")
    settings = follower._settings.model_copy(update={"models": ("*",)})
    Follower(settings).follow_once()
    follower.follow_once()
    assert cache.models() == ["cottages"]


def test_a_short_list_of_models_removes_nothing(
    settings: Settings, cache: ModelCache, registry: Registry, mlflow: FakeMlflow
) -> None:
    registry.housing("1")
    every = Follower(settings.model_copy(update={"models": ("*",)}))
    every.follow_once()
    mlflow.answers[f"{REST}registered-models/search"] = lambda h: send_json(h, {})
    assert every.follow_once() == {}
    assert cache.models() == ["housing"]


# --- the challenger


def test_a_challenger_is_verified_and_kept_beside_the_champion(
    follower: Follower, cache: ModelCache, registry: Registry, mlflow: FakeMlflow
) -> None:
    registry.housing("1")
    registry.housing("2", 2.0)
    mlflow.aliases["housing"] = {"champion": "1", "challenger": "2"}
    follower.follow_once()
    assert (served(cache).version, tried(cache)) == ("1", "2")
    downloads = mlflow.downloads()
    follower.follow_once()
    assert mlflow.downloads() == downloads
    registry.housing("3", 3.0)
    mlflow.aliases["housing"] = {"champion": "3", "challenger": "2"}
    follower.follow_once()
    assert (served(cache).version, tried(cache)) == ("3", "2")
    downloads = mlflow.downloads()
    mlflow.aliases["housing"] = {"champion": "2"}
    follower.follow_once()
    assert (served(cache).version, tried(cache), mlflow.downloads()) == ("2", None, downloads)
    verify_manifest(served(cache).root, served(cache).digest)


def test_challengers_that_follow_each_other_leave_nothing_behind(
    follower: Follower, cache: ModelCache, registry: Registry, mlflow: FakeMlflow
) -> None:
    registry.housing("1")
    for version in ("2", "3", "4"):
        registry.housing(version, float(version))
        mlflow.aliases["housing"] = {"champion": "1", "challenger": version}
        follower.follow_once()
        assert tried(cache) == version
    assert len([*(cache.folder / "housing" / "versions").iterdir()]) == 4
    del mlflow.aliases["housing"]["challenger"]
    follower.follow_once()
    assert tried(cache) is None
    assert len([*(cache.folder / "housing" / "versions").iterdir()]) == 2


def test_a_refused_challenger_has_its_reason_and_harms_no_champion(
    follower: Follower, cache: ModelCache, registry: Registry, mlflow: FakeMlflow
) -> None:
    registry.housing("1")
    registry.wrong("2")
    mlflow.aliases["housing"] = {"champion": "1", "challenger": "2"}
    for _ in range(2):
        assert follower.follow_once()["housing"] in ("installed", "current")
    refusal = cache.refusal("housing", CHALLENGER)
    assert refusal is not None
    assert "differs by up to" in refusal.reason
    assert (tried(cache), cache.refusal("housing")) == (None, None)
    del mlflow.aliases["housing"]["challenger"]
    follower.follow_once()
    assert cache.refusal("housing", CHALLENGER) is None


def test_the_champions_own_package_is_no_challenger(
    follower: Follower, cache: ModelCache, registry: Registry, mlflow: FakeMlflow, tmp_path: Path
) -> None:
    digest = registry.housing("1")
    mlflow.register("housing", "8", tmp_path / "registered/housing-1", digest, "challenger")
    follower.follow_once()
    follower.follow_once()
    assert (served(cache).version, tried(cache)) == ("1", None)


def test_challengers_that_nobody_uses_are_not_downloaded(
    settings: Settings, cache: ModelCache, registry: Registry, mlflow: FakeMlflow
) -> None:
    registry.housing("1")
    registry.housing("2", 2.0)
    mlflow.aliases["housing"] = {"champion": "1", "challenger": "2"}
    Follower(settings.model_copy(update={"challenger_share": 0.0})).follow_once()
    assert tried(cache) is None


def tried(cache: ModelCache) -> str | None:
    found = cache.challenger("housing")
    return found.version if found else None


def test_the_last_success_is_noted(follower: Follower, cache: ModelCache) -> None:
    before = time.time()
    follower.follow_once()
    assert before <= cache.registry_state().last_success <= time.time()
    noted = orjson.loads((cache.folder / "registry.json").read_bytes())
    assert set(noted) == {"last_success", "refusals"}


def test_the_process_outlives_an_outage_and_says_so_once(
    settings: Settings,
    cache: ModelCache,
    registry: Registry,
    mlflow: FakeMlflow,
    caplog: pytest.LogCaptureFixture,
) -> None:
    alias = f"{REST}registered-models/alias"
    caplog.set_level(logging.INFO)
    mlflow.answers[alias] = lambda h: send(h, b"<html>", "text/html", 502)
    registry.housing("1")
    stop = threading.Event()
    process = threading.Thread(target=Follower(settings).run, args=(stop,))
    process.start()
    wait_until(lambda: mlflow.asked.count(alias) >= 3)
    del mlflow.answers[alias]
    wait_until(lambda: cache.champion("housing") is not None)
    wait_until(lambda: "the registry is back" in caplog.messages)
    stop.set()
    process.join()
    assert sum(message.startswith("the registry is away") for message in caplog.messages) == 1
    assert mlflow.url not in caplog.text


def test_an_outage_is_asked_about_less_often_and_its_end_is_seen_soon() -> None:
    pauses = [[pause(2.0, failed) for _ in range(50)] for failed in (0, 1, 2, 3, 100_000)]
    assert all(len(set(drawn)) > 1 for drawn in pauses)
    expected = [2.0, 4.0, 8.0, 8.0, 8.0]
    for drawn, middle in zip(pauses, expected, strict=True):
        assert middle * 0.8 <= min(drawn) <= max(drawn) <= middle * 1.2
    assert pause(60.0, 5) <= 72.0


def test_a_challenger_must_be_signed_where_keys_are_set(
    settings: Settings, cache: ModelCache, registry: Registry, mlflow: FakeMlflow, tmp_path: Path
) -> None:
    new_keys(tmp_path / "mine")
    registry.housing("1")
    sign_package(tmp_path / "registered/housing-1", load_private_key(tmp_path / "mine"))
    registry.housing("2", 2.0)
    mlflow.aliases["housing"] = {"champion": "1", "challenger": "2"}
    keys = (tmp_path / "mine.pub",)
    follower = Follower(settings.model_copy(update={"public_keys": keys, "challenger_share": 0.5}))
    follower.follow_once()
    assert served(cache).version == "1"
    assert cache.challenger("housing") is None
    sign_package(tmp_path / "registered/housing-2", load_private_key(tmp_path / "mine"))
    registry.housing("3", 3.0)
    sign_package(tmp_path / "registered/housing-3", load_private_key(tmp_path / "mine"))
    mlflow.aliases["housing"] = {"champion": "1", "challenger": "3"}
    follower.follow_once()
    assert cache.challenger("housing") is not None


def test_a_challenger_that_would_break_callers_cannot_become_champion(
    settings: Settings, cache: ModelCache, registry: Registry, mlflow: FakeMlflow
) -> None:
    registry.housing("1")
    registry.narrower("2")
    mlflow.aliases["housing"] = {"champion": "1", "challenger": "2"}
    follower = Follower(settings.model_copy(update={"challenger_share": 0.5}))
    follower.follow_once()
    assert cache.challenger("housing") is not None
    mlflow.aliases["housing"]["champion"] = "2"
    assert follower.follow_once() == {"housing": "refused"}
    assert served(cache).version == "1"


def test_a_model_that_has_not_moved_costs_no_question_of_its_own(
    settings: Settings, cache: ModelCache, registry: Registry, mlflow: FakeMlflow,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    registry.housing("1")
    registry.housing("1", 2.0, "cottages")
    follower = Follower(settings.model_copy(update={"models": ("housing", "*")}))
    follower.follow_once()
    follower.follow_once()
    mlflow.asked.clear()
    assert follower.follow_once() == {"housing": "current", "cottages": "current"}
    assert mlflow.asked == [f"{REST}registered-models/search"]

    registry.housing("2", 3.0)
    assert follower.follow_once() == {"housing": "installed", "cottages": "current"}
    with cache.lock("cottages"):
        cache.forget("cottages")
    assert follower.follow_once() == {"housing": "current", "cottages": "installed"}
    mlflow.aliases["housing"]["challenger"] = "1"
    follower.follow_once()
    assert cache.challenger("housing") is not None
    # a tag that was changed by hand is not in the list
    follower.follow_once()
    mlflow.versions["housing", "2"]["tags"] = []
    assert follower.follow_once()["housing"] == "current"
    monkeypatch.setattr("vigie.registry.looks.RECHECK_SECONDS", -1.0)
    assert follower.follow_once()["housing"] == "refused"


def test_a_refused_model_is_told_until_its_alias_is_gone(
    settings: Settings, cache: ModelCache, mlflow: FakeMlflow, tmp_path: Path
) -> None:
    mlflow.register("bare", "1", tmp_path, None)
    follower = Follower(settings.model_copy(update={"models": ("*",)}))
    assert follower.follow_once() == {"bare": "refused"}
    assert cache.refused() == ["bare"]
    del mlflow.aliases["bare"]["champion"]
    assert follower.follow_once() == {"bare": "removed"}
    assert cache.refused() == []


# --- a registry that is slow, or loses things


class Gate:
    """Holds the answer of a path after its first half until `open` is set.

    `broken_off` is set where the caller did not wait for that.
    """

    def __init__(self, mlflow: FakeMlflow, path: str) -> None:
        self.reached, self.open, self.broken_off = (threading.Event() for _ in range(3))
        self._mlflow, self._path = mlflow, path
        mlflow.answers[path] = self._answer

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        content = self._mlflow.content(self._path)
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content[: len(content) // 2])
        self.reached.set()
        # a byte now and then: no silence that would end it
        try:
            for sent in range(len(content) // 2, len(content)):
                self.open.wait(0.05 if sent < len(content) - 1 else 120)
                handler.wfile.write(content[sent : sent + 1])
        except OSError:
            self.broken_off.set()


@contextlib.contextmanager
def running(settings: Settings) -> Iterator[None]:
    stop = threading.Event()
    process = threading.Thread(target=Follower(settings).run, args=(stop,))
    process.start()
    try:
        yield
    finally:
        stop.set()
        process.join(60)
        assert not process.is_alive()


def test_a_slow_download_holds_up_no_other_model(
    settings: Settings, cache: ModelCache, registry: Registry, mlflow: FakeMlflow
) -> None:
    registry.housing("1")
    gate = Gate(mlflow, f"{ARTIFACTS}/1/models/housing/1/vigie/model.onnx")
    with running(settings.model_copy(update={"models": ("housing", "iris")})):
        assert gate.reached.wait(60)
        for version in ("1", "2"):
            registry.iris(version)
            wait_until(lambda wanted=version: version_of(cache, "iris") == wanted)  # type: ignore[misc]
        assert cache.champion("housing") is None
        gate.open.set()
        wait_until(lambda: cache.champion("housing") is not None)


def test_a_download_ends_when_its_alias_moves(
    settings: Settings,
    cache: ModelCache,
    registry: Registry,
    mlflow: FakeMlflow,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("vigie.registry.watch.LOOK_SECONDS", 0.05)
    good = registry.housing("1")
    Follower(settings).follow_once()
    registry.housing("2", 2.0)
    gate = Gate(mlflow, f"{ARTIFACTS}/1/models/housing/2/vigie/model.onnx")
    follower = Follower(settings)
    look = threading.Thread(target=lambda: outcomes.append(follower.follow_once()))
    outcomes: list[dict[str, str]] = []
    look.start()
    assert gate.reached.wait(60)
    mlflow.aliases["housing"]["champion"] = "1"
    look.join(60)
    assert outcomes == [{"housing": "superseded"}]
    assert follower.follow_once() == {"housing": "current"}
    assert served(cache).digest == good
    gate.open.set()


def test_a_download_ends_with_the_process(
    settings: Settings, registry: Registry, mlflow: FakeMlflow
) -> None:
    registry.housing("1")
    gate = Gate(mlflow, f"{ARTIFACTS}/1/models/housing/1/vigie/model.onnx")
    with running(settings):
        assert gate.reached.wait(60)
    assert gate.broken_off.wait(60)


def test_a_champion_does_not_wait_for_the_download_of_a_challenger(
    settings: Settings,
    cache: ModelCache,
    registry: Registry,
    mlflow: FakeMlflow,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("vigie.registry.watch.LOOK_SECONDS", 0.05)
    for version in ("1", "2", "3"):
        registry.housing(version, float(version))
    mlflow.aliases["housing"] = {"champion": "1", "challenger": "2"}
    gate = Gate(mlflow, f"{ARTIFACTS}/1/models/housing/2/vigie/model.onnx")
    with running(settings):
        assert gate.reached.wait(60)
        mlflow.aliases["housing"]["champion"] = "3"
        wait_until(lambda: served(cache).version == "3")
        gate.open.set()


def test_files_that_arrive_broken_are_asked_for_again(
    follower: Follower,
    cache: ModelCache,
    registry: Registry,
    mlflow: FakeMlflow,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    clock = SimpleNamespace(monotonic=lambda: now[0])
    monkeypatch.setattr("vigie.registry.refusals.time", clock)
    registry.housing("1")
    path = f"{ARTIFACTS}/1/models/housing/1/vigie/model.onnx"
    mlflow.answers[path] = lambda h: send(h, b"<html>", "text/html")
    assert follower.follow_once() == {"housing": "refused"}
    del mlflow.answers[path]
    downloads = mlflow.downloads()
    now[0] += 9.9
    assert follower.follow_once() == {"housing": "refused"}
    assert mlflow.downloads() == downloads
    now[0] += 0.1
    assert follower.follow_once() == {"housing": "installed"}
    assert cache.refusal("housing") is None


def test_a_broken_version_is_asked_for_less_and_less_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    clock = SimpleNamespace(monotonic=lambda: now[0])
    monkeypatch.setattr("vigie.registry.refusals.time", clock)
    refused = RefusedVersions()
    version = RegisteredVersion("housing", "1", "", {"vigie.digest": "d"})
    pauses = []
    for _ in range(8):
        refused.add(version, BrokenPackage("half"))
        began = now[0]
        while refused.holds(version):
            now[0] += 1
        pauses.append(now[0] - began)
    assert pauses == [10, 20, 40, 80, 160, 320, 600, 600]
    refused.add(version, RefusedPackage("wrong"))
    now[0] += 1e9
    assert refused.holds(version)
    assert not refused.holds(dataclasses.replace(version, version="2"))
    assert not refused.holds(dataclasses.replace(version, tags={}))


@pytest.mark.parametrize("lost", ["the version", "the model", "everything"])
def test_what_the_registry_loses_goes_on_serving(
    settings: Settings,
    cache: ModelCache,
    registry: Registry,
    mlflow: FakeMlflow,
    caplog: pytest.LogCaptureFixture,
    lost: str,
) -> None:
    registry.housing("1")
    registry.housing("1", 2.0, "cottages")
    every = Follower(settings.model_copy(update={"models": ("housing", "*")}))
    every.follow_once()
    if lost == "the version":
        mlflow.delete("cottages", "1")
    elif lost == "the model":
        mlflow.delete("cottages", "1")
        del mlflow.aliases["cottages"]
    else:
        mlflow.empty()
    for _ in range(2):
        assert "cottages" not in every.follow_once()
    assert cache.models() == ["cottages", "housing"]
    said = "cottages has no champion in MLflow; version 1 goes on serving"
    assert caplog.messages.count(said) == 1
    message = "housing has no champion in MLflow; version 1 goes on serving"
    assert caplog.messages.count(message) == (lost == "everything")


def test_a_look_that_ends_late_is_followed_by_another_at_once(
    settings: Settings, registry: Registry, mlflow: FakeMlflow
) -> None:
    alias = f"{REST}registered-models/alias"
    late = threading.Event()

    def fail_late(handler: BaseHTTPRequestHandler) -> None:
        late.wait(60)
        send(handler, b"", status=500)

    mlflow.answers[alias] = fail_late
    registry.housing("1")
    follower = Follower(settings)
    assert follower.follow_once(0.05) == {}
    late.set()
    wait_until(follower._under_way["housing"].done)
    del mlflow.answers[alias]
    assert follower.follow_once() == {"housing": "installed"}
