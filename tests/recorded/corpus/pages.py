"""Pages for people, in English and in French: forms, results, what to put right, documentation."""

from __future__ import annotations

from recorded.request import (
    ENGLISH,
    FORM,
    FRENCH,
    HTML,
    JSON,
    Request,
    form,
    get,
    in_both_languages,
    post,
)

HOME = {"surface_m2": "54", "rooms": "3", "property_type": "apartment", "district": "2"}
FLOWER = dict.fromkeys(
    ("sepal_length_cm", "sepal_width_cm", "petal_length_cm", "petal_width_cm"), "1.5"
)
TICKET = {"code": "20", "note": "as usual", "count": "3", "floor": "2", "level": "-0.5"}
MODELS = (
    "housing", "iris", "appraisal", "figures", "brittle", "ticket", "place", "duel",
    "half_plus_two", "sensors",
)  # fmt: skip
PROBLEMS = (
    "invalid-input", "malformed-request", "invalid-header", "unauthorized", "forbidden",
    "not-found", "conflict", "method-not-allowed", "too-large", "too-slow",
    "unsupported-media-type", "model-failure", "unavailable", "deadline-exceeded", "internal-error",
)  # fmt: skip
NUMBERS = (
    "0", "0.5", "-0.5", "1", "12.345", "999.994", "999.995", "1000", "-1234.5", "9999.5",
    "12345.678", "1234567.89", "-1234567.89", "123456789", "1e15", "1e16", "-2e20", "0.1", "0.001",
    "0.00012345", "0.00001", "1e-10", "100", "0.005", "1.005", "3.5e38",
)  # fmt: skip
"""What the model `figures` is asked to write in each of its units."""


def shown() -> list[Request]:
    """Pages that are only looked at."""
    pages = [get("start", "/"), get("docs", "/docs")]
    pages += [get(f"form of {model}", f"/models/{model}") for model in MODELS]
    pages += [get(f"problem {code}", f"/docs/errors/{code}") for code in PROBLEMS]
    languages = [
        "fr-CA,fr;q=0.9,en;q=0.5", "de", "en-GB,fr;q=0.8", "", "*", "fr;q=0", "de,fr;q=0.1",
        "fr;q=0.1,en;q=0.9", "FR", "nonsense;;", "fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5",
    ]  # fmt: skip
    return [
        *(one for page in pages for one in in_both_languages(page)),
        *(
            get(
                f"problem page by {tag or 'nothing'}",
                "/docs/errors/not-found",
                {"Accept-Language": tag},
            )
            for tag in languages
        ),
        get("lang=fr", "/?lang=fr", ENGLISH),
        get("lang=en", "/?lang=en", FRENCH),
        get("lang=xx", "/?lang=xx", FRENCH),
        get("docs, lang=fr", "/docs?lang=fr"),
        get("without Accept", "/", {}),
        get("start as JSON", "/", {"Accept": JSON}),
        get("form of no model, English", "/models/castle", ENGLISH),
        get("form of no model, French", "/models/castle", FRENCH),
        get("another host", "/docs", {"Host": "other.test:8080", **ENGLISH}),
        Request("HEAD of the start", "HEAD", "/", ENGLISH),
        Request("HEAD of a form", "HEAD", "/models/iris", FRENCH),
    ]


