"""Services with something missing: keys, models, room, a database."""

from __future__ import annotations

from recorded.corpus.native import FLOWER, GOOD, HOME, home
from recorded.corpus.routes import TEMPLATES, path_of
from recorded.corpus.tables import HEAD
from recorded.request import (
    ENGLISH,
    FORM,
    FRENCH,
    JSON,
    Request,
    form,
    get,
    in_both_languages,
    post,
)
from recorded.services import ADMIN_KEY, EXPIRED_KEY, PREDICT_KEY

PREDICTIONS: dict[str, object] = {
    "/predict": HOME,
    "/predict/iris": FLOWER,
    "/predict/housing": HOME,
    "/v1/models/housing:predict": {"instances": [HOME]},
    "/v1/models/iris/labels/champion:predict": {"instances": [FLOWER]},
    "/v2/models/iris/infer": {},
    "/invocations": {"dataframe_records": [FLOWER]},
    "/feedback": {"request_id": "told", "actual": 1},
}


def keys() -> list[Request]:
    """Every route with and without a key, and keys in every place."""
    basic = "Basic YTpi"
    callers = {
        "nobody": {},
        "a stranger": {"Authorization": "Bearer vig_unknown"},
        "somebody late": {"Authorization": f"Bearer {EXPIRED_KEY}"},
        "a caller": {"Authorization": f"Bearer {PREDICT_KEY}"},
    }
    requests = [
        Request(f"{method} {template} by {who}", method, path_of(template), callers[who])
        for template in TEMPLATES
        for who in ("nobody", "a caller")
        for method in ("GET", "POST")
        if not (template in ("/metrics", "/status") and method == "GET")
    ]
    requests += [
        post(f"{path} by {who}", path, body, {"Content-Type": JSON, **headers})
        for path, body in PREDICTIONS.items()
        for who, headers in callers.items()
    ]
    places: list[dict[str, str]] = [
        {"Authorization": f"bearer  {PREDICT_KEY} "}, {"X-Api-Key": PREDICT_KEY},
        {"X-Api-Key": ADMIN_KEY}, {"X-Api-Key": PREDICT_KEY, "Authorization": basic},
        {"Authorization": PREDICT_KEY}, {"Authorization": f"Bearer {PREDICT_KEY[:-1]}"},
        {"Authorization": f"Bearer {PREDICT_KEY}x", "X-Api-Key": PREDICT_KEY},
        {"Authorization": f"Bearer {PREDICT_KEY.upper()}"}, {"X-Api-Key": "\xe9\xff"},
        {"Cookie": f"X-Api-Key={PREDICT_KEY}"}, {"Authorization": ""}, {"X-Api-Key": ""},
    ]  # fmt: skip
    requests += [
        post(f"key in place {number}", "/predict/housing", GOOD, {"Content-Type": JSON, **place})
        for number, place in enumerate(places, 1)
    ]
    key = {"X-Api-Key": PREDICT_KEY}
    fields = {"surface_m2": "54", "rooms": "3", "property_type": "apartment"}
    for path in ("/", "/nothing", "/docs", "/models/iris", "/predict", "/v1/models"):
        requests += in_both_languages(get(f"page {path} by nobody", path))
        requests += in_both_languages(get(f"page {path} by a caller", path, key))
    return [
        *requests,
        post("key in the address", f"/predict?api_key={PREDICT_KEY}", GOOD),
        form("form by nobody", "/models/housing", fields, ENGLISH),
        form("form by a caller", "/models/housing", fields, FRENCH | key),
        *(
            Request(f"{method} {path} by nobody, once more", method, path)
            for path in ("/predict", "/predict/nothing", "/v2/x", "/nothing", "//")
            for method in ("HEAD", "OPTIONS", "PUT", "TRACE")
        ),
        get("status by nobody", "/status"),
    ]


def keys_gone() -> list[Request]:
    """While the file of keys cannot be read."""
    key = {"Authorization": f"Bearer {PREDICT_KEY}"}
    paths = ("/predict", "/v1/models/housing:predict", "/v2/models/iris/infer", "/invocations")
    return [
        Request("no keys at all", "GET", "/v1/models", key, until=("cannot read its keys",)),
        *(post(f"{path} without keys", path, {}, {"Content-Type": JSON, **key}) for path in paths),
        *in_both_languages(get("start without keys", "/", key)),
        get("readyz without keys", "/readyz"),
    ]


