"""Small hand-made packages for tests: real graphs, real manifests, no TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import orjson
from onnx import TensorProto, helper

from vigie.engines.onnx import OnnxEngine
from vigie.engines.predictor import Predictor, open_predictor
from vigie.models.decoding import RowDecoder
from vigie.models.document import PackageDocument
from vigie.models.feeds import feeds_of
from vigie.models.manifest import write_manifest
from vigie.models.model_input import Input
from vigie.models.package import read_package
from vigie.models.profile import Profile, build_profile
from vigie.models.reference_rows import write_arrays
from vigie.registry.cache import ModelCache

PRICE_PER_M2 = 3000.0

HOUSING_INPUTS: list[dict[str, Any]] = [
    {
        "name": "surface_m2",
        "label": {"en": "Living area", "fr": "Surface habitable"},
        "dtype": "float32",
        "tensor": "float32",
        "unit": "m²",
        "limits": [9, 1000],
        "range": [12, 240],
        "example": 54.0,
    },
    {
        "name": "rooms",
        "label": {"en": "Rooms", "fr": "Pièces"},
        "dtype": "int64",
        "tensor": "float32",
        "limits": [1, 50],
        "range": [1, 9],
        "example": 3,
    },
    {
        "name": "property_type",
        "label": {"en": "Kind of home", "fr": "Type de bien"},
        "dtype": "string",
        "tensor": "string",
        "choices": {
            "values": ["apartment", "house"],
            "policy": "closed",
            "labels": {
                "apartment": {"en": "Flat", "fr": "Appartement"},
                "house": {"en": "House", "fr": "Maison"},
            },
        },
        "example": "apartment",
    },
    {
        "name": "land_m2",
        "label": {"en": "Land", "fr": "Terrain"},
        "dtype": "float32",
        "tensor": "float32",
        "unit": "m²",
        "required": False,
        "missing": {"fill": 100.0, "indicator": "land_m2__missing"},
        "limits": [0, 100000],
        "range": [10, 5000],
        "help": {"en": "Empty for a flat.", "fr": "Vide pour un appartement."},
        "example": None,
    },
    {
        "name": "district",
        "label": {"en": "District", "fr": "Quartier"},
        "dtype": "int64",
        "tensor": "string",
        "required": False,
        "missing": {"fill": ""},
        "choices": {"values": ["1", "2", "3"], "policy": "open"},
        "example": 2,
    },
]


def housing_document(name: str = "housing", factor: float = 1.0) -> dict[str, Any]:
    """A regression with every kind of scalar input; the answer grows with the surface."""
    return {
        "format": 1,
        "name": name,
        "title": {"en": "Home price", "fr": "Prix d'un logement"},
        "task": "regression",
        "inputs": HOUSING_INPUTS,
        "outputs": [
            {
                "name": "price_eur",
                "label": {"en": "Price", "fr": "Prix"},
                "tensor": "price_eur",
                "unit": "EUR",
                "decimals": 2,
            }
        ],
        "provenance": {"source": "made for a test", "generated": True, "rows": 100},
        "metrics": {"mae": 10000.0 * factor},
    }


def homes_profile() -> Profile:
    """A profile of some homes, for `housing_document`."""
    rng = np.random.default_rng(1)
    columns: dict[str, Any] = {
        "surface_m2": rng.uniform(20, 200, 1000).tolist(),
        "rooms": rng.integers(1, 9, 1000).tolist(),
        "property_type": rng.choice(["apartment", "house"], 1000).tolist(),
        "land_m2": rng.uniform(10, 4000, 1000).tolist(),
        "district": rng.integers(1, 4, 1000).tolist(),
    }
    inputs = [Input.model_validate(item) for item in HOUSING_INPUTS]
    return build_profile(inputs, columns, rng.uniform(6e4, 6e5, 1000))


def iris_document(name: str = "iris") -> dict[str, Any]:
    """A classification of four numbers."""
    names = ["sepal_length_cm", "sepal_width_cm", "petal_length_cm", "petal_width_cm"]
    return {
        "format": 1,
        "name": name,
        "title": {"en": "Iris species", "fr": "Espèce d'iris"},
        "task": "classification",
        "inputs": [
            {
                "name": item,
                "label": item.replace("_", " "),
                "dtype": "float32",
                "tensor": "float32",
                "limits": [0, 20],
                "range": [0.1, 8],
                "example": 1.5,
            }
            for item in names
        ],
        "outputs": [
            {
                "name": "probabilities",
                "label": "Probabilities",
                "tensor": "probabilities",
                "shape": [3],
                "decimals": 6,
            }
        ],
        "labels": ["setosa", "versicolor", "virginica"],
        "provenance": {"source": "made for a test", "rows": 150},
    }


def housing_graph(factor: float = 1.0) -> onnx.ModelProto:
    """price = factor * 3000 * surface + 1000 * rooms + a look-up of the texts + 7 * land."""
    texts = {"apartment": 0, "house": 1}
    nodes = [
        _lookup("property_type", texts, "kind"),
        _lookup("district", {"1": 1, "2": 2, "3": 3}, "area"),
        helper.make_node("Cast", ["kind"], ["kind_f"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["area"], ["area_f"], to=TensorProto.FLOAT),
        helper.make_node(
            "Concat",
            ["surface_m2", "rooms", "kind_f", "area_f", "land_m2", "land_m2__missing"],
            ["all"],
            axis=1,
        ),
        helper.make_node("MatMul", ["all", "weights"], ["price_eur"]),
    ]
    weights = np.array([[factor * PRICE_PER_M2], [1000], [20000], [500], [7], [-700]], np.float32)
    inputs = [
        helper.make_tensor_value_info(name, kind, [None, 1])
        for name, kind in (
            ("surface_m2", TensorProto.FLOAT),
            ("rooms", TensorProto.FLOAT),
            ("property_type", TensorProto.STRING),
            ("land_m2", TensorProto.FLOAT),
            ("land_m2__missing", TensorProto.FLOAT),
            ("district", TensorProto.STRING),
        )
    ]
    return _model(nodes, inputs, "price_eur", [None, 1], {"weights": weights})


def slow_housing_graph(width: int = 1500) -> onnx.ModelProto:
    """The same answers, after a detour through wide matrices."""
    model = housing_graph()
    last = model.graph.node[-1]
    last.output[0] = "plain"
    model.graph.node.extend(
        [
            helper.make_node("MatMul", ["plain", "wide"], ["stretched"]),
            helper.make_node("MatMul", ["stretched", "square"], ["turned"]),
            helper.make_node("MatMul", ["turned", "narrow"], ["nothing"]),
            helper.make_node("Add", ["plain", "nothing"], ["price_eur"]),
        ]
    )
    shapes = {"wide": (1, width), "square": (width, width), "narrow": (width, 1)}
    model.graph.initializer.extend(
        onnx.numpy_helper.from_array(np.zeros(shape, np.float32), name)
        for name, shape in shapes.items()
    )
    return model


def flooding_housing_graph(numbers: int = 2**32) -> onnx.ModelProto:
    """The same answers, if there is room for so many numbers on the way."""
    model = housing_graph()
    model.graph.node[-1].output[0] = "plain"
    model.graph.node.extend(
        [
            helper.make_node("ConstantOfShape", ["size"], ["flood"]),
            helper.make_node("ReduceMax", ["flood"], ["drop"], keepdims=0),
            helper.make_node("Add", ["plain", "drop"], ["price_eur"]),
        ]
    )
    size = onnx.numpy_helper.from_array(np.array([numbers], np.int64), "size")
    model.graph.initializer.append(size)
    return model


def patient_housing_graph(turns: int, width: int = 256, factor: float = 1.0) -> onnx.ModelProto:
    """The same answers, after so many turns of a matrix: the time grows with turns and rows."""
    model = housing_graph(factor)
    last = model.graph.node[-1]
    last.output[0] = "plain"
    value = helper.make_tensor_value_info
    body = helper.make_graph(
        [
            helper.make_node("MatMul", ["state", "square"], ["turned"]),
            helper.make_node("Identity", ["on"], ["still_on"]),
        ],
        "turn",
        [
            value("turn", TensorProto.INT64, []),
            value("on", TensorProto.BOOL, []),
            value("state", TensorProto.FLOAT, None),
        ],
        [value("still_on", TensorProto.BOOL, []), value("turned", TensorProto.FLOAT, None)],
    )
    model.graph.node.extend(
        [
            helper.make_node("MatMul", ["plain", "wide"], ["stretched"]),
            helper.make_node("Loop", ["turns", "yes", "stretched"], ["ended"], body=body),
            helper.make_node("MatMul", ["ended", "narrow"], ["nothing"]),
            helper.make_node("Add", ["plain", "nothing"], ["price_eur"]),
        ]
    )
    shapes = {"wide": (1, width), "square": (width, width), "narrow": (width, 1)}
    constants = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    constants |= {"turns": np.array(turns, np.int64), "yes": np.array(True)}
    model.graph.initializer.extend(
        onnx.numpy_helper.from_array(array, name) for name, array in constants.items()
    )
    return model


def iris_graph() -> onnx.ModelProto:
    """A linear softmax of four numbers."""
    names = ["sepal_length_cm", "sepal_width_cm", "petal_length_cm", "petal_width_cm"]
    rng = np.random.default_rng(3)
    nodes = [
        helper.make_node("Concat", names, ["all"], axis=1),
        helper.make_node("MatMul", ["all", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [None, 1]) for n in names]
    weights = rng.normal(size=(4, 3)).astype(np.float32)
    return _model(nodes, inputs, "probabilities", [None, 3], {"weights": weights})


def _lookup(name: str, table: dict[str, int], output: str) -> onnx.NodeProto:
    return helper.make_node(
        "LabelEncoder",
        [name],
        [output],
        domain="ai.onnx.ml",
        keys_strings=list(table),
        values_int64s=list(table.values()),
        default_int64=-1,
    )


def _model(
    nodes: list[onnx.NodeProto],
    inputs: list[onnx.ValueInfoProto],
    output: str,
    shape: list[int | None],
    weights: dict[str, np.ndarray],
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "test",
        inputs,
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, shape)],
        [onnx.numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 2)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


HOUSING_ROWS: list[dict[str, Any]] = [
    {"surface_m2": 54.0, "rooms": 3, "property_type": "apartment"},
    {"surface_m2": 120.5, "rooms": 5, "property_type": "house", "land_m2": 400, "district": 2},
]
IRIS_ROWS: list[dict[str, Any]] = [
    {
        "sepal_length_cm": 5.1,
        "sepal_width_cm": 3.5,
        "petal_length_cm": 1.4,
        "petal_width_cm": 0.2,
    }
]


def write_package(
    root: Path,
    document: dict[str, Any],
    graph: onnx.ModelProto,
    rows: list[dict[str, Any]],
    profile: Profile | None = None,
) -> str:
    """Writes a whole package; its golden answers are those of the graph. Gives its digest."""
    (root / "vigie").mkdir(parents=True)
    (root / "vigie" / "package.json").write_bytes(orjson.dumps(document))
    onnx.save(graph, root / "vigie" / "model.onnx")
    checked = PackageDocument.model_validate(document)
    decoded = RowDecoder(checked.inputs).decode(rows)
    tensors = OnnxEngine(root / "vigie" / "model.onnx").run(
        feeds_of(checked.inputs, decoded.columns)
    )
    outputs = {
        output.name: tensors[output.tensor].reshape(-1, *output.shape).tolist()
        for output in checked.outputs
    }
    golden = {"rows": _without_arrays(root, rows), "outputs": outputs}
    (root / "vigie" / "golden.json").write_bytes(orjson.dumps(golden))
    if profile is not None:
        (root / "vigie" / "profile.json").write_text(profile.model_dump_json())
    (root / "MLmodel").write_text("flavors: {}\n")
    return write_manifest(root)


def _without_arrays(root: Path, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows without what is an array; those lie beside them, as photos do."""
    large = [name for name, value in rows[0].items() if isinstance(value, np.ndarray)]
    if large:
        arrays = {name: np.stack([row[name] for row in rows]) for name in large}
        write_arrays(root / "vigie" / "golden.npz", arrays)
    return [{name: row[name] for name in row if name not in large} for row in rows]


