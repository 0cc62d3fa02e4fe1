"""Truths: checked, stored at once, and held against what is known of their predictions."""

from __future__ import annotations

import math
import re
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import orjson
from sqlalchemy import Connection, select

from vigie.errors import FieldError, InvalidInput
from vigie.models.number_limits import FLOAT32_MAX
from vigie.models.wording import kind_of
from vigie.predictionlog.database import explained
from vigie.predictionlog.entry import TRUTH_LABEL
from vigie.predictionlog.tables import predictions, served_versions, truths

if TYPE_CHECKING:
    from vigie.predictionlog.database import Database
    from vigie.predictionlog.metrics import FeedbackMetrics

StoreOutcome = Literal["stored", "duplicate", "conflict"]
Key = tuple[str, int]

MOST_ERRORS = 20
_IDS_AT_ONCE = 500
_LABEL = re.compile(TRUTH_LABEL)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_MEMBERS = frozenset({"request_id", "row", "actual"})
_MOST_ROW = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Truth:
    """What turned out to be true for one row of one request: a number or a label."""

    request_id: str
    row: int
    actual: float | str

    @property
    def key(self) -> Key:
        """What it is about."""
        return self.request_id, self.row

    @property
    def columns(self) -> dict[str, Any]:
        """Its columns in the table."""
        value, label = (None, self.actual) if isinstance(self.actual, str) else (self.actual, None)
        return {"request_id": self.request_id, "row": self.row, "value": value, "label": label}


@dataclass(frozen=True, slots=True)
class Stored:
    """A truth and what became of it."""

    truth: Truth
    outcome: StoreOutcome


def read_truths(items: Sequence[Any], most: int) -> list[Truth]:
    """The truths of a body's objects; `InvalidInput` names what is wrong with which."""
    if not 1 <= len(items) <= most:
        raise InvalidInput(f"Send 1 to {most} truths at once.")
    wrong = [error for index, item in enumerate(items) if (error := _wrong(index, item))]
    if wrong:
        raise InvalidInput("A truth is not as it should be.", tuple(wrong[:MOST_ERRORS]))
    return [Truth(item["request_id"], int(item.get("row", 0)), _actual(item)) for item in items]


def _wrong(index: int, item: Any) -> FieldError | None:
    if type(item) is not dict:
        return FieldError(index, "", "object", kind_of(item))
    if unknown := next((name for name in item if name not in _MEMBERS), None):
        return FieldError(index, str(unknown)[:64], "request_id, row and actual", "another member")
    request_id, row = item.get("request_id"), item.get("row", 0)
    if type(request_id) is not str or not _REQUEST_ID.fullmatch(request_id):
        return FieldError(index, "request_id", "the X-Request-Id of an answer", kind_of(request_id))
    # JSON knows no integers: 3.0 is 3
    whole = type(row) is int or (type(row) is float and row.is_integer())
    if not whole or not 0 <= row <= _MOST_ROW:
        return FieldError(index, "row", "integer of at least 0", kind_of(row))
    actual: Any = item.get("actual")
    if type(actual) is str and _LABEL.fullmatch(actual):
        return None
    if type(actual) in (int, float) and math.isfinite(actual) and abs(actual) <= FLOAT32_MAX:
        return None
    return FieldError(index, "actual", "finite number or label", kind_of(actual))


def _actual(item: dict[str, Any]) -> float | str:
    actual = item["actual"]
    return actual if isinstance(actual, str) else float(actual)


