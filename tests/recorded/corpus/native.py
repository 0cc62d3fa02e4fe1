"""Our own dialect: forms of a body, what is wrong with one, media types, ids, limits, warnings."""

from __future__ import annotations

from typing import Any

from recorded.request import ABSENT, JSON, Request, dumps, numbered, post

HOME: dict[str, Any] = {"surface_m2": 54.0, "rooms": 3, "property_type": "apartment"}
FLOWER = dict.fromkeys(
    ("sepal_length_cm", "sepal_width_cm", "petal_length_cm", "petal_width_cm"), 1.5
)
SIGNAL = {"tag": "foo", "signal": [1, 2, 3, 4, 5], "sensor": [[1, 2], [3, 4]]}
TICKET = {"code": 20, "note": "as usual", "count": 3, "floor": 2, "level": -0.5}
HOUSING = "/predict/housing"
GOOD = dumps(HOME)
MARK = "s3cret-mark"


def home(**changes: Any) -> dict[str, Any]:
    """A home with other values."""
    return HOME | changes


def answered() -> list[Request]:
    """Every form of body and kind of model."""
    wrong = home(rooms="three")
    odd = home(surface_m2=900, district="77")
    forms: list[tuple[str, object]] = [
        (HOUSING, body)
        for body in (
            HOME,
            {"instances": [HOME]},
            {"instances": [HOME, home(surface_m2=99)]},
            [HOME, HOME, HOME],
            {"features": HOME},
            {"features": [HOME, HOME]},
            [home(surface_m2=20.0 + n % 200, rooms=1 + n % 8) for n in range(300)],
            odd,
            [HOME, odd, home(rooms=40)],
            home(land_m2=None, district=None),
            home(land_m2=400, district=2, property_type="house"),
            home(rooms=3.0),
            home(district=2),
            home(district="2"),
            home(district=99),
            home(district=-1),
            home(surface_m2=9),
            home(surface_m2=1000, rooms=50),
            b'{"rooms": "x", ' + GOOD[1:],
            b" \r\n\t" + GOOD + b"\n ",
            GOOD.replace(b"apartment", b"\\u0061partment"),
            GOOD.replace(b"54.0", b"5.4e1"),
            GOOD.replace(b"54.0", b"54.000000000000000001"),
            [wrong] * 30,
            [wrong] * 1000,
        )
    ]
    others: list[tuple[str, object]] = [
        ("/predict", HOME),
        ("/predict/iris", FLOWER),
        ("/predict/iris", [FLOWER, FLOWER | {"petal_length_cm": 5.5, "sepal_width_cm": 0}]),
        ("/predict/iris", FLOWER | {"petal_length_cm": 19}),
        ("/predict/iris", FLOWER | {"petal_length_cm": 21}),
        ("/predict/appraisal", HOME),
        ("/predict/appraisal", [home(surface_m2=value) for value in (10, 40, 100, 900)]),
        ("/predict/half_plus_two", {"x": 1}),
        ("/predict/half_plus_two", [{"x": 1e30}, {"x": -1e-30}, {"x": 0}]),
        ("/predict/half_plus_two", {"x": 1e39}),
        ("/predict/half_plus_two", {"x": None}),
        ("/predict/half_plus_two", {"x": [1]}),
        ("/predict/sensors", SIGNAL),
        ("/predict/sensors", [SIGNAL, SIGNAL | {"tag": "bar"}, SIGNAL | {"tag": ""}]),
        ("/predict/sensors", SIGNAL | {"signal": [1, 2]}),
        ("/predict/sensors", SIGNAL | {"signal": [1, 2, 3, 4, "5"]}),
        ("/predict/sensors", SIGNAL | {"sensor": [[1, 2], [3]]}),
        ("/predict/sensors", SIGNAL | {"sensor": [1, 2, 3, 4]}),
        ("/predict/sensors", SIGNAL | {"sensor": [[1, 2], [3, 4.5]]}),
        ("/predict/sensors", SIGNAL | {"tag": 1}),
        ("/predict/figures", [{"x": value} for value in (0, -1234.5, 1e15, 1e-5, 0.1)]),
        ("/predict/place", {"v": [[1.5, 2], [3, 4]]}),
        ("/predict/place", {"v": [1.5, 2, 3, 4]}),
        ("/predict/ticket", TICKET),
        ("/predict/ticket", TICKET | {"code": "300", "note": None}),
        ("/predict/ticket", TICKET | {"code": 4}),
        ("/predict/ticket", TICKET | {"code": "20 "}),
        ("/predict/ticket", TICKET | {"note": "x" * 5000, "count": 2**62}),
        ("/predict/ticket", TICKET | {"count": 2**63}),
        ("/predict/ticket", TICKET | {"count": -(2**63) - 1}),
        ("/predict/ticket", TICKET | {"floor": -1}),
        ("/predict/ticket", TICKET | {"level": 2.6}),
        ("/predict/ticket", TICKET | {"level": -99999}),
        ("/predict/brittle", {"x": 4, "place": 0}),
        ("/predict/brittle", {"x": 0, "place": 0}),
        ("/predict/brittle", [{"x": 4, "place": 0}, {"x": 0, "place": 0}]),
        ("/predict/brittle", {"x": 4, "place": 7}),
        ("/predict/duel", HOME),
    ]
    return numbered("body", forms) + numbered("model", others)