def keep_held_out(root: Path, count: int = 40, factor: float = 1.0) -> str:
    """Adds rows with the prices that `housing_graph(factor)` would be right about; the digest."""
    rng = np.random.default_rng(5)
    surfaces = rng.uniform(20, 150, count).round(1).tolist()
    rooms = rng.integers(1, 6, count).tolist()
    rows = [
        {"surface_m2": surface, "rooms": number, "property_type": "apartment"}
        for surface, number in zip(surfaces, rooms, strict=True)
    ]
    prices = factor * PRICE_PER_M2 * np.array(surfaces) + 1000.0 * np.array(rooms)
    noise = rng.normal(0, 0.05, count) * prices
    held_out = {"rows": rows, "actual": (prices + noise).tolist()}
    (root / "vigie" / "held_out.json").write_bytes(orjson.dumps(held_out))
    return write_manifest(root)


def open_housing(
    root: Path, factor: float = 1.0, slow: bool = False, held_out: bool = False
) -> Predictor:
    """Writes and opens a version; with `held_out` rows, it is right about them at a factor of 1."""
    graph = slow_housing_graph() if slow else housing_graph(factor)
    write_package(root, housing_document(factor=factor), graph, HOUSING_ROWS)
    if held_out:
        keep_held_out(root)
    return open_predictor(read_package(root, ""))


