"""The models of the recorded services: hand-made, exact on every machine, no TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx

from recorded.documents import (
    INTERVAL,
    appraisal,
    brittle,
    brittle_graph,
    figures,
    figures_graph,
    housing,
    iris,
    place,
    place_graph,
    ticket,
    ticket_graph,
)
from recorded.support import (
    CHALLENGER,
    ModelCache,
    PackageDocument,
    Profile,
    build_profile,
    housing_document,
    install,
    install_tensor_models,
    write_package,
)

Document = dict[str, Any]
Fill = Callable[[ModelCache], dict[str, str]]
"""Puts models into a cache; gives a name for each digest."""

WATCHED_ROWS = 600


def install_all(cache: ModelCache) -> dict[str, str]:
    """Every kind of model."""
    install_tensor_models(cache)
    names = {
        install(cache, "housing", document=housing()): "housing 1",
        install(cache, "iris", document=iris()): "iris 1",
        _install(cache, "7", appraisal(), "housing"): "appraisal 7",
        _install(cache, "3", figures(), figures_graph()): "figures 3",
        _install(cache, "2", brittle(), brittle_graph()): "brittle 2",
        _install(cache, "5", ticket(), ticket_graph()): "ticket 5",
        _install(cache, "1", place(), place_graph()): "place 1",
    }
    names |= install_duel(cache)
    for name in ("half_plus_two", "sensors"):
        names[_digest(cache, name)] = f"{name} 123"
    return names


def install_duel(cache: ModelCache) -> dict[str, str]:
    """`duel`, whose challenger doubles its answers."""
    first = install(cache, "duel", "1", document=housing_document("duel"))
    second = install(cache, "duel", "2", 2.0, document=housing_document("duel"))
    cache.point("duel", first)
    cache.point("duel", second, CHALLENGER)
    return {first: "duel 1", second: "duel 2"}


def install_two(cache: ModelCache) -> dict[str, str]:
    """`housing` and `iris`."""
    return {install(cache, "housing"): "housing 1", install(cache, "iris"): "iris 1"}


def install_one(cache: ModelCache) -> dict[str, str]:
    """`iris`, and `duel` with its challenger."""
    return {install(cache, "iris"): "iris 1", **install_duel(cache)}


def install_watched(cache: ModelCache) -> dict[str, str]:
    """`housing` with a profile and an interval, and `iris` without either."""
    metrics = {"mae": 10000.0, "rmse": 15000.0, "interval_coverage": 0.9}
    document = {**housing_document(), "interval": INTERVAL, "metrics": metrics}
    housing = install(cache, "housing", "4", document=document, profile=_profile(document))
    return {housing: "housing 4", install(cache, "iris"): "iris 1"}


def install_none(_: ModelCache) -> dict[str, str]:
    """No model."""
    return {}


def home(number: int, district: int) -> Document:
    """One of many homes, no two of them alike."""
    return {
        "surface_m2": 20.0 + number % 180,
        "rooms": 1 + number % 8,
        "property_type": ("apartment", "house")[number % 2],
        "land_m2": 10.0 + 5 * (number % 600),
        "district": district,
    }


def price(row: Document) -> float:
    """What the graph of `housing` says to a row in which nothing is missing."""
    district = row["district"] if row["district"] in (1, 2, 3) else -1
    return float(
        3000 * row["surface_m2"]
        + 1000 * row["rooms"]
        + 20000 * (row["property_type"] == "house")
        + 500 * district
        + 7 * row["land_m2"]
    )


def _digest(cache: ModelCache, name: str) -> str:
    found = cache.champion(name)
    assert found is not None
    return found.digest


def _install(
    cache: ModelCache, version: str, document: Document, graph: onnx.ModelProto | str
) -> str:
    name = document["name"]
    if isinstance(graph, str):
        return install(cache, name, version, document=document)
    with cache.lock(name) as incoming:
        row = {item["name"]: item["example"] for item in document["inputs"]}
        digest = write_package(incoming, document, graph, [row])
        cache.install(name, incoming, digest, version, f"run{version}")
        cache.point(name, digest)
    return digest


def _profile(document: Document) -> Profile:
    rows = [home(number, 1 + number % 3) for number in range(WATCHED_ROWS)]
    inputs = PackageDocument.model_validate(document).inputs
    columns = {item.name: [row[item.name] for row in rows] for item in inputs}
    return build_profile(inputs, columns, np.array([price(row) for row in rows]))
