"""A copy of a shared cache: equal to it, unharmed by it, and served when it is away."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest

from support.packages import install
from support.ports import free_port
from support.shared_cache import shared
from vigie.errors import ConfigurationError, RegistryError
from vigie.models.manifest import MANIFEST, file_digest, verify_manifest
from vigie.models.signing import load_private_key, new_keys, sign_package
from vigie.registry.cache import CHALLENGER, ModelCache, Refusal, RegistryState
from vigie.registry.mirror import CacheMirror
from vigie.registry.share_client import LAST_SUCCESS
from vigie.settings import load_settings


@dataclass
class Pair:
    """A shared cache, and a copy of it."""

    source: ModelCache
    copy: ModelCache
    url: str
    folder: Path

    def mirror(self, **overrides: object) -> CacheMirror:
        plain = {"cache": self.copy.folder, "cache_url": self.url, "state": self.folder / "state"}
        return CacheMirror(load_settings(**{**plain, **overrides}))


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    source = ModelCache(tmp_path / "source")
    with shared(source) as url:
        yield Pair(source, ModelCache(tmp_path / "copy"), url, tmp_path)


def root_of(cache: ModelCache, name: str) -> Path:
    found = cache.champion(name)
    assert found is not None
    return found.root


def test_a_copy_is_equal(pair: Pair) -> None:
    digests = {name: install(pair.source, name, "3") for name in ("housing", "iris")}
    pair.source.note_registry(RegistryState(12.5, {"housing": 2}))
    mirror = pair.mirror()
    assert mirror.sync_once() == dict.fromkeys(digests, "installed")
    for name, digest in digests.items():
        found = pair.copy.champion(name)
        assert found is not None
        assert (found.digest, found.version, found.run_id) == (digest, "3", "run3")
        verify_manifest(found.root, digest)
    assert pair.copy.registry_state() == RegistryState(12.5, {"housing": 2})
    assert mirror.sync_once() == dict.fromkeys(digests, "current")


def test_a_source_that_only_lives_on_costs_no_index_and_no_wait_for_the_disk(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(pair.source, "housing")
    pair.source.note_registry(RegistryState(12.5))
    mirror = pair.mirror()
    mirror.sync_once()
    statuses: list[int] = []
    session = mirror._client._session
    session.hooks["response"].append(lambda answer, *_, **__: statuses.append(answer.status_code))
    waits: list[int] = []
    monkeypatch.setattr(os, "fsync", waits.append)
    for seconds in (15.5, 18.5):
        pair.source.note_registry(RegistryState(seconds))
        assert mirror.sync_once() == {"housing": "current"}
        assert pair.copy.registry_state() == RegistryState(seconds)
    assert (statuses, waits) == ([304, 304], [])


@pytest.mark.parametrize("said", ["", "soon", "nan", "inf"])
def test_what_is_no_time_counts_as_never(pair: Pair, said: str) -> None:
    install(pair.source, "housing")
    mirror = pair.mirror()
    session = mirror._client._session
    session.hooks["response"].append(
        lambda answer, *_, **__: answer.headers.update({LAST_SUCCESS: said})
    )
    assert mirror.sync_once() == {"housing": "installed"}
    assert pair.copy.registry_state() == RegistryState(0.0)


def test_a_promoted_version_takes_over_and_the_one_before_stays_for_those_who_read_it(
    pair: Pair,
) -> None:
    mirror = pair.mirror()
    digests = []
    for version in (1, 2, 3):
        digests.append(install(pair.source, "housing", str(version), version))
        mirror.sync_once()
    here = [pair.copy.find("housing", digest) is not None for digest in digests]
    assert here == [False, True, True]
    assert pair.copy.pointer("housing") == digests[-1]


def test_only_the_models_of_the_settings_are_copied(pair: Pair) -> None:
    install(pair.source, "housing")
    install(pair.source, "iris")
    assert pair.mirror(models="iris").sync_once() == {"iris": "installed"}
    assert pair.copy.models() == ["iris"]


def test_a_challenger_comes_and_goes(pair: Pair) -> None:
    champion = install(pair.source, "housing", "1")
    challenger = install(pair.source, "housing", "2", 2.0)
    with pair.source.lock("housing"):
        pair.source.point("housing", champion)
        pair.source.point("housing", challenger, CHALLENGER)
    mirror = pair.mirror()
    mirror.sync_once()
    assert pair.copy.pointer("housing") == champion
    assert pair.copy.pointer("housing", CHALLENGER) == challenger
    pair.source.withdraw("housing", CHALLENGER)
    mirror.sync_once()
    assert pair.copy.pointer("housing", CHALLENGER) is None
    assert pair.copy.find("housing", challenger) is None
    assert pair.copy.pointer("housing") == champion


def test_a_refusal_is_told_here_too_and_forgotten_with_it(pair: Pair) -> None:
    install(pair.source, "housing")
    refusal = Refusal("2", "f" * 64, "the golden rows differ")
    pair.source.refuse("housing", refusal)
    mirror = pair.mirror()
    mirror.sync_once()
    assert pair.copy.refusal("housing") == refusal
    pair.source.clear_refusal("housing")
    mirror.sync_once()
    assert pair.copy.refusal("housing") is None


def test_a_model_that_was_taken_away_goes_and_one_that_was_lost_stays(pair: Pair) -> None:
    for name in ("housing", "iris"):
        install(pair.source, name)
    mirror = pair.mirror(models="*")
    mirror.sync_once()
    with pair.source.lock("iris"):
        pair.source.forget("iris")
    shutil.rmtree(pair.source.folder / "housing")
    assert mirror.sync_once() == {"iris": "removed"}
    assert pair.copy.models() == ["housing"]


def test_a_required_model_stays_whoever_took_it_away(pair: Pair) -> None:
    install(pair.source, "housing")
    mirror = pair.mirror(models="housing,*")
    mirror.sync_once()
    with pair.source.lock("housing"):
        pair.source.forget("housing")
    assert mirror.sync_once() == {}
    assert pair.copy.models() == ["housing"]


def test_a_source_that_is_away_changes_nothing(pair: Pair) -> None:
    digest = install(pair.source, "housing")
    pair.mirror().sync_once()
    away = pair.mirror(cache_url=f"http://127.0.0.1:{free_port()}")
    with pytest.raises(RegistryError, match="the shared cache does not answer"):
        away.sync_once()
    assert pair.copy.pointer("housing") == digest


def test_a_flipped_byte_is_not_served(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    good = install(pair.source, "housing", "1")
    mirror = pair.mirror()
    mirror.sync_once()
    install(pair.source, "housing", "2", 2.0)
    graph = root_of(pair.source, "housing") / "vigie/model.onnx"
    content = bytearray(graph.read_bytes())
    content[-1] ^= 1
    graph.write_bytes(content)
    assert mirror.sync_once() == {"housing": "failed"}
    assert mirror.sync_once() == {"housing": "failed"}
    assert pair.copy.pointer("housing") == good
    said = [one for one in caplog.messages if "cannot be copied" in one]
    assert len(said) == 1
    assert "vigie/model.onnx" in said[0]


def test_another_manifest_than_that_of_the_digest_is_not_read(pair: Pair) -> None:
    install(pair.source, "housing")
    manifest = root_of(pair.source, "housing") / MANIFEST
    manifest.write_bytes(manifest.read_bytes() + b" ")
    assert pair.mirror().sync_once() == {"housing": "failed"}
    assert pair.copy.models() == []


def test_a_manifest_cannot_name_a_file_elsewhere(pair: Pair) -> None:
    digest = install(pair.source, "housing")
    root = root_of(pair.source, "housing")
    listed = orjson.loads((root / MANIFEST).read_bytes())
    listed["files"]["../../outside"] = "0" * 64
    (root / MANIFEST).write_bytes(orjson.dumps(listed))
    other = file_digest(root / MANIFEST)
    root.rename(root.with_name(other))
    with pair.source.lock("housing"):
        pair.source.record("housing", other, "2", "run2")
        pair.source.point("housing", other)
    assert pair.mirror().sync_once() == {"housing": "failed"}
    assert not list(pair.folder.rglob("outside"))
    assert digest != other


def test_a_package_under_another_models_name_is_not_served(pair: Pair) -> None:
    digest = install(pair.source, "iris")
    shutil.copytree(pair.source.folder / "iris", pair.source.folder / "housing", symlinks=True)
    assert pair.mirror().sync_once() == {"housing": "failed", "iris": "installed"}
    assert pair.copy.pointer("iris") == digest


def test_a_package_that_is_too_large_is_not_brought_here(pair: Pair) -> None:
    install(pair.source, "housing")
    assert pair.mirror(max_package_bytes=1024).sync_once() == {"housing": "failed"}
    assert not list(pair.copy.folder.glob("housing/versions/*"))


def test_where_keys_are_asked_for_only_what_they_signed_is_copied(pair: Pair) -> None:
    install(pair.source, "housing")
    public = new_keys(pair.folder / "key")
    mirror = pair.mirror(public_keys=str(public))
    assert mirror.sync_once() == {"housing": "failed"}
    other = new_keys(pair.folder / "other")
    sign_package(root_of(pair.source, "housing"), load_private_key(pair.folder / "other"))
    assert mirror.sync_once() == {"housing": "failed"}
    # a key that is added is known without a restart
    public.write_bytes(public.read_bytes() + other.read_bytes())
    assert mirror.sync_once() == {"housing": "installed"}


def test_a_package_that_is_here_is_held_against_the_keys_of_now(pair: Pair) -> None:
    public = new_keys(pair.folder / "key")
    key, source = load_private_key(pair.folder / "key"), pair.source
    first = install(source, "housing")
    sign_package(root_of(source, "housing"), key)
    mirror = pair.mirror(public_keys=str(public))
    mirror.sync_once()
    second = install(source, "housing", "2", factor=2.0)
    other = new_keys(pair.folder / "other")
    sign_package(root_of(source, "housing"), load_private_key(pair.folder / "other"))
    public.write_bytes(public.read_bytes() + other.read_bytes())
    assert mirror.sync_once() == {"housing": "installed"}
    # the one before is kept; its key has leaked since
    public.write_bytes(other.read_bytes())
    source.point("housing", first)
    assert mirror.sync_once() == {"housing": "failed"}
    assert pair.copy.pointer("housing") == second


def test_without_an_address_there_is_nothing_to_copy(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="VIGIE_CACHE_URL"):
        CacheMirror(load_settings(cache=tmp_path))
