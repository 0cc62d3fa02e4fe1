"""The picture of a run: requests a second of every contender, on a logarithmic scale."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from bench.contender import Contender
from bench.figures import Load, Results
from bench.subjects import Subject
from bench.tables import rate_text

_INK, _OURS, _PEER, _GUIDE = "#1f2937", "#0f766e", "#94a3b8", "#e2e8f0"
_LABEL = {"facecolor": "white", "edgecolor": "none", "pad": 1}
_STYLE = {"svg.hashsalt": "vigie", "font.size": 9, "axes.edgecolor": _PEER, "text.color": _INK}


def plot_rates(subject: Subject, results: Results, path: Path) -> None:
    """A panel for each load that is shown; the quickest under the first of them above."""
    first = subject.shown[0]
    ordered = sorted(subject.contenders, key=lambda one: _rate(results, one, first))
    with mpl.rc_context(_STYLE):
        high = 1.1 + 0.3 * len(ordered)
        figure, panels = plt.subplots(1, len(subject.shown), figsize=(9.6, high), sharey=True)
        for axes, load in zip(panels, subject.shown, strict=True):
            _draw(axes, results, ordered, load)
        figure.tight_layout(w_pad=2)
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None, dpi=110)
        plt.close(figure)


def _draw(axes: Axes, results: Results, contenders: Sequence[Contender], load: Load) -> None:
    """Points and not bars: a bar on a logarithmic scale begins nowhere."""
    rates = [_rate(results, contender, load) for contender in contenders]
    axes.hlines(range(len(rates)), 0, max(rates) * 4, color=_GUIDE, linewidth=0.8, zorder=1)
    axes.scatter(
        rates,
        [contender.title for contender in contenders],
        color=[_colour(contender) for contender in contenders],
        s=60,
        zorder=2,
    )
    for place, rate in enumerate(rates):
        axes.annotate(rate_text(rate), (rate, place), (8, 0), textcoords="offset points",
                      va="center", color=_INK, bbox=_LABEL, zorder=1.5)  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlim(min(rates) / 2, max(rates) * 4)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_title(str(load), loc="left", color=_INK)
    axes.set_xlabel("requests a second, logarithmic", color=_INK)
    axes.tick_params(axis="both", length=0, colors=_INK)
    axes.minorticks_off()
    axes.spines[["top", "right", "left"]].set_visible(False)


def _colour(contender: Contender) -> str:
    if contender.is_peer:
        return _PEER
    return _INK if contender.says is None else _OURS


def _rate(results: Results, contender: Contender, load: Load) -> float:
    rate = results.figure(contender.name, load, "rate")
    assert rate is not None
    return rate.median
