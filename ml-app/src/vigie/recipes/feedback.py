"""Answers of earlier versions with their truth, as training rows of a recipe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vigie.errors import DataError
from vigie.models.document import Rule
from vigie.predictionlog.joins import joined_rows
from vigie.recipes.tabular.table import apply_rule, listed, present, unusable
from vigie.registry.client import RegistryClient
from vigie.registry.fetch import document_of
from vigie.training.dataset import Dataset, split

if TYPE_CHECKING:
    from vigie.models.document import PackageDocument
    from vigie.models.model_input import Input
    from vigie.predictionlog.joins import JoinedRow
    from vigie.recipes.catalogue import Recipe
    from vigie.recipes.tabular.spec import TableSpec
    from vigie.settings import Settings
    from vigie.training.plan import Plan

PREFIX = "feedback "
"""Begins the names of the rules that took rows of feedback away."""


def load_feedback(recipe: Recipe, data: Dataset, settings: Settings) -> Dataset:
    """The rows of the prediction log that may be added to the training part of `data`.

    Its rules count what was left out. Raises `ConfigurationError` or `DataError` where the log is
    missing or has no row with inputs and a truth, `RegistryError` where MLflow is away.
    """
    name = recipe.spec.name
    rows = joined_rows(settings, name)
    if all(row.inputs is None for row in rows):
        raise DataError(
            f"{len(rows)} truths are known, but the log kept no inputs: the service runs with "
            "VIGIE_PREDICTION_LOG=outputs; set it to all and wait for new truths"
        )
    client = RegistryClient.of(settings)
    numbers = {row.version for row in rows if row.inputs is not None}
    documents = {number: document_of(client, name, number) for number in sorted(numbers)}
    return feedback_dataset(recipe, rows, documents, data)


def feedback_dataset(
    recipe: Recipe,
    rows: Sequence[JoinedRow],
    documents: Mapping[str, PackageDocument | None],
    data: Dataset,
) -> Dataset:
    """The rows that pass the recipe's rules and are not in `data` already.

    `documents` say of each version in which units its inputs were logged.
    """
    spec, rules = recipe.spec, _Rules()
    training, held_out = split(data)
    rows = _comparable(spec.plan(), rows, documents, rules)
    names = [name for name, values in training.columns.items() if _seen(values)]
    frame = _sift(recipe, _values(spec, names, rows), rules)
    clean = Dataset(
        {
            name: listed(spec.inputs[name], frame[name]) if name in names else [None] * len(frame)
            for name in data.columns
        },
        _target(spec, frame[spec.target.name]),
        [f"feedback {rows[place].request_id} {rows[place].row}" for place in frame.index],
        data.source,
        "",
        generated=data.generated,
    )
    new = clean.take(np.flatnonzero(_is_new(clean, training, held_out, rules)))
    return replace(new, sha256=new.rows_sha256(), rules=tuple(rules.counted))


def _comparable(
    plan: Plan,
    rows: Sequence[JoinedRow],
    documents: Mapping[str, PackageDocument | None],
    rules: _Rules,
) -> Sequence[JoinedRow]:
    """The rows whose inputs were logged, in the units of the recipe."""
    units = {number: _same_units(plan, document) for number, document in documents.items()}
    rows = rules.keep("without inputs", rows, [row.inputs is not None for row in rows])
    return rules.keep("in other units", rows, [units[row.version] for row in rows])


class _Rules:
    """Counts what each rule takes away."""

    def __init__(self) -> None:
        self.counted: list[Rule] = []

    def count(self, name: str, dropped: int) -> None:
        self.counted.append(Rule(name=f"{PREFIX}{name}", dropped=dropped))

    def keep(
        self, name: str, rows: Sequence[JoinedRow], good: Sequence[bool]
    ) -> Sequence[JoinedRow]:
        kept = [row for row, is_good in zip(rows, good, strict=True) if is_good]
        self.count(name, len(rows) - len(kept))
        return kept


def _same_units(plan: Plan, document: PackageDocument | None) -> bool:
    """True where a version took and answered in the units of the recipe.

    An input that the version did not have yet is no difference.
    """
    if document is None or document.task != plan.task:
        return False
    output, target = document.outputs[0], plan.target
    if (output.name, output.unit) != (target.name, target.unit):
        return False
    taken = {item.name: item for item in document.inputs}
    return all(_alike(item, taken.get(item.name, item)) for item in plan.inputs)


def _alike(one: Input, other: Input) -> bool:
    return (one.dtype, one.unit, one.shape) == (other.dtype, other.unit, other.shape)


def _seen(values: Iterable[Any]) -> bool:
    return any(value is not None for value in values)


def _values(spec: TableSpec, names: Sequence[str], rows: Sequence[JoinedRow]) -> pd.DataFrame:
    """The logged inputs and the truth in a recipe's own types, `None` or NaN where absent."""
    frame = pd.DataFrame(index=range(len(rows)))
    for name in names:
        values = [(row.inputs or {}).get(name) for row in rows]
        if spec.inputs[name].type in ("number", "integer"):
            frame[name] = pd.Series(values, dtype=float)
        else:
            # the fill of a text is the empty one
            texts = [None if value in (None, "") else str(value) for value in values]
            frame[name] = pd.Series(texts, dtype=object)
    kind: type = object if spec.task == "classification" else float
    frame[spec.target.name] = pd.Series([row.actual for row in rows], dtype=kind)
    return frame


