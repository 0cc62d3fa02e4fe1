"""One row at once: most requests have one, and lists of one are slow to look through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vigie.models.number_limits import FLOAT32_MAX, INT64_MAX
from vigie.models.rows import Decoded

if TYPE_CHECKING:
    from vigie.models.model_input import Input, Scalar
    from vigie.models.rows import Columns

_ABSENT = object()


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a value of one input must be to need no second look."""

    name: str
    text: bool
    integral: bool
    low: float
    high: float
    known: frozenset[str] | None
    optional: bool
    fill: Scalar | None
    indicator: str | None


class SingleRow:
    """Takes rows without an error or a warning; all others are left to `RowDecoder`."""

    def __init__(self, inputs: Sequence[Input]) -> None:
        self._possible = not any(item.shape for item in inputs)
        self._plans = [_plan(item) for item in inputs]

    def decode(self, row: Mapping[str, Any]) -> Decoded | None:
        """A good row that is like those seen in training; `None` for any other."""
        if not self._possible:
            return None
        columns: Columns = {}
        missing: dict[str, int] = {}
        named = 0
        for plan in self._plans:
            name = plan.name
            value = row.get(name, _ABSENT)
            if value is not _ABSENT:
                named += 1
            if value is None or value is _ABSENT:
                if not plan.optional:
                    return None
                columns[name] = [plan.fill]
                missing[name] = 1
                if plan.indicator is not None:
                    columns[plan.indicator] = [1.0]
                continue
            good = _text(value, plan) if plan.text else _number(value, plan)
            if good is None:
                return None
            columns[name] = [good]
            if plan.indicator is not None:
                columns[plan.indicator] = [0.0]
        # a name that no input has is an error
        return Decoded(1, columns, {}, missing) if named == len(row) else None


def _number(value: Any, plan: _Plan) -> int | float | None:
    kind = type(value)
    # a NaN is outside every range
    if (kind is float or kind is int) and plan.low <= value <= plan.high:
        if not plan.integral or kind is int:
            return value  # type: ignore[no-any-return]
        if value.is_integer():
            return int(value)
    return None


def _text(value: Any, plan: _Plan) -> str | None:
    kind = type(value)
    if plan.integral:
        # Python refuses to write numbers with thousands of digits
        if kind is not int or plan.known is None or not -INT64_MAX <= value <= INT64_MAX:
            return None
        value = str(value)
    elif kind is not str:
        return None
    return value if plan.known is None or value in plan.known else None


def _plan(item: Input) -> _Plan:
    low, high = item.bounds
    seen_low, seen_high = item.range or (-FLOAT32_MAX, FLOAT32_MAX)
    return _Plan(
        name=item.name,
        text=item.tensor == "string",
        integral=item.integral,
        low=max(low, seen_low),
        high=min(high, seen_high),
        known=frozenset(item.choices.values) if item.choices else None,
        optional=not item.required,
        fill=item.missing.fill if item.missing else None,
        indicator=item.missing.indicator if item.missing else None,
    )
