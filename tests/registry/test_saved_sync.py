"""A folder of SavedModels and the cache: what is imported when, and which version serves."""

from __future__ import annotations

import errno
import logging
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from support.packages import HOUSING_ROWS, housing_document, housing_graph, write_package
from vigie.errors import BrokenPackage, RefusedPackage, RegistryError
from vigie.models.signing import load_private_key, new_keys, sign_package
from vigie.registry.cache import ModelCache
from vigie.registry.saved_folder import SavedFolder, SavedVersion
from vigie.registry.saved_sync import SavedSync
from vigie.settings import Settings, load_settings

BROKEN = b"broken"


@dataclass
class Maker:
    """Makes real packages of what a `saved_model.pb` says: a factor, or that it is broken."""

    made: list[str] = field(default_factory=list)
    meanwhile: Callable[[], object] = lambda: None

    def __call__(self, source: Path, name: str, root: Path) -> str:
        self.made.append(f"{name}/{source.name}")
        content = (source / "saved_model.pb").read_bytes()
        self.meanwhile()
        if content == BROKEN:
            raise RefusedPackage("saved_model.pb is not a SavedModel")
        factor = float(content)
        return write_package(
            root, housing_document(name, factor), housing_graph(factor), HOUSING_ROWS
        )


@dataclass
class Clock:
    """What the backoff takes for the time, seconds."""

    now: float = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("vigie.registry.backoff.time", made)
    return made


@pytest.fixture
def base(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(cache=tmp_path / "cache", state=tmp_path / "state", models=("*",))


@pytest.fixture
def cache(settings: Settings) -> ModelCache:
    return ModelCache(settings.cache)


@pytest.fixture
def maker() -> Maker:
    return Maker()


@pytest.fixture
def sync(settings: Settings, base: Path, maker: Maker) -> SavedSync:
    return SavedSync(settings, SavedFolder(base), maker)


def put(base: Path, version: str, content: bytes = b"1") -> Path:
    folder = base / version
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "saved_model.pb").write_bytes(content)
    return folder


def serve_two(sync: SavedSync, base: Path) -> None:
    """Version 1 serves, then 2: what is new is left alone for a look."""
    put(base, "homes/1")
    sync.sync_once()
    put(base, "homes/2", b"2")
    sync.sync_once()
    sync.sync_once()


def serving(cache: ModelCache, name: str = "homes") -> str | None:
    champion = cache.champion(name)
    return champion.version if champion else None


def reason(cache: ModelCache, name: str = "homes") -> tuple[str, str] | None:
    refusal = cache.refusal(name)
    return (refusal.version, refusal.reason) if refusal else None


def away(version: SavedVersion) -> str:
    raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))


def test_the_highest_version_serves_and_nothing_is_imported_twice(
    sync: SavedSync, settings: Settings, base: Path, cache: ModelCache, maker: Maker
) -> None:
    put(base, "homes/1")
    put(base, "homes/2", b"2")
    put(base, "villas/7", b"3")
    assert sync.sync_once() == {"homes": "installed", "villas": "installed"}
    assert (serving(cache), serving(cache, "villas")) == ("2", "7")
    assert sync.sync_once() == {"homes": "current", "villas": "current"}
    # a restart, and the same files somewhere else
    again = SavedSync(settings, SavedFolder(base), maker)
    assert again.sync_once() == {"homes": "current", "villas": "current"}
    shutil.copytree(base / "villas" / "7", base / "villas" / "8")
    again.sync_once()
    assert again.sync_once()["villas"] == "installed"
    assert serving(cache, "villas") == "8"
    assert maker.made == ["homes/2", "villas/7"]
    assert cache.registry_state().last_success > 0


def test_a_new_version_is_taken_once_its_files_stay_as_they_are(
    sync: SavedSync, base: Path, cache: ModelCache, maker: Maker
) -> None:
    put(base, "homes/1")
    sync.sync_once()
    put(base, "homes/2", b"2")
    assert sync.sync_once() == {"homes": "current"}
    put(base, "homes/2", b"2.5")
    os.utime(base / "homes" / "2" / "saved_model.pb", (1, 1))
    assert sync.sync_once() == {"homes": "current"}
    assert serving(cache) == "1"
    assert sync.sync_once() == {"homes": "installed"}
    assert serving(cache) == "2"
    assert maker.made == ["homes/1", "homes/2"]