def half_plus_two_document() -> dict[str, Any]:
    """One number in, one number out: the model of TensorFlow Serving's documentation."""
    return tensor_document("half_plus_two", {"x": ("float32", [])}, {"y": []}, {"x": 1.0})


def half_plus_two_graph() -> onnx.ModelProto:
    """y = x / 2 + 2."""
    nodes = [
        helper.make_node("Mul", ["x", "half"], ["halved"]),
        helper.make_node("Add", ["halved", "two"], ["y"]),
    ]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 1])]
    weights = {"half": np.array([[0.5]], np.float32), "two": np.array([[2]], np.float32)}
    return _model(nodes, inputs, "y", [None, 1], weights)


def sensors_document() -> dict[str, Any]:
    """A text, a list and a matrix in, two named tensors out."""
    inputs = {"tag": ("string", []), "signal": ("float32", [5]), "sensor": ("int64", [2, 2])}
    example = {"tag": "foo", "signal": [1, 2, 3, 4, 5], "sensor": [[1, 2], [3, 4]]}
    return tensor_document("sensors", inputs, {"doubled": [5], "kind": []}, example)


def sensors_graph() -> onnx.ModelProto:
    """doubled = 2 * signal; kind = 100 for `foo`, 200 for `bar`, plus the first sensor."""
    nodes = [
        helper.make_node("Add", ["signal", "signal"], ["doubled"]),
        _lookup("tag", {"foo": 100, "bar": 200}, "code"),
        helper.make_node("Cast", ["code"], ["number"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["sensor"], ["sensed"], to=TensorProto.FLOAT),
        helper.make_node("Slice", ["sensed", "zeros", "ones", "axes"], ["corner"]),
        helper.make_node("Reshape", ["corner", "column"], ["first"]),
        helper.make_node("Add", ["number", "first"], ["kind"]),
    ]
    inputs = [
        helper.make_tensor_value_info("tag", TensorProto.STRING, [None, 1]),
        helper.make_tensor_value_info("signal", TensorProto.FLOAT, [None, 5]),
        helper.make_tensor_value_info("sensor", TensorProto.INT64, [None, 2, 2]),
    ]
    weights = {
        "zeros": np.array([0, 0]),
        "ones": np.array([1, 1]),
        "axes": np.array([1, 2]),
        "column": np.array([-1, 1]),
    }
    model = _model(nodes, inputs, "kind", [None, 1], weights)
    doubled = helper.make_tensor_value_info("doubled", TensorProto.FLOAT, [None, 5])
    model.graph.output.append(doubled)
    return model


def tensor_document(
    name: str,
    inputs: dict[str, tuple[str, list[int]]],
    outputs: dict[str, list[int]],
    example: dict[str, Any],
) -> dict[str, Any]:
    """A document of tensors without limits: inputs by dtype and shape, outputs by shape."""
    return {
        "format": 1,
        "name": name,
        "title": name,
        "task": "regression",
        "inputs": [
            {
                "name": item,
                "label": item,
                "dtype": dtype,
                "tensor": dtype,
                "shape": shape,
                "example": example[item],
            }
            for item, (dtype, shape) in inputs.items()
        ],
        "outputs": [
            {"name": output, "label": output, "tensor": output, "shape": shape}
            for output, shape in outputs.items()
        ],
        "provenance": {"source": "made for a test"},
    }


def install_tensor_models(cache: ModelCache) -> None:
    """Puts `half_plus_two` and `sensors` into a cache."""
    for document, graph in (
        (half_plus_two_document(), half_plus_two_graph()),
        (sensors_document(), sensors_graph()),
    ):
        name = document["name"]
        with cache.lock(name) as incoming:
            example = {item["name"]: item["example"] for item in document["inputs"]}
            digest = write_package(incoming, document, graph, [example])
            cache.install(name, incoming, digest, "123", "run")
            cache.point(name, digest)


def install(
    cache: ModelCache,
    name: str,
    version: str = "1",
    factor: float = 1.0,
    document: Any = None,
    graph: onnx.ModelProto | None = None,
    profile: Profile | None = None,
) -> str:
    """Puts a test package into a cache as the champion. Gives its digest."""
    iris = name == "iris"
    with cache.lock(name) as incoming:
        digest = write_package(
            incoming,
            document or (iris_document() if iris else housing_document(name, factor)),
            graph or (iris_graph() if iris else housing_graph(factor)),
            IRIS_ROWS if iris else HOUSING_ROWS,
            profile,
        )
        cache.install(name, incoming, digest, version, f"run{version}")
        cache.point(name, digest)
    return digest
