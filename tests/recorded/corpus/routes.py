"""Every method on every route, the wrong ones too, and what is no route."""

from __future__ import annotations

import re

from recorded.request import ENGLISH, FRENCH, HTML, JSON, Request, get, in_both_languages, post

TEMPLATES = (
    "/predict",
    "/predict/<model>",
    "/invocations",
    "/v1/models/<model>:predict",
    "/v1/models/<model>/versions/<version>:predict",
    "/v1/models/<model>/labels/<label>:predict",
    "/v1/models/<model>:<verb>",
    "/v1/models/<model>/versions/<version>:<verb>",
    "/v1/models/<model>/labels/<label>:<verb>",
    "/v2/models/<model>/infer",
    "/v2/models/<model>/versions/<version>/infer",
    "/feedback",
    "/livez",
    "/readyz",
    "/health",
    "/metrics",
    "/v1/models",
    "/v1/models/<model>",
    "/openapi.json",
    "/v1/models/<model>/versions/<version>",
    "/v1/models/<model>/labels/<label>",
    "/v1/models/<model>/metadata",
    "/v1/models/<model>/versions/<version>/metadata",
    "/v1/models/<model>/labels/<label>/metadata",
    "/v2",
    "/v2/health/live",
    "/v2/health/ready",
    "/v2/models/<model>",
    "/v2/models/<model>/versions/<version>",
    "/v2/models/<model>/ready",
    "/v2/models/<model>/versions/<version>/ready",
    "/ping",
    "/version",
    "/",
    "/models/<model>",
    "/models/<model>/manifest.webmanifest",
    "/models/<model>/neighbours/<int:place>.jpg",
    "/docs",
    "/docs/errors/<code>",
    "/status",
    "/login",
    "/logout",
    "/static/<path:filename>",
)
"""Every route, as Flask writes it."""

OF_THE_MOMENT = ("/metrics", "/status")
"""Asked of services of which all is known; see the part `watched`."""

SAY_WHEN = ("/v1/models", "/v1/models/<model>")
"""Say when a model was loaded, with more digits or with fewer."""

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PURGE")
_VALUES = {
    "model": "housing", "version": "1", "label": "champion", "verb": "classify",
    "code": "not-found", "filename": "vigie.css", "place": "0",
}  # fmt: skip


def path_of(template: str, **values: str) -> str:
    """A path of a route."""
    known = _VALUES | values
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda found: known[found[1]], template)


def methods() -> list[Request]:
    """Every method on every route, without a body."""
    return [
        Request(
            f"{method} {template}",
            method,
            path_of(template),
            moment=method == "HEAD" and template in SAY_WHEN,
        )
        for template in TEMPLATES
        for method in METHODS
        if not (template in OF_THE_MOMENT and method in ("GET", "HEAD"))
    ]


def error_pages() -> list[Request]:
    """A wrong method and a missing thing on every route, as browsers ask for them."""
    requests = []
    for template in TEMPLATES:
        requests += in_both_languages(
            Request(f"page of DELETE {template}", "DELETE", path_of(template))
        )
        if "<" in template:
            lost = path_of(template, model="castle", version="9", code="no-code", filename="no.css")
            requests += in_both_languages(get(f"page of a lost {template}", lost))
            requests.append(get(f"lost {template}", lost))
            requests.append(post(f"POST to a lost {template}", lost, {}))
    return requests


def slashes() -> list[Request]:
    """Paths that are almost a route."""
    requests = []
    for template in TEMPLATES:
        path = path_of(template)
        method = "POST" if template.endswith(("predict", "infer", "<verb>")) else "GET"
        if path != "/":
            requests.append(Request(f"slash behind {template}", method, f"{path}/"))
    return requests


