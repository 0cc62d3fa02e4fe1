"""The figures of a run as tables of words, for the terminal and for the page alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.figures import Counts, Load, Results, Spread
from bench.goals import Goal
from bench.rows.contenders import CONTENDERS
from bench.subjects import Subject


@dataclass(frozen=True)
class Grid:
    """A table: its caption, the headings, the rows."""

    caption: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def markdown(self) -> str:
        """The table for a page, its caption above it."""
        return f"{self.caption}\n\n{self.table()}"

    def table(self) -> str:
        """The table alone."""
        lines = [self.headings, ("---",) + ("---:",) * (len(self.headings) - 1), *self.rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def tables_of(subject: Subject, results: Results) -> tuple[Grid, ...]:
    """Rates, ratios, latencies, computing time, memory and start of every contender."""
    return (
        _rates(subject, results),
        *(_shares(subject, results, name) for name in subject.bare),
        _latencies(subject, results),
        _costs(subject, results),
        *(_times_as_many(subject, results, load) for load in subject.shown),
    )


def instructions_table(counts: Counts) -> Grid:
    """What a request takes of some servers, in instructions."""
    loads = list(next(iter(counts.values())))
    titles = {one.name: one.title for one in CONTENDERS}
    return Grid(
        "Instructions a request of one worker's event loop, counted by callgrind:",
        ("server", *map(str, loads)),
        tuple(
            (titles[name], *(f"{count[load]:,.0f}" for load in loads))
            for name, count in counts.items()
        ),
    )


def goals_table(goals: Sequence[Goal]) -> Grid:
    """A line for each promise."""
    return Grid(
        "Goals:",
        ("goal", "wanted", "seen", "verdict"),
        tuple((goal.text, goal.wanted, goal.found, goal.verdict) for goal in goals),
    )


def _rates(subject: Subject, results: Results) -> Grid:
    def rate(name: str, load: Load) -> str:
        spread = results.figure(name, load, "rate")
        return "" if spread is None else rate_text(spread.median)

    return Grid(
        "Requests a second, medians of the rounds:",
        ("server", *map(str, subject.loads)),
        tuple(
            (one.title, *(rate(one.name, load) for load in subject.loads))
            for one in subject.contenders
        ),
    )


def _shares(subject: Subject, results: Results, bare: str) -> Grid:
    (title,) = (one.title for one in subject.contenders if one.name == bare)
    return Grid(
        f"The same as a share of {title}, in the same round: median (least to greatest):",
        ("server", *map(str, subject.loads)),
        tuple(
            (
                one.title,
                *(_share(results.ratio(one.name, (bare,), load)) for load in subject.loads),
            )
            for one in subject.contenders
        ),
    )


def _latencies(subject: Subject, results: Results) -> Grid:
    def latency(name: str, what: str) -> tuple[str, ...]:
        return tuple(_number(results.figure(name, load, what), 2) for load in subject.loads)

    return Grid(
        "Latency in ms, half of the requests within / 99 of 100 within:",
        ("server", *map(str, subject.loads)),
        tuple(
            (
                one.title,
                *(
                    f"{half} / {most}"
                    for half, most in zip(
                        latency(one.name, "p50_ms"), latency(one.name, "p99_ms"), strict=True
                    )
                ),
            )
            for one in subject.contenders
        ),
    )


def _costs(subject: Subject, results: Results) -> Grid:
    return Grid(
        "What it costs: computing time of all its processes per request, in µs; memory of all its "
        "processes after the load; start to first right prediction:",
        ("server", *(f"µs, {load}" for load in subject.loads), "MB", "start, s"),
        tuple(
            (
                one.title,
                *(_number(results.figure(one.name, load, "cpu_us")) for load in subject.loads),
                _number(results.memory(one.name)),
                _number(results.start(one.name), 2),
            )
            for one in subject.contenders
        ),
    )


def _times_as_many(subject: Subject, results: Results, load: Load) -> Grid:
    vigie = subject.vigie.name
    return Grid(
        f"{load}, Vigie against each, in the same round:",
        ("server", "times", "least to greatest"),
        tuple(
            (one.title, f"{ratio.median:.1f}", f"{ratio.least:.1f} to {ratio.greatest:.1f}")
            for one in subject.contenders
            if one.is_peer and (ratio := results.ratio(vigie, (one.name,), load))
        ),
    )


def rate_text(rate: float) -> str:
    """Requests a second: whole ones, with a decimal where they are few."""
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.1f}"


def _number(spread: Spread | None, decimals: int = 0) -> str:
    return "" if spread is None else f"{spread.median:,.{decimals}f}"


def _share(spread: Spread | None) -> str:
    if spread is None:
        return ""
    return f"{spread.median:.3g} ({spread.least:.3g} to {spread.greatest:.3g})"
