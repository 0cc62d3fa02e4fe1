"""Whether callers of one version can go on with another: what breaks them, field by field."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vigie.models.document import PackageDocument
    from vigie.models.model_input import Input
    from vigie.models.model_output import Output


def breaking_changes(old: PackageDocument, new: PackageDocument) -> list[str]:
    """What callers of `old` would stumble over in `new`, one sentence each; empty is compatible."""
    found = [] if old.task == new.task else [f"the task {old.task} became {new.task}"]
    taken = {item.name: item for item in new.inputs}
    known = {item.name for item in old.inputs}
    for before in old.inputs:
        after = taken.get(before.name)
        found += [f"input {before.name} is gone"] if after is None else _input(before, after)
    found += [
        f"input {item.name} is new and required"
        for item in new.inputs
        if item.name not in known and item.required
    ]
    answered = {output.name: output for output in new.shown_outputs}
    for place, output in enumerate(old.shown_outputs):
        other = answered.get(output.name)
        if other is None:
            found.append(f"output {output.name} is gone")
        else:
            found += _output(output, other, labelled=old.task == "classification" and place == 0)
    found += _labels(old.labels, new.labels)
    if old.interval and not new.interval:
        found.append("the answers have no interval any more")
    if old.neighbours and not new.neighbours:
        found.append("the answers have no neighbours any more")
    return found


def harmless_changes(old: PackageDocument, new: PackageDocument) -> list[str]:
    """What differs in the signature and breaks no caller, one sentence each."""
    known = {item.name: item for item in old.inputs}
    found = []
    for item in new.inputs:
        before = known.get(item.name)
        if before is None:
            if not item.required:
                found.append(f"input {item.name} is new and optional")
        else:
            found += _wider(before, item)
    answered = {output.name for output in old.shown_outputs}
    found += [f"output {o.name} is new" for o in new.shown_outputs if o.name not in answered]
    found += [f"label {label} is new" for label in new.labels if label not in old.labels]
    if old.engine != new.engine:
        found.append(f"the engine {old.engine} became {new.engine}")
    if new.interval and not old.interval:
        found.append("the answers have an interval now")
    if new.neighbours and not old.neighbours:
        found.append("the answers have neighbours now")
    return found


def _input(before: Input, after: Input) -> list[str]:
    name = f"input {before.name}"
    found = []
    if after.required and not before.required:
        found.append(f"{name} became required")
    if before.dtype != after.dtype:
        found.append(f"{name}: {before.dtype} became {after.dtype}")
    if before.shape != after.shape:
        found.append(f"{name}: shape {_shape(before)} became {_shape(after)}")
    if before.unit != after.unit:
        found.append(f"{name}: unit {before.unit or 'none'} became {after.unit or 'none'}")
    (low, high), (new_low, new_high) = before.bounds, after.bounds
    if new_low > low or new_high < high:
        found.append(f"{name}: limits {_limits(before)} became {_limits(after)}")
    return found + _choices(before, after)


def _choices(before: Input, after: Input) -> list[str]:
    if after.choices is None or not after.choices.closed:
        return []
    if before.choices is None or not before.choices.closed:
        return [f"input {before.name} takes nothing but its choices now"]
    gone = [value for value in before.choices.values if value not in after.choices.values]
    return [f"input {before.name} takes {', '.join(gone)} no more"] if gone else []


def _output(before: Output, after: Output, labelled: bool) -> list[str]:
    name = f"output {before.name}"
    found = []
    # the number of labels is told by the labels themselves
    if before.shape != after.shape and not labelled:
        found.append(f"{name}: shape {_shape(before)} became {_shape(after)}")
    if before.unit != after.unit:
        found.append(f"{name}: unit {before.unit or 'none'} became {after.unit or 'none'}")
    return found


def _labels(old: tuple[str, ...], new: tuple[str, ...]) -> list[str]:
    if gone := [label for label in old if label not in new]:
        return [f"label {', '.join(gone)} is gone"]
    # callers of the tensor dialects read labels by their place
    return [] if new[: len(old)] == old else ["the labels changed their order"]


def _wider(before: Input, after: Input) -> list[str]:
    found = []
    if before.required and not after.required:
        found.append(f"input {before.name} became optional")
    (low, high), (new_low, new_high) = before.bounds, after.bounds
    if new_low < low or new_high > high:
        found.append(f"input {before.name}: limits {_limits(before)} became {_limits(after)}")
    if before.range != after.range:
        found.append(f"input {before.name}: range {_range(before)} became {_range(after)}")
    known = before.choices.values if before.choices else ()
    new = [v for v in (after.choices.values if after.choices else ()) if v not in known]
    return found + ([f"input {before.name} knows {', '.join(new)} too"] if new else [])


def _shape(field: Input | Output) -> str:
    return "x".join(str(size) for size in field.shape) or "single"


def _limits(item: Input) -> str:
    low, high = item.limits or (None, None)
    return f"{'any' if low is None else f'{low:g}'} to {'any' if high is None else f'{high:g}'}"


def _range(item: Input) -> str:
    return "none" if item.range is None else f"{item.range[0]:g} to {item.range[1]:g}"
