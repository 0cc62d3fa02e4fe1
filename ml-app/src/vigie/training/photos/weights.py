"""Where the weights of a base come from: Keras' own download, a file, or random by choice."""

from __future__ import annotations

import hashlib
import re
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import keras

from vigie.errors import ConfigurationError, DataError
from vigie.training.photos.scaling import base_names, maker_of

RANDOM = "random"
OWN_SIZE = 224
"""In the names of Keras' files, of networks that come in several sizes."""
_HDF5 = b"\x89HDF\r\n\x1a\n"
_POINTER = b"version https://git-lfs"
_ADDRESS = re.compile(r"https?://\S+/([\w.-]+\.h5)")
_SUFFIXES = (".h5", ".hdf5")


@dataclass(frozen=True)
class BaseWeights:
    """A base with its weights, without its top; `origin` says to people where they come from."""

    model: keras.Model
    origin: str
    sha256: str
    random: bool = False


def load_base(
    base: str, size: tuple[int, int], weights: str | None, given: Path | None, seed: int
) -> BaseWeights:
    """The base for photos of (height, width), its weights from the first of these that is there.

    `weights` is a file or `random`; `given` (of the settings) a file, or a folder of files by
    Keras' names. Raises `ConfigurationError` or `DataError` with what to put where.
    """
    maker = maker_of(base)
    if weights == RANDOM:
        keras.utils.set_random_seed(seed)
        return _described(_without_top(maker, size), "random weights", random=True)
    file = Path(weights) if weights else _file_in(given, base)
    if file is None:
        return _described(_downloaded(maker, base, size), "Keras' own weights (ImageNet)")
    _check_file(file)
    return _described(_filled(maker, base, size, file), f"the weights of {file.name}")


def _described(model: keras.Model, origin: str, random: bool = False) -> BaseWeights:
    digest = hashlib.sha256()
    for array in model.get_weights():
        digest.update(array.tobytes())
    return BaseWeights(model, origin, digest.hexdigest(), random)


def _without_top(maker: Any, size: tuple[int, int], weights: str | None = None) -> keras.Model:
    try:
        return maker(weights=weights, include_top=False, input_shape=(*size, 3))
    except ValueError as refused:
        if "nput size must be at least" not in str(refused):
            raise
        least = re.findall(r"\d+", str(refused).split("at least")[1])
        raise ConfigurationError(f"this base takes photos of at least {least[0]} pixels") from None


def _file_in(given: Path | None, base: str) -> Path | None:
    """The file of the settings, or that of this base in their folder."""
    if given is None or not given.is_dir():
        return given
    found = [path for path in given.iterdir() if path.suffix in _SUFFIXES]
    mine = [path for path in found if _base_of(path.name) == base]
    if not mine:
        raise ConfigurationError(
            f"there are no weights of {base} in the folder that VIGIE_WEIGHTS names; put Keras' "
            "own file there (its name begins with that of the base), or give --weights FILE"
        )
    return min(mine, key=_preference)


def _base_of(name: str) -> str | None:
    """The base whose weights Keras keeps in files of such a name."""
    plain = _letters(name).removeprefix("weights")
    fitting = [base for base in base_names() if plain.startswith(_letters(base))]
    return max(fitting, key=len, default=None)


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _preference(path: Path) -> tuple[bool, bool, str]:
    plain = _letters(path.name)
    return "notop" not in plain, str(OWN_SIZE) not in plain, path.name


def _check_file(file: Path) -> None:
    try:
        with file.open("rb") as opened:
            start = opened.read(len(_POINTER))
    except OSError as failure:
        raise ConfigurationError(
            f"the weights {file.name} cannot be read ({failure.strerror})"
        ) from None
    if start == _POINTER:
        raise DataError(f"{file.name} is a Git LFS pointer, not the weights: run git lfs pull")
    if not start.startswith(_HDF5):
        raise DataError(f"{file.name} is no file of weights (HDF5, as Keras writes them)")


def _filled(maker: Any, base: str, size: tuple[int, int], file: Path) -> keras.Model:
    """The base with the weights of a file, which may be those with or without the top."""
    model = _without_top(maker, size)
    if _loads(model, file):
        return model
    whole = maker(weights=None, include_top=True)
    if not _loads(whole, file):
        raise DataError(
            f"{file.name} does not hold the weights of {base}: another network, or size"
        )
    # the top is what comes last
    model.set_weights(whole.get_weights()[: len(model.get_weights())])
    return model


def _loads(model: keras.Model, file: Path) -> bool:
    """True where the file filled every weight of the model."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # Keras tells its two formats by the name, and only warns of weights that it leaves random
        named = Path(folder) / f"file{'.h5' if _is_legacy(file) else '.weights.h5'}"
        named.symlink_to(file.resolve())
        warnings.simplefilter("error")
        try:
            model.load_weights(named)
        # what is raised for another network depends on where Keras stumbles
        except Exception:
            return False
    return True


def _is_legacy(file: Path) -> bool:
    """True for weights by the names of layers, as Keras' own downloads are."""
    try:
        with h5py.File(file) as opened:
            return "layer_names" in opened.attrs or "model_weights" in opened
    except OSError:
        return False


def _downloaded(maker: Any, base: str, size: tuple[int, int]) -> keras.Model:
    try:
        return _without_top(maker, size, "imagenet")
    except ConfigurationError:
        raise
    # Keras raises a bare exception where there is no network
    except Exception as failure:
        address = _ADDRESS.search(str(failure))
        name = address[1] if address else f"Keras' file of {base} without its top"
        where = f" ({address[0]})" if address else ""
        raise ConfigurationError(
            f"the weights of {base} cannot be downloaded; fetch {name}{where} where there is a "
            "network and give it by --weights FILE, or put it into the folder that VIGIE_WEIGHTS "
            "names (--weights random trains without any, which is for tests)"
        ) from None
