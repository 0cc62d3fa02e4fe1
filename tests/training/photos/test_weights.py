from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from vigie.errors import ConfigurationError, DataError
from vigie.training.photos.weights import load_base

BASE, SIZE = "MobileNetV2", (64, 64)


@pytest.fixture(scope="module")
def whole() -> keras.Model:
    """A base with its top, as Keras' files of 1000 classes have it."""
    keras.utils.set_random_seed(1)
    return keras.applications.MobileNetV2(weights=None)


@pytest.fixture(scope="module")
def folder(whole: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    whole.save_weights(folder / "whole.weights.h5")
    keras.utils.set_random_seed(2)
    bare = keras.applications.MobileNetV2(weights=None, include_top=False, input_shape=(96, 96, 3))
    bare.save_weights(folder / "bare.weights.h5")
    return folder


def first_layer(model: keras.Model) -> np.ndarray:
    return np.asarray(model.get_weights()[0])


def test_weights_with_the_top_are_taken_without_it(folder: Path, whole: keras.Model) -> None:
    loaded = load_base(BASE, SIZE, str(folder / "whole.weights.h5"), None, 7)
    ours = loaded.model.get_weights()
    assert all(
        np.array_equal(one, other)
        for one, other in zip(ours, whole.get_weights()[: len(ours)], strict=True)
    )
    assert loaded.origin == "the weights of whole.weights.h5"
    assert not loaded.random


def test_weights_without_the_top_are_taken_too(folder: Path, whole: keras.Model) -> None:
    loaded = load_base(BASE, SIZE, None, folder / "bare.weights.h5", 7)
    assert not np.array_equal(first_layer(loaded.model), first_layer(whole))
    again = load_base(BASE, SIZE, str(folder / "bare.weights.h5"), None, 8)
    assert loaded.sha256 == again.sha256


def test_weights_of_another_network_are_one_sentence(folder: Path) -> None:
    with pytest.raises(DataError, match=r"whole.weights.h5 does not hold the weights of ResNet50"):
        load_base("ResNet50", SIZE, str(folder / "whole.weights.h5"), None, 7)


def test_a_folder_gives_the_file_of_the_base(folder: Path, tmp_path: Path) -> None:
    for name in ("mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5",
                 "mobilenet_1_0_224_tf_no_top.h5", "resnet50v2_weights_notop.h5"):  # fmt: skip
        (tmp_path / name).symlink_to(folder / "whole.weights.h5")
    loaded = load_base(BASE, SIZE, None, tmp_path, 7)
    assert "mobilenet_v2_weights" in loaded.origin
    with pytest.raises(ConfigurationError, match="no weights of EfficientNetV2B0"):
        load_base("EfficientNetV2B0", SIZE, None, tmp_path, 7)


def test_a_pointer_and_another_file_are_named_as_such(tmp_path: Path) -> None:
    pointer = tmp_path / "pointer.h5"
    pointer.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    with pytest.raises(DataError, match="Git LFS pointer"):
        load_base(BASE, SIZE, str(pointer), None, 7)
    pointer.write_text("hello")
    with pytest.raises(DataError, match="no file of weights"):
        load_base(BASE, SIZE, str(pointer), None, 7)
    with pytest.raises(ConfigurationError, match=r"absent.h5 cannot be read"):
        load_base(BASE, SIZE, str(tmp_path / "absent.h5"), None, 7)


def test_without_a_network_it_is_said_what_to_put_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And random weights never come by themselves."""
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(keras.config, "keras_home", lambda: str(tmp_path), raising=False)
    with pytest.raises(ConfigurationError, match=r"resnet50v2\w*notop.h5.*--weights FILE"):
        load_base("ResNet50V2", SIZE, None, None, 7)


def test_random_weights_are_random_by_the_word_alone_and_the_same_for_a_seed() -> None:
    one, same, other = (load_base(BASE, SIZE, "random", None, seed) for seed in (7, 7, 8))
    assert one.random
    assert one.sha256 == same.sha256 != other.sha256


def test_photos_too_small_for_a_base_are_said_to_be_so() -> None:
    with pytest.raises(ConfigurationError, match="at least 32"):
        load_base(BASE, (16, 16), "random", None, 7)
