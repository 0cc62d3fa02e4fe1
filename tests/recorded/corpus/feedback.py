"""Truths about predictions: taken, repeated, contradicted, wrong."""

from __future__ import annotations

from recorded.corpus.native import FLOWER, HOME
from recorded.request import JSON, Request, numbered, post

PATH = "/feedback"


def truths() -> list[Request]:
    """In this order: what is said first stays."""
    one = {"request_id": "told", "row": 0, "actual": 150000}
    predictions = [
        post("a price to be told of", "/predict/housing", [HOME, HOME], _named("told")),
        post("a flower to be told of", "/predict/iris", FLOWER, _named("flower")),
    ]
    known = numbered(
        "truth",
        [
            (PATH, body)
            for body in (
                one,
                one,
                one | {"actual": 1},
                {"request_id": "told", "row": 1, "actual": 0.5},
                [one, one | {"row": 2}, one | {"row": 2}, one | {"row": 2, "actual": 3}],
                {"request_id": "told-long-ago", "actual": "a label"},
                {"request_id": "told-long-ago", "actual": "another label"},
                {"request_id": "flower", "actual": "setosa", "row": 0.0},
                [{"request_id": f"many-{n}", "actual": n} for n in range(1000)],
                [{"request_id": f"many-{n}", "actual": n + 1} for n in range(1000)],
            )
        ],
    )
    wrong: list[object] = [
        {}, [], None, 3, "x", [3], [one, 3], one | {"more": 1}, one | {"request_id": "a b"},
        one | {"request_id": 3}, one | {"request_id": "a" * 129}, one | {"row": -1},
        one | {"row": 1.5}, one | {"row": 2**31}, one | {"row": True}, one | {"row": "0"},
        one | {"actual": None}, one | {"actual": True}, one | {"actual": float("nan")},
        one | {"actual": 1e39}, one | {"actual": ""}, one | {"actual": "a\n"},
        one | {"actual": "a" * 201}, one | {"actual": []}, {"request_id": "told"},
        [{"request_id": "a b", "actual": 1}] * 100, [one] * 10_001, b"", b"{", b"\xff",
        b'{"request_id": "told", "actual": 1e999}',
    ]  # fmt: skip
    return [
        *predictions,
        *known,
        *numbered("wrong truth", [(PATH, body) for body in wrong]),
        post("truth as text", PATH, one, {"Content-Type": "text/plain"}),
        post("truth without a type", PATH, one, {}),
        post("truth, compressed", PATH, one, {"Content-Type": JSON, "Content-Encoding": "gzip"}),
        post("truth as a page", PATH, b"{", {"Content-Type": JSON, "Accept": "text/html"}),
    ]


def _named(request_id: str) -> dict[str, str]:
    return {"Content-Type": JSON, "X-Request-Id": request_id}
