"""Which dialect, model and version a path asks for."""

from __future__ import annotations

import pytest

from support.worker import HOME, post
from vigie.errors import NotFound
from vigie.serving.dialects.invocations import InvocationsDialect
from vigie.serving.dialects.native import NativeDialect
from vigie.serving.dialects.tfserving import TfServingDialect
from vigie.serving.dialects.v2 import V2Dialect
from vigie.serving.routing import TEMPLATES, Routes
from vigie.serving.worker_state import WorkerState


@pytest.fixture
def routes(worker_state: WorkerState) -> Routes:
    return worker_state.pipeline.routes


@pytest.mark.parametrize(
    ("path", "dialect", "template", "parts"),
    [
        ("/predict", NativeDialect, "/predict", (None, None, None)),
        ("/predict/iris", NativeDialect, "/predict/<model>", ("iris", None, None)),
        ("/predict/castle", NativeDialect, "/predict/<model>", ("castle", None, None)),
        ("/invocations", InvocationsDialect, "/invocations", (None, None, None)),
        ("/v1/models/a:predict", TfServingDialect, "/v1/models/<model>:predict", ("a", None, None)),
        ("/v1/models/a:regress", TfServingDialect, "/v1/models/<model>:<verb>", ("a", None, None)),
        (
            "/v1/models/a/versions/7:predict",
            TfServingDialect,
            "/v1/models/<model>/versions/<version>:predict",
            ("a", "7", None),
        ),
        (
            "/v1/models/a/labels/champion:predict",
            TfServingDialect,
            "/v1/models/<model>/labels/<label>:predict",
            ("a", None, "champion"),
        ),
        ("/v2/models/a/infer", V2Dialect, "/v2/models/<model>/infer", ("a", None, None)),
        (
            "/v2/models/a/versions/7/infer",
            V2Dialect,
            "/v2/models/<model>/versions/<version>/infer",
            ("a", "7", None),
        ),
    ],
)
def test_a_path_is_a_route(
    routes: Routes,
    path: str,
    dialect: type[object],
    template: str,
    parts: tuple[str | None, str | None, str | None],
) -> None:
    found = routes.find(path)
    assert found is not None
    assert type(found.dialect) is dialect
    assert found.template == template
    assert (found.model, found.version, found.label) == parts
    assert found.pinned == (parts[1:] != (None, None))
    assert routes.find(path) == found
    assert routes.dialect_of(path) is not None


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/predict/",
        "/predict/a/b",
        "/predict\n",
        "/v1/models/a",
        "/v1/models/a:",
        "/v1/models/:predict",
        "/v1/models/a:b:predict",
        "/v1/models/a/versions/:predict",
        "/v1/models/a/versions/1/labels/b:predict",
        "/v1/models/a:predict/",
        "/v2/models//infer",
        "/v2/models/a/infer/",
        "/v2/models/a/b/infer",
        "/invocations/",
        "/openapi.json",
    ],
)
def test_other_paths_are_no_route(routes: Routes, path: str) -> None:
    assert routes.find(path) is None


@pytest.mark.parametrize("path", ["/", "/v1/models", "/v1", "/v22", "/predictions", "/pings"])
def test_our_own_pages_have_no_dialect(routes: Routes, path: str) -> None:
    assert routes.dialect_of(path) is None


def test_only_paths_of_known_models_are_kept(routes: Routes) -> None:
    for path in ("/predict", "/invocations", "/predict/iris", "/v1/models/iris:predict"):
        assert routes.find(path) is routes.find(path)
    for path in (
        "/predict/castle",
        "/v2/models/castle/infer",
        "/v1/models/iris/versions/1:predict",
    ):
        assert routes.find(path) is not routes.find(path)


def test_a_version_or_label_is_one_in_memory(routes: Routes) -> None:
    slot, live = routes.serving("iris")
    assert slot.live is live
    assert routes.serving(None)[0].name == "housing"
    assert routes.serving("iris", version="1")[1] is live
    assert routes.serving("iris", label="champion")[1] is live
    for wanted in ({"version": "2"}, {"version": ""}, {"label": "1"}, {"label": "challenger"}):
        with pytest.raises(NotFound):
            routes.serving("iris", **wanted)
    with pytest.raises(NotFound):
        routes.serving("../iris")


def test_the_series_of_every_route_exist_before_its_first_request(
    worker_state: WorkerState,
) -> None:
    def answered(template: str) -> float | None:
        labels = {"method": "POST", "route": template, "code": "200"}
        found: float | None = worker_state.metrics.registry.get_sample_value(
            "vigie_http_requests_total", labels
        )
        return found

    assert {answered(template) for template in TEMPLATES} == {0.0}
    template = "/v1/models/<model>:predict"
    assert post(worker_state, "/v1/models/housing:predict", {"instances": [HOME]}).status == 200
    assert answered(template) == 1.0
