"""What a `.keras` file may hold and name, tried on hand-made archives without TensorFlow."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vigie.errors import RefusedPackage
from vigie.sandbox.keras_archive import check_config, check_keras_file

Change = Callable[[dict[str, Any]], object]


def layer(kind: str, module: str = "keras.layers", **config: Any) -> dict[str, Any]:
    return {"module": module, "class_name": kind, "config": config, "registered_name": None}


def sequential() -> dict[str, Any]:
    dense = layer("Dense", units=2, activation="relu", kernel_initializer=layer(
        "GlorotUniform", "keras.initializers", seed=None
    ))  # fmt: skip
    words = layer("StringLookup", vocabulary=["a", "/b", "http://c"])
    return {**layer("Sequential", "keras", layers=[words, dense]), "compile_config": {"loss": "x"}}


def archive(path: Path, config: Any = None, **entries: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("metadata.json", "{}")
        made.writestr("config.json", json.dumps(sequential() if config is None else config))
        made.writestr("model.weights.h5", b"never parsed here")
        for name, content in entries.items():
            made.writestr(name, content)
    return path


def test_a_model_of_standard_layers_is_accepted(tmp_path: Path) -> None:
    check_keras_file(archive(tmp_path / "m.keras", **{"assets/layers/words/vocabulary.txt": b"a"}))


CONFIGS: dict[str, tuple[dict[str, Any], str]] = {
    "Lambda": (layer("Lambda"), "keras.layers.Lambda, which is not allowed"),
    "TFSMLayer": (layer("TFSMLayer", filepath="x"), "keras.layers.TFSMLayer"),
    "any module": (layer("system", "os"), "os.system"),
    "helper of Keras": (layer("get_file", "keras.utils"), "keras.utils.get_file"),
    "layer in a wrong module": (layer("Dense", "os.path"), "os.path.Dense"),
    "no module": ({"class_name": "Dense", "config": {}}, "Dense, which is not allowed"),
    "a function": (layer("function", "builtins"), "builtins.function"),
    "marshalled lambda": ({"class_name": "__lambda__", "config": {}}, "__lambda__"),
    "registered class": (
        {**layer("Dense"), "registered_name": "mine>Dense"}, "that somebody registered"
    ),
    "vocabulary in a file": (layer("StringLookup", vocabulary="/etc/passwd"), "read from a file"),
    "a path": (layer("Dense", name="/etc/passwd"), "a file or an address"),
    "an address": (layer("Dense", name="gs://bucket/x"), "a file or an address"),
    "module that is no text": ({"module": ["os"], "class_name": "Dense"}, "not allowed"),
}  # fmt: skip


@pytest.mark.parametrize("case", CONFIGS)
def test_what_a_configuration_must_not_name(tmp_path: Path, case: str) -> None:
    inner, reason = CONFIGS[case]
    config = sequential()
    config["config"]["layers"].append({"deep": [{"er": inner}]})
    with pytest.raises(RefusedPackage, match=reason):
        check_keras_file(archive(tmp_path / "m.keras", config))


def test_legacy_configurations_name_no_module() -> None:
    config = {"class_name": "Sequential", "config": {"layers": [{"class_name": "Dense"}]}}
    check_config(config, "model.h5", legacy=True)
    with pytest.raises(RefusedPackage, match="Lambda"):
        check_config({**config, "x": {"class_name": "Lambda"}}, "model.h5", legacy=True)


def test_a_configuration_nested_without_end_is_refused(tmp_path: Path) -> None:
    nested: Any = {}
    for _ in range(200):
        nested = {"x": nested}
    with pytest.raises(RefusedPackage, match="nested too deeply"):
        check_keras_file(archive(tmp_path / "m.keras", nested))


@pytest.mark.parametrize("name", ["../x", "/x", "assets/../../x", "assets/a\\..\\b"])
def test_an_entry_that_leaves_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(RefusedPackage, match="leaves its folder"):
        check_keras_file(archive(tmp_path / "m.keras", **{name: b""}))


def test_an_entry_that_is_not_of_keras(tmp_path: Path) -> None:
    with pytest.raises(RefusedPackage, match="no part of a Keras model"):
        check_keras_file(archive(tmp_path / "m.keras", **{"code.py": b""}))


def test_a_link(tmp_path: Path) -> None:
    path = archive(tmp_path / "m.keras")
    with zipfile.ZipFile(path, "a") as made:
        link = zipfile.ZipInfo("assets/link")
        link.external_attr = 0o120777 << 16
        made.writestr(link, "/etc/passwd")
    with pytest.raises(RefusedPackage, match="a link or a device"):
        check_keras_file(path)


def test_too_many_entries_and_two_of_one_name(tmp_path: Path) -> None:
    many = {f"assets/{number}": b"" for number in range(201)}
    with pytest.raises(RefusedPackage, match="more than 200"):
        check_keras_file(archive(tmp_path / "many.keras", **many))
    path = archive(tmp_path / "m.keras")
    with zipfile.ZipFile(path, "a") as made, pytest.warns(UserWarning, match="Duplicate"):
        made.writestr("config.json", "{}")
    with pytest.raises(RefusedPackage, match="two entries of one name"):
        check_keras_file(path)


def test_a_bomb(tmp_path: Path) -> None:
    path = archive(tmp_path / "m.keras")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as made:
        made.writestr("assets/zeros", bytes(64 * 2**20))
    with pytest.raises(RefusedPackage, match="far more than it holds"):
        check_keras_file(path)


def test_no_archive_and_no_json(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    path.write_bytes(b"rubbish")
    with pytest.raises(RefusedPackage, match="not a readable Keras archive"):
        check_keras_file(path)
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("config.json", "{}")
    with pytest.raises(RefusedPackage, match=r"has no metadata\.json"):
        check_keras_file(path)
    for content, reason in ((b"{", "not JSON"), (b"[1]", "not an object")):
        with zipfile.ZipFile(path, "w") as made:
            for name in ("metadata.json", "model.weights.h5"):
                made.writestr(name, "{}")
            made.writestr("config.json", content)
        with pytest.raises(RefusedPackage, match=reason):
            check_keras_file(path)
