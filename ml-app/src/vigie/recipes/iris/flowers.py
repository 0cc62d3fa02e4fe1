"""Fisher's 150 flowers as a frame."""

from __future__ import annotations

import pandas as pd
from sklearn.datasets import load_iris


def load_flowers() -> pd.DataFrame:
    """One row per flower: four lengths in centimetres, and the species."""
    flowers = load_iris()
    names = ("sepal_length_cm", "sepal_width_cm", "petal_length_cm", "petal_width_cm")
    frame = pd.DataFrame(flowers.data, columns=list(names))
    frame["species"] = [str(flowers.target_names[label]) for label in flowers.target]
    return frame