def test_a_broken_version_is_refused_with_its_reason_and_the_old_one_goes_on(
    sync: SavedSync, base: Path, cache: ModelCache, maker: Maker, caplog: pytest.LogCaptureFixture
) -> None:
    put(base, "homes/2")
    sync.sync_once()
    put(base, "homes/3", BROKEN)
    for _ in range(4):
        sync.sync_once()
    assert serving(cache) == "2"
    assert reason(cache) == ("3", "saved_model.pb is not a SavedModel")
    assert caplog.text.count("homes version 3 is refused: saved_model.pb is not") == 1
    assert cache.registry_state().refusals == {"homes": 1}
    assert maker.made == ["homes/2", "homes/3"]
    # mended in place
    put(base, "homes/3", b"4")
    sync.sync_once()
    sync.sync_once()
    assert (serving(cache), reason(cache)) == ("3", None)


def test_without_anything_that_serves_the_highest_good_version_does(
    sync: SavedSync, base: Path, cache: ModelCache
) -> None:
    put(base, "homes/1")
    put(base, "homes/2", BROKEN)
    (base / "homes" / "3").mkdir()
    assert sync.sync_once() == {"homes": "installed"}
    assert serving(cache) == "1"
    assert reason(cache) == ("3", "the folder has no saved_model.pb")


def test_a_version_that_breaks_callers_is_refused(
    settings: Settings, base: Path, cache: ModelCache, maker: Maker
) -> None:
    def narrower(source: Path, name: str, root: Path) -> str:
        maker.made.append(source.name)
        document = housing_document(name)
        if source.name == "2":
            document["outputs"][0]["name"] = "amount"
        return write_package(root, document, housing_graph(), HOUSING_ROWS)

    sync = SavedSync(settings, SavedFolder(base), narrower)
    put(base, "homes/1")
    sync.sync_once()
    put(base, "homes/2", b"2")
    for _ in range(4):
        sync.sync_once()
    assert serving(cache) == "1"
    found = reason(cache)
    assert found is not None
    assert found[0] == "2"
    assert "price_eur" in found[1]
    assert maker.made == ["1", "2"]


@pytest.mark.parametrize("by_gate", [False, True])
def test_a_refusal_is_counted_once_and_keeps_its_reason(
    settings: Settings, base: Path, cache: ModelCache, maker: Maker, by_gate: bool
) -> None:
    def make(source: Path, name: str, root: Path) -> str:
        digest = maker(source, name, root)
        if by_gate and source.name == "2":
            shutil.rmtree(root)
            document = housing_document(name)
            document["outputs"][0]["name"] = "amount"
            return write_package(root, document, housing_graph(), HOUSING_ROWS)
        return digest

    sync = SavedSync(settings, SavedFolder(base), make)
    put(base, "homes/1")
    sync.sync_once()
    put(base, "homes/2", b"2" if by_gate else BROKEN)
    sync.sync_once()
    sync.sync_once()
    told = reason(cache)
    assert told is not None
    assert ("price_eur" if by_gate else "is not a SavedModel") in told[1]
    os.utime(base / "homes" / "2" / "saved_model.pb", (1, 1))
    for _ in range(3):
        sync.sync_once()
        assert reason(cache) == told
    for _ in range(2):
        SavedSync(settings, SavedFolder(base), make).sync_once()
        assert reason(cache) == told
    assert maker.made == ["homes/1"] + ["homes/2"] * 4
    assert cache.registry_state().refusals == {"homes": 1}


def test_a_version_that_is_taken_away_gives_way_to_the_one_below(
    sync: SavedSync, base: Path, cache: ModelCache, maker: Maker
) -> None:
    serve_two(sync, base)
    assert serving(cache) == "2"
    shutil.rmtree(base / "homes" / "2")
    assert sync.sync_once() == {"homes": "installed"}
    assert serving(cache) == "1"
    assert maker.made == ["homes/1", "homes/2"]


