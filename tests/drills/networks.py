"""The networks of `keras.applications`, imported as models of photos from every container.

Of ResNet152V2 with random weights each takes two minutes and 7 GB of memory.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from mlflow.models import Model
from PIL import Image

from support.real_data import WEIGHTS, data_for
from support.real_photos import fruit_photos
from vigie.engines.predictor import Predictor, open_predictor
from vigie.registry.gate.integrity import verify_package
from vigie.settings import load_settings
from vigie.training.imported.drawing import drawn_photo
from vigie.training.imported.importing import Wanted, write_imported
from vigie.training.imported.photos import PhotoOptions
from vigie.training.imported.scaling import NAMED

pytestmark = pytest.mark.filterwarnings("ignore")
SIDE = 224
NETWORKS = {
    "MobileNetV2": "symmetric",
    "EfficientNetB0": None,
    "ResNet50V2": "symmetric",
    "ResNet152V2": "symmetric",
}
"""The scaling of each; none is stated where the network has it inside."""
PREPROCESS = {
    "MobileNetV2": keras.applications.mobilenet_v2.preprocess_input,
    "EfficientNetB0": keras.applications.efficientnet.preprocess_input,
    "ResNet50V2": keras.applications.resnet_v2.preprocess_input,
    "ResNet152V2": keras.applications.resnet_v2.preprocess_input,
}


def imported(source: Path, root: Path, scaling: str | None) -> Predictor:
    wanted = Wanted("net", photos=PhotoOptions(NAMED[scaling] if scaling else None))
    digest, _ = write_imported(source, wanted, root, Model())
    return open_predictor(verify_package(root, digest, "net", load_settings()))


def same(predictor: Predictor, pixels: np.ndarray, expected: np.ndarray) -> None:
    """Holds the package against Keras, to 1e-4 of the largest score."""
    (found,) = predictor.predict({"photo": list(pixels)}).outputs.values()
    assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()


def test_real_photos_are_scored_as_keras_scores_them(tmp_path: Path) -> None:
    model = keras.applications.MobileNetV2(weights=str(data_for(WEIGHTS)))
    source = tmp_path / "net.keras"
    model.save(source)
    predictor = imported(source, tmp_path / "package", "symmetric")
    files = fruit_photos(15)
    photos = [
        Image.open(path).convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        for path in files
    ]
    pixels = np.stack([np.asarray(photo) for photo in photos])
    expected = model(PREPROCESS["MobileNetV2"](pixels.astype(np.float32))).numpy()
    assert expected.max() > 0.5
    same(predictor, pixels, expected)
    # and from the files themselves, which the package decodes
    rows = [{"photo": path.read_bytes()} for path in files]
    (found,) = predictor.predict(predictor.decoder.decode(rows).columns).outputs.values()
    assert np.abs(found - expected).max() <= 1e-4 * expected.max()


CASES = [(name, ".keras") for name in NETWORKS] + [("ResNet152V2", ".h5"), ("ResNet152V2", "saved")]


@pytest.mark.parametrize(("name", "container"), CASES)
def test_a_network_of_random_weights(tmp_path: Path, name: str, container: str) -> None:
    keras.utils.set_random_seed(2)
    model = getattr(keras.applications, name)(weights=None)
    source = tmp_path / f"net{container}"
    if container == "saved":
        model.export(source, verbose=False)
    else:
        model.save(source)
    predictor = imported(source, tmp_path / "package", NETWORKS[name])
    assert predictor.package.document.engine == "onnx"
    # more than a worker gives to the model at once
    pixels = np.stack([drawn_photo(SIDE, SIDE, number) for number in range(100, 120)])
    assert len(pixels) > predictor.package.document.rows_at_once
    parts = [
        model(PREPROCESS[name](pixels[at : at + 1].astype(np.float32))).numpy()
        for at in range(len(pixels))
    ]
    same(predictor, pixels, np.concatenate(parts))
