"""A series as a snapshot has it, in JSON: what never changes is written once.

With many models most series are as they were a second ago. prometheus_client makes every sample of
every series anew, with its labels: a tenth of a core for a hundred models of which none is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, runtime_checkable

import orjson
from prometheus_client.core import Metric

Name = tuple[str, dict[str, str]]
"""The name and the labels of a sample."""


class SeriesText:
    """The samples that always come together: a histogram's buckets, the bins of an input."""

    def __init__(self, names: Iterable[Name]) -> None:
        self._heads = [orjson.dumps(name)[:-1] for name in names]

    def of(self, values: Sequence[float]) -> bytes:
        """These samples with their values, `[name, labels, value]` by comma; one value each."""
        numbers = orjson.dumps(values)[1:-1].split(b",")
        return b",".join([b"%b,%b]" % one for one in zip(self._heads, numbers, strict=True)])


@runtime_checkable
class TextCollector(Protocol):
    """A collector of prometheus_client that can also give its series as text."""

    def texts(self) -> Iterable[tuple[Metric, list[bytes]]]:
        """Its metrics without samples, and the texts of the series of each."""
        ...
