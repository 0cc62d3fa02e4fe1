"""How much is asked of the service and how quickly it answers: figures and lines over time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vigie.monitoring.history import SPAN_SECONDS, joined
from vigie.monitoring.http_metrics import LATENCY_SECONDS

if TYPE_CHECKING:
    from vigie.monitoring.history import Span
    from vigie.serving.web.language import Language

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


def traffic_of(spans: Sequence[Span], now: float, language: Language) -> Traffic | None:
    """What was asked of the service; `None` where nothing is known of the last five minutes."""
    window = joined(spans, now - WINDOW_SECONDS)
    if window is None:
        return None
    t = language.text
    failed = window.failed_share or 0.0
    figures = [
        Figure(t("Requests a second"), language.rate(window.rate)),
        Figure(
            t("Failed (5xx)"), _share(window.failed_share, language), "shifted" if failed else ""
        ),
        Figure(t("Refused (4xx)"), _share(window.refused_share, language)),
        Figure(t("Half within (p50)"), _latency(window.seconds(0.5), language)),
        Figure(t("95% within (p95)"), _latency(window.seconds(0.95), language)),
        Figure(t("99% within (p99)"), _latency(window.seconds(0.99), language)),
    ]
    rates = [span.rate for span in spans]
    slowest = [span.seconds(0.95) for span in spans]
    sparks = []
    if any(rates):
        sparks = [
            _spark(t("Requests a second"), spans, rates, now, lambda value: _rate(value, language)),
            _spark(
                t("95% answered within"),
                spans,
                slowest,
                now,
                lambda value: _latency(value, language),
            ),
        ]
    return Traffic(figures, sparks, failed)


def _share(share: float | None, language: Language) -> str:
    return language.nothing if share is None else language.small_percent(share)


def _rate(per_second: float | None, language: Language) -> str:
    return language.nothing if per_second is None else language.rate(per_second)


def _latency(seconds: float | None, language: Language) -> str:
    if seconds is None:
        return language.nothing
    # what lies above the highest bound is only known to be more
    more = ">\N{NO-BREAK SPACE}" if seconds >= LATENCY_SECONDS[-1] else ""
    return more + language.latency(seconds)


def _spark(
    label: str,
    spans: Sequence[Span],
    values: Values,
    now: float,
    text: Callable[[float | None], str],
) -> Spark:
    known = [value for value in values if value is not None]
    most = max(known)
    return Spark(
        label=label,
        latest=text(values[-1]),
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
