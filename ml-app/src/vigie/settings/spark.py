"""The settings of Apache Spark."""

from __future__ import annotations

from pydantic import Field

from vigie.settings.group import Group


class SparkSettings(Group):
    """Where `vigie spark` runs. What Spark itself is told is `--conf`, or a file of Spark's own."""

    spark_master: str | None = Field(
        default=None,
        description="Master of `vigie spark` where `--master` names none: `local[2]`, "
        "`spark://host:7077`, `k8s://…`, `yarn`; without it this machine, on all cores.",
    )
