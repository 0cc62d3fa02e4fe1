"""Live rows fall into the bins of training: counted alike, whatever they hold."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import orjson
import pytest
from prometheus_client import CollectorRegistry

from support.colours_package import colours_document
from support.packages import HOUSING_INPUTS, housing_document, iris_document
from vigie.models.decoding import RowDecoder
from vigie.models.document import PackageDocument
from vigie.models.profile import RESERVED_BINS, SMOOTHING, Distribution, Profile, build_profile
from vigie.monitoring.bin_counts import BinCounts
from vigie.monitoring.bins import MOST_WAITING, BinMetrics, VersionBins

DOCUMENT = PackageDocument.model_validate(housing_document())
RNG = np.random.default_rng(11)


def homes(number: int, **changes: Any) -> list[dict[str, Any]]:
    """Rows with gaps in what is optional."""
    rows = []
    for _ in range(number):
        row: dict[str, Any] = {
            "surface_m2": float(RNG.uniform(12, 240)),
            "rooms": int(RNG.integers(1, 9)),
            "property_type": str(RNG.choice(["apartment", "house"])),
            "land_m2": None if RNG.random() < 0.3 else float(RNG.choice([100.0, 500.0, 900.0])),
        }
        if RNG.random() < 0.8:
            row["district"] = int(RNG.integers(1, 4))
        rows.append({**row, **changes})
    return rows


def columns_of(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {item["name"]: [row.get(item["name"]) for row in rows] for item in HOUSING_INPUTS}


def profile_of(rows: list[dict[str, Any]], prices: np.ndarray) -> Profile:
    return build_profile(DOCUMENT.inputs, columns_of(rows), prices)


def counted(distribution: Distribution, rows: int) -> list[float]:
    """The training counts of a distribution, before smoothing."""
    whole = rows + SMOOTHING * len(distribution.bins)
    return [round(share * whole - SMOOTHING, 6) for share in distribution.shares]


@pytest.mark.parametrize("at_once", [1, 7, 600])
def test_the_training_rows_count_as_in_training(at_once: int) -> None:
    rows = homes(600)
    prices = RNG.normal(size=600)
    profile = profile_of(rows, prices)
    bins, decoder = VersionBins(profile, DOCUMENT), RowDecoder(DOCUMENT.inputs)
    for start in range(0, 600, at_once):
        some = rows[start : start + at_once]
        bins.observe(decoder.decode(some), {"price_eur": prices[start : start + at_once]})
    bins.add_up()
    assert set(bins.inputs) == set(profile.inputs) == {item["name"] for item in HOUSING_INPUTS}
    for name, counts in bins.inputs.items():
        assert counts.counts.tolist() == counted(profile.inputs[name], 600), name
    assert bins.prediction is not None
    assert bins.prediction.counts.tolist() == counted(profile.prediction, 600)


def test_what_training_never_saw_has_its_own_bins() -> None:
    profile = profile_of(homes(200), RNG.uniform(0, 1, 200))
    bins, decoder = VersionBins(profile, DOCUMENT), RowDecoder(DOCUMENT.inputs)
    odd = homes(3, surface_m2=9.5, district=77) + homes(2, surface_m2=900.0)
    bins.observe(decoder.decode(odd), {"price_eur": np.array([-1.0, 0.5, 2.0, 2.0, 2.0])})
    bins.add_up()

    def of(counts: BinCounts | None) -> dict[str, int]:
        assert counts is not None
        found = zip(counts.distribution.bins, counts.counts.tolist(), strict=True)
        return {name: number for name, number in found if number}

    surface = of(bins.inputs["surface_m2"])
    assert (surface["below"], surface["above"], sum(surface.values())) == (3, 2, 5)
    assert of(bins.inputs["district"])["other"] == 3
    assert (of(bins.prediction)["below"], of(bins.prediction)["above"]) == (1, 3)


def test_a_choice_that_is_named_like_a_reserved_bin_is_itself() -> None:
    document = housing_document()
    document["inputs"] = [
        {**item, "choices": {"values": ["other", "house"], "policy": "open"}, "example": "other"}
        if item["name"] == "property_type"
        else item
        for item in HOUSING_INPUTS
    ]
    loud = PackageDocument.model_validate(document)
    rows = homes(50, property_type="other")
    profile = build_profile(loud.inputs, columns_of(rows), RNG.uniform(0, 1, 50))
    bins = VersionBins(profile, loud)
    bins.observe(RowDecoder(loud.inputs).decode(rows), {"price_eur": np.zeros(50)})
    bins.add_up()
    kind = bins.inputs["property_type"]
    assert dict(zip(kind.distribution.bins, kind.counts.tolist(), strict=True))['"other"'] == 50


def test_labels_are_counted_by_the_best_score() -> None:
    document = PackageDocument.model_validate(iris_document())
    names = [item.name for item in document.inputs]
    rows = [dict.fromkeys(names, 1.0 + number / 100) for number in range(60)]
    labels = ["setosa", "versicolor", "virginica"] * 20
    profile = build_profile(document.inputs, {n: [r[n] for r in rows] for n in names}, labels)
    bins = VersionBins(profile, document)
    scores = np.array([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3], [0.1, 0.8, 0.1]])
    decoded = RowDecoder(document.inputs).decode(rows[:3])
    bins.observe(decoded, {"probabilities": scores})
    bins.add_up()
    assert bins.prediction is not None
    assert bins.prediction.counts.tolist()[:3] == [1, 2, 0]


def test_a_profile_of_another_model_counts_nothing_and_breaks_nothing() -> None:
    profile = profile_of(homes(50), RNG.uniform(0, 1, 50))
    document = PackageDocument.model_validate(iris_document())
    bins = VersionBins(profile, document)
    decoded = RowDecoder(document.inputs).decode(
        [dict.fromkeys([item.name for item in document.inputs], 1.0)]
    )
    bins.observe(decoded, {"probabilities": np.array([[1.0, 0.0, 0.0]])})
    bins.add_up()
    assert (bins.inputs, bins.prediction) == ({}, None)


def test_of_a_photo_its_figures_are_counted() -> None:
    document = PackageDocument.model_validate(colours_document())
    dark, bright = (
        Distribution(kind="numeric", edges=edges, bins=(name, *RESERVED_BINS), shares=(0.2,) * 5)
        for name, edges in (("dark", (0.0, 0.1)), ("bright", (0.9, 1.0)))
    )
    profile = Profile(
        rows=10,
        inputs={"photo.brightness": dark, "photo.contrast": bright, "photo.smell": dark},
        prediction=Distribution(kind="choice", bins=("red", *RESERVED_BINS), shares=(0.2,) * 5),
    )
    bins, decoder = VersionBins(profile, document), RowDecoder(document.inputs)
    decoded = decoder.decode([{"photo": np.zeros((32, 32, 3), np.uint8)}] * 3)
    # what has run has no pixels any more
    decoded.columns = {}
    bins.observe(decoded, {"probabilities": np.array([[1.0, 0.0, 0.0]] * 3)})
    bins.add_up()
    counts = {name: dict(zip(one.distribution.bins, one.counts.tolist(), strict=True))
              for name, one in bins.inputs.items()}  # fmt: skip
    assert counts.keys() == {"photo.brightness", "photo.contrast"}
    assert counts["photo.brightness"]["dark"] == 3
    assert counts["photo.contrast"]["below"] == 3


def test_what_waits_is_bounded_and_numbers_alone() -> None:
    profile = profile_of(homes(50), RNG.uniform(0, 1, 50))
    bins, decoder = VersionBins(profile, DOCUMENT), RowDecoder(DOCUMENT.inputs)
    text = str(10**18 + 7)
    references = sys.getrefcount(text)
    decoded = decoder.decode([{**row, "district": text} for row in homes(1000)])
    for _ in range(MOST_WAITING // 1000):
        bins.observe(decoded, {"price_eur": np.full(1000, 0.5)})
        waiting = sum(len(counts.waiting) for counts in bins.inputs.values())
        assert waiting + sum(map(len, bins._answers)) < MOST_WAITING
    del decoded
    assert sys.getrefcount(text) == references
    bins.add_up()
    assert bins.inputs["district"].counts.sum() == MOST_WAITING // 1000 * 1000


def test_arrays_count_as_lists_do() -> None:
    rows, prices = homes(300), RNG.normal(size=300)
    profile, decoder = profile_of(rows, prices), RowDecoder(DOCUMENT.inputs)
    lists, arrays = VersionBins(profile, DOCUMENT), VersionBins(profile, DOCUMENT)
    decoded = decoder.decode(rows)
    lists.observe(decoded, {"price_eur": prices})
    kinds = {"surface_m2": np.float64, "rooms": np.int64, "land_m2": np.float64}
    decoded.columns |= {name: np.array(decoded.columns[name], kind) for name, kind in kinds.items()}
    for _ in range(2):
        arrays.observe(decoded, {"price_eur": prices})
    for bins in (lists, arrays):
        bins.add_up()
    for name, counts in lists.inputs.items():
        assert (2 * counts.counts).tolist() == arrays.inputs[name].counts.tolist(), name


def test_threads_lose_nothing_and_no_count_ever_falls() -> None:
    """What a missing value was filled with is never counted for a moment."""
    profile = profile_of(homes(50), RNG.uniform(0, 1, 50))
    bins, decoder = VersionBins(profile, DOCUMENT), RowDecoder(DOCUMENT.inputs)
    decoded = decoder.decode(homes(7, land_m2=None))

    def work() -> None:
        for _ in range(2000):
            bins.observe(decoded, {"price_eur": np.full(7, 0.5)})

    land = bins.inputs["land_m2"]
    with ThreadPoolExecutor(3) as pool:
        done = [pool.submit(work) for _ in range(3)]
        before = land.counts.copy()
        while not all(one.done() for one in done):
            bins.add_up()
            now = land.counts.copy()
            assert (now >= before).all()
            before = now
        for one in done:
            one.result()
    bins.add_up()
    found = dict(zip(land.distribution.bins, land.counts.tolist(), strict=True))
    assert {name: number for name, number in found.items() if number} == {"missing": 3 * 2000 * 7}


def test_bins_are_there_at_zero_before_the_first_row_in_texts_as_well() -> None:
    """An increase needs to have been seen at 0."""
    metrics = BinMetrics(CollectorRegistry())
    metrics.follow("housing", "1", profile_of(homes(50), RNG.uniform(0, 1, 50)), DOCUMENT)
    counted = {"vigie_feature_bin_total", "vigie_prediction_bin_total"}
    samples = [one for family in metrics.collect() for one in family.samples]
    written = [
        sample
        for _, series in metrics.texts()
        for text in series
        for sample in orjson.loads(b"[" + text + b"]")
    ]
    assert written == [[one.name, one.labels, one.value] for one in samples]
    assert counted <= {one.name for one in samples}
    assert {one.value for one in samples if one.name in counted} == {0}


def test_a_promoted_challenger_keeps_what_it_counted() -> None:
    metrics = BinMetrics(CollectorRegistry())
    profile = profile_of(homes(50), RNG.uniform(0, 1, 50))
    first = metrics.follow("housing", "2", profile, DOCUMENT)
    assert metrics.follow("housing", "2", profile, DOCUMENT) is first
    metrics.forget("housing", "2")
    assert metrics.follow("housing", "2", profile, DOCUMENT) is not first


def test_rows_that_cannot_be_counted_cost_only_their_figures(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rows = homes(4)
    bins, decoder = VersionBins(profile_of(rows, np.ones(4)), DOCUMENT), RowDecoder(DOCUMENT.inputs)
    decoded = decoder.decode(rows)
    bins.observe(decoded, {"some other output": np.ones(4)})
    bins.add_up()
    assert "could not be counted" in caplog.text
    bins.observe(decoded, {"price_eur": np.ones(4)})
    bins.add_up()
    assert bins.prediction is not None
    assert bins.prediction.counts.sum() == 4
