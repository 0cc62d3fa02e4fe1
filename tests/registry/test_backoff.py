"""What failed is left alone for a while, and is not forgotten."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import pytest

from vigie.errors import BrokenPackage, RefusedPackage
from vigie.registry.backoff import RefusalBackoff, pause
from vigie.registry.client import RegisteredVersion


def test_an_outage_is_asked_about_less_often_and_its_end_is_seen_soon() -> None:
    pauses = [[pause(2.0, failed) for _ in range(50)] for failed in (0, 1, 2, 3, 100_000)]
    assert all(len(set(drawn)) > 1 for drawn in pauses)
    expected = [2.0, 4.0, 8.0, 8.0, 8.0]
    for drawn, middle in zip(pauses, expected, strict=True):
        assert middle * 0.8 <= min(drawn) <= max(drawn) <= middle * 1.2
    assert pause(60.0, 5) <= 72.0


def test_a_broken_version_is_asked_for_less_and_less_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    clock = SimpleNamespace(monotonic=lambda: now[0])
    monkeypatch.setattr("vigie.registry.backoff.time", clock)
    refused = RefusalBackoff()
    version = RegisteredVersion("housing", "1", "", {"vigie.digest": "d"})
    pauses = []
    for _ in range(8):
        refused.add(version, BrokenPackage("half"))
        began = now[0]
        while refused.held(version):
            now[0] += 1
        pauses.append(now[0] - began)
    assert pauses == [10, 20, 40, 80, 160, 320, 600, 600]
    refused.add(version, RefusedPackage("wrong"))
    now[0] += 1e9
    assert refused.held(version)
    assert not refused.held(dataclasses.replace(version, version="2"))
    assert not refused.held(dataclasses.replace(version, tags={}))
