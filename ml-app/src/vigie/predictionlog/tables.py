"""The tables of the prediction log; `migrations` makes them. Times are microseconds since 1970."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, Index, Integer, MetaData, String, Table, Text

REVISION = "0001"
"""The step of `migrations` that this code works with."""

metadata = MetaData()

served_versions = Table(
    "served_versions",
    metadata,
    Column("model", String(63), primary_key=True),
    Column("version", String(64), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("labels", Text, nullable=False),
)
"""What a truth about a version may be: `number`, `label` (one of the JSON list), or `none`."""

predictions = Table(
    "predictions",
    metadata,
    Column("request_id", String(128), primary_key=True),
    Column("row", Integer, primary_key=True, autoincrement=False),
    Column("answered_us", BigInteger, primary_key=True, autoincrement=False),
    Column("model", String(63), nullable=False),
    Column("version", String(64), nullable=False),
    Column("inputs", Text),
    Column("outputs", Text, nullable=False),
    Column("value", Double),
    Column("label", Text),
    Column("lower", Double),
    Column("upper", Double),
    Index("predictions_by_time", "answered_us"),
    Index("predictions_by_model", "model", "answered_us"),
)
"""One row per answered row. `inputs` and `outputs` are JSON objects; `inputs` may be left out."""

truths = Table(
    "truths",
    metadata,
    Column("request_id", String(128), primary_key=True),
    Column("row", Integer, primary_key=True, autoincrement=False),
    Column("value", Double),
    Column("label", Text),
    Column("received_us", BigInteger, nullable=False),
    Column("receipt", String(32), nullable=False),
    Column("state", String(16), nullable=False),
    Column("answered_us", BigInteger),
    Index("truths_by_state", "state", "received_us"),
    Index("truths_by_time", "received_us"),
)
"""What turned out to be true; once joined, `answered_us` completes the key of its prediction."""

sample_shares = Table(
    "sample_shares",
    metadata,
    Column("hour", BigInteger, primary_key=True, autoincrement=False),
    Column("halvings", Integer, primary_key=True, autoincrement=False),
)
"""The shares below 1 that were in force in an hour since 1970: 1/2, 1/4 and so on by `halvings`."""
