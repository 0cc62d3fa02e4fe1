"""How much is asked of the service and how quickly it answers: figures and lines over time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vigie.monitoring.history import SPAN_SECONDS, Span, joined
from vigie.monitoring.http_metrics import LATENCY_SECONDS
from vigie.serving.web.formats import NO_BREAK_SPACE, NOTHING, latency, rate, small_percent
from vigie.serving.web.texts import translator

WINDOW_SECONDS = 300.0
WIDTH, HEIGHT = 600, 64

Values = Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Figure:
    """One number with its name; `level` is a class of the stylesheet, mostly empty."""

    label: str
    text: str
    level: str = ""


@dataclass(frozen=True, slots=True)
class Spark:
    """A stepped line over ten minutes, as paths of an SVG of `WIDTH` by `HEIGHT`."""

    label: str
    latest: str
    most: str
    line: str
    area: str
    width: int = WIDTH
    height: int = HEIGHT


@dataclass(frozen=True, slots=True)
class Traffic:
    """The figures of the last five minutes and the lines of the last ten."""

    figures: list[Figure]
    sparks: list[Spark]
    failed_share: float


def traffic_of(spans: Sequence[Span], now: float, language: str) -> Traffic | None:
    """What was asked of the service; `None` where nothing is known of the last five minutes."""
    window = joined(spans, now - WINDOW_SECONDS)
    if window is None:
        return None
    t = translator(language)
    failed = window.failed_share or 0.0
    figures = [
        Figure(t("per_second"), rate(window.rate, language)),
        Figure(t("failed"), _share(window.failed_share, language), "shifted" if failed else ""),
        Figure(t("turned_down"), _share(window.refused_share, language)),
        *(
            Figure(t(name), _latency(window.seconds(share), language))
            for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
        ),
    ]
    rates = [span.rate for span in spans]
    slowest = [span.seconds(0.95) for span in spans]
    sparks = []
    if any(rates):
        sparks = [
            _spark(t("spark_rate"), spans, rates, now, lambda value: rate(value, language)),
            _spark(t("spark_p95"), spans, slowest, now, lambda value: _latency(value, language)),
        ]
    return Traffic(figures, sparks, failed)


def _share(share: float | None, language: str) -> str:
    return NOTHING if share is None else small_percent(share, language)


def _latency(seconds: float | None, language: str) -> str:
    if seconds is None:
        return NOTHING
    # what lies above the highest bound is only known to be more
    more = f">{NO_BREAK_SPACE}" if seconds >= LATENCY_SECONDS[-1] else ""
    return more + latency(seconds, language)


def _spark(
    label: str, spans: Sequence[Span], values: Values, now: float, text: Callable[[float], str]
) -> Spark:
    known = [value for value in values if value is not None]
    most = max(known)
    latest = values[-1]
    return Spark(
        label=label,
        latest=NOTHING if latest is None else text(latest),
        most=text(most),
        line=_steps(spans, values, most, now),
        area=_areas(spans, values, most, now),
    )


def _steps(spans: Sequence[Span], values: Values, most: float, now: float) -> str:
    """A path that lies flat over each span at the height of its value, and stops where none is."""
    path, drawing = [], False
    for span, value in zip(spans, values, strict=True):
        if value is not None:
            height = _y(value, most)
            path.append(f"V{height}" if drawing else f"M{_x(span.start, now)} {height}")
            path.append(f"H{_x(span.end, now)}")
        drawing = value is not None
    return "".join(path)


def _areas(spans: Sequence[Span], values: Values, most: float, now: float) -> str:
    return "".join(
        f"M{_x(span.start, now)} {HEIGHT}V{_y(value, most)}H{_x(span.end, now)}V{HEIGHT}Z"
        for span, value in zip(spans, values, strict=True)
        if value is not None
    )


def _x(at: float, now: float) -> str:
    return f"{max(0.0, WIDTH * (1 - (now - at) / SPAN_SECONDS)):.1f}"


def _y(value: float, most: float) -> str:
    # a little room above and below, where half of the line's width lies
    return f"{HEIGHT - 1 - (HEIGHT - 4) * value / most:.1f}"
