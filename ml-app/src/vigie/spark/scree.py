"""The scree plot of a PCA: what each component has of the variance, and all up to it."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from itertools import accumulate

_MOST_BARS = 100
_INK, _LINE = "#2a6f97", "#bc4b51"


def scree_plot(spectrum: Sequence[float], kept: int) -> bytes:
    """A PNG of shares of the variance, with a mark at the `kept`."""
    # slow to import, and most runs draw nothing
    from matplotlib.figure import Figure

    shown = min(len(spectrum), max(_MOST_BARS, round(1.25 * kept)))
    places = range(1, shown + 1)
    # no pyplot: it keeps figures, and asks for a display
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    bars = figure.subplots()
    bars.bar(places, [100 * share for share in spectrum[:shown]], color=_INK, width=0.9)
    bars.set_xlabel("component")
    bars.set_ylabel("variance of the component, %", color=_INK)
    bars.margins(x=0.01)
    sums = [100 * share for share in accumulate(spectrum)][:shown]
    together = bars.twinx()
    together.plot(places, sums, color=_LINE)
    together.set_ylabel("of all up to it, %", color=_LINE)
    together.set_ylim(0, 102)
    together.axvline(kept, color="#555555", linestyle="--", linewidth=1)
    together.annotate(
        f"{kept} kept: {sums[kept - 1]:.1f} %", (kept, sums[kept - 1]), (6, -14),
        textcoords="offset points", ha="left" if kept < shown / 2 else "right",
    )  # fmt: skip
    made = BytesIO()
    figure.savefig(made, format="png", dpi=120)
    return made.getvalue()
