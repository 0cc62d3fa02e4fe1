"""Too slow is relative to the version that serves, and never a matter of a few milliseconds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

from support.packages import (
    HOUSING_ROWS,
    housing_document,
    housing_graph,
    slow_housing_graph,
    write_package,
)
from vigie.engines.predictor import Answers, Predictor, open_predictor
from vigie.errors import RefusedPackage
from vigie.models.package import read_package
from vigie.registry.cache import CachedVersion
from vigie.registry.gate import latency
from vigie.registry.gate.admission import admit
from vigie.registry.gate.latency import Timing, measure, too_slow
from vigie.settings import load_settings


def opened(root: Path, slow: bool) -> Predictor:
    graph = slow_housing_graph() if slow else housing_graph()
    write_package(root, housing_document(), graph, HOUSING_ROWS)
    return open_predictor(read_package(root, ""))


@pytest.fixture
def none_is_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The factor alone decides: a slow graph is many times slower on any machine."""
    monkeypatch.setattr(latency, "FREE_MS", 0.0)


@pytest.mark.parametrize(
    ("candidate", "live", "factor", "refused"),
    [
        (30.1, 10.0, 3.0, True),
        (29.9, 10.0, 3.0, False),
        (4.9, 0.1, 3.0, False),
        (5.1, 0.1, 3.0, True),
        (1000.0, 1.0, 0.0, False),
        (20.0, 10.0, 1.5, True),
    ],
)
def test_the_budget(candidate: float, live: float, factor: float, refused: bool) -> None:
    reason = too_slow(Timing(256, candidate, live), factor)
    assert (reason is not None) == refused
    if reason:
        assert f"{candidate:.3g} ms" in reason
        assert f"{live:.3g} ms" in reason


def test_a_slow_graph_shows_and_the_same_graph_does_not(tmp_path: Path) -> None:
    quick = opened(tmp_path / "quick", slow=False)
    timing = measure(opened(tmp_path / "slow", slow=True), quick)
    assert timing.rows == 256
    assert timing.candidate_ms > 3 * timing.live_ms
    assert too_slow(measure(quick, quick), 3.0) is None


def test_a_round_that_takes_long_is_not_repeated_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = opened(tmp_path / "quick", slow=False)
    calls: list[int] = []
    ask = quick.predict

    def counted(columns: Mapping[str, list[Any]]) -> Answers:
        calls.append(len(columns["rooms"]))
        return ask(columns)

    monkeypatch.setattr(quick, "predict", counted)
    monkeypatch.setattr(latency, "MOST_SECONDS", 0.0)
    assert measure(quick, quick).rows == 256
    assert calls == [2, 2] + [256] * 2 * (latency.FEWEST_ROUNDS + 1)
    calls.clear()
    monkeypatch.setattr(latency, "SLOW_MS", 0.0)
    assert measure(quick, quick).rows == 2
    assert set(calls) == {2}


@pytest.mark.usefixtures("none_is_quick")
def test_a_live_version_that_cannot_be_opened_holds_up_nobody(tmp_path: Path) -> None:
    candidate = opened(tmp_path / "new", slow=True).package
    for damaged in ("model.onnx", "package.json"):
        root = tmp_path / damaged
        opened(root, slow=False)
        admit(candidate, CachedVersion(root, "", "1", ""), load_settings(latency_factor=0.0))
        with pytest.raises(RefusedPackage, match="too slow"):
            admit(candidate, CachedVersion(root, "", "1", ""), load_settings())
        (root / "vigie" / damaged).write_bytes(b"rubbish")
        admit(candidate, CachedVersion(root, "", "1", ""), load_settings())


@pytest.mark.usefixtures("none_is_quick")
def test_a_live_version_that_cannot_be_measured_holds_up_nobody(tmp_path: Path) -> None:
    candidate = opened(tmp_path / "new", slow=True).package
    live = opened(tmp_path / "live", slow=False).package
    path = live.root / "vigie/golden.json"
    golden = orjson.loads(path.read_bytes())
    golden["rows"][0]["rooms"] = "three"
    path.write_bytes(orjson.dumps(golden))
    admit(candidate, CachedVersion(live.root, "", "1", ""), load_settings())
