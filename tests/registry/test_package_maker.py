"""The process that makes a package: however it ends, the importer goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from support import making_tasks
from vigie.errors import BrokenPackage, RefusedPackage
from vigie.registry import package_maker
from vigie.registry.client import RegisteredVersion
from vigie.registry.package_maker import CancelWatch, Made, make_package
from vigie.settings import load_settings

Begin = Callable[..., Made]


@pytest.fixture
def begin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Begin:
    """Runs a process that ends in the way that is named."""
    monkeypatch.setattr(package_maker, "TASK", making_tasks.__name__)
    monkeypatch.setenv("PYTHONPATH", str(Path(making_tasks.__file__).parents[1]))
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "secret")

    def run(way: str, watch: CancelWatch = lambda: None) -> Made:
        monkeypatch.setenv(making_tasks.WAY, way)
        version = RegisteredVersion("churn", "1", "")
        return make_package(tmp_path / "version", version, False, load_settings(), watch)

    return run


def test_it_is_told_what_to_make_and_no_password(begin: Begin) -> None:
    assert begin("make") == Made("d", ("churn", "version", "False"))


def test_a_refusal_is_handed_on(begin: Begin) -> None:
    with pytest.raises(RefusedPackage, match=r"^it holds code$") as caught:
        begin("refuse")
    assert not isinstance(caught.value, BrokenPackage)


@pytest.mark.parametrize(
    ("way", "reason"),
    [
        ("kill", "most likely for want of memory; it is tried again"),
        ("exit", "has ended without a word; it is tried again"),
        ("silent", "gave no answer; it is tried again"),
    ],
)
def test_an_end_before_its_time_is_a_reason(begin: Begin, way: str, reason: str) -> None:
    with pytest.raises(BrokenPackage, match=reason):
        begin(way)


def test_more_than_can_be_taken_is_refused(begin: Begin) -> None:
    with pytest.raises(RefusedPackage, match="more than can be taken"):
        begin("flood")


def test_one_that_does_not_end_is_ended(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package_maker, "LONGEST_SECONDS", 0.5)
    with pytest.raises(BrokenPackage, match=r"took longer than 0 s|took longer than 1 s"):
        begin("sleep")
    assert not children()


def test_who_watches_may_end_it(begin: Begin) -> None:
    def watch() -> None:
        if children():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        begin("sleep", watch)
    assert not children()


def children() -> list[psutil.Process]:
    """The processes of this test that make packages."""
    own = psutil.Process().children()
    return [child for child in own if making_tasks.__name__ in " ".join(child.cmdline())]