def wrong_bodies() -> list[Request]:
    """What breaks the signature, and what cannot be parsed."""
    bodies: list[object] = [
        {"instances": [HOME, home(rooms="three")]}, [HOME, HOME, home(rooms="three")],
        {"features": home(rooms="three")}, {"features": [home(rooms="three")]},
        {"instances": [HOME, 7]}, {"instances": HOME}, {"instances": None}, {"features": "text"},
        {"instances": [HOME], "more": 1}, {"instances": [HOME], "features": HOME},
        {"instances": []}, {"features": []}, [], {}, 7, 3.5, True, None, "text",
        {"instances": [home(**{"a/b~c": 1})]}, b"[" + b"1," * 10_000 + b"1]",
        home(rooms=MARK), home(property_type=3), home(property_type=MARK), home(surface_m2=1e6),
        home(surface_m2=8.99), home(rooms=2.5), home(rooms=True), home(rooms=0), home(rooms=51),
        home(rooms=None), home(property_type=None), home(property_type=[MARK]),
        home(property_type={"b64": "eA=="}), home(property_type=""), home(property_type="House"),
        home(surface_m2={}), home(surface_m2="54"), home(land_m2=-1), home(land_m2="x"),
        home(district=2.5), home(district="x"), home(district=True), home(district=10**17),
        home(surface_m2=float("nan")), home(surface_m2=float("-inf")), home(land_m2=float("inf")),
        home(property_type=float("nan")), home(district=float("nan")), home(x=float("nan")),
        home(rooms=2**64), home(rooms=10**400), home(surface_m2=1e308), home(ключ=1),
        {f"{n:x}": 0 for n in range(5000)}, home(**{"k" * 1000: 1}),
        home(**{"\x00\x1b[31m\n\u202e": 1}), home(property_type=f"<script>{MARK}</script>"),
        b"", b" ", b"{", b'{"instances": [', b"{'surface_m2': 54}", GOOD[:-1], GOOD + b"}",
        GOOD[:-2] + MARK.encode(), b"\xef\xbb\xbf" + GOOD, GOOD.decode().encode("utf-16"),
        GOOD.decode().encode("utf-32"), b'{"\xff": 1}', b'{"a": "\\ud800"}', b'{"a": 01}',
        home(property_type="\ud800"), b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 2000 + b"1" + b"}" * 2000, b"[" * 100_000 + b"NaN" + b"]" * 100_000,
        b"\0" * 1000, GOOD.replace(b"54.0", b"9" * 5000), GOOD.replace(b"54.0", b"1e999"),
        GOOD.replace(b"54.0", b"-1e999"), b'{"property_type": "NaN', b"NaN, Infinity",
        b'{"a": 1,\n "b": x}', b'{"rooms": NaN, "rooms": 3, "property_type": "\\ud800"}', b"nul",
        b"[1,]", b'{"a":1,}', b"// no\n{}", b'"', b"\x80", b"-", b"1 2",
    ]  # fmt: skip
    return numbered("wrong body", [(HOUSING, body) for body in bodies]) + numbered(
        "wrong flower", [("/predict/iris", body) for body in (HOME, {}, b"{", [FLOWER, {}])]
    )


