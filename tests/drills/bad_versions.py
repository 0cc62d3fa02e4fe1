"""Ten versions that must not serve: each is refused with its reason, and callers notice nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import orjson
import pytest
import requests
from onnx import helper, numpy_helper

from support.memory import tell
from support.packages import (
    HOUSING_ROWS,
    flooding_housing_graph,
    housing_document,
    housing_graph,
    keep_held_out,
    slow_housing_graph,
    write_package,
)
from support.service import LiveService, MakeService, value_of
from support.stage import Follow, Load, Registry, seconds_until, serving, start
from vigie.models.manifest import write_manifest
from vigie.models.signing import load_private_key, new_keys, sign_package
from vigie.registry.cache import ModelCache


@dataclass(frozen=True)
class Bad:
    """How a version is spoiled before and after it is signed, and what its refusal says."""

    reason: str
    graph: Callable[[], onnx.ModelProto] = housing_graph
    before: Callable[[Path], None] = lambda _: None
    after: Callable[[Path], None] = lambda _: None
    key: str = "mine"
    tag: str | None = None
    alone: bool = True
    """Whether it is refused where nothing serves yet."""


def _truncate(root: Path) -> None:
    path = root / "vigie/model.onnx"
    path.write_bytes(path.read_bytes()[:-100])


def _lose(root: Path) -> None:
    (root / "vigie/model.onnx").unlink()


def _rename_input(root: Path) -> None:
    path = root / "vigie/package.json"
    document = orjson.loads(path.read_bytes())
    document["inputs"][1]["limits"] = [1, 20]
    path.write_bytes(orjson.dumps(document))


def _answer_nan(root: Path) -> None:
    graph = housing_graph()
    weights = np.full((6, 1), np.nan, np.float32)
    graph.graph.initializer[0].CopyFrom(numpy_helper.from_array(weights, "weights"))
    onnx.save(graph, root / "vigie/model.onnx")


def _unsafe() -> onnx.ModelProto:
    graph = housing_graph()
    graph.opset_import.append(helper.make_opsetid("ai.onnx.contrib", 1))
    return graph


BAD = {
    "a-truncated": Bad("a file differs", after=_truncate),
    "b-digest": Bad("manifest", tag="0" * 64),
    "c-missing": Bad("a file of the manifest is missing", after=_lose),
    "d-signature": Bad("would break callers of version 1", before=_rename_input, alone=False),
    "e-nan": Bad("not finite", before=_answer_nan),
    "f-accuracy": Bad("it is worse than", graph=lambda: housing_graph(4.0)),
    "g-slow": Bad("it is too slow", graph=lambda: slow_housing_graph(3000), alone=False),
    "h-memory": Bad("more memory", graph=flooding_housing_graph),
    "i-unsafe": Bad("operators that are not standard", graph=_unsafe),
    "j-key": Bad("signature", key="thief"),
}


class Forge:
    """Writes and registers versions, good and bad."""

    def __init__(self, registry: Registry, folder: Path) -> None:
        self._registry, self._folder = registry, folder
        for name in ("mine", "thief"):
            new_keys(folder / name)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "VIGIE_PUBLIC_KEYS": str(self._folder / "mine.pub"),
            "VIGIE_MAX_MODEL_MEMORY_BYTES": str(2**31),
        }

    def register(self, name: str, version: str, bad: Bad) -> None:
        root = self._folder / f"{name}-{version}"
        rows: list[dict[str, Any]] = HOUSING_ROWS
        write_package(root, housing_document(name), _small(bad.graph()), rows)
        keep_held_out(root)
        onnx.save(bad.graph(), root / "vigie/model.onnx")
        bad.before(root)
        # bytes that the cache has already would not be looked at again
        (root / "README.md").write_text(f"{name} {version}")
        digest = write_manifest(root)
        sign_package(root, load_private_key(self._folder / bad.key))
        bad.after(root)
        self._registry.mlflow.register(name, version, root, bad.tag or digest)


def _small(graph: onnx.ModelProto) -> onnx.ModelProto:
    """The graph, or one with the same answers that can be asked for golden ones here."""
    asked = {node.op_type for node in graph.graph.node}
    return housing_graph() if "ConstantOfShape" in asked else graph


@pytest.fixture
def forge(registry: Registry, tmp_path: Path) -> Forge:
    folder = tmp_path / "forged"
    folder.mkdir()
    return Forge(registry, folder)


@pytest.fixture
def cache(tmp_path: Path) -> ModelCache:
    """An empty cache; the services of `make_service` read it."""
    return ModelCache(tmp_path / "cache")


def refusal_of(service: LiveService, name: str) -> tuple[str, str]:
    said = service.get(f"/v1/models/{name}").json().get("refused", {})
    return said.get("version", ""), said.get("reason", "")


def test_under_load_and_at_a_restart(
    make_service: MakeService, forge: Forge, follow: Follow, registry: Registry
) -> None:
    forge.register("housing", "1", Bad(""))
    process = follow(VIGIE_MODELS="housing", **forge.environment)
    service = make_service(VIGIE_MODELS="housing")
    start(service)
    refused_after: dict[str, float] = {}
    with Load(service) as load:
        for number, (case, bad) in enumerate(BAD.items(), start=2):
            forge.register("housing", str(number), bad)
            refused_after[case] = seconds_until(
                lambda v=str(number): refusal_of(service, "housing")[0] == v, 60
            )
            reason = refusal_of(service, "housing")[1]
            tell(f"{case}: {refused_after[case]:.1f} s, {reason}")
            assert bad.reason in reason
            assert f"housing version {number} is refused: {reason}" in process.log
            assert serving(service) == {"1"}
        time.sleep(2)
        counted = value_of(
            service.samples(), "vigie_model_reloads_total", model="housing", outcome="refused"
        )
    tell(f"{load.figures}; {dict(load.figures.statuses)}, {load.figures.lost} lost")
    assert load.all_answered()
    assert set(load.figures.versions) == {"1"}
    assert counted == len(BAD)
    for number, (case, bad) in enumerate(BAD.items(), start=2):
        process.stop()
        service.stop()
        registry.mlflow.aliases["housing"]["champion"] = str(number)
        start(service)
        process = follow(VIGIE_MODELS="housing", **forge.environment)
        seconds_until(lambda v=str(number): refusal_of(service, "housing")[0] == v, 60)
        assert bad.reason in refusal_of(service, "housing")[1], case
        assert service.is_ready
        assert serving(service) == {"1"}


def test_ten_at_once_where_nothing_serves_yet(
    make_service: MakeService, forge: Forge, follow: Follow
) -> None:
    names = ",".join(BAD)
    for case, bad in BAD.items():
        forge.register(case, "1", bad)
    process = follow(VIGIE_MODELS=names, **forge.environment)
    service = make_service(VIGIE_MODELS=names)
    service.start()
    refused = {case: bad.reason for case, bad in BAD.items() if bad.alone}
    took = seconds_until(lambda: unready(service).keys() == refused.keys(), 60)
    seconds_until(lambda: all("refused" in why for why in unready(service).values()), 60)
    tell(f"all {len(refused)} refused {took:.1f} s after the start")
    masters = (service.master, *service.workers, process.process)
    time.sleep(5)
    assert (service.get("/readyz").status, service.get("/livez").status) == (503, 200)
    for case, why in unready(service).items():
        assert refused[case] in why
        assert service.predict(case, *HOUSING_ROWS).status == 503
    # there is no version yet that these two could be worse than
    for case in BAD.keys() - refused.keys():
        assert service.predict(case, *HOUSING_ROWS).status == 200
    assert all(each.is_running() for each in masters)


def unready(service: LiveService) -> dict[str, str]:
    try:
        found: dict[str, str] = service.get("/readyz").json().get("models", {})
    except requests.RequestException:
        return {}
    return found
