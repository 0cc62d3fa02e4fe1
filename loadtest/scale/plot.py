"""The picture of what so many replicas carry."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

from typing import TYPE_CHECKING

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

if TYPE_CHECKING:
    from scale.points import Point

INK, OURS, PEER, GUIDE = "#1f2937", "#0f766e", "#94a3b8", "#e2e8f0"
STYLE = {"svg.hashsalt": "vigie", "font.size": 9, "axes.edgecolor": PEER, "text.color": INK}


def plot_points(points: Sequence[Point], path: Path) -> None:
    """Throughput beside the straight line through one replica, and latency below the same load."""
    ordered = sorted((one for one in points if one.rows > 1), key=lambda one: one.replicas)
    counts = [one.replicas for one in ordered]
    with mpl.rc_context(STYLE):
        figure, (rates, waits) = plt.subplots(1, 2, figsize=(9.6, 3.2))
        rates.plot(counts, [ordered[0].rate * n for n in counts], color=PEER, linestyle="--")
        rates.plot(counts, [one.rate for one in ordered], color=OURS, marker="o")
        for one in ordered:
            rates.annotate(
                f"{one.rate:,.0f}", (one.replicas, one.rate), (0, -14),
                textcoords="offset points", ha="left",
            )  # fmt: skip
        dress(rates, "requests a second; dashed: as many times one", counts)
        waits.plot(counts, [one.p50_ms for one in ordered], color=PEER, marker="o", label="p50")
        waits.plot(counts, [one.p99_ms for one in ordered], color=OURS, marker="o", label="p99")
        dress(waits, "ms, with as many callers as they take", counts)
        waits.legend(frameon=False)
        figure.tight_layout(w_pad=2)
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)


def dress(axes: Axes, title: str, counts: Sequence[int]) -> None:
    """From nothing on, a tick for each number of replicas."""
    axes.set_title(title, loc="left", color=INK)
    axes.set_xticks(counts)
    axes.set_xlabel("replicas", color=INK)
    axes.set_ylim(bottom=0)
    axes.grid(axis="y", color=GUIDE)
    axes.set_axisbelow(True)
    axes.tick_params(axis="both", length=0, colors=INK)
    axes.spines[["top", "right", "left"]].set_visible(False)
