"""What a run on photos is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vigie.batch.listing import Listing


@dataclass(frozen=True, slots=True)
class Order:
    """Which photos, where to, and what must be the same to go on.

    `facts` are names with values in plain JSON; the names are shown to people.
    """

    listing: Listing
    output: Path
    facts: Mapping[str, Any]
    workers: int = 1
    restart: bool = False
    watch: bool = False

    @property
    def journal(self) -> Path:
        """The file that stands beside the output until it is done."""
        return self.output.with_name(f"{self.output.name}.journal")

    @property
    def table(self) -> Path:
        """The file that grows: the output, or what Parquet is made of at the end."""
        beside = self.output.with_name(f"{self.output.name}.csv")
        return beside if self.is_parquet else self.output

    @property
    def is_parquet(self) -> bool:
        """True where the output is Parquet, by its name."""
        return self.output.suffix.lower() == ".parquet"