def media_types() -> list[Request]:
    """What the body is said to be."""
    types = [
        "", JSON, "application/json; charset=utf-8", "APPLICATION/JSON;charset=UTF-8",
        "application/json; charset=latin-1", "application/vnd.vigie+json",
        "application/problem+json; charset=utf-8", "application/x-www-form-urlencoded", "text/json",
        "text/plain", "text/csv", "application/jsonlines", "nonsense", "image/png",
        "multipart/form-data; boundary=x", "application/octet-stream", "application/x-ndjson",
    ]  # fmt: skip
    typed = [post(f"media type {kind}", HOUSING, GOOD, {"Content-Type": kind}) for kind in types]
    codings = ("gzip", "BR", "identity", "deflate, gzip", "", "x")
    coded = [
        post(f"coding {coding}", HOUSING, GOOD, {"Content-Type": JSON, "Content-Encoding": coding})
        for coding in codings
    ]
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return [
        *typed,
        *coded,
        post("no media type", HOUSING, GOOD, {}),
        post("a form", HOUSING, b"surface_m2=54&rooms=3", form),
        post("an empty form", HOUSING, b"", form),
        post("wrong type to no model", "/predict/nothing", GOOD, {"Content-Type": "text/plain"}),
    ]


def headers() -> list[Request]:
    """Ids, traces, deadlines, and headers that mean nothing here."""
    trace = "0af7651916cd43dd8448eb211c80319c"
    asked = {
        "an id": {"X-Request-Id": "a.B_c-9"},
        "a trace": {"X-Request-Id": ABSENT, "traceparent": f"00-{trace}-b7ad6b7169203331-01"},
        "an id and a trace": {"traceparent": f"00-{trace}-b7ad6b7169203331-01"},
        "an id with spaces": {"X-Request-Id": "no spaces"},
        "an id of 128": {"X-Request-Id": "a" * 128},
        "an id of 129": {"X-Request-Id": "a" * 129},
        "an id with markup": {"X-Request-Id": "<script>"},
        "a wrong trace": {"X-Request-Id": ABSENT, "traceparent": "00-zz-zz-00"},
        "no id": {"X-Request-Id": ABSENT},
        "no time": {"X-Request-Timeout-Ms": "0"},
        "some time": {"X-Request-Timeout-Ms": "29000"},
        "too much time": {"X-Request-Timeout-Ms": "999999999"},
        "negative time": {"X-Request-Timeout-Ms": "-1"},
        "time in words": {"X-Request-Timeout-Ms": "soon"},
        "time of ten digits": {"X-Request-Timeout-Ms": "9999999999"},
        "a wish for a page": {"Accept": "text/html"},
        "a French wish": {"Accept": "text/html", "Accept-Language": "fr"},
        "odd ones": {"X-Odd": "\xe9\xff", "Cookie": "a=b", "Range": "x"},
        "another host": {"Host": "other.test:8080"},
        "a proxy": {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "out.test"},
        "a key nobody asked for": {"Authorization": "Bearer vig_x"},
        "another site": {"Origin": "https://other.test"},
        "a canary key": {"X-Canary-Key": "a"},
    }
    paths = (HOUSING, "/v1/models/housing:predict", "/v2/models/housing/infer", "/invocations")
    good: dict[str, object] = {HOUSING: HOME, "/invocations": {"dataframe_records": [HOME]}}
    return [
        post(
            f"{name}, {path}",
            path,
            good.get(path, {"instances": [HOME]}),
            {"Content-Type": JSON} | more,
        )
        for path in paths
        for name, more in asked.items()
    ]
