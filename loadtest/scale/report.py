"""The page of the proof, from the file of its figures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from textwrap import wrap
from typing import Any

from scale.ceiling import TRIES
from scale.generator import EDGES
from scale.measuring import WARM_SECONDS

WIDTH = 104

Figures = Mapping[str, Any]


def page(figures: Figures) -> str:
    """`docs/scale.md`."""
    return "\n".join(_wrapped(_lines(figures)))


def _wrapped(lines: Iterable[str]) -> Iterator[str]:
    """Sentences in lines of the usual length; tables, lists, titles and pictures as they are."""
    for line in lines:
        yield from [line] if line[:1] in ("", "|", "#", "!", "-") else wrap(line, WIDTH)


def _lines(figures: Figures) -> Iterator[str]:
    cores, rows = figures["cores_a_replica"], figures["rows"]
    yield from (
        "# Scale", "",
        (f"Written by `make scale-proof`, {figures['date']}: {figures['where']}, on "
        f"{figures['machine']}; the generator ran beside it."), "",
        (f"Each replica is limited to {cores:g} of a core and asked for {rows} rows of "
        f"`{figures['model']}` in each request, by as many callers as it takes to keep it at its "
        "limit: the kernel stopped each of them for it, again and again. The medians of "
        f"{figures['rounds']} run{'s' * (figures['rounds'] > 1)} of {figures['seconds']:g} s, the "
        f"numbers of replicas by turns; {WARM_SECONDS} s of the same load go before each and are "
        f"not counted, and the {EDGES} s at both ends of a run count for failures alone:"),
        "", "![Requests a second and latency of one to four replicas](images/scale.svg)", "",
        ("| replicas | requests/s | rows/s | times one | efficiency | p50, ms | p99, ms | failed "
        "| throttled | generator, cores |"),
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    )  # fmt: skip
    points = [one for one in figures["points"] if one["rows"] == rows]
    for one in points:
        ratio = one["rate"] / points[0]["rate"]
        yield (
            f"| {one['replicas']} | {one['rate']:,.0f} | {rows * one['rate']:,.0f} | {ratio:.2f} "
            f"| {ratio / one['replicas']:.0%} | {one['p50_ms']:g} | {one['p99_ms']:g} "
            f"| {one['failures']} | {one['throttled']} | {one['generator_cores']:.2f} |"
        )
    yield ""
    yield "Latency here is that of a full queue and a quota's stalls of up to 100 ms."
    yield ""
    if figures["steps"]:
        yield from _steps(figures)
    if figures["held"]:
        yield from _held(figures["held"])
    yield from _verdict(figures)


def _held(held: Figures) -> Iterator[str]:
    yield from (
        "## A thousand requests a second", "",
        (f"{held['replicas']} replicas without that limit of processor time, one row in a request, "
        f"{held['rate']:,.0f} requests/s by the clock for {held['seconds']:g} s: "
        f"{held['answered']:,.0f} answered, {held['failures']} failed, p50 {held['p50_ms']:g} ms, "
        f"p99 {held['p99_ms']:g} ms. The highest rates with a p99 of at most 50 ms, in the better "
        f"of {TRIES} tries:"), "",
        "| dialect | requests/s | p99, ms | generator, cores |", "| --- | ---: | ---: | ---: |",
    )  # fmt: skip
    for one in held["ceilings"]:
        yield (
            f"| {one['dialect']} | {one['rate']:,.0f} | {one['p99_ms']:g} "
            f"| {one['generator_cores']:.2f} |"
        )
    yield from ("", "A generator near one core is what stops there, and not the service.", "")


def _steps(figures: Figures) -> Iterator[str]:
    asked = figures["autoscaled"]
    limit = f"may take {asked['most']:g}" if asked["most"] else "may take what is free"
    yield from (
        "## The autoscaler", "",
        (f"Pods request {asked['request']:g} of a core and {limit}; the autoscaler wants 70 % of "
        "the request. Requests arrive by the clock, in steps up and back. Latency counts from the "
        "moment when a request was due, and without the first 15 s of each step."), "",
        "![Pods, load and latency as the steps go on](images/scale.gif)", "",
        "| planned, requests/s | answered/s | pods at the end | p50, ms | p99, ms | failed |",
        "| ---: | ---: | ---: | ---: | ---: | ---: |",
    )  # fmt: skip
    for one in figures["steps"]:
        yield (
            f"| {one['planned']:,.0f} | {one['answered']:,.0f} | {one['pods']} "
            f"| {one['p50_ms']:g} | {one['p99_ms']:g} | {one['failures']} |"
        )
    yield ""
    alone = figures["lone"]
    if alone:
        yield (
            f"Beside them {alone['callers']} callers kept one connection each until the service "
            f"ended it, {alone['connections']:g} of them one after another: {alone['answered']:,} "
            f"answers, {alone['failures']} failed, p99 {alone['p99_ms']:g} ms."
        )
        yield ""


def _verdict(figures: Figures) -> Iterator[str]:
    yield "## What holds"
    yield ""
    if not figures["missed"]:
        yield (
            "All that was asked: two replicas carry at least 1.9 times what one carries, four at "
            "least 3.6 times; no request failed; the generator took less than half a core."
        )
    for one in figures["missed"]:
        yield f"- Missed: {one}."
    yield ""
