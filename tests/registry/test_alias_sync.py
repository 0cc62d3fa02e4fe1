"""One alias: the cache changes only for a version that proved itself."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from support.fake_mlflow import ARTIFACTS, FakeMlflow, send
from support.registered import Registry, served, snapshot, tried
from vigie.models.manifest import verify_manifest
from vigie.models.signing import load_private_key, new_keys, sign_package
from vigie.registry.cache import CHALLENGER, ModelCache
from vigie.registry.sync import RegistrySync
from vigie.settings import Settings


def test_the_first_version_is_installed_and_then_current(
    sync: RegistrySync, cache: ModelCache, registry: Registry, mlflow: FakeMlflow
) -> None:
    assert sync.sync_once() == {"housing": "absent"}
    digest = registry.housing("1")
    assert sync.sync_once() == {"housing": "installed"}
    found = served(cache)
    assert (found.digest, found.version, found.run_id) == (digest, "1", "run1")
    downloads = mlflow.downloads()
    assert sync.sync_once() == {"housing": "current"}
    assert mlflow.downloads() == downloads > 0


def test_the_second_version_takes_over_and_the_first_stays_for_one_more(
    sync: RegistrySync, cache: ModelCache, registry: Registry
) -> None:
    digests = []
    for version in ("1", "2", "3"):
        digests.append(registry.housing(version, float(version)))
        assert sync.sync_once() == {"housing": "installed"}
        assert served(cache).version == version
    kept = [cache.find("housing", digest) is not None for digest in digests]
    assert kept == [False, True, True]


def test_going_back_needs_no_download(
    sync: RegistrySync, cache: ModelCache, registry: Registry, mlflow: FakeMlflow
) -> None:
    first = registry.housing("1")
    sync.sync_once()
    registry.housing("2", 2.0)
    sync.sync_once()
    downloads = mlflow.downloads()
    mlflow.aliases["housing"]["champion"] = "1"
    assert sync.sync_once() == {"housing": "installed"}
    assert (served(cache).digest, mlflow.downloads()) == (first, downloads)


def test_the_same_package_under_another_version_is_renamed_without_a_download(
    sync: RegistrySync, cache: ModelCache, registry: Registry, mlflow: FakeMlflow, tmp_path: Path
) -> None:
    digest = registry.housing("1")
    sync.sync_once()
    downloads = mlflow.downloads()
    mlflow.register("housing", "8", tmp_path / "registered/housing-1", digest)
    assert sync.sync_once() == {"housing": "installed"}
    assert (served(cache).version, mlflow.downloads()) == ("8", downloads)


def test_a_wrong_version_is_refused_once_and_the_old_one_goes_on(
    sync: RegistrySync,
    cache: ModelCache,
    registry: Registry,
    mlflow: FakeMlflow,
    caplog: pytest.LogCaptureFixture,
) -> None:
    good = registry.housing("1")
    sync.sync_once()
    wrong = registry.wrong("2")
    assert sync.sync_once() == {"housing": "refused"}
    refusal = cache.refusal("housing")
    assert refusal is not None
    assert (refusal.version, refusal.digest) == ("2", wrong)
    assert "differs by up to" in refusal.reason
    downloads = mlflow.downloads()
    for _ in range(3):
        assert sync.sync_once() == {"housing": "refused"}
    assert mlflow.downloads() == downloads
    assert cache.registry_state().refusals == {"housing": 1}
    assert [r.levelno for r in caplog.records].count(logging.ERROR) == 1
    assert served(cache).digest == good
    assert cache.find("housing", wrong) is None


def test_a_refused_model_is_tried_again_when_it_changes(
    sync: RegistrySync, cache: ModelCache, registry: Registry, settings: Settings
) -> None:
    registry.wrong("1")
    sync.sync_once()
    registry.wrong("2")
    sync.sync_once()
    assert cache.registry_state().refusals == {"housing": 2}
    restarted = RegistrySync(settings)
    assert restarted.sync_once() == {"housing": "refused"}
    assert cache.registry_state().refusals == {"housing": 2}
    registry.housing("3")
    assert restarted.sync_once() == {"housing": "installed"}
    assert cache.refusal("housing") is None
    assert cache.registry_state().refusals == {"housing": 2}


@pytest.mark.parametrize(
    ("digest", "reason"),
    [(None, "vigie train"), ("../../../x", "digest differs"), ("0" * 64, "digest differs")],
)
def test_a_version_with_a_strange_digest_is_refused(
    settings: Settings,
    cache: ModelCache,
    registry: Registry,
    mlflow: FakeMlflow,
    tmp_path: Path,
    digest: str | None,
    reason: str,
) -> None:
    sync = RegistrySync(settings.model_copy(update={"import_": "off"}))
    registry.housing("1")
    mlflow.register("housing", "1", tmp_path / "registered/housing-1", digest)
    for _ in range(2):
        assert sync.sync_once() == {"housing": "refused"}
    assert cache.registry_state().refusals == {"housing": 1}
    assert cache.champion("housing") is None
    refusal = cache.refusal("housing")
    assert refusal is not None
    assert reason in refusal.reason


def test_a_package_above_the_limit_is_refused(
    settings: Settings, cache: ModelCache, registry: Registry
) -> None:
    registry.housing("1")
    RegistrySync(settings.model_copy(update={"max_package_bytes": 1024})).sync_once()
    refusal = cache.refusal("housing")
    assert refusal is not None
    assert "VIGIE_MAX_PACKAGE_BYTES" in refusal.reason


def test_a_version_that_breaks_callers_is_refused_unless_that_is_allowed(
    settings: Settings, cache: ModelCache, registry: Registry, mlflow: FakeMlflow
) -> None:
    registry.housing("1")
    RegistrySync(settings).sync_once()
    registry.narrower("2")
    assert RegistrySync(settings).sync_once() == {"housing": "refused"}
    assert served(cache).version == "1"
    refusal = cache.refusal("housing")
    assert refusal is not None
    assert "version 1: input rooms: limits 1 to 50 became 1 to 20" in refusal.reason
    allowing = settings.model_copy(update={"allow_breaking": True})
    assert RegistrySync(allowing).sync_once() == {"housing": "installed"}
    assert served(cache).version == "2"


def test_going_back_is_open_even_where_it_breaks_callers_of_the_newer(
    settings: Settings, cache: ModelCache, registry: Registry, mlflow: FakeMlflow
) -> None:
    registry.narrower("1")
    RegistrySync(settings).sync_once()
    registry.housing("2")
    assert RegistrySync(settings).sync_once() == {"housing": "installed"}
    mlflow.aliases["housing"]["champion"] = "1"
    assert RegistrySync(settings).sync_once() == {"housing": "installed"}
    assert served(cache).version == "1"


def test_a_version_that_is_much_slower_is_refused_unless_that_is_allowed(
    settings: Settings, cache: ModelCache, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the factor alone decides: on a quick machine even the slow graph is quick enough
    monkeypatch.setattr("vigie.registry.gate.latency.FREE_MS", 0.0)
    registry.housing("1")
    RegistrySync(settings).sync_once()
    registry.slow("2")
    assert RegistrySync(settings).sync_once() == {"housing": "refused"}
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
    assert RegistrySync(unlimited).sync_once() == {"housing": "installed"}


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
    sync = RegistrySync(settings.model_copy(update={"public_keys": keys}))
    with monkeypatch.context() as patch:
        patch.setattr("vigie.registry.gate.integrity.verify_manifest", pytest.fail)
        assert sync.sync_once() == {"housing": "refused"}
        registry.housing("2", 2.0)
        package = tmp_path / "registered/housing-2"
        sign_package(package, load_private_key(tmp_path / "thief"))
        assert sync.sync_once() == {"housing": "refused"}
    refusal = cache.refusal("housing")
    assert refusal is not None
    assert (refusal.version, refusal.reason) == (
        "2",
        "its signature is by none of VIGIE_PUBLIC_KEYS",
    )
    registry.housing("3", 3.0)
    sign_package(tmp_path / "registered/housing-3", load_private_key(tmp_path / "mine"))
    assert sync.sync_once() == {"housing": "installed"}
    assert served(cache).version == "3"


def test_a_version_in_the_cache_is_asked_for_its_signature_too(
    settings: Settings, cache: ModelCache, registry: Registry, mlflow: FakeMlflow, tmp_path: Path
) -> None:
    registry.housing("1")
    RegistrySync(settings).sync_once()
    registry.housing("2", 2.0)
    RegistrySync(settings).sync_once()
    new_keys(tmp_path / "mine")
    mlflow.aliases["housing"]["champion"] = "1"
    asking = settings.model_copy(update={"public_keys": (tmp_path / "mine.pub",)})
    assert RegistrySync(asking).sync_once() == {"housing": "refused"}
    assert served(cache).version == "2"


def test_a_download_that_breaks_off_leaves_the_cache_as_it_is_and_is_tried_again(
    sync: RegistrySync,
    cache: ModelCache,
    registry: Registry,
    mlflow: FakeMlflow,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = [0.0]
    clock = SimpleNamespace(monotonic=lambda: now[0])
    monkeypatch.setattr("vigie.registry.backoff.time", clock)
    registry.housing("1")
    sync.sync_once()
    before = snapshot(cache.folder)
    registry.housing("2", 2.0)
    path = f"{ARTIFACTS}/1/models/housing/2/vigie/model.onnx"
    mlflow.answers[path] = lambda h: send(h, b"half", length=4000)
    tried = []
    for _ in range(45):
        downloads = mlflow.downloads()
        assert sync.sync_once() == {"housing": "failed"}
        if mlflow.downloads() > downloads:
            tried.append(now[0])
        now[0] += 0.5
    assert tried == [0, 2, 6, 14, 22]
    assert snapshot(cache.folder) == before
    (said,) = [line for line in caplog.messages if "version 2" in line]
    assert said.startswith("housing version 2 cannot be downloaded and is tried again: a download")
    assert "broke off" in said
    del mlflow.answers[path]
    now[0] += 8.0
    assert sync.sync_once() == {"housing": "installed"}


def test_files_that_arrive_broken_are_asked_for_again(
    sync: RegistrySync,
    cache: ModelCache,
    registry: Registry,
    mlflow: FakeMlflow,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    clock = SimpleNamespace(monotonic=lambda: now[0])
    monkeypatch.setattr("vigie.registry.backoff.time", clock)
    registry.housing("1")
    path = f"{ARTIFACTS}/1/models/housing/1/vigie/model.onnx"
    mlflow.answers[path] = lambda h: send(h, b"<html>", "text/html")
    assert sync.sync_once() == {"housing": "refused"}
    del mlflow.answers[path]
    downloads = mlflow.downloads()
    now[0] += 9.9
    assert sync.sync_once() == {"housing": "refused"}
    assert mlflow.downloads() == downloads
    now[0] += 0.1
    assert sync.sync_once() == {"housing": "installed"}
    assert cache.refusal("housing") is None


# --- the challenger


def test_a_challenger_is_verified_and_kept_beside_the_champion(
    sync: RegistrySync, cache: ModelCache, registry: Registry, mlflow: FakeMlflow
) -> None:
    registry.housing("1")
    registry.housing("2", 2.0)
    mlflow.aliases["housing"] = {"champion": "1", "challenger": "2"}
    sync.sync_once()
    assert (served(cache).version, tried(cache)) == ("1", "2")
    downloads = mlflow.downloads()
    sync.sync_once()
    assert mlflow.downloads() == downloads
    registry.housing("3", 3.0)
    mlflow.aliases["housing"] = {"champion": "3", "challenger": "2"}
    sync.sync_once()
    assert (served(cache).version, tried(cache)) == ("3", "2")
    downloads = mlflow.downloads()
    mlflow.aliases["housing"] = {"champion": "2"}
    sync.sync_once()
    assert (served(cache).version, tried(cache), mlflow.downloads()) == ("2", None, downloads)
    verify_manifest(served(cache).root, served(cache).digest)


def test_challengers_that_follow_each_other_leave_nothing_behind(
    sync: RegistrySync, cache: ModelCache, registry: Registry, mlflow: FakeMlflow
) -> None:
    registry.housing("1")
    for version in ("2", "3", "4"):
        registry.housing(version, float(version))
        mlflow.aliases["housing"] = {"champion": "1", "challenger": version}
        sync.sync_once()
        assert tried(cache) == version
    assert len([*(cache.folder / "housing" / "versions").iterdir()]) == 4
    del mlflow.aliases["housing"]["challenger"]
    sync.sync_once()
    assert tried(cache) is None
    assert len([*(cache.folder / "housing" / "versions").iterdir()]) == 2


def test_a_refused_challenger_has_its_reason_and_harms_no_champion(
    sync: RegistrySync, cache: ModelCache, registry: Registry, mlflow: FakeMlflow
) -> None:
    registry.housing("1")
    registry.wrong("2")
    mlflow.aliases["housing"] = {"champion": "1", "challenger": "2"}
    for _ in range(2):
        assert sync.sync_once()["housing"] in ("installed", "current")
    refusal = cache.refusal("housing", CHALLENGER)
    assert refusal is not None
    assert "differs by up to" in refusal.reason
    assert (tried(cache), cache.refusal("housing")) == (None, None)
    del mlflow.aliases["housing"]["challenger"]
    sync.sync_once()
    assert cache.refusal("housing", CHALLENGER) is None


def test_the_champions_own_package_is_no_challenger(
    sync: RegistrySync, cache: ModelCache, registry: Registry, mlflow: FakeMlflow, tmp_path: Path
) -> None:
    digest = registry.housing("1")
    mlflow.register("housing", "8", tmp_path / "registered/housing-1", digest, "challenger")
    sync.sync_once()
    sync.sync_once()
    assert (served(cache).version, tried(cache)) == ("1", None)


def test_challengers_that_nobody_uses_are_not_downloaded(
    settings: Settings, cache: ModelCache, registry: Registry, mlflow: FakeMlflow
) -> None:
    registry.housing("1")
    registry.housing("2", 2.0)
    mlflow.aliases["housing"] = {"champion": "1", "challenger": "2"}
    RegistrySync(settings.model_copy(update={"challenger_share": 0.0})).sync_once()
    assert tried(cache) is None


def test_a_challenger_must_be_signed_where_keys_are_set(
    settings: Settings, cache: ModelCache, registry: Registry, mlflow: FakeMlflow, tmp_path: Path
) -> None:
    new_keys(tmp_path / "mine")
    registry.housing("1")
    sign_package(tmp_path / "registered/housing-1", load_private_key(tmp_path / "mine"))
    registry.housing("2", 2.0)
    mlflow.aliases["housing"] = {"champion": "1", "challenger": "2"}
    keys = (tmp_path / "mine.pub",)
    sync = RegistrySync(settings.model_copy(update={"public_keys": keys, "challenger_share": 0.5}))
    sync.sync_once()
    assert served(cache).version == "1"
    assert cache.challenger("housing") is None
    sign_package(tmp_path / "registered/housing-2", load_private_key(tmp_path / "mine"))
    registry.housing("3", 3.0)
    sign_package(tmp_path / "registered/housing-3", load_private_key(tmp_path / "mine"))
    mlflow.aliases["housing"] = {"champion": "1", "challenger": "3"}
    sync.sync_once()
    assert cache.challenger("housing") is not None


def test_a_challenger_that_would_break_callers_cannot_become_champion(
    settings: Settings, cache: ModelCache, registry: Registry, mlflow: FakeMlflow
) -> None:
    registry.housing("1")
    registry.narrower("2")
    mlflow.aliases["housing"] = {"champion": "1", "challenger": "2"}
    sync = RegistrySync(settings.model_copy(update={"challenger_share": 0.5}))
    sync.sync_once()
    assert cache.challenger("housing") is not None
    mlflow.aliases["housing"]["champion"] = "2"
    assert sync.sync_once() == {"housing": "refused"}
    assert served(cache).version == "1"


# --- versions that were logged without Vigie


def test_a_version_that_is_being_imported_is_awaited_and_then_installed(
    settings: Settings, cache: ModelCache, registry: Registry, mlflow: FakeMlflow
) -> None:
    sync = RegistrySync(settings)
    digest = registry.housing("1")
    tags = mlflow.versions["housing", "1"]["tags"]
    mlflow.versions["housing", "1"]["tags"] = []
    assert sync.sync_once() == {"housing": "importing"}
    awaited = cache.refusal("housing")
    assert awaited is not None
    assert awaited.pending
    assert awaited.reason.endswith("its package waits to be made")
    mlflow.versions["housing", "1"]["tags"] = [{"key": "vigie.import", "value": "running"}]
    # asked for again at once: tags are not in the list of models
    assert sync.sync_once() == {"housing": "importing"}
    assert "is being made" in str(cache.refusal("housing"))
    assert cache.registry_state().refusals == {}
    mlflow.versions["housing", "1"]["tags"] = tags
    assert sync.sync_once() == {"housing": "installed"}
    assert (served(cache).digest, cache.refusal("housing")) == (digest, None)


def test_a_failed_import_is_a_refusal_with_its_reason(
    sync: RegistrySync, cache: ModelCache, mlflow: FakeMlflow, tmp_path: Path
) -> None:
    tags = {"import": "failed", "import.reason": "it holds code"}
    mlflow.register("housing", "1", tmp_path, None, **tags)
    assert sync.sync_once() == {"housing": "refused"}
    refusal = cache.refusal("housing")
    assert refusal is not None
    assert (refusal.reason, refusal.pending) == ("it holds code", False)
    assert cache.registry_state().refusals == {"housing": 1}