def results() -> list[Request]:
    """Forms that are answered."""
    cases: list[tuple[str, dict[str, str]]] = [
        ("/", HOME),
        ("/models/housing", HOME),
        ("/models/housing", HOME | {"surface_m2": "54.5"}),
        ("/models/housing", HOME | {"surface_m2": "54,5", "land_m2": "1,234"}),
        ("/models/housing", HOME | {"land_m2": "1 234,5"}),
        ("/models/housing", HOME | {"land_m2": " ", "district": ""}),
        ("/models/housing", HOME | {"surface_m2": "900", "district": "77", "rooms": "40"}),
        ("/models/housing", HOME | {"property_type": "house", "land_m2": "50000"}),
        ("/models/housing", HOME | {"more": "x"}),
        ("/models/iris", FLOWER),
        ("/models/iris", FLOWER | {"petal_length_cm": "5.5", "sepal_width_cm": "0"}),
        ("/models/appraisal", HOME),
        ("/models/appraisal", HOME | {"surface_m2": "10", "rooms": "1"}),
        ("/models/appraisal", HOME | {"surface_m2": "999", "land_m2": "99999"}),
        ("/models/half_plus_two", {"x": "1"}),
        ("/models/half_plus_two", {"x": "1e30"}),
        ("/models/sensors", {"tag": "foo", "signal": "1, 2, 3, 4, 5", "sensor": "1 2 3 4"}),
        ("/models/sensors", {"tag": "bar", "signal": "1,5; 2; 3; 4; 5", "sensor": "1; 2; 3; 4"}),
        ("/models/place", {"v": "1.5, 2, 3, 4"}),
        ("/models/place", {"v": "1,5; 2000; -3; 4"}),
        ("/models/ticket", TICKET),
        ("/models/ticket", TICKET | {"note": "'; rm -rf / #$(id)`id`\"\\<b>", "level": "-99999"}),
        ("/models/ticket", TICKET | {"note": "", "count": "-9007199254740992"}),
        ("/models/duel", HOME),
        ("/models/brittle", {"x": "4", "place": "0"}),
    ]
    cases += [("/models/figures", {"x": number}) for number in NUMBERS]
    return _forms("result", cases)


def put_right() -> list[Request]:
    """Forms that are not."""
    big = {"surface_m2": "big", "rooms": "99", "property_type": "castle", "land_m2": "-5"}
    attack = '"><script>alert(1)</script>{{7*7}}'
    cases: list[tuple[str, dict[str, str]]] = [
        ("/models/housing", big),
        ("/models/housing", {}),
        ("/models/housing", HOME | {"rooms": "1,5", "surface_m2": ""}),
        ("/models/housing", HOME | {"rooms": "3.0"}),
        *(("/models/housing", HOME | {name: attack}) for name in HOME),
        *(
            ("/models/housing", HOME | {"surface_m2": text})
            for text in (
                "nan", "Infinity", "1e999", "0x10", "1_000", "٣", "9" * 50, "1.234.567", "5 4",
            )
        ),
        ("/models/iris", FLOWER | {"petal_length_cm": "21"}),
        ("/models/iris", {}),
        ("/models/appraisal", {"rooms": "x"}),
        ("/models/figures", {"x": "x"}),
        ("/models/sensors", {"tag": "", "signal": "1, 2", "sensor": "x"}),
        ("/models/place", {"v": "1, x"}),
        ("/models/place", {"v": "1, 2, 3, x"}),
        ("/models/ticket", TICKET | {"code": "4", "floor": "-1", "level": "2.6"}),
        ("/models/ticket", {}),
        ("/models/ticket", TICKET | {"count": "9" * 25}),
        ("/models/brittle", {"x": "0", "place": "0"}),
        ("/models/brittle", {"x": "1", "place": "9"}),
        ("/models/castle", HOME),
    ]  # fmt: skip
    return _forms("to put right", cases)


def other_posts() -> list[Request]:
    """Posts to pages that browsers do not send."""
    parts = "".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in HOME.items()
    )
    multipart = {"Content-Type": "multipart/form-data; boundary=x", **ENGLISH}
    return [
        post("JSON to a form", "/models/housing", {"rooms": 3}),
        post(
            "JSON to a form, page",
            "/models/housing",
            {"rooms": 3},
            {"Content-Type": JSON, **FRENCH},
        ),
        post("multipart form", "/models/housing", f"{parts}--x--\r\n".encode(), multipart),
        post("broken multipart form", "/models/housing", b"--y\r\nnothing", multipart),
        post("form without a type", "/models/housing", b"rooms=3", {"Accept": HTML}),
        post(
            "form of bytes",
            "/models/housing",
            b"rooms=%ff%fe&\xff=1",
            {"Content-Type": FORM, **ENGLISH},
        ),
        post("form twice the same", "/", b"rooms=3&rooms=4", {"Content-Type": FORM, **FRENCH}),
        post(
            "form with a deadline",
            "/",
            b"rooms=3",
            {"Content-Type": FORM, "X-Request-Timeout-Ms": "0"},
        ),
    ]


def _forms(name: str, cases: list[tuple[str, dict[str, str]]]) -> list[Request]:
    return [
        form(f"{name} {number}, {language}", path, fields, headers)
        for number, (path, fields) in enumerate(cases, 1)
        for language, headers in (("English", ENGLISH), ("French", FRENCH))
    ]
