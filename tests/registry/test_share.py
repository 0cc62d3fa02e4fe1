"""What a shared cache gives out: its index, packages file by file, and nothing beside them."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from support.packages import install
from vigie.registry.cache import ModelCache, Refusal, RegistryState
from vigie.registry.share import create_share
from vigie.registry.share_client import LAST_SUCCESS


@pytest.fixture
def cache(tmp_path: Path) -> ModelCache:
    return ModelCache(tmp_path / "cache")


@pytest.fixture
def client(cache: ModelCache) -> FlaskClient:
    return create_share(cache).test_client()


def test_an_empty_cache_has_an_empty_index(client: FlaskClient) -> None:
    assert client.get("/index").get_json() == {
        "refusals": {}, "withdrawn": [], "models": {},
    }  # fmt: skip


def test_the_index_says_what_each_alias_names(cache: ModelCache, client: FlaskClient) -> None:
    digest = install(cache, "housing", "3")
    cache.refuse("housing", Refusal("4", "f" * 64, "the golden rows differ"))
    cache.note_registry(RegistryState(12.5, {"housing": 1}))
    answer = client.get("/index")
    assert answer.headers[LAST_SUCCESS] == "12.5"
    index = answer.get_json()
    assert index["refusals"] == {"housing": 1}
    assert index["models"]["housing"] == {
        "champion": {
            "version": {"digest": digest, "version": "3", "run_id": "run3"},
            "refusal": {
                "version": "4", "digest": "f" * 64, "reason": "the golden rows differ",
                "pending": False,
            },
        },
        "challenger": {"version": None, "refusal": None},
    }  # fmt: skip


def test_a_model_that_was_taken_away_is_named_until_it_is_back(
    cache: ModelCache, client: FlaskClient
) -> None:
    install(cache, "housing")
    with cache.lock("housing"):
        cache.forget("housing")
    index = client.get("/index").get_json()
    assert (index["withdrawn"], index["models"]) == (["housing"], {})
    install(cache, "housing")
    index = client.get("/index").get_json()
    assert (index["withdrawn"], list(index["models"])) == ([], ["housing"])


def test_an_index_that_has_not_changed_is_not_sent_again(
    cache: ModelCache, client: FlaskClient
) -> None:
    install(cache, "housing")
    tag = client.get("/index").headers["ETag"]
    again = client.get("/index", headers={"If-None-Match": tag})
    assert (again.status_code, again.data) == (304, b"")
    # that the registry has answered once more is no change
    cache.note_registry(RegistryState(15.5))
    again = client.get("/index", headers={"If-None-Match": tag})
    assert (again.status_code, again.headers[LAST_SUCCESS]) == (304, "15.5")
    install(cache, "iris")
    assert client.get("/index", headers={"If-None-Match": tag}).status_code == 200


def test_every_file_of_a_package_can_be_had(cache: ModelCache, client: FlaskClient) -> None:
    digest = install(cache, "housing")
    found = cache.find("housing", digest)
    assert found is not None
    files = [path for path in found.root.rglob("*") if path.is_file()]
    assert len(files) >= 4
    for path in files:
        name = path.relative_to(found.root)
        with client.get(f"/packages/housing/{digest}/{name}", buffered=True) as answer:
            assert answer.data == path.read_bytes()


@pytest.mark.parametrize(
    "path",
    [
        "housing/DIGEST/vigie/nothing",
        "housing/DIGEST/../DIGEST.json",
        "housing/DIGEST/%2e%2e/DIGEST.json",
        "housing/DIGEST//etc/passwd",
        "housing/DIGEST/",
        "housing/DIGEST.json",
        f"housing/{'0' * 64}/MLmodel",
        "iris/DIGEST/MLmodel",
        "../housing/DIGEST/MLmodel",
    ],
)
def test_nothing_but_files_of_packages_is_given_out(
    cache: ModelCache, client: FlaskClient, path: str
) -> None:
    digest = install(cache, "housing")
    assert client.get(f"/packages/{path.replace('DIGEST', digest)}").status_code in (404, 308)
    assert client.post("/index").status_code == 405
