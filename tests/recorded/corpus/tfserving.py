"""TensorFlow Serving: good requests and broken ones; and what every dialect says of models."""

from __future__ import annotations

import base64

from recorded.corpus.native import FLOWER, HOME, SIGNAL, TICKET, home
from recorded.request import Request, get, numbered, post

TF, TF_HALF = "/v1/models/housing:predict", "/v1/models/half_plus_two:predict"
COLUMNS = {name: [value, value] for name, value in HOME.items()}


def by_row_and_column() -> list[Request]:
    """TensorFlow Serving's rows and columns."""
    encoded = {"b64": base64.b64encode(b"bar").decode()}
    signals = {name: [value] for name, value in SIGNAL.items()}
    good: list[tuple[str, object]] = [
        (TF_HALF, b'{"instances": [1.0, 2.0, 5.0]}'),
        (TF_HALF, {"instances": [{"x": 1.0}, {"x": 2.0}]}),
        (TF_HALF, {"instances": [[1.0], [2.0]]}),
        (TF_HALF, {"inputs": [1.0, 2.0, 5.0]}),
        (TF_HALF, {"inputs": {"x": [1.0, 2.0]}}),
        (TF_HALF, {"inputs": {"x": [[1.0], [2.0]]}}),
        (
            "/v1/models/half_plus_two/versions/123:predict",
            {"signature_name": "serving_default", "instances": [1]},
        ),
        ("/v1/models/sensors:predict", {"instances": [SIGNAL, SIGNAL | {"tag": "bar"}]}),
        (
            "/v1/models/sensors:predict",
            {"inputs": {name: [value] * 2 for name, value in SIGNAL.items()}},
        ),
        ("/v1/models/sensors:predict", {"instances": [SIGNAL | {"tag": encoded}]}),
        ("/v1/models/sensors:predict", {"inputs": signals | {"tag": [encoded]}}),
        (TF, {"instances": [HOME, home(land_m2=10)]}),
        (TF, {"inputs": COLUMNS | {"land_m2": [None, 10]}}),
        (TF, {"instances": [home(surface_m2=900, district=77)]}),
        (TF, {"instances": [HOME], "signature_name": ""}),
        (TF, {"instances": [HOME], "more": 1}),
        ("/v1/models/iris:predict", {"instances": [FLOWER]}),
        ("/v1/models/iris/versions/1:predict", {"instances": [FLOWER]}),
        (
            "/v1/models/iris/labels/champion:predict",
            {"inputs": {k: [v] for k, v in FLOWER.items()}},
        ),
        ("/v1/models/ticket:predict", {"instances": [TICKET, TICKET | {"code": "1"}]}),
        ("/v1/models/place:predict", {"instances": [[[1, 2], [3, 4]]]}),
        ("/v1/models/figures:predict", {"inputs": [0.1, -1234.5]}),
        ("/v1/models/appraisal:predict", {"instances": [HOME]}),
        ("/v1/models/brittle:predict", {"instances": [{"x": 0, "place": 0}]}),
        ("/v1/models/brittle:predict", {"instances": [{"x": 1, "place": 9}]}),
        ("/v1/models/duel:predict", {"instances": [HOME]}),
        ("/v1/models/duel/labels/champion:predict", {"instances": [HOME]}),
        ("/v1/models/duel/labels/challenger:predict", {"instances": [HOME]}),
        ("/v1/models/duel/versions/1:predict", {"instances": [HOME]}),
        ("/v1/models/duel/versions/2:predict", {"instances": [HOME]}),
        ("/v1/models/duel/versions/3:predict", {"instances": [HOME]}),
        ("/v1/models/duel/labels/stable:predict", {"instances": [HOME]}),
        ("/v1/models/castle:predict", {"instances": [HOME]}),
        ("/v1/models/half_plus_two/versions/123:classify", {"examples": [{"x": 1.0}]}),
        ("/v1/models/half_plus_two:regress", {"examples": [{"x": 1.0}]}),
        ("/v1/models/half_plus_two/labels/champion:explain", {"examples": [{"x": 1.0}]}),
    ]
    row = {"instances": [HOME]}
    wrong: list[object] = [
        {"instances": [home(rooms="x")]}, {"instances": [home(castle=1)]}, {"instances": [HOME, 3]},
        {"instances": [HOME, {}]}, {"instances": 3}, {"instances": []}, {"instances": [1.0]},
        {"inputs": [1.0]}, {"inputs": 3}, {"inputs": {}}, {"inputs": {"rooms": 3}},
        {"inputs": COLUMNS | {"rooms": [3, "x"]}}, {"inputs": COLUMNS | {"rooms": [3]}},
        {"inputs": COLUMNS | {"castle": [3, 3]}}, {"inputs": {"rooms": [3]}}, {},
        {"instances": [], "inputs": {}}, [HOME], row | {"signature_name": "other"},
        row | {"signature_name": [1]}, {"instances": [home(surface_m2=float("nan"))]},
        {"instances": [home(surface_m2=float("inf"))]}, b"{", b"", b"\xff", b"null",
        {"instances": [home(rooms="x")] * 1000}, {"instances": [home(property_type={"b64": "*"})]},
        {"instances": [home(property_type={"b64": "/w=="})]},
        {"instances": [home(rooms={"b64": "Mw=="})]},
        {"instances": [1] * 10_001}, {"instances": [[HOME]]}, {"instances": [None]},
    ]  # fmt: skip
    kinds = ("text/plain", "application/x-www-form-urlencoded", "image/png", "")
    return [
        *numbered("TensorFlow Serving", good),
        *numbered("TensorFlow Serving, wrong", [(TF, body) for body in wrong]),
        *(post(f"rows as {kind}", TF, row, {"Content-Type": kind}) for kind in kinds),
        post("rows, compressed", TF, row, {"Content-Encoding": "gzip"}),
    ]


def described() -> list[Request]:
    """States, signatures and tensors of every model."""
    models = (
        "housing", "iris", "appraisal", "figures", "brittle", "ticket", "place", "duel",
        "half_plus_two", "sensors", "castle",
    )  # fmt: skip
    paths = [
        path.format(model)
        for model in models
        for path in (
            "/v1/models/{}",
            "/v1/models/{}/metadata",
            "/v2/models/{}",
            "/v2/models/{}/ready",
        )
    ]
    for version in (
        "versions/1",
        "versions/2",
        "versions/9",
        "labels/champion",
        "labels/challenger",
        "labels/x",
    ):
        paths += [f"/v1/models/duel/{version}", f"/v1/models/duel/{version}/metadata"]
    for version in ("1", "2", "9"):
        paths += [
            f"/v2/models/duel/versions/{version}",
            f"/v2/models/duel/versions/{version}/ready",
        ]
    return [get(f"description {path}", path) for path in paths]
