"""Who asks whether a version may serve, which rule holds, and what it says beside the live one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import orjson
import pytest

from support.packages import open_housing
from vigie.engines.predictor import Predictor
from vigie.errors import RefusedPackage
from vigie.models.manifest import write_manifest
from vigie.registry.cache import CachedVersion
from vigie.registry.client import RegisteredVersion
from vigie.registry.gate import latency
from vigie.registry.gate.accuracy import compare_errors
from vigie.registry.gate.comparison import (
    RULES,
    Asker,
    apply_rule,
    check_against_live,
    compare_origin,
    compare_promoted,
    compare_synced,
    compare_with_baselines,
)
from vigie.registry.gate.probe import Measurements
from vigie.settings import load_settings


@pytest.mark.parametrize(
    ("asker", "passing", "refused"),
    [
        ("train", [9.9], [10.0, 10.1]),
        ("promote", [9.9, 10.0], [10.1]),
        ("sync", [9.9, 10.0, 11.0], [11.1]),
    ],
)
def test_who_asks_decides_which_error_is_good_enough_beside_ten(
    asker: Asker, passing: list[float], refused: list[float]
) -> None:
    rule = RULES[asker]
    for errors, expected in ((passing, True), (refused, False)):
        assert [rule.lets_pass(error, 10.0, 1.1) for error in errors] == [expected] * len(errors)
    # what may be chance holds up nobody who did not ask for a comparison
    assert rule.lets_pass(11.1, 10.0, 1.1, clearly=False) == (asker == "sync")


def test_the_sentence_names_both_errors_and_the_version_that_serves() -> None:
    assert apply_rule("train", 9.5, 10.0, "3").reason == "better than version 3 (9.5 against 10)"
    assert apply_rule("train", 10.0, 10.0, "3").reason == (
        "not better than version 3 (10 against 10)"
    )
    rows = " on the same rows"
    assert apply_rule("promote", 1234.5, 1234.5, "3", rows).reason == (
        "as good as version 3 on the same rows (1,234 against 1,234)"
    )
    assert apply_rule("promote", 11.0, 10.0, "3", rows).reason == (
        "it is worse than version 3 on the same rows (11 against 10)"
    )


def test_one_wrong_label_in_thirty_is_chance() -> None:
    wrong = np.zeros(30)
    wrong[4] = 1
    compared = compare_errors(wrong, np.zeros(30))
    assert compared is not None
    assert not compared.clearly
    measured = Measurements(against_live=compared)
    assert compare_synced(measured, load_settings()).promote
    # the operator's command is stricter than what nobody asked for
    versions = [RegisteredVersion("iris", number, "") for number in ("2", "1")]
    assert not compare_promoted(measured, *versions).promote


# --- training: the baselines, and where the data came from


def test_a_model_must_beat_the_trivial_one() -> None:
    found = compare_with_baselines("regression", 10.0, {"median": 10.0, "linear": 12.0})
    assert found is not None
    assert "median" in found.reason


def test_a_model_may_be_a_little_worse_than_the_best_baseline() -> None:
    baselines = {"median": 30.0, "gradient_boosting": 10.0}
    assert compare_with_baselines("regression", 10.9, baselines) is None
    found = compare_with_baselines("regression", 11.1, baselines)
    assert found is not None
    assert not found.promote


def test_labels_are_compared_by_a_margin() -> None:
    baselines = {"majority": 0.7, "linear": 0.0}
    assert compare_with_baselines("classification", 0.04, baselines) is None
    assert compare_with_baselines("classification", 0.06, baselines) is not None


def test_scores_that_rank_the_classes_are_not_held_against_the_majority() -> None:
    baselines = {"majority": 0.05}
    assert compare_with_baselines("classification", 0.2, baselines) is not None
    assert compare_with_baselines("classification", 0.2, baselines, discriminates=True) is None
    more = {**baselines, "linear": 0.1}
    assert compare_with_baselines("classification", 0.2, more, discriminates=True) is not None


def test_made_up_data_never_replaces_real_data_and_real_data_always_does() -> None:
    refused = compare_origin(generated=True, serving_generated=False, version="3")
    assert refused is not None
    assert not refused.promote
    taken = compare_origin(generated=False, serving_generated=True, version="3")
    assert taken is not None
    assert taken.promote
    for both in (True, False):
        assert compare_origin(generated=both, serving_generated=both, version="3") is None


# --- a version that the alias names, beside the live one


def check(candidate: Predictor, live: Predictor | None, *settled: str, **given: float) -> None:
    settings = load_settings(**given)
    version = CachedVersion(live.package.root, "", "1", "") if live else None
    check_against_live(candidate.package, version, settings, frozenset(settled))


def check_errors(
    candidate: Predictor, live: Predictor | None, *settled: str, **given: float
) -> None:
    check(candidate, live, *settled, latency_factor=0.0, **given)


def test_a_worse_version_is_refused_on_the_same_rows(tmp_path: Path) -> None:
    live = open_housing(tmp_path / "live", held_out=True)
    bad = open_housing(tmp_path / "bad", 1.3, held_out=True)
    with pytest.raises(RefusedPackage, match=r"worse than the version that serves: .* same 80 hel"):
        check_errors(bad, live)
    check_errors(bad, live, "error")
    check_errors(bad, live, error_factor=0.0)
    check_errors(live, bad)
    # its own rows may be few, or none: it is compared on those of the live version
    with pytest.raises(RefusedPackage, match="same 40 held-out rows"):
        check_errors(open_housing(tmp_path / "silent", 1.3), live)


def test_a_version_that_knows_nothing_is_refused_even_alone(tmp_path: Path) -> None:
    with pytest.raises(RefusedPackage, match="worse than one answer for every row"):
        check_errors(open_housing(tmp_path / "bad", 4.0, held_out=True), None)
    check_errors(open_housing(tmp_path / "good", held_out=True), None)


def test_held_out_rows_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    live = open_housing(tmp_path / "live", held_out=True)
    (live.package.root / "vigie/held_out.json").write_text('{"rows": [{}], "actual": [1, 2]}')
    write_manifest(live.package.root)
    with pytest.raises(RefusedPackage, match=r"held_out.json.*one truth per row"):
        check_errors(live, None)


@pytest.fixture
def none_is_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The factor alone decides: a slow graph is many times slower on any machine."""
    monkeypatch.setattr(latency, "FREE_MS", 0.0)


@pytest.mark.usefixtures("none_is_quick")
def test_a_live_version_that_cannot_be_opened_holds_up_nobody(tmp_path: Path) -> None:
    candidate = open_housing(tmp_path / "new", slow=True)
    for damaged in ("model.onnx", "package.json"):
        root = tmp_path / damaged
        live = open_housing(root)
        check(candidate, live, latency_factor=0.0)
        with pytest.raises(RefusedPackage, match="too slow"):
            check(candidate, live)
        (root / "vigie" / damaged).write_bytes(b"rubbish")
        check(candidate, live)


@pytest.mark.usefixtures("none_is_quick")
def test_a_live_version_that_cannot_be_measured_holds_up_nobody(tmp_path: Path) -> None:
    candidate = open_housing(tmp_path / "new", slow=True)
    live = open_housing(tmp_path / "live")
    path = live.package.root / "vigie/golden.json"
    golden = orjson.loads(path.read_bytes())
    golden["rows"][0]["rooms"] = "three"
    path.write_bytes(orjson.dumps(golden))
    check(candidate, live)
