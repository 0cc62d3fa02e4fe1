"""Reads and cleans a table as a recipe file says; each dropped row is counted under a rule."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vigie.errors import DataError
from vigie.models.document import Rule
from vigie.training.dataset import Dataset

if TYPE_CHECKING:
    from vigie.models.text import Text
    from vigie.recipes.tabular.spec import InputSpec, RuleSpec, TableSpec

FEWEST_ROWS = 50


def read_table(paths: Sequence[Path], separator: str) -> pd.DataFrame:
    """The rows of one or many CSV files (plain or gzip) as one frame, texts untouched."""
    frames = []
    for path in paths:
        try:
            frames.append(pd.read_csv(path, sep=separator, dtype=str, keep_default_na=True))
        except OSError as failure:
            raise DataError(f"{path.name} cannot be read ({failure.strerror or failure})") from None
        except (ValueError, UnicodeDecodeError):
            raise DataError(f"{path.name} is not a CSV file in UTF-8") from None
    if not frames:
        raise DataError("no data file was given; use --data FILE")
    return pd.concat(frames, ignore_index=True)


def files_digest(paths: Sequence[Path]) -> str:
    """One sha256 over the bytes of all files, in their order."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def frame_digest(frame: pd.DataFrame) -> str:
    """The sha256 of a frame's values, for data that comes in no file."""
    return hashlib.sha256(frame.to_csv(index=False).encode()).hexdigest()


def build_dataset(
    spec: TableSpec,
    frame: pd.DataFrame,
    sha256: str,
    source: Text | None = None,
    generated: bool = False,
    earlier: Sequence[Rule] = (),
) -> Dataset:
    """Clean training rows of a raw frame. `earlier` are rules that were applied before."""
    _require_columns(spec, frame)
    rules = list(earlier)
    for rule in spec.clean:
        frame = apply_rule(rule, frame, rules)
    target = _target(spec, frame)
    frame, target = _keep(frame, target, present(target), "missing_target", rules)
    columns = {
        name: _values(item, frame[item.column or name])
        for name, item in spec.inputs.items()
        if (item.column or name) in frame.columns
    }
    usable = _usable(spec, columns, len(frame), rules)
    ids = frame[spec.id] if spec.id else pd.Series(frame.index, index=frame.index)
    return Dataset(
        {name: listed(spec.inputs[name], values[usable]) for name, values in columns.items()},
        target[usable],
        [str(value) for value in ids[usable]],
        source or spec.source,
        sha256,
        tuple(rules),
        generated,
    )


def _usable(
    spec: TableSpec, columns: Mapping[str, pd.Series], rows: int, rules: list[Rule]
) -> np.ndarray:
    """True for the rows of which every value is usable; `DataError` where those are too few."""
    usable = np.ones(rows, bool)
    for name, values in columns.items():
        bad = unusable(spec.inputs[name], values)
        _count(rules, f"unusable_{name}", int((bad & usable).sum()))
        usable &= ~bad
    if usable.sum() < FEWEST_ROWS:
        raise DataError(
            f"only {int(usable.sum())} rows are usable, at least {FEWEST_ROWS} are needed; "
            f"dropped: {', '.join(f'{rule.name} {rule.dropped}' for rule in rules if rule.dropped)}"
        )
    return usable


def _require_columns(spec: TableSpec, frame: pd.DataFrame) -> None:
    needed = {spec.target.column: "target"}
    needed |= {rule.column: f"rule {rule.name}" for rule in spec.clean}
    if spec.id:
        needed[spec.id] = "id"
    for name, item in spec.inputs.items():
        if item.required:
            needed[item.column or name] = f"input {name}"
    for column, use in needed.items():
        if column not in frame.columns:
            raise DataError(f"the data has no column {column} ({use} of the recipe)")


def apply_rule(rule: RuleSpec, frame: pd.DataFrame, rules: list[Rule]) -> pd.DataFrame:
    """The rows of a frame that pass a cleaning rule; adds to `rules` how many did not."""
    if rule.drop == "duplicate":
        bad = frame.duplicated(rule.column, keep="first")
    elif rule.drop == "missing":
        bad = frame[rule.column].isna()
    else:
        numbers = pd.to_numeric(frame[rule.column], errors="coerce")
        low = -np.inf if rule.low is None else rule.low
        high = np.inf if rule.high is None else rule.high
        bad = (numbers < low) | (numbers > high)
    _count(rules, rule.name, int(bad.sum()))
    return frame[~bad]


def _count(rules: list[Rule], name: str, dropped: int) -> None:
    rules.append(Rule(name=name, dropped=dropped))


def _keep(
    frame: pd.DataFrame, target: np.ndarray, keep: np.ndarray, name: str, rules: list[Rule]
) -> tuple[pd.DataFrame, np.ndarray]:
    _count(rules, name, int((~keep).sum()))
    return frame[keep], target[keep]


def _target(spec: TableSpec, frame: pd.DataFrame) -> np.ndarray:
    raw = frame[spec.target.column]
    if spec.task == "classification":
        return raw.where(raw.notna(), None).astype(object).to_numpy()
    numbers = pd.to_numeric(raw, errors="coerce").to_numpy(float) * spec.target.factor
    if spec.target.scale == "log":
        numbers[~(numbers > 0)] = np.nan
    return numbers


def present(target: np.ndarray) -> np.ndarray:
    """Where there is a target: neither `None` nor NaN."""
    if target.dtype == object:
        return np.array([value is not None for value in target], bool)
    present: np.ndarray = np.isfinite(target)
    return present


def _values(item: InputSpec, raw: pd.Series) -> pd.Series:
    if item.type in ("number", "integer"):
        numbers = pd.to_numeric(raw, errors="coerce") * item.factor
        return numbers.round() if item.type == "integer" else numbers
    if item.type == "integer-choice":
        numbers = pd.to_numeric(raw, errors="coerce")
        texts = numbers.map(lambda value: None if pd.isna(value) else str(int(value)))
    else:
        texts = raw.where(raw.notna(), None).astype(object)
    if item.choice_map:
        return texts.map(lambda value: item.choice_map.get(value, value))
    return texts


def unusable(item: InputSpec, values: pd.Series) -> np.ndarray:
    """Rows that a caller could not have sent: a required value is absent, or a limit broken."""
    absent = values.isna().to_numpy()
    bad = absent & item.required
    if item.type in ("number", "integer") and item.limits is not None:
        low, high = item.limits
        numbers = values.to_numpy(float)
        bad |= ~absent & (numbers < (-np.inf if low is None else low))
        bad |= ~absent & (numbers > (np.inf if high is None else high))
    elif item.choice_map and item.policy == "closed":
        bad |= ~absent & ~values.isin(list(item.choice_map.values())).to_numpy()
    return np.asarray(bad, bool)


def listed(item: InputSpec, values: pd.Series) -> list[Any]:
    """The values as callers send them, `None` where absent."""
    kind = {"number": float, "integer": int, "integer-choice": int}.get(item.type, str)
    return [None if pd.isna(value) else kind(value) for value in values]