def strange_paths() -> list[Request]:
    """Paths that somebody tries."""
    paths = [
        "/nothing", "/..%2f%3Cb%3E", "/predict/", "/predict/nothing", "/predict/%C3%A9t%C3%A9",
        "/predict/%ff%fe", "/predict/housing%00", "/predict/" + "a" * 3000,
        "/predict/../../etc/passwd", "/predict/..%2f..%2fetc%2fpasswd", "/predict/..%252fetc",
        "/predict/..%5cetc", "/predict//housing", "/predict/housing/versions/1",
        "/predict/h%6fusing", "/predict/housing?x=%20y&x=2", "/predict?model=iris",
        "/predict/<b>mark", "/v1", "/v1/", "/v1/models/", "/v1/models/x:z", "/v1/models/:predict",
        "/v1/models/housing:", "/v1/models/housing:a:predict", "/v1/models/housing:predict%0A",
        "/v1/models/housing/versions/1%0A:predict", "/v1/models/housing/versions/1:z",
        "/v1/models/housing/versions/1/labels/x:predict", "/v1/models/housing/versions/:predict",
        "/v1/models/housing/labels/champion%3Apredict", "/v1/models/%C3%A9t%C3%A9:predict",
        f"/v1/models/a/versions/{'9' * 3000}:predict", "/v1/models/Housing", "/v2/nothing",
        "/v2/models/", "/v2/models//infer", "/v2/models/housing%0A/infer", "/v2/models/housing/x",
        "/v2/models/housing/versions/1%00", "/invocations/x", "/ping/x", "/version/1",
        "/feedback/1", "/docs/errors/", "/docs/errors/<script>x", "/models/", "/models/<script>x",
        "/models/a/b",
        "/static/", "/static/../app.py", "/static/..%2fapp.py", "/static/%2e%2e/app.py", "/pings",
        "/?lang=<script>x", "/docs?lang=xx", "/favicon.ico", "/robots.txt", "/admin", "//", "/%",
        "/%zz",
        "//predict", "//v2", "/PREDICT", "/V2/models/housing",
        "/predict;x=1", "/livez?x", "/static/favicon.svg",
    ]  # fmt: skip
    requests = []
    for path in paths:
        short = path if len(path) < 80 else f"{path[:30]} and more"
        requests.append(get(f"GET {short}", path))
        requests.append(post(f"POST {short}", path, {}))
        if path in ("/nothing", "/v1", "/predict/<b>mark", "/models/<script>x", "/static/"):
            requests += in_both_languages(get(f"page of {short}", path))
    return requests


def accepted() -> list[Request]:
    """Who gets an error as a page and who as a document."""
    accepted = [
        "", "*/*", "text/*", JSON, "application/problem+json", "text/html", HTML,
        "text/html;q=0.5, application/json", "application/json;q=0.5, text/html",
        "application/json, text/html", "text/plain",
        "image/png, */*;q=0.1", "nonsense",
        "text/html;q=0",
    ]  # fmt: skip
    return [
        get(f"lost, Accept: {accept}", "/nothing", {"Accept": accept}) for accept in accepted
    ] + [
        get(f"wrong method, Accept: {accept}", "/predict", {"Accept": accept})
        for accept in accepted
    ]


def static_files() -> list[Request]:
    """Files of the pages, asked for as browsers and caches do."""
    late = "Sun, 01 Jan 2090 00:00:00 GMT"
    asked = {
        "not modified since": {"If-Modified-Since": late},
        "another tag": {"If-None-Match": '"other"'},
        "any tag": {"If-None-Match": "*"},
        "ten bytes": {"Range": "bytes=0-9"},
        "last bytes": {"Range": "bytes=-20"},
        "no such bytes": {"Range": "bytes=999999-"},
        "no range": {"Range": "lines=1-2"},
        "compressed": {"Accept-Encoding": "gzip, br"},
        "another site": {"Origin": "https://other.test", "Sec-Fetch-Site": "cross-site"},
    }
    files = ("vigie.css", "favicon.svg")
    return [
        get(f"{name} of {file}", f"/static/{file}", headers)
        for file in files
        for name, headers in asked.items()
    ] + [
        get("file that is not there, English", "/static/no.css", ENGLISH),
        get("file that is not there, French", "/static/no.css", FRENCH),
    ]
