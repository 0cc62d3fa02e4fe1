"""A version is judged on rows that no version was trained on, beside the one that serves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import orjson
import pytest

from support.packages import (
    HOUSING_ROWS,
    IRIS_ROWS,
    housing_document,
    housing_graph,
    iris_document,
    iris_graph,
    keep_held_out,
    write_package,
)
from vigie.engines.predictor import Predictor, open_predictor
from vigie.errors import RefusedPackage
from vigie.models.manifest import write_manifest
from vigie.models.package import read_package
from vigie.registry.cache import CachedVersion
from vigie.registry.gate import accuracy
from vigie.registry.gate.accuracy import against_constant, against_live, compare_errors
from vigie.registry.gate.admission import admit
from vigie.registry.gate.comparison import Judgement
from vigie.settings import load_settings


def housing(root: Path, factor: float, held_out: bool = True) -> Predictor:
    """A version that is right about prices where its factor is 1."""
    write_package(root, housing_document(factor=factor), housing_graph(factor), HOUSING_ROWS)
    if held_out:
        keep_held_out(root)
    return open_predictor(read_package(root, ""))


def admitted(candidate: Predictor, live: Predictor | None, *settled: str, **given: float) -> None:
    settings = load_settings(latency_factor=0.0, **given)
    version = CachedVersion(live.package.root, "", "1", "") if live else None
    admit(candidate.package, version, settings, frozenset(settled))


def test_errors_are_compared_row_by_row() -> None:
    rng = np.random.default_rng(1)
    one = rng.uniform(0, 1, 50)
    worse = compare_errors(one + 0.1, one)
    assert worse is not None
    assert (worse.rows, worse.clearly) == (50, True)
    assert worse.candidate - worse.other == pytest.approx(0.1)
    noise = compare_errors(one + rng.normal(0, 1, 50) + 0.01, one)
    assert noise is not None
    assert not noise.clearly
    assert compare_errors(one[:9], one[:9]) is None


def test_one_wrong_label_in_thirty_is_chance() -> None:
    wrong = np.zeros(30)
    wrong[4] = 1
    compared = compare_errors(wrong, np.zeros(30))
    assert compared is not None
    assert not compared.clearly
    judgement = Judgement(against_live=compared)
    assert judgement.refusal(load_settings()) is None
    # the operator's command is stricter than what nobody asked for
    verdict = judgement.verdict("1")
    assert verdict is not None
    assert not verdict.promote


def test_a_worse_version_is_refused_on_the_same_rows(tmp_path: Path) -> None:
    live, bad = housing(tmp_path / "live", 1.0), housing(tmp_path / "bad", 1.3)
    with pytest.raises(RefusedPackage, match=r"worse than the version that serves: .* same 80 hel"):
        admitted(bad, live)
    admitted(bad, live, "error")
    admitted(bad, live, error_factor=0.0)
    admitted(live, bad)
    # its own rows may be few, or none: it is judged on those of the live version
    with pytest.raises(RefusedPackage, match="same 40 held-out rows"):
        admitted(housing(tmp_path / "silent", 1.3, held_out=False), live)


def test_a_version_that_knows_nothing_is_refused_even_alone(tmp_path: Path) -> None:
    with pytest.raises(RefusedPackage, match="worse than one answer for every row"):
        admitted(housing(tmp_path / "bad", 4.0), None)
    admitted(housing(tmp_path / "good", 1.0), None)


def test_labels_are_judged_by_how_many_are_wrong(tmp_path: Path) -> None:
    write_package(tmp_path / "iris", iris_document(), iris_graph(), IRIS_ROWS)
    root = tmp_path / "iris"
    rng = np.random.default_rng(2)
    names = list(IRIS_ROWS[0])
    rows = [dict(zip(names, row, strict=True)) for row in rng.uniform(0.1, 7, (40, 4)).tolist()]
    asked = open_predictor(read_package(root, ""))
    scores = asked.predict(asked.decoder.decode(rows).columns).outputs["probabilities"]
    labels = [asked.package.document.labels[i] for i in scores.argmax(axis=1)]
    held_out = {"rows": rows, "actual": [*labels[:30], *["virginica"] * 10]}
    (root / "vigie/held_out.json").write_bytes(orjson.dumps(held_out))
    compared = against_live(asked, asked)
    assert compared is not None
    wrong = sum(label != "virginica" for label in labels[30:])
    assert compared.candidate == compared.other == pytest.approx(wrong / 40)
    alone = against_constant(asked)
    assert alone is not None
    assert alone.candidate <= alone.other


def test_rows_that_one_version_does_not_take_are_left_out(tmp_path: Path) -> None:
    live, other = housing(tmp_path / "live", 1.0), housing(tmp_path / "other", 1.0)
    path = other.package.root / "vigie/held_out.json"
    held_out = orjson.loads(path.read_bytes())
    held_out["rows"][3]["rooms"] = 4000
    path.write_bytes(orjson.dumps(held_out))
    compared = against_live(other, live)
    assert compared is not None
    assert compared.rows == 79


def test_a_slow_version_is_judged_on_the_rows_there_is_time_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = housing(tmp_path / "live", 1.0)
    monkeypatch.setattr(accuracy, "MOST_SECONDS", 0.0)
    monkeypatch.setattr(accuracy, "ROWS_AT_ONCE", 15)
    compared = against_live(live, live)
    assert compared is not None
    assert compared.rows == 15


def test_held_out_rows_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    live = housing(tmp_path / "live", 1.0)
    (live.package.root / "vigie/held_out.json").write_text('{"rows": [{}], "actual": [1, 2]}')
    write_manifest(live.package.root)
    with pytest.raises(RefusedPackage, match=r"held_out.json.*one truth per row"):
        admitted(live, None)
