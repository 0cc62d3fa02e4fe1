"""What a value is, and what an input takes, in words that errors and pages show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vigie.models.model_input import Input

_KINDS = {
    type(None): "nothing", bool: "true or false", int: "integer", float: "number", str: "text",
    list: "list", dict: "object",
}  # fmt: skip


def kind_of(value: Any) -> str:
    """The JSON kind of a value, for people: the value itself is never repeated."""
    return _KINDS.get(type(value), "something else")


def got(value: Any, item: Input) -> str:
    """What came instead of what an input takes; the value itself is never repeated."""
    kind = kind_of(value)
    if type(value) in (int, float) and item.dtype != "string":
        low, high = item.bounds
        if not low <= value <= high:
            return f"{kind} outside the limits"
        if item.integral and not float(value).is_integer():
            return "number with a fraction"
    if item.choices and type(value) in (str, int):
        return f"{kind} that is not a choice"
    return kind


def describe(item: Input) -> str:
    """What an input takes, in one phrase: `integer from 1 to 50`."""
    if item.is_image:
        return 'photo: the file itself, or {"b64": "…"}'
    if item.shape:
        return f"list of shape {list(item.shape)} of {_NOUNS[item.dtype]}s"
    if item.choices and item.choices.closed:
        shown = ", ".join(item.choices.values[:10])
        more = ", …" if len(item.choices.values) > 10 else ""
        phrase = f"one of {shown}{more}"
    elif item.flag:
        phrase = "true or false, 1 or 0"
    else:
        phrase = _NOUNS[item.dtype] + _limits_phrase(item)
    return phrase if item.required else f"{phrase}, or nothing"


def describe_outside(item: Input) -> str:
    """The warning for a value that is allowed but was not seen in training."""
    if item.choices is not None:
        return f"{item.name} has a value that was not seen in training"
    low, high = item.range or (0, 0)
    return f"{item.name} is outside the range seen in training ({low:.6g} to {high:.6g})"


_NOUNS = {"float32": "number", "int64": "integer", "string": "text"}


def _limits_phrase(item: Input) -> str:
    low, high = item.limits or (None, None)
    if low is not None and high is not None:
        return f" from {low:g} to {high:g}"
    if low is not None:
        return f" of at least {low:g}"
    if high is not None:
        return f" of at most {high:g}"
    return ""
