from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image

from vigie.spark.scree import scree_plot

SPECTRUM = [0.5, 0.3, 0.1, 0.07, 0.03]


def test_a_plot_shows_every_component_and_what_is_kept() -> None:
    plots = [scree_plot(SPECTRUM, kept) for kept in (1, 3)]
    pictures = []
    for plot in plots:
        with Image.open(BytesIO(plot)) as image:
            assert image.format == "PNG"
            pictures.append(np.asarray(image.convert("L")))
    assert pictures[0].shape == pictures[1].shape
    assert (pictures[0] != pictures[1]).any()