def no_model() -> list[Request]:
    """Every route of a service that has no model."""
    fields = {"surface_m2": "54"}
    requests = [
        Request(f"{method} {template}", method, path_of(template))
        for template in TEMPLATES
        for method in ("GET", "POST", "HEAD", "OPTIONS")
        if template not in ("/metrics", "/status") or method in ("POST", "OPTIONS")
    ]
    for path in (
        "/",
        "/models/housing",
        "/models/castle",
        "/docs",
        "/openapi.json",
        "/nothing",
        "/readyz",
    ):
        requests += in_both_languages(get(f"page {path}", path))
    requests += [post(f"asked {path}", path, body) for path, body in PREDICTIONS.items()]
    open_metrics = {"Accept": "application/openmetrics-text; version=1.0.0"}
    first = [
        # twice at least: what the metrics say is a second old
        get("metrics as OpenMetrics", "/metrics", open_metrics, until=('route="/metrics"',)),
        *(
            one
            for path in ("/status", "/status?paused=")
            for one in in_both_languages(get(f"page {path}", path))
        ),
    ]
    return [
        *first,
        *requests,
        form("form, English", "/models/housing", fields, ENGLISH),
        form("form, French", "/", fields, FRENCH),
        post("CSV", "/invocations", HEAD, {"Content-Type": "text/csv"}),
        Request("HEAD of the status", "HEAD", "/status", moment=True),
    ]


def little_room() -> list[Request]:
    """A model that is away, a refused one, small limits, a canary, no database."""
    rows = {"instances": [FLOWER] * 3}
    long = b" " * 4097
    columns = {name: [value] * 3 for name, value in FLOWER.items()}
    tensors = [
        {"name": name, "datatype": "FP32", "shape": [3], "data": data}
        for name, data in columns.items()
    ]
    limits = [
        post("two rows", "/predict/iris", [FLOWER] * 2),
        post("three rows", "/predict/iris", [FLOWER] * 3),
        post("three instances", "/predict/iris", rows),
        post("three rows of TensorFlow Serving", "/v1/models/iris:predict", rows),
        post("three columns of TensorFlow Serving", "/v1/models/iris:predict", {"inputs": columns}),
        post("three tensors", "/v2/models/iris/infer", {"inputs": tensors}),
        post("three truths", "/feedback", [{"request_id": "a", "actual": 1}] * 3),
        post(
            "CSV of three",
            "/invocations",
            HEAD + b"54,3,house,\n" * 3,
            {"Content-Type": "text/csv"},
        ),
        *(
            post(f"too large {path}", path, long)
            for path in (
                *PREDICTIONS,
                "/",
                "/models/iris",
                "/nothing",
                "/livez",
                "/v1/models",
                "/ping",
            )
        ),
        post("form too large, English", "/models/iris", long, {"Content-Type": FORM, **ENGLISH}),
        post("form too large, French", "/models/iris", long, {"Content-Type": FORM, **FRENCH}),
    ]
    away = [
        *(post(f"asked {path}", path, body) for path, body in PREDICTIONS.items()),
        post("castle", "/predict/castle", HOME),
        post("barn", "/predict/barn", HOME),
        post("castle's columns", "/v1/models/castle:predict", {}),
        post("castle's tensors", "/v2/models/castle/infer", {}),
        *(
            get(f"GET {path}", path)
            for path in (
                "/readyz",
                "/health",
                "/livez",
                "/ping",
                "/v1/models",
                "/v1/models/castle",
                "/v1/models/barn",
                "/v1/models/duel",
                "/v1/models/castle/metadata",
                "/v2/models/castle",
                "/v2/models/castle/ready",
                "/v2/models/iris/ready",
                "/v2/health/ready",
                "/v2/health/live",
            )
        ),
        *(
            one
            for path in ("/", "/models/castle", "/models/barn", "/models/iris", "/readyz")
            for one in in_both_languages(get(f"page {path}", path))
        ),
    ]
    canary = [
        post(f"canary key {key}", path, body, {"Content-Type": JSON, "X-Canary-Key": key})
        for key in ("a", "b", "c", "d", "e", "")
        for path, body in (
            ("/predict/duel", HOME),
            ("/v1/models/duel:predict", {"instances": [home(rooms=5)]}),
            ("/v1/models/duel/versions/1:predict", {"instances": [HOME]}),
        )
    ]
    # before anything is counted
    first = in_both_languages(get("page /status", "/status"))
    return first + limits + away + _renamed(canary)


def _renamed(requests: list[Request]) -> list[Request]:
    return [
        Request(f"{one.name}, {one.path}", one.method, one.path, one.headers, one.body)
        for one in requests
    ]
