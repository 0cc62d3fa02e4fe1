"""Predictions, the versions that made them, truths, and the shares of the sample."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Makes the four tables."""
    op.create_table(
        "served_versions",
        sa.Column("model", sa.String(63), primary_key=True),
        sa.Column("version", sa.String(64), primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("labels", sa.Text, nullable=False),
    )
    op.create_table(
        "predictions",
        sa.Column("request_id", sa.String(128), primary_key=True),
        sa.Column("row", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("answered_us", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("model", sa.String(63), nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("inputs", sa.Text),
        sa.Column("outputs", sa.Text, nullable=False),
        sa.Column("value", sa.Double),
        sa.Column("label", sa.Text),
        sa.Column("lower", sa.Double),
        sa.Column("upper", sa.Double),
    )
    op.create_index("predictions_by_time", "predictions", ["answered_us"])
    op.create_index("predictions_by_model", "predictions", ["model", "answered_us"])
    op.create_table(
        "truths",
        sa.Column("request_id", sa.String(128), primary_key=True),
        sa.Column("row", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("value", sa.Double),
        sa.Column("label", sa.Text),
        sa.Column("received_us", sa.BigInteger, nullable=False),
        sa.Column("receipt", sa.String(32), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("answered_us", sa.BigInteger),
    )
    op.create_index("truths_by_state", "truths", ["state", "received_us"])
    op.create_index("truths_by_time", "truths", ["received_us"])
    op.create_table(
        "sample_shares",
        sa.Column("hour", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("halvings", sa.Integer, primary_key=True, autoincrement=False),
    )


def downgrade() -> None:
    """Drops the four tables."""
    for table in ("sample_shares", "truths", "predictions", "served_versions"):
        op.drop_table(table)
