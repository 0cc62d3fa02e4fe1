"""What is asked of servers, and that the check of their answers can fail."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from bench.failure import Failure
from bench.forms import Forms, require_close
from bench.photos.contenders import MODEL
from bench.photos.formats import write_forms
from bench.photos.loads import LARGE_PHOTO, LARGE_SIZE, SMALL_PHOTO, SMALL_SIZE
from bench.photos.model import PHOTO, SCORES
from vigie.engines.onnx import OnnxEngine
from vigie.engines.predictor import Predictor, open_predictor
from vigie.models.package import read_package
from vigie.registry.cache import ModelCache


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> Forms:
    return write_forms(tmp_path_factory.mktemp("bench") / "model")


@pytest.fixture(scope="module")
def predictor(forms: Forms) -> Predictor:
    version = ModelCache(forms.cache).champion(MODEL)
    assert version is not None
    return open_predictor(read_package(version.root, ""))


def opened(photo: bytes) -> Image.Image:
    with Image.open(BytesIO(photo)) as image:
        return image.convert("RGB")


def check(forms: Forms, asked: str, pixels: np.ndarray) -> None:
    """Raises `Failure` where the graph answers these pixels otherwise than what is expected."""
    question = forms.questions[asked]
    (scores,) = OnnxEngine(forms.onnx).run({PHOTO: pixels[np.newaxis]}).values()
    require_close("a server", scores[0].tolist(), question.answers, question.tolerance)


def test_the_photos_have_the_sizes_that_the_loads_name(forms: Forms) -> None:
    assert opened(forms.questions[SMALL_PHOTO].content).size == SMALL_SIZE
    large = forms.questions[LARGE_PHOTO].content
    assert opened(large).size == LARGE_SIZE
    assert 2_000_000 < len(large) < 5_000_000


@pytest.mark.parametrize("asked", [SMALL_PHOTO, LARGE_PHOTO])
def test_pixels_of_a_whole_photo_are_taken_for_right(forms: Forms, asked: str) -> None:
    photo = opened(forms.questions[asked].content)
    check(forms, asked, np.asarray(photo.resize(SMALL_SIZE, Image.Resampling.BILINEAR)))


@pytest.mark.parametrize("asked", [SMALL_PHOTO, LARGE_PHOTO])
def test_what_vigie_answers_is_taken_for_right(
    forms: Forms, predictor: Predictor, asked: str
) -> None:
    question = forms.questions[asked]
    decoded = predictor.decoder.decode([{PHOTO: question.content}])
    (scores,) = predictor.predict(decoded.columns).outputs[SCORES].tolist()
    require_close("Vigie", scores, question.answers, question.tolerance)


@pytest.mark.parametrize("asked", [SMALL_PHOTO, LARGE_PHOTO])
@pytest.mark.parametrize("wrong", ["colours", "mirrored"])
def test_other_pixels_are_not(forms: Forms, asked: str, wrong: str) -> None:
    photo = opened(forms.questions[asked].content)
    pixels = np.asarray(photo.resize(SMALL_SIZE, Image.Resampling.BILINEAR))
    changed = pixels[:, :, ::-1] if wrong == "colours" else pixels[:, ::-1]
    with pytest.raises(Failure, match="answers otherwise than Keras"):
        check(forms, asked, np.ascontiguousarray(changed))


def test_pixels_left_out_are_not_a_photo_made_smaller(forms: Forms) -> None:
    photo = opened(forms.questions[LARGE_PHOTO].content)
    with pytest.raises(Failure, match="answers otherwise than Keras"):
        check(forms, LARGE_PHOTO, np.asarray(photo.resize(SMALL_SIZE, Image.Resampling.NEAREST)))
