"""The summary of a run, as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from load.options import Options
    from load.thresholds import Measured, ThresholdCheck


@dataclass(frozen=True)
class Address:
    """One address that was asked, and what came of it."""

    name: str
    measured: Measured


def summary(
    options: Options,
    where: str,
    when: str,
    addresses: Iterable[Address],
    verdicts: Sequence[ThresholdCheck],
) -> str:
    """A page: what was asked, of whom, from where and when; what came; what of it holds."""
    arrival = (
        f"{options.rate:g} requests a second by the clock from {options.callers} callers"
        if options.rate is not None
        else f"{options.callers} callers, each asks again once it is answered"
    )
    lines = [
        f"# Load: {options.scenario.title}", "",
        (f"{options.url}, scenario `{options.name}`, shape `{options.shape}` of "
        f"{options.planned[-1].until:g} s: {arrival}; {_size(options)}."), "",
        f"Asked from {where}, {when}.", "",
        "| address | requests | failed | requests/s | p50, ms | p99, ms |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        *(_line(address) for address in addresses), "",
        "| threshold | wanted | seen | verdict |", "| --- | ---: | ---: | ---: |",
        *(
            f"| {one.name} | {one.wanted} | {one.seen} | {'holds' if one.holds else 'misses'} |"
            for one in verdicts
        ), "",
    ]  # fmt: skip
    if options.rate is not None:
        lines += ["What a request waited counts from the moment when it was due.", ""]
    return "\n".join(lines)


def _size(options: Options) -> str:
    if options.scenario.content == "photos":
        return "a photo in each request"
    return f"{options.rows} row{'s' * (options.rows > 1)} in each request"


def _line(address: Address) -> str:
    got = address.measured
    return (
        f"| {address.name} | {got.requests:,} | {got.failures:,} | {got.rate:,.1f} "
        f"| {got.p50_ms:g} | {got.p99_ms:g} |"
    )
