"""The outputs of somebody's ONNX graph: which are served, and what its classes are called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx

from vigie.errors import DataError
from vigie.models.model_output import best_labels
from vigie.sandbox.graph_parts import shown
from vigie.training.imported.inputs import safe_name

_PASSES_ON = frozenset({"Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"})
_MOST_STEPS = 20


@dataclass(frozen=True)
class Served:
    """An output of the package: the values in the graph that it is made of, and what they answered.

    Several values are one number each, of one class after another. `both` where the one value is
    the probability of the second of two classes.
    """

    name: str
    values: tuple[str, ...]
    answers: tuple[np.ndarray, ...]
    both: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of what the first value answered, without the rows."""
        return self.answers[0].shape[1:]

    def expected(self) -> np.ndarray:
        """What the package has to answer: float32 [rows, 1] or [rows, …]."""
        parts = [each.astype(np.float32) for each in self.answers]
        parts = [each.reshape(-1, 1) if each.ndim == 1 else each for each in parts]
        if self.both:
            parts = [1 - parts[0], *parts]
        return parts[0] if len(parts) == 1 else np.hstack(parts)


def check_outputs(graph: onnx.GraphProto) -> None:
    """Refuses outputs that are neither tensors nor what `ZipMap` makes of one."""
    makers = _makers(graph)
    for value in graph.output:
        kind = value.type.WhichOneof("value") or "value"
        maker = makers.get(value.name)
        if maker is None:
            raise DataError(f"the graph does not make its output {shown(value.name)}")
        if kind not in ("tensor_type", "value") and maker.op_type != "ZipMap":
            what = kind.removesuffix("_type").replace("_", " ")
            raise DataError(
                f"the output {shown(value.name)} is no tensor ({what}), nor what ZipMap gives: "
                "scores per class"
            )


def choose_outputs(
    graph: onnx.GraphProto, answers: Mapping[str, Any], rows: int, labels: tuple[str, ...]
) -> tuple[tuple[str, ...], list[Served]]:
    """The labels, given or found, and the outputs to serve: of a classification its scores."""
    makers = _makers(graph)
    numbers: list[Served] = []
    texts = []
    for name, answer in answers.items():
        if makers[name].op_type == "ZipMap":
            keys = _class_values(makers[name])
            scores = np.array([[row[key] for key in keys] for row in answer])
            numbers.append(Served(safe_name(name), (makers[name].input[0],), (scores,)))
        elif answer.dtype == object:
            texts.append(name)
        else:
            numbers.append(Served(safe_name(name), (name,), (answer,)))
    for served in numbers:
        if served.answers[0].shape[:1] != (rows,):
            raise DataError(f"the output {shown(served.name)} does not give one answer per row")
    if labels:
        return labels, [_scores(numbers, labels, "--labels names")]
    if named := next(_named_classes(graph, answers), None):
        output, found = named
        chosen = _scores(numbers, found, "the graph has")
        _check_order(chosen, found, answers[output])
        return found, [chosen]
    if texts:
        raise DataError(f"the output {shown(texts[0])} is text; name its classes with --labels")
    return (), numbers


def _named_classes(
    graph: onnx.GraphProto, answers: Mapping[str, Any]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The outputs behind which the graph names two classes or more, and these."""
    makers = _makers(graph)
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for name in answers:
        found = _class_names(makers, constants, name)
        if len(found) > 1:
            yield name, found


def _check_order(served: Served, labels: tuple[str, ...], answer: Any) -> None:
    """Refuses labels that the graph itself answers otherwise, on most rows."""
    if isinstance(answer, np.ndarray) and not np.issubdtype(answer.dtype, np.floating):
        own = [_text(value) for value in answer.reshape(-1).tolist()]
        best = best_labels(labels, served.expected())
        if sum(a != b for a, b in zip(own, best, strict=False)) > len(best) / 2:
            raise DataError(
                "the scores of the graph do not fit the labels that it answers; give --labels in "
                "the order of its scores"
            )


def named_apart(outputs: Sequence[Served], taken: set[str]) -> list[Served]:
    """The same outputs, none named as another one or as an input."""
    taken, found = set(taken), []
    for served in outputs:
        name = served.name
        while name in taken:
            name = f"output_{name}"
        taken.add(name)
        found.append(replace(served, name=name))
    return found


def _scores(numbers: Sequence[Served], labels: tuple[str, ...], whose: str) -> Served:
    """The output with a score for each label."""
    floats = [each for each in numbers if np.issubdtype(each.answers[0].dtype, np.floating)]
    fitting = [each for each in floats if each.shape == (len(labels),)]
    if fitting:
        return min(fitting, key=lambda each: "prob" not in each.name)
    single = [each for each in floats if each.shape in ((), (1,))]
    if len(single) == len(labels):
        values = tuple(value for each in single for value in each.values)
        return Served("probabilities", values, tuple(each.answers[0] for each in single))
    if len(labels) != 2 or len(single) != 1:
        raise DataError(f"{whose} {len(labels)} labels, and no output has a score for each of them")
    (chosen,) = single
    if (chosen.answers[0] < 0).any() or (chosen.answers[0] > 1).any():
        raise DataError(
            f"the output {shown(chosen.name)} is one number and no probability, below 0 or above "
            "1; end the model with a sigmoid, or export its probabilities"
        )
    return replace(chosen, both=True)


def _class_names(
    makers: Mapping[str, onnx.NodeProto], constants: Mapping[str, onnx.TensorProto], name: str
) -> tuple[str, ...]:
    """The classes that the operator behind an output names; empty where it names none."""
    for _ in range(_MOST_STEPS):
        node = makers.get(name)
        if node is None:
            return ()
        if values := _class_values(node):
            return _unique([_text(value) for value in values])
        if node.op_type == "ArrayFeatureExtractor" and node.input[0] in constants:
            array = onnx.numpy_helper.to_array(constants[node.input[0]])
            return _unique([_text(value) for value in array.reshape(-1).tolist()])
        if node.op_type not in _PASSES_ON:
            return ()
        name = node.input[0]
    return ()


def _class_values(node: onnx.NodeProto) -> list[str] | list[int]:
    """The classes in the attributes of an operator, in the order of its scores."""
    for attribute in node.attribute:
        if attribute.name == "classlabels_strings":
            return [_text(value) for value in attribute.strings]
        if attribute.name.startswith("classlabels_"):
            return list(attribute.ints)
    return []


def _unique(names: list[str]) -> tuple[str, ...]:
    return tuple(names) if len(set(names)) == len(names) else ()


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return f"{value:g}" if isinstance(value, float) else str(value)


def _makers(graph: onnx.GraphProto) -> dict[str, onnx.NodeProto]:
    return {name: node for node in graph.node for name in node.output}