@pytest.mark.parametrize("content", [b"2", b"2.5", BROKEN])
def test_a_version_that_serves_goes_on_while_its_files_change(
    sync: SavedSync, base: Path, cache: ModelCache, content: bytes
) -> None:
    serve_two(sync, base)
    put(base, "homes/2", content)
    os.utime(base / "homes" / "2" / "saved_model.pb", (1, 1))
    assert sync.sync_once() == {"homes": "current"}
    assert serving(cache) == "2"
    results = {b"2": "current", b"2.5": "installed", BROKEN: "refused"}
    assert sync.sync_once() == {"homes": results[content]}
    assert serving(cache) == "2"


def test_a_version_that_serves_goes_on_while_its_files_cannot_be_looked_at(
    sync: SavedSync, base: Path, cache: ModelCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve_two(sync, base)
    with monkeypatch.context() as patched:
        patched.setattr(SavedVersion, "stamp", away)
        assert sync.sync_once() == {"homes": "current"}
    assert serving(cache) == "2"
    sync.sync_once()
    assert sync.sync_once() == {"homes": "current"}
    assert serving(cache) == "2"


def test_what_changes_while_it_is_imported_is_imported_again(
    sync: SavedSync, base: Path, cache: ModelCache, maker: Maker
) -> None:
    put(base, "homes/1", BROKEN)

    def arrive() -> None:
        maker.meanwhile = lambda: None
        put(base, "homes/1", b"12.5")

    maker.meanwhile = arrive
    assert sync.sync_once() == {"homes": "superseded"}
    assert reason(cache) is None
    sync.sync_once()
    assert sync.sync_once() == {"homes": "installed"}
    assert maker.made == ["homes/1"] * 2


@pytest.mark.parametrize(
    "failure",
    [
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
        shutil.Error([("a", "b", "[Errno 28] No space left on device: 'b'")]),
    ],
)
def test_a_full_disk_of_ours_refuses_no_version(
    sync: SavedSync,
    base: Path,
    cache: ModelCache,
    maker: Maker,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    failure: OSError,
) -> None:
    def full() -> None:
        raise failure

    maker.meanwhile = full
    put(base, "homes/1")
    put(base, "villas/1")
    assert sync.sync_once() == {"homes": "failed", "villas": "failed"}
    assert sync.sync_once() == {"homes": "failed", "villas": "failed"}
    assert maker.made == ["homes/1", "villas/1"]
    assert "None" not in caplog.text
    assert cache.registry_state().refusals == {}
    maker.meanwhile = lambda: None
    clock.now += 3
    assert sync.sync_once() == {"homes": "installed", "villas": "installed"}
    assert reason(cache) is None


def test_files_that_cannot_be_read_now_are_read_later(
    sync: SavedSync,
    base: Path,
    cache: ModelCache,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put(base, "homes/1")
    with monkeypatch.context() as patched:
        patched.setattr(SavedVersion, "digest", away)
        assert sync.sync_once() == {"homes": "refused"}
        assert sync.sync_once() == {"homes": "refused"}
    assert reason(cache) == ("1", f"cannot be read: {os.strerror(errno.ESTALE)}")
    clock.now += 11
    assert sync.sync_once() == {"homes": "installed"}
    assert reason(cache) is None


def test_what_may_go_better_another_time_is_tried_again_and_a_fault_of_the_files_is_not(
    sync: SavedSync, base: Path, cache: ModelCache, maker: Maker, clock: Clock
) -> None:
    def short() -> None:
        raise BrokenPackage("2 GB are free here")

    maker.meanwhile = short
    put(base, "homes/1")
    put(base, "villas/1", BROKEN)
    assert sync.sync_once() == {"homes": "refused", "villas": "refused"}
    assert reason(cache) == ("1", "2 GB are free here")
    maker.meanwhile = lambda: None
    clock.now += 11
    assert sync.sync_once() == {"homes": "installed", "villas": "refused"}
    made = len(maker.made)
    clock.now += 10_000
    assert sync.sync_once() == {"homes": "current", "villas": "refused"}
    assert len(maker.made) == made


def test_a_public_key_that_arrives_late_is_waited_for(
    settings: Settings, base: Path, cache: ModelCache, maker: Maker, tmp_path: Path, clock: Clock
) -> None:
    new_keys(tmp_path / "mine")
    key = tmp_path / "mine.pub"

    def signed(source: Path, name: str, root: Path) -> str:
        digest = maker(source, name, root)
        sign_package(root, load_private_key(tmp_path / "mine"))
        return digest

    asking = settings.model_copy(update={"public_keys": (key,)})
    sync = SavedSync(asking, SavedFolder(base), signed)
    public = key.read_bytes()
    key.write_bytes(b"")
    put(base, "homes/1")
    assert sync.sync_once() == {"homes": "refused"}
    assert sync.sync_once() == {"homes": "refused"}
    assert maker.made == ["homes/1"]
    key.write_bytes(public)
    clock.now += 11
    assert sync.sync_once() == {"homes": "installed"}


def test_it_says_that_a_package_is_being_made(
    sync: SavedSync, base: Path, cache: ModelCache, maker: Maker
) -> None:
    seen = []
    maker.meanwhile = lambda: seen.append(cache.refusal("homes"))
    put(base, "homes/1")
    sync.sync_once()
    (told,) = seen
    assert told is not None
    assert told.pending
    assert told.reason == "version 1 is new; its package is being made"
    assert reason(cache) is None


def test_the_folder_counts_as_read_before_its_models_are_imported(
    sync: SavedSync, base: Path, cache: ModelCache, maker: Maker
) -> None:
    seen: list[float] = []
    refused: list[dict[str, int]] = []

    def look() -> None:
        state = cache.registry_state()
        seen.append(state.last_success)
        refused.append(state.refusals)

    maker.meanwhile = look
    put(base, "homes/1", BROKEN)
    put(base, "villas/1")
    sync.sync_once()
    assert 0 < seen[0] < seen[1] < cache.registry_state().last_success
    assert refused == [{}, {"homes": 1}]


def test_a_model_that_is_taken_away_leaves_the_cache_unless_it_is_required(
    settings: Settings, base: Path, cache: ModelCache, maker: Maker
) -> None:
    put(base, "homes/1")
    put(base, "villas/1", b"2")
    required = settings.model_copy(update={"models": ("homes", "*")})
    sync = SavedSync(required, SavedFolder(base), maker)
    sync.sync_once()
    shutil.rmtree(base / "homes")
    shutil.rmtree(base / "villas")
    assert sync.sync_once() == {"villas": "removed"}
    assert cache.models() == ["homes"]
    assert cache.withdrawn() == ["villas"]


def test_a_stray_folder_or_one_that_cannot_be_read_removes_no_model(
    sync: SavedSync, base: Path, cache: ModelCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(base, "homes/1")
    put(base, "villas/1")
    sync.sync_once()
    (base / "20240101").mkdir()
    assert sync.sync_once() == {"homes": "current", "villas": "current"}
    # root may read everything
    monkeypatch.setattr(os, "access", lambda path, _: Path(path).name != "villas")
    assert sync.sync_once() == {"homes": "current"}
    assert cache.models() == ["homes", "villas"]
    shutil.rmtree(base / "homes" / "1")
    assert sync.sync_once() == {}
    assert cache.models() == ["homes", "villas"]


def test_a_folder_that_is_away_changes_nothing(
    sync: SavedSync, base: Path, cache: ModelCache
) -> None:
    put(base, "homes/1")
    sync.sync_once()
    shutil.rmtree(base)
    with pytest.raises(RegistryError, match="the folder cannot be read"):
        sync.sync_once()
    assert serving(cache) == "1"


def test_a_name_that_no_model_can_have_is_told_once(
    sync: SavedSync, base: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(base, "Homes/1")
    with caplog.at_level(logging.WARNING):
        assert sync.sync_once() == {}
        sync.sync_once()
    assert caplog.text.count("the folder Homes is not served") == 1