class Feedback:
    """Stores truths."""

    def __init__(self, database: Database, metrics: FeedbackMetrics) -> None:
        self._database = database
        self._metrics = metrics

    def store(self, given: Sequence[Truth]) -> list[Stored]:
        """What became of each truth; the first about a row stays.

        Raises `InvalidInput` where one cannot be true of the model that answered, nothing stored,
        and `Unavailable` while the database is away.
        """
        receipt = uuid.uuid4().hex
        fresh = {"received_us": time.time_ns() // 1000, "receipt": receipt, "state": "waiting"}
        # in one order everywhere: two callers with the same rows must not wait for each other
        first = {truth.key: truth for truth in reversed(given)}
        rows = [first[key].columns | fresh for key in sorted(first)]
        with explained(), self._database.begin() as connection:
            found = _predictions(connection, {truth.request_id for truth in given})
            self._check(connection, given, found)
            self._database.insert_missing(connection, truths, rows)
            kept = _kept(connection, {truth.request_id for truth in given})
        stored = [_judge(truth, *kept[truth.key], receipt, first) for truth in given]
        for one in stored:
            self._metrics.count(one.outcome, *found.get(one.truth.key, ("", "")))
        return stored

    def _check(
        self, connection: Connection, given: Sequence[Truth], found: dict[Key, tuple[str, str]]
    ) -> None:
        versions = allowed_truths(connection, set(found.values()))
        wrong = []
        for index, truth in enumerate(given):
            allowed = versions.get(found.get(truth.key, ("", "")))
            if allowed is not None and not allowed.takes(truth.actual):
                got = "label" if isinstance(truth.actual, str) else "number"
                wrong.append(FieldError(index, "actual", allowed.phrase, got))
        if wrong:
            raise InvalidInput(
                "A truth does not fit the model that answered.", tuple(wrong[:MOST_ERRORS])
            )


@dataclass(frozen=True, slots=True)
class Allowed:
    """What may be true of the answers of one version."""

    kind: str
    labels: tuple[str, ...]

    def takes(self, actual: float | str) -> bool:
        """True where `actual` is of the kind, and a label one of the model's."""
        if isinstance(actual, str):
            return self.kind == "label" and actual in self.labels
        return self.kind == "number"

    @property
    def phrase(self) -> str:
        """What it takes, for people."""
        if self.kind == "label":
            return "one of " + ", ".join(self.labels[:10]) + ("…" if self.labels[10:] else "")
        return "number" if self.kind == "number" else "nothing: this model's answers have no truth"


def allowed_truths(
    connection: Connection, versions: set[tuple[str, str]]
) -> dict[tuple[str, str], Allowed]:
    """What may be true, by model and version."""
    if not versions:
        return {}
    models = {model for model, _ in versions}
    rows = connection.execute(select(served_versions).where(served_versions.c.model.in_(models)))
    return {
        (row.model, row.version): Allowed(row.kind, tuple(orjson.loads(row.labels))) for row in rows
    }


def _judge(
    truth: Truth, receipt: str, kept: float | str, mine: str, first: dict[Key, Truth]
) -> Stored:
    if truth.actual != kept:
        return Stored(truth, "conflict")
    stored = receipt == mine and first[truth.key] is truth
    return Stored(truth, "stored" if stored else "duplicate")


def _predictions(connection: Connection, ids: set[str]) -> dict[Key, tuple[str, str]]:
    """Model and version of the first prediction of each row."""
    table = predictions.c
    found: dict[Key, tuple[str, str]] = {}
    for some in _parts(ids):
        rows = connection.execute(
            select(table.request_id, table.row, table.model, table.version)
            .where(table.request_id.in_(some))
            .order_by(table.answered_us)
        )
        for row in rows:
            found.setdefault((row.request_id, row.row), (row.model, row.version))
    return found


def _kept(connection: Connection, ids: set[str]) -> dict[Key, tuple[str, float | str]]:
    """The receipt and the truth that stay, by row."""
    table = truths.c
    found: dict[Key, tuple[str, float | str]] = {}
    for some in _parts(ids):
        rows = connection.execute(
            select(table.request_id, table.row, table.receipt, table.value, table.label).where(
                table.request_id.in_(some)
            )
        )
        for row in rows:
            actual = row.label if row.value is None else row.value
            found[row.request_id, row.row] = row.receipt, actual
    return found


def _parts(ids: set[str]) -> list[list[str]]:
    ordered = sorted(ids)
    return [ordered[at : at + _IDS_AT_ONCE] for at in range(0, len(ordered), _IDS_AT_ONCE)]
