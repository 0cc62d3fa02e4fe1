"""The cache: readers see whole packages only, whatever a writer does or where it stops."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

import pytest

from support.packages import install
from vigie.models.manifest import verify_manifest
from vigie.registry.cache import CachedVersion, ModelCache, Refusal, RegistryState

A, B, C = "a" * 64, "b" * 64, "c" * 64


@pytest.fixture
def cache(tmp_path: Path) -> ModelCache:
    return ModelCache(tmp_path / "cache")


def put(cache: ModelCache, digest: str, version: str = "1", model: str = "housing") -> None:
    """A stand-in package: one file that holds its digest."""
    with cache.lock(model) as incoming:
        (incoming / "content").write_text(digest)
        cache.install(model, incoming, digest, version, f"run{version}")


def test_an_empty_cache_has_nothing(cache: ModelCache) -> None:
    assert cache.models() == []
    assert cache.pointer("housing") is None
    assert cache.champion("housing") is None
    assert cache.find("housing", A) is None
    assert cache.refusal("housing") is None
    assert cache.registry_state() == RegistryState()


def test_an_installed_package_is_found_and_served_once_pointed_to(cache: ModelCache) -> None:
    digest = install(cache, "housing", "3")
    found = cache.champion("housing")
    assert found == CachedVersion(found.root if found else Path(), digest, "3", "run3")
    assert found is not None
    verify_manifest(found.root, digest)
    assert cache.models() == ["housing"]


def test_other_users_may_read_a_package(cache: ModelCache) -> None:
    install(cache, "housing")
    found = cache.champion("housing")
    assert found is not None
    assert found.root.stat().st_mode & 0o777 == 0o755


def test_a_package_that_is_not_pointed_to_does_not_serve(cache: ModelCache) -> None:
    put(cache, A)
    assert cache.find("housing", A) is not None
    assert cache.champion("housing") is None
    assert cache.models() == []


def test_the_pointer_moves_and_the_same_package_may_be_two_versions(cache: ModelCache) -> None:
    put(cache, A)
    put(cache, B, "2")
    for digest in (A, B, A):
        cache.point("housing", digest)
        assert cache.pointer("housing") == digest
    put(cache, A, "9")
    found = cache.champion("housing")
    assert found is not None
    assert found.version == "9"
    assert (found.root / "content").read_text() == A


@pytest.mark.parametrize("digest", ["", "..", "../../x", A.upper(), A[:-1], "*"])
def test_a_digest_that_is_none_is_never_a_path(cache: ModelCache, digest: str) -> None:
    put(cache, A)
    assert cache.find("housing", digest) is None


def test_a_pointer_that_leads_elsewhere_is_none(cache: ModelCache, tmp_path: Path) -> None:
    put(cache, A)
    (cache.folder / "housing" / "champion").symlink_to(tmp_path)
    assert cache.pointer("housing") is None
    assert cache.champion("housing") is None


def test_prune_keeps_what_it_is_told_to(cache: ModelCache) -> None:
    for digest in (A, B, C):
        put(cache, digest)
    cache.prune("housing", {A, C})
    assert [cache.find("housing", d) is not None for d in (A, B, C)] == [True, False, True]
    names = {path.name for path in (cache.folder / "housing" / "versions").iterdir()}
    assert names == {A, C, f"{A}.json", f"{C}.json"}


def test_a_stop_while_pruning_leaves_no_half_package(
    cache: ModelCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(cache, A)

    def stopped(path: Path, **_: object) -> None:
        (path / "content").unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", stopped)
        with pytest.raises(KeyboardInterrupt):
            cache.prune("housing", set())
    assert cache.find("housing", A) is None
    put(cache, A)
    found = cache.find("housing", A)
    assert found is not None
    assert (found.root / "content").read_text() == A


def test_what_a_stopped_writer_left_is_removed_by_the_next(cache: ModelCache) -> None:
    stale = cache.folder / "housing" / ".incoming-stale"
    (stale / "vigie").mkdir(parents=True)
    with cache.lock("housing") as incoming:
        assert not stale.exists()
        assert list(incoming.iterdir()) == []
        (incoming / "part").write_text("x")
    assert not incoming.exists()
    with pytest.raises(RuntimeError), cache.lock("housing") as incoming:
        raise RuntimeError
    assert not incoming.exists()


def test_a_package_without_its_record_is_not_found_and_can_be_installed_again(
    cache: ModelCache,
) -> None:
    put(cache, A)
    record = cache.folder / "housing" / "versions" / f"{A}.json"
    for content in (b"", b"{"):
        record.write_bytes(content)
        assert cache.find("housing", A) is None
    record.unlink()
    assert cache.find("housing", A) is None
    put(cache, A, "4")
    found = cache.find("housing", A)
    assert found is not None
    assert found.version == "4"


def test_one_writer_at_a_time(cache: ModelCache) -> None:
    entered = threading.Event()

    def second() -> None:
        with cache.lock("housing"):
            entered.set()

    other = threading.Thread(target=second)
    with cache.lock("housing"):
        other.start()
        assert not entered.wait(0.1)
        with cache.lock("iris"):
            pass
    assert entered.wait(60)
    other.join()


def test_a_refusal_is_kept_until_it_is_cleared(cache: ModelCache) -> None:
    refusal = Refusal("4", B, "golden rows: output price differs")
    cache.refuse("housing", refusal)
    assert cache.refusal("housing") == refusal
    cache.clear_refusal("housing")
    cache.clear_refusal("housing")
    assert cache.refusal("housing") is None


def test_the_state_of_the_registry_survives_and_rubbish_counts_as_none(cache: ModelCache) -> None:
    state = RegistryState(12.5, {"housing": 2})
    cache.note_registry(state)
    assert ModelCache(cache.folder).registry_state() == state
    for content in (b"", b"[]", b'{"last_success": null, "refusals": {}}', b'{"refusals": {}}'):
        (cache.folder / "registry.json").write_bytes(content)
        assert cache.registry_state() == RegistryState()


def test_a_state_that_has_not_changed_is_not_written_again(cache: ModelCache) -> None:
    path = cache.folder / "registry.json"
    written = []
    for seconds in (1.0, 1.0, 2.0):
        cache.note_registry(RegistryState(seconds, {"housing": 1}))
        written.append(path.stat().st_mtime_ns)
        os.utime(path, (0, 0))
    assert [bool(at) for at in written] == [True, False, True]


def test_a_write_that_stops_leaves_the_old_file(
    cache: ModelCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = RegistryState(1.0)
    cache.note_registry(old)

    def stopped(*_: object) -> None:
        raise OSError

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", stopped)
        with pytest.raises(OSError):  # noqa: PT011 -- the one that was planted
            cache.note_registry(RegistryState(2.0))
    assert (cache.folder / "registry.json").read_bytes() == b'{"last_success":1.0,"refusals":{}}'


def test_a_reader_never_sees_a_broken_state_while_a_writer_swaps(cache: ModelCache) -> None:
    """The previous package stays for one swap, as model-sync keeps it."""
    for digest in (A, B):
        put(cache, digest)
    cache.point("housing", A)
    stop = threading.Event()
    broken: list[object] = []
    looks = 0

    def read() -> None:
        nonlocal looks
        while not stop.is_set():
            try:
                found = cache.champion("housing")
                if found is None or (found.root / "content").read_text() != found.digest:
                    broken.append(found)
                if cache.models() != ["housing"]:
                    broken.append("the model was gone")
            except Exception as failure:
                broken.append(failure)
            looks += 1

    reader = threading.Thread(target=read)
    reader.start()
    for turn in range(200):
        digest = (A, B)[turn % 2]
        with cache.lock("housing") as incoming:
            cache.install("housing", incoming, digest, str(turn), "run")
            cache.point("housing", digest)
            cache.prune("housing", {A, B})
    stop.set()
    reader.join()
    assert broken == []
    assert looks > 20
