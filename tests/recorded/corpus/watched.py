"""A service of which all is known: its status page and metrics, before and after traffic."""

from __future__ import annotations

from recorded.corpus.native import FLOWER
from recorded.models import WATCHED_ROWS, home, price
from recorded.request import Request, get, in_both_languages, post

TRUTHS = 120


def before() -> list[Request]:
    """Before anything was asked; these come first, and soon after the start."""
    return [
        *in_both_languages(get("status at the start", "/status")),
        *in_both_languages(get("paused status at the start", "/status?paused=")),
        get("status without a language", "/status"),
        get("status by its address", "/status?lang=fr"),
        Request("HEAD of the status", "HEAD", "/status", moment=True),
    ]


def traffic() -> list[Request]:
    """Predictions far from the training data, mistakes, failures, and truths."""
    rows = [home(number, 9) for number in range(WATCHED_ROWS)]
    truths = [
        {"request_id": "recorded", "row": row, "actual": round(1.5 * price(rows[row]), 2)}
        for row in range(TRUTHS)
    ]
    return [
        post("rows to watch", "/predict/housing", {"instances": rows}),
        post("flowers to watch", "/predict/iris", [FLOWER] * 3, {"X-Request-Id": "flowers"}),
        *(post(f"mistake to watch {number}", "/predict/housing", b"{") for number in range(5)),
        post("failure to watch", "/predict/iris", FLOWER, {"X-Request-Timeout-Ms": "0"}),
        post("truths to watch", "/feedback", truths),
    ]


def after() -> list[Request]:
    """When the service has counted it all, written it and joined the truths."""
    shown = ('class="spark"', "shifted", f">{TRUTHS} truths.<", f"<dd>{WATCHED_ROWS + 3}</dd>")
    kept = ("<dt>Rows waiting</dt><dd>0</dd>", f"<dt>Rows written</dt><dd>{WATCHED_ROWS + 3}</dd>")
    failed = "of the predictions asked for in 5 minutes failed."
    return [
        get("status after the traffic", "/status?lang=en", until=(*shown, *kept, failed)),
        *in_both_languages(get("status after all", "/status")),
        *in_both_languages(get("paused status after all", "/status?paused=")),
        get("metrics", "/metrics"),
        Request("HEAD of the metrics", "HEAD", "/metrics", moment=True),
    ]
