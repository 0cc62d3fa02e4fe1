"""An int8 graph of a photo network, kept where held-out photos are answered nearly as well."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vigie.engines.onnx import OnnxEngine
from vigie.errors import DataError
from vigie.models.document import Quantization
from vigie.models.model_output import best_labels
from vigie.training.graph.quantized import Int8Graph, quantize_graph, row_milliseconds
from vigie.training.model_card import table

if TYPE_CHECKING:
    from vigie.engines.base import Feeds
    from vigie.training.network import Network
    from vigie.training.photos.photo_set import PhotoSet

MOST_FALL = 0.01
"""Of the accuracy on held-out photos."""
CALIBRATION_PHOTOS = 256
_AT_ONCE = 8


@dataclass(frozen=True)
class Int8Trial:
    """An int8 graph beside the float one `exact`, and why it is not served, where it is not."""

    graph: Int8Graph
    exact: Path
    reason: str | None

    @property
    def kept(self) -> Int8Graph | None:
        """The int8 graph where it is to be served."""
        return self.graph if self.reason is None else None

    def __str__(self) -> str:
        figures = self.graph.figures
        told = (
            f"int8: accuracy {figures.accuracy:.3f} (float {figures.accuracy_float:.3f}), "
            f"{figures.milliseconds:.2f} ms a photo (float {figures.milliseconds_float:.2f})"
        )
        return told if self.kept else f"{told}; the float graph is kept: {self.reason}"


def try_int8(
    network: Network, labels: tuple[str, ...], training: PhotoSet, held_out: PhotoSet, folder: Path
) -> Int8Trial:
    """Makes an int8 graph, its ranges those of training photos, and asks both the held-out ones.

    Raises `DataError` where there is no float graph or none can be made of it.
    """
    exact, small = folder / "float.onnx", folder / "int8.onnx"
    network.write_graph(exact)
    some = np.unique(np.linspace(0, len(training) - 1, CALIBRATION_PHOTOS).astype(int))
    quantize_graph(exact, small, {training.item.name: training.pixels(some)})
    scores = network.tensors[0]
    before, after = (_accuracy(path, scores, labels, held_out) for path in (exact, small))
    one = {held_out.item.name: held_out.pixels([0])}
    slow, quick = row_milliseconds([exact, small], one)
    figures = Quantization(
        accuracy_float=before,
        accuracy=after,
        milliseconds_float=round(slow, 3),
        milliseconds=round(quick, 3),
    )
    return Int8Trial(Int8Graph(small, figures), exact, _reason(figures))


def _reason(figures: Quantization) -> str | None:
    fall = figures.accuracy_float - figures.accuracy
    if fall > MOST_FALL + 1e-9:
        return f"int8 costs {100 * fall:.1f} points of accuracy on held-out photos"
    if figures.milliseconds >= figures.milliseconds_float:
        return "int8 is no quicker on this machine"
    return None


def int8_vectors(graph: Int8Graph, output: str, photos: PhotoSet) -> np.ndarray:
    """What an int8 graph answers as `output` for these photos, [photos, width]."""
    engine = OnnxEngine(graph.path)
    return np.concatenate([engine.run(feeds, [output])[output] for feeds in _feeds(photos)])


def _accuracy(path: Path, output: str, labels: tuple[str, ...], photos: PhotoSet) -> float:
    engine = OnnxEngine(path)
    predicted: list[str] = []
    for feeds in _feeds(photos):
        (scores,) = engine.run(feeds, [output]).values()
        predicted += best_labels(labels, scores)
    if not predicted:
        raise DataError("an int8 graph is judged by held-out photos, and there is none")
    return float(np.mean(np.array(predicted, object) == photos.labels))


def _feeds(photos: PhotoSet) -> Iterator[Feeds]:
    for start in range(0, len(photos), _AT_ONCE):
        places = np.arange(start, min(start + _AT_ONCE, len(photos)))
        yield {photos.item.name: photos.pixels(places)}


def quantization_lines(trial: Int8Trial) -> list[str]:
    """What a model card says of it, lines of Markdown."""
    figures = trial.graph.figures
    served = "int8 graph" if trial.kept else f"float graph: {trial.reason}"
    rows = (
        ("float", f"{figures.accuracy_float:.3f}", f"{figures.milliseconds_float:.2f}"),
        ("int8", f"{figures.accuracy:.3f}", f"{figures.milliseconds:.2f}"),
    )
    told = (
        f"What is served is the {served}. Both were asked all held-out photos, and timed in turns."
    )
    return [
        "\n## Smaller and quicker\n",
        told,
        "",
        *table(("graph", "accuracy", "ms a photo"), rows),
    ]
