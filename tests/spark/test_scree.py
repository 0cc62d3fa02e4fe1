from __future__ import annotations

import sys
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from vigie.spark.scree import scree_plot

SPECTRUM = [0.5, 0.3, 0.1, 0.07, 0.03]


def test_a_plot_shows_every_component_and_what_is_kept() -> None:
    plots = [scree_plot(SPECTRUM, kept) for kept in (1, 3)]
    pictures = []
    for plot in plots:
        assert plot is not None
        with Image.open(BytesIO(plot)) as image:
            assert image.format == "PNG"
            pictures.append(np.asarray(image.convert("L")))
    assert pictures[0].shape == pictures[1].shape
    assert (pictures[0] != pictures[1]).any()


def test_there_is_none_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert scree_plot(SPECTRUM, 2) is None
