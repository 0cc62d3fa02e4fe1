"""A version is judged on rows that no version was trained on, beside the one that serves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from support.colours_package import SIDE, write_colours
from support.packages import (
    HOUSING_ROWS,
    IRIS_ROWS,
    iris_document,
    iris_graph,
    open_housing,
    write_package,
)
from support.photos import photo_pixels
from vigie.engines.predictor import open_predictor
from vigie.models import document as document_module
from vigie.models.package import read_package
from vigie.models.reference_rows import write_arrays
from vigie.registry.gate import accuracy
from vigie.registry.gate.accuracy import (
    against_constant,
    against_live,
    answers_to,
    compare_errors,
    discriminates,
)


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


def test_scores_rank_the_rows_of_a_class_above_the_others_or_they_do_not() -> None:
    rng = np.random.default_rng(6)
    rare = rng.uniform(0, 1, 500) < 0.04
    labels = ("no", "yes")
    truths = np.where(rare, "yes", "no").astype(object)
    chance = rng.uniform(0, 1, 500)
    found = 0.3 * rare + 0.7 * chance
    for share, ranks in ((found, True), (chance, False), (1 - found, False), (0 * chance, False)):
        scores = np.stack([1 - share, share], axis=1)
        assert discriminates(scores, truths, labels) == ranks
    assert not discriminates(scores, np.full(500, "no", object), labels)
    # the area under the curve itself, by pairs
    pairs = found[rare][:, None] - found[~rare][None, :]
    area = (np.sign(pairs).mean() + 1) / 2
    places = accuracy._ranks(found)
    count = int(rare.sum())
    by_ranks = (places[rare].sum() - count * (count + 1) / 2) / (count * (500 - count))
    assert by_ranks == pytest.approx(area)


def test_a_version_is_asked_only_for_inputs_that_it_knows(tmp_path: Path) -> None:
    rows = [{**row, "garden": 1.0} for row in HOUSING_ROWS]
    assert len(answers_to(open_housing(tmp_path / "live"), rows)) == 2


def test_rows_that_one_version_does_not_take_are_left_out(tmp_path: Path) -> None:
    live, other = (open_housing(tmp_path / name, held_out=True) for name in ("live", "other"))
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
    live = open_housing(tmp_path / "live", held_out=True)
    monkeypatch.setattr(accuracy, "MOST_SECONDS", 0.0)
    monkeypatch.setattr(accuracy, "ROWS_AT_ONCE", 15)
    compared = against_live(live, live)
    assert compared is not None
    assert compared.rows == 15


def test_photos_are_decoded_as_many_at_once_as_the_graph_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document_module, "MOST_NUMBERS_AT_ONCE", 7 * SIDE * SIDE * 3)
    write_colours(tmp_path)
    # mostly wrong, but the rare label is ranked above the other: that takes the scores of all
    colours = ["green"] * 6 + ["red"] * 14 + ["blue"] * 40
    pixels = [photo_pixels(colour, (SIDE, SIDE), seed) for seed, colour in enumerate(colours)]
    write_arrays(tmp_path / "vigie/held_out.npz", {"photo": np.stack(pixels)})
    truths = ["green"] * 6 + ["red"] * 54
    (tmp_path / "vigie/held_out.json").write_bytes(
        orjson.dumps({"rows": [{}] * len(truths), "actual": truths})
    )
    predictor = open_predictor(read_package(tmp_path, ""))
    decoded: list[int] = []
    decode = predictor.decoder.decode

    def watched(rows: Sequence[Any]) -> Any:
        decoded.append(len(rows))
        return decode(rows)

    monkeypatch.setattr(predictor.decoder, "decode", watched)
    assert against_constant(predictor) is None
    assert (sum(decoded), max(decoded)) == (2 * len(truths), 7)
    # and the time is looked at after each of these parts
    monkeypatch.setattr(accuracy, "MOST_SECONDS", 0.0)
    monkeypatch.setattr(accuracy, "FEWEST_ROWS", 7)
    compared = against_live(predictor, predictor)
    assert compared is not None
    assert compared.rows == 7
