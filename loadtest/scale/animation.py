"""The picture that moves: pods, load and latency as the steps go on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

from typing import TYPE_CHECKING

from matplotlib import pyplot as plt
from matplotlib.animation import FuncAnimation, PillowWriter
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from scale.plot import GUIDE, INK, OURS, PEER, STYLE
from scale.steps import MOST_P99_MS

if TYPE_CHECKING:
    from scale.steps import Moment

FRAMES = 60
PER_SECOND = 10


def animate(moments: Sequence[Moment], path: Path, frames: int = FRAMES) -> None:
    """A GIF of so many frames; its last shows the whole run, and stays."""
    with mpl.rc_context(STYLE):
        figure, panels = plt.subplots(3, 1, figsize=(7.2, 5.4), sharex=True)
        rows = _curves(panels, moments)

        def draw(frame: int) -> list[Line2D]:
            upto = max(len(moments) * (frame + 1) // frames, 1)
            for curve, values in rows:
                curve.set_data(range(upto), values[:upto])
            return [curve for curve, _ in rows]

        shown = [*range(frames), *[frames - 1] * (2 * PER_SECOND)]
        figure.tight_layout()
        moving = FuncAnimation(figure, draw, frames=shown, blit=False)
        moving.save(path, writer=PillowWriter(fps=PER_SECOND), dpi=80)
        plt.close(figure)


def _curves(panels: Sequence[Axes], moments: Sequence[Moment]) -> list[tuple[Line2D, list[float]]]:
    pods, load, waits = panels
    shown = [
        (pods, [float(one.pods) for one in moments], OURS, "ready pods"),
        (load, [one.planned for one in moments], PEER, "requests/s planned"),
        (load, [float(one.answered) for one in moments], OURS, "answered"),
        (waits, [one.p50_ms for one in moments], PEER, "p50, ms"),
        (waits, [one.p99_ms for one in moments], OURS, "p99, ms"),
    ]
    made = []
    for axes, values, colour, label in shown:
        (curve,) = axes.plot([], [], color=colour, label=label, linewidth=1.4)
        made.append((curve, values))
    for axes in panels:
        most = max(value for each, values, _, _ in shown if each is axes for value in values)
        axes.set_ylim(0, 1.3 * most)
    waits.axhline(MOST_P99_MS, color=GUIDE, linewidth=1)
    waits.set_xlabel("seconds", color=INK)
    for axes in panels:
        axes.set_xlim(0, len(moments))
        axes.legend(frameon=False, loc="upper left", ncols=2)
        axes.tick_params(axis="both", length=0, colors=INK)
        axes.spines[["top", "right"]].set_visible(False)
    return made