def _sift(recipe: Recipe, frame: pd.DataFrame, rules: _Rules) -> pd.DataFrame:
    """The rows that pass the recipe's own rules, applied as they are to the data."""
    spec = recipe.spec
    raw, taken = recipe.believable(_as_data(spec, frame))
    for name, dropped in taken.items():
        rules.count(name, dropped)
    for rule in spec.clean:
        # a column that no caller sends cannot be asked
        if rule.column in raw.columns:
            counted: list[Rule] = []
            raw = apply_rule(rule, raw, counted)
            rules.count(rule.name, counted[0].dropped)
    frame = frame.loc[raw.index]
    good = present(_target(spec, frame[spec.target.name]))
    rules.count("unusable truth", int((~good).sum()))
    frame = frame[good]
    for name in frame.columns.intersection([*spec.inputs]):
        bad = unusable(spec.inputs[name], frame[name])
        rules.count(f"unusable_{name}", int(bad.sum()))
        frame = frame[~bad]
    return frame


def _as_data(spec: TableSpec, frame: pd.DataFrame) -> pd.DataFrame:
    """The frame under the names and in the units of the recipe's data."""
    target = spec.target
    columns = {target.column: frame[target.name]}
    if target.factor != 1:
        columns[target.column] = frame[target.name] / target.factor
    for name, item in spec.inputs.items():
        if name in frame.columns:
            values = frame[name]
            columns[item.column or name] = values / item.factor if item.factor != 1 else values
    return pd.DataFrame(columns, index=frame.index)


def _target(spec: TableSpec, values: pd.Series) -> np.ndarray:
    if spec.task == "classification":
        return values.to_numpy(object)
    numbers = values.to_numpy(float).copy()
    if spec.target.scale == "log":
        numbers[~(numbers > 0)] = np.nan
    return numbers


def _is_new(clean: Dataset, training: Dataset, held_out: Dataset, rules: _Rules) -> list[bool]:
    """Which rows are not in the data already, under whatever id, nor twice in the log.

    A row with the inputs of a held-out one is left out whatever its truth: it may be the same
    thing, and the held-out rows must stay unseen.
    """
    labels = set(training.target.tolist())
    tested = {inputs for inputs, _ in _keys(held_out)}
    known = set(_keys(training))
    counts = dict.fromkeys(("held out", "unknown label", "duplicate"), 0)
    new = []
    for inputs, actual in _keys(clean):
        reason = None
        if inputs in tested:
            reason = "held out"
        elif isinstance(actual, str) and actual not in labels:
            reason = "unknown label"
        elif (inputs, actual) in known:
            reason = "duplicate"
        known.add((inputs, actual))
        if reason:
            counts[reason] += 1
        new.append(reason is None)
    for name, dropped in counts.items():
        rules.count(name, dropped)
    return new


def _keys(data: Dataset) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Inputs and truth of each row, for comparison."""
    rows = zip(*data.columns.values(), strict=True)
    yield from zip(rows, data.target.tolist(), strict=True)
